/* SPDX-License-Identifier: Apache-2.0 */
/* crl_publisher.c - when which list is made, of which rows. */
#include "server/ca/crl_publisher.h"

#include <stdlib.h>
#include <string.h>

#include "server/ca/signer.h"
#include "server/common/log.h"

static const char schema[] =
    "CREATE TABLE list (name TEXT NOT NULL PRIMARY KEY, number BIGINT NOT NULL,"
    " this_update BIGINT NOT NULL, next_update BIGINT NOT NULL, up_to BIGINT NOT NULL,"
    " entries BIGINT NOT NULL, der {BLOB} NOT NULL);";

const struct store_migration crl_publisher_migrations[] = {{"lists", schema}};
const size_t crl_publisher_migrations_count =
    sizeof crl_publisher_migrations / sizeof crl_publisher_migrations[0];

/* --- what was published ----------------------------------------------------------------------- */

static enum cede_status read_list(void *context, const struct store_row *row)
{
    struct crl_list *list = context;
    struct cede_span der = store_column_blob(row, 5);
    uint8_t *copy = malloc(der.len + 1);

    if (copy == NULL) {
        return CEDE_SERVER_MEMORY;
    }
    memcpy(copy, der.ptr, der.len);
    list->number = store_column_int(row, 0);
    list->this_update = store_column_int(row, 1);
    list->next_update = store_column_int(row, 2);
    list->up_to = store_column_int(row, 3);
    list->count = store_column_int(row, 4);
    list->blob = http_blob_new(copy, der.len);
    return list->blob != NULL ? CEDE_OK : CEDE_SERVER_MEMORY;
}

static enum cede_status load(struct store *store, const char *name, struct crl_list *list)
{
    enum cede_status status =
        store_get(store,
                  "SELECT number, this_update, next_update, up_to, entries, der FROM list"
                  " WHERE name = $1",
                  STORE_PARAMS(store_text(name)), read_list, list);

    return status == CEDE_NOT_FOUND ? CEDE_OK : status;
}

static enum cede_status save(struct store *store, const char *name, const struct crl_list *list)
{
    return store_run(store,
                     "INSERT INTO list (name, number, this_update, next_update, up_to, entries,"
                     " der) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (name) DO UPDATE SET"
                     " number = $2, this_update = $3, next_update = $4, up_to = $5, entries = $6,"
                     " der = $7",
                     STORE_PARAMS(store_text(name), store_int(list->number),
                                  store_int(list->this_update), store_int(list->next_update),
                                  store_int(list->up_to), store_int(list->count),
                                  store_blob(http_blob_bytes(list->blob))),
                     NULL);
}

enum cede_status crl_publisher_open(struct crl_publisher *publisher, struct ca *ca,
                                    struct store *store)
{
    memset(publisher, 0, sizeof *publisher);
    publisher->ca = ca;
    publisher->store = store;
    CEDE_TRY(load(store, "complete", &publisher->complete));
    return load(store, "delta", &publisher->delta);
}

void crl_publisher_close(struct crl_publisher *publisher)
{
    http_blob_release(publisher->complete.blob);
    http_blob_release(publisher->delta.blob);
    crl_entries_wipe(&publisher->entries);
    memset(publisher, 0, sizeof *publisher);
}

bool crl_publisher_covers(const struct crl_publisher *publisher, int64_t row)
{
    return publisher->delta.blob != NULL && publisher->delta.up_to >= row;
}

/* --- signing ---------------------------------------------------------------------------------- */

static enum cede_status sign(struct crl_publisher *publisher, const struct crl_info *info,
                             struct cede_span tbs, uint8_t **der, size_t *len)
{
    struct ca *ca = publisher->ca;
    struct cede_private_key key = ca->key;
    uint8_t signature[CEDE_SIGNATURE_LEN_MAX];
    size_t signature_len = 0;

    if (ca->pkey == NULL) {
        key = signer_key(ca->key.curve, SIGNER_CRL);
    }
    CEDE_TRY(ca->signer->sign(ca->signer->context, info->signature_alg, &key, &tbs, 1, signature,
                              &signature_len));
    return crl_join(tbs, info->signature_alg, cede_span(signature, signature_len), der, len);
}

static enum cede_status make_der(struct crl_publisher *publisher, const struct crl_info *info,
                                 const struct crl_entries *entries, struct http_blob **blob)
{
    uint8_t *tbs = NULL, *der = NULL;
    size_t tbs_len = 0, der_len = 0;
    enum cede_status status;

    *blob = NULL;
    CEDE_TRY(crl_tbs(info, entries, &tbs, &tbs_len));
    status = sign(publisher, info, cede_span(tbs, tbs_len), &der, &der_len);
    free(tbs);
    CEDE_TRY(status);
    *blob = http_blob_new(der, der_len);
    return *blob != NULL ? CEDE_OK : CEDE_SERVER_MEMORY;
}

static int64_t next_number(const struct crl_publisher *publisher, int64_t now)
{
    int64_t last = publisher->delta.number > publisher->complete.number
                       ? publisher->delta.number
                       : publisher->complete.number;

    return last + 1 > now ? last + 1 : now;
}

static struct crl_info describe(const struct crl_publisher *publisher, int64_t now, bool is_delta)
{
    const struct ca *ca = publisher->ca;
    const struct ca_revocation_policy *policy = &ca->policy.revocation;
    struct crl_info info = {
        .issuer = ca->certificate.subject,
        .authority_key_id = CEDE_SPAN_ARRAY(ca->key_id),
        .signature_alg = cede_certificate_alg(ca->certificate.curve),
        .number = (uint64_t)next_number(publisher, now),
        .this_update = (uint64_t)now,
        .is_delta = is_delta,
    };

    info.next_update =
        (uint64_t)now + (is_delta ? policy->delta_validity_s : policy->crl_validity_s);
    if (ca->delta_uri[0] != '\0') {
        info.freshest_uri = cede_span_string(ca->delta_uri);
    }
    return info;
}

static enum cede_status make_list(struct crl_publisher *publisher, const struct crl_info *info,
                                  const struct crl_entries *entries, struct crl_list *list)
{
    CEDE_TRY(make_der(publisher, info, entries, &list->blob));
    list->number = (int64_t)info->number;
    list->this_update = (int64_t)info->this_update;
    list->next_update = (int64_t)info->next_update;
    list->up_to = publisher->up_to;
    list->count = (int64_t)entries->count;
    return CEDE_OK;
}

static void replace(struct crl_list *list, const struct crl_list *by)
{
    http_blob_release(list->blob);
    *list = *by;
}

/* What leaves is on disk first: numbers do not come twice. */
static enum cede_status publish(struct crl_publisher *publisher, const struct crl_list *complete,
                                const struct crl_list *delta)
{
    enum cede_status status = store_begin(publisher->store);

    if (status == CEDE_OK && complete != NULL) {
        status = save(publisher->store, "complete", complete);
    }
    if (status == CEDE_OK) {
        status = save(publisher->store, "delta", delta);
    }
    if (status == CEDE_OK) {
        return store_commit(publisher->store);
    }
    store_rollback(publisher->store);
    return status;
}

/* A complete list comes with an empty delta of the same number (RFC 5280, section 5.2.3). */
static enum cede_status publish_complete(struct crl_publisher *publisher)
{
    const struct crl_entries none = {NULL, 0, 0, 0};
    struct crl_info info = describe(publisher, publisher->made_at, false);
    struct crl_info delta_info = describe(publisher, (int64_t)info.this_update, true);
    struct crl_list complete = {.blob = NULL}, delta = {.blob = NULL};
    enum cede_status status;

    delta_info.number = delta_info.base_number = info.number;
    status = make_list(publisher, &info, &publisher->entries, &complete);
    if (status == CEDE_OK) {
        status = make_list(publisher, &delta_info, &none, &delta);
    }
    if (status == CEDE_OK) {
        status = publish(publisher, &complete, &delta);
    }
    if (status != CEDE_OK) {
        http_blob_release(complete.blob);
        http_blob_release(delta.blob);
        return status;
    }
    replace(&publisher->complete, &complete);
    replace(&publisher->delta, &delta);
    publisher->fits = true;
    return CEDE_OK;
}

static enum cede_status publish_delta(struct crl_publisher *publisher)
{
    struct crl_info info = describe(publisher, publisher->made_at, true);
    struct crl_list delta = {.blob = NULL};
    enum cede_status status;

    info.base_number = (uint64_t)publisher->complete.number;
    status = make_list(publisher, &info, &publisher->entries, &delta);
    if (status == CEDE_OK) {
        status = publish(publisher, NULL, &delta);
    }
    if (status != CEDE_OK) {
        http_blob_release(delta.blob);
        return status;
    }
    replace(&publisher->delta, &delta);
    return CEDE_OK;
}

/* --- reading rows, a part at a time ----------------------------------------------------------- */

struct step {
    struct crl_publisher *publisher;
    size_t rows;
};

static enum cede_status take_row(void *context, const struct store_row *row)
{
    struct step *step = context;

    step->rows++;
    step->publisher->from = store_column_int(row, 0);
    return crl_entries_add(&step->publisher->entries, store_column_blob(row, 1),
                           (uint64_t)store_column_int(row, 2), (int)store_column_int(row, 3));
}

static enum cede_status read_rows(struct crl_publisher *publisher, bool *done)
{
    struct step step = {publisher, 0};

    CEDE_TRY(store_query(publisher->ca->store,
                         "SELECT id, serial, at, reason FROM revocation WHERE id > $1 AND id <= $2"
                         " AND (not_after = -1 OR not_after >= $3) ORDER BY id LIMIT $4",
                         STORE_PARAMS(store_int(publisher->from), store_int(publisher->up_to),
                                      store_int(publisher->not_before), store_int(CRL_STEP)),
                         take_row, &step));
    *done = step.rows < CRL_STEP;
    return CEDE_OK;
}

/* "An entry MUST NOT be removed from the CRL until it appears on one regularly scheduled CRL issued
 * beyond the revoked certificate's validity period" (RFC 5280, section 3.3): lists made for a
 * revocation are not, so a list's whole time must be over, and a list must have been made. */
static int64_t expired_before(const struct crl_publisher *publisher)
{
    int64_t long_ago =
        publisher->made_at - (int64_t)publisher->ca->policy.revocation.crl_validity_s;

    return long_ago < publisher->complete.this_update ? long_ago : publisher->complete.this_update;
}

static void begin(struct crl_publisher *publisher, int64_t last_row, bool is_delta)
{
    publisher->working = true;
    publisher->making_delta = is_delta;
    publisher->from = is_delta ? publisher->complete.up_to : 0;
    publisher->up_to = last_row;
    publisher->made_at = (int64_t)ca_now(publisher->ca);
    publisher->not_before = expired_before(publisher);
    crl_entries_wipe(&publisher->entries);
}

static bool is_late(const struct crl_list *list, int64_t now)
{
    return list->blob == NULL || now < list->this_update ||
           now >= list->next_update - (list->next_update - list->this_update) / 3;
}

/* Which list is due, if any? */
static bool choose(struct crl_publisher *publisher, int64_t last_row, bool *is_delta)
{
    int64_t now = (int64_t)ca_now(publisher->ca);
    int64_t new_rows = last_row - publisher->complete.up_to;
    int64_t long_delta = publisher->complete.count / 4;

    *is_delta = true;
    if (!publisher->fits || is_late(&publisher->complete, now)) {
        *is_delta = false;
        return true;
    }
    if (last_row > publisher->delta.up_to) {
        *is_delta = publisher->complete.count + new_rows > CRL_SHORT &&
                    (new_rows < CRL_SHORT || new_rows < long_delta);
        return now < publisher->made_at ||
               now - publisher->made_at >= (int64_t)publisher->ca->policy.revocation.coalesce_s;
    }
    return is_late(&publisher->delta, now);
}

enum cede_status crl_publisher_step(struct crl_publisher *publisher, int64_t last_row, bool *busy)
{
    bool done = false, is_delta = false;
    enum cede_status status;

    *busy = false;
    if (!publisher->working) {
        if (!choose(publisher, last_row, &is_delta)) {
            return CEDE_OK;
        }
        begin(publisher, last_row, is_delta);
    }
    status = read_rows(publisher, &done);
    if (status == CEDE_OK && !done) {
        *busy = true;
        return CEDE_OK;
    }
    publisher->working = false;
    if (status == CEDE_OK) {
        status = publisher->making_delta ? publish_delta(publisher) : publish_complete(publisher);
    }
    crl_entries_wipe(&publisher->entries);
    return status;
}
