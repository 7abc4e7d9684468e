/* SPDX-License-Identifier: Apache-2.0 */
/* encrypt0.c - the COSE_Encrypt0 of message_3 and message_4 (RFC 9528, sections 5.4.2 and 5.5.2).
 */
#include "edhoc_engine.h"

struct aead_inputs {
    uint8_t key[CEDE_AEAD_KEY_LEN_MAX];
    uint8_t iv[CEDE_AEAD_NONCE_LEN_MAX];
    uint8_t aad[13 + CEDE_HASH_LEN_MAX];
    struct cede_span key_span, iv_span, aad_span;
};

/* K_x, IV_x and A_x = [ "Encrypt0", h'', TH_x ] */
static enum cede_status derive_inputs(struct aead_inputs *inputs, const struct edhoc_env *env,
                                      const uint8_t *prk, enum edhoc_label label, const uint8_t *th)
{
    size_t key_len = cede_aead_key_len(env->suite->aead);
    size_t iv_len = cede_aead_nonce_len(env->suite->aead);
    struct cede_writer aad = cede_writer(CEDE_BUF_ARRAY(inputs->aad));

    inputs->key_span = cede_span(inputs->key, key_len);
    inputs->iv_span = cede_span(inputs->iv, iv_len);
    CEDE_TRY(edhoc_kdf_th(env, prk, label, th, cede_buf(inputs->key, key_len)));
    CEDE_TRY(edhoc_kdf_th(env, prk, (int64_t)label + 1, th, cede_buf(inputs->iv, iv_len)));
    cede_cbor_put_array(&aad, 3);
    cede_cbor_put_text(&aad, CEDE_SPAN_TEXT("Encrypt0"));
    cede_cbor_put_bytes(&aad, CEDE_SPAN_NULL);
    cede_cbor_put_bytes(&aad, cede_span(th, env->hash_len));
    return cede_writer_finish(&aad, &inputs->aad_span);
}

enum cede_status edhoc_encrypt0_seal(const struct edhoc_env *env, const uint8_t *prk,
                                     enum edhoc_label label, const uint8_t *th,
                                     size_t plaintext_len, struct cede_buf text)
{
    const struct cede_crypto *crypto = env->crypto;
    struct aead_inputs inputs;
    struct cede_span ciphertext = CEDE_SPAN_NULL;
    enum cede_status status = derive_inputs(&inputs, env, prk, label, th);

    if (status == CEDE_OK) {
        status = crypto->aead_seal(crypto->context, env->suite->aead, inputs.key_span,
                                   inputs.iv_span, inputs.aad_span,
                                   cede_span(text.ptr, plaintext_len), text, &ciphertext);
    }
    if (status == CEDE_OK && ciphertext.len != text.cap) {
        status = CEDE_INTERNAL;
    }
    cede_wipe(&inputs, sizeof inputs);
    return status;
}

enum cede_status edhoc_encrypt0_open(const struct edhoc_env *env, const uint8_t *prk,
                                     enum edhoc_label label, const uint8_t *th,
                                     struct cede_span ciphertext, struct cede_buf out,
                                     struct cede_span *plaintext)
{
    const struct cede_crypto *crypto = env->crypto;
    struct aead_inputs inputs;
    struct cede_span copied;
    enum cede_status status;

    *plaintext = CEDE_SPAN_NULL;
    if (ciphertext.len < cede_aead_tag_len(env->suite->aead)) {
        return CEDE_EDHOC_LENGTH;
    }
    CEDE_TRY(cede_copy(out, ciphertext, &copied));
    status = derive_inputs(&inputs, env, prk, label, th);
    if (status == CEDE_OK) {
        status =
            crypto->aead_open(crypto->context, env->suite->aead, inputs.key_span, inputs.iv_span,
                              inputs.aad_span, copied, cede_buf(out.ptr, copied.len), plaintext);
    }
    cede_wipe(&inputs, sizeof inputs);
    return status;
}
