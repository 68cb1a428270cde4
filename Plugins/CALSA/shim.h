/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* libasound for Embedded Swift. */
#ifndef VSND_CALSA_SHIM_H
#define VSND_CALSA_SHIM_H

#include <alsa/asoundlib.h>

/* What an audio context calls: a device in non-blocking mode is moved without waiting. Plugins inside
 * libasound may do what they like; the audio thread is the backend's own, and no loan lasts over these. */
#define VSND_PROMISE __attribute__((swift_attr("@_noAllocation"), swift_attr("@_noLocks")))

VSND_PROMISE snd_pcm_sframes_t snd_pcm_avail(snd_pcm_t *pcm);
VSND_PROMISE snd_pcm_sframes_t snd_pcm_writei(snd_pcm_t *pcm, const void *data, snd_pcm_uframes_t frames);
VSND_PROMISE snd_pcm_sframes_t snd_pcm_writen(snd_pcm_t *pcm, void **planes, snd_pcm_uframes_t frames);
VSND_PROMISE snd_pcm_sframes_t snd_pcm_readi(snd_pcm_t *pcm, void *data, snd_pcm_uframes_t frames);
VSND_PROMISE snd_pcm_sframes_t snd_pcm_readn(snd_pcm_t *pcm, void **planes, snd_pcm_uframes_t frames);
VSND_PROMISE int snd_pcm_mmap_begin(snd_pcm_t *pcm, const snd_pcm_channel_area_t **areas,
                                    snd_pcm_uframes_t *offset, snd_pcm_uframes_t *frames);
VSND_PROMISE snd_pcm_sframes_t snd_pcm_mmap_commit(snd_pcm_t *pcm, snd_pcm_uframes_t offset,
                                                   snd_pcm_uframes_t frames);
VSND_PROMISE int snd_pcm_prepare(snd_pcm_t *pcm);
VSND_PROMISE int snd_pcm_start(snd_pcm_t *pcm);
VSND_PROMISE int snd_pcm_drop(snd_pcm_t *pcm);
VSND_PROMISE int snd_pcm_drain(snd_pcm_t *pcm);
VSND_PROMISE int snd_pcm_resume(snd_pcm_t *pcm);
VSND_PROMISE snd_pcm_state_t snd_pcm_state(snd_pcm_t *pcm);
VSND_PROMISE int snd_pcm_status(snd_pcm_t *pcm, snd_pcm_status_t *status);
VSND_PROMISE snd_pcm_sframes_t snd_pcm_status_get_delay(const snd_pcm_status_t *status);
VSND_PROMISE void snd_pcm_status_get_htstamp(const snd_pcm_status_t *status, snd_htimestamp_t *time);
VSND_PROMISE int snd_pcm_poll_descriptors_revents(snd_pcm_t *pcm, struct pollfd *list, unsigned int count,
                                                  unsigned short *events);

static void vsnd_alsa_keep_silent(const char *file, int line, const char *function, int code,
                                  const char *format, ...)
{
  (void)file, (void)line, (void)function, (void)code, (void)format;
}

/* libasound writes its troubles to standard error, line by line; the daemon's log has them already. */
static inline void vsnd_alsa_silence(void) { snd_lib_error_set_handler(vsnd_alsa_keep_silent); }

/* Their last members have no length, so Swift does not see them. */
static inline unsigned int vsnd_alsa_chmap_channels(const snd_pcm_chmap_query_t *query)
{
  return query->map.channels;
}

static inline unsigned int vsnd_alsa_chmap_position(const snd_pcm_chmap_query_t *query, unsigned int channel)
{
  return query->map.pos[channel] & SND_CHMAP_POSITION_MASK;
}

static inline int vsnd_alsa_set_chmap(snd_pcm_t *pcm, const unsigned char *positions, unsigned int channels)
{
  unsigned int words[1 + SND_CHMAP_LAST + 1];
  if (channels > SND_CHMAP_LAST + 1) return -EINVAL;
  words[0] = channels;
  for (unsigned int i = 0; i < channels; i++) words[i + 1] = positions[i];
  return snd_pcm_set_chmap(pcm, (const snd_pcm_chmap_t *)words);
}

#endif
