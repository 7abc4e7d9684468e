/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.c - one request to one server, secured: EDHOC as initiator (RFC 9528, appendix A.2), the
 * first request together with message_3 (RFC 9668), further ones by OSCORE alone; or through the
 * platform's channel (channel.c) where the URI is coaps.
 *
 * Whatever arrives unprotected is a hint at most: it can make the device begin a session anew,
 * never make it believe that a server said something.
 */
#include <string.h>

#include "cede/cose.h"
#include "cede/status_proof.h"
#include "device/device_internal.h"

#define ID_CRED_LEN 1024
#define BLOCK_SZX   6
#define CHALLENGES  2 /* an Echo may have grown too old on the way */

static const struct cede_edhoc_suite *const suites[] = {&cede_edhoc_suite_2};
static const int32_t known_ead_labels[] = {CEDE_EAD_STATUS_PROOF};
static const uint8_t ballast[CEDE_STATUS_BALLAST_LEN] = {0};

#define EAD_1_LEN (3 + 3 + 1 + CEDE_STATUS_BALLAST_LEN) /* both items */

/* Which one is used follows from the two keys (RFC 9528, section 3.2). */
#define ALL_METHODS                                                                                \
    (CEDE_EDHOC_METHOD_BIT(CEDE_EDHOC_SIGNATURE_SIGNATURE) |                                       \
     CEDE_EDHOC_METHOD_BIT(CEDE_EDHOC_SIGNATURE_STATIC_DH) |                                       \
     CEDE_EDHOC_METHOD_BIT(CEDE_EDHOC_STATIC_DH_SIGNATURE) |                                       \
     CEDE_EDHOC_METHOD_BIT(CEDE_EDHOC_STATIC_DH_STATIC_DH))

static struct cede_edhoc_config edhoc_config(const struct cede_device *device)
{
    struct cede_edhoc_config config = {.crypto = device->config.crypto,
                                       .suites = suites,
                                       .suites_count = 1,
                                       .methods = ALL_METHODS,
                                       .ead_labels = known_ead_labels,
                                       .ead_labels_count = 1};
    return config;
}

const struct cede_coap_params *session_params(const struct cede_device *device)
{
    return device->config.coap != NULL ? device->config.coap : &cede_coap_default_params;
}

void session_drop(struct cede_device *device)
{
    channel_drop(device);
    cede_edhoc_wipe(&device->edhoc);
    cede_oscore_wipe(&device->oscore);
    cede_coap_exchange_cancel(&device->coap);
    device->has_oscore = false;
    device->to_send = false;
    device->ack_len = 0; /* where it belonged, nobody may be spoken to any more */
    device->exchange_state = CEDE_DEVICE_IDLE;
}

void session_fail(struct cede_device *device, enum cede_status reason)
{
    session_drop(device);
    device_failed(device, reason);
}

/* --- sending ---------------------------------------------------------------------------------- */

static enum cede_status new_message_id(struct cede_device *device)
{
    device->message_id++;
    return device->config.crypto->random(device->config.crypto->context,
                                         CEDE_BUF_ARRAY(device->token));
}

enum cede_status session_exchange(struct cede_device *device, struct cede_span datagram,
                                  enum cede_device_exchange state)
{
    cede_coap_exchange_cancel(&device->coap);
    CEDE_TRY(cede_coap_exchange_start(&device->coap, session_params(device), device->config.crypto,
                                      datagram, device->now_ms));
    device->datagram_len = datagram.len;
    device->to_send = true;
    device->exchange_state = state;
    return CEDE_OK;
}

/* C_I: one byte that is its own encoding (RFC 9528, section 3.3.2). */
static enum cede_status choose_c_i(struct cede_device *device, uint8_t *c_i)
{
    CEDE_TRY(device->config.crypto->random(device->config.crypto->context, cede_buf(c_i, 1)));
    *c_i %= 24;
    return CEDE_OK;
}

static enum cede_status compose_message_1_request(struct cede_device *device,
                                                  struct cede_span message_1, struct cede_span echo)
{
    struct cede_span datagram;

    CEDE_TRY(new_message_id(device));
    CEDE_TRY(cede_oscore_compose_edhoc_request(
        CEDE_COAP_CON, device->message_id, CEDE_SPAN_ARRAY(device->token), CEDE_SPAN_NULL, echo,
        CEDE_SPAN_NULL, message_1, CEDE_BUF_ARRAY(device->datagram), &datagram));
    return session_exchange(device, datagram, CEDE_DEVICE_WAIT_MESSAGE_2);
}

static bool is_enrolment(const struct plan *plan)
{
    return plan->role == ROLE_ENROLMENT || plan->role == ROLE_NEXT_ENROLMENT;
}

/* One's own certificate in this session. */
static enum cede_status own_certificate(const struct cede_device *device, const struct plan *plan,
                                        struct cede_certificate *certificate)
{
    return cede_certificate_decode(plan->own == OWN_FACTORY
                                       ? device->record.factory_certificate
                                       : device->record.operational_certificate,
                                   device->config.crypto, certificate);
}

static enum cede_status choose_method(const struct cede_device *device, const struct plan *plan,
                                      enum cede_edhoc_method *method)
{
    static const enum cede_edhoc_method methods[2][2] = {
        {CEDE_EDHOC_SIGNATURE_SIGNATURE, CEDE_EDHOC_SIGNATURE_STATIC_DH},
        {CEDE_EDHOC_STATIC_DH_SIGNATURE, CEDE_EDHOC_STATIC_DH_STATIC_DH}};
    struct cede_certificate own;

    CEDE_TRY(own_certificate(device, plan, &own));
    *method = methods[trust_key_agrees(&own)][is_enrolment(plan) && device->agrees];
    return CEDE_OK;
}

/* Handshakes with enrolment servers are the ones whose lengths are told. */
static void note_length(const struct plan *plan, struct cede_span message, uint32_t *len)
{
    if (is_enrolment(plan)) {
        *len = (uint32_t)message.len;
    }
}

static enum cede_status send_message_1(struct cede_device *device, const struct plan *plan)
{
    struct cede_edhoc_config config = edhoc_config(device);
    struct cede_edhoc_eads eads = {.count = 0};
    uint8_t memory[CEDE_EDHOC_MESSAGE_1_LEN(EAD_1_LEN)], c_i;
    enum cede_edhoc_method method;
    struct cede_span message_1;

    if (device->want_value || !trust_holds_server(device, plan->role)) {
        eads.items[eads.count++].label = CEDE_EAD_CREDENTIAL_BY_VALUE;
    }
    if (device->record.status_policy != CEDE_STATUS_POLICY_OFF) {
        eads.items[eads.count].value = CEDE_SPAN_ARRAY(ballast);
        eads.items[eads.count++].label = CEDE_EAD_STATUS_PROOF;
    }
    CEDE_TRY(choose_c_i(device, &c_i));
    CEDE_TRY(choose_method(device, plan, &method));
    CEDE_TRY(cede_edhoc_init_initiator(&device->edhoc, &config, method, suites[0]->number,
                                       cede_span(&c_i, 1)));
    CEDE_TRY(cede_edhoc_compose_message_1(&device->edhoc, &config, &eads, CEDE_BUF_ARRAY(memory),
                                          &message_1));
    note_length(plan, message_1, &device->stats.edhoc_message_1_len);
    return compose_message_1_request(device, message_1, CEDE_SPAN_NULL);
}

enum cede_status session_compose(struct cede_device *device, const struct plan *plan,
                                 struct cede_buf out, struct cede_span *request)
{
    struct cede_coap_encoder encoder;
    struct cede_coap_uri uri;

    CEDE_TRY(cede_coap_uri_split(plan->uri, &uri));
    CEDE_TRY(new_message_id(device));
    encoder = cede_coap_begin(out, CEDE_COAP_CON, plan->method, device->message_id,
                              CEDE_SPAN_ARRAY(device->token));
    cede_coap_put_host(&encoder, &uri);
    cede_coap_put_path(&encoder, uri.path);
    cede_coap_put_path(&encoder, plan->resource);
    if (plan->format >= 0) {
        cede_coap_put_uint(&encoder, CEDE_COAP_CONTENT_FORMAT, (uint32_t)plan->format);
    }
    if (plan->accept >= 0) {
        cede_coap_put_uint(&encoder, CEDE_COAP_ACCEPT, (uint32_t)plan->accept);
    }
    cede_coap_transfer_put(&device->transfer, cede_span(device->request, device->request_len),
                           &encoder);
    return cede_coap_finish(&encoder, request);
}

static enum cede_status protect(struct cede_device *device, const struct plan *plan,
                                struct cede_buf out, struct cede_span *datagram)
{
    uint8_t memory[CEDE_DEVICE_DATAGRAM_LEN];
    struct cede_span request;

    CEDE_TRY(session_compose(device, plan, CEDE_BUF_ARRAY(memory), &request));
    return cede_oscore_protect_request(&device->oscore, device->config.crypto, CEDE_OSCORE_PLAIN,
                                       request, &device->oscore_exchange, out, datagram);
}

static enum cede_status send_protected(struct cede_device *device, const struct plan *plan)
{
    struct cede_span datagram;

    CEDE_TRY(protect(device, plan, CEDE_BUF_ARRAY(device->datagram), &datagram));
    return session_exchange(device, datagram, CEDE_DEVICE_WAIT_RESPONSE);
}

/* In the session there is, or in a new one. */
static enum cede_status send_first(struct cede_device *device, const struct plan *plan)
{
    if (channel_is_wanted(plan->uri)) {
        return device->has_channel ? channel_send(device, plan) : channel_open(device, plan);
    }
    return device->has_oscore ? send_protected(device, plan) : send_message_1(device, plan);
}

void session_start(struct cede_device *device)
{
    struct plan plan;
    enum cede_status status = device_plan(device, &plan);

    device->challenges = 0;
    if (device->has_oscore && device->record.status_policy == CEDE_STATUS_POLICY_REQUIRE &&
        device->now_ms >= device->proven_until_ms) {
        session_drop(device); /* the server has to prove its status anew */
    }
    cede_coap_transfer_start(&device->transfer, BLOCK_SZX);
    if (status == CEDE_OK) {
        status = send_first(device, &plan);
    }
    if (status != CEDE_OK) {
        session_fail(device, status);
    }
}

/* --- message_2: who is there? ----------------------------------------------------------------- */

/* A server's chain by value. */
static enum cede_status chain_by_value(struct cede_device *device, struct cede_span item,
                                       struct cede_certificate chain[CEDE_PATH_DEPTH_MAX],
                                       size_t *chain_count)
{
    struct cede_cose_certs certs = cede_cose_certs(item);
    struct cede_span encoding;

    *chain_count = 0;
    while (cede_cose_certs_next(&certs, &encoding)) {
        if (*chain_count == CEDE_PATH_DEPTH_MAX) {
            return CEDE_CERTIFICATE_PATH_LEN;
        }
        CEDE_TRY(cede_certificate_decode(encoding, device->config.crypto, &chain[*chain_count]));
        ++*chain_count;
    }
    return cede_cose_certs_finish(&certs);
}

static enum cede_status find_chain(struct cede_device *device, struct cede_span encoding,
                                   struct cede_certificate chain[CEDE_PATH_DEPTH_MAX],
                                   size_t *chain_count)
{
    struct cede_edhoc_id_cred id_cred;

    CEDE_TRY(cede_edhoc_id_cred_decode(encoding, &id_cred));
    switch (id_cred.kind) {
    case CEDE_EDHOC_ID_C5C:
    case CEDE_EDHOC_ID_X5CHAIN:
        return chain_by_value(device, id_cred.value, chain, chain_count);
    case CEDE_EDHOC_ID_C5T:
    case CEDE_EDHOC_ID_X5T:
        *chain_count = 1;
        return trust_find(device, id_cred.value, &chain[0]);
    default:
        return CEDE_EDHOC_UNKNOWN_CREDENTIAL;
    }
}

static enum cede_edhoc_cred_form cred_form(const struct cede_certificate *certificate)
{
    return certificate->format == CEDE_CERTIFICATE_X509 ? CEDE_EDHOC_CRED_DER
                                                        : CEDE_EDHOC_CRED_C509;
}

static struct cede_span find_status_proof(const struct cede_edhoc_eads *eads)
{
    for (size_t i = 0; i < eads->count; i++) {
        if (eads->items[i].label == CEDE_EAD_STATUS_PROOF) {
            return eads->items[i].value;
        }
    }
    return CEDE_SPAN_NULL;
}

/* A key does what its certificate says, nothing else. */
static bool fits_method(const struct cede_certificate *server, uint8_t method)
{
    uint16_t usage =
        method == CEDE_EDHOC_SIGNATURE_SIGNATURE || method == CEDE_EDHOC_STATIC_DH_SIGNATURE
            ? CEDE_KU_DIGITAL_SIGNATURE
            : CEDE_KU_KEY_AGREEMENT;

    return !server->ext.has_key_usage || (server->ext.key_usage & usage) != 0;
}

static enum cede_status authenticate_server(struct cede_device *device, const struct plan *plan,
                                            struct cede_span message_2)
{
    struct cede_edhoc_config config = edhoc_config(device);
    struct cede_certificate chain[CEDE_PATH_DEPTH_MAX];
    struct cede_edhoc_credential credential;
    struct cede_edhoc_peer peer;
    size_t chain_count;

    memset(&chain[0], 0, sizeof chain[0]);
    CEDE_TRY(cede_edhoc_process_message_2(&device->edhoc, &config, message_2,
                                          CEDE_BUF_ARRAY(device->body), &peer));
    CEDE_TRY(find_chain(device, peer.id_cred, chain, &chain_count));
    CEDE_TRY(trust_judge(device, plan->role, chain, chain_count));
    if (!fits_method(&chain[0], device->edhoc.method)) {
        return CEDE_DEVICE_SERVER;
    }
    credential.form = cred_form(&chain[0]);
    credential.cred = chain[0].raw;
    credential.public_key = cede_certificate_key(&chain[0]);
    CEDE_TRY(cede_edhoc_verify_message_2(&device->edhoc, &config, &peer, &credential));
    return trust_check_status(device, plan->role, chain, chain_count,
                              find_status_proof(&peer.eads));
}

/* --- message_3 with the first request --------------------------------------------------------- */

/* ID_CRED_I: c5t or x5t, or the certificate itself. */
static enum cede_status put_id_cred(struct cede_device *device,
                                    const struct cede_certificate *certificate, bool by_value,
                                    struct cede_writer *writer)
{
    bool der = certificate->format == CEDE_CERTIFICATE_X509;

    cede_cbor_put_map(writer, 1);
    if (by_value) {
        cede_cbor_put_uint(writer, der ? CEDE_COSE_LABEL_X5CHAIN : CEDE_COSE_LABEL_C5C);
        cede_cbor_put_bytes(writer, certificate->raw);
        return writer->status;
    }
    cede_cbor_put_uint(writer, der ? CEDE_COSE_LABEL_X5T : CEDE_COSE_LABEL_C5T);
    return cede_certificate_put_hash(writer, device->config.crypto, CEDE_ALG_SHA_256_64,
                                     certificate->raw);
}

/* An update server learns the operational certificate from its first message. */
static bool send_by_value(const struct cede_device *device, const struct plan *plan)
{
    return device->by_value ||
           (plan->own == OWN_OPERATIONAL && plan->role != ROLE_ENROLMENT && !device->record.known);
}

static enum cede_status compose_message_3(struct cede_device *device, const struct plan *plan,
                                          struct cede_buf out, struct cede_span *message_3)
{
    const struct cede_device_record *record = &device->record;
    struct cede_edhoc_config config = edhoc_config(device);
    struct cede_certificate certificate;
    struct cede_edhoc_own own = {0};
    uint8_t id_cred[ID_CRED_LEN];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(id_cred));

    CEDE_TRY(own_certificate(device, plan, &certificate));
    CEDE_TRY(put_id_cred(device, &certificate, send_by_value(device, plan), &writer));
    own.id_cred = cede_written(&writer);
    own.form = cred_form(&certificate);
    own.cred = certificate.raw;
    own.key.curve = CEDE_CRV_P256;
    own.key.scalar = plan->own == OWN_FACTORY ? record->factory_key : record->operational_key;
    return cede_edhoc_compose_message_3(&device->edhoc, &config, &own, NULL, out, message_3);
}

static enum cede_status derive_oscore(struct cede_device *device)
{
    struct cede_edhoc_config config = edhoc_config(device);
    struct cede_oscore_params params = {0};
    struct cede_edhoc_oscore exported;
    enum cede_status status;

    status = cede_edhoc_export_oscore(&device->edhoc, &config, &exported);
    if (status == CEDE_OK) {
        params.aead_alg = exported.aead;
        params.hash_alg = exported.hash;
        params.master_secret = cede_span(exported.master_secret, exported.master_secret_len);
        params.master_salt = CEDE_SPAN_ARRAY(exported.master_salt);
        params.sender_id = cede_edhoc_connection_id_span(&exported.sender_id);
        params.recipient_id = cede_edhoc_connection_id_span(&exported.recipient_id);
        status = cede_oscore_init(&device->oscore, config.crypto, &params);
    }
    cede_wipe(&exported, sizeof exported);
    cede_edhoc_wipe(&device->edhoc);
    device->has_oscore = status == CEDE_OK;
    device->fresh_session = true;
    return status;
}

static enum cede_status send_combined(struct cede_device *device, const struct plan *plan)
{
    uint8_t message_memory[ID_CRED_LEN + CEDE_EDHOC_MESSAGE_3_LEN(0, 0)];
    uint8_t protected_memory[CEDE_DEVICE_DATAGRAM_LEN];
    struct cede_span message_3, protected_request, datagram;

    CEDE_TRY(compose_message_3(device, plan, CEDE_BUF_ARRAY(message_memory), &message_3));
    if (is_enrolment(plan) && plan->format >= 0) {
        CEDE_TRY(enrolment_bind(device));
    }
    CEDE_TRY(derive_oscore(device));
    CEDE_TRY(protect(device, plan, CEDE_BUF_ARRAY(protected_memory), &protected_request));
    CEDE_TRY(cede_oscore_combine(protected_request, message_3, CEDE_BUF_ARRAY(device->datagram),
                                 &datagram));
    note_length(plan, message_3, &device->stats.edhoc_message_3_len);
    return session_exchange(device, datagram, CEDE_DEVICE_WAIT_RESPONSE);
}

/* --- what arrives ----------------------------------------------------------------------------- */

/* A server that wants proof of the address first (RFC 9175): the same message_1 once more. Anyone
 * may have asked, so it is not answered without end. */
static enum cede_status answer_challenge(struct cede_device *device, struct cede_span echo)
{
    struct cede_coap_message sent;
    struct cede_span c_r, message, message_1;
    uint8_t memory[CEDE_EDHOC_MESSAGE_1_LEN(EAD_1_LEN)], echo_memory[40];

    if (device->challenges++ >= CHALLENGES) {
        return CEDE_EDHOC_STATE;
    }
    CEDE_TRY(cede_coap_decode(cede_span(device->datagram, device->datagram_len), &sent));
    CEDE_TRY(cede_oscore_split_edhoc_payload(sent.payload, &c_r, &message));
    CEDE_TRY(cede_copy(CEDE_BUF_ARRAY(memory), message, &message_1));
    CEDE_TRY(cede_copy(CEDE_BUF_ARRAY(echo_memory), echo, &echo));
    return compose_message_1_request(device, message_1, echo);
}

static void on_message_2(struct cede_device *device, const struct cede_coap_message *response)
{
    struct cede_span echo;
    struct plan plan;
    enum cede_status status;

    if (response->code == CEDE_COAP_UNAUTHORIZED &&
        cede_coap_find_option(response, CEDE_COAP_ECHO, &echo)) {
        status = answer_challenge(device, echo);
    } else if (response->code != CEDE_COAP_CHANGED || cede_edhoc_is_error(response->payload)) {
        status = CEDE_EDHOC_STATE; /* an EDHOC error, which anyone may have written */
    } else {
        status = device_plan(device, &plan);
        if (status == CEDE_OK) {
            note_length(&plan, response->payload, &device->stats.edhoc_message_2_len);
            status = authenticate_server(device, &plan, response->payload);
        }
        if (status == CEDE_OK) {
            status = send_combined(device, &plan);
        }
    }
    if (status == CEDE_EDHOC_UNKNOWN_CREDENTIAL && !device->want_value) {
        device->want_value = true;
        session_drop(device);
        session_start(device);
    } else if (status != CEDE_OK) {
        session_fail(device, status);
    }
}

static bool is_unknown_credential(struct cede_span payload)
{
    struct cede_edhoc_error error;

    return cede_edhoc_is_error(payload) && cede_edhoc_process_error(payload, &error) == CEDE_OK &&
           error.code == CEDE_EDHOC_ERROR_UNKNOWN_CREDENTIAL;
}

/* An unprotected answer to a protected request. Perhaps the server lost the context, perhaps it
 * does not know our certificate; perhaps somebody else wrote it. A new session settles it, once. */
static void on_unprotected(struct cede_device *device, const struct cede_coap_message *response)
{
    bool by_value =
        device->fresh_session && !device->by_value && is_unknown_credential(response->payload);

    if (by_value) {
        device->by_value = true;
    }
    if (by_value || !device->fresh_session) {
        session_drop(device);
        session_start(device);
        return;
    }
    session_fail(device, CEDE_OSCORE_UNPROTECTED);
}

static uint32_t option_value(const struct cede_coap_message *response, uint16_t number)
{
    struct cede_span value;
    uint32_t parsed = 0;

    return cede_coap_find_option(response, number, &value) &&
                   cede_coap_uint_value(value, &parsed) == CEDE_OK
               ? parsed
               : 0;
}

static void note_answer(struct cede_device *device, const struct cede_coap_message *response)
{
    device->answer_format = option_value(response, CEDE_COAP_CONTENT_FORMAT);
    device->answer_max_age = option_value(response, CEDE_COAP_MAX_AGE);
}

static void on_response(struct cede_device *device, struct cede_span inner)
{
    struct cede_coap_message response;
    struct cede_span body = CEDE_SPAN_NULL;
    enum cede_status status = cede_coap_decode(inner, &response);
    struct plan plan;

    device->stats.handshakes += device->fresh_session;
    device->fresh_session = false;
    if (status == CEDE_OK) {
        note_answer(device, &response);
        status = cede_coap_transfer_receive(&device->transfer,
                                            cede_span(device->request, device->request_len),
                                            &response, CEDE_BUF_ARRAY(device->body), &body);
    }
    if (status == CEDE_OK && device->transfer.done) {
        device->exchange_state = CEDE_DEVICE_IDLE;
        device_answered(device, device->transfer.code, body);
        return;
    }
    if (status == CEDE_OK) {
        status = device_plan(device, &plan);
    }
    if (status == CEDE_OK) {
        status = device->has_channel ? channel_send(device, &plan) : send_protected(device, &plan);
    }
    if (status != CEDE_OK) {
        session_fail(device, status);
    }
}

static void on_protected(struct cede_device *device, struct cede_span datagram,
                         const struct cede_coap_message *response)
{
    uint8_t memory[CEDE_DEVICE_DATAGRAM_LEN];
    struct cede_span inner;
    enum cede_status status;

    status =
        cede_oscore_unprotect_response(&device->oscore, device->config.crypto, datagram,
                                       &device->oscore_exchange, CEDE_BUF_ARRAY(memory), &inner);
    if (status == CEDE_OSCORE_UNPROTECTED) {
        on_unprotected(device, response);
    } else if (status != CEDE_OK) {
        cede_coap_exchange_resume(&device->coap);
    } else {
        on_response(device, inner);
    }
    cede_wipe(memory, sizeof memory);
}

static void take_step(struct cede_device *device, const struct cede_coap_step *step,
                      struct cede_span datagram)
{
    if (step->send.ptr != NULL) {
        memcpy(device->ack, step->send.ptr, step->send.len);
        device->ack_len = step->send.len;
    }
    switch (step->next) {
    case CEDE_COAP_WAIT:
        break;
    case CEDE_COAP_RESEND:
        device->to_send = true;
        if (channel_is_stale(device)) {
            session_drop(device);
            session_start(device);
        }
        break;
    case CEDE_COAP_FAILED:
        session_fail(device, step->reason);
        break;
    case CEDE_COAP_RESPONSE:
        device->to_send = false;
        device->stats.states[device->record.state].round_trips++;
        if (device->exchange_state == CEDE_DEVICE_WAIT_MESSAGE_2) {
            on_message_2(device, &step->response);
        } else if (device->has_channel) {
            on_response(device, datagram);
        } else {
            on_protected(device, datagram, &step->response);
        }
        break;
    }
}

void session_receive(struct cede_device *device, struct cede_span datagram)
{
    struct cede_coap_step step;

    if (datagram.len > CEDE_DEVICE_DATAGRAM_LEN) {
        return;
    }
    step = cede_coap_exchange_receive(&device->coap, datagram, device->now_ms);
    take_step(device, &step, datagram);
}

void session_timeout(struct cede_device *device)
{
    struct cede_coap_step step = cede_coap_exchange_timeout(&device->coap, device->now_ms);

    take_step(device, &step, CEDE_SPAN_NULL);
}
