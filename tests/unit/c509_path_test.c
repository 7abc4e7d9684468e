/* SPDX-License-Identifier: Apache-2.0 */
/*
 * c509_path_test.c - paths, names and certificates where they end in a refusal: name constraints in
 * both encodings, issuers that may not issue, back ends that fail (RFC 5280, section 6.1).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cede/certificate.h"
#include "cede/crypto_openssl.h"
#include "hex.h"

#define COUNT(table_) (sizeof(table_) / sizeof((table_)[0]))

#define BEGIN UINT64_C(1672531200) /* 2023-01-01 */
#define END   UINT64_C(1767225600) /* 2026-01-01 */

static const struct cede_crypto *crypto;
static uint8_t scratch_room[4096];
static const struct cede_buf scratch = {scratch_room, sizeof scratch_room};

struct issued {
    uint8_t scalar[CEDE_PRIVATE_KEY_LEN_MAX];
    uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX];
    struct cede_private_key private_key;
    struct cede_public_key public_key;
    uint8_t encoding[1024];
    struct cede_certificate view;
};

static const struct cede_path_rules rules = {.has_clock = true, .now = BEGIN + 86400};
static const uint8_t serial[] = {0x11, 0x22};

static struct cede_name text_name(const char *text)
{
    return (struct cede_name){CEDE_NAME_TEXT, cede_span_string(text)};
}

static struct cede_certificate_info info_of(const char *subject, bool ca)
{
    return (struct cede_certificate_info){
        .serial = CEDE_SPAN_ARRAY(serial),
        .not_before = BEGIN,
        .not_after = END,
        .subject = text_name(subject),
        .has_basic_constraints = ca,
        .ca = ca,
        .path_len = CEDE_PATH_LEN_NONE,
        .key_usage = ca ? CEDE_KU_KEY_CERT_SIGN : CEDE_KU_DIGITAL_SIGNATURE,
    };
}

/* Signed by `issuer`, or by itself. */
static void issue(struct issued *issued, enum cede_certificate_format format,
                  struct cede_certificate_info info, const struct issued *issuer)
{
    struct cede_span encoding;

    assert_int_equal(
        crypto->generate(crypto->context, CEDE_CRV_P256, issued->scalar, issued->point), CEDE_OK);
    issued->private_key =
        (struct cede_private_key){CEDE_CRV_P256, cede_span(issued->scalar, 32), NULL};
    issued->public_key = (struct cede_public_key){CEDE_CRV_P256, cede_span(issued->point, 64)};
    info.public_key = issued->public_key;
    if (issuer != NULL) {
        info.issuer = issuer->view.subject;
    }
    assert_int_equal(
        cede_certificate_issue(format, crypto, &info,
                               issuer != NULL ? &issuer->private_key : &issued->private_key,
                               scratch, CEDE_BUF_ARRAY(issued->encoding), &encoding),
        CEDE_OK);
    assert_int_equal(cede_certificate_decode(encoding, crypto, &issued->view), CEDE_OK);
}

static struct issued root, middle, leaf;

/* Root, authority below it and a device below that, all of `format`. */
static void make_three(enum cede_certificate_format format)
{
    issue(&root, format, info_of("root", true), NULL);
    issue(&middle, format, info_of("middle", true), &root);
    issue(&leaf, format, info_of("device-1", false), &middle);
}

static enum cede_status path_with(const struct cede_path_rules *with,
                                  const struct cede_crypto *backend)
{
    struct cede_certificate chain[2] = {leaf.view, middle.view};

    return cede_certificate_path(chain, 2, &root.view, 1, with, backend, scratch, NULL);
}

static enum cede_status path(void)
{
    return path_with(&rules, crypto);
}

/* --- name constraints ------------------------------------------------------------------------- */

#define CN_DEVICE "30133111300f06035504030c08 6465766963652d31"
#define CN_OTHER  "300c310a300806035504030c0178"

/* What an authority may write about the names below it; the device is "device-1", and perhaps has
 * alternative names. */
static const struct constraint {
    const char *what;
    bool is_der;
    const char *constraints;
    bool alt_name_is_der;
    const char *alt_name; /* null: none */
    enum cede_status status;
} constraints[] = {
    {"permitted", false, "82 82 04 686465766963652d31 f6", false, NULL, CEDE_OK},
    {"not permitted", false, "82 82 04 6178 f6", false, NULL, CEDE_CERTIFICATE_NAME},
    {"second permitted", false, "82 84 04 6178 04 686465766963652d31 f6", false, NULL, CEDE_OK},
    {"first permitted", false, "82 84 04 686465766963652d31 04 6178 f6", false, NULL, CEDE_OK},
    {"excluded", false, "82 f6 82 04 686465766963652d31", false, NULL, CEDE_CERTIFICATE_NAME},
    {"another excluded", false, "82 f6 82 04 6178", false, NULL, CEDE_OK},
    {"neither", false, "82 f6 f6", false, NULL, CEDE_OK},
    {"DNS permitted, no such name", false, "82 82 02 6178 f6", false, NULL, CEDE_OK},
    {"DNS permitted, alternative name", false, "82 82 02 6178 f6", false, "6178",
     CEDE_CERTIFICATE_NAME},
    {"DNS excluded, no such name", false, "82 f6 82 02 6178", false, NULL, CEDE_OK},
    {"DNS excluded, alternative name", false, "82 f6 82 02 6178", false, "6179",
     CEDE_CERTIFICATE_NAME},
    {"e-mail permitted", false, "82 82 01 6178 f6", false, NULL, CEDE_CERTIFICATE_NAME},
    {"e-mail excluded", false, "82 f6 82 01 6178", false, NULL, CEDE_CERTIFICATE_NAME},
    {"one list", false, "81 f6", false, NULL, CEDE_CBOR_COUNT},
    {"a list that is a number", false, "82 01 f6", false, NULL, CEDE_CBOR_TYPE},
    {"excluded, a list that is a number", false, "82 f6 01", false, NULL, CEDE_CBOR_TYPE},
    {"a kind that is text", false, "82 82 6178 6178 f6", false, NULL, CEDE_CBOR_TYPE},
    {"half a pair", false, "82 f6 81 04", false, NULL, CEDE_TRUNCATED},
    {"half a pair behind a whole one", false, "82 83 04 686465766963652d31 04 f6", false, NULL,
     CEDE_TRUNCATED},
    /* an alternative name that is a directory name could lie anywhere */
    {"DNS name alone", false, "82 f6 f6", false, "6178", CEDE_OK},
    {"DNS names", false, "82 f6 f6", false, "84 02 6178 02 6179", CEDE_OK},
    {"directory name behind a DNS name", false, "82 f6 f6", false, "84 02 6178 04 6179",
     CEDE_CERTIFICATE_NAME},
    {"a kind without a name", false, "82 f6 f6", false, "83 02 6178 02", CEDE_CERTIFICATE_NAME},
    {"alternative names that are a number", false, "82 f6 f6", false, "01", CEDE_CERTIFICATE_NAME},
    {"DNS name in DER", false, "82 f6 f6", true, "3003820178", CEDE_OK},
    {"directory name in DER", false, "82 f6 f6", true, "3013820178 a40e" CN_OTHER,
     CEDE_CERTIFICATE_NAME},
    {"alternative names in DER, cut short", false, "82 f6 f6", true, "3003820278",
     CEDE_CERTIFICATE_NAME},
    /* the same in DER */
    {"permitted", true, "301b a019 3017 a415" CN_DEVICE, false, NULL, CEDE_OK},
    {"not permitted", true, "3014 a012 3010 a40e" CN_OTHER, false, NULL, CEDE_CERTIFICATE_NAME},
    {"excluded", true, "301b a119 3017 a415" CN_DEVICE, false, NULL, CEDE_CERTIFICATE_NAME},
    {"another excluded", true, "3014 a112 3010 a40e" CN_OTHER, false, NULL, CEDE_OK},
    {"neither", true, "3000", false, NULL, CEDE_OK},
    {"DNS permitted, no such name", true, "3007 a005 3003 820178", false, NULL, CEDE_OK},
    {"DNS permitted, alternative name", true, "3007 a005 3003 820178", true, "3003820178",
     CEDE_CERTIFICATE_NAME},
    {"a minimum", true, "300a a008 3006 820178 800101", false, NULL, CEDE_X509_EXTENSION},
    {"an empty subtree", true, "3004 a002 3000", false, NULL, CEDE_X509_EXTENSION},
    {"no sequence", true, "0500", false, NULL, CEDE_DER_TAG},
    {"a third list", true, "3002 a200", false, NULL, CEDE_TRAILING_BYTES},
};

static void constrain(struct issued *authority, const struct constraint *constraint,
                      struct issued *below, uint8_t room[2][64])
{
    authority->view.ext.name_constraints = hex_into(cede_buf(room[0], 64), constraint->constraints);
    authority->view.ext.name_constraints_is_der = constraint->is_der;
    if (constraint->alt_name != NULL) {
        below->view.ext.subject_alt_name = hex_into(cede_buf(room[1], 64), constraint->alt_name);
        below->view.ext.alt_name_is_der = constraint->alt_name_is_der;
    }
}

static void names_outside_the_constraints_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(constraints); i++) {
        uint8_t room[2][64];
        enum cede_status status;
        make_three(CEDE_CERTIFICATE_C509_NATIVE);
        constrain(&middle, &constraints[i], &leaf, room);
        status = path();
        if (status != constraints[i].status) {
            print_error("%s: 0x%x\n", constraints[i].what, (unsigned)status);
        }
        assert_int_equal(status, constraints[i].status);
    }
}

/* Section 6.1.3 (b): not those in between that are self-issued, as for a change of keys. */
static void constraints_pass_over_self_issued_authorities(void **state)
{
    const struct constraint only_device = constraints[0];
    uint8_t room[2][64];

    (void)state;
    make_three(CEDE_CERTIFICATE_C509_NATIVE);
    constrain(&root, &only_device, &leaf, room);
    assert_int_equal(path(), CEDE_CERTIFICATE_NAME); /* "middle" is outside */
    issue(&middle, CEDE_CERTIFICATE_C509_NATIVE, info_of("root", true), &root);
    issue(&leaf, CEDE_CERTIFICATE_C509_NATIVE, info_of("device-1", false), &middle);
    root.view.ext.path_len = 0; /* nor are they counted */
    assert_int_equal(path(), CEDE_OK);
    issue(&leaf, CEDE_CERTIFICATE_C509_NATIVE, info_of("device-2", false), &middle);
    assert_int_equal(path(), CEDE_CERTIFICATE_NAME);
}

/* --- issuers ---------------------------------------------------------------------------------- */

static void issuers_keep_every_rule(void **state)
{
    struct cede_certificate_info info = info_of("middle", true);
    struct cede_certificate chain[2];

    (void)state;
    make_three(CEDE_CERTIFICATE_X509);
    assert_int_equal(path(), CEDE_OK);
    info.not_after = BEGIN + 1; /* an authority past its validity */
    issue(&middle, CEDE_CERTIFICATE_X509, info, &root);
    issue(&leaf, CEDE_CERTIFICATE_X509, info_of("device-1", false), &middle);
    assert_int_equal(path(), CEDE_CERTIFICATE_EXPIRED);
    info.not_after = CEDE_TIME_NONE;
    info.key_usage = 0; /* none at all does not forbid signing */
    issue(&middle, CEDE_CERTIFICATE_X509, info, &root);
    issue(&leaf, CEDE_CERTIFICATE_X509, info_of("device-1", false), &middle);
    assert_int_equal(path(), CEDE_OK);
    middle.view.ext.ca = false; /* basicConstraints that say so */
    assert_int_equal(path(), CEDE_CERTIFICATE_NOT_CA);
    /* a certificate that follows without being the issuer */
    chain[0] = leaf.view;
    chain[1] = leaf.view;
    assert_int_equal(cede_certificate_path(chain, 2, &root.view, 1, &rules, crypto, scratch, NULL),
                     CEDE_CERTIFICATE_UNTRUSTED);
    /* the issuer's name on another key */
    issue(&middle, CEDE_CERTIFICATE_X509, info, &root);
    assert_int_equal(path(), CEDE_CRYPTO_SIGNATURE);
}

static void purposes_count_where_they_stand(void **state)
{
    struct cede_path_rules with = rules;
    struct cede_certificate_info info = info_of("device-1", false);

    (void)state;
    make_three(CEDE_CERTIFICATE_C509_NATIVE);
    with.eku = CEDE_EKU_CLIENT_AUTH;
    assert_int_equal(path_with(&with, crypto), CEDE_OK);
    info.eku = CEDE_EKU_SERVER_AUTH;
    issue(&leaf, CEDE_CERTIFICATE_C509_NATIVE, info, &middle);
    assert_int_equal(path_with(&with, crypto), CEDE_CERTIFICATE_USAGE);
    leaf.view.ext.eku = CEDE_EKU_ANY;
    assert_int_equal(path_with(&with, crypto), CEDE_OK);
    leaf.view.ext.has_key_usage = false;
    with.key_usage = CEDE_KU_KEY_AGREEMENT;
    assert_int_equal(path_with(&with, crypto), CEDE_OK);
}

static void a_year_9999_never_comes(void **state)
{
    struct cede_path_rules with = rules;

    (void)state;
    make_three(CEDE_CERTIFICATE_C509_NATIVE);
    with.now = END + 1;
    assert_int_equal(path_with(&with, crypto), CEDE_CERTIFICATE_EXPIRED);
    leaf.view.not_after = middle.view.not_after = root.view.not_after = CEDE_TIME_NONE;
    assert_int_equal(path_with(&with, crypto), CEDE_OK);
}

/* --- names ------------------------------------------------------------------------------------ */

static struct cede_name name_of(enum cede_name_form form, const char *hex, uint8_t room[128])
{
    return (struct cede_name){form, hex_into(cede_buf(room, 128), hex)};
}

static void names_are_compared_attribute_by_attribute(void **state)
{
    static const struct {
        const char *what;
        enum cede_name_form form_a;
        const char *a;
        enum cede_name_form form_b;
        const char *b;
        bool equal, within;
    } cases[] = {
        {"UTF-8, the text", CEDE_NAME_DER, CN_OTHER, CEDE_NAME_TEXT, "78", true, true},
        {"e-mail address", CEDE_NAME_DER, "3013 3111 300f 06092a864886f70d010901 1602 6162",
         CEDE_NAME_C509, "82 00 626162", true, true},
        {"domain component", CEDE_NAME_DER, "3015 3113 3011 060a0992268993f22c640119 1603 646576",
         CEDE_NAME_C509, "82 16 63646576", true, true},
        {"T61 string, and UTF-8", CEDE_NAME_DER, "300c310a3008060355040314 0178", CEDE_NAME_TEXT,
         "78", false, false},
        {"T61 string, and by identifier", CEDE_NAME_DER, "300c310a3008060355040314 0178",
         CEDE_NAME_C509, "82 43550403 43140178", true, true},
        {"another type, by identifier", CEDE_NAME_DER, "300b3109300706022a030c 0178",
         CEDE_NAME_C509, "82 422a03 430c0178", true, true},
        {"another type, another text", CEDE_NAME_DER, "300b3109300706022a030c 0178", CEDE_NAME_C509,
         "82 422a03 430c0179", false, false},
        {"another type yet", CEDE_NAME_DER, "300b3109300706022a030c 0178", CEDE_NAME_C509,
         "82 422a04 430c0178", false, false},
        {"by identifier, more than a value", CEDE_NAME_C509, "82 43550403 450c01780500",
         CEDE_NAME_TEXT, "78", false, false},
        {"printable string by number", CEDE_NAME_C509, "82 20 6178", CEDE_NAME_TEXT, "78", true,
         true},
        {"one attribute more", CEDE_NAME_C509, "84 01 6178 08 6179", CEDE_NAME_C509, "82 01 6178",
         false, true},
        {"one attribute less", CEDE_NAME_C509, "82 01 6178", CEDE_NAME_C509, "84 01 6178 08 6179",
         false, false},
        {"a longer text", CEDE_NAME_TEXT, "7879", CEDE_NAME_TEXT, "78", false, false},
        {"two in one set, with themselves", CEDE_NAME_DER,
         "3016 3114 3008 06035504030c0178 3008 060355040a0c0178", CEDE_NAME_DER,
         "3016 3114 3008 06035504030c0178 3008 060355040a0c0178", true, false},
        {"two in one set below one", CEDE_NAME_DER,
         "3016 3114 3008 06035504030c0178 3008 060355040a0c0178", CEDE_NAME_DER, CN_OTHER, false,
         false},
        {"one below two in one set", CEDE_NAME_DER, CN_OTHER, CEDE_NAME_DER,
         "3016 3114 3008 06035504030c0178 3008 060355040a0c0178", false, false},
        {"EUI-64, its text", CEDE_NAME_EUI64, "0123456789abcdef", CEDE_NAME_TEXT,
         "30312d32332d34352d36372d38392d41422d43442d4546", true, true},
        {"EUI of seven bytes, and its text", CEDE_NAME_EUI64, "01234567 89abcd", CEDE_NAME_TEXT,
         "78", false, false},
        {"a text and half a name", CEDE_NAME_TEXT, "78", CEDE_NAME_C509, "81 01", false, false},
        {"a text and broken DER", CEDE_NAME_TEXT, "78", CEDE_NAME_DER, "3001", false, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t room[2][128];
        struct cede_name a = name_of(cases[i].form_a, cases[i].a, room[0]);
        struct cede_name b = name_of(cases[i].form_b, cases[i].b, room[1]);
        if (cede_name_equal(a, b) != cases[i].equal || cede_name_within(a, b) != cases[i].within) {
            fail_msg("%s", cases[i].what);
        }
        assert_int_equal(cede_name_equal(b, a), cases[i].equal);
    }
    assert_false(cede_name_equal(text_name("x"), (struct cede_name){CEDE_NAME_TEXT, {NULL, 0}}));
    assert_false(cede_name_equal((struct cede_name){CEDE_NAME_TEXT, {NULL, 0}},
                                 (struct cede_name){CEDE_NAME_TEXT, {NULL, 0}}));
}

static void common_names_are_found_or_refused(void **state)
{
    uint8_t room[128], text_room[8];
    struct cede_span text;

    (void)state;
    assert_int_equal(cede_name_common_name(name_of(CEDE_NAME_C509, "84 01 6178 01 6179", room),
                                           CEDE_BUF_ARRAY(text_room), &text),
                     CEDE_OK);
    assert_true(cede_span_equal(text, CEDE_SPAN_TEXT("y"))); /* the last */
    assert_int_equal(cede_name_common_name(name_of(CEDE_NAME_C509, "83 01 6178 01", room),
                                           CEDE_BUF_ARRAY(text_room), &text),
                     CEDE_C509_NAME);
    assert_null(text.ptr);
    assert_int_equal(cede_name_common_name(name_of(CEDE_NAME_DER, "300c310a3008", room),
                                           CEDE_BUF_ARRAY(text_room), &text),
                     CEDE_TRUNCATED);
    assert_int_equal(
        cede_name_common_name(text_name("nine byte"), CEDE_BUF_ARRAY(text_room), &text),
        CEDE_NO_SPACE);
    assert_null(text.ptr);
}

/* --- certificates ----------------------------------------------------------------------------- */

static void what_is_no_certificate_leaves_nothing(void **state)
{
    static const struct cede_certificate nothing;
    struct cede_certificate certificate;

    (void)state;
    memset(&certificate, 0xff, sizeof certificate);
    assert_int_not_equal(cede_certificate_decode(HEX("3000"), crypto, &certificate), CEDE_OK);
    assert_memory_equal(&certificate, &nothing, sizeof nothing);
    memset(&certificate, 0xff, sizeof certificate);
    assert_int_not_equal(cede_certificate_decode(HEX("8b02"), crypto, &certificate), CEDE_OK);
    assert_memory_equal(&certificate, &nothing, sizeof nothing);
    assert_int_not_equal(cede_certificate_decode(CEDE_SPAN_NULL, crypto, &certificate), CEDE_OK);
}

static void long_common_names_are_no_device_id(void **state)
{
    static const struct cede_name_attribute company = {CEDE_RDN_ORGANIZATION,
                                                       CEDE_SPAN_TEXT("Acme")};
    char text[CEDE_COMMON_NAME_MAX + 2];
    uint8_t room[32];
    struct cede_certificate_info info;

    (void)state;
    memset(text, 'x', sizeof text);
    text[CEDE_COMMON_NAME_MAX] = '\0';
    issue(&root, CEDE_CERTIFICATE_C509_NATIVE, info_of(text, true), NULL);
    assert_int_equal(cede_certificate_common_name(&root.view).len, CEDE_COMMON_NAME_MAX);
    text[CEDE_COMMON_NAME_MAX] = 'x';
    text[CEDE_COMMON_NAME_MAX + 1] = '\0';
    issue(&root, CEDE_CERTIFICATE_C509_NATIVE, info_of(text, true), NULL);
    assert_int_equal(cede_certificate_common_name(&root.view).len, 0);
    info = info_of("", true);
    info.subject.form = CEDE_NAME_C509;
    assert_int_equal(cede_c509_name_encode(&company, 1, CEDE_BUF_ARRAY(room), &info.subject.value),
                     CEDE_OK);
    issue(&root, CEDE_CERTIFICATE_C509_NATIVE, info, NULL);
    assert_int_equal(cede_certificate_common_name(&root.view).len, 0);
}

static void thumbprints_know_two_hashes(void **state)
{
    uint8_t hash[CEDE_SHA256_LEN], memory[64];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
    struct cede_span cert;
    size_t len = 1;

    (void)state;
    make_three(CEDE_CERTIFICATE_C509_NATIVE);
    cert = leaf.view.raw;
    assert_int_equal(cede_certificate_thumbprint(crypto, CEDE_ALG_SHA_384, cert, hash, &len),
                     CEDE_CERTIFICATE_ALGORITHM);
    assert_int_equal(len, 0);
    assert_int_equal(
        cede_certificate_thumbprint(crypto, CEDE_ALG_SHA_256, CEDE_SPAN_NULL, hash, &len), CEDE_OK);
    assert_int_equal(len, 32);
    assert_memory_equal(hash, HEX("e3b0c442").ptr, 4); /* SHA-256 of nothing */
    assert_int_equal(cede_certificate_put_hash(&writer, crypto, CEDE_ALG_SHA_384, cert),
                     CEDE_CERTIFICATE_ALGORITHM);
    assert_int_equal(writer.len, 0);
    assert_int_equal(cede_certificate_put_hash(&writer, crypto, CEDE_ALG_SHA_256_64, cert),
                     CEDE_OK);
    assert_int_equal(cede_certificate_check_hash(crypto, cede_written(&writer), cert), CEDE_OK);
    assert_int_equal(cede_certificate_check_hash(crypto, cede_written(&writer), middle.view.raw),
                     CEDE_CERTIFICATE_THUMBPRINT);
    assert_int_equal(cede_certificate_check_hash(crypto, HEX("812e"), cert), CEDE_CBOR_COUNT);
    assert_int_equal(cede_certificate_check_hash(crypto, HEX("82382a40"), cert),
                     CEDE_CERTIFICATE_ALGORITHM);
    /* numbers that are -15 in their low 32 bits */
    assert_int_equal(cede_certificate_check_hash(crypto, HEX("821a fffffff1 40"), cert),
                     CEDE_CERTIFICATE_ALGORITHM);
    assert_int_equal(cede_certificate_check_hash(crypto, HEX("823b 000000010000000e 40"), cert),
                     CEDE_CERTIFICATE_ALGORITHM);
}

static void key_identifiers_hash_what_x509_has(void **state)
{
    static const uint8_t bytes[64] = {1};
    static const int32_t curves[] = {CEDE_CRV_ED25519, CEDE_CRV_X25519, CEDE_CRV_P256};
    uint8_t key_id[20], hash[CEDE_SHA256_LEN], whole[65] = {4, 1};
    struct cede_public_key key = {0, CEDE_SPAN_ARRAY(bytes)};

    (void)state;
    assert_int_equal(cede_certificate_key_id(crypto, &key, key_id), CEDE_CERTIFICATE_ALGORITHM);
    for (size_t i = 0; i < COUNT(curves); i++) {
        size_t len = i < 2 ? 32 : 64;
        key = (struct cede_public_key){curves[i], cede_span(bytes, len)};
        assert_int_equal(
            cede_hash(crypto, CEDE_ALG_SHA_256, i < 2 ? key.point : CEDE_SPAN_ARRAY(whole), hash),
            CEDE_OK);
        assert_int_equal(cede_certificate_key_id(crypto, &key, key_id), CEDE_OK);
        assert_memory_equal(key_id, hash, 20);
    }
}

static void views_that_were_changed_do_not_verify(void **state)
{
    struct cede_certificate changed;
    uint8_t damaged[1024];

    (void)state;
    make_three(CEDE_CERTIFICATE_C509_X509);
    assert_int_equal(cede_certificate_verify(&leaf.view, &middle.view, crypto, scratch), CEDE_OK);
    changed = leaf.view;
    changed.raw = cede_span(leaf.view.raw.ptr, leaf.view.raw.len - 1);
    assert_int_not_equal(cede_certificate_verify(&changed, &middle.view, crypto, scratch), CEDE_OK);
    changed = leaf.view;
    changed.format = (enum cede_certificate_format)0;
    assert_int_equal(cede_certificate_verify(&changed, &middle.view, crypto, scratch),
                     CEDE_BAD_ARGUMENT);
    memcpy(damaged, leaf.view.raw.ptr, leaf.view.raw.len);
    damaged[leaf.view.raw.len - 1] ^= 1;
    changed = leaf.view;
    changed.raw.ptr = damaged;
    assert_int_equal(cede_certificate_verify(&changed, &middle.view, crypto, scratch),
                     CEDE_CRYPTO_SIGNATURE);
    changed = middle.view; /* an issuer whose kind of key is not supported */
    changed.curve = 0;
    changed.point_len = 0;
    assert_int_equal(cede_certificate_verify(&leaf.view, &changed, crypto, scratch),
                     CEDE_CERTIFICATE_ALGORITHM);
}

static enum cede_status try_issue(enum cede_certificate_format format,
                                  const struct cede_certificate_info *info, size_t scratch_cap)
{
    uint8_t memory[1024], room[4096];
    struct cede_buf buf = scratch_cap > 0 ? cede_buf(room, scratch_cap) : cede_buf(NULL, 0);
    struct cede_span encoding;
    enum cede_status status = cede_certificate_issue(format, crypto, info, &root.private_key, buf,
                                                     CEDE_BUF_ARRAY(memory), &encoding);

    assert_true((status == CEDE_OK) == (encoding.ptr != NULL));
    return status;
}

static void issuing_needs_scratch(void **state)
{
    uint8_t room[128];
    const struct cede_name c509_name = name_of(CEDE_NAME_C509, "6178", room);
    struct cede_certificate_info info = info_of("device-1", false);

    (void)state;
    make_three(CEDE_CERTIFICATE_X509);
    info.public_key = leaf.public_key;
    assert_int_equal(try_issue(CEDE_CERTIFICATE_X509, &info, 0), CEDE_OK);
    assert_int_equal(try_issue(CEDE_CERTIFICATE_C509_X509, &info, 0), CEDE_NO_SPACE);
    assert_int_equal(try_issue(CEDE_CERTIFICATE_C509_X509, &info, 100), CEDE_NO_SPACE);
    assert_int_equal(try_issue(CEDE_CERTIFICATE_C509_X509, &info, 4096), CEDE_OK);
    for (size_t which = 0; which < 3; which++) {
        struct cede_certificate_info named = info;
        struct cede_name *names[] = {&named.issuer, &named.subject, &named.permitted_subtree};
        *names[which] = (struct cede_name){CEDE_NAME_C509, CEDE_SPAN_NULL};
        if (which != 1) { /* a C509 form without a value is an absent name */
            assert_int_equal(try_issue(CEDE_CERTIFICATE_X509, &named, 0), CEDE_OK);
        }
        *names[which] = c509_name;
        assert_int_equal(try_issue(CEDE_CERTIFICATE_X509, &named, 0), CEDE_NO_SPACE);
        assert_int_equal(try_issue(CEDE_CERTIFICATE_X509, &named, 4), CEDE_NO_SPACE);
        assert_int_equal(try_issue(CEDE_CERTIFICATE_X509, &named, 64), CEDE_OK);
    }
}

static void requests_that_were_changed_do_not_verify(void **state)
{
    uint8_t memory[512];
    struct cede_request request;
    struct cede_span encoding;

    (void)state;
    make_three(CEDE_CERTIFICATE_X509);
    for (int is_der = 0; is_der < 2; is_der++) {
        enum cede_status status =
            is_der != 0 ? cede_x509_request_write(crypto, text_name("x"), &leaf.public_key,
                                                  &leaf.private_key, CEDE_SPAN_NULL,
                                                  CEDE_BUF_ARRAY(memory), &encoding)
                        : cede_c509_request_write(crypto, text_name("x"), &leaf.public_key,
                                                  &leaf.private_key, CEDE_SPAN_NULL,
                                                  CEDE_BUF_ARRAY(memory), &encoding);
        assert_int_equal(status, CEDE_OK);
        assert_int_equal(cede_request_decode(encoding, crypto, &request), CEDE_OK);
        assert_int_equal(cede_request_verify(&request, crypto, scratch), CEDE_OK);
        request.raw.len--;
        assert_int_not_equal(cede_request_verify(&request, crypto, scratch), CEDE_OK);
        assert_int_not_equal(cede_request_decode(request.raw, crypto, &request), CEDE_OK);
        assert_null(request.raw.ptr);
    }
}

/* --- a back end that fails -------------------------------------------------------------------- */

static enum cede_status backend_status;

static enum cede_status failing_hash(void *context, int32_t alg, const struct cede_span *parts,
                                     size_t parts_count, uint8_t *out)
{
    (void)context, (void)alg, (void)parts, (void)parts_count, (void)out;
    return backend_status;
}

static enum cede_status failing_verify(void *context, int32_t alg,
                                       const struct cede_public_key *key,
                                       const struct cede_span *parts, size_t parts_count,
                                       struct cede_span signature)
{
    (void)context, (void)alg, (void)key, (void)parts, (void)parts_count, (void)signature;
    return backend_status;
}

static enum cede_status failing_decompress(void *context, int32_t curve, struct cede_span x,
                                           bool y_odd, uint8_t *public_key)
{
    (void)context, (void)curve, (void)x, (void)y_odd, (void)public_key;
    return backend_status;
}

static void a_failing_back_end_is_not_trusted(void **state)
{
    struct cede_crypto failing = *crypto;
    struct cede_certificate certificate;
    uint8_t hash[CEDE_SHA256_LEN], key_id[20], memory[64];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
    size_t len = 1;

    (void)state;
    failing.hash = failing_hash;
    failing.verify = failing_verify;
    failing.decompress = failing_decompress;
    backend_status = CEDE_CRYPTO_FAILED;
    make_three(CEDE_CERTIFICATE_C509_NATIVE);
    assert_int_equal(path_with(&rules, &failing), CEDE_CRYPTO_FAILED);
    assert_int_equal(
        cede_certificate_thumbprint(&failing, CEDE_ALG_SHA_256, leaf.view.raw, hash, &len),
        CEDE_CRYPTO_FAILED);
    assert_int_equal(len, 0);
    assert_int_equal(cede_certificate_put_hash(&writer, &failing, CEDE_ALG_SHA_256, leaf.view.raw),
                     CEDE_CRYPTO_FAILED);
    assert_int_equal(writer.len, 0);
    assert_int_equal(cede_certificate_check_hash(&failing, HEX("822f40"), leaf.view.raw),
                     CEDE_CRYPTO_FAILED);
    assert_int_equal(cede_certificate_key_id(&failing, &leaf.public_key, key_id),
                     CEDE_CRYPTO_FAILED);
    /* the point cannot be found: no certificate; the curve is not there: one without a key */
    assert_int_equal(cede_certificate_decode(leaf.view.raw, &failing, &certificate),
                     CEDE_CRYPTO_FAILED);
    assert_null(certificate.raw.ptr);
    backend_status = CEDE_CRYPTO_UNSUPPORTED;
    assert_int_equal(cede_certificate_decode(leaf.view.raw, &failing, &certificate), CEDE_OK);
    assert_int_equal(certificate.curve, 0);
    assert_int_equal(cede_certificate_key(&certificate).point.len, 0);
    assert_int_equal(path_with(&rules, &failing), CEDE_CRYPTO_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_outside_the_constraints_are_refused),
        cmocka_unit_test(constraints_pass_over_self_issued_authorities),
        cmocka_unit_test(issuers_keep_every_rule),
        cmocka_unit_test(purposes_count_where_they_stand),
        cmocka_unit_test(a_year_9999_never_comes),
        cmocka_unit_test(names_are_compared_attribute_by_attribute),
        cmocka_unit_test(common_names_are_found_or_refused),
        cmocka_unit_test(what_is_no_certificate_leaves_nothing),
        cmocka_unit_test(long_common_names_are_no_device_id),
        cmocka_unit_test(thumbprints_know_two_hashes),
        cmocka_unit_test(key_identifiers_hash_what_x509_has),
        cmocka_unit_test(views_that_were_changed_do_not_verify),
        cmocka_unit_test(issuing_needs_scratch),
        cmocka_unit_test(requests_that_were_changed_do_not_verify),
        cmocka_unit_test(a_failing_back_end_is_not_trusted),
    };

    crypto = cede_crypto_openssl();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
