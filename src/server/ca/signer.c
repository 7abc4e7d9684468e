/* SPDX-License-Identifier: Apache-2.0 */
/* signer.c - both ends of the signing socket. */
#include "server/ca/signer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "cede/posix.h"
#include "server/common/log.h"

#define NUMBER_LEN   8
#define HEAD_LEN     (NUMBER_LEN + 4) /* of an answer */
#define QUESTION_LEN (NUMBER_LEN + 8)
#define ANSWER_MAX   (HEAD_LEN + SIGNER_MANY_MAX * (8 + CEDE_SIGNATURE_LEN_MAX))
#define SEALS        (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

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

/* A question as it came: head, bytes, and perhaps a memory file. */
struct question {
    uint8_t frame[QUESTION_LEN + SIGNER_MANY_LEN];
    size_t len;
    int file; /* -1: none */
};

/* The one file that came along; -1 without. Two fit into the padding: of more than one none stays
 * open. */
static int take_file(struct msghdr *message)
{
    const struct cmsghdr *carried = CMSG_FIRSTHDR(message);
    int files[2] = {-1, -1};
    size_t len;

    if (carried == NULL || carried->cmsg_type != SCM_RIGHTS || carried->cmsg_len < CMSG_LEN(0)) {
        return -1;
    }
    len = carried->cmsg_len - CMSG_LEN(0);
    memcpy(files, CMSG_DATA(carried), len < sizeof files ? len : sizeof files);
    if (len == sizeof files[0]) {
        return files[0];
    }
    for (size_t i = 0; i < 2; i++) {
        if (files[i] >= 0) {
            close(files[i]);
        }
    }
    return -1;
}

/* False when the connection is over; question->len 0: nothing to do. */
static bool receive_question(int fd, struct question *question)
{
    union {
        struct cmsghdr head;
        uint8_t bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec vector = {question->frame, sizeof question->frame};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t len = recvmsg(fd, &message, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC);

    question->len = 0;
    question->file = -1;
    if (len < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    question->file = take_file(&message);
    if (len < QUESTION_LEN || (size_t)len > sizeof question->frame) {
        return false;
    }
    question->len = (size_t)len;
    return true;
}

/* Maps a memory file that nobody can change any more: what is checked is what is signed. */
static struct cede_span map_file(int file)
{
    struct stat info;
    int seals = fcntl(file, F_GET_SEALS);
    void *at = MAP_FAILED;

    if (seals >= 0 && (seals & SEALS) == SEALS && fstat(file, &info) == 0 && info.st_size > 0 &&
        (uint64_t)info.st_size <= SIGNER_CRL_MAX) {
        at = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    }
    return at == MAP_FAILED ? CEDE_SPAN_NULL : cede_span(at, (size_t)info.st_size);
}

/* The publisher's are the lists, the proofs and the responder's certificate; the workers' are the
 * certificates that the policy allows. */
static enum cede_status check_policy(const struct signer_rules *rules, enum signer_kind kind,
                                     struct cede_span message, bool publisher)
{
    uint64_t now = cede_wall_clock();
    const char *why = NULL;
    enum cede_status status = CEDE_OK;

    if (rules->lint == NULL) {
        return CEDE_OK;
    }
    if (kind != SIGNER_CERTIFICATE) {
        return publisher ? CEDE_OK : CEDE_SIGNER_REFUSED;
    }
    status =
        ca_lint(rules->lint, publisher ? CA_LINT_RESPONDER : CA_LINT_POLICY, message, now, &why);
    if (status != CEDE_OK) {
        log_error("a certificate is not signed: %s", why);
    }
    return status;
}

struct answered {
    bool any;
    uint8_t number[NUMBER_LEN]; /* of the last one */
};

/* One that asks. */
struct asking {
    const struct cede_private_key *key;
    const struct signer_rules *rules;
    bool publisher;
    struct answered *answered;
};

static enum signer_kind kind_of(const struct question *question)
{
    return (enum signer_kind)get_u32(question->frame + NUMBER_LEN);
}

static enum cede_status sign_checked(const struct question *question, enum signer_kind kind,
                                     struct cede_span message, const struct asking *asking,
                                     uint8_t *signature, size_t *signature_len)
{
    const struct cede_crypto *crypto = cede_crypto_openssl();
    int32_t alg = (int32_t)get_u32(question->frame + NUMBER_LEN + 4);

    CEDE_TRY(signer_check(kind, message, asking->rules->issuer, cede_wall_clock()));
    CEDE_TRY(check_policy(asking->rules, kind, message, asking->publisher));
    return crypto->sign(crypto->context, alg, asking->key, &message, 1, signature, signature_len);
}

static enum cede_status sign_file(const struct question *question, const struct asking *asking,
                                  uint8_t *signature, size_t *signature_len)
{
    struct cede_span message = map_file(question->file);
    enum cede_status status = CEDE_SIGNER_REFUSED;

    if (message.ptr != NULL) {
        status =
            sign_checked(question, kind_of(question), message, asking, signature, signature_len);
        munmap((void *)(uintptr_t)message.ptr, message.len);
    }
    return status;
}

/* The frame is whole before anything in it is signed. */
static enum cede_status check_many(struct cede_span bytes)
{
    struct cede_reader reader = cede_reader(bytes);
    size_t count = 0;

    while (reader.status == CEDE_OK && cede_reader_left(&reader) > 0) {
        struct cede_span len = cede_read_bytes(&reader, 4);
        uint32_t message_len = reader.status == CEDE_OK ? get_u32(len.ptr) : 0;

        (void)cede_read_bytes(&reader, message_len);
        if (message_len == 0 || message_len > SIGNER_MESSAGE_MAX || ++count > SIGNER_MANY_MAX) {
            return CEDE_SIGNER_REFUSED;
        }
    }
    return count > 0 ? reader.status : CEDE_SIGNER_REFUSED;
}

/* Signs one after the other, as far as time allows; *out_len bytes of the answer. */
static enum cede_status sign_many(const struct question *question, struct cede_span bytes,
                                  const struct asking *asking, uint8_t *out, size_t *out_len)
{
    struct cede_reader reader = cede_reader(bytes);
    uint64_t end = cede_monotonic_ms() + SIGNER_SLICE_MS;
    size_t at = 0;

    *out_len = 0;
    CEDE_TRY(check_many(bytes));
    while (cede_reader_left(&reader) > 0 && (at == 0 || cede_monotonic_ms() < end)) {
        uint32_t message_len = get_u32(cede_read_bytes(&reader, 4).ptr);
        struct cede_span message = cede_read_bytes(&reader, message_len);
        size_t len = 0;
        enum cede_status status =
            sign_checked(question, SIGNER_CERTIFICATE, message, asking, out + at + 8, &len);

        len = status == CEDE_OK ? len : 0;
        put_u32(out + at, (uint32_t)status);
        put_u32(out + at + 4, (uint32_t)len);
        at += 8 + len;
    }
    *out_len = at;
    return CEDE_OK;
}

/* What stands behind the head of the answer. */
static enum cede_status sign_question(const struct question *question, const struct asking *asking,
                                      uint8_t *out, size_t *out_len)
{
    struct cede_span message =
        cede_span(question->frame + QUESTION_LEN, question->len - QUESTION_LEN);

    if (question->file >= 0) {
        return sign_file(question, asking, out, out_len);
    }
    if (kind_of(question) == SIGNER_CERTIFICATES) {
        return sign_many(question, message, asking, out, out_len);
    }
    return message.len > SIGNER_MESSAGE_MAX
               ? CEDE_SIGNER_REFUSED
               : sign_checked(question, kind_of(question), message, asking, out, out_len);
}

/* False when the connection is over. Nobody is waited for: whoever does not read gets no answers.
 */
static bool answer_question(int fd, const struct question *question, const struct asking *asking)
{
    uint8_t answer[ANSWER_MAX];
    size_t len = 0;
    enum cede_status status = sign_question(question, asking, answer + HEAD_LEN, &len);

    memcpy(answer, question->frame, NUMBER_LEN);
    put_u32(answer + NUMBER_LEN, (uint32_t)status);
    len = status == CEDE_OK ? len : 0;
    if (send(fd, answer, HEAD_LEN + len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        return errno == EAGAIN;
    }
    asking->answered->any = true;
    memcpy(asking->answered->number, question->frame, NUMBER_LEN);
    return true;
}

/* False when the connection is over. A question asked again while its answer was on the way is
 * dropped: the repetitions of a slow token's questions would keep it from the next ones. */
static bool serve_one(int fd, const struct asking *asking)
{
    const struct answered *answered = asking->answered;
    struct question question;
    bool open = receive_question(fd, &question);

    if (question.len > 0 &&
        !(answered->any && memcmp(question.frame, answered->number, NUMBER_LEN) == 0)) {
        open = answer_question(fd, &question, asking);
    }
    if (question.file >= 0) {
        close(question.file);
    }
    return open;
}

static void serve_all(struct pollfd *polled, struct answered *answered, size_t count,
                      const struct cede_private_key *key, const struct signer_rules *rules)
{
    for (size_t i = 0; i < count; i++) {
        struct asking asking = {key, rules, i == rules->publisher, &answered[i]};

        if (polled[i].revents != 0 && !serve_one(polled[i].fd, &asking)) {
            polled[i].fd = -1; /* poll() skips it from now on */
        }
    }
}

void signer_run(const int *fds, size_t fds_count, int stop_fd, const struct cede_private_key *key,
                const struct signer_rules *rules)
{
    struct pollfd *polled = calloc(fds_count + 1, sizeof *polled);
    struct answered *answered = calloc(fds_count + 1, sizeof *answered);

    if (polled == NULL || answered == NULL) {
        free(polled);
        free(answered);
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
        serve_all(polled, answered, fds_count, key, rules);
    }
    free(polled);
    free(answered);
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

/* *body: what stands behind the head of the answer, in `answer`. */
static enum cede_status ask(int fd, const struct msghdr *question, struct cede_buf answer,
                            struct cede_span *body)
{
    const uint8_t *number = question->msg_iov[0].iov_base;
    ssize_t len = -1;

    *body = CEDE_SPAN_NULL;
    for (int tries = 0; tries < SIGNER_TRIES; tries++) {
        len = sendmsg(fd, question, MSG_NOSIGNAL);
        if (len > 0) {
            len = receive_answer(fd, number, answer.ptr, answer.cap);
        }
        if (!worth_another_try(len)) {
            break;
        }
    }
    if (len < HEAD_LEN) {
        return CEDE_CRYPTO_FAILED;
    }
    *body = cede_span(answer.ptr + HEAD_LEN, (size_t)len - HEAD_LEN);
    return (enum cede_status)get_u32(answer.ptr + NUMBER_LEN);
}

static enum cede_status ask_signature(int fd, const struct msghdr *question, uint8_t *signature,
                                      size_t *signature_len)
{
    uint8_t answer[HEAD_LEN + CEDE_SIGNATURE_LEN_MAX];
    struct cede_span body;

    CEDE_TRY(ask(fd, question, CEDE_BUF_ARRAY(answer), &body));
    memcpy(signature, body.ptr, body.len);
    *signature_len = body.len;
    return CEDE_OK;
}

/* A sealed memory file with the message in it; -1: none to be had. */
static int make_file(struct iovec *parts, size_t count)
{
    int file = memfd_create("to be signed", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    for (size_t i = 0; file >= 0 && i < count; i++) {
        const uint8_t *at = parts[i].iov_base;
        size_t left = parts[i].iov_len;

        while (left > 0) {
            ssize_t done = write(file, at, left);
            if (done <= 0) {
                close(file);
                return -1;
            }
            at += done;
            left -= (size_t)done;
        }
    }
    if (file >= 0 && fcntl(file, F_ADD_SEALS, SEALS) != 0) {
        close(file);
        file = -1;
    }
    return file;
}

/* vectors[0] is the head, the others the message, which goes in a file. */
static enum cede_status ask_with_file(int fd, struct iovec *vectors, size_t count,
                                      uint8_t *signature, size_t *signature_len)
{
    union {
        struct cmsghdr head;
        uint8_t bytes[CMSG_SPACE(sizeof(int))];
    } control = {.bytes = {0}};
    struct msghdr message = {.msg_iov = vectors,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    int file = make_file(vectors + 1, count - 1);
    enum cede_status status = CEDE_OK;

    if (file < 0) {
        return CEDE_OS_FAILED;
    }
    control.head.cmsg_level = SOL_SOCKET;
    control.head.cmsg_type = SCM_RIGHTS;
    control.head.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.head), &file, sizeof file);
    status = ask_signature(fd, &message, signature, signature_len);
    close(file);
    return status;
}

static const uint32_t kinds[] = {0, SIGNER_CERTIFICATE, SIGNER_CRL, SIGNER_STATUS_PROOF};

struct cede_private_key signer_key(int32_t curve, enum signer_kind kind)
{
    struct cede_private_key key = {curve, CEDE_SPAN_NULL, NULL};

    if ((unsigned)kind < sizeof kinds / sizeof kinds[0]) {
        key.handle = (void *)(uintptr_t)&kinds[kind]; /* never written through */
    }
    return key;
}

static void put_head(struct signer_client *client, uint32_t kind, int32_t alg,
                     uint8_t head[QUESTION_LEN])
{
    client->number++;
    memcpy(head, &client->number, NUMBER_LEN);
    put_u32(head + NUMBER_LEN, kind);
    put_u32(head + NUMBER_LEN + 4, (uint32_t)alg);
}

static enum cede_status sign_remotely(void *context, int32_t alg,
                                      const struct cede_private_key *key,
                                      const struct cede_span *parts, size_t parts_count,
                                      uint8_t *signature, size_t *signature_len)
{
    struct signer_client *client = context;
    uint32_t kind = key->handle == NULL ? SIGNER_CERTIFICATE : *(const uint32_t *)key->handle;
    struct iovec vectors[16];
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = parts_count + 1};
    uint8_t head[QUESTION_LEN];
    size_t total = 0;

    *signature_len = 0;
    if (parts_count + 1 > sizeof vectors / sizeof vectors[0]) {
        return CEDE_BAD_ARGUMENT;
    }
    put_head(client, kind, alg, head);
    vectors[0] = (struct iovec){head, sizeof head};
    for (size_t i = 0; i < parts_count; i++) {
        vectors[i + 1] = (struct iovec){(void *)(uintptr_t)parts[i].ptr, parts[i].len};
        total += parts[i].len;
    }
    if (total == 0 || total > (kind == SIGNER_CRL ? SIGNER_CRL_MAX : SIGNER_MESSAGE_MAX)) {
        return CEDE_BAD_ARGUMENT;
    }
    return total > SIGNER_MESSAGE_MAX
               ? ask_with_file(client->fd, vectors, parts_count + 1, signature, signature_len)
               : ask_signature(client->fd, &message, signature, signature_len);
}

/* The first signatures of up to `count` jobs, in their order: how many, one at least. */
static enum cede_status read_signatures(struct cede_span body, struct signer_job *jobs,
                                        size_t count, size_t *done)
{
    struct cede_reader reader = cede_reader(body);
    size_t i = 0;

    do {
        struct cede_span head = cede_read_bytes(&reader, 8);
        struct cede_span signature =
            cede_read_bytes(&reader, reader.status == CEDE_OK ? get_u32(head.ptr + 4) : 0);

        if (reader.status != CEDE_OK || signature.len > sizeof jobs[i].signature) {
            return CEDE_CRYPTO_FAILED;
        }
        jobs[i].status = (enum cede_status)get_u32(head.ptr);
        memcpy(jobs[i].signature, signature.ptr, signature.len);
        jobs[i].signature_len = signature.len;
        i++;
    } while (i < count && cede_reader_left(&reader) > 0);
    *done = i;
    return cede_reader_finish(&reader);
}

/* With one question; *done of them, from the first on. */
static enum cede_status sign_some(struct signer_client *client, int32_t alg,
                                  struct signer_job *jobs, size_t count, size_t *done)
{
    struct iovec vectors[1 + 2 * SIGNER_MANY_MAX];
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = 1 + 2 * count};
    uint8_t head[QUESTION_LEN], lengths[SIGNER_MANY_MAX][4], answer[ANSWER_MAX];
    struct cede_span body;

    put_head(client, SIGNER_CERTIFICATES, alg, head);
    vectors[0] = (struct iovec){head, sizeof head};
    for (size_t i = 0; i < count; i++) {
        put_u32(lengths[i], (uint32_t)jobs[i].message.len);
        vectors[1 + 2 * i] = (struct iovec){lengths[i], sizeof lengths[i]};
        vectors[2 + 2 * i] =
            (struct iovec){(void *)(uintptr_t)jobs[i].message.ptr, jobs[i].message.len};
    }
    CEDE_TRY(ask(client->fd, &message, CEDE_BUF_ARRAY(answer), &body));
    return read_signatures(body, jobs, count, done);
}

/* How many of the jobs go into one question. */
static size_t fitting(const struct signer_job *jobs, size_t count)
{
    size_t bytes = 0, fit = 0;

    while (fit < count && fit < SIGNER_MANY_MAX && jobs[fit].message.len <= SIGNER_MESSAGE_MAX &&
           bytes + 4 + jobs[fit].message.len <= SIGNER_MANY_LEN) {
        bytes += 4 + jobs[fit++].message.len;
    }
    return fit;
}

void signer_sign_all(struct signer_client *client, int32_t alg, struct signer_job *jobs,
                     size_t count)
{
    for (size_t at = 0; at < count;) {
        size_t some = fitting(jobs + at, count - at), done = 0;
        enum cede_status status = CEDE_BAD_ARGUMENT; /* too long: it alone is refused */

        if (some > 0) {
            status = sign_some(client, alg, jobs + at, some, &done);
        }
        if (status != CEDE_OK) {
            done = some > 0 ? some : 1;
        }
        for (size_t i = at; status != CEDE_OK && i < at + done; i++) {
            jobs[i].status = status;
        }
        at += done;
    }
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
