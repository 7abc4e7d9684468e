/* SPDX-License-Identifier: Apache-2.0 */
/* encrypt0.c - the COSE_Encrypt0 of message_3 and message_4 (RFC 9528, sections 5.4.2 and 5.5.2).
 */
#include <string.h>

#include "edhoc_engine.h"

/* K_x, IV_x and A_x = [ "Encrypt0", h'', TH_x ] */
enum cede_status edhoc_derive_aead(struct edhoc_step *step, enum edhoc_label label)
{
    const struct cede_edhoc_suite *suite = step->suite;

    memcpy(step->aad,
           "\x83\x68"
           "Encrypt0\x40\x58",
           12);
    step->aad[12] = suite->hash_len;
    memcpy(step->aad + 13, step->session->th, suite->hash_len);
    CEDE_TRY(edhoc_kdf(step, label, step->key, suite->key_len));
    return edhoc_kdf(step, label + 1, step->iv, suite->nonce_len);
}

/* Sealing and opening differ in nothing but the operation. */
static enum cede_status
crypt(const struct edhoc_step *step,
      enum cede_status (*operation)(void *, int32_t, struct cede_span, struct cede_span,
                                    struct cede_span, struct cede_span, struct cede_buf,
                                    struct cede_span *),
      const struct cede_span *in, struct cede_buf out, struct cede_span *result)
{
    const struct cede_edhoc_suite *suite = step->suite;

    return operation(step->crypto->context, suite->aead, cede_span(step->key, suite->key_len),
                     cede_span(step->iv, suite->nonce_len),
                     cede_span(step->aad, 13 + (size_t)suite->hash_len), *in, out, result);
}

enum cede_status edhoc_seal(const struct edhoc_step *step, struct cede_span plaintext,
                            struct cede_buf out, struct cede_span *ciphertext)
{
    return crypt(step, step->crypto->aead_seal, &plaintext, out, ciphertext);
}

enum cede_status edhoc_open(struct edhoc_step *step, enum edhoc_label label,
                            struct cede_span message, struct cede_buf out,
                            struct cede_span *plaintext)
{
    CEDE_TRY(edhoc_unwrap(message, out, plaintext));
    CEDE_TRY(edhoc_derive_aead(step, label));
    return crypt(step, step->crypto->aead_open, plaintext, out, plaintext);
}
