/* SPDX-License-Identifier: Apache-2.0 */
/* device_failures_test.c - whole lives in which one call of the crypto back end, or one reading of
 * the flash, fails: every one in turn. The device loses nothing, and goes on. */
#include "device_world.h"
#include "failing_crypto.h"

#define WINDOW_S  (LATEST - EPOCH)
#define RENEWAL_S 7200 /* one that failed comes again after an hour */

static struct failing_crypto failing;
static struct world before; /* a hand-over and the rest of the world, as they stood */
static struct world *const world = &w;

static int begin_with(bool x509, enum cede_status_policy policy)
{
    world_x509 = x509;
    world_policy = policy;
    world_begin();
    w.device_crypto = failing_crypto(&failing, w.crypto);
    w.may_halt = true;
    restart();
    return 0;
}

static int begin_compact(void **state)
{
    (void)state;
    return begin_with(false, CEDE_STATUS_POLICY_OFF);
}

static int begin_x509(void **state)
{
    (void)state;
    return begin_with(true, CEDE_STATUS_POLICY_OFF);
}

static int begin_with_proofs(void **state)
{
    (void)state;
    begin_with(false, CEDE_STATUS_POLICY_REQUIRE);
    for (int i = 0; i < SERVER_COUNT; i++) {
        w.servers[i].proof = PROOF_GOOD;
    }
    return 0;
}

/* --- crypto ----------------------------------------------------------------------------------- */

/* From `before`, with call number n failing. True when there was such a call. */
static bool reached_with(condition reached, unsigned n, uint64_t patience_s)
{
    *world = before;
    failing.calls = 0;
    failing.fail_at = n;
    if (!run_until(reached, patience_s)) {
        fail_msg("call %u failed, and the device stays in state %s for good", n,
                 cede_device_state_name(state_now()));
    }
    return failing.calls >= n;
}

/* Whatever call fails, the end is the same. */
static void assert_reached_whatever_fails(condition reached, uint64_t patience_s)
{
    unsigned n = 1;

    before = w;
    while (reached_with(reached, n, patience_s)) {
        assert_int_equal(w.servers[CA1].alarms + w.servers[CA2].alarms, 0);
        n++;
    }
    assert_true(n > 20); /* the life is not so short */
}

static void test_enrolment_whatever_call_fails(void **state)
{
    (void)state;
    assert_reached_whatever_fails(operational_sp1, WINDOW_S);
}

static void test_hand_over_whatever_call_fails(void **state)
{
    (void)state;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    w.always_offers = true; /* a refusal for no good reason is not the end of it */
    assert_reached_whatever_fails(operational_sp2, WINDOW_S);
}

static void test_update_first_whatever_call_fails(void **state)
{
    (void)state;
    assert_true(run_until(operational_sp1, 600));
    w.update_first = true;
    world_offer();
    w.always_offers = true;
    assert_reached_whatever_fails(operational_sp2, WINDOW_S);
}

static bool renewed(void)
{
    return w.servers[CA1].issued == 2 && w.device.record.pending_key.ptr == NULL;
}

static void test_renewal_whatever_call_fails(void **state)
{
    (void)state;
    assert_true(run_until(operational_sp1, 600));
    w.now_ms = 80ull * 24 * 3600 * 1000;
    assert_reached_whatever_fails(renewed, RENEWAL_S);
}

static bool home_again(void)
{
    return w.returned && operational_sp1();
}

static bool in_fallback(void)
{
    return state_now() == CEDE_DEVICE_FALLBACK;
}

static void test_way_home_whatever_call_fails(void **state)
{
    (void)state;
    w.servers[CA2].refuses = true;
    assert_true(run_until(operational_sp1, 600));
    world_offer();
    assert_true(run_until(in_fallback, 600));
    assert_reached_whatever_fails(home_again, WINDOW_S);
}

/* --- starting --------------------------------------------------------------------------------- */

static struct cede_device_config config_of(const struct cede_flash *flash)
{
    return (struct cede_device_config){
        .crypto = &failing.port, .flash = flash, .wall_clock = wall_clock};
}

/* The other slot may be erased at any start (R2). */
static void assert_record_is_there(void)
{
    unsigned slot = before.device.journal.slot;

    assert_memory_equal(w.flash[slot], before.flash[slot], sizeof w.flash[slot]);
}

static void test_start_fails_with_the_back_end_and_loses_nothing(void **state)
{
    struct cede_device_config config = config_of(&w.port);
    enum cede_status status;
    unsigned n = 0;

    (void)state;
    assert_true(run_until(operational_sp1, 600));
    before = w;
    do {
        n++;
        failing.calls = 0;
        failing.fail_at = n;
        status = cede_device_load(&w.device, &config, w.now_ms);
        if (status != CEDE_OK) {
            assert_int_equal(cede_status_class(status), CEDE_CLASS_BACKEND);
            assert_int_equal(cede_device_next(&w.device, w.now_ms).reason, status);
        }
        assert_record_is_there();
    } while (failing.calls >= n);
    assert_true(n > 5);
    assert_int_equal(status, CEDE_OK);
    assert_int_equal(state_now(), CEDE_DEVICE_OPERATIONAL);
}

static unsigned reads, read_fails_at;
static enum cede_status read_failure;

static enum cede_status failing_read(void *context, unsigned slot, size_t offset,
                                     struct cede_buf buf)
{
    if (++reads == read_fails_at) {
        memset(buf.ptr, 0xff, buf.cap); /* what it leaves behind is not to be believed */
        return read_failure;
    }
    return flash_read(context, slot, offset, buf);
}

/* Bytes that cannot be read count as damaged: the device says so, or runs with the record before.
 * Any other failure is not taken for damage, and nothing is lost by it. */
static void assert_start_whatever_reading_fails(enum cede_status failure)
{
    struct cede_flash flash = w.port;
    struct cede_device_config config = config_of(&flash);
    enum cede_status status;

    failing.fail_at = 0;
    flash.read = failing_read;
    read_failure = failure;
    read_fails_at = 0;
    do {
        reads = 0;
        read_fails_at++;
        *world = before;
        status = cede_device_load(&w.device, &config, w.now_ms);
        assert_int_equal(w.device.halted, status);
        if (w.device.journal.slot == before.device.journal.slot) {
            assert_record_is_there();
        }
        if (failure != CEDE_JOURNAL_FLASH && reads >= read_fails_at) {
            assert_int_equal(status, failure);
            assert_record_is_there();
        }
    } while (reads >= read_fails_at);
    assert_int_equal(status, CEDE_OK);
    assert_int_equal(state_now(), CEDE_DEVICE_OPERATIONAL);
    assert_true(read_fails_at > 4);
}

static void test_start_whatever_reading_fails(void **state)
{
    (void)state;
    assert_true(run_until(operational_sp1, 600));
    before = w;
    assert_start_whatever_reading_fails(CEDE_JOURNAL_FLASH);
    assert_start_whatever_reading_fails(CEDE_CRYPTO_FAILED); /* a store that encrypts */
}

/* --- provisioning ----------------------------------------------------------------------------- */

static void test_provisioning_whatever_call_fails(void **state)
{
    struct cede_trust_entry trust = {CEDE_PURPOSE_ENROL, raw(&w.servers[CA1].authority)};
    struct cede_device_provision provision = {.factory_key = CEDE_SPAN_ARRAY(w.factory.scalar),
                                              .factory_certificate = raw(&w.factory),
                                              .controller_certificate =
                                                  raw(&w.servers[SP1].authority),
                                              .enroll_uri = CEDE_SPAN_TEXT("coap://ca.example/e/t"),
                                              .update_uri = CEDE_SPAN_TEXT("coap://sp.example"),
                                              .trust = &trust,
                                              .trust_count = 1};
    enum cede_status status;
    unsigned n = 0;

    (void)state;
    do {
        n++;
        failing.calls = 0;
        failing.fail_at = n;
        status = cede_device_image_create(&failing.port, &w.port, &provision);
        assert_int_equal(status == CEDE_OK, failing.calls < n);
        assert_true(status == CEDE_OK || cede_status_class(status) == CEDE_CLASS_BACKEND);
    } while (status != CEDE_OK);
    assert_true(n > 3);
    for (n = 1; n < 20; n++) { /* and its flash: three operations at least */
        w.writes = 0;
        w.cut = false;
        w.cut_at = n;
        status = cede_device_image_create(w.crypto, &w.port, &provision);
        assert_int_equal(status, w.cut ? CEDE_JOURNAL_FLASH : CEDE_OK);
        if (!w.cut) {
            break;
        }
    }
    assert_true(n > 3);
    assert_int_equal(status, CEDE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_enrolment_whatever_call_fails, begin_compact),
        cmocka_unit_test_setup(test_hand_over_whatever_call_fails, begin_compact),
        cmocka_unit_test_setup(test_update_first_whatever_call_fails, begin_x509),
        cmocka_unit_test_setup(test_renewal_whatever_call_fails, begin_compact),
        cmocka_unit_test_setup(test_way_home_whatever_call_fails, begin_compact),
        cmocka_unit_test_setup(test_enrolment_whatever_call_fails, begin_with_proofs),
        cmocka_unit_test_setup(test_start_fails_with_the_back_end_and_loses_nothing, begin_compact),
        cmocka_unit_test_setup(test_start_whatever_reading_fails, begin_compact),
        cmocka_unit_test_setup(test_provisioning_whatever_call_fails, begin_compact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
