/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status_proof.c - StatusProof = [ hash, status, this-update, lifetime, signature ]: the four items
 * in front of the signature, without the head of the array, are the payload that is signed.
 */
#include "cede/status_proof.h"

#include <string.h>

#include "cede/cose.h"

#define ITEMS       5
#define STATUS_GOOD 0
#define CONTEXT_LEN (sizeof CEDE_STATUS_CONTEXT - 1)
#define AAD_LEN     (CONTEXT_LEN + CEDE_SHA256_LEN)
#define PAYLOAD_LEN (CEDE_STATUS_PROOF_LEN_MAX - CEDE_SIGNATURE_LEN_MAX)
#define TIME_MAX    UINT32_MAX
#define HEADER_LEN  8

/* Everything around the payload that is signed. Do not copy: the parts point into it. */
struct signed_parts {
    uint8_t header[HEADER_LEN];
    uint8_t aad[AAD_LEN]; /* CEDE_STATUS_CONTEXT, SHA-256 of the certificate */
    struct cede_cose_parts cose;
};

static int32_t algorithm_of(int32_t curve)
{
    switch (curve) {
    case CEDE_CRV_P256:
        return CEDE_ALG_ESP256;
    case CEDE_CRV_P384:
        return CEDE_ALG_ES384;
    case CEDE_CRV_ED25519:
        return CEDE_ALG_ED25519;
    default:
        return 0;
    }
}

static enum cede_status hash_certificate(const struct cede_crypto *crypto,
                                         struct cede_span certificate, struct signed_parts *parts)
{
    size_t len = 0;

    memcpy(parts->aad, CEDE_STATUS_CONTEXT, CONTEXT_LEN);
    return cede_certificate_thumbprint(crypto, CEDE_ALG_SHA_256, certificate,
                                       parts->aad + CONTEXT_LEN, &len);
}

/* Signature1 over { 1 : alg }, the context, the payload. */
static void lay_out(struct signed_parts *parts, int32_t alg, struct cede_span payload)
{
    struct cede_writer header = cede_writer(CEDE_BUF_ARRAY(parts->header));

    cede_cbor_put_map(&header, 1);
    cede_cbor_put_uint(&header, CEDE_COSE_LABEL_ALG);
    cede_cbor_put_int(&header, alg);
    cede_cose_sig_structure(&parts->cose, cede_written(&header), CEDE_SPAN_ARRAY(parts->aad),
                            payload);
}

static bool in_range(uint64_t this_update, uint64_t lifetime)
{
    return this_update <= TIME_MAX && lifetime > 0 && lifetime <= CEDE_STATUS_LIFETIME_MAX;
}

enum cede_status cede_status_proof_sign(const struct cede_crypto *crypto,
                                        const struct cede_private_key *issuer,
                                        struct cede_span certificate,
                                        const struct cede_status_proof *proof, struct cede_buf out,
                                        struct cede_span *encoding)
{
    uint8_t memory[PAYLOAD_LEN], signature[CEDE_SIGNATURE_LEN_MAX];
    struct cede_writer payload = cede_writer(CEDE_BUF_ARRAY(memory));
    struct cede_writer writer = cede_writer(out);
    int32_t alg = algorithm_of(issuer->curve);
    struct signed_parts parts;
    size_t signature_len = 0;

    *encoding = CEDE_SPAN_NULL;
    if (!in_range(proof->this_update, proof->lifetime)) {
        return CEDE_BAD_ARGUMENT;
    }
    if (alg == 0) {
        return CEDE_CERTIFICATE_ALGORITHM;
    }
    CEDE_TRY(hash_certificate(crypto, certificate, &parts));
    cede_cbor_put_bytes(&payload, cede_span(parts.aad + CONTEXT_LEN, CEDE_STATUS_HASH_LEN));
    cede_cbor_put_uint(&payload, proof->revoked);
    cede_cbor_put_uint(&payload, proof->this_update);
    cede_cbor_put_uint(&payload, proof->lifetime);
    lay_out(&parts, alg, cede_written(&payload));
    CEDE_TRY(crypto->sign(crypto->context, alg, issuer, parts.cose.parts, parts.cose.count,
                          signature, &signature_len));
    cede_cbor_put_array(&writer, ITEMS);
    cede_write_bytes(&writer, cede_written(&payload));
    cede_cbor_put_bytes(&writer, cede_span(signature, signature_len));
    return cede_writer_finish(&writer, encoding);
}

/* Also gives the bytes that are signed. */
static enum cede_status decode(struct cede_span encoding, struct cede_status_proof *proof,
                               struct cede_span *payload)
{
    struct cede_reader reader = cede_reader(encoding);
    struct cede_span hash;
    uint64_t status;
    size_t from;

    memset(proof, 0, sizeof *proof);
    cede_cbor_expect_array(&reader, ITEMS);
    from = reader.pos;
    hash = cede_cbor_get_bytes(&reader);
    status = cede_cbor_get_uint(&reader);
    proof->this_update = cede_cbor_get_uint(&reader);
    proof->lifetime = cede_cbor_get_uint(&reader);
    *payload = cede_reader_since(&reader, from);
    proof->signature = cede_cbor_get_bytes(&reader);
    CEDE_TRY(cede_reader_finish(&reader));
    if (hash.len != CEDE_STATUS_HASH_LEN || status > 1 ||
        !in_range(proof->this_update, proof->lifetime)) {
        return CEDE_STATUS_VALUE;
    }
    proof->revoked = status != STATUS_GOOD;
    memcpy(proof->hash, hash.ptr, hash.len);
    return CEDE_OK;
}

enum cede_status cede_status_proof_decode(struct cede_span encoding,
                                          struct cede_status_proof *proof)
{
    struct cede_span payload;
    enum cede_status status = decode(encoding, proof, &payload);

    if (status != CEDE_OK) {
        memset(proof, 0, sizeof *proof);
    }
    return status;
}

/* Revoked is for good, so an old word of it will do. */
static enum cede_status check_rules(const struct cede_status_rules *rules,
                                    const struct cede_status_proof *proof)
{
    uint64_t until = proof->this_update + proof->lifetime + CEDE_STATUS_SKEW;

    if (proof->revoked) {
        return CEDE_STATUS_REVOKED;
    }
    if (rules->has_clock && proof->this_update > rules->now + CEDE_STATUS_SKEW) {
        return CEDE_STATUS_NOT_YET;
    }
    return (rules->has_clock && rules->now > until) || rules->floor > until ? CEDE_STATUS_STALE
                                                                            : CEDE_OK;
}

enum cede_status cede_status_proof_check(const struct cede_crypto *crypto,
                                         const struct cede_public_key *issuer,
                                         struct cede_span certificate,
                                         const struct cede_status_rules *rules,
                                         struct cede_span encoding, struct cede_status_proof *proof)
{
    int32_t alg = algorithm_of(issuer->curve);
    struct cede_status_proof read;
    struct signed_parts parts;
    struct cede_span payload;
    enum cede_status status;

    if (proof != NULL) {
        memset(proof, 0, sizeof *proof);
    }
    CEDE_TRY(decode(encoding, &read, &payload));
    CEDE_TRY(hash_certificate(crypto, certificate, &parts));
    if (memcmp(read.hash, parts.aad + CONTEXT_LEN, sizeof read.hash) != 0) {
        return CEDE_STATUS_OTHER;
    }
    if (alg == 0) {
        return CEDE_CERTIFICATE_ALGORITHM;
    }
    lay_out(&parts, alg, payload);
    status = crypto->verify(crypto->context, alg, issuer, parts.cose.parts, parts.cose.count,
                            read.signature);
    if (status != CEDE_OK) {
        return cede_status_class(status) == CEDE_CLASS_BACKEND ? status : CEDE_STATUS_SIGNATURE;
    }
    CEDE_TRY(check_rules(rules, &read));
    if (proof != NULL) {
        *proof = read;
    }
    return CEDE_OK;
}
