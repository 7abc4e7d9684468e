/* SPDX-License-Identifier: Apache-2.0 */
/* proof.c - Signature_or_MAC_2 and _3 (RFC 9528, sections 5.3.2 and 5.4.2): how a side proves that
 * it holds its authentication key. Both sides of the proof share this file, and so do both
 * messages. MAC_x and Sig_structure are computed over lists of parts: no credential is copied. */
#include <string.h>

#include "edhoc_engine.h"

/* Items of context_x; a credential identifier and a credential have a head of their own. */
enum { C_R, ID_CRED_HEAD, ID_CRED, TH, CRED_HEAD, CRED, EAD };

/* "An array of 11", the C509Certificate around ~C509Certificate. */
#define C509_ITEMS 11

static size_t mac_len(const struct edhoc_env *env, bool signs)
{
    return signs ? env->hash_len : env->suite->mac_len;
}

size_t edhoc_proof_len(const struct edhoc_env *env, const struct cede_edhoc_session *session,
                       enum edhoc_side side)
{
    return edhoc_side_signs(session, side) ? cede_signature_len(env->suite->signature)
                                           : env->suite->mac_len;
}

/* ID_CRED_x is always a map here, also when a lone kid travels without it. */
static enum cede_status set_id_cred(struct edhoc_proof *proof,
                                    const struct cede_edhoc_id_cred *id_cred)
{
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(proof->id_cred_head));

    proof->context[ID_CRED] = id_cred->map;
    if (id_cred->map.ptr == NULL) {
        cede_cbor_put_map(&writer, 1);
        cede_cbor_put_int(&writer, 4); /* kid */
        cede_cbor_put_bytes_head(&writer, id_cred->value.len);
        proof->context[ID_CRED] = id_cred->value;
    }
    return cede_writer_finish(&writer, &proof->context[ID_CRED_HEAD]);
}

/* CRED_x as one data item (section 3.5.2). */
static enum cede_status set_cred(struct edhoc_proof *proof, struct edhoc_proof_cred cred)
{
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(proof->cred_head));

    if (cred.cred.len == 0) {
        return CEDE_BAD_ARGUMENT;
    }
    if (cred.form == CEDE_EDHOC_CRED_DER) {
        cede_cbor_put_bytes_head(&writer, cred.cred.len);
    } else if (cred.form == CEDE_EDHOC_CRED_C509) {
        cede_cbor_put_array(&writer, C509_ITEMS);
    }
    proof->context[CRED] = cred.cred;
    return cede_writer_finish(&writer, &proof->context[CRED_HEAD]);
}

enum cede_status edhoc_proof_init(struct edhoc_proof *proof, const struct edhoc_env *env,
                                  const struct cede_edhoc_session *session, enum edhoc_side side,
                                  const struct cede_edhoc_id_cred *id_cred,
                                  struct edhoc_proof_cred cred, struct cede_span ead)
{
    struct cede_writer c_r = cede_writer(CEDE_BUF_ARRAY(proof->c_r));
    struct cede_writer th = cede_writer(CEDE_BUF_ARRAY(proof->th));

    proof->signs = edhoc_side_signs(session, side);
    proof->mac_label = side == EDHOC_RESPONDER ? EDHOC_MAC_2 : EDHOC_MAC_3;
    if (side == EDHOC_RESPONDER) {
        edhoc_put_identifier(&c_r, cede_edhoc_connection_id_span(&session->c_r));
    }
    cede_cbor_put_bytes(&th, cede_span(session->th, env->hash_len));
    proof->context[EAD] = ead;
    CEDE_TRY(cede_writer_finish(&c_r, &proof->context[C_R]));
    CEDE_TRY(cede_writer_finish(&th, &proof->context[TH]));
    CEDE_TRY(set_id_cred(proof, id_cred));
    return set_cred(proof, cred);
}

enum cede_status edhoc_proof_check_curve(const struct edhoc_env *env, bool signs, int32_t curve)
{
    int32_t expected = signs ? cede_signature_curve(env->suite->signature) : env->suite->curve;

    return curve == expected ? CEDE_OK : CEDE_EDHOC_KEY_TYPE;
}

/* MAC_x = EDHOC_KDF( PRK, 2 or 6, context_x, mac_length_x ) */
static enum cede_status compute_mac(const struct edhoc_proof *proof, const struct edhoc_env *env,
                                    const uint8_t *prk, struct cede_buf mac)
{
    return edhoc_kdf(env, prk, proof->mac_label, proof->context, EDHOC_CONTEXT_PARTS_MAX, mac);
}

/* [ "Signature1", << ID_CRED_x >>, << TH, CRED_x, ? EAD_x >>, MAC_x ] in parts. */
struct sig_structure {
    struct cede_span parts[10];
    uint8_t protected_head[17];
    uint8_t aad_head[5];
    uint8_t payload_head[2];
};

static void build_sig_structure(struct sig_structure *sig, const struct edhoc_proof *proof,
                                struct cede_span mac)
{
    const struct cede_span *context = proof->context;
    struct cede_writer protected_head = cede_writer(CEDE_BUF_ARRAY(sig->protected_head));
    struct cede_writer aad_head = cede_writer(CEDE_BUF_ARRAY(sig->aad_head));
    struct cede_writer payload_head = cede_writer(CEDE_BUF_ARRAY(sig->payload_head));

    cede_cbor_put_array(&protected_head, 4);
    cede_cbor_put_text(&protected_head, CEDE_SPAN_TEXT("Signature1"));
    cede_cbor_put_bytes_head(&protected_head, context[ID_CRED_HEAD].len + context[ID_CRED].len);
    cede_cbor_put_bytes_head(&aad_head, context[TH].len + context[CRED_HEAD].len +
                                            context[CRED].len + context[EAD].len);
    cede_cbor_put_bytes_head(&payload_head, mac.len);
    sig->parts[0] = cede_written(&protected_head);
    memcpy(&sig->parts[1], &context[ID_CRED_HEAD], 2 * sizeof context[0]);
    sig->parts[3] = cede_written(&aad_head);
    memcpy(&sig->parts[4], &context[TH], 4 * sizeof context[0]);
    sig->parts[8] = cede_written(&payload_head);
    sig->parts[9] = mac;
}

static enum cede_status sign(const struct edhoc_proof *proof, const struct edhoc_env *env,
                             const struct cede_private_key *key, struct cede_span mac,
                             struct cede_buf signature)
{
    const struct cede_crypto *crypto = env->crypto;
    struct sig_structure sig;
    uint8_t made[CEDE_SIGNATURE_LEN_MAX];
    size_t made_len = 0;

    build_sig_structure(&sig, proof, mac);
    CEDE_TRY(
        crypto->sign(crypto->context, env->suite->signature, key, sig.parts, 10, made, &made_len));
    if (made_len != signature.cap) {
        return CEDE_INTERNAL;
    }
    memcpy(signature.ptr, made, made_len);
    return CEDE_OK;
}

enum cede_status edhoc_proof_make(const struct edhoc_proof *proof, const struct edhoc_env *env,
                                  const uint8_t *prk, const struct cede_private_key *key,
                                  struct cede_buf signature_or_mac)
{
    uint8_t mac[CEDE_HASH_LEN_MAX];
    struct cede_buf mac_buf = cede_buf(mac, mac_len(env, proof->signs));

    enum cede_status status;

    CEDE_TRY(edhoc_proof_check_curve(env, proof->signs, key->curve));
    status = compute_mac(proof, env, prk, mac_buf);
    if (status == CEDE_OK && proof->signs) {
        status = sign(proof, env, key, cede_span(mac, mac_buf.cap), signature_or_mac);
    } else if (status == CEDE_OK) {
        memcpy(signature_or_mac.ptr, mac, signature_or_mac.cap);
    }
    cede_wipe(mac, sizeof mac);
    return status;
}

static enum cede_status verify_signature(const struct edhoc_proof *proof,
                                         const struct edhoc_env *env,
                                         const struct cede_public_key *key, struct cede_span mac,
                                         struct cede_span signature)
{
    const struct cede_crypto *crypto = env->crypto;
    struct sig_structure sig;

    build_sig_structure(&sig, proof, mac);
    return crypto->verify(crypto->context, env->suite->signature, key, sig.parts, 10, signature);
}

static enum cede_status verify_mac(struct cede_span mac, struct cede_span received)
{
    if (received.len != mac.len || !cede_equal_constant_time(mac.ptr, received.ptr, mac.len)) {
        return CEDE_EDHOC_MAC;
    }
    return CEDE_OK;
}

enum cede_status edhoc_proof_verify(const struct edhoc_proof *proof, const struct edhoc_env *env,
                                    const uint8_t *prk, const struct cede_public_key *key,
                                    struct cede_span signature_or_mac)
{
    uint8_t bytes[CEDE_HASH_LEN_MAX];
    struct cede_span mac = cede_span(bytes, mac_len(env, proof->signs));
    enum cede_status status = compute_mac(proof, env, prk, cede_buf(bytes, mac.len));

    if (status == CEDE_OK) {
        status = proof->signs ? verify_signature(proof, env, key, mac, signature_or_mac)
                              : verify_mac(mac, signature_or_mac);
    }
    cede_wipe(bytes, sizeof bytes);
    return status;
}

enum cede_status edhoc_proof_next_th(const struct edhoc_proof *proof, const struct edhoc_env *env,
                                     struct cede_span plaintext, uint8_t *th)
{
    struct cede_span parts[4] = {proof->context[TH], plaintext, proof->context[CRED_HEAD],
                                 proof->context[CRED]};

    return env->crypto->hash(env->crypto->context, env->suite->hash, parts, 4, th);
}

enum cede_status edhoc_proof_note_cred(const struct edhoc_proof *proof, const struct edhoc_env *env,
                                       struct cede_edhoc_session *session, bool is_first)
{
    uint8_t hash[CEDE_HASH_LEN_MAX];

    CEDE_TRY(env->crypto->hash(env->crypto->context, env->suite->hash, &proof->context[CRED_HEAD],
                               2, hash));
    if (is_first) {
        memcpy(session->cred_hash, hash, env->hash_len);
    } else if (memcmp(session->cred_hash, hash, env->hash_len) == 0) {
        return CEDE_EDHOC_REFLECTED;
    }
    return CEDE_OK;
}
