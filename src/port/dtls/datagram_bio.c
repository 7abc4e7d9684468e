/* SPDX-License-Identifier: Apache-2.0 */
/* datagram_bio.c - each write is a datagram, each read takes a whole one. */
#include "port/dtls/datagram_bio.h"

#include <string.h>

#define IP_UDP_HEADERS_LEN 48

/* RFC 6347, section 4.3.1: type, version, epoch, sequence number, length. */
#define RECORD_HEADER_LEN 13
#define RECORD_EPOCH      3
#define RECORD_LEN        11

/* RFC 6655, section 3, and RFC 5288, section 3: what a record is longer than its message. */
#define EXPLICIT_NONCE_LEN 8
#define SHORT_TAG_LEN      8
#define TAG_LEN            16

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

/* --- what came ------------------------------------------------------------------------------- */

/* Until a cipher is agreed on, what is protected is a Finished, of 12 bytes and more. */
static size_t shortest_record(const SSL *ssl)
{
    const SSL_CIPHER *cipher = SSL_is_init_finished(ssl) ? SSL_get_current_cipher(ssl) : NULL;
    bool tag_is_short =
        cipher != NULL && SSL_CIPHER_get_id(cipher) == TLS1_CK_ECDHE_ECDSA_WITH_AES_128_CCM_8;

    return EXPLICIT_NONCE_LEN + (tag_is_short ? SHORT_TAG_LEN : TAG_LEN);
}

static size_t number_at(const uint8_t *at)
{
    return (size_t)at[0] << 8 | at[1];
}

struct cede_span datagram_records(const SSL *ssl, struct cede_span datagram)
{
    size_t shortest = shortest_record(ssl), at = 0;

    while (datagram.len - at >= RECORD_HEADER_LEN) {
        const uint8_t *record = datagram.ptr + at;
        size_t len = number_at(record + RECORD_LEN);

        if ((number_at(record + RECORD_EPOCH) != 0 && len < shortest) ||
            len > datagram.len - at - RECORD_HEADER_LEN) {
            break;
        }
        at += RECORD_HEADER_LEN + len;
    }
    return at > 0 ? cede_span(datagram.ptr, at) : CEDE_SPAN_NULL;
}
