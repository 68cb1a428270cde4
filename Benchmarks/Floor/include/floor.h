/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What moving a period costs at the least: plain C that believes everything a guest says. */
#ifndef VSND_FLOOR_H
#define VSND_FLOOR_H

#include <stdint.h>

typedef struct floor_ring {
  uint8_t *_Nonnull memory; /* where guest address `origin` is mapped */
  uint64_t origin;
  uint64_t descriptors, avail, used; /* guest addresses */
  uint16_t size, next_avail, next_used;
} floor_ring_t;

/* Takes the next chain of the ring, copies its audio to `device`, answers and completes it. Returns the
 * bytes copied, 0 when no chain waits. */
uint32_t floor_play(floor_ring_t *_Nonnull ring, uint8_t *_Nonnull device);

#endif
