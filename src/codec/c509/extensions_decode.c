/* SPDX-License-Identifier: Apache-2.0 */
/* extensions_decode.c - what the extensions of a C509 certificate say. */
#include <string.h>

#include "codec/c509/extensions.h"
#include "codec/x509/extensions.h"
#include "codec/x509/registry.h"

/* --- the list --------------------------------------------------------------------------------- */

struct c509_extensions_walk c509_extensions_walk(struct cede_span extensions)
{
    struct c509_extensions_walk walk = {cede_reader(extensions), 1, true};

    if (cede_cbor_peek(&walk.reader) == CEDE_CBOR_ARRAY) {
        size_t items = cede_cbor_get_array(&walk.reader);
        walk.alone = false;
        walk.extensions_left = items / 2;
        if (items % 2 != 0) {
            cede_reader_fail(&walk.reader, CEDE_C509_EXTENSION);
        }
    }
    return walk;
}

/* ( extensionID: int, extensionValue: Defined ): a negative number means critical. */
static void get_numbered(struct cede_reader *reader, struct c509_extension *extension)
{
    int32_t number = cede_cbor_get_int32(reader);

    if (number == 0) {
        cede_reader_fail(reader, CEDE_C509_EXTENSION);
        return;
    }
    extension->critical = number < 0;
    extension->number = number < 0 ? -number : number;
    extension->value = cede_cbor_get_item(reader);
    if (extension->value.len == 1 && extension->value.ptr[0] == 0xf7) { /* undefined */
        cede_reader_fail(reader, CEDE_C509_EXTENSION);
    }
}

/* ( extensionID: ~oid, extensionValue: bytes / [ bytes ] ): the array means critical. */
static void get_named(struct cede_reader *reader, struct c509_extension *extension)
{
    extension->oid = cede_cbor_get_bytes(reader);
    extension->critical = cede_cbor_peek(reader) == CEDE_CBOR_ARRAY;
    if (extension->critical) {
        cede_cbor_expect_array(reader, 1);
    }
    extension->value = cede_cbor_get_bytes(reader);
    if (reader->status == CEDE_OK && extension->oid.len == 0) {
        cede_reader_fail(reader, CEDE_C509_EXTENSION);
    }
}

bool c509_extensions_next(struct c509_extensions_walk *walk, struct c509_extension *extension)
{
    struct cede_reader *reader = &walk->reader;

    memset(extension, 0, sizeof *extension);
    if (reader->status != CEDE_OK) {
        return false;
    }
    if (walk->extensions_left == 0) {
        reader->status = cede_reader_finish(reader);
        return false;
    }
    walk->extensions_left--;
    if (walk->alone) {
        extension->number = EXT_KEY_USAGE;
        extension->critical = cede_cbor_peek(reader) == CEDE_CBOR_NINT;
        extension->value = cede_cbor_get_item(reader);
    } else if (cede_cbor_peek(reader) == CEDE_CBOR_BYTES) {
        get_named(reader, extension);
    } else {
        get_numbered(reader, extension);
    }
    return reader->status == CEDE_OK;
}

/* --- values ----------------------------------------------------------------------------------- */

static void basic_constraints(struct cede_reader *reader, struct cede_extensions *ext)
{
    int32_t value = cede_cbor_get_int32(reader);

    if (value < -2) {
        cede_reader_fail(reader, CEDE_C509_EXTENSION);
    }
    ext->has_basic_constraints = true;
    ext->ca = value >= -1;
    if (value >= 0) {
        ext->path_len = value > INT16_MAX ? INT16_MAX : value;
    }
}

/* Alone, the sign of the number is that of the extension, so it is never zero. */
static void key_usage(struct cede_reader *reader, struct cede_extensions *ext, bool alone)
{
    int32_t value = cede_cbor_get_int32(reader);

    if (alone && value < 0) {
        value = -value;
    }
    if (value < 0 || value > (int32_t)UINT16_MAX || (alone && value == 0)) {
        cede_reader_fail(reader, CEDE_C509_EXTENSION);
        return;
    }
    ext->has_key_usage = true;
    ext->key_usage = (uint16_t)value;
}

static void key_purpose(struct cede_reader *reader, const struct c509_identifiers *identifiers,
                        struct cede_extensions *ext)
{
    int32_t value;

    if (cede_cbor_peek(reader) == CEDE_CBOR_BYTES) {
        struct cede_span oid = cede_cbor_get_bytes(reader);
        ext->eku |= identifiers != NULL ? identifiers->purpose(oid) : CEDE_EKU_OTHER;
        return;
    }
    value = cede_cbor_get_int32(reader);
    ext->eku |= value >= 0 && value < 31 ? 1u << value : CEDE_EKU_OTHER;
}

static void extended_key_usage(struct cede_reader *reader,
                               const struct c509_identifiers *identifiers,
                               struct cede_extensions *ext)
{
    size_t purposes = 1;

    if (cede_cbor_peek(reader) == CEDE_CBOR_ARRAY) {
        purposes = cede_cbor_get_array(reader);
    }
    for (size_t i = 0; i < purposes && reader->status == CEDE_OK; i++) {
        key_purpose(reader, identifiers, ext);
    }
    ext->has_eku = true;
}

static void authority_key_id(struct cede_reader *reader, struct cede_extensions *ext)
{
    bool whole = cede_cbor_peek(reader) == CEDE_CBOR_ARRAY;

    if (whole) {
        cede_cbor_expect_array(reader, 3);
    }
    ext->authority_key_id = cede_cbor_get_bytes(reader);
    if (whole) {
        (void)cede_cbor_get_item(reader);
        (void)cede_cbor_get_bytes(reader);
    }
}

/* The values that are kept as they are; null for another extension. */
static struct cede_span *raw_member(struct cede_extensions *ext, int32_t number)
{
    switch (number) {
    case EXT_SUBJECT_ALT_NAME:
        return &ext->subject_alt_name;
    case EXT_NAME_CONSTRAINTS:
        return &ext->name_constraints;
    case EXT_CRL_POINTS:
        return &ext->crl_points;
    case EXT_INFO_ACCESS:
        return &ext->info_access;
    default:
        return NULL;
    }
}

static enum cede_status decode_numbered(const struct c509_extension *extension, bool alone,
                                        const struct c509_identifiers *identifiers,
                                        struct cede_extensions *ext)
{
    struct cede_reader reader = cede_reader(extension->value);
    struct cede_span *raw = raw_member(ext, extension->number);

    if (raw != NULL) {
        *raw = extension->value;
        return CEDE_OK;
    }
    switch (extension->number) {
    case EXT_BASIC_CONSTRAINTS:
        basic_constraints(&reader, ext);
        break;
    case EXT_KEY_USAGE:
        key_usage(&reader, ext, alone);
        break;
    case EXT_EKU:
        extended_key_usage(&reader, identifiers, ext);
        break;
    case EXT_SUBJECT_KEY_ID:
        ext->subject_key_id = cede_cbor_get_bytes(&reader);
        break;
    case EXT_AUTHORITY_KEY_ID:
        authority_key_id(&reader, ext);
        break;
    default:
        return CEDE_OK;
    }
    return cede_reader_finish(&reader);
}

/* RFC 5280, section 4.2: no extension twice. `already` is how many come before this one. */
static bool occurs_before(struct cede_span extensions, const struct c509_extension *extension,
                          size_t already)
{
    struct c509_extensions_walk walk = c509_extensions_walk(extensions);
    struct c509_extension before;

    for (size_t i = 0; i < already; i++) {
        if (!c509_extensions_next(&walk, &before) ||
            (before.number == extension->number && cede_span_equal(before.oid, extension->oid))) {
            return true;
        }
    }
    return false;
}

const struct c509_identifiers c509_identifiers_x509 = {cede_x509_extension, eku_flag};

/* Identifiers 2.5.29.x, the extensions of RFC 5280: all have numbers. */
static bool is_certificate_extension(struct cede_span oid)
{
    return oid.len == 3 && oid.ptr[0] == 0x55 && oid.ptr[1] == 0x1d;
}

static enum cede_status decode_named(const struct c509_extension *extension,
                                     const struct c509_identifiers *identifiers,
                                     struct cede_extensions *ext)
{
    if (identifiers != NULL) {
        return identifiers->extension(extension->oid, extension->critical, extension->value, ext);
    }
    if (is_certificate_extension(extension->oid)) {
        return CEDE_C509_EXTENSION;
    }
    ext->has_unknown_critical = ext->has_unknown_critical || extension->critical;
    return CEDE_OK;
}

enum cede_status c509_extensions_decode(struct cede_span extensions,
                                        const struct c509_identifiers *identifiers,
                                        struct cede_extensions *ext)
{
    struct c509_extensions_walk walk = c509_extensions_walk(extensions);
    struct c509_extension extension;

    memset(ext, 0, sizeof *ext);
    ext->path_len = CEDE_PATH_LEN_NONE;
    for (size_t i = 0; c509_extensions_next(&walk, &extension); i++) {
        if (i == CEDE_EXTENSIONS_MAX || occurs_before(extensions, &extension, i) ||
            (extension.oid.ptr == NULL && extension_is_set(ext, extension.number))) {
            return CEDE_X509_EXTENSION;
        }
        if (extension.oid.ptr != NULL) {
            CEDE_TRY(decode_named(&extension, identifiers, ext));
            continue;
        }
        if (extension.critical && !extension_is_understood(extension.number)) {
            ext->has_unknown_critical = true;
        }
        CEDE_TRY(decode_numbered(&extension, walk.alone, identifiers, ext));
    }
    return walk.reader.status;
}
