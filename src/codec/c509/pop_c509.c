/* SPDX-License-Identifier: Apache-2.0 */
/* pop_c509.c - C509 requests with a MAC for a signature (draft, section "Subject Signature
 * Algorithm"). */
#include "codec/c509/c509.h"
#include "codec/c509/pop.h"

/* The verifier's names in the form of a native request, or null. */
static enum cede_status native_issuer(const struct cede_pop_verifier *verifier,
                                      struct cede_buf room, struct cede_span *issuer)
{
    struct cede_writer writer = cede_writer(room);

    *issuer = CEDE_SPAN_NULL;
    if (verifier->issuer.value.ptr == NULL) {
        return CEDE_OK;
    }
    cede_c509_put_name(&writer, verifier->issuer);
    return cede_writer_finish(&writer, issuer);
}

enum cede_status cede_c509_request_write_mac(const struct cede_crypto *crypto,
                                             struct cede_name subject,
                                             const struct cede_public_key *public_key,
                                             const struct cede_private_key *private_key,
                                             const struct cede_pop_verifier *verifier,
                                             struct cede_span challenge_password,
                                             struct cede_buf out, struct cede_span *request)
{
    struct cede_writer writer = cede_writer(out);
    uint8_t name[NAME_LEN_MAX], mac[POP_MAC_LEN_MAX];
    struct pop_proof proof = {CEDE_SPAN_NULL, verifier->serial, CEDE_SPAN_NULL};
    size_t from;

    *request = CEDE_SPAN_NULL;
    if (out.ptr == NULL) {
        return CEDE_BAD_ARGUMENT;
    }
    CEDE_TRY(pop_check_write(public_key, private_key, verifier));
    CEDE_TRY(native_issuer(verifier, CEDE_BUF_ARRAY(name), &proof.issuer));
    cede_cbor_put_array(&writer, REQUEST_ITEMS);
    from = writer.len;
    c509_put_request_tbs(&writer, pop_algorithm(verifier->hash_alg), subject, public_key,
                         challenge_password);
    if (writer.status != CEDE_OK) {
        return writer.status;
    }
    CEDE_TRY(pop_mac(crypto, verifier, private_key, verifier->key.point,
                     cede_span(out.ptr + from, writer.len - from), mac));
    proof.mac = cede_span(mac, cede_hash_len(verifier->hash_alg));
    pop_put(&writer, &proof);
    return cede_writer_finish(&writer, request);
}

/* The bytes that are MACed: of type 3 the DER rebuilt in `scratch`. */
static enum cede_status request_text(const struct cede_c509_request *request,
                                     const struct cede_crypto *crypto, struct cede_buf scratch,
                                     struct cede_span *text)
{
    struct cede_writer writer = cede_writer(scratch);

    *text = request->tbs;
    if (request->type != CEDE_C509_X509) {
        return CEDE_OK;
    }
    if (scratch.ptr == NULL) {
        return CEDE_NO_SPACE;
    }
    CEDE_TRY(c509_request_info_to_der(&writer, crypto, request));
    return cede_writer_finish(&writer, text);
}

enum cede_status cede_c509_request_verify_mac(const struct cede_c509_request *request,
                                              const struct cede_crypto *crypto,
                                              const struct cede_pop_verifier *verifier,
                                              const struct cede_private_key *verifier_key,
                                              struct cede_buf scratch)
{
    uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX], mac[POP_MAC_LEN_MAX];
    struct cede_public_key key;
    struct pop_proof proof;
    struct cede_span text;
    enum cede_status status;

    if (request->mac_hash == 0 || request->mac_hash != verifier->hash_alg ||
        request->curve != verifier_key->curve) {
        return CEDE_CERTIFICATE_ALGORITHM;
    }
    CEDE_TRY(pop_decode(request->signature_item, &proof));
    CEDE_TRY(cede_c509_request_public_key(request, crypto, point, &key));
    CEDE_TRY(request_text(request, crypto, scratch, &text));
    status = pop_mac(crypto, verifier, verifier_key, key.point, text, mac);
    if (status == CEDE_OK) {
        status =
            pop_check(&proof, verifier, pop_is_issuer(verifier, CEDE_NAME_C509, proof.issuer), mac);
    }
    cede_wipe(mac, sizeof mac);
    return status;
}
