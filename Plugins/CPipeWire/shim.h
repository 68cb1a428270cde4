/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* libpipewire for Embedded Swift: its macros and variadic functions as plain ones. Works with 0.3.50 and later. */
#ifndef VSND_CPIPEWIRE_SHIM_H
#define VSND_CPIPEWIRE_SHIM_H

#include <errno.h>
#include <pipewire/extensions/metadata.h>
#include <pipewire/pipewire.h>
#include <spa/param/audio/format-utils.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* What an audio context calls: the library's own calls for process callbacks, and the timer's. */
#define VSND_PROMISE __attribute__((swift_attr("@_noAllocation"), swift_attr("@_noLocks")))

VSND_PROMISE struct pw_buffer *pw_stream_dequeue_buffer(struct pw_stream *stream);
VSND_PROMISE int pw_stream_queue_buffer(struct pw_stream *stream, struct pw_buffer *buffer);
VSND_PROMISE int pw_stream_get_time_n(struct pw_stream *stream, struct pw_time *time, size_t size);

/* Lets a timerfd tick every `interval` nanoseconds; 0 stops it. */
VSND_PROMISE static inline void vsnd_pw_timer_set(int fd, uint64_t interval)
{
  struct timespec step = { (time_t)(interval / 1000000000u), (long)(interval % 1000000000u) };
  struct itimerspec spec = { step, step };
  timerfd_settime(fd, 0, &spec, NULL);
}

VSND_PROMISE static inline void vsnd_pw_timer_clear(int fd)
{
  uint64_t count;
  if (read(fd, &count, sizeof(count)) < 0) return;
}

static inline int vsnd_pw_timer_new(void) { return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK); }

static inline struct pw_properties *vsnd_pw_properties(void) { return pw_properties_new(NULL, NULL); }

/* The one format that a stream offers, built in `buffer`. */
static inline const struct spa_pod *vsnd_pw_format(void *buffer, uint32_t size, uint32_t format, uint32_t rate,
                                                   uint32_t channels, const uint32_t *positions)
{
  struct spa_pod_builder builder = SPA_POD_BUILDER_INIT(buffer, size);
  struct spa_audio_info_raw info = { .format = (enum spa_audio_format)format, .rate = rate, .channels = channels };
  memcpy(info.position, positions, channels * sizeof(*positions));
  return spa_format_audio_raw_build(&builder, SPA_PARAM_EnumFormat, &info);
}

static inline int vsnd_pw_stream_connect(struct pw_stream *stream, int is_capture, const struct spa_pod *format)
{
  const struct spa_pod *params[] = { format };
  enum pw_stream_flags flags = (enum pw_stream_flags)(PW_STREAM_FLAG_AUTOCONNECT | PW_STREAM_FLAG_INACTIVE |
                                                      PW_STREAM_FLAG_MAP_BUFFERS | PW_STREAM_FLAG_RT_PROCESS);
  return pw_stream_connect(stream, is_capture ? PW_DIRECTION_INPUT : PW_DIRECTION_OUTPUT, PW_ID_ANY, flags, params, 1);
}

/* ---- loops ---- */

static inline struct spa_source *vsnd_pw_add_timer(struct pw_loop *loop, spa_source_timer_func_t func, void *data)
{
  return pw_loop_add_timer(loop, func, data);
}

/* Lets a timer of a loop fire once, after so many nanoseconds but at least one. */
static inline void vsnd_pw_timer_after(struct pw_loop *loop, struct spa_source *timer, uint64_t delay)
{
  if (!delay) delay = 1;
  struct timespec value = { (time_t)(delay / 1000000000u), (long)(delay % 1000000000u) };
  pw_loop_update_timer(loop, timer, &value, NULL, false);
}

static inline void vsnd_pw_destroy_source(struct pw_loop *loop, struct spa_source *source)
{
  pw_loop_destroy_source(loop, source);
}

static inline int vsnd_pw_do_add(struct spa_loop *loop, bool async, uint32_t seq, const void *data, size_t size,
                                 void *source)
{
  (void)async, (void)seq, (void)data, (void)size;
  return spa_loop_add_source(loop, (struct spa_source *)source);
}

static inline int vsnd_pw_do_remove(struct spa_loop *loop, bool async, uint32_t seq, const void *data, size_t size,
                                    void *source)
{
  (void)async, (void)seq, (void)data, (void)size;
  return spa_loop_remove_source(loop, (struct spa_source *)source);
}

/* Lets the data loop of a context, on its own thread, call source->func when source->fd is readable. */
static inline int vsnd_pw_data_loop_add(struct pw_context *context, struct spa_source *source)
{
  struct pw_data_loop *loop = pw_context_get_data_loop(context);
  source->mask = SPA_IO_IN;
  return pw_data_loop_invoke(loop, vsnd_pw_do_add, 0, NULL, 0, true, source);
}

static inline void vsnd_pw_data_loop_remove(struct pw_context *context, struct spa_source *source)
{
  struct pw_data_loop *loop = pw_context_get_data_loop(context);
  pw_data_loop_invoke(loop, vsnd_pw_do_remove, 0, NULL, 0, true, source);
}

static inline int vsnd_pw_do_set(struct spa_loop *loop, bool async, uint32_t seq, const void *data, size_t size,
                                 void *target)
{
  (void)loop, (void)async, (void)seq, (void)size;
  *(struct spa_io_position **)target = *(struct spa_io_position *const *)data;
  return 0;
}

/* Stores where the graph's position is, or NULL, between two cycles: the data loop alone reads it. */
static inline void vsnd_pw_data_loop_set(struct pw_context *context, struct spa_io_position **target,
                                         struct spa_io_position *position)
{
  struct pw_data_loop *loop = pw_context_get_data_loop(context);
  pw_data_loop_invoke(loop, vsnd_pw_do_set, 0, &position, sizeof(position), true, target);
}

/* ---- objects of the server ---- */

static inline void vsnd_pw_core_listen(struct pw_core *core, struct spa_hook *hook, const struct pw_core_events *events,
                                       void *data)
{
  pw_core_add_listener(core, hook, events, data);
}

static inline struct pw_registry *vsnd_pw_registry(struct pw_core *core)
{
  return pw_core_get_registry(core, PW_VERSION_REGISTRY, 0);
}

static inline int vsnd_pw_core_sync(struct pw_core *core) { return pw_core_sync(core, PW_ID_CORE, 0); }

static inline void vsnd_pw_registry_listen(struct pw_registry *registry, struct spa_hook *hook,
                                           const struct pw_registry_events *events, void *data)
{
  pw_registry_add_listener(registry, hook, events, data);
}

static inline struct pw_proxy *vsnd_pw_bind_metadata(struct pw_registry *registry, uint32_t id)
{
  return (struct pw_proxy *)pw_registry_bind(registry, id, PW_TYPE_INTERFACE_Metadata, PW_VERSION_METADATA, 0);
}

static inline void vsnd_pw_metadata_listen(struct pw_proxy *metadata, struct spa_hook *hook,
                                           const struct pw_metadata_events *events, void *data)
{
  pw_metadata_add_listener((struct pw_metadata *)metadata, hook, events, data);
}

static inline void vsnd_pw_unhook(struct spa_hook *hook) { spa_hook_remove(hook); }

#endif
