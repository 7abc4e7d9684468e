/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of key_store.c: key files plain and encrypted, keys in a token (SoftHSM), and all that must
 * not open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cede/crypto_openssl.h"
#include "server/common/key_store.h"

#define MODULE "/usr/lib/softhsm/libsofthsm2.so"

struct fixture {
    char root[64];
    char key[96];
    char password[96];
    EVP_PKEY *pkey;
};

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

static void read_text(const char *path, char *text, size_t cap)
{
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    text[fread(text, 1, cap - 1, file)] = '\0';
    fclose(file);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);

    strcpy(fixture->root, "/tmp/cede-keys-XXXXXX");
    assert_non_null(mkdtemp(fixture->root));
    snprintf(fixture->key, sizeof fixture->key, "%s/ca.key", fixture->root);
    snprintf(fixture->password, sizeof fixture->password, "%s/password", fixture->root);
    fixture->pkey = EVP_EC_gen("P-256");
    assert_non_null(fixture->pkey);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    char command[128];

    key_store_forget_password();
    EVP_PKEY_free(fixture->pkey);
    snprintf(command, sizeof command, "rm -rf %s", fixture->root);
    free(fixture);
    return system(command);
}

static void set_password(const struct fixture *fixture, const char *text)
{
    write_file(fixture->password, text, 0600);
    assert_int_equal(key_store_password_file(fixture->password), CEDE_OK);
}

static void assert_loads(const struct fixture *fixture)
{
    EVP_PKEY *loaded = NULL;

    assert_int_equal(key_store_load(fixture->key, &loaded), CEDE_OK);
    assert_int_equal(EVP_PKEY_eq(loaded, fixture->pkey), 1);
    EVP_PKEY_free(loaded);
}

static void assert_refused(const struct fixture *fixture, enum cede_status status)
{
    EVP_PKEY *loaded = fixture->pkey;

    assert_int_equal(key_store_load(fixture->key, &loaded), status);
    assert_null(loaded);
}

/* --- files ------------------------------------------------------------------------------------ */

static void plain_key_comes_back(void **state)
{
    struct fixture *fixture = *state;
    char text[4096];
    struct stat info;

    assert_int_equal(key_store_save(fixture->key, fixture->pkey), CEDE_OK);
    read_text(fixture->key, text, sizeof text);
    assert_non_null(strstr(text, "-----BEGIN PRIVATE KEY-----"));
    assert_int_equal(stat(fixture->key, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_loads(fixture);
    assert_false(key_store_in_token(fixture->key));
}

static void encrypted_key_needs_its_password(void **state)
{
    struct fixture *fixture = *state;
    char text[4096];

    set_password(fixture, "correct horse\n");
    assert_int_equal(key_store_save(fixture->key, fixture->pkey), CEDE_OK);
    read_text(fixture->key, text, sizeof text);
    assert_non_null(strstr(text, "-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    assert_loads(fixture);
    set_password(fixture, "correct horsf\n");
    assert_refused(fixture, CEDE_KEY_PASSWORD);
    key_store_forget_password();
    assert_refused(fixture, CEDE_KEY_ENCRYPTED);
    set_password(fixture, "correct horse"); /* no line end */
    assert_loads(fixture);
}

static void other_contents_are_refused(void **state)
{
    struct fixture *fixture = *state;
    static const char *const texts[] = {
        "", "\n", "pkcs11", "-----BEGIN PRIVATE KEY-----\nMEE=\n-----END PRIVATE KEY-----\n"};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        write_file(fixture->key, texts[i], 0600);
        assert_refused(fixture, CEDE_IDENTITY_FORMAT);
    }
    assert_int_equal(key_store_save(fixture->key, fixture->pkey), CEDE_OK);
    assert_int_equal(chmod(fixture->key, 0640), 0);
    assert_refused(fixture, CEDE_FILE_PERMISSIONS);
    assert_int_equal(unlink(fixture->key), 0);
    assert_refused(fixture, CEDE_NOT_FOUND);
}

/* Everything counts on P-256, and whoever brings another key is told which it is. */
static void other_kinds_of_keys_are_refused(void **state)
{
    struct fixture *fixture = *state;
    EVP_PKEY *p384 = EVP_EC_gen("P-384");

    /* from RFC 8410, section 10.3 */
    write_file(fixture->key,
               "-----BEGIN PRIVATE KEY-----\n"
               "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
               "-----END PRIVATE KEY-----\n",
               0600);
    assert_refused(fixture, CEDE_KEY_KIND);
    assert_non_null(strstr(key_store_error(), "ED25519"));
    assert_int_equal(key_store_save(fixture->key, p384), CEDE_OK);
    assert_refused(fixture, CEDE_KEY_KIND);
    assert_non_null(strstr(key_store_error(), "secp384r1"));
    EVP_PKEY_free(p384);
}

static void password_files_that_are_none(void **state)
{
    struct fixture *fixture = *state;
    char text[KEY_STORE_PASSWORD_MAX + 16];

    write_file(fixture->password, "secret\n", 0644);
    assert_int_equal(key_store_password_file(fixture->password), CEDE_FILE_PERMISSIONS);
    write_file(fixture->password, "\nsecret\n", 0600);
    assert_int_equal(key_store_password_file(fixture->password), CEDE_KEY_PASSWORD);
    memset(text, 'x', sizeof text);
    text[KEY_STORE_PASSWORD_MAX + 1] = '\0';
    write_file(fixture->password, text, 0600);
    assert_int_equal(key_store_password_file(fixture->password), CEDE_KEY_PASSWORD);
    text[KEY_STORE_PASSWORD_MAX] = '\0';
    write_file(fixture->password, text, 0600);
    assert_int_equal(key_store_password_file(fixture->password), CEDE_OK);
    assert_int_equal(key_store_password_file("/nowhere/password"), CEDE_NOT_FOUND);
}

/* --- tokens ----------------------------------------------------------------------------------- */

static void run(const char *command)
{
    if (system(command) != 0) {
        fail_msg("failed: %s", command);
    }
}

/* A SoftHSM token with one key, that of `fixture`. */
static void make_token(const struct fixture *fixture)
{
    char path[128];
    char text[512];

    snprintf(path, sizeof path, "%s/tokens", fixture->root);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(text, sizeof text, "directories.tokendir = %s\n", path);
    snprintf(path, sizeof path, "%s/softhsm2.conf", fixture->root);
    write_file(path, text, 0600);
    assert_int_equal(setenv("SOFTHSM2_CONF", path, 1), 0);
    run("softhsm2-util --init-token --free --label cede --so-pin 12345678 --pin 4321 >/dev/null");
    assert_int_equal(key_store_save(fixture->key, fixture->pkey), CEDE_OK);
    snprintf(text, sizeof text,
             "softhsm2-util --import %s --token cede --pin 4321 --label ca1 --id 01 >/dev/null",
             fixture->key);
    run(text);
    assert_int_equal(unlink(fixture->key), 0);
}

static void assert_signs(const struct fixture *fixture, EVP_PKEY *pkey)
{
    const struct cede_crypto *crypto = cede_crypto_openssl();
    struct cede_span message = CEDE_SPAN_TEXT("signed in the token");
    uint8_t signature[CEDE_SIGNATURE_LEN_MAX];
    uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX];
    struct cede_private_key key;
    struct cede_public_key public_key;
    size_t len = 0;

    assert_int_equal(cede_openssl_private_key(pkey, &key), CEDE_OK);
    assert_int_equal(
        crypto->sign(crypto->context, CEDE_ALG_ES256, &key, &message, 1, signature, &len), CEDE_OK);
    assert_int_equal(cede_openssl_public_key(fixture->pkey, point, &public_key), CEDE_OK);
    assert_int_equal(crypto->verify(crypto->context, CEDE_ALG_ES256, &public_key, &message, 1,
                                    cede_span(signature, len)),
                     CEDE_OK);
}

static void key_in_a_token_signs(void **state)
{
    struct fixture *fixture = *state;
    char uri[KEY_STORE_URI_MAX];
    EVP_PKEY *pkey = NULL;

    if (access(MODULE, R_OK) != 0) {
        skip();
    }
    make_token(fixture);
    snprintf(uri, sizeof uri,
             "pkcs11:token=cede;object=ca1;type=private?module-path=%s&pin-source=file:%s", MODULE,
             fixture->password);
    write_file(fixture->password, "4321\n", 0600);
    assert_int_equal(key_store_save_uri(fixture->key, uri, &pkey), CEDE_OK);
    assert_signs(fixture, pkey);
    EVP_PKEY_free(pkey);

    assert_true(key_store_in_token(fixture->key));
    assert_int_equal(key_store_load(fixture->key, &pkey), CEDE_OK);
    assert_signs(fixture, pkey);
    EVP_PKEY_free(pkey);

    /* The PIN's file is a secret as well. */
    assert_int_equal(chmod(fixture->password, 0644), 0);
    assert_refused(fixture, CEDE_FILE_PERMISSIONS);
    assert_int_equal(unlink(fixture->password), 0);
    assert_refused(fixture, CEDE_NOT_FOUND);
}

static void keys_no_token_has(void **state)
{
    struct fixture *fixture = *state;
    static const char *const uris[] = {
        "pkcs11:token=cede;object=other;type=private?module-path=" MODULE "&pin-value=4321",
        "pkcs11:token=none;object=ca1;type=private?module-path=" MODULE "&pin-value=4321",
        ("pkcs11:token=cede;object=ca1;type=private?module-path=" MODULE),
    };
    EVP_PKEY *pkey = NULL;

    if (access(MODULE, R_OK) != 0) {
        skip();
    }
    make_token(fixture);
    for (size_t i = 0; i < sizeof uris / sizeof uris[0]; i++) {
        assert_int_equal(key_store_save_uri(fixture->key, uris[i], &pkey), CEDE_KEY_TOKEN);
        assert_null(pkey);
        assert_string_not_equal(key_store_error(), "");
        assert_int_equal(access(fixture->key, F_OK), -1); /* nothing half made */
    }
    assert_int_equal(key_store_save_uri(fixture->key, "file:/ca.key", &pkey), CEDE_BAD_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(plain_key_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(encrypted_key_needs_its_password, setup, teardown),
        cmocka_unit_test_setup_teardown(other_contents_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(other_kinds_of_keys_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(password_files_that_are_none, setup, teardown),
        cmocka_unit_test_setup_teardown(key_in_a_token_signs, setup, teardown),
        cmocka_unit_test_setup_teardown(keys_no_token_has, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
