/* SPDX-License-Identifier: Apache-2.0 */
/* contract_test.c - contracts: one form only, and only the two named parties can make one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cede/crypto_openssl.h"
#include "server/sp/contract.h"

struct parties {
    char root[64];
    struct identity from, to, stranger;
};

static void load_party(const struct parties *parties, const char *name, struct identity *identity)
{
    char directory[128];

    snprintf(directory, sizeof directory, "%s/%s", parties->root, name);
    assert_int_equal(identity_create(directory, name, NULL, 0), CEDE_OK);
    assert_int_equal(identity_load(directory, identity), CEDE_OK);
}

static int set_up(void **state)
{
    struct parties *parties = calloc(1, sizeof *parties);

    assert_non_null(parties);
    snprintf(parties->root, sizeof parties->root, "/tmp/cede-contract-XXXXXX");
    assert_non_null(mkdtemp(parties->root));
    load_party(parties, "from", &parties->from);
    load_party(parties, "to", &parties->to);
    load_party(parties, "stranger", &parties->stranger);
    *state = parties;
    return 0;
}

static int tear_down(void **state)
{
    struct parties *parties = *state;
    char command[128];

    identity_wipe(&parties->from);
    identity_wipe(&parties->to);
    identity_wipe(&parties->stranger);
    snprintf(command, sizeof command, "rm -rf %s", parties->root);
    assert_int_equal(system(command), 0);
    free(parties);
    return 0;
}

static struct contract example(const struct parties *parties)
{
    struct contract contract = {
        .device_count = 20, .earliest = 1790000000, .latest = 1790003600, .created = 1789999999};

    memset(contract.transfer_id, 0xa1, sizeof contract.transfer_id);
    memset(contract.devices_digest, 0xd1, sizeof contract.devices_digest);
    strcpy(contract.from.name, "SP1");
    strcpy(contract.to.name, "SP2");
    if (parties != NULL) {
        memcpy(contract.from.key, parties->from.thumbprint, 32);
        memcpy(contract.to.key, parties->to.thumbprint, 32);
    }
    return contract;
}

/* --- the form --------------------------------------------------------------------------------- */

static void test_what_is_written_is_read(void **state)
{
    struct contract written = example(NULL), read;
    char *text = contract_encode(&written);

    (void)state;
    assert_non_null(text);
    assert_int_equal(contract_decode(cede_span_string(text), &read), CEDE_OK);
    assert_memory_equal(read.transfer_id, written.transfer_id, TRANSFER_ID_LEN);
    assert_memory_equal(read.devices_digest, written.devices_digest, 32);
    assert_string_equal(read.from.name, "SP1");
    assert_string_equal(read.to.name, "SP2");
    assert_int_equal(read.device_count, 20);
    assert_int_equal(read.earliest, 1790000000);
    assert_int_equal(read.latest, 1790003600);
    assert_int_equal(read.created, 1789999999);
    free(text);
}

/* The example with one piece of its text replaced. */
static enum cede_status decode_changed(const char *piece, const char *instead)
{
    struct contract contract = example(NULL), read;
    struct contract zero;
    char *text = contract_encode(&contract);
    char *at = strstr(text, piece);
    char changed[CONTRACT_MAX];
    enum cede_status status;

    assert_non_null(at);
    snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, instead,
             at + strlen(piece));
    status = contract_decode(cede_span_string(changed), &read);
    if (status != CEDE_OK) { /* nothing half decoded comes out */
        memset(&zero, 0, sizeof zero);
        assert_memory_equal(&read, &zero, sizeof read);
    }
    free(text);
    return status;
}

static void test_only_one_form_is_read(void **state)
{
    static const struct {
        const char *piece, *instead;
        enum cede_status status;
    } cases[] = {
        {"\"version\":1", "\"version\":1", CEDE_OK},
        {"\"version\":1", "\"version\":2", CEDE_CONTRACT_FORMAT},
        {"\"version\":1", "\"version\":4294967297", CEDE_CONTRACT_FORMAT},
        {"\"version\":1", "\"version\":\"1\"", CEDE_CONTRACT_FORMAT},
        {",\"version\":1", "", CEDE_CONTRACT_FORMAT},
        {"\"version\":1", "\"version\":1,\"price\":0", CEDE_CONTRACT_FORMAT},
        {"\"version\":1", "\"version\":1,\"version\":1", CEDE_CONTRACT_FORMAT},
        {"\"version\":1}", "\"version\":1}{}", CEDE_CONTRACT_FORMAT},
        {"\"version\":1}", "\"version\":1", CEDE_CONTRACT_FORMAT},
        {"\"replaces\":null", "\"replaces\":\"a1\"", CEDE_CONTRACT_FORMAT},
        {"\"count\":20", "\"count\":0", CEDE_CONTRACT_FORMAT},
        {"\"count\":20", "\"count\":-1", CEDE_CONTRACT_FORMAT},
        {"\"count\":20", "\"count\":20.5", CEDE_CONTRACT_FORMAT},
        {"\"count\":20", "\"count\":20,\"more\":1", CEDE_CONTRACT_FORMAT},
        {"\"transfer\":\"a1", "\"transfer\":\"", CEDE_CONTRACT_FORMAT},
        {"\"transfer\":\"a1", "\"transfer\":\"g1", CEDE_CONTRACT_FORMAT},
        {"\"digest\":\"d1", "\"digest\":\"d1d1", CEDE_CONTRACT_FORMAT},
        {"\"name\":\"SP1\"", "\"name\":\"\"", CEDE_CONTRACT_FORMAT},
        {"\"name\":\"SP1\"", "\"name\":\"SP1\\u0000\"", CEDE_CONTRACT_FORMAT},
        {"\"name\":\"SP1\"",
         "\"name\":\"0123456789012345678901234567890123456789012345678901234567890123\"",
         CEDE_CONTRACT_FORMAT},
        {"\"latest\":1790003600", "\"latest\":1790000000", CEDE_CONTRACT_WINDOW},
        {"\"earliest\":1790000000", "\"earliest\":-1", CEDE_CONTRACT_WINDOW},
        {"\"created\":1789999999", "\"created\":-1", CEDE_CONTRACT_FORMAT},
        {"\"latest\":1790003600", "\"latest\":99999999999999999999", CEDE_CONTRACT_FORMAT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (decode_changed(cases[i].piece, cases[i].instead) != cases[i].status) {
            fail_msg("case %zu: %s", i, cases[i].instead);
        }
    }
}

static void test_a_long_text_is_refused_unread(void **state)
{
    struct contract contract = example(NULL), read;
    char *text = contract_encode(&contract);
    char padded[CONTRACT_MAX + 2];

    (void)state;
    memset(padded, ' ', sizeof padded);
    memcpy(padded, text, strlen(text));
    assert_int_equal(contract_decode(cede_span((uint8_t *)padded, CONTRACT_MAX), &read), CEDE_OK);
    assert_int_equal(contract_decode(cede_span((uint8_t *)padded, CONTRACT_MAX + 1), &read),
                     CEDE_CONTRACT_FORMAT);
    assert_int_equal(contract_decode(cede_span((uint8_t *)padded, 0), &read), CEDE_CONTRACT_FORMAT);
    free(text);
}

/* --- signatures ------------------------------------------------------------------------------- */

static void sign_example(const struct parties *parties, const struct identity *signer,
                         struct jws *jws)
{
    struct contract contract = example(parties);
    char *text = contract_encode(&contract);

    assert_int_equal(jws_init(jws, cede_span_string(text)), CEDE_OK);
    assert_int_equal(contract_sign(cede_crypto_openssl(), signer, jws), CEDE_OK);
    free(text);
}

static void test_R7_each_party_has_to_sign(void **state)
{
    const struct cede_crypto *crypto = cede_crypto_openssl();
    struct parties *parties = *state;
    struct contract contract = example(parties);
    struct jws jws;

    sign_example(parties, &parties->from, &jws);
    assert_int_equal(contract_verify(crypto, &jws, &contract.from, parties->from.certificate_der),
                     CEDE_OK);
    assert_int_equal(contract_verify(crypto, &jws, &contract.to, parties->to.certificate_der),
                     CEDE_CONTRACT_SIGNATURE);
    assert_int_equal(contract_sign(crypto, &parties->to, &jws), CEDE_OK);
    assert_int_equal(contract_verify(crypto, &jws, &contract.to, parties->to.certificate_der),
                     CEDE_OK);
    assert_int_equal(contract_verify(crypto, &jws, &contract.from, parties->from.certificate_der),
                     CEDE_OK);
    assert_string_equal(jws_header_text(&jws, 0, "cty"), "cede-contract+json");
    jws_wipe(&jws);
}

static void test_R7_a_stranger_signs_for_nobody(void **state)
{
    const struct cede_crypto *crypto = cede_crypto_openssl();
    struct parties *parties = *state;
    struct contract contract = example(parties);
    struct jws jws;

    sign_example(parties, &parties->stranger, &jws);
    assert_int_equal(contract_verify(crypto, &jws, &contract.from, parties->from.certificate_der),
                     CEDE_CONTRACT_SIGNATURE);
    /* Its own certificate does verify the signature, but is not the one the contract names. */
    assert_int_equal(
        contract_verify(crypto, &jws, &contract.from, parties->stranger.certificate_der),
        CEDE_CONTRACT_SIGNATURE);
    jws_wipe(&jws);
}

static void test_R7_a_changed_contract_is_not_signed(void **state)
{
    const struct cede_crypto *crypto = cede_crypto_openssl();
    struct parties *parties = *state;
    struct contract contract = example(parties);
    struct jws jws, other;
    char *text;

    sign_example(parties, &parties->from, &jws);
    contract.latest++;
    text = contract_encode(&contract);
    assert_int_equal(jws_init(&other, cede_span_string(text)), CEDE_OK);
    assert_int_equal(contract_sign(crypto, &parties->to, &other), CEDE_OK);
    free(text);
    /* The signature of the first contract, moved over to the second. */
    json_decref(other.signatures[0].header);
    other.signatures[0].header = json_incref(jws.signatures[0].header);
    free(other.signatures[0].protected_text);
    other.signatures[0].protected_text = strdup(jws.signatures[0].protected_text);
    memcpy(other.signatures[0].signature, jws.signatures[0].signature, JWS_ES256_LEN);
    assert_int_equal(contract_verify(crypto, &other, &contract.from, parties->from.certificate_der),
                     CEDE_CONTRACT_SIGNATURE);
    jws_wipe(&other);
    jws_wipe(&jws);
}

/* --- the digest of the devices ------------------------------------------------------------------
 */

static void test_the_digest_does_not_depend_on_the_order(void **state)
{
    const struct cede_crypto *crypto = cede_crypto_openssl();
    uint8_t some[3][32] = {{3}, {1}, {2}}, others[3][32] = {{1}, {2}, {3}};
    uint8_t sorted[3][32] = {{1}, {2}, {3}};
    uint8_t digest[32], again[32], expected[32];

    (void)state;
    assert_int_equal(contract_devices_digest(crypto, some, 3, digest), CEDE_OK);
    assert_int_equal(contract_devices_digest(crypto, others, 3, again), CEDE_OK);
    assert_int_equal(
        cede_hash(crypto, CEDE_ALG_SHA_256, cede_span(sorted[0], sizeof sorted), expected),
        CEDE_OK);
    assert_memory_equal(digest, again, 32);
    assert_memory_equal(digest, expected, 32);
    assert_int_equal(contract_devices_digest(crypto, others, 2, again), CEDE_OK);
    assert_memory_not_equal(digest, again, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_only_one_form_is_read),
        cmocka_unit_test(test_a_long_text_is_refused_unread),
        cmocka_unit_test_setup_teardown(test_R7_each_party_has_to_sign, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_R7_a_stranger_signs_for_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_R7_a_changed_contract_is_not_signed, set_up,
                                        tear_down),
        cmocka_unit_test(test_the_digest_does_not_depend_on_the_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
