/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The least that a program does to play through PulseAudio: a write callback that copies what is asked for. */

#include "../guest.h"
#include <pulse/pulseaudio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *samples;
static long period = 480;

static void on_write(pa_stream *stream, size_t bytes, void *data)
{
  (void)data;
  while (bytes > 0) {
    void *memory;
    size_t part = bytes < 4 * 8192 ? bytes : 4 * 8192;
    if (pa_stream_begin_write(stream, &memory, &part) < 0) exit(1);
    if (part > bytes) part = bytes;
    memcpy(memory, samples, part);
    pa_stream_write(stream, memory, part, NULL, 0, PA_SEEK_RELATIVE);
    bytes -= part;
  }
  guest_wake();
}

static void on_state(pa_context *context, void *data)
{
  pa_sample_spec spec = { PA_SAMPLE_S16LE, 48000, 2 };
  pa_buffer_attr attributes = { (uint32_t)-1, (uint32_t)(3 * period * 4), 0, (uint32_t)(period * 4), (uint32_t)-1 };
  (void)data;
  if (pa_context_get_state(context) == PA_CONTEXT_FAILED) exit(1);
  if (pa_context_get_state(context) != PA_CONTEXT_READY) return;
  pa_stream *stream = pa_stream_new(context, "floor", &spec, NULL);
  pa_stream_set_write_callback(stream, on_write, NULL);
  pa_stream_connect_playback(stream, NULL, &attributes,
                             PA_STREAM_ADJUST_LATENCY | PA_STREAM_INTERPOLATE_TIMING | PA_STREAM_AUTO_TIMING_UPDATE,
                             NULL, NULL);
}

int main(int count, char **words)
{
  guest_start(count);
  if (count > 1) period = atol(words[1]);
  samples = malloc(4 * 8192);
  memset(samples, 1, 4 * 8192);
  pa_threaded_mainloop *loop = pa_threaded_mainloop_new();
  pa_context *context = pa_context_new(pa_threaded_mainloop_get_api(loop), "floor");
  pa_context_set_state_callback(context, on_state, NULL);
  pa_context_connect(context, NULL, PA_CONTEXT_NOAUTOSPAWN, NULL);
  pa_threaded_mainloop_start(loop);
  for (;;) pause();
}
