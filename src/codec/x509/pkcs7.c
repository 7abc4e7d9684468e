/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkcs7.c - certs-only messages (RFC 5652, section 5.1):
 *
 *     ContentInfo ::= SEQUENCE { id-signedData, [0] EXPLICIT SignedData }
 *     SignedData  ::= SEQUENCE { version, digestAlgorithms SET, { id-data }, [0] certificates,
 *                                [1] crls OPTIONAL, signerInfos SET }
 *
 * Signers and their digests are what such a message does without (RFC 8551, section 3.8).
 */
#include "cede/pkcs7.h"

#define VERSION_1 1
#define VERSION_3 3 /* other certificates or CRLs inside (RFC 5652, section 5.1) */

/* 1.2.840.113549.1.7.2 and .1 */
static const uint8_t id_signed_data[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02};
static const uint8_t id_data[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01};

bool cede_pkcs7_is(struct cede_span der)
{
    struct cede_reader outer = cede_reader(der);
    struct cede_reader inner = cede_der_enter(&outer, CEDE_DER_SEQUENCE);

    return cede_der_peek(&inner) == CEDE_DER_OID;
}

static void expect_oid(struct cede_reader *reader, struct cede_span oid)
{
    struct cede_span found = cede_der_get(reader, CEDE_DER_OID);

    if (reader->status == CEDE_OK && !cede_span_equal(found, oid)) {
        cede_reader_fail(reader, CEDE_DER_VALUE);
    }
}

static void expect_empty_set(struct cede_reader *reader)
{
    struct cede_span contents = cede_der_get(reader, CEDE_DER_SET);

    if (reader->status == CEDE_OK && contents.len > 0) {
        cede_reader_fail(reader, CEDE_DER_VALUE);
    }
}

/* EncapsulatedContentInfo without eContent. */
static void expect_no_content(struct cede_reader *reader)
{
    struct cede_reader inner = cede_der_enter(reader, CEDE_DER_SEQUENCE);

    expect_oid(&inner, CEDE_SPAN_ARRAY(id_data));
    cede_reader_fail(reader, cede_reader_finish(&inner));
}

/* X.509 certificates only, no attribute certificates. */
static enum cede_status check_certificates(struct cede_span certificates)
{
    struct cede_reader reader = cede_reader(certificates);

    while (reader.status == CEDE_OK && !cede_reader_at_end(&reader)) {
        (void)cede_der_get(&reader, CEDE_DER_SEQUENCE);
    }
    return reader.status;
}

static enum cede_status read_signed_data(struct cede_reader *reader, struct cede_span *certificates)
{
    struct cede_reader inner = cede_der_enter(reader, CEDE_DER_SEQUENCE);
    uint32_t version = cede_der_get_small(&inner);

    if (inner.status == CEDE_OK && version != VERSION_1 && version != VERSION_3) {
        return CEDE_DER_VALUE;
    }
    expect_empty_set(&inner); /* digestAlgorithms */
    expect_no_content(&inner);
    *certificates = CEDE_SPAN_TEXT("");
    if (cede_der_peek(&inner) == CEDE_DER_CONTEXT_CONSTRUCTED(0)) {
        *certificates = cede_der_get(&inner, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    }
    if (cede_der_peek(&inner) == CEDE_DER_CONTEXT_CONSTRUCTED(1)) {
        (void)cede_der_get(&inner, CEDE_DER_CONTEXT_CONSTRUCTED(1)); /* crls */
    }
    expect_empty_set(&inner); /* signerInfos */
    CEDE_TRY(cede_reader_finish(&inner));
    return check_certificates(*certificates);
}

enum cede_status cede_pkcs7_open(struct cede_span der, struct cede_pkcs7 *pkcs7)
{
    struct cede_reader outer = cede_reader(der);
    struct cede_reader content_info = cede_der_enter(&outer, CEDE_DER_SEQUENCE);
    struct cede_reader explicit_content;
    struct cede_span certificates;

    pkcs7->certificates = cede_reader(CEDE_SPAN_TEXT(""));
    expect_oid(&content_info, CEDE_SPAN_ARRAY(id_signed_data));
    explicit_content = cede_der_enter(&content_info, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    CEDE_TRY(explicit_content.status);
    CEDE_TRY(read_signed_data(&explicit_content, &certificates));
    CEDE_TRY(cede_reader_finish(&explicit_content));
    CEDE_TRY(cede_reader_finish(&content_info));
    CEDE_TRY(cede_reader_finish(&outer));
    pkcs7->certificates = cede_reader(certificates);
    return CEDE_OK;
}

bool cede_pkcs7_next(struct cede_pkcs7 *pkcs7, struct cede_span *certificate)
{
    *certificate = CEDE_SPAN_NULL;
    if (cede_reader_at_end(&pkcs7->certificates)) {
        return false;
    }
    *certificate = cede_der_get_value(&pkcs7->certificates);
    return pkcs7->certificates.status == CEDE_OK;
}

void cede_pkcs7_put_certs(struct cede_writer *writer, const struct cede_span *certificates,
                          size_t certificates_count)
{
    size_t content_info = cede_der_open(writer, CEDE_DER_SEQUENCE);
    size_t explicit_content, signed_data, encapsulated, set;

    cede_der_put_oid(writer, CEDE_SPAN_ARRAY(id_signed_data));
    explicit_content = cede_der_open(writer, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    signed_data = cede_der_open(writer, CEDE_DER_SEQUENCE);
    cede_der_put_small(writer, VERSION_1);
    cede_der_put(writer, CEDE_DER_SET, CEDE_SPAN_TEXT("")); /* digestAlgorithms */
    encapsulated = cede_der_open(writer, CEDE_DER_SEQUENCE);
    cede_der_put_oid(writer, CEDE_SPAN_ARRAY(id_data));
    cede_der_close(writer, encapsulated);
    set = cede_der_open(writer, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    for (size_t i = 0; i < certificates_count; i++) {
        cede_write_bytes(writer, certificates[i]);
    }
    cede_der_close(writer, set);
    cede_der_put(writer, CEDE_DER_SET, CEDE_SPAN_TEXT("")); /* signerInfos */
    cede_der_close(writer, signed_data);
    cede_der_close(writer, explicit_content);
    cede_der_close(writer, content_info);
}
