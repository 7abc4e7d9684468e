/* SPDX-License-Identifier: Apache-2.0 */
/* identifier.c - byte string identifiers and their one-byte form (RFC 9528, section 3.3.2). */
#include <string.h>

#include "edhoc_engine.h"

static bool is_one_byte_int(struct cede_span identifier)
{
    return identifier.len == 1 &&
           (identifier.ptr[0] <= 0x17 || (identifier.ptr[0] >= 0x20 && identifier.ptr[0] <= 0x37));
}

void edhoc_put_identifier(struct cede_writer *writer, struct cede_span identifier)
{
    if (is_one_byte_int(identifier)) {
        cede_write_bytes(writer, identifier);
    } else {
        cede_cbor_put_bytes(writer, identifier);
    }
}

struct cede_span edhoc_get_identifier(struct cede_reader *reader)
{
    enum cede_cbor_type type = cede_cbor_peek(reader);
    bool is_int = type == CEDE_CBOR_UINT || type == CEDE_CBOR_NINT;
    struct cede_span identifier = is_int ? cede_cbor_get_item(reader) : cede_cbor_get_bytes(reader);

    if (reader->status == CEDE_OK && is_int != is_one_byte_int(identifier)) {
        cede_reader_fail(reader, CEDE_EDHOC_IDENTIFIER);
        return CEDE_SPAN_NULL;
    }
    return identifier;
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
