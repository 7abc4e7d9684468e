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
    struct edhoc_parts parts;
    uint8_t counter;
    uint8_t block[CEDE_HASH_LEN_MAX]; /* T(i) */
};

static enum cede_status expansion_init(struct expansion *expansion, const struct edhoc_env *env,
                                       const uint8_t *prk, uint32_t label,
                                       const struct cede_span *context, size_t context_count,
                                       size_t length)
{
    struct edhoc_parts *parts = &expansion->parts;
    size_t context_len = 0;

    for (size_t i = 0; i < context_count; i++) {
        context_len += context[i].len;
    }
    expansion->env = env;
    expansion->prk = cede_span(prk, env->hash_len);
    expansion->counter = 0;
    edhoc_parts_init(parts);
    edhoc_parts_add(parts, cede_span(expansion->block, 0));
    edhoc_parts_add_head(parts, CEDE_CBOR_UINT, label);
    edhoc_parts_add_head(parts, CEDE_CBOR_BYTES, (uint32_t)context_len);
    edhoc_parts_add_all(parts, context, context_count);
    edhoc_parts_add_head(parts, CEDE_CBOR_UINT, (uint32_t)length);
    edhoc_parts_add(parts, cede_span(&expansion->counter, 1));
    return length > 255 * env->hash_len ? CEDE_BAD_ARGUMENT : parts->heads.status;
}

static enum cede_status expansion_next(struct expansion *expansion)
{
    const struct edhoc_env *env = expansion->env;
    struct edhoc_parts *parts = &expansion->parts;

    expansion->counter++;
    CEDE_TRY(env->crypto->hmac(env->crypto->context, env->suite->hash, expansion->prk, parts->list,
                               parts->count, expansion->block));
    parts->list[0].len = env->hash_len;
    return CEDE_OK;
}

enum cede_status edhoc_kdf(const struct edhoc_env *env, const uint8_t *prk, uint32_t label,
                           const struct cede_span *context, size_t context_count,
                           struct cede_buf out)
{
    struct expansion expansion;
    enum cede_status status =
        expansion_init(&expansion, env, prk, label, context, context_count, out.cap);

    for (size_t done = 0; status == CEDE_OK && done < out.cap; done += env->hash_len) {
        size_t left = out.cap - done;

        status = expansion_next(&expansion);
        if (status == CEDE_OK) {
            memcpy(out.ptr + done, expansion.block, left < env->hash_len ? left : env->hash_len);
        }
    }
    cede_wipe(&expansion, sizeof expansion);
    if (status != CEDE_OK) {
        cede_wipe(out.ptr, out.cap);
    }
    return status;
}

enum cede_status edhoc_kdf_th(const struct edhoc_env *env, uint32_t label, struct cede_buf out)
{
    struct cede_span context = cede_span(env->session->th, env->hash_len);

    return edhoc_kdf(env, env->session->prk, label, &context, 1, out);
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

enum cede_status edhoc_point(const struct edhoc_env *env, struct cede_span from,
                             uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX])
{
    if (from.len == env->public_len) {
        memcpy(point, from.ptr, from.len);
        return CEDE_OK;
    }
    if (from.len != env->coordinate_len) {
        return CEDE_EDHOC_LENGTH;
    }
    /* Either y gives the same shared secret (appendix B). */
    return env->crypto->decompress(env->crypto->context, env->suite->curve, from, false, point);
}

/* PRK = EDHOC_Extract( salt, IKM ), the IKM being an ECDH shared secret. */
static enum cede_status extract_ecdh(const struct edhoc_env *env, const uint8_t *salt,
                                     const struct cede_private_key *key, const uint8_t *point)
{
    const struct cede_crypto *crypto = env->crypto;
    uint8_t secret[CEDE_ECDH_LEN_MAX];
    enum cede_status status =
        crypto->ecdh(crypto->context, key, cede_span(point, env->public_len), secret);

    if (status == CEDE_OK) {
        status = cede_hkdf_extract(crypto, env->suite->hash, cede_span(salt, env->hash_len),
                                   cede_span(secret, env->coordinate_len), env->session->prk);
    }
    cede_wipe(secret, sizeof secret);
    return status;
}

/* The session's own ephemeral key in the port's terms. */
static struct cede_private_key ephemeral_key(const struct edhoc_env *env)
{
    struct cede_private_key key = {env->suite->curve,
                                   cede_span(env->session->ephemeral, env->coordinate_len), NULL};

    return key;
}

enum cede_status edhoc_derive_prk_2e(const struct edhoc_env *env)
{
    struct cede_private_key key = ephemeral_key(env);

    return extract_ecdh(env, env->session->th, &key, env->session->point); /* G_X or G_Y */
}

static enum cede_status mix(const struct edhoc_env *env, enum edhoc_label salt_label,
                            const struct cede_private_key *key, const uint8_t *point)
{
    uint8_t salt[CEDE_HASH_LEN_MAX];
    enum cede_status status = edhoc_kdf_th(env, salt_label, cede_buf(salt, env->hash_len));

    if (status == CEDE_OK) {
        status = extract_ecdh(env, salt, key, point);
    }
    cede_wipe(salt, sizeof salt);
    return status;
}

enum cede_status edhoc_mix_own_static(const struct edhoc_env *env, enum edhoc_label salt_label,
                                      const struct cede_private_key *key)
{
    return mix(env, salt_label, key, env->session->point);
}

enum cede_status edhoc_mix_peer_static(const struct edhoc_env *env, enum edhoc_label salt_label,
                                       struct cede_span point)
{
    struct cede_private_key key = ephemeral_key(env);
    uint8_t whole[CEDE_PUBLIC_KEY_LEN_MAX];

    CEDE_TRY(edhoc_point(env, point, whole));
    return mix(env, salt_label, &key, whole);
}

enum cede_status edhoc_derive_th_2(const struct edhoc_env *env, struct cede_span g_y)
{
    uint8_t *th = env->session->th;
    struct edhoc_parts parts;

    edhoc_parts_init(&parts);
    edhoc_parts_add_bytes(&parts, g_y);
    edhoc_parts_add_bytes(&parts, cede_span(th, env->hash_len)); /* H(message_1) */
    return edhoc_hash(env, parts.list, parts.count, th);
}

enum cede_status edhoc_derive_prk_out(const struct edhoc_env *env)
{
    return edhoc_kdf_th(env, EDHOC_PRK_OUT, cede_buf(env->session->prk_out, env->hash_len));
}
