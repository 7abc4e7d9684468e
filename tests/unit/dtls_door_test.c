/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dtls_door_test.c - the door of the X.509 profile over loopback sockets: devices with our own DTLS
 * client on one side, a service that counts on the other, strangers in between.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "cede/crypto_openssl.h"
#include "cede/dtls.h"
#include "server/common/dtls_door.h"

#define OK(expression_) assert_int_equal((expression_), CEDE_OK)
#define TURNS_MAX       200
#define LONG_LEN        3000

struct party {
    uint8_t scalar[32], point[64], der[600];
    size_t len;
};

struct client {
    int fd;
    struct cede_dtls *dtls;
    const struct party *party;
    uint8_t sent[8][2048]; /* the first datagrams it sent */
    size_t sent_len[8], sent_count;
    bool mute; /* keeps what it would send */
    struct cede_coap_message answer;
    uint8_t answer_bytes[2048];
    size_t answer_len;
    unsigned answers;
};

static struct {
    const struct cede_crypto *crypto;
    struct party ca, server, device, other;
    struct event_base *base;
    struct dtls_door *door;
    EVP_PKEY *key;
    struct cede_address address;
    struct client clients[4];
    /* the service */
    enum cede_status admits, commits, answers;
    bool still;
    unsigned handled, before, after, open;
    struct coap_peer peer;
    uint8_t body[LONG_LEN];
    size_t body_len;
    size_t answer_len;
} t;

/* --- the service ------------------------------------------------------------------------------ */

static enum cede_status authenticate(void *context, const struct cede_certificate *certificate,
                                     const struct cede_certificate *chain, size_t chain_count,
                                     struct coap_peer *peer)
{
    (void)context;
    (void)chain;
    assert_int_equal(chain_count, 0);
    assert_int_equal(certificate->format, CEDE_CERTIFICATE_X509);
    if (t.admits != CEDE_OK) {
        return t.admits;
    }
    memcpy(peer->device_id, certificate->common_name, certificate->common_name_len);
    peer->kind = COAP_PEER_OPERATIONAL;
    return CEDE_OK;
}

static enum cede_status still_allowed(void *context, const struct coap_peer *peer)
{
    (void)context;
    assert_true(peer->device_id[0] != '\0');
    return t.still ? CEDE_OK : CEDE_SP_DEVICE;
}

static enum cede_status handle(void *context, const struct coap_request *request,
                               struct coap_response *response)
{
    (void)context;
    assert_int_equal(t.open, 1); /* inside a batch */
    t.handled++;
    t.peer = *request->peer;
    assert_int_equal(request->path_count, 1);
    assert_true(request->body.len <= sizeof t.body);
    if (request->body.len > 0) {
        memcpy(t.body, request->body.ptr, request->body.len);
    }
    t.body_len = request->body.len;
    response->code = CEDE_COAP_CHANGED;
    response->content_format = CEDE_COAP_FORMAT_CBOR;
    memset(response->body.ptr, 0x5a, t.answer_len);
    response->body_len = t.answer_len;
    return t.answers;
}

static enum cede_status before_batch(void *context)
{
    (void)context;
    t.before++;
    t.open++;
    return CEDE_OK;
}

static enum cede_status after_batch(void *context)
{
    (void)context;
    for (size_t i = 0; i < sizeof t.clients / sizeof t.clients[0]; i++) {
        uint8_t memory[64]; /* nothing has been said yet */
        struct cede_span datagram;
        assert_true(t.clients[i].fd <= 0 ||
                    cede_udp_receive(t.clients[i].fd, NULL, CEDE_BUF_ARRAY(memory), &datagram) ==
                        CEDE_SOCKET_AGAIN);
    }
    t.after++;
    t.open--;
    return t.commits;
}

/* --- clients ---------------------------------------------------------------------------------- */

static void make(struct party *party, const char *name, const struct party *issuer)
{
    struct cede_private_key key = {CEDE_CRV_P256, CEDE_SPAN_ARRAY(issuer->scalar), NULL};
    struct cede_certificate_info info = {.serial = CEDE_SPAN_TEXT("\x01"),
                                         .issuer = {CEDE_NAME_TEXT, CEDE_SPAN_TEXT("CA")},
                                         .subject = {CEDE_NAME_TEXT, cede_span_string(name)},
                                         .not_before = 1690000000,
                                         .not_after = CEDE_TIME_NONE,
                                         .path_len = CEDE_PATH_LEN_NONE,
                                         .key_usage = CEDE_KU_DIGITAL_SIGNATURE};
    struct cede_span der;

    OK(t.crypto->generate(t.crypto->context, CEDE_CRV_P256, party->scalar, party->point));
    info.public_key = (struct cede_public_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(party->point)};
    OK(cede_x509_issue(t.crypto, &info, &key, CEDE_BUF_ARRAY(party->der), &der));
    party->len = der.len;
}

static struct cede_span der_of(const struct party *party)
{
    return cede_span(party->der, party->len);
}

static bool judge(void *context, const struct cede_span *certificates, size_t count)
{
    (void)context;
    return count == 1 && cede_span_equal(certificates[0], der_of(&t.server));
}

static void send_datagram(void *context, struct cede_span datagram)
{
    struct client *client = context;

    if (client->sent_count < 8) {
        memcpy(client->sent[client->sent_count], datagram.ptr, datagram.len);
        client->sent_len[client->sent_count++] = datagram.len;
    }
    if (!client->mute) {
        OK(cede_udp_send(client->fd, NULL, datagram));
    }
}

static void receive_message(void *context, struct cede_span message)
{
    struct client *client = context;

    memcpy(client->answer_bytes, message.ptr, message.len);
    client->answer_len = message.len;
    client->answers++;
    OK(cede_coap_decode(cede_span(client->answer_bytes, message.len), &client->answer));
}

static void open_socket(struct client *client)
{
    memset(client, 0, sizeof *client);
    OK(cede_udp_connect(&t.address, &client->fd));
}

static void dial(struct client *client, const struct party *party)
{
    struct cede_dtls_config config = {.key = CEDE_SPAN_ARRAY(party->scalar),
                                      .certificate = der_of(party),
                                      .judge = judge,
                                      .send = send_datagram,
                                      .receive = receive_message,
                                      .context = client};

    open_socket(client);
    client->party = party;
    OK(cede_dtls_new(&config, &client->dtls));
}

static void hang_up(struct client *client)
{
    cede_dtls_free(client->dtls);
    if (client->fd > 0) {
        close(client->fd);
    }
    memset(client, 0, sizeof *client);
}

/* The door and all clients, until nobody has anything more to say. */
static void settle(void)
{
    uint8_t memory[2048];
    struct cede_span datagram;
    unsigned quiet = 0;

    for (int turn = 0; turn < TURNS_MAX && quiet < 3; turn++) {
        quiet++;
        event_base_loop(t.base, EVLOOP_NONBLOCK);
        for (size_t i = 0; i < sizeof t.clients / sizeof t.clients[0]; i++) {
            struct client *client = &t.clients[i];
            while (client->fd > 0 && cede_udp_receive(client->fd, NULL, CEDE_BUF_ARRAY(memory),
                                                      &datagram) == CEDE_OK) {
                quiet = 0;
                if (client->dtls != NULL) {
                    cede_dtls_receive(client->dtls, datagram);
                }
            }
        }
    }
}

static struct cede_span compose(struct cede_buf out, uint16_t id, struct cede_coap_transfer *blocks,
                                struct cede_span body)
{
    struct cede_coap_encoder encoder =
        cede_coap_begin(out, CEDE_COAP_CON, CEDE_COAP_POST, id, CEDE_SPAN_TEXT("t"));
    struct cede_span message;

    cede_coap_put_path(&encoder, CEDE_SPAN_TEXT("u"));
    if (blocks != NULL) {
        cede_coap_transfer_put(blocks, body, &encoder);
    } else {
        cede_coap_put_payload(&encoder, body);
    }
    OK(cede_coap_finish(&encoder, &message));
    return message;
}

static void ask(struct client *client, uint16_t id)
{
    uint8_t memory[256];

    OK(cede_dtls_send(client->dtls,
                      compose(CEDE_BUF_ARRAY(memory), id, NULL, CEDE_SPAN_TEXT("report"))));
    settle();
}

/* --- set-up ----------------------------------------------------------------------------------- */

static void open_door(uint32_t sessions_max)
{
    struct cede_private_key scalar = {CEDE_CRV_P256, CEDE_SPAN_ARRAY(t.server.scalar), NULL};
    struct cede_address any;
    struct dtls_door_config config = {.crypto = t.crypto,
                                      .certificate = der_of(&t.server),
                                      .callbacks = {.authenticate = authenticate,
                                                    .still_allowed = still_allowed,
                                                    .handle = handle,
                                                    .before_batch = before_batch,
                                                    .after_batch = after_batch},
                                      .sessions_max = sessions_max,
                                      .handshakes_max = 8};

    OK(cede_address_resolve("127.0.0.1", 0, &any));
    OK(coap_door_socket(&any, &config.fd));
    OK(cede_udp_local(config.fd, &t.address));
    OK(cede_openssl_pkey(&scalar, &t.key));
    config.key = t.key;
    OK(dtls_door_open(t.base, &config, &t.door));
}

static int begin(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    t.crypto = cede_crypto_openssl();
    t.still = true;
    t.answer_len = 4;
    make(&t.ca, "CA", &t.ca);
    make(&t.server, "server", &t.ca);
    make(&t.device, "device", &t.ca);
    make(&t.other, "other", &t.ca);
    t.base = event_base_new();
    assert_non_null(t.base);
    open_door(2);
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof t.clients / sizeof t.clients[0]; i++) {
        hang_up(&t.clients[i]);
    }
    dtls_door_close(t.door);
    EVP_PKEY_free(t.key);
    event_base_free(t.base);
    return 0;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void test_a_device_is_known_and_answered_after_the_commit(void **state)
{
    struct client *client = &t.clients[0];

    (void)state;
    dial(client, &t.device);
    settle();
    assert_int_equal(cede_dtls_state(client->dtls), CEDE_DTLS_OPEN);
    assert_int_equal(dtls_door_sessions(t.door), 1);
    ask(client, 1);
    assert_int_equal(client->answers, 1);
    assert_int_equal(client->answer.code, CEDE_COAP_CHANGED);
    assert_int_equal(client->answer.type, CEDE_COAP_ACK);
    assert_int_equal(client->answer.payload.len, 4);
    assert_string_equal(t.peer.device_id, "device");
    assert_true(cede_span_equal(cede_span(t.body, t.body_len), CEDE_SPAN_TEXT("report")));
    assert_int_equal(t.before, 1);
    assert_int_equal(t.after, 1);
    /* Its goodbye ends the session. */
    hang_up(client);
    settle();
    assert_int_equal(dtls_door_sessions(t.door), 0);
}

static void test_who_is_not_admitted_stays_outside(void **state)
{
    struct client *client = &t.clients[0];

    (void)state;
    t.admits = CEDE_SP_DEVICE;
    dial(client, &t.device);
    settle();
    assert_int_equal(cede_dtls_state(client->dtls), CEDE_DTLS_CLOSED);
    assert_int_equal(dtls_door_sessions(t.door), 0);
    assert_int_equal(dtls_door_counters(t.door)->handshakes_bad, 1);
    assert_int_equal(t.handled, 0);
}

/* R11: nothing is kept of a stranger who has not shown that the address is its own. */
static void test_R11_strangers_cost_no_state(void **state)
{
    struct client *honest = &t.clients[0], *liar = &t.clients[1];

    (void)state;
    open_socket(liar);
    OK(cede_udp_send(liar->fd, NULL, CEDE_SPAN_TEXT("noise")));
    settle();
    assert_int_equal(dtls_door_counters(t.door)->strangers, 1);
    dial(honest, &t.device);
    settle();
    assert_int_equal(cede_dtls_state(honest->dtls), CEDE_DTLS_OPEN);
    assert_true(honest->sent_count >= 2); /* a ClientHello, and one with the cookie */
    /* The cookie is worth nothing at another address. */
    OK(cede_udp_send(liar->fd, NULL, cede_span(honest->sent[0], honest->sent_len[0])));
    settle();
    OK(cede_udp_send(liar->fd, NULL, cede_span(honest->sent[1], honest->sent_len[1])));
    settle();
    assert_int_equal(dtls_door_counters(t.door)->handshakes, 1);
    assert_int_equal(dtls_door_counters(t.door)->handshakes_bad, 0);
    assert_int_equal(dtls_door_counters(t.door)->limited, 0);
    assert_true(dtls_door_counters(t.door)->strangers >= 4);
}

/* Half-open handshakes of one address are limited. */
static void test_R11_handshakes_are_limited(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        uint8_t memory[2048];
        struct cede_span datagram;
        struct client *client = &t.clients[i];

        dial(client, &t.device);
        event_base_loop(t.base, EVLOOP_NONBLOCK); /* the cookie */
        OK(cede_udp_receive(client->fd, NULL, CEDE_BUF_ARRAY(memory), &datagram));
        cede_dtls_receive(client->dtls, datagram);
        event_base_loop(t.base, EVLOOP_NONBLOCK);
        cede_dtls_free(client->dtls); /* says no more */
        client->dtls = NULL;
    }
    settle();
    assert_int_equal(dtls_door_counters(t.door)->limited, 2); /* of 8 a quarter */
}

static void test_repeated_requests_are_handled_once(void **state)
{
    struct client *client = &t.clients[0];
    uint8_t first[256];
    size_t first_len;

    (void)state;
    dial(client, &t.device);
    settle();
    ask(client, 7);
    memcpy(first, client->answer_bytes, client->answer_len);
    first_len = client->answer_len;
    t.answer_len = 9; /* would be another answer */
    ask(client, 7);
    assert_int_equal(client->answers, 2);
    assert_int_equal(t.handled, 1);
    assert_true(cede_span_equal(cede_span(client->answer_bytes, client->answer_len),
                                cede_span(first, first_len)));
    ask(client, 8);
    assert_int_equal(t.handled, 2);
}

static void test_what_is_not_committed_is_not_told(void **state)
{
    struct client *client = &t.clients[0];

    (void)state;
    dial(client, &t.device);
    settle();
    t.commits = CEDE_STORE_FAILED;
    ask(client, 1);
    assert_int_equal(client->answer.code, CEDE_COAP_UNAVAILABLE);
    assert_int_equal(client->answer.payload.len, 0);
}

/* The second block of the answer to ask(). */
static struct cede_span compose_more(struct cede_buf out, uint16_t id)
{
    const struct cede_coap_block second = {.number = 1, .szx = 6};
    struct cede_coap_encoder encoder =
        cede_coap_begin(out, CEDE_COAP_CON, CEDE_COAP_POST, id, CEDE_SPAN_TEXT("t"));
    struct cede_span message;

    cede_coap_put_path(&encoder, CEDE_SPAN_TEXT("u"));
    cede_coap_put_uint(&encoder, CEDE_COAP_BLOCK2, cede_coap_block_value(&second));
    OK(cede_coap_finish(&encoder, &message));
    return message;
}

/* Nor any later block of it, whether asked for at once or when the store is well again. */
static void test_the_rest_of_what_is_not_committed_is_not_told(void **state)
{
    struct client *client = &t.clients[0];
    uint8_t first[256], more[256];

    (void)state;
    t.answer_len = 2500;
    dial(client, &t.device);
    settle();
    t.commits = CEDE_STORE_FAILED;
    OK(cede_dtls_send(client->dtls,
                      compose(CEDE_BUF_ARRAY(first), 1, NULL, CEDE_SPAN_TEXT("report"))));
    OK(cede_dtls_send(client->dtls, compose_more(CEDE_BUF_ARRAY(more), 2)));
    settle();
    assert_int_equal(client->answers, 2);
    assert_int_equal(client->answer.code, CEDE_COAP_UNAVAILABLE);
    assert_int_equal(client->answer.payload.len, 0);
    t.commits = CEDE_OK;
    OK(cede_dtls_send(client->dtls, compose_more(CEDE_BUF_ARRAY(more), 3)));
    settle();
    assert_int_equal(client->answer.code, CEDE_COAP_REQUEST_INCOMPLETE);
    assert_int_equal(client->answer.payload.len, 0);
    ask(client, 4);
    assert_int_equal(client->answer.payload.len, 1024);
    OK(cede_dtls_send(client->dtls, compose_more(CEDE_BUF_ARRAY(more), 5)));
    settle();
    assert_int_equal(client->answer.code, CEDE_COAP_CHANGED);
    assert_int_equal(client->answer.payload.len, 1024);
}

static void test_long_bodies_go_in_blocks(void **state)
{
    struct client *client = &t.clients[0];
    struct cede_coap_transfer blocks;
    uint8_t body[LONG_LEN], memory[1200], whole[LONG_LEN + 100];
    struct cede_span answer;

    (void)state;
    for (size_t i = 0; i < sizeof body; i++) {
        body[i] = (uint8_t)i;
    }
    t.answer_len = 2500;
    dial(client, &t.device);
    settle();
    cede_coap_transfer_start(&blocks, 6);
    for (uint16_t id = 1; !blocks.done && id < 20; id++) {
        OK(cede_dtls_send(client->dtls,
                          compose(CEDE_BUF_ARRAY(memory), id, &blocks, CEDE_SPAN_ARRAY(body))));
        settle();
        OK(cede_coap_transfer_receive(&blocks, CEDE_SPAN_ARRAY(body), &client->answer,
                                      CEDE_BUF_ARRAY(whole), &answer));
    }
    assert_true(blocks.done);
    assert_int_equal(blocks.code, CEDE_COAP_CHANGED);
    assert_int_equal(answer.len, 2500);
    assert_int_equal(t.handled, 1);
    assert_true(cede_span_equal(cede_span(t.body, t.body_len), CEDE_SPAN_ARRAY(body)));
}

/* R6: whoever is revoked while it has a session loses it. */
static void test_R6_who_is_no_longer_welcome_is_sent_away(void **state)
{
    struct client *client = &t.clients[0];

    (void)state;
    dial(client, &t.device);
    settle();
    ask(client, 1);
    t.still = false;
    ask(client, 2);
    assert_int_equal(client->answer.code, CEDE_COAP_UNAUTHORIZED);
    assert_int_equal(cede_dtls_state(client->dtls), CEDE_DTLS_CLOSED);
    assert_int_equal(dtls_door_sessions(t.door), 0);
    assert_int_equal(t.handled, 1);
}

static void test_the_oldest_session_makes_room(void **state)
{
    const struct party *const parties[] = {&t.device, &t.other, &t.server};

    (void)state;
    for (int i = 0; i < 3; i++) {
        dial(&t.clients[i], parties[i]);
        settle();
        ask(&t.clients[i], 1);
        assert_int_equal(t.clients[i].answers, 1);
    }
    assert_int_equal(dtls_door_sessions(t.door), 2);
    assert_int_equal(dtls_door_counters(t.door)->evicted, 1);
    ask(&t.clients[0], 2); /* nobody knows it any more */
    assert_int_equal(t.clients[0].answers, 1);
    ask(&t.clients[2], 2);
    assert_int_equal(t.clients[2].answers, 2);
}

/* R11: however often one device comes in, it takes the place of nobody but itself. */
static void test_R11_a_device_has_one_session(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        dial(&t.clients[i], i == 0 ? &t.device : &t.other);
        settle();
        ask(&t.clients[i], 1);
        assert_int_equal(t.clients[i].answers, 1);
    }
    assert_int_equal(dtls_door_sessions(t.door), 2);
    assert_int_equal(dtls_door_counters(t.door)->evicted, 0);
    ask(&t.clients[0], 2);
    assert_int_equal(t.clients[0].answers, 2);
    assert_int_equal(cede_dtls_state(t.clients[1].dtls), CEDE_DTLS_CLOSED); /* it was told */
    ask(&t.clients[3], 2);
    assert_int_equal(t.clients[3].answers, 2);
}

/* A device that restarts and comes from the same address and port begins anew. */
static void test_a_new_handshake_replaces_the_session(void **state)
{
    struct client *client = &t.clients[0];
    struct cede_dtls_config config;
    struct cede_dtls *old;

    (void)state;
    dial(client, &t.device);
    settle();
    old = client->dtls;
    client->dtls = NULL;
    client->sent_count = 0;
    config = (struct cede_dtls_config){.key = CEDE_SPAN_ARRAY(t.device.scalar),
                                       .certificate = der_of(&t.device),
                                       .judge = judge,
                                       .send = send_datagram,
                                       .receive = receive_message,
                                       .context = client};
    OK(cede_dtls_new(&config, &client->dtls));
    settle();
    assert_int_equal(cede_dtls_state(client->dtls), CEDE_DTLS_OPEN);
    ask(client, 1);
    assert_int_equal(client->answers, 1);
    assert_int_equal(dtls_door_sessions(t.door), 1);
    client->mute = true;
    cede_dtls_free(old);
    client->mute = false;
}

static void test_pings_and_junk_inside(void **state)
{
    static const uint8_t ping[] = {0x40, 0x00, 0x12, 0x34};
    struct client *client = &t.clients[0];

    (void)state;
    dial(client, &t.device);
    settle();
    OK(cede_dtls_send(client->dtls, CEDE_SPAN_TEXT("junk")));
    OK(cede_dtls_send(client->dtls, CEDE_SPAN_ARRAY(ping)));
    settle();
    assert_int_equal(client->answers, 1);
    assert_int_equal(client->answer.type, CEDE_COAP_RST);
    ask(client, 1);
    assert_int_equal(t.handled, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_device_is_known_and_answered_after_the_commit, begin,
                                        end),
        cmocka_unit_test_setup_teardown(test_who_is_not_admitted_stays_outside, begin, end),
        cmocka_unit_test_setup_teardown(test_R11_strangers_cost_no_state, begin, end),
        cmocka_unit_test_setup_teardown(test_R11_handshakes_are_limited, begin, end),
        cmocka_unit_test_setup_teardown(test_repeated_requests_are_handled_once, begin, end),
        cmocka_unit_test_setup_teardown(test_what_is_not_committed_is_not_told, begin, end),
        cmocka_unit_test_setup_teardown(test_the_rest_of_what_is_not_committed_is_not_told, begin,
                                        end),
        cmocka_unit_test_setup_teardown(test_long_bodies_go_in_blocks, begin, end),
        cmocka_unit_test_setup_teardown(test_R6_who_is_no_longer_welcome_is_sent_away, begin, end),
        cmocka_unit_test_setup_teardown(test_the_oldest_session_makes_room, begin, end),
        cmocka_unit_test_setup_teardown(test_R11_a_device_has_one_session, begin, end),
        cmocka_unit_test_setup_teardown(test_a_new_handshake_replaces_the_session, begin, end),
        cmocka_unit_test_setup_teardown(test_pings_and_junk_inside, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
