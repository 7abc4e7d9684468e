/* SPDX-License-Identifier: Apache-2.0 */
/* sign1.c - COSE_Sign1: one signer (RFC 9052, section 4.2). */
#include "headers.h"

enum cede_status cede_cose_sign1_decode(struct cede_span encoding, struct cede_cose_sign1 *msg)
{
    struct cede_reader reader;

    cede_reader_open(&reader, &encoding);
    msg->tagged = cose_read_frame(&reader, CEDE_COSE_TAG_SIGN1, &msg->headers, &msg->payload);
    cbor_read_string(&reader, CBOR_TYPE(BYTES), &msg->signature);
    return cose_finish(&reader, msg, sizeof *msg);
}

/* An algorithm is never taken from the message alone: it must be the one of the key's curve. */
bool cose_alg_fits(int32_t alg, int32_t curve)
{
    return curve != 0 && cede_signature_curve(alg) == curve;
}

enum cede_status cede_cose_sign1_verify(const struct cede_cose_sign1 *msg,
                                        const struct cede_crypto *crypto,
                                        const struct cede_public_key *key,
                                        struct cede_span external_aad, struct cede_span detached)
{
    const struct cede_span *payload = cose_content(&msg->payload, &detached);
    struct cede_cose_parts parts;

    if (payload == NULL) {
        return CEDE_COSE_PAYLOAD;
    }
    cose_parts_begin(&parts, COSE_SIGNATURE1);
    cose_parts_add(&parts, &msg->headers.protected_map);
    cose_parts_add(&parts, &external_aad);
    cose_parts_add(&parts, payload);
    return cose_verify_parts(cede_cose_headers_alg(&msg->headers), crypto, key, &parts,
                             msg->signature);
}

enum cede_status cede_cose_sign1_sign(const struct cede_cose_sign1 *msg,
                                      const struct cede_crypto *crypto,
                                      const struct cede_private_key *key,
                                      struct cede_span external_aad, struct cede_span detached,
                                      struct cede_writer *writer)
{
    int32_t alg = msg->headers.protected_.alg;
    uint8_t signature[CEDE_SIGNATURE_LEN_MAX] = {0};
    size_t signature_len = cede_signature_len(alg);
    struct cede_span payload, protected_map;
    struct cede_cose_parts parts;
    enum cede_status status = CEDE_OK;

    CEDE_TRY(cose_pick_content(msg->payload, detached, &payload));
    if (!cose_alg_fits(alg, key->curve)) {
        return CEDE_COSE_ALG;
    }
    cose_write_open(writer, msg->tagged, CEDE_COSE_TAG_SIGN1, 4);
    cose_headers_write(writer, &msg->headers, &protected_map);
    cose_write_content(writer, msg->payload);
    if (writer->status == CEDE_OK && writer->out.ptr != NULL) {
        cede_cose_sig_structure(&parts, protected_map, external_aad, payload);
        status = crypto->sign(crypto->context, alg, key, parts.parts, parts.count, signature,
                              &signature_len);
    }
    if (status != CEDE_OK) {
        cede_writer_fail(writer, status);
    }
    cede_cbor_put_bytes(writer, cede_span(signature, signature_len));
    return writer->status;
}
