/* SPDX-License-Identifier: Apache-2.0 */
/* x509.h - what certificates and requests in DER share. Place: inside the certificate codecs. */
#ifndef CEDE_SRC_CODEC_X509_X509_H
#define CEDE_SRC_CODEC_X509_X509_H

#include "cede/x509.h"

/* Splits an encoded SubjectPublicKeyInfo. */
enum cede_status x509_public_key_info_decode(struct cede_span info, struct cede_span *algorithm,
                                             struct cede_span *bits);
enum cede_status x509_verify_bits(const struct cede_crypto *crypto, int32_t signature_alg,
                                  const struct cede_public_key *key, struct cede_span tbs,
                                  struct cede_span signature_bits);
/* Writes CertificationRequestInfo. */
void x509_put_request_info(struct cede_writer *writer, struct cede_name subject,
                           const struct cede_public_key *public_key,
                           struct cede_span challenge_password);
/* Signs what stands in the writer from `from` on and appends algorithm and signature. */
enum cede_status x509_append_signature(struct cede_writer *writer, size_t from,
                                       const struct cede_crypto *crypto,
                                       const struct cede_private_key *key);
/* Rules for a description that no format may break. */
enum cede_status certificate_info_check(const struct cede_certificate_info *info);

#endif
