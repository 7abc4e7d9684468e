/* SPDX-License-Identifier: Apache-2.0 */
/* status_publisher.c - ticks and routes. */
#include "server/ca/status_publisher.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/http.h>

#include "cede/status_proof.h"
#include "server/common/hex.h"
#include "server/common/log.h"

#define REVOKED_STEP 500 /* rows looked at in one tick */
#define PROOFS_S     5   /* how often the proofs are looked at */
#define LIST_AGE_S   60
#define DELTA_AGE_S  5
#define PROOF_AGE_S  60
#define CERT_AGE_S   86400

/* --- life ------------------------------------------------------------------------------------- */

static enum cede_status open_store(struct status_publisher *publisher)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof path, "%s/status.db", publisher->ca->directory) >= PATH_MAX) {
        return CEDE_BAD_ARGUMENT;
    }
    CEDE_TRY(store_open(path, &publisher->store));
    return store_migrate(publisher->store, crl_publisher_migrations,
                         crl_publisher_migrations_count);
}

static enum cede_status copy_certificate(struct status_publisher *publisher)
{
    struct cede_span der = ca_certificate_der(publisher->ca);
    uint8_t *copy = malloc(der.len);

    if (copy == NULL) {
        return CEDE_SERVER_MEMORY;
    }
    memcpy(copy, der.ptr, der.len);
    publisher->certificate = http_blob_new(copy, der.len);
    return publisher->certificate != NULL ? CEDE_OK : CEDE_SERVER_MEMORY;
}

static enum cede_status last_row(struct status_publisher *publisher, int64_t *row)
{
    return store_get_int(publisher->ca->store, "SELECT coalesce(max(id), 0) FROM revocation",
                         STORE_NO_PARAMS, row);
}

enum cede_status status_publisher_open(struct status_publisher *publisher, struct ca *ca)
{
    memset(publisher, 0, sizeof *publisher);
    publisher->ca = ca;
    CEDE_TRY(open_store(publisher));
    CEDE_TRY(copy_certificate(publisher));
    CEDE_TRY(crl_publisher_open(&publisher->crl, ca, publisher->store));
    CEDE_TRY(ocsp_service_open(&publisher->ocsp, ca));
    return last_row(publisher, &publisher->seen); /* nothing is kept yet that could be wrong */
}

void status_publisher_close(struct status_publisher *publisher)
{
    http_door_close(publisher->door);
    if (publisher->tick != NULL) {
        event_free(publisher->tick);
    }
    ocsp_service_close(&publisher->ocsp);
    crl_publisher_close(&publisher->crl);
    http_blob_release(publisher->certificate);
    store_close(publisher->store);
    memset(publisher, 0, sizeof *publisher);
}

/* --- ticks ------------------------------------------------------------------------------------ */

static enum cede_status on_revoked(void *context, const struct store_row *row)
{
    struct status_publisher *publisher = context;

    publisher->seen = store_column_int(row, 0);
    ocsp_service_revoked(&publisher->ocsp, store_column_blob(row, 1));
    return CEDE_OK;
}

static enum cede_status look_for_revocations(struct status_publisher *publisher)
{
    return store_query(publisher->ca->store,
                       "SELECT id, serial FROM revocation WHERE id > $1 ORDER BY id LIMIT $2",
                       STORE_PARAMS(store_int(publisher->seen), store_int(REVOKED_STEP)),
                       on_revoked, publisher);
}

/* The enrolment server's; others are made when they are asked for. */
static enum cede_status keep_proofs(struct status_publisher *publisher)
{
    struct ca *ca = publisher->ca;
    uint8_t thumbprint[CEDE_SHA256_LEN], memory[CEDE_STATUS_PROOF_LEN_MAX];
    struct cede_span proof;
    uint64_t now = ca_now(ca);
    size_t len = 0;

    if (now < publisher->proofs_at && now + PROOFS_S >= publisher->proofs_at) {
        return CEDE_OK;
    }
    publisher->proofs_at = now + PROOFS_S;
    CEDE_TRY(cede_certificate_thumbprint(ca->crypto, CEDE_ALG_SHA_256, ca->est, thumbprint, &len));
    return ca_status_proof(ca, thumbprint, CEDE_BUF_ARRAY(memory), &proof);
}

enum cede_status status_publisher_tick(struct status_publisher *publisher, bool *busy)
{
    int64_t last = 0, before = publisher->seen;

    *busy = false;
    CEDE_TRY(last_row(publisher, &last));
    if (last > publisher->seen) {
        CEDE_TRY(look_for_revocations(publisher));
        if (publisher->seen > before) {
            publisher->proofs_at = 0; /* perhaps it was one of ours */
        }
    }
    CEDE_TRY(keep_proofs(publisher));
    CEDE_TRY(crl_publisher_step(&publisher->crl, last, busy));
    ocsp_service_step(&publisher->ocsp);
    *busy = *busy || last > publisher->seen;
    if (publisher->door != NULL) { /* somebody may ask */
        CEDE_TRY(ocsp_service_sign_ahead(&publisher->ocsp, busy));
    }
    return CEDE_OK;
}

static void on_tick(evutil_socket_t fd, short what, void *context)
{
    struct status_publisher *publisher = context;
    struct timeval next = {0, STATUS_TICK_MS * 1000};
    bool busy = false;
    enum cede_status status = status_publisher_tick(publisher, &busy);

    (void)fd;
    (void)what;
    if (status != CEDE_OK) {
        log_error("status publisher: %s", cede_status_reason(status));
        next.tv_sec = 1;
    } else if (busy) {
        next.tv_usec = 1000; /* requests come in between */
    }
    event_add(publisher->tick, &next);
}

enum cede_status status_publisher_start(struct status_publisher *publisher, struct event_base *base,
                                        int listening_fd)
{
    struct http_door_config config = {
        .handle = status_publisher_handle, .context = publisher, .max_body = OCSP_REQUEST_LEN_MAX};
    struct timeval now = {0, 0};

    publisher->tick = evtimer_new(base, on_tick, publisher);
    if (publisher->tick == NULL || event_add(publisher->tick, &now) != 0) {
        return CEDE_SERVER_FAILED;
    }
    return listening_fd < 0 ? CEDE_OK
                            : http_door_open(base, listening_fd, &config, &publisher->door);
}

/* --- routes ----------------------------------------------------------------------------------- */

static void answer_list(const struct crl_list *list, uint64_t age,
                        struct http_door_response *response)
{
    if (list->blob == NULL) {
        response->status = 503;
        return;
    }
    response->status = 200;
    response->content_type = "application/pkix-crl";
    response->blob = http_blob_hold(list->blob);
    response->made_at = (uint64_t)list->this_update;
    response->expires_at = (uint64_t)list->next_update;
    response->max_age_s = age;
}

static void answer_certificate(struct status_publisher *publisher,
                               struct http_door_response *response)
{
    const struct cede_certificate *certificate = &publisher->ca->certificate;

    response->status = 200;
    response->content_type = "application/pkix-cert";
    response->blob = http_blob_hold(publisher->certificate);
    response->made_at = certificate->not_before;
    response->expires_at = certificate->not_after;
    response->max_age_s = CERT_AGE_S;
}

/* The request stands in the path: base64, then encoded for a URI (RFC 6960, appendix A.1). */
static void answer_get(struct status_publisher *publisher, const char *encoded,
                       struct http_door_response *response)
{
    uint8_t bytes[OCSP_REQUEST_LEN_MAX];
    size_t len = 0, padding = 0;
    char *text = evhttp_uridecode(encoded, 0, &len);
    int decoded = -1;

    if (text != NULL && len > 0 && len % 4 == 0 && len / 4 * 3 <= sizeof bytes) {
        padding = (size_t)(text[len - 1] == '=') + (size_t)(text[len - 2] == '=');
        decoded = EVP_DecodeBlock(bytes, (const uint8_t *)text, (int)len);
    }
    free(text);
    len = decoded > (int)padding ? (size_t)decoded - padding : 0;
    ocsp_service_answer(&publisher->ocsp, cede_span(bytes, len), response);
}

static void answer_proof(struct status_publisher *publisher, const char *hex,
                         struct http_door_response *response)
{
    uint8_t thumbprint[CEDE_SHA256_LEN], memory[CEDE_STATUS_PROOF_LEN_MAX], *copy = NULL;
    struct cede_span proof = CEDE_SPAN_NULL;
    struct cede_status_proof view;

    if (strlen(hex) != 2 * sizeof thumbprint || !hex_decode(hex, thumbprint, sizeof thumbprint) ||
        ca_status_proof(publisher->ca, thumbprint, CEDE_BUF_ARRAY(memory), &proof) != CEDE_OK ||
        cede_status_proof_decode(proof, &view) != CEDE_OK) {
        return;
    }
    copy = malloc(proof.len);
    if (copy != NULL) {
        memcpy(copy, proof.ptr, proof.len);
        response->blob = http_blob_new(copy, proof.len);
    }
    response->status = response->blob == NULL ? 503 : 200;
    response->content_type = "application/cbor";
    response->made_at = view.this_update;
    response->expires_at = view.this_update + view.lifetime;
    response->max_age_s = PROOF_AGE_S;
}

/* What follows `prefix` in `path`; null: it does not begin so. */
static const char *below(const char *path, const char *prefix)
{
    size_t len = strlen(prefix);

    return strncmp(path, prefix, len) == 0 && path[len] != '\0' ? path + len : NULL;
}

void status_publisher_handle(void *context, const struct http_door_request *request,
                             struct http_door_response *response)
{
    struct status_publisher *publisher = context;
    const char *path = request->path;

    if (request->is_post) {
        if (strcmp(path, "/ocsp") == 0 || strcmp(path, "/ocsp/") == 0) {
            ocsp_service_answer(&publisher->ocsp, request->body, response);
        }
    } else if (strcmp(path, "/ca.crl") == 0) {
        answer_list(&publisher->crl.complete, LIST_AGE_S, response);
    } else if (strcmp(path, "/delta.crl") == 0) {
        answer_list(&publisher->crl.delta, DELTA_AGE_S, response);
    } else if (strcmp(path, "/ca.cer") == 0) {
        answer_certificate(publisher, response);
    } else if (below(path, "/ocsp/") != NULL) {
        answer_get(publisher, below(path, "/ocsp/"), response);
    } else if (below(path, "/proof/") != NULL) {
        answer_proof(publisher, below(path, "/proof/"), response);
    }
}
