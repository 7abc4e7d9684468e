/* SPDX-License-Identifier: Apache-2.0 */
/* edhoc_test.c - the EDHOC engine: the traces of RFC 9529, then two ends in one process with random
 * keys and everything that can go wrong between them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "edhoc_replay.h"

#define COUNT(array_) (sizeof(array_) / sizeof((array_)[0]))
#define BACKENDS      2

static const struct cede_crypto *backend(size_t index)
{
    return index == 0 ? cede_crypto_openssl() : cede_crypto_psa();
}

/* --- the traces ------------------------------------------------------------------------------- */

static uint8_t file_bytes[16384], value_bytes[16384];

static struct cede_span load(const char *name)
{
    char path[512];
    FILE *file;
    size_t len;

    (void)snprintf(path, sizeof path, "%s/edhoc/%s", CEDE_TEST_DATA, name);
    file = fopen(path, "rb");
    assert_non_null(file);
    len = fread(file_bytes, 1, sizeof file_bytes, file);
    fclose(file);
    assert_in_range(len, 1, sizeof file_bytes - 1);
    return cede_span(file_bytes, len);
}

static void load_trace(size_t number, struct replay_vector *vector)
{
    struct cede_span text = load("rfc9529.txt");
    struct cede_writer memory = cede_writer(CEDE_BUF_ARRAY(value_bytes));

    for (size_t i = 0; i < number; i++) {
        assert_true(replay_next(&text, vector, &memory));
    }
    replay_settle(vector);
}

static void expect_replayed(const struct replay *replay, const char *role)
{
    if (replay->step != NULL) {
        fail_msg("%s %s: %s: %s", replay->vector->name, role, replay->step,
                 cede_status_name(replay->status));
    }
}

/* RFC 9529, section 2: method 0, suite 0. PSA has no Ed25519. */
static void trace_1_in_both_roles(void **state)
{
    static struct replay_vector vector;
    static struct replay replay;

    (void)state;
    load_trace(1, &vector);
    replay_initiator(&replay, &vector, cede_crypto_openssl());
    expect_replayed(&replay, "initiator");
    /* One key, one shared secret, one signature, one verification: no more than needed. */
    assert_int_equal(replay.port.generate_count, 1);
    assert_int_equal(replay.port.ecdh_count, 1);
    assert_int_equal(replay.port.sign_count, 1);
    assert_int_equal(replay.port.verify_count, 1);
    replay_responder(&replay, &vector, cede_crypto_openssl());
    expect_replayed(&replay, "responder");
    assert_int_equal(replay.port.ecdh_count, 1);
}

/* RFC 9529, section 3: method 3, suites [6, 2]. */
static void trace_2_in_both_roles(void **state)
{
    static struct replay_vector vector;
    static struct replay replay;

    (void)state;
    load_trace(2, &vector);
    for (size_t i = 0; i < BACKENDS; i++) {
        replay_initiator(&replay, &vector, backend(i));
        expect_replayed(&replay, "initiator");
        assert_int_equal(replay.port.generate_count, 1);
        assert_int_equal(replay.port.ecdh_count, 3); /* G_XY, G_RX, G_IY */
        assert_int_equal(replay.port.decompress_count, 1);
        replay_responder(&replay, &vector, backend(i));
        expect_replayed(&replay, "responder");
        assert_int_equal(replay.port.ecdh_count, 3);
        assert_int_equal(replay.port.decompress_count, 1);
        assert_int_equal(replay.port.sign_count + replay.port.verify_count, 0);
    }
}

/* A recorded value that is wrong in one bit does not pass: the replay can fail. */
static void a_replay_notices_a_wrong_value(void **state)
{
    static const char *const names[] = {"TH_2", "PRK_3e2m", "message_3", "OSCORE_Master_Salt"};
    static struct replay_vector vector;
    static struct replay replay;

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        load_trace(2, &vector);
        size_t at;
        assert_true(
            cede_span_offset(CEDE_SPAN_ARRAY(value_bytes), replay_get(&vector, names[i]), &at));
        value_bytes[at] ^= 1;
        replay_initiator(&replay, &vector, cede_crypto_openssl());
        assert_string_equal(replay.step, names[i]);
    }
}

/* RFC 9529, section 4, in its order. */
static void invalid_messages_are_refused(void **state)
{
    static const enum cede_status expected[] = {
        CEDE_CBOR_TYPE,        /* surplus array encoding of message */
        CEDE_EDHOC_IDENTIFIER, /* surplus bstr encoding of connection identifier */
        CEDE_EDHOC_SUITES,     /* surplus array encoding of cipher suite */
        CEDE_CBOR_TYPE,        /* text string for G_X */
        CEDE_TRAILING_BYTES,   /* wrong number of elements */
        CEDE_EDHOC_IDENTIFIER, /* surplus map encoding of ID_CRED */
        CEDE_EDHOC_IDENTIFIER, /* surplus bstr encoding of ID_CRED */
        CEDE_EDHOC_LENGTH,     /* length of ephemeral key */
        CEDE_CRYPTO_KEY,       /* x >= p */
        CEDE_CRYPTO_KEY,       /* not on the curve */
        CEDE_CRYPTO_LOW_ORDER,  CEDE_EDHOC_LENGTH, /* length of MAC */
        CEDE_EDHOC_LENGTH,                         /* no leading zeros */
        CEDE_CBOR_NOT_SHORTEST,                    /* METHOD */
        CEDE_CBOR_INDEFINITE,                      /* SUITES_I */
    };
    static uint8_t invalid_bytes[4096];
    static struct replay_vector trace, vector;
    static struct replay replay;
    struct cede_writer memory = cede_writer(CEDE_BUF_ARRAY(invalid_bytes));
    struct cede_span text;
    size_t count = 0;
    uint8_t message_2[512];

    (void)state;
    load_trace(2, &trace);
    text = load("rfc9529_invalid.txt");
    while (replay_next(&text, &vector, &memory)) {
        const char *kind = vector.values[0].name;
        struct cede_span bytes = vector.values[0].bytes;

        assert_in_range(count, 0, COUNT(expected) - 1);
        for (size_t i = 0; i < BACKENDS; i++) {
            enum cede_status status;

            if (strcmp(kind, "message_1") == 0) {
                /* Suite 24 for [2, 24], suite 0 for the point of low order, else suite 2. */
                const struct cede_edhoc_suite *suite = expected[count] == CEDE_CRYPTO_LOW_ORDER
                                                           ? &cede_edhoc_suite_0
                                                       : bytes.ptr[1] == 0x82 ? &cede_edhoc_suite_24
                                                                              : &cede_edhoc_suite_2;
                status = replay_refusal_1(backend(i), suite, bytes);
            } else if (strcmp(kind, "PLAINTEXT_2") == 0) {
                status = replay_refusal_2(&replay, &trace, backend(i),
                                          replay_seal_2(&trace, backend(i), bytes, message_2));
            } else {
                status = replay_refusal_2(&replay, &trace, backend(i), bytes);
            }
            assert_string_equal(cede_status_name(status), cede_status_name(expected[count]));
        }
        count++;
    }
    assert_int_equal(count, COUNT(expected));
    /* The tools above do let a good message_2 and a good message_1 through. */
    assert_true(cede_span_equal(
        replay_seal_2(&trace, backend(0), replay_get(&trace, "PLAINTEXT_2"), message_2),
        replay_get(&trace, "message_2")));
    assert_int_equal(replay_refusal_2(&replay, &trace, backend(0), replay_get(&trace, "message_2")),
                     CEDE_OK);
    assert_int_equal(
        replay_refusal_1(backend(0), &cede_edhoc_suite_2, replay_get(&trace, "message_1")),
        CEDE_OK);
}

/* --- two ends --------------------------------------------------------------------------------- */

struct end {
    struct replay_port port;
    const struct cede_edhoc_suite *suites[4];
    struct cede_edhoc_config config;
    struct cede_edhoc_session session;
    struct cede_edhoc_own own;
    struct cede_edhoc_credential credential; /* what the other end knows of this one */
    uint8_t private_key[CEDE_PRIVATE_KEY_LEN_MAX], public_key[CEDE_PUBLIC_KEY_LEN_MAX];
    uint8_t cred[48];
    uint8_t plaintext[1024];
    struct cede_edhoc_peer peer;
    struct cede_edhoc_eads eads;
};

struct pair {
    struct end i, r;
    enum cede_edhoc_method method;
    uint8_t message[4][1024]; /* message_1 .. message_4 */
    size_t len[4];
};

static const uint8_t c_i[] = {0x0e};
static const uint8_t c_r[] = {0xff, 0x01};
static const uint8_t id_cred_i[] = {0xa1, 0x04, 0x41, 0x2b};                   /* kid */
static const uint8_t id_cred_r[] = {0xa1, 0x18, 0x22, 0x82, 0x2e, 0x42, 1, 2}; /* x5t */

static void end_init(struct end *end, bool initiator, enum cede_edhoc_method method,
                     const struct cede_edhoc_suite *suite, const struct cede_crypto *crypto)
{
    bool signs = method == 0 || method == (initiator ? CEDE_EDHOC_SIGNATURE_STATIC_DH
                                                     : CEDE_EDHOC_STATIC_DH_SIGNATURE);
    int32_t curve = signs ? cede_signature_curve(suite->signature) : suite->curve;
    struct cede_writer cred = cede_writer(CEDE_BUF_ARRAY(end->cred));

    memset(end, 0, sizeof *end);
    replay_port_init(&end->port, crypto);
    end->suites[0] = suite;
    end->config.crypto = &end->port.port;
    end->config.suites = end->suites;
    end->config.suites_count = 1;
    end->config.methods = 0x0f;
    end->config.ead_labels = replay_ead_labels;
    end->config.ead_labels_count = COUNT(replay_ead_labels);
    assert_int_equal(crypto->generate(crypto->context, curve, end->private_key, end->public_key),
                     CEDE_OK);
    cede_cbor_put_map(&cred, 1); /* a claims set is all the engine needs to see */
    cede_cbor_put_uint(&cred, 2);
    cede_cbor_put_bytes(&cred, cede_span(end->public_key, 32));
    end->own.id_cred = initiator ? CEDE_SPAN_ARRAY(id_cred_i) : CEDE_SPAN_ARRAY(id_cred_r);
    end->own.cred = cede_written(&cred);
    end->own.key.curve = curve;
    end->own.key.scalar = cede_span(end->private_key, cede_curve_private_len(curve));
    end->credential.cred = end->own.cred;
    end->credential.public_key.curve = curve;
    end->credential.public_key.point = cede_span(end->public_key, cede_curve_public_len(curve));
}

static void pair_init(struct pair *pair, enum cede_edhoc_method method,
                      const struct cede_edhoc_suite *suite, const struct cede_crypto *crypto)
{
    memset(pair, 0, sizeof *pair);
    pair->method = method;
    end_init(&pair->i, true, method, suite, crypto);
    end_init(&pair->r, false, method, suite, crypto);
    assert_int_equal(cede_edhoc_init_initiator(&pair->i.session, &pair->i.config, method,
                                               suite->number, CEDE_SPAN_ARRAY(c_i)),
                     CEDE_OK);
    cede_edhoc_init_responder(&pair->r.session);
}

static struct cede_span sent(const struct pair *pair, size_t number)
{
    return cede_span(pair->message[number - 1], pair->len[number - 1]);
}

static struct cede_buf room(struct pair *pair, size_t number)
{
    return CEDE_BUF_ARRAY(pair->message[number - 1]);
}

/* Each step as an application does it; the message is passed on as it is in the pair. */
static enum cede_status send_1(struct pair *pair)
{
    struct cede_span message;

    CEDE_TRY(cede_edhoc_compose_message_1(&pair->i.session, &pair->i.config, &pair->i.eads,
                                          room(pair, 1), &message));
    pair->len[0] = message.len;
    return CEDE_OK;
}

static enum cede_status send_2(struct pair *pair)
{
    struct cede_span message;

    CEDE_TRY(cede_edhoc_compose_message_2(&pair->r.session, &pair->r.config, CEDE_SPAN_ARRAY(c_r),
                                          &pair->r.own, &pair->r.eads, room(pair, 2), &message));
    pair->len[1] = message.len;
    return CEDE_OK;
}

static enum cede_status send_3(struct pair *pair)
{
    struct cede_span message;

    CEDE_TRY(cede_edhoc_compose_message_3(&pair->i.session, &pair->i.config, &pair->i.own,
                                          &pair->i.eads, room(pair, 3), &message));
    pair->len[2] = message.len;
    return CEDE_OK;
}

static enum cede_status send_4(struct pair *pair)
{
    struct cede_span message;

    CEDE_TRY(cede_edhoc_compose_message_4(&pair->r.session, &pair->r.config, &pair->r.eads,
                                          room(pair, 4), &message));
    pair->len[3] = message.len;
    return CEDE_OK;
}

static enum cede_status take_1(struct pair *pair, struct cede_span message)
{
    struct cede_edhoc_eads eads;

    return cede_edhoc_process_message_1(&pair->r.session, &pair->r.config, message, &eads);
}

static enum cede_status take_2(struct pair *pair, struct cede_span message)
{
    CEDE_TRY(cede_edhoc_process_message_2(&pair->i.session, &pair->i.config, message,
                                          CEDE_BUF_ARRAY(pair->i.plaintext), &pair->i.peer));
    return cede_edhoc_verify_message_2(&pair->i.session, &pair->i.config, &pair->i.peer,
                                       &pair->r.credential);
}

static enum cede_status take_3(struct pair *pair, struct cede_span message)
{
    CEDE_TRY(cede_edhoc_process_message_3(&pair->r.session, &pair->r.config, message,
                                          CEDE_BUF_ARRAY(pair->r.plaintext), &pair->r.peer));
    return cede_edhoc_verify_message_3(&pair->r.session, &pair->r.config, &pair->r.peer,
                                       &pair->i.credential);
}

static enum cede_status take_4(struct pair *pair, struct cede_span message)
{
    struct cede_edhoc_eads eads;

    return cede_edhoc_process_message_4(&pair->i.session, &pair->i.config, message,
                                        CEDE_BUF_ARRAY(pair->i.plaintext), &eads);
}

/* Runs the pair until `number` messages are sent and, but for the last, received. */
static void run_until_sent(struct pair *pair, size_t number)
{
    assert_int_equal(send_1(pair), CEDE_OK);
    if (number >= 2) {
        assert_int_equal(take_1(pair, sent(pair, 1)), CEDE_OK);
        assert_int_equal(send_2(pair), CEDE_OK);
    }
    if (number >= 3) {
        assert_int_equal(take_2(pair, sent(pair, 2)), CEDE_OK);
        assert_int_equal(send_3(pair), CEDE_OK);
    }
    if (number >= 4) {
        assert_int_equal(take_3(pair, sent(pair, 3)), CEDE_OK);
        assert_int_equal(send_4(pair), CEDE_OK);
    }
}

static void assert_wiped(const struct cede_edhoc_session *session)
{
    static const struct cede_edhoc_session blank;

    assert_memory_equal(session, &blank, sizeof blank);
    assert_false(cede_edhoc_has_keys(session));
}

static void assert_same_keys(const struct pair *pair)
{
    struct cede_edhoc_oscore i, r;

    assert_int_equal(cede_edhoc_export_oscore(&pair->i.session, &pair->i.config, &i), CEDE_OK);
    assert_int_equal(cede_edhoc_export_oscore(&pair->r.session, &pair->r.config, &r), CEDE_OK);
    assert_int_equal(i.master_secret_len, r.master_secret_len);
    assert_memory_equal(i.master_secret, r.master_secret, sizeof i.master_secret);
    assert_memory_equal(i.master_salt, r.master_salt, sizeof i.master_salt);
    assert_true(cede_span_equal(cede_edhoc_connection_id_span(&i.sender_id),
                                cede_edhoc_connection_id_span(&r.recipient_id)));
    assert_true(
        cede_span_equal(cede_edhoc_connection_id_span(&i.recipient_id), CEDE_SPAN_ARRAY(c_i)));
    assert_true(
        cede_span_equal(cede_edhoc_connection_id_span(&r.recipient_id), CEDE_SPAN_ARRAY(c_r)));
}

static bool has_algorithms(const struct cede_crypto *crypto, const struct cede_edhoc_suite *suite,
                           unsigned method)
{
    return strcmp(crypto->name, "psa") != 0 ||
           (suite->number != 25 &&
            (method == CEDE_EDHOC_STATIC_DH_STATIC_DH || suite->signature != CEDE_ALG_EDDSA));
}

/* Any method, any suite, either back end, fresh keys: both ends have the same keys. */
static void both_ends_agree(void **state)
{
    static struct pair pair;

    (void)state;
    for (size_t b = 0; b < BACKENDS; b++) {
        for (size_t s = 0; s < COUNT(replay_all_suites); s++) {
            for (unsigned method = 0; method < 4; method++) {
                if (!has_algorithms(backend(b), replay_all_suites[s], method)) {
                    continue;
                }
                pair_init(&pair, (enum cede_edhoc_method)method, replay_all_suites[s], backend(b));
                run_until_sent(&pair, 4);
                assert_int_equal(pair.r.session.state, CEDE_EDHOC_DONE);
                assert_same_keys(&pair); /* the initiator may export before message_4 */
                assert_int_equal(take_4(&pair, sent(&pair, 4)), CEDE_OK);
                assert_int_equal(pair.i.session.state, CEDE_EDHOC_DONE);
                assert_same_keys(&pair);
                assert_int_equal(pair.i.port.generate_count, 1);
                assert_int_equal(pair.r.port.generate_count, 1);
            }
        }
    }
}

/* Without message_4 both ends have keys after message_3, and not before. */
static void keys_come_with_message_3(void **state)
{
    static struct pair pair;
    struct cede_edhoc_oscore oscore;

    (void)state;
    pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, backend(0));
    run_until_sent(&pair, 2);
    assert_int_equal(take_2(&pair, sent(&pair, 2)), CEDE_OK);
    assert_int_equal(cede_edhoc_export_oscore(&pair.i.session, &pair.i.config, &oscore),
                     CEDE_EDHOC_STATE);
    assert_int_equal(send_3(&pair), CEDE_OK);
    assert_int_equal(cede_edhoc_export_oscore(&pair.r.session, &pair.r.config, &oscore),
                     CEDE_EDHOC_STATE);
    assert_int_equal(take_3(&pair, sent(&pair, 3)), CEDE_OK);
    assert_same_keys(&pair);
}

/* A credential's static key may be known by x alone; a session may be copied between steps. */
static void x_alone_will_do_and_sessions_can_move(void **state)
{
    static struct pair pair;
    struct cede_edhoc_session elsewhere;

    (void)state;
    pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, backend(0));
    pair.r.credential.public_key.point.len = 32;
    pair.i.credential.public_key.point.len = 32;
    run_until_sent(&pair, 2);
    elsewhere = pair.i.session;
    memset(&pair.i.session, 0xaa, sizeof pair.i.session);
    pair.i.session = elsewhere;
    assert_int_equal(take_2(&pair, sent(&pair, 2)), CEDE_OK);
    assert_int_equal(send_3(&pair), CEDE_OK);
    assert_int_equal(take_3(&pair, sent(&pair, 3)), CEDE_OK);
    assert_same_keys(&pair);
}

static enum cede_edhoc_id_kind kind_of(struct cede_span id_cred)
{
    struct cede_edhoc_id_cred decoded;

    assert_int_equal(cede_edhoc_id_cred_decode(id_cred, &decoded), CEDE_OK);
    return decoded.kind;
}

/* Messages may be decrypted where they lie. */
static void decrypts_in_place(void **state)
{
    static struct pair pair;
    struct cede_edhoc_eads eads;

    (void)state;
    pair_init(&pair, CEDE_EDHOC_SIGNATURE_SIGNATURE, &cede_edhoc_suite_2, backend(0));
    run_until_sent(&pair, 2);
    assert_int_equal(cede_edhoc_process_message_2(&pair.i.session, &pair.i.config, sent(&pair, 2),
                                                  room(&pair, 2), &pair.i.peer),
                     CEDE_OK);
    assert_int_equal(kind_of(pair.i.peer.id_cred), CEDE_EDHOC_ID_X5T);
    assert_int_equal(cede_edhoc_verify_message_2(&pair.i.session, &pair.i.config, &pair.i.peer,
                                                 &pair.r.credential),
                     CEDE_OK);
    assert_int_equal(send_3(&pair), CEDE_OK);
    assert_int_equal(cede_edhoc_process_message_3(&pair.r.session, &pair.r.config, sent(&pair, 3),
                                                  room(&pair, 3), &pair.r.peer),
                     CEDE_OK);
    assert_int_equal(kind_of(pair.r.peer.id_cred), CEDE_EDHOC_ID_KID);
    assert_int_equal(cede_edhoc_verify_message_3(&pair.r.session, &pair.r.config, &pair.r.peer,
                                                 &pair.i.credential),
                     CEDE_OK);
    assert_int_equal(send_4(&pair), CEDE_OK);
    assert_int_equal(cede_edhoc_process_message_4(&pair.i.session, &pair.i.config, sent(&pair, 4),
                                                  room(&pair, 4), &eads),
                     CEDE_OK);
    assert_same_keys(&pair);
}

/* --- what an attacker can do ------------------------------------------------------------------ */

typedef enum cede_status take(struct pair *pair, struct cede_span message);

/* Gives `message` to a copy of the pair. message_1 is not authenticated when it comes: there the
 * initiator must notice by message_2. */
static void expect_refused(const struct pair *pair, size_t number, struct cede_span message)
{
    static take *const takes[] = {take_1, take_2, take_3, take_4};
    static struct pair copy;
    enum cede_status status;

    copy = *pair;
    copy.i.port.port.context = &copy.i.port;
    copy.r.port.port.context = &copy.r.port;
    copy.i.config.crypto = &copy.i.port.port;
    copy.r.config.crypto = &copy.r.port.port;
    status = takes[number - 1](&copy, message);
    if (number == 1 && status == CEDE_OK) {
        status = send_2(&copy);
        if (status == CEDE_OK) {
            status = take_2(&copy, sent(&copy, 2));
            assert_wiped(&copy.i.session);
        }
    } else {
        assert_wiped(number % 2 == 0 ? &copy.i.session : &copy.r.session);
    }
    assert_int_not_equal(status, CEDE_OK);
    assert_in_range(cede_status_class(status), CEDE_CLASS_MALFORMED, CEDE_CLASS_POLICY);
}

/* All bits of the two encrypted messages that authenticate, one bit a byte of the others: each of
 * those costs public key operations. */
static void expect_flips_refused(const struct pair *pair, size_t number, bool all_bits)
{
    uint8_t forged[1024];
    struct cede_span message = sent(pair, number);

    for (size_t i = 0; i < message.len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            if (!all_bits && bit != i % 8) {
                continue;
            }
            memcpy(forged, message.ptr, message.len);
            forged[i] = (uint8_t)(forged[i] ^ 1u << bit);
            expect_refused(pair, number, cede_span(forged, message.len));
        }
    }
}

static void no_bit_may_be_flipped(void **state)
{
    static const struct {
        enum cede_edhoc_method method;
        const struct cede_edhoc_suite *suite;
        size_t backend;
    } cases[] = {
        {CEDE_EDHOC_SIGNATURE_SIGNATURE, &cede_edhoc_suite_0, 0},
        {CEDE_EDHOC_SIGNATURE_SIGNATURE, &cede_edhoc_suite_2, 0},
        {CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_0, 0},
        {CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, 0},
    };
    static struct pair pair;

    (void)state;
    for (size_t c = 0; c < COUNT(cases); c++) {
        for (size_t number = 1; number <= 4; number++) {
            pair_init(&pair, cases[c].method, cases[c].suite, backend(cases[c].backend));
            run_until_sent(&pair, number);
            expect_flips_refused(&pair, number, number >= 3);
        }
    }
}

static void no_message_may_be_cut_or_extended(void **state)
{
    static struct pair pair;
    uint8_t longer[1024];

    (void)state;
    for (size_t number = 1; number <= 4; number++) {
        pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, backend(0));
        run_until_sent(&pair, number);
        for (size_t len = 0; len < pair.len[number - 1]; len++) {
            expect_refused(&pair, number, cede_span(pair.message[number - 1], len));
        }
        memcpy(longer, pair.message[number - 1], pair.len[number - 1]);
        longer[pair.len[number - 1]] = 0x00; /* in message_1 padding, but not the one sent */
        expect_refused(&pair, number, cede_span(longer, pair.len[number - 1] + 1));
        expect_refused(&pair, number, CEDE_SPAN_NULL);
    }
}

/* Every message at every point of the handshake where another one is awaited. */
static void messages_out_of_order_are_refused(void **state)
{
    static struct pair pair, before;

    (void)state;
    pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, backend(0));
    run_until_sent(&pair, 4);
    for (size_t awaited = 1; awaited <= 4; awaited++) {
        pair_init(&before, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, backend(0));
        run_until_sent(&before, awaited);
        for (size_t given = 2; given <= 4; given++) {
            /* From the other session even the right kind must fail; from this one the wrong. */
            expect_refused(&before, awaited, sent(&pair, given));
            if (given < awaited) {
                expect_refused(&before, awaited, sent(&before, given));
            }
        }
        if (awaited > 1) {
            expect_refused(&before, awaited, sent(&before, 1));
        }
    }
}

/* A message that comes again after its step finds another state, and changes nothing. */
static void replays_change_nothing(void **state)
{
    static struct pair pair;
    struct cede_edhoc_session i, r;

    (void)state;
    pair_init(&pair, CEDE_EDHOC_SIGNATURE_SIGNATURE, &cede_edhoc_suite_2, backend(0));
    run_until_sent(&pair, 4);
    assert_int_equal(take_4(&pair, sent(&pair, 4)), CEDE_OK);
    i = pair.i.session;
    r = pair.r.session;
    assert_int_equal(take_1(&pair, sent(&pair, 1)), CEDE_EDHOC_STATE);
    assert_int_equal(take_2(&pair, sent(&pair, 2)), CEDE_EDHOC_STATE);
    assert_int_equal(take_3(&pair, sent(&pair, 3)), CEDE_EDHOC_STATE);
    assert_int_equal(take_4(&pair, sent(&pair, 4)), CEDE_EDHOC_STATE);
    assert_memory_equal(&i, &pair.i.session, sizeof i);
    assert_memory_equal(&r, &pair.r.session, sizeof r);
    assert_same_keys(&pair);
}

/* Every step in every state but its own, for both roles. */
static void steps_in_a_wrong_state_change_nothing(void **state)
{
    static struct pair pair;
    static const enum cede_edhoc_state own_state[] = {
        CEDE_EDHOC_READY_MESSAGE_1, CEDE_EDHOC_WAIT_MESSAGE_2, CEDE_EDHOC_WAIT_CRED_R,
        CEDE_EDHOC_READY_MESSAGE_3, CEDE_EDHOC_WAIT_MESSAGE_4, CEDE_EDHOC_WAIT_MESSAGE_1,
        CEDE_EDHOC_READY_MESSAGE_2, CEDE_EDHOC_WAIT_MESSAGE_3, CEDE_EDHOC_WAIT_CRED_I,
        CEDE_EDHOC_READY_MESSAGE_4};

    (void)state;
    pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, backend(0));
    run_until_sent(&pair, 1);
    for (unsigned now = CEDE_EDHOC_FAILED; now <= CEDE_EDHOC_DONE; now++) {
        for (size_t step = 0; step < COUNT(own_state); step++) {
            struct cede_edhoc_session session = pair.i.session;
            struct cede_edhoc_session before;
            struct cede_edhoc_config *config = &pair.i.config;
            struct cede_buf out = CEDE_BUF_ARRAY(pair.i.plaintext);
            struct cede_span in = sent(&pair, 1), message;
            struct cede_edhoc_peer peer = {0};
            struct cede_edhoc_eads eads;
            enum cede_status status = CEDE_OK;

            session.state = (uint8_t)now;
            before = session;
            if (now == own_state[step]) {
                continue;
            }
            switch (own_state[step]) {
            case CEDE_EDHOC_READY_MESSAGE_1:
                status = cede_edhoc_compose_message_1(&session, config, NULL, out, &message);
                break;
            case CEDE_EDHOC_WAIT_MESSAGE_2:
                status = cede_edhoc_process_message_2(&session, config, in, out, &peer);
                break;
            case CEDE_EDHOC_WAIT_CRED_R:
                status = cede_edhoc_verify_message_2(&session, config, &peer, &pair.r.credential);
                break;
            case CEDE_EDHOC_READY_MESSAGE_3:
                status = cede_edhoc_compose_message_3(&session, config, &pair.i.own, NULL, out,
                                                      &message);
                break;
            case CEDE_EDHOC_WAIT_MESSAGE_4:
                status = cede_edhoc_process_message_4(&session, config, in, out, &eads);
                break;
            case CEDE_EDHOC_WAIT_MESSAGE_1:
                status = cede_edhoc_process_message_1(&session, config, in, &eads);
                break;
            case CEDE_EDHOC_READY_MESSAGE_2:
                status = cede_edhoc_compose_message_2(&session, config, CEDE_SPAN_ARRAY(c_r),
                                                      &pair.r.own, NULL, out, &message);
                break;
            case CEDE_EDHOC_WAIT_MESSAGE_3:
                status = cede_edhoc_process_message_3(&session, config, in, out, &peer);
                break;
            case CEDE_EDHOC_WAIT_CRED_I:
                status = cede_edhoc_verify_message_3(&session, config, &peer, &pair.i.credential);
                break;
            default:
                status = cede_edhoc_compose_message_4(&session, config, NULL, out, &message);
                break;
            }
            assert_int_equal(status, CEDE_EDHOC_STATE);
            assert_memory_equal(&session, &before, sizeof before);
        }
    }
}

/* Someone else's credential, or the right one with someone else's key. */
static void a_wrong_credential_is_refused(void **state)
{
    static struct pair pair, stranger;
    struct cede_edhoc_credential mixed;
    enum cede_status status;

    (void)state;
    for (unsigned method = 0; method < 4; method += 3) {
        enum cede_status expected = method == 0 ? CEDE_CRYPTO_SIGNATURE : CEDE_EDHOC_MAC;

        for (size_t both = 0; both < 2; both++) {
            pair_init(&pair, (enum cede_edhoc_method)method, &cede_edhoc_suite_2, backend(0));
            pair_init(&stranger, (enum cede_edhoc_method)method, &cede_edhoc_suite_2, backend(0));
            run_until_sent(&pair, 2);
            mixed = pair.r.credential;
            if (both == 0) {
                mixed.public_key = stranger.r.credential.public_key;
            } else {
                mixed.cred = stranger.r.credential.cred;
            }
            pair.r.credential = mixed;
            status = take_2(&pair, sent(&pair, 2));
            assert_int_equal(status, expected);
            assert_wiped(&pair.i.session);

            pair_init(&pair, (enum cede_edhoc_method)method, &cede_edhoc_suite_2, backend(0));
            run_until_sent(&pair, 3);
            mixed = pair.i.credential;
            if (both == 0) {
                mixed.public_key = stranger.i.credential.public_key;
            } else {
                mixed.cred = stranger.i.credential.cred;
            }
            pair.i.credential = mixed;
            assert_int_equal(take_3(&pair, sent(&pair, 3)), expected);
            assert_wiped(&pair.r.session);
        }
    }
}

/* A key of another curve than method and suite ask for, own or the peer's. */
static void a_key_of_the_wrong_type_is_refused(void **state)
{
    static struct pair pair;

    (void)state;
    pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, backend(0));
    run_until_sent(&pair, 2);
    pair.r.credential.public_key.curve = CEDE_CRV_X25519;
    assert_int_equal(take_2(&pair, sent(&pair, 2)), CEDE_EDHOC_KEY_TYPE);
    pair_init(&pair, CEDE_EDHOC_SIGNATURE_SIGNATURE, &cede_edhoc_suite_0, backend(0));
    run_until_sent(&pair, 3);
    pair.i.credential.public_key.curve = CEDE_CRV_P256;
    assert_int_equal(take_3(&pair, sent(&pair, 3)), CEDE_EDHOC_KEY_TYPE);
    pair_init(&pair, CEDE_EDHOC_SIGNATURE_SIGNATURE, &cede_edhoc_suite_0, backend(0));
    pair.r.own.key.curve = CEDE_CRV_P256;
    assert_int_equal(send_1(&pair), CEDE_OK);
    assert_int_equal(take_1(&pair, sent(&pair, 1)), CEDE_OK);
    assert_int_equal(send_2(&pair), CEDE_EDHOC_KEY_TYPE);
    assert_wiped(&pair.r.session);
}

/* One's own key share, credential or connection identifier coming back. */
static void reflections_are_refused(void **state)
{
    static struct pair pair;
    uint8_t message_2[64] = {0x58, 42};

    (void)state;
    pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, backend(0));
    run_until_sent(&pair, 1);
    memcpy(message_2 + 2, pair.message[0] + 4, 32); /* G_X for G_Y */
    assert_int_equal(take_2(&pair, cede_span(message_2, 44)), CEDE_EDHOC_REFLECTED);
    assert_wiped(&pair.i.session);

    /* The initiator would present what the responder presented, and the other way round. */
    pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, backend(0));
    run_until_sent(&pair, 2);
    pair.i.own = pair.r.own;
    assert_int_equal(take_2(&pair, sent(&pair, 2)), CEDE_OK);
    assert_int_equal(send_3(&pair), CEDE_EDHOC_REFLECTED);
    assert_wiped(&pair.i.session);
    pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, backend(0));
    run_until_sent(&pair, 3);
    pair.i.credential = pair.r.credential;
    assert_int_equal(take_3(&pair, sent(&pair, 3)), CEDE_EDHOC_REFLECTED);
    assert_wiped(&pair.r.session);
}

static void connection_identifiers_must_differ(void **state)
{
    static struct pair pair;
    static struct replay_vector trace;
    static struct replay replay;
    struct cede_span message;
    uint8_t plaintext_2[32], message_2[512];
    uint8_t too_long[CEDE_EDHOC_CONNECTION_ID_LEN_MAX + 1] = {0};

    (void)state;
    pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, backend(0));
    run_until_sent(&pair, 1);
    assert_int_equal(take_1(&pair, sent(&pair, 1)), CEDE_OK);
    assert_int_equal(cede_edhoc_compose_message_2(&pair.r.session, &pair.r.config,
                                                  CEDE_SPAN_ARRAY(c_i), &pair.r.own, NULL,
                                                  room(&pair, 2), &message),
                     CEDE_EDHOC_CONNECTION_ID);
    assert_true(cede_span_is_null(message));
    assert_wiped(&pair.r.session);
    /* Trace 2 with C_R = C_I = 37. */
    load_trace(2, &trace);
    memcpy(plaintext_2, replay_get(&trace, "PLAINTEXT_2").ptr, 11);
    plaintext_2[0] = 0x37;
    assert_int_equal(
        replay_refusal_2(&replay, &trace, backend(0),
                         replay_seal_2(&trace, backend(0), cede_span(plaintext_2, 11), message_2)),
        CEDE_EDHOC_CONNECTION_ID);
    assert_int_equal(cede_edhoc_init_initiator(&pair.i.session, &pair.i.config, pair.method, 2,
                                               CEDE_SPAN_ARRAY(too_long)),
                     CEDE_EDHOC_LENGTH);
    assert_wiped(&pair.i.session);
}

/* A whole point where x alone belongs, though it is on the curve. */
static void a_whole_point_for_g_x_is_refused(void **state)
{
    static struct pair pair;
    uint8_t message_1[128];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(message_1));

    (void)state;
    pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, backend(0));
    cede_write_bytes(&writer, CEDE_SPAN_TEXT("\x03\x02"));
    cede_cbor_put_bytes(&writer, cede_span(pair.i.public_key, 64));
    cede_write_u8(&writer, 0x0e);
    assert_int_equal(take_1(&pair, cede_written(&writer)), CEDE_EDHOC_LENGTH);
    cede_edhoc_init_responder(&pair.r.session);
    writer.len = 2;
    cede_cbor_put_bytes(&writer, cede_span(pair.i.public_key, 32));
    cede_write_u8(&writer, 0x0e);
    assert_int_equal(take_1(&pair, cede_written(&writer)), CEDE_OK);
}

/* Each length of identifier from none to the longest, and the integers' bytes, come across. */
static void connection_identifiers_come_across(void **state)
{
    static struct pair pair;
    uint8_t id[CEDE_EDHOC_CONNECTION_ID_LEN_MAX];

    (void)state;
    memset(id, 0xab, sizeof id);
    for (unsigned value = 0; value < 256 + CEDE_EDHOC_CONNECTION_ID_LEN_MAX; value++) {
        size_t len = value < 256 ? 1 : value - 255 == 1 ? 0 : value - 255;
        bool as_int = value <= 0x17 || (value >= 0x20 && value <= 0x37);

        if (value < 256) {
            id[0] = (uint8_t)value;
        }
        pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_0, backend(0));
        assert_int_equal(cede_edhoc_init_initiator(&pair.i.session, &pair.i.config, pair.method, 0,
                                                   cede_span(id, len)),
                         CEDE_OK);
        assert_int_equal(send_1(&pair), CEDE_OK);
        assert_int_equal(pair.len[0], as_int && len == 1 ? 37 : 37 + len);
        assert_int_equal(take_1(&pair, sent(&pair, 1)), CEDE_OK);
        assert_true(cede_span_equal(cede_edhoc_connection_id_span(&pair.r.session.c_i),
                                    cede_span(id, len)));
    }
}

/* --- cipher suites and error messages --------------------------------------------------------- */

/* RFC 9528, section 6.3.2, with suites 5, 6 for the initiator, 6 for the responder. */
static void suites_are_negotiated(void **state)
{
    static struct pair pair;
    uint8_t error_bytes[CEDE_EDHOC_ERROR_LEN_MAX];
    struct cede_edhoc_error error;
    struct cede_span message;
    int32_t suite;

    (void)state;
    pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_6, backend(0));
    pair.i.suites[0] = &cede_edhoc_suite_5;
    pair.i.suites[1] = &cede_edhoc_suite_6;
    pair.i.config.suites_count = 2;
    assert_int_equal(cede_edhoc_init_initiator(&pair.i.session, &pair.i.config, pair.method, 5,
                                               CEDE_SPAN_ARRAY(c_i)),
                     CEDE_OK);
    assert_int_equal(send_1(&pair), CEDE_OK);
    assert_int_equal(pair.message[0][1], 0x05);
    assert_int_equal(take_1(&pair, sent(&pair, 1)), CEDE_EDHOC_WRONG_SUITE);
    assert_wiped(&pair.r.session);
    assert_int_equal(cede_edhoc_compose_error(&pair.r.config, CEDE_EDHOC_WRONG_SUITE,
                                              CEDE_BUF_ARRAY(error_bytes), &message),
                     CEDE_OK);
    assert_memory_equal(message.ptr, "\x02\x06", 2);
    assert_true(cede_edhoc_is_error(message));
    assert_int_equal(cede_edhoc_process_error(message, &error), CEDE_OK);
    assert_int_equal(error.code, CEDE_EDHOC_ERROR_WRONG_SUITE);
    assert_int_equal(cede_edhoc_select_suite(&pair.i.config, &error, 5, &suite), CEDE_OK);
    assert_int_equal(suite, 6);

    cede_edhoc_init_responder(&pair.r.session);
    assert_int_equal(cede_edhoc_init_initiator(&pair.i.session, &pair.i.config, pair.method, suite,
                                               CEDE_SPAN_ARRAY(c_i)),
                     CEDE_OK);
    run_until_sent(&pair, 3);
    assert_memory_equal(pair.message[0] + 1, "\x82\x05\x06", 3);
    assert_int_equal(take_3(&pair, sent(&pair, 3)), CEDE_OK);
    assert_same_keys(&pair);
    /* The same error again would lead in circles. */
    assert_int_equal(cede_edhoc_select_suite(&pair.i.config, &error, 6, &suite),
                     CEDE_EDHOC_WRONG_SUITE);
    assert_int_equal(suite, 0);
}

/* The responder knows 2 and 6; only the first common suite may be selected. */
static void only_the_first_common_suite_will_do(void **state)
{
    static const struct {
        const char *suites_i;
        size_t len;
        enum cede_status expected;
    } cases[] = {
        {"\x02", 1, CEDE_OK},
        {"\x82\x03\x02", 3, CEDE_OK},
        {"\x83\x03\x20\x02", 4, CEDE_OK},
        {"\x84\x03\x19\x40\x00\x04\x02", 7, CEDE_OK},
        {"\x03", 1, CEDE_EDHOC_WRONG_SUITE},
        {"\x82\x06\x02", 3, CEDE_EDHOC_WRONG_SUITE}, /* 6 would have been better */
        {"\x82\x02\x02", 3, CEDE_EDHOC_WRONG_SUITE},
        {"\x82\x02\x03", 3, CEDE_EDHOC_WRONG_SUITE},
        {"\x83\x02\x03\x04", 4, CEDE_EDHOC_WRONG_SUITE},
        {"\x80", 1, CEDE_EDHOC_SUITES},
        {"\x81\x02", 2, CEDE_EDHOC_SUITES},
        {"\x82\x03\x41\x02", 4, CEDE_CBOR_TYPE},
        {"\x82\x02\x18\x02", 4, CEDE_CBOR_NOT_SHORTEST},
        {"\x91\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x02", 18,
         CEDE_EDHOC_SUITES}, /* 17 of them */
    };
    static struct pair pair;
    uint8_t message_1[128];

    (void)state;
    for (size_t c = 0; c < COUNT(cases); c++) {
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(message_1));

        pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, backend(0));
        pair.r.suites[1] = &cede_edhoc_suite_6;
        pair.r.config.suites_count = 2;
        run_until_sent(&pair, 1);
        cede_write_u8(&writer, 3);
        cede_write_bytes(&writer, cede_span((const uint8_t *)cases[c].suites_i, cases[c].len));
        cede_write_bytes(&writer, cede_span(pair.message[0] + 2, pair.len[0] - 2));
        assert_string_equal(cede_status_name(take_1(&pair, cede_written(&writer))),
                            cede_status_name(cases[c].expected));
    }
}

/* A list of suites that an attacker shortened is noticed: TH_2 covers message_1. */
static void a_downgrade_is_noticed(void **state)
{
    static struct pair pair;
    uint8_t forged[64];

    (void)state;
    pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, backend(0));
    pair.i.suites[0] = &cede_edhoc_suite_3;
    pair.i.suites[1] = &cede_edhoc_suite_2;
    pair.i.config.suites_count = 2;
    pair.r.suites[1] = &cede_edhoc_suite_3;
    pair.r.config.suites_count = 2;
    assert_int_equal(cede_edhoc_init_initiator(&pair.i.session, &pair.i.config, pair.method, 2,
                                               CEDE_SPAN_ARRAY(c_i)),
                     CEDE_OK);
    assert_int_equal(send_1(&pair), CEDE_OK);
    forged[0] = 3;
    memcpy(forged + 1, pair.message[0] + 3, pair.len[0] - 3); /* 82 03 02 becomes 02 */
    assert_int_equal(take_1(&pair, cede_span(forged, pair.len[0] - 2)), CEDE_OK);
    assert_int_equal(send_2(&pair), CEDE_OK);
    assert_int_not_equal(take_2(&pair, sent(&pair, 2)), CEDE_OK);
    assert_wiped(&pair.i.session);
}

static void methods_that_are_not_allowed_are_refused(void **state)
{
    static struct pair pair;
    uint8_t forged[64];

    (void)state;
    pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, backend(0));
    pair.r.config.methods = CEDE_EDHOC_METHOD_BIT(CEDE_EDHOC_SIGNATURE_SIGNATURE);
    assert_int_equal(send_1(&pair), CEDE_OK);
    assert_int_equal(take_1(&pair, sent(&pair, 1)), CEDE_EDHOC_METHOD);
    assert_wiped(&pair.r.session);
    for (unsigned method = 4; method < 0x38; method++) { /* 4..23, then negative ones */
        if (method == 24) {
            method = 0x20;
        }
        pair.r.config.methods = 0xff;
        cede_edhoc_init_responder(&pair.r.session);
        memcpy(forged, pair.message[0], pair.len[0]);
        forged[0] = (uint8_t)method;
        assert_int_equal(take_1(&pair, cede_span(forged, pair.len[0])), CEDE_EDHOC_METHOD);
    }
    pair.i.config.methods = CEDE_EDHOC_METHOD_BIT(CEDE_EDHOC_SIGNATURE_SIGNATURE);
    assert_int_equal(cede_edhoc_init_initiator(&pair.i.session, &pair.i.config,
                                               CEDE_EDHOC_STATIC_DH_STATIC_DH, 2,
                                               CEDE_SPAN_ARRAY(c_i)),
                     CEDE_EDHOC_METHOD);
    assert_int_equal(cede_edhoc_init_initiator(&pair.i.session, &pair.i.config,
                                               CEDE_EDHOC_SIGNATURE_SIGNATURE, 3,
                                               CEDE_SPAN_ARRAY(c_i)),
                     CEDE_EDHOC_WRONG_SUITE);
    assert_wiped(&pair.i.session);
}

static void error_messages_tell_the_kind_alone(void **state)
{
    static const struct {
        enum cede_status status;
        int32_t code;
    } cases[] = {
        {CEDE_EDHOC_WRONG_SUITE, 2}, {CEDE_EDHOC_UNKNOWN_CREDENTIAL, 3}, {CEDE_EDHOC_METHOD, 1},
        {CEDE_EDHOC_MAC, 1},         {CEDE_CRYPTO_SIGNATURE, 1},         {CEDE_CRYPTO_FAILED, 1},
        {CEDE_TRUNCATED, 1},         {CEDE_EDHOC_EAD_CRITICAL, 1},       {CEDE_NOT_FOUND, 1}};
    static struct pair pair;
    uint8_t bytes[CEDE_EDHOC_ERROR_LEN_MAX];
    struct cede_edhoc_error error, mac_error;
    struct cede_span message;

    (void)state;
    pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, backend(0));
    pair.r.suites[1] = &cede_edhoc_suite_24;
    pair.r.config.suites_count = 2;
    for (size_t c = 0; c < COUNT(cases); c++) {
        assert_int_equal(cede_edhoc_compose_error(&pair.r.config, cases[c].status,
                                                  CEDE_BUF_ARRAY(bytes), &message),
                         CEDE_OK);
        assert_int_equal(cede_edhoc_process_error(message, &error), CEDE_OK);
        assert_int_equal(error.code, cases[c].code);
        assert_int_equal(error.text.len > 0, error.code == 1);
        assert_int_equal(error.suites_r_count, error.code == 2 ? 2 : 0);
        assert_false(cede_span_is_null(error.info));
        for (size_t len = 0; len < message.len; len++) {
            assert_int_not_equal(cede_edhoc_process_error(cede_span(bytes, len), &error), CEDE_OK);
        }
    }
    /* A wrong MAC and a wrong signature look alike. */
    assert_int_equal(
        cede_edhoc_compose_error(&pair.r.config, CEDE_EDHOC_MAC, CEDE_BUF_ARRAY(bytes), &message),
        CEDE_OK);
    assert_int_equal(cede_edhoc_process_error(message, &mac_error), CEDE_OK);
    assert_memory_equal(mac_error.text.ptr, "refused", 7);
    assert_int_equal(
        cede_edhoc_compose_error(&pair.r.config, CEDE_OK, CEDE_BUF_ARRAY(bytes), &message),
        CEDE_BAD_ARGUMENT);
    assert_int_equal(
        cede_edhoc_compose_error(&pair.r.config, CEDE_EDHOC_MAC, cede_buf(bytes, 4), &message),
        CEDE_NO_SPACE);
}

static void malformed_error_messages_are_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        enum cede_status expected;
    } cases[] = {
        {"\x00\x60", 2, CEDE_EDHOC_ERROR_CODE}, /* reserved for success */
        {"\x01\x61\x78", 3, CEDE_OK},
        {"\x01\x41\x78", 3, CEDE_CBOR_TYPE},
        {"\x01\x61\x78\x00", 4, CEDE_TRAILING_BYTES},
        {"\x02\x02", 2, CEDE_OK},
        {"\x02\x82\x02\x03", 4, CEDE_OK},
        {"\x02\x81\x02", 3, CEDE_EDHOC_SUITES},
        {"\x02\x1a\x80\x00\x00\x00", 6, CEDE_CBOR_RANGE},
        {"\x03\xf5", 2, CEDE_OK},
        {"\x03\xf4", 2, CEDE_EDHOC_ERROR_CODE},
        {"\x20\x80", 2, CEDE_OK}, /* a code yet to be registered */
        {"\x41\x00", 2, CEDE_CBOR_TYPE},
        {"", 0, CEDE_TRUNCATED},
    };
    struct cede_edhoc_error error;

    (void)state;
    for (size_t c = 0; c < COUNT(cases); c++) {
        struct cede_span message = cede_span((const uint8_t *)cases[c].bytes, cases[c].len);
        assert_string_equal(cede_status_name(cede_edhoc_process_error(message, &error)),
                            cede_status_name(cases[c].expected));
        assert_int_equal(error.code == 0, cases[c].expected != CEDE_OK);
    }
}

/* --- EAD and padding -------------------------------------------------------------------------- */

static struct cede_edhoc_ead item(int32_t label, bool critical, const char *value)
{
    struct cede_edhoc_ead ead = {label, critical, cede_span_string(value)};
    return ead;
}

/* Known items arrive in all four messages; padding and unknown ones do not. */
static void ead_arrives(void **state)
{
    static struct pair pair;
    struct cede_edhoc_eads got;

    (void)state;
    pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, backend(0));
    pair.i.eads.items[0] = item(0, false, "padding");
    pair.i.eads.items[1] = item(1, true, "critical");
    pair.i.eads.items[2] = item(99, false, "unknown");
    pair.i.eads.items[3] = item(7, false, NULL);
    pair.i.eads.items[4] = item(7, false, "");
    pair.i.eads.count = 5;
    pair.r.eads = pair.i.eads;
    assert_int_equal(send_1(&pair), CEDE_OK);
    assert_int_equal(
        cede_edhoc_process_message_1(&pair.r.session, &pair.r.config, sent(&pair, 1), &got),
        CEDE_OK);
    assert_int_equal(got.count, 3);
    assert_int_equal(got.items[0].label, 1);
    assert_true(got.items[0].critical);
    assert_true(cede_span_equal(got.items[0].value, CEDE_SPAN_TEXT("critical")));
    assert_int_equal(got.items[1].label, 7);
    assert_false(got.items[1].critical);
    assert_true(cede_span_is_null(got.items[1].value));
    assert_false(cede_span_is_null(got.items[2].value));
    assert_int_equal(got.items[2].value.len, 0);
    assert_int_equal(send_2(&pair), CEDE_OK);
    assert_int_equal(take_2(&pair, sent(&pair, 2)), CEDE_OK);
    assert_int_equal(pair.i.peer.eads.count, 3);
    assert_int_equal(send_3(&pair), CEDE_OK);
    assert_int_equal(take_3(&pair, sent(&pair, 3)), CEDE_OK);
    assert_int_equal(pair.r.peer.eads.count, 3);
    assert_int_equal(send_4(&pair), CEDE_OK);
    assert_int_equal(cede_edhoc_process_message_4(&pair.i.session, &pair.i.config, sent(&pair, 4),
                                                  CEDE_BUF_ARRAY(pair.i.plaintext), &got),
                     CEDE_OK);
    assert_int_equal(got.count, 3);
    assert_same_keys(&pair);
}

/* In each of the four messages. */
static void unknown_critical_ead_is_refused(void **state)
{
    static take *const takes[] = {take_1, take_2, take_3, take_4};
    static struct pair pair;

    (void)state;
    for (size_t number = 1; number <= 4; number++) {
        struct end *receiver = number % 2 == 1 ? &pair.r : &pair.i;

        pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, backend(0));
        if (number > 1) {
            run_until_sent(&pair, number - 1);
            assert_int_equal(takes[number - 2](&pair, sent(&pair, number - 1)), CEDE_OK);
        }
        pair.i.eads.items[0] = item(99, true, "unknown");
        pair.i.eads.count = 1;
        pair.r.eads = pair.i.eads;
        assert_int_equal(number == 1   ? send_1(&pair)
                         : number == 2 ? send_2(&pair)
                         : number == 3 ? send_3(&pair)
                                       : send_4(&pair),
                         CEDE_OK);
        assert_int_equal(takes[number - 1](&pair, sent(&pair, number)), CEDE_EDHOC_EAD_CRITICAL);
        assert_wiped(&receiver->session);
    }
}

static void ill_formed_ead_is_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        enum cede_status expected;
    } cases[] = {
        {"\x00", 1, CEDE_OK},
        {"\x00\x40\x00", 3, CEDE_OK},
        {"\x01\x41\xaa\x02", 4, CEDE_OK},
        {"\x40", 1, CEDE_CBOR_TYPE},             /* a value without a label */
        {"\x01\x40\x40", 3, CEDE_CBOR_TYPE},     /* two values */
        {"\x01\x60", 2, CEDE_CBOR_TYPE},         /* text */
        {"\x01\x42\xaa", 3, CEDE_TRUNCATED},     /* cut */
        {"\x18\x01", 2, CEDE_CBOR_NOT_SHORTEST}, /* long form */
        {"\x01\x58\x01\xaa", 4, CEDE_CBOR_NOT_SHORTEST},
        {"\x1a\x80\x00\x00\x00", 5, CEDE_CBOR_RANGE},        /* no such label can be */
        {"\x01\x01\x01\x01\x01\x01\x01", 7, CEDE_EDHOC_EAD}, /* more than we hold */
    };
    static struct pair pair;
    uint8_t message_1[128];

    (void)state;
    for (size_t c = 0; c < COUNT(cases); c++) {
        pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, backend(0));
        run_until_sent(&pair, 1);
        memcpy(message_1, pair.message[0], pair.len[0]);
        memcpy(message_1 + pair.len[0], cases[c].bytes, cases[c].len);
        assert_string_equal(
            cede_status_name(take_1(&pair, cede_span(message_1, pair.len[0] + cases[c].len))),
            cede_status_name(cases[c].expected));
    }
    /* Nor can such items be sent. */
    pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, backend(0));
    pair.i.eads.items[0] = item(-1, false, NULL);
    pair.i.eads.count = 1;
    assert_int_equal(send_1(&pair), CEDE_BAD_ARGUMENT);
}

/* Every length of padding, also those one item cannot have. */
static void padding_has_the_length_asked_for(void **state)
{
    static struct pair pair;
    static uint8_t random[600];
    size_t bare;

    (void)state;
    pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_0, backend(0));
    run_until_sent(&pair, 1);
    bare = pair.len[0];
    for (size_t len = 0; len <= 600; len++) {
        pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_0, backend(0));
        assert_int_equal(cede_edhoc_pad(&pair.i.eads, len, CEDE_SPAN_ARRAY(random)), CEDE_OK);
        assert_in_range(pair.i.eads.count, len > 0, 2);
        assert_int_equal(send_1(&pair), CEDE_OK);
        assert_int_equal(pair.len[0], bare + len);
        assert_int_equal(take_1(&pair, sent(&pair, 1)), CEDE_OK);
    }
    assert_int_equal(cede_edhoc_pad(&pair.i.eads, 601 + 8, CEDE_SPAN_ARRAY(random)), CEDE_NO_SPACE);
    pair.i.eads.count = CEDE_EDHOC_EAD_ITEMS_MAX;
    assert_int_equal(cede_edhoc_pad(&pair.i.eads, 1, CEDE_SPAN_ARRAY(random)), CEDE_NO_SPACE);
    assert_int_equal(pair.i.eads.count, CEDE_EDHOC_EAD_ITEMS_MAX);
}

/* --- identities ------------------------------------------------------------------------------- */

static void identities_are_decoded(void **state)
{
    static const struct {
        const char *map;
        size_t len;
        enum cede_edhoc_id_kind kind;
        size_t value_len;
        bool lone_kid;
    } cases[] = {
        {"\xa1\x04\x41\x2b", 4, CEDE_EDHOC_ID_KID, 1, true},
        {"\xa1\x18\x22\x82\x2e\x42\x01\x02", 8, CEDE_EDHOC_ID_X5T, 5, false},
        {"\xa1\x16\x82\x2e\x42\x01\x02", 7, CEDE_EDHOC_ID_C5T, 5, false},
        {"\xa1\x18\x21\x41\xaa", 5, CEDE_EDHOC_ID_X5CHAIN, 2, false},
        {"\xa1\x18\x21\x82\x41\xaa\x41\xbb", 8, CEDE_EDHOC_ID_X5CHAIN, 5, false},
        {"\xa1\x18\x19\x41\xaa", 5, CEDE_EDHOC_ID_C5C, 2, false},
        {"\xa1\x0e\xa1\x02\x61\x78", 6, CEDE_EDHOC_ID_KCCS, 4, false},
        {"\xa1\x18\x23\xd8\x20\x61\x78", 7, CEDE_EDHOC_ID_X5U, 4, false},
        {"\xa1\x17\x61\x78", 4, CEDE_EDHOC_ID_C5U, 2, false},
        {"\xa1\x18\x40\x01", 4, CEDE_EDHOC_ID_OTHER, 0, false},
        {"\xa1\x61\x78\x01", 4, CEDE_EDHOC_ID_OTHER, 0, false},
        /* several: a kid with its context, and a hash beside an address, in any order */
        {"\xa2\x0a\x41\x01\x04\x41\x2b", 7, CEDE_EDHOC_ID_KID, 1, false},
        {"\xa2\x18\x23\xd8\x20\x61\x78\x18\x22\x82\x2e\x41\x01", 13, CEDE_EDHOC_ID_X5T, 4, false},
    };
    struct cede_edhoc_id_cred id_cred;

    (void)state;
    for (size_t c = 0; c < COUNT(cases); c++) {
        struct cede_span map = cede_span((const uint8_t *)cases[c].map, cases[c].len);

        assert_int_equal(cede_edhoc_id_cred_decode(map, &id_cred), CEDE_OK);
        assert_int_equal(id_cred.kind, cases[c].kind);
        assert_int_equal(id_cred.value.len, cases[c].value_len);
        assert_int_equal(cede_span_is_null(id_cred.map), cases[c].lone_kid);
        for (size_t len = 0; len < cases[c].len; len++) {
            map.len = len;
            assert_int_not_equal(cede_edhoc_id_cred_decode(map, &id_cred), CEDE_OK);
        }
    }
}

static void ill_formed_identities_are_refused(void **state)
{
    static const struct {
        const char *map;
        size_t len;
    } cases[] = {
        {"\xa0", 1},                         /* nothing */
        {"\xa1\x04\x01", 3},                 /* kid that is no byte string */
        {"\xa1\x18\x22\x41\x01", 5},         /* x5t that is no array */
        {"\xa2\x04\x41\x01\x04\x41\x02", 7}, /* kid twice */
        {"\x41\x2b", 2},                     /* no map */
        {"\xa1\x04\x41\x2b\x00", 5},         /* trailing byte */
        {"\xa1\x18\x04\x41\x2b", 5},         /* long form of the label */
        {"\xbf\x04\x41\x2b\xff", 5},         /* indefinite */
    };
    struct cede_edhoc_id_cred id_cred;

    (void)state;
    for (size_t c = 0; c < COUNT(cases); c++) {
        assert_int_not_equal(cede_edhoc_id_cred_decode(
                                 cede_span((const uint8_t *)cases[c].map, cases[c].len), &id_cred),
                             CEDE_OK);
        assert_true(cede_span_is_null(id_cred.value));
    }
}

/* One end has a certificate, the other CRED_x written out: an X.509 certificate in its byte string,
 * ~C509Certificate in its array. */
static void credential_forms_are_equal(void **state)
{
    static struct pair pair;
    uint8_t certificate[300], der_item[310], c509_item[310];
    struct cede_writer der = cede_writer(CEDE_BUF_ARRAY(der_item));
    struct cede_writer c509 = cede_writer(CEDE_BUF_ARRAY(c509_item));

    (void)state;
    memset(certificate, 0x5a, sizeof certificate);
    cede_cbor_put_bytes(&der, CEDE_SPAN_ARRAY(certificate));
    cede_cbor_put_array(&c509, 11);
    cede_write_bytes(&c509, CEDE_SPAN_ARRAY(certificate));
    pair_init(&pair, CEDE_EDHOC_SIGNATURE_SIGNATURE, &cede_edhoc_suite_2, backend(0));
    pair.r.own.form = CEDE_EDHOC_CRED_DER;
    pair.r.own.cred = CEDE_SPAN_ARRAY(certificate);
    pair.r.credential.cred = cede_written(&der);
    pair.i.own.cred = cede_written(&c509);
    pair.i.credential.form = CEDE_EDHOC_CRED_C509;
    pair.i.credential.cred = CEDE_SPAN_ARRAY(certificate);
    run_until_sent(&pair, 3);
    assert_int_equal(take_3(&pair, sent(&pair, 3)), CEDE_OK);
    assert_same_keys(&pair);
    /* The same bytes in the wrong form are another credential. */
    pair_init(&pair, CEDE_EDHOC_SIGNATURE_SIGNATURE, &cede_edhoc_suite_2, backend(0));
    pair.r.own.form = CEDE_EDHOC_CRED_DER;
    pair.r.own.cred = CEDE_SPAN_ARRAY(certificate);
    pair.r.credential.form = CEDE_EDHOC_CRED_C509;
    pair.r.credential.cred = CEDE_SPAN_ARRAY(certificate);
    run_until_sent(&pair, 2);
    assert_int_equal(take_2(&pair, sent(&pair, 2)), CEDE_CRYPTO_SIGNATURE);
}

/* --- sizes and keys --------------------------------------------------------------------------- */

/* A buffer one byte short, for each message; and the bounds of the header suffice. */
static void short_buffers_are_refused(void **state)
{
    static struct pair pair, again;
    struct cede_span message;
    struct cede_edhoc_eads eads;

    (void)state;
    pair_init(&pair, CEDE_EDHOC_SIGNATURE_SIGNATURE, &cede_edhoc_suite_24, backend(0));
    run_until_sent(&pair, 4);
    assert_in_range(pair.len[0], 1, CEDE_EDHOC_MESSAGE_1_LEN(0));
    assert_in_range(pair.len[1], 1, CEDE_EDHOC_MESSAGE_2_LEN(sizeof id_cred_r, 0));
    assert_in_range(pair.len[2], 1, CEDE_EDHOC_MESSAGE_3_LEN(sizeof id_cred_i, 0));
    assert_in_range(pair.len[3], 1, CEDE_EDHOC_MESSAGE_4_LEN(0));
    for (size_t null = 0; null < 2; null++) {
        struct cede_buf out = null ? cede_buf(NULL, 0) : room(&again, 1);

        pair_init(&again, CEDE_EDHOC_SIGNATURE_SIGNATURE, &cede_edhoc_suite_24, backend(0));
        out.cap = null ? 0 : pair.len[0] - 1;
        assert_int_equal(
            cede_edhoc_compose_message_1(&again.i.session, &again.i.config, NULL, out, &message),
            CEDE_NO_SPACE);
        assert_true(cede_span_is_null(message));
        assert_wiped(&again.i.session);
        pair_init(&again, CEDE_EDHOC_SIGNATURE_SIGNATURE, &cede_edhoc_suite_24, backend(0));
        run_until_sent(&again, 1);
        assert_int_equal(take_1(&again, sent(&again, 1)), CEDE_OK);
        out.cap = null ? 0 : pair.len[1] - 1;
        assert_int_equal(cede_edhoc_compose_message_2(&again.r.session, &again.r.config,
                                                      CEDE_SPAN_ARRAY(c_r), &again.r.own, NULL, out,
                                                      &message),
                         CEDE_NO_SPACE);
        assert_wiped(&again.r.session);
        pair_init(&again, CEDE_EDHOC_SIGNATURE_SIGNATURE, &cede_edhoc_suite_24, backend(0));
        run_until_sent(&again, 2);
        assert_int_equal(take_2(&again, sent(&again, 2)), CEDE_OK);
        out.cap = null ? 0 : pair.len[2] - 1;
        assert_int_equal(cede_edhoc_compose_message_3(&again.i.session, &again.i.config,
                                                      &again.i.own, NULL, out, &message),
                         CEDE_NO_SPACE);
        assert_wiped(&again.i.session);
        pair_init(&again, CEDE_EDHOC_SIGNATURE_SIGNATURE, &cede_edhoc_suite_24, backend(0));
        run_until_sent(&again, 3);
        assert_int_equal(take_3(&again, sent(&again, 3)), CEDE_OK);
        out.cap = null ? 0 : pair.len[3] - 1;
        assert_int_equal(
            cede_edhoc_compose_message_4(&again.r.session, &again.r.config, NULL, out, &message),
            CEDE_NO_SPACE);
        assert_wiped(&again.r.session);
    }
    assert_int_equal(cede_edhoc_process_message_4(&pair.i.session, &pair.i.config, sent(&pair, 4),
                                                  cede_buf(pair.i.plaintext, 4), &eads),
                     CEDE_NO_SPACE);
}

static void oversize_messages_are_refused(void **state)
{
    static uint8_t big[CEDE_EDHOC_MESSAGE_LEN_MAX + 1];
    static struct pair pair;

    (void)state;
    pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, backend(0));
    run_until_sent(&pair, 1);
    memcpy(big, pair.message[0], pair.len[0]); /* the rest is padding, item after item */
    assert_int_equal(take_1(&pair, cede_span(big, sizeof big)), CEDE_EDHOC_LENGTH);
    cede_edhoc_init_responder(&pair.r.session);
    assert_int_equal(take_1(&pair, cede_span(big, sizeof big - 1)), CEDE_OK);
    memcpy(big, "\x59\x0f\xfe", 3); /* one byte string that fills it */
    assert_int_equal(take_2(&pair, cede_span(big, sizeof big)), CEDE_EDHOC_LENGTH);
}

static void exported_keys_depend_on_label_and_context(void **state)
{
    static struct pair pair;
    uint8_t keys[4][70], other[70];

    (void)state;
    pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, backend(0));
    run_until_sent(&pair, 3);
    assert_int_equal(take_3(&pair, sent(&pair, 3)), CEDE_OK);
    for (uint32_t k = 0; k < 3; k++) {
        struct cede_span context = k == 2 ? CEDE_SPAN_TEXT("context") : CEDE_SPAN_NULL;
        uint32_t label = k == 0 ? 40000 : 40001;

        assert_int_equal(cede_edhoc_export(&pair.i.session, &pair.i.config, label, context,
                                           CEDE_BUF_ARRAY(keys[k])),
                         CEDE_OK);
        assert_int_equal(cede_edhoc_export(&pair.r.session, &pair.r.config, label, context,
                                           CEDE_BUF_ARRAY(other)),
                         CEDE_OK);
        assert_memory_equal(keys[k], other, sizeof other);
    }
    assert_memory_not_equal(keys[0], keys[1], sizeof keys[0]);
    assert_memory_not_equal(keys[1], keys[2], sizeof keys[0]);
    assert_int_equal(cede_edhoc_update_key(&pair.i.session, &pair.i.config, CEDE_SPAN_TEXT("1")),
                     CEDE_OK);
    assert_int_equal(cede_edhoc_export(&pair.i.session, &pair.i.config, 40000, CEDE_SPAN_NULL,
                                       CEDE_BUF_ARRAY(keys[3])),
                     CEDE_OK);
    assert_memory_not_equal(keys[0], keys[3], sizeof keys[0]);
    assert_int_equal(cede_edhoc_update_key(&pair.r.session, &pair.r.config, CEDE_SPAN_TEXT("1")),
                     CEDE_OK);
    assert_same_keys(&pair);
    cede_edhoc_wipe(&pair.i.session);
    assert_wiped(&pair.i.session);
    assert_int_equal(cede_edhoc_update_key(&pair.i.session, &pair.i.config, CEDE_SPAN_NULL),
                     CEDE_EDHOC_STATE);
}

/* --- a crypto port that fails ----------------------------------------------------------------- */

/* How many calls still succeed. */
static size_t calls_left;

static enum cede_status count_call(void)
{
    return calls_left > 0 ? (calls_left--, CEDE_OK) : CEDE_CRYPTO_FAILED;
}

static enum cede_status failing_hash(void *context, int32_t alg, const struct cede_span *parts,
                                     size_t parts_count, uint8_t *out)
{
    CEDE_TRY(count_call());
    return backend(0)->hash(context, alg, parts, parts_count, out);
}

static enum cede_status failing_hmac(void *context, int32_t hash_alg, struct cede_span key,
                                     const struct cede_span *parts, size_t parts_count,
                                     uint8_t *out)
{
    CEDE_TRY(count_call());
    return backend(0)->hmac(context, hash_alg, key, parts, parts_count, out);
}

static enum cede_status failing_kmac(void *context, struct cede_span key,
                                     const struct cede_span *parts, size_t parts_count,
                                     struct cede_buf out)
{
    CEDE_TRY(count_call());
    return backend(0)->kmac(context, key, parts, parts_count, out);
}

static enum cede_status failing_seal(void *context, int32_t alg, struct cede_span key,
                                     struct cede_span nonce, struct cede_span aad,
                                     struct cede_span plaintext, struct cede_buf out,
                                     struct cede_span *ciphertext)
{
    CEDE_TRY(count_call());
    return backend(0)->aead_seal(context, alg, key, nonce, aad, plaintext, out, ciphertext);
}

static enum cede_status failing_generate(void *context, int32_t curve, uint8_t *private_key,
                                         uint8_t *public_key)
{
    CEDE_TRY(count_call());
    return backend(0)->generate(context, curve, private_key, public_key);
}

static enum cede_status failing_ecdh(void *context, const struct cede_private_key *key,
                                     struct cede_span peer, uint8_t *secret)
{
    CEDE_TRY(count_call());
    return backend(0)->ecdh(context, key, peer, secret);
}

static enum cede_status failing_decompress(void *context, int32_t curve, struct cede_span x,
                                           bool y_odd, uint8_t *public_key)
{
    CEDE_TRY(count_call());
    return backend(0)->decompress(context, curve, x, y_odd, public_key);
}

static enum cede_status failing_sign(void *context, int32_t alg, const struct cede_private_key *key,
                                     const struct cede_span *parts, size_t parts_count,
                                     uint8_t *signature, size_t *signature_len)
{
    CEDE_TRY(count_call());
    return backend(0)->sign(context, alg, key, parts, parts_count, signature, signature_len);
}

static struct cede_crypto failing_port(void)
{
    struct cede_crypto port = *backend(0);

    port.hash = failing_hash;
    port.hmac = failing_hmac;
    port.kmac = failing_kmac;
    port.aead_seal = failing_seal;
    port.generate = failing_generate;
    port.ecdh = failing_ecdh;
    port.decompress = failing_decompress;
    port.sign = failing_sign;
    return port;
}

/* A whole handshake; *failed is the end whose step did not succeed. */
static enum cede_status run_whole(struct pair *pair, struct end **failed)
{
    *failed = &pair->i;
    CEDE_TRY(send_1(pair));
    *failed = &pair->r;
    CEDE_TRY(take_1(pair, sent(pair, 1)));
    CEDE_TRY(send_2(pair));
    *failed = &pair->i;
    CEDE_TRY(take_2(pair, sent(pair, 2)));
    CEDE_TRY(send_3(pair));
    *failed = &pair->r;
    CEDE_TRY(take_3(pair, sent(pair, 3)));
    CEDE_TRY(send_4(pair));
    *failed = &pair->i;
    return take_4(pair, sent(pair, 4));
}

/* Wherever the crypto library gives up, the step says so and leaves nothing behind. */
static void every_call_of_the_port_may_fail(void **state)
{
    static const struct cede_edhoc_suite *const suites[] = {&cede_edhoc_suite_2,
                                                            &cede_edhoc_suite_25};
    static struct pair pair;
    struct cede_crypto port = failing_port();

    (void)state;
    for (size_t s = 0; s < COUNT(suites); s++) {
        for (unsigned method = 0; method < 4; method++) {
            enum cede_status status = CEDE_CRYPTO_FAILED;
            struct end *failed;
            size_t calls;

            for (calls = 0; status != CEDE_OK; calls++) {
                pair_init(&pair, (enum cede_edhoc_method)method, suites[s], backend(0));
                pair.i.config.crypto = pair.r.config.crypto = &port;
                calls_left = calls;
                status = run_whole(&pair, &failed);
                if (status != CEDE_OK) {
                    assert_int_equal(status, CEDE_CRYPTO_FAILED);
                    assert_wiped(&failed->session);
                }
            }
            assert_in_range(calls, 30, 200);
        }
    }
}

static void every_call_of_an_export_may_fail(void **state)
{
    static struct pair pair;
    struct cede_crypto port = failing_port();
    static const struct cede_edhoc_oscore blank;
    struct cede_edhoc_oscore oscore;
    struct cede_edhoc_session before;
    uint8_t key[40], zeros[40] = {0};

    (void)state;
    pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, backend(0));
    run_until_sent(&pair, 3);
    pair.i.config.crypto = &port;
    before = pair.i.session;
    for (size_t calls = 0; calls < 3; calls++) {
        calls_left = calls;
        memset(key, 0xaa, sizeof key);
        assert_int_equal(cede_edhoc_export(&pair.i.session, &pair.i.config, 7, CEDE_SPAN_NULL,
                                           CEDE_BUF_ARRAY(key)),
                         CEDE_CRYPTO_FAILED);
        assert_memory_equal(key, zeros, sizeof key);
        calls_left = calls;
        assert_int_equal(cede_edhoc_export_oscore(&pair.i.session, &pair.i.config, &oscore),
                         CEDE_CRYPTO_FAILED);
        assert_memory_equal(&oscore, &blank, sizeof blank);
    }
    calls_left = 0;
    assert_int_equal(cede_edhoc_update_key(&pair.i.session, &pair.i.config, CEDE_SPAN_NULL),
                     CEDE_CRYPTO_FAILED);
    assert_memory_equal(&pair.i.session, &before, sizeof before);
}

/* A back end without KMAC256 says so, and nothing else. */
static void suite_25_needs_kmac(void **state)
{
    static struct pair pair;

    (void)state;
    pair_init(&pair, CEDE_EDHOC_SIGNATURE_SIGNATURE, &cede_edhoc_suite_25, backend(0));
    pair.r.port.port.kmac = NULL;
    assert_int_equal(send_1(&pair), CEDE_OK);
    assert_int_equal(take_1(&pair, sent(&pair, 1)), CEDE_OK);
    assert_int_equal(send_2(&pair), CEDE_CRYPTO_UNSUPPORTED);
    assert_wiped(&pair.r.session);
}

/* --- one's own mistakes ----------------------------------------------------------------------- */

static void a_configuration_without_the_suite_is_refused(void **state)
{
    static struct pair pair;
    struct cede_edhoc_oscore oscore;

    (void)state;
    pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, backend(0));
    run_until_sent(&pair, 3);
    pair.i.suites[0] = &cede_edhoc_suite_3;
    assert_int_equal(cede_edhoc_export_oscore(&pair.i.session, &pair.i.config, &oscore),
                     CEDE_BAD_ARGUMENT);
    assert_true(cede_edhoc_has_keys(&pair.i.session));
    assert_int_equal(take_4(&pair, CEDE_SPAN_TEXT("\x48tag78901")), CEDE_BAD_ARGUMENT);
    assert_wiped(&pair.i.session);
}

static void ead_that_may_not_be_sent_is_refused(void **state)
{
    static struct pair pair;
    static const struct cede_edhoc_eads cases[] = {
        {.items = {{.label = 1}}, .count = CEDE_EDHOC_EAD_ITEMS_MAX + 1},
        {.items = {{.label = -1}}, .count = 1},
        {.items = {{.label = 0, .critical = true}}, .count = 1},
    };

    (void)state;
    for (size_t c = 0; c < COUNT(cases); c++) {
        pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, backend(0));
        pair.i.eads = cases[c];
        assert_int_equal(send_1(&pair), CEDE_BAD_ARGUMENT);
        assert_wiped(&pair.i.session);
    }
}

static void an_empty_credential_is_refused(void **state)
{
    static struct pair pair;

    (void)state;
    pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, backend(0));
    run_until_sent(&pair, 2);
    pair.r.credential.cred = CEDE_SPAN_NULL;
    assert_int_equal(take_2(&pair, sent(&pair, 2)), CEDE_BAD_ARGUMENT);
    assert_wiped(&pair.i.session);
    pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, backend(0));
    run_until_sent(&pair, 2);
    assert_int_equal(take_2(&pair, sent(&pair, 2)), CEDE_OK);
    pair.i.own.cred.len = 0;
    assert_int_equal(send_3(&pair), CEDE_BAD_ARGUMENT);
    assert_wiped(&pair.i.session);
}

/* Neither a point nor an x. */
static void a_static_key_of_the_wrong_length_is_refused(void **state)
{
    static struct pair pair;

    (void)state;
    pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, backend(0));
    run_until_sent(&pair, 2);
    pair.r.credential.public_key.point.len = 31;
    assert_int_equal(take_2(&pair, sent(&pair, 2)), CEDE_EDHOC_LENGTH);
    assert_wiped(&pair.i.session);
}

/* Two devices with the same broken generator would use one key pair. */
static void equal_ephemeral_keys_are_refused(void **state)
{
    static struct pair pair;

    (void)state;
    pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, backend(0));
    assert_int_equal(send_1(&pair), CEDE_OK);
    pair.r.port.ephemeral_private = cede_span(pair.i.session.ephemeral, 32);
    pair.r.port.ephemeral_public = cede_span(pair.i.session.point, 32);
    assert_int_equal(take_1(&pair, sent(&pair, 1)), CEDE_OK);
    assert_int_equal(send_2(&pair), CEDE_EDHOC_REFLECTED);
    assert_wiped(&pair.r.session);
}

/* More than a message may hold, though there is room for it. */
static void a_message_too_long_is_not_made(void **state)
{
    static uint8_t id_cred[CEDE_EDHOC_MESSAGE_LEN_MAX], memory[2 * CEDE_EDHOC_MESSAGE_LEN_MAX];
    static struct pair pair;
    struct cede_span message;

    (void)state;
    memcpy(id_cred, "\xa1\x18\x21\x59\x0f\xfa", 6); /* x5chain */
    pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, backend(0));
    run_until_sent(&pair, 1);
    assert_int_equal(take_1(&pair, sent(&pair, 1)), CEDE_OK);
    pair.r.own.id_cred = CEDE_SPAN_ARRAY(id_cred);
    assert_int_equal(cede_edhoc_compose_message_2(&pair.r.session, &pair.r.config,
                                                  CEDE_SPAN_ARRAY(c_r), &pair.r.own, NULL,
                                                  CEDE_BUF_ARRAY(memory), &message),
                     CEDE_NO_SPACE);
    assert_true(cede_span_is_null(message));
    assert_wiped(&pair.r.session);
}

static void y_may_be_kept_until_message_3(void **state)
{
    static struct pair pair;
    uint8_t zeros[32] = {0};

    (void)state;
    for (unsigned keep = 0; keep < 2; keep++) {
        pair_init(&pair, CEDE_EDHOC_SIGNATURE_SIGNATURE, &cede_edhoc_suite_2, backend(0));
        pair.r.config.keep_ephemeral = keep == 1;
        run_until_sent(&pair, 3);
        assert_int_equal(memcmp(pair.r.session.ephemeral, zeros, 32) != 0, keep == 1);
        assert_int_equal(take_3(&pair, sent(&pair, 3)), CEDE_OK);
        assert_memory_equal(pair.r.session.ephemeral, zeros, 32);
    }
}

static void exports_end_at_255_hashes(void **state)
{
    static struct pair pair;
    static uint8_t key[255 * 32 + 1];

    (void)state;
    pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, backend(0));
    run_until_sent(&pair, 3);
    assert_int_equal(cede_edhoc_export(&pair.i.session, &pair.i.config, 7, CEDE_SPAN_NULL,
                                       cede_buf(key, sizeof key - 1)),
                     CEDE_OK);
    assert_int_equal(
        cede_edhoc_export(&pair.i.session, &pair.i.config, 7, CEDE_SPAN_NULL, CEDE_BUF_ARRAY(key)),
        CEDE_BAD_ARGUMENT);
}

/* --- refusals of what is received ------------------------------------------------------------- */

/* Points whose secret is zero, and an x that no point has. */
static void bad_points_are_refused(void **state)
{
    static struct pair pair;
    static const struct {
        const struct cede_edhoc_suite *suite;
        const char *head;
        size_t head_len, len;
        uint8_t first, last;
        enum cede_status taken, answered;
    } cases[] = {
        {&cede_edhoc_suite_0, "\x03\x00\x58\x20", 4, 32, 0, 0, CEDE_OK, CEDE_CRYPTO_LOW_ORDER},
        {&cede_edhoc_suite_0, "\x03\x00\x58\x20", 4, 32, 1, 0, CEDE_OK, CEDE_CRYPTO_LOW_ORDER},
        {&cede_edhoc_suite_25, "\x03\x18\x19\x58\x38", 5, 56, 0, 0, CEDE_OK, CEDE_CRYPTO_LOW_ORDER},
        {&cede_edhoc_suite_2, "\x03\x02\x58\x20", 4, 32, 1, 9, CEDE_CRYPTO_KEY, CEDE_EDHOC_STATE},
    };

    (void)state;
    for (size_t c = 0; c < COUNT(cases); c++) {
        uint8_t message_1[80], point[56] = {0};
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(message_1));

        pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, cases[c].suite, backend(0));
        point[0] = cases[c].first;
        point[cases[c].len - 1] = cases[c].last;
        cede_write_bytes(&writer, cede_span((const uint8_t *)cases[c].head, cases[c].head_len));
        cede_write_bytes(&writer, cede_span(point, cases[c].len));
        cede_write_u8(&writer, 0x0e);
        assert_int_equal(take_1(&pair, cede_written(&writer)), cases[c].taken);
        assert_int_equal(send_2(&pair), cases[c].answered);
        assert_wiped(&pair.r.session);
    }
}

/* CBOR that says the same in other bytes. */
static void only_deterministic_messages_are_taken(void **state)
{
    static struct pair pair;
    static const struct {
        const char *before; /* of G_X */
        size_t before_len;
        const char *after;
        size_t after_len;
    } cases[] = {
        {"\x18\x03\x02\x58\x20", 5, "\x0e", 1},         /* METHOD in two bytes */
        {"\x03\x18\x02\x58\x20", 5, "\x0e", 1},         /* SUITES_I in two bytes */
        {"\x03\x81\x02\x58\x20", 5, "\x0e", 1},         /* one suite in an array */
        {"\x03\x9f\x03\x02\xff\x58\x20", 7, "\x0e", 1}, /* an array without length */
        {"\x03\x02\x59\x00\x20", 5, "\x0e", 1},         /* the length of G_X in three bytes */
        {"\x03\x02\x58\x20", 4, "\x41\x0e", 2},         /* C_I not as the integer it could be */
        {"\x03\x02\x58\x20", 4, "\x18\x18", 2},         /* an integer that is none of these */
        {"\x03\x02\x58\x20", 4, "\x5f\x41\x0e\xff", 4}, /* C_I in chunks */
        {"\x03\x02\x58\x20", 4, "\x0e\x18\x01", 3},     /* an EAD label in two bytes */
        {"\x03\x02\x58\x20", 4,
         "\x51"
         "17 bytes, one more",
         18}, /* C_I too long */
    };

    (void)state;
    for (size_t c = 0; c < COUNT(cases); c++) {
        uint8_t message_1[80];
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(message_1));

        pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, backend(0));
        cede_write_bytes(&writer, cede_span((const uint8_t *)cases[c].before, cases[c].before_len));
        cede_write_bytes(&writer, cede_span(pair.i.public_key, 32));
        cede_write_bytes(&writer, cede_span((const uint8_t *)cases[c].after, cases[c].after_len));
        assert_int_not_equal(take_1(&pair, cede_written(&writer)), CEDE_OK);
        assert_wiped(&pair.r.session);
    }
}

/* A byte string of nothing, in each message that is a byte string. */
static void empty_messages_are_refused(void **state)
{
    static struct pair pair;

    (void)state;
    for (size_t number = 2; number <= 4; number++) {
        pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, backend(0));
        run_until_sent(&pair, number);
        expect_refused(&pair, number, CEDE_SPAN_TEXT("\x40"));
    }
}

/* --- ways to name a credential ---------------------------------------------------------------- */

/* Each header parameter of RFC 9360, RFC 9528 and the C509 draft, and a kid of each shape. */
static void every_kind_of_id_cred_comes_across(void **state)
{
    static struct pair pair;
#define MAP(kind_, text_, sent_len_)                                                               \
    {                                                                                              \
        CEDE_EDHOC_ID_##kind_, (const uint8_t *)(text_), sizeof(text_) - 1, (sent_len_)            \
    }
    static const struct {
        enum cede_edhoc_id_kind kind;
        const uint8_t *map;
        size_t len;
        size_t sent_len;
    } cases[] = {
        MAP(KID, "\xa1\x04\x41\x17", 1),
        MAP(KID, "\xa1\x04\x41\x37", 1),
        MAP(KID, "\xa1\x04\x41\x18", 2),
        MAP(KID, "\xa1\x04\x41\xff", 2),
        MAP(KID, "\xa1\x04\x40", 1),
        MAP(KID, "\xa1\x04\x42\x01\x02", 3),
        MAP(KID, "\xa2\x04\x41\x01\x20\x01", 6), /* not alone: the map travels */
        MAP(KCWT, "\xa1\x0d\x84\x40\xa0\x40\x40", 7),
        MAP(KCCS, "\xa1\x0e\xa1\x02\x61s", 6),
        MAP(C5T, "\xa1\x16\x82\x2e\x41\x01", 6),
        MAP(C5U,
            "\xa1\x17\xd8\x20\x63"
            "a:b",
            8),
        MAP(C5C, "\xa1\x18\x19\x41\x01", 5),
        MAP(X5CHAIN, "\xa1\x18\x21\x82\x41\x01\x41\x02", 8),
        MAP(X5T, "\xa1\x18\x22\x82\x2e\x41\x01", 7),
        MAP(X5U,
            "\xa1\x18\x23\xd8\x20\x63"
            "a:b",
            9),
        MAP(OTHER, "\xa1\x18\x63\x01", 4),
    };
#undef MAP

    (void)state;
    for (size_t c = 0; c < COUNT(cases); c++) {
        for (unsigned method = 0; method <= 3; method += 3) {
            struct cede_span map = cede_span(cases[c].map, cases[c].len);

            pair_init(&pair, (enum cede_edhoc_method)method, &cede_edhoc_suite_2, backend(0));
            pair.i.own.id_cred = pair.r.own.id_cred = map;
            run_until_sent(&pair, 4);
            assert_int_equal(take_4(&pair, sent(&pair, 4)), CEDE_OK);
            assert_same_keys(&pair);
            assert_int_equal(pair.i.peer.id_cred.len, cases[c].sent_len);
            assert_int_equal(kind_of(pair.i.peer.id_cred), cases[c].kind);
            assert_int_equal(kind_of(pair.r.peer.id_cred), cases[c].kind);
        }
    }
}

/* The engine's own lengths are those of the algorithms. */
static void suites_know_their_lengths(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(replay_all_suites); i++) {
        const struct cede_edhoc_suite *suite = replay_all_suites[i];

        assert_int_equal(suite->key_len, cede_aead_key_len(suite->aead));
        assert_int_equal(suite->nonce_len, cede_aead_nonce_len(suite->aead));
        assert_int_equal(suite->hash_len, suite->number == 25 ? 64 : cede_hash_len(suite->hash));
        assert_int_equal(suite->coordinate_len, cede_curve_private_len(suite->curve));
        assert_int_equal(suite->public_len, cede_curve_public_len(suite->curve));
        assert_int_equal(suite->signature_len, cede_signature_len(suite->signature));
        assert_int_equal(suite->signature_curve, cede_signature_curve(suite->signature));
        assert_int_equal(suite->application_key_len, cede_aead_key_len(suite->application_aead));
        assert_int_equal(suite->mac_len, cede_aead_tag_len(suite->aead));
    }
}

static void error_codes_have_bounds(void **state)
{
    static const struct {
        const char *message;
        size_t len;
        enum cede_status status;
    } cases[] = {
        {"\x20\xf6", 2, CEDE_OK},
        {"\x3a\x7f\xff\xff\xff\xf6", 6, CEDE_OK},
        {"\x1a\x7f\xff\xff\xff\xf6", 6, CEDE_OK},
        {"\x3a\x80\x00\x00\x00\xf6", 6, CEDE_EDHOC_ERROR_CODE},
        {"\x1a\x80\x00\x00\x00\xf6", 6, CEDE_EDHOC_ERROR_CODE},
        {"\x00\xf6", 2, CEDE_EDHOC_ERROR_CODE},
    };
    struct cede_edhoc_error error;

    (void)state;
    for (size_t c = 0; c < COUNT(cases); c++) {
        struct cede_span message = cede_span((const uint8_t *)cases[c].message, cases[c].len);

        assert_true(cede_edhoc_is_error(message));
        assert_int_equal(cede_edhoc_process_error(message, &error), cases[c].status);
        assert_int_equal(error.code == 0, cases[c].status != CEDE_OK);
    }
    assert_false(cede_edhoc_is_error(CEDE_SPAN_TEXT("\x41\x01")));
    assert_false(cede_edhoc_is_error(CEDE_SPAN_NULL));
}

static void no_common_suite_is_none(void **state)
{
    static struct pair pair;
    struct cede_edhoc_error error = {.code = 2, .suites_r = {0, 24}, .suites_r_count = 2};
    int32_t suite = 7;

    (void)state;
    pair_init(&pair, CEDE_EDHOC_STATIC_DH_STATIC_DH, &cede_edhoc_suite_2, backend(0));
    assert_int_equal(cede_edhoc_select_suite(&pair.i.config, &error, 2, &suite),
                     CEDE_EDHOC_WRONG_SUITE);
    assert_int_equal(suite, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trace_1_in_both_roles),
        cmocka_unit_test(trace_2_in_both_roles),
        cmocka_unit_test(a_replay_notices_a_wrong_value),
        cmocka_unit_test(invalid_messages_are_refused),
        cmocka_unit_test(both_ends_agree),
        cmocka_unit_test(keys_come_with_message_3),
        cmocka_unit_test(x_alone_will_do_and_sessions_can_move),
        cmocka_unit_test(decrypts_in_place),
        cmocka_unit_test(no_bit_may_be_flipped),
        cmocka_unit_test(no_message_may_be_cut_or_extended),
        cmocka_unit_test(messages_out_of_order_are_refused),
        cmocka_unit_test(replays_change_nothing),
        cmocka_unit_test(steps_in_a_wrong_state_change_nothing),
        cmocka_unit_test(a_wrong_credential_is_refused),
        cmocka_unit_test(a_key_of_the_wrong_type_is_refused),
        cmocka_unit_test(reflections_are_refused),
        cmocka_unit_test(connection_identifiers_must_differ),
        cmocka_unit_test(a_whole_point_for_g_x_is_refused),
        cmocka_unit_test(connection_identifiers_come_across),
        cmocka_unit_test(suites_are_negotiated),
        cmocka_unit_test(only_the_first_common_suite_will_do),
        cmocka_unit_test(a_downgrade_is_noticed),
        cmocka_unit_test(methods_that_are_not_allowed_are_refused),
        cmocka_unit_test(error_messages_tell_the_kind_alone),
        cmocka_unit_test(malformed_error_messages_are_refused),
        cmocka_unit_test(ead_arrives),
        cmocka_unit_test(unknown_critical_ead_is_refused),
        cmocka_unit_test(ill_formed_ead_is_refused),
        cmocka_unit_test(padding_has_the_length_asked_for),
        cmocka_unit_test(identities_are_decoded),
        cmocka_unit_test(ill_formed_identities_are_refused),
        cmocka_unit_test(credential_forms_are_equal),
        cmocka_unit_test(short_buffers_are_refused),
        cmocka_unit_test(oversize_messages_are_refused),
        cmocka_unit_test(every_call_of_the_port_may_fail),
        cmocka_unit_test(every_call_of_an_export_may_fail),
        cmocka_unit_test(suite_25_needs_kmac),
        cmocka_unit_test(a_configuration_without_the_suite_is_refused),
        cmocka_unit_test(ead_that_may_not_be_sent_is_refused),
        cmocka_unit_test(an_empty_credential_is_refused),
        cmocka_unit_test(a_static_key_of_the_wrong_length_is_refused),
        cmocka_unit_test(equal_ephemeral_keys_are_refused),
        cmocka_unit_test(a_message_too_long_is_not_made),
        cmocka_unit_test(y_may_be_kept_until_message_3),
        cmocka_unit_test(exports_end_at_255_hashes),
        cmocka_unit_test(bad_points_are_refused),
        cmocka_unit_test(only_deterministic_messages_are_taken),
        cmocka_unit_test(empty_messages_are_refused),
        cmocka_unit_test(every_kind_of_id_cred_comes_across),
        cmocka_unit_test(suites_know_their_lengths),
        cmocka_unit_test(error_codes_have_bounds),
        cmocka_unit_test(no_common_suite_is_none),
        cmocka_unit_test(exported_keys_depend_on_label_and_context),
    };

    return cmocka_run_group_tests_name("edhoc", tests, NULL, NULL);
}
