/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edhoc_responder.h - the compact door's side of EDHOC (RFC 9528): message_1 in, message_2 out;
 *                     message_3 in, an authenticated peer with an OSCORE context out.
 *
 * Knows credentials and the service's two questions (find_certificate, authenticate), no sockets.
 */
#ifndef CEDE_SERVER_EDHOC_RESPONDER_H
#define CEDE_SERVER_EDHOC_RESPONDER_H

#include "server/common/edhoc_sessions.h"

#define EDHOC_ID_CRED_MAX (COAP_DOOR_CHAIN_MAX * (COAP_DOOR_CERTIFICATE_MAX + 4) + 16)

/* One's own certificate, as it is shown. */
struct edhoc_own {
    struct cede_edhoc_own own; /* cred and key; id_cred is one of the two below */
    uint8_t by_reference[32];
    size_t by_reference_len;
    uint8_t by_value[EDHOC_ID_CRED_MAX];
    size_t by_value_len;
};

/* Y of a session that ended with success, for proofs of possession made for G_Y; no key: there is
 * none. Wipe after use. */
struct edhoc_ephemeral {
    struct cede_private_key key; /* over `scalar` */
    int32_t hash_alg;            /* application hash of the suite */
    uint8_t scalar[CEDE_PRIVATE_KEY_LEN_MAX];
};

#define EDHOC_NAME_MAX 64 /* longer ones are cut */

struct edhoc_responder {
    struct cede_edhoc_config edhoc;
    const struct cede_edhoc_suite *suites[2];
    struct coap_door_callbacks callbacks;
    void *context;
    struct edhoc_own signs;
    struct edhoc_own agrees;                        /* own.cred null: there is none */
    uint8_t certificate[COAP_DOOR_CERTIFICATE_MAX]; /* of a peer, by reference */
    uint8_t plaintext[CEDE_EDHOC_MESSAGE_LEN_MAX];
    char name[EDHOC_NAME_MAX + 1]; /* as the last peer's certificate says; empty: none came */
};

/* CEDE_BAD_ARGUMENT: a chain of mixed formats; CEDE_CRYPTO_UNSUPPORTED: no suite for the key. */
CEDE_MUST_USE enum cede_status edhoc_responder_init(struct edhoc_responder *responder,
                                                    const struct coap_door_config *config);

/* Processes message_1 and composes message_2 in `out`. The session is then in WAIT_MESSAGE_3. */
CEDE_MUST_USE enum cede_status
edhoc_responder_begin(const struct edhoc_responder *responder, struct cede_span message_1,
                      const uint8_t c_r[EDHOC_ID_LEN], struct cede_edhoc_session *session,
                      struct cede_buf out, struct cede_span *message_2);
/* responder->name is for the log: it is proven only when all is well.
 * Processes message_3: finds, judges and verifies the peer, then derives its OSCORE context.
 * peer->certificate points into the responder. The session is wiped whatever comes out; *ephemeral
 * (may be null) gets its key when all is well. */
CEDE_MUST_USE enum cede_status
edhoc_responder_end(struct edhoc_responder *responder, struct cede_edhoc_session *session,
                    struct cede_span message_3, struct coap_peer *peer,
                    struct cede_oscore_context *oscore, struct edhoc_ephemeral *ephemeral);

#endif
