/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The least that a program does to play through PipeWire: a real-time callback that copies what is asked for. */

#include "../guest.h"
#include "shim.h"
#include <stdlib.h>
#include <string.h>

static struct pw_stream *stream;
static char *samples;

static void process(void *data)
{
  struct pw_buffer *buffer = pw_stream_dequeue_buffer(stream);
  (void)data;
  if (!buffer) return;
  struct spa_data *block = &buffer->buffer->datas[0];
  uint32_t most = block->maxsize / 4;
  uint32_t frames = buffer->requested && buffer->requested < most ? (uint32_t)buffer->requested : most;
  if (frames > 8192) frames = 8192;
  memcpy(block->data, samples, frames * 4);
  block->chunk->offset = 0;
  block->chunk->stride = 4;
  block->chunk->size = frames * 4;
  pw_stream_queue_buffer(stream, buffer);
  guest_wake();
}

int main(int count, char **words)
{
  static const struct pw_stream_events events = { PW_VERSION_STREAM_EVENTS, .process = process };
  static const uint32_t positions[] = { SPA_AUDIO_CHANNEL_FL, SPA_AUDIO_CHANNEL_FR };
  uint8_t memory[1024];
  guest_start(count);
  pw_init(NULL, NULL);
  samples = calloc(8192, 4);
  memset(samples, 1, 8192 * 4);
  struct pw_main_loop *loop = pw_main_loop_new(NULL);
  struct pw_properties *properties = pw_properties_new(PW_KEY_MEDIA_TYPE, "Audio", PW_KEY_MEDIA_CATEGORY, "Playback", NULL);
  pw_properties_setf(properties, PW_KEY_NODE_LATENCY, "%s/48000", count > 1 ? words[1] : "480");
  stream = pw_stream_new_simple(pw_main_loop_get_loop(loop), "floor", properties, &events, NULL);
  const struct spa_pod *format =
      vsnd_pw_format(memory, sizeof(memory), SPA_AUDIO_FORMAT_S16_LE, 48000, 2, positions);
  pw_stream_connect(stream, PW_DIRECTION_OUTPUT, PW_ID_ANY,
                    PW_STREAM_FLAG_AUTOCONNECT | PW_STREAM_FLAG_MAP_BUFFERS | PW_STREAM_FLAG_RT_PROCESS, &format, 1);
  pw_main_loop_run(loop);
}
