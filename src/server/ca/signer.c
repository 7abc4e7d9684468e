/* SPDX-License-Identifier: Apache-2.0 */
/* signer.c - both ends of the signing socket. */
#include "server/ca/signer.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#define NUMBER_LEN 8
#define HEAD_LEN   (NUMBER_LEN + 4)

static void put_u32(uint8_t out[4], uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        out[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

static uint32_t get_u32(const uint8_t in[4])
{
    return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

enum cede_status signer_pair(int pair[2])
{
    struct timeval timeout = {SIGNER_TIMEOUT_S, 0};

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return CEDE_OS_FAILED;
    }
    if (setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) != 0 ||
        setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) != 0) {
        close(pair[0]);
        close(pair[1]);
        return CEDE_OS_FAILED;
    }
    return CEDE_OK;
}

/* --- the signer ------------------------------------------------------------------------------- */

/* False when the connection is over. */
static bool serve_one(int fd, const struct cede_private_key *key)
{
    const struct cede_crypto *crypto = cede_crypto_openssl();
    uint8_t frame[HEAD_LEN + SIGNER_MESSAGE_MAX];
    uint8_t answer[HEAD_LEN + CEDE_SIGNATURE_LEN_MAX];
    struct cede_span message;
    size_t signature_len = 0;
    ssize_t len = recv(fd, frame, sizeof frame, MSG_DONTWAIT | MSG_TRUNC);
    enum cede_status status = CEDE_OK;

    if (len < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    if (len <= HEAD_LEN || (size_t)len > sizeof frame) {
        return false;
    }
    message = cede_span(frame + HEAD_LEN, (size_t)len - HEAD_LEN);
    status = crypto->sign(crypto->context, (int32_t)get_u32(frame + NUMBER_LEN), key, &message, 1,
                          answer + HEAD_LEN, &signature_len);
    memcpy(answer, frame, NUMBER_LEN);
    put_u32(answer + NUMBER_LEN, (uint32_t)status);
    if (status != CEDE_OK) {
        signature_len = 0;
    }
    return send(fd, answer, HEAD_LEN + signature_len, MSG_NOSIGNAL) > 0 || errno == EAGAIN;
}

void signer_run(const int *fds, size_t fds_count, int stop_fd, const struct cede_private_key *key)
{
    struct pollfd *polled = calloc(fds_count + 1, sizeof *polled);

    if (polled == NULL) {
        return;
    }
    for (size_t i = 0; i < fds_count; i++) {
        polled[i] = (struct pollfd){fds[i], POLLIN, 0};
    }
    polled[fds_count] = (struct pollfd){stop_fd, POLLIN, 0};
    for (;;) {
        if (poll(polled, fds_count + 1, -1) < 0 && errno != EINTR) {
            break;
        }
        if ((polled[fds_count].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
            break;
        }
        for (size_t i = 0; i < fds_count; i++) {
            if (polled[i].revents != 0 && !serve_one(polled[i].fd, key)) {
                polled[i].fd = -1; /* poll() skips it from now on */
            }
        }
    }
    free(polled);
}

/* --- its client ------------------------------------------------------------------------------- */

/* Waits for the answer that carries the question's number; older ones are dropped. */
static ssize_t receive_answer(int fd, const uint8_t number[NUMBER_LEN], uint8_t *answer, size_t cap)
{
    for (;;) {
        ssize_t len = recv(fd, answer, cap, 0);

        if (len < 0 && errno == EINTR) {
            continue;
        }
        if (len <= 0 || (len >= HEAD_LEN && memcmp(answer, number, NUMBER_LEN) == 0)) {
            return len;
        }
    }
}

static bool worth_another_try(ssize_t result)
{
    return result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

static enum cede_status ask(int fd, struct iovec *vectors, size_t count, uint8_t *signature,
                            size_t *signature_len)
{
    uint8_t answer[HEAD_LEN + CEDE_SIGNATURE_LEN_MAX];
    const uint8_t *number = vectors[0].iov_base;
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = count};
    ssize_t len = -1;

    for (int tries = 0; tries < SIGNER_TRIES; tries++) {
        len = sendmsg(fd, &message, MSG_NOSIGNAL);
        if (len > 0) {
            len = receive_answer(fd, number, answer, sizeof answer);
        }
        if (!worth_another_try(len)) {
            break;
        }
    }
    if (len < HEAD_LEN) {
        return CEDE_CRYPTO_FAILED;
    }
    if (get_u32(answer + NUMBER_LEN) != CEDE_OK) {
        return (enum cede_status)get_u32(answer + NUMBER_LEN);
    }
    *signature_len = (size_t)len - HEAD_LEN;
    memcpy(signature, answer + HEAD_LEN, *signature_len);
    return CEDE_OK;
}

static enum cede_status sign_remotely(void *context, int32_t alg,
                                      const struct cede_private_key *key,
                                      const struct cede_span *parts, size_t parts_count,
                                      uint8_t *signature, size_t *signature_len)
{
    struct signer_client *client = context;
    struct iovec vectors[16];
    uint8_t head[HEAD_LEN];
    size_t total = 0;

    (void)key; /* the signer has only one */
    *signature_len = 0;
    if (parts_count + 1 > sizeof vectors / sizeof vectors[0]) {
        return CEDE_BAD_ARGUMENT;
    }
    client->number++;
    memcpy(head, &client->number, NUMBER_LEN);
    put_u32(head + NUMBER_LEN, (uint32_t)alg);
    vectors[0] = (struct iovec){head, sizeof head};
    for (size_t i = 0; i < parts_count; i++) {
        vectors[i + 1] = (struct iovec){(void *)(uintptr_t)parts[i].ptr, parts[i].len};
        total += parts[i].len;
    }
    if (total == 0 || total > SIGNER_MESSAGE_MAX) {
        return CEDE_BAD_ARGUMENT;
    }
    return ask(client->fd, vectors, parts_count + 1, signature, signature_len);
}

enum cede_status signer_client_init(struct signer_client *client, int fd)
{
    client->crypto = *cede_crypto_openssl(); /* which ignores its context */
    client->crypto.context = client;
    client->crypto.sign = sign_remotely;
    client->fd = fd;
    return client->crypto.random(client->crypto.context,
                                 cede_buf((uint8_t *)&client->number, NUMBER_LEN));
}
