/* SPDX-License-Identifier: Apache-2.0 */
/* file.c - stored C509 items: the envelope that tells what they are (RFC 9277, section 2.2). */
#include "cede/c509.h"

#define TAG_SELF_DESCRIBED 55799

/* TN(ct), RFC 9277, appendix B: a tag for each content format up to 65024, made so that none of its
 * four bytes is zero. */
#define TAG_FIRST  UINT64_C(0x63740101)
#define FORMAT_MAX 65024

void cede_c509_put_file_head(struct cede_writer *writer, uint32_t format)
{
    if (format > FORMAT_MAX) {
        cede_writer_fail(writer, CEDE_BAD_ARGUMENT);
        return;
    }
    cede_cbor_put_tag(writer, TAG_SELF_DESCRIBED);
    cede_cbor_put_tag(writer, TAG_FIRST + format / 255 * 256 + format % 255);
}

enum cede_status cede_c509_file_open(struct cede_span file, uint32_t *format,
                                     struct cede_span *item)
{
    struct cede_reader reader = cede_reader(file);
    uint64_t number;

    *format = 0;
    *item = file;
    if (cede_cbor_peek(&reader) != CEDE_CBOR_TAG) {
        return CEDE_OK;
    }
    *item = CEDE_SPAN_NULL;
    if (cede_cbor_get_tag(&reader) != TAG_SELF_DESCRIBED) {
        return reader.status != CEDE_OK ? reader.status : CEDE_CBOR_TYPE;
    }
    number = cede_cbor_get_tag(&reader);
    if (reader.status != CEDE_OK) {
        return reader.status;
    }
    if (number < TAG_FIRST || number > (TAG_FIRST | 0xffff) || (number & 0xff) == 0) {
        return CEDE_CBOR_TYPE;
    }
    number -= TAG_FIRST;
    *format = (uint32_t)(number / 256 * 255 + number % 256);
    *item = cede_read_rest(&reader);
    return CEDE_OK;
}
