/* SPDX-License-Identifier: MIT */
/* vsnd/plugin.h: the border between vhost-device-sound and an audio backend.
 *
 * DRAFT of version 1: it may change until the backends of this project stand on it.
 *
 * A backend is a shared library libvsnd-backend-NAME.so that exports one function, vsnd_plugin_v1().
 * The daemon hands it feeds: one for each stream of a guest. The backend borrows guest memory from a
 * feed, plays or fills it, and gives it back. The daemon alone touches the guest's virtqueues.
 *
 * The rules that hold everywhere in this file
 *
 *  R1 Layout   Every struct that can grow starts with its own size in bytes, written by whoever
 *              filled it in. New fields go to the end; nothing moves or changes its meaning.
 *              A reader uses a field only if VSND_FITS says that the writer had it.
 *  R2 Zero     A zero or NULL field means "not provided".
 *  R3 Memory   Nobody frees what the other side allocated. Strings and structs passed to a call are
 *              borrowed until it returns. The exceptions say so.
 *  R4 Threads  VSND_CONTROL: a thread of the daemon that may wait; calls for one instance come one
 *              at a time, unless the backend sets VSND_CAP_PARALLEL: then only calls for the same
 *              stream do. A guest waits for open() and start(): after about 0.8 s it is told that
 *              they failed, whatever they return later.
 *              VSND_AUDIO: the audio context of one stream, never two threads at once for that
 *              stream; no lock, allocation, log or sleep.
 *              VSND_ANY: any thread, also at the same time.
 *  R5 Barrier  When stop(), close() or destroy() returns, no thread of the backend is inside, or will
 *              again enter, a host call for that stream or instance.
 *  R6 Samples  Little-endian, interleaved, whole frames. They come from a guest, which may change them
 *              while you read: copy or play them, never let them decide anything.
 *  R7 Codes    Formats, rates and channel positions use the numbers of the virtio sound device, so
 *              nothing needs a table of translation.
 */
#ifndef VSND_PLUGIN_H
#define VSND_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#define VSND_ABI_MAJOR 1u /* in the name of the entry */
#define VSND_ABI_MINOR 0u /* for information; R1 does the work */
#define VSND_ENTRY_NAME "vsnd_plugin_v1"

#if defined(__GNUC__)
#define VSND_EXPORT __attribute__((visibility("default")))
#else
#define VSND_EXPORT
#endif

/* Nullability becomes Optional or not in Swift. What a backend hands over is always VSND_OPT: the
 * daemon must look before it leaps. */
#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wnullability-extension"
#define VSND_OPT _Nullable
#define VSND_REQ _Nonnull
#else
#define VSND_OPT
#define VSND_REQ
#endif

/* Thread tags of R4. The audio tag is real where a compiler can check it: Swift always, clang 20 and
 * later when VSND_CHECK_EFFECTS is defined. */
#define VSND_CONTROL
#define VSND_ANY
#if defined(VSND_CHECK_EFFECTS) && defined(__clang__) && __clang_major__ >= 20
#define VSND_AUDIO __attribute__((nonblocking))
#else
#define VSND_AUDIO
#endif
#if defined(__swift__)
#define VSND_AUDIO_CALL __attribute__((swift_attr("@_noAllocation"), swift_attr("@_noLocks")))
#else
#define VSND_AUDIO_CALL
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- numbers. Macros, since Swift sees these as Int32 and UInt32, and nameless enums as Int ---- */

#define VSND_CHANNELS_MAX 18u

/* Results, and what the guest is told for each of them. */
#define VSND_OK 0
#define VSND_E_INVALID (-1)     /* a rule of this header was broken        BAD_MSG  */
#define VSND_E_UNSUPPORTED (-2) /* legal, but this backend cannot          NOT_SUPP */
#define VSND_E_IO (-3)          /* the device or server failed             IO_ERR   */
#define VSND_E_BUSY (-4)        /* in use; trying again is reasonable      IO_ERR   */
#define VSND_E_GONE (-5)        /* unplugged, or the server went away      IO_ERR   */
#define VSND_E_DENIED (-6)      /* permission                              IO_ERR   */
#define VSND_E_TIMEOUT (-7)     /* took too long                           IO_ERR   */
#define VSND_E_NOMEM (-8)       /* out of memory or descriptors            IO_ERR   */

#define VSND_PLAYBACK 0u
#define VSND_CAPTURE 1u

#define VSND_LOG_ERROR 0u   /* something that a user asked for did not happen */
#define VSND_LOG_WARNING 1u /* abnormal, harmless */
#define VSND_LOG_INFO 2u    /* rare and useful in production */
#define VSND_LOG_DEBUG 3u

#define VSND_STOP_HOLD 0u    /* a pause: what was committed is kept or plays out; start() may follow */
#define VSND_STOP_DRAIN 1u   /* the end: what was committed still plays; close() follows and may wait for it */
#define VSND_STOP_DISCARD 2u /* a reset: silence at once; close() follows */

#define VSND_OPTION_STRING 0u
#define VSND_OPTION_BOOL 1u     /* true | false */
#define VSND_OPTION_UINT 2u     /* decimal */
#define VSND_OPTION_DURATION 3u /* a number with us, ms or s: 250us, 20ms, 2s */
#define VSND_OPTION_PATH 4u
#define VSND_OPTION_CHOICE 5u

#define VSND_EVENT_DEVICES 1u  /* the list of vsnd.devices/1 changed */
#define VSND_EVENT_LOST 2u     /* the server is gone; streams are reported with failed() */
#define VSND_EVENT_RESTORED 3u /* it is back: reopening is worth a try now */

/* Capabilities; 0 is the safest and the slowest. */
#define VSND_CAP_PLAYBACK 1u
#define VSND_CAP_CAPTURE 2u
#define VSND_CAP_OWN_THREAD 4u  /* its own real-time thread calls acquire() and commit(). Without it the
                                   daemon calls process(): when wake_fd is readable if there is one, else
                                   once each period by its own clock */
#define VSND_CAP_NONBLOCKING 8u /* a loan never lasts longer than a copy: no blocking call between
                                   acquire() and commit(). Without it, capture is lent memory of the
                                   daemon's and costs one more copy */
#define VSND_CAP_MULTI 16u      /* several instances in one process */
#define VSND_CAP_PARALLEL 32u   /* R4: control calls for different streams may come at the same time */

#define VSND_DELAY_UNKNOWN INT64_MIN

/* ---- handles ---- */

typedef struct vsnd_instance vsnd_instance_t; /* the backend's */
typedef struct vsnd_stream vsnd_stream_t;     /* the backend's */
typedef struct vsnd_feed vsnd_feed_t;         /* the daemon's side of one stream */
typedef struct vsnd_error vsnd_error_t;       /* the daemon's: filled through set_error() */
typedef struct vsnd_sink vsnd_sink_t;         /* the daemon's: takes items of a list */
typedef struct vsnd_host vsnd_host_t;

/* A run of whole frames in guest memory, or in memory of the daemon's: you cannot tell.
 * An element of arrays, therefore frozen for the life of version 1. */
typedef struct vsnd_span {
  void *VSND_OPT data; /* playback: read it. Capture: fill it. Never NULL in a loan */
  uint32_t frames;
  uint32_t reserved;
} vsnd_span_t;

/* ---- what a backend says about itself ---- */

typedef struct vsnd_option { /* one accepted key; the daemon checks type and choice */
  uint32_t size;
  uint32_t type;                 /* VSND_OPTION_* */
  const char *VSND_OPT key;      /* [a-z][a-z0-9-]* */
  const char *VSND_OPT fallback; /* the default, as text; NULL: none */
  const char *VSND_OPT choices;  /* "a|b|c" for VSND_OPTION_CHOICE */
  const char *VSND_OPT help;     /* one line */
} vsnd_option_t;

typedef struct vsnd_caps { /* what one device can do in one direction; size preset by the daemon */
  uint32_t size;
  uint32_t reserved;
  uint64_t formats; /* bit n = virtio format n */
  uint64_t rates;   /* bit n = virtio rate n */
  uint32_t channels_min, channels_max;
  uint32_t period_min, period_max; /* frames; 0: no limit */
  uint32_t buffer_min, buffer_max; /* frames; 0: no limit */
  const uint8_t *VSND_OPT map;     /* channels_max positions, valid until the next query(); NULL: the usual ones */
} vsnd_caps_t;

/* ---- one stream ---- */

typedef struct vsnd_params { /* exact: honour them all or return VSND_E_UNSUPPORTED */
  uint32_t size;
  uint32_t direction;
  uint32_t stream_index;
  uint32_t format;
  uint32_t rate_hz;
  uint32_t channels;
  uint32_t frame_bytes;
  uint32_t period_frames;          /* the guest's; a device may use others, see vsnd_stream_info */
  uint32_t buffer_frames;
  uint32_t flags;                  /* unknown bits: low 16 ignore, high 16 refuse */
  const uint8_t *VSND_REQ map;     /* one position for each channel */
  const char *VSND_OPT device_id;  /* NULL: the default device, followed if it changes */
  const char *VSND_REQ label;      /* for the sound server's mixer */
} vsnd_params_t;

typedef struct vsnd_stream_info { /* size preset by the daemon; the backend fills what fits */
  uint32_t size;
  int32_t wake_fd;        /* readable: "call process()"; preset to -1, none. The backend owns it */
  uint32_t period_frames; /* what the device really uses; preset to those of the params */
  uint32_t buffer_frames;
  int64_t delay_frames;   /* a first estimate; preset to VSND_DELAY_UNKNOWN */
} vsnd_stream_info_t;

typedef struct vsnd_tick { /* why process() is called */
  uint32_t size;
  uint32_t due_frames; /* how many frames the daemon's clock has earned; 0 when wake_fd was the reason */
  uint64_t now_ns;     /* CLOCK_MONOTONIC */
} vsnd_tick_t;

typedef struct vsnd_timing { /* rides on commit(): data and its time never part */
  uint32_t size;
  uint32_t reserved;
  uint64_t when_ns;     /* CLOCK_MONOTONIC, when the number below was true; 0: now */
  int64_t delay_frames; /* playback: from the end of this commit to the ear.
                           capture: from the mouth to the start of this commit */
} vsnd_timing_t;

typedef struct vsnd_event {
  uint32_t size;
  uint32_t kind; /* VSND_EVENT_* */
} vsnd_event_t;

/* ---- what the daemon offers; outlives every instance ---- */

struct vsnd_host {
  uint32_t size;
  uint32_t abi_minor;
  const char *VSND_OPT name;    /* of the daemon */
  const char *VSND_OPT version; /* of the daemon */

  /* VSND_ANY but VSND_AUDIO. One line of text. */
  void (*VSND_OPT log)(const vsnd_host_t *VSND_REQ host, uint32_t level, const char *VSND_REQ text) VSND_ANY;
  /* Attaches a sentence, and an errno or 0, to the failure that you are about to return. The daemon
   * adds the words of the errno: "cannot read /a.wav" becomes "cannot read /a.wav: Permission denied". */
  void (*VSND_OPT set_error)(vsnd_error_t *VSND_REQ err, int32_t os_errno, const char *VSND_REQ text) VSND_ANY;
  void (*VSND_OPT notify)(const vsnd_host_t *VSND_REQ host, vsnd_instance_t *VSND_OPT instance,
                          const vsnd_event_t *VSND_REQ event) VSND_ANY;

  /* Lends up to `frames` frames as at most `capacity` spans and returns how many spans; 0: the guest
   * has nothing ready. Allowed from the moment start() is entered until stop() returns. One loan at a
   * time. Never blocks. When the guest is late, finish with silence on playback, drop the surplus on
   * capture, and report these frames with xrun(). */
  uint32_t (*VSND_OPT acquire)(vsnd_feed_t *VSND_REQ feed, uint32_t frames, vsnd_span_t *VSND_REQ spans,
                               uint32_t capacity) VSND_AUDIO;
  /* Ends the loan: `frames` of it, from its start, were used; 0 gives it all back. The spans must not
   * be touched again. */
  void (*VSND_OPT commit)(vsnd_feed_t *VSND_REQ feed, uint32_t frames,
                          const vsnd_timing_t *VSND_OPT timing) VSND_AUDIO;
  /* The device ran dry or over, and `lost_frames` were not played or not recorded. */
  void (*VSND_OPT xrun)(vsnd_feed_t *VSND_REQ feed, uint32_t lost_frames) VSND_AUDIO;
  /* The stream cannot go on; the daemon takes over its clock, closes it and opens it anew. */
  void (*VSND_OPT failed)(vsnd_feed_t *VSND_REQ feed, int32_t code) VSND_AUDIO;
};

/* ---- what a backend offers, in the order in which it is called ---- */

typedef struct vsnd_backend_ops {
  uint32_t size;
  uint32_t reserved;
  /* Required. No connection yet. `host` stays valid for good. */
  int32_t (*VSND_OPT create)(const vsnd_host_t *VSND_REQ host, vsnd_instance_t *VSND_OPT *VSND_REQ out,
                             vsnd_error_t *VSND_REQ err) VSND_CONTROL;
  /* After the daemon has checked key, type and choice. Defaults are not set: the backend knows them. */
  int32_t (*VSND_OPT set_option)(vsnd_instance_t *VSND_REQ self, const char *VSND_REQ key,
                                 const char *VSND_REQ value, vsnd_error_t *VSND_REQ err) VSND_CONTROL;
  /* Once, after the options: connect, start threads. A failure here ends the daemon with its text: a
   * server that is merely away is no failure. */
  int32_t (*VSND_OPT prepare)(vsnd_instance_t *VSND_REQ self, vsnd_error_t *VSND_REQ err) VSND_CONTROL;
  /* Required. What a device can do (NULL: the default one); the guest is offered no more than that. */
  int32_t (*VSND_OPT query)(vsnd_instance_t *VSND_REQ self, const char *VSND_OPT device_id, uint32_t direction,
                            vsnd_caps_t *VSND_REQ caps, vsnd_error_t *VSND_REQ err) VSND_CONTROL;
  /* Required. The guest prepares a stream; opens the device. `feed` is valid until close() returns. */
  int32_t (*VSND_OPT open)(vsnd_instance_t *VSND_REQ self, const vsnd_params_t *VSND_REQ params,
                           vsnd_feed_t *VSND_REQ feed, vsnd_stream_t *VSND_OPT *VSND_REQ out,
                           vsnd_stream_info_t *VSND_REQ info, vsnd_error_t *VSND_REQ err) VSND_CONTROL;
  /* Required. Audio flows from here on; again after stop(HOLD). */
  int32_t (*VSND_OPT start)(vsnd_stream_t *VSND_REQ stream, vsnd_error_t *VSND_REQ err) VSND_CONTROL;
  /* Required without VSND_CAP_OWN_THREAD. One step: acquire, copy, commit. */
  void (*VSND_OPT process)(vsnd_stream_t *VSND_REQ stream, const vsnd_tick_t *VSND_REQ tick) VSND_AUDIO;
  /* Required. `how` is VSND_STOP_*. Before close(), a stream that was ever started is stopped with DRAIN or
   * DISCARD, also when stop(HOLD) came before. */
  void (*VSND_OPT stop)(vsnd_stream_t *VSND_REQ stream, uint32_t how) VSND_CONTROL;
  /* Required. */
  void (*VSND_OPT close)(vsnd_stream_t *VSND_REQ stream) VSND_CONTROL;
  /* Required. All streams are closed by then. */
  void (*VSND_OPT destroy)(vsnd_instance_t *VSND_REQ self) VSND_CONTROL;
  /* A table of an optional family, or NULL. */
  const void *VSND_OPT (*VSND_OPT extension)(vsnd_instance_t *VSND_REQ self,
                                             const char *VSND_REQ id) VSND_CONTROL;
} vsnd_backend_ops_t;

typedef struct vsnd_plugin {
  uint32_t size;
  uint32_t abi_minor;           /* VSND_ABI_MINOR of the header it was built with */
  const char *VSND_OPT name;    /* required; [a-z][a-z0-9-]*, the NAME of the file name */
  const char *VSND_OPT version; /* required */
  const char *VSND_OPT license; /* required; an SPDX expression */
  const char *VSND_OPT summary; /* one line */
  const char *VSND_OPT vendor;
  const char *VSND_OPT homepage;
  uint64_t capabilities;                                 /* VSND_CAP_* */
  const vsnd_option_t *VSND_OPT const *VSND_OPT options; /* ends with NULL; pointers, so that entries may grow */
  const vsnd_backend_ops_t *VSND_OPT ops;                /* required */
} vsnd_plugin_t;

/* The only symbol that a backend exports. Pure; the answer stays valid for good. */
VSND_EXPORT const vsnd_plugin_t *VSND_OPT vsnd_plugin_v1(void);

/* ---- optional families, found by id; the number after the slash only ever goes up ---- */

#define VSND_EXT_DEVICES "vsnd.devices/1"

#define VSND_DEVICE_DEFAULT 1u
#define VSND_DEVICE_PRESENT 2u

typedef struct vsnd_device {
  uint32_t size;
  uint32_t direction;
  uint32_t flags; /* VSND_DEVICE_* */
  uint32_t reserved;
  const char *VSND_OPT id;    /* stable across restarts; what device_id takes */
  const char *VSND_OPT title; /* for people */
} vsnd_device_t;

typedef struct vsnd_devices {
  uint32_t size;
  uint32_t reserved;
  int32_t (*VSND_OPT enumerate)(vsnd_instance_t *VSND_REQ self, uint32_t direction,
                                void (*VSND_REQ emit)(vsnd_sink_t *VSND_REQ sink,
                                                      const vsnd_device_t *VSND_REQ device),
                                vsnd_sink_t *VSND_REQ sink, vsnd_error_t *VSND_REQ err) VSND_CONTROL;
} vsnd_devices_t;

/* ---- helpers ---- */

/* Whether whoever filled in *ptr knew `field`. */
#define VSND_FITS(ptr, type, field) ((ptr)->size >= offsetof(type, field) + sizeof((ptr)->field))

/* The four calls of an audio context as functions: an attribute on the pointers would not reach Swift. */
VSND_AUDIO_CALL static inline uint32_t vsnd_acquire(const vsnd_host_t *VSND_REQ host, vsnd_feed_t *VSND_REQ feed,
                                                    uint32_t frames, vsnd_span_t *VSND_REQ spans,
                                                    uint32_t capacity)
{
  return host->acquire ? host->acquire(feed, frames, spans, capacity) : 0;
}

VSND_AUDIO_CALL static inline void vsnd_commit(const vsnd_host_t *VSND_REQ host, vsnd_feed_t *VSND_REQ feed,
                                               uint32_t frames, const vsnd_timing_t *VSND_OPT timing)
{
  if (host->commit) host->commit(feed, frames, timing);
}

VSND_AUDIO_CALL static inline void vsnd_xrun(const vsnd_host_t *VSND_REQ host, vsnd_feed_t *VSND_REQ feed,
                                             uint32_t lost_frames)
{
  if (host->xrun) host->xrun(feed, lost_frames);
}

VSND_AUDIO_CALL static inline void vsnd_failed(const vsnd_host_t *VSND_REQ host, vsnd_feed_t *VSND_REQ feed,
                                               int32_t code)
{
  if (host->failed) host->failed(feed, code);
}

#ifdef __cplusplus
}
#endif
#if defined(__clang__)
#pragma clang diagnostic pop
#endif
#endif
