/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */

/* Playing a raw file, with pauses and gaps at given frames. */

#include "pcm.h"

static int stop_for(struct run *run, const struct stop *stop) {
  if (!stop->pause) {
    sleep_ms(stop->ms);
    return 0;
  }
  /* Too little may have been written to start by itself, and only a running PCM can pause. */
  if (snd_pcm_state(run->pcm) == SND_PCM_STATE_PREPARED) snd_pcm_start(run->pcm);
  int code = snd_pcm_pause(run->pcm, 1);
  if (code == -EBADFD) return mend(run, -EPIPE); /* ran dry just before */
  if (code < 0) return failed("pause", code);
  sleep_ms(stop->ms);
  code = snd_pcm_pause(run->pcm, 0);
  return code < 0 ? failed("resume", code) : 0;
}

/* Writes all of it, mending what a slow guest breaks. */
static int write_all(struct run *run, const char *bytes, snd_pcm_uframes_t count) {
  while (count) {
    snd_pcm_sframes_t n = snd_pcm_writei(run->pcm, bytes, count);
    if (n < 0) {
      n = mend(run, n);
      if (n < 0) return failed("write", n);
      continue;
    }
    if (run->started == 0 && snd_pcm_state(run->pcm) == SND_PCM_STATE_RUNNING) run->started = now();
    bytes += n * run->frame_bytes;
    count -= n;
    run->frames += n;
    note_delay(run);
  }
  return 0;
}

int play(struct run *run, const struct options *options, FILE *file) {
  char *bytes = malloc(run->period * run->frame_bytes);
  int code = 0, next = 0;
  long left = options->frames ? options->frames : LONG_MAX;

  while (code == 0 && left > 0) {
    snd_pcm_uframes_t want = left < (long)run->period ? (snd_pcm_uframes_t)left : run->period;
    const struct stop *stop = next < options->stop_count ? &options->stops[next] : NULL;
    if (stop && run->frames + (long)want > stop->at) want = stop->at - run->frames;
    if (want == 0) {
      code = stop_for(run, stop);
      next++;
      continue;
    }
    size_t got = fread(bytes, run->frame_bytes, want, file);
    code = write_all(run, bytes, got);
    left -= got;
    if (got < want) left = 0;
  }

  /* The Linux driver hands over whole periods only, so the last one is filled up with silence. */
  snd_pcm_uframes_t odd = run->frames % run->period;
  if (code == 0 && odd && !options->no_drain) {
    long frames = run->frames;
    snd_pcm_format_set_silence(run->format, bytes, (run->period - odd) * run->channels);
    code = write_all(run, bytes, run->period - odd);
    run->frames = frames;
  }
  if (code == 0 && run->started == 0) {
    code = snd_pcm_start(run->pcm);
    if (code < 0) failed("start", code);
    run->started = now();
  }
  if (code == 0 && !options->no_drain) {
    code = snd_pcm_drain(run->pcm);
    if (code == -EPIPE) run->xruns++, code = 0;
    if (code == -EIO) run->stalls++, code = 0;
    if (code < 0) failed("drain", code);
  }
  run->ended = now();
  free(bytes);
  return code;
}
