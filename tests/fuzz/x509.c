/* SPDX-License-Identifier: Apache-2.0 */
/* x509.c - X.509 certificates in DER, and names compared with themselves. */
#include "cede/certificate.h"
#include "fuzz.h"

static uint8_t scratch[8192];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct cede_span input = cede_span(data, len);
    struct cede_x509 x509;
    struct cede_certificate certificate;
    uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX];
    struct cede_public_key key;
    struct cede_path_rules rules = {.has_clock = true, .now = 1700000000};

    if (cede_x509_decode(input, &x509) != CEDE_OK) {
        REQUIRE(x509.der.ptr == NULL && x509.subject.ptr == NULL);
        return 0;
    }
    fuzz_inside(input, x509.tbs);
    fuzz_inside(input, x509.extensions);
    fuzz_inside(input, x509.signature_bits);
    fuzz_inside(input, x509.ext.subject_alt_name);
    if (cede_x509_public_key(&x509, fuzz_crypto(), point, &key) == CEDE_OK) {
        (void)!cede_x509_verify(&x509, fuzz_crypto(), &key);
    }
    if (cede_certificate_decode(input, fuzz_crypto(), &certificate) == CEDE_OK) {
        REQUIRE(cede_name_equal(certificate.subject, certificate.subject));
        REQUIRE(certificate.common_name_len <= CEDE_COMMON_NAME_MAX);
        (void)cede_name_within(certificate.subject, certificate.issuer);
        (void)!cede_certificate_path(&certificate, 1, &certificate, 1, &rules, fuzz_crypto(),
                                     CEDE_BUF_ARRAY(scratch), NULL);
    }
    return 0;
}
