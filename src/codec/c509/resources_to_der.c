/* SPDX-License-Identifier: Apache-2.0 */
/* resources_to_der.c - IPAddrBlocks and AS Identifiers (RFC 3779) from C509 back to DER. */
#include "codec/c509/extensions.h"

/* (unusedBits + 1) || value, as a number: the contents of a BIT STRING of up to eight bytes. */
static void number_to_bits(struct cede_reader *reader, struct cede_writer *writer, int64_t number)
{
    uint8_t bytes[8];
    size_t len = 0;

    for (size_t i = 0; i < 8; i++) {
        uint8_t byte = (uint8_t)((uint64_t)number >> (56 - 8 * i));
        if (len > 0 || byte != 0) {
            bytes[len++] = byte;
        }
    }
    if (number <= 0 || bytes[0] > 8) {
        cede_reader_fail(reader, CEDE_C509_EXTENSION);
        return;
    }
    bytes[0]--;
    cede_der_put(writer, CEDE_DER_BIT_STRING, cede_span(bytes, len));
}

/* Numbers are differences to the one before. */
static void address_to_der(struct cede_reader *reader, struct cede_writer *writer,
                           int64_t *previous)
{
    int64_t difference;

    if (cede_cbor_peek(reader) == CEDE_CBOR_BYTES) {
        cede_der_put(writer, CEDE_DER_BIT_STRING, cede_cbor_get_bytes(reader));
        return;
    }
    difference = cede_cbor_get_int(reader);
    if ((difference > 0 && *previous > INT64_MAX - difference) || difference < -*previous) {
        cede_reader_fail(reader, CEDE_CBOR_RANGE);
        return;
    }
    *previous += difference;
    number_to_bits(reader, writer, *previous);
}

static void addresses_to_der(struct cede_reader *reader, struct cede_writer *writer)
{
    size_t mark, addresses;
    int64_t previous = 0;

    if (cede_cbor_peek_null(reader)) { /* inherit */
        cede_cbor_get_null(reader);
        cede_der_put_null(writer);
        return;
    }
    mark = cede_der_open(writer, CEDE_DER_SEQUENCE);
    addresses = cede_cbor_get_array(reader);
    for (size_t i = 0; i < addresses && reader->status == CEDE_OK; i++) {
        if (cede_cbor_peek(reader) == CEDE_CBOR_ARRAY) {
            size_t range = cede_der_open(writer, CEDE_DER_SEQUENCE);
            cede_cbor_expect_array(reader, 2);
            address_to_der(reader, writer, &previous);
            address_to_der(reader, writer, &previous);
            cede_der_close(writer, range);
        } else {
            address_to_der(reader, writer, &previous);
        }
    }
    cede_der_close(writer, mark);
}

/* IPAddressFamily: AFI of two bytes and perhaps SAFI of one (RFC 3779, section 2.2.3.3). */
static void family_to_der(struct cede_reader *reader, struct cede_writer *writer)
{
    size_t family = cede_der_open(writer, CEDE_DER_SEQUENCE);
    uint64_t afi = cede_cbor_get_uint(reader);
    size_t mark = cede_der_open(writer, CEDE_DER_OCTET_STRING);

    if (afi > UINT16_MAX) {
        cede_reader_fail(reader, CEDE_CBOR_RANGE);
    }
    cede_write_u16(writer, (uint16_t)afi);
    if (cede_cbor_peek_null(reader)) {
        cede_cbor_get_null(reader);
    } else {
        uint64_t safi = cede_cbor_get_uint(reader);
        if (safi > UINT8_MAX) {
            cede_reader_fail(reader, CEDE_CBOR_RANGE);
        }
        cede_write_u8(writer, (uint8_t)safi);
    }
    cede_der_close(writer, mark);
    addresses_to_der(reader, writer);
    cede_der_close(writer, family);
}

void ip_blocks_to_der(struct cede_reader *reader, struct cede_writer *writer)
{
    size_t mark = cede_der_open(writer, CEDE_DER_SEQUENCE);
    size_t items = cede_cbor_get_array(reader);

    if (items % 3 != 0) {
        cede_reader_fail(reader, CEDE_CBOR_COUNT);
    }
    for (size_t i = 0; i < items / 3 && reader->status == CEDE_OK; i++) {
        family_to_der(reader, writer);
    }
    cede_der_close(writer, mark);
}

static void as_id_to_der(struct cede_reader *reader, struct cede_writer *writer, uint64_t *previous)
{
    uint64_t difference = cede_cbor_get_uint(reader);

    if (difference > UINT32_MAX - *previous) {
        cede_reader_fail(reader, CEDE_CBOR_RANGE);
        return;
    }
    *previous += difference;
    cede_der_put_small(writer, *previous);
}

static void as_list_to_der(struct cede_reader *reader, struct cede_writer *writer)
{
    size_t list = cede_der_open(writer, CEDE_DER_SEQUENCE);
    size_t ids = cede_cbor_get_array(reader);
    uint64_t previous = 0;

    for (size_t i = 0; i < ids && reader->status == CEDE_OK; i++) {
        if (cede_cbor_peek(reader) == CEDE_CBOR_ARRAY) {
            size_t range = cede_der_open(writer, CEDE_DER_SEQUENCE);
            cede_cbor_expect_array(reader, 2);
            as_id_to_der(reader, writer, &previous);
            as_id_to_der(reader, writer, &previous);
            cede_der_close(writer, range);
        } else {
            as_id_to_der(reader, writer, &previous);
        }
    }
    cede_der_close(writer, list);
}

/* asnum [0] of ASIdentifiers; rdi has no C509 form. */
void as_ids_to_der(struct cede_reader *reader, struct cede_writer *writer)
{
    size_t mark = cede_der_open(writer, CEDE_DER_SEQUENCE);
    size_t asnum = cede_der_open(writer, CEDE_DER_CONTEXT_CONSTRUCTED(0));

    if (cede_cbor_peek_null(reader)) { /* inherit */
        cede_cbor_get_null(reader);
        cede_der_put_null(writer);
    } else {
        as_list_to_der(reader, writer);
    }
    cede_der_close(writer, asnum);
    cede_der_close(writer, mark);
}
