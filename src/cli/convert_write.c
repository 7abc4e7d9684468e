/* SPDX-License-Identifier: Apache-2.0 */
/* convert_write.c - `cede convert`: what was found, as C509, DER or PEM. */
#include <openssl/pem.h>
#include <stdlib.h>

#include "cede/crypto_openssl.h"
#include "cede/pkcs7.h"
#include "cli/cli.h"
#include "cli/convert.h"

bool convert_refuse(const struct convert_object *object, const char *what, enum cede_status status)
{
    cli_fail("%s: %s: %s", object->name, what, cede_status_reason(status));
    return false;
}

static bool refuse_c509(const struct convert_object *object, enum cede_status status,
                        const char *why)
{
    if (status != CEDE_C509_NOT_EXPRESSIBLE) {
        return convert_refuse(object, "to C509", status);
    }
    cli_fail("%s: %s: %s", object->name, cede_status_reason(status),
             why != NULL ? why : "rebuilt from C509 it would have other bytes");
    return false;
}

static bool refuse_x509(const struct convert_object *object, enum cede_status status)
{
    if (status == CEDE_C509_TYPE) {
        cli_fail("%s: native C509 (type 2) is signed over its CBOR: there is no X.509 form",
                 object->name);
        return false;
    }
    return convert_refuse(object, "to X.509", status);
}

/* --- single parts, into memory.parts ---------------------------------------------------------- */

/* What is left of memory.parts behind what was written before. */
static struct cede_buf room_for_part(const struct convert_memory *memory, size_t used)
{
    return cede_buf(memory->parts.ptr + used, memory->parts.cap - used);
}

static bool certificate_to_c509(const struct convert_object *object,
                                const struct convert_part *part,
                                const struct convert_memory *memory, size_t *used,
                                struct cede_span *sequence)
{
    struct cede_c509 certificate;
    enum cede_status status;

    if (!part->der) {
        status = cede_c509_decode(part->bytes, &certificate);
        *sequence = certificate.sequence;
    } else {
        status = cede_c509_from_x509(cede_crypto_openssl(), part->bytes, memory->scratch,
                                     room_for_part(memory, *used), sequence);
        *used += sequence->len;
    }
    return status == CEDE_OK ||
           refuse_c509(object, status, convert_why_not_certificate(part->bytes));
}

static bool certificate_to_der(const struct convert_object *object, const struct convert_part *part,
                               const struct convert_memory *memory, size_t *used,
                               struct cede_span *der)
{
    enum cede_status status = CEDE_OK;

    *der = part->bytes;
    if (!part->der) {
        status = cede_c509_to_x509(cede_crypto_openssl(), part->bytes, room_for_part(memory, *used),
                                   der);
        *used += der->len;
    }
    return status == CEDE_OK || refuse_x509(object, status);
}

static bool key_to_c509(const struct convert_object *object, const struct convert_memory *memory,
                        size_t *used, struct cede_span *key)
{
    enum cede_status status = CEDE_OK;

    *key = object->key.bytes;
    if (object->key.der) {
        status = cede_c509_private_key_from_pkcs8(*key, room_for_part(memory, *used), key);
        *used += key->len;
    }
    return status == CEDE_OK ||
           refuse_c509(object, status,
                       "attributes or a public key stand beside the private key; C509PrivateKey "
                       "has \"the PrivateKey OCTET STRING value field\" alone");
}

static bool key_to_der(const struct convert_object *object, const struct convert_memory *memory,
                       size_t *used, struct cede_span *der)
{
    enum cede_status status = CEDE_OK;

    *der = object->key.bytes;
    if (!object->key.der) {
        status = cede_c509_private_key_to_pkcs8(*der, room_for_part(memory, *used), der);
        *used += der->len;
    }
    return status == CEDE_OK || convert_refuse(object, "to PKCS #8", status);
}

static bool request_to_der(const struct convert_object *object, struct cede_buf out,
                           struct cede_span *der)
{
    enum cede_status status = CEDE_OK;

    *der = object->request.bytes;
    if (!object->request.der) {
        status = cede_c509_request_to_x509(cede_crypto_openssl(), *der, out, der);
    }
    return status == CEDE_OK || refuse_x509(object, status);
}

/* --- C509 ------------------------------------------------------------------------------------- */

static bool finish(const struct convert_object *object, const struct cede_writer *writer,
                   struct cede_span *result)
{
    enum cede_status status = cede_writer_finish(writer, result);

    return status == CEDE_OK || convert_refuse(object, "writing", status);
}

static bool request_to_c509(const struct convert_object *object, struct cede_writer *writer,
                            const struct convert_memory *memory)
{
    struct cede_span request = object->request.bytes;
    enum cede_status status = CEDE_OK;

    if (object->request.der) {
        status = cede_c509_request_from_x509(cede_crypto_openssl(), request, memory->scratch,
                                             memory->parts, &request);
    }
    cede_write_bytes(writer, request);
    return status == CEDE_OK ||
           refuse_c509(object, status, convert_why_not_request(object->request.bytes));
}

/* One certificate is an array of eleven, as a file should be one item; with an envelope, and when
 * there are several, they are COSE_C509. A key with certificates is C509PEM. */
static bool put_c509(const struct convert_object *object, bool envelope, struct cede_writer *writer,
                     const struct convert_memory *memory, struct cede_span *sequences)
{
    size_t count = object->certificates_count, used = 0;
    struct cede_span key = CEDE_SPAN_NULL;

    if (object->request.bytes.ptr != NULL) {
        return request_to_c509(object, writer, memory);
    }
    for (size_t i = 0; i < count; i++) {
        if (!certificate_to_c509(object, &object->certificates[i], memory, &used, &sequences[i])) {
            return false;
        }
    }
    if (object->key.bytes.ptr != NULL && !key_to_c509(object, memory, &used, &key)) {
        return false;
    }
    if (key.ptr != NULL && (count > 0 || object->keyed)) {
        cede_c509_put_pem(writer, key, sequences, count);
    } else if (key.ptr != NULL) {
        cede_write_bytes(writer, key);
    } else if (count == 1 && !envelope) {
        cede_cbor_put_array(writer, 11);
        cede_write_bytes(writer, sequences[0]);
    } else {
        cede_c509_put_bag(writer, sequences, count);
    }
    return true;
}

static uint32_t format_of(const struct convert_object *object)
{
    if (object->request.bytes.ptr != NULL) {
        return CEDE_C509_FORMAT_REQUEST;
    }
    if (object->key.bytes.ptr != NULL) {
        return object->certificates_count > 0 || object->keyed ? CEDE_C509_FORMAT_PEM
                                                               : CEDE_C509_FORMAT_PRIVATE_KEY;
    }
    return object->certificates_count > 1 ? CEDE_C509_FORMAT_CHAIN : CEDE_C509_FORMAT_CERTIFICATE;
}

static bool to_c509(const struct convert_object *object, bool envelope,
                    const struct convert_memory *memory, struct cede_span *spans,
                    struct cede_span *result)
{
    struct cede_writer writer = cede_writer(memory->out);

    if (envelope) {
        cede_c509_put_file_head(&writer, format_of(object));
    }
    return put_c509(object, envelope, &writer, memory, spans) && finish(object, &writer, result);
}

/* --- DER -------------------------------------------------------------------------------------- */

/* Several certificates are a certs-only message (RFC 8551, section 3.8). */
static bool to_der(const struct convert_object *object, const struct convert_memory *memory,
                   struct cede_span *spans, struct cede_span *result)
{
    struct cede_writer writer = cede_writer(memory->out);
    size_t count = object->certificates_count, used = 0;
    struct cede_span der;

    if (object->key.bytes.ptr != NULL && count > 0) {
        cli_fail("%s: a private key with certificates has no form in DER; --to pem has one",
                 object->name);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!certificate_to_der(object, &object->certificates[i], memory, &used, &spans[i])) {
            return false;
        }
    }
    der = spans[0];
    if (object->request.bytes.ptr != NULL && !request_to_der(object, memory->parts, &der)) {
        return false;
    }
    if (object->key.bytes.ptr != NULL && !key_to_der(object, memory, &used, &der)) {
        return false;
    }
    if (count > 1) {
        cede_pkcs7_put_certs(&writer, spans, count);
    } else {
        cede_write_bytes(&writer, der);
    }
    return finish(object, &writer, result);
}

/* --- PEM -------------------------------------------------------------------------------------- */

static bool put_block(BIO *bio, const char *label, struct cede_span der)
{
    return PEM_write_bio(bio, label, "", der.ptr, (long)der.len) > 0;
}

/* The key first, then the certificates in their order. */
static bool put_blocks(const struct convert_object *object, const struct convert_memory *memory,
                       BIO *bio)
{
    struct cede_span der;
    size_t used = 0;

    if (object->request.bytes.ptr != NULL) {
        return request_to_der(object, memory->parts, &der) &&
               put_block(bio, PEM_STRING_X509_REQ, der);
    }
    if (object->key.bytes.ptr != NULL &&
        !(key_to_der(object, memory, &used, &der) && put_block(bio, PEM_STRING_PKCS8INF, der))) {
        return false;
    }
    for (size_t i = 0; i < object->certificates_count; i++) {
        if (!certificate_to_der(object, &object->certificates[i], memory, &used, &der) ||
            !put_block(bio, PEM_STRING_X509, der)) {
            return false;
        }
    }
    return true;
}

static bool to_pem(const struct convert_object *object, const struct convert_memory *memory,
                   struct cede_span *result)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    char *text = NULL;
    long len;
    bool good = bio != NULL && put_blocks(object, memory, bio);

    if (good) {
        len = BIO_get_mem_data(bio, &text);
        good = cede_copy(memory->out, cede_span((const uint8_t *)text, (size_t)len), result) ==
               CEDE_OK;
        good = good || convert_refuse(object, "to PEM", CEDE_NO_SPACE);
    }
    BIO_free(bio);
    return good;
}

/* --- any -------------------------------------------------------------------------------------- */

bool convert_write(const struct convert_object *object, enum convert_target target, bool envelope,
                   const struct convert_memory *memory, struct cede_span *result)
{
    struct cede_span *spans = calloc(CONVERT_CERTIFICATES_MAX, sizeof *spans);
    bool good;

    if (spans == NULL) {
        return convert_refuse(object, "memory", CEDE_NO_SPACE);
    }
    if (target == CONVERT_TO_PEM) {
        good = to_pem(object, memory, result);
    } else {
        good = target == CONVERT_TO_C509 ? to_c509(object, envelope, memory, spans, result)
                                         : to_der(object, memory, spans, result);
    }
    free(spans);
    return good;
}
