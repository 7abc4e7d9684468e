/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.h - the records of a server behind one narrow interface.
 *
 * Place: between the servers' services and a database. SQLite is the first back end; the interface
 *      and the SQL callers write are what PostgreSQL takes too, so that it can follow without
 *      touching them.
 * SQL: the common subset of both. Parameters are $1..$N, each used at least once; upserts are
 *      INSERT ... ON CONFLICT ...; other rows are read back with RETURNING; integers are BIGINT. In
 *      migrations {BLOB} stands for the byte-string type and {ID} for a whole column definition
 *      "64-bit primary key that the database counts up". {ROW} is the same for tables of which no
 *      row is ever deleted: it may give the number of a deleted row again, and costs less.
 * Order: store_open, store_migrate, then store_begin / store_run / store_query / store_commit, at
 *      the end store_close. Without store_begin each statement commits on its own.
 * Durability: when store_commit returns CEDE_OK the changes survive a power cut (one fsync). A
 *      server groups the requests of one turn of its loop in one transaction, each inside a
 *      store_part_begin / store_part_commit pair, so that one that fails takes only its own changes
 *      back, and answers after the commit.
 * Fork: open after fork, one store a process. A store must never cross a fork, not even to be
 *      closed in the child.
 * Threads: one thread a store.
 * Memory: values handed in are read during the call; columns are valid inside the row callback.
 * Errors: CEDE_STORE_CONFLICT  a UNIQUE, PRIMARY KEY, REFERENCES, NOT NULL or CHECK rule says no
 *         CEDE_STORE_BUSY      another process kept the database locked for longer than we wait
 *         CEDE_STORE_NEWER     the database is from a newer program
 *         CEDE_STORE_FAILED    anything else; store_error() has the text for the log
 *         CEDE_BAD_ARGUMENT    parameters do not fit the statement, or begin and commit do not pair
 */
#ifndef CEDE_STORE_H
#define CEDE_STORE_H

#include "cede/bytes.h"

/* How long a writer waits for another one before CEDE_STORE_BUSY. */
#define STORE_BUSY_MS 15000

/* How deep store_part_begin may nest. */
#define STORE_PARTS_MAX 8

struct store;

/* --- values ----------------------------------------------------------------------------------- */

enum store_type {
    STORE_NULL,
    STORE_INT64,
    STORE_TEXT, /* UTF-8 */
    STORE_BLOB
};

struct store_value {
    enum store_type type;
    int64_t number;         /* STORE_INT64 */
    struct cede_span bytes; /* STORE_TEXT and STORE_BLOB */
};

static inline struct store_value store_null(void)
{
    return (struct store_value){STORE_NULL, 0, {NULL, 0}};
}

static inline struct store_value store_int(int64_t number)
{
    return (struct store_value){STORE_INT64, number, {NULL, 0}};
}

/* NULL gives the SQL null. */
static inline struct store_value store_text(const char *text)
{
    return (struct store_value){text == NULL ? STORE_NULL : STORE_TEXT, 0, cede_span_string(text)};
}

/* A null span gives the SQL null, an empty one the empty value. */
static inline struct store_value store_text_span(struct cede_span text)
{
    return (struct store_value){text.ptr == NULL ? STORE_NULL : STORE_TEXT, 0, text};
}

static inline struct store_value store_blob(struct cede_span bytes)
{
    return (struct store_value){bytes.ptr == NULL ? STORE_NULL : STORE_BLOB, 0, bytes};
}

/* Parameters from a compound literal: store_run(store, sql, STORE_PARAMS(store_int(7)), NULL). */
#define STORE_PARAMS(...)                                                                          \
    (const struct store_value[]){__VA_ARGS__},                                                     \
        sizeof((const struct store_value[]){__VA_ARGS__}) / sizeof(struct store_value)
#define STORE_NO_PARAMS NULL, 0

/* --- open, migrate, close --------------------------------------------------------------------- */

/* Opens or creates the database: "sqlite:PATH" or a plain path. A new file gets mode 0600, whatever
 * the umask. Any other scheme: CEDE_STORE_UNSUPPORTED. CEDE_BAD_ARGUMENT: a store of the parent
 * process was open when this process was forked. On failure *store is null. */
CEDE_MUST_USE enum cede_status store_open(const char *url, struct store **store);

/* Rolls back what is open and closes; null is allowed. */
void store_close(struct store *store);

/* The text of the last failure, for logs; never null. It may hold SQL and names of columns, never
 * values. */
const char *store_error(const struct store *store);

/* One step of the schema. A server's steps stand in one const array; the version of a database is
 * the number of steps done. Steps are only ever added at the end. */
struct store_migration {
    const char *name; /* checked against what the database noted down when the step was done */
    const char *sql;  /* one or more statements, with {BLOB}, {ID} and {ROW} */
};

/* Brings the database up to `migrations_count`, each missing step in a transaction of its own.
 * Several processes may call it at once. CEDE_STORE_NEWER: the database has more steps than the
 * program knows. CEDE_STORE_SCHEMA: a step already done has another name: not our database. */
CEDE_MUST_USE enum cede_status store_migrate(struct store *store,
                                             const struct store_migration *migrations,
                                             size_t migrations_count);

/* --- transactions ----------------------------------------------------------------------------- */

/* Opens the transaction and takes the write lock at once, so that what is read stays true. */
CEDE_MUST_USE enum cede_status store_begin(struct store *store);
/* On failure the transaction is rolled back: nothing of it is kept. */
CEDE_MUST_USE enum cede_status store_commit(struct store *store);
/* Takes everything back; does nothing when no transaction is open. */
void store_rollback(struct store *store);
/* Open, and not ended by the caller. One that the database has taken back by itself, for want of
 * space or memory, is open until then, and whatever is asked in it fails, the commit as well. */
bool store_in_transaction(const struct store *store);

/* A part of the open transaction that can be taken back alone. Parts nest. One that only reads
 * costs nothing; with its first change it gets a savepoint. */
CEDE_MUST_USE enum cede_status store_part_begin(struct store *store);
CEDE_MUST_USE enum cede_status store_part_commit(struct store *store);
void store_part_rollback(struct store *store);

/* --- statements ------------------------------------------------------------------------------- */

/* Runs a statement that returns no rows. `changed`, when not null, gets the number of rows
 * inserted, updated or deleted. */
CEDE_MUST_USE enum cede_status store_run(struct store *store, const char *sql,
                                         const struct store_value *params, size_t params_count,
                                         int64_t *changed);

struct store_row;

/* Called for each row. Anything but CEDE_OK ends the query and becomes its result. It may run
 * other statements on the same store. */
typedef enum cede_status (*store_row_fn)(void *context, const struct store_row *row);

CEDE_MUST_USE enum cede_status store_query(struct store *store, const char *sql,
                                           const struct store_value *params, size_t params_count,
                                           store_row_fn on_row, void *context);

/* As store_query for exactly one row. CEDE_NOT_FOUND: there is none. More than one:
 * CEDE_STORE_FAILED, after on_row has seen the first. */
CEDE_MUST_USE enum cede_status store_get(struct store *store, const char *sql,
                                         const struct store_value *params, size_t params_count,
                                         store_row_fn on_row, void *context);

/* Runs an INSERT of one row into a table with a column `id {ID}`. *id, the new row's, is 0 when ON
 * CONFLICT DO NOTHING kept it out: CEDE_STORE_CONFLICT. */
CEDE_MUST_USE enum cede_status store_insert(struct store *store, const char *sql,
                                            const struct store_value *params, size_t params_count,
                                            int64_t *id);

/* As store_insert, for the last change of a part: done wholly or not at all, it needs no savepoint,
 * which would copy every page it touches. If its part is taken back nevertheless, the whole
 * transaction is: store_commit fails. */
CEDE_MUST_USE enum cede_status store_insert_last(struct store *store, const char *sql,
                                                 const struct store_value *params,
                                                 size_t params_count, int64_t *id);

/* The one integer of the one row, as of SELECT count(*). A null counts as CEDE_NOT_FOUND. */
CEDE_MUST_USE enum cede_status store_get_int(struct store *store, const char *sql,
                                             const struct store_value *params, size_t params_count,
                                             int64_t *number);

/* --- columns, counted from 0 ------------------------------------------------------------------ */

size_t store_column_count(const struct store_row *row);
bool store_column_is_null(const struct store_row *row, size_t column);
int64_t store_column_int(const struct store_row *row, size_t column);           /* 0 for null */
struct cede_span store_column_blob(const struct store_row *row, size_t column); /* null for null */
/* Zero-terminated; NULL for null. store_column_text_span has the length. */
const char *store_column_text(const struct store_row *row, size_t column);
struct cede_span store_column_text_span(const struct store_row *row, size_t column);
/* Copies a text column with its zero; a null gives "". CEDE_NO_SPACE: it does not fit, out is "".
 */
CEDE_MUST_USE enum cede_status store_column_copy_text(const struct store_row *row, size_t column,
                                                      char *out, size_t out_cap);
/* A byte string of exactly out_len bytes, such as a hash. CEDE_STORE_SCHEMA: another length. */
CEDE_MUST_USE enum cede_status store_column_copy_blob(const struct store_row *row, size_t column,
                                                      uint8_t *out, size_t out_len);

#endif
