/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */

/* What a guest is to a daemon: another process that sleeps until it is woken, once a cycle. */

#pragma once

#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

static int guest = -1;

/* Starts it if the program got a second argument; before there are threads. */
static inline void guest_start(int count)
{
  if (count < 3) return;
  guest = eventfd(0, EFD_CLOEXEC);
  if (fork() != 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (uint64_t calls; read(guest, &calls, sizeof calls) == sizeof calls;) {}
  _exit(0);
}

static inline void guest_wake(void)
{
  const uint64_t one = 1;
  if (guest >= 0 && write(guest, &one, sizeof one) < 0) _exit(1);
}
