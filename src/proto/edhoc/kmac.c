/* SPDX-License-Identifier: Apache-2.0 */
/* kmac.c - EDHOC_Extract and EDHOC_Expand for SHAKE256: KMAC256 (RFC 9528, sections 4.1.1, 4.1.2).
 * Any length comes out of one call, so KEYSTREAM_2 needs no blocks. */
#include <string.h>

#include "edhoc_engine.h"

static enum cede_status kmac(const struct edhoc_step *step, const uint8_t *key,
                             const struct cede_span *parts, size_t parts_count, uint8_t *out,
                             size_t len)
{
    const struct cede_crypto *crypto = step->crypto;

    return crypto->kmac == NULL
               ? CEDE_CRYPTO_UNSUPPORTED
               : crypto->kmac(crypto->context, cede_span(key, step->suite->hash_len), parts,
                              parts_count, cede_buf(out, len));
}

enum cede_status cede_edhoc_kmac(const struct edhoc_step *step, const uint8_t *key,
                                 const struct cede_span *parts, size_t parts_count, uint8_t *out)
{
    memset(out, 0, step->suite->hash_len);
    return kmac(step, key, parts, parts_count, out, step->suite->hash_len);
}

enum cede_status cede_edhoc_expand_kmac(struct edhoc_step *step, uint8_t *text, size_t len)
{
    return kmac(step, step->prk, step->parts, EDHOC_PARTS, text, len);
}
