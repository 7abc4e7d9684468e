/* SPDX-License-Identifier: Apache-2.0 */
/* block.c - block-wise transfers (RFC 7959): the option, slicing, assembly, the server's side. */
#include <string.h>

#include "cede/coap.h"

#define BLOCK_NUMBER_MAX 0xfffff

size_t cede_coap_block_size(uint8_t szx)
{
    return (size_t)16 << szx;
}

uint8_t cede_coap_block_fit(size_t len)
{
    uint8_t szx = CEDE_COAP_SZX_MAX;

    while (szx > 0 && cede_coap_block_size(szx) > len) {
        szx--;
    }
    return szx;
}

uint32_t cede_coap_block_value(const struct cede_coap_block *block)
{
    return block->number << 4 | (block->more ? 8u : 0u) | block->szx;
}

enum cede_status cede_coap_block_decode(struct cede_span value, struct cede_coap_block *block)
{
    uint32_t number;

    memset(block, 0, sizeof(*block));
    if (value.len > 3) {
        return CEDE_COAP_OPTION_VALUE;
    }
    CEDE_TRY(cede_coap_uint_value(value, &number));
    if ((number & 7) > CEDE_COAP_SZX_MAX) {
        return CEDE_COAP_BLOCK;
    }
    block->number = number >> 4;
    block->more = (number & 8) != 0;
    block->szx = (uint8_t)(number & 7);
    return CEDE_OK;
}

enum cede_status cede_coap_find_block(const struct cede_coap_message *message, uint16_t number,
                                      bool *present, struct cede_coap_block *block)
{
    struct cede_span value;

    memset(block, 0, sizeof(*block));
    *present = cede_coap_find_option(message, number, &value);
    return *present ? cede_coap_block_decode(value, block) : CEDE_OK;
}

static size_t block_offset(const struct cede_coap_block *block)
{
    return (size_t)block->number * cede_coap_block_size(block->szx);
}

enum cede_status cede_coap_block_slice(struct cede_span body, struct cede_coap_block *block,
                                       struct cede_span *slice)
{
    size_t size = cede_coap_block_size(block->szx);
    size_t from = block_offset(block);
    size_t left;

    *slice = CEDE_SPAN_NULL;
    if (block->number > BLOCK_NUMBER_MAX || from > body.len || (from == body.len && from > 0)) {
        return CEDE_COAP_BLOCK;
    }
    left = body.len - from;
    block->more = left > size;
    *slice = cede_span_part(body, from, block->more ? size : left);
    return CEDE_OK;
}

/* A block whose bytes are all there already: equal is a harmless repetition. */
static enum cede_status check_repeated(const struct cede_coap_assembly *assembly,
                                       struct cede_buf buffer, size_t from,
                                       struct cede_span payload)
{
    if (payload.len > assembly->len - from ||
        (payload.len > 0 && memcmp(buffer.ptr + from, payload.ptr, payload.len) != 0)) {
        return CEDE_COAP_BLOCK_MISSING;
    }
    return CEDE_OK;
}

enum cede_status cede_coap_assembly_add(struct cede_coap_assembly *assembly, struct cede_buf buffer,
                                        const struct cede_coap_block *block,
                                        struct cede_span payload)
{
    size_t from = block_offset(block);

    if (block->more && payload.len != cede_coap_block_size(block->szx)) {
        return CEDE_COAP_BLOCK;
    }
    if (block->number == 0) {
        memset(assembly, 0, sizeof(*assembly));
    }
    if (from < assembly->len) {
        return check_repeated(assembly, buffer, from, payload);
    }
    if (from > assembly->len || assembly->complete) {
        return CEDE_COAP_BLOCK_MISSING;
    }
    if (from > buffer.cap || payload.len > buffer.cap - from) {
        return CEDE_COAP_BODY_TOO_LARGE;
    }
    if (payload.len > 0) {
        memmove(buffer.ptr + from, payload.ptr, payload.len);
    }
    assembly->len += payload.len;
    assembly->complete = !block->more;
    return CEDE_OK;
}

/* --- the server's side ------------------------------------------------------------------------ */

/* Without Block1: the payload is the body. */
static void take_whole(struct cede_coap_assembly *assembly, const struct cede_coap_message *request,
                       struct cede_coap_upload *upload)
{
    static const uint8_t nothing = 0;

    memset(assembly, 0, sizeof(*assembly));
    upload->complete = true;
    upload->body = request->payload;
    if (cede_span_is_null(upload->body)) {
        upload->body = cede_span(&nothing, 0);
    }
}

/* Blocks with different content formats are not one body (RFC 7959, 2.3). */
static enum cede_status check_format(const struct cede_coap_assembly *assembly,
                                     const struct cede_coap_message *request, uint32_t number,
                                     bool *known, uint32_t *format)
{
    struct cede_span value;

    /* An elective option: one that cannot be read counts as absent. */
    (void)!cede_coap_find_uint(request, CEDE_COAP_CONTENT_FORMAT, 0, format);
    *known = cede_coap_find_option(request, CEDE_COAP_CONTENT_FORMAT, &value);
    if (number > 0 &&
        (*known != assembly->content_format_known || *format != assembly->content_format)) {
        return CEDE_COAP_BLOCK_MISSING;
    }
    return CEDE_OK;
}

static enum cede_status check_announced(const struct cede_coap_message *request,
                                        struct cede_buf buffer)
{
    uint32_t announced;

    (void)!cede_coap_find_uint(request, CEDE_COAP_SIZE1, 0, &announced); /* elective, too */
    return announced > buffer.cap ? CEDE_COAP_BODY_TOO_LARGE : CEDE_OK;
}

enum cede_status cede_coap_upload_receive(struct cede_coap_assembly *assembly,
                                          struct cede_buf buffer,
                                          const struct cede_coap_message *request, uint8_t szx_max,
                                          struct cede_coap_upload *upload)
{
    struct cede_coap_block block;
    bool format_known;
    uint32_t format;
    bool present;

    memset(upload, 0, sizeof(*upload));
    CEDE_TRY(cede_coap_find_block(request, CEDE_COAP_BLOCK1, &present, &block));
    if (!present) {
        take_whole(assembly, request, upload);
        return CEDE_OK;
    }
    CEDE_TRY(check_announced(request, buffer));
    CEDE_TRY(check_format(assembly, request, block.number, &format_known, &format));
    CEDE_TRY(cede_coap_assembly_add(assembly, buffer, &block, request->payload));
    assembly->content_format_known = format_known;
    assembly->content_format = format;
    upload->has_block1 = true;
    upload->block1 = block;
    if (upload->block1.szx > szx_max) {
        upload->block1.szx = szx_max;
    }
    if (!block.more) {
        upload->complete = true;
        upload->body = cede_span(buffer.ptr, assembly->len);
    }
    return CEDE_OK;
}

/* The same place in the body, counted in blocks of at most szx_max. */
static void shrink(struct cede_coap_block *block, uint8_t szx_max)
{
    if (block->szx > szx_max) {
        block->number <<= block->szx - szx_max;
        block->szx = szx_max;
    }
}

enum cede_status cede_coap_download_slice(const struct cede_coap_message *request,
                                          struct cede_span body, uint8_t szx_max,
                                          struct cede_coap_download *download)
{
    struct cede_coap_download result = {.block2 = {.szx = szx_max}};

    memset(download, 0, sizeof(*download));
    CEDE_TRY(cede_coap_find_block(request, CEDE_COAP_BLOCK2, &result.has_block2, &result.block2));
    if (!result.has_block2) {
        result.has_block2 = body.len > cede_coap_block_size(szx_max);
        result.block2.szx = szx_max;
    }
    shrink(&result.block2, szx_max);
    CEDE_TRY(cede_coap_block_slice(body, &result.block2, &result.slice));
    *download = result;
    return CEDE_OK;
}
