/* SPDX-License-Identifier: Apache-2.0 */
/*
 * differential_cbor_test.c - our reader of CBOR against libcbor, over thousands of good, unusual
 * and damaged items.
 *
 * libcbor takes all well-formed CBOR, ours the deterministic kind alone. So what ours accepts
 * libcbor accepts, to the last byte; and what libcbor accepts ours accepts exactly when the tree
 * that libcbor built is that of a deterministic encoding.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cbor.h>
#include <sys/resource.h>

#include "cede/cbor.h"
#include "mutate.h"

#define ROUNDS   40000
#define ITEM_MAX 400

/* libcbor asks for as much memory as a forged count says: it is told no above 16 MiB, by the
 * sanitizer or else by the system. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1:max_allocation_size_mb=16";
}

static int limit_memory(void **state)
{
    const struct rlimit limit = {256 << 20, 256 << 20};

    (void)state;
#ifndef __SANITIZE_ADDRESS__
    assert_int_equal(setrlimit(RLIMIT_DATA, &limit), 0);
#endif
    (void)limit;
    return 0;
}

/* --- a random item ---------------------------------------------------------------------------- */

/* A head, now and then longer than it should be. */
static void put_head(struct cede_writer *writer, struct mutate *mutate, uint8_t type,
                     uint32_t argument)
{
    if (mutate_below(mutate, 50) == 0) {
        cede_write_u8(writer, (uint8_t)(type << 5 | 26));
        cede_write_u32(writer, argument);
    } else {
        cede_cbor_put_head(writer, (enum cede_cbor_type)type, argument);
    }
}

static void put_text(struct cede_writer *writer, struct mutate *mutate)
{
    static const char *const texts[] = {
        "",    "a", "\xc3\xa5", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xc0\x80", "\xed\xa0\x80",
        "\xff"};
    const char *text = texts[mutate_below(mutate, sizeof texts / sizeof texts[0])];

    put_head(writer, mutate, CEDE_CBOR_TEXT, (uint32_t)strlen(text));
    cede_write_bytes(writer, cede_span((const uint8_t *)text, strlen(text)));
}

static void put_simple(struct cede_writer *writer, struct mutate *mutate)
{
    static const uint8_t simple[] = {0xf4, 0xf5, 0xf6, 0xf7};

    if (mutate_below(mutate, 10) == 0) {
        cede_write_u8(writer, 0x9f); /* an indefinite array */
        cede_write_u8(writer, 0x01);
        cede_write_u8(writer, 0xff);
    } else {
        cede_write_u8(writer, simple[mutate_below(mutate, sizeof simple)]);
    }
}

/* Containers stand open in a stack, as counts of what is still to come. */
static size_t make_item(struct mutate *mutate, uint8_t *bytes)
{
    struct cede_writer writer = cede_writer(cede_buf(bytes, ITEM_MAX));
    size_t open[CEDE_CBOR_DEPTH_MAX + 2] = {1}, depth = 1;

    while (depth > 0 && writer.status == CEDE_OK) {
        uint32_t kind = mutate_below(mutate, depth > CEDE_CBOR_DEPTH_MAX ? 5 : 8);
        uint32_t number = mutate_next(mutate) >> mutate_below(mutate, 32);

        if (open[depth - 1] == 0) {
            depth--;
            continue;
        }
        open[depth - 1]--;
        if (kind < 2) {
            put_head(&writer, mutate, (uint8_t)kind, number);
        } else if (kind == 2) {
            put_head(&writer, mutate, CEDE_CBOR_BYTES, number % 20);
            (void)cede_write_room(&writer, number % 20);
        } else if (kind == 3) {
            put_text(&writer, mutate);
        } else if (kind == 4) {
            put_simple(&writer, mutate);
        } else if (kind == 7) {
            put_head(&writer, mutate, CEDE_CBOR_TAG, number % 1000);
            open[depth++] = 1;
        } else {
            put_head(&writer, mutate, kind == 5 ? CEDE_CBOR_ARRAY : CEDE_CBOR_MAP, number % 4);
            open[depth++] = kind == 5 ? number % 4 : number % 4 * 2;
        }
    }
    return writer.status == CEDE_OK ? writer.len : 0;
}

/* --- what is deterministic, by libcbor's tree --------------------------------------------------
 */

#define VISITS_MAX 4096

struct visit {
    const cbor_item_t *item;
    size_t depth;
};

static uint64_t smallest_for(cbor_int_width width)
{
    switch (width) {
    case CBOR_INT_8:
        return 0;
    case CBOR_INT_16:
        return 0x100;
    case CBOR_INT_32:
        return 0x10000;
    default:
        return UINT64_C(0x100000000);
    }
}

/* The tree without its leaves' contents has no lengths of heads: they are told by comparing the
 * whole with what libcbor writes, which is the shortest. Integers keep their width. */
static bool is_deterministic_node(const cbor_item_t *item)
{
    switch (cbor_typeof(item)) {
    case CBOR_TYPE_UINT:
    case CBOR_TYPE_NEGINT:
        return cbor_get_int(item) >= smallest_for(cbor_int_get_width(item));
    case CBOR_TYPE_BYTESTRING:
        return cbor_bytestring_is_definite(item);
    case CBOR_TYPE_STRING:
        return cbor_string_is_definite(item) &&
               (cbor_string_length(item) == 0 || cbor_string_codepoint_count(item) > 0);
    case CBOR_TYPE_ARRAY:
        return cbor_array_is_definite(item);
    case CBOR_TYPE_MAP:
        return cbor_map_is_definite(item);
    default:
        return true;
    }
}

static size_t push(struct visit *visits, size_t count, cbor_item_t *item, size_t depth)
{
    cbor_decref(&item); /* the tree keeps it */
    visits[count] = (struct visit){item, depth};
    return count + 1;
}

/* False also when there is a float, about which the two need not agree. */
static bool is_deterministic(const cbor_item_t *root, bool *has_float)
{
    static struct visit visits[VISITS_MAX];
    size_t count = 1;

    visits[0] = (struct visit){root, 0};
    while (count > 0) {
        struct visit visit = visits[--count];
        if (cbor_isa_float_ctrl(visit.item) && !cbor_float_ctrl_is_ctrl(visit.item)) {
            *has_float = true;
        }
        if (!is_deterministic_node(visit.item) || visit.depth > CEDE_CBOR_DEPTH_MAX) {
            return false;
        }
        assert_true(count + 2 * ITEM_MAX < VISITS_MAX);
        if (cbor_isa_array(visit.item)) {
            for (size_t i = 0; i < cbor_array_size(visit.item); i++) {
                count = push(visits, count, cbor_array_get(visit.item, i), visit.depth + 1);
            }
        } else if (cbor_isa_map(visit.item)) {
            for (size_t i = 0; i < cbor_map_size(visit.item); i++) {
                visits[count++] =
                    (struct visit){cbor_map_handle(visit.item)[i].key, visit.depth + 1};
                visits[count++] =
                    (struct visit){cbor_map_handle(visit.item)[i].value, visit.depth + 1};
            }
        } else if (cbor_isa_tag(visit.item)) {
            count = push(visits, count, cbor_tag_item(visit.item), visit.depth + 1);
        }
    }
    return true;
}

/* --- comparing -------------------------------------------------------------------------------- */

struct tally {
    unsigned both, theirs;
};

/* Simple values and tags that nothing is assigned to are well-formed (RFC 8949, sections 3.3 and
 * 3.4); libcbor takes none of these values and not the tags 6 to 20. `encoding` is well-formed. */
static bool has_unassigned(struct cede_span encoding)
{
    struct cede_reader reader = cede_reader(encoding);

    while (reader.status == CEDE_OK && !cede_reader_at_end(&reader)) {
        uint8_t byte = cede_reader_peek(&reader);
        if (cede_cbor_peek(&reader) == CEDE_CBOR_SIMPLE &&
            ((byte & 0x1f) < 20 || (byte & 0x1f) == 24)) {
            return true;
        }
        if (byte >= 0xc6 && byte <= 0xd4) {
            return true;
        }
        switch (cede_cbor_peek(&reader)) {
        case CEDE_CBOR_ARRAY:
            (void)cede_cbor_get_array(&reader);
            break;
        case CEDE_CBOR_MAP:
            (void)cede_cbor_get_map(&reader, CEDE_CBOR_ANY_ORDER);
            break;
        case CEDE_CBOR_TAG:
            (void)cede_cbor_get_tag(&reader);
            break;
        default:
            (void)cede_cbor_get_item(&reader);
            break;
        }
    }
    return false;
}

static void compare(struct cede_span encoding, struct tally *tally)
{
    struct cbor_load_result result;
    cbor_item_t *item = cbor_load(encoding.ptr, encoding.len, &result);
    bool whole = item != NULL && result.read == encoding.len;
    size_t offset = 0;
    enum cede_status status = cede_cbor_check(encoding, CEDE_CBOR_ANY_ORDER, &offset);
    bool has_float = false;

    assert_true(offset <= encoding.len);
    if (status == CEDE_OK && !whole && has_unassigned(encoding)) {
        tally->both++;
    } else if (status == CEDE_OK) {
        if (!whole) {
            for (size_t i = 0; i < encoding.len; i++) {
                print_message(" %02x", encoding.ptr[i]);
            }
        }
        assert_true(whole);
        assert_true(is_deterministic(item, &has_float));
        tally->both++;
    } else if (whole) {
        unsigned char *written = NULL;
        size_t cap;
        size_t len = cbor_serialize_alloc(item, &written, &cap);
        bool same = len == encoding.len && memcmp(written, encoding.ptr, len) == 0;
        bool deterministic = is_deterministic(item, &has_float);
        free(written);
        /* Well-formed, and refused by us: for a reason that the tree shows. */
        assert_true(has_float || !deterministic || !same);
        tally->theirs++;
    }
    if (item != NULL) {
        cbor_decref(&item);
    }
}

static void random_items_are_judged_alike(void **state)
{
    struct mutate mutate = {UINT64_C(0xcb03)};
    struct tally tally = {0, 0};
    uint8_t bytes[ITEM_MAX];

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        memset(bytes, 0, sizeof bytes);
        compare(cede_span(bytes, make_item(&mutate, bytes)), &tally);
    }
    print_message("%u accepted by both, %u by libcbor alone\n", tally.both, tally.theirs);
    assert_true(tally.both > ROUNDS / 10);
    assert_true(tally.theirs > ROUNDS / 100);
}

static void damaged_items_are_judged_alike(void **state)
{
    struct mutate mutate = {UINT64_C(0xbad)};
    struct tally tally = {0, 0};
    uint8_t good[ITEM_MAX], bytes[ITEM_MAX];

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        size_t len = make_item(&mutate, good);
        if (len > 0) {
            len = mutate_copy(&mutate, cede_span(good, len), bytes, sizeof bytes);
            compare(cede_span(bytes, len), &tally);
        }
    }
    print_message("%u accepted by both, %u by libcbor alone\n", tally.both, tally.theirs);
    assert_true(tally.both > ROUNDS / 50);
}

/* Every item of up to two bytes, and every first byte before a row of zeros. */
static void short_items_are_judged_alike(void **state)
{
    struct tally tally = {0, 0};
    uint8_t bytes[12] = {0};

    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        bytes[0] = (uint8_t)first;
        for (size_t len = 0; len <= sizeof bytes; len++) {
            bytes[1] = 0;
            compare(cede_span(bytes, len), &tally);
        }
        for (unsigned second = 0; second < 256; second++) {
            bytes[1] = (uint8_t)second;
            compare(cede_span(bytes, 2), &tally);
        }
    }
    assert_true(tally.both > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_items_are_judged_alike),
        cmocka_unit_test(damaged_items_are_judged_alike),
        cmocka_unit_test(short_items_are_judged_alike),
    };

    return cmocka_run_group_tests(tests, limit_memory, NULL);
}
