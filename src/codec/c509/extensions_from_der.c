/* SPDX-License-Identifier: Apache-2.0 */
/*
 * extensions_from_der.c - the values of extensions from DER to C509 (draft, section "Encoding of
 * Extensions").
 *
 * Each function takes one DER value from the reader and writes one item. What it does not expect
 * fails the reader; the caller then writes the extension with its identifier. The caller also turns
 * every result back and compares, so nothing here has to prove that no byte was lost.
 */
#include "codec/c509/extensions.h"
#include "codec/c509/name.h"
#include "codec/x509/extensions.h"
#include "codec/x509/registry.h"

/* Leaves a constructed value: what is left in it is a failure of the outer reader. */
static void leave(struct cede_reader *outer, const struct cede_reader *inner)
{
    enum cede_status status = cede_reader_finish(inner);

    if (status != CEDE_OK) {
        cede_reader_fail(outer, status);
    }
}

static bool more(const struct cede_reader *reader)
{
    return reader->status == CEDE_OK && !cede_reader_at_end(reader);
}

static void oid_from_der(struct cede_reader *reader, struct cede_writer *writer,
                         const struct registry *registry)
{
    struct cede_span oid = cede_der_get(reader, CEDE_DER_OID);
    const struct registry_entry *entry = registry_find_oid(registry, oid);

    if (entry != NULL) {
        cede_cbor_put_int(writer, entry->value);
    } else {
        cede_cbor_put_bytes(writer, oid);
    }
}

static void text_from_der(struct cede_reader *reader, struct cede_writer *writer, uint8_t tag)
{
    cede_cbor_put_text(writer, cede_der_get(reader, tag));
}

/* The values inside a constructed one. */
static size_t count_inside(const struct cede_reader *reader, uint8_t tag)
{
    struct cede_reader ahead = *reader;

    return cede_der_count(cede_der_get(&ahead, tag));
}

/* --- general names ---------------------------------------------------------------------------- */

static void other_value_from_der(struct cede_reader *value, struct cede_writer *writer,
                                 int64_t kind)
{
    struct cede_reader inner;

    switch (kind) {
    case -1: /* hardwareModuleName (RFC 4108) */
        inner = cede_der_enter(value, CEDE_DER_SEQUENCE);
        cede_cbor_put_array(writer, 2);
        cede_cbor_put_bytes(writer, cede_der_get(&inner, CEDE_DER_OID));
        cede_cbor_put_bytes(writer, cede_der_get(&inner, CEDE_DER_OCTET_STRING));
        leave(value, &inner);
        break;
    case -2: /* SmtpUTF8Mailbox (RFC 8398) */
        text_from_der(value, writer, CEDE_DER_UTF8_STRING);
        break;
    default: /* MACAddress */
        cede_cbor_put_bytes(writer, cede_der_get(value, CEDE_DER_OCTET_STRING));
        break;
    }
}

static void other_name_from_der(struct cede_reader *reader, struct cede_writer *writer)
{
    struct cede_reader name = cede_der_enter(reader, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    struct cede_span oid = cede_der_get(&name, CEDE_DER_OID);
    struct cede_reader value = cede_der_enter(&name, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    const struct registry_entry *entry = registry_find_oid(&registry_other_name, oid);

    if (entry != NULL) {
        cede_cbor_put_int(writer, entry->value);
        other_value_from_der(&value, writer, entry->value);
    } else {
        cede_cbor_put_int(writer, 0);
        cede_cbor_put_array(writer, 2);
        cede_cbor_put_bytes(writer, oid);
        cede_cbor_put_bytes(writer, cede_read_rest(&value));
    }
    leave(reader, &value);
    leave(reader, &name);
}

static void directory_name_from_der(struct cede_reader *reader, struct cede_writer *writer)
{
    struct cede_reader inner =
        cede_der_enter(reader, CEDE_DER_CONTEXT_CONSTRUCTED(CEDE_GN_DIRECTORY));
    struct cede_span name = cede_der_get_value(&inner);

    leave(reader, &inner);
    if (reader->status == CEDE_OK) {
        c509_put_name_from_der(writer, name, false);
    }
}

/* The prefix length of a mask; 255 when it is none. */
static uint8_t mask_bits(struct cede_span mask)
{
    uint8_t bits = 0;

    for (size_t i = 0; i < mask.len * 8; i++) {
        bool set = (mask.ptr[i / 8] & 0x80 >> i % 8) != 0;
        if (set && bits < i) {
            return UINT8_MAX;
        }
        bits = (uint8_t)(bits + set);
    }
    return bits;
}

static void ip_from_der(struct cede_reader *reader, struct cede_writer *writer, bool constraint)
{
    struct cede_span ip = cede_der_get(reader, CEDE_DER_CONTEXT(CEDE_GN_IP));
    size_t half = ip.len / 2;
    uint8_t bits;

    if (!constraint || reader->status != CEDE_OK) {
        cede_cbor_put_bytes(writer, ip);
        return;
    }
    bits = mask_bits(cede_span_part(ip, half, half));
    if ((ip.len != 8 && ip.len != 32) || bits == UINT8_MAX) {
        cede_reader_fail(reader, CEDE_C509_NOT_EXPRESSIBLE);
        return;
    }
    cede_cbor_put_bytes_head(writer, half + 1);
    cede_write_bytes(writer, cede_span_part(ip, 0, half));
    cede_write_u8(writer, bits);
}

static void general_name_from_der(struct cede_reader *reader, struct cede_writer *writer,
                                  bool constraint)
{
    uint8_t tag = cede_der_peek(reader);

    switch (tag) {
    case CEDE_DER_CONTEXT(CEDE_GN_EMAIL):
    case CEDE_DER_CONTEXT(CEDE_GN_DNS):
    case CEDE_DER_CONTEXT(CEDE_GN_URI):
        cede_cbor_put_int(writer, tag & 0x1f);
        text_from_der(reader, writer, tag);
        break;
    case CEDE_DER_CONTEXT_CONSTRUCTED(CEDE_GN_DIRECTORY):
        cede_cbor_put_int(writer, CEDE_GN_DIRECTORY);
        directory_name_from_der(reader, writer);
        break;
    case CEDE_DER_CONTEXT(CEDE_GN_IP):
        cede_cbor_put_int(writer, CEDE_GN_IP);
        ip_from_der(reader, writer, constraint);
        break;
    case CEDE_DER_CONTEXT(8): /* registeredID */
        cede_cbor_put_int(writer, 8);
        cede_cbor_put_bytes(writer, cede_der_get(reader, tag));
        break;
    default:
        other_name_from_der(reader, writer);
        break;
    }
}

static void general_names_from_der(struct cede_reader *reader, struct cede_writer *writer,
                                   uint8_t tag)
{
    size_t names = count_inside(reader, tag);
    struct cede_reader inner = cede_der_enter(reader, tag);

    cede_cbor_put_array(writer, names * 2);
    while (more(&inner)) {
        general_name_from_der(&inner, writer, false);
    }
    leave(reader, &inner);
}

static void alt_name_from_der(struct cede_reader *reader, struct cede_writer *writer)
{
    struct cede_reader ahead = *reader;
    struct cede_reader inner = cede_der_enter(&ahead, CEDE_DER_SEQUENCE);

    if (cede_der_peek(&inner) == CEDE_DER_CONTEXT(CEDE_GN_DNS) &&
        count_inside(reader, CEDE_DER_SEQUENCE) == 1) {
        text_from_der(&inner, writer, CEDE_DER_CONTEXT(CEDE_GN_DNS));
        leave(&ahead, &inner);
        *reader = ahead;
        return;
    }
    general_names_from_der(reader, writer, CEDE_DER_SEQUENCE);
}

static void subtrees_from_der(struct cede_reader *reader, struct cede_writer *writer, uint8_t tag)
{
    struct cede_reader subtrees;

    if (cede_der_peek(reader) != tag) {
        cede_cbor_put_null(writer);
        return;
    }
    cede_cbor_put_array(writer, count_inside(reader, tag) * 2);
    subtrees = cede_der_enter(reader, tag);
    while (more(&subtrees)) {
        struct cede_reader subtree = cede_der_enter(&subtrees, CEDE_DER_SEQUENCE);
        general_name_from_der(&subtree, writer, true);
        leave(&subtrees, &subtree);
    }
    leave(reader, &subtrees);
}

static void name_constraints_from_der(struct cede_reader *reader, struct cede_writer *writer)
{
    struct cede_reader inner = cede_der_enter(reader, CEDE_DER_SEQUENCE);

    cede_cbor_put_array(writer, 2);
    subtrees_from_der(&inner, writer, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    subtrees_from_der(&inner, writer, CEDE_DER_CONTEXT_CONSTRUCTED(1));
    leave(reader, &inner);
}

/* --- keys and constraints --------------------------------------------------------------------- */

static void octets_from_der(struct cede_reader *reader, struct cede_writer *writer)
{
    cede_cbor_put_bytes(writer, cede_der_get(reader, CEDE_DER_OCTET_STRING));
}

static void key_usage_from(struct cede_reader *reader, struct cede_writer *writer)
{
    uint32_t flags = 0;
    enum cede_status status = key_usage_from_der(cede_der_get_value(reader), &flags);

    if (status != CEDE_OK) {
        cede_reader_fail(reader, status);
    }
    cede_cbor_put_uint(writer, flags);
}

static void authority_key_id_from_der(struct cede_reader *reader, struct cede_writer *writer)
{
    size_t members = count_inside(reader, CEDE_DER_SEQUENCE);
    struct cede_reader inner = cede_der_enter(reader, CEDE_DER_SEQUENCE);
    struct cede_span key_id = cede_der_get(&inner, CEDE_DER_CONTEXT(0));

    if (members == 3) {
        struct cede_span serial;
        cede_cbor_put_array(writer, 3);
        cede_cbor_put_bytes(writer, key_id);
        general_names_from_der(&inner, writer, CEDE_DER_CONTEXT_CONSTRUCTED(1));
        serial = cede_der_get(&inner, CEDE_DER_CONTEXT(2));
        if (serial.len > 0 && serial.ptr[0] == 0) {
            serial = cede_span(serial.ptr + 1, serial.len - 1);
        }
        cede_cbor_put_bytes(writer, serial);
    } else {
        cede_cbor_put_bytes(writer, key_id);
    }
    leave(reader, &inner);
}

static void basic_constraints_from_der(struct cede_reader *reader, struct cede_writer *writer)
{
    struct cede_reader inner = cede_der_enter(reader, CEDE_DER_SEQUENCE);
    int64_t value = -2;

    if (cede_der_peek(&inner) == CEDE_DER_BOOLEAN) {
        value = cede_der_get_bool(&inner) ? -1 : -2;
    }
    if (cede_der_peek(&inner) == CEDE_DER_INTEGER) {
        value = cede_der_get_small(&inner);
    }
    cede_cbor_put_int(writer, value);
    leave(reader, &inner);
}

static void eku_from_der(struct cede_reader *reader, struct cede_writer *writer)
{
    size_t purposes = count_inside(reader, CEDE_DER_SEQUENCE);
    struct cede_reader inner = cede_der_enter(reader, CEDE_DER_SEQUENCE);

    if (purposes != 1) {
        cede_cbor_put_array(writer, purposes);
    }
    while (more(&inner)) {
        oid_from_der(&inner, writer, &registry_eku);
    }
    leave(reader, &inner);
}

static void integer_from_der(struct cede_reader *reader, struct cede_writer *writer)
{
    cede_cbor_put_uint(writer, cede_der_get_small(reader));
}

static void null_from_der(struct cede_reader *reader, struct cede_writer *writer)
{
    (void)cede_der_get(reader, CEDE_DER_NULL);
    cede_cbor_put_null(writer);
}

static void tls_features_from_der(struct cede_reader *reader, struct cede_writer *writer)
{
    size_t features = count_inside(reader, CEDE_DER_SEQUENCE);
    struct cede_reader inner = cede_der_enter(reader, CEDE_DER_SEQUENCE);

    cede_cbor_put_array(writer, features);
    while (more(&inner)) {
        cede_cbor_put_uint(writer, cede_der_get_small(&inner));
    }
    leave(reader, &inner);
}

/* --- where to find what ----------------------------------------------------------------------- */

static void full_name_from_der(struct cede_reader *point, struct cede_writer *writer)
{
    struct cede_reader name = cede_der_enter(point, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    size_t uris = count_inside(&name, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    struct cede_reader full_name = cede_der_enter(&name, CEDE_DER_CONTEXT_CONSTRUCTED(0));

    if (uris != 1) {
        cede_cbor_put_array(writer, uris);
    }
    while (more(&full_name)) {
        text_from_der(&full_name, writer, CEDE_DER_CONTEXT(CEDE_GN_URI));
    }
    leave(&name, &full_name);
    leave(point, &name);
}

/* reasons [1] ReasonFlags: a BIT STRING under another tag. */
static void reasons_from_der(struct cede_reader *point, struct cede_writer *writer)
{
    struct cede_span contents = cede_der_get(point, CEDE_DER_CONTEXT(1));
    uint32_t flags = 0;

    for (size_t n = 0; contents.len >= 1 && contents.len <= 3 && n < (contents.len - 1) * 8; n++) {
        if ((contents.ptr[1 + n / 8] & 0x80 >> n % 8) != 0) {
            flags |= 1u << n;
        }
    }
    cede_cbor_put_uint(writer, flags);
}

static void point_from_der(struct cede_reader *points, struct cede_writer *writer)
{
    struct cede_reader point = cede_der_enter(points, CEDE_DER_SEQUENCE);

    cede_cbor_put_array(writer, 3);
    full_name_from_der(&point, writer);
    if (cede_der_peek(&point) == CEDE_DER_CONTEXT(1)) {
        reasons_from_der(&point, writer);
    } else {
        cede_cbor_put_null(writer);
    }
    if (cede_der_peek(&point) == CEDE_DER_CONTEXT_CONSTRUCTED(2)) {
        struct cede_reader issuer = cede_der_enter(&point, CEDE_DER_CONTEXT_CONSTRUCTED(2));
        directory_name_from_der(&issuer, writer);
        leave(&point, &issuer);
    } else {
        cede_cbor_put_null(writer);
    }
    leave(points, &point);
}

/* One point with nothing but one URI: then only that is written. */
static bool only_uri(struct cede_reader *reader, struct cede_writer *writer)
{
    struct cede_reader ahead = *reader;
    struct cede_reader points = cede_der_enter(&ahead, CEDE_DER_SEQUENCE);
    struct cede_reader point = cede_der_enter(&points, CEDE_DER_SEQUENCE);
    struct cede_reader name = cede_der_enter(&point, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    struct cede_reader full_name = cede_der_enter(&name, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    struct cede_span uri = cede_der_get(&full_name, CEDE_DER_CONTEXT(CEDE_GN_URI));

    leave(&name, &full_name);
    leave(&point, &name);
    leave(&points, &point);
    leave(&ahead, &points);
    if (ahead.status != CEDE_OK) {
        return false;
    }
    cede_cbor_put_text(writer, uri);
    *reader = ahead;
    return true;
}

static void crl_points_from_der(struct cede_reader *reader, struct cede_writer *writer)
{
    size_t points_count = count_inside(reader, CEDE_DER_SEQUENCE);
    struct cede_reader points;

    if (only_uri(reader, writer)) {
        return;
    }
    points = cede_der_enter(reader, CEDE_DER_SEQUENCE);
    cede_cbor_put_array(writer, points_count);
    while (more(&points)) {
        point_from_der(&points, writer);
    }
    leave(reader, &points);
}

static void info_access_from_der(struct cede_reader *reader, struct cede_writer *writer)
{
    size_t descriptions_count = count_inside(reader, CEDE_DER_SEQUENCE);
    struct cede_reader descriptions = cede_der_enter(reader, CEDE_DER_SEQUENCE);

    cede_cbor_put_array(writer, descriptions_count * 2);
    while (more(&descriptions)) {
        struct cede_reader description = cede_der_enter(&descriptions, CEDE_DER_SEQUENCE);
        oid_from_der(&description, writer, &registry_access);
        text_from_der(&description, writer, CEDE_DER_CONTEXT(CEDE_GN_URI));
        leave(&descriptions, &description);
    }
    leave(reader, &descriptions);
}

/* --- policies --------------------------------------------------------------------------------- */

static void qualifier_from_der(struct cede_reader *qualifiers, struct cede_writer *writer)
{
    struct cede_reader qualifier = cede_der_enter(qualifiers, CEDE_DER_SEQUENCE);

    oid_from_der(&qualifier, writer, &registry_qualifiers);
    if (cede_der_peek(&qualifier) == CEDE_DER_IA5_STRING) {
        text_from_der(&qualifier, writer, CEDE_DER_IA5_STRING);
    } else {
        struct cede_reader notice = cede_der_enter(&qualifier, CEDE_DER_SEQUENCE);
        text_from_der(&notice, writer, CEDE_DER_UTF8_STRING);
        leave(&qualifier, &notice);
    }
    leave(qualifiers, &qualifier);
}

static void policy_from_der(struct cede_reader *policies, struct cede_writer *writer)
{
    struct cede_reader policy = cede_der_enter(policies, CEDE_DER_SEQUENCE);
    struct cede_reader qualifiers;

    oid_from_der(&policy, writer, &registry_policies);
    if (cede_reader_at_end(&policy)) {
        cede_cbor_put_array(writer, 0);
        return;
    }
    cede_cbor_put_array(writer, count_inside(&policy, CEDE_DER_SEQUENCE) * 2);
    qualifiers = cede_der_enter(&policy, CEDE_DER_SEQUENCE);
    while (more(&qualifiers)) {
        qualifier_from_der(&qualifiers, writer);
    }
    leave(&policy, &qualifiers);
    leave(policies, &policy);
}

static void policies_from_der(struct cede_reader *reader, struct cede_writer *writer)
{
    size_t policies_count = count_inside(reader, CEDE_DER_SEQUENCE);
    struct cede_reader policies = cede_der_enter(reader, CEDE_DER_SEQUENCE);

    cede_cbor_put_array(writer, policies_count * 2);
    while (more(&policies)) {
        policy_from_der(&policies, writer);
    }
    leave(reader, &policies);
}

static void policy_mappings_from_der(struct cede_reader *reader, struct cede_writer *writer)
{
    size_t mappings_count = count_inside(reader, CEDE_DER_SEQUENCE);
    struct cede_reader mappings = cede_der_enter(reader, CEDE_DER_SEQUENCE);

    cede_cbor_put_array(writer, mappings_count * 2);
    while (more(&mappings)) {
        struct cede_reader mapping = cede_der_enter(&mappings, CEDE_DER_SEQUENCE);
        oid_from_der(&mapping, writer, &registry_policies);
        oid_from_der(&mapping, writer, &registry_policies);
        leave(&mappings, &mapping);
    }
    leave(reader, &mappings);
}

static void policy_constraints_from_der(struct cede_reader *reader, struct cede_writer *writer)
{
    struct cede_reader inner = cede_der_enter(reader, CEDE_DER_SEQUENCE);

    cede_cbor_put_array(writer, 2);
    for (uint8_t tag = CEDE_DER_CONTEXT(0); tag <= CEDE_DER_CONTEXT(1); tag++) {
        struct cede_span number;
        uint64_t value = 0;
        if (cede_der_peek(&inner) != tag) {
            cede_cbor_put_null(writer);
            continue;
        }
        number = cede_der_get(&inner, tag);
        for (size_t i = 0; i < number.len && i < 5; i++) {
            value = value << 8 | number.ptr[i];
        }
        cede_cbor_put_uint(writer, value);
    }
    leave(reader, &inner);
}

/* --- attributes ------------------------------------------------------------------------------- */

/* All values of one attribute share its type, and with it their string type. */
static void directory_attribute_from_der(struct cede_reader *attributes, struct cede_writer *writer)
{
    struct cede_reader attribute = cede_der_enter(attributes, CEDE_DER_SEQUENCE);
    struct cede_span oid = cede_der_get(&attribute, CEDE_DER_OID);
    const struct registry_entry *entry = registry_find_oid(&registry_rdn, oid);
    size_t values_count = count_inside(&attribute, CEDE_DER_SET);
    struct cede_reader values = cede_der_enter(&attribute, CEDE_DER_SET);
    int32_t type = entry != NULL ? entry->value : 0;

    if (entry != NULL) {
        type = cede_der_peek(&values) == CEDE_DER_PRINTABLE_STRING ? -type : type;
        cede_cbor_put_int(writer, type);
    } else {
        cede_cbor_put_bytes(writer, oid);
    }
    cede_cbor_put_array(writer, values_count);
    while (more(&values)) {
        if (entry != NULL) {
            special_put(writer, cede_der_get(&values, c509_string_tag(type)));
        } else {
            cede_cbor_put_bytes(writer, cede_der_get_value(&values));
        }
    }
    leave(&attribute, &values);
    leave(attributes, &attribute);
}

static void directory_attributes_from_der(struct cede_reader *reader, struct cede_writer *writer)
{
    size_t attributes_count = count_inside(reader, CEDE_DER_SEQUENCE);
    struct cede_reader attributes = cede_der_enter(reader, CEDE_DER_SEQUENCE);

    cede_cbor_put_array(writer, attributes_count * 2);
    while (more(&attributes)) {
        directory_attribute_from_der(&attributes, writer);
    }
    leave(reader, &attributes);
}

/* --- the table -------------------------------------------------------------------------------- */

typedef void from_der(struct cede_reader *reader, struct cede_writer *writer);

static const struct {
    int64_t number;
    from_der *read;
} codecs[] = {
    {EXT_SUBJECT_KEY_ID, octets_from_der},
    {EXT_KEY_USAGE, key_usage_from},
    {EXT_SUBJECT_ALT_NAME, alt_name_from_der},
    {EXT_BASIC_CONSTRAINTS, basic_constraints_from_der},
    {EXT_CRL_POINTS, crl_points_from_der},
    {EXT_POLICIES, policies_from_der},
    {EXT_AUTHORITY_KEY_ID, authority_key_id_from_der},
    {EXT_EKU, eku_from_der},
    {EXT_INFO_ACCESS, info_access_from_der},
    {EXT_DIRECTORY_ATTRS, directory_attributes_from_der},
    {EXT_ISSUER_ALT_NAME, alt_name_from_der},
    {EXT_NAME_CONSTRAINTS, name_constraints_from_der},
    {EXT_POLICY_MAPPINGS, policy_mappings_from_der},
    {EXT_POLICY_CONSTRAINTS, policy_constraints_from_der},
    {EXT_FRESHEST_CRL, crl_points_from_der},
    {EXT_INHIBIT_ANY_POLICY, integer_from_der},
    {EXT_SUBJECT_ACCESS, info_access_from_der},
    {EXT_IP_BLOCKS, ip_blocks_from_der},
    {EXT_AS_IDS, as_ids_from_der},
    {EXT_IP_BLOCKS_V2, ip_blocks_from_der},
    {EXT_AS_IDS_V2, as_ids_from_der},
    {EXT_OCSP_NO_CHECK, null_from_der},
    {EXT_PRECERTIFICATE, null_from_der},
    {EXT_TLS_FEATURES, tls_features_from_der},
};

enum cede_status extension_from_der(int64_t number, struct cede_span value,
                                    struct cede_writer *writer)
{
    struct cede_reader reader = cede_reader(value);

    for (size_t i = 0; i < sizeof codecs / sizeof codecs[0]; i++) {
        if (codecs[i].number == number) {
            codecs[i].read(&reader, writer);
            if (writer->status != CEDE_OK) {
                return writer->status;
            }
            return cede_reader_finish(&reader) == CEDE_OK ? CEDE_OK : CEDE_C509_NOT_EXPRESSIBLE;
        }
    }
    return CEDE_C509_NOT_EXPRESSIBLE;
}
