/* SPDX-License-Identifier: Apache-2.0 */
/* resources_from_der.c - IPAddrBlocks and AS Identifiers (RFC 3779) from DER to C509. */
#include "codec/c509/extensions.h"

static void leave(struct cede_reader *outer, const struct cede_reader *inner)
{
    enum cede_status status = cede_reader_finish(inner);

    if (status != CEDE_OK) {
        cede_reader_fail(outer, status);
    }
}

static bool more(const struct cede_reader *reader)
{
    return reader->status == CEDE_OK && !cede_reader_at_end(reader);
}

#define NUMBER_LEN_MAX 8 /* longer addresses make the whole family byte strings */

static bool any_is_long(struct cede_span addresses)
{
    struct cede_reader reader = cede_reader(addresses);
    bool found = false;

    while (more(&reader)) {
        uint8_t tag;
        struct cede_span contents = cede_der_get_any(&reader, &tag);
        struct cede_reader range = cede_reader(contents);
        if (tag == CEDE_DER_BIT_STRING) {
            found = found || contents.len > NUMBER_LEN_MAX;
            continue;
        }
        while (more(&range)) {
            struct cede_span bound = cede_der_get_any(&range, NULL);
            found = found || bound.len > NUMBER_LEN_MAX;
        }
    }
    return found;
}

static void address_from_der(struct cede_reader *reader, struct cede_writer *writer, bool as_bytes,
                             int64_t *previous)
{
    struct cede_span bits = cede_der_get(reader, CEDE_DER_BIT_STRING);
    int64_t number = 0;

    if (as_bytes || reader->status != CEDE_OK) {
        cede_cbor_put_bytes(writer, bits);
        return;
    }
    if (bits.len == 0 || bits.len > NUMBER_LEN_MAX || bits.ptr[0] > 7) {
        cede_reader_fail(reader, CEDE_DER_VALUE);
        return;
    }
    for (size_t i = 0; i < bits.len; i++) {
        number = number << 8 | (bits.ptr[i] + (i == 0 ? 1 : 0));
    }
    cede_cbor_put_int(writer, number - *previous);
    *previous = number;
}

static void addresses_from_der(struct cede_reader *family, struct cede_writer *writer)
{
    struct cede_reader ahead = *family;
    struct cede_span contents = cede_der_get_any(&ahead, NULL);
    bool as_bytes = any_is_long(contents);
    struct cede_reader addresses;
    int64_t previous = 0;

    if (cede_der_peek(family) == CEDE_DER_NULL) { /* inherit */
        (void)cede_der_get(family, CEDE_DER_NULL);
        cede_cbor_put_null(writer);
        return;
    }
    addresses = cede_der_enter(family, CEDE_DER_SEQUENCE);
    cede_cbor_put_array(writer, cede_der_count(contents));
    while (more(&addresses)) {
        if (cede_der_peek(&addresses) == CEDE_DER_SEQUENCE) {
            struct cede_reader range = cede_der_enter(&addresses, CEDE_DER_SEQUENCE);
            cede_cbor_put_array(writer, 2);
            address_from_der(&range, writer, as_bytes, &previous);
            address_from_der(&range, writer, as_bytes, &previous);
            leave(&addresses, &range);
        } else {
            address_from_der(&addresses, writer, as_bytes, &previous);
        }
    }
    leave(family, &addresses);
}

static void family_from_der(struct cede_reader *families, struct cede_writer *writer)
{
    struct cede_reader family = cede_der_enter(families, CEDE_DER_SEQUENCE);
    struct cede_reader address_family = cede_der_enter(&family, CEDE_DER_OCTET_STRING);

    cede_cbor_put_uint(writer, cede_read_u16(&address_family));
    if (cede_reader_left(&address_family) > 0) {
        cede_cbor_put_uint(writer, cede_read_u8(&address_family));
    } else {
        cede_cbor_put_null(writer);
    }
    leave(&family, &address_family);
    addresses_from_der(&family, writer);
    leave(families, &family);
}

void ip_blocks_from_der(struct cede_reader *reader, struct cede_writer *writer)
{
    struct cede_reader ahead = *reader;
    size_t families_count = cede_der_count(cede_der_get(&ahead, CEDE_DER_SEQUENCE));
    struct cede_reader families = cede_der_enter(reader, CEDE_DER_SEQUENCE);

    cede_cbor_put_array(writer, families_count * 3);
    while (more(&families)) {
        family_from_der(&families, writer);
    }
    leave(reader, &families);
}

static void as_id_from_der(struct cede_reader *reader, struct cede_writer *writer,
                           uint32_t *previous)
{
    uint32_t id = cede_der_get_small(reader);

    if (id < *previous) {
        cede_reader_fail(reader, CEDE_DER_VALUE);
        return;
    }
    cede_cbor_put_uint(writer, id - *previous);
    *previous = id;
}

void as_ids_from_der(struct cede_reader *reader, struct cede_writer *writer)
{
    struct cede_reader outer = cede_der_enter(reader, CEDE_DER_SEQUENCE);
    struct cede_reader asnum = cede_der_enter(&outer, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    struct cede_reader ahead = asnum;
    size_t ids_count = cede_der_count(cede_der_get_any(&ahead, NULL));
    uint32_t previous = 0;

    if (cede_der_peek(&asnum) == CEDE_DER_NULL) { /* inherit */
        (void)cede_der_get(&asnum, CEDE_DER_NULL);
        cede_cbor_put_null(writer);
    } else {
        struct cede_reader ids = cede_der_enter(&asnum, CEDE_DER_SEQUENCE);
        cede_cbor_put_array(writer, ids_count);
        while (more(&ids)) {
            if (cede_der_peek(&ids) == CEDE_DER_SEQUENCE) {
                struct cede_reader range = cede_der_enter(&ids, CEDE_DER_SEQUENCE);
                cede_cbor_put_array(writer, 2);
                as_id_from_der(&range, writer, &previous);
                as_id_from_der(&range, writer, &previous);
                leave(&ids, &range);
            } else {
                as_id_from_der(&ids, writer, &previous);
            }
        }
        leave(&asnum, &ids);
    }
    leave(&outer, &asnum);
    leave(reader, &outer);
}
