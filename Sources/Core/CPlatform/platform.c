// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
#define _GNU_SOURCE
#include "platform.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

int vsnd_eventfd_signal(int fd)
{
  const uint64_t one = 1;
  return write(fd, &one, sizeof one) < 0 && errno != EAGAIN ? errno : 0;
}

// Aligned as the kernel's macros want it.
union control {
  struct cmsghdr header;
  char bytes[CMSG_SPACE(VSND_MAX_DESCRIPTORS * sizeof(int))];
};

ssize_t vsnd_receive(int socket, void *bytes, size_t count, int *fds, size_t *fd_count, int *truncated)
{
  union control control;
  struct iovec part = {.iov_base = bytes, .iov_len = count};
  struct msghdr message = {
    .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  *fd_count = 0;
  *truncated = 0;
  const ssize_t received = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (received < 0) return received;
  *truncated = (message.msg_flags & MSG_CTRUNC) != 0;
  for (struct cmsghdr *item = CMSG_FIRSTHDR(&message); item; item = CMSG_NXTHDR(&message, item)) {
    if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) continue;
    const size_t arrived = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < arrived; i++) {
      int fd;
      memcpy(&fd, CMSG_DATA(item) + i * sizeof fd, sizeof fd);
      if (*fd_count < VSND_MAX_DESCRIPTORS) fds[(*fd_count)++] = fd;
      else close(fd);
    }
  }
  return received;
}

ssize_t vsnd_send(int socket, const void *bytes, size_t count, const int *fds, size_t fd_count)
{
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(253 * sizeof(int))]; // SCM_MAX_FD of the kernel
  } control;
  struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (fd_count > 253) {
    errno = EINVAL;
    return -1;
  }
  if (fd_count > 0) {
    memset(&control, 0, sizeof control);
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
    struct cmsghdr *item = CMSG_FIRSTHDR(&message);
    item->cmsg_level = SOL_SOCKET;
    item->cmsg_type = SCM_RIGHTS;
    item->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
    memcpy(CMSG_DATA(item), fds, fd_count * sizeof(int));
  }
  return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int unix_address(struct sockaddr_un *address, const char *path)
{
  const size_t length = strlen(path);
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  if (length == 0 || length >= sizeof address->sun_path) {
    errno = length == 0 ? ENOENT : ENAMETOOLONG;
    return -1;
  }
  memcpy(address->sun_path, path, length);
  return 0;
}

int vsnd_bind_unix(int socket, const char *path)
{
  struct sockaddr_un address;
  if (unix_address(&address, path) < 0) return -1;
  return bind(socket, (const struct sockaddr *)&address, sizeof address);
}

int vsnd_connect_unix(int socket, const char *path)
{
  struct sockaddr_un address;
  if (unix_address(&address, path) < 0) return -1;
  return connect(socket, (const struct sockaddr *)&address, sizeof address);
}

int vsnd_rename_new(const char *from, const char *to)
{
  const int done = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
  return done < 0 && (errno == EINVAL || errno == ENOSYS) ? rename(from, to) : done;
}

int vsnd_accept(int listener) { return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC); }

int vsnd_memfd(const char *name) { return memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING); }

long vsnd_huge_page_size(int fd)
{
  struct statfs status;
  if (fstatfs(fd, &status) < 0) return -1;
  return (unsigned long)status.f_type == HUGETLBFS_MAGIC ? (long)status.f_bsize : 0;
}

int vsnd_epoll_control(int epoll, int operation, int fd, uint32_t events, uint64_t token)
{
  struct epoll_event event = {.events = events, .data.u64 = token};
  return epoll_ctl(epoll, operation, fd, &event);
}

int vsnd_epoll_wait(int epoll, uint64_t *tokens, uint32_t *events, int count, int milliseconds)
{
  struct epoll_event found[64];
  const int ready = epoll_wait(epoll, found, count < 64 ? count : 64, milliseconds);
  for (int i = 0; i < ready; i++) {
    tokens[i] = found[i].data.u64;
    events[i] = found[i].events;
  }
  return ready;
}

static uint64_t read_clock(clockid_t clock)
{
  struct timespec now;
  clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t vsnd_monotonic_ns(void) { return read_clock(CLOCK_MONOTONIC); }

uint64_t vsnd_monotonic_coarse_ns(void) { return read_clock(CLOCK_MONOTONIC_COARSE); }

void vsnd_describe_error(int code, char *text, size_t count)
{
  const char *found = strerror_r(code, text, count);
  if (found != text) snprintf(text, count, "%s", found);
}

int vsnd_thread_start(uint64_t *thread, void *(*body)(void *), void *argument)
{
  pthread_t started;
  // Signals are the control thread's: every other one starts with all of them blocked, except those
  // that a fault of its own raises.
  sigset_t mask, before;
  sigfillset(&mask);
  sigdelset(&mask, SIGBUS);
  sigdelset(&mask, SIGSEGV);
  sigdelset(&mask, SIGILL);
  sigdelset(&mask, SIGFPE);
  sigdelset(&mask, SIGTRAP);
  pthread_sigmask(SIG_SETMASK, &mask, &before);
  const int failure = pthread_create(&started, NULL, body, argument);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (failure) return failure;
  *thread = (uint64_t)started;
  return 0;
}

void vsnd_thread_name(const char *name) { pthread_setname_np(pthread_self(), name); }

int vsnd_thread_join(uint64_t thread) { return pthread_join((pthread_t)thread, NULL); }
