/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dtls_life_test.c - lives of a device of the X.509 profile over real DTLS: the device's end is
 * ours, the servers' OpenSSL's own.
 *
 *     device --- cede_dtls --- datagrams --- OpenSSL --- CA1, SP1, CA2, SP2 of device_world.h
 */
#include "cede/dtls.h"
#include "device_world.h"
#include "dtls_server.h"

#define SUITES "ECDHE-ECDSA-AES128-CCM8"

static struct {
    struct cede_dtls *dtls;
    struct queue to_server;
    struct dtls_server servers[SERVER_COUNT];
    bool used[SERVER_COUNT];
    int server; /* at the other end */
    unsigned handshakes, refused;
} r;

/* --- the servers ------------------------------------------------------------------------------ */

static bool admit_client(void *owner, struct cede_span der)
{
    int index = (int)((struct dtls_server *)owner - r.servers);
    struct cede_certificate certificate;
    bool good;

    OK(cede_certificate_decode(der, w.crypto, &certificate));
    memset(&w.channel.session, 0, sizeof w.channel.session);
    w.channel.server = index;
    w.channel.session.factory = cede_span_equal(der, raw(&w.factory));
    good = w.channel.session.factory || admit_operational(index, &certificate) == CEDE_OK;
    r.refused += !good;
    return good;
}

static struct cede_span answer_client(void *owner, struct cede_span message, struct cede_buf out)
{
    int index = (int)((struct dtls_server *)owner - r.servers);
    struct cede_span response = deduplicate(index, message), copy;

    if (response.len == 0) {
        return CEDE_SPAN_NULL;
    }
    OK(cede_copy(out, response, &copy));
    return copy;
}

static struct dtls_server *listen_as(int index)
{
    struct dtls_server *server = &r.servers[index];

    if (!r.used[index]) {
        server->admit = admit_client;
        server->answer = answer_client;
        server->owner = server;
        dtls_server_init(server, w.servers[index].own.scalar, raw(&w.servers[index].own), SUITES,
                         DTLS1_2_VERSION, 0);
        r.used[index] = true;
    }
    w.servers[index].last_request_len = 0;
    dtls_server_listen(server);
    return server;
}

/* --- the platform ----------------------------------------------------------------------------- */

static bool judge_server(void *context, const struct cede_span *certificates, size_t count)
{
    (void)context;
    return cede_device_channel_judge(&w.device, certificates, count) == CEDE_OK;
}

static void send_record(void *context, struct cede_span datagram)
{
    cede_device_channel_count(&w.device, true, datagram.len);
    queue_put(context, datagram);
}

static void receive_message(void *context, struct cede_span message)
{
    (void)context;
    cede_device_channel_receive(&w.device, message, w.now_ms);
}

static void close_dtls(void)
{
    cede_dtls_free(r.dtls);
    r.dtls = NULL;
    r.to_server.count = r.to_server.taken = 0;
}

static void tell(enum cede_dtls_state before)
{
    enum cede_dtls_state now = cede_dtls_state(r.dtls);

    if (now == CEDE_DTLS_OPEN && before != CEDE_DTLS_OPEN) {
        r.handshakes++;
        cede_device_channel_opened(&w.device, w.now_ms);
    } else if (now == CEDE_DTLS_CLOSED) {
        close_dtls();
        cede_device_channel_closed(&w.device, w.now_ms);
    }
}

/* Datagrams go to and fro until there are none; a dead server answers none. */
static void carry(void)
{
    struct cede_span datagram;
    bool moved = true;

    while (moved && r.dtls != NULL) {
        moved = false;
        while (queue_take(&r.to_server, &datagram)) {
            w.now_ms += 10;
            if (!w.servers[r.server].dead) {
                dtls_server_receive(&r.servers[r.server], datagram);
            }
            moved = true;
        }
        while (r.dtls != NULL && queue_take(&r.servers[r.server].to_client, &datagram)) {
            enum cede_dtls_state before = cede_dtls_state(r.dtls);
            w.now_ms += 10;
            cede_device_channel_count(&w.device, false, datagram.len);
            cede_dtls_receive(r.dtls, datagram);
            tell(before);
            moved = true;
        }
    }
}

static void open_dtls(const struct cede_device_action *action)
{
    struct cede_dtls_config config = {.key = action->key,
                                      .certificate = action->certificate,
                                      .judge = judge_server,
                                      .send = send_record,
                                      .receive = receive_message,
                                      .context = &r.to_server};

    close_dtls();
    r.server = destination(action);
    (void)listen_as(r.server);
    OK(cede_dtls_new(&config, &r.dtls));
    carry();
}

static void send_dtls(struct cede_span message)
{
    assert_non_null(r.dtls);
    OK(cede_dtls_send(r.dtls, message));
    carry();
}

/* --- tests ------------------------------------------------------------------------------------ */

static int begin(void **state)
{
    (void)state;
    memset(&r, 0, sizeof r);
    world_x509 = true;
    world_begin();
    world_channel = (struct world_channel){open_dtls, send_dtls, close_dtls};
    return 0;
}

static int end(void **state)
{
    (void)state;
    close_dtls();
    for (int i = 0; i < SERVER_COUNT; i++) {
        dtls_server_free(&r.servers[i]);
    }
    return 0;
}

static bool home_again(void)
{
    return w.returned && operational_sp1() && w.servers[CA1].issued == 2;
}

static uint32_t bytes_in(enum cede_device_state state)
{
    const struct cede_device_cost *cost = &w.device.stats.states[state];

    return cost->bytes_sent + cost->bytes_received;
}

static void test_enrol_operate_hand_over(void **state)
{
    (void)state;
    assert_true(run_until(operational_sp1, 600));
    assert_int_equal(r.handshakes, 2);
    world_offer();
    assert_true(run_until(operational_sp2, 600));
    assert_true(w.taken_over);
    assert_int_equal(w.servers[CA2].issued, 1);
    assert_int_equal(r.handshakes, 4); /* CA1, SP1, CA2, SP2: each once */
    assert_int_equal(w.device.stats.handshakes, 4);
    assert_int_equal(w.device.stats.failures, 0);
    assert_int_equal(r.refused, 0);
    /* Flights of the handshake are counted as what they are. */
    assert_true(w.device.stats.states[CEDE_DEVICE_JOINING].round_trips >= 3);
    assert_true(bytes_in(CEDE_DEVICE_JOINING) > 1000);
    assert_true(r.to_server.len_max <= CEDE_DTLS_DATAGRAM_LEN);
    print_message("enrolment %u bytes, joining %u, joined %u\n", bytes_in(CEDE_DEVICE_ENROLLING),
                  bytes_in(CEDE_DEVICE_JOINING), bytes_in(CEDE_DEVICE_JOINED));
}

/* CA2's place is taken by somebody with another key: not a word to him, and back home. */
static void test_R8_an_impostor_hears_nothing(void **state)
{
    struct credential impostor;

    (void)state;
    assert_true(run_until(operational_sp1, 600));
    make_credential(&impostor, CEDE_SPAN_TEXT("CA2"), CEDE_SPAN_TEXT("CA2"), &impostor, false,
                    CEDE_EKU_CMC_RA);
    memcpy(&w.servers[CA2].own, &impostor, sizeof impostor);
    world_offer();
    assert_true(run_until(home_again, 5 * 3600));
    assert_int_equal(w.servers[CA2].requests, 0);
    assert_int_equal(w.servers[CA2].issued, 0);
}

/* Rule R6: from the acceptance on, the old certificate opens no door. */
static void test_R6_the_old_certificate_opens_no_door(void **state)
{
    unsigned requests;

    (void)state;
    assert_true(run_until(operational_sp1, 600));
    w.servers[CA1].live = false;
    requests = w.servers[SP1].requests;
    close_dtls();
    cede_device_channel_closed(&w.device, w.now_ms);
    assert_false(run_until(operational_sp2, 300));
    assert_int_equal(w.servers[SP1].requests, requests);
    assert_true(r.refused > 0);
}

/* Power fails at every write: each restart begins with no channel. */
static void test_R1_power_cut_at_every_write(void **state)
{
    bool cut = true;
    unsigned cuts = 0;

    for (unsigned at = 1; cut; at += 3) {
        (void)end(state);
        (void)begin(state);
        w.cut_at = at;
        w.cut_how = (int)(at % 3);
        assert_true(run_until(operational_sp1, 3600));
        world_offer();
        assert_true(run_until(operational_sp2, 3600));
        assert_int_equal(w.servers[CA1].alarms + w.servers[CA2].alarms, 0);
        assert_int_equal(w.servers[CA2].issued, 1);
        cut = w.restarts > 0;
        cuts += cut;
    }
    assert_true(cuts > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_enrol_operate_hand_over, begin, end),
        cmocka_unit_test_setup_teardown(test_R8_an_impostor_hears_nothing, begin, end),
        cmocka_unit_test_setup_teardown(test_R6_the_old_certificate_opens_no_door, begin, end),
        cmocka_unit_test_setup_teardown(test_R1_power_cut_at_every_write, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
