/* SPDX-License-Identifier: Apache-2.0 */
/*
 * records.h - everything a service provider remembers: partners, devices, transfers. All SQL of the
 * SP is behind this header.
 *
 * Transactions: functions that change something want one open (records_write opens it when needed);
 *      counts per state are kept beside each change, so they cost the same at any fleet size.
 * Memory: rows are copied into the caller's structs.
 */
#ifndef CEDE_SP_RECORDS_H
#define CEDE_SP_RECORDS_H

#include "cede/bytes.h"
#include "server/sp/contract.h"
#include "store/store.h"

#define RECORD_NAME_MAX        64
#define RECORD_URL_MAX         256
#define RECORD_DEVICE_ID_MAX   33 /* with its zero */
#define RECORD_CERTIFICATE_MAX 1024
#define RECORD_SERIAL_MAX      41 /* hexadecimal, with its zero */
#define RECORD_ORDER_MAX       2048
/* Sequence numbers stay so far below what a column holds that adding to one cannot overflow. */
#define RECORD_SEQ_MAX ((int64_t)1 << 62)

CEDE_MUST_USE enum cede_status records_migrate(struct store *store);
/* Opens a transaction unless one is open already. */
CEDE_MUST_USE enum cede_status records_write(struct store *store);

/* --- partners ---------------------------------------------------------------------------------
 */

/* What a partner is to this provider. */
#define PARTNER_PERMANENT_CA "permanent-ca"
#define PARTNER_CA           "ca"
#define PARTNER_SP           "sp"

struct partner {
    char name[RECORD_NAME_MAX];
    char role[16];
    char url[RECORD_URL_MAX]; /* without a final slash */
    uint8_t certificate[2048];
    size_t certificate_len; /* DER: the pinned identity */
    uint8_t thumbprint[32]; /* of the DER */
    uint8_t trust[4096];    /* a CA's TrustEntry list for devices (CBOR), empty until fetched */
    size_t trust_len;
    char enroll_uri[RECORD_URL_MAX];       /* a CA's: where our own devices enrol */
    char enroll_uri_coaps[RECORD_URL_MAX]; /* ... those of the X.509 profile */
    int64_t revoked_next;                  /* where to go on in the CA's list of revocations */
};

/* Adds a partner or changes its URL and role. CEDE_STORE_CONFLICT: another name has this
 * certificate. */
CEDE_MUST_USE enum cede_status records_save_partner(struct store *store,
                                                    const struct partner *partner);
CEDE_MUST_USE enum cede_status records_partner(struct store *store, const char *name,
                                               struct partner *partner);
CEDE_MUST_USE enum cede_status records_partner_by_thumbprint(struct store *store,
                                                             const uint8_t thumbprint[32],
                                                             struct partner *partner);
/* The n-th partner of a role, by name. CEDE_NOT_FOUND: no more. */
CEDE_MUST_USE enum cede_status records_partner_of_role(struct store *store, const char *role,
                                                       size_t n, struct partner *partner);
CEDE_MUST_USE enum cede_status records_save_trust(struct store *store, const char *name,
                                                  struct cede_span trust);

/* The one or the other, by its scheme. */
CEDE_MUST_USE enum cede_status records_save_enroll_uri(struct store *store, const char *name,
                                                       const char *enroll_uri);

/* --- devices ----------------------------------------------------------------------------------
 */

enum device_status {
    DEVICE_PROVISIONED = 1, /* has its image, was not yet seen with an operational certificate */
    DEVICE_OPERATIONAL = 2,
    DEVICE_LEAVING = 3,    /* accepted the order to leave: its operational key is gone */
    DEVICE_LEFT = 4,       /* the new provider has taken it over */
    DEVICE_EXPECTED = 5,   /* shared by another provider, not yet seen */
    DEVICE_FALLBACK = 6,   /* came back: on its way home */
    DEVICE_GIVEN_BACK = 7, /* was expected, but went back to the old provider */
    DEVICE_STATUS_COUNT
};
const char *device_status_name(enum device_status status);

struct device {
    char id[RECORD_DEVICE_ID_MAX];
    enum device_status status;
    int64_t since;
    int64_t seen_at;
    int64_t seq; /* highest number given to an order, or told by the device */
    char ca[RECORD_NAME_MAX];
    uint8_t factory_thumbprint[32];
    uint8_t operational_thumbprint[32];
    bool has_operational;
    char operational_serial[RECORD_SERIAL_MAX];
    bool operational_revoked;
    bool welcomed; /* has our welcome, so no other provider can have it back */
    bool x509;     /* of the X.509 profile: its factory certificate is DER */
    char last_error[160];
};

CEDE_MUST_USE enum cede_status records_add_device(struct store *store, const struct device *device,
                                                  struct cede_span factory_certificate);
CEDE_MUST_USE enum cede_status records_device(struct store *store, const char *id,
                                              struct device *device);
CEDE_MUST_USE enum cede_status
records_device_by_factory(struct store *store, const uint8_t thumbprint[32], struct device *device);
/* The raw certificate of a device by the first `prefix.len` bytes of its thumbprint, factory or
 * operational. */
CEDE_MUST_USE enum cede_status records_find_certificate(struct store *store,
                                                        struct cede_span prefix,
                                                        struct cede_buf out, struct cede_span *raw);
CEDE_MUST_USE enum cede_status records_factory_certificate(struct store *store, const char *id,
                                                           struct cede_buf out,
                                                           struct cede_span *raw);
/* `error` may be null: keep what is there. */
CEDE_MUST_USE enum cede_status records_set_device_status(struct store *store, const char *id,
                                                         enum device_status status, int64_t now,
                                                         const char *error);
CEDE_MUST_USE enum cede_status records_device_seen(struct store *store, const char *id, int64_t now,
                                                   int64_t seq);
CEDE_MUST_USE enum cede_status records_device_error(struct store *store, const char *id,
                                                    const char *error);
CEDE_MUST_USE enum cede_status records_set_operational(struct store *store, const char *id,
                                                       const uint8_t thumbprint[32],
                                                       const char *serial,
                                                       struct cede_span certificate);
CEDE_MUST_USE enum cede_status records_set_welcomed(struct store *store, const char *id);
/* Never lowers it. */
CEDE_MUST_USE enum cede_status records_set_seq(struct store *store, const char *id, int64_t seq);
/* The device itself has told its seq; never below that of an order signed for it here. */
CEDE_MUST_USE enum cede_status records_set_joined_seq(struct store *store, const char *id,
                                                      int64_t seq);
/* A device that is expected again, from another provider; its seq only grows. */
CEDE_MUST_USE enum cede_status records_expect_again(struct store *store, const char *id,
                                                    int64_t seq, int64_t now);
CEDE_MUST_USE enum cede_status records_set_device_ca(struct store *store, const char *id,
                                                     const char *ca);

CEDE_MUST_USE enum cede_status records_set_revoked_next(struct store *store, const char *ca,
                                                        int64_t next);

typedef enum cede_status (*device_fn)(void *context, const struct device *device);
CEDE_MUST_USE enum cede_status records_each_device(struct store *store, device_fn on_device,
                                                   void *context);
/* How many devices are in a status: O(1). */
CEDE_MUST_USE enum cede_status records_device_count(struct store *store, enum device_status status,
                                                    int64_t *count);

/* --- transfers --------------------------------------------------------------------------------
 */

enum transfer_direction { TRANSFER_OUT = 1, TRANSFER_IN = 2 };

enum transfer_state {
    TRANSFER_OFFERED = 1,    /* the contract has one signature */
    TRANSFER_SIGNED = 2,     /* both have signed */
    TRANSFER_STARTED = 3,    /* out: the device list is on its way; in: it is coming in */
    TRANSFER_INFORMED = 4,   /* in: the list is complete; the CA is being told */
    TRANSFER_REGISTERED = 5, /* in: the CA has answered the enrolment URI */
    TRANSFER_READY = 6,      /* the offer was sent (in) or checked (out): devices may be told */
    TRANSFER_COMPLETE = 7,   /* every device has moved or is back */
    TRANSFER_CANCELLED = 8,
    TRANSFER_FAILED = 9,
    TRANSFER_STATE_COUNT
};
const char *transfer_state_name(enum transfer_state state);

struct transfer {
    uint8_t id[TRANSFER_ID_LEN];
    enum transfer_direction direction;
    char partner[RECORD_NAME_MAX];
    char ca[RECORD_NAME_MAX]; /* in: where the devices are to enrol */
    enum transfer_state state;
    int64_t earliest, latest;
    int64_t device_count;
    int64_t batches; /* in: how many are announced; 0: none yet */
    uint8_t contract_hash[32];
    char enroll_uri[RECORD_URL_MAX];
    char last_error[160];
    int64_t created_at, changed_at;
};

/* A transfer's documents, exact bytes. */
enum transfer_document {
    DOCUMENT_CONTRACT = 1,      /* JWS text */
    DOCUMENT_OFFER = 2,         /* COSE_Sign1 by SP2 */
    DOCUMENT_TRUST = 3,         /* COSE_Sign1 by SP2 over its TrustEntry list */
    DOCUMENT_REGISTERED = -100, /* - number of the batch: the enrolment URI the CA answered */
    DOCUMENT_BATCH = 100        /* + number: DeviceUpdateInfo JWS text */
};

CEDE_MUST_USE enum cede_status records_add_transfer(struct store *store,
                                                    const struct transfer *transfer);
CEDE_MUST_USE enum cede_status
records_transfer(struct store *store, const uint8_t id[TRANSFER_ID_LEN], struct transfer *transfer);
/* Writes back everything that can change. */
CEDE_MUST_USE enum cede_status records_save_transfer(struct store *store,
                                                     const struct transfer *transfer, int64_t now);
/* Contracts a partner has offered to us that nobody has accepted or cancelled yet. */
CEDE_MUST_USE enum cede_status records_offered_count(struct store *store, const char *partner,
                                                     int64_t *count);
typedef enum cede_status (*transfer_fn)(void *context, const struct transfer *transfer);
/* All transfers, or those in one state (0: all). */
CEDE_MUST_USE enum cede_status records_each_transfer(struct store *store, enum transfer_state state,
                                                     transfer_fn on_transfer, void *context);
CEDE_MUST_USE enum cede_status records_save_document(struct store *store,
                                                     const uint8_t id[TRANSFER_ID_LEN], int kind,
                                                     struct cede_span bytes);
/* *bytes is the caller's to free. */
CEDE_MUST_USE enum cede_status records_document(struct store *store,
                                                const uint8_t id[TRANSFER_ID_LEN], int kind,
                                                uint8_t **bytes, size_t *len);
CEDE_MUST_USE enum cede_status
records_batch_count(struct store *store, const uint8_t id[TRANSFER_ID_LEN], int64_t *count);

CEDE_MUST_USE enum cede_status
records_registered_count(struct store *store, const uint8_t id[TRANSFER_ID_LEN], int64_t *count);

/* --- devices of a transfer --------------------------------------------------------------------
 */

enum move_state {
    MOVE_PLANNED = 1,
    MOVE_READY = 2, /* the order is signed */
    MOVE_SENT = 3,
    MOVE_ACCEPTED = 4,
    MOVE_DONE = 5,     /* taken over by SP2 */
    MOVE_FALLBACK = 6, /* the device came back, on its way home */
    MOVE_RETURNED = 7, /* operational again under SP1 */
    MOVE_REFUSED = 8,  /* the device refused the order */
    MOVE_MISSED = 9,   /* not seen in the whole window */
    MOVE_BLOCKED = 10, /* could not authenticate the new side: nothing was sent */
    MOVE_CANCELLED = 11,
    MOVE_EXPECTED = 12, /* in: not yet seen */
    MOVE_TAKEN_OVER = 13,
    MOVE_DROPPED = 14, /* in: went back */
    MOVE_STATE_COUNT
};
const char *move_state_name(enum move_state state);
/* Nothing more happens to a device in this state. */
bool move_state_is_final(enum move_state state);

struct move {
    uint8_t transfer[TRANSFER_ID_LEN];
    char device[RECORD_DEVICE_ID_MAX];
    enum move_state state;
    int64_t seq;    /* of the TransferMessage */
    uint8_t cti[8]; /* of the TransferMessage */
    bool reported;  /* receipt or notice is queued */
    int64_t changed_at;
};

CEDE_MUST_USE enum cede_status records_add_move(struct store *store, const struct move *move);
/* The move of a device that is not over, of either direction. */
CEDE_MUST_USE enum cede_status records_open_move(struct store *store, const char *device,
                                                 struct move *move);
CEDE_MUST_USE enum cede_status records_move(struct store *store,
                                            const uint8_t transfer[TRANSFER_ID_LEN],
                                            const char *device, struct move *move);
/* The latest move of a device, over or not. */
CEDE_MUST_USE enum cede_status records_last_move(struct store *store, const char *device,
                                                 struct move *move);
/* Has the device come to us in another transfer since it came in this one? */
CEDE_MUST_USE enum cede_status records_came_again(struct store *store, const struct move *move,
                                                  bool *again);
/* The move whose orders, already handed out or at least signed, carry this cti (move_has_cti). */
CEDE_MUST_USE enum cede_status records_move_by_cti(struct store *store, const char *device,
                                                   struct cede_span cti, struct move *move);
/* CEDE_TRANSFER_STATE: the move is not in the state `move` says any more. */
CEDE_MUST_USE enum cede_status records_set_move_state(struct store *store, const struct move *move,
                                                      enum move_state state, int64_t now);
CEDE_MUST_USE enum cede_status records_set_move_reported(struct store *store,
                                                         const struct move *move);
/* The two orders of a move have ctis that differ in the last bit: the TransferMessage has
 * move->cti, the TrustUpdate the other one. A device names either when it refuses. */
void move_trust_cti(const struct move *move, uint8_t cti[8]);
bool move_has_cti(const struct move *move, struct cede_span cti);
/* The exact bytes of a device's orders; *orders ends up in `out` as trust update, then message. */
CEDE_MUST_USE enum cede_status records_save_orders(struct store *store, const struct move *move,
                                                   struct cede_span trust_update,
                                                   struct cede_span message);
CEDE_MUST_USE enum cede_status records_orders(struct store *store, const struct move *move,
                                              struct cede_buf out, struct cede_span *trust_update,
                                              struct cede_span *message);
typedef enum cede_status (*move_fn)(void *context, const struct move *move);
/* The moves of one transfer in one state, unreported ones only when asked. */
CEDE_MUST_USE enum cede_status records_each_move(struct store *store,
                                                 const uint8_t transfer[TRANSFER_ID_LEN],
                                                 enum move_state state, bool unreported_only,
                                                 int64_t limit, move_fn on_move, void *context);
/* Are the transfer's devices of the X.509 profile? Those of one transfer are all alike.
 * CEDE_NOT_FOUND: it has none. */
CEDE_MUST_USE enum cede_status
records_transfer_is_x509(struct store *store, const uint8_t transfer[TRANSFER_ID_LEN], bool *x509);
/* Batches of the device list that the partner has not answered yet. */
CEDE_MUST_USE enum cede_status records_batches_waiting(struct store *store,
                                                       const uint8_t transfer[TRANSFER_ID_LEN],
                                                       int64_t *count);
/* How many moves of a transfer are in a state: O(1). */
CEDE_MUST_USE enum cede_status records_move_count(struct store *store,
                                                  const uint8_t transfer[TRANSFER_ID_LEN],
                                                  enum move_state state, int64_t *count);
/* Factory thumbprints of a transfer's devices, `count` times 32 bytes, the caller's to free. */
CEDE_MUST_USE enum cede_status records_move_thumbprints(struct store *store,
                                                        const uint8_t transfer[TRANSFER_ID_LEN],
                                                        uint8_t (**thumbprints)[32], size_t *count);

#endif
