/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry.h - object identifiers and the short numbers the C509 registries give them
 * (draft-ietf-cose-cbor-encoded-cert-18, section "IANA Considerations").
 *
 * Place: inside the certificate codecs; X.509 uses the identifiers, C509 the numbers, too.
 */
#ifndef CEDE_SRC_CODEC_X509_REGISTRY_H
#define CEDE_SRC_CODEC_X509_REGISTRY_H

#include "cede/bytes.h"

#define REGISTRY_OID_MAX 11

struct registry_entry {
    int16_t value;
    uint8_t oid_len;
    uint8_t oid[REGISTRY_OID_MAX]; /* contents of the OBJECT IDENTIFIER */
};

struct registry {
    const struct registry_entry *entries;
    size_t entries_count;
};

extern const struct registry registry_rdn;        /* RDN attributes */
extern const struct registry registry_extensions; /* extensions */
extern const struct registry registry_eku;        /* extended key usages */
extern const struct registry registry_policies;   /* certificate policies */
extern const struct registry registry_qualifiers; /* policy qualifiers */
extern const struct registry registry_access;     /* information access methods */
extern const struct registry registry_other_name; /* general names below zero: otherName */
extern const struct registry registry_cr;         /* certification request attributes */

/* Null when the number or identifier is not registered. */
const struct registry_entry *registry_find(const struct registry *registry, int64_t value);
const struct registry_entry *registry_find_oid(const struct registry *registry,
                                               struct cede_span oid);
struct cede_span registry_oid(const struct registry_entry *entry);

/* Extensions, by number. */
#define EXT_SUBJECT_KEY_ID     1
#define EXT_KEY_USAGE          2
#define EXT_SUBJECT_ALT_NAME   3
#define EXT_BASIC_CONSTRAINTS  4
#define EXT_CRL_POINTS         5
#define EXT_POLICIES           6
#define EXT_AUTHORITY_KEY_ID   7
#define EXT_EKU                8
#define EXT_INFO_ACCESS        9
#define EXT_DIRECTORY_ATTRS    24
#define EXT_ISSUER_ALT_NAME    25
#define EXT_NAME_CONSTRAINTS   26
#define EXT_POLICY_MAPPINGS    27
#define EXT_POLICY_CONSTRAINTS 28
#define EXT_FRESHEST_CRL       29
#define EXT_INHIBIT_ANY_POLICY 30
#define EXT_SUBJECT_ACCESS     31
#define EXT_IP_BLOCKS          32
#define EXT_AS_IDS             33
#define EXT_IP_BLOCKS_V2       34
#define EXT_AS_IDS_V2          35
#define EXT_OCSP_NO_CHECK      36
#define EXT_PRECERTIFICATE     37
#define EXT_TLS_FEATURES       38

#define CR_EXTENSION_REQUEST  0
#define CR_CHALLENGE_PASSWORD 1

/* Algorithms: the contents of the AlgorithmIdentifier SEQUENCE, parameters included. */
struct algorithm_entry {
    int16_t value;
    bool pairs;         /* a signature of two INTEGERs; a key that is a point */
    uint8_t coordinate; /* bytes of one INTEGER or coordinate; signatures: the usual curve's */
    uint8_t der_len;
    const uint8_t *der;
};

const struct algorithm_entry *signature_algorithm_find(int64_t value);
const struct algorithm_entry *signature_algorithm_find_der(struct cede_span contents);
const struct algorithm_entry *signature_algorithm_find_alg(int32_t alg);
const struct algorithm_entry *key_algorithm_find(int64_t value);
const struct algorithm_entry *key_algorithm_find_der(struct cede_span contents);
const struct algorithm_entry *key_algorithm_find_curve(int32_t curve);
/* COSE algorithm or curve the port knows an algorithm by, 0 for none. */
int32_t signature_algorithm_alg(int32_t value);
int32_t key_algorithm_curve(int32_t value);

/* Proof of possession by MAC, by number. */
#define SIGNATURE_POP_SHA_256 14
#define SIGNATURE_POP_SHA_384 15
#define SIGNATURE_POP_SHA_512 16
/* The hash of one of these, 0 for signatures. */
int32_t signature_algorithm_mac_hash(int32_t value);

#define KEY_ALGORITHM_RSA 0

#endif
