/* SPDX-License-Identifier: Apache-2.0 */
/* error_message.c - error = ( ERR_CODE, ERR_INFO ) (RFC 9528, section 6). */
#include <string.h>

#include "edhoc_engine.h"

/* Whole messages: ERR_CODE and ERR_INFO. A peer may learn the kind of failure, not its cause. */
static struct cede_span error_for(enum cede_status status)
{
    if (status == CEDE_EDHOC_UNKNOWN_CREDENTIAL) {
        return CEDE_SPAN_TEXT("\x03\xf5");
    }
    return cede_status_class(status) == CEDE_CLASS_MALFORMED ? CEDE_SPAN_TEXT("\x01\x69malformed")
                                                             : CEDE_SPAN_TEXT("\x01\x67refused");
}

enum cede_status cede_edhoc_compose_error(const struct cede_edhoc_config *config,
                                          enum cede_status status, struct cede_buf out,
                                          struct cede_span *message)
{
    struct cede_writer writer = cede_writer(out);

    if (status == CEDE_OK) { /* code 0 never travels (section 6.1) */
        cede_writer_fail(&writer, CEDE_BAD_ARGUMENT);
    }
    if (status == CEDE_EDHOC_WRONG_SUITE) {
        /* All suites: among them is the one of SUITES_I that the initiator likes best. */
        cede_write_u8(&writer, CEDE_EDHOC_ERROR_WRONG_SUITE);
        edhoc_put_suites(&writer, config, NULL);
    } else {
        cede_write_bytes(&writer, error_for(status));
    }
    return cede_writer_finish(&writer, message);
}

bool cede_edhoc_is_error(struct cede_span message)
{
    struct cede_reader reader = cede_reader(message);
    enum cede_cbor_type type = cede_cbor_peek(&reader);

    return type == CEDE_CBOR_UINT || type == CEDE_CBOR_NINT;
}

static void get_suites_r(struct cede_reader *reader, struct cede_edhoc_error *error)
{
    struct edhoc_suites_reader suites = edhoc_get_suites(reader);
    int32_t suite;

    while (edhoc_suites_next(&suites, &suite)) {
        error->suites_r[error->suites_r_count++] = suite;
    }
}

/* ERR_INFO of the code, whose type the code fixes; `any` for codes yet to be registered. */
static void get_info(struct cede_reader *reader, struct cede_edhoc_error *error)
{
    size_t at = reader->pos;

    switch (error->code) {
    case CEDE_EDHOC_ERROR_UNSPECIFIED:
        error->text = cede_cbor_get_text(reader);
        break;
    case CEDE_EDHOC_ERROR_WRONG_SUITE:
        get_suites_r(reader, error);
        break;
    case CEDE_EDHOC_ERROR_UNKNOWN_CREDENTIAL:
        if (!cede_cbor_get_bool(reader)) {
            cede_reader_fail(reader, CEDE_EDHOC_ERROR_CODE);
        }
        break;
    default:
        (void)cede_cbor_get_item(reader);
        break;
    }
    error->info = cede_reader_since(reader, at);
}

enum cede_status cede_edhoc_process_error(struct cede_span message, struct cede_edhoc_error *error)
{
    struct cede_reader reader = cede_reader(message);
    struct cede_edhoc_error decoded;
    int64_t code = cede_cbor_get_int(&reader);

    memset(error, 0, sizeof *error);
    memset(&decoded, 0, sizeof decoded);
    CEDE_TRY(reader.status);
    if (code == 0 || code < INT32_MIN || code > INT32_MAX) {
        return CEDE_EDHOC_ERROR_CODE;
    }
    decoded.code = (int32_t)code;
    get_info(&reader, &decoded);
    CEDE_TRY(cede_reader_finish(&reader));
    *error = decoded;
    return CEDE_OK;
}
