/* SPDX-License-Identifier: Apache-2.0 */
/* diag.c - CBOR diagnostic notation with comments (RFC 8949, section 8; RFC 8610, appendix G). */
#include "inspect/diag.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define INLINE_LEN_MAX 40 /* items without fields stay on one line up to this length */

void diag_init(struct diag *diag, FILE *out, const struct cede_crypto *crypto,
               struct cede_span input)
{
    *diag = (struct diag){
        .out = out, .crypto = crypto, .input = input, .input_name = "", .at_name = ""};
}

/* --- failures -----------------------------------------------------------------------------------
 */

void diag_fail_at(struct diag *diag, size_t at, enum cede_status status)
{
    if (diag->status == CEDE_OK && status != CEDE_OK) {
        diag->status = status;
        diag->at = at <= diag->input.len ? at : diag->input.len;
        diag->at_name = diag->input_name;
    }
}

/* An item that is not what its shape says. Perhaps that is allowed: the decoder decides. */
static void hint(struct diag *diag, const struct cede_reader *reader, size_t pos)
{
    size_t at = 0;

    if (!diag->has_hint && cede_span_offset(diag->input, cede_span(reader->in.ptr, 0), &at)) {
        diag->has_hint = true;
        diag->hint = at + pos;
    }
}

void diag_check(struct diag *diag, struct cede_span part, enum cede_status status)
{
    size_t at = 0, offset = 0;

    (void)cede_span_offset(diag->input, part, &at);
    if (status == CEDE_CBOR_KEY_ORDER &&
        cede_cbor_check(part, CEDE_CBOR_SORTED, &offset) == CEDE_CBOR_KEY_ORDER) {
        at += offset;
    } else if (diag->has_hint && diag->hint >= at && diag->hint - at < part.len) {
        at = diag->hint;
    } else if (status == CEDE_TRUNCATED) { /* all of it could be read: something is missing */
        at += part.len;
    }
    diag_fail_at(diag, at, status);
}

bool diag_reader_ok(struct diag *diag, const struct cede_reader *reader)
{
    size_t at = 0;

    if (reader->status != CEDE_OK) {
        (void)cede_span_offset(diag->input, cede_span(reader->in.ptr, 0), &at);
        diag_fail_at(diag, at + reader->pos, reader->status);
    }
    return diag->status == CEDE_OK;
}

/* --- text ---------------------------------------------------------------------------------------
 */

void diag_newline(struct diag *diag)
{
    fprintf(diag->out, "\n%*s", (int)diag->indent * 2, "");
}

void diag_hex(FILE *out, struct cede_span bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        fprintf(out, "%02x", bytes.ptr[i]);
    }
}

/* What a terminal might obey is escaped: C0, DEL, and C1, which is c2 80 to c2 9f in UTF-8. */
static bool is_control(struct cede_span text, size_t at, size_t *len, unsigned *code)
{
    uint8_t byte = text.ptr[at];

    *len = 1;
    *code = byte;
    if (byte == 0xc2 && at + 1 < text.len && text.ptr[at + 1] < 0xa0) {
        *len = 2;
        *code = text.ptr[at + 1];
        return true;
    }
    return byte < 0x20 || byte == 0x7f;
}

void diag_text(FILE *out, struct cede_span text)
{
    for (size_t i = 0, len; i < text.len; i += len) {
        unsigned code;

        if (is_control(text, i, &len, &code)) {
            fprintf(out, "\\u%04x", code);
        } else {
            if (code == '"' || code == '\\') {
                fputc('\\', out);
            }
            fputc((int)code, out);
        }
    }
}

/* A comment must not hold its own end, nor anything a terminal obeys. */
static void put_comment(struct diag *diag, const char *label, const char *text)
{
    struct cede_span parts[3] = {cede_span_string(label != NULL ? label : ""), CEDE_SPAN_TEXT(": "),
                                 cede_span_string(text)};

    if (parts[0].len == 0 || parts[2].len == 0) {
        parts[1].len = 0;
    }
    if (parts[0].len + parts[2].len == 0) {
        return;
    }
    fputs(" / ", diag->out);
    for (size_t p = 0; p < 3; p++) {
        for (size_t i = 0, len; i < parts[p].len; i += len) {
            unsigned code;
            bool control = is_control(parts[p], i, &len, &code);

            fputc(control ? '?' : code == '/' ? '|' : (int)code, diag->out);
        }
    }
    fputs(" /", diag->out);
}

void diag_remark(struct diag *diag, const char *format, ...)
{
    char text[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    diag_newline(diag);
    fputc('/', diag->out);
    for (const char *at = text; *at != '\0'; at++) {
        fputs(at == text ? " " : "", diag->out);
        fputc(*at == '/' ? '|' : (unsigned char)*at < 0x20 ? '?' : *at, diag->out);
    }
    fputs(" /", diag->out);
}

/* --- items as values ----------------------------------------------------------------------------
 */

bool diag_as_int(struct cede_span item, int64_t *value)
{
    struct cede_reader reader = cede_reader(item);

    *value = cede_cbor_get_int(&reader);
    return cede_reader_finish(&reader) == CEDE_OK;
}

bool diag_as_bytes(struct cede_span item, struct cede_span *bytes)
{
    struct cede_reader reader = cede_reader(item);

    *bytes = cede_cbor_get_bytes(&reader);
    return cede_reader_finish(&reader) == CEDE_OK;
}

bool diag_as_text(struct cede_span item, struct cede_span *text)
{
    struct cede_reader reader = cede_reader(item);

    *text = cede_cbor_get_text(&reader);
    return cede_reader_finish(&reader) == CEDE_OK;
}

const char *diag_name(const struct diag_value *values, int64_t value)
{
    for (; values != NULL && values->name != NULL; values++) {
        if (values->value == value) {
            return values->name;
        }
    }
    return NULL;
}

/* "label: meaning" behind an item. */
static void comment(struct diag *diag, const struct diag_shape *shape, const char *label,
                    struct cede_span item)
{
    char *text = NULL;
    size_t len = 0;
    int64_t value;
    FILE *to = open_memstream(&text, &len);

    if (to == NULL) {
        diag_fail_at(diag, 0, CEDE_OS_FAILED);
        return;
    }
    if (shape != NULL && shape->values != NULL && diag_as_int(item, &value)) {
        const char *name = diag_name(shape->values, value);

        if (name != NULL || shape->meaning == NULL) { /* else its meaning is told next */
            fputs(name != NULL ? name : "unknown", to);
        }
    }
    if (shape != NULL && shape->meaning != NULL) {
        shape->meaning(diag, item, to);
    }
    fclose(to);
    put_comment(diag, label, text);
    free(text);
}

/* --- simple values and floats -------------------------------------------------------------------
 */

static double from_half(uint16_t bits)
{
    int exponent = bits >> 10 & 0x1f;
    int mantissa = bits & 0x3ff;
    double value = exponent == 0    ? ldexp(mantissa, -24)
                   : exponent != 31 ? ldexp(mantissa + 1024, exponent - 25)
                   : mantissa == 0  ? (double)INFINITY
                                    : (double)NAN;

    return bits & 0x8000 ? -value : value;
}

static void put_float(FILE *out, double value)
{
    char text[32];

    if (isnan(value) || isinf(value)) {
        fputs(isnan(value) ? "NaN" : value < 0 ? "-Infinity" : "Infinity", out);
        return;
    }
    snprintf(text, sizeof text, "%.17g", value);
    fprintf(out, "%s%s", text, strpbrk(text, ".e") == NULL ? ".0" : "");
}

static void put_simple(FILE *out, struct cede_span item)
{
    static const char *const names[] = {"false", "true", "null", "undefined"};
    struct cede_reader reader = cede_reader(item);
    uint8_t info = cede_read_u8(&reader) & 0x1f;
    uint32_t bits32;
    uint64_t bits64;
    float single;
    double wide;

    switch (info) {
    case 24:
        fprintf(out, "simple(%u)", cede_read_u8(&reader));
        return;
    case 25:
        put_float(out, from_half(cede_read_u16(&reader)));
        return;
    case 26:
        bits32 = cede_read_u32(&reader);
        memcpy(&single, &bits32, sizeof single);
        put_float(out, (double)single);
        return;
    case 27:
        bits64 = cede_read_u64(&reader);
        memcpy(&wide, &bits64, sizeof wide);
        put_float(out, wide);
        return;
    default:
        if (info >= 20 && info <= 23) {
            fputs(names[info - 20], out);
        } else {
            fprintf(out, "simple(%u)", info);
        }
        return;
    }
}

/* A negative number may need 65 bits. */
static void put_nint(FILE *out, struct cede_span item)
{
    uint64_t argument = item.ptr[0] & 0x1f;

    for (size_t i = 1; i < item.len; i++) {
        argument = i == 1 ? item.ptr[1] : argument << 8 | item.ptr[i];
    }
    if (argument == UINT64_MAX) {
        fputs("-18446744073709551616", out);
    } else {
        fprintf(out, "-%" PRIu64, argument + 1);
    }
}

static void put_scalar(struct diag *diag, struct cede_reader *reader, enum cede_cbor_type type)
{
    struct cede_reader content = *reader;
    struct cede_span item = cede_cbor_get_item(reader);

    if (!diag_reader_ok(diag, reader)) {
        return;
    }
    switch (type) {
    case CEDE_CBOR_UINT:
        fprintf(diag->out, "%" PRIu64, cede_cbor_get_uint(&content));
        break;
    case CEDE_CBOR_NINT:
        put_nint(diag->out, item);
        break;
    case CEDE_CBOR_BYTES:
        fputs("h'", diag->out);
        diag_hex(diag->out, cede_cbor_get_bytes(&content));
        fputc('\'', diag->out);
        break;
    case CEDE_CBOR_TEXT:
        fputc('"', diag->out);
        diag_text(diag->out, cede_cbor_get_text(&content));
        fputc('"', diag->out);
        break;
    default:
        put_simple(diag->out, item);
        break;
    }
}

/* --- containers ---------------------------------------------------------------------------------
 */

/* What closes an item: one bracket a level, a comma. */
#define CLOSING_LEN (3 * DIAG_DEPTH_MAX + 8)

static bool enter(struct diag *diag, const struct cede_reader *reader)
{
    struct cede_reader at = *reader;

    if (diag->depth == DIAG_DEPTH_MAX) {
        cede_reader_fail(&at, CEDE_CBOR_DEPTH);
        return diag_reader_ok(diag, &at);
    }
    diag->depth++;
    return true;
}

static void between(struct diag *diag, bool first)
{
    if (diag->inlined == 0) {
        diag_newline(diag);
    } else if (!first) {
        fputc(' ', diag->out);
    }
}

static void leave(struct diag *diag, bool empty, const char *closing)
{
    diag->indent--;
    if (diag->inlined == 0 && !empty) {
        diag_newline(diag);
    }
    fputs(closing, diag->out);
}

/* Name and shape of the value that follows `key` in pairs. */
static void label_key(const struct diag_shape *shape, struct cede_span key, char *label, size_t cap,
                      const struct diag_shape **value_shape)
{
    int64_t number;
    bool is_int = diag_as_int(key, &number);
    int64_t positive = is_int && number < 0 ? -number : number;
    const char *name = NULL;

    for (const struct diag_field *field = shape->fields;
         is_int && field != NULL && field->name != NULL; field++) {
        if (field->key == positive) {
            name = field->name;
            *value_shape = field->shape;
            break;
        }
    }
    if (is_int && name == NULL) {
        name = diag_name(shape->values, shape->negative != NULL ? positive : number);
    }
    snprintf(label, cap, "%s%s", name != NULL ? name : "unknown",
             is_int && number < 0 && shape->negative != NULL ? shape->negative : "");
}

static void put_elements(struct diag *diag, struct cede_reader *reader,
                         const struct diag_shape *shape)
{
    size_t count = cede_cbor_get_array(reader);
    const struct diag_field *field =
        shape != NULL && shape->form == DIAG_ARRAY ? shape->fields : NULL;

    for (size_t i = 0; i < count && diag_reader_ok(diag, reader); i++) {
        const struct diag_shape *element =
            shape != NULL && shape->form == DIAG_LIST ? shape->element : NULL;
        const char *label = NULL;

        if (field != NULL && field->name != NULL) {
            label = field->name;
            element = field->shape;
            field++;
        } else if (field != NULL) {
            hint(diag, reader, reader->pos);
        }
        between(diag, i == 0);
        diag_item(diag, reader, element, label, i + 1 < count ? "," : "");
    }
    if (diag_reader_ok(diag, reader)) {
        leave(diag, count == 0, "]");
    }
}

static const struct diag_field *find_field(const struct diag_shape *shape, struct cede_span key)
{
    int64_t value;

    if (shape == NULL || shape->form != DIAG_MAP || !diag_as_int(key, &value)) {
        return NULL;
    }
    for (const struct diag_field *field = shape->fields; field->name != NULL; field++) {
        if (field->key == value) {
            return field;
        }
    }
    return NULL;
}

static void put_pairs(struct diag *diag, struct cede_reader *reader, const struct diag_shape *shape)
{
    struct cede_cbor_map map = cede_cbor_get_map(reader, CEDE_CBOR_ANY_ORDER);
    bool empty = map.left == 0;

    for (bool first = true; map.left > 0 && diag_reader_ok(diag, reader); first = false) {
        struct cede_reader key_reader = *reader;
        struct cede_span key;
        const struct diag_field *field;

        if (!cede_cbor_map_next(reader, &map, &key)) {
            break;
        }
        field = find_field(shape, key);
        if (shape != NULL && field == NULL) {
            hint(diag, reader, key_reader.pos);
        }
        between(diag, first);
        diag_item(diag, &key_reader, NULL, NULL, "");
        fputs(": ", diag->out);
        diag_item(diag, reader, field != NULL ? field->shape : NULL,
                  field != NULL ? field->name : NULL, map.left > 0 ? "," : "");
    }
    if (diag_reader_ok(diag, reader)) {
        leave(diag, empty, "}");
    }
}

/* "key, value" a line; the comment names the key and tells what the value means. */
static void put_keyed(struct diag *diag, struct cede_reader *reader, const struct diag_shape *shape)
{
    size_t left = cede_cbor_get_array(reader);
    bool empty = left == 0;

    for (bool first = true; left > 1 && diag_reader_ok(diag, reader); first = false, left -= 2) {
        struct cede_reader key_reader = *reader;
        struct cede_span key = cede_cbor_get_item(reader);
        const struct diag_shape *value_shape = NULL;
        char label[96];

        if (!diag_reader_ok(diag, reader)) {
            return;
        }
        label_key(shape, key, label, sizeof label, &value_shape);
        between(diag, first);
        diag_item(diag, &key_reader, NULL, NULL, ", ");
        diag_item(diag, reader, value_shape, label, left > 2 ? "," : "");
    }
    if (left == 1) { /* a key without value */
        hint(diag, reader, reader->pos);
        between(diag, false);
        diag_item(diag, reader, NULL, NULL, "");
    }
    if (diag_reader_ok(diag, reader)) {
        leave(diag, empty, "]");
    }
}

/* The item of an array or map, its comment at the opening bracket, what it means at the closing. */
static void put_container(struct diag *diag, struct cede_reader *reader,
                          const struct diag_shape *shape, const char *label, const char *after)
{
    size_t at = reader->pos;
    bool is_array = cede_cbor_peek(reader) == CEDE_CBOR_ARRAY;
    bool has_fields = shape != NULL && shape->form != DIAG_ANY;
    struct cede_reader ahead = *reader;
    struct cede_span item = cede_cbor_get_item(&ahead);
    bool is_short = !has_fields && item.ptr != NULL && item.len <= INLINE_LEN_MAX;

    if (!enter(diag, reader)) {
        return;
    }
    diag->indent++;
    diag->inlined += is_short || diag->inlined > 0;
    fputc(is_array ? '[' : '{', diag->out);
    if (has_fields) {
        put_comment(diag, label, shape->name != NULL ? shape->name : "");
    }
    if (is_array && shape != NULL && shape->form == DIAG_PAIRS) {
        put_keyed(diag, reader, shape);
    } else if (is_array) {
        put_elements(diag, reader, shape);
    } else {
        put_pairs(diag, reader, shape);
    }
    diag->inlined -= diag->inlined > 0;
    diag->depth--;
    if (diag_reader_ok(diag, reader)) {
        fputs(after, diag->out);
        comment(diag, shape, has_fields ? NULL : label, cede_reader_since(reader, at));
    }
}

static void put_tagged(struct diag *diag, struct cede_reader *reader,
                       const struct diag_shape *shape, const char *label, const char *after)
{
    char closing[CLOSING_LEN];
    uint64_t tag;

    if (!enter(diag, reader)) {
        return;
    }
    tag = cede_cbor_get_tag(reader);
    if (diag_reader_ok(diag, reader)) {
        snprintf(closing, sizeof closing, ")%s", after);
        fprintf(diag->out, "%" PRIu64 "(", tag);
        diag_item(diag, reader, shape, label, closing);
    }
    diag->depth--;
}

/* Offset of the first byte of `content` that is not CBOR; its length when all is well. */
static enum cede_status check_content(struct cede_span content, bool sequence, size_t *offset)
{
    struct cede_reader reader = cede_reader(content);

    do {
        (void)cede_cbor_get_item(&reader);
    } while (sequence && reader.status == CEDE_OK && cede_reader_left(&reader) > 0);
    *offset = reader.pos;
    return cede_reader_finish(&reader);
}

static void put_wrapped_sequence(struct diag *diag, struct cede_reader *inner,
                                 const struct diag_shape *element, const char *label)
{
    fputs("<<", diag->out);
    put_comment(diag, label, element->name != NULL ? element->name : "");
    diag->indent++;
    diag_sequence(diag, inner, element->fields, false);
    diag->indent--;
    diag_newline(diag);
    fputs(">>", diag->out);
}

/* << >>. Content that is not CBOR is shown as the bytes it is, and noted as a failure. */
static void put_wrapped(struct diag *diag, struct cede_reader *reader,
                        const struct diag_shape *shape, const char *label, const char *after)
{
    struct cede_reader bytes_reader = *reader;
    struct cede_span content = cede_cbor_get_bytes(reader);
    struct cede_reader inner = cede_reader(content);
    bool sequence = shape->form == DIAG_WRAPPED_SEQUENCE;
    char closing[CLOSING_LEN];
    size_t offset = 0;
    enum cede_status status;

    if (!diag_reader_ok(diag, reader)) {
        return;
    }
    status = content.len > 0 ? check_content(content, sequence, &offset) : CEDE_OK;
    if (content.len == 0 || status != CEDE_OK) {
        put_scalar(diag, &bytes_reader, CEDE_CBOR_BYTES);
        fputs(after, diag->out);
        put_comment(diag, label, status != CEDE_OK ? "not the CBOR that belongs here" : "");
        if (status != CEDE_OK) {
            diag_check(diag, cede_span(content.ptr + offset, 0), status);
        }
        return;
    }
    if (!enter(diag, reader)) {
        return;
    }
    if (sequence) {
        put_wrapped_sequence(diag, &inner, shape->element, label);
        fputs(after, diag->out);
        comment(diag, shape->element, NULL, content);
    } else {
        snprintf(closing, sizeof closing, " >>%s", after);
        fputs("<< ", diag->out);
        diag_item(diag, &inner, shape->element, label, closing);
    }
    diag->depth--;
}

static void put_secret(struct diag *diag, struct cede_reader *reader, const char *label,
                       const char *after)
{
    struct cede_reader content = *reader;
    struct cede_span item = cede_cbor_get_item(reader);
    struct cede_span bytes = item;

    if (!diag_reader_ok(diag, reader)) {
        return;
    }
    if (cede_cbor_peek_null(&content)) {
        fputs("null", diag->out);
    } else {
        (void)diag_as_bytes(item, &bytes);
        fprintf(diag->out, "(%zu bytes, secret)", bytes.ptr != NULL ? bytes.len : item.len);
    }
    fputs(after, diag->out);
    put_comment(diag, label, "");
}

static bool is_wrapping(const struct diag_shape *shape)
{
    return shape != NULL && (shape->form == DIAG_WRAPPED || shape->form == DIAG_WRAPPED_SEQUENCE);
}

void diag_item(struct diag *diag, struct cede_reader *reader, const struct diag_shape *shape,
               const char *label, const char *after)
{
    enum cede_cbor_type type = cede_cbor_peek(reader);
    size_t at = reader->pos;

    if (!diag_reader_ok(diag, reader)) {
        return;
    }
    if (shape != NULL && shape->form == DIAG_CHOICE) {
        struct cede_reader ahead = *reader;
        struct cede_span item = cede_cbor_get_item(&ahead);

        shape = item.ptr != NULL ? shape->choose(item) : NULL;
    }
    if (shape != NULL && shape->types != 0 && (shape->types & DIAG_TYPE(type)) == 0) {
        hint(diag, reader, at);
    }
    if (shape != NULL && shape->form == DIAG_SECRET) {
        put_secret(diag, reader, label, after);
    } else if (type == CEDE_CBOR_BYTES && is_wrapping(shape)) {
        put_wrapped(diag, reader, shape, label, after);
    } else if (type == CEDE_CBOR_ARRAY || type == CEDE_CBOR_MAP) {
        put_container(diag, reader, shape, label, after);
    } else if (type == CEDE_CBOR_TAG) {
        put_tagged(diag, reader, shape, label, after);
    } else {
        put_scalar(diag, reader, type);
        if (diag->status == CEDE_OK) {
            fputs(after, diag->out);
            comment(diag, shape, label, cede_reader_since(reader, at));
        }
    }
}

void diag_sequence(struct diag *diag, struct cede_reader *reader, const struct diag_field *fields,
                   bool repeat)
{
    while (diag_reader_ok(diag, reader) && cede_reader_left(reader) > 0) {
        bool known = fields != NULL && fields->name != NULL;
        struct cede_reader ahead = *reader;
        const char *separator;

        (void)cede_cbor_get_item(&ahead);
        separator = cede_reader_left(&ahead) > 0 ? "," : "";
        if (reader->pos > 0 || diag->indent > 0) {
            diag_newline(diag);
        }
        diag_item(diag, reader, known ? fields->shape : NULL, known ? fields->name : NULL,
                  separator);
        if (known && !(repeat && fields[1].name == NULL)) {
            fields++;
        }
    }
}

void diag_whole(struct diag *diag, struct cede_span encoding, const struct diag_shape *shape,
                const char *label)
{
    struct cede_reader reader = cede_reader(encoding);

    diag_item(diag, &reader, shape, label, "");
    if (diag->status == CEDE_OK) {
        reader.status = cede_reader_finish(&reader);
        (void)diag_reader_ok(diag, &reader);
    }
}
