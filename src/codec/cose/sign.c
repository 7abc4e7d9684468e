/* SPDX-License-Identifier: Apache-2.0 */
/* sign.c - COSE_Sign: several signers (RFC 9052, section 4.1); verification only. */
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
