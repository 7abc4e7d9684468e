/* SPDX-License-Identifier: Apache-2.0 */
/* c509.c - C509 certificates: decoding, signatures over rebuilt DER, paths, bags. */
#include "cede/certificate.h"
#include "fuzz.h"

static uint8_t scratch[8192];

static void bag(struct cede_span input)
{
    struct cede_span certificates[4];
    size_t count = 0;

    if (cede_c509_bag_decode(input, certificates, 4, &count) == CEDE_OK) {
        for (size_t i = 0; i < count; i++) {
            fuzz_inside(input, certificates[i]);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct cede_span input = cede_span(data, len);
    struct cede_c509 c509;
    struct cede_certificate certificate;
    uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX];
    struct cede_public_key key;
    struct cede_path_rules rules = {.has_clock = true, .now = 1700000000};

    bag(input);
    if (cede_c509_decode(input, &c509) != CEDE_OK) {
        REQUIRE(c509.sequence.ptr == NULL && c509.subject.ptr == NULL);
        return 0;
    }
    fuzz_inside(input, c509.tbs);
    fuzz_inside(input, c509.extensions);
    fuzz_inside(input, c509.public_key);
    fuzz_inside(input, c509.signature);
    if (cede_c509_public_key(&c509, fuzz_crypto(), point, &key) == CEDE_OK) {
        (void)!cede_c509_verify(&c509, fuzz_crypto(), &key, CEDE_BUF_ARRAY(scratch));
    }
    if (cede_certificate_decode(input, fuzz_crypto(), &certificate) == CEDE_OK) {
        REQUIRE(cede_name_equal(certificate.subject, certificate.subject));
        (void)!cede_certificate_path(&certificate, 1, &certificate, 1, &rules, fuzz_crypto(),
                                     CEDE_BUF_ARRAY(scratch), NULL);
    }
    return 0;
}
