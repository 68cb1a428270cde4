/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What Swift's Glibc module leaves out: plain prototypes and constants of the kernel's headers.
 * Functions return -1 and set errno as system calls do, unless they say otherwise. */
#ifndef VSND_PLATFORM_H
#define VSND_PLATFORM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/types.h>

#include "atomics.h"
#include "guard.h"

/* Descriptors taken with one message; a vhost-user front-end sends up to 32 (VU-005). */
#define VSND_MAX_DESCRIPTORS 64

/* Tells a guest or the control thread something through a non-blocking eventfd. A full one counts as told:
 * the other side has not looked yet. Result: 0, or an errno that will not get better. */
VSND_RT int vsnd_eventfd_signal(int fd);

/* Receives up to `count` bytes, and the close-on-exec descriptors that came with them; never waits.
 * `fds` has room for VSND_MAX_DESCRIPTORS; `truncated` is set when some did not fit and are lost. */
ssize_t vsnd_receive(int socket, void *_Nonnull bytes, size_t count, int *_Nonnull fds,
                     size_t *_Nonnull fd_count, int *_Nonnull truncated);

/* Sends up to `count` bytes with `fd_count` descriptors on the first; no wait, no SIGPIPE. */
ssize_t vsnd_send(int socket, const void *_Nonnull bytes, size_t count, const int *_Nullable fds, size_t fd_count);

/* Binds or connects a unix socket; the path must be shorter than 108 bytes. */
int vsnd_bind_unix(int socket, const char *_Nonnull path);
int vsnd_connect_unix(int socket, const char *_Nonnull path);

/* Gives a file another name, which nothing may have yet as far as the file system can tell. */
int vsnd_rename_new(const char *_Nonnull from, const char *_Nonnull to);

/* Accepts a connection, non-blocking and close-on-exec. */
int vsnd_accept(int listener);

/* Anonymous shared memory, close-on-exec, that may be sealed. */
int vsnd_memfd(const char *_Nonnull name);

/* The page size of the hugetlbfs that `fd` lies on, 0 for any other file system, -1 for an error. */
long vsnd_huge_page_size(int fd);

/* epoll with a number for each descriptor. Waiting writes up to `count` tokens and their events. */
int vsnd_epoll_control(int epoll, int operation, int fd, uint32_t events, uint64_t token);
int vsnd_epoll_wait(int epoll, uint64_t *_Nonnull tokens, uint32_t *_Nonnull events, int count, int milliseconds);

/* CLOCK_MONOTONIC in nanoseconds. */
VSND_RT uint64_t vsnd_monotonic_ns(void);

/* The same as of the kernel's last tick, up to 10 ms ago: a few nanoseconds cheaper, and never later. */
VSND_RT uint64_t vsnd_monotonic_coarse_ns(void);

/* The text of an errno, like strerror, but safe with threads. */
void vsnd_describe_error(int code, char *_Nonnull text, size_t count);

/* Starts a thread that takes none of the process's signals. Result: 0 or an errno. */
int vsnd_thread_start(uint64_t *_Nonnull thread, void *_Nullable (*_Nonnull body)(void *_Nullable),
                      void *_Nullable argument);
/* Names the calling thread; at most 15 bytes. */
void vsnd_thread_name(const char *_Nonnull name);
int vsnd_thread_join(uint64_t thread);

#endif
