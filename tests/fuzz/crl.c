/* SPDX-License-Identifier: Apache-2.0 */
/* crl.c - a certificate revocation list, as a provider fetches it and as the signer sees it. */
#include "server/common/crl.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct cede_span input = cede_span(data, len);
    struct crl_view crl, tbs;
    struct crl_entry entry;
    struct cede_reader reader;

    if (crl_decode(input, &crl) != CEDE_OK) {
        return 0;
    }
    fuzz_inside(input, crl.tbs);
    fuzz_inside(input, crl.issuer);
    fuzz_inside(input, crl.signature_bits);
    if (crl.freshest_uri.ptr != NULL) {
        fuzz_inside(input, crl.freshest_uri);
    }
    REQUIRE(crl_decode_tbs(crl.tbs, &tbs) == CEDE_OK);
    REQUIRE(cede_span_equal(tbs.number, crl.number) && tbs.is_delta == crl.is_delta);
    REQUIRE(crl.number.len <= CRL_NUMBER_MAX && crl.base_number.len <= CRL_NUMBER_MAX);
    reader = cede_reader(crl.entries);
    while (crl_next(&reader, &entry)) {
        if (!cede_span_is_null(entry.serial)) {
            fuzz_inside(input, entry.serial);
        }
        REQUIRE(entry.reason >= 0 && entry.reason <= CRL_REASON_MAX);
    }
    REQUIRE(reader.status != CEDE_OK || cede_reader_left(&reader) == 0);
    return 0;
}
