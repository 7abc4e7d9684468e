/* SPDX-License-Identifier: Apache-2.0 */
/* identifier.c - connection identifiers (RFC 9528, section 3.3.2) and ID_CRED_x as it travels: both
 * are byte strings that may be sent as an integer of one byte (section 3.5.3.2). */
#include <string.h>

#include "edhoc_engine.h"

/* A single byte that is the encoding of an integer in -24..23: it travels as that integer. */
static bool is_one_byte_int(struct cede_span identifier)
{
    return identifier.len == 1 && (identifier.ptr[0] & ~0x20u) <= 0x17;
}

void edhoc_put_identifier(struct cede_writer *writer, const struct cede_edhoc_connection_id *id)
{
    struct cede_span identifier = cede_edhoc_connection_id_span(id);

    if (!is_one_byte_int(identifier)) {
        cede_cbor_put_bytes_head(writer, identifier.len);
    }
    cede_write_bytes(writer, identifier);
}

struct cede_span edhoc_get_identifier(struct cede_reader *reader)
{
    bool is_int = cede_cbor_peek(reader) <= CEDE_CBOR_NINT;
    struct cede_span identifier = (is_int ? cede_cbor_get_item : cede_cbor_get_bytes)(reader);

    if (reader->status == CEDE_OK && is_int != is_one_byte_int(identifier)) {
        cede_reader_fail(reader, CEDE_EDHOC_IDENTIFIER);
    }
    return identifier;
}

/* { 4 : kid }, the start of it. */
static bool is_lone_kid(struct cede_span map)
{
    return map.len > 2 && map.ptr[0] == 0xa1 && map.ptr[1] == 0x04;
}

void edhoc_put_id_cred(struct cede_writer *writer, struct cede_span map)
{
    size_t skip = 0;

    if (is_lone_kid(map)) {
        skip = map.len == 4 && is_one_byte_int(cede_span(map.ptr + 3, 1)) ? 3 : 2;
    }
    cede_write_bytes(writer, cede_span(map.ptr + skip, map.len - skip));
}

struct cede_span edhoc_get_id_cred(struct cede_reader *reader)
{
    size_t at = reader->pos;

    if (cede_cbor_peek(reader) != CEDE_CBOR_MAP) {
        (void)edhoc_get_identifier(reader);
    } else if (is_lone_kid(cede_cbor_get_item(reader))) {
        cede_reader_fail(reader, CEDE_EDHOC_IDENTIFIER);
    }
    return cede_reader_since(reader, at);
}

enum cede_status edhoc_connection_id_set(struct cede_edhoc_connection_id *id,
                                         struct cede_span bytes)
{
    if (bytes.len > sizeof id->bytes) {
        return CEDE_EDHOC_LENGTH;
    }
    id->len = (uint8_t)bytes.len;
    if (bytes.len > 0) {
        memcpy(id->bytes, bytes.ptr, bytes.len);
    }
    return CEDE_OK;
}

enum cede_status edhoc_c_r_set(struct cede_edhoc_session *session, struct cede_span c_r)
{
    if (c_r.len == session->c_i.len && memcmp(c_r.ptr, session->c_i.bytes, c_r.len) == 0) {
        return CEDE_EDHOC_CONNECTION_ID;
    }
    return edhoc_connection_id_set(&session->c_r, c_r);
}
