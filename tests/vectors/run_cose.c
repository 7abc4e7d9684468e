/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_cose.c - COSE: the examples of the COSE working group and files in our own format:
 *
 *   {"source": "...", "vectors": [{"name", "kind": "sign1" | "sign" | "mac0" | "encrypt0",
 *     "key": COSE_Key, "cbor", ? "content", ? "structure", ? "external_aad", ? "detached",
 *     ? "base_iv", ? "refuse": status}], "keys": [{"name", "cbor", ? "public", ? "refuse"}]}
 *
 * with byte strings in hex.
 */
#include <stdio.h>
#include <string.h>

#include "cose_case.h"

static const char *cose_dir;

/* --- certificates in headers (RFC 9360) ---------------------------------------------------------
 */

static void check_chain(const char *what, struct cede_span item, struct cede_span certificate)
{
    struct cede_cose_certs certs = cede_cose_certs(item);
    struct cede_span first, other;
    bool has_first = cede_cose_certs_next(&certs, &first);

    while (cede_cose_certs_next(&certs, &other)) {
        continue;
    }
    runner_expect(what,
                  has_first && cede_cose_certs_finish(&certs) == CEDE_OK &&
                      cede_span_equal(first, certificate),
                  "the signer's certificate does not come first");
}

static void check_certificates(const struct cose_case *test)
{
    struct cede_span alice = runner_file(cose_dir, "x509-examples/alice.der");
    struct cede_cose_sign msg;
    struct cede_cose_signer signer;

    if (cede_cose_sign_decode(test->encoding, &msg) != CEDE_OK ||
        cede_cose_sign_signer(&msg, 0, &signer) != CEDE_OK || alice.ptr == NULL) {
        runner_fail(test->what, "no signer, or no certificate to compare with");
        return;
    }
    if (signer.headers.unprotected.x5bag.ptr != NULL) {
        check_chain("x5bag", signer.headers.unprotected.x5bag, alice);
    }
    if (signer.headers.unprotected.x5chain.ptr != NULL) {
        check_chain("x5chain", signer.headers.unprotected.x5chain, alice);
    }
    for (size_t i = 0; i < RUNNER_BACKENDS && signer.headers.unprotected.x5t.ptr != NULL; i++) {
        const struct cede_crypto *crypto = runner_backend(i);
        runner_outcome(runner_on("x5t", crypto), crypto, "such hash",
                       cede_cose_cert_hash_check(signer.headers.unprotected.x5t, crypto, alice));
    }
}

/* --- the examples of the COSE working group -----------------------------------------------------
 */

/* x509-examples/signed-01 and -02 have the kid as text, against RFC 9052, section 3.1, and against
 * their own diagnostic notation. The object as found must be refused; with the type of the
 * unprotected kid mended, as the diagnostic has it, it must verify. */
static void mend_kid(struct cose_case *test)
{
    static const uint8_t text_kid[] = {0x04, 0x6e, 'A', 'l', 'i', 'c', 'e'};
    uint8_t *mended = runner_memory(test->encoding.len);
    struct cose_case found = *test;

    memcpy(mended, test->encoding.ptr, test->encoding.len);
    for (size_t i = 0; i + sizeof text_kid <= test->encoding.len; i++) {
        if (memcmp(mended + i, text_kid, sizeof text_kid) == 0) {
            mended[i + 1] = 0x4e;
            found.what = "kid as text, not as a byte string";
            found.refuse = true;
            found.status = "CEDE_COSE_HEADER";
            cose_case_run(&found);
            test->encoding.ptr = mended;
            return;
        }
    }
}

static void run_example(const char *name, const json_t *root)
{
    struct cose_case test;

    if (!cose_case_from_example(root, &test)) {
        return;
    }
    if (runner_in_folder(name, "countersign")) {
        runner_skip(test.what, "countersignatures are not in cede; the object itself is run");
    }
    /* RFC 8152, appendix C.1.4, marks a label as critical that nobody understands. */
    if (strstr(name, "RFC8152/Appendix_C_1_4") != NULL) {
        test.refuse = true;
        test.status = "CEDE_COSE_CRIT";
    }
    if (runner_in_folder(name, "x509-examples")) {
        mend_kid(&test);
        check_certificates(&test);
    }
    cose_case_run(&test);
}

/* --- our own files ------------------------------------------------------------------------------
 */

static bool read_own(const json_t *vector, struct cose_case *test)
{
    static const char *const kinds[] = {"sign1", "sign", "mac0", "encrypt0"};
    const char *kind = runner_get_string(vector, "kind");
    size_t i;

    *test = (struct cose_case){0};
    test->what = runner_get_string(vector, "name");
    test->what = test->what != NULL ? test->what : "unnamed";
    for (i = 0; i < 4 && (kind == NULL || strcmp(kind, kinds[i]) != 0); i++) {
    }
    test->kind = (enum cose_kind)i;
    test->encoding = runner_get_hex(vector, "cbor");
    test->base_iv = runner_get_hex(vector, "base_iv");
    test->external_aad = runner_get_hex(vector, "external_aad");
    test->detached = runner_get_hex(vector, "detached");
    test->content = runner_get_hex(vector, "content");
    test->structure = runner_get_hex(vector, "structure");
    test->status = runner_get_string(vector, "refuse");
    test->refuse = test->status != NULL;
    return i < 4 && test->encoding.ptr != NULL &&
           cede_cose_key_decode(runner_get_hex(vector, "key"), &test->key) == CEDE_OK;
}

static void run_own_vector(const json_t *vector)
{
    struct cose_case test;

    if (read_own(vector, &test)) {
        cose_case_run(&test);
    } else {
        runner_fail(test.what, "kind, cbor or key is missing or wrong");
    }
}

/* A COSE_Key: decodes, gives the public point, and encodes to the same bytes. */
static void run_own_key(const json_t *vector)
{
    struct cede_span encoding = runner_get_hex(vector, "cbor");
    const char *what = runner_get_string(vector, "name");
    const char *refuse = runner_get_string(vector, "refuse");
    struct cede_writer writer = cede_writer(cede_buf(runner_memory(1024), 1024));
    struct cede_cose_key key;
    enum cede_status status = cede_cose_key_decode(encoding, &key);

    what = what != NULL ? what : "unnamed";
    if (refuse != NULL) {
        runner_expect(what, strcmp(cede_status_name(status), refuse) == 0, "wrong status");
        return;
    }
    cede_cose_key_encode(&writer, &key);
    if (status != CEDE_OK || !runner_expect_equal(what, cede_written(&writer), encoding)) {
        runner_expect(what, status == CEDE_OK, cede_status_name(status));
        return;
    }
    for (size_t i = 0; i < RUNNER_BACKENDS && key.curve != 0; i++) {
        const struct cede_crypto *crypto = runner_backend(i);
        uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX];
        struct cede_public_key public_key;

        status = cede_cose_key_public(&key, crypto, point, &public_key);
        if (status == CEDE_OK) {
            runner_expect_equal(runner_on(what, crypto), public_key.point,
                                runner_get_hex(vector, "public"));
        } else {
            runner_outcome(runner_on(what, crypto), crypto, "such curve", status);
        }
    }
}

static void run_own(const json_t *root)
{
    const json_t *vector;
    size_t i;

    json_array_foreach(json_object_get(root, "vectors"), i, vector)
    {
        run_own_vector(vector);
    }
    json_array_foreach(json_object_get(root, "keys"), i, vector)
    {
        run_own_key(vector);
    }
}

static void run_one(const char *name, const json_t *root)
{
    if (json_object_get(root, "input") != NULL) {
        run_example(name, root);
    } else {
        run_own(root);
    }
}

void run_cose(const char *dir)
{
    cose_dir = dir;
    runner_each_json(dir, run_one);
}
