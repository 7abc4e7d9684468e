/* SPDX-License-Identifier: Apache-2.0 */
/* device_test.c - the record, provisioning, loading, and the transition table as a diagram. Whole
 * lives are in exchange/life_cycle_test.c. */
#include "device_world.h"

#include "device/device_internal.h"

static struct cede_device_provision provision(struct cede_trust_entry *trust, size_t trust_count)
{
    struct cede_device_provision p = {.factory_key = CEDE_SPAN_ARRAY(w.factory.scalar),
                                      .factory_certificate = raw(&w.factory),
                                      .controller_certificate = raw(&w.servers[SP1].authority),
                                      .enroll_uri = CEDE_SPAN_TEXT("coap://ca.example/e/t"),
                                      .update_uri = CEDE_SPAN_TEXT("coap://[2001:db8::1]:1002"),
                                      .trust = trust,
                                      .trust_count = trust_count};
    return p;
}

static int begin(void **state)
{
    (void)state;
    world_begin();
    return 0;
}

static void test_provision_and_load(void **state)
{
    struct cede_trust_entry trust = {CEDE_PURPOSE_ENROL | CEDE_PURPOSE_SURVIVES,
                                     raw(&w.servers[CA1].authority)};
    struct cede_device_provision p = provision(&trust, 1);
    const struct cede_device_record *record;

    (void)state;
    p.seq = 41;
    OK(cede_device_image_create(w.crypto, &w.port, &p));
    restart();
    record = cede_device_record(&w.device);
    assert_int_equal(record->state, CEDE_DEVICE_FACTORY);
    assert_int_equal(record->seq, 41);
    assert_true(cede_span_equal(record->device_id, CEDE_SPAN_TEXT(DEVICE_ID)));
    assert_true(cede_span_equal(record->factory_certificate, raw(&w.factory)));
    assert_true(cede_span_equal(record->controller_name, CEDE_SPAN_TEXT("SP1")));
    assert_true(cede_span_equal(record->update_uri, p.update_uri));
    assert_int_equal(record->poll_s, 3600);
    assert_int_equal(record->retry_ms, 2000);
    assert_true(cede_span_is_null(record->operational_key));
}

static void test_provision_refusals(void **state)
{
    struct cede_trust_entry many[CEDE_DEVICE_TRUST_MAX + 1];
    struct cede_device_provision p = provision(NULL, 0);

    (void)state;
    OK(cede_device_image_create(w.crypto, &w.port, &p));
    p.factory_key = CEDE_SPAN_ARRAY(w.servers[CA1].own.scalar); /* of somebody else */
    assert_int_equal(cede_device_image_create(w.crypto, &w.port, &p), CEDE_DEVICE_PROVISION);
    p = provision(NULL, 0);
    p.factory_key.len = 31;
    assert_int_equal(cede_device_image_create(w.crypto, &w.port, &p), CEDE_DEVICE_PROVISION);
    p = provision(NULL, 0);
    p.enroll_uri = CEDE_SPAN_TEXT("http://ca");
    assert_int_equal(cede_device_image_create(w.crypto, &w.port, &p), CEDE_DEVICE_PROVISION);
    p = provision(NULL, 0);
    p.update_uri = CEDE_SPAN_NULL;
    assert_int_equal(cede_device_image_create(w.crypto, &w.port, &p), CEDE_DEVICE_PROVISION);
    for (size_t i = 0; i <= CEDE_DEVICE_TRUST_MAX; i++) {
        many[i] = (struct cede_trust_entry){CEDE_PURPOSE_KNOWN, raw(&w.servers[CA1].own)};
    }
    p = provision(many, CEDE_DEVICE_TRUST_MAX + 1);
    assert_int_equal(cede_device_image_create(w.crypto, &w.port, &p), CEDE_DEVICE_PROVISION);
    many[0].purposes = 0;
    p = provision(many, 1);
    assert_int_equal(cede_device_image_create(w.crypto, &w.port, &p), CEDE_DEVICE_PROVISION);
    many[0] = (struct cede_trust_entry){CEDE_PURPOSE_ENROL, CEDE_SPAN_TEXT("no certificate")};
    assert_int_not_equal(cede_device_image_create(w.crypto, &w.port, &p), CEDE_OK);
    p = provision(NULL, 0);
    p.controller_certificate = CEDE_SPAN_TEXT("");
    assert_int_not_equal(cede_device_image_create(w.crypto, &w.port, &p), CEDE_OK);
}

/* The X.509 profile needs an X.509 factory certificate, and cannot show proofs of status. */
static void test_provision_for_coaps(void **state)
{
    struct cede_device_provision p = provision(NULL, 0);

    (void)state;
    p.enroll_uri = CEDE_SPAN_TEXT("coaps://h/e/t");
    p.update_uri = CEDE_SPAN_TEXT("coaps://h");
    assert_int_equal(cede_device_image_create(w.crypto, &w.port, &p), CEDE_DEVICE_PROVISION);
    w.x509 = true;
    make_credential(&w.factory, CEDE_SPAN_TEXT(DEVICE_ID), CEDE_SPAN_TEXT("root"), &w.factory_ca,
                    false, 0);
    p.factory_key = CEDE_SPAN_ARRAY(w.factory.scalar);
    p.factory_certificate = raw(&w.factory);
    OK(cede_device_image_create(w.crypto, &w.port, &p));
    p.status_policy = CEDE_STATUS_POLICY_REQUIRE;
    assert_int_equal(cede_device_image_create(w.crypto, &w.port, &p), CEDE_DEVICE_PROVISION);
}

static void test_blank_and_damaged_images_halt(void **state)
{
    struct cede_device_config config = {.crypto = w.crypto, .flash = &w.port};
    struct cede_device_action action;

    (void)state;
    memset(w.flash, 0xff, sizeof w.flash);
    assert_int_equal(cede_device_load(&w.device, &config, 0), CEDE_JOURNAL_BLANK);
    action = cede_device_next(&w.device, 0);
    assert_int_equal(action.todo, CEDE_DEVICE_HALT);
    assert_int_equal(action.reason, CEDE_JOURNAL_BLANK);
    memset(w.flash, 0x55, sizeof w.flash);
    assert_int_equal(cede_device_load(&w.device, &config, 0), CEDE_JOURNAL_DAMAGED);
    cede_device_receive(&w.device, CEDE_SPAN_TEXT("x"), 1); /* a halted device hears nothing */
    assert_int_equal(cede_device_next(&w.device, 1).todo, CEDE_DEVICE_HALT);
}

static struct cede_device_record full_record(void)
{
    static const uint8_t key[KEY_LEN] = {7}, thumbprint[32] = {8}, trust[] = {0x80},
                         order[] = {0xa0};
    struct cede_device_record record = {.state = CEDE_DEVICE_FALLBACK,
                                        .seq = 300,
                                        .device_id = CEDE_SPAN_TEXT("d"),
                                        .factory_key = CEDE_SPAN_ARRAY(key),
                                        .factory_certificate = CEDE_SPAN_TEXT("f"),
                                        .controller_name = CEDE_SPAN_TEXT("SP1"),
                                        .controller_thumbprint = CEDE_SPAN_ARRAY(thumbprint),
                                        .controller_certificate = CEDE_SPAN_TEXT("c"),
                                        .enroll_uri = CEDE_SPAN_TEXT("e"),
                                        .update_uri = CEDE_SPAN_TEXT("u"),
                                        .operational_key = CEDE_SPAN_ARRAY(key),
                                        .operational_certificate = CEDE_SPAN_TEXT("o"),
                                        .pending_key = CEDE_SPAN_ARRAY(key),
                                        .order = CEDE_SPAN_ARRAY(order),
                                        .home_uri = CEDE_SPAN_TEXT("h"),
                                        .trust = CEDE_SPAN_ARRAY(trust),
                                        .reason = 5,
                                        .attempts = 6,
                                        .uptime_s = 7,
                                        .poll_s = 8,
                                        .retry_ms = 9,
                                        .retry_max_ms = 10,
                                        .known = true};
    return record;
}

static void test_record_round_trip(void **state)
{
    uint8_t memory[400], again[400];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
    struct cede_writer second = cede_writer(CEDE_BUF_ARRAY(again));
    struct cede_device_record record = full_record(), read;
    struct cede_span encoding;

    (void)state;
    OK(record_encode(&writer, &record));
    encoding = cede_written(&writer);
    OK(record_decode(encoding, &read));
    assert_int_equal(read.state, CEDE_DEVICE_FALLBACK);
    assert_true(read.seq == 300 && read.reason == 5 && read.attempts == 6 && read.uptime_s == 7);
    assert_true(read.poll_s == 8 && read.retry_ms == 9 && read.retry_max_ms == 10 && read.known);
    assert_true(cede_span_equal(read.home_uri, record.home_uri));
    OK(record_encode(&second, &read));
    assert_true(cede_span_equal(encoding, cede_written(&second)));
    for (size_t i = 0; i < encoding.len; i++) {
        assert_int_equal(record_decode(cede_span(encoding.ptr, i), &read), CEDE_DEVICE_RECORD);
        assert_true(cede_span_is_null(read.device_id));
    }
    memory[encoding.len] = 0;
    assert_int_equal(record_decode(cede_span(memory, encoding.len + 1), &read), CEDE_DEVICE_RECORD);
    memory[1] = 2; /* version */
    assert_int_equal(record_decode(encoding, &read), CEDE_DEVICE_RECORD);
}

/* A record that says it joined without a certificate, and the like, is none. */
static void test_record_must_fit_its_state(void **state)
{
    static const enum cede_device_state needy[] = {
        CEDE_DEVICE_ENROLLING, CEDE_DEVICE_OPERATIONAL, CEDE_DEVICE_ACCEPTED, CEDE_DEVICE_RESET,
        CEDE_DEVICE_UPDATING,  CEDE_DEVICE_JOINING,     CEDE_DEVICE_JOINED,   CEDE_DEVICE_HOMING};

    (void)state;
    for (size_t i = 0; i < sizeof needy / sizeof needy[0]; i++) {
        uint8_t memory[400];
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
        struct cede_device_record record = full_record(), read;

        record.state = needy[i];
        record.order = CEDE_SPAN_NULL;
        record.operational_key = CEDE_SPAN_NULL;
        record.pending_key = CEDE_SPAN_NULL;
        OK(record_encode(&writer, &record));
        assert_int_equal(record_decode(cede_written(&writer), &read), CEDE_DEVICE_RECORD);
    }
}

static void test_impossible_transition_halts(void **state)
{
    struct cede_device_record next = w.device.record;

    (void)state;
    next.state = CEDE_DEVICE_JOINED; /* from factory */
    assert_false(life_enter(&w.device, &next));
    assert_int_equal(cede_device_next(&w.device, w.now_ms).reason, CEDE_INTERNAL);
    restart();
    assert_int_equal(cede_device_state(&w.device), CEDE_DEVICE_FACTORY);
}

static void test_diagram_is_made_from_the_table(void **state)
{
    uint8_t memory[4096];
    struct cede_span text;

    (void)state;
    OK(cede_device_diagram(cede_buf(memory, sizeof memory - 1), &text));
    memory[text.len] = 0;
    assert_non_null(strstr((char *)memory, "joined -> operational [label=\"welcome (R14)\"];"));
    assert_non_null(strstr((char *)memory, "accepted -> reset"));
    assert_null(strstr((char *)memory, "factory -> operational"));
    assert_int_equal(cede_device_diagram(cede_buf(memory, 100), &text), CEDE_NO_SPACE);
}

static bool in_fallback(void)
{
    return state_now() == CEDE_DEVICE_FALLBACK;
}

static bool joining(void)
{
    return state_now() == CEDE_DEVICE_JOINING;
}

/* What a provider left behind does not keep the next one's entries out. */
static void assert_room_is_left(void)
{
    struct cede_answer answer = {0};

    w.more_entries = 5;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    assert_true(run_until(operational_sp2, 600));
    make_trust_update(&w.servers[SP2].authority, 9);
    answer.trust_update = cede_span(w.trust_update, w.trust_update_len);
    assert_false(orders_process(&w.device, &answer));
    assert_false(w.device.refused);
    assert_int_equal(w.device.record.seq, 9);
    assert_true(flash_holds(raw(&w.servers[CA2].authority))); /* the anchor is still there */
    assert_int_equal(w.device.halted, CEDE_OK);
}

static void test_known_certificates_make_room(void **state)
{
    (void)state;
    assert_room_is_left();
}

static void test_R14_one_anchor_is_not_kept_many_times(void **state)
{
    (void)state;
    w.repeat_anchor = true;
    assert_room_is_left();
}

/* An invitation that the record cannot hold is none, and the device keeps asking. */
static void test_an_endless_home_uri_is_ignored(void **state)
{
    static uint8_t uri[CEDE_DEVICE_RECORD_LEN_MAX];
    struct cede_answer answer = {0};
    uint32_t failures;

    (void)state;
    w.servers[CA2].refuses = true;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    assert_true(run_until(in_fallback, 600));
    memset(uri, 'a', sizeof uri);
    for (size_t i = 8; i < sizeof uri; i += 100) {
        uri[i] = '/';
    }
    memcpy(uri, "coap://h", 8);
    answer.come_home = CEDE_SPAN_ARRAY(uri);
    failures = w.device.failures;
    fallback_answered(&w.device, &answer);
    assert_int_equal(w.device.halted, CEDE_OK);
    assert_int_equal(state_now(), CEDE_DEVICE_FALLBACK);
    assert_int_equal(w.device.failures, failures + 1);
    answer.come_home.len = 300;
    fallback_answered(&w.device, &answer);
    assert_int_equal(state_now(), CEDE_DEVICE_HOMING);
}

/* Patience without measure is cut to a measure, and a fallback always fits. */
static void test_patience_has_an_end(void **state)
{
    (void)state;
    w.has_clock = false;
    w.patience = true;
    w.attempts = UINT64_MAX;
    w.hours = UINT64_MAX;
    w.servers[CA2].dead = true;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    assert_true(run_until(joining, 600));
    w.device.record.retry_max_ms = 6u * 3600 * 1000; /* so that the test is short */
    assert_true(run_until(in_fallback, 2u * 366 * 24 * 3600));
}

static bool told(void)
{
    return w.reports[SP1][CEDE_DEVICE_OPERATIONAL] > 0;
}

static void test_wake_makes_the_next_attempt_due(void **state)
{
    unsigned polls;

    (void)state;
    assert_true(run_until(told, 600));
    while (cede_device_next(&w.device, w.now_ms).todo != CEDE_DEVICE_WAIT) {
    }
    polls = w.reports[SP1][CEDE_DEVICE_OPERATIONAL];
    cede_device_wake(&w.device, w.now_ms);
    step();
    assert_int_equal(w.reports[SP1][CEDE_DEVICE_OPERATIONAL], polls + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_provision_and_load, begin),
        cmocka_unit_test_setup(test_provision_refusals, begin),
        cmocka_unit_test_setup(test_provision_for_coaps, begin),
        cmocka_unit_test_setup(test_blank_and_damaged_images_halt, begin),
        cmocka_unit_test_setup(test_record_round_trip, begin),
        cmocka_unit_test_setup(test_record_must_fit_its_state, begin),
        cmocka_unit_test_setup(test_impossible_transition_halts, begin),
        cmocka_unit_test_setup(test_diagram_is_made_from_the_table, begin),
        cmocka_unit_test_setup(test_known_certificates_make_room, begin),
        cmocka_unit_test_setup(test_R14_one_anchor_is_not_kept_many_times, begin),
        cmocka_unit_test_setup(test_an_endless_home_uri_is_ignored, begin),
        cmocka_unit_test_setup(test_patience_has_an_end, begin),
        cmocka_unit_test_setup(test_wake_makes_the_next_attempt_due, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
