/* SPDX-License-Identifier: Apache-2.0 */
/* request.c - certification requests: PKCS #10, C509 native, C509 of PKCS #10. */
#include "cede/certificate.h"
#include "fuzz.h"

static uint8_t scratch[8192];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct cede_span input = cede_span(data, len);
    struct cede_request request;

    if (cede_request_decode(input, fuzz_crypto(), &request) != CEDE_OK) {
        return 0;
    }
    REQUIRE(request.point_len <= CEDE_PUBLIC_KEY_LEN_MAX);
    fuzz_inside(input, request.raw);
    fuzz_inside(input, request.challenge_password);
    fuzz_touch(cede_request_key(&request).point);
    (void)!cede_request_verify(&request, fuzz_crypto(), CEDE_BUF_ARRAY(scratch));
    return 0;
}
