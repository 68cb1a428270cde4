/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Drives a backend through its C interface, without a daemon.
 *
 *   drive LIBRARY [KEY=VALUE]… query DEVICE
 *   drive LIBRARY [KEY=VALUE]… list
 *   drive LIBRARY [KEY=VALUE]… loop OUTPUT INPUT FORMATS RATES CHANNELS FRAMES
 *       plays noise on one device and compares what the other records; lists are separated by commas,
 *       formats are virtio's numbers
 *   drive LIBRARY [KEY=VALUE]… lose DEVICE
 *       plays until the device fails, then tries to open it again for 10 s
 */
#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "feed.h"

static const vsnd_backend_ops_t *ops;
static vsnd_instance_t *instance;
static vsnd_error_t *const error = (vsnd_error_t *)feed_error;

static void need(int condition, const char *what)
{
  if (condition) return;
  printf("cannot %s: %s\n", what, feed_error);
  exit(1);
}

static double now(void)
{
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int wait_for(int (*condition)(vsnd_feed_t *, size_t), vsnd_feed_t *feed, size_t value, double seconds)
{
  double end = now() + seconds;
  while (!condition(feed, value)) {
    if (feed->failure || now() > end) return 0;
    usleep(2000);
  }
  return 1;
}

static int has_done(vsnd_feed_t *feed, size_t frames) { return feed->done >= frames; }

static const unsigned char positions[] = {3, 4, 7, 8, 5, 6, 12, 13, 11, 9, 10, 21, 22, 24, 23, 25, 27, 26};

struct shape {
  uint32_t format, rate, channels, frame_bytes;
};

static vsnd_stream_t *open_stream(uint32_t direction, const char *device, struct shape shape, vsnd_feed_t *feed)
{
  vsnd_params_t params = {.size = sizeof params,
                          .direction = direction,
                          .format = shape.format,
                          .rate_hz = shape.rate,
                          .channels = shape.channels,
                          .frame_bytes = shape.frame_bytes,
                          .period_frames = 1024,
                          .buffer_frames = 8192,
                          .map = positions,
                          .device_id = device,
                          .label = "drive"};
  vsnd_stream_info_t info = {.size = sizeof info, .wake_fd = -1, .period_frames = 1024, .buffer_frames = 8192};
  vsnd_stream_t *stream = NULL;
  snprintf(feed_error, sizeof feed_error, "?");
  return ops->open(instance, &params, feed, &stream, &info, error) == VSND_OK ? stream : NULL;
}

static uint8_t *noise(size_t size)
{
  uint8_t *data = malloc(size);
  uint64_t state = 0x9E3779B97F4A7C15u;
  for (size_t i = 0; i < size; i++) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    data[i] = (uint8_t)(state >> 32) | 1; /* no frame is silent */
  }
  return data;
}

/* Where the frames of `sent` are in `heard`: in order, with silence alone between; NULL, or what is wrong. */
static const char *compare(const vsnd_feed_t *sent, const vsnd_feed_t *heard, size_t *gaps)
{
  static char text[80];
  size_t size = sent->frame_bytes, at = 0, silent = 0;
  const uint8_t zero[18 * 8] = {0};
  *gaps = 0;
  for (size_t place = 0; place < heard->done; place++) {
    const uint8_t *frame = heard->data + place * size;
    if (at < sent->frames && memcmp(frame, sent->data + at * size, size) == 0) {
      if (at > 0 && silent > 0) (*gaps)++;
      at++, silent = 0;
    } else if (memcmp(frame, zero, size) == 0) {
      silent++;
    } else {
      snprintf(text, sizeof text, "frame %zu is not at %zu", at, place);
      return text;
    }
  }
  if (at == sent->frames) return NULL;
  snprintf(text, sizeof text, "%zu of %zu frames are missing", sent->frames - at, sent->frames);
  return text;
}

/* Returns whether all was as it should be. */
static int loop(const char *output, const char *input, struct shape shape, size_t frames)
{
  size_t room = frames + 4 * shape.rate;
  vsnd_feed_t sent, heard;
  feed_init(&sent, noise(frames * shape.frame_bytes), frames, shape.frame_bytes);
  feed_init(&heard, calloc(room, shape.frame_bytes), room, shape.frame_bytes);
  printf("format=%u rate=%u channels=%u ", shape.format, shape.rate, shape.channels);
  vsnd_stream_t *in = open_stream(VSND_CAPTURE, input, shape, &heard);
  vsnd_stream_t *out = in ? open_stream(VSND_PLAYBACK, output, shape, &sent) : NULL;
  if (!out) {
    printf("refused: %s\n", feed_error);
    if (in) ops->close(in);
    return 0;
  }
  ops->start(in, error);
  wait_for(has_done, &heard, 1, 2);
  ops->start(out, error);
  int played = wait_for(has_done, &sent, frames, 8);
  ops->stop(out, VSND_STOP_DRAIN);
  ops->close(out);
  wait_for(has_done, &heard, heard.done + 2048, 2);
  ops->stop(in, VSND_STOP_DISCARD);
  ops->close(in);
  size_t gaps = 0;
  const char *flaw = played ? compare(&sent, &heard, &gaps) : "not played in time";
  if (!flaw && gaps && !sent.xruns && !heard.xruns) flaw = "gaps without an xrun";
  printf("%s gaps=%zu xruns=%u,%u delay=%lld..%lld violations=%u\n", flaw ? flaw : "exact", gaps, sent.xruns,
         heard.xruns, sent.delay_min, sent.delay_max, sent.violations + heard.violations);
  free(sent.data);
  free(heard.data);
  return !flaw && !sent.violations && !heard.violations;
}

static int run_loop(char **arguments)
{
  static const uint8_t sizes[] = {0, 1, 1, 1, 1, 2, 2, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 8, 1, 2, 4, 4};
  int bad = 0;
  size_t frames = strtoul(arguments[5], NULL, 10);
  for (char *f = arguments[2]; f; f = strchr(f, ',') ? strchr(f, ',') + 1 : NULL)
    for (char *r = arguments[3]; r; r = strchr(r, ',') ? strchr(r, ',') + 1 : NULL)
      for (char *c = arguments[4]; c; c = strchr(c, ',') ? strchr(c, ',') + 1 : NULL) {
        struct shape shape = {(uint32_t)atoi(f), (uint32_t)atoi(r), (uint32_t)atoi(c), 0};
        shape.frame_bytes = sizes[shape.format] * shape.channels;
        bad += !loop(arguments[0], arguments[1], shape, frames);
        fflush(stdout);
      }
  return bad ? 1 : 0;
}

static int lose(const char *device)
{
  struct shape shape = {5, 48000, 2, 4};
  vsnd_feed_t feed;
  size_t frames = 60 * 48000;
  feed_init(&feed, noise(frames * 4), frames, 4);
  vsnd_stream_t *stream = open_stream(VSND_PLAYBACK, device, shape, &feed);
  need(stream != NULL, "open");
  ops->start(stream, error);
  wait_for(has_done, &feed, 9600, 5);
  printf("playing\n");
  fflush(stdout);
  wait_for(has_done, &feed, frames, 20);
  double begin = now();
  ops->stop(stream, VSND_STOP_DISCARD);
  ops->close(stream);
  printf("failure=%d closed-in=%.3f\n", feed.failure, now() - begin);
  fflush(stdout);
  for (double end = now() + 10; now() < end; usleep(100000)) {
    feed_init(&feed, feed.data, frames, 4);
    if (!(stream = open_stream(VSND_PLAYBACK, device, shape, &feed))) continue;
    ops->start(stream, error);
    int plays = wait_for(has_done, &feed, 9600, 5);
    ops->stop(stream, VSND_STOP_DISCARD);
    ops->close(stream);
    printf("again=%s\n", plays ? "plays" : "does not play");
    return plays ? 0 : 1;
  }
  printf("again=%s\n", feed_error);
  return 1;
}

static void query(const char *device)
{
  for (uint32_t direction = VSND_PLAYBACK; direction <= VSND_CAPTURE; direction++) {
    vsnd_caps_t caps = {.size = sizeof caps};
    need(ops->query(instance, device, direction, &caps, error) == VSND_OK, "query");
    printf("direction=%u formats=%#" PRIx64 " rates=%#" PRIx64 " channels=%u-%u period=%u-%u buffer=%u-%u map=", direction,
           caps.formats, caps.rates, caps.channels_min, caps.channels_max, caps.period_min, caps.period_max,
           caps.buffer_min, caps.buffer_max);
    for (uint32_t i = 0; caps.map && i < caps.channels_max; i++) printf("%s%u", i ? "," : "", caps.map[i]);
    printf("\n");
  }
}

static void emit(vsnd_sink_t *sink, const vsnd_device_t *device)
{
  (void)sink;
  printf("direction=%u flags=%u %s: %s\n", device->direction, device->flags, device->id, device->title);
}

static void list(void)
{
  const vsnd_devices_t *table = ops->extension(instance, VSND_EXT_DEVICES);
  for (uint32_t direction = VSND_PLAYBACK; table && direction <= VSND_CAPTURE; direction++)
    need(table->enumerate(instance, direction, emit, (vsnd_sink_t *)feed_error, error) == VSND_OK, "list");
}

int main(int count, char **arguments)
{
  need(count > 2, "do anything without a library and a command");
  void *library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!library) snprintf(feed_error, sizeof feed_error, "%s", dlerror());
  need(library != NULL, "load");
  const vsnd_plugin_t *(*entry)(void);
  *(void **)&entry = dlsym(library, VSND_ENTRY_NAME);
  need(entry && entry() && entry()->ops, "find its tables");
  ops = entry()->ops;
  need(ops->create(&feed_host, &instance, error) == VSND_OK, "create");
  char **rest = arguments + 2;
  for (char *equals; *rest && (equals = strchr(*rest, '=')); rest++) {
    *equals = 0;
    need(ops->set_option(instance, *rest, equals + 1, error) == VSND_OK, "set an option");
  }
  need(ops->prepare(instance, error) == VSND_OK, "prepare");
  int left = (int)(arguments + count - rest);
  int status = 0;
  if (left == 7 && strcmp(*rest, "loop") == 0) status = run_loop(rest + 1);
  else if (left == 2 && strcmp(*rest, "lose") == 0) status = lose(rest[1]);
  else if (left == 2 && strcmp(*rest, "query") == 0) query(rest[1]);
  else if (left == 1 && strcmp(*rest, "list") == 0) list();
  else need(0, "understand the command");
  ops->destroy(instance);
  return status;
}
