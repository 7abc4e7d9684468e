/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parent of a server's processes. It does nothing but wait on three descriptors: signals, the
 * pipe on which children say they are ready, and the clock for restarts.
 */
#include "server/common/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cede/posix.h"
#include "server/common/log.h"

struct slot {
    const char *name;
    unsigned index;
    supervisor_main run;
    void *context;
    pid_t pid; /* 0: not running */
    bool ready;
    uint64_t started_at; /* monotonic ms */
    uint64_t restart_at; /* when pid is 0 */
    unsigned delay_ms;   /* before the next restart */
};

struct supervisor {
    const struct supervisor_config *config;
    struct slot slots[SUPERVISOR_CHILDREN_MAX];
    unsigned slots_count;
    char pid_path[PATH_MAX];
    char ready_path[PATH_MAX];
    int lock_fd;
    int signal_fd;
    int ready_pipe[2];
    sigset_t old_mask;
    bool announced; /* every child was ready once */
    bool stopping;
    bool start_failed;
    uint64_t kill_at; /* while stopping */
};

/* --- the child's side --------------------------------------------------------------------------
 */

void supervisor_child_ready(const struct supervisor_child *child)
{
    uint8_t slot = (uint8_t)child->slot;
    (void)!write(child->ready_fd, &slot, 1);
}

bool supervisor_child_stopping(const struct supervisor_child *child)
{
    struct pollfd wait = {.fd = child->stop_fd, .events = POLLIN};
    return poll(&wait, 1, 0) > 0;
}

static void stop_signals(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGINT);
}

/* In the new process: SIGTERM and SIGINT become readable on stop_fd, SIGCHLD is normal again. */
static void child_main(struct supervisor *supervisor, unsigned number, pid_t parent)
{
    struct slot *slot = &supervisor->slots[number];
    struct supervisor_child child = {slot->name, slot->index, -1, supervisor->ready_pipe[1],
                                     number};
    sigset_t stops;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(EXIT_FAILURE); /* it died before prctl */
    }
    close(supervisor->lock_fd); /* or the lock would outlive the parent */
    close(supervisor->signal_fd);
    close(supervisor->ready_pipe[0]);
    sigprocmask(SIG_SETMASK, &supervisor->old_mask, NULL);
    signal(SIGPIPE, SIG_IGN); /* a partner that hangs up early must not end a process */
    stop_signals(&stops);
    sigprocmask(SIG_BLOCK, &stops, NULL);
    child.stop_fd = signalfd(-1, &stops, SFD_CLOEXEC | SFD_NONBLOCK);
    if (child.stop_fd < 0) {
        _exit(EXIT_FAILURE);
    }
    exit(slot->run(slot->context, &child));
}

/* --- starting and restarting -------------------------------------------------------------------
 */

static enum cede_status start(struct supervisor *supervisor, unsigned number)
{
    struct slot *slot = &supervisor->slots[number];
    pid_t parent = getpid();
    fflush(NULL); /* the child must not print it again */
    pid_t pid = fork();
    if (pid == 0) {
        child_main(supervisor, number, parent);
    }
    if (pid < 0) {
        log_error("cannot start %s %u: %s", slot->name, slot->index, strerror(errno));
        slot->restart_at = cede_monotonic_ms() + SUPERVISOR_RESTART_MAX_MS;
        return CEDE_OS_FAILED;
    }
    slot->pid = pid;
    slot->ready = false;
    slot->started_at = cede_monotonic_ms();
    return CEDE_OK;
}

static void plan_restart(struct slot *slot)
{
    uint64_t now = cede_monotonic_ms();
    if (slot->delay_ms == 0 || now - slot->started_at >= SUPERVISOR_RESTART_MAX_MS) {
        slot->delay_ms = SUPERVISOR_RESTART_FIRST_MS;
    }
    slot->restart_at = now + slot->delay_ms;
    slot->delay_ms = slot->delay_ms * 2 > SUPERVISOR_RESTART_MAX_MS ? SUPERVISOR_RESTART_MAX_MS
                                                                    : slot->delay_ms * 2;
}

static void log_end(const struct slot *slot, int ended)
{
    if (WIFSIGNALED(ended)) {
        log_warning("%s %u ended by signal %d", slot->name, slot->index, WTERMSIG(ended));
    } else {
        log_warning("%s %u ended with status %d", slot->name, slot->index, WEXITSTATUS(ended));
    }
}

static void stop_all(struct supervisor *supervisor)
{
    if (supervisor->stopping) {
        return;
    }
    supervisor->stopping = true;
    supervisor->kill_at = cede_monotonic_ms() + SUPERVISOR_STOP_MS;
    for (unsigned i = 0; i < supervisor->slots_count; i++) {
        if (supervisor->slots[i].pid > 0) {
            kill(supervisor->slots[i].pid, SIGTERM);
        }
    }
}

static void child_ended(struct supervisor *supervisor, struct slot *slot, int ended)
{
    slot->pid = 0;
    slot->ready = false;
    if (supervisor->stopping) {
        return;
    }
    log_end(slot, ended);
    if (!supervisor->announced && WIFEXITED(ended)) {
        supervisor->start_failed = true;
        stop_all(supervisor);
        return;
    }
    plan_restart(slot);
}

static void reap(struct supervisor *supervisor)
{
    for (unsigned i = 0; i < supervisor->slots_count; i++) {
        struct slot *slot = &supervisor->slots[i];
        int ended = 0;
        if (slot->pid > 0 && waitpid(slot->pid, &ended, WNOHANG) == slot->pid) {
            child_ended(supervisor, slot, ended);
        }
    }
}

/* --- readiness ---------------------------------------------------------------------------------
 */

static void announce(struct supervisor *supervisor)
{
    const char *line = supervisor->config->ready_line;
    struct cede_span empty = CEDE_SPAN_TEXT("");
    supervisor->announced = true;
    if (cede_file_write(supervisor->ready_path, 0644, empty) != CEDE_OK) {
        log_error("cannot write %s: %s", supervisor->ready_path, strerror(errno));
    }
    printf("%s\n", line == NULL ? "ready" : line);
    fflush(stdout);
    log_info("ready with %u processes", supervisor->slots_count);
}

static void read_ready(struct supervisor *supervisor)
{
    uint8_t said[SUPERVISOR_CHILDREN_MAX];
    ssize_t len = read(supervisor->ready_pipe[0], said, sizeof said);
    for (ssize_t i = 0; i < len; i++) {
        if (said[i] < supervisor->slots_count) {
            supervisor->slots[said[i]].ready = true;
        }
    }
    for (unsigned i = 0; i < supervisor->slots_count; i++) {
        if (!supervisor->slots[i].ready) {
            return;
        }
    }
    if (!supervisor->announced && !supervisor->stopping) {
        announce(supervisor);
    }
}

/* --- the loop ----------------------------------------------------------------------------------
 */

static void read_signals(struct supervisor *supervisor)
{
    struct signalfd_siginfo info;
    while (read(supervisor->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo != SIGCHLD) {
            stop_all(supervisor);
        }
    }
    reap(supervisor);
}

static bool any_running(const struct supervisor *supervisor)
{
    for (unsigned i = 0; i < supervisor->slots_count; i++) {
        if (supervisor->slots[i].pid > 0) {
            return true;
        }
    }
    return false;
}

/* Does what the clock asks for; returns the milliseconds until it asks again. */
static int keep_time(struct supervisor *supervisor)
{
    uint64_t now = cede_monotonic_ms();
    uint64_t next = now + 60000;
    if (supervisor->stopping) {
        if (now < supervisor->kill_at) {
            return (int)(supervisor->kill_at - now);
        }
        for (unsigned i = 0; i < supervisor->slots_count; i++) {
            if (supervisor->slots[i].pid > 0) {
                log_warning("%s does not stop: killed", supervisor->slots[i].name);
                kill(supervisor->slots[i].pid, SIGKILL);
            }
        }
        return SUPERVISOR_STOP_MS;
    }
    for (unsigned i = 0; i < supervisor->slots_count; i++) {
        struct slot *slot = &supervisor->slots[i];
        if (slot->pid == 0 && slot->restart_at <= now) {
            (void)!start(supervisor, i);
        }
        if (slot->pid == 0 && slot->restart_at < next) {
            next = slot->restart_at;
        }
    }
    return next > now ? (int)(next - now) : 0;
}

static void serve(struct supervisor *supervisor)
{
    while (!supervisor->stopping || any_running(supervisor)) {
        struct pollfd waits[2] = {{.fd = supervisor->signal_fd, .events = POLLIN},
                                  {.fd = supervisor->ready_pipe[0], .events = POLLIN}};
        int timeout = keep_time(supervisor);
        if (poll(waits, 2, timeout) < 0) {
            continue; /* EINTR */
        }
        if (waits[1].revents & POLLIN) {
            read_ready(supervisor);
        }
        if (waits[0].revents & POLLIN) {
            read_signals(supervisor);
        }
    }
}

/* --- set-up ------------------------------------------------------------------------------------
 */

static enum cede_status os_failed(const char *what, const char *name)
{
    log_error("%s %s: %s", what, name, strerror(errno));
    return CEDE_OS_FAILED;
}

/* The lock lives as long as this open file; the number in it is for people. */
static enum cede_status lock_directory(struct supervisor *supervisor)
{
    supervisor->lock_fd = open(supervisor->pid_path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (supervisor->lock_fd < 0) {
        return os_failed("cannot open", supervisor->pid_path);
    }
    if (flock(supervisor->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK ? CEDE_SERVER_RUNNING
                                    : os_failed("cannot lock", supervisor->pid_path);
    }
    if (ftruncate(supervisor->lock_fd, 0) != 0 ||
        dprintf(supervisor->lock_fd, "%d\n", (int)getpid()) < 0) {
        return os_failed("cannot write", supervisor->pid_path);
    }
    (void)!unlink(supervisor->ready_path); /* left by one that was killed */
    return CEDE_OK;
}

static enum cede_status watch_signals(struct supervisor *supervisor)
{
    sigset_t signals;
    stop_signals(&signals);
    sigaddset(&signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &signals, &supervisor->old_mask);
    supervisor->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    return supervisor->signal_fd < 0 ? os_failed("no", "signalfd") : CEDE_OK;
}

static void add_slot(struct supervisor *supervisor, const char *name, unsigned index,
                     supervisor_main run, void *context)
{
    struct slot *slot = &supervisor->slots[supervisor->slots_count++];
    slot->name = name;
    slot->index = index;
    slot->run = run;
    slot->context = context;
}

static enum cede_status prepare(struct supervisor *supervisor)
{
    const struct supervisor_config *config = supervisor->config;
    int pid_len =
        snprintf(supervisor->pid_path, sizeof supervisor->pid_path, "%s/pid", config->directory);
    int ready_len = snprintf(supervisor->ready_path, sizeof supervisor->ready_path, "%s/ready",
                             config->directory);
    if (pid_len >= PATH_MAX || ready_len >= PATH_MAX || config->workers == 0 ||
        config->workers + config->helpers_count > SUPERVISOR_CHILDREN_MAX) {
        return CEDE_BAD_ARGUMENT;
    }
    for (unsigned i = 0; i < config->workers; i++) {
        add_slot(supervisor, "worker", i, config->worker, config->context);
    }
    for (size_t i = 0; i < config->helpers_count; i++) {
        const struct supervisor_helper *helper = &config->helpers[i];
        add_slot(supervisor, helper->name, 0, helper->run, helper->context);
    }
    CEDE_TRY(lock_directory(supervisor));
    if (pipe2(supervisor->ready_pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
        return os_failed("no", "pipe");
    }
    return watch_signals(supervisor);
}

static void close_open(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

static void clean_up(struct supervisor *supervisor, bool locked)
{
    if (locked) {
        (void)!unlink(supervisor->ready_path);
        (void)!ftruncate(supervisor->lock_fd, 0);
    }
    if (supervisor->signal_fd >= 0) {
        sigprocmask(SIG_SETMASK, &supervisor->old_mask, NULL);
    }
    close_open(supervisor->lock_fd);
    close_open(supervisor->signal_fd);
    close_open(supervisor->ready_pipe[0]);
    close_open(supervisor->ready_pipe[1]);
    free(supervisor);
}

enum cede_status supervisor_run(const struct supervisor_config *config)
{
    struct supervisor *supervisor = calloc(1, sizeof *supervisor);
    if (supervisor == NULL) {
        return CEDE_SERVER_FAILED;
    }
    supervisor->config = config;
    supervisor->lock_fd = supervisor->signal_fd = -1;
    supervisor->ready_pipe[0] = supervisor->ready_pipe[1] = -1;
    log_set_actor(config->actor);
    enum cede_status status = prepare(supervisor);
    bool prepared = status == CEDE_OK;
    if (prepared) {
        serve(supervisor); /* starts the children: all are due at once */
        status = supervisor->start_failed ? CEDE_SERVER_START : CEDE_OK;
    }
    clean_up(supervisor, prepared);
    return status;
}
