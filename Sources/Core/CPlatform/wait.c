// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
#define _GNU_SOURCE
#include "wait.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <time.h>

#include "platform.h"

int vsnd_wait(int first, int second, uint64_t deadline)
{
  struct pollfd list[2] = {{.fd = first, .events = POLLIN}, {.fd = second, .events = POLLIN}};
  struct timespec rest = {0};
  if (deadline != UINT64_MAX) {
    const uint64_t now = vsnd_monotonic_ns();
    if (deadline > now) {
      rest.tv_sec = (time_t)((deadline - now) / 1000000000u);
      rest.tv_nsec = (long)((deadline - now) % 1000000000u);
    }
  }
  if (ppoll(list, 2, deadline == UINT64_MAX ? NULL : &rest, NULL) <= 0) return 0;
  return (list[0].revents ? 1 : 0) | (list[1].revents ? 2 : 0);
}

int vsnd_thread_realtime(int priority)
{
  const struct sched_param wanted = {.sched_priority = priority};
  return pthread_setschedparam(pthread_self(), SCHED_FIFO | SCHED_RESET_ON_FORK, &wanted);
}
