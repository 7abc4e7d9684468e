/* SPDX-License-Identifier: Apache-2.0 */
/* device_servers_test.c - servers that show, in message_2, something else than a good certificate:
 * the device does not speak with them, and does with the good one afterwards. */
#include "device_world.h"

#include "device/device_internal.h"

static int begin(void **state)
{
    (void)state;
    world_policy = CEDE_STATUS_POLICY_OFF;
    world_begin();
    return 0;
}

static int begin_with_proofs(void **state)
{
    (void)state;
    world_policy = CEDE_STATUS_POLICY_REQUIRE;
    world_begin();
    world_policy = CEDE_STATUS_POLICY_OFF;
    for (int i = 0; i < SERVER_COUNT; i++) {
        w.servers[i].proof = PROOF_GOOD;
    }
    return 0;
}

static bool failed(void)
{
    return w.device.stats.failures > 0;
}

/* CA1 shows `shown`. The device sends it nothing that is protected, and its next attempt, with the
 * server as it should be, is good. */
static void assert_not_spoken_with(struct cede_span shown)
{
    struct server *ca = &w.servers[CA1];

    ca->id_cred = shown;
    assert_true(run_until(failed, 600));
    assert_int_equal(ca->requests, 0);
    assert_int_equal(state_now(), CEDE_DEVICE_ENROLLING);
    ca->id_cred = CEDE_SPAN_NULL;
    assert_true(run_until(operational_sp1, 600));
}

/* { c5c : [ certificates ] } */
static struct cede_span put_chain(const struct cede_span *certificates, size_t count)
{
    static uint8_t memory[1100];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));

    cede_cbor_put_map(&writer, 1);
    cede_cbor_put_uint(&writer, CEDE_COSE_LABEL_C5C);
    cede_cbor_put_array(&writer, count);
    for (size_t i = 0; i < count; i++) {
        cede_cbor_put_bytes(&writer, certificates[i]);
    }
    assert_false(cede_span_is_null(cede_written(&writer)));
    return cede_written(&writer);
}

static void test_R8_a_key_identifier_names_no_server(void **state)
{
    static const uint8_t kid[] = {0xa1, 0x04, 0x41, 0xaa};

    (void)state;
    assert_not_spoken_with(CEDE_SPAN_ARRAY(kid));
}

static void test_R8_a_chain_longer_than_any_is_refused(void **state)
{
    struct cede_span chain[CEDE_PATH_DEPTH_MAX + 1];

    (void)state;
    for (size_t i = 0; i <= CEDE_PATH_DEPTH_MAX; i++) {
        chain[i] = raw(&w.servers[CA1].own);
    }
    assert_not_spoken_with(put_chain(chain, CEDE_PATH_DEPTH_MAX + 1));
}

static void test_R8_a_chain_with_one_that_is_none_is_refused(void **state)
{
    struct cede_span chain[] = {raw(&w.servers[CA1].own), CEDE_SPAN_TEXT("no certificate")};

    (void)state;
    assert_not_spoken_with(put_chain(chain, 2));
}

static void test_R8_the_certificate_of_another_server_is_refused(void **state)
{
    struct cede_span chain[] = {raw(&w.servers[SP1].own), raw(&w.servers[SP1].authority)};

    (void)state;
    assert_not_spoken_with(put_chain(chain, 2));
}

/* The issuer of the server comes along: proofs are checked by it. */
static void test_a_chain_with_its_issuer_is_taken(void **state)
{
    struct cede_span chain[] = {raw(&w.servers[CA1].own), raw(&w.servers[CA1].authority)};

    (void)state;
    w.servers[CA1].id_cred = put_chain(chain, 2);
    assert_true(run_until(operational_sp1, 600));
    assert_int_equal(w.device.stats.failures, 0);
}

/* What nobody asked for, and is not critical, is passed over (RFC 9528, section 3.8). */
static void test_more_is_said_than_was_asked(void **state)
{
    (void)state;
    w.servers[CA1].says_more = true;
    w.servers[SP1].says_more = true;
    assert_true(run_until(operational_sp1, 600));
    assert_int_equal(w.device.stats.failures, 0);
    assert_true(w.servers[CA1].proofs > 0);
}

/* CA1's server with a certificate of that key usage; 0: it has no such extension. */
static void certify_for(uint16_t key_usage)
{
    struct server *ca = &w.servers[CA1];
    struct cede_certificate_info info = {.serial = CEDE_SPAN_TEXT("\x41"),
                                         .issuer = {CEDE_NAME_TEXT, CEDE_SPAN_TEXT("CA1")},
                                         .subject = {CEDE_NAME_TEXT, CEDE_SPAN_TEXT("CA1")},
                                         .not_before = EPOCH - 1000,
                                         .not_after = EPOCH + 1000000,
                                         .path_len = CEDE_PATH_LEN_NONE,
                                         .key_usage = key_usage,
                                         .eku = CEDE_EKU_CMC_RA};
    struct cede_private_key by = private_key(&ca->authority);
    uint8_t scratch[1600];
    struct cede_span encoding;

    info.public_key = (struct cede_public_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(ca->own.point)};
    OK(cede_certificate_issue(CEDE_CERTIFICATE_C509_NATIVE, w.crypto, &info, &by,
                              CEDE_BUF_ARRAY(scratch), CEDE_BUF_ARRAY(ca->own.raw), &encoding));
    ca->own.len = encoding.len;
}

static void test_R8_a_key_for_agreement_does_not_sign(void **state)
{
    (void)state;
    certify_for(CEDE_KU_KEY_AGREEMENT);
    assert_true(run_until(failed, 600));
    assert_int_equal(w.servers[CA1].requests, 0);
    assert_int_equal(state_now(), CEDE_DEVICE_ENROLLING);
    certify_for(CEDE_KU_DIGITAL_SIGNATURE);
    assert_true(run_until(operational_sp1, 600));
}

static void test_a_key_whose_usage_is_not_said_signs(void **state)
{
    (void)state;
    certify_for(0);
    assert_true(run_until(operational_sp1, 600));
    assert_int_equal(w.device.stats.failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_R8_a_key_identifier_names_no_server, begin),
        cmocka_unit_test_setup(test_R8_a_chain_longer_than_any_is_refused, begin),
        cmocka_unit_test_setup(test_R8_a_chain_with_one_that_is_none_is_refused, begin),
        cmocka_unit_test_setup(test_R8_the_certificate_of_another_server_is_refused, begin),
        cmocka_unit_test_setup(test_a_chain_with_its_issuer_is_taken, begin_with_proofs),
        cmocka_unit_test_setup(test_more_is_said_than_was_asked, begin_with_proofs),
        cmocka_unit_test_setup(test_R8_a_key_for_agreement_does_not_sign, begin),
        cmocka_unit_test_setup(test_a_key_whose_usage_is_not_said_signs, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
