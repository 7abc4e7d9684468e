/* SPDX-License-Identifier: Apache-2.0 */
/* sp_test.c - the hand-over between two providers, from both sides, in good and in bad faith. */
#include "cede/cose.h"
#include "server/common/revocation_cache.h"
#include "server/sp/partner_api.h"
#include "server/sp/profile.h"
#include "sp_world.h"

#include <sys/wait.h>

/* --- the whole story ---------------------------------------------------------------------------
 */

static void check_revocation_queued(struct world *world, int which, const char *serial)
{
    struct letter letter;
    char expected[128];

    assert_true(world_next_letter(world, which, "revoke", &letter));
    snprintf(expected, sizeof expected, "{\"serials\":[\"%s\"],\"reason\":5}", serial);
    assert_string_equal(letter.partner, which == SP1 ? "ca1" : "ca2");
    assert_int_equal(letter.body_len, strlen(expected));
    assert_memory_equal(letter.body, expected, letter.body_len);
    free(letter.body);
}

/* As devices of the profile at hand know it. */
static struct cede_span controller_of(const struct world *world, int which)
{
    const struct sp *sp = &world->sp[which];

    return world->x509 ? cede_span(sp->identity_der, sp->identity_der_len)
                       : cede_span(sp->controller, sp->controller_len);
}

static void check_order(const struct world *world, const struct cede_transfer *order)
{
    uint8_t thumbprint[32];

    world_thumbprint(controller_of(world, SP2), thumbprint);
    assert_true(cede_span_equal(order->controller, CEDE_SPAN_ARRAY(thumbprint)));
    assert_true(cede_span_equal(order->enroll_uri,
                                world->x509 ? CEDE_SPAN_TEXT("coaps://ca2.example/e/tok")
                                            : CEDE_SPAN_TEXT("coap://ca2.example/e/tok")));
    assert_true(cede_span_equal(order->update_uri,
                                world->x509 ? CEDE_SPAN_TEXT("coaps://sp2.example:5684")
                                            : CEDE_SPAN_TEXT("coap://sp2.example:5683")));
    assert_true(cede_span_equal(order->fallback_uri,
                                world->x509 ? CEDE_SPAN_TEXT("coaps://sp1.example:5684")
                                            : CEDE_SPAN_TEXT("coap://sp1.example:5683")));
}

/* One device on its way, every step looked at. */
static void move_and_look(struct world *world, size_t index)
{
    struct played_device *device = &world->devices[index];
    struct played_answer answer, again, nothing;
    struct cede_transfer order;
    struct coap_peer other;

    device_poll(world, SP1, device, &answer);
    device_poll(world, SP1, device, &again);
    assert_int_equal(again.len, answer.len);
    assert_memory_equal(again.body, answer.body, answer.len);
    assert_int_equal(world_move(world, SP1, index).state, MOVE_SENT);
    device_take_orders(world, device, &answer, 0, &order);
    check_order(world, &order);

    device_tell(world, SP1, &device->peer, CEDE_DEVICE_ACCEPTED, order.seq, order.cti, &nothing);
    assert_true(cede_span_is_null(nothing.answer.transfer));
    assert_int_equal(world_device(world, SP1, index).status, DEVICE_LEAVING);
    check_revocation_queued(world, SP1, device->operational[SP1].serial);
    device_tell(world, SP1, &device->peer, CEDE_DEVICE_ACCEPTED, order.seq, order.cti, &nothing);
    assert_int_equal(device_connect(world, SP1, &device->operational[SP1], &other), CEDE_SP_DEVICE);

    device_join(world, index, &answer);
    assert_true(cede_span_equal(answer.answer.welcome, controller_of(world, SP2)));
    device_join(world, index, &again);
    assert_int_equal(again.len, answer.len);
    assert_memory_equal(again.body, answer.body, answer.len);
    assert_int_equal(world_move(world, SP2, index).state, MOVE_TAKEN_OVER);
    assert_int_equal(world_settle(world), CEDE_OK);
    assert_int_equal(world_move(world, SP1, index).state, MOVE_DONE);
    assert_int_equal(world_device(world, SP1, index).status, DEVICE_LEFT);
    device_poll(world, SP2, device, &answer);
    assert_true(cede_span_is_null(answer.answer.welcome));
}

static void check_complete(struct world *world)
{
    int64_t left = 0, here = 0;

    assert_int_equal(world_settle(world), CEDE_OK);
    assert_int_equal(world_transfer(world, SP1).state, TRANSFER_COMPLETE);
    assert_int_equal(world_transfer(world, SP2).state, TRANSFER_COMPLETE);
    assert_int_equal(records_device_count(world->sp[SP1].store, DEVICE_LEFT, &left), CEDE_OK);
    assert_int_equal(records_device_count(world->sp[SP2].store, DEVICE_OPERATIONAL, &here),
                     CEDE_OK);
    assert_int_equal(left, world->devices_count);
    assert_int_equal(here, world->devices_count);
}

static void test_the_whole_story(void **state)
{
    struct world *world = *state;

    world_devices(world, 3);
    story_ready(world);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(world_transfer(world, SP1).state, TRANSFER_READY);
        move_and_look(world, i);
    }
    check_complete(world);
    assert_int_equal(
        world_count(world, SP1, "SELECT count(*) FROM outbox WHERE kind = 'deregister'"), 1);
}

static void test_x509_the_whole_story(void **state)
{
    struct world *world = *state;

    world->x509 = true;
    world_devices(world, 3);
    story_ready(world);
    for (size_t i = 0; i < 3; i++) {
        move_and_look(world, i);
    }
    check_complete(world);
}

/* What the trust list says to X.509 devices is X.509 to the last entry. */
static void test_x509_trust_lists_hold_DER(void **state)
{
    struct world *world = *state;
    struct cede_trust_list list;
    struct cede_trust_entry entry;
    struct cede_cose_sign1 sign1;
    size_t len, count = 0;
    uint8_t *bytes;

    world->x509 = true;
    world_devices(world, 1);
    story_ready(world);
    assert_int_equal(
        records_document(world->sp[SP1].store, world->id, DOCUMENT_TRUST, &bytes, &len), CEDE_OK);
    assert_int_equal(cede_cose_sign1_decode(cede_span(bytes, len), &sign1), CEDE_OK);
    list = cede_trust_list(sign1.payload);
    while (cede_trust_list_next(&list, &entry)) {
        assert_int_equal(entry.certificate.ptr[0], 0x30);
        count++;
    }
    assert_int_equal(cede_trust_list_finish(&list), CEDE_OK);
    assert_int_equal(count, 2); /* the CA's anchor, the controller */
    free(bytes);
}

/* Devices of both profiles need offers apart. */
static void test_x509_fleets_do_not_mix(void **state)
{
    struct world *world = *state;
    struct device device = {.status = DEVICE_OPERATIONAL, .id = "other", .ca = "ca1"};
    struct played_certificate factory;
    const char *compact[] = {"device-0000"}, *both[] = {"device-0000", "other"};
    struct giving_options options = {.partner = "sp2",
                                     .earliest = sp_now(),
                                     .latest = sp_now() + 3600,
                                     .ids = both,
                                     .ids_count = 2};
    struct hand_over_detail detail;
    uint8_t id[TRANSFER_ID_LEN];

    world_devices(world, 1);
    world->x509 = true;
    world_issue_now(world, &world->permanent_ca, device.id, &factory);
    world_thumbprint(played_span(&factory), device.factory_thumbprint);
    assert_int_equal(records_add_device(world->sp[SP1].store, &device, played_span(&factory)),
                     CEDE_OK);
    assert_int_equal(giving_offer(&world->sp[SP1], &world->identity[SP1], &options, id, &detail),
                     CEDE_TRANSFER_DEVICE);
    assert_non_null(strstr(detail.text, "both profiles"));
    options.ids = NULL; /* all */
    assert_int_equal(giving_offer(&world->sp[SP1], &world->identity[SP1], &options, id, &detail),
                     CEDE_TRANSFER_DEVICE);
    options.ids = compact;
    options.ids_count = 1;
    assert_int_equal(giving_offer(&world->sp[SP1], &world->identity[SP1], &options, id, &detail),
                     CEDE_OK);
}

/* At any point: before each commit, and between a commit and the answer to it. */
static void test_the_whole_story_with_kills(void **state)
{
    struct world *world = *state;

    world_devices(world, 2);
    world->kills = true;
    story_ready(world);
    for (size_t i = 0; i < 2; i++) {
        move_and_look(world, i);
    }
    check_complete(world);
    assert_int_equal(world_count(world, SP1, "SELECT count(*) FROM outbox WHERE state <> 1"), 0);
    assert_int_equal(world_count(world, SP2, "SELECT count(*) FROM outbox WHERE state <> 1"), 0);
}

static void test_many_devices_in_three_batches(void **state)
{
    struct world *world = *state;
    struct played_answer answer;

    world_devices(world, 1100);
    story_ready(world);
    assert_int_equal(world_count(world, SP1, "SELECT count(*) FROM documents WHERE kind > 100"), 3);
    assert_int_equal(world_count(world, SP2, "SELECT count(*) FROM documents WHERE kind < -100"),
                     3);
    assert_int_equal(records_write(world->sp[SP1].store), CEDE_OK);
    for (size_t i = 0; i < world->devices_count; i++) {
        device_accept(world, i);
    }
    assert_int_equal(store_commit(world->sp[SP1].store), CEDE_OK);
    assert_int_equal(records_write(world->sp[SP2].store), CEDE_OK);
    for (size_t i = 0; i < world->devices_count; i++) {
        device_join(world, i, &answer);
    }
    assert_int_equal(store_commit(world->sp[SP2].store), CEDE_OK);
    check_complete(world);
    assert_int_equal(
        world_count(world, SP1, "SELECT count(*) FROM outbox WHERE kind = 'deregister'"), 3);
}

/* A poll that changes nothing does not take the store's lock. */
static void test_a_plain_poll_writes_nothing(void **state)
{
    struct world *world = *state;
    struct played_answer answer;
    struct store *other;
    char path[SP_PATH_MAX];

    world_devices(world, 1);
    story_ready(world);
    device_poll(world, SP1, &world->devices[0], &answer);
    assert_true(sp_path(&world->sp[SP1], "store.db", path));
    assert_int_equal(store_open(path, &other), CEDE_OK);
    assert_int_equal(store_begin(other), CEDE_OK); /* holds the lock meanwhile */
    device_poll(world, SP1, &world->devices[0], &answer);
    assert_false(cede_span_is_null(answer.answer.transfer));
    world_clerk(world, SP1); /* nor does an idle clerk */
    store_close(other);
}

/* The device accepts SP2's order to go to SP1, in a transfer of its own; the seq of that order. */
static uint64_t leave_again(struct world *world)
{
    struct giving_options options = {
        .partner = "sp1", .earliest = sp_now() - 10, .latest = sp_now() + 3600};
    struct hand_over_detail detail;
    struct played_answer answer;
    int64_t seq = world_device(world, SP2, 0).seq;

    assert_int_equal(sp_finish(&world->sp[SP2], giving_offer(&world->sp[SP2], &world->identity[SP2],
                                                             &options, world->id, &detail)),
                     CEDE_OK);
    assert_int_equal(world_settle(world), CEDE_OK);
    assert_int_equal(
        sp_finish(&world->sp[SP1],
                  taking_accept(&world->sp[SP1], &world->identity[SP1], world->id, "ca1")),
        CEDE_OK);
    assert_int_equal(world_settle(world), CEDE_OK);
    assert_int_equal(
        sp_finish(&world->sp[SP2], giving_start(&world->sp[SP2], &world->identity[SP2], world->id)),
        CEDE_OK);
    assert_int_equal(world_settle(world), CEDE_OK);
    assert_int_equal(world_device(world, SP1, 0).status, DEVICE_EXPECTED);
    assert_int_equal(world_device(world, SP1, 0).seq, seq + 2);
    assert_false(world_device(world, SP1, 0).welcomed);
    assert_int_equal(world_move(world, SP2, 0).seq, seq + 2);

    device_poll(world, SP2, &world->devices[0], &answer);
    assert_false(cede_span_is_null(answer.answer.transfer));
    device_tell(world, SP2, &world->devices[0].peer, CEDE_DEVICE_ACCEPTED, (uint64_t)seq + 2,
                CEDE_SPAN_ARRAY(world_move(world, SP2, 0).cti), &answer);
    return (uint64_t)seq + 2;
}

static void go_back(struct world *world)
{
    struct played_answer answer;
    uint64_t seq = leave_again(world);

    world_enrol(world, SP1, &world->devices[0]);
    assert_int_equal(
        device_connect(world, SP1, &world->devices[0].operational[SP1], &world->devices[0].peer),
        CEDE_OK);
    device_tell(world, SP1, &world->devices[0].peer, CEDE_DEVICE_JOINED, seq, CEDE_SPAN_NULL,
                &answer);
    assert_false(cede_span_is_null(answer.answer.welcome));
    assert_int_equal(world_settle(world), CEDE_OK);
}

/* A device given away may come back in a later transfer, and is told numbers it has not seen. */
static void test_a_device_comes_back_in_a_later_transfer(void **state)
{
    struct world *world = *state;
    int64_t seq;

    world_devices(world, 1);
    story_ready(world);
    move_and_look(world, 0);
    check_complete(world);
    seq = world_device(world, SP2, 0).seq;
    assert_int_equal(seq, 2);
    go_back(world);
    assert_int_equal(world_device(world, SP1, 0).status, DEVICE_OPERATIONAL);
    assert_true(world_device(world, SP1, 0).seq >= seq + 2);
    assert_int_equal(world_device(world, SP2, 0).status, DEVICE_LEFT);
    assert_int_equal(world_transfer(world, SP1).state, TRANSFER_COMPLETE);
    assert_int_equal(world_transfer(world, SP2).state, TRANSFER_COMPLETE);
}

/* --- two workers --------------------------------------------------------------------------------
 */

/* One worker's life: every device polls, then acknowledges. What the other worker did meanwhile may
 * end a session, but never ends in an error of another kind. */
static bool work_as_one_of_two(struct world *world)
{
    struct played_answer answer;
    struct cede_status_report report = {.state = CEDE_DEVICE_OPERATIONAL};
    uint8_t memory[64];

    world_open(world);
    for (size_t i = 0; i < 2 * world->devices_count; i++) {
        struct played_device *device = &world->devices[i / 2];
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
        struct move move = world_move(world, SP1, i / 2);

        report.state = i % 2 == 0 ? CEDE_DEVICE_OPERATIONAL : CEDE_DEVICE_ACCEPTED;
        report.cti = i % 2 == 0 ? CEDE_SPAN_NULL : CEDE_SPAN_ARRAY(move.cti);
        cede_status_report_encode(&writer, &report);
        device_send_once(world, SP1, &device->peer, cede_written(&writer), &answer);
        if (update_server_callbacks.after_batch(&world->sp[SP1]) != CEDE_OK ||
            (answer.status != CEDE_OK && answer.status != CEDE_DOOR_DISMISS) ||
            (answer.status == CEDE_OK && answer.code != CEDE_COAP_CHANGED)) {
            fprintf(stderr, "%s: %s, code %d\n", device->id, cede_status_name(answer.status),
                    answer.code);
            return false;
        }
    }
    sp_close(&world->sp[SP1]);
    sp_close(&world->sp[SP2]);
    return true;
}

static void test_two_workers_on_the_same_devices(void **state)
{
    struct world *world = *state;
    pid_t workers[2];
    int64_t count = 0;

    world_devices(world, 40);
    story_ready(world);
    sp_close(&world->sp[SP1]);
    sp_close(&world->sp[SP2]);
    for (int i = 0; i < 2; i++) {
        workers[i] = fork();
        if (workers[i] == 0) {
            _exit(work_as_one_of_two(world) ? 0 : 1);
        }
        assert_true(workers[i] > 0);
    }
    for (int i = 0; i < 2; i++) {
        int result = -1;

        assert_int_equal(waitpid(workers[i], &result, 0), workers[i]);
        assert_int_equal(result, 0);
    }
    world_open(world);
    world_check_counts(world);
    assert_int_equal(records_device_count(world->sp[SP1].store, DEVICE_LEAVING, &count), CEDE_OK);
    assert_int_equal(count, 40);
    assert_int_equal(records_move_count(world->sp[SP1].store, world->id, MOVE_ACCEPTED, &count),
                     CEDE_OK);
    assert_int_equal(count, 40);
    assert_int_equal(world_count(world, SP1, "SELECT count(*) FROM outbox WHERE kind = 'revoke'"),
                     40);
}

/* --- what an operator may ask for ---------------------------------------------------------------
 */

static enum cede_status offer(struct world *world, const char *partner, const char *const *ids,
                              size_t ids_count, int64_t earliest, int64_t latest)
{
    struct giving_options options = {partner, ids, ids_count, earliest, latest};
    struct hand_over_detail detail;
    uint8_t id[TRANSFER_ID_LEN];
    enum cede_status status =
        sp_finish(&world->sp[SP1],
                  giving_offer(&world->sp[SP1], &world->identity[SP1], &options, id, &detail));

    assert_true(status == CEDE_OK || status == CEDE_CONTRACT_WINDOW || detail.text[0] != '\0');
    return status;
}

static void test_only_devices_that_are_free_are_offered(void **state)
{
    struct world *world = *state;
    const char *const ids[] = {"device-0000", "device-0000", "no-such-device"};
    int64_t now = sp_now();

    assert_int_equal(offer(world, "sp2", NULL, 0, now, now + 10), CEDE_TRANSFER_DEVICE);
    world_devices(world, 2);
    assert_int_equal(offer(world, "sp3", ids, 1, now, now + 10), CEDE_NOT_FOUND);
    assert_int_equal(offer(world, "ca1", ids, 1, now, now + 10), CEDE_NOT_FOUND);
    assert_int_equal(offer(world, "sp2", ids + 2, 1, now, now + 10), CEDE_NOT_FOUND);
    assert_int_equal(offer(world, "sp2", ids, 2, now, now + 10), CEDE_TRANSFER_DEVICE);
    assert_int_equal(offer(world, "sp2", ids, 1, now, now), CEDE_CONTRACT_WINDOW);
    assert_int_equal(offer(world, "sp2", ids, 1, -1, now), CEDE_CONTRACT_WINDOW);
    assert_int_equal(world_count(world, SP1, "SELECT count(*) FROM moves"), 0);
    assert_int_equal(world_count(world, SP1, "SELECT count(*) FROM transfers"), 0);
    assert_int_equal(offer(world, "sp2", ids, 1, now, now + 10), CEDE_OK);
    assert_int_equal(offer(world, "sp2", ids, 1, now, now + 10), CEDE_TRANSFER_DEVICE);
    assert_int_equal(offer(world, "sp2", NULL, 0, now, now + 10), CEDE_OK); /* the other one */
    assert_int_equal(offer(world, "sp2", NULL, 0, now, now + 10), CEDE_TRANSFER_DEVICE);
    world_check_counts(world);
}

/* --- R7: contracts ------------------------------------------------------------------------------
 */

static enum cede_status start(struct world *world)
{
    return sp_finish(&world->sp[SP1],
                     giving_start(&world->sp[SP1], &world->identity[SP1], world->id));
}

static void test_R7_nothing_starts_before_both_have_signed(void **state)
{
    struct world *world = *state;
    uint8_t unknown[TRANSFER_ID_LEN] = {1};

    world_devices(world, 1);
    story_offer(world);
    assert_int_equal(start(world), CEDE_TRANSFER_STATE);
    assert_int_equal(
        sp_finish(&world->sp[SP2],
                  taking_accept(&world->sp[SP2], &world->identity[SP2], unknown, "ca2")),
        CEDE_NOT_FOUND);
    assert_int_equal(
        sp_finish(&world->sp[SP2],
                  taking_accept(&world->sp[SP2], &world->identity[SP2], world->id, "sp1")),
        CEDE_NOT_FOUND);
    assert_int_equal(start(world), CEDE_TRANSFER_STATE);
    story_accept(world);
    assert_int_equal(
        sp_finish(&world->sp[SP2],
                  taking_accept(&world->sp[SP2], &world->identity[SP2], world->id, "ca2")),
        CEDE_TRANSFER_STATE);
    assert_int_equal(start(world), CEDE_OK);
    assert_int_equal(start(world), CEDE_TRANSFER_STATE);
}

/* The contract SP1 keeps, decoded. */
static void load_contract(struct world *world, int which, struct jws *jws)
{
    uint8_t *text;
    size_t len;

    assert_int_equal(
        records_document(world->sp[which].store, world->id, DOCUMENT_CONTRACT, &text, &len),
        CEDE_OK);
    assert_int_equal(jws_decode(cede_span(text, len), jws), CEDE_OK);
    free(text);
}

/* Hands a contract in, signed by those given; SP1 and SP2 know nothing of it. */
static enum cede_status offer_contract(struct world *world, int to, const struct contract *contract,
                                       const struct identity *first, const struct identity *second)
{
    char *text = contract_encode(contract), *encoded;
    struct jws jws;
    enum cede_status status;

    assert_int_equal(jws_init(&jws, cede_span_string(text)), CEDE_OK);
    free(text);
    assert_int_equal(contract_sign(cede_crypto_openssl(), first, &jws), CEDE_OK);
    if (second != NULL) {
        assert_int_equal(contract_sign(cede_crypto_openssl(), second, &jws), CEDE_OK);
    }
    assert_int_equal(jws_encode_json(&jws, &encoded), CEDE_OK);
    jws_wipe(&jws);
    status = world_hand_in(world, to, "/v1/contracts", cede_span_string(encoded));
    free(encoded);
    return status;
}

static struct contract contract_between(const struct world *world, const struct identity *from,
                                        const struct identity *to)
{
    struct contract contract = {.device_count = 1, .earliest = sp_now(), .created = sp_now()};

    (void)world;
    contract.latest = contract.earliest + 3600;
    memset(contract.transfer_id, 0x77, TRANSFER_ID_LEN);
    strcpy(contract.from.name, from->name);
    strcpy(contract.to.name, to->name);
    memcpy(contract.from.key, from->thumbprint, 32);
    memcpy(contract.to.key, to->thumbprint, 32);
    return contract;
}

static void test_R7_contracts_bind_the_parties_they_name(void **state)
{
    struct world *world = *state;
    const struct identity *sp1 = &world->identity[SP1], *sp2 = &world->identity[SP2];
    const struct identity *ca = &world->ca[SP1];
    struct contract good = contract_between(world, sp1, sp2);
    struct contract elsewhere = contract_between(world, sp1, ca);
    struct contract of_other = contract_between(world, ca, sp2);
    struct contract reversed = contract_between(world, sp2, sp1);

    assert_int_equal(offer_contract(world, SP2, &good, ca, NULL), CEDE_CONTRACT_SIGNATURE);
    assert_int_equal(offer_contract(world, SP2, &good, sp2, NULL), CEDE_CONTRACT_SIGNATURE);
    assert_int_equal(offer_contract(world, SP2, &elsewhere, sp1, NULL), CEDE_CONTRACT_PARTY);
    assert_int_equal(offer_contract(world, SP2, &of_other, ca, NULL), CEDE_CONTRACT_PARTY);
    /* Made up and signed by SP2 alone: SP1 has offered nothing. */
    assert_int_equal(offer_contract(world, SP1, &good, sp2, NULL), CEDE_CONTRACT_SIGNATURE);
    assert_int_equal(offer_contract(world, SP2, &reversed, sp1, NULL), CEDE_CONTRACT_SIGNATURE);
    /* Signed by both, but not known where it would have begun. */
    assert_int_equal(offer_contract(world, SP1, &good, sp1, sp2), CEDE_NOT_FOUND);
    /* A CA is a partner, too, but has no devices to offer. */
    world->partner = "ca2";
    of_other = contract_between(world, &world->ca[SP2], sp2);
    assert_int_equal(offer_contract(world, SP2, &of_other, &world->ca[SP2], NULL),
                     CEDE_CONTRACT_PARTY);
    world->partner = NULL;
    assert_int_equal(world_count(world, SP2, "SELECT count(*) FROM transfers"), 0);
    assert_int_equal(offer_contract(world, SP2, &good, sp1, NULL), CEDE_OK);
    assert_int_equal(offer_contract(world, SP2, &good, sp1, NULL), CEDE_OK);
    good.latest++;
    assert_int_equal(offer_contract(world, SP2, &good, sp1, NULL), CEDE_TRANSFER_CHANGED);
    assert_int_equal(world_count(world, SP2, "SELECT count(*) FROM transfers"), 1);
}

/* Nobody fills the store of another with contracts he has not asked for. */
static void test_a_partner_offers_so_many_contracts_and_no_more(void **state)
{
    struct world *world = *state;
    const struct identity *sp1 = &world->identity[SP1], *sp2 = &world->identity[SP2];
    struct contract contract = contract_between(world, sp1, sp2);

    for (int i = 0; i < HAND_OVER_OFFERS_MAX; i++) {
        contract.transfer_id[0] = (uint8_t)i;
        contract.transfer_id[1] = (uint8_t)(i >> 8);
        assert_int_equal(offer_contract(world, SP2, &contract, sp1, NULL), CEDE_OK);
    }
    assert_int_equal(offer_contract(world, SP2, &contract, sp1, NULL), CEDE_OK); /* once more */
    memcpy(world->id, contract.transfer_id, TRANSFER_ID_LEN);
    contract.transfer_id[2] ^= 1;
    assert_int_equal(offer_contract(world, SP2, &contract, sp1, NULL), CEDE_TRANSFER_OFFERS);
    assert_int_equal(world_count(world, SP2, "SELECT count(*) FROM transfers"),
                     HAND_OVER_OFFERS_MAX);
    assert_int_equal(sp_finish(&world->sp[SP2], hand_over_cancel(&world->sp[SP2], world->id)),
                     CEDE_OK);
    assert_int_equal(offer_contract(world, SP2, &contract, sp1, NULL), CEDE_OK);
}

static void test_R7_a_contract_with_one_byte_changed_is_refused(void **state)
{
    struct world *world = *state;
    struct jws jws;
    char *text, *at;

    world_devices(world, 1);
    story_offer(world);
    load_contract(world, SP1, &jws);
    assert_int_equal(jws_encode_json(&jws, &text), CEDE_OK);
    at = strstr(text, jws.payload_text);
    assert_non_null(at);
    for (size_t i = 0; i < strlen(jws.payload_text); i++) {
        char kept = at[i];

        at[i] = kept == 'A' ? 'B' : 'A';
        assert_int_not_equal(world_hand_in(world, SP2, "/v1/contracts", cede_span_string(text)),
                             CEDE_OK);
        at[i] = kept;
    }
    assert_int_equal(world_hand_in(world, SP2, "/v1/contracts", cede_span_string(text)), CEDE_OK);
    free(text);
    jws_wipe(&jws);
}

static void test_R7_a_countersigned_contract_is_the_one_offered(void **state)
{
    struct world *world = *state;
    struct contract contract;
    struct jws jws;

    world_devices(world, 1);
    story_offer(world);
    load_contract(world, SP1, &jws);
    assert_int_equal(contract_decode(jws.payload, &contract), CEDE_OK);
    jws_wipe(&jws);
    /* SP2 would like another window: SP1 has not signed that. */
    contract.latest += 3600;
    assert_int_equal(offer_contract(world, SP1, &contract, &world->identity[SP2], NULL),
                     CEDE_CONTRACT_SIGNATURE);
    /* Even if SP1 had signed it some time: the transfer has its contract. */
    assert_int_equal(
        offer_contract(world, SP1, &contract, &world->identity[SP1], &world->identity[SP2]),
        CEDE_TRANSFER_CHANGED);
    assert_int_equal(world_transfer(world, SP1).state, TRANSFER_OFFERED);
    contract.latest -= 3600;
    assert_int_equal(offer_contract(world, SP1, &contract, &world->identity[SP1], NULL),
                     CEDE_CONTRACT_SIGNATURE);
    assert_int_equal(
        offer_contract(world, SP1, &contract, &world->identity[SP1], &world->identity[SP2]),
        CEDE_OK);
    assert_int_equal(world_transfer(world, SP1).state, TRANSFER_SIGNED);
}

/* --- R7: the device list ------------------------------------------------------------------------
 */

struct made_batch {
    const struct identity *signer;
    uint8_t contract[32], transfer[TRANSFER_ID_LEN];
    int64_t number, batches;
    int64_t earliest, latest;
    const struct played_certificate *factory[4];
    uint64_t next_seq[4];
    size_t count;
    size_t padding; /* bytes of a protected header nobody knows */
};

static struct made_batch good_batch(struct world *world)
{
    struct transfer transfer = world_transfer(world, SP1);
    struct made_batch batch = {.signer = &world->identity[SP1],
                               .number = 1,
                               .batches = 1,
                               .earliest = transfer.earliest,
                               .latest = transfer.latest,
                               .count = world->devices_count};

    memcpy(batch.contract, transfer.contract_hash, 32);
    memcpy(batch.transfer, transfer.id, TRANSFER_ID_LEN);
    for (size_t i = 0; i < batch.count; i++) {
        batch.factory[i] = &world->devices[i].factory;
        batch.next_seq[i] = 3;
    }
    return batch;
}

static size_t write_made_batch(const struct made_batch *batch, struct cede_buf out)
{
    struct cede_update_group group = {.earliest = (uint64_t)batch->earliest,
                                      .latest = (uint64_t)batch->latest,
                                      .devices_count = batch->count};
    struct cede_writer writer = cede_writer(out);

    cede_device_update_info_begin(&writer, batch->transfer, 1);
    cede_device_update_info_group(&writer, &group);
    for (size_t i = 0; i < batch->count; i++) {
        uint8_t array[520];
        struct cede_update_device device = {.next_seq = batch->next_seq[i]};

        assert_int_equal(sp_certificate_array(played_span(batch->factory[i]), CEDE_BUF_ARRAY(array),
                                              &device.factory_cert),
                         CEDE_OK);
        cede_device_update_info_device(&writer, &device);
    }
    assert_int_equal(writer.status, CEDE_OK);
    return writer.len;
}

static enum cede_status send_payload(struct world *world, const struct made_batch *batch,
                                     struct cede_span payload, char detail_text[160])
{
    struct hand_over_detail detail = {""};
    struct sp *sp = &world->sp[SP2];
    char contract[65], *text;
    json_t *header;
    struct jws jws;
    enum cede_status status;

    hex_encode(batch->contract, 32, contract);
    header = json_pack("{s:I, s:I, s:s}", "batch", (json_int_t)batch->number, "batches",
                       (json_int_t)batch->batches, "contract", contract);
    if (batch->padding > 0) {
        json_object_set_new(header, "x", json_sprintf("%0*d", (int)batch->padding, 0));
    }
    assert_int_equal(jws_init(&jws, payload), CEDE_OK);
    assert_int_equal(jws_sign(cede_crypto_openssl(), &batch->signer->private_key, header, &jws),
                     CEDE_OK);
    assert_int_equal(jws_encode_json(&jws, &text), CEDE_OK);
    jws_wipe(&jws);
    json_decref(header);
    status = store_begin(sp->store);
    if (status == CEDE_OK) {
        status = store_part_begin(sp->store);
    }
    if (status == CEDE_OK) {
        status = taking_on_batch(sp, "sp1", cede_span_string(text), &detail);
        if (status == CEDE_OK) {
            assert_int_equal(store_part_commit(sp->store), CEDE_OK);
        } else {
            store_part_rollback(sp->store);
        }
    }
    assert_int_equal(store_commit(sp->store), CEDE_OK);
    free(text);
    if (detail_text != NULL) {
        memcpy(detail_text, detail.text, sizeof detail.text);
    }
    return status;
}

static enum cede_status send_batch(struct world *world, const struct made_batch *batch,
                                   char detail_text[160])
{
    uint8_t payload[4096];
    size_t len = write_made_batch(batch, CEDE_BUF_ARRAY(payload));

    return send_payload(world, batch, cede_span(payload, len), detail_text);
}

static void check_nothing_kept(struct world *world)
{
    assert_int_equal(world_count(world, SP2, "SELECT count(*) FROM devices"), 0);
    assert_int_equal(world_count(world, SP2, "SELECT count(*) FROM moves"), 0);
    assert_int_equal(world_count(world, SP2, "SELECT count(*) FROM documents WHERE kind >= 100"),
                     0);
    world_check_counts(world);
}

static void test_R7_no_device_list_before_acceptance(void **state)
{
    struct world *world = *state;
    struct made_batch batch;

    world_devices(world, 2);
    story_offer(world);
    batch = good_batch(world);
    assert_int_equal(send_batch(world, &batch, NULL), CEDE_TRANSFER_STATE);
    check_nothing_kept(world);
    story_accept(world);
    assert_int_equal(send_batch(world, &batch, NULL), CEDE_OK);
}

static void test_R7_a_device_list_is_bound_to_its_contract(void **state)
{
    struct world *world = *state;
    struct made_batch good, batch;

    world_devices(world, 2);
    story_offer(world);
    story_accept(world);
    good = batch = good_batch(world);
    batch.contract[0] ^= 1;
    assert_int_equal(send_batch(world, &batch, NULL), CEDE_CONTRACT_PARTY);
    batch = good;
    batch.transfer[0] ^= 1;
    assert_int_equal(send_batch(world, &batch, NULL), CEDE_NOT_FOUND);
    batch = good;
    batch.signer = &world->identity[SP2];
    assert_int_equal(send_batch(world, &batch, NULL), CEDE_JWS_UNSIGNED);
    batch = good;
    batch.latest++;
    assert_int_equal(send_batch(world, &batch, NULL), CEDE_CONTRACT_WINDOW);
    batch = good;
    batch.number = 2;
    assert_int_equal(send_batch(world, &batch, NULL), CEDE_CONTRACT_FORMAT);
    batch.number = 0;
    assert_int_equal(send_batch(world, &batch, NULL), CEDE_CONTRACT_FORMAT);
    batch.number = batch.batches = INT64_MAX;
    assert_int_equal(send_batch(world, &batch, NULL), CEDE_CONTRACT_FORMAT);
    check_nothing_kept(world);
    assert_int_equal(send_batch(world, &good, NULL), CEDE_OK);
    assert_int_equal(world_transfer(world, SP2).state, TRANSFER_INFORMED);
}

static void test_R7_the_device_list_is_the_one_of_the_contract(void **state)
{
    struct world *world = *state;
    struct played_certificate other;
    struct made_batch good, batch;

    world_devices(world, 2);
    story_offer(world);
    story_accept(world);
    good = batch = good_batch(world);
    batch.count = 1; /* too few */
    assert_int_equal(send_batch(world, &batch, NULL), CEDE_TRANSFER_DIGEST);
    world_issue_now(world, &world->permanent_ca, "another", &other);
    batch = good; /* another */
    batch.factory[1] = &other;
    assert_int_equal(send_batch(world, &batch, NULL), CEDE_TRANSFER_DIGEST);
    batch = good; /* too many, although more batches are to come */
    batch.batches = 5;
    batch.factory[2] = &other;
    batch.next_seq[2] = 3;
    batch.count = 3;
    assert_int_equal(send_batch(world, &batch, NULL), CEDE_TRANSFER_DIGEST);
    check_nothing_kept(world);
    assert_int_equal(send_batch(world, &good, NULL), CEDE_OK);
}

static void check_refused_entry(struct world *world, const struct made_batch *batch,
                                enum cede_status expected, const char *entry)
{
    char detail[160];

    assert_int_equal(send_batch(world, batch, detail), expected);
    if (strncmp(detail, entry, strlen(entry)) != 0) {
        fail_msg("'%s' does not begin with '%s'", detail, entry);
    }
    check_nothing_kept(world);
}

static void test_R7_one_bad_entry_refuses_its_batch(void **state)
{
    struct world *world = *state;
    struct played_certificate foreign, expired, nameless;
    struct made_batch good, batch;

    world_devices(world, 2);
    story_offer(world);
    story_accept(world);
    good = batch = good_batch(world);
    batch.factory[1] = batch.factory[0];
    check_refused_entry(world, &batch, CEDE_TRANSFER_DEVICE, "entry 1: ");
    batch = good;
    world_issue_now(world, &world->ca[SP1], "foreign", &foreign);
    batch.factory[1] = &foreign;
    check_refused_entry(world, &batch, CEDE_CERTIFICATE_UNTRUSTED, "entry 1: ");
    world_issue(world, &world->permanent_ca, "old", sp_now() - 100, sp_now() - 50, &expired);
    batch.factory[1] = &expired;
    check_refused_entry(world, &batch, CEDE_CERTIFICATE_EXPIRED, "entry 1: ");
    world_issue_now(world, &world->permanent_ca, "an-id-of-more-than-thirty-two-bytes", &nameless);
    batch.factory[1] = &nameless;
    check_refused_entry(world, &batch, CEDE_TRANSFER_DEVICE, "entry 1: ");
    foreign = world->devices[1].factory;
    foreign.bytes[foreign.len - 1] ^= 1; /* the signature */
    batch.factory[1] = &foreign;
    check_refused_entry(world, &batch, CEDE_CRYPTO_SIGNATURE, "entry 1: ");
    batch = good;
    batch.next_seq[0] = 0;
    check_refused_entry(world, &batch, CEDE_TRANSFER_DEVICE, "entry 0: ");
    batch.next_seq[0] = (uint64_t)RECORD_SEQ_MAX + 1;
    check_refused_entry(world, &batch, CEDE_TRANSFER_DEVICE, "entry 0: ");
    batch.next_seq[0] = UINT64_MAX;
    check_refused_entry(world, &batch, CEDE_TRANSFER_DEVICE, "entry 0: ");
    assert_int_equal(send_batch(world, &good, NULL), CEDE_OK);
}

/* A name that others choose stands in lists, logs and JSON. */
static void test_device_ids_are_plain_text(void **state)
{
    static const char *const ids[] = {"a\x1b[2J", "a\nb", "a\x7f", "a\xc2\x9b", "a\xff"};
    struct world *world = *state;
    struct played_certificate factory;
    struct made_batch batch;

    world_devices(world, 1);
    story_offer(world);
    story_accept(world);
    for (size_t i = 0; i < 2 * sizeof ids / sizeof ids[0]; i++) {
        world->x509 = i % 2 == 1;
        world_issue_now(world, &world->permanent_ca, ids[i / 2], &factory);
        world->x509 = false;
        batch = good_batch(world);
        batch.factory[0] = &factory;
        batch.batches = 2;
        assert_int_not_equal(send_batch(world, &batch, NULL), CEDE_OK);
        check_nothing_kept(world);
    }
    world_issue_now(world, &world->permanent_ca, "ger\xc3\xa4t 1", &factory);
    batch = good_batch(world);
    batch.factory[0] = &factory;
    batch.batches = 2;
    assert_int_equal(send_batch(world, &batch, NULL), CEDE_OK);
}

static void test_R7_batches_agree_on_their_number(void **state)
{
    struct world *world = *state;
    struct made_batch first, second;

    world_devices(world, 2);
    story_offer(world);
    story_accept(world);
    first = second = good_batch(world);
    first.count = second.count = 1;
    first.batches = 2;
    second.number = 2;
    second.batches = 3;
    second.factory[0] = &world->devices[1].factory;
    assert_int_equal(send_batch(world, &first, NULL), CEDE_OK);
    assert_int_equal(send_batch(world, &second, NULL), CEDE_TRANSFER_STATE);
    assert_int_equal(world_transfer(world, SP2).state, TRANSFER_STARTED);
    second.batches = 2;
    assert_int_equal(send_batch(world, &second, NULL), CEDE_OK);
    assert_int_equal(world_transfer(world, SP2).state, TRANSFER_INFORMED);
    second.number = second.batches = 1; /* after the list is whole */
    assert_int_equal(send_batch(world, &second, NULL), CEDE_TRANSFER_CHANGED);
    world_check_counts(world);
}

/* Batches are kept: 4 MB for each device of a contract would fill the store. */
static void test_a_batch_is_as_long_as_its_devices_need(void **state)
{
    struct world *world = *state;
    struct made_batch batch;
    char why[160];

    world_devices(world, 2);
    story_offer(world);
    story_accept(world);
    batch = good_batch(world);
    batch.padding = 100000;
    assert_int_equal(send_batch(world, &batch, why), CEDE_TRANSFER_DEVICE);
    assert_non_null(strstr(why, "for 2 devices"));
    check_nothing_kept(world);
    batch.padding = 1000;
    assert_int_equal(send_batch(world, &batch, NULL), CEDE_OK);
}

/* A factory certificate too long to be handed on would hold back every list it is in later. */
static void test_a_certificate_too_long_to_hand_on_is_refused(void **state)
{
    struct world *world = *state;
    uint8_t certificate[2048], scratch[CEDE_C509_SCRATCH], payload[4096];
    char uri[RECORD_CERTIFICATE_MAX + 1] = "http://";
    struct cede_certificate_info info = {0};
    struct cede_update_group group = {.devices_count = 1};
    struct cede_update_device entry = {.next_seq = 3};
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(payload));
    struct made_batch batch;
    char why[160];

    world_devices(world, 1);
    story_offer(world);
    story_accept(world);
    memset(uri + strlen(uri), 'a', sizeof uri - 1 - strlen(uri));
    info.serial = CEDE_SPAN_TEXT("1234");
    info.issuer = (struct cede_name){CEDE_NAME_TEXT, cede_span_string(world->permanent_ca.name)};
    info.subject = (struct cede_name){CEDE_NAME_TEXT, CEDE_SPAN_TEXT("long")};
    info.not_before = (uint64_t)sp_now() - 60;
    info.not_after = (uint64_t)sp_now() + 86400;
    info.public_key = (struct cede_public_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(world->device_point)};
    info.path_len = CEDE_PATH_LEN_NONE;
    info.key_usage = CEDE_KU_DIGITAL_SIGNATURE;
    info.crl_uri = CEDE_SPAN_TEXT("http://a");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(cede_certificate_issue(CEDE_CERTIFICATE_X509, cede_crypto_openssl(), &info,
                                                &world->permanent_ca.private_key,
                                                CEDE_BUF_ARRAY(scratch),
                                                CEDE_BUF_ARRAY(certificate), &entry.factory_cert),
                         CEDE_OK);
        batch = good_batch(world);
        batch.batches = 3;
        batch.number = 1 + i;
        group.earliest = (uint64_t)batch.earliest;
        group.latest = (uint64_t)batch.latest;
        writer = cede_writer(CEDE_BUF_ARRAY(payload));
        cede_device_update_info_begin(&writer, batch.transfer, 1);
        cede_device_update_info_group(&writer, &group);
        cede_device_update_info_device(&writer, &entry);
        assert_int_equal(writer.status, CEDE_OK);
        assert_int_equal(send_payload(world, &batch, cede_written(&writer), why),
                         i == 0 ? CEDE_OK : CEDE_TRANSFER_DEVICE);
        info.serial = CEDE_SPAN_TEXT("1235");
        info.subject = (struct cede_name){CEDE_NAME_TEXT, CEDE_SPAN_TEXT("longer")};
        info.crl_uri = cede_span_string(uri);
    }
    assert_string_equal(why, "entry 0: a device of the list is refused");
}

/* Whoever names a device he does not have keeps it from no other for longer than his window. */
static void test_a_device_that_did_not_come_may_be_given_by_another(void **state)
{
    struct world *world = *state;
    const struct identity *sp1 = &world->identity[SP1], *sp2 = &world->identity[SP2];
    struct contract contract = contract_between(world, sp1, sp2);
    struct made_batch batch;
    struct played_answer answer;
    uint8_t thumbprint[1][32], first[TRANSFER_ID_LEN];
    struct move move;

    world_devices(world, 1);
    story_offer(world);
    story_accept(world);
    batch = good_batch(world);
    assert_int_equal(send_batch(world, &batch, NULL), CEDE_OK);
    memcpy(first, world->id, sizeof first);

    world_thumbprint(played_span(&world->devices[0].factory), thumbprint[0]);
    assert_int_equal(
        contract_devices_digest(cede_crypto_openssl(), thumbprint, 1, contract.devices_digest),
        CEDE_OK);
    assert_int_equal(offer_contract(world, SP2, &contract, sp1, NULL), CEDE_OK);
    memcpy(world->id, contract.transfer_id, sizeof world->id);
    assert_int_equal(
        sp_finish(&world->sp[SP2],
                  taking_accept(&world->sp[SP2], &world->identity[SP2], world->id, "ca2")),
        CEDE_OK);
    memcpy(batch.transfer, world->id, sizeof batch.transfer);
    memcpy(batch.contract, world_transfer(world, SP2).contract_hash, sizeof batch.contract);
    batch.earliest = contract.earliest;
    batch.latest = contract.latest;
    assert_int_equal(send_batch(world, &batch, NULL), CEDE_TRANSFER_DEVICE);
    world_sql(world, SP2,
              "UPDATE transfers SET latest = earliest WHERE device_count > 0"
              " AND id <> x'77777777777777777777777777777777'");
    assert_int_equal(send_batch(world, &batch, NULL), CEDE_OK);
    assert_int_equal(records_move(world->sp[SP2].store, first, world->devices[0].id, &move),
                     CEDE_OK);
    assert_int_equal(move.state, MOVE_DROPPED);
    assert_int_equal(world_move(world, SP2, 0).state, MOVE_EXPECTED);
    world_check_counts(world);
    world_enrol(world, SP2, &world->devices[0]);
    assert_int_equal(
        device_connect(world, SP2, &world->devices[0].operational[SP2], &world->devices[0].peer),
        CEDE_OK);
    device_tell(world, SP2, &world->devices[0].peer, CEDE_DEVICE_JOINED, 2, CEDE_SPAN_NULL,
                &answer);
    assert_int_equal(world_move(world, SP2, 0).state, MOVE_TAKEN_OVER);
}

static void test_R7_a_batch_comes_twice_only_unchanged(void **state)
{
    struct world *world = *state;
    struct made_batch good;
    uint8_t *text;
    size_t len;

    world_devices(world, 2);
    story_offer(world);
    story_accept(world);
    good = good_batch(world);
    assert_int_equal(send_batch(world, &good, NULL), CEDE_OK);
    assert_int_equal(
        records_document(world->sp[SP2].store, world->id, DOCUMENT_BATCH + 1, &text, &len),
        CEDE_OK);
    assert_int_equal(world_hand_in(world, SP2, "/v1/device-updates", cede_span(text, len)),
                     CEDE_OK);
    free(text);
    good.next_seq[0]++;
    assert_int_equal(send_batch(world, &good, NULL), CEDE_TRANSFER_CHANGED);
    assert_int_equal(world_count(world, SP2, "SELECT count(*) FROM moves"), 2);
    assert_int_equal(world_device(world, SP2, 0).seq, 2);
}

/* --- R7: the offer ------------------------------------------------------------------------------
 */

struct made_offer {
    const struct identity *signer, *trust_signer;
    struct cede_transfer offer;
    uint8_t digest[32], controller[32];
    struct cede_trust_entry entries[3];
    size_t entries_count;
    char enroll_uri[2000];
};

static void good_offer(struct world *world, struct made_offer *made)
{
    struct transfer transfer = world_transfer(world, SP1);
    struct sp *sp2 = &world->sp[SP2];

    memset(made, 0, sizeof *made);
    made->signer = made->trust_signer = &world->identity[SP2];
    assert_int_equal(hand_over_batches_digest(&world->sp[SP1], world->id, made->digest), CEDE_OK);
    memcpy(made->controller, sp2->controller_thumbprint, 32);
    strcpy(made->enroll_uri, "coap://ca2.example/e/tok");
    made->offer.iss = CEDE_SPAN_TEXT("sp2");
    made->offer.not_before = (uint64_t)transfer.earliest;
    made->offer.not_after = (uint64_t)transfer.latest;
    made->offer.cti = CEDE_SPAN_TEXT("12345678");
    made->offer.update_uri = CEDE_SPAN_TEXT("coap://sp2.example:5683");
    made->entries[0] =
        (struct cede_trust_entry){CEDE_PURPOSE_ENROL, world->ca[SP2].certificate_der};
    made->entries[1] = (struct cede_trust_entry){CEDE_PURPOSE_CONTROL,
                                                 cede_span(sp2->controller, sp2->controller_len)};
    made->entries_count = 2;
}

static void sign_made(const struct identity *signer, const struct cede_writer *payload,
                      struct cede_buf out, struct cede_span *message)
{
    struct cede_span bytes;

    assert_int_equal(cede_writer_finish(payload, &bytes), CEDE_OK);
    assert_int_equal(
        cede_transfer_sign(cede_crypto_openssl(), &signer->private_key, bytes, out, message),
        CEDE_OK);
}

static struct cede_span write_offer(struct world *world, struct made_offer *made,
                                    struct cede_buf out)
{
    uint8_t memory[4096], offer_bytes[4096], trust_bytes[4096];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
    struct cede_span offer, trust, body;

    made->offer.enroll_uri = cede_span_string(made->enroll_uri);
    made->offer.devices_digest = CEDE_SPAN_ARRAY(made->digest);
    made->offer.controller = CEDE_SPAN_ARRAY(made->controller);
    cede_transfer_encode(&writer, &made->offer);
    sign_made(made->signer, &writer, CEDE_BUF_ARRAY(offer_bytes), &offer);
    writer = cede_writer(CEDE_BUF_ARRAY(memory));
    cede_trust_list_encode(&writer, made->entries, made->entries_count);
    sign_made(made->trust_signer, &writer, CEDE_BUF_ARRAY(trust_bytes), &trust);
    writer = cede_writer(out);
    cede_cbor_put_array(&writer, 3);
    cede_cbor_put_bytes(&writer, cede_span(world->id, TRANSFER_ID_LEN));
    cede_cbor_put_bytes(&writer, offer);
    cede_cbor_put_bytes(&writer, trust);
    assert_int_equal(cede_writer_finish(&writer, &body), CEDE_OK);
    return body;
}

static enum cede_status send_offer(struct world *world, struct made_offer *made)
{
    uint8_t bytes[8192];

    return world_hand_in(world, SP1, "/v1/transfer-offers",
                         write_offer(world, made, CEDE_BUF_ARRAY(bytes)));
}

static void test_R7_no_offer_before_the_start(void **state)
{
    struct world *world = *state;
    struct made_offer made;

    world_devices(world, 1);
    story_offer(world);
    story_accept(world);
    good_offer(world, &made);
    assert_int_equal(send_offer(world, &made), CEDE_TRANSFER_STATE);
    story_start(world);
    good_offer(world, &made);
    assert_int_equal(send_offer(world, &made), CEDE_OK);
}

static enum cede_status try_offer(struct world *world, struct made_offer *made)
{
    enum cede_status status = send_offer(world, made);

    assert_int_equal(world_transfer(world, SP1).state, TRANSFER_STARTED);
    good_offer(world, made); /* for the next try */
    return status;
}

static void test_R7_an_offer_fits_contract_and_list(void **state)
{
    struct world *world = *state;
    struct made_offer made;

    world_devices(world, 1);
    story_offer(world);
    story_accept(world);
    story_start(world);
    good_offer(world, &made);
    made.digest[31] ^= 1;
    assert_int_equal(try_offer(world, &made), CEDE_TRANSFER_DIGEST);
    memcpy(made.controller, world->sp[SP1].controller_thumbprint, 32);
    assert_int_equal(try_offer(world, &made), CEDE_TRANSFER_OFFER);
    made.offer.not_before--;
    assert_int_equal(try_offer(world, &made), CEDE_TRANSFER_OFFER);
    made.offer.not_after++;
    assert_int_equal(try_offer(world, &made), CEDE_TRANSFER_OFFER);
    made.offer.update_uri = CEDE_SPAN_NULL;
    assert_int_equal(try_offer(world, &made), CEDE_TRANSFER_OFFER);
    made.offer.update_uri = CEDE_SPAN_TEXT("http://sp2.example"); /* no device could go there */
    assert_int_equal(try_offer(world, &made), CEDE_TRANSFER_OFFER);
    strcpy(made.enroll_uri, "coap:/ca2.example");
    assert_int_equal(try_offer(world, &made), CEDE_TRANSFER_OFFER);
    made.enroll_uri[0] = '\0';
    assert_int_equal(try_offer(world, &made), CEDE_TRANSFER_OFFER);
    made.offer.aud = CEDE_SPAN_TEXT("device-0000");
    assert_int_equal(try_offer(world, &made), CEDE_TRANSFER_OFFER);
    made.offer.fallback_uri = CEDE_SPAN_TEXT("coap://sp2.example:5683");
    assert_int_equal(try_offer(world, &made), CEDE_TRANSFER_OFFER);
    made.offer.has_seq = true;
    assert_int_equal(try_offer(world, &made), CEDE_TRANSFER_OFFER);
    made.offer.state_digest = CEDE_SPAN_ARRAY(made.digest);
    assert_int_equal(try_offer(world, &made), CEDE_TRANSFER_OFFER);
    memset(made.enroll_uri, 'a', sizeof made.enroll_uri - 1); /* no order would hold it */
    assert_int_equal(try_offer(world, &made), CEDE_NO_SPACE);
    strcpy(made.enroll_uri, "http://ca2.example/e/tok"); /* no device would find it */
    assert_int_equal(try_offer(world, &made), CEDE_TRANSFER_OFFER);
    made.offer.update_uri = CEDE_SPAN_TEXT("sp2.example:5683");
    assert_int_equal(try_offer(world, &made), CEDE_TRANSFER_OFFER);
    assert_int_equal(send_offer(world, &made), CEDE_OK);
    assert_int_equal(world_transfer(world, SP1).state, TRANSFER_READY);
}

/* What will be no better next time is answered so that it does not come again for ever. */
static void test_an_offer_that_is_too_long_is_refused_for_good(void **state)
{
    struct world *world = *state;
    struct https_request request = {
        .partner = "sp2", .method = "POST", .path = "/v1/transfer-offers"};
    struct https_response response = {0};
    uint8_t bytes[8192];
    struct made_offer made;

    world_devices(world, 1);
    story_offer(world);
    story_accept(world);
    story_start(world);
    good_offer(world, &made);
    memset(made.enroll_uri, 'a', sizeof made.enroll_uri - 1);
    request.body = write_offer(world, &made, CEDE_BUF_ARRAY(bytes));
    for (size_t i = 0; i < partner_api_routes_count; i++) {
        if (strcmp(partner_api_routes[i].path, request.path) == 0) {
            partner_api_routes[i].handler(&world->sp[SP1], &request, &response);
        }
    }
    assert_int_equal(partner_api_flush(&world->sp[SP1]), CEDE_OK);
    assert_int_equal(response.status, 413);
    free(response.body);
}

static void test_R7_an_offer_is_signed_by_the_partner(void **state)
{
    struct world *world = *state;
    struct made_offer made;

    world_devices(world, 1);
    story_offer(world);
    story_accept(world);
    story_start(world);
    good_offer(world, &made);
    made.signer = &world->ca[SP2];
    assert_int_equal(try_offer(world, &made), CEDE_TRANSFER_SIGNATURE);
    made.signer = &world->identity[SP1];
    assert_int_equal(try_offer(world, &made), CEDE_TRANSFER_SIGNATURE);
    made.trust_signer = &world->ca[SP2];
    assert_int_equal(try_offer(world, &made), CEDE_TRANSFER_SIGNATURE);
}

/* The dry run: what devices are to trust must let them in at the new side, and nothing else. */
static void test_R7_an_offer_brings_the_trust_it_needs(void **state)
{
    struct world *world = *state;
    struct made_offer made;

    world_devices(world, 1);
    story_offer(world);
    story_accept(world);
    story_start(world);
    good_offer(world, &made);
    made.entries_count = 1;
    assert_int_equal(try_offer(world, &made), CEDE_TRANSFER_OFFER);
    made.entries[0].purposes = CEDE_PURPOSE_KNOWN;
    assert_int_equal(try_offer(world, &made), CEDE_TRANSFER_OFFER);
    made.entries[1].certificate = world->ca[SP2].certificate_der; /* another controller */
    assert_int_equal(try_offer(world, &made), CEDE_TRANSFER_OFFER);
    made.entries[2] = made.entries[0];
    made.entries[2].purposes = CEDE_PURPOSE_OWNER;
    made.entries_count = 3;
    assert_int_equal(try_offer(world, &made), CEDE_TRANSFER_OFFER);
    made.entries[0].certificate = CEDE_SPAN_TEXT("no certificate");
    assert_int_not_equal(try_offer(world, &made), CEDE_OK);
}

/* What SP1 has kept, once more, with a bit of one half changed or of none. */
static enum cede_status resend_documents(struct world *world, bool change_offer, bool change_trust)
{
    struct store *store = world->sp[SP1].store;
    uint8_t *offer, *trust, memory[8192];
    size_t offer_len, trust_len;
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));

    assert_int_equal(records_document(store, world->id, DOCUMENT_OFFER, &offer, &offer_len),
                     CEDE_OK);
    assert_int_equal(records_document(store, world->id, DOCUMENT_TRUST, &trust, &trust_len),
                     CEDE_OK);
    offer[offer_len - 1] ^= change_offer ? 1 : 0;
    trust[trust_len - 1] ^= change_trust ? 1 : 0;
    cede_cbor_put_array(&writer, 3);
    cede_cbor_put_bytes(&writer, cede_span(world->id, TRANSFER_ID_LEN));
    cede_cbor_put_bytes(&writer, cede_span(offer, offer_len));
    cede_cbor_put_bytes(&writer, cede_span(trust, trust_len));
    free(offer);
    free(trust);
    return world_hand_in(world, SP1, "/v1/transfer-offers", cede_written(&writer));
}

static void test_R7_an_offer_comes_twice_only_unchanged(void **state)
{
    struct world *world = *state;
    struct letter letter;
    struct made_offer made;

    world_devices(world, 1);
    story_ready(world);
    world_sql(world, SP2, "UPDATE outbox SET state = 0 WHERE kind = 'offer'");
    assert_true(world_next_letter(world, SP2, "offer", &letter));
    assert_int_equal(deliver(world, SP2, &letter), CEDE_OK);
    good_offer(world, &made);
    assert_int_equal(send_offer(world, &made), CEDE_TRANSFER_CHANGED);
    assert_int_equal(resend_documents(world, false, false), CEDE_OK);
    assert_int_equal(resend_documents(world, true, false), CEDE_TRANSFER_CHANGED);
    assert_int_equal(resend_documents(world, false, true), CEDE_TRANSFER_CHANGED);
    assert_int_equal(world_transfer(world, SP1).state, TRANSFER_READY);
}

static void test_R7_no_order_is_signed_before_the_offer_is_checked(void **state)
{
    struct world *world = *state;
    struct played_answer answer;
    struct made_offer made;

    world_devices(world, 1);
    story_offer(world);
    world_clerk(world, SP1);
    story_accept(world);
    world_clerk(world, SP1);
    story_start(world);
    world_clerk(world, SP1);
    assert_int_equal(world_move(world, SP1, 0).state, MOVE_PLANNED);
    device_poll(world, SP1, &world->devices[0], &answer);
    assert_true(cede_span_is_null(answer.answer.transfer));
    assert_true(cede_span_is_null(answer.answer.trust_update));
    assert_int_equal(
        world_count(world, SP1, "SELECT count(*) FROM moves WHERE message IS NOT NULL"), 0);
    good_offer(world, &made);
    assert_int_equal(send_offer(world, &made), CEDE_OK);
    world_clerk(world, SP1);
    assert_int_equal(world_move(world, SP1, 0).state, MOVE_READY);
}

static void test_R7_only_partners_of_the_transfer_are_heard(void **state)
{
    struct world *world = *state;
    uint8_t cti[8] = {1}, payload[256], bytes[512];
    struct cede_receipt_line line = {CEDE_SPAN_TEXT("device-0000"), CEDE_RECEIPT_TAKEN_OVER, 1};
    struct cede_receipt receipt = {.iss = CEDE_SPAN_TEXT("sp2"),
                                   .cti = CEDE_SPAN_ARRAY(cti),
                                   .lines = &line,
                                   .lines_count = 1};
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(payload));
    struct cede_span message;

    world_devices(world, 1);
    story_ready(world);
    device_accept(world, 0);
    receipt.transfer_id = cede_span(world->id, TRANSFER_ID_LEN);
    cede_receipt_encode(&writer, &receipt);
    sign_made(&world->ca[SP2], &writer, CEDE_BUF_ARRAY(bytes), &message);
    assert_int_equal(world_hand_in(world, SP1, "/v1/receipts", message), CEDE_TRANSFER_SIGNATURE);
    /* Well signed, but for a transfer in the other direction, or by the wrong door. */
    sign_made(&world->identity[SP2], &writer, CEDE_BUF_ARRAY(bytes), &message);
    assert_int_equal(world_hand_in(world, SP1, "/v1/notices", message), CEDE_CONTRACT_PARTY);
    sign_made(&world->identity[SP1], &writer, CEDE_BUF_ARRAY(bytes), &message);
    assert_int_equal(world_hand_in(world, SP2, "/v1/receipts", message), CEDE_CONTRACT_PARTY);
    assert_int_equal(world_hand_in(world, SP2, "/v1/notices", message), CEDE_TRANSFER_DEVICE);
    assert_int_equal(world_move(world, SP1, 0).state, MOVE_ACCEPTED);
    assert_int_equal(world_move(world, SP2, 0).state, MOVE_EXPECTED);
    sign_made(&world->identity[SP2], &writer, CEDE_BUF_ARRAY(bytes), &message);
    assert_int_equal(world_hand_in(world, SP1, "/v1/receipts", message), CEDE_OK);
    assert_int_equal(world_move(world, SP1, 0).state, MOVE_DONE);
}

struct letter_list {
    struct letter items[16];
    size_t count;
};

static enum cede_status keep_letter(void *context, const struct store_row *row)
{
    struct letter_list *list = context;

    assert_true(list->count < 16);
    return read_letter(&list->items[list->count++], row);
}

/* What was signed for one purpose, at every door of both providers: it counts at its own. */
static void test_R7_no_message_counts_as_another(void **state)
{
    static const char *const paths[] = {"/v1/contracts", "/v1/device-updates",
                                        "/v1/transfer-offers", "/v1/receipts", "/v1/notices"};
    struct world *world = *state;
    struct letter_list list[2] = {{.count = 0}, {.count = 0}};
    struct played_answer answer;
    size_t own = 0;

    world_devices(world, 2);
    story_ready(world);
    device_accept(world, 0);
    device_join(world, 0, &answer);
    device_poll(world, SP1, &world->devices[1], &answer);
    device_fall_back(world, 1, &answer);
    assert_int_equal(world_settle(world), CEDE_OK);
    for (int from = SP1; from <= SP2; from++) {
        assert_int_equal(store_query(world->sp[from].store,
                                     "SELECT " LETTER_COLUMNS
                                     " FROM outbox WHERE partner LIKE 'sp%' ORDER BY id",
                                     STORE_NO_PARAMS, keep_letter, &list[from]),
                         CEDE_OK);
    }
    assert_int_equal(list[SP1].count, 3); /* contract, list, notice */
    assert_int_equal(list[SP2].count, 3); /* contract, offer, receipt */
    for (size_t i = 0; i < 6 * 2 * 5; i++) {
        int from = (int)(i % 2), to = (int)(i / 2 % 2);
        const struct letter *letter = &list[from].items[i / 4 % 3];
        const char *path = paths[i / 12];
        enum cede_status status =
            world_hand_in(world, to, path, cede_span(letter->body, letter->body_len));

        if (from != to && strcmp(path, letter->path) == 0) {
            assert_int_equal(status, CEDE_OK);
            own++;
        } else if (status == CEDE_OK && strcmp(letter->kind, "contract") != 0) {
            fail_msg("a %s of provider %d counts as %s at %d", letter->kind, from, path, to);
        }
    }
    assert_int_equal(own, 6);
    assert_int_equal(world_move(world, SP2, 0).state, MOVE_TAKEN_OVER);
    assert_int_equal(world_move(world, SP2, 1).state, MOVE_DROPPED);
    assert_int_equal(world_move(world, SP1, 0).state, MOVE_DONE);
    assert_int_equal(world_move(world, SP1, 1).state, MOVE_FALLBACK);
    for (size_t i = 0; i < 6; i++) {
        free(list[i % 2].items[i / 2].body);
    }
}

/* The old provider signs that a device came back, which it did not. */
static void send_false_notice(struct world *world, size_t index)
{
    uint8_t cti[8] = {2}, payload[256], bytes[512];
    struct cede_receipt_line line = {cede_span_string(world->devices[index].id),
                                     CEDE_RECEIPT_RETURNED, 1};
    struct cede_receipt notice = {.iss = CEDE_SPAN_TEXT("sp1"),
                                  .cti = CEDE_SPAN_ARRAY(cti),
                                  .lines = &line,
                                  .lines_count = 1};
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(payload));
    struct cede_span message;

    notice.transfer_id = cede_span(world->id, TRANSFER_ID_LEN);
    cede_receipt_encode(&writer, &notice);
    sign_made(&world->identity[SP1], &writer, CEDE_BUF_ARRAY(bytes), &message);
    assert_int_equal(world_hand_in(world, SP2, "/v1/notices", message), CEDE_OK);
}

static void test_R7_the_old_provider_alone_takes_nothing_back(void **state)
{
    struct world *world = *state;
    struct played_answer answer;

    world_devices(world, 1);
    story_ready(world);
    device_accept(world, 0);
    device_join(world, 0, &answer);
    device_poll(world, SP2, &world->devices[0], &answer); /* it has the welcome */
    send_false_notice(world, 0);
    assert_int_equal(world_device(world, SP2, 0).status, DEVICE_OPERATIONAL);
    assert_int_equal(world_move(world, SP2, 0).state, MOVE_TAKEN_OVER);
    assert_string_equal(world_device(world, SP2, 0).last_error,
                        "the old provider claims that it came back");
    device_poll(world, SP2, &world->devices[0], &answer);
    assert_int_equal(world_count(world, SP2, "SELECT count(*) FROM revoked"), 0);
}

/* The device has left and come again since: of what was before, nobody takes it back. */
static void test_R7_a_transfer_of_long_ago_takes_nothing_back(void **state)
{
    struct world *world = *state;
    struct played_answer answer;
    uint8_t first[TRANSFER_ID_LEN];

    world_devices(world, 1);
    story_ready(world);
    memcpy(first, world->id, sizeof first);
    move_and_look(world, 0);
    check_complete(world);
    go_back(world);
    device_poll(world, SP1, &world->devices[0], &answer);
    story_ready(world);
    device_accept(world, 0);
    device_join(world, 0, &answer); /* and has not yet said that the welcome has come */
    memcpy(world->id, first, sizeof first);
    send_false_notice(world, 0);
    assert_int_equal(world_device(world, SP2, 0).status, DEVICE_OPERATIONAL);
    assert_int_equal(world_move(world, SP2, 0).state, MOVE_TAKEN_OVER);
    device_poll(world, SP2, &world->devices[0], &answer);
}

/* --- R5 -----------------------------------------------------------------------------------------
 */

static void check_not_sent(const struct world *world, const char *what, struct cede_span secret)
{
    char hex[1100];

    assert_true(secret.len >= 8 && secret.len * 2 < sizeof hex);
    hex_encode(secret.ptr, secret.len, hex);
    if (memmem(world->wire, world->wire_len, secret.ptr, secret.len) != NULL ||
        memmem(world->wire, world->wire_len, hex, strlen(hex)) != NULL) {
        fail_msg("SP2 was sent %s", what);
    }
}

static void test_R5_the_new_provider_sees_only_the_device_list(void **state)
{
    struct world *world = *state;
    const char *ids[] = {"device-0000", "device-0001"};
    struct giving_options options = {.partner = "sp2",
                                     .ids = ids,
                                     .ids_count = 2,
                                     .earliest = sp_now() - 10,
                                     .latest = sp_now() + 3600};
    struct hand_over_detail detail;
    struct played_answer answer;
    uint8_t thumbprint[32];

    world_devices(world, 4);
    assert_int_equal(sp_finish(&world->sp[SP1], giving_offer(&world->sp[SP1], &world->identity[SP1],
                                                             &options, world->id, &detail)),
                     CEDE_OK);
    assert_int_equal(world_settle(world), CEDE_OK);
    story_accept(world);
    story_start(world);
    assert_int_equal(world_settle(world), CEDE_OK);
    move_and_look(world, 0);
    device_accept(world, 1);
    device_fall_back(world, 1, &answer);
    world_enrol(world, SP1, &world->devices[1]);
    device_poll(world, SP1, &world->devices[1], &answer);
    assert_int_equal(world_settle(world), CEDE_OK);
    assert_int_equal(world_move(world, SP2, 1).state, MOVE_DROPPED);

    /* The search finds what was shared ... */
    assert_non_null(memmem(world->wire, world->wire_len, world->devices[0].factory.bytes,
                           world->devices[0].factory.len));
    assert_non_null(memmem(world->wire, world->wire_len, "device-0001", 11));
    /* ... and nothing else. */
    check_not_sent(world, "the URI of SP1's CA", CEDE_SPAN_TEXT("ca1.example"));
    check_not_sent(world, "an enrolment token", CEDE_SPAN_TEXT("/e/home1"));
    check_not_sent(world, "the name of SP1's CA", world->ca[SP1].certificate_der);
    check_not_sent(world, "the update server of SP1", CEDE_SPAN_TEXT("sp1.example:5683"));
    check_not_sent(
        world, "the update server's certificate",
        cede_span(world->sp[SP1].server_certificate, world->sp[SP1].server_certificate_len));
    check_not_sent(world, "another device", CEDE_SPAN_TEXT("device-0002"));
    check_not_sent(world, "another device", CEDE_SPAN_TEXT("device-0003"));
    for (size_t i = 0; i < 4; i++) {
        const struct played_certificate *operational = &world->devices[i].operational[SP1];

        world_thumbprint(played_span(operational), thumbprint);
        check_not_sent(world, "an operational certificate", played_span(operational));
        check_not_sent(world, "its thumbprint", CEDE_SPAN_ARRAY(thumbprint));
        check_not_sent(world, "its serial number", cede_span_string(operational->serial));
    }
}

/* --- R6 -----------------------------------------------------------------------------------------
 */

static void test_R6_an_accepted_order_ends_the_old_certificate(void **state)
{
    struct world *world = *state;
    struct played_device *device;
    struct played_answer answer;
    struct cede_status_report poll = {.state = CEDE_DEVICE_OPERATIONAL};
    struct coap_peer peer;

    world_devices(world, 1);
    device = &world->devices[0];
    story_ready(world);
    device_accept(world, 0);
    assert_int_equal(device_connect(world, SP1, &device->operational[SP1], &peer), CEDE_SP_DEVICE);
    /* The session it has is good for its acknowledgement only. */
    device_report(world, SP1, &device->peer, &poll, &answer);
    assert_int_equal(answer.status, CEDE_DOOR_DISMISS);
    assert_true(world_device(world, SP1, 0).operational_revoked);
    assert_int_equal(world_settle(world), CEDE_OK);
    assert_int_equal(
        world_count(world, SP1, "SELECT count(*) FROM outbox WHERE kind = 'revoke' AND state = 1"),
        1);
}

/* A renewed certificate ends the one before it: nobody else would, when the device leaves. An older
 * one, shown by whoever has its key, ends nothing. */
static void test_R6_a_renewed_certificate_ends_the_one_before(void **state)
{
    struct world *world = *state;
    struct played_device *device;
    struct played_certificate first, newer;
    struct played_answer answer;
    struct coap_peer peer;

    world_devices(world, 1);
    device = &world->devices[0];
    first = device->operational[SP1];
    world_issue(world, &world->ca[SP1], device->id, sp_now() - 30, sp_now() + 86400, &newer);
    device->operational[SP1] = newer;
    device_poll(world, SP1, device, &answer);
    check_revocation_queued(world, SP1, first.serial);
    assert_int_equal(device_connect(world, SP1, &first, &peer), CEDE_SP_DEVICE);
    world_issue(world, &world->ca[SP1], device->id, sp_now() - 90, sp_now() + 86400,
                &device->operational[SP1]);
    device_poll(world, SP1, device, &answer);
    assert_int_equal(device_connect(world, SP1, &newer, &peer), CEDE_OK);
    assert_int_equal(world_count(world, SP1, "SELECT count(*) FROM outbox WHERE kind = 'revoke'"),
                     1);
}

/* Step 8 was lost; SP1 hears of the device only by SP2's receipt. */
static void test_R6_a_receipt_ends_the_old_certificate_too(void **state)
{
    struct world *world = *state;
    struct played_device *device;
    struct played_answer answer;
    struct coap_peer old, peer;

    world_devices(world, 1);
    device = &world->devices[0];
    story_ready(world);
    device_poll(world, SP1, device, &answer);
    old = device->peer;
    device_join(world, 0, &answer);
    assert_int_equal(world_settle(world), CEDE_OK);
    assert_int_equal(world_move(world, SP1, 0).state, MOVE_DONE);
    assert_int_equal(device_connect(world, SP1, &device->operational[SP1], &peer), CEDE_SP_DEVICE);
    assert_int_equal(update_server_callbacks.still_allowed(&world->sp[SP1], &old), CEDE_SP_DEVICE);
    assert_int_equal(world_count(world, SP1, "SELECT count(*) FROM outbox WHERE kind = 'revoke'"),
                     1);
}

/* The CA answers the question for its list. */
static void hear_revoked(struct world *world, const char *format, const char *serial)
{
    struct played_reply reply = {.status = 200};
    struct letter letter;

    assert_int_equal(sp_finish(&world->sp[SP1], deliveries_ask_revoked(&world->sp[SP1])), CEDE_OK);
    assert_int_equal(sp_finish(&world->sp[SP1], deliveries_ask_revoked(&world->sp[SP1])), CEDE_OK);
    assert_int_equal(
        world_count(world, SP1, "SELECT count(*) FROM outbox WHERE kind = 'revoked-list'"), 1);
    assert_true(world_next_letter(world, SP1, "revoked-list", &letter));
    reply.len = (size_t)snprintf((char *)reply.body, sizeof reply.body, format, serial);
    close_letter(world, SP1, &letter, &reply);
    assert_int_equal(
        world_count(world, SP1, "SELECT count(*) FROM outbox WHERE kind = 'revoked-list'"), 0);
}

static void test_R6_what_the_CA_has_revoked_bites_on_live_sessions(void **state)
{
    struct world *world = *state;
    struct played_device *device;
    struct coap_peer peer;
    char upper[RECORD_SERIAL_MAX];

    world_devices(world, 2);
    device = &world->devices[0];
    for (size_t i = 0; i <= strlen(device->operational[SP1].serial); i++) {
        char c = device->operational[SP1].serial[i];

        upper[i] = c >= 'a' && c <= 'f' ? (char)(c - 'a' + 'A') : c;
    }
    hear_revoked(world, "{\"next\":1,\"revoked\":[{\"serial\":\"zz\",\"at\":1}]}%s", "");
    hear_revoked(world, "{\"next\":-1,\"revoked\":[]}%s", "");
    hear_revoked(world, "nonsense%s", "");
    assert_int_equal(update_server_callbacks.still_allowed(&world->sp[SP1], &device->peer),
                     CEDE_OK);
    assert_int_equal(world_count(world, SP1, "SELECT max(revoked_next) FROM partners"), 0);
    /* Upper case and a leading zero are the same number. */
    hear_revoked(world, "{\"next\":7,\"revoked\":[{\"serial\":\"00%s\",\"at\":1,\"reason\":1}]}",
                 upper);
    assert_int_equal(world_count(world, SP1, "SELECT max(revoked_next) FROM partners"), 7);
    assert_int_equal(update_server_callbacks.still_allowed(&world->sp[SP1], &device->peer),
                     CEDE_SP_DEVICE);
    assert_int_equal(device_connect(world, SP1, &device->operational[SP1], &peer), CEDE_SP_DEVICE);
    assert_int_equal(
        update_server_callbacks.still_allowed(&world->sp[SP1], &world->devices[1].peer), CEDE_OK);
}

/* A certificate of a CA, by `issuer`. */
static struct cede_span issue_ca(const struct identity *issuer, const char *name,
                                 const uint8_t point[64], struct cede_buf out)
{
    uint8_t serial[8] = {0x51}, scratch[CEDE_C509_SCRATCH];
    struct cede_certificate_info info = {0};
    struct cede_span encoding;

    info.serial = CEDE_SPAN_ARRAY(serial);
    info.issuer = (struct cede_name){CEDE_NAME_TEXT, cede_span_string(issuer->name)};
    info.subject = (struct cede_name){CEDE_NAME_TEXT, cede_span_string(name)};
    info.not_before = (uint64_t)sp_now() - 60;
    info.not_after = (uint64_t)sp_now() + 86400;
    info.public_key = (struct cede_public_key){CEDE_CRV_P256, cede_span(point, 64)};
    info.has_basic_constraints = true;
    info.ca = true;
    info.path_len = CEDE_PATH_LEN_NONE;
    info.key_usage = CEDE_KU_KEY_CERT_SIGN;
    assert_int_equal(cede_certificate_issue(CEDE_CERTIFICATE_C509_NATIVE, cede_crypto_openssl(),
                                            &info, &issuer->private_key, CEDE_BUF_ARRAY(scratch),
                                            out, &encoding),
                     CEDE_OK);
    return encoding;
}

static void new_issuer(const char *name, uint8_t scalar[32], uint8_t point[64],
                       struct identity *issuer)
{
    const struct cede_crypto *crypto = cede_crypto_openssl();

    memset(issuer, 0, sizeof *issuer);
    assert_int_equal(crypto->generate(crypto->context, CEDE_CRV_P256, scalar, point), CEDE_OK);
    issuer->private_key = (struct cede_private_key){CEDE_CRV_P256, cede_span(scalar, 32), NULL};
    snprintf(issuer->name, sizeof issuer->name, "%s", name);
}

/* A CA between the device's and the device: who has its key could certify anybody. */
static void test_R6_a_revoked_CA_in_between_lets_nobody_in(void **state)
{
    struct world *world = *state;
    const struct cede_crypto *crypto = cede_crypto_openssl();
    uint8_t scalars[2][32], points[2][64], memory[2][1024];
    struct identity above, between;
    struct cede_certificate chain, view;
    struct played_certificate leaf;
    struct coap_peer peer;

    world_devices(world, 1);
    new_issuer("ca1", scalars[0], points[0], &above);
    new_issuer("below", scalars[1], points[1], &between);
    assert_int_equal(
        store_run(
            world->sp[SP1].store, "UPDATE partners SET certificate = $1 WHERE name = 'ca1'",
            STORE_PARAMS(store_blob(issue_ca(&above, "ca1", points[0], CEDE_BUF_ARRAY(memory[0])))),
            NULL),
        CEDE_OK);
    assert_int_equal(
        cede_certificate_decode(
            issue_ca(&above, between.name, points[1], CEDE_BUF_ARRAY(memory[1])), crypto, &chain),
        CEDE_OK);
    world_issue_now(world, &between, world->devices[0].id, &leaf);
    assert_int_equal(cede_certificate_decode(played_span(&leaf), crypto, &view), CEDE_OK);
    memset(&peer, 0, sizeof peer);
    assert_int_equal(update_server_callbacks.authenticate(&world->sp[SP1], &view, &chain, 1, &peer),
                     CEDE_OK);
    hear_revoked(world, "{\"next\":7,\"revoked\":[{\"serial\":\"%s\",\"at\":1,\"reason\":2}]}",
                 "5100000000000000");
    assert_int_equal(update_server_callbacks.authenticate(&world->sp[SP1], &view, &chain, 1, &peer),
                     CEDE_SP_DEVICE);
}

/* A session by the factory certificate ends like the others, when its maker revokes that. */
static void test_R6_a_revoked_factory_certificate_bites_on_live_sessions(void **state)
{
    struct world *world = *state;
    struct store *store;
    struct coap_peer first, second;

    world_devices(world, 2);
    store = world->sp[SP1].store;
    assert_int_equal(device_connect(world, SP1, &world->devices[0].factory, &first), CEDE_OK);
    assert_int_equal(device_connect(world, SP1, &world->devices[1].factory, &second), CEDE_OK);
    assert_int_equal(update_server_callbacks.still_allowed(&world->sp[SP1], &first), CEDE_OK);
    assert_int_equal(
        revocation_cache_add(store, "permanent", world->devices[0].factory.serial, sp_now()),
        CEDE_OK);
    assert_int_equal(update_server_callbacks.still_allowed(&world->sp[SP1], &first),
                     CEDE_SP_DEVICE);
    assert_int_equal(update_server_callbacks.still_allowed(&world->sp[SP1], &second), CEDE_OK);
    assert_int_equal(device_connect(world, SP1, &world->devices[0].factory, &first),
                     CEDE_SP_DEVICE);
}

/* --- when it does not work ----------------------------------------------------------------------
 */

/* The device says no to one of its two orders. */
static void check_refusal(struct world *world, size_t index, bool trust_update)
{
    struct played_device *device = &world->devices[index];
    struct cede_status_report report = {
        .state = CEDE_DEVICE_OPERATIONAL, .has_reason = true, .reason = CEDE_DEVICE_TRUST_FULL};
    struct played_answer answer;
    struct cede_transfer order;
    struct move move;
    uint8_t cti[8];

    device_poll(world, SP1, device, &answer);
    device_take_orders(world, device, &answer, 0, &order);
    move = world_move(world, SP1, index);
    memcpy(cti, move.cti, sizeof cti);
    if (trust_update) {
        move_trust_cti(&move, cti);
    }
    report.cti = CEDE_SPAN_ARRAY(cti);
    for (int i = 0; i < 2; i++) { /* also when it did not hear the answer */
        device_report(world, SP1, &device->peer, &report, &answer);
        assert_int_equal(answer.code, CEDE_COAP_CHANGED);
        assert_true(cede_span_is_null(answer.answer.transfer));
    }
    assert_int_equal(world_move(world, SP1, index).state, MOVE_REFUSED);
    assert_non_null(strstr(world_device(world, SP1, index).last_error, "do not fit"));
    device_poll(world, SP1, device, &answer);
    assert_true(cede_span_is_null(answer.answer.transfer));
    report.state = CEDE_DEVICE_ACCEPTED; /* who has refused cannot accept */
    device_report(world, SP1, &device->peer, &report, &answer);
    assert_int_equal(answer.code, CEDE_COAP_FORBIDDEN);
    assert_int_equal(world_device(world, SP1, index).status, DEVICE_OPERATIONAL);
}

static void test_a_refused_order_is_not_sent_again(void **state)
{
    struct world *world = *state;

    world_devices(world, 2);
    story_ready(world);
    check_refusal(world, 0, false);
    check_refusal(world, 1, true);
    assert_int_equal(world_settle(world), CEDE_OK);
    assert_int_equal(world_move(world, SP2, 0).state, MOVE_DROPPED);
    assert_int_equal(world_device(world, SP2, 0).status, DEVICE_GIVEN_BACK);
    assert_int_equal(world_transfer(world, SP1).state, TRANSFER_COMPLETE);
    assert_int_equal(world_transfer(world, SP2).state, TRANSFER_COMPLETE);
    /* They may be offered anew. */
    story_offer(world);
    assert_int_equal(world_transfer(world, SP1).device_count, 2);
}

static void test_cancelled_before_anything_was_sent(void **state)
{
    struct world *world = *state;
    struct played_answer answer;

    world_devices(world, 2);
    story_ready(world);
    assert_int_equal(sp_finish(&world->sp[SP1], hand_over_cancel(&world->sp[SP1], world->id)),
                     CEDE_OK);
    device_poll(world, SP1, &world->devices[0], &answer);
    assert_true(cede_span_is_null(answer.answer.transfer));
    assert_int_equal(world_settle(world), CEDE_OK);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(world_move(world, SP1, i).state, MOVE_CANCELLED);
        assert_int_equal(world_device(world, SP1, i).status, DEVICE_OPERATIONAL);
        assert_int_equal(world_move(world, SP2, i).state, MOVE_DROPPED);
    }
    assert_int_equal(world_transfer(world, SP1).state, TRANSFER_CANCELLED);
}

static void test_cancelled_when_some_were_told(void **state)
{
    struct world *world = *state;
    struct played_answer answer;

    world_devices(world, 3);
    story_ready(world);
    device_poll(world, SP1, &world->devices[0], &answer); /* told, then silent */
    device_accept(world, 1);
    assert_int_equal(sp_finish(&world->sp[SP1], hand_over_cancel(&world->sp[SP1], world->id)),
                     CEDE_OK);
    assert_int_equal(world_settle(world), CEDE_OK);
    assert_int_equal(world_move(world, SP1, 0).state, MOVE_SENT);
    assert_int_equal(world_move(world, SP1, 1).state, MOVE_ACCEPTED);
    assert_int_equal(world_move(world, SP1, 2).state, MOVE_CANCELLED);
    device_poll(world, SP1, &world->devices[0], &answer); /* still here: it has not accepted */
    assert_true(cede_span_is_null(answer.answer.transfer));
    assert_int_equal(world_move(world, SP1, 0).state, MOVE_CANCELLED);
    device_join(world, 1, &answer); /* on its way: it arrives */
    assert_int_equal(world_settle(world), CEDE_OK);
    assert_int_equal(world_move(world, SP1, 1).state, MOVE_DONE);
    assert_int_equal(world_device(world, SP2, 0).status, DEVICE_GIVEN_BACK);
    assert_int_equal(world_device(world, SP2, 1).status, DEVICE_OPERATIONAL);
    assert_int_equal(world_device(world, SP2, 2).status, DEVICE_GIVEN_BACK);
}

static void test_cancelled_before_the_list_was_shared(void **state)
{
    struct world *world = *state;

    world_devices(world, 1);
    story_offer(world);
    story_accept(world);
    assert_int_equal(sp_finish(&world->sp[SP1], hand_over_cancel(&world->sp[SP1], world->id)),
                     CEDE_OK);
    assert_int_equal(world_settle(world), CEDE_OK);
    assert_int_equal(start(world), CEDE_TRANSFER_STATE);
    assert_int_equal(world_count(world, SP2, "SELECT count(*) FROM devices"), 0);
}

/* The notice waits until the list it speaks of has been answered. */
static void test_a_notice_does_not_overtake_the_device_list(void **state)
{
    struct world *world = *state;

    world_devices(world, 1);
    story_offer(world);
    story_accept(world);
    story_start(world);
    assert_int_equal(sp_finish(&world->sp[SP1], hand_over_cancel(&world->sp[SP1], world->id)),
                     CEDE_OK);
    world_clerk(world, SP1);
    assert_int_equal(world_move(world, SP1, 0).state, MOVE_CANCELLED);
    assert_int_equal(world_count(world, SP1, "SELECT count(*) FROM outbox WHERE kind = 'notice'"),
                     0);
    assert_int_equal(world_settle(world), CEDE_TRANSFER_STATE); /* SP2's offer is too late */
    assert_int_equal(world_device(world, SP2, 0).status, DEVICE_GIVEN_BACK);
}

static void test_cancelled_by_the_taking_side(void **state)
{
    struct world *world = *state;
    struct letter letter;

    world_devices(world, 1);
    story_offer(world);
    story_accept(world);
    story_start(world);
    assert_true(world_next_letter(world, SP1, "device-updates", &letter));
    assert_int_equal(deliver(world, SP1, &letter), CEDE_OK);
    assert_int_equal(world_device(world, SP2, 0).status, DEVICE_EXPECTED);
    assert_int_equal(sp_finish(&world->sp[SP2], hand_over_cancel(&world->sp[SP2], world->id)),
                     CEDE_OK);
    assert_int_equal(world_settle(world), CEDE_OK);
    assert_int_equal(world_device(world, SP2, 0).status, DEVICE_GIVEN_BACK);
    assert_int_equal(world_transfer(world, SP2).state, TRANSFER_CANCELLED);
}

/* Once the offer is made, devices may be on their way: who comes is welcome. */
static void test_cancelled_by_the_taking_side_too_late(void **state)
{
    struct world *world = *state;
    struct played_answer answer;

    world_devices(world, 1);
    story_ready(world);
    device_accept(world, 0);
    assert_int_equal(sp_finish(&world->sp[SP2], hand_over_cancel(&world->sp[SP2], world->id)),
                     CEDE_OK);
    assert_int_equal(world_settle(world), CEDE_OK);
    assert_int_equal(world_device(world, SP2, 0).status, DEVICE_EXPECTED);
    device_join(world, 0, &answer);
    assert_false(cede_span_is_null(answer.answer.welcome));
    assert_int_equal(world_settle(world), CEDE_OK);
    assert_int_equal(world_move(world, SP1, 0).state, MOVE_DONE);
}

static void test_each_CA_hears_of_its_own_devices(void **state)
{
    struct world *world = *state;
    struct played_answer answer;
    struct identity ca3;
    uint8_t expected[35] = {0x81, 0x58, 0x20};
    struct device device;

    world_devices(world, 2);
    world_identity(world, "ca3", &ca3);
    identity_wipe(&ca3);
    world_partner(world, SP1, "ca3", PARTNER_CA);
    story_ready(world);
    for (size_t i = 0; i < 2; i++) {
        device_accept(world, i);
        device_join(world, i, &answer);
    }
    world_sql(world, SP1, "UPDATE devices SET ca = 'ca3' WHERE id = 'device-0001'");
    assert_int_equal(world_settle(world), CEDE_OK);
    world_sql(world, SP1, "UPDATE outbox SET state = 0 WHERE kind = 'deregister'");
    assert_int_equal(
        world_count(world, SP1, "SELECT count(*) FROM outbox WHERE kind = 'deregister'"), 2);
    for (size_t i = 0; i < 2; i++) {
        struct letter letter;

        assert_true(world_next_letter(world, SP1, "deregister", &letter));
        device = world_device(world, SP1, i);
        assert_string_equal(letter.partner, device.ca);
        memcpy(expected + 3, device.factory_thumbprint, 32);
        assert_int_equal(letter.body_len, sizeof expected);
        assert_memory_equal(letter.body, expected, sizeof expected);
        assert_int_equal(deliver(world, SP1, &letter), CEDE_OK);
    }
}

static void test_after_the_window_nobody_is_told(void **state)
{
    struct world *world = *state;
    struct played_answer answer;

    world_devices(world, 3);
    story_ready(world);
    device_poll(world, SP1, &world->devices[0], &answer); /* told, but it does not act */
    device_accept(world, 1);
    world_sql(world, SP1, "UPDATE transfers SET earliest = 1, latest = 2");
    device_poll(world, SP1, &world->devices[0], &answer);
    assert_true(cede_span_is_null(answer.answer.transfer));
    assert_int_equal(world_move(world, SP1, 0).state, MOVE_MISSED);
    assert_int_equal(world_settle(world), CEDE_OK);
    assert_int_equal(world_move(world, SP1, 1).state, MOVE_ACCEPTED);
    assert_int_equal(world_move(world, SP1, 2).state, MOVE_MISSED);
    assert_int_equal(world_move(world, SP2, 2).state, MOVE_DROPPED);
    assert_int_equal(world_transfer(world, SP1).state, TRANSFER_READY);
    device_join(world, 1, &answer);
    assert_int_equal(world_settle(world), CEDE_OK);
    assert_int_equal(world_transfer(world, SP1).state, TRANSFER_COMPLETE);
    assert_int_equal(world_transfer(world, SP2).state, TRANSFER_COMPLETE);
}

static void test_before_the_window_nobody_is_told(void **state)
{
    struct world *world = *state;
    struct played_answer answer;

    world_devices(world, 1);
    story_ready(world);
    world_sql(world, SP1, "UPDATE transfers SET earliest = latest - 1");
    device_poll(world, SP1, &world->devices[0], &answer);
    assert_true(cede_span_is_null(answer.answer.transfer));
    assert_int_equal(world_move(world, SP1, 0).state, MOVE_READY);
}

static void come_home(struct world *world, bool kills)
{
    struct played_answer answer;
    struct played_device *device;

    world_devices(world, 1);
    device = &world->devices[0];
    world->kills = kills;
    story_ready(world);
    device_accept(world, 0);
    for (int i = 0; i < 2; i++) {
        device_fall_back(world, 0, &answer);
        assert_int_equal(answer.code, CEDE_COAP_CHANGED);
        assert_true(cede_span_equal(answer.answer.come_home,
                                    world->x509 ? CEDE_SPAN_TEXT("coaps://ca1.example/e/home1")
                                                : CEDE_SPAN_TEXT("coap://ca1.example/e/home1")));
        assert_int_equal(world_device(world, SP1, 0).status, DEVICE_FALLBACK);
    }
    assert_int_equal(device_connect(world, SP1, &device->operational[SP1], &device->peer),
                     CEDE_SP_DEVICE);               /* the old certificate stays revoked */
    assert_int_equal(world_settle(world), CEDE_OK); /* SP2 lets go before the device is home */
    assert_int_equal(world_device(world, SP2, 0).status, DEVICE_GIVEN_BACK);
    world_enrol(world, SP1, device);
    device_poll(world, SP1, device, &answer);
    assert_int_equal(world_device(world, SP1, 0).status, DEVICE_OPERATIONAL);
    assert_int_equal(world_move(world, SP1, 0).state, MOVE_RETURNED);
    assert_int_equal(world_settle(world), CEDE_OK);
    assert_int_equal(world_device(world, SP2, 0).status, DEVICE_GIVEN_BACK);
    assert_int_equal(
        world_count(world, SP2, "SELECT count(*) FROM outbox WHERE kind = 'deregister'"), 1);
    assert_int_equal(device_connect(world, SP2, &device->factory, &device->peer), CEDE_SP_DEVICE);
    assert_int_equal(world_transfer(world, SP1).state, TRANSFER_COMPLETE);
    assert_int_equal(world_transfer(world, SP2).state, TRANSFER_COMPLETE);
}

static void test_a_device_falls_back_and_comes_home(void **state)
{
    come_home(*state, false);
}

static void test_x509_a_device_falls_back_and_comes_home(void **state)
{
    struct world *world = *state;

    world->x509 = true;
    come_home(world, false);
}

static void test_a_device_falls_back_and_comes_home_with_kills(void **state)
{
    come_home(*state, true);
}

/* Its acknowledgement was lost, and so was the welcome: SP2 has it, but it does not know. */
static void test_a_device_without_welcome_may_still_come_back(void **state)
{
    struct world *world = *state;
    struct played_answer answer;

    world_devices(world, 1);
    story_ready(world);
    device_poll(world, SP1, &world->devices[0], &answer);
    device_join(world, 0, &answer);
    device_fall_back(world, 0, &answer); /* before the receipt is there */
    assert_false(cede_span_is_null(answer.answer.come_home));
    world_enrol(world, SP1, &world->devices[0]);
    device_poll(world, SP1, &world->devices[0], &answer);
    assert_int_equal(world_settle(world), CEDE_OK);
    assert_int_equal(world_move(world, SP1, 0).state, MOVE_RETURNED);
    assert_int_equal(world_device(world, SP1, 0).status, DEVICE_OPERATIONAL);
    assert_int_equal(world_device(world, SP2, 0).status, DEVICE_GIVEN_BACK);
    assert_int_equal(world_count(world, SP2, "SELECT count(*) FROM outbox WHERE kind = 'revoke'"),
                     1);
}

/* The way home of a provider that has provisioned none of its devices. */
static void test_R8_a_device_comes_home_to_where_it_was_handed(void **state)
{
    struct world *world = *state;
    struct cede_status_report report = {.state = CEDE_DEVICE_FALLBACK};
    struct played_answer answer;
    struct move move;

    world_devices(world, 1);
    world_sql(world, SP2, "UPDATE partners SET enroll_uri = NULL");
    story_ready(world);
    move_and_look(world, 0);
    check_complete(world);
    report.seq = leave_again(world);
    move = world_move(world, SP2, 0);
    report.cti = CEDE_SPAN_ARRAY(move.cti);
    assert_int_equal(
        device_connect(world, SP2, &world->devices[0].factory, &world->devices[0].peer), CEDE_OK);
    device_report(world, SP2, &world->devices[0].peer, &report, &answer);
    assert_int_equal(answer.code, CEDE_COAP_CHANGED);
    assert_true(
        cede_span_equal(answer.answer.come_home, CEDE_SPAN_TEXT("coap://ca2.example/e/tok")));
}

/* With the receipt the commitment is known here: the device is sent back to where it belongs. */
static void test_R8_a_device_taken_over_does_not_fall_back(void **state)
{
    struct world *world = *state;
    struct played_answer answer;

    world_devices(world, 1);
    story_ready(world);
    device_accept(world, 0);
    device_join(world, 0, &answer);
    assert_int_equal(world_settle(world), CEDE_OK);
    device_fall_back(world, 0, &answer);
    assert_int_equal(answer.code, CEDE_COAP_FORBIDDEN);
    assert_int_equal(world_move(world, SP1, 0).state, MOVE_DONE);
}

/* --- devices that say the wrong thing -----------------------------------------------------------
 */

static int64_t fingerprint(struct world *world)
{
    return world_count(world, SP1, "SELECT total(state * 1000 + is_open) FROM moves") * 1000000 +
           world_count(world, SP1,
                       "SELECT total(status * 1000 + seq + seen_at % 100) FROM devices");
}

static void check_refused_report(struct world *world, const struct coap_peer *peer,
                                 const struct cede_status_report *report)
{
    struct played_answer answer;
    int64_t before = fingerprint(world);

    device_report(world, SP1, peer, report, &answer);
    assert_int_equal(answer.status, CEDE_OK);
    assert_int_equal(answer.code, CEDE_COAP_FORBIDDEN);
    assert_int_equal(answer.len, 0);
    assert_int_equal(fingerprint(world), before);
}

static void test_reports_out_of_order_change_nothing(void **state)
{
    struct world *world = *state;
    struct cede_status_report report = {.state = CEDE_DEVICE_ACCEPTED, .seq = 2};
    uint8_t foreign[8] = {9, 9, 9, 9, 9, 9, 9, 9}, zero[8] = {0};
    struct coap_peer *peer, factory;
    struct move move;

    world_devices(world, 2);
    peer = &world->devices[0].peer;
    check_refused_report(world, peer, &report); /* accepted what? */
    report.cti = CEDE_SPAN_ARRAY(zero);
    check_refused_report(world, peer, &report);
    story_ready(world);
    report.cti = CEDE_SPAN_ARRAY(zero);
    check_refused_report(world, peer, &report);
    report.cti = CEDE_SPAN_ARRAY(foreign);
    check_refused_report(world, peer, &report);
    move = world_move(world, SP1, 1); /* of the other device */
    report.cti = CEDE_SPAN_ARRAY(move.cti);
    check_refused_report(world, peer, &report);
    move = world_move(world, SP1, 0); /* its own, which was not yet handed out */
    check_refused_report(world, peer, &report);
    report.state = CEDE_DEVICE_OPERATIONAL;
    report.has_reason = true;
    check_refused_report(world, peer, &report);
    report.cti = CEDE_SPAN_ARRAY(foreign);
    check_refused_report(world, peer, &report);
    report = (struct cede_status_report){.state = CEDE_DEVICE_OPERATIONAL, .seq = UINT64_MAX};
    check_refused_report(world, peer, &report);
    report.seq = (uint64_t)INT64_MAX;
    check_refused_report(world, peer, &report);
    for (int other = 0; other < CEDE_DEVICE_STATE_COUNT; other++) {
        report = (struct cede_status_report){.state = (enum cede_device_state)other};
        if (other != CEDE_DEVICE_OPERATIONAL && other != CEDE_DEVICE_JOINED) {
            check_refused_report(world, peer, &report);
        }
    }
    /* By the factory credential nothing but fallback, and that not without an order. */
    assert_int_equal(device_connect(world, SP1, &world->devices[0].factory, &factory), CEDE_OK);
    for (int other = 0; other < CEDE_DEVICE_STATE_COUNT; other++) {
        report = (struct cede_status_report){.state = (enum cede_device_state)other};
        check_refused_report(world, &factory, &report);
    }
}

/* As large as a device may claim: still nothing overflows, here or there. */
static void test_large_sequence_numbers(void **state)
{
    struct world *world = *state;
    struct played_device *device;
    struct played_answer answer;
    struct cede_transfer order;
    uint64_t seq = (uint64_t)RECORD_SEQ_MAX / 2;

    world_devices(world, 1);
    device = &world->devices[0];
    device_tell(world, SP1, &device->peer, CEDE_DEVICE_OPERATIONAL, seq, CEDE_SPAN_NULL, &answer);
    story_ready(world);
    assert_int_equal(world_device(world, SP2, 0).seq, (int64_t)seq + 2);
    device_poll(world, SP1, device, &answer);
    device_take_orders(world, device, &answer, seq, &order);
    assert_int_equal(order.seq, seq + 2);
}

/* The old provider says that the device is far ahead: no order of the new one would count. */
static void test_R7_a_made_up_seq_ends_with_the_first_contact(void **state)
{
    struct world *world = *state;
    struct played_device *device;
    struct played_answer answer;
    struct made_batch batch;

    world_devices(world, 1);
    device = &world->devices[0];
    story_offer(world);
    story_accept(world);
    batch = good_batch(world);
    batch.next_seq[0] = (uint64_t)RECORD_SEQ_MAX;
    assert_int_equal(send_batch(world, &batch, NULL), CEDE_OK);
    world_enrol(world, SP2, device);
    assert_int_equal(device_connect(world, SP2, &device->operational[SP2], &device->peer), CEDE_OK);
    device_tell(world, SP2, &device->peer, CEDE_DEVICE_JOINED, 2, CEDE_SPAN_NULL, &answer);
    assert_int_equal(world_device(world, SP2, 0).seq, 2);
    device_poll(world, SP2, device, &answer);
    assert_int_equal(world_device(world, SP2, 0).seq, 2);
}

/* ... and a device does not talk a provider into using numbers of its own orders again. */
static void test_R3_signed_numbers_are_not_used_again(void **state)
{
    struct world *world = *state;
    struct played_device *device;
    struct played_answer answer;
    struct made_batch batch;

    world_devices(world, 1);
    device = &world->devices[0];
    story_offer(world);
    story_accept(world);
    batch = good_batch(world);
    assert_int_equal(send_batch(world, &batch, NULL), CEDE_OK);
    world_sql(world, SP2, "UPDATE moves SET message = x'00', seq = 7");
    world_enrol(world, SP2, device);
    assert_int_equal(device_connect(world, SP2, &device->operational[SP2], &device->peer), CEDE_OK);
    device_tell(world, SP2, &device->peer, CEDE_DEVICE_JOINED, 2, CEDE_SPAN_NULL, &answer);
    assert_int_equal(world_device(world, SP2, 0).seq, 7);
}

/* Of two workers that read the same state one may act on it. */
static void test_a_state_that_has_changed_since_is_not_left_twice(void **state)
{
    struct world *world = *state;
    struct store *store;
    struct move stale;

    world_devices(world, 1);
    story_ready(world);
    store = world->sp[SP1].store;
    stale = world_move(world, SP1, 0);
    assert_int_equal(records_set_move_state(store, &stale, MOVE_SENT, sp_now()), CEDE_OK);
    assert_int_equal(records_set_move_state(store, &stale, MOVE_CANCELLED, sp_now()),
                     CEDE_TRANSFER_STATE);
    assert_int_equal(world_move(world, SP1, 0).state, MOVE_SENT);
    world_check_counts(world);
}

static void test_malformed_reports_change_nothing(void **state)
{
    static const char *const bodies[] = {
        "",     "\xa0", "\xa2\x01\x02\x02", "\xa2\x01\x18\x02\x02\x00", "\xa2\x01\x0b\x02\x00",
        "hello"};
    struct world *world = *state;
    struct played_answer answer;
    int64_t before;

    world_devices(world, 1);
    story_ready(world);
    before = fingerprint(world);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        device_send(world, SP1, &world->devices[0].peer, cede_span_string(bodies[i]), &answer);
        assert_int_equal(answer.code, CEDE_COAP_BAD_REQUEST);
    }
    assert_int_equal(fingerprint(world), before);
}

/* One bad report in a batch of the door takes back only what it did itself. */
static void test_a_bad_report_does_not_spoil_the_batch(void **state)
{
    struct world *world = *state;
    struct cede_status_report report = {.state = CEDE_DEVICE_ACCEPTED};
    uint8_t foreign[8] = {1};
    struct played_answer answer;
    struct sp *sp;

    world_devices(world, 2);
    story_ready(world);
    sp = &world->sp[SP1];
    assert_int_equal(store_begin(sp->store), CEDE_OK);
    device_poll(world, SP1, &world->devices[0], &answer);
    report.cti = CEDE_SPAN_ARRAY(foreign);
    device_report(world, SP1, &world->devices[1].peer, &report, &answer);
    assert_int_equal(answer.code, CEDE_COAP_FORBIDDEN);
    assert_int_equal(update_server_callbacks.after_batch(sp), CEDE_OK);
    assert_int_equal(world_move(world, SP1, 0).state, MOVE_SENT);
    assert_int_equal(world_move(world, SP1, 1).state, MOVE_READY);
}

static void test_only_our_devices_may_connect(void **state)
{
    struct world *world = *state;
    struct played_certificate certificate;
    struct coap_peer peer;
    int64_t now = sp_now();

    world_devices(world, 1);
    world_issue_now(world, &world->ca[SP1], "stranger", &certificate);
    assert_int_equal(device_connect(world, SP1, &certificate, &peer), CEDE_SP_DEVICE);
    world_issue_now(world, &world->ca[SP2], "device-0000", &certificate);
    assert_int_equal(device_connect(world, SP1, &certificate, &peer), CEDE_CERTIFICATE_UNTRUSTED);
    world_issue(world, &world->ca[SP1], "device-0000", now - 100, now - 1, &certificate);
    assert_int_equal(device_connect(world, SP1, &certificate, &peer), CEDE_CERTIFICATE_EXPIRED);
    world_issue(world, &world->ca[SP1], "device-0000", now + 100, now + 200, &certificate);
    assert_int_equal(device_connect(world, SP1, &certificate, &peer), CEDE_CERTIFICATE_NOT_YET);
    world_issue_now(world, &world->permanent_ca, "device-0000", &certificate);
    assert_int_not_equal(device_connect(world, SP1, &certificate, &peer), CEDE_OK);
    certificate = world->devices[0].operational[SP1];
    certificate.bytes[certificate.len - 1] ^= 1;
    assert_int_equal(device_connect(world, SP1, &certificate, &peer), CEDE_CRYPTO_SIGNATURE);
    assert_int_equal(device_connect(world, SP1, &world->devices[0].operational[SP1], &peer),
                     CEDE_OK);
    assert_int_equal(peer.kind, COAP_PEER_OPERATIONAL);
    assert_int_equal(device_connect(world, SP1, &world->devices[0].factory, &peer), CEDE_OK);
    assert_int_equal(peer.kind, COAP_PEER_FACTORY);
    assert_int_equal(device_connect(world, SP2, &world->devices[0].factory, &peer), CEDE_SP_DEVICE);
}

static void test_an_expired_factory_certificate_is_refused(void **state)
{
    struct world *world = *state;
    struct device device = {.id = "old", .status = DEVICE_OPERATIONAL, .ca = "ca1"};
    struct played_certificate factory;
    struct coap_peer peer;

    world_issue(world, &world->permanent_ca, "old", sp_now() - 100, sp_now() - 1, &factory);
    world_thumbprint(played_span(&factory), device.factory_thumbprint);
    assert_int_equal(records_add_device(world->sp[SP1].store, &device, played_span(&factory)),
                     CEDE_OK);
    assert_int_equal(device_connect(world, SP1, &factory, &peer), CEDE_CERTIFICATE_EXPIRED);
    assert_int_equal(peer.kind, COAP_PEER_UNKNOWN);
}

/* --- the CA says no -----------------------------------------------------------------------------
 */

static void test_a_CA_that_refuses_fails_the_transfer(void **state)
{
    struct world *world = *state;

    world_devices(world, 1);
    world->register_status = 403;
    story_offer(world);
    story_accept(world);
    story_start(world);
    assert_int_equal(world_settle(world), CEDE_OK);
    assert_int_equal(world_transfer(world, SP2).state, TRANSFER_FAILED);
    assert_non_null(strstr(world_transfer(world, SP2).last_error, "CEDE_CA_HELD"));
    assert_int_equal(world_count(world, SP2, "SELECT count(*) FROM outbox WHERE kind = 'release'"),
                     0);
    assert_int_equal(world_device(world, SP2, 0).status, DEVICE_GIVEN_BACK);
}

/* What a CA wants devices to trust it for, besides enrolment. */
static void answer_anchors(struct world *world, uint32_t purposes, const char *certificate)
{
    struct cede_trust_entry entry = {purposes, certificate != NULL
                                                   ? cede_span_string(certificate)
                                                   : world->ca[SP2].certificate_der};
    struct played_reply reply = {.status = 200};
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(reply.body));
    struct letter letter;

    cede_trust_list_encode(&writer, &entry, 1);
    assert_int_equal(writer.status, CEDE_OK);
    reply.len = writer.len;
    world_sql(world, SP2, "UPDATE transfers SET state = 2");
    world_sql(world, SP2, "UPDATE outbox SET state = 0 WHERE kind = 'anchors'");
    assert_true(world_next_letter(world, SP2, "anchors", &letter));
    close_letter(world, SP2, &letter, &reply);
}

static void test_R9_a_CA_makes_itself_no_owner(void **state)
{
    static const uint32_t too_much[] = {CEDE_PURPOSE_OWNER, CEDE_PURPOSE_CONTROL,
                                        CEDE_PURPOSE_UPDATE, CEDE_PURPOSE_ATTEST};
    struct world *world = *state;
    struct cede_trust_entry entries[4];
    uint8_t list[1024], memory[1024];
    size_t count;

    world_devices(world, 1);
    story_offer(world);
    story_accept(world);
    world_sql(world, SP2, "UPDATE partners SET trust = NULL");
    for (size_t i = 0; i < sizeof too_much / sizeof too_much[0]; i++) {
        struct cede_trust_entry entry = {too_much[i] | CEDE_PURPOSE_ENROL | CEDE_PURPOSE_SURVIVES,
                                         world->ca[SP2].certificate_der};
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(list));

        answer_anchors(world, entry.purposes, NULL);
        assert_int_equal(world_transfer(world, SP2).state, TRANSFER_FAILED);
        cede_trust_list_encode(&writer, &entry, 1); /* as provisioning takes it */
        assert_int_equal(profile_trust(&world->sp[SP2], cede_written(&writer), false,
                                       CEDE_BUF_ARRAY(memory), entries, 4, &count),
                         CEDE_TRANSFER_PURPOSE);
    }
    answer_anchors(world, CEDE_PURPOSE_ENROL, "no certificate");
    assert_int_equal(world_transfer(world, SP2).state, TRANSFER_FAILED);
    assert_int_equal(
        world_count(world, SP2, "SELECT count(*) FROM partners WHERE trust IS NOT NULL"), 0);
    answer_anchors(world, CEDE_PURPOSE_ENROL | CEDE_PURPOSE_KNOWN, NULL);
    assert_int_equal(world_transfer(world, SP2).state, TRANSFER_SIGNED);
    assert_int_equal(
        world_count(world, SP2, "SELECT count(*) FROM partners WHERE trust IS NOT NULL"), 1);
}

/* What fails is tried again, but not without a pause: the log is written each time. */
static void test_what_fails_does_not_keep_the_clerk_busy(void **state)
{
    struct world *world = *state;
    bool busy = true;

    world_devices(world, 64);
    story_ready(world);
    world_sql(world, SP1, "UPDATE moves SET state = 1");
    world_sql(world, SP1,
              "UPDATE partners SET certificate ="
              " (SELECT certificate FROM partners WHERE name = 'ca1') WHERE name = 'sp2'");
    assert_int_equal(hand_over_work(&world->sp[SP1], &world->identity[SP1], &busy), CEDE_OK);
    assert_false(busy);
    assert_int_equal(world_count(world, SP1, "SELECT count(*) FROM moves WHERE state = 1"), 64);
}

/* What a CA calls its enrolment URI goes into orders, and is where devices come home to. */
static void test_a_CA_answers_a_URI_for_devices(void **state)
{
    static const char *const answers[] = {
        "{\"enroll_uri\":\"\"}", "{\"enroll_uri\":\"http://ca2.example/e/tok\"}",
        "{\"enroll_uri\":\"coaps://ca2.example/e/tok\"}", "{\"enroll_uri\":7}", "[]"};
    struct world *world = *state;
    struct made_batch batch;

    world_devices(world, 1);
    story_offer(world);
    story_accept(world);
    batch = good_batch(world);
    assert_int_equal(send_batch(world, &batch, NULL), CEDE_OK);
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct played_reply reply = {0};
        struct letter letter;

        reply_json(&reply, 200, answers[i]);
        world_sql(world, SP2, "UPDATE transfers SET state = 4");
        world_sql(world, SP2, "UPDATE outbox SET state = 0 WHERE kind = 'register'");
        assert_true(world_next_letter(world, SP2, "register", &letter));
        close_letter(world, SP2, &letter, &reply);
        assert_int_equal(world_transfer(world, SP2).state, TRANSFER_FAILED);
        assert_string_equal(world_transfer(world, SP2).enroll_uri, "");
    }
}

/* What a partner says goes before the operator's eyes, and into JSON: one line of plain text, also
 * where it is cut. */
static void test_a_refusal_is_plain_text(void **state)
{
    static const char *const texts[] = {"\\u001b[2J\\u009b", "\\n{\\\"", "\xc3\xa9", "-\xc3\xa9"};
    struct world *world = *state;

    world_devices(world, 1);
    story_offer(world);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct played_reply reply = {0};
        struct letter letter;
        char body[512] = "{\"error\":\"e\",\"detail\":\"";
        char *error;

        while (strlen(body) < 400) {
            strcat(body, texts[i]);
            strcat(body, i == 3 ? "\xc3\xa9" : "");
        }
        strcat(body, "\"}");
        reply_json(&reply, 400, body);
        world_sql(world, SP1, "UPDATE outbox SET state = 0 WHERE kind = 'contract'");
        assert_true(world_next_letter(world, SP1, "contract", &letter));
        close_letter(world, SP1, &letter, &reply);
        error = strdup(world_transfer(world, SP1).last_error);
        assert_non_null(strstr(error, "sp2 refused the contract (400)"));
        for (const char *at = error; *at != '\0'; at++) {
            assert_in_range((unsigned char)*at, 0x20, 0x7e);
        }
        free(error);
    }
}

/* 409: the old provider's account at the same CA holds the devices; the list is its release. */
static void test_a_device_held_at_the_CA_is_released_first(void **state)
{
    struct world *world = *state;
    struct letter letter;

    world_devices(world, 1);
    story_offer(world);
    story_accept(world);
    story_start(world);
    assert_true(world_next_letter(world, SP1, "device-updates", &letter));
    assert_int_equal(deliver(world, SP1, &letter), CEDE_OK);
    world->register_status = 409;
    assert_true(world_next_letter(world, SP2, "register", &letter));
    assert_int_equal(deliver(world, SP2, &letter), CEDE_OK);
    assert_true(world_next_letter(world, SP2, "release", &letter));
    assert_string_equal(letter.path, "/v1/releases");
    world->register_status = 0;
    assert_int_equal(deliver(world, SP2, &letter), CEDE_OK);
    assert_int_equal(world_settle(world), CEDE_OK);
    assert_int_equal(world_transfer(world, SP1).state, TRANSFER_READY);
    assert_int_equal(world_count(world, SP2, "SELECT count(*) FROM outbox WHERE kind = 'register'"),
                     2);
}

/* A release that does not help is not tried for ever. */
static void test_a_device_held_in_spite_of_its_release(void **state)
{
    struct world *world = *state;

    world_devices(world, 1);
    world->register_status = 409;
    story_offer(world);
    story_accept(world);
    story_start(world);
    assert_int_equal(world_settle(world), CEDE_OK);
    assert_int_equal(world_transfer(world, SP2).state, TRANSFER_FAILED);
    assert_int_equal(world_count(world, SP2, "SELECT count(*) FROM outbox WHERE kind = 'register'"),
                     2);
}

static void test_what_is_over_does_not_fail(void **state)
{
    struct world *world = *state;

    world_devices(world, 1);
    story_ready(world);
    move_and_look(world, 0);
    check_complete(world);
    assert_int_equal(
        sp_finish(&world->sp[SP1], hand_over_fail(&world->sp[SP1], world->id, "a late refusal")),
        CEDE_OK);
    assert_int_equal(world_transfer(world, SP1).state, TRANSFER_COMPLETE);
    assert_string_equal(world_transfer(world, SP1).last_error, "a late refusal");
    assert_int_equal(sp_finish(&world->sp[SP1], hand_over_cancel(&world->sp[SP1], world->id)),
                     CEDE_TRANSFER_STATE);
}

/* --- sp.json ------------------------------------------------------------------------------------
 */

static void test_a_wrong_sp_json_is_named(void **state)
{
    struct world *world = *state;
    const char *directory = world->sp[SP1].directory;
    static const struct {
        const char *member, *value, *why;
    } cases[] = {
        {"pol_s", "60", "sp.json: no member 'pol_s'; did you mean 'poll_s'?"},
        {"king", "true", "sp.json: no member 'king'"},
        {"poll_s", "0", "sp.json: poll_s"},
        {"poll_s", "\"60\"", "sp.json: poll_s"},
        {"poll_s", "4294967296", "sp.json: poll_s"},
        {"name", "\"\"", "sp.json: name"},
        {"update_uri_coaps", "null", "sp.json: update_uri_coaps"},
        {"revocation", "[]", "sp.json: revocation"},
        {"revocation", "{\"freshness\": 1}",
         "sp.json: revocation: no member 'freshness'; did you mean 'freshness_s'?"},
        {"revocation", "{\"freshness_s\": 0}", "sp.json: revocation.freshness_s"},
        {"revocation", "{\"grace_s\": 1.5}", "sp.json: revocation.grace_s"},
        {"revocation", "{\"on_outage\": \"reject\"}", "sp.json: revocation.on_outage"},
        {"revocation", "{\"on_outage\": \"refuse\", \"grace_s\": 7}", NULL},
    };
    char path[SP_PATH_MAX + 16];
    json_t *good;
    struct sp sp;

    snprintf(path, sizeof path, "%s/sp.json", directory);
    good = json_load_file(path, 0, NULL);
    assert_non_null(good);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *changed = json_deep_copy(good);

        json_object_set_new(changed, cases[i].member,
                            json_loads(cases[i].value, JSON_DECODE_ANY, NULL));
        assert_int_equal(json_dump_file(changed, path, 0), 0);
        json_decref(changed);
        assert_int_equal(sp_load(directory, &sp), cases[i].why != NULL ? CEDE_SP_CONFIG : CEDE_OK);
        assert_string_equal(sp.why, cases[i].why != NULL ? cases[i].why : "");
    }
    assert_true(sp.revocation.refuse);
    assert_int_equal(sp.revocation.grace_s, 7);
    json_object_del(good, "poll_s");
    assert_int_equal(json_dump_file(good, path, 0), 0);
    assert_int_equal(sp_load(directory, &sp), CEDE_SP_CONFIG);
    assert_string_equal(sp.why, "sp.json: poll_s");
    json_decref(good);
}

#define WORLD_TEST(test_) cmocka_unit_test_setup_teardown(test_, world_set_up, world_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_the_whole_story),
        WORLD_TEST(test_the_whole_story_with_kills),
        WORLD_TEST(test_x509_the_whole_story),
        WORLD_TEST(test_x509_trust_lists_hold_DER),
        WORLD_TEST(test_x509_fleets_do_not_mix),
        WORLD_TEST(test_x509_a_device_falls_back_and_comes_home),
        WORLD_TEST(test_many_devices_in_three_batches),
        WORLD_TEST(test_a_plain_poll_writes_nothing),
        WORLD_TEST(test_a_device_comes_back_in_a_later_transfer),
        WORLD_TEST(test_two_workers_on_the_same_devices),
        WORLD_TEST(test_only_devices_that_are_free_are_offered),
        WORLD_TEST(test_R7_nothing_starts_before_both_have_signed),
        WORLD_TEST(test_R7_contracts_bind_the_parties_they_name),
        WORLD_TEST(test_a_partner_offers_so_many_contracts_and_no_more),
        WORLD_TEST(test_R7_a_contract_with_one_byte_changed_is_refused),
        WORLD_TEST(test_R7_a_countersigned_contract_is_the_one_offered),
        WORLD_TEST(test_R7_no_device_list_before_acceptance),
        WORLD_TEST(test_R7_a_device_list_is_bound_to_its_contract),
        WORLD_TEST(test_R7_the_device_list_is_the_one_of_the_contract),
        WORLD_TEST(test_R7_one_bad_entry_refuses_its_batch),
        WORLD_TEST(test_device_ids_are_plain_text),
        WORLD_TEST(test_R7_batches_agree_on_their_number),
        WORLD_TEST(test_a_batch_is_as_long_as_its_devices_need),
        WORLD_TEST(test_a_certificate_too_long_to_hand_on_is_refused),
        WORLD_TEST(test_a_device_that_did_not_come_may_be_given_by_another),
        WORLD_TEST(test_R7_a_batch_comes_twice_only_unchanged),
        WORLD_TEST(test_R7_no_offer_before_the_start),
        WORLD_TEST(test_R7_an_offer_fits_contract_and_list),
        WORLD_TEST(test_an_offer_that_is_too_long_is_refused_for_good),
        WORLD_TEST(test_R7_an_offer_is_signed_by_the_partner),
        WORLD_TEST(test_R7_an_offer_brings_the_trust_it_needs),
        WORLD_TEST(test_R7_an_offer_comes_twice_only_unchanged),
        WORLD_TEST(test_R7_no_order_is_signed_before_the_offer_is_checked),
        WORLD_TEST(test_R7_only_partners_of_the_transfer_are_heard),
        WORLD_TEST(test_R7_no_message_counts_as_another),
        WORLD_TEST(test_R7_the_old_provider_alone_takes_nothing_back),
        WORLD_TEST(test_R7_a_transfer_of_long_ago_takes_nothing_back),
        WORLD_TEST(test_R5_the_new_provider_sees_only_the_device_list),
        WORLD_TEST(test_R6_an_accepted_order_ends_the_old_certificate),
        WORLD_TEST(test_R6_a_renewed_certificate_ends_the_one_before),
        WORLD_TEST(test_R6_a_receipt_ends_the_old_certificate_too),
        WORLD_TEST(test_R6_what_the_CA_has_revoked_bites_on_live_sessions),
        WORLD_TEST(test_R6_a_revoked_CA_in_between_lets_nobody_in),
        WORLD_TEST(test_R6_a_revoked_factory_certificate_bites_on_live_sessions),
        WORLD_TEST(test_a_refused_order_is_not_sent_again),
        WORLD_TEST(test_cancelled_before_anything_was_sent),
        WORLD_TEST(test_cancelled_when_some_were_told),
        WORLD_TEST(test_cancelled_before_the_list_was_shared),
        WORLD_TEST(test_a_notice_does_not_overtake_the_device_list),
        WORLD_TEST(test_cancelled_by_the_taking_side),
        WORLD_TEST(test_cancelled_by_the_taking_side_too_late),
        WORLD_TEST(test_each_CA_hears_of_its_own_devices),
        WORLD_TEST(test_after_the_window_nobody_is_told),
        WORLD_TEST(test_before_the_window_nobody_is_told),
        WORLD_TEST(test_a_device_falls_back_and_comes_home),
        WORLD_TEST(test_a_device_falls_back_and_comes_home_with_kills),
        WORLD_TEST(test_a_device_without_welcome_may_still_come_back),
        WORLD_TEST(test_R8_a_device_comes_home_to_where_it_was_handed),
        WORLD_TEST(test_R8_a_device_taken_over_does_not_fall_back),
        WORLD_TEST(test_reports_out_of_order_change_nothing),
        WORLD_TEST(test_large_sequence_numbers),
        WORLD_TEST(test_R7_a_made_up_seq_ends_with_the_first_contact),
        WORLD_TEST(test_R3_signed_numbers_are_not_used_again),
        WORLD_TEST(test_a_state_that_has_changed_since_is_not_left_twice),
        WORLD_TEST(test_malformed_reports_change_nothing),
        WORLD_TEST(test_a_bad_report_does_not_spoil_the_batch),
        WORLD_TEST(test_only_our_devices_may_connect),
        WORLD_TEST(test_an_expired_factory_certificate_is_refused),
        WORLD_TEST(test_a_CA_that_refuses_fails_the_transfer),
        WORLD_TEST(test_R9_a_CA_makes_itself_no_owner),
        WORLD_TEST(test_a_CA_answers_a_URI_for_devices),
        WORLD_TEST(test_what_fails_does_not_keep_the_clerk_busy),
        WORLD_TEST(test_a_refusal_is_plain_text),
        WORLD_TEST(test_a_device_held_at_the_CA_is_released_first),
        WORLD_TEST(test_a_device_held_in_spite_of_its_release),
        WORLD_TEST(test_what_is_over_does_not_fail),
        WORLD_TEST(test_a_wrong_sp_json_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
