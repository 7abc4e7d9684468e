/* SPDX-License-Identifier: Apache-2.0 */
/* processes.c - fork, exec, signals. */
#include "demo/processes.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STOP_MS 5000
#define STEP_MS 20

#define PORT_FIRST 10000
#define PORT_COUNT 20000

static volatile sig_atomic_t stop_asked;

static void on_signal(int number)
{
    (void)number;
    stop_asked = 1;
}

void interrupts_catch(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool interrupted(void)
{
    return stop_asked != 0;
}

bool processes_init(struct processes *processes)
{
    static char program[4096];
    ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);

    memset(processes, 0, sizeof *processes);
    if (len <= 0) {
        return false;
    }
    program[len] = '\0';
    processes->program = program;
    return true;
}

static void stop_signals(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGTERM);
}

static void take_signals_as_usual(void)
{
    sigset_t stops;

    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    stop_signals(&stops);
    sigprocmask(SIG_UNBLOCK, &stops, NULL);
}

/* In the child: dies with the parent, shares no terminal signals, writes where it is told. */
static void exec_child(const char *program, pid_t parent, const char *log, int output,
                       const char *const *arguments)
{
    char *argv[PROCESS_ARGUMENTS_MAX + 2];
    int log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    int null_fd = open("/dev/null", O_RDONLY);
    size_t count = 0;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || log_fd < 0 || null_fd < 0) {
        _exit(127);
    }
    setpgid(0, 0);
    dup2(null_fd, STDIN_FILENO);
    dup2(output >= 0 ? output : log_fd, STDOUT_FILENO);
    dup2(log_fd, STDERR_FILENO);
    argv[count++] = (char *)(uintptr_t)program;
    while (arguments[count - 1] != NULL && count <= PROCESS_ARGUMENTS_MAX) {
        argv[count] = (char *)(uintptr_t)arguments[count - 1];
        count++;
    }
    argv[count] = NULL;
    take_signals_as_usual();
    execv(program, argv);
    _exit(127);
}

/* Signals wait while the child still has our handlers: they would swallow its SIGTERM. */
static pid_t spawn(const char *program, const char *log, int output, const char *const *arguments)
{
    pid_t parent = getpid();
    sigset_t stops, before;
    pid_t pid;

    stop_signals(&stops);
    sigprocmask(SIG_BLOCK, &stops, &before);
    pid = fork();
    if (pid == 0) {
        exec_child(program, parent, log, output, arguments);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    return pid;
}

bool processes_start(struct processes *processes, const char *log, const char *const *arguments)
{
    pid_t pid;

    if (processes->count == processes->cap) {
        size_t cap = processes->cap == 0 ? 64 : processes->cap * 2;
        void *pids = realloc(processes->pids, cap * sizeof *processes->pids);

        if (pids == NULL) {
            return false;
        }
        processes->pids = pids;
        processes->cap = cap;
    }
    pid = spawn(processes->program, log, -1, arguments);
    if (pid < 0) {
        return false;
    }
    processes->pids[processes->count++] = pid;
    return true;
}

/* Reads to the end of the pipe, keeping what fits. */
static void drain(int fd, char *output, size_t cap)
{
    char surplus[512];
    size_t len = 0;

    for (;;) {
        size_t room = output != NULL && len + 1 < cap ? cap - len - 1 : 0;
        ssize_t got = room > 0 ? read(fd, output + len, room) : read(fd, surplus, sizeof surplus);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        len += room > 0 ? (size_t)got : 0;
    }
    if (output != NULL && cap > 0) {
        output[len] = '\0';
    }
}

int processes_run(const struct processes *processes, const char *log, const char *const *arguments,
                  char *output, size_t output_cap)
{
    int ends[2];
    int status = 0;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        return -1;
    }
    pid = spawn(processes->program, log, ends[1], arguments);
    close(ends[1]);
    drain(ends[0], output, output_cap);
    close(ends[0]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool processes_all_alive(const struct processes *processes, size_t *dead)
{
    for (size_t i = 0; i < processes->count; i++) {
        siginfo_t info;

        memset(&info, 0, sizeof info);
        if (waitid(P_PID, (id_t)processes->pids[i], &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
            info.si_pid != 0) {
            *dead = i;
            return false;
        }
    }
    return true;
}

static void rest(long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&time, NULL);
}

/* Collects the ended ones; how many are left. */
static size_t reap(struct processes *processes)
{
    size_t left = 0;

    for (size_t i = 0; i < processes->count; i++) {
        if (processes->pids[i] > 0 && waitpid(processes->pids[i], NULL, WNOHANG) != 0) {
            processes->pids[i] = 0;
        }
        left += processes->pids[i] > 0;
    }
    return left;
}

static void signal_all(const struct processes *processes, int number)
{
    for (size_t i = 0; i < processes->count; i++) {
        if (processes->pids[i] > 0) {
            kill(processes->pids[i], number);
        }
    }
}

void processes_stop(struct processes *processes)
{
    long waited = 0;

    signal_all(processes, SIGTERM);
    while (reap(processes) > 0 && waited < STOP_MS) {
        rest(STEP_MS);
        waited += STEP_MS;
    }
    signal_all(processes, SIGKILL);
    while (reap(processes) > 0) {
        rest(STEP_MS);
    }
    free(processes->pids);
    processes->pids = NULL;
    processes->count = processes->cap = 0;
}

static bool bind_loopback(int type, uint16_t *port, int *fd)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(*port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;

    *fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    if (*fd < 0 || bind(*fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        getsockname(*fd, (struct sockaddr *)&address, &len) != 0) {
        return false;
    }
    *port = ntohs(address.sin_port);
    return true;
}

/* From below the ports the system gives to clients, so that no socket of a device takes one between
 * our look and the server's start; drawn, so that demonstrations side by side do not meet. */
uint16_t free_port(void)
{
    for (int attempt = 0; attempt < 200; attempt++) {
        int tcp = -1, udp = -1;
        uint16_t port = 0;
        bool ok;

        if (getrandom(&port, sizeof port, 0) != sizeof port) {
            return 0;
        }
        port = (uint16_t)(PORT_FIRST + port % PORT_COUNT);
        ok = bind_loopback(SOCK_STREAM, &port, &tcp) && bind_loopback(SOCK_DGRAM, &port, &udp);
        if (tcp >= 0) {
            close(tcp);
        }
        if (udp >= 0) {
            close(udp);
        }
        if (ok) {
            return port;
        }
    }
    return 0;
}
