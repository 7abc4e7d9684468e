/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device.h - the life of a device: enrol, obey, change hands, fall back (docs/protocol.md).
 *
 * Place: the top of libcede; composes CoAP, EDHOC, OSCORE, EST and the messages of a hand-over, and
 *      keeps one record in the journal. It does no input or output but through the flash port.
 * Use: cede_device_load() at each start; then forever: cede_device_next(), do what it says;
 *      cede_device_receive() for a datagram from the peer that the last SEND named. A factory
 *      writes the first record with cede_device_image_create().
 *
 *          cede_device_load(&device, &config, now_ms)
 *          for (;;) {
 *              action = cede_device_next(&device, now_ms);
 *              SEND: send action.datagram to action.host, action.port; go round again
 *              WAIT: sleep until action.until_ms or a datagram; if one came, cede_device_receive()
 *              OPEN, CLOSE: the secure channel, see below; platforms without one never meet them
 *              HALT: stop; action.reason says why
 *          }
 *
 * Memory: the caller's struct cede_device, about 16 KB, holds everything, keys included: wipe it
 *      with cede_device_wipe(). It points into itself and must not move. The config is copied, its
 *      crypto and flash must outlive the device. Stack: about 14 KB, crypto back end included.
 * Threads: one caller a device.
 * Errors: a device that cannot go on halts; everything else is retried. Refused orders and reasons
 *      to fall back are statuses, and are reported to the provider as such.
 */
#ifndef CEDE_DEVICE_H
#define CEDE_DEVICE_H

#include "cede/edhoc.h"
#include "cede/est.h"
#include "cede/journal.h"
#include "cede/oscore.h"
#include "cede/transfer.h"

/* Longest record: two certificates and keys, the controller, an order, and trust entries of about
 * 200 bytes each. */
#define CEDE_DEVICE_RECORD_LEN_MAX 4096
/* What simulators and agents give each of the two journal slots. */
#define CEDE_DEVICE_SLOT_SIZE 8192
/* Longest answer of a server, in blocks where it must be. */
#define CEDE_DEVICE_BODY_LEN_MAX 2560
#define CEDE_DEVICE_DATAGRAM_LEN 1280
/* Trust entries held at a time. */
#define CEDE_DEVICE_TRUST_MAX 12

/* --- statistics ---------------------------------------------------------------------------------
 */

/* What one state has cost since the start: UDP payload bytes. */
struct cede_device_cost {
    uint32_t bytes_sent;
    uint32_t bytes_received;
    uint32_t datagrams_sent;
    uint32_t datagrams_received;
    uint32_t round_trips; /* requests that got their response */
    uint32_t entered;     /* how often */
    uint64_t time_ms;     /* spent in it */
};

struct cede_device_stats {
    struct cede_device_cost states[CEDE_DEVICE_STATE_COUNT];
    /* Lengths in bytes of the last one of each kind, 0: none yet. EDHOC messages: of the last
     * handshake with an enrolment server. */
    uint32_t edhoc_message_1_len;
    uint32_t edhoc_message_2_len;
    uint32_t edhoc_message_3_len;
    uint32_t enrolment_request_len;
    uint32_t enrolment_answer_len;
    uint32_t trust_update_len;
    uint32_t transfer_message_len;
    uint32_t handshakes; /* EDHOC sessions completed */
    uint32_t failures;   /* attempts that came to nothing */
    uint32_t refusals;   /* orders refused */
    uint32_t commits;    /* journal records written */
};

/* --- the engine ---------------------------------------------------------------------------------
 */

struct cede_device_config {
    const struct cede_crypto *crypto;
    const struct cede_flash *flash;
    /* POSIX seconds, or 0 as long as the clock is not set. Null: no clock. */
    uint64_t (*wall_clock)(void *context);
    void *clock_context;
    const struct cede_coap_params *coap; /* null: cede_coap_default_params */
    bool has_channel;                    /* the platform brings DTLS: URIs may be coaps */
    bool by_reference;                   /* new certificates come by reference and are fetched */
    /* SHA-256 digest of the manifest of the software that runs; null: unknown. An order that wants
     * another state is refused. */
    struct cede_span manifest_digest;
};

/* What a device wants to know of a server's certificate in the handshake (status_proof.h). */
enum cede_status_policy {
    CEDE_STATUS_POLICY_OFF = 0,    /* nothing: does not ask */
    CEDE_STATUS_POLICY_PREFER = 1, /* asks; refuses only who is proven revoked */
    CEDE_STATUS_POLICY_REQUIRE = 2 /* asks; refuses who is not proven good */
};

/* The durable record, decoded: spans into the device. Read-only for callers. */
struct cede_device_record {
    enum cede_device_state state;
    uint64_t seq;
    struct cede_span device_id;
    struct cede_span factory_key;         /* P-256 scalar */
    struct cede_span factory_certificate; /* ~C509Certificate or DER */
    struct cede_span controller_name;
    struct cede_span controller_thumbprint;  /* 32 bytes */
    struct cede_span controller_certificate; /* ~C509Certificate or DER */
    struct cede_span enroll_uri;             /* of the present provider's CA */
    struct cede_span update_uri;             /* of the present provider */
    struct cede_span operational_key;        /* null: none, as below */
    struct cede_span operational_certificate;
    struct cede_span pending_key; /* made, journaled, not certified yet */
    struct cede_span order;       /* payload of the accepted TransferMessage */
    struct cede_span home_uri;    /* enrolment URI to come home by */
    struct cede_span trust;       /* encoded list: see docs/device-image.md */
    uint64_t reason;              /* why the device fell back; 0: it did not */
    uint64_t attempts;            /* failed ones under the order, for devices without a clock */
    uint64_t uptime_s;            /* under the order, likewise */
    uint64_t poll_s;
    uint64_t retry_ms;     /* first delay */
    uint64_t retry_max_ms; /* longest delay */
    bool known;            /* the update server knows the operational certificate by reference */
    enum cede_status_policy status_policy;
};

enum cede_device_exchange {
    CEDE_DEVICE_IDLE, /* between two attempts */
    CEDE_DEVICE_WAIT_MESSAGE_2,
    CEDE_DEVICE_WAIT_CHANNEL,
    CEDE_DEVICE_WAIT_RESPONSE /* to a protected request */
};

#define CEDE_DEVICE_STATUS_TIMES 4

/* When the issuer of servers in one role last spoke: it has been at least so late since. */
struct cede_device_status_time {
    uint8_t issuer[8]; /* first bytes of the hash of its key */
    uint64_t time;     /* POSIX seconds; 0: never */
    uint64_t at_ms;
};

/* Everything below is the engine's. */
struct cede_device {
    struct cede_device_config config;
    struct cede_journal journal;
    struct cede_device_stats stats;
    enum cede_status halted; /* CEDE_OK: alive */

    uint8_t image[2][CEDE_DEVICE_RECORD_LEN_MAX];
    unsigned image_index; /* of the one `record` points into */
    struct cede_device_record record;

    uint64_t now_ms;
    uint64_t loaded_at_ms;
    uint64_t entered_at_ms; /* the present state */
    uint64_t resume_at_ms;  /* next attempt */
    uint64_t uptime_saved_ms;
    uint64_t renew_after_ms;   /* no renewal before */
    uint64_t clock_floor;      /* POSIX seconds: a clock that shows less is wrong */
    uint32_t failures;         /* in a row, in the present state */
    uint32_t bad_answers;      /* authentic but useless ones, in a row */
    uint32_t fruitless;        /* fallback attempts that did not help */
    uint32_t rounds;           /* fallbacks since it was operational */
    uint32_t challenges;       /* answered since the last message_1 */
    bool patience_saved;       /* since the start */
    bool by_value;             /* send one's own certificate by value */
    bool want_value;           /* ask for the peer's certificate by value */
    bool renewing;             /* operational: enrolment rather than a poll */
    bool expired;              /* ... with the factory certificate: the other one is too old */
    bool agrees;               /* the server of this enrolment has a static Diffie-Hellman key: the
                                  new key is for agreement, possession is proved by MAC */
    bool fetching_certificate; /* it came by reference: `candidate` is its path or URI */
    bool candidate_is_uri;
    bool fetching_anchors; /* enrolled: /crts next, in the same session */
    bool refused;          /* report `refusal` of the order `refused_cti` */
    uint8_t refused_cti[CEDE_CTI_LEN];
    enum cede_status refusal;

    struct cede_device_status_time status_times[CEDE_DEVICE_STATUS_TIMES]; /* by server's role */
    uint64_t proven_until_ms; /* the proof of the session's server holds so long */

    enum cede_device_exchange exchange_state;
    struct cede_edhoc_session edhoc;
    struct cede_oscore_context oscore;
    bool has_oscore;
    bool fresh_session; /* no protected answer has come in it yet */
    struct cede_oscore_exchange oscore_exchange;
    bool to_open, to_close, channel_is_live; /* ... in the platform's hands */
    bool channel_is_judged, has_channel;
    bool flight_sent;                /* the last datagram of the channel was ours */
    bool want_certs_only;            /* the enrolment server has no bare certificates */
    enum cede_status channel_reason; /* why it will have failed */
    uint64_t channel_patience_ms, channel_deadline_ms;
    uint32_t answer_format;  /* content format of the last protected answer; 0: none told */
    uint32_t answer_max_age; /* its Max-Age in seconds; 0: none told */
    struct cede_coap_exchange coap;
    struct cede_coap_transfer transfer;
    uint16_t message_id;
    uint8_t token[4];

    uint8_t request[768]; /* body of the request; survives blocks and handshakes */
    size_t request_len;
    uint8_t body[CEDE_DEVICE_BODY_LEN_MAX]; /* of the answer */
    uint8_t candidate[1024];                /* new certificate while /crts is fetched */
    size_t candidate_len;
    uint8_t reference[64]; /* COSE_CertHash of the certificate that is fetched */
    size_t reference_len;  /* 0: none told */

    uint8_t datagram[CEDE_DEVICE_DATAGRAM_LEN]; /* what was sent last */
    size_t datagram_len;
    bool to_send;
    uint8_t ack[CEDE_COAP_EMPTY_LEN];
    size_t ack_len; /* 0: none to send */
};

enum cede_device_todo {
    CEDE_DEVICE_SEND,
    CEDE_DEVICE_WAIT,
    CEDE_DEVICE_HALT,
    CEDE_DEVICE_OPEN, /* the secure channel */
    CEDE_DEVICE_CLOSE
};

struct cede_device_action {
    enum cede_device_todo todo;
    struct cede_span host; /* SEND, OPEN: name or address, a span into the device */
    uint16_t port;
    struct cede_span datagram;    /* SEND: valid until the next call */
    bool secure;                  /* SEND: through the open channel, whatever host and port */
    struct cede_span key;         /* OPEN: own P-256 scalar, and */
    struct cede_span certificate; /* ... own X.509 certificate, spans into the device */
    uint64_t until_ms;            /* WAIT */
    enum cede_status reason;      /* HALT */
};

/* Reads the record and takes the life up where it stopped. CEDE_JOURNAL_BLANK: not provisioned.
 * CEDE_DEVICE_RECORD: the record is none. Others come from the journal. The device halts on
 * failure. Afterwards device->journal.rolled_back says whether the memory decays: it goes on with
 * the record before, and its owner should hear of it. `now_ms` is any monotonic clock. */
CEDE_MUST_USE enum cede_status cede_device_load(struct cede_device *device,
                                                const struct cede_device_config *config,
                                                uint64_t now_ms);
/* Does what is due and says what the caller shall do. */
struct cede_device_action cede_device_next(struct cede_device *device, uint64_t now_ms);
/* A datagram from the present peer; whatever it holds, at worst it is ignored. */
void cede_device_receive(struct cede_device *device, struct cede_span datagram, uint64_t now_ms);
/* Makes the next attempt due now: something has changed (network up, a button). */
void cede_device_wake(struct cede_device *device, uint64_t now_ms);
void cede_device_wipe(struct cede_device *device);

/* --- the secure channel -------------------------------------------------------------------------
 *
 * Requests to coaps URIs go through DTLS 1.2 (RFC 7252, section 9; RFC 9148), which the platform
 * brings: OpenSSL in the agent, what the chip has in a firmware. There is one channel at a time.
 *
 *      OPEN: close what is open; begin a handshake as client with action.host and action.port, with
 *            action.key and action.certificate; in it hand the server's chain to _judge() and break
 *            it off unless that says CEDE_OK; done, call _opened(). The platform repeats flights.
 *      SEND, action.secure: one record. What comes in one record goes to _receive().
 *      CLOSE: end the channel and forget its keys. HALT does the same.
 *      When the handshake fails, or the server closes: _closed(); there will be no CLOSE then.
 *
 * Cipher suite: TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8 at least, with the extended master secret.
 */

/* May the server with these X.509 certificates, its own first, be at the other end? CEDE_OK, or why
 * not. A channel that was not judged well is not used. */
CEDE_MUST_USE enum cede_status cede_device_channel_judge(struct cede_device *device,
                                                         const struct cede_span *certificates,
                                                         size_t count);
void cede_device_channel_opened(struct cede_device *device, uint64_t now_ms);
/* A message out of the channel; never one that did not come through it. */
void cede_device_channel_receive(struct cede_device *device, struct cede_span message,
                                 uint64_t now_ms);
void cede_device_channel_closed(struct cede_device *device, uint64_t now_ms);
/* For the statistics: a datagram of the channel, handshakes included. */
void cede_device_channel_count(struct cede_device *device, bool sent, size_t datagram_len);

static inline enum cede_device_state cede_device_state(const struct cede_device *device)
{
    return device->record.state;
}
static inline const struct cede_device_record *cede_device_record(const struct cede_device *device)
{
    return &device->record;
}
/* Costs up to `now_ms`, the present state included. */
void cede_device_statistics(const struct cede_device *device, uint64_t now_ms,
                            struct cede_device_stats *stats);

/* --- the factory --------------------------------------------------------------------------------
 */

/* What a device is born with. Certificates: C509Certificate, ~C509Certificate or DER. */
struct cede_device_provision {
    struct cede_span factory_key;         /* P-256 scalar, 32 bytes */
    struct cede_span factory_certificate; /* its common name is the device id */
    struct cede_span controller_certificate;
    struct cede_span enroll_uri; /* coap://HOST:PORT/e/TOKEN, or coaps: X.509 profile */
    struct cede_span update_uri; /* coap://HOST:PORT, reports go to /u there; or with a path */
    uint64_t seq;                /* the highest one used: 0 as a rule */
    const struct cede_trust_entry *trust;
    size_t trust_count;
    uint64_t poll_s;       /* 0: 3600 */
    uint64_t retry_ms;     /* 0: 2000 */
    uint64_t retry_max_ms; /* 0: 600000 */
    enum cede_status_policy status_policy;
};

/* Formats the journal on `flash` and writes the first record, state factory.
 * CEDE_DEVICE_PROVISION: a certificate does not fit its key, has no common name usable as device
 * id, an URI is none or coaps with a factory certificate that is not X.509 (or with a policy that
 * requires proofs), or there are too many trust entries. Others by codec and journal. */
CEDE_MUST_USE enum cede_status
cede_device_image_create(const struct cede_crypto *crypto, const struct cede_flash *flash,
                         const struct cede_device_provision *provision);

/* The text of the transition table as a Graphviz digraph, written into `out` (4 KB will do):
 * documentation is generated from the table the engine runs on. */
CEDE_MUST_USE enum cede_status cede_device_diagram(struct cede_buf out, struct cede_span *text);

#endif
