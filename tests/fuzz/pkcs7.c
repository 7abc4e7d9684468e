/* SPDX-License-Identifier: Apache-2.0 */
/* pkcs7.c - certs-only messages. What is taken out and written again is a message, too. */
#include "cede/pkcs7.h"
#include "fuzz.h"

#define CERTIFICATES_MAX 8

static uint8_t memory[8192];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct cede_span input = cede_span(data, len), found[CERTIFICATES_MAX], again;
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
    struct cede_pkcs7 pkcs7;
    size_t count = 0;
    bool opened = cede_pkcs7_open(input, &pkcs7) == CEDE_OK;

    REQUIRE(!opened || cede_pkcs7_is(input));
    while (count < CERTIFICATES_MAX && cede_pkcs7_next(&pkcs7, &found[count])) {
        fuzz_inside(input, found[count]);
        REQUIRE(opened);
        count++;
    }
    cede_pkcs7_put_certs(&writer, found, count);
    if (cede_writer_finish(&writer, &again) == CEDE_OK) {
        REQUIRE(cede_pkcs7_open(again, &pkcs7) == CEDE_OK);
        for (size_t i = 0; i < count; i++) {
            struct cede_span certificate;
            REQUIRE(cede_pkcs7_next(&pkcs7, &certificate));
            REQUIRE(cede_span_equal(certificate, found[i]));
        }
    }
    return 0;
}
