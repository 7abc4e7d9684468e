/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_est_coaps.c - EST-coaps: requests and certificates in the payloads of RFC 9148, appendix A,
 * the multipart of a server-side key generation, and the options of its CoAP messages. Of CMS only
 * the certificates are looked at: cede sends C509 or DER (EST-oscore), never CMS.
 */
#include <stdio.h>
#include <string.h>

#include "cede/cbor.h"
#include "cede/coap.h"
#include "cede/der.h"
#include "cede/x509.h"
#include "runner.h"

/* --- payloads -----------------------------------------------------------------------------------
 */

/* The payload of a section by its index there. */
static struct cede_span payload(const json_t *root, const char *section, int64_t index)
{
    const json_t *entry;
    size_t i;

    json_array_foreach(json_object_get(root, "payloads"), i, entry)
    {
        const char *name = runner_get_string(entry, "section");
        if (name != NULL && strcmp(name, section) == 0 &&
            runner_get_int(entry, "index", -1) == index) {
            return runner_get_hex(entry, "hex");
        }
    }
    return CEDE_SPAN_NULL;
}

/* A PKCS #10 request and its proof of possession. */
static void run_request(const char *what, struct cede_span der, struct cede_x509_request *request)
{
    enum cede_status status = cede_x509_request_decode(der, request);

    if (!runner_expect(what, status == CEDE_OK, cede_status_name(status))) {
        return;
    }
    for (size_t i = 0; i < RUNNER_BACKENDS; i++) {
        const struct cede_crypto *crypto = runner_backend(i);
        runner_outcome(runner_on("proof of possession", crypto), crypto, "ES256",
                       cede_x509_request_verify(request, crypto));
    }
}

/* The first certificate in a certs-only SignedData (RFC 5652, section 5.1). */
static struct cede_span first_certificate(struct cede_span cms)
{
    struct cede_reader outer = cede_reader(cms);
    struct cede_reader content_info = cede_der_enter(&outer, CEDE_DER_SEQUENCE);
    struct cede_reader content, signed_data, certificates;

    (void)cede_der_get(&content_info, CEDE_DER_OID);
    content = cede_der_enter(&content_info, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    signed_data = cede_der_enter(&content, CEDE_DER_SEQUENCE);
    (void)cede_der_get(&signed_data, CEDE_DER_INTEGER);  /* version */
    (void)cede_der_get(&signed_data, CEDE_DER_SET);      /* digestAlgorithms */
    (void)cede_der_get(&signed_data, CEDE_DER_SEQUENCE); /* encapContentInfo */
    certificates = cede_der_enter(&signed_data, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    return cede_der_get_value(&certificates);
}

static void run_certificate(const char *what, struct cede_span cms, struct cede_x509 *certificate)
{
    enum cede_status status = cede_x509_decode(first_certificate(cms), certificate);

    if (!runner_expect(what, status == CEDE_OK, cede_status_name(status)) ||
        !cede_span_equal(certificate->issuer, certificate->subject)) {
        return;
    }
    for (size_t i = 0; i < RUNNER_BACKENDS; i++) {
        const struct cede_crypto *crypto = runner_backend(i);
        uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX];
        struct cede_public_key key;

        status = cede_x509_public_key(certificate, crypto, point, &key);
        if (status == CEDE_OK) {
            status = cede_x509_verify(certificate, crypto, &key);
        }
        runner_outcome(runner_on("self-signed", crypto), crypto, "ES256", status);
    }
}

/* application/multipart-core (RFC 8710): content format and body in turn. */
static void run_multipart(const json_t *root)
{
    struct cede_reader reader = cede_reader(payload(root, "A.3", 3));
    uint64_t first_format, second_format;
    struct cede_span first, second;

    cede_cbor_expect_array(&reader, 4);
    first_format = cede_cbor_get_uint(&reader);
    first = cede_cbor_get_bytes(&reader);
    second_format = cede_cbor_get_uint(&reader);
    second = cede_cbor_get_bytes(&reader);
    runner_expect("A.3 multipart-core",
                  cede_reader_finish(&reader) == CEDE_OK && first_format == 284 &&
                      second_format == 281 && cede_span_equal(first, payload(root, "A.3", 1)) &&
                      cede_span_equal(second, payload(root, "A.3", 2)),
                  "does not hold the two parts");
}

static void run_payloads(const json_t *root)
{
    struct cede_x509_request request = {0}, keygen_request;
    struct cede_x509 certificate = {0}, ca;

    run_certificate("A.1 cacerts", payload(root, "A.1", 0), &ca);
    run_request("A.2 enroll request", payload(root, "A.2", 0), &request);
    run_certificate("A.2 enroll response", payload(root, "A.2", 1), &certificate);
    runner_expect("A.2 the certificate is for the request's key",
                  request.public_key_bits.ptr != NULL &&
                      cede_span_equal(certificate.public_key_bits, request.public_key_bits),
                  "another key");
    run_request("A.3 serverkeygen request", payload(root, "A.3", 0), &keygen_request);
    runner_skip("A.3 serverkeygen private key", "not applicable: cede has no PKCS #8 decoder");
    run_certificate("A.3 serverkeygen certificate", payload(root, "A.3", 2), &certificate);
    run_multipart(root);
    runner_skip("A.4 csrattrs", "not applicable: cede has no CSR attributes");
}

/* --- CoAP options -------------------------------------------------------------------------------
 */

/* In the file: a uint option as number, Block2 (23) in hex, everything else as text. */
static void put_option(struct cede_coap_encoder *encoder, const json_t *option)
{
    uint16_t number = (uint16_t)json_integer_value(json_array_get(option, 0));
    const json_t *value = json_array_get(option, 1);

    if (json_is_integer(value)) {
        cede_coap_put_uint(encoder, number, (uint32_t)json_integer_value(value));
    } else {
        cede_coap_put_option(encoder, number,
                             number == CEDE_COAP_BLOCK2
                                 ? runner_hex(value)
                                 : cede_span_string(json_string_value(value)));
    }
}

/* Encoding gives the printed options; a message with them decodes to the same. */
static void run_header(const char *name, const json_t *header)
{
    uint8_t memory[256];
    struct cede_coap_encoder encoder =
        cede_coap_begin(CEDE_BUF_ARRAY(memory), CEDE_COAP_CON, 0x01, 1, CEDE_SPAN_TEXT(""));
    struct cede_coap_message message;
    const json_t *option;
    enum cede_status status;
    size_t i;

    json_array_foreach(json_object_get(header, "options"), i, option)
    {
        put_option(&encoder, option);
    }
    status = cede_coap_decode(cede_written(&encoder.writer), &message);
    if (runner_expect(name, status == CEDE_OK, cede_status_name(status))) {
        runner_expect_equal(name, message.options, runner_get_hex(header, "options_hex"));
    }
}

static void run_one(const char *name, const json_t *root)
{
    json_t *headers = json_object_get(root, "coap_headers"), *header;
    const char *title;

    (void)name;
    run_payloads(root);
    json_object_foreach(headers, title, header)
    {
        run_header(title, header);
    }
}

void run_est_coaps(const char *dir)
{
    runner_each_json(dir, run_one);
}
