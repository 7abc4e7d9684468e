/* SPDX-License-Identifier: Apache-2.0 */
/* x509_write_test.c - what descriptions become X.509 certificates, which do not, and in how much
 * room; OpenSSL is the second opinion. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/x509v3.h>

#include "cede/x509.h"
#include "hex.h"

#define assert_ok(expression_) assert_int_equal(CEDE_OK, (expression_))

#define JANUARY_2023 UINT64_C(1672531200)
#define JANUARY_2033 UINT64_C(1988150400)

static const struct cede_crypto *crypto;
/* An Ed25519 key: its signatures, and so all encodings here, have the same length every time. */
static uint8_t scalar[CEDE_PRIVATE_KEY_LEN_MAX], point[CEDE_PUBLIC_KEY_LEN_MAX];
static struct cede_private_key private_key;
static struct cede_public_key public_key;

static const uint8_t serial[] = {0x05};
static const uint8_t key_id[20] = {1, 2, 3};

static int make_key(void **state)
{
    const int32_t curve = CEDE_CRV_ED25519;

    (void)state;
    crypto = cede_crypto_openssl();
    if (crypto->generate(crypto->context, curve, scalar, point) != CEDE_OK) {
        return -1;
    }
    private_key =
        (struct cede_private_key){curve, cede_span(scalar, cede_curve_private_len(curve)), NULL};
    public_key = (struct cede_public_key){curve, cede_span(point, cede_curve_public_len(curve))};
    return 0;
}

static struct cede_name text_name(const char *text)
{
    return (struct cede_name){CEDE_NAME_TEXT, cede_span_string(text)};
}

/* The least a certificate says. */
static struct cede_certificate_info least(void)
{
    return (struct cede_certificate_info){.serial = CEDE_SPAN_ARRAY(serial),
                                          .not_before = JANUARY_2023,
                                          .not_after = JANUARY_2033,
                                          .subject = text_name("a"),
                                          .public_key = public_key,
                                          .path_len = CEDE_PATH_LEN_NONE};
}

static const struct cede_general_name alt_names[] = {
    {CEDE_GN_EMAIL, CEDE_SPAN_TEXT("a@example.com")},
    {CEDE_GN_DNS, CEDE_SPAN_TEXT("a.example.com")},
    {CEDE_GN_URI, CEDE_SPAN_TEXT("coap://a.example.com")},
    {CEDE_GN_IP, CEDE_SPAN_TEXT("\x7f\0\0\1")},
    {CEDE_GN_IP, CEDE_SPAN_TEXT("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1")},
};

/* The most it can say. */
static struct cede_certificate_info most(void)
{
    struct cede_certificate_info info = least();

    info.issuer = text_name("b");
    info.has_basic_constraints = true;
    info.ca = true;
    info.path_len = 1;
    info.key_usage = CEDE_KU_KEY_CERT_SIGN | CEDE_KU_DECIPHER_ONLY;
    info.eku = CEDE_EKU_ANY | CEDE_EKU_CLIENT_AUTH;
    info.subject_key_id = CEDE_SPAN_ARRAY(key_id);
    info.authority_key_id = CEDE_SPAN_ARRAY(key_id);
    info.alt_names = alt_names;
    info.alt_names_count = sizeof alt_names / sizeof alt_names[0];
    info.crl_uri = CEDE_SPAN_TEXT("http://example.com/crl");
    info.ocsp_uri = CEDE_SPAN_TEXT("http://example.com/ocsp");
    info.permitted_subtree = text_name("a");
    info.ocsp_no_check = true;
    return info;
}

static enum cede_status issue(const struct cede_certificate_info *info, struct cede_buf out,
                              struct cede_span *der)
{
    return cede_x509_issue(crypto, info, &private_key, out, der);
}

static X509 *openssl_certificate(struct cede_span der)
{
    const unsigned char *at = der.ptr;
    X509 *certificate = d2i_X509(NULL, &at, (long)der.len);

    assert_non_null(certificate);
    assert_ptr_equal(at, der.ptr + der.len);
    return certificate;
}

/* --- extensions ------------------------------------------------------------------------------- */

/* The extensions that OpenSSL finds are `nid` alone; 0: none, and no empty list of them. */
static void assert_alone(const struct cede_certificate_info *info, int nid, int critical)
{
    uint8_t room[1024];
    struct cede_span der;
    struct cede_x509 view;
    X509 *certificate;

    assert_ok(issue(info, CEDE_BUF_ARRAY(room), &der));
    assert_ok(cede_x509_decode(der, &view));
    assert_false(view.ext.has_unknown_critical);
    certificate = openssl_certificate(der);
    assert_int_equal(nid == 0 ? 0 : 1, X509_get_ext_count(certificate));
    assert_int_equal(nid == 0, X509_get0_extensions(certificate) == NULL);
    if (nid != 0) {
        X509_EXTENSION *extension = X509_get_ext(certificate, 0);
        BIO *nowhere = BIO_new(BIO_s_null());
        assert_int_equal(nid, OBJ_obj2nid(X509_EXTENSION_get_object(extension)));
        assert_int_equal(critical, X509_EXTENSION_get_critical(extension));
        assert_int_equal(1, X509V3_EXT_print(nowhere, extension, X509V3_EXT_DEFAULT, 0));
        BIO_free(nowhere);
    }
    X509_free(certificate);
}

static void each_extension_may_come_alone(void **state)
{
    struct cede_certificate_info info = least();

    (void)state;
    assert_alone(&info, 0, 0);
#define assert_extension(nid_, critical_, ...)                                                     \
    info = least();                                                                                \
    __VA_ARGS__;                                                                                   \
    assert_alone(&info, nid_, critical_)
    assert_extension(NID_basic_constraints, 0, info.has_basic_constraints = true);
    assert_extension(NID_basic_constraints, 1, info.has_basic_constraints = info.ca = true);
    assert_extension(NID_key_usage, 1, info.key_usage = CEDE_KU_DIGITAL_SIGNATURE);
    assert_extension(NID_key_usage, 0, info.key_usage = CEDE_KU_DIGITAL_SIGNATURE,
                     info.key_usage_not_critical = true);
    assert_extension(NID_ext_key_usage, 0, info.eku = CEDE_EKU_SERVER_AUTH);
    assert_extension(NID_subject_key_identifier, 0, info.subject_key_id = CEDE_SPAN_ARRAY(key_id));
    assert_extension(NID_authority_key_identifier, 0,
                     info.authority_key_id = CEDE_SPAN_ARRAY(key_id));
    assert_extension(NID_subject_alt_name, 0, info.alt_names = alt_names, info.alt_names_count = 5);
    assert_extension(NID_crl_distribution_points, 0, info.crl_uri = CEDE_SPAN_TEXT("http://a/"));
    assert_extension(NID_info_access, 0, info.ocsp_uri = CEDE_SPAN_TEXT("http://a/"));
    assert_extension(NID_name_constraints, 1, info.permitted_subtree = text_name("a"));
    assert_extension(NID_id_pkix_OCSP_noCheck, 0, info.ocsp_no_check = true);
#undef assert_extension
}

static void an_end_entity_has_no_path_length(void **state)
{
    struct cede_certificate_info info = least();
    uint8_t room[512];
    struct cede_span der;
    struct cede_x509 view;

    (void)state;
    info.has_basic_constraints = true;
    info.path_len = 3;
    assert_ok(issue(&info, CEDE_BUF_ARRAY(room), &der));
    assert_ok(cede_x509_decode(der, &view));
    assert_true(view.ext.has_basic_constraints);
    assert_false(view.ext.ca);
    assert_int_equal(CEDE_PATH_LEN_NONE, view.ext.path_len);
}

/* --- descriptions ----------------------------------------------------------------------------- */

static void a_description_that_cannot_be_written_is_refused(void **state)
{
    static const struct cede_general_name wrong_names[] = {
        {CEDE_GN_EMAIL, CEDE_SPAN_NULL},
        {CEDE_GN_DNS, CEDE_SPAN_TEXT("")},
        {CEDE_GN_URI, CEDE_SPAN_TEXT("")},
        {CEDE_GN_IP, CEDE_SPAN_TEXT("\x7f\0\0")},
        {CEDE_GN_DIRECTORY, CEDE_SPAN_TEXT("\x30\0")},
    };
    struct cede_certificate_info info;
    uint8_t room[1024];
    struct cede_span der;

    (void)state;
#define assert_refused(change_)                                                                    \
    info = most();                                                                                 \
    change_;                                                                                       \
    assert_int_equal(CEDE_BAD_ARGUMENT, issue(&info, CEDE_BUF_ARRAY(room), &der));                 \
    assert_null(der.ptr);                                                                          \
    assert_int_equal(CEDE_BAD_ARGUMENT,                                                            \
                     cede_x509_encode_tbs(&info, CEDE_ALG_ED25519, CEDE_BUF_ARRAY(room), &der));   \
    assert_null(der.ptr)
    assert_refused(info.not_before = info.not_after = CEDE_TIME_NONE);
    assert_refused(info.key_usage = 0x200);
    assert_refused(info.eku |= CEDE_EKU_OTHER);
    assert_refused(info.eku = 1u << 5); /* no purpose has this number: nothing would be left */
    assert_refused(info.issuer.form = CEDE_NAME_C509);
    assert_refused(info.permitted_subtree.form = CEDE_NAME_C509);
    for (size_t i = 0; i < sizeof wrong_names / sizeof wrong_names[0]; i++) {
        assert_refused((info.alt_names = &wrong_names[i], info.alt_names_count = 1));
    }
#undef assert_refused
    info = most();
    assert_ok(issue(&info, CEDE_BUF_ARRAY(room), &der));
}

/* RFC 5280, section 4.1.2.2: twenty bytes as they are encoded. */
static void serial_numbers_have_up_to_twenty_bytes(void **state)
{
    uint8_t longest[21] = {0x7f, 1};
    struct cede_certificate_info info = least();
    uint8_t room[512];
    struct cede_span der;
    struct cede_x509 view;

    (void)state;
    info.serial = cede_span(longest, 20);
    assert_ok(issue(&info, CEDE_BUF_ARRAY(room), &der));
    assert_ok(cede_x509_decode(der, &view));
    assert_true(cede_span_equal(view.serial, info.serial));
    longest[0] = 0x80;
    assert_int_equal(CEDE_BAD_ARGUMENT, issue(&info, CEDE_BUF_ARRAY(room), &der));
    longest[0] = 0x01;
    info.serial.len = 21;
    assert_int_equal(CEDE_BAD_ARGUMENT, issue(&info, CEDE_BUF_ARRAY(room), &der));
}

/* --- room ------------------------------------------------------------------------------------- */

/* Each writer: exactly its size is enough, no size below it is, and nothing is written behind. */
typedef enum cede_status (*write_into)(struct cede_buf out, struct cede_span *der);

static enum cede_status write_certificate(struct cede_buf out, struct cede_span *der)
{
    struct cede_certificate_info info = most();
    return issue(&info, out, der);
}

static enum cede_status write_tbs(struct cede_buf out, struct cede_span *der)
{
    struct cede_certificate_info info = most();
    return cede_x509_encode_tbs(&info, CEDE_ALG_ED25519, out, der);
}

static enum cede_status join(struct cede_buf out, struct cede_span *der)
{
    static const uint8_t signature[64] = {1};
    return cede_x509_join(HEX("3000"), CEDE_ALG_ESP256, CEDE_SPAN_ARRAY(signature), out, der);
}

static enum cede_status write_request(struct cede_buf out, struct cede_span *der)
{
    return cede_x509_request_write(crypto, text_name("a"), &public_key, &private_key,
                                   CEDE_SPAN_TEXT("secret"), out, der);
}

static void writers_need_their_whole_room(void **state)
{
    static const write_into writers[] = {write_certificate, write_tbs, join, write_request};
    static uint8_t room[2048];
    struct cede_span der;

    (void)state;
    for (size_t i = 0; i < sizeof writers / sizeof writers[0]; i++) {
        size_t whole;
        assert_ok(writers[i](CEDE_BUF_ARRAY(room), &der));
        whole = der.len;
        for (size_t cap = 0; cap < whole; cap++) {
            room[cap] = 0xa5;
            assert_int_equal(CEDE_NO_SPACE, writers[i](cede_buf(room, cap), &der));
            assert_null(der.ptr);
            assert_int_equal(0xa5, room[cap]);
        }
        assert_ok(writers[i](cede_buf(room, whole), &der));
        assert_int_equal(whole, der.len);
    }
}

/* A signature is made over bytes that are there: counting cannot make one. */
static void what_is_signed_needs_a_buffer(void **state)
{
    struct cede_span der;

    (void)state;
    assert_int_equal(CEDE_BAD_ARGUMENT, write_certificate(cede_buf(NULL, 0), &der));
    assert_null(der.ptr);
    assert_int_equal(CEDE_BAD_ARGUMENT, write_request(cede_buf(NULL, 0), &der));
    assert_null(der.ptr);
    assert_ok(write_tbs(cede_buf(NULL, 0), &der));
    assert_null(der.ptr);
}

/* --- keys and algorithms ---------------------------------------------------------------------- */

static void keys_that_cannot_sign_are_refused(void **state)
{
    static const uint8_t zero[32];
    const struct cede_private_key x25519 = {CEDE_CRV_X25519, CEDE_SPAN_ARRAY(zero), NULL};
    const struct cede_private_key no_scalar = {CEDE_CRV_P256, CEDE_SPAN_ARRAY(zero), NULL};
    struct cede_certificate_info info = least();
    uint8_t room[512];
    struct cede_span der;

    (void)state;
    assert_int_equal(CEDE_CERTIFICATE_ALGORITHM,
                     cede_x509_issue(crypto, &info, &x25519, CEDE_BUF_ARRAY(room), &der));
    assert_null(der.ptr);
    assert_int_equal(CEDE_CRYPTO_KEY,
                     cede_x509_issue(crypto, &info, &no_scalar, CEDE_BUF_ARRAY(room), &der));
    assert_null(der.ptr);
    assert_int_equal(CEDE_CERTIFICATE_ALGORITHM,
                     cede_x509_request_write(crypto, text_name("a"), &public_key, &x25519,
                                             CEDE_SPAN_NULL, CEDE_BUF_ARRAY(room), &der));
    assert_null(der.ptr);
}

/* RFC 9864: the numbers that say the curve and those that leave it to the key. */
static void both_numbers_of_an_algorithm_are_written_alike(void **state)
{
    static const int32_t pairs[][2] = {{CEDE_ALG_ESP256, CEDE_ALG_ES256},
                                       {CEDE_ALG_ESP384, CEDE_ALG_ES384},
                                       {CEDE_ALG_ESP512, CEDE_ALG_ES512},
                                       {CEDE_ALG_ED25519, CEDE_ALG_EDDSA}};
    struct cede_writer unknown;
    uint8_t room[64];

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));
        size_t first;
        cede_x509_put_algorithm(&writer, pairs[i][0]);
        first = writer.len;
        cede_x509_put_algorithm(&writer, pairs[i][1]);
        assert_ok(writer.status);
        assert_int_equal(2 * first, writer.len);
        assert_memory_equal(room, room + first, first);
        assert_int_not_equal(0, cede_x509_signature_alg(cede_span(room, first)));
    }
    unknown = cede_writer(CEDE_BUF_ARRAY(room));
    cede_x509_put_algorithm(&unknown, CEDE_ALG_HMAC_256);
    assert_int_equal(CEDE_CERTIFICATE_ALGORITHM, unknown.status);
}

static enum cede_status put_key(int32_t curve, size_t len)
{
    static const uint8_t bytes[CEDE_PUBLIC_KEY_LEN_MAX + 1];
    const struct cede_public_key key = {curve, cede_span(bytes, len)};
    uint8_t room[256];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));

    cede_x509_put_public_key(&writer, &key);
    return writer.status;
}

static enum cede_status put_signature(int32_t alg, size_t len)
{
    static const uint8_t bytes[CEDE_SIGNATURE_LEN_MAX + 1];
    uint8_t room[256];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));

    cede_x509_put_signature(&writer, alg, cede_span(bytes, len));
    return writer.status;
}

static void keys_and_signatures_have_the_length_of_their_algorithm(void **state)
{
    static const int32_t curves[] = {CEDE_CRV_P256, CEDE_CRV_P384, CEDE_CRV_P521, CEDE_CRV_ED25519,
                                     CEDE_CRV_X25519};
    static const int32_t algs[] = {CEDE_ALG_ESP256, CEDE_ALG_ES384, CEDE_ALG_ES512,
                                   CEDE_ALG_ED25519};

    (void)state;
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++) {
        size_t len = cede_curve_public_len(curves[i]);
        assert_ok(put_key(curves[i], len));
        assert_int_equal(CEDE_CERTIFICATE_ALGORITHM, put_key(curves[i], len - 1));
        assert_int_equal(CEDE_CERTIFICATE_ALGORITHM, put_key(curves[i], len + 1));
    }
    for (size_t i = 0; i < sizeof algs / sizeof algs[0]; i++) {
        size_t len = cede_signature_len(algs[i]);
        assert_ok(put_signature(algs[i], len));
        assert_int_equal(CEDE_CERTIFICATE_ALGORITHM, put_signature(algs[i], len - 1));
        assert_int_equal(CEDE_CERTIFICATE_ALGORITHM, put_signature(algs[i], len + 1));
    }
    assert_int_equal(CEDE_CERTIFICATE_ALGORITHM, put_key(0, 0));
    assert_int_equal(CEDE_CERTIFICATE_ALGORITHM, put_signature(0, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_extension_may_come_alone),
        cmocka_unit_test(an_end_entity_has_no_path_length),
        cmocka_unit_test(a_description_that_cannot_be_written_is_refused),
        cmocka_unit_test(serial_numbers_have_up_to_twenty_bytes),
        cmocka_unit_test(writers_need_their_whole_room),
        cmocka_unit_test(what_is_signed_needs_a_buffer),
        cmocka_unit_test(keys_that_cannot_sign_are_refused),
        cmocka_unit_test(both_numbers_of_an_algorithm_are_written_alike),
        cmocka_unit_test(keys_and_signatures_have_the_length_of_their_algorithm),
    };

    return cmocka_run_group_tests(tests, make_key, NULL);
}
