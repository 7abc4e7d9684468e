/* SPDX-License-Identifier: Apache-2.0 */
/* certificate.c - C509 certificates, requests and bags, and certificates inside other objects. */
#include <inttypes.h>
#include <string.h>

#include "cede/certificate.h"
#include "inspect/kinds.h"
#include "inspect/meaning.h"

#define NAME_LEN_MAX 2048

/* --- meanings -----------------------------------------------------------------------------------
 */

static void put_name(FILE *out, struct cede_name name)
{
    uint8_t der[NAME_LEN_MAX];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(der));
    struct cede_span encoding;

    cede_c509_put_name_der(&writer, name);
    if (cede_writer_finish(&writer, &encoding) == CEDE_OK) {
        put_distinguished_name(out, encoding);
    }
}

static void mean_name(const struct diag *diag, struct cede_span item, FILE *text)
{
    (void)diag;
    if (item.len == 1 && item.ptr[0] == 0xf6) {
        fputs("the subject's, self-issued", text);
    } else {
        put_name(text, (struct cede_name){CEDE_NAME_C509, item});
    }
}

static void mean_public_key(const struct diag *diag, struct cede_span item, FILE *text)
{
    struct cede_span bytes;

    (void)diag;
    if (!diag_as_bytes(item, &bytes) || bytes.len == 0) {
        return;
    }
    if (bytes.len % 2 == 1) {
        switch (bytes.ptr[0]) {
        case 0x02:
        case 0x03:
            fprintf(text, "compressed point, y is %s", bytes.ptr[0] == 2 ? "even" : "odd");
            break;
        case 0xfe:
        case 0xfd:
            fprintf(text, "point, y is %s, uncompressed in X.509",
                    bytes.ptr[0] == 0xfe ? "even" : "odd");
            break;
        case 0x04:
            fputs("uncompressed point", text);
            break;
        default:
            break;
        }
    }
}

static void mean_key_usage(const struct diag *diag, struct cede_span item, FILE *text)
{
    int64_t usage;

    (void)diag;
    if (diag_as_int(item, &usage)) {
        put_flags(text, key_usage_names, (uint64_t)(usage < 0 ? -usage : usage), ", ");
    }
}

/* Extensions that are only an integer are keyUsage alone. */
static void mean_extensions(const struct diag *diag, struct cede_span item, FILE *text)
{
    int64_t usage;

    if (diag_as_int(item, &usage)) {
        fprintf(text, "keyUsage only%s, ", usage < 0 ? ", critical" : "");
        mean_key_usage(diag, item, text);
    }
}

static void put_purpose(struct cede_reader *reader, FILE *text)
{
    struct cede_span item = cede_cbor_get_item(reader), oid;
    int64_t value;
    const char *name;

    if (diag_as_int(item, &value)) {
        name = diag_name(key_purpose_names, value);
        fputs(name != NULL ? name : "unknown", text);
    } else if (diag_as_bytes(item, &oid)) {
        put_oid(text, oid);
    }
}

static void mean_key_purposes(const struct diag *diag, struct cede_span item, FILE *text)
{
    struct cede_reader reader = cede_reader(item);
    size_t count = 1;

    (void)diag;
    if (cede_cbor_peek(&reader) == CEDE_CBOR_ARRAY) {
        count = cede_cbor_get_array(&reader);
    }
    for (size_t i = 0; i < count && reader.status == CEDE_OK; i++) {
        fputs(i > 0 ? ", " : "", text);
        put_purpose(&reader, text);
    }
}

static void mean_basic_constraints(const struct diag *diag, struct cede_span item, FILE *text)
{
    int64_t value;

    (void)diag;
    if (!diag_as_int(item, &value)) {
        return;
    }
    if (value < -1) {
        fputs("not a CA", text);
    } else if (value < 0) {
        fputs("CA", text);
    } else {
        fprintf(text, "CA, path length %" PRId64, value);
    }
}

static void mean_alt_name(const struct diag *diag, struct cede_span item, FILE *text)
{
    struct cede_span name;

    (void)diag;
    if (diag_as_text(item, &name)) {
        fputs("DNS name", text);
    }
}

static void put_thumbprint(const struct diag *diag, struct cede_span encoding, FILE *text)
{
    uint8_t hash[CEDE_SHA256_LEN];
    size_t hash_len;

    if (cede_certificate_thumbprint(diag->crypto, CEDE_ALG_SHA_256, encoding, hash, &hash_len) ==
        CEDE_OK) {
        fputs("thumbprint SHA-256 ", text);
        diag_hex(text, cede_span(hash, hash_len));
    }
}

/* Given C509Certificate, ~C509Certificate, or a byte string with DER in it. */
static void mean_certificate(const struct diag *diag, struct cede_span item, FILE *text)
{
    struct cede_certificate certificate;
    struct cede_span bytes;

    if (diag_as_bytes(item, &bytes)) {
        item = bytes;
    }
    if (cede_certificate_decode(item, diag->crypto, &certificate) == CEDE_OK) {
        put_name(text, certificate.subject);
        fprintf(text, "%s, ", certificate.format == CEDE_CERTIFICATE_X509 ? ", X.509" : "");
    }
    put_thumbprint(diag, item, text);
}

/* --- shapes -------------------------------------------------------------------------------------
 */

static const struct diag_value types[] = {
    {CEDE_C509_NATIVE, "native, signed as CBOR"}, {CEDE_C509_X509, "X.509, re-encoded"}, {0, NULL}};

static const struct diag_value name_attributes[] = {{0, "emailAddress"},
                                                    {1, "CN"},
                                                    {2, "SN"},
                                                    {3, "serialNumber"},
                                                    {4, "C"},
                                                    {5, "L"},
                                                    {6, "ST"},
                                                    {7, "street"},
                                                    {8, "O"},
                                                    {9, "OU"},
                                                    {10, "title"},
                                                    {11, "businessCategory"},
                                                    {12, "postalCode"},
                                                    {13, "GN"},
                                                    {14, "initials"},
                                                    {15, "generationQualifier"},
                                                    {16, "dnQualifier"},
                                                    {17, "pseudonym"},
                                                    {18, "organizationIdentifier"},
                                                    {19, "jurisdictionL"},
                                                    {20, "jurisdictionST"},
                                                    {21, "jurisdictionC"},
                                                    {22, "DC"},
                                                    {25, "name"},
                                                    {26, "telephoneNumber"},
                                                    {27, "dmdName"},
                                                    {28, "UID"},
                                                    {29, "unstructuredName"},
                                                    {30, "unstructuredAddress"},
                                                    {0, NULL}};

static const struct diag_shape type_shape = {.values = types, .types = DIAG_INTEGER};
static const struct diag_shape bytes_shape = {.types = DIAG_TYPE(CEDE_CBOR_BYTES)};
static const struct diag_shape signature_alg = {.values = c509_signature_algorithms};
static const struct diag_shape key_alg = {.values = c509_key_algorithms};
static const struct diag_shape name_shape = {.form = DIAG_PAIRS,
                                             .values = name_attributes,
                                             .negative = ", printable string",
                                             .meaning = mean_name};
static const struct diag_shape begin_shape = {.meaning = mean_time,
                                              .types = DIAG_TYPE(CEDE_CBOR_UINT)};
static const struct diag_shape end_shape = {
    .meaning = mean_time_or_none, .types = DIAG_TYPE(CEDE_CBOR_UINT) | DIAG_TYPE(CEDE_CBOR_SIMPLE)};
static const struct diag_shape key_shape = {.meaning = mean_public_key};

static const struct diag_shape key_usage = {.meaning = mean_key_usage, .types = DIAG_INTEGER};
static const struct diag_shape key_purposes = {.meaning = mean_key_purposes};
static const struct diag_shape basic_constraints = {.meaning = mean_basic_constraints,
                                                    .types = DIAG_INTEGER};
static const struct diag_shape alt_names = {
    .form = DIAG_PAIRS, .values = general_name_kinds, .meaning = mean_alt_name};

static const struct diag_field extension_fields[] = {
    {2, "keyUsage", &key_usage},
    {3, "subjectAltName", &alt_names},
    {4, "basicConstraints", &basic_constraints},
    {8, "extKeyUsage", &key_purposes},
    {25, "issuerAltName", &alt_names},
    {0, NULL, NULL},
};

static const struct diag_shape extensions_shape = {.form = DIAG_PAIRS,
                                                   .fields = extension_fields,
                                                   .values = extension_names,
                                                   .negative = ", critical",
                                                   .meaning = mean_extensions};

/* The draft, section "C509 Certificate". */
static const struct diag_field c509_fields[] = {
    {0, "c509CertificateType", &type_shape},
    {1, "certificateSerialNumber", &bytes_shape},
    {2, "issuerSignatureAlgorithm", &signature_alg},
    {3, "issuer", &name_shape},
    {4, "validityNotBefore", &begin_shape},
    {5, "validityNotAfter", &end_shape},
    {6, "subject", &name_shape},
    {7, "subjectPublicKeyAlgorithm", &key_alg},
    {8, "subjectPublicKey", &key_shape},
    {9, "extensions", &extensions_shape},
    {10, "issuerSignatureValue", &bytes_shape},
    {0, NULL, NULL},
};

const struct diag_shape shape_c509 = {.form = DIAG_ARRAY,
                                      .name = "C509Certificate",
                                      .fields = c509_fields,
                                      .meaning = mean_certificate};
static const struct diag_shape c509_sequence = {.form = DIAG_ARRAY,
                                                .name = "~C509Certificate",
                                                .fields = c509_fields,
                                                .meaning = mean_certificate};

static const struct diag_shape wrapped_array = {.form = DIAG_WRAPPED, .element = &shape_c509};
static const struct diag_shape wrapped_sequence = {.form = DIAG_WRAPPED_SEQUENCE,
                                                   .element = &c509_sequence};
static const struct diag_shape der_shape = {.meaning = mean_certificate};

/* A C509Certificate begins with 8b, a ~C509Certificate with its type and a byte string. What is
 * not CBOR inside is left as bytes: the decoder of the whole object has the verdict. */
static const struct diag_shape *choose_certificate(struct cede_span item)
{
    struct cede_span bytes;
    struct cede_certificate certificate;

    if (!diag_as_bytes(item, &bytes) || bytes.len < 2) {
        return NULL;
    }
    if (cede_certificate_decode(bytes, cede_crypto_openssl(), &certificate) != CEDE_OK ||
        certificate.format == CEDE_CERTIFICATE_X509) {
        return &der_shape;
    }
    return bytes.ptr[0] == 0x8b ? &wrapped_array : &wrapped_sequence;
}

const struct diag_shape shape_certificate = {
    .form = DIAG_CHOICE, .choose = choose_certificate, .types = DIAG_TYPE(CEDE_CBOR_BYTES)};

static const struct diag_shape bag_list = {
    .form = DIAG_LIST, .name = "certificates", .element = &shape_certificate};

static const struct diag_shape *choose_bag(struct cede_span item)
{
    return item.ptr[0] >> 5 == CEDE_CBOR_ARRAY ? &bag_list : choose_certificate(item);
}

const struct diag_shape shape_bag = {.form = DIAG_CHOICE, .choose = choose_bag};

static const struct diag_field cert_hash_fields[] = {
    {0, "hash algorithm", &shape_algorithm},
    {1, "hash", &bytes_shape},
    {0, NULL, NULL},
};
const struct diag_shape shape_cert_hash = {
    .form = DIAG_ARRAY, .name = "COSE_CertHash", .fields = cert_hash_fields};

static const struct diag_field attribute_fields[] = {
    {0, "extensionRequest", &extensions_shape},
    {1, "challengePassword", NULL},
    {2, "privateKeyPossessionStatement", NULL},
    {0, NULL, NULL},
};
static const struct diag_shape attributes_shape = {
    .form = DIAG_PAIRS, .fields = attribute_fields, .negative = ""};

static const struct diag_value request_types[] = {{CEDE_C509_NATIVE, "native, signed as CBOR"},
                                                  {CEDE_C509_X509, "PKCS #10, re-encoded"},
                                                  {0, NULL}};
static const struct diag_shape request_type = {.values = request_types, .types = DIAG_INTEGER};

static const struct diag_field request_fields[] = {
    {0, "c509CertificationRequestType", &request_type},
    {1, "subjectSignatureAlgorithm", &signature_alg},
    {2, "subject", &name_shape},
    {3, "subjectPublicKeyAlgorithm", &key_alg},
    {4, "subjectPublicKey", &key_shape},
    {5, "attributes", &attributes_shape},
    {6, "subjectSignatureValue", NULL},
    {0, NULL, NULL},
};
static const struct diag_shape request_shape = {
    .form = DIAG_ARRAY, .name = "C509CertificationRequest", .fields = request_fields};

/* --- private keys and templates -----------------------------------------------------------------
 */

static const struct diag_value private_key_types[] = {
    {CEDE_C509_KEY_OCTETS, "octets of RFC 5958"}, {CEDE_C509_KEY_COSE, "COSE_Key"}, {0, NULL}};
static const struct diag_shape private_key_type = {.values = private_key_types,
                                                   .types = DIAG_INTEGER};

/* Whatever is not a COSE_Key is secret as a whole. */
static const struct diag_shape *choose_private_key(struct cede_span item)
{
    return item.ptr[0] >> 5 == CEDE_CBOR_MAP ? &shape_cose_key : &shape_secret;
}

static const struct diag_shape private_key_shape = {.form = DIAG_CHOICE,
                                                    .choose = choose_private_key};
static const struct diag_field private_key_fields[] = {
    {0, "C509PrivateKeyType", &private_key_type},
    {1, "subjectPrivateKeyAlgorithm", &key_alg},
    {2, "subjectPrivateKey", &private_key_shape},
    {0, NULL, NULL},
};
static const struct diag_shape shape_private_key = {
    .form = DIAG_ARRAY, .name = "C509PrivateKey", .fields = private_key_fields};

static const struct diag_shape *choose_pem_bag(struct cede_span item)
{
    return item.ptr[0] == 0xf6 ? NULL : &shape_bag;
}

static const struct diag_shape pem_bag = {.form = DIAG_CHOICE, .choose = choose_pem_bag};
static const struct diag_field pem_fields[] = {
    {0, "private key", &shape_private_key}, {1, "certificates", &pem_bag}, {0, NULL, NULL}};
static const struct diag_shape pem_shape = {
    .form = DIAG_ARRAY, .name = "C509PEM", .fields = pem_fields};

static const struct diag_field template_fields[] = {
    {0, "c509CertificationRequestTemplateType", NULL},
    {1, "c509CertificationRequestType", NULL},
    {2, "subjectSignatureAlgorithm", NULL},
    {3, "subject", NULL},
    {4, "subjectPublicKeyAlgorithm", NULL},
    {5, "subjectPublicKey", NULL},
    {6, "extensionsRequest", NULL},
    {0, NULL, NULL},
};
static const struct diag_shape template_shape = {
    .form = DIAG_ARRAY, .name = "C509CertificationRequestTemplate", .fields = template_fields};

/* --- artefacts ----------------------------------------------------------------------------------
 */

void print_c509(struct diag *diag, struct cede_span input)
{
    struct cede_reader reader = cede_reader(input);
    struct cede_certificate certificate;

    if (cede_cbor_peek(&reader) == CEDE_CBOR_ARRAY) {
        diag_whole(diag, input, &shape_c509, NULL);
    } else {
        diag_sequence(diag, &reader, c509_fields, false);
    }
    if (diag->status == CEDE_OK) {
        diag_check(diag, input, cede_certificate_decode(input, diag->crypto, &certificate));
    }
    if (diag->status == CEDE_OK && cede_cbor_peek(&reader) != CEDE_CBOR_ARRAY) {
        uint8_t hash[CEDE_SHA256_LEN];
        char hex[2 * CEDE_SHA256_LEN + 1] = "";

        diag_check(diag, input, cede_hash(diag->crypto, CEDE_ALG_SHA_256, input, hash));
        for (size_t i = 0; diag->status == CEDE_OK && i < sizeof hash; i++) {
            snprintf(hex + 2 * i, 3, "%02x", hash[i]);
        }
        diag_remark(diag, "thumbprint SHA-256 %s", hex);
    }
}

void print_c509_request(struct diag *diag, struct cede_span input)
{
    uint8_t scratch[4096];
    struct cede_request request;
    enum cede_status status;

    diag_whole(diag, input, &request_shape, NULL);
    if (diag->status != CEDE_OK) {
        return;
    }
    status = cede_request_decode(input, diag->crypto, &request);
    diag_check(diag, input, status);
    if (status == CEDE_OK) {
        if (request.mac_hash != 0) {
            diag_remark(diag, "proof of possession: a MAC, which only its verifier can check");
            return;
        }
        status = cede_request_verify(&request, diag->crypto, CEDE_BUF_ARRAY(scratch));
        diag_remark(diag, "proof of possession: %s",
                    status == CEDE_OK ? "holds" : cede_status_reason(status));
    }
}

/* A bag, and the arrays of requests, certificates or thumbprints that the CA's doors take. */
void print_bag(struct diag *diag, struct cede_span input)
{
    diag_whole(diag, input, &shape_bag, NULL);
}

void print_c509_private_key(struct diag *diag, struct cede_span input)
{
    struct cede_c509_private_key key;

    diag_whole(diag, input, &shape_private_key, NULL);
    if (diag->status == CEDE_OK) {
        diag_check(diag, input, cede_c509_private_key_decode(input, &key));
    }
}

void print_c509_pem(struct diag *diag, struct cede_span input)
{
    struct cede_c509_private_key key;
    struct cede_span bag;

    diag_whole(diag, input, &pem_shape, NULL);
    if (diag->status == CEDE_OK) {
        diag_check(diag, input, cede_c509_pem_decode(input, &key, &bag));
    }
}

void print_c509_template(struct diag *diag, struct cede_span input)
{
    struct cede_c509_template template_;

    diag_whole(diag, input, &template_shape, NULL);
    if (diag->status == CEDE_OK) {
        diag_check(diag, input, cede_c509_template_decode(input, &template_));
    }
}

static inspect_print *of_format(uint32_t format, struct cede_span item)
{
    switch (format) {
    case CEDE_C509_FORMAT_CERTIFICATE:
    case CEDE_C509_FORMAT_CHAIN:
        return item.ptr[0] >> 5 == CEDE_CBOR_ARRAY && item.ptr[0] == 0x8b ? print_c509 : print_bag;
    case CEDE_C509_FORMAT_REQUEST:
        return print_c509_request;
    case CEDE_C509_FORMAT_PRIVATE_KEY:
        return print_c509_private_key;
    case CEDE_C509_FORMAT_PEM:
        return print_c509_pem;
    case CEDE_C509_FORMAT_TEMPLATE:
        return print_c509_template;
    default:
        return NULL;
    }
}

/* A stored item (RFC 9277): what is in it is told by the content format. */
void print_envelope(struct diag *diag, struct cede_span input)
{
    struct cede_span item;
    uint32_t format;
    inspect_print *print;

    if (cede_c509_file_open(input, &format, &item) != CEDE_OK || item.len == 0 ||
        (print = of_format(format, item)) == NULL) {
        print_cbor(diag, input);
        return;
    }
    diag_remark(diag, "stored item of content format %u", (unsigned)format);
    print(diag, item);
}
