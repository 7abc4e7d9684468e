/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of supervisor.c: readiness, restart of a killed worker, one server a directory, and the end
 * of all children with their parent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/common/supervisor.h"

#define WORKERS 2

struct fixture {
    char directory[64];
    pid_t parent;
    int out; /* what the supervisor prints */
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    strcpy(fixture->directory, "/tmp/cede-supervisor-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    fixture->out = -1;
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    char command[128];
    if (fixture->parent > 0) {
        kill(fixture->parent, SIGKILL);
        waitpid(fixture->parent, NULL, 0);
    }
    if (fixture->out >= 0) {
        close(fixture->out);
    }
    snprintf(command, sizeof command, "rm -rf %s", fixture->directory);
    int ended = system(command);
    free(fixture);
    return ended;
}

/* --- children ------------------------------------------------------------------------------------
 */

static void note_pid(const char *directory, const struct supervisor_child *child)
{
    char path[128];
    char temporary[160];
    snprintf(path, sizeof path, "%s/%s-%u", directory, child->name, child->index);
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    FILE *file = fopen(temporary, "w");
    if (file == NULL) {
        _exit(9);
    }
    fprintf(file, "%d", (int)getpid());
    fclose(file);
    (void)!rename(temporary, path);
}

static int serve_until_stopped(void *context, const struct supervisor_child *child)
{
    struct pollfd stop = {.fd = child->stop_fd, .events = POLLIN};
    note_pid(context, child);
    supervisor_child_ready(child);
    while (!supervisor_child_stopping(child)) {
        poll(&stop, 1, -1);
    }
    return 0;
}

static int never_stops(void *context, const struct supervisor_child *child)
{
    note_pid(context, child);
    supervisor_child_ready(child);
    while (pause() != 0) { /* always */
    }
    return 0;
}

static int gives_up(void *context, const struct supervisor_child *child)
{
    (void)context;
    (void)child;
    return 3;
}

/* Dies by a signal the first two times, then serves. */
static int dies_twice(void *context, const struct supervisor_child *child)
{
    char path[128];
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/death-%d", (const char *)context, i);
        if (access(path, F_OK) != 0) {
            FILE *file = fopen(path, "w");
            fclose(file);
            raise(SIGKILL);
        }
    }
    return serve_until_stopped(context, child);
}

/* Writes where nobody reads any more, as to a partner that has hung up; then serves. */
static int writes_into_the_void(void *context, const struct supervisor_child *child)
{
    int ends[2];

    if (pipe(ends) != 0 || close(ends[0]) != 0 || write(ends[1], "x", 1) != -1 || errno != EPIPE) {
        return 4;
    }
    close(ends[1]);
    return serve_until_stopped(context, child);
}

/* --- helpers -------------------------------------------------------------------------------------
 */

/* The supervisor in a process of its own, with its output on a pipe. */
static void start(struct fixture *fixture, supervisor_main worker, supervisor_main helper)
{
    int out[2];
    assert_int_equal(pipe(out), 0);
    fflush(NULL);
    fixture->parent = fork();
    if (fixture->parent == 0) {
        struct supervisor_helper helpers[] = {{"courier", helper, fixture->directory}};
        struct supervisor_config config = {.directory = fixture->directory,
                                           .actor = "test",
                                           .ready_line = "ready 4711",
                                           .workers = WORKERS,
                                           .worker = worker,
                                           .context = fixture->directory,
                                           .helpers = helpers,
                                           .helpers_count = 1};
        dup2(out[1], STDOUT_FILENO);
        close(out[0]);
        close(out[1]);
        enum cede_status status = supervisor_run(&config);
        _exit(status == CEDE_OK ? 0 : (int)((unsigned)status & 0xff));
    }
    close(out[1]);
    fixture->out = out[0];
}

static bool wait_for_file(const struct fixture *fixture, const char *name, bool there)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", fixture->directory, name);
    for (int i = 0; i < 500; i++) {
        if ((access(path, F_OK) == 0) == there) {
            return true;
        }
        usleep(20000);
    }
    return false;
}

static pid_t pid_of(const struct fixture *fixture, const char *name)
{
    char path[128];
    int pid = 0;
    snprintf(path, sizeof path, "%s/%s", fixture->directory, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &pid), 1);
    fclose(file);
    return (pid_t)pid;
}

static bool wait_until_gone(pid_t pid)
{
    for (int i = 0; i < 500; i++) {
        if (kill(pid, 0) != 0 && errno == ESRCH) {
            return true;
        }
        usleep(20000);
    }
    return false;
}

static int end_of(struct fixture *fixture)
{
    int ended = -1;
    assert_int_equal(waitpid(fixture->parent, &ended, 0), fixture->parent);
    fixture->parent = 0;
    assert_true(WIFEXITED(ended));
    return WEXITSTATUS(ended);
}

/* --- tests ---------------------------------------------------------------------------------------
 */

/* Ready is said once all are ready; SIGTERM ends all and the ready file. */
static void starts_and_stops(void **state)
{
    struct fixture *fixture = *state;
    char line[64] = "";
    start(fixture, serve_until_stopped, serve_until_stopped);
    assert_true(wait_for_file(fixture, "ready", true));
    assert_int_equal(read(fixture->out, line, sizeof line - 1), strlen("ready 4711\n"));
    assert_string_equal(line, "ready 4711\n");
    assert_int_equal(pid_of(fixture, "pid"), fixture->parent);
    pid_t worker = pid_of(fixture, "worker-1");
    pid_t courier = pid_of(fixture, "courier-0");
    kill(fixture->parent, SIGTERM);
    assert_int_equal(end_of(fixture), 0);
    assert_true(wait_until_gone(worker) && wait_until_gone(courier));
    assert_true(wait_for_file(fixture, "ready", false));
}

/* A killed worker is replaced, the others live on; SIGINT ends like SIGTERM. */
static void killed_worker_is_restarted(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, serve_until_stopped, serve_until_stopped);
    assert_true(wait_for_file(fixture, "ready", true));
    pid_t killed = pid_of(fixture, "worker-0");
    pid_t other = pid_of(fixture, "worker-1");
    for (int round = 0; round < 2; round++) {
        kill(killed, SIGKILL);
        pid_t now = killed;
        for (int i = 0; i < 500 && now == killed; i++) {
            usleep(20000);
            now = pid_of(fixture, "worker-0");
        }
        assert_int_not_equal(now, killed);
        killed = now;
    }
    assert_int_equal(pid_of(fixture, "worker-1"), other);
    assert_int_equal(kill(other, 0), 0);
    kill(fixture->parent, SIGINT);
    assert_int_equal(end_of(fixture), 0);
}

/* Ready waits for a worker that first dies by a signal. */
static void ready_waits_for_all(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, serve_until_stopped, dies_twice);
    assert_true(wait_for_file(fixture, "worker-0", true));
    assert_true(wait_for_file(fixture, "ready", true));
    assert_true(wait_for_file(fixture, "death-1", true));
    kill(fixture->parent, SIGTERM);
    assert_int_equal(end_of(fixture), 0);
}

/* A child that exits before all are ready ends the start, and the others with it. */
static void failed_start_ends_all(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, serve_until_stopped, gives_up);
    assert_int_equal(end_of(fixture), CEDE_SERVER_START & 0xff);
    assert_true(wait_for_file(fixture, "ready", false));
}

/* Two servers never run on one directory; after the first has gone, however, one may. */
static void directory_is_locked(void **state)
{
    struct fixture *fixture = *state;
    struct supervisor_config config = {
        .directory = fixture->directory, .actor = "second", .workers = 1, .worker = gives_up};
    start(fixture, serve_until_stopped, serve_until_stopped);
    assert_true(wait_for_file(fixture, "ready", true));
    assert_int_equal(supervisor_run(&config), CEDE_SERVER_RUNNING);
    assert_true(wait_for_file(fixture, "ready", true)); /* the first one's is untouched */
    pid_t worker = pid_of(fixture, "worker-0");
    kill(fixture->parent, SIGKILL);
    waitpid(fixture->parent, NULL, 0);
    fixture->parent = 0;
    assert_true(wait_until_gone(worker));
    assert_int_equal(supervisor_run(&config), CEDE_SERVER_START);
}

/* The parent's sudden death takes the children along. */
static void children_die_with_the_parent(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, never_stops, serve_until_stopped);
    assert_true(wait_for_file(fixture, "ready", true));
    pid_t worker = pid_of(fixture, "worker-0");
    pid_t courier = pid_of(fixture, "courier-0");
    kill(fixture->parent, SIGKILL);
    waitpid(fixture->parent, NULL, 0);
    fixture->parent = 0;
    assert_true(wait_until_gone(worker) && wait_until_gone(courier));
}

/* A child that does not heed the stop is killed in the end. */
static void stubborn_child_is_killed(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, never_stops, serve_until_stopped);
    assert_true(wait_for_file(fixture, "ready", true));
    pid_t worker = pid_of(fixture, "worker-0");
    kill(fixture->parent, SIGTERM);
    usleep(500000);
    assert_int_equal(kill(worker, 0), 0); /* it is given its time */
    assert_int_equal(end_of(fixture), 0);
    assert_true(wait_until_gone(worker));
}

/* Who hangs up early ends a connection, not a process. */
static void broken_pipes_end_nobody(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, writes_into_the_void, writes_into_the_void);
    assert_true(wait_for_file(fixture, "ready", true));
    kill(fixture->parent, SIGTERM);
    assert_int_equal(end_of(fixture), 0);
}

/* Nonsense is refused before anything is forked. */
static void bad_configurations_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct supervisor_config config = {
        .directory = fixture->directory, .actor = "test", .workers = 0, .worker = gives_up};
    assert_int_equal(supervisor_run(&config), CEDE_BAD_ARGUMENT);
    config.workers = SUPERVISOR_CHILDREN_MAX + 1;
    assert_int_equal(supervisor_run(&config), CEDE_BAD_ARGUMENT);
    config.workers = 1;
    config.directory = "/nonexistent/folder";
    assert_int_equal(supervisor_run(&config), CEDE_OS_FAILED);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(starts_and_stops),
        T(killed_worker_is_restarted),
        T(ready_waits_for_all),
        T(failed_start_ends_all),
        T(directory_is_locked),
        T(children_die_with_the_parent),
        T(stubborn_child_is_killed),
        T(broken_pipes_end_nobody),
        T(bad_configurations_are_refused),
    };
    return cmocka_run_group_tests_name("supervisor", tests, NULL, NULL);
}
