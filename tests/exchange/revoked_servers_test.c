/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revoked_servers_test.c - devices that want a proof of their servers' status: whole lives with it,
 * and every way in which a proof may be bad.
 */
#include "device_world.h"

static void begin(enum cede_status_policy policy, bool has_clock)
{
    world_policy = policy;
    world_begin();
    w.has_clock = has_clock;
}

static void all_show(enum proof proof)
{
    for (int i = 0; i < SERVER_COUNT; i++) {
        w.servers[i].proof = proof;
    }
}

static void test_a_whole_hand_over_with_proofs(void **state)
{
    (void)state;
    begin(CEDE_STATUS_POLICY_REQUIRE, true);
    all_show(PROOF_GOOD);
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    assert_true(run_until(operational_sp2, 3000));
    for (int i = 0; i < SERVER_COUNT; i++) {
        assert_true(w.servers[i].proofs > 0);
    }
}

static void test_a_whole_hand_over_without_a_clock(void **state)
{
    (void)state;
    begin(CEDE_STATUS_POLICY_REQUIRE, false);
    all_show(PROOF_GOOD);
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    assert_true(run_until(operational_sp2, 3000));
}

/* Nobody is asked, nothing is longer than without the policy. */
static void test_off_does_not_ask(void **state)
{
    (void)state;
    begin(CEDE_STATUS_POLICY_OFF, true);
    all_show(PROOF_REVOKED);
    assert_true(run_until(operational_sp1, 600));
    assert_int_equal(w.servers[CA1].proofs + w.servers[SP1].proofs, 0);
}

static void test_prefer_takes_all_but_the_revoked(void **state)
{
    static const enum proof taken[] = {PROOF_NONE,  PROOF_GOOD,      PROOF_STALE,
                                       PROOF_OTHER, PROOF_WRONG_KEY, PROOF_OWN_KEY};

    (void)state;
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        begin(CEDE_STATUS_POLICY_PREFER, true);
        all_show(taken[i]);
        assert_true(run_until(operational_sp1, 600));
    }
    begin(CEDE_STATUS_POLICY_PREFER, true);
    all_show(PROOF_REVOKED);
    assert_false(run_until(operational_sp1, 3600));
    assert_int_equal(w.servers[CA1].issued, 0);
}

/* The enrolment server issues nothing: the device ends the handshake before message_3. */
static void test_require_refuses_an_enrolment_server(void **state)
{
    static const enum proof refused[] = {PROOF_NONE,  PROOF_REVOKED,   PROOF_STALE,  PROOF_FUTURE,
                                         PROOF_OTHER, PROOF_WRONG_KEY, PROOF_OWN_KEY};

    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        begin(CEDE_STATUS_POLICY_REQUIRE, true);
        all_show(refused[i]);
        assert_false(run_until(operational_sp1, 3600));
        assert_int_equal(w.servers[CA1].issued, 0);
        assert_int_equal(w.device.stats.handshakes, 0);
    }
}

static bool issued_at_ca1(void)
{
    return w.servers[CA1].issued > 0;
}

static void test_require_refuses_an_update_server(void **state)
{
    static const enum proof refused[] = {PROOF_NONE,  PROOF_REVOKED,   PROOF_STALE,  PROOF_FUTURE,
                                         PROOF_OTHER, PROOF_WRONG_KEY, PROOF_OWN_KEY};

    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        begin(CEDE_STATUS_POLICY_REQUIRE, true);
        all_show(PROOF_GOOD);
        w.servers[SP1].proof = refused[i];
        assert_true(run_until(issued_at_ca1, 600));
        assert_false(run_until(operational_sp1, 3600));
        assert_int_equal(w.servers[SP1].requests, 0);
    }
}

/* Every bit of the first proofs, one after the other: each attempt fails. */
static void test_no_bit_flip_passes(void **state)
{
    (void)state;
    begin(CEDE_STATUS_POLICY_REQUIRE, true);
    all_show(PROOF_FLIPPED);
    assert_false(run_until(operational_sp1, 8 * 100 * 70));
    assert_true(w.servers[CA1].flipped >= 8 * 85);
    assert_int_equal(w.servers[CA1].issued, 0);
}

static bool proof_is_bad(void)
{
    return w.device.failures > 3;
}

/* A server that was revoked after it got its last good proof: it may be shown as long as it lasts,
 * and ends then, in a session that is open, too. */
static void test_a_good_proof_from_before_the_revocation_lasts_its_lifetime(void **state)
{
    unsigned requests;

    (void)state;
    begin(CEDE_STATUS_POLICY_REQUIRE, true);
    all_show(PROOF_GOOD);
    assert_true(run_until(operational_sp1, 600));
    w.servers[SP1].proof = PROOF_KEPT;
    requests = w.servers[SP1].requests;
    assert_false(run_until(proof_is_bad, PROOF_LIFETIME / 2));
    assert_true(w.servers[SP1].requests > requests);
    assert_true(run_until(proof_is_bad, PROOF_LIFETIME));
    requests = w.servers[SP1].requests;
    assert_false(run_until(operational_sp2, 2 * PROOF_LIFETIME));
    assert_int_equal(w.servers[SP1].requests, requests);
}

/* Without a clock: the time that has passed since the issuer spoke last is known. */
static void test_the_same_without_a_clock(void **state)
{
    unsigned requests;

    (void)state;
    begin(CEDE_STATUS_POLICY_REQUIRE, false);
    all_show(PROOF_GOOD);
    assert_true(run_until(operational_sp1, 600));
    w.servers[SP1].proof = PROOF_KEPT;
    assert_true(run_until(proof_is_bad, 2 * PROOF_LIFETIME));
    requests = w.servers[SP1].requests;
    assert_false(run_until(operational_sp2, 2 * PROOF_LIFETIME));
    assert_int_equal(w.servers[SP1].requests, requests);
}

/* And a restart does not make a proof good that is older than the controller itself. */
static void test_a_proof_older_than_the_controller_is_stale(void **state)
{
    struct cede_status_rules rules = {.floor = EPOCH};
    struct cede_status_proof proof = {.this_update = EPOCH - PROOF_LIFETIME - CEDE_STATUS_SKEW - 1,
                                      .lifetime = PROOF_LIFETIME};
    struct cede_public_key key;
    struct cede_private_key private;
    uint8_t memory[CEDE_STATUS_PROOF_LEN_MAX];
    struct cede_span encoding;

    (void)state;
    begin(CEDE_STATUS_POLICY_REQUIRE, false);
    private = private_key(&w.servers[SP1].authority);
    key = (struct cede_public_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(w.servers[SP1].authority.point)};
    OK(cede_status_proof_sign(w.crypto, &private, raw(&w.servers[SP1].own), &proof,
                              CEDE_BUF_ARRAY(memory), &encoding));
    assert_int_equal(
        cede_status_proof_check(w.crypto, &key, raw(&w.servers[SP1].own), &rules, encoding, NULL),
        CEDE_STATUS_STALE);
}

/* The policy is part of the record and outlives restarts. */
static void test_the_policy_survives_a_restart(void **state)
{
    (void)state;
    begin(CEDE_STATUS_POLICY_REQUIRE, true);
    all_show(PROOF_GOOD);
    assert_true(run_until(operational_sp1, 600));
    restart();
    assert_int_equal(cede_device_record(&w.device)->status_policy, CEDE_STATUS_POLICY_REQUIRE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_whole_hand_over_with_proofs),
        cmocka_unit_test(test_a_whole_hand_over_without_a_clock),
        cmocka_unit_test(test_off_does_not_ask),
        cmocka_unit_test(test_prefer_takes_all_but_the_revoked),
        cmocka_unit_test(test_require_refuses_an_enrolment_server),
        cmocka_unit_test(test_require_refuses_an_update_server),
        cmocka_unit_test(test_no_bit_flip_passes),
        cmocka_unit_test(test_a_good_proof_from_before_the_revocation_lasts_its_lifetime),
        cmocka_unit_test(test_the_same_without_a_clock),
        cmocka_unit_test(test_a_proof_older_than_the_controller_is_stale),
        cmocka_unit_test(test_the_policy_survives_a_restart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
