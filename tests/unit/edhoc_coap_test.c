/* SPDX-License-Identifier: Apache-2.0 */
/* edhoc_coap_test.c - EDHOC over CoAP (RFC 9528, appendix A.2): a client and a server in one
 * process, datagrams between them, both message flows to the end and into OSCORE. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "cede/edhoc.h"
#include "cede/oscore.h"

static const struct cede_edhoc_suite *const suites[] = {&cede_edhoc_suite_2};
static const uint8_t id_cred_client[] = {0xa1, 0x04, 0x41, 0x2b};
static const uint8_t id_cred_server[] = {0xa1, 0x04, 0x41, 0x32};
static const uint8_t client_id[] = {0x0e}, server_id[] = {0xa5, 0x01};
static const uint8_t token[] = {0x4a, 0x11};

/* One end: its key, its session, and the datagram it sent last. */
struct end {
    uint8_t private_key[32], public_key[64], cred[80];
    struct cede_edhoc_own own;
    struct cede_edhoc_credential credential;
    struct cede_edhoc_session session;
    struct cede_edhoc_peer peer;
    uint8_t plaintext[256], memory[512];
    struct cede_span datagram;
};

static struct end client, server;
static struct cede_edhoc_config config;

static void ok(enum cede_status status)
{
    assert_string_equal(cede_status_name(status), "CEDE_OK");
}

static void end_init(struct end *end, struct cede_span id_cred)
{
    struct cede_writer cred = cede_writer(CEDE_BUF_ARRAY(end->cred));

    memset(end, 0, sizeof *end);
    ok(config.crypto->generate(NULL, CEDE_CRV_P256, end->private_key, end->public_key));
    cede_write_u8(&cred, 0x58); /* a byte string serves as a credential here */
    cede_write_u8(&cred, sizeof end->public_key);
    cede_write_bytes(&cred, CEDE_SPAN_ARRAY(end->public_key));
    end->own.id_cred = id_cred;
    end->own.cred = end->credential.cred = cede_written(&cred);
    end->own.key =
        (struct cede_private_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(end->private_key), NULL};
    end->credential.public_key =
        (struct cede_public_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(end->public_key)};
}

static int setup(void **state)
{
    (void)state;
    config = (struct cede_edhoc_config){
        .crypto = cede_crypto_openssl(), .suites = suites, .suites_count = 1, .methods = 0x0f};
    end_init(&client, CEDE_SPAN_ARRAY(id_cred_client));
    end_init(&server, CEDE_SPAN_ARRAY(id_cred_server));
    return 0;
}

/* --- CoAP ------------------------------------------------------------------------------------- */

static void client_posts(struct cede_span prefix, struct cede_span message)
{
    static uint16_t message_id;

    ok(cede_oscore_compose_edhoc_request(CEDE_COAP_CON, ++message_id, CEDE_SPAN_ARRAY(token),
                                         CEDE_SPAN_NULL, CEDE_SPAN_NULL, prefix, message,
                                         CEDE_BUF_ARRAY(client.memory), &client.datagram));
}

static void server_answers(uint8_t code, struct cede_span message)
{
    struct cede_coap_message request;

    ok(cede_coap_decode(client.datagram, &request));
    ok(cede_oscore_compose_edhoc_response(&request, code, 7, message, CEDE_BUF_ARRAY(server.memory),
                                          &server.datagram));
}

/* What a request carries, and which of its sessions the server must go on with. */
static struct cede_span server_reads(struct cede_span expected_prefix)
{
    struct cede_coap_message request;
    struct cede_span prefix, message;
    uint32_t format;

    ok(cede_coap_decode(client.datagram, &request));
    assert_int_equal(request.code, CEDE_COAP_POST);
    assert_true(cede_coap_path_equals(&request, CEDE_SPAN_TEXT(".well-known/edhoc")));
    ok(cede_coap_find_uint(&request, CEDE_COAP_CONTENT_FORMAT, 0, &format));
    assert_int_equal(format, CEDE_COAP_FORMAT_CID_EDHOC);
    ok(cede_oscore_split_edhoc_payload(request.payload, &prefix, &message));
    assert_true(cede_span_equal(prefix, expected_prefix));
    return message;
}

static struct cede_span client_reads(uint8_t expected_code)
{
    struct cede_coap_message response;

    ok(cede_coap_decode(server.datagram, &response));
    assert_int_equal(response.code, expected_code);
    assert_true(cede_span_equal(response.token, CEDE_SPAN_ARRAY(token)));
    return response.payload;
}

/* --- EDHOC: what an initiator and a responder do with what they read -------------------------- */

static struct cede_span message_1(struct end *initiator, struct cede_span c_i,
                                  enum cede_edhoc_method method, struct cede_buf memory)
{
    struct cede_span message;

    ok(cede_edhoc_init_initiator(&initiator->session, &config, method, 2, c_i));
    ok(cede_edhoc_compose_message_1(&initiator->session, &config, NULL, memory, &message));
    return message;
}

static struct cede_span message_2(struct end *responder, struct cede_span received,
                                  struct cede_span c_r, struct cede_buf memory)
{
    struct cede_edhoc_eads eads;
    struct cede_span message;

    cede_edhoc_init_responder(&responder->session);
    ok(cede_edhoc_process_message_1(&responder->session, &config, received, &eads));
    ok(cede_edhoc_compose_message_2(&responder->session, &config, c_r, &responder->own, NULL,
                                    memory, &message));
    return message;
}

static struct cede_span message_3(struct end *initiator, const struct end *responder,
                                  struct cede_span received, struct cede_buf memory)
{
    struct cede_span message;

    ok(cede_edhoc_process_message_2(&initiator->session, &config, received,
                                    CEDE_BUF_ARRAY(initiator->plaintext), &initiator->peer));
    ok(cede_edhoc_verify_message_2(&initiator->session, &config, &initiator->peer,
                                   &responder->credential));
    ok(cede_edhoc_compose_message_3(&initiator->session, &config, &initiator->own, NULL, memory,
                                    &message));
    return message;
}

static struct cede_span message_4(struct end *responder, const struct end *initiator,
                                  struct cede_span received, struct cede_buf memory)
{
    struct cede_span message;

    ok(cede_edhoc_process_message_3(&responder->session, &config, received,
                                    CEDE_BUF_ARRAY(responder->plaintext), &responder->peer));
    ok(cede_edhoc_verify_message_3(&responder->session, &config, &responder->peer,
                                   &initiator->credential));
    ok(cede_edhoc_compose_message_4(&responder->session, &config, NULL, memory, &message));
    return message;
}

static void end_of_handshake(struct end *initiator, struct cede_span received)
{
    struct cede_edhoc_eads eads;

    ok(cede_edhoc_process_message_4(&initiator->session, &config, received,
                                    CEDE_BUF_ARRAY(initiator->plaintext), &eads));
}

static void derive(const struct end *end, struct cede_oscore_context *context)
{
    struct cede_edhoc_oscore keys;
    struct cede_oscore_params params = {0};

    ok(cede_edhoc_export_oscore(&end->session, &config, &keys));
    params.aead_alg = keys.aead;
    params.hash_alg = keys.hash;
    params.master_secret = cede_span(keys.master_secret, keys.master_secret_len);
    params.master_salt = CEDE_SPAN_ARRAY(keys.master_salt);
    params.sender_id = cede_edhoc_connection_id_span(&keys.sender_id);
    params.recipient_id = cede_edhoc_connection_id_span(&keys.recipient_id);
    ok(cede_oscore_init(context, config.crypto, &params));
}

/* The CoAP client stays the client under OSCORE, whoever began EDHOC. */
static void expect_oscore(void)
{
    struct cede_oscore_context at_client, at_server;
    struct cede_oscore_exchange exchange;
    struct cede_coap_encoder encoder;
    struct cede_span datagram, plain;
    uint8_t memory[128], protected[128], opened[128];

    derive(&client, &at_client);
    derive(&server, &at_server);
    encoder = cede_coap_begin(CEDE_BUF_ARRAY(memory), CEDE_COAP_CON, CEDE_COAP_POST, 77,
                              CEDE_SPAN_ARRAY(token));
    cede_coap_put_payload(&encoder, CEDE_SPAN_TEXT("hello"));
    ok(cede_coap_finish(&encoder, &datagram));
    ok(cede_oscore_protect_request(&at_client, config.crypto, CEDE_OSCORE_PLAIN, datagram,
                                   &exchange, CEDE_BUF_ARRAY(protected), &datagram));
    ok(cede_oscore_unprotect_request(&at_server, config.crypto, datagram, &exchange,
                                     CEDE_BUF_ARRAY(opened), &plain));
}

/* --- the flows -------------------------------------------------------------------------------- */

/* A.2.1: the client is the initiator. */
static void forward_flow(void **state)
{
    uint8_t memory[256];
    struct cede_span c_r = CEDE_SPAN_ARRAY(server_id);

    (void)state;
    client_posts(CEDE_SPAN_NULL, message_1(&client, CEDE_SPAN_ARRAY(client_id),
                                           CEDE_EDHOC_SIGNATURE_SIGNATURE, CEDE_BUF_ARRAY(memory)));
    server_answers(CEDE_COAP_CHANGED,
                   message_2(&server, server_reads(CEDE_SPAN_NULL), c_r, CEDE_BUF_ARRAY(memory)));
    client_posts(
        c_r, message_3(&client, &server, client_reads(CEDE_COAP_CHANGED), CEDE_BUF_ARRAY(memory)));
    server_answers(CEDE_COAP_CHANGED,
                   message_4(&server, &client, server_reads(c_r), CEDE_BUF_ARRAY(memory)));
    end_of_handshake(&client, client_reads(CEDE_COAP_CHANGED));
    expect_oscore();
}

/* A.2.2 up to message_1, which the response to an empty POST brings. */
static struct cede_span trigger(enum cede_edhoc_method method, uint8_t memory[256])
{
    struct cede_coap_message request;
    struct cede_span option, prefix, message;

    client_posts(CEDE_SPAN_NULL, CEDE_SPAN_NULL);
    ok(cede_coap_decode(client.datagram, &request));
    assert_int_equal(request.payload.len, 0);
    assert_false(cede_coap_find_option(&request, CEDE_COAP_CONTENT_FORMAT, &option));
    assert_int_equal(cede_oscore_split_edhoc_payload(request.payload, &prefix, &message),
                     CEDE_OSCORE_EDHOC_PREFIX); /* nobody takes it for message_1 */
    server_answers(CEDE_COAP_CHANGED,
                   message_1(&server, CEDE_SPAN_ARRAY(server_id), method, cede_buf(memory, 256)));
    return client_reads(CEDE_COAP_CHANGED);
}

/* A.2.2: the server is the initiator, each method. */
static void reverse_flow(void **state)
{
    uint8_t memory[256];
    struct cede_span c_i = CEDE_SPAN_ARRAY(server_id);

    (void)state;
    for (unsigned method = 0; method < 4; method++) {
        struct cede_span received = trigger((enum cede_edhoc_method)method, memory);

        client_posts(
            c_i, message_2(&client, received, CEDE_SPAN_ARRAY(client_id), CEDE_BUF_ARRAY(memory)));
        server_answers(CEDE_COAP_CHANGED,
                       message_3(&server, &client, server_reads(c_i), CEDE_BUF_ARRAY(memory)));
        client_posts(c_i, message_4(&client, &server, client_reads(CEDE_COAP_CHANGED),
                                    CEDE_BUF_ARRAY(memory)));
        end_of_handshake(&server, server_reads(c_i));
        server_answers(CEDE_COAP_CHANGED, CEDE_SPAN_NULL);
        assert_int_equal(client_reads(CEDE_COAP_CHANGED).len, 0);
        expect_oscore();
    }
}

/* Errors of the responder come as requests with C_I, those of the initiator as responses (A.2.3).
 */
static void reverse_flow_errors(void **state)
{
    uint8_t memory[256];
    struct cede_edhoc_error error;
    struct cede_span c_i = CEDE_SPAN_ARRAY(server_id), received, message;
    struct cede_edhoc_eads eads;

    (void)state;
    received = trigger(CEDE_EDHOC_SIGNATURE_SIGNATURE, memory);
    config.methods = CEDE_EDHOC_METHOD_BIT(CEDE_EDHOC_STATIC_DH_STATIC_DH);
    cede_edhoc_init_responder(&client.session);
    assert_int_equal(cede_edhoc_process_message_1(&client.session, &config, received, &eads),
                     CEDE_EDHOC_METHOD);
    ok(cede_edhoc_compose_error(&config, CEDE_EDHOC_METHOD, CEDE_BUF_ARRAY(memory), &message));
    client_posts(c_i, message);
    message = server_reads(c_i);
    assert_true(cede_edhoc_is_error(message));
    ok(cede_edhoc_process_error(message, &error));
    assert_int_equal(error.code, CEDE_EDHOC_ERROR_UNSPECIFIED);
    setup(state);
    received = trigger(CEDE_EDHOC_STATIC_DH_STATIC_DH, memory);
    message = message_2(&client, received, CEDE_SPAN_ARRAY(client_id), CEDE_BUF_ARRAY(memory));
    memory[message.len - 1] ^= 1;
    client_posts(c_i, message);
    message = server_reads(c_i);
    ok(cede_edhoc_process_message_2(&server.session, &config, message,
                                    CEDE_BUF_ARRAY(server.plaintext), &server.peer));
    assert_int_equal(
        cede_edhoc_verify_message_2(&server.session, &config, &server.peer, &client.credential),
        CEDE_EDHOC_MAC);
    ok(cede_edhoc_compose_error(&config, CEDE_EDHOC_MAC, CEDE_BUF_ARRAY(memory), &message));
    server_answers(CEDE_COAP_BAD_REQUEST, message);
    assert_true(cede_edhoc_is_error(client_reads(CEDE_COAP_BAD_REQUEST)));
}

/* Whoever answers the initiator with its own message_1 gets nowhere, and neither does a message of
 * the other flow. */
static void flows_do_not_mix(void **state)
{
    uint8_t memory[256], copy[256];
    struct cede_span received = trigger(CEDE_EDHOC_STATIC_DH_STATIC_DH, memory);
    struct cede_edhoc_session before = server.session;

    (void)state;
    memcpy(copy, received.ptr, received.len);
    assert_int_not_equal(
        cede_edhoc_process_message_2(&server.session, &config, cede_span(copy, received.len),
                                     CEDE_BUF_ARRAY(server.plaintext), &server.peer),
        CEDE_OK);
    server.session = before;
    assert_int_equal(cede_edhoc_process_message_3(&server.session, &config,
                                                  cede_span(copy, received.len),
                                                  CEDE_BUF_ARRAY(server.plaintext), &server.peer),
                     CEDE_EDHOC_STATE);
    assert_memory_equal(&server.session, &before, sizeof before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(forward_flow, setup),
        cmocka_unit_test_setup(reverse_flow, setup),
        cmocka_unit_test_setup(reverse_flow_errors, setup),
        cmocka_unit_test_setup(flows_do_not_mix, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
