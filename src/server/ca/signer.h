/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signer.h - the process that holds the CA's key and does nothing but sign (R10).
 *
 * The processes that meet strangers' bytes have a socket to it instead of the key. One frame asks:
 * number (8 bytes), kind (4 bytes), algorithm (4 bytes, big-endian two's complement), then the
 * bytes to be signed; a long CRL comes as a sealed memory file with the frame instead. One frame
 * answers: the same number, status (4 bytes), then the signature. A frame that is none ends the
 * connection.
 *
 * A worker whose requests come in crowds asks for many certificates with one frame, of kind
 * SIGNER_CERTIFICATES: behind the head, for each of them its length (4 bytes) and its bytes. The
 * answer has, behind the status of the frame, for each of them, in their order, status (4 bytes),
 * length of the signature (4 bytes) and the signature. Each is checked as if it had come alone.
 * Where signatures take long, as in some tokens, the answer ends after SIGNER_SLICE_MS, but not
 * before the first one: others have their turn, and the worker asks again for what is missing.
 *
 * What is signed must be what its kind says, under the CA's own name: a certificate, a CRL, or a
 * StatusProof. The three cannot be taken for one another, nor for anything else that a key signs
 * here: so a worker that was taken over can have no OCSP response, no order and no TLS handshake
 * signed with the CA's key, and no certificate but those that lint.h and the policy let pass.
 *
 * Either side may be killed and started again on the same sockets. So a question is asked again
 * until it is answered (SIGNER_TRIES times), and the number, which starts at random, tells the
 * answer from a late one to a question nobody waits for any more.
 */
#ifndef CEDE_SERVER_CA_SIGNER_H
#define CEDE_SERVER_CA_SIGNER_H

#include "server/ca/lint.h"

#define SIGNER_MESSAGE_MAX 4096
#define SIGNER_MANY_MAX    32    /* certificates in one frame, */
#define SIGNER_MANY_LEN    65536 /* and their bytes, lengths counted */
#define SIGNER_SLICE_MS    300
#define SIGNER_CRL_MAX     (256u << 20) /* of a CRL in a memory file */
#define SIGNER_TIMEOUT_S   1            /* of one try */
#define SIGNER_TRIES       10

enum signer_kind {
    SIGNER_CERTIFICATE = 1,  /* TBSCertificate in DER, or of a native C509 certificate */
    SIGNER_CRL = 2,          /* TBSCertList */
    SIGNER_STATUS_PROOF = 3, /* Sig_structure of status_proof.h */
    SIGNER_CERTIFICATES = 4  /* many of the first kind */
};

/* CEDE_SIGNER_REFUSED: not of that kind, or under another name than `issuer` (value null: not
 * compared). `now` bounds what proofs and CRLs may say about the time. */
CEDE_MUST_USE enum cede_status signer_check(enum signer_kind kind, struct cede_span message,
                                            struct cede_name issuer, uint64_t now);

/* The key handle with which the client asks for that kind of signature. One without a handle asks
 * for certificates. */
struct cede_private_key signer_key(int32_t curve, enum signer_kind kind);

/* A pair of connected sockets that keep frames apart. */
CEDE_MUST_USE enum cede_status signer_pair(int pair[2]);

/* Who may have what signed. */
struct signer_rules {
    struct cede_name issuer;          /* the CA's name */
    const struct ca_lint_rules *lint; /* what a certificate must be; null: only its form counts */
    size_t publisher; /* the connection that may have CRLs, proofs and the responder's certificate
                         signed, and nothing else; the others only what the policy allows */
};

/* Serves `fds` until stop_fd is readable. `key` is used with the OpenSSL back end. */
void signer_run(const int *fds, size_t fds_count, int stop_fd, const struct cede_private_key *key,
                const struct signer_rules *rules);

/* A crypto port that signs through a socket and does the rest itself. */
struct signer_client {
    struct cede_crypto crypto; /* hand &client->crypto to ca_set_signer(); do not move the struct */
    int fd;
    uint64_t number; /* of the last question */
};
CEDE_MUST_USE enum cede_status signer_client_init(struct signer_client *client, int fd);

/* A certificate to be signed, and what came of it. */
struct signer_job {
    struct cede_span message;
    enum cede_status status;
    uint8_t signature[CEDE_SIGNATURE_LEN_MAX];
    size_t signature_len;
};

/* Has all of them signed, with as few questions as they fit in. Each job gets its status. */
void signer_sign_all(struct signer_client *client, int32_t alg, struct signer_job *jobs,
                     size_t count);

#endif
