/* SPDX-License-Identifier: Apache-2.0 */
/* cbor_read.c - reads data items, refusing what is not deterministic (RFC 8949, section 4.2.1). */
#include "cede/cbor.h"

enum cede_cbor_type cede_cbor_peek(const struct cede_reader *reader)
{
    if (cede_reader_left(reader) == 0) {
        return CEDE_CBOR_NONE;
    }
    return (enum cede_cbor_type)(cede_reader_peek(reader) >> 5);
}

bool cede_cbor_peek_null(const struct cede_reader *reader)
{
    return cede_reader_peek(reader) == 0xf6;
}

/* Fails the reader at the item that begins at `at`, so that the offset names the culprit. */
static void fail_at(struct cede_reader *reader, size_t at, enum cede_status status)
{
    if (reader->status == CEDE_OK) {
        reader->pos = at;
        reader->status = status;
    }
}

/* The argument in additional information 0 to 27: 24 to 27 say that it follows in 1 to 8 bytes. */
static uint64_t read_argument(struct cede_reader *reader, unsigned info)
{
    struct cede_span bytes;
    uint64_t argument = 0;

    if (info < 24) {
        return info;
    }
    bytes = cede_read_bytes(reader, (size_t)1 << (info - 24));
    for (size_t i = 0; i < bytes.len; i++) {
        argument = argument << 8 | bytes.ptr[i];
    }
    return argument;
}

/* Simple values and floats keep their own widths (RFC 8949, section 3.3). */
static void check_shortest(struct cede_reader *reader, size_t at, unsigned first, uint64_t argument)
{
    if (first >> 5 == CEDE_CBOR_SIMPLE) {
        if (first == 0xf8 && argument < 32) {
            fail_at(reader, at, CEDE_CBOR_RESERVED);
        }
    } else if (reader->pos - at != cede_cbor_head_len(argument)) {
        fail_at(reader, at, CEDE_CBOR_NOT_SHORTEST);
    }
}

/* The argument of the next head, 0 after a failure. */
static uint64_t read_head(struct cede_reader *reader)
{
    size_t at = reader->pos;
    unsigned first = cede_read_u8(reader);
    unsigned info = first & 0x1f;
    uint64_t argument;

    if (info > 27) {
        fail_at(reader, at, info == 31 ? CEDE_CBOR_INDEFINITE : CEDE_CBOR_RESERVED);
        return 0;
    }
    argument = read_argument(reader, info);
    check_shortest(reader, at, first, argument);
    return reader->status == CEDE_OK ? argument : 0;
}

static uint64_t read_typed(struct cede_reader *reader, enum cede_cbor_type type)
{
    if (reader->status == CEDE_OK && cede_reader_left(reader) == 0) {
        cede_reader_fail(reader, CEDE_TRUNCATED);
        return 0;
    }
    if (cede_cbor_peek(reader) != type) {
        cede_reader_fail(reader, CEDE_CBOR_TYPE);
        return 0;
    }
    return read_head(reader);
}

uint64_t cede_cbor_get_uint(struct cede_reader *reader)
{
    return read_typed(reader, CEDE_CBOR_UINT);
}

int64_t cede_cbor_get_int(struct cede_reader *reader)
{
    size_t at = reader->pos;
    bool negative = cede_cbor_peek(reader) == CEDE_CBOR_NINT;
    uint64_t argument = read_typed(reader, negative ? CEDE_CBOR_NINT : CEDE_CBOR_UINT);

    if (argument > INT64_MAX) {
        fail_at(reader, at, CEDE_CBOR_RANGE);
        return 0;
    }
    if (reader->status != CEDE_OK) {
        return 0;
    }
    return negative ? -1 - (int64_t)argument : (int64_t)argument;
}

int32_t cede_cbor_get_int32(struct cede_reader *reader)
{
    size_t at = reader->pos;
    bool negative = cede_cbor_peek(reader) == CEDE_CBOR_NINT;
    uint64_t argument = read_typed(reader, negative ? CEDE_CBOR_NINT : CEDE_CBOR_UINT);

    if (argument > (negative ? INT32_MAX - 1 : INT32_MAX)) {
        fail_at(reader, at, CEDE_CBOR_RANGE);
    }
    if (reader->status != CEDE_OK) {
        return 0;
    }
    return negative ? -1 - (int32_t)argument : (int32_t)argument;
}

static struct cede_span get_string(struct cede_reader *reader, enum cede_cbor_type type)
{
    size_t at = reader->pos;
    uint64_t len = read_typed(reader, type);

    if (len > cede_reader_left(reader)) {
        fail_at(reader, at, CEDE_TRUNCATED);
    }
    return cede_read_bytes(reader, (size_t)len);
}

struct cede_span cede_cbor_get_bytes(struct cede_reader *reader)
{
    return get_string(reader, CEDE_CBOR_BYTES);
}

/* Length of the UTF-8 sequence at the start of `text` (RFC 3629, section 4), 0 when there is none:
 * no overlong forms, no surrogates, nothing past U+10FFFF. */
static size_t utf8_sequence_len(struct cede_span text)
{
    static const struct {
        uint8_t first_min, first_max, second_min, second_max;
        uint8_t len;
    } forms[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    uint8_t first = text.ptr[0];

    if (first < 0x80) {
        return 1;
    }
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (first < forms[i].first_min || first > forms[i].first_max) {
            continue;
        }
        if (text.len < forms[i].len || text.ptr[1] < forms[i].second_min ||
            text.ptr[1] > forms[i].second_max) {
            return 0;
        }
        for (size_t k = 2; k < forms[i].len; k++) {
            if ((text.ptr[k] & 0xc0) != 0x80) {
                return 0;
            }
        }
        return forms[i].len;
    }
    return 0;
}

static bool is_utf8(struct cede_span text)
{
    while (text.len > 0) {
        size_t len = utf8_sequence_len(text);
        if (len == 0) {
            return false;
        }
        text.ptr += len;
        text.len -= len;
    }
    return true;
}

struct cede_span cede_cbor_get_text(struct cede_reader *reader)
{
    size_t at = reader->pos;
    struct cede_span text = get_string(reader, CEDE_CBOR_TEXT);

    if (text.ptr != NULL && !is_utf8(text)) {
        fail_at(reader, at, CEDE_CBOR_UTF8);
        return CEDE_SPAN_NULL;
    }
    return text;
}

/* A count that the rest of the input cannot hold is refused at once: each item has a byte. */
static size_t get_count(struct cede_reader *reader, enum cede_cbor_type type,
                        size_t items_per_element)
{
    size_t at = reader->pos;
    uint64_t count = read_typed(reader, type);

    if (count > cede_reader_left(reader) / items_per_element) {
        fail_at(reader, at, CEDE_TRUNCATED);
        return 0;
    }
    return (size_t)count;
}

size_t cede_cbor_get_array(struct cede_reader *reader)
{
    return get_count(reader, CEDE_CBOR_ARRAY, 1);
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
    return read_typed(reader, CEDE_CBOR_TAG);
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

void cede_cbor_get_null(struct cede_reader *reader)
{
    size_t at = reader->pos;
    uint8_t byte = cede_read_u8(reader);

    if (byte != 0xf6) {
        fail_at(reader, at, CEDE_CBOR_TYPE);
    }
}

struct cede_cbor_map cede_cbor_get_map(struct cede_reader *reader, enum cede_cbor_order order)
{
    struct cede_cbor_map map = {0, order, CEDE_SPAN_NULL};

    map.left = get_count(reader, CEDE_CBOR_MAP, 2);
    return map;
}

/* Notes `key` as the latest of a map; false when it does not come after the one before. */
static bool take_key(struct cede_cbor_map *map, struct cede_span key)
{
    bool in_order = map->last_key.ptr == NULL || cede_span_compare(map->last_key, key) < 0;

    map->last_key = key;
    return in_order || map->order == CEDE_CBOR_ANY_ORDER;
}

bool cede_cbor_map_next(struct cede_reader *reader, struct cede_cbor_map *map,
                        struct cede_span *key)
{
    size_t at = reader->pos;

    *key = CEDE_SPAN_NULL;
    if (reader->status != CEDE_OK || map->left == 0) {
        return false;
    }
    map->left--;
    *key = cede_cbor_get_item(reader);
    if (key->ptr != NULL && !take_key(map, *key)) {
        fail_at(reader, at, CEDE_CBOR_KEY_ORDER);
        *key = CEDE_SPAN_NULL;
    }
    return key->ptr != NULL;
}

bool cede_cbor_map_next_int(struct cede_reader *reader, struct cede_cbor_map *map, int64_t *key)
{
    size_t at = reader->pos;

    *key = 0;
    if (reader->status != CEDE_OK || map->left == 0) {
        return false;
    }
    map->left--;
    *key = cede_cbor_get_int(reader);
    if (reader->status == CEDE_OK && !take_key(map, cede_reader_since(reader, at))) {
        fail_at(reader, at, CEDE_CBOR_KEY_ORDER);
    }
    return reader->status == CEDE_OK;
}

/* --- whole items ------------------------------------------------------------------------------ */

/* Skips one head and the bytes of a string; returns how many items an array, map or tag holds. */
static size_t skip_head(struct cede_reader *reader)
{
    enum cede_cbor_type type = cede_cbor_peek(reader);

    switch (type) {
    case CEDE_CBOR_BYTES:
        (void)cede_cbor_get_bytes(reader);
        return 0;
    case CEDE_CBOR_TEXT:
        (void)cede_cbor_get_text(reader);
        return 0;
    case CEDE_CBOR_ARRAY:
        return cede_cbor_get_array(reader);
    case CEDE_CBOR_MAP:
        return 2 * get_count(reader, CEDE_CBOR_MAP, 2);
    default:
        (void)read_head(reader);
        return type == CEDE_CBOR_TAG ? 1 : 0;
    }
}

/* Skips one item with an explicit stack: the depth is bounded, never the machine's stack. */
static void skip_item(struct cede_reader *reader)
{
    size_t left[CEDE_CBOR_DEPTH_MAX + 1] = {1}; /* items to come, on each level */
    size_t depth = 0;

    do {
        size_t at = reader->pos;
        size_t inside = skip_head(reader);

        left[depth]--;
        if (inside > 0 && depth == CEDE_CBOR_DEPTH_MAX) {
            fail_at(reader, at, CEDE_CBOR_DEPTH);
        } else if (inside > 0) {
            left[++depth] = inside;
        }
        while (depth > 0 && left[depth] == 0) {
            depth--;
        }
    } while (depth > 0 && reader->status == CEDE_OK);
}

struct cede_span cede_cbor_get_item(struct cede_reader *reader)
{
    size_t at = reader->pos;

    skip_item(reader);
    return cede_reader_since(reader, at);
}

/* Checks the keys of the map that begins here. They must be flat items, which is all any format
 * here uses. */
static void check_keys(struct cede_reader *reader)
{
    struct cede_cbor_map map = cede_cbor_get_map(reader, CEDE_CBOR_SORTED);
    size_t at = reader->pos;
    struct cede_span key;

    while (cede_cbor_map_next(reader, &map, &key)) {
        unsigned type = key.ptr[0] >> 5;

        if (type >= CEDE_CBOR_ARRAY && type <= CEDE_CBOR_TAG && key.len > 1) {
            fail_at(reader, at, CEDE_CBOR_KEY);
        }
        (void)cede_cbor_get_item(reader);
        at = reader->pos;
    }
}

/* Goes from head to head of an item that is well-formed, and at each map through its keys. */
static void check_order(struct cede_reader *reader)
{
    while (reader->status == CEDE_OK && !cede_reader_at_end(reader)) {
        struct cede_reader map = *reader;

        if (cede_cbor_peek(reader) == CEDE_CBOR_MAP) {
            check_keys(&map);
        }
        if (map.status != CEDE_OK) {
            fail_at(reader, map.pos, map.status);
            return;
        }
        (void)skip_head(reader);
    }
}

enum cede_status cede_cbor_check(struct cede_span encoding, enum cede_cbor_order order,
                                 size_t *offset)
{
    struct cede_reader reader = cede_reader(encoding);

    skip_item(&reader);
    if (order == CEDE_CBOR_SORTED && cede_reader_at_end(&reader)) {
        reader = cede_reader(encoding);
        check_order(&reader);
    }
    *offset = reader.pos;
    return cede_reader_finish(&reader);
}
