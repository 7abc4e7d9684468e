/* SPDX-License-Identifier: Apache-2.0 */
/* proof.c - Signature_or_MAC_2 and _3 (RFC 9528, sections 5.3.2 and 5.4.2): how a side proves that
 * it holds its authentication key. Both sides of the proof share this file, and so do both
 * messages. MAC_x and Sig_structure are computed over lists of parts: no credential is copied. */
#include <string.h>

#include "edhoc_engine.h"

/* "An array of 11", the C509Certificate around ~C509Certificate. */
#define C509_ITEMS 11
#define LABEL_KID  4

/* What a side proves. */
struct proof {
    bool signs;
    enum edhoc_label salt_label;
    enum edhoc_label mac_label;
    size_t mac_len;
    /* context_x = << C_R (responder only), ID_CRED_x, TH, CRED_x, ? EAD_x >>, and where in it: */
    struct edhoc_parts context;
    size_t id_cred, th, cred, ead;
};

size_t edhoc_proof_len(const struct edhoc_env *env, enum edhoc_side side)
{
    return edhoc_side_signs(env->session, side) ? cede_signature_len(env->suite->signature)
                                                : env->suite->mac_len;
}

static void add_c_r(struct edhoc_parts *parts, const struct cede_edhoc_connection_id *id)
{
    struct cede_span c_r = cede_edhoc_connection_id_span(id);

    if (edhoc_is_one_byte_int(c_r)) {
        edhoc_parts_add(parts, c_r);
    } else {
        edhoc_parts_add_bytes(parts, c_r);
    }
}

/* ID_CRED_x is always a map here, also when a lone kid travels without it. */
static void add_id_cred(struct edhoc_parts *parts, const struct cede_edhoc_id_cred *id_cred)
{
    if (id_cred->map.ptr != NULL) {
        edhoc_parts_add(parts, id_cred->map);
        return;
    }
    edhoc_parts_add_head(parts, CEDE_CBOR_MAP, 1);
    edhoc_parts_add_head(parts, CEDE_CBOR_UINT, LABEL_KID);
    edhoc_parts_add_bytes(parts, id_cred->value);
}

/* CRED_x as one data item (section 3.5.2). */
static void add_cred(struct edhoc_parts *parts, enum cede_edhoc_cred_form form,
                     struct cede_span cred)
{
    if (form == CEDE_EDHOC_CRED_DER) {
        edhoc_parts_add_head(parts, CEDE_CBOR_BYTES, (uint32_t)cred.len);
    } else if (form == CEDE_EDHOC_CRED_C509) {
        edhoc_parts_add_head(parts, CEDE_CBOR_ARRAY, C509_ITEMS);
    }
    edhoc_parts_add(parts, cred);
}

static void build_context(struct proof *proof, const struct edhoc_env *env, enum edhoc_side side,
                          const struct cede_edhoc_id_cred *id_cred, enum cede_edhoc_cred_form form,
                          struct cede_span cred, struct cede_span ead)
{
    struct edhoc_parts *context = &proof->context;

    edhoc_parts_init(context);
    if (side == EDHOC_RESPONDER) {
        add_c_r(context, &env->session->c_r);
    }
    proof->id_cred = context->count;
    add_id_cred(context, id_cred);
    proof->th = context->count;
    edhoc_parts_add_bytes(context, cede_span(env->session->th, env->hash_len));
    proof->cred = context->count;
    add_cred(context, form, cred);
    proof->ead = context->count;
    edhoc_parts_add(context, ead);
}

/* Remembers the first credential of a session, which is the responder's; refuses the second when
 * it is the same. */
static enum cede_status note_cred(const struct proof *proof, const struct edhoc_env *env,
                                  enum edhoc_side side)
{
    const struct cede_span *cred = proof->context.list + proof->cred;
    size_t count = proof->ead - proof->cred;
    uint8_t *first = env->session->cred_hash;
    uint8_t second[CEDE_HASH_LEN_MAX];

    if (side == EDHOC_RESPONDER) {
        return edhoc_hash(env, cred, count, first);
    }
    CEDE_TRY(edhoc_hash(env, cred, count, second));
    return memcmp(first, second, env->hash_len) == 0 ? CEDE_EDHOC_REFLECTED : CEDE_OK;
}

/* The key must suit method and suite: a signature key, or a static one of the exchange's curve. */
static enum cede_status begin(struct proof *proof, const struct edhoc_env *env,
                              enum edhoc_side side, int32_t key_curve)
{
    const struct cede_edhoc_suite *suite = env->suite;

    proof->signs = edhoc_side_signs(env->session, side);
    proof->salt_label = side == EDHOC_RESPONDER ? EDHOC_SALT_3E2M : EDHOC_SALT_4E3M;
    proof->mac_label = side == EDHOC_RESPONDER ? EDHOC_MAC_2 : EDHOC_MAC_3;
    proof->mac_len = proof->signs ? env->hash_len : suite->mac_len;
    CEDE_TRY(proof->context.heads.status);
    CEDE_TRY(note_cred(proof, env, side));
    if (key_curve != (proof->signs ? cede_signature_curve(suite->signature) : suite->curve)) {
        return CEDE_EDHOC_KEY_TYPE;
    }
    return CEDE_OK;
}

/* MAC_x = EDHOC_KDF( PRK, 2 or 6, context_x, mac_length_x ) */
static enum cede_status compute_mac(const struct proof *proof, const struct edhoc_env *env,
                                    uint8_t mac[CEDE_HASH_LEN_MAX])
{
    return edhoc_kdf(env, env->session->prk, proof->mac_label, proof->context.list,
                     proof->context.count, cede_buf(mac, proof->mac_len));
}

static void add_wrapped(struct edhoc_parts *sig, const struct cede_span *list, size_t count)
{
    size_t len = 0;

    for (size_t i = 0; i < count; i++) {
        len += list[i].len;
    }
    edhoc_parts_add_head(sig, CEDE_CBOR_BYTES, (uint32_t)len);
    edhoc_parts_add_all(sig, list, count);
}

/* [ "Signature1", << ID_CRED_x >>, << TH, CRED_x, ? EAD_x >>, MAC_x ] */
static enum cede_status build_sig_structure(struct edhoc_parts *sig, const struct proof *proof,
                                            const uint8_t *mac)
{
    static const uint8_t array_and_context[] = "\x84\x6aSignature1";
    const struct cede_span *context = proof->context.list;

    edhoc_parts_init(sig);
    edhoc_parts_add(sig, cede_span(array_and_context, sizeof array_and_context - 1));
    add_wrapped(sig, context + proof->id_cred, proof->th - proof->id_cred);
    add_wrapped(sig, context + proof->th, proof->context.count - proof->th);
    edhoc_parts_add_bytes(sig, cede_span(mac, proof->mac_len));
    return sig->heads.status;
}

/* TH_3 or TH_4 = H( TH, PLAINTEXT, CRED ), in place of the one before. */
static enum cede_status derive_next_th(const struct proof *proof, const struct edhoc_env *env,
                                       struct cede_span plaintext)
{
    const struct cede_span *context = proof->context.list;
    const struct cede_span list[] = {
        context[proof->th],   context[proof->th + 1],  plaintext,
        context[proof->cred], context[proof->ead - 1], /* the same again when CRED_x has no head */
    };

    return edhoc_hash(env, list, 3 + proof->ead - proof->cred, env->session->th);
}

/* --- one's own -------------------------------------------------------------------------------- */

static enum cede_status sign(const struct proof *proof, const struct edhoc_env *env,
                             const struct cede_private_key *key, const uint8_t *mac,
                             struct cede_buf signature)
{
    const struct cede_crypto *crypto = env->crypto;
    struct edhoc_parts sig;
    uint8_t made[CEDE_SIGNATURE_LEN_MAX];
    size_t made_len = 0;

    CEDE_TRY(build_sig_structure(&sig, proof, mac));
    CEDE_TRY(crypto->sign(crypto->context, env->suite->signature, key, sig.list, sig.count, made,
                          &made_len));
    if (made_len != signature.cap) {
        return CEDE_INTERNAL;
    }
    memcpy(signature.ptr, made, made_len);
    return CEDE_OK;
}

enum cede_status edhoc_prove(const struct edhoc_env *env, enum edhoc_side side,
                             const struct cede_edhoc_own *own, const struct edhoc_draft *draft)
{
    uint8_t mac[CEDE_HASH_LEN_MAX];
    struct proof proof;
    enum cede_status status;

    if (own->cred.len == 0) {
        return CEDE_BAD_ARGUMENT;
    }
    build_context(&proof, env, side, &draft->id_cred, own->form, own->cred, draft->ead);
    CEDE_TRY(begin(&proof, env, side, own->key.curve));
    if (!proof.signs) { /* PRK_3e2m or PRK_4e3m */
        CEDE_TRY(edhoc_mix_own_static(env, proof.salt_label, &own->key));
    }
    status = compute_mac(&proof, env, mac);
    if (status == CEDE_OK && proof.signs) {
        status = sign(&proof, env, &own->key, mac, draft->signature_or_mac);
    } else if (status == CEDE_OK) {
        memcpy(draft->signature_or_mac.ptr, mac, draft->signature_or_mac.cap);
    }
    cede_wipe(mac, sizeof mac);
    CEDE_TRY(status);
    return derive_next_th(&proof, env, cede_span(draft->plaintext.ptr, draft->plaintext.cap));
}

/* --- the peer's ------------------------------------------------------------------------------- */

static enum cede_status verify(const struct proof *proof, const struct edhoc_env *env,
                               const struct cede_public_key *key, const uint8_t *mac,
                               struct cede_span signature_or_mac)
{
    const struct cede_crypto *crypto = env->crypto;
    struct edhoc_parts sig;

    if (!proof->signs) {
        bool holds = signature_or_mac.len == proof->mac_len &&
                     cede_equal_constant_time(mac, signature_or_mac.ptr, proof->mac_len);
        return holds ? CEDE_OK : CEDE_EDHOC_MAC;
    }
    CEDE_TRY(build_sig_structure(&sig, proof, mac));
    return crypto->verify(crypto->context, env->suite->signature, key, sig.list, sig.count,
                          signature_or_mac);
}

enum cede_status edhoc_check_proof(const struct edhoc_env *env, enum edhoc_side side,
                                   const struct cede_edhoc_peer *peer,
                                   const struct cede_edhoc_credential *credential)
{
    const struct cede_public_key *key = &credential->public_key;
    uint8_t mac[CEDE_HASH_LEN_MAX];
    struct proof proof;
    enum cede_status status;

    if (credential->cred.len == 0) {
        return CEDE_BAD_ARGUMENT;
    }
    build_context(&proof, env, side, &peer->id_cred, credential->form, credential->cred, peer->ead);
    CEDE_TRY(begin(&proof, env, side, key->curve));
    if (!proof.signs) { /* PRK_3e2m or PRK_4e3m */
        CEDE_TRY(edhoc_mix_peer_static(env, proof.salt_label, key->point));
    }
    status = compute_mac(&proof, env, mac);
    if (status == CEDE_OK) {
        status = verify(&proof, env, key, mac, peer->signature_or_mac);
    }
    cede_wipe(mac, sizeof mac);
    CEDE_TRY(status);
    cede_wipe(env->session->ephemeral, sizeof env->session->ephemeral);
    return derive_next_th(&proof, env, peer->plaintext);
}
