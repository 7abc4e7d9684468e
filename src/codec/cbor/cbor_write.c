/* SPDX-License-Identifier: Apache-2.0 */
/* cbor_write.c - writes data items with the shortest heads (RFC 8949, section 4.2.1). */
#include "cede/cbor.h"

size_t cede_cbor_head(uint8_t head[CEDE_CBOR_HEAD_MAX], enum cede_cbor_type type, uint64_t argument)
{
    size_t info = 24, bytes = 1;

    if (argument < 24) {
        head[0] = (uint8_t)((unsigned)type << 5 | argument);
        return 1;
    }
    while (bytes < 8 && argument >> 8 * bytes != 0) {
        bytes *= 2;
        info++;
    }
    head[0] = (uint8_t)((unsigned)type << 5 | info);
    for (size_t i = bytes; i > 0; i--) {
        head[i] = (uint8_t)argument;
        argument >>= 8;
    }
    return 1 + bytes;
}

size_t cede_cbor_head_len(uint64_t argument)
{
    uint8_t head[CEDE_CBOR_HEAD_MAX];

    return cede_cbor_head(head, CEDE_CBOR_UINT, argument);
}

void cede_cbor_put_head(struct cede_writer *writer, enum cede_cbor_type type, uint64_t argument)
{
    uint8_t head[CEDE_CBOR_HEAD_MAX];

    cede_write_bytes(writer, cede_span(head, cede_cbor_head(head, type, argument)));
}

void cede_cbor_put_uint(struct cede_writer *writer, uint64_t value)
{
    cede_cbor_put_head(writer, CEDE_CBOR_UINT, value);
}

void cede_cbor_put_int(struct cede_writer *writer, int64_t value)
{
    if (value >= 0) {
        cede_cbor_put_head(writer, CEDE_CBOR_UINT, (uint64_t)value);
    } else {
        cede_cbor_put_head(writer, CEDE_CBOR_NINT, (uint64_t)(-1 - value));
    }
}

void cede_cbor_put_bytes_head(struct cede_writer *writer, uint64_t len)
{
    cede_cbor_put_head(writer, CEDE_CBOR_BYTES, len);
}

void cede_cbor_put_bytes(struct cede_writer *writer, struct cede_span bytes)
{
    cede_cbor_put_head(writer, CEDE_CBOR_BYTES, bytes.len);
    cede_write_bytes(writer, bytes);
}

void cede_cbor_put_text(struct cede_writer *writer, struct cede_span text)
{
    cede_cbor_put_head(writer, CEDE_CBOR_TEXT, text.len);
    cede_write_bytes(writer, text);
}

void cede_cbor_put_array(struct cede_writer *writer, uint64_t element_count)
{
    cede_cbor_put_head(writer, CEDE_CBOR_ARRAY, element_count);
}

void cede_cbor_put_map(struct cede_writer *writer, uint64_t pair_count)
{
    cede_cbor_put_head(writer, CEDE_CBOR_MAP, pair_count);
}

void cede_cbor_put_tag(struct cede_writer *writer, uint64_t tag)
{
    cede_cbor_put_head(writer, CEDE_CBOR_TAG, tag);
}

void cede_cbor_put_bool(struct cede_writer *writer, bool value)
{
    cede_write_u8(writer, value ? 0xf5 : 0xf4);
}

void cede_cbor_put_null(struct cede_writer *writer)
{
    cede_write_u8(writer, 0xf6);
}
