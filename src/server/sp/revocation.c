/* SPDX-License-Identifier: Apache-2.0 */
/* revocation.c - certificates of devices and partners, the proof of the own update server. */
#include "server/sp/revocation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cede/status_proof.h"
#include "server/common/hex.h"
#include "server/common/log.h"
#include "server/common/revocation_cache.h"

const char revocation_sql[] = REVOCATION_SOURCES_SQL
    "CREATE TABLE server_status ("
    "  thumbprint {BLOB} PRIMARY KEY, revoked BIGINT NOT NULL DEFAULT 0, proof {BLOB},"
    "  made_at BIGINT NOT NULL DEFAULT 0, ends_at BIGINT NOT NULL DEFAULT 0);";

/* --- certificates of others -------------------------------------------------------------------
 */

enum cede_status revocation_check(struct sp *sp, const char *ca, const char *serial)
{
    enum cede_status status =
        revocation_cache_check(sp->store, &sp->revocation, ca, serial, false, sp_now());

    return status == CEDE_CA_REVOKED ? CEDE_SP_DEVICE : status;
}

enum cede_status revocation_check_partner(void *context, const uint8_t anchor[32],
                                          struct cede_span serial)
{
    struct sp *sp = context;
    char text[RECORD_SERIAL_MAX];
    struct partner partner;
    enum cede_status status;

    if (serial.len > CEDE_SERIAL_LEN_MAX) {
        return CEDE_X509_SERIAL;
    }
    CEDE_TRY(records_partner_by_thumbprint(sp->store, anchor, &partner));
    hex_encode(serial.ptr, serial.len, text);
    status = revocation_cache_check(sp->store, &sp->revocation, partner.name, text, true, sp_now());
    if (status == CEDE_CA_REVOKED) {
        log_error("the certificate that %s's server shows is revoked", partner.name);
    } else if (status == CEDE_REVOCATION_UNKNOWN) {
        log_warning("whether the certificate of %s's server is revoked is not known yet",
                    partner.name);
    }
    return status;
}

static enum cede_status find_issuer(void *context, const char *ca, struct cede_buf out,
                                    struct cede_span *der)
{
    struct sp *sp = context;
    struct partner partner;

    CEDE_TRY(records_partner(sp->store, ca, &partner));
    return cede_copy(out, cede_span(partner.certificate, partner.certificate_len), der);
}

static uint64_t wall_clock(void *context)
{
    (void)context;
    return (uint64_t)sp_now();
}

int revocation_process(struct sp *sp, const struct supervisor_child *child)
{
    const struct revocation_cache cache = {sp->store, &sp->revocation, find_issuer, wall_clock, sp};

    return revocation_cache_run(&cache, child);
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
