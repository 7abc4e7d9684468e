/* SPDX-License-Identifier: Apache-2.0 */
/* hand_over.c - what giving and taking have in common. */
#include "server/sp/hand_over.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cede/cbor.h"
#include "server/common/courier.h"
#include "server/common/hex.h"
#include "server/common/log.h"
#include "server/common/revocation_cache.h"

/* RFC 5280, section 5.3.1: cessationOfOperation. */
#define REASON_CESSATION 5

enum cede_status hand_over_queue(struct sp *sp, const char *kind, const char *reference,
                                 const char *partner, const char *path, const char *content_type,
                                 struct cede_span body)
{
    struct courier_message message = {.kind = kind,
                                      .reference = reference,
                                      .partner = partner,
                                      .method = body.ptr != NULL ? "POST" : "GET",
                                      .path = path,
                                      .content_type = content_type,
                                      .body = body};

    CEDE_TRY(records_write(sp->store));
    return courier_queue(sp->store, &message, NULL);
}

enum cede_status hand_over_revoke(struct sp *sp, const struct device *device)
{
    char reference[RECORD_DEVICE_ID_MAX + RECORD_SERIAL_MAX + 1];
    char body[128];

    if (!device->has_operational) {
        return CEDE_OK;
    }
    CEDE_TRY(records_write(sp->store));
    CEDE_TRY(revocation_cache_add(sp->store, device->ca, device->operational_serial, sp_now()));
    snprintf(reference, sizeof reference, "%s:%s", device->id, device->operational_serial);
    snprintf(body, sizeof body, "{\"serials\":[\"%s\"],\"reason\":%d}", device->operational_serial,
             REASON_CESSATION);
    return hand_over_queue(sp, "revoke", reference, device->ca, "/v1/revocations",
                           "application/json", cede_span_string(body));
}

enum cede_status hand_over_fail(struct sp *sp, const uint8_t id[TRANSFER_ID_LEN],
                                const char *reason)
{
    struct transfer transfer;

    CEDE_TRY(records_write(sp->store));
    CEDE_TRY(records_transfer(sp->store, id, &transfer));
    snprintf(transfer.last_error, sizeof transfer.last_error, "%s", reason);
    if (transfer.state != TRANSFER_COMPLETE && transfer.state != TRANSFER_CANCELLED) {
        transfer.state = TRANSFER_FAILED;
    }
    log_error("transfer with %s failed: %s", transfer.partner, reason);
    return records_save_transfer(sp->store, &transfer, sp_now());
}

enum cede_status hand_over_cancel(struct sp *sp, const uint8_t id[TRANSFER_ID_LEN])
{
    struct transfer transfer;

    CEDE_TRY(records_write(sp->store));
    CEDE_TRY(records_transfer(sp->store, id, &transfer));
    if (transfer.state == TRANSFER_COMPLETE) {
        return CEDE_TRANSFER_STATE;
    }
    transfer.state = TRANSFER_CANCELLED;
    return records_save_transfer(sp->store, &transfer, sp_now());
}

enum cede_status hand_over_partner_key(struct sp *sp, const struct partner *partner,
                                       struct cede_certificate *certificate,
                                       struct cede_public_key *key)
{
    CEDE_TRY(cede_certificate_decode(cede_span(partner->certificate, partner->certificate_len),
                                     sp->crypto, certificate));
    *key = cede_certificate_key(certificate);
    return CEDE_OK;
}

enum cede_status hand_over_deregister(struct sp *sp, const uint8_t id[TRANSFER_ID_LEN],
                                      const char *what, const char *ca,
                                      const uint8_t (*thumbprints)[32], size_t count)
{
    char reference[2 * TRANSFER_ID_LEN + RECORD_NAME_MAX + 32];
    size_t cap = count * 34 + 16;
    uint8_t *memory = malloc(cap);
    struct cede_writer writer = cede_writer(cede_buf(memory, cap));
    struct cede_span body;
    enum cede_status status;

    if (memory == NULL) {
        return CEDE_OS_FAILED;
    }
    cede_cbor_put_array(&writer, count);
    for (size_t i = 0; i < count; i++) {
        cede_cbor_put_bytes(&writer, cede_span(thumbprints[i], 32));
    }
    hex_encode(id, TRANSFER_ID_LEN, reference);
    snprintf(reference + (size_t)2 * TRANSFER_ID_LEN, RECORD_NAME_MAX + 32, ":%s", what);
    status = cede_writer_finish(&writer, &body);
    if (status == CEDE_OK) {
        status = hand_over_queue(sp, "deregister", reference, ca, "/v1/deregistrations",
                                 "application/cbor", body);
    }
    free(memory);
    return status;
}

enum cede_status hand_over_open_receipt(struct sp *sp, const char *partner_name,
                                        enum transfer_direction direction, struct cede_span message,
                                        struct cede_receipt *receipt, struct transfer *transfer)
{
    struct cede_certificate certificate;
    struct cede_public_key key;
    struct cede_span payload;
    struct partner partner;

    CEDE_TRY(records_write(sp->store));
    CEDE_TRY(records_partner(sp->store, partner_name, &partner));
    CEDE_TRY(hand_over_partner_key(sp, &partner, &certificate, &key));
    CEDE_TRY(cede_transfer_verify(sp->crypto, &key, message, &payload));
    CEDE_TRY(cede_receipt_decode(payload, receipt));
    CEDE_TRY(records_transfer(sp->store, receipt->transfer_id.ptr, transfer));
    return transfer->direction == direction && strcmp(transfer->partner, partner.name) == 0
               ? CEDE_OK
               : CEDE_CONTRACT_PARTY;
}

/* --- contracts --------------------------------------------------------------------------------
 */

/* The contract names us and this partner, and every signature it must carry by now holds. */
static enum cede_status check_contract(struct sp *sp, const struct partner *partner,
                                       const struct contract *contract, const struct jws *jws,
                                       bool we_take)
{
    const struct contract_party *us = we_take ? &contract->to : &contract->from;
    const struct contract_party *them = we_take ? &contract->from : &contract->to;
    struct cede_span their_certificate = cede_span(partner->certificate, partner->certificate_len);

    if (strcmp(partner->role, PARTNER_SP) != 0 ||
        memcmp(us->key, sp->identity_thumbprint, 32) != 0 ||
        memcmp(them->key, partner->thumbprint, 32) != 0) {
        return CEDE_CONTRACT_PARTY;
    }
    if (!we_take) {
        CEDE_TRY(contract_verify(sp->crypto, jws, us,
                                 cede_span(sp->identity_der, sp->identity_der_len)));
    }
    return contract_verify(sp->crypto, jws, them, their_certificate);
}

/* A new contract offered to us: kept until the operator accepts. */
static enum cede_status keep_offered(struct sp *sp, const struct partner *partner,
                                     const struct contract *contract, struct cede_span jws_text,
                                     const uint8_t hash[32])
{
    struct transfer transfer = {.direction = TRANSFER_IN,
                                .state = TRANSFER_OFFERED,
                                .earliest = contract->earliest,
                                .latest = contract->latest,
                                .device_count = contract->device_count,
                                .created_at = sp_now(),
                                .changed_at = sp_now()};
    int64_t waiting = 0;

    CEDE_TRY(records_offered_count(sp->store, partner->name, &waiting));
    if (waiting >= HAND_OVER_OFFERS_MAX) {
        return CEDE_TRANSFER_OFFERS;
    }
    memcpy(transfer.id, contract->transfer_id, TRANSFER_ID_LEN);
    memcpy(transfer.partner, partner->name, sizeof transfer.partner);
    memcpy(transfer.contract_hash, hash, 32);
    CEDE_TRY(records_add_transfer(sp->store, &transfer));
    log_info("%s offers %lld devices", partner->name, (long long)contract->device_count);
    return records_save_document(sp->store, transfer.id, DOCUMENT_CONTRACT, jws_text);
}

/* A contract we know: the partner's signature may be what was missing. */
static enum cede_status keep_countersigned(struct sp *sp, struct transfer *transfer,
                                           struct cede_span jws_text)
{
    if (transfer->direction == TRANSFER_IN || transfer->state != TRANSFER_OFFERED) {
        return CEDE_OK; /* once more what we have */
    }
    CEDE_TRY(records_save_document(sp->store, transfer->id, DOCUMENT_CONTRACT, jws_text));
    transfer->state = TRANSFER_SIGNED;
    log_info("%s has signed the contract", transfer->partner);
    return records_save_transfer(sp->store, transfer, sp_now());
}

static enum cede_status on_contract(struct sp *sp, const char *partner_name, const struct jws *jws,
                                    struct cede_span jws_text)
{
    struct contract contract;
    struct transfer transfer;
    struct partner partner;
    uint8_t hash[32];
    bool we_take;
    enum cede_status status;

    CEDE_TRY(contract_decode(jws->payload, &contract));
    CEDE_TRY(cede_hash(sp->crypto, CEDE_ALG_SHA_256, jws->payload, hash));
    CEDE_TRY(records_partner(sp->store, partner_name, &partner));
    we_take = memcmp(contract.to.key, sp->identity_thumbprint, 32) == 0;
    CEDE_TRY(check_contract(sp, &partner, &contract, jws, we_take));
    CEDE_TRY(records_write(sp->store));
    status = records_transfer(sp->store, contract.transfer_id, &transfer);
    if (status == CEDE_NOT_FOUND) {
        return we_take ? keep_offered(sp, &partner, &contract, jws_text, hash) : CEDE_NOT_FOUND;
    }
    CEDE_TRY(status);
    if (memcmp(hash, transfer.contract_hash, 32) != 0 ||
        strcmp(transfer.partner, partner.name) != 0) {
        return CEDE_TRANSFER_CHANGED;
    }
    return keep_countersigned(sp, &transfer, jws_text);
}

enum cede_status hand_over_on_contract(struct sp *sp, const char *partner,
                                       struct cede_span jws_text)
{
    struct jws jws;
    enum cede_status status;

    CEDE_TRY(jws_decode(jws_text, &jws));
    status = on_contract(sp, partner, &jws, jws_text);
    jws_wipe(&jws);
    return status;
}

/* --- the device list --------------------------------------------------------------------------
 */

static enum cede_status load_batch(struct sp *sp, const uint8_t id[TRANSFER_ID_LEN], int64_t number,
                                   struct jws *jws)
{
    uint8_t *text;
    size_t len;
    enum cede_status status;

    CEDE_TRY(records_document(sp->store, id, DOCUMENT_BATCH + (int)number, &text, &len));
    status = jws_decode(cede_span(text, len), jws);
    free(text);
    return status;
}

static enum cede_status add_batches(struct sp *sp, const uint8_t id[TRANSFER_ID_LEN],
                                    EVP_MD_CTX *hash)
{
    int64_t count = 0;

    CEDE_TRY(records_batch_count(sp->store, id, &count));
    for (int64_t number = 1; number <= count; number++) {
        struct jws batch;
        bool added;

        CEDE_TRY(load_batch(sp, id, number, &batch));
        added = EVP_DigestUpdate(hash, batch.payload.ptr, batch.payload.len) == 1;
        jws_wipe(&batch);
        if (!added) {
            return CEDE_OS_FAILED;
        }
    }
    return CEDE_OK;
}

enum cede_status hand_over_batches_digest(struct sp *sp, const uint8_t id[TRANSFER_ID_LEN],
                                          uint8_t digest[32])
{
    EVP_MD_CTX *hash = EVP_MD_CTX_new(); /* the port's takes all at once: one batch is enough */
    bool ready = hash != NULL && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1;
    enum cede_status status = ready ? add_batches(sp, id, hash) : CEDE_OS_FAILED;

    if (status == CEDE_OK && EVP_DigestFinal_ex(hash, digest, NULL) != 1) {
        status = CEDE_OS_FAILED;
    }
    EVP_MD_CTX_free(hash);
    return status;
}
