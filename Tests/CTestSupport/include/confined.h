/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Proves what the way of a sample must not do: allocate, or call the system for anything but a notification. */
#ifndef VSND_TEST_CONFINED_H
#define VSND_TEST_CONFINED_H

/* Whether allocations are counted: not under a sanitizer, which has an allocator of its own. */
int vsnd_test_counts(void);

/* Allocations of the calling thread so far. */
unsigned long vsnd_test_allocations(void);

/* Runs `body` in a copy of the process where every system call but write() kills. Result: what the body
 * returned, 0 to 127; or the signal that ended it, negative. */
int vsnd_test_confined(int (*_Nonnull body)(void *_Nullable), void *_Nullable argument);

#endif
