/* SPDX-License-Identifier: Apache-2.0 */
/* client.c - the requests of a device, and its judgement of the answers. */
#include <string.h>

#include "cede/cose.h"
#include "cede/est.h"
#include "cede/pkcs7.h"

#define DER_SEQUENCE 0x30

enum cede_status cede_est_compose_request(const struct cede_crypto *crypto,
                                          const struct cede_est_identity *identity,
                                          struct cede_buf out, struct cede_span *request)
{
    struct cede_name subject = {CEDE_NAME_TEXT, identity->device_id};

    return cede_c509_request_write(crypto, subject, &identity->public_key, &identity->key,
                                   CEDE_SPAN_NULL, out, request);
}

/* --- proof by MAC ----------------------------------------------------------------------------- */

struct cede_pop_verifier cede_est_ephemeral_verifier(int32_t hash_alg, int32_t curve,
                                                     struct cede_span g_y)
{
    struct cede_pop_verifier verifier;

    memset(&verifier, 0, sizeof verifier);
    verifier.hash_alg = hash_alg;
    verifier.kdf = CEDE_POP_KDF_HKDF;
    verifier.key = (struct cede_public_key){curve, g_y};
    return verifier;
}

struct cede_pop_verifier cede_est_certificate_verifier(int32_t hash_alg,
                                                       const struct cede_certificate *certificate)
{
    struct cede_public_key key = cede_certificate_key(certificate);
    struct cede_pop_verifier verifier = cede_est_ephemeral_verifier(hash_alg, key.curve, key.point);

    verifier.subject = certificate->subject;
    verifier.issuer = certificate->issuer;
    verifier.serial = certificate->serial;
    return verifier;
}

/* The same x: on a NIST curve the same point or the one opposite. */
static bool is_same_key(const struct cede_public_key *a, const struct cede_public_key *b)
{
    size_t len = cede_curve_private_len(a->curve);

    return a->curve == b->curve &&
           cede_span_equal(cede_span_part(a->point, 0, len), cede_span_part(b->point, 0, len));
}

/* The verifier's own key asks for no certificate: whoever sends it back holds no other. */
enum cede_status cede_est_compose_mac_request(const struct cede_crypto *crypto,
                                              const struct cede_est_identity *identity,
                                              const struct cede_pop_verifier *verifier, bool x509,
                                              struct cede_buf out, struct cede_span *request)
{
    struct cede_name subject = {CEDE_NAME_TEXT, identity->device_id};

    *request = CEDE_SPAN_NULL;
    if (is_same_key(&verifier->key, &identity->public_key)) {
        return CEDE_EST_KEY;
    }
    return x509
               ? cede_x509_request_write_mac(crypto, subject, &identity->public_key, &identity->key,
                                             verifier, CEDE_SPAN_NULL, out, request)
               : cede_c509_request_write_mac(crypto, subject, &identity->public_key, &identity->key,
                                             verifier, CEDE_SPAN_NULL, out, request);
}

/* --- answers ---------------------------------------------------------------------------------- */

/* The certificates of a certs-only message. */
static enum cede_status decode_bag(const struct cede_crypto *crypto, struct cede_span body,
                                   struct cede_certificate chain[CEDE_PATH_DEPTH_MAX],
                                   size_t *chain_count)
{
    struct cede_pkcs7 pkcs7;
    struct cede_span encoding;

    CEDE_TRY(cede_pkcs7_open(body, &pkcs7));
    while (cede_pkcs7_next(&pkcs7, &encoding)) {
        if (*chain_count == CEDE_PATH_DEPTH_MAX) {
            return CEDE_EST_BODY;
        }
        CEDE_TRY(cede_certificate_decode(encoding, crypto, &chain[*chain_count]));
        ++*chain_count;
    }
    return *chain_count > 0 ? CEDE_OK : CEDE_EST_BODY;
}

/* Decodes the certificates of a body, at most CEDE_PATH_DEPTH_MAX of them. */
static enum cede_status decode_chain(const struct cede_crypto *crypto, struct cede_span body,
                                     struct cede_certificate chain[CEDE_PATH_DEPTH_MAX],
                                     size_t *chain_count)
{
    struct cede_cose_certs certs;
    struct cede_span encoding;

    *chain_count = 0;
    if (body.len == 0) {
        return CEDE_EST_BODY;
    }
    if (cede_pkcs7_is(body)) {
        return decode_bag(crypto, body, chain, chain_count);
    }
    if (body.ptr[0] == DER_SEQUENCE) {
        CEDE_TRY(cede_certificate_decode(body, crypto, &chain[0]));
        *chain_count = 1;
        return CEDE_OK;
    }
    certs = cede_cose_certs(body);
    while (cede_cose_certs_next(&certs, &encoding)) {
        if (*chain_count == CEDE_PATH_DEPTH_MAX) {
            return CEDE_EST_BODY;
        }
        CEDE_TRY(cede_certificate_decode(encoding, crypto, &chain[*chain_count]));
        ++*chain_count;
    }
    CEDE_TRY(cede_cose_certs_finish(&certs));
    return *chain_count > 0 ? CEDE_OK : CEDE_EST_BODY;
}

static enum cede_status check_subject(const struct cede_certificate *certificate,
                                      const struct cede_est_identity *identity)
{
    struct cede_public_key key = cede_certificate_key(certificate);

    if (key.curve != identity->public_key.curve ||
        !cede_span_equal(key.point, identity->public_key.point)) {
        return CEDE_EST_KEY;
    }
    return cede_span_equal(cede_certificate_common_name(certificate), identity->device_id)
               ? CEDE_OK
               : CEDE_EST_SUBJECT;
}

static struct cede_path_rules path_rules(const struct cede_est_trust *trust)
{
    struct cede_path_rules rules = {.has_clock = trust->has_clock,
                                    .now = trust->now,
                                    .key_usage = trust->agrees ? CEDE_KU_KEY_AGREEMENT
                                                               : CEDE_KU_DIGITAL_SIGNATURE,
                                    .eku = CEDE_EKU_CLIENT_AUTH};
    return rules;
}

enum cede_status cede_est_check_certificate(const struct cede_crypto *crypto, struct cede_span body,
                                            const struct cede_est_identity *identity,
                                            const struct cede_est_trust *trust,
                                            struct cede_buf scratch, struct cede_span *certificate,
                                            bool *anchored)
{
    struct cede_certificate chain[CEDE_PATH_DEPTH_MAX];
    struct cede_path_rules rules = path_rules(trust);
    enum cede_status status = CEDE_CERTIFICATE_UNTRUSTED;
    size_t chain_count;

    *certificate = CEDE_SPAN_NULL;
    *anchored = false;
    CEDE_TRY(decode_chain(crypto, body, chain, &chain_count));
    CEDE_TRY(check_subject(&chain[0], identity));
    if (trust->anchors_count > 0) {
        status = cede_certificate_path(chain, chain_count, trust->anchors, trust->anchors_count,
                                       &rules, crypto, scratch, NULL);
    }
    if (status != CEDE_OK && status != CEDE_CERTIFICATE_UNTRUSTED) {
        return status;
    }
    *anchored = status == CEDE_OK;
    *certificate = chain[0].raw;
    return CEDE_OK;
}

enum cede_status cede_est_check_anchor(const struct cede_crypto *crypto, struct cede_span body,
                                       struct cede_span certificate,
                                       const struct cede_est_trust *trust, struct cede_buf scratch,
                                       struct cede_span *anchor)
{
    struct cede_certificate leaf, anchors[CEDE_PATH_DEPTH_MAX];
    struct cede_path_rules rules = path_rules(trust);
    size_t anchors_count, index;

    *anchor = CEDE_SPAN_NULL;
    CEDE_TRY(cede_certificate_decode(certificate, crypto, &leaf));
    CEDE_TRY(decode_chain(crypto, body, anchors, &anchors_count));
    CEDE_TRY(
        cede_certificate_path(&leaf, 1, anchors, anchors_count, &rules, crypto, scratch, &index));
    *anchor = anchors[index].raw;
    return CEDE_OK;
}

void cede_est_put_certificate(struct cede_writer *writer, struct cede_span sequence)
{
    cede_cbor_put_bytes(writer, sequence);
}
