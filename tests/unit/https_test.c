/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of https_server.c and https_client.c over real sockets: who gets in, who does not, and what
 * each kind of bad request is answered with. */
#include "heard_log.h"
#include "loopback.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#define LIMIT 1000 /* of a body */

struct fixture {
    struct loopback loopback; /* first: find_pinned wants it */
    struct organisation server;
    struct organisation partner;
    struct organisation stranger;
    struct https_server_config config;
    struct https_client *client;
    struct https_client_answer answer;
    bool flush_fails;
};

/* --- the server's routes ------------------------------------------------------------------------
 */

static void echo(void *context, const struct https_request *request,
                 struct https_response *response)
{
    const char *query = https_query(request, "q");
    (void)context;
    https_answer_json(response, 200,
                      json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s%}", "partner", request->partner,
                                "method", request->method, "path", request->path, "rest",
                                request->rest, "type", request->content_type, "query",
                                query == NULL ? "" : query, "body", (const char *)request->body.ptr,
                                request->body.len));
}

static void silent(void *context, const struct https_request *request,
                   struct https_response *response)
{
    (void)context;
    (void)request;
    (void)response;
}

static void refuse(void *context, const struct https_request *request,
                   struct https_response *response)
{
    (void)context;
    enum cede_status status = (enum cede_status)strtol(request->rest, NULL, 10);
    https_answer_status(response, status);
}

static void large(void *context, const struct https_request *request,
                  struct https_response *response)
{
    static uint8_t zeros[200000];
    (void)context;
    (void)request;
    https_answer(response, 200, "application/octet-stream", CEDE_SPAN_ARRAY(zeros));
}

static void later(void *context, const struct https_request *request,
                  struct https_response *response)
{
    (void)context;
    (void)request;
    response->later = 7;
}

static void answer_later(void *context, const char *partner, unsigned number,
                         struct https_response *response)
{
    (void)context;
    https_answer_json(response, number == 7 && response->later == 0 ? 200 : 500,
                      json_pack("{s:s}", "partner", partner));
}

static const struct https_route routes[] = {
    {"GET", "/echo", NULL, LIMIT, echo},   {"POST", "/echo", "application/json", LIMIT, echo},
    {"GET", "/below/*", NULL, 0, echo},    {"GET", "/silent", NULL, 0, silent},
    {"GET", "/refuse/*", NULL, 0, refuse}, {"GET", "/large", NULL, 0, large},
    {"GET", "/later", NULL, 0, later},
};

static enum cede_status flush(void *context)
{
    const struct fixture *fixture = context;
    return fixture->flush_fails ? CEDE_STORE_BUSY : CEDE_OK;
}

/* --- fixture ------------------------------------------------------------------------------------
 */

static struct https_client *client_of(const struct organisation *who)
{
    struct https_client_config config = {.tls = &who->tls, .timeout_ms = 20000, .max_body = 100000};
    struct https_client *client = NULL;
    assert_int_equal(https_client_new(&config, &client), CEDE_OK);
    return client;
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    signal(SIGPIPE, SIG_IGN);
    loopback_open(&fixture->loopback);
    organisation_make(fixture->loopback.directory, "server", &fixture->server);
    organisation_make(fixture->loopback.directory, "partner", &fixture->partner);
    organisation_make(fixture->loopback.directory, "stranger", &fixture->stranger);
    pin(&fixture->loopback, &fixture->partner);
    fixture->client = client_of(&fixture->partner);
    fixture->config = (struct https_server_config){
        .tls = &fixture->server.tls,
        .routes = routes,
        .routes_count = sizeof routes / sizeof routes[0],
        .find_partner = find_pinned,
        .context = fixture,
        .handshake_timeout_s = 1,
        .idle_timeout_s = 20,
    };
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    https_client_free(fixture->client);
    loopback_close(&fixture->loopback);
    organisation_wipe(&fixture->server);
    organisation_wipe(&fixture->partner);
    organisation_wipe(&fixture->stranger);
    free(fixture);
    return 0;
}

static enum cede_status ask_as(struct fixture *fixture, struct https_client *client,
                               const char *method, const char *path, const char *type,
                               struct cede_span body)
{
    char url[256];
    snprintf(url, sizeof url, "https://localhost:%u%s", fixture->loopback.port, path);
    struct https_client_request request = {.method = method,
                                           .url = url,
                                           .anchor = fixture->server.identity.certificate_der,
                                           .content_type = type,
                                           .body = body};
    return https_client_ask(client, &request, &fixture->answer);
}

static enum cede_status get(struct fixture *fixture, const char *path)
{
    return ask_as(fixture, fixture->client, "GET", path, NULL, CEDE_SPAN_NULL);
}

static void assert_member(const struct fixture *fixture, const char *name, const char *value)
{
    json_t *json = json_loads((const char *)fixture->answer.body.ptr, 0, NULL);
    assert_non_null(json);
    assert_string_equal(json_string_value(json_object_get(json, name)), value);
    json_decref(json);
}

/* In TLS 1.3 a client has sent its request before it learns that its certificate is refused; the
 * server's reset then often overtakes the alert. */
static void assert_locked_out(struct fixture *fixture, struct https_client *client)
{
    enum cede_status status = ask_as(fixture, client, "GET", "/echo", NULL, CEDE_SPAN_NULL);
    assert_true(status == CEDE_HTTPS_TLS || status == CEDE_HTTPS_UNREACHABLE);
    assert_int_equal(fixture->answer.status, 0);
    assert_true(https_client_error(client)[0] != '\0');
}

/* --- who gets in ---------------------------------------------------------------------------------
 */

/* A partner's request reaches the handler whole, with the partner's name. */
static void partner_is_served(void **state)
{
    struct fixture *fixture = *state;
    loopback_serve(&fixture->loopback, &fixture->config);
    assert_int_equal(ask_as(fixture, fixture->client, "POST", "/echo?q=a%20b&r=1",
                            "application/json", CEDE_SPAN_TEXT("{\"x\":1}")),
                     CEDE_OK);
    assert_int_equal(fixture->answer.status, 200);
    assert_string_equal(fixture->answer.content_type, "application/json");
    assert_member(fixture, "partner", "partner");
    assert_member(fixture, "method", "POST");
    assert_member(fixture, "path", "/echo");
    assert_member(fixture, "query", "a b");
    assert_member(fixture, "type", "application/json");
    assert_member(fixture, "body", "{\"x\":1}");
    assert_int_equal(get(fixture, "/below/one%2Ftwo"), CEDE_OK);
    assert_member(fixture, "rest", "one/two");
}

/* A stranger fails the handshake until it is pinned, and again once it is not any more. */
static void partners_come_and_go(void **state)
{
    struct fixture *fixture = *state;
    loopback_serve(&fixture->loopback, &fixture->config);
    struct https_client *stranger = client_of(&fixture->stranger);
    assert_locked_out(fixture, stranger);
    pin(&fixture->loopback, &fixture->stranger);
    assert_int_equal(ask_as(fixture, stranger, "GET", "/echo", NULL, CEDE_SPAN_NULL), CEDE_OK);
    assert_member(fixture, "partner", "stranger");
    https_client_free(stranger);
    unpin(&fixture->loopback, &fixture->stranger);
    stranger = client_of(&fixture->stranger);
    assert_locked_out(fixture, stranger);
    https_client_free(stranger);
}

/* Showing the partner's pinned certificate next to one's own is not being the partner. */
static void borrowed_anchor_is_refused(void **state)
{
    struct fixture *fixture = *state;
    loopback_serve(&fixture->loopback, &fixture->config);
    struct organisation liar = fixture->stranger;
    liar.tls.issuer = fixture->partner.tls.issuer;
    struct https_client *client = client_of(&liar);
    assert_locked_out(fixture, client);
    https_client_free(client);
}

/* The pinned certificate may stand below a root that is not shown: a CA's own. */
static void pinned_sub_ca_is_enough(void **state)
{
    struct fixture *fixture = *state;
    struct tls_identity tls;
    EVP_PKEY *key = NULL;
    struct organisation sub = {.identity = {.name = "sub"}};
    loopback_serve(&fixture->loopback, &fixture->config);
    /* "sub" is certified by the stranger, so its certificate is not self-signed. */
    assert_int_equal(identity_generate_key(&key), CEDE_OK);
    X509 *certificate = X509_dup(fixture->partner.identity.certificate);
    assert_int_equal(X509_set_pubkey(certificate, key), 1);
    assert_int_equal(X509_set_issuer_name(certificate, X509_get_subject_name(
                                                           fixture->stranger.identity.certificate)),
                     1);
    X509_EXTENSION_free(X509_delete_ext(
        certificate, X509_get_ext_by_NID(certificate, NID_subject_key_identifier, -1)));
    assert_true(X509_sign(certificate, fixture->stranger.identity.key, EVP_sha256()) > 0);
    snprintf(sub.directory, sizeof sub.directory, "%s", fixture->loopback.directory);
    assert_int_equal(
        tls_identity_create(sub.directory, key, certificate, &(struct tls_wishes){.hosts = NULL}),
        CEDE_OK);
    assert_int_equal(tls_identity_load(sub.directory, &tls), CEDE_OK);
    sub.tls = tls;
    assert_int_equal(identity_thumbprint(certificate, sub.identity.thumbprint), CEDE_OK);
    struct https_client *client = client_of(&sub);
    assert_locked_out(fixture, client);
    pin(&fixture->loopback, &sub);
    assert_int_equal(ask_as(fixture, client, "GET", "/echo", NULL, CEDE_SPAN_NULL), CEDE_OK);
    assert_member(fixture, "partner", "sub");
    https_client_free(client);
    tls_identity_wipe(&tls);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static int connect_tcp(const struct fixture *fixture)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(fixture->loopback.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* A plain TLS client. */
struct raw_client {
    int fd;
    SSL_CTX *context;
    SSL *ssl;
};

/* Of the given highest version; `tls` null: without a certificate. */
static bool raw_open(const struct fixture *fixture, int version, const struct tls_identity *tls,
                     struct raw_client *client)
{
    client->fd = connect_tcp(fixture);
    client->context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(client->context, version < TLS1_2_VERSION ? 0 : 1);
    SSL_CTX_set_max_proto_version(client->context, version);
    if (tls != NULL) {
        SSL_CTX_use_certificate(client->context, tls->certificate);
        SSL_CTX_add1_chain_cert(client->context, tls->issuer);
        SSL_CTX_use_PrivateKey(client->context, tls->key);
    }
    client->ssl = SSL_new(client->context);
    SSL_set_fd(client->ssl, client->fd);
    return SSL_connect(client->ssl) == 1;
}

static bool raw_write(const struct raw_client *client, const char *text)
{
    return SSL_write(client->ssl, text, (int)strlen(text)) == (int)strlen(text);
}

/* True when it gets an HTTP answer. */
/* Reads a whole answer of /echo, to the brace that ends it. */
static bool raw_is_answered(const struct raw_client *client)
{
    char answer[2048] = "";
    size_t at = 0;

    while (at < sizeof answer - 1 && (at == 0 || answer[at - 1] != '}')) {
        int len = SSL_read(client->ssl, answer + at, (int)(sizeof answer - 1 - at));

        if (len <= 0) {
            return false;
        }
        at += (size_t)len;
    }
    return strncmp(answer, "HTTP/1.1 200", 12) == 0;
}

static bool raw_get(const struct raw_client *client)
{
    return raw_write(client, "GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n") &&
           raw_is_answered(client);
}

static void raw_close(struct raw_client *client)
{
    SSL_free(client->ssl);
    SSL_CTX_free(client->context);
    ERR_clear_error();
    close(client->fd);
}

static bool raw_client_is_answered(const struct fixture *fixture, int version,
                                   const struct tls_identity *tls)
{
    struct raw_client client;
    bool answered = raw_open(fixture, version, tls, &client) && raw_get(&client);

    raw_close(&client);
    return answered;
}

/* Without a certificate, or with TLS 1.2, or without TLS, there is no answer. */
static void weak_clients_are_refused(void **state)
{
    static const char request[] = "GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n";
    struct fixture *fixture = *state;
    char answer[16] = "";
    loopback_serve(&fixture->loopback, &fixture->config);
    assert_true(raw_client_is_answered(fixture, TLS1_3_VERSION, &fixture->partner.tls));
    assert_false(raw_client_is_answered(fixture, TLS1_3_VERSION, NULL));
    assert_false(raw_client_is_answered(fixture, TLS1_2_VERSION, &fixture->partner.tls));
    int fd = connect_tcp(fixture);
    assert_int_equal(write(fd, request, sizeof request - 1), sizeof request - 1);
    ssize_t len = read(fd, answer, sizeof answer - 1);
    assert_true(len <= 0 || strncmp(answer, "HTTP", 4) != 0);
    close(fd);
    assert_int_equal(get(fixture, "/echo"), CEDE_OK); /* and the server still serves */
}

/* --- what is answered ----------------------------------------------------------------------------
 */

static void assert_answer(struct fixture *fixture, int status, const char *error)
{
    assert_int_equal(fixture->answer.status, status);
    assert_string_equal(fixture->answer.content_type, "application/json");
    assert_member(fixture, "error", error);
}

/* Each kind of bad request has its status, as JSON. */
static void bad_requests_are_told_apart(void **state)
{
    static const uint8_t body[LIMIT + 1];
    struct fixture *fixture = *state;
    struct https_client *client = fixture->client;
    struct cede_span fits = cede_span(body, LIMIT);
    loopback_serve(&fixture->loopback, &fixture->config);
    assert_int_equal(get(fixture, "/unknown"), CEDE_OK);
    assert_answer(fixture, 404, "not_found");
    assert_int_equal(get(fixture, "/below/"), CEDE_OK); /* the star stands for something */
    assert_answer(fixture, 404, "not_found");
    assert_int_equal(ask_as(fixture, client, "DELETE", "/echo", NULL, CEDE_SPAN_NULL), CEDE_OK);
    assert_answer(fixture, 405, "method_not_allowed");
    assert_int_equal(ask_as(fixture, client, "POST", "/echo", "text/plain", fits), CEDE_OK);
    assert_answer(fixture, 415, "unsupported_media_type");
    assert_int_equal(
        ask_as(fixture, client, "POST", "/echo", "application/json", CEDE_SPAN_ARRAY(body)),
        CEDE_OK);
    assert_answer(fixture, 413, "too_large");
    assert_int_equal(get(fixture, "/echo/%00x"), CEDE_OK);
    assert_answer(fixture, 400, "bad_request");
    assert_int_equal(get(fixture, "/silent"), CEDE_OK);
    assert_answer(fixture, 500, "internal");
}

/* A body that is far too long is not even read. */
static void flood_is_not_read(void **state)
{
    struct fixture *fixture = *state;
    size_t len = 5u << 20;
    uint8_t *flood = calloc(1, len);
    loopback_serve(&fixture->loopback, &fixture->config);
    enum cede_status status = ask_as(fixture, fixture->client, "POST", "/echo", "application/json",
                                     cede_span(flood, len));
    free(flood);
    assert_true((status == CEDE_OK && fixture->answer.status == 413) ||
                status == CEDE_HTTPS_UNREACHABLE);
    assert_int_equal(get(fixture, "/echo"), CEDE_OK);
    assert_int_equal(fixture->answer.status, 200);
}

/* Statuses map to HTTP by class; failures of ours are not explained to partners. */
static void statuses_map_by_class(void **state)
{
    static const struct {
        enum cede_status status;
        int http;
        const char *error;
    } cases[] = {
        {CEDE_TRUNCATED, 400, "CEDE_TRUNCATED"},
        {CEDE_CRYPTO_SIGNATURE, 403, "CEDE_CRYPTO_SIGNATURE"},
        {CEDE_NOT_FOUND, 404, "CEDE_NOT_FOUND"},
        {CEDE_STORE_CONFLICT, 409, "CEDE_STORE_CONFLICT"},
        {CEDE_STORE_BUSY, 503, "CEDE_STORE_BUSY"},
        {CEDE_STORE_FAILED, 500, "internal"},
        {CEDE_INTERNAL, 500, "internal"},
    };
    struct fixture *fixture = *state;
    loopback_serve(&fixture->loopback, &fixture->config);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[64];
        snprintf(path, sizeof path, "/refuse/%d", (int)cases[i].status);
        assert_int_equal(get(fixture, path), CEDE_OK);
        assert_answer(fixture, cases[i].http, cases[i].error);
    }
}

/* With a flush, the answer follows the commit; a failed commit turns it into a 503. */
static void answers_wait_for_the_commit(void **state)
{
    struct fixture *fixture = *state;
    fixture->config.flush = flush;
    loopback_serve(&fixture->loopback, &fixture->config);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(get(fixture, "/echo"), CEDE_OK);
        assert_int_equal(fixture->answer.status, 200);
    }
    loopback_stop(&fixture->loopback);
    fixture->flush_fails = true;
    loopback_serve(&fixture->loopback, &fixture->config);
    assert_int_equal(get(fixture, "/echo"), CEDE_OK);
    assert_answer(fixture, 503, "unavailable");
}

/* What the handler leaves open is told behind the commit, or not at all. */
static void an_answer_may_come_behind_the_commit(void **state)
{
    struct fixture *fixture = *state;
    fixture->config.flush = flush;
    fixture->config.answer_later = answer_later;
    loopback_serve(&fixture->loopback, &fixture->config);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(get(fixture, "/later"), CEDE_OK);
        assert_int_equal(fixture->answer.status, 200);
        assert_non_null(
            memmem(fixture->answer.body.ptr, fixture->answer.body.len, "\"partner\"", 9));
    }
    loopback_stop(&fixture->loopback);
    fixture->flush_fails = true;
    loopback_serve(&fixture->loopback, &fixture->config);
    assert_int_equal(get(fixture, "/later"), CEDE_OK);
    assert_answer(fixture, 503, "unavailable");
}

/* --- limits --------------------------------------------------------------------------------------
 */

/* A connection that never finishes its handshake is ended. */
static void idle_handshake_is_ended(void **state)
{
    struct fixture *fixture = *state;
    char byte = 0;
    loopback_serve(&fixture->loopback, &fixture->config);
    int fd = connect_tcp(fixture);
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&wait, 1, 500), 0); /* not at once */
    assert_int_equal(poll(&wait, 1, 5000), 1);
    assert_true(read(fd, &byte, 1) <= 0);
    close(fd);
}

/* Whoever has shown no certificate makes room for the next one; whoever has stays. */
static void strangers_make_room(void **state)
{
    struct fixture *fixture = *state;
    struct pollfd first = {.events = POLLIN}, second = {.events = POLLIN};
    char byte = 0;

    fixture->config.max_connections = 2;
    fixture->config.handshake_timeout_s = 60;
    loopback_serve(&fixture->loopback, &fixture->config);
    first.fd = connect_tcp(fixture);
    second.fd = connect_tcp(fixture);
    assert_int_equal(get(fixture, "/echo"), CEDE_OK);
    assert_int_equal(poll(&first, 1, 5000), 1);
    assert_true(read(first.fd, &byte, 1) <= 0);
    close(first.fd);
    for (int i = 0; i < 3; i++) { /* newcomers make room for each other */
        first.fd = connect_tcp(fixture);
        assert_int_equal(poll(&second, 1, 5000), 1);
        close(second.fd);
        second.fd = first.fd;
    }
    for (int i = 0; i < 5; i++) { /* one connection carries all requests of a client */
        assert_int_equal(get(fixture, "/echo"), CEDE_OK);
    }
    close(second.fd);
}

/* One record of TLS from `from` to the socket; its type, or -1 behind the last one. */
static int pass_record(BIO *from, int fd)
{
    uint8_t record[5 + 17000];
    int len;

    if (BIO_read(from, record, 5) != 5) {
        return -1;
    }
    len = record[3] << 8 | record[4];
    assert_true(len <= 17000 && BIO_read(from, record + 5, len) == len);
    assert_int_equal(send(fd, record, (size_t)len + 5, MSG_NOSIGNAL), len + 5);
    return record[0];
}

/* A client that shows a certificate, perhaps of somebody else's, and stops where it would have to
 * prove that it has the key. */
static int show_certificate_and_stop(const struct fixture *fixture, const struct tls_identity *tls)
{
    int fd = connect_tcp(fixture);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    char bytes[4096];
    SSL *ssl;

    SSL_CTX_use_certificate(context, tls->certificate);
    SSL_CTX_add1_chain_cert(context, tls->issuer);
    SSL_CTX_use_PrivateKey(context, tls->key);
    ssl = SSL_new(context);
    SSL_set_bio(ssl, in, out);
    SSL_set_connect_state(ssl);
    assert_int_equal(SSL_do_handshake(ssl), -1);
    assert_int_equal(pass_record(out, fd), 22); /* ClientHello */
    while (SSL_do_handshake(ssl) != 1) {
        ssize_t len = read(fd, bytes, sizeof bytes);

        assert_true(len > 0 && BIO_write(in, bytes, (int)len) == len);
    }
    while (pass_record(out, fd) != 23) { /* the first one of these is Certificate */
    }
    SSL_free(ssl);
    SSL_CTX_free(context);
    ERR_clear_error();
    return fd;
}

/* Certificates are no secrets: whoever has not shown that the key is his stays a stranger. */
static void a_borrowed_certificate_keeps_no_place(void **state)
{
    const struct timespec a_while = {0, 200000000};
    struct fixture *fixture = *state;
    int fds[2];

    fixture->config.max_connections = 2;
    fixture->config.handshake_timeout_s = 60;
    loopback_serve(&fixture->loopback, &fixture->config);
    for (size_t i = 0; i < 2; i++) {
        fds[i] = show_certificate_and_stop(fixture, &fixture->partner.tls);
        nanosleep(&a_while, NULL); /* so that the server has it */
    }
    assert_int_equal(get(fixture, "/echo"), CEDE_OK);
    assert_int_equal(fixture->answer.status, 200);
    close(fds[0]);
    close(fds[1]);
}

/* The idle time is for connections where nothing happens: a request has its own. */
static void a_slow_request_is_served(void **state)
{
    const struct timespec a_while = {0, 300000000};
    struct fixture *fixture = *state;
    struct raw_client client;

    fixture->config.idle_timeout_s = 2;
    fixture->config.request_timeout_s = 60;
    loopback_serve(&fixture->loopback, &fixture->config);
    assert_true(raw_open(fixture, TLS1_3_VERSION, &fixture->partner.tls, &client));
    for (int i = 0; i < 2; i++) { /* the first one is nothing else */
        assert_true(raw_write(&client, "POST /echo HTTP/1.1\r\nHost: localhost\r\n"
                                       "Content-Type: application/json\r\n"
                                       "Content-Length: 10\r\n\r\n"));
        for (int at = 0; at < 10; at++) {
            nanosleep(&a_while, NULL);
            assert_true(raw_write(&client, "1"));
        }
        assert_true(raw_is_answered(&client));
    }
    raw_close(&client);
}

/* Whoever takes no answers and sends on fills no memory. */
static void requests_behind_an_answer_wait_outside(void **state)
{
    static char flood[65536];
    struct fixture *fixture = *state;
    struct raw_client client;
    size_t sent = 0;
    struct pollfd wait = {.events = POLLOUT};

    loopback_serve(&fixture->loopback, &fixture->config);
    assert_true(raw_open(fixture, TLS1_3_VERSION, &fixture->partner.tls, &client));
    for (int i = 0; i < 200; i++) { /* 40 MB of answers, more than any socket takes */
        assert_true(raw_write(&client, "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    }
    wait.fd = client.fd;
    SSL_set_mode(client.ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    assert_int_equal(fcntl(client.fd, F_SETFL, O_NONBLOCK), 0);
    while (sent < ((size_t)64 << 20) && poll(&wait, 1, 1000) == 1) {
        int len = SSL_write(client.ssl, flood, sizeof flood);

        if (len <= 0 && SSL_get_error(client.ssl, len) != SSL_ERROR_WANT_WRITE) {
            break;
        }
        sent += len > 0 ? (size_t)len : 0;
    }
    assert_true(sent < ((size_t)32 << 20));
    raw_close(&client);
}

/* Runs `attack` against a new server; its log has `line` once, with the address, and one line. */
static void assert_told(struct fixture *fixture, void (*attack)(struct fixture *fixture),
                        const char *line)
{
    struct heard_log heard = heard_log_begin();

    loopback_serve(&fixture->loopback, &fixture->config);
    attack(fixture);
    loopback_stop(&fixture->loopback);
    if (heard_log_count(&heard, line) != 1 || heard_log_count(&heard, "\n") != 1 ||
        heard_log_count(&heard, "127.0.0.1 port ") != 1) {
        char all[4096] = "";

        (void)!pread(heard.fd, all, sizeof all - 1, 0);
        heard_log_end(&heard);
        fail_msg("not once '%s': %s", line, all);
    }
    heard_log_end(&heard);
}

static void await_end(int fd)
{
    char bytes[4096];

    while (read(fd, bytes, sizeof bytes) > 0) {
    }
}

static void speak_plainly(struct fixture *fixture)
{
    static const char request[] = "GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n";
    int fd = connect_tcp(fixture);

    assert_int_equal(write(fd, request, sizeof request - 1), sizeof request - 1);
    await_end(fd);
    close(fd);
}

static void say_nothing(struct fixture *fixture)
{
    int fd = connect_tcp(fixture);

    await_end(fd);
    close(fd);
}

static void speak_tls_1_1(struct fixture *fixture)
{
    assert_false(raw_client_is_answered(fixture, TLS1_1_VERSION, &fixture->partner.tls));
}

static void show_nothing(struct fixture *fixture)
{
    assert_false(raw_client_is_answered(fixture, TLS1_3_VERSION, NULL));
}

static void stop_short_of_the_proof(struct fixture *fixture)
{
    int fd = show_certificate_and_stop(fixture, &fixture->partner.tls);

    await_end(fd);
    close(fd);
}

/* Text inside TLS, until the server hangs up. */
static void say_inside(struct fixture *fixture, const char *text)
{
    struct raw_client client;
    char answer[2048];

    assert_true(raw_open(fixture, TLS1_3_VERSION, &fixture->partner.tls, &client));
    (void)raw_write(&client, text);
    while (SSL_read(client.ssl, answer, sizeof answer) > 0) {
    }
    raw_close(&client);
}

static void speak_no_http(struct fixture *fixture)
{
    say_inside(fixture, "\x01\x02 what is this?\r\n\r\n");
}

static void use_an_unknown_method(struct fixture *fixture)
{
    say_inside(fixture, "BREW /echo HTTP/1.1\r\nHost: localhost\r\n\r\n");
}

static void send_long_headers(struct fixture *fixture)
{
    static char text[20000];

    memset(text, 'a', sizeof text - 1);
    memcpy(text, "GET /echo HTTP/1.1\r\nX: ", 24);
    say_inside(fixture, text);
}

static void send_a_flood(struct fixture *fixture)
{
    static const char head[] = "POST /echo HTTP/1.1\r\nHost: localhost\r\n"
                               "Content-Length: 1000000\r\n\r\n";
    static char text[sizeof head + 1000000];

    memset(text, 'a', sizeof text - 1);
    memcpy(text, head, sizeof head - 1);
    say_inside(fixture, text);
}

static void renegotiate(struct fixture *fixture)
{
    struct raw_client client;

    assert_true(raw_open(fixture, TLS1_2_VERSION, &fixture->partner.tls, &client));
    assert_true(raw_get(&client));
    SSL_renegotiate(client.ssl);
    assert_false(SSL_do_handshake(client.ssl) == 1 && raw_get(&client));
    raw_close(&client);
}

/* Who was refused before a handler could, is in the log once: the address, or the name once it is
 * proven, and the reason. */
static void refusals_are_told(void **state)
{
    struct fixture *fixture = *state;

    assert_told(fixture, speak_plainly, "no TLS");
    assert_told(fixture, speak_tls_1_1, "protocol version");
    assert_told(fixture, show_nothing, "certificate required");
    assert_told(fixture, say_nothing, "no handshake in time");
    assert_told(fixture, stop_short_of_the_proof, "no handshake in time");
    fixture->config.request_timeout_s = 1;
    assert_told(fixture, speak_no_http, "partner: 400 Bad Request");
    assert_told(fixture, use_an_unknown_method, "partner: 501 Not Implemented");
    assert_told(fixture, send_long_headers, "partner: ");
    assert_told(fixture, send_a_flood, "partner: 413");
    fixture->config.tls12 = true;
    assert_told(fixture, renegotiate, "no renegotiation");
}

/* A client that asks before it sends its body is no stranger to the log. */
static void to_go_on_is_no_refusal(void **state)
{
    static const char head[] = "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
                               "Content-Type: application/json\r\nExpect: 100-continue\r\n\r\n";
    struct fixture *fixture = *state;
    struct heard_log heard = heard_log_begin();
    struct raw_client client;
    char answer[256] = "";

    loopback_serve(&fixture->loopback, &fixture->config);
    assert_true(raw_open(fixture, TLS1_3_VERSION, &fixture->partner.tls, &client));
    assert_true(raw_write(&client, head));
    assert_true(SSL_read(client.ssl, answer, sizeof answer - 1) > 0);
    assert_string_equal(answer, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_true(raw_write(&client, "{}"));
    assert_true(raw_is_answered(&client));
    raw_close(&client);
    assert_int_equal(heard_log_count(&heard, "\n"), 0);
    heard_log_end(&heard);
}

/* After a good request a second one that comes byte by byte: the time is not for each byte. */
static void a_request_that_drips_is_ended(void **state)
{
    const struct timespec a_while = {0, 100000000};
    struct fixture *fixture = *state;
    struct heard_log heard = heard_log_begin();
    struct raw_client client;
    int drops = 0;

    fixture->config.request_timeout_s = 1;
    loopback_serve(&fixture->loopback, &fixture->config);
    assert_true(raw_open(fixture, TLS1_3_VERSION, &fixture->partner.tls, &client));
    assert_true(raw_get(&client));
    assert_true(raw_write(&client, "POST /echo HTTP/1.1\r\nHost: localhost\r\n"
                                   "Content-Type: application/json\r\n"
                                   "Content-Length: 1000\r\n\r\n"));
    while (drops < 300 && raw_write(&client, "x")) {
        nanosleep(&a_while, NULL);
        drops++;
    }
    assert_true(drops < 300);
    raw_close(&client);
    assert_int_equal(heard_log_count(&heard, "its request took too long"), 1);
    heard_log_end(&heard);
}

/* --- the client's side
 * ---------------------------------------------------------------------------- */

/* The client trusts the one anchor it was given, and the names in the server's certificate. */
static void client_trusts_one_anchor(void **state)
{
    struct fixture *fixture = *state;
    char url[128];
    loopback_serve(&fixture->loopback, &fixture->config);
    snprintf(url, sizeof url, "https://127.0.0.1:%u/echo", fixture->loopback.port);
    struct https_client_request request = {
        .method = "GET", .url = url, .anchor = fixture->server.identity.certificate_der};
    assert_int_equal(https_client_ask(fixture->client, &request, &fixture->answer), CEDE_OK);
    /* A kept connection does not help a wrong anchor. */
    request.anchor = fixture->stranger.identity.certificate_der;
    assert_int_equal(https_client_ask(fixture->client, &request, &fixture->answer), CEDE_HTTPS_TLS);
    request.anchor = CEDE_SPAN_TEXT("no certificate");
    assert_int_equal(https_client_ask(fixture->client, &request, &fixture->answer),
                     CEDE_IDENTITY_FORMAT);
    /* 127.0.0.2 reaches the same server, but is not one of its names. */
    snprintf(url, sizeof url, "https://127.0.0.2:%u/echo", fixture->loopback.port);
    request.anchor = fixture->server.identity.certificate_der;
    assert_int_equal(https_client_ask(fixture->client, &request, &fixture->answer), CEDE_HTTPS_TLS);
}

struct revocations {
    bool revoked;
    unsigned asked;
    uint8_t anchor[32];
    size_t serial_len;
};

static enum cede_status check_revoked(void *context, const uint8_t anchor[32],
                                      struct cede_span serial)
{
    struct revocations *known = context;

    known->asked++;
    memcpy(known->anchor, anchor, 32);
    known->serial_len = serial.len;
    return known->revoked ? CEDE_CA_REVOKED : CEDE_OK;
}

/* Whoever is asked about the server's certificate can end the handshake. */
static void a_revoked_server_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct revocations known = {.revoked = false};
    struct https_client_config config = {.tls = &fixture->partner.tls,
                                         .timeout_ms = 20000,
                                         .check = check_revoked,
                                         .check_context = &known};
    struct https_client *client = NULL;

    loopback_serve(&fixture->loopback, &fixture->config);
    assert_int_equal(https_client_new(&config, &client), CEDE_OK);
    assert_int_equal(ask_as(fixture, client, "GET", "/echo", NULL, CEDE_SPAN_NULL), CEDE_OK);
    assert_int_equal(known.asked, 1);
    assert_memory_equal(known.anchor, fixture->server.identity.thumbprint, 32);
    assert_true(known.serial_len > 0);
    https_client_free(client);
    known.revoked = true;
    assert_int_equal(https_client_new(&config, &client), CEDE_OK);
    assert_int_equal(ask_as(fixture, client, "GET", "/echo", NULL, CEDE_SPAN_NULL), CEDE_HTTPS_TLS);
    https_client_free(client);
}

/* The certificate of `tls` without an extension, signed again. */
static void strip(struct organisation *owner, int nid)
{
    X509 *made = X509_dup(owner->tls.certificate);

    X509_EXTENSION_free(X509_delete_ext(made, X509_get_ext_by_NID(made, nid, -1)));
    assert_true(X509_sign(made, owner->identity.key, EVP_sha256()) > 0);
    X509_free(owner->tls.certificate);
    owner->tls.certificate = made;
}

/* As the certificate of a device would, whose name its maker has chosen. */
static void a_certificate_not_made_for_servers_is_refused(void **state)
{
    static const int needed[] = {NID_ext_key_usage, NID_subject_alt_name};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        struct organisation whole = fixture->server;

        assert_int_equal(X509_up_ref(whole.tls.certificate), 1);
        strip(&fixture->server, needed[i]);
        loopback_serve(&fixture->loopback, &fixture->config);
        assert_int_equal(get(fixture, "/echo"), CEDE_HTTPS_TLS);
        loopback_stop(&fixture->loopback);
        X509_free(fixture->server.tls.certificate);
        fixture->server.tls.certificate = whole.tls.certificate;
    }
    loopback_serve(&fixture->loopback, &fixture->config);
    assert_int_equal(get(fixture, "/echo"), CEDE_OK);
}

static void a_certificate_not_made_for_clients_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct https_client *client;

    strip(&fixture->partner, NID_ext_key_usage);
    client = client_of(&fixture->partner);
    loopback_serve(&fixture->loopback, &fixture->config);
    assert_locked_out(fixture, client);
    https_client_free(client);
}

/* Each way an exchange can fail has its status. */
static void client_failures_are_told_apart(void **state)
{
    struct fixture *fixture = *state;
    char url[128];
    struct https_client_request request = {
        .method = "GET", .url = url, .anchor = fixture->server.identity.certificate_der};
    loopback_serve(&fixture->loopback, &fixture->config);
    assert_int_equal(get(fixture, "/large"), CEDE_HTTPS_TOO_LONG);
    assert_null(fixture->answer.body.ptr);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/echo", fixture->loopback.port);
    assert_int_equal(https_client_ask(fixture->client, &request, &fixture->answer), CEDE_HTTPS_URL);
    loopback_stop(&fixture->loopback);
    /* The socket still listens, but nobody accepts. */
    struct https_client_config impatient = {.tls = &fixture->partner.tls, .timeout_ms = 300};
    struct https_client *client = NULL;
    assert_int_equal(https_client_new(&impatient, &client), CEDE_OK);
    assert_int_equal(ask_as(fixture, client, "GET", "/echo", NULL, CEDE_SPAN_NULL),
                     CEDE_HTTPS_TIMEOUT);
    https_client_free(client);
    snprintf(url, sizeof url, "https://127.0.0.1:1/echo");
    assert_int_equal(https_client_ask(fixture->client, &request, &fixture->answer),
                     CEDE_HTTPS_UNREACHABLE);
    /* A line break in a header's value would be a header of someone else's making. */
    request.content_type = "text/plain\r\nX-Evil: 1";
    assert_int_equal(https_client_ask(fixture->client, &request, &fixture->answer),
                     CEDE_BAD_ARGUMENT);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(partner_is_served),
        T(a_revoked_server_is_refused),
        T(a_certificate_not_made_for_servers_is_refused),
        T(a_certificate_not_made_for_clients_is_refused),
        T(partners_come_and_go),
        T(borrowed_anchor_is_refused),
        T(pinned_sub_ca_is_enough),
        T(weak_clients_are_refused),
        T(bad_requests_are_told_apart),
        T(flood_is_not_read),
        T(statuses_map_by_class),
        T(answers_wait_for_the_commit),
        T(an_answer_may_come_behind_the_commit),
        T(idle_handshake_is_ended),
        T(strangers_make_room),
        T(a_borrowed_certificate_keeps_no_place),
        T(a_slow_request_is_served),
        T(requests_behind_an_answer_wait_outside),
        T(refusals_are_told),
        T(to_go_on_is_no_refusal),
        T(a_request_that_drips_is_ended),
        T(client_trusts_one_anchor),
        T(client_failures_are_told_apart),
    };
    return cmocka_run_group_tests_name("https", tests, NULL, NULL);
}
