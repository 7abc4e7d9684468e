/* SPDX-License-Identifier: Apache-2.0 */
/* edhoc.c - EDHOC messages (RFC 9528, section 5): what of them is not encrypted. */
#include <inttypes.h>

#include "cede/edhoc.h"
#include "cede/transfer.h"
#include "inspect/kinds.h"
#include "inspect/meaning.h"

#define COORDINATE_LEN 32 /* of all suites but those with P-384 and X448 */

static const struct diag_value methods[] = {
    {0, "signature key, signature key"},
    {1, "signature key, static Diffie-Hellman"},
    {2, "static Diffie-Hellman, signature key"},
    {3, "static Diffie-Hellman, static Diffie-Hellman"},
    {0, NULL},
};
static const struct diag_shape method = {.values = methods, .types = DIAG_TYPE(CEDE_CBOR_UINT)};

static const struct diag_value suites[] = {
    {0, "CCM-8, X25519, EdDSA"},    {1, "CCM-16, X25519, EdDSA"},
    {2, "CCM-8, P-256, ES256"},     {3, "CCM-16, P-256, ES256"},
    {4, "ChaCha20, X25519, EdDSA"}, {5, "ChaCha20, P-256, ES256"},
    {6, "A128GCM, X25519, ES256"},  {24, "A256GCM, P-384, ES384"},
    {25, "ChaCha20, X448, EdDSA"},  {0, NULL},
};

/* SUITES_I: the selected suite alone, or all up to it with the selected one last. */
static void mean_suites(const struct diag *diag, struct cede_span item, FILE *text)
{
    struct cede_reader reader = cede_reader(item);
    int64_t suite = 0;
    size_t count = 1;
    const char *name;

    (void)diag;
    if (cede_cbor_peek(&reader) == CEDE_CBOR_ARRAY) {
        count = cede_cbor_get_array(&reader);
    }
    for (size_t i = 0; i < count; i++) {
        suite = cede_cbor_get_int(&reader);
    }
    if (reader.status == CEDE_OK && count > 0) {
        name = diag_name(suites, suite);
        fprintf(text, "selected %" PRId64 ", %s", suite, name != NULL ? name : "not registered");
    }
}
static const struct diag_shape suites_shape = {.meaning = mean_suites};

static void mean_point(const struct diag *diag, struct cede_span item, FILE *text)
{
    struct cede_span bytes;

    (void)diag;
    if (diag_as_bytes(item, &bytes)) {
        fprintf(text, "%zu bytes", bytes.len);
    }
}
static const struct diag_shape point = {.meaning = mean_point, .types = DIAG_TYPE(CEDE_CBOR_BYTES)};
static const struct diag_shape identifier = {.types = DIAG_INTEGER | DIAG_TYPE(CEDE_CBOR_BYTES)};

static void mean_ead(const struct diag *diag, struct cede_span item, FILE *text)
{
    int64_t label;

    (void)diag;
    if (diag_as_int(item, &label)) {
        fputs(label == 0 ? "padding" : label < 0 ? "label, critical" : "label, not critical", text);
        if (label == CEDE_EAD_CREDENTIAL_BY_VALUE || label == -CEDE_EAD_CREDENTIAL_BY_VALUE) {
            fputs(", credential by value, please", text);
        }
    } else {
        fputs("value", text);
    }
}
static const struct diag_shape ead = {.meaning = mean_ead};

static const struct diag_field message_1_fields[] = {
    {0, "METHOD", &method}, {1, "SUITES_I", &suites_shape},
    {2, "G_X", &point},     {3, "C_I", &identifier},
    {4, "EAD_1", &ead},     {0, NULL, NULL}};

static enum cede_status check_message_1(struct cede_reader *reader)
{
    int64_t method_number = cede_cbor_get_int(reader);
    enum cede_cbor_type type;

    if (reader->status == CEDE_OK && (method_number < 0 || method_number > 3)) {
        return CEDE_EDHOC_METHOD;
    }
    if (cede_cbor_peek(reader) != CEDE_CBOR_ARRAY) {
        (void)cede_cbor_get_int(reader);
    } else {
        size_t count = cede_cbor_get_array(reader);

        if (reader->status == CEDE_OK && count < 2) {
            return CEDE_EDHOC_SUITES;
        }
        for (size_t i = 0; i < count; i++) {
            (void)cede_cbor_get_int(reader);
        }
    }
    (void)cede_cbor_get_bytes(reader);
    type = cede_cbor_peek(reader);
    if (reader->status == CEDE_OK && type != CEDE_CBOR_NONE && type > CEDE_CBOR_BYTES) {
        return CEDE_EDHOC_IDENTIFIER;
    }
    (void)cede_cbor_get_item(reader);
    return reader->status;
}

/* Over CoAP `true` stands before it (RFC 9528, appendix A.2.1). */
void print_message_1(struct diag *diag, struct cede_span input)
{
    struct cede_reader reader = cede_reader(input), again;

    fputs("/ EDHOC message_1 /", diag->out);
    diag_newline(diag);
    if (cede_reader_peek(&reader) == 0xf5) {
        diag_item(diag, &reader, NULL, "message_1 follows", ",");
    }
    again = reader;
    diag_sequence(diag, &reader, message_1_fields, true);
    if (diag->status == CEDE_OK) {
        enum cede_status status = check_message_1(&again);

        if (diag_reader_ok(diag, &again)) {
            diag_check(diag, input, status);
        }
    }
}

/* One byte string, perhaps after a connection identifier. */
static void print_encrypted(struct diag *diag, struct cede_span input, const char *title,
                            const char *id, const char *label)
{
    struct cede_reader reader = cede_reader(input), ahead = reader;

    fprintf(diag->out, "/ EDHOC %s /", title);
    diag_newline(diag);
    (void)cede_cbor_get_item(&ahead);
    if (id != NULL && ahead.status == CEDE_OK && cede_reader_left(&ahead) > 0) {
        diag_item(diag, &reader, &identifier, id, ",");
        diag_newline(diag);
    }
    ahead = reader;
    diag_item(diag, &reader, &point, label, "");
    if (diag->status == CEDE_OK) {
        (void)cede_cbor_get_bytes(&ahead);
        ahead.status = cede_reader_finish(&ahead);
        (void)diag_reader_ok(diag, &ahead);
    }
}

void print_message_2(struct diag *diag, struct cede_span input)
{
    struct cede_reader reader = cede_reader(input);
    struct cede_span bytes = cede_cbor_get_bytes(&reader);

    print_encrypted(diag, input, "message_2", NULL, "G_Y and CIPHERTEXT_2");
    if (diag->status == CEDE_OK && bytes.len <= COORDINATE_LEN) {
        diag_check(diag, input, CEDE_EDHOC_LENGTH);
    } else if (diag->status == CEDE_OK) {
        diag_remark(diag, "with a 32-byte coordinate: CIPHERTEXT_2 is %zu bytes",
                    bytes.len - COORDINATE_LEN);
    }
}

void print_message_3(struct diag *diag, struct cede_span input)
{
    print_encrypted(diag, input, "message_3", "C_R", "CIPHERTEXT_3");
}

void print_message_4(struct diag *diag, struct cede_span input)
{
    print_encrypted(diag, input, "message_4", NULL, "CIPHERTEXT_4");
}

static const struct diag_value error_codes[] = {
    {0, "success, reserved"},
    {CEDE_EDHOC_ERROR_UNSPECIFIED, "unspecified error"},
    {CEDE_EDHOC_ERROR_WRONG_SUITE, "wrong selected cipher suite"},
    {CEDE_EDHOC_ERROR_UNKNOWN_CREDENTIAL, "unknown credential referenced"},
    {0, NULL}};
static const struct diag_shape error_code = {.values = error_codes, .types = DIAG_INTEGER};
static const struct diag_field error_fields[] = {
    {0, "ERR_CODE", &error_code}, {1, "ERR_INFO", NULL}, {0, NULL, NULL}};

void print_edhoc_error(struct diag *diag, struct cede_span input)
{
    struct cede_reader reader = cede_reader(input);
    struct cede_edhoc_error error;

    fputs("/ EDHOC error /", diag->out);
    diag_newline(diag);
    diag_sequence(diag, &reader, error_fields, false);
    if (diag->status == CEDE_OK) {
        diag_check(diag, input, cede_edhoc_process_error(input, &error));
    }
}
