/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cbor_test.c - deterministic CBOR: the examples of RFC 8949, appendix A, and what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cede/cbor.h"
#include "hex.h"

#define COUNT(table_) (sizeof(table_) / sizeof((table_)[0]))

static enum cede_status check(const char *hex, enum cede_cbor_order order, size_t *offset)
{
    uint8_t bytes[64];

    return cede_cbor_check(hex_into(CEDE_BUF_ARRAY(bytes), hex), order, offset);
}

/* --- RFC 8949, appendix A -----------------------------------------------------------------------
 */

static void whole_items_of_appendix_a_pass(void **state)
{
    static const char *const examples[] = {
        "00",
        "01",
        "0a",
        "17",
        "1818",
        "1819",
        "1864",
        "1903e8",
        "1a000f4240",
        "1b000000e8d4a51000",
        "1bffffffffffffffff",
        "c249010000000000000000",
        "3bffffffffffffffff",
        "c349010000000000000000",
        "20",
        "29",
        "3863",
        "3903e7",
        "f90000",
        "f98000",
        "f93c00",
        "fb3ff199999999999a",
        "f93e00",
        "f97bff",
        "fa47c35000",
        "fa7f7fffff",
        "fb7e37e43c8800759c",
        "f90001",
        "f90400",
        "f9c400",
        "fbc010666666666666",
        "f97c00",
        "f97e00",
        "f9fc00",
        "f4",
        "f5",
        "f6",
        "f7",
        "f0",
        "f8ff",
        "c074323031332d30332d32315432303a30343a30305a",
        "c11a514b67b0",
        "c1fb41d452d9ec200000",
        "d74401020304",
        "d818456449455446",
        "d82076687474703a2f2f7777772e6578616d706c652e636f6d",
        "40",
        "4401020304",
        "60",
        "6161",
        "6449455446",
        "62225c",
        "62c3bc",
        "63e6b0b4",
        "64f0908591",
        "80",
        "83010203",
        "8301820203820405",
        "98190102030405060708090a0b0c0d0e0f101112131415161718181819",
        "a0",
        "a201020304",
        "a26161016162820203",
        "826161a161626163",
        "a56161614161626142616361436164614461656145",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(examples); i++) {
        size_t offset = 99;
        assert_int_equal(check(examples[i], CEDE_CBOR_SORTED, &offset), CEDE_OK);
        assert_int_equal(offset, strlen(examples[i]) / 2);
    }
}

/* Every proper beginning of an item is an item cut short. */
static void items_cut_short_are_truncated(void **state)
{
    static const char *const examples[] = {
        "1818",
        "1903e8",
        "1a000f4240",
        "1b000000e8d4a51000",
        "c249010000000000000000",
        "f8ff",
        "fa47c35000",
        "d818456449455446",
        "6449455446",
        "8301820203820405",
        "a26161016162820203",
        "a56161614161626142616361436164614461656145",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(examples); i++) {
        uint8_t bytes[64];
        struct cede_span whole = hex_into(CEDE_BUF_ARRAY(bytes), examples[i]);
        for (size_t len = 0; len < whole.len; len++) {
            size_t offset;
            assert_int_equal(cede_cbor_check(cede_span(bytes, len), CEDE_CBOR_SORTED, &offset),
                             CEDE_TRUNCATED);
            assert_true(offset <= len);
        }
    }
}

static void indefinite_items_of_appendix_a_are_refused(void **state)
{
    static const struct {
        const char *hex;
        size_t offset;
    } examples[] = {
        {"5f42010243030405ff", 0},
        {"7f657374726561646d696e67ff", 0},
        {"9fff", 0},
        {"9f018202039f0405ffff", 0},
        {"83018202039f0405ff", 5},
        {"83019f0203ff820405", 2},
        {"bf61610161629f0203ffff", 0},
        {"826161bf61626163ff", 3},
        {"bf6346756ef563416d7421ff", 0},
        {"ff", 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(examples); i++) {
        size_t offset;
        assert_int_equal(check(examples[i].hex, CEDE_CBOR_ANY_ORDER, &offset),
                         CEDE_CBOR_INDEFINITE);
        assert_int_equal(offset, examples[i].offset);
    }
}

static void malformed_items_are_refused_where_they_go_wrong(void **state)
{
    static const struct {
        const char *hex;
        enum cede_status status;
        size_t offset;
    } cases[] = {
        /* not the shortest head, in each width and major type */
        {"1817", CEDE_CBOR_NOT_SHORTEST, 0},
        {"190018", CEDE_CBOR_NOT_SHORTEST, 0},
        {"1900ff", CEDE_CBOR_NOT_SHORTEST, 0},
        {"1a0000ffff", CEDE_CBOR_NOT_SHORTEST, 0},
        {"1b00000000ffffffff", CEDE_CBOR_NOT_SHORTEST, 0},
        {"3800", CEDE_CBOR_NOT_SHORTEST, 0},
        {"580101", CEDE_CBOR_NOT_SHORTEST, 0},
        {"780161", CEDE_CBOR_NOT_SHORTEST, 0},
        {"980101", CEDE_CBOR_NOT_SHORTEST, 0},
        {"b8010102", CEDE_CBOR_NOT_SHORTEST, 0},
        {"d81700", CEDE_CBOR_NOT_SHORTEST, 0},
        {"82011817", CEDE_CBOR_NOT_SHORTEST, 2},
        /* simple values below 32 in two bytes */
        {"f814", CEDE_CBOR_NOT_SHORTEST, 0},
        {"f81f", CEDE_CBOR_NOT_SHORTEST, 0},
        /* reserved additional information */
        {"1c", CEDE_CBOR_RESERVED, 0},
        {"1d", CEDE_CBOR_RESERVED, 0},
        {"1e", CEDE_CBOR_RESERVED, 0},
        {"5c", CEDE_CBOR_RESERVED, 0},
        {"9d", CEDE_CBOR_RESERVED, 0},
        {"fe", CEDE_CBOR_RESERVED, 0},
        /* indefinite integers and tags are no form at all */
        {"1f", CEDE_CBOR_INDEFINITE, 0},
        {"df00", CEDE_CBOR_INDEFINITE, 0},
        /* lengths and counts past the end of the input */
        {"5bffffffffffffffff", CEDE_TRUNCATED, 0},
        {"7affffffff", CEDE_TRUNCATED, 0},
        {"9bffffffffffffffff", CEDE_TRUNCATED, 0},
        {"bbffffffffffffffff", CEDE_TRUNCATED, 0},
        {"bb8000000000000000", CEDE_TRUNCATED, 0}, /* twice that wraps to zero */
        {"a10102a1", CEDE_TRAILING_BYTES, 3},
        {"0000", CEDE_TRAILING_BYTES, 1},
        /* text that is not UTF-8 */
        {"6180", CEDE_CBOR_UTF8, 0},
        {"61c3", CEDE_CBOR_UTF8, 0},
        {"62c0af", CEDE_CBOR_UTF8, 0},     /* overlong */
        {"62c1bf", CEDE_CBOR_UTF8, 0},     /* overlong */
        {"63e08080", CEDE_CBOR_UTF8, 0},   /* overlong */
        {"63eda080", CEDE_CBOR_UTF8, 0},   /* a surrogate */
        {"63e6b034", CEDE_CBOR_UTF8, 0},   /* third byte is no continuation */
        {"64f0808080", CEDE_CBOR_UTF8, 0}, /* overlong */
        {"64f4908080", CEDE_CBOR_UTF8, 0}, /* past U+10FFFF */
        {"64f5808080", CEDE_CBOR_UTF8, 0},
        {"8261616162c328", CEDE_TRAILING_BYTES, 5},
        {"82616162c328", CEDE_CBOR_UTF8, 3},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t offset = 99;
        assert_int_equal(check(cases[i].hex, CEDE_CBOR_SORTED, &offset), cases[i].status);
        assert_int_equal(offset, cases[i].offset);
    }
}

/* RFC 8949, section 4.2.1: a float is as short as its value allows. */
static void floats_are_the_shortest(void **state)
{
    static const struct {
        const char *hex;
        bool shortest;
    } cases[] = {
        {"fa00000000", false},         /* 0.0 */
        {"fa80000000", false},         /* -0.0 */
        {"fa3f800000", false},         /* 1.0 */
        {"fa477fe000", false},         /* 65504.0, the largest in two bytes */
        {"fa477ff000", true},          /* a bit more in the fraction */
        {"fa47800000", true},          /* 65536.0 */
        {"fa38800000", false},         /* 2^-14, the smallest normal in two bytes */
        {"fa38000000", false},         /* 2^-15, subnormal there */
        {"fa33800000", false},         /* 2^-24, the smallest there */
        {"fa33000000", true},          /* 2^-25 */
        {"fa33c00000", true},          /* 1.5 * 2^-24 */
        {"fa00000001", true},          /* subnormal */
        {"fa7f800000", false},         /* infinity */
        {"fa7fc00000", false},         /* NaN */
        {"fa7f800001", true},          /* NaN with a payload that two bytes do not hold */
        {"fb3ff0000000000000", false}, /* 1.0 */
        {"fb47efffffe0000000", false}, /* the largest in four bytes */
        {"fb47f0000000000000", true},  /* 2^128 */
        {"fb36a0000000000000", false}, /* 2^-149, the smallest in four bytes */
        {"fb3690000000000000", true},  /* 2^-150 */
        {"fb0000000000000001", true},  /* subnormal */
        {"fb7ff0000000000000", false}, /* infinity */
        {"fb3fb999999999999a", true},  /* 0.1 */
        {"81fa3f800000", false},       /* in an array */
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t offset;
        assert_int_equal(check(cases[i].hex, CEDE_CBOR_SORTED, &offset),
                         cases[i].shortest ? CEDE_OK : CEDE_CBOR_NOT_SHORTEST);
        assert_int_equal(offset, cases[i].shortest        ? strlen(cases[i].hex) / 2
                                 : cases[i].hex[0] == '8' ? 1
                                                          : 0);
        assert_int_equal(check(cases[i].hex, CEDE_CBOR_ANY_ORDER, &offset), CEDE_OK);
    }
}

static void utf8_at_its_borders_passes(void **state)
{
    static const char *const examples[] = {
        "617f",     "62c280",   "62dfbf",     "63e0a080",   "63ed9fbf",
        "63ee8080", "63efbfbf", "64f0908080", "64f48fbfbf",
    };
    size_t offset;

    (void)state;
    for (size_t i = 0; i < COUNT(examples); i++) {
        assert_int_equal(check(examples[i], CEDE_CBOR_SORTED, &offset), CEDE_OK);
    }
}

static void map_keys_come_in_order_and_once(void **state)
{
    static const struct {
        const char *hex;
        enum cede_status sorted, any;
        size_t offset;
    } cases[] = {
        {"a201000200", CEDE_OK, CEDE_OK, 5},
        {"a202000100", CEDE_CBOR_KEY_ORDER, CEDE_OK, 3},
        {"a201000100", CEDE_CBOR_KEY_ORDER, CEDE_OK, 3}, /* twice: the caller's to notice */
        {"a220000100", CEDE_CBOR_KEY_ORDER, CEDE_OK, 3}, /* -1 after 1 */
        {"a218180020 00", CEDE_OK, CEDE_OK, 6},          /* 24, -1: bytewise, not length first */
        {"a220001818 00", CEDE_CBOR_KEY_ORDER, CEDE_OK, 3},
        {"a26162006161 00", CEDE_CBOR_KEY_ORDER, CEDE_OK, 4},
        {"a2616100626161 00", CEDE_OK, CEDE_OK, 8},
        {"81a101a20200010 0", CEDE_CBOR_KEY_ORDER, CEDE_OK, 6}, /* in a value */
        {"a2 01a20200 0100 0200", CEDE_CBOR_KEY_ORDER, CEDE_OK, 5},
        {"a1810000", CEDE_CBOR_KEY, CEDE_OK, 1}, /* a key that is an array */
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t offset = 99;
        assert_int_equal(check(cases[i].hex, CEDE_CBOR_SORTED, &offset), cases[i].sorted);
        assert_int_equal(offset, cases[i].offset);
        assert_int_equal(check(cases[i].hex, CEDE_CBOR_ANY_ORDER, &offset), cases[i].any);
    }
}

/* `levels` arrays, maps or tags inside one another, an integer in the innermost. */
static enum cede_status check_nested(uint8_t opening, size_t levels)
{
    uint8_t bytes[3 * CEDE_CBOR_DEPTH_MAX];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(bytes));
    size_t offset;

    for (size_t i = 0; i < levels; i++) {
        cede_write_u8(&writer, opening);
        if (opening == 0xa1) {
            cede_write_u8(&writer, 1);
        }
    }
    cede_write_u8(&writer, 0);
    return cede_cbor_check(cede_written(&writer), CEDE_CBOR_SORTED, &offset);
}

static void nesting_has_a_limit(void **state)
{
    static const uint8_t openings[] = {0x81, 0xa1, 0xc1};

    (void)state;
    for (size_t i = 0; i < COUNT(openings); i++) {
        assert_int_equal(check_nested(openings[i], 1), CEDE_OK);
        assert_int_equal(check_nested(openings[i], CEDE_CBOR_DEPTH_MAX), CEDE_OK);
        assert_int_equal(check_nested(openings[i], CEDE_CBOR_DEPTH_MAX + 1), CEDE_CBOR_DEPTH);
    }
}

/* --- getting ------------------------------------------------------------------------------------
 */

static void integers_come_back(void **state)
{
    static const struct {
        const char *hex;
        int64_t value;
    } cases[] = {
        {"00", 0},
        {"17", 23},
        {"1818", 24},
        {"18ff", 255},
        {"190100", 256},
        {"1a00010000", 65536},
        {"1b0000000100000000", 0x100000000},
        {"1b7fffffffffffffff", INT64_MAX},
        {"20", -1},
        {"37", -24},
        {"3818", -25},
        {"3903e7", -1000},
        {"3b7fffffffffffffff", INT64_MIN},
    };
    uint8_t bytes[9], again[9];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cede_span in = hex_into(CEDE_BUF_ARRAY(bytes), cases[i].hex), written;
        struct cede_reader reader = cede_reader(in);
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(again));
        assert_true(cede_cbor_get_int(&reader) == cases[i].value);
        assert_int_equal(cede_reader_finish(&reader), CEDE_OK);
        cede_cbor_put_int(&writer, cases[i].value);
        assert_int_equal(cede_writer_finish(&writer, &written), CEDE_OK);
        assert_true(cede_span_equal(written, in));
        reader = cede_reader(in);
        if (cases[i].value >= 0) {
            assert_true(cede_cbor_get_uint(&reader) == (uint64_t)cases[i].value);
        } else {
            assert_int_equal(cede_cbor_get_uint(&reader), 0);
            assert_int_equal(reader.status, CEDE_CBOR_TYPE);
        }
    }
}

static void integers_past_64_bits_with_sign_are_refused(void **state)
{
    static const char *const cases[] = {"1b8000000000000000", "3b8000000000000000",
                                        "3bffffffffffffffff"};
    uint8_t bytes[9];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cede_reader reader = cede_reader(hex_into(CEDE_BUF_ARRAY(bytes), cases[i]));
        assert_int_equal(cede_cbor_get_int(&reader), 0);
        assert_int_equal(cede_reader_finish(&reader), CEDE_CBOR_RANGE);
        assert_int_equal(reader.pos, 0);
    }
    {
        struct cede_reader reader = cede_reader(HEX("1bffffffffffffffff"));
        assert_true(cede_cbor_get_uint(&reader) == UINT64_MAX);
        assert_int_equal(cede_reader_finish(&reader), CEDE_OK);
    }
}

static void one_message_of_all_types_comes_back(void **state)
{
    struct cede_span in = HEX("89 1864 29 4401020304 6449455446 d82001 f5 f4 f6 820102");
    struct cede_reader reader = cede_reader(in);
    struct cede_span item;

    (void)state;
    assert_int_equal(cede_cbor_peek(&reader), CEDE_CBOR_ARRAY);
    cede_cbor_expect_array(&reader, 9);
    assert_int_equal(cede_cbor_peek(&reader), CEDE_CBOR_UINT);
    assert_int_equal(cede_cbor_get_uint(&reader), 100);
    assert_int_equal(cede_cbor_peek(&reader), CEDE_CBOR_NINT);
    assert_int_equal(cede_cbor_get_int(&reader), -10);
    assert_int_equal(cede_cbor_peek(&reader), CEDE_CBOR_BYTES);
    assert_true(cede_span_equal(cede_cbor_get_bytes(&reader), HEX("01020304")));
    assert_int_equal(cede_cbor_peek(&reader), CEDE_CBOR_TEXT);
    assert_true(cede_span_equal(cede_cbor_get_text(&reader), CEDE_SPAN_TEXT("IETF")));
    assert_int_equal(cede_cbor_peek(&reader), CEDE_CBOR_TAG);
    assert_int_equal(cede_cbor_get_tag(&reader), 32);
    assert_int_equal(cede_cbor_get_uint(&reader), 1);
    assert_int_equal(cede_cbor_peek(&reader), CEDE_CBOR_SIMPLE);
    assert_true(cede_cbor_get_bool(&reader));
    assert_false(cede_cbor_peek_null(&reader));
    assert_false(cede_cbor_get_bool(&reader));
    assert_true(cede_cbor_peek_null(&reader));
    cede_cbor_get_null(&reader);
    item = cede_cbor_get_item(&reader);
    assert_true(cede_span_equal(item, HEX("820102")));
    assert_int_equal(cede_cbor_peek(&reader), CEDE_CBOR_NONE);
    assert_int_equal(cede_reader_finish(&reader), CEDE_OK);
}

static void the_same_message_is_written(void **state)
{
    uint8_t out[40];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(out));
    struct cede_span written;

    (void)state;
    cede_cbor_put_array(&writer, 9);
    cede_cbor_put_uint(&writer, 100);
    cede_cbor_put_int(&writer, -10);
    cede_cbor_put_bytes(&writer, HEX("01020304"));
    cede_cbor_put_text(&writer, CEDE_SPAN_TEXT("IETF"));
    cede_cbor_put_tag(&writer, 32);
    cede_cbor_put_uint(&writer, 1);
    cede_cbor_put_bool(&writer, true);
    cede_cbor_put_bool(&writer, false);
    cede_cbor_put_null(&writer);
    cede_cbor_put_array(&writer, 2);
    cede_cbor_put_uint(&writer, 1);
    cede_cbor_put_uint(&writer, 2);
    assert_int_equal(cede_writer_finish(&writer, &written), CEDE_OK);
    assert_true(
        cede_span_equal(written, HEX("89 1864 29 4401020304 6449455446 d82001 f5 f4 f6 820102")));
    writer = cede_writer(CEDE_BUF_ARRAY(out));
    cede_cbor_put_map(&writer, 1);
    cede_cbor_put_uint(&writer, 1);
    cede_cbor_put_bytes_head(&writer, 3);
    cede_write_bytes(&writer, CEDE_SPAN_TEXT("abc"));
    assert_int_equal(cede_writer_finish(&writer, &written), CEDE_OK);
    assert_true(cede_span_equal(written, HEX("a10143616263")));
    writer = cede_writer(cede_buf(out, 3));
    cede_cbor_put_uint(&writer, 65536);
    assert_int_equal(cede_writer_finish(&writer, &written), CEDE_NO_SPACE);
    assert_null(written.ptr);
}

static void heads_have_the_shortest_length(void **state)
{
    static const struct {
        uint64_t argument;
        size_t len;
    } cases[] = {{0, 1},     {23, 1},    {24, 2},         {255, 2},         {256, 3},
                 {65535, 3}, {65536, 5}, {UINT32_MAX, 5}, {0x100000000, 9}, {UINT64_MAX, 9}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t out[9];
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(out));
        struct cede_reader reader;
        assert_int_equal(cede_cbor_head_len(cases[i].argument), cases[i].len);
        cede_cbor_put_head(&writer, CEDE_CBOR_TAG, cases[i].argument);
        assert_int_equal(writer.len, cases[i].len);
        reader = cede_reader(cede_written(&writer));
        assert_true(cede_cbor_get_tag(&reader) == cases[i].argument);
        assert_int_equal(cede_reader_finish(&reader), CEDE_OK);
    }
}

static void another_type_is_refused_and_not_consumed(void **state)
{
    static const char *const items[] = {"01",     "20",   "4101", "6161", "8101",
                                        "a10102", "c101", "f5",   "f6"};
    uint8_t bytes[3];

    (void)state;
    for (size_t i = 0; i < COUNT(items); i++) {
        struct cede_span in = hex_into(CEDE_BUF_ARRAY(bytes), items[i]);
        for (size_t getter = 0; getter < 9; getter++) {
            struct cede_reader reader = cede_reader(in);
            struct cede_span span = CEDE_SPAN_NULL;
            uint64_t value = 0;
            bool fits = getter == i || (getter == 1 && i == 0) /* get_int takes both signs */;
            switch (getter) {
            case 0:
                value = cede_cbor_get_uint(&reader);
                break;
            case 1:
                value = (uint64_t)cede_cbor_get_int(&reader);
                break;
            case 2:
                span = cede_cbor_get_bytes(&reader);
                break;
            case 3:
                span = cede_cbor_get_text(&reader);
                break;
            case 4:
                value = cede_cbor_get_array(&reader);
                break;
            case 5:
                value = cede_cbor_get_map(&reader, CEDE_CBOR_SORTED).left;
                break;
            case 6:
                value = cede_cbor_get_tag(&reader);
                break;
            case 7:
                value = cede_cbor_get_bool(&reader);
                break;
            default:
                cede_cbor_get_null(&reader);
                break;
            }
            assert_int_equal(reader.status, fits ? CEDE_OK : CEDE_CBOR_TYPE);
            if (!fits) {
                assert_int_equal(reader.pos, 0);
                assert_int_equal(value, 0);
                assert_null(span.ptr);
            }
        }
    }
}

static void getters_at_the_end_are_truncated(void **state)
{
    struct cede_reader at_end = cede_reader(CEDE_SPAN_NULL), reader;

    (void)state;
    reader = at_end;
    assert_int_equal(cede_cbor_get_uint(&reader), 0);
    assert_int_equal(reader.status, CEDE_TRUNCATED);
    reader = at_end;
    assert_null(cede_cbor_get_bytes(&reader).ptr);
    assert_int_equal(reader.status, CEDE_TRUNCATED);
    reader = at_end;
    assert_false(cede_cbor_get_bool(&reader));
    assert_int_equal(reader.status, CEDE_TRUNCATED);
    reader = at_end;
    cede_cbor_get_null(&reader);
    assert_int_equal(reader.status, CEDE_TRUNCATED);
    reader = at_end;
    assert_null(cede_cbor_get_item(&reader).ptr);
    assert_int_equal(reader.status, CEDE_TRUNCATED);
    /* An array that cannot be held by what follows is refused before anyone allots memory. */
    reader = cede_reader(HEX("9a00ffffff 00"));
    assert_int_equal(cede_cbor_get_array(&reader), 0);
    assert_int_equal(reader.status, CEDE_TRUNCATED);
    reader = cede_reader(HEX("a2010203"));
    assert_int_equal(cede_cbor_get_map(&reader, CEDE_CBOR_SORTED).left, 0);
    assert_int_equal(reader.status, CEDE_TRUNCATED);
}

static void arrays_of_another_count_are_refused(void **state)
{
    struct cede_reader reader = cede_reader(HEX("820102"));

    (void)state;
    cede_cbor_expect_array(&reader, 3);
    assert_int_equal(reader.status, CEDE_CBOR_COUNT);
    assert_int_equal(reader.pos, 0);
    assert_int_equal(cede_cbor_get_uint(&reader), 0); /* sticky */
    reader = cede_reader(HEX("00"));
    cede_cbor_expect_array(&reader, 0);
    assert_int_equal(reader.status, CEDE_CBOR_TYPE);
}

static void empty_strings_are_not_absent(void **state)
{
    struct cede_reader reader = cede_reader(HEX("4060"));
    struct cede_span bytes = cede_cbor_get_bytes(&reader);
    struct cede_span text = cede_cbor_get_text(&reader);

    (void)state;
    assert_non_null(bytes.ptr);
    assert_int_equal(bytes.len, 0);
    assert_non_null(text.ptr);
    assert_int_equal(text.len, 0);
    assert_int_equal(cede_reader_finish(&reader), CEDE_OK);
}

/* --- maps ---------------------------------------------------------------------------------------
 */

static void maps_are_walked(void **state)
{
    struct cede_reader reader = cede_reader(HEX("a3 01 f5 20 4101 6161 820102"));
    struct cede_cbor_map map = cede_cbor_get_map(&reader, CEDE_CBOR_SORTED);
    struct cede_span key;

    (void)state;
    assert_int_equal(map.left, 3);
    assert_true(cede_cbor_map_next(&reader, &map, &key));
    assert_true(cede_span_equal(key, HEX("01")));
    assert_true(cede_cbor_get_bool(&reader));
    assert_true(cede_cbor_map_next(&reader, &map, &key));
    assert_true(cede_span_equal(key, HEX("20")));
    assert_true(cede_span_equal(cede_cbor_get_bytes(&reader), HEX("01")));
    assert_true(cede_cbor_map_next(&reader, &map, &key));
    assert_true(cede_span_equal(key, HEX("6161")));
    assert_true(cede_span_equal(cede_cbor_get_item(&reader), HEX("820102")));
    assert_false(cede_cbor_map_next(&reader, &map, &key));
    assert_null(key.ptr);
    assert_int_equal(cede_reader_finish(&reader), CEDE_OK);
}

static void integer_keys_are_walked(void **state)
{
    struct cede_reader reader = cede_reader(HEX("a3 01 02 1903e8 03 20 04"));
    struct cede_cbor_map map = cede_cbor_get_map(&reader, CEDE_CBOR_SORTED);
    int64_t key, seen[3];
    size_t count = 0;

    (void)state;
    while (cede_cbor_map_next_int(&reader, &map, &key)) {
        seen[count++] = key;
        assert_int_equal(cede_cbor_get_uint(&reader), count + 1);
    }
    assert_int_equal(count, 3);
    assert_int_equal(seen[0], 1);
    assert_int_equal(seen[1], 1000);
    assert_int_equal(seen[2], -1);
    assert_int_equal(cede_reader_finish(&reader), CEDE_OK);
}

static void walks_stop_at_a_bad_key(void **state)
{
    static const struct {
        const char *hex;
        enum cede_status sorted, any;
    } cases[] = {
        {"a202000100", CEDE_CBOR_KEY_ORDER, CEDE_OK},
        {"a201000100", CEDE_CBOR_KEY_ORDER, CEDE_OK},
        {"a2010018170 0", CEDE_CBOR_NOT_SHORTEST, CEDE_CBOR_NOT_SHORTEST},
        {"a20100616100", CEDE_CBOR_TYPE, CEDE_CBOR_TYPE}, /* text where integers are due */
    };
    uint8_t bytes[16];

    (void)state;
    for (size_t i = 0; i < 2 * COUNT(cases); i++) {
        bool sorted = i < COUNT(cases);
        struct cede_reader reader =
            cede_reader(hex_into(CEDE_BUF_ARRAY(bytes), cases[i % COUNT(cases)].hex));
        struct cede_cbor_map map =
            cede_cbor_get_map(&reader, sorted ? CEDE_CBOR_SORTED : CEDE_CBOR_ANY_ORDER);
        int64_t key;
        while (cede_cbor_map_next_int(&reader, &map, &key)) {
            (void)cede_cbor_get_item(&reader);
        }
        assert_int_equal(cede_reader_finish(&reader),
                         sorted ? cases[i % COUNT(cases)].sorted : cases[i % COUNT(cases)].any);
        if (reader.status != CEDE_OK) {
            assert_int_equal(reader.pos, 3);
        }
    }
    {
        struct cede_reader reader = cede_reader(HEX("a202000100"));
        struct cede_cbor_map map = cede_cbor_get_map(&reader, CEDE_CBOR_SORTED);
        struct cede_span key;
        assert_true(cede_cbor_map_next(&reader, &map, &key));
        (void)cede_cbor_get_item(&reader);
        assert_false(cede_cbor_map_next(&reader, &map, &key));
        assert_null(key.ptr);
        assert_int_equal(cede_reader_finish(&reader), CEDE_CBOR_KEY_ORDER);
    }
}

/* Whatever three bytes are put in, the checker ends, stays inside and, if it accepts, the bytes are
 * one item that can be got as such. */
static void no_three_bytes_confuse_the_checker(void **state)
{
    (void)state;
    for (uint32_t word = 0; word < 0x1000000; word += 37) {
        uint8_t bytes[3] = {(uint8_t)(word >> 16), (uint8_t)(word >> 8), (uint8_t)word};
        size_t offset;
        enum cede_status status =
            cede_cbor_check(CEDE_SPAN_ARRAY(bytes), CEDE_CBOR_SORTED, &offset);
        assert_true(offset <= sizeof bytes);
        if (status == CEDE_OK) {
            struct cede_reader reader = cede_reader(CEDE_SPAN_ARRAY(bytes));
            assert_int_equal(cede_cbor_get_item(&reader).len, sizeof bytes);
        } else {
            assert_int_equal(cede_status_class(status), CEDE_CLASS_MALFORMED);
        }
    }
}
static void small_integers_have_32_bits(void **state)
{
    static const struct {
        const char *hex;
        int32_t value;
        enum cede_status status;
    } cases[] = {
        {"00", 0, CEDE_OK},
        {"1a7fffffff", INT32_MAX, CEDE_OK},
        {"1a80000000", 0, CEDE_CBOR_RANGE},
        {"3a7ffffffe", -INT32_MAX, CEDE_OK},
        {"3a7fffffff", 0, CEDE_CBOR_RANGE}, /* its negation would not fit */
        {"1b0000000100000000", 0, CEDE_CBOR_RANGE},
        {"1800", 0, CEDE_CBOR_NOT_SHORTEST},
        {"40", 0, CEDE_CBOR_TYPE},
        {"", 0, CEDE_TRUNCATED},
    };
    uint8_t bytes[16];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cede_reader reader = cede_reader(hex_into(CEDE_BUF_ARRAY(bytes), cases[i].hex));

        assert_int_equal(cede_cbor_get_int32(&reader), cases[i].value);
        assert_int_equal(reader.status, cases[i].status);
        assert_int_equal(reader.pos, cases[i].status == CEDE_OK ? reader.in.len : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_integers_have_32_bits),
        cmocka_unit_test(whole_items_of_appendix_a_pass),
        cmocka_unit_test(items_cut_short_are_truncated),
        cmocka_unit_test(indefinite_items_of_appendix_a_are_refused),
        cmocka_unit_test(malformed_items_are_refused_where_they_go_wrong),
        cmocka_unit_test(floats_are_the_shortest),
        cmocka_unit_test(utf8_at_its_borders_passes),
        cmocka_unit_test(map_keys_come_in_order_and_once),
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(integers_come_back),
        cmocka_unit_test(integers_past_64_bits_with_sign_are_refused),
        cmocka_unit_test(one_message_of_all_types_comes_back),
        cmocka_unit_test(the_same_message_is_written),
        cmocka_unit_test(heads_have_the_shortest_length),
        cmocka_unit_test(another_type_is_refused_and_not_consumed),
        cmocka_unit_test(getters_at_the_end_are_truncated),
        cmocka_unit_test(arrays_of_another_count_are_refused),
        cmocka_unit_test(empty_strings_are_not_absent),
        cmocka_unit_test(maps_are_walked),
        cmocka_unit_test(integer_keys_are_walked),
        cmocka_unit_test(walks_stop_at_a_bad_key),
        cmocka_unit_test(no_three_bytes_confuse_the_checker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
