/* SPDX-License-Identifier: Apache-2.0 */
/* datagram_bio.h - what OpenSSL reads and writes datagrams with, instead of a socket. */
#ifndef CEDE_PORT_DTLS_DATAGRAM_BIO_H
#define CEDE_PORT_DTLS_DATAGRAM_BIO_H

#include <openssl/bio.h>

#include "cede/bytes.h"

struct datagram_bio {
    struct cede_span waiting; /* what the next read gets; null: nothing */
    void (*send)(void *context, struct cede_span datagram);
    void *context;
};

/* Null: no memory. `datagrams` must outlive the BIO, which the method belongs to. */
BIO_METHOD *datagram_bio_method(void);
BIO *datagram_bio_new(const BIO_METHOD *method, struct datagram_bio *datagrams);

#endif
