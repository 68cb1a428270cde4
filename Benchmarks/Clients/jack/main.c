/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The least that a client of a JACK graph does to play 16-bit stereo: converts one cycle into two ports.
 *
 * client-jack: cycles have the graph's length, so the daemon's guest should have periods of as many frames. */

#include "../guest.h"
#include <jack/jack.h>

static jack_port_t *ports[2];
static int16_t samples[2 * 8192];

static int process(jack_nframes_t frames, void *data)
{
  (void)data;
  const volatile int16_t *from = samples; /* as if somebody else wrote it */
  float *left = jack_port_get_buffer(ports[0], frames), *right = jack_port_get_buffer(ports[1], frames);
  for (jack_nframes_t at = 0; at < frames && at < 8192; at++) {
    left[at] = (float)from[2 * at] * 0x1p-15f;
    right[at] = (float)from[2 * at + 1] * 0x1p-15f;
  }
  guest_wake();
  return 0;
}

int main(int count, char **words)
{
  (void)words;
  guest_start(count);
  jack_client_t *client = jack_client_open("client-jack", JackNoStartServer, NULL);
  if (!client) return 1;
  ports[0] = jack_port_register(client, "left", JACK_DEFAULT_AUDIO_TYPE, JackPortIsOutput, 0);
  ports[1] = jack_port_register(client, "right", JACK_DEFAULT_AUDIO_TYPE, JackPortIsOutput, 0);
  if (!ports[0] || !ports[1] || jack_set_process_callback(client, process, NULL) || jack_activate(client)) return 1;
  jack_connect(client, jack_port_name(ports[0]), "system:playback_1");
  jack_connect(client, jack_port_name(ports[1]), "system:playback_2");
  for (;;) pause();
}
