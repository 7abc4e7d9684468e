/* SPDX-License-Identifier: Apache-2.0 */
/* key_envelope.c - a private key in CMS: signed by who made it, encrypted to who asked for it
 * (RFC 7030, section 4.4.2; RFC 5958, section 4; RFC 5753). */
#include <string.h>

#include <openssl/cms.h>
#include <openssl/ec.h>
#include <openssl/err.h>

#include "cede/x509.h"
#include "server/ca/ca_internal.h"
#include "server/ca/key_envelope.h"

#define KEY_PACKAGE "2.16.840.1.101.2.1.2.78.5" /* id-ct-KP-aKeyPackage */

/* Contents of the object identifiers. */
static const uint8_t smime_capabilities[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0f};
static const uint8_t decrypt_key_id[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
                                         0x01, 0x09, 0x10, 0x02, 0x25};
static const uint8_t asymm_decrypt_key_id[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
                                               0x01, 0x09, 0x10, 0x02, 0x36};
static const uint8_t aes128_wrap[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x05};
static const uint8_t aes256_wrap[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2d};

/* --- what is asked for ------------------------------------------------------------------------ */

static void note_wrap(struct cede_span oid, struct ca_key_wishes *wishes)
{
    wishes->aes128_wrap |= cede_span_equal(oid, CEDE_SPAN_ARRAY(aes128_wrap));
    wishes->aes256_wrap |= cede_span_equal(oid, CEDE_SPAN_ARRAY(aes256_wrap));
}

/* SMIMECapability ::= SEQUENCE { capabilityID, parameters OPTIONAL }; a key wrap stands alone or as
 * the parameter of a way to agree (RFC 5753, section 7). */
static enum cede_status read_capability(struct cede_reader *capabilities,
                                        struct ca_key_wishes *wishes)
{
    struct cede_reader inner = cede_der_enter(capabilities, CEDE_DER_SEQUENCE);

    note_wrap(cede_der_get_oid(&inner), wishes);
    if (inner.status == CEDE_OK && !cede_reader_at_end(&inner)) {
        if (cede_der_peek(&inner) == CEDE_DER_SEQUENCE) {
            struct cede_reader parameters = cede_der_enter(&inner, CEDE_DER_SEQUENCE);
            if (cede_der_peek(&parameters) == CEDE_DER_OID) {
                note_wrap(cede_der_get_oid(&parameters), wishes);
            }
        } else {
            (void)cede_der_get_value(&inner);
        }
    }
    return cede_reader_finish(&inner);
}

static enum cede_status read_values(struct cede_span oid, struct cede_reader *values,
                                    struct ca_key_wishes *wishes)
{
    if (cede_span_equal(oid, CEDE_SPAN_ARRAY(decrypt_key_id))) {
        wishes->symmetric = true;
    } else if (cede_span_equal(oid, CEDE_SPAN_ARRAY(asymm_decrypt_key_id))) {
        if (wishes->recipient.ptr != NULL) {
            return CEDE_DER_VALUE; /* twice: to which of the two? */
        }
        wishes->recipient = cede_der_get(values, CEDE_DER_OCTET_STRING);
        return cede_reader_finish(values);
    } else if (cede_span_equal(oid, CEDE_SPAN_ARRAY(smime_capabilities))) {
        struct cede_reader list = cede_der_enter(values, CEDE_DER_SEQUENCE);
        wishes->capabilities = true;
        while (list.status == CEDE_OK && !cede_reader_at_end(&list)) {
            CEDE_TRY(read_capability(&list, wishes));
        }
        CEDE_TRY(cede_reader_finish(&list));
        return cede_reader_finish(values);
    }
    return CEDE_OK;
}

enum cede_status ca_read_key_wishes(struct cede_span encoding, struct ca_key_wishes *wishes)
{
    struct cede_x509_request request;
    struct cede_reader attributes;

    CEDE_TRY(cede_x509_request_decode(encoding, &request));
    attributes = cede_reader(request.attributes);
    while (attributes.status == CEDE_OK && !cede_reader_at_end(&attributes)) {
        struct cede_reader inner = cede_der_enter(&attributes, CEDE_DER_SEQUENCE);
        struct cede_span oid = cede_der_get_oid(&inner);
        struct cede_reader values = cede_der_enter(&inner, CEDE_DER_SET);

        CEDE_TRY(cede_reader_finish(&inner));
        CEDE_TRY(read_values(oid, &values, wishes));
    }
    return attributes.status;
}

/* --- making it -------------------------------------------------------------------------------- */

static X509 *to_x509(struct cede_span der)
{
    const uint8_t *at = der.ptr;

    return d2i_X509(NULL, &at, (long)der.len);
}

/* The only content type in each of the two messages. */
static bool finish_cms(CMS_ContentInfo *cms, const char *type, struct cede_span content,
                       unsigned flags)
{
    BIO *bio = BIO_new_mem_buf(content.ptr, (int)content.len);
    ASN1_OBJECT *object = OBJ_txt2obj(type, 1);
    bool done = bio != NULL && object != NULL && CMS_set1_eContentType(cms, object) == 1 &&
                CMS_final(cms, bio, NULL, flags) == 1;

    ASN1_OBJECT_free(object);
    BIO_free(bio);
    return done;
}

/* Wiped and freed by the caller. */
static bool encode_cms(CMS_ContentInfo *cms, unsigned char **der, int *len)
{
    *der = NULL;
    *len = i2d_CMS_ContentInfo(cms, der);
    return *len > 0;
}

/* AsymmetricKeyPackage ::= SEQUENCE OF OneAsymmetricKey */
static bool sign_package(const struct ca *ca, struct cede_span pkcs8, unsigned char **der, int *len)
{
    uint8_t memory[600];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
    size_t mark = cede_der_open(&writer, CEDE_DER_SEQUENCE);
    unsigned flags = CMS_BINARY | CMS_PARTIAL | CMS_NOSMIMECAP;
    struct cede_span package;
    X509 *signer = to_x509(ca->est_der);
    CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, flags);
    bool done;

    cede_write_bytes(&writer, pkcs8);
    cede_der_close(&writer, mark);
    done = cede_writer_finish(&writer, &package) == CEDE_OK && signer != NULL && cms != NULL &&
           CMS_add1_signer(cms, signer, ca->est_pkey, EVP_sha256(), flags) != NULL &&
           finish_cms(cms, KEY_PACKAGE, package, flags) && encode_cms(cms, der, len);
    CMS_ContentInfo_free(cms);
    X509_free(signer);
    cede_wipe(memory, sizeof memory);
    return done;
}

static CMS_ContentInfo *envelope(const struct ca_key_wishes *wishes, X509 *recipient)
{
    const EVP_CIPHER *cipher = wishes->aes256_wrap ? EVP_aes_256_cbc() : EVP_aes_128_cbc();
    unsigned flags = CMS_BINARY | CMS_PARTIAL | CMS_KEY_PARAM;
    CMS_ContentInfo *cms = CMS_encrypt(NULL, NULL, cipher, flags);
    CMS_RecipientInfo *info = NULL;

    if (X509_get0_subject_key_id(recipient) != NULL) {
        flags |= CMS_USE_KEYID;
    }
    if (cms != NULL) {
        info = CMS_add1_recipient_cert(cms, recipient, flags);
    }
    /* The default is SHA-1 (RFC 5753, section 7.1.4 has the others). */
    if (info == NULL || CMS_RecipientInfo_get0_pkey_ctx(info) == NULL ||
        EVP_PKEY_CTX_set_ecdh_kdf_md(CMS_RecipientInfo_get0_pkey_ctx(info), EVP_sha256()) <= 0) {
        CMS_ContentInfo_free(cms);
        return NULL;
    }
    return cms;
}

static bool encrypt_package(const struct ca_key_wishes *wishes, struct cede_span certificate,
                            struct cede_span message, unsigned char **der, int *len)
{
    X509 *recipient = to_x509(certificate);
    CMS_ContentInfo *cms = recipient == NULL ? NULL : envelope(wishes, recipient);
    bool done = cms != NULL && finish_cms(cms, "1.2.840.113549.1.7.2", message, CMS_BINARY) &&
                encode_cms(cms, der, len);

    CMS_ContentInfo_free(cms);
    X509_free(recipient);
    return done;
}

enum cede_status ca_seal_key(const struct ca *ca, const struct ca_key_wishes *wishes,
                             struct cede_span recipient, struct cede_span pkcs8,
                             struct cede_buf out, size_t *len)
{
    unsigned char *inner = NULL, *outer = NULL;
    int inner_len = 0, outer_len = 0;
    struct cede_span sealed = CEDE_SPAN_NULL;
    enum cede_status status = CEDE_SERVER_FAILED;

    ERR_clear_error();
    if (ca->est_der.len == 0) {
        return ca_fail(CEDE_CA_STATE, "the enrolment server has no X.509 certificate (est.der)");
    }
    if (sign_package(ca, pkcs8, &inner, &inner_len) &&
        encrypt_package(wishes, recipient, cede_span(inner, (size_t)inner_len), &outer,
                        &outer_len)) {
        status = cede_copy(out, cede_span(outer, (size_t)outer_len), &sealed);
    }
    *len = sealed.len;
    OPENSSL_clear_free(inner, inner == NULL ? 0 : (size_t)inner_len);
    OPENSSL_free(outer);
    ERR_clear_error();
    return status;
}
