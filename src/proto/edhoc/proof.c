/* SPDX-License-Identifier: Apache-2.0 */
/* proof.c - Signature_or_MAC_2 and _3 (RFC 9528, sections 5.3.2 and 5.4.2): how a side proves that
 * it holds its authentication key. Both sides of the proof share this file, and so do both
 * messages. */
#include <string.h>

#include "edhoc_engine.h"

#define C509_ITEMS 11 /* of the C509Certificate array around ~C509Certificate */

size_t edhoc_proof_len(const struct edhoc_step *step)
{
    return edhoc_signs(step->session, step->side) ? step->suite->signature_len
                                                  : step->suite->mac_len;
}

/* ID_CRED_x is always a map here, also when a lone kid travels without it, and then perhaps as an
 * integer that stands for a byte string of one byte. */
static void add_id_cred(struct edhoc_step *step, struct cede_span id_cred)
{
    static const uint8_t map_kid_bytes[] = {0xa1, 0x04, 0x41};
    unsigned type = id_cred.ptr[0] >> 5;

    step->parts[EDHOC_PART_ID_CRED] = id_cred;
    if (type != CEDE_CBOR_MAP) {
        step->parts[EDHOC_PART_ID_CRED_HEAD] =
            cede_span(map_kid_bytes, type == CEDE_CBOR_BYTES ? 2 : 3);
    }
}

/* CRED_x as one data item (section 3.5.2). */
static void add_cred(struct edhoc_step *step, enum cede_edhoc_cred_form form, struct cede_span cred)
{
    step->parts[EDHOC_PART_CRED] = cred;
    if (form == CEDE_EDHOC_CRED_DER) {
        edhoc_put_bytes_head(step, EDHOC_PART_CRED);
    } else if (form == CEDE_EDHOC_CRED_C509) {
        edhoc_put_head(step, EDHOC_PART_CRED_HEAD, CEDE_CBOR_ARRAY, C509_ITEMS);
    }
}

/* context_x = << C_R (responder only), ID_CRED_x, TH, CRED_x, ? EAD_x >> */
static void build_context(struct edhoc_step *step, const struct cede_edhoc_peer *said,
                          enum cede_edhoc_cred_form form, struct cede_span cred)
{
    edhoc_parts_clear(step);
    if (step->side == EDHOC_RESPONDER) {
        edhoc_put_identifier(&step->heads, &step->session->c_r);
        step->parts[EDHOC_PART_C_R] = cede_span(step->heads_memory, step->heads.len);
    }
    add_id_cred(step, said->id_cred);
    edhoc_put_bytes_head(step, EDHOC_PART_TH);
    add_cred(step, form, cred);
    step->parts[EDHOC_PART_EAD] = said->ead;
}

/* Remembers the first credential of a session, which is the responder's; refuses the second when
 * it is the same. */
static enum cede_status note_cred(const struct edhoc_step *step)
{
    uint8_t *first = step->session->cred_hash;
    uint8_t hash[CEDE_HASH_LEN_MAX];

    if (step->parts[EDHOC_PART_CRED].len == 0) {
        return CEDE_BAD_ARGUMENT;
    }
    CEDE_TRY(edhoc_hash(step, EDHOC_PART_CRED_HEAD, EDHOC_PART_EAD, hash));
    if (step->side == EDHOC_INITIATOR && memcmp(first, hash, step->suite->hash_len) == 0) {
        return CEDE_EDHOC_REFLECTED;
    }
    memcpy(first, hash, step->suite->hash_len);
    return CEDE_OK;
}

/* [ "Signature1", << ID_CRED_x >>, << TH, CRED_x, ? EAD_x >>, MAC_x ] */
static void build_sig_structure(struct edhoc_step *step)
{
    struct cede_span *parts = step->parts;

    parts[EDHOC_PART_FIRST] = CEDE_SPAN_TEXT("\x84\x6aSignature1");
    parts[EDHOC_PART_INFO].len = 0;
    edhoc_put_head(step, EDHOC_PART_INFO, CEDE_CBOR_BYTES,
                   edhoc_parts_len(step, EDHOC_PART_ID_CRED_HEAD, EDHOC_PART_EXTERNAL_HEAD));
    parts[EDHOC_PART_C_R].len = 0;
    edhoc_put_head(step, EDHOC_PART_EXTERNAL_HEAD, CEDE_CBOR_BYTES,
                   edhoc_parts_len(step, EDHOC_PART_TH_HEAD, EDHOC_PART_TAIL));
    parts[EDHOC_PART_TAIL].len = 0;
    parts[EDHOC_PART_MAC] = cede_span(step->derived, step->suite->hash_len);
    edhoc_put_bytes_head(step, EDHOC_PART_MAC);
}

/* Makes or checks the signature over the MAC. */
static enum cede_status sign_or_verify(struct edhoc_step *step, struct cede_span signature)
{
    const struct cede_crypto *crypto = step->crypto;
    size_t len;

    build_sig_structure(step);
    if (step->own_key != NULL) {
        return crypto->sign(crypto->context, step->suite->signature, step->own_key, step->parts,
                            EDHOC_PARTS, step->proof, &len);
    }
    return crypto->verify(crypto->context, step->suite->signature, step->peer_key, step->parts,
                          EDHOC_PARTS, signature);
}

/* Hands out or compares the MAC itself. */
static enum cede_status give_or_compare(const struct edhoc_step *step, struct cede_span mac)
{
    size_t mac_len = step->suite->mac_len;

    if (step->own_key != NULL) {
        memcpy(step->proof, step->derived, mac_len);
        return CEDE_OK;
    }
    return cede_equal_constant_time(step->derived, mac.ptr, mac_len) ? CEDE_OK : CEDE_EDHOC_MAC;
}

/* One's own proof or the peer's, whichever key the step has. The key must suit method and suite: a
 * signature key, or a static one of the exchange's curve. */
static enum cede_status prove_or_check(struct edhoc_step *step, const struct cede_edhoc_peer *said,
                                       enum cede_edhoc_cred_form form, struct cede_span cred,
                                       int32_t key_curve)
{
    const struct cede_edhoc_suite *suite = step->suite;
    bool signs = edhoc_signs(step->session, step->side);

    if (key_curve != (signs ? suite->signature_curve : suite->curve)) {
        return CEDE_EDHOC_KEY_TYPE;
    }
    if (!signs) { /* PRK_3e2m or PRK_4e3m */
        CEDE_TRY(edhoc_mix_static(step));
    }
    build_context(step, said, form, cred);
    CEDE_TRY(note_cred(step));
    /* MAC_x = EDHOC_KDF( PRK, 2 or 6, context_x, mac_length_x ) */
    CEDE_TRY(edhoc_kdf(step, step->side == EDHOC_RESPONDER ? EDHOC_MAC_2 : EDHOC_MAC_3,
                       step->derived, signs ? suite->hash_len : suite->mac_len));
    CEDE_TRY(signs ? sign_or_verify(step, said->signature_or_mac)
                   : give_or_compare(step, said->signature_or_mac));
    /* TH_3 or TH_4 = H( TH, PLAINTEXT, CRED ) */
    step->parts[EDHOC_PART_PLAINTEXT] = said->plaintext;
    CEDE_TRY(edhoc_hash(step, EDHOC_PART_TH_HEAD, EDHOC_PART_EAD, step->session->th));
    edhoc_parts_clear(step);
    return CEDE_OK;
}

enum cede_status edhoc_prove(struct edhoc_step *step, const struct cede_edhoc_own *own,
                             const struct cede_edhoc_peer *self)
{
    step->own_key = &own->key;
    return prove_or_check(step, self, own->form, own->cred, own->key.curve);
}

enum cede_status edhoc_check_proof(struct edhoc_step *step, const struct cede_edhoc_peer *peer,
                                   const struct cede_edhoc_credential *credential)
{
    step->peer_key = &credential->public_key;
    CEDE_TRY(prove_or_check(step, peer, credential->form, credential->cred,
                            credential->public_key.curve));
    cede_wipe(step->session->ephemeral, sizeof step->session->ephemeral);
    return CEDE_OK;
}
