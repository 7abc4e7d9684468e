/* SPDX-License-Identifier: Apache-2.0 */
/*
 * structure.c - what is signed, MACed or authenticated (RFC 9052, sections 4.4, 5.3 and 6.3), and
 * the frame that all single-recipient objects share.
 */
#include "headers.h"

/* An array of the context and byte strings, as heads and strings in turn. */
static void make_parts(struct cede_cose_parts *parts, struct cede_span context,
                       const struct cede_span *strings, size_t strings_count)
{
    struct cede_writer heads = cede_writer(CEDE_BUF_ARRAY(parts->heads));
    size_t from = 0;

    parts->count = 0;
    cede_cbor_put_array(&heads, strings_count + 1);
    cede_cbor_put_text(&heads, context);
    for (size_t i = 0; i < strings_count; i++) {
        cede_cbor_put_bytes_head(&heads, strings[i].len);
        if (strings[i].len == 0 && i + 1 < strings_count) {
            continue; /* its head joins the next one */
        }
        parts->parts[parts->count++] = cede_span(parts->heads + from, heads.len - from);
        from = heads.len;
        if (strings[i].len > 0) {
            parts->parts[parts->count++] = strings[i];
        }
    }
}

void cede_cose_sig_structure(struct cede_cose_parts *parts, struct cede_span protected_map,
                             struct cede_span external_aad, struct cede_span payload)
{
    const struct cede_span strings[] = {protected_map, external_aad, payload};

    make_parts(parts, CEDE_SPAN_TEXT("Signature1"), strings, 3);
}

void cose_sign_structure(struct cede_cose_parts *parts, struct cede_span body_protected,
                         struct cede_span sign_protected, struct cede_span external_aad,
                         struct cede_span payload)
{
    const struct cede_span strings[] = {body_protected, sign_protected, external_aad, payload};

    make_parts(parts, CEDE_SPAN_TEXT("Signature"), strings, 4);
}

void cede_cose_mac_structure(struct cede_cose_parts *parts, struct cede_span protected_map,
                             struct cede_span external_aad, struct cede_span payload)
{
    const struct cede_span strings[] = {protected_map, external_aad, payload};

    make_parts(parts, CEDE_SPAN_TEXT("MAC0"), strings, 3);
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
    if (cede_cbor_peek_null(reader)) {
        cede_cbor_get_null(reader);
        return CEDE_SPAN_NULL;
    }
    return cede_cbor_get_bytes(reader);
}

void cose_write_content(struct cede_writer *writer, struct cede_span content)
{
    if (cede_span_is_null(content)) {
        cede_cbor_put_null(writer);
    } else {
        cede_cbor_put_bytes(writer, content);
    }
}

enum cede_status cose_pick_content(struct cede_span attached, struct cede_span detached,
                                   struct cede_span *content)
{
    if (cede_span_is_null(attached) == cede_span_is_null(detached)) {
        return CEDE_COSE_PAYLOAD;
    }
    *content = cede_span_is_null(attached) ? detached : attached;
    return CEDE_OK;
}
