/* SPDX-License-Identifier: Apache-2.0 */
/*
 * https_server.h - the organisations' door: HTTP/1.1 over TLS 1.3 with mutual certificates.
 *
 * Call order: https_listen in the parent, before the fork; in each worker an event_base,
 *      https_server_new, event_base_dispatch, https_server_free.
 * Partners: a client shows its TLS certificate and the anchor it chains to (https_client does). The
 *      handshake asks find_partner for each certificate of the chain shown by its SHA-256; the
 * first one known becomes the only trust anchor the chain is verified against. So partners can be
 *      added or dropped at any time; sessions are never resumed. Everyone else fails the handshake.
 *      A door for others than partners judges certificates itself, by `authenticate`.
 * Requests: a const table of routes. A handler runs to its end without waiting and fills the
 *      response. Errors are JSON: {"error": "not_found", "detail": "..."} with status 400, 403,
 *      404, 405, 413, 415, 500 or 503.
 * Groups: with `flush` set, responses are held until the end of the loop's turn, flush is called
 *      once (a store's commit), then they are sent; when flush fails all of them become 503.
 * Limits: size of headers and body, connections. A connection's first request has to be whole in
 *      the handshake's time, each further one, and the taking of an answer, in the idle time,
 *      however the bytes drip in; clients with a certificate have ten times that for an answer. At
 *      the limit of connections the one goes that has shown no certificate and has done nothing for
 *      the longest time, and then whoever has not within a second; meanwhile the worker does not
 *      accept, and another one may. What is refused or cut off is in the log once.
 */
#ifndef CEDE_SERVER_HTTPS_SERVER_H
#define CEDE_SERVER_HTTPS_SERVER_H

#include <event2/event.h>
#include <jansson.h>

#include "cede/bytes.h"
#include "server/common/identity.h"

#define HTTPS_PARTNER_MAX      128 /* a partner's name with its zero */
#define HTTPS_CONTENT_TYPE_MAX 128
#define HTTPS_HEADERS_MAX      6
#define HTTPS_HEADER_MAX       128 /* a header's value with its zero */

struct https_request {
    const char *partner; /* never null inside a handler; "" for one without a certificate */
    struct cede_span certificate; /* the client's, DER; null without one */
    const char *method;           /* "GET", "POST", ... */
    const char *path;             /* decoded, without the query */
    const char *rest;         /* what a route ending in a star matched by it, decoded; else "" */
    const char *content_type; /* without parameters, lower case; "" when absent */
    struct cede_span body;
    const void *query; /* for https_query */
};

/* A query parameter, decoded; null when absent. Valid during the handler. */
const char *https_query(const struct https_request *request, const char *name);

/* Filled by the https_answer functions; the last call wins. Without any the client gets a 500. */
struct https_response {
    int status;
    char content_type[HTTPS_CONTENT_TYPE_MAX];
    uint8_t *body; /* owned */
    size_t body_len;
    struct https_header {
        const char *name; /* a literal */
        char value[HTTPS_HEADER_MAX];
    } headers[HTTPS_HEADERS_MAX];
    size_t headers_count;
    unsigned later; /* not 0: the answer is there behind the flush; the handler's own number */
};

/* Copies `body`. */
void https_answer(struct https_response *response, int status, const char *content_type,
                  struct cede_span body);
/* One more header, behind https_answer(); cut to HTTPS_HEADER_MAX. Responses that have no
 * Cache-Control of their own are never cached. */
void https_answer_header(struct https_response *response, const char *name, const char *value);
/* Takes over the reference to `json`. */
void https_answer_json(struct https_response *response, int status, json_t *json);
/* {"error": error, "detail": detail}; detail may be null. */
void https_answer_error(struct https_response *response, int status, const char *error,
                        const char *detail);
/* The HTTP status for a class of failures (malformed 400, unauthentic 403, policy 403, not found
 * 404, state 409, blocked 503, else 500), with the status's name and reason as error and detail;
 * back end and internal failures are told without detail. */
void https_answer_status(struct https_response *response, enum cede_status status);

typedef void (*https_handler)(void *context, const struct https_request *request,
                              struct https_response *response);

struct https_route {
    const char *method;
    const char *path;         /* "/offers", or with a final star "/offers/" "*" for all below */
    const char *content_type; /* the only one taken, or null for any */
    size_t max_body;          /* bytes; a longer body is answered with 413 */
    https_handler handler;
};

/* Looks up the partner whose pinned certificate has this SHA-256; writes its name, zero-terminated,
 * at most HTTPS_PARTNER_MAX bytes. CEDE_NOT_FOUND: nobody's. Any other failure refuses too. */
typedef enum cede_status (*https_find_partner)(void *context, const uint8_t thumbprint[32],
                                               char *name, size_t name_cap);

/* Judges a client's certificate (DER) by itself: its chain is not looked at. Writes the client's
 * name as https_find_partner does. */
typedef enum cede_status (*https_authenticate)(void *context, struct cede_span certificate,
                                               char *name, size_t name_cap);

struct https_server_config {
    const struct tls_identity *tls; /* must outlive the server */
    const struct cede_span *chain;  /* issuers above tls->issuer, DER, without the root */
    size_t chain_count;
    const struct https_route *routes;
    size_t routes_count;
    https_find_partner find_partner; /* either this */
    https_authenticate authenticate; /* or this */
    bool optional; /* clients without a certificate may come in; the handlers see who has none */
    bool tls12;    /* TLS 1.2 as well, with forward secrecy and AEAD */
    enum cede_status (*flush)(void *context); /* may be null */
    /* The answer to a request whose handler set response->later, once behind flush(), even when
     * that failed. `partner` is the client's name. May be null when no handler does. */
    void (*answer_later)(void *context, const char *partner, unsigned later,
                         struct https_response *response);
    void *context;                /* for handlers and all of these */
    unsigned max_connections;     /* 0: 1024 */
    unsigned idle_timeout_s;      /* nothing happens: 0: 60 */
    unsigned request_timeout_s;   /* for a request, or for an answer; ten times that for whoever
                                   * has shown a certificate. 0: 30 */
    unsigned handshake_timeout_s; /* 0: 10 */
    size_t max_headers;           /* 0: 16 KiB */
};

struct https_server;

/* A listening TCP socket on host (a numeric address or a name) and port; port 0 takes a free one.
 * *bound_port, when not null, gets the port. */
CEDE_MUST_USE enum cede_status https_listen(const char *host, uint16_t port, int *listening_fd,
                                            uint16_t *bound_port);

/* Serves `listening_fd` on `base`. The descriptor stays the caller's. */
CEDE_MUST_USE enum cede_status https_server_new(struct event_base *base, int listening_fd,
                                                const struct https_server_config *config,
                                                struct https_server **server);
/* Stops accepting. Requests that were handled are flushed, and answered as far as their sockets
 * take it. Null is allowed. */
void https_server_free(struct https_server *server);

#endif
