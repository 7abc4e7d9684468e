/* SPDX-License-Identifier: Apache-2.0 */
/* device_parts_test.c - the parts of the device by themselves: records that are none, trust that is
 * judged and kept, images that are not written, channels and datagrams out of turn. */
#include "device_world.h"

#include "device/device_internal.h"

static int begin(void **state)
{
    (void)state;
    world_x509 = false;
    world_begin();
    return 0;
}

static int begin_x509(void **state)
{
    (void)state;
    world_x509 = true;
    world_begin();
    world_x509 = false;
    return 0;
}

static bool in_fallback(void)
{
    return state_now() == CEDE_DEVICE_FALLBACK;
}

static bool homing(void)
{
    return state_now() == CEDE_DEVICE_HOMING;
}

static bool joining(void)
{
    return state_now() == CEDE_DEVICE_JOINING;
}

/* --- records ---------------------------------------------------------------------------------- */

static const uint8_t key[KEY_LEN] = {7}, hash[CEDE_SHA256_LEN] = {8}, trust[] = {0x80},
                     some_order[] = {0xa0};

static struct cede_device_record record_in(enum cede_device_state state)
{
    return (struct cede_device_record){.state = state,
                                       .device_id = CEDE_SPAN_TEXT("d"),
                                       .factory_key = CEDE_SPAN_ARRAY(key),
                                       .factory_certificate = CEDE_SPAN_TEXT("f"),
                                       .controller_name = CEDE_SPAN_TEXT("SP1"),
                                       .controller_thumbprint = CEDE_SPAN_ARRAY(hash),
                                       .controller_certificate = CEDE_SPAN_TEXT("c"),
                                       .enroll_uri = CEDE_SPAN_TEXT("e"),
                                       .update_uri = CEDE_SPAN_TEXT("u"),
                                       .trust = CEDE_SPAN_ARRAY(trust)};
}

static enum cede_status decode_again(const struct cede_device_record *record)
{
    uint8_t memory[400];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
    struct cede_device_record read;
    enum cede_status status;

    OK(record_encode(&writer, record));
    status = record_decode(cede_written(&writer), &read);
    assert_int_equal(status == CEDE_OK, !cede_span_is_null(read.device_id));
    return status;
}

/* What a state needs, O an order, P a pending key, C a certificate, H the way home; and what it
 * must not have. */
static void test_a_record_has_what_its_state_needs_and_no_more(void **state)
{
    enum { O = 1, P = 2, C = 4, H = 8 };
    static const struct {
        enum cede_device_state state;
        unsigned needs, must_not;
    } rules[] = {
        {CEDE_DEVICE_FACTORY, 0, 0},     {CEDE_DEVICE_ENROLLING, P, 0},
        {CEDE_DEVICE_OPERATIONAL, C, 0}, {CEDE_DEVICE_ACCEPTED, O, 0},
        {CEDE_DEVICE_RESET, O, C},       {CEDE_DEVICE_ATTESTING, O, C},
        {CEDE_DEVICE_UPDATING, O, C},    {CEDE_DEVICE_JOINING, O | P, C},
        {CEDE_DEVICE_JOINED, O | C, 0},  {CEDE_DEVICE_FALLBACK, 0, 0},
        {CEDE_DEVICE_HOMING, H | P, C},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        for (unsigned has = 0; has < 16; has++) {
            struct cede_device_record record = record_in(rules[i].state);
            bool good = (has & rules[i].needs) == rules[i].needs && !(has & rules[i].must_not);

            record.order = has & O ? CEDE_SPAN_ARRAY(some_order) : CEDE_SPAN_NULL;
            record.pending_key = has & P ? CEDE_SPAN_ARRAY(key) : CEDE_SPAN_NULL;
            record.operational_key = has & C ? CEDE_SPAN_ARRAY(key) : CEDE_SPAN_NULL;
            record.operational_certificate = has & C ? CEDE_SPAN_TEXT("o") : CEDE_SPAN_NULL;
            record.home_uri = has & H ? CEDE_SPAN_TEXT("h") : CEDE_SPAN_NULL;
            assert_int_equal(decode_again(&record), good ? CEDE_OK : CEDE_DEVICE_RECORD);
        }
    }
}

static void test_a_record_with_one_field_wrong_is_none(void **state)
{
    struct cede_device_record record = record_in(CEDE_DEVICE_FACTORY);

    (void)state;
    assert_int_equal(decode_again(&record), CEDE_OK);
    record.factory_key.len--;
    assert_int_equal(decode_again(&record), CEDE_DEVICE_RECORD);
    record = record_in(CEDE_DEVICE_FACTORY);
    record.controller_thumbprint.len--;
    assert_int_equal(decode_again(&record), CEDE_DEVICE_RECORD);
    record = record_in((enum cede_device_state)CEDE_DEVICE_STATE_COUNT);
    assert_int_equal(decode_again(&record), CEDE_DEVICE_RECORD);
    record = record_in(CEDE_DEVICE_FACTORY);
    record.status_policy = CEDE_STATUS_POLICY_REQUIRE;
    assert_int_equal(decode_again(&record), CEDE_OK);
    record.status_policy = (enum cede_status_policy)3;
    assert_int_equal(decode_again(&record), CEDE_DEVICE_RECORD);
}

static void test_R1_no_other_than_a_record_is_committed(void **state)
{
    static uint8_t too_long[CEDE_DEVICE_RECORD_LEN_MAX];
    struct cede_device_record next = w.device.record;
    uint32_t commits = w.device.stats.commits;
    unsigned writes = w.writes;

    (void)state;
    next.state = CEDE_DEVICE_JOINED;
    assert_false(record_fits(&w.device, &next, 0));
    assert_int_equal(record_commit(&w.device, &next), CEDE_DEVICE_RECORD);
    next = w.device.record;
    next.trust = CEDE_SPAN_ARRAY(too_long);
    assert_false(record_fits(&w.device, &next, 0));
    assert_int_equal(record_commit(&w.device, &next), CEDE_NO_SPACE);
    assert_int_equal(w.device.stats.commits, commits);
    assert_int_equal(w.writes, writes);
    assert_int_equal(w.device.record.state, CEDE_DEVICE_FACTORY);
    next = w.device.record;
    next.seq = 5;
    OK(record_commit(&w.device, &next));
    assert_int_equal(w.device.record.seq, 5);
}

/* Memory that decays can leave a whole record that is none, as far as the journal knows. */
static void test_an_image_without_a_record_does_not_start(void **state)
{
    struct cede_device_config config = {.crypto = w.crypto, .flash = &w.port};
    struct cede_journal journal;

    (void)state;
    OK(cede_journal_format(&journal, &w.port, w.crypto));
    OK(cede_journal_commit(&journal, CEDE_SPAN_TEXT("no record")));
    assert_int_equal(cede_device_load(&w.device, &config, 0), CEDE_DEVICE_RECORD);
    assert_int_equal(cede_device_next(&w.device, 0).todo, CEDE_DEVICE_HALT);
}

/* --- images ----------------------------------------------------------------------------------- */

static struct cede_device_provision good_provision(void)
{
    return (struct cede_device_provision){
        .factory_key = CEDE_SPAN_ARRAY(w.factory.scalar),
        .factory_certificate = raw(&w.factory),
        .controller_certificate = raw(&w.servers[SP1].authority),
        .enroll_uri = CEDE_SPAN_TEXT("coap://ca.example/e/t"),
        .update_uri = CEDE_SPAN_TEXT("coap://sp.example"),
    };
}

static void assert_not_provisioned(const struct cede_device_provision *provision,
                                   enum cede_status status)
{
    unsigned writes = w.writes;

    assert_int_equal(cede_device_image_create(w.crypto, &w.port, provision), status);
    assert_int_equal(w.writes, writes);
}

static void test_no_image_with_one_part_wrong(void **state)
{
    static const char name[] = "a device whose name is too long for an identifier";
    static uint8_t long_uri[CEDE_DEVICE_RECORD_LEN_MAX];
    struct cede_device_provision provision = good_provision();
    uint8_t scalar[48], point[96], other[600];
    struct cede_public_key p384 = {CEDE_CRV_P384, CEDE_SPAN_ARRAY(point)};
    struct cede_public_key p256 = {CEDE_CRV_P256, CEDE_SPAN_ARRAY(w.factory.point)};
    struct cede_trust_entry entry = {128, raw(&w.servers[CA1].authority)};

    (void)state;
    OK(cede_device_image_create(w.crypto, &w.port, &provision));
    provision.status_policy = (enum cede_status_policy)3;
    assert_not_provisioned(&provision, CEDE_DEVICE_PROVISION);
    provision = good_provision();
    provision.trust = &entry;
    provision.trust_count = 1;
    assert_not_provisioned(&provision, CEDE_DEVICE_PROVISION);

    OK(w.crypto->generate(w.crypto->context, CEDE_CRV_P384, scalar, point));
    provision = good_provision();
    provision.factory_certificate =
        cede_span(other, issue(CEDE_SPAN_TEXT(DEVICE_ID), CEDE_SPAN_TEXT("root"), p384,
                               &w.factory_ca, false, 0, CEDE_BUF_ARRAY(other)));
    assert_not_provisioned(&provision, CEDE_DEVICE_PROVISION);
    provision = good_provision();
    provision.controller_certificate =
        cede_span(other, issue(CEDE_SPAN_TEXT("SP1"), CEDE_SPAN_TEXT("SP1"), p384, &w.factory_ca,
                               true, 0, CEDE_BUF_ARRAY(other)));
    assert_not_provisioned(&provision, CEDE_DEVICE_PROVISION);
    provision = good_provision();
    provision.factory_certificate =
        cede_span(other, issue(cede_span_string(name), CEDE_SPAN_TEXT("root"), p256, &w.factory_ca,
                               false, 0, CEDE_BUF_ARRAY(other)));
    assert_not_provisioned(&provision, CEDE_DEVICE_PROVISION);

    memset(long_uri, 'a', sizeof long_uri);
    for (size_t i = 8; i < sizeof long_uri; i += 100) {
        long_uri[i] = '/';
    }
    memcpy(long_uri, "coap://h", 8);
    provision = good_provision();
    provision.enroll_uri = CEDE_SPAN_ARRAY(long_uri);
    assert_not_provisioned(&provision, CEDE_NO_SPACE);
}

/* --- who is trusted --------------------------------------------------------------------------- */

struct shape {
    uint64_t not_before, not_after;
    bool has_key_usage;
    uint16_t key_usage;
    uint32_t eku;
};

static const struct shape good_shape = {EPOCH - 1000, EPOCH + 1000000, true,
                                        CEDE_KU_DIGITAL_SIGNATURE, CEDE_EKU_SERVER_AUTH};

/* SP1's update server, with a certificate of that shape. */
static enum cede_status judged(const struct shape *shape)
{
    struct cede_certificate_info info = {.serial = CEDE_SPAN_TEXT("\x41"),
                                         .issuer = {CEDE_NAME_TEXT, CEDE_SPAN_TEXT("SP1")},
                                         .subject = {CEDE_NAME_TEXT, CEDE_SPAN_TEXT("SP1")},
                                         .not_before = shape->not_before,
                                         .not_after = shape->not_after,
                                         .path_len = CEDE_PATH_LEN_NONE,
                                         .key_usage = shape->has_key_usage ? shape->key_usage : 0,
                                         .eku = shape->eku};
    struct cede_private_key by = private_key(&w.servers[SP1].authority);
    uint8_t memory[600], scratch[1600];
    struct cede_certificate certificate;
    struct cede_span encoding;

    info.public_key =
        (struct cede_public_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(w.servers[SP1].own.point)};
    OK(cede_certificate_issue(CEDE_CERTIFICATE_C509_NATIVE, w.crypto, &info, &by,
                              CEDE_BUF_ARRAY(scratch), CEDE_BUF_ARRAY(memory), &encoding));
    OK(cede_certificate_decode(encoding, w.crypto, &certificate));
    assert_int_equal(certificate.ext.has_key_usage, shape->has_key_usage);
    return trust_judge(&w.device, ROLE_CONTROLLER, &certificate, 1);
}

static void test_an_update_server_is_judged_by_its_certificate(void **state)
{
    struct shape shape = good_shape;

    (void)state;
    assert_int_equal(judged(&shape), CEDE_OK);
    shape.has_key_usage = false; /* says nothing, so it may sign */
    assert_int_equal(judged(&shape), CEDE_OK);
    shape = good_shape;
    shape.key_usage = CEDE_KU_KEY_AGREEMENT;
    assert_int_equal(judged(&shape), CEDE_DEVICE_SERVER);
    shape = good_shape;
    shape.eku = CEDE_EKU_CLIENT_AUTH;
    assert_int_equal(judged(&shape), CEDE_DEVICE_SERVER);
    shape = good_shape;
    shape.not_before = EPOCH + 100;
    assert_int_equal(judged(&shape), CEDE_CERTIFICATE_NOT_YET);
    shape = good_shape;
    shape.not_after = EPOCH - 100;
    assert_int_equal(judged(&shape), CEDE_CERTIFICATE_EXPIRED);
    w.has_clock = false; /* then no time can be told from another */
    assert_int_equal(judged(&shape), CEDE_OK);
}

static struct cede_span encode_trust(const struct cede_trust_entry *entries, size_t count)
{
    static uint8_t memory[2000];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));

    cede_trust_list_encode(&writer, entries, count);
    assert_false(cede_span_is_null(cede_written(&writer)));
    return cede_written(&writer);
}

static void assert_kept(const struct trust_builder *kept, const char *certificates)
{
    size_t count = strlen(certificates);

    assert_int_equal(kept->count, count);
    assert_false(kept->full);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(kept->entries[i].certificate.ptr[0], certificates[i]);
    }
}

static void test_R2_what_stays_through_the_reset(void **state)
{
    struct cede_trust_entry entries[] = {
        {CEDE_PURPOSE_ENROL, CEDE_SPAN_TEXT("a")},
        {CEDE_PURPOSE_KNOWN, CEDE_SPAN_TEXT("b")},
        {CEDE_PURPOSE_KNOWN | CEDE_PURPOSE_SURVIVES, CEDE_SPAN_TEXT("c")},
        {CEDE_PURPOSE_UPDATE, CEDE_SPAN_TEXT("d")},
        {CEDE_PURPOSE_CONTROL | PURPOSE_PENDING, CEDE_SPAN_TEXT("e")},
    };
    struct trust_builder kept = {.count = 0};

    (void)state;
    trust_keep_for_reset(encode_trust(entries, 5), &kept);
    assert_kept(&kept, "ace");
}

static void test_what_goes_home(void **state)
{
    struct cede_trust_entry entries[] = {
        {CEDE_PURPOSE_ENROL, CEDE_SPAN_TEXT("a")},
        {CEDE_PURPOSE_ENROL | PURPOSE_PENDING, CEDE_SPAN_TEXT("b")},
    };
    struct trust_builder without = {.count = 0}, with = {.count = 0};

    (void)state;
    trust_keep_for_home(encode_trust(entries, 2), false, &without);
    assert_kept(&without, "a");
    trust_keep_for_home(encode_trust(entries, 2), true, &with);
    assert_kept(&with, "ab");
    assert_int_equal(with.entries[1].purposes, CEDE_PURPOSE_ENROL); /* no longer waiting */
}

/* The owner stays only where the factory pinned it for good; who came by the hand-over does not. */
static void test_R14_what_stays_at_the_commit(void **state)
{
    struct cede_trust_entry entries[] = {
        {CEDE_PURPOSE_OWNER | CEDE_PURPOSE_SURVIVES, CEDE_SPAN_TEXT("a")},
        {CEDE_PURPOSE_OWNER, CEDE_SPAN_TEXT("b")},
        {CEDE_PURPOSE_OWNER | CEDE_PURPOSE_SURVIVES | PURPOSE_PENDING, CEDE_SPAN_TEXT("c")},
        {CEDE_PURPOSE_KNOWN | CEDE_PURPOSE_SURVIVES, CEDE_SPAN_TEXT("d")},
        {CEDE_PURPOSE_KNOWN | PURPOSE_PENDING, CEDE_SPAN_TEXT("e")},
        {CEDE_PURPOSE_KNOWN, CEDE_SPAN_TEXT("f")},
        {CEDE_PURPOSE_ENROL | PURPOSE_PENDING, CEDE_SPAN_TEXT("g")}, /* certified nobody here */
        {CEDE_PURPOSE_CONTROL | PURPOSE_PENDING, CEDE_SPAN_TEXT("h")},
    };
    struct trust_builder kept = {.count = 0};

    (void)state;
    assert_true(run_until(operational_sp1, 600));
    w.device.record.trust = encode_trust(entries, 8);
    trust_keep_for_commit(&w.device, &kept);
    assert_kept(&kept, "ade");
    assert_int_equal(kept.entries[0].purposes, CEDE_PURPOSE_OWNER | CEDE_PURPOSE_SURVIVES);
    assert_int_equal(kept.entries[1].purposes, CEDE_PURPOSE_KNOWN | CEDE_PURPOSE_SURVIVES);
    assert_int_equal(kept.entries[2].purposes, CEDE_PURPOSE_KNOWN);
}

/* An entry that is no certificate stands in nobody's way, and ends no path. */
static void test_an_anchor_that_is_none_is_passed_over(void **state)
{
    struct cede_trust_entry entries[] = {
        {CEDE_PURPOSE_ENROL, CEDE_SPAN_TEXT("no certificate")},
        {CEDE_PURPOSE_KNOWN, raw(&w.servers[CA1].authority)},
        {CEDE_PURPOSE_KNOWN, CEDE_SPAN_TEXT("none, too")},
        {CEDE_PURPOSE_ENROL, raw(&w.servers[CA1].authority)},
    };
    struct cede_certificate server, anchor;

    (void)state;
    OK(cede_certificate_decode(raw(&w.servers[CA1].own), w.crypto, &server));
    w.device.record.trust = encode_trust(entries, 3);
    assert_false(trust_ends_path(&w.device, ROLE_ENROLMENT, &entries[0], &anchor));
    assert_false(trust_ends_path(&w.device, ROLE_ENROLMENT, &entries[1], &anchor));
    assert_int_equal(trust_judge(&w.device, ROLE_ENROLMENT, &server, 1),
                     CEDE_CERTIFICATE_UNTRUSTED);
    assert_false(trust_holds_server(&w.device, ROLE_ENROLMENT));
    w.device.record.trust = encode_trust(entries, 4);
    assert_int_equal(trust_judge(&w.device, ROLE_ENROLMENT, &server, 1), CEDE_OK);
}

/* The issuer may come with the server's certificate, or be held; another one proves nothing. */
static void test_a_status_proof_by_whoever_issued_the_certificate(void **state)
{
    struct cede_status_proof good = {.this_update = EPOCH, .lifetime = 3600};
    struct cede_trust_entry other = {CEDE_PURPOSE_ENROL, raw(&w.servers[CA2].authority)};
    struct cede_private_key by = private_key(&w.servers[CA1].authority);
    struct cede_certificate chain[2], wrong[2];
    uint8_t memory[CEDE_STATUS_PROOF_LEN_MAX];
    struct cede_span proof;

    (void)state;
    OK(cede_certificate_decode(raw(&w.servers[CA1].own), w.crypto, &chain[0]));
    OK(cede_certificate_decode(raw(&w.servers[CA1].authority), w.crypto, &chain[1]));
    wrong[0] = chain[0];
    OK(cede_certificate_decode(raw(&w.servers[CA2].authority), w.crypto, &wrong[1]));
    OK(cede_status_proof_sign(w.crypto, &by, chain[0].raw, &good, CEDE_BUF_ARRAY(memory), &proof));
    w.device.record.status_policy = CEDE_STATUS_POLICY_REQUIRE;
    OK(trust_check_status(&w.device, ROLE_ENROLMENT, chain, 2, proof));
    OK(trust_check_status(&w.device, ROLE_ENROLMENT, chain, 1, proof)); /* held */
    OK(trust_check_status(&w.device, ROLE_ENROLMENT, wrong, 2, proof)); /* held */
    w.device.record.trust = encode_trust(&other, 1);
    OK(trust_check_status(&w.device, ROLE_ENROLMENT, chain, 2, proof));
    assert_int_equal(trust_check_status(&w.device, ROLE_ENROLMENT, chain, 1, proof),
                     CEDE_STATUS_SIGNATURE);
    assert_int_equal(trust_check_status(&w.device, ROLE_ENROLMENT, wrong, 2, proof),
                     CEDE_STATUS_SIGNATURE);
    assert_int_equal(trust_check_status(&w.device, ROLE_CONTROLLER, chain, 1, proof),
                     CEDE_STATUS_SIGNATURE);
}

/* --- channels --------------------------------------------------------------------------------- */

static void test_where_a_device_can_go(void **state)
{
    struct cede_span coaps = CEDE_SPAN_TEXT("coaps://h/e");

    (void)state;
    assert_int_equal(channel_check_uri(&w.device, CEDE_SPAN_TEXT("http://h")), CEDE_COAP_URI);
    assert_false(channel_is_wanted(CEDE_SPAN_TEXT("http://h")));
    OK(channel_check_uri(&w.device, CEDE_SPAN_TEXT("coap://h")));
    assert_true(channel_is_wanted(coaps));
    OK(channel_check_uri(&w.device, coaps));
    w.device.record.status_policy = CEDE_STATUS_POLICY_REQUIRE; /* DTLS carries no proof */
    assert_int_equal(channel_check_uri(&w.device, coaps), CEDE_DEVICE_PROFILE);
    w.device.record.status_policy = CEDE_STATUS_POLICY_PREFER;
    OK(channel_check_uri(&w.device, coaps));
    w.device.record.factory_certificate = raw(&w.servers[SP1].own);
    OK(channel_check_uri(&w.device, coaps));
    w.device.record.factory_certificate = CEDE_SPAN_TEXT("\x8b"); /* a C509 certificate */
    assert_int_equal(channel_check_uri(&w.device, coaps), CEDE_DEVICE_PROFILE);
    w.device.record.factory_certificate = CEDE_SPAN_TEXT("");
    assert_int_equal(channel_check_uri(&w.device, coaps), CEDE_DEVICE_PROFILE);
    w.device.record.factory_certificate = raw(&w.servers[SP1].own);
    w.device.config.has_channel = false;
    assert_int_equal(channel_check_uri(&w.device, coaps), CEDE_DEVICE_PROFILE);
}

static bool wants_channel(void)
{
    return w.device.exchange_state == CEDE_DEVICE_WAIT_CHANNEL;
}

static bool waits_for_answer(void)
{
    return w.device.exchange_state == CEDE_DEVICE_WAIT_RESPONSE;
}

static void test_a_channel_nobody_asked_for_is_none(void **state)
{
    struct cede_span chain = raw(&w.servers[CA1].own);

    (void)state;
    assert_int_equal(cede_device_channel_judge(&w.device, &chain, 1), CEDE_DEVICE_SERVER);
    cede_device_channel_opened(&w.device, w.now_ms);
    cede_device_channel_receive(&w.device, CEDE_SPAN_TEXT("x"), w.now_ms);
    cede_device_channel_closed(&w.device, w.now_ms);
    assert_false(w.device.has_channel || w.device.channel_is_live);
    assert_true(run_until(operational_sp1, 600));
    /* Open, but idle: nothing is awaited. */
    assert_true(w.device.has_channel);
    cede_device_channel_receive(&w.device, CEDE_SPAN_TEXT("x"), w.now_ms);
    cede_device_receive(&w.device, CEDE_SPAN_TEXT("x"), w.now_ms);
    assert_int_equal(cede_device_channel_judge(&w.device, &chain, 1), CEDE_DEVICE_SERVER);
    assert_true(w.device.has_channel);
}

static void test_a_halted_device_hears_no_channel(void **state)
{
    struct cede_span chain = raw(&w.servers[CA1].own);
    struct cede_device_action action;

    (void)state;
    do {
        action = cede_device_next(&w.device, w.now_ms);
    } while (action.todo != CEDE_DEVICE_OPEN);
    assert_true(wants_channel());
    OK(cede_device_channel_judge(&w.device, &chain, 1));
    w.device.halted = CEDE_INTERNAL;
    assert_int_equal(cede_device_channel_judge(&w.device, &chain, 1), CEDE_DEVICE_SERVER);
    cede_device_channel_opened(&w.device, w.now_ms);
    assert_false(w.device.has_channel);
    cede_device_channel_closed(&w.device, w.now_ms);
    w.device.halted = CEDE_OK;
    cede_device_channel_opened(&w.device, w.now_ms);
    assert_true(w.device.has_channel && waits_for_answer());
    w.device.halted = CEDE_INTERNAL;
    cede_device_channel_receive(&w.device, CEDE_SPAN_TEXT("x"), w.now_ms);
    assert_int_equal(cede_device_next(&w.device, w.now_ms).reason, CEDE_INTERNAL);
}

/* A state without requests has no server: nobody is good enough. */
static void test_a_state_without_requests_makes_none(void **state)
{
    struct cede_span chain = raw(&w.servers[CA1].own);
    struct cede_device_action action;
    struct plan plan;

    (void)state;
    do {
        action = cede_device_next(&w.device, w.now_ms);
    } while (action.todo != CEDE_DEVICE_OPEN);
    w.device.record.state = CEDE_DEVICE_FACTORY;
    assert_int_equal(device_plan(&w.device, &plan), CEDE_INTERNAL);
    assert_int_equal(cede_device_channel_judge(&w.device, &chain, 1), CEDE_INTERNAL);
    assert_false(w.device.channel_is_judged);
    w.device.to_open = true;
    action = cede_device_next(&w.device, w.now_ms);
    assert_int_equal(action.todo, CEDE_DEVICE_OPEN);
    assert_true(cede_span_is_null(action.host));
    w.device.channel_is_judged = true;
    cede_device_channel_opened(&w.device, w.now_ms);
    assert_false(w.device.has_channel);
    assert_int_equal(w.device.exchange_state, CEDE_DEVICE_IDLE);
    session_start(&w.device);
    assert_int_equal(w.device.exchange_state, CEDE_DEVICE_IDLE);
    assert_true(w.device.resume_at_ms > w.device.now_ms);
}

static void test_a_channel_leads_only_to_coaps(void **state)
{
    struct plan plan = {.uri = CEDE_SPAN_TEXT("http://h")};
    uint8_t memory[100];
    struct cede_span request;

    (void)state;
    assert_int_equal(channel_open(&w.device, &plan), CEDE_COAP_URI);
    assert_false(w.device.to_open);
    assert_int_equal(session_compose(&w.device, &plan, CEDE_BUF_ARRAY(memory), &request),
                     CEDE_COAP_URI);
}

/* --- datagrams out of turn --------------------------------------------------------------------
 */

/* What anyone on the way may write: an unprotected answer to what the device sent last. */
static void spoof(uint8_t code, struct cede_span echo, struct cede_span payload)
{
    uint8_t memory[1500];
    struct cede_coap_message sent;
    struct cede_coap_encoder encoder;
    struct cede_span datagram;

    OK(cede_coap_decode(cede_span(w.device.datagram, w.device.datagram_len), &sent));
    encoder = cede_coap_begin_response(CEDE_BUF_ARRAY(memory), &sent, code, 1);
    if (echo.ptr != NULL) {
        cede_coap_put_option(&encoder, CEDE_COAP_ECHO, echo);
    }
    if (payload.ptr != NULL) {
        cede_coap_put_payload(&encoder, payload);
    }
    OK(cede_coap_finish(&encoder, &datagram));
    cede_device_receive(&w.device, datagram, w.now_ms);
}

static void send_message_1(void)
{
    struct cede_device_action action;

    do {
        action = cede_device_next(&w.device, w.now_ms);
        w.now_ms = action.todo == CEDE_DEVICE_WAIT ? action.until_ms : w.now_ms;
    } while (action.todo != CEDE_DEVICE_SEND ||
             w.device.exchange_state != CEDE_DEVICE_WAIT_MESSAGE_2);
}

static struct cede_span edhoc_error_text(enum cede_status status)
{
    static uint8_t memory[CEDE_EDHOC_ERROR_LEN_MAX];
    struct cede_edhoc_config config = world_edhoc();
    struct cede_span message;

    OK(cede_edhoc_compose_error(&config, status, CEDE_BUF_ARRAY(memory), &message));
    return message;
}

/* Whatever stands in for message_2, the attempt fails, and the next one succeeds. */
static void test_R8_no_answer_of_anyone_to_message_1_is_believed(void **state)
{
    static const uint8_t echo[41] = {1};
    const struct {
        uint8_t code;
        struct cede_span echo, payload;
    } answers[] = {
        {CEDE_COAP_UNAUTHORIZED, CEDE_SPAN_NULL, CEDE_SPAN_NULL},
        {CEDE_COAP_UNAUTHORIZED, CEDE_SPAN_ARRAY(echo), CEDE_SPAN_NULL},
        {CEDE_COAP_BAD_REQUEST, CEDE_SPAN_NULL, CEDE_SPAN_TEXT("x")},
        {CEDE_COAP_CHANGED, CEDE_SPAN_NULL, edhoc_error_text(CEDE_EDHOC_UNKNOWN_CREDENTIAL)},
        {CEDE_COAP_CHANGED, CEDE_SPAN_NULL, CEDE_SPAN_TEXT("x")},
        {CEDE_COAP_CHANGED, CEDE_SPAN_NULL, CEDE_SPAN_NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        uint32_t failures;

        send_message_1();
        failures = w.device.stats.failures;
        spoof(answers[i].code, answers[i].echo, answers[i].payload);
        assert_int_equal(w.device.stats.failures, failures + 1);
        assert_int_equal(state_now(), CEDE_DEVICE_ENROLLING);
        assert_int_equal(w.device.halted, CEDE_OK);
    }
    assert_true(run_until(operational_sp1, 600));
}

/* To a protected request: one new session at most, and no more than one certificate by value. */
static void test_R8_unprotected_errors_make_one_new_session_at_most(void **state)
{
    const struct cede_span payloads[] = {CEDE_SPAN_TEXT("x"), CEDE_SPAN_NULL,
                                         edhoc_error_text(CEDE_EDHOC_STATE),
                                         edhoc_error_text(CEDE_EDHOC_UNKNOWN_CREDENTIAL),
                                         edhoc_error_text(CEDE_EDHOC_UNKNOWN_CREDENTIAL)};

    (void)state;
    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
        struct cede_device_action action;
        uint32_t failures = w.device.stats.failures;

        while (!waits_for_answer()) { /* message_3 is on its way */
            step();
        }
        action = cede_device_next(&w.device, w.now_ms);
        assert_int_equal(action.todo, CEDE_DEVICE_SEND);
        spoof(CEDE_COAP_BAD_REQUEST, CEDE_SPAN_NULL, payloads[i]);
        assert_int_equal(w.device.by_value, i >= 3);
        assert_int_equal(w.device.stats.failures, failures + (i != 3));
        assert_int_equal(state_now(), CEDE_DEVICE_ENROLLING);
    }
    assert_true(run_until(operational_sp1, 600));
}

static void test_a_datagram_longer_than_any_is_not_looked_at(void **state)
{
    static const uint8_t endless[CEDE_DEVICE_DATAGRAM_LEN + 1] = {0x60};

    (void)state;
    send_message_1();
    cede_device_receive(&w.device, CEDE_SPAN_ARRAY(endless), w.now_ms);
    assert_int_equal(w.device.exchange_state, CEDE_DEVICE_WAIT_MESSAGE_2);
    assert_int_equal(w.device.stats.failures, 0);
}

/* A platform may have its own CoAP parameters. */
static void test_the_platforms_parameters_are_used(void **state)
{
    struct cede_coap_params params = cede_coap_default_params;
    struct cede_device_action action;

    (void)state;
    params.ack_timeout_ms = 100000;
    w.device.config.coap = &params;
    send_message_1();
    action = cede_device_next(&w.device, w.now_ms);
    assert_int_equal(action.todo, CEDE_DEVICE_WAIT);
    assert_true(action.until_ms >= w.now_ms + 100000);
}

static void test_a_device_at_work_is_not_woken(void **state)
{
    uint64_t resume_at_ms;

    (void)state;
    send_message_1();
    resume_at_ms = w.device.resume_at_ms;
    cede_device_wake(&w.device, w.now_ms + 5);
    assert_int_equal(w.device.resume_at_ms, resume_at_ms);
    assert_int_equal(w.device.exchange_state, CEDE_DEVICE_WAIT_MESSAGE_2);
}

/* --- the life --------------------------------------------------------------------------------- */

/* Without clock and without a word of the order, the device's own patience counts. */
static void test_R8_patience_ends_where_the_order_says_nothing(void **state)
{
    uint64_t began_ms;

    (void)state;
    w.has_clock = false;
    w.servers[CA2].dead = true;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    assert_true(run_until(joining, 600));
    began_ms = w.now_ms;
    assert_true(run_until(in_fallback, 100ull * 3600));
    assert_true(w.now_ms - began_ms >= 72ull * 3600 * 1000);
    assert_int_equal(w.device.record.reason, CEDE_DEVICE_PATIENCE);
}

static void test_a_flash_that_dies_while_patience_is_counted_halts(void **state)
{
    (void)state;
    w.has_clock = false;
    w.servers[CA2].dead = true;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    assert_true(run_until(joining, 600));
    w.cut_at = w.writes + 1;
    device_failed(&w.device, CEDE_COAP_TIMEOUT);
    assert_int_equal(cede_device_next(&w.device, w.now_ms).reason, CEDE_JOURNAL_FLASH);
    restart();
    assert_int_equal(state_now(), CEDE_DEVICE_JOINING);
    w.device.now_ms = w.now_ms;
    w.cut_at = w.writes + 1;
    life_stalled(&w.device, 60);
    assert_int_equal(cede_device_next(&w.device, w.now_ms).reason, CEDE_JOURNAL_FLASH);
}

/* The CA at home is away: the provider is asked again. */
static void test_the_way_home_is_given_up_and_asked_for_again(void **state)
{
    (void)state;
    w.servers[CA2].refuses = true;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    w.servers[CA1].dead = true;
    assert_true(run_until(homing, 3600));
    assert_true(run_until(in_fallback, 24ull * 3600));
    assert_true(cede_span_is_null(w.device.record.home_uri));
    assert_true(cede_span_is_null(w.device.record.pending_key));
    w.servers[CA1].dead = false;
    assert_true(run_until(operational_sp1, 48ull * 3600));
    assert_true(w.returned);
}

/* The one more try of a device in fallback: refused, it is in fallback again, for the old reason.
 */
static void test_a_refused_second_try_is_over_at_once(void **state)
{
    uint64_t reason;

    (void)state;
    w.servers[CA2].refuses = true;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    assert_true(run_until(in_fallback, 600));
    reason = w.device.record.reason;
    assert_true(reason != 0);
    w.servers[SP1].dead = true;
    assert_true(run_until(joining, 24ull * 3600));
    assert_int_equal(w.device.record.reason, reason);
    life_refused(&w.device, CEDE_DEVICE_REFUSED);
    assert_int_equal(state_now(), CEDE_DEVICE_FALLBACK);
    assert_int_equal(w.device.record.reason, reason);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_record_has_what_its_state_needs_and_no_more, begin),
        cmocka_unit_test_setup(test_a_record_with_one_field_wrong_is_none, begin),
        cmocka_unit_test_setup(test_R1_no_other_than_a_record_is_committed, begin),
        cmocka_unit_test_setup(test_an_image_without_a_record_does_not_start, begin),
        cmocka_unit_test_setup(test_no_image_with_one_part_wrong, begin),
        cmocka_unit_test_setup(test_an_update_server_is_judged_by_its_certificate, begin),
        cmocka_unit_test_setup(test_R2_what_stays_through_the_reset, begin),
        cmocka_unit_test_setup(test_what_goes_home, begin),
        cmocka_unit_test_setup(test_R14_what_stays_at_the_commit, begin),
        cmocka_unit_test_setup(test_an_anchor_that_is_none_is_passed_over, begin),
        cmocka_unit_test_setup(test_a_status_proof_by_whoever_issued_the_certificate, begin),
        cmocka_unit_test_setup(test_where_a_device_can_go, begin_x509),
        cmocka_unit_test_setup(test_a_channel_nobody_asked_for_is_none, begin_x509),
        cmocka_unit_test_setup(test_a_halted_device_hears_no_channel, begin_x509),
        cmocka_unit_test_setup(test_a_state_without_requests_makes_none, begin_x509),
        cmocka_unit_test_setup(test_a_channel_leads_only_to_coaps, begin_x509),
        cmocka_unit_test_setup(test_R8_no_answer_of_anyone_to_message_1_is_believed, begin),
        cmocka_unit_test_setup(test_R8_unprotected_errors_make_one_new_session_at_most, begin),
        cmocka_unit_test_setup(test_a_datagram_longer_than_any_is_not_looked_at, begin),
        cmocka_unit_test_setup(test_the_platforms_parameters_are_used, begin),
        cmocka_unit_test_setup(test_a_device_at_work_is_not_woken, begin),
        cmocka_unit_test_setup(test_R8_patience_ends_where_the_order_says_nothing, begin),
        cmocka_unit_test_setup(test_a_flash_that_dies_while_patience_is_counted_halts, begin),
        cmocka_unit_test_setup(test_the_way_home_is_given_up_and_asked_for_again, begin),
        cmocka_unit_test_setup(test_a_refused_second_try_is_over_at_once, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
