/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrol.h - durable enrolments per second of one core, through a door of a real CA.
 *
 * A CA is made in a folder of its own and served by one worker with its signer, both on one core;
 * clients in processes of their own enrol devices over loopback sockets, many at a time, so that
 * commits are shared as they are under load. What counts is the processor time of all processes of
 * the server: rates are per second of it, however much the clients or the disk took.
 *      fresh   handshake, enrolment, goodbye; the floor is the handshake alone at the same door and
 *              the primitives alone: the request's key taken from x and y, its signature verified,
 *              one certificate signed
 *      kept    the enrolment on a connection that stands; the floor is the primitives alone; and
 *              once more beside an exchange alone on that connection, the question for the key
 *              wishes, with the primitives: what a door costs anyway is in both then
 * The primitives are timed while the clients' processor works, as it does in the rest.
 * Each is measured in several rounds, by turns with its floor; the round of the median ratio
 * counts.
 */
#ifndef CEDE_BENCH_ENROL_H
#define CEDE_BENCH_ENROL_H

#include "bench/bench.h"
#include "cede/certificate.h"
#include "cede/coap.h"
#include "cede/posix.h"

#define ENROL_ID_MAX      24
#define ENROL_CERT_MAX    512
#define ENROL_REQUEST_MAX 512

/* A device that has never enrolled: its factory key and certificate; and, made beforehand lest the
 * server wait for it, the request for a certificate of a new key. X.509 or C509, as the door wants
 * it. */
struct enrol_device {
    char id[ENROL_ID_MAX];
    uint8_t scalar[32];
    uint8_t point[64];
    uint8_t certificate[ENROL_CERT_MAX];
    size_t certificate_len;
    uint8_t request[ENROL_REQUEST_MAX];
    size_t request_len;
};

/* What a client knows of the CA. */
struct enrol_ca {
    char host[64];
    uint16_t port;
    char path[64];              /* of the enrolment URI, from its slash on */
    struct cede_span root;      /* the CA's certificate, DER */
    struct cede_span responder; /* the enrolment server's, ~C509Certificate */
};

/* One client's end of a door. A connection is any memory the door makes. What ends the handshake
 * may come with the enrolment where the protocol has it so, but not of one that is `alone`. */
struct enrol_door {
    const char *name;
    bool x509;          /* which certificates its devices have */
    const char *option; /* of ca_serve: for error texts */
    void *(*open)(const struct enrol_ca *ca, const struct enrol_device *device, bool alone);
    bool (*ask)(void *connection); /* what requests should be like: /att or /csrattrs */
    bool (*enrol)(void *connection);
    void (*close)(void *connection);
};

/* The beginning of a confirmable request of a CoAP door: "crts", "sen". */
struct cede_coap_encoder enrol_begin_request(const struct enrol_ca *ca, uint8_t method,
                                             const char *operation, uint16_t message_id,
                                             struct cede_buf out);

extern const struct enrol_door enrol_https_door;
extern const struct enrol_door enrol_oscore_door;
extern const struct enrol_door enrol_dtls_door;

/* Runs one door with `fleet` devices; appends three results. False: a message is on standard error.
 */
bool enrol_bench(const struct enrol_door *door, unsigned fleet,
                 struct bench_result results[BENCH_RESULTS_MAX], size_t *results_count);

#endif
