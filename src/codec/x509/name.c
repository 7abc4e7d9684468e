/* SPDX-License-Identifier: Apache-2.0 */
/* name.c - X.501 Names (RFC 5280, section 4.1.2.4): reading, writing, and EUI-64 as text. */
#include <string.h>

#include "codec/x509/name.h"
#include "codec/x509/registry.h"

/* --- reading ---------------------------------------------------------------------------------- */

struct x509_name_walk x509_name_walk(struct cede_span name)
{
    struct cede_reader outer = cede_reader(name);
    struct x509_name_walk walk = {cede_der_enter(&outer, CEDE_DER_SEQUENCE),
                                  cede_reader(CEDE_SPAN_NULL)};

    if (walk.names.status == CEDE_OK && !cede_reader_at_end(&outer)) {
        cede_reader_fail(&walk.names, CEDE_TRAILING_BYTES);
    }
    return walk;
}

bool x509_name_next(struct x509_name_walk *walk, struct x509_attribute *attribute)
{
    bool first = false;
    struct cede_reader inner;
    struct cede_reader value;

    memset(attribute, 0, sizeof *attribute);
    if (cede_reader_left(&walk->attributes) == 0) {
        if (walk->names.status != CEDE_OK || cede_reader_at_end(&walk->names)) {
            return false;
        }
        walk->attributes = cede_der_enter(&walk->names, CEDE_DER_SET);
        first = true;
    }
    inner = cede_der_enter(&walk->attributes, CEDE_DER_SEQUENCE);
    attribute->oid = cede_der_get(&inner, CEDE_DER_OID);
    attribute->value = cede_der_get_value(&inner);
    value = cede_reader(attribute->value);
    attribute->text = cede_der_get_any(&value, &attribute->tag);
    attribute->alone = first && cede_reader_at_end(&walk->attributes);
    if (cede_reader_finish(&inner) != CEDE_OK || attribute->oid.len == 0) {
        cede_reader_fail(&walk->names, inner.status != CEDE_OK ? inner.status : CEDE_DER_VALUE);
        return false;
    }
    return true;
}

enum cede_status x509_name_check(struct cede_span name)
{
    struct x509_name_walk walk = x509_name_walk(name);
    struct x509_attribute attribute;

    while (x509_name_next(&walk, &attribute)) {
    }
    return walk.names.status;
}

struct cede_span cede_x509_common_name(struct cede_span name)
{
    struct x509_name_walk walk = x509_name_walk(name);
    struct cede_span common_name = CEDE_SPAN_NULL;
    struct cede_span oid = registry_oid(registry_find(&registry_rdn, CEDE_RDN_COMMON_NAME));
    struct x509_attribute attribute;

    while (x509_name_next(&walk, &attribute)) {
        if (cede_span_equal(attribute.oid, oid)) {
            common_name = attribute.text;
        }
    }
    return walk.names.status == CEDE_OK ? common_name : CEDE_SPAN_NULL;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* RFC 5280, appendix A.1: which string type an attribute must have. */
static uint8_t string_tag(int32_t type)
{
    switch (type) {
    case CEDE_RDN_COUNTRY:
    case CEDE_RDN_SERIAL_NUMBER:
        return CEDE_DER_PRINTABLE_STRING;
    case CEDE_RDN_EMAIL:
    case CEDE_RDN_DOMAIN_COMPONENT:
        return CEDE_DER_IA5_STRING;
    default:
        return CEDE_DER_UTF8_STRING;
    }
}

static void put_attribute(struct cede_writer *writer, int32_t type, struct cede_span text)
{
    const struct registry_entry *entry = registry_find(&registry_rdn, type);
    size_t set = cede_der_open(writer, CEDE_DER_SET);
    size_t sequence = cede_der_open(writer, CEDE_DER_SEQUENCE);

    if (entry == NULL || text.ptr == NULL) {
        cede_writer_fail(writer, CEDE_BAD_ARGUMENT);
        return;
    }
    cede_der_put_oid(writer, registry_oid(entry));
    cede_der_put(writer, string_tag(type), text);
    cede_der_close(writer, sequence);
    cede_der_close(writer, set);
}

static void put_attributes(struct cede_writer *writer, const struct cede_name_attribute *attributes,
                           size_t attributes_count)
{
    size_t mark = cede_der_open(writer, CEDE_DER_SEQUENCE);

    for (size_t i = 0; i < attributes_count; i++) {
        put_attribute(writer, attributes[i].type, attributes[i].text);
    }
    cede_der_close(writer, mark);
}

enum cede_status cede_x509_name_encode(const struct cede_name_attribute *attributes,
                                       size_t attributes_count, struct cede_buf out,
                                       struct cede_span *name)
{
    struct cede_writer writer = cede_writer(out);

    put_attributes(&writer, attributes, attributes_count);
    return cede_writer_finish(&writer, name);
}

void cede_x509_put_name(struct cede_writer *writer, struct cede_name name)
{
    struct cede_name_attribute common_name = {CEDE_RDN_COMMON_NAME, name.value};
    uint8_t text[EUI64_TEXT_LEN];

    if (name.value.ptr == NULL || name.form == CEDE_NAME_C509) {
        cede_writer_fail(writer, CEDE_BAD_ARGUMENT);
        return;
    }
    if (name.form == CEDE_NAME_DER) {
        enum cede_status status = x509_name_check(name.value);
        if (status != CEDE_OK) {
            cede_writer_fail(writer, status);
        }
        cede_write_bytes(writer, name.value);
        return;
    }
    if (name.form == CEDE_NAME_EUI64) {
        common_name.text = CEDE_SPAN_ARRAY(text);
        if (!eui64_to_text(name.value, text)) {
            cede_writer_fail(writer, CEDE_BAD_ARGUMENT);
            return;
        }
    }
    put_attributes(writer, &common_name, 1);
}

/* --- EUI-64 ----------------------------------------------------------------------------------- */

bool eui64_to_text(struct cede_span bytes, uint8_t text[EUI64_TEXT_LEN])
{
    static const char digits[] = "0123456789ABCDEF";
    uint8_t full[8];

    if (bytes.len == 8) {
        memcpy(full, bytes.ptr, 8);
    } else if (bytes.len == 6) {
        memcpy(full, bytes.ptr, 3);
        full[3] = 0xff;
        full[4] = 0xfe;
        memcpy(full + 5, bytes.ptr + 3, 3);
    } else {
        return false;
    }
    for (size_t i = 0; i < 8; i++) {
        text[3 * i] = (uint8_t)digits[full[i] >> 4];
        text[3 * i + 1] = (uint8_t)digits[full[i] & 0x0f];
        if (i < 7) {
            text[3 * i + 2] = '-';
        }
    }
    return true;
}

static int hex_value(uint8_t digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

size_t eui64_from_text(struct cede_span text, uint8_t bytes[8])
{
    if (text.len != EUI64_TEXT_LEN) {
        return 0;
    }
    for (size_t i = 0; i < 8; i++) {
        int high = hex_value(text.ptr[3 * i]);
        int low = hex_value(text.ptr[3 * i + 1]);
        if (high < 0 || low < 0 || (i < 7 && text.ptr[3 * i + 2] != '-')) {
            return 0;
        }
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    if (bytes[3] != 0xff || bytes[4] != 0xfe) {
        return 8;
    }
    memmove(bytes + 3, bytes + 5, 3);
    return 6;
}
