/* SPDX-License-Identifier: Apache-2.0 */
/* c509.h - what C509 certificates and requests share. Place: inside the certificate codecs. */
#ifndef CEDE_SRC_CODEC_C509_C509_H
#define CEDE_SRC_CODEC_C509_C509_H

#include "cede/c509.h"
#include "codec/x509/registry.h"

#define CERTIFICATE_ITEMS 11 /* TBSCertificate and the signature */
#define REQUEST_ITEMS     7

/* First byte of a compressed point (draft, section "Encoding of subjectPublicKey"): type 3 tells
 * with fe and fd that X.509 has the whole point. */
#define POINT_EVEN         0x02
#define POINT_ODD          0x03
#define POINT_WHOLE        0x04
#define POINT_EVEN_OF_X509 0xfe
#define POINT_ODD_OF_X509  0xfd

/* Reads an AlgorithmIdentifier item: *value is its number, which
 * is never INT32_MIN, NO_ALGORITHM_NUMBER: that is for one without. Returns the
 * encoding. */
#define NO_ALGORITHM_NUMBER INT32_MIN
int32_t c509_read_algorithm(struct cede_reader *reader, struct cede_span *algorithm);
struct cede_span c509_get_algorithm(struct cede_reader *reader, int32_t *value);
struct cede_span c509_get_name(struct cede_reader *reader);
/* The bytes of a ~biguint, which has no leading zeros. */
struct cede_span c509_get_biguint(struct cede_reader *reader);
void c509_read_biguint(struct cede_reader *reader, struct cede_span *number);
/* An item that is usually a byte string: *bytes is null when it is not. Returns the encoding. */
struct cede_span c509_get_bytes_item(struct cede_reader *reader, struct cede_span *bytes);
void c509_read_bytes_item(struct cede_reader *reader, struct cede_span *item,
                          struct cede_span *bytes);
/* The pairs of a list, which is an array of them, or one value `alone`; `status` for half a pair.
 */
size_t c509_get_pairs(struct cede_reader *reader, bool *alone, enum cede_status status);

enum cede_status c509_public_key(const struct cede_crypto *crypto, int32_t type, int32_t curve,
                                 struct cede_span bytes, uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX],
                                 struct cede_public_key *key);
/* Writes algorithm and key of a native object: the point compressed. */
void c509_put_public_key(struct cede_writer *writer, const struct cede_public_key *key);
/* Signs what is in the writer from `from` on and appends the signature. */
enum cede_status c509_append_signature(struct cede_writer *writer, size_t from,
                                       const struct cede_crypto *crypto,
                                       const struct cede_private_key *key);

/* The six items of a native request that are signed. */
void c509_put_request_tbs(struct cede_writer *writer, const struct algorithm_entry *signature,
                          struct cede_name subject, const struct cede_public_key *public_key,
                          struct cede_span challenge_password);

/* --- to DER ----------------------------------------------------------------------------------- */

enum algorithm_kind { ALGORITHM_SIGNATURE, ALGORITHM_KEY };

/* AlgorithmIdentifier from an item; *entry is null for one without number. */
enum cede_status c509_algorithm_to_der(struct cede_writer *writer, struct cede_span item,
                                       enum algorithm_kind kind,
                                       const struct algorithm_entry **entry);
enum cede_status c509_public_key_to_der(struct cede_writer *writer,
                                        const struct cede_crypto *crypto,
                                        struct cede_span algorithm, struct cede_span key);
enum cede_status c509_extensions_to_der(struct cede_writer *writer, struct cede_span extensions);
/* TBSCertificate of a certificate of type 3, CertificationRequestInfo of a request. */
enum cede_status c509_tbs_to_der(struct cede_writer *writer, const struct cede_crypto *crypto,
                                 const struct cede_c509 *certificate);
enum cede_status c509_request_info_to_der(struct cede_writer *writer,
                                          const struct cede_crypto *crypto,
                                          const struct cede_c509_request *request);
/* The BIT STRING; `entry` is null for an algorithm without number. */
enum cede_status c509_signature_to_der(struct cede_writer *writer,
                                       const struct algorithm_entry *entry,
                                       struct cede_span signature);

/* --- from DER --------------------------------------------------------------------------------- */

/* AlgorithmIdentifier as number, identifier, or identifier with parameters; `entry` is null for one
 * without number. */
void c509_put_algorithm_from_der(struct cede_writer *writer, struct cede_span algorithm,
                                 const struct algorithm_entry *entry);
void c509_put_key_from_der(struct cede_writer *writer, const struct cede_crypto *crypto,
                           const struct algorithm_entry *entry, struct cede_span bits);
void c509_put_signature_from_der(struct cede_writer *writer,
                                 const struct algorithm_entry *signature,
                                 const struct algorithm_entry *key, struct cede_span bits);
/* `extensions`: the contents of the SEQUENCE OF. */
void c509_put_extensions_from_der(struct cede_writer *writer, struct cede_span extensions,
                                  struct cede_buf scratch);

/* Proof of possession with the request's own key, which the caller has decoded. */
CEDE_MUST_USE enum cede_status c509_request_verify(const struct cede_c509_request *request,
                                                   const struct cede_public_key *key,
                                                   const struct cede_crypto *crypto,
                                                   struct cede_buf scratch);

#endif
