/* SPDX-License-Identifier: Apache-2.0 */
/* headers.h - inside the COSE module: both header buckets, label sets and the common rules. */
#ifndef CEDE_SRC_COSE_HEADERS_H
#define CEDE_SRC_COSE_HEADERS_H

#include "cede/cose.h"

/* The labels of header parameters, or the keys of claims, met so far, to notice one that comes
 * twice. */
struct cose_labels {
    struct cede_span *seen;
    size_t count, max;
};

/* False when `label` (an item) is no label, was there before, or is one too many. */
bool cose_labels_add(struct cose_labels *labels, struct cede_span label);
/* The number of an integer label; false for text and for numbers beyond 64 bits. */
bool cose_label_number(struct cede_span label, int64_t *number);

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
/* Exactly one of the two is there: CEDE_COSE_PAYLOAD otherwise. */
enum cede_status cose_pick_content(struct cede_span attached, struct cede_span detached,
                                   struct cede_span *content);

/* Sig_structure of COSE_Sign, "Signature". */
void cose_sign_structure(struct cede_cose_parts *parts, struct cede_span body_protected,
                         struct cede_span sign_protected, struct cede_span external_aad,
                         struct cede_span payload);
/* True when a signature algorithm is the one of the key's curve. */
bool cose_alg_fits(int32_t alg, int32_t curve);
/* Verifies a signature over parts when alg fits the key. */
enum cede_status cose_verify_parts(int32_t alg, const struct cede_crypto *crypto,
                                   const struct cede_public_key *key,
                                   const struct cede_cose_parts *parts, struct cede_span signature);

#endif
