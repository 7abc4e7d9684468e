/* SPDX-License-Identifier: Apache-2.0 */
/* jws.c - JSON: JWS in its three serializations (RFC 7515, section 7), contracts, anything else. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/kinds.h"
#include "inspect/meaning.h"

#define ES256_LEN 64

/* --- JSON ---------------------------------------------------------------------------------------
 */

/* Members of a JWK that are secret (RFC 7518, section 6). */
static void hide_secrets(json_t *json)
{
    static const char *const secrets[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};
    const char *name;
    json_t *value;
    size_t i;

    for (i = 0; json_object_get(json, "kty") != NULL && i < sizeof secrets / sizeof *secrets; i++) {
        if (json_object_get(json, secrets[i]) != NULL) {
            json_object_set_new(json, secrets[i], json_string("(secret)"));
        }
    }
    json_object_foreach(json, name, value)
    {
        hide_secrets(value);
    }
    json_array_foreach(json, i, value)
    {
        hide_secrets(value);
    }
}

/* Non-ASCII is escaped, so that nothing reaches a terminal that it might obey. */
static void put_json(struct diag *diag, const json_t *json, size_t flags)
{
    char *text = json_dumps(json, JSON_ENSURE_ASCII | JSON_ENCODE_ANY | flags);

    for (const char *at = text; at != NULL && *at != '\0'; at++) {
        if (*at == 0x7f) {
            fputs("\\u007f", diag->out);
        } else {
            fputc(*at, diag->out);
        }
    }
    free(text);
}

/* The times of a contract. */
static void put_times(struct diag *diag, const json_t *json)
{
    static const char *const names[] = {"created", "earliest", "latest"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const json_t *value = json_object_get(json, names[i]);

        if (json_is_integer(value) && json_integer_value(value) >= 0) {
            fprintf(diag->out, "\n/ %s: ", names[i]);
            put_time(diag->out, (uint64_t)json_integer_value(value));
            fputs(" /", diag->out);
        }
    }
}

static json_t *load(struct diag *diag, struct cede_span text)
{
    json_error_t error;
    json_t *json = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, &error);
    size_t at = 0;

    if (json == NULL) {
        (void)cede_span_offset(diag->input, text, &at);
        diag_fail_at(diag, at + (error.position > 0 ? (size_t)error.position : 0), CEDE_JWS_FORMAT);
    }
    return json;
}

static bool is_contract(const json_t *json)
{
    return json_object_get(json, "transfer") != NULL && json_object_get(json, "from") != NULL &&
           json_object_get(json, "to") != NULL && json_object_get(json, "devices") != NULL;
}

static void print_json_object(struct diag *diag, struct cede_span text)
{
    json_t *json = load(diag, text);

    if (json == NULL) {
        return;
    }
    hide_secrets(json);
    fputs(is_contract(json) ? "/ contract /\n" : "", diag->out);
    put_json(diag, json, JSON_INDENT(2));
    if (is_contract(json)) {
        put_times(diag, json);
    }
    json_decref(json);
}

/* --- parts of a JWS -----------------------------------------------------------------------------
 */

/* The bytes of `text` in the input, so that offsets are those of the file. */
static struct cede_span locate(const struct diag *diag, struct cede_span text)
{
    const uint8_t *at = text.len > 0 && diag->input.len >= text.len
                            ? memmem(diag->input.ptr, diag->input.len, text.ptr, text.len)
                            : NULL;

    return at != NULL ? cede_span(at, text.len) : text;
}

/* Prints the protected header; *es256 tells its algorithm. */
static void put_header(struct diag *diag, struct cede_span text, bool *es256)
{
    size_t len;
    uint8_t *bytes = decode_base64(diag, locate(diag, text), BASE64_URL, &len);
    json_error_t error;
    json_t *json;
    const char *alg;

    *es256 = false;
    if (bytes == NULL) {
        return;
    }
    json = json_loadb((const char *)bytes, len, JSON_REJECT_DUPLICATES, &error);
    free(bytes);
    alg = json_string_value(json_object_get(json, "alg"));
    if (alg == NULL) {
        diag_check(diag, locate(diag, text), CEDE_JWS_FORMAT);
    } else {
        *es256 = strcmp(alg, "ES256") == 0;
        hide_secrets(json);
        fputs("\n  protected  ", diag->out);
        put_json(diag, json, 0);
    }
    json_decref(json);
}

static void put_signature(struct diag *diag, struct cede_span protected_text,
                          struct cede_span signature_text)
{
    struct cede_span found = locate(diag, signature_text);
    bool es256;
    size_t len;
    uint8_t *bytes;

    put_header(diag, protected_text, &es256);
    if (diag->status != CEDE_OK) {
        return;
    }
    bytes = decode_base64(diag, found, BASE64_URL, &len);
    if (bytes == NULL) {
        return;
    }
    fputs("\n  signature  ", diag->out);
    diag_hex(diag->out, cede_span(bytes, len));
    free(bytes);
    if (es256 && len != ES256_LEN) {
        diag_check(diag, cede_span(found.ptr, 0), CEDE_JWS_FORMAT);
    }
}

static void put_payload(struct diag *diag, struct cede_span text)
{
    size_t len;
    uint8_t *bytes = decode_base64(diag, locate(diag, text), BASE64_URL, &len);

    if (bytes == NULL) {
        return;
    }
    fprintf(diag->out, "\npayload, %zu bytes\n", len);
    if (len > 0) {
        print_inner(diag, cede_span(bytes, len), " of the payload",
                    bytes[0] == '{' ? print_json_object : print_detected);
    }
    free(bytes);
}

static struct cede_span string_of(const json_t *json, const char *name)
{
    const json_t *string = json_object_get(json, name);

    return json_is_string(string)
               ? cede_span((const uint8_t *)json_string_value(string), json_string_length(string))
               : CEDE_SPAN_NULL;
}

/* --- serializations -----------------------------------------------------------------------------
 */

static void put_json_signature(struct diag *diag, const json_t *json)
{
    struct cede_span protected_text = string_of(json, "protected");
    struct cede_span signature = string_of(json, "signature");

    if (protected_text.ptr == NULL || signature.ptr == NULL) {
        diag_fail_at(diag, 0, CEDE_JWS_FORMAT);
        return;
    }
    put_signature(diag, protected_text, signature);
}

static void put_jws(struct diag *diag, const json_t *json)
{
    const json_t *signatures = json_object_get(json, "signatures");
    const json_t *signature;
    size_t i;

    if (signatures == NULL) {
        fputs("JWS, flattened JSON", diag->out);
        put_json_signature(diag, json);
    } else {
        fprintf(diag->out, "JWS, general JSON, signatures: %zu", json_array_size(signatures));
        if (json_array_size(signatures) == 0) {
            diag_fail_at(diag, 0, CEDE_JWS_FORMAT);
        }
        json_array_foreach(signatures, i, signature)
        {
            if (diag->status == CEDE_OK) {
                put_json_signature(diag, signature);
            }
        }
    }
    if (diag->status == CEDE_OK) {
        put_payload(diag, string_of(json, "payload"));
    }
}

void print_json(struct diag *diag, struct cede_span input)
{
    json_t *json = load(diag, input);

    if (json == NULL) {
        return;
    }
    if (string_of(json, "payload").ptr != NULL && (json_object_get(json, "signatures") != NULL ||
                                                   json_object_get(json, "signature") != NULL)) {
        put_jws(diag, json);
    } else {
        print_json_object(diag, input);
    }
    json_decref(json);
}

void print_compact_jws(struct diag *diag, struct cede_span input)
{
    struct cede_span parts[3], rest = input;

    while (rest.len > 0 && strchr("\r\n ", rest.ptr[rest.len - 1]) != NULL) {
        rest.len--;
    }
    for (size_t i = 0; i < 3; i++) {
        const uint8_t *dot = rest.len > 0 ? memchr(rest.ptr, '.', rest.len) : NULL;

        if ((dot == NULL) != (i == 2)) {
            diag_fail_at(diag, dot == NULL ? input.len : (size_t)(dot - input.ptr),
                         CEDE_JWS_FORMAT);
            return;
        }
        parts[i] = cede_span(rest.ptr, dot != NULL ? (size_t)(dot - rest.ptr) : rest.len);
        if (dot != NULL) {
            rest = cede_span(dot + 1, rest.len - parts[i].len - 1);
        }
    }
    fputs("JWS, compact", diag->out);
    put_signature(diag, parts[0], parts[2]);
    if (diag->status == CEDE_OK) {
        put_payload(diag, parts[1]);
    }
}
