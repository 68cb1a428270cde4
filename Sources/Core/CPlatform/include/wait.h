/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What a thread with deadlines needs. */
#ifndef VSND_WAIT_H
#define VSND_WAIT_H

#include <stdint.h>

/* Sleeps until `deadline` ns of CLOCK_MONOTONIC, UINT64_MAX for ever, or until one of two descriptors (-1:
 * none) is readable or broken. Result: bit 0 and bit 1 tell which; 0 when the time is up. Signals and
 * failures end the sleep early, as if the time were up. */
int vsnd_wait(int first, int second, uint64_t deadline);

/* Asks for real-time scheduling of the calling thread (SCHED_FIFO); 0, or an errno when it may not have it. */
int vsnd_thread_realtime(int priority);

#endif
