/* SPDX-License-Identifier: Apache-2.0 */
/* encrypt0.c - the COSE_Encrypt0 of message_3 and message_4 (RFC 9528, sections 5.4.2 and 5.5.2).
 */
#include "edhoc_engine.h"

/* K_x, IV_x and A_x = [ "Encrypt0", h'', TH_x ] */
enum cede_status edhoc_derive_aead(const struct edhoc_env *env, enum edhoc_label label,
                                   struct edhoc_aead *aead)
{
    static const uint8_t array_context_and_empty[] = "\x83\x68"
                                                     "Encrypt0\x40";
    struct cede_writer aad = cede_writer(CEDE_BUF_ARRAY(aead->aad_bytes));

    aead->key_len = cede_aead_key_len(env->suite->aead);
    aead->iv_len = cede_aead_nonce_len(env->suite->aead);
    cede_write_bytes(&aad, cede_span(array_context_and_empty, sizeof array_context_and_empty - 1));
    cede_cbor_put_bytes(&aad, cede_span(env->session->th, env->hash_len));
    CEDE_TRY(cede_writer_finish(&aad, &aead->aad));
    CEDE_TRY(edhoc_kdf_th(env, label, cede_buf(aead->key, aead->key_len)));
    return edhoc_kdf_th(env, label + 1, cede_buf(aead->iv, aead->iv_len));
}

enum cede_status edhoc_seal(const struct edhoc_env *env, const struct edhoc_aead *aead,
                            size_t plaintext_len, struct cede_buf text)
{
    const struct cede_crypto *crypto = env->crypto;
    struct cede_span ciphertext = CEDE_SPAN_NULL;

    CEDE_TRY(crypto->aead_seal(crypto->context, env->suite->aead,
                               cede_span(aead->key, aead->key_len),
                               cede_span(aead->iv, aead->iv_len), aead->aad,
                               cede_span(text.ptr, plaintext_len), text, &ciphertext));
    return ciphertext.len == text.cap ? CEDE_OK : CEDE_INTERNAL;
}

enum cede_status edhoc_open(const struct edhoc_env *env, enum edhoc_label label,
                            struct cede_span message, struct cede_buf out,
                            struct cede_span *plaintext)
{
    const struct cede_crypto *crypto = env->crypto;
    struct edhoc_aead aead;
    struct cede_span ciphertext;
    enum cede_status status;

    CEDE_TRY(edhoc_unwrap(message, &ciphertext));
    if (ciphertext.len < cede_aead_tag_len(env->suite->aead)) {
        return CEDE_EDHOC_LENGTH;
    }
    CEDE_TRY(cede_copy(out, ciphertext, &ciphertext));
    status = edhoc_derive_aead(env, label, &aead);
    if (status == CEDE_OK) {
        status =
            crypto->aead_open(crypto->context, env->suite->aead, cede_span(aead.key, aead.key_len),
                              cede_span(aead.iv, aead.iv_len), aead.aad, ciphertext,
                              cede_buf(out.ptr, ciphertext.len), plaintext);
    }
    cede_wipe(&aead, sizeof aead);
    return status;
}
