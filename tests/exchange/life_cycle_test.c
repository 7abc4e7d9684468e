/* SPDX-License-Identifier: Apache-2.0 */
/* life_cycle_test.c - whole lives of a device against two providers, tests named after the rules of
 * the design. */
#include "device_world.h"

static int begin(void **state)
{
    (void)state;
    world_begin();
    return 0;
}

/* The life is the same in both profiles. */
static int use_compact(void **state)
{
    (void)state;
    world_x509 = false;
    return 0;
}

static int use_x509(void **state)
{
    (void)state;
    world_x509 = true;
    return 0;
}

static bool accepted(void)
{
    return w.accepted;
}

static bool in_fallback(void)
{
    return state_now() == CEDE_DEVICE_FALLBACK;
}

static bool joined(void)
{
    return state_now() == CEDE_DEVICE_JOINED;
}

static bool joining(void)
{
    return state_now() == CEDE_DEVICE_JOINING;
}

static bool refused(void)
{
    return w.refusal != 0;
}

static bool home_again(void)
{
    return w.returned && operational_sp1() && w.servers[CA1].issued == 2;
}

/* --- the whole story -------------------------------------------------------------------------- */

static void test_enrol_operate_hand_over(void **state)
{
    struct cede_device_stats stats;

    (void)state;
    assert_true(run_until(operational_sp1, 600));
    assert_int_equal(w.servers[CA1].issued, 1);
    world_offer();
    assert_true(run_until(operational_sp2, 600));
    assert_true(w.taken_over);
    assert_int_equal(w.servers[CA2].issued, 1);
    assert_int_equal(w.servers[CA2].alarms, 0);
    assert_int_equal(w.reports[SP1][CEDE_DEVICE_ACCEPTED], 1);
    assert_int_equal(w.reports[SP2][CEDE_DEVICE_JOINED], 1);
    assert_int_equal(w.reports[SP2][CEDE_DEVICE_OPERATIONAL], 0);
    cede_device_statistics(&w.device, w.now_ms, &stats);
    assert_int_equal(stats.transfer_message_len, w.order_len);
    assert_int_equal(stats.trust_update_len, w.trust_update_len);
    if (w.x509) {
        assert_int_equal(stats.edhoc_message_1_len, 0);
    } else {
        assert_true(stats.edhoc_message_1_len > 30 && stats.edhoc_message_2_len > 50 &&
                    stats.edhoc_message_3_len > 50);
    }
    assert_true(stats.states[CEDE_DEVICE_JOINING].bytes_sent > 0);
    /* Two round trips for a handshake with its request. */
    assert_int_equal(stats.states[CEDE_DEVICE_JOINING].round_trips, 2);
    assert_int_equal(stats.states[CEDE_DEVICE_JOINED].round_trips, 2);
    assert_int_equal(stats.failures, 0);
    /* It goes on polling its new provider. */
    w.now_ms += 120000;
    while (w.reports[SP2][CEDE_DEVICE_OPERATIONAL] == 0) {
        step();
    }
    assert_true(operational_sp2());
}

static void test_lossy_network(void **state)
{
    (void)state;
    w.loss_percent = 20;
    assert_true(run_until(operational_sp1, 3000));
    world_offer();
    assert_true(run_until(operational_sp2, LATEST - EPOCH));
    assert_int_equal(w.servers[CA2].alarms, 0);
}

static void test_server_that_forgot_the_reference_is_sent_the_value(void **state)
{
    unsigned polls;

    (void)state;
    assert_true(run_until(operational_sp1, 600));
    polls = w.reports[SP1][CEDE_DEVICE_OPERATIONAL];
    memset(w.servers[SP1].sessions, 0, sizeof w.servers[SP1].sessions);
    w.servers[SP1].known_len = 0;
    while (w.reports[SP1][CEDE_DEVICE_OPERATIONAL] == polls) {
        step();
    }
    assert_int_equal(w.servers[SP1].errors_3, 1);
    assert_true(w.servers[SP1].known_len > 0);
}

static void test_update_first(void **state)
{
    (void)state;
    w.update_first = true;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    assert_true(run_until(operational_sp2, 600));
    assert_int_equal(w.reports[SP2][CEDE_DEVICE_UPDATING], 1);
}

/* A CA whose operational certificates come from another key than its enrolment server's chain: the
 * anchor is fetched with /crts, and is the one that stays. */
static void test_anchor_is_fetched_where_it_is_missing(void **state)
{
    struct server *ca = &w.servers[CA2];

    (void)state;
    make_credential(&ca->issuing, CEDE_SPAN_TEXT("issuing"), CEDE_SPAN_TEXT("issuing"),
                    &ca->issuing, true, 0);
    ca->has_issuing = true;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    assert_true(run_until(operational_sp2, 600));
    assert_true(flash_holds(raw(&ca->issuing)));
    assert_false(flash_holds(raw(&ca->authority))); /* only SP1 vouched for it */
}

/* A trust update that does not fit into one datagram comes in blocks (RFC 7959). */
static void test_long_answers_come_in_blocks(void **state)
{
    (void)state;
    w.more_entries = w.x509 ? 2 : 5;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    assert_true(w.trust_update_len + w.order_len > 1024);
    assert_true(run_until(operational_sp2, 600));
}

static void test_echo_challenge_is_answered(void **state)
{
    (void)state;
    w.servers[CA1].challenge = true;
    assert_true(run_until(operational_sp1, 600));
    assert_int_equal(w.servers[CA1].challenges, 1);
    assert_int_equal(w.device.stats.failures, 0);
}

static bool renewed(void)
{
    return w.servers[CA1].issued == 2 && w.device.record.pending_key.ptr == NULL;
}

static void test_certificate_is_renewed_in_time(void **state)
{
    uint8_t old_key[32];

    (void)state;
    assert_true(run_until(operational_sp1, 600));
    memcpy(old_key, cede_device_record(&w.device)->operational_key.ptr, 32);
    assert_false(run_until(renewed, 3600));
    w.now_ms = 80ull * 24 * 3600 * 1000;
    assert_true(run_until(renewed, 3600));
    assert_int_equal(state_now(), CEDE_DEVICE_OPERATIONAL);
    assert_memory_not_equal(cede_device_record(&w.device)->operational_key.ptr, old_key, 32);
    assert_false(flash_holds(CEDE_SPAN_ARRAY(old_key)));
    unsigned polls = w.reports[SP1][CEDE_DEVICE_OPERATIONAL];
    while (w.reports[SP1][CEDE_DEVICE_OPERATIONAL] == polls) {
        step();
    }
    assert_int_equal(w.servers[CA1].alarms, 0);
}

/* --- R1 --------------------------------------------------------------------------------------- */

enum story { SMOOTH, SP2_DEAD, SP2_REFUSES, NO_WELCOME, STORY_COUNT };

static bool settled(void)
{
    return w.offered || w.returned ? operational_sp2() || home_again() : false;
}

/* One life with one power cut; false when the life was over before the cut. */
static bool run_story(enum story story, unsigned cut_at, int how)
{
    world_begin();
    w.cut_at = cut_at;
    w.cut_how = how;
    w.servers[SP2].dead = story == SP2_DEAD;
    w.servers[SP2].refuses = story == SP2_REFUSES;
    w.drop_welcome = story == NO_WELCOME;
    assert_true(run_until(operational_sp1, 3600));
    world_offer();
    if (story == NO_WELCOME) {
        /* Past the commit point without knowing it: SP1 learns so from SP2's receipt. */
        while (w.now_ms < 3u * 3600 * 1000) {
            step();
        }
        w.drop_welcome = false;
    }
    assert_true(run_until(settled, 12 * 3600));
    /* Under one provider, exactly: what the device believes is what the providers know. */
    assert_int_not_equal(operational_sp1(), operational_sp2());
    assert_int_equal(operational_sp2(), w.taken_over && !w.returned);
    assert_int_equal(operational_sp2(), story == SMOOTH || story == NO_WELCOME);
    assert_int_equal(w.servers[CA2].alarms, 0);
    assert_int_equal(w.servers[CA1].alarms, 0);
    assert_true(w.servers[operational_sp2() ? CA2 : CA1].live);
    assert_int_equal(w.servers[CA2].issued <= 1, true);
    return w.restarts > 0;
}

static void power_cuts(enum story story)
{
    unsigned cuts = 0;

    for (int how = 0; how < 3; how++) {
        unsigned at = 1;
        while (run_story(story, at, how)) {
            at++;
            cuts++;
        }
    }
    print_message("%u power cuts\n", cuts);
    assert_true(cuts > 30);
}

static void test_R1_power_cut_at_every_write(void **state)
{
    (void)state;
    power_cuts(SMOOTH);
}

static void test_R1_power_cut_at_every_write_of_a_fallback(void **state)
{
    (void)state;
    power_cuts(SP2_DEAD);
    power_cuts(SP2_REFUSES);
}

static void test_R1_lost_welcome_is_settled_by_asking_again(void **state)
{
    (void)state;
    (void)run_story(NO_WELCOME, 0, 0);
    assert_true(operational_sp2());
}

/* Power fails at every write of a renewal: one key is asked for, and the device goes on. */
static void test_R1_power_cut_at_every_write_of_a_renewal(void **state)
{
    bool cut = true;

    (void)state;
    for (unsigned at = 1; cut; at++) {
        for (int how = 0; how < 3; how++) {
            world_begin();
            assert_true(run_until(operational_sp1, 600));
            w.now_ms = 80ull * 24 * 3600 * 1000;
            w.cut_at = w.writes + at;
            w.cut_how = how;
            assert_true(run_until(renewed, 2 * 3600));
            assert_true(run_until(operational_sp1, 3600));
            assert_int_equal(w.servers[CA1].alarms, 0);
            assert_int_equal(w.servers[CA1].issued, 2);
            cut = w.restarts > 0;
        }
    }
}

/* Refusals at home, a clock far in the future, and power cuts: nothing halts the device. */
static void test_R1_power_cut_at_every_write_of_a_way_home(void **state)
{
    bool cut = true;

    (void)state;
    for (unsigned at = 1; cut; at++) {
        world_begin();
        w.servers[CA2].refuses = true;
        assert_true(run_until(operational_sp1, 600));
        world_offer();
        assert_true(run_until(in_fallback, 3600));
        w.servers[CA1].refuses = true;
        w.cut_at = w.writes + at;
        w.cut_how = (int)(at % 3);
        for (int i = 0; i < 60; i++) {
            step();
        }
        cut = w.restarts > 0;
        w.cut_at = 0;
        w.servers[CA1].refuses = false;
        assert_true(run_until(home_again, 24 * 3600));
    }
}

/* --- R2 --------------------------------------------------------------------------------------- */

static void test_R2_the_old_key_is_gone_from_flash_and_memory(void **state)
{
    uint8_t old_key[32], old_certificate[512];
    size_t old_len;

    (void)state;
    assert_true(run_until(operational_sp1, 600));
    memcpy(old_key, cede_device_record(&w.device)->operational_key.ptr, 32);
    old_len = cede_device_record(&w.device)->operational_certificate.len;
    memcpy(old_certificate, cede_device_record(&w.device)->operational_certificate.ptr, old_len);
    assert_true(flash_holds(CEDE_SPAN_ARRAY(old_key)));
    world_offer();
    assert_true(run_until(joining, 600));
    assert_false(flash_holds(CEDE_SPAN_ARRAY(old_key)));
    assert_false(flash_holds(cede_span(old_certificate, old_len)));
    for (size_t i = 0; i + 32 <= sizeof w.device; i++) {
        assert_memory_not_equal((const uint8_t *)&w.device + i, old_key, 32);
    }
    assert_true(cede_span_equal(cede_device_record(&w.device)->enroll_uri, CEDE_SPAN_TEXT("")));
    /* The new key is another one, journaled before it is spoken of. */
    assert_int_equal(w.servers[CA2].requests, 0);
    assert_true(flash_holds(cede_device_record(&w.device)->pending_key));
    assert_memory_not_equal(cede_device_record(&w.device)->pending_key.ptr, old_key, 32);
}

/* Power fails between the commit of `reset` and the scrub: the next start scrubs. */
static void test_R2_scrubbed_at_the_next_start(void **state)
{
    uint8_t old_key[32];

    (void)state;
    assert_true(run_until(operational_sp1, 600));
    memcpy(old_key, cede_device_record(&w.device)->operational_key.ptr, 32);
    world_offer();
    assert_true(run_until(accepted, 600));
    for (unsigned at = 1; at < 40 && !joining(); at++) {
        w.cut_at = w.writes + 1;
        w.cut_how = 2;
        while (!w.cut && !joining()) {
            step();
        }
        if (w.cut) {
            restart();
        }
        if (state_now() == CEDE_DEVICE_RESET) {
            assert_false(flash_holds(CEDE_SPAN_ARRAY(old_key)));
        }
    }
    w.cut_at = 0;
    assert_true(run_until(operational_sp2, 600));
    assert_false(flash_holds(CEDE_SPAN_ARRAY(old_key)));
}

/* --- R3, R4 ----------------------------------------------------------------------------------- */

static void assert_order_refused(enum cede_status reason)
{
    struct cede_device_record before;
    uint64_t seq = cede_device_record(&w.device)->seq;

    before = *cede_device_record(&w.device);
    assert_true(run_until(refused, 600));
    assert_int_equal(w.refusal, reason);
    assert_int_equal(state_now(), CEDE_DEVICE_OPERATIONAL);
    assert_true(controlled_by(SP1));
    assert_int_equal(before.state, CEDE_DEVICE_OPERATIONAL);
    assert_true(cede_device_record(&w.device)->seq >= seq);
    assert_true(cede_span_is_null(cede_device_record(&w.device)->order));
    w.refusal = 0;
}

static void test_R3_refused_orders_are_reported_and_change_nothing(void **state)
{
    (void)state;
    assert_true(run_until(operational_sp1, 600));
    /* A trust update that is not even a message, with a good order behind it. */
    make_order(&w.servers[SP1].authority, 1);
    w.trust_update_len = 1;
    w.offered = true;
    /* It is malformed and names no order, so nothing can be reported of it. */
    w.now_ms += 61000;
    for (int i = 0; i < 50; i++) {
        step();
    }
    assert_int_equal(state_now(), CEDE_DEVICE_OPERATIONAL);
    assert_true(cede_device_record(&w.device)->seq == 0);
    /* Signed by somebody who is not the controller: as good as noise. */
    make_trust_update(&w.servers[SP2].authority, 1);
    make_order(&w.servers[SP2].authority, 2);
    for (int i = 0; i < 200; i++) {
        step();
    }
    assert_int_equal(state_now(), CEDE_DEVICE_OPERATIONAL);
    assert_true(cede_device_record(&w.device)->seq == 0);
    assert_true(w.device.stats.refusals > 1);
}

static void test_R3_seq_must_grow(void **state)
{
    (void)state;
    assert_true(run_until(operational_sp1, 600));
    make_trust_update(&w.servers[SP1].authority, 7);
    make_order(&w.servers[SP1].authority, 0);
    w.offered = true;
    assert_order_refused(CEDE_TRANSFER_SEQ);
    assert_int_equal(cede_device_record(&w.device)->seq, 7); /* of the trust update */
}

static void test_R3_window(void **state)
{
    (void)state;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    w.now_ms = (uint64_t)(LATEST - EPOCH + 10) * 1000;
    assert_order_refused(CEDE_TRANSFER_EXPIRED);
    assert_int_equal(cede_device_record(&w.device)->seq, 0);
}

static void test_R4_a_replayed_order_changes_nothing(void **state)
{
    uint8_t order[512], trust[2048];
    size_t order_len, trust_len;

    (void)state;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    memcpy(order, w.order, sizeof order);
    memcpy(trust, w.trust_update, sizeof trust);
    order_len = w.order_len;
    trust_len = w.trust_update_len;
    w.servers[SP2].refuses = true;
    assert_true(run_until(home_again, 3600));
    assert_int_equal(cede_device_record(&w.device)->seq, 2);
    /* SP1, or who holds its old messages, sends them once more. */
    memcpy(w.order, order, sizeof order);
    memcpy(w.trust_update, trust, sizeof trust);
    w.order_len = order_len;
    w.trust_update_len = trust_len;
    w.accepted = false;
    w.offered = true;
    w.refusal = 0;
    assert_order_refused(CEDE_TRANSFER_SEQ);
}

/* Garbage at any time is at most ignored. */
static void test_R4_noise_is_ignored(void **state)
{
    uint8_t noise[64];

    (void)state;
    world_offer();
    while (!operational_sp2() && w.now_ms < 3600 * 1000) {
        for (size_t i = 0; i < sizeof noise; i++) {
            w.random = w.random * 1103515245u + 12345u;
            noise[i] = (uint8_t)(w.random >> 16);
        }
        noise[0] = (uint8_t)(0x40 | (noise[0] & 0x3f));
        cede_device_receive(&w.device, cede_span(noise, noise[1] % sizeof noise), w.now_ms);
        step();
    }
    assert_true(operational_sp2());
}

/* --- R8 --------------------------------------------------------------------------------------- */

static void test_R8_dead_CA2_means_fallback_at_latest(void **state)
{
    (void)state;
    w.servers[CA2].dead = true;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    assert_true(run_until(in_fallback, 5 * 3600));
    assert_true(w.now_ms / 1000 > LATEST - EPOCH);
    assert_true(w.now_ms / 1000 < LATEST - EPOCH + 10); /* an attempt under way is given up */
    assert_int_equal(cede_device_record(&w.device)->reason, CEDE_DEVICE_TOO_LATE);
    assert_true(run_until(home_again, 3600));
    while (w.last_report[SP1].state != CEDE_DEVICE_OPERATIONAL) {
        step();
    }
    assert_true(cede_span_is_null(cede_device_record(&w.device)->order));
}

static void test_R8_dead_SP2_means_fallback_at_latest(void **state)
{
    (void)state;
    w.servers[SP2].dead = true;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    assert_true(run_until(joined, 3600));
    assert_true(run_until(in_fallback, 5 * 3600));
    assert_true(w.now_ms / 1000 > LATEST - EPOCH);
    assert_true(run_until(home_again, 3600));
}

static void test_R8_protected_refusal_is_permanent(void **state)
{
    (void)state;
    w.servers[CA2].refuses = true;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    assert_true(run_until(in_fallback, 600));
    assert_true(w.now_ms / 1000 < LATEST - EPOCH);
    assert_int_equal(cede_device_record(&w.device)->reason, CEDE_DEVICE_REFUSED);
    assert_true(run_until(home_again, 3600));
}

static void test_R8_forged_errors_only_delay(void **state)
{
    (void)state;
    w.servers[CA2].forge = true;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    assert_true(run_until(joining, 600));
    assert_false(run_until(in_fallback, LATEST - EPOCH - w.now_ms / 1000 - 120));
    w.servers[CA2].forge = false;
    assert_true(run_until(operational_sp2, 600));
}

static void test_R8_a_CA2_with_another_key_gets_nothing(void **state)
{
    struct credential impostor;

    (void)state;
    make_credential(&impostor, CEDE_SPAN_TEXT("CA2"), CEDE_SPAN_TEXT("CA2"), &w.factory_ca, false,
                    CEDE_EKU_CMC_RA);
    w.servers[CA2].own = impostor;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    assert_true(run_until(joining, 600));
    assert_false(run_until(joined, LATEST - EPOCH - w.now_ms / 1000 - 120));
    assert_int_equal(w.servers[CA2].requests, 0);
    assert_true(run_until(home_again, 3600));
}

/* The provider that is left cannot play the one to come, nor can a CA play an update server. */
static void test_R8_roles_are_kept_apart(void **state)
{
    (void)state;
    w.servers[SP2].own = w.servers[SP1].own;
    w.servers[SP2].by_value = true;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    assert_true(run_until(joined, 600));
    assert_false(run_until(operational_sp2, 1000));
    w.servers[SP2].own = w.servers[CA2].own;
    assert_false(run_until(operational_sp2, 600));
    assert_int_equal(w.servers[SP2].requests, 0);
}

static void test_R8_a_new_order_from_fallback(void **state)
{
    (void)state;
    w.servers[CA2].refuses = true;
    w.retry_order = true;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    assert_true(run_until(in_fallback, 600));
    w.servers[CA2].refuses = false;
    w.accepted = false;
    assert_true(run_until(operational_sp2, 600));
    assert_int_equal(cede_device_record(&w.device)->seq, 4);
    assert_int_equal(w.servers[CA2].alarms, 0);
}

static void test_R8_both_dead_keeps_trying_both(void **state)
{
    (void)state;
    w.servers[SP2].dead = true;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    assert_true(run_until(joined, 600));
    w.servers[SP1].dead = true;
    assert_true(run_until(in_fallback, 5 * 3600));
    assert_true(run_until(joined, 24 * 3600)); /* tries SP2 again */
    assert_true(run_until(in_fallback, 24 * 3600));
    w.servers[SP2].dead = false;
    assert_true(run_until(operational_sp2, 24 * 3600));
    assert_int_equal(w.servers[CA2].issued, 1);
}

static bool patient_enough(void)
{
    return in_fallback() || w.now_ms > 100u * 3600 * 1000;
}

static void test_R8_without_a_clock_patience_is_counted(void **state)
{
    (void)state;
    w.has_clock = false;
    w.patience = true;
    w.attempts = 5;
    w.hours = 3;
    w.servers[CA2].dead = true;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    assert_true(run_until(joining, 600));
    assert_true(run_until(patient_enough, 200 * 3600));
    assert_true(in_fallback());
    assert_true(w.now_ms > 3u * 3600 * 1000 && w.now_ms < 5u * 3600 * 1000);
    assert_int_equal(cede_device_record(&w.device)->reason, CEDE_DEVICE_PATIENCE);
    assert_true(run_until(home_again, 3600));
}

/* SP2 always wants the device to wait a little longer: at `latest` it falls back all the same. */
static void test_R8_a_provider_that_stalls_is_left_at_latest(void **state)
{
    (void)state;
    w.update_first = true;
    w.stall = true;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    assert_true(run_until(in_fallback, LATEST - EPOCH + 10));
    assert_int_equal(w.last_report[SP2].state, CEDE_DEVICE_UPDATING);
    assert_int_equal(cede_device_record(&w.device)->reason, CEDE_DEVICE_TOO_LATE);
    assert_true(run_until(home_again, 3600));
}

static void stall_without_a_clock(bool update_first)
{
    w.has_clock = false;
    w.patience = true;
    w.attempts = 5;
    w.hours = 3;
    w.update_first = update_first;
    w.stall = true;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    w.has_come_back = true;
    w.come_back_s = UINT64_MAX;
    assert_true(run_until(in_fallback, 10 * 3600));
    assert_int_equal(cede_device_record(&w.device)->reason, CEDE_DEVICE_PATIENCE);
    w.has_come_back = false;
    assert_true(run_until(home_again, 3600));
}

static void test_R8_stalling_wears_out_patience(void **state)
{
    (void)state;
    stall_without_a_clock(true);
    world_begin();
    stall_without_a_clock(false);
}

/* Whoever can answer in CA2's place asks for one Echo after the other. */
static void test_R8_endless_challenges_only_delay(void **state)
{
    unsigned before;

    (void)state;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    w.servers[CA2].challenge = true;
    w.servers[CA2].never_content = true;
    assert_true(run_until(joining, 600));
    before = w.datagrams;
    assert_false(run_until(in_fallback, 1800));
    assert_true(w.datagrams - before < 500);
    assert_true(run_until(in_fallback, 3600));
    assert_int_equal(cede_device_record(&w.device)->reason, CEDE_DEVICE_TOO_LATE);
}

/* Power never lasts for more than a few attempts. */
static void test_R8_patience_survives_restarts(void **state)
{
    unsigned restarts = 0;

    (void)state;
    w.has_clock = false;
    w.patience = true;
    w.attempts = 10;
    w.hours = 0;
    w.servers[CA2].dead = true;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    assert_true(run_until(joining, 600));
    while (!in_fallback() && restarts < 40) {
        while (w.device.stats.failures < 2 && !in_fallback()) {
            step();
        }
        if (!in_fallback()) {
            restart();
            restarts++;
        }
    }
    assert_true(in_fallback());
    assert_int_equal(cede_device_record(&w.device)->reason, CEDE_DEVICE_PATIENCE);
}

/* The clock loses its time in the middle of a hand-over. */
static void test_R8_a_clock_that_fell_back_is_none(void **state)
{
    (void)state;
    w.servers[CA2].dead = true;
    w.patience = true;
    w.attempts = 5;
    w.hours = 3;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    assert_true(run_until(joining, 600));
    w.clock_back_s = EPOCH; /* 1970 */
    assert_true(run_until(in_fallback, 10 * 3600));
    assert_true(run_until(home_again, 3600));
}

/* The same with a clock that stands still or was turned back by not so much. */
static void test_R8_a_window_is_not_longer_than_it_is(void **state)
{
    (void)state;
    w.servers[CA2].dead = true;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    assert_true(run_until(joining, 600));
    while (w.now_ms < 10u * 3600 * 1000 && !in_fallback()) {
        w.clock_back_s = w.now_ms / 1000; /* always the beginning of the window */
        step();
    }
    assert_true(in_fallback());
}

/* --- wear and battery: nothing repeats itself quickly --------------------------------------------
 */

static unsigned writes_in(uint64_t seconds)
{
    uint64_t end_ms = w.now_ms + seconds * 1000;
    unsigned writes = w.writes;

    while (w.now_ms < end_ms) {
        step();
    }
    return w.writes - writes;
}

static void test_a_CA1_that_refuses_does_not_wear_out_the_flash(void **state)
{
    (void)state;
    w.servers[CA2].refuses = true;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    w.servers[CA1].refuses = true;
    assert_true(run_until(in_fallback, 600));
    (void)writes_in(3600);
    assert_in_range(writes_in(24 * 3600), 1, 300);
    w.servers[CA1].refuses = false;
    assert_true(run_until(home_again, 24 * 3600));
}

static void test_new_orders_without_end_do_not_wear_out_the_flash(void **state)
{
    (void)state;
    w.servers[CA2].refuses = true;
    w.always_offers = true;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    assert_true(run_until(in_fallback, 600));
    (void)writes_in(1200);
    assert_in_range(writes_in(1200), 0, 100);
}

static void test_both_dead_does_not_wear_out_the_flash(void **state)
{
    (void)state;
    w.servers[SP2].dead = true;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    assert_true(run_until(joined, 600));
    w.servers[SP1].dead = true;
    assert_true(run_until(in_fallback, 5 * 3600));
    (void)writes_in(24 * 3600);
    assert_in_range(writes_in(24 * 3600), 1, 200);
}

static void test_polls_write_nothing(void **state)
{
    (void)state;
    assert_true(run_until(operational_sp1, 600));
    assert_int_equal(writes_in(24 * 3600), 0);
}

static void test_come_back_at_once_means_soon(void **state)
{
    unsigned requests;

    (void)state;
    w.has_come_back = true;
    w.come_back_s = 0;
    assert_true(run_until(operational_sp1, 600));
    requests = w.servers[SP1].requests;
    (void)writes_in(600);
    assert_in_range(w.servers[SP1].requests - requests, 1, 600);
}

/* The same bad order again and again: each is reported, but not in a loop. */
static void test_bad_orders_without_end_are_reported_at_the_usual_pace(void **state)
{
    unsigned requests;

    (void)state;
    assert_true(run_until(operational_sp1, 600));
    w.always_offers = true;
    world_offer();
    w.now_ms = (uint64_t)(LATEST - EPOCH + 10) * 1000;
    assert_true(run_until(refused, 600));
    requests = w.servers[SP1].requests;
    (void)writes_in(600);
    assert_in_range(w.servers[SP1].requests - requests, 5, 30);
}

/* --- what is too large -------------------------------------------------------------------------
 */

/* SP1 fills the record, CA2's certificate does not fit any more: the device goes on. */
static void test_R1_a_certificate_that_does_not_fit_is_a_failure(void **state)
{
    struct server *ca = &w.servers[CA2];

    (void)state;
    make_credential(&ca->issuing, CEDE_SPAN_TEXT("issuing"), CEDE_SPAN_TEXT("issuing"),
                    &ca->issuing, true, 0);
    ca->has_issuing = true;
    ca->issuer_len = 1250;
    w.filler_len = w.x509 ? 900 : 1390;
    w.more_entries = w.x509 ? 0 : 1;
    assert_true(run_until(operational_sp1, 600));
    world_offer();

    assert_true(run_until(in_fallback, 1800));
    assert_int_equal(cede_device_record(&w.device)->reason, CEDE_NO_SPACE);
    assert_true(run_until(home_again, 3600));
}

static void test_R3_seq_does_not_leap(void **state)
{
    (void)state;
    assert_true(run_until(operational_sp1, 600));
    make_trust_update(&w.servers[SP1].authority, 1);
    make_order(&w.servers[SP1].authority, UINT64_MAX);
    w.offered = true;
    assert_order_refused(CEDE_TRANSFER_SEQ);
    make_trust_update(&w.servers[SP1].authority, UINT64_MAX);
    w.offered = true;
    w.order_len = 0;
    assert_order_refused(CEDE_TRANSFER_SEQ);
    assert_int_equal(cede_device_record(&w.device)->seq, 1);
}

/* --- sessions ----------------------------------------------------------------------------------
 */

static bool has_polled_since_junk(void)
{
    return w.servers[CA1].junk && w.device.renew_after_ms > 0 && !w.device.renewing;
}

/* A session with the CA is not gone on with as if it were one with the update server. */
static void test_R8_a_failed_renewal_leaves_no_session(void **state)
{
    (void)state;
    assert_true(run_until(operational_sp1, 600));
    w.now_ms = 80ull * 24 * 3600 * 1000;
    w.servers[CA1].junk = true;
    assert_true(run_until(has_polled_since_junk, 3600));
    assert_false(w.device.has_oscore || w.device.has_channel);
}

static void test_separate_responses_are_acknowledged_or_dropped(void **state)
{
    (void)state;
    for (int i = 0; i < SERVER_COUNT; i++) {
        w.servers[i].separate = true;
    }
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    assert_true(run_until(operational_sp2, 600));
}

/* A device that slept past the end of its certificate asks its CA for another. */
static void test_R1_an_expired_certificate_is_replaced(void **state)
{
    (void)state;
    assert_true(run_until(operational_sp1, 600));
    w.now_ms = 101ull * 24 * 3600 * 1000;
    w.servers[CA1].live = false;
    assert_true(run_until(renewed, 3600));
    assert_int_equal(w.servers[CA1].alarms, 0);
}

/* --- R14 -------------------------------------------------------------------------------------- */

static void test_R14_commit_erases_the_old_provider(void **state)
{
    const struct cede_device_record *record = cede_device_record(&w.device);
    uint8_t sp1_array[513], ca1_array[513];
    struct cede_span sp1 = as_array(raw(&w.servers[SP1].authority), sp1_array);
    struct cede_span ca1 = as_array(raw(&w.servers[CA1].authority), ca1_array);

    (void)state;
    assert_true(run_until(operational_sp1, 600));
    assert_true(flash_holds(raw(&w.servers[SP1].authority)));
    world_offer();
    assert_true(run_until(operational_sp2, 600));
    assert_false(flash_holds(sp1));
    assert_false(flash_holds(raw(&w.servers[SP1].authority)));
    assert_false(flash_holds(ca1));
    assert_false(flash_holds(raw(&w.servers[CA1].authority)));
    assert_false(flash_holds(CEDE_SPAN_TEXT("127.0.0.1:1001")));
    assert_false(flash_holds(CEDE_SPAN_TEXT("127.0.0.1:1002")));
    assert_true(cede_span_is_null(record->order));
    assert_true(cede_span_equal(record->controller_name, CEDE_SPAN_TEXT("SP2")));
    assert_int_equal(record->seq, 2); /* kept */
    assert_true(flash_holds(raw(&w.servers[CA2].authority)));
    /* Nor does a word of SP1 count any longer. */
    {
        struct cede_transfer_rules rules = {
            {CEDE_CRV_P256, CEDE_SPAN_ARRAY(w.servers[SP2].authority.point)},
            CEDE_SPAN_TEXT(DEVICE_ID),
            record->seq,
            NULL};
        struct cede_transfer order;
        make_order(&w.servers[SP1].authority, 9);
        assert_int_equal(
            cede_transfer_check(w.crypto, &rules, cede_span(w.order, w.order_len), &order),
            CEDE_TRANSFER_SIGNATURE);
    }
}

/* SP1 slips a root of its own into the trust update, and has it certify CA2's key: the path from
 * the device's certificate to that root is sound, yet the root gets nothing. */
static void test_R14_a_root_slipped_in_does_not_stay(void **state)
{
    (void)state;
    make_rogue();
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    assert_true(run_until(operational_sp2, 600));
    assert_false(flash_holds(raw(&w.rogue)));
    assert_true(flash_holds(raw(&w.servers[CA2].authority)));
}

/* CA2 below a root that is the anchor: the device joins by way of the root, and keeps CA2. */
static void test_R14_an_intermediate_CA_stays(void **state)
{
    (void)state;
    make_rogue();
    w.below_root = true;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    assert_true(run_until(operational_sp2, 600));
    assert_false(flash_holds(raw(&w.rogue)));
    assert_true(flash_holds(raw(&w.cross)));
}

static void test_R14_a_welcome_by_another_controller_commits_nothing(void **state)
{
    (void)state;
    w.wrong_welcome = true;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    assert_true(run_until(in_fallback, 600));
    assert_true(controlled_by(SP1));
    assert_int_equal(cede_device_record(&w.device)->reason, CEDE_DEVICE_WELCOME);
}

/* --- the X.509 profile -------------------------------------------------------------------------
 */

/* A device without X.509 certificates cannot go where DTLS is spoken, and says so at once. */
static void test_compact_devices_refuse_orders_to_coaps(void **state)
{
    (void)state;
    assert_true(run_until(operational_sp1, 600));
    w.x509 = true; /* for the URIs of the order */
    make_order(&w.servers[SP1].authority, 2);
    w.x509 = false;
    make_trust_update(&w.servers[SP1].authority, 1);
    w.offered = true;
    assert_order_refused(CEDE_DEVICE_PROFILE);
}

static bool polled_again(void)
{
    return w.reports[SP1][CEDE_DEVICE_OPERATIONAL] > 1;
}

/* The server has restarted: it answers nothing that comes in the old channel. */
static void test_x509_a_forgotten_channel_is_opened_again(void **state)
{
    uint64_t asked_ms;

    (void)state;
    assert_true(run_until(operational_sp1, 600));
    w.channel.alive = false;
    w.channel.opened = 0;
    asked_ms = w.now_ms + 66000;
    assert_true(run_until(polled_again, 120));
    assert_int_equal(w.channel.opened, 1);
    assert_true(w.now_ms < asked_ms + 10000);
    assert_int_equal(w.device.stats.failures, 0);
}

static void test_x509_a_closed_channel_is_opened_again(void **state)
{
    (void)state;
    assert_true(run_until(operational_sp1, 600));
    w.channel.closes = true;
    w.channel.opened = 0;
    assert_true(run_until(polled_again, 120));
    assert_int_equal(w.channel.opened, 1);
    assert_int_equal(w.device.stats.failures, 0);
}

/* Whoever can close every new channel can delay, no more; and the device does not hurry. */
static void test_x509_a_channel_that_is_always_closed_only_delays(void **state)
{
    uint64_t end_ms;
    unsigned before;

    (void)state;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    assert_true(run_until(joining, 600));
    before = w.datagrams;
    end_ms = w.now_ms + 1800u * 1000;
    while (w.now_ms < end_ms) {
        w.channel.closes = true;
        step();
    }
    assert_true(w.datagrams - before < 500);
    assert_int_equal(state_now(), CEDE_DEVICE_JOINING);
    w.channel.closes = false;
    assert_true(run_until(operational_sp2, 600));
}

/* 4.06 to a bare certificate: each server has the other format (RFC 9148, section 4.3). */
static void test_x509_a_CA_with_certs_only_messages_alone(void **state)
{
    (void)state;
    w.servers[CA1].certs_only = true;
    w.servers[CA2].certs_only = true;
    assert_true(run_until(operational_sp1, 600));
    assert_int_equal(w.device.stats.failures, 0);
    world_offer();
    assert_true(run_until(operational_sp2, 600));
    assert_int_equal(w.servers[CA2].issued, 1);
}

/* An enrolment server out of order: with that certificate no channel could be opened. */
static void test_x509_a_C509_certificate_is_none(void **state)
{
    struct server *ca = &w.servers[CA1];
    struct cede_device_record record;

    (void)state;
    ca->compact = true;
    assert_false(run_until(operational_sp1, 600));
    record = *cede_device_record(&w.device);
    assert_int_equal(record.state, CEDE_DEVICE_ENROLLING);
    assert_true(cede_span_is_null(record.operational_certificate));
    ca->compact = false;
    ca->live = false;
    assert_true(run_until(operational_sp1, 3600));
}

/* Until the device does something that needs the platform's channel. */
static struct cede_device_action next_open(void)
{
    struct cede_device_action action;

    do {
        action = cede_device_next(&w.device, w.now_ms);
        w.now_ms = action.todo == CEDE_DEVICE_WAIT ? action.until_ms : w.now_ms;
    } while (action.todo == CEDE_DEVICE_WAIT || action.todo == CEDE_DEVICE_CLOSE);
    assert_int_equal(action.todo, CEDE_DEVICE_OPEN);
    return action;
}

static void assert_not_judged(const struct cede_span *chain, size_t count)
{
    assert_int_not_equal(cede_device_channel_judge(&w.device, chain, count), CEDE_OK);
    cede_device_channel_opened(&w.device, w.now_ms); /* a platform that does not listen */
    assert_false(w.device.has_channel);
    assert_int_equal(w.device.exchange_state, CEDE_DEVICE_IDLE);
}

static void test_x509_nobody_is_spoken_to_unjudged(void **state)
{
    struct cede_span many[CEDE_PATH_DEPTH_MAX + 1], chain;

    (void)state;
    /* Not asked at all. */
    (void)next_open();
    cede_device_channel_opened(&w.device, w.now_ms);
    assert_false(w.device.has_channel);
    /* The wrong role, another CA, no certificate, none at all, too many. */
    (void)next_open();
    chain = raw(&w.servers[SP1].own);
    assert_not_judged(&chain, 1);
    (void)next_open();
    chain = raw(&w.servers[CA2].own);
    assert_not_judged(&chain, 1);
    (void)next_open();
    chain = raw(&w.servers[CA1].authority); /* an anchor is no server */
    assert_not_judged(&chain, 1);
    (void)next_open();
    chain = CEDE_SPAN_TEXT("junk");
    assert_not_judged(&chain, 1);
    (void)next_open();
    assert_not_judged(NULL, 0);
    (void)next_open();
    for (size_t i = 0; i < sizeof many / sizeof many[0]; i++) {
        many[i] = raw(&w.servers[CA1].own);
    }
    assert_not_judged(many, sizeof many / sizeof many[0]);
    /* Once well, once not: the last word counts. */
    (void)next_open();
    OK(cede_device_channel_judge(&w.device, many, 1));
    assert_not_judged(&chain, 1);
    /* Nobody asked for this one. */
    assert_int_not_equal(cede_device_channel_judge(&w.device, many, 1), CEDE_OK);
    cede_device_channel_opened(&w.device, w.now_ms);
    assert_false(w.device.has_channel);
    assert_true(w.servers[CA1].requests == 0);
    assert_true(run_until(operational_sp1, 3600));
}

/* Whatever comes beside the channel, even the right answer, is not from the server. */
static void test_x509_datagrams_beside_the_channel_are_ignored(void **state)
{
    struct cede_device_action action;
    struct cede_span chain = raw(&w.servers[CA1].own), response;
    uint8_t memory[1500];

    (void)state;
    (void)next_open();
    OK(cede_device_channel_judge(&w.device, &chain, 1));
    cede_device_channel_opened(&w.device, w.now_ms);
    w.channel.session.factory = true;
    w.channel.server = CA1;
    action = cede_device_next(&w.device, w.now_ms);
    assert_true(action.todo == CEDE_DEVICE_SEND && action.secure);
    response = answer_plain(CA1, &w.channel.session, action.datagram, CEDE_BUF_ARRAY(memory));
    cede_device_receive(&w.device, response, w.now_ms);
    assert_int_equal(state_now(), CEDE_DEVICE_ENROLLING);
    cede_device_channel_closed(&w.device, w.now_ms);
    cede_device_channel_receive(&w.device, response, w.now_ms); /* no channel any more */
    assert_int_equal(state_now(), CEDE_DEVICE_ENROLLING);
    assert_true(run_until(operational_sp1, 600));
}

/* With the old provider's keys goes its channel, before anything is said to the next one. */
static void test_x509_R2_the_channel_is_closed_before_the_next(void **state)
{
    (void)state;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    while (state_now() != CEDE_DEVICE_RESET) {
        step();
    }
    assert_true(w.channel.open);
    assert_false(w.device.has_channel);
    assert_int_equal(cede_device_next(&w.device, w.now_ms).todo, CEDE_DEVICE_CLOSE);
    w.channel.open = false;
    assert_int_equal(cede_device_next(&w.device, w.now_ms).todo, CEDE_DEVICE_OPEN);
}

int main(void)
{
    const struct CMUnitTest both[] = {
        cmocka_unit_test_setup(test_enrol_operate_hand_over, begin),
        cmocka_unit_test_setup(test_lossy_network, begin),
        cmocka_unit_test_setup(test_update_first, begin),
        cmocka_unit_test_setup(test_anchor_is_fetched_where_it_is_missing, begin),
        cmocka_unit_test_setup(test_long_answers_come_in_blocks, begin),
        cmocka_unit_test_setup(test_certificate_is_renewed_in_time, begin),
        cmocka_unit_test_setup(test_R1_power_cut_at_every_write, begin),
        cmocka_unit_test_setup(test_R1_power_cut_at_every_write_of_a_fallback, begin),
        cmocka_unit_test_setup(test_R1_lost_welcome_is_settled_by_asking_again, begin),
        cmocka_unit_test_setup(test_R1_power_cut_at_every_write_of_a_renewal, begin),
        cmocka_unit_test_setup(test_R1_power_cut_at_every_write_of_a_way_home, begin),
        cmocka_unit_test_setup(test_R2_the_old_key_is_gone_from_flash_and_memory, begin),
        cmocka_unit_test_setup(test_R2_scrubbed_at_the_next_start, begin),
        cmocka_unit_test_setup(test_R3_refused_orders_are_reported_and_change_nothing, begin),
        cmocka_unit_test_setup(test_R3_seq_must_grow, begin),
        cmocka_unit_test_setup(test_R3_window, begin),
        cmocka_unit_test_setup(test_R4_a_replayed_order_changes_nothing, begin),
        cmocka_unit_test_setup(test_R4_noise_is_ignored, begin),
        cmocka_unit_test_setup(test_R8_dead_CA2_means_fallback_at_latest, begin),
        cmocka_unit_test_setup(test_R8_dead_SP2_means_fallback_at_latest, begin),
        cmocka_unit_test_setup(test_R8_protected_refusal_is_permanent, begin),
        cmocka_unit_test_setup(test_R8_forged_errors_only_delay, begin),
        cmocka_unit_test_setup(test_R8_a_CA2_with_another_key_gets_nothing, begin),
        cmocka_unit_test_setup(test_R8_roles_are_kept_apart, begin),
        cmocka_unit_test_setup(test_R8_a_new_order_from_fallback, begin),
        cmocka_unit_test_setup(test_R8_both_dead_keeps_trying_both, begin),
        cmocka_unit_test_setup(test_R8_without_a_clock_patience_is_counted, begin),
        cmocka_unit_test_setup(test_R8_a_provider_that_stalls_is_left_at_latest, begin),
        cmocka_unit_test_setup(test_R8_stalling_wears_out_patience, begin),
        cmocka_unit_test_setup(test_R8_patience_survives_restarts, begin),
        cmocka_unit_test_setup(test_R8_a_clock_that_fell_back_is_none, begin),
        cmocka_unit_test_setup(test_R8_a_window_is_not_longer_than_it_is, begin),
        cmocka_unit_test_setup(test_a_CA1_that_refuses_does_not_wear_out_the_flash, begin),
        cmocka_unit_test_setup(test_new_orders_without_end_do_not_wear_out_the_flash, begin),
        cmocka_unit_test_setup(test_both_dead_does_not_wear_out_the_flash, begin),
        cmocka_unit_test_setup(test_polls_write_nothing, begin),
        cmocka_unit_test_setup(test_come_back_at_once_means_soon, begin),
        cmocka_unit_test_setup(test_bad_orders_without_end_are_reported_at_the_usual_pace, begin),
        cmocka_unit_test_setup(test_R1_a_certificate_that_does_not_fit_is_a_failure, begin),
        cmocka_unit_test_setup(test_R3_seq_does_not_leap, begin),
        cmocka_unit_test_setup(test_R8_a_failed_renewal_leaves_no_session, begin),
        cmocka_unit_test_setup(test_separate_responses_are_acknowledged_or_dropped, begin),
        cmocka_unit_test_setup(test_R1_an_expired_certificate_is_replaced, begin),
        cmocka_unit_test_setup(test_R14_commit_erases_the_old_provider, begin),
        cmocka_unit_test_setup(test_R14_a_root_slipped_in_does_not_stay, begin),
        cmocka_unit_test_setup(test_R14_an_intermediate_CA_stays, begin),
        cmocka_unit_test_setup(test_R14_a_welcome_by_another_controller_commits_nothing, begin),
    };
    const struct CMUnitTest compact[] = {
        cmocka_unit_test_setup(test_server_that_forgot_the_reference_is_sent_the_value, begin),
        cmocka_unit_test_setup(test_echo_challenge_is_answered, begin),
        cmocka_unit_test_setup(test_R8_endless_challenges_only_delay, begin),
        cmocka_unit_test_setup(test_compact_devices_refuse_orders_to_coaps, begin),
    };
    const struct CMUnitTest x509[] = {
        cmocka_unit_test_setup(test_x509_a_forgotten_channel_is_opened_again, begin),
        cmocka_unit_test_setup(test_x509_a_closed_channel_is_opened_again, begin),
        cmocka_unit_test_setup(test_x509_a_channel_that_is_always_closed_only_delays, begin),
        cmocka_unit_test_setup(test_x509_a_CA_with_certs_only_messages_alone, begin),
        cmocka_unit_test_setup(test_x509_a_C509_certificate_is_none, begin),
        cmocka_unit_test_setup(test_x509_nobody_is_spoken_to_unjudged, begin),
        cmocka_unit_test_setup(test_x509_datagrams_beside_the_channel_are_ignored, begin),
        cmocka_unit_test_setup(test_x509_R2_the_channel_is_closed_before_the_next, begin),
    };
    int failed = cmocka_run_group_tests_name("both, compact", both, use_compact, NULL);

    failed += cmocka_run_group_tests_name("both, x509", both, use_x509, NULL);
    failed += cmocka_run_group_tests_name("compact", compact, use_compact, NULL);
    failed += cmocka_run_group_tests_name("x509", x509, use_x509, NULL);
    return failed;
}
