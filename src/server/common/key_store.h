/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key_store.h - where the private keys of servers are: the one door to all of them (R10).
 *
 * A key file of a state directory (ca.key, identity.key, tls.key ...) is one of
 *   - PKCS #8 in PEM, mode 0600
 *   - the same encrypted (RFC 5958 EncryptedPrivateKeyInfo: PBES2 with scrypt and AES-256-CBC),
 * when a password file was named
 *   - one line with a PKCS #11 URI (RFC 7512): the key is in a token and stays there
 * Callers get an EVP_PKEY and cannot tell which.
 *
 * Tokens: the URI names the object (`object`, `id`) and the token. `module-path` or else the
 *      environment variable PKCS11_MODULE_PATH names the module of the token's maker, without
 *      either p11-kit's proxy is asked. The PIN comes from `pin-source=file:PATH` or `pin-value`;
 *      without both the password file holds it.
 * Password file: its first line; no one else may read it, or it is refused. One a process.
 * Forks: load keys behind the fork: a token's session does not survive one.
 * Errors: CEDE_FILE_PERMISSIONS  key or password file is open to others
 *         CEDE_NOT_FOUND         no such file
 *         CEDE_IDENTITY_FORMAT   no private key in it
 *         CEDE_KEY_KIND          the key is not of P-256; key_store_error() tells of what it is
 *         CEDE_KEY_ENCRYPTED     it is encrypted and no password file was named
 *         CEDE_KEY_PASSWORD      the password does not open it; or it is empty or too long
 *         CEDE_KEY_TOKEN         module, token, PIN or object of a URI; key_store_error() tells
 */
#ifndef CEDE_SERVER_KEY_STORE_H
#define CEDE_SERVER_KEY_STORE_H

#include <stdbool.h>

#include <openssl/types.h>

#include "cede/status.h"

#define KEY_STORE_URI_MAX      1024
#define KEY_STORE_PASSWORD_MAX 256

/* Reads the password that opens and encrypts key files from now on. */
CEDE_MUST_USE enum cede_status key_store_password_file(const char *path);
/* Wipes the password: a server calls it when all its keys are loaded. */
void key_store_forget_password(void);

/* The caller frees *key with EVP_PKEY_free; null on failure. */
CEDE_MUST_USE enum cede_status key_store_load(const char *path, EVP_PKEY **key);
/* Writes PKCS #8, encrypted when there is a password; replaces the file, durable on return. */
CEDE_MUST_USE enum cede_status key_store_save(const char *path, EVP_PKEY *key);
/* Opens the key a URI names and, only then, writes the URI to the file. */
CEDE_MUST_USE enum cede_status key_store_save_uri(const char *path, const char *uri,
                                                  EVP_PKEY **key);
bool key_store_is_uri(const char *text);
/* Whether the key of a file is in a token; false also when the file cannot be read. */
bool key_store_in_token(const char *path);
/* Why the last call failed, for people; "" when the status says it all. */
const char *key_store_error(void);

#endif
