/* SPDX-License-Identifier: Apache-2.0 */
/* est_https.c - RFC 7030's paths, base64 and CMS around the enrolment service. */
#include "server/ca/est_https.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "cede/cbor.h"
#include "cede/est.h"
#include "cede/pkcs7.h"
#include "server/common/log.h"

#define TYPE_PKCS10   "application/pkcs10"
#define TYPE_CERTS    "application/pkcs7-mime; smime-type=certs-only"
#define TYPE_CACERTS  "application/pkcs7-mime"
#define TYPE_CSRATTRS "application/csrattrs"
#define BODY_MAX      8192 /* a request of a device has a few hundred bytes; base64 */
#define ANSWER_MAX    8192

/* --- base64 ----------------------------------------------------------------------------------- */

/* White space between the characters is allowed, as RFC 8951, section 3.1 wants it. */
static enum cede_status from_base64(struct cede_span text, struct cede_buf out,
                                    struct cede_span *bytes)
{
    EVP_ENCODE_CTX *context = EVP_ENCODE_CTX_new();
    int len = 0;
    int rest = 0;
    bool done = context != NULL && text.len > 0 && text.len <= BODY_MAX && out.cap >= text.len;

    if (done) {
        EVP_DecodeInit(context);
        done = EVP_DecodeUpdate(context, out.ptr, &len, text.ptr, (int)text.len) >= 0 &&
               EVP_DecodeFinal(context, out.ptr + len, &rest) == 1 && len + rest > 0;
    }
    EVP_ENCODE_CTX_free(context);
    *bytes = done ? cede_span(out.ptr, (size_t)(len + rest)) : CEDE_SPAN_NULL;
    return done ? CEDE_OK : CEDE_CA_BASE64;
}

/* Lines of 64 characters; null when `out` is too small. */
static struct cede_span to_base64(struct cede_span bytes, struct cede_buf out)
{
    EVP_ENCODE_CTX *context = EVP_ENCODE_CTX_new();
    int len = 0;
    int rest = 0;

    if (context == NULL || bytes.len > ANSWER_MAX || out.cap < 2 * ANSWER_MAX) {
        EVP_ENCODE_CTX_free(context);
        return CEDE_SPAN_NULL;
    }
    EVP_EncodeInit(context);
    EVP_EncodeUpdate(context, out.ptr, &len, bytes.ptr, (int)bytes.len);
    EVP_EncodeFinal(context, out.ptr + len, &rest);
    EVP_ENCODE_CTX_free(context);
    return cede_span(out.ptr, (size_t)(len + rest));
}

/* An answer that was never written is a 500. */
static void answer_base64(struct https_response *response, const char *type, struct cede_span bytes)
{
    uint8_t text[2 * ANSWER_MAX];
    struct cede_span encoded = to_base64(bytes, CEDE_BUF_ARRAY(text));

    if (!cede_span_is_null(encoded)) {
        https_answer(response, 200, type, encoded);
        https_answer_header(response, "Content-Transfer-Encoding", "base64");
    }
}

/* --- answers ---------------------------------------------------------------------------------- */

static void answer_certificates(struct https_response *response, const char *type,
                                const struct cede_span *certificates, size_t count)
{
    uint8_t memory[ANSWER_MAX];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
    struct cede_span message;

    cede_pkcs7_put_certs(&writer, certificates, count);
    if (cede_writer_finish(&writer, &message) == CEDE_OK) {
        answer_base64(response, type, message);
    }
}

static int http_status(enum cede_status status)
{
    switch (status) {
    case CEDE_CA_TOKEN:
        return 404;
    case CEDE_CA_UNKNOWN:
        return 403;
    case CEDE_CA_OTHER_HOLDER:
        return 503; /* the other holder may let go: try again */
    default:
        break;
    }
    switch (cede_status_class(status)) {
    case CEDE_CLASS_STATE:
    case CEDE_CLASS_POLICY:
        return 403;
    case CEDE_CLASS_BLOCKED:
        return 503;
    case CEDE_CLASS_BACKEND:
    case CEDE_CLASS_INTERNAL:
    case CEDE_CLASS_SPACE:
        return 500;
    default:
        return 400;
    }
}

/* Refusals are told and noted down once, with the reason; what failed inside is noted down only. Of
 * the path the operation alone: there may be a token in it. */
static void refuse(struct https_response *response, const char *path, const char *by,
                   enum cede_status status, const char *detail)
{
    const char *operation = strrchr(path, '/') == NULL ? path : strrchr(path, '/') + 1;
    int code = http_status(status);
    char text[256];

    snprintf(text, sizeof text, "%s\n",
             code == 500 ? "something is wrong here" : cede_status_reason(status));
    if (by[0] == '\0') {
        log_stranger("est: %s without a certificate: %s", operation, cede_status_reason(status));
    } else {
        log_warning("est: %s by '%s': %s%s%s", operation, by, cede_status_reason(status),
                    detail[0] == '\0' ? "" : ": ", detail);
    }
    https_answer(response, code, "text/plain; charset=utf-8", cede_span_string(text));
}

/* --- operations ------------------------------------------------------------------------------- */

static void get_cacerts(struct est_https *door, const struct https_request *request,
                        struct cede_span token, struct https_response *response)
{
    struct cede_span certificates[CA_CHAIN_MAX + 1];
    const struct ca *ca = door->ca;

    (void)request;
    (void)token; /* the same for everybody */
    certificates[0] = ca->certificate.raw;
    for (size_t i = 0; i < ca->chain_count; i++) {
        certificates[i + 1] = ca->chain_der[i];
    }
    answer_certificates(response, TYPE_CACERTS, certificates, ca->chain_count + 1);
}

/* Who asks; asked again for each request, since a connection may be older than a revocation. */
static enum cede_status find_peer(struct est_https *door, const struct https_request *request,
                                  struct ca_peer *peer)
{
    if (cede_span_is_null(request->certificate)) {
        return CEDE_CA_UNKNOWN;
    }
    return ca_authenticate(door->ca, request->certificate, peer);
}

/* The service, asked in the name of the client, whose standing is read in the same transaction. */
static enum cede_status ask(struct est_https *door, const struct https_request *request,
                            struct ca_enrolment *enrolment, struct cede_buf out,
                            struct ca_answer *answer)
{
    uint8_t csr[BODY_MAX];
    struct ca_peer peer;

    /* What strangers send takes no lock. */
    if (cede_span_is_null(request->certificate)) {
        return CEDE_CA_UNKNOWN;
    }
    if (strcmp(request->content_type, TYPE_PKCS10) != 0) {
        return CEDE_CA_MEDIA_TYPE;
    }
    CEDE_TRY(from_base64(request->body, CEDE_BUF_ARRAY(csr), &enrolment->request));
    CEDE_TRY(ca_turn_open(door->ca, &door->turn));
    CEDE_TRY(find_peer(door, request, &peer));
    enrolment->peer = &peer;
    return ca_enrol(door->ca, enrolment, out, answer);
}

/* An operator has to approve first (RFC 7030, section 4.2.3). */
static void answer_pending(struct https_response *response, const struct ca_answer *answer)
{
    char seconds[24];

    snprintf(seconds, sizeof seconds, "%lu", (unsigned long)answer->max_age);
    https_answer(response, 202, "text/plain; charset=utf-8",
                 CEDE_SPAN_TEXT("an operator has to approve; ask again later\n"));
    https_answer_header(response, "Retry-After", seconds);
}

static void enrol(struct est_https *door, const struct https_request *request,
                  enum ca_operation operation, struct cede_span token,
                  struct https_response *response)
{
    uint8_t memory[CA_CERTIFICATE_MAX];
    struct ca_enrolment enrolment;
    struct ca_answer answer;
    enum cede_status status = CEDE_OK;

    memset(&enrolment, 0, sizeof enrolment);
    memset(&answer, 0, sizeof answer);
    enrolment.operation = operation;
    enrolment.accept = CEDE_EST_FORMAT_PKIX_CERT;
    enrolment.token = token;
    enrolment.may_wait = true;
    status = ask(door, request, &enrolment, CEDE_BUF_ARRAY(memory), &answer);
    if (status == CEDE_OK && answer.ticket != 0) {
        response->later = answer.ticket;
    } else if (status == CEDE_OK) {
        answer_certificates(response, TYPE_CERTS, &answer.body, 1);
    } else if (status == CEDE_CA_PENDING) {
        answer_pending(response, &answer);
    } else {
        refuse(response, request->path, request->partner, status, ca_last_error());
    }
}

static void answer_later(void *context, const char *partner, unsigned later,
                         struct https_response *response)
{
    struct est_https *door = context;
    uint8_t memory[CA_CERTIFICATE_MAX];
    struct ca_answer answer;
    enum cede_status status = ca_enrolled(door->ca, later, CEDE_BUF_ARRAY(memory), &answer);

    if (status == CEDE_OK) {
        answer_certificates(response, TYPE_CERTS, &answer.body, 1);
    } else {
        refuse(response, "an enrolment", partner, status, ""); /* others were served since */
    }
}

static void post_simpleenroll(struct est_https *door, const struct https_request *request,
                              struct cede_span token, struct https_response *response)
{
    enrol(door, request, CA_SEN, token, response);
}

static void post_simplereenroll(struct est_https *door, const struct https_request *request,
                                struct cede_span token, struct https_response *response)
{
    enrol(door, request, CA_SREN, token, response);
}

/* --- keys made here (RFC 7030, section 4.4) --------------------------------------------------- */

#define BOUNDARY "cede-est-part"

/* One part of multipart/mixed. */
static void add_part(struct cede_writer *writer, const char *type, struct cede_span bytes)
{
    uint8_t text[2 * ANSWER_MAX];
    struct cede_span encoded = to_base64(bytes, CEDE_BUF_ARRAY(text));

    if (cede_span_is_null(encoded)) {
        cede_writer_fail(writer, CEDE_NO_SPACE);
        return;
    }
    cede_write_bytes(writer, CEDE_SPAN_TEXT("--" BOUNDARY "\r\nContent-Type: "));
    cede_write_bytes(writer, cede_span_string(type));
    cede_write_bytes(writer, CEDE_SPAN_TEXT("\r\nContent-Transfer-Encoding: base64\r\n\r\n"));
    cede_write_bytes(writer, encoded);
    cede_write_bytes(writer, CEDE_SPAN_TEXT("\r\n"));
    cede_wipe(text, sizeof text);
}

/* multipart-core, as CoAP has it: format and bytes of the key, format and bytes of the certificate.
 */
static enum cede_status put_multipart(struct cede_span core, struct cede_writer *writer)
{
    uint8_t memory[ANSWER_MAX];
    struct cede_writer certs = cede_writer(CEDE_BUF_ARRAY(memory));
    struct cede_reader reader = cede_reader(core);
    struct cede_span key, certificate, message;
    uint64_t format = 0;

    cede_cbor_expect_array(&reader, 4);
    format = cede_cbor_get_uint(&reader);
    key = cede_cbor_get_bytes(&reader);
    (void)cede_cbor_get_uint(&reader);
    certificate = cede_cbor_get_bytes(&reader);
    CEDE_TRY(cede_reader_finish(&reader));
    cede_pkcs7_put_certs(&certs, &certificate, 1);
    CEDE_TRY(cede_writer_finish(&certs, &message));
    add_part(writer,
             format == CEDE_EST_FORMAT_PKCS8 ? "application/pkcs8"
                                             : "application/pkcs7-mime; "
                                               "smime-type=server-generated-key",
             key);
    add_part(writer, TYPE_CERTS, message);
    cede_write_bytes(writer, CEDE_SPAN_TEXT("--" BOUNDARY "--\r\n"));
    return writer->status;
}

static void post_serverkeygen(struct est_https *door, const struct https_request *request,
                              struct cede_span token, struct https_response *response)
{
    uint8_t memory[ANSWER_MAX], text[3 * ANSWER_MAX];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(text));
    struct ca_enrolment enrolment;
    struct ca_answer answer;
    enum cede_status status = CEDE_OK;

    memset(&enrolment, 0, sizeof enrolment);
    memset(&answer, 0, sizeof answer);
    enrolment.operation = CA_SKC; /* the certificate alone: the CMS around it is put on here */
    enrolment.token = token;
    status = ask(door, request, &enrolment, CEDE_BUF_ARRAY(memory), &answer);
    if (status == CEDE_OK) {
        status = put_multipart(answer.body, &writer);
    }
    if (status == CEDE_OK) {
        https_answer(response, 200, "multipart/mixed; boundary=" BOUNDARY,
                     cede_span(text, writer.len));
    } else if (status == CEDE_CA_PENDING) {
        answer_pending(response, &answer);
    } else {
        refuse(response, request->path, request->partner, status, ca_last_error());
    }
    cede_wipe(memory, sizeof memory);
    cede_wipe(text, sizeof text);
}

/* What requests should be like (RFC 7030, section 4.5); the same for everybody. */
static void get_csrattrs(struct est_https *door, const struct https_request *request,
                         struct cede_span token, struct https_response *response)
{
    uint8_t memory[ANSWER_MAX];
    struct ca_enrolment enrolment;
    struct ca_answer answer;
    enum cede_status status = CEDE_OK;

    (void)token;
    memset(&enrolment, 0, sizeof enrolment);
    enrolment.operation = CA_ATT;
    enrolment.accept = CEDE_EST_FORMAT_CSRATTRS;
    status = ca_enrol(door->ca, &enrolment, CEDE_BUF_ARRAY(memory), &answer);
    if (status == CEDE_OK) {
        answer_base64(response, TYPE_CSRATTRS, answer.body);
    } else {
        refuse(response, request->path, request->partner, status, ca_last_error());
    }
}

/* --- paths ------------------------------------------------------------------------------------ */

struct operation {
    const char *method;
    const char *name;
    void (*run)(struct est_https *door, const struct https_request *request, struct cede_span token,
                struct https_response *response);
};

static const struct operation operations[] = {
    {"GET", "cacerts", get_cacerts},
    {"POST", "simpleenroll", post_simpleenroll},
    {"POST", "simplereenroll", post_simplereenroll},
    {"POST", "serverkeygen", post_serverkeygen},
    {"GET", "csrattrs", get_csrattrs},
};

/* "NAME" or "LABEL/NAME". */
static const struct operation *find_operation(const char *path, struct cede_span *token)
{
    const char *slash = strchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;

    *token =
        slash == NULL ? CEDE_SPAN_NULL : cede_span((const uint8_t *)path, (size_t)(slash - path));
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (strcmp(operations[i].name, name) == 0) {
            return &operations[i];
        }
    }
    return NULL;
}

static void on_request(void *context, const struct https_request *request,
                       struct https_response *response)
{
    struct est_https *door = context;
    struct cede_span token;
    const struct operation *operation = find_operation(request->rest, &token);

    ca_forget_error();
    if (operation == NULL) {
        log_stranger("est: by '%s': no such operation", request->partner);
        https_answer(response, 404, "text/plain", CEDE_SPAN_TEXT("no such EST operation\n"));
    } else if (strcmp(operation->method, request->method) != 0) {
        log_stranger("est: by '%s': %s is not for %s", request->partner, operation->name,
                     request->method);
        https_answer(response, 405, "text/plain", CEDE_SPAN_TEXT("another method, please\n"));
        https_answer_header(response, "Allow", operation->method);
    } else {
        operation->run(door, request, token, response);
    }
}

static const struct https_route routes[] = {
    {"GET", "/.well-known/est/*", NULL, 0, on_request},
    {"POST", "/.well-known/est/*", NULL, BODY_MAX, on_request},
};

/* --- the door --------------------------------------------------------------------------------- */

static enum cede_status authenticate(void *context, struct cede_span certificate, char *name,
                                     size_t name_cap)
{
    struct est_https *door = context;
    struct ca_peer peer;
    enum cede_status status = ca_authenticate(door->ca, certificate, &peer);

    if (status == CEDE_OK) {
        snprintf(name, name_cap, "%s", peer.device_id);
    }
    return status;
}

static enum cede_status flush(void *context)
{
    struct est_https *door = context;

    return ca_turn_end(door->ca, &door->turn);
}

enum cede_status est_https_open(struct event_base *base, struct est_https *door,
                                const struct tls_identity *tls, int listening_fd,
                                struct https_server **server)
{
    struct https_server_config config;

    memset(&config, 0, sizeof config);
    config.tls = tls;
    config.chain = door->ca->chain_der;
    config.chain_count = ca_issuers_to_show(door->ca);
    config.routes = routes;
    config.routes_count = sizeof routes / sizeof routes[0];
    config.authenticate = authenticate;
    config.optional = true;
    config.tls12 = true;
    config.flush = flush;
    config.answer_later = answer_later;
    config.context = door;
    return https_server_new(base, listening_fd, &config, server);
}
