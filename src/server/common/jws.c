/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Web Signature (RFC 7515) with ES256 (RFC 7518 section 3.4: r || s over P-256 and SHA-256).
 * What is signed is the text PROTECTED "." PAYLOAD as it stands in the message (section 5.1), so
 * both texts are kept as received and never encoded anew. */
#include "server/common/jws.h"

#include <stdlib.h>
#include <string.h>

/* --- base64url -------------------------------------------------------------------------------- */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

char *jws_base64url_encode(struct cede_span bytes)
{
    char *text = malloc(bytes.len / 3 * 4 + 5);
    size_t len = 0;
    uint32_t bits = 0;
    unsigned held = 0;
    if (text == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < bytes.len; i++) {
        bits = bits << 8 | bytes.ptr[i];
        for (held += 8; held >= 6; held -= 6) {
            text[len++] = alphabet[bits >> (held - 6) & 63];
        }
    }
    if (held > 0) {
        text[len++] = alphabet[bits << (6 - held) & 63];
    }
    text[len] = '\0';
    return text;
}

static int digit(uint8_t c)
{
    const char *at = c == '\0' ? NULL : strchr(alphabet, c);
    return at == NULL ? -1 : (int)(at - alphabet);
}

enum cede_status jws_base64url_decode(struct cede_span text, uint8_t **bytes, size_t *len)
{
    uint32_t bits = 0;
    unsigned held = 0;
    size_t out_len = 0;
    *bytes = NULL;
    *len = 0;
    uint8_t *out = malloc(text.len / 4 * 3 + 3);
    if (out == NULL) {
        return CEDE_SERVER_FAILED;
    }
    for (size_t i = 0; i < text.len; i++) {
        int value = digit(text.ptr[i]);
        if (value < 0) {
            free(out);
            return CEDE_JWS_FORMAT;
        }
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[out_len++] = (uint8_t)(bits >> held);
        }
    }
    /* A lone last digit, or bits that belong to no byte: two texts would mean the same bytes. */
    if (text.len % 4 == 1 || (bits & ((1u << held) - 1)) != 0) {
        free(out);
        return CEDE_JWS_FORMAT;
    }
    *bytes = out;
    *len = out_len;
    return CEDE_OK;
}

/* --- life ------------------------------------------------------------------------------------- */

static void signature_wipe(struct jws_signature *signature)
{
    json_decref(signature->header);
    free(signature->protected_text);
    memset(signature, 0, sizeof *signature);
}

void jws_wipe(struct jws *jws)
{
    for (size_t i = 0; i < jws->signatures_count; i++) {
        signature_wipe(&jws->signatures[i]);
    }
    free((void *)(uintptr_t)jws->payload.ptr);
    free(jws->payload_text);
    memset(jws, 0, sizeof *jws);
}

enum cede_status jws_init(struct jws *jws, struct cede_span payload)
{
    memset(jws, 0, sizeof *jws);
    uint8_t *copy = malloc(payload.len + 1);
    char *text = jws_base64url_encode(payload);
    if (copy == NULL || text == NULL) {
        free(copy);
        free(text);
        return CEDE_SERVER_FAILED;
    }
    if (payload.len > 0) {
        memcpy(copy, payload.ptr, payload.len);
    }
    jws->payload = cede_span(copy, payload.len);
    jws->payload_text = text;
    return CEDE_OK;
}

/* --- the protected header --------------------------------------------------------------------- */

/* RFC 7515 section 4.1.11: a crit header names extensions that must be understood; we understand
 * none. */
static enum cede_status check_header(const json_t *header)
{
    const char *alg = json_string_value(json_object_get(header, "alg"));
    if (!json_is_object(header)) {
        return CEDE_JWS_FORMAT;
    }
    if (json_object_get(header, "crit") != NULL) {
        return CEDE_JWS_CRITICAL;
    }
    return alg != NULL && strcmp(alg, "ES256") == 0 ? CEDE_OK : CEDE_JWS_ALGORITHM;
}

/* The caller's header with "alg" first, as base64url of its compact JSON. */
static enum cede_status compose_header(const json_t *extra, struct jws_signature *signature)
{
    json_t *header = json_pack("{s:s}", "alg", "ES256");
    if (header == NULL ||
        (extra != NULL && json_object_update_missing(header, (json_t *)(uintptr_t)extra) != 0)) {
        json_decref(header);
        return CEDE_SERVER_FAILED;
    }
    char *text = json_dumps(header, JSON_COMPACT);
    if (text != NULL) {
        signature->protected_text = jws_base64url_encode(cede_span_string(text));
    }
    free(text);
    signature->header = header;
    return signature->protected_text == NULL ? CEDE_SERVER_FAILED : check_header(header);
}

/* --- signing and verifying -------------------------------------------------------------------- */

/* RFC 7515 section 5.1: ASCII(BASE64URL(protected header) || '.' || BASE64URL(payload)). */
static void signing_input(const struct jws *jws, const struct jws_signature *signature,
                          struct cede_span parts[3])
{
    parts[0] = cede_span_string(signature->protected_text);
    parts[1] = CEDE_SPAN_TEXT(".");
    parts[2] = cede_span_string(jws->payload_text);
}

enum cede_status jws_sign(const struct cede_crypto *crypto, const struct cede_private_key *key,
                          const json_t *header, struct jws *jws)
{
    struct jws_signature made = {0};
    struct cede_span parts[3];
    uint8_t signature[CEDE_SIGNATURE_LEN_MAX];
    size_t len = 0;
    if (jws->signatures_count == JWS_SIGNATURES_MAX) {
        return CEDE_JWS_FORMAT;
    }
    enum cede_status status = compose_header(header, &made);
    if (status == CEDE_OK) {
        signing_input(jws, &made, parts);
        status = crypto->sign(crypto->context, CEDE_ALG_ES256, key, parts, 3, signature, &len);
    }
    if (status == CEDE_OK && len != JWS_ES256_LEN) {
        status = CEDE_INTERNAL;
    }
    if (status != CEDE_OK) {
        signature_wipe(&made);
        return status;
    }
    memcpy(made.signature, signature, JWS_ES256_LEN);
    jws->signatures[jws->signatures_count++] = made;
    return CEDE_OK;
}

enum cede_status jws_verify(const struct cede_crypto *crypto, const struct jws *jws,
                            const struct cede_public_key *key, size_t *index)
{
    for (size_t i = 0; i < jws->signatures_count; i++) {
        struct cede_span parts[3];
        signing_input(jws, &jws->signatures[i], parts);
        enum cede_status status = crypto->verify(crypto->context, CEDE_ALG_ES256, key, parts, 3,
                                                 CEDE_SPAN_ARRAY(jws->signatures[i].signature));
        if (status == CEDE_OK) {
            if (index != NULL) {
                *index = i;
            }
            return CEDE_OK;
        }
        if (cede_status_class(status) != CEDE_CLASS_UNAUTHENTIC) {
            return status; /* the key or the back end, not the signature */
        }
    }
    return CEDE_JWS_UNSIGNED;
}

const char *jws_header_text(const struct jws *jws, size_t index, const char *name)
{
    return index >= jws->signatures_count
               ? NULL
               : json_string_value(json_object_get(jws->signatures[index].header, name));
}

/* --- encoding --------------------------------------------------------------------------------- */

static json_t *encode_signature(const struct jws_signature *signature)
{
    char *text = jws_base64url_encode(CEDE_SPAN_ARRAY(signature->signature));
    json_t *json = text == NULL ? NULL
                                : json_pack("{s:s, s:s}", "protected", signature->protected_text,
                                            "signature", text);
    free(text);
    return json;
}

/* RFC 7515 section 7.2.1. */
static json_t *encode_general(const struct jws *jws)
{
    json_t *signatures = json_array();
    for (size_t i = 0; i < jws->signatures_count; i++) {
        if (json_array_append_new(signatures, encode_signature(&jws->signatures[i])) != 0) {
            json_decref(signatures);
            return NULL;
        }
    }
    return json_pack("{s:s, s:o}", "payload", jws->payload_text, "signatures", signatures);
}

/* RFC 7515 section 7.2.2. */
static json_t *encode_flattened(const struct jws *jws)
{
    json_t *json = json_pack("{s:s}", "payload", jws->payload_text);
    json_t *signature = encode_signature(&jws->signatures[0]);
    if (json_object_update_new(json, signature) != 0) {
        json_decref(json);
        return NULL;
    }
    return json;
}

enum cede_status jws_encode_json(const struct jws *jws, char **text)
{
    *text = NULL;
    if (jws->signatures_count == 0) {
        return CEDE_BAD_ARGUMENT;
    }
    json_t *json = jws->signatures_count == 1 ? encode_flattened(jws) : encode_general(jws);
    if (json != NULL) {
        *text = json_dumps(json, JSON_COMPACT);
    }
    json_decref(json);
    return *text == NULL ? CEDE_SERVER_FAILED : CEDE_OK;
}

enum cede_status jws_encode_compact(const struct jws *jws, char **text)
{
    *text = NULL;
    if (jws->signatures_count != 1) {
        return CEDE_BAD_ARGUMENT;
    }
    const char *header = jws->signatures[0].protected_text;
    char *signature = jws_base64url_encode(CEDE_SPAN_ARRAY(jws->signatures[0].signature));
    if (signature == NULL) {
        return CEDE_SERVER_FAILED;
    }
    size_t cap = strlen(header) + strlen(jws->payload_text) + strlen(signature) + 3;
    char *out = malloc(cap);
    if (out != NULL) {
        struct cede_writer writer = cede_writer(cede_buf((uint8_t *)out, cap));
        cede_write_bytes(&writer, cede_span_string(header));
        cede_write_u8(&writer, '.');
        cede_write_bytes(&writer, cede_span_string(jws->payload_text));
        cede_write_u8(&writer, '.');
        cede_write_bytes(&writer, cede_span_string(signature));
        cede_write_u8(&writer, 0);
    }
    free(signature);
    *text = out;
    return out == NULL ? CEDE_SERVER_FAILED : CEDE_OK;
}

/* --- decoding --------------------------------------------------------------------------------- */

static enum cede_status decode_header(struct cede_span text, struct jws_signature *signature)
{
    uint8_t *bytes = NULL;
    size_t len = 0;
    CEDE_TRY(jws_base64url_decode(text, &bytes, &len));
    /* Twice the same name is an error (RFC 7515 section 4), and so are bytes after the object. */
    signature->header = json_loadb((const char *)bytes, len, JSON_REJECT_DUPLICATES, NULL);
    free(bytes);
    signature->protected_text = strndup((const char *)text.ptr, text.len);
    if (signature->header == NULL || signature->protected_text == NULL) {
        return CEDE_JWS_FORMAT;
    }
    return check_header(signature->header);
}

static enum cede_status decode_signature_value(struct cede_span text,
                                               struct jws_signature *signature)
{
    uint8_t *bytes = NULL;
    size_t len = 0;
    CEDE_TRY(jws_base64url_decode(text, &bytes, &len));
    enum cede_status status = len == JWS_ES256_LEN ? CEDE_OK : CEDE_JWS_FORMAT;
    if (status == CEDE_OK) {
        memcpy(signature->signature, bytes, JWS_ES256_LEN);
    }
    free(bytes);
    return status;
}

static enum cede_status add_signature(struct cede_span header, struct cede_span value,
                                      struct jws *jws)
{
    if (header.ptr == NULL || value.ptr == NULL || jws->signatures_count == JWS_SIGNATURES_MAX) {
        return CEDE_JWS_FORMAT;
    }
    struct jws_signature *signature = &jws->signatures[jws->signatures_count++];
    CEDE_TRY(decode_header(header, signature)); /* first: "alg" decides what a signature is */
    return decode_signature_value(value, signature);
}

static enum cede_status decode_payload(struct cede_span text, struct jws *jws)
{
    uint8_t *bytes = NULL;
    size_t len = 0;
    if (text.ptr == NULL) {
        return CEDE_JWS_FORMAT;
    }
    CEDE_TRY(jws_base64url_decode(text, &bytes, &len));
    jws->payload = cede_span(bytes, len);
    jws->payload_text = strndup((const char *)text.ptr, text.len);
    return jws->payload_text == NULL ? CEDE_SERVER_FAILED : CEDE_OK;
}

/* RFC 7515 section 7.1: three parts and two dots. */
static enum cede_status decode_compact(struct cede_span text, struct jws *jws)
{
    struct cede_span parts[3];
    size_t from = 0;
    size_t count = 0;
    for (size_t i = 0; i <= text.len; i++) {
        if (i < text.len && text.ptr[i] != '.') {
            continue;
        }
        if (count == 3) {
            return CEDE_JWS_FORMAT;
        }
        parts[count++] = cede_span_part(text, from, i - from);
        from = i + 1;
    }
    if (count != 3) {
        return CEDE_JWS_FORMAT;
    }
    CEDE_TRY(decode_payload(parts[1], jws));
    return add_signature(parts[0], parts[2], jws);
}

static struct cede_span text_member(const json_t *object, const char *name)
{
    const json_t *member = json_object_get(object, name);
    if (!json_is_string(member)) {
        return CEDE_SPAN_NULL;
    }
    return cede_span((const uint8_t *)json_string_value(member), json_string_length(member));
}

static enum cede_status decode_object(const json_t *object, struct jws *jws)
{
    if (!json_is_object(object)) {
        return CEDE_JWS_FORMAT;
    }
    if (json_object_get(object, "header") != NULL) {
        return CEDE_JWS_CRITICAL; /* unprotected: anyone could have written it */
    }
    return add_signature(text_member(object, "protected"), text_member(object, "signature"), jws);
}

static enum cede_status decode_json(const json_t *root, struct jws *jws)
{
    const json_t *signatures = json_object_get(root, "signatures");
    CEDE_TRY(decode_payload(text_member(root, "payload"), jws));
    if (signatures == NULL) {
        return decode_object(root, jws);
    }
    /* Section 7.2.2: the flattened members and "signatures" exclude each other. */
    bool mixed = json_object_get(root, "protected") != NULL ||
                 json_object_get(root, "signature") != NULL ||
                 json_object_get(root, "header") != NULL;
    if (mixed || json_array_size(signatures) == 0) {
        return CEDE_JWS_FORMAT;
    }
    for (size_t i = 0; i < json_array_size(signatures); i++) {
        CEDE_TRY(decode_object(json_array_get(signatures, i), jws));
    }
    return CEDE_OK;
}

enum cede_status jws_decode(struct cede_span text, struct jws *jws)
{
    enum cede_status status = CEDE_JWS_FORMAT;
    memset(jws, 0, sizeof *jws);
    if (text.len > 0 && text.ptr[0] == '{') {
        json_t *root = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
        status = root == NULL ? CEDE_JWS_FORMAT : decode_json(root, jws);
        json_decref(root);
    } else if (text.len > 0) {
        status = decode_compact(text, jws);
    }
    if (status != CEDE_OK) {
        jws_wipe(jws);
    }
    return status;
}
