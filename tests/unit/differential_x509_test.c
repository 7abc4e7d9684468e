/* SPDX-License-Identifier: Apache-2.0 */
/*
 * differential_x509_test.c - our parsers of X.509 and PKCS #10 against OpenSSL's, over thousands of
 * damaged certificates and requests.
 *
 * Ours may be stricter (RFC 5280's profile, DER without exception), never laxer: what it accepts,
 * OpenSSL accepts, and both read the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "cede/certificate.h"
#include "mutate.h"

#define SEEDS   6
#define ROUNDS  12000 /* of each kind of input */
#define DER_MAX 4096

struct seed {
    uint8_t bytes[DER_MAX];
    size_t len;
};

static struct seed certificates[SEEDS], requests[SEEDS];

/* --- seeds ------------------------------------------------------------------------------------ */

static EVP_PKEY *new_key(int kind)
{
    return kind % 3 == 0   ? EVP_EC_gen("P-256")
           : kind % 3 == 1 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
                           : EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
}

static X509_EXTENSION *extension(int nid, const char *value)
{
    X509_EXTENSION *made = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    assert_non_null(made);
    return made;
}

static void add_extension(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *made = extension(nid, value);

    X509_add_ext(certificate, made, -1);
    X509_EXTENSION_free(made);
}

static void name_it(X509_NAME *name, int kind)
{
    X509_NAME_add_entry_by_txt(name, "C", V_ASN1_PRINTABLESTRING, (const uint8_t *)"SE", -1, -1, 0);
    X509_NAME_add_entry_by_txt(name, "CN", kind == 3 ? V_ASN1_T61STRING : V_ASN1_UTF8STRING,
                               (const uint8_t *)"device", -1, -1, 0);
    if (kind == 4) {
        X509_NAME_add_entry_by_txt(name, "OU", MBSTRING_UTF8, (const uint8_t *)"two", -1, -1, -1);
    }
}

static void make_certificate(struct seed *seed, int kind)
{
    EVP_PKEY *key = new_key(kind);
    X509 *certificate = X509_new();
    uint8_t *der = NULL;
    int len;

    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), UINT64_C(0x8123456789abcdef));
    X509_set_pubkey(certificate, key);
    ASN1_TIME_set(X509_getm_notBefore(certificate), 1700000000);
    ASN1_TIME_set(X509_getm_notAfter(certificate), kind == 3 ? 2600000000 : 1800000000);
    name_it(X509_get_subject_name(certificate), kind);
    name_it(X509_get_issuer_name(certificate), kind + 1);
    if (kind != 5) {
        add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE,pathlen:1");
        add_extension(certificate, NID_key_usage, "critical,digitalSignature,keyCertSign");
        add_extension(certificate, NID_ext_key_usage, "clientAuth,OCSPSigning");
        add_extension(certificate, NID_subject_alt_name, "DNS:a.example,IP:192.0.2.1");
        add_extension(certificate, NID_subject_key_identifier, "01:02:03:04");
        add_extension(certificate, NID_netscape_comment, "of no concern");
    }
    assert_true(X509_sign(certificate, key, kind % 3 == 1 ? NULL : EVP_sha256()) > 0);
    len = i2d_X509(certificate, &der);
    assert_in_range(len, 1, DER_MAX);
    memcpy(seed->bytes, der, (size_t)len);
    seed->len = (size_t)len;
    OPENSSL_free(der);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void make_request(struct seed *seed, int kind)
{
    EVP_PKEY *key = new_key(kind);
    X509_REQ *request = X509_REQ_new();
    STACK_OF(X509_EXTENSION) *asked = sk_X509_EXTENSION_new_null();
    uint8_t *der = NULL;
    int len;

    X509_REQ_set_version(request, X509_REQ_VERSION_1);
    name_it(X509_REQ_get_subject_name(request), kind);
    X509_REQ_set_pubkey(request, key);
    if (kind > 1) {
        sk_X509_EXTENSION_push(asked, extension(NID_key_usage, "critical,digitalSignature"));
        X509_REQ_add_extensions(request, asked);
        X509_REQ_add1_attr_by_NID(request, NID_pkcs9_challengePassword, V_ASN1_UTF8STRING,
                                  (const uint8_t *)"secret", 6);
    }
    assert_true(X509_REQ_sign(request, key, kind % 3 == 1 ? NULL : EVP_sha256()) > 0);
    len = i2d_X509_REQ(request, &der);
    assert_in_range(len, 1, DER_MAX);
    memcpy(seed->bytes, der, (size_t)len);
    seed->len = (size_t)len;
    OPENSSL_free(der);
    sk_X509_EXTENSION_pop_free(asked, X509_EXTENSION_free);
    X509_REQ_free(request);
    EVP_PKEY_free(key);
}

static int make_seeds(void **state)
{
    (void)state;
    for (int i = 0; i < SEEDS; i++) {
        make_certificate(&certificates[i], i);
        make_request(&requests[i], i);
    }
    return 0;
}

/* --- what both must read alike ---------------------------------------------------------------- */

static void assert_name(struct cede_span ours, const X509_NAME *name)
{
    const unsigned char *der;
    size_t len;

    assert_int_equal(X509_NAME_get0_der((X509_NAME *)(uintptr_t)name, &der, &len), 1);
    assert_true(cede_span_equal(ours, cede_span(der, len)));
}

static void assert_time(uint64_t ours, const ASN1_TIME *time)
{
    struct tm tm;

    assert_int_equal(ASN1_TIME_to_tm(time, &tm), 1);
    if (ours != CEDE_TIME_NONE) {
        assert_int_equal(ours, (uint64_t)timegm(&tm));
    }
}

static void assert_bits(struct cede_span ours, const ASN1_BIT_STRING *bits)
{
    assert_true(cede_span_equal(
        ours, cede_span(ASN1_STRING_get0_data(bits), (size_t)ASN1_STRING_length(bits))));
}

static void assert_extensions(const struct cede_extensions *ours, X509 *theirs)
{
    uint32_t flags = X509_get_extension_flags(theirs);

    if ((flags & EXFLAG_INVALID) != 0) {
        return; /* in an extension that OpenSSL judges and we do not, or in the public key */
    }
    assert_int_equal(ours->has_basic_constraints && ours->ca, (flags & EXFLAG_CA) != 0);
    if (ours->has_basic_constraints && ours->ca) {
        assert_int_equal(ours->path_len, X509_get_pathlen(theirs));
    }
    assert_int_equal(ours->has_key_usage, (flags & EXFLAG_KUSAGE) != 0);
    assert_int_equal(ours->has_eku, (flags & EXFLAG_XKUSAGE) != 0);
    if (ours->subject_key_id.ptr != NULL) {
        const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(theirs);
        assert_non_null(id);
        assert_true(
            cede_span_equal(ours->subject_key_id,
                            cede_span(ASN1_STRING_get0_data(id), (size_t)ASN1_STRING_length(id))));
    }
}

static void assert_same_certificate(const struct cede_x509 *ours, X509 *theirs)
{
    const ASN1_BIT_STRING *signature;
    const X509_ALGOR *algorithm;
    BIGNUM *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(theirs), NULL);
    BIGNUM *own = BN_bin2bn(ours->serial.ptr, (int)ours->serial.len, NULL);

    assert_int_equal(BN_cmp(serial, own), 0);
    BN_free(serial);
    BN_free(own);
    assert_int_equal(X509_get_version(theirs), X509_VERSION_3);
    assert_name(ours->subject, X509_get_subject_name(theirs));
    assert_name(ours->issuer, X509_get_issuer_name(theirs));
    assert_time(ours->not_before, X509_get0_notBefore(theirs));
    assert_time(ours->not_after, X509_get0_notAfter(theirs));
    assert_bits(ours->public_key_bits, X509_get0_pubkey_bitstr(theirs));
    X509_get0_signature(&signature, &algorithm, theirs);
    assert_bits(ours->signature_bits, signature);
    assert_extensions(&ours->ext, theirs);
}

/* --- certificates ----------------------------------------------------------------------------- */

static void one_certificate(struct cede_span der, unsigned *accepted, unsigned *stricter)
{
    const unsigned char *in = der.ptr;
    X509 *theirs = d2i_X509(NULL, &in, (long)der.len);
    bool whole = theirs != NULL && in == der.ptr + der.len;
    struct cede_x509 ours;
    enum cede_status status = cede_x509_decode(der, &ours);

    if (status == CEDE_OK) {
        if (!whole) {
            print_message("accepted by us alone:");
            for (size_t i = 0; i < der.len; i++) {
                print_message(" %02x", der.ptr[i]);
            }
            fail_msg("laxer than OpenSSL");
        }
        assert_same_certificate(&ours, theirs);
        ++*accepted;
    } else {
        assert_null(ours.der.ptr);
        *stricter += whole ? 1 : 0;
    }
    X509_free(theirs);
    ERR_clear_error();
}

static void certificates_are_read_alike(void **state)
{
    struct mutate mutate = {UINT64_C(0x509)};
    unsigned accepted = 0, stricter = 0;
    uint8_t der[DER_MAX];

    (void)state;
    for (int i = 0; i < SEEDS; i++) {
        one_certificate(cede_span(certificates[i].bytes, certificates[i].len), &accepted,
                        &stricter);
    }
    assert_int_equal(accepted, SEEDS);
    for (int i = 0; i < ROUNDS; i++) {
        const struct seed *seed = &certificates[i % SEEDS];
        size_t len = mutate_copy(&mutate, cede_span(seed->bytes, seed->len), der, sizeof der);
        one_certificate(cede_span(der, len), &accepted, &stricter);
    }
    print_message("%u of %d accepted by both, %u by OpenSSL alone\n", accepted, ROUNDS, stricter);
    assert_true(accepted > ROUNDS / 20);
}

/* --- requests --------------------------------------------------------------------------------- */

static void one_request(struct cede_span der, unsigned *accepted, unsigned *stricter)
{
    const unsigned char *in = der.ptr;
    X509_REQ *theirs = d2i_X509_REQ(NULL, &in, (long)der.len);
    bool whole = theirs != NULL && in == der.ptr + der.len;
    struct cede_x509_request ours;
    enum cede_status status = cede_x509_request_decode(der, &ours);

    if (status == CEDE_OK) {
        const ASN1_BIT_STRING *signature;
        const X509_ALGOR *algorithm;
        if (!whole) {
            print_message("accepted by us alone:");
            for (size_t i = 0; i < der.len; i++) {
                print_message(" %02x", der.ptr[i]);
            }
            fail_msg("laxer than OpenSSL");
        }
        assert_name(ours.subject, X509_REQ_get_subject_name(theirs));
        X509_REQ_get0_signature(theirs, &signature, &algorithm);
        assert_bits(ours.signature_bits, signature);
        ++*accepted;
    } else {
        *stricter += whole ? 1 : 0;
    }
    X509_REQ_free(theirs);
    ERR_clear_error();
}

static void requests_are_read_alike(void **state)
{
    struct mutate mutate = {UINT64_C(0x10)};
    unsigned accepted = 0, stricter = 0;
    uint8_t der[DER_MAX];

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        const struct seed *seed = &requests[i % SEEDS];
        size_t len = i < SEEDS
                         ? seed->len
                         : mutate_copy(&mutate, cede_span(seed->bytes, seed->len), der, sizeof der);
        one_request(cede_span(i < SEEDS ? seed->bytes : der, len), &accepted, &stricter);
    }
    print_message("%u of %d accepted by both, %u by OpenSSL alone\n", accepted, ROUNDS, stricter);
    assert_true(accepted > ROUNDS / 20);
}

/* --- converting ------------------------------------------------------------------------------- */

/* Whatever of it converts to C509 comes back byte for byte. */
static void what_converts_comes_back(void **state)
{
    static uint8_t scratch[4 * DER_MAX], out[4 * DER_MAX], back[4 * DER_MAX];
    const struct cede_crypto *crypto = cede_crypto_openssl();
    struct mutate mutate = {UINT64_C(0xc509)};
    unsigned converted = 0;
    uint8_t der[DER_MAX];

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        const struct seed *seed = i % 2 != 0 ? &requests[i % SEEDS] : &certificates[i % SEEDS];
        size_t len = mutate_copy(&mutate, cede_span(seed->bytes, seed->len), der, sizeof der);
        struct cede_span c509, again, in = cede_span(der, len);
        enum cede_status status =
            i % 2 != 0 ? cede_c509_request_from_x509(crypto, in, CEDE_BUF_ARRAY(scratch),
                                                     CEDE_BUF_ARRAY(out), &c509)
                       : cede_c509_from_x509(crypto, in, CEDE_BUF_ARRAY(scratch),
                                             CEDE_BUF_ARRAY(out), &c509);
        if (status != CEDE_OK) {
            assert_null(c509.ptr);
            continue;
        }
        assert_int_equal(CEDE_OK,
                         i % 2 != 0
                             ? cede_c509_request_to_x509(crypto, c509, CEDE_BUF_ARRAY(back), &again)
                             : cede_c509_to_x509(crypto, c509, CEDE_BUF_ARRAY(back), &again));
        assert_true(cede_span_equal(in, again));
        converted++;
    }
    assert_true(converted > ROUNDS / 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates_are_read_alike),
        cmocka_unit_test(requests_are_read_alike),
        cmocka_unit_test(what_converts_comes_back),
    };

    return cmocka_run_group_tests(tests, make_seeds, NULL);
}
