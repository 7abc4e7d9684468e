/* SPDX-License-Identifier: Apache-2.0 */
/* key_schedule.c - EDHOC_KDF, the pseudorandom keys and TH_2 (RFC 9528, sections 4.1 and 5.3.2).
 *
 * HKDF-Expand is written out here over a list of parts, because context_2 and context_3 hold whole
 * credentials, which so stay where they are, and because KEYSTREAM_2 is used block by block. */
#include <string.h>

#include "edhoc_engine.h"

enum cede_status cede_edhoc_hmac(const struct edhoc_step *step, const uint8_t *key,
                                 const struct cede_span *parts, size_t parts_count, uint8_t *out)
{
    const struct cede_crypto *crypto = step->crypto;

    return crypto->hmac(crypto->context, step->suite->hash, cede_span(key, step->suite->hash_len),
                        parts, parts_count, out);
}

/* T(i) = HMAC( PRK, T(i-1) | info | i ) (RFC 5869, section 2.3). */
enum cede_status cede_edhoc_expand_hkdf(struct edhoc_step *step, uint8_t *text, size_t len)
{
    size_t hash_len = step->suite->hash_len;

    step->counter = 0;
    step->parts[EDHOC_PART_MAC] = cede_span(&step->counter, 1);
    for (size_t at = hash_len; len > 0; len--, text++, at++) {
        if (at == hash_len) {
            at = 0;
            step->counter++;
            CEDE_TRY(cede_edhoc_hmac(step, step->prk, step->parts, EDHOC_PARTS, step->block));
            step->parts[EDHOC_PART_FIRST] = cede_span(step->block, hash_len);
        }
        *text ^= step->block[at];
    }
    return CEDE_OK;
}

enum cede_status edhoc_kdf_xor(struct edhoc_step *step, uint32_t label, uint8_t *text, size_t len)
{
    struct cede_span *parts = step->parts;

    parts[EDHOC_PART_FIRST].len = 0;
    parts[EDHOC_PART_INFO].len = 0;
    parts[EDHOC_PART_TAIL].len = 0;
    edhoc_put_head(step, EDHOC_PART_INFO, CEDE_CBOR_UINT, label);
    edhoc_put_head(step, EDHOC_PART_INFO, CEDE_CBOR_BYTES,
                   edhoc_parts_len(step, EDHOC_PART_C_R, EDHOC_PART_TAIL));
    edhoc_put_head(step, EDHOC_PART_TAIL, CEDE_CBOR_UINT, len);
    return step->suite->expand(step, text, len);
}

enum cede_status edhoc_kdf(struct edhoc_step *step, uint32_t label, uint8_t *out, size_t len)
{
    memset(out, 0, len);
    return edhoc_kdf_xor(step, label, out, len);
}

enum cede_status edhoc_generate(const struct edhoc_step *step, uint8_t *point)
{
    return step->crypto->generate(step->crypto->context, step->suite->curve,
                                  step->session->ephemeral, point);
}

enum cede_status edhoc_point(const struct edhoc_step *step, struct cede_span from,
                             uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX])
{
    const struct cede_crypto *crypto = step->crypto;

    if (from.len == step->suite->public_len) {
        memcpy(point, from.ptr, from.len);
        return CEDE_OK;
    }
    if (from.len != step->suite->coordinate_len) {
        return CEDE_EDHOC_LENGTH;
    }
    /* Either y gives the same shared secret (appendix B). */
    return crypto->decompress(crypto->context, step->suite->curve, from, false, point);
}

/* PRK = EDHOC_Extract( salt, IKM ), the IKM being an ECDH shared secret. */
static enum cede_status extract_ecdh(struct edhoc_step *step, const uint8_t *salt,
                                     const struct cede_private_key *key, const uint8_t *point)
{
    const struct cede_crypto *crypto = step->crypto;
    const struct cede_edhoc_suite *suite = step->suite;
    struct cede_private_key ephemeral = {
        suite->curve, cede_span(step->session->ephemeral, suite->coordinate_len), NULL};
    struct cede_span ikm = cede_span(step->secret, suite->coordinate_len);

    CEDE_TRY(crypto->ecdh(crypto->context, key != NULL ? key : &ephemeral,
                          cede_span(point, suite->public_len), step->secret));
    return suite->mac(step, salt, &ikm, 1, step->session->prk);
}

enum cede_status edhoc_derive_prk_2e(struct edhoc_step *step, const uint8_t *g_y)
{
    struct cede_edhoc_session *session = step->session;

    step->parts[EDHOC_PART_ID_CRED] = cede_span(g_y, step->suite->coordinate_len);
    edhoc_put_bytes_head(step, EDHOC_PART_ID_CRED);
    edhoc_put_bytes_head(step, EDHOC_PART_TH);
    /* TH_2 = H( G_Y, H(message_1) ) */
    CEDE_TRY(edhoc_hash(step, EDHOC_PART_ID_CRED_HEAD, EDHOC_PART_PLAINTEXT, session->th));
    edhoc_parts_clear(step);
    return extract_ecdh(step, session->th, NULL, session->point);
}

enum cede_status edhoc_mix_static(struct edhoc_step *step)
{
    uint8_t whole[CEDE_PUBLIC_KEY_LEN_MAX];
    const uint8_t *point = step->session->point;

    if (step->own_key == NULL) {
        CEDE_TRY(edhoc_point(step, step->peer_key->point, whole));
        point = whole;
    }
    CEDE_TRY(edhoc_kdf(step, step->side == EDHOC_RESPONDER ? EDHOC_SALT_3E2M : EDHOC_SALT_4E3M,
                       step->derived, step->suite->hash_len));
    return extract_ecdh(step, step->derived, step->own_key, point);
}

enum cede_status edhoc_derive_prk_out(struct edhoc_step *step)
{
    return edhoc_kdf(step, EDHOC_PRK_OUT, step->session->prk_out, step->suite->hash_len);
}
