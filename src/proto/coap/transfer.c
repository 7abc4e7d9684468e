/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transfer.c - the client's side of block-wise transfers (RFC 7959, 2.4, 2.5 and 2.7): first the
 * request body in Block1 blocks, in order, then the response body in Block2 blocks.
 */
#include <string.h>

#include "cede/coap.h"

#define ETAG_LEN_MAX 8

void cede_coap_transfer_start(struct cede_coap_transfer *transfer, uint8_t szx)
{
    memset(transfer, 0, sizeof(*transfer));
    transfer->szx = szx > CEDE_COAP_SZX_MAX ? CEDE_COAP_SZX_MAX : szx;
}

static void put_block(struct cede_coap_encoder *encoder, uint16_t number,
                      const struct cede_coap_block *block)
{
    cede_coap_put_uint(encoder, number, cede_coap_block_value(block));
}

/* Asks for the next block of the response. */
static void put_fetch(const struct cede_coap_transfer *transfer, struct cede_coap_encoder *encoder)
{
    struct cede_coap_block block2 = {.szx = transfer->szx};

    block2.number = (uint32_t)(transfer->response.len / cede_coap_block_size(transfer->szx));
    put_block(encoder, CEDE_COAP_BLOCK2, &block2);
}

/* Sends the next slice of the body, the only one without Block1. */
static void put_slice(struct cede_coap_transfer *transfer, struct cede_span body,
                      struct cede_coap_encoder *encoder)
{
    size_t size = cede_coap_block_size(transfer->szx);
    size_t left = body.len - transfer->sent_len;
    struct cede_coap_block block1 = {.more = left > size, .szx = transfer->szx};
    struct cede_coap_block block2 = {.szx = transfer->szx};

    block1.number = (uint32_t)(transfer->sent_len / size);
    transfer->slice_len = block1.more ? size : left;
    /* With the last slice: keeps the first block of the response as small as we can take. */
    if (!block1.more && transfer->szx < CEDE_COAP_SZX_MAX) {
        put_block(encoder, CEDE_COAP_BLOCK2, &block2);
    }
    if (body.len > size) {
        put_block(encoder, CEDE_COAP_BLOCK1, &block1);
    }
    if (block1.more && transfer->sent_len == 0 && body.len <= UINT32_MAX) {
        cede_coap_put_uint(encoder, CEDE_COAP_SIZE1, (uint32_t)body.len);
    }
    cede_coap_put_payload(encoder, cede_span_part(body, transfer->sent_len, transfer->slice_len));
}

void cede_coap_transfer_put(struct cede_coap_transfer *transfer, struct cede_span body,
                            struct cede_coap_encoder *encoder)
{
    if (transfer->body_sent) {
        put_fetch(transfer, encoder);
    } else {
        put_slice(transfer, body, encoder);
    }
}

/* --- the response ----------------------------------------------------------------------------- */

static enum cede_status finish(struct cede_coap_transfer *transfer,
                               const struct cede_coap_message *response, struct cede_buf buffer,
                               struct cede_span *body)
{
    static const uint8_t nothing = 0;

    if (cede_span_is_null(response->payload)) {
        *body = cede_span(&nothing, 0);
    } else if (cede_copy(buffer, response->payload, body) != CEDE_OK) {
        return CEDE_COAP_BODY_TOO_LARGE;
    }
    transfer->code = response->code;
    transfer->done = true;
    return CEDE_OK;
}

/* A 2.xx answer to a slice that is not the last: move on, in smaller blocks if the server says so
 * (RFC 7959, 2.5). */
static enum cede_status acknowledge_slice(struct cede_coap_transfer *transfer,
                                          const struct cede_coap_block *block1, bool has_block1)
{
    if (!has_block1 || block1->number != transfer->sent_len / cede_coap_block_size(transfer->szx)) {
        return CEDE_COAP_BLOCK;
    }
    transfer->sent_len += transfer->slice_len;
    if (block1->szx < transfer->szx) {
        transfer->szx = block1->szx;
    }
    return CEDE_OK;
}

/* 4.13 with a smaller block size is a hint to try that (RFC 7959, 2.9.3). */
static bool try_smaller(struct cede_coap_transfer *transfer,
                        const struct cede_coap_message *response,
                        const struct cede_coap_block *block1, bool has_block1)
{
    if (response->code != CEDE_COAP_REQUEST_TOO_LARGE || !has_block1 ||
        block1->szx >= transfer->szx) {
        return false;
    }
    transfer->szx = block1->szx;
    transfer->sent_len = 0;
    return true;
}

static bool read_etag(const struct cede_coap_message *response, struct cede_span *etag)
{
    (void)cede_coap_find_option(response, CEDE_COAP_ETAG, etag);
    return etag->len <= ETAG_LEN_MAX;
}

/* All blocks of a body carry the same ETag and code (RFC 7959, 2.4). */
static bool is_same_body(const struct cede_coap_transfer *transfer,
                         const struct cede_coap_message *response, struct cede_span etag)
{
    const struct cede_coap_assembly *assembly = &transfer->response;

    return response->code == transfer->code && etag.len == assembly->etag_len &&
           (etag.len == 0 || memcmp(etag.ptr, assembly->etag, etag.len) == 0);
}

static enum cede_status take_block2(struct cede_coap_transfer *transfer,
                                    const struct cede_coap_message *response,
                                    const struct cede_coap_block *block, struct cede_buf buffer,
                                    struct cede_span *body)
{
    struct cede_span etag;

    if (block->szx > transfer->szx ||
        block->number * cede_coap_block_size(block->szx) != transfer->response.len ||
        !read_etag(response, &etag)) {
        return CEDE_COAP_BLOCK;
    }
    if (block->number > 0 && !is_same_body(transfer, response, etag)) {
        return CEDE_COAP_BODY_CHANGED;
    }
    CEDE_TRY(cede_coap_assembly_add(&transfer->response, buffer, block, response->payload));
    transfer->response.etag_len = (uint8_t)etag.len;
    if (etag.len > 0) {
        memcpy(transfer->response.etag, etag.ptr, etag.len);
    }
    transfer->code = response->code;
    transfer->szx = block->szx;
    transfer->body_sent = true;
    if (!block->more) {
        transfer->done = true;
        *body = cede_span(buffer.ptr, transfer->response.len);
    }
    return CEDE_OK;
}

enum cede_status cede_coap_transfer_receive(struct cede_coap_transfer *transfer,
                                            struct cede_span body,
                                            const struct cede_coap_message *response,
                                            struct cede_buf buffer, struct cede_span *response_body)
{
    bool success = CEDE_COAP_CODE_CLASS(response->code) == 2;
    bool has_block1;
    bool has_block2;
    struct cede_coap_block block1;
    struct cede_coap_block block2;

    *response_body = CEDE_SPAN_NULL;
    CEDE_TRY(cede_coap_find_block(response, CEDE_COAP_BLOCK1, &has_block1, &block1));
    CEDE_TRY(cede_coap_find_block(response, CEDE_COAP_BLOCK2, &has_block2, &block2));
    if (!success) {
        if (!transfer->body_sent && try_smaller(transfer, response, &block1, has_block1)) {
            return CEDE_OK;
        }
        return finish(transfer, response, buffer, response_body);
    }
    if (!transfer->body_sent && transfer->sent_len + transfer->slice_len < body.len) {
        return acknowledge_slice(transfer, &block1, has_block1);
    }
    if (response->code == CEDE_COAP_CONTINUE) {
        return CEDE_COAP_BLOCK; /* nothing is left to continue with */
    }
    if (has_block2) {
        return take_block2(transfer, response, &block2, buffer, response_body);
    }
    if (transfer->body_sent) {
        return CEDE_COAP_BLOCK; /* not an answer to the request for one block */
    }
    return finish(transfer, response, buffer, response_body);
}
