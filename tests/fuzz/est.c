/* SPDX-License-Identifier: Apache-2.0 */
/*
 * est.c - a device and the answer of an enrolment server: certificate, chain, anchors.
 * Input: the body.
 */
#include "cede/est.h"
#include "fuzz.h"

static uint8_t scratch[8192];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t scalar[32] = {0x11}, point[64] = {0x22};
    struct cede_span body = cede_span(data, len), certificate, anchor;
    struct cede_est_identity identity = {
        .device_id = CEDE_SPAN_TEXT("d1"),
        .key = {CEDE_CRV_P256, CEDE_SPAN_ARRAY(scalar), NULL},
        .public_key = {CEDE_CRV_P256, CEDE_SPAN_ARRAY(point)},
    };
    struct cede_est_trust trust = {.has_clock = true, .now = 1700000000};
    bool anchored;

    if (cede_est_check_certificate(fuzz_crypto(), body, &identity, &trust, CEDE_BUF_ARRAY(scratch),
                                   &certificate, &anchored) == CEDE_OK) {
        fuzz_inside(body, certificate);
        REQUIRE(!anchored);
    }
    if (cede_est_check_anchor(fuzz_crypto(), body, body, &trust, CEDE_BUF_ARRAY(scratch),
                              &anchor) == CEDE_OK) {
        fuzz_inside(body, anchor);
    }
    (void)cede_est_find_operation(body);
    return 0;
}
