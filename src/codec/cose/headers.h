/* SPDX-License-Identifier: Apache-2.0 */
/* headers.h - inside the COSE module: both header buckets, label sets and the common rules. */
#ifndef CEDE_SRC_COSE_HEADERS_H
#define CEDE_SRC_COSE_HEADERS_H

#include "cede/cose.h"
#include "codec/cbor/fields.h"

/* Reads the protected and the unprotected bucket; a failure also fails the reader. */
void cose_headers_read(struct cede_reader *reader, struct cede_cose_headers *headers);
/* Writes both; *protected_map is the protected map inside the writer's memory, a null span when
 * the writer counts or failed. */
void cose_headers_write(struct cede_writer *writer, const struct cede_cose_headers *headers,
                        struct cede_span *protected_map);

/* Opens an object: its tag when there is one, then an array of `element_count`. */
bool cose_read_open(struct cede_reader *reader, uint64_t tag, size_t element_count);
void cose_write_open(struct cede_writer *writer, bool tagged, uint64_t tag, size_t element_count);
/* A byte string, or null for one that is detached. */
struct cede_span cose_read_content(struct cede_reader *reader);
void cose_write_content(struct cede_writer *writer, struct cede_span content);
/* The one that is there, null when both are or none: CEDE_COSE_PAYLOAD. */
const struct cede_span *cose_content(const struct cede_span *attached,
                                     const struct cede_span *detached);
/* The same as a status. */
enum cede_status cose_pick_content(struct cede_span attached, struct cede_span detached,
                                   struct cede_span *content);

/* Reads an object of one recipient but what follows its content; true when it is tagged. */
bool cose_read_frame(struct cede_reader *reader, unsigned tag, struct cede_cose_headers *headers,
                     struct cede_span *content);
/* cede_reader_finish(); a failure clears what has been decoded. */
enum cede_status cose_finish(const struct cede_reader *reader, void *msg, size_t msg_len);

/* The array that is signed, MACed or authenticated: its head and the context, encoded (the second
 * byte has the length of the context), then byte strings. */
#define COSE_SIGNATURE1 "\x84\x6aSignature1"
#define COSE_SIGNATURE  "\x85\x69Signature"
#define COSE_MAC0       "\x84\x64MAC0"
#define COSE_ENCRYPT0                                                                              \
    "\x83\x68"                                                                                     \
    "Encrypt0"
void cose_parts_begin(struct cede_cose_parts *parts, const char *opening);
void cose_parts_add(struct cede_cose_parts *parts, const struct cede_span *string);

/* Sig_structure of COSE_Sign, "Signature". */
void cose_sign_structure(struct cede_cose_parts *parts, struct cede_span body_protected,
                         struct cede_span sign_protected, struct cede_span external_aad,
                         struct cede_span payload);
/* True when a signature algorithm is the one of the key's curve. */
bool cose_alg_fits(int32_t alg, int32_t curve);
/* Verifies a signature over parts when alg fits the key. */
CEDE_INLINE enum cede_status cose_verify_parts(int32_t alg, const struct cede_crypto *crypto,
                                               const struct cede_public_key *key,
                                               const struct cede_cose_parts *parts,
                                               struct cede_span signature)
{
    int32_t curve = cede_signature_curve(alg);

    if (curve == 0 || curve != key->curve) {
        return CEDE_COSE_ALG;
    }
    return crypto->verify(crypto->context, alg, key, parts->parts, parts->count, signature);
}

#endif
