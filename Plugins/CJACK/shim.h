/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* libjack for Embedded Swift: its variadic function as a plain one. */
#ifndef VSND_CJACK_SHIM_H
#define VSND_CJACK_SHIM_H

#include <jack/jack.h>
#include <jack/statistics.h>

/* What a process callback calls. */
#define VSND_PROMISE __attribute__((swift_attr("@_noAllocation"), swift_attr("@_noLocks")))

VSND_PROMISE void *jack_port_get_buffer(jack_port_t *port, jack_nframes_t frames);

/* jack_client_open(); `server` is NULL for the one that the environment names. */
static inline jack_client_t *vsnd_jack_open(const char *name, int starts, const char *server, unsigned *status)
{
  int options = starts ? JackNullOption : JackNoStartServer;
  jack_status_t told = (jack_status_t)0;
  jack_client_t *client = server
                            ? jack_client_open(name, (jack_options_t)(options | JackServerName), &told, server)
                            : jack_client_open(name, (jack_options_t)options, &told);
  *status = (unsigned)told;
  return client;
}

static inline void vsnd_jack_silent(const char *text) { (void)text; }

/* Both write to the standard output and error by themselves, from any thread. */
static inline void vsnd_jack_hush(void)
{
  jack_set_error_function(vsnd_jack_silent);
  jack_set_info_function(vsnd_jack_silent);
}

#endif
