/* SPDX-License-Identifier: Apache-2.0 */
/* key_store.c - key files: plain, encrypted, or the name of a key in a token. */
#define OPENSSL_SUPPRESS_DEPRECATED /* engines: Debian 12 has no PKCS #11 provider */
#include "server/common/key_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include "cede/crypto_openssl.h"
#include "cede/posix.h"

#define FILE_LEN_MAX 16384
#define ERROR_MAX    256
/* 16 MiB and about a third of a second: what guessing a password costs, each time. */
#define SCRYPT_N 16384
#define SCRYPT_R 8
#define SCRYPT_P 5

static char password[KEY_STORE_PASSWORD_MAX + 1];
static char last_error[ERROR_MAX];

const char *key_store_error(void)
{
    return last_error;
}

static enum cede_status fail(enum cede_status status, const char *what)
{
    unsigned long error = ERR_peek_last_error();
    const char *reason = error == 0 ? NULL : ERR_reason_error_string(error);

    snprintf(last_error, sizeof last_error, "%s%s%s", what, reason == NULL ? "" : ": ",
             reason == NULL ? "" : reason);
    ERR_clear_error();
    return status;
}

/* --- the password ----------------------------------------------------------------------------- */

enum cede_status key_store_password_file(const char *path)
{
    uint8_t bytes[KEY_STORE_PASSWORD_MAX + 64];
    struct cede_span content;
    size_t len = 0;
    enum cede_status status = CEDE_OK;

    last_error[0] = '\0';
    CEDE_TRY(cede_file_read(path, CEDE_FILE_SECRET, CEDE_BUF_ARRAY(bytes), &content));
    while (len < content.len && bytes[len] != '\n' && bytes[len] != '\r' && bytes[len] != '\0') {
        len++;
    }
    if (len == 0 || len > KEY_STORE_PASSWORD_MAX) {
        status = CEDE_KEY_PASSWORD;
    } else {
        memcpy(password, bytes, len);
        password[len] = '\0';
    }
    cede_wipe(bytes, sizeof bytes);
    return status;
}

void key_store_forget_password(void)
{
    cede_wipe(password, sizeof password);
}

/* --- tokens ----------------------------------------------------------------------------------- */

bool key_store_is_uri(const char *text)
{
    return strncmp(text, "pkcs11:", 7) == 0;
}

static int hex_digit(char character)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *at = character == '\0' ? NULL : strchr(digits, character);

    return at == NULL ? -1 : (int)((at - digits) % 16);
}

/* The value of an attribute of the URI, percent-decoded (RFC 7512, section 2.3). */
static bool attribute(const char *uri, const char *name, char *value, size_t cap)
{
    size_t name_len = strlen(name);
    size_t len = 0;
    const char *at = uri + strlen("pkcs11:");

    while (strncmp(at, name, name_len) != 0 || at[name_len] != '=') {
        at = strpbrk(at, ";?&");
        if (at == NULL) {
            return false;
        }
        at++;
    }
    for (at += name_len + 1; *at != '\0' && strchr(";?&", *at) == NULL; at++) {
        char character = *at;
        if (character == '%' && hex_digit(at[1]) >= 0 && hex_digit(at[2]) >= 0) {
            character = (char)(hex_digit(at[1]) << 4 | hex_digit(at[2]));
            at += 2;
        }
        if (len + 1 >= cap) {
            return false;
        }
        value[len++] = character;
    }
    value[len] = '\0';
    return len > 0;
}

/* The first line of the file that pin-source names; like any secret it is ours alone. */
static enum cede_status read_pin(const char *source, char pin[KEY_STORE_PASSWORD_MAX + 1])
{
    uint8_t bytes[KEY_STORE_PASSWORD_MAX];
    struct cede_span content;
    const char *path = strncmp(source, "file:", 5) == 0 ? source + 5 : source;

    if (strncmp(path, "//", 2) == 0) {
        path += 2;
    }
    CEDE_TRY(cede_file_read(path, CEDE_FILE_SECRET, CEDE_BUF_ARRAY(bytes), &content));
    memcpy(pin, content.ptr, content.len);
    pin[content.len] = '\0';
    pin[strcspn(pin, "\r\n")] = '\0';
    cede_wipe(bytes, sizeof bytes);
    return CEDE_OK;
}

static enum cede_status find_pin(const char *uri, char pin[KEY_STORE_PASSWORD_MAX + 1])
{
    char source[PATH_MAX];

    if (attribute(uri, "pin-source", source, sizeof source)) {
        return read_pin(source, pin);
    }
    if (!attribute(uri, "pin-value", pin, KEY_STORE_PASSWORD_MAX + 1)) {
        memcpy(pin, password, sizeof password);
    }
    return CEDE_OK;
}

/* The engine stays loaded: a key of a token needs it as long as it lives. */
static ENGINE *load_engine(const char *uri)
{
    static ENGINE *engine;
    char module[PATH_MAX];
    bool named = attribute(uri, "module-path", module, sizeof module);

    if (engine != NULL) {
        return engine;
    }
    ENGINE_load_dynamic();
    engine = ENGINE_by_id("pkcs11");
    if (engine == NULL) {
        return NULL;
    }
    if ((named && ENGINE_ctrl_cmd_string(engine, "MODULE_PATH", module, 0) != 1) ||
        ENGINE_init(engine) != 1) {
        ENGINE_free(engine);
        engine = NULL;
    }
    return engine;
}

/* The engine wants the path part alone: it knows neither module-path nor every pin-source. */
static enum cede_status load_from_token(const char *uri, EVP_PKEY **key)
{
    char pin[KEY_STORE_PASSWORD_MAX + 1] = "";
    char path[KEY_STORE_URI_MAX + 1];
    ENGINE *engine = load_engine(uri);
    enum cede_status status = CEDE_OK;

    if (engine == NULL) {
        return fail(CEDE_KEY_TOKEN, "the PKCS #11 module cannot be loaded (module-path of the URI, "
                                    "PKCS11_MODULE_PATH, package libengine-pkcs11-openssl)");
    }
    snprintf(path, sizeof path, "%s", uri);
    path[strcspn(path, "?")] = '\0';
    CEDE_TRY(find_pin(uri, pin));
    if (pin[0] == '\0') {
        return fail(CEDE_KEY_TOKEN, "no PIN: give the URI pin-source=file:PATH, or name a password "
                                    "file");
    }
    if (ENGINE_ctrl_cmd_string(engine, "PIN", pin, 0) == 1) {
        *key = ENGINE_load_private_key(engine, path, NULL, NULL);
    }
    cede_wipe(pin, sizeof pin);
    if (*key == NULL) {
        status =
            fail(CEDE_KEY_TOKEN,
                 "no such key in the token, or the PIN is wrong (make the key with: pkcs11-tool "
                 "--login --keypairgen --key-type EC:prime256v1 --label NAME)");
    }
    ERR_clear_error();
    return status;
}

/* --- files ------------------------------------------------------------------------------------ */

static int give_password(char *to, int cap, int writing, void *context)
{
    size_t len = strlen(password);

    (void)writing;
    *(bool *)context = true; /* asked: the file is encrypted */
    if (len == 0 || cap < 0 || len > (size_t)cap) {
        return -1;
    }
    memcpy(to, password, len);
    return (int)len;
}

static enum cede_status load_from_pem(struct cede_span pem, EVP_PKEY **key)
{
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    bool encrypted = false;

    if (bio == NULL) {
        return CEDE_SERVER_MEMORY;
    }
    *key = PEM_read_bio_PrivateKey(bio, NULL, give_password, &encrypted);
    BIO_free(bio);
    ERR_clear_error();
    if (*key != NULL) {
        return CEDE_OK;
    }
    if (!encrypted) {
        return CEDE_IDENTITY_FORMAT;
    }
    return password[0] == '\0' ? CEDE_KEY_ENCRYPTED : CEDE_KEY_PASSWORD;
}

/* Cuts the line end off; false when the content is no URI. */
static bool take_uri(struct cede_span content, char uri[KEY_STORE_URI_MAX + 1])
{
    if (content.len < 8 || content.len > KEY_STORE_URI_MAX) {
        return false;
    }
    memcpy(uri, content.ptr, content.len);
    uri[content.len] = '\0';
    uri[strcspn(uri, "\r\n")] = '\0';
    return key_store_is_uri(uri);
}

static void name_kind(const EVP_PKEY *key)
{
    char curve[32];
    size_t len = 0;
    const char *kind = EVP_PKEY_get0_type_name(key);

    if (EVP_PKEY_get_group_name(key, curve, sizeof curve, &len) == 1) {
        kind = curve;
    }
    snprintf(last_error, sizeof last_error, "this one is of %s",
             kind == NULL ? "another kind" : kind);
    ERR_clear_error();
}

/* Everything else here counts on P-256. */
static enum cede_status keep_p256(EVP_PKEY **key)
{
    struct cede_private_key checked;

    if (cede_openssl_private_key(*key, &checked) == CEDE_OK && checked.curve == CEDE_CRV_P256) {
        return CEDE_OK;
    }
    name_kind(*key);
    EVP_PKEY_free(*key);
    *key = NULL;
    return CEDE_KEY_KIND;
}

enum cede_status key_store_load(const char *path, EVP_PKEY **key)
{
    uint8_t bytes[FILE_LEN_MAX];
    char uri[KEY_STORE_URI_MAX + 1];
    struct cede_span content;
    enum cede_status status = CEDE_OK;

    *key = NULL;
    last_error[0] = '\0';
    CEDE_TRY(cede_file_read(path, CEDE_FILE_SECRET, CEDE_BUF_ARRAY(bytes), &content));
    status = take_uri(content, uri) ? load_from_token(uri, key) : load_from_pem(content, key);
    cede_wipe(bytes, sizeof bytes);
    return status == CEDE_OK ? keep_p256(key) : status;
}

bool key_store_in_token(const char *path)
{
    uint8_t bytes[FILE_LEN_MAX];
    char uri[KEY_STORE_URI_MAX + 1];
    struct cede_span content;
    bool uri_there =
        cede_file_read(path, CEDE_FILE_SECRET, CEDE_BUF_ARRAY(bytes), &content) == CEDE_OK &&
        take_uri(content, uri);

    cede_wipe(bytes, sizeof bytes);
    return uri_there;
}

/* EncryptedPrivateKeyInfo under the password. */
static X509_SIG *encrypt(EVP_PKEY *key)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
    X509_ALGOR *scheme =
        PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), NULL, 0, NULL, SCRYPT_N, SCRYPT_R, SCRYPT_P);
    X509_SIG *encrypted = NULL;

    if (info != NULL && scheme != NULL) {
        encrypted = PKCS8_set0_pbe(password, (int)strlen(password), info, scheme);
    }
    if (encrypted == NULL) {
        X509_ALGOR_free(scheme); /* otherwise `encrypted` owns it */
    }
    PKCS8_PRIV_KEY_INFO_free(info);
    return encrypted;
}

static bool write_pem(BIO *bio, EVP_PKEY *key)
{
    X509_SIG *encrypted = NULL;
    bool written = false;

    if (password[0] == '\0') {
        return PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
    }
    encrypted = encrypt(key);
    written = encrypted != NULL && PEM_write_bio_PKCS8(bio, encrypted) == 1;
    X509_SIG_free(encrypted);
    return written;
}

enum cede_status key_store_save(const char *path, EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    enum cede_status status = CEDE_SERVER_FAILED;
    char *text = NULL;

    last_error[0] = '\0';
    if (bio != NULL && write_pem(bio, key)) {
        long len = BIO_get_mem_data(bio, &text);
        status = cede_file_write(path, 0600, cede_span((uint8_t *)text, (size_t)len));
        OPENSSL_cleanse(text, (size_t)len);
    }
    BIO_free(bio);
    return status;
}

enum cede_status key_store_save_uri(const char *path, const char *uri, EVP_PKEY **key)
{
    char line[KEY_STORE_URI_MAX + 2];
    int len = snprintf(line, sizeof line, "%s\n", uri);
    enum cede_status status = CEDE_OK;

    *key = NULL;
    last_error[0] = '\0';
    if (!key_store_is_uri(uri) || len < 0 || (size_t)len >= sizeof line) {
        return CEDE_BAD_ARGUMENT;
    }
    CEDE_TRY(load_from_token(uri, key));
    CEDE_TRY(keep_p256(key));
    status = cede_file_write(path, 0600, cede_span((uint8_t *)line, (size_t)len));
    if (status != CEDE_OK) {
        EVP_PKEY_free(*key);
        *key = NULL;
    }
    return status;
}
