/* SPDX-License-Identifier: Apache-2.0 */
/* cwt.c - claims sets: read, searched, judged, written again. */
#include "cede/cwt.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct cede_span input = cede_span(data, len), cose, key, value;
    struct cede_cwt_claims claims;
    const int64_t now = 1444000000;
    size_t at = 0;

    if (cede_cwt_untag(input, &cose) == CEDE_OK) {
        fuzz_inside(input, cose);
    }
    if (cede_cwt_decode(input, CEDE_CBOR_ANY_ORDER, &claims) != CEDE_OK) {
        REQUIRE(cede_cwt_decode(input, CEDE_CBOR_SORTED, &claims) != CEDE_OK);
        return 0;
    }
    fuzz_inside(input, claims.iss);
    fuzz_inside(input, claims.aud);
    fuzz_inside(input, claims.cti);
    while (cede_cwt_others_next(&claims, &at, &key, &value)) {
        fuzz_inside(input, key);
        fuzz_inside(input, value);
    }
    fuzz_inside(input, cede_cwt_find(&claims, -70001));
    (void)cede_cwt_has_audience(&claims, CEDE_SPAN_TEXT("device"));
    /* Who has no clock refuses no more than who has one. */
    if (cede_cwt_check(&claims, &now, 0) == CEDE_OK) {
        REQUIRE(cede_cwt_check(&claims, NULL, 0) == CEDE_OK);
    }
    return 0;
}
