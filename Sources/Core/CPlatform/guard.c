// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
#define _GNU_SOURCE
#include "guard.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

// A slot is free (0), being filled (1), or guards the range that starts at `start`.
enum { SLOT_FREE = 0, SLOT_TAKEN = 1 };

struct slot {
  uintptr_t start;
  size_t length;
  size_t page;
  uint32_t lost;
};

static struct slot slots[VSND_GUARD_CAPACITY];
static uint32_t lost_anywhere;
static int notify_fd = -1;
static struct sigaction previous;

static struct slot *find(uintptr_t address)
{
  for (size_t i = 0; i < VSND_GUARD_CAPACITY; i++) {
    struct slot *slot = &slots[i];
    const uintptr_t start = __atomic_load_n(&slot->start, __ATOMIC_ACQUIRE);
    if (start <= SLOT_TAKEN || address < start) continue;
    const size_t length = __atomic_load_n(&slot->length, __ATOMIC_RELAXED);
    // The slot of the range that faulted cannot change: whoever faulted still uses it. Another one can.
    if (address - start < length && __atomic_load_n(&slot->start, __ATOMIC_ACQUIRE) == start) return slot;
  }
  return NULL;
}

// Runs on the thread that touched the lost page, anywhere: atomics and plain system calls only.
static void on_sigbus(int signal, siginfo_t *info, void *context)
{
  (void)context;
  const int saved = errno;
  const uintptr_t address = (uintptr_t)info->si_addr;
  struct slot *slot = info->si_code > 0 ? find(address) : NULL;
  if (slot) {
    const size_t page = slot->page;
    void *start = (void *)(address & ~(uintptr_t)(page - 1));
    void *zeros = mmap(start, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (zeros == start) {
      __atomic_fetch_add(&slot->lost, 1, __ATOMIC_RELEASE);
      __atomic_fetch_add(&lost_anywhere, 1, __ATOMIC_RELEASE);
      const int fd = __atomic_load_n(&notify_fd, __ATOMIC_RELAXED);
      const uint64_t one = 1;
      if (fd >= 0 && write(fd, &one, sizeof one) < 0) { /* full or gone: the count tells as well */ }
      errno = saved;
      return;
    }
  }
  // Not ours: it comes again, and ends the process, when this handler returns.
  sigaction(SIGBUS, &previous, NULL);
  raise(signal);
  errno = saved;
}

int vsnd_guard_install(int notify)
{
  static int installed;
  __atomic_store_n(&notify_fd, notify, __ATOMIC_RELAXED);
  if (__atomic_exchange_n(&installed, 1, __ATOMIC_ACQ_REL)) return 0;
  struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO};
  sigemptyset(&action.sa_mask);
  return sigaction(SIGBUS, &action, &previous);
}

int vsnd_guard_add(const void *start, size_t length, size_t page)
{
  for (int i = 0; i < VSND_GUARD_CAPACITY; i++) {
    struct slot *slot = &slots[i];
    uintptr_t expected = SLOT_FREE;
    if (!__atomic_compare_exchange_n(&slot->start, &expected, SLOT_TAKEN, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
      continue;
    __atomic_store_n(&slot->length, length, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->page, page, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->lost, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->start, (uintptr_t)start, __ATOMIC_RELEASE);
    return i;
  }
  errno = ENOSPC;
  return -1;
}

void vsnd_guard_remove(int slot) { __atomic_store_n(&slots[slot].start, SLOT_FREE, __ATOMIC_RELEASE); }

uint32_t vsnd_guard_lost(int slot) { return __atomic_load_n(&slots[slot].lost, __ATOMIC_ACQUIRE); }

uint32_t vsnd_guard_lost_anywhere(void) { return __atomic_load_n(&lost_anywhere, __ATOMIC_ACQUIRE); }
