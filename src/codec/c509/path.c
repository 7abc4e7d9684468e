/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path.c - path validation (RFC 5280, section 6.1) over certificates of any format.
 *
 * The path is walked from the end entity up, for that is how it comes. Every rule of section 6.1
 * that concerns a certificate and what stands above it is checked when the link is found; policies
 * are not processed, so a critical policy constraint ends the path.
 */
#include "cede/certificate.h"

struct path {
    const struct cede_certificate *chain;
    size_t chain_count;
    const struct cede_certificate *anchors;
    size_t anchors_count;
    const struct cede_path_rules *rules;
    const struct cede_crypto *crypto;
    struct cede_buf scratch;
};

/* --- one certificate -------------------------------------------------------------------------- */

/* Section 6.1.3 (a) (2) and 6.1.4 (o). */
static enum cede_status check_common(const struct path *path,
                                     const struct cede_certificate *certificate)
{
    if (path->rules->has_clock && path->rules->now < certificate->not_before) {
        return CEDE_CERTIFICATE_NOT_YET;
    }
    if (path->rules->has_clock && certificate->not_after != CEDE_TIME_NONE &&
        path->rules->now > certificate->not_after) {
        return CEDE_CERTIFICATE_EXPIRED;
    }
    return certificate->ext.has_unknown_critical ? CEDE_CERTIFICATE_CRITICAL : CEDE_OK;
}

static enum cede_status check_usage(const struct path *path,
                                    const struct cede_certificate *certificate)
{
    uint16_t key_usage = path->rules->key_usage;
    uint32_t eku = path->rules->eku;

    if (certificate->ext.has_key_usage && (certificate->ext.key_usage & key_usage) != key_usage) {
        return CEDE_CERTIFICATE_USAGE;
    }
    if (eku != 0 && certificate->ext.has_eku &&
        (certificate->ext.eku & (eku | CEDE_EKU_ANY)) == 0) {
        return CEDE_CERTIFICATE_USAGE;
    }
    return CEDE_OK;
}

static bool is_self_issued(const struct cede_certificate *certificate)
{
    return cede_name_equal(certificate->issuer, certificate->subject);
}

/* --- name constraints ------------------------------------------------------------------------- */

/* The subtrees of one list, in DER or CBOR. */
struct subtrees {
    struct cede_reader reader;
    bool is_der;
};

static bool next_subtree(struct subtrees *subtrees, int64_t *kind, struct cede_name *base)
{
    struct cede_reader *reader = &subtrees->reader;
    struct cede_reader inner;
    uint8_t tag;

    if (reader->status != CEDE_OK || cede_reader_at_end(reader)) {
        return false;
    }
    if (!subtrees->is_der) {
        base->form = CEDE_NAME_C509;
        *kind = cede_cbor_get_int(reader);
        base->value = cede_cbor_get_item(reader);
        return reader->status == CEDE_OK;
    }
    inner = cede_der_enter(reader, CEDE_DER_SEQUENCE);
    base->form = CEDE_NAME_DER;
    base->value = cede_der_get_any(&inner, &tag);
    *kind = tag & 0x1f;
    if (cede_reader_finish(&inner) != CEDE_OK) {
        cede_reader_fail(reader, CEDE_X509_EXTENSION); /* minimum and maximum are not used */
    }
    return reader->status == CEDE_OK;
}

/* Reads the two lists; an absent one is empty. */
static enum cede_status open_constraints(const struct cede_extensions *ext,
                                         struct subtrees *permitted, struct subtrees *excluded)
{
    struct cede_reader reader = cede_reader(ext->name_constraints);
    struct subtrees *lists[2] = {permitted, excluded};
    struct cede_reader inner = reader;

    if (ext->name_constraints_is_der) {
        inner = cede_der_enter(&reader, CEDE_DER_SEQUENCE);
    } else {
        cede_cbor_expect_array(&inner, 2);
    }
    for (uint8_t i = 0; i < 2; i++) {
        uint8_t tag = (uint8_t)CEDE_DER_CONTEXT_CONSTRUCTED(i);
        *lists[i] = (struct subtrees){cede_reader(CEDE_SPAN_NULL), ext->name_constraints_is_der};
        if (ext->name_constraints_is_der) {
            if (cede_der_peek(&inner) == tag) {
                lists[i]->reader = cede_der_enter(&inner, tag);
            }
        } else if (cede_cbor_peek_null(&inner)) {
            cede_cbor_get_null(&inner);
        } else {
            lists[i]->reader = cede_reader(cede_cbor_get_item(&inner));
            (void)cede_cbor_get_array(&lists[i]->reader); /* pairs until its end */
        }
    }
    return cede_reader_finish(&inner);
}

/* Names other than directory names only stand in alternative names, which are not compared: a
 * certificate that has some is refused under any constraint on them. */
static enum cede_status check_excluded(struct subtrees *excluded,
                                       const struct cede_certificate *certificate)
{
    struct cede_name base;
    int64_t kind;

    while (next_subtree(excluded, &kind, &base)) {
        bool matches = kind == CEDE_GN_DIRECTORY
                           ? cede_name_within(certificate->subject, base)
                           : kind == CEDE_GN_EMAIL || certificate->ext.subject_alt_name.ptr != NULL;
        if (matches) {
            return CEDE_CERTIFICATE_NAME;
        }
    }
    return excluded->reader.status;
}

static enum cede_status check_permitted(struct subtrees *permitted,
                                        const struct cede_certificate *certificate)
{
    bool constrained = false, within = false;
    struct cede_name base;
    int64_t kind;

    while (next_subtree(permitted, &kind, &base)) {
        if (kind == CEDE_GN_DIRECTORY) {
            constrained = true;
            within = within || cede_name_within(certificate->subject, base);
        } else if (kind == CEDE_GN_EMAIL || certificate->ext.subject_alt_name.ptr != NULL) {
            return CEDE_CERTIFICATE_NAME;
        }
    }
    if (permitted->reader.status != CEDE_OK) {
        return permitted->reader.status;
    }
    return constrained && !within ? CEDE_CERTIFICATE_NAME : CEDE_OK;
}

/* Alternative names may hide a directory name outside the permitted ones. */
static bool has_other_directory_name(const struct cede_extensions *ext)
{
    struct cede_reader reader = cede_reader(ext->subject_alt_name);

    if (ext->subject_alt_name.ptr == NULL) {
        return false;
    }
    if (ext->alt_name_is_der) {
        struct cede_reader inner = cede_der_enter(&reader, CEDE_DER_SEQUENCE);
        while (inner.status == CEDE_OK && !cede_reader_at_end(&inner)) {
            uint8_t tag;
            (void)cede_der_get_any(&inner, &tag);
            if (tag == CEDE_DER_CONTEXT_CONSTRUCTED(CEDE_GN_DIRECTORY)) {
                return true;
            }
        }
        return inner.status != CEDE_OK;
    }
    if (cede_cbor_peek(&reader) == CEDE_CBOR_TEXT) {
        return false;
    }
    (void)cede_cbor_get_array(&reader);
    while (reader.status == CEDE_OK && !cede_reader_at_end(&reader)) {
        if (cede_cbor_get_int(&reader) == CEDE_GN_DIRECTORY) {
            return true;
        }
        (void)cede_cbor_get_item(&reader);
    }
    return reader.status != CEDE_OK;
}

/* Section 6.1.3 (b) and (c): the constraints of `issuer` on everything below it, but for
 * self-issued certificates in between. */
static enum cede_status check_names(const struct path *path, size_t below_count,
                                    const struct cede_certificate *issuer)
{
    if (issuer->ext.name_constraints.ptr == NULL) {
        return CEDE_OK;
    }
    for (size_t i = 0; i < below_count; i++) {
        const struct cede_certificate *certificate = &path->chain[i];
        struct subtrees permitted, excluded;
        if (i > 0 && is_self_issued(certificate)) {
            continue;
        }
        if (has_other_directory_name(&certificate->ext)) {
            return CEDE_CERTIFICATE_NAME;
        }
        CEDE_TRY(open_constraints(&issuer->ext, &permitted, &excluded));
        CEDE_TRY(check_permitted(&permitted, certificate));
        CEDE_TRY(check_excluded(&excluded, certificate));
    }
    return CEDE_OK;
}

/* --- issuers ---------------------------------------------------------------------------------- */

/* Section 6.1.4 (k) to (n), for an issuer with `below_count` certificates of the chain below it. */
static enum cede_status check_issuer(const struct path *path, size_t below_count,
                                     const struct cede_certificate *issuer)
{
    int32_t intermediates = 0;

    CEDE_TRY(check_common(path, issuer));
    if (!issuer->ext.has_basic_constraints || !issuer->ext.ca) {
        return CEDE_CERTIFICATE_NOT_CA;
    }
    if (issuer->ext.has_key_usage && (issuer->ext.key_usage & CEDE_KU_KEY_CERT_SIGN) == 0) {
        return CEDE_CERTIFICATE_USAGE;
    }
    for (size_t i = 1; i < below_count; i++) {
        intermediates += is_self_issued(&path->chain[i]) ? 0 : 1;
    }
    if (issuer->ext.path_len != CEDE_PATH_LEN_NONE && intermediates > issuer->ext.path_len) {
        return CEDE_CERTIFICATE_PATH_LEN;
    }
    return check_names(path, below_count, issuer);
}

static bool find_anchor(const struct path *path, const struct cede_certificate *certificate,
                        size_t *index)
{
    for (size_t i = 0; i < path->anchors_count; i++) {
        if (cede_span_equal(path->anchors[i].raw, certificate->raw)) {
            *index = i;
            return true;
        }
    }
    return false;
}

/* An anchor that has signed chain[at]. CEDE_CERTIFICATE_UNTRUSTED: none has its issuer's name;
 * otherwise the failure of the last one that has. */
static enum cede_status anchor_of(const struct path *path, size_t at, size_t *index)
{
    const struct cede_certificate *certificate = &path->chain[at];
    enum cede_status status = CEDE_CERTIFICATE_UNTRUSTED;

    for (size_t i = 0; i < path->anchors_count; i++) {
        const struct cede_certificate *anchor = &path->anchors[i];
        if (!cede_name_equal(anchor->subject, certificate->issuer)) {
            continue;
        }
        status = cede_certificate_verify(certificate, anchor, path->crypto, path->scratch);
        if (status == CEDE_OK) {
            status = check_issuer(path, at + 1, anchor);
        }
        if (status == CEDE_OK) {
            *index = i;
            return CEDE_OK;
        }
    }
    return status;
}

/* Goes from chain[at] to the next certificate of the chain. */
static enum cede_status step(const struct path *path, size_t at, enum cede_status no_anchor)
{
    const struct cede_certificate *certificate = &path->chain[at];
    const struct cede_certificate *issuer = certificate + 1;

    if (at + 1 == path->chain_count || !cede_name_equal(issuer->subject, certificate->issuer)) {
        return no_anchor;
    }
    CEDE_TRY(cede_certificate_verify(certificate, issuer, path->crypto, path->scratch));
    return check_issuer(path, at + 1, issuer);
}

enum cede_status cede_certificate_path(const struct cede_certificate *chain, size_t chain_count,
                                       const struct cede_certificate *anchors, size_t anchors_count,
                                       const struct cede_path_rules *rules,
                                       const struct cede_crypto *crypto, struct cede_buf scratch,
                                       size_t *anchor_index)
{
    struct path path = {chain, chain_count, anchors, anchors_count, rules, crypto, scratch};
    size_t found = 0;

    if (chain_count == 0 || chain_count > CEDE_PATH_DEPTH_MAX) {
        return CEDE_BAD_ARGUMENT;
    }
    CEDE_TRY(check_common(&path, &chain[0]));
    CEDE_TRY(check_usage(&path, &chain[0]));
    for (size_t at = 0; !find_anchor(&path, &chain[at], &found); at++) {
        enum cede_status status = anchor_of(&path, at, &found);
        if (status == CEDE_OK) {
            break;
        }
        CEDE_TRY(step(&path, at, status));
    }
    if (anchor_index != NULL) {
        *anchor_index = found;
    }
    return CEDE_OK;
}
