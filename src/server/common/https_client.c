/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTPS over libcurl. The trust settings go into the SSL_CTX of each connection, where curl does
 * not see them when it looks for a connection to use again; so each pinned anchor has a curl handle
 * and thereby a connection cache of its own.
 */
#include "server/common/https_client.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#define HANDLES_MAX             16 /* partners whose connections are kept */
#define DEFAULT_CONNECT_TIMEOUT 5000
#define DEFAULT_TIMEOUT         30000
#define DEFAULT_MAX_BODY        (8u << 20)

struct handle {
    CURL *curl; /* null: free */
    X509 *anchor;
    uint64_t used;
};

struct https_client {
    struct https_client_config config;
    struct handle handles[HANDLES_MAX];
    uint64_t turn;
    uint8_t *body;
    size_t body_len;
    size_t body_cap;
    bool too_long;
    char error[CURL_ERROR_SIZE + 64];
};

static int client_index = -1; /* OpenSSL ex data slot, taken once a process */

const char *https_client_error(const struct https_client *client)
{
    return client->error;
}

static enum cede_status fail(struct https_client *client, enum cede_status status,
                             const char *detail)
{
    snprintf(client->error, sizeof client->error, "%s%s%s", cede_status_reason(status),
             detail[0] == '\0' ? "" : ": ", detail);
    return status;
}

/* --- life ---------------------------------------------------------------------------------------
 */

enum cede_status https_client_new(const struct https_client_config *config,
                                  struct https_client **client)
{
    static bool initialised; /* curl wants it once a process */
    *client = NULL;
    if (!initialised && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return CEDE_SERVER_FAILED;
    }
    initialised = true;
    if (client_index < 0) {
        client_index =
            CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_X509_STORE, 0, NULL, NULL, NULL, NULL);
    }
    struct https_client *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return CEDE_SERVER_FAILED;
    }
    made->config = *config;
    if (made->config.connect_timeout_ms == 0) {
        made->config.connect_timeout_ms = DEFAULT_CONNECT_TIMEOUT;
    }
    if (made->config.timeout_ms == 0) {
        made->config.timeout_ms = DEFAULT_TIMEOUT;
    }
    if (made->config.max_body == 0) {
        made->config.max_body = DEFAULT_MAX_BODY;
    }
    *client = made;
    return CEDE_OK;
}

static void handle_close(struct handle *handle)
{
    curl_easy_cleanup(handle->curl);
    X509_free(handle->anchor);
    memset(handle, 0, sizeof *handle);
}

void https_client_free(struct https_client *client)
{
    if (client == NULL) {
        return;
    }
    for (size_t i = 0; i < HANDLES_MAX; i++) {
        handle_close(&client->handles[i]);
    }
    free(client->body);
    free(client);
}

/* --- the handle for an anchor -------------------------------------------------------------------
 */

static struct handle *handle_for(struct https_client *client, X509 *anchor)
{
    struct handle *oldest = &client->handles[0];
    for (size_t i = 0; i < HANDLES_MAX; i++) {
        struct handle *handle = &client->handles[i];
        if (handle->curl != NULL && X509_cmp(handle->anchor, anchor) == 0) {
            return handle;
        }
        if (handle->used < oldest->used) {
            oldest = handle;
        }
    }
    handle_close(oldest);
    oldest->curl = curl_easy_init();
    oldest->anchor = anchor;
    if (oldest->curl == NULL) {
        oldest->anchor = NULL;
        return NULL;
    }
    X509_up_ref(anchor);
    return oldest;
}

static enum cede_status take_handle(struct https_client *client, struct cede_span anchor_der,
                                    struct handle **handle)
{
    const uint8_t *at = anchor_der.ptr;
    X509 *anchor = at == NULL ? NULL : d2i_X509(NULL, &at, (long)anchor_der.len);
    if (anchor == NULL || at != anchor_der.ptr + anchor_der.len) {
        X509_free(anchor);
        return fail(client, CEDE_IDENTITY_FORMAT, "the pinned anchor is no certificate");
    }
    *handle = handle_for(client, anchor);
    X509_free(anchor);
    if (*handle == NULL) {
        return fail(client, CEDE_SERVER_FAILED, "");
    }
    (*handle)->used = ++client->turn;
    return CEDE_OK;
}

/* --- curl's callbacks ---------------------------------------------------------------------------
 */

struct ask {
    struct https_client *client;
    struct handle *handle;
};

/* A CA certifies devices, too, whose names others choose and whose certificates say of no purpose
 * that they are not for it: a server's is made to be one, and has its names where they belong. */
static bool is_made_for_servers(X509 *certificate)
{
    uint32_t purposes = X509_get_extended_key_usage(certificate);

    return purposes != UINT32_MAX && (purposes & XKU_SSL_SERVER) != 0 &&
           X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1) >= 0;
}

static bool is_revoked(const struct https_client *client, X509 *anchor, X509 *server)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(server);
    uint8_t thumbprint[32];

    return identity_thumbprint(anchor, thumbprint) != CEDE_OK ||
           client->config.check(client->config.check_context, thumbprint,
                                cede_span(ASN1_STRING_get0_data(serial),
                                          (size_t)ASN1_STRING_length(serial))) != CEDE_OK;
}

/* After OpenSSL's own checks of a certificate: is the server's own for that, and not revoked? */
static int on_verify(int verified, X509_STORE_CTX *context)
{
    X509_STORE *store = X509_STORE_CTX_get0_store(context);
    const struct https_client *client = X509_STORE_get_ex_data(store, client_index);
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(context);
    X509 *anchor = chain == NULL ? NULL : sk_X509_value(chain, sk_X509_num(chain) - 1);
    X509 *server = X509_STORE_CTX_get0_cert(context);

    if (verified != 1 || X509_STORE_CTX_get_error_depth(context) > 0) {
        return verified;
    }
    if (client == NULL || anchor == NULL || server == NULL || !is_made_for_servers(server)) {
        X509_STORE_CTX_set_error(context, X509_V_ERR_INVALID_PURPOSE);
        return 0;
    }
    if (client->config.check != NULL && is_revoked(client, anchor, server)) {
        X509_STORE_CTX_set_error(context, X509_V_ERR_CERT_REVOKED);
        return 0;
    }
    return 1;
}

/* For each new connection: who we are, and the one anchor we trust. */
static CURLcode on_tls(CURL *curl, void *ssl_ctx, void *context)
{
    const struct ask *ask = context;
    const struct tls_identity *tls = ask->client->config.tls;
    SSL_CTX *target = ssl_ctx;
    X509_STORE *store = X509_STORE_new();
    (void)curl;
    if (store == NULL || X509_STORE_add_cert(store, ask->handle->anchor) != 1 ||
        SSL_CTX_use_certificate(target, tls->certificate) != 1 ||
        SSL_CTX_add1_chain_cert(target, tls->issuer) != 1 ||
        SSL_CTX_use_PrivateKey(target, tls->key) != 1) {
        X509_STORE_free(store);
        return CURLE_SSL_CERTPROBLEM;
    }
    X509_STORE_set_verify_cb(store, on_verify);
    if (X509_STORE_set_ex_data(store, client_index, ask->client) != 1) {
        X509_STORE_free(store);
        return CURLE_SSL_CERTPROBLEM;
    }
    SSL_CTX_set_cert_store(target, store); /* takes it over */
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(target), X509_V_FLAG_PARTIAL_CHAIN);
    return CURLE_OK;
}

static bool grow(struct https_client *client, size_t needed)
{
    if (needed <= client->body_cap) {
        return true;
    }
    size_t cap = client->body_cap == 0 ? 4096 : client->body_cap;
    while (cap < needed) {
        cap *= 2;
    }
    uint8_t *grown = realloc(client->body, cap);
    if (grown == NULL) {
        return false;
    }
    client->body = grown;
    client->body_cap = cap;
    return true;
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct https_client *client = context;
    size_t len = size * count;
    if (len > client->config.max_body - client->body_len) {
        client->too_long = true;
        return 0; /* curl ends the exchange */
    }
    if (!grow(client, client->body_len + len + 1)) {
        return 0;
    }
    if (len > 0) {
        memcpy(client->body + client->body_len, data, len);
    }
    client->body_len += len;
    client->body[client->body_len] = 0;
    return len;
}

/* --- one exchange -------------------------------------------------------------------------------
 */

static bool set_request(CURL *curl, const struct https_client_request *request,
                        struct curl_slist *headers)
{
    bool has_body = request->body.ptr != NULL;
    bool ok = curl_easy_setopt(curl, CURLOPT_URL, request->url) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK;
    if (has_body) {
        ok =
            ok && curl_easy_setopt(curl, CURLOPT_POST, 1L) == CURLE_OK &&
            curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len) ==
                CURLE_OK &&
            curl_easy_setopt(curl, CURLOPT_POSTFIELDS, (const char *)request->body.ptr) == CURLE_OK;
    } else if (strcmp(request->method, "HEAD") == 0) {
        ok = ok && curl_easy_setopt(curl, CURLOPT_NOBODY, 1L) == CURLE_OK;
    }
    return ok && curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method) == CURLE_OK;
}

/* Everything curl would otherwise guess from the environment is set. */
static bool set_trust(const struct ask *ask)
{
    CURL *curl = ask->handle->curl;
    const struct https_client_config *config = &ask->client->config;
    return curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_SSL_SESSIONID_CACHE, 0L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_CAINFO, NULL) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_CAPATH, NULL) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, on_tls) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_SSL_CTX_DATA, ask) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, config->connect_timeout_ms) ==
               CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, config->timeout_ms) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEDATA, ask->client) == CURLE_OK;
}

/* "NAME: VALUE", or "NAME:" to keep curl from sending it. A line break would start a header of the
 * caller's making. */
static bool add_header(struct curl_slist **headers, const char *name, const char *value)
{
    char line[256];
    bool clean = value == NULL || strpbrk(value, "\r\n") == NULL;
    int len = snprintf(line, sizeof line, "%s:%s%s", name, value == NULL ? "" : " ",
                       value == NULL ? "" : value);
    struct curl_slist *grown =
        clean && len > 0 && len < (int)sizeof line ? curl_slist_append(*headers, line) : NULL;
    if (grown == NULL) {
        return false;
    }
    *headers = grown;
    return true;
}

static enum cede_status status_of(struct https_client *client, CURLcode code, const char *text)
{
    if (text[0] == '\0') {
        text = curl_easy_strerror(code);
    }
    switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return fail(client, CEDE_HTTPS_URL, text);
    case CURLE_OPERATION_TIMEDOUT:
        return fail(client, CEDE_HTTPS_TIMEOUT, text);
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
        return fail(client, CEDE_HTTPS_TLS, text);
    case CURLE_WRITE_ERROR:
        return fail(client, client->too_long ? CEDE_HTTPS_TOO_LONG : CEDE_SERVER_FAILED, "");
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
        return fail(client, CEDE_SERVER_FAILED, text);
    case CURLE_RECV_ERROR:
        /* With TLS 1.3 the server judges our certificate after our side is done: its alert comes
         * when we read. */
        return fail(client, strstr(text, "alert") != NULL ? CEDE_HTTPS_TLS : CEDE_HTTPS_UNREACHABLE,
                    text);
    default:
        return fail(client, CEDE_HTTPS_UNREACHABLE, text);
    }
}

static void read_answer(struct https_client *client, CURL *curl, struct https_client_answer *answer)
{
    long status = 0;
    const char *type = NULL;
    size_t len = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
    answer->status = (int)status;
    while (type != NULL && type[len] != '\0' && type[len] != ';' && type[len] != ' ' &&
           len + 1 < sizeof answer->content_type) {
        answer->content_type[len] = (char)tolower((unsigned char)type[len]);
        len++;
    }
    answer->content_type[len] = '\0';
    answer->body = cede_span(client->body, client->body_len);
}

static enum cede_status perform(struct ask *ask, const struct https_client_request *request,
                                struct curl_slist *headers, struct https_client_answer *answer)
{
    CURL *curl = ask->handle->curl;
    char text[CURL_ERROR_SIZE] = "";
    curl_easy_reset(curl); /* keeps the connections */
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, text);
    if (!set_trust(ask) || !set_request(curl, request, headers)) {
        return fail(ask->client, CEDE_SERVER_FAILED, "curl options");
    }
    CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK) {
        return status_of(ask->client, code, text);
    }
    read_answer(ask->client, curl, answer);
    return CEDE_OK;
}

enum cede_status https_client_ask(struct https_client *client,
                                  const struct https_client_request *request,
                                  struct https_client_answer *answer)
{
    struct ask ask = {client, NULL};
    struct curl_slist *headers = NULL;
    memset(answer, 0, sizeof *answer);
    client->error[0] = '\0';
    client->body_len = 0;
    client->too_long = false;
    if (!grow(client, 1)) {
        return fail(client, CEDE_SERVER_FAILED, "");
    }
    client->body[0] = 0;
    CEDE_TRY(take_handle(client, request->anchor, &ask.handle));
    enum cede_status status = CEDE_BAD_ARGUMENT;
    if (add_header(&headers, "Content-Type", request->content_type) &&
        add_header(&headers, "Accept", request->accept) && add_header(&headers, "Expect", NULL)) {
        status = perform(&ask, request, headers, answer);
    }
    curl_slist_free_all(headers);
    return status;
}
