/* SPDX-License-Identifier: Apache-2.0 */
/* cbor_check.c - is an encoding one item, and the deterministic one (RFC 8949, section 4.2.1)? */
#include "codec/cbor/cbor.h"

/* --- floats ----------------------------------------------------------------------------------- */

/* The parts of an IEEE 754 format: bits of exponent and fraction. */
struct float_format {
    uint8_t exponent_bits, fraction_bits;
};

/* Whether the number of a wide format, infinity and NaN among them, has the same value in a format
 * half as wide: then the bits that the fraction would lose are zero. */
static bool fits_half(uint64_t bits, struct float_format wide, struct float_format narrow)
{
    int exponent_max = (1 << wide.exponent_bits) - 1,
        narrow_bias = (1 << narrow.exponent_bits) / 2 - 1;
    int exponent = (int)(bits >> wide.fraction_bits) & exponent_max;
    int unbiased = exponent - exponent_max / 2;
    int lost = wide.fraction_bits - narrow.fraction_bits;
    uint64_t fraction = bits & ((UINT64_C(1) << wide.fraction_bits) - 1);

    if (exponent == 0) {
        return fraction == 0; /* what is subnormal here is far below the narrow format */
    }
    if (exponent < exponent_max) {
        if (unbiased > narrow_bias) {
            return false;
        }
        if (unbiased < 1 - narrow_bias) { /* subnormal there: one bit less for each power of two */
            lost += 1 - narrow_bias - unbiased;
        }
    }
    return lost <= wide.fraction_bits && (fraction & ((UINT64_C(1) << lost) - 1)) == 0;
}

/* Preferred serialization (RFC 8949, section 4.2.1): the shortest float that keeps the value. */
static bool is_shortest_float(uint8_t first, uint64_t bits)
{
    static const struct float_format half = {5, 10}, single = {8, 23}, double_ = {11, 52};

    switch (first) {
    case 0xfa:
        return !fits_half(bits, single, half);
    case 0xfb:
        return !fits_half(bits, double_, single);
    default:
        return true;
    }
}

/* --- map keys and floats of a well-formed item ------------------------------------------------ */

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
            reader->pos = at;
            cede_reader_fail(reader, CEDE_CBOR_KEY);
        }
        (void)cede_cbor_get_item(reader);
        at = reader->pos;
    }
}

/* Goes over one head and, of a string, its bytes. */
static void skip_head(struct cede_reader *reader)
{
    size_t at = reader->pos;
    uint8_t first = cede_reader_peek(reader);
    uint64_t argument;

    if ((CBOR_TYPES_STRING >> (first >> 5) & 1) != 0) {
        (void)cede_cbor_get_string(reader, CBOR_TYPES_STRING);
        return;
    }
    argument = cbor_read_head(reader, CBOR_TYPES_ALL);
    if (!is_shortest_float(first, argument)) {
        reader->pos = at;
        cede_reader_fail(reader, CEDE_CBOR_NOT_SHORTEST);
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
            reader->pos = map.pos;
            cede_reader_fail(reader, map.status);
            return;
        }
        skip_head(reader);
    }
}

enum cede_status cede_cbor_check(struct cede_span encoding, enum cede_cbor_order order,
                                 size_t *offset)
{
    struct cede_reader reader = cede_reader(encoding);

    (void)cede_cbor_get_item(&reader);
    if (order == CEDE_CBOR_SORTED && cede_reader_at_end(&reader)) {
        reader = cede_reader(encoding);
        check_order(&reader);
    }
    *offset = reader.pos;
    return cede_reader_finish(&reader);
}
