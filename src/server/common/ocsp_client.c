/* SPDX-License-Identifier: Apache-2.0 */
/* ocsp_client.c - OpenSSL's OCSP, for one certificate at a time. */
#include "server/common/ocsp_client.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509_vfy.h>

#include "cede/status_proof.h"

/* The certificate in question, as CertIDs name it, and whose word counts. */
struct subject {
    X509 *issuer;
    OCSP_CERTID *id;
};

static void subject_free(struct subject *subject)
{
    OCSP_CERTID_free(subject->id);
    X509_free(subject->issuer);
}

/* SHA-1 is what all responders know (RFC 5019, section 2.1.1); it only tells certificates apart. */
static enum cede_status subject_make(struct cede_span issuer, struct cede_span serial,
                                     struct subject *subject)
{
    const unsigned char *at = issuer.ptr;
    BIGNUM *number = BN_bin2bn(serial.ptr, (int)serial.len, NULL);
    ASN1_INTEGER *integer = number == NULL ? NULL : BN_to_ASN1_INTEGER(number, NULL);

    subject->id = NULL;
    subject->issuer = d2i_X509(NULL, &at, (long)issuer.len);
    if (subject->issuer != NULL && integer != NULL) {
        subject->id = OCSP_cert_id_new(EVP_sha1(), X509_get_subject_name(subject->issuer),
                                       X509_get0_pubkey_bitstr(subject->issuer), integer);
    }
    ASN1_INTEGER_free(integer);
    BN_free(number);
    if (subject->id == NULL) {
        subject_free(subject);
        ERR_clear_error();
        return CEDE_BAD_ARGUMENT;
    }
    return CEDE_OK;
}

enum cede_status ocsp_client_request(struct cede_span issuer, struct cede_span serial,
                                     struct cede_buf out, struct cede_span *request)
{
    struct subject subject;
    OCSP_REQUEST *made = NULL;
    unsigned char *at = out.ptr;
    enum cede_status status = CEDE_SERVER_MEMORY;

    CEDE_TRY(subject_make(issuer, serial, &subject));
    made = OCSP_REQUEST_new();
    if (made != NULL && OCSP_request_add0_id(made, subject.id) != NULL) {
        int len = i2d_OCSP_REQUEST(made, NULL);

        subject.id = NULL; /* the request has it */
        status = CEDE_NO_SPACE;
        if (len > 0 && (size_t)len <= out.cap) {
            *request = cede_span(out.ptr, (size_t)i2d_OCSP_REQUEST(made, &at));
            status = CEDE_OK;
        }
    }
    OCSP_REQUEST_free(made);
    subject_free(&subject);
    return status;
}

static enum cede_status note_signer(OCSP_BASICRESP *basic, X509 *issuer, STACK_OF(X509) * others,
                                    struct ocsp_word *word)
{
    const ASN1_INTEGER *serial;
    X509 *signer = NULL;

    word->signer_len = 0;
    if (OCSP_resp_get0_signer(basic, &signer, others) != 1) {
        return CEDE_OCSP_SIGNER;
    }
    if (X509_cmp(signer, issuer) == 0) {
        return CEDE_OK;
    }
    serial = X509_get0_serialNumber(signer);
    if (ASN1_STRING_length(serial) < 1 || ASN1_STRING_length(serial) > CEDE_SERIAL_LEN_MAX) {
        return CEDE_OCSP_SIGNER;
    }
    word->signer_len = (size_t)ASN1_STRING_length(serial);
    memcpy(word->signer, ASN1_STRING_get0_data(serial), word->signer_len);
    return CEDE_OK;
}

/* By the CA itself, whose certificate need not come along, or by one it has certified for it; no
 * other authority counts. */
static enum cede_status check_signer(OCSP_BASICRESP *basic, X509 *issuer, uint64_t now,
                                     struct ocsp_word *word)
{
    X509_STORE *store = X509_STORE_new();
    X509_VERIFY_PARAM *param = store == NULL ? NULL : X509_STORE_get0_param(store);
    STACK_OF(X509) *others = sk_X509_new_null();
    enum cede_status status = CEDE_SERVER_MEMORY;

    if (param != NULL && X509_STORE_add_cert(store, issuer) == 1 && others != NULL &&
        sk_X509_push(others, issuer) > 0) {
        X509_VERIFY_PARAM_set_time(param, (time_t)now);
        (void)X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
        status = OCSP_basic_verify(basic, others, store, 0) == 1
                     ? note_signer(basic, issuer, others, word)
                     : CEDE_OCSP_SIGNER;
    }
    sk_X509_free(others);
    X509_STORE_free(store);
    return status;
}

static enum cede_status to_time(const ASN1_GENERALIZEDTIME *time, uint64_t *seconds)
{
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int days = 0, rest = 0;
    bool told = epoch != NULL && time != NULL && ASN1_TIME_diff(&days, &rest, epoch, time) == 1 &&
                days >= 0 && rest >= 0;

    ASN1_TIME_free(epoch);
    *seconds = told ? (uint64_t)days * 86400 + (uint64_t)rest : 0;
    return told ? CEDE_OK : CEDE_OCSP_MALFORMED;
}

static enum cede_status read_single(OCSP_BASICRESP *basic, OCSP_CERTID *id, uint64_t now,
                                    struct ocsp_word *word)
{
    ASN1_GENERALIZEDTIME *revoked_at = NULL, *this_update = NULL, *next_update = NULL;
    OCSP_SINGLERESP *single = OCSP_resp_get0(basic, OCSP_resp_find(basic, id, -1));
    struct ocsp_word read = *word;
    int said = 0;

    if (single == NULL) {
        return CEDE_OCSP_OTHER;
    }
    /* "Unrecognized extensions MUST be ignored (unless they have the critical flag set ...)"
     * (RFC 6960, section 4.4). */
    if (OCSP_BASICRESP_get_ext_by_critical(basic, 1, -1) >= 0 ||
        OCSP_SINGLERESP_get_ext_by_critical(single, 1, -1) >= 0) {
        return CEDE_X509_EXTENSION;
    }
    said = OCSP_single_get0_status(single, NULL, &revoked_at, &this_update, &next_update);
    CEDE_TRY(to_time(this_update, &read.this_update));
    CEDE_TRY(to_time(next_update, &read.next_update));
    if (read.this_update > now + CEDE_STATUS_SKEW || read.next_update < now) {
        return CEDE_REVOCATION_STALE;
    }
    if (said == V_OCSP_CERTSTATUS_GOOD) {
        read.status = OCSP_GOOD;
    } else if (said == V_OCSP_CERTSTATUS_REVOKED) {
        read.status = OCSP_REVOKED;
        CEDE_TRY(to_time(revoked_at, &read.revoked_at));
    }
    *word = read;
    return CEDE_OK;
}

static enum cede_status take(OCSP_RESPONSE *response, const struct subject *subject, uint64_t now,
                             struct ocsp_word *word)
{
    OCSP_BASICRESP *basic = NULL;
    struct ocsp_word read = {.status = OCSP_UNKNOWN};
    enum cede_status status = CEDE_OK;

    if (OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
        return CEDE_OCSP_REFUSED;
    }
    basic = OCSP_response_get1_basic(response);
    if (basic == NULL) {
        return CEDE_OCSP_MALFORMED;
    }
    status = check_signer(basic, subject->issuer, now, &read);
    if (status == CEDE_OK) {
        status = read_single(basic, subject->id, now, &read);
    }
    if (status == CEDE_OK) {
        *word = read;
    }
    OCSP_BASICRESP_free(basic);
    return status;
}

enum cede_status ocsp_client_take(struct cede_span response, struct cede_span issuer,
                                  struct cede_span serial, uint64_t now, struct ocsp_word *word)
{
    const unsigned char *at = response.ptr;
    OCSP_RESPONSE *decoded = d2i_OCSP_RESPONSE(NULL, &at, (long)response.len);
    struct subject subject;
    enum cede_status status = CEDE_OCSP_MALFORMED;

    if (decoded != NULL && at == response.ptr + response.len) {
        status = subject_make(issuer, serial, &subject);
        if (status == CEDE_OK) {
            status = take(decoded, &subject, now, word);
            subject_free(&subject);
        }
    }
    OCSP_RESPONSE_free(decoded);
    ERR_clear_error(); /* what OpenSSL has noted of a refusal is nobody else's */
    return status;
}
