/* SPDX-License-Identifier: Apache-2.0 */
/* linted_key.c - commands sign with the CA's key themselves: what they sign passes the same looks
 * as at the signer's. */
#include <string.h>

#include "cede/crypto_openssl.h"
#include "cede/posix.h"
#include "server/ca/lint.h"
#include "server/ca/signer.h"

static struct cede_name own_name(const struct ca *ca)
{
    return ca == NULL ? (struct cede_name){CEDE_NAME_TEXT, CEDE_SPAN_NULL}
                      : ca->certificate.subject;
}

static enum cede_status lint_as(const struct ca_linted_key *linted, enum ca_lint_kind kind,
                                struct cede_span message, uint64_t now)
{
    const struct ca *ca = linted->ca;
    struct ca_lint_rules rules = {cede_crypto_openssl(), NULL, NULL, CEDE_SPAN_NULL};
    const char *why = NULL;
    enum cede_status status;

    if (ca != NULL) {
        rules.policy = &ca->policy;
        rules.issuer = &ca->certificate;
        rules.issuer_key_id = CEDE_SPAN_ARRAY(ca->key_id);
    }
    status = ca_lint(&rules, kind, message, now, &why);
    return status == CEDE_OK ? CEDE_OK : ca_fail(status, "%s", why);
}

static enum cede_status check(const struct ca_linted_key *linted, struct cede_span message)
{
    uint64_t now = linted->ca == NULL ? cede_wall_clock() : ca_now(linted->ca);
    struct cede_name issuer = own_name(linted->ca);

    if (linted->kind != CA_LINT_POLICY) {
        return lint_as(linted, (enum ca_lint_kind)linted->kind, message, now);
    }
    if (signer_check(SIGNER_CRL, message, issuer, now) == CEDE_OK ||
        signer_check(SIGNER_STATUS_PROOF, message, issuer, now) == CEDE_OK ||
        lint_as(linted, CA_LINT_RESPONDER, message, now) == CEDE_OK) {
        ca_forget_error();
        return CEDE_OK;
    }
    return lint_as(linted, CA_LINT_POLICY, message, now);
}

static enum cede_status sign_linted(void *context, int32_t alg, const struct cede_private_key *key,
                                    const struct cede_span *parts, size_t parts_count,
                                    uint8_t *signature, size_t *signature_len)
{
    const struct ca_linted_key *linted = context;
    const struct cede_crypto *crypto = cede_crypto_openssl();
    uint8_t memory[CA_CERTIFICATE_MAX];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
    struct cede_span message = parts_count == 1 ? parts[0] : CEDE_SPAN_NULL;

    *signature_len = 0;
    if (parts_count != 1) {
        for (size_t i = 0; i < parts_count; i++) {
            cede_write_bytes(&writer, parts[i]);
        }
        CEDE_TRY(cede_writer_finish(&writer, &message));
    }
    CEDE_TRY(check(linted, message));
    return crypto->sign(crypto->context, alg, key, &message, 1, signature, signature_len);
}

void ca_linted_key_init(struct ca_linted_key *linted, const struct ca *ca, enum ca_lint_kind kind)
{
    linted->crypto = *cede_crypto_openssl(); /* which ignores its context */
    linted->crypto.context = linted;
    linted->crypto.sign = sign_linted;
    linted->ca = ca;
    linted->kind = kind;
}
