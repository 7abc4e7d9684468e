/* SPDX-License-Identifier: Apache-2.0 */
/* revocation.c - sources, the process that fetches them, the proof of the own update server. */
#include "server/sp/revocation.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cede/status_proof.h"
#include "server/common/hex.h"
#include "server/common/log.h"
#include "server/common/revocation_check.h"

#define SOURCES_MAX 32
#define CHUNK       2000 /* entries in one transaction: workers wait no longer than for these */

const char revocation_sql[] =
    "CREATE TABLE revocation_sources ("
    "  ca TEXT PRIMARY KEY, url TEXT NOT NULL, delta_url TEXT NOT NULL DEFAULT '',"
    "  number BIGINT NOT NULL DEFAULT -1, next_update BIGINT NOT NULL DEFAULT 0,"
    "  checked_at BIGINT NOT NULL DEFAULT 0);"
    "CREATE TABLE server_status ("
    "  thumbprint {BLOB} PRIMARY KEY, revoked BIGINT NOT NULL DEFAULT 0, proof {BLOB},"
    "  made_at BIGINT NOT NULL DEFAULT 0, ends_at BIGINT NOT NULL DEFAULT 0);";

/* --- sources ---------------------------------------------------------------------------------- */

enum cede_status revocation_set_source(struct store *store, const char *ca, const char *url)
{
    if (strncmp(url, "http://", 7) != 0 || strlen(url) >= REVOCATION_URL_MAX) {
        return CEDE_BAD_ARGUMENT;
    }
    return store_run(store,
                     "INSERT INTO revocation_sources (ca, url) VALUES ($1, $2)"
                     " ON CONFLICT (ca) DO UPDATE SET url = $2, delta_url = '', number = -1",
                     STORE_PARAMS(store_text(ca), store_text(url)), NULL);
}

struct standing {
    int64_t checked_at;
    int64_t next_update;
};

static enum cede_status read_standing(void *context, const struct store_row *row)
{
    struct standing *standing = context;

    standing->checked_at = store_column_int(row, 0);
    standing->next_update = store_column_int(row, 1);
    return CEDE_OK;
}

enum cede_status revocation_check(struct sp *sp, const char *ca, const char *serial)
{
    struct standing standing = {0, 0};
    bool revoked = false;
    enum cede_status status;

    CEDE_TRY(records_is_revoked(sp->store, ca, serial, &revoked));
    if (revoked) {
        return CEDE_SP_DEVICE;
    }
    status =
        store_get(sp->store, "SELECT checked_at, next_update FROM revocation_sources WHERE ca = $1",
                  STORE_PARAMS(store_text(ca)), read_standing, &standing);
    if (status == CEDE_NOT_FOUND) {
        return CEDE_OK; /* no list: the partners' interface alone tells */
    }
    CEDE_TRY(status);
    return revocation_judge(&sp->revocation, standing.checked_at, standing.next_update, sp_now());
}

enum cede_status revocation_check_partner(void *context, const uint8_t anchor[32],
                                          struct cede_span serial)
{
    struct sp *sp = context;
    char text[RECORD_SERIAL_MAX];
    struct partner partner;
    bool revoked = false;

    if (serial.len > CEDE_SERIAL_LEN_MAX) {
        return CEDE_X509_SERIAL;
    }
    CEDE_TRY(records_partner_by_thumbprint(sp->store, anchor, &partner));
    hex_encode(serial.ptr, serial.len, text);
    CEDE_TRY(records_is_revoked(sp->store, partner.name, text, &revoked));
    if (revoked) {
        log_error("the certificate that %s's server shows is revoked", partner.name);
    }
    return revoked ? CEDE_CA_REVOKED : CEDE_OK;
}

/* --- fetching --------------------------------------------------------------------------------- */

struct named_source {
    char ca[RECORD_NAME_MAX];
    struct revocation_source source;
};

struct named_sources {
    struct named_source list[SOURCES_MAX];
    size_t count;
};

static enum cede_status read_source(void *context, const struct store_row *row)
{
    struct named_sources *sources = context;
    struct named_source *named = &sources->list[sources->count];

    if (sources->count == SOURCES_MAX) {
        return CEDE_NO_SPACE;
    }
    memset(named, 0, sizeof *named);
    CEDE_TRY(store_column_copy_text(row, 0, named->ca, sizeof named->ca));
    CEDE_TRY(store_column_copy_text(row, 1, named->source.url, sizeof named->source.url));
    CEDE_TRY(
        store_column_copy_text(row, 2, named->source.delta_url, sizeof named->source.delta_url));
    named->source.number = store_column_int(row, 3);
    named->source.next_update = store_column_int(row, 4);
    sources->count++;
    return CEDE_OK;
}

/* Entries as they come, a transaction for so many at a time. */
struct intake {
    struct sp *sp;
    const char *ca;
    size_t open;
    size_t all;
};

static enum cede_status on_revoked(void *context, const struct crl_entry *entry)
{
    struct intake *intake = context;
    char serial[RECORD_SERIAL_MAX];

    if (entry->serial.len > CEDE_SERIAL_LEN_MAX) {
        return CEDE_X509_SERIAL;
    }
    hex_encode(entry->serial.ptr, entry->serial.len, serial);
    CEDE_TRY(records_write(intake->sp->store));
    CEDE_TRY(records_add_revoked(intake->sp->store, intake->ca, serial, (int64_t)entry->at));
    intake->all++;
    if (++intake->open < CHUNK) {
        return CEDE_OK;
    }
    intake->open = 0;
    return store_commit(intake->sp->store);
}

static enum cede_status save_source(struct sp *sp, const struct named_source *named, int64_t now)
{
    const struct revocation_source *source = &named->source;

    CEDE_TRY(records_write(sp->store));
    CEDE_TRY(store_run(sp->store,
                       "UPDATE revocation_sources SET delta_url = $2, number = $3,"
                       " next_update = $4, checked_at = $5 WHERE ca = $1 AND url = $6",
                       STORE_PARAMS(store_text(named->ca), store_text(source->delta_url),
                                    store_int(source->number), store_int(source->next_update),
                                    store_int(now), store_text(source->url)),
                       NULL));
    return store_commit(sp->store);
}

static enum cede_status fetch(struct sp *sp, struct revocation_client *client,
                              struct named_source *named)
{
    struct intake intake = {sp, named->ca, 0, 0};
    struct revocation_sink sink = {on_revoked, &intake};
    struct cede_certificate issuer;
    struct partner ca;
    int64_t now = sp_now();
    enum cede_status status;

    CEDE_TRY(records_partner(sp->store, named->ca, &ca));
    CEDE_TRY(cede_certificate_decode(cede_span(ca.certificate, ca.certificate_len), sp->crypto,
                                     &issuer));
    status = revocation_update(client, &issuer, (uint64_t)now, &sink, &named->source);
    if (status == CEDE_OK) {
        return save_source(sp, named, now);
    }
    if (store_in_transaction(sp->store)) {
        (void)!store_commit(sp->store); /* what was told is true, though it was not all */
    }
    return status;
}

enum cede_status revocation_round(struct sp *sp, struct revocation_client *client)
{
    struct named_sources *sources = calloc(1, sizeof *sources);
    enum cede_status status = CEDE_SERVER_MEMORY;

    if (sources != NULL) {
        status = store_query(sp->store,
                             "SELECT ca, url, delta_url, number, next_update"
                             " FROM revocation_sources ORDER BY ca",
                             STORE_NO_PARAMS, read_source, sources);
    }
    for (size_t i = 0; status == CEDE_OK && i < sources->count; i++) {
        enum cede_status fetched = fetch(sp, client, &sources->list[i]);

        if (fetched != CEDE_OK) {
            log_warning("revocations of %s, %s: %s", sources->list[i].ca,
                        sources->list[i].source.url, cede_status_reason(fetched));
        }
    }
    free(sources);
    return status;
}

int revocation_process(struct sp *sp, const struct supervisor_child *child)
{
    struct revocation_client *client = NULL;
    enum cede_status status = revocation_client_new(&client);

    if (status != CEDE_OK) {
        log_error("revocations: %s", cede_status_reason(status));
        return EXIT_FAILURE;
    }
    supervisor_child_ready(child);
    while (!supervisor_child_stopping(child)) {
        struct pollfd stop = {child->stop_fd, POLLIN, 0};

        if (revocation_round(sp, client) != CEDE_OK) {
            log_error("store: %s", store_error(sp->store));
        }
        (void)poll(&stop, 1, REVOCATION_EVERY_S * 1000);
    }
    revocation_client_free(client);
    return EXIT_SUCCESS;
}

/* --- the own update server -------------------------------------------------------------------- */

static enum cede_status own_thumbprint(const struct sp *sp, uint8_t thumbprint[32])
{
    size_t len = 0;

    return cede_certificate_thumbprint(
        sp->crypto, CEDE_ALG_SHA_256, cede_span(sp->server_certificate, sp->server_certificate_len),
        thumbprint, &len);
}

struct own_status {
    bool revoked;
    bool proof_says_revoked;
    bool has_proof;
    int64_t made_at;
};

static enum cede_status read_own(void *context, const struct store_row *row)
{
    struct own_status *own = context;
    struct cede_status_proof proof;

    own->revoked = store_column_int(row, 0) != 0;
    own->made_at = store_column_int(row, 1);
    own->has_proof = !store_column_is_null(row, 2) &&
                     cede_status_proof_decode(store_column_blob(row, 2), &proof) == CEDE_OK;
    own->proof_says_revoked = own->has_proof && proof.revoked;
    return CEDE_OK;
}

static enum cede_status sign_proof(struct sp *sp, const struct identity *identity, bool revoked,
                                   const uint8_t thumbprint[32], int64_t now)
{
    struct cede_status_proof proof = {
        .revoked = revoked, .this_update = (uint64_t)now, .lifetime = REVOCATION_PROOF_S};
    uint8_t memory[CEDE_STATUS_PROOF_LEN_MAX];
    struct cede_span encoding;

    CEDE_TRY(cede_status_proof_sign(sp->crypto, &identity->private_key,
                                    cede_span(sp->server_certificate, sp->server_certificate_len),
                                    &proof, CEDE_BUF_ARRAY(memory), &encoding));
    return store_run(sp->store,
                     "INSERT INTO server_status (thumbprint, proof, made_at, ends_at)"
                     " VALUES ($1, $2, $3, $4) ON CONFLICT (thumbprint)"
                     " DO UPDATE SET proof = $2, made_at = $3, ends_at = $4",
                     STORE_PARAMS(store_blob(cede_span(thumbprint, 32)), store_blob(encoding),
                                  store_int(now), store_int(now + REVOCATION_PROOF_S)),
                     NULL);
}

enum cede_status revocation_keep_proof(struct sp *sp, const struct identity *identity)
{
    struct own_status own = {.has_proof = false};
    uint8_t thumbprint[32];
    int64_t now = sp_now();
    enum cede_status status;

    CEDE_TRY(own_thumbprint(sp, thumbprint));
    status = store_get(sp->store,
                       "SELECT revoked, made_at, proof FROM server_status WHERE thumbprint = $1",
                       STORE_PARAMS(store_blob(CEDE_SPAN_ARRAY(thumbprint))), read_own, &own);
    if (status != CEDE_OK && status != CEDE_NOT_FOUND) {
        return status;
    }
    if (own.has_proof && own.revoked == own.proof_says_revoked && now >= own.made_at &&
        now < own.made_at + REVOCATION_PROOF_S / 2) {
        return CEDE_OK;
    }
    return sign_proof(sp, identity, own.revoked, thumbprint, now);
}

struct proof_out {
    struct cede_buf out;
    struct cede_span proof;
};

static enum cede_status read_proof(void *context, const struct store_row *row)
{
    struct proof_out *found = context;

    return cede_copy(found->out, store_column_blob(row, 0), &found->proof);
}

enum cede_status revocation_proof(struct sp *sp, struct cede_buf out, struct cede_span *proof)
{
    struct proof_out found = {out, CEDE_SPAN_NULL};
    uint8_t thumbprint[32];

    *proof = CEDE_SPAN_NULL;
    CEDE_TRY(own_thumbprint(sp, thumbprint));
    CEDE_TRY(store_get(sp->store,
                       "SELECT proof FROM server_status WHERE thumbprint = $1 AND ends_at > $2"
                       " AND proof IS NOT NULL",
                       STORE_PARAMS(store_blob(CEDE_SPAN_ARRAY(thumbprint)), store_int(sp_now())),
                       read_proof, &found));
    *proof = found.proof;
    return CEDE_OK;
}

enum cede_status revocation_revoke_server(struct sp *sp)
{
    uint8_t thumbprint[32];

    CEDE_TRY(own_thumbprint(sp, thumbprint));
    return store_run(sp->store,
                     "INSERT INTO server_status (thumbprint, revoked) VALUES ($1, 1)"
                     " ON CONFLICT (thumbprint) DO UPDATE SET revoked = 1",
                     STORE_PARAMS(store_blob(CEDE_SPAN_ARRAY(thumbprint))), NULL);
}
