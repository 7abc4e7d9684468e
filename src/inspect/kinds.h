/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kinds.h - the families of artefacts, as the files of this folder share them.
 *
 *   detect.c       what is it? the table of kinds
 *   armour.c       hex, base64, PEM around it
 *   certificate.c  C509;  x509.c  DER
 *   cose.c         COSE objects and keys, CWTs
 *   messages.c     the messages of docs/protocol.md
 *   edhoc.c coap.c image.c jws.c
 *
 * Every print function prints to diag->out and leaves its verdict in `diag`.
 */
#ifndef CEDE_INSPECT_KINDS_H
#define CEDE_INSPECT_KINDS_H

#include "inspect/diag.h"

typedef void inspect_print(struct diag *diag, struct cede_span input);

/* certificate.c */
extern const struct diag_shape shape_c509;
extern const struct diag_shape shape_certificate; /* byte string: any format */
extern const struct diag_shape shape_bag;         /* COSE_C509, COSE_X509 */
extern const struct diag_shape shape_cert_hash;
inspect_print print_c509, print_c509_request, print_bag;
inspect_print print_c509_private_key, print_c509_pem, print_c509_template, print_envelope;

/* x509.c */
inspect_print print_der;

/* cose.c */
extern const struct diag_shape shape_cose_sign1; /* with or without tag */
extern const struct diag_shape shape_headers;
extern const struct diag_shape shape_cose_key;
inspect_print print_sign1, print_sign, print_mac0, print_encrypt0, print_cose_key, print_key_set;
inspect_print print_cwt;

/* messages.c */
extern const struct diag_shape shape_transfer_claim;
extern const struct diag_shape shape_trust_update_claim;
extern const struct diag_shape shape_receipt_claim;
extern const struct diag_shape shape_trust_list;
inspect_print print_claims, print_trust_list, print_status_report, print_answer;
inspect_print print_device_update_info, print_transfer_offer;
/* The verdict on a claims set by what it says: order, offer, receipt ... */
enum cede_status claims_verdict(struct cede_span payload);

/* edhoc.c, coap.c, image.c, jws.c */
inspect_print print_message_1, print_message_2, print_message_3, print_message_4;
inspect_print print_edhoc_error;
inspect_print print_coap;
inspect_print print_image, print_record;
inspect_print print_json, print_compact_jws;

/* armour.c */
inspect_print print_pem;
bool is_pem(struct cede_span input);
bool is_hex_text(struct cede_span input);
/* Both give memory for the caller to free; null and a failure in `diag` otherwise. */
uint8_t *decode_hex(struct diag *diag, struct cede_span text, size_t *len);
/* base64url without padding (RFC 7515, section 2) or base64 with line breaks (RFC 7468). `text`
 * lies in diag->input, or its offset counts from 0. */
enum base64_alphabet { BASE64_URL, BASE64_LINES };
uint8_t *decode_base64(struct diag *diag, struct cede_span text, enum base64_alphabet alphabet,
                       size_t *len);

/* detect.c: prints what is in memory of its own; its offsets count in it, called `name`. */
void print_inner(struct diag *diag, struct cede_span inner, const char *name, inspect_print *print);
inspect_print print_detected, print_cbor;

#endif
