/* SPDX-License-Identifier: Apache-2.0 */
/* c509_request.c - C509 certification requests (draft, section "C509 Certification Request"). */
#include <string.h>

#include "codec/c509/c509.h"
#include "codec/c509/extensions.h"
#include "codec/c509/name.h"
#include "codec/x509/algorithm.h"

#define TAG_PRINTABLE 121 /* ChallengePassword that was a printable string */

struct request_attribute {
    struct cede_span oid; /* null: `type` counts */
    int64_t type;
    struct cede_span value; /* encoded item; with `oid` its bytes */
};

/* Walks CRAttributes; false at the end and after a failure. */
static bool next_attribute(struct cede_reader *reader, size_t *left,
                           struct request_attribute *attribute)
{
    memset(attribute, 0, sizeof *attribute);
    if (reader->status != CEDE_OK || *left == 0) {
        return false;
    }
    --*left;
    if (cede_cbor_peek(reader) == CEDE_CBOR_BYTES) {
        attribute->oid = cede_cbor_get_bytes(reader);
        attribute->value = cede_cbor_get_bytes(reader);
    } else {
        attribute->type = cede_cbor_get_int(reader);
        attribute->value = cede_cbor_get_item(reader);
    }
    return reader->status == CEDE_OK;
}

static size_t enter_attributes(struct cede_reader *reader)
{
    size_t items = cede_cbor_get_array(reader);

    if (items % 2 != 0) {
        cede_reader_fail(reader, CEDE_CBOR_COUNT);
    }
    return items / 2;
}

/* ChallengePassword = text / #6.121(text); a native request has text only. */
static enum cede_status read_challenge(struct cede_span item, int32_t type, struct cede_span *text)
{
    struct cede_reader reader = cede_reader(item);

    if (type == CEDE_C509_X509 && cede_cbor_peek(&reader) == CEDE_CBOR_TAG &&
        cede_cbor_get_tag(&reader) != TAG_PRINTABLE) {
        return CEDE_CBOR_TYPE;
    }
    *text = cede_cbor_get_text(&reader);
    return cede_reader_finish(&reader);
}

static enum cede_status read_attributes(struct cede_c509_request *request)
{
    struct cede_reader reader = cede_reader(request->attributes);
    size_t left = enter_attributes(&reader);
    struct request_attribute attribute;

    request->ext.path_len = CEDE_PATH_LEN_NONE;
    while (next_attribute(&reader, &left, &attribute)) {
        if (attribute.oid.ptr == NULL && attribute.type == CR_EXTENSION_REQUEST) {
            if (request->extensions.ptr != NULL) {
                return CEDE_X509_EXTENSION;
            }
            request->extensions = attribute.value;
            CEDE_TRY(
                c509_extensions_decode(request->extensions, &c509_identifiers_x509, &request->ext));
        } else if (attribute.oid.ptr == NULL && attribute.type == CR_CHALLENGE_PASSWORD) {
            CEDE_TRY(read_challenge(attribute.value, request->type, &request->challenge_password));
        }
    }
    return cede_reader_finish(&reader);
}

static enum cede_status decode(struct cede_span encoding, struct cede_c509_request *request)
{
    struct cede_reader reader = cede_reader(encoding);
    int32_t value;
    size_t start;

    request->encoding = encoding;
    cede_cbor_expect_array(&reader, REQUEST_ITEMS);
    start = reader.pos;
    value = cede_cbor_get_int32(&reader);
    if (reader.status == CEDE_OK && value != CEDE_C509_NATIVE && value != CEDE_C509_X509) {
        return CEDE_C509_TYPE;
    }
    request->type = value;
    request->signature_algorithm = c509_get_algorithm(&reader, &value);
    request->signature_alg = signature_algorithm_alg(value);
    request->mac_hash = signature_algorithm_mac_hash(value);
    request->subject = c509_get_name(&reader);
    request->public_key_algorithm = c509_get_algorithm(&reader, &value);
    request->curve = certificate_curve(value);
    request->public_key_item = c509_get_bytes_item(&reader, &request->public_key);
    request->attributes = cede_cbor_get_item(&reader);
    request->tbs = cede_reader_since(&reader, start);
    request->signature_item = c509_get_bytes_item(&reader, &request->signature);
    CEDE_TRY(cede_reader_finish(&reader));
    return read_attributes(request);
}

enum cede_status cede_c509_request_decode(struct cede_span encoding,
                                          struct cede_c509_request *request)
{
    struct cede_c509_request decoded;
    enum cede_status status;

    memset(&decoded, 0, sizeof decoded);
    memset(request, 0, sizeof *request);
    status = decode(encoding, &decoded);
    if (status == CEDE_OK) {
        *request = decoded;
    }
    return status;
}

enum cede_status cede_c509_request_public_key(const struct cede_c509_request *request,
                                              const struct cede_crypto *crypto,
                                              uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX],
                                              struct cede_public_key *key)
{
    return c509_public_key(crypto, request->type, request->curve, request->public_key, point, key);
}

/* --- type 3: CertificationRequestInfo (RFC 2986, section 4.1) --------------------------------- */

static enum cede_status challenge_to_der(struct cede_writer *writer, struct cede_span item)
{
    struct cede_reader reader = cede_reader(item);
    bool printable = cede_cbor_peek(&reader) == CEDE_CBOR_TAG;

    if (printable) {
        (void)cede_cbor_get_tag(&reader);
    }
    cede_der_put(writer, printable ? CEDE_DER_PRINTABLE_STRING : CEDE_DER_UTF8_STRING,
                 cede_cbor_get_text(&reader));
    return cede_reader_finish(&reader);
}

static enum cede_status attribute_to_der(struct cede_writer *writer,
                                         const struct request_attribute *attribute)
{
    const struct registry_entry *entry = registry_find(&registry_cr, attribute->type);
    size_t sequence = cede_der_open(writer, CEDE_DER_SEQUENCE);
    size_t values;

    if (attribute->oid.ptr == NULL && entry == NULL) {
        return CEDE_C509_EXTENSION;
    }
    cede_der_put_oid(writer, attribute->oid.ptr != NULL ? attribute->oid : registry_oid(entry));
    values = cede_der_open(writer, CEDE_DER_SET);
    if (attribute->oid.ptr != NULL) {
        cede_write_bytes(writer, attribute->value);
    } else if (attribute->type == CR_EXTENSION_REQUEST) {
        CEDE_TRY(c509_extensions_to_der(writer, attribute->value));
    } else if (attribute->type == CR_CHALLENGE_PASSWORD) {
        CEDE_TRY(challenge_to_der(writer, attribute->value));
    } else {
        return CEDE_C509_EXTENSION;
    }
    cede_der_close(writer, values);
    cede_der_close(writer, sequence);
    return writer->status;
}

enum cede_status c509_request_info_to_der(struct cede_writer *writer,
                                          const struct cede_crypto *crypto,
                                          const struct cede_c509_request *request)
{
    size_t info = cede_der_open(writer, CEDE_DER_SEQUENCE);
    struct cede_reader reader = cede_reader(request->attributes);
    size_t left = enter_attributes(&reader);
    struct request_attribute attribute;
    size_t attributes;

    cede_der_put_small(writer, 0); /* v1 */
    c509_put_name_to_der(writer, request->subject);
    CEDE_TRY(c509_public_key_to_der(writer, crypto, request->public_key_algorithm,
                                    request->public_key_item));
    attributes = cede_der_open(writer, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    while (next_attribute(&reader, &left, &attribute)) {
        CEDE_TRY(attribute_to_der(writer, &attribute));
    }
    cede_der_close(writer, attributes);
    cede_der_close(writer, info);
    return reader.status != CEDE_OK ? reader.status : writer->status;
}

enum cede_status c509_request_verify(const struct cede_c509_request *request,
                                     const struct cede_public_key *key,
                                     const struct cede_crypto *crypto, struct cede_buf scratch)
{
    struct cede_span tbs = request->tbs;

    if (request->type == CEDE_C509_X509) {
        struct cede_writer writer = cede_writer(scratch);
        CEDE_TRY(c509_request_info_to_der(&writer, crypto, request));
        tbs = cede_written(&writer);
    }
    if (tbs.ptr == NULL) {
        return CEDE_NO_SPACE; /* it was only counted */
    }
    return certificate_verify(crypto, request->signature_alg, key, &tbs, &request->signature);
}

enum cede_status cede_c509_request_verify(const struct cede_c509_request *request,
                                          const struct cede_crypto *crypto, struct cede_buf scratch)
{
    uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX];
    struct cede_public_key key;

    CEDE_TRY(cede_c509_request_public_key(request, crypto, point, &key));
    return c509_request_verify(request, &key, crypto, scratch);
}

/* --- writing ---------------------------------------------------------------------------------- */

void c509_put_request_tbs(struct cede_writer *writer, const struct algorithm_entry *signature,
                          struct cede_name subject, const struct cede_public_key *public_key,
                          struct cede_span challenge_password)
{
    bool has_password = challenge_password.ptr != NULL;

    cede_cbor_put_int(writer, CEDE_C509_NATIVE);
    cede_cbor_put_int(writer, signature->value);
    cede_c509_put_name(writer, subject);
    c509_put_public_key(writer, public_key);
    cede_cbor_put_array(writer, has_password ? 2 : 0);
    if (has_password) {
        cede_cbor_put_int(writer, CR_CHALLENGE_PASSWORD);
        cede_cbor_put_text(writer, challenge_password);
    }
}

enum cede_status cede_c509_request_write(const struct cede_crypto *crypto, struct cede_name subject,
                                         const struct cede_public_key *public_key,
                                         const struct cede_private_key *private_key,
                                         struct cede_span challenge_password, struct cede_buf out,
                                         struct cede_span *request)
{
    const struct algorithm_entry *entry =
        signature_algorithm_find_alg(cede_certificate_alg(private_key->curve));
    struct cede_writer writer = cede_writer(out);
    size_t from;

    *request = CEDE_SPAN_NULL;
    if (out.ptr == NULL) {
        return CEDE_BAD_ARGUMENT;
    }
    if (entry == NULL) {
        return CEDE_CERTIFICATE_ALGORITHM;
    }
    cede_cbor_put_array(&writer, REQUEST_ITEMS);
    from = writer.len;
    c509_put_request_tbs(&writer, entry, subject, public_key, challenge_password);
    CEDE_TRY(c509_append_signature(&writer, from, crypto, private_key));
    return cede_writer_finish(&writer, request);
}
