/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store over SQLite: WAL with synchronous=FULL, so a commit is on disk when it returns and
 * readers never wait for the writer.
 *
 * Parameters are written $1..$N as PostgreSQL has them. To SQLite "$1" is a name, numbered in the
 * order of appearance; binding therefore goes by the number in the name.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"

/* SQLite keeps its file locks a process in global memory, which a fork copies without the locks: a
 * child with a store of its parent's still open could destroy the database even through a store of
 * its own. So that is noticed and refused. */
static pid_t opened_by;
static unsigned opened_count;

#define CACHE_SLOTS  128
#define ERROR_MAX    512
#define PARAMS_MAX   32
#define WAL_TRIES    50
#define WAL_RETRY_MS 10

struct cached {
    char *sql;
    const char *given; /* the caller's text: mostly a literal, the same each time */
    sqlite3_stmt *statement;
    uint8_t numbers[PARAMS_MAX]; /* the N of each "$N", in SQLite's order */
    uint64_t used;               /* turn of the last use: the least recent one makes room */
    bool busy;                   /* stepping: a row callback may run the same SQL again */
};

struct store {
    sqlite3 *db;
    struct cached cache[CACHE_SLOTS];
    uint64_t turn;
    bool open; /* a transaction, until the caller ends it */
    unsigned parts;
    unsigned saved; /* the outer ones of them that have their savepoint, being about to change */
    bool unsaved;   /* the innermost part has made its last change without one */
    bool spoiled;   /* and could not be taken back alone: nothing of the transaction may stay */
    char error[ERROR_MAX];
};

struct store_row {
    sqlite3_stmt *statement;
};

/* --- failures --------------------------------------------------------------------------------- */

const char *store_error(const struct store *store)
{
    return store == NULL ? "no store" : store->error;
}

static enum cede_status fail_text(struct store *store, enum cede_status status, const char *text,
                                  const char *detail)
{
    snprintf(store->error, sizeof store->error, "%s: %s", text, detail == NULL ? "" : detail);
    return status;
}

/* Maps SQLite's extended result codes; `sql` names the statement in the log. */
static enum cede_status fail(struct store *store, int code, const char *sql)
{
    snprintf(store->error, sizeof store->error, "%s (%d): %.200s", sqlite3_errmsg(store->db), code,
             sql);
    switch (code & 0xff) {
    case SQLITE_CONSTRAINT:
        return CEDE_STORE_CONFLICT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return CEDE_STORE_BUSY;
    default:
        return CEDE_STORE_FAILED;
    }
}

static enum cede_status execute(struct store *store, const char *sql)
{
    int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? CEDE_OK : fail(store, code, sql);
}

/* --- open and close --------------------------------------------------------------------------- */

/* Made here and not by SQLite, which would take the umask: the mode is ours from the first moment;
 * SQLite gives the WAL files the mode of the database. */
static enum cede_status create_private(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno == EEXIST ? CEDE_OK : CEDE_STORE_FAILED;
    }
    enum cede_status status = fchmod(fd, 0600) == 0 ? CEDE_OK : CEDE_STORE_FAILED;
    close(fd);
    return status;
}

/* While another process makes a new database one with a WAL, SQLite does not wait, but says at once
 * that it is busy. */
static enum cede_status enter_wal(struct store *store)
{
    const struct timespec a_while = {0, WAL_RETRY_MS * 1000000};
    enum cede_status status = execute(store, "PRAGMA journal_mode=WAL");

    for (int i = 0; status == CEDE_STORE_BUSY && i < WAL_TRIES; i++) {
        nanosleep(&a_while, NULL);
        status = execute(store, "PRAGMA journal_mode=WAL");
    }
    return status;
}

static enum cede_status configure(struct store *store)
{
    int keep_wal = 1; /* confined processes may write it, not make it anew */

    sqlite3_extended_result_codes(store->db, 1);
    sqlite3_file_control(store->db, NULL, SQLITE_FCNTL_PERSIST_WAL, &keep_wal);
    sqlite3_busy_timeout(store->db, STORE_BUSY_MS);
    CEDE_TRY(enter_wal(store));
    CEDE_TRY(execute(store, "PRAGMA synchronous=FULL"));
    CEDE_TRY(execute(store, "PRAGMA foreign_keys=ON"));
    CEDE_TRY(execute(store, "PRAGMA temp_store=MEMORY"));
    return execute(store, "PRAGMA trusted_schema=OFF");
}

static enum cede_status path_of(const char *url, const char **path)
{
    static const char scheme[] = "sqlite:";
    if (strncmp(url, scheme, sizeof scheme - 1) == 0) {
        *path = url + sizeof scheme - 1;
        return CEDE_OK;
    }
    const char *colon = strchr(url, ':');
    const char *slash = strchr(url, '/');
    if (colon != NULL && (slash == NULL || colon < slash)) {
        return CEDE_STORE_UNSUPPORTED;
    }
    *path = url;
    return CEDE_OK;
}

enum cede_status store_open(const char *url, struct store **store)
{
    const char *path = NULL;
    *store = NULL;
    CEDE_TRY(path_of(url, &path));
    CEDE_TRY(create_private(path));
    if (opened_count > 0 && opened_by != getpid()) {
        return CEDE_BAD_ARGUMENT;
    }
    struct store *opened = calloc(1, sizeof *opened);
    if (opened == NULL) {
        return CEDE_STORE_FAILED;
    }
    opened_by = getpid();
    opened_count++;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    enum cede_status status = CEDE_STORE_FAILED;
    if (sqlite3_open_v2(path, &opened->db, flags, NULL) == SQLITE_OK) {
        status = configure(opened);
    }
    if (status != CEDE_OK) {
        store_close(opened);
        return status;
    }
    *store = opened;
    return CEDE_OK;
}

static void forget(struct cached *slot)
{
    sqlite3_finalize(slot->statement);
    free(slot->sql);
    memset(slot, 0, sizeof *slot);
}

void store_close(struct store *store)
{
    if (store == NULL) {
        return;
    }
    for (size_t i = 0; i < CACHE_SLOTS; i++) {
        forget(&store->cache[i]);
    }
    sqlite3_close(store->db); /* rolls back */
    opened_count--;
    free(store);
}

/* --- prepared statements ---------------------------------------------------------------------- */

/* The cached statement for `sql`, or the slot it should take: the least recently used that is not
 * stepping. Null: every slot is stepping. */
static struct cached *slot_for(struct store *store, const char *sql)
{
    struct cached *oldest = NULL;
    for (size_t i = 0; i < CACHE_SLOTS; i++) { /* most often there is but one text to compare */
        struct cached *slot = &store->cache[i];
        if (slot->given == sql && !slot->busy && slot->sql != NULL && strcmp(slot->sql, sql) == 0) {
            return slot;
        }
    }
    for (size_t i = 0; i < CACHE_SLOTS; i++) {
        struct cached *slot = &store->cache[i];
        if (slot->busy) {
            continue;
        }
        if (slot->sql != NULL && strcmp(slot->sql, sql) == 0) {
            return slot;
        }
        if (oldest == NULL || slot->used < oldest->used) {
            oldest = slot;
        }
    }
    return oldest;
}

/* The N of "$N"; 0 for any other form. */
static size_t parameter_number(const char *name)
{
    char *end = NULL;
    if (name == NULL || name[0] != '$' || name[1] < '1' || name[1] > '9') {
        return 0;
    }
    unsigned long number = strtoul(name + 1, &end, 10);
    return *end == '\0' ? (size_t)number : 0;
}

/* Parameters are $1..$N, all of them. */
static bool number_parameters(struct cached *slot)
{
    int count = sqlite3_bind_parameter_count(slot->statement);
    for (int at = 1; at <= count; at++) {
        size_t number = parameter_number(sqlite3_bind_parameter_name(slot->statement, at));
        if (count > PARAMS_MAX || number == 0 || number > (size_t)count) {
            return false;
        }
        slot->numbers[at - 1] = (uint8_t)number;
    }
    return true;
}

/* Without space or memory SQLite itself takes a transaction back. What came behind would be outside
 * of it, each statement for itself. */
static bool is_lost(const struct store *store)
{
    return store->open && sqlite3_get_autocommit(store->db) != 0;
}

static enum cede_status prepare(struct store *store, const char *sql, struct cached **prepared)
{
    struct cached *slot = slot_for(store, sql);
    if (is_lost(store)) {
        return fail_text(store, CEDE_STORE_FAILED, "the transaction was taken back before", sql);
    }
    if (slot == NULL) {
        return fail_text(store, CEDE_STORE_FAILED, "queries nested too deep", sql);
    }
    if (slot->sql == NULL || strcmp(slot->sql, sql) != 0) {
        forget(slot);
        const char *tail = NULL;
        int code = sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
                                      &slot->statement, &tail);
        if (code != SQLITE_OK) {
            return fail(store, code, sql);
        }
        slot->sql = strdup(sql);
        if (slot->statement == NULL || slot->sql == NULL || tail[0] != '\0') {
            forget(slot);
            return fail_text(store, CEDE_BAD_ARGUMENT, "not exactly one statement", sql);
        }
        if (!number_parameters(slot)) {
            forget(slot);
            return fail_text(store, CEDE_BAD_ARGUMENT, "parameters are not $1..$N", sql);
        }
    }
    slot->given = sql;
    slot->used = ++store->turn;
    slot->busy = true;
    *prepared = slot;
    return CEDE_OK;
}

static void release(struct cached *slot)
{
    sqlite3_reset(slot->statement);
    sqlite3_clear_bindings(slot->statement);
    slot->busy = false;
}

/* --- parameters ------------------------------------------------------------------------------- */

static int bind_value(sqlite3_stmt *statement, int at, const struct store_value *value)
{
    const void *bytes = value->bytes.ptr == NULL ? (const uint8_t *)"" : value->bytes.ptr;
    switch (value->type) {
    case STORE_NULL:
        return sqlite3_bind_null(statement, at);
    case STORE_INT64:
        return sqlite3_bind_int64(statement, at, value->number);
    case STORE_TEXT:
        return sqlite3_bind_text64(statement, at, bytes, value->bytes.len, SQLITE_STATIC,
                                   SQLITE_UTF8);
    case STORE_BLOB:
        return sqlite3_bind_blob64(statement, at, bytes, value->bytes.len, SQLITE_STATIC);
    }
    return SQLITE_MISUSE;
}

/* Every parameter of the statement is bound and every value given is used, as PostgreSQL wants. */
static enum cede_status bind(struct store *store, const struct cached *slot,
                             const struct store_value *params, size_t params_count)
{
    size_t wanted = (size_t)sqlite3_bind_parameter_count(slot->statement);
    if (wanted != params_count) {
        return fail_text(store, CEDE_BAD_ARGUMENT, "wrong number of parameters", slot->sql);
    }
    for (size_t at = 0; at < wanted; at++) {
        const struct store_value *value = &params[slot->numbers[at] - 1];
        int code = bind_value(slot->statement, (int)at + 1, value);
        if (code != SQLITE_OK) {
            return fail(store, code, slot->sql);
        }
    }
    return CEDE_OK;
}

/* --- statements ------------------------------------------------------------------------------- */

static enum cede_status part_run(struct store *store, const char *verb, unsigned part)
{
    char sql[64];

    snprintf(sql, sizeof sql, "%s part_%u", verb, part);
    return store_run(store, sql, STORE_NO_PARAMS, NULL);
}

/* The outer `count` parts get their savepoints when something is changed: many only read. */
static enum cede_status save_parts(struct store *store, const struct cached *slot, unsigned count)
{
    if (store->saved >= count || sqlite3_stmt_readonly(slot->statement) != 0) {
        return CEDE_OK;
    }
    for (; store->saved < count; store->saved++) {
        CEDE_TRY(part_run(store, "SAVEPOINT", store->saved));
    }
    return CEDE_OK;
}

static enum cede_status run(struct store *store, struct cached *slot,
                            const struct store_value *params, size_t params_count, int64_t *changed)
{
    int code = SQLITE_OK;

    CEDE_TRY(bind(store, slot, params, params_count));
    code = sqlite3_step(slot->statement);
    if (code == SQLITE_ROW) {
        return fail_text(store, CEDE_BAD_ARGUMENT, "the statement returns rows", slot->sql);
    }
    if (code != SQLITE_DONE) {
        return fail(store, code, slot->sql);
    }
    *changed = sqlite3_changes64(store->db);
    return CEDE_OK;
}

static enum cede_status run_in_part(struct store *store, const char *sql,
                                    const struct store_value *params, size_t params_count,
                                    bool last, int64_t *changed)
{
    struct cached *slot = NULL;
    enum cede_status status = CEDE_OK;

    *changed = 0;
    CEDE_TRY(prepare(store, sql, &slot));
    status = save_parts(store, slot, store->parts - (last && store->parts > 0 ? 1 : 0));
    if (status == CEDE_OK) {
        status = run(store, slot, params, params_count, changed);
    }
    release(slot);
    return status;
}

enum cede_status store_run(struct store *store, const char *sql, const struct store_value *params,
                           size_t params_count, int64_t *changed)
{
    int64_t unread = 0;

    return run_in_part(store, sql, params, params_count, false,
                       changed == NULL ? &unread : changed);
}

/* RETURNING id would do as well, but SQLite gathers what returns in a table of its own. */
static enum cede_status insert(struct store *store, const char *sql,
                               const struct store_value *params, size_t params_count, bool last,
                               int64_t *id)
{
    int64_t changed = 0;

    *id = 0;
    CEDE_TRY(run_in_part(store, sql, params, params_count, last, &changed));
    if (changed == 0) {
        return CEDE_STORE_CONFLICT;
    }
    *id = sqlite3_last_insert_rowid(store->db);
    store->unsaved = store->unsaved || store->saved < store->parts;
    return CEDE_OK;
}

enum cede_status store_insert(struct store *store, const char *sql,
                              const struct store_value *params, size_t params_count, int64_t *id)
{
    return insert(store, sql, params, params_count, false, id);
}

enum cede_status store_insert_last(struct store *store, const char *sql,
                                   const struct store_value *params, size_t params_count,
                                   int64_t *id)
{
    return insert(store, sql, params, params_count, true, id);
}

enum cede_status store_query(struct store *store, const char *sql, const struct store_value *params,
                             size_t params_count, store_row_fn on_row, void *context)
{
    struct cached *slot = NULL;
    CEDE_TRY(prepare(store, sql, &slot));
    enum cede_status status = save_parts(store, slot, store->parts);
    if (status == CEDE_OK) {
        status = bind(store, slot, params, params_count);
    }
    struct store_row row = {slot->statement};
    while (status == CEDE_OK) {
        int code = sqlite3_step(slot->statement);
        if (code == SQLITE_DONE) {
            break;
        }
        status = code == SQLITE_ROW ? on_row(context, &row) : fail(store, code, sql);
    }
    release(slot);
    return status;
}

struct single {
    store_row_fn on_row;
    void *context;
    size_t rows;
};

static enum cede_status on_single(void *context, const struct store_row *row)
{
    struct single *single = context;
    single->rows++;
    return single->rows == 1 ? single->on_row(single->context, row) : CEDE_OK;
}

enum cede_status store_get(struct store *store, const char *sql, const struct store_value *params,
                           size_t params_count, store_row_fn on_row, void *context)
{
    struct single single = {on_row, context, 0};
    CEDE_TRY(store_query(store, sql, params, params_count, on_single, &single));
    if (single.rows == 0) {
        return CEDE_NOT_FOUND;
    }
    return single.rows == 1 ? CEDE_OK
                            : fail_text(store, CEDE_STORE_FAILED, "more than one row", sql);
}

static enum cede_status on_int(void *context, const struct store_row *row)
{
    if (store_column_is_null(row, 0)) {
        return CEDE_NOT_FOUND;
    }
    *(int64_t *)context = store_column_int(row, 0);
    return CEDE_OK;
}

enum cede_status store_get_int(struct store *store, const char *sql,
                               const struct store_value *params, size_t params_count,
                               int64_t *number)
{
    int64_t found = 0;
    *number = 0;
    CEDE_TRY(store_get(store, sql, params, params_count, on_int, &found));
    *number = found;
    return CEDE_OK;
}

/* --- transactions ----------------------------------------------------------------------------- */

bool store_in_transaction(const struct store *store)
{
    return store->open;
}

static void forget_parts(struct store *store)
{
    store->parts = 0;
    store->saved = 0;
    store->unsaved = false;
    store->spoiled = false;
}

enum cede_status store_begin(struct store *store)
{
    if (store_in_transaction(store)) {
        return fail_text(store, CEDE_BAD_ARGUMENT, "a transaction is open", NULL);
    }
    forget_parts(store);
    CEDE_TRY(store_run(store, "BEGIN IMMEDIATE", STORE_NO_PARAMS, NULL));
    store->open = true;
    return CEDE_OK;
}

enum cede_status store_commit(struct store *store)
{
    enum cede_status status = CEDE_OK;

    if (!store_in_transaction(store) || store->parts != 0) {
        store_rollback(store);
        return fail_text(store, CEDE_BAD_ARGUMENT, "no transaction, or a part of it, is open",
                         NULL);
    }
    status = store->spoiled
                 ? fail_text(store, CEDE_STORE_FAILED, "a part could not be taken back alone", NULL)
                 : store_run(store, "COMMIT", STORE_NO_PARAMS, NULL);
    if (status != CEDE_OK) {
        store_rollback(store);
    } else {
        store->open = false;
    }
    return status;
}

void store_rollback(struct store *store)
{
    forget_parts(store);
    if (store->open && !is_lost(store)) {
        char kept[ERROR_MAX]; /* the reason for the rollback, not the rollback */
        memcpy(kept, store->error, sizeof kept);
        (void)!store_run(store, "ROLLBACK", STORE_NO_PARAMS, NULL);
        memcpy(store->error, kept, sizeof kept);
    }
    store->open = sqlite3_get_autocommit(store->db) == 0;
}

enum cede_status store_part_begin(struct store *store)
{
    if (!store_in_transaction(store) || store->parts == STORE_PARTS_MAX) {
        return fail_text(store, CEDE_BAD_ARGUMENT, "no transaction is open, or too many parts",
                         NULL);
    }
    store->parts++;
    return CEDE_OK;
}

/* Ends the innermost part; true: it has a savepoint, which is the caller's to end. */
static bool end_part(struct store *store)
{
    bool had_savepoint = store->saved == store->parts;

    store->parts--;
    store->saved -= had_savepoint ? 1 : 0;
    store->unsaved = store->unsaved && store->parts > store->saved;
    return had_savepoint;
}

enum cede_status store_part_commit(struct store *store)
{
    if (store->parts == 0) {
        return fail_text(store, CEDE_BAD_ARGUMENT, "no part is open", NULL);
    }
    return end_part(store) ? part_run(store, "RELEASE SAVEPOINT", store->parts) : CEDE_OK;
}

void store_part_rollback(struct store *store)
{
    char kept[ERROR_MAX];

    if (store->parts == 0) {
        return;
    }
    memcpy(kept, store->error, sizeof kept);
    store->spoiled = store->spoiled || store->unsaved;
    if (end_part(store)) {
        (void)!part_run(store, "ROLLBACK TO SAVEPOINT", store->parts);
        (void)!part_run(store, "RELEASE SAVEPOINT", store->parts);
    }
    memcpy(store->error, kept, sizeof kept);
}

/* --- migrations ------------------------------------------------------------------------------- */

/* Column types that SQLite and PostgreSQL spell differently. */
static const struct token {
    const char *name;
    const char *text;
} tokens[] = {
    {"{BLOB}", "BLOB"},
    {"{ID}", "INTEGER PRIMARY KEY AUTOINCREMENT"},
    {"{ROW}", "INTEGER PRIMARY KEY"},
};
#define TOKENS_COUNT  (sizeof tokens / sizeof tokens[0])
#define TOKEN_GROWTH  6 /* no replacement is longer than this many times its token */
#define VERSION_TABLE "cede_schema"

static const struct token *token_at(const char *sql)
{
    for (size_t i = 0; i < TOKENS_COUNT; i++) {
        if (strncmp(sql, tokens[i].name, strlen(tokens[i].name)) == 0) {
            return &tokens[i];
        }
    }
    return NULL;
}

/* `sql` with its tokens replaced, the caller's to free; null when out of memory. */
static char *replace_tokens(const char *sql)
{
    char *text = malloc(strlen(sql) * (TOKEN_GROWTH + 3) + 1);
    char *out = text;
    while (text != NULL && *sql != '\0') {
        const struct token *token = *sql == '{' ? token_at(sql) : NULL;
        if (token == NULL) {
            *out++ = *sql++;
        } else {
            size_t len = strlen(token->text);
            memcpy(out, token->text, len);
            out += len;
            sql += strlen(token->name);
        }
    }
    if (text != NULL) {
        *out = '\0';
    }
    return text;
}

static enum cede_status apply(struct store *store, const struct store_migration *migration,
                              int64_t version)
{
    char *sql = replace_tokens(migration->sql);
    if (sql == NULL) {
        return fail_text(store, CEDE_STORE_FAILED, "out of memory", migration->name);
    }
    enum cede_status status = execute(store, sql);
    free(sql);
    CEDE_TRY(status);
    return store_run(store, "INSERT INTO " VERSION_TABLE " (version, name) VALUES ($1, $2)",
                     STORE_PARAMS(store_int(version), store_text(migration->name)), NULL);
}

struct schema_check {
    struct store *store;
    const struct store_migration *migrations;
    size_t migrations_count;
    int64_t done;
};

static enum cede_status check_step(void *context, const struct store_row *row)
{
    struct schema_check *check = context;
    if (store_column_int(row, 0) != check->done + 1) {
        return fail_text(check->store, CEDE_STORE_SCHEMA, "steps are missing", NULL);
    }
    if ((size_t)check->done == check->migrations_count) {
        return fail_text(check->store, CEDE_STORE_NEWER, "unknown step", store_column_text(row, 1));
    }
    const char *name = store_column_text(row, 1);
    if (name == NULL || strcmp(name, check->migrations[check->done].name) != 0) {
        return fail_text(check->store, CEDE_STORE_SCHEMA, "another step was done", name);
    }
    check->done++;
    return CEDE_OK;
}

/* One missing step under the write lock, so that of several processes exactly one does it. */
static enum cede_status migrate_step(struct store *store, const struct store_migration *migrations,
                                     size_t migrations_count, bool *complete)
{
    struct schema_check check = {store, migrations, migrations_count, 0};
    CEDE_TRY(store_begin(store));
    enum cede_status status =
        store_query(store, "SELECT version, name FROM " VERSION_TABLE " ORDER BY version",
                    STORE_NO_PARAMS, check_step, &check);
    *complete = (size_t)check.done == migrations_count;
    if (status == CEDE_OK && !*complete) {
        status = apply(store, &migrations[check.done], check.done + 1);
    }
    if (status != CEDE_OK) {
        store_rollback(store);
        return status;
    }
    return store_commit(store);
}

enum cede_status store_migrate(struct store *store, const struct store_migration *migrations,
                               size_t migrations_count)
{
    bool complete = false;
    if (store_in_transaction(store)) {
        return fail_text(store, CEDE_BAD_ARGUMENT, "a transaction is open", NULL);
    }
    CEDE_TRY(execute(store, "CREATE TABLE IF NOT EXISTS " VERSION_TABLE
                            " (version BIGINT PRIMARY KEY, name TEXT NOT NULL)"));
    while (!complete) {
        CEDE_TRY(migrate_step(store, migrations, migrations_count, &complete));
    }
    return CEDE_OK;
}

/* --- columns ---------------------------------------------------------------------------------- */

size_t store_column_count(const struct store_row *row)
{
    return (size_t)sqlite3_column_count(row->statement);
}

bool store_column_is_null(const struct store_row *row, size_t column)
{
    return sqlite3_column_type(row->statement, (int)column) == SQLITE_NULL;
}

int64_t store_column_int(const struct store_row *row, size_t column)
{
    return sqlite3_column_int64(row->statement, (int)column);
}

/* SQLite hands out a null pointer for an empty value; here null means SQL null only. */
static struct cede_span span_of(const struct store_row *row, size_t column, const void *bytes)
{
    if (store_column_is_null(row, column)) {
        return CEDE_SPAN_NULL;
    }
    size_t len = (size_t)sqlite3_column_bytes(row->statement, (int)column);
    return cede_span(bytes == NULL ? (const uint8_t *)"" : bytes, len);
}

struct cede_span store_column_blob(const struct store_row *row, size_t column)
{
    const void *bytes = sqlite3_column_blob(row->statement, (int)column);
    return span_of(row, column, bytes);
}

const char *store_column_text(const struct store_row *row, size_t column)
{
    return (const char *)sqlite3_column_text(row->statement, (int)column);
}

struct cede_span store_column_text_span(const struct store_row *row, size_t column)
{
    const void *bytes = sqlite3_column_text(row->statement, (int)column);
    return span_of(row, column, bytes);
}

enum cede_status store_column_copy_text(const struct store_row *row, size_t column, char *out,
                                        size_t out_cap)
{
    struct cede_span text = store_column_text_span(row, column);
    out[0] = '\0';
    if (text.len >= out_cap) {
        return CEDE_NO_SPACE;
    }
    if (text.len > 0) {
        memcpy(out, text.ptr, text.len);
    }
    out[text.len] = '\0';
    return CEDE_OK;
}

enum cede_status store_column_copy_blob(const struct store_row *row, size_t column, uint8_t *out,
                                        size_t out_len)
{
    struct cede_span bytes = store_column_blob(row, column);
    if (bytes.ptr == NULL || bytes.len != out_len) {
        memset(out, 0, out_len);
        return CEDE_STORE_SCHEMA;
    }
    memcpy(out, bytes.ptr, out_len);
    return CEDE_OK;
}
