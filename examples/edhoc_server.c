/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edhoc_server.c - an EDHOC responder at /.well-known/edhoc and, under OSCORE, POST /echo and GET
 *                  /clock, which can be observed (clock.h).
 *
 *   edhoc_server [--test-keys] [--psk] [--no-prefix] [--message-4] HOST PORT
 *
 * --test-keys allows EDHOC with the credentials of RFC 9529, section 3; --psk has the OSCORE
 * context of RFC 8613, appendix C.1, ready. --no-prefix expects message_1 and message_3 without the
 * `true` and C_R of RFC 9528, appendix A.2. --message-4 confirms keys with message_4. Port 0 is
 * any; the address is printed. message_3 may come by itself or with the first request (RFC 9668).
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cede/oscore.h"
#include "cede/posix.h"
#include "clock.h"
#include "test_keys.h"

#define PEERS         16 /* C_R of peer i is the byte i, which is its own encoding */
#define DATAGRAM_SIZE 1152
#define DEDUP_SIZE    64 /* answers kept for requests that come twice */

struct peer {
    struct cede_address address;
    struct cede_edhoc_session edhoc;
    struct cede_oscore_context oscore;
    bool has_oscore;
    struct observer observer;
};

static struct {
    const struct cede_crypto *crypto;
    struct cede_edhoc_config config;
    bool test_keys, psk, no_prefix, message_4;
    int fd;
    uint16_t message_id;
    struct peer peers[PEERS + 1]; /* the last one is the pre-shared context's */
    uint8_t next;                 /* whose place the next message_1 takes */
    struct cede_coap_dedup dedup;
    struct cede_coap_dedup_entry dedup_entries[DEDUP_SIZE];
    uint8_t dedup_answers[DEDUP_SIZE * DATAGRAM_SIZE];
} server;

/* One datagram on its way through the server. */
struct turn {
    struct cede_address from;
    struct cede_coap_message request;
    uint8_t out[DATAGRAM_SIZE];
    struct cede_span answer; /* null: none */
};

/* --- resources ---------------------------------------------------------------------------------
 */

static bool is_resource(const struct cede_coap_message *request)
{
    return cede_coap_path_equals(request, CEDE_SPAN_TEXT("echo")) ||
           cede_coap_path_equals(request, CEDE_SPAN_TEXT("clock"));
}

static bool is_echo(const struct cede_coap_message *request)
{
    return request->code == CEDE_COAP_POST &&
           cede_coap_path_equals(request, CEDE_SPAN_TEXT("echo"));
}

static bool is_clock(const struct cede_coap_message *request)
{
    return request->code == CEDE_COAP_GET &&
           cede_coap_path_equals(request, CEDE_SPAN_TEXT("clock"));
}

static enum cede_status answer_code(struct turn *turn, uint8_t code)
{
    struct cede_coap_encoder encoder = cede_coap_begin_response(
        CEDE_BUF_ARRAY(turn->out), &turn->request, code, server.message_id++);

    return cede_coap_finish(&encoder, &turn->answer);
}

/* --- EDHOC ------------------------------------------------------------------------------------ */

static enum cede_status answer_edhoc(struct turn *turn, uint8_t code, struct cede_span message)
{
    return cede_oscore_compose_edhoc_response(&turn->request, code, server.message_id++, message,
                                              CEDE_BUF_ARRAY(turn->out), &turn->answer);
}

static enum cede_status refuse_edhoc(struct turn *turn, enum cede_status reason)
{
    uint8_t bytes[CEDE_EDHOC_ERROR_LEN_MAX];
    struct cede_span message;

    fprintf(stderr, "edhoc: %s\n", cede_status_reason(reason));
    CEDE_TRY(cede_edhoc_compose_error(&server.config, reason, CEDE_BUF_ARRAY(bytes), &message));
    return answer_edhoc(turn, CEDE_COAP_BAD_REQUEST, message);
}

static enum cede_status refuse_protected(struct turn *turn, enum cede_status reason)
{
    fprintf(stderr, "oscore: %s\n", cede_status_reason(reason));
    return cede_oscore_compose_error(&turn->request, reason, server.message_id++,
                                     CEDE_BUF_ARRAY(turn->out), &turn->answer);
}

/* C_R must differ from C_I (RFC 9528, section 5.3.2); the first byte not asked for is taken. */
static struct peer *next_peer(struct cede_span c_i, uint8_t *c_r)
{
    *c_r = server.next++ % PEERS;
    if (cede_span_equal(c_i, cede_span(c_r, 1))) {
        *c_r = server.next++ % PEERS;
    }
    memset(&server.peers[*c_r], 0, sizeof server.peers[*c_r]);
    return &server.peers[*c_r];
}

static enum cede_status take_message_1(struct turn *turn, struct cede_span message_1)
{
    struct cede_edhoc_own own = test_own(&test_responder);
    struct cede_edhoc_session edhoc;
    struct cede_edhoc_eads eads;
    struct cede_span message_2;
    struct peer *peer;
    uint8_t bytes[256], c_r;

    cede_edhoc_init_responder(&edhoc);
    CEDE_TRY(cede_edhoc_process_message_1(&edhoc, &server.config, message_1, &eads));
    peer = next_peer(cede_edhoc_connection_id_span(&edhoc.c_i), &c_r);
    CEDE_TRY(cede_edhoc_compose_message_2(&edhoc, &server.config, cede_span(&c_r, 1), &own, NULL,
                                          CEDE_BUF_ARRAY(bytes), &message_2));
    peer->edhoc = edhoc;
    peer->address = turn->from;
    return answer_edhoc(turn, CEDE_COAP_CHANGED, message_2);
}

static enum cede_status take_message_3(struct peer *peer, struct cede_span message_3)
{
    struct cede_edhoc_credential credential;
    struct cede_edhoc_peer claims;
    uint8_t plaintext[DATAGRAM_SIZE];

    CEDE_TRY(cede_edhoc_process_message_3(&peer->edhoc, &server.config, message_3,
                                          CEDE_BUF_ARRAY(plaintext), &claims));
    CEDE_TRY(test_find(&test_initiator, &claims, &credential));
    CEDE_TRY(cede_edhoc_verify_message_3(&peer->edhoc, &server.config, &claims, &credential));
    CEDE_TRY(test_oscore_from(&peer->edhoc, &server.config, &peer->oscore));
    peer->has_oscore = true;
    return CEDE_OK;
}

static enum cede_status confirm(struct turn *turn, struct peer *peer)
{
    uint8_t bytes[64];
    struct cede_span message_4 = CEDE_SPAN_NULL;

    if (server.message_4) {
        CEDE_TRY(cede_edhoc_compose_message_4(&peer->edhoc, &server.config, NULL,
                                              CEDE_BUF_ARRAY(bytes), &message_4));
    }
    return answer_edhoc(turn, CEDE_COAP_CHANGED, message_4);
}

static struct peer *find_by_c_r(struct cede_span c_r)
{
    return c_r.len == 1 && c_r.ptr[0] < PEERS ? &server.peers[c_r.ptr[0]] : NULL;
}

/* The reverse message flow (RFC 9528, appendix A.2.2): the client asks, the server begins. */
static enum cede_status begin_reverse(struct turn *turn)
{
    uint8_t bytes[256], c_i;
    struct peer *peer = next_peer(CEDE_SPAN_NULL, &c_i);
    struct cede_span message_1;

    CEDE_TRY(cede_edhoc_init_initiator(&peer->edhoc, &server.config, CEDE_EDHOC_STATIC_DH_STATIC_DH,
                                       2, cede_span(&c_i, 1)));
    CEDE_TRY(cede_edhoc_compose_message_1(&peer->edhoc, &server.config, NULL, CEDE_BUF_ARRAY(bytes),
                                          &message_1));
    return answer_edhoc(turn, CEDE_COAP_CHANGED, message_1);
}

static enum cede_status take_message_2(struct turn *turn, struct peer *peer,
                                       struct cede_span message)
{
    struct cede_edhoc_own own = test_own(&test_responder);
    struct cede_edhoc_credential credential;
    struct cede_edhoc_peer claims;
    uint8_t plaintext[DATAGRAM_SIZE], bytes[256];

    CEDE_TRY(cede_edhoc_process_message_2(&peer->edhoc, &server.config, message,
                                          CEDE_BUF_ARRAY(plaintext), &claims));
    CEDE_TRY(test_find(&test_initiator, &claims, &credential));
    CEDE_TRY(cede_edhoc_verify_message_2(&peer->edhoc, &server.config, &claims, &credential));
    CEDE_TRY(cede_edhoc_compose_message_3(&peer->edhoc, &server.config, &own, NULL,
                                          CEDE_BUF_ARRAY(bytes), &message));
    CEDE_TRY(test_oscore_from(&peer->edhoc, &server.config, &peer->oscore));
    peer->has_oscore = true;
    return answer_edhoc(turn, CEDE_COAP_CHANGED, message);
}

/* Without prefixes the address tells whose message_3 it is. */
static struct peer *find_by_address(const struct cede_address *address)
{
    for (size_t i = 0; i < PEERS; i++) {
        if (server.peers[i].edhoc.state == CEDE_EDHOC_WAIT_MESSAGE_3 &&
            cede_address_equal(&server.peers[i].address, address)) {
            return &server.peers[i];
        }
    }
    return NULL;
}

static enum cede_status take_edhoc(struct turn *turn)
{
    struct cede_span message = turn->request.payload, c_r = CEDE_SPAN_NULL;
    struct peer *peer = NULL;

    if (message.len == 0) {
        return begin_reverse(turn);
    }
    if (server.no_prefix) {
        peer = find_by_address(&turn->from);
    } else {
        CEDE_TRY(cede_oscore_split_edhoc_payload(turn->request.payload, &c_r, &message));
        peer = cede_span_is_null(c_r) ? NULL : find_by_c_r(c_r);
    }
    if (peer == NULL && !cede_span_is_null(c_r)) {
        return CEDE_EDHOC_STATE;
    }
    if (peer == NULL) {
        return take_message_1(turn, message);
    }
    if (peer->edhoc.is_initiator) {
        return take_message_2(turn, peer, message);
    }
    CEDE_TRY(take_message_3(peer, message));
    return confirm(turn, peer);
}

/* --- OSCORE ------------------------------------------------------------------------------------
 */

static struct peer *find_context(const struct cede_oscore_header *header)
{
    for (size_t i = 0; i <= PEERS; i++) {
        if (server.peers[i].has_oscore && cede_oscore_matches(&server.peers[i].oscore, header)) {
            return &server.peers[i];
        }
    }
    return NULL;
}

/* POST /echo answers with the payload and its format. */
static enum cede_status put_echo(struct cede_coap_encoder *encoder,
                                 const struct cede_coap_message *request,
                                 struct cede_span *response)
{
    uint32_t format;

    CEDE_TRY(cede_coap_find_uint(request, CEDE_COAP_CONTENT_FORMAT, UINT32_MAX, &format));
    if (format != UINT32_MAX) {
        cede_coap_put_uint(encoder, CEDE_COAP_CONTENT_FORMAT, format);
    }
    cede_coap_put_payload(encoder, request->payload);
    return cede_coap_finish(encoder, response);
}

static enum cede_status serve(const struct cede_coap_message *request, bool observed,
                              struct cede_buf out, struct cede_span *response)
{
    uint8_t code = !is_resource(request) ? CEDE_COAP_RESOURCE_NOT_FOUND
                   : is_clock(request)   ? CEDE_COAP_CONTENT
                   : is_echo(request)    ? CEDE_COAP_CHANGED
                                         : CEDE_COAP_METHOD_NOT_ALLOWED;
    struct cede_coap_encoder encoder =
        cede_coap_begin_response(out, request, code, server.message_id++);

    switch (code) {
    case CEDE_COAP_CONTENT:
        return clock_put(&encoder, observed, response);
    case CEDE_COAP_CHANGED:
        return put_echo(&encoder, request, response);
    default:
        return cede_coap_finish(&encoder, response);
    }
}

static enum cede_status take_protected(struct turn *turn, struct cede_span datagram)
{
    struct cede_coap_message message;
    struct cede_oscore_header header;
    struct cede_oscore_exchange exchange;
    struct cede_span plain;
    struct peer *peer;
    uint8_t request[DATAGRAM_SIZE], response[DATAGRAM_SIZE];

    CEDE_TRY(cede_coap_decode(datagram, &message));
    CEDE_TRY(cede_oscore_peek(&message, &header));
    peer = find_context(&header);
    if (peer == NULL) {
        return CEDE_OSCORE_NO_CONTEXT;
    }
    CEDE_TRY(cede_oscore_unprotect_request(&peer->oscore, server.crypto, datagram, &exchange,
                                           CEDE_BUF_ARRAY(request), &plain));
    CEDE_TRY(cede_coap_decode(plain, &message));
    CEDE_TRY(serve(&message, exchange.observe, CEDE_BUF_ARRAY(response), &plain));
    CEDE_TRY(cede_oscore_protect_response(&peer->oscore, server.crypto, CEDE_OSCORE_PLAIN, plain,
                                          &exchange, CEDE_BUF_ARRAY(turn->out), &turn->answer));
    if (is_clock(&message)) {
        clock_observe(&peer->observer, &turn->from, message.token, &exchange);
    }
    return CEDE_OK;
}

/* What observers are due. */
static enum cede_status notify(void)
{
    for (size_t i = 0; i <= PEERS; i++) {
        struct peer *peer = &server.peers[i];
        uint8_t bytes[DATAGRAM_SIZE];
        struct cede_span datagram;

        CEDE_TRY(clock_notify(&peer->observer, &peer->oscore, server.crypto, server.message_id,
                              CEDE_BUF_ARRAY(bytes), &datagram));
        if (!cede_span_is_null(datagram)) {
            server.message_id++;
            CEDE_TRY(cede_udp_send(server.fd, &peer->observer.address, datagram));
        }
    }
    return CEDE_OK;
}

/* RFC 9668: message_3 in front of the first request's ciphertext. */
static enum cede_status take_combined(struct turn *turn, struct cede_span datagram)
{
    uint8_t bytes[DATAGRAM_SIZE];
    struct cede_span kid, message_3, request;
    struct peer *peer;

    CEDE_TRY(
        cede_oscore_split_combined(datagram, CEDE_BUF_ARRAY(bytes), &kid, &message_3, &request));
    peer = find_by_c_r(kid);
    if (peer == NULL) {
        return CEDE_EDHOC_STATE;
    }
    CEDE_TRY(take_message_3(peer, message_3));
    return take_protected(turn, request);
}

/* --- datagrams ---------------------------------------------------------------------------------
 */

static enum cede_status take_request(struct turn *turn, struct cede_span datagram)
{
    const struct cede_coap_message *request = &turn->request;
    struct cede_span option;
    enum cede_status status;

    if (server.test_keys && cede_coap_path_equals(request, CEDE_SPAN_TEXT(".well-known/edhoc"))) {
        status = take_edhoc(turn);
        return status == CEDE_OK ? CEDE_OK : refuse_edhoc(turn, status);
    }
    if (server.test_keys && cede_oscore_is_combined(request)) {
        status = take_combined(turn, datagram);
        return status == CEDE_OK ? CEDE_OK : refuse_edhoc(turn, status);
    }
    if (cede_coap_find_option(request, CEDE_COAP_OSCORE, &option)) {
        status = take_protected(turn, datagram);
        return status == CEDE_OK ? CEDE_OK : refuse_protected(turn, status);
    }
    return answer_code(turn, is_resource(request) ? CEDE_COAP_UNAUTHORIZED
                                                  : CEDE_COAP_RESOURCE_NOT_FOUND);
}

/* Address and port, as bytes that are the same each time. */
static struct cede_span peer_key(const struct cede_address *address,
                                 uint8_t key[CEDE_COAP_PEER_LEN_MAX])
{
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address->storage;
    const struct sockaddr_in *in4 = (const struct sockaddr_in *)&address->storage;
    bool is_in6 = address->storage.ss_family == AF_INET6;
    size_t len = is_in6 ? sizeof in6->sin6_addr : sizeof in4->sin_addr;

    memcpy(key, is_in6 ? (const void *)&in6->sin6_addr : (const void *)&in4->sin_addr, len);
    memcpy(key + len, is_in6 ? &in6->sin6_port : &in4->sin_port, sizeof in4->sin_port);
    return cede_span(key, len + sizeof in4->sin_port);
}

/* A request that comes twice gets the same answer and nothing else (RFC 7252, section 4.5). */
static enum cede_status take_datagram(struct turn *turn, struct cede_span datagram)
{
    uint8_t key[CEDE_COAP_PEER_LEN_MAX];
    struct cede_span peer = peer_key(&turn->from, key);

    CEDE_TRY(cede_coap_decode(datagram, &turn->request));
    if (!cede_coap_is_request(&turn->request)) {
        for (size_t i = 0; i <= PEERS; i++) {
            clock_acknowledge(&server.peers[i].observer, &turn->from, &turn->request);
        }
        return CEDE_OK;
    }
    if (cede_coap_dedup_check(&server.dedup, peer, turn->request.message_id, cede_monotonic_ms(),
                              &turn->answer) == CEDE_COAP_NEW) {
        take_request(turn, datagram);
        CEDE_TRY(
            cede_coap_dedup_store(&server.dedup, peer, turn->request.message_id, turn->answer));
    }
    return cede_span_is_null(turn->answer) ? CEDE_OK
                                           : cede_udp_send(server.fd, &turn->from, turn->answer);
}

/* For ever; a datagram that fails concerns nobody else. */
static void serve_datagrams(void)
{
    for (;;) {
        struct pollfd readable = {server.fd, POLLIN, 0};
        struct turn turn = {.answer = {NULL, 0}};
        uint8_t bytes[DATAGRAM_SIZE];
        struct cede_span datagram;
        enum cede_status status;

        (void)poll(&readable, 1, CLOCK_INTERVAL_MS / 4);
        status = cede_udp_receive(server.fd, &turn.from, CEDE_BUF_ARRAY(bytes), &datagram);
        if (status == CEDE_OK) {
            status = take_datagram(&turn, datagram);
        }
        if (status == CEDE_OK || status == CEDE_SOCKET_AGAIN) {
            status = notify();
        }
        if (status != CEDE_OK && status != CEDE_SOCKET_AGAIN) {
            fprintf(stderr, "datagram: %s\n", cede_status_reason(status));
        }
    }
}

static enum cede_status start(const char *host, const char *port)
{
    char text[CEDE_ADDRESS_TEXT_LEN];
    struct cede_address address;

    server.crypto = cede_crypto_openssl();
    server.config = test_config(server.crypto);
    CEDE_TRY(cede_coap_dedup_init(&server.dedup, server.dedup_entries, DEDUP_SIZE,
                                  CEDE_BUF_ARRAY(server.dedup_answers),
                                  cede_coap_exchange_lifetime_ms(&cede_coap_default_params), 1));
    if (server.psk) {
        CEDE_TRY(test_oscore_preshared(server.crypto, false, &server.peers[PEERS].oscore));
        server.peers[PEERS].has_oscore = true;
    }
    CEDE_TRY(cede_address_resolve(host, (uint16_t)atoi(port), &address));
    CEDE_TRY(cede_udp_bind(&address, &server.fd));
    CEDE_TRY(cede_udp_local(server.fd, &address));
    printf("listening on %s\n", cede_address_text(&address, text));
    return fflush(stdout) == 0 ? CEDE_OK : CEDE_FILE_FAILED;
}

static bool take_option(const char *word)
{
    const struct {
        const char *name;
        bool *flag;
    } options[] = {{"--test-keys", &server.test_keys},
                   {"--psk", &server.psk},
                   {"--no-prefix", &server.no_prefix},
                   {"--message-4", &server.message_4}};

    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (strcmp(word, options[i].name) == 0) {
            *options[i].flag = true;
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    enum cede_status status;
    int i = 1;

    while (i < argc && take_option(argv[i])) {
        i++;
    }
    if (argc - i != 2 || (!server.test_keys && !server.psk)) {
        fputs("usage: edhoc_server [--test-keys] [--psk] [--no-prefix] [--message-4] HOST PORT\n",
              stderr);
        return 2;
    }
    status = start(argv[i], argv[i + 1]);
    if (status != CEDE_OK) {
        fprintf(stderr, "edhoc_server: %s\n", cede_status_reason(status));
        return 1;
    }
    serve_datagrams();
    return 0;
}
