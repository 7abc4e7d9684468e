/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cose_sign_test.c - every signature, MAC and AEAD algorithm of COSE through its objects, and
 * COSE_Sign with several signers; beside each success what must be refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cede/cose.h"
#include "keys.h"

#define assert_ok(expression_) assert_int_equal(CEDE_OK, (expression_))
#define COUNT(table_)          (sizeof(table_) / sizeof((table_)[0]))
#define MESSAGE_MAX            1024

static const struct cede_crypto *backends[2];
static const struct cede_crypto *crypto;
static const struct cede_span content = CEDE_SPAN_TEXT("the content");
static const struct cede_span context = CEDE_SPAN_TEXT("the context");

static const int32_t signature_algs[] = {
    CEDE_ALG_ES256, CEDE_ALG_ESP256, CEDE_ALG_ES384, CEDE_ALG_ESP384,
    CEDE_ALG_ES512, CEDE_ALG_ESP512, CEDE_ALG_EDDSA, CEDE_ALG_ED25519,
};

/* --- COSE_Sign1 ------------------------------------------------------------------------------- */

/* `message` with one byte changed must fail wherever the byte is. */
static bool any_change_is_refused(struct cede_span message, const struct cede_public_key *key,
                                  struct cede_span detached)
{
    uint8_t bad[MESSAGE_MAX];
    struct cede_cose_sign1 msg;

    for (size_t i = 0; i < message.len; i++) {
        memcpy(bad, message.ptr, message.len);
        bad[i] ^= 0x01;
        if (cede_cose_sign1_decode(cede_span(bad, message.len), &msg) == CEDE_OK &&
            cede_cose_sign1_verify(&msg, crypto, key, context, detached) == CEDE_OK) {
            return false;
        }
    }
    return true;
}

static void sign1_with_every_algorithm(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(signature_algs) * 2; i++) {
        int32_t alg = signature_algs[i / 2];
        bool is_detached = i % 2 != 0;
        struct cede_span detached = is_detached ? content : CEDE_SPAN_NULL;
        struct cede_cose_sign1 msg = {.tagged = true,
                                      .payload = is_detached ? CEDE_SPAN_NULL : content};
        uint8_t memory[MESSAGE_MAX];
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
        struct cede_writer counter = cede_writer_counting();
        struct key key, other;

        make_key(crypto, &key, cede_signature_curve(alg));
        make_key(crypto, &other, cede_signature_curve(alg));
        msg.headers.protected_.alg = alg;
        assert_ok(cede_cose_sign1_sign(&msg, crypto, &key.private_key, context, detached, &writer));
        assert_ok(
            cede_cose_sign1_sign(&msg, crypto, &key.private_key, context, detached, &counter));
        assert_int_equal(counter.len, writer.len);
        assert_ok(cede_cose_sign1_decode(cede_written(&writer), &msg));
        assert_int_equal(cede_signature_len(alg), msg.signature.len);
        assert_ok(cede_cose_sign1_verify(&msg, crypto, &key.public_key, context, detached));
        assert_int_equal(
            CEDE_CRYPTO_SIGNATURE,
            cede_cose_sign1_verify(&msg, crypto, &other.public_key, context, detached));
        assert_int_equal(
            CEDE_CRYPTO_SIGNATURE,
            cede_cose_sign1_verify(&msg, crypto, &key.public_key, CEDE_SPAN_NULL, detached));
        assert_int_equal(CEDE_COSE_PAYLOAD,
                         cede_cose_sign1_verify(&msg, crypto, &key.public_key, context,
                                                is_detached ? CEDE_SPAN_NULL : content));
        if (is_detached) {
            assert_int_equal(CEDE_CRYPTO_SIGNATURE,
                             cede_cose_sign1_verify(&msg, crypto, &key.public_key, context,
                                                    CEDE_SPAN_TEXT("the contents")));
        }
        assert_true(any_change_is_refused(cede_written(&writer), &key.public_key, detached));
    }
}

/* An algorithm goes with one curve, whatever the message says. */
static void algorithms_keep_to_their_curves(void **state)
{
    static const int32_t curves[] = {CEDE_CRV_P256, CEDE_CRV_P384, CEDE_CRV_P521, CEDE_CRV_ED25519};

    (void)state;
    for (size_t i = 0; i < COUNT(signature_algs) * COUNT(curves); i++) {
        struct cede_cose_sign1 msg = {.payload = content};
        struct cede_writer writer = cede_writer_counting();
        struct key key;

        make_key(crypto, &key, curves[i % COUNT(curves)]);
        msg.headers.protected_.alg = signature_algs[i / COUNT(curves)];
        assert_int_equal(
            cede_signature_curve(msg.headers.protected_.alg) == key.public_key.curve
                ? CEDE_OK
                : CEDE_COSE_ALG,
            cede_cose_sign1_sign(&msg, crypto, &key.private_key, context, CEDE_SPAN_NULL, &writer));
    }
}

/* --- COSE_Sign -------------------------------------------------------------------------------- */

#define SIGNERS 4

struct signers {
    struct key keys[SIGNERS];
    struct cede_cose_signing signings[SIGNERS];
    uint8_t memory[MESSAGE_MAX];
};

static void make_signers(struct signers *signers)
{
    static const int32_t algs[SIGNERS] = {CEDE_ALG_ESP256, CEDE_ALG_ES384, CEDE_ALG_ES512,
                                          CEDE_ALG_ED25519};
    static const uint8_t kids[SIGNERS] = {'a', 'b', 'c', 'd'};

    memset(signers, 0, sizeof *signers);
    for (size_t i = 0; i < SIGNERS; i++) {
        make_key(crypto, &signers->keys[i], cede_signature_curve(algs[i]));
        signers->signings[i].key = &signers->keys[i].private_key;
        signers->signings[i].headers.protected_.alg = algs[i];
        signers->signings[i].headers.unprotected.kid = cede_span(&kids[i], 1);
    }
}

static struct cede_span create(struct signers *signers, bool is_detached)
{
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(signers->memory));
    struct cede_writer counter = cede_writer_counting();
    struct cede_cose_sign msg = {.tagged = true, .payload = is_detached ? CEDE_SPAN_NULL : content};
    struct cede_span detached = is_detached ? content : CEDE_SPAN_NULL;

    msg.headers.protected_.content_type = CEDE_SPAN_TEXT("\x00");
    assert_ok(cede_cose_sign_create(&msg, signers->signings, SIGNERS, crypto, context, detached,
                                    &writer));
    assert_ok(cede_cose_sign_create(&msg, signers->signings, SIGNERS, crypto, context, detached,
                                    &counter));
    assert_int_equal(counter.len, writer.len);
    return cede_written(&writer);
}

static void several_signers_sign(void **state)
{
    struct signers signers;
    struct cede_cose_sign msg;
    struct cede_cose_signer signer;

    (void)state;
    for (int is_detached = 0; is_detached < 2; is_detached++) {
        struct cede_span detached = is_detached != 0 ? content : CEDE_SPAN_NULL;
        make_signers(&signers);
        assert_ok(cede_cose_sign_decode(create(&signers, is_detached != 0), &msg));
        assert_true(msg.tagged);
        assert_int_equal(SIGNERS, msg.signers_count);
        for (size_t i = 0; i < SIGNERS; i++) {
            assert_ok(cede_cose_sign_signer(&msg, i, &signer));
            assert_int_equal('a' + (int)i, cede_cose_headers_kid(&signer.headers).ptr[0]);
            assert_ok(cede_cose_sign_verify(&msg, &signer, crypto, &signers.keys[i].public_key,
                                            context, detached));
            assert_int_equal(CEDE_CRYPTO_SIGNATURE,
                             cede_cose_sign_verify(&msg, &signer, crypto,
                                                   &signers.keys[i].public_key, CEDE_SPAN_NULL,
                                                   detached));
            assert_int_equal(CEDE_COSE_ALG,
                             cede_cose_sign_verify(&msg, &signer, crypto,
                                                   &signers.keys[(i + 1) % SIGNERS].public_key,
                                                   context, detached));
        }
        assert_int_equal(CEDE_NOT_FOUND, cede_cose_sign_signer(&msg, SIGNERS, &signer));
    }
}

/* The body's header, the payload and a signer's own header are under every signature; the other
 * signatures are not. */
static void what_a_signer_signs(void **state)
{
    struct signers signers;
    struct cede_cose_sign msg, other;
    struct cede_cose_signer first, second;
    struct cede_span encoding;
    size_t at;

    (void)state;
    make_signers(&signers);
    encoding = create(&signers, false);
    assert_ok(cede_cose_sign_decode(encoding, &msg));
    assert_ok(cede_cose_sign_signer(&msg, 0, &first));
    assert_ok(cede_cose_sign_signer(&msg, 1, &second));
    other = msg;
    other.headers.protected_map = CEDE_SPAN_NULL;
    assert_int_equal(CEDE_CRYPTO_SIGNATURE,
                     cede_cose_sign_verify(&other, &first, crypto, &signers.keys[0].public_key,
                                           context, CEDE_SPAN_NULL));
    first.headers.protected_map = CEDE_SPAN_TEXT("\xa1\x01\x26"); /* ES256 for ESP256 */
    assert_int_equal(CEDE_CRYPTO_SIGNATURE,
                     cede_cose_sign_verify(&msg, &first, crypto, &signers.keys[0].public_key,
                                           context, CEDE_SPAN_NULL));
    /* A signature of the second signer that is broken does not touch the first. */
    assert_true(cede_span_offset(encoding, second.signature, &at));
    signers.memory[at] ^= 1;
    assert_ok(cede_cose_sign_signer(&msg, 0, &first));
    assert_ok(cede_cose_sign_verify(&msg, &first, crypto, &signers.keys[0].public_key, context,
                                    CEDE_SPAN_NULL));
    assert_int_equal(CEDE_CRYPTO_SIGNATURE,
                     cede_cose_sign_verify(&msg, &second, crypto, &signers.keys[1].public_key,
                                           context, CEDE_SPAN_NULL));
    assert_true(cede_span_offset(encoding, msg.payload, &at));
    signers.memory[at] ^= 1;
    assert_int_equal(CEDE_CRYPTO_SIGNATURE,
                     cede_cose_sign_verify(&msg, &first, crypto, &signers.keys[0].public_key,
                                           context, CEDE_SPAN_NULL));
}

/* A COSE_Sign1 signature is none for COSE_Sign: the context strings differ. */
static void contexts_do_not_mix(void **state)
{
    struct key key;
    uint8_t memory[MESSAGE_MAX];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
    struct cede_cose_sign1 one = {.payload = content};
    struct cede_cose_sign msg = {.payload = content};
    struct cede_cose_signer signer = {.headers = {{0}, {0}, {0}, {0}}};

    (void)state;
    make_key(crypto, &key, CEDE_CRV_P256);
    one.headers.protected_.alg = CEDE_ALG_ESP256;
    assert_ok(
        cede_cose_sign1_sign(&one, crypto, &key.private_key, context, CEDE_SPAN_NULL, &writer));
    assert_ok(cede_cose_sign1_decode(cede_written(&writer), &one));
    signer.headers = one.headers;
    signer.signature = one.signature;
    msg.headers.protected_map = one.headers.protected_map;
    assert_int_equal(
        CEDE_CRYPTO_SIGNATURE,
        cede_cose_sign_verify(&msg, &signer, crypto, &key.public_key, context, CEDE_SPAN_NULL));
}

static void sign_refuses_what_it_cannot_sign(void **state)
{
    struct signers signers;
    struct cede_cose_sign msg = {.payload = content};
    struct cede_writer writer = cede_writer_counting(), small;
    uint8_t memory[200];

    (void)state;
    make_signers(&signers);
    assert_int_equal(CEDE_BAD_ARGUMENT, cede_cose_sign_create(&msg, signers.signings, 0, crypto,
                                                              context, CEDE_SPAN_NULL, &writer));
    assert_int_equal(CEDE_COSE_PAYLOAD, cede_cose_sign_create(&msg, signers.signings, 1, crypto,
                                                              context, content, &writer));
    signers.signings[1].key = &signers.keys[0].private_key;
    assert_int_equal(CEDE_COSE_ALG, cede_cose_sign_create(&msg, signers.signings, 2, crypto,
                                                          context, CEDE_SPAN_NULL, &writer));
    assert_int_equal(0, writer.len);
    assert_ok(
        cede_cose_sign_create(&msg, signers.signings, 1, crypto, context, CEDE_SPAN_NULL, &writer));
    for (size_t cap = 0; cap <= writer.len; cap++) {
        small = cede_writer(cede_buf(memory, cap));
        assert_int_equal(cap < writer.len ? CEDE_NO_SPACE : CEDE_OK,
                         cede_cose_sign_create(&msg, signers.signings, 1, crypto, context,
                                               CEDE_SPAN_NULL, &small));
    }
}

/* crit counts in each protected bucket: the body's and a signer's. */
static void crit_counts_in_every_bucket(void **state)
{
    struct signers signers;
    struct cede_cose_sign msg = {.payload = content}, read;
    struct cede_writer writer;

    (void)state;
    make_signers(&signers);
    for (int place = 0; place < 4; place++) {
        struct cede_cose_params *params =
            place < 2 ? &msg.headers.protected_ : &signers.signings[1].headers.protected_;
        memset(&msg.headers, 0, sizeof msg.headers);
        signers.signings[1].headers.protected_.crit = CEDE_SPAN_NULL;
        params->content_type = CEDE_SPAN_TEXT("\x00");
        params->crit = place % 2 == 0 ? CEDE_SPAN_TEXT("\x81\x03") : CEDE_SPAN_TEXT("\x81\x18\x7b");
        writer = cede_writer(CEDE_BUF_ARRAY(signers.memory));
        assert_ok(cede_cose_sign_create(&msg, signers.signings, 2, crypto, context, CEDE_SPAN_NULL,
                                        &writer));
        assert_int_equal(place % 2 == 0 ? CEDE_OK : CEDE_COSE_CRIT,
                         cede_cose_sign_decode(cede_written(&writer), &read));
    }
}

/* --- COSE_Mac0 -------------------------------------------------------------------------------- */

static void mac0_with_every_algorithm(void **state)
{
    static const struct {
        int32_t alg;
        size_t tag_len;
    } cases[] = {{CEDE_ALG_HMAC_256_64, 8},
                 {CEDE_ALG_HMAC_256, 32},
                 {CEDE_ALG_HMAC_384, 48},
                 {CEDE_ALG_HMAC_512, 64}};
    static const uint8_t key[64] = {0x42}, other[64] = {0x43};

    (void)state;
    for (size_t i = 0; i < COUNT(cases) * 4; i++) {
        bool is_detached = i % 2 != 0;
        const struct cede_crypto *maker = backends[i / 2 % 2], *checker = backends[1 - i / 2 % 2];
        struct cede_span detached = is_detached ? content : CEDE_SPAN_NULL;
        struct cede_cose_mac0 msg = {.payload = is_detached ? CEDE_SPAN_NULL : content};
        uint8_t memory[MESSAGE_MAX];
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));

        msg.headers.protected_.alg = cases[i / 4].alg;
        assert_ok(
            cede_cose_mac0_create(&msg, maker, CEDE_SPAN_ARRAY(key), context, detached, &writer));
        assert_ok(cede_cose_mac0_decode(cede_written(&writer), &msg));
        assert_int_equal(cases[i / 4].tag_len, msg.tag.len);
        assert_ok(cede_cose_mac0_verify(&msg, checker, CEDE_SPAN_ARRAY(key), context, detached));
        assert_int_equal(CEDE_COSE_MAC, cede_cose_mac0_verify(&msg, checker, CEDE_SPAN_ARRAY(key),
                                                              CEDE_SPAN_NULL, detached));
        assert_int_equal(CEDE_COSE_MAC, cede_cose_mac0_verify(&msg, checker, CEDE_SPAN_ARRAY(other),
                                                              context, detached));
        assert_int_equal(CEDE_COSE_KEY, cede_cose_mac0_verify(&msg, checker, cede_span(key, 15),
                                                              context, detached));
        memory[writer.len - 1] ^= 1;
        assert_int_equal(CEDE_COSE_MAC, cede_cose_mac0_verify(&msg, checker, CEDE_SPAN_ARRAY(key),
                                                              context, detached));
        /* A tag cut short is no tag. */
        msg.tag.len--;
        assert_int_equal(CEDE_COSE_MAC, cede_cose_mac0_verify(&msg, checker, CEDE_SPAN_ARRAY(key),
                                                              context, detached));
    }
}

/* --- COSE_Encrypt0 ---------------------------------------------------------------------------- */

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
};

static enum cede_status open_encrypted(struct cede_span message, const struct cede_crypto *opener,
                                       const struct cede_cose_secret *secret,
                                       struct cede_span external_aad, struct cede_span *plaintext)
{
    static uint8_t scratch[256], out[256];
    struct cede_cose_encrypt0 msg;

    CEDE_TRY(cede_cose_encrypt0_decode(message, &msg));
    return cede_cose_encrypt0_open(&msg, opener, secret, external_aad, CEDE_SPAN_NULL,
                                   CEDE_BUF_ARRAY(scratch), CEDE_BUF_ARRAY(out), plaintext);
}

static void encrypt0_with_every_algorithm(void **state)
{
    static const uint8_t bytes[32] = {0x17};

    (void)state;
    for (size_t i = 0; i < COUNT(aeads) * 2; i++) {
        int32_t alg = aeads[i / 2];
        const struct cede_crypto *maker = backends[i % 2], *opener = backends[1 - i % 2];
        struct cede_cose_secret secret = {cede_span(bytes, cede_aead_key_len(alg)), CEDE_SPAN_NULL};
        struct cede_cose_encrypt0 msg = {.tagged = true};
        uint8_t memory[MESSAGE_MAX], scratch[256];
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
        struct cede_span plaintext;

        msg.headers.protected_.alg = alg;
        msg.headers.unprotected.iv = cede_span(bytes, cede_aead_nonce_len(alg));
        assert_ok(cede_cose_encrypt0_seal(&msg, maker, &secret, context, content,
                                          CEDE_BUF_ARRAY(scratch), &writer));
        assert_ok(open_encrypted(cede_written(&writer), opener, &secret, context, &plaintext));
        assert_true(cede_span_equal(content, plaintext));
        assert_int_equal(CEDE_CRYPTO_TAG, open_encrypted(cede_written(&writer), opener, &secret,
                                                         CEDE_SPAN_NULL, &plaintext));
        assert_null(plaintext.ptr);
        secret.key.len--;
        assert_int_equal(CEDE_COSE_KEY, open_encrypted(cede_written(&writer), opener, &secret,
                                                       context, &plaintext));
        secret.key.len++;
        for (size_t k = 0; k < writer.len; k++) {
            memory[k] ^= 0x01;
            assert_int_not_equal(CEDE_OK, open_encrypted(cede_written(&writer), opener, &secret,
                                                         context, &plaintext));
            memory[k] ^= 0x01;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sign1_with_every_algorithm),
        cmocka_unit_test(algorithms_keep_to_their_curves),
        cmocka_unit_test(several_signers_sign),
        cmocka_unit_test(what_a_signer_signs),
        cmocka_unit_test(contexts_do_not_mix),
        cmocka_unit_test(sign_refuses_what_it_cannot_sign),
        cmocka_unit_test(crit_counts_in_every_bucket),
        cmocka_unit_test(mac0_with_every_algorithm),
        cmocka_unit_test(encrypt0_with_every_algorithm),
    };

    crypto = backends[0] = cede_crypto_openssl();
    backends[1] = cede_crypto_psa();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
