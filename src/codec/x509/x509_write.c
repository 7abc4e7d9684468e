/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x509_write.c - writes and signs X.509 certificates from a description (RFC 5280, section 4.1).
 *
 * The public key's bytes go straight into the encoding and the only costly step is the signature:
 * issuing is the hot path of a CA.
 */
#include <string.h>

#include "cede/x509.h"
#include "codec/x509/algorithm.h"
#include "codec/x509/extensions.h"
#include "codec/x509/registry.h"
#include "codec/x509/x509.h"

/* --- extensions ------------------------------------------------------------------------------- */

struct mark {
    size_t extension, value;
};

static struct mark open_extension(struct cede_writer *writer, int64_t number, bool critical)
{
    struct mark mark;

    mark.extension = cede_der_open(writer, CEDE_DER_SEQUENCE);
    cede_der_put_oid(writer, registry_oid(registry_find(&registry_extensions, number)));
    if (critical) {
        cede_der_put_bool(writer, true);
    }
    mark.value = cede_der_open(writer, CEDE_DER_OCTET_STRING);
    return mark;
}

static void close_extension(struct cede_writer *writer, struct mark mark)
{
    cede_der_close(writer, mark.value);
    cede_der_close(writer, mark.extension);
}

/* Section 4.2.1.9: critical in the certificate of a CA. */
static void put_basic_constraints(struct cede_writer *writer,
                                  const struct cede_certificate_info *info)
{
    struct mark mark = open_extension(writer, EXT_BASIC_CONSTRAINTS, info->ca);
    size_t sequence = cede_der_open(writer, CEDE_DER_SEQUENCE);

    if (info->ca) {
        cede_der_put_bool(writer, true);
        if (info->path_len != CEDE_PATH_LEN_NONE) {
            cede_der_put_small(writer, (uint64_t)info->path_len);
        }
    }
    cede_der_close(writer, sequence);
    close_extension(writer, mark);
}

static void put_key_usage(struct cede_writer *writer, const struct cede_certificate_info *info)
{
    struct mark mark = open_extension(writer, EXT_KEY_USAGE, !info->key_usage_not_critical);

    cede_der_put_flags(writer, info->key_usage);
    close_extension(writer, mark);
}

static void put_eku(struct cede_writer *writer, uint32_t eku)
{
    struct mark mark = open_extension(writer, EXT_EKU, false);
    size_t sequence = cede_der_open(writer, CEDE_DER_SEQUENCE);

    for (int64_t n = 0; n < 31; n++) {
        if ((eku >> n & 1) != 0) {
            cede_der_put_oid(writer, registry_oid(registry_find(&registry_eku, n)));
        }
    }
    cede_der_close(writer, sequence);
    close_extension(writer, mark);
}

static void put_key_ids(struct cede_writer *writer, const struct cede_certificate_info *info)
{
    struct mark mark;

    if (info->subject_key_id.ptr != NULL) {
        mark = open_extension(writer, EXT_SUBJECT_KEY_ID, false);
        cede_der_put(writer, CEDE_DER_OCTET_STRING, info->subject_key_id);
        close_extension(writer, mark);
    }
    if (info->authority_key_id.ptr != NULL) {
        size_t sequence;
        mark = open_extension(writer, EXT_AUTHORITY_KEY_ID, false);
        sequence = cede_der_open(writer, CEDE_DER_SEQUENCE);
        cede_der_put(writer, CEDE_DER_CONTEXT(0), info->authority_key_id);
        cede_der_close(writer, sequence);
        close_extension(writer, mark);
    }
}

static void put_alt_names(struct cede_writer *writer, const struct cede_certificate_info *info)
{
    struct mark mark = open_extension(writer, EXT_SUBJECT_ALT_NAME, false);
    size_t sequence = cede_der_open(writer, CEDE_DER_SEQUENCE);

    for (size_t i = 0; i < info->alt_names_count; i++) {
        cede_der_put(writer, (uint8_t)CEDE_DER_CONTEXT(info->alt_names[i].kind),
                     info->alt_names[i].value);
    }
    cede_der_close(writer, sequence);
    close_extension(writer, mark);
}

/* Sections 4.2.1.13 and 4.2.2.1: one URI each. */
static void put_uris(struct cede_writer *writer, const struct cede_certificate_info *info)
{
    struct mark mark;
    size_t points, point, name, full_name;

    if (info->crl_uri.ptr != NULL) {
        mark = open_extension(writer, EXT_CRL_POINTS, false);
        points = cede_der_open(writer, CEDE_DER_SEQUENCE);
        point = cede_der_open(writer, CEDE_DER_SEQUENCE);
        name = cede_der_open(writer, CEDE_DER_CONTEXT_CONSTRUCTED(0));
        full_name = cede_der_open(writer, CEDE_DER_CONTEXT_CONSTRUCTED(0));
        cede_der_put(writer, CEDE_DER_CONTEXT(CEDE_GN_URI), info->crl_uri);
        cede_der_close(writer, full_name);
        cede_der_close(writer, name);
        cede_der_close(writer, point);
        cede_der_close(writer, points);
        close_extension(writer, mark);
    }
    if (info->ocsp_uri.ptr != NULL) {
        mark = open_extension(writer, EXT_INFO_ACCESS, false);
        points = cede_der_open(writer, CEDE_DER_SEQUENCE);
        point = cede_der_open(writer, CEDE_DER_SEQUENCE);
        cede_der_put_oid(writer, registry_oid(registry_find(&registry_access, 1)));
        cede_der_put(writer, CEDE_DER_CONTEXT(CEDE_GN_URI), info->ocsp_uri);
        cede_der_close(writer, point);
        cede_der_close(writer, points);
        close_extension(writer, mark);
    }
}

/* Section 4.2.1.10: one permitted directory name, critical. */
static void put_name_constraints(struct cede_writer *writer, struct cede_name subtree)
{
    struct mark mark = open_extension(writer, EXT_NAME_CONSTRAINTS, true);
    size_t constraints = cede_der_open(writer, CEDE_DER_SEQUENCE);
    size_t permitted = cede_der_open(writer, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    size_t general_subtree = cede_der_open(writer, CEDE_DER_SEQUENCE);
    size_t directory = cede_der_open(writer, CEDE_DER_CONTEXT_CONSTRUCTED(CEDE_GN_DIRECTORY));

    cede_x509_put_name(writer, subtree);
    cede_der_close(writer, directory);
    cede_der_close(writer, general_subtree);
    cede_der_close(writer, permitted);
    cede_der_close(writer, constraints);
    close_extension(writer, mark);
}

static bool has_extensions(const struct cede_certificate_info *info)
{
    return info->has_basic_constraints || info->key_usage != 0 || info->eku != 0 ||
           info->subject_key_id.ptr != NULL || info->authority_key_id.ptr != NULL ||
           info->alt_names_count > 0 || info->crl_uri.ptr != NULL || info->ocsp_uri.ptr != NULL ||
           info->permitted_subtree.value.ptr != NULL || info->ocsp_no_check;
}

void x509_put_extensions(struct cede_writer *writer, const struct cede_certificate_info *info)
{
    size_t sequence = cede_der_open(writer, CEDE_DER_SEQUENCE);

    if (info->has_basic_constraints) {
        put_basic_constraints(writer, info);
    }
    if (info->key_usage != 0) {
        put_key_usage(writer, info);
    }
    if (info->eku != 0) {
        put_eku(writer, info->eku);
    }
    put_key_ids(writer, info);
    if (info->alt_names_count > 0) {
        put_alt_names(writer, info);
    }
    put_uris(writer, info);
    if (info->permitted_subtree.value.ptr != NULL) {
        put_name_constraints(writer, info->permitted_subtree);
    }
    if (info->ocsp_no_check) {
        struct mark mark = open_extension(writer, EXT_OCSP_NO_CHECK, false);
        cede_der_put_null(writer);
        close_extension(writer, mark);
    }
    cede_der_close(writer, sequence);
}

/* --- certificate ------------------------------------------------------------------------------ */

static bool alt_name_is_writable(const struct cede_general_name *name)
{
    switch (name->kind) {
    case CEDE_GN_EMAIL:
    case CEDE_GN_DNS:
    case CEDE_GN_URI:
        return name->value.len > 0;
    case CEDE_GN_IP:
        return name->value.len == 4 || name->value.len == 16;
    default:
        return false;
    }
}

/* A purpose without a number in the registry could not be written. */
static bool purposes_are_writable(uint32_t eku)
{
    for (int64_t n = 0; n < 32; n++) {
        if ((eku >> n & 1) != 0 && registry_find(&registry_eku, n) == NULL) {
            return false;
        }
    }
    return true;
}

enum cede_status certificate_info_check(const struct cede_certificate_info *info)
{
    bool serial_is_positive = false;

    for (size_t i = 0; i < info->serial.len; i++) {
        serial_is_positive = serial_is_positive || info->serial.ptr[i] != 0;
    }
    /* Section 4.1.2.2: 20 bytes, the sign bit included. */
    if (!serial_is_positive || info->serial.len > CEDE_SERIAL_LEN_MAX ||
        (info->serial.len == CEDE_SERIAL_LEN_MAX && info->serial.ptr[0] >= 0x80)) {
        return CEDE_BAD_ARGUMENT;
    }
    if (info->subject.value.ptr == NULL || info->not_after < info->not_before ||
        info->not_before == CEDE_TIME_NONE || (info->ca && !info->has_basic_constraints) ||
        info->path_len < CEDE_PATH_LEN_NONE || info->key_usage >= 0x200 ||
        !purposes_are_writable(info->eku)) {
        return CEDE_BAD_ARGUMENT;
    }
    for (size_t i = 0; i < info->alt_names_count; i++) {
        if (!alt_name_is_writable(&info->alt_names[i])) {
            return CEDE_BAD_ARGUMENT;
        }
    }
    return CEDE_OK;
}

static void put_tbs(struct cede_writer *writer, const struct cede_certificate_info *info,
                    int32_t signature_alg)
{
    size_t tbs = cede_der_open(writer, CEDE_DER_SEQUENCE);
    size_t mark = cede_der_open(writer, CEDE_DER_CONTEXT_CONSTRUCTED(0));

    cede_der_put_small(writer, 2); /* v3 */
    cede_der_close(writer, mark);
    cede_der_put_unsigned(writer, info->serial);
    cede_x509_put_algorithm(writer, signature_alg);
    cede_x509_put_name(writer, info->issuer.value.ptr != NULL ? info->issuer : info->subject);
    mark = cede_der_open(writer, CEDE_DER_SEQUENCE);
    cede_der_put_time(writer, info->not_before);
    cede_der_put_time(writer, info->not_after);
    cede_der_close(writer, mark);
    cede_x509_put_name(writer, info->subject);
    cede_x509_put_public_key(writer, &info->public_key);
    if (has_extensions(info)) {
        mark = cede_der_open(writer, CEDE_DER_CONTEXT_CONSTRUCTED(3));
        x509_put_extensions(writer, info);
        cede_der_close(writer, mark);
    }
    cede_der_close(writer, tbs);
}

enum cede_status cede_x509_encode_tbs(const struct cede_certificate_info *info,
                                      int32_t signature_alg, struct cede_buf out,
                                      struct cede_span *tbs)
{
    struct cede_writer writer = cede_writer(out);

    *tbs = CEDE_SPAN_NULL;
    CEDE_TRY(certificate_info_check(info));
    put_tbs(&writer, info, signature_alg);
    return cede_writer_finish(&writer, tbs);
}

enum cede_status cede_x509_join(struct cede_span tbs, int32_t signature_alg,
                                struct cede_span signature, struct cede_buf out,
                                struct cede_span *der)
{
    struct cede_writer writer = cede_writer(out);
    size_t mark = cede_der_open(&writer, CEDE_DER_SEQUENCE);

    cede_write_bytes(&writer, tbs);
    cede_x509_put_algorithm(&writer, signature_alg);
    cede_x509_put_signature(&writer, signature_alg, signature);
    cede_der_close(&writer, mark);
    return cede_writer_finish(&writer, der);
}

/* Signs what stands in the writer from `from` on and appends algorithm and signature. */
enum cede_status x509_append_signature(struct cede_writer *writer, size_t from,
                                       const struct cede_crypto *crypto,
                                       const struct cede_private_key *key)
{
    struct cede_span written = cede_written(writer);
    uint8_t signature[CEDE_SIGNATURE_LEN_MAX];
    size_t len;

    if (writer->status != CEDE_OK) {
        return writer->status;
    }
    CEDE_TRY(certificate_sign(crypto, key, cede_span_part(written, from, written.len - from),
                              signature, &len));
    cede_x509_put_algorithm(writer, cede_certificate_alg(key->curve));
    cede_x509_put_signature(writer, cede_certificate_alg(key->curve), cede_span(signature, len));
    return writer->status;
}

enum cede_status cede_x509_issue(const struct cede_crypto *crypto,
                                 const struct cede_certificate_info *info,
                                 const struct cede_private_key *issuer_key, struct cede_buf out,
                                 struct cede_span *der)
{
    struct cede_writer writer = cede_writer(out);
    size_t mark = cede_der_open(&writer, CEDE_DER_SEQUENCE);
    size_t from = writer.len;

    *der = CEDE_SPAN_NULL;
    if (out.ptr == NULL) {
        return CEDE_BAD_ARGUMENT;
    }
    CEDE_TRY(certificate_info_check(info));
    put_tbs(&writer, info, cede_certificate_alg(issuer_key->curve));
    CEDE_TRY(x509_append_signature(&writer, from, crypto, issuer_key));
    cede_der_close(&writer, mark);
    return cede_writer_finish(&writer, der);
}
