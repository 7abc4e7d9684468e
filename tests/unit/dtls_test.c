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

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "cede/certificate.h"
#include "cede/crypto_openssl.h"
#include "cede/dtls.h"
#include "port/dtls/datagram_bio.h"

#define OK(expression_) assert_int_equal((expression_), CEDE_OK)

#define QUEUE_LEN 32
#define SUITE     "ECDHE-ECDSA-AES128-CCM8"

struct queue {
    struct {
        uint8_t bytes[2048];
        size_t len;
    } datagrams[QUEUE_LEN];
    size_t count, taken, lengths;
};

struct credential {
    uint8_t scalar[32], point[64], der[600];
    size_t len;
};

static struct {
    const struct cede_crypto *crypto;
    struct credential ca, server, client, other;
    struct cede_dtls *dtls;
    SSL_CTX *context;
    SSL *ssl;
    BIO_METHOD *method;
    struct datagram_bio datagrams;
    struct queue to_server, to_client;
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

static void put(void *context, struct cede_span datagram)
{
    struct queue *queue = context;

    assert_true(queue->count < QUEUE_LEN && datagram.len <= sizeof queue->datagrams[0].bytes);
    memcpy(queue->datagrams[queue->count].bytes, datagram.ptr, datagram.len);
    queue->datagrams[queue->count++].len = datagram.len;
    queue->lengths = datagram.len > queue->lengths ? datagram.len : queue->lengths;
}

static bool take(struct queue *queue, struct cede_span *datagram)
{
    if (queue->taken == queue->count) {
        queue->taken = queue->count = 0;
        return false;
    }
    *datagram = cede_span(queue->datagrams[queue->taken].bytes, queue->datagrams[queue->taken].len);
    queue->taken++;
    return true;
}

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
                                     .send = put,
                                     .receive = receive,
                                     .context = &t.to_server};
}

static int see_client(X509_STORE_CTX *store, void *context)
{
    uint8_t *der = NULL;
    int len = i2d_X509(X509_STORE_CTX_get0_cert(store), &der);

    (void)context;
    assert_true(len > 0 && (size_t)len <= sizeof t.seen);
    memcpy(t.seen, der, (size_t)len);
    t.seen_len = (size_t)len;
    OPENSSL_free(der);
    return 1;
}

static void start_server(const char *suites, int version, uint64_t options)
{
    struct cede_private_key scalar = {CEDE_CRV_P256, CEDE_SPAN_ARRAY(t.server.scalar), NULL};
    EVP_PKEY *key;
    BIO *bio;

    t.context = SSL_CTX_new(DTLS_server_method());
    assert_non_null(t.context);
    SSL_CTX_set_security_level(t.context, 0);
    SSL_CTX_set_options(t.context, SSL_OP_NO_QUERY_MTU | options);
    SSL_CTX_set_verify(t.context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(t.context, see_client, NULL);
    assert_int_equal(SSL_CTX_set_min_proto_version(t.context, version), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(t.context, version), 1);
    assert_int_equal(SSL_CTX_set_cipher_list(t.context, suites), 1);
    OK(cede_openssl_pkey(&scalar, &key));
    assert_int_equal(SSL_CTX_use_certificate_ASN1(t.context, (int)t.server.len, t.server.der), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(t.context, key), 1);
    EVP_PKEY_free(key);
    t.ssl = SSL_new(t.context);
    t.method = datagram_bio_method();
    t.datagrams.send = put;
    t.datagrams.context = &t.to_client;
    bio = datagram_bio_new(t.method, &t.datagrams);
    SSL_set_bio(t.ssl, bio, bio);
    SSL_set_accept_state(t.ssl);
    (void)SSL_set_mtu(t.ssl, 1200);
}

static void serve(struct cede_span datagram)
{
    uint8_t message[2048];
    int len;

    t.datagrams.waiting = datagram;
    ERR_clear_error();
    if (SSL_is_init_finished(t.ssl) == 0) {
        (void)!SSL_do_handshake(t.ssl);
    }
    while (SSL_is_init_finished(t.ssl) != 0 &&
           (len = SSL_read(t.ssl, message, sizeof message)) > 0) {
        (void)!SSL_write(t.ssl, message, len); /* an echo */
    }
    t.datagrams.waiting = CEDE_SPAN_NULL;
    ERR_clear_error();
}

/* Datagrams go to and fro until there are none. */
static void settle(void)
{
    struct cede_span datagram;
    bool moved = true;

    while (moved) {
        moved = false;
        while (take(&t.to_server, &datagram)) {
            serve(datagram);
            moved = true;
        }
        while (take(&t.to_client, &datagram)) {
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
    SSL_free(t.ssl);
    SSL_CTX_free(t.context);
    BIO_meth_free(t.method);
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
    assert_true(t.to_server.lengths <= CEDE_DTLS_DATAGRAM_LEN);
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
    while (take(&t.to_server, &datagram)) {
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
    assert_true(take(&t.to_server, &datagram));
    serve(datagram);
    assert_true(take(&t.to_client, &datagram));
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

static void test_goodbyes(void **state)
{
    struct cede_span datagram;

    (void)state;
    connect_to(SUITE, DTLS1_2_VERSION, 0);
    (void)!SSL_shutdown(t.ssl);
    settle();
    assert_int_equal(cede_dtls_state(t.dtls), CEDE_DTLS_CLOSED);
    (void)end(NULL);
    (void)begin(NULL);
    connect_to(SUITE, DTLS1_2_VERSION, 0);
    cede_dtls_free(t.dtls);
    t.dtls = NULL;
    assert_true(take(&t.to_server, &datagram));
    serve(datagram);
    assert_true((SSL_get_shutdown(t.ssl) & SSL_RECEIVED_SHUTDOWN) != 0);
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
        cmocka_unit_test_setup_teardown(test_goodbyes, begin, end),
        cmocka_unit_test_setup_teardown(test_a_message_fits_into_a_datagram, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
