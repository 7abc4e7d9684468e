/* SPDX-License-Identifier: Apache-2.0 */
/* armour.c - what binary artefacts come wrapped in: hexadecimal text, base64, PEM (RFC 7468). */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/kinds.h"

/* --- hex ----------------------------------------------------------------------------------------
 */

bool is_hex_text(struct cede_span input)
{
    size_t digits = 0;

    for (size_t i = 0; i < input.len; i++) {
        if (isxdigit(input.ptr[i])) {
            digits++;
        } else if (strchr(" \t\r\n", input.ptr[i]) == NULL || input.ptr[i] == 0) {
            return false;
        }
    }
    return digits >= 2;
}

static uint8_t hex_value(uint8_t digit)
{
    return (uint8_t)(isdigit(digit) ? digit - '0' : tolower(digit) - 'a' + 10);
}

uint8_t *decode_hex(struct diag *diag, struct cede_span text, size_t *len)
{
    uint8_t *bytes = calloc(text.len / 2 + 1, 1);
    size_t digits = 0;

    if (bytes == NULL) {
        diag_fail_at(diag, 0, CEDE_OS_FAILED);
        return NULL;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (isxdigit(text.ptr[i])) {
            bytes[digits / 2] = (uint8_t)(bytes[digits / 2] << 4 | hex_value(text.ptr[i]));
            digits++;
        }
    }
    *len = digits / 2;
    if (digits % 2 != 0) {
        free(bytes);
        diag_fail_at(diag, text.len, CEDE_TRUNCATED);
        return NULL;
    }
    return bytes;
}

/* --- base64 -------------------------------------------------------------------------------------
 */

static int base64_value(uint8_t character, enum base64_alphabet alphabet)
{
    if (isupper(character)) {
        return character - 'A';
    }
    if (islower(character)) {
        return character - 'a' + 26;
    }
    if (isdigit(character)) {
        return character - '0' + 52;
    }
    if (character == (alphabet == BASE64_URL ? '-' : '+')) {
        return 62;
    }
    return character == (alphabet == BASE64_URL ? '_' : '/') ? 63 : -1;
}

struct bits {
    uint32_t value;
    unsigned count;
};

static bool is_skipped(uint8_t character, enum base64_alphabet alphabet)
{
    return alphabet == BASE64_LINES && (isspace(character) || character == '=');
}

uint8_t *decode_base64(struct diag *diag, struct cede_span text, enum base64_alphabet alphabet,
                       size_t *len)
{
    uint8_t *bytes = calloc(text.len / 4 * 3 + 4, 1);
    struct bits bits = {0, 0};
    size_t at = 0, start = 0;

    *len = 0;
    if (bytes == NULL) {
        diag_fail_at(diag, 0, CEDE_OS_FAILED);
        return NULL;
    }
    for (; at < text.len; at++) {
        int value = base64_value(text.ptr[at], alphabet);

        if (is_skipped(text.ptr[at], alphabet)) {
            continue;
        }
        if (value < 0) {
            break;
        }
        bits.value = bits.value << 6 | (uint32_t)value;
        bits.count += 6;
        if (bits.count >= 8) {
            bits.count -= 8;
            bytes[(*len)++] = (uint8_t)(bits.value >> bits.count);
        }
    }
    /* A lone character, or spare bits that are not zero, say that something is missing. */
    if (at < text.len || bits.count == 6 || (bits.value & ((1u << bits.count) - 1)) != 0) {
        (void)cede_span_offset(diag->input, text, &start);
        diag_fail_at(diag, start + at,
                     alphabet == BASE64_URL ? CEDE_JWS_FORMAT : CEDE_IDENTITY_FORMAT);
        free(bytes);
        return NULL;
    }
    return bytes;
}

/* --- PEM ----------------------------------------------------------------------------------------
 */

#define BEGIN  "-----BEGIN "
#define END    "-----END "
#define DASHES "-----"

static const uint8_t *find(struct cede_span text, const char *wanted)
{
    return text.len > 0 ? memmem(text.ptr, text.len, wanted, strlen(wanted)) : NULL;
}

bool is_pem(struct cede_span input)
{
    size_t len = input.len < strlen(BEGIN) ? input.len : strlen(BEGIN);

    return len > 0 && (memcmp(input.ptr, BEGIN, len) == 0 ||
                       (isprint(input.ptr[0]) && find(input, "\n" BEGIN) != NULL));
}

struct block {
    struct cede_span label;
    struct cede_span body;
    struct cede_span rest; /* after the block */
};

/* Splits the next block off `text`; where it is cut is a failure. */
static bool next_block(struct diag *diag, struct cede_span text, struct block *block)
{
    const uint8_t *end = text.ptr + text.len;
    const uint8_t *begin = find(text, BEGIN);
    const uint8_t *label_end, *body_end, *line_end;

    if (begin == NULL) {
        return false;
    }
    begin += strlen(BEGIN);
    label_end = find(cede_span(begin, (size_t)(end - begin)), DASHES);
    if (label_end == NULL) {
        diag_fail_at(diag, diag->input.len, CEDE_TRUNCATED);
        return false;
    }
    block->label = cede_span(begin, (size_t)(label_end - begin));
    label_end += strlen(DASHES);
    body_end = find(cede_span(label_end, (size_t)(end - label_end)), END);
    line_end = body_end != NULL
                   ? find(cede_span(body_end + strlen(END), (size_t)(end - body_end) - strlen(END)),
                          DASHES)
                   : NULL;
    if (line_end == NULL) {
        fprintf(diag->out, "PEM, ");
        diag_text(diag->out, block->label);
        diag_fail_at(diag, diag->input.len, CEDE_TRUNCATED);
        return false;
    }
    block->body = cede_span(label_end, (size_t)(body_end - label_end));
    block->rest = cede_span(line_end + strlen(DASHES), (size_t)(end - line_end) - strlen(DASHES));
    return true;
}

static bool label_ends(struct cede_span label, const char *with)
{
    size_t len = strlen(with);

    return label.len >= len && memcmp(label.ptr + label.len - len, with, len) == 0;
}

static void print_block(struct diag *diag, const struct block *block)
{
    uint8_t *bytes;
    size_t len;

    fputs("PEM, ", diag->out);
    diag_text(diag->out, block->label);
    if (label_ends(block->label, "PRIVATE KEY")) {
        fputs(": secret, not printed", diag->out);
        return;
    }
    diag_newline(diag);
    bytes = decode_base64(diag, block->body, BASE64_LINES, &len);
    if (bytes == NULL) {
        return;
    }
    if (label_ends(block->label, "CERTIFICATE") || label_ends(block->label, "REQUEST")) {
        print_inner(diag, cede_span(bytes, len), " of the decoded PEM", print_detected);
    } else {
        diag_hex(diag->out, cede_span(bytes, len));
    }
    cede_wipe(bytes, len);
    free(bytes);
}

void print_pem(struct diag *diag, struct cede_span input)
{
    struct cede_span rest = input;
    struct block block;
    bool any = false;

    while (diag->status == CEDE_OK && next_block(diag, rest, &block)) {
        fputs(any ? "\n" : "", diag->out);
        print_block(diag, &block);
        rest = block.rest;
        any = true;
    }
    if (!any) {
        diag_fail_at(diag, input.len, CEDE_TRUNCATED);
    }
}
