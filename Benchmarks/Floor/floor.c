// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

#include "floor.h"

#include <stddef.h>
#include <string.h>

struct descriptor {
  uint64_t address;
  uint32_t length;
  uint16_t flags, next;
};

static void *at(const floor_ring_t *ring, uint64_t address) { return ring->memory + (address - ring->origin); }

uint32_t floor_play(floor_ring_t *ring, uint8_t *device)
{
  uint16_t *const avail = at(ring, ring->avail);
  if (__atomic_load_n(&avail[1], __ATOMIC_ACQUIRE) == ring->next_avail) return 0;
  const uint16_t head = avail[2 + (ring->next_avail++ & (ring->size - 1))];

  const struct descriptor *list = at(ring, ring->descriptors);
  const struct descriptor *one = &list[head];
  if (one->flags & 4) {
    list = at(ring, one->address);
    one = list;
  }
  uint32_t skip = 4, copied = 0;
  for (;;) {
    uint8_t *const bytes = at(ring, one->address);
    if (one->flags & 2) {
      const uint32_t status[2] = {0x8000, 0};
      memcpy(bytes, status, sizeof status);
    } else {
      const uint32_t from = one->length < skip ? one->length : skip;
      memcpy(device + copied, bytes + from, one->length - from);
      copied += one->length - from;
      skip -= from;
    }
    if (!(one->flags & 1)) break;
    one = &list[one->next];
  }

  uint16_t *const used = at(ring, ring->used);
  uint32_t *const entry = (uint32_t *)(used + 2) + 2 * (ring->next_used & (ring->size - 1));
  entry[0] = head;
  entry[1] = 8;
  __atomic_store_n(&used[1], ++ring->next_used, __ATOMIC_RELEASE);
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  return copied;
}
