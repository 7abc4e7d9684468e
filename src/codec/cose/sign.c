/* SPDX-License-Identifier: Apache-2.0 */
/* sign.c - COSE_Sign: several signers (RFC 9052, section 4.1). */
#include "headers.h"

/* COSE_Signature = [Headers, signature : bstr] */
static void read_signer(struct cede_reader *reader, struct cede_cose_signer *signer)
{
    cede_cbor_expect_array(reader, 3);
    cose_headers_read(reader, &signer->headers);
    signer->signature = cede_cbor_get_bytes(reader);
}

enum cede_status cede_cose_sign_decode(struct cede_span encoding, struct cede_cose_sign *msg)
{
    struct cede_reader reader = cede_reader(encoding);
    struct cede_cose_sign decoded;
    struct cede_cose_signer signer;
    size_t from;

    *msg = (struct cede_cose_sign){0};
    decoded.tagged = cose_read_open(&reader, CEDE_COSE_TAG_SIGN, 4);
    cose_headers_read(&reader, &decoded.headers);
    decoded.payload = cose_read_content(&reader);
    decoded.signers_count = cede_cbor_get_array(&reader);
    from = reader.pos;
    if (decoded.signers_count == 0) {
        cede_reader_fail(&reader, CEDE_CBOR_COUNT);
    }
    for (size_t i = 0; i < decoded.signers_count && reader.status == CEDE_OK; i++) {
        read_signer(&reader, &signer);
    }
    decoded.signers = cede_reader_since(&reader, from);
    CEDE_TRY(cede_reader_finish(&reader));
    *msg = decoded;
    return CEDE_OK;
}

enum cede_status cede_cose_sign_signer(const struct cede_cose_sign *msg, size_t index,
                                       struct cede_cose_signer *signer)
{
    struct cede_reader reader = cede_reader(msg->signers);

    *signer = (struct cede_cose_signer){0};
    if (index >= msg->signers_count) {
        return CEDE_NOT_FOUND;
    }
    for (size_t i = 0; i <= index; i++) {
        read_signer(&reader, signer);
    }
    return reader.status;
}

enum cede_status cede_cose_sign_verify(const struct cede_cose_sign *msg,
                                       const struct cede_cose_signer *signer,
                                       const struct cede_crypto *crypto,
                                       const struct cede_public_key *key,
                                       struct cede_span external_aad, struct cede_span detached)
{
    struct cede_cose_parts parts;
    struct cede_span payload;

    CEDE_TRY(cose_pick_content(msg->payload, detached, &payload));
    cose_sign_structure(&parts, msg->headers.protected_map, signer->headers.protected_map,
                        external_aad, payload);
    return cose_verify_parts(cede_cose_headers_alg(&signer->headers), crypto, key, &parts,
                             signer->signature);
}

/* --- making ----------------------------------------------------------------------------------- */

/* One COSE_Signature over the body's protected bucket, its own and the payload. */
static enum cede_status put_signer(struct cede_writer *writer, const struct cede_crypto *crypto,
                                   const struct cede_cose_signing *signing,
                                   struct cede_span body_protected, struct cede_span external_aad,
                                   struct cede_span payload)
{
    int32_t alg = signing->headers.protected_.alg;
    uint8_t signature[CEDE_SIGNATURE_LEN_MAX] = {0};
    size_t signature_len = cede_signature_len(alg);
    struct cede_cose_parts parts;
    struct cede_span sign_protected;
    enum cede_status status = CEDE_OK;

    cede_cbor_put_array(writer, 3);
    cose_headers_write(writer, &signing->headers, &sign_protected);
    if (writer->status == CEDE_OK && writer->out.ptr != NULL) {
        cose_sign_structure(&parts, body_protected, sign_protected, external_aad, payload);
        status = crypto->sign(crypto->context, alg, signing->key, parts.parts, parts.count,
                              signature, &signature_len);
    }
    cede_cbor_put_bytes(writer, cede_span(signature, signature_len));
    return status != CEDE_OK ? status : writer->status;
}

enum cede_status cede_cose_sign_create(const struct cede_cose_sign *msg,
                                       const struct cede_cose_signing *signings,
                                       size_t signings_count, const struct cede_crypto *crypto,
                                       struct cede_span external_aad, struct cede_span detached,
                                       struct cede_writer *writer)
{
    struct cede_span payload, body_protected;
    enum cede_status status = CEDE_OK;

    CEDE_TRY(cose_pick_content(msg->payload, detached, &payload));
    if (signings_count == 0) {
        return CEDE_BAD_ARGUMENT;
    }
    for (size_t i = 0; i < signings_count; i++) {
        if (!cose_alg_fits(signings[i].headers.protected_.alg, signings[i].key->curve)) {
            return CEDE_COSE_ALG;
        }
    }
    cose_write_open(writer, msg->tagged, CEDE_COSE_TAG_SIGN, 4);
    cose_headers_write(writer, &msg->headers, &body_protected);
    cose_write_content(writer, msg->payload);
    cede_cbor_put_array(writer, signings_count);
    for (size_t i = 0; status == CEDE_OK && i < signings_count; i++) {
        status = put_signer(writer, crypto, &signings[i], body_protected, external_aad, payload);
    }
    if (status != CEDE_OK) {
        cede_writer_fail(writer, status);
    }
    return writer->status;
}
