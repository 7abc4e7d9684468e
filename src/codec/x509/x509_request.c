/* SPDX-License-Identifier: Apache-2.0 */
/* x509_request.c - PKCS #10 certification requests (RFC 2986): reading, checking and writing. */
#include <string.h>

#include "cede/x509.h"
#include "codec/x509/algorithm.h"
#include "codec/x509/extensions.h"
#include "codec/x509/name.h"
#include "codec/x509/registry.h"
#include "codec/x509/x509.h"

/* DirectoryString or PKCS9String, of which these three are in use (RFC 2985, section 5.4.1). */
static void read_challenge(struct cede_reader *values, struct cede_span *text)
{
    uint8_t tag;

    *text = cede_der_get_any(values, &tag);
    if (values->status == CEDE_OK && tag != CEDE_DER_UTF8_STRING &&
        tag != CEDE_DER_PRINTABLE_STRING && tag != CEDE_DER_IA5_STRING) {
        cede_reader_fail(values, CEDE_DER_TAG);
    }
    if (values->status == CEDE_OK && x509_value_check(tag, *text) != CEDE_OK) {
        cede_reader_fail(values, CEDE_DER_VALUE);
    }
}

/* A value of an attribute that is not known: what is in it is not read, but must be DER. */
static void read_other(struct cede_reader *values)
{
    struct cede_reader value = *values;
    uint8_t tag;
    struct cede_span contents = cede_der_get_any(values, &tag);

    switch (tag) {
    case CEDE_DER_OID:
        (void)cede_der_get_oid(&value);
        break;
    case CEDE_DER_BOOLEAN:
        (void)cede_der_get_bool(&value);
        break;
    case CEDE_DER_NULL:
        value.status = contents.len == 0 ? CEDE_OK : CEDE_DER_VALUE;
        break;
    case CEDE_DER_INTEGER:
    case CEDE_DER_ENUMERATED:
        value.status = contents.len > 0 ? CEDE_OK : CEDE_DER_VALUE;
        break;
    default:
        value.status = x509_value_check(tag, contents) == CEDE_DER_VALUE ? CEDE_DER_VALUE : CEDE_OK;
        break;
    }
    cede_reader_fail(values, value.status);
}

/* Attribute ::= SEQUENCE { type, values SET }; the two that are known come once, with one value. */
static enum cede_status read_attribute(struct cede_reader *attributes,
                                       struct cede_x509_request *request)
{
    struct cede_reader inner = cede_der_enter(attributes, CEDE_DER_SEQUENCE);
    struct cede_span oid = cede_der_get_oid(&inner);
    struct cede_reader values = cede_der_enter(&inner, CEDE_DER_SET);
    const struct registry_entry *entry = registry_find_oid(&registry_cr, oid);

    CEDE_TRY(cede_reader_finish(&inner));
    if (entry != NULL && entry->value == CR_EXTENSION_REQUEST) {
        if (request->extensions.ptr != NULL) {
            return CEDE_X509_EXTENSION;
        }
        request->extensions = cede_der_get(&values, CEDE_DER_SEQUENCE);
    } else if (entry != NULL && entry->value == CR_CHALLENGE_PASSWORD) {
        if (request->challenge_password.ptr != NULL) {
            return CEDE_X509_EXTENSION;
        }
        read_challenge(&values, &request->challenge_password);
    } else {
        while (values.status == CEDE_OK && cede_reader_left(&values) > 0) {
            read_other(&values);
        }
    }
    return cede_reader_finish(&values);
}

static enum cede_status read_attributes(struct cede_span attributes,
                                        struct cede_x509_request *request)
{
    struct cede_reader reader = cede_reader(attributes);

    while (!cede_reader_at_end(&reader)) {
        CEDE_TRY(read_attribute(&reader, request));
    }
    return x509_extensions_decode(request->extensions, &request->ext);
}

/* CertificationRequestInfo (section 4.1). */
static enum cede_status read_info(struct cede_span info, struct cede_x509_request *request)
{
    struct cede_reader outer = cede_reader(info);
    struct cede_reader inner = cede_der_enter(&outer, CEDE_DER_SEQUENCE);
    struct cede_span algorithm;

    if (cede_der_get_small(&inner) != 0) {
        cede_reader_fail(&inner, CEDE_X509_VERSION);
    }
    request->subject = cede_der_get_value(&inner);
    request->public_key_info = cede_der_get_value(&inner);
    request->attributes = cede_der_get(&inner, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    CEDE_TRY(cede_reader_finish(&inner));
    CEDE_TRY(x509_name_check(request->subject));
    CEDE_TRY(x509_public_key_info_decode(request->public_key_info, &algorithm,
                                         &request->public_key_bits));
    request->curve = x509_curve(algorithm);
    return read_attributes(request->attributes, request);
}

static enum cede_status decode(struct cede_span der, struct cede_x509_request *request)
{
    struct cede_reader outer = cede_reader(der);
    struct cede_reader inner = cede_der_enter(&outer, CEDE_DER_SEQUENCE);
    const struct algorithm_entry *entry;

    request->der = der;
    request->info = cede_der_get_value(&inner);
    request->signature_algorithm = cede_der_get_value(&inner);
    request->signature_bits = cede_der_get_bits(&inner, NULL);
    CEDE_TRY(cede_reader_finish(&inner));
    CEDE_TRY(cede_reader_finish(&outer));
    request->signature_alg = cede_x509_signature_alg(request->signature_algorithm);
    if (algorithm_contents(request->signature_algorithm).ptr == NULL) {
        return CEDE_DER_TAG;
    }
    entry = signature_algorithm_find_der(algorithm_contents(request->signature_algorithm));
    request->mac_hash = entry != NULL ? signature_algorithm_mac_hash(entry->value) : 0;
    return read_info(request->info, request);
}

enum cede_status cede_x509_request_decode(struct cede_span der, struct cede_x509_request *request)
{
    struct cede_x509_request decoded;
    enum cede_status status;

    memset(&decoded, 0, sizeof decoded);
    memset(request, 0, sizeof *request);
    status = decode(der, &decoded);
    if (status == CEDE_OK) {
        *request = decoded;
    }
    return status;
}

enum cede_status cede_x509_request_public_key(const struct cede_x509_request *request,
                                              const struct cede_crypto *crypto,
                                              uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX],
                                              struct cede_public_key *key)
{
    return point_decode(crypto, request->curve, request->public_key_bits, point, key);
}

enum cede_status cede_x509_request_verify(const struct cede_x509_request *request,
                                          const struct cede_crypto *crypto)
{
    uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX];
    struct cede_public_key key;

    CEDE_TRY(cede_x509_request_public_key(request, crypto, point, &key));
    return x509_verify_bits(crypto, request->signature_alg, &key, request->info,
                            request->signature_bits);
}

static void put_challenge(struct cede_writer *writer, struct cede_span password)
{
    size_t attribute = cede_der_open(writer, CEDE_DER_SEQUENCE);
    size_t values;

    cede_der_put_oid(writer, registry_oid(registry_find(&registry_cr, CR_CHALLENGE_PASSWORD)));
    values = cede_der_open(writer, CEDE_DER_SET);
    cede_der_put(writer, CEDE_DER_UTF8_STRING, password);
    cede_der_close(writer, values);
    cede_der_close(writer, attribute);
}

void x509_put_request_info(struct cede_writer *writer, struct cede_name subject,
                           const struct cede_public_key *public_key,
                           struct cede_span challenge_password)
{
    size_t info = cede_der_open(writer, CEDE_DER_SEQUENCE);
    size_t attributes;

    cede_der_put_small(writer, 0); /* v1 */
    cede_x509_put_name(writer, subject);
    cede_x509_put_public_key(writer, public_key);
    attributes = cede_der_open(writer, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    if (challenge_password.ptr != NULL) {
        put_challenge(writer, challenge_password);
    }
    cede_der_close(writer, attributes);
    cede_der_close(writer, info);
}

enum cede_status cede_x509_request_write(const struct cede_crypto *crypto, struct cede_name subject,
                                         const struct cede_public_key *public_key,
                                         const struct cede_private_key *private_key,
                                         struct cede_span challenge_password, struct cede_buf out,
                                         struct cede_span *der)
{
    struct cede_writer writer = cede_writer(out);
    size_t request = cede_der_open(&writer, CEDE_DER_SEQUENCE);
    size_t from = writer.len;

    *der = CEDE_SPAN_NULL;
    if (out.ptr == NULL) {
        return CEDE_BAD_ARGUMENT;
    }
    x509_put_request_info(&writer, subject, public_key, challenge_password);
    CEDE_TRY(x509_append_signature(&writer, from, crypto, private_key));
    cede_der_close(&writer, request);
    return cede_writer_finish(&writer, der);
}
