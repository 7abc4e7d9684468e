/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cose.h - signed, MACed and encrypted objects and their keys (COSE: RFC 9052, RFC 9053, RFC 9360).
 *
 * Place: codec; uses CBOR and the crypto port, is used by CWT, C509, EDHOC and the messages.
 * Use, to receive: cede_cose_sign1_decode(); find the key from `headers` (cede_cose_headers_find()
 *      and the raw certificate parameters); cede_cose_sign1_verify(); only then read `payload`.
 * Use, to send: fill a struct, payload included; cede_cose_sign1_sign() into a writer. A counting
 *      writer yields the length. COSE_Sign, COSE_Mac0 and COSE_Encrypt0 work alike.
 * Memory: decoded structs hold spans into the input. Payloads are never copied: a signature or MAC
 *      runs over a list of parts. Only COSE_Encrypt0 wants scratch memory for its Enc_structure.
 * Encoding is deterministic. Objects of others may have their maps in any order and their protected
 *      bucket as an empty byte string or as `a0`; a label twice, in one bucket or in both, is
 *      refused, and so is a critical parameter that is not in struct cede_cose_params.
 * Errors: malformed for the bytes; invalid for COSE's rules; unauthentic for signature, MAC, tag.
 */
#ifndef CEDE_COSE_H
#define CEDE_COSE_H

#include "cede/cbor.h"
#include "cede/crypto.h"

/* CBOR tags (RFC 9052, section 2). */
#define CEDE_COSE_TAG_ENCRYPT0 16
#define CEDE_COSE_TAG_MAC0     17
#define CEDE_COSE_TAG_SIGN1    18
#define CEDE_COSE_TAG_SIGN     98

/* Labels of header parameters: RFC 9052, section 3.1; RFC 9596; RFC 9360; the C509 draft. */
#define CEDE_COSE_LABEL_ALG          1
#define CEDE_COSE_LABEL_CRIT         2
#define CEDE_COSE_LABEL_CONTENT_TYPE 3
#define CEDE_COSE_LABEL_KID          4
#define CEDE_COSE_LABEL_IV           5
#define CEDE_COSE_LABEL_PARTIAL_IV   6
#define CEDE_COSE_LABEL_TYP          16
#define CEDE_COSE_LABEL_C5T          22
#define CEDE_COSE_LABEL_C5U          23
#define CEDE_COSE_LABEL_C5B          24
#define CEDE_COSE_LABEL_C5C          25
#define CEDE_COSE_LABEL_X5BAG        32
#define CEDE_COSE_LABEL_X5CHAIN      33
#define CEDE_COSE_LABEL_X5T          34
#define CEDE_COSE_LABEL_X5U          35

/* Labels in both buckets of an object together; comparing them is quadratic, hence the bound. */
#define CEDE_COSE_LABELS_MAX 32

/* --- header parameters ------------------------------------------------------------------------ */

/* One bucket. A null span or alg 0 (reserved) means absent. "item" is a whole encoded data item:
 * a certificate parameter goes to the certificate code as it stands. */
struct cede_cose_params {
    int32_t alg;
    struct cede_span crit;         /* item: array of labels */
    struct cede_span content_type; /* item: uint or text */
    struct cede_span kid;          /* content of the byte string */
    struct cede_span iv;           /* content; at most one of iv and partial_iv */
    struct cede_span partial_iv;   /* content */
    struct cede_span typ;          /* item: uint or text (RFC 9596) */
    struct cede_span c5t;          /* item: COSE_CertHash */
    struct cede_span c5u;          /* item: uri */
    struct cede_span c5b;          /* item: COSE_C509 */
    struct cede_span c5c;          /* item: COSE_C509 */
    struct cede_span x5bag;        /* item: COSE_X509 */
    struct cede_span x5chain;      /* item: COSE_X509 */
    struct cede_span x5t;          /* item: COSE_CertHash */
    struct cede_span x5u;          /* item: uri */
};

/* Both buckets. The maps are set by decoding and ignored by encoding. */
struct cede_cose_headers {
    struct cede_span protected_map;   /* the encoded map, empty when there are no parameters */
    struct cede_span unprotected_map; /* the encoded map */
    struct cede_cose_params protected_;
    struct cede_cose_params unprotected;
};

/* Decodes one header map, such as the ID_CRED_x of EDHOC. CEDE_COSE_LABEL: a label is neither
 * integer nor text, comes twice or there are too many. CEDE_COSE_HEADER: a value has the wrong
 * type (alg: a number that fits 32 bits), or IV and Partial IV are both there.
 * CEDE_COSE_CRIT is not given here: crit only counts in the protected bucket of an object. */
CEDE_MUST_USE enum cede_status cede_cose_params_decode(struct cede_span map,
                                                       struct cede_cose_params *params);
/* Writes the parameters that are present as one map in deterministic order. */
void cede_cose_params_encode(struct cede_writer *writer, const struct cede_cose_params *params);
/* The value (item) of any integer label in an encoded header map; null when it is not there. */
struct cede_span cede_cose_params_find(struct cede_span encoding, int64_t label);

/* The parameter wherever it is, the protected bucket first. */
int32_t cede_cose_headers_alg(const struct cede_cose_headers *headers);
struct cede_span cede_cose_headers_kid(const struct cede_cose_headers *headers);
struct cede_span cede_cose_headers_find(const struct cede_cose_headers *headers, int64_t label);

/* COSE_CertHash (RFC 9360, section 2): x5t and c5t. */
struct cede_cose_cert_hash {
    int32_t alg;
    struct cede_span value;
};
CEDE_MUST_USE enum cede_status cede_cose_cert_hash_decode(struct cede_span item,
                                                          struct cede_cose_cert_hash *hash);
void cede_cose_cert_hash_encode(struct cede_writer *writer, const struct cede_cose_cert_hash *hash);
/* Compares an x5t or c5t item with the hash of a certificate (for c5t: of ~C509Certificate).
 * CEDE_COSE_CERT_HASH: another certificate. CEDE_CRYPTO_UNSUPPORTED: another kind of hash. */
CEDE_MUST_USE enum cede_status cede_cose_cert_hash_check(struct cede_span item,
                                                         const struct cede_crypto *crypto,
                                                         struct cede_span certificate);

/* COSE_X509 and COSE_C509: one byte string, or an array of two or more. `certs_next` gives the
 * content of each in turn, false at the end; then certs.reader.status tells whether all was well:
 * cede_cose_certs_finish(). */
struct cede_cose_certs {
    struct cede_reader reader;
    size_t left;
};
struct cede_cose_certs cede_cose_certs(struct cede_span item);
bool cede_cose_certs_next(struct cede_cose_certs *certs, struct cede_span *certificate);
CEDE_MUST_USE enum cede_status cede_cose_certs_finish(const struct cede_cose_certs *certs);

/* --- the structures that are signed, MACed or authenticated -------------------------------------
 */

/* Sig_structure or MAC_structure (RFC 9052, sections 4.4 and 6.3) as a list of parts for the port:
 * strings stay where they are, only their heads are made here. Do not copy: it points into itself.
 */
#define CEDE_COSE_PARTS_MAX 9
struct cede_cose_parts {
    struct cede_span parts[CEDE_COSE_PARTS_MAX];
    size_t count;
    uint8_t heads[44]; /* of up to four byte strings */
};

/* "Signature1" over the encoded protected map (empty or null when none), external_aad, payload.
 * EDHOC uses it with << ID_CRED_x >>. */
void cede_cose_sig_structure(struct cede_cose_parts *parts, struct cede_span protected_map,
                             struct cede_span external_aad, struct cede_span payload);
/* "MAC0" likewise. */
void cede_cose_mac_structure(struct cede_cose_parts *parts, struct cede_span protected_map,
                             struct cede_span external_aad, struct cede_span payload);
/* Enc_structure, "Encrypt0" (RFC 9052, section 5.3), in one piece for the AEAD. */
void cede_cose_enc_structure(struct cede_writer *writer, struct cede_span protected_map,
                             struct cede_span external_aad);
/* Scratch memory that is always enough for it. */
#define CEDE_COSE_ENC_STRUCTURE_LEN(protected_len_, external_aad_len_)                             \
    (20 + (size_t)(protected_len_) + (size_t)(external_aad_len_))

/* --- COSE_Sign1 ------------------------------------------------------------------------------- */

struct cede_cose_sign1 {
    bool tagged;                /* has tag 18 */
    struct cede_span payload;   /* null: detached */
    struct cede_span signature; /* set by decoding */
    struct cede_cose_headers headers;
};

/* Accepts the object with tag 18 or without. Errors as for params_decode; CEDE_COSE_CRIT: a
 * critical parameter is unknown, absent or not protected. */
CEDE_MUST_USE enum cede_status cede_cose_sign1_decode(struct cede_span encoding,
                                                      struct cede_cose_sign1 *msg);
/* `external_aad` may be null. `detached` is the payload of an object without one and must be null
 * otherwise. CEDE_COSE_ALG: no alg, or it does not fit the key's curve. CEDE_COSE_PAYLOAD: payload
 * missing or given twice. CEDE_CRYPTO_SIGNATURE: does not verify. */
CEDE_MUST_USE enum cede_status cede_cose_sign1_verify(const struct cede_cose_sign1 *msg,
                                                      const struct cede_crypto *crypto,
                                                      const struct cede_public_key *key,
                                                      struct cede_span external_aad,
                                                      struct cede_span detached);
/* Writes the whole object: msg->tagged, headers and payload are the input; headers.protected_.alg
 * must be set and fit the key. msg->payload null makes a detached one over `detached`. */
CEDE_MUST_USE enum cede_status
cede_cose_sign1_sign(const struct cede_cose_sign1 *msg, const struct cede_crypto *crypto,
                     const struct cede_private_key *key, struct cede_span external_aad,
                     struct cede_span detached, struct cede_writer *writer);

/* --- COSE_Sign ---------------------------------------------------------------------------------
 */

struct cede_cose_signer {
    struct cede_cose_headers headers;
    struct cede_span signature;
};

struct cede_cose_sign {
    bool tagged; /* has tag 98 */
    struct cede_cose_headers headers;
    struct cede_span payload; /* null: detached */
    size_t signers_count;     /* one or more */
    struct cede_span signers; /* that many encoded COSE_Signature, checked */
};

CEDE_MUST_USE enum cede_status cede_cose_sign_decode(struct cede_span encoding,
                                                     struct cede_cose_sign *msg);
/* Signer number `index`; CEDE_NOT_FOUND past the last. */
CEDE_MUST_USE enum cede_status cede_cose_sign_signer(const struct cede_cose_sign *msg, size_t index,
                                                     struct cede_cose_signer *signer);
/* Verifies one signer; how many must hold is the caller's policy. */
CEDE_MUST_USE enum cede_status
cede_cose_sign_verify(const struct cede_cose_sign *msg, const struct cede_cose_signer *signer,
                      const struct cede_crypto *crypto, const struct cede_public_key *key,
                      struct cede_span external_aad, struct cede_span detached);

/* One that signs; headers.protected_.alg must be set and fit the key. */
struct cede_cose_signing {
    struct cede_cose_headers headers;
    const struct cede_private_key *key;
};

/* Writes the whole object with all its signatures: msg->tagged, headers and payload are the input,
 * payload null makes it detached over `detached`. CEDE_COSE_ALG and CEDE_COSE_PAYLOAD as for
 * COSE_Sign1; CEDE_BAD_ARGUMENT: nobody signs. */
CEDE_MUST_USE enum cede_status
cede_cose_sign_create(const struct cede_cose_sign *msg, const struct cede_cose_signing *signings,
                      size_t signings_count, const struct cede_crypto *crypto,
                      struct cede_span external_aad, struct cede_span detached,
                      struct cede_writer *writer);

/* --- COSE_Mac0 -------------------------------------------------------------------------------- */

struct cede_cose_mac0 {
    bool tagged;              /* has tag 17 */
    struct cede_span payload; /* null: detached */
    struct cede_span tag;     /* set by decoding */
    struct cede_cose_headers headers;
};

CEDE_MUST_USE enum cede_status cede_cose_mac0_decode(struct cede_span encoding,
                                                     struct cede_cose_mac0 *msg);
/* HMAC 256/64, 256/256, 384/384 and 512/512. CEDE_COSE_ALG: another algorithm, or none.
 * CEDE_COSE_KEY: the key is shorter than 16 bytes. CEDE_COSE_MAC: forged. */
CEDE_MUST_USE enum cede_status cede_cose_mac0_verify(const struct cede_cose_mac0 *msg,
                                                     const struct cede_crypto *crypto,
                                                     struct cede_span key,
                                                     struct cede_span external_aad,
                                                     struct cede_span detached);
CEDE_MUST_USE enum cede_status
cede_cose_mac0_create(const struct cede_cose_mac0 *msg, const struct cede_crypto *crypto,
                      struct cede_span key, struct cede_span external_aad,
                      struct cede_span detached, struct cede_writer *writer);

/* --- COSE_Encrypt0 ---------------------------------------------------------------------------- */

struct cede_cose_encrypt0 {
    bool tagged;                 /* has tag 16 */
    struct cede_span ciphertext; /* null: detached */
    struct cede_cose_headers headers;
};

/* A content encryption key. With a Partial IV in the message, `base_iv` is the Context IV. */
struct cede_cose_secret {
    struct cede_span key;
    struct cede_span base_iv; /* null when the message brings its own IV */
};

CEDE_MUST_USE enum cede_status cede_cose_encrypt0_decode(struct cede_span encoding,
                                                         struct cede_cose_encrypt0 *msg);
/* Opens into `out`, which has room for the plaintext. `detached` is the ciphertext of a message
 * without one. CEDE_COSE_ALG, CEDE_COSE_KEY (length), CEDE_COSE_NONCE (missing or of a wrong
 * length), CEDE_NO_SPACE (out or scratch), CEDE_CRYPTO_TAG. */
CEDE_MUST_USE enum cede_status
cede_cose_encrypt0_open(const struct cede_cose_encrypt0 *msg, const struct cede_crypto *crypto,
                        const struct cede_cose_secret *secret, struct cede_span external_aad,
                        struct cede_span detached, struct cede_buf scratch, struct cede_buf out,
                        struct cede_span *plaintext);
/* Seals `plaintext` (which must not overlap the writer's memory) and writes the whole object,
 * tagged when msg->tagged. headers bring alg and iv or partial_iv; a nonce must never serve a key
 * twice. */
CEDE_MUST_USE enum cede_status
cede_cose_encrypt0_seal(const struct cede_cose_encrypt0 *msg, const struct cede_crypto *crypto,
                        const struct cede_cose_secret *secret, struct cede_span external_aad,
                        struct cede_span plaintext, struct cede_buf scratch,
                        struct cede_writer *writer);

/* --- COSE_Key (RFC 9052, section 7; RFC 9053, section 7)
 * ------------------------------------------
 */

#define CEDE_COSE_KTY_OKP       1
#define CEDE_COSE_KTY_EC2       2
#define CEDE_COSE_KTY_SYMMETRIC 4

/* key_ops as a set: bit n stands for operation n of RFC 9052, table 5. */
#define CEDE_COSE_OP_SIGN        (1u << 1)
#define CEDE_COSE_OP_VERIFY      (1u << 2)
#define CEDE_COSE_OP_ENCRYPT     (1u << 3)
#define CEDE_COSE_OP_DECRYPT     (1u << 4)
#define CEDE_COSE_OP_DERIVE_KEY  (1u << 7)
#define CEDE_COSE_OP_DERIVE_BITS (1u << 8)
#define CEDE_COSE_OP_MAC_CREATE  (1u << 9)
#define CEDE_COSE_OP_MAC_VERIFY  (1u << 10)

struct cede_cose_key {
    int32_t kty;
    int32_t alg;              /* 0: not restricted */
    uint32_t key_ops;         /* 0: not restricted */
    int32_t curve;            /* 0 for symmetric keys */
    struct cede_span kid;     /* null when absent */
    struct cede_span base_iv; /* null when absent */
    struct cede_span x;       /* EC2, OKP; null when absent */
    struct cede_span y;       /* EC2; null when compressed or absent */
    bool has_y_sign;          /* EC2: y came as a sign bit */
    bool y_odd;               /* that bit */
    struct cede_span d;       /* private key; null in a public key */
    struct cede_span k;       /* symmetric */
};

/* Refused: a label twice, an unknown kty or curve, coordinates of wrong length, a symmetric key
 * without k, an asymmetric one with neither x nor d. Other parameters are skipped.
 * CEDE_COSE_KEY and CEDE_COSE_LABEL. */
CEDE_MUST_USE enum cede_status cede_cose_key_decode(struct cede_span encoding,
                                                    struct cede_cose_key *key);
void cede_cose_key_encode(struct cede_writer *writer, const struct cede_cose_key *key);
/* The public half in the port's form, built in `point` (CEDE_PUBLIC_KEY_LEN_MAX bytes), which
 * public_key then refers to. y is computed when the key has only its sign; `crypto` may be null
 * when it has not. CEDE_COSE_KEY: no public half. */
CEDE_MUST_USE enum cede_status cede_cose_key_public(const struct cede_cose_key *key,
                                                    const struct cede_crypto *crypto,
                                                    uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX],
                                                    struct cede_public_key *public_key);
/* The private half: a span into the key. CEDE_COSE_KEY: there is none. */
CEDE_MUST_USE enum cede_status cede_cose_key_private(const struct cede_cose_key *key,
                                                     struct cede_private_key *private_key);
/* A COSE_Key for a public key of the port: x and y in full. CEDE_COSE_KEY: wrong length. */
CEDE_MUST_USE enum cede_status cede_cose_key_from_public(const struct cede_public_key *public_key,
                                                         struct cede_cose_key *key);
/* False when the key's key_ops exclude the operation(s), or its alg is set and another one. */
bool cede_cose_key_allows(const struct cede_cose_key *key, uint32_t ops, int32_t alg);

#endif
