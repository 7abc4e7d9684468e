/* SPDX-License-Identifier: Apache-2.0 */
/* transfer_test.c - the messages of a hand-over: round trips, and a refusal for every rule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cede/cose.h"
#include "cede/transfer.h"

#define NOW 1790001000u

static const uint8_t cti[CEDE_CTI_LEN] = {1, 2, 3, 4, 5, 6, 7, 8};
static const uint8_t digest[CEDE_SHA256_LEN] = {0xaa, 0xbb, 0xcc};
static const uint8_t transfer_id[CEDE_TRANSFER_ID_LEN] = {9, 9, 9};

static struct {
    const struct cede_crypto *crypto;
    uint8_t scalar[32], point[64];
    uint8_t other_scalar[32], other_point[64];
    struct cede_private_key key, other_key;
    struct cede_public_key public_key, other_public_key;
    uint8_t payload[1024], message[1200];
} t;

static int setup(void **state)
{
    (void)state;
    t.crypto = cede_crypto_openssl();
    assert_int_equal(t.crypto->generate(t.crypto->context, CEDE_CRV_P256, t.scalar, t.point),
                     CEDE_OK);
    assert_int_equal(
        t.crypto->generate(t.crypto->context, CEDE_CRV_P256, t.other_scalar, t.other_point),
        CEDE_OK);
    t.key = (struct cede_private_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(t.scalar), NULL};
    t.other_key = (struct cede_private_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(t.other_scalar), NULL};
    t.public_key = (struct cede_public_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(t.point)};
    t.other_public_key = (struct cede_public_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(t.other_point)};
    return 0;
}

static struct cede_transfer order(void)
{
    struct cede_transfer transfer = {
        .aud = CEDE_SPAN_TEXT("sensor-007"),
        .not_before = 1790000000,
        .not_after = 1790003600,
        .cti = CEDE_SPAN_ARRAY(cti),
        .enroll_uri = CEDE_SPAN_TEXT("coap://127.0.0.1:15684/e/abcdef"),
        .update_uri = CEDE_SPAN_TEXT("coap://127.0.0.1:25683"),
        .fallback_uri = CEDE_SPAN_TEXT("coap://127.0.0.1:15683"),
        .controller = CEDE_SPAN_ARRAY(digest),
        .has_seq = true,
        .seq = 5,
    };
    return transfer;
}

static struct cede_span sign(struct cede_span payload, const struct cede_private_key *key)
{
    struct cede_span message;

    assert_int_equal(
        cede_transfer_sign(t.crypto, key, payload, CEDE_BUF_ARRAY(t.message), &message), CEDE_OK);
    return message;
}

static struct cede_span encode(const struct cede_transfer *transfer)
{
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(t.payload));
    struct cede_span payload;

    cede_transfer_encode(&writer, transfer);
    assert_int_equal(cede_writer_finish(&writer, &payload), CEDE_OK);
    return payload;
}

static uint64_t now = NOW;

static struct cede_transfer_rules rules(void)
{
    struct cede_transfer_rules r = {t.public_key, CEDE_SPAN_TEXT("sensor-007"), 4, &now};

    return r;
}

static void assert_refused(struct cede_span message, enum cede_status status)
{
    struct cede_transfer_rules r = rules();
    struct cede_transfer transfer;

    assert_int_equal(cede_transfer_check(t.crypto, &r, message, &transfer), status);
    assert_true(cede_span_is_null(transfer.enroll_uri));
}

static void test_order_round_trip_and_size(void **state)
{
    struct cede_transfer sent = order(), received;
    struct cede_transfer_rules r = rules();
    struct cede_span message;

    (void)state;
    message = sign(encode(&sent), &t.key);
    assert_true(message.len <= 240);
    assert_int_equal(cede_transfer_check(t.crypto, &r, message, &received), CEDE_OK);
    assert_true(cede_span_equal(received.aud, sent.aud));
    assert_true(cede_span_equal(received.cti, sent.cti));
    assert_true(cede_span_equal(received.enroll_uri, sent.enroll_uri));
    assert_true(cede_span_equal(received.update_uri, sent.update_uri));
    assert_true(cede_span_equal(received.fallback_uri, sent.fallback_uri));
    assert_true(cede_span_equal(received.controller, sent.controller));
    assert_true(received.has_seq && received.seq == 5);
    assert_int_equal(received.not_before, sent.not_before);
    assert_int_equal(received.not_after, sent.not_after);
    assert_false(received.update_first || received.has_patience);
    assert_true(cede_span_is_null(received.attest_uri));
}

static void test_order_with_every_member(void **state)
{
    struct cede_transfer sent = order(), received;

    (void)state;
    sent.iss = CEDE_SPAN_TEXT("SP2");
    sent.update_first = true;
    sent.attest_uri = CEDE_SPAN_TEXT("coap://v");
    sent.devices_digest = CEDE_SPAN_ARRAY(digest);
    sent.state_digest = CEDE_SPAN_ARRAY(digest);
    sent.has_patience = true;
    sent.attempts = 20;
    sent.hours = 72;
    assert_int_equal(cede_transfer_decode(encode(&sent), &received), CEDE_OK);
    assert_true(cede_span_equal(received.iss, sent.iss));
    assert_true(received.update_first && received.has_patience);
    assert_int_equal(received.attempts, 20);
    assert_int_equal(received.hours, 72);
    assert_true(cede_span_equal(received.attest_uri, sent.attest_uri));
    assert_true(cede_span_equal(received.devices_digest, sent.devices_digest));
    assert_true(cede_span_equal(received.state_digest, sent.state_digest));
}

/* The encoding is fixed by docs/protocol.md, byte for byte. */
static void test_order_encoding_is_deterministic(void **state)
{
    static const uint8_t expected[] = {
        0xa4, 0x04, 0x02, 0x05, 0x01, 0x07, 0x48, 1,    2,  3, 4, 5, 6, 7, 8, /* exp nbf cti */
        0x3a, 0x00, 0x01, 0x11, 0x70, 0xa1, 0x01, 0x61, 'e'};                 /* -70001: {1: "e"} */
    struct cede_transfer sent = {.not_before = 1,
                                 .not_after = 2,
                                 .cti = CEDE_SPAN_ARRAY(cti),
                                 .enroll_uri = CEDE_SPAN_TEXT("e")};

    (void)state;
    assert_true(cede_span_equal(encode(&sent), CEDE_SPAN_ARRAY(expected)));
}

static void test_R3_only_the_current_controller(void **state)
{
    struct cede_transfer sent = order();

    (void)state;
    assert_refused(sign(encode(&sent), &t.other_key), CEDE_TRANSFER_SIGNATURE);
}

static void test_R3_only_the_addressee(void **state)
{
    struct cede_transfer sent = order();

    (void)state;
    sent.aud = CEDE_SPAN_TEXT("sensor-008");
    assert_refused(sign(encode(&sent), &t.key), CEDE_TRANSFER_AUDIENCE);
    sent.aud = CEDE_SPAN_NULL;
    assert_refused(sign(encode(&sent), &t.key), CEDE_TRANSFER_CLAIM);
}

static void test_R3_only_a_greater_seq(void **state)
{
    struct cede_transfer sent = order();

    (void)state;
    sent.seq = 4;
    assert_refused(sign(encode(&sent), &t.key), CEDE_TRANSFER_SEQ);
    sent.seq = 0;
    assert_refused(sign(encode(&sent), &t.key), CEDE_TRANSFER_SEQ);
    sent.has_seq = false;
    assert_refused(sign(encode(&sent), &t.key), CEDE_TRANSFER_CLAIM);
}

static void test_R3_only_inside_the_window(void **state)
{
    struct cede_transfer sent = order(), received;
    struct cede_transfer_rules r = rules();

    (void)state;
    sent.not_before = NOW + 1;
    assert_refused(sign(encode(&sent), &t.key), CEDE_TRANSFER_NOT_YET);
    sent.not_before = 1;
    sent.not_after = NOW - 1;
    assert_refused(sign(encode(&sent), &t.key), CEDE_TRANSFER_EXPIRED);
    sent.not_before = NOW;
    assert_refused(sign(encode(&sent), &t.key), CEDE_TRANSFER_WINDOW);
    sent.not_after = NOW;
    assert_int_equal(cede_transfer_check(t.crypto, &r, sign(encode(&sent), &t.key), &received),
                     CEDE_OK);
    /* Without a clock only an empty window is refused. */
    r.now = NULL;
    sent.not_before = 1;
    sent.not_after = 2;
    assert_int_equal(cede_transfer_check(t.crypto, &r, sign(encode(&sent), &t.key), &received),
                     CEDE_OK);
}

static void test_R3_only_an_order_that_can_be_carried_out(void **state)
{
    struct cede_transfer sent = order();

    (void)state;
    sent.controller = CEDE_SPAN_NULL;
    assert_refused(sign(encode(&sent), &t.key), CEDE_TRANSFER_CLAIM);
    sent = order();
    sent.update_uri = CEDE_SPAN_NULL;
    assert_refused(sign(encode(&sent), &t.key), CEDE_TRANSFER_CLAIM);
    sent = order(); /* an offer is no order */
    sent.devices_digest = CEDE_SPAN_ARRAY(digest);
    assert_refused(sign(encode(&sent), &t.key), CEDE_TRANSFER_CLAIM);
}

/* {3: "sensor-007", 4: .., 5: .., 7: cti, KEY: 0, ...} with one more claim of any key. */
static struct cede_span with_extra_claim(int64_t key, struct cede_buf out)
{
    struct cede_transfer sent = order();
    struct cede_span payload = encode(&sent), result;
    struct cede_reader reader = cede_reader(payload);
    struct cede_cbor_map map = cede_cbor_get_map(&reader, CEDE_CBOR_SORTED);
    struct cede_writer writer = cede_writer(out);
    struct cede_span item_key;
    uint8_t extra_buf[9];
    struct cede_writer extra_writer = cede_writer(CEDE_BUF_ARRAY(extra_buf));
    struct cede_span extra;
    bool written = false;

    cede_cbor_put_int(&extra_writer, key);
    extra = cede_written(&extra_writer);
    cede_cbor_put_map(&writer, map.left + 1);
    while (cede_cbor_map_next(&reader, &map, &item_key)) {
        if (!written && cede_span_compare(extra, item_key) < 0) {
            cede_write_bytes(&writer, extra);
            cede_cbor_put_uint(&writer, 0);
            written = true;
        }
        cede_write_bytes(&writer, item_key);
        cede_write_bytes(&writer, cede_cbor_get_item(&reader));
    }
    if (!written) {
        cede_write_bytes(&writer, extra);
        cede_cbor_put_uint(&writer, 0);
    }
    assert_int_equal(cede_writer_finish(&writer, &result), CEDE_OK);
    return result;
}

static void test_R3_no_unknown_critical_claim(void **state)
{
    static const int64_t critical[] = {2, 6, 8, 100, -70002, -70003, -80000};
    static const int64_t harmless[] = {-1, -256, -65537, -70000};
    struct cede_transfer_rules r = rules();
    struct cede_transfer received;
    uint8_t buf[512];

    (void)state;
    for (size_t i = 0; i < sizeof critical / sizeof critical[0]; i++) {
        assert_refused(sign(with_extra_claim(critical[i], CEDE_BUF_ARRAY(buf)), &t.key),
                       CEDE_TRANSFER_CRITICAL);
    }
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++) {
        assert_int_equal(
            cede_transfer_check(t.crypto, &r,
                                sign(with_extra_claim(harmless[i], CEDE_BUF_ARRAY(buf)), &t.key),
                                &received),
            CEDE_OK);
    }
}

static void test_R3_no_unknown_member(void **state)
{
    static const uint8_t payload[] = {0xa4, 0x04, 0x02, 0x05, 0x01, 0x07, 0x48, 1,    2,
                                      3,    4,    5,    6,    7,    8,    0x3a, 0x00, 0x01,
                                      0x11, 0x70, 0xa2, 0x01, 0x61, 'e',  0x0b, 0x00};
    struct cede_transfer received;

    (void)state;
    assert_int_equal(cede_transfer_decode(CEDE_SPAN_ARRAY(payload), &received),
                     CEDE_TRANSFER_CRITICAL);
}

static void test_R3_only_deterministic_encoding(void **state)
{
    /* exp as 0x18 0x02, keys out of order, a trailing byte: all signed by the right key. */
    static const uint8_t long_head[] = {0xa4, 0x04, 0x18, 0x02, 0x05, 0x01, 0x07, 0x48, 1,
                                        2,    3,    4,    5,    6,    7,    8,    0x3a, 0x00,
                                        0x01, 0x11, 0x70, 0xa1, 0x01, 0x61, 'e'};
    static const uint8_t order_of_keys[] = {0xa4, 0x05, 0x01, 0x04, 0x02, 0x07, 0x48, 1,
                                            2,    3,    4,    5,    6,    7,    8,    0x3a,
                                            0x00, 0x01, 0x11, 0x70, 0xa1, 0x01, 0x61, 'e'};
    static const uint8_t trailing[] = {0xa4, 0x04, 0x02, 0x05, 0x01, 0x07, 0x48, 1,    2,
                                       3,    4,    5,    6,    7,    8,    0x3a, 0x00, 0x01,
                                       0x11, 0x70, 0xa1, 0x01, 0x61, 'e',  0x00};

    (void)state;
    assert_refused(sign(CEDE_SPAN_ARRAY(long_head), &t.key), CEDE_CBOR_NOT_SHORTEST);
    assert_refused(sign(CEDE_SPAN_ARRAY(order_of_keys), &t.key), CEDE_CBOR_KEY_ORDER);
    assert_refused(sign(CEDE_SPAN_ARRAY(trailing), &t.key), CEDE_TRAILING_BYTES);
}

static void test_only_one_header(void **state)
{
    struct cede_cose_sign1 sign1 = {.tagged = true};
    struct cede_transfer sent = order();
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(t.message));

    (void)state;
    sign1.payload = encode(&sent);
    sign1.headers.protected_.alg = CEDE_ALG_ES256;
    assert_int_equal(
        cede_cose_sign1_sign(&sign1, t.crypto, &t.key, CEDE_SPAN_NULL, CEDE_SPAN_NULL, &writer),
        CEDE_OK);
    assert_refused(cede_written(&writer), CEDE_TRANSFER_HEADER);

    writer = cede_writer(CEDE_BUF_ARRAY(t.message));
    sign1.headers.protected_.alg = CEDE_ALG_ESP256;
    sign1.headers.unprotected.kid = CEDE_SPAN_TEXT("k");
    assert_int_equal(
        cede_cose_sign1_sign(&sign1, t.crypto, &t.key, CEDE_SPAN_NULL, CEDE_SPAN_NULL, &writer),
        CEDE_OK);
    assert_refused(cede_written(&writer), CEDE_TRANSFER_HEADER);

    writer = cede_writer(CEDE_BUF_ARRAY(t.message));
    sign1.headers.unprotected.kid = CEDE_SPAN_NULL;
    sign1.tagged = false;
    assert_int_equal(
        cede_cose_sign1_sign(&sign1, t.crypto, &t.key, CEDE_SPAN_NULL, CEDE_SPAN_NULL, &writer),
        CEDE_OK);
    assert_refused(cede_written(&writer), CEDE_TRANSFER_HEADER);
}

static void test_R4_no_bit_flip_and_no_truncation_passes(void **state)
{
    struct cede_transfer_rules r = rules();
    struct cede_transfer sent = order(), received;
    struct cede_span message = sign(encode(&sent), &t.key);
    uint8_t copy[300];

    (void)state;
    assert_true(message.len <= sizeof copy);
    for (size_t i = 0; i < message.len; i++) {
        memcpy(copy, message.ptr, message.len);
        copy[i] ^= (uint8_t)(1u << (i % 8));
        assert_int_not_equal(
            cede_transfer_check(t.crypto, &r, cede_span(copy, message.len), &received), CEDE_OK);
        assert_true(cede_span_is_null(received.enroll_uri));
        assert_int_not_equal(
            cede_transfer_check(t.crypto, &r, cede_span(message.ptr, i), &received), CEDE_OK);
    }
    memcpy(copy, message.ptr, message.len);
    copy[message.len] = 0;
    assert_int_equal(cede_transfer_check(t.crypto, &r, cede_span(copy, message.len + 1), &received),
                     CEDE_TRAILING_BYTES);
}

/* Every prefix and every flipped bit of an unsigned payload decodes or fails, never worse. */
static void test_R4_truncated_payloads_are_malformed(void **state)
{
    struct cede_transfer sent = order(), received;
    struct cede_span payload;

    (void)state;
    sent.has_patience = true;
    payload = encode(&sent);
    for (size_t i = 0; i < payload.len; i++) {
        uint8_t *copy = malloc(i + 1); /* exactly sized, for the sanitizer */
        memcpy(copy, payload.ptr, i);
        assert_int_not_equal(cede_transfer_decode(cede_span(copy, i), &received), CEDE_OK);
        free(copy);
    }
}

/* --- trust updates ---------------------------------------------------------------------------- */

static struct cede_span trust_list(struct cede_buf out)
{
    static const uint8_t certificate[] = {0x8b, 1, 2, 3};
    struct cede_trust_entry entries[] = {
        {CEDE_PURPOSE_ENROL, CEDE_SPAN_ARRAY(certificate)},
        {CEDE_PURPOSE_CONTROL | CEDE_PURPOSE_KNOWN, CEDE_SPAN_ARRAY(certificate)}};
    struct cede_writer writer = cede_writer(out);

    cede_trust_list_encode(&writer, entries, 2);
    return cede_written(&writer);
}

static struct cede_trust_update trust_update(struct cede_span entries)
{
    struct cede_trust_update update = {.aud = CEDE_SPAN_TEXT("sensor-007"),
                                       .not_before = 1790000000,
                                       .not_after = 1790003600,
                                       .cti = CEDE_SPAN_ARRAY(cti),
                                       .seq = 5,
                                       .entries = entries};
    return update;
}

static struct cede_span encode_update(const struct cede_trust_update *update)
{
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(t.payload));

    cede_trust_update_encode(&writer, update);
    return cede_written(&writer);
}

static void test_trust_update_round_trip(void **state)
{
    uint8_t buf[64];
    struct cede_trust_update sent = trust_update(trust_list(CEDE_BUF_ARRAY(buf))), received;
    struct cede_transfer_rules r = rules();
    struct cede_trust_entry entry;
    struct cede_trust_list list;

    (void)state;
    assert_int_equal(
        cede_trust_update_check(t.crypto, &r, sign(encode_update(&sent), &t.key), &received),
        CEDE_OK);
    assert_int_equal(received.seq, 5);
    list = cede_trust_list(received.entries);
    assert_true(cede_trust_list_next(&list, &entry));
    assert_int_equal(entry.purposes, CEDE_PURPOSE_ENROL);
    assert_int_equal(entry.certificate.len, 4);
    assert_int_equal(cede_trust_list_finish(&list), CEDE_TRAILING_BYTES);
    assert_true(cede_trust_list_next(&list, &entry));
    assert_int_equal(entry.purposes, CEDE_PURPOSE_CONTROL | CEDE_PURPOSE_KNOWN);
    assert_false(cede_trust_list_next(&list, &entry));
    assert_int_equal(cede_trust_list_finish(&list), CEDE_OK);
}

static void test_R3_trust_update_refusals(void **state)
{
    uint8_t buf[64];
    struct cede_span entries = trust_list(CEDE_BUF_ARRAY(buf));
    struct cede_trust_update sent = trust_update(entries), received;
    struct cede_transfer_rules r = rules();

    (void)state;
    assert_int_equal(
        cede_trust_update_check(t.crypto, &r, sign(encode_update(&sent), &t.other_key), &received),
        CEDE_TRANSFER_SIGNATURE);
    sent.seq = 4;
    assert_int_equal(
        cede_trust_update_check(t.crypto, &r, sign(encode_update(&sent), &t.key), &received),
        CEDE_TRANSFER_SEQ);
    assert_true(cede_span_equal(received.cti, CEDE_SPAN_ARRAY(cti)));
    assert_true(cede_span_is_null(received.entries));
    sent = trust_update(entries);
    sent.aud = CEDE_SPAN_TEXT("sensor");
    assert_int_equal(
        cede_trust_update_check(t.crypto, &r, sign(encode_update(&sent), &t.key), &received),
        CEDE_TRANSFER_AUDIENCE);
    sent = trust_update(entries);
    sent.not_after = NOW - 1;
    assert_int_equal(
        cede_trust_update_check(t.crypto, &r, sign(encode_update(&sent), &t.key), &received),
        CEDE_TRANSFER_EXPIRED);
    /* An order is no trust update, nor the other way round. */
    {
        struct cede_transfer transfer = order();
        assert_int_equal(
            cede_trust_update_check(t.crypto, &r, sign(encode(&transfer), &t.key), &received),
            CEDE_TRANSFER_CRITICAL);
        sent = trust_update(entries);
        assert_refused(sign(encode_update(&sent), &t.key), CEDE_TRANSFER_CRITICAL);
    }
}

static void test_trust_list_rules(void **state)
{
    static const struct {
        uint8_t bytes[8];
        size_t len;
        enum cede_status status;
    } lists[] = {
        {{0x80}, 1, CEDE_CBOR_COUNT},
        {{0x81, 0x82, 0x00, 0x41, 0xaa}, 5, CEDE_TRANSFER_PURPOSE},
        {{0x81, 0x82, 0x18, 0xff, 0x41, 0xaa}, 6, CEDE_TRANSFER_PURPOSE},
        {{0x81, 0x82, 0x01, 0x41, 0xaa, 0x00}, 6, CEDE_TRAILING_BYTES},
    };
    struct cede_trust_entry entry;

    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct cede_span entries = cede_span(lists[i].bytes, lists[i].len);
        struct cede_trust_list list = cede_trust_list(entries);
        struct cede_trust_update sent = trust_update(entries);
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(t.payload));

        while (cede_trust_list_next(&list, &entry)) {
        }
        assert_int_equal(cede_trust_list_finish(&list), lists[i].status);
        cede_trust_update_encode(&writer, &sent);
        assert_int_equal(writer.status, CEDE_BAD_ARGUMENT);
    }
}

static void test_trust_list_left_early(void **state)
{
    static const uint8_t two[] = {0x82, 0x82, 0x01, 0x41, 0xaa, 0x82, 0x01, 0x41, 0xbb};
    struct cede_trust_list list = cede_trust_list(CEDE_SPAN_ARRAY(two));
    struct cede_trust_entry entry;

    (void)state;
    assert_true(cede_trust_list_next(&list, &entry));
    assert_int_equal(cede_trust_list_finish(&list), CEDE_TRAILING_BYTES);
    assert_true(cede_trust_list_next(&list, &entry));
    assert_int_equal(cede_trust_list_finish(&list), CEDE_OK);
}

/* The claim -70002 ends the payload: {1: seq, 2: entries}. */
static void test_trust_update_member_refusals(void **state)
{
    static const uint8_t one[] = {0x81, 0x82, 0x01, 0x41, 0xaa};
    struct cede_trust_update sent = trust_update(CEDE_SPAN_ARRAY(one)), received;
    struct cede_span payload;
    uint8_t *members;

    (void)state;
    sent.seq = 5;
    payload = encode_update(&sent);
    members = t.payload + payload.len - sizeof one - 4;
    assert_int_equal(members[0], 0xa2);
    assert_int_equal(cede_trust_update_decode(payload, &received), CEDE_OK);
    for (size_t i = 0; i < payload.len; i++) {
        assert_int_not_equal(cede_trust_update_decode(cede_span(payload.ptr, i), &received),
                             CEDE_OK);
        assert_true(cede_span_is_null(received.entries));
    }
    members[3] = 3;
    assert_int_equal(cede_trust_update_decode(payload, &received), CEDE_TRANSFER_CRITICAL);
    members[0] = 0xa1;
    assert_int_equal(
        cede_trust_update_decode(cede_span(payload.ptr, payload.len - sizeof one - 1), &received),
        CEDE_TRANSFER_CLAIM);
    members[1] = 2;
    memcpy(members + 2, one, sizeof one);
    assert_int_equal(cede_trust_update_decode(cede_span(payload.ptr, payload.len - 2), &received),
                     CEDE_TRANSFER_CLAIM);
}

static void test_trust_list_refusals(void **state)
{
    static const uint8_t empty[] = {0x80};
    static const uint8_t no_purpose[] = {0x81, 0x82, 0x00, 0x41, 0x01};
    static const uint8_t unknown[] = {0x81, 0x82, 0x18, 0x80, 0x41, 0x01};
    static const uint8_t trailing[] = {0x81, 0x82, 0x01, 0x41, 0x01, 0x00};
    static const struct {
        struct cede_span encoding;
        enum cede_status status;
    } cases[] = {{{empty, sizeof empty}, CEDE_CBOR_COUNT},
                 {{no_purpose, sizeof no_purpose}, CEDE_TRANSFER_PURPOSE},
                 {{unknown, sizeof unknown}, CEDE_TRANSFER_PURPOSE},
                 {{trailing, sizeof trailing}, CEDE_TRAILING_BYTES},
                 {{trailing, 3}, CEDE_TRUNCATED}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cede_trust_list list = cede_trust_list(cases[i].encoding);
        struct cede_trust_entry entry;
        while (cede_trust_list_next(&list, &entry)) {
        }
        assert_int_equal(cede_trust_list_finish(&list), cases[i].status);
    }
}

/* --- reports and answers ---------------------------------------------------------------------- */

static void test_status_report(void **state)
{
    static const uint8_t expected[] = {0xa4, 0x01, 0x02, 0x02, 0x07, 0x03, 0x48, 1,   2,
                                       3,    4,    5,    6,    7,    8,    0x04, 0x0a};
    struct cede_status_report sent = {CEDE_DEVICE_OPERATIONAL, 7, CEDE_SPAN_ARRAY(cti), true, 10};
    struct cede_status_report received;
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(t.payload));
    uint8_t bad[sizeof expected];

    (void)state;
    cede_status_report_encode(&writer, &sent);
    assert_true(cede_span_equal(cede_written(&writer), CEDE_SPAN_ARRAY(expected)));
    assert_int_equal(cede_status_report_decode(CEDE_SPAN_ARRAY(expected), &received), CEDE_OK);
    assert_int_equal(received.state, CEDE_DEVICE_OPERATIONAL);
    assert_int_equal(received.seq, 7);
    assert_true(received.has_reason && received.reason == 10);
    assert_true(cede_span_equal(received.cti, CEDE_SPAN_ARRAY(cti)));
    for (size_t i = 0; i < sizeof expected; i++) {
        assert_int_not_equal(cede_status_report_decode(cede_span(expected, i), &received), CEDE_OK);
    }
    memcpy(bad, expected, sizeof bad);
    bad[2] = CEDE_DEVICE_STATE_COUNT;
    assert_int_equal(cede_status_report_decode(CEDE_SPAN_ARRAY(bad), &received), CEDE_CBOR_RANGE);
    memcpy(bad, expected, sizeof bad);
    bad[15] = 5; /* unknown key */
    assert_int_equal(cede_status_report_decode(CEDE_SPAN_ARRAY(bad), &received), CEDE_CBOR_KEY);
    bad[0] = 0xa1; /* no seq */
    assert_int_equal(cede_status_report_decode(cede_span(bad, 3), &received), CEDE_CBOR_KEY);
}

static void test_answer(void **state)
{
    struct cede_answer sent = {true,
                               60,
                               CEDE_SPAN_TEXT("trust"),
                               CEDE_SPAN_TEXT("order"),
                               CEDE_SPAN_TEXT("coap://ca"),
                               CEDE_SPAN_TEXT("welcome")};
    struct cede_answer received;
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(t.payload));
    static const uint8_t empty[] = {0xa0}, unknown[] = {0xa1, 0x06, 0x00};
    struct cede_span encoding;

    (void)state;
    cede_answer_encode(&writer, &sent);
    encoding = cede_written(&writer);
    assert_int_equal(cede_answer_decode(encoding, &received), CEDE_OK);
    assert_true(received.has_come_back && received.come_back_s == 60);
    assert_true(cede_span_equal(received.trust_update, sent.trust_update));
    assert_true(cede_span_equal(received.transfer, sent.transfer));
    assert_true(cede_span_equal(received.come_home, sent.come_home));
    assert_true(cede_span_equal(received.welcome, sent.welcome));
    for (size_t i = 0; i < encoding.len; i++) {
        assert_int_not_equal(cede_answer_decode(cede_span(encoding.ptr, i), &received), CEDE_OK);
    }
    assert_int_equal(cede_answer_decode(CEDE_SPAN_ARRAY(empty), &received), CEDE_OK);
    assert_false(received.has_come_back);
    assert_int_equal(cede_answer_decode(CEDE_SPAN_ARRAY(unknown), &received), CEDE_CBOR_KEY);
}

static void test_state_names(void **state)
{
    (void)state;
    assert_string_equal(cede_device_state_name(CEDE_DEVICE_JOINED), "joined");
    assert_string_equal(cede_device_state_name(CEDE_DEVICE_STATE_COUNT), "unknown");
}

/* --- DeviceUpdateInfo ------------------------------------------------------------------------- */

static struct cede_span update_info(struct cede_buf out)
{
    static const uint8_t certificate[] = {0x8b, 1};
    struct cede_suit_ref software[] = {{CEDE_SPAN_TEXT("coap://fw"), CEDE_SPAN_ARRAY(digest)}};
    struct cede_update_group first = {.earliest = 1, .latest = 2, .devices_count = 2};
    struct cede_update_group second = {
        .earliest = 3,
        .latest = 4,
        .software = software,
        .software_count = 1,
        .attestation = {CEDE_SPAN_TEXT("coap://v"), CEDE_SPAN_ARRAY(digest)},
        .devices_count = 1};
    struct cede_writer writer = cede_writer(out);

    cede_device_update_info_begin(&writer, transfer_id, 2);
    cede_device_update_info_group(&writer, &first);
    for (uint64_t i = 0; i < 2; i++) {
        struct cede_update_device device = {CEDE_SPAN_ARRAY(certificate), 10 + i};
        cede_device_update_info_device(&writer, &device);
    }
    cede_device_update_info_group(&writer, &second);
    {
        struct cede_update_device device = {CEDE_SPAN_ARRAY(certificate), 12};
        cede_device_update_info_device(&writer, &device);
    }
    return cede_written(&writer);
}

static void test_device_update_info_streams(void **state)
{
    uint8_t buf[256];
    struct cede_span encoding = update_info(CEDE_BUF_ARRAY(buf));
    struct cede_device_update_info info;
    struct cede_update_group group;
    struct cede_update_device device;
    struct cede_suit_ref ref;

    (void)state;
    assert_int_equal(cede_device_update_info_open(encoding, &info), CEDE_OK);
    assert_true(cede_span_equal(info.transfer_id, CEDE_SPAN_ARRAY(transfer_id)));
    assert_true(cede_device_update_info_next_group(&info, &group));
    assert_true(group.earliest == 1 && group.latest == 2 && group.devices_count == 2);
    assert_true(cede_span_is_null(group.attestation.uri));
    assert_true(cede_device_update_info_next_device(&info, &device));
    assert_int_equal(device.next_seq, 10);
    assert_int_equal(info.devices_index, 0);
    /* The second device of the group is skipped. */
    assert_true(cede_device_update_info_next_group(&info, &group));
    assert_int_equal(group.software_count, 1);
    assert_true(cede_suit_refs_next(&group.software_items, &ref));
    assert_true(cede_span_equal(ref.uri, CEDE_SPAN_TEXT("coap://fw")));
    assert_false(cede_suit_refs_next(&group.software_items, &ref));
    assert_true(cede_span_equal(group.attestation.uri, CEDE_SPAN_TEXT("coap://v")));
    assert_true(cede_device_update_info_next_device(&info, &device));
    assert_int_equal(device.next_seq, 12);
    assert_int_equal(info.devices_index, 2);
    assert_false(cede_device_update_info_next_device(&info, &device));
    assert_false(cede_device_update_info_next_group(&info, &group));
    assert_int_equal(cede_device_update_info_finish(&info), CEDE_OK);
}

static enum cede_status walk(struct cede_span encoding)
{
    struct cede_device_update_info info;
    struct cede_update_group group;

    CEDE_TRY(cede_device_update_info_open(encoding, &info));
    while (cede_device_update_info_next_group(&info, &group)) {
    }
    return cede_device_update_info_finish(&info);
}

static void test_device_update_info_refusals(void **state)
{
    uint8_t buf[257];
    struct cede_span encoding = update_info(cede_buf(buf, 256));

    (void)state;
    assert_int_equal(walk(encoding), CEDE_OK);
    for (size_t i = 0; i < encoding.len; i++) {
        assert_int_not_equal(walk(cede_span(encoding.ptr, i)), CEDE_OK);
    }
    buf[encoding.len] = 0;
    assert_int_equal(walk(cede_span(buf, encoding.len + 1)), CEDE_TRAILING_BYTES);
    buf[1] = 2; /* version */
    assert_int_equal(walk(encoding), CEDE_CBOR_RANGE);
    (void)update_info(cede_buf(buf, 256));
    buf[21] = 9; /* earliest of the first group behind its latest */
    assert_int_equal(walk(encoding), CEDE_TRANSFER_WINDOW);
    (void)update_info(cede_buf(buf, 256));
    buf[19] = 0x80; /* no groups */
    assert_int_equal(walk(cede_span(buf, 20)), CEDE_CBOR_COUNT);
}

/* --- receipts --------------------------------------------------------------------------------- */

static void test_receipt(void **state)
{
    struct cede_receipt_line lines[] = {{CEDE_SPAN_TEXT("a"), CEDE_RECEIPT_TAKEN_OVER, 5},
                                        {CEDE_SPAN_TEXT("b"), CEDE_RECEIPT_RETURNED, 6}};
    struct cede_receipt sent = {.iss = CEDE_SPAN_TEXT("SP2"),
                                .cti = CEDE_SPAN_ARRAY(cti),
                                .transfer_id = CEDE_SPAN_ARRAY(transfer_id),
                                .lines = lines,
                                .lines_count = 2};
    struct cede_receipt received;
    struct cede_receipt_line line;
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(t.payload));
    struct cede_span payload, verified;
    uint8_t bad[128];

    (void)state;
    cede_receipt_encode(&writer, &sent);
    assert_int_equal(cede_writer_finish(&writer, &payload), CEDE_OK);
    assert_int_equal(
        cede_transfer_verify(t.crypto, &t.public_key, sign(payload, &t.key), &verified), CEDE_OK);
    assert_int_equal(
        cede_transfer_verify(t.crypto, &t.other_public_key, sign(payload, &t.key), &verified),
        CEDE_TRANSFER_SIGNATURE);
    assert_int_equal(cede_receipt_decode(payload, &received), CEDE_OK);
    assert_true(cede_span_equal(received.iss, sent.iss));
    assert_true(cede_span_equal(received.transfer_id, sent.transfer_id));
    assert_int_equal(received.lines_count, 2);
    assert_true(cede_receipt_next(&received.line_items, &line));
    assert_true(line.state == CEDE_RECEIPT_TAKEN_OVER && line.at == 5);
    assert_true(cede_receipt_next(&received.line_items, &line));
    assert_true(cede_span_equal(line.device_id, CEDE_SPAN_TEXT("b")));
    assert_false(cede_receipt_next(&received.line_items, &line));
    for (size_t i = 0; i < payload.len; i++) {
        assert_int_not_equal(cede_receipt_decode(cede_span(payload.ptr, i), &received), CEDE_OK);
    }
    memcpy(bad, payload.ptr, payload.len);
    bad[payload.len - 2] = 3; /* no such state */
    assert_int_equal(cede_receipt_decode(cede_span(bad, payload.len), &received), CEDE_CBOR_RANGE);
}

static void test_encoders_refuse_what_the_cddl_forbids(void **state)
{
    struct cede_writer writer = cede_writer_counting();
    struct cede_transfer transfer = order();
    struct cede_span written;

    (void)state;
    transfer.cti.len = 7;
    cede_transfer_encode(&writer, &transfer);
    assert_int_equal(cede_writer_finish(&writer, &written), CEDE_BAD_ARGUMENT);
    writer = cede_writer_counting();
    cede_device_update_info_begin(&writer, transfer_id, 0);
    assert_int_equal(writer.status, CEDE_BAD_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_round_trip_and_size),
        cmocka_unit_test(test_order_with_every_member),
        cmocka_unit_test(test_order_encoding_is_deterministic),
        cmocka_unit_test(test_R3_only_the_current_controller),
        cmocka_unit_test(test_R3_only_the_addressee),
        cmocka_unit_test(test_R3_only_a_greater_seq),
        cmocka_unit_test(test_R3_only_inside_the_window),
        cmocka_unit_test(test_R3_only_an_order_that_can_be_carried_out),
        cmocka_unit_test(test_R3_no_unknown_critical_claim),
        cmocka_unit_test(test_R3_no_unknown_member),
        cmocka_unit_test(test_R3_only_deterministic_encoding),
        cmocka_unit_test(test_only_one_header),
        cmocka_unit_test(test_R4_no_bit_flip_and_no_truncation_passes),
        cmocka_unit_test(test_R4_truncated_payloads_are_malformed),
        cmocka_unit_test(test_trust_update_round_trip),
        cmocka_unit_test(test_R3_trust_update_refusals),
        cmocka_unit_test(test_trust_list_rules),
        cmocka_unit_test(test_trust_list_left_early),
        cmocka_unit_test(test_trust_update_member_refusals),
        cmocka_unit_test(test_trust_list_refusals),
        cmocka_unit_test(test_status_report),
        cmocka_unit_test(test_answer),
        cmocka_unit_test(test_state_names),
        cmocka_unit_test(test_device_update_info_streams),
        cmocka_unit_test(test_device_update_info_refusals),
        cmocka_unit_test(test_receipt),
        cmocka_unit_test(test_encoders_refuse_what_the_cddl_forbids),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
