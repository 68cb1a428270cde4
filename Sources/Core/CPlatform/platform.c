// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
#define _GNU_SOURCE
#include "platform.h"

#include <errno.h>
#include <unistd.h>

int vsnd_eventfd_signal(int fd)
{
  const uint64_t one = 1;
  return write(fd, &one, sizeof one) < 0 && errno != EAGAIN ? errno : 0;
}
