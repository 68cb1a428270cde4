/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* A PCM that keeps time and fails as VS_SCRIPT says, a list of words read when it is opened:
 *
 *   at=FRAMES        when it happens, in frames played or recorded since the device was prepared
 *   become=STATE     xrun, suspended, disconnected or setup: the state of the device then
 *   stall            the device stands still from then on
 *   hang=CALL        transfer, prepare, drop, drain or close does not return for five seconds
 *   times=N          how often it happens, 1 by default
 *   planar           only non-interleaved access
 *   poll=KIND        never or always: what its descriptor says of being ready
 *
 * What is played goes to VS_SCRIPT_OUT; what is recorded counts frames. VS_SCRIPT_LOG gets a line for each
 * prepare, resume and event.
 *
 * Built by Tests/Servers/alsa-env; libasound loads it for `type scripted`. */
#include <alsa/asoundlib.h>
#include <alsa/pcm_external.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

typedef struct scripted {
  snd_pcm_ioplug_t io;
  char script[200];
  FILE *out, *log;
  uint64_t origin;      /* when it was started; 0: not running */
  uint64_t stood;       /* frames at which it stands still; 0: it does not */
  uint64_t moved;       /* frames written or read since it was prepared */
  unsigned int counter; /* of recorded frames */
  int times, prepares;
} scripted_t;

static const char *word(const scripted_t *s, const char *key)
{
  const char *found = strstr(s->script, key);
  return found ? found + strlen(key) : NULL;
}

static int says(const scripted_t *s, const char *key, const char *value)
{
  const char *found = word(s, key);
  return found && strncmp(found, value, strlen(value)) == 0;
}

static void note(scripted_t *s, const char *text)
{
  if (!s->log) return;
  fprintf(s->log, "%s\n", text);
  fflush(s->log);
}

static void maybe_hang(scripted_t *s, const char *call)
{
  if (!says(s, "hang=", call) || s->times <= 0) return;
  const char *at = word(s, "at=");
  if (at && strcmp(call, "transfer") == 0 && s->moved < strtoull(at, NULL, 10)) return;
  s->times--;
  note(s, "hangs");
  sleep(5);
}

static uint64_t now(void)
{
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static uint64_t position(scripted_t *s)
{
  if (!s->origin) return 0;
  if (s->stood) return s->stood;
  uint64_t frames = (now() - s->origin) * s->io.rate / 1000000000u;
  if (s->io.stream == SND_PCM_STREAM_PLAYBACK && frames > s->moved) frames = s->moved;
  return frames;
}

static int start(snd_pcm_ioplug_t *io)
{
  scripted_t *s = io->private_data;
  long period = (long)(io->period_size * 1000000000ull / io->rate / 2);
  struct itimerspec time = {{0, period}, {0, period}};
  if (!word(s, "poll=")) timerfd_settime(io->poll_fd, 0, &time, NULL);
  s->origin = now();
  return 0;
}

static int stop(snd_pcm_ioplug_t *io)
{
  scripted_t *s = io->private_data;
  maybe_hang(s, "drop");
  s->origin = 0;
  s->stood = 0;
  return 0;
}

static int drain(snd_pcm_ioplug_t *io)
{
  scripted_t *s = io->private_data;
  maybe_hang(s, "drain");
  while (s->origin && position(s) < s->moved) usleep(2000);
  return 0;
}

static int prepare(snd_pcm_ioplug_t *io)
{
  scripted_t *s = io->private_data;
  note(s, "prepare");
  /* The first is a part of opening. */
  if (s->prepares++) maybe_hang(s, "prepare");
  s->origin = 0;
  s->stood = 0;
  s->moved = 0;
  return 0;
}

static int resume(snd_pcm_ioplug_t *io)
{
  scripted_t *s = io->private_data;
  note(s, "resume");
  return -ENOSYS;
}

/* Whether the time has come; each time that it happens is counted. */
static void happen(scripted_t *s)
{
  static const struct {
    const char *name;
    snd_pcm_state_t state;
  } states[] = {{"xrun", SND_PCM_STATE_XRUN},
                {"suspended", SND_PCM_STATE_SUSPENDED},
                {"disconnected", SND_PCM_STATE_DISCONNECTED},
                {"setup", SND_PCM_STATE_SETUP}};
  const char *at = word(s, "at=");
  if (!at || s->times <= 0 || !s->origin || position(s) < strtoull(at, NULL, 10)) return;
  if (word(s, "stall") && !s->stood) {
    s->times--;
    s->stood = position(s);
    note(s, "stalls");
  }
  for (size_t i = 0; i < sizeof states / sizeof *states; i++)
    if (says(s, "become=", states[i].name)) {
      s->times--;
      note(s, states[i].name);
      snd_pcm_ioplug_set_state(&s->io, states[i].state);
    }
}

static snd_pcm_sframes_t pointer(snd_pcm_ioplug_t *io)
{
  scripted_t *s = io->private_data;
  happen(s);
  if (io->state == SND_PCM_STATE_XRUN) return -EPIPE;
  uint64_t at = position(s);
  if (s->origin && io->stream == SND_PCM_STREAM_PLAYBACK && at >= s->moved && io->state == SND_PCM_STATE_RUNNING)
    return -EPIPE;
  return (snd_pcm_sframes_t)(at % io->buffer_size);
}

static snd_pcm_sframes_t transfer(snd_pcm_ioplug_t *io, const snd_pcm_channel_area_t *areas,
                                  snd_pcm_uframes_t offset, snd_pcm_uframes_t frames)
{
  scripted_t *s = io->private_data;
  maybe_hang(s, "transfer");
  size_t sample = (size_t)snd_pcm_format_physical_width(io->format) / 8;
  for (snd_pcm_uframes_t i = 0; i < frames; i++) {
    s->counter++;
    for (unsigned int c = 0; c < io->channels; c++) {
      uint8_t *at = (uint8_t *)areas[c].addr + areas[c].first / 8 + (offset + i) * areas[c].step / 8;
      if (io->stream == SND_PCM_STREAM_CAPTURE) memcpy(at, &s->counter, sample);
      else if (s->out) fwrite(at, sample, 1, s->out);
    }
  }
  s->moved += frames;
  return (snd_pcm_sframes_t)frames;
}

static int poll_revents(snd_pcm_ioplug_t *io, struct pollfd *list, unsigned int count, unsigned short *events)
{
  scripted_t *s = io->private_data;
  uint64_t ticks;
  (void)list, (void)count;
  if (!word(s, "poll=") && read(io->poll_fd, &ticks, sizeof ticks) < 0) ticks = 0;
  *events = io->stream == SND_PCM_STREAM_PLAYBACK ? POLLOUT : POLLIN;
  return 0;
}

static int close_pcm(snd_pcm_ioplug_t *io)
{
  scripted_t *s = io->private_data;
  maybe_hang(s, "close");
  if (s->out) fclose(s->out);
  if (s->log) fclose(s->log);
  close(io->poll_fd);
  free(s);
  return 0;
}

static const snd_pcm_ioplug_callback_t calls = {.start = start,
                                                .stop = stop,
                                                .drain = drain,
                                                .prepare = prepare,
                                                .resume = resume,
                                                .pointer = pointer,
                                                .transfer = transfer,
                                                .poll_revents = poll_revents,
                                                .close = close_pcm};

SND_PCM_PLUGIN_DEFINE_FUNC(scripted)
{
  static const unsigned int accesses[] = {SND_PCM_ACCESS_RW_INTERLEAVED, SND_PCM_ACCESS_MMAP_INTERLEAVED,
                                          SND_PCM_ACCESS_RW_NONINTERLEAVED, SND_PCM_ACCESS_MMAP_NONINTERLEAVED};
  static const unsigned int formats[] = {SND_PCM_FORMAT_S16_LE, SND_PCM_FORMAT_S24_3LE, SND_PCM_FORMAT_S24_LE,
                                         SND_PCM_FORMAT_S32_LE, SND_PCM_FORMAT_FLOAT_LE};
  (void)root, (void)conf;
  scripted_t *s = calloc(1, sizeof *s);
  const char *script = getenv("VS_SCRIPT"), *out = getenv("VS_SCRIPT_OUT"), *log = getenv("VS_SCRIPT_LOG");
  snprintf(s->script, sizeof s->script, "%s", script ? script : "");
  s->times = word(s, "times=") ? atoi(word(s, "times=")) : 1;
  if (out && stream == SND_PCM_STREAM_PLAYBACK) s->out = fopen(out, "ae");
  if (log) s->log = fopen(log, "ae");
  s->io.version = SND_PCM_IOPLUG_VERSION;
  s->io.name = "scripted";
  s->io.callback = &calls;
  s->io.private_data = s;
  s->io.flags = SND_PCM_IOPLUG_FLAG_MONOTONIC;
  s->io.mmap_rw = 0;
  s->io.poll_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  s->io.poll_events = POLLIN;
  if (says(s, "poll=", "always")) {
    struct itimerspec past = {{0, 0}, {0, 1}};
    timerfd_settime(s->io.poll_fd, 0, &past, NULL);
  }
  int code = snd_pcm_ioplug_create(&s->io, name, stream, mode);
  if (code < 0) return code;
  int planar = word(s, "planar") != NULL;
  snd_pcm_ioplug_set_param_list(&s->io, SND_PCM_IOPLUG_HW_ACCESS, planar ? 2 : 4, planar ? accesses + 2 : accesses);
  snd_pcm_ioplug_set_param_list(&s->io, SND_PCM_IOPLUG_HW_FORMAT, 5, formats);
  snd_pcm_ioplug_set_param_minmax(&s->io, SND_PCM_IOPLUG_HW_CHANNELS, 1, 8);
  snd_pcm_ioplug_set_param_minmax(&s->io, SND_PCM_IOPLUG_HW_RATE, 8000, 96000);
  snd_pcm_ioplug_set_param_minmax(&s->io, SND_PCM_IOPLUG_HW_PERIOD_BYTES, 64, 65536);
  snd_pcm_ioplug_set_param_minmax(&s->io, SND_PCM_IOPLUG_HW_BUFFER_BYTES, 128, 1 << 20);
  *pcmp = s->io.pcm;
  return 0;
}

SND_PCM_PLUGIN_SYMBOL(scripted);
