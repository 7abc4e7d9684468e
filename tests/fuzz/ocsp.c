/* SPDX-License-Identifier: Apache-2.0 */
/* ocsp.c - an OCSP request. */
#include "server/common/ocsp.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct cede_span input = cede_span(data, len);
    struct ocsp_request request;

    if (ocsp_request_decode(input, &request) != CEDE_OK) {
        REQUIRE(request.count == 0);
        return 0;
    }
    REQUIRE(request.count >= 1 && request.count <= OCSP_REQUESTS_MAX);
    for (size_t i = 0; i < request.count; i++) {
        fuzz_inside(input, request.ids[i].raw);
        fuzz_inside(input, request.ids[i].serial);
        REQUIRE(!(request.ids[i].is_sha1 && request.ids[i].is_sha256));
    }
    if (request.nonce.ptr != NULL) {
        fuzz_inside(input, request.nonce);
        REQUIRE(request.nonce.len >= 1 && request.nonce.len <= OCSP_NONCE_MAX);
    }
    return 0;
}
