/* SPDX-License-Identifier: Apache-2.0 */
/*
 * extensions.h - C509 Extensions: walking through them, and their values to and from DER.
 *
 * Place: inside the certificate codecs. extension_to_der() is what a device needs to check a
 * certificate of type 3; extension_from_der() only what converts X.509 to C509.
 */
#ifndef CEDE_SRC_CODEC_C509_EXTENSIONS_H
#define CEDE_SRC_CODEC_C509_EXTENSIONS_H

#include "cede/c509.h"

struct c509_extension {
    int32_t number;       /* of the registry, positive; 0: `oid` counts */
    struct cede_span oid; /* null: `number` counts */
    bool critical;
    struct cede_span value; /* encoded item; with `oid` the DER in it */
};

struct c509_extensions_walk {
    struct cede_reader reader;
    size_t extensions_left;
    bool alone; /* the item is only the value of keyUsage */
};

/* Walks an encoded Extensions item; failures and trailing bytes end in walk->reader.status. */
struct c509_extensions_walk c509_extensions_walk(struct cede_span extensions);
bool c509_extensions_next(struct c509_extensions_walk *walk, struct c509_extension *extension);
/* What object identifiers mean, for extensions and key purposes that are written with one although
 * they have a number: certificates of type 3 may do so. */
struct c509_identifiers {
    enum cede_status (*extension)(struct cede_span oid, bool critical, struct cede_span value,
                                  struct cede_extensions *ext);
    uint32_t (*purpose)(struct cede_span oid); /* CEDE_EKU_ flag */
    /* Whether the extension with this number was there by its identifier. */
    bool (*is_set)(const struct cede_extensions *ext, int32_t number);
};
extern const struct c509_identifiers c509_identifiers_x509;
/* `identifiers` null: a native certificate, in which whatever has a number "MUST only" have that
 * (draft, section "Deterministic Encoding"): identifiers are all unknown ones. */
enum cede_status c509_extensions_decode(struct cede_span extensions,
                                        const struct c509_identifiers *identifiers,
                                        struct cede_extensions *ext);
/* Writes the Extensions item of a description. */
void c509_put_extensions(struct cede_writer *writer, const struct cede_certificate_info *info);

/* The value of keyUsage; also when it stands alone, its sign meaning critical. */
uint32_t c509_key_usage(struct cede_span item);

/* Writes the DER of an extension's value, given as one encoded item. */
enum cede_status extension_to_der(int64_t number, struct cede_span item,
                                  struct cede_writer *writer);
/* Writes an extension's DER value as one item; CEDE_C509_NOT_EXPRESSIBLE when it has no form of
 * its own and must be written with its identifier. */
enum cede_status extension_from_der(int64_t number, struct cede_span value,
                                    struct cede_writer *writer);

/* RFC 3779 extensions, which have a file of their own for each direction. */
void ip_blocks_to_der(struct cede_reader *reader, struct cede_writer *writer);
void as_ids_to_der(struct cede_reader *reader, struct cede_writer *writer);
void ip_blocks_from_der(struct cede_reader *reader, struct cede_writer *writer);
void as_ids_from_der(struct cede_reader *reader, struct cede_writer *writer);

#endif
