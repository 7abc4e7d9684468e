/* SPDX-License-Identifier: Apache-2.0 */
/* c509_request_convert.c - PKCS #10 to C509 type 3 and back, turned back at once as certificates.
 */
#include "codec/c509/c509.h"
#include "codec/c509/name.h"
#include "codec/c509/pop.h"
#include "codec/x509/algorithm.h"
#include "codec/x509/x509.h"

#define TAG_PRINTABLE 121 /* ChallengePassword that is a printable string */

/* --- attributes ------------------------------------------------------------------------------- */

/* The attributes have been read as a request's before: each has its SET, with one value where only
 * one may be. */

/* ChallengePassword has two of the string types that PKCS #9 allows. */
static enum cede_status put_challenge(struct cede_writer *writer, struct cede_span values)
{
    struct cede_reader reader = cede_reader(values);
    uint8_t tag;
    struct cede_span text = cede_der_get_any(&reader, &tag);

    if (tag != CEDE_DER_UTF8_STRING && tag != CEDE_DER_PRINTABLE_STRING) {
        return CEDE_C509_NOT_EXPRESSIBLE;
    }
    cede_cbor_put_int(writer, CR_CHALLENGE_PASSWORD);
    if (tag == CEDE_DER_PRINTABLE_STRING) {
        cede_cbor_put_tag(writer, TAG_PRINTABLE);
    }
    cede_cbor_put_text(writer, text);
    return writer->status;
}

static enum cede_status put_extension_request(struct cede_writer *writer, struct cede_span values,
                                              struct cede_buf scratch)
{
    struct cede_reader reader = cede_reader(values);
    struct cede_span extensions = cede_der_get(&reader, CEDE_DER_SEQUENCE);

    cede_cbor_put_int(writer, CR_EXTENSION_REQUEST);
    c509_put_extensions_from_der(writer, extensions, scratch);
    return writer->status;
}

/* Attribute ::= SEQUENCE { type, values SET }; what has no form of its own keeps its DER. */
static enum cede_status put_attribute(struct cede_writer *writer, struct cede_reader *attributes,
                                      struct cede_buf scratch)
{
    struct cede_reader inner = cede_der_enter(attributes, CEDE_DER_SEQUENCE);
    struct cede_span oid = cede_der_get(&inner, CEDE_DER_OID);
    struct cede_span values = cede_der_get(&inner, CEDE_DER_SET);
    const struct registry_entry *entry = registry_find_oid(&registry_cr, oid);

    CEDE_TRY(cede_reader_finish(&inner));
    if (entry != NULL && entry->value == CR_CHALLENGE_PASSWORD) {
        return put_challenge(writer, values);
    }
    if (entry != NULL && entry->value == CR_EXTENSION_REQUEST) {
        return put_extension_request(writer, values, scratch);
    }
    cede_cbor_put_bytes(writer, oid);
    cede_cbor_put_bytes(writer, values);
    return writer->status;
}

static enum cede_status put_attributes(struct cede_writer *writer, struct cede_span attributes,
                                       struct cede_buf scratch)
{
    struct cede_reader reader = cede_reader(attributes);

    cede_cbor_put_array(writer, cede_der_count(attributes) * 2);
    while (!cede_reader_at_end(&reader)) {
        CEDE_TRY(put_attribute(writer, &reader, scratch));
    }
    return writer->status;
}

/* --- requests --------------------------------------------------------------------------------- */

/* DhSigStatic from DER, when possession is proved by a MAC. */
static enum cede_status put_proof(struct cede_writer *writer, struct cede_span bits)
{
    struct pop_proof proof;

    CEDE_TRY(pop_decode_der(bits, &proof));
    if (proof.issuer.ptr != NULL) {
        cede_cbor_put_array(writer, 3);
        c509_put_name_from_der(writer, proof.issuer, false);
        cede_cbor_put_bytes(writer, proof.serial);
    }
    cede_cbor_put_bytes(writer, proof.mac);
    return writer->status;
}

static enum cede_status proof_to_der(struct cede_writer *writer, struct cede_span item)
{
    size_t bits = cede_der_open(writer, CEDE_DER_BIT_STRING);
    struct pop_proof proof;
    size_t proof_mark, source;

    CEDE_TRY(pop_decode(item, &proof));
    cede_write_u8(writer, 0); /* unused bits */
    proof_mark = cede_der_open(writer, CEDE_DER_SEQUENCE);
    if (proof.issuer.ptr != NULL) {
        source = cede_der_open(writer, CEDE_DER_SEQUENCE);
        c509_put_name_to_der(writer, proof.issuer);
        cede_der_put_unsigned(writer, proof.serial);
        cede_der_close(writer, source);
    }
    cede_der_put(writer, CEDE_DER_OCTET_STRING, proof.mac);
    cede_der_close(writer, proof_mark);
    cede_der_close(writer, bits);
    return writer->status;
}

static enum cede_status put_request(struct cede_writer *writer, const struct cede_crypto *crypto,
                                    const struct cede_x509_request *pkcs10, struct cede_buf scratch)
{
    const struct algorithm_entry *signature =
        signature_algorithm_find_der(algorithm_contents(pkcs10->signature_algorithm));
    const struct algorithm_entry *key;
    struct cede_span algorithm, bits;

    CEDE_TRY(x509_public_key_info_decode(pkcs10->public_key_info, &algorithm, &bits));
    key = key_algorithm_find_der(algorithm_contents(algorithm));
    cede_cbor_put_array(writer, REQUEST_ITEMS);
    cede_cbor_put_int(writer, CEDE_C509_X509);
    c509_put_algorithm_from_der(writer, pkcs10->signature_algorithm, signature);
    c509_put_name_from_der(writer, pkcs10->subject, false);
    c509_put_algorithm_from_der(writer, algorithm, key);
    c509_put_key_from_der(writer, crypto, key, bits);
    CEDE_TRY(put_attributes(writer, pkcs10->attributes, scratch));
    if (pkcs10->mac_hash != 0) {
        return put_proof(writer, pkcs10->signature_bits);
    }
    c509_put_signature_from_der(writer, signature, key, pkcs10->signature_bits);
    return writer->status;
}

enum cede_status cede_c509_request_from_x509(const struct cede_crypto *crypto, struct cede_span der,
                                             struct cede_buf scratch, struct cede_buf out,
                                             struct cede_span *request)
{
    struct cede_writer writer = cede_writer(out);
    struct cede_x509_request pkcs10;
    struct cede_span written, back;
    enum cede_status status;

    *request = CEDE_SPAN_NULL;
    CEDE_TRY(cede_x509_request_decode(der, &pkcs10));
    CEDE_TRY(put_request(&writer, crypto, &pkcs10, scratch));
    written = cede_written(&writer);
    status = cede_c509_request_to_x509(crypto, written, scratch, &back);
    if (status == CEDE_NO_SPACE) {
        return status;
    }
    if (status != CEDE_OK || !cede_span_equal(back, der)) {
        return CEDE_C509_NOT_EXPRESSIBLE;
    }
    *request = written;
    return CEDE_OK;
}

enum cede_status cede_c509_request_to_x509(const struct cede_crypto *crypto,
                                           struct cede_span encoding, struct cede_buf out,
                                           struct cede_span *der)
{
    struct cede_writer writer = cede_writer(out);
    size_t mark = cede_der_open(&writer, CEDE_DER_SEQUENCE);
    const struct algorithm_entry *entry;
    struct cede_c509_request request;

    *der = CEDE_SPAN_NULL;
    CEDE_TRY(cede_c509_request_decode(encoding, &request));
    if (request.type != CEDE_C509_X509) {
        return CEDE_C509_TYPE;
    }
    CEDE_TRY(c509_request_info_to_der(&writer, crypto, &request));
    CEDE_TRY(
        c509_algorithm_to_der(&writer, request.signature_algorithm, ALGORITHM_SIGNATURE, &entry));
    if (request.mac_hash != 0) {
        CEDE_TRY(proof_to_der(&writer, request.signature_item));
    } else if (request.signature.ptr == NULL) {
        return CEDE_CBOR_TYPE;
    } else {
        CEDE_TRY(c509_signature_to_der(&writer, entry, request.signature));
    }
    cede_der_close(&writer, mark);
    return cede_writer_finish(&writer, der);
}
