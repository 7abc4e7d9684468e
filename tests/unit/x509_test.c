/* SPDX-License-Identifier: Apache-2.0 */
/* x509_test.c - DER, X.509 certificates and PKCS #10 requests; OpenSSL is the second opinion. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "cede/x509.h"
#include "hex.h"
#include "keys.h"

#define assert_ok(expression_) assert_int_equal(CEDE_OK, (expression_))

#define JANUARY_2023 UINT64_C(1672531200)
#define JANUARY_2033 UINT64_C(1988150400)

static const struct cede_crypto *crypto;

static const uint8_t serial[] = {0x01, 0xf5, 0x0d};
static const uint8_t key_id[20] = {1, 2, 3};

static struct cede_certificate_info ca_info(const struct key *key, int32_t path_len)
{
    return (struct cede_certificate_info){
        .serial = CEDE_SPAN_ARRAY(serial),
        .not_before = JANUARY_2023,
        .not_after = CEDE_TIME_NONE,
        .subject = text_name("test CA"),
        .public_key = key->public_key,
        .has_basic_constraints = true,
        .ca = true,
        .path_len = path_len,
        .key_usage = CEDE_KU_KEY_CERT_SIGN | CEDE_KU_CRL_SIGN,
        .subject_key_id = CEDE_SPAN_ARRAY(key_id),
    };
}

static struct cede_certificate_info device_info(const struct key *key)
{
    return (struct cede_certificate_info){
        .serial = CEDE_SPAN_ARRAY(serial),
        .issuer = text_name("test CA"),
        .not_before = JANUARY_2023,
        .not_after = JANUARY_2033,
        .subject = text_name("01-23-45-FF-FE-67-89-AB"),
        .public_key = key->public_key,
        .path_len = CEDE_PATH_LEN_NONE,
        .key_usage = CEDE_KU_DIGITAL_SIGNATURE,
        .eku = CEDE_EKU_CLIENT_AUTH,
        .subject_key_id = CEDE_SPAN_ARRAY(key_id),
        .authority_key_id = CEDE_SPAN_ARRAY(key_id),
    };
}

/* --- DER -------------------------------------------------------------------------------------- */

static enum cede_status read_one(const uint8_t *bytes, size_t len, uint8_t tag)
{
    struct cede_reader reader = cede_reader(cede_span(bytes, len));

    (void)cede_der_get(&reader, tag);
    return cede_reader_finish(&reader);
}

static void lengths_must_be_shortest(void **state)
{
    static const uint8_t good[] = {0x04, 0x01, 0xaa};
    static const uint8_t long_form[] = {0x04, 0x81, 0x01, 0xaa};
    static const uint8_t leading_zero[] = {0x04, 0x82, 0x00, 0x80};
    static const uint8_t indefinite[] = {0x24, 0x80, 0x00, 0x00};
    static const uint8_t too_many[] = {0x04, 0x85, 0x00, 0x00, 0x00, 0x00, 0x01, 0xaa};
    static const uint8_t high_tag[] = {0x1f, 0x01, 0xaa};

    (void)state;
    assert_ok(read_one(good, sizeof good, CEDE_DER_OCTET_STRING));
    assert_int_equal(CEDE_DER_LENGTH, read_one(long_form, sizeof long_form, 0x04));
    assert_int_equal(CEDE_DER_LENGTH, read_one(leading_zero, sizeof leading_zero, 0x04));
    assert_int_equal(CEDE_DER_LENGTH, read_one(indefinite, sizeof indefinite, 0x24));
    assert_int_equal(CEDE_DER_LENGTH, read_one(too_many, sizeof too_many, 0x04));
    assert_int_equal(CEDE_DER_TAG, read_one(high_tag, sizeof high_tag, 0x1f));
    assert_int_equal(CEDE_DER_TAG, read_one(good, sizeof good, CEDE_DER_INTEGER));
    assert_int_equal(CEDE_TRUNCATED, read_one(good, 2, 0x04));
    assert_int_equal(CEDE_TRUNCATED, read_one(good, 0, 0x04));
}

static enum cede_status read_unsigned(const uint8_t *bytes, size_t len, size_t *number_len)
{
    struct cede_reader reader = cede_reader(cede_span(bytes, len));

    *number_len = cede_der_get_unsigned(&reader).len;
    return cede_reader_finish(&reader);
}

static void integers_must_be_shortest_and_not_negative(void **state)
{
    static const uint8_t zero[] = {0x02, 0x01, 0x00};
    static const uint8_t padded[] = {0x02, 0x02, 0x00, 0x80};
    static const uint8_t too_long[] = {0x02, 0x02, 0x00, 0x7f};
    static const uint8_t negative[] = {0x02, 0x01, 0x80};
    static const uint8_t empty[] = {0x02, 0x00};
    size_t len;

    (void)state;
    assert_ok(read_unsigned(zero, sizeof zero, &len));
    assert_int_equal(0, len);
    assert_ok(read_unsigned(padded, sizeof padded, &len));
    assert_int_equal(1, len);
    assert_int_equal(CEDE_DER_VALUE, read_unsigned(too_long, sizeof too_long, &len));
    assert_int_equal(CEDE_DER_NEGATIVE, read_unsigned(negative, sizeof negative, &len));
    assert_int_equal(CEDE_DER_VALUE, read_unsigned(empty, sizeof empty, &len));
}

static enum cede_status read_bits(struct cede_span der, uint8_t *unused)
{
    struct cede_reader reader = cede_reader(der);

    (void)cede_der_get_bits(&reader, unused);
    return cede_reader_finish(&reader);
}

/* X.690, sections 8.6.2 and 11.2.1: up to seven bits are not used, and those are zero. */
static void bit_strings_leave_out_zeros(void **state)
{
    uint8_t unused;

    (void)state;
    assert_ok(read_bits(HEX("03020780"), &unused));
    assert_int_equal(7, unused);
    assert_ok(read_bits(HEX("030100"), &unused));
    assert_int_equal(0, unused);
    assert_ok(read_bits(HEX("030200ff"), NULL));
    assert_int_equal(CEDE_DER_VALUE, read_bits(HEX("03020180"), NULL));
    assert_int_equal(CEDE_DER_VALUE, read_bits(HEX("03020880"), &unused));
    assert_int_equal(CEDE_DER_VALUE, read_bits(HEX("030207c0"), &unused));
    assert_int_equal(CEDE_DER_VALUE, read_bits(HEX("030101"), &unused)); /* of no byte at all */
    assert_int_equal(CEDE_DER_VALUE, read_bits(HEX("0300"), &unused));
    assert_int_equal(0, unused);
}

static enum cede_status read_oid(struct cede_span der)
{
    struct cede_reader reader = cede_reader(der);
    struct cede_span oid = cede_der_get_oid(&reader);

    assert_int_equal(reader.status == CEDE_OK, oid.ptr != NULL);
    return cede_reader_finish(&reader);
}

/* X.690, section 8.19.2. */
static void numbers_of_an_object_identifier_are_shortest_and_whole(void **state)
{
    (void)state;
    assert_ok(read_oid(HEX("06032a8648")));
    assert_ok(read_oid(HEX("06032a8100")));
    assert_int_equal(CEDE_DER_VALUE, read_oid(HEX("0600")));
    assert_int_equal(CEDE_DER_VALUE, read_oid(HEX("06022a86")));
    assert_int_equal(CEDE_DER_VALUE, read_oid(HEX("06032a8001")));
    assert_int_equal(CEDE_DER_VALUE, read_oid(HEX("060480018001")));
}

static void booleans_have_two_values(void **state)
{
    uint8_t room[8];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));
    struct cede_reader reader;
    struct cede_span other = HEX("010101"), two = HEX("0102ffff");

    (void)state;
    cede_der_put_bool(&writer, true);
    cede_der_put_bool(&writer, false);
    reader = cede_reader(cede_written(&writer));
    assert_true(cede_der_get_bool(&reader));
    assert_false(cede_der_get_bool(&reader));
    assert_ok(cede_reader_finish(&reader));
    reader = cede_reader(other);
    assert_false(cede_der_get_bool(&reader));
    assert_int_equal(CEDE_DER_VALUE, reader.status);
    reader = cede_reader(two);
    assert_false(cede_der_get_bool(&reader));
    assert_int_equal(CEDE_DER_VALUE, reader.status);
}

/* Closing moves what was written when the length needs more bytes; counting gives the same size. */
static void constructed_values_get_their_length(void **state)
{
    static uint8_t payload[70000];
    static uint8_t room[70100];
    const size_t sizes[] = {0, 1, 127, 128, 255, 256, 65535, 65536};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));
        struct cede_writer counting = cede_writer_counting();
        struct cede_reader reader, inner;
        size_t outer_mark = cede_der_open(&writer, CEDE_DER_SEQUENCE);
        size_t counting_mark = cede_der_open(&counting, CEDE_DER_SEQUENCE);
        cede_der_put(&writer, CEDE_DER_OCTET_STRING, cede_span(payload, sizes[i]));
        cede_der_put(&counting, CEDE_DER_OCTET_STRING, cede_span(payload, sizes[i]));
        cede_der_close(&writer, outer_mark);
        cede_der_close(&counting, counting_mark);
        assert_int_equal(writer.len, counting.len);
        reader = cede_reader(cede_written(&writer));
        inner = cede_der_enter(&reader, CEDE_DER_SEQUENCE);
        assert_int_equal(sizes[i], cede_der_get(&inner, CEDE_DER_OCTET_STRING).len);
        assert_ok(cede_reader_finish(&inner));
        assert_ok(cede_reader_finish(&reader));
    }
}

static void times_follow_the_calendar(void **state)
{
    static const struct {
        const char *digits;
        uint64_t seconds;
    } times[] = {
        {"19700101000000", 0},
        {"20000229000000", 951782400},
        {"20230101000000", JANUARY_2023},
        {"20491231235959", 2524607999},
        {"20500101000000", 2524608000},
        {"21000228235959", UINT64_C(4107542399)},
        {"99991231235958", UINT64_C(253402300798)},
        {"99991231235959", CEDE_TIME_NONE},
    };
    static const char *const wrong[] = {
        "20230229000000", "21000229000000", "20231301000000", "20230001000000", "20230100000000",
        "20230101240000", "20230101006000", "20230101000060", "19691231235959", "2023010100000Z"};
    uint8_t digits[14];
    uint64_t seconds;

    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        assert_true(cede_time_from_digits((const uint8_t *)times[i].digits, &seconds));
        assert_true(seconds == times[i].seconds);
        cede_time_digits(times[i].seconds, digits);
        assert_memory_equal(digits, times[i].digits, 14);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(cede_time_from_digits((const uint8_t *)wrong[i], &seconds));
    }
}

/* UTCTime until 2049, GeneralizedTime from 2050 (RFC 5280, section 4.1.2.5). */
static void the_year_2050_changes_the_time_type(void **state)
{
    uint8_t room[32];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));

    (void)state;
    cede_der_put_time(&writer, 2524607999);
    assert_int_equal(CEDE_DER_UTC_TIME, room[0]);
    writer = cede_writer(CEDE_BUF_ARRAY(room));
    cede_der_put_time(&writer, 2524608000);
    assert_int_equal(CEDE_DER_GENERALIZED_TIME, room[0]);
}

/* --- certificates ----------------------------------------------------------------------------- */

static X509 *openssl_certificate(struct cede_span der)
{
    const unsigned char *at = der.ptr;
    X509 *certificate = d2i_X509(NULL, &at, (long)der.len);

    assert_non_null(certificate);
    assert_ptr_equal(at, der.ptr + der.len);
    return certificate;
}

/* What `openssl verify -x509_strict` does. */
static int openssl_verify(struct cede_span ca_der, struct cede_span der)
{
    X509 *ca = openssl_certificate(ca_der), *certificate = openssl_certificate(der);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    int error;

    assert_int_equal(1, X509_STORE_add_cert(store, ca));
    assert_int_equal(1, X509_STORE_CTX_init(context, store, certificate, NULL));
    X509_STORE_CTX_set_flags(context, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
    X509_STORE_CTX_set_time(context, 0, (time_t)JANUARY_2023 + 86400);
    error = X509_verify_cert(context) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    X509_free(certificate);
    X509_free(ca);
    return error;
}

static void issued_certificates_satisfy_openssl(void **state)
{
    static const int32_t curves[] = {CEDE_CRV_P256, CEDE_CRV_P384, CEDE_CRV_P521, CEDE_CRV_ED25519};
    uint8_t ca_room[1024], room[1024];
    struct cede_span ca_der, der;
    struct cede_x509 certificate;

    (void)state;
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++) {
        struct key ca, device;
        struct cede_certificate_info info;
        make_key(crypto, &ca, curves[i]);
        make_key(crypto, &device, CEDE_CRV_P256);
        info = ca_info(&ca, 0);
        assert_ok(
            cede_x509_issue(crypto, &info, &ca.private_key, CEDE_BUF_ARRAY(ca_room), &ca_der));
        info = device_info(&device);
        assert_ok(cede_x509_issue(crypto, &info, &ca.private_key, CEDE_BUF_ARRAY(room), &der));
        assert_int_equal(X509_V_OK, openssl_verify(ca_der, der));
        assert_ok(cede_x509_decode(der, &certificate));
        assert_ok(cede_x509_verify(&certificate, crypto, &ca.public_key));
        assert_true(cede_span_equal(cede_x509_common_name(certificate.subject),
                                    CEDE_SPAN_TEXT("01-23-45-FF-FE-67-89-AB")));
    }
}

static void the_view_says_what_was_described(void **state)
{
    static const struct cede_general_name names[] = {{CEDE_GN_DNS, CEDE_SPAN_TEXT("ca.example")},
                                                     {CEDE_GN_IP, CEDE_SPAN_TEXT("\x7f\0\0\1")}};
    struct key ca;
    struct cede_certificate_info info;
    struct cede_x509 certificate;
    struct cede_public_key key;
    uint8_t room[1024], point[CEDE_PUBLIC_KEY_LEN_MAX];
    struct cede_span der;
    X509 *openssl;

    (void)state;
    make_key(crypto, &ca, CEDE_CRV_P256);
    info = ca_info(&ca, 3);
    info.alt_names = names;
    info.alt_names_count = 2;
    info.crl_uri = CEDE_SPAN_TEXT("http://ca.example/crl");
    info.ocsp_uri = CEDE_SPAN_TEXT("http://ca.example/ocsp");
    info.permitted_subtree = text_name("test CA");
    info.ocsp_no_check = true;
    assert_ok(cede_x509_issue(crypto, &info, &ca.private_key, CEDE_BUF_ARRAY(room), &der));
    assert_ok(cede_x509_decode(der, &certificate));
    assert_true(cede_span_equal(certificate.serial, CEDE_SPAN_ARRAY(serial)));
    assert_true(certificate.not_before == JANUARY_2023);
    assert_true(certificate.not_after == CEDE_TIME_NONE);
    assert_true(cede_span_equal(certificate.issuer, certificate.subject));
    assert_true(certificate.ext.ca);
    assert_int_equal(3, certificate.ext.path_len);
    assert_int_equal(CEDE_KU_KEY_CERT_SIGN | CEDE_KU_CRL_SIGN, certificate.ext.key_usage);
    assert_false(certificate.ext.has_eku);
    assert_true(cede_span_equal(certificate.ext.subject_key_id, CEDE_SPAN_ARRAY(key_id)));
    assert_non_null(certificate.ext.subject_alt_name.ptr);
    assert_non_null(certificate.ext.name_constraints.ptr);
    assert_non_null(certificate.ext.crl_points.ptr);
    assert_non_null(certificate.ext.info_access.ptr);
    assert_false(certificate.ext.has_unknown_critical);
    assert_ok(cede_x509_public_key(&certificate, crypto, point, &key));
    assert_true(cede_span_equal(key.point, ca.public_key.point));
    openssl = openssl_certificate(der);
    assert_int_equal(1, X509_check_ip_asc(openssl, "127.0.0.1", 0));
    assert_int_equal(1, X509_check_host(openssl, "ca.example", 0, 0, NULL));
    X509_free(openssl);
}

static void signing_elsewhere_gives_the_same(void **state)
{
    struct key ca;
    struct cede_certificate_info info;
    struct cede_x509 certificate;
    uint8_t tbs_room[512], room[1024], signature[CEDE_SIGNATURE_LEN_MAX];
    struct cede_span tbs, der;
    size_t len;

    (void)state;
    make_key(crypto, &ca, CEDE_CRV_P256);
    info = ca_info(&ca, CEDE_PATH_LEN_NONE);
    assert_ok(cede_x509_encode_tbs(&info, CEDE_ALG_ESP256, CEDE_BUF_ARRAY(tbs_room), &tbs));
    assert_ok(
        crypto->sign(crypto->context, CEDE_ALG_ESP256, &ca.private_key, &tbs, 1, signature, &len));
    assert_ok(cede_x509_join(tbs, CEDE_ALG_ESP256, cede_span(signature, len), CEDE_BUF_ARRAY(room),
                             &der));
    assert_ok(cede_x509_decode(der, &certificate));
    assert_ok(cede_x509_verify(&certificate, crypto, &ca.public_key));
    assert_int_equal(CEDE_NO_SPACE,
                     cede_x509_issue(crypto, &info, &ca.private_key, cede_buf(room, 200), &der));
    assert_null(der.ptr);
}

static void a_description_must_keep_the_profile(void **state)
{
    static const uint8_t zero[] = {0, 0}, long_serial[21] = {1}, signed_serial[20] = {0x80};
    struct key ca;
    struct cede_certificate_info info;
    uint8_t room[1024];
    struct cede_span der;

    (void)state;
    make_key(crypto, &ca, CEDE_CRV_P256);
#define assert_refused(change_)                                                                    \
    info = ca_info(&ca, 0);                                                                        \
    change_;                                                                                       \
    assert_int_equal(CEDE_BAD_ARGUMENT,                                                            \
                     cede_x509_issue(crypto, &info, &ca.private_key, CEDE_BUF_ARRAY(room), &der))
    assert_refused(info.serial = CEDE_SPAN_NULL);
    assert_refused(info.serial = CEDE_SPAN_ARRAY(zero));
    assert_refused(info.serial = CEDE_SPAN_ARRAY(long_serial));
    assert_refused(info.serial = CEDE_SPAN_ARRAY(signed_serial));
    assert_refused(info.subject.value = CEDE_SPAN_NULL);
    assert_refused(info.not_after = info.not_before - 1);
    assert_refused(info.has_basic_constraints = false);
    assert_refused(info.path_len = -2);
#undef assert_refused
}

static struct cede_span device_certificate(const struct key *ca, struct cede_buf room)
{
    struct key device;
    struct cede_certificate_info info;
    struct cede_span der;

    make_key(crypto, &device, CEDE_CRV_P256);
    info = device_info(&device);
    assert_ok(cede_x509_issue(crypto, &info, &ca->private_key, room, &der));
    return der;
}

static void every_truncation_and_trailing_byte_is_refused(void **state)
{
    struct key ca;
    uint8_t room[1024];
    struct cede_x509 certificate;
    struct cede_span der;

    (void)state;
    make_key(crypto, &ca, CEDE_CRV_P256);
    der = device_certificate(&ca, CEDE_BUF_ARRAY(room));
    for (size_t len = 0; len < der.len; len++) {
        assert_int_not_equal(CEDE_OK, cede_x509_decode(cede_span(der.ptr, len), &certificate));
        assert_null(certificate.der.ptr);
    }
    room[der.len] = 0;
    assert_int_equal(CEDE_TRAILING_BYTES,
                     cede_x509_decode(cede_span(room, der.len + 1), &certificate));
}

static void no_flipped_bit_survives(void **state)
{
    struct key ca;
    uint8_t room[1024];
    struct cede_x509 certificate;
    struct cede_span der;

    (void)state;
    make_key(crypto, &ca, CEDE_CRV_P256);
    der = device_certificate(&ca, CEDE_BUF_ARRAY(room));
    for (size_t i = 0; i < der.len; i++) {
        room[i] ^= (uint8_t)(1u << i % 8);
        if (cede_x509_decode(der, &certificate) == CEDE_OK) {
            assert_int_not_equal(CEDE_OK, cede_x509_verify(&certificate, crypto, &ca.public_key));
        }
        room[i] ^= (uint8_t)(1u << i % 8);
    }
    assert_ok(cede_x509_decode(der, &certificate));
    assert_ok(cede_x509_verify(&certificate, crypto, &ca.public_key));
}

static void another_key_does_not_verify(void **state)
{
    struct key ca, other, p384;
    uint8_t room[1024];
    struct cede_x509 certificate;

    (void)state;
    make_key(crypto, &ca, CEDE_CRV_P256);
    make_key(crypto, &other, CEDE_CRV_P256);
    make_key(crypto, &p384, CEDE_CRV_P384);
    assert_ok(cede_x509_decode(device_certificate(&ca, CEDE_BUF_ARRAY(room)), &certificate));
    assert_int_equal(CEDE_CRYPTO_SIGNATURE,
                     cede_x509_verify(&certificate, crypto, &other.public_key));
    assert_int_equal(CEDE_CERTIFICATE_ALGORITHM,
                     cede_x509_verify(&certificate, crypto, &p384.public_key));
}

static void a_negative_serial_is_refused(void **state)
{
    struct key ca;
    uint8_t room[1024];
    struct cede_x509 certificate;
    struct cede_span der;
    size_t at;

    (void)state;
    make_key(crypto, &ca, CEDE_CRV_P256);
    der = device_certificate(&ca, CEDE_BUF_ARRAY(room));
    for (at = 0; memcmp(room + at, serial, sizeof serial) != 0; at++) {
        assert_true(at < der.len - sizeof serial);
    }
    room[at] = 0x81;
    assert_int_equal(CEDE_DER_NEGATIVE, cede_x509_decode(der, &certificate));
}

/* --- what OpenSSL writes ---------------------------------------------------------------------- */

static X509 *openssl_self_signed(EVP_PKEY *key, const char *const extensions[][2], size_t count)
{
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);

    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 5);
    X509_NAME_add_entry_by_txt(name, "C", MBSTRING_ASC, (const unsigned char *)"SE", -1, -1, 0);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)"root", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_set_pubkey(certificate, key);
    for (size_t i = 0; i < count; i++) {
        X509_EXTENSION *extension = X509V3_EXT_conf(NULL, NULL, extensions[i][0], extensions[i][1]);
        assert_non_null(extension);
        X509_add_ext(certificate, extension, -1);
        X509_EXTENSION_free(extension);
    }
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    return certificate;
}

static enum cede_status decode_openssl(X509 *certificate, struct cede_x509 *view, uint8_t **der)
{
    int len = i2d_X509(certificate, der);

    assert_true(len > 0);
    return cede_x509_decode(cede_span(*der, (size_t)len), view);
}

static void openssl_certificates_decode(void **state)
{
    static const char *const extensions[][2] = {{"basicConstraints", "critical,CA:TRUE,pathlen:1"},
                                                {"keyUsage", "critical,keyCertSign"},
                                                {"extendedKeyUsage", "serverAuth,1.2.3.4"}};
    static const char *const strange[][2] = {{"1.2.3.4", "critical,DER:0500"}};
    static const char *const twice[][2] = {{"keyUsage", "keyCertSign"}, {"keyUsage", "cRLSign"}};
    EVP_PKEY *key = EVP_EC_gen("P-256"), *rsa = EVP_RSA_gen(2048), *weak = EVP_EC_gen("secp224r1");
    struct cede_x509 view;
    uint8_t *der[5] = {NULL}, point[CEDE_PUBLIC_KEY_LEN_MAX];
    struct cede_public_key public_key;
    X509 *certificates[5];

    (void)state;
    certificates[0] = openssl_self_signed(key, extensions, 3);
    assert_ok(decode_openssl(certificates[0], &view, &der[0]));
    assert_ok(cede_x509_public_key(&view, crypto, point, &public_key));
    assert_ok(cede_x509_verify(&view, crypto, &public_key));
    assert_int_equal(1, view.ext.path_len);
    assert_true(view.ext.eku == (CEDE_EKU_SERVER_AUTH | CEDE_EKU_OTHER));

    certificates[1] = openssl_self_signed(key, strange, 1);
    assert_ok(decode_openssl(certificates[1], &view, &der[1]));
    assert_true(view.ext.has_unknown_critical);

    certificates[2] = openssl_self_signed(key, twice, 2);
    assert_int_equal(CEDE_X509_EXTENSION, decode_openssl(certificates[2], &view, &der[2]));

    certificates[3] = openssl_self_signed(rsa, extensions, 3);
    assert_ok(decode_openssl(certificates[3], &view, &der[3]));
    assert_int_equal(CEDE_CERTIFICATE_ALGORITHM,
                     cede_x509_public_key(&view, crypto, point, &public_key));

    certificates[4] = openssl_self_signed(weak, extensions, 3);
    assert_ok(decode_openssl(certificates[4], &view, &der[4]));
    assert_int_equal(CEDE_CERTIFICATE_ALGORITHM,
                     cede_x509_public_key(&view, crypto, point, &public_key));
    for (size_t i = 0; i < 5; i++) {
        X509_free(certificates[i]);
        OPENSSL_free(der[i]);
    }
    EVP_PKEY_free(key);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(weak);
}

/* --- requests --------------------------------------------------------------------------------- */

static void requests_prove_possession(void **state)
{
    static const int32_t curves[] = {CEDE_CRV_P256, CEDE_CRV_P384, CEDE_CRV_P521, CEDE_CRV_ED25519};
    uint8_t room[1024], point[CEDE_PUBLIC_KEY_LEN_MAX];
    struct cede_x509_request request;
    struct cede_public_key key;
    struct cede_span der;

    (void)state;
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++) {
        struct key device;
        const unsigned char *at;
        X509_REQ *openssl;
        make_key(crypto, &device, curves[i]);
        assert_ok(cede_x509_request_write(crypto, text_name("device-1"), &device.public_key,
                                          &device.private_key, CEDE_SPAN_TEXT("secret"),
                                          CEDE_BUF_ARRAY(room), &der));
        assert_ok(cede_x509_request_decode(der, &request));
        assert_ok(cede_x509_request_verify(&request, crypto));
        assert_true(cede_span_equal(request.challenge_password, CEDE_SPAN_TEXT("secret")));
        assert_ok(cede_x509_request_public_key(&request, crypto, point, &key));
        assert_true(cede_span_equal(key.point, device.public_key.point));
        at = der.ptr;
        openssl = d2i_X509_REQ(NULL, &at, (long)der.len);
        assert_non_null(openssl);
        assert_int_equal(1, X509_REQ_verify(openssl, X509_REQ_get0_pubkey(openssl)));
        X509_REQ_free(openssl);
    }
}

static void a_request_without_possession_is_refused(void **state)
{
    struct key device, thief;
    uint8_t room[1024];
    struct cede_x509_request request;
    struct cede_span der;

    (void)state;
    make_key(crypto, &device, CEDE_CRV_P256);
    make_key(crypto, &thief, CEDE_CRV_P256);
    assert_ok(cede_x509_request_write(crypto, text_name("device-1"), &device.public_key,
                                      &thief.private_key, CEDE_SPAN_NULL, CEDE_BUF_ARRAY(room),
                                      &der));
    assert_ok(cede_x509_request_decode(der, &request));
    assert_int_equal(CEDE_CRYPTO_SIGNATURE, cede_x509_request_verify(&request, crypto));
    for (size_t len = 0; len < der.len; len++) {
        assert_int_not_equal(CEDE_OK, cede_x509_request_decode(cede_span(room, len), &request));
    }
}

static void no_flipped_bit_of_a_request_survives(void **state)
{
    struct key device;
    uint8_t room[1024];
    struct cede_x509_request request;
    struct cede_span der;

    (void)state;
    make_key(crypto, &device, CEDE_CRV_P256);
    assert_ok(cede_x509_request_write(crypto, text_name("device-1"), &device.public_key,
                                      &device.private_key, CEDE_SPAN_NULL, CEDE_BUF_ARRAY(room),
                                      &der));
    for (size_t i = 0; i < der.len; i++) {
        room[i] ^= (uint8_t)(1u << i % 8);
        if (cede_x509_request_decode(der, &request) == CEDE_OK) {
            assert_int_not_equal(CEDE_OK, cede_x509_request_verify(&request, crypto));
        }
        room[i] ^= (uint8_t)(1u << i % 8);
    }
}

/* extensionRequest as OpenSSL writes it. */
static void openssl_requests_decode(void **state)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509_REQ *openssl = X509_REQ_new();
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    struct cede_x509_request request;
    uint8_t *der = NULL;
    int len;

    (void)state;
    X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(openssl), "CN", MBSTRING_UTF8,
                               (const unsigned char *)"sp1", -1, -1, 0);
    X509_REQ_set_pubkey(openssl, key);
    sk_X509_EXTENSION_push(
        extensions, X509V3_EXT_conf(NULL, NULL, "extendedKeyUsage", "serverAuth,clientAuth"));
    X509_REQ_add_extensions(openssl, extensions);
    assert_true(X509_REQ_sign(openssl, key, EVP_sha256()) > 0);
    len = i2d_X509_REQ(openssl, &der);
    assert_true(len > 0);
    assert_ok(cede_x509_request_decode(cede_span(der, (size_t)len), &request));
    assert_ok(cede_x509_request_verify(&request, crypto));
    assert_true(request.ext.eku == (CEDE_EKU_SERVER_AUTH | CEDE_EKU_CLIENT_AUTH));
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    OPENSSL_free(der);
    X509_REQ_free(openssl);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_must_be_shortest),
        cmocka_unit_test(integers_must_be_shortest_and_not_negative),
        cmocka_unit_test(bit_strings_leave_out_zeros),
        cmocka_unit_test(numbers_of_an_object_identifier_are_shortest_and_whole),
        cmocka_unit_test(booleans_have_two_values),
        cmocka_unit_test(constructed_values_get_their_length),
        cmocka_unit_test(times_follow_the_calendar),
        cmocka_unit_test(the_year_2050_changes_the_time_type),
        cmocka_unit_test(issued_certificates_satisfy_openssl),
        cmocka_unit_test(the_view_says_what_was_described),
        cmocka_unit_test(signing_elsewhere_gives_the_same),
        cmocka_unit_test(a_description_must_keep_the_profile),
        cmocka_unit_test(every_truncation_and_trailing_byte_is_refused),
        cmocka_unit_test(no_flipped_bit_survives),
        cmocka_unit_test(another_key_does_not_verify),
        cmocka_unit_test(a_negative_serial_is_refused),
        cmocka_unit_test(openssl_certificates_decode),
        cmocka_unit_test(requests_prove_possession),
        cmocka_unit_test(a_request_without_possession_is_refused),
        cmocka_unit_test(no_flipped_bit_of_a_request_survives),
        cmocka_unit_test(openssl_requests_decode),
    };

    crypto = cede_crypto_openssl();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
