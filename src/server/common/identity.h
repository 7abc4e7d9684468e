/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity.h - who an organisation is: its identity key and certificate, and the TLS key and
 * certificate its servers and clients show.
 *
 * Files in the state directory:
 *   identity.key  P-256 private key; key_store.h tells its forms
 *   identity.pem  identity.der  self-signed X.509 certificate: a CA with path length 0
 *   tls.key       P-256 private key
 *   tls.pem       certificate for it, signed by the identity (or a CA's own certificate), followed
 *                 by the issuer's certificate, which is the anchor partners pin
 *
 * A network-facing process loads the TLS half only (tls_identity_load); the identity key, which
 * signs contracts and orders, is for the processes that sign.
 * Key files that others than the owner may read or write are refused.
 * Memory: structs are filled by load and emptied by wipe; spans in them point into them.
 * Errors: CEDE_FILE_PERMISSIONS   a key file is open to others, or not ours
 *         CEDE_IDENTITY_FORMAT    a file is not the PEM or DER it should be
 *         CEDE_IDENTITY_MISMATCH  certificate and key do not belong together
 *         CEDE_IDENTITY_EXISTS    create would overwrite a key
 *         CEDE_NOT_FOUND          a file is missing
 *         CEDE_FILE_FAILED        reading or writing failed
 *         CEDE_BAD_ARGUMENT       a name or host that no certificate can carry
 *         CEDE_SERVER_FAILED      OpenSSL refused
 */
#ifndef CEDE_SERVER_IDENTITY_H
#define CEDE_SERVER_IDENTITY_H

#include <openssl/types.h>

#include "cede/crypto.h"

#define IDENTITY_NAME_MAX   64 /* with its zero; the upper bound of a common name (RFC 5280 A.1) */
#define IDENTITY_VALID_DAYS 3650

struct identity {
    char name[IDENTITY_NAME_MAX];        /* common name of the certificate's subject */
    struct cede_private_key private_key; /* handle: the EVP_PKEY below */
    uint8_t point[64];                   /* public key, x || y */
    uint8_t thumbprint[32];              /* SHA-256 of the certificate's DER */
    struct cede_span certificate_der;    /* owned */
    EVP_PKEY *key;
    X509 *certificate;
};

struct tls_identity {
    EVP_PKEY *key;
    X509 *certificate;
    X509 *issuer; /* the anchor partners pin; sent along in the chain */
};

/* Makes identity.* and tls.* in `directory` (created with mode 0700 when missing). `hosts` are DNS
 * names or IP addresses for the TLS certificate, beside localhost, 127.0.0.1 and ::1. What a crash
 * left half made is finished by a second call; a whole identity is CEDE_IDENTITY_EXISTS. */
CEDE_MUST_USE enum cede_status identity_create(const char *directory, const char *name,
                                               const char *const *hosts, size_t hosts_count);
CEDE_MUST_USE enum cede_status identity_load(const char *directory, struct identity *identity);
void identity_wipe(struct identity *identity);

/* What a TLS certificate tells. */
struct tls_wishes {
    const char *const *hosts; /* as above; the first is the subject, too */
    size_t hosts_count;
    const char *crl_uri; /* null: none */
    const char *ocsp_uri;
    bool new_key; /* also when there is one: it is no longer good */
    /* The last look at what is going to be signed; a refusal is the outcome. Null: none. */
    enum cede_status (*look)(void *context, struct cede_span tbs);
    void *look_context;
};

/* Makes tls.* signed by any issuer; for a CA, whose identity is its CA certificate. Keeps a
 * tls.key that is there, unless a new one is wished for, and replaces tls.pem, so it also renews.
 */
CEDE_MUST_USE enum cede_status tls_identity_create(const char *directory, EVP_PKEY *issuer_key,
                                                   X509 *issuer, const struct tls_wishes *wishes);
CEDE_MUST_USE enum cede_status tls_identity_load(const char *directory, struct tls_identity *tls);
void tls_identity_wipe(struct tls_identity *tls);

/* --- also useful alone ------------------------------------------------------------------------ */

/* A fresh P-256 key. */
CEDE_MUST_USE enum cede_status identity_generate_key(EVP_PKEY **key);
/* x || y of a P-256 key. CEDE_CRYPTO_KEY: it is none. */
CEDE_MUST_USE enum cede_status identity_key_point(EVP_PKEY *key, uint8_t point[64]);
/* The key for the crypto port; valid as long as `key`. */
struct cede_private_key identity_private_key(EVP_PKEY *key);
/* SHA-256 over a certificate's DER. */
CEDE_MUST_USE enum cede_status identity_thumbprint(X509 *certificate, uint8_t thumbprint[32]);

#endif
