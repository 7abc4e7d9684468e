/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dtls_attacks_test.c - what must not get through the DTLS door: OpenSSL's client, bent in many
 * ways, on one side, a service that counts on the other, hostile datagrams in between.
 * dtls_door_test.c has the door's ordinary days.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/ssl.h>

#include "cede/crypto_openssl.h"
#include "forged_records.h"
#include "heard_log.h"
#include "port/dtls/datagram_bio.h"
#include "server/common/dtls_door.h"

#define ok(expression_) assert_int_equal((expression_), CEDE_OK)
#define SUITE           "ECDHE-ECDSA-AES128-CCM8"
#define TURNS_MAX       4000 /* of 1 ms */
#define BODY_MAX        4096

/* --- credentials ------------------------------------------------------------------------------ */

struct party {
    uint8_t scalar[32], point[64];
    struct cede_private_key key;
    uint8_t bytes[600];
    struct cede_span certificate; /* DER */
    EVP_PKEY *pkey;
};

static const struct cede_crypto *crypto(void)
{
    return cede_crypto_openssl();
}

static void make_party(struct party *party, const char *name, const struct party *issuer)
{
    uint8_t scratch[2048], serial[8] = {0x42};
    struct cede_certificate_info info = {.issuer = {CEDE_NAME_TEXT, CEDE_SPAN_TEXT("CA")},
                                         .subject = {CEDE_NAME_TEXT, cede_span_string(name)},
                                         .not_before = 1700000000,
                                         .not_after = CEDE_TIME_NONE,
                                         .path_len = CEDE_PATH_LEN_NONE,
                                         .key_usage = CEDE_KU_DIGITAL_SIGNATURE};

    ok(crypto()->generate(crypto()->context, CEDE_CRV_P256, party->scalar, party->point));
    ok(crypto()->random(crypto()->context, cede_buf(serial + 1, 7)));
    party->key = (struct cede_private_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(party->scalar), NULL};
    info.serial = CEDE_SPAN_ARRAY(serial);
    info.public_key = (struct cede_public_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(party->point)};
    ok(cede_certificate_issue(CEDE_CERTIFICATE_X509, crypto(), &info,
                              issuer == NULL ? &party->key : &issuer->key, CEDE_BUF_ARRAY(scratch),
                              CEDE_BUF_ARRAY(party->bytes), &party->certificate));
    ok(cede_openssl_pkey(&party->key, &party->pkey));
}

/* Claims the public key of `of`, and has the private key of somebody else. */
static EVP_PKEY *false_key(const struct party *of, const struct party *somebody)
{
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    BIGNUM *scalar = BN_bin2bn(somebody->scalar, 32, NULL);
    uint8_t point[65] = {4};
    OSSL_PARAM *params;
    EVP_PKEY *key = NULL;

    memcpy(point + 1, of->point, 64);
    assert_true(OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0));
    assert_true(
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point));
    assert_true(OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, scalar));
    params = OSSL_PARAM_BLD_to_param(builder);
    assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
    assert_int_equal(EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params), 1);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    BN_free(scalar);
    EVP_PKEY_CTX_free(context);
    return key;
}

/* --- the service behind the door -------------------------------------------------------------- */

struct fixture {
    struct event_base *base;
    struct dtls_door_config config;
    struct dtls_door *door;
    struct cede_address address;
    struct party ca, server, device, other;
    bool trusts;  /* authenticate says yes */
    bool revoked; /* still_allowed says no */
    bool dismiss; /* handle says CEDE_DOOR_DISMISS */
    enum cede_status before, commit;
    int begun, committed, handled, judged;
    size_t chain_count;
    bool handled_before_commit;
    size_t answer_len;
    uint8_t last_body[BODY_MAX];
    size_t last_body_len;
};

static enum cede_status authenticate(void *context, const struct cede_certificate *certificate,
                                     const struct cede_certificate *chain, size_t chain_count,
                                     struct coap_peer *peer)
{
    struct fixture *f = context;
    struct cede_span name = cede_certificate_common_name(certificate);

    (void)chain;
    f->judged++;
    f->chain_count = chain_count;
    if (!f->trusts || name.len > COAP_DOOR_DEVICE_ID_MAX) {
        return CEDE_CERTIFICATE_UNTRUSTED;
    }
    memcpy(peer->device_id, name.ptr, name.len);
    peer->kind = COAP_PEER_OPERATIONAL;
    peer->opaque[0] = 77;
    return CEDE_OK;
}

static enum cede_status still_allowed(void *context, const struct coap_peer *peer)
{
    struct fixture *f = context;

    assert_int_equal(peer->opaque[0], 77);
    return f->revoked ? CEDE_CRYPTO_SIGNATURE : CEDE_OK;
}

static enum cede_status handle(void *context, const struct coap_request *request,
                               struct coap_response *response)
{
    struct fixture *f = context;
    uint8_t thumbprint[32];
    size_t len = 0;

    assert_string_equal(request->peer->device_id, "dev-1");
    assert_true(cede_span_equal(request->peer->certificate, f->device.certificate));
    ok(cede_certificate_thumbprint(crypto(), CEDE_ALG_SHA_256, f->device.certificate, thumbprint,
                                   &len));
    assert_memory_equal(request->peer->thumbprint, thumbprint, sizeof thumbprint);
    assert_null(request->ephemeral);
    f->handled++;
    f->handled_before_commit = f->begun > f->committed;
    if (f->dismiss) {
        return CEDE_DOOR_DISMISS;
    }
    if (request->path_count != 1 || !cede_span_equal(request->path[0], CEDE_SPAN_TEXT("u"))) {
        return CEDE_NOT_FOUND;
    }
    assert_true(request->body.len <= sizeof f->last_body);
    f->last_body_len = request->body.len;
    if (request->body.len > 0) {
        memcpy(f->last_body, request->body.ptr, request->body.len);
    }
    response->code = CEDE_COAP_CHANGED;
    response->content_format = 281;
    for (size_t i = 0; i < f->answer_len; i++) {
        response->body.ptr[i] = (uint8_t)(i * 7);
    }
    response->body_len = f->answer_len;
    return CEDE_OK;
}

static enum cede_status before_batch(void *context)
{
    struct fixture *f = context;

    f->begun++;
    return f->before;
}

static enum cede_status after_batch(void *context)
{
    struct fixture *f = context;

    f->committed++;
    return f->commit;
}

static void open_door(struct fixture *f)
{
    struct cede_address any;

    dtls_door_close(f->door);
    ok(cede_address_resolve("127.0.0.1", 0, &any));
    ok(coap_door_socket(&any, &f->config.fd));
    ok(cede_udp_local(f->config.fd, &f->address));
    ok(dtls_door_open(f->base, &f->config, &f->door));
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    make_party(&f->ca, "CA", NULL);
    make_party(&f->server, "server", &f->ca);
    make_party(&f->device, "dev-1", &f->ca);
    make_party(&f->other, "dev-2", &f->ca);
    f->base = event_base_new();
    f->trusts = true;
    f->answer_len = 5;
    f->config.crypto = crypto();
    f->config.certificate = f->server.certificate;
    f->config.key = f->server.pkey;
    f->config.callbacks = (struct coap_door_callbacks){NULL, authenticate, still_allowed, handle,
                                                       NULL, before_batch, after_batch,   NULL};
    f->config.context = f;
    f->config.body_max = BODY_MAX;
    open_door(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    dtls_door_close(f->door);
    event_base_free(f->base);
    EVP_PKEY_free(f->ca.pkey);
    EVP_PKEY_free(f->server.pkey);
    EVP_PKEY_free(f->device.pkey);
    EVP_PKEY_free(f->other.pkey);
    free(f);
    return 0;
}

/* --- a device --------------------------------------------------------------------------------- */

/* What it brings; zero: a device as it should be. */
struct manner {
    const char *suites, *groups;
    int version;
    uint64_t options;
    bool no_certificate;
    EVP_PKEY *key; /* another than its own */
    unsigned host; /* its address is 127.0.0.host; 0: 1 */
};

struct client {
    struct fixture *f;
    int fd;
    SSL_CTX *context;
    SSL *ssl;
    BIO_METHOD *method;
    struct datagram_bio datagrams;
    uint16_t message_id;
    uint8_t sent[2048]; /* the last datagram */
    size_t sent_len, sent_total, received_total;
    bool mute; /* sends nothing any more */
    uint8_t in[2048];
    size_t in_len; /* the last message; 0: none since the last request */
    struct cede_coap_message answer;
    bool over; /* the server said goodbye, or an alert came */
};

static void client_send(void *context, struct cede_span datagram)
{
    struct client *client = context;

    assert_true(datagram.len <= sizeof client->sent);
    memcpy(client->sent, datagram.ptr, datagram.len);
    client->sent_len = datagram.len;
    client->sent_total += datagram.len;
    if (!client->mute) {
        ok(cede_udp_send(client->fd, NULL, datagram));
    }
}

static int trust(X509_STORE_CTX *store, void *context)
{
    (void)store;
    (void)context;
    return 1;
}

/* A socket of 127.0.0.`host`, at a port that nobody has. */
static int connect_from(const struct cede_address *to, unsigned host)
{
    char text[32];
    struct cede_address own;
    int fd;

    snprintf(text, sizeof text, "127.0.0.%u", host);
    ok(cede_address_resolve(text, 0, &own));
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&own.storage, own.len), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to->storage, to->len), 0);
    return fd;
}

static void client_new(struct client *client, struct fixture *f, const struct party *own,
                       const struct manner *manner)
{
    static uint16_t first_id = 0;
    BIO *bio;

    memset(client, 0, sizeof *client);
    client->f = f;
    client->message_id = first_id += 100;
    client->datagrams.send = client_send;
    client->datagrams.context = client;
    client->method = datagram_bio_method();
    client->context = SSL_CTX_new(DTLS_client_method());
    SSL_CTX_set_security_level(client->context, 0);
    SSL_CTX_set_options(client->context, SSL_OP_NO_QUERY_MTU | manner->options);
    SSL_CTX_set_cert_verify_callback(client->context, trust, NULL);
    SSL_CTX_set_verify(client->context, SSL_VERIFY_PEER, NULL);
    assert_int_equal(
        SSL_CTX_set_cipher_list(client->context, manner->suites != NULL ? manner->suites : SUITE),
        1);
    if (manner->groups != NULL) {
        assert_int_equal(SSL_CTX_set1_groups_list(client->context, manner->groups), 1);
    }
    if (manner->version != 0) {
        assert_int_equal(SSL_CTX_set_max_proto_version(client->context, manner->version), 1);
    }
    if (!manner->no_certificate) {
        assert_int_equal(SSL_CTX_use_certificate_ASN1(client->context, (int)own->certificate.len,
                                                      own->certificate.ptr),
                         1);
        assert_int_equal(
            SSL_CTX_use_PrivateKey(client->context, manner->key != NULL ? manner->key : own->pkey),
            1);
    }
    client->ssl = SSL_new(client->context);
    bio = datagram_bio_new(client->method, &client->datagrams);
    SSL_set_bio(client->ssl, bio, bio);
    SSL_set_connect_state(client->ssl);
    (void)SSL_set_mtu(client->ssl, 1200);
    client->fd = connect_from(&f->address, manner->host != 0 ? manner->host : 1);
}

static void client_free(struct client *client)
{
    SSL_free(client->ssl);
    SSL_CTX_free(client->context);
    BIO_meth_free(client->method);
    close(client->fd);
}

static void turn(struct fixture *f)
{
    event_base_loop(f->base, EVLOOP_NONBLOCK);
}

static bool failed(const struct client *client, int result)
{
    int error = SSL_get_error(client->ssl, result);

    ERR_clear_error();
    return error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE;
}

static void client_take(struct client *client, struct cede_span datagram)
{
    int result = 1;

    client->received_total += datagram.len;
    client->datagrams.waiting = datagram;
    ERR_clear_error();
    if (SSL_is_init_finished(client->ssl) == 0) {
        result = SSL_do_handshake(client->ssl);
        client->over |= result != 1 && failed(client, result);
    }
    while (!client->over && SSL_is_init_finished(client->ssl) != 0 && result > 0) {
        result = SSL_read(client->ssl, client->in, sizeof client->in);
        if (result > 0) {
            client->in_len = (size_t)result;
            ok(cede_coap_decode(cede_span(client->in, client->in_len), &client->answer));
        } else {
            client->over |= failed(client, result);
        }
    }
    client->datagrams.waiting = CEDE_SPAN_NULL;
}

/* One datagram from the server, should there be one after a few turns of its loop. */
static bool client_hear(struct client *client)
{
    uint8_t memory[2048];
    struct cede_span datagram = CEDE_SPAN_NULL;

    turn(client->f);
    if (cede_udp_receive(client->fd, NULL, CEDE_BUF_ARRAY(memory), &datagram) != CEDE_OK) {
        return false;
    }
    client_take(client, datagram);
    return true;
}

/* Turns until nothing has come for a while: loopback delivers at once. */
static void settle(struct client *client)
{
    for (int quiet = 0; quiet < 5;) {
        quiet = client_hear(client) ? 0 : quiet + 1;
    }
}

static void shake_hands(struct client *client)
{
    int result;

    ERR_clear_error();
    result = SSL_do_handshake(client->ssl);
    client->over = result != 1 && failed(client, result);
    for (int i = 0; i < TURNS_MAX && !client->over && SSL_is_init_finished(client->ssl) == 0; i++) {
        if (!client_hear(client)) {
            usleep(1000);
        }
    }
    settle(client);
}

static bool is_open(const struct client *client)
{
    return !client->over && SSL_is_init_finished(client->ssl) != 0;
}

static void client_open(struct client *client, struct fixture *f, const struct manner *manner)
{
    client_new(client, f, &f->device, manner);
    shake_hands(client);
}

static const struct manner usual;

static void refused(struct fixture *f, const struct party *own, const struct manner *manner)
{
    struct client client;
    uint64_t before = dtls_door_counters(f->door)->handshakes;

    client_new(&client, f, own, manner);
    shake_hands(&client);
    assert_false(is_open(&client));
    assert_int_equal(dtls_door_sessions(f->door), 0);
    assert_int_equal(dtls_door_counters(f->door)->handshakes, before);
    client_free(&client);
}

/* --- requests --------------------------------------------------------------------------------- */

static void say(struct client *client, struct cede_span message)
{
    client->in_len = 0;
    ERR_clear_error();
    assert_true(SSL_write(client->ssl, message.ptr, (int)message.len) > 0);
    settle(client);
}

struct ask {
    const char *path;
    struct cede_span body;
    uint16_t option; /* one more, with `value` */
    uint32_t value;
};

static struct cede_span compose(struct client *client, const struct ask *ask, struct cede_buf out)
{
    struct cede_coap_encoder encoder = cede_coap_begin(out, CEDE_COAP_CON, CEDE_COAP_POST,
                                                       client->message_id, CEDE_SPAN_TEXT("t"));
    struct cede_span message = CEDE_SPAN_NULL;

    cede_coap_put_path(&encoder, cede_span_string(ask->path != NULL ? ask->path : "u"));
    if (ask->option != 0) {
        cede_coap_put_uint(&encoder, ask->option, ask->value);
    }
    cede_coap_put_payload(&encoder, ask->body);
    ok(cede_coap_finish(&encoder, &message));
    return message;
}

static uint8_t request(struct client *client, const struct ask *ask)
{
    uint8_t memory[1400];

    client->message_id++;
    say(client, compose(client, ask, CEDE_BUF_ARRAY(memory)));
    if (client->in_len == 0) {
        return 0;
    }
    assert_int_equal(client->answer.type, CEDE_COAP_ACK);
    assert_int_equal(client->answer.message_id, client->message_id);
    assert_true(cede_span_equal(client->answer.token, CEDE_SPAN_TEXT("t")));
    return client->answer.code;
}

static const struct ask plain = {.body = {(const uint8_t *)"hello", 5}};

/* --- tests ------------------------------------------------------------------------------------ */

static void devices_come_in_and_are_served(void **state)
{
    struct fixture *f = *state;
    static const char *const suites[] = {SUITE, "ECDHE-ECDSA-AES128-CCM",
                                         "ECDHE-ECDSA-AES128-GCM-SHA256"};

    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        struct manner manner = {.suites = suites[i]};
        struct client client;
        uint32_t format = 0;

        client_open(&client, f, &manner);
        assert_true(is_open(&client));
        assert_string_equal(SSL_get_cipher_name(client.ssl), suites[i]);
        assert_int_equal(SSL_version(client.ssl), DTLS1_2_VERSION);
        assert_int_equal(SSL_get_extms_support(client.ssl), 1);
        assert_int_equal(request(&client, &plain), CEDE_COAP_CHANGED);
        ok(cede_coap_find_uint(&client.answer, CEDE_COAP_CONTENT_FORMAT, 0, &format));
        assert_int_equal(format, 281);
        assert_int_equal(client.answer.payload.len, 5);
        assert_int_equal(f->last_body_len, 5);
        assert_true(f->handled_before_commit);
        assert_int_equal(f->handled, (int)i + 1);
        assert_int_equal(f->committed, f->begun);
        client_free(&client);
    }
    assert_int_equal(dtls_door_counters(f->door)->handshakes, 3);
    assert_int_not_equal(dtls_door_sessions(f->door), 0); /* it left without a word */
}

/* The chain as it is sent: issuer first, without the root. */
static void the_server_shows_its_chain(void **state)
{
    struct fixture *f = *state;
    struct client client;

    f->config.chain = &f->ca.certificate;
    f->config.chain_count = 1;
    open_door(f);
    client_open(&client, f, &usual);
    assert_true(is_open(&client));
    assert_int_equal(sk_X509_num(SSL_get_peer_cert_chain(client.ssl)), 2);
    client_free(&client);
}

/* Nobody who has not shown that the address is its own gets more than three bytes for one, and
 * nothing is kept for it. */
static size_t answered(struct fixture *f, int fd, struct cede_span datagram)
{
    uint8_t memory[2048];
    struct cede_span answer;
    size_t total = 0;

    ok(cede_udp_send(fd, NULL, datagram));
    for (int i = 0; i < 5; i++) {
        turn(f);
        while (cede_udp_receive(fd, NULL, CEDE_BUF_ARRAY(memory), &answer) == CEDE_OK) {
            total += answer.len;
        }
    }
    return total;
}

static void strangers_get_little(void **state)
{
    struct fixture *f = *state;
    struct client client;
    uint8_t hello[2048];
    size_t len, most = 0;
    int fd;

    client_new(&client, f, &f->device, &usual);
    client.mute = true;
    (void)!SSL_do_handshake(client.ssl);
    len = client.sent_len;
    memcpy(hello, client.sent, len);
    assert_true(len > 60 && len < 400);
    ok(cede_udp_connect(&f->address, &fd));
    for (size_t cut = 1; cut <= len; cut++) {
        assert_true(answered(f, fd, cede_span(hello, cut)) <= 3 * cut);
    }
    assert_int_not_equal(answered(f, fd, cede_span(hello, len)), 0);
    for (size_t at = 0; at < len; at++) {
        size_t got;
        hello[at] ^= 0xff;
        got = answered(f, fd, cede_span(hello, len));
        hello[at] ^= 0xff;
        assert_true(got <= 3 * len);
        most = got > most ? got : most;
    }
    assert_true(most < len); /* a HelloVerifyRequest is even shorter */
    assert_int_equal(dtls_door_counters(f->door)->handshakes_bad, 0);
    assert_int_equal(dtls_door_counters(f->door)->limited, 0);
    assert_int_equal(f->judged, 0);
    close(fd);
    client_free(&client);
}

/* Whatever else comes from somewhere: records of each kind and epoch, handshake messages of each
 * type, noise. */
static void strangers_get_little_for_anything(void **state)
{
    struct fixture *f = *state;
    struct client client;
    uint8_t hello[2048], bytes[200];
    size_t len;
    int fd;

    client_new(&client, f, &f->device, &usual);
    client.mute = true;
    (void)!SSL_do_handshake(client.ssl);
    len = client.sent_len;
    memcpy(hello, client.sent, len);
    ok(cede_udp_connect(&f->address, &fd));
    for (unsigned kind = 0; kind < 256 * 4; kind++) {
        hello[0] = (uint8_t)(kind % 256);
        hello[4] = (uint8_t)(kind / 256 % 2); /* epoch */
        hello[13] = (uint8_t)(kind / 512 == 0 ? 1 : kind);
        assert_true(answered(f, fd, cede_span(hello, len)) <= 3 * len);
    }
    for (int i = 0; i < 3000; i++) {
        ok(crypto()->random(crypto()->context, CEDE_BUF_ARRAY(bytes)));
        len = bytes[199] % 199;
        memcpy(bytes, "\x16\xfe\xfd\x00\x00\x00\x00\x00\x00\x00\x00", i % 2 == 0 ? 11 : 3);
        bytes[11] = 0;
        bytes[12] = (uint8_t)(len > 13 ? len - 13 : 0);
        bytes[13] = i % 4 == 0 ? 1 : bytes[13];
        assert_true(answered(f, fd, cede_span(bytes, len)) <= 3 * len);
    }
    assert_int_equal(dtls_door_counters(f->door)->handshakes_bad, 0);
    assert_int_equal(f->judged, 0);
    close(fd);
    client_free(&client);
}

/* The cookie of one address is worth nothing at another. */
static void cookies_are_for_one_address(void **state)
{
    struct fixture *f = *state;
    struct client client;
    size_t first, got;
    int fd;

    client_new(&client, f, &f->device, &usual);
    (void)!SSL_do_handshake(client.ssl);
    first = client.sent_len;
    client.mute = true;
    for (int i = 0; i < TURNS_MAX && client.sent_len == first; i++) {
        (void)client_hear(&client); /* HelloVerifyRequest; the hello with the cookie stays here */
    }
    assert_true(client.sent_len > first);
    ok(cede_udp_connect(&f->address, &fd));
    got = answered(f, fd, cede_span(client.sent, client.sent_len));
    assert_true(got > 0 && got <= client.sent_len);
    close(fd);
    assert_int_equal(dtls_door_counters(f->door)->limited, 0);
    got = answered(f, client.fd, cede_span(client.sent, client.sent_len)); /* its own address */
    assert_true(got > client.sent_len);
    client_free(&client);
}

static void who_does_not_belong_here_stays_outside(void **state)
{
    struct fixture *f = *state;
    struct manner manner = {.no_certificate = true};
    EVP_PKEY *stolen;

    refused(f, &f->device, &manner);
    assert_int_equal(f->judged, 0);
    f->trusts = false;
    refused(f, &f->device, &usual);
    assert_int_equal(f->judged, 1);
    f->trusts = true;
    stolen = false_key(&f->device, &f->other);
    manner = (struct manner){.key = stolen}; /* the certificate alone is everybody's */
    refused(f, &f->device, &manner);
    assert_int_equal(f->judged, 2);
    EVP_PKEY_free(stolen);
    assert_int_equal(f->handled, 0);
    assert_int_equal(dtls_door_counters(f->door)->handshakes_bad, 3);
}

static void weak_handshakes_fail(void **state)
{
    static const struct manner manners[] = {
        {.suites = "ECDHE-ECDSA-AES256-GCM-SHA384"},
        {.suites = "ECDHE-ECDSA-AES128-SHA"},
        {.suites = "NULL:ECDHE-ECDSA-NULL-SHA"},
        {.version = DTLS1_VERSION, .suites = "ALL:@SECLEVEL=0"},
        {.groups = "P-384"},
        {.groups = "X25519"},
        {.options = SSL_OP_NO_EXTENDED_MASTER_SECRET},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof manners / sizeof manners[0]; i++) {
        refused(f, &f->device, &manners[i]);
    }
    assert_int_equal(f->handled, 0);
}

static void renegotiation_is_refused(void **state)
{
    struct fixture *f = *state;
    struct client client;
    struct heard_log heard;

    client_open(&client, f, &usual);
    heard = heard_log_begin();
    assert_int_equal(SSL_renegotiate(client.ssl), 1);
    (void)!SSL_do_handshake(client.ssl);
    settle(&client);
    assert_int_equal(heard_log_count(&heard, "device dev-1: renegotiation is refused\n"), 1);
    assert_int_equal(heard_log_count(&heard, "\n"), 1);
    heard_log_end(&heard);
    assert_int_equal(dtls_door_counters(f->door)->handshakes, 1);
    assert_int_equal(f->judged, 1);
    client_free(&client);
}

static void wait_for(struct fixture *f, const uint64_t *counter, uint64_t goal)
{
    for (int i = 0; i < TURNS_MAX && *counter < goal; i++) {
        turn(f);
        usleep(1000);
    }
    assert_int_equal(*counter, goal);
}

/* A handshake of 127.0.0.`host` as far as the hello with the cookie, which is its last word. */
static void client_begin(struct client *client, struct fixture *f, unsigned host)
{
    struct manner manner = {.host = host};

    client_new(client, f, &f->device, &manner);
    (void)!SSL_do_handshake(client->ssl);
    for (int i = 0; i < TURNS_MAX && !client->mute; i++) {
        client->mute = client_hear(client);
    }
    turn(f);
}

static void client_go_on(struct client *client)
{
    settle(client);
    assert_false(client->over);
}

/* One address may have a quarter of the handshakes, and none of them for long. */
static void half_open_handshakes_are_bounded(void **state)
{
    struct fixture *f = *state;
    const struct dtls_door_counters *counters;
    struct client slow, next;
    struct heard_log heard;

    f->config.handshakes_max = 4;
    f->config.handshake_s = 1;
    open_door(f);
    counters = dtls_door_counters(f->door);
    heard = heard_log_begin();
    client_begin(&slow, f, 1);
    wait_for(f, &counters->handshakes_bad, 1);
    assert_int_equal(heard_log_count(&heard, "refused: the handshake takes too long\n"), 1);
    heard_log_end(&heard);
    client_free(&slow);
    f->config.handshake_s = 0;
    open_door(f);
    counters = dtls_door_counters(f->door);
    client_begin(&slow, f, 1);
    client_open(&next, f, &usual);
    assert_true(is_open(&next)); /* the other made room */
    assert_int_equal(counters->limited, 1);
    assert_int_equal(counters->handshakes_bad, 0);
    client_free(&next);
    client_free(&slow);
}

/* `count` handshakes that go no further than the server's flight, each from a port of its own: none
 * is given back before the last is taken. */
static void leave_half_open(struct fixture *f, unsigned host, unsigned count)
{
    struct client *clients = calloc(count, sizeof *clients);

    assert_non_null(clients);
    for (unsigned i = 0; i < count; i++) {
        client_begin(&clients[i], f, host);
    }
    for (unsigned i = 0; i < count; i++) {
        client_free(&clients[i]);
    }
    free(clients);
}

/* Whoever holds all the handshakes he can get from one address, even the device's own. */
static void half_open_handshakes_of_one_address_stop_nobody(void **state)
{
    struct fixture *f = *state;
    struct manner elsewhere = {.host = 2};
    struct client client;

    f->config.handshakes_max = 128;
    open_door(f);
    leave_half_open(f, 1, 64);
    assert_int_equal(dtls_door_counters(f->door)->limited, 32); /* he has a quarter */
    client_open(&client, f, &elsewhere);
    assert_true(is_open(&client));
    client_free(&client);
    client_open(&client, f, &usual);
    assert_true(is_open(&client));
    assert_int_equal(request(&client, &plain), CEDE_COAP_CHANGED);
    client_free(&client);
}

/* And from many: those with the most make room, so a device that is slower than the flood is not
 * among them. */
static void half_open_handshakes_of_many_addresses_stop_nobody(void **state)
{
    struct fixture *f = *state;
    struct client client, slow;

    f->config.handshakes_max = 32;
    open_door(f);
    for (unsigned host = 2; host < 26; host++) {
        leave_half_open(f, host, 4);
    }
    client_begin(&slow, f, 1);
    for (unsigned host = 2; host < 26; host++) {
        leave_half_open(f, host, 4);
    }
    slow.mute = false;
    client_go_on(&slow);
    assert_true(is_open(&slow));
    client_open(&client, f, &usual);
    assert_true(is_open(&client));
    assert_int_equal(request(&client, &plain), CEDE_COAP_CHANGED);
    client_free(&client);
    client_free(&slow);
}

static void idle_sessions_end_with_a_word(void **state)
{
    struct fixture *f = *state;
    struct client client;

    f->config.idle_s = 1;
    open_door(f);
    client_open(&client, f, &usual);
    assert_true(is_open(&client));
    for (int i = 0; i < TURNS_MAX && !client.over; i++) {
        if (!client_hear(&client)) {
            usleep(1000);
        }
    }
    assert_true(client.over);
    assert_int_equal(SSL_get_shutdown(client.ssl) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
    assert_int_equal(dtls_door_sessions(f->door), 0);
    client_free(&client);
}

/* The same message in another record is answered from memory; the same record not at all. */
static void repeats_are_served_once(void **state)
{
    struct fixture *f = *state;
    uint8_t memory[256], first[64];
    struct client client;
    struct cede_span message;
    size_t len;

    client_open(&client, f, &usual);
    client.message_id++;
    message = compose(&client, &plain, CEDE_BUF_ARRAY(memory));
    say(&client, message);
    len = client.in_len;
    assert_true(len > 0 && len <= sizeof first);
    memcpy(first, client.in, len);
    f->answer_len = 9;
    say(&client, message);
    assert_int_equal(client.in_len, len);
    assert_memory_equal(client.in, first, len);
    assert_int_equal(dtls_door_counters(f->door)->duplicates, 1);
    client.in_len = 0;
    ok(cede_udp_send(client.fd, NULL, cede_span(client.sent, client.sent_len)));
    settle(&client);
    assert_int_equal(client.in_len, 0);
    assert_int_equal(dtls_door_counters(f->door)->duplicates, 1);
    assert_int_equal(f->handled, 1);
    client_free(&client);
}

static uint8_t send_blocks(struct client *client, uint32_t count)
{
    uint8_t block[512], code = 0;

    for (uint32_t i = 0; i < count; i++) {
        struct ask ask = {.body = CEDE_SPAN_ARRAY(block), .option = CEDE_COAP_BLOCK1};
        memset(block, (int)i, sizeof block);
        ask.value = i << 4 | (uint32_t)(i + 1 < count) << 3 | 5;
        code = request(client, &ask);
        if (code != CEDE_COAP_CONTINUE) {
            break;
        }
    }
    return code;
}

static void long_requests_come_in_blocks_up_to_a_limit(void **state)
{
    struct fixture *f = *state;
    struct client client;

    client_open(&client, f, &usual);
    assert_int_equal(send_blocks(&client, 8), CEDE_COAP_CHANGED);
    assert_int_equal(f->last_body_len, BODY_MAX);
    assert_int_equal(f->last_body[BODY_MAX - 1], 7);
    assert_int_equal(send_blocks(&client, 9), CEDE_COAP_REQUEST_TOO_LARGE);
    assert_int_equal(f->handled, 1);
    client_free(&client);
}

static void what_is_no_request_is_not_served(void **state)
{
    static const uint8_t ping[] = {0x40, 0x00, 0x12, 0x34};
    struct ask critical = {.option = CEDE_COAP_PROXY_SCHEME, .value = 1};
    struct ask elsewhere = {.path = "elsewhere"};
    struct fixture *f = *state;
    uint8_t noise[200];
    struct client client;

    client_open(&client, f, &usual);
    say(&client, CEDE_SPAN_ARRAY(ping));
    assert_int_equal(client.answer.type, CEDE_COAP_RST);
    assert_int_equal(client.answer.message_id, 0x1234);
    say(&client, CEDE_SPAN_TEXT("\xff no CoAP"));
    assert_int_equal(client.in_len, 0);
    assert_int_equal(request(&client, &critical), CEDE_COAP_BAD_OPTION);
    assert_int_equal(f->handled, 0);
    assert_int_equal(request(&client, &elsewhere), CEDE_COAP_RESOURCE_NOT_FOUND);
    /* Records from its address that are not its own change nothing. */
    for (int kind = 20; kind < 25; kind++) {
        memset(noise, 0x5a, sizeof noise);
        memcpy(noise, "\x17\xfe\xfd\x00\x01\x00\x00\x00\x00\x00\x63\x00\xbb", 13);
        noise[0] = (uint8_t)kind;
        (void)answered(f, client.fd, CEDE_SPAN_ARRAY(noise));
        noise[4] = 0; /* epoch 0: no key needed */
        assert_int_equal(answered(f, client.fd, CEDE_SPAN_ARRAY(noise)), 0);
    }
    assert_int_equal(request(&client, &plain), CEDE_COAP_CHANGED);
    client_free(&client);
}

/* From the client's address. */
static void forged(void *context, struct cede_span record)
{
    const struct client *client = context;

    (void)answered(client->f, client->fd, record);
}

/* Too short for nonce and tag: RFC 6347, section 4.1.2.7, has them discarded, and OpenSSL is not
 * of that opinion everywhere. */
static void forged_records_end_nothing(void **state)
{
    static const char *const suites[] = {SUITE, "ECDHE-ECDSA-AES128-CCM",
                                         "ECDHE-ECDSA-AES128-GCM-SHA256"};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        struct manner manner = {.suites = suites[i]};
        struct client client;

        client_open(&client, f, &manner);
        forge_records(forged, &client);
        assert_int_equal(request(&client, &plain), CEDE_COAP_CHANGED);
        client_free(&client);
    }
    assert_int_equal(dtls_door_counters(f->door)->handshakes_bad, 0);
}

static void forged_records_end_no_handshake(void **state)
{
    struct fixture *f = *state;
    struct cede_span flight[8];
    uint8_t memory[8][2048];
    struct client client;
    size_t count = 0;

    client_begin(&client, f, 1);
    while (count < 8 && cede_udp_receive(client.fd, NULL, CEDE_BUF_ARRAY(memory[count]),
                                         &flight[count]) == CEDE_OK) {
        count++;
    }
    assert_int_not_equal(count, 0);
    forge_records(forged, &client);
    client.mute = false;
    for (size_t i = 0; i < count; i++) {
        client_take(&client, flight[i]);
    }
    settle(&client);
    assert_true(is_open(&client));
    assert_int_equal(request(&client, &plain), CEDE_COAP_CHANGED);
    client_free(&client);
}

/* Each refusal has its line: of who is known, and of who is not. */
static void refusals_are_told_once(void **state)
{
    struct ask critical = {.option = CEDE_COAP_PROXY_SCHEME, .value = 1};
    struct ask elsewhere = {.path = "elsewhere"};
    struct fixture *f = *state;
    struct manner weak = {.suites = "ECDHE-ECDSA-AES128-SHA"};
    struct heard_log heard = heard_log_begin();
    uint8_t memory[64];
    struct client client;
    int fd;

    refused(f, &f->device, &weak);
    assert_int_equal(heard_log_count(&heard, " refused: no shared cipher\n"), 1);
    f->trusts = false;
    refused(f, &f->device, &usual);
    f->trusts = true;
    assert_int_equal(heard_log_count(&heard, ": refused 'dev-1': the chain does not lead"), 1);
    ok(cede_udp_connect(&f->address, &fd));
    for (int i = 0; i < 3; i++) {
        (void)answered(f, fd, CEDE_SPAN_TEXT("no DTLS at all"));
    }
    close(fd);
    assert_int_equal(heard_log_count(&heard, "there is no session, and this is no ClientHello"), 1);
    assert_int_equal(heard_log_count(&heard, "\n"), 3);
    client_open(&client, f, &usual);
    assert_int_equal(request(&client, &plain), CEDE_COAP_CHANGED);
    assert_int_equal(heard_log_count(&heard, "\n"), 3);
    assert_int_equal(request(&client, &critical), CEDE_COAP_BAD_OPTION);
    say(&client, compose(&client, &critical, CEDE_BUF_ARRAY(memory)));
    assert_int_equal(heard_log_count(&heard, "device dev-1, POST u: option 39: "), 1);
    assert_int_equal(request(&client, &elsewhere), CEDE_COAP_RESOURCE_NOT_FOUND);
    assert_int_equal(heard_log_count(&heard, "device dev-1, POST *: no such object (4.04)"), 1);
    assert_int_equal(send_blocks(&client, 9), CEDE_COAP_REQUEST_TOO_LARGE);
    assert_int_equal(heard_log_count(&heard, "(4.13)\n"), 1);
    say(&client, CEDE_SPAN_TEXT("\xff no CoAP"));
    assert_int_equal(heard_log_count(&heard, "device dev-1: not a CoAP message"), 1);
    assert_int_equal(heard_log_count(&heard, "\n"), 7);
    heard_log_end(&heard);
    client_free(&client);
}

static void a_door_needs_what_it_needs(void **state)
{
    struct fixture *f = *state;
    struct dtls_door_config config = f->config;
    struct cede_address any;
    struct dtls_door *door;

    ok(cede_address_resolve("127.0.0.1", 0, &any));
    ok(coap_door_socket(&any, &config.fd));
    config.callbacks.handle = NULL;
    assert_int_equal(dtls_door_open(f->base, &config, &door), CEDE_BAD_ARGUMENT);
    assert_null(door);
    config = f->config;
    ok(coap_door_socket(&any, &config.fd));
    config.key = f->other.pkey; /* not the certificate's */
    assert_int_equal(dtls_door_open(f->base, &config, &door), CEDE_SERVER_FAILED);
    assert_null(door);
    dtls_door_close(NULL);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(refusals_are_told_once),
        TEST(devices_come_in_and_are_served),
        TEST(the_server_shows_its_chain),
        TEST(strangers_get_little),
        TEST(strangers_get_little_for_anything),
        TEST(cookies_are_for_one_address),
        TEST(who_does_not_belong_here_stays_outside),
        TEST(weak_handshakes_fail),
        TEST(renegotiation_is_refused),
        TEST(half_open_handshakes_are_bounded),
        TEST(half_open_handshakes_of_one_address_stop_nobody),
        TEST(half_open_handshakes_of_many_addresses_stop_nobody),
        TEST(idle_sessions_end_with_a_word),
        TEST(repeats_are_served_once),
        TEST(long_requests_come_in_blocks_up_to_a_limit),
        TEST(what_is_no_request_is_not_served),
        TEST(forged_records_end_nothing),
        TEST(forged_records_end_no_handshake),
        TEST(a_door_needs_what_it_needs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
