/* SPDX-License-Identifier: Apache-2.0 */
/* convert_detect.c - `cede convert`: what the input is, in PEM, DER or CBOR, enveloped or not. */
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "cede/pkcs7.h"
#include "cli/cli.h"
#include "cli/convert.h"

#define BEGIN "-----BEGIN "

/* --- parts ------------------------------------------------------------------------------------ */

static bool add_certificate(struct cede_span bytes, bool der, struct convert_object *object)
{
    struct cede_x509 x509;
    struct cede_c509 c509;
    enum cede_status status = der ? cede_x509_decode(bytes, &x509) : cede_c509_decode(bytes, &c509);

    if (status != CEDE_OK) {
        return convert_refuse(object, der ? "no X.509 certificate" : "C509", status);
    }
    if (object->certificates_count == CONVERT_CERTIFICATES_MAX) {
        cli_fail("%s: more than %d certificates", object->name, CONVERT_CERTIFICATES_MAX);
        return false;
    }
    object->certificates[object->certificates_count++] = (struct convert_part){bytes, der};
    return true;
}

static bool set_part(struct convert_part *part, struct cede_span bytes, bool der, const char *what,
                     const struct convert_object *object)
{
    if (part->bytes.ptr != NULL) {
        cli_fail("%s: several %ss", object->name, what);
        return false;
    }
    *part = (struct convert_part){bytes, der};
    return true;
}

static bool is_pkcs8(struct cede_span der)
{
    struct cede_reader outer = cede_reader(der);
    struct cede_reader inner = cede_der_enter(&outer, CEDE_DER_SEQUENCE);

    (void)cede_der_get_small(&inner);
    (void)cede_der_get(&inner, CEDE_DER_SEQUENCE);
    (void)cede_der_get(&inner, CEDE_DER_OCTET_STRING);
    return inner.status == CEDE_OK && cede_reader_at_end(&outer);
}

static bool is_crl(struct cede_span der)
{
    const uint8_t *in = der.ptr;
    X509_CRL *crl = d2i_X509_CRL(NULL, &in, (long)der.len);
    bool is_one = crl != NULL;

    X509_CRL_free(crl);
    return is_one;
}

/* --- DER -------------------------------------------------------------------------------------- */

static bool detect_certs_only(struct cede_span der, struct convert_object *object)
{
    struct cede_pkcs7 pkcs7;
    struct cede_span certificate;
    enum cede_status status = cede_pkcs7_open(der, &pkcs7);

    if (status != CEDE_OK) {
        return convert_refuse(object, "no certs-only message", status);
    }
    while (cede_pkcs7_next(&pkcs7, &certificate)) {
        if (!add_certificate(certificate, true, object)) {
            return false;
        }
    }
    if (object->certificates_count == 0) {
        cli_fail("%s: a message without certificates", object->name);
    }
    return object->certificates_count > 0;
}

static bool detect_der(struct cede_span der, struct convert_object *object)
{
    struct cede_x509_request request;
    struct cede_x509 certificate;
    enum cede_status status, other;

    if (cede_pkcs7_is(der)) {
        return detect_certs_only(der, object);
    }
    if (is_pkcs8(der)) {
        return set_part(&object->key, der, true, "private key", object);
    }
    status = cede_x509_decode(der, &certificate);
    if (status == CEDE_OK) {
        return add_certificate(der, true, object);
    }
    other = cede_x509_request_decode(der, &request);
    if (other == CEDE_OK) {
        return set_part(&object->request, der, true, "request", object);
    }
    if (is_crl(der)) {
        cli_fail("%s: a certificate revocation list: C509 has no form for it", object->name);
    } else {
        cli_fail("%s: no X.509 certificate (%s) and no PKCS #10 request (%s)", object->name,
                 cede_status_reason(status), cede_status_reason(other));
    }
    return false;
}

/* --- PEM -------------------------------------------------------------------------------------- */

static bool is_label(const char *label, const char *wanted)
{
    size_t len = strlen(label), end = strlen(wanted);

    return len >= end && strcmp(label + len - end, wanted) == 0;
}

/* A key in a form of its own, as PKCS #8. */
static bool wrap_key(struct cede_span der, struct cede_buf *arena, struct cede_span *pkcs8)
{
    const uint8_t *in = der.ptr;
    EVP_PKEY *pkey = d2i_AutoPrivateKey(NULL, &in, (long)der.len);
    PKCS8_PRIV_KEY_INFO *info = pkey != NULL ? EVP_PKEY2PKCS8(pkey) : NULL;
    uint8_t *bytes = NULL;
    int len = info != NULL ? i2d_PKCS8_PRIV_KEY_INFO(info, &bytes) : 0;
    bool good = len > 0 && cede_copy(*arena, cede_span(bytes, (size_t)len), pkcs8) == CEDE_OK;

    OPENSSL_clear_free(bytes, len > 0 ? (size_t)len : 0);
    PKCS8_PRIV_KEY_INFO_free(info);
    EVP_PKEY_free(pkey);
    return good;
}

/* One block; what stays of it is in front of what is left of the arena. */
static bool take_block(const char *label, const char *header, struct cede_span data,
                       struct cede_buf *arena, struct convert_object *object)
{
    struct cede_span copy = CEDE_SPAN_NULL;
    bool is_old_key = strcmp(label, "EC PRIVATE KEY") == 0 || strcmp(label, "RSA PRIVATE KEY") == 0;

    if (strcmp(label, "EC PARAMETERS") == 0) {
        return true; /* they are in the key, too */
    }
    if (strcmp(label, "ENCRYPTED PRIVATE KEY") == 0 || strstr(header, "ENCRYPTED") != NULL) {
        cli_fail("%s: the private key is encrypted", object->name);
        return false;
    }
    if (strcmp(label, "X509 CRL") == 0) {
        cli_fail("%s: a certificate revocation list: C509 has no form for it", object->name);
        return false;
    }
    if (!is_old_key && strcmp(label, "PRIVATE KEY") != 0 && strcmp(label, "PKCS7") != 0 &&
        !is_label(label, "CERTIFICATE") && !is_label(label, "CERTIFICATE REQUEST")) {
        cli_fail("%s: PEM of another kind: %s", object->name, label);
        return false;
    }
    if (is_old_key ? !wrap_key(data, arena, &copy) : cede_copy(*arena, data, &copy) != CEDE_OK) {
        cli_fail("%s: the %s is damaged", object->name, label);
        return false;
    }
    *arena = cede_buf(arena->ptr + copy.len, arena->cap - copy.len);
    return detect_der(copy, object);
}

static bool detect_pem(struct cede_span text, struct cede_buf arena, struct convert_object *object)
{
    BIO *bio = BIO_new_mem_buf(text.ptr, (int)text.len);
    const uint8_t *at = text.ptr;
    size_t blocks = 0, begun = 0;
    bool good = bio != NULL;

    while (good) {
        char *label = NULL, *header = NULL;
        uint8_t *data = NULL;
        long len = 0;

        if (PEM_read_bio(bio, &label, &header, &data, &len) != 1) {
            break;
        }
        blocks++;
        good = take_block(label, header, cede_span(data, (size_t)len), &arena, object);
        OPENSSL_free(label);
        OPENSSL_free(header);
        OPENSSL_clear_free(data, (size_t)len);
    }
    BIO_free(bio);
    while ((at = memmem(at, (size_t)(text.ptr + text.len - at), BEGIN, strlen(BEGIN))) != NULL) {
        begun++;
        at++;
    }
    if (good && blocks < begun) {
        cli_fail("%s: the PEM text is damaged", object->name);
        return false;
    }
    return good;
}

/* PEM may have text before it (RFC 7468, section 2). */
static bool is_pem(struct cede_span input)
{
    return memmem(input.ptr, input.len, "\n" BEGIN, strlen("\n" BEGIN)) != NULL ||
           (input.len >= strlen(BEGIN) && memcmp(input.ptr, BEGIN, strlen(BEGIN)) == 0);
}

/* --- CBOR ------------------------------------------------------------------------------------- */

/* COSE_C509 or COSE_X509. */
static bool detect_bag(struct cede_span bag, struct convert_object *object)
{
    struct cede_span contents[CONVERT_CERTIFICATES_MAX];
    size_t count;
    enum cede_status status = cede_c509_bag_decode(bag, contents, CONVERT_CERTIFICATES_MAX, &count);

    if (status != CEDE_OK) {
        return convert_refuse(object, "COSE_C509", status);
    }
    for (size_t i = 0; i < count; i++) {
        if (!add_certificate(contents[i], contents[i].ptr[0] == CEDE_DER_SEQUENCE, object)) {
            return false;
        }
    }
    return true;
}

static bool detect_request(struct cede_span bytes, struct convert_object *object)
{
    struct cede_c509_request request;
    struct cede_c509_template template_;
    enum cede_status status = cede_c509_request_decode(bytes, &request);

    if (status != CEDE_OK) {
        if (cede_c509_template_decode(bytes, &template_) == CEDE_OK) {
            cli_fail("%s: a request template: PKCS #10 has no form for it", object->name);
            return false;
        }
        return convert_refuse(object, "C509 request", status);
    }
    return set_part(&object->request, bytes, false, "request", object);
}

static bool detect_key(struct cede_span bytes, struct convert_object *object)
{
    struct cede_c509_private_key key;
    enum cede_status status = cede_c509_private_key_decode(bytes, &key);

    return status == CEDE_OK ? set_part(&object->key, bytes, false, "private key", object)
                             : convert_refuse(object, "C509 private key", status);
}

static bool detect_key_and_certificates(struct cede_span bytes, struct convert_object *object)
{
    struct cede_c509_private_key key;
    struct cede_span bag;
    enum cede_status status = cede_c509_pem_decode(bytes, &key, &bag);

    if (status != CEDE_OK) {
        return convert_refuse(object, "C509PEM", status);
    }
    object->keyed = true;
    object->key = (struct convert_part){key.encoding, false};
    return bag.ptr == NULL || detect_bag(bag, object);
}

/* Arrays are told apart by their length and by what comes first. */
static bool detect_array(struct cede_span bytes, struct convert_object *object)
{
    struct cede_reader reader = cede_reader(bytes);
    size_t items = cede_cbor_get_array(&reader);

    switch (cede_cbor_peek(&reader)) {
    case CEDE_CBOR_BYTES:
        return detect_bag(bytes, object);
    case CEDE_CBOR_ARRAY:
        return detect_key_and_certificates(bytes, object);
    default:
        return items == 7   ? detect_request(bytes, object)
               : items == 3 ? detect_key(bytes, object)
                            : add_certificate(bytes, false, object);
    }
}

static bool detect_cbor(struct cede_span file, struct convert_object *object)
{
    uint32_t format;
    struct cede_span bytes;
    enum cede_status status = cede_c509_file_open(file, &format, &bytes);
    struct cede_reader reader = cede_reader(bytes);

    if (status != CEDE_OK) {
        return convert_refuse(object, "an envelope of another kind", status);
    }
    switch (cede_cbor_peek(&reader)) {
    case CEDE_CBOR_UINT:
        return add_certificate(bytes, false, object);
    case CEDE_CBOR_BYTES:
        return detect_bag(bytes, object);
    case CEDE_CBOR_ARRAY:
        return detect_array(bytes, object);
    default:
        cli_fail("%s: neither PEM, DER nor C509", object->name);
        return false;
    }
}

/* --- any -------------------------------------------------------------------------------------- */

bool convert_detect(struct cede_span input, struct cede_buf arena, struct convert_object *object)
{
    bool good;

    if (input.len == 0) {
        cli_fail("%s: empty", object->name);
        return false;
    }
    if (is_pem(input)) {
        good = detect_pem(input, arena, object);
    } else {
        good = input.ptr[0] == CEDE_DER_SEQUENCE ? detect_der(input, object)
                                                 : detect_cbor(input, object);
    }
    if (good && object->request.bytes.ptr != NULL &&
        (object->key.bytes.ptr != NULL || object->certificates_count > 0)) {
        cli_fail("%s: a request and something else", object->name);
        return false;
    }
    return good;
}
