/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */

/* pcm play|record|parameters [FILE] [OPTIONS]: an ALSA client with exact parameters, for tests.
 *
 * Formats, rates and channels are lists. Each combination is played or recorded after the other, from
 * one file that is read (or written) on, and reported by one line; "error=…" and a status of 1 tell of
 * a failure. Numbers that are not given are ALSA's choice. */

#include "pcm.h"

#include <getopt.h>

static const struct option names[] = {
    {"device", 1, NULL, 'D'}, {"format", 1, NULL, 'f'},   {"rate", 1, NULL, 'r'},
    {"channels", 1, NULL, 'c'}, {"period", 1, NULL, 'p'}, {"buffer", 1, NULL, 'b'},
    {"frames", 1, NULL, 'n'}, {"start", 1, NULL, 's'},    {"pause", 1, NULL, 'P'},
    {"gap", 1, NULL, 'G'},    {"no-drain", 0, NULL, 'N'}, {"capture", 0, NULL, 'C'},
    {NULL, 0, NULL, 0}};

static void add_stop(struct options *options, char *text, bool pause) {
  if (options->stop_count == sizeof options->stops / sizeof *options->stops) return;
  struct stop *stop = &options->stops[options->stop_count++];
  stop->at = strtol(text, &text, 10);
  stop->ms = *text == ':' ? strtol(text + 1, NULL, 10) : 100;
  stop->pause = pause;
}

static int one(const struct options *options, snd_pcm_stream_t stream, FILE *file, const char *format,
               unsigned rate, unsigned channels) {
  struct run run = {.format = snd_pcm_format_value(format), .rate = rate, .channels = channels,
                    .delay_min = LONG_MAX, .delay_max = LONG_MIN};
  int code = open_pcm(&run, options, stream);
  if (code == 0)
    code = stream == SND_PCM_STREAM_PLAYBACK ? play(&run, options, file) : record(&run, options, file);
  print_run(&run, code == 0 ? "done" : "broken");
  if (run.pcm) snd_pcm_close(run.pcm);
  return code;
}

static int each(const struct options *options, snd_pcm_stream_t stream, FILE *file) {
  int worst = 0;
  char *f, *r, *c;
  for (char *formats = strdup(options->formats); (f = strsep(&formats, ","));)
    for (char *rates = strdup(options->rates); (r = strsep(&rates, ","));)
      for (char *channels = strdup(options->channels); (c = strsep(&channels, ","));)
        if (one(options, stream, file, f, atoi(r), atoi(c)) < 0) worst = 1;
  return worst;
}

int main(int count, char **words) {
  struct options options = {.device = "hw:0,0", .formats = "S16_LE", .rates = "48000", .channels = "2"};
  snd_pcm_stream_t stream = SND_PCM_STREAM_PLAYBACK;
  for (int letter; (letter = getopt_long(count, words, "D:f:r:c:p:b:n:s:NC", names, NULL)) != -1;)
    switch (letter) {
      case 'D': options.device = optarg; break;
      case 'f': options.formats = optarg; break;
      case 'r': options.rates = optarg; break;
      case 'c': options.channels = optarg; break;
      case 'p': options.period = atol(optarg); break;
      case 'b': options.buffer = atol(optarg); break;
      case 'n': options.frames = atol(optarg); break;
      case 's': options.start = atol(optarg); break;
      case 'P': add_stop(&options, optarg, true); break;
      case 'G': add_stop(&options, optarg, false); break;
      case 'N': options.no_drain = true; break;
      case 'C': stream = SND_PCM_STREAM_CAPTURE; break;
      default: return 2;
    }

  const char *verb = optind < count ? words[optind] : "";
  if (strcmp(verb, "parameters") == 0) return parameters(&options, stream) < 0;
  bool recording = strcmp(verb, "record") == 0;
  if ((!recording && strcmp(verb, "play") != 0) || optind + 1 >= count) {
    fprintf(stderr, "usage: pcm play|record FILE [OPTIONS], pcm parameters [-C]\n");
    return 2;
  }
  FILE *file = fopen(words[optind + 1], recording ? "we" : "re");
  if (!file) {
    perror(words[optind + 1]);
    return 1;
  }
  int worst = each(&options, recording ? SND_PCM_STREAM_CAPTURE : SND_PCM_STREAM_PLAYBACK, file);
  fclose(file);
  return worst;
}
