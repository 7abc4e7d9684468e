/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kept_keys.c - the OpenSSL back end with AES-CCM keys that stay set up, for keys used many times.
 *
 * CCM (RFC 3610) is a CBC-MAC over nonce, additional data and text, and a key stream from a
 * counter. Through OpenSSL's own CCM a short message costs five calls, each of which looks its
 * parameters up by name; here it is one call of AES-CBC and one of AES-ECB. AES itself, its
 * protection against timing included, is OpenSSL's; tests hold the result against OpenSSL's CCM.
 *
 * A key has one place, named by its first byte: keys are derived, so their bytes are as good as
 * random, and a lookup costs one comparison. Whoever comes to a taken place takes it; then the
 * other key is set up anew when it comes again.
 */
#include <string.h>

#include "crypto/openssl/internal.h"

#define BLOCK_LEN 16
#define CHUNK_LEN (16 * BLOCK_LEN)
#define AAD_LEN_MAX                                                                                \
    0xfeff /* longer ones need another form of length, and no protocol here has any */

struct place {
    EVP_CIPHER_CTX *cbc; /* null: free */
    EVP_CIPHER_CTX *ecb;
    uint8_t key_len;
    uint8_t key[CEDE_AEAD_KEY_LEN_MAX];
    uint8_t last[BLOCK_LEN]; /* what the CBC-MAC before ended with: the next one's IV */
};

static struct place places[CEDE_OPENSSL_KEYS];

/* --- places ------------------------------------------------------------------------------------
 */

static void clear(struct place *place)
{
    EVP_CIPHER_CTX_free(place->cbc); /* which wipes the key schedule */
    EVP_CIPHER_CTX_free(place->ecb);
    cede_wipe(place, sizeof *place);
}

static EVP_CIPHER_CTX *new_context(const char *name, const uint8_t *key)
{
    static const uint8_t iv[BLOCK_LEN] = {0};
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool ok = cipher != NULL && ctx != NULL &&
              EVP_EncryptInit_ex2(ctx, cipher, key, iv, NULL) == 1 &&
              EVP_CIPHER_CTX_set_padding(ctx, 0) == 1;

    EVP_CIPHER_free(cipher);
    if (!ok) {
        EVP_CIPHER_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

/* Not compared in constant time: who does not know a key cannot choose what it is compared with. */
static bool holds(const struct place *place, struct cede_span key)
{
    return place->cbc != NULL && place->key_len == key.len &&
           memcmp(place->key, key.ptr, key.len) == 0;
}

/* The place of a key, set up; null: out of memory. */
static struct place *place_of(struct cede_span key)
{
    struct place *place = &places[key.ptr[0] % CEDE_OPENSSL_KEYS];
    bool short_key = key.len == 16;

    if (holds(place, key)) {
        return place;
    }
    clear(place);
    place->cbc = new_context(short_key ? "AES-128-CBC" : "AES-256-CBC", key.ptr);
    place->ecb = new_context(short_key ? "AES-128-ECB" : "AES-256-ECB", key.ptr);
    memcpy(place->key, key.ptr, key.len);
    place->key_len = (uint8_t)key.len;
    if (place->cbc == NULL || place->ecb == NULL) {
        clear(place);
        return NULL;
    }
    return place;
}

/* --- CBC-MAC (RFC 3610, 2.2) -------------------------------------------------------------------
 */

struct mac {
    struct place *place;
    bool ok;
    size_t len; /* in `chunk` */
    uint8_t chunk[CHUNK_LEN];
};

static void flush(struct mac *mac)
{
    uint8_t out[CHUNK_LEN];
    int len = 0;

    mac->ok =
        mac->ok && EVP_EncryptUpdate(mac->place->cbc, out, &len, mac->chunk, (int)mac->len) == 1;
    if (mac->ok) {
        memcpy(mac->place->last, out + mac->len - BLOCK_LEN, BLOCK_LEN);
    }
    mac->len = 0;
}

static void add(struct mac *mac, struct cede_span bytes)
{
    while (bytes.len > 0) {
        size_t part = CHUNK_LEN - mac->len < bytes.len ? CHUNK_LEN - mac->len : bytes.len;

        memcpy(mac->chunk + mac->len, bytes.ptr, part);
        mac->len += part;
        bytes = cede_span(bytes.ptr + part, bytes.len - part);
        if (mac->len == CHUNK_LEN) {
            flush(mac);
        }
    }
}

/* Zeros up to the next block. */
static void pad(struct mac *mac)
{
    static const uint8_t zeros[BLOCK_LEN] = {0};

    add(mac, cede_span(zeros, (BLOCK_LEN - mac->len % BLOCK_LEN) % BLOCK_LEN));
}

/* A number into the end of a block: the text's length, or the counter. */
static void put_number(uint8_t block[BLOCK_LEN], size_t number_len, size_t number)
{
    for (size_t i = 1; i <= number_len; i++) {
        block[BLOCK_LEN - i] = (uint8_t)number;
        number = number >> 8;
    }
}

/* T, still whole and not encrypted. It stays in place->last as well. */
static bool compute_mac(struct place *place, struct cede_span nonce, struct cede_span aad,
                        struct cede_span text, size_t tag_len)
{
    size_t number_len = BLOCK_LEN - 1 - nonce.len;
    uint8_t aad_len[2] = {(uint8_t)(aad.len >> 8), (uint8_t)aad.len};
    struct mac mac = {.place = place, .ok = true, .len = BLOCK_LEN};

    mac.chunk[0] = (uint8_t)((aad.len > 0 ? 0x40 : 0) | (tag_len - 2) / 2 << 3 | (number_len - 1));
    memcpy(mac.chunk + 1, nonce.ptr, nonce.len);
    put_number(mac.chunk, number_len, text.len);
    for (size_t i = 0; i < BLOCK_LEN; i++) {
        mac.chunk[i] ^= place->last[i]; /* CBC goes on where it was: this makes it begin anew */
    }
    if (aad.len > 0) {
        add(&mac, CEDE_SPAN_ARRAY(aad_len));
        add(&mac, aad);
        pad(&mac);
    }
    add(&mac, text);
    pad(&mac);
    if (mac.len > 0) {
        flush(&mac);
    }
    cede_wipe(mac.chunk, sizeof mac.chunk);
    return mac.ok;
}

/* --- the key stream (RFC 3610, 2.3) ------------------------------------------------------------
 */

/* Blocks S_first and following. */
static bool key_stream(struct place *place, struct cede_span nonce, size_t first, size_t len,
                       uint8_t stream[CHUNK_LEN])
{
    uint8_t counters[CHUNK_LEN];
    size_t count = (len + BLOCK_LEN - 1) / BLOCK_LEN;
    int out_len = 0;

    for (size_t i = 0; i < count; i++) {
        uint8_t *block = counters + i * BLOCK_LEN;

        block[0] = (uint8_t)(BLOCK_LEN - 2 - nonce.len);
        memcpy(block + 1, nonce.ptr, nonce.len);
        put_number(block, BLOCK_LEN - 1 - nonce.len, first + i);
    }
    return EVP_EncryptUpdate(place->ecb, stream, &out_len, counters, (int)(count * BLOCK_LEN)) == 1;
}

/* `out` may be `in`. `s_0` encrypts the tag. */
static bool crypt(struct place *place, struct cede_span nonce, struct cede_span in, uint8_t *out,
                  uint8_t s_0[BLOCK_LEN])
{
    uint8_t stream[CHUNK_LEN];
    size_t from = BLOCK_LEN; /* in the stream: the first chunk begins with S_0 */
    size_t block = 0;
    bool ok;

    for (size_t at = 0;; block += CHUNK_LEN / BLOCK_LEN, from = 0) {
        size_t left = in.len - at;
        size_t part = CHUNK_LEN - from < left ? CHUNK_LEN - from : left;

        ok = key_stream(place, nonce, block, from + part, stream);
        if (block == 0) {
            memcpy(s_0, stream, BLOCK_LEN);
        }
        for (size_t i = 0; ok && i < part; i++) {
            out[at + i] = in.ptr[at + i] ^ stream[from + i];
        }
        at += part;
        if (!ok || at == in.len) {
            break;
        }
    }
    cede_wipe(stream, sizeof stream);
    return ok;
}

/* --- the port's functions -----------------------------------------------------------------------
 */

static void xor_tag(const struct place *place, const uint8_t s_0[BLOCK_LEN], uint8_t *tag)
{
    for (size_t i = 0; i < BLOCK_LEN; i++) {
        tag[i] = place->last[i] ^ s_0[i];
    }
}

static enum cede_status keeping_seal(void *context, int32_t alg, struct cede_span key,
                                     struct cede_span nonce, struct cede_span aad,
                                     struct cede_span plaintext, struct cede_buf out,
                                     struct cede_span *ciphertext)
{
    uint8_t s_0[BLOCK_LEN], tag[BLOCK_LEN];
    size_t tag_len = cede_aead_tag_len(alg);
    struct place *place;

    if (!cede_is_ccm(alg) || aad.len > AAD_LEN_MAX) {
        return cede_openssl_seal(context, alg, key, nonce, aad, plaintext, out, ciphertext);
    }
    *ciphertext = CEDE_SPAN_NULL;
    CEDE_TRY(cede_check_seal(alg, key, nonce, plaintext.len, out.cap));
    place = place_of(key);
    if (place == NULL || !compute_mac(place, nonce, aad, plaintext, tag_len) ||
        !crypt(place, nonce, plaintext, out.ptr, s_0)) {
        if (place != NULL) {
            clear(place);
        }
        cede_wipe(out.ptr, plaintext.len + tag_len);
        return CEDE_CRYPTO_FAILED;
    }
    xor_tag(place, s_0, tag);
    memcpy(out.ptr + plaintext.len, tag, tag_len);
    *ciphertext = cede_span(out.ptr, plaintext.len + tag_len);
    return CEDE_OK;
}

static enum cede_status keeping_open(void *context, int32_t alg, struct cede_span key,
                                     struct cede_span nonce, struct cede_span aad,
                                     struct cede_span ciphertext, struct cede_buf out,
                                     struct cede_span *plaintext)
{
    uint8_t s_0[BLOCK_LEN], expected[BLOCK_LEN], tag[BLOCK_LEN];
    size_t tag_len = cede_aead_tag_len(alg);
    struct place *place;
    struct cede_span text;

    if (!cede_is_ccm(alg) || aad.len > AAD_LEN_MAX) {
        return cede_openssl_open(context, alg, key, nonce, aad, ciphertext, out, plaintext);
    }
    *plaintext = CEDE_SPAN_NULL;
    CEDE_TRY(cede_check_open(alg, key, nonce, ciphertext.len, out.cap));
    text = cede_span(ciphertext.ptr, ciphertext.len - tag_len);
    memcpy(tag, text.ptr + text.len, tag_len);
    place = place_of(key);
    if (place == NULL || !crypt(place, nonce, text, out.ptr, s_0) ||
        !compute_mac(place, nonce, aad, cede_span(out.ptr, text.len), tag_len)) {
        if (place != NULL) {
            clear(place);
        }
        cede_wipe(out.ptr, text.len);
        return CEDE_CRYPTO_FAILED;
    }
    xor_tag(place, s_0, expected);
    if (!cede_equal_constant_time(tag, expected, tag_len)) {
        cede_wipe(out.ptr, text.len);
        return CEDE_CRYPTO_TAG;
    }
    *plaintext = cede_span(out.ptr, text.len);
    return CEDE_OK;
}

static void keeping_forget(void *context, struct cede_span key)
{
    struct place *place = &places[key.len > 0 ? key.ptr[0] % CEDE_OPENSSL_KEYS : 0];

    (void)context;
    if (holds(place, key)) {
        clear(place);
    }
}

void cede_openssl_forget_all(void)
{
    for (size_t i = 0; i < CEDE_OPENSSL_KEYS; i++) {
        clear(&places[i]);
    }
}

const struct cede_crypto *cede_crypto_openssl_keeping(void)
{
    static struct cede_crypto crypto;

    if (crypto.name == NULL) {
        crypto = *cede_crypto_openssl();
        crypto.aead_seal = keeping_seal;
        crypto.aead_open = keeping_open;
        crypto.aead_forget = keeping_forget;
    }
    return &crypto;
}
