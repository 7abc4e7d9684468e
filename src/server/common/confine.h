/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confine.h - what a server's process gives up once it has opened what it needs (R10).
 *
 * A process on the network is the one that gets taken over. From confine() on it cannot start a
 * program, look into another process, be looked into by others of its user, dump core, nor open any
 * file but those it names: no key file above all. A process that only signs gives up the network.
 * What the kernel does not offer (Landlock, seccomp: Linux 5.13 and up) is left out; the rest
 * holds. There is no way back, and children inherit it. Errors: CEDE_OS_FAILED, errno tells; the
 * process should not go on.
 */
#ifndef CEDE_SERVER_CONFINE_H
#define CEDE_SERVER_CONFINE_H

#include <stdbool.h>
#include <stddef.h>

#include "cede/status.h"

enum confine_access {
    CONFINE_READ,   /* a file, or all below a directory: reading */
    CONFINE_WRITE,  /* the same: reading and writing */
    CONFINE_REPLACE /* a directory: listing, making and removing files; not reading or writing
                       others */
};

struct confine_path {
    const char *path; /* one that does not exist is skipped */
    enum confine_access access;
};

struct confine_rules {
    const struct confine_path *paths; /* null: any file, as before */
    size_t paths_count;
    bool network; /* may open sockets, connect and listen; open ones go on either way */
};

/* To be read in every process: LeakSanitizer looks into /proc when it ends; otherwise nothing. */
#if defined(__SANITIZE_ADDRESS__)
#define CONFINE_OF_ONESELF "/proc"
#else
#define CONFINE_OF_ONESELF "/dev/null"
#endif

CEDE_MUST_USE enum cede_status confine(const struct confine_rules *rules);

/* The rules of a process that works on the store at `path`, on the network or not. */
CEDE_MUST_USE enum cede_status confine_to_store(const char *path, bool network);
/* The rules of a process that needs no file at all. */
CEDE_MUST_USE enum cede_status confine_to_nothing(bool network);

#endif
