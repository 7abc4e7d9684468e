/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signer_check.c - is this what the CA's key is for? One look at each kind of object, before its
 * bytes are signed. Who decides what a certificate may say stays the worker; what kind of thing is
 * signed does not.
 */
#include <string.h>

#include "cede/cbor.h"
#include "cede/der.h"
#include "cede/status_proof.h"
#include "server/ca/signer.h"
#include "server/common/crl.h"

#define CRL_LIFE_MAX                                                                               \
    31536000u /* a year: a CRL that holds for ever would hide what comes after it */

static bool is_issuer(struct cede_name expected, enum cede_name_form form, struct cede_span name)
{
    return expected.value.ptr == NULL || cede_name_equal(expected, (struct cede_name){form, name});
}

/* TBSCertificate (RFC 5280, section 4.1): version 3, serial number, algorithm, issuer. */
static bool is_x509(struct cede_span message, struct cede_name issuer)
{
    struct cede_reader whole = cede_reader(message);
    struct cede_reader tbs = cede_der_enter(&whole, CEDE_DER_SEQUENCE);
    struct cede_reader version = cede_der_enter(&tbs, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    struct cede_span name;

    if (cede_der_get_small(&version) != 2 || cede_reader_finish(&version) != CEDE_OK) {
        return false;
    }
    (void)cede_der_get_unsigned(&tbs);
    (void)cede_der_get(&tbs, CEDE_DER_SEQUENCE);
    name = cede_der_get_value(&tbs);
    return tbs.status == CEDE_OK && cede_reader_finish(&whole) == CEDE_OK &&
           is_issuer(issuer, CEDE_NAME_DER, name);
}

/* The same items of a native C509 certificate, a CBOR sequence that begins with its type. */
static bool is_c509(struct cede_span message, struct cede_name issuer)
{
    struct cede_reader reader = cede_reader(message);
    struct cede_span name;

    if (cede_cbor_get_uint(&reader) != CEDE_C509_NATIVE) {
        return false;
    }
    (void)cede_cbor_get_bytes(&reader);
    (void)cede_cbor_get_item(&reader); /* issuerSignatureAlgorithm */
    name = cede_cbor_get_item(&reader);
    return reader.status == CEDE_OK && is_issuer(issuer, CEDE_NAME_C509, name);
}

static bool is_crl(struct cede_span message, struct cede_name issuer, uint64_t now)
{
    struct crl_view crl;

    return crl_decode_tbs(message, &crl) == CEDE_OK &&
           is_issuer(issuer, CEDE_NAME_DER, crl.issuer) &&
           crl.this_update <= now + CEDE_STATUS_SKEW && crl.next_update > crl.this_update &&
           crl.next_update - crl.this_update <= CRL_LIFE_MAX;
}

/* What status_proof.c signs: [ "Signature1", protected, context and hash, payload ]. */
static bool is_status_proof(struct cede_span message, uint64_t now)
{
    struct cede_reader reader = cede_reader(message);
    struct cede_span context = CEDE_SPAN_TEXT(CEDE_STATUS_CONTEXT);
    struct cede_span text, aad;
    struct cede_reader payload;
    uint64_t status, this_update, lifetime;

    cede_cbor_expect_array(&reader, 4);
    text = cede_cbor_get_text(&reader);
    (void)cede_cbor_get_bytes(&reader);
    aad = cede_cbor_get_bytes(&reader);
    payload = cede_reader(cede_cbor_get_bytes(&reader));
    if (cede_reader_finish(&reader) != CEDE_OK ||
        !cede_span_equal(text, CEDE_SPAN_TEXT("Signature1")) ||
        aad.len != context.len + CEDE_SHA256_LEN ||
        !cede_span_equal(cede_span(aad.ptr, context.len), context)) {
        return false;
    }
    (void)cede_cbor_get_bytes(&payload);
    status = cede_cbor_get_uint(&payload);
    this_update = cede_cbor_get_uint(&payload);
    lifetime = cede_cbor_get_uint(&payload);
    return cede_reader_finish(&payload) == CEDE_OK && status <= 1 &&
           this_update <= now + CEDE_STATUS_SKEW && lifetime <= CEDE_STATUS_LIFETIME_MAX;
}

enum cede_status signer_check(enum signer_kind kind, struct cede_span message,
                              struct cede_name issuer, uint64_t now)
{
    bool held = false;

    switch (kind) {
    case SIGNER_CERTIFICATE:
        held = message.len > 0 && message.ptr[0] == CEDE_DER_SEQUENCE ? is_x509(message, issuer)
                                                                      : is_c509(message, issuer);
        break;
    case SIGNER_CRL:
        held = is_crl(message, issuer, now);
        break;
    case SIGNER_STATUS_PROOF:
        held = is_status_proof(message, now);
        break;
    case SIGNER_CERTIFICATES: /* each of them is looked at by itself */
        break;
    }
    return held ? CEDE_OK : CEDE_SIGNER_REFUSED;
}
