/* SPDX-License-Identifier: Apache-2.0 */
/* ocsp.c - OCSPRequest read, OCSPResponse written, in RFC 6960's order. */
#include "server/common/ocsp.h"

#include <string.h>

#include <openssl/evp.h>

#include "cede/der.h"

static const uint8_t oid_sha1[] = {0x2b, 0x0e, 0x03, 0x02, 0x1a};
static const uint8_t oid_sha256[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01};
/* id-pkix-ocsp-basic, id-pkix-ocsp-nonce. */
static const uint8_t oid_basic[] = {0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1};
static const uint8_t oid_nonce[] = {0x2b, 6, 1, 5, 5, 7, 0x30, 1, 2};

/* --- requests --------------------------------------------------------------------------------- */

static enum cede_status read_cert_id(struct cede_span raw, struct ocsp_cert_id *id)
{
    struct cede_reader whole = cede_reader(raw);
    struct cede_reader reader = cede_der_enter(&whole, CEDE_DER_SEQUENCE);
    struct cede_reader algorithm = cede_der_enter(&reader, CEDE_DER_SEQUENCE);
    struct cede_span oid = cede_der_get(&algorithm, CEDE_DER_OID);

    if (cede_reader_left(&algorithm) > 0) {
        (void)cede_der_get(&algorithm, CEDE_DER_NULL);
    }
    id->raw = raw;
    id->is_sha1 = cede_span_equal(oid, CEDE_SPAN_ARRAY(oid_sha1));
    id->is_sha256 = cede_span_equal(oid, CEDE_SPAN_ARRAY(oid_sha256));
    id->name_hash = cede_der_get(&reader, CEDE_DER_OCTET_STRING);
    id->key_hash = cede_der_get(&reader, CEDE_DER_OCTET_STRING);
    id->serial = cede_der_get_unsigned(&reader);
    CEDE_TRY(cede_reader_finish(&algorithm));
    CEDE_TRY(cede_reader_finish(&reader));
    return cede_reader_finish(&whole);
}

/* requestList; singleRequestExtensions are optional, and so is knowing any. */
static enum cede_status read_requests(struct cede_reader *tbs, struct ocsp_request *request)
{
    struct cede_reader list = cede_der_enter(tbs, CEDE_DER_SEQUENCE);

    while (list.status == CEDE_OK && cede_reader_left(&list) > 0) {
        struct cede_reader one = cede_der_enter(&list, CEDE_DER_SEQUENCE);
        struct cede_span raw = cede_der_get_value(&one);

        if (one.status == CEDE_OK && cede_reader_left(&one) > 0) {
            (void)cede_der_get(&one, CEDE_DER_CONTEXT_CONSTRUCTED(0));
        }
        CEDE_TRY(cede_reader_finish(&one));
        if (request->count == OCSP_REQUESTS_MAX) {
            return CEDE_DER_VALUE;
        }
        CEDE_TRY(read_cert_id(raw, &request->ids[request->count]));
        request->count++;
    }
    CEDE_TRY(cede_reader_finish(&list));
    return request->count > 0 ? CEDE_OK : CEDE_DER_VALUE;
}

/* Nonce ::= OCTET STRING (SIZE (1..128)). */
static enum cede_status read_nonce(struct cede_span value, struct cede_span *nonce)
{
    struct cede_reader reader = cede_reader(value);
    struct cede_span bytes = cede_der_get(&reader, CEDE_DER_OCTET_STRING);

    CEDE_TRY(cede_reader_finish(&reader));
    if (bytes.len == 0 || bytes.len > OCSP_NONCE_MAX || nonce->ptr != NULL) {
        return CEDE_DER_VALUE;
    }
    *nonce = bytes;
    return CEDE_OK;
}

static enum cede_status read_extension(struct cede_reader *list, struct ocsp_request *request)
{
    struct cede_reader extension = cede_der_enter(list, CEDE_DER_SEQUENCE);
    struct cede_span oid = cede_der_get(&extension, CEDE_DER_OID);
    bool critical = cede_der_peek(&extension) == CEDE_DER_BOOLEAN && cede_der_get_bool(&extension);
    struct cede_span value = cede_der_get(&extension, CEDE_DER_OCTET_STRING);

    CEDE_TRY(cede_reader_finish(&extension));
    if (cede_span_equal(oid, CEDE_SPAN_ARRAY(oid_nonce))) {
        return read_nonce(value, &request->nonce);
    }
    return critical ? CEDE_X509_EXTENSION : CEDE_OK;
}

static enum cede_status read_extensions(struct cede_reader *tbs, struct ocsp_request *request)
{
    struct cede_reader context = cede_der_enter(tbs, CEDE_DER_CONTEXT_CONSTRUCTED(2));
    struct cede_reader list = cede_der_enter(&context, CEDE_DER_SEQUENCE);

    CEDE_TRY(cede_reader_finish(&context));
    while (list.status == CEDE_OK && cede_reader_left(&list) > 0) {
        CEDE_TRY(read_extension(&list, request));
    }
    return cede_reader_finish(&list);
}

static enum cede_status read_tbs(struct cede_reader *tbs, struct ocsp_request *request)
{
    if (cede_der_peek(tbs) == CEDE_DER_CONTEXT_CONSTRUCTED(0)) { /* version */
        struct cede_reader version = cede_der_enter(tbs, CEDE_DER_CONTEXT_CONSTRUCTED(0));
        if (cede_der_get_small(&version) != 0 || cede_reader_finish(&version) != CEDE_OK) {
            return CEDE_DER_VALUE;
        }
    }
    if (cede_der_peek(tbs) ==
        CEDE_DER_CONTEXT_CONSTRUCTED(1)) { /* requestorName: told, not shown */
        (void)cede_der_get(tbs, CEDE_DER_CONTEXT_CONSTRUCTED(1));
    }
    CEDE_TRY(read_requests(tbs, request));
    if (cede_reader_left(tbs) > 0) {
        CEDE_TRY(read_extensions(tbs, request));
    }
    return cede_reader_finish(tbs);
}

enum cede_status ocsp_request_decode(struct cede_span der, struct ocsp_request *request)
{
    struct cede_reader whole = cede_reader(der);
    struct cede_reader reader = cede_der_enter(&whole, CEDE_DER_SEQUENCE);
    struct cede_reader tbs = cede_der_enter(&reader, CEDE_DER_SEQUENCE);
    struct ocsp_request read = {.count = 0};

    memset(request, 0, sizeof *request);
    if (reader.status == CEDE_OK && cede_reader_left(&reader) > 0) { /* optionalSignature */
        (void)cede_der_get(&reader, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    }
    CEDE_TRY(cede_reader_finish(&reader));
    CEDE_TRY(cede_reader_finish(&whole));
    CEDE_TRY(read_tbs(&tbs, &read));
    *request = read;
    return CEDE_OK;
}

/* --- who the issuer is ------------------------------------------------------------------------ */

static enum cede_status digest(const EVP_MD *kind, const struct cede_span *parts, size_t count,
                               uint8_t *out)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool done = context != NULL && EVP_DigestInit_ex(context, kind, NULL) == 1;

    for (size_t i = 0; done && i < count; i++) {
        done = EVP_DigestUpdate(context, parts[i].ptr, parts[i].len) == 1;
    }
    done = done && EVP_DigestFinal_ex(context, out, NULL) == 1;
    EVP_MD_CTX_free(context);
    return done ? CEDE_OK : CEDE_SERVER_FAILED;
}

/* The bytes of subjectPublicKey: 04 x y for the NIST curves. */
static enum cede_status digest_key(const EVP_MD *kind, const struct cede_public_key *key,
                                   uint8_t *out)
{
    static const uint8_t uncompressed[] = {0x04};
    struct cede_span parts[] = {CEDE_SPAN_ARRAY(uncompressed), key->point};
    bool nist = key->curve == CEDE_CRV_P256 || key->curve == CEDE_CRV_P384;

    return digest(kind, nist ? parts : parts + 1, nist ? 2 : 1, out);
}

enum cede_status ocsp_key_hash(const struct cede_public_key *key, uint8_t hash[OCSP_SHA1_LEN])
{
    return digest_key(EVP_sha1(), key, hash);
}

enum cede_status ocsp_issuer_init(struct ocsp_issuer *issuer,
                                  const struct cede_certificate *certificate)
{
    struct cede_public_key key = cede_certificate_key(certificate);
    uint8_t memory[1024];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
    struct cede_span name;

    cede_x509_put_name(&writer, certificate->subject);
    CEDE_TRY(cede_writer_finish(&writer, &name));
    CEDE_TRY(digest(EVP_sha1(), &name, 1, issuer->sha1_name));
    CEDE_TRY(digest(EVP_sha256(), &name, 1, issuer->sha256_name));
    CEDE_TRY(digest_key(EVP_sha1(), &key, issuer->sha1_key));
    return digest_key(EVP_sha256(), &key, issuer->sha256_key);
}

bool ocsp_issuer_is(const struct ocsp_issuer *issuer, const struct ocsp_cert_id *id)
{
    if (id->is_sha1) {
        return cede_span_equal(id->name_hash, CEDE_SPAN_ARRAY(issuer->sha1_name)) &&
               cede_span_equal(id->key_hash, CEDE_SPAN_ARRAY(issuer->sha1_key));
    }
    return id->is_sha256 && cede_span_equal(id->name_hash, CEDE_SPAN_ARRAY(issuer->sha256_name)) &&
           cede_span_equal(id->key_hash, CEDE_SPAN_ARRAY(issuer->sha256_key));
}

enum cede_status ocsp_cert_id_encode(const struct ocsp_issuer *issuer, struct cede_span serial,
                                     struct cede_buf out, struct ocsp_cert_id *id)
{
    struct cede_writer writer = cede_writer(out);
    size_t mark = cede_der_open(&writer, CEDE_DER_SEQUENCE);
    size_t algorithm = cede_der_open(&writer, CEDE_DER_SEQUENCE);
    struct cede_span raw;

    cede_der_put_oid(&writer, CEDE_SPAN_ARRAY(oid_sha1));
    cede_der_put_null(&writer);
    cede_der_close(&writer, algorithm);
    cede_der_put(&writer, CEDE_DER_OCTET_STRING, CEDE_SPAN_ARRAY(issuer->sha1_name));
    cede_der_put(&writer, CEDE_DER_OCTET_STRING, CEDE_SPAN_ARRAY(issuer->sha1_key));
    cede_der_put_unsigned(&writer, serial);
    cede_der_close(&writer, mark);
    CEDE_TRY(cede_writer_finish(&writer, &raw));
    return read_cert_id(raw, id);
}

/* --- responses -------------------------------------------------------------------------------- */

/* RevokedInfo, implicitly tagged. */
static void put_revoked(struct cede_writer *writer, const struct ocsp_single *single)
{
    uint8_t code = (uint8_t)single->reason;
    size_t mark = cede_der_open(writer, CEDE_DER_CONTEXT_CONSTRUCTED(1));

    cede_der_put_generalized_time(writer, single->revoked_at);
    if (single->reason != 0) {
        size_t reason = cede_der_open(writer, CEDE_DER_CONTEXT_CONSTRUCTED(0));
        cede_der_put(writer, CEDE_DER_ENUMERATED, cede_span(&code, 1));
        cede_der_close(writer, reason);
    }
    cede_der_close(writer, mark);
}

static void put_single(struct cede_writer *writer, const struct ocsp_single *single)
{
    size_t mark = cede_der_open(writer, CEDE_DER_SEQUENCE);
    size_t next;

    cede_write_bytes(writer, single->cert_id);
    if (single->status == OCSP_REVOKED) {
        put_revoked(writer, single);
    } else { /* good [0] IMPLICIT NULL, unknown [2] IMPLICIT NULL */
        cede_der_put(writer, CEDE_DER_CONTEXT(single->status == OCSP_GOOD ? 0 : 2),
                     CEDE_SPAN_TEXT(""));
    }
    cede_der_put_generalized_time(writer, single->this_update);
    next = cede_der_open(writer, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    cede_der_put_generalized_time(writer, single->next_update);
    cede_der_close(writer, next);
    cede_der_close(writer, mark);
}

static void put_nonce(struct cede_writer *writer, struct cede_span nonce)
{
    size_t context = cede_der_open(writer, CEDE_DER_CONTEXT_CONSTRUCTED(1));
    size_t list = cede_der_open(writer, CEDE_DER_SEQUENCE);
    size_t extension = cede_der_open(writer, CEDE_DER_SEQUENCE);
    size_t value;

    cede_der_put_oid(writer, CEDE_SPAN_ARRAY(oid_nonce));
    value = cede_der_open(writer, CEDE_DER_OCTET_STRING);
    cede_der_put(writer, CEDE_DER_OCTET_STRING, nonce);
    cede_der_close(writer, value);
    cede_der_close(writer, extension);
    cede_der_close(writer, list);
    cede_der_close(writer, context);
}

/* ResponseData, with the responder named by its key (RFC 5019, section 2.2.1). */
static void put_data(struct cede_writer *writer, const struct ocsp_responder *responder,
                     const struct ocsp_single *singles, size_t count, uint64_t produced_at,
                     struct cede_span nonce)
{
    size_t data = cede_der_open(writer, CEDE_DER_SEQUENCE);
    size_t mark = cede_der_open(writer, CEDE_DER_CONTEXT_CONSTRUCTED(2));

    cede_der_put(writer, CEDE_DER_OCTET_STRING, CEDE_SPAN_ARRAY(responder->key_hash));
    cede_der_close(writer, mark);
    cede_der_put_generalized_time(writer, produced_at);
    mark = cede_der_open(writer, CEDE_DER_SEQUENCE);
    for (size_t i = 0; i < count; i++) {
        put_single(writer, &singles[i]);
    }
    cede_der_close(writer, mark);
    if (nonce.ptr != NULL) {
        put_nonce(writer, nonce);
    }
    cede_der_close(writer, data);
}

static enum cede_status put_basic(struct cede_writer *writer,
                                  const struct ocsp_responder *responder,
                                  const struct ocsp_single *singles, size_t count,
                                  uint64_t produced_at, struct cede_span nonce)
{
    int32_t alg = cede_certificate_alg(responder->key.curve);
    size_t basic = cede_der_open(writer, CEDE_DER_SEQUENCE);
    size_t from = writer->len, certificates, list, signature_len = 0;
    uint8_t signature[CEDE_SIGNATURE_LEN_MAX];
    struct cede_span data;

    put_data(writer, responder, singles, count, produced_at, nonce);
    CEDE_TRY(writer->status);
    data = cede_span_part(cede_written(writer), from, writer->len - from);
    CEDE_TRY(responder->crypto->sign(responder->crypto->context, alg, &responder->key, &data, 1,
                                     signature, &signature_len));
    cede_x509_put_algorithm(writer, alg);
    cede_x509_put_signature(writer, alg, cede_span(signature, signature_len));
    certificates = cede_der_open(writer, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    list = cede_der_open(writer, CEDE_DER_SEQUENCE);
    cede_write_bytes(writer, responder->certificate);
    cede_der_close(writer, list);
    cede_der_close(writer, certificates);
    cede_der_close(writer, basic);
    return writer->status;
}

static void put_status(struct cede_writer *writer, int status)
{
    uint8_t code = (uint8_t)status;

    cede_der_put(writer, CEDE_DER_ENUMERATED, cede_span(&code, 1));
}

enum cede_status ocsp_respond(const struct ocsp_responder *responder,
                              const struct ocsp_single *singles, size_t count, uint64_t produced_at,
                              struct cede_span nonce, struct cede_buf out,
                              struct cede_span *response)
{
    struct cede_writer writer = cede_writer(out);
    size_t whole = cede_der_open(&writer, CEDE_DER_SEQUENCE);
    size_t context, bytes, basic;

    *response = CEDE_SPAN_NULL;
    put_status(&writer, OCSP_SUCCESSFUL);
    context = cede_der_open(&writer, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    bytes = cede_der_open(&writer, CEDE_DER_SEQUENCE);
    cede_der_put_oid(&writer, CEDE_SPAN_ARRAY(oid_basic));
    basic = cede_der_open(&writer, CEDE_DER_OCTET_STRING);
    CEDE_TRY(put_basic(&writer, responder, singles, count, produced_at, nonce));
    cede_der_close(&writer, basic);
    cede_der_close(&writer, bytes);
    cede_der_close(&writer, context);
    cede_der_close(&writer, whole);
    return cede_writer_finish(&writer, response);
}

enum cede_status ocsp_error(int status, struct cede_buf out, struct cede_span *response)
{
    struct cede_writer writer = cede_writer(out);
    size_t mark = cede_der_open(&writer, CEDE_DER_SEQUENCE);

    put_status(&writer, status);
    cede_der_close(&writer, mark);
    return cede_writer_finish(&writer, response);
}
