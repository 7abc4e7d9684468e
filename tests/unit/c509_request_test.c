/* SPDX-License-Identifier: Apache-2.0 */
/* c509_request_test.c - C509 certification requests: attribute by attribute, to and from PKCS #10,
 * and with too little memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cede/certificate.h"
#include "codec/c509/c509.h"
#include "hex.h"
#include "keys.h"

#define assert_ok(expression_) assert_int_equal(CEDE_OK, (expression_))
#define COUNT(table_)          (sizeof(table_) / sizeof((table_)[0]))

static const struct cede_crypto *crypto;
static uint8_t scratch_room[2048];
static const struct cede_buf scratch = {scratch_room, sizeof scratch_room};

/* --- items ------------------------------------------------------------------------------------ */

/* A request, each item in hex; null for the usual one. */
struct items {
    int type;
    const char *signature_algorithm, *key_algorithm, *key, *attributes, *signature;
};

static struct cede_span put_items(const struct items *items, uint8_t *room, size_t cap)
{
    const char *const all[] = {
        items->signature_algorithm != NULL ? items->signature_algorithm : "0c", /* Ed25519 */
        "6173",
        items->key_algorithm != NULL ? items->key_algorithm : "0c",
        items->key != NULL ? items->key : "4101",
        items->attributes != NULL ? items->attributes : "80",
        items->signature != NULL ? items->signature : "4102",
    };
    struct cede_writer writer = cede_writer(cede_buf(room, cap));

    cede_cbor_put_array(&writer, 1 + COUNT(all));
    cede_cbor_put_int(&writer, items->type);
    for (size_t i = 0; i < COUNT(all); i++) {
        uint8_t item[128];
        cede_write_bytes(&writer, hex_into(CEDE_BUF_ARRAY(item), all[i]));
    }
    assert_ok(writer.status);
    return cede_written(&writer);
}

static void attributes_have_one_form(void **state)
{
    static const struct {
        int type;
        const char *attributes;
        enum cede_status status;
    } cases[] = {
        {2, "80", CEDE_OK},
        {2, "8101", CEDE_CBOR_COUNT}, /* half a pair */
        {2, "40", CEDE_CBOR_TYPE},
        {2, "82016178", CEDE_OK}, /* a challenge password */
        {2, "820101", CEDE_CBOR_TYPE},
        {2, "8201d8796178", CEDE_CBOR_TYPE}, /* tag 121: none in a native request */
        {3, "8201d8796178", CEDE_OK},
        {3, "8201d87a6178", CEDE_CBOR_TYPE}, /* another tag */
        {3, "8201d8794178", CEDE_CBOR_TYPE}, /* around bytes */
        {2, "820001", CEDE_OK},              /* extensions: keyUsage alone */
        {2, "820000", CEDE_C509_EXTENSION},
        {2, "8400010001", CEDE_X509_EXTENSION}, /* twice */
        {2, "82056178", CEDE_OK},               /* unknown: left alone */
        {2, "82422a034178", CEDE_OK},
        {2, "82422a036178", CEDE_CBOR_TYPE}, /* with an identifier go bytes */
    };
    uint8_t room[128];
    struct cede_c509_request request;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct items items = {.type = cases[i].type, .attributes = cases[i].attributes};
        struct cede_span encoding = put_items(&items, room, sizeof room);

        assert_int_equal(cases[i].status, cede_c509_request_decode(encoding, &request));
        assert_int_equal(cases[i].status == CEDE_OK ? cases[i].type : 0, request.type);
        if (cases[i].status == CEDE_OK) {
            for (size_t len = 0; len < encoding.len; len++) {
                assert_int_not_equal(CEDE_OK,
                                     cede_c509_request_decode(cede_span(room, len), &request));
                assert_null(request.encoding.ptr);
            }
            room[encoding.len] = 0;
            assert_int_equal(CEDE_TRAILING_BYTES,
                             cede_c509_request_decode(cede_span(room, encoding.len + 1), &request));
        }
    }
}

/* What decodes may still have no PKCS #10. */
static void requests_become_pkcs10_or_are_refused(void **state)
{
    static const struct {
        struct items items;
        enum cede_status status;
    } cases[] = {
        {{.type = 3}, CEDE_OK},
        {{.type = 2}, CEDE_C509_TYPE},
        {{.type = 4}, CEDE_C509_TYPE},
        {{.type = 3, .key_algorithm = "05"}, CEDE_CERTIFICATE_ALGORITHM},
        {{.type = 3, .signature_algorithm = "1863"}, CEDE_CERTIFICATE_ALGORITHM},
        {{.type = 3, .signature_algorithm = "422a03"}, CEDE_OK},
        {{.type = 3, .key = "01"}, CEDE_CBOR_TYPE},
        {{.type = 3, .signature = "01"}, CEDE_CBOR_TYPE},
        {{.type = 3, .signature_algorithm = "00", .signature = "420101"}, CEDE_OK},
        {{.type = 3, .signature_algorithm = "00", .signature = "4101"}, CEDE_CRYPTO_SIGNATURE},
        /* possession by MAC: bytes, or an array with the verifier's certificate */
        {{.type = 3, .signature_algorithm = "0e", .signature = "4101"}, CEDE_OK},
        {{.type = 3, .signature_algorithm = "0e", .signature = "83616941014102"}, CEDE_OK},
        {{.type = 3, .signature_algorithm = "0e", .signature = "6101"}, CEDE_CBOR_TYPE},
        {{.type = 3, .signature_algorithm = "0e", .signature = "8261694101"}, CEDE_CBOR_COUNT},
        {{.type = 3, .attributes = "82016178"}, CEDE_OK},
        {{.type = 3, .attributes = "8201d8796178"}, CEDE_OK},
        {{.type = 3, .attributes = "820001"}, CEDE_OK},
        {{.type = 3, .attributes = "82422a03420500"}, CEDE_OK},
        {{.type = 3, .attributes = "8202420500"}, CEDE_C509_EXTENSION}, /* a statement */
        {{.type = 3, .attributes = "8205420500"}, CEDE_C509_EXTENSION}, /* nobody knows */
        {{.type = 3, .attributes = "8200821864420500"}, CEDE_C509_EXTENSION},
    };
    uint8_t room[128], der_room[256], small_room[256];
    struct cede_span der, none;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cede_span encoding = put_items(&cases[i].items, room, sizeof room);

        assert_int_equal(cases[i].status, cede_c509_request_to_x509(
                                              crypto, encoding, CEDE_BUF_ARRAY(der_room), &der));
        if (cases[i].status != CEDE_OK) {
            assert_null(der.ptr);
            continue;
        }
        for (size_t cap = 0; cap < der.len; cap++) {
            assert_int_equal(
                CEDE_NO_SPACE,
                cede_c509_request_to_x509(crypto, encoding, cede_buf(small_room, cap), &none));
            assert_null(none.ptr);
        }
    }
}

/* Attributes are checked when they are read; somebody who fills in a request is told all the same.
 */
static void unread_attributes_are_refused_too(void **state)
{
    static const struct {
        const char *attributes;
        enum cede_status status;
    } cases[] = {
        {"82016178", CEDE_OK},      {"8101", CEDE_CBOR_COUNT},         {"8201", CEDE_TRUNCATED},
        {"820101", CEDE_CBOR_TYPE}, {"82008104", CEDE_C509_EXTENSION}, {"", CEDE_TRUNCATED},
    };
    const struct items items = {.type = 3};
    uint8_t room[128], attributes_room[16], der_room[128];
    struct cede_c509_request request;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(der_room));

        assert_ok(cede_c509_request_decode(put_items(&items, room, sizeof room), &request));
        request.attributes = hex_into(CEDE_BUF_ARRAY(attributes_room), cases[i].attributes);
        if (cases[i].status == CEDE_TRUNCATED) {
            assert_int_not_equal(CEDE_OK, c509_request_info_to_der(&writer, crypto, &request));
        } else {
            assert_int_equal(cases[i].status, c509_request_info_to_der(&writer, crypto, &request));
        }
    }
}

/* --- from PKCS #10 ------------------------------------------------------------------------------
 */

#define CHALLENGE  "06092a864886f70d010907"
#define EXTENSIONS "06092a864886f70d01090e"
#define STATEMENT  "060a2b0601040181ac600201"
#define ED25519    "300506032b6570"
#define ECDSA      "300a06082a8648ce3d040302"
#define POP        "300a06082b0601050507061a"

/* CertificationRequest; attributes are the contents of [0], the signature those of its bits. */
static struct cede_span put_pkcs10(const char *attributes, const char *algorithm,
                                   const char *signature, uint8_t *room, size_t cap)
{
    struct cede_writer writer = cede_writer(cede_buf(room, cap));
    size_t request = cede_der_open(&writer, CEDE_DER_SEQUENCE);
    size_t info = cede_der_open(&writer, CEDE_DER_SEQUENCE);
    uint8_t part[128];
    size_t mark;

    cede_der_put_small(&writer, 0);
    cede_x509_put_name(&writer, text_name("s"));
    mark = cede_der_open(&writer, CEDE_DER_SEQUENCE);
    cede_write_bytes(&writer, hex_into(CEDE_BUF_ARRAY(part), ED25519));
    cede_der_put_bits(&writer, CEDE_SPAN_TEXT("k"));
    cede_der_close(&writer, mark);
    cede_der_put(&writer, CEDE_DER_CONTEXT_CONSTRUCTED(0),
                 hex_into(CEDE_BUF_ARRAY(part), attributes));
    cede_der_close(&writer, info);
    cede_write_bytes(&writer, hex_into(CEDE_BUF_ARRAY(part), algorithm));
    cede_der_put_bits(&writer, hex_into(CEDE_BUF_ARRAY(part), signature));
    cede_der_close(&writer, request);
    assert_ok(writer.status);
    return cede_written(&writer);
}

static void pkcs10_comes_back_or_is_refused(void **state)
{
    static const struct {
        const char *attributes, *algorithm, *signature;
        enum cede_status status;
    } cases[] = {
        {"", ED25519, "aa", CEDE_OK},
        {"3010" CHALLENGE "31030c0178", ED25519, "aa", CEDE_OK},
        {"3010" CHALLENGE "3103130178", ED25519, "aa", CEDE_OK},
        {"3010" CHALLENGE "3103160178", ED25519, "aa", CEDE_C509_NOT_EXPRESSIBLE}, /* IA5 */
        {"3010" CHALLENGE "3103020178", ED25519, "aa", CEDE_DER_TAG},
        {"3013" CHALLENGE "31060c01780c0178", ED25519, "aa", CEDE_TRAILING_BYTES},
        {"301c" EXTENSIONS "310f300d300b0603551d0f040403020780", ED25519, "aa", CEDE_OK},
        {"301b" EXTENSIONS "310e300c300a06022a03040403020780", ED25519, "aa", CEDE_OK},
        {"300f" EXTENSIONS "31023000", ED25519, "aa", CEDE_OK},
        {"3011" EXTENSIONS "310430003000", ED25519, "aa", CEDE_TRAILING_BYTES},
        {"3011" STATEMENT "3103020105", ED25519, "aa", CEDE_OK},
        {"300906022a0331030c0178", ED25519, "aa", CEDE_OK},
        {"300c06022a0331060c01780c0179", ED25519, "aa", CEDE_OK},
        {"3010" CHALLENGE "31030c0178300906022a0331030c0178", ED25519, "aa", CEDE_OK},
        {"", "300406022a03", "aa", CEDE_OK},
        {"", ECDSA, "3006020101020102", CEDE_OK},
        {"", ECDSA, "300602010102010200", CEDE_C509_NOT_EXPRESSIBLE},
        {"", POP, "30030401aa", CEDE_OK},
        {"", POP, "30153010300b3109300706035504030c000201010401aa", CEDE_OK},
        {"", POP, "30183013300b3109300706035504030c000201010201020401aa", CEDE_TRAILING_BYTES},
        {"", POP, "3000", CEDE_TRUNCATED},
        {"", POP, "30030401aa00", CEDE_TRAILING_BYTES},
    };
    uint8_t der_room[256], room[256], back_room[256];
    struct cede_span c509, back;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cede_span der = put_pkcs10(cases[i].attributes, cases[i].algorithm,
                                          cases[i].signature, der_room, sizeof der_room);
        enum cede_status status =
            cede_c509_request_from_x509(crypto, der, scratch, CEDE_BUF_ARRAY(room), &c509);

        assert_int_equal(cases[i].status, status);
        if (status == CEDE_OK) {
            assert_ok(cede_c509_request_to_x509(crypto, c509, CEDE_BUF_ARRAY(back_room), &back));
            assert_true(cede_span_equal(der, back));
            for (size_t cap = 0; cap < c509.len; cap++) {
                assert_int_equal(CEDE_NO_SPACE,
                                 cede_c509_request_from_x509(crypto, der, scratch,
                                                             cede_buf(back_room, cap), &back));
                assert_null(back.ptr);
            }
            for (size_t cap = 0; cap < der.len; cap++) {
                assert_int_not_equal(
                    CEDE_OK, cede_c509_request_from_x509(crypto, der, cede_buf(scratch_room, cap),
                                                         CEDE_BUF_ARRAY(back_room), &back));
                assert_null(back.ptr);
            }
        } else {
            assert_null(c509.ptr);
        }
    }
}

/* A changed byte of a PKCS #10 request: refused, or there and back again. */
static void changed_pkcs10_is_refused_or_comes_back(void **state)
{
    uint8_t der_room[256], room[512], back_room[512];
    struct cede_span der = put_pkcs10("3010" CHALLENGE "3103130178301c" EXTENSIONS
                                      "310f300d300b0603551d0f040403020780",
                                      ECDSA, "3006020101020102", der_room, sizeof der_room);
    struct cede_span c509, back;
    size_t kept = 0;

    (void)state;
    for (size_t i = 0; i < der.len * 8; i++) {
        der_room[i / 8] ^= (uint8_t)(1u << i % 8);
        if (cede_c509_request_from_x509(crypto, der, scratch, CEDE_BUF_ARRAY(room), &c509) ==
            CEDE_OK) {
            assert_ok(cede_c509_request_to_x509(crypto, c509, CEDE_BUF_ARRAY(back_room), &back));
            assert_true(cede_span_equal(der, back));
            kept++;
        } else {
            assert_null(c509.ptr);
        }
        der_room[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    assert_true(kept > 0 && kept < der.len * 8);
    for (size_t len = 0; len < der.len; len++) {
        assert_int_not_equal(CEDE_OK,
                             cede_c509_request_from_x509(crypto, cede_span(der_room, len), scratch,
                                                         CEDE_BUF_ARRAY(room), &c509));
        assert_null(c509.ptr);
    }
}

/* --- signatures ------------------------------------------------------------------------------- */

static void requests_need_room_to_be_verified(void **state)
{
    uint8_t der_room[512], room[512];
    struct cede_c509_request request;
    struct cede_span der, c509;
    struct key key;

    (void)state;
    make_key(crypto, &key, CEDE_CRV_P256);
    assert_ok(cede_x509_request_write(crypto, text_name("device-1"), &key.public_key,
                                      &key.private_key, CEDE_SPAN_TEXT("secret"),
                                      CEDE_BUF_ARRAY(der_room), &der));
    assert_ok(cede_c509_request_from_x509(crypto, der, scratch, CEDE_BUF_ARRAY(room), &c509));
    assert_ok(cede_c509_request_decode(c509, &request));
    assert_ok(cede_c509_request_verify(&request, crypto, scratch));
    assert_int_equal(CEDE_NO_SPACE, cede_c509_request_verify(&request, crypto, cede_buf(NULL, 0)));
    for (size_t cap = 0; cap < 100; cap++) {
        assert_int_equal(CEDE_NO_SPACE,
                         cede_c509_request_verify(&request, crypto, cede_buf(scratch_room, cap)));
    }
    request.curve = 0;
    assert_int_equal(CEDE_CERTIFICATE_ALGORITHM,
                     cede_c509_request_verify(&request, crypto, scratch));
}

/* A signature over nothing proves nothing, whatever memory the verifier has. */
static void a_signature_over_nothing_is_refused(void **state)
{
    const struct items items = {.type = 3};
    uint8_t room[128], signature[CEDE_SIGNATURE_LEN_MAX];
    struct cede_span nothing = CEDE_SPAN_TEXT("");
    struct cede_c509_request request;
    struct key key;
    size_t len;

    (void)state;
    make_key(crypto, &key, CEDE_CRV_ED25519);
    assert_ok(cede_c509_request_decode(put_items(&items, room, sizeof room), &request));
    assert_ok(crypto->sign(crypto->context, CEDE_ALG_ED25519, &key.private_key, &nothing, 1,
                           signature, &len));
    request.public_key = key.public_key.point;
    request.signature = cede_span(signature, len);
    assert_int_equal(CEDE_CRYPTO_SIGNATURE, cede_c509_request_verify(&request, crypto, scratch));
    assert_int_equal(CEDE_NO_SPACE, cede_c509_request_verify(&request, crypto, cede_buf(NULL, 0)));
}

static void requests_are_written_whole_or_not_at_all(void **state)
{
    uint8_t room[256], small_room[256];
    struct cede_c509_request request;
    struct cede_span encoding, none;
    struct key key, agreement;

    (void)state;
    make_key(crypto, &key, CEDE_CRV_ED25519);
    make_key(crypto, &agreement, CEDE_CRV_X25519);
    assert_ok(cede_c509_request_write(crypto, text_name("device-1"), &key.public_key,
                                      &key.private_key, CEDE_SPAN_TEXT("secret"),
                                      CEDE_BUF_ARRAY(room), &encoding));
    assert_ok(cede_c509_request_decode(encoding, &request));
    assert_ok(cede_c509_request_verify(&request, crypto, cede_buf(NULL, 0))); /* native */
    for (size_t cap = 0; cap < encoding.len; cap++) {
        assert_int_equal(CEDE_NO_SPACE,
                         cede_c509_request_write(crypto, text_name("device-1"), &key.public_key,
                                                 &key.private_key, CEDE_SPAN_TEXT("secret"),
                                                 cede_buf(small_room, cap), &none));
        assert_null(none.ptr);
    }
    assert_int_equal(CEDE_BAD_ARGUMENT,
                     cede_c509_request_write(crypto, text_name("device-1"), &key.public_key,
                                             &key.private_key, CEDE_SPAN_NULL, cede_buf(NULL, 0),
                                             &none));
    /* a key that agrees on secrets does not sign */
    assert_int_equal(CEDE_CERTIFICATE_ALGORITHM,
                     cede_c509_request_write(crypto, text_name("device-1"), &agreement.public_key,
                                             &agreement.private_key, CEDE_SPAN_NULL,
                                             CEDE_BUF_ARRAY(small_room), &none));
    assert_null(none.ptr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attributes_have_one_form),
        cmocka_unit_test(requests_become_pkcs10_or_are_refused),
        cmocka_unit_test(unread_attributes_are_refused_too),
        cmocka_unit_test(pkcs10_comes_back_or_is_refused),
        cmocka_unit_test(changed_pkcs10_is_refused_or_comes_back),
        cmocka_unit_test(requests_need_room_to_be_verified),
        cmocka_unit_test(a_signature_over_nothing_is_refused),
        cmocka_unit_test(requests_are_written_whole_or_not_at_all),
    };

    crypto = cede_crypto_openssl();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
