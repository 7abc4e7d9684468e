/* SPDX-License-Identifier: Apache-2.0 */
/* coap_test.c - messages, options, URIs, exchanges, deduplication and block-wise transfers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cede/coap.h"
#include "hex.h"

/* --- helpers ---------------------------------------------------------------------------------- */

static uint64_t seed_state;

static uint64_t next_random(void)
{
    seed_state ^= seed_state << 13;
    seed_state ^= seed_state >> 7;
    seed_state ^= seed_state << 17;
    return seed_state;
}

static bool chance(unsigned percent)
{
    return next_random() % 100 < percent;
}

static enum cede_status seeded_random(void *context, struct cede_buf out)
{
    (void)context;
    for (size_t i = 0; i < out.cap; i++) {
        out.ptr[i] = (uint8_t)next_random();
    }
    return CEDE_OK;
}

static enum cede_status no_random(void *context, struct cede_buf out)
{
    (void)context;
    (void)out;
    return CEDE_CRYPTO_RANDOM;
}

static const struct cede_crypto crypto = {.name = "seeded", .random = seeded_random};
static const struct cede_crypto crypto_without_random = {.name = "none", .random = no_random};

static struct cede_span hex(uint8_t *out, const char *text)
{
    return hex_into(cede_buf(out, strlen(text) / 2), text);
}

static void assert_span(struct cede_span got, struct cede_span expected)
{
    assert_int_equal(got.len, expected.len);
    assert_memory_equal(got.ptr, expected.ptr, expected.len);
}

static void assert_text(struct cede_span got, const char *expected)
{
    assert_span(got, cede_span_string(expected));
}

static enum cede_status decode_hex(const char *text, struct cede_coap_message *message)
{
    static uint8_t bytes[256];

    return cede_coap_decode(hex(bytes, text), message);
}

/* --- messages --------------------------------------------------------------------------------- */

/* The example of RFC 7252, figure 16: a piggybacked response with a token and a payload. */
static void test_message_decodes(void **state)
{
    struct cede_coap_message message;
    struct cede_coap_options options;
    struct cede_coap_option option;
    uint32_t value;

    (void)state;
    assert_int_equal(decode_hex("61457d3420c128ff32322e332043", &message), CEDE_OK);
    assert_int_equal(message.type, CEDE_COAP_ACK);
    assert_int_equal(message.code, CEDE_COAP_CONTENT);
    assert_int_equal(message.message_id, 0x7d34);
    assert_int_equal(message.token.len, 1);
    assert_text(message.payload, "22.3 C");
    assert_true(cede_coap_is_response(&message));

    options = cede_coap_options(message.options);
    assert_true(cede_coap_options_next(&options, &option));
    assert_int_equal(option.number, CEDE_COAP_CONTENT_FORMAT);
    assert_int_equal(cede_coap_uint_value(option.value, &value), CEDE_OK);
    assert_int_equal(value, 0x28);
    assert_false(cede_coap_options_next(&options, &option));
    assert_int_equal(options.reader.status, CEDE_OK);
}

static void test_message_refusals(void **state)
{
    static const struct {
        const char *hex;
        enum cede_status status;
    } cases[] = {
        {"", CEDE_TRUNCATED},
        {"400100", CEDE_TRUNCATED},
        {"8001000a", CEDE_COAP_VERSION},
        {"4901000a010203040506070809", CEDE_COAP_TOKEN_LENGTH},
        {"4401000a010203", CEDE_TRUNCATED},
        {"4001000aff", CEDE_COAP_MARKER},
        {"4001000af0", CEDE_COAP_OPTION},       /* delta 15, length 0 */
        {"4001000a0f", CEDE_COAP_OPTION},       /* length 15 */
        {"4001000ab36161", CEDE_TRUNCATED},     /* value cut off */
        {"4001000ad0", CEDE_TRUNCATED},         /* extended delta cut off */
        {"4001000ae0fef3", CEDE_COAP_OPTION},   /* 65536 */
        {"4001000ae0fef200", CEDE_OK},          /* 65535, then once more */
        {"4001000ae0fef210", CEDE_COAP_OPTION}, /* 65535 + 1 */
        {"4000000a", CEDE_OK},                  /* ping */
        {"4100000a01", CEDE_COAP_EMPTY_MESSAGE},
        {"4000000aff01", CEDE_COAP_EMPTY_MESSAGE},
        {"5000000a", CEDE_COAP_RESERVED_CODE}, /* an empty NON */
        {"6001000a", CEDE_COAP_RESERVED_CODE}, /* a request in an ACK */
        {"7045000a", CEDE_COAP_RESERVED_CODE}, /* a response in a RST */
        {"4020000a", CEDE_COAP_RESERVED_CODE}, /* 1.00 */
        {"40c0000a", CEDE_COAP_RESERVED_CODE}, /* 6.00 */
        {"40e1000a", CEDE_COAP_RESERVED_CODE}, /* 7.01 */
    };
    struct cede_coap_message message;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(decode_hex(cases[i].hex, &message), cases[i].status);
        if (cases[i].status != CEDE_OK) {
            assert_true(cede_span_is_null(message.options) && cede_span_is_null(message.payload));
        }
    }
}

static void test_reject_only_confirmable(void **state)
{
    uint8_t out[CEDE_COAP_EMPTY_LEN];
    uint8_t bytes[16];

    (void)state;
    assert_span(cede_coap_reject(hex(bytes, "4901beef"), out),
                CEDE_SPAN_ARRAY(((const uint8_t[]){0x70, 0x00, 0xbe, 0xef})));
    assert_true(cede_span_is_null(cede_coap_reject(hex(bytes, "5901beef"), out)));
    assert_true(cede_span_is_null(cede_coap_reject(hex(bytes, "6901beef"), out)));
    assert_true(cede_span_is_null(cede_coap_reject(hex(bytes, "8901beef"), out)));
    assert_true(cede_span_is_null(cede_coap_reject(hex(bytes, "4901be"), out)));
}

/* Every length class of delta and value: 12, 13, 268, 269 and more. */
static void test_encoder_round_trip(void **state)
{
    static const uint16_t numbers[] = {1, 13, 26, 294, 563, 832, 40000, 65535};
    static const size_t lens[] = {0, 12, 13, 268, 269, 600, 1, 2};
    static uint8_t value[600];
    uint8_t out[2048];
    struct cede_coap_encoder encoder;
    struct cede_span datagram;
    struct cede_coap_message message;
    struct cede_coap_options options;
    struct cede_coap_option option;

    (void)state;
    memset(value, 0x5a, sizeof(value));
    encoder = cede_coap_begin(CEDE_BUF_ARRAY(out), CEDE_COAP_NON, CEDE_COAP_PUT, 0x0102,
                              cede_span(value, 8));
    for (size_t i = 0; i < 8; i++) {
        cede_coap_put_option(&encoder, numbers[i], cede_span(value, lens[i]));
    }
    cede_coap_put_payload(&encoder, CEDE_SPAN_TEXT("x"));
    assert_int_equal(cede_coap_finish(&encoder, &datagram), CEDE_OK);
    assert_int_equal(cede_coap_decode(datagram, &message), CEDE_OK);
    assert_int_equal(message.token.len, 8);
    assert_text(message.payload, "x");
    options = cede_coap_options(message.options);
    for (size_t i = 0; i < 8; i++) {
        assert_true(cede_coap_options_next(&options, &option));
        assert_int_equal(option.number, numbers[i]);
        assert_int_equal(option.value.len, lens[i]);
    }
    assert_false(cede_coap_options_next(&options, &option));
    /* No prefix of the message is the message; where one decodes, it has no payload. */
    for (size_t len = 0; len < datagram.len; len++) {
        if (cede_coap_decode(cede_span(out, len), &message) == CEDE_OK) {
            assert_true(cede_span_is_null(message.payload));
        }
    }
}

static void test_encoder_refusals(void **state)
{
    uint8_t out[32];
    uint8_t token[9] = {0};
    struct cede_coap_encoder encoder;
    struct cede_span datagram;

    (void)state;
    encoder = cede_coap_begin(CEDE_BUF_ARRAY(out), CEDE_COAP_CON, CEDE_COAP_GET, 1,
                              CEDE_SPAN_ARRAY(token));
    assert_int_equal(cede_coap_finish(&encoder, &datagram), CEDE_COAP_TOKEN_LENGTH);

    encoder = cede_coap_begin(CEDE_BUF_ARRAY(out), CEDE_COAP_CON, CEDE_COAP_GET, 1, CEDE_SPAN_NULL);
    cede_coap_put_uint(&encoder, CEDE_COAP_ACCEPT, 1);
    cede_coap_put_uint(&encoder, CEDE_COAP_URI_PORT, 1);
    assert_int_equal(cede_coap_finish(&encoder, &datagram), CEDE_COAP_OPTION_ORDER);
    assert_true(cede_span_is_null(datagram));

    encoder = cede_coap_begin(CEDE_BUF_ARRAY(out), CEDE_COAP_CON, CEDE_COAP_GET, 1, CEDE_SPAN_NULL);
    cede_coap_put_payload(&encoder, CEDE_SPAN_TEXT("a"));
    cede_coap_put_uint(&encoder, CEDE_COAP_ACCEPT, 1);
    assert_int_equal(cede_coap_finish(&encoder, &datagram), CEDE_COAP_OPTION_ORDER);

    encoder = cede_coap_begin(CEDE_BUF_ARRAY(out), CEDE_COAP_CON, CEDE_COAP_GET, 1, CEDE_SPAN_NULL);
    cede_coap_put_payload(&encoder, CEDE_SPAN_TEXT("a"));
    cede_coap_put_payload(&encoder, CEDE_SPAN_TEXT("b"));
    assert_int_equal(cede_coap_finish(&encoder, &datagram), CEDE_COAP_OPTION_ORDER);

    encoder = cede_coap_begin(cede_buf(out, 6), CEDE_COAP_CON, CEDE_COAP_GET, 1, CEDE_SPAN_NULL);
    cede_coap_put_payload(&encoder, CEDE_SPAN_TEXT("ab"));
    assert_int_equal(cede_coap_finish(&encoder, &datagram), CEDE_NO_SPACE);
    assert_true(cede_span_is_null(datagram));
}

static void test_uint_options(void **state)
{
    uint8_t out[64];
    struct cede_coap_encoder encoder =
        cede_coap_begin(CEDE_BUF_ARRAY(out), CEDE_COAP_CON, CEDE_COAP_GET, 1, CEDE_SPAN_NULL);
    static const uint8_t five[5] = {0};
    static const uint8_t leading_zeros[3] = {0, 0, 7};
    struct cede_span datagram;
    struct cede_coap_message message;
    struct cede_span value;
    uint32_t number;

    (void)state;
    cede_coap_put_uint(&encoder, CEDE_COAP_OBSERVE, 0);
    cede_coap_put_uint(&encoder, CEDE_COAP_URI_PORT, 0x1234);
    cede_coap_put_option(&encoder, CEDE_COAP_CONTENT_FORMAT, CEDE_SPAN_ARRAY(five));
    cede_coap_put_option(&encoder, CEDE_COAP_MAX_AGE, CEDE_SPAN_ARRAY(leading_zeros));
    cede_coap_put_option(&encoder, CEDE_COAP_ACCEPT, CEDE_SPAN_ARRAY(five));
    assert_int_equal(cede_coap_finish(&encoder, &datagram), CEDE_OK);
    assert_int_equal(cede_coap_decode(datagram, &message), CEDE_OK);
    assert_true(cede_coap_find_option(&message, CEDE_COAP_OBSERVE, &value));
    assert_int_equal(value.len, 0);
    assert_int_equal(cede_coap_find_uint(&message, CEDE_COAP_URI_PORT, 9, &number), CEDE_OK);
    assert_int_equal(number, 0x1234);
    assert_int_equal(cede_coap_find_uint(&message, CEDE_COAP_MAX_AGE, 60, &number), CEDE_OK);
    assert_int_equal(number, 7);
    /* An elective option with a bad length is as good as absent, a critical one is refused. */
    assert_int_equal(cede_coap_find_uint(&message, CEDE_COAP_CONTENT_FORMAT, 9, &number), CEDE_OK);
    assert_int_equal(number, 9);
    assert_int_equal(cede_coap_find_uint(&message, CEDE_COAP_ACCEPT, 9, &number),
                     CEDE_COAP_OPTION_VALUE);
    assert_false(cede_coap_find_option(&message, CEDE_COAP_ECHO, &value));
    assert_true(cede_span_is_null(value));
}

static void test_critical_options(void **state)
{
    static const uint16_t known[] = {CEDE_COAP_URI_PATH, CEDE_COAP_ACCEPT, CEDE_COAP_URI_HOST};
    static const struct {
        const char *hex;
        uint16_t refused;
    } cases[] = {
        {"4001000ab1610161", 0},    /* Uri-Path twice: repeatable */
        {"4001000a40", 0},          /* ETag: elective, ignored */
        {"4001000a50", 5},          /* If-None-Match: critical, unknown */
        {"4001000a30", 3},          /* Uri-Host must have at least one byte */
        {"4001000ad104010102", 17}, /* Accept twice */
        {"4001000ad304010203", 17}, /* Accept of three bytes */
        {"4001000ad10401", 0},
    };
    struct cede_coap_message message;
    uint16_t number;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(decode_hex(cases[i].hex, &message), CEDE_OK);
        assert_int_equal(cede_coap_check_critical(&message, known, 3, &number),
                         cases[i].refused == 0 ? CEDE_OK : CEDE_COAP_CRITICAL);
        assert_int_equal(number, cases[i].refused);
    }
    assert_int_equal(cede_coap_error_code(CEDE_COAP_CRITICAL), CEDE_COAP_BAD_OPTION);
}

static void test_error_codes(void **state)
{
    (void)state;
    assert_int_equal(cede_coap_error_code(CEDE_COAP_BLOCK_MISSING), CEDE_COAP_CODE(4, 8));
    assert_int_equal(cede_coap_error_code(CEDE_COAP_BODY_TOO_LARGE), CEDE_COAP_CODE(4, 13));
    assert_int_equal(cede_coap_error_code(CEDE_COAP_BLOCK), CEDE_COAP_CODE(4, 0));
    assert_int_equal(cede_coap_error_code(CEDE_CRYPTO_TAG), CEDE_COAP_CODE(4, 1));
    assert_int_equal(cede_coap_error_code(CEDE_NO_SPACE), CEDE_COAP_CODE(5, 0));
    assert_int_equal(cede_coap_error_code(CEDE_COAP_TIMEOUT), CEDE_COAP_CODE(5, 3));
    assert_int_equal(cede_coap_error_code(CEDE_NOT_FOUND), CEDE_COAP_CODE(4, 4));
}

static void test_path_and_query(void **state)
{
    uint8_t out[128];
    struct cede_coap_encoder encoder =
        cede_coap_begin(CEDE_BUF_ARRAY(out), CEDE_COAP_CON, CEDE_COAP_GET, 1, CEDE_SPAN_NULL);
    uint8_t expected[32];
    struct cede_span datagram;
    struct cede_coap_message message;

    (void)state;
    cede_coap_put_path(&encoder, CEDE_SPAN_TEXT("a%20b/%C3%A9/"));
    cede_coap_put_query(&encoder, CEDE_SPAN_TEXT("x=1&y=%26"));
    assert_int_equal(cede_coap_finish(&encoder, &datagram), CEDE_OK);
    assert_int_equal(cede_coap_decode(datagram, &message), CEDE_OK);
    assert_true(cede_coap_path_equals(&message, CEDE_SPAN_TEXT("a b/\xc3\xa9/")));
    assert_false(cede_coap_path_equals(&message, CEDE_SPAN_TEXT("a b/\xc3\xa9")));
    assert_false(cede_coap_path_equals(&message, CEDE_SPAN_TEXT("a b/\xc3\xa9/x")));
    assert_false(cede_coap_path_equals(&message, CEDE_SPAN_TEXT("a b/\xc3\xa9//")));
    assert_span(message.options, hex(expected, "b3612062"
                                               "02c3a9"
                                               "00"
                                               "43783d31"
                                               "03793d26"));
}

static void test_path_with_bad_encoding(void **state)
{
    uint8_t out[64];
    struct cede_coap_encoder encoder =
        cede_coap_begin(CEDE_BUF_ARRAY(out), CEDE_COAP_CON, CEDE_COAP_GET, 1, CEDE_SPAN_NULL);
    struct cede_span datagram;

    (void)state;
    cede_coap_put_path(&encoder, CEDE_SPAN_TEXT("a%2"));
    assert_int_equal(cede_coap_finish(&encoder, &datagram), CEDE_COAP_URI);
}

/* --- URIs --------------------------------------------------------------------------------------
 */

static void test_uri_splits(void **state)
{
    struct cede_coap_uri uri;
    struct cede_coap_segments segments;
    struct cede_span segment;

    (void)state;
    assert_int_equal(
        cede_coap_uri_split(CEDE_SPAN_TEXT("COAP://Example.com:61616/est/%61//x?q=1&r"), &uri),
        CEDE_OK);
    assert_false(uri.secure);
    assert_int_equal(uri.host_kind, CEDE_COAP_HOST_NAME);
    assert_text(uri.host, "Example.com");
    assert_int_equal(uri.port, 61616);
    assert_text(uri.path, "est/%61//x");
    assert_text(uri.query, "q=1&r");
    segments = cede_coap_segments(uri.path, '/');
    assert_true(cede_coap_segments_next(&segments, &segment));
    assert_text(segment, "est");
    assert_true(cede_coap_segments_next(&segments, &segment));
    assert_text(segment, "%61");
    assert_true(cede_coap_segments_next(&segments, &segment));
    assert_int_equal(segment.len, 0);
    assert_true(cede_coap_segments_next(&segments, &segment));
    assert_text(segment, "x");
    assert_false(cede_coap_segments_next(&segments, &segment));
}

static void test_uri_hosts_and_ports(void **state)
{
    static const struct {
        const char *text;
        enum cede_coap_host kind;
        const char *host;
        uint16_t port;
    } cases[] = {
        {"coap://h", CEDE_COAP_HOST_NAME, "h", 5683},
        {"coaps://h/", CEDE_COAP_HOST_NAME, "h", 5684},
        {"coap://h:", CEDE_COAP_HOST_NAME, "h", 5683},
        {"coap://h:1?x", CEDE_COAP_HOST_NAME, "h", 1},
        {"coap://h%41:65535", CEDE_COAP_HOST_NAME, "h%41", 65535},
        {"coap://192.0.2.1", CEDE_COAP_HOST_IPV4, "192.0.2.1", 5683},
        {"coap://192.0.2.256", CEDE_COAP_HOST_NAME, "192.0.2.256", 5683},
        {"coap://[2001:db8::1]:61/a", CEDE_COAP_HOST_IPV6, "2001:db8::1", 61},
        {"coap://[::]", CEDE_COAP_HOST_IPV6, "::", 5683},
        {"coap://[1:2:3:4:5:6:7:8]", CEDE_COAP_HOST_IPV6, "1:2:3:4:5:6:7:8", 5683},
        {"coap://[::ffff:192.0.2.1]", CEDE_COAP_HOST_IPV6, "::ffff:192.0.2.1", 5683},
        {"coap://[1:2:3:4:5:6:192.0.2.1]", CEDE_COAP_HOST_IPV6, "1:2:3:4:5:6:192.0.2.1", 5683},
    };
    struct cede_coap_uri uri;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(cede_coap_uri_split(cede_span_string(cases[i].text), &uri), CEDE_OK);
        assert_int_equal(uri.host_kind, cases[i].kind);
        assert_text(uri.host, cases[i].host);
        assert_int_equal(uri.port, cases[i].port);
    }
}

static void test_uri_refusals(void **state)
{
    static const char *const refused[] = {
        "",
        "coap:",
        "coap://",
        "coap:///x",
        "http://h/",
        "//h/",
        "/x",
        "coap//h",
        "coap://h/#f",
        "coap://h#",
        "coap://u@h/",
        "coap://h:0",
        "coap://h:65536",
        "coap://h:1a",
        "coap://h:123456",
        "coap://h:-1",
        "coap://h/%",
        "coap://h/%4",
        "coap://h/%4g",
        "coap://h/a b",
        "coap://h/\"",
        "coap://h/./x",
        "coap://h/..",
        "coap://h/%2e%2E/x",
        "coap://h/.%2e",
        "coap://h?x=[",
        "coap://[::1",
        "coap://[]",
        "coap://[:]",
        "coap://[1:2:3:4:5:6:7]",
        "coap://[1:2:3:4:5:6:7:8:9]",
        "coap://[1::2::3]",
        "coap://[12345::]",
        "coap://[fe80::1%25eth0]",
        "coap://[::1]x",
        "coap://[1:2:3:4::5:6:7:8]",
        "coap://[v1.x]",
        "coap://[192.0.2.1]",
        "coap://[192.0.2.1::]",
        "coap://[:::]",
        "coap://h\x7f/",
    };
    char long_segment[300] = "coap://h/";
    struct cede_coap_uri uri;

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (cede_coap_uri_split(cede_span_string(refused[i]), &uri) != CEDE_COAP_URI) {
            fail_msg("accepted: %s", refused[i]);
        }
        assert_true(cede_span_is_null(uri.host));
    }
    memset(long_segment + 9, 'a', 255);
    assert_int_equal(cede_coap_uri_split(cede_span_string(long_segment), &uri), CEDE_OK);
    long_segment[9 + 255] = 'a';
    assert_int_equal(cede_coap_uri_split(cede_span_string(long_segment), &uri), CEDE_COAP_URI);
}

static void test_uri_host_option(void **state)
{
    uint8_t out[64];
    struct cede_coap_uri uri;
    struct cede_coap_encoder encoder;
    struct cede_span datagram;
    struct cede_coap_message message;
    struct cede_span host;

    (void)state;
    assert_int_equal(cede_coap_uri_split(CEDE_SPAN_TEXT("coap://S%4Ep.Example/a"), &uri), CEDE_OK);
    encoder = cede_coap_begin(CEDE_BUF_ARRAY(out), CEDE_COAP_CON, CEDE_COAP_GET, 1, CEDE_SPAN_NULL);
    cede_coap_put_host(&encoder, &uri);
    cede_coap_put_path(&encoder, uri.path);
    assert_int_equal(cede_coap_finish(&encoder, &datagram), CEDE_OK);
    assert_int_equal(cede_coap_decode(datagram, &message), CEDE_OK);
    assert_true(cede_coap_find_option(&message, CEDE_COAP_URI_HOST, &host));
    assert_text(host, "snp.example");
    assert_int_equal(cede_coap_uri_split(CEDE_SPAN_TEXT("coap://[::1]/a"), &uri), CEDE_OK);
    encoder = cede_coap_begin(CEDE_BUF_ARRAY(out), CEDE_COAP_CON, CEDE_COAP_GET, 1, CEDE_SPAN_NULL);
    cede_coap_put_host(&encoder, &uri);
    assert_int_equal(cede_coap_finish(&encoder, &datagram), CEDE_OK);
    assert_int_equal(datagram.len, 4);
}

/* --- the client's exchange ---------------------------------------------------------------------
 */

static const uint8_t get_request[] = {0x42, 0x01, 0x12, 0x34, 0xaa, 0xbb, 0xb1, 'a'};

static void start_get(struct cede_coap_exchange *exchange, uint64_t now_ms)
{
    memset(exchange, 0, sizeof(*exchange));
    assert_int_equal(cede_coap_exchange_start(exchange, &cede_coap_default_params, &crypto,
                                              CEDE_SPAN_ARRAY(get_request), now_ms),
                     CEDE_OK);
}

static struct cede_coap_step receive_hex(struct cede_coap_exchange *exchange, const char *text,
                                         uint64_t now_ms)
{
    static uint8_t bytes[64];

    return cede_coap_exchange_receive(exchange, hex(bytes, text), now_ms);
}

static void test_times_of_rfc7252(void **state)
{
    (void)state;
    assert_int_equal(cede_coap_max_transmit_wait_ms(&cede_coap_default_params), 93000);
    assert_int_equal(cede_coap_exchange_lifetime_ms(&cede_coap_default_params), 247000);
}

/* The intervals double, the last one ends the exchange, all inside the spans of RFC 7252, 4.8.2. */
static void test_exchange_retransmits_and_gives_up(void **state)
{
    struct cede_coap_exchange exchange;
    struct cede_coap_step step;

    (void)state;
    for (int run = 0; run < 50; run++) {
        uint64_t now_ms = 1000;
        uint64_t interval_ms;

        start_get(&exchange, now_ms);
        interval_ms = exchange.deadline_ms - now_ms;
        assert_in_range(interval_ms, 2000, 3000);
        assert_int_equal(cede_coap_exchange_timeout(&exchange, exchange.deadline_ms - 1).next,
                         CEDE_COAP_WAIT);
        for (int i = 0; i < 4; i++) {
            now_ms = exchange.deadline_ms;
            step = cede_coap_exchange_timeout(&exchange, now_ms);
            assert_int_equal(step.next, CEDE_COAP_RESEND);
            assert_int_equal(exchange.deadline_ms - now_ms, interval_ms << (i + 1));
            assert_true(now_ms <= 1000 + 45000);
        }
        step = cede_coap_exchange_timeout(&exchange, exchange.deadline_ms);
        assert_int_equal(step.next, CEDE_COAP_FAILED);
        assert_int_equal(step.reason, CEDE_COAP_TIMEOUT);
        assert_int_equal(exchange.deadline_ms, UINT64_MAX);
        assert_int_equal(cede_coap_exchange_timeout(&exchange, now_ms + 200000).next,
                         CEDE_COAP_WAIT);
    }
}

/* A device that slept resends at most every ACK_TIMEOUT and never behind MAX_TRANSMIT_SPAN. */
static void test_exchange_late_caller(void **state)
{
    struct cede_coap_exchange exchange;

    (void)state;
    start_get(&exchange, 0);
    assert_int_equal(cede_coap_exchange_timeout(&exchange, 40000).next, CEDE_COAP_RESEND);
    assert_int_equal(exchange.deadline_ms, 42000);
    assert_int_equal(cede_coap_exchange_timeout(&exchange, 45001).next, CEDE_COAP_WAIT);
    assert_int_equal(exchange.deadline_ms, 93000);
    assert_int_equal(cede_coap_exchange_timeout(&exchange, 93000).next, CEDE_COAP_FAILED);
}

static void test_exchange_piggybacked(void **state)
{
    struct cede_coap_exchange exchange;
    struct cede_coap_step step;

    (void)state;
    start_get(&exchange, 0);
    assert_int_equal(receive_hex(&exchange, "62451235aabbff31", 1).next, CEDE_COAP_WAIT);
    assert_int_equal(receive_hex(&exchange, "62451234aabcff31", 1).next, CEDE_COAP_WAIT);
    assert_int_equal(receive_hex(&exchange, "61451234aaff31", 1).next, CEDE_COAP_WAIT);
    step = receive_hex(&exchange, "62451234aabbff31", 2);
    assert_int_equal(step.next, CEDE_COAP_RESPONSE);
    assert_true(cede_span_is_null(step.send));
    assert_text(step.response.payload, "1");
    /* A copy of it is nothing new. */
    step = receive_hex(&exchange, "62451234aabbff31", 3);
    assert_int_equal(step.next, CEDE_COAP_WAIT);
    assert_true(cede_span_is_null(step.send));
}

static void test_exchange_separate(void **state)
{
    struct cede_coap_exchange exchange;
    struct cede_coap_step step;
    uint8_t bytes[8];

    (void)state;
    start_get(&exchange, 0);
    assert_int_equal(receive_hex(&exchange, "60001234", 100).next, CEDE_COAP_WAIT);
    assert_int_equal(exchange.deadline_ms, 93100);
    assert_int_equal(cede_coap_exchange_timeout(&exchange, 50000).next, CEDE_COAP_WAIT);
    step = receive_hex(&exchange, "42450001aabbff32", 60000);
    assert_int_equal(step.next, CEDE_COAP_RESPONSE);
    assert_span(step.send, hex(bytes, "60000001"));
    /* Our ACK was lost: the copy is acknowledged again, and reported no more. */
    step = receive_hex(&exchange, "42450001aabbff32", 62000);
    assert_int_equal(step.next, CEDE_COAP_WAIT);
    assert_span(step.send, hex(bytes, "60000001"));
    /* Also while the next request is outstanding. */
    {
        static const uint8_t next[] = {0x41, 0x01, 0x12, 0x35, 0xcc};

        assert_int_equal(cede_coap_exchange_start(&exchange, &cede_coap_default_params, &crypto,
                                                  CEDE_SPAN_ARRAY(next), 63000),
                         CEDE_OK);
    }
    step = receive_hex(&exchange, "42450001aabbff32", 64000);
    assert_int_equal(step.next, CEDE_COAP_WAIT);
    assert_span(step.send, hex(bytes, "60000001"));
    step = receive_hex(&exchange, "51450002ccff33", 64001); /* NON, before the ACK */
    assert_int_equal(step.next, CEDE_COAP_RESPONSE);
    assert_true(cede_span_is_null(step.send));
}

static void test_exchange_separate_never_comes(void **state)
{
    struct cede_coap_exchange exchange;
    struct cede_coap_step step;

    (void)state;
    start_get(&exchange, 0);
    (void)receive_hex(&exchange, "60001234", 100);
    step = cede_coap_exchange_timeout(&exchange, 93100);
    assert_int_equal(step.next, CEDE_COAP_FAILED);
    assert_int_equal(step.reason, CEDE_COAP_TIMEOUT);
}

static void test_exchange_reset_and_foreign(void **state)
{
    struct cede_coap_exchange exchange;
    struct cede_coap_step step;
    uint8_t bytes[8];

    (void)state;
    start_get(&exchange, 0);
    assert_int_equal(receive_hex(&exchange, "70001235", 1).next, CEDE_COAP_WAIT);
    step = receive_hex(&exchange, "42450009aabd", 1); /* another token */
    assert_int_equal(step.next, CEDE_COAP_WAIT);
    assert_span(step.send, hex(bytes, "70000009"));
    step = receive_hex(&exchange, "40000077", 1); /* ping */
    assert_span(step.send, hex(bytes, "70000077"));
    step = receive_hex(&exchange, "4f000078", 1); /* malformed */
    assert_span(step.send, hex(bytes, "70000078"));
    step = receive_hex(&exchange, "4f", 1);
    assert_true(cede_span_is_null(step.send));
    step = receive_hex(&exchange, "40010079", 1); /* a request: not for us */
    assert_true(cede_span_is_null(step.send));
    step = receive_hex(&exchange, "52450009aabd", 1); /* NON: silently */
    assert_true(cede_span_is_null(step.send));
    step = receive_hex(&exchange, "70001234", 2);
    assert_int_equal(step.next, CEDE_COAP_FAILED);
    assert_int_equal(step.reason, CEDE_COAP_RESET);
    assert_int_equal(receive_hex(&exchange, "62451234aabbff31", 3).next, CEDE_COAP_WAIT);
}

static void test_exchange_resume_after_forgery(void **state)
{
    struct cede_coap_exchange exchange;
    uint64_t deadline_ms;

    (void)state;
    start_get(&exchange, 0);
    deadline_ms = exchange.deadline_ms;
    assert_int_equal(receive_hex(&exchange, "62451234aabbff31", 1).next, CEDE_COAP_RESPONSE);
    cede_coap_exchange_resume(&exchange);
    assert_int_equal(exchange.deadline_ms, deadline_ms);
    assert_int_equal(cede_coap_exchange_timeout(&exchange, deadline_ms).next, CEDE_COAP_RESEND);
    assert_int_equal(receive_hex(&exchange, "62451234aabbff32", 1).next, CEDE_COAP_RESPONSE);
}

static void test_exchange_start_refusals(void **state)
{
    static const uint8_t response[] = {0x60, 0x45, 0, 1};
    struct cede_coap_params params = cede_coap_default_params;
    struct cede_coap_exchange exchange;

    (void)state;
    start_get(&exchange, 0);
    assert_int_equal(
        cede_coap_exchange_start(&exchange, &params, &crypto, CEDE_SPAN_ARRAY(get_request), 0),
        CEDE_COAP_BUSY);
    cede_coap_exchange_cancel(&exchange);
    assert_int_equal(
        cede_coap_exchange_start(&exchange, &params, &crypto, CEDE_SPAN_ARRAY(response), 0),
        CEDE_BAD_ARGUMENT);
    assert_int_equal(cede_coap_exchange_start(&exchange, &params, &crypto_without_random,
                                              CEDE_SPAN_ARRAY(get_request), 0),
                     CEDE_CRYPTO_RANDOM);
    params.max_retransmit = 21;
    assert_int_equal(
        cede_coap_exchange_start(&exchange, &params, &crypto, CEDE_SPAN_ARRAY(get_request), 0),
        CEDE_BAD_ARGUMENT);
    assert_int_equal(exchange.state, CEDE_COAP_DONE);
}

/* --- deduplication -----------------------------------------------------------------------------
 */

static void test_dedup(void **state)
{
    struct cede_coap_dedup_entry entries[4];
    uint8_t answers[4 * 8];
    struct cede_coap_dedup dedup;
    struct cede_span a = CEDE_SPAN_TEXT("192.0.2.1:1");
    struct cede_span b = CEDE_SPAN_TEXT("192.0.2.1:2");
    struct cede_span answer;

    (void)state;
    assert_int_equal(cede_coap_dedup_init(&dedup, entries, 0, CEDE_BUF_ARRAY(answers), 1000, 7),
                     CEDE_BAD_ARGUMENT);
    assert_int_equal(cede_coap_dedup_init(&dedup, entries, 4, CEDE_BUF_ARRAY(answers), 1000, 7),
                     CEDE_OK);
    assert_int_equal(cede_coap_dedup_check(&dedup, a, 1, 0, &answer), CEDE_COAP_NEW);
    assert_int_equal(cede_coap_dedup_check(&dedup, a, 1, 1, &answer), CEDE_COAP_IN_PROGRESS);
    assert_int_equal(cede_coap_dedup_check(&dedup, b, 1, 1, &answer), CEDE_COAP_NEW);
    assert_int_equal(cede_coap_dedup_check(&dedup, a, 2, 1, &answer), CEDE_COAP_NEW);
    assert_int_equal(cede_coap_dedup_store(&dedup, a, 1, CEDE_SPAN_TEXT("answer 1")), CEDE_OK);
    assert_int_equal(cede_coap_dedup_store(&dedup, b, 1, CEDE_SPAN_TEXT("too long!")),
                     CEDE_NO_SPACE);
    assert_int_equal(cede_coap_dedup_store(&dedup, b, 9, CEDE_SPAN_TEXT("x")), CEDE_NOT_FOUND);
    assert_int_equal(cede_coap_dedup_check(&dedup, a, 1, 2, &answer), CEDE_COAP_ANSWERED);
    assert_text(answer, "answer 1");
    assert_int_equal(cede_coap_dedup_check(&dedup, b, 1, 2, &answer), CEDE_COAP_IN_PROGRESS);
    /* Its lifetime over, the message id is free again. */
    assert_int_equal(cede_coap_dedup_check(&dedup, a, 1, 1001, &answer), CEDE_COAP_NEW);
    assert_true(cede_span_is_null(answer));
    assert_int_equal(cede_coap_dedup_check(&dedup, a, 1, 1002, &answer), CEDE_COAP_IN_PROGRESS);
    /* Full: the oldest goes, the youngest stay. */
    assert_int_equal(cede_coap_dedup_check(&dedup, a, 3, 1002, &answer), CEDE_COAP_NEW);
    assert_int_equal(cede_coap_dedup_check(&dedup, a, 4, 1002, &answer), CEDE_COAP_NEW);
    assert_int_equal(cede_coap_dedup_check(&dedup, a, 1, 1002, &answer), CEDE_COAP_IN_PROGRESS);
    assert_int_equal(cede_coap_dedup_check(&dedup, a, 3, 1002, &answer), CEDE_COAP_IN_PROGRESS);
}

/* Against a slow but obvious model: the last 16 keys. */
static void test_dedup_against_model(void **state)
{
    enum { COUNT = 16 };
    struct cede_coap_dedup_entry entries[COUNT];
    struct cede_coap_dedup dedup;
    uint32_t model[COUNT] = {0};
    size_t model_next = 0;
    struct cede_span answer;

    (void)state;
    seed_state = 42;
    assert_int_equal(cede_coap_dedup_init(&dedup, entries, COUNT, cede_buf(NULL, 0), 1u << 30, 1),
                     CEDE_OK);
    for (int i = 0; i < 20000; i++) {
        uint8_t peer = (uint8_t)(next_random() % 5);
        uint16_t id = (uint16_t)(next_random() % 9);
        uint32_t key = 0x1000000u | (uint32_t)peer << 16 | id;
        bool known = false;

        for (size_t k = 0; k < COUNT; k++) {
            known = known || model[k] == key;
        }
        if (!known) {
            model[model_next] = key;
            model_next = (model_next + 1) % COUNT;
        }
        assert_int_equal(cede_coap_dedup_check(&dedup, cede_span(&peer, 1), id, 5, &answer),
                         known ? CEDE_COAP_IN_PROGRESS : CEDE_COAP_NEW);
    }
}

/* --- block-wise --------------------------------------------------------------------------------
 */

static void test_block_option(void **state)
{
    uint8_t bytes[8];
    struct cede_coap_block block;

    (void)state;
    assert_int_equal(cede_coap_block_decode(hex(bytes, "0e"), &block), CEDE_OK); /* 0/1/1024 */
    assert_int_equal(block.number, 0);
    assert_true(block.more);
    assert_int_equal(cede_coap_block_size(block.szx), 1024);
    assert_int_equal(cede_coap_block_decode(hex(bytes, "fffff6"), &block), CEDE_OK);
    assert_int_equal(block.number, 0xfffff);
    assert_int_equal(cede_coap_block_value(&block), 0xfffff6);
    assert_int_equal(cede_coap_block_decode(hex(bytes, ""), &block), CEDE_OK);
    assert_int_equal(cede_coap_block_size(block.szx), 16);
    assert_int_equal(cede_coap_block_decode(hex(bytes, "07"), &block), CEDE_COAP_BLOCK);
    assert_int_equal(cede_coap_block_decode(hex(bytes, "00000000"), &block),
                     CEDE_COAP_OPTION_VALUE);
    assert_int_equal(cede_coap_block_fit(1024), 6);
    assert_int_equal(cede_coap_block_fit(1023), 5);
    assert_int_equal(cede_coap_block_fit(3), 0);
}

static void test_block_slice(void **state)
{
    uint8_t body[40] = {0};
    struct cede_coap_block block = {.number = 2, .szx = 0};
    struct cede_span slice;

    (void)state;
    assert_int_equal(cede_coap_block_slice(CEDE_SPAN_ARRAY(body), &block, &slice), CEDE_OK);
    assert_false(block.more);
    assert_int_equal(slice.len, 8);
    block.number = 1;
    assert_int_equal(cede_coap_block_slice(CEDE_SPAN_ARRAY(body), &block, &slice), CEDE_OK);
    assert_true(block.more);
    block.number = 3;
    assert_int_equal(cede_coap_block_slice(CEDE_SPAN_ARRAY(body), &block, &slice), CEDE_COAP_BLOCK);
    block.number = 2;
    assert_int_equal(cede_coap_block_slice(cede_span(body, 32), &block, &slice), CEDE_COAP_BLOCK);
    block.number = 0;
    assert_int_equal(cede_coap_block_slice(cede_span(body, 0), &block, &slice), CEDE_OK);
    assert_int_equal(slice.len, 0);
}

static void test_assembly(void **state)
{
    uint8_t body[40];
    uint8_t buffer[36];
    struct cede_buf room = CEDE_BUF_ARRAY(buffer);
    struct cede_coap_assembly assembly = {0};
    struct cede_coap_block block = {.more = true};

    (void)state;
    for (size_t i = 0; i < sizeof(body); i++) {
        body[i] = (uint8_t)i;
    }
    block.number = 1;
    assert_int_equal(cede_coap_assembly_add(&assembly, room, &block, cede_span(body, 16)),
                     CEDE_COAP_BLOCK_MISSING);
    block.number = 0;
    assert_int_equal(cede_coap_assembly_add(&assembly, room, &block, cede_span(body, 15)),
                     CEDE_COAP_BLOCK);
    assert_int_equal(cede_coap_assembly_add(&assembly, room, &block, cede_span(body, 16)), CEDE_OK);
    block.number = 2;
    assert_int_equal(cede_coap_assembly_add(&assembly, room, &block, cede_span(body, 16)),
                     CEDE_COAP_BLOCK_MISSING);
    block.number = 1;
    assert_int_equal(cede_coap_assembly_add(&assembly, room, &block, cede_span(body + 16, 16)),
                     CEDE_OK);
    assert_int_equal(cede_coap_assembly_add(&assembly, room, &block, cede_span(body + 16, 16)),
                     CEDE_OK); /* again */
    assert_int_equal(assembly.len, 32);
    assert_int_equal(cede_coap_assembly_add(&assembly, room, &block, cede_span(body, 16)),
                     CEDE_COAP_BLOCK_MISSING); /* again, but other bytes */
    block.number = 2;
    block.more = false;
    assert_int_equal(cede_coap_assembly_add(&assembly, room, &block, cede_span(body + 32, 5)),
                     CEDE_COAP_BODY_TOO_LARGE);
    assert_false(assembly.complete);
    assert_int_equal(cede_coap_assembly_add(&assembly, room, &block, cede_span(body + 32, 4)),
                     CEDE_OK);
    assert_true(assembly.complete);
    assert_memory_equal(buffer, body, 36);
    block.number = 3;
    assert_int_equal(cede_coap_assembly_add(&assembly, room, &block, cede_span(body, 1)),
                     CEDE_COAP_BLOCK_MISSING);
}

/* A server of one resource: takes a body, answers with its bytes inverted; or, on GET, a body. */
struct server {
    struct cede_coap_assembly assembly;
    uint8_t body[4096];
    size_t body_cap;
    uint8_t answer[4096];
    size_t answer_len;
    uint8_t szx_max;
    uint8_t etag;
    bool refuse_large_blocks;
};

static struct cede_span put_refusal(struct server *server, const struct cede_coap_message *request,
                                    enum cede_status status, uint8_t *out, size_t cap)
{
    struct cede_coap_encoder encoder =
        cede_coap_begin_response(cede_buf(out, cap), request, cede_coap_error_code(status), 0);
    struct cede_span datagram;

    if (status == CEDE_COAP_BODY_TOO_LARGE) {
        cede_coap_put_uint(&encoder, CEDE_COAP_SIZE1, (uint32_t)server->body_cap);
    }
    assert_int_equal(cede_coap_finish(&encoder, &datagram), CEDE_OK);
    return datagram;
}

static struct cede_span put_hint(const struct cede_coap_message *request,
                                 struct cede_coap_block block, uint8_t szx, uint8_t *out,
                                 size_t cap)
{
    struct cede_coap_encoder encoder =
        cede_coap_begin_response(cede_buf(out, cap), request, CEDE_COAP_REQUEST_TOO_LARGE, 0);
    struct cede_span datagram;

    block.szx = szx;
    cede_coap_put_uint(&encoder, CEDE_COAP_BLOCK1, cede_coap_block_value(&block));
    assert_int_equal(cede_coap_finish(&encoder, &datagram), CEDE_OK);
    return datagram;
}

static void act(struct server *server, struct cede_span body)
{
    if (body.len > 0) {
        server->answer_len = body.len;
        for (size_t i = 0; i < body.len; i++) {
            server->answer[i] = (uint8_t)~body.ptr[i];
        }
    }
}

static struct cede_span serve(struct server *server, struct cede_span datagram, uint8_t *out,
                              size_t cap)
{
    struct cede_coap_message request;
    struct cede_coap_upload upload;
    struct cede_coap_download download = {0};
    struct cede_coap_encoder encoder;
    struct cede_coap_block block;
    struct cede_span response;
    enum cede_status status;
    bool present;

    assert_int_equal(cede_coap_decode(datagram, &request), CEDE_OK);
    assert_int_equal(cede_coap_find_block(&request, CEDE_COAP_BLOCK1, &present, &block), CEDE_OK);
    if (server->refuse_large_blocks && present && block.szx > server->szx_max) {
        return put_hint(&request, block, server->szx_max, out, cap);
    }
    status = cede_coap_upload_receive(&server->assembly, cede_buf(server->body, server->body_cap),
                                      &request, server->szx_max, &upload);
    if (status != CEDE_OK) {
        return put_refusal(server, &request, status, out, cap);
    }
    encoder = cede_coap_begin_response(cede_buf(out, cap), &request,
                                       upload.complete ? CEDE_COAP_CONTENT : CEDE_COAP_CONTINUE, 0);
    if (upload.complete) {
        act(server, upload.body);
        status = cede_coap_download_slice(&request, cede_span(server->answer, server->answer_len),
                                          server->szx_max, &download);
        if (status != CEDE_OK) {
            return put_refusal(server, &request, status, out, cap);
        }
        cede_coap_put_option(&encoder, CEDE_COAP_ETAG, cede_span(&server->etag, 1));
    }
    if (download.has_block2) {
        cede_coap_put_uint(&encoder, CEDE_COAP_BLOCK2, cede_coap_block_value(&download.block2));
    }
    if (upload.has_block1) {
        cede_coap_put_uint(&encoder, CEDE_COAP_BLOCK1, cede_coap_block_value(&upload.block1));
    }
    cede_coap_put_payload(&encoder, download.slice);
    assert_int_equal(cede_coap_finish(&encoder, &response), CEDE_OK);
    return response;
}

static enum cede_status run_transfer(struct cede_coap_transfer *transfer, struct server *server,
                                     struct cede_span body, struct cede_buf buffer,
                                     struct cede_span *result, size_t *rounds)
{
    uint8_t request_bytes[1200];
    uint8_t response_bytes[1200];

    for (*rounds = 0; !transfer->done; ++*rounds) {
        struct cede_coap_encoder encoder =
            cede_coap_begin(CEDE_BUF_ARRAY(request_bytes), CEDE_COAP_CON, CEDE_COAP_POST,
                            (uint16_t)*rounds, CEDE_SPAN_TEXT("t"));
        struct cede_span request;
        struct cede_span response;
        struct cede_coap_message message;

        cede_coap_put_path(&encoder, CEDE_SPAN_TEXT("a"));
        cede_coap_transfer_put(transfer, body, &encoder);
        assert_int_equal(cede_coap_finish(&encoder, &request), CEDE_OK);
        assert_true(request.len <= cede_coap_block_size(transfer->szx) + 24);
        response = serve(server, request, response_bytes, sizeof(response_bytes));
        assert_int_equal(cede_coap_decode(response, &message), CEDE_OK);
        CEDE_TRY(cede_coap_transfer_receive(transfer, body, &message, buffer, result));
        assert_true(*rounds < 1000);
    }
    return CEDE_OK;
}

static void test_transfer_both_ways(void **state)
{
    static uint8_t body[2100];
    static uint8_t buffer[2100];
    static const size_t lens[] = {0, 1, 16, 17, 64, 65, 1024, 1025, 2048, 2100};
    static struct server server;
    struct cede_coap_transfer transfer;
    struct cede_span result;
    size_t rounds;

    (void)state;
    for (size_t i = 0; i < sizeof(body); i++) {
        body[i] = (uint8_t)(i * 7);
    }
    for (uint8_t client_szx = 0; client_szx <= CEDE_COAP_SZX_MAX; client_szx++) {
        for (uint8_t server_szx = 0; server_szx <= CEDE_COAP_SZX_MAX; server_szx++) {
            for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
                memset(&server, 0, sizeof(server));
                server.body_cap = sizeof(server.body);
                server.szx_max = server_szx;
                server.refuse_large_blocks = i % 2 == 1;
                cede_coap_transfer_start(&transfer, client_szx);
                assert_int_equal(run_transfer(&transfer, &server, cede_span(body, lens[i]),
                                              CEDE_BUF_ARRAY(buffer), &result, &rounds),
                                 CEDE_OK);
                assert_int_equal(transfer.code, CEDE_COAP_CONTENT);
                assert_int_equal(result.len, lens[i]);
                for (size_t k = 0; k < lens[i]; k++) {
                    assert_int_equal(result.ptr[k], (uint8_t)~body[k]);
                }
            }
        }
    }
}

static void test_transfer_refusals(void **state)
{
    static uint8_t body[200];
    static uint8_t buffer[64];
    static struct server server;
    struct cede_coap_transfer transfer;
    struct cede_span result;
    size_t rounds;

    (void)state;
    /* 4.13 from the announced size alone, before the second block. */
    server.body_cap = 100;
    server.szx_max = 2;
    cede_coap_transfer_start(&transfer, 2);
    assert_int_equal(run_transfer(&transfer, &server, CEDE_SPAN_ARRAY(body), CEDE_BUF_ARRAY(buffer),
                                  &result, &rounds),
                     CEDE_OK);
    assert_int_equal(transfer.code, CEDE_COAP_REQUEST_TOO_LARGE);
    assert_int_equal(rounds, 1);
    /* A response larger than the client's buffer. */
    memset(&server, 0, sizeof(server));
    server.body_cap = sizeof(server.body);
    server.answer_len = 65;
    cede_coap_transfer_start(&transfer, 0);
    assert_int_equal(
        run_transfer(&transfer, &server, CEDE_SPAN_NULL, CEDE_BUF_ARRAY(buffer), &result, &rounds),
        CEDE_COAP_BODY_TOO_LARGE);
    assert_true(cede_span_is_null(result));
}

static struct cede_coap_message response_view(uint8_t *bytes, const char *text)
{
    struct cede_coap_message message;

    assert_int_equal(cede_coap_decode(hex(bytes, text), &message), CEDE_OK);
    return message;
}

#define SIXTEEN "30303030303030303030303030303030"

static void test_transfer_strange_responses(void **state)
{
    uint8_t bytes[64];
    uint8_t buffer[64];
    struct cede_coap_transfer transfer;
    struct cede_coap_message message;
    struct cede_span result;

    (void)state;
    /* The first block of a response must be number 0. */
    cede_coap_transfer_start(&transfer, 0);
    message = response_view(bytes, "60450001d10a18ff" SIXTEEN);
    assert_int_equal(cede_coap_transfer_receive(&transfer, CEDE_SPAN_NULL, &message,
                                                CEDE_BUF_ARRAY(buffer), &result),
                     CEDE_COAP_BLOCK);
    /* ETag 01, then ETag 02: another version of the resource. */
    message = response_view(bytes, "604500014101d10608ff" SIXTEEN);
    assert_int_equal(cede_coap_transfer_receive(&transfer, CEDE_SPAN_NULL, &message,
                                                CEDE_BUF_ARRAY(buffer), &result),
                     CEDE_OK);
    assert_false(transfer.done);
    message = response_view(bytes, "604500014102d10618ff" SIXTEEN);
    assert_int_equal(cede_coap_transfer_receive(&transfer, CEDE_SPAN_NULL, &message,
                                                CEDE_BUF_ARRAY(buffer), &result),
                     CEDE_COAP_BODY_CHANGED);
    /* The same block again does not answer the request for the next. */
    message = response_view(bytes, "604500014101d10608ff" SIXTEEN);
    assert_int_equal(cede_coap_transfer_receive(&transfer, CEDE_SPAN_NULL, &message,
                                                CEDE_BUF_ARRAY(buffer), &result),
                     CEDE_COAP_BLOCK);
    /* An error in the middle ends it. */
    message = response_view(bytes, "60840001");
    assert_int_equal(cede_coap_transfer_receive(&transfer, CEDE_SPAN_NULL, &message,
                                                CEDE_BUF_ARRAY(buffer), &result),
                     CEDE_OK);
    assert_true(transfer.done);
    assert_int_equal(transfer.code, CEDE_COAP_RESOURCE_NOT_FOUND);
    /* 2.31 although nothing is left to send. */
    cede_coap_transfer_start(&transfer, 0);
    message = response_view(bytes, "605f0001");
    assert_int_equal(cede_coap_transfer_receive(&transfer, CEDE_SPAN_NULL, &message,
                                                CEDE_BUF_ARRAY(buffer), &result),
                     CEDE_COAP_BLOCK);
}

static void test_upload_refuses_mixed_formats(void **state)
{
    uint8_t bytes[64];
    uint8_t buffer[64];
    struct cede_coap_assembly assembly = {0};
    struct cede_coap_upload upload;
    struct cede_coap_message message;

    (void)state;
    message = response_view(bytes, "40020001c13cd10208ff" SIXTEEN);
    assert_int_equal(
        cede_coap_upload_receive(&assembly, CEDE_BUF_ARRAY(buffer), &message, 6, &upload), CEDE_OK);
    assert_false(upload.complete);
    message = response_view(bytes, "40020002c12ad10210ff3030");
    assert_int_equal(
        cede_coap_upload_receive(&assembly, CEDE_BUF_ARRAY(buffer), &message, 6, &upload),
        CEDE_COAP_BLOCK_MISSING);
    message = response_view(bytes, "40020002c13cd10210ff3030");
    assert_int_equal(
        cede_coap_upload_receive(&assembly, CEDE_BUF_ARRAY(buffer), &message, 6, &upload), CEDE_OK);
    assert_true(upload.complete);
    assert_int_equal(upload.body.len, 18);
    message = response_view(bytes, "40020003d10e17ff3030"); /* szx 7 */
    assert_int_equal(
        cede_coap_upload_receive(&assembly, CEDE_BUF_ARRAY(buffer), &message, 6, &upload),
        CEDE_COAP_BLOCK);
}

/* --- both ends over a bad network ---------------------------------------------------------------
 */

/* Datagrams under way: lost, doubled and delayed, so also reordered. */
#define WIRE_COUNT 64

struct wire {
    struct packet {
        uint64_t arrives_at_ms; /* 0: free */
        bool to_server;
        size_t len;
        uint8_t bytes[64];
    } packets[WIRE_COUNT];
    unsigned loss_percent;
};

static void put_packet(struct wire *wire, bool to_server, struct cede_span datagram,
                       uint64_t now_ms)
{
    for (size_t i = 0; i < WIRE_COUNT; i++) {
        struct packet *packet = &wire->packets[i];

        if (packet->arrives_at_ms == 0) {
            assert_true(datagram.len <= sizeof(packet->bytes));
            packet->arrives_at_ms = now_ms + 1 + next_random() % 4000;
            packet->to_server = to_server;
            packet->len = datagram.len;
            memcpy(packet->bytes, datagram.ptr, datagram.len);
            return;
        }
    }
}

static void send_packet(struct wire *wire, bool to_server, struct cede_span datagram,
                        uint64_t now_ms)
{
    if (cede_span_is_null(datagram)) {
        return;
    }
    if (!chance(wire->loss_percent)) {
        put_packet(wire, to_server, datagram, now_ms);
    }
    if (chance(25)) {
        put_packet(wire, to_server, datagram, now_ms);
    }
}

static struct packet *next_packet(struct wire *wire)
{
    struct packet *first = NULL;

    for (size_t i = 0; i < WIRE_COUNT; i++) {
        struct packet *packet = &wire->packets[i];

        if (packet->arrives_at_ms != 0 &&
            (first == NULL || packet->arrives_at_ms < first->arrives_at_ms)) {
            first = packet;
        }
    }
    return first;
}

struct world {
    struct wire wire;
    struct cede_coap_dedup dedup;
    struct cede_coap_dedup_entry entries[32];
    uint8_t answers[32 * 32];
    unsigned acted[512]; /* how often each request was acted on */
};

static void server_receives(struct world *world, struct cede_span datagram, uint64_t now_ms)
{
    uint8_t out[32];
    struct cede_coap_message request;
    struct cede_coap_encoder encoder;
    struct cede_span answer;

    assert_int_equal(cede_coap_decode(datagram, &request), CEDE_OK);
    if (!cede_coap_is_request(&request)) {
        return;
    }
    switch (cede_coap_dedup_check(&world->dedup, CEDE_SPAN_TEXT("client"), request.message_id,
                                  now_ms, &answer)) {
    case CEDE_COAP_ANSWERED:
        send_packet(&world->wire, false, answer, now_ms);
        return;
    case CEDE_COAP_IN_PROGRESS:
        fail_msg("answered at once, so never in progress");
        return;
    case CEDE_COAP_NEW:
        break;
    }
    world->acted[request.message_id]++;
    encoder = cede_coap_begin_response(CEDE_BUF_ARRAY(out), &request, CEDE_COAP_CHANGED, 0);
    cede_coap_put_payload(&encoder, request.token);
    assert_int_equal(cede_coap_finish(&encoder, &answer), CEDE_OK);
    assert_int_equal(
        cede_coap_dedup_store(&world->dedup, CEDE_SPAN_TEXT("client"), request.message_id, answer),
        CEDE_OK);
    send_packet(&world->wire, false, answer, now_ms);
}

/* One request until it is answered or given up. Returns true when answered. */
static bool run_request(struct world *world, struct cede_coap_exchange *exchange, uint16_t id,
                        uint64_t *now_ms)
{
    uint8_t bytes[16];
    uint8_t token[2] = {(uint8_t)(id >> 8), (uint8_t)id};
    struct cede_coap_encoder encoder = cede_coap_begin(CEDE_BUF_ARRAY(bytes), CEDE_COAP_CON,
                                                       CEDE_COAP_POST, id, CEDE_SPAN_ARRAY(token));
    struct cede_span request;

    assert_int_equal(cede_coap_finish(&encoder, &request), CEDE_OK);
    assert_int_equal(
        cede_coap_exchange_start(exchange, &cede_coap_default_params, &crypto, request, *now_ms),
        CEDE_OK);
    send_packet(&world->wire, true, request, *now_ms);
    for (;;) {
        struct packet *packet = next_packet(&world->wire);
        struct cede_coap_step step;

        if (packet != NULL && packet->arrives_at_ms <= exchange->deadline_ms) {
            struct packet arrived = *packet;

            *now_ms = arrived.arrives_at_ms;
            packet->arrives_at_ms = 0;
            if (arrived.to_server) {
                server_receives(world, cede_span(arrived.bytes, arrived.len), *now_ms);
                continue;
            }
            step = cede_coap_exchange_receive(exchange, cede_span(arrived.bytes, arrived.len),
                                              *now_ms);
            if (step.next == CEDE_COAP_RESPONSE) {
                assert_span(step.response.payload, CEDE_SPAN_ARRAY(token));
                return true;
            }
        } else {
            *now_ms = exchange->deadline_ms;
            step = cede_coap_exchange_timeout(exchange, *now_ms);
            if (step.next == CEDE_COAP_FAILED) {
                return false;
            }
            if (step.next == CEDE_COAP_RESEND) {
                send_packet(&world->wire, true, request, *now_ms);
            }
        }
    }
}

/* However the network misbehaves: the server acts at most once, exactly once on what is answered,
 * and the client gets the answer to its own request. */
static void test_bad_network(void **state)
{
    static struct world world;
    struct cede_coap_exchange exchange = {0};
    uint64_t now_ms = 1;
    unsigned answered = 0;

    (void)state;
    seed_state = 20260101;
    assert_int_equal(
        cede_coap_dedup_init(&world.dedup, world.entries, 32, CEDE_BUF_ARRAY(world.answers),
                             cede_coap_exchange_lifetime_ms(&cede_coap_default_params), 99),
        CEDE_OK);
    for (uint16_t id = 0; id < 500; id++) {
        world.wire.loss_percent = id < 250 ? 30 : 60;
        if (run_request(&world, &exchange, id, &now_ms)) {
            answered++;
            assert_int_equal(world.acted[id], 1);
        }
        assert_true(world.acted[id] <= 1);
    }
    assert_true(answered > 400);
}

/* --- what is refused, one by one ---------------------------------------------------------------
 */

static void test_dedup_limits(void **state)
{
    static const uint8_t long_bytes[UINT16_MAX + 1];
    struct cede_coap_dedup_entry entries[2];
    struct cede_coap_dedup dedup;
    struct cede_span peer = CEDE_SPAN_TEXT("192.0.2.1:1"), answer;
    struct cede_span long_peer = cede_span(long_bytes, CEDE_COAP_PEER_LEN_MAX + 1);

    (void)state;
    assert_int_equal(cede_coap_dedup_init(&dedup, NULL, 2, cede_buf(NULL, 0), 1000, 7),
                     CEDE_BAD_ARGUMENT);
    assert_int_equal(cede_coap_dedup_init(&dedup, entries, 2, cede_buf(NULL, 0), 1000, 7), CEDE_OK);
    for (int i = 0; i < 2; i++) { /* cannot be remembered: new each time */
        assert_int_equal(cede_coap_dedup_check(&dedup, long_peer, 1, 0, &answer), CEDE_COAP_NEW);
        assert_int_equal(cede_coap_dedup_check(&dedup, CEDE_SPAN_NULL, 1, 0, &answer),
                         CEDE_COAP_NEW);
    }
    assert_int_equal(cede_coap_dedup_store(&dedup, long_peer, 1, peer), CEDE_NOT_FOUND);
    assert_int_equal(cede_coap_dedup_store(&dedup, CEDE_SPAN_NULL, 1, peer), CEDE_NOT_FOUND);
    assert_int_equal(cede_coap_dedup_check(&dedup, peer, 1, 0, &answer), CEDE_COAP_NEW);
    assert_int_equal(cede_coap_dedup_store(&dedup, peer, 1, CEDE_SPAN_ARRAY(long_bytes)),
                     CEDE_NO_SPACE);
    assert_int_equal(cede_coap_dedup_store(&dedup, peer, 1, CEDE_SPAN_TEXT("x")), CEDE_NO_SPACE);
    assert_int_equal(cede_coap_dedup_store(&dedup, peer, 1, cede_span(long_bytes, 0)), CEDE_OK);
    assert_int_equal(cede_coap_dedup_check(&dedup, peer, 1, 0, &answer), CEDE_COAP_ANSWERED);
    assert_int_equal(answer.len, 0);
}

static void test_exchange_params(void **state)
{
    static const uint8_t malformed[] = {0x40, 1, 0};
    struct cede_coap_exchange exchange = {.state = CEDE_COAP_IDLE};
    struct cede_coap_params bad[3];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        bad[i] = cede_coap_default_params;
    }
    bad[0].ack_timeout_ms = 0;
    bad[1].ack_random_permille = 999;
    bad[2].ack_random_permille = 100001;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(
            cede_coap_exchange_start(&exchange, &bad[i], &crypto, CEDE_SPAN_ARRAY(get_request), 0),
            CEDE_BAD_ARGUMENT);
    }
    assert_int_equal(cede_coap_exchange_start(&exchange, &cede_coap_default_params, &crypto,
                                              CEDE_SPAN_ARRAY(malformed), 0),
                     CEDE_TRUNCATED);
    cede_coap_exchange_resume(&exchange); /* nothing to resume */
    assert_int_equal(exchange.state, CEDE_COAP_IDLE);
}

/* A non-confirmable request is not sent again; a Reset ends it, an acknowledged one's does not. */
static void test_exchange_non(void **state)
{
    static const uint8_t request[] = {0x51, 0x01, 0x12, 0x34, 0xaa};
    struct cede_coap_exchange exchange = {.state = CEDE_COAP_IDLE};
    struct cede_coap_step step;
    uint8_t bytes[8];

    (void)state;
    step = receive_hex(&exchange, "41450009aa", 1); /* nobody has asked */
    assert_int_equal(step.next, CEDE_COAP_WAIT);
    assert_span(step.send, hex(bytes, "70000009"));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(cede_coap_exchange_start(&exchange, &cede_coap_default_params, &crypto,
                                                  CEDE_SPAN_ARRAY(request), 0),
                         CEDE_OK);
        assert_int_equal(exchange.state, CEDE_COAP_WAIT_RESPONSE);
        assert_int_equal(exchange.deadline_ms, cede_coap_default_params.response_timeout_ms);
        if (i == 0) {
            assert_int_equal(receive_hex(&exchange, "70001235", 1).next, CEDE_COAP_WAIT);
            step = receive_hex(&exchange, "70001234", 1);
            assert_int_equal(step.next, CEDE_COAP_FAILED);
            assert_int_equal(step.reason, CEDE_COAP_RESET);
        }
    }
    step = receive_hex(&exchange, "51450009aaff31", 2);
    assert_int_equal(step.next, CEDE_COAP_RESPONSE);
    cede_coap_exchange_resume(&exchange);
    assert_int_equal(exchange.state, CEDE_COAP_WAIT_RESPONSE);
    cede_coap_exchange_cancel(&exchange);
    cede_coap_exchange_resume(&exchange);
    assert_int_equal(exchange.state, CEDE_COAP_DONE);
    /* Acknowledged, a confirmable request is beyond Resets. */
    start_get(&exchange, 0);
    assert_int_equal(receive_hex(&exchange, "60001234", 1).next, CEDE_COAP_WAIT);
    assert_int_equal(receive_hex(&exchange, "70001234", 2).next, CEDE_COAP_WAIT);
}

static enum cede_status take_response(struct cede_coap_transfer *transfer, const char *text,
                                      size_t body_len, size_t cap)
{
    static const uint8_t body[64];
    uint8_t bytes[64], buffer[64];
    struct cede_coap_message message = response_view(bytes, text);
    struct cede_span result;

    return cede_coap_transfer_receive(transfer, cede_span(body, body_len), &message,
                                      cede_buf(buffer, cap), &result);
}

/* A transfer of 40 bytes in blocks of 16, whose first block has been written. */
static struct cede_coap_transfer begun_upload(uint8_t szx)
{
    static const uint8_t body[40];
    uint8_t bytes[128];
    struct cede_coap_encoder encoder =
        cede_coap_begin(CEDE_BUF_ARRAY(bytes), CEDE_COAP_CON, CEDE_COAP_POST, 1, CEDE_SPAN_NULL);
    struct cede_coap_transfer transfer;

    cede_coap_transfer_start(&transfer, szx);
    cede_coap_transfer_put(&transfer, CEDE_SPAN_ARRAY(body), &encoder);
    return transfer;
}

static void test_transfer_upload_answers(void **state)
{
    static const struct {
        const char *response;
        enum cede_status status;
    } cases[] = {
        {"605f0001", CEDE_COAP_BLOCK},                    /* 2.31 without Block1 */
        {"605f0001d10e18", CEDE_COAP_BLOCK},              /* of another block */
        {"605f0001d40e00000008", CEDE_COAP_OPTION_VALUE}, /* Block1 of four bytes */
        {"605f0001d10a07", CEDE_COAP_BLOCK},              /* Block2 of reserved size */
        {"605f0001d10e08", CEDE_OK},                      /* go on */
        {"608d0001", CEDE_OK},                            /* 4.13 is the result */
        {"608d0001d10e08", CEDE_OK},                      /* also with the size we have */
        {"60800001ff303132", CEDE_COAP_BODY_TOO_LARGE},   /* a result that does not fit */
    };
    struct cede_coap_transfer transfer;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        transfer = begun_upload(0);
        assert_int_equal(take_response(&transfer, cases[i].response, 40, 2), cases[i].status);
        assert_int_equal(transfer.sent_len, i == 4 ? 16 : 0);
        assert_int_equal(transfer.done, i == 5 || i == 6);
    }
    transfer = begun_upload(1);
    assert_int_equal(take_response(&transfer, "608d0001d10e08", 40, 2), CEDE_OK);
    assert_false(transfer.done); /* 4.13 with a smaller size: once more with that */
    assert_int_equal(transfer.szx, 0);
    assert_int_equal(take_response(&transfer, "605f0001d10e18", 40, 2), CEDE_COAP_BLOCK);
}

static void test_transfer_download_answers(void **state)
{
    struct cede_coap_transfer transfer;

    (void)state;
    cede_coap_transfer_start(&transfer, 7); /* as large as there is */
    assert_int_equal(transfer.szx, CEDE_COAP_SZX_MAX);
    cede_coap_transfer_start(&transfer, 0);
    assert_int_equal(take_response(&transfer, "60450001d10a09ff" SIXTEEN SIXTEEN, 0, 64),
                     CEDE_COAP_BLOCK); /* larger blocks than asked for */
    assert_int_equal(
        take_response(&transfer, "6045000149010203040506070809d10608ff" SIXTEEN, 0, 64),
        CEDE_COAP_BLOCK); /* an ETag of nine bytes */
    assert_int_equal(take_response(&transfer, "60450001d10a08ff" SIXTEEN, 0, 64), CEDE_OK);
    assert_int_equal(take_response(&transfer, "60440001d10a18ff" SIXTEEN, 0, 64),
                     CEDE_COAP_BODY_CHANGED); /* another code */
    assert_int_equal(take_response(&transfer, "604500014101d10618ff" SIXTEEN, 0, 64),
                     CEDE_COAP_BODY_CHANGED); /* an ETag where none was */
    assert_int_equal(take_response(&transfer, "60450001ff30", 0, 64),
                     CEDE_COAP_BLOCK); /* no block */
    assert_int_equal(take_response(&transfer, "608d0001d10e00", 0, 64), CEDE_OK);
    assert_true(transfer.done); /* a late 4.13 is a result */
}

static void test_assembly_refusals(void **state)
{
    static const uint8_t sixteen[16] = {1}, other[16] = {2};
    struct cede_coap_assembly assembly = {.len = 0};
    struct cede_coap_block block = {.more = true};
    struct cede_span slice;
    uint8_t buffer[40];

    (void)state;
    assert_int_equal(
        cede_coap_assembly_add(&assembly, CEDE_BUF_ARRAY(buffer), &block, cede_span(sixteen, 16)),
        CEDE_OK);
    block.number = 1;
    assert_int_equal(
        cede_coap_assembly_add(&assembly, CEDE_BUF_ARRAY(buffer), &block, cede_span(sixteen, 16)),
        CEDE_OK);
    assert_int_equal(
        cede_coap_assembly_add(&assembly, CEDE_BUF_ARRAY(buffer), &block, cede_span(other, 16)),
        CEDE_COAP_BLOCK_MISSING); /* the block came before, with other bytes */
    block.more = false;
    assert_int_equal(
        cede_coap_assembly_add(&assembly, CEDE_BUF_ARRAY(buffer), &block, cede_span(buffer, 17)),
        CEDE_COAP_BLOCK_MISSING); /* or longer */
    assert_int_equal(
        cede_coap_assembly_add(&assembly, CEDE_BUF_ARRAY(buffer), &block, cede_span(sixteen, 0)),
        CEDE_OK);
    block.number = 2;
    assert_int_equal(
        cede_coap_assembly_add(&assembly, cede_buf(buffer, 20), &block, cede_span(sixteen, 0)),
        CEDE_COAP_BODY_TOO_LARGE);
    assert_int_equal(
        cede_coap_assembly_add(&assembly, CEDE_BUF_ARRAY(buffer), &block, cede_span(sixteen, 0)),
        CEDE_OK);
    assert_true(assembly.complete);
    assert_int_equal(
        cede_coap_assembly_add(&assembly, CEDE_BUF_ARRAY(buffer), &block, cede_span(sixteen, 1)),
        CEDE_COAP_BLOCK_MISSING); /* whole already */
    block.number = 0x100000;
    assert_int_equal(cede_coap_block_slice(CEDE_SPAN_ARRAY(sixteen), &block, &slice),
                     CEDE_COAP_BLOCK);
}

static enum cede_status upload(struct cede_coap_assembly *assembly, const char *text)
{
    uint8_t bytes[64];
    static uint8_t buffer[64];
    struct cede_coap_message message;
    struct cede_coap_upload result;

    assert_int_equal(cede_coap_decode(hex(bytes, text), &message), CEDE_OK);
    return cede_coap_upload_receive(assembly, CEDE_BUF_ARRAY(buffer), &message, 6, &result);
}

static void test_upload_and_download_refusals(void **state)
{
    struct cede_coap_assembly assembly = {.len = 0};
    struct cede_coap_download download;
    struct cede_coap_message message;
    uint8_t bytes[16];

    (void)state;
    assert_int_equal(upload(&assembly, "40020001d10e07"), CEDE_COAP_BLOCK);
    assert_int_equal(upload(&assembly, "40020001d10e08ff3030"), CEDE_COAP_BLOCK); /* not full */
    assert_int_equal(upload(&assembly, "40020001c0ff00"), CEDE_OK);               /* no Block1 */
    assert_int_equal(upload(&assembly, "40020001c0d10208ff" SIXTEEN), CEDE_OK);
    assert_int_equal(upload(&assembly, "40020001d10e18ff" SIXTEEN), CEDE_COAP_BLOCK_MISSING);
    assert_int_equal(upload(&assembly, "40020001c13cd10218ff" SIXTEEN), CEDE_COAP_BLOCK_MISSING);
    assert_int_equal(upload(&assembly, "40020001c0d10218ff" SIXTEEN), CEDE_OK);
    assert_int_equal(cede_coap_decode(hex(bytes, "40010001d10a07"), &message), CEDE_OK);
    assert_int_equal(cede_coap_download_slice(&message, CEDE_SPAN_TEXT("body"), 6, &download),
                     CEDE_COAP_BLOCK);
    assert_int_equal(cede_coap_decode(hex(bytes, "40010001d10a10"), &message), CEDE_OK);
    assert_int_equal(cede_coap_download_slice(&message, CEDE_SPAN_TEXT("body"), 6, &download),
                     CEDE_COAP_BLOCK); /* behind the end */
    assert_false(download.has_block2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message_decodes),
        cmocka_unit_test(test_message_refusals),
        cmocka_unit_test(test_reject_only_confirmable),
        cmocka_unit_test(test_encoder_round_trip),
        cmocka_unit_test(test_encoder_refusals),
        cmocka_unit_test(test_uint_options),
        cmocka_unit_test(test_critical_options),
        cmocka_unit_test(test_error_codes),
        cmocka_unit_test(test_path_and_query),
        cmocka_unit_test(test_path_with_bad_encoding),
        cmocka_unit_test(test_uri_splits),
        cmocka_unit_test(test_uri_hosts_and_ports),
        cmocka_unit_test(test_uri_refusals),
        cmocka_unit_test(test_uri_host_option),
        cmocka_unit_test(test_times_of_rfc7252),
        cmocka_unit_test(test_exchange_retransmits_and_gives_up),
        cmocka_unit_test(test_exchange_late_caller),
        cmocka_unit_test(test_exchange_piggybacked),
        cmocka_unit_test(test_exchange_separate),
        cmocka_unit_test(test_exchange_separate_never_comes),
        cmocka_unit_test(test_exchange_reset_and_foreign),
        cmocka_unit_test(test_exchange_resume_after_forgery),
        cmocka_unit_test(test_exchange_start_refusals),
        cmocka_unit_test(test_dedup),
        cmocka_unit_test(test_dedup_limits),
        cmocka_unit_test(test_exchange_params),
        cmocka_unit_test(test_exchange_non),
        cmocka_unit_test(test_transfer_upload_answers),
        cmocka_unit_test(test_transfer_download_answers),
        cmocka_unit_test(test_assembly_refusals),
        cmocka_unit_test(test_upload_and_download_refusals),
        cmocka_unit_test(test_dedup_against_model),
        cmocka_unit_test(test_block_option),
        cmocka_unit_test(test_block_slice),
        cmocka_unit_test(test_assembly),
        cmocka_unit_test(test_transfer_both_ways),
        cmocka_unit_test(test_transfer_refusals),
        cmocka_unit_test(test_transfer_strange_responses),
        cmocka_unit_test(test_upload_refuses_mixed_formats),
        cmocka_unit_test(test_bad_network),
    };

    seed_state = 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
