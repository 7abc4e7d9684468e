/* SPDX-License-Identifier: Apache-2.0 */
/* cbor_write.c - writes data items with the shortest heads (RFC 8949, section 4.2.1). */
#include "cede/cbor.h"

/* Additional information: the argument itself, or 24 to 27 for 1, 2, 4 or 8 bytes of it. */
static unsigned info_of(uint64_t argument)
{
    if (argument < 24) {
        return (unsigned)argument;
    }
    if (argument <= UINT8_MAX) {
        return 24;
    }
    if (argument <= UINT16_MAX) {
        return 25;
    }
    return argument <= UINT32_MAX ? 26 : 27;
}

static size_t argument_len(unsigned info)
{
    return info < 24 ? 0 : (size_t)1 << (info - 24);
}

size_t cede_cbor_head_len(uint64_t argument)
{
    return 1 + argument_len(info_of(argument));
}

void cede_cbor_put_head(struct cede_writer *writer, enum cede_cbor_type type, uint64_t argument)
{
    unsigned info = info_of(argument);

    cede_write_u8(writer, (uint8_t)((unsigned)type << 5 | info));
    for (size_t left = argument_len(info); left > 0; left--) {
        cede_write_u8(writer, (uint8_t)(argument >> 8 * (left - 1)));
    }
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
