/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request_extensions_test.c - requests ask for what the profile gives, or for nothing: in PKCS #10,
 * in C509 made of it (type 3) and in native C509 (type 2).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cede/cbor.h"
#include "cede/crypto_openssl.h"
#include "server/ca/ca_internal.h"
#include "server/common/hex.h"

#define ok(expression_) assert_int_equal((expression_), CEDE_OK)

struct fixture {
    char root[64];
    char directory[80];
    struct ca *ca;
    EVP_PKEY *pkey;
    uint8_t der[2048], c509[2048];
};

static const struct cede_crypto *crypto(void)
{
    return cede_crypto_openssl();
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct ca_init init = {.name = "CA1", .kind = CA_PERMANENT};

    strcpy(f->root, "/tmp/cede-request-XXXXXX");
    assert_non_null(mkdtemp(f->root));
    snprintf(f->directory, sizeof f->directory, "%s/ca", f->root);
    init.directory = f->directory;
    ok(ca_init(&init));
    ok(ca_open(f->directory, CA_OPEN_ALL, &f->ca));
    f->pkey = EVP_EC_gen("P-256");
    assert_non_null(f->pkey);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];

    ca_close(f->ca);
    EVP_PKEY_free(f->pkey);
    snprintf(command, sizeof command, "rm -rf %s", f->root);
    free(f);
    return system(command);
}

/* --- requests --------------------------------------------------------------------------------- */

/* As OpenSSL writes it, `name` and `value` as in its configuration files; null: no extension. */
static struct cede_span pkcs10(struct fixture *f, const char *name, const char *value)
{
    X509_REQ *request = X509_REQ_new();
    X509_NAME *subject = X509_REQ_get_subject_name(request);
    STACK_OF(X509_EXTENSION) *list = NULL;
    uint8_t *at = f->der;
    X509V3_CTX context;
    int len;

    assert_true(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const uint8_t *)"meter-1",
                                           -1, -1, 0));
    assert_true(X509_REQ_set_pubkey(request, f->pkey));
    if (name != NULL) {
        X509_EXTENSION *extension;
        X509V3_set_ctx(&context, NULL, NULL, request, NULL, 0);
        extension = X509V3_EXT_nconf(NULL, &context, name, value);
        if (extension == NULL) {
            fail_msg("no extension: %s = %s", name, value);
        }
        assert_non_null(X509v3_add_ext(&list, extension, -1));
        assert_true(X509_REQ_add_extensions(request, list));
        X509_EXTENSION_free(extension);
        sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    }
    assert_true(X509_REQ_sign(request, f->pkey, EVP_sha256()) > 0);
    len = i2d_X509_REQ(request, NULL);
    assert_in_range(len, 1, sizeof f->der);
    len = i2d_X509_REQ(request, &at);
    X509_REQ_free(request);
    return cede_span(f->der, (size_t)len);
}

static struct cede_span as_c509(struct fixture *f, struct cede_span der)
{
    uint8_t scratch[CA_SCRATCH_LEN];
    struct cede_span request;

    ok(cede_c509_request_from_x509(crypto(), der, CEDE_BUF_ARRAY(scratch), CEDE_BUF_ARRAY(f->c509),
                                   &request));
    return request;
}

/* Native C509: `extensions` is the value of the attribute extensionRequest, in hexadecimal. */
static struct cede_span native(struct fixture *f, const char *extensions)
{
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(f->c509));
    struct cede_private_key key;
    struct cede_public_key public_key;
    uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX], plain[512], item[128], signature[64];
    struct cede_span request, tbs;
    size_t len = strlen(extensions) / 2, signature_len = 0;

    ok(cede_openssl_private_key(f->pkey, &key));
    ok(cede_openssl_public_key(f->pkey, point, &public_key));
    assert_true(hex_decode(extensions, item, len));
    ok(cede_c509_request_write(crypto(),
                               (struct cede_name){CEDE_NAME_TEXT, CEDE_SPAN_TEXT("meter-1")},
                               &public_key, &key, CEDE_SPAN_NULL, CEDE_BUF_ARRAY(plain), &request));
    /* array head, five items, the empty attributes, the signature of 2 + 64 bytes */
    cede_write_bytes(&writer, cede_span_part(request, 0, request.len - 67));
    cede_cbor_put_array(&writer, 2);
    cede_cbor_put_int(&writer, 0);
    cede_write_bytes(&writer, cede_span(item, len));
    tbs = cede_span(f->c509 + 1, writer.len - 1);
    ok(crypto()->sign(crypto()->context, CEDE_ALG_ESP256, &key, &tbs, 1, signature,
                      &signature_len));
    cede_cbor_put_bytes(&writer, CEDE_SPAN_ARRAY(signature));
    return cede_written(&writer);
}

/* --- judged ----------------------------------------------------------------------------------- */

static void passes(struct fixture *f, enum ca_profile profile, struct cede_span request)
{
    struct ca_checked_request checked;

    ca_forget_error();
    if (ca_check_request(f->ca, profile, request, &checked) != CEDE_OK) {
        fail_msg("%s", ca_last_error());
    }
}

/* The one that is refused is named, with the profile; nothing has come about. */
static void refused(struct fixture *f, enum ca_profile profile, struct cede_span request,
                    const char *named)
{
    uint8_t out[CA_CERTIFICATE_MAX];
    struct cede_span certificate;
    int64_t before = 0, after = 0;

    ok(store_get_int(ca_store(f->ca), "SELECT count(*) FROM certificate", STORE_NO_PARAMS,
                     &before));
    ca_forget_error();
    assert_int_equal(
        ca_issue(f->ca, profile, request, NULL, "operator", CEDE_BUF_ARRAY(out), &certificate),
        CEDE_CA_EXTENSION);
    assert_null(certificate.ptr);
    if (strstr(ca_last_error(), named) == NULL ||
        strstr(ca_last_error(), ca_profile_name(profile)) == NULL) {
        fail_msg("'%s' is not in: %s", named, ca_last_error());
    }
    ok(store_get_int(ca_store(f->ca), "SELECT count(*) FROM certificate", STORE_NO_PARAMS, &after));
    assert_int_equal(before, after);
}

static void passes_both(struct fixture *f, enum ca_profile profile, const char *name,
                        const char *value)
{
    struct cede_span der = pkcs10(f, name, value);

    passes(f, profile, der);
    passes(f, profile, as_c509(f, der));
}

static void refused_both(struct fixture *f, enum ca_profile profile, const char *name,
                         const char *value, const char *named)
{
    struct cede_span der = pkcs10(f, name, value);

    refused(f, profile, der, named);
    refused(f, profile, as_c509(f, der), named);
}

static void what_the_profile_gives_may_be_asked_for(void **state)
{
    struct fixture *f = *state;

    passes_both(f, CA_PROFILE_DEVICE, NULL, NULL);
    passes_both(f, CA_PROFILE_DEVICE, "keyUsage", "critical,digitalSignature");
    passes_both(f, CA_PROFILE_DEVICE, "basicConstraints", "CA:FALSE");
    passes_both(f, CA_PROFILE_DEVICE, "basicConstraints", "critical,CA:FALSE");
    passes_both(f, CA_PROFILE_DEVICE, "subjectKeyIdentifier", "hash");
    passes_both(f, CA_PROFILE_SERVER, "extendedKeyUsage", "serverAuth");
    passes_both(f, CA_PROFILE_SUBCA, "basicConstraints", "critical,CA:TRUE");
    passes_both(f, CA_PROFILE_SUBCA, "basicConstraints", "critical,CA:TRUE,pathlen:0");
    passes_both(f, CA_PROFILE_SUBCA, "keyUsage", "critical,keyCertSign,cRLSign");
}

static void what_it_does_not_give_is_refused(void **state)
{
    static const enum ca_profile ends[] = {CA_PROFILE_DEVICE, CA_PROFILE_FACTORY,
                                           CA_PROFILE_SERVER};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        refused_both(f, ends[i], "basicConstraints", "CA:TRUE", "basicConstraints (2.5.29.19)");
        refused_both(f, ends[i], "basicConstraints", "critical,CA:TRUE,pathlen:3", "(2.5.29.19)");
        refused_both(f, ends[i], "keyUsage", "keyCertSign,cRLSign", "keyUsage (2.5.29.15)");
        refused_both(f, ends[i], "keyUsage", "digitalSignature,keyEncipherment", "(2.5.29.15)");
        refused_both(f, ends[i], "subjectAltName", "DNS:bank.example",
                     "subjectAltName (2.5.29.17)");
        refused_both(f, ends[i], "subjectAltName", "DNS:meter-1", "subjectAltName (2.5.29.17)");
        refused_both(f, ends[i], "extendedKeyUsage", "codeSigning", "extKeyUsage (2.5.29.37)");
        refused_both(f, ends[i], "extendedKeyUsage", "serverAuth,1.2.3.4", "(2.5.29.37)");
        refused_both(f, ends[i], "extendedKeyUsage", "anyExtendedKeyUsage", "(2.5.29.37)");
        refused_both(f, ends[i], "1.2.840.113556.4711", "critical,DER:0500", "1.2.840.113556.4711");
        refused_both(f, ends[i], "2.999.1", "DER:0500", "2.999.1");
        refused_both(f, ends[i], "2.5.29.32", "DER:3006300406022a03", "certificatePolicies");
        refused_both(f, ends[i], "nameConstraints", "permitted;DNS:a", "nameConstraints");
    }
    refused_both(f, CA_PROFILE_DEVICE, "extendedKeyUsage", "serverAuth", "(2.5.29.37)");
    refused_both(f, CA_PROFILE_SUBCA, "basicConstraints", "critical,CA:FALSE", "(2.5.29.19)");
    refused_both(f, CA_PROFILE_SUBCA, "basicConstraints", "critical,CA:TRUE,pathlen:1",
                 "(2.5.29.19)");
    refused_both(f, CA_PROFILE_SUBCA, "keyUsage", "keyCertSign,digitalSignature", "(2.5.29.15)");
}

static void native_requests_are_judged_the_same(void **state)
{
    static const struct {
        const char *extensions, *named; /* null: passes */
    } cases[] = {
        {"01", NULL},            /* keyUsage alone: digitalSignature */
        {"20", NULL},            /* critical */
        {"820201", NULL},        /* [2, 1] */
        {"820421", NULL},        /* basicConstraints, no CA */
        {"8201420102", NULL},    /* subjectKeyIdentifier */
        {"1820", "(2.5.29.15)"}, /* keyCertSign alone */
        {"80", NULL},            /* none */
        {"820420", "(2.5.29.19)"} /* CA */,
        {"820403", "(2.5.29.19)"},
        {"82036c62616e6b2e6578616d706c65", "subjectAltName (2.5.29.17)"},
        {"820801", "extKeyUsage (2.5.29.37)"},
        {"840201036161", "subjectAltName"}, /* behind one that is given */
        {"82422a0341ff", "1.2.3"},          /* identifier, not critical */
        {"82422a038141ff", "1.2.3"},        /* critical */
        {"8238c701", "C509 extension 200"},
        {"8218c801", "C509 extension 200"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cede_span request = native(f, cases[i].extensions);

        if (cases[i].named == NULL) {
            passes(f, CA_PROFILE_DEVICE, request);
        } else {
            refused(f, CA_PROFILE_DEVICE, request, cases[i].named);
        }
    }
}

/* No identifier is too long for the message. */
static void long_identifiers_are_cut(void **state)
{
    struct fixture *f = *state;

    refused_both(f, CA_PROFILE_DEVICE,
                 "1.3.6.1.4.1.4294967295.4294967295.4294967295.4294967295."
                 "4294967295.4294967295.4294967295.4294967295.4294967295.4294967295.4294967295",
                 "DER:0500", "1.3.6.1.4.1.4294967295.4294967295");
    refused_both(f, CA_PROFILE_DEVICE, "1.3.6.1.4.1.340282366920938463463374607431768211455",
                 "DER:0500", "1.3.6.1.4.1.?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_the_profile_gives_may_be_asked_for, setup, teardown),
        cmocka_unit_test_setup_teardown(what_it_does_not_give_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(native_requests_are_judged_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(long_identifiers_are_cut, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
