/* SPDX-License-Identifier: Apache-2.0 */
/*
 * https_client.h - asks another organisation's server: blocking HTTPS for the command line and the
 * courier.
 *
 * TLS 1.3; we show our TLS certificate with its issuer; the server must chain to the one pinned
 * anchor given with the request, and its certificate must carry the URL's host as subject
 * alternative name. Redirects, proxies and other schemes are not followed.
 * Connections are kept and used again, but only for the anchor they were verified against.
 * Fork: make the client after the fork. Threads: one a client.
 * Errors: CEDE_HTTPS_URL          no https:// URL
 *         CEDE_HTTPS_UNREACHABLE  no connection, or it broke; try again later
 *         CEDE_HTTPS_TIMEOUT      no answer in time; it may have been processed
 *         CEDE_HTTPS_TLS          the server could not be authenticated, or refused us; when its
 *                                 refusal gets lost with the connection: CEDE_HTTPS_UNREACHABLE
 *         CEDE_HTTPS_TOO_LONG     the response is longer than the limit
 * https_client_error() has one line of text for people.
 */
#ifndef CEDE_SERVER_HTTPS_CLIENT_H
#define CEDE_SERVER_HTTPS_CLIENT_H

#include "cede/bytes.h"
#include "server/common/identity.h"

struct https_client;

struct https_client_request {
    const char *method;       /* "GET", "POST", ... */
    const char *url;          /* "https://host:port/path" */
    struct cede_span anchor;  /* DER of the server's pinned certificate */
    const char *content_type; /* of the body; null without one */
    const char *accept;       /* null: no Accept header */
    struct cede_span body;    /* null: none */
};

struct https_client_answer {
    int status;             /* HTTP status, 100..599 */
    char content_type[128]; /* lower case, without parameters; "" when absent */
    struct cede_span body;  /* valid until the next request; a zero follows the last byte */
};

struct https_client_config {
    const struct tls_identity *tls; /* must outlive the client */
    long connect_timeout_ms;        /* 0: 5000 */
    long timeout_ms;                /* for the whole exchange; 0: 30000 */
    size_t max_body;                /* of a response; 0: 8 MiB */
    /* Is the server's certificate with this serial number, under the pinned anchor with that
     * SHA-256, still good? Anything but CEDE_OK ends the handshake. May be null. */
    enum cede_status (*check)(void *context, const uint8_t anchor[32], struct cede_span serial);
    void *check_context;
};

CEDE_MUST_USE enum cede_status https_client_new(const struct https_client_config *config,
                                                struct https_client **client);
void https_client_free(struct https_client *client);

/* CEDE_OK: there is an HTTP answer, whatever its status. On failure the answer is empty. */
CEDE_MUST_USE enum cede_status https_client_ask(struct https_client *client,
                                                const struct https_client_request *request,
                                                struct https_client_answer *answer);
/* Why the last request failed; never null. */
const char *https_client_error(const struct https_client *client);

#endif
