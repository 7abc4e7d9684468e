/* SPDX-License-Identifier: Apache-2.0 */
/* x509_parts_test.c - certificates and requests put together from parts, one of them wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cede/x509.h"
#include "hex.h"

#define assert_ok(expression_) assert_int_equal(CEDE_OK, (expression_))

static const struct cede_crypto *crypto;

/* --- certificates ----------------------------------------------------------------------------- */

#define ECDSA_SHA256 "300a06082a8648ce3d040302"
#define EC_P256      "301306072a8648ce3d020106082a8648ce3d030107"
#define ED25519      "300506032b6570"
#define POINT_HALF   "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"

/* The parts of a certificate in hexadecimal; `extensions` is [3] or nothing. */
struct parts {
    const char *version, *serial, *algorithm, *issuer, *validity, *subject, *key, *tail,
        *outer_algorithm, *signature;
};

static struct parts good_parts(void)
{
    return (struct parts){
        .version = "a003020102",
        .serial = "020105",
        .algorithm = ECDSA_SHA256,
        .issuer = "3000",
        .validity = "301e170d3233303130313030303030305a170d3333303130313030303030305a",
        .subject = "300c310a300806035504030c0141",
        .key = "3059" EC_P256 "03420004" POINT_HALF POINT_HALF,
        .tail = "",
        .outer_algorithm = ECDSA_SHA256,
        .signature = "0309003006020101020101",
    };
}

static void put_hex(struct cede_writer *writer, const char *hex)
{
    uint8_t bytes[512];

    cede_write_bytes(writer, hex_into(CEDE_BUF_ARRAY(bytes), hex));
}

static enum cede_status decode(const struct parts *parts, struct cede_x509 *certificate)
{
    static uint8_t room[2048];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));
    size_t whole = cede_der_open(&writer, CEDE_DER_SEQUENCE);
    size_t tbs = cede_der_open(&writer, CEDE_DER_SEQUENCE);

    put_hex(&writer, parts->version);
    put_hex(&writer, parts->serial);
    put_hex(&writer, parts->algorithm);
    put_hex(&writer, parts->issuer);
    put_hex(&writer, parts->validity);
    put_hex(&writer, parts->subject);
    put_hex(&writer, parts->key);
    put_hex(&writer, parts->tail);
    cede_der_close(&writer, tbs);
    put_hex(&writer, parts->outer_algorithm);
    put_hex(&writer, parts->signature);
    cede_der_close(&writer, whole);
    assert_ok(writer.status);
    return cede_x509_decode(cede_written(&writer), certificate);
}

static void a_certificate_with_one_wrong_part_is_refused(void **state)
{
    struct parts parts = good_parts();
    struct cede_x509 certificate;

    (void)state;
    assert_ok(decode(&parts, &certificate));
#define assert_part(status_, part_, hex_)                                                          \
    parts = good_parts();                                                                          \
    parts.part_ = (hex_);                                                                          \
    assert_int_equal(status_, decode(&parts, &certificate))
    assert_part(CEDE_X509_VERSION, version, "");               /* v1 */
    assert_part(CEDE_X509_VERSION, version, "a003020101");     /* v2 */
    assert_part(CEDE_X509_VERSION, version, "a0060201020500"); /* more than a number */
    assert_part(CEDE_OK, serial, "02147f01020304050607080900010203040506070809");
    assert_part(CEDE_X509_SERIAL, serial, "02157f0102030405060708090001020304050607080901");
    assert_part(CEDE_DER_TAG, issuer, "3100");
    assert_part(CEDE_DER_VALUE, subject, "300c310a300806035504030c01ff");
    assert_part(CEDE_TRUNCATED, validity, "300f170d3233303130313030303030305a");
    assert_part(CEDE_DER_TIME, validity,
                "301e170d3233303130313030303030305a170d3333303230333030303030305b");
    assert_part(CEDE_TRAILING_BYTES, validity,
                "3020170d3233303130313030303030305a170d3333303130313030303030305a0500");
    assert_part(CEDE_DER_TAG, key, "3008020100030300aabb");        /* a number for an algorithm */
    assert_part(CEDE_DER_TAG, key, "300a3003020100030300aabb");    /* one without identifier */
    assert_part(CEDE_DER_VALUE, key, "300c" ED25519 "030301aaba"); /* not whole bytes */
    assert_part(CEDE_TRAILING_BYTES, key, "300e" ED25519 "030300aabb0500");
    assert_part(CEDE_OK, tail, "810201aa820200bb");             /* unique identifiers */
    assert_part(CEDE_TRAILING_BYTES, tail, "820200bb810201aa"); /* in the other order */
    assert_part(CEDE_OK, tail, "a3023000");
    assert_part(CEDE_TRAILING_BYTES, tail, "a30430000500");
    assert_part(CEDE_DER_TAG, tail, "a3023100");
    assert_part(CEDE_TRAILING_BYTES, tail, "a30230000500");
    assert_part(CEDE_X509_ALGORITHMS_DIFFER, outer_algorithm, "300a06082a8648ce3d040303");
    assert_part(CEDE_DER_TAG, outer_algorithm, "3003020100");
    assert_part(CEDE_DER_VALUE, signature, "0302070100");
    assert_part(CEDE_TRAILING_BYTES, signature,
                "0309003006020101020101"
                "0500");
#undef assert_part
    assert_null(certificate.der.ptr);
}

/* Parameters are absent, NULL, a named curve or a sequence (RFC 5480, section 2.1.1; RFC 4055). */
static void algorithms_are_well_formed_even_when_unknown(void **state)
{
    static const struct {
        const char *algorithm;
        enum cede_status status;
    } algorithms[] = {
        {"300d06092a864886f70d01010b0500", CEDE_OK},        /* RSA with SHA-256 */
        {"300e06092a864886f70d01010b050100", CEDE_DER_TAG}, /* a NULL with contents */
        {"300d06092a864886f70d01010b3000", CEDE_OK},
        {"300e06092a864886f70d01010b020100", CEDE_DER_TAG},
        {"300f06092a864886f70d01010b05000500", CEDE_DER_TAG},
        {"300806032a030406012a", CEDE_OK},
        {"300806032a0304060180", CEDE_DER_TAG},
        {"3000", CEDE_DER_TAG},
        {"06032a0304", CEDE_DER_TAG},
    };
    struct cede_x509 certificate;

    (void)state;
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++) {
        struct parts parts = good_parts();
        parts.algorithm = parts.outer_algorithm = algorithms[i].algorithm;
        assert_int_equal(algorithms[i].status, decode(&parts, &certificate));
        assert_int_equal(0, certificate.signature_alg);
    }
}

static enum cede_status public_key(const char *info)
{
    struct parts parts = good_parts();
    struct cede_x509 certificate;
    struct cede_public_key key;
    uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX];
    enum cede_status status;

    parts.key = info;
    assert_ok(decode(&parts, &certificate));
    status = cede_x509_public_key(&certificate, crypto, point, &key);
    assert_int_equal(status == CEDE_OK, key.curve != 0);
    assert_int_equal(status == CEDE_OK, key.point.ptr != NULL);
    return status;
}

/* RFC 5480, section 2.2, and RFC 8410, section 4. The compressed points are the generator of P-256
 * (SP 800-186, section 3.2.1.3), its negative, and an x that is above the prime. */
static void points_have_the_form_of_their_curve(void **state)
{
#define GENERATOR_X "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    (void)state;
    assert_ok(public_key("3059" EC_P256 "03420004" POINT_HALF POINT_HALF));
    assert_int_equal(CEDE_CRYPTO_KEY, public_key("3059" EC_P256 "03420005" POINT_HALF POINT_HALF));
    assert_ok(public_key("3039" EC_P256 "03220003" GENERATOR_X));
    assert_ok(public_key("3039" EC_P256 "03220002" GENERATOR_X));
    assert_int_equal(CEDE_CRYPTO_KEY, public_key("3039" EC_P256 "03220004" GENERATOR_X));
    assert_int_equal(CEDE_CRYPTO_KEY,
                     public_key("3039" EC_P256 "03220002ffffffffffffffffffffffffffffffff"
                                "ffffffffffffffffffffffffffffffff"));
    assert_int_equal(CEDE_CRYPTO_KEY, public_key("3018" EC_P256 "030100"));
    assert_int_equal(CEDE_CRYPTO_KEY, public_key("3019" EC_P256 "03020000"));
    assert_ok(public_key("302a" ED25519 "032100" POINT_HALF));
    assert_int_equal(CEDE_CRYPTO_KEY, public_key("302b" ED25519 "03220002" POINT_HALF));
    assert_int_equal(CEDE_CRYPTO_KEY, public_key("300b" ED25519 "03020001"));
    assert_int_equal(CEDE_CERTIFICATE_ALGORITHM, public_key("300b300506032a0304"
                                                            "03020001"));
}

/* --- signatures ------------------------------------------------------------------------------- */

static enum cede_status raw(int32_t alg, struct cede_span bits, uint8_t out[CEDE_SIGNATURE_LEN_MAX])
{
    size_t len;
    enum cede_status status = cede_x509_signature_raw(alg, bits, out, &len);

    assert_int_equal(status == CEDE_OK ? cede_signature_len(alg) : 0, len);
    return status;
}

/* RFC 3279, section 2.2.3: numbers as short as they are, zero among them; the raw form is fixed. */
static void signatures_of_two_numbers_get_their_leading_zeros(void **state)
{
    uint8_t out[CEDE_SIGNATURE_LEN_MAX], expected[64] = {0};

    (void)state;
    assert_ok(raw(CEDE_ALG_ESP256, HEX("3006020100020100"), out));
    assert_memory_equal(out, expected, 64);
    expected[31] = 0x85;
    expected[62] = 0x01;
    assert_ok(raw(CEDE_ALG_ESP256,
                  HEX("3008020200850202"
                      "0100"),
                  out));
    assert_memory_equal(out, expected, 64);
}

static void other_signatures_are_refused(void **state)
{
#define LONG_NUMBER "022101" POINT_HALF
    static const uint8_t ed25519[65] = {0};
    uint8_t out[CEDE_SIGNATURE_LEN_MAX];

    (void)state;
    assert_int_equal(CEDE_CRYPTO_SIGNATURE,
                     raw(CEDE_ALG_ESP256, HEX("3026" LONG_NUMBER "020101"), out));
    assert_int_equal(CEDE_CRYPTO_SIGNATURE,
                     raw(CEDE_ALG_ESP256, HEX("3026020101" LONG_NUMBER), out));
    assert_int_equal(CEDE_DER_NEGATIVE, raw(CEDE_ALG_ESP256, HEX("3006020181020101"), out));
    assert_int_equal(CEDE_TRUNCATED, raw(CEDE_ALG_ESP256, HEX("3003020101"), out));
    assert_int_equal(CEDE_TRAILING_BYTES, raw(CEDE_ALG_ESP256, HEX("3009020101020101020101"), out));
    assert_int_equal(CEDE_TRAILING_BYTES, raw(CEDE_ALG_ESP256, HEX("300602010102010100"), out));
    assert_int_equal(CEDE_TRUNCATED, raw(CEDE_ALG_ESP256, HEX(""), out));
    assert_ok(raw(CEDE_ALG_ED25519, cede_span(ed25519, 64), out));
    assert_int_equal(CEDE_CRYPTO_SIGNATURE, raw(CEDE_ALG_ED25519, cede_span(ed25519, 63), out));
    assert_int_equal(CEDE_CRYPTO_SIGNATURE, raw(CEDE_ALG_ED25519, cede_span(ed25519, 65), out));
    assert_int_equal(CEDE_CERTIFICATE_ALGORITHM, raw(0, HEX("3006020101020101"), out));
}

/* --- extensions ------------------------------------------------------------------------------- */

#define BASIC_CONSTRAINTS "551d13"
#define KEY_USAGE         "551d0f"
#define EXTENDED_USAGE    "551d25"
#define SUBJECT_KEY_ID    "551d0e"
#define AUTHORITY_KEY_ID  "551d23"
#define SUBJECT_ALT_NAME  "551d11"
#define NAME_CONSTRAINTS  "551d1e"
#define CRL_POINTS        "551d1f"
#define INFO_ACCESS       "2b06010505070101"
#define OCSP_NO_CHECK     "2b0601050507300105"
#define POLICIES          "551d20"
#define POLICY_MAPPINGS   "551d21"
#define AS_IDENTIFIERS_V2 "2b0601050507011d"

static struct cede_extensions no_extensions(void)
{
    return (struct cede_extensions){.path_len = CEDE_PATH_LEN_NONE};
}

static enum cede_status take(const char *oid, const char *value, struct cede_extensions *ext)
{
    static uint8_t oid_bytes[16], value_bytes[64]; /* *ext keeps spans into the value */

    return cede_x509_extension(hex_into(CEDE_BUF_ARRAY(oid_bytes), oid), true,
                               hex_into(CEDE_BUF_ARRAY(value_bytes), value), ext);
}

static void extensions_say_what_rfc_5280_lets_them(void **state)
{
    static const struct {
        const char *oid, *value;
        enum cede_status status;
    } extensions[] = {
        {BASIC_CONSTRAINTS, "3000", CEDE_OK},
        {BASIC_CONSTRAINTS, "30030101ff", CEDE_OK},
        {BASIC_CONSTRAINTS, "3003010100", CEDE_DER_VALUE},      /* the default, written */
        {BASIC_CONSTRAINTS, "3003020101", CEDE_X509_EXTENSION}, /* a path length of no CA */
        {BASIC_CONSTRAINTS, "30060101ff020101", CEDE_OK},
        {BASIC_CONSTRAINTS, "30060101ff0201ff", CEDE_DER_NEGATIVE},
        {BASIC_CONSTRAINTS, "30080101ff0201010500", CEDE_TRAILING_BYTES},
        {BASIC_CONSTRAINTS, "300000", CEDE_TRAILING_BYTES},
        {KEY_USAGE, "03020780", CEDE_OK},
        {KEY_USAGE, "0303070080", CEDE_OK},
        {KEY_USAGE, "030400000001", CEDE_X509_EXTENSION}, /* a tenth bit and more */
        {KEY_USAGE, "03020781", CEDE_DER_VALUE},
        {KEY_USAGE, "0302078000", CEDE_TRAILING_BYTES},
        {EXTENDED_USAGE, "300a06082b06010505070301", CEDE_OK},
        {EXTENDED_USAGE, "3003020101", CEDE_DER_TAG},
        {EXTENDED_USAGE, "300a06082b0601050507030100", CEDE_TRAILING_BYTES},
        {SUBJECT_KEY_ID, "0401aa", CEDE_OK},
        {SUBJECT_KEY_ID, "0401aa00", CEDE_TRAILING_BYTES},
        {SUBJECT_KEY_ID, "0301aa", CEDE_DER_TAG},
        {AUTHORITY_KEY_ID, "3000", CEDE_OK},
        {AUTHORITY_KEY_ID, "30038001aa", CEDE_OK},
        {AUTHORITY_KEY_ID, "30068001aa8201bb", CEDE_OK},
        {AUTHORITY_KEY_ID, "30058001aa8202", CEDE_TRUNCATED},
        {AUTHORITY_KEY_ID, "30038001aa00", CEDE_TRAILING_BYTES},
        {SUBJECT_ALT_NAME, "3003820161", CEDE_OK},
        {SUBJECT_ALT_NAME, "3103820161", CEDE_DER_TAG},
        {NAME_CONSTRAINTS, "300000", CEDE_TRAILING_BYTES},
        {CRL_POINTS, "3001", CEDE_TRUNCATED},
        {INFO_ACCESS, "", CEDE_TRUNCATED},
        {OCSP_NO_CHECK, "0500", CEDE_OK},
    };

    (void)state;
    for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++) {
        struct cede_extensions ext = no_extensions();
        assert_int_equal(extensions[i].status, take(extensions[i].oid, extensions[i].value, &ext));
    }
}

/* Section 4.2: what is critical and not understood forbids the certificate, known or not. */
static void critical_and_not_understood_is_remembered(void **state)
{
    static const struct {
        const char *oid;
        bool unknown;
    } extensions[] = {
        {POLICIES, false},         {OCSP_NO_CHECK, false}, {POLICY_MAPPINGS, true},
        {AS_IDENTIFIERS_V2, true}, {CRL_POINTS, true},     {"2a0304", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++) {
        struct cede_extensions ext = no_extensions();
        assert_ok(take(extensions[i].oid, "3000", &ext));
        assert_int_equal(extensions[i].unknown, ext.has_unknown_critical);
    }
}

static void no_extension_is_taken_twice(void **state)
{
    static const char *const extensions[][2] = {
        {BASIC_CONSTRAINTS, "3000"},
        {KEY_USAGE, "03020780"},
        {EXTENDED_USAGE, "30030601"
                         "2a"},
        {SUBJECT_KEY_ID, "0400"},
        {AUTHORITY_KEY_ID, "3000"},
        {SUBJECT_ALT_NAME, "3000"},
        {NAME_CONSTRAINTS, "3000"},
        {CRL_POINTS, "3000"},
        {INFO_ACCESS, "3000"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++) {
        struct cede_extensions ext = no_extensions();
        assert_ok(take(extensions[i][0], extensions[i][1], &ext));
        assert_int_equal(CEDE_X509_EXTENSION, take(extensions[i][0], extensions[i][1], &ext));
    }
}

/* Section 4.2.1.9 sets no limit; no path is longer than what is kept. */
static void a_path_length_is_kept_as_far_as_it_matters(void **state)
{
    struct cede_extensions ext = no_extensions();

    (void)state;
    assert_ok(take(BASIC_CONSTRAINTS, "30060101ff020100", &ext));
    assert_int_equal(0, ext.path_len);
    ext = no_extensions();
    assert_ok(take(BASIC_CONSTRAINTS, "300a0101ff02050080000000", &ext));
    assert_int_equal(INT16_MAX, ext.path_len);
    ext = no_extensions();
    assert_int_equal(CEDE_DER_VALUE, take(BASIC_CONSTRAINTS, "300a0101ff02050100000000", &ext));
}

/* `count` extensions, each with a type of its own that nobody knows. */
static enum cede_status decode_many(size_t count, struct cede_x509 *certificate)
{
    static const char digits[] = "0123456789abcdef";
    struct parts parts = good_parts();
    char tail[1024] = "a382----3082----";
    size_t len = count * 9 + 4;
    char *at = tail + 16;

    for (size_t i = 0; i < 4; i++) {
        tail[4 + i] = digits[len >> 4 * (3 - i) & 15];
        tail[12 + i] = digits[(len - 4) >> 4 * (3 - i) & 15];
    }
    for (size_t i = 0; i < count; i++) {
        memcpy(at, "300706032a03--0400", 19);
        at[12] = digits[i / 16];
        at[13] = digits[i % 16];
        at += 18;
    }
    parts.tail = tail;
    return decode(&parts, certificate);
}

static void a_certificate_has_so_many_extensions_and_no_more(void **state)
{
    struct cede_x509 certificate;

    (void)state;
    assert_ok(decode_many(CEDE_EXTENSIONS_MAX, &certificate));
    assert_int_equal(CEDE_EXTENSIONS_MAX, cede_der_count(certificate.extensions));
    assert_int_equal(CEDE_X509_EXTENSION, decode_many(CEDE_EXTENSIONS_MAX + 1, &certificate));
}

static void a_list_of_extensions_has_its_structure(void **state)
{
    static const struct {
        const char *tail;
        enum cede_status status;
    } tails[] = {
        {"a30b3009300706032a03040400", CEDE_OK},
        {"a30e300c300a06032a03040101ff0400", CEDE_OK},
        {"a30e300c300a06032a03040101000400", CEDE_DER_VALUE}, /* the default, written */
        {"a30d300b300906032a030404000500", CEDE_TRAILING_BYTES},
        {"a3093007300506032a0304", CEDE_TRUNCATED}, /* no value */
        {"a30b3009310706032a03040400", CEDE_DER_TAG},
        {"a3143012300706032a03040400300706032a03040400", CEDE_X509_EXTENSION}, /* twice */
    };
    struct cede_x509 certificate;

    (void)state;
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        struct parts parts = good_parts();
        parts.tail = tails[i].tail;
        assert_int_equal(tails[i].status, decode(&parts, &certificate));
    }
}

/* --- requests --------------------------------------------------------------------------------- */

#define EXTENSION_REQUEST    "2a864886f70d01090e"
#define CHALLENGE_PASSWORD   "2a864886f70d010907"
#define POSSESSION_STATEMENT "2b0601040181ac600201"
#define UNKNOWN_ATTRIBUTE    "2a0304"

struct attribute {
    const char *oid, *values;
};

/* A request that is good but for these attributes, read. */
static enum cede_status request_with(const struct attribute *attributes, size_t attributes_count,
                                     struct cede_x509_request *request)
{
    static uint8_t room[512];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));
    size_t whole = cede_der_open(&writer, CEDE_DER_SEQUENCE);
    size_t info = cede_der_open(&writer, CEDE_DER_SEQUENCE);
    size_t list;

    put_hex(&writer, "020100");
    put_hex(&writer, good_parts().subject);
    put_hex(&writer, good_parts().key);
    list = cede_der_open(&writer, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    for (size_t i = 0; i < attributes_count; i++) {
        uint8_t oid[16];
        size_t sequence = cede_der_open(&writer, CEDE_DER_SEQUENCE);
        size_t set;
        cede_der_put_oid(&writer, hex_into(CEDE_BUF_ARRAY(oid), attributes[i].oid));
        set = cede_der_open(&writer, CEDE_DER_SET);
        put_hex(&writer, attributes[i].values);
        cede_der_close(&writer, set);
        cede_der_close(&writer, sequence);
    }
    cede_der_close(&writer, list);
    cede_der_close(&writer, info);
    put_hex(&writer, good_parts().algorithm);
    put_hex(&writer, good_parts().signature);
    cede_der_close(&writer, whole);
    assert_ok(writer.status);
    return cede_x509_request_decode(cede_written(&writer), request);
}

/* RFC 2985, section 5.4.1: one string. */
static void a_challenge_password_is_one_string(void **state)
{
    static const struct {
        const char *values;
        enum cede_status status;
    } passwords[] = {
        {"0c0161", CEDE_OK},
        {"130161", CEDE_OK},
        {"160161", CEDE_OK},
        {"0c01ff", CEDE_DER_VALUE},
        {"040161", CEDE_DER_TAG},
        {"1e020061", CEDE_DER_TAG},
        {"", CEDE_TRUNCATED},
        {"0c0261", CEDE_TRUNCATED},
        {"0c01610c0162", CEDE_TRAILING_BYTES},
    };
    struct cede_x509_request request;

    (void)state;
    for (size_t i = 0; i < sizeof passwords / sizeof passwords[0]; i++) {
        struct attribute attribute = {CHALLENGE_PASSWORD, passwords[i].values};
        enum cede_status status = request_with(&attribute, 1, &request);
        assert_int_equal(passwords[i].status, status);
        assert_true(cede_span_equal(request.challenge_password,
                                    status == CEDE_OK ? CEDE_SPAN_TEXT("a") : CEDE_SPAN_NULL));
    }
}

/* Attributes that are not known are not read, but nothing that is no DER may hide in them. */
static void unknown_attributes_are_der(void **state)
{
    static const struct {
        const char *values;
        enum cede_status status;
    } attributes[] = {
        {"0500", CEDE_OK},
        {"050100", CEDE_DER_VALUE},
        {"020180", CEDE_OK},
        {"0200", CEDE_DER_VALUE},
        {"0a0101", CEDE_OK},
        {"0a00", CEDE_DER_VALUE},
        {"0101ff", CEDE_OK},
        {"010101", CEDE_DER_VALUE},
        {"06012a", CEDE_OK},
        {"060180", CEDE_DER_VALUE},
        {"0c0161", CEDE_OK},
        {"0c01ff", CEDE_DER_VALUE},
        {"1e020061", CEDE_OK},
        {"1e0161", CEDE_DER_VALUE},
        {"03020780", CEDE_OK},
        {"0300", CEDE_DER_VALUE},
        {"0401aa", CEDE_OK},
        {"240404020500", CEDE_DER_TAG},
        {"300205ff", CEDE_OK},
        {"3080", CEDE_DER_LENGTH},
        {"05000c0161", CEDE_OK},
        {"050001", CEDE_TRUNCATED},
        {"0500060180", CEDE_DER_VALUE},
    };
    struct cede_x509_request request;

    (void)state;
    for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++) {
        struct attribute attribute = {UNKNOWN_ATTRIBUTE, attributes[i].values};
        assert_int_equal(attributes[i].status, request_with(&attribute, 1, &request));
    }
}

/* Which of two would count, the reader of the request and its signer could think differently of. */
static void known_attributes_come_once(void **state)
{
    static const struct attribute passwords[] = {{CHALLENGE_PASSWORD, "0c0161"},
                                                 {CHALLENGE_PASSWORD, "0c0162"}};
    static const struct attribute extensions[] = {{EXTENSION_REQUEST, "3000"},
                                                  {EXTENSION_REQUEST, "3000"}};
    static const struct attribute others[] = {{CHALLENGE_PASSWORD, "0c0161"},
                                              {EXTENSION_REQUEST, "300d300b0603551d0f040403020780"},
                                              {POSSESSION_STATEMENT, "3000"},
                                              {UNKNOWN_ATTRIBUTE, "0500"}};
    struct cede_x509_request request;

    (void)state;
    assert_int_equal(CEDE_X509_EXTENSION, request_with(passwords, 2, &request));
    assert_int_equal(CEDE_X509_EXTENSION, request_with(extensions, 2, &request));
    assert_ok(request_with(others, 4, &request));
    assert_true(cede_span_equal(request.challenge_password, CEDE_SPAN_TEXT("a")));
    assert_int_equal(CEDE_KU_DIGITAL_SIGNATURE, request.ext.key_usage);
}

static void requested_extensions_are_read_like_a_certificate_s(void **state)
{
    static const struct attribute wrong = {EXTENSION_REQUEST, "300d300b0603551d0f040403020781"};
    static const struct attribute two = {EXTENSION_REQUEST, "30003000"};
    static const struct attribute none = {EXTENSION_REQUEST, ""};
    struct cede_x509_request request;

    (void)state;
    assert_int_equal(CEDE_DER_VALUE, request_with(&wrong, 1, &request));
    assert_int_equal(CEDE_TRAILING_BYTES, request_with(&two, 1, &request));
    assert_int_equal(CEDE_TRUNCATED, request_with(&none, 1, &request));
}

static int begin(void **state)
{
    (void)state;
    crypto = cede_crypto_openssl();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_with_one_wrong_part_is_refused),
        cmocka_unit_test(algorithms_are_well_formed_even_when_unknown),
        cmocka_unit_test(points_have_the_form_of_their_curve),
        cmocka_unit_test(signatures_of_two_numbers_get_their_leading_zeros),
        cmocka_unit_test(other_signatures_are_refused),
        cmocka_unit_test(extensions_say_what_rfc_5280_lets_them),
        cmocka_unit_test(critical_and_not_understood_is_remembered),
        cmocka_unit_test(no_extension_is_taken_twice),
        cmocka_unit_test(a_path_length_is_kept_as_far_as_it_matters),
        cmocka_unit_test(a_certificate_has_so_many_extensions_and_no_more),
        cmocka_unit_test(a_list_of_extensions_has_its_structure),
        cmocka_unit_test(a_challenge_password_is_one_string),
        cmocka_unit_test(unknown_attributes_are_der),
        cmocka_unit_test(known_attributes_come_once),
        cmocka_unit_test(requested_extensions_are_read_like_a_certificate_s),
    };

    return cmocka_run_group_tests(tests, begin, NULL);
}
