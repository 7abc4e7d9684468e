/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x509.c - X.509 certificates and PKCS #10 requests: a labelled line a field.
 *
 * DER that is cut short is read as far as it goes: an outer value that promises more than there is
 * is entered all the same, and the first field that does not hold is the failure.
 */
#include <string.h>

#include "cede/certificate.h"
#include "inspect/kinds.h"
#include "inspect/meaning.h"

static void begin_line(struct diag *diag, const char *label)
{
    fprintf(diag->out, "\n  %-20s ", label);
}

/* --- structure ----------------------------------------------------------------------------------
 */

/* The contents of a constructed value, as much of them as there is. *whole: none are missing. */
static struct cede_reader enter(struct diag *diag, struct cede_reader *reader, uint8_t tag,
                                bool *whole)
{
    struct cede_reader strict = *reader;
    struct cede_reader inner = cede_der_enter(&strict, tag);
    size_t head = 2;

    *whole = strict.status == CEDE_OK;
    if (*whole) {
        *reader = strict;
        return inner;
    }
    if (cede_reader_left(reader) < 2 || cede_der_peek(reader) != tag) {
        cede_reader_fail(reader, cede_reader_left(reader) == 0 ? CEDE_TRUNCATED : strict.status);
        (void)diag_reader_ok(diag, reader);
        return cede_reader(CEDE_SPAN_NULL);
    }
    if (reader->in.ptr[reader->pos + 1] & 0x80) {
        head += reader->in.ptr[reader->pos + 1] & 0x7f;
    }
    (void)cede_read_bytes(reader, head);
    return cede_reader(cede_read_rest(reader));
}

/* Nothing may be left; a value that was cut is noted at the end of the input. */
static void finish(struct diag *diag, struct cede_reader *reader, bool whole)
{
    if (diag->status == CEDE_OK && reader->status == CEDE_OK) {
        reader->status = whole ? cede_reader_finish(reader) : CEDE_TRUNCATED;
    }
    (void)diag_reader_ok(diag, reader);
}

static void put_span(struct diag *diag, const char *label, struct cede_span bytes)
{
    begin_line(diag, label);
    diag_hex(diag->out, bytes);
}

static void put_algorithm(struct diag *diag, struct cede_reader *reader, const char *label)
{
    struct cede_span algorithm = cede_der_get_value(reader);
    int32_t alg;

    if (!diag_reader_ok(diag, reader)) {
        return;
    }
    alg = cede_x509_signature_alg(algorithm);
    begin_line(diag, label);
    if (alg != 0) {
        fputs(diag_name(cose_algorithms, alg), diag->out);
    } else {
        struct cede_reader outer = cede_reader(algorithm);
        struct cede_reader inner = cede_der_enter(&outer, CEDE_DER_SEQUENCE);

        put_oid(diag->out, cede_der_get(&inner, CEDE_DER_OID));
    }
}

static void put_name(struct diag *diag, struct cede_reader *reader, const char *label)
{
    struct cede_span name = cede_der_get_value(reader);

    if (diag_reader_ok(diag, reader)) {
        begin_line(diag, label);
        put_distinguished_name(diag->out, name);
    }
}

static void put_validity(struct diag *diag, struct cede_reader *reader)
{
    static const char *const labels[2] = {"not before", "not after"};
    bool whole;
    struct cede_reader times = enter(diag, reader, CEDE_DER_SEQUENCE, &whole);

    for (size_t i = 0; i < 2; i++) {
        uint64_t time = cede_der_get_time(&times);

        if (!diag_reader_ok(diag, &times)) {
            return;
        }
        begin_line(diag, labels[i]);
        if (time == CEDE_TIME_NONE) {
            fputs("no well-defined expiration", diag->out);
        } else {
            put_time(diag->out, time);
        }
    }
    finish(diag, &times, whole);
}

/* The curve of a key, when it is one in use here. */
static const char *curve_name(struct cede_span oid)
{
    static const uint8_t p256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    static const uint8_t p384[] = {0x2b, 0x81, 0x04, 0x00, 0x22};
    static const uint8_t ed25519[] = {0x2b, 0x65, 0x70};
    const struct {
        struct cede_span oid;
        const char *name;
    } names[] = {{CEDE_SPAN_ARRAY(p256), "P-256"},
                 {CEDE_SPAN_ARRAY(p384), "P-384"},
                 {CEDE_SPAN_ARRAY(ed25519), "Ed25519"}};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (cede_span_equal(oid, names[i].oid)) {
            return names[i].name;
        }
    }
    return NULL;
}

/* SubjectPublicKeyInfo. */
static void put_key(struct diag *diag, struct cede_reader *reader)
{
    bool whole;
    struct cede_reader info = enter(diag, reader, CEDE_DER_SEQUENCE, &whole);
    struct cede_reader algorithm = cede_der_enter(&info, CEDE_DER_SEQUENCE);
    struct cede_span oid = cede_der_get(&algorithm, CEDE_DER_OID), bits;

    if (!diag_reader_ok(diag, &info) || !diag_reader_ok(diag, &algorithm)) {
        return;
    }
    begin_line(diag, "public key algorithm");
    if (cede_der_peek(&algorithm) == CEDE_DER_OID) { /* the curve says it all */
        oid = cede_der_get(&algorithm, CEDE_DER_OID);
    }
    if (curve_name(oid) != NULL) {
        fputs(curve_name(oid), diag->out);
    } else {
        put_oid(diag->out, oid);
    }
    bits = cede_der_get_bits(&info, NULL);
    if (diag_reader_ok(diag, &info)) {
        put_span(diag, "public key", bits);
    }
    finish(diag, &info, whole);
}

/* --- extensions ---------------------------------------------------------------------------------
 */

static const char *extension_name(struct cede_span oid)
{
    static const struct {
        uint8_t last; /* of 2.5.29.x */
        uint8_t number;
    } numbers[] = {{14, 1}, {15, 2},  {17, 3}, {18, 25}, {19, 4}, {30, 26}, {31, 5},
                   {32, 6}, {33, 27}, {35, 7}, {36, 28}, {37, 8}, {46, 29}, {54, 30}};
    static const uint8_t info_access[] = {0x2b, 6, 1, 5, 5, 7, 1, 1};
    static const uint8_t no_check[] = {0x2b, 6, 1, 5, 5, 7, 0x30, 1, 5};

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (oid.len == 3 && oid.ptr[0] == 0x55 && oid.ptr[1] == 0x1d &&
            oid.ptr[2] == numbers[i].last) {
            return diag_name(extension_names, numbers[i].number);
        }
    }
    if (cede_span_equal(oid, CEDE_SPAN_ARRAY(info_access))) {
        return "authorityInfoAccess";
    }
    return cede_span_equal(oid, CEDE_SPAN_ARRAY(no_check)) ? "ocspNoCheck" : NULL;
}

/* GeneralName of the kinds in use; the others as bytes. */
static void put_alt_names(FILE *out, struct cede_span value)
{
    struct cede_reader outer = cede_reader(value);
    struct cede_reader names = cede_der_enter(&outer, CEDE_DER_SEQUENCE);

    while (names.status == CEDE_OK && cede_reader_left(&names) > 0) {
        uint8_t tag;
        struct cede_span name = cede_der_get_any(&names, &tag);
        const char *kind = diag_name(general_name_kinds, tag & 0x1f);

        fprintf(out, "%s%s ", names.pos > name.len + 2 ? ", " : "", kind != NULL ? kind : "name");
        if (tag == CEDE_DER_CONTEXT(1) || tag == CEDE_DER_CONTEXT(2) ||
            tag == CEDE_DER_CONTEXT(6)) {
            diag_text(out, name);
        } else if (tag == CEDE_DER_CONTEXT(7) && name.len == 4) {
            fprintf(out, "%u.%u.%u.%u", name.ptr[0], name.ptr[1], name.ptr[2], name.ptr[3]);
        } else {
            diag_hex(out, name);
        }
    }
}

static void put_extension_value(FILE *out, struct cede_span oid, struct cede_span value)
{
    struct cede_extensions ext;

    memset(&ext, 0, sizeof ext);
    ext.path_len = CEDE_PATH_LEN_NONE;
    if (cede_x509_extension(oid, false, value, &ext) != CEDE_OK) {
        fputs("malformed ", out);
        diag_hex(out, value);
    } else if (ext.has_basic_constraints) {
        fputs(ext.ca ? "CA" : "not a CA", out);
        if (ext.path_len != CEDE_PATH_LEN_NONE) {
            fprintf(out, ", path length %d", (int)ext.path_len);
        }
    } else if (ext.has_key_usage) {
        put_flags(out, key_usage_names, ext.key_usage, ", ");
    } else if (ext.has_eku) {
        put_flags(out, key_purpose_names, ext.eku, ", ");
    } else if (ext.subject_key_id.ptr != NULL) {
        diag_hex(out, ext.subject_key_id);
    } else if (ext.authority_key_id.ptr != NULL) {
        diag_hex(out, ext.authority_key_id);
    } else if (ext.subject_alt_name.ptr != NULL) {
        put_alt_names(out, value);
    } else {
        diag_hex(out, value);
    }
}

/* Extensions: contents of the SEQUENCE OF. */
static void put_extensions(struct diag *diag, struct cede_reader *list)
{
    while (diag->status == CEDE_OK && cede_reader_left(list) > 0) {
        struct cede_reader extension = cede_der_enter(list, CEDE_DER_SEQUENCE);
        struct cede_span oid = cede_der_get(&extension, CEDE_DER_OID), value;
        bool critical =
            cede_der_peek(&extension) == CEDE_DER_BOOLEAN && cede_der_get_bool(&extension);
        const char *name = extension_name(oid);

        value = cede_der_get(&extension, CEDE_DER_OCTET_STRING);
        if (!diag_reader_ok(diag, list) || !diag_reader_ok(diag, &extension)) {
            return;
        }
        begin_line(diag, "extension");
        if (name != NULL) {
            fputs(name, diag->out);
        } else {
            put_oid(diag->out, oid);
        }
        fputs(critical ? ", critical: " : ": ", diag->out);
        put_extension_value(diag->out, oid, value);
    }
}

/* --- certificates -------------------------------------------------------------------------------
 */

static void put_signature(struct diag *diag, struct cede_reader *reader)
{
    struct cede_span bits = cede_der_get_bits(reader, NULL);

    if (diag_reader_ok(diag, reader)) {
        put_span(diag, "signature", bits);
    }
}

/* TBSCertificate (RFC 5280, section 4.1). */
static void put_tbs(struct diag *diag, struct cede_reader *tbs)
{
    static const uint8_t version_tag = CEDE_DER_CONTEXT_CONSTRUCTED(0);
    static const uint8_t extensions_tag = CEDE_DER_CONTEXT_CONSTRUCTED(3);
    struct cede_span serial;
    bool whole;

    if (cede_der_peek(tbs) == version_tag) {
        (void)cede_der_get(tbs, version_tag);
    }
    serial = cede_der_get_unsigned(tbs);
    if (!diag_reader_ok(diag, tbs)) {
        return;
    }
    put_span(diag, "serial number", serial);
    put_algorithm(diag, tbs, "signature algorithm");
    put_name(diag, tbs, "issuer");
    if (diag->status == CEDE_OK) {
        put_validity(diag, tbs);
    }
    put_name(diag, tbs, "subject");
    if (diag->status == CEDE_OK) {
        put_key(diag, tbs);
    }
    if (diag->status == CEDE_OK && cede_der_peek(tbs) == extensions_tag) {
        struct cede_reader wrapper = enter(diag, tbs, extensions_tag, &whole);
        struct cede_reader list = enter(diag, &wrapper, CEDE_DER_SEQUENCE, &whole);

        put_extensions(diag, &list);
    }
}

static void put_thumbprint(struct diag *diag, struct cede_span der)
{
    uint8_t hash[CEDE_SHA256_LEN];

    if (cede_hash(diag->crypto, CEDE_ALG_SHA_256, der, hash) == CEDE_OK) {
        put_span(diag, "thumbprint SHA-256", CEDE_SPAN_ARRAY(hash));
    }
}

static void print_certificate(struct diag *diag, struct cede_span der)
{
    struct cede_reader reader = cede_reader(der);
    struct cede_certificate certificate;
    bool whole, tbs_whole;
    struct cede_reader outer = enter(diag, &reader, CEDE_DER_SEQUENCE, &whole);
    struct cede_reader tbs = enter(diag, &outer, CEDE_DER_SEQUENCE, &tbs_whole);

    fprintf(diag->out, "X.509 certificate, %zu bytes", der.len);
    put_tbs(diag, &tbs);
    finish(diag, &tbs, tbs_whole);
    if (diag->status == CEDE_OK) {
        (void)cede_der_get_value(&outer); /* signatureAlgorithm, the same as inside */
        put_signature(diag, &outer);
        finish(diag, &outer, whole);
        finish(diag, &reader, true);
    }
    if (diag->status == CEDE_OK) {
        put_thumbprint(diag, der);
        diag_check(diag, der, cede_certificate_decode(der, diag->crypto, &certificate));
    }
}

/* --- requests -----------------------------------------------------------------------------------
 */

static void put_request_attributes(struct diag *diag, struct cede_span der)
{
    struct cede_x509_request request;
    enum cede_status status = cede_x509_request_decode(der, &request);

    diag_check(diag, der, status);
    if (status != CEDE_OK) {
        return;
    }
    if (request.challenge_password.ptr != NULL) {
        begin_line(diag, "challenge password");
        diag_text(diag->out, request.challenge_password);
    }
    if (request.extensions.ptr != NULL) {
        struct cede_reader list = cede_reader(request.extensions);

        put_extensions(diag, &list);
    }
    begin_line(diag, "proof of possession");
    status = cede_x509_request_verify(&request, diag->crypto);
    fputs(status == CEDE_OK ? "holds" : cede_status_reason(status), diag->out);
}

/* CertificationRequest (RFC 2986, section 4). */
static void print_request(struct diag *diag, struct cede_span der)
{
    struct cede_reader reader = cede_reader(der);
    bool whole, info_whole;
    struct cede_reader outer = enter(diag, &reader, CEDE_DER_SEQUENCE, &whole);
    struct cede_reader info = enter(diag, &outer, CEDE_DER_SEQUENCE, &info_whole);

    fprintf(diag->out, "PKCS #10 certification request, %zu bytes", der.len);
    (void)cede_der_get_small(&info);
    put_name(diag, &info, "subject");
    if (diag->status == CEDE_OK) {
        put_key(diag, &info);
    }
    if (diag->status == CEDE_OK && cede_reader_left(&info) > 0) {
        (void)cede_der_get_value(&info);
    }
    finish(diag, &info, info_whole);
    if (diag->status == CEDE_OK) {
        put_algorithm(diag, &outer, "signature algorithm");
        put_signature(diag, &outer);
        finish(diag, &outer, whole);
        finish(diag, &reader, true);
    }
    if (diag->status == CEDE_OK) {
        put_request_attributes(diag, der);
    }
}

/* --- which of them ------------------------------------------------------------------------------
 */

/* Inside the outer SEQUENCE: an INTEGER is the version of a private key (RFC 5958, RFC 5915, RFC
 * 8017). Inside the next one: version 0 is a request; a certificate of v3 has [0] there. */
void print_der(struct diag *diag, struct cede_span input)
{
    struct diag quiet;
    struct cede_reader reader = cede_reader(input), outer, inner;
    bool whole;

    diag_init(&quiet, diag->out, diag->crypto, input);
    outer = enter(&quiet, &reader, CEDE_DER_SEQUENCE, &whole);
    if (cede_reader_left(&outer) > 0 && outer.in.ptr[0] == CEDE_DER_INTEGER) {
        fprintf(diag->out, "private key, DER, %zu bytes: secret, not printed", input.len);
        if (!whole) {
            diag_fail_at(diag, input.len, CEDE_TRUNCATED);
        }
        return;
    }
    inner = enter(&quiet, &outer, CEDE_DER_SEQUENCE, &whole);
    if (inner.in.len >= 3 && inner.in.ptr[0] == CEDE_DER_INTEGER && inner.in.ptr[1] == 1 &&
        inner.in.ptr[2] == 0) {
        print_request(diag, input);
    } else {
        print_certificate(diag, input);
    }
}
