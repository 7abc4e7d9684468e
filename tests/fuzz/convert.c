/* SPDX-License-Identifier: Apache-2.0 */
/* convert.c - X.509 and PKCS #10 to C509 and back: what converts comes back byte for byte. */
#include "cede/c509.h"
#include "fuzz.h"

static uint8_t scratch[16384], out[16384], back[16384];

static void from_x509(struct cede_span der)
{
    struct cede_span c509, again;

    if (cede_c509_from_x509(cede_crypto_openssl(), der, CEDE_BUF_ARRAY(scratch),
                            CEDE_BUF_ARRAY(out), &c509) == CEDE_OK) {
        REQUIRE(cede_c509_to_x509(cede_crypto_openssl(), c509, CEDE_BUF_ARRAY(back), &again) ==
                CEDE_OK);
        REQUIRE(cede_span_equal(again, der));
    }
}

static void to_x509(struct cede_span encoding)
{
    struct cede_x509 x509;
    struct cede_span der;

    if (cede_c509_to_x509(cede_crypto_openssl(), encoding, CEDE_BUF_ARRAY(back), &der) == CEDE_OK) {
        fuzz_touch(der);
        (void)!cede_x509_decode(der, &x509);
    }
}

static void request_from_x509(struct cede_span der)
{
    struct cede_span request, again;

    if (cede_c509_request_from_x509(cede_crypto_openssl(), der, CEDE_BUF_ARRAY(scratch),
                                    CEDE_BUF_ARRAY(out), &request) == CEDE_OK) {
        REQUIRE(cede_c509_request_to_x509(cede_crypto_openssl(), request, CEDE_BUF_ARRAY(back),
                                          &again) == CEDE_OK);
        REQUIRE(cede_span_equal(again, der));
    }
}

static void request_to_x509(struct cede_span encoding)
{
    struct cede_x509_request request;
    struct cede_span der;

    if (cede_c509_request_to_x509(cede_crypto_openssl(), encoding, CEDE_BUF_ARRAY(back), &der) ==
        CEDE_OK) {
        fuzz_touch(der);
        (void)!cede_x509_request_decode(der, &request);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    from_x509(cede_span(data, len));
    to_x509(cede_span(data, len));
    request_from_x509(cede_span(data, len));
    request_to_x509(cede_span(data, len));
    return 0;
}
