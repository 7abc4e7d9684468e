/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wishes.c - /att: what requests should be like, as csrattrs (RFC 7030, section 4.5.2) and as a
 * template of a C509 request (C509 draft, section "Certificate Request Template").
 */
#include "cede/der.h"
#include "cede/est.h"

struct kind {
    struct cede_span oid;   /* of the algorithm */
    struct cede_span curve; /* its parameter; null: none */
    int32_t number;         /* in the registry of C509 */
};

#define EC_PUBLIC_KEY 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01

enum { P256, P384, ED25519, KIND_COUNT };

static struct kind key_kind(int kind)
{
    static const uint8_t ec[] = {EC_PUBLIC_KEY};
    static const uint8_t p256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    static const uint8_t p384[] = {0x2b, 0x81, 0x04, 0x00, 0x22};
    static const uint8_t ed25519[] = {0x2b, 0x65, 0x70};

    switch (kind) {
    case P256:
        return (struct kind){CEDE_SPAN_ARRAY(ec), CEDE_SPAN_ARRAY(p256), 1};
    case P384:
        return (struct kind){CEDE_SPAN_ARRAY(ec), CEDE_SPAN_ARRAY(p384), 2};
    default:
        return (struct kind){CEDE_SPAN_ARRAY(ed25519), CEDE_SPAN_NULL, 12};
    }
}

/* ecdsa-with-SHA256, ecdsa-with-SHA384, Ed25519. */
static struct kind signature_kind(int kind)
{
    static const uint8_t sha256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
    static const uint8_t sha384[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03};
    static const uint8_t ed25519[] = {0x2b, 0x65, 0x70};

    switch (kind) {
    case P256:
        return (struct kind){CEDE_SPAN_ARRAY(sha256), CEDE_SPAN_NULL, 0};
    case P384:
        return (struct kind){CEDE_SPAN_ARRAY(sha384), CEDE_SPAN_NULL, 1};
    default:
        return (struct kind){CEDE_SPAN_ARRAY(ed25519), CEDE_SPAN_NULL, 12};
    }
}

/* id-alg-ecdhPop-static-sha256-hmac-sha256 and its relative of SHA-384 (RFC 6955). */
static struct kind mac_kind(int kind)
{
    static const uint8_t sha256[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x06, 0x1a};
    static const uint8_t sha384[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x06, 0x1b};

    return kind == P256 ? (struct kind){CEDE_SPAN_ARRAY(sha256), CEDE_SPAN_NULL, 14}
                        : (struct kind){CEDE_SPAN_ARRAY(sha384), CEDE_SPAN_NULL, 15};
}

static bool wants_key(const struct cede_est_wishes *wishes, int kind)
{
    return kind == P256 ? wishes->p256 : kind == P384 ? wishes->p384 : wishes->ed25519;
}

static bool wants_signature(const struct cede_est_wishes *wishes, int kind)
{
    return wishes->signatures && wants_key(wishes, kind);
}

static bool wants_mac(const struct cede_est_wishes *wishes, int kind)
{
    return wishes->macs && kind != ED25519 && wants_key(wishes, kind);
}

/* --- csrattrs --------------------------------------------------------------------------------- */

/* An algorithm with a parameter is an attribute whose value it is; the others are plain OIDs. */
static void put_key_attribute(struct cede_writer *writer, struct kind key)
{
    size_t attribute, values;

    if (key.curve.ptr == NULL) {
        cede_der_put_oid(writer, key.oid);
        return;
    }
    attribute = cede_der_open(writer, CEDE_DER_SEQUENCE);
    cede_der_put_oid(writer, key.oid);
    values = cede_der_open(writer, CEDE_DER_SET);
    cede_der_put_oid(writer, key.curve);
    cede_der_close(writer, values);
    cede_der_close(writer, attribute);
}

void cede_est_put_csrattrs(struct cede_writer *writer, const struct cede_est_wishes *wishes)
{
    size_t sequence = cede_der_open(writer, CEDE_DER_SEQUENCE);

    for (int kind = 0; kind < KIND_COUNT; kind++) {
        if (wants_key(wishes, kind)) {
            put_key_attribute(writer, key_kind(kind));
        }
        if (wants_signature(wishes, kind) && kind != ED25519) { /* its OID stands there already */
            cede_der_put_oid(writer, signature_kind(kind).oid);
        }
        if (wants_mac(wishes, kind)) {
            cede_der_put_oid(writer, mac_kind(kind).oid);
        }
    }
    cede_der_close(writer, sequence);
}

/* --- crtemplate ------------------------------------------------------------------------------- */

#define TEMPLATE_SIMPLE 0
#define UNDEFINED       0xf7 /* the client fills it in */

static void put_proofs(struct cede_writer *writer, const struct cede_est_wishes *wishes)
{
    size_t count = 0;

    for (int kind = 0; kind < KIND_COUNT; kind++) {
        count += (size_t)wants_signature(wishes, kind) + wants_mac(wishes, kind);
    }
    cede_cbor_put_array(writer, count);
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        if (wants_signature(wishes, kind)) {
            cede_cbor_put_int(writer, signature_kind(kind).number);
        }
    }
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        if (wants_mac(wishes, kind)) {
            cede_cbor_put_int(writer, mac_kind(kind).number);
        }
    }
}

static void put_keys(struct cede_writer *writer, const struct cede_est_wishes *wishes)
{
    cede_cbor_put_array(writer, (size_t)wishes->p256 + wishes->p384 + wishes->ed25519);
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        if (wants_key(wishes, kind)) {
            cede_cbor_put_int(writer, key_kind(kind).number);
        }
    }
}

void cede_est_put_crtemplate(struct cede_writer *writer, const struct cede_est_wishes *wishes)
{
    cede_cbor_put_array(writer, 7);
    cede_cbor_put_uint(writer, TEMPLATE_SIMPLE);
    cede_cbor_put_array(writer, 2);
    cede_cbor_put_int(writer, CEDE_C509_NATIVE);
    cede_cbor_put_int(writer, CEDE_C509_X509);
    put_proofs(writer, wishes);
    cede_cbor_put_array(writer, 4); /* NameTemplate: one common name */
    cede_cbor_put_int(writer, CEDE_RDN_COMMON_NAME);
    cede_cbor_put_uint(writer, 1);
    cede_cbor_put_uint(writer, 1);
    cede_write_u8(writer, UNDEFINED);
    put_keys(writer, wishes);
    cede_write_u8(writer, UNDEFINED); /* subjectPublicKey */
    cede_cbor_put_array(writer, 0);   /* no extensions: the profile has them */
}
