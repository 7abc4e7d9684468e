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
    struct cede_est_trust trust = {anchors, 0, true, now};
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
            struct cede_est_trust trust = {&anchor, 1, true, NOW};
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
    struct cede_est_trust trust = {NULL, 0, true, NOW};
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
        assert_int_not_equal(coaps->accept, other->accept);
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
    struct cede_est_trust trust = {NULL, 0, true, NOW};
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
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
