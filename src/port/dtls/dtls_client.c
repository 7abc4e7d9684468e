/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dtls_client.c - OpenSSL's DTLS 1.2 without OpenSSL's ideas of whom to trust: chains go to the
 * caller, and what may be negotiated is listed here by name.
 */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "cede/crypto_openssl.h"
#include "cede/dtls.h"
#include "port/dtls/datagram_bio.h"

/* The first is the one everybody has (RFC 9148, section 3); the other costs eight bytes a record.
 */
#define SUITES      "ECDHE-ECDSA-AES128-CCM8:ECDHE-ECDSA-AES128-CCM"
#define GROUPS      "P-256"
#define SIGNATURES  "ECDSA+SHA256:ECDSA+SHA384"
#define CHAIN_MAX   8
#define MESSAGE_MAX 16384 /* RFC 6347: of a record */

struct cede_dtls {
    struct cede_dtls_config config;
    enum cede_dtls_state state;
    BIO_METHOD *method;
    struct datagram_bio datagrams;
    SSL_CTX *context;
    SSL *ssl;
};

/* --- whom to trust ---------------------------------------------------------------------------- */

struct chain {
    struct cede_span spans[CHAIN_MAX];
    uint8_t *ders[CHAIN_MAX];
    size_t count;
};

static bool add_certificate(struct chain *chain, X509 *certificate)
{
    uint8_t *der = NULL;
    int len;

    if (chain->count == CHAIN_MAX) {
        return false;
    }
    len = i2d_X509(certificate, &der);
    if (len <= 0) {
        return false;
    }
    chain->ders[chain->count] = der;
    chain->spans[chain->count++] = cede_span(der, (size_t)len);
    return true;
}

/* The certificates as the server sent them, its own first. */
static int judge(X509_STORE_CTX *store, void *context)
{
    struct cede_dtls *dtls = context;
    STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(store);
    struct chain chain = {.count = 0};
    bool good = sent != NULL && sk_X509_num(sent) > 0;

    for (int i = 0; good && i < sk_X509_num(sent); i++) {
        good = add_certificate(&chain, sk_X509_value(sent, i));
    }
    good = good && dtls->config.judge(dtls->config.context, chain.spans, chain.count);
    for (size_t i = 0; i < chain.count; i++) {
        OPENSSL_free(chain.ders[i]);
    }
    if (!good) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_UNTRUSTED);
    }
    return good ? 1 : 0;
}

/* --- own credential --------------------------------------------------------------------------- */

/* That they belong together is OpenSSL's to check. */
static bool use_credential(const struct cede_dtls_config *config, SSL *ssl)
{
    const uint8_t *at = config->certificate.ptr;
    X509 *certificate = d2i_X509(NULL, &at, (long)config->certificate.len);
    struct cede_private_key scalar = {CEDE_CRV_P256, config->key, NULL};
    EVP_PKEY *key = NULL;
    bool good = certificate != NULL && cede_openssl_pkey(&scalar, &key) == CEDE_OK &&
                SSL_use_certificate(ssl, certificate) == 1 && SSL_use_PrivateKey(ssl, key) == 1;

    EVP_PKEY_free(key);
    X509_free(certificate);
    return good;
}

/* --- set-up ----------------------------------------------------------------------------------- */

/* OpenSSL's levels of security are of no use here: by one of its counts a tag of 64 bits is too
 * short, and RFC 9148 demands it. What may be used is listed. */
static bool set_rules(struct cede_dtls *dtls, SSL_CTX *context)
{
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_QUERY_MTU);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(context, judge, dtls);
    return SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(context, DTLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(context, SUITES) == 1 &&
           SSL_CTX_set1_groups_list(context, GROUPS) == 1 &&
           SSL_CTX_set1_sigalgs_list(context, SIGNATURES) == 1;
}

static bool set_up(struct cede_dtls *dtls)
{
    BIO *bio;

    dtls->method = datagram_bio_method();
    dtls->context = SSL_CTX_new(DTLS_client_method());
    if (dtls->method == NULL || dtls->context == NULL || !set_rules(dtls, dtls->context)) {
        return false;
    }
    dtls->ssl = SSL_new(dtls->context);
    bio = dtls->ssl != NULL ? datagram_bio_new(dtls->method, &dtls->datagrams) : NULL;
    if (bio == NULL) {
        return false;
    }
    SSL_set_bio(dtls->ssl, bio, bio);
    SSL_set_connect_state(dtls->ssl);
    return SSL_set_mtu(dtls->ssl, CEDE_DTLS_DATAGRAM_LEN) > 0;
}

/* --- going on --------------------------------------------------------------------------------- */

/* What a call of OpenSSL's that did not succeed means: go on waiting, or the end. */
static void take_error(struct cede_dtls *dtls, int result)
{
    int error = SSL_get_error(dtls->ssl, result);

    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
        dtls->state = CEDE_DTLS_CLOSED;
    }
    ERR_clear_error();
}

/* Without the extended master secret a man in the middle could make two sessions look the same
 * (RFC 7627; RFC 9148, section 9.1). */
static void shake_hands(struct cede_dtls *dtls)
{
    int result;

    ERR_clear_error();
    result = SSL_do_handshake(dtls->ssl);
    if (result != 1) {
        take_error(dtls, result);
    } else if (SSL_get_extms_support(dtls->ssl) != 1) {
        dtls->state = CEDE_DTLS_CLOSED;
    } else {
        dtls->state = CEDE_DTLS_OPEN;
    }
}

/* A datagram may hold several records. */
static void read_records(struct cede_dtls *dtls)
{
    uint8_t message[MESSAGE_MAX];
    int len;

    do {
        ERR_clear_error();
        len = SSL_read(dtls->ssl, message, sizeof message);
        if (len > 0) {
            dtls->config.receive(dtls->config.context, cede_span(message, (size_t)len));
        }
    } while (len > 0);
    take_error(dtls, len);
    cede_wipe(message, sizeof message);
}

enum cede_status cede_dtls_new(const struct cede_dtls_config *config, struct cede_dtls **dtls)
{
    struct cede_dtls *made = calloc(1, sizeof *made);
    enum cede_status status = CEDE_CRYPTO_FAILED;

    *dtls = NULL;
    if (made == NULL) {
        return CEDE_CRYPTO_FAILED;
    }
    made->config = *config;
    made->datagrams.send = config->send;
    made->datagrams.context = config->context;
    if (set_up(made)) {
        status = use_credential(config, made->ssl) ? CEDE_OK : CEDE_BAD_ARGUMENT;
    }
    made->config.key = CEDE_SPAN_NULL; /* the caller's memory */
    made->config.certificate = CEDE_SPAN_NULL;
    ERR_clear_error();
    if (status != CEDE_OK) {
        made->state = CEDE_DTLS_CLOSED;
        cede_dtls_free(made);
        return status;
    }
    shake_hands(made);
    *dtls = made;
    return CEDE_OK;
}

void cede_dtls_free(struct cede_dtls *dtls)
{
    if (dtls == NULL) {
        return;
    }
    if (dtls->state == CEDE_DTLS_OPEN) {
        (void)!SSL_shutdown(dtls->ssl);
    }
    SSL_free(dtls->ssl);
    SSL_CTX_free(dtls->context);
    BIO_meth_free(dtls->method);
    ERR_clear_error();
    cede_wipe(dtls, sizeof *dtls);
    free(dtls);
}

enum cede_dtls_state cede_dtls_state(const struct cede_dtls *dtls)
{
    return dtls->state;
}

void cede_dtls_receive(struct cede_dtls *dtls, struct cede_span datagram)
{
    if (dtls->state == CEDE_DTLS_CLOSED || datagram.len == 0) {
        return;
    }
    dtls->datagrams.waiting = datagram_records(dtls->ssl, datagram);
    if (dtls->state == CEDE_DTLS_HANDSHAKE) {
        shake_hands(dtls);
    }
    if (dtls->state == CEDE_DTLS_OPEN) {
        read_records(dtls);
    }
    dtls->datagrams.waiting = CEDE_SPAN_NULL;
}

enum cede_status cede_dtls_send(struct cede_dtls *dtls, struct cede_span message)
{
    int result;

    if (dtls->state != CEDE_DTLS_OPEN || message.len == 0 ||
        message.len > DTLS_get_data_mtu(dtls->ssl)) {
        return CEDE_BAD_ARGUMENT;
    }
    ERR_clear_error();
    result = SSL_write(dtls->ssl, message.ptr, (int)message.len);
    if (result <= 0) {
        take_error(dtls, result);
    }
    return CEDE_OK;
}

bool cede_dtls_timeout(const struct cede_dtls *dtls, uint64_t *left_ms)
{
    struct timeval left;

    *left_ms = 0;
    if (dtls->state == CEDE_DTLS_CLOSED || DTLSv1_get_timeout(dtls->ssl, &left) != 1) {
        return false;
    }
    *left_ms = (uint64_t)left.tv_sec * 1000 + (uint64_t)(left.tv_usec + 999) / 1000;
    return true;
}

void cede_dtls_expire(struct cede_dtls *dtls)
{
    if (dtls->state == CEDE_DTLS_CLOSED) {
        return;
    }
    ERR_clear_error();
    if (DTLSv1_handle_timeout(dtls->ssl) < 0) {
        dtls->state = CEDE_DTLS_CLOSED; /* repeated too often */
    }
    ERR_clear_error();
}
