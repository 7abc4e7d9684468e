/* SPDX-License-Identifier: Apache-2.0 */
/* plaintext.c - the parts that PLAINTEXT_2 and PLAINTEXT_3, or their messages, have in common:
 * PLAINTEXT_x = ( ? C_R, ID_CRED_x, Signature_or_MAC_x, ? EAD_x ). */
#include "edhoc_engine.h"

static void put_before_ead(struct cede_writer *writer, const struct edhoc_draft *draft,
                           struct cede_buf *signature_or_mac)
{
    if (draft->c_r != NULL) {
        edhoc_put_identifier(writer, cede_edhoc_connection_id_span(draft->c_r));
    }
    edhoc_put_id_cred(writer, &draft->id_cred);
    cede_cbor_put_bytes_head(writer, draft->signature_or_mac_len);
    *signature_or_mac = cede_write_room(writer, draft->signature_or_mac_len);
}

size_t edhoc_draft_len(const struct edhoc_draft *draft)
{
    struct cede_writer writer = cede_writer_counting();
    struct cede_buf ignored;

    put_before_ead(&writer, draft, &ignored);
    edhoc_put_eads(&writer, draft->eads);
    return writer.len;
}

enum cede_status edhoc_draft_write(struct edhoc_draft *draft, struct cede_buf out)
{
    struct cede_writer writer = cede_writer(out);
    struct cede_span written;
    size_t ead_at;

    put_before_ead(&writer, draft, &draft->signature_or_mac);
    ead_at = writer.len;
    edhoc_put_eads(&writer, draft->eads);
    CEDE_TRY(cede_writer_finish(&writer, &written));
    draft->ead = cede_span_part(written, ead_at, written.len - ead_at);
    draft->plaintext = cede_buf(out.ptr, written.len);
    return CEDE_OK;
}

enum cede_status edhoc_peer_decode(const struct edhoc_env *env, enum edhoc_side side,
                                   struct cede_reader *reader, struct cede_edhoc_peer *peer)
{
    peer->plaintext = reader->in;
    peer->id_cred = edhoc_get_id_cred(reader);
    peer->signature_or_mac = cede_cbor_get_bytes(reader);
    peer->ead = cede_read_rest(reader);
    CEDE_TRY(cede_reader_finish(reader));
    if (peer->signature_or_mac.len != edhoc_proof_len(env, side)) {
        return CEDE_EDHOC_LENGTH;
    }
    return edhoc_eads_decode(env->config, peer->ead, &peer->eads);
}

enum cede_status edhoc_unwrap(struct cede_span message, struct cede_span *content)
{
    struct cede_reader reader = cede_reader(message);

    if (message.len > CEDE_EDHOC_MESSAGE_LEN_MAX) {
        return CEDE_EDHOC_LENGTH;
    }
    *content = cede_cbor_get_bytes(&reader);
    return cede_reader_finish(&reader);
}

enum cede_status edhoc_wrap(struct cede_writer *writer, size_t content_len,
                            struct cede_buf *content)
{
    cede_cbor_put_bytes_head(writer, content_len);
    *content = cede_write_room(writer, content_len);
    if (content->ptr == NULL || writer->len > CEDE_EDHOC_MESSAGE_LEN_MAX) {
        return CEDE_NO_SPACE;
    }
    return CEDE_OK;
}
