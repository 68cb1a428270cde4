/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */

/* What the parts of pcm share: the options, an opened PCM and the figures of one run. */

#pragma once

#include <alsa/asoundlib.h>
#include <limits.h>
#include <stdbool.h>

/* At AT frames, wait for MS milliseconds: --pause with the PCM paused, --gap by starving it. */
struct stop {
  long at, ms;
  bool pause;
};

struct options {
  const char *device, *file;
  char *formats, *rates, *channels;
  snd_pcm_uframes_t period, buffer, start;
  long frames; /* 0: as many as the file has */
  bool no_drain;
  struct stop stops[16];
  int stop_count;
};

struct run {
  snd_pcm_t *pcm;
  snd_pcm_format_t format;
  unsigned rate, channels;
  snd_pcm_uframes_t period, buffer;
  size_t frame_bytes;
  long frames, xruns, stalls, suspends;
  long delay_min, delay_max;
  double started, ended; /* seconds, guest's clock */
};

double now(void);
void sleep_ms(long ms);

/* Prints "error=…" with the step and the cause. */
int failed(const char *step, int code);

/* Opens the device with exactly what was asked for; 0 or a negative code. */
int open_pcm(struct run *run, const struct options *options, snd_pcm_stream_t stream);

/* Counts and mends an xrun, a stall or a suspend; any other code comes back.
 *
 * A stall is the kernel's EIO. When a busy machine keeps the guest from its interrupts until exactly
 * one buffer has been completed, the driver's position, taken modulo the buffer, looks as before. */
int mend(struct run *run, int code);

void note_delay(struct run *run);
void print_run(const struct run *run, const char *what);

int play(struct run *run, const struct options *options, FILE *file);
int record(struct run *run, const struct options *options, FILE *file);
int parameters(const struct options *options, snd_pcm_stream_t stream);
