/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrol_oscore.c - a client of EST-oscore: EDHOC method 0 with certificates by reference, C509,
 * message_3 and enrolment in one request (RFC 9668).
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/enrol.h"
#include "cede/cose.h"
#include "cede/crypto_openssl.h"
#include "cede/edhoc.h"
#include "cede/est.h"
#include "cede/oscore.h"

#define DATAGRAM_MAX  2048
#define MESSAGE_3_MAX 256

struct connection {
    const struct enrol_ca *ca;
    const struct enrol_device *device;
    int fd;
    uint16_t message_id;
    struct cede_oscore_context oscore;
    uint8_t message_3[MESSAGE_3_MAX]; /* to go with the enrolment, when it has a length */
    size_t message_3_len;
    uint8_t answer[DATAGRAM_MAX];
};

static const struct cede_edhoc_suite *const suites[] = {&cede_edhoc_suite_2};

static struct cede_edhoc_config edhoc_config(void)
{
    struct cede_edhoc_config config;

    memset(&config, 0, sizeof config);
    config.crypto = cede_crypto_openssl();
    config.suites = suites;
    config.suites_count = 1;
    config.methods = CEDE_EDHOC_METHOD_BIT(CEDE_EDHOC_SIGNATURE_SIGNATURE);
    return config;
}

/* Sends until the answer is there. */
static bool ask(struct connection *connection, struct cede_span datagram, struct cede_span *answer)
{
    struct cede_coap_exchange exchange;
    struct cede_coap_step step;

    memset(&exchange, 0, sizeof exchange);
    memset(&step, 0, sizeof step);
    step.next = CEDE_COAP_RESEND;
    if (cede_coap_exchange_start(&exchange, &cede_coap_default_params, cede_crypto_openssl(),
                                 datagram, cede_monotonic_ms()) != CEDE_OK) {
        return false;
    }
    while (step.next != CEDE_COAP_RESPONSE) {
        struct pollfd readable = {connection->fd, POLLIN, 0};

        if (step.next == CEDE_COAP_FAILED ||
            (step.next == CEDE_COAP_RESEND &&
             cede_udp_send(connection->fd, NULL, datagram) != CEDE_OK)) {
            return false;
        }
        if (poll(&readable, 1, 100) > 0) {
            if (cede_udp_receive(connection->fd, NULL, CEDE_BUF_ARRAY(connection->answer),
                                 answer) != CEDE_OK) {
                return false;
            }
            step = cede_coap_exchange_receive(&exchange, *answer, cede_monotonic_ms());
        } else {
            step = cede_coap_exchange_timeout(&exchange, cede_monotonic_ms());
        }
        if (!cede_span_is_null(step.send)) {
            (void)!cede_udp_send(connection->fd, NULL, step.send);
        }
    }
    return true;
}

/* POSTs an EDHOC message; an Echo option in a 4.01 comes back with the same message once. */
static enum cede_status post_edhoc(struct connection *connection, struct cede_span c_r,
                                   struct cede_span message, struct cede_span *payload)
{
    uint8_t bytes[1024], echo_bytes[40];
    struct cede_span datagram, answer, echo = CEDE_SPAN_NULL;
    struct cede_coap_message view;

    for (int tries = 0; tries < 2; tries++) {
        struct cede_span option;

        CEDE_TRY(cede_oscore_compose_edhoc_request(CEDE_COAP_CON, ++connection->message_id,
                                                   CEDE_SPAN_TEXT("b"), CEDE_SPAN_NULL, echo, c_r,
                                                   message, CEDE_BUF_ARRAY(bytes), &datagram));
        if (!ask(connection, datagram, &answer)) {
            return CEDE_SOCKET_FAILED;
        }
        CEDE_TRY(cede_coap_decode(answer, &view));
        *payload = view.payload;
        if (view.code == CEDE_COAP_CHANGED) {
            return CEDE_OK;
        }
        if (cede_coap_find_option(&view, CEDE_COAP_ECHO, &option)) {
            CEDE_TRY(cede_copy(CEDE_BUF_ARRAY(echo_bytes), option, &echo));
        }
        if (view.code != CEDE_COAP_UNAUTHORIZED || cede_span_is_null(echo)) {
            return CEDE_EDHOC_STATE;
        }
    }
    return CEDE_EDHOC_STATE;
}

/* { c5t : [ SHA-256/64, hash ] } */
static enum cede_status own_id_cred(const struct enrol_device *device, struct cede_buf out,
                                    struct cede_span *id_cred)
{
    struct cede_writer writer = cede_writer(out);

    cede_cbor_put_map(&writer, 1);
    cede_cbor_put_int(&writer, CEDE_COSE_LABEL_C5T);
    CEDE_TRY(cede_certificate_put_hash(&writer, cede_crypto_openssl(), CEDE_ALG_SHA_256_64,
                                       cede_span(device->certificate, device->certificate_len)));
    return cede_writer_finish(&writer, id_cred);
}

static enum cede_status verify_responder(struct connection *connection,
                                         struct cede_edhoc_session *edhoc,
                                         const struct cede_edhoc_config *config,
                                         struct cede_span message_2)
{
    uint8_t plain[512];
    struct cede_edhoc_credential credential;
    struct cede_certificate certificate;
    struct cede_edhoc_peer peer;

    CEDE_TRY(cede_edhoc_process_message_2(edhoc, config, message_2, CEDE_BUF_ARRAY(plain), &peer));
    CEDE_TRY(cede_certificate_decode(connection->ca->responder, config->crypto, &certificate));
    credential.form = CEDE_EDHOC_CRED_C509;
    credential.cred = certificate.raw;
    credential.public_key = cede_certificate_key(&certificate);
    return cede_edhoc_verify_message_2(edhoc, config, &peer, &credential);
}

static enum cede_status open_oscore(struct cede_oscore_context *oscore,
                                    const struct cede_edhoc_session *edhoc,
                                    const struct cede_edhoc_config *config)
{
    struct cede_edhoc_oscore keys;
    struct cede_oscore_params params;
    enum cede_status status = CEDE_OK;

    CEDE_TRY(cede_edhoc_export_oscore(edhoc, config, &keys));
    memset(&params, 0, sizeof params);
    params.aead_alg = keys.aead;
    params.hash_alg = keys.hash;
    params.master_secret = cede_span(keys.master_secret, keys.master_secret_len);
    params.master_salt = CEDE_SPAN_ARRAY(keys.master_salt);
    params.sender_id = cede_edhoc_connection_id_span(&keys.sender_id);
    params.recipient_id = cede_edhoc_connection_id_span(&keys.recipient_id);
    status = cede_oscore_init(oscore, config->crypto, &params);
    cede_wipe(&keys, sizeof keys);
    return status;
}

static enum cede_status handshake(struct connection *connection, bool alone)
{
    struct cede_edhoc_config config = edhoc_config();
    const struct enrol_device *device = connection->device;
    struct cede_edhoc_own own;
    struct cede_edhoc_session edhoc;
    struct cede_span message;
    uint8_t bytes[256], id_cred[32];
    uint8_t c_i = 0x07;

    own.form = CEDE_EDHOC_CRED_C509;
    own.cred = cede_span(device->certificate, device->certificate_len);
    own.key = (struct cede_private_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(device->scalar), NULL};
    CEDE_TRY(own_id_cred(device, CEDE_BUF_ARRAY(id_cred), &own.id_cred));
    CEDE_TRY(cede_edhoc_init_initiator(&edhoc, &config, CEDE_EDHOC_SIGNATURE_SIGNATURE, 2,
                                       cede_span(&c_i, 1)));
    CEDE_TRY(cede_edhoc_compose_message_1(&edhoc, &config, NULL, CEDE_BUF_ARRAY(bytes), &message));
    CEDE_TRY(post_edhoc(connection, CEDE_SPAN_NULL, message, &message));
    CEDE_TRY(verify_responder(connection, &edhoc, &config, message));
    CEDE_TRY(cede_edhoc_compose_message_3(&edhoc, &config, &own, NULL,
                                          CEDE_BUF_ARRAY(connection->message_3), &message));
    if (alone) {
        CEDE_TRY(
            post_edhoc(connection, cede_edhoc_connection_id_span(&edhoc.c_r), message, &message));
    } else {
        connection->message_3_len = message.len;
    }
    return open_oscore(&connection->oscore, &edhoc, &config);
}

static void oscore_close(void *context)
{
    struct connection *connection = context;

    if (connection->fd >= 0) {
        close(connection->fd);
    }
    cede_wipe(connection, sizeof *connection);
    free(connection);
}

static void *oscore_open(const struct enrol_ca *ca, const struct enrol_device *device, bool alone)
{
    struct connection *connection = calloc(1, sizeof *connection);
    struct cede_address address;

    if (connection == NULL) {
        return NULL;
    }
    connection->ca = ca;
    connection->device = device;
    connection->fd = -1;
    /* The port may be one that the server has just heard from. */
    connection->message_id = (uint16_t)((uintptr_t)device / sizeof *device * 16);
    if (cede_address_resolve(ca->host, ca->port, &address) != CEDE_OK ||
        cede_udp_connect(&address, &connection->fd) != CEDE_OK ||
        handshake(connection, alone) != CEDE_OK) {
        oscore_close(connection);
        return NULL;
    }
    return connection;
}

/* Sends what is composed, protected; *code is the answer's. */
static enum cede_status exchange(struct connection *connection, struct cede_coap_encoder *encoder,
                                 uint8_t *code)
{
    uint8_t plain[1024], bytes[1024], combined[1024 + MESSAGE_3_MAX];
    struct cede_span datagram, answer;
    struct cede_oscore_exchange exchange;
    struct cede_coap_message view;

    CEDE_TRY(cede_coap_finish(encoder, &datagram));
    CEDE_TRY(cede_oscore_protect_request(&connection->oscore, cede_crypto_openssl(),
                                         CEDE_OSCORE_PLAIN, datagram, &exchange,
                                         CEDE_BUF_ARRAY(bytes), &datagram));
    if (connection->message_3_len > 0) {
        CEDE_TRY(cede_oscore_combine(datagram,
                                     cede_span(connection->message_3, connection->message_3_len),
                                     CEDE_BUF_ARRAY(combined), &datagram));
        connection->message_3_len = 0;
    }
    if (!ask(connection, datagram, &answer)) {
        return CEDE_SOCKET_FAILED;
    }
    CEDE_TRY(cede_oscore_unprotect_response(&connection->oscore, cede_crypto_openssl(), answer,
                                            &exchange, CEDE_BUF_ARRAY(plain), &datagram));
    CEDE_TRY(cede_coap_decode(datagram, &view));
    *code = view.code;
    return CEDE_OK;
}

static bool oscore_ask(void *context)
{
    struct connection *connection = context;
    uint8_t bytes[256], code = 0;
    struct cede_coap_encoder encoder = enrol_begin_request(
        connection->ca, CEDE_COAP_GET, "att", ++connection->message_id, CEDE_BUF_ARRAY(bytes));

    return exchange(connection, &encoder, &code) == CEDE_OK && code == CEDE_COAP_CONTENT;
}

static bool oscore_enrol(void *context)
{
    struct connection *connection = context;
    const struct enrol_device *device = connection->device;
    uint8_t bytes[1024], code = 0;
    struct cede_coap_encoder encoder = enrol_begin_request(
        connection->ca, CEDE_COAP_POST, "sen", ++connection->message_id, CEDE_BUF_ARRAY(bytes));

    cede_coap_put_uint(&encoder, CEDE_COAP_CONTENT_FORMAT, CEDE_EST_FORMAT_C509_PKCS10);
    cede_coap_put_payload(&encoder, cede_span(device->request, device->request_len));
    return exchange(connection, &encoder, &code) == CEDE_OK && code == CEDE_COAP_CHANGED;
}

const struct enrol_door enrol_oscore_door = {"oscore",   false,        "--coap",    oscore_open,
                                             oscore_ask, oscore_enrol, oscore_close};
