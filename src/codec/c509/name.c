/* SPDX-License-Identifier: Apache-2.0 */
/* name.c - C509 Names (draft, section "issuer"), and X.501 Names to and from them. */
#include <string.h>

#include "codec/c509/c509.h"
#include "codec/c509/name.h"
#include "codec/cbor/cbor.h"
#include "codec/x509/name.h"
#include "codec/x509/registry.h"

/* --- SpecialText ------------------------------------------------------------------------------ */

void special_read(struct cede_reader *reader, struct special_text *special)
{
    enum cede_cbor_type next = cede_cbor_peek(reader);
    unsigned type = CBOR_TYPE(TEXT);

    special->form = SPECIAL_TEXT;
    if (next == CEDE_CBOR_TAG) {
        special->form = SPECIAL_MAC;
        type = CBOR_TYPE(BYTES);
        if (cede_cbor_get_tag(reader) != TAG_MAC_ADDRESS) {
            cede_reader_fail(reader, CEDE_C509_NAME);
        }
    } else if (next == CEDE_CBOR_BYTES) {
        special->form = SPECIAL_HEX;
        type = CBOR_TYPE(BYTES);
    }
    cbor_read_string(reader, type, &special->bytes);
    if ((special->form == SPECIAL_HEX && special->bytes.len == 0) ||
        (special->form == SPECIAL_MAC && special->bytes.len != 6 && special->bytes.len != 8)) {
        cede_reader_fail(reader, CEDE_C509_NAME);
    }
}

struct special_text special_get(struct cede_reader *reader)
{
    struct special_text special;

    special_read(reader, &special);
    return special;
}

static int hex_value(uint8_t digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static bool is_hex(struct cede_span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (hex_value(text.ptr[i]) < 0) {
            return false;
        }
    }
    return text.len >= 2 && text.len % 2 == 0;
}

void special_put(struct cede_writer *writer, struct cede_span text)
{
    uint8_t mac[8];
    size_t mac_len = eui64_from_text(text, mac);

    if (mac_len > 0) {
        cede_cbor_put_tag(writer, TAG_MAC_ADDRESS);
        cede_cbor_put_bytes(writer, cede_span(mac, mac_len));
    } else if (is_hex(text)) {
        cede_cbor_put_bytes_head(writer, text.len / 2);
        for (size_t i = 0; i < text.len; i += 2) {
            cede_write_u8(writer,
                          (uint8_t)(hex_value(text.ptr[i]) << 4 | hex_value(text.ptr[i + 1])));
        }
    } else {
        cede_cbor_put_text(writer, text);
    }
}

size_t special_len(struct special_text special)
{
    switch (special.form) {
    case SPECIAL_HEX:
        return special.bytes.len * 2;
    case SPECIAL_MAC:
        return EUI64_TEXT_LEN;
    default:
        return special.bytes.len;
    }
}

uint8_t special_at(struct special_text special, size_t index)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t text[EUI64_TEXT_LEN];
    uint8_t byte;

    switch (special.form) {
    case SPECIAL_HEX:
        byte = special.bytes.ptr[index / 2];
        return (uint8_t)digits[index % 2 == 0 ? byte >> 4 : byte & 0x0f];
    case SPECIAL_MAC:
        return eui64_to_text(special.bytes, text) ? text[index] : 0;
    default:
        return special.bytes.ptr[index];
    }
}

void special_put_der(struct cede_writer *writer, uint8_t tag, struct special_text special)
{
    size_t mark = cede_der_open(writer, tag);

    for (size_t i = 0; i < special_len(special); i++) {
        cede_write_u8(writer, special_at(special, i));
    }
    cede_der_close(writer, mark);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Attributes of which the value is always an IA5 string: their numbers bear no sign. */
static bool is_always_ia5(int32_t type)
{
    return type == CEDE_RDN_EMAIL || type == CEDE_RDN_DOMAIN_COMPONENT;
}

static bool is_attribute_type(int32_t type)
{
    return type >= -INT16_MAX && type <= INT16_MAX && !(type < 0 && is_always_ia5(-type));
}

/* `alone`: only the text of a common name. */
CEDE_NOINLINE static void read_attribute(struct cede_reader *reader, bool alone,
                                         struct c509_attribute *attribute)
{
    memset(attribute, 0, sizeof *attribute);
    if (alone) {
        attribute->type = CEDE_RDN_COMMON_NAME;
    } else if (cede_cbor_peek(reader) == CEDE_CBOR_BYTES) {
        cbor_read_string(reader, CBOR_TYPE(BYTES), &attribute->oid);
        cbor_read_string(reader, CBOR_TYPE(BYTES), &attribute->der);
        if (attribute->oid.len == 0 || attribute->der.len == 0) {
            cede_reader_fail(reader, CEDE_C509_NAME);
        }
        return;
    } else {
        attribute->type = cede_cbor_get_int32(reader);
        if (!is_attribute_type(attribute->type)) {
            cede_reader_fail(reader, CEDE_C509_NAME);
        }
    }
    special_read(reader, &attribute->text);
}

size_t c509_get_pairs(struct cede_reader *reader, bool *alone, enum cede_status status)
{
    size_t items = 2;

    *alone = cede_cbor_peek(reader) != CEDE_CBOR_ARRAY;
    if (!*alone) {
        items = cede_cbor_get_array(reader);
    }
    if (items % 2 != 0) {
        cede_reader_fail(reader, status);
    }
    return items / 2;
}

struct c509_name_walk c509_name_walk(struct cede_span name)
{
    struct c509_name_walk walk;

    cede_reader_open(&walk.reader, &name);
    walk.attributes_left = c509_get_pairs(&walk.reader, &walk.alone, CEDE_C509_NAME);
    return walk;
}

bool c509_name_next(struct c509_name_walk *walk, struct c509_attribute *attribute)
{
    memset(attribute, 0, sizeof *attribute);
    if (walk->reader.status != CEDE_OK) {
        return false;
    }
    if (walk->attributes_left == 0) {
        walk->reader.status = cede_reader_finish(&walk->reader);
        return false;
    }
    walk->attributes_left--;
    read_attribute(&walk->reader, walk->alone, attribute);
    return walk->reader.status == CEDE_OK;
}

enum cede_status c509_name_check(struct cede_span name)
{
    struct cede_reader reader = cede_reader(name);
    struct cede_span checked;

    c509_read_name(&reader, &checked);
    return cede_reader_finish(&reader);
}

void c509_read_name(struct cede_reader *reader, struct cede_span *name)
{
    size_t at = reader->pos;
    bool alone;

    for (size_t left = c509_get_pairs(reader, &alone, CEDE_C509_NAME); left > 0; left--) {
        struct c509_attribute attribute;
        read_attribute(reader, alone, &attribute);
    }
    cbor_read_since(reader, at, name);
}

/* --- from X.501 ------------------------------------------------------------------------------- */

uint8_t c509_string_tag(int32_t type)
{
    if (is_always_ia5(type)) {
        return CEDE_DER_IA5_STRING;
    }
    return type < 0 ? CEDE_DER_PRINTABLE_STRING : CEDE_DER_UTF8_STRING;
}

/* What becomes a CBOR text is UTF-8 whatever its type: an IA5 or printable string is to be ASCII.
 */
static bool is_supported_string(uint8_t tag, struct cede_span text)
{
    return (tag == CEDE_DER_UTF8_STRING || tag == CEDE_DER_PRINTABLE_STRING ||
            tag == CEDE_DER_IA5_STRING) &&
           x509_value_check(CEDE_DER_UTF8_STRING, text) == CEDE_OK;
}

void c509_put_attribute(struct cede_writer *writer, struct cede_span oid, uint8_t tag,
                        struct cede_span text, struct cede_span value, bool native)
{
    const struct registry_entry *entry = registry_find_oid(&registry_rdn, oid);
    int32_t type = entry != NULL ? entry->value : 0;

    if (entry != NULL && !is_supported_string(tag, text)) {
        cede_writer_fail(writer, CEDE_C509_NOT_EXPRESSIBLE);
        return;
    }
    if (tag == CEDE_DER_PRINTABLE_STRING && !native) {
        type = -type;
    }
    if (entry != NULL && (native || c509_string_tag(type) == tag)) {
        cede_cbor_put_int(writer, type);
        special_put(writer, text);
    } else {
        cede_cbor_put_bytes(writer, oid);
        cede_cbor_put_bytes(writer, value);
    }
}

/* A single common name of positive type is written without its type. */
static bool is_compact(struct cede_span name, bool native, struct cede_span *text)
{
    struct x509_name_walk walk = x509_name_walk(name);
    struct x509_attribute attribute;
    const struct registry_entry *entry;
    bool one =
        x509_name_next(&walk, &attribute) && attribute.alone && cede_reader_at_end(&walk.names);

    *text = attribute.text;
    entry = registry_find_oid(&registry_rdn, attribute.oid);
    return one && entry != NULL && entry->value == CEDE_RDN_COMMON_NAME &&
           (attribute.tag == CEDE_DER_UTF8_STRING ||
            (native && is_supported_string(attribute.tag, attribute.text)));
}

void c509_put_name_from_der(struct cede_writer *writer, struct cede_span name, bool native)
{
    struct cede_reader reader = cede_reader(name);
    size_t attributes_count = cede_der_count(cede_der_get(&reader, CEDE_DER_SEQUENCE));
    struct x509_name_walk walk = x509_name_walk(name);
    struct x509_attribute attribute;
    struct cede_span text;

    if (is_compact(name, native, &text)) {
        special_put(writer, text);
        return;
    }
    cede_cbor_put_array(writer, attributes_count * 2);
    while (x509_name_next(&walk, &attribute)) {
        if (!attribute.alone) {
            cede_writer_fail(writer, CEDE_C509_NOT_EXPRESSIBLE);
        }
        c509_put_attribute(writer, attribute.oid, attribute.tag, attribute.text, attribute.value,
                           native);
    }
    if (walk.names.status != CEDE_OK) {
        cede_writer_fail(writer, walk.names.status);
    }
}

/* --- to X.501 --------------------------------------------------------------------------------- */

static void put_attribute_der(struct cede_writer *writer, const struct c509_attribute *attribute)
{
    int32_t type = attribute->type < 0 ? -attribute->type : attribute->type;
    const struct registry_entry *entry = registry_find(&registry_rdn, type);
    size_t set = cede_der_open(writer, CEDE_DER_SET);
    size_t sequence = cede_der_open(writer, CEDE_DER_SEQUENCE);

    if (attribute->oid.ptr != NULL) {
        cede_der_put_oid(writer, attribute->oid);
        cede_write_bytes(writer, attribute->der);
    } else if (entry != NULL) {
        cede_der_put_oid(writer, registry_oid(entry));
        special_put_der(writer, c509_string_tag(attribute->type), attribute->text);
    } else {
        cede_writer_fail(writer, CEDE_C509_NAME);
    }
    cede_der_close(writer, sequence);
    cede_der_close(writer, set);
}

void c509_put_name_to_der(struct cede_writer *writer, struct cede_span name)
{
    struct c509_name_walk walk = c509_name_walk(name);
    size_t mark = cede_der_open(writer, CEDE_DER_SEQUENCE);
    struct c509_attribute attribute;

    while (c509_name_next(&walk, &attribute)) {
        put_attribute_der(writer, &attribute);
    }
    if (walk.reader.status != CEDE_OK) {
        cede_writer_fail(writer, walk.reader.status);
    }
    cede_der_close(writer, mark);
}

/* --- names in any form ------------------------------------------------------------------------ */

static void put_attributes(struct cede_writer *writer, const struct cede_name_attribute *attributes,
                           size_t attributes_count)
{
    if (attributes_count == 1 && attributes[0].type == CEDE_RDN_COMMON_NAME) {
        special_put(writer, attributes[0].text);
        return;
    }
    cede_cbor_put_array(writer, attributes_count * 2);
    for (size_t i = 0; i < attributes_count; i++) {
        if (registry_find(&registry_rdn, attributes[i].type) == NULL) {
            cede_writer_fail(writer, CEDE_BAD_ARGUMENT);
        }
        cede_cbor_put_int(writer, attributes[i].type);
        special_put(writer, attributes[i].text);
    }
}

enum cede_status cede_c509_name_encode(const struct cede_name_attribute *attributes,
                                       size_t attributes_count, struct cede_buf out,
                                       struct cede_span *name)
{
    struct cede_writer writer = cede_writer(out);

    put_attributes(&writer, attributes, attributes_count);
    return cede_writer_finish(&writer, name);
}

static void put_special(struct cede_writer *writer, struct special_text special)
{
    if (special.form == SPECIAL_TEXT) {
        cede_cbor_put_text(writer, special.bytes);
        return;
    }
    if (special.form == SPECIAL_MAC) {
        cede_cbor_put_tag(writer, TAG_MAC_ADDRESS);
    }
    cede_cbor_put_bytes(writer, special.bytes);
}

static bool is_common_name(const struct c509_attribute *attribute)
{
    return attribute->oid.ptr == NULL &&
           (attribute->type == CEDE_RDN_COMMON_NAME || attribute->type == -CEDE_RDN_COMMON_NAME);
}

/* A name of a native certificate from one that may carry string types as signs. */
static void put_native(struct cede_writer *writer, struct cede_span name)
{
    struct c509_name_walk walk = c509_name_walk(name);
    size_t attributes_count = walk.attributes_left;
    struct c509_attribute attribute;
    bool more = c509_name_next(&walk, &attribute);

    if (more && attributes_count == 1 && is_common_name(&attribute)) {
        put_special(writer, attribute.text);
        more = c509_name_next(&walk, &attribute);
    } else {
        cede_cbor_put_array(writer, attributes_count * 2);
    }
    for (; more; more = c509_name_next(&walk, &attribute)) {
        if (attribute.oid.ptr != NULL) {
            cede_cbor_put_bytes(writer, attribute.oid);
            cede_cbor_put_bytes(writer, attribute.der);
        } else {
            cede_cbor_put_int(writer, attribute.type < 0 ? -attribute.type : attribute.type);
            put_special(writer, attribute.text);
        }
    }
    if (walk.reader.status != CEDE_OK) {
        cede_writer_fail(writer, walk.reader.status);
    }
}

void cede_c509_put_name(struct cede_writer *writer, struct cede_name name)
{
    uint8_t text[EUI64_TEXT_LEN];

    if (name.value.ptr == NULL) {
        cede_writer_fail(writer, CEDE_BAD_ARGUMENT);
        return;
    }
    switch (name.form) {
    case CEDE_NAME_TEXT:
        special_put(writer, name.value);
        break;
    case CEDE_NAME_EUI64:
        if (!eui64_to_text(name.value, text)) {
            cede_writer_fail(writer, CEDE_BAD_ARGUMENT);
            return;
        }
        special_put(writer, CEDE_SPAN_ARRAY(text));
        break;
    case CEDE_NAME_DER:
        c509_put_name_from_der(writer, name.value, true);
        break;
    case CEDE_NAME_C509:
        put_native(writer, name.value);
        break;
    }
}

void cede_c509_put_name_der(struct cede_writer *writer, struct cede_name name)
{
    if (name.form == CEDE_NAME_C509 && name.value.ptr != NULL) {
        c509_put_name_to_der(writer, name.value);
    } else {
        cede_x509_put_name(writer, name);
    }
}
