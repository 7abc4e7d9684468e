/* SPDX-License-Identifier: Apache-2.0 */
/* claims.c - reads, writes and checks the claims set around a private claim. Stricter than cwt.h:
 * claims the protocol does not use are refused, not skipped. */
#include "codec/transfer/claims.h"

#include "cede/cwt.h"

struct cede_span get_sized(struct cede_reader *reader, size_t len)
{
    struct cede_span bytes = cede_cbor_get_bytes(reader);

    if (reader->status == CEDE_OK && bytes.len != len) {
        cede_reader_fail(reader, CEDE_TRANSFER_CLAIM);
        return CEDE_SPAN_NULL;
    }
    return bytes;
}

void put_sized(struct cede_writer *writer, struct cede_span bytes, size_t len)
{
    if (bytes.ptr == NULL || bytes.len != len) {
        cede_writer_fail(writer, CEDE_BAD_ARGUMENT);
        return;
    }
    cede_cbor_put_bytes(writer, bytes);
}

/* A claim nobody here knows: only those whose key is registered and negative may be skipped. */
static void skip_claim(struct cede_reader *reader, int64_t key)
{
    struct cede_span value;
    size_t offset;

    if (key >= 0 || key < CEDE_CLAIM_PRIVATE_MAX) {
        cede_reader_fail(reader, CEDE_TRANSFER_CRITICAL);
        return;
    }
    value = cede_cbor_get_item(reader);
    if (reader->status == CEDE_OK) {
        enum cede_status status = cede_cbor_check(value, CEDE_CBOR_SORTED, &offset);
        if (status != CEDE_OK) {
            cede_reader_fail(reader, status);
        }
    }
}

static void read_claim(struct cede_reader *reader, int64_t key, struct claims *claims)
{
    switch (key) {
    case CEDE_CWT_ISS:
        claims->iss = cede_cbor_get_text(reader);
        break;
    case CEDE_CWT_AUD:
        claims->aud = cede_cbor_get_text(reader);
        break;
    case CEDE_CWT_EXP:
        claims->exp = cede_cbor_get_uint(reader);
        claims->has_exp = true;
        break;
    case CEDE_CWT_NBF:
        claims->nbf = cede_cbor_get_uint(reader);
        claims->has_nbf = true;
        break;
    case CEDE_CWT_CTI:
        claims->cti = get_sized(reader, CEDE_CTI_LEN);
        break;
    default:
        skip_claim(reader, key);
        break;
    }
}

enum cede_status claims_decode(struct cede_span payload, int64_t private_key, struct claims *claims)
{
    struct cede_reader reader = cede_reader(payload);
    struct cede_cbor_map map = cede_cbor_get_map(&reader, CEDE_CBOR_SORTED);
    struct claims read = {0};
    int64_t key;

    *claims = read;
    while (cede_cbor_map_next_int(&reader, &map, &key)) {
        if (key == private_key) {
            read.private_claim = cede_cbor_get_item(&reader);
        } else {
            read_claim(&reader, key, &read);
        }
    }
    claims->cti = read.cti; /* names the message even when the rest is refused */
    CEDE_TRY(cede_reader_finish(&reader));
    if (read.private_claim.ptr == NULL || read.cti.ptr == NULL) {
        return CEDE_TRANSFER_CLAIM;
    }
    *claims = read;
    return CEDE_OK;
}

void claims_encode(struct cede_writer *writer, const struct claims *claims, int64_t private_key)
{
    cede_cbor_put_map(writer, 2u + (claims->iss.ptr != NULL) + (claims->aud.ptr != NULL) +
                                  claims->has_exp + claims->has_nbf);
    if (claims->iss.ptr != NULL) {
        cede_cbor_put_uint(writer, CEDE_CWT_ISS);
        cede_cbor_put_text(writer, claims->iss);
    }
    if (claims->aud.ptr != NULL) {
        cede_cbor_put_uint(writer, CEDE_CWT_AUD);
        cede_cbor_put_text(writer, claims->aud);
    }
    if (claims->has_exp) {
        cede_cbor_put_uint(writer, CEDE_CWT_EXP);
        cede_cbor_put_uint(writer, claims->exp);
    }
    if (claims->has_nbf) {
        cede_cbor_put_uint(writer, CEDE_CWT_NBF);
        cede_cbor_put_uint(writer, claims->nbf);
    }
    cede_cbor_put_uint(writer, CEDE_CWT_CTI);
    put_sized(writer, claims->cti, CEDE_CTI_LEN);
    cede_cbor_put_int(writer, private_key);
}

enum cede_status claims_check(const struct claims *claims, uint64_t seq,
                              const struct cede_transfer_rules *rules)
{
    if (!cede_span_equal(claims->aud, rules->device_id)) {
        return CEDE_TRANSFER_AUDIENCE;
    }
    if (seq <= rules->seq || seq - rules->seq > CEDE_TRANSFER_SEQ_STEP_MAX) {
        return CEDE_TRANSFER_SEQ;
    }
    if (claims->exp < claims->nbf) {
        return CEDE_TRANSFER_WINDOW;
    }
    if (rules->now != NULL && *rules->now < claims->nbf) {
        return CEDE_TRANSFER_NOT_YET;
    }
    if (rules->now != NULL && *rules->now > claims->exp) {
        return CEDE_TRANSFER_EXPIRED;
    }
    return CEDE_OK;
}
