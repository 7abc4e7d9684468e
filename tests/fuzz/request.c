/* SPDX-License-Identifier: Apache-2.0 */
/* request.c - certification requests: PKCS #10, C509 native, C509 of PKCS #10. */
#include "cede/certificate.h"
#include "fuzz.h"

static uint8_t scratch[8192];

/* A verifier with any key and a certificate: whatever is said about it must fit. */
static void verify_mac(const struct cede_request *request)
{
    static const uint8_t scalar[CEDE_PRIVATE_KEY_LEN_MAX] = {0x01}, name[] = {0x61, 0x61};
    const struct cede_private_key key = {
        request->curve, cede_span(scalar, cede_curve_private_len(request->curve)), NULL};
    struct cede_pop_verifier verifier = {.hash_alg = request->mac_hash};

    verifier.subject = verifier.issuer = (struct cede_name){CEDE_NAME_C509, CEDE_SPAN_ARRAY(name)};
    verifier.serial = cede_span(scalar, 1);
    (void)!cede_request_verify_mac(request, fuzz_crypto(), &verifier, &key,
                                   CEDE_BUF_ARRAY(scratch));
}

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
    verify_mac(&request);
    return 0;
}
