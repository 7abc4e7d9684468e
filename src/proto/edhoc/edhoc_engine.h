/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edhoc_engine.h - what the files of the EDHOC engine share; nothing for other modules.
 *
 * message_N.c hold the steps and read like RFC 9528, section 5; they lean on key_schedule.c (4),
 * proof.c (Signature_or_MAC_x), encrypt0.c (message_3 and message_4), credential_id.c (3.5),
 * identifier.c (3.3.2), ead.c (3.8), suites.c (3.6) and session.c (states).
 */
#ifndef CEDE_EDHOC_ENGINE_H
#define CEDE_EDHOC_ENGINE_H

#include "cede/cbor.h"
#include "cede/edhoc.h"

/* info_label of EDHOC_KDF (section 4.1.2). */
enum edhoc_label {
    EDHOC_KEYSTREAM_2 = 0,
    EDHOC_SALT_3E2M = 1,
    EDHOC_MAC_2 = 2,
    EDHOC_K_3 = 3, /* IV_3 is the next label */
    EDHOC_SALT_4E3M = 5,
    EDHOC_MAC_3 = 6,
    EDHOC_PRK_OUT = 7,
    EDHOC_K_4 = 8, /* IV_4 is the next label */
    EDHOC_PRK_EXPORTER = 10,
    EDHOC_KEY_UPDATE = 11
};

enum edhoc_side { EDHOC_INITIATOR, EDHOC_RESPONDER };

/* The algorithms of a session and who computes them. */
struct edhoc_env {
    const struct cede_crypto *crypto;
    const struct cede_edhoc_suite *suite;
    size_t hash_len;
};

/* --- session.c -------------------------------------------------------------------------------- */

/* Begins a step: the session must be in `state` and counts as failed from here on. */
CEDE_MUST_USE enum cede_status edhoc_enter(struct cede_edhoc_session *session,
                                           enum cede_edhoc_state state);
/* Ends a step: `next`, or on failure a wiped session. Returns `status`. */
CEDE_MUST_USE enum cede_status edhoc_leave(struct cede_edhoc_session *session,
                                           enum cede_status status, enum cede_edhoc_state next);
CEDE_MUST_USE enum cede_status edhoc_env_init(struct edhoc_env *env,
                                              const struct cede_edhoc_session *session,
                                              const struct cede_edhoc_config *config);
/* True when this side authenticates with a signature key (section 3.2). */
bool edhoc_side_signs(const struct cede_edhoc_session *session, enum edhoc_side side);
/* Outputs of a step that failed are empty; what may be half-decrypted is wiped. */
void edhoc_wipe_buf(struct cede_buf buf);
bool edhoc_method_allowed(const struct cede_edhoc_config *config, int64_t method);

/* --- suites.c --------------------------------------------------------------------------------- */

/* Null when the configuration does not list it. */
const struct cede_edhoc_suite *edhoc_suite_find(const struct cede_edhoc_config *config,
                                                int64_t number);
/* SUITES_I up to and including `selected`, or all suites for SUITES_R when it is null. */
void edhoc_put_suites(struct cede_writer *writer, const struct cede_edhoc_config *config,
                      const struct cede_edhoc_suite *selected);
/* The elements of `suites`, an int or an array of two or more; true while there is another. */
struct edhoc_suites_reader {
    struct cede_reader *reader;
    size_t left;
};
struct edhoc_suites_reader edhoc_get_suites(struct cede_reader *reader);
bool edhoc_suites_next(struct edhoc_suites_reader *suites, int64_t *number);

/* --- identifier.c ----------------------------------------------------------------------------- */

void edhoc_put_identifier(struct cede_writer *writer, struct cede_span identifier);
struct cede_span edhoc_get_identifier(struct cede_reader *reader);
CEDE_MUST_USE enum cede_status edhoc_connection_id_set(struct cede_edhoc_connection_id *id,
                                                       struct cede_span bytes);

/* --- credential_id.c -------------------------------------------------------------------------- */

/* ID_CRED_x as in PLAINTEXT_x: a map, or a lone kid as an identifier. */
void edhoc_put_id_cred(struct cede_writer *writer, const struct cede_edhoc_id_cred *id_cred);
struct cede_edhoc_id_cred edhoc_get_id_cred(struct cede_reader *reader);

/* --- ead.c ------------------------------------------------------------------------------------ */

void edhoc_put_eads(struct cede_writer *writer, const struct cede_edhoc_eads *eads);
CEDE_MUST_USE enum cede_status edhoc_eads_decode(const struct cede_edhoc_config *config,
                                                 struct cede_span ead,
                                                 struct cede_edhoc_eads *eads);

/* --- plaintext.c ------------------------------------------------------------------------------ */

/* PLAINTEXT_2 or PLAINTEXT_3 being composed: Signature_or_MAC_x is a hole to fill. */
struct edhoc_draft {
    const struct cede_edhoc_connection_id *c_r; /* null in PLAINTEXT_3 */
    struct cede_edhoc_id_cred id_cred;
    size_t signature_or_mac_len;
    const struct cede_edhoc_eads *eads;
    struct cede_buf plaintext;        /* set by edhoc_draft_write */
    struct cede_buf signature_or_mac; /* likewise */
    struct cede_span ead;             /* likewise; empty when there is none */
};
size_t edhoc_draft_len(const struct edhoc_draft *draft);
CEDE_MUST_USE enum cede_status edhoc_draft_write(struct edhoc_draft *draft, struct cede_buf out);
/* ID_CRED_x, Signature_or_MAC_x, ? EAD_x from where the reader stands to the end. */
CEDE_MUST_USE enum cede_status edhoc_peer_decode(const struct cede_edhoc_config *config,
                                                 struct cede_reader *reader,
                                                 size_t signature_or_mac_len,
                                                 struct cede_edhoc_peer *peer);
/* The content of a message that is one byte string. */
CEDE_MUST_USE enum cede_status edhoc_unwrap(struct cede_span message, struct cede_span *content);
/* Writes the head of such a message and reserves its content. */
CEDE_MUST_USE enum cede_status edhoc_wrap(struct cede_writer *writer, size_t content_len,
                                          struct cede_buf *content);

/* --- points.c --------------------------------------------------------------------------------- */

/* Length of a public key on the wire: x alone on the NIST curves. */
size_t edhoc_coordinate_len(int32_t curve);
/* The port's form of a point from x, or from that form itself; refuses what is not on the curve
 * where the back end must decompress. */
CEDE_MUST_USE enum cede_status edhoc_point(const struct edhoc_env *env, struct cede_span from,
                                           uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX]);

/* --- key_schedule.c --------------------------------------------------------------------------- */

#define EDHOC_CONTEXT_PARTS_MAX 7

/* EDHOC_KDF (section 4.1.2); the context is the concatenation of `context`. */
CEDE_MUST_USE enum cede_status edhoc_kdf(const struct edhoc_env *env, const uint8_t *prk,
                                         int64_t label, const struct cede_span *context,
                                         size_t context_count, struct cede_buf out);
/* EDHOC_KDF with a transcript hash as context. */
CEDE_MUST_USE enum cede_status edhoc_kdf_th(const struct edhoc_env *env, const uint8_t *prk,
                                            int64_t label, const uint8_t *th, struct cede_buf out);
/* Encrypts or decrypts PLAINTEXT_2 in place with KEYSTREAM_2. */
CEDE_MUST_USE enum cede_status edhoc_xor_keystream_2(const struct edhoc_env *env,
                                                     const uint8_t *prk_2e, const uint8_t *th_2,
                                                     struct cede_buf text);
/* PRK_2e from TH_2 and the ephemeral keys in the session. */
CEDE_MUST_USE enum cede_status edhoc_derive_prk_2e(const struct edhoc_env *env,
                                                   struct cede_edhoc_session *session);
/* PRK_3e2m from PRK_2e, or PRK_4e3m from PRK_3e2m: mixes in a static Diffie-Hellman secret. */
CEDE_MUST_USE enum cede_status edhoc_mix_static_dh(const struct edhoc_env *env,
                                                   struct cede_edhoc_session *session,
                                                   enum edhoc_label salt_label,
                                                   const struct cede_private_key *key,
                                                   struct cede_span point);
/* The session's own ephemeral key in the port's terms. */
struct cede_private_key edhoc_ephemeral_key(const struct edhoc_env *env,
                                            const struct cede_edhoc_session *session);
/* TH_2 = H( G_Y, H(message_1) ), in place of H(message_1). */
CEDE_MUST_USE enum cede_status edhoc_derive_th_2(const struct edhoc_env *env,
                                                 struct cede_edhoc_session *session,
                                                 struct cede_span g_y);
CEDE_MUST_USE enum cede_status edhoc_derive_prk_out(const struct edhoc_env *env,
                                                    struct cede_edhoc_session *session);

/* --- proof.c ---------------------------------------------------------------------------------- */

/* What a side proves in Signature_or_MAC_x. Holds pointers into itself: do not copy. */
struct edhoc_proof {
    bool signs;
    enum edhoc_label mac_label;
    /* context_x: C_R (responder only), ID_CRED_x in two parts, TH, CRED_x in two parts, EAD_x */
    struct cede_span context[EDHOC_CONTEXT_PARTS_MAX];
    uint8_t c_r[2 + CEDE_EDHOC_CONNECTION_ID_LEN_MAX];
    uint8_t id_cred_head[8];
    uint8_t th[2 + CEDE_HASH_LEN_MAX];
    uint8_t cred_head[5];
};

struct edhoc_proof_cred {
    enum cede_edhoc_cred_form form;
    struct cede_span cred;
};

/* Length of Signature_or_MAC_x. */
size_t edhoc_proof_len(const struct edhoc_env *env, const struct cede_edhoc_session *session,
                       enum edhoc_side side);
CEDE_MUST_USE enum cede_status edhoc_proof_init(struct edhoc_proof *proof,
                                                const struct edhoc_env *env,
                                                const struct cede_edhoc_session *session,
                                                enum edhoc_side side,
                                                const struct cede_edhoc_id_cred *id_cred,
                                                struct edhoc_proof_cred cred, struct cede_span ead);
/* The key must suit method and suite: a signature key, or a static one of the exchange's curve. */
CEDE_MUST_USE enum cede_status edhoc_proof_check_curve(const struct edhoc_env *env, bool signs,
                                                       int32_t curve);
CEDE_MUST_USE enum cede_status edhoc_proof_make(const struct edhoc_proof *proof,
                                                const struct edhoc_env *env, const uint8_t *prk,
                                                const struct cede_private_key *key,
                                                struct cede_buf signature_or_mac);
CEDE_MUST_USE enum cede_status edhoc_proof_verify(const struct edhoc_proof *proof,
                                                  const struct edhoc_env *env, const uint8_t *prk,
                                                  const struct cede_public_key *key,
                                                  struct cede_span signature_or_mac);
/* TH_3 or TH_4 = H( TH, PLAINTEXT, CRED ), in place of the one before. */
CEDE_MUST_USE enum cede_status edhoc_proof_next_th(const struct edhoc_proof *proof,
                                                   const struct edhoc_env *env,
                                                   struct cede_span plaintext, uint8_t *th);
/* Remembers the first credential of a session; refuses the second when it is the same. */
CEDE_MUST_USE enum cede_status edhoc_proof_note_cred(const struct edhoc_proof *proof,
                                                     const struct edhoc_env *env,
                                                     struct cede_edhoc_session *session,
                                                     bool is_first);

/* --- encrypt0.c ------------------------------------------------------------------------------- */

/* COSE_Encrypt0 of message_3 and message_4, in place: `text` holds plaintext_len bytes and room for
 * the tag. `label` is that of the key. */
CEDE_MUST_USE enum cede_status edhoc_encrypt0_seal(const struct edhoc_env *env, const uint8_t *prk,
                                                   enum edhoc_label label, const uint8_t *th,
                                                   size_t plaintext_len, struct cede_buf text);
/* Decrypts a copy of `ciphertext` in `out`. */
CEDE_MUST_USE enum cede_status edhoc_encrypt0_open(const struct edhoc_env *env, const uint8_t *prk,
                                                   enum edhoc_label label, const uint8_t *th,
                                                   struct cede_span ciphertext, struct cede_buf out,
                                                   struct cede_span *plaintext);

#endif
