/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sp_world.h - two service providers, three CAs and their devices in one process, for tests.
 *
 * The providers are real: state directories, stores, handlers, clerk. Played are the network (a
 * pump that takes messages out of one outbox and gives them to the other provider's handler, as the
 * courier and the partners' door would), the CAs (their answers are made here) and the devices
 * (their certificates are issued here, their reports go to the update server's callbacks).
 *
 * Killing: with world.kills set, every step is first done without its commit, then the stores are
 * closed and opened again, and the step is repeated; and every message arrives twice.
 */
#ifndef CEDE_TEST_SP_WORLD_H
#define CEDE_TEST_SP_WORLD_H

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
#include "cede/transfer.h"
#include "server/common/courier.h"
#include "server/common/hex.h"
#include "server/common/jws.h"
#include "server/common/log.h"
#include "server/sp/deliveries.h"
#include "server/sp/hand_over.h"
#include "server/sp/records_counts.h"
#include "server/sp/update_server.h"

#define SP1 0
#define SP2 1

/* --- devices -----------------------------------------------------------------------------------
 */

struct played_certificate {
    uint8_t bytes[512]; /* ~C509Certificate */
    size_t len;
    char serial[RECORD_SERIAL_MAX];
};

struct played_device {
    char id[RECORD_DEVICE_ID_MAX];
    struct played_certificate factory;
    struct played_certificate operational[2]; /* by the CA of SP1, of SP2 */
    struct coap_peer peer;                    /* of the session it has */
};

struct world {
    char root[64];
    struct sp sp[2];
    struct identity identity[2];
    struct identity permanent_ca, ca[2];
    uint8_t device_point[64]; /* one key does for all: nobody here proves possession */
    uint64_t serial;

    struct played_device *devices;
    size_t devices_count;

    uint8_t id[TRANSFER_ID_LEN]; /* of the transfer at hand */
    bool x509;                   /* what is issued from now on is X.509 */
    bool kills;
    const char *partner; /* who hands in what the test makes; null: the other provider */
    int register_status; /* what the CA answers to registrations; 0: 200 */

    uint8_t *wire; /* everything that went from SP1 to SP2, payloads decoded as well */
    size_t wire_len;
};

static inline struct cede_span played_span(const struct played_certificate *certificate)
{
    return cede_span(certificate->bytes, certificate->len);
}

/* --- making the world --------------------------------------------------------------------------
 */

static inline void world_identity(const struct world *world, const char *name,
                                  struct identity *identity)
{
    char directory[128];

    snprintf(directory, sizeof directory, "%s/%s", world->root, name);
    assert_int_equal(identity_create(directory, name, NULL, 0), CEDE_OK);
    assert_int_equal(identity_load(directory, identity), CEDE_OK);
}

static inline void world_open(struct world *world)
{
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sp_open_store(&world->sp[i]), CEDE_OK);
    }
}

/* As after a kill: what was not committed is gone. */
static inline void world_kill(struct world *world)
{
    sp_close(&world->sp[SP1]);
    sp_close(&world->sp[SP2]);
    world_open(world);
}

static inline void world_partner(struct world *world, int which, const char *name, const char *role)
{
    char path[160], url[64];

    snprintf(path, sizeof path, "%s/%s/identity.pem", world->root, name);
    snprintf(url, sizeof url, "https://%s.example:8443/", name);
    assert_int_equal(sp_add_partner(&world->sp[which], name, role, url, path), CEDE_OK);
}

static inline void world_provider(struct world *world, int which, const char *name)
{
    char directory[128];
    struct sp_init_options options = {.directory = directory,
                                      .name = name,
                                      .https = "127.0.0.1:8443",
                                      .coap = "127.0.0.1:5683",
                                      .poll_s = 60};

    snprintf(directory, sizeof directory, "%s/%s", world->root, name);
    options.coap = which == SP1 ? "sp1.example:5683" : "sp2.example:5683";
    options.coaps = which == SP1 ? "sp1.example:5684" : "sp2.example:5684";
    assert_int_equal(sp_init(&options), CEDE_OK);
    assert_int_equal(sp_load(directory, &world->sp[which]), CEDE_OK);
    assert_int_equal(identity_load(directory, &world->identity[which]), CEDE_OK);
}

static inline int world_set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    const struct cede_crypto *crypto = cede_crypto_openssl();
    uint8_t key[32];

    assert_non_null(world);
    log_set_level(LOG_LEVEL_ERROR);
    /* In memory where there is such a folder: hundreds of commits wait for a disk. */
    snprintf(world->root, sizeof world->root, "%s/cede-sp-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(world->root));
    world_identity(world, "permanent", &world->permanent_ca);
    world_identity(world, "ca1", &world->ca[SP1]);
    world_identity(world, "ca2", &world->ca[SP2]);
    world_provider(world, SP1, "sp1");
    world_provider(world, SP2, "sp2");
    world_open(world);
    for (int i = 0; i < 2; i++) {
        world_partner(world, i, "permanent", PARTNER_PERMANENT_CA);
        world_partner(world, i, i == SP1 ? "ca1" : "ca2", PARTNER_CA);
        world_partner(world, i, i == SP1 ? "sp2" : "sp1", PARTNER_SP);
    }
    assert_int_equal(
        records_save_enroll_uri(world->sp[SP1].store, "ca1", "coap://ca1.example/e/home1"),
        CEDE_OK);
    assert_int_equal(
        records_save_enroll_uri(world->sp[SP2].store, "ca2", "coap://ca2.example/e/home2"),
        CEDE_OK);
    assert_int_equal(
        records_save_enroll_uri(world->sp[SP1].store, "ca1", "coaps://ca1.example/e/home1"),
        CEDE_OK);
    assert_int_equal(crypto->generate(crypto->context, CEDE_CRV_P256, key, world->device_point),
                     CEDE_OK);
    *state = world;
    return 0;
}

static inline int world_tear_down(void **state)
{
    struct world *world = *state;
    char command[128];

    for (int i = 0; i < 2; i++) {
        sp_close(&world->sp[i]);
        identity_wipe(&world->identity[i]);
        identity_wipe(&world->ca[i]);
    }
    identity_wipe(&world->permanent_ca);
    snprintf(command, sizeof command, "rm -rf %s", world->root);
    assert_int_equal(system(command), 0);
    free(world->devices);
    free(world->wire);
    free(world);
    return 0;
}

/* --- certificates ------------------------------------------------------------------------------
 */

static inline void world_issue(struct world *world, const struct identity *issuer, const char *id,
                               int64_t from, int64_t until, struct played_certificate *out)
{
    struct cede_certificate_info info = {0};
    uint8_t serial[8], scratch[CEDE_C509_SCRATCH];
    struct cede_span encoding;

    world->serial++;
    for (int i = 0; i < 8; i++) {
        serial[i] = (uint8_t)((0xab00000000000000U + world->serial) >> (56 - 8 * i));
    }
    info.serial = CEDE_SPAN_ARRAY(serial);
    info.issuer = (struct cede_name){CEDE_NAME_TEXT, cede_span_string(issuer->name)};
    info.subject = (struct cede_name){CEDE_NAME_TEXT, cede_span_string(id)};
    info.not_before = (uint64_t)from;
    info.not_after = (uint64_t)until;
    info.public_key = (struct cede_public_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(world->device_point)};
    info.path_len = CEDE_PATH_LEN_NONE;
    info.key_usage = CEDE_KU_DIGITAL_SIGNATURE;
    assert_int_equal(
        cede_certificate_issue(world->x509 ? CEDE_CERTIFICATE_X509 : CEDE_CERTIFICATE_C509_NATIVE,
                               cede_crypto_openssl(), &info, &issuer->private_key,
                               CEDE_BUF_ARRAY(scratch), CEDE_BUF_ARRAY(out->bytes), &encoding),
        CEDE_OK);
    out->len = encoding.len;
    hex_encode(serial, sizeof serial, out->serial);
}

static inline void world_issue_now(struct world *world, const struct identity *issuer,
                                   const char *id, struct played_certificate *out)
{
    world_issue(world, issuer, id, sp_now() - 60, sp_now() + 86400, out);
}

static inline void world_thumbprint(struct cede_span certificate, uint8_t thumbprint[32])
{
    size_t len;

    assert_int_equal(cede_certificate_thumbprint(cede_crypto_openssl(), CEDE_ALG_SHA_256,
                                                 certificate, thumbprint, &len),
                     CEDE_OK);
}

/* The device's operational key is certified by the CA of a provider. */
static inline void world_enrol(struct world *world, int which, struct played_device *device)
{
    world_issue_now(world, &world->ca[which], device->id, &device->operational[which]);
}

/* --- meeting devices ---------------------------------------------------------------------------
 */

static inline enum cede_status device_connect(struct world *world, int which,
                                              const struct played_certificate *certificate,
                                              struct coap_peer *peer)
{
    struct cede_certificate view;

    memset(peer, 0, sizeof *peer);
    CEDE_TRY(cede_certificate_decode(played_span(certificate), cede_crypto_openssl(), &view));
    CEDE_TRY(update_server_callbacks.authenticate(&world->sp[which], &view, NULL, 0, peer));
    world_thumbprint(played_span(certificate), peer->thumbprint);
    peer->certificate = played_span(certificate);
    return CEDE_OK;
}

/* What came back for a report. */
struct played_answer {
    enum cede_status status; /* of still_allowed or handle */
    uint8_t code;
    uint8_t body[8192];
    size_t len;
    struct cede_answer answer;
};

static inline void device_send_once(struct world *world, int which, const struct coap_peer *peer,
                                    struct cede_span body, struct played_answer *out)
{
    struct coap_request request = {.peer = peer, .code = CEDE_COAP_POST, .path_count = 1};
    struct coap_response response = {.code = 0, .content_format = -1};

    memset(out, 0, sizeof *out);
    request.path[0] = CEDE_SPAN_TEXT("u");
    request.content_format = CEDE_COAP_FORMAT_CBOR;
    request.accept = COAP_DOOR_NO_FORMAT;
    request.body = body;
    response.body = CEDE_BUF_ARRAY(out->body);
    out->status = update_server_callbacks.still_allowed(&world->sp[which], peer);
    if (out->status == CEDE_OK) {
        out->status = update_server_callbacks.handle(&world->sp[which], &request, &response);
    }
    out->code = response.code;
    out->len = response.body_len;
}

/* A whole body to /u, committed before it is answered; cut off before the commit when killing. */
static inline void device_send(struct world *world, int which, const struct coap_peer *peer,
                               struct cede_span body, struct played_answer *out)
{
    bool open = store_in_transaction(world->sp[which].store);

    if (world->kills && !open) {
        device_send_once(world, which, peer, body, out);
        world_kill(world);
    }
    device_send_once(world, which, peer, body, out);
    if (!open) {
        assert_int_equal(update_server_callbacks.after_batch(&world->sp[which]), CEDE_OK);
    }
    if (out->status == CEDE_OK && out->code == CEDE_COAP_CHANGED) {
        assert_int_equal(cede_answer_decode(cede_span(out->body, out->len), &out->answer), CEDE_OK);
    }
}

static inline void device_report(struct world *world, int which, const struct coap_peer *peer,
                                 const struct cede_status_report *report, struct played_answer *out)
{
    uint8_t memory[128];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
    struct cede_span body;

    cede_status_report_encode(&writer, report);
    assert_int_equal(cede_writer_finish(&writer, &body), CEDE_OK);
    device_send(world, which, peer, body, out);
}

/* A report that has to be answered with 2.04. */
static inline void device_tell(struct world *world, int which, const struct coap_peer *peer,
                               enum cede_device_state state, uint64_t seq, struct cede_span cti,
                               struct played_answer *out)
{
    struct cede_status_report report = {.state = state, .seq = seq, .cti = cti};

    device_report(world, which, peer, &report, out);
    assert_int_equal(out->status, CEDE_OK);
    assert_int_equal(out->code, CEDE_COAP_CHANGED);
}

/* The device polls SP1 or SP2 with its operational certificate, in a new session. */
static inline void device_poll(struct world *world, int which, struct played_device *device,
                               struct played_answer *out)
{
    assert_int_equal(device_connect(world, which, &device->operational[which], &device->peer),
                     CEDE_OK);
    device_tell(world, which, &device->peer, CEDE_DEVICE_OPERATIONAL, 0, CEDE_SPAN_NULL, out);
}

/* Devices in the inventory of SP1, enrolled at CA1 and seen. */
static inline void world_devices(struct world *world, size_t count)
{
    struct store *store = world->sp[SP1].store;
    struct played_answer answer;

    world->devices = calloc(count, sizeof *world->devices);
    assert_non_null(world->devices);
    world->devices_count = count;
    assert_int_equal(records_write(store), CEDE_OK);
    for (size_t i = 0; i < count; i++) {
        struct played_device *played = &world->devices[i];
        struct device device = {.status = DEVICE_PROVISIONED, .since = sp_now(), .ca = "ca1"};

        snprintf(played->id, sizeof played->id, "device-%04zu", i);
        memcpy(device.id, played->id, sizeof device.id);
        world_issue_now(world, &world->permanent_ca, played->id, &played->factory);
        world_thumbprint(played_span(&played->factory), device.factory_thumbprint);
        assert_int_equal(records_add_device(store, &device, played_span(&played->factory)),
                         CEDE_OK);
        world_enrol(world, SP1, played);
        device_poll(world, SP1, played, &answer);
    }
    assert_int_equal(store_commit(store), CEDE_OK);
}

/* --- looking inside ----------------------------------------------------------------------------
 */

static inline struct device world_device(struct world *world, int which, size_t index)
{
    struct device device;

    assert_int_equal(records_device(world->sp[which].store, world->devices[index].id, &device),
                     CEDE_OK);
    return device;
}

static inline struct move world_move(struct world *world, int which, size_t index)
{
    struct move move;

    assert_int_equal(
        records_move(world->sp[which].store, world->id, world->devices[index].id, &move), CEDE_OK);
    return move;
}

static inline struct transfer world_transfer(struct world *world, int which)
{
    struct transfer transfer;

    assert_int_equal(records_transfer(world->sp[which].store, world->id, &transfer), CEDE_OK);
    return transfer;
}

static inline int64_t world_count(struct world *world, int which, const char *sql)
{
    int64_t count = -1;

    assert_int_equal(store_get_int(world->sp[which].store, sql, STORE_NO_PARAMS, &count), CEDE_OK);
    return count;
}

static inline void world_sql(struct world *world, int which, const char *sql)
{
    assert_int_equal(store_run(world->sp[which].store, sql, STORE_NO_PARAMS, NULL), CEDE_OK);
}

static inline enum cede_status compare_moves(void *context, const struct transfer *transfer)
{
    struct sp *sp = context;

    for (int state = 1; state < MOVE_STATE_COUNT; state++) {
        int64_t kept = -1, rows = -1;

        CEDE_TRY(records_move_count(sp->store, transfer->id, (enum move_state)state, &kept));
        CEDE_TRY(store_get_int(
            sp->store, "SELECT count(*) FROM moves WHERE transfer = $1 AND state = $2",
            STORE_PARAMS(store_blob(cede_span(transfer->id, TRANSFER_ID_LEN)), store_int(state)),
            &rows));
        assert_int_equal(kept, rows);
    }
    return CEDE_OK;
}

/* The counts that cost nothing to read agree with the rows. */
static inline void world_check_counts(struct world *world)
{
    for (int which = 0; which < 2; which++) {
        struct sp *sp = &world->sp[which];

        for (int status = 1; status < DEVICE_STATUS_COUNT; status++) {
            int64_t kept = -1, rows = -1;

            assert_int_equal(records_device_count(sp->store, (enum device_status)status, &kept),
                             CEDE_OK);
            assert_int_equal(store_get_int(sp->store,
                                           "SELECT count(*) FROM devices WHERE status = $1",
                                           STORE_PARAMS(store_int(status)), &rows),
                             CEDE_OK);
            assert_int_equal(kept, rows);
        }
        assert_int_equal(
            records_each_transfer(sp->store, (enum transfer_state)0, compare_moves, sp), CEDE_OK);
    }
}

/* --- the pump ----------------------------------------------------------------------------------
 */

struct letter {
    int64_t id;
    char kind[32], reference[192], partner[64], path[192];
    uint8_t *body; /* owned; null: none */
    size_t body_len;
};

static inline enum cede_status read_letter(void *context, const struct store_row *row)
{
    struct letter *letter = context;
    struct cede_span body = store_column_blob(row, 5);

    letter->id = store_column_int(row, 0);
    CEDE_TRY(store_column_copy_text(row, 1, letter->kind, sizeof letter->kind));
    CEDE_TRY(store_column_copy_text(row, 2, letter->reference, sizeof letter->reference));
    CEDE_TRY(store_column_copy_text(row, 3, letter->partner, sizeof letter->partner));
    CEDE_TRY(store_column_copy_text(row, 4, letter->path, sizeof letter->path));
    letter->body_len = body.len;
    letter->body = NULL;
    if (body.ptr != NULL) {
        letter->body = malloc(body.len + 1);
        memcpy(letter->body, body.ptr, body.len);
    }
    return CEDE_OK;
}

#define LETTER_COLUMNS "id, kind, reference, partner, path, body"

/* The oldest letter that waits, of any kind or one. */
static inline bool world_next_letter(struct world *world, int from, const char *kind,
                                     struct letter *letter)
{
    enum cede_status status =
        store_get(world->sp[from].store,
                  "SELECT " LETTER_COLUMNS " FROM outbox WHERE state = 0 AND ($1 = '' OR kind = $1)"
                  " ORDER BY id LIMIT 1",
                  STORE_PARAMS(store_text(kind != NULL ? kind : "")), read_letter, letter);

    assert_true(status == CEDE_OK || status == CEDE_NOT_FOUND);
    return status == CEDE_OK;
}

static inline enum cede_status take_by_path(struct sp *sp, const char *partner, const char *path,
                                            struct cede_span body)
{
    struct hand_over_detail detail = {""};

    if (strcmp(path, "/v1/contracts") == 0) {
        return hand_over_on_contract(sp, partner, body);
    }
    if (strcmp(path, "/v1/device-updates") == 0) {
        return taking_on_batch(sp, partner, body, &detail);
    }
    if (strcmp(path, "/v1/transfer-offers") == 0) {
        return giving_on_offer(sp, partner, body);
    }
    if (strcmp(path, "/v1/receipts") == 0) {
        return giving_on_receipt(sp, partner, body);
    }
    if (strcmp(path, "/v1/notices") == 0) {
        return taking_on_notice(sp, partner, body);
    }
    fail_msg("no such path: %s", path);
    return CEDE_INTERNAL;
}

static inline enum cede_status hand_in_once(struct world *world, int to, const char *path,
                                            struct cede_span body)
{
    struct sp *sp = &world->sp[to];
    enum cede_status status;

    assert_int_equal(records_write(sp->store), CEDE_OK);
    assert_int_equal(store_part_begin(sp->store), CEDE_OK);
    status = take_by_path(sp,
                          world->partner != NULL ? world->partner
                          : to == SP1            ? "sp2"
                                                 : "sp1",
                          path, body);
    if (status != CEDE_OK) {
        store_part_rollback(sp->store);
    } else {
        assert_int_equal(store_part_commit(sp->store), CEDE_OK);
    }
    return status;
}

/* A message of one provider at the other's door, as partner_api.c takes it. */
static inline enum cede_status world_hand_in(struct world *world, int to, const char *path,
                                             struct cede_span body)
{
    enum cede_status status;

    if (world->kills) {
        (void)!hand_in_once(world, to, path, body);
        world_kill(world); /* before the commit */
        (void)!hand_in_once(world, to, path, body);
        assert_int_equal(sp_commit(&world->sp[to]), CEDE_OK);
        world_kill(world); /* before the answer: it will come again */
    }
    status = hand_in_once(world, to, path, body);
    assert_int_equal(sp_commit(&world->sp[to]), CEDE_OK);
    return status;
}

static inline void keep_bytes(struct world *world, struct cede_span bytes)
{
    world->wire = realloc(world->wire, world->wire_len + bytes.len + 1);
    assert_non_null(world->wire);
    if (bytes.len > 0) {
        memcpy(world->wire + world->wire_len, bytes.ptr, bytes.len);
    }
    world->wire_len += bytes.len;
}

/* As it is, and what its payload and its protected headers say. */
static inline void keep_on_wire(struct world *world, const struct letter *letter)
{
    struct cede_span body = cede_span(letter->body, letter->body_len);
    struct jws jws;

    keep_bytes(world, cede_span_string(letter->path));
    keep_bytes(world, body);
    if (jws_decode(body, &jws) == CEDE_OK) {
        keep_bytes(world, jws.payload);
        for (size_t i = 0; i < jws.signatures_count; i++) {
            char *header = json_dumps(jws.signatures[i].header, JSON_COMPACT);

            keep_bytes(world, cede_span_string(header));
            free(header);
        }
        jws_wipe(&jws);
    }
}

/* What a CA answers. */
struct played_reply {
    int status;
    uint8_t body[2048];
    size_t len;
};

static inline void reply_json(struct played_reply *reply, int status, const char *text)
{
    reply->status = status;
    reply->len = strlen(text);
    memcpy(reply->body, text, reply->len);
}

static inline void play_ca(struct world *world, int which, const struct letter *letter,
                           struct played_reply *reply)
{
    if (strcmp(letter->kind, "anchors") == 0) {
        struct cede_trust_entry entry = {CEDE_PURPOSE_ENROL | CEDE_PURPOSE_SURVIVES,
                                         world->ca[which].certificate_der};
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(reply->body));

        cede_trust_list_encode(&writer, &entry, 1);
        assert_int_equal(writer.status, CEDE_OK);
        reply->status = 200;
        reply->len = writer.len;
    } else if (strcmp(letter->kind, "register") == 0) {
        int status = world->register_status != 0 ? world->register_status : 200;

        reply_json(reply, status,
                   status == 200 ? "{\"enroll_uri\":\"coap://ca2.example/e/tok\",\"registered\":1,"
                                   "\"enroll_uri_coaps\":\"coaps://ca2.example/e/tok\"}"
                                 : "{\"error\":\"CEDE_CA_HELD\",\"detail\":\"held\"}");
    } else if (strcmp(letter->kind, "revoked-list") == 0) {
        reply_json(reply, 200, "{\"next\":0,\"revoked\":[]}");
    } else {
        reply_json(reply, 200, "{}");
    }
}

static inline int http_of(enum cede_status status)
{
    switch (cede_status_class(status)) {
    case CEDE_CLASS_OK:
        return 202;
    case CEDE_CLASS_MALFORMED:
    case CEDE_CLASS_INVALID:
        return 400;
    case CEDE_CLASS_UNAUTHENTIC:
    case CEDE_CLASS_POLICY:
        return status == CEDE_NOT_FOUND ? 404 : 403;
    case CEDE_CLASS_STATE:
        return 409;
    default:
        return 500;
    }
}

static inline void close_letter_once(struct world *world, int from, const struct letter *letter,
                                     const struct played_reply *answer)
{
    struct sp *sp = &world->sp[from];
    bool delivered = answer->status / 100 == 2;
    struct courier_reply reply = {letter->kind,
                                  letter->reference,
                                  letter->partner,
                                  delivered,
                                  answer->status,
                                  "application/json",
                                  cede_span(answer->body, answer->len)};

    assert_int_equal(store_begin(sp->store), CEDE_OK);
    assert_int_equal(store_run(sp->store,
                               "UPDATE outbox SET state = $2 WHERE id = $1 AND state = 0",
                               STORE_PARAMS(store_int(letter->id),
                                            store_int(delivered ? COURIER_DONE : COURIER_REFUSED)),
                               NULL),
                     CEDE_OK);
    assert_int_equal(deliveries_on_reply(sp, sp->store, &reply), CEDE_OK);
}

/* The courier's end of it: handler and row in one transaction. */
static inline void close_letter(struct world *world, int from, struct letter *letter,
                                const struct played_reply *answer)
{
    if (world->kills) {
        close_letter_once(world, from, letter, answer);
        world_kill(world);
    }
    close_letter_once(world, from, letter, answer);
    assert_int_equal(store_commit(world->sp[from].store), CEDE_OK);
    free(letter->body);
    letter->body = NULL;
}

static inline enum cede_status deliver(struct world *world, int from, struct letter *letter)
{
    struct played_reply reply = {0};
    enum cede_status status = CEDE_OK;

    if (strncmp(letter->partner, "sp", 2) != 0) {
        play_ca(world, from, letter, &reply);
    } else {
        if (from == SP1) {
            keep_on_wire(world, letter);
        }
        status =
            world_hand_in(world, 1 - from, letter->path, cede_span(letter->body, letter->body_len));
        reply.status = http_of(status);
        assert_true(reply.status != 500);
        reply.len = (size_t)snprintf((char *)reply.body, sizeof reply.body, "{\"error\":\"%s\"}",
                                     cede_status_name(status));
    }
    close_letter(world, from, letter, &reply);
    return status;
}

/* Delivers all that waits at one provider; the number of letters. The status of the last one that
 * was refused, if any, is noted. */
static inline size_t world_pump(struct world *world, int from, enum cede_status *refused)
{
    struct letter letter;
    size_t count = 0;

    while (world_next_letter(world, from, NULL, &letter)) {
        enum cede_status status = deliver(world, from, &letter);

        if (status != CEDE_OK && refused != NULL) {
            *refused = status;
        }
        count++;
    }
    return count;
}

static inline void world_clerk(struct world *world, int which)
{
    bool busy = true;

    while (busy) {
        assert_int_equal(hand_over_work(&world->sp[which], &world->identity[which], &busy),
                         CEDE_OK);
        assert_false(store_in_transaction(world->sp[which].store));
        if (world->kills) {
            world_kill(world);
        }
    }
}

/* Until nothing happens any more without an operator or a device. */
static inline enum cede_status world_settle(struct world *world)
{
    enum cede_status refused = CEDE_OK;
    size_t count = 1;

    while (count > 0) {
        world_clerk(world, SP1);
        world_clerk(world, SP2);
        count = world_pump(world, SP1, &refused) + world_pump(world, SP2, &refused);
    }
    world_check_counts(world);
    return refused;
}

/* --- the story, step by step -------------------------------------------------------------------
 */

static inline void story_offer(struct world *world)
{
    struct giving_options options = {
        .partner = "sp2", .earliest = sp_now() - 10, .latest = sp_now() + 3600};
    struct hand_over_detail detail;

    assert_int_equal(sp_finish(&world->sp[SP1], giving_offer(&world->sp[SP1], &world->identity[SP1],
                                                             &options, world->id, &detail)),
                     CEDE_OK);
    assert_int_equal(world_settle(world), CEDE_OK);
}

static inline void story_accept(struct world *world)
{
    assert_int_equal(
        sp_finish(&world->sp[SP2],
                  taking_accept(&world->sp[SP2], &world->identity[SP2], world->id, "ca2")),
        CEDE_OK);
    assert_int_equal(world_settle(world), CEDE_OK);
}

static inline void story_start(struct world *world)
{
    assert_int_equal(
        sp_finish(&world->sp[SP1], giving_start(&world->sp[SP1], &world->identity[SP1], world->id)),
        CEDE_OK);
}

/* Up to signed orders, ready to be fetched. */
static inline void story_ready(struct world *world)
{
    story_offer(world);
    story_accept(world);
    story_start(world);
    assert_int_equal(world_settle(world), CEDE_OK);
    assert_int_equal(world_transfer(world, SP1).state, TRANSFER_READY);
    assert_int_equal(world_transfer(world, SP2).state, TRANSFER_READY);
}

/* What a device does with its answer (rule R3). */
static inline void device_take_orders(struct world *world, const struct played_device *device,
                                      const struct played_answer *answer, uint64_t seq,
                                      struct cede_transfer *order)
{
    uint64_t now = (uint64_t)sp_now();
    struct cede_transfer_rules rules = {
        .controller = {CEDE_CRV_P256, CEDE_SPAN_ARRAY(world->identity[SP1].point)},
        .device_id = cede_span_string(device->id),
        .seq = seq,
        .now = &now};
    struct cede_trust_update update;

    assert_int_equal(cede_trust_update_check(cede_crypto_openssl(), &rules,
                                             answer->answer.trust_update, &update),
                     CEDE_OK);
    rules.seq = update.seq;
    assert_int_equal(
        cede_transfer_check(cede_crypto_openssl(), &rules, answer->answer.transfer, order),
        CEDE_OK);
}

/* The device polls, gets its orders and accepts. */
static inline void device_accept(struct world *world, size_t index)
{
    struct played_device *device = &world->devices[index];
    struct played_answer answer, nothing;
    struct cede_transfer order;

    device_poll(world, SP1, device, &answer);
    device_take_orders(world, device, &answer, 0, &order);
    device_tell(world, SP1, &device->peer, CEDE_DEVICE_ACCEPTED, order.seq, order.cti, &nothing);
}

/* It enrols at CA2 and meets SP2. */
static inline void device_join(struct world *world, size_t index, struct played_answer *answer)
{
    struct played_device *device = &world->devices[index];
    struct move move = world_move(world, SP1, index);

    world_enrol(world, SP2, device);
    assert_int_equal(device_connect(world, SP2, &device->operational[SP2], &device->peer), CEDE_OK);
    device_tell(world, SP2, &device->peer, CEDE_DEVICE_JOINED, (uint64_t)move.seq,
                CEDE_SPAN_ARRAY(move.cti), answer);
}

/* It comes to SP1 by its factory certificate. */
static inline void device_fall_back(struct world *world, size_t index, struct played_answer *answer)
{
    struct played_device *device = &world->devices[index];
    struct move move = world_move(world, SP1, index);
    struct cede_status_report report = {.state = CEDE_DEVICE_FALLBACK,
                                        .seq = (uint64_t)move.seq,
                                        .cti = CEDE_SPAN_ARRAY(move.cti),
                                        .has_reason = true,
                                        .reason = CEDE_DEVICE_TOO_LATE};

    assert_int_equal(device_connect(world, SP1, &device->factory, &device->peer), CEDE_OK);
    device_report(world, SP1, &device->peer, &report, answer);
}

#endif
