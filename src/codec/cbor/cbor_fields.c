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

/* Whether the number was stored: it fits. */
static bool keep_integer(int64_t number, unsigned keep, void *target)
{
    if (keep == CBOR_KEEP_INT64) {
        *(int64_t *)target = number;
        return number >> 62 == number >> 63;
    }
    *(int32_t *)target = (int32_t)number;
    return number == (int32_t)number && number != 0;
}

static void get_value(struct cede_reader *reader, const struct cbor_field *field,
                      enum cede_status value_status, void *target)
{
    if (((field->types | 1u << CEDE_CBOR_NONE) >> cede_cbor_peek(reader) & 1) == 0) {
        cede_reader_fail(reader, value_status);
    } else if (field->keep >= CBOR_KEEP_INT32) {
        if (!keep_integer(cede_cbor_get_int(reader), field->keep, target)) {
            cede_reader_fail(reader, value_status);
        }
    } else {
        struct cede_span *span = target;

        if (field->keep == CBOR_KEEP_CONTENT) {
            *span = cede_cbor_get_string(reader, field->types);
        } else {
            *span = cede_cbor_get_item(reader);
        }
    }
}

uint32_t cbor_get_fields(struct cede_reader *reader, const struct cbor_form *form,
                         struct cbor_keys *keys, void *object)
{
    size_t left = (size_t)cbor_read_head(reader, CBOR_TYPE(MAP));
    uint32_t present = 0;

    for (; left > 0; left--) {
        size_t at = reader->pos;
        const uint8_t *key = cbor_skip(reader);
        unsigned row;

        if (key == NULL) {
            break;
        }
        cede_reader_fail(reader, add_key(keys, key, reader->pos - at, form->key_status));
        row = cbor_field_row(form, key);
        present |= 1u << row;
        if (row == form->fields_count) {
            (void)cbor_skip(reader);
        } else {
            const struct cbor_field *field = &form->fields[row];
            get_value(reader, field, form->value_status, (uint8_t *)object + field->offset);
        }
    }
    return present;
}

struct cede_span cede_cbor_find_int(struct cede_span map, int64_t key)
{
    struct cede_reader reader = cede_reader(map);
    size_t left = (size_t)cbor_read_head(&reader, CBOR_TYPE(MAP));
    uint8_t wanted[CEDE_CBOR_HEAD_MAX];
    size_t wanted_len = cede_cbor_head(wanted, key < 0 ? CEDE_CBOR_NINT : CEDE_CBOR_UINT,
                                       (uint64_t)(key < 0 ? ~key : key));

    for (; left > 0; left--) {
        size_t at = reader.pos;
        const uint8_t *found = cbor_skip(&reader);
        size_t from = reader.pos;

        if (cbor_skip(&reader) == NULL) {
            break;
        }
        if (from - at == wanted_len && memcmp(found, wanted, wanted_len) == 0) {
            return cede_reader_since(&reader, from);
        }
    }
    return CEDE_SPAN_NULL;
}
