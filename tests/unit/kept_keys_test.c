/* SPDX-License-Identifier: Apache-2.0 */
/* kept_keys_test.c - AES-CCM with keys that stay set up, against OpenSSL's own CCM. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cede/crypto_openssl.h"

#define TEXT_LEN_MAX 1300
#define AAD_LEN_MAX  700

static uint64_t seed_state = 1;

static uint32_t next_random(void)
{
    seed_state ^= seed_state << 13;
    seed_state ^= seed_state >> 7;
    seed_state ^= seed_state << 17;
    return (uint32_t)(seed_state >> 16);
}

static void fill(uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)next_random();
    }
}

static const int32_t algorithms[] = {
    CEDE_ALG_AES_CCM_16_64_128,  CEDE_ALG_AES_CCM_16_64_256,  CEDE_ALG_AES_CCM_64_64_128,
    CEDE_ALG_AES_CCM_64_64_256,  CEDE_ALG_AES_CCM_16_128_128, CEDE_ALG_AES_CCM_16_128_256,
    CEDE_ALG_AES_CCM_64_128_128, CEDE_ALG_AES_CCM_64_128_256, CEDE_ALG_A128GCM,
    CEDE_ALG_CHACHA20_POLY1305,
};

/* One message, whose parts have the lengths that the seed gives. */
struct message {
    int32_t alg;
    uint8_t key_bytes[32], nonce_bytes[13], aad_bytes[AAD_LEN_MAX], text_bytes[TEXT_LEN_MAX];
    struct cede_span key, nonce, aad, text;
    uint8_t sealed_bytes[TEXT_LEN_MAX + CEDE_AEAD_TAG_LEN_MAX];
    struct cede_span sealed;
};

static size_t some_len(size_t max)
{
    static const size_t edges[] = {0, 1, 13, 14, 15, 16, 17, 31, 32, 222, 238, 239, 240, 241, 256};
    size_t len = next_random() % 2 != 0 ? edges[next_random() % 15] : next_random() % (max + 1);

    return len <= max ? len : max;
}

/* `keys` different keys, all of which share places with others. */
static void make(struct message *message, int32_t alg, unsigned keys)
{
    uint8_t out[sizeof message->sealed_bytes];
    struct cede_span expected;

    fill(message->nonce_bytes, sizeof message->nonce_bytes);
    fill(message->aad_bytes, sizeof message->aad_bytes);
    fill(message->text_bytes, sizeof message->text_bytes);
    memset(message->key_bytes, 7, sizeof message->key_bytes);
    message->key_bytes[1] = (uint8_t)(next_random() % keys);
    message->alg = alg;
    message->key = cede_span(message->key_bytes, cede_aead_key_len(alg));
    message->nonce = cede_span(message->nonce_bytes, cede_aead_nonce_len(alg));
    message->aad = cede_span(message->aad_bytes, some_len(AAD_LEN_MAX));
    message->text = cede_span(message->text_bytes, some_len(TEXT_LEN_MAX));
    assert_int_equal(cede_crypto_openssl()->aead_seal(NULL, alg, message->key, message->nonce,
                                                      message->aad, message->text,
                                                      CEDE_BUF_ARRAY(out), &expected),
                     CEDE_OK);
    assert_int_equal(cede_crypto_openssl_keeping()->aead_seal(
                         NULL, alg, message->key, message->nonce, message->aad, message->text,
                         CEDE_BUF_ARRAY(message->sealed_bytes), &message->sealed),
                     CEDE_OK);
    assert_int_equal(message->sealed.len, expected.len);
    assert_memory_equal(message->sealed.ptr, expected.ptr, expected.len);
}

static enum cede_status open_it(const struct message *message, struct cede_span sealed,
                                struct cede_buf out, struct cede_span *text)
{
    return cede_crypto_openssl_keeping()->aead_open(
        NULL, message->alg, message->key, message->nonce, message->aad, sealed, out, text);
}

/* Both agree on every length around the edges of blocks and chunks, whichever keys came before. */
static void test_agrees(void **state)
{
    static struct message message;
    uint8_t out[TEXT_LEN_MAX];
    struct cede_span text;

    (void)state;
    for (int i = 0; i < 4000; i++) {
        make(&message, algorithms[next_random() % 10], 1 + next_random() % 3);
        assert_int_equal(open_it(&message, message.sealed, CEDE_BUF_ARRAY(out), &text), CEDE_OK);
        assert_int_equal(text.len, message.text.len);
        assert_memory_equal(text.ptr, message.text.ptr, text.len);
    }
}

static void test_in_place(void **state)
{
    static struct message message;
    struct cede_span sealed, text;

    (void)state;
    for (int i = 0; i < 200; i++) {
        uint8_t memory[TEXT_LEN_MAX + CEDE_AEAD_TAG_LEN_MAX];

        make(&message, algorithms[next_random() % 8], 2);
        memcpy(memory, message.text.ptr, message.text.len);
        assert_int_equal(cede_crypto_openssl_keeping()->aead_seal(
                             NULL, message.alg, message.key, message.nonce, message.aad,
                             cede_span(memory, message.text.len), CEDE_BUF_ARRAY(memory), &sealed),
                         CEDE_OK);
        assert_memory_equal(sealed.ptr, message.sealed.ptr, message.sealed.len);
        assert_int_equal(open_it(&message, sealed, CEDE_BUF_ARRAY(memory), &text), CEDE_OK);
        assert_memory_equal(text.ptr, message.text.ptr, message.text.len);
    }
}

/* A bit of ciphertext, tag, nonce or additional data changed: refused, and nothing comes out. The
 * message as it was is still accepted. */
static void test_forgeries(void **state)
{
    static struct message message;
    static const uint8_t zeros[TEXT_LEN_MAX];
    uint8_t out[TEXT_LEN_MAX];
    struct cede_span text;

    (void)state;
    for (int i = 0; i < 500; i++) {
        uint8_t *places[] = {message.sealed_bytes, message.nonce_bytes, message.aad_bytes};
        size_t lens[3], which, at;
        uint8_t bit = (uint8_t)(1u << next_random() % 8);

        make(&message, algorithms[next_random() % 8], 2);
        lens[0] = message.sealed.len;
        lens[1] = message.nonce.len;
        lens[2] = message.aad.len;
        which = next_random() % 3;
        if (lens[which] == 0) {
            continue;
        }
        at = next_random() % lens[which];
        places[which][at] ^= bit;
        assert_int_equal(open_it(&message, message.sealed, CEDE_BUF_ARRAY(out), &text),
                         CEDE_CRYPTO_TAG);
        assert_true(cede_span_is_null(text));
        assert_memory_equal(out, zeros, message.text.len);
        places[which][at] ^= bit;
        assert_int_equal(open_it(&message, message.sealed, CEDE_BUF_ARRAY(out), &text), CEDE_OK);
    }
}

static void test_refusals(void **state)
{
    static struct message message;
    uint8_t out[TEXT_LEN_MAX];
    struct cede_span text;

    (void)state;
    make(&message, CEDE_ALG_AES_CCM_16_64_128, 1);
    assert_int_equal(
        open_it(&message, cede_span(message.sealed.ptr, 7), CEDE_BUF_ARRAY(out), &text),
        CEDE_CRYPTO_TAG);
    assert_int_equal(open_it(&message, message.sealed, cede_buf(out, 0), &text),
                     message.text.len == 0 ? CEDE_OK : CEDE_NO_SPACE);
    message.key.len = 15;
    assert_int_equal(open_it(&message, message.sealed, CEDE_BUF_ARRAY(out), &text),
                     CEDE_BAD_ARGUMENT);
    message.key.len = 16;
    message.nonce.len = 7;
    assert_int_equal(open_it(&message, message.sealed, CEDE_BUF_ARRAY(out), &text),
                     CEDE_BAD_ARGUMENT);
    message.nonce.len = 13;
    message.alg = 99;
    assert_int_equal(open_it(&message, message.sealed, CEDE_BUF_ARRAY(out), &text),
                     CEDE_CRYPTO_UNSUPPORTED);
}

/* A key that has been forgotten works as before; so does one whose place another took. */
static void test_forget(void **state)
{
    static struct message first, second;
    const struct cede_crypto *crypto = cede_crypto_openssl_keeping();
    uint8_t out[TEXT_LEN_MAX];
    struct cede_span text;

    (void)state;
    for (int i = 0; i < 50; i++) {
        make(&first, CEDE_ALG_AES_CCM_16_64_128, 1);
        make(&second, CEDE_ALG_AES_CCM_64_128_256, 2);
        crypto->aead_forget(crypto->context, i % 2 != 0 ? first.key : second.key);
        crypto->aead_forget(crypto->context, CEDE_SPAN_NULL);
        assert_int_equal(open_it(&first, first.sealed, CEDE_BUF_ARRAY(out), &text), CEDE_OK);
        if (i % 5 == 0) {
            cede_openssl_forget_all();
        }
        assert_int_equal(open_it(&second, second.sealed, CEDE_BUF_ARRAY(out), &text), CEDE_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agrees),    cmocka_unit_test(test_in_place),
        cmocka_unit_test(test_forgeries), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_forget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
