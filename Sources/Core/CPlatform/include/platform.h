/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What Swift's Glibc module leaves out: plain prototypes and constants of the kernel's headers. */
#ifndef VSND_PLATFORM_H
#define VSND_PLATFORM_H

#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "atomics.h"

/* Tells a guest or the control thread something through a non-blocking eventfd. A full one counts as told:
 * the other side has not looked yet. Result: 0, or an errno that will not get better. */
VSND_RT int vsnd_eventfd_signal(int fd);

#endif
