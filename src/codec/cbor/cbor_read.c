/* SPDX-License-Identifier: Apache-2.0 */
/* cbor_read.c - reads data items, refusing what is not deterministic (RFC 8949, section 4.2.1). */
#include "cede/cbor.h"

struct head {
    enum cede_cbor_type type;
    uint8_t info; /* additional information, 0..27 */
    uint64_t argument;
};

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

static uint64_t read_argument(struct cede_reader *reader, uint8_t info)
{
    switch (info) {
    case 24:
        return cede_read_u8(reader);
    case 25:
        return cede_read_u16(reader);
    case 26:
        return cede_read_u32(reader);
    case 27:
        return cede_read_u64(reader);
    default:
        return info;
    }
}

static struct head read_head(struct cede_reader *reader)
{
    size_t at = reader->pos;
    uint8_t first = cede_read_u8(reader);
    struct head head = {(enum cede_cbor_type)(first >> 5), first & 0x1f, 0};

    if (head.info == 31) {
        fail_at(reader, at, CEDE_CBOR_INDEFINITE);
    } else if (head.info > 27) {
        fail_at(reader, at, CEDE_CBOR_RESERVED);
    }
    if (reader->status == CEDE_OK) {
        head.argument = read_argument(reader, head.info);
    }
    /* Simple values and floats keep their own widths (RFC 8949, section 3.3). */
    if (head.type == CEDE_CBOR_SIMPLE) {
        if (head.info == 24 && head.argument < 32) {
            fail_at(reader, at, CEDE_CBOR_RESERVED);
        }
    } else if (reader->status == CEDE_OK && reader->pos - at != cede_cbor_head_len(head.argument)) {
        fail_at(reader, at, CEDE_CBOR_NOT_SHORTEST);
    }
    if (reader->status != CEDE_OK) {
        head.argument = 0;
    }
    return head;
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
    return read_head(reader).argument;
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

/* An array, map or tag whose elements are being skipped. */
struct level {
    uint64_t items_left; /* a map counts keys and values */
    bool sorted_map;
    struct cede_span last_key;
};

static size_t item_count(const struct head *head)
{
    switch (head->type) {
    case CEDE_CBOR_ARRAY:
        return (size_t)head->argument;
    case CEDE_CBOR_MAP:
        return (size_t)head->argument * 2;
    case CEDE_CBOR_TAG:
        return 1;
    default:
        return 0;
    }
}

/* Reads one head and the bytes of a string; true when it opens a level with items in it. */
static bool skip_head(struct cede_reader *reader, enum cede_cbor_order order, struct level *level)
{
    size_t at = reader->pos;
    struct head head = read_head(reader);

    if (reader->status != CEDE_OK) {
        return false;
    }
    if (head.type == CEDE_CBOR_BYTES || head.type == CEDE_CBOR_TEXT) {
        reader->pos = at;
        (void)(head.type == CEDE_CBOR_BYTES ? cede_cbor_get_bytes(reader)
                                            : cede_cbor_get_text(reader));
        return false;
    }
    if (head.type >= CEDE_CBOR_ARRAY && head.type <= CEDE_CBOR_MAP &&
        head.argument > cede_reader_left(reader) / (head.type == CEDE_CBOR_MAP ? 2 : 1)) {
        fail_at(reader, at, CEDE_TRUNCATED);
        return false;
    }
    level->items_left = item_count(&head);
    level->sorted_map = head.type == CEDE_CBOR_MAP && order == CEDE_CBOR_SORTED;
    level->last_key = CEDE_SPAN_NULL;
    return level->items_left > 0;
}

/* Skips one item with an explicit stack: the depth is bounded, never the machine's stack.
 * Keys of sorted maps must be flat items, which is all any format here uses. */
static void skip_item(struct cede_reader *reader, enum cede_cbor_order order)
{
    struct level levels[CEDE_CBOR_DEPTH_MAX];
    size_t depth = 0;

    do {
        size_t at = reader->pos;
        struct level opened;
        struct level *level = depth > 0 ? &levels[depth - 1] : NULL;
        bool is_key = level != NULL && level->sorted_map && level->items_left % 2 == 0;
        bool opens = skip_head(reader, order, &opened);

        if (reader->status != CEDE_OK) {
            return;
        }
        if (level != NULL) {
            level->items_left--;
        }
        if (is_key) {
            struct cede_span key = cede_reader_since(reader, at);
            if (level->last_key.ptr != NULL && cede_span_compare(level->last_key, key) >= 0) {
                fail_at(reader, at, CEDE_CBOR_KEY_ORDER);
                return;
            }
            level->last_key = key;
        }
        if (opens) {
            if (depth == CEDE_CBOR_DEPTH_MAX || is_key) {
                fail_at(reader, at, is_key ? CEDE_CBOR_KEY : CEDE_CBOR_DEPTH);
                return;
            }
            levels[depth++] = opened;
        }
        while (depth > 0 && levels[depth - 1].items_left == 0) {
            depth--;
        }
    } while (depth > 0);
}

struct cede_span cede_cbor_get_item(struct cede_reader *reader)
{
    size_t at = reader->pos;

    skip_item(reader, CEDE_CBOR_ANY_ORDER);
    return cede_reader_since(reader, at);
}

enum cede_status cede_cbor_check(struct cede_span encoding, enum cede_cbor_order order,
                                 size_t *offset)
{
    struct cede_reader reader = cede_reader(encoding);

    skip_item(&reader, order);
    *offset = reader.pos;
    return cede_reader_finish(&reader);
}
