/* SPDX-License-Identifier: Apache-2.0 */
/* pop_x509.c - PKCS #10 requests with a MAC for a signature (RFC 6955, section 6), and either. */
#include <string.h>

#include "cede/certificate.h"
#include "codec/c509/pop.h"
#include "codec/x509/name.h"
#include "codec/x509/x509.h"

/* DhSigStatic ::= SEQUENCE { issuerAndSerial IssuerAndSerialNumber OPTIONAL, hashValue OCTET STRING
 * }. */
enum cede_status pop_decode_der(struct cede_span bits, struct pop_proof *proof)
{
    struct cede_reader outer = cede_reader(bits);
    struct cede_reader inner = cede_der_enter(&outer, CEDE_DER_SEQUENCE);

    memset(proof, 0, sizeof *proof);
    if (cede_der_peek(&inner) == CEDE_DER_SEQUENCE) {
        struct cede_reader source = cede_der_enter(&inner, CEDE_DER_SEQUENCE);
        proof->issuer = cede_der_get_value(&source);
        proof->serial = cede_der_get_unsigned(&source);
        CEDE_TRY(cede_reader_finish(&source));
        CEDE_TRY(x509_name_check(proof->issuer));
    }
    proof->mac = cede_der_get(&inner, CEDE_DER_OCTET_STRING);
    CEDE_TRY(cede_reader_finish(&inner));
    return cede_reader_finish(&outer);
}

void pop_put_der(struct cede_writer *writer, const struct pop_proof *proof)
{
    size_t mark = cede_der_open(writer, CEDE_DER_SEQUENCE);

    if (proof->issuer.ptr != NULL) {
        size_t source = cede_der_open(writer, CEDE_DER_SEQUENCE);
        cede_write_bytes(writer, proof->issuer);
        cede_der_put_unsigned(writer, proof->serial);
        cede_der_close(writer, source);
    }
    cede_der_put(writer, CEDE_DER_OCTET_STRING, proof->mac);
    cede_der_close(writer, mark);
}

enum cede_status cede_x509_request_write_mac(const struct cede_crypto *crypto,
                                             struct cede_name subject,
                                             const struct cede_public_key *public_key,
                                             const struct cede_private_key *private_key,
                                             const struct cede_pop_verifier *verifier,
                                             struct cede_span challenge_password,
                                             struct cede_buf out, struct cede_span *der)
{
    const struct algorithm_entry *entry = pop_algorithm(verifier->hash_alg);
    struct pop_proof proof = {verifier->issuer.value, verifier->serial, CEDE_SPAN_NULL};
    struct cede_writer writer = cede_writer(out);
    size_t request = cede_der_open(&writer, CEDE_DER_SEQUENCE);
    size_t from = writer.len;
    uint8_t mac[POP_MAC_LEN_MAX];
    size_t bits;

    *der = CEDE_SPAN_NULL;
    if (out.ptr == NULL || (proof.issuer.ptr != NULL && verifier->issuer.form != CEDE_NAME_DER)) {
        return CEDE_BAD_ARGUMENT;
    }
    CEDE_TRY(pop_check_write(public_key, private_key, verifier));
    x509_put_request_info(&writer, subject, public_key, challenge_password);
    if (writer.status != CEDE_OK) {
        return writer.status;
    }
    CEDE_TRY(pop_mac(crypto, verifier, private_key, verifier->key.point,
                     cede_span(out.ptr + from, writer.len - from), mac));
    proof.mac = cede_span(mac, cede_hash_len(verifier->hash_alg));
    cede_der_put(&writer, CEDE_DER_SEQUENCE, cede_span(entry->der, entry->der_len));
    bits = cede_der_open(&writer, CEDE_DER_BIT_STRING);
    cede_write_u8(&writer, 0); /* unused bits */
    pop_put_der(&writer, &proof);
    cede_der_close(&writer, bits);
    cede_der_close(&writer, request);
    return cede_writer_finish(&writer, der);
}

enum cede_status cede_x509_request_verify_mac(const struct cede_x509_request *request,
                                              const struct cede_crypto *crypto,
                                              const struct cede_pop_verifier *verifier,
                                              const struct cede_private_key *verifier_key)
{
    uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX], mac[POP_MAC_LEN_MAX];
    struct cede_public_key key;
    struct pop_proof proof;
    enum cede_status status;

    if (request->mac_hash == 0 || request->mac_hash != verifier->hash_alg ||
        request->curve != verifier_key->curve) {
        return CEDE_CERTIFICATE_ALGORITHM;
    }
    CEDE_TRY(pop_decode_der(request->signature_bits, &proof));
    CEDE_TRY(cede_x509_request_public_key(request, crypto, point, &key));
    status = pop_mac(crypto, verifier, verifier_key, key.point, request->info, mac);
    if (status == CEDE_OK) {
        status =
            pop_check(&proof, verifier, pop_is_issuer(verifier, CEDE_NAME_DER, proof.issuer), mac);
    }
    cede_wipe(mac, sizeof mac);
    return status;
}

/* --- either ----------------------------------------------------------------------------------- */

enum cede_status cede_request_verify_mac(const struct cede_request *request,
                                         const struct cede_crypto *crypto,
                                         const struct cede_pop_verifier *verifier,
                                         const struct cede_private_key *verifier_key,
                                         struct cede_buf scratch)
{
    struct cede_x509_request x509;
    struct cede_c509_request c509;

    if (request->format == CEDE_CERTIFICATE_X509) {
        CEDE_TRY(cede_x509_request_decode(request->raw, &x509));
        return cede_x509_request_verify_mac(&x509, crypto, verifier, verifier_key);
    }
    CEDE_TRY(cede_c509_request_decode(request->raw, &c509));
    return cede_c509_request_verify_mac(&c509, crypto, verifier, verifier_key, scratch);
}
