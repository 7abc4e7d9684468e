/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cose_cwt.c - a firmware that decrypts a COSE_Encrypt0, verifies the COSE_Sign1 in it and judges
 * the claims of the CWT it signs, dates in whole seconds.
 */
#include "firmware.h"

#include "cede/cose.h"
#include "cede/cwt.h"

static enum cede_status open(struct cede_span encoding, struct cede_buf memory,
                             struct cede_span *plaintext)
{
    struct cede_cose_encrypt0 msg;

    CEDE_TRY(cede_cose_encrypt0_decode(encoding, &msg));
    return cede_cose_encrypt0_open(&msg, &firmware_crypto, firmware_object(), CEDE_SPAN_NULL,
                                   CEDE_SPAN_NULL, firmware_memory(), memory, plaintext);
}

static enum cede_status judge(struct cede_span cwt, struct cede_cwt_claims *claims)
{
    struct cede_cose_sign1 msg;
    int64_t now = firmware_number();

    CEDE_TRY(cede_cwt_untag(cwt, &cwt));
    CEDE_TRY(cede_cose_sign1_decode(cwt, &msg));
    CEDE_TRY(cede_cose_sign1_verify(&msg, &firmware_crypto, firmware_object(), CEDE_SPAN_NULL,
                                    CEDE_SPAN_NULL));
    CEDE_TRY(cede_cwt_decode_integers(msg.payload, CEDE_CBOR_SORTED, claims));
    return cede_cwt_check(claims, &now, 0);
}

void firmware(void)
{
    struct cede_cwt_claims claims;
    struct cede_span cwt;

    if (open(firmware_receive(), firmware_memory(), &cwt) == CEDE_OK &&
        judge(cwt, &claims) == CEDE_OK &&
        cede_cwt_has_audience(&claims, CEDE_SPAN_TEXT("device"))) {
        firmware_send(claims.cnf);
    }
}
