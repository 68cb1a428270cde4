/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "feed.h"

#include <stdio.h>
#include <string.h>

char feed_error[300];

void feed_init(vsnd_feed_t *feed, uint8_t *data, size_t frames, size_t frame_bytes)
{
  memset(feed, 0, sizeof *feed);
  feed->data = data;
  feed->frames = frames;
  feed->frame_bytes = frame_bytes;
  feed->delay_min = INT64_MAX;
  feed->delay_max = INT64_MIN;
}

static void say(const vsnd_host_t *host, uint32_t level, const char *text)
{
  (void)host;
  printf("log %u %s\n", level, text);
}

static void set_error(vsnd_error_t *error, int32_t code, const char *text)
{
  (void)error;
  snprintf(feed_error, sizeof feed_error, "%s%s%s", text, code ? ": " : "", code ? strerror(code) : "");
}

static void notify(const vsnd_host_t *host, vsnd_instance_t *instance, const vsnd_event_t *event)
{
  (void)host, (void)instance, (void)event;
}

/* Spans of uneven lengths, as a guest's pages are. */
static uint32_t acquire(vsnd_feed_t *feed, uint32_t frames, vsnd_span_t *spans, uint32_t capacity)
{
  static const uint32_t cuts[] = {7, 1, 100, 64};
  if (feed->lent) {
    feed->violations++;
    return 0;
  }
  size_t at = feed->done;
  uint32_t count = 0;
  while (count < capacity && feed->lent < frames && at < feed->frames) {
    size_t run = cuts[count % 4];
    if (run > frames - feed->lent) run = frames - feed->lent;
    if (run > feed->frames - at) run = feed->frames - at;
    spans[count++] = (vsnd_span_t){.data = feed->data + at * feed->frame_bytes, .frames = (uint32_t)run};
    at += run;
    feed->lent += run;
  }
  return count;
}

static void commit(vsnd_feed_t *feed, uint32_t frames, const vsnd_timing_t *timing)
{
  if (frames > feed->lent) {
    feed->violations++;
    frames = (uint32_t)feed->lent;
  }
  feed->lent = 0;
  feed->done += frames;
  if (!timing || timing->delay_frames == VSND_DELAY_UNKNOWN) return;
  if (timing->delay_frames < feed->delay_min) feed->delay_min = timing->delay_frames;
  if (timing->delay_frames > feed->delay_max) feed->delay_max = timing->delay_frames;
}

static void xrun(vsnd_feed_t *feed, uint32_t lost)
{
  (void)lost;
  /* A guest that has played everything is late by intent. */
  if (feed->done < feed->frames) feed->xruns++;
}

static void failed(vsnd_feed_t *feed, int32_t code) { feed->failure = code; }

const vsnd_host_t feed_host = {
    .size = sizeof feed_host,
    .name = "drive",
    .version = "1",
    .log = say,
    .set_error = set_error,
    .notify = notify,
    .acquire = acquire,
    .commit = commit,
    .xrun = xrun,
    .failed = failed,
};
