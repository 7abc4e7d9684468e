/* SPDX-License-Identifier: Apache-2.0 */
/* status_proof.c - what a CA says of its own servers to devices. */
#include "cede/status_proof.h"

#include "server/ca/signer.h"
#include "server/ca/status_publisher.h"

static enum cede_status sign(struct ca *ca, const struct ca_certificate_record *record,
                             struct cede_buf out, struct cede_span *encoding)
{
    struct cede_private_key key = ca->key;
    struct cede_status_proof proof = {.revoked = record->status == CA_REVOKED,
                                      .this_update = ca_now(ca),
                                      .lifetime = ca->policy.revocation.proof_lifetime_s};

    if (ca->pkey == NULL) {
        key = signer_key(ca->key.curve, SIGNER_STATUS_PROOF);
    }
    CEDE_TRY(cede_status_proof_sign(ca->signer, &key, cede_span(record->raw, record->raw_len),
                                    &proof, out, encoding));
    return ca_records_save_proof(ca, record->thumbprint, *encoding,
                                 (int64_t)(proof.this_update + proof.lifetime));
}

/* Good for a while longer, and still true? */
static bool will_do(const struct ca *ca, const struct ca_certificate_record *record,
                    struct cede_span encoding)
{
    struct cede_status_proof proof;
    uint64_t now = ca_now(ca);

    return cede_status_proof_decode(encoding, &proof) == CEDE_OK &&
           proof.revoked == (record->status == CA_REVOKED) && now >= proof.this_update &&
           now < proof.this_update + proof.lifetime / 2;
}

enum cede_status ca_status_proof(struct ca *ca, const uint8_t thumbprint[32], struct cede_buf out,
                                 struct cede_span *proof)
{
    struct ca_certificate_record record;

    *proof = CEDE_SPAN_NULL;
    CEDE_TRY(ca_records_by_hash(ca, cede_span(thumbprint, 32), &record));
    if (record.profile != CA_PROFILE_SERVER) {
        return CEDE_NOT_FOUND;
    }
    if (ca_records_proof(ca, thumbprint, out, proof) == CEDE_OK && will_do(ca, &record, *proof)) {
        return CEDE_OK;
    }
    return sign(ca, &record, out, proof);
}
