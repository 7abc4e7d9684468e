/* SPDX-License-Identifier: Apache-2.0 */
/* udp.c - addresses and non-blocking UDP sockets, IPv4 and IPv6. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cede/posix.h"

enum cede_status cede_address_resolve(const char *host, uint16_t port, struct cede_address *address)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};
    struct addrinfo *list = NULL;
    char service[6];

    memset(address, 0, sizeof *address);
    snprintf(service, sizeof service, "%u", (unsigned)port);
    hints.ai_flags = AI_NUMERICSERV;
    if (getaddrinfo(host, service, &hints, &list) != 0) {
        return CEDE_SOCKET_NAME;
    }
    memcpy(&address->storage, list->ai_addr, list->ai_addrlen);
    address->len = list->ai_addrlen;
    freeaddrinfo(list);
    return CEDE_OK;
}

const char *cede_address_text(const struct cede_address *address, char text[CEDE_ADDRESS_TEXT_LEN])
{
    char host[INET6_ADDRSTRLEN] = "";

    if (address->storage.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&address->storage;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
        snprintf(text, CEDE_ADDRESS_TEXT_LEN, "%s:%u", host, (unsigned)ntohs(in->sin_port));
    } else if (address->storage.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address->storage;
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
        snprintf(text, CEDE_ADDRESS_TEXT_LEN, "[%s]:%u", host, (unsigned)ntohs(in6->sin6_port));
    } else {
        snprintf(text, CEDE_ADDRESS_TEXT_LEN, "(none)");
    }
    return text;
}

/* Member by member: the padding of socket addresses and IPv6's flow label do not count. */
bool cede_address_equal(const struct cede_address *a, const struct cede_address *b)
{
    if (a->storage.ss_family != b->storage.ss_family) {
        return false;
    }
    if (a->storage.ss_family == AF_INET) {
        const struct sockaddr_in *x = (const struct sockaddr_in *)&a->storage;
        const struct sockaddr_in *y = (const struct sockaddr_in *)&b->storage;
        return x->sin_port == y->sin_port && x->sin_addr.s_addr == y->sin_addr.s_addr;
    }
    if (a->storage.ss_family == AF_INET6) {
        const struct sockaddr_in6 *x = (const struct sockaddr_in6 *)&a->storage;
        const struct sockaddr_in6 *y = (const struct sockaddr_in6 *)&b->storage;
        return x->sin6_port == y->sin6_port && x->sin6_scope_id == y->sin6_scope_id &&
               memcmp(&x->sin6_addr, &y->sin6_addr, sizeof x->sin6_addr) == 0;
    }
    return false;
}

static enum cede_status open_socket(const struct cede_address *address,
                                    int (*attach)(int, const struct sockaddr *, socklen_t), int *fd)
{
    *fd = socket(address->storage.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (*fd < 0) {
        *fd = -1;
        return CEDE_SOCKET_FAILED;
    }
    if (attach(*fd, (const struct sockaddr *)&address->storage, address->len) != 0) {
        int error = errno;
        (void)close(*fd);
        errno = error;
        *fd = -1;
        return CEDE_SOCKET_FAILED;
    }
    return CEDE_OK;
}

enum cede_status cede_udp_connect(const struct cede_address *peer, int *fd)
{
    return open_socket(peer, connect, fd);
}

enum cede_status cede_udp_bind(const struct cede_address *local, int *fd)
{
    return open_socket(local, bind, fd);
}

enum cede_status cede_udp_local(int fd, struct cede_address *local)
{
    memset(local, 0, sizeof *local);
    local->len = sizeof local->storage;
    return getsockname(fd, (struct sockaddr *)&local->storage, &local->len) == 0
               ? CEDE_OK
               : CEDE_SOCKET_FAILED;
}

static enum cede_status failure(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK ? CEDE_SOCKET_AGAIN : CEDE_SOCKET_FAILED;
}

enum cede_status cede_udp_send(int fd, const struct cede_address *to, struct cede_span datagram)
{
    ssize_t len;

    do {
        len = sendto(fd, datagram.ptr, datagram.len, MSG_NOSIGNAL,
                     to != NULL ? (const struct sockaddr *)&to->storage : NULL,
                     to != NULL ? to->len : 0);
    } while (len < 0 && errno == EINTR);
    return len < 0 ? failure() : CEDE_OK;
}

enum cede_status cede_udp_receive(int fd, struct cede_address *from, struct cede_buf buf,
                                  struct cede_span *datagram)
{
    struct cede_address sender;
    ssize_t len;

    memset(&sender, 0, sizeof sender);
    *datagram = CEDE_SPAN_NULL;
    do {
        sender.len = sizeof sender.storage;
        len = recvfrom(fd, buf.ptr, buf.cap, MSG_TRUNC, (struct sockaddr *)&sender.storage,
                       &sender.len);
    } while (len < 0 && errno == EINTR);
    if (from != NULL) {
        *from = sender;
    }
    if (len < 0) {
        return failure();
    }
    if ((size_t)len > buf.cap) { /* MSG_TRUNC reports the whole length */
        return CEDE_NO_SPACE;
    }
    *datagram = cede_span(buf.ptr, (size_t)len);
    return CEDE_OK;
}
