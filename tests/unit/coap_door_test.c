/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coap_door_test.c - the compact door over loopback sockets: a real EDHOC and OSCORE client on one
 * side, a service that counts on the other, hostile datagrams in between.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "cede/cose.h"
#include "cede/edhoc.h"
#include "cede/oscore.h"
#include "cede/status_proof.h"
#include "cede/transfer.h"
#include "heard_log.h"
#include "server/common/coap_bodies.h"
#include "server/common/coap_door.h"
#include "server/common/outer_blocks.h"

#define ok(expression_) assert_int_equal((expression_), CEDE_OK)
#define TURNS_MAX       200

/* --- credentials ------------------------------------------------------------------------------ */

struct party {
    uint8_t scalar[32], point[64];
    struct cede_private_key key;
    uint8_t bytes[512];
    struct cede_span certificate; /* ~C509Certificate */
    uint8_t hash[8];
};

static const struct cede_crypto *crypto(void)
{
    return cede_crypto_openssl();
}

static void make_party(struct party *party, const char *name, const struct party *issuer)
{
    struct cede_certificate_info info;
    uint8_t scratch[2048], serial[8] = {0x42};
    size_t len = 0;

    memset(&info, 0, sizeof info);
    ok(crypto()->generate(crypto()->context, CEDE_CRV_P256, party->scalar, party->point));
    ok(crypto()->random(crypto()->context, cede_buf(serial + 1, 7)));
    party->key = (struct cede_private_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(party->scalar), NULL};
    info.serial = CEDE_SPAN_ARRAY(serial);
    info.issuer = (struct cede_name){CEDE_NAME_TEXT, CEDE_SPAN_TEXT("CA")};
    info.subject = (struct cede_name){CEDE_NAME_TEXT, cede_span_string(name)};
    info.not_before = 1700000000;
    info.not_after = CEDE_TIME_NONE;
    info.public_key = (struct cede_public_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(party->point)};
    info.path_len = CEDE_PATH_LEN_NONE;
    info.key_usage = CEDE_KU_DIGITAL_SIGNATURE;
    ok(cede_certificate_issue(CEDE_CERTIFICATE_C509_NATIVE, crypto(), &info,
                              issuer == NULL ? &party->key : &issuer->key, CEDE_BUF_ARRAY(scratch),
                              CEDE_BUF_ARRAY(party->bytes), &party->certificate));
    ok(cede_certificate_thumbprint(crypto(), CEDE_ALG_SHA_256_64, party->certificate, party->hash,
                                   &len));
}

/* --- the service behind the door -------------------------------------------------------------- */

struct fixture {
    struct event_base *base;
    struct coap_door_config config;
    struct coap_door *door;
    struct cede_address address;
    struct party server, device, stranger;
    bool knows_device; /* by reference */
    bool trusts;       /* authenticate says yes */
    bool revoked;      /* still_allowed says no */
    bool dismiss;      /* handle says CEDE_DOOR_DISMISS */
    uint8_t refusal;   /* what handle answers, if not 0 */
    enum cede_status before, commit;
    int begun, committed, handled;
    size_t answer_len;
    uint8_t shift; /* makes answers differ */
    uint8_t last_body[4096];
    size_t last_body_len;
    bool handled_before_commit;
    bool later; /* answers come behind the commit */
    int answered_later;
    bool has_proof;
    unsigned proofs; /* asked for */
};

static enum cede_status find_certificate(void *context, enum coap_door_reference kind, int32_t alg,
                                         struct cede_span value, struct cede_buf out,
                                         struct cede_span *raw)
{
    struct fixture *f = context;

    if (!f->knows_device || kind != COAP_DOOR_C5T || alg != CEDE_ALG_SHA_256_64 ||
        !cede_span_equal(value, CEDE_SPAN_ARRAY(f->device.hash))) {
        return CEDE_NOT_FOUND;
    }
    return cede_copy(out, f->device.certificate, raw);
}

static enum cede_status authenticate(void *context, const struct cede_certificate *certificate,
                                     const struct cede_certificate *chain, size_t chain_count,
                                     struct coap_peer *peer)
{
    struct fixture *f = context;
    struct cede_span name = cede_certificate_common_name(certificate);

    (void)chain;
    (void)chain_count;
    if (!f->trusts) {
        return CEDE_CERTIFICATE_UNTRUSTED;
    }
    memcpy(peer->device_id, name.ptr, name.len);
    peer->kind = COAP_PEER_OPERATIONAL;
    peer->opaque[0] = 77;
    return CEDE_OK;
}

static enum cede_status still_allowed(void *context, const struct coap_peer *peer)
{
    struct fixture *f = context;

    assert_int_equal(peer->opaque[0], 77);
    return f->revoked ? CEDE_CRYPTO_SIGNATURE : CEDE_OK;
}

static void put_answer(const struct fixture *f, struct coap_response *response)
{
    response->code = CEDE_COAP_CHANGED;
    response->content_format = CEDE_COAP_FORMAT_CBOR;
    for (size_t i = 0; i < f->answer_len; i++) {
        response->body.ptr[i] = (uint8_t)(i * 7 + f->shift);
    }
    response->body_len = f->answer_len;
}

static enum cede_status handle(void *context, const struct coap_request *request,
                               struct coap_response *response)
{
    struct fixture *f = context;

    assert_string_equal(request->peer->device_id, "dev-1");
    assert_true(cede_span_equal(request->peer->certificate, f->device.certificate));
    assert_int_equal(response->code, CEDE_COAP_SERVER_ERROR);
    f->handled++;
    f->handled_before_commit = f->begun > f->committed;
    if (f->dismiss) {
        return CEDE_DOOR_DISMISS;
    }
    if (request->path_count != 1 || !cede_span_equal(request->path[0], CEDE_SPAN_TEXT("u"))) {
        return CEDE_NOT_FOUND;
    }
    if (f->refusal != 0) {
        response->code = f->refusal;
        snprintf(response->why, sizeof response->why, "%s",
                 f->refusal == CEDE_COAP_BAD_REQUEST ? "because" : "");
        return CEDE_OK;
    }
    assert_true(request->body.len <= sizeof f->last_body);
    f->last_body_len = request->body.len;
    if (request->body.len > 0) {
        memcpy(f->last_body, request->body.ptr, request->body.len);
    }
    if (f->later) {
        response->later = (unsigned)f->handled;
    } else {
        put_answer(f, response);
    }
    return CEDE_OK;
}

static void answer_later(void *context, const struct coap_peer *peer,
                         struct coap_response *response)
{
    struct fixture *f = context;

    assert_string_equal(peer->device_id, "dev-1");
    assert_int_equal(response->later, f->handled);
    assert_int_equal(f->committed, f->begun);
    f->answered_later++;
    put_answer(f, response);
}

static enum cede_status before_batch(void *context)
{
    struct fixture *f = context;

    f->begun++;
    return f->before;
}

static enum cede_status after_batch(void *context)
{
    struct fixture *f = context;

    f->committed++;
    return f->commit;
}

static const uint8_t shown_proof[85] = {0x85, 0x48, 1, 2, 3};

static enum cede_status status_proof(void *context, struct cede_buf out, struct cede_span *proof)
{
    struct fixture *f = context;

    f->proofs++;
    *proof = CEDE_SPAN_NULL;
    return f->has_proof ? cede_copy(out, CEDE_SPAN_ARRAY(shown_proof), proof) : CEDE_NOT_FOUND;
}

static void open_door(struct fixture *f)
{
    coap_door_close(f->door);
    ok(coap_door_open(f->base, &f->config, &f->door));
    ok(coap_door_local(f->door, &f->address));
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    make_party(&f->server, "server", NULL);
    make_party(&f->device, "dev-1", &f->server);
    make_party(&f->stranger, "dev-1", NULL);
    f->base = event_base_new();
    f->trusts = f->knows_device = true;
    f->answer_len = 5;
    ok(cede_address_resolve("127.0.0.1", 0, &f->config.address));
    f->config.crypto = crypto();
    f->config.credential.certificate = f->server.certificate;
    f->config.credential.key = f->server.key;
    f->config.callbacks =
        (struct coap_door_callbacks){find_certificate, authenticate, still_allowed, handle,
                                     answer_later,     before_batch, after_batch,   status_proof};
    f->config.context = f;
    open_door(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    coap_door_close(f->door);
    event_base_free(f->base);
    free(f);
    return 0;
}

/* --- a device --------------------------------------------------------------------------------- */

struct client {
    struct fixture *f;
    const struct party *own;
    bool by_value; /* send the own certificate by value */
    bool ask_value;
    bool ask_proof;
    uint8_t proof[CEDE_STATUS_PROOF_LEN_MAX]; /* that came in message_2 */
    size_t proof_len;
    int fd;
    uint16_t message_id;
    struct cede_edhoc_session edhoc;
    struct cede_oscore_context oscore;
    uint8_t message_2[2048]; /* holds what message_2 said while it is needed */
    uint8_t in[4096];
    struct cede_coap_message answer;
    size_t answer_len;
};

static const struct cede_edhoc_suite *const suites[] = {&cede_edhoc_suite_2};
static const int32_t known_labels[] = {CEDE_EAD_STATUS_PROOF};

static const struct cede_edhoc_config *edhoc_config(void)
{
    static struct cede_edhoc_config config;

    config.crypto = crypto();
    config.suites = suites;
    config.suites_count = 1;
    config.methods = CEDE_EDHOC_METHOD_BIT(CEDE_EDHOC_SIGNATURE_SIGNATURE);
    config.ead_labels = known_labels;
    config.ead_labels_count = 1;
    return &config;
}

static void client_open(struct client *client, struct fixture *f, const struct party *own)
{
    /* Apart from those of other clients: the port may be one that the door has just heard from. */
    static uint16_t first_id = 0;

    memset(client, 0, sizeof *client);
    client->f = f;
    client->own = own;
    client->message_id = first_id += 100;
    ok(cede_udp_connect(&f->address, &client->fd));
}

/* Sends, turns the server's loop and reads the answer, if there is one. */
static bool exchange_bytes(struct client *client, struct cede_span datagram)
{
    struct cede_span answer = CEDE_SPAN_NULL;
    enum cede_status status = CEDE_SOCKET_AGAIN;

    ok(cede_udp_send(client->fd, NULL, datagram));
    for (int i = 0; i < TURNS_MAX && status != CEDE_OK; i++) {
        event_base_loop(client->f->base, EVLOOP_NONBLOCK);
        status = cede_udp_receive(client->fd, NULL, CEDE_BUF_ARRAY(client->in), &answer);
        if (status != CEDE_OK && i > 20) {
            usleep(100);
        }
    }
    client->answer_len = answer.len;
    if (status != CEDE_OK) {
        return false;
    }
    ok(cede_coap_decode(answer, &client->answer));
    return true;
}

static struct cede_span id_cred(const struct client *client, uint8_t *bytes, size_t cap)
{
    struct cede_writer map = cede_writer(cede_buf(bytes, cap));

    cede_cbor_put_map(&map, 1);
    if (client->by_value) {
        cede_cbor_put_int(&map, 25); /* c5c */
        cede_cbor_put_bytes(&map, client->own->certificate);
    } else {
        cede_cbor_put_int(&map, 22); /* c5t */
        cede_cbor_put_array(&map, 2);
        cede_cbor_put_int(&map, CEDE_ALG_SHA_256_64);
        cede_cbor_put_bytes(&map, CEDE_SPAN_ARRAY(client->own->hash));
    }
    return cede_written(&map);
}

/* Makes the request so long that the answer is not more than three times as long. */
static const uint8_t ballast[CEDE_STATUS_BALLAST_LEN] = {0};

static struct cede_span message_1_datagram(struct client *client, struct cede_span echo,
                                           struct cede_buf out)
{
    static uint8_t c_i = 0x10;
    uint8_t message[256];
    struct cede_span message_1, datagram;
    struct cede_edhoc_eads eads = {.count = 0};

    c_i++;
    if (client->ask_value) {
        eads.items[eads.count++].label = CEDE_EAD_CREDENTIAL_BY_VALUE;
    }
    if (client->ask_proof) {
        eads.items[eads.count].value = CEDE_SPAN_ARRAY(ballast);
        eads.items[eads.count++].label = CEDE_EAD_STATUS_PROOF;
    }
    ok(cede_edhoc_init_initiator(&client->edhoc, edhoc_config(), CEDE_EDHOC_SIGNATURE_SIGNATURE, 2,
                                 cede_span(&c_i, 1)));
    ok(cede_edhoc_compose_message_1(&client->edhoc, edhoc_config(), &eads, CEDE_BUF_ARRAY(message),
                                    &message_1));
    ok(cede_oscore_compose_edhoc_request(CEDE_COAP_CON, client->message_id++, CEDE_SPAN_TEXT("t"),
                                         CEDE_SPAN_NULL, echo, CEDE_SPAN_NULL, message_1, out,
                                         &datagram));
    return datagram;
}

/* Takes message_2 out of the answer and checks the server. */
static void take_message_2(struct client *client)
{
    struct cede_edhoc_peer peer;
    struct cede_edhoc_id_cred id_cred_r;
    struct cede_edhoc_credential server = {
        CEDE_EDHOC_CRED_C509, client->f->server.certificate, {CEDE_CRV_P256, CEDE_SPAN_NULL}};

    assert_int_equal(client->answer.code, CEDE_COAP_CHANGED);
    server.public_key.point = CEDE_SPAN_ARRAY(client->f->server.point);
    ok(cede_edhoc_process_message_2(&client->edhoc, edhoc_config(), client->answer.payload,
                                    CEDE_BUF_ARRAY(client->message_2), &peer));
    ok(cede_edhoc_id_cred_decode(peer.id_cred, &id_cred_r));
    assert_int_equal(id_cred_r.kind, client->ask_value ? CEDE_EDHOC_ID_C5C : CEDE_EDHOC_ID_C5T);
    if (client->ask_value) {
        struct cede_cose_certs certs = cede_cose_certs(id_cred_r.value);
        struct cede_span raw;
        assert_true(cede_cose_certs_next(&certs, &raw));
        assert_true(cede_span_equal(raw, client->f->server.certificate));
    }
    ok(cede_edhoc_verify_message_2(&client->edhoc, edhoc_config(), &peer, &server));
    client->proof_len = 0;
    if (peer.eads.count == 1 && peer.eads.items[0].label == CEDE_EAD_STATUS_PROOF) {
        client->proof_len = peer.eads.items[0].value.len;
        memcpy(client->proof, peer.eads.items[0].value.ptr, client->proof_len);
    }
}

static void begin(struct client *client)
{
    uint8_t out[1024], echo_bytes[CEDE_OSCORE_ECHO_LEN];
    struct cede_span echo;

    assert_true(
        exchange_bytes(client, message_1_datagram(client, CEDE_SPAN_NULL, CEDE_BUF_ARRAY(out))));
    if (cede_coap_find_option(&client->answer, CEDE_COAP_ECHO, &echo)) {
        memcpy(echo_bytes, echo.ptr, sizeof echo_bytes);
        assert_true(exchange_bytes(
            client, message_1_datagram(client, CEDE_SPAN_ARRAY(echo_bytes), CEDE_BUF_ARRAY(out))));
    }
    take_message_2(client);
}

/* message_3, and the OSCORE context that follows. */
static struct cede_span make_message_3(struct client *client, struct cede_buf out)
{
    uint8_t map[640];
    struct cede_edhoc_own own = {CEDE_SPAN_NULL, CEDE_EDHOC_CRED_C509, client->own->certificate,
                                 client->own->key};
    struct cede_edhoc_oscore keys;
    struct cede_oscore_params params;
    struct cede_span message_3;

    own.id_cred = id_cred(client, map, sizeof map);
    ok(cede_edhoc_compose_message_3(&client->edhoc, edhoc_config(), &own, NULL, out, &message_3));
    ok(cede_edhoc_export_oscore(&client->edhoc, edhoc_config(), &keys));
    memset(&params, 0, sizeof params);
    params.aead_alg = keys.aead;
    params.hash_alg = keys.hash;
    params.master_secret = cede_span(keys.master_secret, keys.master_secret_len);
    params.master_salt = CEDE_SPAN_ARRAY(keys.master_salt);
    params.sender_id = cede_edhoc_connection_id_span(&keys.sender_id);
    params.recipient_id = cede_edhoc_connection_id_span(&keys.recipient_id);
    ok(cede_oscore_init(&client->oscore, crypto(), &params));
    return message_3;
}

static struct cede_span plain_request(struct client *client, const char *path,
                                      struct cede_span body, struct cede_buf out)
{
    struct cede_coap_encoder encoder = cede_coap_begin(out, CEDE_COAP_CON, CEDE_COAP_POST,
                                                       client->message_id++, CEDE_SPAN_TEXT("tk"));
    struct cede_span datagram;

    cede_coap_put_path(&encoder, cede_span_string(path));
    cede_coap_put_uint(&encoder, CEDE_COAP_CONTENT_FORMAT, CEDE_COAP_FORMAT_CBOR);
    cede_coap_put_payload(&encoder, body);
    ok(cede_coap_finish(&encoder, &datagram));
    return datagram;
}

static struct cede_span protect(struct client *client, struct cede_span plain,
                                struct cede_oscore_exchange *exchange, struct cede_buf out)
{
    struct cede_span datagram;

    ok(cede_oscore_protect_request(&client->oscore, crypto(), CEDE_OSCORE_PLAIN, plain, exchange,
                                   out, &datagram));
    return datagram;
}

/* Decrypts the answer; the code of the inner message. */
static uint8_t open_answer(struct client *client, struct cede_oscore_exchange *exchange,
                           uint8_t *memory, size_t cap, struct cede_coap_message *inner)
{
    struct cede_span response;

    ok(cede_oscore_unprotect_response(&client->oscore, crypto(),
                                      cede_span(client->in, client->answer_len), exchange,
                                      cede_buf(memory, cap), &response));
    ok(cede_coap_decode(response, inner));
    return inner->code;
}

/* message_3 with the first request. True when the answer is protected, i.e. the session stands. */
static bool finish_combined(struct client *client, uint8_t *code)
{
    uint8_t m3[1024], plain[256], prot[512], out[2048], inner_bytes[2048];
    struct cede_oscore_exchange exchange;
    struct cede_coap_message inner;
    struct cede_span message_3 = make_message_3(client, CEDE_BUF_ARRAY(m3));
    struct cede_span datagram =
        protect(client, plain_request(client, "u", CEDE_SPAN_TEXT("hi"), CEDE_BUF_ARRAY(plain)),
                &exchange, CEDE_BUF_ARRAY(prot));
    struct cede_span option;

    ok(cede_oscore_combine(datagram, message_3, CEDE_BUF_ARRAY(out), &datagram));
    assert_true(exchange_bytes(client, datagram));
    if (!cede_coap_find_option(&client->answer, CEDE_COAP_OSCORE, &option)) {
        *code = client->answer.code;
        return false;
    }
    *code = open_answer(client, &exchange, inner_bytes, sizeof inner_bytes, &inner);
    return true;
}

static void establish(struct client *client)
{
    uint8_t code = 0;

    begin(client);
    assert_true(finish_combined(client, &code));
    assert_int_equal(code, CEDE_COAP_CHANGED);
}

/* One protected request over an established session; the inner code. */
static uint8_t ask(struct client *client, const char *path)
{
    uint8_t plain[256], prot[512], inner_bytes[2048];
    struct cede_oscore_exchange exchange;
    struct cede_coap_message inner;
    struct cede_span datagram =
        protect(client, plain_request(client, path, CEDE_SPAN_TEXT("hi"), CEDE_BUF_ARRAY(plain)),
                &exchange, CEDE_BUF_ARRAY(prot));

    assert_true(exchange_bytes(client, datagram));
    return open_answer(client, &exchange, inner_bytes, sizeof inner_bytes, &inner);
}

/* --- the main path ---------------------------------------------------------------------------- */

static void a_device_comes_in_by_reference(void **state)
{
    struct fixture *f = *state;
    struct client client;

    client_open(&client, f, &f->device);
    establish(&client);
    assert_int_equal(f->handled, 1);
    assert_memory_equal(f->last_body, "hi", 2);
    assert_int_equal(ask(&client, "u"), CEDE_COAP_CHANGED);
    assert_int_equal(ask(&client, "nowhere"), CEDE_COAP_RESOURCE_NOT_FOUND);
    assert_int_equal(coap_door_sessions(f->door), 1);
    assert_int_equal(coap_door_half_open(f->door), 0);
    assert_int_equal(coap_door_counters(f->door)->handshakes, 1);
    close(client.fd);
}

static void message_3_may_come_alone(void **state)
{
    struct fixture *f = *state;
    struct client client;
    uint8_t m3[1024], out[1400];
    struct cede_span message_3, datagram;

    client_open(&client, f, &f->device);
    begin(&client);
    message_3 = make_message_3(&client, CEDE_BUF_ARRAY(m3));
    ok(cede_oscore_compose_edhoc_request(CEDE_COAP_CON, client.message_id++, CEDE_SPAN_TEXT("t"),
                                         CEDE_SPAN_NULL, CEDE_SPAN_NULL,
                                         cede_edhoc_connection_id_span(&client.edhoc.c_r),
                                         message_3, CEDE_BUF_ARRAY(out), &datagram));
    assert_true(exchange_bytes(&client, datagram));
    assert_int_equal(client.answer.code, CEDE_COAP_CHANGED);
    assert_true(cede_span_is_null(client.answer.payload));
    assert_true(exchange_bytes(&client, datagram)); /* a duplicate gets the same answer */
    assert_int_equal(client.answer.code, CEDE_COAP_CHANGED);
    assert_int_equal(coap_door_counters(f->door)->handshakes, 1);
    assert_int_equal(ask(&client, "u"), CEDE_COAP_CHANGED);
    close(client.fd);
}

/* Error code 3 for a reference nobody knows; the device repeats by value. */
static void an_unknown_reference_is_repeated_by_value(void **state)
{
    struct fixture *f = *state;
    struct client client;
    struct cede_edhoc_error error;
    uint8_t code = 0;

    f->knows_device = false;
    client_open(&client, f, &f->device);
    begin(&client);
    assert_false(finish_combined(&client, &code));
    assert_int_equal(code, CEDE_COAP_BAD_REQUEST);
    ok(cede_edhoc_process_error(client.answer.payload, &error));
    assert_int_equal(error.code, CEDE_EDHOC_ERROR_UNKNOWN_CREDENTIAL);
    client.by_value = true;
    establish(&client);
    assert_int_equal(f->handled, 1);
    close(client.fd);
}

static void the_server_shows_its_certificate_when_asked(void **state)
{
    struct fixture *f = *state;
    struct client client;

    client_open(&client, f, &f->device);
    client.ask_value = true;
    establish(&client);
    close(client.fd);
}

static void a_status_proof_comes_when_asked_for(void **state)
{
    struct fixture *f = *state;
    struct client client;

    f->has_proof = true;
    client_open(&client, f, &f->device);
    establish(&client);
    assert_int_equal(client.proof_len, 0);
    assert_int_equal(f->proofs, 0);
    client.ask_proof = true;
    establish(&client);
    assert_true(
        cede_span_equal(cede_span(client.proof, client.proof_len), CEDE_SPAN_ARRAY(shown_proof)));
    close(client.fd);
}

/* Whether that will do is the device's to say. */
static void without_a_proof_the_handshake_goes_on(void **state)
{
    struct fixture *f = *state;
    struct client client;

    client_open(&client, f, &f->device);
    client.ask_proof = true;
    establish(&client);
    assert_int_equal(client.proof_len, 0);
    assert_int_equal(f->proofs, 1);
    close(client.fd);
}

/* The request and the proof by reference: no Echo, no further round trip. */
static void a_proof_does_not_cost_an_echo(void **state)
{
    struct fixture *f = *state;
    struct client client;

    f->has_proof = true;
    open_door(f);
    client_open(&client, f, &f->device);
    client.ask_proof = true;
    establish(&client);
    assert_int_equal(client.proof_len, sizeof shown_proof);
    assert_int_equal(coap_door_counters(f->door)->challenged, 0);
    close(client.fd);
}

/* --- who is refused --------------------------------------------------------------------------- */

static void a_peer_the_service_does_not_trust_is_refused(void **state)
{
    struct fixture *f = *state;
    struct client client;
    struct cede_edhoc_error error;
    uint8_t code = 0;

    f->trusts = false;
    client_open(&client, f, &f->device);
    begin(&client);
    assert_false(finish_combined(&client, &code));
    ok(cede_edhoc_process_error(client.answer.payload, &error));
    assert_int_equal(error.code, CEDE_EDHOC_ERROR_UNSPECIFIED);
    assert_int_equal(coap_door_sessions(f->door), 0);
    assert_int_equal(f->handled, 0);
    close(client.fd);
}

/* Somebody shows the device's certificate without having its key. */
static void a_stolen_certificate_does_not_help(void **state)
{
    struct fixture *f = *state;
    struct client client;
    struct party thief = f->stranger;
    uint8_t code = 0;

    thief.certificate = f->device.certificate;
    memcpy(thief.hash, f->device.hash, sizeof thief.hash);
    client_open(&client, f, &thief);
    begin(&client);
    assert_false(finish_combined(&client, &code));
    assert_int_equal(code, CEDE_COAP_BAD_REQUEST);
    assert_int_equal(coap_door_sessions(f->door), 0);
    assert_int_equal(coap_door_half_open(f->door), 0);
    assert_int_equal(f->handled, 0);
    close(client.fd);
}

/* R6: revocation bites on sessions that stand. */
static void R6_a_live_session_ends_with_the_revocation(void **state)
{
    struct fixture *f = *state;
    struct client client;
    uint8_t plain[256], prot[512];
    struct cede_oscore_exchange exchange;

    client_open(&client, f, &f->device);
    establish(&client);
    f->revoked = true;
    assert_int_equal(ask(&client, "u"), CEDE_COAP_UNAUTHORIZED);
    assert_int_equal(f->handled, 1);
    assert_int_equal(coap_door_sessions(f->door), 0);
    f->revoked = false;
    /* the context is gone */
    assert_true(exchange_bytes(
        &client,
        protect(&client, plain_request(&client, "u", CEDE_SPAN_TEXT("x"), CEDE_BUF_ARRAY(plain)),
                &exchange, CEDE_BUF_ARRAY(prot))));
    assert_int_equal(client.answer.code, CEDE_COAP_UNAUTHORIZED);
    close(client.fd);
}

static void the_service_may_dismiss_a_peer(void **state)
{
    struct fixture *f = *state;
    struct client client;

    client_open(&client, f, &f->device);
    establish(&client);
    f->dismiss = true;
    assert_int_equal(ask(&client, "u"), CEDE_COAP_UNAUTHORIZED);
    assert_int_equal(coap_door_sessions(f->door), 0);
    f->dismiss = false;
    establish(&client);
    assert_int_equal(coap_door_dismiss(f->door, "dev-2"), 0);
    assert_int_equal(coap_door_dismiss(f->door, "dev-1"), 1);
    assert_int_equal(coap_door_sessions(f->door), 0);
    close(client.fd);
}

static void a_new_session_replaces_the_old_one(void **state)
{
    struct fixture *f = *state;
    struct client first, second;

    client_open(&first, f, &f->device);
    client_open(&second, f, &f->device);
    establish(&first);
    establish(&second);
    assert_int_equal(coap_door_sessions(f->door), 1);
    assert_int_equal(ask(&second, "u"), CEDE_COAP_CHANGED);
    close(first.fd);
    close(second.fd);
}

/* --- R11: strangers --------------------------------------------------------------------------- */

static void R11_unprotected_requests_get_401(void **state)
{
    struct fixture *f = *state;
    struct client client;
    uint8_t plain[256];

    client_open(&client, f, &f->device);
    assert_true(exchange_bytes(
        &client, plain_request(&client, "u", CEDE_SPAN_TEXT("x"), CEDE_BUF_ARRAY(plain))));
    assert_int_equal(client.answer.code, CEDE_COAP_UNAUTHORIZED);
    assert_int_equal(f->handled, 0);
    assert_int_equal(f->begun, 0);
    close(client.fd);
}

static void R11_an_unknown_context_gets_401(void **state)
{
    struct fixture *f = *state;
    struct client client;
    uint8_t plain[256], prot[512];
    struct cede_oscore_exchange exchange;

    client_open(&client, f, &f->device);
    establish(&client);
    open_door(f); /* the server was started again: it knows nobody */
    close(client.fd);
    ok(cede_udp_connect(&f->address, &client.fd));
    assert_true(exchange_bytes(
        &client,
        protect(&client, plain_request(&client, "u", CEDE_SPAN_TEXT("x"), CEDE_BUF_ARRAY(plain)),
                &exchange, CEDE_BUF_ARRAY(prot))));
    assert_int_equal(client.answer.code, CEDE_COAP_UNAUTHORIZED);
    assert_int_equal(coap_door_counters(f->door)->no_context, 1);
    establish(&client); /* and a new session helps */
    close(client.fd);
}

static void R11_malformed_datagrams_change_nothing(void **state)
{
    static const char *const datagrams[] = {
        "\x40",                 /* too short */
        "\xc0\x02\x00\x01",     /* version 3 */
        "\x4f\x02\x00\x01",     /* token length 15 */
        "\x40\x02\x00\x02\xff", /* marker without payload */
        "\x40\x02\x00\x03\xf0", /* reserved option delta */
        "\x40\x00\x00\x04",     /* ping */
        "\x60\x45\x00\x05",     /* a response out of nowhere */
        "\x70\x00\x00\x06",     /* a reset */
    };
    static const size_t lens[] = {1, 4, 4, 5, 5, 4, 4, 4};
    struct fixture *f = *state;
    struct client client;
    uint8_t junk[1200];

    client_open(&client, f, &f->device);
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        if (exchange_bytes(&client, cede_span((const uint8_t *)datagrams[i], lens[i]))) {
            assert_int_equal(client.answer.type, CEDE_COAP_RST);
        }
    }
    for (int i = 0; i < 300; i++) {
        size_t len = (size_t)(i * 4) % sizeof junk;
        ok(crypto()->random(crypto()->context, CEDE_BUF_ARRAY(junk)));
        junk[0] = (uint8_t)(0x40 | (junk[0] & 0x08));
        junk[1] = CEDE_COAP_POST;
        ok(cede_udp_send(client.fd, NULL, cede_span(junk, len)));
        event_base_loop(f->base, EVLOOP_NONBLOCK);
    }
    assert_int_equal(coap_door_half_open(f->door), 0);
    assert_int_equal(coap_door_sessions(f->door), 0);
    assert_int_equal(f->begun, 0);
    close(client.fd);
    client_open(&client, f, &f->device);
    establish(&client);
    close(client.fd);
}

/* Cuts of message_1 and flips of message_3: refused, and the next handshake works. */
static void R4_damaged_handshakes_are_refused(void **state)
{
    struct fixture *f = *state;
    struct client client;
    uint8_t out[1024], copy[1024];
    struct cede_span datagram;

    client_open(&client, f, &f->device);
    datagram = message_1_datagram(&client, CEDE_SPAN_NULL, CEDE_BUF_ARRAY(out));
    for (size_t len = 0; len < datagram.len; len += 3) {
        memcpy(copy, datagram.ptr, len);
        if (len > 3) {
            copy[3] = (uint8_t)len; /* a message id of its own */
        }
        ok(cede_udp_send(client.fd, NULL, cede_span(copy, len)));
        event_base_loop(f->base, EVLOOP_NONBLOCK);
    }
    assert_int_equal(coap_door_half_open(f->door), 0);
    close(client.fd); /* with what was answered to the cuts */
    client_open(&client, f, &f->device);
    for (size_t at = 0; at < 90; at += 9) {
        uint8_t m3[1024];
        struct cede_span message_3;
        begin(&client);
        message_3 = make_message_3(&client, CEDE_BUF_ARRAY(m3));
        m3[at % message_3.len] ^= 0x20;
        ok(cede_oscore_compose_edhoc_request(CEDE_COAP_CON, client.message_id++,
                                             CEDE_SPAN_TEXT("t"), CEDE_SPAN_NULL, CEDE_SPAN_NULL,
                                             cede_edhoc_connection_id_span(&client.edhoc.c_r),
                                             message_3, CEDE_BUF_ARRAY(out), &datagram));
        assert_true(exchange_bytes(&client, datagram));
        assert_int_equal(client.answer.code, CEDE_COAP_BAD_REQUEST);
        assert_int_equal(coap_door_sessions(f->door), 0);
    }
    assert_int_equal(coap_door_half_open(f->door), 0);
    close(client.fd);
    client_open(&client, f, &f->device);
    establish(&client);
    close(client.fd);
}

static void R4_a_replayed_request_is_not_handled_twice(void **state)
{
    struct fixture *f = *state;
    struct client client, other;
    uint8_t plain[256], prot[512], inner_bytes[2048];
    struct cede_oscore_exchange exchange;
    struct cede_coap_message inner;
    struct cede_span datagram;

    client_open(&client, f, &f->device);
    establish(&client);
    datagram =
        protect(&client, plain_request(&client, "u", CEDE_SPAN_TEXT("x"), CEDE_BUF_ARRAY(plain)),
                &exchange, CEDE_BUF_ARRAY(prot));
    assert_true(exchange_bytes(&client, datagram));
    assert_int_equal(f->handled, 2);
    /* a retransmission: the answer again, but nothing is done again */
    assert_true(exchange_bytes(&client, datagram));
    assert_int_equal(f->handled, 2);
    assert_int_equal(open_answer(&client, &exchange, inner_bytes, sizeof inner_bytes, &inner),
                     CEDE_COAP_CHANGED);
    /* from elsewhere: 4.01 */
    client_open(&other, f, &f->device);
    assert_true(exchange_bytes(&other, datagram));
    assert_int_equal(other.answer.code, CEDE_COAP_UNAUTHORIZED);
    assert_int_equal(f->handled, 2);
    /* flipped: 4.00, and the session still stands */
    datagram =
        protect(&client, plain_request(&client, "u", CEDE_SPAN_TEXT("x"), CEDE_BUF_ARRAY(plain)),
                &exchange, CEDE_BUF_ARRAY(prot));
    prot[datagram.len - 1] ^= 1;
    assert_true(exchange_bytes(&client, datagram));
    assert_int_equal(client.answer.code, CEDE_COAP_BAD_REQUEST);
    assert_int_equal(f->handled, 2);
    assert_int_equal(ask(&client, "u"), CEDE_COAP_CHANGED);
    close(client.fd);
    close(other.fd);
}

static void a_repeated_message_1_gets_the_same_message_2(void **state)
{
    struct fixture *f = *state;
    struct client client;
    uint8_t out[1024], first[2048];
    struct cede_span datagram;
    size_t len = 0;

    client_open(&client, f, &f->device);
    datagram = message_1_datagram(&client, CEDE_SPAN_NULL, CEDE_BUF_ARRAY(out));
    assert_true(exchange_bytes(&client, datagram));
    len = client.answer_len;
    memcpy(first, client.in, len);
    assert_true(exchange_bytes(&client, datagram));
    assert_int_equal(client.answer_len, len);
    assert_memory_equal(client.in, first, len);
    assert_int_equal(coap_door_half_open(f->door), 1);
    close(client.fd);
}

/* A socket of 127.0.0.`host`. */
static int connect_from(const struct cede_address *to, unsigned host)
{
    char text[16];
    struct cede_address own;
    int fd;

    snprintf(text, sizeof text, "127.0.0.%u", host);
    ok(cede_address_resolve(text, 0, &own));
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&own.storage, own.len), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to->storage, to->len), 0);
    return fd;
}

/* A flood of message_1 from one address meets its limit; state stays bounded. */
static void R11_a_flood_from_one_address_meets_its_limit(void **state)
{
    struct fixture *f = *state;
    struct client client;
    uint8_t out[1024];

    f->config.half_open_max = 32;
    f->config.half_open_per_address = 8;
    open_door(f);
    client_open(&client, f, &f->device);
    for (int i = 0; i < 40; i++) {
        assert_true(exchange_bytes(
            &client, message_1_datagram(&client, CEDE_SPAN_NULL, CEDE_BUF_ARRAY(out))));
        assert_int_equal(client.answer.code, i < 8 ? CEDE_COAP_CHANGED : CEDE_COAP_UNAUTHORIZED);
    }
    assert_int_equal(coap_door_half_open(f->door), 8);
    assert_int_equal(coap_door_counters(f->door)->challenged, 32);
    /* Whoever sends in the name of a device does not shut it out: it has the address, */
    establish(&client);
    close(client.fd);
    /* nor does somebody who has the address, too. */
    client_open(&client, f, &f->device);
    for (int i = 0; i < 20; i++) {
        begin(&client);
    }
    assert_int_equal(coap_door_half_open(f->door), 8);
    establish(&client);
    assert_true(coap_door_counters(f->door)->limited > 12); /* the oldest of it made room */
    close(client.fd);
}

/* Of a full table the address with the most of it makes room, not whoever is slow. */
static void R11_a_flood_from_many_addresses_stops_nobody(void **state)
{
    struct fixture *f = *state;
    struct client client, flood;
    uint8_t code = 0;

    f->config.half_open_max = 32;
    f->config.half_open_per_address = 8;
    open_door(f);
    client_open(&client, f, &f->device);
    begin(&client);
    for (unsigned host = 2; host < 26; host++) {
        client_open(&flood, f, &f->stranger);
        close(flood.fd);
        flood.fd = connect_from(&f->address, host);
        for (int i = 0; i < 4; i++) {
            begin(&flood);
        }
        close(flood.fd);
    }
    assert_int_equal(coap_door_half_open(f->door), 32);
    assert_true(finish_combined(&client, &code));
    assert_int_equal(code, CEDE_COAP_CHANGED);
    close(client.fd);
    client_open(&client, f, &f->device);
    establish(&client);
    close(client.fd);
}

/* From many addresses: the oldest make room, and established sessions are untouched. */
static void R11_a_flood_from_everywhere_does_not_end_sessions(void **state)
{
    struct fixture *f = *state;
    struct client client, flood;
    uint8_t out[1024];

    f->config.half_open_max = 16;
    f->config.half_open_per_address = 1000;
    f->config.echo = COAP_DOOR_ECHO_NEVER;
    open_door(f);
    client_open(&client, f, &f->device);
    client_open(&flood, f, &f->stranger);
    establish(&client);
    for (int i = 0; i < 100; i++) {
        assert_true(exchange_bytes(
            &flood, message_1_datagram(&flood, CEDE_SPAN_NULL, CEDE_BUF_ARRAY(out))));
    }
    assert_int_equal(coap_door_half_open(f->door), 16);
    assert_int_equal(coap_door_counters(f->door)->evicted, 84);
    assert_int_equal(ask(&client, "u"), CEDE_COAP_CHANGED);
    close(client.fd);
    close(flood.fd);
}

/* R11: under load, no state and no public-key operation before the address is proven. */
static void R11_echo_proves_the_address_first(void **state)
{
    struct fixture *f = *state;
    struct client client, spoofed;
    uint8_t out[1024], code = 0, echo_bytes[CEDE_OSCORE_ECHO_LEN];
    struct cede_span echo;

    f->config.echo = COAP_DOOR_ECHO_ALWAYS;
    open_door(f);
    client_open(&client, f, &f->device);
    client_open(&spoofed, f, &f->stranger);
    assert_true(
        exchange_bytes(&client, message_1_datagram(&client, CEDE_SPAN_NULL, CEDE_BUF_ARRAY(out))));
    assert_int_equal(client.answer.code, CEDE_COAP_UNAUTHORIZED);
    assert_true(cede_coap_find_option(&client.answer, CEDE_COAP_ECHO, &echo));
    assert_int_equal(echo.len, sizeof echo_bytes);
    memcpy(echo_bytes, echo.ptr, sizeof echo_bytes);
    assert_int_equal(coap_door_half_open(f->door), 0);
    /* for another address it proves nothing */
    assert_true(exchange_bytes(
        &spoofed, message_1_datagram(&spoofed, CEDE_SPAN_ARRAY(echo_bytes), CEDE_BUF_ARRAY(out))));
    assert_int_equal(spoofed.answer.code, CEDE_COAP_UNAUTHORIZED);
    assert_int_equal(coap_door_half_open(f->door), 0);
    assert_true(exchange_bytes(
        &client, message_1_datagram(&client, CEDE_SPAN_ARRAY(echo_bytes), CEDE_BUF_ARRAY(out))));
    take_message_2(&client);
    assert_true(finish_combined(&client, &code));
    assert_int_equal(code, CEDE_COAP_CHANGED);
    close(client.fd);
    close(spoofed.fd);
}

/* R11: no amplification: a long message_2 only goes to a proven address. */
static void R11_a_long_answer_waits_for_the_echo(void **state)
{
    struct fixture *f = *state;
    struct client client;
    struct cede_span chain[2];
    uint8_t out[1024];
    struct cede_span datagram, echo;

    chain[0] = chain[1] = f->server.certificate;
    f->config.credential.chain = chain;
    f->config.credential.chain_count = 2;
    open_door(f);
    client_open(&client, f, &f->device);
    client.ask_value = true;
    datagram = message_1_datagram(&client, CEDE_SPAN_NULL, CEDE_BUF_ARRAY(out));
    assert_true(exchange_bytes(&client, datagram));
    assert_true(client.answer_len <= 3 * datagram.len);
    assert_true(cede_coap_find_option(&client.answer, CEDE_COAP_ECHO, &echo));
    assert_int_equal(coap_door_half_open(f->door), 0);
    client.ask_value = false;
    establish(&client); /* a short one goes at once */
    close(client.fd);
}

/* --- R11: three bytes for one ------------------------------------------------------------------
 * What is sent to an address that may be somebody else's is no weapon against its owner. */

static size_t answered(struct client *client, struct cede_span datagram)
{
    uint8_t memory[4096];
    struct cede_span answer;
    size_t total = 0;

    ok(cede_udp_send(client->fd, NULL, datagram));
    event_base_loop(client->f->base, EVLOOP_NONBLOCK);
    while (cede_udp_receive(client->fd, NULL, CEDE_BUF_ARRAY(memory), &answer) == CEDE_OK) {
        total += answer.len;
    }
    return total;
}

static size_t measured(struct client *client, struct cede_span datagram)
{
    size_t got = answered(client, datagram);

    if (got > 3 * datagram.len) {
        for (size_t i = 0; i < datagram.len; i++) {
            print_error("%02x", datagram.ptr[i]);
        }
        fail_msg(": %zu bytes for %zu", got, datagram.len);
    }
    return got;
}

/* Cut at each place and bent at each place; each has a message id of its own. */
static void measured_bent(struct client *client, struct cede_span datagram)
{
    uint8_t bytes[2048];

    memcpy(bytes, datagram.ptr, datagram.len);
    for (size_t len = 0; len <= datagram.len; len++) {
        bytes[2] = (uint8_t)(client->message_id >> 8);
        bytes[3] = (uint8_t)client->message_id++;
        measured(client, cede_span(bytes, len));
    }
    for (size_t at = 0; at < datagram.len; at++) {
        static const uint8_t masks[] = {0x01, 0x10, 0x80, 0xff};
        for (size_t i = 0; i < sizeof masks; i++) {
            bytes[2] = (uint8_t)(client->message_id >> 8);
            bytes[3] = (uint8_t)client->message_id++;
            bytes[at] ^= masks[i];
            measured(client, cede_span(bytes, datagram.len));
            bytes[at] = datagram.ptr[at];
        }
    }
}

struct choice {
    uint16_t number; /* 0: not there */
    const char *value;
    size_t len;
};

static const char *const paths[][2] = {
    {".well-known", "edhoc"}, {".well-known", "core"}, {"u", NULL}, {"", "nowhere"}, {NULL, NULL}};
static const struct choice oscore_options[] = {
    {0, NULL, 0},
    {CEDE_COAP_OSCORE, "", 0},
    {CEDE_COAP_OSCORE, "\x08", 1},
    {CEDE_COAP_OSCORE, "\x09\x00", 2},
    {CEDE_COAP_OSCORE, "\x09\x00kid.", 6},
    {CEDE_COAP_OSCORE, "\x19\x00\x01x", 4},
    {CEDE_COAP_OSCORE, "\xe0", 1},
};
static const struct choice others[] = {
    {0, NULL, 0},
    {1, "", 0},
    {CEDE_COAP_URI_HOST, "h", 1},
    {CEDE_COAP_CONTENT_FORMAT, "\x40", 1},
    {CEDE_COAP_URI_QUERY, "rt=x", 4},
    {CEDE_COAP_ACCEPT, "", 0},
    {CEDE_COAP_ACCEPT, "\x01\x02\x03\x04", 4},
    {CEDE_COAP_EDHOC, "", 0},
    {CEDE_COAP_BLOCK2, "\x07", 1},
    {CEDE_COAP_BLOCK1, "\x08", 1},
    {CEDE_COAP_BLOCK1, "\x0f", 1},
    {CEDE_COAP_ECHO, "............", 12},
    {65001, "", 0},
};
static const struct cede_span payloads[] = {
    {NULL, 0},
    {(const uint8_t *)"\xf5", 1},
    {(const uint8_t *)"\x41\x42\x43\x44\x45\x46\x47\x48\x49", 9},
    {(const uint8_t *)"\xf5\x00\x02\x40\x10", 5},
};
static const uint8_t codes[] = {CEDE_COAP_GET, CEDE_COAP_POST, CEDE_COAP_FETCH, CEDE_COAP_CONTENT};
#define COUNT(array_) (sizeof(array_) / sizeof(array_)[0])

static void put_choices(struct cede_coap_encoder *encoder, const char *const path[2],
                        const struct choice *oscore, const struct choice *other)
{
    const struct choice all[4] = {
        *oscore, {CEDE_COAP_URI_PATH, path[0], 0}, {CEDE_COAP_URI_PATH, path[1], 0}, *other};
    bool done = other->number == 0;

    for (size_t i = 0; i < 4; i++) {
        struct choice option = all[i];
        if (!done && (i == 3 || option.number > other->number)) {
            cede_coap_put_option(encoder, other->number,
                                 cede_span((const uint8_t *)other->value, other->len));
            done = true;
        }
        if (i == 3 || option.value == NULL) {
            continue;
        }
        option.len = option.number == CEDE_COAP_URI_PATH ? strlen(option.value) : option.len;
        cede_coap_put_option(encoder, option.number,
                             cede_span((const uint8_t *)option.value, option.len));
    }
}

/* Each code with and without each path, OSCORE option, other option, payload; short and long
 * tokens. */
static void measure_everything(struct client *client)
{
    size_t kinds =
        COUNT(paths) * COUNT(oscore_options) * COUNT(others) * COUNT(payloads) * COUNT(codes) * 4;

    size_t heard = 0;

    for (size_t kind = 0; kind < kinds; kind++) {
        uint8_t out[256];
        size_t n = kind;
        enum cede_coap_type type = n % 2 == 0 ? CEDE_COAP_CON : CEDE_COAP_NON;
        struct cede_span token = cede_span((const uint8_t *)"tokentok", (n /= 2) % 2 * 8);
        uint8_t code = codes[(n /= 2) % COUNT(codes)];
        const struct cede_span *payload = &payloads[(n /= COUNT(codes)) % COUNT(payloads)];
        const char *const *path = paths[(n /= COUNT(payloads)) % COUNT(paths)];
        const struct choice *oscore = &oscore_options[(n /= COUNT(paths)) % COUNT(oscore_options)];
        const struct choice *other = &others[n / COUNT(oscore_options)];
        struct cede_coap_encoder encoder =
            cede_coap_begin(CEDE_BUF_ARRAY(out), type, code, client->message_id++, token);
        struct cede_span datagram;

        put_choices(&encoder, path, oscore, other);
        cede_coap_put_payload(&encoder, *payload);
        ok(cede_coap_finish(&encoder, &datagram));
        heard += measured(client, datagram) > 0;
    }
    assert_true(heard > kinds / 2); /* all requests, and what is no request when confirmable */
}

static void measure_noise(struct client *client)
{
    for (int i = 0; i < 4000; i++) {
        uint8_t noise[96];
        size_t len;

        ok(crypto()->random(crypto()->context, CEDE_BUF_ARRAY(noise)));
        len = noise[95] % 95;
        noise[0] = i % 4 == 0 ? noise[0] : (uint8_t)(0x40 | (noise[0] & 0x18));
        noise[1] = i % 4 == 0 ? noise[1] : (uint8_t)(noise[1] % 6);
        noise[4] = i % 4 == 3 ? (uint8_t)(0x90 | (noise[4] & 0x0f)) : noise[4];
        measured(client, cede_span(noise, len));
    }
}

static void measure_handshakes(struct fixture *f)
{
    struct client client;
    uint8_t out[2048], m3[1024];
    struct cede_span message_3, datagram;

    client_open(&client, f, &f->device);
    for (int ask = 0; ask < 4; ask++) {
        client.ask_value = (ask & 1) != 0;
        client.ask_proof = (ask & 2) != 0;
        measured_bent(&client, message_1_datagram(&client, CEDE_SPAN_NULL, CEDE_BUF_ARRAY(out)));
    }
    client.ask_value = client.ask_proof = false;
    begin(&client);
    message_3 = make_message_3(&client, CEDE_BUF_ARRAY(m3));
    ok(cede_oscore_compose_edhoc_request(CEDE_COAP_NON, client.message_id++, CEDE_SPAN_NULL,
                                         CEDE_SPAN_NULL, CEDE_SPAN_NULL,
                                         cede_edhoc_connection_id_span(&client.edhoc.c_r),
                                         message_3, CEDE_BUF_ARRAY(out), &datagram));
    measured_bent(&client, datagram);
    close(client.fd);
}

/* Somebody who has seen a device's request, from elsewhere. */
static void measure_requests_of_a_session(struct fixture *f)
{
    struct client client, other;
    uint8_t plain[256], prot[512];
    struct cede_oscore_exchange exchange;
    struct cede_span datagram;

    client_open(&client, f, &f->device);
    client_open(&other, f, &f->stranger);
    establish(&client);
    datagram =
        protect(&client, plain_request(&client, "u", CEDE_SPAN_TEXT("x"), CEDE_BUF_ARRAY(plain)),
                &exchange, CEDE_BUF_ARRAY(prot));
    assert_true(exchange_bytes(&client, datagram));
    measured_bent(&other, datagram);
    assert_int_equal(ask(&client, "u"), CEDE_COAP_CHANGED);
    close(client.fd);
    close(other.fd);
}

static void measure_all(struct fixture *f)
{
    struct client client;

    open_door(f);
    client_open(&client, f, &f->stranger);
    measured(&client, cede_span((const uint8_t *)"\x40\x02\x12\x34\x90", 5));
    measured(&client, cede_span((const uint8_t *)"\x50\x02\x12\x35\x90", 5));
    measure_everything(&client);
    measure_noise(&client);
    close(client.fd);
    measure_handshakes(f);
    measure_requests_of_a_session(f);
}

static void many_links(void *context, struct cede_span filter, struct cede_writer *writer)
{
    (void)context;
    (void)filter;
    for (int i = 0; i < 9; i++) {
        cede_write_bytes(writer, CEDE_SPAN_TEXT("</e/sen>;ct=\"62 281\","));
    }
}

/* As a CA opens it: discovery, its certificate with the chain, status proofs. */
static void R11_strangers_get_three_bytes_for_one_from_a_CA(void **state)
{
    struct fixture *f = *state;
    struct cede_span chain[2] = {f->server.certificate, f->server.certificate};

    f->has_proof = true;
    f->config.put_links = many_links;
    f->config.credential.chain = chain;
    f->config.credential.chain_count = 2;
    f->config.wants_ephemeral = true;
    measure_all(f);
}

/* As an update server does, and when everybody has to show the address first. */
static void R11_strangers_get_three_bytes_for_one_from_an_update_server(void **state)
{
    struct fixture *f = *state;
    struct client client;

    measure_all(f);
    f->config.echo = COAP_DOOR_ECHO_ALWAYS;
    open_door(f);
    client_open(&client, f, &f->stranger);
    measure_everything(&client);
    close(client.fd);
}

/* --- what the log is told ----------------------------------------------------------------------
 */

/* A request with one more option, sent twice over: a repetition is nothing new. */
static void refused_over_oscore(struct client *client, const char *path, uint16_t option,
                                uint8_t code)
{
    uint8_t plain[256], prot[512], inner_bytes[2048];
    struct cede_oscore_exchange exchange;
    struct cede_coap_message inner;
    struct cede_coap_encoder encoder =
        cede_coap_begin(CEDE_BUF_ARRAY(plain), CEDE_COAP_CON, CEDE_COAP_POST, client->message_id++,
                        CEDE_SPAN_TEXT("tk"));
    struct cede_span datagram;

    cede_coap_put_path(&encoder, cede_span_string(path));
    if (option != 0) {
        cede_coap_put_uint(&encoder, option, 1);
    }
    ok(cede_coap_finish(&encoder, &datagram));
    datagram = protect(client, datagram, &exchange, CEDE_BUF_ARRAY(prot));
    assert_true(exchange_bytes(client, datagram));
    assert_true(exchange_bytes(client, datagram));
    assert_int_equal(open_answer(client, &exchange, inner_bytes, sizeof inner_bytes, &inner), code);
}

static void refusals_to_devices_are_told_once(void **state)
{
    struct fixture *f = *state;
    struct client client;
    struct heard_log heard;

    client_open(&client, f, &f->device);
    heard = heard_log_begin();
    establish(&client);
    (void)ask(&client, "u");
    assert_int_equal(heard_log_count(&heard, "\n"), 0); /* of an ordinary day nothing */
    refused_over_oscore(&client, "e/TOKENTOK/nowhere", 0, CEDE_COAP_RESOURCE_NOT_FOUND);
    assert_int_equal(
        heard_log_count(&heard, "warning device dev-1, POST e/*/*: no such object (4.04)\n"), 1);
    assert_int_equal(heard_log_count(&heard, "TOKENTOK"), 0); /* it lets in */
    refused_over_oscore(&client, "u", CEDE_COAP_PROXY_SCHEME, CEDE_COAP_BAD_OPTION);
    assert_int_equal(heard_log_count(&heard, "POST u: option 39: "), 1);
    f->refusal = CEDE_COAP_UNSUPPORTED_FORMAT;
    refused_over_oscore(&client, "u", 0, CEDE_COAP_UNSUPPORTED_FORMAT);
    assert_int_equal(
        heard_log_count(&heard, "POST u: the content format is not supported (4.15)\n"), 1);
    f->refusal = CEDE_COAP_BAD_REQUEST;
    refused_over_oscore(&client, "u", 0, CEDE_COAP_BAD_REQUEST);
    assert_int_equal(heard_log_count(&heard, "POST u: because (4.00)\n"), 1);
    f->refusal = 0;
    f->commit = CEDE_STORE_FAILED;
    refused_over_oscore(&client, "u", 0, CEDE_COAP_UNAVAILABLE);
    f->commit = CEDE_OK;
    assert_int_equal(heard_log_count(&heard, "POST u: not now (5.03)\n"), 1);
    f->revoked = true;
    assert_int_equal(ask(&client, "u"), CEDE_COAP_UNAUTHORIZED);
    assert_int_equal(heard_log_count(&heard, "POST u: the signature does not verify (4.01)\n"), 1);
    assert_int_equal(heard_log_count(&heard, "\n"), 7); /* and the commit that failed */
    heard_log_end(&heard);
    close(client.fd);
}

/* One line a datagram, however often it comes. */
static void told_once(struct client *client, const struct heard_log *heard,
                      struct cede_span datagram, const char *why)
{
    char line[200];
    unsigned before = heard_log_count(heard, "\n");

    snprintf(line, sizeof line, " %s\n", why);
    (void)answered(client, datagram);
    (void)answered(client, datagram);
    assert_int_equal(heard_log_count(heard, line), 1);
    assert_int_equal(heard_log_count(heard, "with 127.0.0.1:"), before + 1);
}

static struct cede_span stranger_request(struct client *client, uint8_t code,
                                         const char *const path[2], uint16_t option,
                                         struct cede_buf out)
{
    const struct choice none = {0, NULL, 0}, other = {option, "\x01", option == 0 ? 0 : 1};
    struct cede_coap_encoder encoder =
        cede_coap_begin(out, CEDE_COAP_CON, code, client->message_id++, CEDE_SPAN_NULL);
    struct cede_span datagram;

    put_choices(&encoder, path, &none, &other);
    ok(cede_coap_finish(&encoder, &datagram));
    return datagram;
}

static void refusals_to_strangers_are_told_once(void **state)
{
    struct fixture *f = *state;
    struct client client;
    struct heard_log heard;
    uint8_t out[1024];
    struct cede_span datagram;
    struct cede_buf to = CEDE_BUF_ARRAY(out);

    f->config.put_links = many_links;
    open_door(f);
    client_open(&client, f, &f->stranger);
    heard = heard_log_begin();
    told_once(&client, &heard, cede_span((const uint8_t *)"\x40\x02\x00\x07\xff", 5),
              "a payload marker with no payload behind it");
    told_once(&client, &heard, stranger_request(&client, CEDE_COAP_POST, paths[2], 0, to),
              "the message has no OSCORE option");
    told_once(&client, &heard, stranger_request(&client, CEDE_COAP_PUT, paths[0], 0, to),
              "the resource has no such method");
    told_once(&client, &heard, stranger_request(&client, CEDE_COAP_POST, paths[0], 35, to),
              "option 35 is not known here");
    told_once(&client, &heard, stranger_request(&client, CEDE_COAP_GET, paths[1], 27, to),
              "option 27 is not known here");
    told_once(&client, &heard,
              stranger_request(&client, CEDE_COAP_GET, paths[1], CEDE_COAP_ACCEPT, to),
              "there is no such answer");
    told_once(&client, &heard, cede_span((const uint8_t *)"\x40\x02\x12\x34\x91\xe0", 6),
              cede_status_reason(CEDE_OSCORE_OPTION));
    datagram = message_1_datagram(&client, CEDE_SPAN_NULL, to);
    out[datagram.len - 1] = 0x18; /* C_I ends too early */
    told_once(&client, &heard, datagram, cede_status_reason(CEDE_TRUNCATED));
    heard_log_end(&heard);
    close(client.fd);
}

/* Whoever has to show his address first has not been refused, nor has a ping. */
static void what_is_ordinary_is_not_told(void **state)
{
    struct fixture *f = *state;
    struct client client;
    struct heard_log heard = heard_log_begin();
    uint8_t out[1024];
    struct cede_span datagram;

    f->config.echo = COAP_DOOR_ECHO_ALWAYS;
    open_door(f);
    client_open(&client, f, &f->device);
    assert_int_equal(answered(&client, cede_span((const uint8_t *)"\x40\x00\x00\x07", 4)), 4);
    datagram = message_1_datagram(&client, CEDE_SPAN_NULL, CEDE_BUF_ARRAY(out));
    assert_true(exchange_bytes(&client, datagram));
    assert_int_equal(client.answer.code, CEDE_COAP_UNAUTHORIZED);
    establish(&client);
    assert_int_equal(ask(&client, "u"), CEDE_COAP_CHANGED);
    assert_int_equal(heard_log_count(&heard, "\n"), 0);
    heard_log_end(&heard);
    close(client.fd);
}

static void failed_handshakes_are_told(void **state)
{
    struct fixture *f = *state;
    struct client client;
    struct heard_log heard = heard_log_begin();
    uint8_t code;

    f->config.half_open_life_s = 1;
    open_door(f);
    client_open(&client, f, &f->device);
    f->trusts = false;
    begin(&client);
    assert_false(finish_combined(&client, &code));
    assert_int_equal(heard_log_count(&heard, "EDHOC with 127.0.0.1:"), 1);
    assert_int_equal(heard_log_count(&heard, "refused 'dev-1': the chain does not lead"), 1);
    begin(&client);
    for (int i = 0; i < 400 && coap_door_half_open(f->door) > 0; i++) {
        event_base_loop(f->base, EVLOOP_NONBLOCK);
        usleep(10000);
    }
    assert_int_equal(coap_door_half_open(f->door), 0);
    assert_int_equal(heard_log_count(&heard, "refused: the handshake takes too long"), 1);
    heard_log_end(&heard);
    close(client.fd);
}

/* An answer that is kept for repetitions goes to the same request alone: not to a short one that
 * bears its message id, and not for longer than the address is proven. */
static void R11_kept_answers_are_no_way_round(void **state)
{
    struct fixture *f = *state;
    struct client client;
    struct cede_span chain[2] = {f->server.certificate, f->server.certificate};
    struct cede_span echo, datagram;
    uint8_t out[1024], echo_bytes[CEDE_OSCORE_ECHO_LEN];

    f->config.credential.chain = chain;
    f->config.credential.chain_count = 2;
    open_door(f);
    client_open(&client, f, &f->device);
    client.ask_value = true;
    datagram = message_1_datagram(&client, CEDE_SPAN_NULL, CEDE_BUF_ARRAY(out));
    assert_true(exchange_bytes(&client, datagram));
    assert_true(exchange_bytes(&client, datagram)); /* should the challenge be lost */
    assert_true(cede_coap_find_option(&client.answer, CEDE_COAP_ECHO, &echo));
    memcpy(echo_bytes, echo.ptr, sizeof echo_bytes);
    datagram = message_1_datagram(&client, CEDE_SPAN_ARRAY(echo_bytes), CEDE_BUF_ARRAY(out));
    assert_true(exchange_bytes(&client, datagram));
    take_message_2(&client);
    assert_true(client.answer_len > 3 * datagram.len);
    assert_true(exchange_bytes(&client, datagram));
    assert_true(client.answer_len > 3 * datagram.len);
    client.message_id--;
    datagram = message_1_datagram(&client, CEDE_SPAN_NULL, CEDE_BUF_ARRAY(out));
    measured(&client, datagram);
    measured(&client, cede_span(out, datagram.len - 30));
    close(client.fd);
}

/* The same with the answer to a request under OSCORE. */
static void R11_answers_to_a_device_go_to_its_own_requests(void **state)
{
    struct fixture *f = *state;
    struct client client;
    uint8_t plain[256], prot[512];
    struct cede_oscore_exchange exchange;
    struct cede_span datagram;

    f->answer_len = 600;
    client_open(&client, f, &f->device);
    establish(&client);
    datagram =
        protect(&client, plain_request(&client, "u", CEDE_SPAN_TEXT("x"), CEDE_BUF_ARRAY(plain)),
                &exchange, CEDE_BUF_ARRAY(prot));
    assert_true(answered(&client, datagram) > 600);
    assert_true(answered(&client, datagram) > 600); /* repeated, as it was */
    for (size_t len = 5; len < datagram.len; len++) {
        measured(&client, cede_span(prot, len));
    }
    prot[datagram.len - 1] ^= 1;
    measured(&client, datagram);
    close(client.fd);
}

static void full_session_tables_drop_the_least_recent(void **state)
{
    struct fixture *f = *state;
    struct client clients[3];
    enum { SESSIONS = 2 * COAP_DOOR_BATCH };
    struct party *devices = calloc(SESSIONS, sizeof *devices);

    f->config.sessions_max = SESSIONS;
    open_door(f);
    /* As many more devices as there are places: by value, so that the door needs no list of them */
    client_open(&clients[0], f, &f->device);
    establish(&clients[0]);
    for (int i = 0; i < SESSIONS; i++) {
        uint8_t code = 0;
        make_party(&devices[i], "dev-1", &f->server);
        f->device.certificate = devices[i].certificate; /* what handle() expects to see */
        client_open(&clients[1], f, &devices[i]);
        clients[1].by_value = true;
        begin(&clients[1]);
        assert_true(finish_combined(&clients[1], &code));
        assert_int_equal(code, CEDE_COAP_CHANGED);
        close(clients[1].fd);
    }
    assert_int_equal(coap_door_sessions(f->door), SESSIONS);
    assert_int_equal(coap_door_counters(f->door)->evicted, 1);
    free(devices);
    close(clients[0].fd);
}

/* --- durable before delivered ----------------------------------------------------------------- */

static void no_success_leaves_before_the_commit(void **state)
{
    struct fixture *f = *state;
    struct client client;

    client_open(&client, f, &f->device);
    establish(&client);
    assert_true(f->handled_before_commit);
    assert_int_equal(f->begun, 1);
    assert_int_equal(f->committed, 1);
    f->commit = CEDE_STORE_FAILED;
    assert_int_equal(ask(&client, "u"), CEDE_COAP_UNAVAILABLE);
    assert_int_equal(f->handled, 2);
    f->commit = CEDE_OK;
    f->before = CEDE_STORE_BUSY;
    assert_int_equal(ask(&client, "u"), CEDE_COAP_UNAVAILABLE);
    assert_int_equal(f->handled, 2);
    assert_int_equal(f->committed, 2); /* nothing was begun, nothing is committed */
    f->before = CEDE_OK;
    assert_int_equal(ask(&client, "u"), CEDE_COAP_CHANGED);
    close(client.fd);
}

/* Asks for the second block of an answer. */
static struct cede_span request_for_more(struct client *client, struct cede_buf out)
{
    const struct cede_coap_block second = {.number = 1, .szx = 6};
    struct cede_coap_encoder encoder = cede_coap_begin(out, CEDE_COAP_CON, CEDE_COAP_POST,
                                                       client->message_id++, CEDE_SPAN_TEXT("tk"));
    struct cede_span request;

    cede_coap_put_path(&encoder, CEDE_SPAN_TEXT("u"));
    cede_coap_put_uint(&encoder, CEDE_COAP_BLOCK2, cede_coap_block_value(&second));
    ok(cede_coap_finish(&encoder, &request));
    return request;
}

/* The second block of the answer to ask(): its code. */
static uint8_t ask_for_more(struct client *client)
{
    uint8_t plain[256], prot[512], inner_bytes[2048];
    struct cede_oscore_exchange exchange;
    struct cede_coap_message inner;
    struct cede_span request = request_for_more(client, CEDE_BUF_ARRAY(plain));

    assert_true(exchange_bytes(client, protect(client, request, &exchange, CEDE_BUF_ARRAY(prot))));
    return open_answer(client, &exchange, inner_bytes, sizeof inner_bytes, &inner);
}

static void the_rest_of_an_answer_needs_the_commit_too(void **state)
{
    struct fixture *f = *state;
    struct client client;

    client_open(&client, f, &f->device);
    establish(&client);
    f->answer_len = 2500;
    f->commit = CEDE_STORE_FAILED;
    assert_int_equal(ask(&client, "u"), CEDE_COAP_UNAVAILABLE);
    f->commit = CEDE_OK;
    assert_int_equal(ask_for_more(&client), CEDE_COAP_REQUEST_INCOMPLETE);
    assert_int_equal(ask(&client, "u"), CEDE_COAP_CHANGED);
    assert_int_equal(ask_for_more(&client), CEDE_COAP_CHANGED);
    close(client.fd);
}

static void an_answer_may_come_behind_the_commit(void **state)
{
    struct fixture *f = *state;
    struct client client;

    client_open(&client, f, &f->device);
    establish(&client);
    f->later = true;
    f->answer_len = 2500;
    assert_int_equal(ask(&client, "u"), CEDE_COAP_CHANGED);
    assert_int_equal(ask_for_more(&client), CEDE_COAP_CHANGED);
    assert_int_equal(f->answered_later, 1);
    f->commit = CEDE_STORE_FAILED; /* the service learns of it, the device gets nothing */
    assert_int_equal(ask(&client, "u"), CEDE_COAP_UNAVAILABLE);
    assert_int_equal(f->answered_later, 2);
    f->commit = CEDE_OK;
    assert_int_equal(ask_for_more(&client), CEDE_COAP_REQUEST_INCOMPLETE);
    f->before = CEDE_STORE_BUSY; /* never asked: nothing to come */
    assert_int_equal(ask(&client, "u"), CEDE_COAP_UNAVAILABLE);
    assert_int_equal(f->answered_later, 2);
    close(client.fd);
}

/* In one batch: the second block of an answer, and a request whose answer takes that one's place.
 */
static void a_block_is_of_the_answer_it_was_asked_of(void **state)
{
    struct fixture *f = *state;
    uint8_t plain[2][256], prot[2][512], inner_bytes[2048];
    struct cede_oscore_exchange exchanges[2];
    struct cede_coap_message inner;
    struct cede_span requests[2], answer;
    struct client client;

    client_open(&client, f, &f->device);
    establish(&client);
    for (unsigned block = 0; block < 2; block++) { /* its place in the batch */
        f->answer_len = 2500;
        f->shift = 0;
        f->later = false;
        assert_int_equal(ask(&client, "u"), CEDE_COAP_CHANGED);
        f->shift = 1;
        f->later = block == 1; /* the answer that takes the place comes behind the block */
        for (unsigned i = 0; i < 2; i++) {
            requests[i] = i == block ? request_for_more(&client, CEDE_BUF_ARRAY(plain[i]))
                                     : plain_request(&client, "u", CEDE_SPAN_TEXT("hi"),
                                                     CEDE_BUF_ARRAY(plain[i]));
            ok(cede_udp_send(
                client.fd, NULL,
                protect(&client, requests[i], &exchanges[i], CEDE_BUF_ARRAY(prot[i]))));
        }
        event_base_loop(f->base, EVLOOP_NONBLOCK);
        for (unsigned i = 0; i < 2; i++) {
            ok(cede_udp_receive(client.fd, NULL, CEDE_BUF_ARRAY(client.in), &answer));
            client.answer_len = answer.len;
            assert_int_equal(
                open_answer(&client, &exchanges[i], inner_bytes, sizeof inner_bytes, &inner),
                CEDE_COAP_CHANGED);
            assert_int_equal(inner.payload.len, 1024);
            assert_int_equal(inner.payload.ptr[0], i == block ? (uint8_t)(1024 * 7) : 1);
            assert_int_equal(inner.payload.ptr[1000],
                             i == block ? (uint8_t)(2024 * 7) : (uint8_t)(1000 * 7 + 1));
        }
    }
    close(client.fd);
}

static void a_burst_shares_one_commit(void **state)
{
    struct fixture *f = *state;
    struct client client;
    uint8_t plain[256], prot[512];
    struct cede_oscore_exchange exchange;

    client_open(&client, f, &f->device);
    establish(&client);
    for (int i = 0; i < 10; i++) {
        ok(cede_udp_send(
            client.fd, NULL,
            protect(&client,
                    plain_request(&client, "u", CEDE_SPAN_TEXT("x"), CEDE_BUF_ARRAY(plain)),
                    &exchange, CEDE_BUF_ARRAY(prot))));
    }
    event_base_loop(f->base, EVLOOP_NONBLOCK);
    assert_int_equal(f->handled, 11);
    assert_int_equal(f->committed, 2);
    close(client.fd);
}

/* --- blocks ----------------------------------------------------------------------------------- */

/* A request and answer of any length, in blocks of 2^(szx + 4) bytes. */
static size_t transfer(struct client *client, struct cede_span body, uint8_t szx, uint8_t *answer,
                       size_t cap, int *rounds)
{
    struct cede_coap_transfer blocks;
    struct cede_span whole = CEDE_SPAN_NULL;

    *rounds = 0;
    cede_coap_transfer_start(&blocks, szx);
    while (!blocks.done) {
        uint8_t plain[1400], prot[1500], inner_bytes[2048];
        struct cede_oscore_exchange exchange;
        struct cede_coap_message inner;
        struct cede_span datagram;
        struct cede_coap_encoder encoder =
            cede_coap_begin(CEDE_BUF_ARRAY(plain), CEDE_COAP_CON, CEDE_COAP_POST,
                            client->message_id++, CEDE_SPAN_TEXT("b"));
        cede_coap_put_path(&encoder, CEDE_SPAN_TEXT("u"));
        cede_coap_transfer_put(&blocks, body, &encoder);
        ok(cede_coap_finish(&encoder, &datagram));
        assert_true(
            exchange_bytes(client, protect(client, datagram, &exchange, CEDE_BUF_ARRAY(prot))));
        assert_true(client->answer_len <= 1232); /* the IPv6 minimum MTU without headers */
        open_answer(client, &exchange, inner_bytes, sizeof inner_bytes, &inner);
        ok(cede_coap_transfer_receive(&blocks, body, &inner, cede_buf(answer, cap), &whole));
        ++*rounds;
    }
    assert_int_equal(blocks.code, CEDE_COAP_CHANGED);
    return whole.len;
}

static void long_bodies_go_in_blocks_both_ways(void **state)
{
    struct fixture *f = *state;
    struct client client;
    uint8_t body[3000], answer[4096];
    int rounds = 0;

    for (size_t i = 0; i < sizeof body; i++) {
        body[i] = (uint8_t)(i * 13);
    }
    client_open(&client, f, &f->device);
    establish(&client);
    f->answer_len = 2500;
    assert_int_equal(transfer(&client, CEDE_SPAN_ARRAY(body), 6, answer, sizeof answer, &rounds),
                     2500);
    assert_int_equal(rounds, 3 + 2);
    assert_int_equal(f->handled, 2); /* once for the whole body */
    assert_int_equal(f->last_body_len, sizeof body);
    assert_memory_equal(f->last_body, body, sizeof body);
    for (size_t i = 0; i < 2500; i++) {
        assert_int_equal(answer[i], (uint8_t)(i * 7));
    }
    close(client.fd);
}

/* The times are those of the door's sweep. */
static void R11_bodies_that_never_end_are_forgotten(void **state)
{
    static const uint8_t first[4] = {1}, second[4] = {2};
    struct coap_bodies bodies;
    uint64_t begin_ms = cede_monotonic_ms();

    (void)state;
    ok(coap_bodies_init(&bodies, 2, 2048));
    assert_non_null(coap_body_upload(&bodies, coap_bodies_take(&bodies, 1, first, 7)));
    assert_non_null(coap_body_upload(&bodies, coap_bodies_take(&bodies, 2, second, 7)));
    coap_bodies_expire(&bodies, begin_ms + COAP_BODY_LIFE_MS / 2);
    assert_non_null(coap_bodies_find(&bodies, 1, first, 7)); /* it goes on */
    coap_bodies_expire(&bodies, begin_ms + COAP_BODY_LIFE_MS + 1000);
    assert_non_null(coap_bodies_find(&bodies, 1, first, 7));
    assert_null(coap_bodies_find(&bodies, 2, second, 7));
    coap_bodies_expire(&bodies, begin_ms + 3 * (uint64_t)COAP_BODY_LIFE_MS);
    assert_null(coap_bodies_find(&bodies, 1, first, 7));
    coap_bodies_wipe(&bodies);
}

static void a_body_too_long_is_refused(void **state)
{
    struct fixture *f = *state;
    struct client client;
    uint8_t body[1024] = {0}, plain[1400], prot[1500], inner_bytes[2048];
    struct cede_oscore_exchange exchange;
    struct cede_coap_message inner;
    uint8_t code = CEDE_COAP_CONTINUE;

    f->config.body_max = 2048;
    open_door(f);
    client_open(&client, f, &f->device);
    establish(&client);
    for (uint32_t number = 0; number < 4 && code == CEDE_COAP_CONTINUE; number++) {
        struct cede_coap_block block = {number, true, 6};
        struct cede_span datagram;
        struct cede_coap_encoder encoder =
            cede_coap_begin(CEDE_BUF_ARRAY(plain), CEDE_COAP_CON, CEDE_COAP_POST,
                            client.message_id++, CEDE_SPAN_TEXT("b"));
        cede_coap_put_path(&encoder, CEDE_SPAN_TEXT("u"));
        cede_coap_put_uint(&encoder, CEDE_COAP_BLOCK1, cede_coap_block_value(&block));
        cede_coap_put_payload(&encoder, CEDE_SPAN_ARRAY(body));
        ok(cede_coap_finish(&encoder, &datagram));
        assert_true(
            exchange_bytes(&client, protect(&client, datagram, &exchange, CEDE_BUF_ARRAY(prot))));
        code = open_answer(&client, &exchange, inner_bytes, sizeof inner_bytes, &inner);
    }
    assert_int_equal(code, CEDE_COAP_REQUEST_TOO_LARGE);
    assert_int_equal(f->handled, 1);
    close(client.fd);
}

/* --- what a proxy has cut up (RFC 8613, section 4.1.3.4.2) -------------------------------------
 */

#define PIECE_SZX 2
#define PIECE_LEN (16u << PIECE_SZX)

/* One block of an OSCORE message, as a proxy sends it. */
static struct cede_span piece_of(struct client *client, struct cede_span datagram, uint32_t number,
                                 struct cede_buf out)
{
    struct cede_coap_message message;
    struct cede_coap_encoder encoder;
    struct cede_coap_options options;
    struct cede_coap_option option;
    struct cede_span piece;
    size_t at = number * PIECE_LEN, len;
    struct cede_coap_block block = {number, false, PIECE_SZX};

    ok(cede_coap_decode(datagram, &message));
    len = message.payload.len - at < PIECE_LEN ? message.payload.len - at : PIECE_LEN;
    block.more = at + len < message.payload.len;
    encoder =
        cede_coap_begin(out, CEDE_COAP_CON, message.code, client->message_id++, message.token);
    options = cede_coap_options(message.options);
    while (cede_coap_options_next(&options, &option)) {
        assert_true(option.number < CEDE_COAP_BLOCK1);
        cede_coap_put_option(&encoder, option.number, option.value);
    }
    cede_coap_put_uint(&encoder, CEDE_COAP_BLOCK1, cede_coap_block_value(&block));
    cede_coap_put_payload(&encoder, cede_span(message.payload.ptr + at, len));
    ok(cede_coap_finish(&encoder, &piece));
    return piece;
}

static bool send_piece(struct client *client, struct cede_span datagram, uint32_t number)
{
    uint8_t bytes[512];

    return exchange_bytes(client, piece_of(client, datagram, number, CEDE_BUF_ARRAY(bytes)));
}

static void a_request_a_proxy_cut_up_is_put_together(void **state)
{
    struct fixture *f = *state;
    struct client client;
    uint8_t plain[512], prot[700], inner_bytes[2048], body[200], bytes[512];
    struct cede_oscore_exchange exchange;
    struct cede_coap_message inner;
    struct cede_coap_block block;
    struct cede_span datagram, piece;
    bool present = false;

    memset(body, 0x5a, sizeof body);
    client_open(&client, f, &f->device);
    establish(&client);
    datagram =
        protect(&client, plain_request(&client, "u", CEDE_SPAN_ARRAY(body), CEDE_BUF_ARRAY(plain)),
                &exchange, CEDE_BUF_ARRAY(prot));
    for (uint32_t number = 0; number < 3; number++) {
        assert_true(send_piece(&client, datagram, number));
        assert_int_equal(client.answer.code, CEDE_COAP_CONTINUE);
        ok(cede_coap_find_block(&client.answer, CEDE_COAP_BLOCK1, &present, &block));
        assert_true(present && block.more);
        assert_int_equal(block.number, number);
        assert_int_equal(f->handled, 1);
    }
    /* the last, twice: done once */
    piece = piece_of(&client, datagram, 3, CEDE_BUF_ARRAY(bytes));
    for (int i = 0; i < 2; i++) {
        assert_true(exchange_bytes(&client, piece));
        ok(cede_coap_find_block(&client.answer, CEDE_COAP_BLOCK1, &present, &block));
        assert_true(present && !block.more);
        assert_int_equal(block.number, 3);
        assert_int_equal(f->handled, 2);
    }
    assert_int_equal(f->last_body_len, sizeof body);
    assert_int_equal(open_answer(&client, &exchange, inner_bytes, sizeof inner_bytes, &inner),
                     CEDE_COAP_CHANGED);
    close(client.fd);
}

static void pieces_out_of_order_or_of_two_requests_are_refused(void **state)
{
    struct fixture *f = *state;
    struct client client;
    uint8_t plain[512], first_bytes[700], second_bytes[700], body[200] = {0};
    struct cede_oscore_exchange exchange;
    struct cede_span first, second;

    client_open(&client, f, &f->device);
    establish(&client);
    first =
        protect(&client, plain_request(&client, "u", CEDE_SPAN_ARRAY(body), CEDE_BUF_ARRAY(plain)),
                &exchange, CEDE_BUF_ARRAY(first_bytes));
    second =
        protect(&client, plain_request(&client, "u", CEDE_SPAN_ARRAY(body), CEDE_BUF_ARRAY(plain)),
                &exchange, CEDE_BUF_ARRAY(second_bytes));
    assert_true(send_piece(&client, first, 1));
    assert_int_equal(client.answer.code, CEDE_COAP_REQUEST_INCOMPLETE);
    assert_true(send_piece(&client, first, 0));
    assert_int_equal(client.answer.code, CEDE_COAP_CONTINUE);
    assert_true(send_piece(&client, second, 1));
    assert_int_equal(client.answer.code, CEDE_COAP_REQUEST_INCOMPLETE);
    assert_true(send_piece(&client, first, 2));
    assert_int_equal(client.answer.code, CEDE_COAP_REQUEST_INCOMPLETE);
    assert_true(send_piece(&client, first, 1)); /* nothing was kept of it */
    assert_int_equal(client.answer.code, CEDE_COAP_REQUEST_INCOMPLETE);
    assert_int_equal(f->handled, 1);
    close(client.fd);
}

/* What is put together is authentic, or it is nothing. */
static void a_changed_piece_makes_the_whole_worthless(void **state)
{
    struct fixture *f = *state;
    struct client client;
    uint8_t plain[512], prot[700], body[100] = {0};
    struct cede_oscore_exchange exchange;
    struct cede_span datagram;

    client_open(&client, f, &f->device);
    establish(&client);
    datagram =
        protect(&client, plain_request(&client, "u", CEDE_SPAN_ARRAY(body), CEDE_BUF_ARRAY(plain)),
                &exchange, CEDE_BUF_ARRAY(prot));
    assert_true(send_piece(&client, datagram, 0));
    prot[datagram.len - 1] ^= 1;
    assert_true(send_piece(&client, datagram, 1));
    assert_int_equal(client.answer.code, CEDE_COAP_BAD_REQUEST);
    assert_int_equal(f->handled, 1);
    assert_int_equal(ask(&client, "u"), CEDE_COAP_CHANGED);
    close(client.fd);
}

/* Four first pieces of others take the room of the one before; that one begins again. */
static void R11_first_pieces_without_end_cost_no_more_than_their_room(void **state)
{
    struct fixture *f = *state;
    struct client clients[OUTER_BLOCKS_MAX + 1];
    uint8_t plain[512], prot[OUTER_BLOCKS_MAX + 1][700], body[100] = {0};
    struct cede_oscore_exchange exchange;
    struct cede_span datagrams[OUTER_BLOCKS_MAX + 1];

    client_open(&clients[0], f, &f->device);
    establish(&clients[0]);
    for (size_t i = 0; i <= OUTER_BLOCKS_MAX; i++) {
        if (i > 0) {
            clients[i] = clients[0];
            ok(cede_udp_connect(&f->address, &clients[i].fd));
        }
        datagrams[i] =
            protect(&clients[0],
                    plain_request(&clients[0], "u", CEDE_SPAN_ARRAY(body), CEDE_BUF_ARRAY(plain)),
                    &exchange, CEDE_BUF_ARRAY(prot[i]));
        assert_true(send_piece(&clients[i], datagrams[i], 0));
        assert_int_equal(clients[i].answer.code, CEDE_COAP_CONTINUE);
    }
    assert_true(send_piece(&clients[0], datagrams[0], 1));
    assert_int_equal(clients[0].answer.code, CEDE_COAP_REQUEST_INCOMPLETE);
    assert_true(send_piece(&clients[1], datagrams[1], 1));
    assert_int_equal(f->handled, 2);
    for (size_t i = 0; i <= OUTER_BLOCKS_MAX; i++) {
        close(clients[i].fd);
    }
}

static void a_door_wants_its_callbacks_and_a_certificate(void **state)
{
    struct fixture *f = *state;
    struct coap_door_config config = f->config;
    struct coap_door *door = NULL;

    config.callbacks.handle = NULL;
    assert_int_equal(coap_door_open(f->base, &config, &door), CEDE_BAD_ARGUMENT);
    assert_null(door);
    config = f->config;
    config.credential.certificate = CEDE_SPAN_TEXT("no certificate");
    assert_int_not_equal(coap_door_open(f->base, &config, &door), CEDE_OK);
    assert_null(door);
    config = f->config;
    config.sessions_max = 8;
    assert_int_equal(coap_door_open(f->base, &config, &door), CEDE_BAD_ARGUMENT);
}

#define with_door(test_) cmocka_unit_test_setup_teardown(test_, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* before those that use up the lines that strangers have */
        with_door(refusals_to_devices_are_told_once),
        with_door(refusals_to_strangers_are_told_once),
        with_door(what_is_ordinary_is_not_told),
        with_door(failed_handshakes_are_told),
        with_door(a_device_comes_in_by_reference),
        with_door(message_3_may_come_alone),
        with_door(an_unknown_reference_is_repeated_by_value),
        with_door(the_server_shows_its_certificate_when_asked),
        with_door(a_status_proof_comes_when_asked_for),
        with_door(without_a_proof_the_handshake_goes_on),
        with_door(a_proof_does_not_cost_an_echo),
        with_door(a_peer_the_service_does_not_trust_is_refused),
        with_door(a_stolen_certificate_does_not_help),
        with_door(R6_a_live_session_ends_with_the_revocation),
        with_door(the_service_may_dismiss_a_peer),
        with_door(a_new_session_replaces_the_old_one),
        with_door(R11_unprotected_requests_get_401),
        with_door(R11_an_unknown_context_gets_401),
        with_door(R11_malformed_datagrams_change_nothing),
        with_door(R4_damaged_handshakes_are_refused),
        with_door(R4_a_replayed_request_is_not_handled_twice),
        with_door(a_repeated_message_1_gets_the_same_message_2),
        with_door(R11_a_flood_from_one_address_meets_its_limit),
        with_door(R11_a_flood_from_everywhere_does_not_end_sessions),
        with_door(R11_a_flood_from_many_addresses_stops_nobody),
        with_door(R11_echo_proves_the_address_first),
        with_door(R11_a_long_answer_waits_for_the_echo),
        with_door(R11_strangers_get_three_bytes_for_one_from_a_CA),
        with_door(R11_strangers_get_three_bytes_for_one_from_an_update_server),
        with_door(R11_kept_answers_are_no_way_round),
        with_door(R11_answers_to_a_device_go_to_its_own_requests),
        with_door(full_session_tables_drop_the_least_recent),
        with_door(no_success_leaves_before_the_commit),
        with_door(the_rest_of_an_answer_needs_the_commit_too),
        with_door(an_answer_may_come_behind_the_commit),
        with_door(a_block_is_of_the_answer_it_was_asked_of),
        with_door(a_burst_shares_one_commit),
        with_door(long_bodies_go_in_blocks_both_ways),
        cmocka_unit_test(R11_bodies_that_never_end_are_forgotten),
        with_door(a_body_too_long_is_refused),
        with_door(a_request_a_proxy_cut_up_is_put_together),
        with_door(pieces_out_of_order_or_of_two_requests_are_refused),
        with_door(a_changed_piece_makes_the_whole_worthless),
        with_door(R11_first_pieces_without_end_cost_no_more_than_their_room),
        with_door(a_door_wants_its_callbacks_and_a_certificate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
