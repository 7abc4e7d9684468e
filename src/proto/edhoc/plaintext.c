/* SPDX-License-Identifier: Apache-2.0 */
/* plaintext.c - the parts that PLAINTEXT_2 and PLAINTEXT_3, or their messages, have in common:
 * PLAINTEXT_x = ( ? C_R, ID_CRED_x, Signature_or_MAC_x, ? EAD_x ). */
#include <string.h>

#include "edhoc_engine.h"

struct cede_buf edhoc_content(struct cede_buf out, size_t skip)
{
    skip += EDHOC_HEAD_LEN_MAX;
    return out.cap < skip ? cede_buf(NULL, 0) : cede_buf(out.ptr + skip, out.cap - skip);
}

enum cede_status edhoc_put_plaintext(struct edhoc_step *step, struct cede_writer *writer,
                                     const struct cede_edhoc_own *own,
                                     const struct cede_edhoc_eads *eads,
                                     struct cede_edhoc_peer *self)
{
    size_t proof_len = edhoc_proof_len(step);
    size_t ead_at;

    self->id_cred = own->id_cred;
    edhoc_put_id_cred(writer, own->id_cred);
    cede_cbor_put_bytes_head(writer, proof_len);
    step->proof = cede_write_room(writer, proof_len).ptr;
    ead_at = writer->len;
    edhoc_put_eads(writer, eads);
    CEDE_TRY(edhoc_written(writer, &self->plaintext));
    self->ead = cede_span(self->plaintext.ptr + ead_at, writer->len - ead_at);
    return CEDE_OK;
}

enum cede_status edhoc_get_plaintext(const struct edhoc_step *step, struct cede_reader *reader,
                                     struct cede_edhoc_peer *peer)
{
    peer->plaintext = reader->in;
    peer->id_cred = edhoc_get_id_cred(reader);
    peer->signature_or_mac = cede_cbor_get_bytes(reader);
    peer->ead = cede_read_rest(reader);
    CEDE_TRY(cede_reader_finish(reader));
    if (peer->signature_or_mac.len != edhoc_proof_len(step)) {
        return CEDE_EDHOC_LENGTH;
    }
    return edhoc_eads_decode(step->config, peer->ead, &peer->eads);
}

enum cede_status edhoc_written(const struct cede_writer *writer, struct cede_span *written)
{
    CEDE_TRY(cede_writer_finish(writer, written));
    return written->ptr == NULL || written->len > CEDE_EDHOC_MESSAGE_LEN_MAX ? CEDE_NO_SPACE
                                                                             : CEDE_OK;
}

enum cede_status edhoc_unwrap(struct cede_span message, struct cede_buf out,
                              struct cede_span *content)
{
    struct cede_reader reader = cede_reader(message);

    *content = cede_cbor_get_bytes(&reader);
    CEDE_TRY(cede_reader_finish(&reader));
    if (content->len == 0 || message.len > CEDE_EDHOC_MESSAGE_LEN_MAX) {
        return CEDE_EDHOC_LENGTH;
    }
    if (content->len > out.cap) {
        return CEDE_NO_SPACE;
    }
    memmove(out.ptr, content->ptr, content->len);
    content->ptr = out.ptr;
    return CEDE_OK;
}

enum cede_status edhoc_wrap(struct cede_buf out, struct cede_span content,
                            struct cede_span *message)
{
    struct cede_writer writer = cede_writer(out);

    cede_cbor_put_bytes(&writer, content);
    return edhoc_written(&writer, message);
}
