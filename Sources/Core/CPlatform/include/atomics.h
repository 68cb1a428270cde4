/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Ordered access to memory that a guest shares: Swift's atomics own their storage and cannot reach it. */
#ifndef VSND_ATOMICS_H
#define VSND_ATOMICS_H

#include <stdint.h>

#ifdef __swift__
#define VSND_RT __attribute__((swift_attr("@_noAllocation"), swift_attr("@_noLocks")))
#else
#define VSND_RT
#endif

VSND_RT static inline uint16_t vsnd_load_acquire_u16(const void *_Nonnull p)
{
  return __atomic_load_n((const uint16_t *)p, __ATOMIC_ACQUIRE);
}

VSND_RT static inline uint16_t vsnd_load_relaxed_u16(const void *_Nonnull p)
{
  return __atomic_load_n((const uint16_t *)p, __ATOMIC_RELAXED);
}

VSND_RT static inline void vsnd_store_release_u16(void *_Nonnull p, uint16_t value)
{
  __atomic_store_n((uint16_t *)p, value, __ATOMIC_RELEASE);
}

VSND_RT static inline void vsnd_store_relaxed_u16(void *_Nonnull p, uint16_t value)
{
  __atomic_store_n((uint16_t *)p, value, __ATOMIC_RELAXED);
}

/* Reads bytes that a guest may change meanwhile, at any alignment: exactly once, so that what was checked is
 * what is used. */
VSND_RT static inline uint64_t vsnd_read_once_u64(const void *_Nonnull p)
{
  struct vsnd_word {
    uint64_t value;
  } __attribute__((packed));
  return ((const volatile struct vsnd_word *)p)->value;
}

/* A store becomes visible before a later load is done: needed between publishing and asking whether to notify. */
VSND_RT static inline void vsnd_full_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

#endif
