/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */

/* Printing what a PCM can do, in the words of its hardware parameters. */

#include "pcm.h"

static const unsigned rates[] = {5512,  8000,  11025, 12000, 16000,  22050,  24000,  32000,
                                 44100, 48000, 64000, 88200, 96000, 176400, 192000, 384000};

int parameters(const struct options *options, snd_pcm_stream_t stream) {
  snd_pcm_hw_params_t *hw;
  snd_pcm_t *pcm;
  unsigned low, high;
  snd_pcm_uframes_t small, large;
  int direction;
  snd_pcm_hw_params_alloca(&hw);

  int code = snd_pcm_open(&pcm, options->device, stream, 0);
  if (code < 0) return failed("open", code);
  code = snd_pcm_hw_params_any(pcm, hw);
  if (code < 0) return failed("hw_params", code);
  snd_pcm_hw_params_set_rate_resample(pcm, hw, 0);

  printf("formats=");
  for (int f = 0; f <= SND_PCM_FORMAT_LAST; f++)
    if (snd_pcm_hw_params_test_format(pcm, hw, f) == 0) printf("%s ", snd_pcm_format_name(f));
  printf("\nrates=");
  for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
    if (snd_pcm_hw_params_test_rate(pcm, hw, rates[i], 0) == 0) printf("%u ", rates[i]);
  snd_pcm_hw_params_get_channels_min(hw, &low);
  snd_pcm_hw_params_get_channels_max(hw, &high);
  printf("\nchannels=%u-%u\n", low, high);
  snd_pcm_hw_params_get_period_size_min(hw, &small, &direction);
  snd_pcm_hw_params_get_period_size_max(hw, &large, &direction);
  printf("period=%lu-%lu\n", small, large);
  snd_pcm_hw_params_get_buffer_size_min(hw, &small);
  snd_pcm_hw_params_get_buffer_size_max(hw, &large);
  printf("buffer=%lu-%lu\n", small, large);

  snd_pcm_chmap_query_t **maps = snd_pcm_query_chmaps(pcm);
  for (snd_pcm_chmap_query_t **map = maps; map && *map; map++) {
    char text[256] = "";
    snd_pcm_chmap_print(&(*map)->map, sizeof text, text);
    printf("map=%u: %s\n", (*map)->map.channels, text);
  }
  snd_pcm_close(pcm);
  return 0;
}
