/* SPDX-License-Identifier: Apache-2.0 */
/*
 * template.c - C509CertificationRequestTemplate (draft, section "Certification Request Template").
 *
 * "undefined" marks what the requester fills in. It is a value of its own only here: everywhere
 * else in C509 it is forbidden.
 */
#include <string.h>

#include "codec/c509/c509.h"
#include "codec/c509/extensions.h"
#include "codec/c509/name.h"
#include "codec/x509/algorithm.h"

#define TEMPLATE_SIMPLE 0 /* C509 Certification Request Templates Types registry */
#define TEMPLATE_ITEMS  7
#define ATTRIBUTE_ITEMS 4
#define EXTENSION_ITEMS 3
#define UNDEFINED       0xf7 /* RFC 8949, section 3.3 */
#define EMPTY_BYTES     0x40
#define EMPTY_TEXT      0x60

/* --- reading ---------------------------------------------------------------------------------- */

static bool is_undefined(struct cede_span item)
{
    return item.len == 1 && item.ptr[0] == UNDEFINED;
}

/* An item; null for undefined. */
static struct cede_span get_or_undefined(struct cede_reader *reader)
{
    struct cede_span item = cede_cbor_get_item(reader);

    return is_undefined(item) ? CEDE_SPAN_NULL : item;
}

/* The contents of an array with `each` items a member; *members tells how many. */
static struct cede_reader enter(struct cede_span array, size_t each, size_t *members)
{
    struct cede_reader reader = cede_reader(array);
    size_t items = cede_cbor_get_array(&reader);

    if (items % each != 0) {
        cede_reader_fail(&reader, CEDE_C509_TEMPLATE);
    }
    *members = items / each;
    return reader;
}

/* [+ int] or undefined. */
static enum cede_status check_types(struct cede_span types)
{
    size_t left;
    struct cede_reader reader = enter(types, 1, &left);

    if (types.ptr == NULL) {
        return CEDE_OK;
    }
    if (left == 0 && reader.status == CEDE_OK) {
        return CEDE_C509_TEMPLATE;
    }
    for (; left > 0; left--) {
        (void)cede_cbor_get_int(&reader);
    }
    return cede_reader_finish(&reader);
}

/* [+ AlgorithmIdentifier] or undefined. */
static enum cede_status check_algorithms(struct cede_span algorithms)
{
    size_t left;
    struct cede_reader reader = enter(algorithms, 1, &left);
    int32_t number;

    if (algorithms.ptr == NULL) {
        return CEDE_OK;
    }
    if (left == 0 && reader.status == CEDE_OK) {
        return CEDE_C509_TEMPLATE;
    }
    for (; left > 0 && reader.status == CEDE_OK; left--) {
        (void)c509_get_algorithm(&reader, &number);
    }
    return cede_reader_finish(&reader);
}

/* uint, or ~oid: a sign would mean a string type or a critical extension, which a template has not.
 */
static void get_identifier(struct cede_reader *reader, struct cede_span *oid, int32_t *number)
{
    *oid = CEDE_SPAN_NULL;
    *number = 0;
    if (cede_cbor_peek(reader) == CEDE_CBOR_BYTES) {
        *oid = cede_cbor_get_bytes(reader);
        if (oid->len == 0) {
            cede_reader_fail(reader, CEDE_C509_TEMPLATE);
        }
        return;
    }
    if (cede_cbor_peek(reader) != CEDE_CBOR_UINT) {
        cede_reader_fail(reader, CEDE_C509_TEMPLATE);
    }
    *number = cede_cbor_get_int32(reader);
}

static uint32_t get_count(struct cede_reader *reader)
{
    uint64_t count = cede_cbor_get_uint(reader);

    if (count > UINT32_MAX) {
        cede_reader_fail(reader, CEDE_CBOR_RANGE);
    }
    return (uint32_t)count;
}

/* "maximal shall not be less than minimal, and maximal shall be positive." */
static void get_attribute(struct cede_reader *reader,
                          struct cede_c509_template_attribute *attribute)
{
    struct cede_reader value;

    get_identifier(reader, &attribute->oid, &attribute->type);
    attribute->min = get_count(reader);
    attribute->max = get_count(reader);
    attribute->value = get_or_undefined(reader);
    if (reader->status != CEDE_OK) {
        return;
    }
    if (attribute->max == 0 || attribute->max < attribute->min) {
        cede_reader_fail(reader, CEDE_C509_TEMPLATE);
    }
    if (attribute->value.ptr != NULL) {
        value = cede_reader(attribute->value);
        if (attribute->oid.ptr != NULL) {
            (void)cede_cbor_get_bytes(&value);
        } else {
            (void)special_get(&value);
        }
        if (cede_reader_finish(&value) != CEDE_OK) {
            cede_reader_fail(reader, CEDE_C509_TEMPLATE);
        }
    }
}

static void get_extension(struct cede_reader *reader,
                          struct cede_c509_template_extension *extension)
{
    get_identifier(reader, &extension->oid, &extension->number);
    extension->optional = cede_cbor_get_bool(reader);
    if (reader->status == CEDE_OK && extension->oid.ptr == NULL && extension->number == 0) {
        cede_reader_fail(reader, CEDE_C509_TEMPLATE); /* 0 is no extension */
    }
    if (extension->oid.ptr != NULL && cede_cbor_peek(reader) != CEDE_CBOR_BYTES &&
        cede_reader_peek(reader) != UNDEFINED) {
        cede_reader_fail(reader, CEDE_C509_TEMPLATE);
    }
    extension->value = get_or_undefined(reader);
}

static enum cede_status check_subject(struct cede_span subject)
{
    size_t left;
    struct cede_reader reader = enter(subject, ATTRIBUTE_ITEMS, &left);
    struct cede_c509_template_attribute attribute;

    if (subject.ptr == NULL) {
        return CEDE_OK;
    }
    for (; left > 0 && reader.status == CEDE_OK; left--) {
        get_attribute(&reader, &attribute);
    }
    return cede_reader_finish(&reader);
}

static enum cede_status check_extensions(struct cede_span extensions)
{
    size_t left;
    struct cede_reader reader = enter(extensions, EXTENSION_ITEMS, &left);
    struct cede_c509_template_extension extension;

    if (extensions.ptr == NULL) {
        return CEDE_OK;
    }
    for (; left > 0 && reader.status == CEDE_OK; left--) {
        get_extension(&reader, &extension);
    }
    return cede_reader_finish(&reader);
}

static enum cede_status decode(struct cede_span encoding, struct cede_c509_template *template_)
{
    struct cede_reader reader = cede_reader(encoding);
    int32_t type;

    template_->encoding = encoding;
    cede_cbor_expect_array(&reader, TEMPLATE_ITEMS);
    type = cede_cbor_get_int32(&reader);
    if (reader.status == CEDE_OK && type != TEMPLATE_SIMPLE) {
        return CEDE_C509_TYPE;
    }
    template_->request_types = get_or_undefined(&reader);
    template_->signature_algorithms = get_or_undefined(&reader);
    template_->subject = get_or_undefined(&reader);
    template_->public_key_algorithms = get_or_undefined(&reader);
    if (reader.status == CEDE_OK && cede_reader_peek(&reader) != UNDEFINED) {
        return CEDE_C509_TEMPLATE; /* subjectPublicKey is always undefined */
    }
    (void)cede_cbor_get_item(&reader);
    template_->extensions = get_or_undefined(&reader);
    CEDE_TRY(cede_reader_finish(&reader));
    CEDE_TRY(check_types(template_->request_types));
    CEDE_TRY(check_algorithms(template_->signature_algorithms));
    CEDE_TRY(check_subject(template_->subject));
    CEDE_TRY(check_algorithms(template_->public_key_algorithms));
    return check_extensions(template_->extensions);
}

enum cede_status cede_c509_template_decode(struct cede_span encoding,
                                           struct cede_c509_template *template_)
{
    struct cede_c509_template decoded;
    enum cede_status status;

    memset(&decoded, 0, sizeof decoded);
    memset(template_, 0, sizeof *template_);
    status = decode(encoding, &decoded);
    if (status == CEDE_OK) {
        *template_ = decoded;
    }
    return status;
}

bool cede_c509_template_next_attribute(const struct cede_c509_template *template_, size_t *at,
                                       struct cede_c509_template_attribute *attribute)
{
    struct cede_reader reader = cede_reader(template_->subject);

    memset(attribute, 0, sizeof *attribute);
    if (template_->subject.ptr == NULL) {
        return false;
    }
    (void)cede_cbor_get_array(&reader);
    if (*at != 0) {
        reader.pos = *at;
    }
    if (cede_reader_left(&reader) == 0) {
        return false;
    }
    get_attribute(&reader, attribute);
    *at = reader.pos;
    return reader.status == CEDE_OK;
}

bool cede_c509_template_next_extension(const struct cede_c509_template *template_, size_t *at,
                                       struct cede_c509_template_extension *extension)
{
    struct cede_reader reader = cede_reader(template_->extensions);

    memset(extension, 0, sizeof *extension);
    if (template_->extensions.ptr == NULL) {
        return false;
    }
    (void)cede_cbor_get_array(&reader);
    if (*at != 0) {
        reader.pos = *at;
    }
    if (cede_reader_left(&reader) == 0) {
        return false;
    }
    get_extension(&reader, extension);
    *at = reader.pos;
    return reader.status == CEDE_OK;
}

/* --- checking a request ----------------------------------------------------------------------- */

/* `item` is one of the array's; anything is when the array is undefined. */
static bool is_among(struct cede_span array, struct cede_span item)
{
    size_t left;
    struct cede_reader reader = enter(array, 1, &left);

    for (; left > 0 && reader.status == CEDE_OK; left--) {
        if (cede_span_equal(cede_cbor_get_item(&reader), item)) {
            return true;
        }
    }
    return array.ptr == NULL;
}

/* Bytes of the attribute's value, whichever form it is in, compared with a template's. */
static bool has_value(const struct c509_attribute *attribute, struct cede_span value)
{
    struct cede_reader reader = cede_reader(value);
    struct special_text wanted;

    if (value.ptr == NULL) {
        return true;
    }
    if (attribute->oid.ptr != NULL) {
        return cede_span_equal(cede_cbor_get_bytes(&reader), attribute->der);
    }
    wanted = special_get(&reader);
    if (special_len(wanted) != special_len(attribute->text)) {
        return false;
    }
    for (size_t i = 0; i < special_len(wanted); i++) {
        if (special_at(wanted, i) != special_at(attribute->text, i)) {
            return false;
        }
    }
    return true;
}

/* The same type, and the value that the template gives, if it gives one. A sign in a request of
 * type 3 tells the string type alone. */
static bool matches(const struct c509_attribute *attribute,
                    const struct cede_c509_template_attribute *wanted)
{
    int32_t type = attribute->type < 0 ? -attribute->type : attribute->type;

    if (attribute->oid.ptr != NULL || wanted->oid.ptr != NULL) {
        return cede_span_equal(attribute->oid, wanted->oid) && has_value(attribute, wanted->value);
    }
    return type == wanted->type && has_value(attribute, wanted->value);
}

static bool is_wanted(const struct cede_c509_template *template_,
                      const struct c509_attribute *attribute)
{
    struct cede_c509_template_attribute wanted;
    size_t at = 0;

    while (cede_c509_template_next_attribute(template_, &at, &wanted)) {
        if (matches(attribute, &wanted)) {
            return true;
        }
    }
    return false;
}

static bool occurs_as_wanted(struct cede_span subject,
                             const struct cede_c509_template_attribute *wanted)
{
    struct c509_name_walk walk = c509_name_walk(subject);
    struct c509_attribute attribute;
    uint32_t count = 0;

    while (c509_name_next(&walk, &attribute)) {
        count += matches(&attribute, wanted) ? 1 : 0;
    }
    return count >= wanted->min && count <= wanted->max;
}

static bool subject_fits(const struct cede_c509_template *template_, struct cede_span subject)
{
    struct c509_name_walk walk = c509_name_walk(subject);
    struct cede_c509_template_attribute wanted;
    struct c509_attribute attribute;
    size_t at = 0;

    if (template_->subject.ptr == NULL) {
        return true;
    }
    while (c509_name_next(&walk, &attribute)) {
        if (!is_wanted(template_, &attribute)) {
            return false;
        }
    }
    while (cede_c509_template_next_attribute(template_, &at, &wanted)) {
        if (!occurs_as_wanted(subject, &wanted)) {
            return false;
        }
    }
    return true;
}

/* A value with undefined or an empty string inside is for the requester to fill in. */
static bool is_open(struct cede_span item)
{
    struct cede_reader reader = cede_reader(item);

    while (cede_reader_left(&reader) > 0) {
        uint8_t first = cede_reader_peek(&reader);
        if (first == UNDEFINED || first == EMPTY_BYTES || first == EMPTY_TEXT) {
            return true;
        }
        if (cede_cbor_peek(&reader) == CEDE_CBOR_ARRAY) {
            (void)cede_cbor_get_array(&reader); /* and on to its members */
        } else {
            (void)cede_cbor_get_item(&reader);
        }
    }
    return false;
}

static bool is_extension(const struct c509_extension *extension,
                         const struct cede_c509_template_extension *wanted)
{
    return extension->oid.ptr != NULL || wanted->oid.ptr != NULL
               ? cede_span_equal(extension->oid, wanted->oid)
               : extension->number == wanted->number;
}

static bool extension_fits(const struct c509_extension *extension, bool alone,
                           const struct cede_c509_template_extension *wanted)
{
    struct cede_reader reader = cede_reader(wanted->value);

    if (wanted->value.ptr == NULL || is_open(wanted->value)) {
        return true;
    }
    if (wanted->oid.ptr != NULL) {
        return cede_span_equal(cede_cbor_get_bytes(&reader), extension->value);
    }
    if (alone) { /* keyUsage as a bare number, negative when critical */
        return c509_key_usage(wanted->value) == c509_key_usage(extension->value);
    }
    return cede_span_equal(wanted->value, extension->value);
}

/* How the extensions asked for meet one of the template: absent, present and good, or neither. */
static bool extension_occurs_as_wanted(struct cede_span extensions,
                                       const struct cede_c509_template_extension *wanted)
{
    struct c509_extensions_walk walk = c509_extensions_walk(extensions);
    struct c509_extension extension;
    bool found = false;

    while (extensions.ptr != NULL && c509_extensions_next(&walk, &extension)) {
        if (is_extension(&extension, wanted)) {
            found = true;
            if (!extension_fits(&extension, walk.alone, wanted)) {
                return false;
            }
        }
    }
    return found || wanted->optional;
}

static bool extension_is_wanted(const struct cede_c509_template *template_,
                                const struct c509_extension *extension)
{
    struct cede_c509_template_extension wanted;
    size_t at = 0;

    while (cede_c509_template_next_extension(template_, &at, &wanted)) {
        if (is_extension(extension, &wanted)) {
            return true;
        }
    }
    return false;
}

static bool extensions_fit(const struct cede_c509_template *template_, struct cede_span extensions)
{
    struct c509_extensions_walk walk = c509_extensions_walk(extensions);
    struct cede_c509_template_extension wanted;
    struct c509_extension extension;
    size_t at = 0;

    if (template_->extensions.ptr == NULL) {
        return true;
    }
    while (extensions.ptr != NULL && c509_extensions_next(&walk, &extension)) {
        if (!extension_is_wanted(template_, &extension)) {
            return false;
        }
    }
    while (cede_c509_template_next_extension(template_, &at, &wanted)) {
        if (!extension_occurs_as_wanted(extensions, &wanted)) {
            return false;
        }
    }
    return true;
}

enum cede_status cede_c509_template_check(const struct cede_c509_template *template_,
                                          const struct cede_c509_request *request)
{
    uint8_t memory[9];
    struct cede_writer type = cede_writer(CEDE_BUF_ARRAY(memory));

    cede_cbor_put_int(&type, request->type);
    if (!is_among(template_->request_types, cede_written(&type)) ||
        !is_among(template_->signature_algorithms, request->signature_algorithm) ||
        !is_among(template_->public_key_algorithms, request->public_key_algorithm) ||
        !subject_fits(template_, request->subject) ||
        !extensions_fit(template_, request->extensions)) {
        return CEDE_C509_TEMPLATE_BROKEN;
    }
    return CEDE_OK;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void put_undefined(struct cede_writer *writer)
{
    cede_write_u8(writer, UNDEFINED);
}

static void put_item(struct cede_writer *writer, struct cede_span item)
{
    if (item.ptr == NULL) {
        put_undefined(writer);
    } else {
        cede_write_bytes(writer, item);
    }
}

static void put_identifier(struct cede_writer *writer, struct cede_span oid, int32_t number)
{
    if (oid.ptr != NULL) {
        cede_cbor_put_bytes(writer, oid);
    } else if (number < 0) {
        cede_writer_fail(writer, CEDE_BAD_ARGUMENT);
    } else {
        cede_cbor_put_int(writer, number);
    }
}

static void put_numbers(struct cede_writer *writer, const int32_t *numbers, size_t count,
                        const struct algorithm_entry *(*find)(int32_t))
{
    if (count == 0) {
        put_undefined(writer);
        return;
    }
    cede_cbor_put_array(writer, count);
    for (size_t i = 0; i < count; i++) {
        const struct algorithm_entry *entry = find != NULL ? find(numbers[i]) : NULL;
        if (find != NULL && entry == NULL) {
            cede_writer_fail(writer, CEDE_CERTIFICATE_ALGORITHM);
            return;
        }
        cede_cbor_put_int(writer, entry != NULL ? entry->value : numbers[i]);
    }
}

static void put_subject(struct cede_writer *writer, const struct cede_c509_template_info *info)
{
    if (info->attributes == NULL) {
        put_undefined(writer);
        return;
    }
    cede_cbor_put_array(writer, info->attributes_count * ATTRIBUTE_ITEMS);
    for (size_t i = 0; i < info->attributes_count; i++) {
        put_identifier(writer, info->attributes[i].oid, info->attributes[i].type);
        cede_cbor_put_uint(writer, info->attributes[i].min);
        cede_cbor_put_uint(writer, info->attributes[i].max);
        put_item(writer, info->attributes[i].value);
    }
}

static void put_extensions(struct cede_writer *writer, const struct cede_c509_template_info *info)
{
    if (info->extensions == NULL) {
        put_undefined(writer);
        return;
    }
    cede_cbor_put_array(writer, info->extensions_count * EXTENSION_ITEMS);
    for (size_t i = 0; i < info->extensions_count; i++) {
        put_identifier(writer, info->extensions[i].oid, info->extensions[i].number);
        cede_cbor_put_bool(writer, info->extensions[i].optional);
        put_item(writer, info->extensions[i].value);
    }
}

void cede_c509_put_template(struct cede_writer *writer, const struct cede_c509_template_info *info)
{
    cede_cbor_put_array(writer, TEMPLATE_ITEMS);
    cede_cbor_put_int(writer, TEMPLATE_SIMPLE);
    put_numbers(writer, info->request_types, info->request_types_count, NULL);
    put_numbers(writer, info->signature_algs, info->signature_algs_count,
                signature_algorithm_find_alg);
    put_subject(writer, info);
    put_numbers(writer, info->curves, info->curves_count, key_algorithm_find_curve);
    put_undefined(writer); /* subjectPublicKey */
    put_extensions(writer, info);
}
