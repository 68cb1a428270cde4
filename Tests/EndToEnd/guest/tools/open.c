/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */

/* Opening a PCM with exact parameters, mending it, and the figures of a run. */

#include "pcm.h"

#include <time.h>

double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

void sleep_ms(long ms) {
  struct timespec t = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&t, NULL);
}

int failed(const char *step, int code) {
  printf("error=%s: %s\n", step, snd_strerror(code));
  return code < 0 ? code : -1;
}

int open_pcm(struct run *run, const struct options *options, snd_pcm_stream_t stream) {
  snd_pcm_hw_params_t *hw;
  snd_pcm_sw_params_t *sw;
  snd_pcm_hw_params_alloca(&hw);
  snd_pcm_sw_params_alloca(&sw);

  int code = snd_pcm_open(&run->pcm, options->device, stream, 0);
  if (code < 0) return failed("open", code);

  snd_pcm_t *pcm = run->pcm;
  run->period = options->period;
  run->buffer = options->buffer;
  const char *step = "access";
  snd_pcm_hw_params_any(pcm, hw);
  snd_pcm_hw_params_set_rate_resample(pcm, hw, 0);
  code = snd_pcm_hw_params_set_access(pcm, hw, SND_PCM_ACCESS_RW_INTERLEAVED);
  if (code >= 0) step = "format", code = snd_pcm_hw_params_set_format(pcm, hw, run->format);
  if (code >= 0) step = "channels", code = snd_pcm_hw_params_set_channels(pcm, hw, run->channels);
  if (code >= 0) step = "rate", code = snd_pcm_hw_params_set_rate(pcm, hw, run->rate, 0);
  if (code >= 0 && run->period)
    step = "period", code = snd_pcm_hw_params_set_period_size(pcm, hw, run->period, 0);
  if (code >= 0 && run->buffer)
    step = "buffer", code = snd_pcm_hw_params_set_buffer_size(pcm, hw, run->buffer);
  if (code >= 0) step = "hw_params", code = snd_pcm_hw_params(pcm, hw);
  if (code < 0) return failed(step, code);

  snd_pcm_get_params(pcm, &run->buffer, &run->period);
  snd_pcm_hw_params_get_period_size(hw, &run->period, NULL);
  run->frame_bytes = run->channels * snd_pcm_format_physical_width(run->format) / 8;

  snd_pcm_sw_params_current(pcm, sw);
  snd_pcm_sw_params_set_avail_min(pcm, sw, run->period);
  if (stream == SND_PCM_STREAM_PLAYBACK)
    snd_pcm_sw_params_set_start_threshold(pcm, sw, options->start ? options->start : run->buffer);
  code = snd_pcm_sw_params(pcm, sw);
  return code < 0 ? failed("sw_params", code) : 0;
}

int mend(struct run *run, int code) {
  if (code == -EPIPE) run->xruns++;
  if (code == -ESTRPIPE) run->suspends++;
  if (code == -EIO) {
    run->stalls++;
    snd_pcm_drop(run->pcm);
    return snd_pcm_prepare(run->pcm);
  }
  return snd_pcm_recover(run->pcm, code, 1);
}

void note_delay(struct run *run) {
  snd_pcm_sframes_t delay;
  if (snd_pcm_delay(run->pcm, &delay) < 0) return;
  if (delay < run->delay_min) run->delay_min = delay;
  if (delay > run->delay_max) run->delay_max = delay;
}

void print_run(const struct run *run, const char *what) {
  printf("%s format=%s rate=%u channels=%u period=%lu buffer=%lu frames=%ld xruns=%ld stalls=%ld suspends=%ld"
         " delay_min=%ld delay_max=%ld seconds=%.4f\n",
         what, snd_pcm_format_name(run->format), run->rate, run->channels, run->period, run->buffer,
         run->frames, run->xruns, run->stalls, run->suspends, run->delay_min, run->delay_max,
         run->ended - run->started);
  fflush(stdout);
}
