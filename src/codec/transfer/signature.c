/* SPDX-License-Identifier: Apache-2.0 */
/* signature.c - the COSE_Sign1 around every signed message: one header, one algorithm. */
#include "cede/cose.h"
#include "cede/transfer.h"

/* {1: -9} (ESP256, RFC 9864) and {}: the only headers the protocol knows. */
static const uint8_t protected_map[] = {0xa1, 0x01, 0x28};
static const uint8_t unprotected_map[] = {0xa0};

enum cede_status cede_transfer_sign(const struct cede_crypto *crypto,
                                    const struct cede_private_key *key, struct cede_span payload,
                                    struct cede_buf out, struct cede_span *message)
{
    struct cede_cose_sign1 sign1 = {.tagged = true, .payload = payload};
    struct cede_writer writer = cede_writer(out);
    enum cede_status status;

    *message = CEDE_SPAN_NULL;
    sign1.headers.protected_.alg = CEDE_ALG_ESP256;
    status = cede_cose_sign1_sign(&sign1, crypto, key, CEDE_SPAN_NULL, CEDE_SPAN_NULL, &writer);
    return status == CEDE_OK ? cede_writer_finish(&writer, message) : status;
}

static bool headers_allowed(const struct cede_cose_sign1 *sign1)
{
    return sign1->tagged && sign1->payload.ptr != NULL &&
           cede_span_equal(sign1->headers.protected_map, CEDE_SPAN_ARRAY(protected_map)) &&
           cede_span_equal(sign1->headers.unprotected_map, CEDE_SPAN_ARRAY(unprotected_map));
}

enum cede_status cede_transfer_verify(const struct cede_crypto *crypto,
                                      const struct cede_public_key *key, struct cede_span message,
                                      struct cede_span *payload)
{
    struct cede_cose_sign1 sign1;
    enum cede_status status;

    *payload = CEDE_SPAN_NULL;
    CEDE_TRY(cede_cose_sign1_decode(message, &sign1));
    if (!headers_allowed(&sign1)) {
        return CEDE_TRANSFER_HEADER;
    }
    status = cede_cose_sign1_verify(&sign1, crypto, key, CEDE_SPAN_NULL, CEDE_SPAN_NULL);
    if (status != CEDE_OK) {
        return cede_status_class(status) == CEDE_CLASS_BACKEND ? status : CEDE_TRANSFER_SIGNATURE;
    }
    *payload = sign1.payload;
    return CEDE_OK;
}
