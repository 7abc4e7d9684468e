/* SPDX-License-Identifier: Apache-2.0 */
/* cbor_fields.c - maps of which some keys are known, read into a struct after a table. */
#include <string.h>

#include "codec/cbor/fields.h"

unsigned cbor_field_row(const struct cbor_form *form, const uint8_t *key)
{
    unsigned code = key[0], row = 0;

    if (code == 0x18) {
        code = 0x80u + key[1];
    }
    while (row < form->fields_count && form->fields[row].key != code) {
        row++;
    }
    return row;
}

/* Notes the key of `len` bytes as the latest. An encoded item never begins another one: keys that
 * differ do so within these bytes, and as many follow at each key before. */
static enum cede_status add_key(struct cbor_keys *keys, const uint8_t *key, size_t len,
                                enum cede_status key_status)
{
    size_t i = keys->count;

    if (((CBOR_TYPES_INT | CBOR_TYPE(TEXT)) >> (*key >> 5) & 1) == 0 || i == CBOR_KEYS_MAX) {
        return key_status;
    }
    keys->seen[i] = key;
    keys->count = i + 1;
    while (i > 0) {
        int order = memcmp(keys->seen[--i], key, len);

        if (order == 0) {
            return key_status;
        }
        if (order > 0 && keys->order == CEDE_CBOR_SORTED) {
            return CEDE_CBOR_KEY_ORDER;
        }
    }
    return CEDE_OK;
}

/* Whether the value that is next has one of the field's types and fits. */
static bool take_value(struct cede_reader *reader, const struct cbor_field *field, void *target)
{
    int64_t number;

    if ((field->types >> (reader->in.ptr[reader->pos] >> 5) & 1) == 0) {
        return false;
    }
    if (field->keep == CBOR_KEEP_ITEM) {
        cbor_read_item(reader, target);
        return true;
    }
    if (field->keep == CBOR_KEEP_CONTENT) {
        cbor_read_string(reader, field->types, target);
        return true;
    }
    number = cede_cbor_get_int(reader);
    if (field->keep == CBOR_KEEP_INT64) {
        *(int64_t *)target = number;
        return number >> 62 == number >> 63;
    }
    *(int32_t *)target = (int32_t)number;
    return number == (int32_t)number && number != 0;
}

uint32_t cbor_get_fields(struct cede_reader *reader, const struct cbor_form *form,
                         struct cbor_keys *keys, void *object)
{
    size_t left = (size_t)cbor_read_head(reader, CBOR_TYPE(MAP));
    uint32_t present = 0;

    for (; left > 0; left--) {
        size_t at = reader->pos;
        const uint8_t *key = cbor_skip(reader);
        size_t value_at = reader->pos;
        unsigned row;

        if (cbor_skip(reader) == NULL) {
            break;
        }
        cede_reader_fail(reader, add_key(keys, key, value_at - at, form->key_status));
        row = cbor_field_row(form, key);
        present |= 1u << row;
        if (row < form->fields_count) {
            const struct cbor_field *field = &form->fields[row];

            reader->pos = value_at;
            if (!take_value(reader, field, (uint8_t *)object + field->offset)) {
                cede_reader_fail(reader, form->value_status);
            }
        }
    }
    return present;
}

struct cede_span cede_cbor_find_int(struct cede_span map, int64_t key)
{
    struct cede_reader reader;
    uint8_t wanted[CEDE_CBOR_HEAD_MAX];
    size_t wanted_len = cede_cbor_head(wanted, key < 0 ? CEDE_CBOR_NINT : CEDE_CBOR_UINT,
                                       (uint64_t)(key < 0 ? ~key : key));

    cede_reader_open(&reader, &map);
    for (size_t left = (size_t)cbor_read_head(&reader, CBOR_TYPE(MAP)); left > 0; left--) {
        size_t at = reader.pos;
        const uint8_t *found = cbor_skip(&reader);
        size_t from = reader.pos;
        const uint8_t *value = cbor_skip(&reader);

        if (value == NULL) {
            break;
        }
        if (from - at == wanted_len && memcmp(found, wanted, wanted_len) == 0) {
            return cede_span(value, reader.pos - from);
        }
    }
    return CEDE_SPAN_NULL;
}
