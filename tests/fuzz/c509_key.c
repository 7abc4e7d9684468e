/* SPDX-License-Identifier: Apache-2.0 */
/* c509_key.c - C509PrivateKey, C509PEM, file envelopes, request templates, PKCS #8. */
#include "cede/c509.h"
#include "fuzz.h"

static uint8_t out[16384], back[16384];

static void private_key(struct cede_span input)
{
    struct cede_c509_private_key key;
    struct cede_private_key opened;
    struct cede_span der, again;

    if (cede_c509_private_key_decode(input, &key) != CEDE_OK) {
        REQUIRE(key.scalar.ptr == NULL);
        return;
    }
    fuzz_inside(input, key.algorithm);
    fuzz_inside(input, key.octets);
    fuzz_inside(input, key.cose_key);
    fuzz_inside(input, key.scalar);
    if (cede_c509_private_key_open(&key, &opened) == CEDE_OK) {
        REQUIRE(opened.scalar.len == cede_curve_private_len(opened.curve));
    }
    if (cede_c509_private_key_to_pkcs8(input, CEDE_BUF_ARRAY(out), &der) == CEDE_OK &&
        cede_c509_private_key_from_pkcs8(der, CEDE_BUF_ARRAY(back), &again) == CEDE_OK &&
        key.type == CEDE_C509_KEY_OCTETS && key.curve != 0) {
        REQUIRE(cede_span_equal(again, input));
    }
}

static void pkcs8(struct cede_span der)
{
    struct cede_span encoding, again;

    if (cede_c509_private_key_from_pkcs8(der, CEDE_BUF_ARRAY(out), &encoding) == CEDE_OK) {
        REQUIRE(cede_c509_private_key_to_pkcs8(encoding, CEDE_BUF_ARRAY(back), &again) == CEDE_OK);
        REQUIRE(cede_span_equal(again, der));
    }
}

static void pem_and_file(struct cede_span input)
{
    struct cede_c509_private_key key;
    struct cede_span bag, item;
    uint32_t format;

    if (cede_c509_pem_decode(input, &key, &bag) == CEDE_OK) {
        fuzz_inside(input, key.encoding);
        fuzz_inside(input, bag);
    }
    if (cede_c509_file_open(input, &format, &item) == CEDE_OK) {
        fuzz_inside(input, item);
    }
}

/* Whatever is a template can be walked to its end and compared with any request. */
static void template_(struct cede_span input)
{
    static const uint8_t request_bytes[] = {0x87, 0x02, 0x00, 0x84, 0x01, 0x61, 0x61, 0x08, 0x61,
                                            0x62, 0x01, 0x41, 0x02, 0x82, 0x00, 0x01, 0x40};
    struct cede_c509_template_attribute attribute;
    struct cede_c509_template_extension extension;
    struct cede_c509_template read;
    struct cede_c509_request request;
    size_t at = 0, steps = 0;

    if (cede_c509_template_decode(input, &read) != CEDE_OK) {
        REQUIRE(read.encoding.ptr == NULL);
        return;
    }
    while (cede_c509_template_next_attribute(&read, &at, &attribute)) {
        fuzz_inside(input, attribute.value);
        REQUIRE(attribute.max >= attribute.min && ++steps <= input.len);
    }
    for (at = 0; cede_c509_template_next_extension(&read, &at, &extension);) {
        fuzz_inside(input, extension.value);
        REQUIRE(++steps <= 2 * input.len);
    }
    REQUIRE(cede_c509_request_decode(CEDE_SPAN_ARRAY(request_bytes), &request) == CEDE_OK);
    (void)!cede_c509_template_check(&read, &request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct cede_span input = cede_span(data, len);

    private_key(input);
    pkcs8(input);
    pem_and_file(input);
    template_(input);
    return 0;
}
