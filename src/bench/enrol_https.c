/* SPDX-License-Identifier: Apache-2.0 */
/* enrol_https.c - a client of EST over HTTPS (RFC 7030): OpenSSL on a blocking socket. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "bench/enrol.h"
#include "cede/crypto_openssl.h"

struct connection {
    const struct enrol_ca *ca;
    const struct enrol_device *device;
    int fd;
    SSL *ssl;
};

static SSL_CTX *tls_context(const struct enrol_ca *ca)
{
    static SSL_CTX *context;
    const uint8_t *der = ca->root.ptr;
    X509 *root = NULL;

    if (context != NULL) {
        return context;
    }
    context = SSL_CTX_new(TLS_client_method());
    root = d2i_X509(NULL, &der, (long)ca->root.len);
    if (context != NULL && root != NULL &&
        X509_STORE_add_cert(SSL_CTX_get_cert_store(context), root) == 1) {
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    }
    X509_free(root);
    return context;
}

static int connect_to(const struct enrol_ca *ca)
{
    struct cede_address address;
    int one = 1;
    int fd = -1;

    if (cede_address_resolve(ca->host, ca->port, &address) != CEDE_OK) {
        return -1;
    }
    fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address.storage, address.len) != 0) {
        close(fd);
        fd = -1;
    }
    if (fd >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    return fd;
}

static bool use_credential(SSL *ssl, const struct enrol_device *device)
{
    struct cede_private_key key = {CEDE_CRV_P256, CEDE_SPAN_ARRAY(device->scalar), NULL};
    EVP_PKEY *pkey = NULL;
    bool done =
        cede_openssl_pkey(&key, &pkey) == CEDE_OK &&
        SSL_use_certificate_ASN1(ssl, device->certificate, (int)device->certificate_len) == 1 &&
        SSL_use_PrivateKey(ssl, pkey) == 1;

    EVP_PKEY_free(pkey);
    return done;
}

static void https_close(void *context)
{
    struct connection *connection = context;

    if (connection->ssl != NULL) {
        (void)SSL_shutdown(connection->ssl);
        SSL_free(connection->ssl);
    }
    if (connection->fd >= 0) {
        close(connection->fd);
    }
    free(connection);
}

static void *https_open(const struct enrol_ca *ca, const struct enrol_device *device, bool alone)
{
    struct connection *connection = calloc(1, sizeof *connection);

    (void)alone;
    if (connection == NULL) {
        return NULL;
    }
    connection->ca = ca;
    connection->device = device;
    connection->fd = connect_to(ca);
    connection->ssl = tls_context(ca) == NULL ? NULL : SSL_new(tls_context(ca));
    if (connection->fd < 0 || connection->ssl == NULL ||
        SSL_set_fd(connection->ssl, connection->fd) != 1 ||
        !use_credential(connection->ssl, device) || SSL_connect(connection->ssl) != 1) {
        https_close(connection);
        return NULL;
    }
    return connection;
}

/* Reads headers and a body of Content-Length bytes; true for 200. */
static bool read_answer(SSL *ssl)
{
    char text[8192];
    size_t len = 0;
    const char *end = NULL;
    const char *field = NULL;

    for (;;) {
        int got = SSL_read(ssl, text + len, (int)(sizeof text - 1 - len));
        if (got <= 0) {
            return false;
        }
        len += (size_t)got;
        text[len] = '\0';
        end = strstr(text, "\r\n\r\n");
        field = strstr(text, "Content-Length: ");
        if (end != NULL && field != NULL && field < end &&
            len >= (size_t)(end + 4 - text) + strtoul(field + 16, NULL, 10)) {
            return strncmp(text, "HTTP/1.1 200 ", 13) == 0;
        }
    }
}

static bool exchange(struct connection *connection, const char *text, int len)
{
    return SSL_write(connection->ssl, text, len) == len && read_answer(connection->ssl);
}

static bool https_ask(void *context)
{
    struct connection *connection = context;
    char text[512];
    int len =
        snprintf(text, sizeof text, "GET /.well-known/est%s/csrattrs HTTP/1.1\r\nHost: %s\r\n\r\n",
                 connection->ca->path, connection->ca->host);

    return exchange(connection, text, len);
}

static bool https_enrol(void *context)
{
    struct connection *connection = context;
    char body[2048];
    char text[4096];
    int len = 0;

    EVP_EncodeBlock((uint8_t *)body, connection->device->request,
                    (int)connection->device->request_len);
    len = snprintf(text, sizeof text,
                   "POST /.well-known/est%s/simpleenroll HTTP/1.1\r\nHost: %s\r\n"
                   "Content-Type: application/pkcs10\r\nContent-Length: %zu\r\n\r\n%s",
                   connection->ca->path, connection->ca->host, strlen(body), body);
    return exchange(connection, text, len);
}

const struct enrol_door enrol_https_door = {"https",   true,        "--est",    https_open,
                                            https_ask, https_enrol, https_close};
