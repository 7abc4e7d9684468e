/* SPDX-License-Identifier: Apache-2.0 */
/* c509_write.c - writes and signs native C509 certificates from a description. */
#include "cede/certificate.h"
#include "codec/c509/c509.h"
#include "codec/c509/extensions.h"
#include "codec/x509/algorithm.h"
#include "codec/x509/x509.h"

/* --- keys and signatures ---------------------------------------------------------------------- */

void c509_put_public_key(struct cede_writer *writer, const struct cede_public_key *key)
{
    const struct algorithm_entry *entry = key_algorithm_find_curve(key->curve);
    size_t len = cede_curve_public_len(key->curve);

    if (entry == NULL || key->point.len != len) {
        cede_writer_fail(writer, CEDE_CERTIFICATE_ALGORITHM);
        return;
    }
    cede_cbor_put_int(writer, entry->value);
    if (!entry->pairs) {
        cede_cbor_put_bytes(writer, key->point);
        return;
    }
    cede_cbor_put_bytes_head(writer, 1 + len / 2);
    cede_write_u8(writer, (key->point.ptr[len - 1] & 1) != 0 ? POINT_ODD : POINT_EVEN);
    cede_write_bytes(writer, cede_span_part(key->point, 0, len / 2));
}

enum cede_status c509_append_signature(struct cede_writer *writer, size_t from,
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
    cede_cbor_put_bytes(writer, cede_span(signature, len));
    return writer->status;
}

/* --- extensions ------------------------------------------------------------------------------- */

/* certificate_info_check() has let pass none without a number. */
static size_t purposes_count(uint32_t eku)
{
    size_t count = 0;

    for (int64_t n = 0; n < 31; n++) {
        count += eku >> n & 1;
    }
    return count;
}

static size_t extensions_count(const struct cede_certificate_info *info)
{
    return (size_t)info->has_basic_constraints + (info->key_usage != 0) + (info->eku != 0) +
           (info->subject_key_id.ptr != NULL) + (info->authority_key_id.ptr != NULL) +
           (info->alt_names_count > 0) + (info->crl_uri.ptr != NULL) +
           (info->ocsp_uri.ptr != NULL) + (info->permitted_subtree.value.ptr != NULL) +
           info->ocsp_no_check;
}

static void put_number(struct cede_writer *writer, int64_t number, bool critical)
{
    cede_cbor_put_int(writer, critical ? -number : number);
}

static void put_basic_constraints(struct cede_writer *writer,
                                  const struct cede_certificate_info *info)
{
    put_number(writer, EXT_BASIC_CONSTRAINTS, info->ca);
    if (!info->ca) {
        cede_cbor_put_int(writer, -2);
    } else {
        cede_cbor_put_int(writer, info->path_len); /* CEDE_PATH_LEN_NONE is the draft's -1 */
    }
}

static void put_eku(struct cede_writer *writer, uint32_t eku)
{
    size_t count = purposes_count(eku);

    put_number(writer, EXT_EKU, false);
    if (count != 1) {
        cede_cbor_put_array(writer, count);
    }
    for (int64_t n = 0; n < 31; n++) {
        if ((eku >> n & 1) != 0) {
            cede_cbor_put_int(writer, n);
        }
    }
}

static void put_alt_names(struct cede_writer *writer, const struct cede_certificate_info *info)
{
    put_number(writer, EXT_SUBJECT_ALT_NAME, false);
    if (info->alt_names_count == 1 && info->alt_names[0].kind == CEDE_GN_DNS) {
        cede_cbor_put_text(writer, info->alt_names[0].value);
        return;
    }
    cede_cbor_put_array(writer, info->alt_names_count * 2);
    for (size_t i = 0; i < info->alt_names_count; i++) {
        cede_cbor_put_int(writer, info->alt_names[i].kind);
        if (info->alt_names[i].kind == CEDE_GN_IP) {
            cede_cbor_put_bytes(writer, info->alt_names[i].value);
        } else {
            cede_cbor_put_text(writer, info->alt_names[i].value);
        }
    }
}

static void put_key_ids(struct cede_writer *writer, const struct cede_certificate_info *info)
{
    if (info->subject_key_id.ptr != NULL) {
        put_number(writer, EXT_SUBJECT_KEY_ID, false);
        cede_cbor_put_bytes(writer, info->subject_key_id);
    }
    if (info->authority_key_id.ptr != NULL) {
        put_number(writer, EXT_AUTHORITY_KEY_ID, false);
        cede_cbor_put_bytes(writer, info->authority_key_id);
    }
}

static void put_uris(struct cede_writer *writer, const struct cede_certificate_info *info)
{
    if (info->crl_uri.ptr != NULL) {
        put_number(writer, EXT_CRL_POINTS, false);
        cede_cbor_put_text(writer, info->crl_uri);
    }
    if (info->ocsp_uri.ptr != NULL) {
        put_number(writer, EXT_INFO_ACCESS, false);
        cede_cbor_put_array(writer, 2);
        cede_cbor_put_int(writer, 1); /* OCSP */
        cede_cbor_put_text(writer, info->ocsp_uri);
    }
}

static void put_name_constraints(struct cede_writer *writer, struct cede_name subtree)
{
    put_number(writer, EXT_NAME_CONSTRAINTS, true);
    cede_cbor_put_array(writer, 2);
    cede_cbor_put_array(writer, 2);
    cede_cbor_put_int(writer, CEDE_GN_DIRECTORY);
    cede_c509_put_name(writer, subtree);
    cede_cbor_put_null(writer);
}

void c509_put_extensions(struct cede_writer *writer, const struct cede_certificate_info *info)
{
    size_t count = extensions_count(info);
    bool key_usage_is_critical = !info->key_usage_not_critical;

    if (count == 1 && info->key_usage != 0) {
        put_number(writer, info->key_usage, key_usage_is_critical);
        return;
    }
    cede_cbor_put_array(writer, count * 2);
    if (info->has_basic_constraints) {
        put_basic_constraints(writer, info);
    }
    if (info->key_usage != 0) {
        put_number(writer, EXT_KEY_USAGE, key_usage_is_critical);
        cede_cbor_put_uint(writer, info->key_usage);
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
        put_number(writer, EXT_OCSP_NO_CHECK, false);
        cede_cbor_put_null(writer);
    }
}

/* --- certificate ------------------------------------------------------------------------------ */

static void put_serial(struct cede_writer *writer, struct cede_span serial)
{
    while (serial.len > 0 && serial.ptr[0] == 0) {
        serial = cede_span(serial.ptr + 1, serial.len - 1);
    }
    cede_cbor_put_bytes(writer, serial);
}

/* null when it is the subject's name, in whatever form the two are given. */
static void put_issuer(struct cede_writer *writer, const struct cede_certificate_info *info)
{
    if (info->issuer.value.ptr == NULL || cede_name_equal(info->issuer, info->subject)) {
        cede_cbor_put_null(writer);
    } else {
        cede_c509_put_name(writer, info->issuer);
    }
}

static void put_tbs(struct cede_writer *writer, const struct cede_certificate_info *info,
                    int32_t signature_alg)
{
    const struct algorithm_entry *entry = signature_algorithm_find_alg(signature_alg);

    if (entry == NULL) {
        cede_writer_fail(writer, CEDE_CERTIFICATE_ALGORITHM);
        return;
    }
    cede_cbor_put_int(writer, CEDE_C509_NATIVE);
    put_serial(writer, info->serial);
    cede_cbor_put_int(writer, entry->value);
    put_issuer(writer, info);
    cede_cbor_put_uint(writer, info->not_before);
    if (info->not_after == CEDE_TIME_NONE) {
        cede_cbor_put_null(writer);
    } else {
        cede_cbor_put_uint(writer, info->not_after);
    }
    cede_c509_put_name(writer, info->subject);
    c509_put_public_key(writer, &info->public_key);
    c509_put_extensions(writer, info);
}

enum cede_status cede_c509_encode_tbs(const struct cede_certificate_info *info,
                                      int32_t signature_alg, struct cede_buf out,
                                      struct cede_span *tbs)
{
    struct cede_writer writer = cede_writer(out);

    *tbs = CEDE_SPAN_NULL;
    CEDE_TRY(certificate_info_check(info));
    put_tbs(&writer, info, signature_alg);
    return cede_writer_finish(&writer, tbs);
}

enum cede_status cede_c509_join(struct cede_span tbs, struct cede_span signature,
                                struct cede_buf out, struct cede_span *c509)
{
    struct cede_writer writer = cede_writer(out);

    cede_write_bytes(&writer, tbs);
    cede_cbor_put_bytes(&writer, signature);
    return cede_writer_finish(&writer, c509);
}

enum cede_status cede_c509_issue(const struct cede_crypto *crypto,
                                 const struct cede_certificate_info *info,
                                 const struct cede_private_key *issuer_key, struct cede_buf out,
                                 struct cede_span *c509)
{
    struct cede_writer writer = cede_writer(out);

    *c509 = CEDE_SPAN_NULL;
    if (out.ptr == NULL) {
        return CEDE_BAD_ARGUMENT;
    }
    CEDE_TRY(certificate_info_check(info));
    put_tbs(&writer, info, cede_certificate_alg(issuer_key->curve));
    CEDE_TRY(c509_append_signature(&writer, 0, crypto, issuer_key));
    return cede_writer_finish(&writer, c509);
}
