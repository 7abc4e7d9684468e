/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revocation_cache_test.c - what a relying server believes of OCSP responses, and whom it lets in:
 * by a CA's list, by its responder over a real socket, by its own interface, and by none of them.
 */
#include "revocation_world.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/common/hex.h"
#include "server/common/https_server.h"
#include "server/common/revocation_cache.h"

#define CA "CA1"

static const struct revocation_policy soft = {600, 3600, false};
static const struct revocation_policy strict = {600, 3600, true};

/* --- responses -------------------------------------------------------------------------------- */

static struct cede_span ask(struct world *w, uint32_t index, uint8_t *memory, size_t cap)
{
    struct http_door_response response = {.status = 404};
    struct http_door_request request = {.is_post = true, .path = "/ocsp", .content_type = ""};
    uint8_t bytes[OCSP_CLIENT_REQUEST_MAX], serial[8];
    struct cede_span body, copy;

    OK(ocsp_client_request(ca_certificate_der(w->ca), serial_of(index, serial),
                           CEDE_BUF_ARRAY(bytes), &body));
    request.body = body;
    status_publisher_handle(&w->publisher, &request, &response);
    assert_int_equal(response.status, 200);
    OK(cede_copy(cede_buf(memory, cap), http_blob_bytes(response.blob), &copy));
    http_blob_release(response.blob);
    return copy;
}

static enum cede_status take(struct world *w, struct cede_span response, uint32_t index,
                             uint64_t now, struct ocsp_word *word)
{
    uint8_t serial[8];

    return ocsp_client_take(response, ca_certificate_der(w->ca), serial_of(index, serial), now,
                            word);
}

static void a_responder_is_believed(void **state)
{
    struct world *w = *state;
    uint8_t memory[OCSP_RESPONSE_MAX];
    struct ocsp_word word;

    add_certificates(w, 1, 2, CA_NO_END);
    revoke_some(w, 2, 1, 1);
    OK(take(w, ask(w, 1, memory, sizeof memory), 1, w->now, &word));
    assert_int_equal(word.status, OCSP_GOOD);
    assert_true(word.this_update <= w->now && word.next_update > w->now);
    OK(take(w, ask(w, 2, memory, sizeof memory), 2, w->now, &word));
    assert_int_equal(word.status, OCSP_REVOKED);
    assert_in_range(word.revoked_at, w->now - 5, w->now);
    OK(take(w, ask(w, 3, memory, sizeof memory), 3, w->now, &word));
    assert_int_equal(word.status, OCSP_UNKNOWN);
}

static void a_response_counts_for_its_certificate_and_time(void **state)
{
    struct world *w = *state;
    uint8_t memory[OCSP_RESPONSE_MAX];
    struct ocsp_word word = {.status = OCSP_UNKNOWN, .this_update = 7};
    struct cede_span response;
    uint64_t validity = w->ca->policy.revocation.ocsp_validity_s;

    add_certificates(w, 1, 2, CA_NO_END);
    response = ask(w, 1, memory, sizeof memory);
    assert_int_equal(take(w, response, 2, w->now, &word), CEDE_OCSP_OTHER);
    assert_int_equal(take(w, response, 1, w->now + 2 * validity, &word), CEDE_REVOCATION_STALE);
    assert_int_equal(take(w, response, 1, w->now - 86400, &word), CEDE_OCSP_SIGNER);
    assert_int_equal(word.this_update, 7);
    OK(take(w, response, 1, w->now, &word));
}

static void a_changed_response_is_refused(void **state)
{
    struct world *w = *state;
    uint8_t memory[OCSP_RESPONSE_MAX];
    struct ocsp_word word;
    struct cede_span response;

    add_certificates(w, 1, 1, CA_NO_END);
    response = ask(w, 1, memory, sizeof memory);
    for (size_t len = 0; len < response.len; len++) {
        assert_int_equal(take(w, cede_span(memory, len), 1, w->now, &word), CEDE_OCSP_MALFORMED);
    }
    for (size_t at = 0; at < response.len; at++) {
        memory[at] ^= 0x10;
        assert_int_not_equal(take(w, response, 1, w->now, &word), CEDE_OK);
        memory[at] ^= 0x10;
    }
    OK(take(w, response, 1, w->now, &word));
}

static X509 *make_signer(EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
    X509 *made = X509_new();

    X509_set_version(made, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made), 99);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_ASC,
                               (const unsigned char *)"some server", -1, -1, 0);
    X509_set_issuer_name(made, issuer == NULL ? X509_get_subject_name(made)
                                              : X509_get_subject_name(issuer));
    X509_gmtime_adj(X509_getm_notBefore(made), -60);
    X509_gmtime_adj(X509_getm_notAfter(made), 3600);
    X509_set_pubkey(made, key);
    assert_true(X509_sign(made, issuer_key, EVP_sha256()) > 0);
    return made;
}

enum critical { CRITICAL_NONE, CRITICAL_RESPONSE, CRITICAL_SINGLE };

static struct cede_span forged_with(struct world *w, EVP_PKEY *key, X509 *signer,
                                    unsigned long flags, enum critical critical, uint8_t **memory)
{
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    OCSP_SINGLERESP *single;
    ASN1_INTEGER *serial = ASN1_INTEGER_new();
    ASN1_TIME *from = X509_gmtime_adj(NULL, -60), *until = X509_gmtime_adj(NULL, 3600);
    uint8_t bytes[8];
    BIGNUM *number = BN_bin2bn(serial_of(1, bytes).ptr, 8, NULL);
    OCSP_CERTID *id;
    OCSP_RESPONSE *response;
    int len;

    BN_to_ASN1_INTEGER(number, serial);
    id = OCSP_cert_id_new(EVP_sha1(), X509_get_subject_name(w->issuer),
                          X509_get0_pubkey_bitstr(w->issuer), serial);
    single = OCSP_basic_add1_status(basic, id, V_OCSP_CERTSTATUS_GOOD, 0, NULL, from, until);
    assert_non_null(single);
    if (critical == CRITICAL_RESPONSE) {
        assert_int_equal(
            OCSP_BASICRESP_add1_ext_i2d(basic, NID_id_pkix_OCSP_archiveCutoff, from, 1, 0), 1);
    } else if (critical == CRITICAL_SINGLE) {
        assert_int_equal(
            OCSP_SINGLERESP_add1_ext_i2d(single, NID_id_pkix_OCSP_archiveCutoff, from, 1, 0), 1);
    }
    assert_int_equal(OCSP_basic_sign(basic, signer, key, EVP_sha256(), NULL, flags), 1);
    response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    *memory = NULL;
    len = i2d_OCSP_RESPONSE(response, memory);
    OCSP_RESPONSE_free(response);
    OCSP_BASICRESP_free(basic);
    OCSP_CERTID_free(id);
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    ASN1_INTEGER_free(serial);
    BN_free(number);
    return cede_span(*memory, (size_t)len);
}

static struct cede_span forged(struct world *w, EVP_PKEY *key, X509 *signer, uint8_t **memory)
{
    return forged_with(w, key, signer, 0, CRITICAL_NONE, memory);
}

/* Neither a stranger nor one with a certificate of the CA for something else. */
static void only_the_CA_and_its_responders_are_believed(void **state)
{
    struct world *w = *state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *stranger = make_signer(key, NULL, key);
    X509 *server = make_signer(key, w->issuer, w->ca->pkey);
    struct ocsp_word word;
    uint8_t *memory;

    assert_int_equal(take(w, forged(w, key, stranger, &memory), 1, w->now, &word),
                     CEDE_OCSP_SIGNER);
    OPENSSL_free(memory);
    assert_int_equal(take(w, forged(w, key, server, &memory), 1, w->now, &word), CEDE_OCSP_SIGNER);
    OPENSSL_free(memory);
    OK(take(w, forged(w, w->ca->pkey, w->issuer, &memory), 1, w->now, &word));
    OPENSSL_free(memory);
    X509_free(stranger);
    X509_free(server);
    EVP_PKEY_free(key);
}

/* "MAY include certificates" (RFC 6960, section 4.2.1): many CAs leave their own out. */
static void a_CA_that_signs_itself_need_not_send_its_certificate(void **state)
{
    struct world *w = *state;
    struct ocsp_word word;
    uint8_t *memory;

    OK(take(w, forged_with(w, w->ca->pkey, w->issuer, OCSP_NOCERTS, CRITICAL_NONE, &memory), 1,
            w->now, &word));
    assert_int_equal(word.signer_len, 0);
    OPENSSL_free(memory);
}

static void a_critical_extension_is_not_overlooked(void **state)
{
    struct world *w = *state;
    struct ocsp_word word;
    uint8_t *memory;

    for (enum critical where = CRITICAL_RESPONSE; where <= CRITICAL_SINGLE; where++) {
        assert_int_equal(
            take(w, forged_with(w, w->ca->pkey, w->issuer, 0, where, &memory), 1, w->now, &word),
            CEDE_X509_EXTENSION);
        OPENSSL_free(memory);
    }
}

static void a_responder_that_does_not_answer_is_told_from_one_that_does(void **state)
{
    static const uint8_t try_later[] = {0x30, 0x03, 0x0a, 0x01, 0x03};
    static const uint8_t no_body[] = {0x30, 0x03, 0x0a, 0x01, 0x00};
    struct world *w = *state;
    struct ocsp_word word;

    assert_int_equal(take(w, CEDE_SPAN_ARRAY(try_later), 1, w->now, &word), CEDE_OCSP_REFUSED);
    assert_int_equal(take(w, CEDE_SPAN_ARRAY(no_body), 1, w->now, &word), CEDE_OCSP_MALFORMED);
}

static void a_question_needs_an_issuer_and_room(void **state)
{
    struct world *w = *state;
    uint8_t bytes[OCSP_CLIENT_REQUEST_MAX], serial[8];
    struct cede_span request;

    assert_int_equal(ocsp_client_request(CEDE_SPAN_TEXT("no certificate"), serial_of(1, serial),
                                         CEDE_BUF_ARRAY(bytes), &request),
                     CEDE_BAD_ARGUMENT);
    assert_int_equal(ocsp_client_request(ca_certificate_der(w->ca), serial_of(1, serial),
                                         cede_buf(bytes, 20), &request),
                     CEDE_NO_SPACE);
}

/* --- the cache -------------------------------------------------------------------------------- */

struct relying {
    struct world *w;
    struct store *store;
    struct revocation_cache cache;
    struct revocation_client *client;
    int fd;
    char crl[64], ocsp[64];
    /* the responder's thread */
    struct event_base *base;
    pthread_t thread;
    bool stop;
};

static enum cede_status find_issuer(void *context, const char *ca, struct cede_buf out,
                                    struct cede_span *der)
{
    const struct relying *r = context;

    return strcmp(ca, CA) == 0 ? cede_copy(out, ca_certificate_der(r->w->ca), der) : CEDE_NOT_FOUND;
}

static uint64_t relying_now(void *context)
{
    return ((const struct relying *)context)->w->now;
}

static int relying_setup(void **state)
{
    static const struct store_migration steps[] = {
        {"tables", REVOCATION_REVOKED_SQL REVOCATION_SOURCES_SQL},
        {"ocsp", REVOCATION_OCSP_SQL},
        {"open", REVOCATION_OPEN_SQL},
        {"numbers", REVOCATION_NUMBER_SQL}};
    struct relying *r = calloc(1, sizeof *r);
    char path[96];
    uint16_t port = 0;

    assert_int_equal(world_setup((void **)&r->w), 0);
    snprintf(path, sizeof path, "%s/relying.db", r->w->directory);
    OK(store_open(path, &r->store));
    OK(store_migrate(r->store, steps, sizeof steps / sizeof steps[0]));
    OK(revocation_client_new(&r->client));
    OK(https_listen("127.0.0.1", 0, &r->fd, &port));
    snprintf(r->crl, sizeof r->crl, "http://127.0.0.1:%u/ca.crl", port);
    snprintf(r->ocsp, sizeof r->ocsp, "http://127.0.0.1:%u/ocsp", port);
    r->cache = (struct revocation_cache){r->store, &soft, find_issuer, relying_now, r};
    *state = r;
    return 0;
}

static int relying_teardown(void **state)
{
    struct relying *r = *state;

    revocation_client_free(r->client);
    store_close(r->store);
    close(r->fd);
    assert_int_equal(world_teardown((void **)&r->w), 0);
    free(r);
    return 0;
}

static void *serve(void *context)
{
    struct relying *r = context;

    while (!__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE)) {
        (void)event_base_loop(r->base, EVLOOP_NONBLOCK);
        usleep(1000);
    }
    return NULL;
}

static void start_serving(struct relying *r)
{
    r->stop = false;
    r->base = event_base_new();
    OK(status_publisher_start(&r->w->publisher, r->base, dup(r->fd)));
    assert_int_equal(pthread_create(&r->thread, NULL, serve, r), 0);
}

static void stop_serving(struct relying *r)
{
    __atomic_store_n(&r->stop, true, __ATOMIC_RELEASE);
    assert_int_equal(pthread_join(r->thread, NULL), 0);
    status_publisher_close(&r->w->publisher);
    event_base_free(r->base);
    memset(&r->w->publisher, 0, sizeof r->w->publisher);
    OK(status_publisher_open(&r->w->publisher, r->w->ca));
}

static enum cede_status check(struct relying *r, const struct revocation_policy *policy,
                              uint32_t index)
{
    uint8_t serial[8];
    char text[17];

    hex_encode(serial_of(index, serial).ptr, 8, text);
    return revocation_cache_check(r->store, policy, CA, text, false, (int64_t)r->w->now);
}

static enum cede_status check_its_server(struct relying *r, uint32_t index)
{
    uint8_t serial[8];
    char text[17];

    hex_encode(serial_of(index, serial).ptr, 8, text);
    return revocation_cache_check(r->store, &soft, CA, text, true, (int64_t)r->w->now);
}

static void without_a_source_what_was_told_counts(void **state)
{
    struct relying *r = *state;

    OK(check(r, &strict, 1));
    OK(revocation_cache_add(r->store, CA, "4100000000000100", 5));
    OK(revocation_cache_add(r->store, CA, "4100000000000100", 6));
    assert_int_equal(check(r, &strict, 0x100), CEDE_CA_REVOKED);
    assert_int_equal(check_its_server(r, 0x100), CEDE_CA_REVOKED);
    OK(check(r, &strict, 2));
    assert_int_equal(revocation_cache_set_source(r->store, CA, "https://a/", NULL),
                     CEDE_BAD_ARGUMENT);
    assert_int_equal(revocation_cache_set_source(r->store, CA, NULL, "ftp://a/"),
                     CEDE_BAD_ARGUMENT);
    OK(check(r, &strict, 1));
}

static void what_the_CA_itself_tells_gets_old(void **state)
{
    struct relying *r = *state;

    OK(revocation_cache_heard(r->store, CA, (int64_t)r->w->now));
    OK(check(r, &strict, 1));
    r->w->now += 601;
    assert_int_equal(check(r, &strict, 1), CEDE_REVOCATION_UNKNOWN);
    OK(check(r, &soft, 1));
    r->w->now += 3600;
    assert_int_equal(check(r, &soft, 1), CEDE_REVOCATION_UNKNOWN);
    OK(revocation_cache_heard(r->store, CA, (int64_t)r->w->now));
    OK(check(r, &strict, 1));
}

/* Else nobody could hear from it again. */
static void its_word_does_not_count_for_its_own_server(void **state)
{
    struct relying *r = *state;

    OK(revocation_cache_heard(r->store, CA, 1));
    OK(check_its_server(r, 1)); /* no other source: nothing to wait for */
    OK(revocation_cache_set_source(r->store, CA, r->crl, NULL));
    OK(revocation_cache_heard(r->store, CA, (int64_t)r->w->now));
    OK(check(r, &strict, 1));
    assert_int_equal(check_its_server(r, 1), CEDE_REVOCATION_UNKNOWN);
    tick(r->w);
    start_serving(r);
    OK(revocation_cache_fetch_lists(&r->cache, r->client));
    stop_serving(r);
    OK(check_its_server(r, 1));
}

static void the_list_is_fetched_and_gets_old(void **state)
{
    struct relying *r = *state;

    OK(revocation_cache_set_source(r->store, CA, r->crl, NULL));
    assert_int_equal(check(r, &soft, 1), CEDE_REVOCATION_UNKNOWN);
    add_certificates(r->w, 1, 3, CA_NO_END);
    revoke_some(r->w, 2, 1, 1);
    tick(r->w);
    start_serving(r);
    OK(revocation_cache_fetch_lists(&r->cache, r->client));
    stop_serving(r);
    OK(check(r, &strict, 1));
    assert_int_equal(check(r, &soft, 2), CEDE_CA_REVOKED);
    r->w->now += 601;
    OK(revocation_cache_fetch_lists(&r->cache, r->client)); /* in vain, but for the log */
    assert_int_equal(check(r, &strict, 1), CEDE_REVOCATION_UNKNOWN);
    OK(check(r, &soft, 1));
    assert_int_equal(check(r, &soft, 2), CEDE_CA_REVOKED);
    /* the same address again changes nothing, another is to be asked first */
    OK(revocation_cache_set_source(r->store, CA, r->crl, NULL));
    OK(check(r, &soft, 1));
    OK(revocation_cache_set_source(r->store, CA, "http://127.0.0.1:1/", NULL));
    assert_int_equal(check(r, &soft, 1), CEDE_REVOCATION_UNKNOWN);
}

/* There is no delta where the list has told: the next complete list counts. */
static void without_a_delta_the_list_is_fetched_again(void **state)
{
    struct relying *r = *state;

    OK(revocation_cache_set_source(r->store, CA, r->crl, NULL));
    add_certificates(r->w, 1, 3, CA_NO_END);
    tick(r->w);
    start_serving(r);
    OK(revocation_cache_fetch_lists(&r->cache, r->client));
    stop_serving(r);
    OK(store_run(r->store, "UPDATE revocation_sources SET delta_url = url || '.gone'",
                 STORE_NO_PARAMS, NULL));
    revoke_some(r->w, 2, 1, 1);
    r->w->now += 2;
    tick(r->w);
    start_serving(r);
    OK(revocation_cache_fetch_lists(&r->cache, r->client));
    stop_serving(r);
    assert_int_equal(check(r, &strict, 2), CEDE_CA_REVOKED);
    OK(check(r, &strict, 1));
}

/* A partner's CA could else have this server ask what only it can reach. */
static void a_list_sends_nobody_elsewhere(void **state)
{
    struct relying *r = *state;
    char url[REVOCATION_URL_MAX], own[64];
    uint16_t port = 0;
    int elsewhere = -1, came;

    OK(https_listen("127.0.0.1", 0, &elsewhere, &port));
    OK(revocation_cache_set_source(r->store, CA, r->crl, NULL));
    tick(r->w);
    start_serving(r);
    OK(revocation_cache_fetch_lists(&r->cache, r->client));
    for (size_t i = 0; i < 2; i++) {
        snprintf(own, sizeof own, "%.*s", (int)strcspn(r->crl + 7, "/") + 7, r->crl);
        if (i == 0) {
            snprintf(url, sizeof url, "http://127.0.0.1:%u/delta.crl", port);
        } else {
            snprintf(url, sizeof url, "%s@127.0.0.1:%u/delta.crl", own, port);
        }
        OK(store_run(r->store, "UPDATE revocation_sources SET delta_url = $1, checked_at = 0",
                     STORE_PARAMS(store_text(url)), NULL));
        OK(revocation_cache_fetch_lists(&r->cache, r->client));
        OK(check(r, &strict, 1)); /* by the complete list */
    }
    stop_serving(r);
    assert_true(fcntl(elsewhere, F_SETFL, O_NONBLOCK) == 0);
    came = accept(elsewhere, NULL, NULL);
    assert_int_equal(came, -1);
    close(elsewhere);
}

/* What was read before numbers were texts is still known. */
static void numbers_of_older_stores_count(void **state)
{
    struct relying *r = *state;

    OK(revocation_cache_set_source(r->store, CA, r->crl, NULL));
    tick(r->w);
    OK(store_run(r->store, "UPDATE revocation_sources SET number = $1",
                 STORE_PARAMS(store_int(r->w->publisher.crl.complete.number + 1)), NULL));
    start_serving(r);
    OK(revocation_cache_fetch_lists(&r->cache, r->client)); /* an old list, played again */
    assert_int_equal(check(r, &soft, 1), CEDE_REVOCATION_UNKNOWN);
    OK(store_run(r->store, "UPDATE revocation_sources SET number = number - 1", STORE_NO_PARAMS,
                 NULL));
    OK(revocation_cache_fetch_lists(&r->cache, r->client));
    stop_serving(r);
    OK(check(r, &strict, 1));
}

static int64_t questions(struct relying *r)
{
    int64_t count = -1;

    OK(store_get_int(r->store, "SELECT count(*) FROM ocsp_answers WHERE open = 1", STORE_NO_PARAMS,
                     &count));
    return count;
}

static void the_responder_is_asked_about_who_comes(void **state)
{
    struct relying *r = *state;

    add_certificates(r->w, 1, 3, CA_NO_END);
    revoke_some(r->w, 2, 1, 1);
    OK(revocation_cache_set_source(r->store, CA, NULL, r->ocsp));
    assert_int_equal(check(r, &soft, 1), CEDE_REVOCATION_UNKNOWN);
    assert_int_equal(check(r, &soft, 1), CEDE_REVOCATION_UNKNOWN);
    assert_int_equal(check(r, &soft, 2), CEDE_REVOCATION_UNKNOWN);
    assert_int_equal(check(r, &soft, 9), CEDE_REVOCATION_UNKNOWN);
    assert_false(store_in_transaction(r->store));
    assert_int_equal(questions(r), 3);
    start_serving(r);
    OK(revocation_cache_ask(&r->cache, r->client));
    stop_serving(r);
    OK(check(r, &strict, 1));
    assert_int_equal(check(r, &soft, 2), CEDE_CA_REVOKED);
    assert_int_equal(questions(r), 0);                             /* answered is answered */
    assert_int_equal(check(r, &soft, 9), CEDE_REVOCATION_UNKNOWN); /* the CA does not know it */
    assert_int_equal(questions(r), 1);
    assert_int_equal(check(r, &soft, 3), CEDE_REVOCATION_UNKNOWN); /* nobody has asked */
}

/* Whoever has its key could call everything good. */
static void a_revoked_responder_is_not_believed(void **state)
{
    struct relying *r = *state;
    uint8_t memory[OCSP_RESPONSE_MAX];
    char serial[2 * CEDE_SERIAL_LEN_MAX + 1];
    struct ocsp_word word;

    add_certificates(r->w, 1, 1, CA_NO_END);
    OK(take(r->w, ask(r->w, 1, memory, sizeof memory), 1, r->w->now, &word));
    assert_true(word.signer_len > 0);
    hex_encode(word.signer, word.signer_len, serial);
    OK(revocation_cache_set_source(r->store, CA, NULL, r->ocsp));
    OK(revocation_cache_add(r->store, CA, serial, (int64_t)r->w->now));
    assert_int_equal(check(r, &soft, 1), CEDE_REVOCATION_UNKNOWN);
    start_serving(r);
    OK(revocation_cache_ask(&r->cache, r->client));
    stop_serving(r);
    assert_int_equal(check(r, &soft, 1), CEDE_REVOCATION_UNKNOWN);
    assert_int_equal(questions(r), 1);
}

/* A fresh answer is asked for before the old one ends; in an outage the old one lasts a while. */
static void an_answer_gets_old(void **state)
{
    struct relying *r = *state;

    add_certificates(r->w, 1, 1, CA_NO_END);
    OK(revocation_cache_set_source(r->store, CA, NULL, r->ocsp));
    assert_int_equal(check(r, &soft, 1), CEDE_REVOCATION_UNKNOWN);
    start_serving(r);
    OK(revocation_cache_ask(&r->cache, r->client));
    stop_serving(r);
    r->w->now += 300;
    OK(check(r, &strict, 1));
    assert_int_equal(questions(r), 0);
    r->w->now += 1;
    OK(check(r, &strict, 1));
    assert_int_equal(questions(r), 1);
    OK(revocation_cache_set_source(r->store, CA, NULL, "http://127.0.0.1:1/")); /* nobody there */
    OK(revocation_cache_ask(&r->cache, r->client));
    assert_int_equal(questions(r), 1);
    r->w->now += 300;
    assert_int_equal(check(r, &strict, 1), CEDE_REVOCATION_UNKNOWN);
    OK(check(r, &soft, 1));
    r->w->now += 3600;
    assert_int_equal(check(r, &soft, 1), CEDE_REVOCATION_UNKNOWN);
}

static void a_fresh_list_leaves_the_responder_alone(void **state)
{
    struct relying *r = *state;

    add_certificates(r->w, 1, 1, CA_NO_END);
    tick(r->w);
    OK(revocation_cache_set_source(r->store, CA, r->crl, r->ocsp));
    start_serving(r);
    OK(revocation_cache_fetch_lists(&r->cache, r->client));
    OK(check(r, &strict, 1));
    assert_int_equal(questions(r), 0);
    OK(store_run(r->store, "UPDATE revocation_sources SET checked_at = checked_at - 601",
                 STORE_NO_PARAMS, NULL));
    assert_int_equal(check(r, &strict, 1), CEDE_REVOCATION_UNKNOWN);
    assert_int_equal(questions(r), 1);
    OK(revocation_cache_ask(&r->cache, r->client));
    stop_serving(r);
    OK(check(r, &strict, 1));
}

/* A clock that was ahead and is set right: what it has noted neither counts nor is in the way. */
static void a_clock_that_is_set_back_does_no_harm(void **state)
{
    struct relying *r = *state;

    add_certificates(r->w, 1, 1, CA_NO_END);
    OK(revocation_cache_set_source(r->store, CA, NULL, r->ocsp));
    assert_int_equal(check(r, &soft, 1), CEDE_REVOCATION_UNKNOWN);
    start_serving(r);
    OK(revocation_cache_ask(&r->cache, r->client));
    stop_serving(r);
    OK(store_run(r->store,
                 "UPDATE ocsp_answers SET asked_for = asked_for + 90000,"
                 " tried_at = tried_at + 90000, checked_at = checked_at + 90000",
                 STORE_NO_PARAMS, NULL));
    assert_int_equal(check(r, &soft, 1), CEDE_REVOCATION_UNKNOWN);
    assert_int_equal(questions(r), 1);
    start_serving(r);
    OK(revocation_cache_ask(&r->cache, r->client));
    stop_serving(r);
    OK(check(r, &strict, 1));
    OK(revocation_cache_heard(r->store, CA, (int64_t)r->w->now + 90000));
    r->w->now += 601;
    assert_int_equal(check(r, &strict, 1), CEDE_REVOCATION_UNKNOWN);
}

/* A question belongs to the transaction that is open, if one is. */
static void a_question_waits_for_the_commit(void **state)
{
    struct relying *r = *state;

    OK(revocation_cache_set_source(r->store, CA, NULL, r->ocsp));
    OK(store_begin(r->store));
    assert_int_equal(check(r, &soft, 1), CEDE_REVOCATION_UNKNOWN);
    assert_true(store_in_transaction(r->store));
    store_rollback(r->store);
    assert_int_equal(questions(r), 0);
}

#define in_world(test_) cmocka_unit_test_setup_teardown(test_, world_setup, world_teardown)
#define relying(test_)  cmocka_unit_test_setup_teardown(test_, relying_setup, relying_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_world(a_responder_is_believed),
        in_world(a_response_counts_for_its_certificate_and_time),
        in_world(a_changed_response_is_refused),
        in_world(only_the_CA_and_its_responders_are_believed),
        in_world(a_CA_that_signs_itself_need_not_send_its_certificate),
        in_world(a_critical_extension_is_not_overlooked),
        in_world(a_responder_that_does_not_answer_is_told_from_one_that_does),
        in_world(a_question_needs_an_issuer_and_room),
        relying(without_a_source_what_was_told_counts),
        relying(what_the_CA_itself_tells_gets_old),
        relying(its_word_does_not_count_for_its_own_server),
        relying(the_list_is_fetched_and_gets_old),
        relying(a_list_sends_nobody_elsewhere),
        relying(numbers_of_older_stores_count),
        relying(without_a_delta_the_list_is_fetched_again),
        relying(the_responder_is_asked_about_who_comes),
        relying(a_revoked_responder_is_not_believed),
        relying(an_answer_gets_old),
        relying(a_fresh_list_leaves_the_responder_alone),
        relying(a_clock_that_is_set_back_does_no_harm),
        relying(a_question_waits_for_the_commit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
