/* SPDX-License-Identifier: Apache-2.0 */
/* transfer_message.c - TransferMessage: the offer of SP2 and the order to one device. */
#include "codec/transfer/claims.h"

#include <string.h>

/* Keys inside the claim -70001. */
enum {
    ENROLL_URI = 1,
    UPDATE_URI = 2,
    UPDATE_FIRST = 3,
    ATTEST_URI = 4,
    FALLBACK_URI = 5,
    CONTROLLER = 6,
    SEQ = 7,
    DEVICES_DIGEST = 8,
    STATE_DIGEST = 9,
    PATIENCE = 10
};

static void put_optional_text(struct cede_writer *writer, unsigned key, struct cede_span text)
{
    if (text.ptr != NULL) {
        cede_cbor_put_uint(writer, key);
        cede_cbor_put_text(writer, text);
    }
}

static void put_optional_digest(struct cede_writer *writer, unsigned key, struct cede_span digest)
{
    if (digest.ptr != NULL) {
        cede_cbor_put_uint(writer, key);
        put_sized(writer, digest, CEDE_SHA256_LEN);
    }
}

static unsigned member_count(const struct cede_transfer *transfer)
{
    return 1u + (transfer->update_uri.ptr != NULL) + transfer->update_first +
           (transfer->attest_uri.ptr != NULL) + (transfer->fallback_uri.ptr != NULL) +
           (transfer->controller.ptr != NULL) + transfer->has_seq +
           (transfer->devices_digest.ptr != NULL) + (transfer->state_digest.ptr != NULL) +
           transfer->has_patience;
}

static void put_members(struct cede_writer *writer, const struct cede_transfer *transfer)
{
    cede_cbor_put_map(writer, member_count(transfer));
    put_optional_text(writer, ENROLL_URI, transfer->enroll_uri);
    put_optional_text(writer, UPDATE_URI, transfer->update_uri);
    if (transfer->update_first) {
        cede_cbor_put_uint(writer, UPDATE_FIRST);
        cede_cbor_put_bool(writer, true);
    }
    put_optional_text(writer, ATTEST_URI, transfer->attest_uri);
    put_optional_text(writer, FALLBACK_URI, transfer->fallback_uri);
    put_optional_digest(writer, CONTROLLER, transfer->controller);
    if (transfer->has_seq) {
        cede_cbor_put_uint(writer, SEQ);
        cede_cbor_put_uint(writer, transfer->seq);
    }
    put_optional_digest(writer, DEVICES_DIGEST, transfer->devices_digest);
    put_optional_digest(writer, STATE_DIGEST, transfer->state_digest);
    if (transfer->has_patience) {
        cede_cbor_put_uint(writer, PATIENCE);
        cede_cbor_put_array(writer, 2);
        cede_cbor_put_uint(writer, transfer->attempts);
        cede_cbor_put_uint(writer, transfer->hours);
    }
}

void cede_transfer_encode(struct cede_writer *writer, const struct cede_transfer *transfer)
{
    struct claims claims = {.iss = transfer->iss,
                            .aud = transfer->aud,
                            .has_exp = true,
                            .has_nbf = true,
                            .exp = transfer->not_after,
                            .nbf = transfer->not_before,
                            .cti = transfer->cti};

    if (transfer->enroll_uri.ptr == NULL) {
        cede_writer_fail(writer, CEDE_BAD_ARGUMENT);
    }
    claims_encode(writer, &claims, CEDE_CLAIM_TRANSFER);
    put_members(writer, transfer);
}

static void read_patience(struct cede_reader *reader, struct cede_transfer *transfer)
{
    cede_cbor_expect_array(reader, 2);
    transfer->attempts = cede_cbor_get_uint(reader);
    transfer->hours = cede_cbor_get_uint(reader);
    transfer->has_patience = true;
}

static void read_member(struct cede_reader *reader, int64_t key, struct cede_transfer *transfer)
{
    switch (key) {
    case ENROLL_URI:
        transfer->enroll_uri = cede_cbor_get_text(reader);
        break;
    case UPDATE_URI:
        transfer->update_uri = cede_cbor_get_text(reader);
        break;
    case UPDATE_FIRST:
        transfer->update_first = cede_cbor_get_bool(reader);
        break;
    case ATTEST_URI:
        transfer->attest_uri = cede_cbor_get_text(reader);
        break;
    case FALLBACK_URI:
        transfer->fallback_uri = cede_cbor_get_text(reader);
        break;
    case CONTROLLER:
        transfer->controller = get_sized(reader, CEDE_SHA256_LEN);
        break;
    case SEQ:
        transfer->seq = cede_cbor_get_uint(reader);
        transfer->has_seq = true;
        break;
    case DEVICES_DIGEST:
        transfer->devices_digest = get_sized(reader, CEDE_SHA256_LEN);
        break;
    case STATE_DIGEST:
        transfer->state_digest = get_sized(reader, CEDE_SHA256_LEN);
        break;
    case PATIENCE:
        read_patience(reader, transfer);
        break;
    default:
        cede_reader_fail(reader, CEDE_TRANSFER_CRITICAL);
        break;
    }
}

static enum cede_status read_members(struct cede_span item, struct cede_transfer *transfer)
{
    struct cede_reader reader = cede_reader(item);
    struct cede_cbor_map map = cede_cbor_get_map(&reader, CEDE_CBOR_SORTED);
    int64_t key;

    while (cede_cbor_map_next_int(&reader, &map, &key)) {
        read_member(&reader, key, transfer);
    }
    return cede_reader_finish(&reader);
}

static enum cede_status decode(struct cede_span payload, struct claims *claims,
                               struct cede_transfer *transfer)
{
    struct cede_transfer read = {0};

    memset(transfer, 0, sizeof *transfer);
    CEDE_TRY(claims_decode(payload, CEDE_CLAIM_TRANSFER, claims));
    CEDE_TRY(read_members(claims->private_claim, &read));
    if (!claims->has_exp || !claims->has_nbf || read.enroll_uri.ptr == NULL) {
        return CEDE_TRANSFER_CLAIM;
    }
    read.iss = claims->iss;
    read.aud = claims->aud;
    read.not_before = claims->nbf;
    read.not_after = claims->exp;
    read.cti = claims->cti;
    *transfer = read;
    return CEDE_OK;
}

enum cede_status cede_transfer_decode(struct cede_span payload, struct cede_transfer *transfer)
{
    struct claims claims;

    return decode(payload, &claims, transfer);
}

/* What one device needs to carry an order out. */
static bool is_order(const struct cede_transfer *transfer)
{
    return transfer->aud.ptr != NULL && transfer->has_seq && transfer->update_uri.ptr != NULL &&
           transfer->controller.ptr != NULL && transfer->iss.ptr == NULL &&
           transfer->devices_digest.ptr == NULL;
}

enum cede_status cede_transfer_check(const struct cede_crypto *crypto,
                                     const struct cede_transfer_rules *rules,
                                     struct cede_span message, struct cede_transfer *transfer)
{
    struct cede_transfer read;
    struct cede_span payload;
    struct claims claims;
    enum cede_status status;

    memset(transfer, 0, sizeof *transfer);
    CEDE_TRY(cede_transfer_verify(crypto, &rules->controller, message, &payload));
    status = decode(payload, &claims, &read);
    if (status == CEDE_OK && !is_order(&read)) {
        status = CEDE_TRANSFER_CLAIM;
    }
    if (status == CEDE_OK) {
        status = claims_check(&claims, read.seq, rules);
    }
    if (status != CEDE_OK) {
        transfer->cti = claims.cti;
        return status;
    }
    *transfer = read;
    return CEDE_OK;
}
