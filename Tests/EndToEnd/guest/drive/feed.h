/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The daemon's side of a stream, without a daemon: lends bytes of memory and counts what comes back. */
#ifndef FEED_H
#define FEED_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <vsnd/plugin.h>

struct vsnd_feed {
  uint8_t *data;
  size_t frame_bytes;
  size_t frames;                 /* that there are, or that there is room for */
  atomic_size_t done;            /* frames committed */
  atomic_uint xruns;
  atomic_int failure;            /* the code of failed(), 0 for none */
  atomic_uint violations;        /* of the rules of loans */
  atomic_llong delay_min, delay_max;
  size_t lent;
};

/* What backends get as the daemon; keeps the sentence of the last failure. */
extern const vsnd_host_t feed_host;
extern char feed_error[300];

void feed_init(vsnd_feed_t *feed, uint8_t *data, size_t frames, size_t frame_bytes);

#endif
