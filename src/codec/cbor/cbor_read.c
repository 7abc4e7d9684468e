/* SPDX-License-Identifier: Apache-2.0 */
/* cbor_read.c - reads data items, refusing what is not deterministic (RFC 8949, section 4.2.1). */
#include <string.h>

#include "codec/cbor/cbor.h"

CEDE_NOINLINE unsigned cbor_first(const struct cede_reader *reader)
{
    if (reader->status != CEDE_OK || reader->pos == reader->in.len) {
        return CBOR_NO_BYTE;
    }
    return reader->in.ptr[reader->pos];
}

enum cede_cbor_type cede_cbor_peek(const struct cede_reader *reader)
{
    return (enum cede_cbor_type)(cbor_first(reader) >> 5);
}

bool cede_cbor_peek_null(const struct cede_reader *reader)
{
    return cbor_first(reader) == 0xf6;
}

/* Fails the reader at the item that began at `at`, so that the offset names the culprit: nothing
 * has been read since when the reader had failed before. */
static void fail_at(struct cede_reader *reader, size_t at, enum cede_status status)
{
    reader->pos = at;
    cede_reader_fail(reader, status);
}

/* UTF-8 (RFC 3629, section 4): no overlong forms, no surrogates, nothing past U+10FFFF. */
CEDE_NOINLINE static bool is_utf8(const uint8_t *text, size_t len)
{
    const uint8_t *end = text + len;

    while (text != end) {
        uint32_t first = *text++, code = first, least = 2, bit = 0x40;

        if (first < 0x80) {
            continue;
        }
        if (first < 0xc2 || first > 0xf4) {
            return false;
        }
        do { /* for each bit set after the first, a byte of six bits */
            if (text == end || *text >> 6 != 2) {
                return false;
            }
            code = code << 6 | (*text++ & 0x3f);
            least <<= 5;
            bit >>= 1;
        } while ((first & bit) != 0);
        code &= (least << 5) - 1;
        if (code < least || code >> 11 == 0xd800 >> 11 || code > 0x10ffff) {
            return false;
        }
    }
    return true;
}

/* --- heads ------------------------------------------------------------------------------------ */

struct head {
    size_t len;
    uint64_t argument;
};

/* Additional information 24 to 27 says that the argument follows in 1 to 8 bytes; it must not fit
 * into half of them. Simple values and floats keep their own widths (RFC 8949, section 3.3). */
static enum cede_status parse_argument(const uint8_t *at, size_t left, unsigned type,
                                       struct head *head)
{
    unsigned info = at[0] & 0x1f;
    size_t bytes = (size_t)1 << (info & 3);
    uint32_t value = 0, upper_half = 0;

    head->len = 1;
    head->argument = info;
    if (info < 24) {
        return CEDE_OK;
    }
    if (info > 27) {
        return info == 31 ? CEDE_CBOR_INDEFINITE : CEDE_CBOR_RESERVED;
    }
    if (bytes >= left) {
        return CEDE_TRUNCATED;
    }
    for (size_t i = 1; i <= bytes; i++) {
        value = value << 8 | at[i];
        if (i == bytes / 2) {
            upper_half = value;
        }
    }
    head->len += bytes;
    head->argument = bytes == 8 ? (uint64_t)upper_half << 32 | value : value;
    if (bytes == 1) {
        upper_half = value >= (type == CEDE_CBOR_SIMPLE ? 32 : 24);
    } else if (type == CEDE_CBOR_SIMPLE) {
        return CEDE_OK;
    }
    return upper_half != 0 ? CEDE_OK : CEDE_CBOR_NOT_SHORTEST;
}

/* A length or count that the rest of the input cannot hold is refused at once: each item has a
 * byte, a pair of a map two. */
static enum cede_status parse_head(const struct cede_reader *reader, unsigned types,
                                   struct head *head)
{
    unsigned type = cede_cbor_peek(reader);
    const uint8_t *at;
    size_t left;

    if (type == CEDE_CBOR_NONE) {
        return CEDE_TRUNCATED;
    }
    if ((types >> type & 1) == 0) {
        return CEDE_CBOR_TYPE;
    }
    at = reader->in.ptr + reader->pos;
    left = reader->in.len - reader->pos;
    CEDE_TRY(parse_argument(at, left, type, head));
    left -= head->len;
    if (type == CEDE_CBOR_MAP) {
        left /= 2;
    }
    if ((CBOR_TYPES_SIZED >> type & 1) != 0 && head->argument > left) {
        return CEDE_TRUNCATED;
    }
    if (type == CEDE_CBOR_TEXT && !is_utf8(at + head->len, (size_t)head->argument)) {
        return CEDE_CBOR_UTF8;
    }
    return CEDE_OK;
}

uint64_t cbor_read_head(struct cede_reader *reader, unsigned types)
{
    struct head head;
    enum cede_status status = parse_head(reader, types, &head);

    if (status != CEDE_OK) {
        cede_reader_fail(reader, status);
        return 0;
    }
    reader->pos += head.len;
    return head.argument;
}

/* --- items ------------------------------------------------------------------------------------ */

uint64_t cede_cbor_get_uint(struct cede_reader *reader)
{
    return cbor_read_head(reader, CBOR_TYPE(UINT));
}

/* Whether the head that was read at `at` is that of a negative number. */
static bool was_negative(const struct cede_reader *reader, size_t at)
{
    return (reader->in.ptr[at] & 0x20) != 0;
}

int64_t cede_cbor_get_int(struct cede_reader *reader)
{
    size_t at = reader->pos;
    uint64_t argument = cbor_read_head(reader, CBOR_TYPES_INT);

    if (reader->status != CEDE_OK) {
        return 0;
    }
    if (argument > INT64_MAX) {
        fail_at(reader, at, CEDE_CBOR_RANGE);
        return 0;
    }
    return was_negative(reader, at) ? -1 - (int64_t)argument : (int64_t)argument;
}

int32_t cede_cbor_get_int32(struct cede_reader *reader)
{
    size_t at = reader->pos;
    uint64_t argument = cbor_read_head(reader, CBOR_TYPES_INT);
    bool negative;

    if (reader->status != CEDE_OK) {
        return 0;
    }
    negative = was_negative(reader, at);
    if (argument > INT32_MAX - (negative ? 1u : 0u)) {
        fail_at(reader, at, CEDE_CBOR_RANGE);
        return 0;
    }
    return negative ? -1 - (int32_t)argument : (int32_t)argument;
}

void cbor_read_string(struct cede_reader *reader, unsigned types, struct cede_span *string)
{
    size_t len = (size_t)cbor_read_head(reader, types);

    string->len = len; /* 0 after a failure */
    string->ptr = reader->status == CEDE_OK ? reader->in.ptr + reader->pos : NULL;
    reader->pos += len;
}

struct cede_span cede_cbor_get_string(struct cede_reader *reader, unsigned types)
{
    struct cede_span string;

    cbor_read_string(reader, types & CBOR_TYPES_STRING, &string);
    return string;
}

struct cede_span cede_cbor_get_bytes(struct cede_reader *reader)
{
    return cede_cbor_get_string(reader, CBOR_TYPE(BYTES));
}

struct cede_span cede_cbor_get_text(struct cede_reader *reader)
{
    return cede_cbor_get_string(reader, CBOR_TYPE(TEXT));
}

size_t cede_cbor_get_array(struct cede_reader *reader)
{
    return (size_t)cbor_read_head(reader, CBOR_TYPE(ARRAY));
}

void cede_cbor_expect_array(struct cede_reader *reader, size_t element_count)
{
    size_t at = reader->pos;

    if (cede_cbor_get_array(reader) != element_count) {
        fail_at(reader, at, CEDE_CBOR_COUNT);
    }
}

uint64_t cede_cbor_get_tag(struct cede_reader *reader)
{
    return cbor_read_head(reader, CBOR_TYPE(TAG));
}

bool cede_cbor_get_bool(struct cede_reader *reader)
{
    size_t at = reader->pos;
    uint8_t byte = cede_read_u8(reader);

    if (reader->status == CEDE_OK && byte != 0xf4 && byte != 0xf5) {
        fail_at(reader, at, CEDE_CBOR_TYPE);
    }
    return reader->status == CEDE_OK && byte == 0xf5;
}

bool cede_cbor_take_null(struct cede_reader *reader)
{
    if (cbor_first(reader) != 0xf6) {
        return false;
    }
    reader->pos++;
    return true;
}

void cede_cbor_get_null(struct cede_reader *reader)
{
    if (!cede_cbor_take_null(reader)) {
        cede_reader_fail(reader, cede_reader_left(reader) > 0 ? CEDE_CBOR_TYPE : CEDE_TRUNCATED);
    }
}

struct cede_cbor_map cede_cbor_get_map(struct cede_reader *reader, enum cede_cbor_order order)
{
    struct cede_cbor_map map = {(size_t)cbor_read_head(reader, CBOR_TYPE(MAP)), order,
                                CEDE_SPAN_NULL};

    return map;
}

void cbor_read_since(const struct cede_reader *reader, size_t from, struct cede_span *bytes)
{
    *bytes = CEDE_SPAN_NULL;
    if (reader->status == CEDE_OK) {
        bytes->ptr = reader->in.ptr + from;
        bytes->len = reader->pos - from;
    }
}

/* Bytewise order. An encoded item never begins another one: two that differ do so within the bytes
 * that both have. */
bool cbor_keys_in_order(struct cede_span first, struct cede_span second)
{
    return memcmp(first.ptr, second.ptr, first.len < second.len ? first.len : second.len) < 0;
}

/* Notes the key since `at` as the latest of a map, which it fails when that is out of order. */
static bool take_key(struct cede_reader *reader, struct cede_cbor_map *map, size_t at)
{
    struct cede_span last = map->last_key;

    if (reader->status != CEDE_OK) {
        return false;
    }
    map->left--;
    map->last_key = cede_reader_since(reader, at);
    if (map->order == CEDE_CBOR_SORTED && last.ptr != NULL &&
        !cbor_keys_in_order(last, map->last_key)) {
        fail_at(reader, at, CEDE_CBOR_KEY_ORDER);
        map->last_key = CEDE_SPAN_NULL;
    }
    return map->last_key.ptr != NULL;
}

bool cede_cbor_map_next(struct cede_reader *reader, struct cede_cbor_map *map,
                        struct cede_span *key)
{
    size_t at = reader->pos;

    *key = CEDE_SPAN_NULL;
    if (map->left == 0) {
        return false;
    }
    (void)cede_cbor_get_item(reader);
    if (!take_key(reader, map, at)) {
        return false;
    }
    *key = map->last_key;
    return true;
}

bool cede_cbor_map_next_int(struct cede_reader *reader, struct cede_cbor_map *map, int64_t *key)
{
    size_t at = reader->pos;

    *key = 0;
    if (map->left == 0) {
        return false;
    }
    *key = cede_cbor_get_int(reader);
    return take_key(reader, map, at);
}

/* --- whole items ------------------------------------------------------------------------------ */

/* Skips one head and the bytes of a string; returns how many items an array, map or tag holds. */
static size_t skip_head(struct cede_reader *reader)
{
    unsigned type = cede_cbor_peek(reader);
    size_t inside = (size_t)cbor_read_head(reader, CBOR_TYPES_ALL);

    if (type == CEDE_CBOR_ARRAY) {
        return inside;
    }
    if (type == CEDE_CBOR_MAP) {
        return 2 * inside;
    }
    if ((CBOR_TYPES_STRING >> type & 1) != 0) {
        reader->pos += inside;
    }
    return type == CEDE_CBOR_TAG;
}

/* An explicit stack bounds the depth, never the machine's stack. */
const uint8_t *cbor_skip(struct cede_reader *reader)
{
    size_t start = reader->pos;
    size_t levels[CEDE_CBOR_DEPTH_MAX + 1], *left = levels; /* items to come, on each level */

    *left = 1;
    for (;;) {
        size_t inside = skip_head(reader);

        if (reader->status != CEDE_OK) {
            return NULL;
        }
        --*left;
        if (inside > 0) {
            if (left == &levels[CEDE_CBOR_DEPTH_MAX]) {
                cede_reader_fail(reader, CEDE_CBOR_DEPTH);
                return NULL;
            }
            *++left = inside;
        }
        while (*left == 0) {
            if (left == levels) {
                return reader->in.ptr + start;
            }
            left--;
        }
    }
}

void cbor_read_item(struct cede_reader *reader, struct cede_span *item)
{
    size_t at = reader->pos;

    item->ptr = cbor_skip(reader);
    item->len = item->ptr != NULL ? reader->pos - at : 0;
}

struct cede_span cede_cbor_get_item(struct cede_reader *reader)
{
    struct cede_span item;

    cbor_read_item(reader, &item);
    return item;
}
