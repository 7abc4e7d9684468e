/* SPDX-License-Identifier: Apache-2.0 */
/* ocsp_test.c - the OCSP responder, asked with OpenSSL's client. */
#include "revocation_world.h"

#include <event2/event.h>
#include <unistd.h>

#include "cede/status_proof.h"
#include "server/common/https_server.h"

/* --- asking ----------------------------------------------------------------------------------- */

struct question {
    OCSP_REQUEST *request;
    OCSP_CERTID *id; /* of the last certificate added; the request's */
};

static void ask_for(struct world *w, struct question *question, uint32_t index, const EVP_MD *kind)
{
    ASN1_INTEGER *serial = ASN1_INTEGER_new();
    uint8_t bytes[8];
    BIGNUM *number = BN_bin2bn(serial_of(index, bytes).ptr, 8, NULL);

    if (question->request == NULL) {
        question->request = OCSP_REQUEST_new();
    }
    BN_to_ASN1_INTEGER(number, serial);
    question->id = OCSP_cert_id_new(kind, X509_get_subject_name(w->issuer),
                                    X509_get0_pubkey_bitstr(w->issuer), serial);
    assert_non_null(OCSP_request_add0_id(question->request, question->id));
    BN_free(number);
    ASN1_INTEGER_free(serial);
}

static struct http_blob *put_question(struct world *w, const struct question *question)
{
    struct http_door_response response = {.status = 404};
    struct http_door_request request = {.is_post = true, .path = "/ocsp", .content_type = ""};
    uint8_t *der = NULL;
    int len = i2d_OCSP_REQUEST(question->request, &der);

    request.body = cede_span(der, (size_t)len);
    status_publisher_handle(&w->publisher, &request, &response);
    OPENSSL_free(der);
    assert_int_equal(response.status, 200);
    assert_string_equal(response.content_type, "application/ocsp-response");
    return response.blob;
}

static OCSP_RESPONSE *read_response(const struct http_blob *blob)
{
    struct cede_span der = http_blob_bytes(blob);
    const uint8_t *at = der.ptr;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &at, (long)der.len);

    assert_non_null(response);
    assert_ptr_equal(at, der.ptr + der.len);
    return response;
}

/* Status of the certificate by a response that verifies under the CA; the reason comes along. */
static int status_in(struct world *w, const struct http_blob *blob, OCSP_CERTID *id, int *reason)
{
    OCSP_RESPONSE *response = read_response(blob);
    OCSP_BASICRESP *basic;
    X509_STORE *store = X509_STORE_new();
    ASN1_GENERALIZEDTIME *revoked = NULL, *from = NULL, *until = NULL;
    int status = -1;

    assert_int_equal(OCSP_response_status(response), OCSP_RESPONSE_STATUS_SUCCESSFUL);
    basic = OCSP_response_get1_basic(response);
    assert_non_null(basic);
    X509_STORE_add_cert(store, w->issuer);
    assert_int_equal(OCSP_basic_verify(basic, NULL, store, 0), 1);
    assert_int_equal(OCSP_resp_find_status(basic, id, &status, reason, &revoked, &from, &until), 1);
    assert_non_null(from);
    assert_non_null(until);
    X509_STORE_free(store);
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    return status;
}

static int error_of(const struct http_blob *blob)
{
    OCSP_RESPONSE *response = read_response(blob);
    int status = OCSP_response_status(response);

    OCSP_RESPONSE_free(response);
    return status;
}

static int status_of(struct world *w, uint32_t index, const EVP_MD *kind, int *reason)
{
    struct question question = {NULL, NULL};
    struct http_blob *blob;
    int status;

    ask_for(w, &question, index, kind);
    blob = put_question(w, &question);
    status = status_in(w, blob, question.id, reason);
    http_blob_release(blob);
    OCSP_REQUEST_free(question.request);
    return status;
}

/* --- statuses --------------------------------------------------------------------------------- */

static void good_revoked_and_unknown(void **state)
{
    struct world *w = *state;
    int reason = 0;

    add_certificates(w, 1, 2, CA_NO_END);
    revoke_some(w, 2, 1, 1);
    assert_int_equal(status_of(w, 1, EVP_sha1(), &reason), V_OCSP_CERTSTATUS_GOOD);
    assert_int_equal(status_of(w, 2, EVP_sha1(), &reason), V_OCSP_CERTSTATUS_REVOKED);
    assert_int_equal(reason, 1);
    assert_int_equal(status_of(w, 3, EVP_sha1(), &reason), V_OCSP_CERTSTATUS_UNKNOWN);
    assert_int_equal(status_of(w, 2, EVP_sha256(), &reason), V_OCSP_CERTSTATUS_REVOKED);
}

static void the_responder_is_delegated(void **state)
{
    struct world *w = *state;
    struct question question = {NULL, NULL};
    struct http_blob *blob;
    OCSP_RESPONSE *response;
    OCSP_BASICRESP *basic;
    X509 *signer = NULL;

    add_certificates(w, 1, 1, CA_NO_END);
    ask_for(w, &question, 1, EVP_sha1());
    blob = put_question(w, &question);
    response = read_response(blob);
    basic = OCSP_response_get1_basic(response);
    assert_int_equal(OCSP_resp_get0_signer(basic, &signer, NULL), 1);
    assert_int_not_equal(X509_cmp(signer, w->issuer), 0);
    assert_int_equal(X509_get_extended_key_usage(signer), XKU_OCSP_SIGN);
    assert_true(X509_get_ext_by_NID(signer, NID_id_pkix_OCSP_noCheck, -1) >= 0);
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    http_blob_release(blob);
    OCSP_REQUEST_free(question.request);
}

/* Signed once, then from memory, until the revocation: then at once anew. */
static void responses_are_kept_until_the_revocation(void **state)
{
    struct world *w = *state;
    struct question question = {NULL, NULL};
    struct http_blob *first, *second, *third;
    int reason = 0;

    add_certificates(w, 1, 1, CA_NO_END);
    tick(w);
    ask_for(w, &question, 1, EVP_sha1());
    first = put_question(w, &question);
    second = put_question(w, &question);
    assert_ptr_equal(first, second);
    assert_int_equal(w->publisher.ocsp.counters.signatures, 1);
    revoke_some(w, 1, 1, 4);
    tick(w);
    assert_int_equal(w->publisher.ocsp.counters.signatures, 2); /* before anyone asks */
    third = put_question(w, &question);
    assert_int_equal(w->publisher.ocsp.counters.signatures, 2);
    assert_int_equal(status_in(w, third, question.id, &reason), V_OCSP_CERTSTATUS_REVOKED);
    http_blob_release(first);
    http_blob_release(second);
    http_blob_release(third);
    OCSP_REQUEST_free(question.request);
}

static void kept_responses_are_refreshed_before_they_end(void **state)
{
    struct world *w = *state;
    struct question question = {NULL, NULL};
    struct http_blob *first, *second;
    uint64_t all;

    add_certificates(w, 1, 1, CA_NO_END);
    ask_for(w, &question, 1, EVP_sha1());
    first = put_question(w, &question);
    http_blob_release(put_question(w, &question)); /* somebody wants it */
    w->now += 1900;                                /* more than half of an hour */
    for (int i = 0; i < OCSP_KEPT / OCSP_REFRESH_STEP + 1; i++) {
        ocsp_service_step(&w->publisher.ocsp);
    }
    all = w->publisher.ocsp.counters.signatures;
    assert_int_equal(all, 2);
    second = put_question(w, &question);
    assert_ptr_not_equal(first, second);
    assert_int_equal(w->publisher.ocsp.counters.signatures, all);
    http_blob_release(first);
    http_blob_release(second);
    OCSP_REQUEST_free(question.request);
}

static void sign_ahead(struct world *w)
{
    bool busy = true;

    while (busy) {
        busy = false;
        OK(ocsp_service_sign_ahead(&w->publisher.ocsp, &busy));
    }
}

/* Nobody has to wait for a signature, not even the first who asks. */
static void responses_are_signed_ahead(void **state)
{
    struct world *w = *state;
    const uint32_t many = 2 * OCSP_AHEAD_STEP + 3;
    uint64_t servers = 0;
    int reason = 0;

    sign_ahead(w);
    servers = w->publisher.ocsp.counters.signatures; /* the CA's own have certificates, too */
    add_certificates(w, 1, many, CA_NO_END);
    add_certificates(w, many + 1, 1, (int64_t)w->now - 1);
    revoke_some(w, 5, 1, 1);
    sign_ahead(w);
    assert_int_equal(w->publisher.ocsp.counters.signatures, servers + many); /* one is over */
    for (uint32_t i = 1; i <= many; i++) {
        assert_int_equal(status_of(w, i, EVP_sha1(), &reason),
                         i == 5 ? V_OCSP_CERTSTATUS_REVOKED : V_OCSP_CERTSTATUS_GOOD);
    }
    assert_int_equal(w->publisher.ocsp.counters.from_memory, many);
    add_certificates(w, many + 2, 1, CA_NO_END);
    sign_ahead(w);
    assert_int_equal(w->publisher.ocsp.counters.signatures, servers + many + 1);
    revoke_some(w, many + 2, 1, 4);
    tick(w);
    assert_int_equal(status_of(w, many + 2, EVP_sha1(), &reason), V_OCSP_CERTSTATUS_REVOKED);
    assert_int_equal(w->publisher.ocsp.counters.from_memory, many + 1);
}

/* ... and again with half of their time over, until the certificate ends. */
static void what_is_signed_ahead_stays_fresh(void **state)
{
    struct world *w = *state;
    uint64_t servers = 0;
    int reason = 0;

    sign_ahead(w);
    servers = w->publisher.ocsp.counters.signatures;
    add_certificates(w, 1, 1, CA_NO_END);
    add_certificates(w, 2, 1, (int64_t)w->now + 2000);
    sign_ahead(w);
    for (int hour = 0; hour < 3; hour++) {
        w->now += 1900;
        for (int i = 0; i < OCSP_KEPT / OCSP_REFRESH_STEP + 1; i++) {
            ocsp_service_step(&w->publisher.ocsp);
        }
    }
    assert_int_equal(w->publisher.ocsp.counters.signatures, 4 * servers + 4 + 2);
    assert_int_equal(status_of(w, 1, EVP_sha1(), &reason), V_OCSP_CERTSTATUS_GOOD);
    assert_int_equal(w->publisher.ocsp.counters.from_memory, 1);
}

/* Ticks do it, for a publisher with a door: without one nobody asks. */
static void ticks_sign_ahead(void **state)
{
    struct world *w = *state;
    struct event_base *base = event_base_new();
    uint64_t servers = 0;
    int fd = -1;

    tick(w);
    assert_int_equal(w->publisher.ocsp.counters.signatures, 0);
    OK(https_listen("127.0.0.1", 0, &fd, NULL));
    OK(status_publisher_start(&w->publisher, base, fd));
    tick(w);
    servers = w->publisher.ocsp.counters.signatures;
    assert_in_range(servers, 1, 10);
    add_certificates(w, 1, OCSP_AHEAD_STEP + 1, CA_NO_END);
    tick(w);
    assert_int_equal(w->publisher.ocsp.counters.signatures, servers + OCSP_AHEAD_STEP + 1);
    status_publisher_close(&w->publisher);
    event_base_free(base);
    close(fd);
    OK(status_publisher_open(&w->publisher, w->ca));
}

/* What is asked for stays; what finds no place ahead is signed when it is asked for. */
static void signing_ahead_takes_no_place(void **state)
{
    struct world *w = *state;
    const uint32_t many = OCSP_AHEAD + 2 * OCSP_KEPT;
    size_t kept = 0;
    int reason = 0;

    add_certificates(w, 1, many, CA_NO_END);
    assert_int_equal(status_of(w, 1, EVP_sha256(), &reason), V_OCSP_CERTSTATUS_GOOD);
    sign_ahead(w);
    for (size_t i = 0; i < OCSP_KEPT; i++) {
        kept += w->publisher.ocsp.kept[i].blob != NULL ? 1 : 0;
    }
    assert_int_equal(w->publisher.ocsp.counters.signatures, kept); /* none in vain */
    assert_int_equal(status_of(w, 1, EVP_sha256(), &reason), V_OCSP_CERTSTATUS_GOOD);
    assert_int_equal(w->publisher.ocsp.counters.from_memory, 1);
    assert_int_equal(status_of(w, many, EVP_sha1(), &reason), V_OCSP_CERTSTATUS_GOOD);
}

/* After a restart those issued last come first: the records may be of millions. */
static void a_restart_signs_for_the_last(void **state)
{
    struct world *w = *state;
    const uint32_t many = OCSP_AHEAD + 100;

    add_certificates(w, 1, many, CA_NO_END);
    status_publisher_close(&w->publisher);
    OK(status_publisher_open(&w->publisher, w->ca));
    assert_in_range(w->publisher.ocsp.ahead, 100, 110); /* servers' certificates are rows, too */
}

static void a_response_that_is_over_is_not_given(void **state)
{
    struct world *w = *state;
    struct question question = {NULL, NULL};
    struct http_blob *first, *second;

    add_certificates(w, 1, 1, CA_NO_END);
    ask_for(w, &question, 1, EVP_sha1());
    first = put_question(w, &question);
    w->now += 4000;
    second = put_question(w, &question);
    assert_ptr_not_equal(first, second);
    http_blob_release(first);
    http_blob_release(second);
    OCSP_REQUEST_free(question.request);
}

/* --- nonces and rates ------------------------------------------------------------------------- */

static int nonce_in(const struct question *question, const struct http_blob *blob)
{
    OCSP_RESPONSE *response = read_response(blob);
    OCSP_BASICRESP *basic = OCSP_response_get1_basic(response);
    int result = OCSP_check_nonce(question->request, basic);

    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    return result;
}

static void a_nonce_comes_back(void **state)
{
    struct world *w = *state;
    struct question question = {NULL, NULL};
    struct http_blob *blob;
    int reason = 0;

    add_certificates(w, 1, 1, CA_NO_END);
    ask_for(w, &question, 1, EVP_sha1());
    OCSP_request_add1_nonce(question.request, NULL, 32);
    blob = put_question(w, &question);
    assert_int_equal(nonce_in(&question, blob), 1); /* there and equal */
    assert_int_equal(status_in(w, blob, question.id, &reason), V_OCSP_CERTSTATUS_GOOD);
    http_blob_release(blob);
    OCSP_REQUEST_free(question.request);
}

static void a_nonce_of_a_forbidden_length_is_malformed(void **state)
{
    static const int lengths[] = {129, 200};
    struct world *w = *state;
    uint8_t bytes[256] = {1};

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct question question = {NULL, NULL};
        struct http_blob *blob;

        ask_for(w, &question, 1, EVP_sha1());
        OCSP_request_add1_nonce(question.request, bytes, lengths[i]);
        blob = put_question(w, &question);
        assert_int_equal(error_of(blob), OCSP_RESPONSE_STATUS_MALFORMEDREQUEST);
        http_blob_release(blob);
        OCSP_REQUEST_free(question.request);
    }
}

/* Past the rate, who brings a nonce gets what is kept, and strangers get nothing signed. */
static void signing_on_demand_is_bounded(void **state)
{
    struct world *w = *state;
    struct question known = {NULL, NULL}, with_nonce = {NULL, NULL};
    struct http_blob *blob;

    w->ca->policy.revocation.ocsp_rate = 6; /* half of it for nonces and strangers */
    add_certificates(w, 1, 1, CA_NO_END);
    ask_for(w, &known, 1, EVP_sha1());
    ask_for(w, &with_nonce, 1, EVP_sha1());
    OCSP_request_add1_nonce(with_nonce.request, NULL, 32);
    http_blob_release(put_question(w, &known));
    for (int i = 0; i < 2; i++) {
        http_blob_release(put_question(w, &with_nonce));
    }
    blob = put_question(w, &with_nonce);
    assert_int_equal(nonce_in(&with_nonce, blob), -1); /* the response has none */
    http_blob_release(blob);
    for (uint32_t i = 100; i < 110; i++) {
        struct question stranger = {NULL, NULL};

        ask_for(w, &stranger, i, EVP_sha1());
        blob = put_question(w, &stranger);
        assert_int_equal(error_of(blob), OCSP_RESPONSE_STATUS_TRYLATER);
        http_blob_release(blob);
        OCSP_REQUEST_free(stranger.request);
    }
    assert_int_equal(w->publisher.ocsp.counters.signatures, 3);
    w->now += 1;
    blob = put_question(w, &with_nonce);
    assert_int_equal(nonce_in(&with_nonce, blob), 1);
    http_blob_release(blob);
    OCSP_REQUEST_free(known.request);
    OCSP_REQUEST_free(with_nonce.request);
}

/* However many nonces and unknown serial numbers come. */
static void strangers_leave_room_for_certificates(void **state)
{
    struct world *w = *state;
    struct http_blob *blob;
    int reason = 0;

    w->ca->policy.revocation.ocsp_rate = 4;
    add_certificates(w, 1, 2, CA_NO_END);
    for (uint32_t i = 0; i < 20; i++) {
        struct question stranger = {NULL, NULL};

        ask_for(w, &stranger, i < 10 ? 1 : 100 + i, EVP_sha1());
        if (i < 10) {
            OCSP_request_add1_nonce(stranger.request, NULL, 32);
        }
        blob = put_question(w, &stranger);
        http_blob_release(blob);
        OCSP_REQUEST_free(stranger.request);
    }
    assert_int_equal(status_of(w, 2, EVP_sha1(), &reason), V_OCSP_CERTSTATUS_GOOD);
    assert_true(w->publisher.ocsp.counters.signatures <= 4);
}

/* --- the responder's certificate -------------------------------------------------------------- */

static void a_revoked_responder_makes_another_key(void **state)
{
    struct world *w = *state;
    uint8_t before[CA_SERIAL_LEN];
    struct question question = {NULL, NULL};
    struct http_blob *first, *second;
    int reason = 0;

    add_certificates(w, 1, 1, CA_NO_END);
    tick(w);
    ask_for(w, &question, 1, EVP_sha1());
    first = put_question(w, &question);
    memcpy(before, w->publisher.ocsp.serial, sizeof before);
    OK(ca_revoke_serial(w->ca, CEDE_SPAN_ARRAY(before), NULL, 1, NULL));
    tick(w);
    assert_memory_not_equal(before, w->publisher.ocsp.serial, sizeof before);
    second = put_question(w, &question);
    assert_ptr_not_equal(first, second);
    assert_int_equal(status_in(w, second, question.id, &reason), V_OCSP_CERTSTATUS_GOOD);
    http_blob_release(first);
    http_blob_release(second);
    OCSP_REQUEST_free(question.request);
}

/* A machine that started in the wrong year. */
static void a_responder_of_the_future_is_replaced(void **state)
{
    struct world *w = *state;
    uint8_t before[CA_SERIAL_LEN];
    int reason = 0;

    add_certificates(w, 1, 1, CA_NO_END);
    w->now += 30 * 86400;
    tick(w); /* the one of the start is over */
    memcpy(before, w->publisher.ocsp.serial, sizeof before);
    w->now -= 30 * 86400;
    tick(w);
    assert_memory_not_equal(before, w->publisher.ocsp.serial, sizeof before);
    assert_int_equal(status_of(w, 1, EVP_sha1(), &reason), V_OCSP_CERTSTATUS_GOOD);
}

static void no_answer_outlasts_its_responder(void **state)
{
    struct world *w = *state;
    struct question question = {NULL, NULL};
    struct http_blob *blob;
    OCSP_RESPONSE *response;
    OCSP_BASICRESP *basic;
    ASN1_GENERALIZEDTIME *until = NULL;
    X509 *signer = NULL;
    int days = -1, seconds = -1;

    w->ca->policy.revocation.ocsp_validity_s = 30 * 86400;
    add_certificates(w, 1, 1, CA_NO_END);
    ask_for(w, &question, 1, EVP_sha1());
    blob = put_question(w, &question);
    response = read_response(blob);
    basic = OCSP_response_get1_basic(response);
    assert_int_equal(OCSP_resp_get0_signer(basic, &signer, NULL), 1);
    (void)OCSP_single_get0_status(OCSP_resp_get0(basic, 0), NULL, NULL, NULL, &until);
    assert_int_equal(ASN1_TIME_diff(&days, &seconds, until, X509_get0_notAfter(signer)), 1);
    assert_true(days >= 0 && seconds >= 0);
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    http_blob_release(blob);
    OCSP_REQUEST_free(question.request);
}

/* --- requests that are none ------------------------------------------------------------------- */

static void another_issuer_is_unauthorized(void **state)
{
    struct world *w = *state;
    struct question question = {NULL, NULL};
    X509 *other = X509_dup(w->issuer);
    X509 *kept = w->issuer;
    X509_NAME *name = X509_NAME_new();
    struct http_blob *blob;

    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"other", -1, -1, 0);
    X509_set_subject_name(other, name);
    w->issuer = other;
    ask_for(w, &question, 1, EVP_sha1());
    w->issuer = kept;
    blob = put_question(w, &question);
    assert_int_equal(error_of(blob), OCSP_RESPONSE_STATUS_UNAUTHORIZED);
    http_blob_release(blob);
    OCSP_REQUEST_free(question.request);
    X509_NAME_free(name);
    X509_free(other);
}

static void several_in_one_request(void **state)
{
    struct world *w = *state;
    struct question question = {NULL, NULL};
    struct http_blob *blob;
    int reason = 0;

    add_certificates(w, 1, 3, CA_NO_END);
    revoke_some(w, 3, 1, 0);
    for (uint32_t i = 1; i <= 3; i++) {
        ask_for(w, &question, i, EVP_sha1());
    }
    blob = put_question(w, &question);
    assert_int_equal(status_in(w, blob, question.id, &reason), V_OCSP_CERTSTATUS_REVOKED);
    http_blob_release(blob);
    for (uint32_t i = 4; i <= OCSP_REQUESTS_MAX + 1; i++) {
        ask_for(w, &question, i, EVP_sha1());
    }
    blob = put_question(w, &question);
    assert_int_equal(error_of(blob), OCSP_RESPONSE_STATUS_MALFORMEDREQUEST);
    http_blob_release(blob);
    OCSP_REQUEST_free(question.request);
}

static void damaged_requests_get_an_answer_and_no_more(void **state)
{
    struct world *w = *state;
    struct question question = {NULL, NULL};
    uint8_t *der = NULL;
    int len;

    add_certificates(w, 1, 1, CA_NO_END);
    ask_for(w, &question, 1, EVP_sha1());
    OCSP_request_add1_nonce(question.request, NULL, 16);
    len = i2d_OCSP_REQUEST(question.request, &der);
    for (int cut = 0; cut < len; cut++) {
        struct ocsp_request request;
        uint8_t *copy = malloc((size_t)cut + 1);

        memcpy(copy, der, (size_t)cut);
        assert_int_equal(
            cede_status_class(ocsp_request_decode(cede_span(copy, (size_t)cut), &request)),
            CEDE_CLASS_MALFORMED);
        free(copy);
    }
    for (int bit = 0; bit < 8 * len; bit++) {
        struct http_door_response response = {.status = 404};

        der[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ocsp_service_answer(&w->publisher.ocsp, cede_span(der, (size_t)len), &response);
        assert_int_equal(response.status, 200);
        http_blob_release(response.blob);
        der[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    OPENSSL_free(der);
    OCSP_REQUEST_free(question.request);
}

/* --- paths ------------------------------------------------------------------------------------ */

static int get(struct world *w, const char *path, struct http_blob **blob)
{
    struct http_door_response response = {.status = 404};
    struct http_door_request request = {
        .path = path, .content_type = "", .body = CEDE_SPAN_TEXT("")};

    status_publisher_handle(&w->publisher, &request, &response);
    *blob = response.blob;
    return response.status;
}

static void a_request_in_the_path(void **state)
{
    struct world *w = *state;
    struct question question = {NULL, NULL};
    struct http_blob *blob = NULL;
    uint8_t *der = NULL, text[512];
    char path[600] = "/ocsp/";
    int len, reason = 0;

    add_certificates(w, 1, 1, CA_NO_END);
    ask_for(w, &question, 1, EVP_sha1());
    len = i2d_OCSP_REQUEST(question.request, &der);
    EVP_EncodeBlock(text, der, len);
    for (size_t i = 0, at = 6; text[i] != 0; i++) { /* what RFC 5019 wants encoded */
        at += (size_t)snprintf(path + at, sizeof path - at,
                               text[i] == '+' || text[i] == '/' || text[i] == '=' ? "%%%02X" : "%c",
                               text[i]);
    }
    assert_int_equal(get(w, path, &blob), 200);
    assert_int_equal(status_in(w, blob, question.id, &reason), V_OCSP_CERTSTATUS_GOOD);
    http_blob_release(blob);
    assert_int_equal(get(w, "/ocsp/%00%00", &blob), 200);
    assert_int_equal(error_of(blob), OCSP_RESPONSE_STATUS_MALFORMEDREQUEST);
    http_blob_release(blob);
    OPENSSL_free(der);
    OCSP_REQUEST_free(question.request);
}

static void other_paths(void **state)
{
    struct world *w = *state;
    struct http_blob *blob = NULL;

    assert_int_equal(get(w, "/ca.crl", &blob), 503); /* there is none yet */
    tick(w);
    assert_int_equal(get(w, "/ca.crl", &blob), 200);
    http_blob_release(blob);
    assert_int_equal(get(w, "/delta.crl", &blob), 200);
    http_blob_release(blob);
    assert_int_equal(get(w, "/ca.cer", &blob), 200);
    assert_true(cede_span_equal(http_blob_bytes(blob), ca_certificate_der(w->ca)));
    http_blob_release(blob);
    assert_int_equal(get(w, "/", &blob), 404);
    assert_int_equal(get(w, "/../store.db", &blob), 404);
    assert_int_equal(get(w, "/ocsp/", &blob), 404);
    assert_int_equal(get(w, "/proof/00", &blob), 404);
}

/* --- status proofs of the CA's servers -------------------------------------------------------- */

static enum cede_status check_proof(struct world *w, struct cede_span proof)
{
    struct cede_public_key key = cede_certificate_key(&w->ca->certificate);
    struct cede_status_rules rules = {true, w->now, 0};

    return cede_status_proof_check(cede_crypto_openssl(), &key, w->ca->est, &rules, proof, NULL);
}

static void the_enrolment_server_has_a_proof(void **state)
{
    struct world *w = *state;
    uint8_t thumbprint[32], memory[CEDE_STATUS_PROOF_LEN_MAX], first[CEDE_STATUS_PROOF_LEN_MAX];
    struct cede_certificate est;
    struct cede_span proof;
    size_t len = 0;

    OK(cede_certificate_thumbprint(w->ca->crypto, CEDE_ALG_SHA_256, w->ca->est, thumbprint, &len));
    assert_int_equal(ca_records_proof(w->ca, thumbprint, CEDE_BUF_ARRAY(memory), &proof),
                     CEDE_NOT_FOUND);
    tick(w);
    OK(ca_records_proof(w->ca, thumbprint, CEDE_BUF_ARRAY(memory), &proof));
    assert_int_equal(proof.len, 85);
    OK(check_proof(w, proof));
    memcpy(first, proof.ptr, proof.len);
    w->now += 2000; /* past half of its hour: made anew */
    tick(w);
    OK(ca_records_proof(w->ca, thumbprint, CEDE_BUF_ARRAY(memory), &proof));
    assert_memory_not_equal(first, proof.ptr, proof.len);
    OK(check_proof(w, proof));
    /* and once it is revoked, no good one is to be had */
    OK(cede_certificate_decode(w->ca->est, w->ca->crypto, &est));
    OK(ca_revoke_serial(w->ca, est.serial, NULL, 1, NULL));
    tick(w);
    OK(ca_records_proof(w->ca, thumbprint, CEDE_BUF_ARRAY(memory), &proof));
    assert_int_equal(check_proof(w, proof), CEDE_STATUS_REVOKED);
}

static void devices_have_no_proofs(void **state)
{
    struct world *w = *state;
    uint8_t thumbprint[32] = {0}, memory[CEDE_STATUS_PROOF_LEN_MAX], serial[8];
    struct cede_span proof;

    add_certificates(w, 1, 1, CA_NO_END);
    memcpy(thumbprint, serial_of(1, serial).ptr, 8);
    assert_int_equal(ca_status_proof(w->ca, thumbprint, CEDE_BUF_ARRAY(memory), &proof),
                     CEDE_NOT_FOUND);
}

#define in_world(test_) cmocka_unit_test_setup_teardown(test_, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_world(good_revoked_and_unknown),
        in_world(the_responder_is_delegated),
        in_world(responses_are_kept_until_the_revocation),
        in_world(kept_responses_are_refreshed_before_they_end),
        in_world(responses_are_signed_ahead),
        in_world(what_is_signed_ahead_stays_fresh),
        in_world(ticks_sign_ahead),
        in_world(signing_ahead_takes_no_place),
        in_world(a_restart_signs_for_the_last),
        in_world(a_response_that_is_over_is_not_given),
        in_world(a_nonce_comes_back),
        in_world(a_nonce_of_a_forbidden_length_is_malformed),
        in_world(signing_on_demand_is_bounded),
        in_world(strangers_leave_room_for_certificates),
        in_world(a_revoked_responder_makes_another_key),
        in_world(a_responder_of_the_future_is_replaced),
        in_world(no_answer_outlasts_its_responder),
        in_world(another_issuer_is_unauthorized),
        in_world(several_in_one_request),
        in_world(damaged_requests_get_an_answer_and_no_more),
        in_world(a_request_in_the_path),
        in_world(other_paths),
        in_world(the_enrolment_server_has_a_proof),
        in_world(devices_have_no_proofs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
