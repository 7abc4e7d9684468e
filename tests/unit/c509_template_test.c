/* SPDX-License-Identifier: Apache-2.0 */
/* c509_template_test.c - request templates (draft, section "Certification Request Template"): parts
 * by identifier, values that are open, and what is no template. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cede/c509.h"
#include "hex.h"

#define assert_ok(expression_) assert_int_equal(CEDE_OK, (expression_))
#define COUNT(table_)          (sizeof(table_) / sizeof((table_)[0]))

static void templates_have_one_form(void **state)
{
    static const struct {
        const char *hex;
        enum cede_status status;
    } cases[] = {
        {"87008102f7f7f7f7f7", CEDE_OK},
        {"870001f7f7f7f7f7", CEDE_CBOR_TYPE},
        {"8700816161f7f7f7f7f7", CEDE_CBOR_TYPE},
        {"8700f78200422a03f7f7f7f7", CEDE_OK},
        {"8700f701f7f7f7f7", CEDE_CBOR_TYPE},
        {"8700f782616101f7f7f7f7", CEDE_CBOR_TYPE},
        {"8700f7f701f7f7f7", CEDE_CBOR_TYPE},
        {"8700f7f780f7f7f7", CEDE_OK},
        {"8700f7f784422a030001f7f7f7f7", CEDE_OK},
        {"8700f7f784400001f7f7f7f7", CEDE_C509_TEMPLATE}, /* no identifier */
        {"8700f7f784422a0300014105f7f7f7", CEDE_OK},
        {"8700f7f784422a0300016178f7f7f7", CEDE_C509_TEMPLATE}, /* bytes go with one */
        {"8700f7f78461610001f7f7f7f7", CEDE_C509_TEMPLATE},
        {"8700f7f78401001afffffffff7f7f7f7", CEDE_OK},
        {"8700f7f78401001b0000000100000000f7f7f7f7", CEDE_CBOR_RANGE},
        {"8700f7f784012001f7f7f7f7", CEDE_CBOR_TYPE},
        {"8700f7f788010000f7010001f7f7f7f7", CEDE_C509_TEMPLATE}, /* the first of two */
        {"8700f7f7f78101f7f7", CEDE_OK},
        {"8700f7f7f780f7f7", CEDE_C509_TEMPLATE},
        {"8700f7f7f7816161f7f7", CEDE_CBOR_TYPE},
        {"8700f7f7f7f7f701", CEDE_CBOR_TYPE},
        {"8700f7f7f7f7f783422a03f4f7", CEDE_OK},
        {"8700f7f7f7f7f783422a03f54105", CEDE_OK},
        {"8700f7f7f7f7f783422a03f505", CEDE_C509_TEMPLATE},
        {"8700f7f7f7f7f78340f5f7", CEDE_C509_TEMPLATE},
        {"8700f7f7f7f7f78600f5f702f5f7", CEDE_C509_TEMPLATE}, /* the first of two */
        {"8700f7f7f7f7f78202f5", CEDE_C509_TEMPLATE},
        {"8600f7f7f7f7f7", CEDE_CBOR_COUNT},
        {"8761f7f7f7f7f7f7", CEDE_CBOR_TYPE},
    };
    uint8_t room[64];
    struct cede_c509_template read;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cede_span encoding = hex_into(CEDE_BUF_ARRAY(room), cases[i].hex);

        assert_int_equal(cases[i].status, cede_c509_template_decode(encoding, &read));
        assert_true((cases[i].status == CEDE_OK) == (read.encoding.ptr != NULL));
        for (size_t len = 0; len < encoding.len; len++) {
            assert_int_not_equal(CEDE_OK, cede_c509_template_decode(cede_span(room, len), &read));
            assert_null(read.encoding.ptr);
        }
    }
}

/* Whether a template takes a request with this subject and these attributes. */
static enum cede_status check(const char *template_hex, const char *subject, const char *attributes)
{
    uint8_t template_room[64], part[64], room[128];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));
    struct cede_c509_template read;
    struct cede_c509_request request;

    cede_write_bytes(&writer, hex_into(CEDE_BUF_ARRAY(part), "870200"));
    cede_write_bytes(&writer, hex_into(CEDE_BUF_ARRAY(part), subject));
    cede_write_bytes(&writer, hex_into(CEDE_BUF_ARRAY(part), "014102"));
    cede_write_bytes(&writer, hex_into(CEDE_BUF_ARRAY(part), attributes));
    cede_write_bytes(&writer, hex_into(CEDE_BUF_ARRAY(part), "40"));
    assert_ok(cede_c509_request_decode(cede_written(&writer), &request));
    assert_ok(
        cede_c509_template_decode(hex_into(CEDE_BUF_ARRAY(template_room), template_hex), &read));
    return cede_c509_template_check(&read, &request);
}

static void subjects_follow_their_template(void **state)
{
    static const struct {
        const char *attributes, *subject; /* of the template, of the request */
        bool fits;
    } cases[] = {
        /* by identifier: any value, this value, another; another identifier */
        {"84422a030101f7", "82422a03420c00", true},
        {"84422a030101420c00", "82422a03420c00", true},
        {"84422a030101420c01", "82422a03420c00", false},
        {"84422a040101f7", "82422a03420c00", false},
        {"84010101f7", "82422a03420c00", false},
        {"84422a030101f7", "6178", false},
        {"88422a030001f7010101f7", "84016178422a03420c00", true},
        /* how often */
        {"84010101f7", "6178", true},
        {"84010101f7", "84016178016179", false},
        {"84010102f7", "84016178016179", true},
        {"84010203f7", "6178", false},
        {"84010001f7", "80", true},
        {"84010101f7", "80", false},
        {"80", "80", true},
        {"80", "6178", false},
        /* a sign is the string type's alone; texts are compared in whichever form */
        {"84010101f7", "82206178", true},
        {"84010101626162", "626162", true},
        {"8401010141ab", "626162", true},
        {"84010101626162", "41ab", true},
        {"84010101626163", "41ab", false},
        {"8401010163616263", "41ab", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char template_hex[64] = "8700f7f7";

        strcat(template_hex, cases[i].attributes);
        strcat(template_hex, "f7f7f7");
        assert_int_equal(cases[i].fits ? CEDE_OK : CEDE_C509_TEMPLATE_BROKEN,
                         check(template_hex, cases[i].subject, "80"));
    }
}

static void extensions_follow_their_template(void **state)
{
    static const struct {
        const char *wanted, *extensions; /* of the template, of the request */
        bool fits;
    } cases[] = {
        /* by identifier */
        {"83422a03f4f7", "82422a03420500", true},
        {"83422a03f4420500", "82422a03420500", true},
        {"83422a03f4420501", "82422a03420500", false},
        {"83422a04f4f7", "82422a03420500", false},
        {"8302f4f7", "82422a03420500", false},
        {"83422a03f4f7", "82014105", false},
        {"86422a03f5f701f4f7", "82014105", true},
        /* by number, the value given or open in some place */
        {"8301f44105", "82014105", true},
        {"8301f44106", "82014105", false},
        {"8301f440", "82014105", true},
        {"8303f460", "82036178", true},
        {"8303f4820260", "82036178", true},
        {"8303f48202f7", "82036178", true},
        {"8303f4820240", "82036178", true},
        {"8303f482026178", "82036178", false}, /* said otherwise */
        {"8303f482078202f7", "82036178", true},
        {"8303f48202a10140", "82036178", false}, /* what is in a map is not open */
        {"8301f4f7", "82014105", true},
        /* keyUsage alone */
        {"8302f401", "01", true},
        {"8302f401", "20", true},
        {"8302f402", "01", false},
        {"8301f4f7", "01", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char template_hex[64] = "8700f7f7f7f7f7", attributes[64] = "8200";

        strcat(template_hex, cases[i].wanted);
        strcat(attributes, cases[i].extensions);
        assert_int_equal(cases[i].fits ? CEDE_OK : CEDE_C509_TEMPLATE_BROKEN,
                         check(template_hex, "6178", attributes));
    }
}

static void algorithms_and_types_are_among_those_named(void **state)
{
    static const struct {
        const char *template_hex;
        bool fits;
    } cases[] = {
        {"87008102f7f7f7f7f7", true}, {"8700820302f7f7f7f7f7", true}, {"87008103f7f7f7f7f7", false},
        {"8700f78100f7f7f7f7", true}, {"8700f7820100f7f7f7f7", true}, {"8700f7810cf7f7f7f7", false},
        {"8700f7f7f78101f7f7", true}, {"8700f7f7f78102f7f7", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(cases[i].fits ? CEDE_OK : CEDE_C509_TEMPLATE_BROKEN,
                         check(cases[i].template_hex, "6178", "80"));
    }
}

/* A list that ends in the middle of a member, as no decoded template has, lets nothing pass. */
static void broken_lists_let_nothing_pass(void **state)
{
    static const char request_hex[] = "87020061780141028040";
    uint8_t request_room[16], room[8];
    struct cede_c509_template read;
    struct cede_c509_request request;

    (void)state;
    assert_ok(
        cede_c509_request_decode(hex_into(CEDE_BUF_ARRAY(request_room), request_hex), &request));
    memset(&read, 0, sizeof read);
    assert_ok(cede_c509_template_check(&read, &request));
    read.request_types = hex_into(CEDE_BUF_ARRAY(room), "8403440102");
    assert_int_equal(CEDE_C509_TEMPLATE_BROKEN, cede_c509_template_check(&read, &request));
    read.request_types = hex_into(CEDE_BUF_ARRAY(room), "40");
    assert_int_equal(CEDE_C509_TEMPLATE_BROKEN, cede_c509_template_check(&read, &request));
}

/* --- writing ---------------------------------------------------------------------------------- */

static void parts_are_written_by_number_or_identifier(void **state)
{
    static const uint8_t oid[] = {0x2a, 0x03}, value[] = {0x41, 0x05};
    const struct cede_c509_template_attribute attributes[] = {
        {.oid = CEDE_SPAN_ARRAY(oid), .min = 0, .max = 1, .value = CEDE_SPAN_ARRAY(value)},
        {.type = CEDE_RDN_COMMON_NAME, .min = 1, .max = 1},
    };
    const struct cede_c509_template_extension extensions[] = {
        {.oid = CEDE_SPAN_ARRAY(oid), .optional = true},
        {.number = 1, .value = CEDE_SPAN_ARRAY(value)},
    };
    const int32_t types[] = {CEDE_C509_NATIVE}, algs[] = {CEDE_ALG_ESP256},
                  curves[] = {CEDE_CRV_P256};
    const struct cede_c509_template_info info = {types, 1,          algs, 1,          curves,
                                                 1,     attributes, 2,    extensions, 2};
    uint8_t room[64], expected_room[64];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));
    struct cede_c509_template read;

    (void)state;
    cede_c509_put_template(&writer, &info);
    assert_true(
        cede_span_equal(hex_into(CEDE_BUF_ARRAY(expected_room),
                                 "87008102810088422a0300014105010101f78101f786422a03f5f701f44105"),
                        cede_written(&writer)));
    assert_ok(cede_c509_template_decode(cede_written(&writer), &read));
    for (size_t cap = 0; cap < writer.len; cap++) {
        struct cede_writer small = cede_writer(cede_buf(room, cap));
        cede_c509_put_template(&small, &info);
        assert_int_equal(CEDE_NO_SPACE, small.status);
    }
}

static void what_is_not_told_is_undefined(void **state)
{
    const struct cede_c509_template_info nothing = {0};
    struct cede_c509_template_attribute attribute = {.type = 1, .min = 0, .max = 1};
    struct cede_c509_template_extension extension = {.number = 1};
    struct cede_c509_template_info info = {.attributes = &attribute, .extensions = &extension};
    uint8_t room[64], expected_room[16];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));

    (void)state;
    cede_c509_put_template(&writer, &nothing);
    assert_true(cede_span_equal(hex_into(CEDE_BUF_ARRAY(expected_room), "8700f7f7f7f7f7f7"),
                                cede_written(&writer)));
    /* pointers with a count of zero: nothing may be in it */
    writer = cede_writer(CEDE_BUF_ARRAY(room));
    cede_c509_put_template(&writer, &info);
    assert_true(cede_span_equal(hex_into(CEDE_BUF_ARRAY(expected_room), "8700f7f780f7f780"),
                                cede_written(&writer)));
    info.attributes_count = 1;
    attribute.type = -1;
    writer = cede_writer(CEDE_BUF_ARRAY(room));
    cede_c509_put_template(&writer, &info);
    assert_int_equal(CEDE_BAD_ARGUMENT, writer.status);
    attribute.type = 1;
    info.extensions_count = 1;
    extension.number = -1;
    writer = cede_writer(CEDE_BUF_ARRAY(room));
    cede_c509_put_template(&writer, &info);
    assert_int_equal(CEDE_BAD_ARGUMENT, writer.status);
}

static void algorithms_without_number_are_not_written(void **state)
{
    static const int32_t unknown[] = {CEDE_CRV_P256, 99};
    const struct cede_c509_template_info infos[] = {
        {.signature_algs = unknown, .signature_algs_count = 2},
        {.curves = unknown, .curves_count = 2},
    };
    uint8_t room[64];

    (void)state;
    for (size_t i = 0; i < COUNT(infos); i++) {
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));
        cede_c509_put_template(&writer, &infos[i]);
        assert_int_equal(CEDE_CERTIFICATE_ALGORITHM, writer.status);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(templates_have_one_form),
        cmocka_unit_test(subjects_follow_their_template),
        cmocka_unit_test(extensions_follow_their_template),
        cmocka_unit_test(algorithms_and_types_are_among_those_named),
        cmocka_unit_test(broken_lists_let_nothing_pass),
        cmocka_unit_test(parts_are_written_by_number_or_identifier),
        cmocka_unit_test(what_is_not_told_is_undefined),
        cmocka_unit_test(algorithms_without_number_are_not_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
