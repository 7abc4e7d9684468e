/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of confine.c: what a confined child still can, and what it no longer can. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/common/confine.h"
#include "store/store.h"

struct fixture {
    char root[64];
    char store[96];
    char key[96];
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    FILE *file = NULL;

    strcpy(fixture->root, "/tmp/cede-confine-XXXXXX");
    assert_non_null(mkdtemp(fixture->root));
    snprintf(fixture->store, sizeof fixture->store, "%s/store.db", fixture->root);
    snprintf(fixture->key, sizeof fixture->key, "%s/ca.key", fixture->root);
    file = fopen(fixture->key, "w");
    assert_non_null(file);
    fputs("secret\n", file);
    fclose(file);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    char command[128];

    snprintf(command, sizeof command, "rm -rf %s", fixture->root);
    free(fixture);
    return system(command);
}

static bool kernel_has_landlock(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 1;
}

/* Runs `body` in a child; its result is the number of the first promise that did not hold, 0 when
 * all did. */
static void in_a_child(int (*body)(const struct fixture *fixture), const struct fixture *fixture)
{
    int status = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        _exit(body(fixture));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static bool cannot_open(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);

    if (fd >= 0) {
        close(fd);
        return false;
    }
    return errno == EACCES;
}

static bool cannot_execute(void)
{
    char *const arguments[] = {(char *)(uintptr_t) "/bin/true", NULL};

    return execv("/bin/true", arguments) == -1 && errno == EPERM;
}

static bool store_works(struct store *store)
{
    return store_begin(store) == CEDE_OK &&
           store_run(store, "INSERT INTO note (text) VALUES (1)", NULL, 0, NULL) == CEDE_OK &&
           store_commit(store) == CEDE_OK;
}

/* --- a process that works on its store -------------------------------------------------------- */

static const struct store_migration migrations[] = {
    {"note", "CREATE TABLE note (text BIGINT NOT NULL)"}};

static int on_a_store(const struct fixture *fixture)
{
    struct store *store = NULL;
    struct store *again = NULL;
    char other[128];

    if (store_open(fixture->store, &store) != CEDE_OK ||
        store_migrate(store, migrations, 1) != CEDE_OK || !store_works(store)) {
        return 1;
    }
    if (confine_to_store(fixture->store, true) != CEDE_OK) {
        return 2;
    }
    if (!store_works(store)) {
        return 3;
    }
    store_close(store);
    /* The last one to leave has kept the log: it can be opened and written again. */
    if (store_open(fixture->store, &again) != CEDE_OK || !store_works(again)) {
        return 4;
    }
    store_close(again);
    snprintf(other, sizeof other, "%s/new", fixture->root);
    if (kernel_has_landlock() &&
        (!cannot_open(fixture->key, O_RDONLY) || !cannot_open(fixture->key, O_WRONLY) ||
         !cannot_open("/root", O_RDONLY) || !cannot_open("/var/log/dpkg.log", O_RDONLY) ||
         !cannot_open("/etc/new", O_WRONLY | O_CREAT))) {
        return 5;
    }
    if (!cannot_execute()) {
        return 6;
    }
    if (socket(AF_INET, SOCK_STREAM, 0) < 0) {
        return 7; /* it is on the network */
    }
    return 0;
}

static void a_confined_process_works_on_its_store(void **state)
{
    in_a_child(on_a_store, *state);
}

/* --- a process that only signs ---------------------------------------------------------------- */

static int with_nothing(const struct fixture *fixture)
{
    int pair[2];
    char byte = 'x';

    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0) {
        return 1;
    }
    if (confine_to_nothing(false) != CEDE_OK) {
        return 2;
    }
    if (kernel_has_landlock() &&
        (!cannot_open(fixture->key, O_RDONLY) || !cannot_open("/etc/passwd", O_RDONLY))) {
        return 3;
    }
    if (socket(AF_INET, SOCK_STREAM, 0) != -1 || errno != EPERM ||
        socket(AF_UNIX, SOCK_STREAM, 0) != -1 || errno != EPERM) {
        return 4;
    }
    if (!cannot_execute()) {
        return 5;
    }
    /* What was open goes on. */
    if (send(pair[0], &byte, 1, 0) != 1 || recv(pair[1], &byte, 1, 0) != 1) {
        return 6;
    }
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 7;
}

static void a_signer_keeps_its_socket_and_nothing_else(void **state)
{
    in_a_child(with_nothing, *state);
}

/* --- its children ----------------------------------------------------------------------------- */

static int inherited(const struct fixture *fixture)
{
    int status = 0;
    pid_t pid = 0;

    if (confine_to_nothing(true) != CEDE_OK) {
        return 1;
    }
    pid = fork();
    if (pid == 0) {
        bool holds =
            cannot_execute() && (!kernel_has_landlock() || cannot_open(fixture->key, O_RDONLY));
        _exit(holds ? 0 : 1);
    }
    return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 2;
}

static void children_inherit_it(void **state)
{
    in_a_child(inherited, *state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_confined_process_works_on_its_store, setup, teardown),
        cmocka_unit_test_setup_teardown(a_signer_keeps_its_socket_and_nothing_else, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(children_inherit_it, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
