/* SPDX-License-Identifier: Apache-2.0 */
/* extensions_decode.c - what the extensions of a C509 certificate say. */
#include <string.h>

#include "codec/c509/c509.h"
#include "codec/c509/extensions.h"
#include "codec/cbor/cbor.h"
#include "codec/x509/extensions.h"
#include "codec/x509/registry.h"

/* --- the list --------------------------------------------------------------------------------- */

struct c509_extensions_walk c509_extensions_walk(struct cede_span extensions)
{
    struct c509_extensions_walk walk;

    cede_reader_open(&walk.reader, &extensions);
    walk.extensions_left = c509_get_pairs(&walk.reader, &walk.alone, CEDE_C509_EXTENSION);
    return walk;
}

/* extensionID, an int, negative for a critical extension, or ~oid. */
struct extension_id {
    int32_t number; /* positive; 0: `oid` counts */
    bool critical;
    struct cede_span oid;
};

CEDE_NOINLINE static void read_id(struct cede_reader *reader, struct extension_id *id)
{
    int32_t number = 0;

    id->oid = CEDE_SPAN_NULL;
    if (cede_cbor_peek(reader) == CEDE_CBOR_BYTES) {
        cbor_read_string(reader, CBOR_TYPE(BYTES), &id->oid);
    } else {
        number = cede_cbor_get_int32(reader);
    }
    /* Neither number nor identifier; or the value that follows is undefined. */
    if ((number == 0 && id->oid.len == 0) || cbor_first(reader) == 0xf7) {
        cede_reader_fail(reader, CEDE_C509_EXTENSION);
    }
    id->critical = number < 0;
    if (number < 0) {
        number = -number;
    }
    id->number = number;
}

/* The value of one with an identifier: bytes / [ bytes ], the array means critical. */
CEDE_INLINE void read_named_value(struct cede_reader *reader, struct extension_id *id,
                                  struct cede_span *value)
{
    id->critical = cede_cbor_peek(reader) == CEDE_CBOR_ARRAY;
    if (id->critical) {
        cede_cbor_expect_array(reader, 1);
    }
    cbor_read_string(reader, CBOR_TYPE(BYTES), value);
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
        cbor_read_item(reader, &extension->value);
    } else {
        struct extension_id id;

        read_id(reader, &id);
        if (id.number != 0) {
            cbor_read_item(reader, &extension->value);
        } else {
            read_named_value(reader, &id, &extension->value);
        }
        extension->number = id.number;
        extension->oid = id.oid;
        extension->critical = id.critical;
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
        ext->path_len = value;
    }
}

/* Alone, the sign of the number is that of the extension, so it is never zero. */
static void key_usage(struct cede_reader *reader, struct cede_extensions *ext, bool alone)
{
    int32_t value = cede_cbor_get_int32(reader);

    if (alone) {
        value = value < 0 ? -value : value == 0 ? -1 : value;
    }
    if ((uint32_t)value > UINT16_MAX) {
        cede_reader_fail(reader, CEDE_C509_EXTENSION);
    }
    ext->has_key_usage = true;
    ext->key_usage = (uint16_t)value;
}

static void extended_key_usage(struct cede_reader *reader,
                               const struct c509_identifiers *identifiers,
                               struct cede_extensions *ext)
{
    size_t purposes = 1;

    if (cede_cbor_peek(reader) == CEDE_CBOR_ARRAY) {
        purposes = cede_cbor_get_array(reader);
    }
    for (; purposes > 0; purposes--) {
        uint32_t purpose = CEDE_EKU_OTHER;

        if (cede_cbor_peek(reader) == CEDE_CBOR_BYTES) {
            struct cede_span oid;
            cbor_read_string(reader, CBOR_TYPE(BYTES), &oid);
            if (identifiers != NULL) {
                purpose = identifiers->purpose(oid);
            }
        } else {
            uint32_t value = (uint32_t)cede_cbor_get_int32(reader);
            if (value < 31) {
                purpose = 1u << value;
            }
        }
        ext->eku |= purpose;
    }
    ext->has_eku = true;
}

static void authority_key_id(struct cede_reader *reader, struct cede_extensions *ext)
{
    bool whole = cede_cbor_peek(reader) == CEDE_CBOR_ARRAY;
    struct cede_span serial;

    if (whole) {
        cede_cbor_expect_array(reader, 3);
    }
    cbor_read_string(reader, CBOR_TYPE(BYTES), &ext->authority_key_id);
    if (whole) {
        (void)cbor_skip(reader);
        cbor_read_string(reader, CBOR_TYPE(BYTES), &serial);
    }
}

/* Reads the value of an extension with a number. */
static void read_numbered(struct cede_reader *reader, int32_t number, bool alone,
                          const struct c509_identifiers *identifiers, struct cede_extensions *ext)
{
    struct cede_span ignored, *kept = &ignored;

    if (number == EXT_NAME_CONSTRAINTS) { /* apart: the others are close together */
        kept = &ext->name_constraints;
    }
    switch (number) {
    case EXT_BASIC_CONSTRAINTS:
        basic_constraints(reader, ext);
        return;
    case EXT_KEY_USAGE:
        key_usage(reader, ext, alone);
        return;
    case EXT_EKU:
        extended_key_usage(reader, identifiers, ext);
        return;
    case EXT_SUBJECT_KEY_ID:
        cbor_read_string(reader, CBOR_TYPE(BYTES), &ext->subject_key_id);
        return;
    case EXT_AUTHORITY_KEY_ID:
        authority_key_id(reader, ext);
        return;
    case EXT_SUBJECT_ALT_NAME:
        kept = &ext->subject_alt_name;
        break;
    case EXT_CRL_POINTS:
        kept = &ext->crl_points;
        break;
    case EXT_INFO_ACCESS:
        kept = &ext->info_access;
        break;
    default:
        break;
    }
    cbor_read_item(reader, kept);
}

/* RFC 5280, section 4.2: no extension twice. Those before this one begin at `first` and end at
 * `end`. */
static bool occurs_before(const struct cede_span *extensions, size_t first, size_t end,
                          const struct extension_id *id)
{
    struct cede_reader list;

    cede_reader_open(&list, extensions);
    list.pos = first;
    while (list.pos < end && list.status == CEDE_OK) {
        struct extension_id before;

        read_id(&list, &before);
        (void)cbor_skip(&list);
        if (before.number == id->number && cede_span_equal(before.oid, id->oid)) {
            return true;
        }
    }
    return false;
}

const struct c509_identifiers c509_identifiers_x509 = {cede_x509_extension, eku_flag,
                                                       extension_is_set};

/* Identifiers 2.5.29.x, the extensions of RFC 5280: all have numbers. */
static bool is_certificate_extension(const struct cede_span *oid)
{
    return oid->len == 3 && oid->ptr[0] == 0x55 && oid->ptr[1] == 0x1d;
}

/* Whether the extension may be known. */
static bool read_named(struct cede_reader *reader, struct extension_id *id,
                       const struct c509_identifiers *identifiers, struct cede_extensions *ext)
{
    struct cede_span value;

    read_named_value(reader, id, &value);
    if (identifiers != NULL) {
        if (reader->status == CEDE_OK) {
            cede_reader_fail(reader, identifiers->extension(id->oid, id->critical, value, ext));
        }
        return true;
    }
    if (is_certificate_extension(&id->oid)) {
        cede_reader_fail(reader, CEDE_C509_EXTENSION);
    }
    return false;
}

enum cede_status c509_extensions_decode(struct cede_span extensions,
                                        const struct c509_identifiers *identifiers,
                                        struct cede_extensions *ext)
{
    struct cede_reader reader;
    struct extension_id id = {EXT_KEY_USAGE, false, CEDE_SPAN_NULL};
    size_t left, first;
    bool alone;

    memset(ext, 0, sizeof *ext);
    ext->path_len = CEDE_PATH_LEN_NONE;
    cede_reader_open(&reader, &extensions);
    left = c509_get_pairs(&reader, &alone, CEDE_C509_EXTENSION);
    if (left > CEDE_EXTENSIONS_MAX) {
        return CEDE_X509_EXTENSION;
    }
    first = reader.pos;
    for (; left > 0 && reader.status == CEDE_OK; left--) {
        size_t at = reader.pos;
        bool known;

        if (!alone) {
            read_id(&reader, &id);
        }
        if (occurs_before(&extensions, first, at, &id) ||
            (identifiers != NULL && identifiers->is_set(ext, id.number))) {
            return CEDE_X509_EXTENSION;
        }
        if (id.number != 0) {
            known = extension_is_understood(id.number);
            read_numbered(&reader, id.number, alone, identifiers, ext);
        } else {
            known = read_named(&reader, &id, identifiers, ext);
        }
        if (id.critical && !known) {
            ext->has_unknown_critical = true;
        }
    }
    return cede_reader_finish(&reader);
}
