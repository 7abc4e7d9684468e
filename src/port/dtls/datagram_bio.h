/* SPDX-License-Identifier: Apache-2.0 */
/* datagram_bio.h - what OpenSSL reads and writes datagrams with, instead of a socket. */
#ifndef CEDE_PORT_DTLS_DATAGRAM_BIO_H
#define CEDE_PORT_DTLS_DATAGRAM_BIO_H

#include <openssl/ssl.h>

#include "cede/bytes.h"

struct datagram_bio {
    struct cede_span waiting; /* what the next read gets; null: nothing */
    void (*send)(void *context, struct cede_span datagram);
    void *context;
};

/* Null: no memory. `datagrams` must outlive the BIO, which the method belongs to. */
BIO_METHOD *datagram_bio_method(void);
BIO *datagram_bio_new(const BIO_METHOD *method, struct datagram_bio *datagrams);

/*
 * The records at the beginning of `datagram` that OpenSSL may see; null: none. A protected record
 * too short for nonce and tag ends the session in OpenSSL 3.0 before Debian's 3.0.22, where RFC
 * 6347, section 4.1.2.7, has it discarded: anybody who knows two addresses could write one.
 */
struct cede_span datagram_records(const SSL *ssl, struct cede_span datagram);

#endif
