/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cose_recipients.c - COSE_Encrypt and COSE_Mac, which cede does not have: with the content key
 * that the example publishes, their content layer tests the algorithms.
 */
#include <string.h>

#include "cose_case.h"

/* [protected, unprotected, content, ? tag, recipients] under tag 96 or 97. */
struct layer {
    struct cede_cose_params protected_, unprotected;
    struct cede_span content, tag;
};

static enum cede_status read_layer(struct cede_span encoding, bool is_mac, struct layer *layer)
{
    struct cede_reader reader = cede_reader(encoding);
    struct cede_span map;

    (void)cede_cbor_get_tag(&reader);
    cede_cbor_expect_array(&reader, is_mac ? 5 : 4);
    map = cede_cbor_get_bytes(&reader);
    CEDE_TRY(cede_cose_params_decode(map, &layer->protected_));
    CEDE_TRY(cede_cose_params_decode(cede_cbor_get_item(&reader), &layer->unprotected));
    layer->content = cede_cbor_get_bytes(&reader);
    layer->tag = is_mac ? cede_cbor_get_bytes(&reader) : CEDE_SPAN_NULL;
    (void)cede_cbor_get_item(&reader);
    return cede_reader_finish(&reader);
}

static int32_t mac_hash(int32_t alg)
{
    switch (alg) {
    case CEDE_ALG_HMAC_256_64:
    case CEDE_ALG_HMAC_256:
        return CEDE_ALG_SHA_256;
    case CEDE_ALG_HMAC_384:
        return CEDE_ALG_SHA_384;
    case CEDE_ALG_HMAC_512:
        return CEDE_ALG_SHA_512;
    default:
        return 0;
    }
}

static void run_mac(const char *what, const struct layer *layer, struct cede_span key,
                    struct cede_span structure, const struct cede_crypto *crypto)
{
    uint8_t mac[CEDE_HASH_LEN_MAX];

    if (runner_outcome(what, crypto, "such hash",
                       crypto->hmac(crypto->context, mac_hash(layer->protected_.alg), key,
                                    &structure, 1, mac))) {
        runner_expect_equal(what, cede_span(mac, layer->tag.len), layer->tag);
    }
}

static void run_encrypted(const char *what, const struct layer *layer, struct cede_span key,
                          struct cede_span structure, struct cede_span content,
                          const struct cede_crypto *crypto)
{
    struct cede_buf out = cede_buf(runner_memory(layer->content.len), layer->content.len);
    struct cede_span plaintext;

    if (runner_outcome(what, crypto, "such algorithm",
                       crypto->aead_open(crypto->context, layer->protected_.alg, key,
                                         layer->unprotected.iv, structure, layer->content, out,
                                         &plaintext))) {
        runner_expect_equal(what, plaintext, content);
    }
}

bool cose_run_recipients(const json_t *root, const char *what)
{
    const json_t *input = json_object_get(root, "input");
    const json_t *intermediates = json_object_get(root, "intermediates");
    bool is_mac = json_object_get(input, "mac") != NULL;
    struct cede_span encoding = runner_get_hex(json_object_get(root, "output"), "cbor");
    struct cede_span key = runner_get_hex(intermediates, "CEK_hex");
    struct cede_span structure = runner_get_hex(intermediates, is_mac ? "ToMac_hex" : "AAD_hex");
    struct cede_span content = runner_get_text(input, "plaintext");
    struct layer layer;

    memset(&layer, 0, sizeof layer);
    if (read_layer(encoding, is_mac, &layer) != CEDE_OK || key.ptr == NULL ||
        (is_mac ? mac_hash(layer.protected_.alg) == 0
                : cede_aead_key_len(layer.protected_.alg) == 0)) {
        return false;
    }
    for (size_t i = 0; i < RUNNER_BACKENDS; i++) {
        const struct cede_crypto *crypto = runner_backend(i);
        if (is_mac) {
            run_mac(runner_on(what, crypto), &layer, key, structure, crypto);
        } else {
            run_encrypted(runner_on(what, crypto), &layer, key, structure, content, crypto);
        }
    }
    return true;
}
