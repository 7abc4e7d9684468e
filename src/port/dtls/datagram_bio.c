/* SPDX-License-Identifier: Apache-2.0 */
/* datagram_bio.c - each write is a datagram, each read takes a whole one. */
#include "port/dtls/datagram_bio.h"

#include <string.h>

#define IP_UDP_HEADERS_LEN 48

static int write_datagram(BIO *bio, const char *bytes, int len)
{
    struct datagram_bio *datagrams = BIO_get_data(bio);

    datagrams->send(datagrams->context, cede_span((const uint8_t *)bytes, (size_t)len));
    return len;
}

static int read_datagram(BIO *bio, char *buffer, int cap)
{
    struct datagram_bio *datagrams = BIO_get_data(bio);
    size_t len = datagrams->waiting.len;

    BIO_clear_retry_flags(bio);
    if (datagrams->waiting.ptr == NULL || len > (size_t)cap) {
        datagrams->waiting = CEDE_SPAN_NULL;
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(buffer, datagrams->waiting.ptr, len);
    datagrams->waiting = CEDE_SPAN_NULL;
    return (int)len;
}

static long control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_DGRAM_GET_MTU_OVERHEAD:
        return IP_UDP_HEADERS_LEN;
    default:
        return 0;
    }
}

static int create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

BIO_METHOD *datagram_bio_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "datagrams");

    if (method != NULL && BIO_meth_set_create(method, create) == 1 &&
        BIO_meth_set_write(method, write_datagram) == 1 &&
        BIO_meth_set_read(method, read_datagram) == 1 && BIO_meth_set_ctrl(method, control) == 1) {
        return method;
    }
    BIO_meth_free(method);
    return NULL;
}

BIO *datagram_bio_new(const BIO_METHOD *method, struct datagram_bio *datagrams)
{
    BIO *bio = BIO_new(method);

    if (bio != NULL) {
        BIO_set_data(bio, datagrams);
    }
    return bio;
}
