/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signer.h - the process that holds the CA's key and does nothing but sign (R10).
 *
 * The processes that meet strangers' bytes have a socket to it instead of the key. One frame asks:
 * number (8 bytes), algorithm (4 bytes, big-endian two's complement), then the bytes to be signed.
 * One frame answers: the same number, status (4 bytes), then the signature. A frame that is none
 * ends the connection.
 *
 * Either side may be killed and started again on the same sockets. So a question is asked again
 * until it is answered (SIGNER_TRIES times), and the number, which starts at random, tells the
 * answer from a late one to a question nobody waits for any more.
 */
#ifndef CEDE_SERVER_CA_SIGNER_H
#define CEDE_SERVER_CA_SIGNER_H

#include "cede/crypto.h"

#define SIGNER_MESSAGE_MAX 4096
#define SIGNER_TIMEOUT_S   1 /* of one try */
#define SIGNER_TRIES       10

/* A pair of connected sockets that keep frames apart. */
CEDE_MUST_USE enum cede_status signer_pair(int pair[2]);

/* Serves `fds` until stop_fd is readable. `key` is used with the OpenSSL back end. */
void signer_run(const int *fds, size_t fds_count, int stop_fd, const struct cede_private_key *key);

/* A crypto port that signs through a socket and does the rest itself. */
struct signer_client {
    struct cede_crypto crypto; /* hand &client->crypto to ca_set_signer(); do not move the struct */
    int fd;
    uint64_t number; /* of the last question */
};
CEDE_MUST_USE enum cede_status signer_client_init(struct signer_client *client, int fd);

#endif
