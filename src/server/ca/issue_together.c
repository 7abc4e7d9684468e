/* SPDX-License-Identifier: Apache-2.0 */
/*
 * issue_together.c - certificates of one turn that are signed with one question.
 *
 * A question to the signer costs two changes of process. So a worker whose requests come in crowds
 * checks all of them first, keeps what is to be signed, and asks once. Such a certificate is
 * written twice: the first time what is to be signed is taken and no signature given, the second
 * time the signature is there; time and serial number are kept in between.
 *
 * Until then the records do not know the certificate. So whatever else changes records in the same
 * transaction has it recorded first (ca_unit_begin), as does another request for its device or its
 * key. Only other enrolments, and what is noted of refused ones, go beside it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cede/crypto_openssl.h"
#include "server/ca/ca_internal.h"
#include "server/ca/signer.h"

#define PLACES 128 /* for all doors; when they are taken, certificates are signed alone */

/* What no other request may touch meanwhile. */
struct claim {
    char device_id[CA_DEVICE_ID_MAX + 1];
    uint8_t key[32]; /* SHA-256 over the public key */
};

struct awaited {
    bool taken, done;
    enum cede_status status; /* once it is done */
    uint32_t accept;
    const char *authorised_by;
    uint64_t now;
    struct ca_checked_request checked; /* the bytes it was decoded from are gone */
    struct ca_certificate_record record;
    int32_t alg;
    uint8_t tbs[CA_CERTIFICATE_MAX];
    size_t tbs_len;
    const struct signer_job *job; /* while its signature is put in */
};

struct ca_awaiting {
    struct signer_client *signer;
    uint8_t free[PLACES];
    size_t free_count;
    uint8_t waiting[PLACES]; /* in the order of their requests */
    size_t waiting_count;
    struct claim claims[PLACES];
    struct awaited awaited[PLACES];
};

enum cede_status ca_sign_together(struct ca *ca, struct signer_client *signer)
{
    struct ca_awaiting *awaiting = calloc(1, sizeof *awaiting);

    if (awaiting == NULL) {
        return CEDE_SERVER_MEMORY;
    }
    awaiting->signer = signer;
    while (awaiting->free_count < PLACES) {
        awaiting->free[awaiting->free_count] = (uint8_t)(PLACES - 1 - awaiting->free_count);
        awaiting->free_count++;
    }
    free(ca->awaiting);
    ca->awaiting = awaiting;
    return CEDE_OK;
}

bool ca_can_await(const struct ca *ca, const struct ca_enrolment *enrolment)
{
    return enrolment->may_wait && ca->awaiting != NULL && ca->awaiting->free_count > 0 &&
           store_in_transaction(ca->store);
}

bool ca_awaits(const struct ca *ca, const char *device_id, const uint8_t key[32])
{
    for (size_t i = 0; ca->awaiting != NULL && i < ca->awaiting->waiting_count; i++) {
        const struct claim *claim = &ca->awaiting->claims[ca->awaiting->waiting[i]];
        if (strcmp(claim->device_id, device_id) == 0 ||
            memcmp(claim->key, key, sizeof claim->key) == 0) {
            return true;
        }
    }
    return false;
}

/* --- written twice ---------------------------------------------------------------------------- */

typedef enum cede_status (*sign_fn)(void *context, int32_t alg, const struct cede_private_key *key,
                                    const struct cede_span *parts, size_t parts_count,
                                    uint8_t *signature, size_t *signature_len);

/* The first time: signs nothing. */
static enum cede_status keep_tbs(void *context, int32_t alg, const struct cede_private_key *key,
                                 const struct cede_span *parts, size_t parts_count,
                                 uint8_t *signature, size_t *signature_len)
{
    struct awaited *awaited = context;
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(awaited->tbs));

    (void)key;
    (void)signature;
    *signature_len = 0;
    for (size_t i = 0; i < parts_count; i++) {
        cede_write_bytes(&writer, parts[i]);
    }
    CEDE_TRY(writer.status);
    awaited->alg = alg;
    awaited->tbs_len = writer.len;
    return CEDE_CRYPTO_FAILED;
}

/* The second time: what was signed must be what is written. */
static enum cede_status give_signature(void *context, int32_t alg,
                                       const struct cede_private_key *key,
                                       const struct cede_span *parts, size_t parts_count,
                                       uint8_t *signature, size_t *signature_len)
{
    const struct awaited *awaited = context;
    struct cede_reader signed_bytes = cede_reader(cede_span(awaited->tbs, awaited->tbs_len));

    (void)key;
    *signature_len = 0;
    for (size_t i = 0; i < parts_count; i++) {
        if (!cede_span_equal(cede_read_bytes(&signed_bytes, parts[i].len), parts[i])) {
            return CEDE_CRYPTO_FAILED;
        }
    }
    if (alg != awaited->alg || cede_reader_finish(&signed_bytes) != CEDE_OK) {
        return CEDE_CRYPTO_FAILED;
    }
    memcpy(signature, awaited->job->signature, awaited->job->signature_len);
    *signature_len = awaited->job->signature_len;
    return CEDE_OK;
}

static enum cede_status write_with(struct ca *ca, struct awaited *awaited, sign_fn sign)
{
    struct cede_crypto crypto = *cede_crypto_openssl(); /* which ignores its context */

    crypto.context = awaited;
    crypto.sign = sign;
    return ca_write_certificate(ca, &crypto, &awaited->checked, awaited->now, &awaited->record);
}

/* --- from request to answer ------------------------------------------------------------------- */

enum cede_status ca_await(struct ca *ca, const struct ca_enrolment *enrolment,
                          const struct ca_checked_request *checked, const char *authorised_by,
                          const struct ca_certificate_record *record, struct ca_answer *answer)
{
    struct ca_awaiting *awaiting = ca->awaiting;
    uint8_t place = awaiting->free[awaiting->free_count - 1];
    struct awaited *awaited = &awaiting->awaited[place];
    struct claim *claim = &awaiting->claims[place];
    enum cede_status status = CEDE_OK;

    awaited->done = false;
    awaited->accept = enrolment->accept;
    awaited->authorised_by = authorised_by;
    awaited->now = ca_now(ca);
    awaited->checked = *checked;
    awaited->record.profile = record->profile;
    awaited->record.account = record->account;
    awaited->record.factory = record->factory;
    memcpy(awaited->record.subject, checked->subject, sizeof awaited->record.subject);
    memcpy(awaited->record.key, checked->key, sizeof awaited->record.key);
    awaited->tbs_len = 0;
    CEDE_TRY(ca_make_serial(ca, &awaited->record));
    status = write_with(ca, awaited, keep_tbs);
    if (awaited->tbs_len == 0) {
        return status;
    }
    snprintf(claim->device_id, sizeof claim->device_id, "%s", enrolment->peer->device_id);
    memcpy(claim->key, checked->key, sizeof claim->key);
    awaited->taken = true;
    awaiting->free_count--;
    awaiting->waiting[awaiting->waiting_count++] = place;
    answer->ticket = place + 1u;
    return CEDE_OK;
}

static void free_place(struct ca_awaiting *awaiting, unsigned ticket)
{
    awaiting->awaited[ticket - 1].taken = false;
    awaiting->free[awaiting->free_count++] = (uint8_t)(ticket - 1);
}

void ca_await_no_more(struct ca *ca, struct ca_answer *answer)
{
    ca->awaiting->waiting_count--;
    free_place(ca->awaiting, answer->ticket);
    answer->ticket = 0;
}

/* A serial number that is taken means: once more, with another one, alone. */
static enum cede_status record(struct ca *ca, struct awaited *awaited, const struct signer_job *job)
{
    enum cede_status status = job->status;

    awaited->job = job;
    if (status == CEDE_OK) {
        status = write_with(ca, awaited, give_signature);
    }
    if (status == CEDE_OK) {
        status = ca_record_certificate(ca, awaited->authorised_by, &awaited->record);
    }
    return status == CEDE_STORE_CONFLICT
               ? ca_issue_checked(ca, &awaited->checked, awaited->authorised_by, &awaited->record)
               : status;
}

static void sign_some(struct ca *ca, const uint8_t *places, size_t count)
{
    struct ca_awaiting *awaiting = ca->awaiting;
    struct signer_job jobs[SIGNER_MANY_MAX];

    for (size_t i = 0; i < count; i++) {
        const struct awaited *awaited = &awaiting->awaited[places[i]];
        jobs[i].message = cede_span(awaited->tbs, awaited->tbs_len);
        jobs[i].signature_len = 0;
    }
    /* One key: one algorithm. */
    signer_sign_all(awaiting->signer, awaiting->awaited[places[0]].alg, jobs, count);
    for (size_t i = 0; i < count; i++) {
        struct awaited *awaited = &awaiting->awaited[places[i]];
        awaited->status = record(ca, awaited, &jobs[i]);
        awaited->done = true;
    }
}

/* Their transaction is gone, and what they were checked against with it. */
static void give_up(struct ca_awaiting *awaiting)
{
    for (size_t i = 0; i < awaiting->waiting_count; i++) {
        struct awaited *awaited = &awaiting->awaited[awaiting->waiting[i]];
        awaited->status = CEDE_STORE_FAILED;
        awaited->done = true;
    }
    awaiting->waiting_count = 0;
}

void ca_sign_awaited(struct ca *ca)
{
    struct ca_awaiting *awaiting = ca->awaiting;

    if (awaiting == NULL || awaiting->waiting_count == 0) {
        return;
    }
    if (!store_in_transaction(ca->store)) {
        give_up(awaiting);
    }
    for (size_t at = 0; at < awaiting->waiting_count; at += SIGNER_MANY_MAX) {
        size_t left = awaiting->waiting_count - at;
        sign_some(ca, awaiting->waiting + at, left < SIGNER_MANY_MAX ? left : SIGNER_MANY_MAX);
    }
    awaiting->waiting_count = 0;
}

enum cede_status ca_enrolled(struct ca *ca, unsigned ticket, struct cede_buf out,
                             struct ca_answer *answer)
{
    struct ca_awaiting *awaiting = ca->awaiting;
    struct ca_enrolment enrolment;
    struct awaited *awaited = NULL;

    memset(answer, 0, sizeof *answer);
    if (awaiting == NULL || ticket == 0 || ticket > PLACES ||
        !awaiting->awaited[ticket - 1].taken) {
        return CEDE_BAD_ARGUMENT;
    }
    ca_sign_awaited(ca); /* too late for that, should it still wait */
    awaited = &awaiting->awaited[ticket - 1];
    free_place(awaiting, ticket);
    CEDE_TRY(awaited->status);
    memset(&enrolment, 0, sizeof enrolment);
    enrolment.accept = awaited->accept;
    return ca_answer_certificate(
        ca, &enrolment, cede_span(awaited->record.raw, awaited->record.raw_len),
        awaited->checked.request.format == CEDE_CERTIFICATE_X509, out, answer);
}
