/* SPDX-License-Identifier: Apache-2.0 */
/*
 * c509_print.c - the fields of a certificate: C509 of either type, ~C509Certificate or the array
 * around it, or X.509.
 *
 *   c509_print FILE       bytes as they are, or in hex (blanks and # comments allowed)
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "cede/certificate.h"
#include "cede/posix.h"

#define FILE_MAX 8192

/* Decodes hex in place; false when the text is anything else. */
static bool decode_hex(uint8_t *text, size_t len, struct cede_span *bytes)
{
    size_t digits = 0;

    for (size_t i = 0; i < len; i++) {
        uint8_t digit;

        if (text[i] == '#') {
            while (i + 1 < len && text[i + 1] != '\n') {
                i++;
            }
            continue;
        }
        if (isspace(text[i])) {
            continue;
        }
        if (!isxdigit(text[i])) {
            return false;
        }
        digit = (uint8_t)(isdigit(text[i]) ? text[i] - '0' : tolower(text[i]) - 'a' + 10);
        text[digits / 2] = (uint8_t)(digits % 2 == 0 ? digit << 4 : text[digits / 2] | digit);
        digits++;
    }
    *bytes = cede_span(text, digits / 2);
    return digits > 0 && digits % 2 == 0;
}

static void print_hex(const char *name, struct cede_span bytes)
{
    printf("%-22s", name);
    for (size_t i = 0; i < bytes.len; i++) {
        printf("%02x", bytes.ptr[i]);
    }
    putchar('\n');
}

static void print_time(const char *name, uint64_t seconds)
{
    time_t time = (time_t)seconds;
    char text[32] = "";
    struct tm fields;

    if (seconds == CEDE_TIME_NONE) {
        printf("%-22snone\n", name);
    } else if (gmtime_r(&time, &fields) != NULL &&
               strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &fields) > 0) {
        printf("%-22s%s\n", name, text);
    } else {
        printf("%-22s%" PRIu64 "\n", name, seconds);
    }
}

/* The common name as text; names without one as they are encoded. */
static void print_name(const char *name, struct cede_name value)
{
    uint8_t memory[CEDE_COMMON_NAME_MAX];
    struct cede_span text;

    if (cede_name_common_name(value, CEDE_BUF_ARRAY(memory), &text) != CEDE_OK) {
        print_hex(name, value.value);
        return;
    }
    printf("%-22s", name);
    for (size_t i = 0; i < text.len; i++) { /* what a stranger wrote moves no cursor */
        putchar(text.ptr[i] < 0x20 || text.ptr[i] == 0x7f ? '?' : text.ptr[i]);
    }
    putchar('\n');
}

static const char *format_name(enum cede_certificate_format format)
{
    switch (format) {
    case CEDE_CERTIFICATE_X509:
        return "X.509";
    case CEDE_CERTIFICATE_C509_NATIVE:
        return "C509, natively signed";
    default:
        return "C509 of X.509";
    }
}

static void print_extensions(const struct cede_extensions *ext)
{
    if (ext->has_basic_constraints) {
        printf("%-22s%s", "basicConstraints", ext->ca ? "CA" : "no CA");
        if (ext->path_len != CEDE_PATH_LEN_NONE) {
            printf(", path length %" PRId32, ext->path_len);
        }
        putchar('\n');
    }
    if (ext->has_key_usage) {
        printf("%-22s0x%03x\n", "keyUsage", ext->key_usage);
    }
    if (ext->has_eku) {
        printf("%-22s0x%08" PRIx32 "\n", "extKeyUsage", ext->eku);
    }
    if (!cede_span_is_null(ext->subject_key_id)) {
        print_hex("subjectKeyIdentifier", ext->subject_key_id);
    }
    if (!cede_span_is_null(ext->authority_key_id)) {
        print_hex("authorityKeyId", ext->authority_key_id);
    }
    if (!cede_span_is_null(ext->subject_alt_name)) {
        print_hex("subjectAltName", ext->subject_alt_name);
    }
    if (ext->has_unknown_critical) {
        puts("unknown critical extension");
    }
}

static enum cede_status print(struct cede_span encoding)
{
    const struct cede_crypto *crypto = cede_crypto_openssl();
    uint8_t thumbprint[CEDE_SHA256_LEN];
    struct cede_certificate view;
    size_t len;

    CEDE_TRY(cede_certificate_decode(encoding, crypto, &view));
    CEDE_TRY(cede_certificate_thumbprint(crypto, CEDE_ALG_SHA_256, encoding, thumbprint, &len));
    printf("%-22s%s\n", "format", format_name(view.format));
    print_hex("serialNumber", view.serial);
    print_name("issuer", view.issuer);
    print_time("notBefore", view.not_before);
    print_time("notAfter", view.not_after);
    print_name("subject", view.subject);
    printf("%-22s%" PRId32 "\n", "curve (COSE)", view.curve);
    print_hex("publicKey", cede_span(view.point, view.point_len));
    print_extensions(&view.ext);
    printf("%-22s%" PRId32 "\n", "algorithm (COSE)", view.signature_alg);
    print_hex("signature", view.signature);
    print_hex("thumbprint (SHA-256)", cede_span(thumbprint, len));
    return CEDE_OK;
}

int main(int argc, char **argv)
{
    static uint8_t memory[FILE_MAX], text[FILE_MAX];
    struct cede_span content, copy, bytes;
    enum cede_status status;

    if (argc != 2) {
        fputs("usage: c509_print FILE\n", stderr);
        return 2;
    }
    status = cede_file_read(argv[1], CEDE_FILE_PUBLIC, CEDE_BUF_ARRAY(memory), &content);
    if (status == CEDE_OK) {
        status = cede_copy(CEDE_BUF_ARRAY(text), content, &copy);
    }
    if (status == CEDE_OK) {
        status = print(decode_hex(text, copy.len, &bytes) ? bytes : content);
    }
    if (status != CEDE_OK) {
        fprintf(stderr, "c509_print: %s: %s\n", argv[1], cede_status_reason(status));
    }
    return status == CEDE_OK ? 0 : 1;
}
