/* SPDX-License-Identifier: Apache-2.0 */
/* aead.c - AES-CCM, AES-GCM and ChaCha20-Poly1305 through PSA. */
#include "crypto/psa/internal.h"

static psa_algorithm_t algorithm_of(int32_t alg)
{
    size_t tag_len = cede_aead_tag_len(alg);

    if (alg == CEDE_ALG_CHACHA20_POLY1305) {
        return PSA_ALG_CHACHA20_POLY1305;
    }
    return cede_is_ccm(alg) ? PSA_ALG_AEAD_WITH_SHORTENED_TAG(PSA_ALG_CCM, tag_len) : PSA_ALG_GCM;
}

static enum cede_status import(int32_t alg, psa_key_usage_t usage, struct cede_span key,
                               psa_key_id_t *id)
{
    psa_key_type_t type =
        alg == CEDE_ALG_CHACHA20_POLY1305 ? PSA_KEY_TYPE_CHACHA20 : PSA_KEY_TYPE_AES;

    return cede_psa_import(type, usage, algorithm_of(alg), key, id);
}

enum cede_status cede_psa_seal(void *context, int32_t alg, struct cede_span key,
                               struct cede_span nonce, struct cede_span aad,
                               struct cede_span plaintext, struct cede_buf out,
                               struct cede_span *ciphertext)
{
    size_t whole_len = plaintext.len + cede_aead_tag_len(alg);
    enum cede_status status;
    psa_key_id_t id;
    size_t len = 0;

    (void)context;
    *ciphertext = CEDE_SPAN_NULL;
    CEDE_TRY(cede_check_seal(alg, key, nonce, plaintext.len, out.cap));
    CEDE_TRY(import(alg, PSA_KEY_USAGE_ENCRYPT, key, &id));
    status = cede_psa_status(psa_aead_encrypt(id, algorithm_of(alg), nonce.ptr, nonce.len, aad.ptr,
                                              aad.len, plaintext.ptr, plaintext.len, out.ptr,
                                              out.cap, &len),
                             CEDE_CRYPTO_FAILED);
    (void)psa_destroy_key(id);
    if (status != CEDE_OK || len != whole_len) {
        cede_wipe(out.ptr, whole_len);
        return status != CEDE_OK ? status : CEDE_CRYPTO_FAILED;
    }
    *ciphertext = cede_span(out.ptr, len);
    return CEDE_OK;
}

enum cede_status cede_psa_open(void *context, int32_t alg, struct cede_span key,
                               struct cede_span nonce, struct cede_span aad,
                               struct cede_span ciphertext, struct cede_buf out,
                               struct cede_span *plaintext)
{
    enum cede_status status;
    psa_key_id_t id;
    size_t text_len, len = 0;

    (void)context;
    *plaintext = CEDE_SPAN_NULL;
    CEDE_TRY(cede_check_open(alg, key, nonce, ciphertext.len, out.cap));
    CEDE_TRY(import(alg, PSA_KEY_USAGE_DECRYPT, key, &id));
    text_len = ciphertext.len - cede_aead_tag_len(alg);
    status = cede_psa_status(psa_aead_decrypt(id, algorithm_of(alg), nonce.ptr, nonce.len, aad.ptr,
                                              aad.len, ciphertext.ptr, ciphertext.len, out.ptr,
                                              out.cap, &len),
                             CEDE_CRYPTO_TAG);
    (void)psa_destroy_key(id);
    if (status != CEDE_OK || len != text_len) {
        cede_wipe(out.ptr, text_len);
        return status != CEDE_OK ? status : CEDE_CRYPTO_FAILED;
    }
    *plaintext = cede_span(out.ptr, len);
    return CEDE_OK;
}
