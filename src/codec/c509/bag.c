/* SPDX-License-Identifier: Apache-2.0 */
/* bag.c - COSE_C509 and COSE_X509: one certificate, or an array of two or more. */
#include "cede/c509.h"

static enum cede_status decode(struct cede_reader *reader, struct cede_span *certificates,
                               size_t max, size_t *count)
{
    size_t items = 1;

    if (cede_cbor_peek(reader) == CEDE_CBOR_ARRAY) {
        items = cede_cbor_get_array(reader);
        if (reader->status == CEDE_OK && items < 2) {
            return CEDE_CBOR_COUNT;
        }
    }
    if (items > max) {
        return CEDE_NO_SPACE;
    }
    for (size_t i = 0; i < items; i++) {
        certificates[i] = cede_cbor_get_bytes(reader);
        if (reader->status == CEDE_OK && certificates[i].len == 0) {
            return CEDE_TRUNCATED;
        }
    }
    *count = items;
    return cede_reader_finish(reader);
}

enum cede_status cede_c509_bag_decode(struct cede_span encoding, struct cede_span *certificates,
                                      size_t max, size_t *certificates_count)
{
    struct cede_reader reader = cede_reader(encoding);
    enum cede_status status = decode(&reader, certificates, max, certificates_count);

    if (status != CEDE_OK) {
        *certificates_count = 0;
    }
    return status;
}

void cede_c509_put_bag(struct cede_writer *writer, const struct cede_span *certificates,
                       size_t certificates_count)
{
    if (certificates_count == 0) {
        cede_writer_fail(writer, CEDE_BAD_ARGUMENT);
        return;
    }
    if (certificates_count > 1) {
        cede_cbor_put_array(writer, certificates_count);
    }
    for (size_t i = 0; i < certificates_count; i++) {
        cede_cbor_put_bytes(writer, certificates[i]);
    }
}
