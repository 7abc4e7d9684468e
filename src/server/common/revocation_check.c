/* SPDX-License-Identifier: Apache-2.0 */
/* revocation_check.c - fetching, checking and judging lists of revocations. */
#include "server/common/revocation_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "cede/status_proof.h"
#include "server/common/hex.h"

#define LIST_MAX           (128u << 20)
#define ANSWER_MAX         (64u << 10)
#define CONNECT_TIMEOUT_MS 5000L
#define TIMEOUT_MS         60000L /* a list of a million entries is 40 MB */
#define SLOW_BYTES         1000L  /* a second, for ... */
#define SLOW_S             10L

struct revocation_client {
    CURL *curl;
    uint8_t *body;
    size_t len;
    size_t cap;
    size_t limit;
    bool too_long;
};

enum cede_status revocation_client_new(struct revocation_client **client)
{
    struct revocation_client *made = calloc(1, sizeof *made);

    *client = NULL;
    if (made == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(made);
        return CEDE_SERVER_FAILED;
    }
    made->curl = curl_easy_init();
    if (made->curl == NULL) {
        free(made);
        return CEDE_SERVER_FAILED;
    }
    *client = made;
    return CEDE_OK;
}

void revocation_client_free(struct revocation_client *client)
{
    if (client == NULL) {
        return;
    }
    curl_easy_cleanup(client->curl);
    free(client->body);
    free(client);
}

/* --- fetching --------------------------------------------------------------------------------- */

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct revocation_client *client = context;
    size_t len = size * count;

    if (len > client->limit - client->len) {
        client->too_long = true;
        return 0; /* curl ends the exchange */
    }
    if (client->len + len > client->cap) {
        size_t cap = client->cap < 65536 ? 65536 : client->cap;
        uint8_t *grown;
        while (cap < client->len + len) {
            cap *= 2;
        }
        grown = realloc(client->body, cap);
        if (grown == NULL) {
            return 0;
        }
        client->body = grown;
        client->cap = cap;
    }
    if (len > 0) {
        memcpy(client->body + client->len, data, len);
    }
    client->len += len;
    return len;
}

static enum cede_status status_of(const struct revocation_client *client, CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        return CEDE_OK;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return CEDE_HTTPS_URL;
    case CURLE_OPERATION_TIMEDOUT:
        return CEDE_HTTPS_TIMEOUT;
    case CURLE_WRITE_ERROR:
        return client->too_long ? CEDE_HTTPS_TOO_LONG : CEDE_SERVER_MEMORY;
    default:
        return CEDE_HTTPS_UNREACHABLE;
    }
}

/* Nothing is secret here, and what comes is signed: plain HTTP, no proxy, nothing followed. */
static bool set_options(struct revocation_client *client, const char *url, long timeout_ms)
{
    CURL *curl = client->curl;

    curl_easy_reset(curl);
    return curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, SLOW_S) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEDATA, client) == CURLE_OK;
}

static enum cede_status perform(struct revocation_client *client, size_t limit,
                                struct cede_span *der)
{
    long http = 0;

    *der = CEDE_SPAN_NULL;
    client->len = 0;
    client->limit = limit;
    client->too_long = false;
    CEDE_TRY(status_of(client, curl_easy_perform(client->curl)));
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &http);
    if (http != 200 || client->len == 0) {
        return CEDE_HTTPS_REFUSED;
    }
    *der = cede_span(client->body, client->len);
    return CEDE_OK;
}

static enum cede_status fetch(struct revocation_client *client, const char *url,
                              struct cede_span *der)
{
    return set_options(client, url, TIMEOUT_MS) ? perform(client, LIST_MAX, der)
                                                : CEDE_SERVER_FAILED;
}

static enum cede_status post(struct revocation_client *client, const char *url,
                             struct cede_span request, struct cede_span *der)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/ocsp-request");
    enum cede_status status = CEDE_SERVER_FAILED;

    if (headers != NULL && set_options(client, url, CONNECT_TIMEOUT_MS) &&
        curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
        curl_easy_setopt(client->curl, CURLOPT_POSTFIELDSIZE, (long)request.len) == CURLE_OK &&
        curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, request.ptr) == CURLE_OK) {
        status = perform(client, ANSWER_MAX, der);
    }
    curl_slist_free_all(headers);
    return status;
}

enum cede_status revocation_ask(struct revocation_client *client, const char *url,
                                struct cede_span issuer, struct cede_span serial, uint64_t now,
                                struct ocsp_word *word)
{
    uint8_t bytes[OCSP_CLIENT_REQUEST_MAX];
    struct cede_span request, response;

    CEDE_TRY(ocsp_client_request(issuer, serial, CEDE_BUF_ARRAY(bytes), &request));
    CEDE_TRY(post(client, url, request, &response));
    return ocsp_client_take(response, issuer, serial, now, word);
}

/* --- checking --------------------------------------------------------------------------------- */

static void number_text(struct cede_span number, char text[REVOCATION_NUMBER_LEN + 1])
{
    size_t zeros = REVOCATION_NUMBER_LEN - 2 * number.len;

    memset(text, '0', zeros);
    hex_encode(number.ptr, number.len, text + zeros);
}

/* Signature first: what is not by the CA says nothing. */
static enum cede_status check(const struct crl_view *crl, const struct cede_certificate *issuer,
                              uint64_t now, const struct revocation_source *source)
{
    char number[REVOCATION_NUMBER_LEN + 1], base[REVOCATION_NUMBER_LEN + 1];

    CEDE_TRY(crl_verify(crl, cede_crypto_openssl(), issuer));
    if (crl->this_update > now + CEDE_STATUS_SKEW || crl->next_update < now) {
        return CEDE_REVOCATION_STALE;
    }
    number_text(crl->number, number);
    number_text(crl->base_number, base);
    if (strcmp(number, source->number) < 0) {
        return CEDE_REVOCATION_BACK;
    }
    if (crl->is_delta && strcmp(base, source->number) > 0) {
        return CEDE_NOT_FOUND; /* it adds to a list that was never seen */
    }
    return CEDE_OK;
}

/* A list with an entry that cannot be understood tells nothing (RFC 5280, section 5.3). */
static enum cede_status check_entries(const struct crl_view *crl)
{
    struct cede_reader reader = cede_reader(crl->entries);
    struct crl_entry entry;

    while (crl_next(&reader, &entry)) {
    }
    return cede_reader_finish(&reader);
}

static enum cede_status hand_on(const struct crl_view *crl, const struct revocation_sink *sink)
{
    struct cede_reader reader = cede_reader(crl->entries);
    struct crl_entry entry;

    CEDE_TRY(check_entries(crl));
    while (crl_next(&reader, &entry)) {
        if (!cede_span_is_null(entry.serial) && entry.reason != CRL_REASON_REMOVE) {
            CEDE_TRY(sink->on_revoked(sink->context, &entry));
        }
    }
    return cede_reader_finish(&reader);
}

enum cede_status revocation_take(struct cede_span der, const struct cede_certificate *issuer,
                                 uint64_t now, const struct revocation_sink *sink,
                                 struct revocation_source *source)
{
    char number[REVOCATION_NUMBER_LEN + 1];
    struct crl_view crl;

    CEDE_TRY(crl_decode(der, &crl));
    CEDE_TRY(check(&crl, issuer, now, source));
    number_text(crl.number, number);
    if (strcmp(number, source->number) > 0) {
        CEDE_TRY(hand_on(&crl, sink));
    }
    memcpy(source->number, number, sizeof number);
    source->next_update = (int64_t)crl.next_update;
    if (!crl.is_delta) {
        size_t len = crl.freshest_uri.len < REVOCATION_URL_MAX ? crl.freshest_uri.len : 0;
        snprintf(source->delta_url, sizeof source->delta_url, "%.*s", (int)len,
                 len == 0 ? "" : (const char *)crl.freshest_uri.ptr);
    }
    return CEDE_OK;
}

/* At the address that the operator has named: a CA is not to send this server's requests to others,
 * such as those that only it can reach. */
static bool is_beside(const char *delta_url, const char *url)
{
    static const char scheme[] = "http://";
    size_t len = sizeof scheme - 1;

    if (strncmp(url, scheme, len) != 0) {
        return false;
    }
    len += strcspn(url + len, "/?#");
    return strncmp(delta_url, url, len) == 0 && delta_url[len] == '/';
}

enum cede_status revocation_update(struct revocation_client *client,
                                   const struct cede_certificate *issuer, uint64_t now,
                                   const struct revocation_sink *sink,
                                   struct revocation_source *source)
{
    enum cede_status by_delta = CEDE_OK, status = CEDE_OK;
    struct cede_span der;

    if (source->number[0] != '\0' && is_beside(source->delta_url, source->url)) {
        by_delta = fetch(client, source->delta_url, &der);
        if (by_delta == CEDE_OK) {
            by_delta = revocation_take(der, issuer, now, sink, source);
        }
        if (by_delta == CEDE_OK) {
            return CEDE_OK;
        }
    }
    CEDE_TRY(fetch(client, source->url, &der));
    status = revocation_take(der, issuer, now, sink, source);
    /* Older than the last delta, as it may be: what is wrong is that there is no newer delta. */
    return status == CEDE_REVOCATION_BACK && by_delta != CEDE_OK ? by_delta : status;
}

/* --- judging ---------------------------------------------------------------------------------- */

enum cede_status revocation_judge(const struct revocation_policy *policy, int64_t checked_at,
                                  int64_t next_update, int64_t now)
{
    int64_t age = now - checked_at;

    if (checked_at == 0 || age < -(int64_t)CEDE_STATUS_SKEW) {
        return CEDE_REVOCATION_UNKNOWN; /* nothing to go by, or of a clock that was wrong */
    }
    if (age <= (int64_t)policy->freshness_s && now <= next_update) {
        return CEDE_OK;
    }
    if (policy->refuse || age > (int64_t)policy->freshness_s + (int64_t)policy->grace_s) {
        return CEDE_REVOCATION_UNKNOWN;
    }
    return CEDE_OK;
}
