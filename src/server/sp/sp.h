/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sp.h - a service provider: its state directory and the processes that work on it.
 *
 * State directory: sp.json (name, public addresses), identity.* (the controller key, which signs
 *      contracts and orders), tls.*, server.key with server.c509 and server.der (the update
 * server's credential in both formats, signed by the controller), store.db. Processes (sp_serve):
 * workers meet devices and partners and hold the TLS and update server keys only; the clerk holds
 * the controller key, signs what is due and never touches the network; the courier delivers what
 * the others have put into the outbox. They meet in the store. The command line works on the same
 * store, so `cede transfer ...` needs no running server.
 */
#ifndef CEDE_SP_SP_H
#define CEDE_SP_SP_H

#include "cede/certificate.h"
#include "cede/crypto.h"
#include "server/common/identity.h"
#include "server/common/revocation_check.h"
#include "server/sp/records.h"
#include "store/store.h"

#define SP_PATH_MAX        512
#define SP_CERTIFICATE_MAX 768
#define SP_BATCH_DEVICES   500 /* devices in one signed batch of a device list */

struct sp {
    char directory[SP_PATH_MAX];
    const struct cede_crypto *crypto;
    struct store *store; /* null until sp_open_store */

    /* sp.json */
    char name[IDENTITY_NAME_MAX];
    char https_url[RECORD_URL_MAX];        /* where partners reach it */
    char update_uri[RECORD_URL_MAX];       /* where devices reach it */
    char update_uri_coaps[RECORD_URL_MAX]; /* those of the X.509 profile; empty: nowhere */
    uint32_t poll_s;                       /* how often devices are asked to come */
    struct revocation_policy revocation;
    char why[160]; /* in words, when sp.json is wrong */

    /* The controller: the identity certificate as X.509 and as devices hold it. */
    uint8_t identity_der[SP_CERTIFICATE_MAX];
    size_t identity_der_len;
    uint8_t identity_thumbprint[32];        /* of the DER: the name in contracts */
    uint8_t controller[SP_CERTIFICATE_MAX]; /* C509Certificate (array) of it */
    size_t controller_len;
    uint8_t controller_thumbprint[32]; /* what devices pin */

    /* The update server's certificate: ~C509Certificate. */
    uint8_t server_certificate[SP_CERTIFICATE_MAX];
    size_t server_certificate_len;
    /* The same key's certificate for DTLS: X.509. */
    uint8_t server_der[SP_CERTIFICATE_MAX];
    size_t server_der_len;
};

struct sp_init_options {
    const char *directory;
    const char *name;
    const char *https; /* HOST:PORT as partners see it */
    const char *coap;  /* HOST:PORT as devices see it */
    const char *coaps; /* the same for the X.509 profile; null: none */
    uint32_t poll_s;
    const char *key; /* PKCS #11 URI of the identity's key; null: make one in a file */
};

/* Makes a new state directory. CEDE_IDENTITY_EXISTS: there is one already; it stays untouched. */
CEDE_MUST_USE enum cede_status sp_init(const struct sp_init_options *options);
/* Reads the state directory (no private key). CEDE_NOT_FOUND: it is none. CEDE_SP_CONFIG: sp.json
 * has a member that is wrong or not known; sp->why names it. */
CEDE_MUST_USE enum cede_status sp_load(const char *directory, struct sp *sp);
/* Opens the store and brings its schema up to date. */
CEDE_MUST_USE enum cede_status sp_open_store(struct sp *sp);
void sp_close(struct sp *sp);

/* Commits when a transaction is open. */
CEDE_MUST_USE enum cede_status sp_commit(struct sp *sp);
/* The result of a piece of work in its own transaction: commits on CEDE_OK, else rolls back. */
CEDE_MUST_USE enum cede_status sp_finish(struct sp *sp, enum cede_status status);

/* POSIX seconds. */
int64_t sp_now(void);
/* "directory/name"; false when it does not fit. */
bool sp_path(const struct sp *sp, const char *name, char path[SP_PATH_MAX]);
/* Reads server.key for the crypto port. The caller frees *pkey (EVP_PKEY_free). */
CEDE_MUST_USE enum cede_status sp_load_server_key(const struct sp *sp, EVP_PKEY **pkey);
/* The array around a ~C509Certificate; other encodings are copied as they are. */
CEDE_MUST_USE enum cede_status sp_certificate_array(struct cede_span certificate,
                                                    struct cede_buf out, struct cede_span *array);

struct sp_serve_options {
    const char *https; /* HOST:PORT to listen on */
    const char *coap;
    const char *coaps; /* null: no DTLS */
    unsigned workers;
};

/* Runs the server until it is told to stop. */
CEDE_MUST_USE enum cede_status sp_serve(struct sp *sp, const struct sp_serve_options *options);

/* Adds a partner: its pinned certificate (PEM or DER file), role and URL. */
CEDE_MUST_USE enum cede_status sp_add_partner(struct sp *sp, const char *name, const char *role,
                                              const char *url, const char *certificate_path);

#endif
