/* SPDX-License-Identifier: Apache-2.0 */
/* reader.c - reads big-endian numbers and spans from bytes, never past their end. */
#include "cede/bytes.h"

struct cede_reader cede_reader(struct cede_span in)
{
    struct cede_reader reader = {in, 0, CEDE_OK};
    return reader;
}

void cede_reader_open(struct cede_reader *reader, const struct cede_span *in)
{
    reader->in = *in;
    reader->pos = 0;
    reader->status = CEDE_OK;
}

void cede_reader_fail(struct cede_reader *reader, enum cede_status status)
{
    if (reader->status == CEDE_OK) {
        reader->status = status;
    }
}

size_t cede_reader_left(const struct cede_reader *reader)
{
    return reader->status == CEDE_OK ? reader->in.len - reader->pos : 0;
}

bool cede_reader_at_end(const struct cede_reader *reader)
{
    return reader->status == CEDE_OK && reader->pos == reader->in.len;
}

uint8_t cede_reader_peek(const struct cede_reader *reader)
{
    if (reader->status != CEDE_OK || reader->pos == reader->in.len) {
        return 0;
    }
    return reader->in.ptr[reader->pos];
}

struct cede_span cede_read_bytes(struct cede_reader *reader, size_t len)
{
    struct cede_span bytes;

    if (reader->status != CEDE_OK) {
        return CEDE_SPAN_NULL;
    }
    if (len > reader->in.len - reader->pos) {
        cede_reader_fail(reader, CEDE_TRUNCATED);
        return CEDE_SPAN_NULL;
    }
    if (reader->in.ptr == NULL) { /* zero bytes of an absent span: nothing, but not absent */
        static const uint8_t nothing = 0;
        return cede_span(&nothing, 0);
    }
    bytes = cede_span(reader->in.ptr + reader->pos, len);
    reader->pos += len;
    return bytes;
}

struct cede_span cede_read_rest(struct cede_reader *reader)
{
    return cede_read_bytes(reader, cede_reader_left(reader));
}

static uint64_t read_big_endian(struct cede_reader *reader, size_t len)
{
    struct cede_span bytes = cede_read_bytes(reader, len);
    uint64_t value = 0;

    for (size_t i = 0; i < bytes.len; i++) {
        value = value << 8 | bytes.ptr[i];
    }
    return value;
}

uint8_t cede_read_u8(struct cede_reader *reader)
{
    return (uint8_t)read_big_endian(reader, 1);
}

uint16_t cede_read_u16(struct cede_reader *reader)
{
    return (uint16_t)read_big_endian(reader, 2);
}

uint32_t cede_read_u32(struct cede_reader *reader)
{
    return (uint32_t)read_big_endian(reader, 4);
}

uint64_t cede_read_u64(struct cede_reader *reader)
{
    return read_big_endian(reader, 8);
}

struct cede_span cede_reader_since(const struct cede_reader *reader, size_t from)
{
    if (reader->status != CEDE_OK || from > reader->pos) {
        return CEDE_SPAN_NULL;
    }
    return cede_span(reader->in.ptr + from, reader->pos - from);
}

enum cede_status cede_reader_finish(const struct cede_reader *reader)
{
    if (reader->status != CEDE_OK) {
        return reader->status;
    }
    return reader->pos == reader->in.len ? CEDE_OK : CEDE_TRAILING_BYTES;
}
