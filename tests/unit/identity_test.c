/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of identity.c: what create makes load takes, and what load must not take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/common/identity.h"

struct fixture {
    char root[64];
    char directory[96];
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    strcpy(fixture->root, "/tmp/cede-identity-XXXXXX");
    assert_non_null(mkdtemp(fixture->root));
    snprintf(fixture->directory, sizeof fixture->directory, "%s/org", fixture->root);
    umask(0);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", fixture->root);
    int ended = system(command);
    free(fixture);
    return ended;
}

static void path_to(const struct fixture *fixture, const char *name, char path[128])
{
    snprintf(path, 128, "%s/%s", fixture->directory, name);
}

static void assert_mode(const struct fixture *fixture, const char *name, mode_t mode)
{
    char path[128];
    struct stat info;
    path_to(fixture, name, path);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, mode);
}

/* A made identity is what it should be: a CA of length 0 that signs, with a TLS half below it. */
static void made_identity_loads(void **state)
{
    static const char *const hosts[] = {"sp1.example", "192.0.2.7", "2001:db8::7"};
    struct fixture *fixture = *state;
    struct identity identity;
    struct tls_identity tls;
    assert_int_equal(identity_create(fixture->directory, "SP 1", hosts, 3), CEDE_OK);
    assert_mode(fixture, "", 0700);
    assert_mode(fixture, "identity.key", 0600);
    assert_mode(fixture, "tls.key", 0600);
    assert_mode(fixture, "identity.der", 0644);
    assert_int_equal(identity_load(fixture->directory, &identity), CEDE_OK);
    assert_string_equal(identity.name, "SP 1");
    assert_int_equal(X509_get_version(identity.certificate), X509_VERSION_3);
    assert_int_equal(X509_check_ca(identity.certificate), 1);
    assert_int_equal(X509_get_pathlen(identity.certificate), 0);
    assert_int_equal(X509_get_key_usage(identity.certificate),
                     KU_DIGITAL_SIGNATURE | KU_KEY_CERT_SIGN);
    assert_non_null(X509_get0_subject_key_id(identity.certificate));
    assert_int_equal(tls_identity_load(fixture->directory, &tls), CEDE_OK);
    assert_int_equal(X509_cmp(tls.issuer, identity.certificate), 0);
    assert_int_equal(X509_check_ca(tls.certificate), 0);
    assert_int_equal(X509_check_purpose(tls.certificate, X509_PURPOSE_SSL_SERVER, 0), 1);
    assert_int_equal(X509_check_purpose(tls.certificate, X509_PURPOSE_SSL_CLIENT, 0), 1);
    assert_int_equal(X509_check_host(tls.certificate, "localhost", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(tls.certificate, "sp1.example", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(tls.certificate, "sp2.example", 0, 0, NULL), 0);
    assert_int_equal(X509_check_ip_asc(tls.certificate, "192.0.2.7", 0), 1);
    assert_int_equal(X509_check_ip_asc(tls.certificate, "2001:db8::7", 0), 1);
    assert_int_equal(X509_check_ip_asc(tls.certificate, "192.0.2.8", 0), 0);
    tls_identity_wipe(&tls);
    identity_wipe(&identity);
}

/* The loaded key signs through the crypto port, and its point verifies. */
static void loaded_key_signs(void **state)
{
    struct fixture *fixture = *state;
    struct identity identity;
    const struct cede_crypto *crypto = cede_crypto_openssl();
    struct cede_span parts[] = {CEDE_SPAN_TEXT("to be signed")};
    uint8_t signature[CEDE_SIGNATURE_LEN_MAX];
    size_t len = 0;
    assert_int_equal(identity_create(fixture->directory, "sp", NULL, 0), CEDE_OK);
    assert_int_equal(identity_load(fixture->directory, &identity), CEDE_OK);
    struct cede_public_key public_key = {CEDE_CRV_P256, CEDE_SPAN_ARRAY(identity.point)};
    assert_int_equal(crypto->sign(crypto->context, CEDE_ALG_ES256, &identity.private_key, parts, 1,
                                  signature, &len),
                     CEDE_OK);
    assert_int_equal(crypto->verify(crypto->context, CEDE_ALG_ES256, &public_key, parts, 1,
                                    cede_span(signature, len)),
                     CEDE_OK);
    signature[5] ^= 1;
    assert_int_equal(crypto->verify(crypto->context, CEDE_ALG_ES256, &public_key, parts, 1,
                                    cede_span(signature, len)),
                     CEDE_CRYPTO_SIGNATURE);
    identity_wipe(&identity);
}

/* A key that others may read is refused, and nothing of it is handed out. */
static void open_keys_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct identity identity;
    struct tls_identity tls;
    char path[128];
    assert_int_equal(identity_create(fixture->directory, "sp", NULL, 0), CEDE_OK);
    path_to(fixture, "identity.key", path);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(identity_load(fixture->directory, &identity), CEDE_FILE_PERMISSIONS);
    assert_null(identity.key);
    assert_int_equal(tls_identity_load(fixture->directory, &tls), CEDE_OK);
    tls_identity_wipe(&tls);
    path_to(fixture, "tls.key", path);
    assert_int_equal(chmod(path, 0604), 0);
    assert_int_equal(tls_identity_load(fixture->directory, &tls), CEDE_FILE_PERMISSIONS);
    assert_null(tls.key);
}

/* Missing, foreign and broken files each have their status. */
static void wrong_files_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct fixture other = *fixture;
    struct identity identity;
    char path[128];
    char foreign[128];
    assert_int_equal(identity_load(fixture->directory, &identity), CEDE_NOT_FOUND);
    snprintf(other.directory, sizeof other.directory, "%s/other", fixture->root);
    assert_int_equal(identity_create(fixture->directory, "sp", NULL, 0), CEDE_OK);
    assert_int_equal(identity_create(other.directory, "other", NULL, 0), CEDE_OK);
    path_to(fixture, "identity.pem", path);
    path_to(&other, "identity.pem", foreign);
    assert_int_equal(rename(foreign, path), 0);
    assert_int_equal(identity_load(fixture->directory, &identity), CEDE_IDENTITY_MISMATCH);
    assert_null(identity.certificate);
    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(identity_load(fixture->directory, &identity), CEDE_IDENTITY_FORMAT);
    path_to(fixture, "identity.key", path);
    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(identity_load(fixture->directory, &identity), CEDE_IDENTITY_FORMAT);
    /* A TLS certificate that its issuer did not sign. */
    struct tls_identity tls;
    path_to(fixture, "tls.pem", path);
    path_to(&other, "tls.pem", foreign);
    assert_int_equal(rename(foreign, path), 0);
    assert_int_equal(tls_identity_load(fixture->directory, &tls), CEDE_IDENTITY_MISMATCH);
}

/* An identity is never overwritten; one that a crash left half made is finished with the same key.
 */
static void create_never_overwrites(void **state)
{
    struct fixture *fixture = *state;
    struct identity before;
    struct identity after;
    char path[128];
    assert_int_equal(identity_create(fixture->directory, "sp", NULL, 0), CEDE_OK);
    assert_int_equal(identity_load(fixture->directory, &before), CEDE_OK);
    assert_int_equal(identity_create(fixture->directory, "sp", NULL, 0), CEDE_IDENTITY_EXISTS);
    path_to(fixture, "identity.pem", path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(identity_create(fixture->directory, "sp", NULL, 0), CEDE_OK);
    assert_int_equal(identity_load(fixture->directory, &after), CEDE_OK);
    assert_memory_equal(before.point, after.point, sizeof before.point);
    identity_wipe(&before);
    identity_wipe(&after);
}

/* TLS certificates are renewed for the same key, and only by a key that belongs to the issuer. */
static enum cede_status says_no(void *context, struct cede_span tbs)
{
    *(size_t *)context = tbs.len;
    return CEDE_CA_LINT;
}

static void tls_is_renewed(void **state)
{
    static const char *const hosts[] = {"new.example"};
    struct fixture *fixture = *state;
    struct identity identity;
    struct tls_identity before;
    struct tls_identity after;
    EVP_PKEY *wrong = NULL;
    size_t shown = 0;
    assert_int_equal(identity_create(fixture->directory, "sp", NULL, 0), CEDE_OK);
    assert_int_equal(identity_load(fixture->directory, &identity), CEDE_OK);
    assert_int_equal(tls_identity_load(fixture->directory, &before), CEDE_OK);
    assert_int_equal(tls_identity_create(fixture->directory, identity.key, identity.certificate,
                                         &(struct tls_wishes){.hosts = hosts,
                                                              .hosts_count = 1,
                                                              .crl_uri = "http://a/crl",
                                                              .ocsp_uri = "http://a/ocsp"}),
                     CEDE_OK);
    assert_int_equal(tls_identity_load(fixture->directory, &after), CEDE_OK);
    assert_int_equal(EVP_PKEY_eq(before.key, after.key), 1);
    assert_int_equal(X509_check_host(after.certificate, "new.example", 0, 0, NULL), 1);
    assert_true(X509_get_ext_by_NID(before.certificate, NID_crl_distribution_points, -1) < 0);
    assert_true(X509_get_ext_by_NID(before.certificate, NID_info_access, -1) < 0);
    assert_true(X509_get_ext_by_NID(after.certificate, NID_crl_distribution_points, -1) >= 0);
    assert_true(X509_get_ext_by_NID(after.certificate, NID_info_access, -1) >= 0);
    assert_int_not_equal(X509_NAME_cmp(X509_get_subject_name(after.certificate),
                                       X509_get_issuer_name(after.certificate)),
                         0);
    assert_int_equal(identity_generate_key(&wrong), CEDE_OK);
    assert_int_equal(tls_identity_create(fixture->directory, wrong, identity.certificate,
                                         &(struct tls_wishes){.hosts = hosts, .hosts_count = 1}),
                     CEDE_IDENTITY_MISMATCH);
    EVP_PKEY_free(wrong);
    /* whoever looks before the key signs can say no: then all is as before */
    assert_int_equal(
        tls_identity_create(fixture->directory, identity.key, identity.certificate,
                            &(struct tls_wishes){.look = says_no, .look_context = &shown}),
        CEDE_CA_LINT);
    assert_true(shown > 0);
    tls_identity_wipe(&before);
    assert_int_equal(tls_identity_load(fixture->directory, &before), CEDE_OK);
    assert_int_equal(X509_cmp(before.certificate, after.certificate), 0);
    tls_identity_wipe(&before);
    tls_identity_wipe(&after);
    identity_wipe(&identity);
}

/* A host that is named anyway, or twice, stands in the certificate once. */
static void hosts_are_named_once(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "sp1.example", "localhost", "sp1.example"};
    struct fixture *fixture = *state;
    struct tls_identity tls;
    GENERAL_NAMES *names = NULL;

    assert_int_equal(identity_create(fixture->directory, "sp", hosts, 4), CEDE_OK);
    assert_int_equal(tls_identity_load(fixture->directory, &tls), CEDE_OK);
    names = X509_get_ext_d2i(tls.certificate, NID_subject_alt_name, NULL, NULL);
    assert_non_null(names);
    assert_int_equal(sk_GENERAL_NAME_num(names), 4); /* localhost, 127.0.0.1, ::1, sp1.example */
    assert_int_equal(X509_check_host(tls.certificate, "sp1.example", 0, 0, NULL), 1);
    assert_int_equal(X509_check_ip_asc(tls.certificate, "127.0.0.1", 0), 1);
    GENERAL_NAMES_free(names);
    tls_identity_wipe(&tls);
}

/* Names that a certificate cannot carry, or that would say more than one host, are refused. */
static void bad_names_are_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "*.example",
                                      "a b",
                                      "host:443",
                                      "a,DNS:b",
                                      ".example",
                                      "-x",
                                      ("h\xc3\xa4"
                                       "user")};
    struct fixture *fixture = *state;
    char long_name[IDENTITY_NAME_MAX + 1];
    memset(long_name, 'x', IDENTITY_NAME_MAX);
    long_name[IDENTITY_NAME_MAX] = '\0';
    assert_int_equal(identity_create(fixture->directory, "", NULL, 0), CEDE_BAD_ARGUMENT);
    assert_int_equal(identity_create(fixture->directory, long_name, NULL, 0), CEDE_BAD_ARGUMENT);
    assert_int_equal(identity_create(fixture->directory, "\xff\xfe", NULL, 0), CEDE_BAD_ARGUMENT);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(identity_create(fixture->directory, "sp", &bad[i], 1), CEDE_BAD_ARGUMENT);
    }
    long_name[IDENTITY_NAME_MAX - 1] = '\0';
    assert_int_equal(identity_create(fixture->directory, long_name, NULL, 0), CEDE_OK);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(made_identity_loads),     T(loaded_key_signs),        T(open_keys_are_refused),
        T(wrong_files_are_refused), T(create_never_overwrites), T(tls_is_renewed),
        T(hosts_are_named_once),    T(bad_names_are_refused),
    };
    return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
