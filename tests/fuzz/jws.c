/* SPDX-License-Identifier: Apache-2.0 */
/* jws.c - JSON Web Signatures in all three serializations; base64url. */
#include "server/common/jws.h"
#include "fuzz.h"

static void base64url(struct cede_span input)
{
    uint8_t *bytes = NULL;
    size_t len = 0;
    char *text;

    if (jws_base64url_decode(input, &bytes, &len) == CEDE_OK) {
        text = jws_base64url_encode(cede_span(bytes, len));
        REQUIRE(text != NULL && cede_span_equal(cede_span_string(text), input));
        free(text);
        free(bytes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t point[64] = {0x22};
    struct cede_public_key key = {CEDE_CRV_P256, CEDE_SPAN_ARRAY(point)};
    struct jws jws, again;
    char *text = NULL;
    size_t index;

    base64url(cede_span(data, len));
    if (jws_decode(cede_span(data, len), &jws) != CEDE_OK) {
        return 0;
    }
    REQUIRE(jws.signatures_count > 0 && jws.signatures_count <= JWS_SIGNATURES_MAX);
    if (jws_verify(fuzz_crypto(), &jws, &key, &index) == CEDE_OK) {
        REQUIRE(index < jws.signatures_count);
        (void)jws_header_text(&jws, index, "kid");
    }
    REQUIRE(jws_encode_json(&jws, &text) == CEDE_OK);
    REQUIRE(jws_decode(cede_span_string(text), &again) == CEDE_OK);
    REQUIRE(cede_span_equal(jws.payload, again.payload));
    free(text);
    jws_wipe(&again);
    jws_wipe(&jws);
    return 0;
}
