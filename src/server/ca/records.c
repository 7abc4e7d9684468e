/* SPDX-License-Identifier: Apache-2.0 */
/*
 * records.c - all SQL of the CA: accounts, factory certificates and their registrations,
 * certificates issued, revocations, releases and alarms.
 *
 * A factory certificate is one device. Registrations tie it to accounts; after a release two
 * accounts hold one device until the old one lets go. At most one operational certificate of a
 * device is live, apart from the moment of a re-enrolment (service.c).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/ca/ca_internal.h"
#include "server/common/hex.h"
#include "server/common/revocation_cache.h"

static const char schema[] =
    "CREATE TABLE account (id {ID}, name TEXT NOT NULL UNIQUE, certificate {BLOB} NOT NULL,"
    " thumbprint {BLOB} NOT NULL UNIQUE, created_at BIGINT NOT NULL);"
    "CREATE TABLE token (token TEXT NOT NULL PRIMARY KEY,"
    " account BIGINT NOT NULL UNIQUE REFERENCES account(id), created_at BIGINT NOT NULL);"
    "CREATE TABLE factory (id {ID}, thumbprint {BLOB} NOT NULL UNIQUE,"
    " device_id TEXT NOT NULL, key_hash {BLOB} NOT NULL, raw {BLOB} NOT NULL,"
    " registered_at BIGINT NOT NULL);"
    "CREATE INDEX factory_device ON factory(device_id);"
    "CREATE TABLE registration (factory BIGINT NOT NULL REFERENCES factory(id),"
    " account BIGINT NOT NULL REFERENCES account(id), state BIGINT NOT NULL,"
    " transfer {BLOB}, registered_at BIGINT NOT NULL, PRIMARY KEY (factory, account));"
    "CREATE TABLE certificate (id {ROW}, serial {BLOB} NOT NULL UNIQUE, subject TEXT NOT NULL,"
    " profile BIGINT NOT NULL, thumbprint {BLOB} NOT NULL UNIQUE,"
    " key_hash {BLOB} NOT NULL, account BIGINT REFERENCES account(id),"
    " factory BIGINT REFERENCES factory(id), authorised_by TEXT NOT NULL,"
    " status BIGINT NOT NULL, not_before BIGINT NOT NULL, not_after BIGINT NOT NULL,"
    " raw {BLOB} NOT NULL, issued_at BIGINT NOT NULL, revoked_at BIGINT, reason BIGINT);"
    "CREATE INDEX certificate_key ON certificate(key_hash);"
    "CREATE INDEX certificate_factory ON certificate(factory);"
    "CREATE INDEX certificate_subject ON certificate(subject);"
    "CREATE TABLE revocation (id {ID},"
    " certificate BIGINT NOT NULL UNIQUE REFERENCES certificate(id), serial {BLOB} NOT NULL,"
    " at BIGINT NOT NULL, reason BIGINT NOT NULL);"
    "CREATE TABLE device_release (thumbprint {BLOB} NOT NULL,"
    " account BIGINT NOT NULL REFERENCES account(id), transfer {BLOB} NOT NULL,"
    " released_at BIGINT NOT NULL, PRIMARY KEY (thumbprint, account, transfer));"
    "CREATE TABLE alarm (id {ID}, at BIGINT NOT NULL, kind TEXT NOT NULL,"
    " device_id TEXT NOT NULL, detail TEXT NOT NULL);";

/* not_after: an expired entry leaves the CRL without a look at the certificate. status_proof: what
 * the publisher has had signed about the certificates of servers. */
static const char revocation_schema[] =
    "ALTER TABLE revocation ADD COLUMN not_after BIGINT NOT NULL DEFAULT -1;"
    "UPDATE revocation SET not_after = (SELECT certificate.not_after FROM certificate"
    " WHERE certificate.id = revocation.certificate);"
    "CREATE TABLE status_proof (thumbprint {BLOB} NOT NULL PRIMARY KEY, proof {BLOB} NOT NULL,"
    " ends_at BIGINT NOT NULL);";

/* One request of a device that waits for an operator, or was approved of and not made again yet. */
static const char approval_schema[] =
    "CREATE TABLE approval (factory BIGINT NOT NULL PRIMARY KEY REFERENCES factory(id),"
    " key_hash {BLOB} NOT NULL, device_id TEXT NOT NULL, asked_at BIGINT NOT NULL,"
    " approved_at BIGINT);";

/* A release that has done its work stays, so that it is known when it is shown again. */
static const char spent_schema[] =
    "ALTER TABLE device_release ADD COLUMN spent BIGINT NOT NULL DEFAULT 0;";

/* What the CAs of factory certificates have revoked; our own is in `revocation`. */
static const char factory_status_schema[] =
    REVOCATION_REVOKED_SQL REVOCATION_SOURCES_SQL REVOCATION_OCSP_SQL;

/* Devices' certificates are found by their factory certificate: an index for them would be one more
 * page in every commit. */
static const char subject_schema[] =
    "DROP INDEX certificate_subject;"
    "CREATE INDEX certificate_subject ON certificate(subject) WHERE factory IS NULL;";

/* Null in what was registered before: then the certificate itself is asked. */
static const char factory_validity_schema[] = "ALTER TABLE factory ADD COLUMN not_before BIGINT;"
                                              "ALTER TABLE factory ADD COLUMN not_after BIGINT;";

const struct store_migration ca_migrations[] = {{"ca records", schema},
                                                {"revocation", revocation_schema},
                                                {"approval", approval_schema},
                                                {"spent releases", spent_schema},
                                                {"factory status", factory_status_schema},
                                                {"subjects of others", subject_schema},
                                                {"open questions", REVOCATION_OPEN_SQL},
                                                {"factory validity", factory_validity_schema},
                                                {"numbers of lists", REVOCATION_NUMBER_SQL}};
const size_t ca_migrations_count = sizeof ca_migrations / sizeof ca_migrations[0];

static struct store_value row_or_null(int64_t row)
{
    return row == CA_NO_ROW ? store_null() : store_int(row);
}

/* The greatest hash that begins as `hash`, a whole one or a prefix. No index of its own is kept for
 * prefixes: each index is one more page that a commit writes. */
static struct cede_span upper_end(struct cede_span hash, uint8_t out[CEDE_SHA256_LEN])
{
    memset(out, 0xff, CEDE_SHA256_LEN);
    memcpy(out, hash.ptr, hash.len);
    return cede_span(out, CEDE_SHA256_LEN);
}

#define BY_HASH "WHERE thumbprint >= $1 AND thumbprint <= $2 ORDER BY thumbprint"

/* A query of which the first row counts, if there is one. */
struct first_row {
    store_row_fn read;
    void *into;
    bool found;
};

static enum cede_status read_first(void *context, const struct store_row *row)
{
    struct first_row *first = context;

    if (first->found) {
        return CEDE_OK;
    }
    first->found = true;
    return first->read(first->into, row);
}

static enum cede_status get_first(struct ca *ca, const char *sql, const struct store_value *params,
                                  size_t params_count, store_row_fn read, void *into)
{
    struct first_row first = {read, into, false};

    CEDE_TRY(store_query(ca->store, sql, params, params_count, read_first, &first));
    return first.found ? CEDE_OK : CEDE_NOT_FOUND;
}

/* --- alarms ----------------------------------------------------------------------------------- */

enum cede_status ca_records_alarm(struct ca *ca, const char *kind, const char *device_id,
                                  const char *detail)
{
    return store_run(ca->store,
                     "INSERT INTO alarm (at, kind, device_id, detail) VALUES ($1, $2, $3, $4)",
                     STORE_PARAMS(store_int((int64_t)ca_now(ca)), store_text(kind),
                                  store_text(device_id), store_text(detail)),
                     NULL);
}

/* --- certificates ----------------------------------------------------------------------------- */

#define CERTIFICATE_COLUMNS                                                                        \
    "SELECT id, serial, subject, profile, thumbprint, key_hash, coalesce(account, 0),"             \
    " coalesce(factory, 0), status, not_before, not_after, raw FROM certificate "

static enum cede_status copy_blob(const struct store_row *row, size_t column, uint8_t *out,
                                  size_t cap, size_t *len)
{
    struct cede_span blob = store_column_blob(row, column);

    if (blob.len > cap) {
        return CEDE_STORE_SCHEMA;
    }
    memcpy(out, blob.ptr, blob.len);
    *len = blob.len;
    return CEDE_OK;
}

static enum cede_status read_certificate(void *context, const struct store_row *row)
{
    struct ca_certificate_record *record = context;

    memset(record, 0, sizeof *record);
    record->row = store_column_int(row, 0);
    CEDE_TRY(copy_blob(row, 1, record->serial, sizeof record->serial, &record->serial_len));
    CEDE_TRY(store_column_copy_text(row, 2, record->subject, sizeof record->subject));
    record->profile = (enum ca_profile)store_column_int(row, 3);
    CEDE_TRY(store_column_copy_blob(row, 4, record->thumbprint, sizeof record->thumbprint));
    CEDE_TRY(store_column_copy_blob(row, 5, record->key, sizeof record->key));
    record->account = store_column_int(row, 6);
    record->factory = store_column_int(row, 7);
    record->status = (enum ca_certificate_status)store_column_int(row, 8);
    record->not_before = store_column_int(row, 9);
    record->not_after = store_column_int(row, 10);
    return copy_blob(row, 11, record->raw, sizeof record->raw, &record->raw_len);
}

enum cede_status ca_records_add(struct ca *ca, struct ca_certificate_record *record,
                                const char *authorised_by)
{
    CEDE_TRY(store_insert_last(
        ca->store,
        "INSERT INTO certificate (serial, subject, profile, thumbprint, key_hash, account,"
        " factory, authorised_by, status, not_before, not_after, raw, issued_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $10, $11, $12)"
        " ON CONFLICT (serial) DO NOTHING",
        STORE_PARAMS(
            store_blob(cede_span(record->serial, record->serial_len)), store_text(record->subject),
            store_int(record->profile), store_blob(CEDE_SPAN_ARRAY(record->thumbprint)),
            store_blob(CEDE_SPAN_ARRAY(record->key)), row_or_null(record->account),
            row_or_null(record->factory), store_text(authorised_by), store_int(record->not_before),
            store_int(record->not_after), store_blob(cede_span(record->raw, record->raw_len)),
            store_int((int64_t)ca_now(ca))),
        &record->row));
    record->status = CA_LIVE;
    return CEDE_OK;
}

enum cede_status ca_records_by_hash(struct ca *ca, struct cede_span hash,
                                    struct ca_certificate_record *record)
{
    uint8_t end[CEDE_SHA256_LEN];

    if (hash.len < CA_HASH_PREFIX || hash.len > sizeof end) {
        return CEDE_NOT_FOUND;
    }
    return get_first(ca, CERTIFICATE_COLUMNS BY_HASH,
                     STORE_PARAMS(store_blob(hash), store_blob(upper_end(hash, end))),
                     read_certificate, record);
}

enum cede_status ca_records_by_row(struct ca *ca, int64_t row, struct ca_certificate_record *record)
{
    return get_first(ca, CERTIFICATE_COLUMNS "WHERE id = $1", STORE_PARAMS(store_int(row)),
                     read_certificate, record);
}

enum cede_status ca_records_by_serial(struct ca *ca, struct cede_span serial,
                                      struct ca_certificate_record *record)
{
    return get_first(ca, CERTIFICATE_COLUMNS "WHERE serial = $1", STORE_PARAMS(store_blob(serial)),
                     read_certificate, record);
}

enum cede_status ca_records_by_key(struct ca *ca, const uint8_t key[32],
                                   struct ca_certificate_record *record)
{
    return get_first(ca, CERTIFICATE_COLUMNS "WHERE key_hash = $1 ORDER BY id DESC",
                     STORE_PARAMS(store_blob(cede_span(key, 32))), read_certificate, record);
}

enum cede_status ca_records_live_of_factory(struct ca *ca, int64_t factory,
                                            struct ca_certificate_record *record)
{
    return get_first(ca,
                     CERTIFICATE_COLUMNS "WHERE factory = $1 AND status = 0"
                                         " AND (not_after = -1 OR not_after > $2) ORDER BY id DESC",
                     STORE_PARAMS(store_int(factory), store_int((int64_t)ca_now(ca))),
                     read_certificate, record);
}

enum cede_status ca_records_last_of_factory(struct ca *ca, int64_t factory,
                                            struct ca_certificate_record *record)
{
    return get_first(ca, CERTIFICATE_COLUMNS "WHERE factory = $1 AND status = 0 ORDER BY id DESC",
                     STORE_PARAMS(store_int(factory)), read_certificate, record);
}

enum cede_status ca_records_live_of_subject(struct ca *ca, const char *subject,
                                            enum ca_profile profile,
                                            struct ca_certificate_record *record)
{
    return get_first(
        ca,
        CERTIFICATE_COLUMNS
        "WHERE subject = $1 AND factory IS NULL AND profile = $2"
        " AND status = 0 AND (not_after = -1 OR not_after > $3) ORDER BY id DESC",
        STORE_PARAMS(store_text(subject), store_int(profile), store_int((int64_t)ca_now(ca))),
        read_certificate, record);
}

enum cede_status ca_records_revoke(struct ca *ca, int64_t row, int reason, bool *changed)
{
    int64_t rows = 0;
    int64_t now = (int64_t)ca_now(ca);

    CEDE_TRY(store_run(ca->store,
                       "UPDATE certificate SET status = 1, revoked_at = $2, reason = $3"
                       " WHERE id = $1 AND status = 0",
                       STORE_PARAMS(store_int(row), store_int(now), store_int(reason)), &rows));
    *changed = rows == 1;
    if (rows == 0) {
        return CEDE_OK;
    }
    return store_run(ca->store,
                     "INSERT INTO revocation (certificate, serial, at, reason, not_after)"
                     " SELECT id, serial, $2, $3, not_after FROM certificate WHERE id = $1",
                     STORE_PARAMS(store_int(row), store_int(now), store_int(reason)), NULL);
}

enum cede_status ca_records_save_proof(struct ca *ca, const uint8_t thumbprint[32],
                                       struct cede_span proof, int64_t ends_at)
{
    return store_run(
        ca->store,
        "INSERT INTO status_proof (thumbprint, proof, ends_at) VALUES ($1, $2, $3)"
        " ON CONFLICT (thumbprint) DO UPDATE SET proof = $2, ends_at = $3",
        STORE_PARAMS(store_blob(cede_span(thumbprint, 32)), store_blob(proof), store_int(ends_at)),
        NULL);
}

struct proof_row {
    struct cede_buf out;
    struct cede_span proof;
};

static enum cede_status read_proof(void *context, const struct store_row *row)
{
    struct proof_row *found = context;

    return cede_copy(found->out, store_column_blob(row, 0), &found->proof);
}

enum cede_status ca_records_proof(struct ca *ca, const uint8_t thumbprint[32], struct cede_buf out,
                                  struct cede_span *proof)
{
    struct proof_row found = {out, CEDE_SPAN_NULL};

    *proof = CEDE_SPAN_NULL;
    CEDE_TRY(get_first(
        ca, "SELECT proof FROM status_proof WHERE thumbprint = $1 AND ends_at > $2",
        STORE_PARAMS(store_blob(cede_span(thumbprint, 32)), store_int((int64_t)ca_now(ca))),
        read_proof, &found));
    *proof = found.proof;
    return CEDE_OK;
}

#define ROWS_MAX 64

/* Rows to revoke, gathered first: the query reads what the revocation changes. */
struct rows {
    int64_t row[ROWS_MAX];
    size_t count;
};

static enum cede_status read_row(void *context, const struct store_row *row)
{
    struct rows *rows = context;

    if (rows->count < ROWS_MAX) {
        rows->row[rows->count++] = store_column_int(row, 0);
    }
    return CEDE_OK;
}

/* Revokes the rows that `sql` selects, among those that are not revoked. */
static enum cede_status revoke_all(struct ca *ca, const char *sql, const struct store_value *params,
                                   size_t params_count, int reason, size_t *count)
{
    struct rows rows;

    *count = 0;
    do {
        rows.count = 0;
        CEDE_TRY(store_query(ca->store, sql, params, params_count, read_row, &rows));
        for (size_t i = 0; i < rows.count; i++) {
            bool changed = false;
            CEDE_TRY(ca_records_revoke(ca, rows.row[i], reason, &changed));
            *count += changed ? 1 : 0;
        }
    } while (rows.count == ROWS_MAX);
    return CEDE_OK;
}

enum cede_status ca_records_revoke_factory(struct ca *ca, int64_t factory, int64_t account,
                                           int64_t except, int reason, size_t *count)
{
    return revoke_all(ca,
                      "SELECT id FROM certificate WHERE factory = $1 AND status = 0"
                      " AND id <> $2 AND ($3 = 0 OR account = $3)",
                      STORE_PARAMS(store_int(factory), store_int(except), store_int(account)),
                      reason, count);
}

enum cede_status ca_records_revoke_device(struct ca *ca, const char *device_id, int reason,
                                          size_t *count)
{
    return revoke_all(ca,
                      "SELECT certificate.id FROM certificate"
                      " JOIN factory ON factory.id = certificate.factory"
                      " WHERE device_id = $1 AND status = 0"
                      " UNION ALL SELECT id FROM certificate WHERE subject = $1"
                      " AND factory IS NULL AND profile IN ($2, $3) AND status = 0",
                      STORE_PARAMS(store_text(device_id), store_int(CA_PROFILE_FACTORY),
                                   store_int(CA_PROFILE_DEVICE)),
                      reason, count);
}

/* --- devices and their registrations ---------------------------------------------------------- */

static enum cede_status read_factory(void *context, const struct store_row *row)
{
    struct ca_factory_record *record = context;

    memset(record, 0, sizeof *record);
    record->row = store_column_int(row, 0);
    CEDE_TRY(store_column_copy_blob(row, 1, record->thumbprint, sizeof record->thumbprint));
    CEDE_TRY(store_column_copy_text(row, 2, record->device_id, sizeof record->device_id));
    CEDE_TRY(store_column_copy_blob(row, 3, record->key, sizeof record->key));
    return copy_blob(row, 4, record->raw, sizeof record->raw, &record->raw_len);
}

#define FACTORY_COLUMNS "SELECT id, thumbprint, device_id, key_hash, raw FROM factory "

enum cede_status ca_records_factory(struct ca *ca, struct cede_span hash,
                                    struct ca_factory_record *record)
{
    uint8_t end[CEDE_SHA256_LEN];

    if (hash.len < CA_HASH_PREFIX || hash.len > sizeof end) {
        return CEDE_NOT_FOUND;
    }
    return get_first(ca, FACTORY_COLUMNS BY_HASH,
                     STORE_PARAMS(store_blob(hash), store_blob(upper_end(hash, end))), read_factory,
                     record);
}

static enum cede_status read_standing(void *context, const struct store_row *row)
{
    struct ca_factory_standing *standing = context;

    standing->row = store_column_int(row, 0);
    standing->registered = store_column_int(row, 2) != 0;
    standing->revoked = store_column_int(row, 3) != 0;
    standing->is_dated = !store_column_is_null(row, 4) && !store_column_is_null(row, 5);
    standing->not_before = store_column_int(row, 4);
    standing->not_after = store_column_int(row, 5);
    return store_column_copy_text(row, 1, standing->device_id, sizeof standing->device_id);
}

enum cede_status ca_records_standing(struct ca *ca, const uint8_t thumbprint[32],
                                     struct ca_factory_standing *standing)
{
    return store_get(ca->store,
                     "SELECT id, device_id, CASE WHEN EXISTS (SELECT 1 FROM registration"
                     " WHERE registration.factory = factory.id AND state <> 2)"
                     " THEN 1 ELSE 0 END, CASE WHEN EXISTS (SELECT 1 FROM certificate"
                     " WHERE certificate.thumbprint = factory.thumbprint AND status = 1)"
                     " THEN 1 ELSE 0 END, not_before, not_after FROM factory WHERE thumbprint = $1",
                     STORE_PARAMS(store_blob(cede_span(thumbprint, 32))), read_standing, standing);
}

enum cede_status ca_records_factory_by_row(struct ca *ca, int64_t row,
                                           struct ca_factory_record *record)
{
    return get_first(ca, FACTORY_COLUMNS "WHERE id = $1", STORE_PARAMS(store_int(row)),
                     read_factory, record);
}

enum cede_status ca_records_add_factory(struct ca *ca, struct ca_factory_record *record)
{
    return store_insert(ca->store,
                        "INSERT INTO factory (thumbprint, device_id, key_hash, raw, registered_at,"
                        " not_before, not_after) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                        STORE_PARAMS(store_blob(CEDE_SPAN_ARRAY(record->thumbprint)),
                                     store_text(record->device_id),
                                     store_blob(CEDE_SPAN_ARRAY(record->key)),
                                     store_blob(cede_span(record->raw, record->raw_len)),
                                     store_int((int64_t)ca_now(ca)), store_int(record->not_before),
                                     store_int(record->not_after)),
                        &record->row);
}

enum cede_status ca_records_id_taken(struct ca *ca, const char *device_id,
                                     const uint8_t thumbprint[32], bool *taken)
{
    int64_t count = 0;

    CEDE_TRY(store_get_int(
        ca->store,
        "SELECT count(*) FROM factory JOIN registration"
        " ON registration.factory = factory.id"
        " WHERE device_id = $1 AND thumbprint <> $2 AND state <> 2",
        STORE_PARAMS(store_text(device_id), store_blob(cede_span(thumbprint, 32))), &count));
    *taken = count > 0;
    return CEDE_OK;
}

enum cede_status ca_records_holds(struct ca *ca, int64_t factory, int64_t account, bool *holds)
{
    int64_t count = 0;

    CEDE_TRY(store_get_int(ca->store,
                           "SELECT count(*) FROM registration"
                           " WHERE factory = $1 AND account = $2 AND state <> 2",
                           STORE_PARAMS(store_int(factory), store_int(account)), &count));
    *holds = count > 0;
    return CEDE_OK;
}

enum cede_status ca_records_registered_under(struct ca *ca, int64_t factory, int64_t account,
                                             struct cede_span transfer, bool *is)
{
    int64_t count = 0;

    CEDE_TRY(store_get_int(
        ca->store,
        "SELECT count(*) FROM registration WHERE factory = $1 AND account = $2 AND transfer = $3",
        STORE_PARAMS(store_int(factory), store_int(account), store_blob(transfer)), &count));
    *is = count > 0;
    return CEDE_OK;
}

enum cede_status ca_records_register(struct ca *ca, int64_t factory, int64_t account,
                                     struct cede_span transfer)
{
    return store_run(ca->store,
                     "INSERT INTO registration (factory, account, state, transfer, registered_at)"
                     " VALUES ($1, $2, 0, $3, $4) ON CONFLICT (factory, account) DO UPDATE SET"
                     " state = CASE WHEN registration.state = 2 THEN 0 ELSE registration.state END,"
                     " transfer = coalesce($3, registration.transfer), registered_at = $4",
                     STORE_PARAMS(store_int(factory), store_int(account), store_blob(transfer),
                                  store_int((int64_t)ca_now(ca))),
                     NULL);
}

enum cede_status ca_records_end_registration(struct ca *ca, int64_t factory, int64_t account)
{
    return store_run(ca->store,
                     "UPDATE registration SET state = 2 WHERE factory = $1 AND account = $2",
                     STORE_PARAMS(store_int(factory), store_int(account)), NULL);
}

struct holders {
    int64_t count;
    int64_t last;
};

static enum cede_status read_holder(void *context, const struct store_row *row)
{
    struct holders *holders = context;

    holders->count++;
    holders->last = store_column_int(row, 0);
    return CEDE_OK;
}

enum cede_status ca_records_holders(struct ca *ca, int64_t factory, int64_t except, int64_t *count,
                                    int64_t *holder)
{
    struct holders holders = {0, CA_NO_ROW};

    CEDE_TRY(store_query(ca->store,
                         "SELECT account FROM registration WHERE factory = $1 AND state <> 2"
                         " AND account <> $2 ORDER BY registered_at, account",
                         STORE_PARAMS(store_int(factory), store_int(except)), read_holder,
                         &holders));
    *count = holders.count;
    *holder = holders.last;
    return CEDE_OK;
}

/* --- accounts and tokens ---------------------------------------------------------------------- */

struct text {
    char *out;
    size_t cap;
};

static enum cede_status read_text(void *context, const struct store_row *row)
{
    struct text *text = context;

    return store_column_copy_text(row, 0, text->out, text->cap);
}

enum cede_status ca_records_account(struct ca *ca, const char *name, int64_t *row)
{
    return store_get_int(ca->store, "SELECT id FROM account WHERE name = $1",
                         STORE_PARAMS(store_text(name)), row);
}

enum cede_status ca_records_account_name(struct ca *ca, int64_t row, char *name, size_t name_cap)
{
    struct text text = {name, name_cap};

    return store_get(ca->store, "SELECT name FROM account WHERE id = $1",
                     STORE_PARAMS(store_int(row)), read_text, &text);
}

enum cede_status ca_records_account_by_thumbprint(struct ca *ca, const uint8_t thumbprint[32],
                                                  char *name, size_t name_cap)
{
    struct text text = {name, name_cap};

    return store_get(ca->store, "SELECT name FROM account WHERE thumbprint = $1",
                     STORE_PARAMS(store_blob(cede_span(thumbprint, 32))), read_text, &text);
}

struct blob {
    struct cede_buf out;
    struct cede_span copied;
};

static enum cede_status read_blob(void *context, const struct store_row *row)
{
    struct blob *blob = context;

    return cede_copy(blob->out, store_column_blob(row, 0), &blob->copied);
}

enum cede_status ca_records_account_certificate(struct ca *ca, int64_t row, struct cede_buf out,
                                                struct cede_span *der)
{
    struct blob blob = {out, CEDE_SPAN_NULL};

    CEDE_TRY(store_get(ca->store, "SELECT certificate FROM account WHERE id = $1",
                       STORE_PARAMS(store_int(row)), read_blob, &blob));
    *der = blob.copied;
    return CEDE_OK;
}

enum cede_status ca_records_set_account(struct ca *ca, const char *name, struct cede_span der,
                                        const uint8_t thumbprint[32])
{
    return store_run(ca->store,
                     "INSERT INTO account (name, certificate, thumbprint, created_at)"
                     " VALUES ($1, $2, $3, $4) ON CONFLICT (name)"
                     " DO UPDATE SET certificate = $2, thumbprint = $3",
                     STORE_PARAMS(store_text(name), store_blob(der),
                                  store_blob(cede_span(thumbprint, 32)),
                                  store_int((int64_t)ca_now(ca))),
                     NULL);
}

static enum cede_status make_token(const struct ca *ca, char token[CA_TOKEN_LEN + 1])
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t random[CA_TOKEN_LEN];

    CEDE_TRY(ca->crypto->random(ca->crypto->context, CEDE_BUF_ARRAY(random)));
    for (size_t i = 0; i < CA_TOKEN_LEN; i++) {
        token[i] = alphabet[random[i] & 63];
    }
    token[CA_TOKEN_LEN] = '\0';
    return CEDE_OK;
}

enum cede_status ca_records_token(struct ca *ca, int64_t account, char token[CA_TOKEN_LEN + 1])
{
    struct text text = {token, CA_TOKEN_LEN + 1};
    enum cede_status status = store_get(ca->store, "SELECT token FROM token WHERE account = $1",
                                        STORE_PARAMS(store_int(account)), read_text, &text);

    if (status != CEDE_NOT_FOUND) {
        return status;
    }
    CEDE_TRY(make_token(ca, token));
    return store_run(
        ca->store, "INSERT INTO token (token, account, created_at) VALUES ($1, $2, $3)",
        STORE_PARAMS(store_text(token), store_int(account), store_int((int64_t)ca_now(ca))), NULL);
}

struct prospects {
    struct ca_prospect *last;
    size_t count;
};

static enum cede_status read_prospect(void *context, const struct store_row *row)
{
    struct prospects *prospects = context;
    struct ca_prospect *prospect = prospects->last;

    prospects->count++;
    prospect->account = store_column_int(row, 0);
    prospect->key_known = store_column_int(row, 2) != 0;
    prospect->certified = store_column_int(row, 3) != 0;
    return store_column_copy_blob(row, 1, prospect->factory_key, sizeof prospect->factory_key);
}

#define PROSPECT                                                                                   \
    "SELECT registration.account, key_hash, CASE WHEN EXISTS (SELECT 1 FROM certificate"           \
    " WHERE certificate.key_hash = $2) THEN 1 ELSE 0 END, CASE WHEN EXISTS (SELECT 1 FROM"         \
    " certificate WHERE certificate.factory = $1 AND status = 0) THEN 1 ELSE 0 END"                \
    " FROM registration JOIN factory ON factory.id = registration.factory"                         \
    " WHERE registration.factory = $1 AND state <> 2"

enum cede_status ca_records_prospect(struct ca *ca, int64_t factory, struct cede_span token,
                                     const uint8_t key[32], struct ca_prospect *prospect)
{
    struct store_value device = store_int(factory), asked = store_blob(cede_span(key, 32));
    struct prospects found = {prospect, 0};

    memset(prospect, 0, sizeof *prospect);
    CEDE_TRY(
        cede_span_is_null(token)
            ? store_query(ca->store, PROSPECT, STORE_PARAMS(device, asked), read_prospect, &found)
            : store_query(ca->store,
                          PROSPECT " AND registration.account ="
                                   " (SELECT account FROM token WHERE token = $3)",
                          STORE_PARAMS(device, asked, store_text_span(token)), read_prospect,
                          &found));
    return found.count == 1 ? CEDE_OK : CEDE_NOT_FOUND;
}

/* --- releases --------------------------------------------------------------------------------- */

enum cede_status ca_records_release(struct ca *ca, const uint8_t thumbprint[32], int64_t account,
                                    struct cede_span transfer)
{
    return store_run(ca->store,
                     "INSERT INTO device_release (thumbprint, account, transfer, released_at)"
                     " VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                     STORE_PARAMS(store_blob(cede_span(thumbprint, 32)), store_int(account),
                                  store_blob(transfer), store_int((int64_t)ca_now(ca))),
                     NULL);
}

enum cede_status ca_records_released(struct ca *ca, const uint8_t thumbprint[32], int64_t account,
                                     struct cede_span transfer, bool *released)
{
    int64_t count = 0;

    CEDE_TRY(store_get_int(ca->store,
                           "SELECT count(*) FROM device_release WHERE thumbprint = $1"
                           " AND account = $2 AND transfer = $3 AND spent = 0",
                           STORE_PARAMS(store_blob(cede_span(thumbprint, 32)), store_int(account),
                                        store_blob(transfer)),
                           &count));
    *released = count > 0;
    return CEDE_OK;
}

enum cede_status ca_records_may_supersede(struct ca *ca, int64_t factory, int64_t old_account,
                                          int64_t new_account, bool *allowed)
{
    int64_t count = 0;

    CEDE_TRY(store_get_int(
        ca->store,
        "SELECT count(*) FROM registration"
        " JOIN factory ON factory.id = registration.factory"
        " JOIN device_release ON device_release.thumbprint = factory.thumbprint"
        " AND device_release.transfer = registration.transfer"
        " WHERE registration.factory = $1 AND registration.account = $2"
        " AND device_release.account = $3 AND device_release.spent = 0",
        STORE_PARAMS(store_int(factory), store_int(new_account), store_int(old_account)), &count));
    *allowed = count > 0;
    return CEDE_OK;
}

enum cede_status ca_records_spend_releases(struct ca *ca, const struct ca_factory_record *factory,
                                           int64_t account)
{
    struct cede_span thumbprint = CEDE_SPAN_ARRAY(factory->thumbprint);

    CEDE_TRY(store_run(ca->store,
                       "UPDATE device_release SET spent = 1 WHERE thumbprint = $1 AND account = $2",
                       STORE_PARAMS(store_blob(thumbprint), store_int(account)), NULL));
    /* Also the ones that nobody needed to show, since the holder had gone before. */
    return store_run(
        ca->store,
        "INSERT INTO device_release (thumbprint, account, transfer, released_at, spent)"
        " SELECT $1, $2, transfer, $3, 1 FROM registration"
        " WHERE factory = $4 AND account <> $2 AND transfer IS NOT NULL"
        " ON CONFLICT DO NOTHING",
        STORE_PARAMS(store_blob(thumbprint), store_int(account), store_int((int64_t)ca_now(ca)),
                     store_int(factory->row)),
        NULL);
}

/* --- the list --------------------------------------------------------------------------------- */

struct list {
    bool json;
    FILE *out;
};

static void print_json(const struct store_row *row, const char *serial, FILE *out)
{
    json_t *line = json_pack("{s:s, s:s, s:s, s:s, s:s?, s:s, s:I, s:I, s:I}", "serial", serial,
                             "subject", store_column_text(row, 1), "profile",
                             ca_profile_name((enum ca_profile)store_column_int(row, 2)), "status",
                             store_column_int(row, 3) == CA_LIVE ? "live" : "revoked", "account",
                             store_column_text(row, 4), "authorised_by", store_column_text(row, 5),
                             "not_before", (json_int_t)store_column_int(row, 6), "not_after",
                             (json_int_t)store_column_int(row, 7), "reason",
                             (json_int_t)store_column_int(row, 8));

    if (line != NULL) {
        json_dumpf(line, out, JSON_COMPACT);
        fputc('\n', out);
    }
    json_decref(line);
}

static enum cede_status print_row(void *context, const struct store_row *row)
{
    const struct list *list = context;
    struct cede_span serial = store_column_blob(row, 0);
    char text[2 * CEDE_SERIAL_LEN_MAX + 1];
    const char *account = store_column_text(row, 4);

    if (serial.len > CEDE_SERIAL_LEN_MAX) {
        return CEDE_STORE_SCHEMA;
    }
    hex_encode(serial.ptr, serial.len, text);
    if (list->json) {
        print_json(row, text, list->out);
    } else {
        fprintf(list->out, "%-16s %-8s %-8s %-32s %s\n", text,
                ca_profile_name((enum ca_profile)store_column_int(row, 2)),
                store_column_int(row, 3) == CA_LIVE ? "live" : "revoked", store_column_text(row, 1),
                account == NULL ? "-" : account);
    }
    return ferror(list->out) ? CEDE_OS_FAILED : CEDE_OK;
}

enum cede_status ca_list(struct ca *ca, bool json, FILE *out)
{
    struct list list = {json, out};

    return store_query(ca->store,
                       "SELECT serial, subject, profile, status, account.name, authorised_by,"
                       " not_before, not_after, coalesce(reason, -1) FROM certificate"
                       " LEFT JOIN account ON account.id = certificate.account"
                       " ORDER BY certificate.id",
                       STORE_NO_PARAMS, print_row, &list);
}

/* A device names itself: quoted, so that no terminal takes it for orders. */
static void print_alarm_text(const struct store_row *row, FILE *out)
{
    time_t at = (time_t)store_column_int(row, 0);
    char when[32] = "";
    struct tm utc;
    json_t *device = json_string_nocheck(store_column_text(row, 2));
    char *quoted = json_dumps(device, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);

    if (gmtime_r(&at, &utc) != NULL) {
        (void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
    }
    fprintf(out, "%s %-12s %s: %s\n", when, store_column_text(row, 1),
            quoted == NULL ? "?" : quoted, store_column_text(row, 3));
    free(quoted);
    json_decref(device);
}

static enum cede_status print_alarm(void *context, const struct store_row *row)
{
    const struct list *list = context;
    json_t *line = NULL;

    if (!list->json) {
        print_alarm_text(row, list->out);
        return ferror(list->out) ? CEDE_OS_FAILED : CEDE_OK;
    }
    line = json_pack("{s:I, s:s, s:s, s:s}", "at", (json_int_t)store_column_int(row, 0), "kind",
                     store_column_text(row, 1), "device", store_column_text(row, 2), "detail",
                     store_column_text(row, 3));
    if (line != NULL) {
        json_dumpf(line, list->out, JSON_COMPACT);
        fputc('\n', list->out);
    }
    json_decref(line);
    return ferror(list->out) ? CEDE_OS_FAILED : CEDE_OK;
}

enum cede_status ca_alarms(struct ca *ca, bool json, FILE *out)
{
    struct list list = {json, out};

    return store_query(ca->store, "SELECT at, kind, device_id, detail FROM alarm ORDER BY id",
                       STORE_NO_PARAMS, print_alarm, &list);
}
