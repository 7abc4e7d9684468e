/* SPDX-License-Identifier: Apache-2.0 */
/* hkdf.c - HKDF (RFC 5869) over the port's HMAC. */
#include <string.h>

#include "cede/crypto.h"

enum cede_status cede_hash(const struct cede_crypto *crypto, int32_t alg, struct cede_span in,
                           uint8_t *out)
{
    return crypto->hash(crypto->context, alg, &in, 1, out);
}

/* RFC 5869, section 2.2; HMAC pads an absent salt with zeros as the RFC asks. */
enum cede_status cede_hkdf_extract(const struct cede_crypto *crypto, int32_t hash_alg,
                                   struct cede_span salt, struct cede_span ikm, uint8_t *prk)
{
    return crypto->hmac(crypto->context, hash_alg, salt, &ikm, 1, prk);
}

/* RFC 5869, section 2.3: T(i) = HMAC(PRK, T(i-1) | info | i). Stack: about 120 bytes. */
enum cede_status cede_hkdf_expand(const struct cede_crypto *crypto, int32_t hash_alg,
                                  struct cede_span prk, struct cede_span info, struct cede_buf out)
{
    uint8_t block[CEDE_HASH_LEN_MAX];
    size_t block_len = cede_hash_len(hash_alg);
    uint8_t counter = 0;
    size_t done = 0;
    enum cede_status status = CEDE_OK;

    if (block_len == 0 || out.cap > 255 * block_len) {
        return CEDE_BAD_ARGUMENT;
    }
    while (done < out.cap && status == CEDE_OK) {
        struct cede_span parts[3] = {cede_span(block, counter > 0 ? block_len : 0), info,
                                     cede_span(&counter, 1)};
        size_t len = out.cap - done < block_len ? out.cap - done : block_len;

        counter++;
        status = crypto->hmac(crypto->context, hash_alg, prk, parts, 3, block);
        if (status == CEDE_OK) {
            memcpy(out.ptr + done, block, len);
            done += len;
        }
    }
    cede_wipe(block, sizeof block);
    if (status != CEDE_OK) {
        cede_wipe(out.ptr, out.cap);
    }
    return status;
}
