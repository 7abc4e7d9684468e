/* SPDX-License-Identifier: Apache-2.0 */
/* x509_extensions.c - what the extensions of a certificate say (RFC 5280, section 4.2). */
#include <string.h>

#include "cede/x509.h"
#include "codec/x509/extensions.h"
#include "codec/x509/registry.h"

/* Section 4.2.1.9. */
static enum cede_status basic_constraints(struct cede_span value, struct cede_extensions *ext)
{
    struct cede_reader outer = cede_reader(value);
    struct cede_reader inner = cede_der_enter(&outer, CEDE_DER_SEQUENCE);

    if (cede_der_peek(&inner) == CEDE_DER_BOOLEAN) {
        ext->ca = cede_der_get_bool(&inner);
        if (!ext->ca) {
            cede_reader_fail(&inner, CEDE_DER_VALUE); /* DER leaves the default out */
        }
    }
    if (cede_der_peek(&inner) == CEDE_DER_INTEGER) {
        uint32_t path_len = cede_der_get_small(&inner);
        ext->path_len = path_len > INT16_MAX ? INT16_MAX : (int32_t)path_len;
        if (!ext->ca) {
            cede_reader_fail(&inner, CEDE_X509_EXTENSION);
        }
    }
    ext->has_basic_constraints = true;
    CEDE_TRY(cede_reader_finish(&inner));
    return cede_reader_finish(&outer);
}

/* Section 4.2.1.3: nine named bits. Trailing zeros, which DER leaves out, stand in roots in use. */
enum cede_status key_usage_from_der(struct cede_span value, uint32_t *flags)
{
    struct cede_reader reader = cede_reader(value);
    uint8_t unused = 0;
    struct cede_span bits = cede_der_get_bits(&reader, &unused);

    *flags = 0;
    CEDE_TRY(cede_reader_finish(&reader));
    if (bits.len > 2) {
        return CEDE_X509_EXTENSION;
    }
    for (size_t n = 0; n < bits.len * 8; n++) {
        if ((bits.ptr[n / 8] & 0x80 >> n % 8) != 0) {
            *flags |= 1u << n;
        }
    }
    return CEDE_OK;
}

static enum cede_status key_usage(struct cede_span value, struct cede_extensions *ext)
{
    uint32_t flags;

    CEDE_TRY(key_usage_from_der(value, &flags));
    ext->key_usage = (uint16_t)flags;
    ext->has_key_usage = true;
    return CEDE_OK;
}

uint32_t eku_flag(struct cede_span oid)
{
    const struct registry_entry *entry = registry_find_oid(&registry_eku, oid);

    return entry != NULL && entry->value < 31 ? 1u << entry->value : CEDE_EKU_OTHER;
}

/* Section 4.2.1.12. */
static enum cede_status extended_key_usage(struct cede_span value, struct cede_extensions *ext)
{
    struct cede_reader outer = cede_reader(value);
    struct cede_reader inner = cede_der_enter(&outer, CEDE_DER_SEQUENCE);

    while (inner.status == CEDE_OK && !cede_reader_at_end(&inner)) {
        ext->eku |= eku_flag(cede_der_get_oid(&inner));
    }
    ext->has_eku = true;
    CEDE_TRY(cede_reader_finish(&inner));
    return cede_reader_finish(&outer);
}

static enum cede_status subject_key_id(struct cede_span value, struct cede_extensions *ext)
{
    struct cede_reader reader = cede_reader(value);

    ext->subject_key_id = cede_der_get(&reader, CEDE_DER_OCTET_STRING);
    return cede_reader_finish(&reader);
}

/* Section 4.2.1.1: of keyIdentifier, issuer and serial only the first is kept. */
static enum cede_status authority_key_id(struct cede_span value, struct cede_extensions *ext)
{
    struct cede_reader outer = cede_reader(value);
    struct cede_reader inner = cede_der_enter(&outer, CEDE_DER_SEQUENCE);

    ext->authority_key_id = cede_span(value.ptr, 0);
    if (cede_der_peek(&inner) == CEDE_DER_CONTEXT(0)) {
        ext->authority_key_id = cede_der_get(&inner, CEDE_DER_CONTEXT(0));
    }
    while (inner.status == CEDE_OK && !cede_reader_at_end(&inner)) {
        (void)cede_der_get_any(&inner, NULL);
    }
    CEDE_TRY(cede_reader_finish(&inner));
    return cede_reader_finish(&outer);
}

/* Extensions kept raw must at least be one value. */
static enum cede_status keep_raw(struct cede_span value, struct cede_span *raw, bool *is_der)
{
    struct cede_reader reader = cede_reader(value);

    (void)cede_der_get(&reader, CEDE_DER_SEQUENCE);
    *raw = value;
    *is_der = true;
    return cede_reader_finish(&reader);
}

bool extension_is_set(const struct cede_extensions *ext, int32_t number)
{
    switch (number) {
    case EXT_BASIC_CONSTRAINTS:
        return ext->has_basic_constraints;
    case EXT_KEY_USAGE:
        return ext->has_key_usage;
    case EXT_EKU:
        return ext->has_eku;
    case EXT_SUBJECT_KEY_ID:
        return ext->subject_key_id.ptr != NULL;
    case EXT_AUTHORITY_KEY_ID:
        return ext->authority_key_id.ptr != NULL;
    case EXT_SUBJECT_ALT_NAME:
        return ext->subject_alt_name.ptr != NULL;
    case EXT_NAME_CONSTRAINTS:
        return ext->name_constraints.ptr != NULL;
    case EXT_CRL_POINTS:
        return ext->crl_points.ptr != NULL;
    case EXT_INFO_ACCESS:
        return ext->info_access.ptr != NULL;
    default:
        return false;
    }
}

/* certificatePolicies may be critical: without required policies every set of them is acceptable
 * (section 6.1.1 (c)), as long as no policy constraint is there, and those are not understood. */
bool extension_is_understood(int32_t number)
{
    const uint32_t understood = 1u << EXT_BASIC_CONSTRAINTS | 1u << EXT_KEY_USAGE | 1u << EXT_EKU |
                                1u << EXT_SUBJECT_KEY_ID | 1u << EXT_AUTHORITY_KEY_ID |
                                1u << EXT_SUBJECT_ALT_NAME | 1u << EXT_NAME_CONSTRAINTS |
                                1u << EXT_POLICIES;

    if ((uint32_t)number > 31) {
        return number == EXT_OCSP_NO_CHECK;
    }
    return (understood >> number & 1) != 0;
}

enum cede_status cede_x509_extension(struct cede_span oid, bool critical, struct cede_span value,
                                     struct cede_extensions *ext)
{
    const struct registry_entry *entry = registry_find_oid(&registry_extensions, oid);
    int32_t number = entry != NULL ? entry->value : 0;

    if (extension_is_set(ext, number)) {
        return CEDE_X509_EXTENSION;
    }
    if (critical && !extension_is_understood(number)) {
        ext->has_unknown_critical = true;
    }
    switch (number) {
    case EXT_BASIC_CONSTRAINTS:
        return basic_constraints(value, ext);
    case EXT_KEY_USAGE:
        return key_usage(value, ext);
    case EXT_EKU:
        return extended_key_usage(value, ext);
    case EXT_SUBJECT_KEY_ID:
        return subject_key_id(value, ext);
    case EXT_AUTHORITY_KEY_ID:
        return authority_key_id(value, ext);
    case EXT_SUBJECT_ALT_NAME:
        return keep_raw(value, &ext->subject_alt_name, &ext->alt_name_is_der);
    case EXT_NAME_CONSTRAINTS:
        return keep_raw(value, &ext->name_constraints, &ext->name_constraints_is_der);
    case EXT_CRL_POINTS:
        return keep_raw(value, &ext->crl_points, &ext->crl_points_is_der);
    case EXT_INFO_ACCESS:
        return keep_raw(value, &ext->info_access, &ext->info_access_is_der);
    default:
        return CEDE_OK;
    }
}

/* --- a list of extensions --------------------------------------------------------------------- */

enum cede_status x509_extension_read(struct cede_reader *reader, struct x509_extension *extension)
{
    struct cede_reader inner = cede_der_enter(reader, CEDE_DER_SEQUENCE);

    memset(extension, 0, sizeof *extension);
    extension->oid = cede_der_get_oid(&inner);
    if (cede_der_peek(&inner) == CEDE_DER_BOOLEAN) {
        extension->critical = cede_der_get_bool(&inner);
        if (!extension->critical) {
            cede_reader_fail(&inner, CEDE_DER_VALUE); /* DER leaves the default out */
        }
    }
    extension->value = cede_der_get(&inner, CEDE_DER_OCTET_STRING);
    cede_reader_fail(reader, cede_reader_finish(&inner));
    return reader->status;
}

/* Section 4.2: no extension twice. `already` is how many, all well-formed, come before this one. */
static bool occurs_before(struct cede_span extensions, struct cede_span oid, size_t already)
{
    struct cede_reader reader = cede_reader(extensions);
    struct x509_extension before;

    for (size_t i = 0; i < already; i++) {
        (void)x509_extension_read(&reader, &before);
        if (cede_span_equal(before.oid, oid)) {
            return true;
        }
    }
    return false;
}

enum cede_status x509_extensions_decode(struct cede_span extensions, struct cede_extensions *ext)
{
    struct cede_reader reader = cede_reader(extensions);
    struct x509_extension extension;

    memset(ext, 0, sizeof *ext);
    ext->path_len = CEDE_PATH_LEN_NONE;
    for (size_t i = 0; !cede_reader_at_end(&reader); i++) {
        CEDE_TRY(x509_extension_read(&reader, &extension));
        if (i == CEDE_EXTENSIONS_MAX || occurs_before(extensions, extension.oid, i)) {
            return CEDE_X509_EXTENSION;
        }
        CEDE_TRY(cede_x509_extension(extension.oid, extension.critical, extension.value, ext));
    }
    return CEDE_OK;
}
