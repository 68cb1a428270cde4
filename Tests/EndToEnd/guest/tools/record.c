/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */

/* Recording into a raw file. */

#include "pcm.h"

int record(struct run *run, const struct options *options, FILE *file) {
  char *bytes = malloc(run->period * run->frame_bytes);
  int code = snd_pcm_start(run->pcm), next = 0;
  if (code < 0) return failed("start", code);
  run->started = now();

  while (run->frames < options->frames) {
    const struct stop *stop = next < options->stop_count ? &options->stops[next] : NULL;
    if (stop && run->frames >= stop->at) {
      if (stop->pause) snd_pcm_pause(run->pcm, 1);
      sleep_ms(stop->ms);
      if (stop->pause) snd_pcm_pause(run->pcm, 0);
      next++;
    }
    long want = options->frames - run->frames;
    if (want > (long)run->period) want = run->period;
    snd_pcm_sframes_t n = snd_pcm_readi(run->pcm, bytes, want);
    if (n < 0) {
      n = mend(run, n);
      if (n >= 0) n = snd_pcm_start(run->pcm);
      if (n < 0) {
        code = failed("read", n);
        break;
      }
      continue;
    }
    fwrite(bytes, run->frame_bytes, n, file);
    run->frames += n;
    note_delay(run);
  }
  run->ended = now();
  snd_pcm_drop(run->pcm);
  free(bytes);
  return code;
}
