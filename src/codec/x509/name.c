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

/* UTF-8 (RFC 3629, section 4): no overlong forms, no surrogates, nothing past U+10FFFF. */
static bool is_utf8(struct cede_span text)
{
    for (size_t i = 0, more; i < text.len; i += 1 + more) {
        uint8_t first = text.ptr[i];
        uint32_t code = first;

        more = first < 0x80 ? 0 : first < 0xc2 ? 4 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
        if (more == 4 || more >= text.len - i) {
            return false;
        }
        for (size_t k = 1; k <= more; k++) {
            if ((text.ptr[i + k] & 0xc0) != 0x80) {
                return false;
            }
            code = code << 6 | (text.ptr[i + k] & 0x3f);
        }
        code &= more == 0 ? 0x7f : more == 1 ? 0x7ff : more == 2 ? 0xffff : 0x1fffff;
        if (first > 0xf4 || (more == 2 && (code < 0x800 || (code >= 0xd800 && code <= 0xdfff))) ||
            (more == 3 && (code < 0x10000 || code > 0x10ffff))) {
            return false;
        }
    }
    return true;
}

#define NUMERIC_STRING 0x12

/* What attributes in names consist of (X.520): strings, which keep their form, and for the few that
 * are none a bit string or a sequence. */
enum cede_status x509_value_check(uint8_t tag, struct cede_span text)
{
    switch (tag) {
    case CEDE_DER_UTF8_STRING:
        return is_utf8(text) ? CEDE_OK : CEDE_DER_VALUE;
    case CEDE_DER_BMP_STRING:
        return text.len % 2 == 0 ? CEDE_OK : CEDE_DER_VALUE;
    case CEDE_DER_UNIVERSAL_STRING:
        return text.len % 4 == 0 ? CEDE_OK : CEDE_DER_VALUE;
    case CEDE_DER_PRINTABLE_STRING:
    case CEDE_DER_IA5_STRING:
    case CEDE_DER_TELETEX_STRING:
    case NUMERIC_STRING:
    case CEDE_DER_SEQUENCE:
        return CEDE_OK;
    case CEDE_DER_BIT_STRING:
        return text.len > 0 && text.ptr[0] < 8 ? CEDE_OK : CEDE_DER_VALUE;
    default:
        return CEDE_DER_TAG;
    }
}

bool x509_name_next(struct x509_name_walk *walk, struct x509_attribute *attribute)
{
    bool first = false;
    struct cede_reader inner;
    struct cede_reader value;
    enum cede_status status;

    memset(attribute, 0, sizeof *attribute);
    if (cede_reader_left(&walk->attributes) == 0) {
        if (walk->names.status != CEDE_OK || cede_reader_at_end(&walk->names)) {
            return false;
        }
        walk->attributes = cede_der_enter(&walk->names, CEDE_DER_SET);
        first = true;
    }
    inner = cede_der_enter(&walk->attributes, CEDE_DER_SEQUENCE);
    attribute->oid = cede_der_get_oid(&inner);
    attribute->value = cede_der_get_value(&inner);
    value = cede_reader(attribute->value);
    attribute->text = cede_der_get_any(&value, &attribute->tag);
    attribute->alone = first && cede_reader_at_end(&walk->attributes);
    status = cede_reader_finish(&inner);
    if (status == CEDE_OK) {
        status = x509_value_check(attribute->tag, attribute->text);
    }
    if (status != CEDE_OK) {
        cede_reader_fail(&walk->names, status);
    }
    return status == CEDE_OK;
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
