/* SPDX-License-Identifier: Apache-2.0 */
/* encrypt0.c - COSE_Encrypt0 with an AEAD (RFC 9052, section 5.2; RFC 9053, section 4). */
#include <string.h>

#include "headers.h"

enum cede_status cede_cose_encrypt0_decode(struct cede_span encoding,
                                           struct cede_cose_encrypt0 *msg)
{
    const struct cose_object object = {&msg->tagged, &msg->headers, &msg->ciphertext, NULL};

    return cose_decode(encoding, CEDE_COSE_TAG_ENCRYPT0, &object);
}

/* The message's IV, or its Partial IV, left-padded, XOR the Context IV (RFC 9052, section 3.1). */
static enum cede_status make_nonce(const struct cede_cose_headers *headers, int32_t alg,
                                   struct cede_span base_iv, uint8_t nonce[CEDE_AEAD_NONCE_LEN_MAX])
{
    const struct cede_cose_params *first = &headers->protected_, *second = &headers->unprotected;
    struct cede_span iv = first->iv.ptr != NULL ? first->iv : second->iv;
    struct cede_span partial =
        first->partial_iv.ptr != NULL ? first->partial_iv : second->partial_iv;
    size_t len = cede_aead_nonce_len(alg);

    if (iv.ptr != NULL && partial.ptr == NULL && iv.len == len) {
        memcpy(nonce, iv.ptr, len);
        return CEDE_OK;
    }
    if (iv.ptr != NULL || partial.ptr == NULL || partial.len > len || base_iv.ptr == NULL ||
        base_iv.len != len) {
        return CEDE_COSE_NONCE;
    }
    memcpy(nonce, base_iv.ptr, len);
    for (size_t i = 0; i < partial.len; i++) {
        nonce[len - partial.len + i] ^= partial.ptr[i];
    }
    return CEDE_OK;
}

static enum cede_status check_secret(int32_t alg, const struct cede_cose_secret *secret)
{
    if (cede_aead_key_len(alg) == 0) {
        return CEDE_COSE_ALG;
    }
    return secret->key.len == cede_aead_key_len(alg) ? CEDE_OK : CEDE_COSE_KEY;
}

static enum cede_status make_aad(struct cede_buf scratch, struct cede_span protected_map,
                                 struct cede_span external_aad, struct cede_span *aad)
{
    struct cede_writer writer = cede_writer(scratch);

    cede_cose_enc_structure(&writer, protected_map, external_aad);
    CEDE_TRY(cede_writer_finish(&writer, aad));
    return aad->ptr != NULL ? CEDE_OK : CEDE_NO_SPACE; /* without scratch memory it counts */
}

enum cede_status cede_cose_encrypt0_open(const struct cede_cose_encrypt0 *msg,
                                         const struct cede_crypto *crypto,
                                         const struct cede_cose_secret *secret,
                                         struct cede_span external_aad, struct cede_span detached,
                                         struct cede_buf scratch, struct cede_buf out,
                                         struct cede_span *plaintext)
{
    int32_t alg = cede_cose_headers_alg(&msg->headers);
    uint8_t nonce[CEDE_AEAD_NONCE_LEN_MAX];
    struct cede_span ciphertext, aad;

    *plaintext = CEDE_SPAN_NULL;
    CEDE_TRY(cose_pick_content(msg->ciphertext, detached, &ciphertext));
    CEDE_TRY(check_secret(alg, secret));
    CEDE_TRY(make_nonce(&msg->headers, alg, secret->base_iv, nonce));
    if (ciphertext.len < cede_aead_tag_len(alg)) {
        return CEDE_CRYPTO_TAG;
    }
    if (out.cap < ciphertext.len - cede_aead_tag_len(alg)) {
        return CEDE_NO_SPACE;
    }
    CEDE_TRY(make_aad(scratch, msg->headers.protected_map, external_aad, &aad));
    return crypto->aead_open(crypto->context, alg, secret->key,
                             cede_span(nonce, cede_aead_nonce_len(alg)), aad, ciphertext, out,
                             plaintext);
}

/* Seals into the room that the writer gives. */
static enum cede_status seal_into(struct cede_writer *writer, const struct cede_crypto *crypto,
                                  int32_t alg, struct cede_span key, const uint8_t *nonce,
                                  struct cede_span aad, struct cede_span plaintext)
{
    struct cede_buf room = cede_write_room(writer, plaintext.len + cede_aead_tag_len(alg));
    struct cede_span ciphertext;

    if (room.ptr == NULL) {
        return writer->status;
    }
    return crypto->aead_seal(crypto->context, alg, key, cede_span(nonce, cede_aead_nonce_len(alg)),
                             aad, plaintext, room, &ciphertext);
}

enum cede_status cede_cose_encrypt0_seal(const struct cede_cose_encrypt0 *msg,
                                         const struct cede_crypto *crypto,
                                         const struct cede_cose_secret *secret,
                                         struct cede_span external_aad, struct cede_span plaintext,
                                         struct cede_buf scratch, struct cede_writer *writer)
{
    int32_t alg = msg->headers.protected_.alg;
    bool counting = writer->out.ptr == NULL;
    uint8_t nonce[CEDE_AEAD_NONCE_LEN_MAX];
    struct cede_span protected_map, aad = CEDE_SPAN_NULL;
    enum cede_status status;

    CEDE_TRY(check_secret(alg, secret));
    CEDE_TRY(make_nonce(&msg->headers, alg, secret->base_iv, nonce));
    cose_write_open(writer, msg->tagged, CEDE_COSE_TAG_ENCRYPT0, 3);
    cose_headers_write(writer, &msg->headers, &protected_map);
    cede_cbor_put_bytes_head(writer, plaintext.len + cede_aead_tag_len(alg));
    status = writer->status;
    if (status == CEDE_OK && !counting) {
        status = make_aad(scratch, protected_map, external_aad, &aad);
    }
    if (status == CEDE_OK) {
        status = seal_into(writer, crypto, alg, secret->key, nonce, aad, plaintext);
    }
    if (status != CEDE_OK) {
        cede_writer_fail(writer, status);
    }
    return writer->status;
}
