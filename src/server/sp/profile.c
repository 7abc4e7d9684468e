/* SPDX-License-Identifier: Apache-2.0 */
/* profile.c - the two profiles side by side. */
#include "server/sp/profile.h"

#include <string.h>

#include "cede/coap.h"
#include "cede/transfer.h"

bool profile_is_der(struct cede_span certificate)
{
    return certificate.len > 0 && certificate.ptr[0] == CEDE_DER_SEQUENCE;
}

bool profile_is_coaps(struct cede_span uri)
{
    struct cede_coap_uri split;

    return cede_coap_uri_split(uri, &split) == CEDE_OK && split.secure;
}

bool profile_uri_fits(struct cede_span uri, bool x509)
{
    struct cede_coap_uri split;

    return cede_coap_uri_split(uri, &split) == CEDE_OK && split.secure == x509;
}

struct cede_span profile_update_uri(const struct sp *sp, bool x509)
{
    return cede_span_string(x509 ? sp->update_uri_coaps : sp->update_uri);
}

struct cede_span profile_controller(const struct sp *sp, bool x509)
{
    return x509 ? cede_span(sp->identity_der, sp->identity_der_len)
                : cede_span(sp->controller, sp->controller_len);
}

struct cede_span profile_controller_thumbprint(const struct sp *sp, bool x509)
{
    return cede_span(x509 ? sp->identity_thumbprint : sp->controller_thumbprint, 32);
}

struct cede_span profile_enroll_uri(const struct partner *ca, bool x509)
{
    return cede_span_string(x509 ? ca->enroll_uri_coaps : ca->enroll_uri);
}

enum cede_status profile_thumbprint(struct sp *sp, struct cede_span der, bool x509,
                                    uint8_t thumbprint[32])
{
    uint8_t sequence[SP_CERTIFICATE_MAX], scratch[2048];
    struct cede_span encoding = der;
    size_t len;

    if (!x509) {
        CEDE_TRY(cede_c509_from_x509(sp->crypto, der, CEDE_BUF_ARRAY(scratch),
                                     CEDE_BUF_ARRAY(sequence), &encoding));
    }
    return cede_certificate_thumbprint(sp->crypto, CEDE_ALG_SHA_256, encoding, thumbprint, &len);
}

/* The entry as DER, in front of what is left of `memory`. CEDE_C509_TYPE: there is none. */
static enum cede_status turn_back(struct sp *sp, struct cede_trust_entry *entry,
                                  struct cede_buf *memory)
{
    if (profile_is_der(entry->certificate)) {
        return CEDE_OK;
    }
    CEDE_TRY(cede_c509_to_x509(sp->crypto, entry->certificate, *memory, &entry->certificate));
    *memory = cede_buf(memory->ptr + entry->certificate.len, memory->cap - entry->certificate.len);
    return CEDE_OK;
}

/* A CA is trusted for enrolment. Whom devices obey and who owns them is not for it to say. */
static enum cede_status check_entry(struct sp *sp, const struct cede_trust_entry *entry)
{
    const uint32_t allowed = CEDE_PURPOSE_ENROL | CEDE_PURPOSE_KNOWN | CEDE_PURPOSE_SURVIVES;
    struct cede_certificate certificate;

    if ((entry->purposes & ~allowed) != 0) {
        return CEDE_TRANSFER_PURPOSE;
    }
    return cede_certificate_decode(entry->certificate, sp->crypto, &certificate);
}

enum cede_status profile_check_trust(struct sp *sp, struct cede_span ca_trust)
{
    struct cede_trust_list list = cede_trust_list(ca_trust);
    struct cede_trust_entry entry;

    while (cede_trust_list_next(&list, &entry)) {
        CEDE_TRY(check_entry(sp, &entry));
    }
    return cede_trust_list_finish(&list);
}

enum cede_status profile_trust(struct sp *sp, struct cede_span ca_trust, bool x509,
                               struct cede_buf memory, struct cede_trust_entry *entries, size_t max,
                               size_t *count)
{
    struct cede_trust_list list = cede_trust_list(ca_trust);
    struct cede_trust_entry entry;
    enum cede_status status;

    *count = 0;
    while (cede_trust_list_next(&list, &entry)) {
        CEDE_TRY(check_entry(sp, &entry));
        status = x509 ? turn_back(sp, &entry, &memory) : CEDE_OK;
        if (status == CEDE_C509_TYPE) {
            continue; /* a native certificate, held to resolve references */
        }
        CEDE_TRY(status);
        if (*count == max) {
            return CEDE_NO_SPACE;
        }
        entries[(*count)++] = entry;
    }
    return cede_trust_list_finish(&list);
}
