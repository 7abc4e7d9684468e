/* SPDX-License-Identifier: Apache-2.0 */
/* door.c - CoAP paths and codes to the enrolment service: /e/TOKEN/sen, /.well-known/est/sen ... */
#include "server/ca/door.h"

#include <stdio.h>
#include <string.h>

#include "cede/crypto_openssl.h"
#include "cede/est.h"
#include "server/ca/ca_internal.h"
#include "server/common/log.h"

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
    if (status != CEDE_OK) {
        log_info("refused '%s': %s", known.device_id, cede_status_reason(status));
        return status;
    }
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

/* "e", TOKEN, operation or ".well-known", "est", operation. */
static const struct cede_est_operation *find_operation(const struct coap_request *request,
                                                       struct cede_span *token)
{
    *token = CEDE_SPAN_NULL;
    if (request->path_count != 3) {
        return NULL;
    }
    if (cede_span_equal(request->path[0], CEDE_SPAN_TEXT("e"))) {
        *token = request->path[1];
    } else if (!cede_span_equal(request->path[0], CEDE_SPAN_TEXT(".well-known")) ||
               !cede_span_equal(request->path[1], CEDE_SPAN_TEXT("est"))) {
        return NULL;
    }
    return cede_est_find_operation(request->path[2]);
}

/* The format of the body must be what the content format says, if it says anything. */
static bool takes_format(const struct cede_est_operation *operation,
                         const struct coap_request *request)
{
    int32_t format = request->content_format;

    return !operation->has_body || format == COAP_DOOR_NO_FORMAT ||
           format == CEDE_EST_FORMAT_C509_PKCS10 || format == CEDE_EST_FORMAT_PKCS10;
}

static bool accepts(const struct coap_request *request, uint32_t format)
{
    return request->accept == COAP_DOOR_NO_FORMAT || (uint32_t)request->accept == format ||
           (format == CEDE_EST_FORMAT_C509_CHAIN &&
            request->accept == (int32_t)CEDE_EST_FORMAT_C509_CERT);
}

static uint8_t code_of(enum cede_status status)
{
    switch (status) {
    case CEDE_CA_OTHER_HOLDER:
        return CEDE_COAP_UNAVAILABLE; /* the other holder may let go: try again */
    case CEDE_CA_TOKEN:
        return CEDE_COAP_RESOURCE_NOT_FOUND;
    case CEDE_CRYPTO_SIGNATURE:
        return CEDE_COAP_BAD_REQUEST; /* RFC 9148, section 4.5 */
    default:
        return cede_coap_error_code(status);
    }
}

static enum cede_status enrol(struct ca_api *api, const struct coap_request *request,
                              const struct cede_est_operation *operation, struct cede_span token,
                              struct coap_response *response)
{
    struct ca_peer peer = to_ca_peer(request->peer);
    struct ca_enrolment enrolment;
    struct ca_answer answer;

    memset(&enrolment, 0, sizeof enrolment);
    enrolment.peer = &peer;
    enrolment.operation = operation->kind == CEDE_EST_SEN    ? CA_SEN
                          : operation->kind == CEDE_EST_SREN ? CA_SREN
                                                             : CA_CRTS;
    enrolment.token = token;
    enrolment.request = request->body;
    enrolment.wants_x509 = request->accept == CEDE_EST_FORMAT_PKIX_CERT;
    CEDE_TRY(ca_enrol(api->ca, &enrolment, response->body, &answer));
    if (!accepts(request, answer.content_format)) {
        response->code = CEDE_COAP_NOT_ACCEPTABLE;
        return CEDE_OK;
    }
    response->code = operation->answer;
    response->content_format = (int32_t)answer.content_format;
    response->body_len = answer.body.len;
    return CEDE_OK;
}

static enum cede_status handle(void *context, const struct coap_request *request,
                               struct coap_response *response)
{
    struct ca_api *api = context;
    struct cede_span token;
    const struct cede_est_operation *operation = find_operation(request, &token);
    enum cede_status status = CEDE_OK;

    if (operation == NULL) {
        response->code = CEDE_COAP_RESOURCE_NOT_FOUND;
    } else if (request->code != operation->method) {
        response->code = CEDE_COAP_METHOD_NOT_ALLOWED;
    } else if (!takes_format(operation, request)) {
        response->code = CEDE_COAP_UNSUPPORTED_FORMAT;
    } else {
        status = enrol(api, request, operation, token, response);
    }
    if (status != CEDE_OK) {
        log_warning("device %s, %s: %s", request->peer->device_id, operation->path,
                    cede_status_reason(status));
        response->code = code_of(status);
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
    config.credential.certificate = api->ca->est;
    config.credential.chain = chain;
    config.credential.chain_count = api->ca->chain_count;
    config.callbacks =
        (struct coap_door_callbacks){find_certificate, authenticate, still_allowed, handle,
                                     before_batch,     after_batch,  status_proof};
    config.context = api;
    config.echo = COAP_DOOR_ECHO_STRICT; /* a chain by value is long: first prove the address */
    CEDE_TRY(cede_openssl_private_key(api->ca->est_pkey, &config.credential.key));
    return coap_door_open(base, &config, door);
}
