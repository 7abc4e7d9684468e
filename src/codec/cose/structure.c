/* SPDX-License-Identifier: Apache-2.0 */
/*
 * structure.c - what is signed, MACed or authenticated (RFC 9052, sections 4.4, 5.3 and 6.3), and
 * the frame that all single-recipient objects share.
 */
#include <string.h>

#include "headers.h"

void cose_parts_begin(struct cede_cose_parts *parts, const char *opening)
{
    parts->parts[0] = cede_span((const uint8_t *)opening, 2 + (opening[1] & 0x1f));
    parts->count = 1;
}

void cose_parts_add(struct cede_cose_parts *parts, const struct cede_span *string)
{
    struct cede_span *part = &parts->parts[parts->count];
    uint8_t *head = parts->heads + parts->count * 5;

    part[0] = cede_span(head, cede_cbor_head(head, CEDE_CBOR_BYTES, string->len));
    part[1] = *string;
    parts->count += 2;
}

void cede_cose_sig_structure(struct cede_cose_parts *parts, struct cede_span protected_map,
                             struct cede_span external_aad, struct cede_span payload)
{
    cose_parts_begin(parts, COSE_SIGNATURE1);
    cose_parts_add(parts, &protected_map);
    cose_parts_add(parts, &external_aad);
    cose_parts_add(parts, &payload);
}

void cose_sign_structure(struct cede_cose_parts *parts, struct cede_span body_protected,
                         struct cede_span sign_protected, struct cede_span external_aad,
                         struct cede_span payload)
{
    cose_parts_begin(parts, COSE_SIGNATURE);
    cose_parts_add(parts, &body_protected);
    cose_parts_add(parts, &sign_protected);
    cose_parts_add(parts, &external_aad);
    cose_parts_add(parts, &payload);
}

void cede_cose_mac_structure(struct cede_cose_parts *parts, struct cede_span protected_map,
                             struct cede_span external_aad, struct cede_span payload)
{
    cose_parts_begin(parts, COSE_MAC0);
    cose_parts_add(parts, &protected_map);
    cose_parts_add(parts, &external_aad);
    cose_parts_add(parts, &payload);
}

void cede_cose_enc_structure(struct cede_writer *writer, struct cede_span protected_map,
                             struct cede_span external_aad)
{
    cede_cbor_put_array(writer, 3);
    cede_cbor_put_text(writer, CEDE_SPAN_TEXT("Encrypt0"));
    cede_cbor_put_bytes(writer, protected_map);
    cede_cbor_put_bytes(writer, external_aad);
}

/* --- the frame -------------------------------------------------------------------------------- */

bool cose_read_open(struct cede_reader *reader, uint64_t tag, size_t element_count)
{
    bool tagged = cede_cbor_peek(reader) == CEDE_CBOR_TAG;

    if (tagged && cede_cbor_get_tag(reader) != tag && reader->status == CEDE_OK) {
        cede_reader_fail(reader, CEDE_COSE_TAG);
    }
    cede_cbor_expect_array(reader, element_count);
    return tagged;
}

void cose_write_open(struct cede_writer *writer, bool tagged, uint64_t tag, size_t element_count)
{
    if (tagged) {
        cede_cbor_put_tag(writer, tag);
    }
    cede_cbor_put_array(writer, element_count);
}

struct cede_span cose_read_content(struct cede_reader *reader)
{
    return cede_cbor_take_null(reader) ? CEDE_SPAN_NULL : cede_cbor_get_bytes(reader);
}

void cose_write_content(struct cede_writer *writer, struct cede_span content)
{
    if (cede_span_is_null(content)) {
        cede_cbor_put_null(writer);
    } else {
        cede_cbor_put_bytes(writer, content);
    }
}

const struct cede_span *cose_content(const struct cede_span *attached,
                                     const struct cede_span *detached)
{
    if (attached->ptr == NULL) {
        attached = detached;
    } else if (detached->ptr != NULL) {
        return NULL;
    }
    return attached->ptr != NULL ? attached : NULL;
}

enum cede_status cose_pick_content(struct cede_span attached, struct cede_span detached,
                                   struct cede_span *content)
{
    const struct cede_span *picked = cose_content(&attached, &detached);

    if (picked == NULL) {
        return CEDE_COSE_PAYLOAD;
    }
    *content = *picked;
    return CEDE_OK;
}

bool cose_read_frame(struct cede_reader *reader, unsigned tag, struct cede_cose_headers *headers,
                     struct cede_span *content)
{
    unsigned first = cbor_first(reader);
    bool tagged = first >> 5 == CEDE_CBOR_TAG;

    if (tagged) {
        if (first != (0xc0 | tag)) {
            cede_reader_fail(reader, CEDE_COSE_TAG);
        }
        reader->pos++;
    }
    cede_cbor_expect_array(reader, tag == CEDE_COSE_TAG_ENCRYPT0 ? 3 : 4);
    cose_headers_read(reader, headers);
    *content = CEDE_SPAN_NULL;
    if (!cede_cbor_take_null(reader)) {
        cbor_read_string(reader, CBOR_TYPE(BYTES), content);
    }
    return tagged;
}

enum cede_status cose_finish(const struct cede_reader *reader, void *msg, size_t msg_len)
{
    enum cede_status status = cede_reader_finish(reader);

    if (status != CEDE_OK) {
        memset(msg, 0, msg_len);
    }
    return status;
}
