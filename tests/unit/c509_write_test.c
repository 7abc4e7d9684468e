/* SPDX-License-Identifier: Apache-2.0 */
/* c509_write_test.c - native certificates from a description: the forms that are the shortest, and
 * descriptions that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cede/c509.h"
#include "codec/c509/c509.h"
#include "codec/c509/extensions.h"
#include "hex.h"
#include "keys.h"

#define assert_ok(expression_) assert_int_equal(CEDE_OK, (expression_))
#define COUNT(table_)          (sizeof(table_) / sizeof((table_)[0]))

static const struct cede_crypto *crypto;
static const uint8_t serial[] = {0, 0, 0x11, 0x22};

static struct cede_certificate_info info_of(const struct key *key)
{
    return (struct cede_certificate_info){
        .serial = CEDE_SPAN_ARRAY(serial),
        .not_before = 1,
        .not_after = 2,
        .subject = {CEDE_NAME_TEXT, CEDE_SPAN_TEXT("device-1")},
        .public_key = key->public_key,
        .path_len = CEDE_PATH_LEN_NONE,
    };
}

static void extensions_are_as_short_as_they_can_be(void **state)
{
    static const struct cede_general_name dns[] = {{CEDE_GN_DNS, CEDE_SPAN_TEXT("a")},
                                                   {CEDE_GN_DNS, CEDE_SPAN_TEXT("b")}};
    static const struct cede_general_name uri = {CEDE_GN_URI, CEDE_SPAN_TEXT("a")};
    static const struct cede_general_name ip = {CEDE_GN_IP, CEDE_SPAN_TEXT("\x7f\0\0\1")};
    static const uint8_t id[] = {0xaa};
    const struct {
        struct cede_certificate_info info;
        const char *hex;
    } cases[] = {
        {{.path_len = -1}, "80"},
        {{.key_usage = CEDE_KU_DIGITAL_SIGNATURE}, "20"},
        {{.key_usage = CEDE_KU_DIGITAL_SIGNATURE, .key_usage_not_critical = true}, "01"},
        {{.key_usage = 1, .eku = CEDE_EKU_CLIENT_AUTH}, "8421010802"},
        {{.eku = CEDE_EKU_CLIENT_AUTH}, "820802"},
        {{.eku = CEDE_EKU_CLIENT_AUTH | CEDE_EKU_ANY | CEDE_EKU_CMC_RA}, "820883000210"},
        {{.alt_names = dns, .alt_names_count = 1}, "82036161"},
        {{.alt_names = dns, .alt_names_count = 2}, "820384026161026162"},
        {{.alt_names = &uri, .alt_names_count = 1}, "820382066161"},
        {{.alt_names = &ip, .alt_names_count = 1}, "82038207447f000001"},
        {{.has_basic_constraints = true}, "820421"},
        {{.has_basic_constraints = true, .ca = true, .path_len = -1}, "822320"},
        {{.has_basic_constraints = true, .ca = true, .path_len = 3}, "822303"},
        {{.subject_key_id = CEDE_SPAN_ARRAY(id)}, "820141aa"},
        {{.authority_key_id = CEDE_SPAN_ARRAY(id)}, "820741aa"},
        {{.crl_uri = CEDE_SPAN_TEXT("u")}, "82056175"},
        {{.ocsp_uri = CEDE_SPAN_TEXT("u")}, "820982016175"},
        {{.ocsp_no_check = true}, "821824f6"},
        {{.permitted_subtree = {CEDE_NAME_TEXT, CEDE_SPAN_TEXT("x")}}, "8238198282046178f6"},
    };
    uint8_t room[64], expected_room[64];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));
        struct cede_extensions ext;

        c509_put_extensions(&writer, &cases[i].info);
        assert_true(cede_span_equal(hex_into(CEDE_BUF_ARRAY(expected_room), cases[i].hex),
                                    cede_written(&writer)));
        assert_ok(c509_extensions_decode(cede_written(&writer), NULL, &ext));
        assert_false(ext.has_unknown_critical);
        for (size_t cap = 0; cap < writer.len; cap++) {
            struct cede_writer small = cede_writer(cede_buf(room, cap));
            c509_put_extensions(&small, &cases[i].info);
            assert_int_equal(CEDE_NO_SPACE, small.status);
        }
    }
}

static void certificates_are_written_whole_or_not_at_all(void **state)
{
    static const int32_t curves[] = {CEDE_CRV_P256, CEDE_CRV_ED25519};
    uint8_t room[512], small_room[512];
    struct cede_span c509, tbs, none;
    struct cede_c509 certificate;

    (void)state;
    for (size_t i = 0; i < COUNT(curves); i++) {
        struct key key;
        struct cede_certificate_info info;

        make_key(crypto, &key, curves[i]);
        info = info_of(&key);
        assert_ok(cede_c509_issue(crypto, &info, &key.private_key, CEDE_BUF_ARRAY(room), &c509));
        assert_ok(cede_c509_decode_native(c509, &certificate));
        assert_int_equal(2, certificate.serial.len); /* no leading zeros */
        assert_ok(cede_c509_verify_native(&certificate, crypto, &key.public_key));
        for (size_t cap = 0; cap < c509.len; cap++) {
            assert_int_equal(CEDE_NO_SPACE, cede_c509_issue(crypto, &info, &key.private_key,
                                                            cede_buf(small_room, cap), &none));
            assert_null(none.ptr);
        }
        assert_int_equal(CEDE_BAD_ARGUMENT, cede_c509_issue(crypto, &info, &key.private_key,
                                                            cede_buf(NULL, 0), &none));
        assert_ok(cede_c509_encode_tbs(&info, cede_certificate_alg(curves[i]), CEDE_BUF_ARRAY(room),
                                       &tbs));
        for (size_t cap = 0; cap < tbs.len; cap++) {
            assert_int_equal(CEDE_NO_SPACE,
                             cede_c509_encode_tbs(&info, cede_certificate_alg(curves[i]),
                                                  cede_buf(small_room, cap), &none));
            assert_int_equal(CEDE_NO_SPACE, cede_c509_join(tbs, CEDE_SPAN_TEXT("s"),
                                                           cede_buf(small_room, cap), &none));
            assert_null(none.ptr);
        }
    }
}

static void descriptions_that_are_none_are_refused(void **state)
{
    static const uint8_t zeros[] = {0, 0};
    uint8_t room[512];
    struct cede_span c509;
    struct key key, agreement;

    (void)state;
    make_key(crypto, &key, CEDE_CRV_P256);
    make_key(crypto, &agreement, CEDE_CRV_X25519);
    for (int wrong = 0; wrong < 8; wrong++) {
        struct cede_certificate_info info = info_of(&key);
        enum cede_status status = CEDE_BAD_ARGUMENT;
        int32_t alg = CEDE_ALG_ESP256;
        const struct key *signer = &key;

        switch (wrong) {
        case 0:
            status = CEDE_OK; /* the others differ from this one */
            break;
        case 1:
            info.serial = CEDE_SPAN_ARRAY(zeros);
            break;
        case 2:
            info.subject.value = CEDE_SPAN_NULL;
            break;
        case 3:
            info.eku = CEDE_EKU_OTHER; /* a purpose without number */
            break;
        case 4:
            info.eku = 1u << 5;
            break;
        case 5:
            status = CEDE_CERTIFICATE_ALGORITHM;
            alg = 0;
            signer = &agreement;
            break;
        case 6:
            status = CEDE_CERTIFICATE_ALGORITHM;
            info.public_key.curve = CEDE_CRV_ED448;
            break;
        default:
            status = CEDE_CERTIFICATE_ALGORITHM;
            info.public_key.point.len--;
            break;
        }
        assert_int_equal(status, cede_c509_issue(crypto, &info, &signer->private_key,
                                                 CEDE_BUF_ARRAY(room), &c509));
        assert_true((status == CEDE_OK) == (c509.ptr != NULL));
        assert_int_equal(status, cede_c509_encode_tbs(&info, alg, CEDE_BUF_ARRAY(room), &c509));
        assert_true((status == CEDE_OK) == (c509.ptr != NULL));
    }
}

/* --- bags ------------------------------------------------------------------------------------- */

static void bags_that_are_none_are_refused(void **state)
{
    static const struct {
        const char *hex;
        size_t max;
        enum cede_status status;
    } cases[] = {
        {"41aa", 2, CEDE_OK},
        {"8241aa41bb", 2, CEDE_OK},
        {"8241aa41bb", 1, CEDE_NO_SPACE},
        {"41aa", 0, CEDE_NO_SPACE},
        {"40", 2, CEDE_TRUNCATED}, /* nothing is no certificate */
        {"8241aa40", 2, CEDE_TRUNCATED},
        {"8241aa01", 2, CEDE_CBOR_TYPE},
        {"8141aa", 2, CEDE_CBOR_COUNT},
        {"80", 2, CEDE_CBOR_COUNT},
        {"8241aa", 2, CEDE_TRUNCATED},
        {"98", 2, CEDE_TRUNCATED},
        {"", 2, CEDE_TRUNCATED},
        {"41aa00", 2, CEDE_TRAILING_BYTES},
        {"6161", 2, CEDE_CBOR_TYPE},
    };
    uint8_t room[8];
    struct cede_span certificates[2];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t count = 7;
        assert_int_equal(cases[i].status,
                         cede_c509_bag_decode(hex_into(CEDE_BUF_ARRAY(room), cases[i].hex),
                                              certificates, cases[i].max, &count));
        assert_true((cases[i].status == CEDE_OK) == (count != 0));
    }
}

static void bags_are_not_empty(void **state)
{
    static const char *const expected[] = {"", "43aabbcc", "8243aabbcc42ddee"};
    static const uint8_t first[] = {0xaa, 0xbb, 0xcc}, second[] = {0xdd, 0xee};
    const struct cede_span certificates[] = {CEDE_SPAN_ARRAY(first), CEDE_SPAN_ARRAY(second)};
    uint8_t room[16], expected_room[16];

    (void)state;
    for (size_t count = 0; count < COUNT(expected); count++) {
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));

        cede_c509_put_bag(&writer, certificates, count);
        assert_int_equal(count == 0 ? CEDE_BAD_ARGUMENT : CEDE_OK, writer.status);
        if (count > 0) {
            assert_true(cede_span_equal(hex_into(CEDE_BUF_ARRAY(expected_room), expected[count]),
                                        cede_written(&writer)));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(extensions_are_as_short_as_they_can_be),
        cmocka_unit_test(certificates_are_written_whole_or_not_at_all),
        cmocka_unit_test(descriptions_that_are_none_are_refused),
        cmocka_unit_test(bags_that_are_none_are_refused),
        cmocka_unit_test(bags_are_not_empty),
    };

    crypto = cede_crypto_openssl();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
