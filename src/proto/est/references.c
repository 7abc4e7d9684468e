/* SPDX-License-Identifier: Apache-2.0 */
/*
 * references.c - certificates by reference (draft-ietf-ace-coap-est-oscore-11, sections 4.3.2 and
 * 4.9): COSE_CertHash, URI, and multipart-core (RFC 8710) of these.
 */
#include <string.h>

#include "cede/cose.h"
#include "cede/est.h"

/* --- reading ---------------------------------------------------------------------------------- */

static enum cede_status take_hash(struct cede_est_references *references, struct cede_span item,
                                  bool x509)
{
    struct cede_cose_cert_hash hash;

    if (references->hash.ptr != NULL) {
        return CEDE_EST_BODY;
    }
    CEDE_TRY(cede_cose_cert_hash_decode(item, &hash));
    references->hash = item;
    references->is_x509 = x509;
    return CEDE_OK;
}

static enum cede_status take_uri(struct cede_est_references *references, struct cede_span item)
{
    struct cede_reader reader = cede_reader(item);
    struct cede_span uri = cede_cbor_get_text(&reader);

    CEDE_TRY(cede_reader_finish(&reader));
    if (references->uri.ptr != NULL || uri.len == 0 || uri.len > CEDE_EST_URI_LEN_MAX) {
        return CEDE_EST_BODY;
    }
    references->uri = uri;
    return CEDE_OK;
}

static enum cede_status take(struct cede_est_references *references, uint64_t format,
                             struct cede_span body)
{
    switch (format) {
    case CEDE_EST_FORMAT_CERTHASH:
    case CEDE_EST_FORMAT_C509_CERTHASH:
        return take_hash(references, body, format == CEDE_EST_FORMAT_CERTHASH);
    case CEDE_EST_FORMAT_URI:
        return take_uri(references, body);
    case CEDE_EST_FORMAT_C509_CERT:
    case CEDE_EST_FORMAT_C509_CHAIN:
    case CEDE_EST_FORMAT_PKIX_CERT:
    case CEDE_EST_FORMAT_PKCS7_CERTS:
        if (references->certificate.ptr != NULL || body.len == 0) {
            return CEDE_EST_BODY;
        }
        references->certificate = body;
        return CEDE_OK;
    default:
        return CEDE_OK;
    }
}

/* RFC 8710, section 2: [ * (uint, bytes / null) ]. */
static enum cede_status take_multipart(struct cede_est_references *references,
                                       struct cede_span body)
{
    struct cede_reader reader = cede_reader(body);
    size_t items = cede_cbor_get_array(&reader);

    if (reader.status == CEDE_OK && (items % 2 != 0 || items > CEDE_EST_MULTIPART_MAX * 2)) {
        return CEDE_EST_BODY;
    }
    for (size_t i = 0; reader.status == CEDE_OK && i < items; i += 2) {
        uint64_t format = cede_cbor_get_uint(&reader);
        if (cede_cbor_peek_null(&reader)) { /* no representation of that format */
            cede_cbor_get_null(&reader);
            continue;
        }
        struct cede_span part = cede_cbor_get_bytes(&reader);
        CEDE_TRY(reader.status);
        CEDE_TRY(take(references, format, part));
    }
    return cede_reader_finish(&reader);
}

enum cede_status cede_est_read_references(uint32_t format, struct cede_span body,
                                          struct cede_est_references *references)
{
    struct cede_est_references found;

    memset(&found, 0, sizeof found);
    memset(references, 0, sizeof *references);
    CEDE_TRY(format == CEDE_EST_FORMAT_MULTIPART ? take_multipart(&found, body)
                                                 : take(&found, format, body));
    if (found.hash.ptr == NULL && found.uri.ptr == NULL) {
        return CEDE_EST_BODY;
    }
    *references = found;
    return CEDE_OK;
}

enum cede_status cede_est_check_reference(const struct cede_crypto *crypto,
                                          const struct cede_est_references *references,
                                          struct cede_span certificate)
{
    enum cede_status status = CEDE_EST_REFERENCE;

    if (references->hash.ptr != NULL) {
        status = cede_certificate_check_hash(crypto, references->hash, certificate);
    }
    return status == CEDE_CERTIFICATE_THUMBPRINT ? CEDE_EST_REFERENCE : status;
}

/* --- where a certificate is ------------------------------------------------------------------- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

enum cede_status cede_est_reference_path(struct cede_span hash, struct cede_buf out,
                                         struct cede_span *path)
{
    struct cede_writer writer = cede_writer(out);
    struct cede_cose_cert_hash decoded;
    uint32_t bits = 0;
    unsigned have = 0;

    *path = CEDE_SPAN_NULL;
    CEDE_TRY(cede_cose_cert_hash_decode(hash, &decoded));
    cede_write_bytes(&writer, CEDE_SPAN_TEXT("c/"));
    for (size_t i = 0; i < decoded.value.len; i++) {
        bits = bits << 8 | decoded.value.ptr[i];
        for (have += 8; have >= 6; have -= 6) {
            cede_write_u8(&writer, (uint8_t)digits[bits >> (have - 6) & 63]);
        }
    }
    if (have > 0) {
        cede_write_u8(&writer, (uint8_t)digits[bits << (6 - have) & 63]);
    }
    return cede_writer_finish(&writer, path);
}

/* 64: no digit. */
static uint32_t digit_value(uint8_t c)
{
    uint32_t value = 0;

    while (value < 64 && (uint8_t)digits[value] != c) {
        value++;
    }
    return value;
}

enum cede_status cede_est_reference_hash(struct cede_span segment, struct cede_buf out,
                                         struct cede_span *hash)
{
    struct cede_writer writer = cede_writer(out);
    uint32_t bits = 0;
    unsigned have = 0;

    *hash = CEDE_SPAN_NULL;
    for (size_t i = 0; i < segment.len; i++) {
        uint32_t value = digit_value(segment.ptr[i]);
        if (value == 64) {
            return CEDE_EST_BODY;
        }
        bits = bits << 6 | value;
        have += 6;
        if (have >= 8) {
            have -= 8;
            cede_write_u8(&writer, (uint8_t)(bits >> have));
        }
    }
    /* One spelling for each hash: what is left over are fewer than six bits, all zero. */
    if (segment.len == 0 || have >= 6 || (bits & ((1u << have) - 1)) != 0) {
        return CEDE_EST_BODY;
    }
    return cede_writer_finish(&writer, hash);
}

/* --- writing ---------------------------------------------------------------------------------- */

enum cede_status cede_est_put_hash(struct cede_writer *writer, const struct cede_crypto *crypto,
                                   struct cede_span certificate)
{
    return cede_certificate_put_hash(writer, crypto, CEDE_ALG_SHA_256_64, certificate);
}

static void put_part(struct cede_writer *writer, uint32_t format, struct cede_span part)
{
    if (part.ptr != NULL) {
        cede_cbor_put_uint(writer, format);
        cede_cbor_put_bytes(writer, part);
    }
}

void cede_est_put_multipart(struct cede_writer *writer,
                            const struct cede_est_references *references,
                            uint32_t certificate_format)
{
    size_t parts = (size_t)(references->hash.ptr != NULL) + (references->uri.ptr != NULL) +
                   (references->certificate.ptr != NULL);

    cede_cbor_put_array(writer, parts * 2);
    put_part(writer, references->is_x509 ? CEDE_EST_FORMAT_CERTHASH : CEDE_EST_FORMAT_C509_CERTHASH,
             references->hash);
    if (references->uri.ptr != NULL) {
        size_t len = references->uri.len;
        cede_cbor_put_uint(writer, CEDE_EST_FORMAT_URI);
        cede_cbor_put_bytes_head(writer, cede_cbor_head_len(len) + len);
        cede_cbor_put_text(writer, references->uri);
    }
    put_part(writer, certificate_format, references->certificate);
}
