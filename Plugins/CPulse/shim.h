/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* libpulse for Embedded Swift: the calls of its main loop's table as functions. */
#ifndef VSND_CPULSE_SHIM_H
#define VSND_CPULSE_SHIM_H

#include <pulse/pulseaudio.h>
#include <sys/time.h>

/* What an audio context calls: the library's own calls for write and read callbacks, which run on the thread of the
 * main loop, under its lock. */
#define VSND_PROMISE __attribute__((swift_attr("@_noAllocation"), swift_attr("@_noLocks")))

VSND_PROMISE size_t pa_stream_writable_size(const pa_stream *stream);
VSND_PROMISE size_t pa_stream_readable_size(const pa_stream *stream);
VSND_PROMISE int pa_stream_begin_write(pa_stream *stream, void **data, size_t *bytes);
VSND_PROMISE int pa_stream_cancel_write(pa_stream *stream);
VSND_PROMISE int pa_stream_write(pa_stream *stream, const void *data, size_t bytes, pa_free_cb_t release,
                                 int64_t offset, pa_seek_mode_t seek);
VSND_PROMISE int pa_stream_peek(pa_stream *stream, const void **data, size_t *bytes);
VSND_PROMISE int pa_stream_drop(pa_stream *stream);
VSND_PROMISE int pa_stream_get_latency(pa_stream *stream, pa_usec_t *latency, int *negative);

VSND_PROMISE static inline void vsnd_pulse_until(struct timeval *when, uint64_t microseconds)
{
  gettimeofday(when, NULL);
  microseconds += (uint64_t)when->tv_usec;
  when->tv_sec += (time_t)(microseconds / 1000000u);
  when->tv_usec = (suseconds_t)(microseconds % 1000000u);
}

/* A timer that fires once, so many microseconds from now; for the thread of the main loop, or under its lock. */
static inline pa_time_event *vsnd_pulse_timer(pa_mainloop_api *api, uint64_t microseconds, pa_time_event_cb_t func,
                                              void *data)
{
  struct timeval when;
  vsnd_pulse_until(&when, microseconds);
  return api->time_new(api, &when, func, data);
}

/* Lets it fire again. */
VSND_PROMISE static inline void vsnd_pulse_timer_again(pa_mainloop_api *api, pa_time_event *timer,
                                                       uint64_t microseconds)
{
  struct timeval when;
  vsnd_pulse_until(&when, microseconds);
  api->time_restart(timer, &when);
}

static inline void vsnd_pulse_timer_free(pa_mainloop_api *api, pa_time_event *timer) { api->time_free(timer); }

#endif
