/* SPDX-License-Identifier: Apache-2.0 */
/* cbor_write.c - writes data items with the shortest heads (RFC 8949, section 4.2.1). */
#include "cede/cbor.h"

size_t cede_cbor_head_len(uint64_t argument)
{
    if (argument < 24) {
        return 1;
    }
    if (argument <= UINT8_MAX) {
        return 2;
    }
    if (argument <= UINT16_MAX) {
        return 3;
    }
    return argument <= UINT32_MAX ? 5 : 9;
}

void cede_cbor_put_head(struct cede_writer *writer, enum cede_cbor_type type, uint64_t argument)
{
    uint8_t major = (uint8_t)((unsigned)type << 5);

    switch (cede_cbor_head_len(argument)) {
    case 1:
        cede_write_u8(writer, (uint8_t)(major | argument));
        break;
    case 2:
        cede_write_u8(writer, major | 24);
        cede_write_u8(writer, (uint8_t)argument);
        break;
    case 3:
        cede_write_u8(writer, major | 25);
        cede_write_u16(writer, (uint16_t)argument);
        break;
    case 5:
        cede_write_u8(writer, major | 26);
        cede_write_u32(writer, (uint32_t)argument);
        break;
    default:
        cede_write_u8(writer, major | 27);
        cede_write_u64(writer, argument);
        break;
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
