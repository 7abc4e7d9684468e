/* SPDX-License-Identifier: Apache-2.0 */
/* certificate_name.c - compares names whatever their form, and finds common names. */
#include <string.h>

#include "cede/certificate.h"
#include "codec/c509/name.h"
#include "codec/x509/name.h"
#include "codec/x509/registry.h"

#define NOT_REGISTERED (-1)

/* One attribute without regard to how it was written. */
struct attribute {
    int64_t type; /* of the registry, or NOT_REGISTERED: then identifier and DER count */
    struct special_text text;
    struct cede_span oid, der;
    bool alone; /* of its RelativeDistinguishedName */
};

struct walk {
    enum cede_name_form form;
    struct cede_span value; /* of the two simple forms; null once it was returned */
    struct x509_name_walk x509;
    struct c509_name_walk c509;
};

static struct walk walk_begin(struct cede_name name)
{
    struct walk walk;

    memset(&walk, 0, sizeof walk);
    walk.form = name.form;
    walk.value = name.value;
    if (name.form == CEDE_NAME_DER) {
        walk.x509 = x509_name_walk(name.value);
    } else if (name.form == CEDE_NAME_C509) {
        walk.c509 = c509_name_walk(name.value);
    }
    return walk;
}

/* A registered type with a string we can read is the same however it was written. */
static struct attribute from_der(struct cede_span oid, struct cede_span der, bool alone)
{
    const struct registry_entry *entry = registry_find_oid(&registry_rdn, oid);
    struct cede_reader reader = cede_reader(der);
    struct attribute attribute = {NOT_REGISTERED, {SPECIAL_TEXT, CEDE_SPAN_NULL}, oid, der, alone};
    uint8_t tag;
    struct cede_span text = cede_der_get_any(&reader, &tag);

    if (entry != NULL && cede_reader_finish(&reader) == CEDE_OK &&
        (tag == CEDE_DER_UTF8_STRING || tag == CEDE_DER_PRINTABLE_STRING ||
         tag == CEDE_DER_IA5_STRING)) {
        attribute.type = entry->value;
        attribute.text.bytes = text;
    }
    return attribute;
}

static bool next_simple(struct walk *walk, struct attribute *attribute)
{
    if (walk->value.ptr == NULL) {
        return false;
    }
    attribute->type = CEDE_RDN_COMMON_NAME;
    attribute->text.form = walk->form == CEDE_NAME_EUI64 ? SPECIAL_MAC : SPECIAL_TEXT;
    attribute->text.bytes = walk->value;
    attribute->alone = true;
    walk->value = CEDE_SPAN_NULL;
    return true;
}

static bool walk_next(struct walk *walk, struct attribute *attribute)
{
    struct x509_attribute x509;
    struct c509_attribute c509;

    memset(attribute, 0, sizeof *attribute);
    if (walk->form == CEDE_NAME_DER) {
        if (!x509_name_next(&walk->x509, &x509)) {
            return false;
        }
        *attribute = from_der(x509.oid, x509.value, x509.alone);
        return true;
    }
    if (walk->form != CEDE_NAME_C509) {
        return next_simple(walk, attribute);
    }
    if (!c509_name_next(&walk->c509, &c509)) {
        return false;
    }
    if (c509.oid.ptr != NULL) {
        *attribute = from_der(c509.oid, c509.der, true);
        return true;
    }
    attribute->type = c509.type < 0 ? -c509.type : c509.type;
    attribute->text = c509.text;
    attribute->alone = true;
    return true;
}

static enum cede_status walk_status(const struct walk *walk)
{
    if (walk->form == CEDE_NAME_DER) {
        return walk->x509.names.status;
    }
    return walk->form == CEDE_NAME_C509 ? walk->c509.reader.status : CEDE_OK;
}

static bool text_equal(struct special_text a, struct special_text b)
{
    if (special_len(a) != special_len(b)) {
        return false;
    }
    for (size_t i = 0; i < special_len(a); i++) {
        if (special_at(a, i) != special_at(b, i)) {
            return false;
        }
    }
    return true;
}

/* Attributes that share a RelativeDistinguishedName with others exist in DER only, where names are
 * compared as bytes; here they equal nothing. */
static bool attribute_equal(const struct attribute *a, const struct attribute *b)
{
    if (a->type != b->type || !a->alone || !b->alone) {
        return false;
    }
    if (a->type != NOT_REGISTERED) {
        return text_equal(a->text, b->text);
    }
    return cede_span_equal(a->oid, b->oid) && cede_span_equal(a->der, b->der);
}

static bool is_well_formed(struct cede_name name)
{
    switch (name.form) {
    case CEDE_NAME_EUI64:
        return name.value.len == 6 || name.value.len == 8;
    case CEDE_NAME_DER:
        return x509_name_check(name.value) == CEDE_OK;
    case CEDE_NAME_C509:
        return c509_name_check(name.value) == CEDE_OK;
    default:
        return name.value.ptr != NULL;
    }
}

bool cede_name_within(struct cede_name name, struct cede_name subtree)
{
    struct walk names = walk_begin(name), subtrees = walk_begin(subtree);
    struct attribute a, b;

    if (!is_well_formed(name) || !is_well_formed(subtree)) {
        return false;
    }
    while (walk_next(&subtrees, &b)) {
        if (!walk_next(&names, &a) || !attribute_equal(&a, &b)) {
            return false;
        }
    }
    return walk_status(&subtrees) == CEDE_OK;
}

static size_t attributes_count(struct cede_name name)
{
    struct walk walk = walk_begin(name);
    struct attribute attribute;
    size_t count = 0;

    while (walk_next(&walk, &attribute)) {
        count++;
    }
    return count;
}

bool cede_name_equal(struct cede_name a, struct cede_name b)
{
    if (a.form == b.form && a.value.ptr != NULL && cede_span_equal(a.value, b.value)) {
        return true;
    }
    return cede_name_within(a, b) && attributes_count(a) == attributes_count(b);
}

enum cede_status cede_name_common_name(struct cede_name name, struct cede_buf out,
                                       struct cede_span *text)
{
    struct walk walk = walk_begin(name);
    struct special_text common_name = {SPECIAL_TEXT, CEDE_SPAN_NULL};
    struct cede_writer writer = cede_writer(out);
    struct attribute attribute;

    *text = CEDE_SPAN_NULL;
    while (walk_next(&walk, &attribute)) {
        if (attribute.type == CEDE_RDN_COMMON_NAME) {
            common_name = attribute.text;
        }
    }
    CEDE_TRY(walk_status(&walk));
    if (common_name.bytes.ptr == NULL) {
        return CEDE_NOT_FOUND;
    }
    for (size_t i = 0; i < special_len(common_name); i++) {
        cede_write_u8(&writer, special_at(common_name, i));
    }
    return cede_writer_finish(&writer, text);
}
