/* SPDX-License-Identifier: Apache-2.0 */
/*
 * convert_why.c - why X.509 or PKCS #10 has no C509 form: the rule of the C509 draft, quoted.
 *
 * Of what it marks "not supported" the draft says, section "Message Fields", that "no alternative
 * is provided and hence no C509 encoding can be generated".
 */
#include <string.h>

#include "cli/convert.h"

/* Section "issuer"; null when `name` has nothing of it. */
static const char *why_not_name(struct cede_reader name)
{
    while (name.status == CEDE_OK && !cede_reader_at_end(&name)) {
        struct cede_span set = cede_der_get(&name, CEDE_DER_SET);
        struct cede_reader inner = cede_reader(set);
        struct cede_reader attribute = cede_der_enter(&inner, CEDE_DER_SEQUENCE);
        uint8_t tag;

        if (cede_der_count(set) > 1) {
            return "a relative distinguished name has more than one attribute; the C509 draft, "
                   "\"issuer\": \"RelativeDistinguishedName with more than one "
                   "AttributeTypeAndValue is not supported\"";
        }
        (void)cede_der_get(&attribute, CEDE_DER_OID);
        (void)cede_der_get_any(&attribute, &tag);
        if (tag == CEDE_DER_TELETEX_STRING || tag == CEDE_DER_UNIVERSAL_STRING ||
            tag == CEDE_DER_BMP_STRING) {
            return "a name is a TeletexString, UniversalString or BMPString; the C509 draft, "
                   "\"issuer\": \"the string types teletexString, universalString, and bmpString "
                   "are not supported\"";
        }
    }
    return NULL;
}

/* Section "validity": ~time has the seconds only, so the way back writes UTCTime until 2049. */
static const char *why_not_time(struct cede_reader validity)
{
    for (int i = 0; i < 2 && validity.status == CEDE_OK; i++) {
        uint8_t tag;
        struct cede_span text = cede_der_get_any(&validity, &tag);

        if (tag == CEDE_DER_GENERALIZED_TIME && text.len >= 4 && memcmp(text.ptr, "2050", 4) < 0) {
            return "a date before 2050 is a GeneralizedTime; the C509 draft, \"validity\": \"RFC "
                   "5280 mandates encoding of dates through the year 2049 as UTCTime\"";
        }
    }
    return NULL;
}

static const char *first_of(const char *a, const char *b)
{
    return a != NULL ? a : b;
}

/* Sections "issuerUniqueID" and "subjectUniqueID". */
static const char *why_not_unique_ids(struct cede_reader tbs)
{
    uint8_t tag = cede_der_peek(&tbs);

    return tag == CEDE_DER_CONTEXT(1) || tag == CEDE_DER_CONTEXT(2)
               ? "a unique identifier; the C509 draft, \"issuerUniqueID\": \"Not supported.\""
               : NULL;
}

const char *convert_why_not_certificate(struct cede_span der)
{
    struct cede_reader outer = cede_reader(der);
    struct cede_reader certificate = cede_der_enter(&outer, CEDE_DER_SEQUENCE);
    struct cede_reader tbs = cede_der_enter(&certificate, CEDE_DER_SEQUENCE);
    struct cede_reader issuer, validity, subject;

    for (int i = 0; i < 3; i++) { /* version, serialNumber, signature */
        (void)cede_der_get_value(&tbs);
    }
    issuer = cede_der_enter(&tbs, CEDE_DER_SEQUENCE);
    validity = cede_der_enter(&tbs, CEDE_DER_SEQUENCE);
    subject = cede_der_enter(&tbs, CEDE_DER_SEQUENCE);
    (void)cede_der_get_value(&tbs); /* subjectPublicKeyInfo */
    return first_of(first_of(why_not_time(validity), why_not_unique_ids(tbs)),
                    first_of(why_not_name(issuer), why_not_name(subject)));
}

/* Section "Challenge Password". */
static const char *why_not_attributes(struct cede_reader attributes)
{
    static const uint8_t challenge_password[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 7};

    while (attributes.status == CEDE_OK && !cede_reader_at_end(&attributes)) {
        struct cede_reader attribute = cede_der_enter(&attributes, CEDE_DER_SEQUENCE);
        struct cede_span oid = cede_der_get(&attribute, CEDE_DER_OID);
        struct cede_reader values = cede_der_enter(&attribute, CEDE_DER_SET);
        uint8_t tag = cede_der_peek(&values);

        if (cede_span_equal(oid, CEDE_SPAN_ARRAY(challenge_password)) &&
            tag != CEDE_DER_UTF8_STRING && tag != CEDE_DER_PRINTABLE_STRING) {
            return "the challengePassword is neither UTF8String nor PrintableString; the C509 "
                   "draft, \"Challenge Password\": \"All other string types are not supported\"";
        }
    }
    return NULL;
}

const char *convert_why_not_request(struct cede_span der)
{
    struct cede_reader outer = cede_reader(der);
    struct cede_reader request = cede_der_enter(&outer, CEDE_DER_SEQUENCE);
    struct cede_reader info = cede_der_enter(&request, CEDE_DER_SEQUENCE);
    struct cede_reader subject;

    (void)cede_der_get_value(&info); /* version */
    subject = cede_der_enter(&info, CEDE_DER_SEQUENCE);
    (void)cede_der_get_value(&info); /* subjectPKInfo */
    return first_of(why_not_name(subject),
                    why_not_attributes(cede_der_enter(&info, CEDE_DER_CONTEXT_CONSTRUCTED(0))));
}
