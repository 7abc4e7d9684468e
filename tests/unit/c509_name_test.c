/* SPDX-License-Identifier: Apache-2.0 */
/* c509_name_test.c - C509 Names (draft, section "issuer"): every form, and to and from X.501. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cede/certificate.h"
#include "codec/c509/name.h"
#include "codec/x509/name.h"
#include "hex.h"

#define assert_ok(expression_) assert_int_equal(CEDE_OK, (expression_))
#define COUNT(table_)          (sizeof(table_) / sizeof((table_)[0]))

/* What was written is what stands here in hex; "" when nothing may have been. */
static void assert_written(const struct cede_writer *writer, const char *hex)
{
    uint8_t room[256];
    struct cede_span expected = hex_into(CEDE_BUF_ARRAY(room), hex);

    assert_ok(writer->status);
    assert_int_equal(expected.len, writer->len);
    assert_memory_equal(expected.ptr, writer->out.ptr, expected.len);
}

static struct cede_name c509_name(struct cede_span value)
{
    return (struct cede_name){CEDE_NAME_C509, value};
}

/* --- texts ------------------------------------------------------------------------------------ */

/* "encoded as bytes if the text string is hex": lower case, of even length, not empty. */
static void texts_have_the_shortest_of_three_forms(void **state)
{
    static const struct {
        const char *text, *hex;
    } cases[] = {
        {"", "60"},
        {"a", "6161"},
        {"ab", "41ab"},
        {"abc", "63616263"},
        {"09af", "4209af"},
        {"09AF", "6430394146"},
        {"09ag", "6430396167"},
        {"0`", "623060"},
        {"0/", "62302f"},
        {"0:", "62303a"},
        {"01-23-45-FF-FE-67-89-AB", "d830460123456789ab"},
        {"01-23-45-67-89-AB-CD-EF", "d830480123456789abcdef"},
        {"01-23-45-67-89-AB-CD-Ef", "7730312d32332d34352d36372d38392d41422d43442d4566"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cede_span text = cede_span_string(cases[i].text);
        uint8_t room[64], der_room[64];
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));
        struct cede_writer der = cede_writer(CEDE_BUF_ARRAY(der_room));
        struct cede_reader reader;
        struct special_text special;

        special_put(&writer, text);
        assert_written(&writer, cases[i].hex);
        if (text.len == 0) {
            continue;
        }
        reader = cede_reader(cede_written(&writer));
        special = special_get(&reader);
        assert_ok(cede_reader_finish(&reader));
        assert_int_equal(text.len, special_len(special));
        special_put_der(&der, CEDE_DER_UTF8_STRING, special);
        assert_ok(der.status);
        assert_int_equal(2 + text.len, der.len);
        assert_memory_equal(text.ptr, der_room + 2, text.len);
        for (size_t len = 0; len < writer.len; len++) {
            reader = cede_reader(cede_span(room, len));
            (void)special_get(&reader);
            assert_int_not_equal(CEDE_OK, reader.status);
        }
        for (size_t cap = 0; cap < writer.len; cap++) {
            struct cede_writer small = cede_writer(cede_buf(der_room, cap));
            special_put(&small, text);
            assert_int_equal(CEDE_NO_SPACE, small.status);
        }
    }
}

static void mac_addresses_have_six_or_eight_bytes(void **state)
{
    (void)state;
    for (size_t len = 0; len < 12; len++) {
        uint8_t room[16] = {0xd8, 0x30, (uint8_t)(0x40 + len), 1, 2, 3, 4, 5, 6, 7, 8};
        struct cede_reader reader = cede_reader(cede_span(room, 3 + len));
        struct special_text special = special_get(&reader);
        bool good = len == 6 || len == 8;

        assert_int_equal(good ? CEDE_OK : CEDE_C509_NAME, reader.status);
        if (good) {
            assert_int_equal(EUI64_TEXT_LEN, special_len(special));
            assert_int_equal('0', special_at(special, 0));
            assert_int_equal('1', special_at(special, 1));
        } else {
            special.form = SPECIAL_MAC;
            special.bytes = cede_span(room + 3, len);
            assert_int_equal(0, special_at(special, 0));
        }
    }
}

/* --- from X.501 ------------------------------------------------------------------------------- */

static void names_from_x501_keep_their_string_types(void **state)
{
    static const struct {
        const char *der, *hex;
        bool native;
    } cases[] = {
        /* a common name alone: UTF-8, printable, IA5 */
        {"300d310b300906035504030c027879", "627879", false},
        {"300d310b300906035504030c027879", "627879", true},
        {"300d310b3009060355040313027879", "8220627879", false},
        {"300d310b3009060355040313027879", "627879", true},
        {"300d310b3009060355040316027879", "82435504034416027879", false},
        {"300d310b3009060355040316027879", "627879", true},
        /* a country alone, and an attribute without number */
        {"300d310b3009060355040613025345", "8223625345", false},
        {"300d310b3009060355040613025345", "8204625345", true},
        {"300c310a300806022a030c027879", "82422a03440c027879", false},
        {"300c310a300806022a030c027879", "82422a03440c027879", true},
        {"300c310a300806022a0313027879", "82422a034413027879", false},
        /* e-mail is IA5 without a sign; as UTF-8 it keeps its identifier */
        {"30133111300f06092a864886f70d01090116027879", "8200627879", false},
        {"30133111300f06092a864886f70d0109010c027879", "82492a864886f70d010901440c027879", false},
        /* two, and none */
        {"301a310b300906035504030c027879310b300906035504030c027a7a", "840162787901627a7a", true},
        {"3000", "80", false},
        {"3000", "80", true},
    };
    uint8_t der_room[64], room[64], back_room[64];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cede_span der = hex_into(CEDE_BUF_ARRAY(der_room), cases[i].der);
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));
        struct cede_writer back = cede_writer(CEDE_BUF_ARRAY(back_room));

        c509_put_name_from_der(&writer, der, cases[i].native);
        assert_written(&writer, cases[i].hex);
        for (size_t cap = 0; cap < writer.len; cap++) {
            struct cede_writer small = cede_writer(cede_buf(back_room, cap));
            c509_put_name_from_der(&small, der, cases[i].native);
            assert_int_equal(CEDE_NO_SPACE, small.status);
        }
        assert_ok(c509_name_check(cede_written(&writer)));
        c509_put_name_to_der(&back, cede_written(&writer));
        assert_ok(back.status);
        if (!cases[i].native) {
            assert_true(cede_span_equal(der, cede_written(&back)));
        }
    }
}

static void names_without_a_c509_form_are_refused(void **state)
{
    static const struct {
        const char *der;
        enum cede_status status;
    } cases[] = {
        {"300d310b3009060355040314027879", CEDE_C509_NOT_EXPRESSIBLE}, /* a teletex string */
        /* two attributes in one RelativeDistinguishedName */
        {"30183116300906035504030c0278793009060355040a0c027a7a", CEDE_C509_NOT_EXPRESSIBLE},
        {"300d310b300906035504030c02ff79", CEDE_DER_VALUE}, /* no UTF-8 */
        {"300d310b3009060355040301027879", CEDE_DER_TAG},   /* no string */
        /* strings of ASCII that are not */
        {"300d310b3009060355040313027fe9", CEDE_C509_NOT_EXPRESSIBLE},
        {"300d310b3009060355040316027fe9", CEDE_C509_NOT_EXPRESSIBLE},
        {"301a310b300906035504030c027879310b300906035504061302e945", CEDE_C509_NOT_EXPRESSIBLE},
        {"300d310b300906035504030c03787900", CEDE_TRAILING_BYTES},
        {"310d310b300906035504030c027879", CEDE_DER_TAG},
    };
    uint8_t der_room[64], room[64];

    (void)state;
    for (size_t i = 0; i < COUNT(cases) * 2; i++) {
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));
        c509_put_name_from_der(&writer, hex_into(CEDE_BUF_ARRAY(der_room), cases[i / 2].der),
                               i % 2 != 0);
        if (cases[i / 2].status == CEDE_C509_NOT_EXPRESSIBLE) {
            assert_int_equal(CEDE_C509_NOT_EXPRESSIBLE, writer.status);
        }
        assert_int_not_equal(CEDE_OK, writer.status);
    }
}

/* Whatever a changed byte makes of an X.501 Name: it is refused, or turns back into itself. */
static void changed_names_are_refused_or_come_back(void **state)
{
    static const char der_hex[] =
        "3028310b300906035504030c027879310b3009060355040613025345310c300a06032a030416037a7a7a";
    uint8_t der_room[64], room[128], back_room[128];
    struct cede_span der = hex_into(CEDE_BUF_ARRAY(der_room), der_hex);
    size_t kept = 0;

    (void)state;
    for (size_t i = 0; i < der.len * 8; i++) {
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));
        struct cede_writer back = cede_writer(CEDE_BUF_ARRAY(back_room));

        der_room[i / 8] ^= (uint8_t)(1u << i % 8);
        c509_put_name_from_der(&writer, der, false);
        if (writer.status == CEDE_OK) {
            assert_ok(c509_name_check(cede_written(&writer)));
            c509_put_name_to_der(&back, cede_written(&writer));
            assert_true(cede_span_equal(der, cede_written(&back)));
            kept++;
        } else {
            assert_null(cede_written(&writer).ptr);
        }
        der_room[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    assert_true(kept > 0 && kept < der.len * 8);
    for (size_t len = 0; len < der.len; len++) {
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));
        c509_put_name_from_der(&writer, cede_span(der_room, len), false);
        assert_int_not_equal(CEDE_OK, writer.status);
    }
}

/* --- to X.501 --------------------------------------------------------------------------------- */

static void names_become_x501(void **state)
{
    static const struct {
        const char *hex, *der;
        enum cede_status status;
    } cases[] = {
        {"627879", "300d310b300906035504030c027879", CEDE_OK},
        {"41ab", "300d310b300906035504030c026162", CEDE_OK},
        {"8220627879", "300d310b3009060355040313027879", CEDE_OK},
        {"82422a03440c027879", "300c310a300806022a030c027879", CEDE_OK},
        {"80", "3000", CEDE_OK},
        {"82181f627879", "", CEDE_C509_NAME}, /* 31 is no attribute */
        {"82381e627879", "", CEDE_C509_NAME}, /* nor is it with a sign */
        {"8240440c027879", "", CEDE_C509_NAME},
        {"82422a0340", "", CEDE_C509_NAME},
        {"83000000", "", CEDE_C509_NAME},
        {"62787900", "", CEDE_TRAILING_BYTES},
        {"", "", CEDE_TRUNCATED},
    };
    uint8_t room[64], der_room[64], expected_room[64];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cede_name name = c509_name(hex_into(CEDE_BUF_ARRAY(room), cases[i].hex));
        struct cede_span expected = hex_into(CEDE_BUF_ARRAY(expected_room), cases[i].der);
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(der_room));

        cede_c509_put_name_der(&writer, name);
        if (cases[i].status == CEDE_OK) {
            assert_true(cede_span_equal(expected, cede_written(&writer)));
            assert_ok(c509_name_check(name.value));
            for (size_t cap = 0; cap < expected.len; cap++) {
                struct cede_writer small = cede_writer(cede_buf(der_room, cap));
                cede_c509_put_name_der(&small, name);
                assert_int_equal(CEDE_NO_SPACE, small.status);
            }
        } else if (i != COUNT(cases) - 1) {
            assert_int_equal(cases[i].status, writer.status);
        } else {
            assert_int_not_equal(CEDE_OK, writer.status);
        }
    }
}

/* --- native names ----------------------------------------------------------------------------- */

/* A name that was in a certificate of type 3 loses its string types in a native one. */
static void native_names_have_no_signs(void **state)
{
    static const struct {
        const char *hex, *native;
    } cases[] = {
        {"627879", "627879"},
        {"41ab", "41ab"},
        {"d830460123456789ab", "d830460123456789ab"},
        {"8201627879", "627879"},
        {"8220627879", "627879"},
        {"822041ab", "41ab"},
        {"8223625345", "8204625345"},
        {"82422a03440c027879", "82422a03440c027879"},
        {"8620627879422a03440c0278792341ab", "8601627879422a03440c0278790441ab"},
        {"8423d830460123456789ab0241ff", "8404d830460123456789ab0241ff"},
        {"80", "80"},
    };
    uint8_t name_room[64], room[64];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cede_span value = hex_into(CEDE_BUF_ARRAY(name_room), cases[i].hex);
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));

        cede_c509_put_name(&writer, c509_name(value));
        assert_written(&writer, cases[i].native);
        assert_true(cede_name_equal(c509_name(value), c509_name(cede_written(&writer))));
        for (size_t len = 0; len < value.len; len++) {
            writer = cede_writer(CEDE_BUF_ARRAY(room));
            cede_c509_put_name(&writer, c509_name(cede_span(value.ptr, len)));
            assert_int_not_equal(CEDE_OK, writer.status);
        }
        name_room[value.len] = 0;
        writer = cede_writer(CEDE_BUF_ARRAY(room));
        cede_c509_put_name(&writer, c509_name(cede_span(value.ptr, value.len + 1)));
        assert_int_equal(CEDE_TRAILING_BYTES, writer.status);
    }
}

static void names_that_are_absent_or_misshapen_are_not_written(void **state)
{
    static const uint8_t bytes[12] = {1, 2, 3, 4, 5, 6, 7, 8};
    uint8_t room[64];

    (void)state;
    for (int form = CEDE_NAME_TEXT; form <= CEDE_NAME_C509; form++) {
        struct cede_name absent = {(enum cede_name_form)form, CEDE_SPAN_NULL};
        struct cede_writer native = cede_writer(CEDE_BUF_ARRAY(room));
        struct cede_writer der = cede_writer(CEDE_BUF_ARRAY(room));

        cede_c509_put_name(&native, absent);
        assert_int_equal(CEDE_BAD_ARGUMENT, native.status);
        cede_c509_put_name_der(&der, absent);
        assert_int_equal(CEDE_BAD_ARGUMENT, der.status);
    }
    for (size_t len = 0; len < sizeof bytes; len++) {
        struct cede_name mac = {CEDE_NAME_EUI64, cede_span(bytes, len)};
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));

        cede_c509_put_name(&writer, mac);
        assert_int_equal(len == 6 || len == 8 ? CEDE_OK : CEDE_BAD_ARGUMENT, writer.status);
    }
}

/* --- names from a description ------------------------------------------------------------------
 */

static void described_names_have_known_attributes(void **state)
{
    static const struct cede_name_attribute common[] = {
        {CEDE_RDN_COMMON_NAME, CEDE_SPAN_TEXT("xy")}, {CEDE_RDN_COUNTRY, CEDE_SPAN_TEXT("SE")}};
    static const struct cede_name_attribute unknown[] = {{31, CEDE_SPAN_TEXT("xy")}};
    static const char *const expected[] = {"80", "627879", "840162787904625345"};
    uint8_t room[32];
    struct cede_writer writer = {CEDE_BUF_ARRAY(room), 0, CEDE_OK};
    struct cede_span name;

    (void)state;
    for (size_t count = 0; count < 3; count++) {
        assert_ok(cede_c509_name_encode(common, count, CEDE_BUF_ARRAY(room), &name));
        writer.len = name.len;
        assert_written(&writer, expected[count]);
        for (size_t cap = 0; cap < writer.len; cap++) {
            assert_int_equal(CEDE_NO_SPACE,
                             cede_c509_name_encode(common, count, cede_buf(room, cap), &name));
            assert_null(name.ptr);
        }
    }
    assert_ok(cede_c509_name_encode(common + 1, 1, CEDE_BUF_ARRAY(room), &name));
    writer.len = name.len;
    assert_written(&writer, "8204625345");
    assert_int_equal(CEDE_BAD_ARGUMENT,
                     cede_c509_name_encode(unknown, 1, CEDE_BUF_ARRAY(room), &name));
    assert_null(name.ptr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_have_the_shortest_of_three_forms),
        cmocka_unit_test(mac_addresses_have_six_or_eight_bytes),
        cmocka_unit_test(names_from_x501_keep_their_string_types),
        cmocka_unit_test(names_without_a_c509_form_are_refused),
        cmocka_unit_test(changed_names_are_refused_or_come_back),
        cmocka_unit_test(names_become_x501),
        cmocka_unit_test(native_names_have_no_signs),
        cmocka_unit_test(names_that_are_absent_or_misshapen_are_not_written),
        cmocka_unit_test(described_names_have_known_attributes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
