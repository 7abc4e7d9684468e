/* SPDX-License-Identifier: Apache-2.0 */
/* meaning.c - registries as const tables (IANA COSE, CoAP; the C509 draft, section 9), times. */
#include "inspect/meaning.h"

#include <inttypes.h>
#include <string.h>

#include "cede/coap.h"
#include "cede/transfer.h"
#include "cede/x509.h"

const struct diag_value cose_algorithms[] = {
    {CEDE_ALG_ES256, "ES256"},
    {CEDE_ALG_EDDSA, "EdDSA"},
    {CEDE_ALG_ESP256, "ESP256"},
    {CEDE_ALG_ED25519, "Ed25519"},
    {CEDE_ALG_ES384, "ES384"},
    {-36, "ES512"},
    {-51, "ESP384"},
    {-37, "PS256"},
    {-257, "RS256"},
    {CEDE_ALG_SHA_256, "SHA-256"},
    {CEDE_ALG_SHA_256_64, "SHA-256 truncated to 64 bits"},
    {CEDE_ALG_SHA_384, "SHA-384"},
    {-44, "SHA-512"},
    {-6, "direct"},
    {CEDE_ALG_HMAC_256_64, "HMAC 256|64"},
    {CEDE_ALG_HMAC_256, "HMAC 256|256"},
    {6, "HMAC 384|384"},
    {7, "HMAC 512|512"},
    {CEDE_ALG_A128GCM, "A128GCM"},
    {CEDE_ALG_A192GCM, "A192GCM"},
    {CEDE_ALG_A256GCM, "A256GCM"},
    {CEDE_ALG_AES_CCM_16_64_128, "AES-CCM-16-64-128"},
    {CEDE_ALG_AES_CCM_16_64_256, "AES-CCM-16-64-256"},
    {CEDE_ALG_AES_CCM_64_64_128, "AES-CCM-64-64-128"},
    {CEDE_ALG_AES_CCM_64_64_256, "AES-CCM-64-64-256"},
    {CEDE_ALG_CHACHA20_POLY1305, "ChaCha20|Poly1305"},
    {CEDE_ALG_AES_CCM_16_128_128, "AES-CCM-16-128-128"},
    {CEDE_ALG_AES_CCM_16_128_256, "AES-CCM-16-128-256"},
    {CEDE_ALG_AES_CCM_64_128_128, "AES-CCM-64-128-128"},
    {CEDE_ALG_AES_CCM_64_128_256, "AES-CCM-64-128-256"},
    {0, NULL},
};

const struct diag_value cose_curves[] = {
    {CEDE_CRV_P256, "P-256"},
    {CEDE_CRV_P384, "P-384"},
    {3, "P-521"},
    {CEDE_CRV_X25519, "X25519"},
    {5, "X448"},
    {CEDE_CRV_ED25519, "Ed25519"},
    {7, "Ed448"},
    {8, "secp256k1"},
    {0, NULL},
};

const struct diag_value cose_key_types[] = {
    {1, "OKP"}, {2, "EC2"}, {3, "RSA"}, {4, "Symmetric"}, {5, "HSS-LMS"}, {0, NULL},
};

const struct diag_value c509_signature_algorithms[] = {
    {-256, "RSASSA-PKCS1-v1_5 with SHA-1"},
    {-255, "ECDSA with SHA-1"},
    {0, "ECDSA with SHA-256"},
    {1, "ECDSA with SHA-384"},
    {2, "ECDSA with SHA-512"},
    {3, "ECDSA with SHAKE128"},
    {4, "ECDSA with SHAKE256"},
    {5, "unsigned"},
    {8, "SM2 with SM3"},
    {12, "Ed25519"},
    {13, "Ed448"},
    {14, "PoP with SHA-256 and HMAC-SHA256"},
    {15, "PoP with SHA-384 and HMAC-SHA384"},
    {16, "PoP with SHA-512 and HMAC-SHA512"},
    {23, "RSASSA-PKCS1-v1_5 with SHA-256"},
    {24, "RSASSA-PKCS1-v1_5 with SHA-384"},
    {25, "RSASSA-PKCS1-v1_5 with SHA-512"},
    {26, "RSASSA-PSS with SHA-256"},
    {27, "RSASSA-PSS with SHA-384"},
    {28, "RSASSA-PSS with SHA-512"},
    {29, "RSASSA-PSS with SHAKE128"},
    {30, "RSASSA-PSS with SHAKE256"},
    {0, NULL},
};

const struct diag_value c509_key_algorithms[] = {
    {0, "RSA"},
    {1, "P-256"},
    {2, "P-384"},
    {3, "P-521"},
    {6, "sm2p256v1"},
    {8, "X25519"},
    {9, "X448"},
    {12, "Ed25519"},
    {13, "Ed448"},
    {24, "brainpoolP256r1"},
    {25, "brainpoolP384r1"},
    {26, "brainpoolP512r1"},
    {27, "FRP256v1"},
    {0, NULL},
};

const struct diag_value extension_names[] = {
    {1, "subjectKeyIdentifier"},
    {2, "keyUsage"},
    {3, "subjectAltName"},
    {4, "basicConstraints"},
    {5, "cRLDistributionPoints"},
    {6, "certificatePolicies"},
    {7, "authorityKeyIdentifier"},
    {8, "extKeyUsage"},
    {9, "authorityInfoAccess"},
    {24, "subjectDirectoryAttributes"},
    {25, "issuerAltName"},
    {26, "nameConstraints"},
    {27, "policyMappings"},
    {28, "policyConstraints"},
    {29, "freshestCRL"},
    {30, "inhibitAnyPolicy"},
    {31, "subjectInfoAccess"},
    {32, "IPAddrBlocks"},
    {33, "ASIdentifiers"},
    {34, "IPAddrBlocks v2"},
    {35, "ASIdentifiers v2"},
    {36, "ocspNoCheck"},
    {37, "precertificateSigning"},
    {38, "tlsFeatures"},
    {0, NULL},
};

const struct diag_value key_usage_names[] = {
    {0, "digitalSignature"}, {1, "nonRepudiation"},
    {2, "keyEncipherment"},  {3, "dataEncipherment"},
    {4, "keyAgreement"},     {5, "keyCertSign"},
    {6, "cRLSign"},          {7, "encipherOnly"},
    {8, "decipherOnly"},     {0, NULL},
};

const struct diag_value key_purpose_names[] = {
    {0, "any"},
    {1, "serverAuth"},
    {2, "clientAuth"},
    {3, "codeSigning"},
    {4, "emailProtection"},
    {8, "timeStamping"},
    {9, "OCSPSigning"},
    {10, "pkinitClientAuth"},
    {11, "pkinitKDC"},
    {12, "sshClient"},
    {13, "sshServer"},
    {14, "bundleSecurity"},
    {15, "cmcCA"},
    {16, "cmcRA"},
    {17, "cmcArchive"},
    {18, "cmKGA"},
    {19, "certificateTransparency"},
    {20, "wiSunFanDevice"},
    {31, "one without a number"},
    {0, NULL},
};

const struct diag_value general_name_kinds[] = {
    {-3, "otherName MACAddress"},
    {-2, "otherName SmtpUTF8Mailbox"},
    {-1, "otherName hardwareModuleName"},
    {0, "otherName"},
    {1, "email"},
    {2, "DNS name"},
    {4, "directory name"},
    {6, "URI"},
    {7, "IP address"},
    {8, "registered id"},
    {0, NULL},
};

const struct diag_value content_formats[] = {
    {CEDE_COAP_FORMAT_TEXT, "text|plain"},
    {40, "application|link-format"},
    {CEDE_COAP_FORMAT_OCTET_STREAM, "application|octet-stream"},
    {50, "application|json"},
    {CEDE_COAP_FORMAT_CBOR, "application|cbor"},
    {CEDE_COAP_FORMAT_CWT, "application|cwt"},
    {CEDE_COAP_FORMAT_EDHOC, "application|edhoc+cbor-seq"},
    {CEDE_COAP_FORMAT_CID_EDHOC, "application|cid-edhoc+cbor-seq"},
    {17, "application|cose; cose-type=cose-mac0"},
    {18, "application|cose; cose-type=cose-sign1"},
    {285, "application|csrattrs"},
    {286, "application|pkcs10"},
    {287, "application|pkix-cert"},
    {0, NULL},
};

const struct diag_value device_states[] = {
    {CEDE_DEVICE_FACTORY, "factory"},
    {CEDE_DEVICE_ENROLLING, "enrolling"},
    {CEDE_DEVICE_OPERATIONAL, "operational"},
    {CEDE_DEVICE_ACCEPTED, "accepted"},
    {CEDE_DEVICE_RESET, "reset"},
    {CEDE_DEVICE_ATTESTING, "attesting"},
    {CEDE_DEVICE_UPDATING, "updating"},
    {CEDE_DEVICE_JOINING, "joining"},
    {CEDE_DEVICE_JOINED, "joined"},
    {CEDE_DEVICE_FALLBACK, "fallback"},
    {CEDE_DEVICE_HOMING, "homing"},
    {0, NULL},
};

/* --- times and flags ----------------------------------------------------------------------------
 */

void put_time(FILE *out, uint64_t seconds)
{
    uint8_t d[14];

    if (seconds > UINT64_C(253402300799)) { /* 9999-12-31 23:59:59 */
        fprintf(out, "%" PRIu64 " seconds, past the year 9999", seconds);
        return;
    }
    cede_time_digits(seconds, d);
    fprintf(out, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", (const char *)d, (const char *)d + 4,
            (const char *)d + 6, (const char *)d + 8, (const char *)d + 10, (const char *)d + 12);
}

void put_flags(FILE *out, const struct diag_value *names, uint64_t flags, const char *separator)
{
    bool first = true;

    for (unsigned bit = 0; bit < 64; bit++) {
        const char *name = diag_name(names, bit);

        if (flags >> bit & 1) {
            fputs(first ? "" : separator, out);
            first = false;
            if (name != NULL) {
                fputs(name, out);
            } else {
                fprintf(out, "bit %u", bit);
            }
        }
    }
}

void mean_time(const struct diag *diag, struct cede_span item, FILE *text)
{
    int64_t seconds;

    (void)diag;
    if (diag_as_int(item, &seconds) && seconds >= 0) {
        put_time(text, (uint64_t)seconds);
    }
}

void mean_time_or_none(const struct diag *diag, struct cede_span item, FILE *text)
{
    if (item.len == 1 && item.ptr[0] == 0xf6) {
        fputs("no well-defined expiration", text);
    } else {
        mean_time(diag, item, text);
    }
}

void mean_seconds(const struct diag *diag, struct cede_span item, FILE *text)
{
    int64_t seconds;

    (void)diag;
    if (diag_as_int(item, &seconds)) {
        fputs("seconds", text);
    }
}

void mean_status(const struct diag *diag, struct cede_span item, FILE *text)
{
    int64_t status;

    (void)diag;
    if (diag_as_int(item, &status) && status >= 0 && status <= UINT16_MAX) {
        fprintf(text, "%s, %s", cede_status_name((enum cede_status)status),
                cede_status_reason((enum cede_status)status));
    }
}

const struct diag_shape shape_time = {.meaning = mean_time};
const struct diag_shape shape_seconds = {.meaning = mean_seconds};
const struct diag_shape shape_status = {.meaning = mean_status};
const struct diag_shape shape_secret = {.form = DIAG_SECRET};
const struct diag_shape shape_device_state = {.values = device_states};
const struct diag_shape shape_algorithm = {.values = cose_algorithms};
const struct diag_shape shape_curve = {.values = cose_curves};

/* --- names --------------------------------------------------------------------------------------
 */

void put_oid(FILE *out, struct cede_span oid)
{
    uint64_t arc = 0;
    bool first = true;

    for (size_t i = 0; i < oid.len; i++) {
        if (arc >> 57 != 0) {
            fputs("...", out);
            return;
        }
        arc = arc << 7 | (oid.ptr[i] & 0x7f);
        if (oid.ptr[i] & 0x80) {
            continue;
        }
        if (first) { /* X.690, 8.19.4: the first two arcs share one number */
            uint64_t top = arc < 80 ? arc / 40 : 2;

            fprintf(out, "%" PRIu64 ".%" PRIu64, top, arc - top * 40);
        } else {
            fprintf(out, ".%" PRIu64, arc);
        }
        first = false;
        arc = 0;
    }
}

static const char *attribute_name(struct cede_span oid)
{
    static const struct {
        uint8_t last; /* of 2.5.4.x */
        const char *name;
    } names[] = {
        {3, "CN"},
        {4, "SN"},
        {5, "serialNumber"},
        {6, "C"},
        {7, "L"},
        {8, "ST"},
        {9, "street"},
        {10, "O"},
        {11, "OU"},
        {12, "title"},
        {42, "GN"},
        {46, "dnQualifier"},
        {97, "organizationIdentifier"},
    };
    static const uint8_t email[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01};
    static const uint8_t dc[] = {0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19};

    if (oid.len == 3 && oid.ptr[0] == 0x55 && oid.ptr[1] == 0x04) {
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            if (names[i].last == oid.ptr[2]) {
                return names[i].name;
            }
        }
    }
    if (cede_span_equal(oid, CEDE_SPAN_ARRAY(email))) {
        return "emailAddress";
    }
    return cede_span_equal(oid, CEDE_SPAN_ARRAY(dc)) ? "DC" : NULL;
}

static void put_attribute(FILE *out, struct cede_reader *attribute)
{
    struct cede_span oid = cede_der_get(attribute, CEDE_DER_OID);
    uint8_t tag;
    struct cede_span value = cede_der_get_any(attribute, &tag);
    const char *name;

    if (attribute->status != CEDE_OK) {
        return;
    }
    name = attribute_name(oid);
    if (name != NULL) {
        fprintf(out, "%s=", name);
    } else {
        put_oid(out, oid);
        fputc('=', out);
    }
    diag_text(out, value);
}

void put_distinguished_name(FILE *out, struct cede_span name)
{
    struct cede_reader outer = cede_reader(name);
    struct cede_reader sets = cede_der_enter(&outer, CEDE_DER_SEQUENCE);
    bool first = true;

    if (outer.status == CEDE_OK && cede_reader_left(&sets) == 0) {
        fputs("(empty)", out);
    }
    while (sets.status == CEDE_OK && cede_reader_left(&sets) > 0) {
        struct cede_reader set = cede_der_enter(&sets, CEDE_DER_SET);

        while (set.status == CEDE_OK && cede_reader_left(&set) > 0) {
            struct cede_reader attribute = cede_der_enter(&set, CEDE_DER_SEQUENCE);

            fputs(first ? "" : ", ", out);
            first = false;
            put_attribute(out, &attribute);
        }
    }
}
