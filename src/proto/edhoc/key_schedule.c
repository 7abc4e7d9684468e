/* SPDX-License-Identifier: Apache-2.0 */
/* key_schedule.c - EDHOC_KDF, the pseudorandom keys and TH_2 (RFC 9528, sections 4.1 and 5.3.2).
 *
 * HKDF-Expand is written out here over a list of parts, because context_2 and context_3 hold whole
 * credentials, which so stay where they are, and because KEYSTREAM_2 is used block by block. */
#include <string.h>

#include "edhoc_engine.h"

/* HKDF-Expand( PRK, info, length ) under way: T(i) = HMAC( PRK, T(i-1) | info | i ) with
 * info = ( info_label, context, length ). Holds pointers into itself. */
struct expansion {
    const struct edhoc_env *env;
    struct cede_span prk;
    struct cede_span parts[EDHOC_CONTEXT_PARTS_MAX + 4];
    size_t parts_count;
    uint8_t head[14]; /* info_label and the head of context */
    uint8_t tail[9];  /* length */
    uint8_t counter;
    uint8_t block[CEDE_HASH_LEN_MAX]; /* T(i) */
};

static enum cede_status expansion_init(struct expansion *expansion, const struct edhoc_env *env,
                                       const uint8_t *prk, int64_t label,
                                       const struct cede_span *context, size_t context_count,
                                       size_t length)
{
    struct cede_writer head = cede_writer(CEDE_BUF_ARRAY(expansion->head));
    struct cede_writer tail = cede_writer(CEDE_BUF_ARRAY(expansion->tail));
    size_t context_len = 0;

    if (context_count > EDHOC_CONTEXT_PARTS_MAX || length > 255 * env->hash_len) {
        return CEDE_BAD_ARGUMENT;
    }
    expansion->env = env;
    expansion->prk = cede_span(prk, env->hash_len);
    expansion->counter = 0;
    expansion->parts[0] = cede_span(expansion->block, 0);
    for (size_t i = 0; i < context_count; i++) {
        expansion->parts[2 + i] = context[i];
        context_len += context[i].len;
    }
    cede_cbor_put_int(&head, label);
    cede_cbor_put_bytes_head(&head, context_len);
    cede_cbor_put_uint(&tail, length);
    expansion->parts[1] = cede_written(&head);
    expansion->parts[2 + context_count] = cede_written(&tail);
    expansion->parts[3 + context_count] = cede_span(&expansion->counter, 1);
    expansion->parts_count = 4 + context_count;
    return head.status != CEDE_OK ? head.status : tail.status;
}

static enum cede_status expansion_next(struct expansion *expansion)
{
    const struct edhoc_env *env = expansion->env;

    expansion->counter++;
    CEDE_TRY(env->crypto->hmac(env->crypto->context, env->suite->hash, expansion->prk,
                               expansion->parts, expansion->parts_count, expansion->block));
    expansion->parts[0].len = env->hash_len;
    return CEDE_OK;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

enum cede_status edhoc_kdf(const struct edhoc_env *env, const uint8_t *prk, int64_t label,
                           const struct cede_span *context, size_t context_count,
                           struct cede_buf out)
{
    struct expansion expansion;
    enum cede_status status =
        expansion_init(&expansion, env, prk, label, context, context_count, out.cap);

    for (size_t done = 0; status == CEDE_OK && done < out.cap; done += env->hash_len) {
        status = expansion_next(&expansion);
        if (status == CEDE_OK) {
            memcpy(out.ptr + done, expansion.block, smaller(env->hash_len, out.cap - done));
        }
    }
    cede_wipe(&expansion, sizeof expansion);
    if (status != CEDE_OK) {
        edhoc_wipe_buf(out);
    }
    return status;
}

enum cede_status edhoc_kdf_th(const struct edhoc_env *env, const uint8_t *prk, int64_t label,
                              const uint8_t *th, struct cede_buf out)
{
    struct cede_span context = cede_span(th, env->hash_len);

    return edhoc_kdf(env, prk, label, &context, 1, out);
}

enum cede_status edhoc_xor_keystream_2(const struct edhoc_env *env, const uint8_t *prk_2e,
                                       const uint8_t *th_2, struct cede_buf text)
{
    struct cede_span context = cede_span(th_2, env->hash_len);
    struct expansion expansion;
    enum cede_status status =
        expansion_init(&expansion, env, prk_2e, EDHOC_KEYSTREAM_2, &context, 1, text.cap);

    for (size_t i = 0; status == CEDE_OK && i < text.cap; i++) {
        if (i % env->hash_len == 0) {
            status = expansion_next(&expansion);
        }
        text.ptr[i] ^= expansion.block[i % env->hash_len];
    }
    cede_wipe(&expansion, sizeof expansion);
    return status;
}

struct cede_private_key edhoc_ephemeral_key(const struct edhoc_env *env,
                                            const struct cede_edhoc_session *session)
{
    int32_t curve = env->suite->curve;
    struct cede_private_key key = {
        curve, cede_span(session->ephemeral, cede_curve_private_len(curve)), NULL};

    return key;
}

/* PRK = EDHOC_Extract( salt, IKM ), the IKM being an ECDH shared secret. */
static enum cede_status extract_ecdh(const struct edhoc_env *env, const uint8_t *salt,
                                     const struct cede_private_key *key, struct cede_span point,
                                     uint8_t *prk)
{
    const struct cede_crypto *crypto = env->crypto;
    uint8_t secret[CEDE_ECDH_LEN_MAX];
    enum cede_status status = crypto->ecdh(crypto->context, key, point, secret);

    if (status == CEDE_OK) {
        status = cede_hkdf_extract(crypto, env->suite->hash, cede_span(salt, env->hash_len),
                                   cede_span(secret, edhoc_coordinate_len(env->suite->curve)), prk);
    }
    cede_wipe(secret, sizeof secret);
    return status;
}

enum cede_status edhoc_derive_prk_2e(const struct edhoc_env *env,
                                     struct cede_edhoc_session *session)
{
    struct cede_private_key key = edhoc_ephemeral_key(env, session);
    struct cede_span point =
        cede_span(session->point, cede_curve_public_len(env->suite->curve)); /* G_X or G_Y */

    return extract_ecdh(env, session->th, &key, point, session->prk);
}

enum cede_status edhoc_mix_static_dh(const struct edhoc_env *env,
                                     struct cede_edhoc_session *session,
                                     enum edhoc_label salt_label,
                                     const struct cede_private_key *key, struct cede_span point)
{
    uint8_t salt[CEDE_HASH_LEN_MAX];
    enum cede_status status =
        edhoc_kdf_th(env, session->prk, salt_label, session->th, cede_buf(salt, env->hash_len));

    if (status == CEDE_OK) {
        status = extract_ecdh(env, salt, key, point, session->prk);
    }
    cede_wipe(salt, sizeof salt);
    return status;
}

enum cede_status edhoc_derive_th_2(const struct edhoc_env *env, struct cede_edhoc_session *session,
                                   struct cede_span g_y)
{
    uint8_t head[2];
    uint8_t hash_head[2];
    struct cede_writer head_writer = cede_writer(CEDE_BUF_ARRAY(head));
    struct cede_writer hash_writer = cede_writer(CEDE_BUF_ARRAY(hash_head));
    struct cede_span parts[4];

    cede_cbor_put_bytes_head(&head_writer, g_y.len);
    cede_cbor_put_bytes_head(&hash_writer, env->hash_len);
    parts[0] = cede_written(&head_writer);
    parts[1] = g_y;
    parts[2] = cede_written(&hash_writer);
    parts[3] = cede_span(session->th, env->hash_len); /* H(message_1) */
    return env->crypto->hash(env->crypto->context, env->suite->hash, parts, 4, session->th);
}

enum cede_status edhoc_derive_prk_out(const struct edhoc_env *env,
                                      struct cede_edhoc_session *session)
{
    return edhoc_kdf_th(env, session->prk, EDHOC_PRK_OUT, session->th,
                        cede_buf(session->prk_out, env->hash_len));
}
