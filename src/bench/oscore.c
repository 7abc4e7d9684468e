/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oscore.c - a request with 16 bytes of payload, protected and unprotected: in memory, and over UDP
 * on the loopback interface with both ends in this process, beside the same datagrams sent bare.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/bench.h"
#include "bench/floor.h"
#include "cede/crypto_openssl.h"
#include "cede/oscore.h"

#define PAYLOAD_LEN 16
/* What the AEAD sees of that request: Enc_structure with a kid of one byte and a partial IV of
 * three; code, Uri-Path "u", payload marker, payload. */
#define AAD_LEN  (11 + 2 + 1 + 1 + 2 + 2 + 4 + 1)
#define TEXT_LEN (1 + 2 + 1 + PAYLOAD_LEN)

static const struct cede_crypto *crypto;
static struct cede_oscore_context client, server;
static uint8_t request_bytes[64], protected_bytes[128];
static struct cede_span request, protected_response;
static const uint8_t client_id[] = {0x01}, server_id[] = {0x02}, master_secret[16] = {7};

static bool init_context(struct cede_oscore_context *context, struct cede_span sender_id,
                         struct cede_span recipient_id)
{
    const struct cede_oscore_params params = {.master_secret = CEDE_SPAN_ARRAY(master_secret),
                                              .sender_id = sender_id,
                                              .recipient_id = recipient_id};

    return cede_oscore_init(context, crypto, &params) == CEDE_OK;
}

static bool round_trip(void)
{
    uint8_t out[128];
    struct cede_oscore_exchange sent, received;
    struct cede_span datagram, plain;

    return cede_oscore_protect_request(&client, crypto, CEDE_OSCORE_PLAIN, request, &sent,
                                       CEDE_BUF_ARRAY(protected_bytes), &datagram) == CEDE_OK &&
           cede_oscore_unprotect_request(&server, crypto, datagram, &received, CEDE_BUF_ARRAY(out),
                                         &plain) == CEDE_OK;
}

static bool exchange(void)
{
    uint8_t out[128], back[128], response_bytes[64];
    struct cede_oscore_exchange sent, received;
    struct cede_span datagram, plain, response;
    struct cede_coap_encoder encoder =
        cede_coap_begin(CEDE_BUF_ARRAY(response_bytes), CEDE_COAP_ACK, CEDE_COAP_CHANGED, 1,
                        CEDE_SPAN_ARRAY(client_id));

    cede_coap_put_payload(&encoder, cede_span(master_secret, PAYLOAD_LEN));
    return cede_coap_finish(&encoder, &response) == CEDE_OK &&
           cede_oscore_protect_request(&client, crypto, CEDE_OSCORE_PLAIN, request, &sent,
                                       CEDE_BUF_ARRAY(out), &datagram) == CEDE_OK &&
           cede_oscore_unprotect_request(&server, crypto, datagram, &received, CEDE_BUF_ARRAY(back),
                                         &plain) == CEDE_OK &&
           cede_oscore_protect_response(&server, crypto, CEDE_OSCORE_PLAIN, response, &received,
                                        CEDE_BUF_ARRAY(protected_bytes),
                                        &protected_response) == CEDE_OK &&
           cede_oscore_unprotect_response(&client, crypto, protected_response, &sent,
                                          CEDE_BUF_ARRAY(back), &plain) == CEDE_OK;
}

static bool floor_round_trip(void)
{
    return floor_ccm_seal() && floor_ccm_open();
}

static bool floor_exchange(void)
{
    return floor_round_trip() && floor_round_trip();
}

/* --- over UDP ----------------------------------------------------------------------------------
 */

static int client_fd = -1, server_fd = -1;
static size_t request_len, response_len; /* of the protected datagrams */

/* Two sockets on 127.0.0.1, each connected to the other. */
static bool open_sockets(void)
{
    struct sockaddr_in ends[2] = {{.sin_family = AF_INET}, {.sin_family = AF_INET}};
    socklen_t len = sizeof ends[0];

    if (client_fd >= 0) {
        return true;
    }
    client_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    server_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ends[0].sin_addr.s_addr = ends[1].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return client_fd >= 0 && server_fd >= 0 &&
           bind(client_fd, (struct sockaddr *)&ends[0], len) == 0 &&
           bind(server_fd, (struct sockaddr *)&ends[1], len) == 0 &&
           getsockname(client_fd, (struct sockaddr *)&ends[0], &len) == 0 &&
           getsockname(server_fd, (struct sockaddr *)&ends[1], &len) == 0 &&
           connect(client_fd, (struct sockaddr *)&ends[1], len) == 0 &&
           connect(server_fd, (struct sockaddr *)&ends[0], len) == 0;
}

static bool carry(int from, int to, struct cede_span datagram, struct cede_buf out,
                  struct cede_span *received)
{
    ssize_t len;

    if (send(from, datagram.ptr, datagram.len, 0) != (ssize_t)datagram.len) {
        return false;
    }
    len = recv(to, out.ptr, out.cap, 0);
    *received = cede_span(out.ptr, len > 0 ? (size_t)len : 0);
    return len > 0;
}

/* What a server does: unprotect, answer with 16 bytes, protect. */
static bool serve(struct cede_span datagram, struct cede_buf out, struct cede_span *answer)
{
    uint8_t plain_bytes[128], response_bytes[64];
    struct cede_oscore_exchange received;
    struct cede_coap_message message;
    struct cede_coap_encoder encoder;
    struct cede_span plain, response;

    if (cede_oscore_unprotect_request(&server, crypto, datagram, &received,
                                      CEDE_BUF_ARRAY(plain_bytes), &plain) != CEDE_OK ||
        cede_coap_decode(plain, &message) != CEDE_OK) {
        return false;
    }
    encoder =
        cede_coap_begin_response(CEDE_BUF_ARRAY(response_bytes), &message, CEDE_COAP_CHANGED, 0);
    cede_coap_put_payload(&encoder, message.payload);
    return cede_coap_finish(&encoder, &response) == CEDE_OK &&
           cede_oscore_protect_response(&server, crypto, CEDE_OSCORE_PLAIN, response, &received,
                                        out, answer) == CEDE_OK;
}

static bool ask(void)
{
    uint8_t out[128], on_wire[128], answer_bytes[128];
    struct cede_oscore_exchange sent;
    struct cede_span datagram, answer, plain;

    if (cede_oscore_protect_request(&client, crypto, CEDE_OSCORE_PLAIN, request, &sent,
                                    CEDE_BUF_ARRAY(out), &datagram) != CEDE_OK) {
        return false;
    }
    request_len = datagram.len;
    if (!carry(client_fd, server_fd, datagram, CEDE_BUF_ARRAY(on_wire), &datagram) ||
        !serve(datagram, CEDE_BUF_ARRAY(answer_bytes), &answer)) {
        return false;
    }
    response_len = answer.len;
    return carry(server_fd, client_fd, answer, CEDE_BUF_ARRAY(on_wire), &answer) &&
           cede_oscore_unprotect_response(&client, crypto, answer, &sent, CEDE_BUF_ARRAY(out),
                                          &plain) == CEDE_OK;
}

static bool floor_ask(void)
{
    static const uint8_t bytes[128];
    uint8_t out[128];
    struct cede_span received;

    return carry(client_fd, server_fd, cede_span(bytes, request_len), CEDE_BUF_ARRAY(out),
                 &received) &&
           carry(server_fd, client_fd, cede_span(bytes, response_len), CEDE_BUF_ARRAY(out),
                 &received);
}

static bool prepare(void)
{
    static const uint8_t payload[PAYLOAD_LEN] = {3};
    struct cede_coap_encoder encoder =
        cede_coap_begin(CEDE_BUF_ARRAY(request_bytes), CEDE_COAP_CON, CEDE_COAP_POST, 1,
                        CEDE_SPAN_ARRAY(client_id));

    crypto = cede_crypto_openssl_keeping();
    cede_coap_put_path(&encoder, CEDE_SPAN_TEXT("u"));
    cede_coap_put_payload(&encoder, CEDE_SPAN_ARRAY(payload));
    return cede_coap_finish(&encoder, &request) == CEDE_OK &&
           init_context(&client, CEDE_SPAN_ARRAY(client_id), CEDE_SPAN_ARRAY(server_id)) &&
           init_context(&server, CEDE_SPAN_ARRAY(server_id), CEDE_SPAN_ARRAY(client_id)) &&
           floor_ccm_prepare(AAD_LEN, TEXT_LEN) && open_sockets() && ask();
}

static const struct bench_case cases[] = {
    {"protect+unprotect 16 bytes", round_trip, floor_round_trip, false},
    {"request and response 16 bytes", exchange, floor_exchange, false},
    {"requests over loopback", ask, floor_ask, false},
    {NULL, NULL, NULL, false},
};

const struct bench_group bench_oscore_group = {"oscore", prepare, cases};
