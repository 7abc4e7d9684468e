/* SPDX-License-Identifier: Apache-2.0 */
/* oscore_test.c - RFC 8613 with its appendix C, Echo (RFC 9175), EDHOC over CoAP and RFC 9668. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cede/oscore.h"
#include "hex.h"
#include "proto/oscore/oscore_internal.h"

/* --- helpers ---------------------------------------------------------------------------------- */

static uint64_t seed_state = 1;

static uint64_t next_random(void)
{
    seed_state ^= seed_state << 13;
    seed_state ^= seed_state >> 7;
    seed_state ^= seed_state << 17;
    return seed_state;
}

/* Each test runs on both back ends. */
static const struct cede_crypto *crypto;

static int use_openssl(void **state)
{
    (void)state;
    crypto = cede_crypto_openssl();
    return 0;
}

static int use_psa(void **state)
{
    (void)state;
    crypto = cede_crypto_psa();
    return 0;
}

static void assert_span(struct cede_span got, struct cede_span expected)
{
    assert_int_equal(got.len, expected.len);
    assert_memory_equal(got.ptr, expected.ptr, expected.len);
}

#define MASTER_SECRET "0102030405060708090a0b0c0d0e0f10"
#define MASTER_SALT   "9e7ca92223786340"

static struct cede_oscore_params params_of(struct cede_span salt, struct cede_span sender_id,
                                           struct cede_span recipient_id,
                                           struct cede_span id_context)
{
    static uint8_t secret[16];
    struct cede_oscore_params params = {
        .master_secret = hex_into(CEDE_BUF_ARRAY(secret), MASTER_SECRET),
        .master_salt = salt,
        .sender_id = sender_id,
        .recipient_id = recipient_id,
        .id_context = id_context,
    };

    return params;
}

/* The contexts of appendix C.1: client id empty, server id 01. */
static struct cede_oscore_context c1_context(bool client)
{
    struct cede_span empty = cede_span((const uint8_t *)"", 0);
    struct cede_oscore_context context;
    struct cede_oscore_params params = params_of(HEX(MASTER_SALT), client ? empty : HEX("01"),
                                                 client ? HEX("01") : empty, CEDE_SPAN_NULL);

    assert_int_equal(cede_oscore_init(&context, crypto, &params), CEDE_OK);
    return context;
}

#define BUFFER_LEN 1500

struct pair {
    struct cede_oscore_context client;
    struct cede_oscore_context server;
    struct cede_oscore_exchange at_client;
    struct cede_oscore_exchange at_server;
    uint8_t wire_bytes[BUFFER_LEN];
    uint8_t plain_bytes[BUFFER_LEN];
};

static struct pair new_pair(void)
{
    struct pair pair = {.client = c1_context(true), .server = c1_context(false)};

    return pair;
}

static struct cede_span protect_request(struct pair *pair, struct cede_span request)
{
    struct cede_span datagram;

    assert_int_equal(cede_oscore_protect_request(&pair->client, crypto, CEDE_OSCORE_PLAIN, request,
                                                 &pair->at_client, CEDE_BUF_ARRAY(pair->wire_bytes),
                                                 &datagram),
                     CEDE_OK);
    return datagram;
}

static enum cede_status unprotect_request(struct pair *pair, struct cede_span datagram,
                                          struct cede_span *request)
{
    return cede_oscore_unprotect_request(&pair->server, crypto, datagram, &pair->at_server,
                                         CEDE_BUF_ARRAY(pair->plain_bytes), request);
}

static struct cede_span protect_response(struct pair *pair, unsigned flags,
                                         struct cede_span response)
{
    struct cede_span datagram;

    assert_int_equal(cede_oscore_protect_response(&pair->server, crypto, flags, response,
                                                  &pair->at_server,
                                                  CEDE_BUF_ARRAY(pair->wire_bytes), &datagram),
                     CEDE_OK);
    return datagram;
}

static enum cede_status unprotect_response(struct pair *pair, struct cede_span datagram,
                                           struct cede_span *response)
{
    return cede_oscore_unprotect_response(&pair->client, crypto, datagram, &pair->at_client,
                                          CEDE_BUF_ARRAY(pair->plain_bytes), response);
}

static struct cede_coap_message decoded(struct cede_span datagram)
{
    struct cede_coap_message message;

    assert_int_equal(cede_coap_decode(datagram, &message), CEDE_OK);
    return message;
}

/* --- appendix C.1 to C.3: derivation ------------------------------------------------------------
 */

static const struct derivation {
    const char *salt, *client_id, *server_id, *id_context;
    const char *client_key, *server_key, *common_iv, *client_nonce, *server_nonce;
} derivations[] = {
    /* C.1 */
    {MASTER_SALT, "", "01", NULL, "f0910ed7295e6ad4b54fc793154302ff",
     "ffb14e093c94c9cac9471648b4f98710", "4622d4dd6d944168eefb54987c", "4622d4dd6d944168eefb54987c",
     "4722d4dd6d944169eefb54987c"},
    /* C.2 */
    {"", "00", "01", NULL, "321b26943253c7ffb6003b0b64d74041", "e57b5635815177cd679ab4bcec9d7dda",
     "be35ae297d2dace910c52e99f9", "bf35ae297d2dace910c52e99f9", "bf35ae297d2dace810c52e99f9"},
    /* C.3 */
    {MASTER_SALT, "", "01", "37cbf3210017a2d3", "af2a1300a5e95788b356336eeecd2b92",
     "e39a0c7c77b43f03b4b39ab9a268699f", "2ca58fb85ff1b81c0b7181b85e", "2ca58fb85ff1b81c0b7181b85e",
     "2da58fb85ff1b81d0b7181b85e"},
};

static void test_derivation(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(derivations) / sizeof(derivations[0]); i++) {
        const struct derivation *vector = &derivations[i];
        uint8_t bytes[6][32];
        struct cede_span client_id = hex_into(CEDE_BUF_ARRAY(bytes[0]), vector->client_id);
        struct cede_span server_id = hex_into(CEDE_BUF_ARRAY(bytes[1]), vector->server_id);
        struct cede_span id_context = CEDE_SPAN_NULL;
        struct cede_oscore_context client;
        struct cede_oscore_context server;
        struct cede_oscore_params params;

        if (vector->id_context != NULL) {
            id_context = hex_into(CEDE_BUF_ARRAY(bytes[2]), vector->id_context);
        }
        params = params_of(hex_into(CEDE_BUF_ARRAY(bytes[3]), vector->salt), client_id, server_id,
                           id_context);
        assert_int_equal(cede_oscore_init(&client, crypto, &params), CEDE_OK);
        params.sender_id = server_id;
        params.recipient_id = client_id;
        assert_int_equal(cede_oscore_init(&server, crypto, &params), CEDE_OK);
        assert_span(cede_span(client.sender.key, 16),
                    hex_into(CEDE_BUF_ARRAY(bytes[4]), vector->client_key));
        assert_memory_equal(server.recipient.key, client.sender.key, 16);
        assert_span(cede_span(client.recipient.key, 16),
                    hex_into(CEDE_BUF_ARRAY(bytes[4]), vector->server_key));
        assert_memory_equal(server.sender.key, client.recipient.key, 16);
        assert_span(cede_span(client.common_iv, 13),
                    hex_into(CEDE_BUF_ARRAY(bytes[4]), vector->common_iv));
        assert_memory_equal(server.common_iv, client.common_iv, 13);
    }
}

static void test_init_refusals(void **state)
{
    struct cede_span one = HEX("01");
    struct cede_span two = HEX("02");
    uint8_t long_bytes[33] = {1};
    struct cede_oscore_params good = params_of(CEDE_SPAN_NULL, one, two, CEDE_SPAN_NULL);
    struct cede_oscore_params bad[10];
    struct cede_oscore_context context;
    static const struct cede_oscore_context empty;
    uint32_t words[4];

    (void)state;
    for (size_t i = 0; i < 10; i++) {
        bad[i] = good;
    }
    bad[0].recipient_id = one;
    bad[1].sender_id = cede_span(long_bytes, 8);
    bad[2].id_context = CEDE_SPAN_ARRAY(long_bytes);
    bad[3].aead_alg = CEDE_ALG_HMAC_256;
    bad[4].hash_alg = CEDE_ALG_A128GCM;
    bad[5].master_secret = CEDE_SPAN_NULL;
    bad[6].window_len = 64; /* no memory for it */
    bad[8].window_len = 96; /* no power of two */
    bad[8].window = words;
    bad[9].window_len = UINT16_C(1) << 15 | 1;
    bad[9].window = words;
    bad[7].aead_alg = CEDE_ALG_A128GCM; /* 12-byte nonce: ids of at most 6 */
    bad[7].recipient_id = cede_span(long_bytes, 7);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(cede_oscore_init(&context, crypto, &bad[i]), CEDE_BAD_ARGUMENT);
        assert_memory_equal(&context, &empty, sizeof(context));
    }
    assert_int_equal(cede_oscore_init(&context, crypto, &good), CEDE_OK);
    cede_oscore_wipe(&context);
    assert_memory_equal(&context, &empty, sizeof(context));
}

/* --- appendix C.4 to C.8: messages --------------------------------------------------------------
 */

static const struct request_vector {
    const struct derivation *derivation;
    unsigned flags;
    const char *unprotected, *protected_, *option;
} request_vectors[] = {
    /* C.4 */
    {&derivations[0], CEDE_OSCORE_PLAIN, "44015d1f00003974396c6f63616c686f737483747631",
     "44025d1f00003974396c6f63616c686f7374620914ff612f1092f1776f1c1668b3825e", "0914"},
    /* C.5 */
    {&derivations[1], CEDE_OSCORE_PLAIN, "440171c30000b932396c6f63616c686f737483747631",
     "440271c30000b932396c6f63616c686f737463091400ff4ed339a5a379b0b8bc731fffb0", "091400"},
    /* C.6 */
    {&derivations[2], CEDE_OSCORE_SEND_KID_CONTEXT, "44012f8eef9bbf7a396c6f63616c686f737483747631",
     "44022f8eef9bbf7a396c6f63616c686f73746b19140837cbf3210017a2d3ff72cd7273fd331ac45cffbe55c3",
     "19140837cbf3210017a2d3"},
};

static void init_both(struct pair *pair, const struct derivation *vector, uint8_t bytes[4][32])
{
    struct cede_oscore_params params = params_of(
        hex_into(cede_buf(bytes[0], 32), vector->salt),
        hex_into(cede_buf(bytes[1], 32), vector->client_id),
        hex_into(cede_buf(bytes[2], 32), vector->server_id),
        vector->id_context == NULL ? CEDE_SPAN_NULL
                                   : hex_into(cede_buf(bytes[3], 32), vector->id_context));
    struct cede_span client_id = params.sender_id;

    memset(pair, 0, sizeof(*pair));
    assert_int_equal(cede_oscore_init(&pair->client, crypto, &params), CEDE_OK);
    params.sender_id = params.recipient_id;
    params.recipient_id = client_id;
    assert_int_equal(cede_oscore_init(&pair->server, crypto, &params), CEDE_OK);
}

static void test_appendix_c_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(request_vectors) / sizeof(request_vectors[0]); i++) {
        const struct request_vector *vector = &request_vectors[i];
        uint8_t bytes[4][32];
        uint8_t text[2][96];
        struct cede_span unprotected = hex_into(CEDE_BUF_ARRAY(text[0]), vector->unprotected);
        struct cede_span protected_ = hex_into(CEDE_BUF_ARRAY(text[1]), vector->protected_);
        struct cede_span datagram;
        struct cede_oscore_header header;
        struct cede_coap_message message = decoded(protected_);
        struct pair pair;

        init_both(&pair, vector->derivation, bytes);
        pair.client.sender_seq = 20;
        assert_int_equal(cede_oscore_protect_request(&pair.client, crypto, vector->flags,
                                                     unprotected, &pair.at_client,
                                                     CEDE_BUF_ARRAY(pair.wire_bytes), &datagram),
                         CEDE_OK);
        assert_span(datagram, protected_);
        assert_int_equal(pair.client.sender_seq, 21);
        assert_int_equal(cede_oscore_peek(&message, &header), CEDE_OK);
        assert_true(cede_oscore_matches(&pair.server, &header));
        assert_int_equal(unprotect_request(&pair, protected_, &datagram), CEDE_OK);
        assert_span(datagram, unprotected);
        assert_int_equal(unprotect_request(&pair, protected_, &datagram), CEDE_OSCORE_REPLAY);
        assert_true(cede_span_is_null(datagram));
    }
}

static void test_appendix_c_responses(void **state)
{
    static const struct {
        unsigned flags;
        const char *protected_;
    } vectors[] = {
        /* C.7 */
        {CEDE_OSCORE_PLAIN, "64445d1f0000397490ffdbaad1e9a7e7b2a813d3c31524378303cdafae119106"},
        /* C.8 */
        {CEDE_OSCORE_NEW_PARTIAL_IV,
         "64445d1f00003974920100ff4d4c13669384b67354b2b6175ff4b8658c666a6cf88e"},
    };
    struct cede_span unprotected = HEX("64455d1f00003974ff48656c6c6f20576f726c6421");

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct pair pair = new_pair();
        uint8_t bytes[64];
        struct cede_span got;

        pair.client.sender_seq = 20;
        assert_int_equal(unprotect_request(&pair,
                                           protect_request(&pair, HEX("44015d1f00003974396c6f6361"
                                                                      "6c686f737483747631")),
                                           &got),
                         CEDE_OK);
        got = protect_response(&pair, vectors[i].flags, unprotected);
        assert_span(got, hex_into(CEDE_BUF_ARRAY(bytes), vectors[i].protected_));
        assert_int_equal(pair.server.sender_seq, i);
        assert_int_equal(
            unprotect_response(&pair, hex_into(CEDE_BUF_ARRAY(bytes), vectors[i].protected_), &got),
            CEDE_OK);
        assert_span(got, unprotected);
        /* Only one response is accepted. */
        assert_int_equal(
            unprotect_response(&pair, hex_into(CEDE_BUF_ARRAY(bytes), vectors[i].protected_), &got),
            CEDE_OSCORE_REPLAY);
    }
}

/* --- the option ---------------------------------------------------------------------------------
 */

/* The examples of RFC 8613, 6.3. */
static void test_option_examples(void **state)
{
    static const struct {
        const char *value, *piv, *kid, *kid_context;
    } cases[] = {
        {"090525", "05", "25", NULL},
        {"0900", "00", "", NULL},
        {"19050544616c656b", "05", "", "44616c656b"},
        {"", NULL, NULL, NULL},
        {"0107", "07", NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        uint8_t bytes[32];
        uint8_t field[32];
        uint8_t out[CEDE_OSCORE_OPTION_LEN_MAX];
        struct cede_span value = hex_into(CEDE_BUF_ARRAY(bytes), cases[i].value);
        struct cede_span encoded;
        struct cede_oscore_header header;
        const char *const texts[] = {cases[i].piv, cases[i].kid, cases[i].kid_context};

        assert_int_equal(cede_oscore_decode_option(value, &header), CEDE_OK);
        for (size_t k = 0; k < 3; k++) {
            struct cede_span got =
                k == 0 ? header.partial_iv : (k == 1 ? header.kid : header.kid_context);

            assert_int_equal(cede_span_is_null(got), texts[k] == NULL);
            if (texts[k] != NULL) {
                assert_span(got, hex_into(CEDE_BUF_ARRAY(field), texts[k]));
            }
        }
        assert_int_equal(cede_oscore_encode_option(&header, CEDE_BUF_ARRAY(out), &encoded),
                         CEDE_OK);
        assert_span(encoded, value);
    }
}

static void test_option_refusals(void **state)
{
    static const char *const refused[] = {
        "00", /* explicit zero */
        "29",
        "49",
        "89",             /* reserved bits */
        "0e000000000000", /* n = 6 */
        "0f00000000000000",
        "0a0001", /* leading zero */
        "0a01",   /* partial IV cut off */
        "1905",
        "19050544616c65", /* kid context cut off */
        "010500",         /* trailing byte, no kid flag */
        "1105024142ff",
    };
    struct cede_oscore_header header;
    uint8_t bytes[32];

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        assert_int_equal(
            cede_oscore_decode_option(hex_into(CEDE_BUF_ARRAY(bytes), refused[i]), &header),
            CEDE_OSCORE_OPTION);
        assert_true(cede_span_is_null(header.partial_iv) && cede_span_is_null(header.kid));
    }
}

static void test_request_refusals(void **state)
{
    struct pair pair = new_pair();
    struct cede_span request;

    (void)state;
    /* No OSCORE option; no payload; the option twice; no kid; no partial IV; unknown kid. */
    assert_int_equal(unprotect_request(&pair, HEX("40020001ff00"), &request),
                     CEDE_OSCORE_UNPROTECTED);
    assert_int_equal(unprotect_request(&pair, HEX("40020001920914"), &request), CEDE_OSCORE_OPTION);
    assert_int_equal(
        unprotect_request(&pair, HEX("400200019209140 20914 ff00112233445566778899"), &request),
        CEDE_OSCORE_OPTION);
    assert_int_equal(
        unprotect_request(&pair, HEX("40020001920114ff00112233445566778899"), &request),
        CEDE_OSCORE_OPTION);
    assert_int_equal(unprotect_request(&pair, HEX("400200019108ff00112233445566778899"), &request),
                     CEDE_OSCORE_OPTION);
    assert_int_equal(
        unprotect_request(&pair, HEX("4002000193091455ff00112233445566778899"), &request),
        CEDE_OSCORE_NO_CONTEXT);
    /* A kid context of a context that has none. */
    assert_int_equal(
        unprotect_request(&pair, HEX("40020001941914 0141ff00112233445566778899"), &request),
        CEDE_OSCORE_NO_CONTEXT);
    /* Forged, and shorter than a tag. */
    assert_int_equal(
        unprotect_request(&pair, HEX("40020001920914ff00112233445566778899"), &request),
        CEDE_OSCORE_DECRYPTION);
    assert_int_equal(unprotect_request(&pair, HEX("40020001920914ff0011223344556677"), &request),
                     CEDE_OSCORE_DECRYPTION);
    assert_int_equal(pair.server.window.seen, 0);
    /* An OSCORE response where a request should be. */
    assert_int_equal(
        unprotect_request(&pair, HEX("40440001920914ff00112233445566778899"), &request),
        CEDE_OSCORE_OPTION);
}

static void test_protect_refusals(void **state)
{
    struct pair pair = new_pair();
    struct cede_oscore_context before = pair.client;
    struct cede_span datagram;
    struct cede_buf out = CEDE_BUF_ARRAY(pair.wire_bytes);

    (void)state;
    assert_int_equal(cede_oscore_protect_request(&pair.client, crypto, 0, HEX("4002000190ff00"),
                                                 &pair.at_client, out, &datagram),
                     CEDE_OSCORE_NESTED);
    assert_int_equal(cede_oscore_protect_request(&pair.client, crypto, 0, HEX("40450001ff00"),
                                                 &pair.at_client, out, &datagram),
                     CEDE_BAD_ARGUMENT);
    /* Proxy-Uri */
    assert_int_equal(cede_oscore_protect_request(&pair.client, crypto, 0, HEX("40010001d11661"),
                                                 &pair.at_client, out, &datagram),
                     CEDE_BAD_ARGUMENT);
    assert_int_equal(cede_oscore_protect_request(&pair.client, crypto, 0, HEX("49"),
                                                 &pair.at_client, out, &datagram),
                     CEDE_TRUNCATED);
    assert_memory_equal(&pair.client, &before, sizeof(before));
    assert_int_equal(cede_oscore_protect_response(&pair.server, crypto, 0, HEX("40010001"),
                                                  &pair.at_server, out, &datagram),
                     CEDE_BAD_ARGUMENT);
    /* Every buffer that is too small. */
    for (size_t cap = 0; cap < 18; cap++) {
        assert_int_equal(cede_oscore_protect_request(&pair.client, crypto, 0, HEX("40010001b161"),
                                                     &pair.at_client, cede_buf(out.ptr, cap),
                                                     &datagram),
                         CEDE_NO_SPACE);
        assert_true(cede_span_is_null(datagram));
    }
}

/* --- classes of options --------------------------------------------------------------------------
 */

/* Every option of figure 5: U stays outside, E does not show, all come back in order. */
static void test_option_classes(void **state)
{
    static const uint16_t numbers[] = {1,  3,  4,  5,  7,  8,  11, 11,  12,  14,  15,
                                       17, 20, 23, 27, 28, 39, 60, 252, 258, 292, 2049};
    static const bool outer[] = {0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0};
    struct pair pair = new_pair();
    uint8_t bytes[256];
    struct cede_coap_encoder encoder = cede_coap_begin(
        CEDE_BUF_ARRAY(bytes), CEDE_COAP_CON, CEDE_COAP_PUT, 0x1234, CEDE_SPAN_TEXT("token"));
    struct cede_span request;
    struct cede_span datagram;
    struct cede_span value;
    struct cede_coap_message message;

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        cede_coap_put_option(&encoder, numbers[i], CEDE_SPAN_TEXT("v"));
    }
    cede_coap_put_payload(&encoder, CEDE_SPAN_TEXT("payload"));
    assert_int_equal(cede_coap_finish(&encoder, &request), CEDE_OK);
    datagram = protect_request(&pair, request);
    message = decoded(datagram);
    assert_int_equal(message.code, CEDE_COAP_POST);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        assert_int_equal(cede_coap_find_option(&message, numbers[i], &value), outer[i]);
    }
    assert_int_equal(unprotect_request(&pair, datagram, &value), CEDE_OK);
    assert_span(value, request);
}

/* A message of random options, some outer, some inner, in ascending order. */
static struct cede_span random_message(uint8_t *bytes, bool request)
{
    static const uint8_t value[300] = {0};
    struct cede_coap_encoder encoder = cede_coap_begin(cede_buf(bytes, BUFFER_LEN), CEDE_COAP_NON,
                                                       request ? CEDE_COAP_PUT : CEDE_COAP_CONTENT,
                                                       7, cede_span(value, next_random() % 9));
    uint32_t number = 0;
    struct cede_span message;

    for (unsigned count = (unsigned)(next_random() % 8); count > 0; count--) {
        bool far = next_random() % 8 == 0;
        size_t len = next_random() % 8 == 0 ? next_random() % 300 : next_random() % 16;

        number += (uint32_t)(next_random() % (far ? 400 : 12));
        if (number == 0 || number == CEDE_COAP_OSCORE || number == CEDE_COAP_PROXY_URI ||
            number == CEDE_COAP_OBSERVE) {
            continue;
        }
        cede_coap_put_option(&encoder, (uint16_t)number, cede_span(value, len));
    }
    cede_coap_put_payload(&encoder, cede_span(value, next_random() % 40));
    assert_int_equal(cede_coap_finish(&encoder, &message), CEDE_OK);
    return message;
}

/* Whatever the options are: what was protected comes back, in exactly the datagram's room. */
static void test_random_messages(void **state)
{
    struct pair pair = new_pair();
    uint8_t bytes[BUFFER_LEN];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        struct cede_span plain = random_message(bytes, true);
        struct cede_span datagram = protect_request(&pair, plain);
        struct cede_span got;

        assert_true(datagram.len <= plain.len + CEDE_OSCORE_OVERHEAD);
        assert_int_equal(
            cede_oscore_unprotect_request(&pair.server, crypto, datagram, &pair.at_server,
                                          cede_buf(pair.plain_bytes, datagram.len), &got),
            CEDE_OK);
        assert_span(got, plain);
        plain = random_message(bytes, false);
        datagram =
            protect_response(&pair, next_random() % 2 ? CEDE_OSCORE_NEW_PARTIAL_IV : 0, plain);
        assert_int_equal(
            cede_oscore_unprotect_response(&pair.client, crypto, datagram, &pair.at_client,
                                           cede_buf(pair.plain_bytes, datagram.len), &got),
            CEDE_OK);
        assert_span(got, plain);
    }
}

/* Outer class E options that someone adds are discarded, class U ones kept (8.2, step 1). */
static void test_injected_outer_options(void **state)
{
    struct pair pair = new_pair();
    struct cede_coap_message message;
    struct cede_coap_encoder encoder;
    uint8_t bytes[128];
    struct cede_span datagram = protect_request(&pair, HEX("41010001aab161"));
    struct cede_span value;

    (void)state;
    message = decoded(datagram);
    assert_true(cede_coap_find_option(&message, CEDE_COAP_OSCORE, &value));
    encoder =
        cede_coap_begin(CEDE_BUF_ARRAY(bytes), CEDE_COAP_NON, message.code, 0x77, message.token);
    cede_coap_put_option(&encoder, CEDE_COAP_IF_MATCH, CEDE_SPAN_TEXT("m"));
    cede_coap_put_option(&encoder, CEDE_COAP_URI_HOST, CEDE_SPAN_TEXT("h"));
    cede_coap_put_option(&encoder, CEDE_COAP_OBSERVE, CEDE_SPAN_TEXT(""));
    cede_coap_put_option(&encoder, CEDE_COAP_OSCORE, value);
    cede_coap_put_option(&encoder, CEDE_COAP_URI_PATH, CEDE_SPAN_TEXT("evil"));
    cede_coap_put_option(&encoder, CEDE_COAP_NO_RESPONSE, CEDE_SPAN_TEXT("\x1a"));
    cede_coap_put_payload(&encoder, message.payload);
    assert_int_equal(cede_coap_finish(&encoder, &datagram), CEDE_OK);
    assert_int_equal(unprotect_request(&pair, datagram, &value), CEDE_OK);
    assert_span(value, HEX("51010077aa 3168 8161")); /* Uri-Host h, Uri-Path a */
    assert_false(pair.at_server.observe);
}

/* An EDHOC option left in place is an unprocessed critical option for the application. */
static void test_leftover_edhoc_option(void **state)
{
    static const uint16_t known[] = {CEDE_COAP_URI_PATH};
    struct pair pair = new_pair();
    struct cede_span datagram = protect_request(&pair, HEX("41010001aab161"));
    struct cede_coap_message message = decoded(datagram);
    struct cede_coap_encoder encoder;
    uint8_t bytes[128];
    struct cede_span value;
    uint16_t number;

    (void)state;
    assert_true(cede_coap_find_option(&message, CEDE_COAP_OSCORE, &value));
    encoder = cede_coap_begin(CEDE_BUF_ARRAY(bytes), CEDE_COAP_CON, message.code, 1, message.token);
    cede_coap_put_option(&encoder, CEDE_COAP_OSCORE, value);
    cede_coap_put_uint(&encoder, CEDE_COAP_EDHOC, 0);
    cede_coap_put_payload(&encoder, message.payload);
    assert_int_equal(cede_coap_finish(&encoder, &datagram), CEDE_OK);
    assert_int_equal(unprotect_request(&pair, datagram, &value), CEDE_OK);
    message = decoded(value);
    assert_int_equal(cede_coap_check_critical(&message, known, 1, &number), CEDE_COAP_CRITICAL);
    assert_int_equal(number, CEDE_COAP_EDHOC);
}

/* Figure 5 of RFC 8613 line by line, with what later RFCs have added: where an option goes, and
 * whether an outer one that somebody adds on the way comes through. */
static void test_figure_5(void **state)
{
    static const struct {
        uint16_t number;
        bool inner, outer, kept;
    } options[] = {
        {CEDE_COAP_IF_MATCH, true, false, false},
        {CEDE_COAP_URI_HOST, false, true, true},
        {CEDE_COAP_ETAG, true, false, false},
        {CEDE_COAP_IF_NONE_MATCH, true, false, false},
        {CEDE_COAP_OBSERVE, true, true, false},
        {CEDE_COAP_URI_PORT, false, true, true},
        {CEDE_COAP_LOCATION_PATH, true, false, false},
        {CEDE_COAP_URI_PATH, true, false, false},
        {CEDE_COAP_CONTENT_FORMAT, true, false, false},
        {CEDE_COAP_MAX_AGE, true, false, false},
        {CEDE_COAP_URI_QUERY, true, false, false},
        {CEDE_COAP_HOP_LIMIT, true, false, false},
        {CEDE_COAP_ACCEPT, true, false, false},
        {CEDE_COAP_LOCATION_QUERY, true, false, false},
        {CEDE_COAP_EDHOC, false, true, true},
        {CEDE_COAP_BLOCK2, true, false, false},
        {CEDE_COAP_BLOCK1, true, false, false},
        {CEDE_COAP_SIZE2, true, false, false},
        {CEDE_COAP_PROXY_SCHEME, false, true, true},
        {CEDE_COAP_SIZE1, true, false, false},
        {CEDE_COAP_ECHO, true, false, false},
        {CEDE_COAP_NO_RESPONSE, true, false, false},
        {CEDE_COAP_REQUEST_TAG, true, false, false},
        {65001, true, false, false}, /* unknown */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        struct pair pair = new_pair();
        uint8_t bytes[128];
        struct cede_coap_encoder encoder =
            cede_coap_begin(CEDE_BUF_ARRAY(bytes), CEDE_COAP_CON, CEDE_COAP_GET, 1, CEDE_SPAN_NULL);
        struct cede_span request, datagram, plain, value, found;
        struct cede_coap_message message;

        cede_coap_put_option(&encoder, options[i].number, CEDE_SPAN_TEXT("v"));
        assert_int_equal(cede_coap_finish(&encoder, &request), CEDE_OK);
        datagram = protect_request(&pair, request);
        message = decoded(datagram);
        assert_int_equal(cede_coap_find_option(&message, options[i].number, &value),
                         options[i].outer);
        /* Once through as it is: nothing is lost. */
        assert_int_equal(unprotect_request(&pair, datagram, &plain), CEDE_OK);
        assert_span(plain, request);
        /* Somebody adds it outside a message that has none. */
        datagram = protect_request(&pair, HEX("40010001"));
        message = decoded(datagram);
        assert_true(cede_coap_find_option(&message, CEDE_COAP_OSCORE, &value));
        encoder =
            cede_coap_begin(CEDE_BUF_ARRAY(bytes), CEDE_COAP_CON, message.code, 1, CEDE_SPAN_NULL);
        if (options[i].number < CEDE_COAP_OSCORE) {
            cede_coap_put_option(&encoder, options[i].number, CEDE_SPAN_TEXT("v"));
        }
        cede_coap_put_option(&encoder, CEDE_COAP_OSCORE, value);
        if (options[i].number > CEDE_COAP_OSCORE) {
            cede_coap_put_option(&encoder, options[i].number, CEDE_SPAN_TEXT("v"));
        }
        cede_coap_put_payload(&encoder, message.payload);
        assert_int_equal(cede_coap_finish(&encoder, &datagram), CEDE_OK);
        assert_int_equal(unprotect_request(&pair, datagram, &plain), CEDE_OK);
        message = decoded(plain);
        assert_int_equal(cede_coap_find_option(&message, options[i].number, &found),
                         options[i].kept);
        assert_false(cede_coap_find_option(&message, CEDE_COAP_OSCORE, &found));
        assert_int_equal(options[i].inner && options[i].kept, false);
    }
}

/* --- replay window
 * -------------------------------------------------------------------------------- */

/* A window in the caller's memory lets through what comes 100 numbers late; the one of 32 does not,
 * and neither takes anything twice. */
static void test_larger_window(void **state)
{
    struct cede_oscore_params params =
        params_of(HEX(MASTER_SALT), HEX("01"), cede_span((const uint8_t *)"", 0), CEDE_SPAN_NULL);
    uint32_t words[4] = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};
    struct pair pair = new_pair();
    uint8_t early[64];
    struct cede_span first, plain;

    (void)state;
    assert_int_equal(
        cede_copy(CEDE_BUF_ARRAY(early), protect_request(&pair, HEX("41010001aab161")), &first),
        CEDE_OK);
    pair.client.sender_seq = 100;
    params.window_len = 128;
    params.window = words;
    assert_int_equal(cede_oscore_init(&pair.server, crypto, &params), CEDE_OK);
    assert_int_equal(
        unprotect_request(&pair, protect_request(&pair, HEX("41010001aab161")), &plain), CEDE_OK);
    assert_int_equal(unprotect_request(&pair, first, &plain), CEDE_OK);
    assert_int_equal(unprotect_request(&pair, first, &plain), CEDE_OSCORE_REPLAY);
    pair.server = c1_context(false);
    assert_int_equal(
        unprotect_request(&pair, protect_request(&pair, HEX("41010001aab161")), &plain), CEDE_OK);
    assert_int_equal(unprotect_request(&pair, first, &plain), CEDE_OSCORE_REPLAY);
}

static void test_replay_window(void **state)
{
    struct cede_oscore_window window = {.len = 32};

    (void)state;
    assert_int_equal(cede_oscore_window_check(&window, 0), CEDE_OK);
    cede_oscore_window_commit(&window, 0);
    assert_int_equal(cede_oscore_window_check(&window, 0), CEDE_OSCORE_REPLAY);
    assert_int_equal(cede_oscore_window_check(&window, 1), CEDE_OK);
    cede_oscore_window_commit(&window, 100);
    assert_int_equal(cede_oscore_window_check(&window, 100), CEDE_OSCORE_REPLAY);
    assert_int_equal(cede_oscore_window_check(&window, 69), CEDE_OK);            /* 31 back */
    assert_int_equal(cede_oscore_window_check(&window, 68), CEDE_OSCORE_REPLAY); /* too old */
    cede_oscore_window_commit(&window, 69);
    assert_int_equal(cede_oscore_window_check(&window, 69), CEDE_OSCORE_REPLAY);
    cede_oscore_window_commit(&window, 131);
    assert_int_equal(cede_oscore_window_check(&window, 100), CEDE_OSCORE_REPLAY);
    assert_int_equal(cede_oscore_window_check(&window, 101), CEDE_OK);
    cede_oscore_window_commit(&window, CEDE_OSCORE_SEQ_MAX);
    assert_int_equal(cede_oscore_window_check(&window, 131), CEDE_OSCORE_REPLAY);
    cede_oscore_window_restart(&window, 50);
    assert_int_equal(cede_oscore_window_check(&window, 50), CEDE_OSCORE_REPLAY);
    assert_int_equal(cede_oscore_window_check(&window, 49), CEDE_OSCORE_REPLAY);
    assert_int_equal(cede_oscore_window_check(&window, 51), CEDE_OK);
}

/* Against the obvious model: a set, and a lower limit. */
static void test_replay_window_against_model(void **state)
{
    static const uint16_t lens[] = {1, 2, 31, 32, 64, 128, 1024};
    static bool seen[8192];
    uint32_t words[1024 / 32];

    (void)state;
    for (size_t l = 0; l < sizeof(lens) / sizeof(lens[0]); l++) {
        struct cede_oscore_window window = {.len = lens[l], .words = lens[l] > 32 ? words : NULL};
        uint64_t highest = 0, back = lens[l] + 16u;
        bool any = false;

        memset(seen, 0, sizeof(seen));
        memset(words, 0, sizeof(words));
        for (int i = 0; i < 20000; i++) {
            uint64_t centre = highest + next_random() % 3;
            uint64_t number =
                centre + next_random() % (back + 10) - (centre < back ? centre : back);
            bool fresh;

            if (number >= sizeof(seen)) {
                break;
            }
            fresh = !any || (!seen[number] && (number > highest || highest - number < lens[l]));
            assert_int_equal(cede_oscore_window_check(&window, number),
                             fresh ? CEDE_OK : CEDE_OSCORE_REPLAY);
            if (fresh) {
                cede_oscore_window_commit(&window, number);
                seen[number] = true;
                highest = !any || number > highest ? number : highest;
                any = true;
            }
        }
    }
}

/* --- sequence numbers
 * -------------------------------------------------------------------------------- */

static void test_sequence_numbers_run_out(void **state)
{
    struct pair pair = new_pair();
    struct cede_span datagram;

    (void)state;
    pair.client.sender_seq = CEDE_OSCORE_SEQ_MAX;
    datagram = protect_request(&pair, HEX("41010001aab161"));
    assert_int_equal(unprotect_request(&pair, datagram, &datagram), CEDE_OK);
    assert_int_equal(cede_oscore_protect_request(&pair.client, crypto, 0, HEX("41010001aab161"),
                                                 &pair.at_client, CEDE_BUF_ARRAY(pair.wire_bytes),
                                                 &datagram),
                     CEDE_OSCORE_EXHAUSTED);
    assert_true(cede_span_is_null(datagram));
}

static void test_reserve(void **state)
{
    struct pair pair = new_pair();
    struct cede_span datagram;

    (void)state;
    assert_false(cede_oscore_needs_reserve(&pair.client, 1000));
    assert_int_equal(cede_oscore_recover(&pair.client, crypto, 40), CEDE_OK);
    assert_true(cede_oscore_needs_reserve(&pair.client, 1));
    assert_int_equal(cede_oscore_protect_request(&pair.client, crypto, 0, HEX("41010001aab161"),
                                                 &pair.at_client, CEDE_BUF_ARRAY(pair.wire_bytes),
                                                 &datagram),
                     CEDE_OSCORE_RESERVE);
    cede_oscore_reserve(&pair.client, 42);
    assert_false(cede_oscore_needs_reserve(&pair.client, 2));
    assert_true(cede_oscore_needs_reserve(&pair.client, 3));
    for (int i = 0; i < 2; i++) {
        datagram = protect_request(&pair, HEX("41010001aab161"));
        assert_int_equal(pair.at_client.partial_iv[0], 40 + i);
    }
    assert_int_equal(cede_oscore_protect_request(&pair.client, crypto, 0, HEX("41010001aab161"),
                                                 &pair.at_client, CEDE_BUF_ARRAY(pair.wire_bytes),
                                                 &datagram),
                     CEDE_OSCORE_RESERVE);
}

/* --- a lost replay window (appendix B.1.2)
 * ------------------------------------------------------------ */

static enum cede_status unprotect_recovering(struct pair *pair, struct cede_span datagram,
                                             struct cede_span *request)
{
    return cede_oscore_unprotect_recovering(&pair->server, crypto, datagram, &pair->at_server,
                                            CEDE_BUF_ARRAY(pair->plain_bytes), request);
}

static void test_recovery_with_echo(void **state)
{
    struct pair pair = new_pair();
    uint8_t first[64];
    uint8_t bytes[64];
    struct cede_span request = HEX("42010001aabbb161");
    struct cede_span datagram = protect_request(&pair, request);
    struct cede_span plain;
    struct cede_span echo;
    struct cede_coap_message message;
    struct cede_coap_encoder encoder;

    (void)state;
    assert_int_equal(cede_copy(CEDE_BUF_ARRAY(first), datagram, &datagram), CEDE_OK);
    assert_int_equal(unprotect_request(&pair, datagram, &plain), CEDE_OK);
    /* The server restarts: the very same datagram is authentic, but not fresh. */
    assert_int_equal(cede_oscore_recover(&pair.server, crypto, 10), CEDE_OK);
    cede_oscore_reserve(&pair.server, 20);
    assert_int_equal(unprotect_request(&pair, datagram, &plain), CEDE_OSCORE_NEEDS_ECHO);
    assert_int_equal(unprotect_recovering(&pair, datagram, &plain), CEDE_OSCORE_NEEDS_ECHO);
    assert_true(cede_span_is_null(plain));
    message = decoded(datagram);
    assert_int_equal(cede_oscore_compose_challenge(&pair.server, crypto, &message, 0,
                                                   &pair.at_server, CEDE_BUF_ARRAY(pair.wire_bytes),
                                                   &plain),
                     CEDE_OK);
    assert_int_equal(pair.server.sender_seq, 11); /* a partial IV of its own */
    assert_int_equal(unprotect_response(&pair, plain, &plain), CEDE_OK);
    message = decoded(plain);
    assert_int_equal(message.code, CEDE_COAP_UNAUTHORIZED);
    assert_true(cede_span_is_null(message.payload));
    assert_true(cede_coap_find_option(&message, CEDE_COAP_ECHO, &echo));
    /* A wrong Echo value does not do. */
    for (int wrong = 1; wrong >= 0; wrong--) {
        uint8_t value[CEDE_OSCORE_RECOVER_LEN];

        memcpy(value, pair.server.echo, sizeof(value));
        value[7] = (uint8_t)(value[7] ^ wrong);
        encoder = cede_coap_begin(CEDE_BUF_ARRAY(bytes), CEDE_COAP_CON, CEDE_COAP_GET, 2,
                                  CEDE_SPAN_TEXT("t"));
        cede_coap_put_path(&encoder, CEDE_SPAN_TEXT("a"));
        cede_coap_put_option(&encoder, CEDE_COAP_ECHO, CEDE_SPAN_ARRAY(value));
        assert_int_equal(cede_coap_finish(&encoder, &request), CEDE_OK);
        assert_int_equal(unprotect_recovering(&pair, protect_request(&pair, request), &plain),
                         wrong != 0 ? CEDE_OSCORE_NEEDS_ECHO : CEDE_OK);
    }
    assert_span(plain, request);
    /* From here on the old datagrams are replays. */
    assert_int_equal(unprotect_request(&pair, datagram, &plain), CEDE_OSCORE_REPLAY);
    assert_int_equal(
        unprotect_recovering(&pair, protect_request(&pair, HEX("41010003aab161")), &plain),
        CEDE_OK);
}

/* --- tampering
 * ------------------------------------------------------------------------------------------ */

static void test_bit_flips_of_a_request(void **state)
{
    struct pair pair = new_pair();
    uint8_t bytes[128];
    struct cede_span request = HEX("44025d1f00003974396c6f63616c686f7374837476 31ff0102030405");
    struct cede_span datagram;
    struct cede_span plain;
    struct cede_oscore_context before;
    struct cede_coap_message original;
    size_t payload_at;

    (void)state;
    pair.client.sender_seq = 20;
    assert_int_equal(cede_copy(CEDE_BUF_ARRAY(bytes), protect_request(&pair, request), &datagram),
                     CEDE_OK);
    original = decoded(datagram);
    assert_true(cede_span_offset(datagram, original.payload, &payload_at));
    before = pair.server;
    for (size_t i = 0; i < datagram.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            /* Header, token and Uri-Host are not protected (class U); the rest is. */
            bool is_protected = i >= 8 + 10;

            bytes[i] ^= (uint8_t)(1 << bit);
            if (unprotect_request(&pair, datagram, &plain) == CEDE_OK) {
                assert_false(is_protected);
                pair.server = before;
            }
            assert_memory_equal(&pair.server, &before, sizeof(before));
            bytes[i] ^= (uint8_t)(1 << bit);
        }
    }
    assert_int_equal(unprotect_request(&pair, datagram, &plain), CEDE_OK);
    assert_span(plain, request);
    assert_true(payload_at > 8 + 10);
}

static void test_bit_flips_of_a_response(void **state)
{
    struct pair pair = new_pair();
    uint8_t bytes[128];
    struct cede_span datagram = protect_request(&pair, HEX("41010001aab161"));
    struct cede_span plain;

    (void)state;
    assert_int_equal(unprotect_request(&pair, datagram, &plain), CEDE_OK);
    assert_int_equal(cede_copy(CEDE_BUF_ARRAY(bytes),
                               protect_response(&pair, CEDE_OSCORE_NEW_PARTIAL_IV,
                                                HEX("61450001aaff68656c6c6f")),
                               &datagram),
                     CEDE_OK);
    for (size_t i = 5; i < datagram.len; i++) { /* behind header and token */
        for (int bit = 0; bit < 8; bit++) {
            struct cede_oscore_exchange before = pair.at_client;

            bytes[i] ^= (uint8_t)(1 << bit);
            assert_int_not_equal(unprotect_response(&pair, datagram, &plain), CEDE_OK);
            assert_true(cede_span_is_null(plain));
            assert_memory_equal(&pair.at_client, &before, sizeof(before));
            bytes[i] ^= (uint8_t)(1 << bit);
        }
    }
    assert_int_equal(unprotect_response(&pair, datagram, &plain), CEDE_OK);
}

static void test_truncation(void **state)
{
    struct pair pair = new_pair();
    uint8_t bytes[128];
    struct cede_oscore_context before = pair.server;
    struct cede_span datagram;
    struct cede_span plain;

    (void)state;
    assert_int_equal(cede_copy(CEDE_BUF_ARRAY(bytes),
                               protect_request(&pair, HEX("41020001aab161ff0102030405")),
                               &datagram),
                     CEDE_OK);
    for (size_t len = 0; len < datagram.len; len++) {
        assert_int_not_equal(unprotect_request(&pair, cede_span(bytes, len), &plain), CEDE_OK);
        assert_true(cede_span_is_null(plain));
        assert_memory_equal(&pair.server, &before, sizeof(before));
    }
    assert_int_equal(cede_oscore_unprotect_request(&pair.server, crypto, datagram, &pair.at_server,
                                                   cede_buf(pair.plain_bytes, datagram.len - 1),
                                                   &plain),
                     CEDE_NO_SPACE);
    assert_int_equal(cede_oscore_unprotect_request(&pair.server, crypto, datagram, &pair.at_server,
                                                   cede_buf(pair.plain_bytes, datagram.len),
                                                   &plain),
                     CEDE_OK);
}

/* A response to another request, and a message of the wrong direction. */
static void test_message_binding(void **state)
{
    struct pair pair = new_pair();
    uint8_t bytes[128];
    struct cede_oscore_exchange first;
    struct cede_span datagram = protect_request(&pair, HEX("41010001aab161"));
    struct cede_span plain;

    (void)state;
    first = pair.at_client;
    assert_int_equal(unprotect_request(&pair, datagram, &plain), CEDE_OK);
    assert_int_equal(
        cede_copy(CEDE_BUF_ARRAY(bytes), protect_response(&pair, 0, HEX("61450001aa")), &datagram),
        CEDE_OK);
    (void)protect_request(&pair, HEX("41010001aab161")); /* at_client is the second request's */
    assert_int_equal(unprotect_response(&pair, datagram, &plain), CEDE_OSCORE_DECRYPTION);
    pair.at_client = first;
    assert_int_equal(unprotect_response(&pair, datagram, &plain), CEDE_OK);
    /* Reflected to its sender. */
    datagram = protect_request(&pair, HEX("41010001aab161"));
    assert_int_equal(cede_oscore_unprotect_request(&pair.client, crypto, datagram, &pair.at_server,
                                                   CEDE_BUF_ARRAY(pair.plain_bytes), &plain),
                     CEDE_OSCORE_NO_CONTEXT);
    assert_int_equal(unprotect_response(&pair, HEX("60810001ff78"), &plain),
                     CEDE_OSCORE_UNPROTECTED);
}

/* What a peer with the keys may put inside, but may not. */
static void test_bad_plaintexts(void **state)
{
    static const char *const plaintexts[] = {
        "45",     "00",     "e1", /* codes of no request */
        "01ff",                   /* marker without payload */
        "01f0",                   /* reserved nibble */
        "01b3",                   /* cut off */
        "0190",   "013168",       /* an inner OSCORE or Uri-Host option */
        "01d008",                 /* an inner EDHOC option */
    };
    struct pair pair = new_pair();
    struct cede_span aad = HEX("8368456e63727970743040488501810a40411440");
    struct cede_span nonce = HEX("4622d4dd6d944168eefb549868");

    (void)state;
    for (size_t i = 0; i < sizeof(plaintexts) / sizeof(plaintexts[0]); i++) {
        uint8_t bytes[32];
        uint8_t sealed[32];
        struct cede_coap_encoder encoder = cede_coap_begin(
            CEDE_BUF_ARRAY(pair.wire_bytes), CEDE_COAP_CON, CEDE_COAP_POST, 1, CEDE_SPAN_NULL);
        struct cede_span ciphertext;
        struct cede_span datagram;

        pair.server = c1_context(false);
        assert_int_equal(crypto->aead_seal(crypto->context, CEDE_ALG_AES_CCM_16_64_128,
                                           cede_span(pair.client.sender.key, 16), nonce, aad,
                                           hex_into(CEDE_BUF_ARRAY(bytes), plaintexts[i]),
                                           CEDE_BUF_ARRAY(sealed), &ciphertext),
                         CEDE_OK);
        cede_coap_put_option(&encoder, CEDE_COAP_OSCORE, HEX("0914"));
        cede_coap_put_payload(&encoder, ciphertext);
        assert_int_equal(cede_coap_finish(&encoder, &datagram), CEDE_OK);
        assert_int_equal(unprotect_request(&pair, datagram, &datagram), CEDE_OSCORE_PLAINTEXT);
    }
}

/* --- observe
 * ------------------------------------------------------------------------------------------- */

static void test_observe(void **state)
{
    struct pair pair = new_pair();
    uint8_t kept[4][64];
    struct cede_span notifications[4];
    struct cede_span datagram = protect_request(&pair, HEX("41010001aa 60 5161"));
    struct cede_span plain;
    struct cede_span value;
    struct cede_coap_message message = decoded(datagram);

    (void)state;
    assert_int_equal(message.code, CEDE_COAP_FETCH);
    assert_true(cede_coap_find_option(&message, CEDE_COAP_OBSERVE, &value));
    assert_int_equal(unprotect_request(&pair, datagram, &plain), CEDE_OK);
    assert_span(plain, HEX("41010001aa605161"));
    assert_true(pair.at_server.observe && pair.at_client.observe);
    for (int i = 0; i < 4; i++) {
        datagram = protect_response(&pair, 0, HEX("51450002aa6105ff39"));
        assert_int_equal(cede_copy(cede_buf(kept[i], 64), datagram, &notifications[i]), CEDE_OK);
        message = decoded(datagram);
        assert_int_equal(message.code, CEDE_COAP_CONTENT);
        assert_true(cede_coap_find_option(&message, CEDE_COAP_OSCORE, &value));
        assert_int_equal(value.len, i == 0 ? 0 : 2); /* only the first without a partial IV */
    }
    /* Any order, each once, and never an older one than the newest. */
    assert_int_equal(unprotect_response(&pair, notifications[0], &plain), CEDE_OK);
    assert_int_equal(unprotect_response(&pair, notifications[0], &plain), CEDE_OSCORE_REPLAY);
    assert_int_equal(unprotect_response(&pair, notifications[2], &plain), CEDE_OK);
    message = decoded(plain);
    assert_true(cede_coap_find_option(&message, CEDE_COAP_OBSERVE, &value));
    assert_span(value, HEX("01")); /* the partial IV */
    assert_int_equal(unprotect_response(&pair, notifications[1], &plain), CEDE_OSCORE_REPLAY);
    assert_int_equal(unprotect_response(&pair, notifications[0], &plain), CEDE_OSCORE_REPLAY);
    assert_int_equal(unprotect_response(&pair, notifications[3], &plain), CEDE_OK);
    /* Without Observe it ends the observation. */
    assert_int_equal(
        unprotect_response(&pair, protect_response(&pair, 0, HEX("51840003aa")), &plain), CEDE_OK);
    assert_int_equal(
        unprotect_response(&pair, protect_response(&pair, 0, HEX("51450004aa60")), &plain),
        CEDE_OSCORE_REPLAY);
}

/* The tightest case of merging: a long partial IV turned into an Observe value. */
static void test_observe_with_long_partial_iv(void **state)
{
    struct pair pair = new_pair();
    struct cede_span plain;
    struct cede_span datagram;
    struct cede_coap_message message;
    struct cede_span value;

    (void)state;
    assert_int_equal(
        unprotect_request(&pair, protect_request(&pair, HEX("41010001aa605161")), &plain), CEDE_OK);
    pair.server.sender_seq = CEDE_OSCORE_SEQ_MAX;
    datagram = protect_response(&pair, CEDE_OSCORE_NEW_PARTIAL_IV, HEX("51450002aa60ff39"));
    assert_int_equal(cede_oscore_unprotect_response(&pair.client, crypto, datagram, &pair.at_client,
                                                    cede_buf(pair.plain_bytes, datagram.len),
                                                    &plain),
                     CEDE_OK);
    message = decoded(plain);
    assert_true(cede_coap_find_option(&message, CEDE_COAP_OBSERVE, &value));
    assert_span(value, HEX("ffffff"));
    assert_span(message.payload, HEX("39"));
}

static void test_notification_without_observation(void **state)
{
    struct pair pair = new_pair();
    struct cede_span plain;

    (void)state;
    assert_int_equal(
        unprotect_request(&pair, protect_request(&pair, HEX("41010001aab161")), &plain), CEDE_OK);
    assert_int_equal(
        unprotect_response(&pair, protect_response(&pair, 0, HEX("51450002aa60")), &plain),
        CEDE_OSCORE_PLAINTEXT);
}

/* Two responses to one request never share a nonce. */
static void test_no_nonce_reuse(void **state)
{
    struct pair pair = new_pair();
    struct cede_span plain;
    struct cede_span value;
    struct cede_coap_message message;

    (void)state;
    assert_int_equal(
        unprotect_request(&pair, protect_request(&pair, HEX("41010001aab161")), &plain), CEDE_OK);
    (void)protect_response(&pair, 0, HEX("61450001aaff31"));
    message = decoded(protect_response(&pair, 0, HEX("61450001aaff32")));
    assert_true(cede_coap_find_option(&message, CEDE_COAP_OSCORE, &value));
    assert_span(value, HEX("0100"));
}

/* --- errors
 * --------------------------------------------------------------------------------------------- */

static void test_errors(void **state)
{
    static const struct {
        enum cede_status status;
        uint8_t code;
        const char *diagnostic;
    } cases[] = {
        {CEDE_OSCORE_OPTION, CEDE_COAP_CODE(4, 2), "Failed to decode COSE"},
        {CEDE_OSCORE_NO_CONTEXT, CEDE_COAP_CODE(4, 1), "Security context not found"},
        {CEDE_OSCORE_REPLAY, CEDE_COAP_CODE(4, 1), "Replay detected"},
        {CEDE_OSCORE_DECRYPTION, CEDE_COAP_CODE(4, 0), "Decryption failed"},
        {CEDE_OSCORE_PLAINTEXT, CEDE_COAP_CODE(4, 0), ""},
        {CEDE_OSCORE_COMBINED, CEDE_COAP_CODE(4, 0), ""},
        {CEDE_OSCORE_EXHAUSTED, CEDE_COAP_CODE(5, 0), ""},
    };
    struct cede_coap_message request = decoded(HEX("42020001aabb920914ff00"));
    struct cede_coap_message message;
    struct cede_span datagram;
    struct cede_span value;
    uint8_t bytes[64];
    uint32_t max_age;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(cede_oscore_compose_error(&request, cases[i].status, 9,
                                                   CEDE_BUF_ARRAY(bytes), &datagram),
                         CEDE_OK);
        message = decoded(datagram);
        assert_int_equal(message.type, CEDE_COAP_ACK);
        assert_int_equal(message.code, cases[i].code);
        assert_span(message.token, HEX("aabb"));
        assert_int_equal(cede_coap_find_uint(&message, CEDE_COAP_MAX_AGE, 60, &max_age), CEDE_OK);
        assert_int_equal(max_age, 0);
        assert_false(cede_coap_find_option(&message, CEDE_COAP_OSCORE, &value));
        assert_int_equal(message.payload.len, strlen(cases[i].diagnostic));
        if (message.payload.len > 0) {
            assert_memory_equal(message.payload.ptr, cases[i].diagnostic, message.payload.len);
        }
    }
}

/* --- echo
 * -----------------------------------------------------------------------------------------------
 */

static void test_echo(void **state)
{
    uint8_t key[CEDE_OSCORE_ECHO_KEY_LEN] = {7};
    uint8_t echo[CEDE_OSCORE_ECHO_LEN];
    uint8_t out[64];
    struct cede_span value = CEDE_SPAN_ARRAY(echo);
    struct cede_span peer = CEDE_SPAN_TEXT("2001:db8::1 5683");
    struct cede_span datagram;
    struct cede_coap_message message = decoded(HEX("42020001aabbff00"));

    (void)state;
    assert_int_equal(cede_oscore_echo_create(crypto, key, 1000, peer, echo), CEDE_OK);
    assert_int_equal(cede_oscore_echo_verify(crypto, key, 1000, 30, peer, value), CEDE_OK);
    assert_int_equal(cede_oscore_echo_verify(crypto, key, 1029, 30, peer, value), CEDE_OK);
    assert_int_equal(cede_oscore_echo_verify(crypto, key, 1030, 30, peer, value), CEDE_OSCORE_ECHO);
    assert_int_equal(cede_oscore_echo_verify(crypto, key, 999, 30, peer, value), CEDE_OSCORE_ECHO);
    assert_int_equal(
        cede_oscore_echo_verify(crypto, key, 1001, 30, CEDE_SPAN_TEXT("2001:db8::1 5684"), value),
        CEDE_OSCORE_ECHO);
    assert_int_equal(cede_oscore_echo_verify(crypto, key, 1001, 30, peer, CEDE_SPAN_NULL),
                     CEDE_OSCORE_ECHO);
    assert_int_equal(cede_oscore_echo_verify(crypto, key, 1001, 30, peer, cede_span(echo, 11)),
                     CEDE_OSCORE_ECHO);
    for (size_t i = 0; i < sizeof(echo); i++) {
        echo[i] ^= 1;
        assert_int_equal(cede_oscore_echo_verify(crypto, key, 1001, 30, peer, value),
                         CEDE_OSCORE_ECHO);
        echo[i] ^= 1;
    }
    key[0] = 8;
    assert_int_equal(cede_oscore_echo_verify(crypto, key, 1000, 30, peer, value), CEDE_OSCORE_ECHO);
    assert_int_equal(cede_oscore_compose_echo(&message, echo, 0, CEDE_BUF_ARRAY(out), &datagram),
                     CEDE_OK);
    message = decoded(datagram);
    assert_int_equal(message.code, CEDE_COAP_UNAUTHORIZED);
    assert_true(cede_coap_find_option(&message, CEDE_COAP_ECHO, &datagram));
    assert_span(datagram, value);
}

/* --- EDHOC over CoAP
 * ---------------------------------------------------------------------------------- */

static void test_edhoc_requests(void **state)
{
    static const struct {
        const char *c_r, *prefix;
    } cases[] = {
        {NULL, "f5"},       {"21", "21"}, {"0d", "0d"}, {"18", "4118"}, {"38", "4138"},
        {"abcd", "42abcd"}, {"", "40"},   {"17", "17"}, {"37", "37"},   {"f5", "41f5"},
    };
    uint8_t out[128];
    uint8_t bytes[2][16];
    uint8_t expected[16];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cede_span c_r = cases[i].c_r == NULL
                                   ? CEDE_SPAN_NULL
                                   : hex_into(CEDE_BUF_ARRAY(bytes[0]), cases[i].c_r);
        struct cede_span prefix = hex_into(CEDE_BUF_ARRAY(bytes[1]), cases[i].prefix);
        struct cede_span datagram;
        struct cede_span got_c_r;
        struct cede_span message_bytes;
        struct cede_coap_message message;
        uint32_t format;

        assert_int_equal(cede_oscore_compose_edhoc_request(
                             CEDE_COAP_CON, 7, CEDE_SPAN_TEXT("tk"), CEDE_SPAN_NULL, CEDE_SPAN_NULL,
                             c_r, CEDE_SPAN_TEXT("message"), CEDE_BUF_ARRAY(out), &datagram),
                         CEDE_OK);
        message = decoded(datagram);
        assert_int_equal(message.code, CEDE_COAP_POST);
        assert_true(cede_coap_path_equals(&message, CEDE_SPAN_TEXT(".well-known/edhoc")));
        assert_int_equal(cede_coap_find_uint(&message, CEDE_COAP_CONTENT_FORMAT, 0, &format),
                         CEDE_OK);
        assert_int_equal(format, 65);
        memcpy(expected, prefix.ptr, prefix.len);
        assert_memory_equal(message.payload.ptr, expected, prefix.len);
        assert_int_equal(cede_oscore_split_edhoc_payload(message.payload, &got_c_r, &message_bytes),
                         CEDE_OK);
        assert_span(message_bytes, CEDE_SPAN_TEXT("message"));
        assert_true(cede_span_equal(got_c_r, c_r));
    }
}

static void test_edhoc_payload_refusals(void **state)
{
    static const char *const refused[] = {
        "", "f5", "00", "40", "410d00", "412100", "f400", "1818", "6161", "4201", "580161 00", "ff",
    };
    uint8_t bytes[16];
    struct cede_span c_r;
    struct cede_span message;

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        assert_int_equal(cede_oscore_split_edhoc_payload(
                             hex_into(CEDE_BUF_ARRAY(bytes), refused[i]), &c_r, &message),
                         CEDE_OSCORE_EDHOC_PREFIX);
        assert_true(cede_span_is_null(c_r) && cede_span_is_null(message));
    }
}

static void test_edhoc_response(void **state)
{
    struct cede_coap_message request = decoded(HEX("52020001aabbff00"));
    struct cede_coap_message message;
    struct cede_span datagram;
    uint8_t out[64];
    uint32_t format;

    (void)state;
    assert_int_equal(cede_oscore_compose_edhoc_response(&request, CEDE_COAP_CHANGED, 5,
                                                        CEDE_SPAN_TEXT("message_2"),
                                                        CEDE_BUF_ARRAY(out), &datagram),
                     CEDE_OK);
    message = decoded(datagram);
    assert_int_equal(message.type, CEDE_COAP_NON);
    assert_int_equal(message.message_id, 5);
    assert_int_equal(cede_coap_find_uint(&message, CEDE_COAP_CONTENT_FORMAT, 0, &format), CEDE_OK);
    assert_int_equal(format, 64);
    assert_int_equal(cede_oscore_compose_edhoc_response(&request, CEDE_COAP_CHANGED, 5,
                                                        CEDE_SPAN_NULL, CEDE_BUF_ARRAY(out),
                                                        &datagram),
                     CEDE_OK);
    assert_span(datagram, HEX("52440005aabb"));
}

/* The example of RFC 9668, 3.4. */
static void test_combined_request(void **state)
{
    struct cede_span oscore = HEX("44025d1f0000397493090001ff612f1092f1776f1c1668b3825e");
    struct cede_span message_3 = HEX("52d5535f3147e85f1cfacd9e78abf9e0a81bbf");
    struct cede_span combined = HEX("44025d1f0000397493090001c0ff52d5535f3147e85f1cfacd9e78abf9e0a8"
                                    "1bbf612f1092f1776f1c1668b3825e");
    uint8_t out[64];
    uint8_t again[64];
    struct cede_span got;
    struct cede_span kid;
    struct cede_span got_message_3;
    struct cede_coap_message message = decoded(combined);

    (void)state;
    assert_int_equal(cede_oscore_combine(oscore, message_3, CEDE_BUF_ARRAY(out), &got), CEDE_OK);
    assert_span(got, combined);
    assert_true(cede_oscore_is_combined(&message));
    assert_int_equal(
        cede_oscore_split_combined(combined, CEDE_BUF_ARRAY(again), &kid, &got_message_3, &got),
        CEDE_OK);
    assert_span(got, oscore);
    assert_span(kid, HEX("01"));
    assert_span(got_message_3, message_3);
    message = decoded(got);
    assert_false(cede_oscore_is_combined(&message));
}

static void test_combined_refusals(void **state)
{
    static const char *const refused[] = {
        "44025d1f0000397493090001ff4101612f1092",     /* no EDHOC option */
        "44025d1f00003974d008ff4101612f1092",         /* no OSCORE option */
        "44025d1f00003974920114c0ff4101612f1092",     /* no kid */
        "44025d1f0000397493090001c0",                 /* no payload */
        "44025d1f0000397493090001c0ff4101",           /* nothing behind message_3 */
        "44025d1f0000397493090001c0ff4301",           /* message_3 cut off */
        "44025d1f0000397493090001c0ff01612f1092",     /* not a byte string */
        "44025d1f0000397493090001c0ff580101612f1092", /* not the shortest head */
        "44445d1f0000397493090001c0ff4101612f1092",   /* a response */
    };
    uint8_t bytes[64];
    uint8_t out[64];
    struct cede_span spans[3];

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        assert_int_equal(cede_oscore_split_combined(hex_into(CEDE_BUF_ARRAY(bytes), refused[i]),
                                                    CEDE_BUF_ARRAY(out), &spans[0], &spans[1],
                                                    &spans[2]),
                         CEDE_OSCORE_COMBINED);
        assert_true(cede_span_is_null(spans[0]) && cede_span_is_null(spans[2]));
    }
    assert_int_equal(cede_oscore_combine(HEX("44025d1f0000397493090001ff612f1092"), HEX("410100"),
                                         CEDE_BUF_ARRAY(out), &spans[0]),
                     CEDE_OSCORE_COMBINED);
    assert_int_equal(cede_oscore_combine(HEX("44025d1f0000397493090001c0ff4101612f1092"),
                                         HEX("4101"), CEDE_BUF_ARRAY(out), &spans[0]),
                     CEDE_OSCORE_COMBINED);
    assert_int_equal(cede_oscore_combine(HEX("44025d1f00003974ff612f1092"), HEX("4101"),
                                         CEDE_BUF_ARRAY(out), &spans[0]),
                     CEDE_OSCORE_UNPROTECTED);
}

/* A whole first flight: protected, combined, split, unprotected. */
static void test_combined_end_to_end(void **state)
{
    struct pair pair = new_pair();
    struct cede_span request = HEX("41020001aab161c13cff0102");
    struct cede_span combined;
    struct cede_span spans[3];
    uint8_t bytes[2][128];

    (void)state;
    assert_int_equal(cede_oscore_combine(protect_request(&pair, request), HEX("43010203"),
                                         CEDE_BUF_ARRAY(bytes[0]), &combined),
                     CEDE_OK);
    assert_int_equal(cede_oscore_split_combined(combined, CEDE_BUF_ARRAY(bytes[1]), &spans[0],
                                                &spans[1], &spans[2]),
                     CEDE_OK);
    assert_int_equal(unprotect_request(&pair, spans[2], &combined), CEDE_OK);
    assert_span(combined, request);
}

/* --- inner block-wise over a bad network
 * ---------------------------------------------------------------- */

/* A datagram on its way: the wire keeps all of them, and may deliver any of them again. */
#define HISTORY_COUNT 256

struct history {
    size_t count;
    size_t lens[HISTORY_COUNT];
    uint8_t bytes[HISTORY_COUNT][1200];
};

static void keep(struct history *history, struct cede_span datagram)
{
    assert_true(history->count < HISTORY_COUNT);
    memcpy(history->bytes[history->count], datagram.ptr, datagram.len);
    history->lens[history->count++] = datagram.len;
}

struct uploader {
    struct pair pair;
    struct history requests;
    struct history responses;
    struct cede_coap_assembly assembly;
    uint8_t body[2048];
    size_t answer_len;
    uint8_t answer[2048];
    unsigned completed;
};

/* The server: unprotect, assemble, answer with the body inverted, in slices. */
static enum cede_status serve(struct uploader *world, struct cede_span datagram,
                              struct cede_span *protected_response)
{
    uint8_t out[1200];
    struct cede_span plain;
    struct cede_coap_message request;
    struct cede_coap_upload upload;
    struct cede_coap_download download = {0};
    struct cede_coap_encoder encoder;

    CEDE_TRY(unprotect_request(&world->pair, datagram, &plain));
    request = decoded(plain);
    assert_int_equal(cede_coap_upload_receive(&world->assembly, CEDE_BUF_ARRAY(world->body),
                                              &request, 4, &upload),
                     CEDE_OK);
    encoder = cede_coap_begin_response(CEDE_BUF_ARRAY(out), &request,
                                       upload.complete ? CEDE_COAP_CHANGED : CEDE_COAP_CONTINUE, 0);
    if (upload.has_block1 && upload.complete) {
        world->completed++;
        world->answer_len = upload.body.len;
        for (size_t i = 0; i < upload.body.len; i++) {
            world->answer[i] = (uint8_t)~upload.body.ptr[i];
        }
    }
    if (upload.complete) {
        assert_int_equal(cede_coap_download_slice(
                             &request, cede_span(world->answer, world->answer_len), 4, &download),
                         CEDE_OK);
    }
    if (download.has_block2) {
        cede_coap_put_uint(&encoder, CEDE_COAP_BLOCK2, cede_coap_block_value(&download.block2));
    }
    if (upload.has_block1) {
        cede_coap_put_uint(&encoder, CEDE_COAP_BLOCK1, cede_coap_block_value(&upload.block1));
    }
    cede_coap_put_payload(&encoder, download.slice);
    assert_int_equal(cede_coap_finish(&encoder, &plain), CEDE_OK);
    *protected_response = protect_response(&world->pair, 0, plain);
    return CEDE_OK;
}

/* Old datagrams come again, in both directions: none is accepted, nothing changes. */
static void replay_some(struct uploader *world)
{
    for (int i = 0; i < 4 && world->requests.count > 0; i++) {
        size_t pick = next_random() % world->requests.count;
        struct cede_oscore_context before = world->pair.server;
        struct cede_oscore_exchange exchange;
        struct cede_span plain;

        assert_int_equal(cede_oscore_unprotect_request(
                             &world->pair.server, crypto,
                             cede_span(world->requests.bytes[pick], world->requests.lens[pick]),
                             &exchange, CEDE_BUF_ARRAY(world->pair.plain_bytes), &plain),
                         CEDE_OSCORE_REPLAY);
        assert_memory_equal(&before, &world->pair.server, sizeof(before));
    }
    for (int i = 0; i < 4 && world->responses.count > 0; i++) {
        size_t pick = next_random() % world->responses.count;
        struct cede_oscore_exchange before = world->pair.at_client;
        struct cede_span plain;

        assert_int_not_equal(
            unprotect_response(&world->pair,
                               cede_span(world->responses.bytes[pick], world->responses.lens[pick]),
                               &plain),
            CEDE_OK);
        assert_memory_equal(&before, &world->pair.at_client, sizeof(before));
    }
}

/* 2 KB up in Block1 blocks and down in Block2 blocks, every block protected by itself; requests and
 * responses get lost, old ones are replayed all the time. A lost message is made up for by a new
 * one with a new partial IV; block-wise transfers take the repetition. */
static void test_inner_blockwise(void **state)
{
    static struct uploader world;
    static uint8_t body[2048];
    static uint8_t buffer[2048];
    struct cede_coap_transfer transfer;
    struct cede_span result = CEDE_SPAN_NULL;

    (void)state;
    memset(&world, 0, sizeof(world));
    world.pair = new_pair();
    for (size_t i = 0; i < sizeof(body); i++) {
        body[i] = (uint8_t)(i * 13 + i / 256);
    }
    cede_coap_transfer_start(&transfer, 5);
    for (uint16_t id = 0; !transfer.done; id++) {
        uint8_t bytes[1200];
        struct cede_coap_encoder encoder = cede_coap_begin(
            CEDE_BUF_ARRAY(bytes), CEDE_COAP_CON, CEDE_COAP_POST, id, CEDE_SPAN_TEXT("tk"));
        struct cede_span datagram;
        struct cede_coap_message message;

        assert_true(id < 200);
        cede_coap_put_path(&encoder, CEDE_SPAN_TEXT("est/sen"));
        cede_coap_transfer_put(&transfer, CEDE_SPAN_ARRAY(body), &encoder);
        assert_int_equal(cede_coap_finish(&encoder, &datagram), CEDE_OK);
        datagram = protect_request(&world.pair, datagram);
        if (next_random() % 100 < 15) {
            continue; /* the request is lost, and never seen again */
        }
        keep(&world.requests, datagram);
        assert_int_equal(serve(&world, datagram, &datagram), CEDE_OK);
        keep(&world.responses, datagram);
        if (world.responses.count > 1) {
            size_t newest = --world.responses.count; /* the newest has not been delivered yet */

            world.requests.count--;
            replay_some(&world);
            world.responses.count = newest + 1;
            world.requests.count++;
        }
        if (next_random() % 100 < 15) {
            continue; /* the response is lost */
        }
        assert_int_equal(unprotect_response(&world.pair, datagram, &datagram), CEDE_OK);
        message = decoded(datagram);
        assert_int_equal(cede_coap_transfer_receive(&transfer, CEDE_SPAN_ARRAY(body), &message,
                                                    CEDE_BUF_ARRAY(buffer), &result),
                         CEDE_OK);
    }
    assert_int_equal(transfer.code, CEDE_COAP_CHANGED);
    assert_int_equal(result.len, sizeof(body));
    for (size_t i = 0; i < sizeof(body); i++) {
        assert_int_equal(result.ptr[i], (uint8_t)~body[i]);
    }
    assert_true(world.completed >= 1);
    assert_true(world.requests.count >= 14); /* 1 of 512 and 6 of 256 bytes up, 7 more down */
}

/* --- OSCORE and the exchange engine over a network that loses, doubles and reorders
 * ----------------------- */

struct packet {
    uint64_t arrives_at_ms; /* 0: free */
    bool to_server;
    size_t len;
    uint8_t bytes[96];
};

struct network {
    struct packet packets[128];
    struct pair pair;
    struct cede_coap_dedup dedup;
    struct cede_coap_dedup_entry entries[64];
    uint8_t answers[64 * 96];
    unsigned acted[512];
};

static void put_packet(struct network *network, bool to_server, struct cede_span datagram,
                       uint64_t arrives_at_ms)
{
    for (size_t i = 0; i < 128; i++) {
        struct packet *packet = &network->packets[i];

        if (packet->arrives_at_ms == 0) {
            assert_true(datagram.len <= sizeof(packet->bytes));
            packet->arrives_at_ms = arrives_at_ms;
            packet->to_server = to_server;
            packet->len = datagram.len;
            memcpy(packet->bytes, datagram.ptr, datagram.len);
            return;
        }
    }
}

/* Lost, doubled, or with a flipped bit besides: an attacker who can do as he likes. */
static void send_packet(struct network *network, bool to_server, struct cede_span datagram,
                        uint64_t now_ms)
{
    uint8_t forged[96];

    if (cede_span_is_null(datagram)) {
        return;
    }
    if (next_random() % 100 >= 30) {
        put_packet(network, to_server, datagram, now_ms + 1 + next_random() % 5000);
    }
    if (next_random() % 100 < 25) {
        put_packet(network, to_server, datagram, now_ms + 1 + next_random() % 100000);
    }
    if (next_random() % 100 < 25 && datagram.len > 10) {
        memcpy(forged, datagram.ptr, datagram.len);
        forged[datagram.len - 1 - next_random() % 8] ^= 0x10;
        put_packet(network, to_server, cede_span(forged, datagram.len), now_ms + 1);
    }
}

static void server_receives(struct network *network, struct cede_span datagram, uint64_t now_ms)
{
    struct cede_span peer = CEDE_SPAN_TEXT("client");
    uint8_t out[96];
    struct cede_coap_message outer;
    struct cede_coap_message request;
    struct cede_coap_encoder encoder;
    struct cede_span answer;
    struct cede_span plain;
    enum cede_status status;

    if (cede_coap_decode(datagram, &outer) != CEDE_OK || !cede_coap_is_request(&outer)) {
        return;
    }
    status = unprotect_request(&network->pair, datagram, &plain);
    if (status == CEDE_OSCORE_REPLAY) {
        /* Perhaps a retransmission: the same answer again, if it is still known. */
        if (cede_coap_dedup_check(&network->dedup, peer, outer.message_id, now_ms, &answer) ==
            CEDE_COAP_ANSWERED) {
            send_packet(network, false, answer, now_ms);
        }
        return;
    }
    if (status != CEDE_OK) {
        assert_int_equal(cede_oscore_compose_error(&outer, status, 0, CEDE_BUF_ARRAY(out), &answer),
                         CEDE_OK);
        send_packet(network, false, answer, now_ms);
        return;
    }
    request = decoded(plain);
    network->acted[request.message_id]++;
    (void)cede_coap_dedup_check(&network->dedup, peer, request.message_id, now_ms, &answer);
    encoder = cede_coap_begin_response(CEDE_BUF_ARRAY(out), &request, CEDE_COAP_CHANGED, 0);
    cede_coap_put_payload(&encoder, request.payload);
    assert_int_equal(cede_coap_finish(&encoder, &answer), CEDE_OK);
    answer = protect_response(&network->pair, 0, answer);
    assert_int_equal(cede_coap_dedup_store(&network->dedup, peer, request.message_id, answer),
                     CEDE_OK);
    send_packet(network, false, answer, now_ms);
}

static struct packet *first_packet(struct network *network)
{
    struct packet *first = NULL;

    for (size_t i = 0; i < 128; i++) {
        struct packet *packet = &network->packets[i];

        if (packet->arrives_at_ms != 0 &&
            (first == NULL || packet->arrives_at_ms < first->arrives_at_ms)) {
            first = packet;
        }
    }
    return first;
}

/* True when the datagram is the authentic response; else the exchange goes on. */
static bool client_receives(struct network *network, struct cede_coap_exchange *exchange,
                            struct cede_span datagram, struct cede_span expected, uint64_t now_ms)
{
    struct cede_coap_step step = cede_coap_exchange_receive(exchange, datagram, now_ms);
    struct cede_coap_message message;
    struct cede_span plain;

    if (step.next != CEDE_COAP_RESPONSE) {
        return false;
    }
    if (unprotect_response(&network->pair, datagram, &plain) != CEDE_OK) {
        cede_coap_exchange_resume(exchange);
        return false;
    }
    message = decoded(plain);
    assert_span(message.payload, expected);
    return true;
}

static bool run_request(struct network *network, struct cede_coap_exchange *exchange, uint16_t id,
                        uint64_t *now_ms)
{
    uint8_t bytes[64];
    uint8_t kept[96];
    uint8_t payload[2] = {(uint8_t)(id >> 8), (uint8_t)id};
    struct cede_coap_encoder encoder = cede_coap_begin(
        CEDE_BUF_ARRAY(bytes), CEDE_COAP_CON, CEDE_COAP_POST, id, CEDE_SPAN_ARRAY(payload));
    struct cede_span request;

    cede_coap_put_payload(&encoder, CEDE_SPAN_ARRAY(payload));
    assert_int_equal(cede_coap_finish(&encoder, &request), CEDE_OK);
    assert_int_equal(
        cede_copy(CEDE_BUF_ARRAY(kept), protect_request(&network->pair, request), &request),
        CEDE_OK);
    assert_int_equal(
        cede_coap_exchange_start(exchange, &cede_coap_default_params, crypto, request, *now_ms),
        CEDE_OK);
    send_packet(network, true, request, *now_ms);
    for (;;) {
        struct packet *packet = first_packet(network);

        if (packet != NULL && packet->arrives_at_ms <= exchange->deadline_ms) {
            struct packet arrived = *packet;

            packet->arrives_at_ms = 0;
            *now_ms = arrived.arrives_at_ms > *now_ms ? arrived.arrives_at_ms : *now_ms;
            if (arrived.to_server) {
                server_receives(network, cede_span(arrived.bytes, arrived.len), *now_ms);
            } else if (client_receives(network, exchange, cede_span(arrived.bytes, arrived.len),
                                       CEDE_SPAN_ARRAY(payload), *now_ms)) {
                return true;
            }
            continue;
        }
        *now_ms = exchange->deadline_ms;
        switch (cede_coap_exchange_timeout(exchange, *now_ms).next) {
        case CEDE_COAP_RESEND:
            send_packet(network, true, request, *now_ms);
            break;
        case CEDE_COAP_FAILED:
            return false;
        default:
            break;
        }
    }
}

static void test_bad_network(void **state)
{
    static struct network network;
    struct cede_coap_exchange exchange = {0};
    uint64_t now_ms = 1;
    unsigned answered = 0;

    (void)state;
    memset(&network, 0, sizeof(network));
    network.pair = new_pair();
    assert_int_equal(cede_coap_dedup_init(&network.dedup, network.entries, 64,
                                          CEDE_BUF_ARRAY(network.answers), 247000, 5),
                     CEDE_OK);
    for (uint16_t id = 0; id < 300; id++) {
        if (run_request(&network, &exchange, id, &now_ms)) {
            answered++;
            assert_int_equal(network.acted[id], 1);
        }
        assert_true(network.acted[id] <= 1);
    }
    assert_true(answered > 240);
}

#define ON_BOTH(test_)                                                                             \
    {#test_ " (openssl)", test_, use_openssl, NULL, NULL},                                         \
    {                                                                                              \
#test_ " (psa)", test_, use_psa, NULL, NULL                                                \
    }

/* --- sequence numbers and power cuts (appendix B.1.1)
 * ----------------------------------------------------- */

/* A page of flash that survives, on a device whose power goes at the n-th write: before the page is
 * written, or after it but before the device knows. */
struct flash {
    uint64_t ceiling;
    unsigned writes_left;
    bool cut_after;
};

static enum cede_status store_ceiling(void *store_context, uint64_t ceiling)
{
    struct flash *flash = store_context;

    assert_true(ceiling > flash->ceiling);
    if (flash->writes_left == 0) {
        if (flash->cut_after) {
            flash->ceiling = ceiling;
        }
        return CEDE_CRYPTO_FAILED;
    }
    flash->writes_left--;
    flash->ceiling = ceiling;
    return CEDE_OK;
}

/* One life, from boot to power cut, in which every number used is marked. */
static void live(struct flash *flash, bool used[2000], unsigned messages)
{
    struct cede_oscore_context context = c1_context(true);
    struct cede_oscore_exchange exchange;
    uint8_t out[64];
    struct cede_span datagram, number;

    assert_int_equal(cede_oscore_recover(&context, crypto, flash->ceiling), CEDE_OK);
    for (unsigned i = 0; i < messages; i++) {
        if (cede_oscore_keep_ahead(&context, 1, 3, store_ceiling, flash) != CEDE_OK) {
            break; /* the power is gone, and nothing may be sent */
        }
        assert_int_equal(cede_oscore_protect_request(&context, crypto, CEDE_OSCORE_PLAIN,
                                                     HEX("41010001aab161"), &exchange,
                                                     CEDE_BUF_ARRAY(out), &datagram),
                         CEDE_OK);
        number = cede_span(exchange.partial_iv, exchange.partial_iv_len);
        assert_true(cede_oscore_piv_number(&number) < 2000);
        assert_false(used[cede_oscore_piv_number(&number)]);
        used[cede_oscore_piv_number(&number)] = true;
    }
}

static void test_power_cuts(void **state)
{
    (void)state;
    for (unsigned cut = 0; cut < 12; cut++) {
        struct flash flash = {.cut_after = cut % 2 != 0};
        bool used[2000] = {false};

        for (unsigned life = 0; life < 20; life++) {
            flash.writes_left = cut / 2;
            live(&flash, used, (unsigned)(next_random() % 12));
        }
    }
}

static void test_keep_ahead_at_the_end(void **state)
{
    struct cede_oscore_context context = c1_context(true);
    struct flash flash = {.writes_left = 9};

    (void)state;
    assert_int_equal(cede_oscore_keep_ahead(&context, 10, 100, store_ceiling, &flash), CEDE_OK);
    assert_int_equal(flash.ceiling, 0); /* a context that may use all of them stores nothing */
    assert_int_equal(cede_oscore_recover(&context, crypto, CEDE_OSCORE_SEQ_MAX - 5), CEDE_OK);
    assert_int_equal(cede_oscore_keep_ahead(&context, 10, 100, store_ceiling, &flash), CEDE_OK);
    assert_int_equal(flash.ceiling, CEDE_OSCORE_SEQ_MAX + 1);
    context.sender_seq = CEDE_OSCORE_SEQ_MAX + 1;
    assert_int_equal(cede_oscore_keep_ahead(&context, 10, 100, store_ceiling, &flash), CEDE_OK);
    assert_int_equal(flash.writes_left, 8);
}

/* --- the order of the checks (8.2)
 * ------------------------------------------------------------------------ */

static enum cede_status status_of(struct pair *pair, const char *datagram, size_t cap)
{
    uint8_t bytes[64];
    struct cede_span plain;

    return cede_oscore_unprotect_request(
        &pair->server, crypto, hex_into(CEDE_BUF_ARRAY(bytes), datagram), &pair->at_server,
        cede_buf(pair->plain_bytes, cap), &plain);
}

/* Each message has all faults of those below it as well. */
static void test_order_of_checks(void **state)
{
    struct pair pair = new_pair();
    struct cede_span plain;
    struct cede_oscore_context before;

    (void)state;
    assert_int_equal(
        unprotect_request(&pair, protect_request(&pair, HEX("41010001aab161")), &plain), CEDE_OK);
    before = pair.server;
    assert_int_equal(status_of(&pair, "4f020001 93390077 ff00", 0), CEDE_COAP_TOKEN_LENGTH);
    assert_int_equal(status_of(&pair, "40020001 b161 ff00", 0), CEDE_OSCORE_UNPROTECTED);
    assert_int_equal(status_of(&pair, "40020001 93290077 ff00", 0), CEDE_OSCORE_OPTION);
    assert_int_equal(status_of(&pair, "40440001 93090077 ff00", 0), CEDE_OSCORE_OPTION);
    assert_int_equal(status_of(&pair, "40020001 93090077 ff00", 0), CEDE_OSCORE_NO_CONTEXT);
    assert_int_equal(status_of(&pair, "40020001 9519000177 00 ff00", 0), CEDE_OSCORE_NO_CONTEXT);
    assert_int_equal(status_of(&pair, "40020001 920900 ff00", 0), CEDE_OSCORE_REPLAY);
    assert_int_equal(status_of(&pair, "40020001 920901 ff00", 8), CEDE_NO_SPACE);
    assert_int_equal(status_of(&pair, "40020001 920901 ff00", 9), CEDE_OSCORE_DECRYPTION);
    assert_int_equal(status_of(&pair, "40020001 920901 ff0011223344556677889900", 30),
                     CEDE_OSCORE_DECRYPTION);
    assert_memory_equal(&before, &pair.server, sizeof(before));
}

/* An authentic plaintext that is no CoAP message has been received: its number does not serve
 * again. So with an empty one. */
static void test_bad_plaintext_counts(void **state)
{
    static const char *const plaintexts[] = {"", "01ff"};
    struct cede_span aad = HEX("8368456e63727970743040488501810a40411440");
    struct cede_span nonce = HEX("4622d4dd6d944168eefb549868");

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct pair pair = new_pair();
        uint8_t bytes[8], sealed[32], good_bytes[64];
        struct cede_coap_encoder encoder = cede_coap_begin(
            CEDE_BUF_ARRAY(pair.wire_bytes), CEDE_COAP_CON, CEDE_COAP_POST, 1, CEDE_SPAN_NULL);
        struct cede_span ciphertext, datagram, good, plain;

        pair.client.sender_seq = 20;
        assert_int_equal(cede_oscore_protect_request(&pair.client, crypto, 0, HEX("41010001aab161"),
                                                     &pair.at_client, CEDE_BUF_ARRAY(good_bytes),
                                                     &good),
                         CEDE_OK);
        assert_int_equal(crypto->aead_seal(crypto->context, CEDE_ALG_AES_CCM_16_64_128,
                                           cede_span(pair.client.sender.key, 16), nonce, aad,
                                           hex_into(CEDE_BUF_ARRAY(bytes), plaintexts[i]),
                                           CEDE_BUF_ARRAY(sealed), &ciphertext),
                         CEDE_OK);
        cede_coap_put_option(&encoder, CEDE_COAP_OSCORE, HEX("0914"));
        cede_coap_put_payload(&encoder, ciphertext);
        assert_int_equal(cede_coap_finish(&encoder, &datagram), CEDE_OK);
        assert_int_equal(unprotect_request(&pair, datagram, &plain), CEDE_OSCORE_PLAINTEXT);
        assert_int_equal(unprotect_request(&pair, good, &plain), CEDE_OSCORE_REPLAY);
    }
}

/* --- Proxy-Uri (4.1.3.3)
 * ------------------------------------------------------------------------------------ */

static struct cede_span proxied(const char *uri, struct cede_buf out)
{
    struct cede_coap_encoder encoder =
        cede_coap_begin(out, CEDE_COAP_CON, CEDE_COAP_GET, 1, CEDE_SPAN_TEXT("t"));
    struct cede_span request;

    cede_coap_put_option(&encoder, CEDE_COAP_IF_MATCH, CEDE_SPAN_TEXT("m"));
    cede_coap_put_uint(&encoder, CEDE_COAP_ACCEPT, 60);
    cede_coap_put_option(&encoder, CEDE_COAP_PROXY_URI, cede_span_string(uri));
    cede_coap_put_payload(&encoder, CEDE_SPAN_TEXT("payload"));
    assert_int_equal(cede_coap_finish(&encoder, &request), CEDE_OK);
    return request;
}

static enum cede_status protect_proxied(struct pair *pair, struct cede_span request,
                                        size_t memory_cap, struct cede_span *datagram)
{
    static uint8_t memory[BUFFER_LEN];

    return cede_oscore_protect_proxied(&pair->client, crypto, CEDE_OSCORE_PLAIN, request,
                                       &pair->at_client, cede_buf(memory, memory_cap),
                                       CEDE_BUF_ARRAY(pair->wire_bytes), datagram);
}

static void test_proxy_uri(void **state)
{
    static const struct {
        const char *uri, *origin, *path, *query;
    } cases[] = {
        {"coap://example.com/resource?q=1", "coap://example.com", "resource", "q=1"},
        {"coap://example.com:5683/a%20b", "coap://example.com", "a b", NULL},
        {"coaps://example.com:5683", "coaps://example.com:5683", NULL, NULL},
        {"coap://[2001:db8::1]:61616/x?y", "coap://[2001:db8::1]:61616", "x", "y"},
        {"coap://192.0.2.1?only", "coap://192.0.2.1", NULL, "only"},
    };
    struct pair pair = new_pair();
    uint8_t bytes[256];
    struct cede_span datagram, plain, value;
    struct cede_coap_message message;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cede_span request = proxied(cases[i].uri, CEDE_BUF_ARRAY(bytes));

        assert_int_equal(protect_proxied(&pair, request, BUFFER_LEN, &datagram), CEDE_OK);
        message = decoded(datagram);
        assert_true(cede_coap_find_option(&message, CEDE_COAP_PROXY_URI, &value));
        assert_span(value, cede_span_string(cases[i].origin));
        assert_false(cede_coap_find_option(&message, CEDE_COAP_URI_PATH, &value));
        assert_false(cede_coap_find_option(&message, CEDE_COAP_URI_QUERY, &value));
        assert_int_equal(unprotect_request(&pair, datagram, &plain), CEDE_OK);
        message = decoded(plain);
        assert_int_equal(cede_coap_find_option(&message, CEDE_COAP_URI_PATH, &value),
                         cases[i].path != NULL);
        assert_true(cede_span_equal(value, cede_span_string(cases[i].path)));
        assert_int_equal(cede_coap_find_option(&message, CEDE_COAP_URI_QUERY, &value),
                         cases[i].query != NULL);
        assert_true(cede_span_equal(value, cede_span_string(cases[i].query)));
        assert_span(message.payload, CEDE_SPAN_TEXT("payload"));
    }
}

static void test_proxy_uri_refusals(void **state)
{
    struct pair pair = new_pair();
    uint8_t bytes[256];
    struct cede_span datagram, request;

    (void)state;
    request = proxied("coap://example.com/secret", CEDE_BUF_ARRAY(bytes));
    /* Not by the way for other requests: the path would be seen. */
    assert_int_equal(cede_oscore_protect_request(&pair.client, crypto, 0, request, &pair.at_client,
                                                 CEDE_BUF_ARRAY(pair.wire_bytes), &datagram),
                     CEDE_BAD_ARGUMENT);
    assert_int_equal(protect_proxied(&pair, request, request.len - 20, &datagram), CEDE_NO_SPACE);
    assert_int_equal(protect_proxied(&pair, HEX("41010001aab161"), BUFFER_LEN, &datagram),
                     CEDE_BAD_ARGUMENT);
    assert_int_equal(protect_proxied(&pair, HEX("4f"), BUFFER_LEN, &datagram), CEDE_TRUNCATED);
    request = proxied("http://example.com/", CEDE_BUF_ARRAY(bytes));
    assert_int_equal(protect_proxied(&pair, request, BUFFER_LEN, &datagram), CEDE_COAP_URI);
    for (size_t i = 0; i < 5; i++) {
        static const uint16_t numbers[] = {CEDE_COAP_URI_HOST, CEDE_COAP_URI_PORT,
                                           CEDE_COAP_URI_PATH, CEDE_COAP_URI_QUERY,
                                           CEDE_COAP_PROXY_SCHEME};
        struct cede_coap_encoder encoder = cede_coap_begin(CEDE_BUF_ARRAY(bytes), CEDE_COAP_CON,
                                                           CEDE_COAP_GET, 1, CEDE_SPAN_TEXT("t"));

        if (numbers[i] < CEDE_COAP_PROXY_URI) {
            cede_coap_put_option(&encoder, numbers[i], CEDE_SPAN_TEXT("x"));
        }
        cede_coap_put_option(&encoder, CEDE_COAP_PROXY_URI, CEDE_SPAN_TEXT("coap://a/b"));
        if (numbers[i] > CEDE_COAP_PROXY_URI) {
            cede_coap_put_option(&encoder, numbers[i], CEDE_SPAN_TEXT("coap"));
        }
        assert_int_equal(cede_coap_finish(&encoder, &request), CEDE_OK);
        assert_int_equal(protect_proxied(&pair, request, BUFFER_LEN, &datagram), CEDE_BAD_ARGUMENT);
    }
    assert_true(cede_span_is_null(datagram));
}

/* --- outer block-wise (4.1.3.4.2)
 * --------------------------------------------------------------------------- */

#define OUTER_SZX 0

/* Block `number` of a protected message, as a proxy cuts it. */
static struct cede_span outer_block(struct cede_span whole, uint32_t number, const char *tag,
                                    struct cede_buf out)
{
    struct cede_coap_message message = decoded(whole);
    struct cede_coap_block block = {.number = number, .szx = OUTER_SZX};
    struct cede_coap_encoder encoder =
        cede_coap_begin(out, message.type, message.code, message.message_id, message.token);
    struct cede_coap_options options = cede_coap_options(message.options);
    struct cede_coap_option option;
    struct cede_span slice, datagram;

    assert_int_equal(cede_coap_block_slice(message.payload, &block, &slice), CEDE_OK);
    while (cede_coap_options_next(&options, &option)) {
        cede_coap_put_option(&encoder, option.number, option.value);
    }
    cede_coap_put_uint(&encoder,
                       cede_coap_is_request(&message) ? CEDE_COAP_BLOCK1 : CEDE_COAP_BLOCK2,
                       cede_coap_block_value(&block));
    cede_coap_put_uint(&encoder, CEDE_COAP_SIZE1, (uint32_t)message.payload.len);
    if (tag != NULL) {
        cede_coap_put_option(&encoder, CEDE_COAP_REQUEST_TAG, cede_span_string(tag));
    }
    cede_coap_put_payload(&encoder, slice);
    assert_int_equal(cede_coap_finish(&encoder, &datagram), CEDE_OK);
    return datagram;
}

struct gatherer {
    struct cede_oscore_gathering gathering;
    uint8_t body[256], out[256], block_bytes[128];
    struct cede_span whole;
};

static enum cede_status gather(struct gatherer *gatherer, struct cede_span whole, uint32_t number,
                               const char *tag, size_t body_cap)
{
    struct cede_coap_block block;

    return cede_oscore_gather(
        &gatherer->gathering,
        outer_block(whole, number, tag, CEDE_BUF_ARRAY(gatherer->block_bytes)),
        cede_buf(gatherer->body, body_cap), CEDE_BUF_ARRAY(gatherer->out), &block,
        &gatherer->whole);
}

static void test_outer_blocks(void **state)
{
    struct pair pair = new_pair();
    struct gatherer gatherer = {.whole = CEDE_SPAN_NULL};
    uint8_t request_bytes[128], copy[256];
    struct cede_coap_encoder encoder = cede_coap_begin(CEDE_BUF_ARRAY(request_bytes), CEDE_COAP_CON,
                                                       CEDE_COAP_POST, 1, CEDE_SPAN_TEXT("t"));
    struct cede_span request, datagram, plain;
    struct cede_coap_block block;

    (void)state;
    cede_coap_put_path(&encoder, CEDE_SPAN_TEXT("a"));
    cede_coap_put_payload(&encoder, CEDE_SPAN_TEXT("a text that is long enough for some blocks"));
    assert_int_equal(cede_coap_finish(&encoder, &request), CEDE_OK);
    /* A request. */
    assert_int_equal(cede_copy(CEDE_BUF_ARRAY(copy), protect_request(&pair, request), &datagram),
                     CEDE_OK);
    for (uint32_t i = 0; i < 4; i++) {
        assert_true(cede_span_is_null(gatherer.whole));
        assert_int_equal(gather(&gatherer, datagram, i, "tag", 256), CEDE_OK);
    }
    assert_span(gatherer.whole, datagram);
    assert_int_equal(unprotect_request(&pair, gatherer.whole, &plain), CEDE_OK);
    assert_span(plain, request);
    /* A response. */
    encoder = cede_coap_begin(CEDE_BUF_ARRAY(request_bytes), CEDE_COAP_ACK, CEDE_COAP_CONTENT, 1,
                              CEDE_SPAN_TEXT("t"));
    cede_coap_put_payload(&encoder, CEDE_SPAN_TEXT("another one, just as long"));
    assert_int_equal(cede_coap_finish(&encoder, &request), CEDE_OK);
    assert_int_equal(
        cede_copy(CEDE_BUF_ARRAY(copy), protect_response(&pair, 0, request), &datagram), CEDE_OK);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(gather(&gatherer, datagram, i, NULL, 256), CEDE_OK);
    }
    assert_int_equal(unprotect_response(&pair, gatherer.whole, &plain), CEDE_OK);
    assert_span(plain, request);
    /* What nobody has cut goes through as it is. */
    assert_int_equal(cede_oscore_gather(&gatherer.gathering, datagram, cede_buf(NULL, 0),
                                        cede_buf(NULL, 0), &block, &gatherer.whole),
                     CEDE_OK);
    assert_true(gatherer.whole.ptr == datagram.ptr);
}

static void test_outer_block_refusals(void **state)
{
    struct pair pair = new_pair();
    struct gatherer gatherer = {.whole = CEDE_SPAN_NULL};
    uint8_t copies[2][256];
    struct cede_span datagrams[2], request = HEX("41020001aab161ff0102030405060708090a0b0c0d0e");
    struct cede_span longest = HEX("fd0000000000000000000000000000000000000000000000000000");
    struct cede_coap_block block;
    uint8_t bytes[64];
    struct cede_span datagram;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(
            cede_copy(CEDE_BUF_ARRAY(copies[i]), protect_request(&pair, request), &datagrams[i]),
            CEDE_OK);
    }
    assert_int_equal(gather(&gatherer, datagrams[0], 1, NULL, 256), CEDE_COAP_BLOCK_MISSING);
    assert_int_equal(gather(&gatherer, datagrams[0], 0, "tag", 256), CEDE_OK);
    /* Blocks of another request, or of another operation, do not mix with these. */
    assert_int_equal(gather(&gatherer, datagrams[1], 1, "tag", 256), CEDE_COAP_BLOCK_MISSING);
    assert_int_equal(gather(&gatherer, datagrams[0], 1, "gat", 256), CEDE_COAP_BLOCK_MISSING);
    assert_int_equal(gather(&gatherer, datagrams[0], 1, NULL, 256), CEDE_COAP_BLOCK_MISSING);
    assert_int_equal(gather(&gatherer, datagrams[0], 1, "", 256), CEDE_COAP_BLOCK_MISSING);
    assert_int_equal(gather(&gatherer, datagrams[0], 0, "tag of 9.", 256), CEDE_COAP_OPTION_VALUE);
    /* More than MAX_UNFRAGMENTED_SIZE; then one that is not. */
    assert_int_equal(gather(&gatherer, datagrams[0], 0, NULL, 20), CEDE_OK);
    assert_int_equal(gather(&gatherer, datagrams[0], 1, NULL, 20), CEDE_COAP_BODY_TOO_LARGE);
    assert_true(cede_span_is_null(gatherer.whole));
    /* No OSCORE option, no CoAP, a reserved size. */
    assert_int_equal(cede_oscore_gather(&gatherer.gathering, HEX("40020001 d10e00 ff00"),
                                        CEDE_BUF_ARRAY(bytes), CEDE_BUF_ARRAY(bytes), &block,
                                        &datagram),
                     CEDE_OSCORE_UNPROTECTED);
    assert_int_equal(cede_oscore_gather(&gatherer.gathering, longest, CEDE_BUF_ARRAY(bytes),
                                        CEDE_BUF_ARRAY(bytes), &block, &datagram),
                     CEDE_COAP_VERSION);
    assert_int_equal(cede_oscore_gather(&gatherer.gathering, HEX("40020001 d10e07 ff00"),
                                        CEDE_BUF_ARRAY(bytes), CEDE_BUF_ARRAY(bytes), &block,
                                        &datagram),
                     CEDE_COAP_BLOCK);
}

/* --- new contexts from one master secret (appendix B.2)
 * ----------------------------------------------------- */

struct rederiving {
    struct cede_oscore_params at_client, at_server;
    struct cede_oscore_rederivation run;
    struct cede_oscore_rederiver server;
    struct cede_oscore_context client_context, server_context;
    struct cede_oscore_exchange sent, received;
    uint8_t memory[256], out[256], messages[4][256];
    struct cede_span request_1, response_1, request_2;
};

static struct cede_span keep_message(struct rederiving *world, size_t at, struct cede_span message)
{
    struct cede_span kept;

    assert_int_equal(cede_copy(CEDE_BUF_ARRAY(world->messages[at]), message, &kept), CEDE_OK);
    return kept;
}

static enum cede_status answer(struct rederiving *world, struct cede_span datagram,
                               struct cede_span *response)
{
    return cede_oscore_rederive_answer(&world->server, crypto, &world->at_server, datagram, 77,
                                       CEDE_BUF_ARRAY(world->memory), CEDE_BUF_ARRAY(world->out),
                                       response);
}

static enum cede_status go_on(struct rederiving *world, struct cede_span datagram)
{
    return cede_oscore_rederive_continue(&world->run, crypto, &world->at_client, datagram,
                                         &world->sent, CEDE_BUF_ARRAY(world->memory),
                                         CEDE_BUF_ARRAY(world->out), &world->client_context);
}

static enum cede_status finish(struct rederiving *world, struct cede_span datagram)
{
    struct cede_span request;

    return cede_oscore_rederive_finish(&world->server, crypto, &world->at_server, datagram,
                                       &world->received, CEDE_BUF_ARRAY(world->memory),
                                       CEDE_BUF_ARRAY(world->out), &world->server_context,
                                       &request);
}

static void begin_rederiving(struct rederiving *world)
{
    static const uint8_t id[1] = {0x01}, salt[] = {0x9e, 0x7c, 0xa9, 0x22};
    struct cede_span empty = cede_span(id, 0), datagram;

    memset(world, 0, sizeof(*world));
    world->at_client = params_of(CEDE_SPAN_ARRAY(salt), empty, CEDE_SPAN_ARRAY(id), CEDE_SPAN_NULL);
    world->at_server = params_of(CEDE_SPAN_ARRAY(salt), CEDE_SPAN_ARRAY(id), empty, CEDE_SPAN_NULL);
    assert_int_equal(cede_oscore_rederive_start(&world->run, crypto, &world->at_client,
                                                HEX("41010001aab161"), &world->sent,
                                                CEDE_BUF_ARRAY(world->memory),
                                                CEDE_BUF_ARRAY(world->out), &datagram),
                     CEDE_OK);
    world->request_1 = keep_message(world, 0, datagram);
}

static void second_request(struct rederiving *world)
{
    struct cede_span datagram;

    assert_int_equal(cede_oscore_rederive_request(
                         &world->client_context, crypto, HEX("41010002aab161"), &world->sent,
                         CEDE_BUF_ARRAY(world->memory), CEDE_BUF_ARRAY(world->out), &datagram),
                     CEDE_OK);
    world->request_2 = keep_message(world, 2, datagram);
}

static void test_rederivation(void **state)
{
    static struct rederiving world;
    struct cede_span datagram, plain;
    struct cede_coap_message message;
    struct cede_oscore_header header;

    (void)state;
    begin_rederiving(&world);
    message = decoded(world.request_1);
    assert_int_equal(cede_oscore_peek(&message, &header), CEDE_OK);
    assert_int_equal(header.kid_context.len, 1 + CEDE_OSCORE_R_LEN);
    assert_int_equal(header.kid_context.ptr[0], 0x40 | CEDE_OSCORE_R_LEN); /* a bstr */
    assert_memory_equal(header.kid_context.ptr + 1, world.run.id1, CEDE_OSCORE_R_LEN);
    assert_int_equal(answer(&world, world.request_1, &datagram), CEDE_OK);
    world.response_1 = keep_message(&world, 1, datagram);
    assert_int_equal(go_on(&world, world.response_1), CEDE_OK);
    second_request(&world);
    assert_int_equal(finish(&world, world.request_2), CEDE_OK);
    assert_int_equal(world.server_context.id_context_len, CEDE_OSCORE_R2_LEN + CEDE_OSCORE_R_LEN);
    /* Response 2, and requests from then on. */
    assert_int_equal(cede_oscore_protect_response(&world.server_context, crypto, 0,
                                                  HEX("61450002aa"), &world.received,
                                                  CEDE_BUF_ARRAY(world.out), &datagram),
                     CEDE_OK);
    assert_int_equal(cede_oscore_unprotect_response(&world.client_context, crypto, datagram,
                                                    &world.sent, CEDE_BUF_ARRAY(world.memory),
                                                    &plain),
                     CEDE_OK);
    assert_span(plain, HEX("61450002aa"));
    assert_int_equal(cede_oscore_protect_request(
                         &world.client_context, crypto, CEDE_OSCORE_SEND_KID_CONTEXT,
                         HEX("41010003aab161"), &world.sent, CEDE_BUF_ARRAY(world.out), &datagram),
                     CEDE_OK);
    assert_int_equal(cede_oscore_unprotect_request(&world.server_context, crypto, datagram,
                                                   &world.received, CEDE_BUF_ARRAY(world.memory),
                                                   &plain),
                     CEDE_OK);
}

/* Replays: of request 1 they only make other answers, of request 2 they find no run. */
static void test_rederivation_replays(void **state)
{
    static struct rederiving world;
    struct cede_span datagram;
    struct cede_oscore_context live_context;

    (void)state;
    begin_rederiving(&world);
    assert_int_equal(finish(&world, world.request_1), CEDE_OSCORE_NO_CONTEXT); /* no run is on */
    assert_int_equal(answer(&world, world.request_1, &datagram), CEDE_OK);
    world.response_1 = keep_message(&world, 1, datagram);
    assert_int_equal(answer(&world, world.request_1, &datagram), CEDE_OK);
    assert_false(cede_span_equal(datagram, world.response_1));
    /* The first answer still serves: the runs are parallel. */
    assert_int_equal(go_on(&world, world.response_1), CEDE_OK);
    second_request(&world);
    assert_int_equal(finish(&world, world.request_2), CEDE_OK);
    live_context = world.server_context;
    assert_int_equal(finish(&world, world.request_2), CEDE_OSCORE_NO_CONTEXT);
    /* Nor does a new run help the old request. */
    assert_int_equal(answer(&world, world.request_1, &datagram), CEDE_OK);
    assert_int_equal(finish(&world, world.request_2), CEDE_OSCORE_NO_CONTEXT);
    assert_int_equal(cede_oscore_unprotect_request(&live_context, crypto, world.request_2,
                                                   &world.received, CEDE_BUF_ARRAY(world.memory),
                                                   &datagram),
                     CEDE_OSCORE_NO_CONTEXT); /* its kid context is wrapped */
}

static struct cede_span with_kid_context(struct cede_span datagram, struct cede_span kid_context,
                                         struct cede_buf out)
{
    struct cede_coap_message message = decoded(datagram);
    struct cede_coap_encoder encoder =
        cede_coap_begin(out, message.type, message.code, message.message_id, message.token);
    struct cede_oscore_header header;
    uint8_t value_bytes[64];
    struct cede_span value;

    assert_int_equal(cede_oscore_peek(&message, &header), CEDE_OK);
    header.kid_context = kid_context;
    assert_int_equal(cede_oscore_encode_option(&header, CEDE_BUF_ARRAY(value_bytes), &value),
                     CEDE_OK);
    cede_coap_put_option(&encoder, CEDE_COAP_OSCORE, value);
    cede_coap_put_payload(&encoder, message.payload);
    assert_int_equal(cede_coap_finish(&encoder, &datagram), CEDE_OK);
    return datagram;
}

static void test_rederivation_refusals(void **state)
{
    static const char *const kid_contexts[] = {"",
                                               "48",
                                               "40",
                                               "4800",
                                               "01",
                                               "4161 00",
                                               "5818 000102030405060708090a0b0c0d0e0f1011121314"
                                               "151617",
                                               "5821 0001020304050607080900010203040506070809"
                                               "00010203040506070809000102"};
    static struct rederiving world;
    struct cede_span datagram;
    uint8_t bytes[64], changed[256];

    (void)state;
    begin_rederiving(&world);
    assert_int_equal(answer(&world, world.request_1, &datagram), CEDE_OK);
    world.response_1 = keep_message(&world, 1, datagram);
    for (size_t i = 0; i < sizeof(kid_contexts) / sizeof(kid_contexts[0]); i++) {
        struct cede_span other =
            with_kid_context(world.request_1, hex_into(CEDE_BUF_ARRAY(bytes), kid_contexts[i]),
                             CEDE_BUF_ARRAY(changed));

        assert_int_equal(answer(&world, other, &datagram), CEDE_OSCORE_OPTION);
        other = with_kid_context(world.response_1, hex_into(CEDE_BUF_ARRAY(bytes), kid_contexts[i]),
                                 CEDE_BUF_ARRAY(changed));
        assert_int_not_equal(go_on(&world, other), CEDE_OK);
        assert_int_not_equal(finish(&world, other), CEDE_OK);
    }
    /* Another R1 or R2: other keys. */
    datagram =
        with_kid_context(world.request_1, HEX("480001020304050607"), CEDE_BUF_ARRAY(changed));
    assert_int_equal(answer(&world, datagram, &datagram), CEDE_OSCORE_DECRYPTION);
    datagram =
        with_kid_context(world.response_1, HEX("480001020304050607"), CEDE_BUF_ARRAY(changed));
    assert_int_equal(go_on(&world, datagram), CEDE_OSCORE_DECRYPTION);
    assert_int_equal(go_on(&world, world.response_1), CEDE_OK);
    second_request(&world);
    world.messages[2][world.request_2.len - 1] ^= 1; /* forged: the run stays open */
    assert_int_equal(finish(&world, world.request_2), CEDE_OSCORE_DECRYPTION);
    world.messages[2][world.request_2.len - 1] ^= 1;
    world.server.key[0] ^= 1; /* an R2 of another server */
    assert_int_equal(finish(&world, world.request_2), CEDE_OSCORE_NO_CONTEXT);
    world.server.key[0] ^= 1;
    assert_int_equal(finish(&world, world.request_2), CEDE_OK);
}

/* --- observe, both ends over a network that loses, repeats and reorders
 * -------------------------------------- */

#define NOTIFICATIONS 60

static struct cede_span notification(struct pair *pair, unsigned value, struct cede_buf out)
{
    uint8_t plain_bytes[32], bytes[64];
    uint8_t payload = (uint8_t)value;
    struct cede_coap_encoder encoder =
        cede_coap_begin(CEDE_BUF_ARRAY(plain_bytes), CEDE_COAP_NON, CEDE_COAP_CONTENT,
                        (uint16_t)value, CEDE_SPAN_TEXT("t"));
    struct cede_span plain, datagram, kept;

    cede_coap_put_uint(&encoder, CEDE_COAP_OBSERVE, value);
    cede_coap_put_payload(&encoder, cede_span(&payload, 1));
    assert_int_equal(cede_coap_finish(&encoder, &plain), CEDE_OK);
    assert_int_equal(cede_oscore_protect_response(&pair->server, crypto, 0, plain, &pair->at_server,
                                                  CEDE_BUF_ARRAY(bytes), &datagram),
                     CEDE_OK);
    assert_int_equal(cede_copy(out, datagram, &kept), CEDE_OK);
    return kept;
}

static void test_observe_over_bad_network(void **state)
{
    struct pair pair = new_pair();
    static uint8_t wire[NOTIFICATIONS][64];
    struct cede_span sent[NOTIFICATIONS], plain;
    struct cede_oscore_exchange cancelled_at_client, cancelled_at_server;
    struct cede_coap_message message;
    int newest = -1, taken = 0;

    (void)state;
    assert_int_equal(
        unprotect_request(&pair, protect_request(&pair, HEX("51010001 74 60 5161")), &plain),
        CEDE_OK);
    for (int i = 0; i < NOTIFICATIONS; i++) {
        sent[i] = notification(&pair, (unsigned)i, CEDE_BUF_ARRAY(wire[i]));
        for (int k = 0; k < 3; k++) {
            int which = i - (int)(next_random() % 5);
            enum cede_status status;

            if (which < 0) {
                continue;
            }
            status = unprotect_response(&pair, sent[which], &plain);
            assert_int_equal(status, which > newest ? CEDE_OK : CEDE_OSCORE_REPLAY);
            if (status == CEDE_OK) {
                message = decoded(plain);
                assert_int_equal(message.payload.ptr[0], which);
                newest = which;
                taken++;
            }
        }
    }
    assert_true(taken > 10);
    /* Cancellation (RFC 7641, 3.6): a request of its own, answered without Observe. */
    cancelled_at_client = pair.at_client;
    cancelled_at_server = pair.at_server;
    assert_int_equal(
        unprotect_request(&pair, protect_request(&pair, HEX("51010002 74 6101 5161")), &plain),
        CEDE_OK);
    message = decoded(plain);
    assert_true(!pair.at_server.observe && !pair.at_client.observe);
    assert_int_equal(
        unprotect_response(&pair, protect_response(&pair, 0, HEX("51450002 74 ff63")), &plain),
        CEDE_OK);
    /* What is still on its way belongs to another request: it does not verify in this one. */
    pair.at_server = cancelled_at_server;
    pair.at_client.done = false;
    assert_int_equal(
        unprotect_response(&pair, notification(&pair, 99, CEDE_BUF_ARRAY(wire[0])), &plain),
        CEDE_OSCORE_DECRYPTION);
    pair.at_client = cancelled_at_client;
    assert_int_equal(unprotect_response(&pair, sent[NOTIFICATIONS - 1], &plain),
                     newest < NOTIFICATIONS - 1 ? CEDE_OK : CEDE_OSCORE_REPLAY);
}

/* --- back ends that fail, buffers that are too small
 * -------------------------------------------------------- */

/* The back end under test, that fails at the n-th operation. */
static int operations_left;

static bool fails(void)
{
    return operations_left-- == 0;
}

static enum cede_status failing_random(void *context, struct cede_buf out)
{
    return fails() ? CEDE_CRYPTO_RANDOM : crypto->random(context, out);
}

static enum cede_status failing_hmac(void *context, int32_t hash_alg, struct cede_span key,
                                     const struct cede_span *parts, size_t parts_count,
                                     uint8_t *out)
{
    return fails() ? CEDE_CRYPTO_FAILED
                   : crypto->hmac(context, hash_alg, key, parts, parts_count, out);
}

static enum cede_status failing_seal(void *context, int32_t alg, struct cede_span key,
                                     struct cede_span nonce, struct cede_span aad,
                                     struct cede_span plaintext, struct cede_buf out,
                                     struct cede_span *ciphertext)
{
    *ciphertext = CEDE_SPAN_NULL;
    return fails() ? CEDE_CRYPTO_FAILED
                   : crypto->aead_seal(context, alg, key, nonce, aad, plaintext, out, ciphertext);
}

static enum cede_status failing_open(void *context, int32_t alg, struct cede_span key,
                                     struct cede_span nonce, struct cede_span aad,
                                     struct cede_span ciphertext, struct cede_buf out,
                                     struct cede_span *plaintext)
{
    *plaintext = CEDE_SPAN_NULL;
    return fails() ? CEDE_CRYPTO_FAILED
                   : crypto->aead_open(context, alg, key, nonce, aad, ciphertext, out, plaintext);
}

static unsigned forgotten;

static void count_forgotten(void *context, struct cede_span key)
{
    (void)context;
    forgotten += key.len == 16;
}

static struct cede_crypto failing_crypto(void)
{
    struct cede_crypto failing = *crypto;

    failing.random = failing_random;
    failing.hmac = failing_hmac;
    failing.aead_seal = failing_seal;
    failing.aead_open = failing_open;
    failing.aead_forget = count_forgotten;
    return failing;
}

/* All of B.2 with these limits; the first failure. */
static enum cede_status rederive_within(const struct cede_crypto *with, size_t memory_cap,
                                        size_t out_cap)
{
    static struct rederiving world;
    struct cede_buf memory = cede_buf(world.memory, memory_cap);
    struct cede_buf out = cede_buf(world.out, out_cap);
    struct cede_span datagram, request;

    begin_rederiving(&world);
    CEDE_TRY(cede_oscore_rederive_start(&world.run, with, &world.at_client, HEX("41010001aab161"),
                                        &world.sent, memory, out, &datagram));
    world.request_1 = keep_message(&world, 0, datagram);
    CEDE_TRY(cede_oscore_rederive_answer(&world.server, with, &world.at_server, world.request_1, 7,
                                         memory, out, &datagram));
    world.response_1 = keep_message(&world, 1, datagram);
    CEDE_TRY(cede_oscore_rederive_continue(&world.run, with, &world.at_client, world.response_1,
                                           &world.sent, memory, out, &world.client_context));
    CEDE_TRY(cede_oscore_rederive_request(&world.client_context, with, HEX("41010002aab161"),
                                          &world.sent, memory, out, &datagram));
    world.request_2 = keep_message(&world, 2, datagram);
    return cede_oscore_rederive_finish(&world.server, with, &world.at_server, world.request_2,
                                       &world.received, memory, out, &world.server_context,
                                       &request);
}

static void test_rederivation_fails_cleanly(void **state)
{
    struct cede_crypto failing = failing_crypto();
    enum cede_status status = CEDE_CRYPTO_FAILED;
    int calls = 0;

    (void)state;
    for (; status != CEDE_OK; calls++) {
        operations_left = calls;
        status = rederive_within(&failing, 256, 256);
        assert_true(status == CEDE_OK || status == CEDE_CRYPTO_FAILED ||
                    status == CEDE_CRYPTO_RANDOM);
    }
    assert_true(calls > 25);
    operations_left = -1;
    for (size_t cap = 0; cap < 80; cap++) {
        status = rederive_within(&failing, cap, 256);
        assert_true(status == CEDE_OK ? cap >= 16 : status == CEDE_NO_SPACE);
        status = rederive_within(&failing, 256, cap);
        assert_true(status == CEDE_OK ? cap >= 16 : status == CEDE_NO_SPACE);
    }
    assert_int_equal(status, CEDE_OK);
}

static void test_back_end_failures(void **state)
{
    static const struct cede_oscore_context empty;
    struct cede_crypto failing = failing_crypto();
    struct cede_oscore_params params =
        params_of(HEX(MASTER_SALT), HEX("01"), HEX("02"), CEDE_SPAN_NULL);
    struct pair pair = new_pair();
    struct cede_oscore_context before;
    uint8_t key[CEDE_OSCORE_ECHO_KEY_LEN] = {1}, echo[CEDE_OSCORE_ECHO_LEN], wire[64];
    struct cede_coap_message message;
    struct cede_span datagram, plain;

    (void)state;
    for (operations_left = 3; operations_left >= 0;) {
        int left = operations_left;

        assert_int_equal(cede_oscore_init(&pair.client, &failing, &params), CEDE_CRYPTO_FAILED);
        assert_memory_equal(&pair.client, &empty, sizeof(empty));
        operations_left = left - 1;
    }
    pair = new_pair();
    before = pair.client;
    operations_left = 0;
    assert_int_equal(cede_oscore_recover(&pair.client, &failing, 5), CEDE_CRYPTO_RANDOM);
    assert_memory_equal(&pair.client, &before, sizeof(before));
    operations_left = 0;
    assert_int_equal(cede_oscore_echo_create(&failing, key, 1, CEDE_SPAN_NULL, echo),
                     CEDE_CRYPTO_FAILED);
    assert_int_equal(cede_oscore_echo_create(crypto, key, 1, CEDE_SPAN_NULL, echo), CEDE_OK);
    operations_left = 0;
    assert_int_equal(
        cede_oscore_echo_verify(&failing, key, 1, 5, CEDE_SPAN_NULL, CEDE_SPAN_ARRAY(echo)),
        CEDE_CRYPTO_FAILED);
    /* A number whose sealing failed is gone; a request that could not be opened has not come. */
    operations_left = 0;
    assert_int_equal(cede_oscore_protect_request(&pair.client, &failing, 0, HEX("41010001aab161"),
                                                 &pair.at_client, CEDE_BUF_ARRAY(wire), &datagram),
                     CEDE_CRYPTO_FAILED);
    assert_true(cede_span_is_null(datagram));
    assert_int_equal(pair.client.sender_seq, 1);
    datagram = protect_request(&pair, HEX("41010001aab161"));
    operations_left = 0;
    assert_int_equal(cede_oscore_unprotect_request(&pair.server, &failing, datagram,
                                                   &pair.at_server,
                                                   CEDE_BUF_ARRAY(pair.plain_bytes), &plain),
                     CEDE_CRYPTO_FAILED);
    assert_int_equal(unprotect_request(&pair, datagram, &plain), CEDE_OK);
    message = decoded(datagram);
    operations_left = 0;
    assert_int_equal(cede_oscore_compose_challenge(&pair.server, &failing, &message, 0,
                                                   &pair.at_server, CEDE_BUF_ARRAY(wire), &plain),
                     CEDE_CRYPTO_FAILED);
    forgotten = 0;
    cede_oscore_close(&pair.server, &failing);
    assert_int_equal(forgotten, 2);
    assert_memory_equal(&pair.server, &empty, sizeof(empty));
    cede_oscore_close(&pair.client, crypto);
    assert_memory_equal(&pair.client, &empty, sizeof(empty));
}

/* Any `out` that is too small is refused, and nothing of the message is left in it. */
static void test_small_buffers(void **state)
{
    static const uint8_t zeros[64];
    struct pair pair = new_pair();
    struct cede_span request = HEX("42010001aabb3168 30 5161 ff1234");
    struct cede_span datagram;
    uint8_t out[64];
    size_t needed = protect_request(&pair, request).len;

    (void)state;
    for (size_t cap = 0; cap < needed; cap++) {
        uint64_t seq = pair.client.sender_seq;

        assert_int_equal(
            cede_oscore_protect_request(&pair.client, crypto, 0, request, &pair.at_client,
                                        cede_buf(cap > 0 ? out : NULL, cap), &datagram),
            CEDE_NO_SPACE);
        assert_true(cede_span_is_null(datagram));
        if (cap > 0) {
            assert_memory_equal(out, zeros, cap);
        }
        assert_true(pair.client.sender_seq - seq <= 1);
    }
    assert_int_equal(cede_oscore_protect_request(&pair.client, crypto, 0, request, &pair.at_client,
                                                 cede_buf(out, needed), &datagram),
                     CEDE_OK);
}

/* Smaller things that peers may do. */
static void test_odd_messages(void **state)
{
    struct pair pair = new_pair();
    struct cede_span plain, value;
    struct cede_oscore_header header = {CEDE_SPAN_NULL, CEDE_SPAN_NULL, CEDE_SPAN_NULL};
    uint8_t out[8], long_bytes[256] = {1}, kept[64];

    (void)state;
    /* An Observe value that is too long registers nothing. */
    assert_int_equal(
        unprotect_request(&pair, protect_request(&pair, HEX("41010001aa64000000005161")), &plain),
        CEDE_OK);
    assert_false(pair.at_server.observe || pair.at_client.observe);
    /* Without an ID Context there is none to send. */
    assert_int_equal(cede_oscore_protect_request(&pair.client, crypto, CEDE_OSCORE_SEND_KID_CONTEXT,
                                                 HEX("41010001aab161"), &pair.at_client,
                                                 CEDE_BUF_ARRAY(pair.wire_bytes), &value),
                     CEDE_OK);
    assert_int_equal(unprotect_request(&pair, value, &plain), CEDE_OK);
    /* An empty message has nothing to protect. */
    assert_int_equal(cede_oscore_protect_response(&pair.server, crypto, 0, HEX("60000001"),
                                                  &pair.at_server, CEDE_BUF_ARRAY(pair.wire_bytes),
                                                  &value),
                     CEDE_BAD_ARGUMENT);
    /* The first notification numbered, then one without a number: it counts as older. */
    assert_int_equal(
        unprotect_request(&pair, protect_request(&pair, HEX("41010001aa605161")), &plain), CEDE_OK);
    assert_int_equal(
        cede_copy(CEDE_BUF_ARRAY(kept), protect_response(&pair, 0, HEX("51450002aa60")), &value),
        CEDE_OK);
    assert_int_equal(
        unprotect_response(&pair,
                           protect_response(&pair, CEDE_OSCORE_NEW_PARTIAL_IV, HEX("51450003aa60")),
                           &plain),
        CEDE_OK);
    assert_int_equal(unprotect_response(&pair, value, &plain), CEDE_OSCORE_REPLAY);
    /* Option values that cannot be written. */
    header.kid_context = CEDE_SPAN_ARRAY(long_bytes);
    assert_int_equal(cede_oscore_encode_option(&header, CEDE_BUF_ARRAY(out), &value),
                     CEDE_BAD_ARGUMENT);
    header.kid_context = CEDE_SPAN_NULL;
    header.partial_iv = HEX("0001");
    assert_int_equal(cede_oscore_encode_option(&header, CEDE_BUF_ARRAY(out), &value),
                     CEDE_BAD_ARGUMENT);
    header.partial_iv = HEX("010203040506");
    assert_int_equal(cede_oscore_encode_option(&header, CEDE_BUF_ARRAY(out), &value),
                     CEDE_BAD_ARGUMENT);
    header.partial_iv = HEX("0102");
    assert_int_equal(cede_oscore_encode_option(&header, cede_buf(out, 3), &value), CEDE_NO_SPACE);
    assert_true(cede_span_is_null(value));
}

/* A lost window: requests without Echo, with one too short, and the larger window after it. */
static void test_recovering_variants(void **state)
{
    struct pair pair = new_pair();
    struct cede_oscore_params params =
        params_of(HEX(MASTER_SALT), HEX("01"), cede_span((const uint8_t *)"", 0), CEDE_SPAN_NULL);
    uint32_t words[2];
    uint8_t bytes[64];
    struct cede_coap_encoder encoder =
        cede_coap_begin(CEDE_BUF_ARRAY(bytes), CEDE_COAP_CON, CEDE_COAP_GET, 2, CEDE_SPAN_NULL);
    struct cede_span datagram, plain, request;
    uint8_t out[8];

    (void)state;
    params.window_len = 64;
    params.window = words;
    assert_int_equal(cede_oscore_init(&pair.server, crypto, &params), CEDE_OK);
    assert_int_equal(cede_oscore_recover(&pair.server, crypto, 10), CEDE_OK);
    assert_int_equal(
        unprotect_recovering(&pair, protect_request(&pair, HEX("41010001aab161")), &plain),
        CEDE_OSCORE_NEEDS_ECHO);
    assert_int_equal(
        unprotect_recovering(&pair, protect_request(&pair, HEX("41010001aad1ef11")), &plain),
        CEDE_OSCORE_NEEDS_ECHO); /* Echo of one byte */
    datagram = protect_request(&pair, HEX("41010001aab161"));
    pair.wire_bytes[datagram.len - 1] ^= 1;
    assert_int_equal(unprotect_recovering(&pair, datagram, &plain), CEDE_OSCORE_DECRYPTION);
    cede_coap_put_option(&encoder, CEDE_COAP_ECHO, CEDE_SPAN_ARRAY(pair.server.echo));
    assert_int_equal(cede_coap_finish(&encoder, &request), CEDE_OK);
    assert_int_equal(unprotect_recovering(&pair, protect_request(&pair, request), &plain), CEDE_OK);
    assert_true(words[0] == UINT32_MAX && words[1] == UINT32_MAX);
    assert_int_equal(cede_oscore_compose_challenge(&pair.server, crypto,
                                                   &(struct cede_coap_message){.type = 0}, 1,
                                                   &pair.at_server, CEDE_BUF_ARRAY(out), &plain),
                     CEDE_OSCORE_RESERVE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_derivation),
        ON_BOTH(test_init_refusals),
        ON_BOTH(test_appendix_c_requests),
        ON_BOTH(test_appendix_c_responses),
        ON_BOTH(test_option_examples),
        ON_BOTH(test_option_refusals),
        ON_BOTH(test_request_refusals),
        ON_BOTH(test_protect_refusals),
        ON_BOTH(test_option_classes),
        ON_BOTH(test_random_messages),
        ON_BOTH(test_injected_outer_options),
        ON_BOTH(test_leftover_edhoc_option),
        ON_BOTH(test_figure_5),
        ON_BOTH(test_larger_window),
        ON_BOTH(test_rederivation_fails_cleanly),
        ON_BOTH(test_back_end_failures),
        ON_BOTH(test_small_buffers),
        ON_BOTH(test_odd_messages),
        ON_BOTH(test_recovering_variants),
        ON_BOTH(test_power_cuts),
        ON_BOTH(test_keep_ahead_at_the_end),
        ON_BOTH(test_order_of_checks),
        ON_BOTH(test_bad_plaintext_counts),
        ON_BOTH(test_proxy_uri),
        ON_BOTH(test_proxy_uri_refusals),
        ON_BOTH(test_outer_blocks),
        ON_BOTH(test_outer_block_refusals),
        ON_BOTH(test_rederivation),
        ON_BOTH(test_rederivation_replays),
        ON_BOTH(test_rederivation_refusals),
        ON_BOTH(test_observe_over_bad_network),
        ON_BOTH(test_replay_window),
        ON_BOTH(test_replay_window_against_model),
        ON_BOTH(test_sequence_numbers_run_out),
        ON_BOTH(test_reserve),
        ON_BOTH(test_recovery_with_echo),
        ON_BOTH(test_bit_flips_of_a_request),
        ON_BOTH(test_bit_flips_of_a_response),
        ON_BOTH(test_truncation),
        ON_BOTH(test_message_binding),
        ON_BOTH(test_bad_plaintexts),
        ON_BOTH(test_observe),
        ON_BOTH(test_observe_with_long_partial_iv),
        ON_BOTH(test_notification_without_observation),
        ON_BOTH(test_no_nonce_reuse),
        ON_BOTH(test_errors),
        ON_BOTH(test_echo),
        ON_BOTH(test_edhoc_requests),
        ON_BOTH(test_edhoc_payload_refusals),
        ON_BOTH(test_edhoc_response),
        ON_BOTH(test_combined_request),
        ON_BOTH(test_combined_refusals),
        ON_BOTH(test_combined_end_to_end),
        ON_BOTH(test_inner_blockwise),
        ON_BOTH(test_bad_network),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
