/* SPDX-License-Identifier: Apache-2.0 */
/* status_proof.c - what a server says of its own certificate's status. */
#include "cede/status_proof.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t point[64] = {0x22};
    struct cede_public_key key = {CEDE_CRV_P256, CEDE_SPAN_ARRAY(point)};
    struct cede_status_rules rules = {true, 1700000000, 0};
    struct cede_span input = cede_span(data, len);
    struct cede_status_proof proof;

    if (cede_status_proof_decode(input, &proof) == CEDE_OK) {
        fuzz_inside(input, proof.signature);
        REQUIRE(proof.lifetime >= 1 && proof.lifetime <= CEDE_STATUS_LIFETIME_MAX);
        REQUIRE(proof.this_update <= UINT32_MAX);
    }
    if (cede_status_proof_check(fuzz_crypto(), &key, CEDE_SPAN_TEXT("a certificate"), &rules, input,
                                &proof) != CEDE_OK) {
        REQUIRE(proof.signature.ptr == NULL && proof.lifetime == 0);
    }
    return 0;
}
