/* SPDX-License-Identifier: Apache-2.0 */
/*
 * register_command.c - factory certificates registered and deregistered by an operator, from
 *                      files: the rules are those of the partners' interface (registration.c), the
 *                      words are for people.
 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/ca/ca_internal.h"

/* --- certificates out of files ---------------------------------------------------------------- */

void ca_bag_wipe(struct ca_bag *bag)
{
    for (size_t i = 0; i < bag->count; i++) {
        free((void *)(uintptr_t)bag->certificates[i].ptr);
    }
    free(bag->certificates);
    memset(bag, 0, sizeof *bag);
}

/* One more of a file; the bag has a copy. */
static enum cede_status put(struct ca_bag *bag, struct cede_span certificate)
{
    size_t size = (bag->count + 1) * sizeof *bag->certificates;
    struct cede_span *grown = realloc(bag->certificates, size);
    uint8_t *copy = malloc(certificate.len);

    if (grown != NULL) {
        bag->certificates = grown;
    }
    if (grown == NULL || copy == NULL) {
        free(copy);
        return CEDE_SERVER_MEMORY;
    }
    memcpy(copy, certificate.ptr, certificate.len);
    bag->certificates[bag->count++] = cede_span(copy, certificate.len);
    return CEDE_OK;
}

/* Nothing left that begins like PEM; otherwise what was left would be passed over. */
static enum cede_status check_end(void)
{
    unsigned long error = ERR_peek_last_error();
    bool ended = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;

    ERR_clear_error();
    return ended ? CEDE_OK : ca_fail(CEDE_CA_FACTORY, "the PEM is damaged");
}

/* Certificates alone count: a key beside them is none of our business. */
static enum cede_status put_pem(struct ca_bag *bag, struct cede_span text)
{
    BIO *bio = BIO_new_mem_buf(text.ptr, (int)text.len);
    enum cede_status status = bio == NULL ? CEDE_SERVER_MEMORY : CEDE_OK;
    char *name = NULL;
    char *header = NULL;
    uint8_t *data = NULL;
    long len = 0;

    ERR_clear_error();
    while (status == CEDE_OK && PEM_read_bio(bio, &name, &header, &data, &len) == 1) {
        if (strcmp(name, PEM_STRING_X509) == 0 && len > 0) {
            status = put(bag, cede_span(data, (size_t)len));
        }
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(data, (size_t)len);
    }
    BIO_free(bio);
    return status == CEDE_OK ? check_end() : status;
}

enum cede_status ca_bag_add(struct ca_bag *bag, struct cede_span content)
{
    static const char begin[] = "-----BEGIN ";
    size_t before = bag->count;

    if (memmem(content.ptr, content.len, begin, sizeof begin - 1) != NULL) {
        CEDE_TRY(put_pem(bag, content));
    } else if (content.len > 0) {
        CEDE_TRY(put(bag, content));
    }
    return bag->count > before ? CEDE_OK : ca_fail(CEDE_CA_FACTORY, "no certificate in it");
}

/* --- why not ---------------------------------------------------------------------------------- */

/* What to do about one that registration.c does not take. */
static const char *advice(const struct ca *ca, struct cede_span encoding)
{
    struct cede_certificate view;
    struct cede_span id;

    if (cede_certificate_decode(encoding, ca->crypto, &view) != CEDE_OK || view.curve == 0 ||
        view.raw.len > CA_CERTIFICATE_MAX) {
        return "it is no X.509 (version 3) or C509 certificate with a kind of key known here; "
               "'cede inspect' tells what it is";
    }
    if (view.ext.ca) {
        return "it is a CA's (basicConstraints CA:TRUE); register the devices' own, not who "
               "issued them";
    }
    id = cede_certificate_common_name(&view);
    if (id.len == 0 || id.len > CA_DEVICE_ID_MAX || memchr(id.ptr, 0, id.len) != NULL) {
        return "its common name is the device's id and must have 1 to 32 bytes";
    }
    return ca->policy.anchors_count > 0
               ? "it is not valid now, not for signing, or from none of \"factory_anchors\" in "
                 "policy.json"
               : "";
}

static enum cede_status explain(const struct ca *ca, const struct cede_span *certificates,
                                size_t index, enum cede_status status)
{
    switch (status) {
    case CEDE_CA_FACTORY:
        return ca_fail(status, "%s", advice(ca, certificates[index]));
    case CEDE_CA_HELD:
        return ca_fail(status, "its holder must deregister ('cede ca deregister') or release it "
                               "first; a device with the same id and another key counts, too");
    default:
        return status;
    }
}

/* --- registering ------------------------------------------------------------------------------ */

/* In as many requests as the policy allows certificates in one. */
static enum cede_status register_parts(struct ca *ca, const char *account, const struct ca_bag *bag,
                                       char *uri, size_t uri_cap, size_t *bad_index)
{
    size_t max = ca->policy.batch_max;

    for (size_t at = 0; at < bag->count; at += max) {
        size_t count = bag->count - at < max ? bag->count - at : max;
        enum cede_status status = ca_register(ca, account, bag->certificates + at, count,
                                              CEDE_SPAN_NULL, uri, uri_cap, bad_index);
        *bad_index += at;
        CEDE_TRY(status);
    }
    return CEDE_OK;
}

static void name_doors(const struct ca *ca, struct ca_enrol_uris *uris)
{
    if (ca->est_address[0] != '\0') {
        snprintf(uris->est, sizeof uris->est, "https://%s/.well-known/est/%s", ca->est_address,
                 uris->token);
    }
    if (ca->coaps[0] != '\0') {
        snprintf(uris->coaps, sizeof uris->coaps, "coaps://%s/e/%s", ca->coaps, uris->token);
    }
    if (ca->coap[0] != '\0') {
        snprintf(uris->coap, sizeof uris->coap, "coap://%s/e/%s", ca->coap, uris->token);
    }
}

static enum cede_status check_account(struct ca *ca, const char *account)
{
    int64_t row = CA_NO_ROW;
    enum cede_status status = ca_records_account(ca, account, &row);

    return status == CEDE_NOT_FOUND
               ? ca_fail(status, "there is no account '%s'; 'cede ca account --name %s' makes it",
                         account, account)
               : status;
}

enum cede_status ca_register_bag(struct ca *ca, const char *account, const struct ca_bag *bag,
                                 struct ca_enrol_uris *uris, size_t *bad_index)
{
    char uri[CA_URI_MAX];
    const char *token = NULL;
    bool part = false;
    enum cede_status status = CEDE_OK;

    memset(uris, 0, sizeof *uris);
    *bad_index = bag->count;
    CEDE_TRY(check_account(ca, account));
    CEDE_TRY(ca_unit_begin(ca, &part));
    status = register_parts(ca, account, bag, uri, sizeof uri, bad_index);
    if (status != CEDE_OK) {
        status = explain(ca, bag->certificates, *bad_index, status);
    }
    CEDE_TRY(ca_unit_end(ca, part, status));
    *bad_index = bag->count;
    token = strrchr(uri, '/');
    if (token == NULL) {
        return CEDE_CA_BATCH; /* an empty bag */
    }
    snprintf(uris->token, sizeof uris->token, "%s", token + 1);
    name_doors(ca, uris);
    return CEDE_OK;
}

/* --- deregistering ---------------------------------------------------------------------------- */

static enum cede_status deregister_one(struct ca *ca, const char *account,
                                       struct cede_span encoding, size_t *deregistered)
{
    struct cede_certificate view;
    uint8_t hash[32];
    struct cede_span thumbprint = CEDE_SPAN_ARRAY(hash);
    size_t len = 0, done = 0;

    if (cede_certificate_decode(encoding, ca->crypto, &view) != CEDE_OK) {
        return ca_fail(CEDE_CA_FACTORY, "it is no certificate; 'cede inspect' tells what it is");
    }
    CEDE_TRY(cede_certificate_thumbprint(ca->crypto, CEDE_ALG_SHA_256, view.raw, hash, &len));
    CEDE_TRY(ca_deregister(ca, account, &thumbprint, 1, &done));
    *deregistered += done;
    return CEDE_OK;
}

enum cede_status ca_deregister_bag(struct ca *ca, const char *account, const struct ca_bag *bag,
                                   size_t *deregistered, size_t *bad_index)
{
    bool part = false;
    enum cede_status status = CEDE_OK;

    *deregistered = 0;
    *bad_index = bag->count;
    CEDE_TRY(check_account(ca, account));
    CEDE_TRY(ca_unit_begin(ca, &part));
    for (size_t i = 0; status == CEDE_OK && i < bag->count; i++) {
        status = deregister_one(ca, account, bag->certificates[i], deregistered);
        *bad_index = status == CEDE_OK ? bag->count : i;
    }
    return ca_unit_end(ca, part, status);
}
