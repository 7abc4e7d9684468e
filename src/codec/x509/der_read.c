/* SPDX-License-Identifier: Apache-2.0 */
/* der_read.c - reads DER values (X.690), refusing every form that is not the shortest. */
#include "cede/der.h"

static void fail_at(struct cede_reader *reader, size_t at, enum cede_status status)
{
    if (reader->status == CEDE_OK) {
        reader->pos = at;
        reader->status = status;
    }
}

uint8_t cede_der_peek(const struct cede_reader *reader)
{
    return cede_reader_peek(reader);
}

/* X.690, section 8.1.3, in DER's shortest form (section 10.1); up to four length bytes. */
static size_t read_len(struct cede_reader *reader)
{
    size_t at = reader->pos;
    uint8_t first = cede_read_u8(reader);
    size_t bytes = first & 0x7f;
    size_t len = 0;

    if (first < 0x80) {
        return first;
    }
    if (bytes == 0 || bytes > 4) {
        fail_at(reader, at, CEDE_DER_LENGTH);
        return 0;
    }
    for (size_t i = 0; i < bytes; i++) {
        len = len << 8 | cede_read_u8(reader);
    }
    if (reader->status == CEDE_OK && (len < 0x80 || len >> (8 * (bytes - 1)) == 0)) {
        fail_at(reader, at, CEDE_DER_LENGTH);
    }
    return len;
}

/* One byte of tag. Of the universal types those that consist of others are constructed, the rest
 * are not: DER has strings in one piece (X.690, sections 8.9.1, 8.11.1 and 10.2). */
static bool is_tag(uint8_t tag)
{
    unsigned number = tag & 0x1f;
    bool of_others = number == 0x08 || number == 0x0b || number == 0x10 || number == 0x11;

    if (number == 0x1f || tag == 0) {
        return false;
    }
    return (tag & 0xc0) != 0 || ((tag & 0x20) != 0) == of_others;
}

struct cede_span cede_der_get_any(struct cede_reader *reader, uint8_t *tag)
{
    size_t at = reader->pos;
    uint8_t first = cede_read_u8(reader);
    size_t len = read_len(reader);

    if (tag != NULL) {
        *tag = first;
    }
    if (reader->status == CEDE_OK && !is_tag(first)) {
        fail_at(reader, at, CEDE_DER_TAG);
    }
    return cede_read_bytes(reader, len);
}

struct cede_span cede_der_get(struct cede_reader *reader, uint8_t tag)
{
    if (reader->status == CEDE_OK && cede_reader_left(reader) == 0) {
        cede_reader_fail(reader, CEDE_TRUNCATED);
    } else if (cede_reader_peek(reader) != tag) {
        cede_reader_fail(reader, CEDE_DER_TAG);
    }
    return cede_der_get_any(reader, NULL);
}

struct cede_span cede_der_get_value(struct cede_reader *reader)
{
    size_t at = reader->pos;

    (void)cede_der_get_any(reader, NULL);
    return cede_reader_since(reader, at);
}

struct cede_reader cede_der_enter(struct cede_reader *reader, uint8_t tag)
{
    struct cede_reader inner = cede_reader(cede_der_get(reader, tag));

    inner.status = reader->status;
    return inner;
}

struct cede_span cede_der_get_oid(struct cede_reader *reader)
{
    size_t at = reader->pos;
    struct cede_span oid = cede_der_get(reader, CEDE_DER_OID);
    bool begins = true; /* a number of it */

    for (size_t i = 0; i < oid.len; i++) {
        if (begins && oid.ptr[i] == 0x80) {
            fail_at(reader, at, CEDE_DER_VALUE);
        }
        begins = oid.ptr[i] < 0x80;
    }
    if (reader->status == CEDE_OK && (oid.len == 0 || !begins)) {
        fail_at(reader, at, CEDE_DER_VALUE);
    }
    return reader->status == CEDE_OK ? oid : CEDE_SPAN_NULL;
}

bool cede_der_get_bool(struct cede_reader *reader)
{
    struct cede_span contents = cede_der_get(reader, CEDE_DER_BOOLEAN);

    if (reader->status != CEDE_OK) {
        return false;
    }
    if (contents.len != 1 || (contents.ptr[0] != 0x00 && contents.ptr[0] != 0xff)) {
        cede_reader_fail(reader, CEDE_DER_VALUE);
        return false;
    }
    return contents.ptr[0] == 0xff;
}

struct cede_span cede_der_get_unsigned(struct cede_reader *reader)
{
    size_t at = reader->pos;
    struct cede_span contents = cede_der_get(reader, CEDE_DER_INTEGER);

    if (reader->status != CEDE_OK) {
        return CEDE_SPAN_NULL;
    }
    if (contents.len == 0 ||
        (contents.len > 1 && contents.ptr[0] == 0x00 && contents.ptr[1] < 0x80)) {
        fail_at(reader, at, CEDE_DER_VALUE);
        return CEDE_SPAN_NULL;
    }
    if (contents.ptr[0] >= 0x80) {
        fail_at(reader, at, CEDE_DER_NEGATIVE);
        return CEDE_SPAN_NULL;
    }
    if (contents.ptr[0] == 0x00) {
        contents = cede_span(contents.ptr + 1, contents.len - 1);
    }
    return contents;
}

uint32_t cede_der_get_small(struct cede_reader *reader)
{
    size_t at = reader->pos;
    struct cede_span number = cede_der_get_unsigned(reader);
    uint32_t value = 0;

    if (number.len > sizeof value) {
        fail_at(reader, at, CEDE_DER_VALUE);
        return 0;
    }
    for (size_t i = 0; i < number.len; i++) {
        value = value << 8 | number.ptr[i];
    }
    return value;
}

struct cede_span cede_der_get_bits(struct cede_reader *reader, uint8_t *unused_bits)
{
    size_t at = reader->pos;
    struct cede_span contents = cede_der_get(reader, CEDE_DER_BIT_STRING);
    uint8_t unused;

    if (unused_bits != NULL) {
        *unused_bits = 0;
    }
    if (reader->status != CEDE_OK) {
        return CEDE_SPAN_NULL;
    }
    unused = contents.len > 0 ? contents.ptr[0] : 8;
    if (unused > 7 || (unused > 0 && unused_bits == NULL) || (unused > 0 && contents.len == 1) ||
        (unused > 0 && (contents.ptr[contents.len - 1] & ((1u << unused) - 1)) != 0)) {
        fail_at(reader, at, CEDE_DER_VALUE);
        return CEDE_SPAN_NULL;
    }
    if (unused_bits != NULL) {
        *unused_bits = unused;
    }
    return cede_span(contents.ptr + 1, contents.len - 1);
}

/* The fourteen digits of "YYMMDDHHMMSSZ" or "YYYYMMDDHHMMSSZ" (RFC 5280, section 4.1.2.5). */
static bool spread_digits(uint8_t tag, struct cede_span text, uint8_t digits[14])
{
    size_t year_len = tag == CEDE_DER_UTC_TIME ? 2 : 4;

    if (text.len != year_len + 11 || text.ptr[text.len - 1] != 'Z') {
        return false;
    }
    if (year_len == 2) {
        bool next_century = text.ptr[0] < '5'; /* 00..49 is 20xx */
        digits[0] = next_century ? '2' : '1';
        digits[1] = next_century ? '0' : '9';
    }
    for (size_t i = 0; i < text.len - 1; i++) {
        digits[i + (4 - year_len)] = text.ptr[i];
    }
    return true;
}

uint64_t cede_der_get_time(struct cede_reader *reader)
{
    size_t at = reader->pos;
    uint8_t tag;
    struct cede_span text = cede_der_get_any(reader, &tag);
    uint8_t digits[14];
    uint64_t seconds = 0;

    if (reader->status != CEDE_OK) {
        return 0;
    }
    if ((tag != CEDE_DER_UTC_TIME && tag != CEDE_DER_GENERALIZED_TIME) ||
        !spread_digits(tag, text, digits) || !cede_time_from_digits(digits, &seconds)) {
        fail_at(reader, at, CEDE_DER_TIME);
        return 0;
    }
    return seconds;
}

size_t cede_der_count(struct cede_span contents)
{
    struct cede_reader reader = cede_reader(contents);
    size_t count = 0;

    while (reader.status == CEDE_OK && cede_reader_left(&reader) > 0) {
        (void)cede_der_get_any(&reader, NULL);
        count++;
    }
    return reader.status == CEDE_OK ? count : 0;
}
