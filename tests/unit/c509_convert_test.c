/* SPDX-License-Identifier: Apache-2.0 */
/* c509_convert_test.c - the parts of conversion: algorithms, keys, signatures, extensions, and
 * certificates and requests in too little memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cede/certificate.h"
#include "codec/c509/c509.h"
#include "codec/c509/extensions.h"
#include "hex.h"
#include "keys.h"

#define assert_ok(expression_) assert_int_equal(CEDE_OK, (expression_))
#define COUNT(table_)          (sizeof(table_) / sizeof((table_)[0]))

static const struct cede_crypto *crypto;
static uint8_t scratch_room[2048];
static const struct cede_buf scratch = {scratch_room, sizeof scratch_room};

static void assert_hex(struct cede_span got, const char *hex)
{
    uint8_t room[512];

    assert_true(cede_span_equal(hex_into(CEDE_BUF_ARRAY(room), hex), got));
}

/* The contents of the only value that was written. */
static struct cede_span inside(const struct cede_writer *writer, uint8_t tag)
{
    struct cede_reader reader = cede_reader(cede_written(writer));
    struct cede_span contents = cede_der_get(&reader, tag);

    assert_ok(cede_reader_finish(&reader));
    return contents;
}

/* --- algorithms ------------------------------------------------------------------------------- */

static void algorithms_without_number_keep_their_identifier(void **state)
{
    static const struct {
        const char *der, *item;
    } cases[] = {{"300406022a03", "422a03"}, {"300606022a030500", "82422a03420500"}};
    static const char *const wrong[] = {"", "3000", "30040402ffff", "300506022a03", "06022a03"};
    uint8_t der_room[32], room[32], back_room[32];
    const struct algorithm_entry *entry;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));
        struct cede_writer back = cede_writer(CEDE_BUF_ARRAY(back_room));

        c509_put_algorithm_from_der(&writer, hex_into(CEDE_BUF_ARRAY(der_room), cases[i].der),
                                    NULL);
        assert_hex(cede_written(&writer), cases[i].item);
        assert_ok(c509_algorithm_to_der(&back, cede_written(&writer), ALGORITHM_SIGNATURE, &entry));
        assert_null(entry);
        assert_hex(cede_written(&back), cases[i].der);
        for (size_t cap = 0; cap < back.len; cap++) {
            struct cede_writer small = cede_writer(cede_buf(back_room, cap));
            assert_int_equal(CEDE_NO_SPACE, c509_algorithm_to_der(&small, cede_written(&writer),
                                                                  ALGORITHM_KEY, &entry));
        }
    }
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));
        c509_put_algorithm_from_der(&writer, hex_into(CEDE_BUF_ARRAY(der_room), wrong[i]), NULL);
        assert_int_not_equal(CEDE_OK, writer.status);
    }
}

static void algorithms_that_are_none_are_refused(void **state)
{
    static const struct {
        const char *item;
        enum cede_status status;
    } cases[] = {
        {"1863", CEDE_CERTIFICATE_ALGORITHM}, /* 99 */
        {"3863", CEDE_CERTIFICATE_ALGORITHM}, {"1b7fffffffffffffff", CEDE_CERTIFICATE_ALGORITHM},
        {"422a0300", CEDE_TRAILING_BYTES},    {"82422a0342050000", CEDE_TRAILING_BYTES},
        {"81422a03", CEDE_CBOR_COUNT},        {"82422a0300", CEDE_CBOR_TYPE},
    };
    uint8_t item_room[32], room[32];
    const struct algorithm_entry *entry;

    (void)state;
    for (size_t i = 0; i < COUNT(cases) * 2; i++) {
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));
        assert_int_equal(
            cases[i / 2].status,
            c509_algorithm_to_der(&writer, hex_into(CEDE_BUF_ARRAY(item_room), cases[i / 2].item),
                                  i % 2 != 0 ? ALGORITHM_KEY : ALGORITHM_SIGNATURE, &entry));
        assert_null(entry);
    }
}

/* --- keys ------------------------------------------------------------------------------------- */

#define X_P256 "b1216ab96e5b3b3340f5bdf02e693f16213a04525ed44450b1019c2dfd3838ab"
#define Y_P256 "ac4e14d86c0983ed5e9eef2448c6861cc406547177e6026030d051f7792ac206"
/* -y of the same x */
#define Y_ODD "53b1eb2693f67c13a16110dbb73979e33bf9ab8f8819fd9fcf2fae0886d53df9"

static void keys_are_as_short_as_can_be_undone(void **state)
{
    static const struct {
        int64_t algorithm; /* -1: without number */
        const char *bits, *item;
    } cases[] = {
        {1, "04" X_P256 Y_P256, "5821fe" X_P256},
        {1, "04" X_P256 Y_ODD, "5821fd" X_P256},
        {1, "02" X_P256, "582102" X_P256},                /* compressed */
        {1, "", "40"},                                    /* nothing */
        {1, "04" X_P256 X_P256, "584104" X_P256 X_P256},  /* no point */
        {1, "06" X_P256 Y_P256, "584106" X_P256 Y_P256},  /* hybrid */
        {1, "04" Y_P256 "00", "582204" Y_P256 "00"},      /* half of one */
        {24, "04" X_P256 Y_P256, "584104" X_P256 Y_P256}, /* brainpool */
        {12, "fe" X_P256, "5821fe" X_P256},               /* no pair */
        {-1, "fe" X_P256, "5821fe" X_P256},               /* unknown */
        {0, "300a020300c0010203010001", "42c001"},        /* RSA */
        {0, "3008020300c001020103", "8242c0014103"},      /* exponent 3 */
        {0, "300a020300c0010203010003", "8242c00143010003"},
        {0, "3006020100020103", "82404103"}, /* zero */
    };
    uint8_t bits_room[80], room[80], back_room[128];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct algorithm_entry *entry = key_algorithm_find(cases[i].algorithm);
        struct cede_span bits = hex_into(CEDE_BUF_ARRAY(bits_room), cases[i].bits);
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));
        struct cede_writer back = cede_writer(CEDE_BUF_ARRAY(back_room));
        uint8_t number[9];
        struct cede_writer algorithm = cede_writer(CEDE_BUF_ARRAY(number));
        struct cede_reader info;

        c509_put_key_from_der(&writer, crypto, entry, bits);
        assert_hex(cede_written(&writer), cases[i].item);
        if (entry != NULL) {
            cede_cbor_put_int(&algorithm, entry->value);
        } else {
            cede_cbor_put_bytes(&algorithm, CEDE_SPAN_TEXT("*"));
        }
        assert_ok(
            c509_public_key_to_der(&back, crypto, cede_written(&algorithm), cede_written(&writer)));
        info = cede_reader(inside(&back, CEDE_DER_SEQUENCE));
        (void)cede_der_get_value(&info);
        assert_true(cede_span_equal(bits, cede_der_get_bits(&info, NULL)));
        assert_ok(cede_reader_finish(&info));
        for (size_t cap = 0; cap < back.len; cap++) {
            struct cede_writer small = cede_writer(cede_buf(back_room, cap));
            assert_int_equal(CEDE_NO_SPACE,
                             c509_public_key_to_der(&small, crypto, cede_written(&algorithm),
                                                    cede_written(&writer)));
        }
    }
}

static void rsa_keys_that_are_none_have_no_form(void **state)
{
    static const char *const wrong[] = {
        "",
        "3000",
        "3004020200c0",                   /* a modulus alone */
        "300d020300c0010203010001020100", /* and something behind the exponent */
        "300a020300c001020301000100",     /* and behind all */
        "30080203c00001020103",           /* negative */
    };
    uint8_t bits_room[32], room[32];

    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));
        c509_put_key_from_der(&writer, crypto, key_algorithm_find(KEY_ALGORITHM_RSA),
                              hex_into(CEDE_BUF_ARRAY(bits_room), wrong[i]));
        assert_int_equal(CEDE_C509_NOT_EXPRESSIBLE, writer.status);
    }
}

static void key_items_that_are_none_are_refused(void **state)
{
    static const struct {
        const char *algorithm, *item;
        enum cede_status status;
    } cases[] = {
        {"05", "40", CEDE_CERTIFICATE_ALGORITHM},
        {"01", "01", CEDE_CBOR_TYPE},
        {"01", "4000", CEDE_TRAILING_BYTES},
        {"01", "41fe", CEDE_CRYPTO_KEY},
        {"01", "5822fe" X_P256 "00", CEDE_CRYPTO_KEY},
        {"1818", "5821fe" X_P256, CEDE_CERTIFICATE_ALGORITHM}, /* not the port's to undo */
        {"00", "6161", CEDE_CBOR_TYPE},
        {"00", "4200c0", CEDE_CBOR_NOT_SHORTEST},
        {"00", "8141c0", CEDE_CBOR_COUNT},
        {"00", "8241c0420003", CEDE_CBOR_NOT_SHORTEST},
        {"00", "8241c0410300", CEDE_TRAILING_BYTES},
        {"00", "41c000", CEDE_TRAILING_BYTES},
    };
    uint8_t algorithm_room[8], item_room[80], room[128];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));
        assert_int_equal(
            cases[i].status,
            c509_public_key_to_der(&writer, crypto,
                                   hex_into(CEDE_BUF_ARRAY(algorithm_room), cases[i].algorithm),
                                   hex_into(CEDE_BUF_ARRAY(item_room), cases[i].item)));
    }
}

/* What type 3 compresses is opened with care: no byte, too many, no point with this x. */
static void compressed_points_are_checked(void **state)
{
    uint8_t bytes[256] = {0xfe}, point[CEDE_PUBLIC_KEY_LEN_MAX];
    struct cede_public_key key;

    (void)state;
    memset(bytes + 1, 0xff, sizeof bytes - 1);
    for (size_t len = 0; len < sizeof bytes; len++) {
        assert_int_not_equal(CEDE_OK, c509_public_key(crypto, CEDE_C509_X509, CEDE_CRV_P256,
                                                      cede_span(bytes, len), point, &key));
        assert_null(key.point.ptr);
        bytes[0] = len % 2 != 0 ? 0xfe : 0xfd;
    }
    hex_into(cede_buf(bytes + 1, 32), X_P256);
    for (uint8_t first = 0xfd; first <= 0xfe; first++) {
        bytes[0] = first;
        assert_ok(c509_public_key(crypto, CEDE_C509_X509, CEDE_CRV_P256, cede_span(bytes, 33),
                                  point, &key));
        assert_hex(key.point, first == 0xfe ? X_P256 Y_P256 : X_P256 Y_ODD);
        assert_int_equal(CEDE_CRYPTO_KEY, c509_public_key(crypto, CEDE_C509_NATIVE, CEDE_CRV_P256,
                                                          cede_span(bytes, 33), point, &key));
        assert_int_equal(
            CEDE_CERTIFICATE_ALGORITHM,
            c509_public_key(crypto, CEDE_C509_X509, 0, cede_span(bytes, 33), point, &key));
    }
}

/* --- signatures ------------------------------------------------------------------------------- */

/* Ecdsa-Sig-Value of two numbers of so many bytes. */
static struct cede_span pair_of(size_t r_len, size_t s_len, uint8_t *room, size_t cap)
{
    uint8_t ones[80];
    struct cede_writer writer = cede_writer(cede_buf(room, cap));
    size_t mark = cede_der_open(&writer, CEDE_DER_SEQUENCE);

    memset(ones, 0x11, sizeof ones);
    cede_der_put_unsigned(&writer, cede_span(ones, r_len));
    cede_der_put_unsigned(&writer, cede_span(ones, s_len));
    cede_der_close(&writer, mark);
    assert_ok(writer.status);
    return cede_written(&writer);
}

static void signatures_have_the_length_of_a_curve(void **state)
{
    const struct algorithm_entry *ecdsa = signature_algorithm_find(0);
    const struct algorithm_entry *keys[] = {NULL, key_algorithm_find(1), key_algorithm_find(26)};
    uint8_t bits_room[200], room[200], back_room[200];

    (void)state;
    for (size_t n = 0; n < 70 * 2 * COUNT(keys); n++) {
        const struct algorithm_entry *key = keys[n % COUNT(keys)];
        size_t len = n / COUNT(keys) / 2;
        struct cede_span bits = n / COUNT(keys) % 2 != 0
                                    ? pair_of(len, 1, bits_room, sizeof bits_room)
                                    : pair_of(1, len, bits_room, sizeof bits_room);
        size_t expected = len <= 32 ? 32 : len <= 48 ? 48 : len <= 64 && key == keys[2] ? 64 : 66;
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));
        struct cede_writer back = cede_writer(CEDE_BUF_ARRAY(back_room));
        struct cede_reader reader;
        struct cede_span raw;

        c509_put_signature_from_der(&writer, ecdsa, key, bits);
        if (len > 66) {
            assert_int_equal(CEDE_C509_NOT_EXPRESSIBLE, writer.status);
            continue;
        }
        reader = cede_reader(cede_written(&writer));
        raw = cede_cbor_get_bytes(&reader);
        assert_ok(cede_reader_finish(&reader));
        assert_int_equal(2 * expected, raw.len);
        assert_ok(c509_signature_to_der(&back, ecdsa, raw));
        reader = cede_reader(cede_written(&back));
        assert_true(cede_span_equal(bits, cede_der_get_bits(&reader, NULL)));
        back = cede_writer(CEDE_BUF_ARRAY(back_room));
        assert_int_equal(CEDE_CRYPTO_SIGNATURE,
                         c509_signature_to_der(&back, ecdsa, cede_span(raw.ptr, raw.len - 1)));
    }
}

static void signatures_that_are_no_pair_have_no_form(void **state)
{
    uint8_t bits_room[80], room[200];
    struct cede_span bits = pair_of(32, 32, bits_room, sizeof bits_room);

    (void)state;
    for (size_t len = 0; len < bits.len; len++) {
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));
        c509_put_signature_from_der(&writer, signature_algorithm_find(0), NULL,
                                    cede_span(bits.ptr, len));
        assert_int_equal(CEDE_C509_NOT_EXPRESSIBLE, writer.status);
        /* any other algorithm's are bytes, whatever they are */
        writer = cede_writer(CEDE_BUF_ARRAY(room));
        c509_put_signature_from_der(&writer, NULL, NULL, cede_span(bits.ptr, len));
        assert_ok(writer.status);
        writer = cede_writer(CEDE_BUF_ARRAY(room));
        c509_put_signature_from_der(&writer, signature_algorithm_find(12), NULL,
                                    cede_span(bits.ptr, len));
        assert_ok(writer.status);
    }
}

/* --- extensions ------------------------------------------------------------------------------- */

static void extensions_take_their_own_form_when_it_can_be_undone(void **state)
{
    static const struct {
        const char *der, *item;
    } cases[] = {
        {"300b0603551d0f040403020780", "01"},
        {"300e0603551d0f0101ff040403020780", "20"},
        {"300b0603551d0f040403020080", "8243551d0f4403020080"}, /* bits not counted out */
        {"30090603551d0f04020500", "8243551d0f420500"},         /* no bit string */
        {"300a0603551d0f0403030100", "820200"},                 /* no bit: not alone */
        {"300b06022a0304050403010203", "82422a03450403010203"},
        {"300e06022a030101ff04050403010203", "82422a0381450403010203"},
        {"300b0603551d0e040404020102", "8201420102"},
        {"300b0603551d0f040403020780300b0603551d0e040404020102", "84020101420102"},
        {"", "80"},
    };
    uint8_t der_room[64], room[64], back_room[64], small_room[64];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cede_span der = hex_into(CEDE_BUF_ARRAY(der_room), cases[i].der);
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));
        struct cede_writer back = cede_writer(CEDE_BUF_ARRAY(back_room));
        struct cede_writer counting = cede_writer_counting();

        c509_put_extensions_from_der(&writer, der, scratch);
        assert_hex(cede_written(&writer), cases[i].item);
        if (i != 4) { /* which no reader takes */
            assert_ok(c509_extensions_to_der(&back, cede_written(&writer)));
            assert_true(cede_span_equal(der, inside(&back, CEDE_DER_SEQUENCE)));
        }
        for (size_t cap = 0; cap < writer.len; cap++) {
            struct cede_writer small = cede_writer(cede_buf(small_room, cap));
            c509_put_extensions_from_der(&small, der, scratch);
            assert_int_equal(CEDE_NO_SPACE, small.status);
        }
        for (size_t cap = 0; cap < back.len; cap++) {
            struct cede_writer small = cede_writer(cede_buf(small_room, cap));
            assert_int_equal(CEDE_NO_SPACE, c509_extensions_to_der(&small, cede_written(&writer)));
        }
        /* Nothing can be tried without memory: the count is of the longer form. */
        c509_put_extensions_from_der(&counting, der, scratch);
        assert_ok(counting.status);
        assert_true(counting.len >= writer.len);
    }
}

/* Without room to turn it back nothing takes a form of its own. */
static void extensions_keep_der_when_they_cannot_be_tried(void **state)
{
    uint8_t der_room[64], room[64];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));

    (void)state;
    c509_put_extensions_from_der(&writer,
                                 hex_into(CEDE_BUF_ARRAY(der_room), "300b0603551d0e040404020102"),
                                 cede_buf(scratch_room, 3));
    assert_hex(cede_written(&writer), "8243551d0e4404020102");
}

static void extension_items_that_are_none_are_refused(void **state)
{
    static const struct {
        const char *item;
        enum cede_status status;
    } cases[] = {
        {"82186400", CEDE_C509_EXTENSION}, /* no number of an extension */
        {"8204", CEDE_TRUNCATED},          {"8104", CEDE_C509_EXTENSION},
        {"82014000", CEDE_TRAILING_BYTES}, {"82016161", CEDE_CBOR_TYPE},
    };
    uint8_t item_room[16], room[64];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));
        assert_int_equal(
            cases[i].status,
            c509_extensions_to_der(&writer, hex_into(CEDE_BUF_ARRAY(item_room), cases[i].item)));
    }
}

static void key_usage_has_sixteen_bits(void **state)
{
    static const struct {
        const char *item;
        uint32_t flags;
    } cases[] = {
        {"01", 1},         {"20", 1},     {"19ffff", 0xffff},        {"39fffe", 0xffff},
        {"1a00010000", 0}, {"39ffff", 0}, {"3bffffffffffffffff", 0}, {"1bffffffffffffffff", 0},
        {"40", 0}};
    uint8_t room[16];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(cases[i].flags,
                         c509_key_usage(hex_into(CEDE_BUF_ARRAY(room), cases[i].item)));
    }
}

/* --- certificates ----------------------------------------------------------------------------- */

static void certificates_need_room_in_every_place(void **state)
{
    static const uint8_t serial[] = {1}, key_id[] = {1, 2, 3, 4, 5, 6, 7, 8};
    uint8_t der_room[512], room[512], back_room[512];
    struct cede_span der, c509, back;
    struct cede_c509 certificate;
    struct key key;
    struct cede_certificate_info info = {
        .serial = CEDE_SPAN_ARRAY(serial),
        .not_before = 1,
        .not_after = CEDE_TIME_NONE,
        .subject = text_name("device-1"),
        .path_len = CEDE_PATH_LEN_NONE,
        .key_usage = CEDE_KU_DIGITAL_SIGNATURE,
        .subject_key_id = CEDE_SPAN_ARRAY(key_id),
    };

    (void)state;
    make_key(crypto, &key, CEDE_CRV_P256);
    info.public_key = key.public_key;
    assert_ok(cede_x509_issue(crypto, &info, &key.private_key, CEDE_BUF_ARRAY(der_room), &der));
    assert_ok(cede_c509_from_x509(crypto, der, scratch, CEDE_BUF_ARRAY(room), &c509));
    for (size_t cap = 0; cap < c509.len; cap++) {
        assert_int_equal(CEDE_NO_SPACE, cede_c509_from_x509(crypto, der, scratch,
                                                            cede_buf(back_room, cap), &back));
        assert_null(back.ptr);
    }
    for (size_t cap = 0; cap < der.len; cap++) {
        assert_int_equal(CEDE_NO_SPACE,
                         cede_c509_to_x509(crypto, c509, cede_buf(back_room, cap), &back));
        assert_null(back.ptr);
        assert_int_not_equal(CEDE_OK, cede_c509_from_x509(crypto, der, cede_buf(scratch_room, cap),
                                                          CEDE_BUF_ARRAY(back_room), &back));
        assert_null(back.ptr);
    }
    assert_ok(cede_c509_to_x509(crypto, c509, cede_buf(back_room, der.len), &back));
    assert_true(cede_span_equal(der, back));

    assert_ok(cede_c509_decode(c509, &certificate));
    assert_ok(cede_c509_verify(&certificate, crypto, &key.public_key, scratch));
    assert_int_equal(CEDE_NO_SPACE,
                     cede_c509_verify(&certificate, crypto, &key.public_key, cede_buf(NULL, 0)));
    for (size_t cap = 0; cap < 100; cap++) {
        assert_int_equal(CEDE_NO_SPACE, cede_c509_verify(&certificate, crypto, &key.public_key,
                                                         cede_buf(scratch_room, cap)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(algorithms_without_number_keep_their_identifier),
        cmocka_unit_test(algorithms_that_are_none_are_refused),
        cmocka_unit_test(keys_are_as_short_as_can_be_undone),
        cmocka_unit_test(rsa_keys_that_are_none_have_no_form),
        cmocka_unit_test(key_items_that_are_none_are_refused),
        cmocka_unit_test(compressed_points_are_checked),
        cmocka_unit_test(signatures_have_the_length_of_a_curve),
        cmocka_unit_test(signatures_that_are_no_pair_have_no_form),
        cmocka_unit_test(extensions_take_their_own_form_when_it_can_be_undone),
        cmocka_unit_test(extensions_keep_der_when_they_cannot_be_tried),
        cmocka_unit_test(extension_items_that_are_none_are_refused),
        cmocka_unit_test(key_usage_has_sixteen_bits),
        cmocka_unit_test(certificates_need_room_in_every_place),
    };

    crypto = cede_crypto_openssl();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
