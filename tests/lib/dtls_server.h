/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dtls_server.h - OpenSSL's own DTLS server in the process of a test, for one peer at a time:
 * datagrams go in and come out by way of queues, so a test can lose, alter and repeat them.
 */
#ifndef CEDE_TESTS_DTLS_SERVER_H
#define CEDE_TESTS_DTLS_SERVER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "cede/crypto_openssl.h"
#include "port/dtls/datagram_bio.h"

#define QUEUE_LEN 64

struct queue {
    struct {
        uint8_t bytes[2048];
        size_t len;
    } datagrams[QUEUE_LEN];
    size_t count, taken;
    size_t len_max; /* of all that were in it */
};

static void queue_put(void *context, struct cede_span datagram)
{
    struct queue *queue = context;

    assert_true(queue->count < QUEUE_LEN && datagram.len <= sizeof queue->datagrams[0].bytes);
    memcpy(queue->datagrams[queue->count].bytes, datagram.ptr, datagram.len);
    queue->datagrams[queue->count++].len = datagram.len;
    queue->len_max = datagram.len > queue->len_max ? datagram.len : queue->len_max;
}

static bool queue_take(struct queue *queue, struct cede_span *datagram)
{
    if (queue->taken == queue->count) {
        queue->taken = queue->count = 0;
        return false;
    }
    *datagram = cede_span(queue->datagrams[queue->taken].bytes, queue->datagrams[queue->taken].len);
    queue->taken++;
    return true;
}

struct dtls_server {
    SSL_CTX *context;
    SSL *ssl; /* with the present peer; null: none */
    BIO_METHOD *method;
    struct datagram_bio datagrams;
    struct queue to_client;
    /* May the client with this certificate come in? */
    bool (*admit)(void *owner, struct cede_span certificate);
    /* A message; what is written to `out` goes back. */
    struct cede_span (*answer)(void *owner, struct cede_span message, struct cede_buf out);
    void *owner;
};

static int dtls_server_verify(X509_STORE_CTX *store, void *context)
{
    struct dtls_server *server = context;
    uint8_t *der = NULL;
    int len = i2d_X509(X509_STORE_CTX_get0_cert(store), &der);
    bool good = len > 0 && server->admit(server->owner, cede_span(der, (size_t)len));

    OPENSSL_free(der);
    return good ? 1 : 0;
}

static void dtls_server_init(struct dtls_server *server, const uint8_t scalar[32],
                             struct cede_span certificate, const char *suites, int version,
                             uint64_t options)
{
    struct cede_private_key private_key = {CEDE_CRV_P256, cede_span(scalar, 32), NULL};
    EVP_PKEY *key = NULL;

    server->method = datagram_bio_method();
    server->context = SSL_CTX_new(DTLS_server_method());
    assert_true(server->method != NULL && server->context != NULL);
    SSL_CTX_set_security_level(server->context, 0);
    SSL_CTX_set_options(server->context, SSL_OP_NO_QUERY_MTU | options);
    SSL_CTX_set_verify(server->context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(server->context, dtls_server_verify, server);
    assert_int_equal(SSL_CTX_set_min_proto_version(server->context, version), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(server->context, version), 1);
    assert_int_equal(SSL_CTX_set_cipher_list(server->context, suites), 1);
    assert_int_equal(cede_openssl_pkey(&private_key, &key), CEDE_OK);
    assert_int_equal(
        SSL_CTX_use_certificate_ASN1(server->context, (int)certificate.len, certificate.ptr), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(server->context, key), 1);
    EVP_PKEY_free(key);
}

/* Waits for a new peer; the one before is forgotten without a word. */
static void dtls_server_listen(struct dtls_server *server)
{
    BIO *bio;

    SSL_free(server->ssl);
    server->ssl = SSL_new(server->context);
    server->datagrams.send = queue_put;
    server->datagrams.context = &server->to_client;
    server->to_client.count = server->to_client.taken = 0;
    bio = datagram_bio_new(server->method, &server->datagrams);
    assert_true(server->ssl != NULL && bio != NULL);
    SSL_set_bio(server->ssl, bio, bio);
    SSL_set_accept_state(server->ssl);
    (void)SSL_set_mtu(server->ssl, 1200);
}

static void dtls_server_receive(struct dtls_server *server, struct cede_span datagram)
{
    uint8_t message[2048], memory[2048];
    struct cede_span answer;
    int len;

    server->datagrams.waiting = datagram;
    ERR_clear_error();
    if (SSL_is_init_finished(server->ssl) == 0) {
        (void)!SSL_do_handshake(server->ssl);
    }
    while (SSL_is_init_finished(server->ssl) != 0 &&
           (len = SSL_read(server->ssl, message, sizeof message)) > 0) {
        answer =
            server->answer(server->owner, cede_span(message, (size_t)len), CEDE_BUF_ARRAY(memory));
        if (answer.len > 0) {
            assert_true(SSL_write(server->ssl, answer.ptr, (int)answer.len) > 0);
        }
    }
    server->datagrams.waiting = CEDE_SPAN_NULL;
    ERR_clear_error();
}

static void dtls_server_free(struct dtls_server *server)
{
    SSL_free(server->ssl);
    SSL_CTX_free(server->context);
    BIO_meth_free(server->method);
    memset(server, 0, sizeof *server);
}

#endif
