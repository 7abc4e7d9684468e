/* SPDX-License-Identifier: Apache-2.0 */
/* cwt_test.c - claims sets: decoding, encoding, refusals and the rules of time. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "cede/cose.h"
#include "cede/cwt.h"

#define BYTES(...) CEDE_SPAN_ARRAY(((const uint8_t[]){__VA_ARGS__}))

/* RFC 8392, appendix A.1. */
static const uint8_t example[] =
    "\xa7\x01\x75"
    "coap://as.example.com"
    "\x02\x65"
    "erikw"
    "\x03\x78\x18"
    "coap://light.example.com"
    "\x04\x1a\x56\x12\xae\xb0\x05\x1a\x56\x10\xd9\xf0\x06\x1a\x56\x10\xd9\xf0\x07\x42\x0b\x71";

static struct cede_span example_span(void)
{
    return cede_span(example, sizeof example - 1);
}

static enum cede_status decode(struct cede_span encoding, struct cede_cwt_claims *claims)
{
    return cede_cwt_decode(encoding, CEDE_CBOR_SORTED, claims);
}

static void decodes_the_example_of_rfc_8392(void **state)
{
    struct cede_cwt_claims claims;

    (void)state;
    assert_int_equal(decode(example_span(), &claims), CEDE_OK);
    assert_true(cede_span_equal(claims.iss, CEDE_SPAN_TEXT("coap://as.example.com")));
    assert_true(cede_span_equal(claims.sub, CEDE_SPAN_TEXT("erikw")));
    assert_true(cede_cwt_has_audience(&claims, CEDE_SPAN_TEXT("coap://light.example.com")));
    assert_false(cede_cwt_has_audience(&claims, CEDE_SPAN_TEXT("coap://light.example.co")));
    assert_true(claims.has_exp && claims.has_nbf && claims.has_iat);
    assert_int_equal(claims.exp, 1444064944);
    assert_int_equal(claims.nbf, 1443944944);
    assert_int_equal(claims.iat, 1443944944);
    assert_true(cede_span_equal(claims.cti, BYTES(0x0b, 0x71)));
}

static void encodes_the_example_of_rfc_8392(void **state)
{
    struct cede_cwt_claims claims;
    uint8_t memory[128];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
    struct cede_writer counter = cede_writer_counting();

    (void)state;
    assert_int_equal(decode(example_span(), &claims), CEDE_OK);
    cede_cwt_encode(&writer, &claims);
    cede_cwt_encode(&counter, &claims);
    assert_true(cede_span_equal(cede_written(&writer), example_span()));
    assert_int_equal(counter.len, sizeof example - 1);
}

static void refuses_the_example_cut_anywhere_or_followed_by_a_byte(void **state)
{
    struct cede_cwt_claims claims;

    (void)state;
    for (size_t len = 0; len < sizeof example - 1; len++) {
        assert_int_not_equal(decode(cede_span(example, len), &claims), CEDE_OK);
        assert_false(claims.has_exp);
    }
    assert_int_equal(decode(cede_span(example, sizeof example), &claims), CEDE_TRAILING_BYTES);
    assert_null(claims.iss.ptr);
}

static int64_t date_of(struct cede_span encoding, bool *ok)
{
    struct cede_cwt_claims claims;

    *ok = decode(encoding, &claims) == CEDE_OK &&
          (claims.has_exp || claims.has_nbf || claims.has_iat);
    return claims.has_exp ? claims.exp : claims.has_nbf ? claims.nbf : claims.iat;
}

static void reads_dates_of_every_number_type(void **state)
{
    const struct {
        struct cede_span encoding;
        int64_t seconds;
    } cases[] = {
        /* RFC 8392, appendix A.7: iat 1443944944.5 */
        {BYTES(0xa1, 0x06, 0xfb, 0x41, 0xd5, 0x84, 0x36, 0x7c, 0x20, 0x00, 0x00), 1443944944},
        /* exp 1443944944.5 is cut down, nbf up: the window shrinks, never grows */
        {BYTES(0xa1, 0x04, 0xfb, 0x41, 0xd5, 0x84, 0x36, 0x7c, 0x20, 0x00, 0x00), 1443944944},
        {BYTES(0xa1, 0x05, 0xfb, 0x41, 0xd5, 0x84, 0x36, 0x7c, 0x20, 0x00, 0x00), 1443944945},
        {BYTES(0xa1, 0x06, 0xf9, 0x3e, 0x00), 1},                            /* 1.5 */
        {BYTES(0xa1, 0x06, 0xf9, 0x00, 0x01), 0},                            /* 2^-24 */
        {BYTES(0xa1, 0x05, 0xf9, 0x00, 0x01), 1},                            /* the same, up */
        {BYTES(0xa1, 0x06, 0xf9, 0xc4, 0x00), -4},                           /* -4.0 */
        {BYTES(0xa1, 0x06, 0xf9, 0xbe, 0x00), -2},                           /* -1.5 down */
        {BYTES(0xa1, 0x05, 0xf9, 0xbe, 0x00), -1},                           /* -1.5 up */
        {BYTES(0xa1, 0x06, 0xfa, 0x47, 0xc3, 0x50, 0x00), 100000},           /* 100000.0 */
        {BYTES(0xa1, 0x06, 0xf9, 0x00, 0x00), 0},                            /* 0.0 */
        {BYTES(0xa1, 0x06, 0x3a, 0x00, 0x0f, 0x42, 0x3f), -1000000},         /* before 1970 */
        {BYTES(0xa1, 0x06, 0xfa, 0x5d, 0x80, 0x00, 0x00), INT64_C(1) << 60}, /* 2^60 */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool ok;
        assert_int_equal(date_of(cases[i].encoding, &ok), cases[i].seconds);
        assert_true(ok);
    }
}

static void refuses_dates_that_are_none(void **state)
{
    const struct cede_span cases[] = {
        BYTES(0xa1, 0x04, 0xf9, 0x7c, 0x00),                                     /* infinity */
        BYTES(0xa1, 0x04, 0xf9, 0x7e, 0x00),                                     /* NaN */
        BYTES(0xa1, 0x04, 0xfb, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0),                   /* infinity */
        BYTES(0xa1, 0x04, 0xfb, 0x43, 0xe0, 0, 0, 0, 0, 0, 0),                   /* 2^63 */
        BYTES(0xa1, 0x04, 0xfb, 0x7f, 0xef, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), /* the largest */
        BYTES(0xa1, 0x04, 0x1b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), /* 2^63 - 1 */
        BYTES(0xa1, 0x04, 0xf6),                                                 /* null */
        BYTES(0xa1, 0x04, 0xf5),                                                 /* true */
        BYTES(0xa1, 0x04, 0x61, 0x31),                                           /* "1" */
        BYTES(0xa1, 0x04, 0xc1, 0x01),                                           /* tagged */
    };
    struct cede_cwt_claims claims;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(cede_cwt_decode(cases[i], CEDE_CBOR_ANY_ORDER, &claims), CEDE_CWT_CLAIM);
        assert_false(claims.has_exp);
        assert_int_equal(cede_cwt_decode_integers(cases[i], CEDE_CBOR_ANY_ORDER, &claims),
                         CEDE_CWT_CLAIM);
        assert_false(claims.has_exp);
    }
}

/* Who reads whole seconds alone takes the same claims sets but for floats. */
static void reads_dates_that_are_integers(void **state)
{
    struct cede_cwt_claims claims;

    (void)state;
    assert_int_equal(cede_cwt_decode_integers(example_span(), CEDE_CBOR_SORTED, &claims), CEDE_OK);
    assert_true(claims.has_exp && claims.has_nbf && claims.has_iat);
    assert_int_equal(claims.exp, 1444064944);
    assert_int_equal(claims.nbf, 1443944944);
    assert_int_equal(claims.iat, 1443944944);
    assert_true(cede_span_equal(claims.cti, BYTES(0x0b, 0x71)));
    assert_true(cede_cwt_has_audience(&claims, CEDE_SPAN_TEXT("coap://light.example.com")));
    assert_int_equal(cede_cwt_decode_integers(BYTES(0xa1, 0x05, 0x20), CEDE_CBOR_SORTED, &claims),
                     CEDE_OK);
    assert_true(claims.has_nbf && !claims.has_exp && !claims.has_iat);
    assert_int_equal(claims.nbf, -1);
    for (size_t len = 0; len < sizeof example - 1; len++) {
        assert_int_not_equal(
            cede_cwt_decode_integers(cede_span(example, len), CEDE_CBOR_SORTED, &claims), CEDE_OK);
        assert_null(claims.iss.ptr);
    }
    assert_int_equal(cede_cwt_decode_integers(CEDE_SPAN_ARRAY(example), CEDE_CBOR_SORTED, &claims),
                     CEDE_TRAILING_BYTES);
    assert_int_equal(
        cede_cwt_decode_integers(BYTES(0xa1, 0x04, 0xf9, 0x3e, 0x00), CEDE_CBOR_ANY_ORDER, &claims),
        CEDE_CWT_CLAIM);
}

/* 1.0 in four bytes: others may write it so, in a deterministic claims set it is wrong. */
static void demands_the_shortest_float_where_it_demands_order(void **state)
{
    const struct cede_span longer = BYTES(0xa1, 0x04, 0xfa, 0x3f, 0x80, 0x00, 0x00);
    struct cede_cwt_claims claims;

    (void)state;
    assert_int_equal(decode(longer, &claims), CEDE_CBOR_NOT_SHORTEST);
    assert_int_equal(cede_cwt_decode(longer, CEDE_CBOR_ANY_ORDER, &claims), CEDE_OK);
    assert_int_equal(claims.exp, 1);
}

static void refuses_claims_of_wrong_type(void **state)
{
    const struct cede_span cases[] = {
        BYTES(0xa1, 0x01, 0x41, 0x61),                   /* iss h'61' */
        BYTES(0xa1, 0x02, 0x01),                         /* sub 1 */
        BYTES(0xa1, 0x03, 0x41, 0x61),                   /* aud h'61' */
        BYTES(0xa1, 0x03, 0x81, 0x41, 0x61),             /* aud [h'61'] */
        BYTES(0xa1, 0x07, 0x61, 0x61),                   /* cti "a" */
        BYTES(0xa1, 0x08, 0x61, 0x61),                   /* cnf "a" */
        BYTES(0xa1, 0x03, 0x82, 0x41, 0x61, 0x61, 0x61), /* aud [h'61', "a"] */
        BYTES(0xa1, 0x04, 0x3b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), /* exp -2^63 */
        BYTES(0xa1, 0x05, 0x61, 0x61),                                           /* nbf "a" */
        BYTES(0xa1, 0x05, 0xf6),                                                 /* nbf null */
    };
    struct cede_cwt_claims claims;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(decode(cases[i], &claims), CEDE_CWT_CLAIM);
        assert_int_equal(cede_cwt_decode_integers(cases[i], CEDE_CBOR_SORTED, &claims),
                         CEDE_CWT_CLAIM);
        assert_null(claims.aud.ptr);
    }
}

static void refuses_a_claim_that_comes_twice_in_any_order(void **state)
{
    struct cede_cwt_claims claims;

    (void)state;
    assert_int_equal(decode(BYTES(0xa2, 0x06, 0x01, 0x04, 0x02), &claims), CEDE_CBOR_KEY_ORDER);
    assert_int_equal(
        cede_cwt_decode(BYTES(0xa2, 0x06, 0x01, 0x04, 0x02), CEDE_CBOR_ANY_ORDER, &claims),
        CEDE_OK);
    assert_int_equal(claims.exp, 2);
    assert_int_equal(cede_cwt_decode(BYTES(0xa3, 0x06, 0x01, 0x04, 0x02, 0x06, 0x01),
                                     CEDE_CBOR_ANY_ORDER, &claims),
                     CEDE_CBOR_KEY);
    assert_int_equal(cede_cwt_decode(BYTES(0xa1, 0x41, 0x06, 0x01), CEDE_CBOR_ANY_ORDER, &claims),
                     CEDE_CBOR_KEY);
}

static void bounds_the_number_of_claims(void **state)
{
    uint8_t memory[4 * (CEDE_CWT_CLAIMS_MAX + 2)];
    struct cede_cwt_claims claims;

    (void)state;
    for (unsigned count = CEDE_CWT_CLAIMS_MAX; count <= CEDE_CWT_CLAIMS_MAX + 1; count++) {
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
        cede_cbor_put_map(&writer, count);
        for (unsigned i = 0; i < count; i++) {
            cede_cbor_put_uint(&writer, 100 + i);
            cede_cbor_put_null(&writer);
        }
        assert_int_equal(decode(cede_written(&writer), &claims),
                         count == CEDE_CWT_CLAIMS_MAX ? CEDE_OK : CEDE_CBOR_KEY);
    }
}

static void finds_and_walks_the_other_claims(void **state)
{
    /* {1: "a", 10: h'00', -1: 5, "x": true} */
    const struct cede_span encoding =
        BYTES(0xa4, 0x01, 0x61, 0x61, 0x0a, 0x41, 0x00, 0x20, 0x05, 0x61, 0x78, 0xf5);
    struct cede_cwt_claims claims;
    struct cede_span key, value;
    size_t at = 0;

    (void)state;
    assert_int_equal(decode(encoding, &claims), CEDE_OK);
    assert_true(cede_span_equal(cede_cwt_find(&claims, 10), BYTES(0x41, 0x00)));
    assert_true(cede_span_equal(cede_cwt_find(&claims, -1), BYTES(0x05)));
    assert_null(cede_cwt_find(&claims, 11).ptr);
    assert_true(cede_cwt_others_next(&claims, &at, &key, &value));
    assert_true(cede_span_equal(key, BYTES(0x0a)));
    assert_true(cede_cwt_others_next(&claims, &at, &key, &value));
    assert_true(cede_span_equal(value, BYTES(0x05)));
    assert_true(cede_cwt_others_next(&claims, &at, &key, &value));
    assert_true(cede_span_equal(key, BYTES(0x61, 0x78)));
    assert_false(cede_cwt_others_next(&claims, &at, &key, &value));
    assert_null(value.ptr);
}

static void knows_an_audience_among_several(void **state)
{
    /* {3: ["a", "bc"]} */
    struct cede_cwt_claims claims;

    (void)state;
    assert_int_equal(decode(BYTES(0xa1, 0x03, 0x82, 0x61, 0x61, 0x62, 0x62, 0x63), &claims),
                     CEDE_OK);
    assert_true(cede_cwt_has_audience(&claims, CEDE_SPAN_TEXT("a")));
    assert_true(cede_cwt_has_audience(&claims, CEDE_SPAN_TEXT("bc")));
    assert_false(cede_cwt_has_audience(&claims, CEDE_SPAN_TEXT("b")));
    assert_int_equal(decode(BYTES(0xa0), &claims), CEDE_OK);
    assert_false(cede_cwt_has_audience(&claims, CEDE_SPAN_TEXT("a")));
}

/* cnf is a claim of its own, between cti and the others. */
static void reads_and_writes_cnf(void **state)
{
    /* {8: {3: h'31'}, 10: h'00'} */
    const struct cede_span encoding = BYTES(0xa2, 0x08, 0xa1, 0x03, 0x41, 0x31, 0x0a, 0x41, 0x00);
    const struct cede_cwt_claim nonce = {CEDE_CWT_NONCE, BYTES(0x41, 0x00)};
    struct cede_cwt_claims claims, again = {.others = &nonce, .others_count = 1};
    struct cede_span key, value;
    uint8_t memory[16];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
    size_t at = 0;

    (void)state;
    assert_int_equal(decode(encoding, &claims), CEDE_OK);
    assert_true(cede_span_equal(claims.cnf, BYTES(0xa1, 0x03, 0x41, 0x31)));
    assert_true(cede_cwt_others_next(&claims, &at, &key, &value));
    assert_true(cede_span_equal(key, BYTES(0x08)));
    again.cnf = claims.cnf;
    cede_cwt_encode(&writer, &again);
    assert_true(cede_span_equal(cede_written(&writer), encoding));
    assert_int_equal(cede_cwt_decode_integers(encoding, CEDE_CBOR_SORTED, &claims), CEDE_OK);
    assert_true(cede_span_equal(claims.cnf, again.cnf));
    /* a claims set that was cut behind the decoder's back: nothing is found past the cut */
    claims.map.len -= 2;
    assert_null(cede_cwt_find(&claims, CEDE_CWT_NONCE).ptr);
    at = 1;
    assert_false(cede_cwt_others_next(&claims, &at, &key, &value));
}

static void encodes_further_claims_only_in_order(void **state)
{
    const struct cede_cwt_claim sorted[] = {
        {10, BYTES(0x41, 0x00)}, {256, BYTES(0x01)}, {-1, BYTES(0x02)}, {-65537, BYTES(0x03)}};
    const struct cede_cwt_claim unsorted[] = {{256, BYTES(0x01)}, {10, BYTES(0x41, 0x00)}};
    const struct cede_cwt_claim standard[] = {{CEDE_CWT_SUB, BYTES(0x61, 0x61)}};
    struct cede_cwt_claims claims = {.cti = BYTES(0x01), .others = sorted, .others_count = 4};
    uint8_t memory[64];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
    size_t offset;

    (void)state;
    cede_cwt_encode(&writer, &claims);
    assert_true(cede_span_equal(cede_written(&writer),
                                BYTES(0xa5, 0x07, 0x41, 0x01, 0x0a, 0x41, 0x00, 0x19, 0x01, 0x00,
                                      0x01, 0x20, 0x02, 0x3a, 0x00, 0x01, 0x00, 0x00, 0x03)));
    assert_int_equal(cede_cbor_check(cede_written(&writer), CEDE_CBOR_SORTED, &offset), CEDE_OK);

    writer = cede_writer(CEDE_BUF_ARRAY(memory));
    claims.others = unsorted;
    claims.others_count = 2;
    cede_cwt_encode(&writer, &claims);
    assert_int_equal(writer.status, CEDE_BAD_ARGUMENT);

    writer = cede_writer(CEDE_BUF_ARRAY(memory));
    claims.others = standard;
    claims.others_count = 1;
    cede_cwt_encode(&writer, &claims);
    assert_int_equal(writer.status, CEDE_BAD_ARGUMENT);
}

static void takes_off_the_cwt_tag_only_before_a_tagged_object(void **state)
{
    const struct cede_span tagged = BYTES(0xd8, 0x3d, 0xd2, 0x84), bare = BYTES(0xd2, 0x84);
    struct cede_cose_sign1 msg;
    struct cede_span cose;

    (void)state;
    assert_int_equal(cede_cwt_untag(tagged, &cose), CEDE_OK);
    assert_true(cede_span_equal(cose, bare));
    assert_int_equal(cede_cwt_untag(bare, &cose), CEDE_OK);
    assert_true(cede_span_equal(cose, bare));
    /* untagged COSE, nothing */
    assert_int_equal(cede_cwt_untag(BYTES(0xd8, 0x3d, 0x84), &cose), CEDE_CWT_TAGGED);
    assert_int_equal(cede_cwt_untag(BYTES(0xd8, 0x3d), &cose), CEDE_CWT_TAGGED);
    assert_null(cose.ptr);
    assert_int_equal(cede_cwt_untag(BYTES(0xd8, 0x3d, 0xd8, 0x60, 0x84), &cose), CEDE_OK);
    assert_true(cede_span_equal(cose, BYTES(0xd8, 0x60, 0x84)));
    /* a tag that is none of COSE is for the decoder to refuse, and so is a second tag 61 */
    assert_int_equal(cede_cwt_untag(BYTES(0xd8, 0x3d, 0xc1, 0x01), &cose), CEDE_OK);
    assert_int_equal(cede_cose_sign1_decode(cose, &msg), CEDE_COSE_TAG);
    assert_int_equal(
        cede_cwt_untag(BYTES(0xd8, 0x3d, 0xd8, 0x3d, 0xd2, 0x84, 0x40, 0xa0, 0x40, 0x40), &cose),
        CEDE_OK);
    assert_int_equal(cede_cose_sign1_decode(cose, &msg), CEDE_COSE_TAG);
    /* what has no tag 61 is left as it is, for the decoder to refuse */
    assert_int_equal(cede_cwt_untag(BYTES(0xd8), &cose), CEDE_OK);
    assert_int_equal(cose.len, 1);
}

static void checks_the_window_with_a_clock(void **state)
{
    const struct cede_cwt_claims claims = {
        .has_exp = true, .has_nbf = true, .exp = 2000, .nbf = 1000};
    const struct {
        int64_t now;
        uint32_t leeway;
        enum cede_status status;
    } cases[] = {
        {999, 0, CEDE_CWT_NOT_YET},
        {1000, 0, CEDE_OK},
        {1999, 0, CEDE_OK},
        {2000, 0, CEDE_CWT_EXPIRED},
        {990, 10, CEDE_OK},
        {989, 10, CEDE_CWT_NOT_YET},
        {2009, 10, CEDE_OK},
        {2010, 10, CEDE_CWT_EXPIRED},
        {INT64_MAX, 10, CEDE_CWT_EXPIRED},
        {INT64_MIN, UINT32_MAX, CEDE_CWT_NOT_YET},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(cede_cwt_check(&claims, &cases[i].now, cases[i].leeway), cases[i].status);
    }
}

static void checks_without_a_clock_only_that_there_is_a_window(void **state)
{
    struct cede_cwt_claims claims = {.has_exp = true, .has_nbf = true, .exp = 2000, .nbf = 1000};
    const int64_t now = 1500;

    (void)state;
    assert_int_equal(cede_cwt_check(&claims, NULL, 0), CEDE_OK);
    claims.exp = 1000;
    assert_int_equal(cede_cwt_check(&claims, NULL, 0), CEDE_CWT_WINDOW);
    assert_int_equal(cede_cwt_check(&claims, &now, UINT32_MAX), CEDE_CWT_WINDOW);
    claims.has_nbf = false;
    assert_int_equal(cede_cwt_check(&claims, NULL, 0), CEDE_OK);
    assert_int_equal(cede_cwt_check(&claims, &now, 0), CEDE_CWT_EXPIRED);
    claims.has_exp = false;
    assert_int_equal(cede_cwt_check(&claims, &now, 0), CEDE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_the_example_of_rfc_8392),
        cmocka_unit_test(encodes_the_example_of_rfc_8392),
        cmocka_unit_test(refuses_the_example_cut_anywhere_or_followed_by_a_byte),
        cmocka_unit_test(reads_dates_of_every_number_type),
        cmocka_unit_test(refuses_dates_that_are_none),
        cmocka_unit_test(reads_dates_that_are_integers),
        cmocka_unit_test(demands_the_shortest_float_where_it_demands_order),
        cmocka_unit_test(refuses_claims_of_wrong_type),
        cmocka_unit_test(refuses_a_claim_that_comes_twice_in_any_order),
        cmocka_unit_test(bounds_the_number_of_claims),
        cmocka_unit_test(finds_and_walks_the_other_claims),
        cmocka_unit_test(knows_an_audience_among_several),
        cmocka_unit_test(reads_and_writes_cnf),
        cmocka_unit_test(encodes_further_claims_only_in_order),
        cmocka_unit_test(takes_off_the_cwt_tag_only_before_a_tagged_object),
        cmocka_unit_test(checks_the_window_with_a_clock),
        cmocka_unit_test(checks_without_a_clock_only_that_there_is_a_window),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
