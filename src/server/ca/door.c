/* SPDX-License-Identifier: Apache-2.0 */
/* door.c - CoAP paths and codes to the enrolment service: /e/TOKEN/sen, /.well-known/est/sen ... */
#include "server/ca/door.h"

#include <stdio.h>
#include <string.h>

#include "cede/crypto_openssl.h"
#include "cede/est.h"
#include "server/ca/ca_internal.h"

/* --- who is there ----------------------------------------------------------------------------- */

static enum cede_status find_certificate(void *context, enum coap_door_reference kind,
                                         int32_t hash_alg, struct cede_span value,
                                         struct cede_buf out, struct cede_span *raw)
{
    struct ca_api *api = context;

    if (kind == COAP_DOOR_KID ||
        (hash_alg != CEDE_ALG_SHA_256 && hash_alg != CEDE_ALG_SHA_256_64)) {
        return CEDE_NOT_FOUND;
    }
    return ca_find_certificate(api->ca, value, out, raw);
}

static struct ca_peer to_ca_peer(const struct coap_peer *peer)
{
    struct ca_peer ca_peer;

    memset(&ca_peer, 0, sizeof ca_peer);
    ca_peer.operational = peer->kind == COAP_PEER_OPERATIONAL;
    ca_peer.row = peer->opaque[0];
    memcpy(ca_peer.device_id, peer->device_id, sizeof ca_peer.device_id);
    memcpy(ca_peer.thumbprint, peer->thumbprint, sizeof ca_peer.thumbprint);
    return ca_peer;
}

/* The CA knows every certificate it lets in byte for byte: a chain sent along proves nothing more.
 */
static enum cede_status authenticate(void *context, const struct cede_certificate *certificate,
                                     const struct cede_certificate *chain, size_t chain_count,
                                     struct coap_peer *peer)
{
    struct ca_api *api = context;
    struct ca_peer known;
    enum cede_status status;

    (void)chain;
    (void)chain_count;
    status = ca_authenticate(api->ca, certificate->raw, &known);
    CEDE_TRY(status);
    memcpy(peer->device_id, known.device_id, sizeof peer->device_id);
    peer->kind = known.operational ? COAP_PEER_OPERATIONAL : COAP_PEER_FACTORY;
    peer->opaque[0] = known.row;
    return CEDE_OK;
}

static enum cede_status still_allowed(void *context, const struct coap_peer *peer)
{
    struct ca_api *api = context;
    struct ca_peer ca_peer = to_ca_peer(peer);

    return ca_still_allowed(api->ca, &ca_peer);
}

/* --- one request ------------------------------------------------------------------------------ */

/* What a path names: a function of EST, or, when `operation` is null, one certificate. */
struct target {
    const struct cede_est_operation *operation;
    struct cede_span token;
    uint8_t hash[CEDE_SHA256_LEN];
    size_t hash_len;
};

static bool is(struct cede_span segment, const char *text)
{
    return cede_span_equal(segment, cede_span_string(text));
}

/* Segments of the root: "e", TOKEN or ".well-known", "est" or "est"; 0 for none of these. */
static size_t read_root(const struct coap_request *request, struct cede_span *token)
{
    *token = CEDE_SPAN_NULL;
    if (request->path_count >= 1 && is(request->path[0], "est")) {
        return 1;
    }
    if (request->path_count >= 2 && is(request->path[0], "e")) {
        *token = request->path[1];
        return 2;
    }
    return request->path_count >= 2 && is(request->path[0], ".well-known") &&
                   is(request->path[1], "est")
               ? 2
               : 0;
}

/* Below the root: an operation, or "c" and the hash of a certificate. */
static bool find_target(const struct coap_request *request, struct target *target)
{
    size_t root = read_root(request, &target->token);
    struct cede_span hash;

    target->operation = NULL;
    target->hash_len = 0;
    if (root != 0 && request->path_count == root + 1) {
        target->operation = cede_est_find_operation(request->path[root]);
        return target->operation != NULL;
    }
    if (root == 0 || request->path_count != root + 2 || !is(request->path[root], "c") ||
        cede_est_reference_hash(request->path[root + 1], CEDE_BUF_ARRAY(target->hash), &hash) !=
            CEDE_OK) {
        return false;
    }
    target->hash_len = hash.len;
    return true;
}

/* The body must be what the content format says, if it says anything. */
static uint8_t check_format(const struct coap_request *request)
{
    bool der = request->body.len > 0 && request->body.ptr[0] == 0x30; /* SEQUENCE; no array */

    switch (request->content_format) {
    case COAP_DOOR_NO_FORMAT:
        return 0;
    case CEDE_EST_FORMAT_C509_PKCS10:
        return der ? CEDE_COAP_BAD_REQUEST : 0;
    case CEDE_EST_FORMAT_PKCS10:
        return der ? 0 : CEDE_COAP_BAD_REQUEST;
    default:
        return CEDE_COAP_UNSUPPORTED_FORMAT;
    }
}

static uint8_t code_of(enum cede_status status)
{
    switch (status) {
    case CEDE_CA_OTHER_HOLDER: /* the other holder may let go: try again */
    case CEDE_CA_PENDING:      /* RFC 9148, section 4.7 */
        return CEDE_COAP_UNAVAILABLE;
    case CEDE_CA_TOKEN:
    case CEDE_NOT_FOUND:
        return CEDE_COAP_RESOURCE_NOT_FOUND;
    case CEDE_CA_FORMAT:
        return CEDE_COAP_NOT_ACCEPTABLE;
    case CEDE_CRYPTO_SIGNATURE: /* RFC 9148, section 4.5 */
    case CEDE_CRYPTO_TAG:
    case CEDE_CERTIFICATE_UNTRUSTED: /* a MAC for another verifier */
        return CEDE_COAP_BAD_REQUEST;
    default:
        return cede_coap_error_code(status);
    }
}

static enum ca_operation operation_of(const struct target *target)
{
    static const enum ca_operation operations[CEDE_EST_KIND_COUNT] = {CA_SEN, CA_SREN, CA_CRTS,
                                                                      CA_ATT, CA_SKG,  CA_SKC};

    return target->operation == NULL ? CA_CERTIFICATE : operations[target->operation->kind];
}

static void put_answer(const struct ca_answer *answer, uint8_t code, struct coap_response *response)
{
    response->code = code;
    response->content_format = (int32_t)answer->content_format;
    response->body_len = answer->body.len;
}

/* `detail`: what ca_last_error() says of this very operation; empty: nothing. */
static void put_refusal(enum cede_status status, const char *detail, struct coap_response *response)
{
    snprintf(response->why, sizeof response->why, "%s%s%s", cede_status_reason(status),
             detail[0] != '\0' ? ". " : "", detail);
    response->code = code_of(status);
}

static enum cede_status serve(struct ca_api *api, const struct coap_request *request,
                              const struct target *target, struct coap_response *response)
{
    struct ca_peer peer = to_ca_peer(request->peer);
    struct ca_enrolment enrolment;
    struct ca_answer answer;
    enum cede_status status;

    memset(&enrolment, 0, sizeof enrolment);
    enrolment.peer = &peer;
    enrolment.operation = operation_of(target);
    enrolment.token = target->token;
    enrolment.request = request->body;
    /* Format 0, text/plain, is nothing we have: as good as any other that is not there. */
    enrolment.accept = request->accept == COAP_DOOR_NO_FORMAT ? 0
                       : request->accept == 0                 ? UINT32_MAX
                                                              : (uint32_t)request->accept;
    enrolment.ephemeral = request->ephemeral;
    enrolment.hash_alg = request->hash_alg;
    enrolment.hash = cede_span(target->hash, target->hash_len);
    enrolment.may_wait = true;
    status = ca_enrol(api->ca, &enrolment, response->body, &answer);
    response->max_age = answer.max_age;
    CEDE_TRY(status);
    response->later = answer.ticket;
    if (answer.ticket == 0) {
        put_answer(&answer,
                   target->operation == NULL ? CEDE_COAP_CONTENT : target->operation->answer,
                   response);
    }
    return CEDE_OK;
}

/* Only enrolments wait. */
static void answer_later(void *context, const struct coap_peer *peer,
                         struct coap_response *response)
{
    struct ca_api *api = context;
    struct ca_answer answer;
    enum cede_status status = ca_enrolled(api->ca, response->later, response->body, &answer);

    (void)peer;
    if (status == CEDE_OK) {
        put_answer(&answer, CEDE_COAP_CHANGED, response);
    } else {
        put_refusal(status, "", response); /* others were served since */
    }
}

static bool is_discovery(const struct coap_request *request)
{
    return request->path_count == 2 && is(request->path[0], ".well-known") &&
           is(request->path[1], "core") && request->code == CEDE_COAP_GET;
}

bool ca_door_tells_links(const struct coap_request *request, struct coap_response *response,
                         void (*put)(struct cede_writer *writer, const char *root,
                                     struct cede_span filter))
{
    struct cede_writer writer = cede_writer(response->body);

    if (!is_discovery(request)) {
        return false;
    }
    if (request->accept != COAP_DOOR_NO_FORMAT && request->accept != CEDE_EST_FORMAT_LINKS) {
        response->code = CEDE_COAP_NOT_ACCEPTABLE;
        return true;
    }
    put(&writer, "/est/", request->query);
    response->code = CEDE_COAP_CONTENT;
    response->content_format = CEDE_EST_FORMAT_LINKS;
    response->body_len = writer.len;
    return true;
}

/* For strangers; the same as for those who are known. */
static void put_links(void *context, struct cede_span filter, struct cede_writer *writer)
{
    (void)context;
    cede_est_put_links(writer, "/est/", filter);
}

static enum cede_status handle(void *context, const struct coap_request *request,
                               struct coap_response *response)
{
    struct ca_api *api = context;
    struct target target;
    enum cede_status status = CEDE_OK;
    uint8_t refusal = 0;

    if (ca_door_tells_links(request, response, cede_est_put_links)) {
        return CEDE_OK;
    }
    if (!find_target(request, &target)) {
        response->code = CEDE_COAP_RESOURCE_NOT_FOUND;
        return CEDE_OK;
    }
    if (request->code != (target.operation == NULL ? CEDE_COAP_GET : target.operation->method)) {
        response->code = CEDE_COAP_METHOD_NOT_ALLOWED;
        return CEDE_OK;
    }
    refusal = target.operation != NULL && target.operation->has_body ? check_format(request) : 0;
    if (refusal != 0) {
        if (refusal == CEDE_COAP_BAD_REQUEST) {
            snprintf(response->why, sizeof response->why,
                     "the body is not what its content format says");
        }
        response->code = refusal;
        return CEDE_OK;
    }
    status = serve(api, request, &target, response);
    if (status != CEDE_OK) {
        put_refusal(status, ca_last_error(), response); /* ca_enrol() began with none */
    }
    return CEDE_OK;
}

/* --- batches ---------------------------------------------------------------------------------- */

static enum cede_status before_batch(void *context)
{
    struct ca_api *api = context;

    /* The partners' door may have opened the transaction of this turn already. */
    return store_in_transaction(api->ca->store) ? CEDE_OK : ca_begin(api->ca);
}

static enum cede_status after_batch(void *context)
{
    struct ca_api *api = context;

    return ca_commit(api->ca);
}

/* Of the enrolment server's certificate, as the publisher last had it signed. */
static enum cede_status status_proof(void *context, struct cede_buf out, struct cede_span *proof)
{
    struct ca_api *api = context;
    uint8_t thumbprint[CEDE_SHA256_LEN];
    size_t len = 0;

    CEDE_TRY(cede_certificate_thumbprint(api->ca->crypto, CEDE_ALG_SHA_256, api->ca->est,
                                         thumbprint, &len));
    return ca_records_proof(api->ca, thumbprint, out, proof);
}

const struct coap_door_callbacks ca_door_callbacks = {find_certificate, authenticate, still_allowed,
                                                      handle,           answer_later, before_batch,
                                                      after_batch,      status_proof};

enum cede_status ca_door_open(struct event_base *base, struct ca_api *api, int fd,
                              struct coap_door **door)
{
    struct coap_door_config config;
    struct cede_span chain[CA_CHAIN_MAX + 1];

    /* Up to the root, which the device holds. */
    chain[0] = api->ca->c509;
    memcpy(chain + 1, api->ca->chain_c509, sizeof api->ca->chain_c509);
    memset(&config, 0, sizeof config);
    config.fd = fd;
    config.crypto = cede_crypto_openssl();
    config.oscore_crypto = cede_crypto_openssl_keeping();
    config.credential.certificate = api->ca->est;
    config.credential.chain = chain;
    config.credential.chain_count = api->ca->chain_count;
    config.callbacks = ca_door_callbacks;
    config.put_links = put_links;
    config.wants_ephemeral = true;
    config.context = api;
    CEDE_TRY(cede_openssl_private_key(api->ca->est_pkey, &config.credential.key));
    if (api->ca->dh_pkey != NULL) {
        config.agreement = config.credential;
        config.agreement.certificate = api->ca->dh;
        CEDE_TRY(cede_openssl_private_key(api->ca->dh_pkey, &config.agreement.key));
    }
    return coap_door_open(base, &config, door);
}
