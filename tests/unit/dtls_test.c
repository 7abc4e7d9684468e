/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dtls_test.c - the client's end of DTLS against OpenSSL's own server, in one process:
 *
 *     cede_dtls --- datagrams, lost, altered or repeated at will --- SSL (server)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "cede/certificate.h"
#include "cede/dtls.h"
#include "dtls_server.h"
#include "forged_records.h"
#include <cmocka.h>

#define OK(expression_) assert_int_equal((expression_), CEDE_OK)

#define SUITE "ECDHE-ECDSA-AES128-CCM8"

struct credential {
    uint8_t scalar[32], point[64], der[600];
    size_t len;
};

static struct {
    const struct cede_crypto *crypto;
    struct credential ca, server, client, other;
    struct cede_dtls *dtls;
    struct dtls_server peer;
    struct queue to_server;
    bool trusts;
    unsigned judged;
    size_t chain_count;
    uint8_t shown[600], seen[600]; /* the server's certificate at the client, and vice versa */
    size_t shown_len, seen_len;
    uint8_t message[2048];
    size_t message_len;
    unsigned messages;
} t;

/* --- certificates ----------------------------------------------------------------------------- */

static void make(struct credential *credential, const char *name, const struct credential *issuer)
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

    OK(t.crypto->generate(t.crypto->context, CEDE_CRV_P256, credential->scalar, credential->point));
    info.public_key = (struct cede_public_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(credential->point)};
    OK(cede_x509_issue(t.crypto, &info, &key, CEDE_BUF_ARRAY(credential->der), &der));
    credential->len = der.len;
}

static struct cede_span der_of(const struct credential *credential)
{
    return cede_span(credential->der, credential->len);
}

/* --- both ends -------------------------------------------------------------------------------- */

static bool judge(void *context, const struct cede_span *certificates, size_t count)
{
    (void)context;
    t.judged++;
    t.chain_count = count;
    memcpy(t.shown, certificates[0].ptr, certificates[0].len);
    t.shown_len = certificates[0].len;
    return t.trusts;
}

static void receive(void *context, struct cede_span message)
{
    (void)context;
    memcpy(t.message, message.ptr, message.len);
    t.message_len = message.len;
    t.messages++;
}

static struct cede_dtls_config config(void)
{
    return (struct cede_dtls_config){.key = CEDE_SPAN_ARRAY(t.client.scalar),
                                     .certificate = der_of(&t.client),
                                     .judge = judge,
                                     .send = queue_put,
                                     .receive = receive,
                                     .context = &t.to_server};
}

static bool see_client(void *owner, struct cede_span certificate)
{
    (void)owner;
    assert_true(certificate.len <= sizeof t.seen);
    memcpy(t.seen, certificate.ptr, certificate.len);
    t.seen_len = certificate.len;
    return true;
}

static struct cede_span echo(void *owner, struct cede_span message, struct cede_buf out)
{
    struct cede_span copy;

    (void)owner;
    OK(cede_copy(out, message, &copy));
    return copy;
}

static void start_server(const char *suites, int version, uint64_t options)
{
    t.peer.admit = see_client;
    t.peer.answer = echo;
    dtls_server_init(&t.peer, t.server.scalar, der_of(&t.server), suites, version, options);
    dtls_server_listen(&t.peer);
}

/* Datagrams go to and fro until there are none. */
static void settle(void)
{
    struct cede_span datagram;
    bool moved = true;

    while (moved) {
        moved = false;
        while (queue_take(&t.to_server, &datagram)) {
            dtls_server_receive(&t.peer, datagram);
            moved = true;
        }
        while (queue_take(&t.peer.to_client, &datagram)) {
            cede_dtls_receive(t.dtls, datagram);
            moved = true;
        }
    }
}

static void connect_to(const char *suites, int version, uint64_t options)
{
    struct cede_dtls_config client = config();

    start_server(suites, version, options);
    OK(cede_dtls_new(&client, &t.dtls));
    settle();
}

static int begin(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    t.crypto = cede_crypto_openssl();
    t.trusts = true;
    make(&t.ca, "CA", &t.ca);
    make(&t.server, "server", &t.ca);
    make(&t.client, "client", &t.ca);
    make(&t.other, "other", &t.ca);
    return 0;
}

static int end(void **state)
{
    (void)state;
    cede_dtls_free(t.dtls);
    dtls_server_free(&t.peer);
    return 0;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void test_both_ends_know_each_other_and_talk(void **state)
{
    uint64_t left_ms;

    (void)state;
    connect_to(SUITE, DTLS1_2_VERSION, 0);
    assert_int_equal(cede_dtls_state(t.dtls), CEDE_DTLS_OPEN);
    assert_false(cede_dtls_timeout(t.dtls, &left_ms));
    assert_int_equal(t.judged, 1);
    assert_int_equal(t.chain_count, 1);
    assert_true(cede_span_equal(cede_span(t.shown, t.shown_len), der_of(&t.server)));
    assert_true(cede_span_equal(cede_span(t.seen, t.seen_len), der_of(&t.client)));
    OK(cede_dtls_send(t.dtls, CEDE_SPAN_TEXT("hello")));
    settle();
    assert_int_equal(t.messages, 1);
    assert_true(cede_span_equal(cede_span(t.message, t.message_len), CEDE_SPAN_TEXT("hello")));
    assert_true(t.to_server.len_max <= CEDE_DTLS_DATAGRAM_LEN);
}

static void test_whoever_is_not_trusted_is_not_spoken_to(void **state)
{
    (void)state;
    t.trusts = false;
    connect_to(SUITE, DTLS1_2_VERSION, 0);
    assert_int_equal(t.judged, 1);
    assert_int_equal(cede_dtls_state(t.dtls), CEDE_DTLS_CLOSED);
    assert_int_equal(t.seen_len, 0); /* the server does not even learn who asked */
    assert_int_equal(cede_dtls_send(t.dtls, CEDE_SPAN_TEXT("hello")), CEDE_BAD_ARGUMENT);
}

static void test_what_is_not_listed_is_not_negotiated(void **state)
{
    static const struct {
        const char *suites;
        int version;
        uint64_t options;
    } servers[] = {
        {"ECDHE-ECDSA-AES256-GCM-SHA384", DTLS1_2_VERSION, 0},
        {"ECDHE-ECDSA-AES128-SHA", DTLS1_VERSION, 0},
        {SUITE, DTLS1_2_VERSION, SSL_OP_NO_EXTENDED_MASTER_SECRET},
    };

    (void)state;
    for (size_t i = 0; i < sizeof servers / sizeof servers[0]; i++) {
        connect_to(servers[i].suites, servers[i].version, servers[i].options);
        assert_int_equal(cede_dtls_state(t.dtls), CEDE_DTLS_CLOSED);
        (void)end(NULL);
        (void)begin(NULL);
    }
}

static void test_key_and_certificate_belong_together(void **state)
{
    struct cede_dtls_config client = config();

    (void)state;
    client.certificate = der_of(&t.other);
    assert_int_equal(cede_dtls_new(&client, &t.dtls), CEDE_BAD_ARGUMENT);
    assert_null(t.dtls);
    client.certificate = CEDE_SPAN_TEXT("no certificate");
    assert_int_equal(cede_dtls_new(&client, &t.dtls), CEDE_BAD_ARGUMENT);
    client = config();
    client.key = cede_span(t.client.scalar, 31);
    assert_int_not_equal(cede_dtls_new(&client, &t.dtls), CEDE_OK);
    assert_null(t.dtls);
    assert_int_equal(t.to_server.count, 0);
}

/* Any datagram of the handshake may be lost, once: flights are repeated. */
static void test_lost_flights_are_repeated(void **state)
{
    struct cede_dtls_config client = config();
    struct cede_span datagram;
    uint64_t left_ms = 0;

    (void)state;
    start_server(SUITE, DTLS1_2_VERSION, 0);
    OK(cede_dtls_new(&client, &t.dtls));
    while (queue_take(&t.to_server, &datagram)) {
    }
    settle();
    assert_int_equal(cede_dtls_state(t.dtls), CEDE_DTLS_HANDSHAKE);
    assert_true(cede_dtls_timeout(t.dtls, &left_ms));
    cede_dtls_expire(t.dtls); /* too early */
    assert_int_equal(t.to_server.count, 0);
    while (cede_dtls_timeout(t.dtls, &left_ms) && left_ms > 0) {
        struct timespec time = {(time_t)(left_ms / 1000), (long)(left_ms % 1000) * 1000000};
        nanosleep(&time, NULL);
    }
    cede_dtls_expire(t.dtls);
    assert_int_equal(t.to_server.count, 1);
    settle();
    assert_int_equal(cede_dtls_state(t.dtls), CEDE_DTLS_OPEN);
}

/* Noise, altered and repeated records, and a goodbye that anybody could have written. */
static void test_forged_and_replayed_records_are_ignored(void **state)
{
    static const uint8_t alert[] = {21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40};
    struct cede_span datagram;
    uint8_t copy[2048];

    (void)state;
    connect_to(SUITE, DTLS1_2_VERSION, 0);
    cede_dtls_receive(t.dtls, CEDE_SPAN_TEXT("noise"));
    cede_dtls_receive(t.dtls, CEDE_SPAN_ARRAY(alert));
    cede_dtls_receive(t.dtls, CEDE_SPAN_TEXT(""));
    assert_int_equal(cede_dtls_state(t.dtls), CEDE_DTLS_OPEN);
    OK(cede_dtls_send(t.dtls, CEDE_SPAN_TEXT("hello")));
    assert_true(queue_take(&t.to_server, &datagram));
    dtls_server_receive(&t.peer, datagram);
    assert_true(queue_take(&t.peer.to_client, &datagram));
    for (size_t i = 0; i < 8 * datagram.len; i++) {
        memcpy(copy, datagram.ptr, datagram.len);
        copy[i / 8] ^= (uint8_t)(1u << i % 8);
        cede_dtls_receive(t.dtls, cede_span(copy, datagram.len));
        cede_dtls_receive(t.dtls, cede_span(datagram.ptr, i / 8));
    }
    assert_int_equal(t.messages, 0);
    assert_int_equal(cede_dtls_state(t.dtls), CEDE_DTLS_OPEN);
    cede_dtls_receive(t.dtls, datagram);
    cede_dtls_receive(t.dtls, datagram);
    assert_int_equal(t.messages, 1);
}

static void forged(void *context, struct cede_span record)
{
    (void)context;
    cede_dtls_receive(t.dtls, record);
}

/* Records too short for nonce and tag, whatever they say they are and whatever comes behind. */
static void test_records_too_short_end_nothing(void **state)
{
    static const char *const suites[] = {SUITE, "ECDHE-ECDSA-AES128-CCM"};
    struct cede_dtls_config client = config();

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        connect_to(suites[i], DTLS1_2_VERSION, 0);
        forge_records(forged, NULL);
        assert_int_equal(cede_dtls_state(t.dtls), CEDE_DTLS_OPEN);
        OK(cede_dtls_send(t.dtls, CEDE_SPAN_TEXT("hello")));
        settle();
        assert_int_equal(t.messages, 1);
        (void)end(NULL);
        (void)begin(NULL);
        client = config();
    }
    start_server(SUITE, DTLS1_2_VERSION, 0);
    OK(cede_dtls_new(&client, &t.dtls));
    forge_records(forged, NULL);
    settle();
    assert_int_equal(cede_dtls_state(t.dtls), CEDE_DTLS_OPEN);
}

static void test_goodbyes(void **state)
{
    struct cede_span datagram;

    (void)state;
    connect_to(SUITE, DTLS1_2_VERSION, 0);
    (void)!SSL_shutdown(t.peer.ssl);
    settle();
    assert_int_equal(cede_dtls_state(t.dtls), CEDE_DTLS_CLOSED);
    (void)end(NULL);
    (void)begin(NULL);
    connect_to(SUITE, DTLS1_2_VERSION, 0);
    cede_dtls_free(t.dtls);
    t.dtls = NULL;
    assert_true(queue_take(&t.to_server, &datagram));
    dtls_server_receive(&t.peer, datagram);
    assert_true((SSL_get_shutdown(t.peer.ssl) & SSL_RECEIVED_SHUTDOWN) != 0);
}

static void test_a_message_fits_into_a_datagram(void **state)
{
    static const uint8_t message[CEDE_DTLS_DATAGRAM_LEN];

    (void)state;
    connect_to(SUITE, DTLS1_2_VERSION, 0);
    assert_int_equal(cede_dtls_send(t.dtls, CEDE_SPAN_ARRAY(message)), CEDE_BAD_ARGUMENT);
    OK(cede_dtls_send(t.dtls, cede_span(message, 1100)));
    settle();
    assert_int_equal(t.message_len, 1100);
    assert_int_equal(cede_dtls_state(t.dtls), CEDE_DTLS_OPEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_both_ends_know_each_other_and_talk, begin, end),
        cmocka_unit_test_setup_teardown(test_whoever_is_not_trusted_is_not_spoken_to, begin, end),
        cmocka_unit_test_setup_teardown(test_what_is_not_listed_is_not_negotiated, begin, end),
        cmocka_unit_test_setup_teardown(test_key_and_certificate_belong_together, begin, end),
        cmocka_unit_test_setup_teardown(test_lost_flights_are_repeated, begin, end),
        cmocka_unit_test_setup_teardown(test_forged_and_replayed_records_are_ignored, begin, end),
        cmocka_unit_test_setup_teardown(test_records_too_short_end_nothing, begin, end),
        cmocka_unit_test_setup_teardown(test_goodbyes, begin, end),
        cmocka_unit_test_setup_teardown(test_a_message_fits_into_a_datagram, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
