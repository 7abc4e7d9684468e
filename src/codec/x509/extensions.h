/* SPDX-License-Identifier: Apache-2.0 */
/*
 * extensions.h - the extensions of a certificate, one by one and summed up.
 *
 * Place: inside the certificate codecs.
 */
#ifndef CEDE_SRC_CODEC_X509_EXTENSIONS_H
#define CEDE_SRC_CODEC_X509_EXTENSIONS_H

#include "cede/x509.h"

struct x509_extension {
    struct cede_span oid;
    bool critical;
    struct cede_span value; /* the DER inside extnValue */
};

/* Reads the next Extension; its failure is also the reader's. */
enum cede_status x509_extension_read(struct cede_reader *reader, struct x509_extension *extension);
/* `extensions`: the contents of SEQUENCE OF Extension. */
enum cede_status x509_extensions_decode(struct cede_span extensions, struct cede_extensions *ext);
/* Writes extensionRequest's and a certificate's SEQUENCE OF Extension from a description. */
void x509_put_extensions(struct cede_writer *writer, const struct cede_certificate_info *info);

/* A KeyUsage BIT STRING as flags. */
enum cede_status key_usage_from_der(struct cede_span value, uint32_t *flags);
/* The CEDE_EKU_ flag of a key purpose. */
uint32_t eku_flag(struct cede_span oid);
/* By number in the C509 registry: already seen, and processed when critical. */
bool extension_is_set(const struct cede_extensions *ext, int32_t number);
bool extension_is_understood(int32_t number);

#endif
