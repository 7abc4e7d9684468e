/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edhoc_engine.h - what the files of the EDHOC engine share; nothing for other modules.
 *
 * message_N.c hold the steps and read like RFC 9528, section 5; they lean on step.c (how a step
 * begins and ends, the list of parts), key_schedule.c (4), proof.c (Signature_or_MAC_x),
 * encrypt0.c (message_3 and message_4), plaintext.c (of message_2 and message_3), identifier.c
 * (3.3.2, 3.5.3.2), ead.c (3.8), suites.c (3.6) and session.c (states).
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

/* Whose proof it is: the responder's in message_2, the initiator's in message_3. As a number, the
 * bit of METHOD that says that the side's key is a static Diffie-Hellman key. */
enum edhoc_side { EDHOC_RESPONDER = 1, EDHOC_INITIATOR = 2 };

/* What is hashed, MACed or signed is a list of parts: strings stay where they are, and only the
 * CBOR heads between them are made. Each part has its place, so that every input of section 4 and 5
 * is a run of this list, the parts it lacks being empty:
 *     info    = ( info_label, bstr .cbor context, length )          INFO to TAIL, for EDHOC_KDF
 *     context = << ? C_R, ID_CRED_x, TH, CRED_x, ? EAD_x >>         C_R to EAD
 *     TH_2    = H( G_Y, H(message_1) )                              G_Y for ID_CRED, the hash for
 * TH TH_3, 4 = H( TH, PLAINTEXT, CRED_x )                          TH_HEAD to CRED Sig_structure =
 * [ "Signature1", << ID_CRED_x >>, << TH, CRED_x, ? EAD_x >>, MAC_x ]
 */
enum edhoc_part {
    EDHOC_PART_FIRST, /* T(i-1) of HKDF-Expand; "Signature1" */
    EDHOC_PART_INFO,  /* info_label and the head of context; the head around ID_CRED_x */
    EDHOC_PART_C_R,
    EDHOC_PART_ID_CRED_HEAD,
    EDHOC_PART_ID_CRED,
    EDHOC_PART_EXTERNAL_HEAD, /* of external_aad, in a Sig_structure */
    EDHOC_PART_TH_HEAD,
    EDHOC_PART_TH,
    EDHOC_PART_PLAINTEXT,
    EDHOC_PART_CRED_HEAD,
    EDHOC_PART_CRED,
    EDHOC_PART_EAD,
    EDHOC_PART_TAIL, /* length; the head of MAC_x */
    EDHOC_PART_MAC,  /* MAC_x; the counter of HKDF-Expand */
    EDHOC_PARTS
};

/* All heads between two calls of edhoc_parts_clear(), and C_R: a proof makes 40 bytes of them. */
#define EDHOC_HEADS_LEN (64 + CEDE_EDHOC_CONNECTION_ID_LEN_MAX)

/* One step of a session: who computes, what over, and all secrets on the way, so that one place
 * wipes them. Points into itself: do not copy. */
struct edhoc_step {
    const struct cede_edhoc_config *config;
    const struct cede_crypto *crypto;
    const struct cede_edhoc_suite *suite;
    struct cede_edhoc_session *session;
    struct cede_buf result;                 /* emptied when the step fails */
    enum edhoc_side side;                   /* whose proof the step is about */
    uint8_t counter;                        /* of HKDF-Expand */
    const uint8_t *prk;                     /* of EDHOC_KDF; session->prk as a rule */
    const struct cede_private_key *own_key; /* one's own proof */
    const struct cede_public_key *peer_key; /* or the peer's */
    uint8_t *proof;                         /* where Signature_or_MAC_x of one's own goes */
    struct cede_span parts[EDHOC_PARTS];
    struct cede_writer heads;
    uint8_t heads_memory[EDHOC_HEADS_LEN];
    uint8_t block[CEDE_HASH_LEN_MAX];   /* T(i) of HKDF-Expand */
    uint8_t derived[CEDE_HASH_LEN_MAX]; /* SALT_3e2m, SALT_4e3m, MAC_2, MAC_3 or PRK_exporter */
    uint8_t secret[CEDE_ECDH_LEN_MAX];
    /* K_3 or K_4, IV_3 or IV_4, A_3 or A_4 */
    uint8_t key[CEDE_AEAD_KEY_LEN_MAX];
    uint8_t iv[CEDE_AEAD_NONCE_LEN_MAX];
    uint8_t aad[13 + CEDE_HASH_LEN_MAX];
};

/* --- step.c ----------------------------------------------------------------------------------- */

/* A step outside the states. CEDE_BAD_ARGUMENT: `config` has no such suite. */
CEDE_MUST_USE enum cede_status
edhoc_step_init(struct edhoc_step *step, const struct cede_edhoc_config *config, int32_t suite);
/* Begins a step: the session must be in `state` and counts as failed from here on. `result` is
 * emptied. On failure the session is wiped, unless it was the state's. */
CEDE_MUST_USE enum cede_status edhoc_begin(struct edhoc_step *step,
                                           struct cede_edhoc_session *session,
                                           const struct cede_edhoc_config *config,
                                           enum cede_edhoc_state state, void *result,
                                           size_t result_len);
/* Ends a step: `next`, or on failure the session, the result and what `out` holds are wiped; the
 * step is wiped in any case. Returns `status`. */
CEDE_MUST_USE enum cede_status edhoc_leave(struct edhoc_step *step, enum cede_status status,
                                           struct cede_buf out, enum cede_edhoc_state next);
/* Empties all parts but TH, which becomes the session's: the context of most keys. */
void edhoc_parts_clear(struct edhoc_step *step);
/* Adds a CBOR head to a part; it must be the last one that got any. */
void edhoc_put_head(struct edhoc_step *step, enum edhoc_part part, enum cede_cbor_type type,
                    size_t argument);
/* Puts the head of a byte string before a part that is set, into the part before it. */
void edhoc_put_bytes_head(struct edhoc_step *step, enum edhoc_part part);
size_t edhoc_parts_len(const struct edhoc_step *step, enum edhoc_part from, enum edhoc_part to);
/* H of the parts from `from` up to, not including, `to`. */
CEDE_MUST_USE enum cede_status edhoc_hash(const struct edhoc_step *step, enum edhoc_part from,
                                          enum edhoc_part to, uint8_t *hash);

/* --- session.c -------------------------------------------------------------------------------- */

/* True when a side authenticates with a signature key (section 3.2). */
static inline bool edhoc_signs(const struct cede_edhoc_session *session, enum edhoc_side side)
{
    return (session->method & (unsigned)side) == 0;
}
bool edhoc_method_allowed(const struct cede_edhoc_config *config, int32_t method);

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

void edhoc_put_identifier(struct cede_writer *writer, const struct cede_edhoc_connection_id *id);
struct cede_span edhoc_get_identifier(struct cede_reader *reader);
/* ID_CRED_x as it travels: a map, or a lone kid as an identifier, which must come like that. */
struct cede_span edhoc_get_id_cred(struct cede_reader *reader);
/* What travels of a header map. */
void edhoc_put_id_cred(struct cede_writer *writer, struct cede_span map);
/* CEDE_EDHOC_LENGTH: longer than an identifier may be here. */
CEDE_MUST_USE enum cede_status edhoc_connection_id_set(struct cede_edhoc_connection_id *id,
                                                       struct cede_span bytes);
/* C_R, which may not be C_I: both ends would have the same OSCORE recipient ID (section 3.3.3). */
CEDE_MUST_USE enum cede_status edhoc_c_r_set(struct cede_edhoc_session *session,
                                             struct cede_span c_r);

/* --- ead.c ------------------------------------------------------------------------------------ */

void edhoc_put_eads(struct cede_writer *writer, const struct cede_edhoc_eads *eads);
CEDE_MUST_USE enum cede_status edhoc_eads_decode(const struct cede_edhoc_config *config,
                                                 struct cede_span ead,
                                                 struct cede_edhoc_eads *eads);

/* --- plaintext.c ------------------------------------------------------------------------------ */

/* Longest head of a message that is one byte string: its content is composed behind as much room,
 * then moved. */
#define EDHOC_HEAD_LEN_MAX 3

/* The part of `out` behind room for that head and `skip` bytes; null when there is none. */
struct cede_buf edhoc_content(struct cede_buf out, size_t skip);
/* ID_CRED_x, Signature_or_MAC_x (a hole, which step->proof then is), ? EAD_x. *self is what the
 * peer will read. */
CEDE_MUST_USE enum cede_status edhoc_put_plaintext(struct edhoc_step *step,
                                                   struct cede_writer *writer,
                                                   const struct cede_edhoc_own *own,
                                                   const struct cede_edhoc_eads *eads,
                                                   struct cede_edhoc_peer *self);
/* The same from where the reader stands to the end. */
CEDE_MUST_USE enum cede_status edhoc_get_plaintext(const struct edhoc_step *step,
                                                   struct cede_reader *reader,
                                                   struct cede_edhoc_peer *peer);
/* What was written; CEDE_NO_SPACE when it is too long for a message. */
CEDE_MUST_USE enum cede_status edhoc_written(const struct cede_writer *writer,
                                             struct cede_span *written);
/* A copy of the content of a message that is one byte string. */
CEDE_MUST_USE enum cede_status edhoc_unwrap(struct cede_span message, struct cede_buf out,
                                            struct cede_span *content);
/* Such a message of its content, which lies in `out` behind room for the head. */
CEDE_MUST_USE enum cede_status edhoc_wrap(struct cede_buf out, struct cede_span content,
                                          struct cede_span *message);

/* --- key_schedule.c --------------------------------------------------------------------------- */

/* EDHOC_KDF (section 4.1.2) of the parts from C_R to EAD. */
CEDE_MUST_USE enum cede_status edhoc_kdf(struct edhoc_step *step, uint32_t label, uint8_t *out,
                                         size_t len);
/* The same, but XORed to what `text` holds, as KEYSTREAM_2 is. */
CEDE_MUST_USE enum cede_status edhoc_kdf_xor(struct edhoc_step *step, uint32_t label, uint8_t *text,
                                             size_t len);
/* The ephemeral key of this side: X or Y of the session, G_X or G_Y into `point`. */
CEDE_MUST_USE enum cede_status edhoc_generate(const struct edhoc_step *step, uint8_t *point);
/* A key of the exchange in the port's form, from there or from the wire. */
CEDE_MUST_USE enum cede_status edhoc_point(const struct edhoc_step *step, struct cede_span from,
                                           uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX]);
/* TH_2 in place of H(message_1), then PRK_2e from it and the ephemeral keys in the session. */
CEDE_MUST_USE enum cede_status edhoc_derive_prk_2e(struct edhoc_step *step, const uint8_t *g_y);
/* PRK_3e2m from PRK_2e, or PRK_4e3m from PRK_3e2m: mixes in the static Diffie-Hellman secret of
 * step->own_key and the peer's ephemeral key, or of step->peer_key and the own ephemeral one. */
CEDE_MUST_USE enum cede_status edhoc_mix_static(struct edhoc_step *step);
CEDE_MUST_USE enum cede_status edhoc_derive_prk_out(struct edhoc_step *step);

/* --- proof.c ---------------------------------------------------------------------------------- */

/* Length of Signature_or_MAC_x. */
size_t edhoc_proof_len(const struct edhoc_step *step);
/* Fills in Signature_or_MAC_x of a plaintext that is written. PRK and TH of the session move on: to
 * PRK_3e2m and TH_3 for the responder's side, to PRK_4e3m and TH_4 for the initiator's. */
CEDE_MUST_USE enum cede_status edhoc_prove(struct edhoc_step *step,
                                           const struct cede_edhoc_own *own,
                                           const struct cede_edhoc_peer *self);
/* Checks that of the peer; PRK and TH move on likewise. */
CEDE_MUST_USE enum cede_status edhoc_check_proof(struct edhoc_step *step,
                                                 const struct cede_edhoc_peer *peer,
                                                 const struct cede_edhoc_credential *credential);

/* --- encrypt0.c ------------------------------------------------------------------------------- */

/* Key, nonce and associated data of the COSE_Encrypt0 in message_3 or message_4, from the session's
 * present PRK and TH; `label` is that of the key. */
CEDE_MUST_USE enum cede_status edhoc_derive_aead(struct edhoc_step *step, enum edhoc_label label);
/* In place: `out` begins with `plaintext` and has room for the tag. */
CEDE_MUST_USE enum cede_status edhoc_seal(const struct edhoc_step *step, struct cede_span plaintext,
                                          struct cede_buf out, struct cede_span *ciphertext);
/* Decrypts a message that is one byte string: a copy of its content, in `out`. */
CEDE_MUST_USE enum cede_status edhoc_open(struct edhoc_step *step, enum edhoc_label label,
                                          struct cede_span message, struct cede_buf out,
                                          struct cede_span *plaintext);

#endif
