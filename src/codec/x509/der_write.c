/* SPDX-License-Identifier: Apache-2.0 */
/* der_write.c - writes DER values; a constructed value gets its length when it is closed. */
#include <string.h>

#include "cede/der.h"

static size_t len_len(size_t len)
{
    size_t bytes = 1;

    if (len < 0x80) {
        return 1;
    }
    while (len > 0) {
        bytes++;
        len >>= 8;
    }
    return bytes;
}

static void put_len(uint8_t *at, size_t len)
{
    size_t bytes = len_len(len);

    if (bytes == 1) {
        at[0] = (uint8_t)len;
        return;
    }
    at[0] = (uint8_t)(0x80 | (bytes - 1));
    for (size_t i = bytes - 1; i > 0; i--) {
        at[i] = (uint8_t)len;
        len >>= 8;
    }
}

size_t cede_der_open(struct cede_writer *writer, uint8_t tag)
{
    cede_write_u8(writer, tag);
    cede_write_u8(writer, 0);
    return writer->len;
}

void cede_der_close(struct cede_writer *writer, size_t mark)
{
    size_t len = writer->len - mark;
    size_t more = len_len(len) - 1;

    (void)cede_write_room(writer, more);
    if (writer->out.ptr == NULL || writer->status != CEDE_OK) {
        return;
    }
    memmove(writer->out.ptr + mark + more, writer->out.ptr + mark, len);
    put_len(writer->out.ptr + mark - 1, len);
}

void cede_der_put(struct cede_writer *writer, uint8_t tag, struct cede_span contents)
{
    uint8_t len[1 + sizeof(size_t)];

    put_len(len, contents.len);
    cede_write_u8(writer, tag);
    cede_write_bytes(writer, cede_span(len, len_len(contents.len)));
    cede_write_bytes(writer, contents);
}

void cede_der_put_bool(struct cede_writer *writer, bool value)
{
    uint8_t byte = value ? 0xff : 0x00;

    cede_der_put(writer, CEDE_DER_BOOLEAN, cede_span(&byte, 1));
}

void cede_der_put_unsigned(struct cede_writer *writer, struct cede_span big_endian)
{
    size_t mark;

    while (big_endian.len > 0 && big_endian.ptr[0] == 0) {
        big_endian = cede_span(big_endian.ptr + 1, big_endian.len - 1);
    }
    mark = cede_der_open(writer, CEDE_DER_INTEGER);
    if (big_endian.len == 0 || big_endian.ptr[0] >= 0x80) {
        cede_write_u8(writer, 0);
    }
    cede_write_bytes(writer, big_endian);
    cede_der_close(writer, mark);
}

void cede_der_put_small(struct cede_writer *writer, uint64_t value)
{
    uint8_t bytes[8];

    for (size_t i = sizeof bytes; i > 0; i--) {
        bytes[i - 1] = (uint8_t)value;
        value >>= 8;
    }
    cede_der_put_unsigned(writer, CEDE_SPAN_ARRAY(bytes));
}

void cede_der_put_oid(struct cede_writer *writer, struct cede_span oid)
{
    cede_der_put(writer, CEDE_DER_OID, oid);
}

void cede_der_put_null(struct cede_writer *writer)
{
    cede_der_put(writer, CEDE_DER_NULL, cede_span(NULL, 0));
}

void cede_der_put_bits(struct cede_writer *writer, struct cede_span bytes)
{
    size_t mark = cede_der_open(writer, CEDE_DER_BIT_STRING);

    cede_write_u8(writer, 0);
    cede_write_bytes(writer, bytes);
    cede_der_close(writer, mark);
}

void cede_der_put_flags(struct cede_writer *writer, uint32_t flags)
{
    uint8_t contents[5] = {0};
    size_t bits = 0;

    for (size_t n = 0; n < 32; n++) {
        if ((flags >> n & 1) != 0) {
            contents[1 + n / 8] = (uint8_t)(contents[1 + n / 8] | 0x80 >> n % 8);
            bits = n + 1;
        }
    }
    contents[0] = (uint8_t)((8 - bits % 8) % 8);
    cede_der_put(writer, CEDE_DER_BIT_STRING, cede_span(contents, 1 + (bits + 7) / 8));
}

#define YEAR_2050 2524608000u

static void put_time(struct cede_writer *writer, uint8_t tag, uint64_t posix_seconds)
{
    uint8_t text[15];
    size_t skip = tag == CEDE_DER_UTC_TIME ? 2 : 0;

    cede_time_digits(posix_seconds, text);
    text[14] = 'Z';
    cede_der_put(writer, tag, cede_span(text + skip, sizeof text - skip));
}

void cede_der_put_time(struct cede_writer *writer, uint64_t posix_seconds)
{
    put_time(writer, posix_seconds < YEAR_2050 ? CEDE_DER_UTC_TIME : CEDE_DER_GENERALIZED_TIME,
             posix_seconds);
}

void cede_der_put_generalized_time(struct cede_writer *writer, uint64_t posix_seconds)
{
    put_time(writer, CEDE_DER_GENERALIZED_TIME, posix_seconds);
}
