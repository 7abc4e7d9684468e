/* SPDX-License-Identifier: Apache-2.0 */
/* cose.c - COSE objects and keys; with the fixed back end their contents are reached, too. */
#include "cede/cose.h"
#include "fuzz.h"

static const uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX] = {0x22};
static const uint8_t secret[32] = {0x11};
static uint8_t scratch[4096], out[4096];

static void sign1(struct cede_span input)
{
    struct cede_public_key key = {CEDE_CRV_P256, cede_span(point, 64)};
    struct cede_cose_sign1 msg;

    if (cede_cose_sign1_decode(input, &msg) != CEDE_OK) {
        return;
    }
    fuzz_inside(input, msg.payload);
    fuzz_inside(input, msg.signature);
    fuzz_inside(input, msg.headers.unprotected_map);
    (void)!cede_cose_sign1_verify(&msg, fuzz_crypto(), &key, CEDE_SPAN_NULL, CEDE_SPAN_NULL);
}

static void sign(struct cede_span input)
{
    struct cede_public_key key = {CEDE_CRV_ED25519, cede_span(point, 32)};
    struct cede_cose_sign msg;
    struct cede_cose_signer signer;

    if (cede_cose_sign_decode(input, &msg) != CEDE_OK) {
        return;
    }
    for (size_t i = 0; i < msg.signers_count && i < 8; i++) {
        REQUIRE(cede_cose_sign_signer(&msg, i, &signer) == CEDE_OK);
        fuzz_inside(input, signer.signature);
        (void)!cede_cose_sign_verify(&msg, &signer, fuzz_crypto(), &key, CEDE_SPAN_NULL,
                                     CEDE_SPAN_NULL);
    }
}

static void mac0(struct cede_span input)
{
    struct cede_cose_mac0 msg;

    if (cede_cose_mac0_decode(input, &msg) == CEDE_OK) {
        fuzz_inside(input, msg.payload);
        fuzz_inside(input, msg.tag);
        (void)!cede_cose_mac0_verify(&msg, fuzz_crypto(), CEDE_SPAN_ARRAY(secret), CEDE_SPAN_NULL,
                                     CEDE_SPAN_NULL);
    }
}

static void encrypt0(struct cede_span input)
{
    struct cede_cose_secret key = {cede_span(secret, 16), cede_span(secret, 13)};
    struct cede_cose_encrypt0 msg;
    struct cede_span plaintext;

    if (cede_cose_encrypt0_decode(input, &msg) == CEDE_OK) {
        fuzz_inside(input, msg.ciphertext);
        if (cede_cose_encrypt0_open(&msg, fuzz_crypto(), &key, CEDE_SPAN_NULL, CEDE_SPAN_NULL,
                                    CEDE_BUF_ARRAY(scratch), CEDE_BUF_ARRAY(out),
                                    &plaintext) == CEDE_OK) {
            fuzz_touch(plaintext);
        }
    }
}

/* A key that decodes can be written and read again, and says the same. */
static void key(struct cede_span input)
{
    struct cede_cose_key first, second;
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(out));
    struct cede_public_key public_key;
    uint8_t memory[CEDE_PUBLIC_KEY_LEN_MAX];

    if (cede_cose_key_decode(input, &first) != CEDE_OK) {
        return;
    }
    fuzz_inside(input, first.x);
    fuzz_inside(input, first.d);
    fuzz_inside(input, first.k);
    (void)!cede_cose_key_public(&first, fuzz_crypto(), memory, &public_key);
    cede_cose_key_encode(&writer, &first);
    if (writer.status == CEDE_OK) {
        REQUIRE(cede_cose_key_decode(cede_written(&writer), &second) == CEDE_OK);
        REQUIRE(second.kty == first.kty && second.curve == first.curve);
        REQUIRE(cede_span_equal(first.x, second.x) && cede_span_equal(first.d, second.d));
    }
}

static void certificates(struct cede_span input)
{
    struct cede_cose_certs certs = cede_cose_certs(input);
    struct cede_cose_params params;
    struct cede_span certificate;

    while (cede_cose_certs_next(&certs, &certificate)) {
        fuzz_inside(input, certificate);
    }
    (void)!cede_cose_certs_finish(&certs);
    if (cede_cose_params_decode(input, &params) == CEDE_OK) {
        fuzz_inside(input, params.kid);
        fuzz_inside(input, params.x5chain);
        fuzz_inside(input, cede_cose_params_find(input, 4));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct cede_span input = cede_span(data, len);

    sign1(input);
    sign(input);
    mac0(input);
    encrypt0(input);
    key(input);
    certificates(input);
    return 0;
}
