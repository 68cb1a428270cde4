/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What the kernel says about this process. */
#ifndef VSND_PROCESS_H
#define VSND_PROCESS_H

/* secure_getenv: NULL when the process has more rights than its caller. */
const char *_Nullable vsnd_secure_getenv(const char *_Nonnull name);

/* Whether the process has more rights than its caller (AT_SECURE). */
int vsnd_is_secure(void);

#endif
