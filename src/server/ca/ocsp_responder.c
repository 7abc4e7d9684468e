/* SPDX-License-Identifier: Apache-2.0 */
/* ocsp_responder.c - the responder's certificate, what is kept, what is signed when. */
#include "server/ca/ocsp_responder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cede/crypto_openssl.h"
#include "cede/der.h"
#include "server/common/log.h"

#define TYPE_RESPONSE "application/ocsp-response"
#define MAX_AGE_S     300 /* what a cache holds for longer would hide a revocation for longer */

/* --- the responder's own certificate ---------------------------------------------------------- */

static enum cede_status describe(struct ocsp_service *service, uint8_t key_id[20],
                                 struct ca_certificate_record *record,
                                 struct cede_certificate_info *info)
{
    struct ca *ca = service->ca;
    uint64_t now = ca_now(ca);

    CEDE_TRY(cede_certificate_key_id(ca->crypto, &info->public_key, key_id));
    record->serial_len = CA_SERIAL_LEN;
    CEDE_TRY(ca->crypto->random(ca->crypto->context, cede_buf(record->serial, CA_SERIAL_LEN)));
    record->serial[0] = (uint8_t)((record->serial[0] & 0x7f) | 0x40);
    snprintf(record->subject, sizeof record->subject, "%.59s ocsp", ca->name);
    info->serial = cede_span(record->serial, record->serial_len);
    info->issuer = ca->certificate.subject;
    info->subject = (struct cede_name){CEDE_NAME_TEXT, cede_span_string(record->subject)};
    info->not_before = now - CA_BACKDATE_S;
    info->not_after = now + OCSP_RESPONDER_S;
    info->path_len = CEDE_PATH_LEN_NONE;
    info->key_usage = CEDE_KU_DIGITAL_SIGNATURE;
    info->eku = CEDE_EKU_OCSP_SIGNING;
    info->ocsp_no_check = true; /* RFC 6960, section 4.2.2.2.1: a short life instead */
    info->subject_key_id = cede_span(key_id, 20);
    info->authority_key_id = CEDE_SPAN_ARRAY(ca->key_id);
    return CEDE_OK;
}

static enum cede_status note_certificate(struct ca *ca, const struct cede_certificate_info *info,
                                         struct ca_certificate_record *record)
{
    size_t len = 0;

    record->profile = CA_PROFILE_SERVER;
    record->not_before = (int64_t)info->not_before;
    record->not_after = (int64_t)info->not_after;
    CEDE_TRY(ca_key_hash(ca, info->public_key.point, record->key));
    CEDE_TRY(cede_certificate_thumbprint(ca->crypto, CEDE_ALG_SHA_256,
                                         cede_span(record->raw, record->raw_len),
                                         record->thumbprint, &len));
    return ca_records_add(ca, record, "status publisher");
}

/* A new key and a certificate for it. */
static enum cede_status make_certificate(struct ocsp_service *service, EVP_PKEY *pkey)
{
    struct ca *ca = service->ca;
    struct ca_certificate_record record;
    struct cede_certificate_info info;
    struct ocsp_responder responder = {.crypto = cede_crypto_openssl()};
    uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX], key_id[20];
    struct cede_span raw;

    memset(&record, 0, sizeof record);
    memset(&info, 0, sizeof info);
    CEDE_TRY(cede_openssl_public_key(pkey, point, &info.public_key));
    CEDE_TRY(cede_openssl_private_key(pkey, &responder.key));
    CEDE_TRY(ocsp_key_hash(&info.public_key, responder.key_hash));
    CEDE_TRY(describe(service, key_id, &record, &info));
    CEDE_TRY(cede_certificate_issue(CEDE_CERTIFICATE_X509, ca->signer, &info, &ca->key,
                                    CEDE_BUF_ARRAY(ca->scratch), CEDE_BUF_ARRAY(record.raw), &raw));
    record.raw_len = raw.len;
    CEDE_TRY(note_certificate(ca, &info, &record));
    memcpy(service->certificate, record.raw, record.raw_len);
    responder.certificate = cede_span(service->certificate, record.raw_len);
    service->responder = responder;
    memcpy(service->serial, record.serial, sizeof service->serial);
    service->made_at = info.not_before + CA_BACKDATE_S;
    service->renew_at = service->made_at + OCSP_RESPONDER_S / 3;
    return CEDE_OK;
}

/* Those issued last come first: the records may be of millions. */
static enum cede_status begin_ahead(struct ocsp_service *service)
{
    CEDE_TRY(store_get_int(service->ca->store, "SELECT coalesce(max(id), 0) FROM certificate",
                           STORE_NO_PARAMS, &service->ahead));
    service->ahead = service->ahead > OCSP_AHEAD ? service->ahead - OCSP_AHEAD : 0;
    return CEDE_OK;
}

static enum cede_status renew(struct ocsp_service *service)
{
    EVP_PKEY *pkey = NULL;
    enum cede_status status;

    CEDE_TRY(identity_generate_key(&pkey));
    status = make_certificate(service, pkey);
    if (status != CEDE_OK) {
        EVP_PKEY_free(pkey);
        return status;
    }
    EVP_PKEY_free(service->pkey);
    service->pkey = pkey;
    return CEDE_OK;
}

enum cede_status ocsp_service_open(struct ocsp_service *service, struct ca *ca)
{
    memset(service, 0, sizeof *service);
    service->ca = ca;
    service->kept = calloc(OCSP_KEPT, sizeof *service->kept);
    if (service->kept == NULL) {
        return CEDE_SERVER_MEMORY;
    }
    CEDE_TRY(ocsp_issuer_init(&service->issuer, &ca->certificate));
    CEDE_TRY(begin_ahead(service));
    return renew(service);
}

void ocsp_service_close(struct ocsp_service *service)
{
    for (size_t i = 0; service->kept != NULL && i < OCSP_KEPT; i++) {
        http_blob_release(service->kept[i].blob);
    }
    free(service->kept);
    EVP_PKEY_free(service->pkey);
    memset(service, 0, sizeof *service);
}

/* --- what is kept ----------------------------------------------------------------------------- */

/* The first of the OCSP_WAYS places of a serial number. Serial numbers are random, so their bytes
 * are as good as a hash; who asks for others finds no certificate, and nothing is kept. */
static struct ocsp_kept *places(struct ocsp_service *service, struct cede_span serial)
{
    uint64_t hash = 1469598103934665603u; /* FNV-1a */

    for (size_t i = 0; i < serial.len; i++) {
        hash = (hash ^ serial.ptr[i]) * 1099511628211u;
    }
    return &service->kept[hash % (OCSP_KEPT / OCSP_WAYS) * OCSP_WAYS];
}

static struct ocsp_kept *find_kept(struct ocsp_service *service, const struct ocsp_cert_id *id)
{
    struct ocsp_kept *kept = places(service, id->serial);

    for (size_t i = 0; i < OCSP_WAYS; i++) {
        if (kept[i].blob != NULL &&
            cede_span_equal(cede_span(kept[i].cert_id, kept[i].cert_id_len), id->raw)) {
            return &kept[i];
        }
    }
    return NULL;
}

static void drop(struct ocsp_kept *kept)
{
    http_blob_release(kept->blob);
    memset(kept, 0, sizeof *kept);
}

static struct ocsp_kept *find_free(struct ocsp_service *service, struct cede_span serial)
{
    struct ocsp_kept *kept = places(service, serial);

    for (size_t i = 0; i < OCSP_WAYS; i++) {
        if (kept[i].blob == NULL) {
            return &kept[i];
        }
    }
    return NULL;
}

/* A free one, or else the oldest of the places. */
static struct ocsp_kept *make_place(struct ocsp_service *service, struct cede_span serial)
{
    struct ocsp_kept *kept = places(service, serial), *oldest = kept;
    struct ocsp_kept *found = find_free(service, serial);

    if (found != NULL) {
        return found;
    }
    for (size_t i = 1; i < OCSP_WAYS; i++) {
        if (kept[i].this_update < oldest->this_update) {
            oldest = &kept[i];
        }
    }
    drop(oldest);
    return oldest;
}

/* --- statuses --------------------------------------------------------------------------------- */

struct found {
    bool there;
    bool revoked;
    uint64_t revoked_at;
    int reason;
};

static enum cede_status read_status(void *context, const struct store_row *row)
{
    struct found *found = context;

    found->there = true;
    found->revoked = store_column_int(row, 0) == CA_REVOKED;
    found->revoked_at = (uint64_t)store_column_int(row, 1);
    found->reason = (int)store_column_int(row, 2);
    return CEDE_OK;
}

/* No answer lasts longer than the certificate of the key that signs it. */
static uint64_t end_of(const struct ocsp_service *service, uint64_t now)
{
    uint64_t end = now + service->ca->policy.revocation.ocsp_validity_s;
    uint64_t last = service->made_at + OCSP_RESPONDER_S;

    return end < last ? end : last;
}

/* Never issued here is "unknown", not "good" (RFC 6960, section 2.2). */
static enum cede_status find_status(struct ocsp_service *service, const struct ocsp_cert_id *id,
                                    uint64_t now, struct ocsp_single *single)
{
    struct found found = {.there = false};

    CEDE_TRY(store_query(service->ca->store,
                         "SELECT status, coalesce(revoked_at, 0), coalesce(reason, 0)"
                         " FROM certificate WHERE serial = $1",
                         STORE_PARAMS(store_blob(id->serial)), read_status, &found));
    single->cert_id = id->raw;
    single->status = !found.there ? OCSP_UNKNOWN : found.revoked ? OCSP_REVOKED : OCSP_GOOD;
    single->revoked_at = found.revoked_at;
    single->reason = found.revoked ? found.reason : 0;
    single->this_update = now;
    single->next_update = end_of(service, now);
    return CEDE_OK;
}

/* --- signing ---------------------------------------------------------------------------------- */

/* What strangers can make us sign is bounded. Nonces and unknown serial numbers, of which there is
 * no end, get half of it, so that they cannot keep others from the first answer for a certificate.
 */
static bool may_sign(struct ocsp_service *service, uint64_t now, bool endless)
{
    uint64_t rate = service->ca->policy.revocation.ocsp_rate;

    if (service->second != now) {
        service->second = now;
        service->signed_in_second = 0;
    }
    if (service->signed_in_second >= (endless ? rate - rate / 2 : rate)) {
        return false;
    }
    service->signed_in_second++;
    return true;
}

static enum cede_status sign(struct ocsp_service *service, const struct ocsp_single *singles,
                             size_t count, struct cede_span nonce, struct http_blob **blob)
{
    uint8_t memory[OCSP_RESPONSE_MAX];
    struct cede_span response;
    uint8_t *copy;

    *blob = NULL;
    CEDE_TRY(ocsp_respond(&service->responder, singles, count, singles[0].this_update, nonce,
                          CEDE_BUF_ARRAY(memory), &response));
    service->counters.signatures++;
    copy = malloc(response.len);
    if (copy == NULL) {
        return CEDE_SERVER_MEMORY;
    }
    memcpy(copy, response.ptr, response.len);
    *blob = http_blob_new(copy, response.len);
    return *blob != NULL ? CEDE_OK : CEDE_SERVER_MEMORY;
}

/* Signs what was found and keeps it if it is worth it; the caller releases *blob. */
static enum cede_status sign_one(struct ocsp_service *service, const struct ocsp_cert_id *id,
                                 const struct ocsp_single *single, struct http_blob **blob)
{
    struct ocsp_kept *kept = find_kept(service, id);

    CEDE_TRY(sign(service, single, 1, CEDE_SPAN_NULL, blob));
    if (single->status == OCSP_UNKNOWN || id->raw.len > sizeof kept->cert_id ||
        id->serial.len > CEDE_SERIAL_LEN_MAX) {
        return CEDE_OK;
    }
    if (kept != NULL) {
        http_blob_release(kept->blob);
    } else {
        kept = make_place(service, id->serial);
        memcpy(kept->cert_id, id->raw.ptr, id->raw.len);
        kept->cert_id_len = id->raw.len;
        memcpy(kept->serial, id->serial.ptr, id->serial.len);
        kept->serial_len = id->serial.len;
    }
    kept->blob = http_blob_hold(*blob);
    kept->this_update = single->this_update;
    kept->next_update = single->next_update;
    kept->asked = false;
    return CEDE_OK;
}

/* --- requests --------------------------------------------------------------------------------- */

static void answer_error(struct ocsp_service *service, int error,
                         struct http_door_response *response)
{
    uint8_t memory[16], *copy = NULL;
    struct cede_span bytes;

    service->counters.refused++;
    response->status = 500;
    if (ocsp_error(error, CEDE_BUF_ARRAY(memory), &bytes) == CEDE_OK) {
        copy = malloc(bytes.len);
    }
    if (copy != NULL) {
        memcpy(copy, bytes.ptr, bytes.len);
        response->blob = http_blob_new(copy, bytes.len);
    }
    if (response->blob != NULL) {
        response->status = 200; /* the error is OCSP's, not HTTP's */
        response->content_type = TYPE_RESPONSE;
    }
}

static void answer_blob(struct http_blob *blob, uint64_t this_update, uint64_t next_update,
                        struct http_door_response *response)
{
    response->status = 200;
    response->content_type = TYPE_RESPONSE;
    response->blob = blob;
    response->made_at = this_update;
    response->expires_at = next_update;
    response->max_age_s = MAX_AGE_S;
}

static enum cede_status answer_kept(struct ocsp_service *service, const struct ocsp_cert_id *id,
                                    struct http_door_response *response)
{
    struct ocsp_kept *kept = find_kept(service, id);
    uint64_t now = ca_now(service->ca);
    struct http_blob *blob = NULL;
    struct ocsp_single single;

    if (kept != NULL && now < kept->next_update && now >= kept->this_update) {
        kept->asked = true;
        service->counters.from_memory++;
        answer_blob(http_blob_hold(kept->blob), kept->this_update, kept->next_update, response);
        return CEDE_OK;
    }
    CEDE_TRY(find_status(service, id, now, &single));
    if (!may_sign(service, now, single.status == OCSP_UNKNOWN)) {
        return CEDE_STORE_BUSY;
    }
    CEDE_TRY(sign_one(service, id, &single, &blob));
    answer_blob(blob, single.this_update, single.next_update, response);
    if (single.status == OCSP_UNKNOWN) {
        response->made_at = 0; /* it may be issued in a moment */
    }
    return CEDE_OK;
}

/* A nonce, or several certificates: an answer of its own. */
static enum cede_status answer_fresh(struct ocsp_service *service,
                                     const struct ocsp_request *request,
                                     struct http_door_response *response)
{
    struct ocsp_single singles[OCSP_REQUESTS_MAX];
    uint64_t now = ca_now(service->ca);
    struct http_blob *blob = NULL;

    if (!may_sign(service, now, true)) {
        return request->count == 1 ? answer_kept(service, &request->ids[0], response)
                                   : CEDE_STORE_BUSY;
    }
    for (size_t i = 0; i < request->count; i++) {
        CEDE_TRY(find_status(service, &request->ids[i], now, &singles[i]));
    }
    CEDE_TRY(sign(service, singles, request->count, request->nonce, &blob));
    answer_blob(blob, now, now, response);
    response->made_at = 0; /* its nonce is of no use to others */
    return CEDE_OK;
}

void ocsp_service_answer(struct ocsp_service *service, struct cede_span bytes,
                         struct http_door_response *response)
{
    struct ocsp_request request;
    enum cede_status status;

    service->counters.requests++;
    if (bytes.len > OCSP_REQUEST_LEN_MAX || ocsp_request_decode(bytes, &request) != CEDE_OK) {
        answer_error(service, OCSP_MALFORMED_REQUEST, response);
        return;
    }
    for (size_t i = 0; i < request.count; i++) {
        if (!ocsp_issuer_is(&service->issuer, &request.ids[i])) {
            answer_error(service, OCSP_UNAUTHORIZED, response); /* RFC 5019, section 2.2.3 */
            return;
        }
    }
    status = request.nonce.ptr != NULL || request.count > 1
                 ? answer_fresh(service, &request, response)
                 : answer_kept(service, &request.ids[0], response);
    if (status == CEDE_STORE_BUSY) {
        answer_error(service, OCSP_TRY_LATER, response);
    } else if (status != CEDE_OK) {
        log_error("ocsp: %s", cede_status_reason(status));
        answer_error(service, OCSP_INTERNAL_ERROR, response);
    }
}

/* --- beside requests -------------------------------------------------------------------------- */

/* Signs a kept answer anew; what cannot be signed is not kept. */
static void refresh(struct ocsp_service *service, struct ocsp_kept *kept)
{
    struct ocsp_kept copy = *kept; /* signing may move what is kept */
    struct ocsp_cert_id id = {.raw = cede_span(copy.cert_id, copy.cert_id_len),
                              .serial = cede_span(copy.serial, copy.serial_len)};
    struct http_blob *blob = NULL;
    struct ocsp_single single;

    if (find_status(service, &id, ca_now(service->ca), &single) != CEDE_OK ||
        sign_one(service, &id, &single, &blob) != CEDE_OK) {
        drop(kept);
    }
    http_blob_release(blob);
}

static void forget_all(struct ocsp_service *service)
{
    for (size_t i = 0; i < OCSP_KEPT; i++) {
        drop(&service->kept[i]);
    }
    if (begin_ahead(service) != CEDE_OK) {
        service->ahead = 0; /* a longer way to the same end */
    }
}

void ocsp_service_revoked(struct ocsp_service *service, struct cede_span serial)
{
    struct ocsp_kept *kept = places(service, serial);

    if (cede_span_equal(CEDE_SPAN_ARRAY(service->serial), serial)) {
        forget_all(service);
        service->renew_at = 0;
    }
    for (size_t i = 0; i < OCSP_WAYS; i++) {
        if (kept[i].blob != NULL &&
            cede_span_equal(cede_span(kept[i].serial, kept[i].serial_len), serial)) {
            refresh(service, &kept[i]);
        }
    }
}

void ocsp_service_step(struct ocsp_service *service)
{
    uint64_t now = ca_now(service->ca);

    /* Also when the clock was ahead and was set back: the certificate is not valid yet. */
    if ((now >= service->renew_at || now + CA_BACKDATE_S < service->made_at) &&
        renew(service) != CEDE_OK) {
        log_error("ocsp: no new certificate for the responder");
        service->renew_at = now + 60;
    }
    for (size_t i = 0; i < OCSP_REFRESH_STEP; i++) {
        struct ocsp_kept *kept = &service->kept[service->refresh_at];

        service->refresh_at = (service->refresh_at + 1) % OCSP_KEPT;
        if (kept->blob == NULL ||
            now < kept->this_update + (kept->next_update - kept->this_update) / 2) {
            continue;
        }
        if (kept->asked || now < kept->wanted) {
            refresh(service, kept);
        } else if (now >= kept->next_update) {
            drop(kept);
        }
    }
}

/* --- ahead of questions ----------------------------------------------------------------------- */

static enum cede_status sign_ahead(struct ocsp_service *service, struct cede_span serial,
                                   uint64_t not_after)
{
    uint8_t memory[sizeof service->kept->cert_id];
    struct http_blob *blob = NULL;
    struct ocsp_single single;
    struct ocsp_cert_id id;
    struct ocsp_kept *kept = NULL;

    if (find_free(service, serial) == NULL) {
        return CEDE_OK;
    }
    CEDE_TRY(ocsp_cert_id_encode(&service->issuer, serial, CEDE_BUF_ARRAY(memory), &id));
    if (find_kept(service, &id) == NULL) {
        CEDE_TRY(find_status(service, &id, ca_now(service->ca), &single));
        CEDE_TRY(sign_one(service, &id, &single, &blob));
        http_blob_release(blob);
    }
    kept = find_kept(service, &id);
    if (kept != NULL) {
        kept->wanted = not_after;
    }
    return CEDE_OK;
}

struct ahead {
    struct ocsp_service *service;
    size_t rows;
};

static enum cede_status on_certificate(void *context, const struct store_row *row)
{
    struct ahead *ahead = context;
    struct ocsp_service *service = ahead->service;
    uint64_t not_after = (uint64_t)store_column_int(row, 2);

    ahead->rows++;
    if (not_after > ca_now(service->ca)) {
        CEDE_TRY(sign_ahead(service, store_column_blob(row, 1), not_after));
    }
    service->ahead = store_column_int(row, 0);
    return CEDE_OK;
}

enum cede_status ocsp_service_sign_ahead(struct ocsp_service *service, bool *busy)
{
    struct ahead ahead = {service, 0};

    CEDE_TRY(store_query(service->ca->store,
                         "SELECT id, serial, not_after FROM certificate WHERE id > $1"
                         " ORDER BY id LIMIT $2",
                         STORE_PARAMS(store_int(service->ahead), store_int(OCSP_AHEAD_STEP)),
                         on_certificate, &ahead));
    *busy = *busy || ahead.rows == OCSP_AHEAD_STEP;
    return CEDE_OK;
}
