/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edhoc.h - the lightweight authenticated key exchange EDHOC (RFC 9528), both roles.
 *
 * Place: protocol; feeds on bytes and the crypto port, hands keys to OSCORE. It reads no
 *      certificate: the application finds and judges the peer's credential.
 * Use, as initiator: cede_edhoc_init_initiator(), compose_message_1(), process_message_2(), find
 * the credential that `peer.id_cred` names, verify_message_2(), compose_message_3(), if the
 *      application profile has one process_message_4(), then cede_edhoc_export_oscore().
 * Use, as responder: cede_edhoc_init_responder(), process_message_1(), compose_message_2(),
 *      process_message_3(), find the credential, verify_message_3(), perhaps compose_message_4().
 * Failure: a step that fails wipes the session, which then is CEDE_EDHOC_FAILED: send what
 *      cede_edhoc_compose_error() makes of the status and begin anew. A call that does not fit the
 *      state (CEDE_EDHOC_STATE) changes nothing. Before a peer is verified, nothing it sent is
 *      authentic: neither ID_CRED_x nor EAD_x.
 * Memory: the session is plain memory without any pointer, CEDE_EDHOC_SESSION_LEN_MAX at most; it
 *      may be copied or kept. Never run one step twice from a copy: message_3 and message_4 would
 *      use a key and nonce twice (RFC 9528, section 7). Messages are the caller's memory. Stack:
 *      1.8 kB on a 64-bit machine, 1.2 kB (initiator) or 1.4 kB (responder) on a Cortex-M4, beside
 *      the crypto back end's.
 * Cost: one key generation, one ECDH and one more for each static Diffie-Hellman key, one
 *      signature or verification where signature keys are used.
 * Errors: malformed, invalid, unauthentic, policy; CEDE_NO_SPACE; the crypto back end's.
 */
#ifndef CEDE_EDHOC_H
#define CEDE_EDHOC_H

#include "cede/crypto.h"

/* Longest message read or written: far below what one KEYSTREAM_2 of HKDF covers (RFC 9528,
 * appendix G), enough for a chain of three X.509 certificates. */
#define CEDE_EDHOC_MESSAGE_LEN_MAX 4096
/* C_I and C_R. OSCORE takes at most nonce length - 6, that is 7 bytes. */
#define CEDE_EDHOC_CONNECTION_ID_LEN_MAX 16
/* Suites in SUITES_I, SUITES_R and in a configuration. */
#define CEDE_EDHOC_SUITES_MAX 16
/* Items in one EAD field, padding and what is ignored apart. */
#define CEDE_EDHOC_EAD_ITEMS_MAX   6
#define CEDE_EDHOC_SESSION_LEN_MAX 512

/* Upper bounds of messages; id_cred_len_ and ead_len_ are lengths of encodings. */
#define CEDE_EDHOC_MESSAGE_1_LEN(ead_len_)               (168 + (size_t)(ead_len_))
#define CEDE_EDHOC_MESSAGE_2_LEN(id_cred_len_, ead_len_) (195 + (size_t)(id_cred_len_) + (ead_len_))
#define CEDE_EDHOC_MESSAGE_3_LEN(id_cred_len_, ead_len_) (136 + (size_t)(id_cred_len_) + (ead_len_))
#define CEDE_EDHOC_MESSAGE_4_LEN(ead_len_)               (20 + (size_t)(ead_len_))
#define CEDE_EDHOC_ERROR_LEN_MAX                         96

/* --- configuration ---------------------------------------------------------------------------- */

struct edhoc_step;

/* A cipher suite (RFC 9528, section 3.6): COSE numbers, and the lengths of their algorithms in
 * bytes, so that no table of other algorithms is linked. Private ones (-24..-21) are possible. */
struct cede_edhoc_suite {
    int32_t number;
    uint8_t key_len;
    uint8_t nonce_len;
    uint8_t hash_len;
    uint8_t mac_len;        /* with a static Diffie-Hellman key */
    uint8_t coordinate_len; /* public key on the wire: x alone on a NIST curve */
    uint8_t public_len;     /* in the port's form */
    uint8_t signature_len;
    uint8_t application_key_len;
    int32_t aead;
    int32_t hash;
    /* With that hash, the MAC that EDHOC_Extract is (section 4.1.1), and EDHOC_Expand (section
     * 4.1.2), XORed to what is in `out`: functions of the engine. */
    enum cede_status (*mac)(const struct edhoc_step *step, const uint8_t *key,
                            const struct cede_span *parts, size_t parts_count, uint8_t *out);
    enum cede_status (*expand)(struct edhoc_step *step, uint8_t *out, size_t len);
    int32_t curve; /* key exchange */
    int32_t signature;
    int32_t signature_curve;
    int32_t application_aead;
    int32_t application_hash;
};

/* With SHA-256 or SHA-384: HMAC and HKDF. */
enum cede_status cede_edhoc_hmac(const struct edhoc_step *step, const uint8_t *key,
                                 const struct cede_span *parts, size_t parts_count, uint8_t *out);
enum cede_status cede_edhoc_expand_hkdf(struct edhoc_step *step, uint8_t *text, size_t len);
/* With SHAKE256: KMAC256. */
enum cede_status cede_edhoc_kmac(const struct edhoc_step *step, const uint8_t *key,
                                 const struct cede_span *parts, size_t parts_count, uint8_t *out);
enum cede_status cede_edhoc_expand_kmac(struct edhoc_step *step, uint8_t *text, size_t len);

/* The registered suites. What no configuration lists is not linked. */
extern const struct cede_edhoc_suite cede_edhoc_suite_0;  /* CCM-8, X25519, EdDSA */
extern const struct cede_edhoc_suite cede_edhoc_suite_1;  /* CCM-16, X25519, EdDSA */
extern const struct cede_edhoc_suite cede_edhoc_suite_2;  /* CCM-8, P-256, ES256 */
extern const struct cede_edhoc_suite cede_edhoc_suite_3;  /* CCM-16, P-256, ES256 */
extern const struct cede_edhoc_suite cede_edhoc_suite_4;  /* ChaCha20, X25519, EdDSA */
extern const struct cede_edhoc_suite cede_edhoc_suite_5;  /* ChaCha20, P-256, ES256 */
extern const struct cede_edhoc_suite cede_edhoc_suite_6;  /* A128GCM, X25519, ES256 */
extern const struct cede_edhoc_suite cede_edhoc_suite_24; /* A256GCM, SHA-384, P-384, ES384 */
extern const struct cede_edhoc_suite cede_edhoc_suite_25; /* ChaCha20, SHAKE256, X448, Ed448; not
                                                              to be had on every back end */

/* METHOD (section 3.2), and as a bit for `methods`. */
enum cede_edhoc_method {
    CEDE_EDHOC_SIGNATURE_SIGNATURE = 0, /* initiator's key, responder's key */
    CEDE_EDHOC_SIGNATURE_STATIC_DH = 1,
    CEDE_EDHOC_STATIC_DH_SIGNATURE = 2,
    CEDE_EDHOC_STATIC_DH_STATIC_DH = 3
};
#define CEDE_EDHOC_METHOD_BIT(method_) (1u << (method_))

/* One's own rules, usually const; may be shared by any number of sessions. The same (or an equal)
 * configuration goes to every step of a session. */
struct cede_edhoc_config {
    const struct cede_crypto *crypto;
    const struct cede_edhoc_suite *const *suites; /* in order of preference */
    size_t suites_count;                          /* 1..CEDE_EDHOC_SUITES_MAX */
    uint8_t methods;                              /* CEDE_EDHOC_METHOD_BIT()s that are allowed */
    const int32_t *ead_labels; /* absolute values the application knows; others are ignored, or
                                  refused when critical */
    size_t ead_labels_count;
    bool keep_ephemeral; /* responder: session.ephemeral, Y, stays until message_3 is verified, for
                            proofs of possession made for G_Y (EST-oscore) */
};

/* --- what travels in messages ----------------------------------------------------------------- */

/* An EAD item (section 3.8). */
struct cede_edhoc_ead {
    int32_t label;          /* absolute value; 0 is padding */
    bool critical;          /* sent as a negative label */
    struct cede_span value; /* null: no value */
};

/* An EAD field. Received ones hold only known labels; the values lie in the message or plaintext.
 */
struct cede_edhoc_eads {
    struct cede_edhoc_ead items[CEDE_EDHOC_EAD_ITEMS_MAX];
    size_t count;
};

/* Makes items that add exactly `padding_len` bytes to `eads`; the bytes of the values are
 * taken from `random`, at least padding_len of them, and stay the caller's. Two items as a rule.
 * CEDE_NO_SPACE: no room in eads or random. */
CEDE_MUST_USE enum cede_status cede_edhoc_pad(struct cede_edhoc_eads *eads, size_t padding_len,
                                              struct cede_span random);

/* How ID_CRED_x names or carries a credential. With several header parameters the first of this
 * list that is there counts; the rest is in `map`. */
enum cede_edhoc_id_kind {
    CEDE_EDHOC_ID_X5CHAIN, /* value: COSE_X509 item, for cede_cose_certs() */
    CEDE_EDHOC_ID_C5C,     /* value: COSE_C509 item, for cede_cose_certs() */
    CEDE_EDHOC_ID_KCCS,    /* value: the CWT Claims Set (map) */
    CEDE_EDHOC_ID_KCWT,    /* value: the CWT */
    CEDE_EDHOC_ID_X5T,     /* value: COSE_CertHash item, for cede_cose_cert_hash_check() */
    CEDE_EDHOC_ID_C5T,     /* value: COSE_CertHash item */
    CEDE_EDHOC_ID_KID,     /* value: the key identifier's bytes */
    CEDE_EDHOC_ID_X5U,     /* value: uri item */
    CEDE_EDHOC_ID_C5U,     /* value: uri item */
    CEDE_EDHOC_ID_OTHER    /* value: null; see map */
};

struct cede_edhoc_id_cred {
    enum cede_edhoc_id_kind kind;
    struct cede_span value;
    struct cede_span
        map; /* ID_CRED_x as sent; null for a lone kid, which travels without its map */
};

/* Decodes ID_CRED_x as a peer sent it or a header map, such as one's own. CEDE_EDHOC_ID_CRED: no
 * such thing, or a label comes twice. */
CEDE_MUST_USE enum cede_status cede_edhoc_id_cred_decode(struct cede_span encoding,
                                                         struct cede_edhoc_id_cred *id_cred);

/* What message_2 or message_3 says about the peer. The spans lie in the plaintext buffer, which
 * must stay untouched until the peer is verified. */
struct cede_edhoc_peer {
    struct cede_span id_cred; /* as sent, for cede_edhoc_id_cred_decode() */
    struct cede_edhoc_eads eads;
    struct cede_span signature_or_mac;
    struct cede_span ead; /* EAD_x as sent, empty when absent */
    struct cede_span plaintext;
};

/* In which form a credential is at hand; the engine makes CRED_x of it without copying. */
enum cede_edhoc_cred_form {
    CEDE_EDHOC_CRED_ITEM, /* CRED_x itself: a CCS, CWT or C509Certificate array */
    CEDE_EDHOC_CRED_DER,  /* an X.509 certificate: CRED_x is its byte string */
    CEDE_EDHOC_CRED_C509  /* ~C509Certificate, as in c5c: CRED_x is the array of its 11 items */
};

/* The peer's credential, as the application found it. */
struct cede_edhoc_credential {
    enum cede_edhoc_cred_form form;
    struct cede_span cred;
    /* The authentication key in it. For static Diffie-Hellman on a NIST curve x alone will do. */
    struct cede_public_key public_key;
};

/* One's own. */
struct cede_edhoc_own {
    struct cede_span id_cred; /* header map; { 4 : kid } is shortened by the engine */
    enum cede_edhoc_cred_form form;
    struct cede_span cred;
    struct cede_private_key key; /* signature or static Diffie-Hellman, as the method says */
};

/* --- the session ------------------------------------------------------------------------------ */

/* Named by what is awaited. */
enum cede_edhoc_state {
    CEDE_EDHOC_FAILED = 0,      /* nothing more: wiped, refused or never begun */
    CEDE_EDHOC_READY_MESSAGE_1, /* initiator: compose_message_1 */
    CEDE_EDHOC_WAIT_MESSAGE_2,  /* process_message_2 */
    CEDE_EDHOC_WAIT_CRED_R,     /* verify_message_2 */
    CEDE_EDHOC_READY_MESSAGE_3, /* compose_message_3 */
    CEDE_EDHOC_WAIT_MESSAGE_4,  /* keys may be exported; process_message_4 if there is one */
    CEDE_EDHOC_WAIT_MESSAGE_1,  /* responder: process_message_1 */
    CEDE_EDHOC_READY_MESSAGE_2, /* compose_message_2 */
    CEDE_EDHOC_WAIT_MESSAGE_3,  /* process_message_3 */
    CEDE_EDHOC_WAIT_CRED_I,     /* verify_message_3 */
    CEDE_EDHOC_READY_MESSAGE_4, /* keys may be exported; compose_message_4 if there is one */
    CEDE_EDHOC_DONE             /* message_4 went through, keys may be exported */
};

struct cede_edhoc_connection_id {
    uint8_t len;
    uint8_t bytes[CEDE_EDHOC_CONNECTION_ID_LEN_MAX];
};

/* Readable: state, method, is_initiator, suite, c_i, c_r, and, with keep_ephemeral, ephemeral; an
 * initiator's point is G_Y from process_message_2() on. The rest is the engine's. */
struct cede_edhoc_session {
    uint8_t state;  /* enum cede_edhoc_state */
    uint8_t method; /* enum cede_edhoc_method */
    bool is_initiator;
    int32_t suite; /* number of the selected suite */
    struct cede_edhoc_connection_id c_i;
    struct cede_edhoc_connection_id c_r;
    uint8_t ephemeral[CEDE_PRIVATE_KEY_LEN_MAX]; /* X or Y, while needed */
    uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX];      /* initiator: G_X, then G_Y; responder: G_X */
    uint8_t th[CEDE_HASH_LEN_MAX];               /* H(message_1), then TH_2, TH_3, TH_4 */
    uint8_t prk[CEDE_HASH_LEN_MAX];              /* PRK_2e, PRK_3e2m, PRK_4e3m */
    uint8_t prk_out[CEDE_HASH_LEN_MAX];
    uint8_t cred_hash[CEDE_HASH_LEN_MAX]; /* of the first credential seen: no talking to oneself */
};

static inline struct cede_span
cede_edhoc_connection_id_span(const struct cede_edhoc_connection_id *id)
{
    return cede_span(id->bytes, id->len);
}

/* For each use in a status: CEDE_EDHOC_STATE is told above; CEDE_BAD_ARGUMENT means a configuration
 * without the session's suite or a credential that is empty, CEDE_EDHOC_LENGTH a connection
 * identifier that is too long. */

/* Forgets everything, secrets first. Allowed at any time. */
void cede_edhoc_wipe(struct cede_edhoc_session *session);
/* True when the handshake is through on this side, so that keys may be exported. */
bool cede_edhoc_has_keys(const struct cede_edhoc_session *session);

/* --- initiator -------------------------------------------------------------------------------- */

/* Begins a session. `suite` is a number out of `config`, the first as a rule, or what
 * cede_edhoc_select_suite() says after an error; `c_i` is free to choose and becomes the OSCORE
 * recipient ID. CEDE_EDHOC_METHOD: not in config. CEDE_EDHOC_WRONG_SUITE: not in config. */
CEDE_MUST_USE enum cede_status cede_edhoc_init_initiator(struct cede_edhoc_session *session,
                                                         const struct cede_edhoc_config *config,
                                                         enum cede_edhoc_method method,
                                                         int32_t suite, struct cede_span c_i);

/* `eads` may be null, here and below. */
CEDE_MUST_USE enum cede_status cede_edhoc_compose_message_1(struct cede_edhoc_session *session,
                                                            const struct cede_edhoc_config *config,
                                                            const struct cede_edhoc_eads *eads,
                                                            struct cede_buf out,
                                                            struct cede_span *message_1);

/* Decrypts into `plaintext`, which needs as much room as the message and may be the message's own
 * memory; on failure it is wiped. Refuses G_Y = G_X and C_R = C_I. */
CEDE_MUST_USE enum cede_status cede_edhoc_process_message_2(struct cede_edhoc_session *session,
                                                            const struct cede_edhoc_config *config,
                                                            struct cede_span message_2,
                                                            struct cede_buf plaintext,
                                                            struct cede_edhoc_peer *peer);

/* Does the responder hold the credential's private key? CEDE_EDHOC_MAC, CEDE_CRYPTO_SIGNATURE: no.
 * CEDE_EDHOC_KEY_TYPE: the key does not fit method and suite. */
CEDE_MUST_USE enum cede_status cede_edhoc_verify_message_2(
    struct cede_edhoc_session *session, const struct cede_edhoc_config *config,
    const struct cede_edhoc_peer *peer, const struct cede_edhoc_credential *credential);

/* From here on keys can be exported, but should not be stored before message_4 or a protected
 * answer came (section 5.4.2). CEDE_EDHOC_REFLECTED: the peer's credential is one's own. */
CEDE_MUST_USE enum cede_status cede_edhoc_compose_message_3(struct cede_edhoc_session *session,
                                                            const struct cede_edhoc_config *config,
                                                            const struct cede_edhoc_own *own,
                                                            const struct cede_edhoc_eads *eads,
                                                            struct cede_buf out,
                                                            struct cede_span *message_3);

/* Optional key confirmation. `plaintext` as for message_2; *eads lies in it. */
CEDE_MUST_USE enum cede_status cede_edhoc_process_message_4(struct cede_edhoc_session *session,
                                                            const struct cede_edhoc_config *config,
                                                            struct cede_span message_4,
                                                            struct cede_buf plaintext,
                                                            struct cede_edhoc_eads *eads);

/* --- responder -------------------------------------------------------------------------------- */

void cede_edhoc_init_responder(struct cede_edhoc_session *session);

/* Afterwards session->method, suite and c_i are known. CEDE_EDHOC_METHOD, CEDE_EDHOC_WRONG_SUITE
 * (answer with an error message: it carries SUITES_R), CEDE_EDHOC_EAD_CRITICAL, CEDE_CRYPTO_KEY. */
CEDE_MUST_USE enum cede_status cede_edhoc_process_message_1(struct cede_edhoc_session *session,
                                                            const struct cede_edhoc_config *config,
                                                            struct cede_span message_1,
                                                            struct cede_edhoc_eads *eads);

/* `c_r` becomes the OSCORE recipient ID. CEDE_EDHOC_CONNECTION_ID: it equals C_I. */
CEDE_MUST_USE enum cede_status
cede_edhoc_compose_message_2(struct cede_edhoc_session *session,
                             const struct cede_edhoc_config *config, struct cede_span c_r,
                             const struct cede_edhoc_own *own, const struct cede_edhoc_eads *eads,
                             struct cede_buf out, struct cede_span *message_2);

/* As process_message_2 and verify_message_2. */
CEDE_MUST_USE enum cede_status cede_edhoc_process_message_3(struct cede_edhoc_session *session,
                                                            const struct cede_edhoc_config *config,
                                                            struct cede_span message_3,
                                                            struct cede_buf plaintext,
                                                            struct cede_edhoc_peer *peer);
CEDE_MUST_USE enum cede_status cede_edhoc_verify_message_3(
    struct cede_edhoc_session *session, const struct cede_edhoc_config *config,
    const struct cede_edhoc_peer *peer, const struct cede_edhoc_credential *credential);

CEDE_MUST_USE enum cede_status cede_edhoc_compose_message_4(struct cede_edhoc_session *session,
                                                            const struct cede_edhoc_config *config,
                                                            const struct cede_edhoc_eads *eads,
                                                            struct cede_buf out,
                                                            struct cede_span *message_4);

/* --- keys ------------------------------------------------------------------------------------- */

/* EDHOC_Exporter (section 4.2.1): fills all of `out`. */
CEDE_MUST_USE enum cede_status cede_edhoc_export(const struct cede_edhoc_session *session,
                                                 const struct cede_edhoc_config *config,
                                                 uint32_t label, struct cede_span context,
                                                 struct cede_buf out);

/* EDHOC_KeyUpdate (appendix H): PRK_out is replaced, keys exported before stay valid. */
CEDE_MUST_USE enum cede_status cede_edhoc_update_key(struct cede_edhoc_session *session,
                                                     const struct cede_edhoc_config *config,
                                                     struct cede_span context);

/* The OSCORE security context (appendix A.1), for the role of this session. */
#define CEDE_EDHOC_MASTER_SALT_LEN 8
struct cede_edhoc_oscore {
    int32_t aead; /* application algorithms of the suite */
    int32_t hash;
    uint8_t master_secret[CEDE_AEAD_KEY_LEN_MAX];
    uint8_t master_secret_len;
    uint8_t master_salt[CEDE_EDHOC_MASTER_SALT_LEN];
    struct cede_edhoc_connection_id sender_id;    /* chosen by the peer */
    struct cede_edhoc_connection_id recipient_id; /* chosen by oneself */
};
/* The caller wipes *oscore with cede_wipe() after use. */
CEDE_MUST_USE enum cede_status cede_edhoc_export_oscore(const struct cede_edhoc_session *session,
                                                        const struct cede_edhoc_config *config,
                                                        struct cede_edhoc_oscore *oscore);

/* --- error messages (section 6) --------------------------------------------------------------- */

#define CEDE_EDHOC_ERROR_UNSPECIFIED        1
#define CEDE_EDHOC_ERROR_WRONG_SUITE        2
#define CEDE_EDHOC_ERROR_UNKNOWN_CREDENTIAL 3

struct cede_edhoc_error {
    int32_t code;
    struct cede_span text; /* code 1: diagnostic, unauthentic bytes of a stranger */
    struct cede_span info; /* ERR_INFO as sent */
    int32_t suites_r[CEDE_EDHOC_SUITES_MAX]; /* code 2 */
    size_t suites_r_count;
};

/* True when a message begins with an integer: an error message, unless message_1 is awaited. */
bool cede_edhoc_is_error(struct cede_span message);

/* The error message for a failure: code 2 for CEDE_EDHOC_WRONG_SUITE, 3 for
 * CEDE_EDHOC_UNKNOWN_CREDENTIAL (the application's verdict: pass it here and wipe the session),
 * else 1 with a phrase that tells no more than the kind of failure. */
CEDE_MUST_USE enum cede_status cede_edhoc_compose_error(const struct cede_edhoc_config *config,
                                                        enum cede_status status,
                                                        struct cede_buf out,
                                                        struct cede_span *message);

/* Decodes an error message; it may be forged, so the session is left alone: the application
 * decides and wipes. CEDE_EDHOC_ERROR_CODE: the reserved code 0; abort without an answer. */
CEDE_MUST_USE enum cede_status cede_edhoc_process_error(struct cede_span message,
                                                        struct cede_edhoc_error *error);

/* The initiator's next suite after error code 2: its most preferred one among SUITES_R.
 * CEDE_EDHOC_WRONG_SUITE: none, or the one just refused (`refused`): trying again is no use. */
CEDE_MUST_USE enum cede_status cede_edhoc_select_suite(const struct cede_edhoc_config *config,
                                                       const struct cede_edhoc_error *error,
                                                       int32_t refused, int32_t *suite);

#endif
