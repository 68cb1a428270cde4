// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
#define _GNU_SOURCE
#include "process.h"

#include <stdlib.h>
#include <sys/auxv.h>

const char *vsnd_secure_getenv(const char *name) { return secure_getenv(name); }

int vsnd_is_secure(void) { return getauxval(AT_SECURE) != 0; }
