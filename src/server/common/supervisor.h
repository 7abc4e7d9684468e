/* SPDX-License-Identifier: Apache-2.0 */
/*
 * supervisor.h - the parent process of a server: forks its workers and helpers, keeps them alive,
 * ends them together.
 *
 * Call order: the program opens its listening sockets (shared by all workers), then calls
 *      supervisor_run, which returns when the server has stopped. Everything with a life of its own
 *      (store, event base, curl, threads) is opened in the child.
 * Directory: `pid` is locked (flock) for as long as the parent lives, so two servers never run on
 *      one state directory; `ready` exists from the moment every child said it is ready.
 * Signals: SIGTERM or SIGINT to the parent stops all children. In a child both are blocked and make
 *      child->stop_fd readable, and SIGPIPE is ignored; a child still alive STOP_MS later is
 *      killed. When the parent dies in any way the kernel kills the children: they keep no state
 *      that a crash may lose.
 * Restart: a child that dies is started again after RESTART_FIRST_MS, doubled with each death up to
 *      RESTART_MAX_MS, from the start again once it has lived that long. A child that exits with an
 *      error before the server was ready ends the start: a wrong configuration is told at once.
 */
#ifndef CEDE_SERVER_SUPERVISOR_H
#define CEDE_SERVER_SUPERVISOR_H

#include <stdbool.h>
#include <stddef.h>

#include "cede/status.h"

#define SUPERVISOR_STOP_MS          5000
#define SUPERVISOR_RESTART_FIRST_MS 100
#define SUPERVISOR_RESTART_MAX_MS   10000
#define SUPERVISOR_CHILDREN_MAX     128

/* What a child is told. */
struct supervisor_child {
    const char *name; /* "worker" or the helper's name */
    unsigned index;   /* of the worker, from 0; 0 for a helper */
    int stop_fd;      /* readable when the child is to end; never read from it */
    int ready_fd;     /* for supervisor_child_ready only */
    unsigned slot;    /* likewise */
};

/* The life of a child; what it returns is its exit status. */
typedef int (*supervisor_main)(void *context, const struct supervisor_child *child);

struct supervisor_helper {
    const char *name; /* "courier" */
    supervisor_main run;
    void *context;
};

struct supervisor_config {
    const char *directory;  /* of the state: holds `pid` and `ready` */
    const char *actor;      /* for the log */
    const char *ready_line; /* printed on stdout when all children are ready; "ready" when null */
    unsigned workers;       /* at least 1 */
    supervisor_main worker;
    void *context; /* of the workers */
    const struct supervisor_helper *helpers;
    size_t helpers_count;
};

/* Runs the server until it is told to stop. CEDE_OK: stopped as told. CEDE_SERVER_RUNNING: another
 * one holds the directory. CEDE_SERVER_START: a child gave up before the server was ready.
 * CEDE_OS_FAILED: the system refused a file, pipe or fork; the log says which. */
CEDE_MUST_USE enum cede_status supervisor_run(const struct supervisor_config *config);

/* Called by the child once it serves. A second call does nothing. */
void supervisor_child_ready(const struct supervisor_child *child);
/* True when the child is to end; does not wait. */
bool supervisor_child_stopping(const struct supervisor_child *child);

#endif
