/* SPDX-License-Identifier: Apache-2.0 */
/* device_orders_test.c - what a device makes of orders, trust updates and answers that are signed
 * by the right controller and still cannot be carried out. */
#include "device_world.h"

#include "device/device_internal.h"

static const uint8_t order_cti[CEDE_CTI_LEN] = {7};
static uint8_t manifest_digest[CEDE_SHA256_LEN] = {1}, other_digest[CEDE_SHA256_LEN] = {2};
static uint8_t thumbprint[CEDE_SHA256_LEN];
static uint8_t order_memory[CEDE_DEVICE_RECORD_LEN_MAX], update_memory[6000];

static bool in_fallback(void)
{
    return state_now() == CEDE_DEVICE_FALLBACK;
}

static bool joined(void)
{
    return state_now() == CEDE_DEVICE_JOINED;
}

static bool accepted(void)
{
    return state_now() == CEDE_DEVICE_ACCEPTED;
}

static int begin(void **state)
{
    size_t len;

    (void)state;
    world_begin();
    assert_true(run_until(operational_sp1, 600));
    w.may_halt = true;
    w.device.config.manifest_digest = CEDE_SPAN_ARRAY(manifest_digest);
    OK(cede_certificate_thumbprint(w.crypto, CEDE_ALG_SHA_256, raw(&w.servers[SP2].authority),
                                   thumbprint, &len));
    return 0;
}

static struct cede_transfer good_order(uint64_t seq)
{
    return (struct cede_transfer){.aud = CEDE_SPAN_TEXT(DEVICE_ID),
                                  .not_before = EARLIEST,
                                  .not_after = LATEST,
                                  .cti = CEDE_SPAN_ARRAY(order_cti),
                                  .enroll_uri = CEDE_SPAN_TEXT("coap://127.0.0.1:2001/e/abcdef"),
                                  .update_uri = CEDE_SPAN_TEXT("coap://127.0.0.1:2002"),
                                  .fallback_uri = CEDE_SPAN_TEXT("coap://127.0.0.1:1002"),
                                  .controller = CEDE_SPAN_ARRAY(thumbprint),
                                  .has_seq = true,
                                  .seq = seq};
}

static struct cede_span sign_payload(struct cede_span payload, uint8_t *out, size_t cap)
{
    size_t len;

    sign(&w.servers[SP1].authority, payload, out, cap, &len);
    return cede_span(out, len);
}

static struct cede_span signed_order(const struct cede_transfer *order)
{
    static uint8_t payload[CEDE_DEVICE_RECORD_LEN_MAX - 200];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(payload));

    cede_transfer_encode(&writer, order);
    return sign_payload(cede_written(&writer), order_memory, sizeof order_memory);
}

static struct cede_span signed_update(uint64_t seq, const struct cede_trust_entry *entries,
                                      size_t count)
{
    static uint8_t list[5000], payload[5500];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(list));
    struct cede_trust_update update = {.aud = CEDE_SPAN_TEXT(DEVICE_ID),
                                       .not_before = EARLIEST,
                                       .not_after = LATEST,
                                       .cti = CEDE_SPAN_ARRAY(order_cti),
                                       .seq = seq};

    cede_trust_list_encode(&writer, entries, count);
    update.entries = cede_written(&writer);
    writer = cede_writer(CEDE_BUF_ARRAY(payload));
    cede_trust_update_encode(&writer, &update);
    return sign_payload(cede_written(&writer), update_memory, sizeof update_memory);
}

/* The trust an order needs, in the record. */
static void let_trust_in(uint64_t seq)
{
    struct cede_trust_entry entries[] = {
        {CEDE_PURPOSE_ENROL, raw(&w.servers[CA2].authority)},
        {CEDE_PURPOSE_CONTROL, raw(&w.servers[SP2].authority)},
    };
    struct cede_answer answer = {.trust_update = signed_update(seq, entries, 2)};

    w.device.refused = false;
    assert_false(orders_process(&w.device, &answer));
    assert_false(w.device.refused);
    assert_int_equal(w.device.record.seq, seq);
}

static enum cede_status refusal_of(const struct cede_transfer *order)
{
    struct cede_answer answer = {.transfer = signed_order(order)};

    w.device.refused = false;
    assert_false(orders_process(&w.device, &answer));
    assert_int_equal(state_now(), CEDE_DEVICE_OPERATIONAL);
    assert_true(cede_span_is_null(w.device.record.order));
    assert_true(w.device.refused);
    assert_memory_equal(w.device.refused_cti, order_cti, CEDE_CTI_LEN);
    return (enum cede_status)w.device.refusal;
}

static void assert_accepted(const struct cede_transfer *order)
{
    struct cede_answer answer = {.transfer = signed_order(order)};

    w.device.refused = false;
    assert_true(orders_process(&w.device, &answer));
    assert_false(w.device.refused);
    assert_int_equal(state_now(), CEDE_DEVICE_ACCEPTED);
}

/* --- orders ----------------------------------------------------------------------------------- */

static void test_an_order_that_cannot_be_carried_out_is_refused_at_once(void **state)
{
    struct cede_transfer order = good_order(3);

    (void)state;
    let_trust_in(2);
    order.attest_uri = CEDE_SPAN_TEXT("coap://verifier");
    assert_int_equal(refusal_of(&order), CEDE_DEVICE_ATTESTER);
    order = good_order(3);
    order.state_digest = CEDE_SPAN_ARRAY(other_digest);
    assert_int_equal(refusal_of(&order), CEDE_DEVICE_SOFTWARE);
    order = good_order(3);
    order.enroll_uri = CEDE_SPAN_TEXT("coaps://127.0.0.1:2001/e/abcdef");
    assert_int_equal(refusal_of(&order), CEDE_DEVICE_PROFILE);
    order = good_order(3);
    order.update_uri = CEDE_SPAN_TEXT("http://127.0.0.1");
    assert_int_equal(refusal_of(&order), CEDE_COAP_URI);
    order = good_order(3);
    order.fallback_uri = CEDE_SPAN_TEXT("coaps://127.0.0.1:1002");
    assert_int_equal(refusal_of(&order), CEDE_DEVICE_PROFILE);
    order = good_order(3);
    order.controller = CEDE_SPAN_ARRAY(other_digest);
    assert_int_equal(refusal_of(&order), CEDE_DEVICE_ANCHOR);
    order = good_order(3);
    order.state_digest = CEDE_SPAN_ARRAY(manifest_digest);
    assert_accepted(&order);
}

static void test_an_order_without_its_anchor_is_refused(void **state)
{
    struct cede_trust_entry controller = {CEDE_PURPOSE_CONTROL, raw(&w.servers[SP2].authority)};
    struct cede_answer answer = {.trust_update = signed_update(2, &controller, 1)};
    struct cede_transfer order = good_order(3);

    (void)state;
    assert_int_equal(refusal_of(&order), CEDE_DEVICE_ANCHOR); /* nobody of the next provider's */
    assert_false(orders_process(&w.device, &answer));
    assert_int_equal(refusal_of(&order), CEDE_DEVICE_ANCHOR); /* no CA of its own */
    let_trust_in(3);
    order = good_order(4);
    assert_accepted(&order);
}

/* The way back must still fit when the hand-over has grown. */
static void test_an_order_that_leaves_no_room_is_refused(void **state)
{
    static uint8_t long_uri[2600];
    struct cede_transfer order = good_order(3);

    (void)state;
    let_trust_in(2);
    memset(long_uri, 'a', sizeof long_uri);
    for (size_t i = 8; i < sizeof long_uri; i += 100) {
        long_uri[i] = '/';
    }
    memcpy(long_uri, "coap://h", 8);
    order.fallback_uri = CEDE_SPAN_ARRAY(long_uri);
    assert_int_equal(refusal_of(&order), CEDE_DEVICE_TRUST_FULL);
    order.fallback_uri.len = 60;
    assert_accepted(&order);
}

/* The numbers of both kinds go up together, whichever is the greater. */
static void test_R3_the_greater_seq_of_two_stays(void **state)
{
    struct cede_trust_entry entries[] = {
        {CEDE_PURPOSE_ENROL, raw(&w.servers[CA2].authority)},
        {CEDE_PURPOSE_CONTROL, raw(&w.servers[SP2].authority)},
    };
    struct cede_transfer order = good_order(5);
    struct cede_answer answer = {.trust_update = signed_update(9, entries, 2),
                                 .transfer = signed_order(&order)};

    (void)state;
    assert_true(orders_process(&w.device, &answer));
    assert_int_equal(state_now(), CEDE_DEVICE_ACCEPTED);
    assert_int_equal(w.device.record.seq, 9);
}

/* Before the reset the way back is the present update server where the order names none. */
static void test_an_order_without_a_way_back_keeps_the_present_one(void **state)
{
    struct cede_transfer order = good_order(3);
    struct cede_answer answer = {.has_come_back = false};

    (void)state;
    let_trust_in(2);
    order.fallback_uri = CEDE_SPAN_NULL;
    assert_accepted(&order);
    accepted_answered(&w.device, &answer);
    assert_int_equal(state_now(), CEDE_DEVICE_RESET);
    assert_true(
        cede_span_equal(w.device.record.update_uri, CEDE_SPAN_TEXT("coap://127.0.0.1:1002")));
    assert_int_equal(w.device.record.enroll_uri.len, 0);
}

/* --- trust updates ---------------------------------------------------------------------------- */

/* Who owns the device is the factory's to say: an entry for the owner alone is no entry. */
static void test_owners_do_not_come_in_trust_updates(void **state)
{
    struct cede_trust_entry entries[] = {
        {CEDE_PURPOSE_OWNER, raw(&w.servers[SP2].own)},
        {CEDE_PURPOSE_OWNER | CEDE_PURPOSE_KNOWN, raw(&w.servers[CA2].own)},
    };
    struct cede_answer answer = {.trust_update = signed_update(2, entries, 2)};
    struct trust_iterator iterator;
    struct cede_trust_entry entry;

    (void)state;
    assert_false(orders_process(&w.device, &answer));
    assert_int_equal(w.device.record.seq, 2);
    assert_false(flash_holds(raw(&w.servers[SP2].own)));
    assert_true(flash_holds(raw(&w.servers[CA2].own)));
    iterator = trust_begin(w.device.record.trust);
    while (trust_next(&iterator, &entry)) {
        assert_int_equal(entry.purposes & CEDE_PURPOSE_OWNER, 0);
    }
}

static void test_more_trust_than_fits_is_refused_and_changes_nothing(void **state)
{
    static const uint8_t filler[1800];
    struct cede_trust_entry entries[CEDE_DEVICE_TRUST_MAX + 1];
    struct cede_span trust = w.device.record.trust;
    struct cede_answer answer = {0};

    (void)state;
    for (size_t i = 0; i <= CEDE_DEVICE_TRUST_MAX; i++) {
        entries[i] = (struct cede_trust_entry){CEDE_PURPOSE_ENROL, CEDE_SPAN_TEXT("c")};
    }
    answer.trust_update = signed_update(2, entries, CEDE_DEVICE_TRUST_MAX + 1);
    assert_false(orders_process(&w.device, &answer));
    assert_int_equal(w.device.refusal, CEDE_DEVICE_TRUST_FULL);
    entries[0].certificate = entries[1].certificate = CEDE_SPAN_ARRAY(filler);
    answer.trust_update = signed_update(2, entries, 2);
    w.device.refusal = CEDE_OK;
    assert_false(orders_process(&w.device, &answer));
    assert_int_equal(w.device.refusal, CEDE_DEVICE_TRUST_FULL);
    assert_true(cede_span_equal(w.device.record.trust, trust));
    assert_int_equal(w.device.record.seq, 0);
    assert_int_equal(state_now(), CEDE_DEVICE_OPERATIONAL);
    let_trust_in(2);
}

/* --- a record whose order is none ------------------------------------------------------------- */

static const uint8_t no_order[] = {0xa0};

/* Only memory gone bad can do this; the device stops before it acts on it. */
static void test_an_order_gone_bad_stops_the_device(void **state)
{
    static const enum cede_device_state states[] = {
        CEDE_DEVICE_ACCEPTED, CEDE_DEVICE_RESET,  CEDE_DEVICE_UPDATING,
        CEDE_DEVICE_JOINING,  CEDE_DEVICE_JOINED,
    };
    struct cede_answer answer = {.has_come_back = true, .come_back_s = 60};

    (void)state;
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        world_begin();
        assert_true(run_until(operational_sp1, 600));
        w.device.record.order = CEDE_SPAN_ARRAY(no_order);
        w.device.record.state = states[i];
        switch (states[i]) {
        case CEDE_DEVICE_ACCEPTED:
            accepted_answered(&w.device, &answer);
            break;
        case CEDE_DEVICE_RESET:
            reset_begin(&w.device);
            break;
        case CEDE_DEVICE_UPDATING:
            updating_answered(&w.device, &answer);
            break;
        case CEDE_DEVICE_JOINING:
            device_failed(&w.device, CEDE_COAP_TIMEOUT);
            break;
        default:
            joined_answered(&w.device, &answer);
            break;
        }
        assert_int_equal(cede_device_next(&w.device, w.now_ms).todo, CEDE_DEVICE_HALT);
        restart();
        assert_int_equal(state_now(), CEDE_DEVICE_OPERATIONAL); /* nothing was written */
    }
}

static void test_an_order_gone_bad_leads_nowhere(void **state)
{
    struct cede_certificate server;
    struct cede_device_action action;
    struct plan plan;

    (void)state;
    OK(cede_certificate_decode(raw(&w.servers[SP2].own), w.crypto, &server));
    w.device.record.order = CEDE_SPAN_ARRAY(no_order);
    w.device.record.state = CEDE_DEVICE_JOINED;
    OK(device_plan(&w.device, &plan));
    assert_true(cede_span_is_null(plan.uri));
    assert_int_equal(trust_judge(&w.device, ROLE_NEXT_CONTROLLER, &server, 1), CEDE_TRANSFER_CLAIM);
    w.device.record.status_policy = CEDE_STATUS_POLICY_REQUIRE;
    assert_int_equal(
        trust_check_status(&w.device, ROLE_NEXT_CONTROLLER, &server, 1, CEDE_SPAN_TEXT("proof")),
        CEDE_TRANSFER_CLAIM);
    session_drop(&w.device);
    report_begin(&w.device);
    while ((action = cede_device_next(&w.device, w.now_ms)).todo != CEDE_DEVICE_HALT) {
        assert_true(cede_span_is_null(action.host)); /* nobody to send it to */
        w.now_ms = action.todo == CEDE_DEVICE_WAIT ? action.until_ms : w.now_ms;
    }
    assert_int_equal(action.reason, CEDE_TRANSFER_CLAIM);
}

/* A device in fallback still reports, only without naming the order. */
static void test_fallback_reports_without_the_order_gone_bad(void **state)
{
    (void)state;
    w.servers[CA2].refuses = true;
    w.no_home_uri = true;
    world_offer();
    assert_true(run_until(in_fallback, 600));
    w.device.record.order = CEDE_SPAN_ARRAY(no_order);
    w.device.record.reason = 0;
    while (w.reports[SP1][CEDE_DEVICE_FALLBACK] == 0) {
        step();
    }
    assert_true(cede_span_is_null(w.last_report[SP1].cti));
    assert_false(w.last_report[SP1].has_reason);
}

/* --- answers ---------------------------------------------------------------------------------- */

static void test_without_a_wish_the_device_polls_at_its_own_pace(void **state)
{
    struct cede_answer answer = {.has_come_back = true, .come_back_s = 7};

    (void)state;
    w.device.now_ms = w.now_ms;
    operational_answered(&w.device, &answer);
    assert_true(w.device.resume_at_ms >= w.now_ms + 7000);
    assert_true(w.device.resume_at_ms <= w.now_ms + 7700);
    answer.has_come_back = false;
    operational_answered(&w.device, &answer);
    assert_true(w.device.resume_at_ms >= w.now_ms + 1000 * w.device.record.poll_s);
}

static void test_an_order_refused_in_fallback_is_told_at_once(void **state)
{
    struct cede_transfer order;
    struct cede_answer answer = {0};

    (void)state;
    w.servers[CA2].refuses = true;
    w.no_home_uri = true;
    world_offer();
    assert_true(run_until(in_fallback, 600));
    order = good_order(w.device.record.seq + 1);
    order.attest_uri = CEDE_SPAN_TEXT("coap://verifier");
    answer.transfer = signed_order(&order);
    fallback_answered(&w.device, &answer);
    assert_true(w.device.refused);
    assert_int_equal(w.device.resume_at_ms, w.device.now_ms);
    fallback_answered(&w.device, &answer); /* again: not at once */
    assert_true(w.device.resume_at_ms > w.device.now_ms);
    answer = (struct cede_answer){.come_home = CEDE_SPAN_TEXT("http://h")};
    fallback_answered(&w.device, &answer); /* no way home for this device */
    assert_int_equal(state_now(), CEDE_DEVICE_FALLBACK);
    assert_int_equal(w.device.halted, CEDE_OK);
}

static void test_no_welcome_yet(void **state)
{
    struct cede_answer answer = {0};

    (void)state;
    w.drop_welcome = true;
    world_offer();
    assert_true(run_until(joined, 600));
    joined_answered(&w.device, &answer);
    assert_int_equal(state_now(), CEDE_DEVICE_JOINED);
    assert_true(w.device.resume_at_ms > w.device.now_ms);
    answer = (struct cede_answer){.has_come_back = true, .come_back_s = 600};
    joined_answered(&w.device, &answer);
    assert_true(w.device.resume_at_ms >= w.device.now_ms + 600000);
    w.now_ms += 1000ull * (LATEST - EPOCH); /* the window is over */
    w.device.now_ms = w.now_ms;
    joined_answered(&w.device, &answer);
    assert_int_equal(state_now(), CEDE_DEVICE_FALLBACK);
}

/* Authentic answers of an update server, by their code. */
static void test_only_a_refusal_is_a_refusal(void **state)
{
    static const struct {
        uint8_t code;
        bool refusal;
    } cases[] = {
        {CEDE_COAP_FORBIDDEN, true},          {CEDE_COAP_BAD_REQUEST, true},
        {CEDE_COAP_UNAUTHORIZED, false},      {CEDE_COAP_REQUEST_INCOMPLETE, false},
        {CEDE_COAP_REQUEST_TOO_LARGE, false}, {CEDE_COAP_TOO_MANY_REQUESTS, false},
        {CEDE_COAP_UNAVAILABLE, false},       {CEDE_COAP_CONTENT, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        world_begin();
        assert_true(run_until(operational_sp1, 600));
        world_offer();
        assert_true(run_until(accepted, 600));
        device_answered(&w.device, cases[i].code, CEDE_SPAN_NULL);
        /* Whoever refuses the acknowledgement needs no second one. */
        assert_int_equal(state_now(), cases[i].refusal ? CEDE_DEVICE_RESET : CEDE_DEVICE_ACCEPTED);
        assert_int_equal(w.device.halted, CEDE_OK);
    }
}

static void test_three_answers_without_sense_are_a_refusal(void **state)
{
    (void)state;
    world_offer();
    assert_true(run_until(accepted, 600));
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(state_now(), CEDE_DEVICE_ACCEPTED);
        w.device.failures = 0;
        device_answered(&w.device, CEDE_COAP_CHANGED, CEDE_SPAN_TEXT("junk"));
    }
    assert_int_equal(state_now(), CEDE_DEVICE_RESET);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_an_order_that_cannot_be_carried_out_is_refused_at_once, begin),
        cmocka_unit_test_setup(test_an_order_without_its_anchor_is_refused, begin),
        cmocka_unit_test_setup(test_an_order_that_leaves_no_room_is_refused, begin),
        cmocka_unit_test_setup(test_R3_the_greater_seq_of_two_stays, begin),
        cmocka_unit_test_setup(test_an_order_without_a_way_back_keeps_the_present_one, begin),
        cmocka_unit_test_setup(test_owners_do_not_come_in_trust_updates, begin),
        cmocka_unit_test_setup(test_more_trust_than_fits_is_refused_and_changes_nothing, begin),
        cmocka_unit_test_setup(test_an_order_gone_bad_stops_the_device, begin),
        cmocka_unit_test_setup(test_an_order_gone_bad_leads_nowhere, begin),
        cmocka_unit_test_setup(test_fallback_reports_without_the_order_gone_bad, begin),
        cmocka_unit_test_setup(test_without_a_wish_the_device_polls_at_its_own_pace, begin),
        cmocka_unit_test_setup(test_an_order_refused_in_fallback_is_told_at_once, begin),
        cmocka_unit_test_setup(test_no_welcome_yet, begin),
        cmocka_unit_test_setup(test_only_a_refusal_is_a_refusal, begin),
        cmocka_unit_test_setup(test_three_answers_without_sense_are_a_refusal, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
