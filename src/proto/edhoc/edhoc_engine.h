/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edhoc_engine.h - what the files of the EDHOC engine share; nothing for other modules.
 *
 * message_N.c hold the steps and read like RFC 9528, section 5; they lean on key_schedule.c (4),
 * proof.c (Signature_or_MAC_x), encrypt0.c (message_3 and message_4), parts.c (what these run
 * over), credential_id.c (3.5), identifier.c (3.3.2), ead.c (3.8), suites.c (3.6) and session.c
 * (states).
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

/* The algorithms of a session, their lengths and who computes them; the session itself. */
struct edhoc_env {
    const struct cede_edhoc_config *config;
    const struct cede_crypto *crypto;
    const struct cede_edhoc_suite *suite;
    struct cede_edhoc_session *session;
    size_t hash_len;
    size_t coordinate_len; /* public key on the wire: x alone on the NIST curves (section 3.7) */
    size_t public_len;     /* public key in the port's form */
};

/* --- session.c -------------------------------------------------------------------------------- */

/* Begins a step: the session must be in `state` and counts as failed from here on. */
CEDE_MUST_USE enum cede_status edhoc_enter(struct cede_edhoc_session *session,
                                           enum cede_edhoc_state state);
/* The same, and fills in `env`; on failure the session is wiped, unless it was the state's. */
CEDE_MUST_USE enum cede_status edhoc_begin(struct edhoc_env *env,
                                           struct cede_edhoc_session *session,
                                           const struct cede_edhoc_config *config,
                                           enum cede_edhoc_state state);
/* Ends a step: `next`, or on failure the session and what `out` holds are wiped. Returns `status`.
 */
CEDE_MUST_USE enum cede_status edhoc_leave(struct cede_edhoc_session *session,
                                           enum cede_status status, struct cede_buf out,
                                           enum cede_edhoc_state next);
/* Everything but env->session. CEDE_BAD_ARGUMENT: `config` has no such suite. */
CEDE_MUST_USE enum cede_status
edhoc_env_init(struct edhoc_env *env, const struct cede_edhoc_config *config, int32_t suite);
/* True when this side authenticates with a signature key (section 3.2). */
bool edhoc_side_signs(const struct cede_edhoc_session *session, enum edhoc_side side);
bool edhoc_method_allowed(const struct cede_edhoc_config *config, int32_t method);

/* --- parts.c ---------------------------------------------------------------------------------- */

#define EDHOC_PARTS_MAX 14

/* Points into itself: do not copy. */
struct edhoc_parts {
    struct cede_span list[EDHOC_PARTS_MAX];
    size_t count;
    bool ends_in_head; /* the next head joins it */
    struct cede_writer heads;
    uint8_t bytes[24];
};

void edhoc_parts_init(struct edhoc_parts *parts);
void edhoc_parts_add(struct edhoc_parts *parts, struct cede_span span);
void edhoc_parts_add_all(struct edhoc_parts *parts, const struct cede_span *list, size_t count);
void edhoc_parts_add_head(struct edhoc_parts *parts, enum cede_cbor_type type, uint32_t argument);
/* A byte string, head and content. */
void edhoc_parts_add_bytes(struct edhoc_parts *parts, struct cede_span bytes);
CEDE_MUST_USE enum cede_status edhoc_hash(const struct edhoc_env *env, const struct cede_span *list,
                                          size_t count, uint8_t *hash);

/* --- suites.c --------------------------------------------------------------------------------- */

/* Null when the configuration does not list it. */
const struct cede_edhoc_suite *edhoc_suite_find(const struct cede_edhoc_config *config,
                                                int32_t number);
/* SUITES_I up to and including `selected`, or all suites for SUITES_R when it is null. */
void edhoc_put_suites(struct cede_writer *writer, const struct cede_edhoc_config *config,
                      const struct cede_edhoc_suite *selected);
/* The elements of `suites`, an int or an array of two or more; true while there is another. */
struct edhoc_suites_reader {
    struct cede_reader *reader;
    size_t left;
};
struct edhoc_suites_reader edhoc_get_suites(struct cede_reader *reader);
bool edhoc_suites_next(struct edhoc_suites_reader *suites, int32_t *number);

/* --- identifier.c ----------------------------------------------------------------------------- */

/* A single byte that is the encoding of an integer in -24..23: it travels as that integer. */
bool edhoc_is_one_byte_int(struct cede_span identifier);
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
CEDE_MUST_USE enum cede_status edhoc_peer_decode(const struct edhoc_env *env, enum edhoc_side side,
                                                 struct cede_reader *reader,
                                                 struct cede_edhoc_peer *peer);
/* The content of a message that is one byte string. */
CEDE_MUST_USE enum cede_status edhoc_unwrap(struct cede_span message, struct cede_span *content);
/* Writes the head of such a message and reserves its content. */
CEDE_MUST_USE enum cede_status edhoc_wrap(struct cede_writer *writer, size_t content_len,
                                          struct cede_buf *content);

/* --- key_schedule.c --------------------------------------------------------------------------- */

/* EDHOC_KDF (section 4.1.2); the context is the concatenation of `context`. */
CEDE_MUST_USE enum cede_status edhoc_kdf(const struct edhoc_env *env, const uint8_t *prk,
                                         uint32_t label, const struct cede_span *context,
                                         size_t context_count, struct cede_buf out);
/* EDHOC_KDF from the session's present PRK, with its transcript hash as context. */
CEDE_MUST_USE enum cede_status edhoc_kdf_th(const struct edhoc_env *env, uint32_t label,
                                            struct cede_buf out);
/* Encrypts or decrypts PLAINTEXT_2 in place with KEYSTREAM_2. */
CEDE_MUST_USE enum cede_status edhoc_xor_keystream_2(const struct edhoc_env *env,
                                                     const uint8_t *prk_2e, const uint8_t *th_2,
                                                     struct cede_buf text);
/* A key of the exchange in the port's form, from there or from the wire. */
CEDE_MUST_USE enum cede_status edhoc_point(const struct edhoc_env *env, struct cede_span from,
                                           uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX]);
/* PRK_2e from TH_2 and the ephemeral keys in the session. */
CEDE_MUST_USE enum cede_status edhoc_derive_prk_2e(const struct edhoc_env *env);
/* PRK_3e2m from PRK_2e, or PRK_4e3m from PRK_3e2m: mixes in a static Diffie-Hellman secret, of
 * one's own key and the peer's ephemeral one. */
CEDE_MUST_USE enum cede_status edhoc_mix_own_static(const struct edhoc_env *env,
                                                    enum edhoc_label salt_label,
                                                    const struct cede_private_key *key);
/* The same of one's own ephemeral key and the peer's. */
CEDE_MUST_USE enum cede_status edhoc_mix_peer_static(const struct edhoc_env *env,
                                                     enum edhoc_label salt_label,
                                                     struct cede_span point);
/* TH_2 = H( G_Y, H(message_1) ), in place of H(message_1). */
CEDE_MUST_USE enum cede_status edhoc_derive_th_2(const struct edhoc_env *env, struct cede_span g_y);
CEDE_MUST_USE enum cede_status edhoc_derive_prk_out(const struct edhoc_env *env);

/* --- proof.c ---------------------------------------------------------------------------------- */

/* Length of Signature_or_MAC_x. */
size_t edhoc_proof_len(const struct edhoc_env *env, enum edhoc_side side);
/* Fills in Signature_or_MAC_x of a draft that is written. PRK and TH of the session move on: to
 * PRK_3e2m and TH_3 for the responder's side, to PRK_4e3m and TH_4 for the initiator's. */
CEDE_MUST_USE enum cede_status edhoc_prove(const struct edhoc_env *env, enum edhoc_side side,
                                           const struct cede_edhoc_own *own,
                                           const struct edhoc_draft *draft);
/* Checks that of the peer; PRK and TH move on likewise. */
CEDE_MUST_USE enum cede_status edhoc_check_proof(const struct edhoc_env *env, enum edhoc_side side,
                                                 const struct cede_edhoc_peer *peer,
                                                 const struct cede_edhoc_credential *credential);

/* --- encrypt0.c ------------------------------------------------------------------------------- */

/* Key, nonce and associated data of the COSE_Encrypt0 in message_3 and message_4; to be wiped. */
struct edhoc_aead {
    uint8_t key[CEDE_AEAD_KEY_LEN_MAX];
    uint8_t iv[CEDE_AEAD_NONCE_LEN_MAX];
    uint8_t aad_bytes[13 + CEDE_HASH_LEN_MAX];
    size_t key_len;
    size_t iv_len;
    struct cede_span aad; /* in aad_bytes: do not copy */
};

/* From the session's present PRK and TH; `label` is that of the key. */
CEDE_MUST_USE enum cede_status edhoc_derive_aead(const struct edhoc_env *env,
                                                 enum edhoc_label label, struct edhoc_aead *aead);
/* In place: `text` holds plaintext_len bytes and room for the tag. */
CEDE_MUST_USE enum cede_status edhoc_seal(const struct edhoc_env *env,
                                          const struct edhoc_aead *aead, size_t plaintext_len,
                                          struct cede_buf text);
/* Decrypts a message that is one byte string: a copy of its content, in `out`. */
CEDE_MUST_USE enum cede_status edhoc_open(const struct edhoc_env *env, enum edhoc_label label,
                                          struct cede_span message, struct cede_buf out,
                                          struct cede_span *plaintext);

#endif
