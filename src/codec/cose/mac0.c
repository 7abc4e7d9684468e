/* SPDX-License-Identifier: Apache-2.0 */
/* mac0.c - COSE_Mac0 with HMAC (RFC 9052, section 6.2; RFC 9053, section 3.1). */
#include "headers.h"

#define KEY_LEN_MIN 16

enum cede_status cede_cose_mac0_decode(struct cede_span encoding, struct cede_cose_mac0 *msg)
{
    struct cede_reader reader;

    cede_reader_open(&reader, &encoding);
    msg->tagged = cose_read_frame(&reader, CEDE_COSE_TAG_MAC0, &msg->headers, &msg->payload);
    cbor_read_string(&reader, CBOR_TYPE(BYTES), &msg->tag);
    return cose_finish(&reader, msg, sizeof *msg);
}

/* The hash an algorithm is made with; 0: not an algorithm of ours. */
static int32_t hash_of(int32_t alg)
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

static size_t tag_len_of(int32_t alg)
{
    return alg == CEDE_ALG_HMAC_256_64 ? 8 : cede_hash_len(hash_of(alg));
}

static enum cede_status check_key(int32_t alg, struct cede_span key)
{
    if (tag_len_of(alg) == 0) {
        return CEDE_COSE_ALG;
    }
    return key.len < KEY_LEN_MIN ? CEDE_COSE_KEY : CEDE_OK;
}

static enum cede_status compute(const struct cede_crypto *crypto, int32_t alg, struct cede_span key,
                                struct cede_span protected_map, struct cede_span external_aad,
                                struct cede_span payload, uint8_t mac[CEDE_HASH_LEN_MAX])
{
    struct cede_cose_parts parts;

    cede_cose_mac_structure(&parts, protected_map, external_aad, payload);
    return crypto->hmac(crypto->context, hash_of(alg), key, parts.parts, parts.count, mac);
}

enum cede_status cede_cose_mac0_verify(const struct cede_cose_mac0 *msg,
                                       const struct cede_crypto *crypto, struct cede_span key,
                                       struct cede_span external_aad, struct cede_span detached)
{
    int32_t alg = cede_cose_headers_alg(&msg->headers);
    uint8_t mac[CEDE_HASH_LEN_MAX];
    struct cede_span payload;
    enum cede_status status;

    CEDE_TRY(cose_pick_content(msg->payload, detached, &payload));
    CEDE_TRY(check_key(alg, key));
    if (msg->tag.len != tag_len_of(alg)) {
        return CEDE_COSE_MAC;
    }
    status = compute(crypto, alg, key, msg->headers.protected_map, external_aad, payload, mac);
    if (status == CEDE_OK && !cede_equal_constant_time(mac, msg->tag.ptr, msg->tag.len)) {
        status = CEDE_COSE_MAC;
    }
    cede_wipe(mac, sizeof mac);
    return status;
}

enum cede_status cede_cose_mac0_create(const struct cede_cose_mac0 *msg,
                                       const struct cede_crypto *crypto, struct cede_span key,
                                       struct cede_span external_aad, struct cede_span detached,
                                       struct cede_writer *writer)
{
    int32_t alg = msg->headers.protected_.alg;
    uint8_t mac[CEDE_HASH_LEN_MAX] = {0};
    struct cede_span payload, protected_map;
    enum cede_status status = CEDE_OK;

    CEDE_TRY(cose_pick_content(msg->payload, detached, &payload));
    CEDE_TRY(check_key(alg, key));
    cose_write_open(writer, msg->tagged, CEDE_COSE_TAG_MAC0, 4);
    cose_headers_write(writer, &msg->headers, &protected_map);
    cose_write_content(writer, msg->payload);
    if (writer->status == CEDE_OK && writer->out.ptr != NULL) {
        status = compute(crypto, alg, key, protected_map, external_aad, payload, mac);
    }
    if (status != CEDE_OK) {
        cede_writer_fail(writer, status);
    }
    cede_cbor_put_bytes(writer, cede_span(mac, tag_len_of(alg)));
    cede_wipe(mac, sizeof mac);
    return writer->status;
}
