/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/store: values, transactions, migrations, and what a killed process leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store.h"

static const struct store_migration steps[] = {
    {"devices", "CREATE TABLE device (id {ID}, name TEXT NOT NULL UNIQUE, key {BLOB});"
                "CREATE INDEX device_key ON device (key)"},
    {"orders", "CREATE TABLE job (device BIGINT NOT NULL REFERENCES device (id), seq BIGINT)"},
    {"broken", "CREATE TABLE half (a BIGINT); CREATE TABLE device (a BIGINT)"},
};

struct fixture {
    char directory[64];
    char path[96];
    struct store *store;
};

static void fixture_open(struct fixture *fixture)
{
    assert_int_equal(store_open(fixture->path, &fixture->store), CEDE_OK);
    assert_int_equal(store_migrate(fixture->store, steps, 2), CEDE_OK);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    strcpy(fixture->directory, "/tmp/cede-store-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    snprintf(fixture->path, sizeof fixture->path, "sqlite:%s/db", fixture->directory);
    umask(0);
    fixture_open(fixture);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    char command[128];
    store_close(fixture->store);
    snprintf(command, sizeof command, "rm -rf %s", fixture->directory);
    int ended = system(command);
    free(fixture);
    return ended;
}

static int64_t devices(struct store *store)
{
    int64_t count = -1;
    assert_int_equal(store_get_int(store, "SELECT count(*) FROM device", STORE_NO_PARAMS, &count),
                     CEDE_OK);
    return count;
}

static enum cede_status add(struct store *store, const char *name)
{
    return store_run(store, "INSERT INTO device (name) VALUES ($1)", STORE_PARAMS(store_text(name)),
                     NULL);
}

struct seen {
    struct store *store;
    size_t rows;
    int64_t id;
    char name[16];
    uint8_t key[4];
    bool null_key;
};

static enum cede_status see(void *context, const struct store_row *row)
{
    struct seen *seen = context;
    seen->rows++;
    seen->id = store_column_int(row, 0);
    assert_int_equal(store_column_count(row), 3);
    seen->null_key = store_column_is_null(row, 2);
    CEDE_TRY(store_column_copy_text(row, 1, seen->name, sizeof seen->name));
    return seen->null_key ? CEDE_OK : store_column_copy_blob(row, 2, seen->key, sizeof seen->key);
}

/* Every type comes back as it went in, whatever the order of the parameters. */
static void values_round_trip(void **state)
{
    struct fixture *fixture = *state;
    static const uint8_t key[4] = {0, 1, 0xff, 0};
    struct seen seen = {0};
    int64_t id = 0;
    assert_int_equal(store_insert(fixture->store, "INSERT INTO device (key, name) VALUES ($2, $1)",
                                  STORE_PARAMS(store_text("a'b"), store_blob(CEDE_SPAN_ARRAY(key))),
                                  &id),
                     CEDE_OK);
    assert_int_equal(store_get(fixture->store, "SELECT id, name, key FROM device WHERE key = $1",
                               STORE_PARAMS(store_blob(CEDE_SPAN_ARRAY(key))), see, &seen),
                     CEDE_OK);
    assert_int_equal(seen.id, id);
    assert_string_equal(seen.name, "a'b");
    assert_memory_equal(seen.key, key, 4);
    assert_int_equal(add(fixture->store, "no key"), CEDE_OK);
    assert_int_equal(store_get(fixture->store, "SELECT id, name, key FROM device WHERE name = $1",
                               STORE_PARAMS(store_text("no key")), see, &seen),
                     CEDE_OK);
    assert_true(seen.null_key);
}

static enum cede_status see_empty(void *context, const struct store_row *row)
{
    (void)context;
    assert_false(store_column_is_null(row, 0));
    assert_non_null(store_column_blob(row, 0).ptr);
    assert_int_equal(store_column_blob(row, 0).len, 0);
    assert_null(store_column_blob(row, 1).ptr);
    assert_null(store_column_text(row, 1));
    return CEDE_OK;
}

/* Empty differs from null, on the way in and out. */
static void empty_is_not_null(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(
        store_get(fixture->store, "SELECT $1, $2",
                  STORE_PARAMS(store_blob(CEDE_SPAN_TEXT("")), store_blob(CEDE_SPAN_NULL)),
                  see_empty, NULL),
        CEDE_OK);
}

static enum cede_status see_wrong_sizes(void *context, const struct store_row *row)
{
    char text[3];
    uint8_t blob[3];
    (void)context;
    assert_int_equal(store_column_copy_text(row, 0, text, sizeof text), CEDE_NO_SPACE);
    assert_string_equal(text, "");
    assert_int_equal(store_column_copy_blob(row, 0, blob, sizeof blob), CEDE_STORE_SCHEMA);
    return CEDE_NOT_FOUND;
}

/* A column that does not fit is refused; a callback's refusal is the query's result. */
static void wrong_sizes_are_refused(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(
        store_query(fixture->store, "SELECT 'four'", STORE_NO_PARAMS, see_wrong_sizes, NULL),
        CEDE_NOT_FOUND);
}

/* Too few, too many and unnumbered parameters are refused, and so is more than one statement. */
static void wrong_parameters_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct store *store = fixture->store;
    const char *insert = "INSERT INTO device (name) VALUES ($1)";
    assert_int_equal(store_run(store, insert, STORE_NO_PARAMS, NULL), CEDE_BAD_ARGUMENT);
    assert_int_equal(store_run(store, insert, STORE_PARAMS(store_int(1), store_int(2)), NULL),
                     CEDE_BAD_ARGUMENT);
    assert_int_equal(
        store_run(store, "INSERT INTO device (name) VALUES ($2)", STORE_PARAMS(store_int(1)), NULL),
        CEDE_BAD_ARGUMENT);
    assert_int_equal(
        store_run(store, "INSERT INTO device (name) VALUES (?)", STORE_PARAMS(store_int(1)), NULL),
        CEDE_BAD_ARGUMENT);
    assert_int_equal(store_run(store, "DELETE FROM device; DELETE FROM job", STORE_NO_PARAMS, NULL),
                     CEDE_BAD_ARGUMENT);
    assert_int_equal(store_run(store, "NONSENSE", STORE_NO_PARAMS, NULL), CEDE_STORE_FAILED);
    assert_non_null(strstr(store_error(store), "NONSENSE"));
    assert_int_equal(devices(store), 0);
}

/* A broken rule of the schema is told apart from a failure of the store. */
static void conflicts_are_told_apart(void **state)
{
    struct fixture *fixture = *state;
    int64_t changed = -1;
    assert_int_equal(add(fixture->store, "a"), CEDE_OK);
    assert_int_equal(add(fixture->store, "a"), CEDE_STORE_CONFLICT);
    assert_int_equal(add(fixture->store, NULL), CEDE_STORE_CONFLICT);
    assert_int_equal(store_run(fixture->store, "INSERT INTO job VALUES ($1, $2)",
                               STORE_PARAMS(store_int(999), store_int(1)), NULL),
                     CEDE_STORE_CONFLICT); /* foreign_keys=ON */
    assert_int_equal(
        store_run(fixture->store,
                  "INSERT INTO device (name) VALUES ($1) ON CONFLICT (name) DO NOTHING",
                  STORE_PARAMS(store_text("a")), &changed),
        CEDE_OK);
    assert_int_equal(changed, 0);
    assert_int_equal(
        store_insert(fixture->store,
                     "INSERT INTO device (name) VALUES ($1) ON CONFLICT (name) DO NOTHING",
                     STORE_PARAMS(store_text("a")), &changed),
        CEDE_STORE_CONFLICT);
    assert_int_equal(changed, 0);
    assert_int_equal(store_insert(fixture->store, "INSERT INTO device (name) VALUES ($1)",
                                  STORE_PARAMS(store_text("a")), &changed),
                     CEDE_STORE_CONFLICT);
    assert_int_equal(add(fixture->store, "b"), CEDE_OK);
    assert_int_equal(store_run(fixture->store, "UPDATE device SET key = $1",
                               STORE_PARAMS(store_blob(CEDE_SPAN_TEXT("k"))), &changed),
                     CEDE_OK);
    assert_int_equal(changed, 2);
}

static enum cede_status refuse_second(void *context, const struct store_row *row)
{
    struct seen *seen = context;
    int64_t same = 0;
    seen->rows++;
    /* The same SQL as the one stepping, and a write, from inside the callback. */
    if (seen->rows == 1) {
        struct seen inner = {seen->store, 1, 0, "", {0}, false};
        CEDE_TRY(store_query(seen->store, "SELECT id FROM device ORDER BY id", STORE_NO_PARAMS,
                             refuse_second, &inner));
        assert_int_equal(inner.rows, 3);
    }
    CEDE_TRY(store_get_int(seen->store, "SELECT id FROM device WHERE id = $1",
                           STORE_PARAMS(store_int(store_column_int(row, 0))), &same));
    assert_int_equal(same, store_column_int(row, 0));
    return CEDE_OK;
}

/* A row callback may use the store, even with the statement that is stepping. */
static void callbacks_may_query(void **state)
{
    struct fixture *fixture = *state;
    struct seen seen = {.store = fixture->store};
    assert_int_equal(add(fixture->store, "a"), CEDE_OK);
    assert_int_equal(add(fixture->store, "b"), CEDE_OK);
    assert_int_equal(store_query(fixture->store, "SELECT id FROM device ORDER BY id",
                                 STORE_NO_PARAMS, refuse_second, &seen),
                     CEDE_OK);
    assert_int_equal(seen.rows, 2);
}

/* One row means one: none is CEDE_NOT_FOUND, two are a failure, a null is not a number. */
static void one_row_means_one(void **state)
{
    struct fixture *fixture = *state;
    int64_t id = 7;
    const char *sql = "SELECT id FROM device";
    assert_int_equal(store_get_int(fixture->store, sql, STORE_NO_PARAMS, &id), CEDE_NOT_FOUND);
    assert_int_equal(id, 0);
    assert_int_equal(add(fixture->store, "a"), CEDE_OK);
    assert_int_equal(store_get_int(fixture->store, sql, STORE_NO_PARAMS, &id), CEDE_OK);
    assert_int_equal(add(fixture->store, "b"), CEDE_OK);
    assert_int_equal(store_get_int(fixture->store, sql, STORE_NO_PARAMS, &id), CEDE_STORE_FAILED);
    assert_int_equal(store_get_int(fixture->store, "SELECT NULL", STORE_NO_PARAMS, &id),
                     CEDE_NOT_FOUND);
}

/* The statement cache makes room: more texts than slots, used twice. */
static void many_statements_fit(void **state)
{
    struct fixture *fixture = *state;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 300; i++) {
            char sql[64];
            int64_t number = 0;
            snprintf(sql, sizeof sql, "SELECT $1 + %d", i);
            assert_int_equal(
                store_get_int(fixture->store, sql, STORE_PARAMS(store_int(1000)), &number),
                CEDE_OK);
            assert_int_equal(number, 1000 + i);
        }
    }
}

/* Rollback takes all back, commit keeps all, and they must pair. */
static void transactions_pair(void **state)
{
    struct fixture *fixture = *state;
    struct store *store = fixture->store;
    assert_false(store_in_transaction(store));
    assert_int_equal(store_commit(store), CEDE_BAD_ARGUMENT);
    assert_int_equal(store_begin(store), CEDE_OK);
    assert_true(store_in_transaction(store));
    assert_int_equal(store_begin(store), CEDE_BAD_ARGUMENT);
    assert_int_equal(add(store, "a"), CEDE_OK);
    store_rollback(store);
    assert_false(store_in_transaction(store));
    assert_int_equal(devices(store), 0);
    assert_int_equal(store_begin(store), CEDE_OK);
    assert_int_equal(add(store, "a"), CEDE_OK);
    assert_int_equal(add(store, "a"), CEDE_STORE_CONFLICT); /* takes back itself only */
    assert_int_equal(store_commit(store), CEDE_OK);
    assert_int_equal(devices(store), 1);
    store_rollback(store);
}

/* A part of a transaction is taken back alone: one bad request in a group. */
static void parts_are_taken_back_alone(void **state)
{
    struct fixture *fixture = *state;
    struct store *store = fixture->store;
    assert_int_equal(store_part_begin(store), CEDE_BAD_ARGUMENT);
    assert_int_equal(store_begin(store), CEDE_OK);
    assert_int_equal(store_part_commit(store), CEDE_BAD_ARGUMENT);
    assert_int_equal(store_part_begin(store), CEDE_OK);
    assert_int_equal(add(store, "kept"), CEDE_OK);
    assert_int_equal(store_part_begin(store), CEDE_OK);
    assert_int_equal(add(store, "inner"), CEDE_OK);
    store_part_rollback(store);
    assert_int_equal(store_part_commit(store), CEDE_OK);
    assert_int_equal(store_part_begin(store), CEDE_OK);
    assert_int_equal(add(store, "bad"), CEDE_OK);
    store_part_rollback(store);
    assert_int_equal(store_commit(store), CEDE_OK);
    assert_int_equal(devices(store), 1);
    /* An open part means a request is unfinished: the commit is refused and nothing kept. */
    assert_int_equal(store_begin(store), CEDE_OK);
    assert_int_equal(store_part_begin(store), CEDE_OK);
    assert_int_equal(add(store, "unfinished"), CEDE_OK);
    assert_int_equal(store_commit(store), CEDE_BAD_ARGUMENT);
    assert_false(store_in_transaction(store));
    assert_int_equal(devices(store), 1);
}

static enum cede_status add_last(struct store *store, const char *name)
{
    int64_t id = 0;
    return store_insert_last(store, "INSERT INTO device (name) VALUES ($1)",
                             STORE_PARAMS(store_text(name)), &id);
}

/* The last change of a part has no savepoint: it is whole or not there, and never kept by halves.
 */
static void a_last_change_is_whole(void **state)
{
    struct fixture *fixture = *state;
    struct store *store = fixture->store;
    assert_int_equal(store_begin(store), CEDE_OK);
    assert_int_equal(store_part_begin(store), CEDE_OK);
    assert_int_equal(add_last(store, "kept"), CEDE_OK);
    assert_int_equal(store_part_commit(store), CEDE_OK);
    assert_int_equal(store_part_begin(store), CEDE_OK);
    assert_int_equal(add_last(store, "kept"), CEDE_STORE_CONFLICT);
    store_part_rollback(store); /* nothing was changed: nothing is lost */
    assert_int_equal(store_commit(store), CEDE_OK);
    assert_int_equal(devices(store), 1);
    /* Taken back after its last change, with nothing behind it and with another change. */
    for (int another = 0; another < 2; another++) {
        assert_int_equal(store_begin(store), CEDE_OK);
        assert_int_equal(add(store, "of the same turn"), CEDE_OK);
        assert_int_equal(store_part_begin(store), CEDE_OK);
        assert_int_equal(add_last(store, "late"), CEDE_OK);
        assert_int_equal(another ? add(store, "later") : CEDE_OK, CEDE_OK);
        store_part_rollback(store);
        assert_int_equal(store_commit(store), CEDE_STORE_FAILED);
        assert_false(store_in_transaction(store));
        assert_int_equal(devices(store), 1);
    }
    /* What is around it can be taken back alone. */
    assert_int_equal(store_begin(store), CEDE_OK);
    assert_int_equal(add(store, "of the same turn"), CEDE_OK);
    assert_int_equal(store_part_begin(store), CEDE_OK);
    assert_int_equal(store_part_begin(store), CEDE_OK);
    assert_int_equal(add_last(store, "inner"), CEDE_OK);
    assert_int_equal(store_part_commit(store), CEDE_OK);
    store_part_rollback(store);
    assert_int_equal(store_commit(store), CEDE_OK);
    assert_int_equal(devices(store), 2);
}

/* Migrations run once, in order, each whole or not at all. */
static enum cede_status first_int(void *context, const struct store_row *row)
{
    *(int64_t *)context = store_column_int(row, 0);
    return CEDE_OK;
}

static int64_t pragma(struct store *store, const char *sql)
{
    int64_t number = 0;
    assert_int_equal(store_get(store, sql, STORE_NO_PARAMS, first_int, &number), CEDE_OK);
    return number;
}

/* Full: SQLite takes the whole transaction back, then and there. Nothing behind it stays alone. */
static void what_the_database_took_back_is_over(void **state)
{
    struct fixture *fixture = *state;
    struct store *store = fixture->store;
    char text[64], *long_name = calloc(1, 100001);

    memset(long_name, 'x', 100000);
    assert_int_equal(store_begin(store), CEDE_OK);
    assert_int_equal(add(store, "before"), CEDE_OK);
    snprintf(text, sizeof text, "PRAGMA max_page_count=%d",
             (int)pragma(store, "PRAGMA page_count"));
    (void)pragma(store, text);
    assert_int_equal(store_part_begin(store), CEDE_OK);
    assert_int_equal(add(store, long_name), CEDE_STORE_FAILED);
    store_part_rollback(store);
    assert_true(store_in_transaction(store)); /* until its owner ends it */
    assert_int_equal(add(store, "behind"), CEDE_STORE_FAILED);
    assert_int_equal(store_get_int(store, "SELECT 1", STORE_NO_PARAMS, &(int64_t){0}),
                     CEDE_STORE_FAILED);
    assert_int_equal(store_commit(store), CEDE_STORE_FAILED);
    assert_false(store_in_transaction(store));
    (void)pragma(store, "PRAGMA max_page_count=1000000");
    assert_int_equal(devices(store), 0);
    assert_int_equal(store_begin(store), CEDE_OK);
    assert_int_equal(add(store, "again"), CEDE_OK);
    assert_int_equal(store_commit(store), CEDE_OK);
    assert_int_equal(devices(store), 1);
    free(long_name);
}

static void migrations_are_whole(void **state)
{
    struct fixture *fixture = *state;
    struct store *store = fixture->store;
    int64_t count = 0;
    assert_int_equal(store_migrate(store, steps, 2), CEDE_OK);
    assert_int_equal(store_migrate(store, steps, 3), CEDE_STORE_FAILED);
    assert_false(store_in_transaction(store));
    assert_int_equal(store_get_int(store, "SELECT count(*) FROM sqlite_schema WHERE name = 'half'",
                                   STORE_NO_PARAMS, &count),
                     CEDE_OK);
    assert_int_equal(count, 0);
    assert_int_equal(add(store, "a"), CEDE_OK);
    assert_int_equal(store_migrate(store, steps, 2), CEDE_OK);
    assert_int_equal(devices(store), 1);
}

/* A database that knows more steps than the program, or others, is refused. */
static void foreign_schemas_are_refused(void **state)
{
    struct fixture *fixture = *state;
    static const struct store_migration renamed[] = {
        {"devices", "SELECT 1"}, {"something else", "SELECT 1"}, {"more", "SELECT 1"}};
    assert_int_equal(store_migrate(fixture->store, steps, 1), CEDE_STORE_NEWER);
    assert_non_null(strstr(store_error(fixture->store), "orders"));
    assert_int_equal(store_migrate(fixture->store, renamed, 3), CEDE_STORE_SCHEMA);
}

/* Two processes that start at once migrate once. */
static void migrations_race(void **state)
{
    struct fixture *fixture = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/race", fixture->directory);
    store_close(fixture->store);
    fixture->store = NULL;
    pid_t children[4];
    for (int i = 0; i < 4; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            struct store *store = NULL;
            bool ok = store_open(path, &store) == CEDE_OK &&
                      store_migrate(store, steps, 2) == CEDE_OK &&
                      add(store, "x") != CEDE_STORE_FAILED;
            _exit(ok ? 0 : 1);
        }
    }
    for (int i = 0; i < 4; i++) {
        int ended = -1;
        assert_int_equal(waitpid(children[i], &ended, 0), children[i]);
        assert_int_equal(ended, 0);
    }
}

/* A process killed inside a transaction leaves nothing of it; what it committed stays. */
static void killed_writer_leaves_whole_transactions(void **state)
{
    struct fixture *fixture = *state;
    int ready[2];
    char byte = 0;
    assert_int_equal(pipe(ready), 0);
    store_close(fixture->store);
    fixture->store = NULL;
    pid_t child = fork();
    if (child == 0) {
        struct store *store = NULL;
        bool ok = store_open(fixture->path, &store) == CEDE_OK && store_begin(store) == CEDE_OK &&
                  add(store, "committed") == CEDE_OK && store_commit(store) == CEDE_OK &&
                  store_begin(store) == CEDE_OK && add(store, "lost") == CEDE_OK;
        (void)!write(ready[1], ok ? "y" : "n", 1);
        pause();
        _exit(1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    fixture_open(fixture);
    assert_int_equal(devices(fixture->store), 1);
    assert_int_equal(add(fixture->store, "committed"), CEDE_STORE_CONFLICT);
    assert_int_equal(add(fixture->store, "lost"), CEDE_OK);
    close(ready[0]);
    close(ready[1]);
}

/* A second writer waits for the first instead of failing. */
static void writers_wait(void **state)
{
    struct fixture *fixture = *state;
    int ready[2];
    char byte = 0;
    int ended = -1;
    assert_int_equal(pipe(ready), 0);
    store_close(fixture->store);
    fixture->store = NULL;
    pid_t child = fork();
    if (child == 0) {
        struct store *store = NULL;
        bool ok = store_open(fixture->path, &store) == CEDE_OK && store_begin(store) == CEDE_OK &&
                  add(store, "first") == CEDE_OK;
        (void)!write(ready[1], "y", 1);
        usleep(300000);
        _exit(ok && store_commit(store) == CEDE_OK ? 0 : 1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(store_open(fixture->path, &fixture->store), CEDE_OK);
    assert_int_equal(store_begin(fixture->store), CEDE_OK);
    assert_int_equal(devices(fixture->store), 1); /* what the first one wrote is seen */
    assert_int_equal(store_commit(fixture->store), CEDE_OK);
    waitpid(child, &ended, 0);
    assert_int_equal(ended, 0);
    close(ready[0]);
    close(ready[1]);
}

/* A store that was open across a fork would corrupt the child's: the child gets none. */
static void open_store_must_not_cross_a_fork(void **state)
{
    struct fixture *fixture = *state;
    int ended = -1;
    pid_t child = fork();
    if (child == 0) {
        struct store *store = NULL;
        _exit(store_open(fixture->path, &store) == CEDE_BAD_ARGUMENT && store == NULL ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_int_equal(ended, 0);
}

/* The file is private whatever the umask; other kinds of store and missing folders are refused. */
static void files_are_private(void **state)
{
    struct fixture *fixture = *state;
    struct stat info;
    struct store *store = NULL;
    assert_int_equal(stat(fixture->path + strlen("sqlite:"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(store_open("postgresql://db/cede", &store), CEDE_STORE_UNSUPPORTED);
    assert_null(store);
    assert_int_equal(store_open("/nonexistent/folder/db", &store), CEDE_STORE_FAILED);
    assert_null(store);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(values_round_trip),
        T(empty_is_not_null),
        T(wrong_sizes_are_refused),
        T(wrong_parameters_are_refused),
        T(conflicts_are_told_apart),
        T(callbacks_may_query),
        T(one_row_means_one),
        T(many_statements_fit),
        T(transactions_pair),
        T(parts_are_taken_back_alone),
        T(a_last_change_is_whole),
        T(what_the_database_took_back_is_over),
        T(migrations_are_whole),
        T(foreign_schemas_are_refused),
        T(migrations_race),
        T(killed_writer_leaves_whole_transactions),
        T(writers_wait),
        T(open_store_must_not_cross_a_fork),
        T(files_are_private),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
