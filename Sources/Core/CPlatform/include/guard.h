/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Keeps this process alive when another one shrinks a file that both have mapped (VU-059). */
#ifndef VSND_GUARD_H
#define VSND_GUARD_H

#include <stddef.h>
#include <stdint.h>

/* Ranges that can be guarded at once: 509 slots of a guest, for a few generations of its table. */
#define VSND_GUARD_CAPACITY 2048

/* Takes over SIGBUS for the process. `notify` is an eventfd that tells of each page lost, or -1. */
int vsnd_guard_install(int notify);

/* Guards `length` bytes at `start`, mapped with pages of `page` bytes. Result: a slot, or -1 when full. */
int vsnd_guard_add(const void *_Nonnull start, size_t length, size_t page);

/* Ends it; call before the range is unmapped, when nobody touches it any more. */
void vsnd_guard_remove(int slot);

/* Pages of the range that were lost, and replaced by zeros, so far; of any range, since the start. */
uint32_t vsnd_guard_lost(int slot);
uint32_t vsnd_guard_lost_anywhere(void);

#endif
