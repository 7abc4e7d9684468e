/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_c509.c - C509 vectors: the certificates of draft-ietf-cose-cbor-encoded-cert, appendix A, its
 * examples of extensions, and real X.509 certificates that must come back byte for byte.
 */
#include "runner.h"

#include <stdio.h>
#include <string.h>

#include "cede/certificate.h"
#include "codec/c509/extensions.h"

#define ROOM 8192

static struct cede_buf room(void)
{
    return cede_buf(runner_memory(ROOM), ROOM);
}

static const char *named(const char *what, const char *name)
{
    size_t len = strlen(what) + strlen(name) + 2;
    char *both = runner_memory(len);

    snprintf(both, len, "%s %s", name, what);
    return both;
}

/* The issuer's key: 02 or 03 and x, as native certificates have it. */
static bool issuer_key(const struct cede_crypto *crypto, const json_t *root,
                       struct cede_public_key *key)
{
    struct cede_span compressed =
        runner_get_hex(json_object_get(root, "keys"), "issuer_public_key");
    uint8_t *point = runner_memory(CEDE_PUBLIC_KEY_LEN_MAX);

    if (compressed.len != 33) {
        return false;
    }
    *key = (struct cede_public_key){CEDE_CRV_P256, cede_span(point, 64)};
    return crypto->decompress(crypto->context, CEDE_CRV_P256, cede_span(compressed.ptr + 1, 32),
                              compressed.ptr[0] == 3, point) == CEDE_OK;
}

static void check_conversion(const json_t *root, const struct cede_crypto *crypto)
{
    struct cede_span der = runner_get_hex(root, "x509_der");
    struct cede_span sequence = runner_get_hex(root, "c509_seq");
    struct cede_span got;

    if (runner_outcome(runner_on("X.509 to C509", crypto), crypto, "P-256",
                       cede_c509_from_x509(crypto, der, room(), room(), &got))) {
        runner_expect_equal(runner_on("X.509 to C509, bytes", crypto), got, sequence);
    }
    if (runner_outcome(runner_on("C509 to X.509", crypto), crypto, "P-256",
                       cede_c509_to_x509(crypto, sequence, room(), &got))) {
        runner_expect_equal(runner_on("C509 to X.509, bytes", crypto), got, der);
    }
}

static void check_signature(const json_t *root, const struct cede_crypto *crypto,
                            const struct cede_c509 *certificate)
{
    struct cede_public_key key;
    uint8_t *broken = runner_memory(certificate->sequence.len);
    struct cede_c509 forged;

    if (!issuer_key(crypto, root, &key)) {
        return; /* nothing to check it with */
    }
    runner_outcome(runner_on("signature", crypto), crypto, "ES256",
                   cede_c509_verify(certificate, crypto, &key, room()));
    memcpy(broken, certificate->sequence.ptr, certificate->sequence.len);
    broken[4] ^= 1; /* inside the serial number */
    if (cede_c509_decode(cede_span(broken, certificate->sequence.len), &forged) == CEDE_OK) {
        runner_refused(runner_on("forged serial", crypto), crypto, "ES256",
                       cede_c509_verify(&forged, crypto, &key, room()));
    } else {
        runner_fail("forged serial", "does not decode");
    }
}

static void check_thumbprint(const json_t *root, const struct cede_crypto *crypto)
{
    uint8_t *hash = runner_memory(CEDE_SHA256_LEN);
    size_t len;

    if (json_object_get(root, "c5t_sha256") == NULL) {
        return;
    }
    if (runner_outcome(runner_on("c5t", crypto), crypto, "SHA-256",
                       cede_certificate_thumbprint(crypto, CEDE_ALG_SHA_256,
                                                   runner_get_hex(root, "c509_array"), hash,
                                                   &len))) {
        runner_expect_equal(runner_on("c5t, bytes", crypto), cede_span(hash, len),
                            runner_get_hex(root, "c5t_sha256"));
    }
}

static void check_bag(const json_t *root, struct cede_span sequence)
{
    struct cede_span certificates[2];
    struct cede_writer writer = cede_writer(room());
    size_t count = 0;

    if (json_object_get(root, "c509_certdata_bstr") == NULL) {
        return;
    }
    if (runner_expect("C509CertData",
                      cede_c509_bag_decode(runner_get_hex(root, "c509_certdata_bstr"), certificates,
                                           2, &count) == CEDE_OK &&
                          count == 1,
                      "does not decode")) {
        runner_expect_equal("C509CertData, contents", certificates[0], sequence);
        cede_c509_put_bag(&writer, certificates, count);
        runner_expect_equal("C509CertData, bytes", cede_written(&writer),
                            runner_get_hex(root, "c509_certdata_bstr"));
    }
}

static void run_certificate(const json_t *root)
{
    struct cede_span sequence = runner_get_hex(root, "c509_seq");
    struct cede_c509 certificate, from_array;

    if (!runner_expect("decode", cede_c509_decode(sequence, &certificate) == CEDE_OK, "fails")) {
        return;
    }
    runner_expect("type", certificate.type == runner_get_int(root, "certificate_type", 0),
                  "differs");
    if (json_object_get(root, "c509_array") != NULL &&
        runner_expect("decode the array",
                      cede_c509_decode(runner_get_hex(root, "c509_array"), &from_array) == CEDE_OK,
                      "fails")) {
        runner_expect_equal("array, contents", from_array.sequence, sequence);
    }
    check_bag(root, sequence);
    for (size_t i = 0; i < RUNNER_BACKENDS; i++) {
        const struct cede_crypto *crypto = runner_backend(i);
        if (certificate.type == CEDE_C509_X509) {
            check_conversion(root, crypto);
        }
        check_signature(root, crypto, &certificate);
        check_thumbprint(root, crypto);
    }
}

/* --- extensions ------------------------------------------------------------------------------- */

/* Each example is one Extensions item: to DER and back it stays the same. */
static void run_extension(const json_t *example)
{
    const char *name = runner_get_string(example, "extension");
    struct cede_span item = runner_get_hex(example, "cbor_array_hex");
    struct c509_extensions_walk walk = c509_extensions_walk(item);
    struct c509_extension extension;
    struct cede_extensions ext;

    runner_expect(named("decode", name),
                  c509_extensions_decode(item, &c509_identifiers_x509, &ext) == CEDE_OK, "fails");
    while (c509_extensions_next(&walk, &extension)) {
        struct cede_writer der = cede_writer(room()), back = cede_writer(room());
        if (!runner_expect(named("to DER", name),
                           extension_to_der(extension.number, extension.value, &der) == CEDE_OK,
                           "fails") ||
            !runner_expect(named("from DER", name),
                           extension_from_der(extension.number, cede_written(&der), &back) ==
                               CEDE_OK,
                           "fails")) {
            continue;
        }
        runner_expect_equal(named("bytes", name), cede_written(&back), extension.value);
    }
    runner_expect(named("end", name), walk.reader.status == CEDE_OK, "trailing bytes");
}

/* --- real certificates ------------------------------------------------------------------------ */

static void run_real(const json_t *root)
{
    const struct cede_crypto *crypto = runner_backend(0);
    const json_t *entry;
    size_t index;

    json_array_foreach(json_object_get(root, "certificates"), index, entry)
    {
        const char *name = runner_get_string(entry, "file");
        struct cede_span der = runner_get_hex(entry, "x509_der");
        struct cede_span c509, back;
        enum cede_status status = cede_c509_from_x509(crypto, der, room(), room(), &c509);
        if (status == CEDE_C509_NOT_EXPRESSIBLE) {
            runner_skip(name, "%s", cede_status_reason(status));
            continue;
        }
        if (runner_outcome(named("to C509", name), crypto, "its key", status) &&
            runner_outcome(named("to X.509", name), crypto, "its key",
                           cede_c509_to_x509(crypto, c509, room(), &back))) {
            runner_expect_equal(named("bytes", name), back, der);
            runner_expect(named("shorter", name), c509.len < der.len, "C509 is no shorter");
        }
    }
}

static void one_file(const char *name, const json_t *root)
{
    const json_t *example;
    size_t index;

    (void)name;
    if (json_object_get(root, "examples") != NULL) {
        json_array_foreach(json_object_get(root, "examples"), index, example)
        {
            run_extension(example);
        }
    } else if (json_object_get(root, "certificates") != NULL) {
        run_real(root);
    } else {
        run_certificate(root);
    }
}

void run_c509(const char *dir)
{
    runner_each_json(dir, one_file);
}
