/* SPDX-License-Identifier: Apache-2.0 */
/*
 * posix.h - the POSIX port: flash in a file, clocks, UDP sockets, files with secrets.
 *
 * Place: hosted code, outside libcede; simulators, agents and servers use it.
 * Memory: nothing is allocated but what the C library allocates itself.
 * Threads: no state outside the arguments.
 * Errors: CEDE_FILE_ and CEDE_SOCKET_ statuses; errno is left as the system call set it, for logs.
 */
#ifndef CEDE_POSIX_H
#define CEDE_POSIX_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "cede/journal.h"

/* --- the device image: two journal slots in one file ------------------------------------------ */

struct cede_file_flash {
    int fd;
    struct cede_flash flash; /* hand &file_flash->flash to the journal; do not move the struct */
};

/* Opens the image at `path`, or creates it blank with mode 0600, and locks it until it is closed.
 * CEDE_FILE_PERMISSIONS: not a regular file of ours with mode 0600. CEDE_FILE_LOCKED: another
 * process uses the image. CEDE_FILE_FAILED: its size is not that of two slots, or a system call
 * failed. `slot_size` is a positive multiple of 32. */
CEDE_MUST_USE enum cede_status cede_file_flash_open(struct cede_file_flash *file_flash,
                                                    const char *path, size_t slot_size);
void cede_file_flash_close(struct cede_file_flash *file_flash);

/* --- clocks ------------------------------------------------------------------------------------
 */

uint64_t cede_monotonic_ms(void);
uint64_t cede_wall_clock(void); /* POSIX seconds */

/* --- UDP ---------------------------------------------------------------------------------------
 */

struct cede_address {
    struct sockaddr_storage storage; /* IPv4 or IPv6 */
    socklen_t len;
};

/* "192.0.2.1", "2001:db8::1" or a name, and a port. Blocks while a name is looked up.
 * CEDE_SOCKET_NAME: it does not resolve. */
CEDE_MUST_USE enum cede_status cede_address_resolve(const char *host, uint16_t port,
                                                    struct cede_address *address);
/* "192.0.2.1:5683" or "[2001:db8::1]:5683". */
#define CEDE_ADDRESS_TEXT_LEN 64
const char *cede_address_text(const struct cede_address *address, char text[CEDE_ADDRESS_TEXT_LEN]);
bool cede_address_equal(const struct cede_address *a, const struct cede_address *b);

/* A non-blocking UDP socket, close-on-exec; *fd is -1 on failure, the caller closes it. */
CEDE_MUST_USE enum cede_status cede_udp_connect(const struct cede_address *peer, int *fd);
CEDE_MUST_USE enum cede_status cede_udp_bind(const struct cede_address *local, int *fd);
/* The address the socket is bound to (which port, after binding to port 0). */
CEDE_MUST_USE enum cede_status cede_udp_local(int fd, struct cede_address *local);

/* One datagram. `to` is null on a connected socket. CEDE_SOCKET_AGAIN: the socket is not ready. */
CEDE_MUST_USE enum cede_status cede_udp_send(int fd, const struct cede_address *to,
                                             struct cede_span datagram);
/* `from` may be null. CEDE_SOCKET_AGAIN: nothing there. CEDE_NO_SPACE: the datagram was longer
 * than `buf` and is lost. CEDE_SOCKET_FAILED: also an ICMP error of an earlier send. */
CEDE_MUST_USE enum cede_status cede_udp_receive(int fd, struct cede_address *from,
                                                struct cede_buf buf, struct cede_span *datagram);

/* --- files --------------------------------------------------------------------------------------
 */

enum cede_file_privacy {
    CEDE_FILE_PUBLIC, /* any mode, any owner */
    CEDE_FILE_SECRET  /* a regular file of ours that nobody else may read or write */
};

/* Reads a whole file; *contents lies in `buf`. CEDE_NOT_FOUND: no such file.
 * CEDE_FILE_PERMISSIONS: not private enough. CEDE_NO_SPACE: larger than `buf`. */
CEDE_MUST_USE enum cede_status cede_file_read(const char *path, enum cede_file_privacy privacy,
                                              struct cede_buf buf, struct cede_span *contents);
/* Replaces a file as a whole, durably: readers and power cuts see the old or the new contents. */
CEDE_MUST_USE enum cede_status cede_file_write(const char *path, mode_t mode,
                                               struct cede_span contents);

#endif
