/* SPDX-License-Identifier: Apache-2.0 */
/* x509_name_test.c - X.501 Names: what is read, what is refused, and what OpenSSL finds in ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/x509.h>

#include "cede/x509.h"
#include "codec/x509/name.h"
#include "hex.h"

#define assert_ok(expression_) assert_int_equal(CEDE_OK, (expression_))

/* Writing a name in DER checks it: the status, and the very same bytes. */
static enum cede_status pass_on(struct cede_span name)
{
    uint8_t room[256];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));
    struct cede_span written;
    enum cede_status status;

    cede_x509_put_name(&writer, (struct cede_name){CEDE_NAME_DER, name});
    status = cede_writer_finish(&writer, &written);
    assert_true(cede_span_equal(written, status == CEDE_OK ? name : CEDE_SPAN_NULL));
    return status;
}

/* A Name whose only attribute is a common name of this type and contents. */
static struct cede_span name_of(uint8_t tag, const char *contents, uint8_t room[128])
{
    static const uint8_t common_name[] = {0x55, 0x04, 0x03};
    struct cede_writer writer = cede_writer(cede_buf(room, 128));
    uint8_t value[64];
    size_t name = cede_der_open(&writer, CEDE_DER_SEQUENCE);
    size_t set = cede_der_open(&writer, CEDE_DER_SET);
    size_t sequence = cede_der_open(&writer, CEDE_DER_SEQUENCE);

    cede_der_put_oid(&writer, CEDE_SPAN_ARRAY(common_name));
    cede_der_put(&writer, tag, hex_into(CEDE_BUF_ARRAY(value), contents));
    cede_der_close(&writer, sequence);
    cede_der_close(&writer, set);
    cede_der_close(&writer, name);
    assert_ok(writer.status);
    return cede_written(&writer);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* RFC 3629, sections 3 and 4: the first and the last of each length, and their neighbours. */
static void utf8_is_well_formed(void **state)
{
    static const char *const good[] = {
        "",       "00",     "7f",       "c280",     "dfbf",     "e0a080",     "ed9fbf",
        "ee8080", "efbfbf", "f0908080", "f48fbfbf", "c3a5c3a5", "61e282ac62",
    };
    static const char *const wrong[] = {
        "80",     "bf",       "c0af",     "c1bf",     "c2",       "c241",
        "c2c2",   "e08080",   "e09fbf",   "eda080",   "edbfbf",   "e282",
        "e28241", "e241ac",   "f0808080", "f08fbfbf", "f4908080", "f0908041",
        "f09080", "f5808080", "f8908080", "f7bfbfbf", "ff",       "61ff",
    };
    uint8_t room[128];

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_ok(pass_on(name_of(CEDE_DER_UTF8_STRING, good[i], room)));
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(CEDE_DER_VALUE, pass_on(name_of(CEDE_DER_UTF8_STRING, wrong[i], room)));
    }
}

/* Characters of two and four bytes come whole; a bit string tells how many bits it does not use. */
static void values_fit_their_type(void **state)
{
    static const struct {
        uint8_t tag;
        const char *contents;
        enum cede_status status;
    } values[] = {
        {CEDE_DER_PRINTABLE_STRING, "4142", CEDE_OK},
        {CEDE_DER_IA5_STRING, "4142", CEDE_OK},
        {CEDE_DER_TELETEX_STRING, "e5", CEDE_OK},
        {0x12, "3132", CEDE_OK}, /* NumericString */
        {CEDE_DER_SEQUENCE, "0500", CEDE_OK},
        {CEDE_DER_BMP_STRING, "", CEDE_OK},
        {CEDE_DER_BMP_STRING, "0041", CEDE_OK},
        {CEDE_DER_BMP_STRING, "004100", CEDE_DER_VALUE},
        {CEDE_DER_UNIVERSAL_STRING, "00000041", CEDE_OK},
        {CEDE_DER_UNIVERSAL_STRING, "0041", CEDE_DER_VALUE},
        {CEDE_DER_BIT_STRING, "0780", CEDE_OK},
        {CEDE_DER_BIT_STRING, "0880", CEDE_DER_VALUE},
        {CEDE_DER_BIT_STRING, "", CEDE_DER_VALUE},
        {CEDE_DER_OCTET_STRING, "41", CEDE_DER_TAG},
        {CEDE_DER_INTEGER, "01", CEDE_DER_TAG},
        {CEDE_DER_SET, "", CEDE_DER_TAG},
        {CEDE_DER_CONTEXT(0), "41", CEDE_DER_TAG},
    };
    uint8_t room[128];

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        assert_int_equal(values[i].status,
                         pass_on(name_of(values[i].tag, values[i].contents, room)));
    }
}

static void names_have_their_structure(void **state)
{
    (void)state;
    assert_ok(pass_on(HEX("3000")));
    assert_ok(pass_on(HEX("300c310a300806035504030c0141")));
    /* two attributes in one RelativeDistinguishedName */
    assert_ok(pass_on(HEX("30163114300806035504030c0141300806035504040c0142")));
    /* bytes after the name, after the value of an attribute */
    assert_int_equal(CEDE_TRAILING_BYTES, pass_on(HEX("300000")));
    assert_int_equal(CEDE_TRAILING_BYTES, pass_on(HEX("300e310c300a06035504030c01410500")));
    /* no attribute, one without value, without type */
    assert_int_equal(CEDE_TRUNCATED, pass_on(HEX("30023100")));
    assert_int_equal(CEDE_TRUNCATED, pass_on(HEX("3009310730050603550403")));
    assert_int_equal(CEDE_DER_TAG, pass_on(HEX("3007310530030c0141")));
    /* a set for the name, a sequence for the RelativeDistinguishedName, a set for the attribute */
    assert_int_equal(CEDE_DER_TAG, pass_on(HEX("3100")));
    assert_int_equal(CEDE_DER_TAG, pass_on(HEX("300c300a300806035504030c0141")));
    assert_int_equal(CEDE_DER_TAG, pass_on(HEX("300c310a310806035504030c0141")));
}

/* Not the outer length alone is wrong: each value inside is cut or lengthened, too. */
static void no_length_may_lie(void **state)
{
    static const size_t lengths[] = {1, 3, 5, 7, 12, 16, 18, 20, 25};
    uint8_t room[64];
    struct cede_span good;

    (void)state;
    good =
        hex_into(CEDE_BUF_ARRAY(room), "3019310b300906035504061302534531 0a300806035504030c0141");
    assert_ok(pass_on(good));
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        room[lengths[i]]--;
        assert_int_not_equal(CEDE_OK, pass_on(good));
        room[lengths[i]] = (uint8_t)(room[lengths[i]] + 2);
        assert_int_not_equal(CEDE_OK, pass_on(good));
        room[lengths[i]]--;
    }
    for (size_t len = 0; len < good.len; len++) {
        assert_int_not_equal(CEDE_OK, pass_on(cede_span(room, len)));
    }
    assert_ok(pass_on(good));
}

static void the_last_common_name_counts(void **state)
{
    (void)state;
    assert_true(cede_span_equal(
        cede_x509_common_name(HEX("3018310a300806035504030c0141310a300806035504030c0142")),
        CEDE_SPAN_TEXT("B")));
    assert_null(cede_x509_common_name(HEX("300c310a300806035504040c0141")).ptr);
    /* and none does of a name that is malformed behind it */
    assert_null(
        cede_x509_common_name(HEX("3018310a300806035504030c0141310a300806035504030c01ff")).ptr);
    assert_null(cede_x509_common_name(HEX("300c310a300806035504030c014100")).ptr);
    assert_null(cede_x509_common_name(CEDE_SPAN_NULL).ptr);
}

/* --- writing ---------------------------------------------------------------------------------- */

/* RFC 5280, appendix A.1. */
static void attributes_have_the_string_type_of_their_definition(void **state)
{
    static const struct {
        int32_t type;
        int nid, string;
    } attributes[] = {
        {CEDE_RDN_COUNTRY, NID_countryName, V_ASN1_PRINTABLESTRING},
        {CEDE_RDN_SERIAL_NUMBER, NID_serialNumber, V_ASN1_PRINTABLESTRING},
        {CEDE_RDN_EMAIL, NID_pkcs9_emailAddress, V_ASN1_IA5STRING},
        {CEDE_RDN_DOMAIN_COMPONENT, NID_domainComponent, V_ASN1_IA5STRING},
        {CEDE_RDN_ORGANIZATION, NID_organizationName, V_ASN1_UTF8STRING},
        {CEDE_RDN_COMMON_NAME, NID_commonName, V_ASN1_UTF8STRING},
    };
    uint8_t room[128];

    (void)state;
    for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++) {
        struct cede_name_attribute attribute = {attributes[i].type, CEDE_SPAN_TEXT("SE")};
        struct cede_span der;
        const unsigned char *at;
        X509_NAME *name;
        X509_NAME_ENTRY *entry;
        assert_ok(cede_x509_name_encode(&attribute, 1, CEDE_BUF_ARRAY(room), &der));
        at = der.ptr;
        name = d2i_X509_NAME(NULL, &at, (long)der.len);
        assert_non_null(name);
        assert_ptr_equal(der.ptr + der.len, at);
        assert_int_equal(1, X509_NAME_entry_count(name));
        entry = X509_NAME_get_entry(name, 0);
        assert_int_equal(attributes[i].nid, OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry)));
        assert_int_equal(attributes[i].string, ASN1_STRING_type(X509_NAME_ENTRY_get_data(entry)));
        X509_NAME_free(name);
    }
}

static void an_attribute_without_type_or_text_is_refused(void **state)
{
    const struct cede_name_attribute unknown = {9999, CEDE_SPAN_TEXT("A")};
    const struct cede_name_attribute absent = {CEDE_RDN_COMMON_NAME, CEDE_SPAN_NULL};
    uint8_t room[128];
    struct cede_span der;

    (void)state;
    assert_int_equal(CEDE_BAD_ARGUMENT,
                     cede_x509_name_encode(&unknown, 1, CEDE_BUF_ARRAY(room), &der));
    assert_null(der.ptr);
    assert_int_equal(CEDE_BAD_ARGUMENT,
                     cede_x509_name_encode(&absent, 1, CEDE_BUF_ARRAY(room), &der));
    assert_null(der.ptr);
}

static void a_name_needs_its_whole_room(void **state)
{
    const struct cede_name_attribute attributes[] = {{CEDE_RDN_COUNTRY, CEDE_SPAN_TEXT("SE")},
                                                     {CEDE_RDN_COMMON_NAME, CEDE_SPAN_TEXT("a")}};
    uint8_t room[64];
    struct cede_span der;
    size_t whole;

    (void)state;
    assert_ok(cede_x509_name_encode(attributes, 2, CEDE_BUF_ARRAY(room), &der));
    whole = der.len;
    for (size_t cap = 0; cap < whole; cap++) {
        room[cap] = 0xa5;
        assert_int_equal(CEDE_NO_SPACE,
                         cede_x509_name_encode(attributes, 2, cede_buf(room, cap), &der));
        assert_null(der.ptr);
        assert_int_equal(0xa5, room[cap]);
    }
    assert_ok(cede_x509_name_encode(attributes, 2, cede_buf(room, whole), &der));
}

static enum cede_status put(enum cede_name_form form, struct cede_span value, const char *text)
{
    uint8_t room[64];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));

    cede_x509_put_name(&writer, (struct cede_name){form, value});
    if (writer.status == CEDE_OK) {
        assert_true(
            cede_span_equal(cede_x509_common_name(cede_written(&writer)), cede_span_string(text)));
    }
    return writer.status;
}

static void other_forms_become_a_common_name(void **state)
{
    (void)state;
    assert_ok(put(CEDE_NAME_TEXT, CEDE_SPAN_TEXT("device-1"), "device-1"));
    assert_ok(put(CEDE_NAME_EUI64, HEX("0123456789ab"), "01-23-45-FF-FE-67-89-AB"));
    assert_ok(put(CEDE_NAME_EUI64, HEX("0123456789abcdef"), "01-23-45-67-89-AB-CD-EF"));
    assert_int_equal(CEDE_BAD_ARGUMENT, put(CEDE_NAME_EUI64, HEX("0123456789abcd"), ""));
    assert_int_equal(CEDE_BAD_ARGUMENT, put(CEDE_NAME_TEXT, CEDE_SPAN_NULL, ""));
    assert_int_equal(CEDE_BAD_ARGUMENT, put(CEDE_NAME_C509, HEX("6161"), ""));
}

/* --- EUI-64 ----------------------------------------------------------------------------------- */

/* What is not written exactly so stays text: the text must come back from the bytes. */
static void only_exact_text_is_an_eui64(void **state)
{
    static const char *const texts[] = {
        "",
        "01-23-45-FF-FE-67-89-A",   /* a digit short */
        "01-23-45-FF-FE-67-89-ABC", /* a digit more */
        "01-23-45-ff-fe-67-89-ab",  /* lower case */
        "01-23-45-FF-FE-67-89-AG",  /* beyond the digits */
        "01-23-45-FF-FE-67-89-:B",  /* between digits and letters */
        "01-23-45-FF-FE-67-89- B",  /* before the digits */
        "01:23:45:FF:FE:67:89:AB",
        "01-23-45-FF-FE-67-89:AB",
    };
    uint8_t bytes[8], text[EUI64_TEXT_LEN];

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(0, eui64_from_text(cede_span_string(texts[i]), bytes));
    }
    assert_int_equal(6, eui64_from_text(CEDE_SPAN_TEXT("01-23-45-FF-FE-67-89-AB"), bytes));
    assert_memory_equal(bytes, HEX("0123456789ab").ptr, 6);
    /* one of FF-FE alone is no MAC-48 */
    assert_int_equal(8, eui64_from_text(CEDE_SPAN_TEXT("01-23-45-FF-FD-67-89-AB"), bytes));
    assert_memory_equal(bytes, HEX("012345fffd6789ab").ptr, 8);
    assert_int_equal(8, eui64_from_text(CEDE_SPAN_TEXT("01-23-45-00-FE-67-89-AB"), bytes));
    assert_true(eui64_to_text(cede_span(bytes, 8), text));
    assert_memory_equal(text, "01-23-45-00-FE-67-89-AB", sizeof text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_is_well_formed),
        cmocka_unit_test(values_fit_their_type),
        cmocka_unit_test(names_have_their_structure),
        cmocka_unit_test(no_length_may_lie),
        cmocka_unit_test(the_last_common_name_counts),
        cmocka_unit_test(attributes_have_the_string_type_of_their_definition),
        cmocka_unit_test(an_attribute_without_type_or_text_is_refused),
        cmocka_unit_test(a_name_needs_its_whole_room),
        cmocka_unit_test(other_forms_become_a_common_name),
        cmocka_unit_test(only_exact_text_is_an_eui64),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
