/* SPDX-License-Identifier: Apache-2.0 */
/* est_test.c - the operations of EST, the request of a device, its judgement of answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cede/est.h"
#include "cede/pkcs7.h"

#define NOW             1790000000u
#define OK(expression_) assert_int_equal((expression_), CEDE_OK)

struct party {
    uint8_t scalar[32], point[64];
    uint8_t encoding[600];
    struct cede_span certificate;
};

static struct {
    const struct cede_crypto *crypto;
    struct party ca, other_ca, device;
    uint8_t body[1300], scratch[2048];
} t;

static struct cede_private_key private_key(const struct party *party)
{
    return (struct cede_private_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(party->scalar), NULL};
}

static void issue(struct party *to, const char *subject, const struct party *by, const char *issuer,
                  bool ca, enum cede_certificate_format format)
{
    struct cede_certificate_info info = {0};
    struct cede_private_key key = private_key(by);
    static const uint8_t serial[] = {0x42};

    info.serial = CEDE_SPAN_ARRAY(serial);
    info.issuer = (struct cede_name){CEDE_NAME_TEXT, cede_span_string(issuer)};
    info.subject = (struct cede_name){CEDE_NAME_TEXT, cede_span_string(subject)};
    info.not_before = NOW - 100;
    info.not_after = NOW + 1000;
    info.public_key = (struct cede_public_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(to->point)};
    info.has_basic_constraints = ca;
    info.ca = ca;
    info.path_len = CEDE_PATH_LEN_NONE;
    info.key_usage = ca ? CEDE_KU_KEY_CERT_SIGN : CEDE_KU_DIGITAL_SIGNATURE;
    OK(cede_certificate_issue(format, t.crypto, &info, &key, CEDE_BUF_ARRAY(t.scratch),
                              CEDE_BUF_ARRAY(to->encoding), &to->certificate));
}

static int setup(void **state)
{
    struct party *all[] = {&t.ca, &t.other_ca, &t.device};

    (void)state;
    t.crypto = cede_crypto_openssl();
    for (size_t i = 0; i < 3; i++) {
        OK(t.crypto->generate(t.crypto->context, CEDE_CRV_P256, all[i]->scalar, all[i]->point));
    }
    issue(&t.ca, "CA", &t.ca, "CA", true, CEDE_CERTIFICATE_C509_NATIVE);
    issue(&t.other_ca, "CA", &t.other_ca, "CA", true, CEDE_CERTIFICATE_C509_NATIVE);
    issue(&t.device, "dev", &t.ca, "CA", false, CEDE_CERTIFICATE_C509_NATIVE);
    return 0;
}

static struct cede_est_identity identity(void)
{
    struct cede_est_identity i = {CEDE_SPAN_TEXT("dev"),
                                  private_key(&t.device),
                                  {CEDE_CRV_P256, CEDE_SPAN_ARRAY(t.device.point)}};
    return i;
}

static struct cede_span body_of(struct cede_span certificate)
{
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(t.body));

    cede_est_put_certificate(&writer, certificate);
    return cede_written(&writer);
}

static enum cede_status check_as(const struct cede_est_identity *who, const struct party *anchor,
                                 uint64_t now, struct cede_span body, bool *anchored)
{
    struct cede_certificate anchors[1];
    struct cede_est_trust trust = {.anchors = anchors, .has_clock = true, .now = now};
    struct cede_span certificate;
    enum cede_status status;

    if (anchor != NULL) {
        OK(cede_certificate_decode(anchor->certificate, t.crypto, &anchors[0]));
        trust.anchors_count = 1;
    }
    status = cede_est_check_certificate(t.crypto, body, who, &trust, CEDE_BUF_ARRAY(t.scratch),
                                        &certificate, anchored);
    assert_int_equal(status == CEDE_OK, !cede_span_is_null(certificate));
    if (status == CEDE_OK) {
        assert_true(cede_span_equal(certificate, t.device.certificate));
    }
    return status;
}

static enum cede_status check(const struct party *anchor, struct cede_span body, bool *anchored)
{
    struct cede_est_identity who = identity();

    return check_as(&who, anchor, NOW, body, anchored);
}

static void test_operations(void **state)
{
    (void)state;
    assert_ptr_equal(cede_est_find_operation(CEDE_SPAN_TEXT("sen")),
                     cede_est_operation(CEDE_EST_SEN));
    assert_ptr_equal(cede_est_find_operation(CEDE_SPAN_TEXT("sren")),
                     cede_est_operation(CEDE_EST_SREN));
    assert_ptr_equal(cede_est_find_operation(CEDE_SPAN_TEXT("crts")),
                     cede_est_operation(CEDE_EST_CRTS));
    assert_null(cede_est_find_operation(CEDE_SPAN_TEXT("se")));
    assert_null(cede_est_find_operation(CEDE_SPAN_TEXT("send")));
    assert_null(cede_est_find_operation(CEDE_SPAN_TEXT("")));
    for (int kind = 0; kind < CEDE_EST_KIND_COUNT; kind++) {
        const struct cede_est_operation *operation = cede_est_operation((enum cede_est_kind)kind);
        assert_int_equal(operation->kind, kind);
        assert_int_equal(operation->has_body, operation->method == CEDE_COAP_POST);
    }
}

static void test_request_proves_possession(void **state)
{
    struct cede_est_identity who = identity();
    struct cede_request request;
    struct cede_span encoding, name;
    uint8_t memory[400], text[64];

    (void)state;
    OK(cede_est_compose_request(t.crypto, &who, CEDE_BUF_ARRAY(memory), &encoding));
    OK(cede_request_decode(encoding, t.crypto, &request));
    OK(cede_request_verify(&request, t.crypto, CEDE_BUF_ARRAY(t.scratch)));
    OK(cede_name_common_name(request.subject, CEDE_BUF_ARRAY(text), &name));
    assert_true(cede_span_equal(name, CEDE_SPAN_TEXT("dev")));
    assert_memory_equal(request.point, t.device.point, 64);
    /* Signed by another key it proves nothing. */
    who.key = private_key(&t.ca);
    OK(cede_est_compose_request(t.crypto, &who, CEDE_BUF_ARRAY(memory), &encoding));
    OK(cede_request_decode(encoding, t.crypto, &request));
    assert_int_equal(cede_request_verify(&request, t.crypto, CEDE_BUF_ARRAY(t.scratch)),
                     CEDE_CRYPTO_SIGNATURE);
}

static void test_certificate_by_a_known_anchor(void **state)
{
    bool anchored = false;

    (void)state;
    OK(check(&t.ca, body_of(t.device.certificate), &anchored));
    assert_true(anchored);
}

static void test_certificate_by_an_unknown_CA_is_not_anchored(void **state)
{
    bool anchored = true;

    (void)state;
    OK(check(NULL, body_of(t.device.certificate), &anchored));
    assert_false(anchored);
}

static void test_certificate_that_is_forged_or_old(void **state)
{
    struct cede_est_identity who = identity();
    bool anchored;

    (void)state;
    /* An anchor of that name, but with another key. */
    assert_int_equal(check(&t.other_ca, body_of(t.device.certificate), &anchored),
                     CEDE_CRYPTO_SIGNATURE);
    assert_int_equal(check_as(&who, &t.ca, NOW + 2000, body_of(t.device.certificate), &anchored),
                     CEDE_CERTIFICATE_EXPIRED);
    assert_int_equal(check_as(&who, &t.ca, NOW - 200, body_of(t.device.certificate), &anchored),
                     CEDE_CERTIFICATE_NOT_YET);
}

static void test_certificate_for_somebody_else(void **state)
{
    struct cede_est_identity who = identity();
    bool anchored;

    (void)state;
    who.device_id = CEDE_SPAN_TEXT("dev2");
    assert_int_equal(check_as(&who, &t.ca, NOW, body_of(t.device.certificate), &anchored),
                     CEDE_EST_SUBJECT);
    who = identity();
    who.public_key.point = CEDE_SPAN_ARRAY(t.ca.point);
    assert_int_equal(check_as(&who, &t.ca, NOW, body_of(t.device.certificate), &anchored),
                     CEDE_EST_KEY);
}

static void test_bodies_that_are_none(void **state)
{
    struct cede_span body = body_of(t.device.certificate);
    uint8_t copy[700];
    bool anchored;

    (void)state;
    assert_true(body.len <= sizeof copy);
    for (size_t i = 0; i < body.len; i++) {
        assert_int_not_equal(check(&t.ca, cede_span(body.ptr, i), &anchored), CEDE_OK);
        memcpy(copy, body.ptr, body.len);
        copy[i] ^= (uint8_t)(1u << (i % 8));
        {
            struct cede_est_identity who = identity();
            struct cede_certificate anchor;
            struct cede_est_trust trust = {
                .anchors = &anchor, .anchors_count = 1, .has_clock = true, .now = NOW};
            struct cede_span certificate;
            OK(cede_certificate_decode(t.ca.certificate, t.crypto, &anchor));
            if (cede_est_check_certificate(t.crypto, cede_span(copy, body.len), &who, &trust,
                                           CEDE_BUF_ARRAY(t.scratch), &certificate,
                                           &anchored) == CEDE_OK) {
                assert_false(anchored); /* only where another issuer's name came of it */
            }
        }
    }
    memcpy(copy, body.ptr, body.len);
    copy[body.len] = 0;
    assert_int_not_equal(check(&t.ca, cede_span(copy, body.len + 1), &anchored), CEDE_OK);
}

static void test_X509_body(void **state)
{
    bool anchored;

    (void)state;
    issue(&t.ca, "CA", &t.ca, "CA", true, CEDE_CERTIFICATE_X509);
    issue(&t.device, "dev", &t.ca, "CA", false, CEDE_CERTIFICATE_X509);
    OK(check(&t.ca, t.device.certificate, &anchored));
    assert_true(anchored);
    assert_int_not_equal(
        check(&t.ca, cede_span(t.device.certificate.ptr, t.device.certificate.len - 1), &anchored),
        CEDE_OK);
    (void)setup(NULL);
}

static void test_crts(void **state)
{
    struct cede_est_trust trust = {.has_clock = true, .now = NOW};
    struct cede_span anchor, body;
    struct cede_span both[2] = {t.other_ca.certificate, t.ca.certificate};
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(t.body));

    (void)state;
    OK(cede_est_check_anchor(t.crypto, body_of(t.ca.certificate), t.device.certificate, &trust,
                             CEDE_BUF_ARRAY(t.scratch), &anchor));
    assert_true(cede_span_equal(anchor, t.ca.certificate));
    assert_int_not_equal(cede_est_check_anchor(t.crypto, body_of(t.other_ca.certificate),
                                               t.device.certificate, &trust,
                                               CEDE_BUF_ARRAY(t.scratch), &anchor),
                         CEDE_OK);
    assert_true(cede_span_is_null(anchor));
    /* Of several the one with the right key, although the names are the same. */
    cede_c509_put_bag(&writer, both, 2);
    body = cede_written(&writer);
    OK(cede_est_check_anchor(t.crypto, body, t.device.certificate, &trust,
                             CEDE_BUF_ARRAY(t.scratch), &anchor));
    assert_true(cede_span_equal(anchor, t.ca.certificate));
    assert_int_not_equal(cede_est_check_anchor(t.crypto, cede_span(body.ptr, body.len - 1),
                                               t.device.certificate, &trust,
                                               CEDE_BUF_ARRAY(t.scratch), &anchor),
                         CEDE_OK);
}

/* EST-coaps (RFC 9148). */
static void test_coaps_request_is_PKCS10(void **state)
{
    struct cede_est_identity who = identity();
    struct cede_x509_request request;
    struct cede_span encoding;
    uint8_t memory[400];

    (void)state;
    OK(cede_est_compose_pkcs10(t.crypto, &who, CEDE_BUF_ARRAY(memory), &encoding));
    OK(cede_x509_request_decode(encoding, &request));
    OK(cede_x509_request_verify(&request, t.crypto));
    assert_true(cede_span_equal(cede_x509_common_name(request.subject), CEDE_SPAN_TEXT("dev")));
    who.key = private_key(&t.ca);
    OK(cede_est_compose_pkcs10(t.crypto, &who, CEDE_BUF_ARRAY(memory), &encoding));
    OK(cede_x509_request_decode(encoding, &request));
    assert_int_equal(cede_x509_request_verify(&request, t.crypto), CEDE_CRYPTO_SIGNATURE);
    for (int kind = 0; kind < CEDE_EST_KIND_COUNT; kind++) {
        const struct cede_est_operation *coaps = cede_est_coaps_operation((enum cede_est_kind)kind);
        const struct cede_est_operation *other = cede_est_operation((enum cede_est_kind)kind);
        assert_string_equal(coaps->path, other->path);
        assert_true(coaps->has_body == other->has_body && coaps->answer == other->answer);
        assert_true(coaps->accept != other->accept ||
                    coaps->accept == CEDE_EST_FORMAT_MULTIPART); /* parts have formats */
    }
}

static struct cede_span bag_of(const struct cede_span *certificates, size_t count)
{
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(t.body));

    cede_pkcs7_put_certs(&writer, certificates, count);
    return cede_written(&writer);
}

static void test_certs_only_bodies(void **state)
{
    struct cede_est_trust trust = {.has_clock = true, .now = NOW};
    struct cede_span anchors[2], body, anchor;
    bool anchored;

    (void)state;
    issue(&t.other_ca, "CA", &t.other_ca, "CA", true, CEDE_CERTIFICATE_X509);
    issue(&t.ca, "CA", &t.ca, "CA", true, CEDE_CERTIFICATE_X509);
    issue(&t.device, "dev", &t.ca, "CA", false, CEDE_CERTIFICATE_X509);
    OK(check(&t.ca, bag_of(&t.device.certificate, 1), &anchored));
    assert_true(anchored);
    assert_int_equal(check(&t.other_ca, bag_of(&t.device.certificate, 1), &anchored),
                     CEDE_CRYPTO_SIGNATURE);
    assert_int_equal(check(&t.ca, bag_of(NULL, 0), &anchored), CEDE_EST_BODY);
    body = bag_of(&t.ca.certificate, 1);
    assert_int_equal(check(&t.ca, body, &anchored), CEDE_EST_KEY);
    anchors[0] = t.other_ca.certificate;
    anchors[1] = t.ca.certificate;
    body = bag_of(anchors, 2);
    OK(cede_est_check_anchor(t.crypto, body, t.device.certificate, &trust,
                             CEDE_BUF_ARRAY(t.scratch), &anchor));
    assert_true(cede_span_equal(anchor, t.ca.certificate));
    body = bag_of(anchors, 1);
    assert_int_not_equal(cede_est_check_anchor(t.crypto, body, t.device.certificate, &trust,
                                               CEDE_BUF_ARRAY(t.scratch), &anchor),
                         CEDE_OK);
    assert_true(cede_span_is_null(anchor));
    (void)setup(NULL);
}

/* --- keys that agree -------------------------------------------------------------------------- */

/* Composes as PKCS #10 or C509 for `to`, then checks with the key of `by`. */
static enum cede_status prove(bool x509, const struct cede_pop_verifier *to, const struct party *by,
                              struct cede_request *request)
{
    static uint8_t memory[600];
    struct cede_est_identity who = identity();
    struct cede_private_key key = private_key(by);
    struct cede_span encoding;

    OK(cede_est_compose_mac_request(t.crypto, &who, to, x509, CEDE_BUF_ARRAY(memory), &encoding));
    OK(cede_request_decode(encoding, t.crypto, request));
    assert_int_equal(request->mac_hash, CEDE_ALG_SHA_256);
    return cede_request_verify_mac(request, t.crypto, to, &key, CEDE_BUF_ARRAY(t.scratch));
}

/* Section 4.8 of the draft: only who holds Y can tell, and a request for another Y is worthless. */
static void test_MAC_request_for_an_ephemeral_key(void **state)
{
    struct cede_pop_verifier g_y =
        cede_est_ephemeral_verifier(CEDE_ALG_SHA_256, CEDE_CRV_P256, CEDE_SPAN_ARRAY(t.ca.point));
    struct cede_request request;

    (void)state;
    assert_int_equal(g_y.kdf, CEDE_POP_KDF_HKDF);
    for (int x509 = 0; x509 < 2; x509++) {
        OK(prove(x509 != 0, &g_y, &t.ca, &request));
        assert_int_equal(prove(x509 != 0, &g_y, &t.other_ca, &request), CEDE_CRYPTO_TAG);
        assert_int_equal(cede_request_verify(&request, t.crypto, CEDE_BUF_ARRAY(t.scratch)),
                         CEDE_CERTIFICATE_ALGORITHM);
    }
}

/* Whoever sends the verifier's key back as its own gets no request. */
static void test_MAC_request_for_the_verifiers_key_is_refused(void **state)
{
    struct cede_pop_verifier g_y = cede_est_ephemeral_verifier(CEDE_ALG_SHA_256, CEDE_CRV_P256,
                                                               CEDE_SPAN_ARRAY(t.device.point));
    struct cede_est_identity who = identity();
    struct cede_span encoding = CEDE_SPAN_TEXT("x");
    uint8_t memory[600];

    (void)state;
    assert_int_equal(cede_est_compose_mac_request(t.crypto, &who, &g_y, false,
                                                  CEDE_BUF_ARRAY(memory), &encoding),
                     CEDE_EST_KEY);
    assert_true(cede_span_is_null(encoding));
    g_y.key.curve = CEDE_CRV_P384;
    assert_int_equal(cede_est_compose_mac_request(t.crypto, &who, &g_y, false,
                                                  CEDE_BUF_ARRAY(memory), &encoding),
                     CEDE_CERTIFICATE_ALGORITHM);
}

static void test_MAC_request_for_a_certificate(void **state)
{
    struct cede_certificate certificate;
    struct cede_pop_verifier verifier;
    struct cede_request request;

    (void)state;
    OK(cede_certificate_decode(t.ca.certificate, t.crypto, &certificate));
    verifier = cede_est_certificate_verifier(CEDE_ALG_SHA_256, &certificate);
    OK(prove(false, &verifier, &t.ca, &request));
    assert_int_equal(prove(false, &verifier, &t.other_ca, &request), CEDE_CRYPTO_TAG);
    /* The names are in the key: without them, or with others, it is another MAC. */
    OK(prove(false, &verifier, &t.ca, &request));
    {
        struct cede_pop_verifier other = cede_est_ephemeral_verifier(
            CEDE_ALG_SHA_256, CEDE_CRV_P256, CEDE_SPAN_ARRAY(t.ca.point));
        struct cede_private_key key = private_key(&t.ca);
        assert_int_not_equal(
            cede_request_verify_mac(&request, t.crypto, &other, &key, CEDE_BUF_ARRAY(t.scratch)),
            CEDE_OK);
    }
}

static void test_certificate_of_the_wrong_usage(void **state)
{
    struct cede_certificate anchor;
    struct cede_est_trust trust = {
        .anchors = &anchor, .anchors_count = 1, .has_clock = true, .now = NOW, .agrees = true};
    struct cede_est_identity who = identity();
    struct cede_span certificate;
    bool anchored;

    (void)state;
    OK(cede_certificate_decode(t.ca.certificate, t.crypto, &anchor));
    assert_int_equal(cede_est_check_certificate(t.crypto, body_of(t.device.certificate), &who,
                                                &trust, CEDE_BUF_ARRAY(t.scratch), &certificate,
                                                &anchored),
                     CEDE_CERTIFICATE_USAGE);
}

/* --- by reference ----------------------------------------------------------------------------- */

static struct cede_span hash_item(uint8_t memory[16])
{
    struct cede_writer writer = cede_writer(cede_buf(memory, 16));

    OK(cede_est_put_hash(&writer, t.crypto, t.device.certificate));
    return cede_written(&writer);
}

static struct cede_span multipart(const struct cede_est_references *references, uint32_t format)
{
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(t.body));

    cede_est_put_multipart(&writer, references, format);
    OK(writer.status);
    return cede_written(&writer);
}

static void test_references(void **state)
{
    uint8_t memory[16], text[300];
    struct cede_est_references sent = {.hash = hash_item(memory)}, got;
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(text));

    (void)state;
    OK(cede_est_read_references(CEDE_EST_FORMAT_C509_CERTHASH, sent.hash, &got));
    assert_true(cede_span_equal(got.hash, sent.hash) && !got.is_x509);
    OK(cede_est_read_references(CEDE_EST_FORMAT_CERTHASH, sent.hash, &got));
    assert_true(got.is_x509);
    OK(cede_est_check_reference(t.crypto, &got, t.device.certificate));
    assert_int_equal(cede_est_check_reference(t.crypto, &got, t.ca.certificate),
                     CEDE_EST_REFERENCE);

    cede_cbor_put_text(&writer, CEDE_SPAN_TEXT("coap://ca/c/x"));
    OK(cede_est_read_references(CEDE_EST_FORMAT_URI, cede_written(&writer), &got));
    assert_true(cede_span_equal(got.uri, CEDE_SPAN_TEXT("coap://ca/c/x")));
    assert_int_equal(cede_est_check_reference(t.crypto, &got, t.device.certificate),
                     CEDE_EST_REFERENCE);

    /* The shortest multipart: 16 bytes. */
    OK(cede_est_read_references(CEDE_EST_FORMAT_MULTIPART, multipart(&sent, 0), &got));
    assert_true(cede_span_equal(got.hash, sent.hash));
    assert_int_equal(multipart(&sent, 0).len, 16);
    sent.is_x509 = true;
    sent.uri = CEDE_SPAN_TEXT("coap://ca/c/x");
    sent.certificate = t.device.certificate;
    OK(cede_est_read_references(CEDE_EST_FORMAT_MULTIPART,
                                multipart(&sent, CEDE_EST_FORMAT_C509_CERT), &got));
    assert_true(got.is_x509 && cede_span_equal(got.uri, sent.uri) &&
                cede_span_equal(got.hash, sent.hash) &&
                cede_span_equal(got.certificate, sent.certificate));
}

static enum cede_status read_multipart(const char *bytes, size_t len)
{
    struct cede_est_references got;
    enum cede_status status = cede_est_read_references(
        CEDE_EST_FORMAT_MULTIPART, cede_span((const uint8_t *)bytes, len), &got);

    if (status != CEDE_OK) {
        assert_true(got.hash.ptr == NULL && got.uri.ptr == NULL && got.certificate.ptr == NULL);
    }
    return status;
}

#define HASH_PART   "\x19\xfd\xf9\x4b\x82\x2e\x48\1\2\3\4\5\6\7\10"
#define URI_PART    "\x18\x3c\x42\x61\x78"
#define CERT_PART   "\x19\xfd\xeb\x41\x40"
#define READ(text_) read_multipart(text_, sizeof(text_) - 1)

static void test_multipart_of_others(void **state)
{
    static const char long_head[] = "\x82\x18\x3c\x59\x01\x04\x79\x01\x01";
    char too_long[sizeof long_head - 1 + 257];

    (void)state;
    OK(READ("\x84\x18\x2a\x41\x00" HASH_PART)); /* a format nobody knows */
    OK(READ("\x84\x19\xfd\xeb\xf6" HASH_PART)); /* null: none of that format */
    OK(READ("\x82" URI_PART));
    assert_int_equal(READ("\x80"), CEDE_EST_BODY);
    assert_int_equal(READ("\x82" CERT_PART), CEDE_EST_BODY); /* no reference at all */
    assert_int_equal(READ("\x84" HASH_PART HASH_PART), CEDE_EST_BODY);
    assert_int_equal(READ("\x84" URI_PART URI_PART), CEDE_EST_BODY);
    assert_int_equal(READ("\x86" HASH_PART CERT_PART CERT_PART), CEDE_EST_BODY);
    assert_int_equal(READ("\x84" HASH_PART "\x19\xfd\xeb\x40"), CEDE_EST_BODY);
    assert_int_equal(READ("\x82\x18\x3c\x41\x60"), CEDE_EST_BODY); /* an empty URI */
    assert_int_equal(READ("\x83" HASH_PART "\x00"), CEDE_EST_BODY);
    assert_int_equal(READ("\x8a\0\xf6\1\xf6\2\xf6\3\xf6\4\xf6"), CEDE_EST_BODY);
    assert_int_not_equal(READ("\x82" HASH_PART "\x00"), CEDE_OK);
    assert_int_not_equal(READ("\x84" HASH_PART), CEDE_OK);
    assert_int_not_equal(READ("\x82\x20\x40"), CEDE_OK);
    assert_int_not_equal(READ("\x82\x19\xfd\xf9\x41\x00"), CEDE_OK);
    assert_int_not_equal(READ("\x82\x18\x3c\x43\x61\x78\x00"), CEDE_OK);
    assert_int_not_equal(READ("\x40"), CEDE_OK);
    memcpy(too_long, long_head, sizeof long_head - 1);
    memset(too_long + sizeof long_head - 1, 'x', 257);
    assert_int_equal(read_multipart(too_long, sizeof too_long), CEDE_EST_BODY);
    {
        struct cede_est_references got;
        assert_int_equal(
            cede_est_read_references(CEDE_EST_FORMAT_C509_CERT, t.device.certificate, &got),
            CEDE_EST_BODY); /* a certificate is no reference */
        assert_int_equal(cede_est_read_references(0, CEDE_SPAN_NULL, &got), CEDE_EST_BODY);
    }
}

static void test_paths_of_certificates(void **state)
{
    uint8_t item[16], memory[64], bytes[32];
    struct cede_span hash = hash_item(item), path, value;
    static const char *const none[] = {"", "!", "AAAA=", "A", "AB", "AAB", "AAAAA"};

    (void)state;
    OK(cede_est_reference_path(hash, CEDE_BUF_ARRAY(memory), &path));
    assert_int_equal(path.len, 2 + 11);
    OK(cede_est_reference_hash(cede_span_part(path, 2, 11), CEDE_BUF_ARRAY(bytes), &value));
    assert_int_equal(value.len, 8);
    assert_memory_equal(value.ptr, hash.ptr + 3, 8);
    OK(cede_est_reference_hash(CEDE_SPAN_TEXT("AAAA"), CEDE_BUF_ARRAY(bytes), &value));
    assert_int_equal(value.len, 3);
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_int_equal(
            cede_est_reference_hash(cede_span_string(none[i]), CEDE_BUF_ARRAY(bytes), &value),
            CEDE_EST_BODY);
        assert_true(cede_span_is_null(value));
    }
    /* Hashes of 9 bytes leave nothing over; other bodies have no path. */
    OK(cede_est_reference_path(CEDE_SPAN_TEXT("\x82\x2e\x49"
                                              "123456789"),
                               CEDE_BUF_ARRAY(memory), &path));
    assert_int_equal(path.len, 2 + 12);
    assert_int_not_equal(
        cede_est_reference_path(CEDE_SPAN_TEXT("\x82\x2e"), CEDE_BUF_ARRAY(memory), &path),
        CEDE_OK);
    assert_int_equal(cede_est_reference_path(hash, cede_buf(memory, 5), &path), CEDE_NO_SPACE);
    assert_true(cede_span_is_null(path));
}

/* --- wishes and links ------------------------------------------------------------------------- */

static void assert_bytes(const struct cede_writer *writer, const char *expected, size_t len)
{
    OK(writer->status);
    assert_int_equal(writer->len, len);
    assert_memory_equal(cede_written(writer).ptr, expected, len);
}
#define ASSERT_BYTES(writer_, text_) assert_bytes(writer_, text_, sizeof(text_) - 1)

static void test_wishes(void **state)
{
    struct cede_est_wishes wishes = {.p256 = true, .signatures = true};
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(t.body));

    (void)state;
    cede_est_put_csrattrs(&writer, &wishes);
    ASSERT_BYTES(&writer, "\x30\x21\x30\x15\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x31\x0a\x06\x08\x2a"
                          "\x86\x48\xce\x3d\x03\x01\x07\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02");
    writer = cede_writer(CEDE_BUF_ARRAY(t.body));
    cede_est_put_crtemplate(&writer, &wishes);
    ASSERT_BYTES(&writer, "\x87\x00\x82\x02\x03\x81\x00\x84\x01\x01\x01\xf7\x81\x01\xf7\x80");

    wishes = (struct cede_est_wishes){.p384 = true, .macs = true};
    writer = cede_writer(CEDE_BUF_ARRAY(t.body));
    cede_est_put_csrattrs(&writer, &wishes);
    ASSERT_BYTES(&writer, "\x30\x1e\x30\x12\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x31\x07\x06\x05\x2b"
                          "\x81\x04\x00\x22\x06\x08\x2b\x06\x01\x05\x05\x07\x06\x1b");
    wishes = (struct cede_est_wishes){true, true, true, true, true};
    writer = cede_writer(CEDE_BUF_ARRAY(t.body));
    cede_est_put_crtemplate(&writer, &wishes);
    ASSERT_BYTES(&writer, "\x87\x00\x82\x02\x03\x85\x00\x01\x0c\x0e\x0f\x84\x01\x01\x01\xf7\x83\x01"
                          "\x02\x0c\xf7\x80");
    writer = cede_writer(CEDE_BUF_ARRAY(t.body));
    cede_est_put_csrattrs(&writer, &wishes);
    assert_int_equal(writer.len, 2 + 23 + 10 + 10 + 20 + 10 + 10 + 5);
}

static struct cede_span links(const char *filter)
{
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(t.body));

    cede_est_put_links(&writer, "/est/",
                       filter == NULL ? CEDE_SPAN_NULL : cede_span_string(filter));
    OK(writer.status);
    return cede_written(&writer);
}

static size_t links_count(const char *filter)
{
    struct cede_span text = links(filter);
    size_t count = text.len > 0;

    for (size_t i = 0; i < text.len; i++) {
        count += text.ptr[i] == ',';
    }
    return count;
}

static void test_links(void **state)
{
    (void)state;
    assert_true(cede_span_equal(links("rt=ace.est.att"),
                                CEDE_SPAN_TEXT("</est/att>;rt=\"ace.est.att\";ct=\"285 "
                                               "65019\";osc")));
    assert_int_equal(links_count(NULL), CEDE_EST_KIND_COUNT);
    assert_int_equal(links_count("rt=ace.est*"), CEDE_EST_KIND_COUNT);
    assert_int_equal(links_count("rt=*"), CEDE_EST_KIND_COUNT);
    assert_int_equal(links_count("rt=ace.est.s*"), 4);
    assert_int_equal(links_count("rt=ace.est.sen"), 1);
    assert_int_equal(links_count("href=/est/sen"), 1);
    assert_int_equal(links_count("href=/est*"), CEDE_EST_KIND_COUNT);
    assert_int_equal(links_count("rt=ace.est"), 0);
    assert_int_equal(links_count("rt=ace.est.sent"), 0);
    assert_int_equal(links_count("rt=ace.est.sent*"), 0);
    assert_int_equal(links_count("rt=core.rd*"), 0);
    assert_int_equal(links_count("rt="), 0);
    assert_int_equal(links_count("href=/other"), 0);
    assert_int_equal(links_count("if=x"), 0);
    assert_int_equal(links_count("r"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operations),
        cmocka_unit_test(test_request_proves_possession),
        cmocka_unit_test(test_certificate_by_a_known_anchor),
        cmocka_unit_test(test_certificate_by_an_unknown_CA_is_not_anchored),
        cmocka_unit_test(test_certificate_that_is_forged_or_old),
        cmocka_unit_test(test_certificate_for_somebody_else),
        cmocka_unit_test(test_bodies_that_are_none),
        cmocka_unit_test(test_X509_body),
        cmocka_unit_test(test_crts),
        cmocka_unit_test(test_coaps_request_is_PKCS10),
        cmocka_unit_test(test_certs_only_bodies),
        cmocka_unit_test(test_MAC_request_for_an_ephemeral_key),
        cmocka_unit_test(test_MAC_request_for_the_verifiers_key_is_refused),
        cmocka_unit_test(test_MAC_request_for_a_certificate),
        cmocka_unit_test(test_certificate_of_the_wrong_usage),
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_multipart_of_others),
        cmocka_unit_test(test_paths_of_certificates),
        cmocka_unit_test(test_wishes),
        cmocka_unit_test(test_links),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
