/* SPDX-License-Identifier: Apache-2.0 */
/* edhoc_responder.c - credentials of both sides, and the steps of RFC 9528, sections 5.2 to 5.4. */
#include "server/common/edhoc_responder.h"

#include <stdio.h>
#include <string.h>

#include "cede/cose.h"
#include "cede/status_proof.h"
#include "cede/transfer.h"

static const int32_t known_ead_labels[] = {CEDE_EAD_CREDENTIAL_BY_VALUE, CEDE_EAD_STATUS_PROOF};

/* Methods by what the responder's key does; the initiator is free (RFC 9528, section 3.2). */
#define SIGNS                                                                                      \
    (CEDE_EDHOC_METHOD_BIT(CEDE_EDHOC_SIGNATURE_SIGNATURE) |                                       \
     CEDE_EDHOC_METHOD_BIT(CEDE_EDHOC_STATIC_DH_SIGNATURE))
#define AGREES                                                                                     \
    (CEDE_EDHOC_METHOD_BIT(CEDE_EDHOC_SIGNATURE_STATIC_DH) |                                       \
     CEDE_EDHOC_METHOD_BIT(CEDE_EDHOC_STATIC_DH_STATIC_DH))

static bool allows(const struct cede_certificate *certificate, uint16_t usage)
{
    return !certificate->ext.has_key_usage || (certificate->ext.key_usage & usage) != 0;
}

/* --- one's own credential --------------------------------------------------------------------- */

static bool is_x509(struct cede_span raw)
{
    return raw.len > 0 && raw.ptr[0] == 0x30; /* SEQUENCE; no C509 begins so */
}

/* { c5t : [-15, hash] } or { x5t : ... }. */
static enum cede_status write_reference(const struct cede_crypto *crypto, struct edhoc_own *shown,
                                        bool x509)
{
    uint8_t item[48];
    struct cede_writer hash = cede_writer(CEDE_BUF_ARRAY(item));
    struct cede_writer map = cede_writer(CEDE_BUF_ARRAY(shown->by_reference));
    struct cede_cose_params params;

    CEDE_TRY(cede_certificate_put_hash(&hash, crypto, CEDE_ALG_SHA_256_64, shown->own.cred));
    memset(&params, 0, sizeof params);
    *(x509 ? &params.x5t : &params.c5t) = cede_written(&hash);
    cede_cose_params_encode(&map, &params);
    shown->by_reference_len = map.len;
    return map.status;
}

/* { c5c : COSE_C509 } or { x5chain : COSE_X509 }. */
static enum cede_status write_value(struct edhoc_own *shown, const struct coap_door_credential *own,
                                    bool x509)
{
    struct cede_span certificates[COAP_DOOR_CHAIN_MAX];
    struct cede_writer map = cede_writer(CEDE_BUF_ARRAY(shown->by_value));

    certificates[0] = own->certificate;
    for (size_t i = 0; i < own->chain_count; i++) {
        if (is_x509(own->chain[i]) != x509) {
            return CEDE_BAD_ARGUMENT;
        }
        certificates[i + 1] = own->chain[i];
    }
    cede_cbor_put_map(&map, 1);
    cede_cbor_put_int(&map, x509 ? CEDE_COSE_LABEL_X5CHAIN : CEDE_COSE_LABEL_C5C);
    cede_c509_put_bag(&map, certificates, own->chain_count + 1);
    shown->by_value_len = map.len;
    return map.status;
}

static enum cede_status choose_suites(struct edhoc_responder *responder, int32_t curve)
{
    switch (curve) {
    case CEDE_CRV_P256:
        responder->suites[0] = &cede_edhoc_suite_2;
        responder->suites[1] = &cede_edhoc_suite_3;
        return CEDE_OK;
    case CEDE_CRV_ED25519:
        responder->suites[0] = &cede_edhoc_suite_0;
        responder->suites[1] = &cede_edhoc_suite_1;
        return CEDE_OK;
    default:
        return CEDE_CRYPTO_UNSUPPORTED;
    }
}

/* `usage`: what keyUsage must allow, if the certificate has it. */
static enum cede_status show(struct edhoc_own *shown, const struct cede_crypto *crypto,
                             const struct coap_door_credential *own, uint16_t usage)
{
    struct cede_certificate certificate;
    bool x509 = is_x509(own->certificate);

    if (own->chain_count >= COAP_DOOR_CHAIN_MAX) {
        return CEDE_BAD_ARGUMENT;
    }
    CEDE_TRY(cede_certificate_decode(own->certificate, crypto, &certificate));
    if (certificate.curve != own->key.curve || !allows(&certificate, usage)) {
        return CEDE_BAD_ARGUMENT;
    }
    shown->own.form = x509 ? CEDE_EDHOC_CRED_DER : CEDE_EDHOC_CRED_C509;
    shown->own.cred = certificate.raw;
    shown->own.key = own->key;
    CEDE_TRY(write_reference(crypto, shown, x509));
    return write_value(shown, own, x509);
}

enum cede_status edhoc_responder_init(struct edhoc_responder *responder,
                                      const struct coap_door_config *config)
{
    struct cede_edhoc_config *edhoc = &responder->edhoc;

    memset(responder, 0, sizeof *responder);
    CEDE_TRY(choose_suites(responder, config->credential.key.curve));
    edhoc->crypto = config->crypto;
    edhoc->suites = responder->suites;
    edhoc->suites_count = 2;
    edhoc->methods = SIGNS;
    edhoc->ead_labels = known_ead_labels;
    edhoc->ead_labels_count = sizeof known_ead_labels / sizeof known_ead_labels[0];
    edhoc->keep_ephemeral = config->wants_ephemeral;
    responder->callbacks = config->callbacks;
    responder->context = config->context;
    CEDE_TRY(
        show(&responder->signs, config->crypto, &config->credential, CEDE_KU_DIGITAL_SIGNATURE));
    if (cede_span_is_null(config->agreement.certificate)) {
        return CEDE_OK;
    }
    if (config->agreement.key.curve != config->credential.key.curve) {
        return CEDE_BAD_ARGUMENT; /* one list of suites for both */
    }
    edhoc->methods |= AGREES;
    return show(&responder->agrees, config->crypto, &config->agreement, CEDE_KU_KEY_AGREEMENT);
}

/* --- message_1 and message_2 ------------------------------------------------------------------ */

static bool asks_for(const struct cede_edhoc_eads *eads, int32_t label)
{
    for (size_t i = 0; i < eads->count; i++) {
        if (eads->items[i].label == label) {
            return true;
        }
    }
    return false;
}

/* EAD_2: the proof of our own status, if it was asked for and there is one. Whether to go on
 * without is the peer's to decide. */
static void add_status_proof(const struct edhoc_responder *responder,
                             const struct cede_edhoc_eads *asked, struct cede_buf memory,
                             struct cede_edhoc_eads *answer)
{
    struct cede_span proof = CEDE_SPAN_NULL;

    if (responder->callbacks.status_proof != NULL && asks_for(asked, CEDE_EAD_STATUS_PROOF) &&
        responder->callbacks.status_proof(responder->context, memory, &proof) == CEDE_OK) {
        answer->items[0].label = CEDE_EAD_STATUS_PROOF;
        answer->items[0].value = proof;
        answer->count = 1;
    }
}

enum cede_status edhoc_responder_begin(const struct edhoc_responder *responder,
                                       struct cede_span message_1, const uint8_t c_r[EDHOC_ID_LEN],
                                       struct cede_edhoc_session *session, struct cede_buf out,
                                       struct cede_span *message_2)
{
    const struct edhoc_own *shown = &responder->signs;
    struct cede_edhoc_own own;
    uint8_t proof[CEDE_STATUS_PROOF_LEN_MAX];
    struct cede_edhoc_eads eads, answer;

    cede_edhoc_init_responder(session);
    CEDE_TRY(cede_edhoc_process_message_1(session, &responder->edhoc, message_1, &eads));
    if (session->c_i.len > CEDE_OSCORE_ID_LEN_MAX) {
        cede_edhoc_wipe(session); /* cannot become an OSCORE sender id */
        return CEDE_EDHOC_CONNECTION_ID;
    }
    if ((AGREES & CEDE_EDHOC_METHOD_BIT(session->method)) != 0) {
        shown = &responder->agrees;
    }
    own = shown->own;
    own.id_cred = asks_for(&eads, CEDE_EAD_CREDENTIAL_BY_VALUE)
                      ? cede_span(shown->by_value, shown->by_value_len)
                      : cede_span(shown->by_reference, shown->by_reference_len);
    memset(&answer, 0, sizeof answer);
    if (shown == &responder->signs) { /* the proof is of this certificate, not of the other */
        add_status_proof(responder, &eads, CEDE_BUF_ARRAY(proof), &answer);
    }
    return cede_edhoc_compose_message_2(session, &responder->edhoc, cede_span(c_r, EDHOC_ID_LEN),
                                        &own, &answer, out, message_2);
}

/* --- the peer's credential -------------------------------------------------------------------- */

struct credential {
    struct cede_certificate certificates[COAP_DOOR_CHAIN_MAX];
    size_t count;
};

static enum cede_status take_value(const struct edhoc_responder *responder, struct cede_span item,
                                   struct credential *credential)
{
    struct cede_cose_certs certs = cede_cose_certs(item);
    struct cede_span raw;

    while (cede_cose_certs_next(&certs, &raw)) {
        if (credential->count == COAP_DOOR_CHAIN_MAX || raw.len > COAP_DOOR_CERTIFICATE_MAX) {
            return CEDE_NO_SPACE;
        }
        CEDE_TRY(cede_certificate_decode(raw, responder->edhoc.crypto,
                                         &credential->certificates[credential->count]));
        credential->count++;
    }
    return cede_cose_certs_finish(&certs);
}

static enum cede_status take_reference(struct edhoc_responder *responder,
                                       const struct cede_edhoc_id_cred *id_cred,
                                       struct credential *credential)
{
    struct cede_cose_cert_hash hash = {0, id_cred->value};
    enum coap_door_reference kind = COAP_DOOR_KID;
    struct cede_span raw = CEDE_SPAN_NULL;

    if (id_cred->kind != CEDE_EDHOC_ID_KID) {
        kind = id_cred->kind == CEDE_EDHOC_ID_C5T ? COAP_DOOR_C5T : COAP_DOOR_X5T;
        CEDE_TRY(cede_cose_cert_hash_decode(id_cred->value, &hash));
    }
    if (responder->callbacks.find_certificate(responder->context, kind, hash.alg, hash.value,
                                              CEDE_BUF_ARRAY(responder->certificate),
                                              &raw) != CEDE_OK) {
        return CEDE_EDHOC_UNKNOWN_CREDENTIAL;
    }
    credential->count = 1;
    return cede_certificate_decode(raw, responder->edhoc.crypto, &credential->certificates[0]);
}

static enum cede_status find_credential(struct edhoc_responder *responder,
                                        struct cede_span encoding, struct credential *credential)
{
    struct cede_edhoc_id_cred id_cred;

    CEDE_TRY(cede_edhoc_id_cred_decode(encoding, &id_cred));
    switch (id_cred.kind) {
    case CEDE_EDHOC_ID_C5C:
    case CEDE_EDHOC_ID_X5CHAIN:
        return take_value(responder, id_cred.value, credential);
    case CEDE_EDHOC_ID_C5T:
    case CEDE_EDHOC_ID_X5T:
    case CEDE_EDHOC_ID_KID:
        return take_reference(responder, &id_cred, credential);
    default:
        return CEDE_EDHOC_UNKNOWN_CREDENTIAL;
    }
}

/* --- message_3 -------------------------------------------------------------------------------- */

static enum cede_status derive_oscore(const struct edhoc_responder *responder,
                                      const struct cede_edhoc_session *session,
                                      struct cede_oscore_context *oscore)
{
    struct cede_edhoc_oscore keys;
    struct cede_oscore_params params;
    enum cede_status status = cede_edhoc_export_oscore(session, &responder->edhoc, &keys);

    memset(&params, 0, sizeof params);
    if (status == CEDE_OK) {
        params.aead_alg = keys.aead;
        params.hash_alg = keys.hash;
        params.master_secret = cede_span(keys.master_secret, keys.master_secret_len);
        params.master_salt = CEDE_SPAN_ARRAY(keys.master_salt);
        params.sender_id = cede_edhoc_connection_id_span(&keys.sender_id);
        params.recipient_id = cede_edhoc_connection_id_span(&keys.recipient_id);
        status = cede_oscore_init(oscore, responder->edhoc.crypto, &params);
    }
    cede_wipe(&keys, sizeof keys);
    return status;
}

static bool initiator_signs(const struct cede_edhoc_session *session)
{
    return session->method == CEDE_EDHOC_SIGNATURE_SIGNATURE ||
           session->method == CEDE_EDHOC_SIGNATURE_STATIC_DH;
}

static void take_name(struct edhoc_responder *responder, const struct cede_certificate *certificate)
{
    struct cede_span name = cede_certificate_common_name(certificate);

    snprintf(responder->name, sizeof responder->name, "%.*s", (int)name.len,
             (const char *)name.ptr);
}

/* Parse the identity, let the service find and judge the credential, then verify. */
static enum cede_status authenticate(struct edhoc_responder *responder,
                                     struct cede_edhoc_session *session, struct cede_span message_3,
                                     struct coap_peer *peer)
{
    struct cede_edhoc_peer sender;
    struct credential credential = {.count = 0};
    struct cede_edhoc_credential cred_i;
    const struct cede_certificate *own = &credential.certificates[0];
    size_t thumbprint_len = 0;

    CEDE_TRY(cede_edhoc_process_message_3(session, &responder->edhoc, message_3,
                                          CEDE_BUF_ARRAY(responder->plaintext), &sender));
    CEDE_TRY(find_credential(responder, sender.id_cred, &credential));
    if (credential.count == 0) {
        return CEDE_EDHOC_UNKNOWN_CREDENTIAL;
    }
    take_name(responder, own);
    if (!allows(own,
                initiator_signs(session) ? CEDE_KU_DIGITAL_SIGNATURE : CEDE_KU_KEY_AGREEMENT)) {
        return CEDE_CERTIFICATE_USAGE;
    }
    memset(peer, 0, sizeof *peer);
    CEDE_TRY(responder->callbacks.authenticate(responder->context, own, own + 1,
                                               credential.count - 1, peer));
    cred_i.form = own->format == CEDE_CERTIFICATE_X509 ? CEDE_EDHOC_CRED_DER : CEDE_EDHOC_CRED_C509;
    cred_i.cred = own->raw;
    cred_i.public_key = cede_certificate_key(own);
    CEDE_TRY(cede_edhoc_verify_message_3(session, &responder->edhoc, &sender, &cred_i));
    peer->certificate = own->raw;
    return cede_certificate_thumbprint(responder->edhoc.crypto, CEDE_ALG_SHA_256, own->raw,
                                       peer->thumbprint, &thumbprint_len);
}

static const struct cede_edhoc_suite *suite_of(const struct edhoc_responder *responder,
                                               const struct cede_edhoc_session *session)
{
    return responder->suites[0]->number == session->suite ? responder->suites[0]
                                                          : responder->suites[1];
}

/* Before message_3 is processed, for the engine wipes Y then. */
static void take_ephemeral(const struct edhoc_responder *responder,
                           const struct cede_edhoc_session *session,
                           struct edhoc_ephemeral *ephemeral)
{
    const struct cede_edhoc_suite *suite = suite_of(responder, session);

    memset(ephemeral, 0, sizeof *ephemeral);
    if (responder->edhoc.keep_ephemeral) {
        memcpy(ephemeral->scalar, session->ephemeral, sizeof ephemeral->scalar);
        ephemeral->key.curve = suite->curve;
        ephemeral->key.scalar = cede_span(ephemeral->scalar, cede_curve_private_len(suite->curve));
        ephemeral->hash_alg = suite->application_hash;
    }
}

enum cede_status edhoc_responder_end(struct edhoc_responder *responder,
                                     struct cede_edhoc_session *session, struct cede_span message_3,
                                     struct coap_peer *peer, struct cede_oscore_context *oscore,
                                     struct edhoc_ephemeral *ephemeral)
{
    enum cede_status status;

    responder->name[0] = '\0';
    if (ephemeral != NULL) {
        take_ephemeral(responder, session, ephemeral);
    }
    status = authenticate(responder, session, message_3, peer);
    if (status == CEDE_OK) {
        status = derive_oscore(responder, session, oscore);
    }
    if (status != CEDE_OK && ephemeral != NULL) {
        cede_wipe(ephemeral, sizeof *ephemeral);
    }
    cede_edhoc_wipe(session);
    return status;
}
