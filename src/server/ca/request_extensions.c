/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request_extensions.c - what a request asks for beside its name and its key.
 *
 * The profile decides what a certificate says. A request may repeat that, or be silent; what asks
 * for anything else is refused, for who gets less than was asked, and is told nothing, finds out
 * when it is too late. The subject key identifier is made here whatever the request has.
 */
#include <stdio.h>
#include <string.h>

#include "cede/cbor.h"
#include "cede/der.h"
#include "server/ca/ca_internal.h"

/* One that is asked for: its identifier, or its number in C509. */
struct asked {
    struct cede_span oid; /* contents of the OBJECT IDENTIFIER; null: `number` counts */
    int64_t number;
};

#define TEXT_MAX 128

/* --- names ------------------------------------------------------------------------------------ */

/* Extensions of RFC 5280: 2.5.29.`arc`, their numbers in C509, and how they are called. */
static const struct known {
    uint8_t arc;
    uint8_t number;
    const char *name;
} known[] = {
    {9, 24, "subjectDirectoryAttributes"},
    {14, 1, "subjectKeyIdentifier"},
    {15, 2, "keyUsage"},
    {17, 3, "subjectAltName"},
    {18, 25, "issuerAltName"},
    {19, 4, "basicConstraints"},
    {30, 26, "nameConstraints"},
    {31, 5, "cRLDistributionPoints"},
    {32, 6, "certificatePolicies"},
    {33, 27, "policyMappings"},
    {35, 7, "authorityKeyIdentifier"},
    {36, 28, "policyConstraints"},
    {37, 8, "extKeyUsage"},
    {46, 29, "freshestCRL"},
    {54, 30, "inhibitAnyPolicy"},
};

static const struct known *find_known(const struct asked *asked)
{
    const struct cede_span *oid = &asked->oid;

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (oid->ptr != NULL ? oid->len == 3 && oid->ptr[0] == 0x55 && oid->ptr[1] == 0x1d &&
                                   oid->ptr[2] == known[i].arc
                             : asked->number == known[i].number) {
            return &known[i];
        }
    }
    return NULL;
}

/* In dotted form, as far as there is room; what is no number that fits ends it with a "?". */
static void print_oid(struct cede_span oid, char text[TEXT_MAX])
{
    uint64_t arc = 0;
    size_t at = 0;

    text[0] = '\0';
    for (size_t i = 0; i < oid.len && at + 24 < TEXT_MAX; i++) {
        if (arc > UINT64_MAX >> 7) {
            snprintf(text + at, TEXT_MAX - at, ".?");
            return;
        }
        arc = arc << 7 | (oid.ptr[i] & 0x7f);
        if ((oid.ptr[i] & 0x80) != 0) {
            continue;
        }
        if (at == 0) { /* the first two arcs are one number (X.690, section 8.19.4) */
            uint64_t first = arc < 80 ? arc / 40 : 2;
            at += (size_t)snprintf(text, TEXT_MAX, "%llu", (unsigned long long)first);
            arc -= first * 40;
        }
        at += (size_t)snprintf(text + at, TEXT_MAX - at, ".%llu", (unsigned long long)arc);
        arc = 0;
    }
}

static void print_asked(const struct asked *asked, char text[TEXT_MAX])
{
    const struct known *entry = find_known(asked);

    if (entry != NULL) {
        snprintf(text, TEXT_MAX, "%s (2.5.29.%u)", entry->name, entry->arc);
    } else if (asked->oid.ptr != NULL) {
        print_oid(asked->oid, text);
    } else {
        snprintf(text, TEXT_MAX, "C509 extension %lld", (long long)asked->number);
    }
}

/* --- rules ------------------------------------------------------------------------------------ */

/* CA, or none, as the profile has it; no other length of the path than will be given. */
static bool constraints_fit(const struct ca_profile_policy *policy,
                            const struct cede_extensions *ext)
{
    return ext->ca == policy->ca &&
           (ext->path_len == CEDE_PATH_LEN_NONE || ext->path_len == policy->path_len);
}

static bool is_granted(const struct ca_profile_policy *policy, uint16_t key_usage,
                       const struct cede_extensions *ext, const struct known *entry)
{
    switch (entry == NULL ? 0 : entry->arc) {
    case 14: /* subjectKeyIdentifier */
        return true;
    case 15: /* keyUsage */
        return (ext->key_usage & ~(unsigned)key_usage) == 0;
    case 19: /* basicConstraints */
        return constraints_fit(policy, ext);
    case 37: /* extKeyUsage */
        return (ext->eku & ~policy->eku) == 0;
    default:
        return false;
    }
}

static enum cede_status check(const struct ca *ca, enum ca_profile profile,
                              const struct ca_checked_request *checked, const struct asked *asked)
{
    char text[TEXT_MAX];

    if (is_granted(&ca->policy.profiles[profile], checked->key_usage, &checked->request.ext,
                   find_known(asked))) {
        return CEDE_OK;
    }
    print_asked(asked, text);
    return ca_fail(CEDE_CA_EXTENSION, "profile %s does not give the %s asked for",
                   ca_profile_name(profile), text);
}

/* --- lists ------------------------------------------------------------------------------------ */

/* The contents of a SEQUENCE OF Extension. */
static enum cede_status check_der(const struct ca *ca, enum ca_profile profile,
                                  const struct ca_checked_request *checked)
{
    struct cede_reader list = cede_reader(checked->request.extensions);

    while (list.status == CEDE_OK && !cede_reader_at_end(&list)) {
        struct cede_reader extension = cede_der_enter(&list, CEDE_DER_SEQUENCE);
        struct asked asked = {cede_der_get_oid(&extension), 0};

        CEDE_TRY(extension.status);
        CEDE_TRY(check(ca, profile, checked, &asked));
    }
    return list.status;
}

/* [ * (number or identifier, value) ], or an int: keyUsage alone. The sign means critical. */
static enum cede_status check_c509(const struct ca *ca, enum ca_profile profile,
                                   const struct ca_checked_request *checked)
{
    struct cede_reader list = cede_reader(checked->request.extensions);
    struct asked asked = {CEDE_SPAN_NULL, 2};
    size_t left;

    if (cede_cbor_peek(&list) != CEDE_CBOR_ARRAY) {
        return check(ca, profile, checked, &asked);
    }
    for (left = cede_cbor_get_array(&list); left > 1 && list.status == CEDE_OK; left -= 2) {
        asked = (struct asked){CEDE_SPAN_NULL, 0};
        if (cede_cbor_peek(&list) == CEDE_CBOR_BYTES) {
            asked.oid = cede_cbor_get_bytes(&list);
        } else {
            asked.number = cede_cbor_get_int(&list);
        }
        asked.number = asked.number < 0 ? -asked.number : asked.number;
        (void)cede_cbor_get_item(&list);
        CEDE_TRY(list.status);
        CEDE_TRY(check(ca, profile, checked, &asked));
    }
    return list.status;
}

enum cede_status ca_check_extensions(const struct ca *ca, enum ca_profile profile,
                                     const struct ca_checked_request *checked)
{
    if (cede_span_is_null(checked->request.extensions)) {
        return CEDE_OK;
    }
    return checked->request.format == CEDE_CERTIFICATE_X509 ? check_der(ca, profile, checked)
                                                            : check_c509(ca, profile, checked);
}
