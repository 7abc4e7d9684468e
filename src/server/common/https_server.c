/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTPS over libevent's evhttp and OpenSSL.
 *
 * Who the partner is gets settled in the handshake and is noted with the SSL object (ex data), from
 * where the request handler takes it: no request without it reaches a handler.
 *
 * evhttp answers errors it finds itself with pages of HTML and cannot limit connections. So each
 * connection's life is followed through that same note, which OpenSSL frees with the connection.
 */
#include "server/common/https_server.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "cede/posix.h"
#include "server/common/hex.h"
#include "server/common/log.h"

#define DEFAULT_CONNECTIONS 1024
#define DEFAULT_IDLE_S      60
#define DEFAULT_REQUEST_S   30
#define DEFAULT_HANDSHAKE_S 10
#define DEFAULT_HEADERS     16384
#define BACKLOG             512
#define LOOK_MS             250
#define FULL_PATIENCE_MS    1000
#define PROVEN_PATIENCE     10 /* request times, for whoever has a certificate */
#define ADDRESS_MAX         80
/* A body up to this much too long is still read, so that it gets our own 413. */
#define BODY_SLACK         65536
#define CHAIN_CERTIFICATES 6 /* of a partner: more are not looked at */
#define EVHTTP_METHODS                                                                             \
    (EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |     \
     EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE | EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH)

/* What a connection is at. */
enum stage {
    SHAKING_HANDS,
    ASKING, /* part of a request is there */
    TAKING, /* part of an answer is not sent yet */
    IDLE,
};

/* What is known of a connection; lives as long as its SSL object. */
struct peer {
    TAILQ_ENTRY(peer) entry;
    struct https_server *server;
    struct bufferevent *bev;
    enum stage stage;  /* when it was last looked at */
    uint64_t since_ms; /* the stage began, a request was whole, or an answer ready */
    uint64_t read;     /* bytes of the connection by then */
    bool in;           /* the handshake is over: a certificate it has shown is its own */
    bool ours;         /* what is sent now is our answer, not one of evhttp's own */
    bool held;         /* its answer waits for the flush */
    bool told;         /* the log has why it goes */
    char address[ADDRESS_MAX];
    char partner[HTTPS_PARTNER_MAX];
    struct cede_span certificate; /* owned */
};
TAILQ_HEAD(peers, peer);

/* A response and its request; once it is finished, it waits for the flush. */
struct held {
    TAILQ_ENTRY(held) entry;
    struct evhttp_request *request;
    struct https_response response;
};
TAILQ_HEAD(held_list, held);

struct https_server {
    struct https_server_config config;
    struct event_base *base;
    struct evhttp *http;
    struct evconnlistener *listener;
    SSL_CTX *tls;
    struct event *flush_event;
    struct event *look; /* at who takes too long */
    struct held_list held;
    struct peers peers;
    unsigned connections;
    size_t read_max; /* of a connection, in memory: evhttp takes a body once it is whole */
    bool closing;
};

static int peer_index = -1; /* OpenSSL ex data slot, taken once a process */

/* --- responses ---------------------------------------------------------------------------------
 */

void https_answer(struct https_response *response, int status, const char *content_type,
                  struct cede_span body)
{
    uint8_t *copy = malloc(body.len + 1);
    cede_wipe(response->body, response->body_len);
    free(response->body);
    memset(response, 0, sizeof *response);
    if (copy == NULL) {
        return; /* no status: a 500 without a body */
    }
    if (body.len > 0) {
        memcpy(copy, body.ptr, body.len);
    }
    response->status = status;
    response->body = copy;
    response->body_len = body.len;
    snprintf(response->content_type, sizeof response->content_type, "%s", content_type);
}

void https_answer_json(struct https_response *response, int status, json_t *json)
{
    char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(json);
    if (text == NULL) {
        https_answer(response, 500, "text/plain", CEDE_SPAN_NULL);
        return;
    }
    https_answer(response, status, "application/json", cede_span_string(text));
    free(text);
}

void https_answer_error(struct https_response *response, int status, const char *error,
                        const char *detail)
{
    https_answer_json(
        response, status,
        json_pack("{s:s, s:s}", "error", error, "detail", detail == NULL ? "" : detail));
}

void https_answer_status(struct https_response *response, enum cede_status status)
{
    int http = 500;
    switch (cede_status_class(status)) {
    case CEDE_CLASS_MALFORMED:
    case CEDE_CLASS_INVALID:
        http = 400;
        break;
    case CEDE_CLASS_UNAUTHENTIC:
    case CEDE_CLASS_POLICY:
        http = status == CEDE_NOT_FOUND ? 404 : 403;
        break;
    case CEDE_CLASS_STATE:
        http = 409;
        break;
    case CEDE_CLASS_BLOCKED:
        http = 503;
        break;
    default:
        https_answer_error(response, 500, "internal", NULL);
        return;
    }
    https_answer_error(response, http, cede_status_name(status), cede_status_reason(status));
}

void https_answer_header(struct https_response *response, const char *name, const char *value)
{
    if (response->headers_count < HTTPS_HEADERS_MAX) {
        struct https_header *header = &response->headers[response->headers_count++];

        header->name = name;
        snprintf(header->value, sizeof header->value, "%s", value);
    }
}

/* Nothing is cached but what says so. */
static void add_headers(struct evkeyvalq *headers, const struct https_response *response)
{
    bool cached = false;

    for (size_t i = 0; i < response->headers_count; i++) {
        evhttp_add_header(headers, response->headers[i].name, response->headers[i].value);
        cached = cached || strcmp(response->headers[i].name, "Cache-Control") == 0;
    }
    if (!cached) {
        evhttp_add_header(headers, "Cache-Control", "no-store");
    }
}

/* --- peers --------------------------------------------------------------------------------------
 */

static struct peer *peer_of(struct evhttp_request *request)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    struct bufferevent *bev =
        connection == NULL ? NULL : evhttp_connection_get_bufferevent(connection);
    SSL *ssl = bev == NULL ? NULL : bufferevent_openssl_get_ssl(bev);
    return ssl == NULL ? NULL : SSL_get_ex_data(ssl, peer_index);
}

static uint64_t bytes_read(const struct peer *peer)
{
    const SSL *ssl = bufferevent_openssl_get_ssl(peer->bev);

    return ssl == NULL ? 0 : BIO_number_read(SSL_get_rbio(ssl));
}

static void note_progress(struct peer *peer)
{
    peer->since_ms = cede_monotonic_ms();
    peer->read = bytes_read(peer);
}

/* Certificates are no secrets: whoever has shown one has proven with the handshake that it is his.
 */
static bool is_proven(const struct peer *peer)
{
    return peer->in && peer->certificate.ptr != NULL;
}

static void note_address(struct peer *peer)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    char host[NI_MAXHOST], port[NI_MAXSERV];

    if (getpeername(bufferevent_getfd(peer->bev), (struct sockaddr *)&address, &len) == 0 &&
        getnameinfo((struct sockaddr *)&address, len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0) {
        snprintf(peer->address, sizeof peer->address, "%.64s port %.8s", host, port);
    }
}

/* Why the connection ends, once. */
static void tell(struct peer *peer, const char *why)
{
    if (peer->told) {
        return;
    }
    peer->told = true;
    if (peer->address[0] == '\0') { /* nothing came from it */
        note_address(peer);
    }
    log_stranger("https: %s%s%s: %s", peer->address, is_proven(peer) ? ", " : "",
                 is_proven(peer) ? peer->partner : "", why);
}

/* --- sending ------------------------------------------------------------------------------------
 */

/* Sends and frees the body. A client that went away meanwhile is evhttp's business. */
static void send_response(struct evhttp_request *request, struct https_response *response)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    struct evbuffer *out = evbuffer_new();
    struct peer *peer = peer_of(request);
    if (response->status == 0) {
        https_answer_error(response, 500, "internal", NULL);
    }
    if (response->body_len > 0 && out != NULL) {
        evhttp_add_header(headers, "Content-Type", response->content_type);
        evbuffer_add(out, response->body, response->body_len);
    }
    add_headers(headers, response);
    if (peer != NULL) {
        peer->ours = true;
    }
    evhttp_send_reply(request, response->status == 0 ? 500 : response->status, NULL, out);
    if (out != NULL) {
        evbuffer_free(out);
    }
    cede_wipe(response->body, response->body_len); /* it may be a key made for a client */
    free(response->body);
    memset(response, 0, sizeof *response);
}

/* Paths stay out of the log: they hold enrolment tokens. */
static void log_error_answer(struct evhttp_request *request, int status, const char *error,
                             const char *detail)
{
    const struct peer *peer = peer_of(request);

    if (peer != NULL && peer->partner[0] != '\0') {
        log_info("https: %s: %d %s%s%s", peer->partner, status, error, detail == NULL ? "" : ": ",
                 detail == NULL ? "" : detail);
    } else {
        log_stranger("https: %s: %d %s%s%s", peer == NULL ? "nobody" : peer->address, status, error,
                     detail == NULL ? "" : ": ", detail == NULL ? "" : detail);
    }
}

static void send_error(struct evhttp_request *request, int status, const char *error,
                       const char *detail)
{
    struct https_response response = {0};
    log_error_answer(request, status, error, detail);
    https_answer_error(&response, status, error, detail);
    send_response(request, &response);
}

/* --- groups of responses ------------------------------------------------------------------------
 */

static void answer_later(const struct https_server *server, struct held *held)
{
    const struct peer *peer = peer_of(held->request);
    unsigned later = held->response.later;
    if (later != 0) {
        held->response.later = 0;
        server->config.answer_later(server->config.context, peer == NULL ? "" : peer->partner,
                                    later, &held->response);
    }
}

static void send_held(struct https_server *server, enum cede_status status)
{
    struct held *held;
    while ((held = TAILQ_FIRST(&server->held)) != NULL) {
        struct peer *peer = peer_of(held->request);
        TAILQ_REMOVE(&server->held, held, entry);
        answer_later(server, held);
        if (peer != NULL) {
            peer->held = false;
            note_progress(peer);
        }
        if (status != CEDE_OK) {
            https_answer_error(&held->response, 503, "unavailable", "not recorded; try again");
        }
        send_response(held->request, &held->response);
        free(held);
    }
}

static void on_flush(evutil_socket_t fd, short what, void *context)
{
    struct https_server *server = context;
    (void)fd;
    (void)what;
    enum cede_status status = server->config.flush(server->config.context);
    if (status != CEDE_OK) {
        log_error("https: commit failed: %s", cede_status_reason(status));
    }
    send_held(server, status);
}

/* Takes over the response. */
static void finish(struct https_server *server, struct held *held)
{
    struct timeval now = {0, 0};
    if (server->config.flush == NULL) {
        send_response(held->request, &held->response);
        free(held);
        return;
    }
    /* A reset seen now would make evhttp free the request under us. It reads on once it has sent.
     */
    struct evhttp_connection *connection = evhttp_request_get_connection(held->request);
    bufferevent_disable(evhttp_connection_get_bufferevent(connection), EV_READ);
    struct peer *peer = peer_of(held->request);
    if (peer != NULL) {
        peer->held = true;
    }
    TAILQ_INSERT_TAIL(&server->held, held, entry);
    event_add(server->flush_event, &now); /* due after what is ready in this turn of the loop */
}

/* --- requests -----------------------------------------------------------------------------------
 */

static const char *method_name(enum evhttp_cmd_type type)
{
    switch (type) {
    case EVHTTP_REQ_GET:
        return "GET";
    case EVHTTP_REQ_POST:
        return "POST";
    case EVHTTP_REQ_HEAD:
        return "HEAD";
    case EVHTTP_REQ_PUT:
        return "PUT";
    case EVHTTP_REQ_DELETE:
        return "DELETE";
    case EVHTTP_REQ_PATCH:
        return "PATCH";
    default:
        return "other";
    }
}

const char *https_query(const struct https_request *request, const char *name)
{
    return request->query == NULL ? NULL : evhttp_find_header(request->query, name);
}

/* Where the part of `path` that a final star in `pattern` stands for begins; null: no match. */
static const char *match_path(const char *pattern, const char *path)
{
    size_t len = strlen(pattern);
    if (len > 0 && pattern[len - 1] == '*') {
        return strncmp(pattern, path, len - 1) == 0 && path[len - 1] != '\0' ? path + len - 1
                                                                             : NULL;
    }
    return strcmp(pattern, path) == 0 ? "" : NULL;
}

/* The route for method and path; null with *known telling whether another method has this path. */
static const struct https_route *find_route(const struct https_server *server, const char *method,
                                            const char *path, const char **rest, bool *known)
{
    *known = false;
    for (size_t i = 0; i < server->config.routes_count; i++) {
        const struct https_route *route = &server->config.routes[i];
        const char *matched = match_path(route->path, path);
        if (matched != NULL && strcmp(route->method, method) == 0) {
            *rest = matched;
            return route;
        }
        *known = *known || matched != NULL;
    }
    return NULL;
}

/* The media type without parameters, in lower case (RFC 9110 section 8.3.1). */
static void media_type(const char *header, char out[HTTPS_CONTENT_TYPE_MAX])
{
    size_t len = 0;
    while (header != NULL && header[len] != '\0' && header[len] != ';' && header[len] != ' ' &&
           len + 1 < HTTPS_CONTENT_TYPE_MAX) {
        out[len] = (char)tolower((unsigned char)header[len]);
        len++;
    }
    out[len] = '\0';
}

static void run_handler(struct https_server *server, struct evhttp_request *request,
                        const struct https_route *route, struct https_request *view)
{
    struct evbuffer *input = evhttp_request_get_input_buffer(request);
    struct held *held = NULL;
    size_t len = evbuffer_get_length(input);
    if (len > route->max_body) {
        send_error(request, 413, "too_large", NULL);
        return;
    }
    if (route->content_type != NULL && strcmp(route->content_type, view->content_type) != 0) {
        send_error(request, 415, "unsupported_media_type", route->content_type);
        return;
    }
    view->body = cede_span(len == 0 ? (const uint8_t *)"" : evbuffer_pullup(input, -1), len);
    held = calloc(1, sizeof *held); /* before anything is done that could not be answered */
    if (view->body.ptr == NULL || held == NULL) {
        free(held);
        send_error(request, 503, "unavailable", NULL);
        return;
    }
    held->request = request;
    route->handler(server->config.context, view, &held->response);
    finish(server, held);
}

static void dispatch(struct https_server *server, struct evhttp_request *request,
                     struct https_request *view)
{
    bool known = false;
    const struct https_route *route =
        find_route(server, view->method, view->path, &view->rest, &known);
    if (route != NULL) {
        run_handler(server, request, route, view);
    } else if (known) {
        send_error(request, 405, "method_not_allowed", NULL);
    } else {
        send_error(request, 404, "not_found", NULL);
    }
}

/* Splits path and query and has the route found. A path with an escaped zero byte is no path. */
static void handle_uri(struct https_server *server, struct evhttp_request *request,
                       const struct evhttp_uri *uri, const struct peer *peer)
{
    char content_type[HTTPS_CONTENT_TYPE_MAX];
    struct evkeyvalq query;
    const char *raw = evhttp_uri_get_path(uri);
    const char *raw_query = evhttp_uri_get_query(uri);
    size_t len = 0;
    char *path = evhttp_uridecode(raw == NULL || raw[0] == '\0' ? "/" : raw, 0, &len);
    if (path == NULL || strlen(path) != len ||
        evhttp_parse_query_str(raw_query == NULL ? "" : raw_query, &query) != 0) {
        free(path);
        send_error(request, 400, "bad_request", "path or query");
        return;
    }
    struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
    media_type(evhttp_find_header(headers, "Content-Type"), content_type);
    struct https_request view = {
        .partner = peer->partner,
        .certificate = peer->certificate,
        .method = method_name(evhttp_request_get_command(request)),
        .path = path,
        .rest = "",
        .content_type = content_type,
        .query = &query,
    };
    dispatch(server, request, &view);
    evhttp_clear_headers(&query);
    free(path);
}

/* evhttp's one callback: every request that could be read. */
static void on_request(struct evhttp_request *request, void *context)
{
    struct https_server *server = context;
    struct peer *peer = peer_of(request);
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    if (peer == NULL || (peer->partner[0] == '\0' && !server->config.optional)) {
        send_error(request, 403, "forbidden", NULL); /* cannot happen; must not pass either */
        return;
    }
    note_progress(peer);
    if (uri == NULL) {
        send_error(request, 400, "bad_request", NULL);
        return;
    }
    handle_uri(server, request, uri, peer);
}

/* --- who is the partner? ------------------------------------------------------------------------
 */

/* Verifies the shown chain against `anchor` alone, as a TLS client's (RFC 5280 section 6). */
static int verify_against(X509 *anchor, X509 *leaf, STACK_OF(X509) * shown)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *check = X509_STORE_CTX_new();
    int error = X509_V_ERR_OUT_OF_MEM;
    uint32_t purposes = X509_get_extended_key_usage(leaf);

    /* Made for it: a certificate that is for anything may be a device's. */
    if (purposes == UINT32_MAX || (purposes & XKU_SSL_CLIENT) == 0) {
        error = X509_V_ERR_INVALID_PURPOSE;
    } else if (store != NULL && check != NULL && X509_STORE_add_cert(store, anchor) == 1 &&
               X509_STORE_CTX_init(check, store, leaf, shown) == 1) {
        /* The pinned certificate need not be a root: a CA below the permanent CA is pinned itself.
         */
        X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(check), X509_V_FLAG_PARTIAL_CHAIN);
        X509_STORE_CTX_set_purpose(check, X509_PURPOSE_SSL_CLIENT);
        error = X509_verify_cert(check) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(check);
    }
    X509_STORE_CTX_free(check);
    X509_STORE_free(store);
    return error;
}

/* The first certificate of the chain that is pinned; null: none, so nobody's. */
static X509 *find_anchor(struct https_server *server, X509 *leaf, STACK_OF(X509) * shown,
                         char name[HTTPS_PARTNER_MAX])
{
    for (int i = -1; i < sk_X509_num(shown) && i < CHAIN_CERTIFICATES; i++) {
        X509 *certificate = i < 0 ? leaf : sk_X509_value(shown, i);
        uint8_t thumbprint[32];
        if (identity_thumbprint(certificate, thumbprint) != CEDE_OK) {
            return NULL;
        }
        enum cede_status found = server->config.find_partner(server->config.context, thumbprint,
                                                             name, HTTPS_PARTNER_MAX);
        if (found == CEDE_OK && name[0] != '\0') {
            return certificate;
        }
        if (found != CEDE_OK && found != CEDE_NOT_FOUND) {
            log_warning("https: partner look-up failed: %s", cede_status_reason(found));
            return NULL;
        }
    }
    return NULL;
}

static void log_refused(const struct peer *peer, X509 *leaf, const char *reason)
{
    uint8_t thumbprint[32] = {0};
    char name[64] = "", hex[65];

    (void)!identity_thumbprint(leaf, thumbprint);
    hex_encode(thumbprint, sizeof thumbprint, hex);
    X509_NAME_get_text_by_NID(X509_get_subject_name(leaf), NID_commonName, name, sizeof name);
    log_stranger("https: %s: certificate %s refused, '%s': %s", peer->address, hex, name, reason);
}

/* A partner, by the anchor its chain leads to. */
static bool is_partner(struct peer *peer, X509 *leaf, STACK_OF(X509) * shown)
{
    char name[HTTPS_PARTNER_MAX] = "";
    X509 *anchor = find_anchor(peer->server, leaf, shown, name);
    int error = anchor == NULL ? X509_V_ERR_CERT_UNTRUSTED : verify_against(anchor, leaf, shown);

    if (error != X509_V_OK) {
        log_refused(peer, leaf,
                    anchor == NULL ? "no partner's" : X509_verify_cert_error_string(error));
        return false;
    }
    memcpy(peer->partner, name, sizeof name);
    return true;
}

/* Whoever the owner of this door lets in. */
static bool is_welcome(struct peer *peer, X509 *leaf)
{
    const struct https_server_config *config = &peer->server->config;
    enum cede_status status = config->authenticate(config->context, peer->certificate,
                                                   peer->partner, sizeof peer->partner);

    if (status != CEDE_OK) {
        log_refused(peer, leaf, cede_status_reason(status));
    }
    return status == CEDE_OK && peer->partner[0] != '\0';
}

static bool keep_certificate(struct peer *peer, X509 *leaf)
{
    uint8_t *der = NULL;
    int len = i2d_X509(leaf, &der);

    OPENSSL_free((void *)(uintptr_t)peer->certificate.ptr);
    peer->certificate = len > 0 ? cede_span(der, (size_t)len) : CEDE_SPAN_NULL;
    return len > 0;
}

/* Replaces OpenSSL's own verification; called only when the client showed a certificate. */
static int on_verify(X509_STORE_CTX *context, void *argument)
{
    struct https_server *server = argument;
    SSL *ssl = X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct peer *peer = ssl == NULL ? NULL : SSL_get_ex_data(ssl, peer_index);
    X509 *leaf = X509_STORE_CTX_get0_cert(context);
    bool known = peer != NULL && leaf != NULL && keep_certificate(peer, leaf);

    if (known) {
        known = server->config.authenticate != NULL
                    ? is_welcome(peer, leaf)
                    : is_partner(peer, leaf, X509_STORE_CTX_get0_untrusted(context));
    }
    if (peer != NULL && !known) {
        peer->told = true;
    }
    X509_STORE_CTX_set_error(context, known ? X509_V_OK : X509_V_ERR_CERT_UNTRUSTED);
    return known ? 1 : 0;
}

/* --- connections --------------------------------------------------------------------------------
 */

/* OpenSSL frees the SSL object, so the connection is gone. */
static void on_peer_free(void *parent, void *data, CRYPTO_EX_DATA *ex_data, int index, long argl,
                         void *argp)
{
    struct peer *peer = data;
    (void)ex_data;
    (void)index;
    (void)argl;
    (void)argp;
    if (peer == NULL) {
        return;
    }
    struct https_server *server = peer->server;
    if (!peer->in && SSL_is_init_finished(parent) == 0) {
        tell(peer, "no TLS, or the handshake was given up");
    }
    TAILQ_REMOVE(&server->peers, peer, entry);
    OPENSSL_free((void *)(uintptr_t)peer->certificate.ptr);
    free(peer);
    if (server->connections-- == server->config.max_connections && !server->closing) {
        evconnlistener_enable(server->listener);
    }
    if (server->closing && server->connections == 0) {
        free(server);
    }
}

/* Shutting the socket down lets the connection end on its ordinary path. */
static void hang_up(const struct peer *peer)
{
    shutdown(bufferevent_getfd(peer->bev), SHUT_RDWR);
}

static enum stage stage_of(const struct peer *peer)
{
    if (!peer->in) {
        return SHAKING_HANDS;
    }
    if (evbuffer_get_length(bufferevent_get_output(peer->bev)) > 0) {
        return TAKING;
    }
    return bytes_read(peer) == peer->read ? IDLE : ASKING;
}

/* How long the peer may stay at its stage. Whoever has a certificate may send and fetch what is
 * long; whoever has none does not stay where others wait. */
static uint64_t patience_ms(const struct peer *peer)
{
    const struct https_server_config *config = &peer->server->config;
    unsigned limit_s = config->request_timeout_s;

    if (!is_proven(peer) && peer->server->connections >= config->max_connections) {
        return FULL_PATIENCE_MS;
    }
    if (peer->stage == SHAKING_HANDS || peer->stage == IDLE) {
        limit_s = peer->stage == IDLE ? config->idle_timeout_s : config->handshake_timeout_s;
        return (uint64_t)limit_s * 1000;
    }
    return (uint64_t)limit_s * 1000 * (is_proven(peer) ? PROVEN_PATIENCE : 1);
}

static void look_at(struct peer *peer, uint64_t now)
{
    static const char *const too_late[] = {
        [SHAKING_HANDS] = "no handshake in time",
        [ASKING] = "its request took too long",
        [TAKING] = "it took its answer too slowly",
    };
    enum stage stage = stage_of(peer);

    if (stage != peer->stage) {
        peer->stage = stage;
        peer->since_ms = now;
    }
    if (peer->held || now - peer->since_ms <= patience_ms(peer)) {
        return;
    }
    if (stage != IDLE) {
        tell(peer, too_late[stage]);
    }
    peer->told = true; /* one that was idle goes without a word */
    hang_up(peer);
}

/* Bytes that drip in are no progress, whole requests are. */
static void on_look(evutil_socket_t fd, short what, void *context)
{
    struct https_server *server = context;
    uint64_t now = cede_monotonic_ms();
    struct peer *peer = NULL;

    (void)fd;
    (void)what;
    TAILQ_FOREACH(peer, &server->peers, entry)
    {
        look_at(peer, now);
    }
}

/* The last place is taken: of those that have no certificate the one that has done nothing for the
 * longest time goes. */
static void make_room(struct https_server *server)
{
    struct peer *peer = NULL;
    struct peer *oldest = NULL;

    TAILQ_FOREACH(peer, &server->peers, entry)
    {
        if (!is_proven(peer) && !peer->held &&
            (oldest == NULL || peer->since_ms < oldest->since_ms)) {
            oldest = peer;
        }
    }
    if (oldest != NULL) {
        tell(oldest, "all places are taken");
        hang_up(oldest);
    }
    evconnlistener_disable(server->listener); /* until one has left */
}

static struct peer *peer_new(struct https_server *server, SSL *ssl)
{
    struct peer *peer = calloc(1, sizeof *peer);
    if (peer == NULL) {
        return NULL;
    }
    peer->server = server;
    peer->since_ms = cede_monotonic_ms();
    if (SSL_set_ex_data(ssl, peer_index, peer) != 1) {
        free(peer);
        return NULL;
    }
    return peer;
}

static void enter(struct https_server *server, struct peer *peer)
{
    if (++server->connections == server->config.max_connections) {
        make_room(server);
    }
    TAILQ_INSERT_TAIL(&server->peers, peer, entry);
}

/* Who comes; what ends a handshake, and whoever would begin another one behind it. */
static void on_tls_event(const SSL *ssl, int where, int alert)
{
    struct peer *peer = SSL_get_ex_data(ssl, peer_index);
    bool fatal = SSL_alert_type_string(alert)[0] == 'F';

    if (peer == NULL) {
        return;
    }
    fatal = fatal && !peer->in; /* later ones tell of clients that hang up */
    if ((where & SSL_CB_HANDSHAKE_START) != 0) {
        note_address(peer);
    }
    if ((where & SSL_CB_HANDSHAKE_DONE) != 0) {
        peer->in = true;
        note_progress(peer);
    }
    if ((where & SSL_CB_ALERT) != 0 && (where & SSL_CB_WRITE) != 0 &&
        (fatal || (alert & 0xff) == SSL_AD_NO_RENEGOTIATION)) {
        tell(peer, (alert & 0xff) == SSL_AD_CERTIFICATE_REQUIRED /* unknown to OpenSSL 3.0 */
                       ? "certificate required"
                       : SSL_alert_desc_string_long(alert));
    }
}

/* The refusals evhttp gives by itself: to what is no HTTP, or too long. */
static void on_output(struct evbuffer *output, const struct evbuffer_cb_info *info, void *context)
{
    static const size_t code = sizeof "HTTP/1.1 " - 1;
    struct peer *peer = context;
    char line[64] = "";

    if (peer->ours) {
        peer->ours = evbuffer_get_length(output) > 0; /* until all of it is sent */
        return;
    }
    if (info->n_added > 0) {
        (void)!evbuffer_copyout(output, line, sizeof line - 1);
        line[strcspn(line, "\r\n")] = '\0';
    }
    if (strncmp(line, "HTTP/1.", 7) == 0 && line[code] >= '4') { /* 100 Continue is none */
        tell(peer, line + code);
    }
}

/* evhttp wants a bufferevent for each connection. On failure it would take a plain one, whose
 * requests on_request refuses for want of a partner. */
static struct bufferevent *on_connection(struct event_base *base, void *context)
{
    struct https_server *server = context;
    SSL *ssl = SSL_new(server->tls);
    struct peer *peer = ssl == NULL ? NULL : peer_new(server, ssl);
    if (peer == NULL) {
        SSL_free(ssl);
        return NULL;
    }
    peer->bev = bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                               BEV_OPT_CLOSE_ON_FREE);
    if (peer->bev == NULL) {
        SSL_set_ex_data(ssl, peer_index, NULL);
        SSL_free(ssl);
        free(peer);
        return NULL;
    }
    bufferevent_openssl_set_allow_dirty_shutdown(peer->bev, 1);
    bufferevent_setwatermark(peer->bev, EV_READ, 0, server->read_max);
    evbuffer_add_cb(bufferevent_get_output(peer->bev), on_output, peer);
    enter(server, peer);
    return peer->bev;
}

/* --- set-up -------------------------------------------------------------------------------------
 */

static enum cede_status bind_one(const struct addrinfo *address, int *listening_fd)
{
    int one = 1;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return CEDE_OS_FAILED;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    /* Accepted sockets inherit it: a response's last record must not wait for an acknowledgement.
     */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        int kept = errno;
        close(fd);
        errno = kept;
        return CEDE_OS_FAILED;
    }
    *listening_fd = fd;
    return CEDE_OK;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        return 0;
    }
    /* The port stands at the same place in both families. */
    struct sockaddr_in in;
    memcpy(&in, &address, sizeof in);
    return ntohs(in.sin_port);
}

enum cede_status https_listen(const char *host, uint16_t port, int *listening_fd,
                              uint16_t *bound_port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    char service[8];
    enum cede_status status = CEDE_OS_FAILED;
    *listening_fd = -1;
    snprintf(service, sizeof service, "%u", (unsigned)port);
    int code = getaddrinfo(host, service, &hints, &found);
    if (code != 0) {
        log_error("https: %s: %s", host, gai_strerror(code));
        return CEDE_OS_FAILED;
    }
    for (struct addrinfo *at = found; at != NULL && status != CEDE_OK; at = at->ai_next) {
        status = bind_one(at, listening_fd);
    }
    freeaddrinfo(found);
    if (status != CEDE_OK) {
        log_error("https: cannot listen on %s port %u: %s", host, (unsigned)port, strerror(errno));
    } else if (bound_port != NULL) {
        *bound_port = port_of(*listening_fd);
    }
    return status;
}

/* The issuers above the certificate's own. */
static bool add_chain(struct https_server *server)
{
    bool done = true;

    for (size_t i = 0; done && i < server->config.chain_count; i++) {
        const uint8_t *der = server->config.chain[i].ptr;
        X509 *issuer = d2i_X509(NULL, &der, (long)server->config.chain[i].len);
        done = issuer != NULL && SSL_CTX_add0_chain_cert(server->tls, issuer) == 1;
        if (!done) {
            X509_free(issuer);
        }
    }
    return done;
}

/* TLS 1.3, a client certificate demanded, nothing resumed: a partner that was dropped is out with
 * its next connection. */
static enum cede_status tls_setup(struct https_server *server)
{
    const struct tls_identity *tls = server->config.tls;
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    int oldest = server->config.tls12 ? TLS1_2_VERSION : TLS1_3_VERSION;
    server->tls = context;
    if (context == NULL || SSL_CTX_set_min_proto_version(context, oldest) != 1 ||
        SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AESCCM") != 1 ||
        SSL_CTX_use_certificate(context, tls->certificate) != 1 ||
        SSL_CTX_add1_chain_cert(context, tls->issuer) != 1 || !add_chain(server) ||
        SSL_CTX_use_PrivateKey(context, tls->key) != 1 || SSL_CTX_check_private_key(context) != 1) {
        ERR_clear_error();
        return CEDE_SERVER_FAILED;
    }
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(
        context, SSL_VERIFY_PEER | (server->config.optional ? 0 : SSL_VERIFY_FAIL_IF_NO_PEER_CERT),
        NULL);
    SSL_CTX_set_cert_verify_callback(context, on_verify, server);
    SSL_CTX_set_info_callback(context, on_tls_event);
    return CEDE_OK;
}

/* The largest body any route takes: more is not even read. */
static size_t largest_body(const struct https_server_config *config)
{
    size_t largest = 0;
    for (size_t i = 0; i < config->routes_count; i++) {
        if (config->routes[i].max_body > largest) {
            largest = config->routes[i].max_body;
        }
    }
    return largest;
}

static enum cede_status http_setup(struct https_server *server, int listening_fd)
{
    const struct https_server_config *config = &server->config;
    server->http = evhttp_new(server->base);
    server->flush_event = event_new(server->base, -1, 0, on_flush, server);
    /* A copy: evhttp closes its own when it ends. */
    int fd = fcntl(listening_fd, F_DUPFD_CLOEXEC, 0);
    struct timeval every = {0, LOOK_MS * 1000};
    server->look = event_new(server->base, -1, EV_PERSIST, on_look, server);
    if (server->http == NULL || server->flush_event == NULL || fd < 0 || server->look == NULL ||
        event_add(server->look, &every) != 0) {
        return CEDE_SERVER_FAILED;
    }
    evutil_make_socket_nonblocking(fd);
    evhttp_set_bevcb(server->http, on_connection, server);
    evhttp_set_gencb(server->http, on_request, server);
    evhttp_set_allowed_methods(server->http, EVHTTP_METHODS);
    evhttp_set_max_headers_size(server->http, (ev_ssize_t)config->max_headers);
    evhttp_set_max_body_size(server->http, (ev_ssize_t)(largest_body(config) + BODY_SLACK));
    server->read_max = largest_body(config) + BODY_SLACK + config->max_headers;
    evhttp_set_flags(server->http, EVHTTP_SERVER_LINGERING_CLOSE);
    evhttp_set_timeout(server->http, (int)config->idle_timeout_s);
    server->listener = evconnlistener_new(server->base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE, 0, fd);
    if (server->listener == NULL) {
        close(fd);
        return CEDE_SERVER_FAILED;
    }
    if (evhttp_bind_listener(server->http, server->listener) == NULL) {
        evconnlistener_free(server->listener);
        return CEDE_SERVER_FAILED;
    }
    return CEDE_OK;
}

static void set_defaults(struct https_server_config *config)
{
    config->max_connections =
        config->max_connections == 0 ? DEFAULT_CONNECTIONS : config->max_connections;
    config->idle_timeout_s = config->idle_timeout_s == 0 ? DEFAULT_IDLE_S : config->idle_timeout_s;
    config->request_timeout_s =
        config->request_timeout_s == 0 ? DEFAULT_REQUEST_S : config->request_timeout_s;
    config->handshake_timeout_s =
        config->handshake_timeout_s == 0 ? DEFAULT_HANDSHAKE_S : config->handshake_timeout_s;
    config->max_headers = config->max_headers == 0 ? DEFAULT_HEADERS : config->max_headers;
}

enum cede_status https_server_new(struct event_base *base, int listening_fd,
                                  const struct https_server_config *config,
                                  struct https_server **server)
{
    *server = NULL;
    if (peer_index < 0) {
        peer_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, on_peer_free);
    }
    struct https_server *made = calloc(1, sizeof *made);
    if (made == NULL || peer_index < 0 ||
        (config->find_partner == NULL) == (config->authenticate == NULL)) {
        free(made);
        return CEDE_SERVER_FAILED;
    }
    made->config = *config;
    made->base = base;
    TAILQ_INIT(&made->held);
    TAILQ_INIT(&made->peers);
    set_defaults(&made->config);
    enum cede_status status = tls_setup(made);
    if (status == CEDE_OK) {
        status = http_setup(made, listening_fd);
    }
    if (status != CEDE_OK) {
        https_server_free(made);
        return status;
    }
    *server = made;
    return CEDE_OK;
}

void https_server_free(struct https_server *server)
{
    if (server == NULL) {
        return;
    }
    if (!TAILQ_EMPTY(&server->held)) {
        on_flush(-1, 0,
                 server); /* handled, so to be kept; answered as far as the socket takes it */
    }
    server->connections++; /* ours, so that no connection that ends here frees the server */
    server->closing = true;
    if (server->http != NULL) {
        evhttp_free(server->http); /* with the listener and all connections */
    }
    if (server->flush_event != NULL) {
        event_free(server->flush_event);
    }
    if (server->look != NULL) {
        event_free(server->look);
    }
    SSL_CTX_free(server->tls);
    /* libevent ends its connections later, from the loop or with the base: the last one takes the
     * server along. */
    if (--server->connections == 0) {
        free(server);
    }
}
