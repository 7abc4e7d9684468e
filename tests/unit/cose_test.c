/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cose_test.c - COSE objects and keys on both back ends: what is made verifies, and nothing that
 * differs from it in a single bit does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cede/cose.h"

#define BYTES(...)    CEDE_SPAN_ARRAY(((const uint8_t[]){__VA_ARGS__}))
#define COUNT(array_) (sizeof(array_) / sizeof((array_)[0]))
#define NONE          CEDE_SPAN_NULL

static const struct cede_crypto *backend(size_t index)
{
    return index == 0 ? cede_crypto_openssl() : cede_crypto_psa();
}
#define BACKENDS 2

/* A key pair made by the back end; false when it lacks the curve. */
struct pair {
    uint8_t scalar[CEDE_PRIVATE_KEY_LEN_MAX], point[CEDE_PUBLIC_KEY_LEN_MAX];
    struct cede_private_key private_key;
    struct cede_public_key public_key;
};

static bool make_pair(const struct cede_crypto *crypto, int32_t curve, struct pair *pair)
{
    enum cede_status status = crypto->generate(crypto->context, curve, pair->scalar, pair->point);

    if (status == CEDE_CRYPTO_UNSUPPORTED) {
        return false;
    }
    assert_int_equal(status, CEDE_OK);
    pair->private_key = (struct cede_private_key){
        curve, cede_span(pair->scalar, cede_curve_private_len(curve)), NULL};
    pair->public_key =
        (struct cede_public_key){curve, cede_span(pair->point, cede_curve_public_len(curve))};
    return true;
}

static const uint8_t payload_bytes[] = "This is the content.";

static struct cede_span payload(void)
{
    return cede_span(payload_bytes, sizeof payload_bytes - 1);
}

/* --- headers ---------------------------------------------------------------------------------- */

/* A COSE_Sign1 with the two given buckets, an empty payload and an empty signature. */
static enum cede_status decode_buckets(struct cede_span protected_, struct cede_span unprotected,
                                       struct cede_cose_sign1 *msg)
{
    static uint8_t memory[512];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));

    cede_cbor_put_array(&writer, 4);
    cede_cbor_put_bytes(&writer, protected_);
    cede_write_bytes(&writer, unprotected);
    cede_cbor_put_bytes(&writer, CEDE_SPAN_TEXT(""));
    cede_cbor_put_bytes(&writer, CEDE_SPAN_TEXT(""));
    return cede_cose_sign1_decode(cede_written(&writer), msg);
}

static void reads_every_parameter_in_any_order(void **state)
{
    /* {4: h'31', 1: -7, 3: 60} and {35: "u", 34: [-16, h'00'], 33: h'01', 32: h'02', 25: h'03',
     * 24: h'04', 23: "v", 22: [-15, h'05'], 16: 50, 5: h'06', 99: null, "a": 1} */
    const struct cede_span protected_ = BYTES(0xa3, 0x04, 0x41, 0x31, 0x01, 0x26, 0x03, 0x18, 0x3c);
    const struct cede_span unprotected =
        BYTES(0xac, 0x18, 0x23, 0x61, 0x75, 0x18, 0x22, 0x82, 0x2f, 0x41, 0x00, 0x18, 0x21, 0x41,
              0x01, 0x18, 0x20, 0x41, 0x02, 0x18, 0x19, 0x41, 0x03, 0x18, 0x18, 0x41, 0x04, 0x17,
              0x61, 0x76, 0x16, 0x82, 0x2e, 0x41, 0x05, 0x10, 0x18, 0x32, 0x05, 0x41, 0x06, 0x18,
              0x63, 0xf6, 0x61, 0x61, 0x01);
    struct cede_cose_sign1 msg;

    (void)state;
    assert_int_equal(decode_buckets(protected_, unprotected, &msg), CEDE_OK);
    assert_int_equal(msg.headers.protected_.alg, CEDE_ALG_ES256);
    assert_int_equal(cede_cose_headers_alg(&msg.headers), CEDE_ALG_ES256);
    assert_true(cede_span_equal(cede_cose_headers_kid(&msg.headers), BYTES(0x31)));
    assert_true(cede_span_equal(msg.headers.protected_.content_type, BYTES(0x18, 0x3c)));
    assert_true(cede_span_equal(msg.headers.unprotected.x5u, BYTES(0x61, 0x75)));
    assert_true(cede_span_equal(msg.headers.unprotected.x5t, BYTES(0x82, 0x2f, 0x41, 0x00)));
    assert_true(cede_span_equal(msg.headers.unprotected.x5chain, BYTES(0x41, 0x01)));
    assert_true(cede_span_equal(msg.headers.unprotected.x5bag, BYTES(0x41, 0x02)));
    assert_true(cede_span_equal(msg.headers.unprotected.c5c, BYTES(0x41, 0x03)));
    assert_true(cede_span_equal(msg.headers.unprotected.c5b, BYTES(0x41, 0x04)));
    assert_true(cede_span_equal(msg.headers.unprotected.c5u, BYTES(0x61, 0x76)));
    assert_true(cede_span_equal(msg.headers.unprotected.c5t, BYTES(0x82, 0x2e, 0x41, 0x05)));
    assert_true(cede_span_equal(msg.headers.unprotected.typ, BYTES(0x18, 0x32)));
    assert_true(cede_span_equal(msg.headers.unprotected.iv, BYTES(0x06)));
    assert_true(cede_span_equal(cede_cose_headers_find(&msg.headers, 99), BYTES(0xf6)));
    assert_true(cede_span_equal(cede_cose_headers_find(&msg.headers, 3), BYTES(0x18, 0x3c)));
    assert_null(cede_cose_headers_find(&msg.headers, 98).ptr);
}

static void takes_an_empty_map_for_an_empty_string(void **state)
{
    struct cede_cose_sign1 msg;

    (void)state;
    assert_int_equal(decode_buckets(BYTES(0xa0), BYTES(0xa0), &msg), CEDE_OK);
    assert_non_null(msg.headers.protected_map.ptr);
    assert_int_equal(msg.headers.protected_map.len, 0);
    assert_int_equal(decode_buckets(CEDE_SPAN_TEXT(""), BYTES(0xa0), &msg), CEDE_OK);
    assert_int_equal(msg.headers.protected_map.len, 0);
}

static void refuses_headers(void **state)
{
    const struct {
        struct cede_span protected_, unprotected;
        enum cede_status status;
    } cases[] = {
        /* the same label twice in one bucket, and in both */
        {BYTES(0xa2, 0x01, 0x26, 0x01, 0x26), BYTES(0xa0), CEDE_COSE_LABEL},
        {BYTES(0xa0), BYTES(0xa2, 0x04, 0x40, 0x04, 0x40), CEDE_COSE_LABEL},
        {BYTES(0xa1, 0x04, 0x40), BYTES(0xa1, 0x04, 0x40), CEDE_COSE_LABEL},
        {BYTES(0xa0), BYTES(0xa2, 0x61, 0x61, 0x00, 0x61, 0x61, 0x00), CEDE_COSE_LABEL},
        /* a label that is a byte string */
        {BYTES(0xa0), BYTES(0xa1, 0x41, 0x61, 0x00), CEDE_COSE_LABEL},
        /* alg as text, 0 or beyond 32 bits */
        {BYTES(0xa1, 0x01, 0x61, 0x78), BYTES(0xa0), CEDE_COSE_HEADER},
        {BYTES(0xa1, 0x01, 0x00), BYTES(0xa0), CEDE_COSE_HEADER},
        {BYTES(0xa1, 0x01, 0x1a, 0x80, 0x00, 0x00, 0x00), BYTES(0xa0), CEDE_COSE_HEADER},
        {BYTES(0xa1, 0x01, 0x3a, 0x80, 0x00, 0x00, 0x00), BYTES(0xa0), CEDE_COSE_HEADER},
        {BYTES(0xa1, 0x01, 0x1b, 0x80, 0, 0, 0, 0, 0, 0, 0), BYTES(0xa0), CEDE_CBOR_RANGE},
        /* values of wrong type: kid, IV, content type, x5t, x5chain */
        {BYTES(0xa0), BYTES(0xa1, 0x04, 0x01), CEDE_COSE_HEADER},
        {BYTES(0xa0), BYTES(0xa1, 0x05, 0x61, 0x61), CEDE_COSE_HEADER},
        {BYTES(0xa0), BYTES(0xa1, 0x03, 0x20), CEDE_COSE_HEADER},
        {BYTES(0xa0), BYTES(0xa1, 0x18, 0x22, 0x41, 0x00), CEDE_COSE_HEADER},
        {BYTES(0xa0), BYTES(0xa1, 0x18, 0x21, 0x01), CEDE_COSE_HEADER},
        /* IV and Partial IV, together and apart */
        {BYTES(0xa0), BYTES(0xa2, 0x05, 0x41, 0x00, 0x06, 0x41, 0x00), CEDE_COSE_HEADER},
        {BYTES(0xa1, 0x05, 0x41, 0x00), BYTES(0xa1, 0x06, 0x41, 0x00), CEDE_COSE_HEADER},
        /* no maps */
        {BYTES(0x80), BYTES(0xa0), CEDE_CBOR_TYPE},
        {BYTES(0xa0), BYTES(0x80), CEDE_CBOR_TYPE},
        {BYTES(0xa0, 0x00), BYTES(0xa0), CEDE_TRAILING_BYTES},
    };
    struct cede_cose_sign1 msg;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(decode_buckets(cases[i].protected_, cases[i].unprotected, &msg),
                         cases[i].status);
        assert_null(msg.signature.ptr);
    }
}

static void honours_critical_parameters(void **state)
{
    const struct {
        struct cede_span protected_, unprotected;
        enum cede_status status;
    } cases[] = {
        /* crit [4] with kid protected; crit [1, 3] */
        {BYTES(0xa2, 0x02, 0x81, 0x04, 0x04, 0x41, 0x31), BYTES(0xa0), CEDE_OK},
        {BYTES(0xa3, 0x01, 0x26, 0x02, 0x82, 0x01, 0x03, 0x03, 0x00), BYTES(0xa0), CEDE_OK},
        /* unknown integer and text label */
        {BYTES(0xa2, 0x02, 0x81, 0x18, 0x63, 0x18, 0x63, 0x00), BYTES(0xa0), CEDE_COSE_CRIT},
        {BYTES(0xa2, 0x02, 0x81, 0x61, 0x61, 0x61, 0x61, 0x00), BYTES(0xa0), CEDE_COSE_CRIT},
        /* known, but absent or not protected */
        {BYTES(0xa1, 0x02, 0x81, 0x04), BYTES(0xa0), CEDE_COSE_CRIT},
        {BYTES(0xa1, 0x02, 0x81, 0x04), BYTES(0xa1, 0x04, 0x41, 0x31), CEDE_COSE_CRIT},
        /* crit itself empty, no array, unprotected */
        {BYTES(0xa1, 0x02, 0x80), BYTES(0xa0), CEDE_COSE_CRIT},
        {BYTES(0xa1, 0x02, 0x04), BYTES(0xa0), CEDE_COSE_HEADER},
        {BYTES(0xa1, 0x04, 0x40), BYTES(0xa1, 0x02, 0x81, 0x04), CEDE_COSE_CRIT},
    };
    struct cede_cose_sign1 msg;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(decode_buckets(cases[i].protected_, cases[i].unprotected, &msg),
                         cases[i].status);
    }
}

static void bounds_the_number_of_labels(void **state)
{
    uint8_t memory[4 * CEDE_COSE_LABELS_MAX];
    struct cede_cose_params params;

    (void)state;
    for (unsigned count = CEDE_COSE_LABELS_MAX; count <= CEDE_COSE_LABELS_MAX + 1; count++) {
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
        cede_cbor_put_map(&writer, count);
        for (unsigned i = 0; i < count; i++) {
            cede_cbor_put_uint(&writer, 100 + i);
            cede_cbor_put_null(&writer);
        }
        assert_int_equal(cede_cose_params_decode(cede_written(&writer), &params),
                         count == CEDE_COSE_LABELS_MAX ? CEDE_OK : CEDE_COSE_LABEL);
    }
}

static void writes_parameters_in_deterministic_order(void **state)
{
    const struct cede_cose_params params = {
        .alg = CEDE_ALG_ESP256,
        .kid = BYTES(0x31),
        .x5chain = BYTES(0x41, 0x01),
        .c5t = BYTES(0x82, 0x2e, 0x41, 0x05),
    };
    uint8_t memory[64];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
    struct cede_cose_params decoded;
    size_t offset;

    (void)state;
    cede_cose_params_encode(&writer, &params);
    assert_true(
        cede_span_equal(cede_written(&writer), BYTES(0xa4, 0x01, 0x28, 0x04, 0x41, 0x31, 0x16, 0x82,
                                                     0x2e, 0x41, 0x05, 0x18, 0x21, 0x41, 0x01)));
    assert_int_equal(cede_cbor_check(cede_written(&writer), CEDE_CBOR_SORTED, &offset), CEDE_OK);
    assert_int_equal(cede_cose_params_decode(cede_written(&writer), &decoded), CEDE_OK);
    assert_int_equal(decoded.alg, CEDE_ALG_ESP256);
    assert_true(cede_span_equal(decoded.x5chain, params.x5chain));
    /* a header map alone must also be exactly one */
    cede_write_u8(&writer, 0);
    assert_int_equal(cede_cose_params_decode(cede_written(&writer), &decoded), CEDE_TRAILING_BYTES);
    assert_int_equal(decoded.alg, 0);
}

/* --- COSE_Sign1 ------------------------------------------------------------------------------- */

static const int32_t signature_algs[] = {CEDE_ALG_ES256, CEDE_ALG_ESP256, CEDE_ALG_EDDSA,
                                         CEDE_ALG_ED25519, CEDE_ALG_ES384};

static struct cede_cose_sign1 sign1_template(int32_t alg)
{
    struct cede_cose_sign1 msg = {0};

    msg.tagged = true;
    msg.headers.protected_.alg = alg;
    msg.payload = payload();
    return msg;
}

/* Signs into static memory. */
static struct cede_span sign1(const struct cede_crypto *crypto, const struct cede_cose_sign1 *msg,
                              const struct pair *pair, struct cede_span aad,
                              struct cede_span detached)
{
    static uint8_t memory[256];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
    struct cede_writer counter = cede_writer_counting();

    assert_int_equal(cede_cose_sign1_sign(msg, crypto, &pair->private_key, aad, detached, &writer),
                     CEDE_OK);
    assert_int_equal(cede_cose_sign1_sign(msg, crypto, &pair->private_key, aad, detached, &counter),
                     CEDE_OK);
    assert_int_equal(counter.len, writer.len);
    return cede_written(&writer);
}

static enum cede_status verify1(const struct cede_crypto *crypto, struct cede_span encoding,
                                const struct cede_public_key *key, struct cede_span aad,
                                struct cede_span detached)
{
    struct cede_cose_sign1 msg;

    CEDE_TRY(cede_cose_sign1_decode(encoding, &msg));
    return cede_cose_sign1_verify(&msg, crypto, key, aad, detached);
}

static void verifies_what_it_signs(void **state)
{
    (void)state;
    for (size_t b = 0; b < BACKENDS; b++) {
        for (size_t i = 0; i < COUNT(signature_algs); i++) {
            struct cede_cose_sign1 msg = sign1_template(signature_algs[i]);
            const struct cede_crypto *crypto = backend(b);
            struct cede_span encoding, aad = BYTES(0x11, 0xaa);
            struct pair pair;

            if (!make_pair(crypto, cede_signature_curve(signature_algs[i]), &pair)) {
                continue;
            }
            encoding = sign1(crypto, &msg, &pair, aad, NONE);
            assert_int_equal(encoding.ptr[0], 0xd2);
            assert_int_equal(verify1(crypto, encoding, &pair.public_key, aad, NONE), CEDE_OK);
            assert_int_equal(verify1(crypto, encoding, &pair.public_key, NONE, NONE),
                             CEDE_CRYPTO_SIGNATURE);
            msg.tagged = false;
            encoding = sign1(crypto, &msg, &pair, NONE, NONE);
            assert_int_equal(encoding.ptr[0], 0x84);
            assert_int_equal(verify1(crypto, encoding, &pair.public_key, NONE, NONE), CEDE_OK);
        }
    }
}

static void signs_and_verifies_a_detached_payload(void **state)
{
    (void)state;
    for (size_t b = 0; b < BACKENDS; b++) {
        struct cede_cose_sign1 msg = sign1_template(CEDE_ALG_ES256);
        const struct cede_crypto *crypto = backend(b);
        struct cede_span encoding;
        struct cede_writer counter = cede_writer_counting();
        struct pair pair;

        assert_true(make_pair(crypto, CEDE_CRV_P256, &pair));
        assert_int_equal(
            cede_cose_sign1_sign(&msg, crypto, &pair.private_key, NONE, payload(), &counter),
            CEDE_COSE_PAYLOAD);
        msg.payload = NONE;
        assert_int_equal(
            cede_cose_sign1_sign(&msg, crypto, &pair.private_key, NONE, NONE, &counter),
            CEDE_COSE_PAYLOAD);
        encoding = sign1(crypto, &msg, &pair, NONE, payload());
        assert_int_equal(verify1(crypto, encoding, &pair.public_key, NONE, payload()), CEDE_OK);
        assert_int_equal(verify1(crypto, encoding, &pair.public_key, NONE, NONE),
                         CEDE_COSE_PAYLOAD);
        assert_int_equal(
            verify1(crypto, encoding, &pair.public_key, NONE, CEDE_SPAN_TEXT("Another content.")),
            CEDE_CRYPTO_SIGNATURE);
        msg.payload = payload();
        encoding = sign1(crypto, &msg, &pair, NONE, NONE);
        assert_int_equal(verify1(crypto, encoding, &pair.public_key, NONE, payload()),
                         CEDE_COSE_PAYLOAD);
    }
}

static void refuses_every_flipped_bit_every_cut_and_every_byte_more(void **state)
{
    (void)state;
    for (size_t b = 0; b < BACKENDS; b++) {
        const struct cede_cose_sign1 msg = sign1_template(CEDE_ALG_ES256);
        const struct cede_crypto *crypto = backend(b);
        uint8_t changed[256];
        struct cede_span encoding;
        struct pair pair;

        assert_true(make_pair(crypto, CEDE_CRV_P256, &pair));
        encoding = sign1(crypto, &msg, &pair, NONE, NONE);
        memcpy(changed, encoding.ptr, encoding.len);
        for (size_t i = 0; i < encoding.len * 8; i++) {
            changed[i / 8] ^= (uint8_t)(1u << i % 8);
            assert_int_not_equal(
                verify1(crypto, cede_span(changed, encoding.len), &pair.public_key, NONE, NONE),
                CEDE_OK);
            changed[i / 8] ^= (uint8_t)(1u << i % 8);
        }
        assert_int_equal(
            verify1(crypto, cede_span(changed, encoding.len), &pair.public_key, NONE, NONE),
            CEDE_OK);
        for (size_t len = 0; len < encoding.len; len++) {
            assert_int_not_equal(
                verify1(crypto, cede_span(changed, len), &pair.public_key, NONE, NONE), CEDE_OK);
        }
        changed[encoding.len] = 0;
        assert_int_equal(
            verify1(crypto, cede_span(changed, encoding.len + 1), &pair.public_key, NONE, NONE),
            CEDE_TRAILING_BYTES);
    }
}

static void refuses_an_algorithm_that_does_not_fit_the_key(void **state)
{
    (void)state;
    for (size_t b = 0; b < BACKENDS; b++) {
        struct cede_cose_sign1 msg = sign1_template(CEDE_ALG_ES256), signed_msg;
        const int32_t others[] = {CEDE_ALG_ES384, CEDE_ALG_EDDSA, CEDE_ALG_HMAC_256, 0, -999};
        const struct cede_crypto *crypto = backend(b);
        struct cede_writer counter = cede_writer_counting();
        struct cede_public_key key;
        struct pair pair, other;

        assert_true(make_pair(crypto, CEDE_CRV_P256, &pair));
        assert_true(make_pair(crypto, CEDE_CRV_P256, &other));
        assert_int_equal(
            cede_cose_sign1_decode(sign1(crypto, &msg, &pair, NONE, NONE), &signed_msg), CEDE_OK);
        assert_int_equal(cede_cose_sign1_verify(&signed_msg, crypto, &other.public_key, NONE, NONE),
                         CEDE_CRYPTO_SIGNATURE);
        for (size_t i = 0; i < COUNT(others); i++) {
            struct cede_cose_sign1 confused = signed_msg;
            confused.headers.protected_.alg = others[i];
            assert_int_equal(
                cede_cose_sign1_verify(&confused, crypto, &pair.public_key, NONE, NONE),
                CEDE_COSE_ALG);
            msg.headers.protected_.alg = others[i];
            assert_int_equal(
                cede_cose_sign1_sign(&msg, crypto, &pair.private_key, NONE, NONE, &counter),
                CEDE_COSE_ALG);
        }
        key = pair.public_key;
        key.curve = CEDE_CRV_ED25519;
        assert_int_equal(cede_cose_sign1_verify(&signed_msg, crypto, &key, NONE, NONE),
                         CEDE_COSE_ALG);
        key.curve = CEDE_CRV_X25519;
        assert_int_equal(cede_cose_sign1_verify(&signed_msg, crypto, &key, NONE, NONE),
                         CEDE_COSE_ALG);
        key = pair.public_key;
        key.point.len--;
        assert_int_equal(cede_cose_sign1_verify(&signed_msg, crypto, &key, NONE, NONE),
                         CEDE_CRYPTO_KEY);
        signed_msg.signature.len--;
        assert_int_equal(cede_cose_sign1_verify(&signed_msg, crypto, &pair.public_key, NONE, NONE),
                         CEDE_CRYPTO_SIGNATURE);
    }
}

static void fails_cleanly_in_a_buffer_of_any_smaller_size(void **state)
{
    const struct cede_cose_sign1 msg = sign1_template(CEDE_ALG_ES256);
    const struct cede_crypto *crypto = backend(0);
    struct cede_writer counter = cede_writer_counting();
    uint8_t memory[256];
    struct pair pair;

    (void)state;
    assert_true(make_pair(crypto, CEDE_CRV_P256, &pair));
    assert_int_equal(cede_cose_sign1_sign(&msg, crypto, &pair.private_key, NONE, NONE, &counter),
                     CEDE_OK);
    for (size_t cap = 0; cap <= counter.len; cap++) {
        struct cede_writer writer = cede_writer(cede_buf(memory, cap));
        assert_int_equal(cede_cose_sign1_sign(&msg, crypto, &pair.private_key, NONE, NONE, &writer),
                         cap == counter.len ? CEDE_OK : CEDE_NO_SPACE);
    }
}

static void refuses_objects_of_another_shape(void **state)
{
    const struct {
        struct cede_span encoding;
        enum cede_status status;
    } cases[] = {
        {BYTES(0xd1, 0x84, 0x40, 0xa0, 0x40, 0x40), CEDE_COSE_TAG}, /* COSE_Mac0 */
        {BYTES(0x83, 0x40, 0xa0, 0x40), CEDE_CBOR_COUNT},           /* three elements */
        {BYTES(0x84, 0xa0, 0xa0, 0x40, 0x40), CEDE_CBOR_TYPE},      /* protected is a map */
        {BYTES(0x84, 0x40, 0xa0, 0x60, 0x40), CEDE_CBOR_TYPE},      /* payload is text */
        {BYTES(0x84, 0x40, 0xa0, 0x40, 0xf6), CEDE_CBOR_TYPE},      /* no signature */
        {BYTES(0x9f, 0x40, 0xa0, 0x40, 0x40, 0xff), CEDE_CBOR_INDEFINITE},
        {BYTES(0xd8, 0x12, 0x84, 0x40, 0xa0, 0x40, 0x40),
         CEDE_COSE_TAG}, /* 18 in a byte too many */
        {CEDE_SPAN_NULL, CEDE_TRUNCATED},
    };
    struct cede_cose_sign1 msg;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(cede_cose_sign1_decode(cases[i].encoding, &msg), cases[i].status);
    }
}

/* --- COSE_Sign -------------------------------------------------------------------------------- */

/* RFC 9052, appendix C.1.1, and the public key "11" of its appendix C.7.1. */
static const uint8_t sign_example[] = {
    0xd8, 0x62, 0x84, 0x40, 0xa0, 0x54, 0x54, 0x68, 0x69, 0x73, 0x20, 0x69, 0x73, 0x20, 0x74,
    0x68, 0x65, 0x20, 0x63, 0x6f, 0x6e, 0x74, 0x65, 0x6e, 0x74, 0x2e, 0x81, 0x83, 0x43, 0xa1,
    0x01, 0x26, 0xa1, 0x04, 0x42, 0x31, 0x31, 0x58, 0x40, 0xe2, 0xae, 0xaf, 0xd4, 0x0d, 0x69,
    0xd1, 0x9d, 0xfe, 0x6e, 0x52, 0x07, 0x7c, 0x5d, 0x7f, 0xf4, 0xe4, 0x08, 0x28, 0x2c, 0xbe,
    0xfb, 0x5d, 0x06, 0xcb, 0xf4, 0x14, 0xaf, 0x2e, 0x19, 0xd9, 0x82, 0xac, 0x45, 0xac, 0x98,
    0xb8, 0x54, 0x4c, 0x90, 0x8b, 0x45, 0x07, 0xde, 0x1e, 0x90, 0xb7, 0x17, 0xc3, 0xd3, 0x48,
    0x16, 0xfe, 0x92, 0x6a, 0x2b, 0x98, 0xf5, 0x3a, 0xfd, 0x2f, 0xa0, 0xf3, 0x0a};
static const uint8_t key_11[] = {
    0xba, 0xc5, 0xb1, 0x1c, 0xad, 0x8f, 0x99, 0xf9, 0xc7, 0x2b, 0x05, 0xcf, 0x4b, 0x9e, 0x26, 0xd2,
    0x44, 0xdc, 0x18, 0x9f, 0x74, 0x52, 0x28, 0x25, 0x5a, 0x21, 0x9a, 0x86, 0xd6, 0xa0, 0x9e, 0xff,
    0x20, 0x13, 0x8b, 0xf8, 0x2d, 0xc1, 0xb6, 0xd5, 0x62, 0xbe, 0x0f, 0xa5, 0x4a, 0xb7, 0x80, 0x4a,
    0x3a, 0x64, 0xb6, 0xd7, 0x2c, 0xcf, 0xed, 0x6b, 0x6f, 0xb6, 0xed, 0x28, 0xbb, 0xfc, 0x11, 0x7e};

/* All signers must verify. */
static enum cede_status verify_sign(const struct cede_crypto *crypto, struct cede_span encoding)
{
    const struct cede_public_key key = {CEDE_CRV_P256, CEDE_SPAN_ARRAY(key_11)};
    struct cede_cose_signer signer;
    struct cede_cose_sign msg;

    CEDE_TRY(cede_cose_sign_decode(encoding, &msg));
    for (size_t i = 0; i < msg.signers_count; i++) {
        CEDE_TRY(cede_cose_sign_signer(&msg, i, &signer));
        CEDE_TRY(cede_cose_sign_verify(&msg, &signer, crypto, &key, NONE, NONE));
    }
    return CEDE_OK;
}

static void verifies_the_cose_sign_of_rfc_9052_and_nothing_else(void **state)
{
    uint8_t changed[sizeof sign_example + 1] = {0};
    struct cede_cose_signer signer;
    struct cede_cose_sign msg;

    (void)state;
    assert_int_equal(cede_cose_sign_decode(CEDE_SPAN_ARRAY(sign_example), &msg), CEDE_OK);
    assert_int_equal(msg.signers_count, 1);
    assert_int_equal(cede_cose_sign_signer(&msg, 1, &signer), CEDE_NOT_FOUND);
    for (size_t b = 0; b < BACKENDS; b++) {
        assert_int_equal(verify_sign(backend(b), CEDE_SPAN_ARRAY(sign_example)), CEDE_OK);
        memcpy(changed, sign_example, sizeof sign_example);
        for (size_t i = 0; i < sizeof sign_example; i++) {
            if (i == 33 || i == 35 || i == 36) {
                continue; /* the unprotected kid: its label and its value */
            }
            changed[i] ^= 1;
            assert_int_not_equal(verify_sign(backend(b), cede_span(changed, sizeof sign_example)),
                                 CEDE_OK);
            changed[i] ^= 1;
        }
        for (size_t len = 0; len < sizeof sign_example; len++) {
            assert_int_not_equal(verify_sign(backend(b), cede_span(sign_example, len)), CEDE_OK);
        }
        assert_int_equal(verify_sign(backend(b), CEDE_SPAN_ARRAY(changed)), CEDE_TRAILING_BYTES);
    }
    /* no signers */
    assert_int_equal(cede_cose_sign_decode(BYTES(0x84, 0x40, 0xa0, 0x40, 0x80), &msg),
                     CEDE_CBOR_COUNT);
}

/* --- COSE_Mac0 -------------------------------------------------------------------------------- */

/* Its last byte is not zero: HMAC pads keys with zeros. */
static const uint8_t mac_key[32] = {1, 2, 3, 4, 5, 6, 7, 8, 9, [31] = 1};

static enum cede_status verify_mac(const struct cede_crypto *crypto, struct cede_span encoding,
                                   struct cede_span key, struct cede_span aad)
{
    struct cede_cose_mac0 msg;

    CEDE_TRY(cede_cose_mac0_decode(encoding, &msg));
    return cede_cose_mac0_verify(&msg, crypto, key, aad, NONE);
}

static void macs_and_refuses_every_change(void **state)
{
    const int32_t algs[] = {CEDE_ALG_HMAC_256, CEDE_ALG_HMAC_256_64};
    const struct cede_span key = CEDE_SPAN_ARRAY(mac_key);

    (void)state;
    for (size_t b = 0; b < BACKENDS * COUNT(algs); b++) {
        const struct cede_crypto *crypto = backend(b % BACKENDS);
        struct cede_cose_mac0 msg = {.tagged = true, .payload = payload()};
        struct cede_writer counter = cede_writer_counting();
        uint8_t memory[128];
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
        struct cede_span encoding;

        msg.headers.protected_.alg = algs[b / BACKENDS];
        assert_int_equal(cede_cose_mac0_create(&msg, crypto, key, NONE, NONE, &writer), CEDE_OK);
        assert_int_equal(cede_cose_mac0_create(&msg, crypto, key, NONE, NONE, &counter), CEDE_OK);
        encoding = cede_written(&writer);
        assert_int_equal(counter.len, encoding.len);
        assert_int_equal(verify_mac(crypto, encoding, key, NONE), CEDE_OK);
        assert_int_equal(verify_mac(crypto, encoding, key, BYTES(0x00)), CEDE_COSE_MAC);
        assert_int_equal(verify_mac(crypto, encoding, cede_span(mac_key, 31), NONE), CEDE_COSE_MAC);
        assert_int_equal(verify_mac(crypto, encoding, cede_span(mac_key, 15), NONE), CEDE_COSE_KEY);
        for (size_t i = 0; i < encoding.len * 8; i++) {
            memory[i / 8] ^= (uint8_t)(1u << i % 8);
            assert_int_not_equal(verify_mac(crypto, encoding, key, NONE), CEDE_OK);
            memory[i / 8] ^= (uint8_t)(1u << i % 8);
        }
        for (size_t len = 0; len < encoding.len; len++) {
            assert_int_not_equal(verify_mac(crypto, cede_span(memory, len), key, NONE), CEDE_OK);
        }
    }
}

static void refuses_a_mac_of_the_other_length_and_foreign_algorithms(void **state)
{
    const int32_t algs[] = {0, CEDE_ALG_ES256, 8, 14, 15, CEDE_ALG_A128GCM};
    const struct cede_span key = CEDE_SPAN_ARRAY(mac_key);
    const struct cede_crypto *crypto = backend(0);
    struct cede_cose_mac0 msg = {.payload = payload(), .tag = cede_span(mac_key, 8)};
    struct cede_writer counter = cede_writer_counting();

    (void)state;
    msg.headers.protected_.alg = CEDE_ALG_HMAC_256;
    assert_int_equal(cede_cose_mac0_verify(&msg, crypto, key, NONE, NONE), CEDE_COSE_MAC);
    msg.tag.len = 0;
    msg.headers.protected_.alg = CEDE_ALG_HMAC_256_64;
    assert_int_equal(cede_cose_mac0_verify(&msg, crypto, key, NONE, NONE), CEDE_COSE_MAC);
    for (size_t i = 0; i < COUNT(algs); i++) {
        msg.headers.protected_.alg = algs[i];
        assert_int_equal(cede_cose_mac0_verify(&msg, crypto, key, NONE, NONE), CEDE_COSE_ALG);
        assert_int_equal(cede_cose_mac0_create(&msg, crypto, key, NONE, NONE, &counter),
                         CEDE_COSE_ALG);
    }
}

/* --- COSE_Encrypt0 ---------------------------------------------------------------------------- */

static const uint8_t aead_key[CEDE_AEAD_KEY_LEN_MAX] = {9, 8, 7, 6, 5, 4, 3, 2, 1};
static const uint8_t aead_nonce[CEDE_AEAD_NONCE_LEN_MAX] = {1, 1, 2, 3, 5, 8};

static struct cede_cose_encrypt0 encrypt0_template(int32_t alg)
{
    struct cede_cose_encrypt0 msg = {.tagged = true};

    msg.headers.protected_.alg = alg;
    msg.headers.protected_.iv = cede_span(aead_nonce, cede_aead_nonce_len(alg));
    return msg;
}

static enum cede_status open0(const struct cede_crypto *crypto, struct cede_span encoding,
                              const struct cede_cose_secret *secret, struct cede_span aad)
{
    struct cede_cose_encrypt0 msg;
    uint8_t scratch[64], out[64];
    struct cede_span plaintext;
    enum cede_status status;

    CEDE_TRY(cede_cose_encrypt0_decode(encoding, &msg));
    status = cede_cose_encrypt0_open(&msg, crypto, secret, aad, NONE, CEDE_BUF_ARRAY(scratch),
                                     CEDE_BUF_ARRAY(out), &plaintext);
    assert_true(status == CEDE_OK ? cede_span_equal(plaintext, payload()) : plaintext.ptr == NULL);
    return status;
}

static void opens_what_it_seals_with_every_aead(void **state)
{
    const int32_t algs[] = {1, 2, 3, 10, 11, 12, 13, 24, 30, 31, 32, 33};

    (void)state;
    for (size_t b = 0; b < BACKENDS * COUNT(algs); b++) {
        const struct cede_crypto *crypto = backend(b % BACKENDS);
        int32_t alg = algs[b / BACKENDS];
        const struct cede_cose_encrypt0 msg = encrypt0_template(alg);
        const struct cede_cose_secret secret = {cede_span(aead_key, cede_aead_key_len(alg)), NONE};
        const struct cede_span aad = BYTES(0x11, 0xaa);
        uint8_t memory[128], scratch[64];
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
        struct cede_writer counter = cede_writer_counting();
        enum cede_status status = cede_cose_encrypt0_seal(&msg, crypto, &secret, aad, payload(),
                                                          CEDE_BUF_ARRAY(scratch), &writer);

        if (status == CEDE_CRYPTO_UNSUPPORTED) {
            continue;
        }
        assert_int_equal(status, CEDE_OK);
        assert_int_equal(cede_cose_encrypt0_seal(&msg, crypto, &secret, aad, payload(),
                                                 CEDE_BUF_ARRAY(scratch), &counter),
                         CEDE_OK);
        assert_int_equal(counter.len, writer.len);
        assert_int_equal(open0(crypto, cede_written(&writer), &secret, aad), CEDE_OK);
        assert_int_equal(open0(crypto, cede_written(&writer), &secret, NONE), CEDE_CRYPTO_TAG);
    }
}

static void refuses_a_changed_or_cut_ciphertext(void **state)
{
    const struct cede_cose_encrypt0 msg = encrypt0_template(CEDE_ALG_AES_CCM_16_64_128);
    const struct cede_cose_secret secret = {cede_span(aead_key, 16), NONE};

    (void)state;
    for (size_t b = 0; b < BACKENDS; b++) {
        const struct cede_crypto *crypto = backend(b);
        uint8_t memory[128], scratch[64];
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
        struct cede_span encoding;

        assert_int_equal(cede_cose_encrypt0_seal(&msg, crypto, &secret, NONE, payload(),
                                                 CEDE_BUF_ARRAY(scratch), &writer),
                         CEDE_OK);
        encoding = cede_written(&writer);
        for (size_t i = 0; i < encoding.len * 8; i++) {
            memory[i / 8] ^= (uint8_t)(1u << i % 8);
            assert_int_not_equal(open0(crypto, encoding, &secret, NONE), CEDE_OK);
            memory[i / 8] ^= (uint8_t)(1u << i % 8);
        }
        assert_int_equal(open0(crypto, encoding, &secret, NONE), CEDE_OK);
        for (size_t len = 0; len < encoding.len; len++) {
            assert_int_not_equal(open0(crypto, cede_span(memory, len), &secret, NONE), CEDE_OK);
        }
    }
}

static void derives_the_nonce_from_a_partial_iv(void **state)
{
    const int32_t alg = CEDE_ALG_AES_CCM_16_64_128;
    struct cede_cose_encrypt0 msg = encrypt0_template(alg);
    struct cede_cose_secret secret = {cede_span(aead_key, 16), cede_span(aead_nonce, 13)};
    const struct cede_crypto *crypto = backend(0);
    uint8_t nonce[13], aad[64], expected[64], memory[128], scratch[64];
    struct cede_writer enc_structure = cede_writer(CEDE_BUF_ARRAY(aad));
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
    struct cede_cose_encrypt0 sealed;
    struct cede_span ciphertext;

    (void)state;
    msg.headers.protected_.iv = NONE;
    msg.headers.unprotected.partial_iv = BYTES(0x01, 0x25);
    assert_int_equal(cede_cose_encrypt0_seal(&msg, crypto, &secret, NONE, payload(),
                                             CEDE_BUF_ARRAY(scratch), &writer),
                     CEDE_OK);
    assert_int_equal(open0(crypto, cede_written(&writer), &secret, NONE), CEDE_OK);

    /* The same by hand: the Partial IV at the right end of the Context IV. */
    memcpy(nonce, aead_nonce, sizeof nonce);
    nonce[11] ^= 0x01;
    nonce[12] ^= 0x25;
    cede_cose_enc_structure(&enc_structure, BYTES(0xa1, 0x01, 0x0a), NONE);
    assert_int_equal(crypto->aead_seal(crypto->context, alg, secret.key, CEDE_SPAN_ARRAY(nonce),
                                       cede_written(&enc_structure), payload(),
                                       CEDE_BUF_ARRAY(expected), &ciphertext),
                     CEDE_OK);
    assert_int_equal(cede_cose_encrypt0_decode(cede_written(&writer), &sealed), CEDE_OK);
    assert_true(cede_span_equal(sealed.ciphertext, ciphertext));

    /* Another context, none, or one that is too short or long. */
    secret.base_iv = NONE;
    assert_int_equal(open0(crypto, cede_written(&writer), &secret, NONE), CEDE_COSE_NONCE);
    secret.base_iv = cede_span(aead_nonce, 12);
    assert_int_equal(open0(crypto, cede_written(&writer), &secret, NONE), CEDE_COSE_NONCE);
    secret.base_iv = CEDE_SPAN_ARRAY(nonce);
    assert_int_equal(open0(crypto, cede_written(&writer), &secret, NONE), CEDE_CRYPTO_TAG);
}

static void refuses_wrong_keys_nonces_and_memory(void **state)
{
    const struct cede_crypto *crypto = backend(0);
    struct cede_cose_encrypt0 msg = encrypt0_template(CEDE_ALG_A128GCM);
    struct cede_cose_secret secret = {cede_span(aead_key, 16), NONE};
    const struct cede_cose_secret long_secret = {cede_span(aead_key, 32), NONE};
    uint8_t memory[128], scratch[64], out[64];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
    struct cede_span plaintext;

    (void)state;
    assert_int_equal(cede_cose_encrypt0_seal(&msg, crypto, &long_secret, NONE, payload(),
                                             CEDE_BUF_ARRAY(scratch), &writer),
                     CEDE_COSE_KEY);
    msg.headers.protected_.iv.len--;
    assert_int_equal(cede_cose_encrypt0_seal(&msg, crypto, &secret, NONE, payload(),
                                             CEDE_BUF_ARRAY(scratch), &writer),
                     CEDE_COSE_NONCE);
    msg.headers.protected_.iv = NONE;
    assert_int_equal(cede_cose_encrypt0_seal(&msg, crypto, &secret, NONE, payload(),
                                             CEDE_BUF_ARRAY(scratch), &writer),
                     CEDE_COSE_NONCE);
    msg.headers.protected_.alg = CEDE_ALG_HMAC_256;
    assert_int_equal(cede_cose_encrypt0_seal(&msg, crypto, &secret, NONE, payload(),
                                             CEDE_BUF_ARRAY(scratch), &writer),
                     CEDE_COSE_ALG);

    msg = encrypt0_template(CEDE_ALG_A128GCM);
    writer = cede_writer(CEDE_BUF_ARRAY(memory));
    assert_int_equal(cede_cose_encrypt0_seal(&msg, crypto, &secret, NONE, payload(),
                                             cede_buf(scratch, 8), &writer),
                     CEDE_NO_SPACE);
    writer = cede_writer(cede_buf(memory, 40));
    assert_int_equal(cede_cose_encrypt0_seal(&msg, crypto, &secret, NONE, payload(),
                                             CEDE_BUF_ARRAY(scratch), &writer),
                     CEDE_NO_SPACE);
    writer = cede_writer(CEDE_BUF_ARRAY(memory));
    assert_int_equal(cede_cose_encrypt0_seal(&msg, crypto, &secret, NONE, payload(),
                                             CEDE_BUF_ARRAY(scratch), &writer),
                     CEDE_OK);
    assert_int_equal(cede_cose_encrypt0_decode(cede_written(&writer), &msg), CEDE_OK);
    assert_int_equal(cede_cose_encrypt0_open(&msg, crypto, &secret, NONE, NONE,
                                             CEDE_BUF_ARRAY(scratch), cede_buf(out, 19),
                                             &plaintext),
                     CEDE_NO_SPACE);
    assert_int_equal(cede_cose_encrypt0_open(&msg, crypto, &secret, NONE, NONE, cede_buf(NULL, 0),
                                             CEDE_BUF_ARRAY(out), &plaintext),
                     CEDE_NO_SPACE);
    assert_int_equal(cede_cose_encrypt0_open(&msg, crypto, &secret, NONE, payload(),
                                             CEDE_BUF_ARRAY(scratch), CEDE_BUF_ARRAY(out),
                                             &plaintext),
                     CEDE_COSE_PAYLOAD);
    assert_int_equal(cede_cose_encrypt0_open(&msg, crypto, &long_secret, NONE, NONE,
                                             CEDE_BUF_ARRAY(scratch), CEDE_BUF_ARRAY(out),
                                             &plaintext),
                     CEDE_COSE_KEY);
    msg.ciphertext.len = 15;
    assert_int_equal(cede_cose_encrypt0_open(&msg, crypto, &secret, NONE, NONE,
                                             CEDE_BUF_ARRAY(scratch), CEDE_BUF_ARRAY(out),
                                             &plaintext),
                     CEDE_CRYPTO_TAG);
    assert_null(plaintext.ptr);
}

static void the_scratch_bound_holds(void **state)
{
    const size_t lens[] = {0, 23, 24, 255, 256, 70000};

    (void)state;
    for (size_t i = 0; i < COUNT(lens) * COUNT(lens); i++) {
        static const uint8_t zeros[70000];
        size_t first = lens[i / COUNT(lens)], second = lens[i % COUNT(lens)];
        struct cede_writer counter = cede_writer_counting();
        cede_cose_enc_structure(&counter, cede_span(zeros, first), cede_span(zeros, second));
        assert_true(counter.len <= CEDE_COSE_ENC_STRUCTURE_LEN(first, second));
    }
}

/* --- COSE_Key --------------------------------------------------------------------------------- */

static struct cede_span encode_key(const struct cede_cose_key *key)
{
    static uint8_t memory[256];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
    size_t offset;

    cede_cose_key_encode(&writer, key);
    assert_int_equal(cede_cbor_check(cede_written(&writer), CEDE_CBOR_SORTED, &offset), CEDE_OK);
    return cede_written(&writer);
}

static void carries_public_and_private_keys_of_every_curve(void **state)
{
    const int32_t curves[] = {CEDE_CRV_P256, CEDE_CRV_P384, CEDE_CRV_X25519, CEDE_CRV_ED25519};

    (void)state;
    for (size_t b = 0; b < BACKENDS * COUNT(curves); b++) {
        const struct cede_crypto *crypto = backend(b % BACKENDS);
        struct cede_cose_key key, decoded;
        uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX];
        struct cede_public_key public_key;
        struct cede_private_key private_key;
        struct pair pair;

        if (!make_pair(crypto, curves[b / BACKENDS], &pair)) {
            continue;
        }
        assert_int_equal(cede_cose_key_from_public(&pair.public_key, &key), CEDE_OK);
        key.kid = BYTES(0x31);
        key.key_ops = CEDE_COSE_OP_VERIFY | CEDE_COSE_OP_SIGN;
        assert_int_equal(cede_cose_key_decode(encode_key(&key), &decoded), CEDE_OK);
        assert_int_equal(decoded.key_ops, key.key_ops);
        assert_int_equal(cede_cose_key_public(&decoded, NULL, point, &public_key), CEDE_OK);
        assert_true(cede_span_equal(public_key.point, pair.public_key.point));
        assert_int_equal(public_key.curve, pair.public_key.curve);
        assert_int_equal(cede_cose_key_private(&decoded, &private_key), CEDE_COSE_KEY);

        key.d = pair.private_key.scalar;
        assert_int_equal(cede_cose_key_decode(encode_key(&key), &decoded), CEDE_OK);
        assert_int_equal(cede_cose_key_private(&decoded, &private_key), CEDE_OK);
        assert_true(cede_span_equal(private_key.scalar, pair.private_key.scalar));
    }
}

static void finds_y_from_its_sign(void **state)
{
    (void)state;
    for (size_t b = 0; b < BACKENDS; b++) {
        const struct cede_public_key public_11 = {CEDE_CRV_P256, CEDE_SPAN_ARRAY(key_11)};
        const struct cede_crypto *crypto = backend(b);
        uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX];
        struct cede_public_key public_key;
        struct cede_cose_key key, decoded;

        assert_int_equal(cede_cose_key_from_public(&public_11, &key), CEDE_OK);
        key.y = NONE;
        key.has_y_sign = true;
        key.y_odd = false;
        assert_int_equal(cede_cose_key_decode(encode_key(&key), &decoded), CEDE_OK);
        assert_int_equal(cede_cose_key_public(&decoded, crypto, point, &public_key), CEDE_OK);
        assert_true(cede_span_equal(public_key.point, public_11.point));
        key.y_odd = true;
        assert_int_equal(cede_cose_key_decode(encode_key(&key), &decoded), CEDE_OK);
        assert_int_equal(cede_cose_key_public(&decoded, crypto, point, &public_key), CEDE_OK);
        assert_false(cede_span_equal(public_key.point, public_11.point));
        assert_int_equal(cede_cose_key_public(&decoded, NULL, point, &public_key),
                         CEDE_BAD_ARGUMENT);
    }
}

static void refuses_keys(void **state)
{
    const struct {
        struct cede_span encoding;
        enum cede_status status;
    } cases[] = {
        {BYTES(0xa2, 0x01, 0x04, 0x20, 0x41, 0x00), CEDE_OK},       /* symmetric */
        {BYTES(0xa1, 0x01, 0x04), CEDE_COSE_KEY},                   /* without k */
        {BYTES(0xa2, 0x01, 0x04, 0x20, 0x40), CEDE_COSE_KEY},       /* empty k */
        {BYTES(0xa1, 0x20, 0x41, 0x00), CEDE_COSE_KEY},             /* no kty */
        {BYTES(0xa2, 0x01, 0x03, 0x20, 0x41, 0x00), CEDE_COSE_KEY}, /* RSA */
        {BYTES(0xa2, 0x01, 0x02, 0x20, 0x01), CEDE_COSE_KEY},       /* EC2 without a key */
        {BYTES(0xa3, 0x01, 0x02, 0x20, 0x01, 0x21, 0x41, 0x00), CEDE_COSE_KEY}, /* short x */
        {BYTES(0xa3, 0x01, 0x02, 0x20, 0x06, 0x21, 0x41, 0x00), CEDE_COSE_KEY}, /* Ed25519 */
        {BYTES(0xa3, 0x01, 0x04, 0x01, 0x04, 0x20, 0x41, 0x00), CEDE_COSE_LABEL},
        {BYTES(0xa3, 0x01, 0x04, 0x04, 0x80, 0x20, 0x41, 0x00), CEDE_COSE_KEY}, /* no key_ops */
        {BYTES(0xa3, 0x01, 0x04, 0x04, 0x01, 0x20, 0x41, 0x00), CEDE_COSE_KEY}, /* one, no array */
        {BYTES(0xa3, 0x01, 0x04, 0x02, 0x01, 0x20, 0x41, 0x00), CEDE_COSE_KEY}, /* kid 1 */
        {BYTES(0xa2, 0x01, 0x04, 0x20, 0x41, 0x00, 0x00), CEDE_TRAILING_BYTES},
        {BYTES(0x80), CEDE_CBOR_TYPE},
    };
    struct cede_cose_key key;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(cede_cose_key_decode(cases[i].encoding, &key), cases[i].status);
    }
}

static void refuses_half_keys(void **state)
{
    const struct cede_public_key public_11 = {CEDE_CRV_P256, CEDE_SPAN_ARRAY(key_11)};
    struct cede_public_key cut = public_11;
    struct cede_cose_key whole, key, decoded;

    (void)state;
    cut.point.len--;
    assert_int_equal(cede_cose_key_from_public(&cut, &key), CEDE_COSE_KEY);
    assert_int_equal(cede_cose_key_from_public(&public_11, &whole), CEDE_OK);
    key = whole;
    key.y = NONE; /* x without y */
    assert_int_equal(cede_cose_key_decode(encode_key(&key), &decoded), CEDE_COSE_KEY);
    key = whole;
    key.x = NONE; /* y without x, even next to d */
    key.d = cede_span(mac_key, 32);
    assert_int_equal(cede_cose_key_decode(encode_key(&key), &decoded), CEDE_COSE_KEY);
    key.y = NONE; /* d alone is enough, but has no public half */
    assert_int_equal(cede_cose_key_decode(encode_key(&key), &decoded), CEDE_OK);
    assert_int_equal(
        cede_cose_key_public(&decoded, NULL, (uint8_t[CEDE_PUBLIC_KEY_LEN_MAX]){0}, &cut),
        CEDE_COSE_KEY);
    key = whole;
    key.kty = CEDE_COSE_KTY_OKP; /* a NIST curve as OKP */
    assert_int_equal(cede_cose_key_decode(encode_key(&key), &decoded), CEDE_COSE_KEY);
    assert_int_equal(decoded.kty, 0);
}

static void restricts_keys_to_their_use(void **state)
{
    struct cede_cose_key key = {.kty = CEDE_COSE_KTY_EC2};

    (void)state;
    assert_true(cede_cose_key_allows(&key, CEDE_COSE_OP_SIGN, CEDE_ALG_ES256));
    key.key_ops = CEDE_COSE_OP_VERIFY;
    assert_true(cede_cose_key_allows(&key, CEDE_COSE_OP_VERIFY, CEDE_ALG_ES256));
    assert_false(cede_cose_key_allows(&key, CEDE_COSE_OP_SIGN, CEDE_ALG_ES256));
    key.alg = CEDE_ALG_ES256;
    assert_true(cede_cose_key_allows(&key, CEDE_COSE_OP_VERIFY, CEDE_ALG_ESP256));
    assert_false(cede_cose_key_allows(&key, CEDE_COSE_OP_VERIFY, CEDE_ALG_ES384));
    key.alg = CEDE_ALG_HMAC_256;
    assert_false(cede_cose_key_allows(&key, CEDE_COSE_OP_VERIFY, CEDE_ALG_HMAC_256_64));
}

/* --- certificates ----------------------------------------------------------------------------- */

static void compares_certificate_hashes(void **state)
{
    (void)state;
    for (size_t b = 0; b < BACKENDS; b++) {
        const struct cede_crypto *crypto = backend(b);
        const int32_t algs[] = {CEDE_ALG_SHA_256, CEDE_ALG_SHA_256_64};

        for (size_t i = 0; i < COUNT(algs); i++) {
            uint8_t value[CEDE_HASH_LEN_MAX], memory[64];
            struct cede_cose_cert_hash hash = {algs[i], cede_span(value, cede_hash_len(algs[i]))};
            struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));

            assert_int_equal(cede_hash(crypto, algs[i], payload(), value), CEDE_OK);
            cede_cose_cert_hash_encode(&writer, &hash);
            assert_int_equal(cede_cose_cert_hash_check(cede_written(&writer), crypto, payload()),
                             CEDE_OK);
            assert_int_equal(cede_cose_cert_hash_check(cede_written(&writer), crypto,
                                                       CEDE_SPAN_TEXT("This is another.")),
                             CEDE_COSE_CERT_HASH);
        }
        /* SHA-1, a text name, a truncated value, three elements */
        assert_int_equal(
            cede_cose_cert_hash_check(BYTES(0x82, 0x2d, 0x41, 0x00), crypto, payload()),
            CEDE_CRYPTO_UNSUPPORTED);
        assert_int_equal(
            cede_cose_cert_hash_check(BYTES(0x82, 0x61, 0x61, 0x41, 0x00), crypto, payload()),
            CEDE_CRYPTO_UNSUPPORTED);
        assert_int_equal(
            cede_cose_cert_hash_check(BYTES(0x82, 0x2f, 0x41, 0x00), crypto, payload()),
            CEDE_COSE_CERT_HASH);
        assert_int_equal(
            cede_cose_cert_hash_check(BYTES(0x83, 0x2f, 0x41, 0x00, 0x00), crypto, payload()),
            CEDE_CBOR_COUNT);
    }
}

static void walks_certificates(void **state)
{
    const struct {
        struct cede_span item;
        size_t count;
        enum cede_status status;
    } cases[] = {
        {BYTES(0x41, 0x01), 1, CEDE_OK},
        {BYTES(0x82, 0x41, 0x01, 0x42, 0x01, 0x02), 2, CEDE_OK},
        {BYTES(0x81, 0x41, 0x01), 0, CEDE_CBOR_COUNT}, /* an array of one is not allowed */
        {BYTES(0x80), 0, CEDE_CBOR_COUNT},
        {BYTES(0x82, 0x41, 0x01, 0x01), 1, CEDE_CBOR_TYPE},
        {BYTES(0x41, 0x01, 0x00), 1, CEDE_TRAILING_BYTES},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cede_cose_certs certs = cede_cose_certs(cases[i].item);
        struct cede_span certificate;
        size_t count = 0;

        while (cede_cose_certs_next(&certs, &certificate)) {
            count++;
            assert_int_equal(certificate.ptr[0], 0x01);
        }
        assert_int_equal(count, cases[i].count);
        assert_int_equal(cede_cose_certs_finish(&certs), cases[i].status);
    }
}

/* --- refusals, value by value ----------------------------------------------------------------- */

#define X32                                                                                        \
    0x58, 0x20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, \
        24, 25, 26, 27, 28, 29, 30, 31, 32

static void refuses_keys_with_wrong_values(void **state)
{
    const struct cede_span cases[] = {
        BYTES(0xa1, 0x01, 0x61, 0x78),                                    /* kty "x" */
        BYTES(0xa1, 0x01, 0x1a, 0x80, 0x00, 0x00, 0x00),                  /* kty beyond 32 bits */
        BYTES(0xa1, 0x01, 0x3a, 0x80, 0x00, 0x00, 0x00),                  /* and below */
        BYTES(0xa2, 0x01, 0x04, 0x03, 0x61, 0x78),                        /* alg "x" */
        BYTES(0xa2, 0x01, 0x04, 0x05, 0x01),                              /* Base IV 1 */
        BYTES(0xa2, 0x01, 0x04, 0x20, 0x01),                              /* k 1 */
        BYTES(0xa2, 0x01, 0x01, 0x20, 0x61, 0x78),                        /* crv "x" */
        BYTES(0xa3, 0x01, 0x01, 0x20, 0x06, 0x21, 0x01),                  /* x 1 */
        BYTES(0xa3, 0x01, 0x01, 0x20, 0x06, 0x23, 0x01),                  /* d 1 */
        BYTES(0xa3, 0x01, 0x04, 0x04, 0x81, 0x40, 0x20, 0x40),            /* key_ops [h''] */
        BYTES(0xa3, 0x01, 0x04, 0x04, 0x80, 0x20, 0x40),                  /* key_ops [] */
        BYTES(0xa4, 0x01, 0x02, 0x20, 0x01, 0x21, X32, 0x22, 0xf6),       /* y null */
        BYTES(0xa4, 0x01, 0x02, 0x20, 0x01, 0x21, X32, 0x22, 0x41, 0x00), /* y too short */
        BYTES(0xa4, 0x01, 0x02, 0x20, 0x01, 0x21, X32, 0x23, 0x41, 0x00), /* d too short */
    };
    struct cede_cose_key key;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(cede_cose_key_decode(cases[i], &key), CEDE_COSE_KEY);
        assert_int_equal(key.kty, 0);
    }
}

/* Operations without a number of ours do not make a key one for everything. */
static void keeps_keys_for_other_operations_restricted(void **state)
{
    const struct cede_span cases[] = {
        BYTES(0xa3, 0x01, 0x04, 0x04, 0x81, 0x61, 0x78, 0x20, 0x41, 0x00), /* "x" */
        BYTES(0xa3, 0x01, 0x04, 0x04, 0x81, 0x00, 0x20, 0x41, 0x00),       /* 0 */
        BYTES(0xa3, 0x01, 0x04, 0x04, 0x81, 0x0b, 0x20, 0x41, 0x00),       /* 11 */
    };
    struct cede_cose_key key;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(cede_cose_key_decode(cases[i], &key), CEDE_OK);
        assert_false(cede_cose_key_allows(&key, CEDE_COSE_OP_MAC_CREATE, CEDE_ALG_HMAC_256));
    }
    key.key_ops = 0;
    key.alg = CEDE_ALG_HMAC_256;
    assert_true(cede_cose_key_allows(&key, CEDE_COSE_OP_MAC_CREATE, CEDE_ALG_HMAC_256));
    assert_false(cede_cose_key_allows(&key, CEDE_COSE_OP_MAC_CREATE, CEDE_ALG_ES256));
}

static void refuses_points_of_wrong_length(void **state)
{
    const uint8_t coordinate[CEDE_PUBLIC_KEY_LEN_MAX + 1] = {0};
    const struct cede_public_key shorter = {CEDE_CRV_P256, cede_span(coordinate, 63)};
    struct cede_cose_key key = {.kty = CEDE_COSE_KTY_EC2, .curve = CEDE_CRV_P256};
    uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX], memory[64];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
    struct cede_public_key public_key;

    (void)state;
    assert_int_equal(cede_cose_key_from_public(&shorter, &key), CEDE_COSE_KEY);
    key = (struct cede_cose_key){.kty = CEDE_COSE_KTY_EC2, .curve = CEDE_CRV_P256};
    key.x = cede_span(coordinate, sizeof coordinate);
    assert_int_equal(cede_cose_key_public(&key, backend(0), point, &public_key), CEDE_COSE_KEY);
    /* a symmetric key with an algorithm, written and read again */
    key = (struct cede_cose_key){.kty = CEDE_COSE_KTY_SYMMETRIC, .alg = CEDE_ALG_HMAC_256};
    key.k = cede_span(coordinate, 16);
    cede_cose_key_encode(&writer, &key);
    assert_int_equal(cede_cose_key_decode(cede_written(&writer), &key), CEDE_OK);
    assert_int_equal(key.alg, CEDE_ALG_HMAC_256);
    assert_int_equal(key.k.len, 16);
}

/* A back end that can do nothing. */
static enum cede_status fail_hash(void *context, int32_t alg, const struct cede_span *parts,
                                  size_t parts_count, uint8_t *out)
{
    (void)context, (void)alg, (void)parts, (void)parts_count, (void)out;
    return CEDE_CRYPTO_FAILED;
}

static enum cede_status fail_hmac(void *context, int32_t hash_alg, struct cede_span key,
                                  const struct cede_span *parts, size_t parts_count, uint8_t *out)
{
    (void)context, (void)hash_alg, (void)key, (void)parts, (void)parts_count, (void)out;
    return CEDE_CRYPTO_FAILED;
}

static enum cede_status fail_decompress(void *context, int32_t curve, struct cede_span x,
                                        bool y_odd, uint8_t *public_key)
{
    (void)context, (void)curve, (void)x, (void)y_odd, (void)public_key;
    return CEDE_CRYPTO_FAILED;
}

static enum cede_status fail_sign(void *context, int32_t alg, const struct cede_private_key *key,
                                  const struct cede_span *parts, size_t parts_count,
                                  uint8_t *signature, size_t *signature_len)
{
    (void)context, (void)alg, (void)key, (void)parts, (void)parts_count, (void)signature;
    *signature_len = 0;
    return CEDE_CRYPTO_FAILED;
}

static void says_when_the_back_end_fails(void **state)
{
    static const uint8_t zeros[64] = {0};
    const struct cede_crypto broken = {
        .hash = fail_hash, .hmac = fail_hmac, .decompress = fail_decompress, .sign = fail_sign};
    const struct cede_private_key private_key = {CEDE_CRV_P256, cede_span(zeros, 32), NULL};
    const struct cede_cose_key compressed = {.kty = CEDE_COSE_KTY_EC2,
                                             .curve = CEDE_CRV_P256,
                                             .x = cede_span(zeros, 32),
                                             .has_y_sign = true};
    struct cede_cose_sign1 sign1_msg = sign1_template(CEDE_ALG_ES256);
    struct cede_cose_mac0 mac0 = {.payload = payload(), .tag = cede_span(zeros, 32)};
    struct cede_public_key public_key;
    uint8_t memory[256], point[CEDE_PUBLIC_KEY_LEN_MAX];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));

    (void)state;
    assert_int_equal(cede_cose_sign1_sign(&sign1_msg, &broken, &private_key, NONE, NONE, &writer),
                     CEDE_CRYPTO_FAILED);
    assert_null(cede_written(&writer).ptr);
    mac0.headers.protected_.alg = CEDE_ALG_HMAC_256;
    assert_int_equal(cede_cose_mac0_verify(&mac0, &broken, cede_span(zeros, 32), NONE, NONE),
                     CEDE_CRYPTO_FAILED);
    assert_int_equal(cede_cose_mac0_verify(&mac0, &broken, cede_span(zeros, 32), NONE, payload()),
                     CEDE_COSE_PAYLOAD);
    writer = cede_writer(CEDE_BUF_ARRAY(memory));
    assert_int_equal(
        cede_cose_mac0_create(&mac0, &broken, cede_span(zeros, 32), NONE, NONE, &writer),
        CEDE_CRYPTO_FAILED);
    assert_null(cede_written(&writer).ptr);
    assert_int_equal(
        cede_cose_mac0_create(&mac0, &broken, cede_span(zeros, 32), NONE, payload(), &writer),
        CEDE_COSE_PAYLOAD);
    writer = cede_writer(cede_buf(memory, 1));
    assert_int_equal(
        cede_cose_mac0_create(&mac0, &broken, cede_span(zeros, 32), NONE, NONE, &writer),
        CEDE_NO_SPACE);
    assert_int_equal(cede_cose_key_public(&compressed, &broken, point, &public_key),
                     CEDE_CRYPTO_FAILED);
    /* [-16, h'00'] as well as numbers beyond 32 bits */
    assert_int_equal(cede_cose_cert_hash_check(BYTES(0x82, 0x2f, 0x41, 0x00), &broken, payload()),
                     CEDE_CRYPTO_FAILED);
    assert_int_equal(
        cede_cose_cert_hash_check(BYTES(0x82, 0x1a, 0x80, 0, 0, 0, 0x41, 0x00), &broken, payload()),
        CEDE_COSE_HEADER);
    assert_int_equal(
        cede_cose_cert_hash_check(BYTES(0x82, 0x3a, 0x80, 0, 0, 0, 0x41, 0x00), &broken, payload()),
        CEDE_COSE_HEADER);
}

/* A nonce from an IV and a Partial IV at once is none, whoever fills in the headers. */
static void seals_nothing_with_two_ivs(void **state)
{
    static const uint8_t zeros[16] = {0};
    const struct cede_cose_secret secret = {cede_span(zeros, 16), cede_span(zeros, 13)};
    struct cede_cose_encrypt0 msg = {0};
    struct cede_writer writer = cede_writer_counting();

    (void)state;
    msg.headers.protected_.alg = CEDE_ALG_AES_CCM_16_64_128;
    msg.headers.protected_.iv = cede_span(zeros, 13);
    assert_int_equal(cede_cose_encrypt0_seal(&msg, backend(0), &secret, NONE, payload(),
                                             cede_buf(NULL, 0), &writer),
                     CEDE_OK);
    msg.headers.unprotected.partial_iv = cede_span(zeros, 1);
    assert_int_equal(cede_cose_encrypt0_seal(&msg, backend(0), &secret, NONE, payload(),
                                             cede_buf(NULL, 0), &writer),
                     CEDE_COSE_NONCE);
    msg.headers.protected_.iv = NONE;
    msg.headers.unprotected.partial_iv = cede_span(zeros, 14); /* longer than a nonce */
    assert_int_equal(cede_cose_encrypt0_seal(&msg, backend(0), &secret, NONE, payload(),
                                             cede_buf(NULL, 0), &writer),
                     CEDE_COSE_NONCE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_parameter_in_any_order),
        cmocka_unit_test(takes_an_empty_map_for_an_empty_string),
        cmocka_unit_test(refuses_headers),
        cmocka_unit_test(honours_critical_parameters),
        cmocka_unit_test(bounds_the_number_of_labels),
        cmocka_unit_test(writes_parameters_in_deterministic_order),
        cmocka_unit_test(verifies_what_it_signs),
        cmocka_unit_test(signs_and_verifies_a_detached_payload),
        cmocka_unit_test(refuses_every_flipped_bit_every_cut_and_every_byte_more),
        cmocka_unit_test(refuses_an_algorithm_that_does_not_fit_the_key),
        cmocka_unit_test(fails_cleanly_in_a_buffer_of_any_smaller_size),
        cmocka_unit_test(refuses_objects_of_another_shape),
        cmocka_unit_test(verifies_the_cose_sign_of_rfc_9052_and_nothing_else),
        cmocka_unit_test(macs_and_refuses_every_change),
        cmocka_unit_test(refuses_a_mac_of_the_other_length_and_foreign_algorithms),
        cmocka_unit_test(opens_what_it_seals_with_every_aead),
        cmocka_unit_test(refuses_a_changed_or_cut_ciphertext),
        cmocka_unit_test(derives_the_nonce_from_a_partial_iv),
        cmocka_unit_test(refuses_wrong_keys_nonces_and_memory),
        cmocka_unit_test(the_scratch_bound_holds),
        cmocka_unit_test(carries_public_and_private_keys_of_every_curve),
        cmocka_unit_test(finds_y_from_its_sign),
        cmocka_unit_test(refuses_keys),
        cmocka_unit_test(refuses_half_keys),
        cmocka_unit_test(restricts_keys_to_their_use),
        cmocka_unit_test(compares_certificate_hashes),
        cmocka_unit_test(walks_certificates),
        cmocka_unit_test(refuses_keys_with_wrong_values),
        cmocka_unit_test(keeps_keys_for_other_operations_restricted),
        cmocka_unit_test(refuses_points_of_wrong_length),
        cmocka_unit_test(says_when_the_back_end_fails),
        cmocka_unit_test(seals_nothing_with_two_ivs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
