/* SPDX-License-Identifier: Apache-2.0 */
/* encrypt0.c - COSE_Encrypt0 with an AEAD (RFC 9052, section 5.2; RFC 9053, section 4). */
#include <string.h>

#include "headers.h"

enum cede_status cede_cose_encrypt0_decode(struct cede_span encoding,
                                           struct cede_cose_encrypt0 *msg)
{
    struct cede_reader reader;

    cede_reader_open(&reader, &encoding);
    msg->tagged = cose_read_frame(&reader, CEDE_COSE_TAG_ENCRYPT0, &msg->headers, &msg->ciphertext);
    return cose_finish(&reader, msg, sizeof *msg);
}

/* A parameter wherever it is, the protected bucket first. */
static const struct cede_span *either(const struct cede_cose_headers *headers, bool partial)
{
    const struct cede_cose_params *in = &headers->protected_;
    const struct cede_span *iv = partial ? &in->partial_iv : &in->iv;

    in = &headers->unprotected;
    return iv->ptr != NULL ? iv : partial ? &in->partial_iv : &in->iv;
}

/* The message's IV, or its Partial IV, left-padded, XOR the Context IV (RFC 9052, section 3.1). */
CEDE_INLINE enum cede_status make_nonce(const struct cede_cose_headers *headers, size_t len,
                                        const struct cede_span *base_iv,
                                        uint8_t nonce[CEDE_AEAD_NONCE_LEN_MAX])
{
    const struct cede_span *iv = either(headers, false), *partial = either(headers, true);
    const struct cede_span *base = iv->ptr != NULL ? iv : base_iv;

    if ((iv->ptr == NULL && partial->ptr == NULL) || base->len != len || partial->len > len) {
        return CEDE_COSE_NONCE;
    }
    memcpy(nonce, base->ptr, len);
    for (size_t left = partial->len; left > 0; left--) {
        /* Without a Partial IV its length is 0: NOLINTNEXTLINE(clang-analyzer-core.*) */
        nonce[--len] ^= partial->ptr[left - 1];
    }
    return CEDE_OK;
}

static enum cede_status check_secret(const struct cede_aead_lens *lens,
                                     const struct cede_cose_secret *secret)
{
    if (lens->key == 0) {
        return CEDE_COSE_ALG;
    }
    return secret->key.len == lens->key ? CEDE_OK : CEDE_COSE_KEY;
}

/* Enc_structure (RFC 9052, section 5.3), in one piece. */
CEDE_INLINE enum cede_status make_aad(const struct cede_span *protected_map,
                                      const struct cede_span *external_aad,
                                      const struct cede_buf *scratch, struct cede_span *aad)
{
    struct cede_cose_parts parts;
    uint8_t *to = scratch->ptr;
    size_t left = scratch->cap;

    cose_parts_begin(&parts, COSE_ENCRYPT0);
    cose_parts_add(&parts, protected_map);
    cose_parts_add(&parts, external_aad);
    for (size_t i = 0; i < parts.count; i++) {
        const struct cede_span *part = &parts.parts[i];

        if (part->len > left) {
            return CEDE_NO_SPACE;
        }
        if (part->len > 0) {
            memcpy(to, part->ptr, part->len);
            to += part->len;
            left -= part->len;
        }
    }
    *aad = cede_span(scratch->ptr, scratch->cap - left);
    return CEDE_OK;
}

enum cede_status cede_cose_encrypt0_open(const struct cede_cose_encrypt0 *msg,
                                         const struct cede_crypto *crypto,
                                         const struct cede_cose_secret *secret,
                                         struct cede_span external_aad, struct cede_span detached,
                                         struct cede_buf scratch, struct cede_buf out,
                                         struct cede_span *plaintext)
{
    int32_t alg = cede_cose_headers_alg(&msg->headers);
    const struct cede_aead_lens *lens = cede_aead_lens(alg);
    const struct cede_span *ciphertext = cose_content(&msg->ciphertext, &detached);
    uint8_t nonce[CEDE_AEAD_NONCE_LEN_MAX];
    struct cede_span aad;

    *plaintext = CEDE_SPAN_NULL;
    if (ciphertext == NULL) {
        return CEDE_COSE_PAYLOAD;
    }
    CEDE_TRY(check_secret(lens, secret));
    CEDE_TRY(make_nonce(&msg->headers, lens->nonce, &secret->base_iv, nonce));
    CEDE_TRY(make_aad(&msg->headers.protected_map, &external_aad, &scratch, &aad));
    return crypto->aead_open(crypto->context, alg, secret->key, cede_span(nonce, lens->nonce), aad,
                             *ciphertext, out, plaintext);
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
    const struct cede_aead_lens *lens = cede_aead_lens(alg);
    bool counting = writer->out.ptr == NULL;
    uint8_t nonce[CEDE_AEAD_NONCE_LEN_MAX];
    struct cede_span protected_map, aad = CEDE_SPAN_NULL;
    enum cede_status status;

    CEDE_TRY(check_secret(lens, secret));
    if (either(&msg->headers, false)->ptr != NULL && either(&msg->headers, true)->ptr != NULL) {
        return CEDE_COSE_NONCE; /* who decodes has seen to that */
    }
    CEDE_TRY(make_nonce(&msg->headers, lens->nonce, &secret->base_iv, nonce));
    cose_write_open(writer, msg->tagged, CEDE_COSE_TAG_ENCRYPT0, 3);
    cose_headers_write(writer, &msg->headers, &protected_map);
    cede_cbor_put_bytes_head(writer, plaintext.len + lens->tag);
    status = writer->status;
    if (status == CEDE_OK && !counting) {
        status = make_aad(&protected_map, &external_aad, &scratch, &aad);
    }
    if (status == CEDE_OK) {
        status = seal_into(writer, crypto, alg, secret->key, nonce, aad, plaintext);
    }
    if (status != CEDE_OK) {
        cede_writer_fail(writer, status);
    }
    return writer->status;
}
