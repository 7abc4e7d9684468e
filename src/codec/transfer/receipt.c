/* SPDX-License-Identifier: Apache-2.0 */
/* receipt.c - receipts and notices: which devices went over, which came back. */
#include <string.h>

#include "codec/transfer/claims.h"

/* Keys inside the claim -70003. */
enum { TRANSFER_ID = 1, LINES = 2 };

void cede_receipt_encode(struct cede_writer *writer, const struct cede_receipt *receipt)
{
    struct claims claims = {.iss = receipt->iss, .cti = receipt->cti};

    if (receipt->lines_count == 0 || receipt->iss.ptr == NULL) {
        cede_writer_fail(writer, CEDE_BAD_ARGUMENT);
    }
    claims_encode(writer, &claims, CEDE_CLAIM_RECEIPT);
    cede_cbor_put_map(writer, 2);
    cede_cbor_put_uint(writer, TRANSFER_ID);
    put_sized(writer, receipt->transfer_id, CEDE_TRANSFER_ID_LEN);
    cede_cbor_put_uint(writer, LINES);
    cede_cbor_put_array(writer, receipt->lines_count);
    for (size_t i = 0; i < receipt->lines_count; i++) {
        cede_cbor_put_array(writer, 3);
        cede_cbor_put_text(writer, receipt->lines[i].device_id);
        cede_cbor_put_uint(writer, (uint64_t)receipt->lines[i].state);
        cede_cbor_put_uint(writer, receipt->lines[i].at);
    }
}

static void read_line(struct cede_reader *reader, struct cede_receipt_line *line)
{
    uint64_t state;

    cede_cbor_expect_array(reader, 3);
    line->device_id = cede_cbor_get_text(reader);
    state = cede_cbor_get_uint(reader);
    if (state != CEDE_RECEIPT_TAKEN_OVER && state != CEDE_RECEIPT_RETURNED) {
        cede_reader_fail(reader, CEDE_CBOR_RANGE);
        state = CEDE_RECEIPT_TAKEN_OVER;
    }
    line->state = (enum cede_receipt_state)state;
    line->at = cede_cbor_get_uint(reader);
}

static void read_lines(struct cede_reader *reader, struct cede_receipt *receipt)
{
    struct cede_receipt_line line;
    size_t at;

    receipt->lines_count = cede_cbor_get_array(reader);
    if (receipt->lines_count == 0) {
        cede_reader_fail(reader, CEDE_CBOR_COUNT);
    }
    at = reader->pos;
    for (size_t i = 0; i < receipt->lines_count && reader->status == CEDE_OK; i++) {
        read_line(reader, &line);
    }
    receipt->line_items = cede_reader_since(reader, at);
}

static enum cede_status read_members(struct cede_span item, struct cede_receipt *receipt)
{
    struct cede_reader reader = cede_reader(item);
    struct cede_cbor_map map = cede_cbor_get_map(&reader, CEDE_CBOR_SORTED);
    int64_t key;

    while (cede_cbor_map_next_int(&reader, &map, &key)) {
        switch (key) {
        case TRANSFER_ID:
            receipt->transfer_id = get_sized(&reader, CEDE_TRANSFER_ID_LEN);
            break;
        case LINES:
            read_lines(&reader, receipt);
            break;
        default:
            cede_reader_fail(&reader, CEDE_TRANSFER_CRITICAL);
            break;
        }
    }
    CEDE_TRY(cede_reader_finish(&reader));
    return receipt->transfer_id.ptr == NULL || receipt->lines_count == 0 ? CEDE_TRANSFER_CLAIM
                                                                         : CEDE_OK;
}

enum cede_status cede_receipt_decode(struct cede_span payload, struct cede_receipt *receipt)
{
    struct cede_receipt read = {0};
    struct claims claims;

    memset(receipt, 0, sizeof *receipt);
    CEDE_TRY(claims_decode(payload, CEDE_CLAIM_RECEIPT, &claims));
    CEDE_TRY(read_members(claims.private_claim, &read));
    if (claims.iss.ptr == NULL || claims.aud.ptr != NULL || claims.has_exp || claims.has_nbf) {
        return CEDE_TRANSFER_CLAIM;
    }
    read.iss = claims.iss;
    read.cti = claims.cti;
    *receipt = read;
    return CEDE_OK;
}

bool cede_receipt_next(struct cede_span *items, struct cede_receipt_line *line)
{
    struct cede_reader reader = cede_reader(*items);

    memset(line, 0, sizeof *line);
    if (items->len == 0) {
        return false;
    }
    read_line(&reader, line);
    if (reader.status != CEDE_OK) {
        memset(line, 0, sizeof *line);
        return false;
    }
    *items = cede_read_rest(&reader);
    return true;
}
