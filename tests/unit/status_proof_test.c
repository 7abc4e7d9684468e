/* SPDX-License-Identifier: Apache-2.0 */
/* status_proof_test.c - StatusProof: its size, round trips, and a refusal for every rule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cede/cose.h"
#include "cede/status_proof.h"
#include "cede/transfer.h"
#include "failing_crypto.h"

#define NOW 1790001000u

static struct {
    const struct cede_crypto *crypto;
    uint8_t scalar[48], point[96], other_scalar[48], other_point[96];
    struct cede_private_key key;
    struct cede_public_key public_key, other_public_key;
    uint8_t certificate[2][600];
    struct cede_span raw[2];
    uint8_t memory[CEDE_STATUS_PROOF_LEN_MAX];
} t;

static void make_certificate(unsigned index)
{
    struct cede_certificate_info info = {
        .issuer = {CEDE_NAME_TEXT, CEDE_SPAN_TEXT("CA1")},
        .subject = {CEDE_NAME_TEXT, CEDE_SPAN_TEXT("est")},
        .not_before = NOW - 1000,
        .not_after = NOW + 1000,
        .path_len = CEDE_PATH_LEN_NONE,
        .key_usage = CEDE_KU_DIGITAL_SIGNATURE,
    };
    uint8_t serial[1] = {(uint8_t)(1 + index)}, scratch[2048];

    info.serial = CEDE_SPAN_ARRAY(serial);
    info.public_key = t.public_key;
    assert_int_equal(cede_certificate_issue(CEDE_CERTIFICATE_C509_NATIVE, t.crypto, &info, &t.key,
                                            CEDE_BUF_ARRAY(scratch),
                                            CEDE_BUF_ARRAY(t.certificate[index]), &t.raw[index]),
                     CEDE_OK);
}

static void make_keys(int32_t curve)
{
    t.crypto = cede_crypto_openssl();
    assert_int_equal(t.crypto->generate(t.crypto->context, curve, t.scalar, t.point), CEDE_OK);
    assert_int_equal(t.crypto->generate(t.crypto->context, curve, t.other_scalar, t.other_point),
                     CEDE_OK);
    t.key =
        (struct cede_private_key){curve, cede_span(t.scalar, cede_curve_private_len(curve)), NULL};
    t.public_key =
        (struct cede_public_key){curve, cede_span(t.point, cede_curve_public_len(curve))};
    t.other_public_key =
        (struct cede_public_key){curve, cede_span(t.other_point, cede_curve_public_len(curve))};
    make_certificate(0);
    make_certificate(1);
}

static int setup(void **state)
{
    (void)state;
    make_keys(CEDE_CRV_P256);
    return 0;
}

static const struct cede_status_proof good = {.this_update = NOW, .lifetime = 86400};

static struct cede_span sign(const struct cede_status_proof *proof)
{
    struct cede_span encoding;

    assert_int_equal(cede_status_proof_sign(t.crypto, &t.key, t.raw[0], proof,
                                            CEDE_BUF_ARRAY(t.memory), &encoding),
                     CEDE_OK);
    return encoding;
}

static enum cede_status check(struct cede_span encoding, uint64_t now)
{
    struct cede_status_rules rules = {true, now, 0};

    return cede_status_proof_check(t.crypto, &t.public_key, t.raw[0], &rules, encoding, NULL);
}

static void test_round_trip(void **state)
{
    struct cede_status_rules rules = {true, NOW + 10, NOW - 100};
    struct cede_status_proof proof;
    struct cede_span encoding = sign(&good);

    (void)state;
    assert_int_equal(
        cede_status_proof_check(t.crypto, &t.public_key, t.raw[0], &rules, encoding, &proof),
        CEDE_OK);
    assert_false(proof.revoked);
    assert_int_equal(proof.this_update, NOW);
    assert_int_equal(proof.lifetime, 86400);
}

/* In EAD_2 come the label (3 bytes) and the head of the byte string (2) before it. */
static void test_sizes(void **state)
{
    struct cede_status_proof longest = {.this_update = UINT32_MAX,
                                        .lifetime = CEDE_STATUS_LIFETIME_MAX};
    struct cede_status_proof hour = {.this_update = NOW, .lifetime = 3600};

    (void)state;
    assert_int_equal(sign(&hour).len, 85);
    assert_int_equal(sign(&longest).len, 87);
    assert_true(sign(&longest).len + 5 < 120);
}

static void test_other_curves(void **state)
{
    static const struct {
        int32_t curve;
        size_t len;
    } cases[] = {{CEDE_CRV_ED25519, 87}, {CEDE_CRV_P384, 119}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        make_keys(cases[i].curve);
        assert_int_equal(sign(&good).len, cases[i].len);
        assert_int_equal(check(sign(&good), NOW), CEDE_OK);
    }
    make_keys(CEDE_CRV_P256);
}

static void test_revoked_is_told_however_old(void **state)
{
    struct cede_status_proof revoked = {.revoked = true, .this_update = 1, .lifetime = 1};

    (void)state;
    assert_int_equal(check(sign(&revoked), NOW), CEDE_STATUS_REVOKED);
}

static void test_time(void **state)
{
    struct cede_span encoding = sign(&good);
    struct cede_status_rules no_clock = {false, 0, NOW + 86400 + CEDE_STATUS_SKEW};

    (void)state;
    assert_int_equal(check(encoding, NOW + 86400 + CEDE_STATUS_SKEW), CEDE_OK);
    assert_int_equal(check(encoding, NOW + 86400 + CEDE_STATUS_SKEW + 1), CEDE_STATUS_STALE);
    assert_int_equal(check(encoding, NOW - CEDE_STATUS_SKEW), CEDE_OK);
    assert_int_equal(check(encoding, NOW - CEDE_STATUS_SKEW - 1), CEDE_STATUS_NOT_YET);
    assert_int_equal(
        cede_status_proof_check(t.crypto, &t.public_key, t.raw[0], &no_clock, encoding, NULL),
        CEDE_OK);
    no_clock.floor++;
    assert_int_equal(
        cede_status_proof_check(t.crypto, &t.public_key, t.raw[0], &no_clock, encoding, NULL),
        CEDE_STATUS_STALE);
}

static void test_of_another_certificate(void **state)
{
    struct cede_status_rules rules = {true, NOW, 0};
    struct cede_span encoding = sign(&good);

    (void)state;
    assert_int_equal(
        cede_status_proof_check(t.crypto, &t.public_key, t.raw[1], &rules, encoding, NULL),
        CEDE_STATUS_OTHER);
}

/* The whole hash is signed: a proof cannot be moved to a certificate whose hash begins alike. */
static void test_the_short_hash_alone_does_not_count(void **state)
{
    struct cede_status_rules rules = {true, NOW, 0};
    struct cede_span encoding = sign(&good);
    uint8_t forged[CEDE_STATUS_PROOF_LEN_MAX], hash[CEDE_SHA256_LEN];
    size_t len = 0;

    (void)state;
    assert_int_equal(cede_certificate_thumbprint(t.crypto, CEDE_ALG_SHA_256, t.raw[1], hash, &len),
                     CEDE_OK);
    memcpy(forged, encoding.ptr, encoding.len);
    memcpy(forged + 2, hash, CEDE_STATUS_HASH_LEN);
    assert_int_equal(cede_status_proof_check(t.crypto, &t.public_key, t.raw[1], &rules,
                                             cede_span(forged, encoding.len), NULL),
                     CEDE_STATUS_SIGNATURE);
}

static void test_by_another_key(void **state)
{
    struct cede_status_rules rules = {true, NOW, 0};

    (void)state;
    assert_int_equal(
        cede_status_proof_check(t.crypto, &t.other_public_key, t.raw[0], &rules, sign(&good), NULL),
        CEDE_STATUS_SIGNATURE);
}

/* What a controller signs for other ends, an order or a trust update, is no proof. */
static void test_another_signature_of_the_issuer_is_no_proof(void **state)
{
    struct cede_span encoding = sign(&good), message;
    uint8_t moved[CEDE_STATUS_PROOF_LEN_MAX], memory[256];

    (void)state;
    memcpy(moved, encoding.ptr, encoding.len);
    assert_int_equal(cede_transfer_sign(t.crypto, &t.key,
                                        cede_span(moved + 1, encoding.len - 1 - 66),
                                        CEDE_BUF_ARRAY(memory), &message),
                     CEDE_OK);
    memcpy(moved + encoding.len - 64, message.ptr + message.len - 64, 64);
    assert_int_equal(check(cede_span(moved, encoding.len), NOW), CEDE_STATUS_SIGNATURE);
}

static void test_no_bit_flip_and_no_truncation_passes(void **state)
{
    struct cede_span encoding = sign(&good);
    uint8_t copy[CEDE_STATUS_PROOF_LEN_MAX + 1] = {0};

    (void)state;
    memcpy(copy, encoding.ptr, encoding.len);
    for (size_t bit = 0; bit < 8 * encoding.len; bit++) {
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(check(cede_span(copy, encoding.len), NOW), CEDE_OK);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t len = 0; len < encoding.len; len++) {
        assert_int_equal(cede_status_class(check(cede_span(copy, len), NOW)), CEDE_CLASS_MALFORMED);
    }
    assert_int_equal(check(cede_span(copy, encoding.len + 1), NOW), CEDE_TRAILING_BYTES);
    assert_int_equal(check(cede_span(copy, encoding.len), NOW), CEDE_OK);
}

static void test_numbers_out_of_range(void **state)
{
    struct cede_status_proof proof = good;
    struct cede_span encoding;
    uint8_t bytes[128];

    (void)state;
    proof.lifetime = CEDE_STATUS_LIFETIME_MAX + 1;
    assert_int_equal(cede_status_proof_sign(t.crypto, &t.key, t.raw[0], &proof,
                                            CEDE_BUF_ARRAY(t.memory), &encoding),
                     CEDE_BAD_ARGUMENT);
    proof.lifetime = 0;
    assert_int_equal(cede_status_proof_sign(t.crypto, &t.key, t.raw[0], &proof,
                                            CEDE_BUF_ARRAY(t.memory), &encoding),
                     CEDE_BAD_ARGUMENT);
    for (unsigned wrong = 0; wrong < 4; wrong++) {
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(bytes));
        struct cede_status_proof read;

        cede_cbor_put_array(&writer, 5);
        cede_cbor_put_bytes(&writer, cede_span(t.scalar, wrong == 0 ? 7 : 8));
        cede_cbor_put_uint(&writer, wrong == 1 ? 2 : 0);
        cede_cbor_put_uint(&writer, wrong == 2 ? (uint64_t)UINT32_MAX + 1 : NOW);
        cede_cbor_put_uint(&writer, wrong == 3 ? CEDE_STATUS_LIFETIME_MAX + 1 : 3600);
        cede_cbor_put_bytes(&writer, cede_span(t.point, 64));
        assert_int_equal(cede_status_proof_decode(cede_written(&writer), &read), CEDE_STATUS_VALUE);
    }
}

static void test_signing_needs_its_exact_room(void **state)
{
    size_t needed = sign(&good).len;
    struct cede_span encoding;

    (void)state;
    for (size_t cap = 0; cap <= needed; cap++) {
        uint8_t *memory = malloc(cap + 1);
        assert_int_equal(cede_status_proof_sign(t.crypto, &t.key, t.raw[0], &good,
                                                cede_buf(memory, cap), &encoding),
                         cap == needed ? CEDE_OK : CEDE_NO_SPACE);
        assert_int_equal(encoding.len, cap == needed ? cap : 0);
        free(memory);
    }
}

/* P-521 is no curve of this profile, whoever vouches for the key. */
static void test_an_issuer_on_another_curve(void **state)
{
    struct cede_status_rules rules = {true, NOW, 0};
    struct cede_private_key key = {CEDE_CRV_P521, CEDE_SPAN_ARRAY(t.scalar), NULL};
    struct cede_public_key public_key = {CEDE_CRV_P521, CEDE_SPAN_ARRAY(t.point)};
    struct cede_span encoding = sign(&good), written;
    struct cede_status_proof proof;
    uint8_t memory[256];

    (void)state;
    assert_int_equal(
        cede_status_proof_sign(t.crypto, &key, t.raw[0], &good, CEDE_BUF_ARRAY(memory), &written),
        CEDE_CERTIFICATE_ALGORITHM);
    assert_true(cede_span_is_null(written));
    assert_int_equal(
        cede_status_proof_check(t.crypto, &public_key, t.raw[0], &rules, encoding, &proof),
        CEDE_CERTIFICATE_ALGORITHM);
    assert_int_equal(proof.lifetime, 0);
    assert_int_equal(check(encoding, NOW), CEDE_OK);
}

/* The back end's failure is told as such, and is neither good nor revoked. */
static void test_a_failing_back_end_is_no_verdict(void **state)
{
    struct failing_crypto failing;
    const struct cede_crypto *crypto = failing_crypto(&failing, t.crypto);
    struct cede_status_rules rules = {true, NOW, 0};
    struct cede_span encoding = sign(&good), written;
    struct cede_status_proof proof;
    uint8_t memory[CEDE_STATUS_PROOF_LEN_MAX];

    (void)state;
    for (unsigned n = 1; n <= 2; n++) { /* the hash of the certificate, then the signature */
        failing.calls = 0;
        failing.fail_at = n;
        assert_int_equal(cede_status_proof_sign(crypto, &t.key, t.raw[0], &good,
                                                CEDE_BUF_ARRAY(memory), &written),
                         CEDE_CRYPTO_FAILED);
        assert_true(cede_span_is_null(written));
        failing.calls = 0;
        assert_int_equal(
            cede_status_proof_check(crypto, &t.public_key, t.raw[0], &rules, encoding, &proof),
            CEDE_CRYPTO_FAILED);
        assert_int_equal(proof.lifetime, 0);
    }
    failing.calls = 0;
    failing.fail_at = 3;
    assert_int_equal(
        cede_status_proof_check(crypto, &t.public_key, t.raw[0], &rules, encoding, &proof),
        CEDE_OK);
    assert_int_equal(failing.calls, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_other_curves),
        cmocka_unit_test(test_revoked_is_told_however_old),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_of_another_certificate),
        cmocka_unit_test(test_the_short_hash_alone_does_not_count),
        cmocka_unit_test(test_by_another_key),
        cmocka_unit_test(test_another_signature_of_the_issuer_is_no_proof),
        cmocka_unit_test(test_no_bit_flip_and_no_truncation_passes),
        cmocka_unit_test(test_numbers_out_of_range),
        cmocka_unit_test(test_signing_needs_its_exact_room),
        cmocka_unit_test(test_an_issuer_on_another_curve),
        cmocka_unit_test(test_a_failing_back_end_is_no_verdict),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
