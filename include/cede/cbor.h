/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cbor.h - deterministic CBOR (RFC 8949, section 4.2.1): the codec under every compact message.
 *
 * Place: codec; works on the readers and writers of bytes.h and keeps no state of its own.
 * Use: open a cede_reader or cede_writer, call get or put functions in a row, then
 *      cede_reader_finish() or cede_writer_finish() once.
 * Memory: strings come back as spans into the input. No recursion; skipping nests at most
 *      CEDE_CBOR_DEPTH_MAX levels.
 * Errors: class malformed. Refused are heads that are not the shortest, indefinite lengths,
 *      reserved heads, text that is not UTF-8 and, in maps, keys out of order or twice.
 */
#ifndef CEDE_CBOR_H
#define CEDE_CBOR_H

#include "cede/bytes.h"

#define CEDE_CBOR_DEPTH_MAX 16

enum cede_cbor_type {
    CEDE_CBOR_UINT = 0,
    CEDE_CBOR_NINT = 1,
    CEDE_CBOR_BYTES = 2,
    CEDE_CBOR_TEXT = 3,
    CEDE_CBOR_ARRAY = 4,
    CEDE_CBOR_MAP = 5,
    CEDE_CBOR_TAG = 6,
    CEDE_CBOR_SIMPLE = 7, /* false, true, null, floats */
    CEDE_CBOR_NONE = 8    /* at the end of the input, or after a failure */
};

/* --- writing ---------------------------------------------------------------------------------- */

void cede_cbor_put_uint(struct cede_writer *writer, uint64_t value);
void cede_cbor_put_int(struct cede_writer *writer, int64_t value);
void cede_cbor_put_bytes(struct cede_writer *writer, struct cede_span bytes);
/* The caller promises UTF-8. */
void cede_cbor_put_text(struct cede_writer *writer, struct cede_span text);
void cede_cbor_put_array(struct cede_writer *writer, uint64_t element_count);
/* The caller writes `pair_count` keys with values, the keys in bytewise order of their encoding. */
void cede_cbor_put_map(struct cede_writer *writer, uint64_t pair_count);
void cede_cbor_put_tag(struct cede_writer *writer, uint64_t tag);
void cede_cbor_put_bool(struct cede_writer *writer, bool value);
void cede_cbor_put_null(struct cede_writer *writer);
/* Only the head of a byte string of `len` bytes: the caller writes the bytes next. */
void cede_cbor_put_bytes_head(struct cede_writer *writer, uint64_t len);
/* Any head: for formats that need one this list does not name. */
void cede_cbor_put_head(struct cede_writer *writer, enum cede_cbor_type type, uint64_t argument);

/* The head itself, into memory; returns its length. */
#define CEDE_CBOR_HEAD_MAX 9
size_t cede_cbor_head(uint8_t head[CEDE_CBOR_HEAD_MAX], enum cede_cbor_type type,
                      uint64_t argument);
/* Length in bytes of the head for `argument` (1, 2, 3, 5 or 9). */
size_t cede_cbor_head_len(uint64_t argument);

/* --- reading ---------------------------------------------------------------------------------- */

/* The type of the next item, without consuming it. */
enum cede_cbor_type cede_cbor_peek(const struct cede_reader *reader);
/* True when the next item is null (0xf6); does not consume it. */
bool cede_cbor_peek_null(const struct cede_reader *reader);

/* Each consumes one item (of an array or map: its head) and returns zero, false or a null span
 * after a failure. CEDE_CBOR_TYPE: another major type is next. CEDE_CBOR_RANGE: the number does
 * not fit. CEDE_TRUNCATED: the input ends; also for a count that the rest cannot hold. */
uint64_t cede_cbor_get_uint(struct cede_reader *reader);
int64_t cede_cbor_get_int(struct cede_reader *reader);
int32_t cede_cbor_get_int32(struct cede_reader *reader); /* without -2^31: negation is safe */
struct cede_span cede_cbor_get_bytes(struct cede_reader *reader);
struct cede_span cede_cbor_get_text(struct cede_reader *reader);
size_t cede_cbor_get_array(struct cede_reader *reader);
uint64_t cede_cbor_get_tag(struct cede_reader *reader);
bool cede_cbor_get_bool(struct cede_reader *reader);
void cede_cbor_get_null(struct cede_reader *reader);
/* Consumes the next item when it is null. */
bool cede_cbor_take_null(struct cede_reader *reader);
/* A byte or text string, of one of `types`: a set with bit n for enum cede_cbor_type n. */
struct cede_span cede_cbor_get_string(struct cede_reader *reader, unsigned types);
/* An array of exactly `element_count` elements: CEDE_CBOR_COUNT otherwise. */
void cede_cbor_expect_array(struct cede_reader *reader, size_t element_count);

/* Consumes one whole item of any type, nested ones included, checking that it is deterministic but
 * for map order; returns its encoding. */
struct cede_span cede_cbor_get_item(struct cede_reader *reader);

/* Maps. `cede_cbor_map_next` consumes the next key as an encoded item and returns false at the
 * end; the caller then reads the value. CEDE_CBOR_SORTED demands strict bytewise order, which also
 * forbids duplicates; CEDE_CBOR_ANY_ORDER is for objects of others, whose formats do not demand
 * it: there the caller must notice a key that comes twice. */
enum cede_cbor_order { CEDE_CBOR_SORTED, CEDE_CBOR_ANY_ORDER };

struct cede_cbor_map {
    size_t left; /* pairs not yet begun */
    enum cede_cbor_order order;
    struct cede_span last_key; /* encoding of the key before, null at the start */
};

struct cede_cbor_map cede_cbor_get_map(struct cede_reader *reader, enum cede_cbor_order order);
bool cede_cbor_map_next(struct cede_reader *reader, struct cede_cbor_map *map,
                        struct cede_span *key);
/* The same for maps whose keys must all be integers. */
bool cede_cbor_map_next_int(struct cede_reader *reader, struct cede_cbor_map *map, int64_t *key);

/* The value (item) of an integer key in an encoded map, the first when it is there twice; null when
 * it is not there. */
struct cede_span cede_cbor_find_int(struct cede_span map, int64_t key);

/* Checks that `encoding` is exactly one deterministic item (map order included when `order` says
 * so); on failure *offset is the byte where it goes wrong. */
CEDE_MUST_USE enum cede_status cede_cbor_check(struct cede_span encoding,
                                               enum cede_cbor_order order, size_t *offset);

#endif
