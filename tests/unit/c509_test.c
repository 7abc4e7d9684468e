/* SPDX-License-Identifier: Apache-2.0 */
/*
 * c509_test.c - C509 certificates and requests, conversion, and paths over every format.
 *
 * The certificates of the first part are from draft-ietf-cose-cbor-encoded-cert-18, appendix A.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cede/certificate.h"
#include "codec/c509/extensions.h"
#include "hex.h"
#include "keys.h"

#define assert_ok(expression_) assert_int_equal(CEDE_OK, (expression_))
#define COUNT(table_)          (sizeof(table_) / sizeof((table_)[0]))

#define JANUARY_2023 UINT64_C(1672531200)
#define JANUARY_2026 UINT64_C(1767225600)

static const char native_hex[] =
    "024301f50d006b52464320746573742043411a63b0cd001a6955b900d830460123456789ab01582102b1216ab96e"
    "5b3b3340f5bdf02e693f16213a04525ed44450b1019c2dfd3838ab015840eb0d472731f689bc00f5880b12c68b3f"
    "9fd38b23fadfca20950f3f241b60a202579cac28cd3b7494d5fa5d8bbab4600357e550ab9fa9a65d9ba2b3b82e66"
    "8cc6";
static const char converted_hex[] =
    "034301f50d006b52464320746573742043411a63b0cd001a6955b900d830460123456789ab015821feb1216ab96e"
    "5b3b3340f5bdf02e693f16213a04525ed44450b1019c2dfd3838ab015840d4320b1d6849e309219d30037e138166"
    "f2508247dddae76cceea55053c108e90d551f6d60106f1abb484cfbe6256c178e4ac3314ea19191e8b607da5ae3b"
    "da16";
static const char x509_hex[] =
    "308201383081dea003020102020301f50d300a06082a8648ce3d04030230163114301206035504030c0b52464320"
    "74657374204341301e170d3233303130313030303030305a170d3236303130313030303030305a30223120301e06"
    "035504030c1730312d32332d34352d46462d46452d36372d38392d41423059301306072a8648ce3d020106082a86"
    "48ce3d03010703420004b1216ab96e5b3b3340f5bdf02e693f16213a04525ed44450b1019c2dfd3838abac4e14d8"
    "6c0983ed5e9eef2448c6861cc406547177e6026030d051f7792ac206a30f300d300b0603551d0f04040302078030"
    "0a06082a8648ce3d0403020349003046022100d4320b1d6849e309219d30037e138166f2508247dddae76cceea55"
    "053c108e90022100d551f6d60106f1abb484cfbe6256c178e4ac3314ea19191e8b607da5ae3bda16";
static const char issuer_key_hex[] =
    "dc66b3415456d649429b53223df7532b942d6b0e0842c30bca4c0acf91547bb2";

static const struct cede_crypto *crypto;

/* The issuer of the draft's examples. */
static void draft_issuer(struct key *key)
{
    assert_int_equal(32, hex_into(CEDE_BUF_ARRAY(key->scalar), issuer_key_hex).len);
    take_key(key, CEDE_CRV_P256);
    assert_ok(crypto->public_from_private(crypto->context, &key->private_key, key->point));
}

static struct cede_span from_hex(const char *hex, uint8_t *room, size_t cap)
{
    return hex_into(cede_buf(room, cap), hex);
}

static uint8_t scratch_room[4096];
static const struct cede_buf scratch = {scratch_room, sizeof scratch_room};

/* --- the draft's certificates ----------------------------------------------------------------- */

static void the_native_example_verifies(void **state)
{
    struct key issuer;
    uint8_t room[256];
    struct cede_c509 certificate;
    struct cede_span c509 = from_hex(native_hex, room, sizeof room);

    (void)state;
    draft_issuer(&issuer);
    assert_ok(cede_c509_decode(c509, &certificate));
    assert_int_equal(CEDE_C509_NATIVE, certificate.type);
    assert_int_equal(3, certificate.serial.len);
    assert_true(certificate.not_before == JANUARY_2023);
    assert_true(certificate.not_after == JANUARY_2026);
    assert_true(certificate.ext.has_key_usage);
    assert_int_equal(CEDE_KU_DIGITAL_SIGNATURE, certificate.ext.key_usage);
    assert_ok(cede_c509_verify(&certificate, crypto, &issuer.public_key, scratch));
}

static void the_converted_example_verifies(void **state)
{
    struct key issuer;
    uint8_t room[256];
    struct cede_c509 certificate;

    (void)state;
    draft_issuer(&issuer);
    assert_ok(cede_c509_decode(from_hex(converted_hex, room, sizeof room), &certificate));
    assert_int_equal(CEDE_C509_X509, certificate.type);
    assert_ok(cede_c509_verify(&certificate, crypto, &issuer.public_key, scratch));
    assert_int_equal(CEDE_NO_SPACE, cede_c509_verify(&certificate, crypto, &issuer.public_key,
                                                     cede_buf(scratch_room, 100)));
}

/* --- native certificates alone ---------------------------------------------------------------- */

static void native_certificates_need_no_x509(void **state)
{
    struct key issuer;
    uint8_t room[256];
    struct cede_c509 certificate, all_zero;

    (void)state;
    memset(&all_zero, 0, sizeof all_zero);
    draft_issuer(&issuer);
    assert_ok(cede_c509_decode_native(from_hex(native_hex, room, sizeof room), &certificate));
    assert_int_equal(CEDE_KU_DIGITAL_SIGNATURE, certificate.ext.key_usage);
    assert_ok(cede_c509_verify_native(&certificate, crypto, &issuer.public_key));
    room[20] ^= 1;
    assert_int_not_equal(CEDE_OK,
                         cede_c509_verify_native(&certificate, crypto, &issuer.public_key));

    assert_int_equal(CEDE_C509_TYPE, cede_c509_decode_native(
                                         from_hex(converted_hex, room, sizeof room), &certificate));
    assert_memory_equal(&all_zero, &certificate, sizeof certificate);
    assert_ok(cede_c509_decode(from_hex(converted_hex, room, sizeof room), &certificate));
    assert_int_equal(CEDE_C509_TYPE,
                     cede_c509_verify_native(&certificate, crypto, &issuer.public_key));
}

/* Extensions, with and without what X.509 knows of identifiers. */
static void native_certificates_use_numbers(void **state)
{
    static const char by_identifier[] = "8243551d0f4403020780"; /* keyUsage, as X.509 has it */
    static const char unknown[] = "82432a03044105";             /* 1.2.3.4 */
    static const char unknown_critical[] = "82432a0304814105";
    static const char purpose[] = "8208482b06010505070302"; /* clientAuth by identifier */
    uint8_t room[32];
    struct cede_extensions ext;
    struct cede_span item = from_hex(by_identifier, room, sizeof room);

    (void)state;
    assert_ok(c509_extensions_decode(item, &c509_identifiers_x509, &ext));
    assert_int_equal(CEDE_KU_DIGITAL_SIGNATURE, ext.key_usage);
    assert_int_equal(CEDE_C509_EXTENSION, c509_extensions_decode(item, NULL, &ext));
    assert_ok(c509_extensions_decode(from_hex(unknown, room, sizeof room), NULL, &ext));
    assert_false(ext.has_unknown_critical);
    assert_ok(c509_extensions_decode(from_hex(unknown_critical, room, sizeof room), NULL, &ext));
    assert_true(ext.has_unknown_critical);
    item = from_hex(purpose, room, sizeof room);
    assert_ok(c509_extensions_decode(item, NULL, &ext));
    assert_true(ext.eku == CEDE_EKU_OTHER);
    assert_ok(c509_extensions_decode(item, &c509_identifiers_x509, &ext));
    assert_true(ext.eku == CEDE_EKU_CLIENT_AUTH);
}

/* What is signed of the native example, from a description. */
static void a_description_gives_the_draft_bytes(void **state)
{
    uint8_t room[256], out[256], view_room[256], point[CEDE_PUBLIC_KEY_LEN_MAX];
    static const uint8_t serial[] = {0x01, 0xf5, 0x0d}, mac[] = {1, 0x23, 0x45, 0x67, 0x89, 0xab};
    struct cede_span expected = from_hex(native_hex, room, sizeof room), tbs;
    struct cede_c509 certificate;
    struct cede_certificate_info info = {
        .serial = CEDE_SPAN_ARRAY(serial),
        .issuer = text_name("RFC test CA"),
        .not_before = JANUARY_2023,
        .not_after = JANUARY_2026,
        .subject = {CEDE_NAME_EUI64, CEDE_SPAN_ARRAY(mac)},
        .path_len = CEDE_PATH_LEN_NONE,
        .key_usage = CEDE_KU_DIGITAL_SIGNATURE,
        .key_usage_not_critical = true,
    };

    (void)state;
    assert_ok(cede_c509_decode(from_hex(native_hex, view_room, sizeof view_room), &certificate));
    assert_ok(cede_c509_public_key(&certificate, crypto, point, &info.public_key));
    assert_ok(cede_c509_encode_tbs(&info, CEDE_ALG_ESP256, CEDE_BUF_ARRAY(out), &tbs));
    assert_int_equal(expected.len - 66, tbs.len);
    assert_memory_equal(tbs.ptr, expected.ptr, tbs.len);
    assert_ok(cede_c509_join(tbs, certificate.signature, CEDE_BUF_ARRAY(out), &tbs));
    assert_true(cede_span_equal(tbs, expected));
    info.subject = text_name("01-23-45-FF-FE-67-89-AB");
    assert_ok(cede_c509_encode_tbs(&info, CEDE_ALG_ESP256, CEDE_BUF_ARRAY(out), &tbs));
    assert_memory_equal(tbs.ptr, expected.ptr, tbs.len);
}

static void conversion_goes_there_and_back(void **state)
{
    uint8_t der_room[512], c509_room[256], out[512];
    struct cede_span der = from_hex(x509_hex, der_room, sizeof der_room);
    struct cede_span expected = from_hex(converted_hex, c509_room, sizeof c509_room), got;

    (void)state;
    assert_ok(cede_c509_from_x509(crypto, der, scratch, CEDE_BUF_ARRAY(out), &got));
    assert_true(cede_span_equal(got, expected));
    assert_ok(cede_c509_to_x509(crypto, expected, CEDE_BUF_ARRAY(out), &got));
    assert_true(cede_span_equal(got, der));
    assert_int_equal(CEDE_NO_SPACE,
                     cede_c509_from_x509(crypto, der, scratch, cede_buf(out, 100), &got));
    assert_null(got.ptr);
    assert_int_equal(CEDE_NO_SPACE, cede_c509_from_x509(crypto, der, cede_buf(scratch_room, 100),
                                                        CEDE_BUF_ARRAY(out), &got));
    assert_int_equal(CEDE_C509_TYPE,
                     cede_c509_to_x509(crypto, from_hex(native_hex, c509_room, sizeof c509_room),
                                       CEDE_BUF_ARRAY(out), &got));
}

/* GeneralizedTime before 2050 has no C509 form (and breaks RFC 5280). */
static void what_has_no_form_is_refused(void **state)
{
    uint8_t room[512], out[512];
    struct cede_span der = from_hex(x509_hex, room, sizeof room), got;
    size_t at = 0;

    (void)state;
    while (memcmp(room + at, "230101000000Z", 13) != 0) {
        at++;
        assert_true(at < der.len - 13);
    }
    room[at + 1] = '!';
    assert_int_equal(CEDE_DER_TIME,
                     cede_c509_from_x509(crypto, der, scratch, CEDE_BUF_ARRAY(out), &got));
    /* 1969 is a time X.509 could say, but C509 counts from 1970 */
    memcpy(room + at, "69", 2);
    assert_int_equal(CEDE_DER_TIME,
                     cede_c509_from_x509(crypto, der, scratch, CEDE_BUF_ARRAY(out), &got));
    from_hex(x509_hex, room, sizeof room);
    while (memcmp(room + at, "RFC test CA", 11) != 0) {
        at--;
    }
    room[at - 2] = CEDE_DER_TELETEX_STRING;
    assert_int_equal(CEDE_C509_NOT_EXPRESSIBLE,
                     cede_c509_from_x509(crypto, der, scratch, CEDE_BUF_ARRAY(out), &got));
}

static void no_flipped_bit_survives(void **state)
{
    static const char *const certificates[] = {native_hex, converted_hex};
    struct key issuer;
    uint8_t room[256];
    struct cede_c509 certificate;

    (void)state;
    draft_issuer(&issuer);
    for (size_t n = 0; n < 2; n++) {
        struct cede_span c509 = from_hex(certificates[n], room, sizeof room);
        for (size_t i = 0; i < c509.len * 8; i++) {
            room[i / 8] ^= (uint8_t)(1u << i % 8);
            if (cede_c509_decode(c509, &certificate) == CEDE_OK) {
                assert_int_not_equal(
                    CEDE_OK, cede_c509_verify(&certificate, crypto, &issuer.public_key, scratch));
            }
            room[i / 8] ^= (uint8_t)(1u << i % 8);
        }
        assert_ok(cede_c509_decode(c509, &certificate));
        assert_ok(cede_c509_verify(&certificate, crypto, &issuer.public_key, scratch));
    }
}

static void every_truncation_and_trailing_byte_is_refused(void **state)
{
    uint8_t room[256], array[256];
    struct cede_c509 certificate;
    struct cede_span c509 = from_hex(native_hex, room, sizeof room);

    (void)state;
    for (size_t len = 0; len < c509.len; len++) {
        assert_int_not_equal(CEDE_OK, cede_c509_decode(cede_span(room, len), &certificate));
        assert_null(certificate.sequence.ptr);
    }
    room[c509.len] = 0;
    assert_int_equal(CEDE_TRAILING_BYTES,
                     cede_c509_decode(cede_span(room, c509.len + 1), &certificate));
    array[0] = 0x8b;
    memcpy(array + 1, room, c509.len);
    assert_ok(cede_c509_decode(cede_span(array, c509.len + 1), &certificate));
    assert_true(cede_span_equal(certificate.sequence, c509));
    array[0] = 0x8a;
    assert_int_equal(CEDE_CBOR_COUNT,
                     cede_c509_decode(cede_span(array, c509.len + 1), &certificate));
    room[0] = 4;
    assert_int_equal(CEDE_C509_TYPE, cede_c509_decode(c509, &certificate));
}

static void the_thumbprint_is_over_the_sequence(void **state)
{
    uint8_t room[256], array[256], expected[32], hash[32], item_room[64];
    struct cede_span c509 = from_hex(native_hex, room, sizeof room), item;
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(item_room));
    size_t len;

    (void)state;
    from_hex("714ae54deeee84a9bc5f8e4e83900378c1cdfe2186a68e7da937bef4e6202c51", expected, 32);
    array[0] = 0x8b;
    memcpy(array + 1, room, c509.len);
    assert_ok(cede_certificate_thumbprint(crypto, CEDE_ALG_SHA_256, cede_span(array, c509.len + 1),
                                          hash, &len));
    assert_int_equal(32, len);
    assert_memory_equal(hash, expected, 32);
    assert_ok(cede_certificate_put_hash(&writer, crypto, CEDE_ALG_SHA_256_64, c509));
    assert_ok(cede_writer_finish(&writer, &item));
    assert_int_equal(11, item.len);
    assert_ok(cede_certificate_check_hash(crypto, item, c509));
    item_room[10] ^= 1;
    assert_int_equal(CEDE_CERTIFICATE_THUMBPRINT, cede_certificate_check_hash(crypto, item, c509));
    assert_int_equal(CEDE_CERTIFICATE_ALGORITHM,
                     cede_certificate_thumbprint(crypto, CEDE_ALG_SHA_384, c509, hash, &len));
}

static void bags_hold_one_or_more(void **state)
{
    static const uint8_t one[] = {0x41, 0xaa}, two[] = {0x82, 0x41, 0xaa, 0x41, 0xbb};
    static const uint8_t array_of_one[] = {0x81, 0x41, 0xaa}, empty[] = {0x80};
    struct cede_span certificates[2];
    uint8_t room[16];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));
    size_t count;

    (void)state;
    assert_ok(cede_c509_bag_decode(CEDE_SPAN_ARRAY(one), certificates, 2, &count));
    assert_int_equal(1, count);
    assert_ok(cede_c509_bag_decode(CEDE_SPAN_ARRAY(two), certificates, 2, &count));
    assert_int_equal(2, count);
    cede_c509_put_bag(&writer, certificates, count);
    assert_true(cede_span_equal(cede_written(&writer), CEDE_SPAN_ARRAY(two)));
    assert_int_equal(CEDE_NO_SPACE,
                     cede_c509_bag_decode(CEDE_SPAN_ARRAY(two), certificates, 1, &count));
    assert_int_equal(CEDE_CBOR_COUNT,
                     cede_c509_bag_decode(CEDE_SPAN_ARRAY(array_of_one), certificates, 2, &count));
    assert_int_equal(CEDE_CBOR_COUNT,
                     cede_c509_bag_decode(CEDE_SPAN_ARRAY(empty), certificates, 2, &count));
    assert_int_equal(0, count);
}

/* --- names ------------------------------------------------------------------------------------ */

static void names_are_equal_in_every_form(void **state)
{
    static const struct cede_name_attribute attributes[] = {
        {CEDE_RDN_COUNTRY, CEDE_SPAN_TEXT("SE")}, {CEDE_RDN_COMMON_NAME, CEDE_SPAN_TEXT("c0ffee")}};
    static const uint8_t mac[] = {1, 0x23, 0x45, 0x67, 0x89, 0xab};
    uint8_t der_room[64], c509_room[64], text_room[64];
    struct cede_name der = {CEDE_NAME_DER, CEDE_SPAN_NULL}, c509 = {CEDE_NAME_C509, CEDE_SPAN_NULL};
    struct cede_name eui64 = {CEDE_NAME_EUI64, CEDE_SPAN_ARRAY(mac)};
    struct cede_name part = {CEDE_NAME_DER, CEDE_SPAN_NULL};
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(text_room));
    struct cede_span text;

    (void)state;
    assert_ok(cede_x509_name_encode(attributes, 2, CEDE_BUF_ARRAY(der_room), &der.value));
    assert_ok(cede_c509_name_encode(attributes, 2, CEDE_BUF_ARRAY(c509_room), &c509.value));
    assert_true(cede_name_equal(der, c509));
    assert_true(cede_name_equal(c509, der));
    assert_false(cede_name_equal(c509, text_name("c0ffee")));
    assert_ok(cede_name_common_name(c509, CEDE_BUF_ARRAY(text_room), &text));
    assert_true(cede_span_equal(text, CEDE_SPAN_TEXT("c0ffee")));
    assert_true(cede_name_equal(eui64, text_name("01-23-45-FF-FE-67-89-AB")));
    assert_ok(cede_x509_name_encode(attributes, 1, CEDE_BUF_ARRAY(text_room), &part.value));
    assert_true(cede_name_within(c509, part));
    assert_false(cede_name_within(part, c509));
    assert_int_equal(CEDE_NOT_FOUND, cede_name_common_name(part, CEDE_BUF_ARRAY(der_room), &text));
    cede_c509_put_name(&writer, eui64);
    assert_true(writer.status == CEDE_OK);
}

static void names_that_are_none_are_refused(void **state)
{
    static const char *const wrong[] = {
        "8101",         /* odd array */
        "40",           /* no bytes */
        "d83043010203", /* a MAC address of three */
        "d8314101",     /* another tag */
        "01",           /* a number */
        "82356161",     /* domain component as printable string */
    };
    uint8_t room[16], out[64];

    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(out));
        struct cede_name name = {CEDE_NAME_C509, from_hex(wrong[i], room, sizeof room)};
        cede_c509_put_name(&writer, name);
        assert_int_not_equal(CEDE_OK, writer.status);
        assert_false(cede_name_within(name, name));
    }
}

/* --- issuing and paths ------------------------------------------------------------------------ */

static const uint8_t serial[] = {0x11, 0x22};

struct issued {
    struct key key;
    uint8_t encoding[1024];
    struct cede_certificate view;
};

static struct cede_certificate_info info_of(const char *subject, const struct key *key, bool ca)
{
    return (struct cede_certificate_info){
        .serial = CEDE_SPAN_ARRAY(serial),
        .not_before = JANUARY_2023,
        .not_after = JANUARY_2026,
        .subject = text_name(subject),
        .public_key = key->public_key,
        .has_basic_constraints = ca,
        .ca = ca,
        .path_len = CEDE_PATH_LEN_NONE,
        .key_usage = ca ? CEDE_KU_KEY_CERT_SIGN : CEDE_KU_DIGITAL_SIGNATURE,
    };
}

static void issue(struct issued *issued, enum cede_certificate_format format,
                  struct cede_certificate_info *info, const struct issued *issuer)
{
    const struct key *signer = issuer != NULL ? &issuer->key : &issued->key;
    struct cede_span encoding;

    info->public_key = issued->key.public_key;
    if (issuer != NULL) {
        info->issuer = issuer->view.subject;
    }
    assert_ok(cede_certificate_issue(format, crypto, info, &signer->private_key, scratch,
                                     CEDE_BUF_ARRAY(issued->encoding), &encoding));
    assert_ok(cede_certificate_decode(encoding, crypto, &issued->view));
    assert_int_equal(format, issued->view.format);
}

static const enum cede_certificate_format formats[] = {
    CEDE_CERTIFICATE_X509, CEDE_CERTIFICATE_C509_NATIVE, CEDE_CERTIFICATE_C509_X509};

static const struct cede_path_rules usual_rules = {
    .has_clock = true, .now = JANUARY_2023 + 86400, .key_usage = CEDE_KU_DIGITAL_SIGNATURE};

static struct issued root, middle, leaf, other;

/* Root, CA below it, device below that, each in a format. */
static void make_three(enum cede_certificate_format top, enum cede_certificate_format mid,
                       enum cede_certificate_format end)
{
    struct cede_certificate_info info;

    make_key(crypto, &root.key, CEDE_CRV_P256);
    make_key(crypto, &middle.key, CEDE_CRV_P256);
    make_key(crypto, &leaf.key, CEDE_CRV_P256);
    info = info_of("root", &root.key, true);
    issue(&root, top, &info, NULL);
    info = info_of("middle", &middle.key, true);
    issue(&middle, mid, &info, &root);
    info = info_of("device-1", &leaf.key, false);
    issue(&leaf, end, &info, &middle);
}

static enum cede_status path_of_three(const struct cede_path_rules *rules)
{
    struct cede_certificate chain[2] = {leaf.view, middle.view};
    size_t anchor = 7;
    enum cede_status status =
        cede_certificate_path(chain, 2, &root.view, 1, rules, crypto, scratch, &anchor);

    assert_int_equal(status == CEDE_OK ? 0 : 7, anchor);
    return status;
}

static void paths_mix_formats(void **state)
{
    (void)state;
    for (size_t i = 0; i < 27; i++) {
        make_three(formats[i / 9], formats[i / 3 % 3], formats[i % 3]);
        assert_ok(path_of_three(&usual_rules));
        assert_true(
            cede_span_equal(cede_certificate_common_name(&leaf.view), CEDE_SPAN_TEXT("device-1")));
    }
}

static void the_clock_decides_about_validity(void **state)
{
    struct cede_path_rules rules = usual_rules;

    (void)state;
    make_three(formats[1], formats[1], formats[1]);
    rules.now = JANUARY_2026 + 1;
    assert_int_equal(CEDE_CERTIFICATE_EXPIRED, path_of_three(&rules));
    rules.now = JANUARY_2023 - 1;
    assert_int_equal(CEDE_CERTIFICATE_NOT_YET, path_of_three(&rules));
    rules.now = JANUARY_2026;
    assert_ok(path_of_three(&rules));
    rules.has_clock = false;
    rules.now = 0;
    assert_ok(path_of_three(&rules));
}

static void usage_must_fit(void **state)
{
    struct cede_path_rules rules = usual_rules;
    struct cede_certificate_info info;

    (void)state;
    make_three(formats[1], formats[1], formats[1]);
    rules.key_usage = CEDE_KU_KEY_AGREEMENT;
    assert_int_equal(CEDE_CERTIFICATE_USAGE, path_of_three(&rules));
    info = info_of("device-1", &leaf.key, false);
    info.eku = CEDE_EKU_CLIENT_AUTH;
    issue(&leaf, formats[1], &info, &middle);
    rules = usual_rules;
    rules.eku = CEDE_EKU_CLIENT_AUTH | CEDE_EKU_CMC_RA;
    assert_ok(path_of_three(&rules));
    rules.eku = CEDE_EKU_SERVER_AUTH;
    assert_int_equal(CEDE_CERTIFICATE_USAGE, path_of_three(&rules));
}

static void issuers_must_be_authorities(void **state)
{
    struct cede_certificate_info info;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        make_three(formats[i], formats[i], formats[i]);
        info = info_of("middle", &middle.key, false);
        issue(&middle, formats[i], &info, &root);
        assert_int_equal(CEDE_CERTIFICATE_NOT_CA, path_of_three(&usual_rules));
        info = info_of("middle", &middle.key, true);
        info.key_usage = CEDE_KU_CRL_SIGN;
        issue(&middle, formats[i], &info, &root);
        assert_int_equal(CEDE_CERTIFICATE_USAGE, path_of_three(&usual_rules));
    }
}

static void path_lengths_are_kept(void **state)
{
    struct cede_certificate_info info;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        make_three(formats[i], formats[i], formats[i]);
        info = info_of("root", &root.key, true);
        info.path_len = 0;
        issue(&root, formats[i], &info, NULL);
        assert_int_equal(0, root.view.ext.path_len);
        assert_int_equal(CEDE_CERTIFICATE_PATH_LEN, path_of_three(&usual_rules));
        info.path_len = 1;
        info.issuer = (struct cede_name){CEDE_NAME_TEXT, CEDE_SPAN_NULL};
        issue(&root, formats[i], &info, NULL);
        assert_ok(path_of_three(&usual_rules));
    }
}

static void strangers_are_not_trusted(void **state)
{
    struct cede_certificate_info info;
    struct cede_certificate chain[CEDE_PATH_DEPTH_MAX + 1];

    (void)state;
    make_three(formats[0], formats[1], formats[2]);
    make_key(crypto, &other.key, CEDE_CRV_P256);
    info = info_of("stranger", &other.key, true);
    issue(&other, formats[0], &info, NULL);
    chain[0] = leaf.view;
    chain[1] = middle.view;
    assert_int_equal(
        CEDE_CERTIFICATE_UNTRUSTED,
        cede_certificate_path(chain, 2, &other.view, 1, &usual_rules, crypto, scratch, NULL));
    assert_int_equal(
        CEDE_CERTIFICATE_UNTRUSTED,
        cede_certificate_path(chain, 1, &root.view, 1, &usual_rules, crypto, scratch, NULL));
    /* the right name, but another key */
    info = info_of("root", &other.key, true);
    issue(&other, formats[0], &info, NULL);
    assert_int_equal(
        CEDE_CRYPTO_SIGNATURE,
        cede_certificate_path(chain, 2, &other.view, 1, &usual_rules, crypto, scratch, NULL));
    assert_int_equal(CEDE_BAD_ARGUMENT, cede_certificate_path(chain, 0, &root.view, 1, &usual_rules,
                                                              crypto, scratch, NULL));
    assert_int_equal(CEDE_BAD_ARGUMENT,
                     cede_certificate_path(chain, CEDE_PATH_DEPTH_MAX + 1, &root.view, 1,
                                           &usual_rules, crypto, scratch, NULL));
    /* an anchor inside the chain ends it; a pinned end entity is trusted as it is */
    assert_ok(
        cede_certificate_path(chain, 2, &middle.view, 1, &usual_rules, crypto, scratch, NULL));
    assert_ok(cede_certificate_path(chain, 1, &leaf.view, 1, &usual_rules, crypto, scratch, NULL));
}

static void name_constraints_are_kept(void **state)
{
    static const struct cede_name_attribute inside[] = {
        {CEDE_RDN_ORGANIZATION, CEDE_SPAN_TEXT("Acme")},
        {CEDE_RDN_COMMON_NAME, CEDE_SPAN_TEXT("device-1")}};
    uint8_t subtree_room[32], subject_room[64];
    struct cede_name subtree = {CEDE_NAME_C509, CEDE_SPAN_NULL};
    struct cede_name subject = {CEDE_NAME_C509, CEDE_SPAN_NULL};
    struct cede_certificate_info info;

    (void)state;
    assert_ok(cede_c509_name_encode(inside, 1, CEDE_BUF_ARRAY(subtree_room), &subtree.value));
    assert_ok(cede_c509_name_encode(inside, 2, CEDE_BUF_ARRAY(subject_room), &subject.value));
    for (size_t i = 0; i < 9; i++) {
        make_three(formats[0], formats[i / 3], formats[i % 3]);
        info = info_of("middle", &middle.key, true);
        info.permitted_subtree = subtree;
        issue(&middle, formats[i / 3], &info, &root);
        assert_int_equal(CEDE_CERTIFICATE_NAME, path_of_three(&usual_rules));
        info = info_of("", &leaf.key, false);
        info.subject = subject;
        issue(&leaf, formats[i % 3], &info, &middle);
        assert_ok(path_of_three(&usual_rules));
    }
}

/* Policy constraints are not processed: critical ones end the path (RFC 5280, section 4.2). */
static void unknown_critical_extensions_end_the_path(void **state)
{
    uint8_t room[512], tbs_room[512];
    struct cede_certificate_info info;
    struct cede_span tbs, c509;
    uint8_t signature[CEDE_SIGNATURE_LEN_MAX];
    size_t len;

    (void)state;
    for (int critical = 0; critical < 2; critical++) {
        make_three(formats[1], formats[1], formats[1]);
        info = info_of("device-1", &leaf.key, false);
        info.issuer = middle.view.subject;
        assert_ok(cede_c509_encode_tbs(&info, CEDE_ALG_ESP256, CEDE_BUF_ARRAY(tbs_room), &tbs));
        assert_int_equal(0x20, tbs_room[tbs.len - 1]); /* -1: critical digitalSignature */
        memcpy(tbs_room + tbs.len - 1, critical != 0 ? "\x82\x38\x63\x00" : "\x82\x18\x64\x00", 4);
        tbs = cede_span(tbs_room, tbs.len + 3);
        assert_ok(crypto->sign(crypto->context, CEDE_ALG_ESP256, &middle.key.private_key, &tbs, 1,
                               signature, &len));
        assert_ok(cede_c509_join(tbs, cede_span(signature, len), CEDE_BUF_ARRAY(room), &c509));
        assert_ok(cede_certificate_decode(c509, crypto, &leaf.view));
        assert_int_equal(critical != 0 ? CEDE_CERTIFICATE_CRITICAL : CEDE_OK,
                         path_of_three(&usual_rules));
    }
}

static void other_curves_issue_too(void **state)
{
    static const int32_t curves[] = {CEDE_CRV_P384, CEDE_CRV_ED25519};
    struct cede_certificate_info info;

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        make_key(crypto, &root.key, curves[i / 3]);
        make_key(crypto, &leaf.key, curves[i / 3]);
        info = info_of("root", &root.key, true);
        issue(&root, formats[i % 3], &info, NULL);
        info = info_of("device-1", &leaf.key, false);
        issue(&leaf, formats[i % 3], &info, &root);
        assert_true(
            cede_span_equal(cede_certificate_key(&leaf.view).point, leaf.key.public_key.point));
        assert_ok(cede_certificate_verify(&leaf.view, &root.view, crypto, scratch));
        assert_int_not_equal(CEDE_OK,
                             cede_certificate_verify(&leaf.view, &leaf.view, crypto, scratch));
    }
}

/* Every extension a description can have means the same in each format. */
static void formats_say_the_same(void **state)
{
    static const struct cede_general_name names[] = {{CEDE_GN_DNS, CEDE_SPAN_TEXT("a.example")},
                                                     {CEDE_GN_IP, CEDE_SPAN_TEXT("\x7f\0\0\1")},
                                                     {CEDE_GN_URI, CEDE_SPAN_TEXT("coap://a")}};
    struct cede_certificate_info info;
    uint8_t key_id[20];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const struct cede_extensions *ext = &root.view.ext;
        make_key(crypto, &root.key, CEDE_CRV_P256);
        assert_ok(cede_certificate_key_id(crypto, &root.key.public_key, key_id));
        info = info_of("root", &root.key, true);
        info.path_len = 2;
        info.eku = CEDE_EKU_OCSP_SIGNING | CEDE_EKU_CMC_RA;
        info.subject_key_id = CEDE_SPAN_ARRAY(key_id);
        info.authority_key_id = CEDE_SPAN_ARRAY(key_id);
        info.alt_names = names;
        info.alt_names_count = 3;
        info.crl_uri = CEDE_SPAN_TEXT("http://a/crl");
        info.ocsp_uri = CEDE_SPAN_TEXT("http://a/ocsp");
        info.permitted_subtree = text_name("x");
        info.ocsp_no_check = true;
        issue(&root, formats[i], &info, NULL);
        assert_true(ext->ca && ext->path_len == 2 && ext->has_key_usage);
        assert_int_equal(CEDE_KU_KEY_CERT_SIGN, ext->key_usage);
        assert_true(ext->eku == (CEDE_EKU_OCSP_SIGNING | CEDE_EKU_CMC_RA));
        assert_true(cede_span_equal(ext->subject_key_id, CEDE_SPAN_ARRAY(key_id)));
        assert_true(cede_span_equal(ext->authority_key_id, CEDE_SPAN_ARRAY(key_id)));
        assert_false(ext->has_unknown_critical);
        assert_non_null(ext->subject_alt_name.ptr);
        assert_non_null(ext->name_constraints.ptr);
        assert_int_equal(formats[i] == CEDE_CERTIFICATE_X509, ext->alt_name_is_der);
        assert_ok(cede_certificate_verify(&root.view, &root.view, crypto, scratch));
    }
}

/* --- requests --------------------------------------------------------------------------------- */

static void requests_prove_possession(void **state)
{
    static const int32_t curves[] = {CEDE_CRV_P256, CEDE_CRV_P384, CEDE_CRV_ED25519};
    uint8_t room[512];
    struct cede_request request;
    struct cede_span encoding;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct key key;
        make_key(crypto, &key, curves[i]);
        assert_ok(cede_c509_request_write(crypto, text_name("device-1"), &key.public_key,
                                          &key.private_key, CEDE_SPAN_TEXT("secret"),
                                          CEDE_BUF_ARRAY(room), &encoding));
        assert_ok(cede_request_decode(encoding, crypto, &request));
        assert_int_equal(CEDE_CERTIFICATE_C509_NATIVE, request.format);
        assert_ok(cede_request_verify(&request, crypto, scratch));
        assert_true(cede_span_equal(request.challenge_password, CEDE_SPAN_TEXT("secret")));
        assert_true(cede_span_equal(cede_request_key(&request).point, key.public_key.point));
        assert_true(cede_name_equal(request.subject, text_name("device-1")));
        for (size_t len = 0; len < encoding.len; len++) {
            assert_int_not_equal(CEDE_OK,
                                 cede_request_decode(cede_span(room, len), crypto, &request));
        }
        for (size_t k = 0; k < encoding.len; k++) {
            room[k] ^= (uint8_t)(1u << k % 8);
            if (cede_request_decode(encoding, crypto, &request) == CEDE_OK) {
                assert_int_not_equal(CEDE_OK, cede_request_verify(&request, crypto, scratch));
            }
            room[k] ^= (uint8_t)(1u << k % 8);
        }
    }
}

static void a_request_without_possession_is_refused(void **state)
{
    struct key key, thief;
    uint8_t room[512];
    struct cede_request request;
    struct cede_span encoding;

    (void)state;
    make_key(crypto, &key, CEDE_CRV_P256);
    make_key(crypto, &thief, CEDE_CRV_P256);
    assert_ok(cede_c509_request_write(crypto, text_name("device-1"), &key.public_key,
                                      &thief.private_key, CEDE_SPAN_NULL, CEDE_BUF_ARRAY(room),
                                      &encoding));
    assert_ok(cede_request_decode(encoding, crypto, &request));
    assert_int_equal(CEDE_CRYPTO_SIGNATURE, cede_request_verify(&request, crypto, scratch));
}

/* A PKCS #10 request as C509 of type 3: the same signature, over the rebuilt DER. */
static void converted_requests_prove_possession(void **state)
{
    struct key key;
    uint8_t der_room[512], room[512], raw[CEDE_SIGNATURE_LEN_MAX];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));
    struct cede_x509_request pkcs10;
    struct cede_request request;
    struct cede_span der;
    size_t len;

    (void)state;
    make_key(crypto, &key, CEDE_CRV_P256);
    assert_ok(cede_x509_request_write(crypto, text_name("device-1"), &key.public_key,
                                      &key.private_key, CEDE_SPAN_TEXT("secret"),
                                      CEDE_BUF_ARRAY(der_room), &der));
    assert_ok(cede_x509_request_decode(der, &pkcs10));
    assert_ok(cede_x509_signature_raw(CEDE_ALG_ESP256, pkcs10.signature_bits, raw, &len));
    cede_cbor_put_array(&writer, 7);
    cede_cbor_put_int(&writer, CEDE_C509_X509);
    cede_cbor_put_int(&writer, 0);
    cede_cbor_put_text(&writer, CEDE_SPAN_TEXT("device-1"));
    cede_cbor_put_int(&writer, 1);
    cede_cbor_put_bytes_head(&writer, 33);
    cede_write_u8(&writer, (key.point[63] & 1) != 0 ? 0xfd : 0xfe);
    cede_write_bytes(&writer, cede_span(key.point, 32));
    cede_cbor_put_array(&writer, 2);
    cede_cbor_put_int(&writer, 1);
    cede_cbor_put_text(&writer, CEDE_SPAN_TEXT("secret"));
    cede_cbor_put_bytes(&writer, cede_span(raw, len));
    assert_ok(cede_request_decode(cede_written(&writer), crypto, &request));
    assert_int_equal(CEDE_CERTIFICATE_C509_X509, request.format);
    assert_ok(cede_request_verify(&request, crypto, scratch));
    room[8] ^= 1; /* in the subject */
    assert_ok(cede_request_decode(cede_written(&writer), crypto, &request));
    assert_int_equal(CEDE_CRYPTO_SIGNATURE, cede_request_verify(&request, crypto, scratch));
}

/* A CA takes PKCS #10 through the same door. */
static void pkcs10_is_a_request_too(void **state)
{
    struct key key;
    uint8_t room[512];
    struct cede_request request;
    struct cede_span der;

    (void)state;
    make_key(crypto, &key, CEDE_CRV_P256);
    assert_ok(cede_x509_request_write(crypto, text_name("device-1"), &key.public_key,
                                      &key.private_key, CEDE_SPAN_NULL, CEDE_BUF_ARRAY(room),
                                      &der));
    assert_ok(cede_request_decode(der, crypto, &request));
    assert_int_equal(CEDE_CERTIFICATE_X509, request.format);
    assert_ok(cede_request_verify(&request, crypto, scratch));
    assert_null(request.challenge_password.ptr);
}

/* --- refusals, item by item ------------------------------------------------------------------- */

#define ITEM(...) CEDE_SPAN_ARRAY(((const uint8_t[]){__VA_ARGS__}))

/* Reads a certificate of the given type and items; key and signature are only bytes. */
static enum cede_status read_items(int type, struct cede_span serial_item, struct cede_span issuer,
                                   struct cede_span extensions, struct cede_c509 *certificate)
{
    static const uint8_t zeros[64] = {0};
    static uint8_t memory[256];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));

    cede_cbor_put_int(&writer, type);
    cede_write_bytes(&writer, serial_item);
    cede_cbor_put_uint(&writer, 0); /* ecdsa-with-SHA256 */
    cede_write_bytes(&writer, issuer);
    cede_cbor_put_uint(&writer, 1);
    cede_cbor_put_null(&writer);
    cede_cbor_put_text(&writer, CEDE_SPAN_TEXT("s"));
    cede_cbor_put_uint(&writer, 1); /* P-256 */
    cede_cbor_put_bytes(&writer, cede_span(zeros, 33));
    cede_write_bytes(&writer, extensions);
    cede_cbor_put_bytes(&writer, cede_span(zeros, 64));
    assert_int_equal(writer.status, CEDE_OK);
    return type == CEDE_C509_NATIVE ? cede_c509_decode_native(cede_written(&writer), certificate)
                                    : cede_c509_decode(cede_written(&writer), certificate);
}

static void serials_and_issuers_have_one_form(void **state)
{
    const struct cede_span null = ITEM(0xf6), none = ITEM(0x80), one = ITEM(0x41, 0x01);
    struct cede_c509 certificate;

    (void)state;
    assert_int_equal(read_items(2, one, null, none, &certificate), CEDE_OK);
    assert_int_equal(read_items(2, ITEM(0x42, 0x00, 0x01), null, none, &certificate),
                     CEDE_CBOR_NOT_SHORTEST);
    assert_int_equal(read_items(2, ITEM(0x40), null, none, &certificate), CEDE_OK);
    assert_int_equal(read_items(2,
                                ITEM(0x55, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
                                     17, 18, 19, 20, 21),
                                null, none, &certificate),
                     CEDE_X509_SERIAL);
    assert_null(certificate.serial.ptr);
    assert_int_equal(read_items(2, one, ITEM(0x61, 'i'), none, &certificate), CEDE_OK);
    /* the subject's name again, where null must stand */
    assert_int_equal(read_items(2, one, ITEM(0x61, 's'), none, &certificate), CEDE_C509_NAME);
    /* names: half a pair, an empty text in hex, another tag, a MAC address of seven bytes, an
     * e-mail address with a sign, a type past 16 bits, an identifier without bytes */
    assert_int_equal(read_items(2, one, ITEM(0x81, 0x01), none, &certificate), CEDE_C509_NAME);
    assert_int_equal(read_items(2, one, ITEM(0x40), none, &certificate), CEDE_C509_NAME);
    assert_int_equal(read_items(2, one, ITEM(0xc1, 0x41, 0x00), none, &certificate),
                     CEDE_C509_NAME);
    assert_int_equal(
        read_items(2, one, ITEM(0xd8, 0x30, 0x47, 1, 2, 3, 4, 5, 6, 7), none, &certificate),
        CEDE_C509_NAME);
    assert_int_equal(
        read_items(2, one, ITEM(0xd8, 0x30, 0x46, 1, 2, 3, 4, 5, 6), none, &certificate), CEDE_OK);
    assert_int_equal(read_items(2, one, ITEM(0x82, 0x35, 0x61, 'd'), none, &certificate),
                     CEDE_C509_NAME);
    assert_int_equal(
        read_items(2, one, ITEM(0x82, 0x19, 0x80, 0x00, 0x61, 'x'), none, &certificate),
        CEDE_C509_NAME);
    assert_int_equal(
        read_items(2, one, ITEM(0x82, 0x39, 0x7f, 0xff, 0x61, 'x'), none, &certificate),
        CEDE_C509_NAME);
    assert_int_equal(read_items(2, one, ITEM(0x82, 0x41, 0x2a, 0x40), none, &certificate),
                     CEDE_C509_NAME);
}

static void extensions_have_one_form(void **state)
{
    const struct {
        int type;
        struct cede_span extensions;
        enum cede_status status;
    } cases[] = {
        {2, ITEM(0x82, 0x04, 0x21), CEDE_OK},                   /* basicConstraints: no CA */
        {2, ITEM(0x82, 0x04, 0x22), CEDE_C509_EXTENSION},       /* -3 */
        {2, ITEM(0x82, 0x00, 0x01), CEDE_C509_EXTENSION},       /* number 0 */
        {2, ITEM(0x82, 0x40, 0x40), CEDE_C509_EXTENSION},       /* no identifier */
        {2, ITEM(0x82, 0x18, 0x64, 0xf7), CEDE_C509_EXTENSION}, /* undefined */
        {2, ITEM(0x81, 0x04), CEDE_C509_EXTENSION},             /* half a pair */
        {2, ITEM(0x00), CEDE_C509_EXTENSION},                   /* keyUsage alone, nothing in it */
        {2, ITEM(0x1a, 0x00, 0x01, 0x00, 0x00), CEDE_C509_EXTENSION}, /* past 16 bits */
        {2, ITEM(0x20), CEDE_OK},                                     /* -1: critical */
        {2, ITEM(0x82, 0x02, 0x20), CEDE_C509_EXTENSION},             /* negative in a list */
        {2, ITEM(0x82, 0x08, 0x18, 0x20), CEDE_OK},                   /* a purpose without a flag */
        {2, ITEM(0x82, 0x08, 0x20), CEDE_OK},                         /* and one below zero */
        /* twice, critical or not, by number or by identifier */
        {2, ITEM(0x84, 0x04, 0x21, 0x04, 0x21), CEDE_X509_EXTENSION},
        {2, ITEM(0x84, 0x04, 0x21, 0x23, 0x21), CEDE_X509_EXTENSION},
        {2, ITEM(0x84, 0x41, 0x2a, 0x40, 0x41, 0x2a, 0x81, 0x40), CEDE_X509_EXTENSION},
        {2, ITEM(0x84, 0x41, 0x2a, 0x40, 0x41, 0x2b, 0x40), CEDE_OK},
        /* 2.5.29.x has a number; three bytes that are not it have none */
        {2, ITEM(0x82, 0x43, 0x55, 0x1d, 0x13, 0x40), CEDE_C509_EXTENSION},
        {2, ITEM(0x82, 0x43, 0x55, 0x1e, 0x13, 0x40), CEDE_OK},
        {2, ITEM(0x82, 0x43, 0x2a, 0x1d, 0x13, 0x40), CEDE_OK},
        /* type 3: by identifier first, by number again */
        {3, ITEM(0x82, 0x43, 0x55, 0x1d, 0x0e, 0x43, 0x04, 0x01, 0xaa), CEDE_OK},
        {3, ITEM(0x84, 0x43, 0x55, 0x1d, 0x0e, 0x43, 0x04, 0x01, 0xaa, 0x01, 0x41, 0xaa),
         CEDE_X509_EXTENSION},
    };
    uint8_t many[2 + 3 * (CEDE_EXTENSIONS_MAX + 1)] = {0x98, 2 * (CEDE_EXTENSIONS_MAX + 1)};
    struct cede_c509 certificate;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(read_items(cases[i].type, ITEM(0x41, 0x01), ITEM(0xf6),
                                    cases[i].extensions, &certificate),
                         cases[i].status);
        assert_int_equal(certificate.type, cases[i].status == CEDE_OK ? cases[i].type : 0);
    }
    for (size_t i = 0; i <= CEDE_EXTENSIONS_MAX; i++) {
        many[2 + 3 * i] = 0x18;
        many[3 + 3 * i] = (uint8_t)(100 + i);
    }
    assert_int_equal(
        read_items(2, ITEM(0x41, 0x01), ITEM(0xf6), CEDE_SPAN_ARRAY(many), &certificate),
        CEDE_X509_EXTENSION);
    many[1] -= 2;
    assert_int_equal(
        read_items(2, ITEM(0x41, 0x01), ITEM(0xf6), cede_span(many, sizeof many - 3), &certificate),
        CEDE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_native_example_verifies),
        cmocka_unit_test(native_certificates_need_no_x509),
        cmocka_unit_test(native_certificates_use_numbers),
        cmocka_unit_test(the_converted_example_verifies),
        cmocka_unit_test(a_description_gives_the_draft_bytes),
        cmocka_unit_test(conversion_goes_there_and_back),
        cmocka_unit_test(what_has_no_form_is_refused),
        cmocka_unit_test(no_flipped_bit_survives),
        cmocka_unit_test(every_truncation_and_trailing_byte_is_refused),
        cmocka_unit_test(the_thumbprint_is_over_the_sequence),
        cmocka_unit_test(bags_hold_one_or_more),
        cmocka_unit_test(names_are_equal_in_every_form),
        cmocka_unit_test(names_that_are_none_are_refused),
        cmocka_unit_test(paths_mix_formats),
        cmocka_unit_test(the_clock_decides_about_validity),
        cmocka_unit_test(usage_must_fit),
        cmocka_unit_test(issuers_must_be_authorities),
        cmocka_unit_test(path_lengths_are_kept),
        cmocka_unit_test(strangers_are_not_trusted),
        cmocka_unit_test(name_constraints_are_kept),
        cmocka_unit_test(unknown_critical_extensions_end_the_path),
        cmocka_unit_test(other_curves_issue_too),
        cmocka_unit_test(formats_say_the_same),
        cmocka_unit_test(requests_prove_possession),
        cmocka_unit_test(a_request_without_possession_is_refused),
        cmocka_unit_test(converted_requests_prove_possession),
        cmocka_unit_test(pkcs10_is_a_request_too),
        cmocka_unit_test(serials_and_issuers_have_one_form),
        cmocka_unit_test(extensions_have_one_form),
    };

    crypto = cede_crypto_openssl();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
