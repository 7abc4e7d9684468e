/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crypto_test.c - the crypto port: the same tests over every back end, then one against another.
 *
 * Known answers come from FIPS 180-4 (as published with it), RFC 3610, RFC 4231, RFC 5869,
 * RFC 6979, RFC 7748, RFC 8032, RFC 8439 and the GCM submission to NIST.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <psa/crypto.h>

#include "cede/crypto.h"
#include "cede/crypto_openssl.h"
#include "hex.h"

#define COUNT(table_) (sizeof(table_) / sizeof((table_)[0]))

static const struct cede_crypto *backends[2];

static int setup(void **state)
{
    (void)state;
    backends[0] = cede_crypto_openssl();
    backends[1] = cede_crypto_psa();
    return 0;
}

#define FOR_EACH_BACKEND(c_)                                                                       \
    for (size_t each_ = 0; each_ < COUNT(backends); each_++)                                       \
        for (const struct cede_crypto *c_ = backends[each_]; c_ != NULL; c_ = NULL)

static void assert_span(struct cede_span is, struct cede_span wanted)
{
    assert_int_equal(is.len, wanted.len);
    assert_memory_equal(is.ptr, wanted.ptr, wanted.len);
}

static bool all_zero(const uint8_t *bytes, size_t len)
{
    uint8_t any = 0;

    for (size_t i = 0; i < len; i++) {
        any |= bytes[i];
    }
    return any == 0;
}

static bool has_curve(const struct cede_crypto *c, int32_t curve)
{
    return curve != CEDE_CRV_ED25519 || c == cede_crypto_openssl();
}

/* --- random, hash, HMAC, HKDF ----------------------------------------------------------------- */

static void random_fills_and_differs(void **state)
{
    (void)state;
    FOR_EACH_BACKEND(c)
    {
        uint8_t a[32] = {0}, b[32] = {0};
        assert_int_equal(c->random(c->context, CEDE_BUF_ARRAY(a)), CEDE_OK);
        assert_int_equal(c->random(c->context, CEDE_BUF_ARRAY(b)), CEDE_OK);
        assert_memory_not_equal(a, b, sizeof a);
        assert_int_equal(c->random(c->context, cede_buf(a, 0)), CEDE_OK);
    }
}

static void hash_known_answers(void **state)
{
    struct cede_span parts[] = {CEDE_SPAN_TEXT("a"), CEDE_SPAN_NULL, CEDE_SPAN_TEXT("bc")};
    struct cede_span sha256 =
        HEX("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    struct cede_span sha384 = HEX("cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
                                  "8086072ba1e7cc2358baeca134c825a7");
    struct cede_span sha512 =
        HEX("ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d3"
            "9a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
    struct cede_span of_nothing =
        HEX("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");

    (void)state;
    FOR_EACH_BACKEND(c)
    {
        uint8_t out[66];
        assert_int_equal(c->hash(c->context, CEDE_ALG_SHA_256, parts, 3, out), CEDE_OK);
        assert_span(cede_span(out, 32), sha256);
        assert_int_equal(c->hash(c->context, CEDE_ALG_SHA_384, parts, 3, out), CEDE_OK);
        assert_span(cede_span(out, 48), sha384);
        assert_int_equal(c->hash(c->context, CEDE_ALG_SHA_512, parts, 3, out), CEDE_OK);
        assert_span(cede_span(out, 64), sha512);
        assert_int_equal(cede_hash(c, CEDE_ALG_SHA_256, CEDE_SPAN_NULL, out), CEDE_OK);
        assert_span(cede_span(out, 32), of_nothing);
        /* The truncated form writes eight bytes and no more. */
        memset(out, 0x55, sizeof out);
        assert_int_equal(c->hash(c->context, CEDE_ALG_SHA_256_64, parts, 3, out), CEDE_OK);
        assert_span(cede_span(out, 8), cede_span(sha256.ptr, 8));
        assert_int_equal(out[8], 0x55);
    }
}

static void hash_refuses_unknown_algorithms(void **state)
{
    (void)state;
    FOR_EACH_BACKEND(c)
    {
        uint8_t out[66];
        struct cede_span in = CEDE_SPAN_TEXT("abc");
        assert_int_equal(c->hash(c->context, CEDE_ALG_ES256, &in, 1, out), CEDE_CRYPTO_UNSUPPORTED);
        assert_int_equal(c->hmac(c->context, 0, in, &in, 1, out), CEDE_CRYPTO_UNSUPPORTED);
        assert_int_equal(c->hmac(c->context, CEDE_ALG_SHA_256_64, in, &in, 1, out),
                         CEDE_CRYPTO_UNSUPPORTED);
    }
}

static void hmac_known_answers(void **state) /* RFC 4231, sections 4.3 and 4.7 */
{
    struct cede_span parts[] = {CEDE_SPAN_TEXT("what do ya want "), CEDE_SPAN_TEXT("for nothing?")};
    struct cede_span large =
        CEDE_SPAN_TEXT("Test Using Larger Than Block-Size Key - Hash Key First");
    uint8_t large_key[131];

    (void)state;
    memset(large_key, 0xaa, sizeof large_key);
    FOR_EACH_BACKEND(c)
    {
        uint8_t out[66];
        struct cede_span key = CEDE_SPAN_TEXT("Jefe");
        assert_int_equal(c->hmac(c->context, CEDE_ALG_SHA_256, key, parts, 2, out), CEDE_OK);
        assert_span(cede_span(out, 32),
                    HEX("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
        assert_int_equal(c->hmac(c->context, CEDE_ALG_SHA_384, key, parts, 2, out), CEDE_OK);
        assert_span(cede_span(out, 48), HEX("af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47"
                                            "e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"));
        assert_int_equal(c->hmac(c->context, CEDE_ALG_SHA_512, key, parts, 2, out), CEDE_OK);
        assert_span(cede_span(out, 64),
                    HEX("164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
                        "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"));
        assert_int_equal(
            c->hmac(c->context, CEDE_ALG_SHA_256, CEDE_SPAN_ARRAY(large_key), &large, 1, out),
            CEDE_OK);
        assert_span(cede_span(out, 32),
                    HEX("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"));
    }
}

/* An empty key equals a key of zeros, also right after another key was used. */
static void hmac_takes_an_empty_key(void **state)
{
    static const uint8_t zeros[64];
    struct cede_span in = CEDE_SPAN_TEXT("message");

    (void)state;
    FOR_EACH_BACKEND(c)
    {
        uint8_t a[32], b[32], other[32];
        assert_int_equal(
            c->hmac(c->context, CEDE_ALG_SHA_256, CEDE_SPAN_TEXT("key"), &in, 1, other), CEDE_OK);
        assert_int_equal(c->hmac(c->context, CEDE_ALG_SHA_256, CEDE_SPAN_NULL, &in, 1, a), CEDE_OK);
        assert_int_equal(c->hmac(c->context, CEDE_ALG_SHA_256, CEDE_SPAN_ARRAY(zeros), &in, 1, b),
                         CEDE_OK);
        assert_memory_equal(a, b, sizeof a);
        assert_memory_not_equal(a, other, sizeof a);
    }
}

static const struct {
    const char *ikm, *salt, *info, *prk, *okm;
} hkdf_cases[] = {
    /* RFC 5869, appendices A.1 to A.3 */
    {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c",
     "f0f1f2f3f4f5f6f7f8f9", "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
     "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
    {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223242526272829"
     "2a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
     "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f80818283848586878889"
     "8a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
     "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9"
     "dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
     "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
     "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c6"
     "5e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"},
    {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
     "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
     "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"},
};

static void hkdf_known_answers(void **state)
{
    uint8_t ikm[80], salt[80], info[80], wanted_prk[32], wanted_okm[82];

    (void)state;
    FOR_EACH_BACKEND(c)
    {
        for (size_t i = 0; i < COUNT(hkdf_cases); i++) {
            uint8_t prk[32], okm[82];
            struct cede_span wanted = hex_into(CEDE_BUF_ARRAY(wanted_okm), hkdf_cases[i].okm);
            assert_int_equal(cede_hkdf_extract(c, CEDE_ALG_SHA_256,
                                               hex_into(CEDE_BUF_ARRAY(salt), hkdf_cases[i].salt),
                                               hex_into(CEDE_BUF_ARRAY(ikm), hkdf_cases[i].ikm),
                                               prk),
                             CEDE_OK);
            assert_span(CEDE_SPAN_ARRAY(prk),
                        hex_into(CEDE_BUF_ARRAY(wanted_prk), hkdf_cases[i].prk));
            assert_int_equal(cede_hkdf_expand(c, CEDE_ALG_SHA_256, CEDE_SPAN_ARRAY(prk),
                                              hex_into(CEDE_BUF_ARRAY(info), hkdf_cases[i].info),
                                              cede_buf(okm, wanted.len)),
                             CEDE_OK);
            assert_span(cede_span(okm, wanted.len), wanted);
        }
    }
}

static void hkdf_refuses_more_than_255_blocks(void **state)
{
    uint8_t prk[32] = {1}, out[255 * 32 + 1];

    (void)state;
    FOR_EACH_BACKEND(c)
    {
        assert_int_equal(cede_hkdf_expand(c, CEDE_ALG_SHA_256, CEDE_SPAN_ARRAY(prk), CEDE_SPAN_NULL,
                                          CEDE_BUF_ARRAY(out)),
                         CEDE_BAD_ARGUMENT);
        assert_int_equal(cede_hkdf_expand(c, CEDE_ALG_SHA_256, CEDE_SPAN_ARRAY(prk), CEDE_SPAN_NULL,
                                          cede_buf(out, sizeof out - 1)),
                         CEDE_OK);
        assert_int_equal(
            cede_hkdf_expand(c, 0, CEDE_SPAN_ARRAY(prk), CEDE_SPAN_NULL, cede_buf(out, 1)),
            CEDE_BAD_ARGUMENT);
    }
}

/* --- AEAD ---------------------------------------------------------------------------------------
 */

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

static const struct {
    int32_t alg;
    const char *key, *nonce, *aad, *plaintext, *ciphertext;
} aead_cases[] = {
    /* RFC 3610, section 8, packet vectors 1 and 2 */
    {CEDE_ALG_AES_CCM_16_64_128, "c0c1c2c3c4c5c6c7c8c9cacbcccdcecf", "00000003020100a0a1a2a3a4a5",
     "0001020304050607", "08090a0b0c0d0e0f101112131415161718191a1b1c1d1e",
     "588c979a61c663d2f066d0c2c0f989806d5f6b61dac38417e8d12cfdf926e0"},
    {CEDE_ALG_AES_CCM_16_64_128, "c0c1c2c3c4c5c6c7c8c9cacbcccdcecf", "00000004030201a0a1a2a3a4a5",
     "0001020304050607", "08090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     "72c91a36e135f8cf291ca894085c87e3cc15c439c9e43a3ba091d56e10400916"},
    /* The Galois/Counter Mode of Operation, appendix B, test case 4 */
    {CEDE_ALG_A128GCM, "feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6"
     "b525b16aedf5aa0de657ba637b39",
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84"
     "aa051ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47"},
    /* RFC 8439, section 2.8.2 */
    {CEDE_ALG_CHACHA20_POLY1305, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
     "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a20496620"
     "4920636f756c64206f6666657220796f75206f6e6c79206f6e652074697020666f7220746865206675747572652c"
     "2073756e73637265656e20776f756c642062652069742e",
     "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92"
     "728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b"
     "4831d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691"},
};

static void aead_known_answers(void **state)
{
    uint8_t key[32], nonce[13], aad[20], plaintext[128], ciphertext[144], out[144];

    (void)state;
    FOR_EACH_BACKEND(c)
    {
        for (size_t i = 0; i < COUNT(aead_cases); i++) {
            struct cede_span k = hex_into(CEDE_BUF_ARRAY(key), aead_cases[i].key);
            struct cede_span n = hex_into(CEDE_BUF_ARRAY(nonce), aead_cases[i].nonce);
            struct cede_span a = hex_into(CEDE_BUF_ARRAY(aad), aead_cases[i].aad);
            struct cede_span p = hex_into(CEDE_BUF_ARRAY(plaintext), aead_cases[i].plaintext);
            struct cede_span wanted =
                hex_into(CEDE_BUF_ARRAY(ciphertext), aead_cases[i].ciphertext);
            struct cede_span is;
            assert_int_equal(
                c->aead_seal(c->context, aead_cases[i].alg, k, n, a, p, CEDE_BUF_ARRAY(out), &is),
                CEDE_OK);
            assert_span(is, wanted);
            assert_int_equal(c->aead_open(c->context, aead_cases[i].alg, k, n, a, wanted,
                                          CEDE_BUF_ARRAY(out), &is),
                             CEDE_OK);
            assert_span(is, p);
        }
    }
}

/* What a sealing call needs, of the right lengths for an algorithm. */
struct aead_input {
    struct cede_span key, nonce, aad;
    uint8_t key_bytes[32], nonce_bytes[13], aad_bytes[300];
};

static void make_aead_input(struct aead_input *input, int32_t alg, size_t aad_len)
{
    for (size_t i = 0; i < sizeof input->aad_bytes; i++) {
        input->aad_bytes[i] = (uint8_t)(7 * i + (size_t)alg);
    }
    memcpy(input->key_bytes, input->aad_bytes + 40, sizeof input->key_bytes);
    memcpy(input->nonce_bytes, input->aad_bytes + 90, sizeof input->nonce_bytes);
    input->key = cede_span(input->key_bytes, cede_aead_key_len(alg));
    input->nonce = cede_span(input->nonce_bytes, cede_aead_nonce_len(alg));
    input->aad = aad_len > 0 ? cede_span(input->aad_bytes, aad_len) : CEDE_SPAN_NULL;
}

/* Every algorithm, several lengths, in place and not, and each back end opens the other's. */
static void aead_backends_agree(void **state)
{
    static const size_t lens[] = {0, 1, 15, 16, 17, 64, 300};
    uint8_t text[300], sealed[2][316], opened[300];
    struct aead_input in;

    (void)state;
    memset(text, 0x3c, sizeof text);
    for (size_t i = 0; i < COUNT(aeads) * COUNT(lens) * COUNT(lens); i++) {
        int32_t alg = aeads[i % COUNT(aeads)];
        size_t len = lens[i / COUNT(aeads) % COUNT(lens)];
        struct cede_span spans[2], back;
        make_aead_input(&in, alg, lens[i / COUNT(aeads) / COUNT(lens)]);
        for (size_t k = 0; k < 2; k++) {
            const struct cede_crypto *c = backends[k];
            memcpy(sealed[k], text, len);
            assert_int_equal(c->aead_seal(c->context, alg, in.key, in.nonce, in.aad,
                                          cede_span(sealed[k], len), CEDE_BUF_ARRAY(sealed[k]),
                                          &spans[k]),
                             CEDE_OK);
            assert_int_equal(spans[k].len, len + cede_aead_tag_len(alg));
        }
        assert_span(spans[0], spans[1]);
        for (size_t k = 0; k < 2; k++) {
            const struct cede_crypto *c = backends[k];
            assert_int_equal(c->aead_open(c->context, alg, in.key, in.nonce, in.aad, spans[1 - k],
                                          CEDE_BUF_ARRAY(opened), &back),
                             CEDE_OK);
            assert_span(back, cede_span(text, len));
        }
        for (size_t k = 0; k < 2; k++) { /* in place, which spends the ciphertext */
            const struct cede_crypto *c = backends[k];
            assert_int_equal(c->aead_open(c->context, alg, in.key, in.nonce, in.aad, spans[k],
                                          CEDE_BUF_ARRAY(sealed[k]), &back),
                             CEDE_OK);
            assert_span(back, cede_span(text, len));
        }
    }
}

/* Kept contexts remember nothing: a good text opens after forged ones of other lengths. */
static void aead_forgeries_leave_no_trace(void **state)
{
    static const size_t lens[] = {300, 0, 17};
    uint8_t text[300], sealed[316], forged[316], opened[316];
    struct aead_input in;
    struct cede_span whole, back;

    (void)state;
    memset(text, 0x3c, sizeof text);
    memset(forged, 0x77, sizeof forged);
    for (size_t i = 0; i < COUNT(aeads) * COUNT(lens) * 2; i++) {
        const struct cede_crypto *c = backends[i % 2];
        int32_t alg = aeads[i / 2 % COUNT(aeads)];
        size_t len = lens[i / 2 / COUNT(aeads)];
        make_aead_input(&in, alg, len % 30);
        assert_int_equal(c->aead_seal(c->context, alg, in.key, in.nonce, in.aad,
                                      cede_span(text, len), CEDE_BUF_ARRAY(sealed), &whole),
                         CEDE_OK);
        for (size_t k = 0; k < COUNT(lens); k++) {
            assert_int_equal(c->aead_open(c->context, alg, in.key, in.nonce, CEDE_SPAN_NULL,
                                          cede_span(forged, lens[k] + 16), CEDE_BUF_ARRAY(opened),
                                          &back),
                             CEDE_CRYPTO_TAG);
        }
        assert_int_equal(c->aead_open(c->context, alg, in.key, in.nonce, in.aad, whole,
                                      CEDE_BUF_ARRAY(opened), &back),
                         CEDE_OK);
        assert_span(back, cede_span(text, len));
    }
}

static void aead_refuses_what_was_changed(void **state)
{
    uint8_t sealed[40], changed[40], out[40];
    struct aead_input in;

    (void)state;
    FOR_EACH_BACKEND(c)
    {
        for (size_t i = 0; i < COUNT(aeads); i++) {
            struct cede_span whole, text = CEDE_SPAN_TEXT("twenty bytes of text");
            make_aead_input(&in, aeads[i], 9);
            assert_int_equal(c->aead_seal(c->context, aeads[i], in.key, in.nonce, in.aad, text,
                                          CEDE_BUF_ARRAY(sealed), &whole),
                             CEDE_OK);
            for (size_t bit = 0; bit < 8 * whole.len; bit += 5) {
                struct cede_span back = whole;
                memcpy(changed, sealed, sizeof changed);
                changed[bit / 8] ^= (uint8_t)(1U << bit % 8);
                memset(out, 0x11, sizeof out);
                assert_int_equal(c->aead_open(c->context, aeads[i], in.key, in.nonce, in.aad,
                                              cede_span(changed, whole.len), CEDE_BUF_ARRAY(out),
                                              &back),
                                 CEDE_CRYPTO_TAG);
                assert_null(back.ptr);
                assert_true(all_zero(out, text.len));
            }
            for (size_t which = 0; which < 3; which++) {
                struct cede_span back;
                uint8_t *byte = which == 0   ? &in.aad_bytes[8]
                                : which == 1 ? &in.key_bytes[3]
                                             : &in.nonce_bytes[0];
                *byte ^= 1;
                assert_int_equal(c->aead_open(c->context, aeads[i], in.key, in.nonce, in.aad, whole,
                                              CEDE_BUF_ARRAY(out), &back),
                                 CEDE_CRYPTO_TAG);
                *byte ^= 1;
            }
        }
    }
}

static void aead_refuses_wrong_lengths(void **state)
{
    uint8_t out[64];
    struct aead_input in;

    (void)state;
    FOR_EACH_BACKEND(c)
    {
        for (size_t i = 0; i < COUNT(aeads); i++) {
            size_t tag_len = cede_aead_tag_len(aeads[i]);
            struct cede_span text = CEDE_SPAN_TEXT("text"), is = text;
            struct cede_span no_tag;
            make_aead_input(&in, aeads[i], 1);
            no_tag = cede_span(in.aad_bytes, tag_len - 1);
            assert_int_equal(c->aead_seal(c->context, aeads[i], in.key, in.nonce, in.aad, text,
                                          cede_buf(out, text.len + tag_len - 1), &is),
                             CEDE_NO_SPACE);
            assert_null(is.ptr);
            assert_int_equal(c->aead_open(c->context, aeads[i], in.key, in.nonce, in.aad,
                                          cede_span(in.aad_bytes, tag_len + 4), cede_buf(out, 3),
                                          &is),
                             CEDE_NO_SPACE);
            assert_int_equal(c->aead_open(c->context, aeads[i], in.key, in.nonce, in.aad, no_tag,
                                          CEDE_BUF_ARRAY(out), &is),
                             CEDE_CRYPTO_TAG);
            in.nonce.len--;
            assert_int_equal(c->aead_seal(c->context, aeads[i], in.key, in.nonce, in.aad, text,
                                          CEDE_BUF_ARRAY(out), &is),
                             CEDE_BAD_ARGUMENT);
            in.nonce.len++;
            in.key.len--;
            assert_int_equal(c->aead_open(c->context, aeads[i], in.key, in.nonce, in.aad,
                                          cede_span(in.aad_bytes, 20), CEDE_BUF_ARRAY(out), &is),
                             CEDE_BAD_ARGUMENT);
        }
        {
            struct cede_span is;
            assert_int_equal(c->aead_seal(c->context, 99, in.key, in.nonce, in.aad, in.aad,
                                          CEDE_BUF_ARRAY(out), &is),
                             CEDE_CRYPTO_UNSUPPORTED);
        }
    }
}

/* CCM with a nonce of 13 bytes has two bytes for the length of the text. */
static void ccm_refuses_a_text_too_long_for_its_nonce(void **state)
{
    static uint8_t text[0x10000 + 16];
    struct aead_input in;
    struct cede_span is;

    (void)state;
    FOR_EACH_BACKEND(c)
    {
        make_aead_input(&in, CEDE_ALG_AES_CCM_16_64_128, 0);
        assert_int_equal(c->aead_seal(c->context, CEDE_ALG_AES_CCM_16_64_128, in.key, in.nonce,
                                      in.aad, cede_span(text, 0x10000), CEDE_BUF_ARRAY(text), &is),
                         CEDE_BAD_ARGUMENT);
        assert_int_equal(c->aead_seal(c->context, CEDE_ALG_AES_CCM_16_64_128, in.key, in.nonce,
                                      in.aad, cede_span(text, 0xffff), CEDE_BUF_ARRAY(text), &is),
                         CEDE_OK);
        assert_int_equal(is.len, 0xffff + 8);
        assert_int_equal(c->aead_open(c->context, CEDE_ALG_AES_CCM_16_64_128, in.key, in.nonce,
                                      in.aad, cede_span(text, 0x10000 + 8), CEDE_BUF_ARRAY(text),
                                      &is),
                         CEDE_CRYPTO_TAG);
    }
}

/* --- keys and ECDH ------------------------------------------------------------------------------
 */

static const int32_t curves[] = {CEDE_CRV_P256, CEDE_CRV_P384, CEDE_CRV_P521, CEDE_CRV_X25519,
                                 CEDE_CRV_ED25519};
static const int32_t nist_algs[] = {CEDE_ALG_ESP256, CEDE_ALG_ES384, CEDE_ALG_ES512};

static const struct {
    int32_t curve;
    const char *private_key, *public_key;
} key_cases[] = {
    /* RFC 6979, appendices A.2.5 and A.2.6 */
    {CEDE_CRV_P256, "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721",
     "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
     "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299"},
    {CEDE_CRV_P384,
     "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D8"
     "96D5724E4C70A825F872C9EA60D2EDF5",
     "EC3A4E415B4E19A4568618029F427FA5DA9A8BC4AE92E02E06AAE5286B300C64DEF8F0EA9055866064A25451548"
     "0BC138015D9B72D7D57244EA8EF9AC0C621896708A59367F9DFB9F54CA84B3F1C9DB1288B231C3AE0D4FE7344FD"
     "2533264720"},
    /* RFC 6979, appendix A.2.7 */
    {CEDE_CRV_P521,
     "00FAD06DAA62BA3B25D2FB40133DA757205DE67F5BB0018FEE8C86E1B68C7E75CA"
     "A896EB32F1F47C70855836A6D16FCC1466F6D8FBEC67DB89EC0C08B0E996B83538",
     "01894550D0785932E00EAA23B694F213F8C3121F86DC97A04E5A7167DB4E5BCD37"
     "1123D46E45DB6B5D5370A7F20FB633155D38FFA16D2BD761DCAC474B9A2F5023A4"
     "00493101C962CD4D2FDDF782285E64584139C2F91B47F87FF82354D6630F746A28"
     "A0DB25741B5B34A828008B22ACC23F924FAAFBD4D33F81EA66956DFEAA2BFDFCF5"},
    /* RFC 7748, section 6.1 */
    {CEDE_CRV_X25519, "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
     "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"},
    /* RFC 8032, section 7.1, test 1 */
    {CEDE_CRV_ED25519, "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"},
};

static void public_from_private_known_answers(void **state)
{
    uint8_t scalar[66], wanted[132], is[132];

    (void)state;
    FOR_EACH_BACKEND(c)
    {
        for (size_t i = 0; i < COUNT(key_cases); i++) {
            struct cede_private_key key = {
                key_cases[i].curve, hex_into(CEDE_BUF_ARRAY(scalar), key_cases[i].private_key),
                NULL};
            enum cede_status status = c->public_from_private(c->context, &key, is);
            if (!has_curve(c, key.curve)) {
                assert_int_equal(status, CEDE_CRYPTO_UNSUPPORTED);
                continue;
            }
            assert_int_equal(status, CEDE_OK);
            assert_span(cede_span(is, cede_curve_public_len(key.curve)),
                        hex_into(CEDE_BUF_ARRAY(wanted), key_cases[i].public_key));
        }
    }
}

/* Zero, the order, and lengths one off are no private keys. */
static void private_keys_are_checked(void **state)
{
    static const uint8_t zeros[66];
    struct cede_span order256 =
        HEX("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    struct cede_span order384 = HEX("ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372d"
                                    "df581a0db248b0a77aecec196accc52973");
    struct cede_private_key bad[] = {
        {CEDE_CRV_P256, {zeros, 32}, NULL},   {CEDE_CRV_P384, {zeros, 48}, NULL},
        {CEDE_CRV_P256, order256, NULL},      {CEDE_CRV_P384, order384, NULL},
        {CEDE_CRV_P256, {zeros, 31}, NULL},   {CEDE_CRV_P384, {order384.ptr, 47}, NULL},
        {CEDE_CRV_X25519, {zeros, 31}, NULL},
    };
    struct cede_span in = CEDE_SPAN_TEXT("message");

    (void)state;
    FOR_EACH_BACKEND(c)
    {
        for (size_t i = 0; i < COUNT(bad); i++) {
            uint8_t out[132];
            size_t len = 7;
            int32_t alg = bad[i].curve == CEDE_CRV_P384 ? CEDE_ALG_ES384 : CEDE_ALG_ESP256;
            memset(out, 0x11, sizeof out);
            assert_int_equal(c->public_from_private(c->context, &bad[i], out), CEDE_CRYPTO_KEY);
            assert_true(all_zero(out, cede_curve_public_len(bad[i].curve)));
            assert_int_equal(c->sign(c->context, alg, &bad[i], &in, 1, out, &len), CEDE_CRYPTO_KEY);
            assert_int_equal(len, 0);
        }
        {
            uint8_t out[132];
            struct cede_private_key unknown = {8, {order256.ptr, 32}, NULL}; /* secp256k1 */
            assert_int_equal(c->public_from_private(c->context, &unknown, out),
                             CEDE_CRYPTO_UNSUPPORTED);
            assert_int_equal(c->generate(c->context, 8, out, out), CEDE_CRYPTO_UNSUPPORTED);
        }
    }
}

static void generated_keys_work_on_both_sides(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(curves); i++) {
        uint8_t priv[2][66], pub[2][132], secret[2][66];
        size_t private_len = cede_curve_private_len(curves[i]);
        size_t public_len = cede_curve_public_len(curves[i]);
        if (curves[i] == CEDE_CRV_ED25519) {
            continue;
        }
        for (size_t k = 0; k < 2; k++) {
            struct cede_private_key key = {curves[i], {priv[k], private_len}, NULL};
            uint8_t again[132];
            assert_int_equal(backends[k]->generate(NULL, curves[i], priv[k], pub[k]), CEDE_OK);
            assert_int_equal(backends[1 - k]->public_from_private(NULL, &key, again), CEDE_OK);
            assert_memory_equal(pub[k], again, public_len);
        }
        assert_memory_not_equal(priv[0], priv[1], private_len);
        for (size_t k = 0; k < 2; k++) {
            struct cede_private_key key = {curves[i], {priv[k], private_len}, NULL};
            assert_int_equal(
                backends[k]->ecdh(NULL, &key, cede_span(pub[1 - k], public_len), secret[k]),
                CEDE_OK);
        }
        assert_memory_equal(secret[0], secret[1], private_len);
        assert_false(all_zero(secret[0], private_len));
    }
}

static void ed25519_is_on_one_side_only(void **state)
{
    uint8_t priv[32], pub[32], again[32];
    struct cede_private_key key = {CEDE_CRV_ED25519, CEDE_SPAN_ARRAY(priv), NULL};

    (void)state;
    assert_int_equal(backends[0]->generate(NULL, CEDE_CRV_ED25519, priv, pub), CEDE_OK);
    assert_int_equal(backends[0]->public_from_private(NULL, &key, again), CEDE_OK);
    assert_memory_equal(pub, again, sizeof pub);
    assert_int_equal(backends[1]->generate(NULL, CEDE_CRV_ED25519, priv, pub),
                     CEDE_CRYPTO_UNSUPPORTED);
    FOR_EACH_BACKEND(c)
    {
        assert_int_equal(c->ecdh(c->context, &key, CEDE_SPAN_ARRAY(pub), again),
                         CEDE_CRYPTO_UNSUPPORTED);
    }
}

static void x25519_known_answers(void **state) /* RFC 7748, sections 5.2 and 6.1 */
{
    static const struct {
        const char *scalar, *u, *out;
    } cases[] = {
        {"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
         "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
         "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
        /* This u has its highest bit set, which is to be ignored. */
        {"4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
         "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
         "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
        {"77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
         "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
         "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"},
    };
    uint8_t scalar[32], u[32], wanted[32], is[32];

    (void)state;
    FOR_EACH_BACKEND(c)
    {
        for (size_t i = 0; i < COUNT(cases); i++) {
            struct cede_private_key key = {CEDE_CRV_X25519,
                                           hex_into(CEDE_BUF_ARRAY(scalar), cases[i].scalar), NULL};
            assert_int_equal(c->ecdh(c->context, &key, hex_into(CEDE_BUF_ARRAY(u), cases[i].u), is),
                             CEDE_OK);
            assert_span(CEDE_SPAN_ARRAY(is), hex_into(CEDE_BUF_ARRAY(wanted), cases[i].out));
        }
    }
}

/* Suite 25 of EDHOC: RFC 7748, section 6.2, RFC 8032, section 7.4, and NIST's examples of SHAKE256
 * and KMAC256. */
static void suite_25_known_answers(void **state)
{
    const struct cede_crypto *c = backends[0];
    uint8_t scalar[57], point[57], wanted[114], is[114], data[200];
    struct cede_private_key key = {CEDE_CRV_X448, CEDE_SPAN_NULL, NULL};
    struct cede_public_key public_key = {CEDE_CRV_ED448, CEDE_SPAN_NULL};
    struct cede_span message = {(const uint8_t *)"\x03", 1}, in = CEDE_SPAN_ARRAY(data);
    size_t len;

    (void)state;
    key.scalar = hex_into(CEDE_BUF_ARRAY(scalar),
                          "9a8f4925d1519f5775cf46b04b5800d4ee9ee8bae8bc5565d498c28d"
                          "d9c9baf574a9419744897391006382a6f127ab1d9ac2d8c0a598726b");
    assert_int_equal(c->public_from_private(NULL, &key, is), CEDE_OK);
    assert_span(cede_span(is, 56),
                hex_into(CEDE_BUF_ARRAY(wanted),
                         "9b08f7cc31b7e3e67d22d5aea121074a273bd2b83de09c63faa73d2c"
                         "22c5d9bbc836647241d953d40c5b12da88120d53177f80e532c41fa0"));
    assert_int_equal(c->ecdh(NULL, &key,
                             hex_into(CEDE_BUF_ARRAY(point),
                                      "3eb7a829b0cd20f5bcfc0b599b6feccf6da4627107bdb0d4f345b430"
                                      "27d8b972fc3e34fb4232a13ca706dcb57aec3dae07bdc1c67bf33609"),
                             is),
                     CEDE_OK);
    assert_span(cede_span(is, 56),
                hex_into(CEDE_BUF_ARRAY(wanted),
                         "07fff4181ac6cc95ec1c16a94a0f74d12da232ce40a77552281d282b"
                         "b60c0b56fd2464c335543936521c24403085d59a449a5037514a879d"));
    memset(point, 0, sizeof point);
    assert_int_equal(c->ecdh(NULL, &key, cede_span(point, 56), is), CEDE_CRYPTO_LOW_ORDER);
    assert_true(all_zero(is, 56));

    key.curve = CEDE_CRV_ED448;
    key.scalar = hex_into(CEDE_BUF_ARRAY(scalar),
                          "c4eab05d357007c632f3dbb48489924d552b08fe0c353a0d4a1f00acda2c463a"
                          "fbea67c5e8d2877c5e3bc397a659949ef8021e954e0a12274e");
    public_key.point = hex_into(CEDE_BUF_ARRAY(point),
                                "43ba28f430cdff456ae531545f7ecd0ac834a55d9358c0372bfa0c6c6798c086"
                                "6aea01eb00742802b8438ea4cb82169c235160627b4c3a9480");
    assert_int_equal(c->sign(NULL, CEDE_ALG_ED448, &key, &message, 1, is, &len), CEDE_OK);
    assert_span(cede_span(is, len),
                hex_into(CEDE_BUF_ARRAY(wanted),
                         "26b8f91727bd62897af15e41eb43c377efb9c610d48f2335cb0bd0087810f435"
                         "2541b143c4b981b7e18f62de8ccdf633fc1bf037ab7cd779805e0dbcc0aae1cb"
                         "cee1afb2e027df36bc04dcecbf154336c19f0af7e0a6472905e799f1953d2a0f"
                         "f3348ab21aa4adafd1d234441cf807c03a00"));
    assert_int_equal(c->verify(NULL, CEDE_ALG_ED448, &public_key, &message, 1, cede_span(is, len)),
                     CEDE_OK);
    is[7] ^= 1;
    assert_int_equal(c->verify(NULL, CEDE_ALG_ED448, &public_key, &message, 1, cede_span(is, len)),
                     CEDE_CRYPTO_SIGNATURE);
    assert_int_equal(c->ecdh(NULL, &key, public_key.point, is), CEDE_CRYPTO_UNSUPPORTED);

    memset(data, 0xa3, sizeof data);
    assert_int_equal(c->hash(NULL, CEDE_ALG_SHAKE256, &in, 1, is), CEDE_OK);
    assert_span(cede_span(is, 64),
                hex_into(CEDE_BUF_ARRAY(wanted),
                         "cd8a920ed141aa0407a22d59288652e9d9f1a7ee0c1e7c1ca699424da84a904d"
                         "2d700caae7396ece96604440577da4f3aa22aeb8857f961c4cd8e06f0ae6610b"));
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)i;
    }
    key.scalar = hex_into(CEDE_BUF_ARRAY(scalar),
                          "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f");
    memset(is, 0, sizeof is);
    is[0] = 0xff; /* XORed, not written */
    assert_int_equal(c->kmac(NULL, key.scalar, &in, 1, cede_buf(is, 64)), CEDE_OK);
    is[0] ^= 0xff;
    assert_span(cede_span(is, 64),
                hex_into(CEDE_BUF_ARRAY(wanted),
                         "75358cf39e41494e949707927cee0af20a3ff553904c86b08f21cc414bcfd691"
                         "589d27cf5e15369cbbff8b9a4c2eb17800855d0235ff635da82533ec6b759b69"));
}

static void suite_25_is_on_one_side_only(void **state)
{
    const struct cede_crypto *c = backends[1];
    static const uint8_t zeros[57];
    struct cede_private_key key = {CEDE_CRV_ED448, CEDE_SPAN_ARRAY(zeros), NULL};
    struct cede_public_key public_key = {CEDE_CRV_ED448, CEDE_SPAN_ARRAY(zeros)};
    struct cede_span in = CEDE_SPAN_ARRAY(zeros);
    uint8_t out[132], other[132];
    size_t len;

    (void)state;
    assert_int_equal(c->generate(c->context, CEDE_CRV_X448, out, other), CEDE_CRYPTO_UNSUPPORTED);
    assert_int_equal(c->sign(c->context, CEDE_ALG_ED448, &key, &in, 1, out, &len),
                     CEDE_CRYPTO_UNSUPPORTED);
    assert_int_equal(
        c->verify(c->context, CEDE_ALG_ED448, &public_key, &in, 1, cede_span(out, 114)),
        CEDE_CRYPTO_UNSUPPORTED);
    assert_int_equal(c->hash(c->context, CEDE_ALG_SHAKE256, &in, 1, out), CEDE_CRYPTO_UNSUPPORTED);
    assert_true(c->kmac == NULL);
    /* Where HMAC is meant, KMAC is no answer. */
    FOR_EACH_BACKEND(b)
    {
        assert_int_equal(b->hmac(b->context, CEDE_ALG_SHAKE256, in, &in, 1, out),
                         CEDE_CRYPTO_UNSUPPORTED);
    }
}

/* The u-coordinates of order 1, 2, 4 and 8 on the curve and its twist, and p - 1, p, p + 1. */
static void x25519_refuses_low_order(void **state)
{
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    uint8_t u[32], secret[32], priv[32], pub[32];
    struct cede_private_key key = {CEDE_CRV_X25519, CEDE_SPAN_ARRAY(priv), NULL};

    (void)state;
    FOR_EACH_BACKEND(c)
    {
        assert_int_equal(c->generate(c->context, CEDE_CRV_X25519, priv, pub), CEDE_OK);
        for (size_t i = 0; i < COUNT(points); i++) {
            memset(secret, 0x11, sizeof secret);
            assert_int_equal(
                c->ecdh(c->context, &key, hex_into(CEDE_BUF_ARRAY(u), points[i]), secret),
                CEDE_CRYPTO_LOW_ORDER);
            assert_true(all_zero(secret, sizeof secret));
        }
        assert_int_equal(c->ecdh(c->context, &key, cede_span(pub, 31), secret), CEDE_CRYPTO_KEY);
    }
}

/* Points off the curve, coordinates of p and above, the encoding of infinity, wrong lengths. */
static void nist_points_are_checked(void **state)
{
    struct cede_span p = HEX("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
    struct cede_span message = CEDE_SPAN_TEXT("message");

    (void)state;
    FOR_EACH_BACKEND(c)
    {
        for (size_t i = 0; i < COUNT(nist_algs); i++) {
            int32_t curve = curves[i], alg = nist_algs[i];
            size_t len = cede_curve_public_len(curve), private_len = cede_curve_private_len(curve);
            uint8_t priv[66], pub[132], secret[66], signature[132];
            struct cede_private_key key = {curve, {priv, private_len}, NULL};
            struct cede_public_key peer = {curve, {pub, len}};
            size_t signature_len;
            assert_int_equal(c->generate(c->context, curve, priv, pub), CEDE_OK);
            assert_int_equal(c->sign(c->context, alg, &key, &message, 1, signature, &signature_len),
                             CEDE_OK);
            for (size_t bad = 0; bad < 4; bad++) {
                uint8_t kept[132];
                memcpy(kept, pub, sizeof kept);
                if (bad == 0) {
                    pub[len - 1] ^= 1; /* off the curve */
                } else if (bad == 1) {
                    memset(pub, 0, len); /* infinity, in some encodings */
                } else if (bad == 2) {
                    memset(pub, 0xff, private_len); /* x above p */
                } else {
                    peer.point.len--;
                }
                memset(secret, 0x11, sizeof secret);
                assert_int_equal(c->ecdh(c->context, &key, peer.point, secret), CEDE_CRYPTO_KEY);
                assert_true(all_zero(secret, private_len));
                assert_int_equal(c->verify(c->context, alg, &peer, &message, 1,
                                           cede_span(signature, signature_len)),
                                 CEDE_CRYPTO_KEY);
                memcpy(pub, kept, sizeof kept);
                peer.point.len = len;
            }
        }
        {
            /* x = p stands for x = 0, which has a y: yet only numbers below p are coordinates. */
            uint8_t pub[64];
            static const uint8_t zero[32];
            assert_int_equal(
                c->decompress(c->context, CEDE_CRV_P256, CEDE_SPAN_ARRAY(zero), true, pub),
                CEDE_OK);
            assert_int_equal(c->decompress(c->context, CEDE_CRV_P256, p, true, pub),
                             CEDE_CRYPTO_KEY);
        }
    }
}

static void decompress_finds_y(void **state)
{
    uint8_t point[132], is[132];

    (void)state;
    FOR_EACH_BACKEND(c)
    {
        for (size_t i = 0; i < 2; i++) {
            struct cede_span wanted = hex_into(CEDE_BUF_ARRAY(point), key_cases[i].public_key);
            struct cede_span x = cede_span(point, wanted.len / 2);
            bool odd = point[wanted.len - 1] % 2 == 1;
            assert_int_equal(c->decompress(c->context, key_cases[i].curve, x, odd, is), CEDE_OK);
            assert_span(cede_span(is, wanted.len), wanted);
            assert_int_equal(c->decompress(c->context, key_cases[i].curve, x, !odd, is), CEDE_OK);
            assert_memory_equal(is, point, x.len);
            assert_memory_not_equal(is + x.len, point + x.len, x.len);
            assert_int_equal(is[wanted.len - 1] % 2, odd ? 0 : 1);
            assert_int_equal(
                c->decompress(c->context, key_cases[i].curve, cede_span(point, x.len - 1), odd, is),
                CEDE_CRYPTO_KEY);
        }
        assert_int_equal(
            c->decompress(c->context, CEDE_CRV_X25519, cede_span(point, 32), false, is),
            CEDE_CRYPTO_UNSUPPORTED);
    }
}

/* About half of all x have no y: the back ends agree on which, and on y. */
/* Any x, and those at the edges of the field: both back ends find the same y, or none. */
static void decompress_agrees_on_both_sides(void **state)
{
    static const char *const edges[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000005",
        "ffffffff00000001000000000000000000000000fffffffffffffffffffffffe", /* p - 1 */
        "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff", /* p */
        "ffffffff00000001000000000000000000000001000000000000000000000000", /* p + 1 */
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    };
    size_t found = 0;

    (void)state;
    for (size_t i = 0; i < 400; i++) {
        uint8_t x[32], points[2][64] = {{0}};
        enum cede_status status[2];

        if (i < COUNT(edges)) {
            (void)hex_into(CEDE_BUF_ARRAY(x), edges[i]);
        } else {
            assert_int_equal(backends[0]->random(NULL, CEDE_BUF_ARRAY(x)), CEDE_OK);
        }
        for (size_t b = 0; b < 2; b++) {
            status[b] = backends[b]->decompress(backends[b]->context, CEDE_CRV_P256,
                                                CEDE_SPAN_ARRAY(x), i % 2 == 1, points[b]);
        }
        assert_int_equal(status[0], status[1]);
        assert_memory_equal(points[0], points[1], sizeof points[0]);
        found += status[0] == CEDE_OK;
    }
    assert_in_range(found, 100, 300);
}

static void decompress_refuses_x_off_the_curve(void **state)
{
    unsigned refused = 0;

    (void)state;
    for (size_t i = 0; i < 40; i++) {
        int32_t curve = curves[i % COUNT(nist_algs)];
        size_t len = cede_curve_private_len(curve);
        uint8_t x[66] = {0}, is[2][132];
        enum cede_status status[2];
        x[len - 1] = (uint8_t)i;
        for (size_t k = 0; k < 2; k++) {
            memset(is[k], 0x11, sizeof is[k]);
            status[k] = backends[k]->decompress(NULL, curve, cede_span(x, len), i % 3 == 0, is[k]);
        }
        assert_int_equal(status[0], status[1]);
        assert_memory_equal(is[0], is[1], 2 * len);
        if (status[0] != CEDE_OK) {
            assert_int_equal(status[0], CEDE_CRYPTO_KEY);
            assert_true(all_zero(is[0], 2 * len));
            refused++;
        }
    }
    assert_in_range(refused, 8, 32);
}

/* --- signatures ---------------------------------------------------------------------------------
 */

static const struct {
    int32_t alg;
    size_t key; /* index into key_cases */
    const char *message, *signature;
} ecdsa_cases[] = {
    /* RFC 6979, appendices A.2.5 and A.2.6 */
    {CEDE_ALG_ESP256, 0, "sample",
     "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
     "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"},
    {CEDE_ALG_ES256, 0, "test",
     "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367"
     "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083"},
    {CEDE_ALG_ES384, 1, "sample",
     "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C"
     "81A648152E44ACF96E36DD1E80FABE46"
     "99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94F"
     "A329C145786E679E7B82C71A38628AC8"},
    {CEDE_ALG_ES384, 1, "test",
     "8203B63D3C853E8D77227FB377BCF7B7B772E97892A80F36AB775D509D7A5FEB"
     "0542A7F0812998DA8F1DD3CA3CF023DB"
     "DDD0760448D42D8A43AF45AF836FCE4DE8BE06B485E9B61B827C2F13173923E0"
     "6A739F040649A667BF3B828246BAA5A5"},
    /* RFC 6979, appendix A.2.7 */
    {CEDE_ALG_ES512, 2, "sample",
     "00C328FAFCBD79DD77850370C46325D987CB525569FB63C5D3BC53950E6D4C5F17"
     "4E25A1EE9017B5D450606ADD152B534931D7D4E8455CC91F9B15BF05EC36E377FA"
     "00617CCE7CF5064806C467F678D3B4080D6F1CC50AF26CA209417308281B68AF28"
     "2623EAA63E5B5C0723D8B8C37FF0777B1A20F8CCB1DCCC43997F1EE0E44DA4A67A"},
    {CEDE_ALG_ESP512, 2, "test",
     "013E99020ABF5CEE7525D16B69B229652AB6BDF2AFFCAEF38773B4B7D08725F10C"
     "DB93482FDCC54EDCEE91ECA4166B2A7C6265EF0CE2BD7051B7CEF945BABD47EE6D"
     "01FBD0013C674AA79CB39849527916CE301C66EA7CE8B80682786AD60F98F7E78A"
     "19CA69EFF5C57400E3B3A0AD66CE0978214D13BAF4E9AC60752F7B155E2DE4DCE3"},
};

static void ecdsa_known_answers(void **state)
{
    uint8_t scalar[66], point[132], wanted[132], is[132];

    (void)state;
    FOR_EACH_BACKEND(c)
    {
        for (size_t i = 0; i < COUNT(ecdsa_cases); i++) {
            size_t k = ecdsa_cases[i].key, len;
            struct cede_span message = cede_span_string(ecdsa_cases[i].message);
            struct cede_span signature = hex_into(CEDE_BUF_ARRAY(wanted), ecdsa_cases[i].signature);
            struct cede_public_key pub = {key_cases[k].curve,
                                          hex_into(CEDE_BUF_ARRAY(point), key_cases[k].public_key)};
            struct cede_private_key priv = {
                key_cases[k].curve, hex_into(CEDE_BUF_ARRAY(scalar), key_cases[k].private_key),
                NULL};
            assert_int_equal(
                c->verify(c->context, ecdsa_cases[i].alg, &pub, &message, 1, signature), CEDE_OK);
            assert_int_equal(c->sign(c->context, ecdsa_cases[i].alg, &priv, &message, 1, is, &len),
                             CEDE_OK);
            assert_int_equal(len, signature.len);
            assert_int_equal(
                c->verify(c->context, ecdsa_cases[i].alg, &pub, &message, 1, cede_span(is, len)),
                CEDE_OK);
            if (c == cede_crypto_psa()) { /* which signs deterministically */
                assert_span(cede_span(is, len), signature);
            }
        }
    }
}

static void ed25519_known_answers(void **state) /* RFC 8032, section 7.1 */
{
    static const struct {
        const char *seed, *point, *message, *signature;
    } cases[] = {
        {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
         "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
        {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
         "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
         "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
        {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
         "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
         "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
    };
    const struct cede_crypto *c = cede_crypto_openssl();
    uint8_t seed[32], point[32], message[2], signature[64], is[132];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cede_private_key priv = {CEDE_CRV_ED25519,
                                        hex_into(CEDE_BUF_ARRAY(seed), cases[i].seed), NULL};
        struct cede_public_key pub = {CEDE_CRV_ED25519,
                                      hex_into(CEDE_BUF_ARRAY(point), cases[i].point)};
        struct cede_span in = hex_into(CEDE_BUF_ARRAY(message), cases[i].message);
        struct cede_span wanted = hex_into(CEDE_BUF_ARRAY(signature), cases[i].signature);
        struct cede_span halves[2] = {cede_span(in.ptr, in.len / 2),
                                      cede_span(in.ptr + in.len / 2, in.len - in.len / 2)};
        size_t len;
        assert_int_equal(c->sign(NULL, CEDE_ALG_EDDSA, &priv, &in, 1, is, &len), CEDE_OK);
        assert_span(cede_span(is, len), wanted);
        assert_int_equal(c->sign(NULL, CEDE_ALG_ED25519, &priv, halves, 2, is, &len), CEDE_OK);
        assert_span(cede_span(is, len), wanted);
        assert_int_equal(c->verify(NULL, CEDE_ALG_ED25519, &pub, halves, 2, wanted), CEDE_OK);
        signature[i] ^= 1;
        assert_int_equal(c->verify(NULL, CEDE_ALG_EDDSA, &pub, &in, 1, wanted),
                         CEDE_CRYPTO_SIGNATURE);
        assert_int_equal(cede_crypto_psa()->verify(NULL, CEDE_ALG_EDDSA, &pub, &in, 1, wanted),
                         CEDE_CRYPTO_UNSUPPORTED);
        assert_int_equal(cede_crypto_psa()->sign(NULL, CEDE_ALG_EDDSA, &priv, &in, 1, is, &len),
                         CEDE_CRYPTO_UNSUPPORTED);
    }
}

/* Leading zeros of r or s must survive: after some hundreds of signatures both have occurred. */
static void signatures_have_fixed_width_on_both_sides(void **state)
{
    uint8_t priv[32], pub[64], signature[132];
    struct cede_private_key key = {CEDE_CRV_P256, CEDE_SPAN_ARRAY(priv), NULL};
    struct cede_public_key public_key = {CEDE_CRV_P256, CEDE_SPAN_ARRAY(pub)};

    (void)state;
    assert_int_equal(backends[0]->generate(NULL, CEDE_CRV_P256, priv, pub), CEDE_OK);
    for (unsigned i = 0; i < 300; i++) {
        uint8_t text[2] = {(uint8_t)(i >> 8), (uint8_t)i};
        struct cede_span parts[2] = {{text, 1}, {text + 1, 1}}, whole = CEDE_SPAN_ARRAY(text);
        size_t len, k = i % 16 == 0;
        assert_int_equal(backends[k]->sign(NULL, CEDE_ALG_ESP256, &key, parts, 2, signature, &len),
                         CEDE_OK);
        assert_int_equal(len, 64);
        assert_int_equal(backends[i % 16 == 1]->verify(NULL, CEDE_ALG_ESP256, &public_key, &whole,
                                                       1, cede_span(signature, 64)),
                         CEDE_OK);
    }
}

static void bad_signatures_are_refused(void **state)
{
    uint8_t priv[66], pub[132], signature[133];
    struct cede_span in = CEDE_SPAN_TEXT("message"), other = CEDE_SPAN_TEXT("massage");

    (void)state;
    FOR_EACH_BACKEND(c)
    {
        for (size_t i = 0; i < COUNT(nist_algs); i++) {
            int32_t alg = nist_algs[i];
            size_t len, half = cede_curve_private_len(curves[i]);
            struct cede_private_key key = {curves[i], {priv, half}, NULL};
            struct cede_public_key public_key = {curves[i], {pub, 2 * half}};
            uint8_t kept[132];
            assert_int_equal(c->generate(c->context, curves[i], priv, pub), CEDE_OK);
            assert_int_equal(c->sign(c->context, alg, &key, &in, 1, signature, &len), CEDE_OK);
            memcpy(kept, signature, sizeof kept);
            for (size_t bad = 0; bad < 8; bad++) {
                struct cede_span message = bad == 0 ? other : in;
                size_t used = bad == 1 ? len - 1 : bad == 2 ? len + 1 : bad == 3 ? 0 : len;
                if (bad == 4) {
                    signature[half + 3] ^= 0x40;
                } else if (bad == 5) {
                    memset(signature, 0, half); /* r = 0 */
                } else if (bad == 6) {
                    memset(signature + half, 0, half); /* s = 0 */
                } else if (bad == 7) {
                    memset(signature, 0xff, half); /* r above the order */
                }
                assert_int_equal(c->verify(c->context, alg, &public_key, &message, 1,
                                           cede_span(signature, used)),
                                 CEDE_CRYPTO_SIGNATURE);
                memcpy(signature, kept, sizeof kept);
            }
            assert_int_equal(
                c->verify(c->context, alg, &public_key, &in, 1, cede_span(signature, len)),
                CEDE_OK);
        }
    }
}

static void algorithm_and_curve_must_fit(void **state)
{
    uint8_t priv[66], pub[132], signature[132];
    struct cede_span in = CEDE_SPAN_TEXT("message");
    struct cede_private_key key = {CEDE_CRV_P256, {priv, 32}, NULL};
    struct cede_public_key public_key = {CEDE_CRV_P256, {pub, 64}};

    (void)state;
    FOR_EACH_BACKEND(c)
    {
        size_t len = 1;
        assert_int_equal(c->generate(c->context, CEDE_CRV_P256, priv, pub), CEDE_OK);
        memset(signature, 0, sizeof signature);
        assert_int_equal(c->sign(c->context, CEDE_ALG_ES384, &key, &in, 1, signature, &len),
                         CEDE_CRYPTO_KEY);
        assert_int_equal(len, 0);
        assert_int_equal(c->sign(c->context, CEDE_ALG_SHA_256, &key, &in, 1, signature, &len),
                         CEDE_CRYPTO_UNSUPPORTED);
        assert_int_equal(
            c->verify(c->context, CEDE_ALG_ES384, &public_key, &in, 1, CEDE_SPAN_ARRAY(signature)),
            CEDE_CRYPTO_KEY);
        assert_int_equal(c->verify(c->context, 0, &public_key, &in, 1, CEDE_SPAN_ARRAY(signature)),
                         CEDE_CRYPTO_UNSUPPORTED);
    }
}

/* --- handles ------------------------------------------------------------------------------------
 */

/* A key loaded as EVP_PKEY does what the same key as bytes does. */
static void openssl_handles_work(void **state)
{
    const struct cede_crypto *c = cede_crypto_openssl();
    struct cede_span in = CEDE_SPAN_TEXT("message");

    (void)state;
    for (size_t i = 0; i < COUNT(curves); i++) {
        uint8_t priv[66], pub[132], peer_priv[66], peer[132], loaded[132], a[66], b[66],
            signature[132];
        size_t public_len = cede_curve_public_len(curves[i]), len;
        size_t secret_len = cede_curve_private_len(curves[i]);
        struct cede_private_key raw = {curves[i], {priv, secret_len}, NULL}, handle;
        struct cede_public_key public_key;
        EVP_PKEY *pkey;
        assert_int_equal(c->generate(NULL, curves[i], priv, pub), CEDE_OK);
        assert_int_equal(c->generate(NULL, curves[i], peer_priv, peer), CEDE_OK);
        assert_int_equal(cede_openssl_pkey(&raw, &pkey), CEDE_OK);
        assert_int_equal(cede_openssl_private_key(pkey, &handle), CEDE_OK);
        assert_int_equal(handle.curve, curves[i]);
        assert_int_equal(cede_openssl_public_key(pkey, loaded, &public_key), CEDE_OK);
        assert_span(public_key.point, cede_span(pub, public_len));
        if (curves[i] != CEDE_CRV_ED25519) {
            assert_int_equal(c->ecdh(NULL, &raw, cede_span(peer, public_len), a), CEDE_OK);
            assert_int_equal(c->ecdh(NULL, &handle, cede_span(peer, public_len), b), CEDE_OK);
            assert_memory_equal(a, b, secret_len);
        }
        if (curves[i] != CEDE_CRV_X25519) {
            int32_t alg = i < COUNT(nist_algs) ? nist_algs[i] : CEDE_ALG_ED25519;
            assert_int_equal(c->sign(NULL, alg, &handle, &in, 1, signature, &len), CEDE_OK);
            assert_int_equal(c->verify(NULL, alg, &public_key, &in, 1, cede_span(signature, len)),
                             CEDE_OK);
        }
        EVP_PKEY_free(pkey);
    }
}

static void openssl_reads_pem(void **state)
{
    uint8_t priv[32], pub[64], loaded[132];
    struct cede_private_key raw = {CEDE_CRV_P256, CEDE_SPAN_ARRAY(priv), NULL}, handle;
    struct cede_public_key public_key;
    EVP_PKEY *pkey, *again;
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    long len;

    (void)state;
    assert_int_equal(cede_crypto_openssl()->generate(NULL, CEDE_CRV_P256, priv, pub), CEDE_OK);
    assert_int_equal(cede_openssl_pkey(&raw, &pkey), CEDE_OK);
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
    len = BIO_get_mem_data(bio, &text);
    assert_int_equal(cede_openssl_read_pem(cede_span((uint8_t *)text, (size_t)len), &again),
                     CEDE_OK);
    assert_int_equal(cede_openssl_public_key(again, loaded, &public_key), CEDE_OK);
    assert_span(public_key.point, CEDE_SPAN_ARRAY(pub));
    EVP_PKEY_free(again);
    EVP_PKEY_free(pkey);
    assert_int_equal(cede_openssl_read_pem(cede_span((uint8_t *)text, (size_t)len / 2), &again),
                     CEDE_CRYPTO_KEY);
    assert_null(again);
    BIO_free(bio);
    pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "brainpoolP256r1");
    assert_int_equal(cede_openssl_private_key(pkey, &handle), CEDE_CRYPTO_UNSUPPORTED);
    assert_null(handle.handle);
    assert_int_equal(cede_openssl_public_key(pkey, loaded, &public_key), CEDE_CRYPTO_UNSUPPORTED);
    EVP_PKEY_free(pkey);
}

/* A key that never leaves PSA signs, if its policy lets it. */
static void psa_handles_work(void **state)
{
    static const psa_algorithm_t policies[] = {PSA_ALG_ECDSA(PSA_ALG_SHA_256),
                                               PSA_ALG_DETERMINISTIC_ECDSA(PSA_ALG_SHA_256)};
    const struct cede_crypto *c = cede_crypto_psa();
    struct cede_span in = CEDE_SPAN_TEXT("message");

    (void)state;
    for (size_t i = 0; i < COUNT(policies); i++) {
        psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
        psa_key_id_t id;
        uint8_t pub[64], signature[132], secret[32];
        struct cede_private_key key = {CEDE_CRV_P256, CEDE_SPAN_NULL, &id};
        struct cede_public_key public_key = {CEDE_CRV_P256, CEDE_SPAN_ARRAY(pub)};
        size_t len;
        psa_set_key_type(&attributes, PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1));
        psa_set_key_bits(&attributes, 256);
        psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_SIGN_HASH);
        psa_set_key_algorithm(&attributes, policies[i]);
        assert_int_equal(psa_crypto_init(), PSA_SUCCESS);
        assert_int_equal(psa_generate_key(&attributes, &id), PSA_SUCCESS);
        assert_int_equal(c->public_from_private(NULL, &key, pub), CEDE_OK);
        assert_int_equal(c->sign(NULL, CEDE_ALG_ESP256, &key, &in, 1, signature, &len), CEDE_OK);
        assert_int_equal(cede_crypto_openssl()->verify(NULL, CEDE_ALG_ESP256, &public_key, &in, 1,
                                                       cede_span(signature, len)),
                         CEDE_OK);
        /* Not a key for ECDH. */
        assert_int_not_equal(c->ecdh(NULL, &key, CEDE_SPAN_ARRAY(pub), secret), CEDE_OK);
        /* Still there: the port destroys only what it imported. */
        assert_int_equal(psa_destroy_key(id), PSA_SUCCESS);
        assert_int_not_equal(c->sign(NULL, CEDE_ALG_ESP256, &key, &in, 1, signature, &len),
                             CEDE_OK);
        assert_int_equal(len, 0);
    }
}

/* Volatile keys are destroyed each time: many more operations than PSA has key slots. */
static void psa_leaks_no_key_slots(void **state)
{
    const struct cede_crypto *c = cede_crypto_psa();
    struct aead_input in;
    struct cede_span is;
    uint8_t out[64];

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        make_aead_input(&in, CEDE_ALG_A128GCM, 4);
        assert_int_equal(c->aead_open(NULL, CEDE_ALG_A128GCM, in.key, in.nonce, in.aad,
                                      cede_span(in.aad_bytes, 20), CEDE_BUF_ARRAY(out), &is),
                         CEDE_CRYPTO_TAG);
        assert_int_equal(c->hmac(NULL, CEDE_ALG_SHA_256, in.key, &in.aad, 1, out), CEDE_OK);
    }
}

/* TLS code takes a queued error for its own: refusals of strangers' bytes leave none. */
static void openssl_refusals_leave_no_error_queued(void **state)
{
    const struct cede_crypto *c = cede_crypto_openssl();
    uint8_t priv[32], pub[64], out[64], bad[64] = {1};
    struct cede_private_key key = {CEDE_CRV_P256, CEDE_SPAN_ARRAY(priv), NULL};
    struct cede_public_key bad_key = {CEDE_CRV_P256, CEDE_SPAN_ARRAY(bad)};
    struct cede_span in = CEDE_SPAN_TEXT("message"), is;

    (void)state;
    ERR_clear_error();
    assert_int_equal(c->generate(NULL, CEDE_CRV_P256, priv, pub), CEDE_OK);
    assert_int_equal(c->ecdh(NULL, &key, bad_key.point, out), CEDE_CRYPTO_KEY);
    assert_int_equal(c->verify(NULL, CEDE_ALG_ESP256, &bad_key, &in, 1, bad_key.point),
                     CEDE_CRYPTO_KEY);
    assert_int_equal(c->decompress(NULL, CEDE_CRV_P256, cede_span(bad, 31), false, out),
                     CEDE_CRYPTO_KEY);
    memset(bad, 0xff, sizeof bad);
    assert_int_equal(c->decompress(NULL, CEDE_CRV_P256, cede_span(bad, 32), false, out),
                     CEDE_CRYPTO_KEY);
    for (size_t i = 0; i < COUNT(aeads); i++) {
        struct aead_input input;
        make_aead_input(&input, aeads[i], 3);
        assert_int_equal(c->aead_open(NULL, aeads[i], input.key, input.nonce, input.aad,
                                      cede_span(pub, 40), CEDE_BUF_ARRAY(out), &is),
                         CEDE_CRYPTO_TAG);
    }
    assert_int_equal(ERR_peek_error(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_fills_and_differs),
        cmocka_unit_test(hash_known_answers),
        cmocka_unit_test(hash_refuses_unknown_algorithms),
        cmocka_unit_test(hmac_known_answers),
        cmocka_unit_test(hmac_takes_an_empty_key),
        cmocka_unit_test(hkdf_known_answers),
        cmocka_unit_test(hkdf_refuses_more_than_255_blocks),
        cmocka_unit_test(aead_known_answers),
        cmocka_unit_test(aead_backends_agree),
        cmocka_unit_test(aead_forgeries_leave_no_trace),
        cmocka_unit_test(aead_refuses_what_was_changed),
        cmocka_unit_test(aead_refuses_wrong_lengths),
        cmocka_unit_test(ccm_refuses_a_text_too_long_for_its_nonce),
        cmocka_unit_test(public_from_private_known_answers),
        cmocka_unit_test(private_keys_are_checked),
        cmocka_unit_test(generated_keys_work_on_both_sides),
        cmocka_unit_test(ed25519_is_on_one_side_only),
        cmocka_unit_test(x25519_known_answers),
        cmocka_unit_test(x25519_refuses_low_order),
        cmocka_unit_test(suite_25_known_answers),
        cmocka_unit_test(suite_25_is_on_one_side_only),
        cmocka_unit_test(nist_points_are_checked),
        cmocka_unit_test(decompress_finds_y),
        cmocka_unit_test(decompress_agrees_on_both_sides),
        cmocka_unit_test(decompress_refuses_x_off_the_curve),
        cmocka_unit_test(ecdsa_known_answers),
        cmocka_unit_test(ed25519_known_answers),
        cmocka_unit_test(signatures_have_fixed_width_on_both_sides),
        cmocka_unit_test(bad_signatures_are_refused),
        cmocka_unit_test(algorithm_and_curve_must_fit),
        cmocka_unit_test(openssl_handles_work),
        cmocka_unit_test(openssl_reads_pem),
        cmocka_unit_test(openssl_refusals_leave_no_error_queued),
        cmocka_unit_test(psa_handles_work),
        cmocka_unit_test(psa_leaks_no_key_slots),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
