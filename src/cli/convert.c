/* SPDX-License-Identifier: Apache-2.0 */
/*
 * convert.c - `cede convert`: certificates and requests between X.509 in PEM or DER and C509.
 *
 * C509 type 3 is X.509 in other clothes and comes back byte for byte; what has no such form is
 * refused with the reason, and so is X.509 from a native C509 certificate: its signature is over
 * CBOR. Nothing is written before everything has worked.
 */
#include <errno.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cede/c509.h"
#include "cede/crypto_openssl.h"
#include "cede/posix.h"
#include "cli/cli.h"

#define INPUT_MAX ((size_t)1024 * 1024)
/* Text that C509 holds as bytes, and identifiers in place of numbers, make DER several times as
 * long. */
#define OUTPUT_MAX(len_) (8 * (len_) + 4096)
#define BEGIN            "-----BEGIN "

enum target { TO_C509, TO_DER, TO_PEM };

struct object {
    const char *name; /* of the input, for messages */
    bool request;     /* or a certificate */
    bool der;         /* or C509 */
    struct cede_span bytes;
};

static bool refuse(const struct object *object, const char *what, enum cede_status status)
{
    cli_fail("%s: %s: %s", object->name, what, cede_status_reason(status));
    return false;
}

/* --- what it is ------------------------------------------------------------------------------- */

static bool detect_der(struct cede_span bytes, struct object *object)
{
    struct cede_x509_request request;
    struct cede_x509 certificate;
    enum cede_status status = cede_x509_decode(bytes, &certificate);
    enum cede_status other = cede_x509_request_decode(bytes, &request);

    if (status != CEDE_OK && other != CEDE_OK) {
        cli_fail("%s: no X.509 certificate (%s) and no PKCS #10 request (%s)", object->name,
                 cede_status_reason(status), cede_status_reason(other));
        return false;
    }
    object->bytes = bytes;
    object->der = true;
    object->request = status != CEDE_OK;
    return true;
}

static bool detect_c509(struct cede_span bytes, bool request, struct object *object)
{
    struct cede_c509 certificate;
    struct cede_c509_request csr;
    enum cede_status status =
        request ? cede_c509_request_decode(bytes, &csr) : cede_c509_decode(bytes, &certificate);

    object->bytes = bytes;
    object->request = request;
    return status == CEDE_OK || refuse(object, request ? "C509 request" : "C509", status);
}

/* COSE_C509 or COSE_X509 with one certificate. */
static bool detect_bag(struct cede_span bytes, struct object *object)
{
    struct cede_span content;
    size_t count;
    enum cede_status status = cede_c509_bag_decode(bytes, &content, 1, &count);

    if (status == CEDE_NO_SPACE) {
        cli_fail("%s: several certificates; they are converted one at a time", object->name);
        return false;
    }
    if (status != CEDE_OK) {
        return refuse(object, "COSE_C509", status);
    }
    return content.ptr[0] == CEDE_DER_SEQUENCE ? detect_der(content, object)
                                               : detect_c509(content, false, object);
}

static bool detect_cbor(struct cede_span bytes, struct object *object)
{
    struct cede_reader reader = cede_reader(bytes);

    switch (cede_cbor_peek(&reader)) {
    case CEDE_CBOR_UINT:
        return detect_c509(bytes, false, object);
    case CEDE_CBOR_BYTES:
        return detect_bag(bytes, object);
    case CEDE_CBOR_ARRAY: {
        size_t items = cede_cbor_get_array(&reader);

        if (cede_cbor_peek(&reader) == CEDE_CBOR_BYTES) {
            return detect_bag(bytes, object);
        }
        return detect_c509(bytes, items == 7, object); /* a certificate has eleven */
    }
    default:
        cli_fail("%s: neither PEM, DER nor C509", object->name);
        return false;
    }
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);

    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* The only block of a PEM text, written over the text. */
static bool detect_pem(uint8_t *bytes, size_t len, struct object *object)
{
    const uint8_t *begin = (const uint8_t *)memmem(bytes, len, BEGIN, strlen(BEGIN)) + 1;
    BIO *bio = BIO_new_mem_buf(bytes, (int)len);
    char *label = NULL, *header = NULL;
    uint8_t *data = NULL;
    long data_len = 0;
    bool good = false;

    if (bio == NULL || PEM_read_bio(bio, &label, &header, &data, &data_len) != 1) {
        cli_fail("%s: the PEM text is damaged", object->name);
    } else if (!ends_with(label, "CERTIFICATE") && !ends_with(label, "CERTIFICATE REQUEST")) {
        cli_fail("%s: PEM of another kind: %s", object->name, label);
    } else if (memmem(begin, (size_t)(bytes + len - begin), BEGIN, strlen(BEGIN)) != NULL) {
        cli_fail("%s: several PEM blocks; they are converted one at a time", object->name);
    } else {
        memcpy(bytes, data, (size_t)data_len); /* base64 is longer than what it stands for */
        good = detect_der(cede_span(bytes, (size_t)data_len), object);
    }
    OPENSSL_free(label);
    OPENSSL_free(header);
    OPENSSL_clear_free(data, (size_t)data_len);
    BIO_free(bio);
    return good;
}

/* PEM may have text before it (RFC 7468, section 2). */
static bool is_pem(const uint8_t *bytes, size_t len)
{
    return memmem(bytes, len, "\n" BEGIN, strlen("\n" BEGIN)) != NULL ||
           (len >= strlen(BEGIN) && memcmp(bytes, BEGIN, strlen(BEGIN)) == 0);
}

static bool detect(uint8_t *bytes, size_t len, struct object *object)
{
    if (len == 0) {
        cli_fail("%s: empty", object->name);
        return false;
    }
    if (is_pem(bytes, len)) {
        return detect_pem(bytes, len, object);
    }
    return bytes[0] == CEDE_DER_SEQUENCE ? detect_der(cede_span(bytes, len), object)
                                         : detect_cbor(cede_span(bytes, len), object);
}

/* --- why there is no C509 form ---------------------------------------------------------------- */

#define STRING_UNIVERSAL 0x1c
#define STRING_BMP       0x1e

/* What the draft, section "issuer", lists as not supported; null when `name` has nothing of it. */
static const char *why_not_name(struct cede_reader name)
{
    while (name.status == CEDE_OK && !cede_reader_at_end(&name)) {
        struct cede_span set = cede_der_get(&name, CEDE_DER_SET);
        struct cede_reader inner = cede_reader(set);
        struct cede_reader attribute = cede_der_enter(&inner, CEDE_DER_SEQUENCE);
        uint8_t tag;

        if (cede_der_count(set) > 1) {
            return "a relative distinguished name has more than one attribute";
        }
        (void)cede_der_get(&attribute, CEDE_DER_OID);
        (void)cede_der_get_any(&attribute, &tag);
        if (tag == CEDE_DER_TELETEX_STRING || tag == STRING_UNIVERSAL || tag == STRING_BMP) {
            return "a name is a TeletexString, UniversalString or BMPString";
        }
    }
    return NULL;
}

/* C509 has the seconds only: the way back writes UTCTime until 2049 (RFC 5280, 4.1.2.5). */
static const char *why_not_time(struct cede_reader validity)
{
    for (int i = 0; i < 2 && validity.status == CEDE_OK; i++) {
        uint8_t tag;
        struct cede_span text = cede_der_get_any(&validity, &tag);

        if (tag == CEDE_DER_GENERALIZED_TIME && text.len >= 4 && memcmp(text.ptr, "2050", 4) < 0) {
            return "a date before 2050 is a GeneralizedTime, where RFC 5280 wants UTCTime";
        }
    }
    return NULL;
}

static const char *first_of(const char *a, const char *b)
{
    return a != NULL ? a : b;
}

static const char *why_not_certificate(struct cede_span der)
{
    struct cede_reader outer = cede_reader(der);
    struct cede_reader certificate = cede_der_enter(&outer, CEDE_DER_SEQUENCE);
    struct cede_reader tbs = cede_der_enter(&certificate, CEDE_DER_SEQUENCE);
    struct cede_reader issuer, validity, subject;

    for (int i = 0; i < 3; i++) { /* version, serialNumber, signature */
        (void)cede_der_get_value(&tbs);
    }
    issuer = cede_der_enter(&tbs, CEDE_DER_SEQUENCE);
    validity = cede_der_enter(&tbs, CEDE_DER_SEQUENCE);
    subject = cede_der_enter(&tbs, CEDE_DER_SEQUENCE);
    return first_of(why_not_time(validity), first_of(why_not_name(issuer), why_not_name(subject)));
}

/* ChallengePassword has two string types in C509 (section "Challenge Password"). */
static const char *why_not_attributes(struct cede_reader attributes)
{
    static const uint8_t challenge_password[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 7};

    while (attributes.status == CEDE_OK && !cede_reader_at_end(&attributes)) {
        struct cede_reader attribute = cede_der_enter(&attributes, CEDE_DER_SEQUENCE);
        struct cede_span oid = cede_der_get(&attribute, CEDE_DER_OID);
        struct cede_reader values = cede_der_enter(&attribute, CEDE_DER_SET);
        uint8_t tag = cede_der_peek(&values);

        if (cede_span_equal(oid, CEDE_SPAN_ARRAY(challenge_password)) &&
            tag != CEDE_DER_UTF8_STRING && tag != CEDE_DER_PRINTABLE_STRING) {
            return "the challengePassword is neither UTF8String nor PrintableString";
        }
    }
    return NULL;
}

static const char *why_not_request(struct cede_span der)
{
    struct cede_reader outer = cede_reader(der);
    struct cede_reader request = cede_der_enter(&outer, CEDE_DER_SEQUENCE);
    struct cede_reader info = cede_der_enter(&request, CEDE_DER_SEQUENCE);
    struct cede_reader subject;

    (void)cede_der_get_value(&info); /* version */
    subject = cede_der_enter(&info, CEDE_DER_SEQUENCE);
    (void)cede_der_get_value(&info); /* subjectPKInfo */
    return first_of(why_not_name(subject),
                    why_not_attributes(cede_der_enter(&info, CEDE_DER_CONTEXT_CONSTRUCTED(0))));
}

static bool refuse_c509(const struct object *object, enum cede_status status)
{
    const char *why = NULL;

    if (status == CEDE_C509_NOT_EXPRESSIBLE) {
        why = object->request ? why_not_request(object->bytes) : why_not_certificate(object->bytes);
        why = why != NULL ? why : "rebuilt from C509 it would have other bytes";
        cli_fail("%s: %s: %s", object->name, cede_status_reason(status), why);
        return false;
    }
    return refuse(object, "to C509", status);
}

/* --- converting ------------------------------------------------------------------------------- */

/* As arrays, certificates too: a file should be one item. */
static bool to_c509(const struct object *object, struct cede_buf scratch, struct cede_buf out,
                    struct cede_span *result)
{
    const struct cede_crypto *crypto = cede_crypto_openssl();
    struct cede_c509 certificate;
    struct cede_writer writer = cede_writer(out);
    enum cede_status status = CEDE_OK;

    if (object->request) {
        status = object->der
                     ? cede_c509_request_from_x509(crypto, object->bytes, scratch, out, result)
                     : cede_copy(out, object->bytes, result);
        return status == CEDE_OK || refuse_c509(object, status);
    }
    cede_cbor_put_array(&writer, 11);
    if (object->der) {
        status = cede_c509_from_x509(crypto, object->bytes, scratch,
                                     cede_buf(out.ptr + 1, out.cap - 1), result);
        *result = cede_span(out.ptr, 1 + result->len);
    } else {
        status = cede_c509_decode(object->bytes, &certificate);
        cede_write_bytes(&writer, certificate.sequence);
        *result = cede_written(&writer);
    }
    return status == CEDE_OK || refuse_c509(object, status);
}

static bool to_der(const struct object *object, struct cede_buf out, struct cede_span *der)
{
    const struct cede_crypto *crypto = cede_crypto_openssl();
    enum cede_status status;

    if (object->der) {
        status = cede_copy(out, object->bytes, der);
    } else if (object->request) {
        status = cede_c509_request_to_x509(crypto, object->bytes, out, der);
    } else {
        status = cede_c509_to_x509(crypto, object->bytes, out, der);
    }
    if (status == CEDE_C509_TYPE) {
        cli_fail("%s: native C509 (type 2) is signed over its CBOR: there is no X.509 form",
                 object->name);
        return false;
    }
    return status == CEDE_OK || refuse(object, "to X.509", status);
}

/* `der` is not in `out`. */
static bool to_pem(const struct object *object, struct cede_span der, struct cede_buf out,
                   struct cede_span *pem)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    long len = 0;
    bool good =
        bio != NULL && PEM_write_bio(bio, object->request ? PEM_STRING_X509_REQ : PEM_STRING_X509,
                                     "", der.ptr, (long)der.len) > 0;

    if (good) {
        len = BIO_get_mem_data(bio, &text);
        good = cede_copy(out, cede_span((const uint8_t *)text, (size_t)len), pem) == CEDE_OK;
    }
    BIO_free(bio);
    return good || refuse(object, "to PEM", CEDE_NO_SPACE);
}

static bool convert(const struct object *object, enum target target, struct cede_buf scratch,
                    struct cede_buf out, struct cede_span *result)
{
    if (target == TO_C509) {
        return to_c509(object, scratch, out, result);
    }
    if (target == TO_DER) {
        return to_der(object, out, result);
    }
    return to_der(object, scratch, result) && to_pem(object, *result, out, result);
}

/* --- files ------------------------------------------------------------------------------------ */

static bool is_standard(const char *path)
{
    return path == NULL || strcmp(path, "-") == 0;
}

/* `memory` has room for INPUT_MAX + 1. */
static bool read_input(const char *path, uint8_t *memory, size_t *len)
{
    FILE *file = is_standard(path) ? stdin : fopen(path, "re");
    bool good;

    if (file == NULL) {
        cli_fail("%s: %s", path, strerror(errno));
        return false;
    }
    *len = fread(memory, 1, INPUT_MAX + 1, file);
    good = ferror(file) == 0;
    if (!good) {
        cli_fail("%s: %s", is_standard(path) ? "standard input" : path, strerror(errno));
    } else if (*len > INPUT_MAX) {
        cli_fail("%s: longer than 1 MiB", is_standard(path) ? "standard input" : path);
        good = false;
    }
    if (file != stdin) {
        fclose(file);
    }
    return good;
}

static bool write_stream(FILE *file, const char *name, struct cede_span content)
{
    bool good = fwrite(content.ptr, 1, content.len, file) == content.len && fflush(file) == 0;

    if (!good) {
        cli_fail("%s: %s", name, strerror(errno));
    }
    return good;
}

/* Files are replaced as a whole; devices and pipes are written to. */
static bool write_output(const char *path, struct cede_span content)
{
    enum cede_status status;
    struct stat what;
    FILE *file;
    bool good;

    if (is_standard(path)) {
        return write_stream(stdout, "standard output", content);
    }
    if (stat(path, &what) == 0 && !S_ISREG(what.st_mode) && !S_ISDIR(what.st_mode)) {
        file = fopen(path, "we");
        good = file != NULL && write_stream(file, path, content);
        if (file == NULL || fclose(file) != 0) {
            cli_fail("%s: %s", path, strerror(errno));
            good = false;
        }
        return good;
    }
    status = cede_file_write(path, 0644, content);
    if (status != CEDE_OK) {
        cli_fail("%s: %s", path, cede_status_reason(status));
    }
    return status == CEDE_OK;
}

/* --- the command ------------------------------------------------------------------------------ */

static bool convert_input(enum target target, const char *name, uint8_t *input, size_t len,
                          const char *out)
{
    struct object object = {name, false, false, CEDE_SPAN_NULL};
    size_t cap = OUTPUT_MAX(len);
    uint8_t *memory = malloc(2 * cap);
    struct cede_span result = CEDE_SPAN_NULL;
    bool good;

    if (memory == NULL) {
        cli_fail("%s: %s", name, strerror(ENOMEM));
        return false;
    }
    good = detect(input, len, &object) &&
           convert(&object, target, cede_buf(memory, cap), cede_buf(memory + cap, cap), &result) &&
           write_output(out, result);
    free(memory);
    return good;
}

static int convert_file(enum target target, const char *in, const char *out)
{
    uint8_t *input = malloc(INPUT_MAX + 1);
    size_t len = 0;
    bool good = false;

    if (input == NULL) {
        return cli_fail("%s", strerror(ENOMEM));
    }
    if (read_input(in, input, &len)) {
        good = convert_input(target, is_standard(in) ? "standard input" : in, input, len, out);
    }
    cede_wipe(input, len); /* it may have been a key by mistake */
    free(input);
    return good ? CLI_OK : CLI_FAILED;
}

static int run(int argc, char **argv)
{
    static const char *const targets[] = {"c509", "der", "pem"};
    const char *to = NULL;
    const struct cli_option options[] = {
        {"to", "FORM", "c509, der or pem", true, &to},
        {NULL, NULL, NULL, false, NULL},
    };
    int words = 0;
    int result =
        cli_options(argc, argv, "convert --to c509|der|pem [IN|- [OUT|-]]", options, 2, &words);

    if (result != CLI_OK) {
        return result < 0 ? CLI_OK : result;
    }
    for (int i = 0; i < 3; i++) {
        if (strcmp(to, targets[i]) == 0) {
            return convert_file((enum target)i, words > 0 ? argv[1] : NULL,
                                words > 1 ? argv[2] : NULL);
        }
    }
    cli_fail("--to is c509, der or pem, not '%s'", to);
    return CLI_USAGE;
}

const struct cli_command cli_convert_commands[] = {
    {"convert", NULL, "a certificate or request to C509, DER or PEM", run},
    {NULL, NULL, NULL, NULL},
};
