/* SPDX-License-Identifier: Apache-2.0 */
/*
 * processes.h - starts the actors of a demonstration as processes of their own, and ends every one
 * of them, whatever happens: on success, on failure, on Ctrl-C, and, by the kernel, when this
 * process is killed.
 */
#ifndef CEDE_DEMO_PROCESSES_H
#define CEDE_DEMO_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROCESS_ARGUMENTS_MAX 24

struct processes {
    const char *program; /* this executable */
    pid_t *pids;
    size_t count, cap;
};

/* Finds the running executable. */
bool processes_init(struct processes *processes);
/* Starts `cede ARGUMENTS...` in the background, its output appended to `log`. False: not started.
 * The argument list ends with a null. */
bool processes_start(struct processes *processes, const char *log, const char *const *arguments);
/* Runs `cede ARGUMENTS...` to its end; output (may be null) gets its standard output, cut to the
 * capacity; standard error goes to `log`. Returns the exit status, -1 when it could not run. */
int processes_run(const struct processes *processes, const char *log, const char *const *arguments,
                  char *output, size_t output_cap);
/* True while all started processes are alive; *dead, else, is the place in the order of starting.
 */
bool processes_all_alive(const struct processes *processes, size_t *dead);
/* SIGTERM to all, SIGKILL to what is left after five seconds, waits for the end. */
void processes_stop(struct processes *processes);

/* A free port of the loopback interface, for TCP and UDP. 0: none. */
uint16_t free_port(void);

/* Set by SIGINT and SIGTERM once interrupts_catch() was called. */
void interrupts_catch(void);
bool interrupted(void);

#endif
