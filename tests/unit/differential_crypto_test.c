/* SPDX-License-Identifier: Apache-2.0 */
/*
 * differential_crypto_test.c - the two crypto back ends against each other: the same inputs, good
 * and bad, give the same outputs and the same refusals. The Edwards curves and X448 are in one of
 * them only.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cede/crypto.h"
#include "mutate.h"

#define COUNT(table_) (sizeof(table_) / sizeof((table_)[0]))
#define TEXT_MAX      300
#define NO_CURVE      99

static const struct cede_crypto *first, *second;
static struct mutate mutate = {UINT64_C(0xc0de)};

static const int32_t hashes[] = {CEDE_ALG_SHA_256, CEDE_ALG_SHA_256_64, CEDE_ALG_SHA_384,
                                 CEDE_ALG_SHA_512, CEDE_ALG_ES256,      0};
static const int32_t aeads[] = {
    CEDE_ALG_A128GCM,
    CEDE_ALG_A192GCM,
    CEDE_ALG_A256GCM,
    CEDE_ALG_AES_CCM_16_64_128,
    CEDE_ALG_AES_CCM_16_64_256,
    CEDE_ALG_AES_CCM_64_64_128,
    CEDE_ALG_AES_CCM_64_64_256,
    CEDE_ALG_CHACHA20_POLY1305,
    CEDE_ALG_AES_CCM_16_128_128,
    CEDE_ALG_AES_CCM_16_128_256,
    CEDE_ALG_AES_CCM_64_128_128,
    CEDE_ALG_AES_CCM_64_128_256,
    0,
};
static const int32_t curves[] = {CEDE_CRV_P256, CEDE_CRV_P384, CEDE_CRV_P521, CEDE_CRV_X25519,
                                 NO_CURVE};
static const int32_t nist_algs[] = {CEDE_ALG_ESP256, CEDE_ALG_ES384, CEDE_ALG_ES512};

/* A random text in up to three parts. */
struct text {
    uint8_t bytes[TEXT_MAX];
    struct cede_span parts[3];
    size_t count;
};

static void make_text(struct text *text)
{
    size_t at = 0;

    mutate_fill(&mutate, text->bytes, sizeof text->bytes);
    text->count = mutate_below(&mutate, 4);
    for (size_t i = 0; i < text->count; i++) {
        size_t len = mutate_below(&mutate, TEXT_MAX / 3);
        text->parts[i] = cede_span(text->bytes + at, len);
        at += len;
    }
}

/* --- hashes ----------------------------------------------------------------------------------- */

static void hashes_and_macs_agree(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2000; i++) {
        int32_t alg = hashes[i % COUNT(hashes)];
        uint8_t key[200], a[CEDE_HASH_LEN_MAX] = {0}, b[CEDE_HASH_LEN_MAX] = {0};
        size_t key_len = mutate_below(&mutate, sizeof key);
        struct text text;

        make_text(&text);
        mutate_fill(&mutate, key, sizeof key);
        assert_int_equal(first->hash(NULL, alg, text.parts, text.count, a),
                         second->hash(NULL, alg, text.parts, text.count, b));
        assert_memory_equal(a, b, sizeof a);
        assert_int_equal(
            first->hmac(NULL, alg, cede_span(key, key_len), text.parts, text.count, a),
            second->hmac(NULL, alg, cede_span(key, key_len), text.parts, text.count, b));
        assert_memory_equal(a, b, sizeof a);
    }
}

/* --- AEAD ------------------------------------------------------------------------------------- */

/* A length that is right most of the time. */
static size_t about(size_t len, size_t cap)
{
    size_t other = mutate_below(&mutate, 8) == 0 ? len + mutate_below(&mutate, 3) : len + 1;

    return other - 1 < cap && other > 0 ? other - 1 : len;
}

static void aeads_agree(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 6000; i++) {
        int32_t alg = aeads[i % COUNT(aeads)];
        uint8_t key[40], nonce[16], a[TEXT_MAX + 16], b[TEXT_MAX + 16];
        struct text text;
        struct cede_span plaintext, aad, key_span, nonce_span, sealed_a, sealed_b;
        size_t cap, tag_len = cede_aead_tag_len(alg);
        enum cede_status status;

        make_text(&text);
        mutate_fill(&mutate, key, sizeof key);
        mutate_fill(&mutate, nonce, sizeof nonce);
        plaintext = cede_span(text.bytes, mutate_below(&mutate, 200));
        aad = cede_span(text.bytes + 200, mutate_below(&mutate, 100));
        key_span = cede_span(key, about(cede_aead_key_len(alg), sizeof key));
        nonce_span = cede_span(nonce, about(cede_aead_nonce_len(alg), sizeof nonce));
        cap = about(plaintext.len + tag_len, sizeof a);
        status = first->aead_seal(NULL, alg, key_span, nonce_span, aad, plaintext, cede_buf(a, cap),
                                  &sealed_a);
        assert_int_equal(status, second->aead_seal(NULL, alg, key_span, nonce_span, aad, plaintext,
                                                   cede_buf(b, cap), &sealed_b));
        assert_int_equal(sealed_a.len, sealed_b.len);
        if (status != CEDE_OK) {
            continue;
        }
        assert_memory_equal(a, b, sealed_a.len);
        if (mutate_below(&mutate, 2) == 0) {
            size_t len = mutate_copy(&mutate, sealed_a, b, sizeof b);
            memcpy(a, b, len);
            sealed_a = cede_span(a, len);
        }
        {
            uint8_t opened_a[TEXT_MAX + 16], opened_b[TEXT_MAX + 16];
            struct cede_span out_a, out_b;
            status = first->aead_open(NULL, alg, key_span, nonce_span, aad, sealed_a,
                                      CEDE_BUF_ARRAY(opened_a), &out_a);
            assert_int_equal(status, second->aead_open(NULL, alg, key_span, nonce_span, aad,
                                                       sealed_a, CEDE_BUF_ARRAY(opened_b), &out_b));
            assert_true(cede_span_equal(out_a, out_b));
            assert_int_equal(status == CEDE_OK, cede_span_equal(out_a, plaintext));
        }
    }
}

/* --- keys ------------------------------------------------------------------------------------- */

/* Scalars that are likely to be wrong, or at the edge. */
static void make_scalar(uint8_t *scalar, size_t len)
{
    mutate_fill(&mutate, scalar, len);
    switch (mutate_below(&mutate, 6)) {
    case 0:
        memset(scalar, 0, len);
        scalar[len - 1] = (uint8_t)mutate_below(&mutate, 3);
        break;
    case 1:
        memset(scalar, 0xff, len);
        break;
    case 2:
        scalar[0] = 0;
        break;
    default:
        break;
    }
    if (len == 66) {
        scalar[0] &= mutate_below(&mutate, 4) == 0 ? 0x03 : 0x00;
    }
}

static void keys_agree(void **state)
{
    unsigned good = 0;

    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        int32_t curve = curves[i % COUNT(curves)];
        uint8_t scalar[CEDE_PRIVATE_KEY_LEN_MAX], a[CEDE_PUBLIC_KEY_LEN_MAX] = {0};
        uint8_t b[CEDE_PUBLIC_KEY_LEN_MAX] = {0}, secret_a[CEDE_ECDH_LEN_MAX] = {0};
        uint8_t secret_b[CEDE_ECDH_LEN_MAX] = {0}, peer[CEDE_PUBLIC_KEY_LEN_MAX];
        size_t len = curve == NO_CURVE ? 32 : cede_curve_private_len(curve);
        struct cede_private_key key = {curve, cede_span(scalar, about(len, sizeof scalar)), NULL};
        size_t peer_len;
        enum cede_status status;

        make_scalar(scalar, len);
        status = first->public_from_private(NULL, &key, a);
        assert_int_equal(status, second->public_from_private(NULL, &key, b));
        assert_memory_equal(a, b, sizeof a);
        if (status != CEDE_OK) {
            continue;
        }
        good++;
        /* ECDH with oneself, and with something close to it. */
        peer_len =
            mutate_below(&mutate, 2) == 0
                ? cede_curve_public_len(curve)
                : mutate_copy(&mutate, cede_span(a, cede_curve_public_len(curve)), b, sizeof b);
        memcpy(peer, b, sizeof peer);
        assert_int_equal(first->ecdh(NULL, &key, cede_span(peer, peer_len), secret_a),
                         second->ecdh(NULL, &key, cede_span(peer, peer_len), secret_b));
        assert_memory_equal(secret_a, secret_b, sizeof secret_a);
    }
    assert_true(good > 100);
}

static void points_agree(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 120; i++) {
        int32_t curve = curves[i % COUNT(curves)];
        uint8_t x[CEDE_PRIVATE_KEY_LEN_MAX], a[CEDE_PUBLIC_KEY_LEN_MAX] = {0};
        uint8_t b[CEDE_PUBLIC_KEY_LEN_MAX] = {0};
        size_t len = curve == NO_CURVE ? 32 : cede_curve_private_len(curve);
        bool odd = mutate_below(&mutate, 2) == 0;

        make_scalar(x, len);
        len = about(len, sizeof x);
        assert_int_equal(first->decompress(NULL, curve, cede_span(x, len), odd, a),
                         second->decompress(NULL, curve, cede_span(x, len), odd, b));
        assert_memory_equal(a, b, sizeof a);
    }
}

/* --- signatures ------------------------------------------------------------------------------- */

static void signatures_agree(void **state)
{
    unsigned good = 0;

    (void)state;
    for (unsigned i = 0; i < 150; i++) {
        const struct cede_crypto *signer = i % 2 != 0 ? first : second;
        int32_t alg = nist_algs[i / 2 % COUNT(nist_algs)], curve = cede_signature_curve(alg);
        uint8_t scalar[CEDE_PRIVATE_KEY_LEN_MAX], point[CEDE_PUBLIC_KEY_LEN_MAX];
        uint8_t bad_point[CEDE_PUBLIC_KEY_LEN_MAX];
        uint8_t signature[CEDE_SIGNATURE_LEN_MAX], bad[CEDE_SIGNATURE_LEN_MAX];
        struct cede_private_key key = {curve, cede_span(scalar, cede_curve_private_len(curve)),
                                       NULL};
        struct cede_public_key public_key = {curve, cede_span(point, cede_curve_public_len(curve))};
        enum cede_status status;
        struct text text;
        size_t len;

        make_text(&text);
        assert_int_equal(CEDE_OK, signer->generate(NULL, curve, scalar, point));
        assert_int_equal(CEDE_OK,
                         signer->sign(NULL, alg, &key, text.parts, text.count, signature, &len));
        memcpy(bad, signature, len);
        if (mutate_below(&mutate, 3) != 0) {
            len = mutate_copy(&mutate, cede_span(signature, len), bad, sizeof bad);
        } else if (mutate_below(&mutate, 2) == 0) {
            memcpy(bad_point, point, sizeof bad_point);
            bad_point[mutate_below(&mutate, (uint32_t)public_key.point.len)] ^= 0x10;
            public_key.point.ptr = bad_point;
        }
        status = first->verify(NULL, alg, &public_key, text.parts, text.count, cede_span(bad, len));
        assert_int_equal(status, second->verify(NULL, alg, &public_key, text.parts, text.count,
                                                cede_span(bad, len)));
        assert_true(status != CEDE_OK ||
                    (cede_span_equal(cede_span(bad, len), cede_span(signature, len)) &&
                     public_key.point.ptr == point));
        good += status == CEDE_OK ? 1 : 0;
    }
    assert_in_range(good, 10, 140);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_and_macs_agree),
        cmocka_unit_test(aeads_agree),
        cmocka_unit_test(keys_agree),
        cmocka_unit_test(points_agree),
        cmocka_unit_test(signatures_agree),
    };

    first = cede_crypto_openssl();
    second = cede_crypto_psa();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
