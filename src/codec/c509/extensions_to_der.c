/* SPDX-License-Identifier: Apache-2.0 */
/*
 * extensions_to_der.c - the values of extensions from C509 back to DER (draft, section "Encoding of
 * Extensions"; RFC 5280, section 4.2).
 *
 * Each function takes one item from the reader and writes one DER value. What is read is checked
 * only as far as the DER must be well-formed: the signature over it decides.
 */
#include "codec/c509/extensions.h"
#include "codec/c509/name.h"
#include "codec/x509/registry.h"

/* An identifier as number or as bytes. */
static void oid_to_der(struct cede_reader *reader, struct cede_writer *writer,
                       const struct registry *registry)
{
    const struct registry_entry *entry;

    if (cede_cbor_peek(reader) == CEDE_CBOR_BYTES) {
        cede_der_put_oid(writer, cede_cbor_get_bytes(reader));
        return;
    }
    entry = registry_find(registry, cede_cbor_get_int(reader));
    if (entry == NULL) {
        cede_reader_fail(reader, CEDE_C509_EXTENSION);
        return;
    }
    cede_der_put_oid(writer, registry_oid(entry));
}

static void unsigned_to_der(struct cede_writer *writer, uint8_t tag, struct cede_span number)
{
    size_t mark = cede_der_open(writer, tag);

    if (number.len == 0 || number.ptr[0] >= 0x80) {
        cede_write_u8(writer, 0);
    }
    cede_write_bytes(writer, number);
    cede_der_close(writer, mark);
}

static void small_to_der(struct cede_writer *writer, uint8_t tag, uint64_t number)
{
    uint8_t bytes[8];
    size_t len = 0;

    for (size_t i = 0; i < 8; i++) {
        uint8_t byte = (uint8_t)(number >> (56 - 8 * i));
        if (len > 0 || byte != 0) {
            bytes[len++] = byte;
        }
    }
    unsigned_to_der(writer, tag, cede_span(bytes, len));
}

static void flags_to_der(struct cede_reader *reader, struct cede_writer *writer, uint8_t tag)
{
    uint64_t flags = cede_cbor_get_uint(reader);
    size_t at = writer->len;

    if (flags > UINT16_MAX) {
        cede_reader_fail(reader, CEDE_CBOR_RANGE);
        return;
    }
    cede_der_put_flags(writer, (uint32_t)flags);
    if (writer->out.ptr != NULL && writer->status == CEDE_OK) {
        writer->out.ptr[at] = tag; /* IMPLICIT */
    }
}

static size_t get_pairs(struct cede_reader *reader)
{
    size_t items = cede_cbor_get_array(reader);

    if (items % 2 != 0) {
        cede_reader_fail(reader, CEDE_CBOR_COUNT);
    }
    return items / 2;
}

/* --- general names ---------------------------------------------------------------------------- */

/* [0] EXPLICIT value of the three otherNames that have numbers. */
static void other_value_to_der(struct cede_reader *reader, struct cede_writer *writer, int64_t kind)
{
    size_t mark;

    switch (kind) {
    case -1: /* hardwareModuleName (RFC 4108) */
        cede_cbor_expect_array(reader, 2);
        mark = cede_der_open(writer, CEDE_DER_SEQUENCE);
        cede_der_put_oid(writer, cede_cbor_get_bytes(reader));
        cede_der_put(writer, CEDE_DER_OCTET_STRING, cede_cbor_get_bytes(reader));
        cede_der_close(writer, mark);
        break;
    case -2: /* SmtpUTF8Mailbox (RFC 8398) */
        cede_der_put(writer, CEDE_DER_UTF8_STRING, cede_cbor_get_text(reader));
        break;
    default: /* MACAddress */
        cede_der_put(writer, CEDE_DER_OCTET_STRING, cede_cbor_get_bytes(reader));
        break;
    }
}

static void other_name_to_der(struct cede_reader *reader, struct cede_writer *writer, int64_t kind)
{
    const struct registry_entry *entry = registry_find(&registry_other_name, kind);
    size_t name = cede_der_open(writer, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    size_t value;

    if (kind == 0) {
        cede_cbor_expect_array(reader, 2);
        cede_der_put_oid(writer, cede_cbor_get_bytes(reader));
    } else if (entry != NULL) {
        cede_der_put_oid(writer, registry_oid(entry));
    } else {
        cede_reader_fail(reader, CEDE_C509_EXTENSION);
        return;
    }
    value = cede_der_open(writer, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    if (kind == 0) {
        cede_write_bytes(writer, cede_cbor_get_bytes(reader));
    } else {
        other_value_to_der(reader, writer, kind);
    }
    cede_der_close(writer, value);
    cede_der_close(writer, name);
}

static void directory_name_to_der(struct cede_reader *reader, struct cede_writer *writer)
{
    size_t mark = cede_der_open(writer, CEDE_DER_CONTEXT_CONSTRUCTED(CEDE_GN_DIRECTORY));
    struct cede_span name = cede_cbor_get_item(reader);

    if (reader->status == CEDE_OK) {
        c509_put_name_to_der(writer, name);
    }
    cede_der_close(writer, mark);
}

static bool is_prefix_len(uint8_t bits, size_t address_len)
{
    return bits <= address_len * 8;
}

/* RFC 5280, section 4.2.1.10: constraints carry a mask where C509 has a prefix length. */
static void ip_to_der(struct cede_reader *reader, struct cede_writer *writer, bool constraint)
{
    struct cede_span ip = cede_cbor_get_bytes(reader);
    size_t len = constraint && ip.len > 0 ? ip.len - 1 : 0;
    size_t mark;

    if (!constraint || reader->status != CEDE_OK) {
        cede_der_put(writer, CEDE_DER_CONTEXT(CEDE_GN_IP), ip);
        return;
    }
    if ((len != 4 && len != 16) || !is_prefix_len(ip.ptr[len], len)) {
        cede_reader_fail(reader, CEDE_C509_EXTENSION);
        return;
    }
    mark = cede_der_open(writer, CEDE_DER_CONTEXT(CEDE_GN_IP));
    cede_write_bytes(writer, cede_span_part(ip, 0, len));
    for (size_t i = 0; i < len; i++) {
        size_t bits = ip.ptr[len] > i * 8 ? ip.ptr[len] - i * 8 : 0;
        cede_write_u8(writer, (uint8_t)(bits >= 8 ? 0xff : 0xff00 >> bits));
    }
    cede_der_close(writer, mark);
}

static void general_name_to_der(struct cede_reader *reader, struct cede_writer *writer,
                                bool constraint)
{
    int64_t kind = cede_cbor_get_int(reader);

    switch (kind) {
    case CEDE_GN_EMAIL:
    case CEDE_GN_DNS:
    case CEDE_GN_URI:
        cede_der_put(writer, (uint8_t)CEDE_DER_CONTEXT(kind), cede_cbor_get_text(reader));
        break;
    case CEDE_GN_DIRECTORY:
        directory_name_to_der(reader, writer);
        break;
    case CEDE_GN_IP:
        ip_to_der(reader, writer, constraint);
        break;
    case 8: /* registeredID */
        cede_der_put(writer, CEDE_DER_CONTEXT(8), cede_cbor_get_bytes(reader));
        break;
    default:
        other_name_to_der(reader, writer, kind);
        break;
    }
}

static void general_names_to_der(struct cede_reader *reader, struct cede_writer *writer,
                                 uint8_t tag)
{
    size_t mark = cede_der_open(writer, tag);
    size_t names = get_pairs(reader);

    for (size_t i = 0; i < names && reader->status == CEDE_OK; i++) {
        general_name_to_der(reader, writer, false);
    }
    cede_der_close(writer, mark);
}

static void alt_name_to_der(struct cede_reader *reader, struct cede_writer *writer)
{
    size_t mark;

    if (cede_cbor_peek(reader) != CEDE_CBOR_TEXT) {
        general_names_to_der(reader, writer, CEDE_DER_SEQUENCE);
        return;
    }
    mark = cede_der_open(writer, CEDE_DER_SEQUENCE);
    cede_der_put(writer, CEDE_DER_CONTEXT(CEDE_GN_DNS), cede_cbor_get_text(reader));
    cede_der_close(writer, mark);
}

static void subtrees_to_der(struct cede_reader *reader, struct cede_writer *writer, uint8_t tag)
{
    size_t subtrees, names;

    if (cede_cbor_peek_null(reader)) {
        cede_cbor_get_null(reader);
        return;
    }
    subtrees = cede_der_open(writer, tag);
    names = get_pairs(reader);
    for (size_t i = 0; i < names && reader->status == CEDE_OK; i++) {
        size_t subtree = cede_der_open(writer, CEDE_DER_SEQUENCE);
        general_name_to_der(reader, writer, true);
        cede_der_close(writer, subtree);
    }
    cede_der_close(writer, subtrees);
}

static void name_constraints_to_der(struct cede_reader *reader, struct cede_writer *writer)
{
    size_t mark = cede_der_open(writer, CEDE_DER_SEQUENCE);

    cede_cbor_expect_array(reader, 2);
    subtrees_to_der(reader, writer, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    subtrees_to_der(reader, writer, CEDE_DER_CONTEXT_CONSTRUCTED(1));
    cede_der_close(writer, mark);
}

/* --- keys and constraints --------------------------------------------------------------------- */

static void octets_to_der(struct cede_reader *reader, struct cede_writer *writer)
{
    cede_der_put(writer, CEDE_DER_OCTET_STRING, cede_cbor_get_bytes(reader));
}

static void key_usage_to_der(struct cede_reader *reader, struct cede_writer *writer)
{
    flags_to_der(reader, writer, CEDE_DER_BIT_STRING);
}

static void authority_key_id_to_der(struct cede_reader *reader, struct cede_writer *writer)
{
    size_t mark = cede_der_open(writer, CEDE_DER_SEQUENCE);
    bool whole = cede_cbor_peek(reader) == CEDE_CBOR_ARRAY;

    if (whole) {
        cede_cbor_expect_array(reader, 3);
    }
    cede_der_put(writer, CEDE_DER_CONTEXT(0), cede_cbor_get_bytes(reader));
    if (whole) {
        general_names_to_der(reader, writer, CEDE_DER_CONTEXT_CONSTRUCTED(1));
        unsigned_to_der(writer, CEDE_DER_CONTEXT(2), cede_cbor_get_bytes(reader));
    }
    cede_der_close(writer, mark);
}

/* -2: no CA; -1: CA; otherwise a CA with that pathLenConstraint. */
static void basic_constraints_to_der(struct cede_reader *reader, struct cede_writer *writer)
{
    int64_t value = cede_cbor_get_int(reader);
    size_t mark = cede_der_open(writer, CEDE_DER_SEQUENCE);

    if (value < -2) {
        cede_reader_fail(reader, CEDE_C509_EXTENSION);
        return;
    }
    if (value >= -1) {
        cede_der_put_bool(writer, true);
    }
    if (value >= 0) {
        cede_der_put_small(writer, (uint64_t)value);
    }
    cede_der_close(writer, mark);
}

static void eku_to_der(struct cede_reader *reader, struct cede_writer *writer)
{
    size_t mark = cede_der_open(writer, CEDE_DER_SEQUENCE);
    size_t purposes = 1;

    if (cede_cbor_peek(reader) == CEDE_CBOR_ARRAY) {
        purposes = cede_cbor_get_array(reader);
    }
    for (size_t i = 0; i < purposes && reader->status == CEDE_OK; i++) {
        oid_to_der(reader, writer, &registry_eku);
    }
    cede_der_close(writer, mark);
}

static void integer_to_der(struct cede_reader *reader, struct cede_writer *writer)
{
    cede_der_put_small(writer, cede_cbor_get_uint(reader));
}

static void null_to_der(struct cede_reader *reader, struct cede_writer *writer)
{
    cede_cbor_get_null(reader);
    cede_der_put_null(writer);
}

static void tls_features_to_der(struct cede_reader *reader, struct cede_writer *writer)
{
    size_t mark = cede_der_open(writer, CEDE_DER_SEQUENCE);
    size_t features = cede_cbor_get_array(reader);

    for (size_t i = 0; i < features && reader->status == CEDE_OK; i++) {
        cede_der_put_small(writer, cede_cbor_get_uint(reader));
    }
    cede_der_close(writer, mark);
}

/* --- where to find what ----------------------------------------------------------------------- */

/* DistributionPoint.distributionPoint: fullName of one or more URIs. */
static void full_name_to_der(struct cede_reader *reader, struct cede_writer *writer)
{
    size_t name = cede_der_open(writer, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    size_t full_name = cede_der_open(writer, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    size_t uris = 1;

    if (cede_cbor_peek(reader) == CEDE_CBOR_ARRAY) {
        uris = cede_cbor_get_array(reader);
    }
    for (size_t i = 0; i < uris && reader->status == CEDE_OK; i++) {
        cede_der_put(writer, CEDE_DER_CONTEXT(CEDE_GN_URI), cede_cbor_get_text(reader));
    }
    cede_der_close(writer, full_name);
    cede_der_close(writer, name);
}

static void point_to_der(struct cede_reader *reader, struct cede_writer *writer)
{
    size_t point = cede_der_open(writer, CEDE_DER_SEQUENCE);

    if (cede_cbor_peek(reader) == CEDE_CBOR_TEXT) { /* nothing but one URI */
        full_name_to_der(reader, writer);
        cede_der_close(writer, point);
        return;
    }
    cede_cbor_expect_array(reader, 3);
    full_name_to_der(reader, writer);
    if (cede_cbor_peek_null(reader)) {
        cede_cbor_get_null(reader);
    } else {
        flags_to_der(reader, writer, CEDE_DER_CONTEXT(1)); /* reasons */
    }
    if (cede_cbor_peek_null(reader)) {
        cede_cbor_get_null(reader);
    } else {
        size_t issuer = cede_der_open(writer, CEDE_DER_CONTEXT_CONSTRUCTED(2));
        directory_name_to_der(reader, writer);
        cede_der_close(writer, issuer);
    }
    cede_der_close(writer, point);
}

static void crl_points_to_der(struct cede_reader *reader, struct cede_writer *writer)
{
    size_t mark = cede_der_open(writer, CEDE_DER_SEQUENCE);
    size_t points = 1;

    if (cede_cbor_peek(reader) == CEDE_CBOR_ARRAY) {
        points = cede_cbor_get_array(reader);
    }
    for (size_t i = 0; i < points && reader->status == CEDE_OK; i++) {
        point_to_der(reader, writer);
    }
    cede_der_close(writer, mark);
}

static void info_access_to_der(struct cede_reader *reader, struct cede_writer *writer)
{
    size_t mark = cede_der_open(writer, CEDE_DER_SEQUENCE);
    size_t descriptions = get_pairs(reader);

    for (size_t i = 0; i < descriptions && reader->status == CEDE_OK; i++) {
        size_t description = cede_der_open(writer, CEDE_DER_SEQUENCE);
        oid_to_der(reader, writer, &registry_access);
        cede_der_put(writer, CEDE_DER_CONTEXT(CEDE_GN_URI), cede_cbor_get_text(reader));
        cede_der_close(writer, description);
    }
    cede_der_close(writer, mark);
}

/* --- policies --------------------------------------------------------------------------------- */

#define QUALIFIER_CPS 1 /* otherwise a user notice */

static void qualifier_to_der(struct cede_reader *reader, struct cede_writer *writer)
{
    size_t qualifier = cede_der_open(writer, CEDE_DER_SEQUENCE);
    struct cede_reader before = *reader;
    int64_t kind = cede_cbor_get_int(&before);
    size_t notice;

    oid_to_der(reader, writer, &registry_qualifiers);
    if (kind == QUALIFIER_CPS) {
        cede_der_put(writer, CEDE_DER_IA5_STRING, cede_cbor_get_text(reader));
    } else if (before.status == CEDE_OK) {
        notice = cede_der_open(writer, CEDE_DER_SEQUENCE);
        cede_der_put(writer, CEDE_DER_UTF8_STRING, cede_cbor_get_text(reader));
        cede_der_close(writer, notice);
    } else {
        cede_reader_fail(reader, CEDE_C509_EXTENSION);
    }
    cede_der_close(writer, qualifier);
}

static void policies_to_der(struct cede_reader *reader, struct cede_writer *writer)
{
    size_t mark = cede_der_open(writer, CEDE_DER_SEQUENCE);
    size_t policies = get_pairs(reader);

    for (size_t i = 0; i < policies && reader->status == CEDE_OK; i++) {
        size_t policy = cede_der_open(writer, CEDE_DER_SEQUENCE);
        size_t qualifiers, list;
        oid_to_der(reader, writer, &registry_policies);
        qualifiers = get_pairs(reader);
        if (qualifiers > 0) {
            list = cede_der_open(writer, CEDE_DER_SEQUENCE);
            for (size_t k = 0; k < qualifiers && reader->status == CEDE_OK; k++) {
                qualifier_to_der(reader, writer);
            }
            cede_der_close(writer, list);
        }
        cede_der_close(writer, policy);
    }
    cede_der_close(writer, mark);
}

static void policy_mappings_to_der(struct cede_reader *reader, struct cede_writer *writer)
{
    size_t mark = cede_der_open(writer, CEDE_DER_SEQUENCE);
    size_t mappings = get_pairs(reader);

    for (size_t i = 0; i < mappings && reader->status == CEDE_OK; i++) {
        size_t mapping = cede_der_open(writer, CEDE_DER_SEQUENCE);
        oid_to_der(reader, writer, &registry_policies);
        oid_to_der(reader, writer, &registry_policies);
        cede_der_close(writer, mapping);
    }
    cede_der_close(writer, mark);
}

static void policy_constraints_to_der(struct cede_reader *reader, struct cede_writer *writer)
{
    size_t mark = cede_der_open(writer, CEDE_DER_SEQUENCE);

    cede_cbor_expect_array(reader, 2);
    for (uint8_t tag = CEDE_DER_CONTEXT(0); tag <= CEDE_DER_CONTEXT(1); tag++) {
        if (cede_cbor_peek_null(reader)) {
            cede_cbor_get_null(reader);
        } else {
            small_to_der(writer, tag, cede_cbor_get_uint(reader));
        }
    }
    cede_der_close(writer, mark);
}

/* --- attributes ------------------------------------------------------------------------------- */

static void attribute_values_to_der(struct cede_reader *reader, struct cede_writer *writer,
                                    bool is_der, int32_t type)
{
    size_t set = cede_der_open(writer, CEDE_DER_SET);
    size_t values = cede_cbor_get_array(reader);

    for (size_t i = 0; i < values && reader->status == CEDE_OK; i++) {
        if (is_der) {
            cede_write_bytes(writer, cede_cbor_get_bytes(reader));
        } else {
            struct special_text text = special_get(reader);
            if (reader->status == CEDE_OK) {
                special_put_der(writer, c509_string_tag(type), text);
            }
        }
    }
    cede_der_close(writer, set);
}

static void directory_attribute_to_der(struct cede_reader *reader, struct cede_writer *writer)
{
    size_t attribute = cede_der_open(writer, CEDE_DER_SEQUENCE);
    bool is_der = cede_cbor_peek(reader) == CEDE_CBOR_BYTES;
    const struct registry_entry *entry;
    int32_t type = 0;

    if (is_der) {
        cede_der_put_oid(writer, cede_cbor_get_bytes(reader));
    } else {
        type = cede_cbor_get_int32(reader);
        entry = registry_find(&registry_rdn, type < 0 ? -type : type);
        if (entry == NULL) {
            cede_reader_fail(reader, CEDE_C509_EXTENSION);
            return;
        }
        cede_der_put_oid(writer, registry_oid(entry));
    }
    attribute_values_to_der(reader, writer, is_der, type);
    cede_der_close(writer, attribute);
}

static void directory_attributes_to_der(struct cede_reader *reader, struct cede_writer *writer)
{
    size_t mark = cede_der_open(writer, CEDE_DER_SEQUENCE);
    size_t attributes = get_pairs(reader);

    for (size_t i = 0; i < attributes && reader->status == CEDE_OK; i++) {
        directory_attribute_to_der(reader, writer);
    }
    cede_der_close(writer, mark);
}

/* --- the table -------------------------------------------------------------------------------- */

typedef void to_der(struct cede_reader *reader, struct cede_writer *writer);

static const struct {
    int64_t number;
    to_der *write;
} codecs[] = {
    {EXT_SUBJECT_KEY_ID, octets_to_der},
    {EXT_KEY_USAGE, key_usage_to_der},
    {EXT_SUBJECT_ALT_NAME, alt_name_to_der},
    {EXT_BASIC_CONSTRAINTS, basic_constraints_to_der},
    {EXT_CRL_POINTS, crl_points_to_der},
    {EXT_POLICIES, policies_to_der},
    {EXT_AUTHORITY_KEY_ID, authority_key_id_to_der},
    {EXT_EKU, eku_to_der},
    {EXT_INFO_ACCESS, info_access_to_der},
    {EXT_DIRECTORY_ATTRS, directory_attributes_to_der},
    {EXT_ISSUER_ALT_NAME, alt_name_to_der},
    {EXT_NAME_CONSTRAINTS, name_constraints_to_der},
    {EXT_POLICY_MAPPINGS, policy_mappings_to_der},
    {EXT_POLICY_CONSTRAINTS, policy_constraints_to_der},
    {EXT_FRESHEST_CRL, crl_points_to_der},
    {EXT_INHIBIT_ANY_POLICY, integer_to_der},
    {EXT_SUBJECT_ACCESS, info_access_to_der},
    {EXT_IP_BLOCKS, ip_blocks_to_der},
    {EXT_AS_IDS, as_ids_to_der},
    {EXT_IP_BLOCKS_V2, ip_blocks_to_der},
    {EXT_AS_IDS_V2, as_ids_to_der},
    {EXT_OCSP_NO_CHECK, null_to_der},
    {EXT_PRECERTIFICATE, null_to_der},
    {EXT_TLS_FEATURES, tls_features_to_der},
};

enum cede_status extension_to_der(int64_t number, struct cede_span item, struct cede_writer *writer)
{
    struct cede_reader reader = cede_reader(item);

    for (size_t i = 0; i < sizeof codecs / sizeof codecs[0]; i++) {
        if (codecs[i].number == number) {
            codecs[i].write(&reader, writer);
            CEDE_TRY(cede_reader_finish(&reader));
            return writer->status;
        }
    }
    return CEDE_C509_EXTENSION;
}
