/* SPDX-License-Identifier: Apache-2.0 */
/* bytes_test.c - spans, readers, writers, wiping, comparison, and the table of statuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cede/bytes.h"
#include "hex.h"

/* --- spans --------------------------------------------------------------------------------------
 */

static void absent_differs_from_empty(void **state)
{
    struct cede_span empty = CEDE_SPAN_TEXT("");

    (void)state;
    assert_true(cede_span_is_null(CEDE_SPAN_NULL));
    assert_false(cede_span_is_null(empty));
    assert_true(cede_span_equal(CEDE_SPAN_NULL, CEDE_SPAN_NULL));
    assert_false(cede_span_equal(CEDE_SPAN_NULL, empty));
    assert_false(cede_span_equal(empty, CEDE_SPAN_NULL));
    assert_true(cede_span_equal(empty, cede_span_string("")));
    assert_true(cede_span_is_null(cede_span_string(NULL)));
}

static void spans_are_equal_by_length_and_bytes(void **state)
{
    (void)state;
    assert_true(cede_span_equal(CEDE_SPAN_TEXT("abc"), cede_span_string("abc")));
    assert_false(cede_span_equal(CEDE_SPAN_TEXT("abc"), CEDE_SPAN_TEXT("abd")));
    assert_false(cede_span_equal(CEDE_SPAN_TEXT("abc"), CEDE_SPAN_TEXT("ab")));
    assert_false(cede_span_equal(CEDE_SPAN_TEXT("ab"), CEDE_SPAN_TEXT("abc")));
}

static void spans_compare_bytewise_shorter_first(void **state)
{
    (void)state;
    assert_int_equal(cede_span_compare(CEDE_SPAN_TEXT("abc"), CEDE_SPAN_TEXT("abc")), 0);
    assert_true(cede_span_compare(CEDE_SPAN_TEXT("ab"), CEDE_SPAN_TEXT("abc")) < 0);
    assert_true(cede_span_compare(CEDE_SPAN_TEXT("abc"), CEDE_SPAN_TEXT("ab")) > 0);
    assert_true(cede_span_compare(CEDE_SPAN_TEXT("\x7f"), CEDE_SPAN_TEXT("\x80")) < 0);
    assert_true(cede_span_compare(CEDE_SPAN_TEXT("b"), CEDE_SPAN_TEXT("ab")) > 0);
    assert_int_equal(cede_span_compare(CEDE_SPAN_NULL, CEDE_SPAN_TEXT("")), 0);
    assert_true(cede_span_compare(CEDE_SPAN_NULL, CEDE_SPAN_TEXT("a")) < 0);
}

static void parts_lie_inside(void **state)
{
    struct cede_span whole = CEDE_SPAN_TEXT("0123456789");

    (void)state;
    assert_true(cede_span_equal(cede_span_part(whole, 2, 3), CEDE_SPAN_TEXT("234")));
    assert_true(cede_span_equal(cede_span_part(whole, 0, 10), whole));
    assert_true(cede_span_equal(cede_span_part(whole, 10, 0), CEDE_SPAN_TEXT("")));
    assert_null(cede_span_part(whole, 11, 0).ptr);
    assert_null(cede_span_part(whole, 0, 11).ptr);
    assert_null(cede_span_part(whole, 5, 6).ptr);
    assert_null(cede_span_part(whole, 5, SIZE_MAX).ptr); /* the sum would wrap */
    assert_null(cede_span_part(whole, SIZE_MAX, 1).ptr);
    assert_null(cede_span_part(CEDE_SPAN_NULL, 0, 0).ptr);
}

static void offsets_are_found_only_inside(void **state)
{
    uint8_t bytes[16] = {0};
    struct cede_span whole = cede_span(bytes + 4, 8);
    size_t at = 99;

    (void)state;
    assert_true(cede_span_offset(whole, cede_span(bytes + 6, 2), &at));
    assert_int_equal(at, 2);
    assert_true(cede_span_offset(whole, whole, &at));
    assert_int_equal(at, 0);
    assert_true(cede_span_offset(whole, cede_span(bytes + 12, 0), &at));
    assert_int_equal(at, 8);
    assert_false(cede_span_offset(whole, cede_span(bytes + 3, 2), &at));
    assert_false(cede_span_offset(whole, cede_span(bytes + 11, 2), &at));
    assert_false(cede_span_offset(whole, cede_span(bytes + 13, 0), &at));
    assert_false(cede_span_offset(whole, cede_span(bytes + 5, SIZE_MAX), &at));
    assert_false(cede_span_offset(whole, CEDE_SPAN_NULL, &at));
    assert_false(cede_span_offset(CEDE_SPAN_NULL, whole, &at));
    assert_int_equal(at, 8); /* untouched by failures */
}

static void copies_fit_or_do_nothing(void **state)
{
    uint8_t to[4] = {9, 9, 9, 9};
    struct cede_span copied;

    (void)state;
    assert_int_equal(cede_copy(CEDE_BUF_ARRAY(to), CEDE_SPAN_TEXT("12345"), &copied),
                     CEDE_NO_SPACE);
    assert_null(copied.ptr);
    assert_int_equal(to[0], 9);
    assert_int_equal(cede_copy(CEDE_BUF_ARRAY(to), CEDE_SPAN_TEXT("123"), &copied), CEDE_OK);
    assert_true(cede_span_equal(copied, CEDE_SPAN_TEXT("123")));
    assert_ptr_equal(copied.ptr, to);
    assert_int_equal(to[3], 9);
    assert_int_equal(cede_copy(CEDE_BUF_ARRAY(to), CEDE_SPAN_NULL, &copied), CEDE_OK);
    assert_int_equal(copied.len, 0);
    /* Overlapping memory is allowed. */
    assert_int_equal(cede_copy(CEDE_BUF_ARRAY(to), cede_span(to + 1, 3), &copied), CEDE_OK);
    assert_true(cede_span_equal(copied, CEDE_SPAN_TEXT("23\t")));
}

static void wiping_clears_that_much(void **state)
{
    uint8_t bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8};

    (void)state;
    cede_wipe(bytes + 1, 6);
    assert_memory_equal(bytes, ((uint8_t[]){1, 0, 0, 0, 0, 0, 0, 8}), 8);
    cede_wipe(NULL, 0);
}

static void constant_time_comparison_sees_every_bit(void **state)
{
    uint8_t a[16] = {0}, b[16] = {0};

    (void)state;
    assert_true(cede_equal_constant_time(a, b, sizeof a));
    assert_true(cede_equal_constant_time(a, b, 0));
    for (size_t bit = 0; bit < 8 * sizeof a; bit++) {
        a[bit / 8] = (uint8_t)(1U << bit % 8);
        assert_false(cede_equal_constant_time(a, b, sizeof a));
        a[bit / 8] = 0;
    }
    a[3] = b[5] = 0x10; /* two differences do not cancel out */
    assert_false(cede_equal_constant_time(a, b, sizeof a));
}

/* --- reading ------------------------------------------------------------------------------------
 */

static void numbers_are_read_in_network_order(void **state)
{
    struct cede_reader reader = cede_reader(HEX("01 0203 04050607 08090a0b0c0d0e0f"));

    (void)state;
    assert_int_equal(cede_reader_peek(&reader), 1);
    assert_int_equal(cede_read_u8(&reader), 0x01);
    assert_int_equal(cede_read_u16(&reader), 0x0203);
    assert_int_equal(cede_read_u32(&reader), 0x04050607);
    assert_int_equal(cede_reader_left(&reader), 8);
    assert_false(cede_reader_at_end(&reader));
    assert_int_equal(cede_read_u64(&reader), 0x08090a0b0c0d0e0f);
    assert_true(cede_reader_at_end(&reader));
    assert_int_equal(cede_reader_peek(&reader), 0);
    assert_int_equal(cede_reader_finish(&reader), CEDE_OK);
}

static void readers_stop_at_the_end_and_stay_failed(void **state)
{
    struct cede_span in = HEX("0102030405060708");
    struct cede_reader reader = cede_reader(cede_span(in.ptr, 3));

    (void)state;
    assert_int_equal(cede_read_u32(&reader), 0);
    assert_int_equal(reader.status, CEDE_TRUNCATED);
    assert_int_equal(reader.pos, 0);
    assert_int_equal(cede_read_u8(&reader), 0); /* though a byte is there */
    assert_null(cede_read_bytes(&reader, 0).ptr);
    assert_null(cede_read_rest(&reader).ptr);
    assert_null(cede_reader_since(&reader, 0).ptr);
    assert_int_equal(cede_reader_left(&reader), 0);
    assert_int_equal(cede_reader_peek(&reader), 0);
    assert_false(cede_reader_at_end(&reader));
    cede_reader_fail(&reader, CEDE_INTERNAL); /* the first failure stays */
    assert_int_equal(cede_reader_finish(&reader), CEDE_TRUNCATED);
    reader = cede_reader(in);
    assert_null(cede_read_bytes(&reader, SIZE_MAX).ptr);
    assert_int_equal(reader.status, CEDE_TRUNCATED);
}

static void every_number_is_refused_one_byte_short(void **state)
{
    uint8_t bytes[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

    (void)state;
    for (size_t len = 0; len < 8; len++) {
        struct cede_reader a = cede_reader(cede_span(bytes, len)), b = a, c = a, d = a;
        assert_int_equal(cede_read_u8(&a), len >= 1 ? 0xff : 0);
        assert_int_equal(cede_read_u16(&b), len >= 2 ? 0xffff : 0);
        assert_int_equal(cede_read_u32(&c), len >= 4 ? 0xffffffff : 0);
        assert_int_equal(cede_read_u64(&d), 0);
        assert_int_equal(a.status, len >= 1 ? CEDE_OK : CEDE_TRUNCATED);
        assert_int_equal(b.status, len >= 2 ? CEDE_OK : CEDE_TRUNCATED);
        assert_int_equal(c.status, len >= 4 ? CEDE_OK : CEDE_TRUNCATED);
        assert_int_equal(d.status, CEDE_TRUNCATED);
    }
}

static void bytes_are_read_as_spans_into_the_input(void **state)
{
    struct cede_span in = CEDE_SPAN_TEXT("headbody");
    struct cede_reader reader = cede_reader(in);
    struct cede_span part = cede_read_bytes(&reader, 4);

    (void)state;
    assert_ptr_equal(part.ptr, in.ptr);
    assert_int_equal(cede_reader_finish(&reader), CEDE_TRAILING_BYTES);
    assert_true(cede_span_equal(cede_reader_since(&reader, 1), CEDE_SPAN_TEXT("ead")));
    assert_null(cede_reader_since(&reader, 5).ptr);
    assert_true(cede_span_equal(cede_read_rest(&reader), CEDE_SPAN_TEXT("body")));
    assert_int_equal(cede_reader_finish(&reader), CEDE_OK);
    part = cede_read_rest(&reader); /* nothing, but not absent */
    assert_non_null(part.ptr);
    assert_int_equal(part.len, 0);
}

static void an_absent_input_is_an_empty_one(void **state)
{
    struct cede_reader reader = cede_reader(CEDE_SPAN_NULL);

    (void)state;
    assert_true(cede_reader_at_end(&reader));
    assert_non_null(cede_read_bytes(&reader, 0).ptr);
    assert_int_equal(cede_reader_finish(&reader), CEDE_OK);
    assert_int_equal(cede_read_u8(&reader), 0);
    assert_int_equal(cede_reader_finish(&reader), CEDE_TRUNCATED);
}

/* --- writing ------------------------------------------------------------------------------------
 */

static void write_all_kinds(struct cede_writer *writer)
{
    struct cede_buf room;

    cede_write_u8(writer, 0x01);
    cede_write_u16(writer, 0x0203);
    cede_write_u32(writer, 0x04050607);
    cede_write_u64(writer, 0x08090a0b0c0d0e0f);
    cede_write_bytes(writer, CEDE_SPAN_TEXT("ab"));
    cede_write_bytes(writer, CEDE_SPAN_NULL);
    room = cede_write_room(writer, 1);
    if (room.ptr != NULL) {
        room.ptr[0] = 'c';
    }
}

static void writers_write_in_network_order(void **state)
{
    uint8_t out[18];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(out));
    struct cede_span written;

    (void)state;
    write_all_kinds(&writer);
    assert_int_equal(cede_writer_finish(&writer, &written), CEDE_OK);
    assert_true(cede_span_equal(written, HEX("010203040506070809 0a0b0c0d0e0f 616263")));
}

static void a_writer_over_no_memory_counts(void **state)
{
    struct cede_writer writer = cede_writer_counting();
    struct cede_span written;

    (void)state;
    write_all_kinds(&writer);
    assert_int_equal(writer.len, 18);
    assert_int_equal(cede_writer_finish(&writer, &written), CEDE_OK);
    assert_null(written.ptr);
}

static void writers_never_pass_their_end_and_stay_failed(void **state)
{
    (void)state;
    for (size_t cap = 0; cap < 18; cap++) {
        uint8_t out[19];
        struct cede_writer writer = cede_writer(cede_buf(out, cap));
        struct cede_span written = CEDE_SPAN_TEXT("x");
        memset(out, 0x55, sizeof out);
        write_all_kinds(&writer);
        assert_int_equal(writer.len, 18); /* what it would have taken */
        assert_int_equal(cede_writer_finish(&writer, &written), CEDE_NO_SPACE);
        assert_null(written.ptr);
        assert_null(cede_write_room(&writer, 0).ptr);
        for (size_t i = cap; i < sizeof out; i++) {
            assert_int_equal(out[i], 0x55);
        }
    }
}

static void writers_keep_the_first_failure(void **state)
{
    uint8_t out[1];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(out));

    (void)state;
    cede_writer_fail(&writer, CEDE_INTERNAL);
    write_all_kinds(&writer);
    assert_int_equal(writer.status, CEDE_INTERNAL);
    assert_null(cede_written(&writer).ptr);
    writer = cede_writer_counting();
    cede_write_u8(&writer, 0);
    assert_null(cede_write_room(&writer, SIZE_MAX).ptr); /* the count would wrap */
    assert_int_equal(writer.status, CEDE_NO_SPACE);
    assert_int_equal(writer.len, 1);
}

/* --- statuses -----------------------------------------------------------------------------------
 */

#define X(name_, class_, number_, reason_) {name_, CEDE_CLASS_##class_, number_, #name_, reason_},
static const struct {
    enum cede_status status;
    enum cede_status_class class;
    unsigned number;
    const char *name, *reason;
} statuses[] = {
#include "cede/status_table.h"
};
#undef X

static void statuses_are_unique_and_named(void **state)
{
    size_t count = sizeof statuses / sizeof statuses[0];

    (void)state;
    for (size_t i = 0; i < count; i++) {
        assert_in_range(statuses[i].number, 1, 0xff);
        assert_int_equal(cede_status_class(statuses[i].status), statuses[i].class);
        assert_string_equal(cede_status_name(statuses[i].status), statuses[i].name);
        assert_string_equal(cede_status_reason(statuses[i].status), statuses[i].reason);
        for (size_t k = 0; k < i; k++) {
            assert_int_not_equal(statuses[i].status, statuses[k].status);
        }
    }
}

static void what_is_no_status_has_a_name_too(void **state)
{
    (void)state;
    assert_string_equal(cede_status_name(CEDE_OK), "CEDE_OK");
    assert_int_equal(cede_status_class(CEDE_OK), CEDE_CLASS_OK);
    assert_string_equal(cede_status_name((enum cede_status)0x7fff), "CEDE_UNKNOWN_STATUS");
    assert_string_equal(cede_status_reason((enum cede_status)0x7fff), "unknown status");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent_differs_from_empty),
        cmocka_unit_test(spans_are_equal_by_length_and_bytes),
        cmocka_unit_test(spans_compare_bytewise_shorter_first),
        cmocka_unit_test(parts_lie_inside),
        cmocka_unit_test(offsets_are_found_only_inside),
        cmocka_unit_test(copies_fit_or_do_nothing),
        cmocka_unit_test(wiping_clears_that_much),
        cmocka_unit_test(constant_time_comparison_sees_every_bit),
        cmocka_unit_test(numbers_are_read_in_network_order),
        cmocka_unit_test(readers_stop_at_the_end_and_stay_failed),
        cmocka_unit_test(every_number_is_refused_one_byte_short),
        cmocka_unit_test(bytes_are_read_as_spans_into_the_input),
        cmocka_unit_test(an_absent_input_is_an_empty_one),
        cmocka_unit_test(writers_write_in_network_order),
        cmocka_unit_test(a_writer_over_no_memory_counts),
        cmocka_unit_test(writers_never_pass_their_end_and_stay_failed),
        cmocka_unit_test(writers_keep_the_first_failure),
        cmocka_unit_test(statuses_are_unique_and_named),
        cmocka_unit_test(what_is_no_status_has_a_name_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
