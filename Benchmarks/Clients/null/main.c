/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The least that a playing program does without a server: wakes up once each period, and copies it. */

#include "../guest.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

int main(int count, char **words)
{
  const long frames = count > 1 ? atol(words[1]) : 480;
  char *from = calloc((size_t)frames, 4), *to = calloc((size_t)frames, 4);
  guest_start(count);
  struct timespec next;
  clock_gettime(CLOCK_MONOTONIC, &next);
  for (;;) {
    next.tv_nsec += frames * 1000000000L / 48000;
    for (; next.tv_nsec >= 1000000000L; next.tv_nsec -= 1000000000L) next.tv_sec++;
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    memcpy(to, from, (size_t)frames * 4);
    __asm__ volatile("" : : "r"(to) : "memory");
    guest_wake();
  }
}
