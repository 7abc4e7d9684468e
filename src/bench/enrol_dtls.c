/* SPDX-License-Identifier: Apache-2.0 */
/* enrol_dtls.c - a client of EST-coaps (RFC 9148): DTLS 1.2 on a blocking UDP socket. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/enrol.h"
#include "cede/crypto_openssl.h"
#include "cede/dtls.h"
#include "cede/est.h"

#define DATAGRAM_MAX 2048
#define PATIENCE_MS  20000

struct connection {
    const struct enrol_ca *ca;
    const struct enrol_device *device;
    int fd;
    struct cede_dtls *dtls;
    uint16_t message_id;
    uint8_t answer[DATAGRAM_MAX];
    size_t answer_len; /* 0: none yet */
};

/* The server's key is proved by the handshake; that the CA issued its certificate is checked here,
 * as a device does. */
static bool judge(void *context, const struct cede_span *certificates, size_t count)
{
    const struct connection *connection = context;
    struct cede_certificate server, root;
    uint8_t scratch[2048];

    return count > 0 &&
           cede_certificate_decode(certificates[0], cede_crypto_openssl(), &server) == CEDE_OK &&
           cede_certificate_decode(connection->ca->root, cede_crypto_openssl(), &root) == CEDE_OK &&
           cede_certificate_verify(&server, &root, cede_crypto_openssl(),
                                   CEDE_BUF_ARRAY(scratch)) == CEDE_OK;
}

static void send_datagram(void *context, struct cede_span datagram)
{
    const struct connection *connection = context;

    (void)!cede_udp_send(connection->fd, NULL, datagram); /* what is lost is sent again */
}

static void take_message(void *context, struct cede_span message)
{
    struct connection *connection = context;

    if (message.len <= sizeof connection->answer) {
        memcpy(connection->answer, message.ptr, message.len);
        connection->answer_len = message.len;
    }
}

/* Waits for one datagram, or until the last flight has to be repeated. */
static void turn(struct connection *connection)
{
    struct pollfd readable = {connection->fd, POLLIN, 0};
    uint8_t bytes[DATAGRAM_MAX];
    struct cede_span datagram;
    uint64_t left_ms = 500;

    (void)cede_dtls_timeout(connection->dtls, &left_ms);
    if (poll(&readable, 1, (int)(left_ms < 500 ? left_ms + 1 : 500)) > 0 &&
        cede_udp_receive(connection->fd, NULL, CEDE_BUF_ARRAY(bytes), &datagram) == CEDE_OK) {
        cede_dtls_receive(connection->dtls, datagram);
    } else {
        cede_dtls_expire(connection->dtls);
    }
}

static bool shake_hands(struct connection *connection)
{
    uint64_t end = cede_monotonic_ms() + PATIENCE_MS;

    while (cede_dtls_state(connection->dtls) == CEDE_DTLS_HANDSHAKE && cede_monotonic_ms() < end) {
        turn(connection);
    }
    return cede_dtls_state(connection->dtls) == CEDE_DTLS_OPEN;
}

static void dtls_close(void *context)
{
    struct connection *connection = context;

    cede_dtls_free(connection->dtls);
    if (connection->fd >= 0) {
        close(connection->fd);
    }
    free(connection);
}

static void *dtls_open(const struct enrol_ca *ca, const struct enrol_device *device, bool alone)
{
    struct connection *connection = calloc(1, sizeof *connection);
    struct cede_dtls_config config;
    struct cede_address address;

    (void)alone;
    if (connection == NULL) {
        return NULL;
    }
    connection->ca = ca;
    connection->device = device;
    connection->fd = -1;
    memset(&config, 0, sizeof config);
    config.key = CEDE_SPAN_ARRAY(device->scalar);
    config.certificate = cede_span(device->certificate, device->certificate_len);
    config.judge = judge;
    config.send = send_datagram;
    config.receive = take_message;
    config.context = connection;
    if (cede_address_resolve(ca->host, ca->port, &address) != CEDE_OK ||
        cede_udp_connect(&address, &connection->fd) != CEDE_OK ||
        cede_dtls_new(&config, &connection->dtls) != CEDE_OK || !shake_hands(connection)) {
        dtls_close(connection);
        return NULL;
    }
    return connection;
}

/* Sends what is composed and waits for an answer of that code. */
static bool exchange(struct connection *connection, struct cede_coap_encoder *encoder, uint8_t code)
{
    uint64_t end = cede_monotonic_ms() + PATIENCE_MS;
    struct cede_coap_message answer;
    struct cede_span message;

    connection->answer_len = 0;
    if (cede_coap_finish(encoder, &message) != CEDE_OK ||
        cede_dtls_send(connection->dtls, message) != CEDE_OK) {
        return false;
    }
    while (connection->answer_len == 0 && cede_monotonic_ms() < end &&
           cede_dtls_state(connection->dtls) == CEDE_DTLS_OPEN) {
        turn(connection);
    }
    return connection->answer_len > 0 &&
           cede_coap_decode(cede_span(connection->answer, connection->answer_len), &answer) ==
               CEDE_OK &&
           answer.code == code;
}

static bool dtls_ask(void *context)
{
    struct connection *connection = context;
    uint8_t bytes[256];
    struct cede_coap_encoder encoder = enrol_begin_request(
        connection->ca, CEDE_COAP_GET, "att", ++connection->message_id, CEDE_BUF_ARRAY(bytes));

    return exchange(connection, &encoder, CEDE_COAP_CONTENT);
}

static bool dtls_enrol(void *context)
{
    struct connection *connection = context;
    const struct enrol_device *device = connection->device;
    uint8_t bytes[1152];
    struct cede_coap_encoder encoder = enrol_begin_request(
        connection->ca, CEDE_COAP_POST, "sen", ++connection->message_id, CEDE_BUF_ARRAY(bytes));

    cede_coap_put_uint(&encoder, CEDE_COAP_CONTENT_FORMAT, CEDE_EST_FORMAT_PKCS10);
    cede_coap_put_uint(&encoder, CEDE_COAP_ACCEPT, CEDE_EST_FORMAT_PKIX_CERT);
    cede_coap_put_payload(&encoder, cede_span(device->request, device->request_len));
    return exchange(connection, &encoder, CEDE_COAP_CHANGED);
}

const struct enrol_door enrol_dtls_door = {"dtls",   true,       "--coaps", dtls_open,
                                           dtls_ask, dtls_enrol, dtls_close};
