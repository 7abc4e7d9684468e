/* SPDX-License-Identifier: Apache-2.0 */
/* writer.c - writes big-endian numbers and bytes into the caller's buffer, or only counts them. */
#include <string.h>

#include "cede/bytes.h"

struct cede_writer cede_writer(struct cede_buf out)
{
    struct cede_writer writer = {out, 0, CEDE_OK};
    return writer;
}

struct cede_writer cede_writer_counting(void)
{
    return cede_writer(cede_buf(NULL, 0));
}

void cede_writer_fail(struct cede_writer *writer, enum cede_status status)
{
    if (writer->status == CEDE_OK) {
        writer->status = status;
    }
}

struct cede_buf cede_write_room(struct cede_writer *writer, size_t len)
{
    size_t at = writer->len;

    if (len > SIZE_MAX - at) {
        cede_writer_fail(writer, CEDE_NO_SPACE);
        return cede_buf(NULL, 0);
    }
    writer->len += len;
    if (writer->out.ptr == NULL || writer->status != CEDE_OK) {
        return cede_buf(NULL, 0);
    }
    if (writer->len > writer->out.cap) {
        cede_writer_fail(writer, CEDE_NO_SPACE);
        return cede_buf(NULL, 0);
    }
    return cede_buf(writer->out.ptr + at, len);
}

void cede_write_bytes(struct cede_writer *writer, struct cede_span bytes)
{
    struct cede_buf room = cede_write_room(writer, bytes.len);

    if (room.ptr != NULL && bytes.len > 0) {
        memmove(room.ptr, bytes.ptr, bytes.len);
    }
}

static void write_big_endian(struct cede_writer *writer, uint64_t value, size_t len)
{
    struct cede_buf room = cede_write_room(writer, len);

    if (room.ptr == NULL) {
        return;
    }
    for (size_t i = len; i > 0; i--) {
        room.ptr[i - 1] = (uint8_t)value;
        value >>= 8;
    }
}

void cede_write_u8(struct cede_writer *writer, uint8_t value)
{
    write_big_endian(writer, value, 1);
}

void cede_write_u16(struct cede_writer *writer, uint16_t value)
{
    write_big_endian(writer, value, 2);
}

void cede_write_u32(struct cede_writer *writer, uint32_t value)
{
    write_big_endian(writer, value, 4);
}

void cede_write_u64(struct cede_writer *writer, uint64_t value)
{
    write_big_endian(writer, value, 8);
}

struct cede_span cede_written(const struct cede_writer *writer)
{
    if (writer->status != CEDE_OK || writer->out.ptr == NULL) {
        return CEDE_SPAN_NULL;
    }
    return cede_span(writer->out.ptr, writer->len);
}

enum cede_status cede_writer_finish(const struct cede_writer *writer, struct cede_span *out)
{
    *out = cede_written(writer);
    return writer->status;
}
