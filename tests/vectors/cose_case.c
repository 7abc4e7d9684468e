/* SPDX-License-Identifier: Apache-2.0 */
/* cose_case.c - opens COSE objects of test vectors and makes them again. */
#include "cose_case.h"

#include <stdio.h>
#include <string.h>

/* --- the examples of the COSE working group -----------------------------------------------------
 */

static struct cede_span key_member(const json_t *jwk, const char *name)
{
    char hex_name[16];

    snprintf(hex_name, sizeof hex_name, "%s_hex", name);
    return json_object_get(jwk, hex_name) != NULL ? runner_get_hex(jwk, hex_name)
                                                  : runner_base64url(json_object_get(jwk, name));
}

static int32_t curve_named(const char *name)
{
    static const struct {
        const char *name;
        int32_t curve;
    } curves[] = {{"P-256", CEDE_CRV_P256},
                  {"P-384", CEDE_CRV_P384},
                  {"P-521", CEDE_CRV_P521},
                  {"Ed25519", CEDE_CRV_ED25519},
                  {"X25519", CEDE_CRV_X25519}};

    for (size_t i = 0; name != NULL && i < sizeof curves / sizeof curves[0]; i++) {
        if (strcmp(curves[i].name, name) == 0) {
            return curves[i].curve;
        }
    }
    return 0;
}

/* A JWK, or its look-alike with members in hex. False: a curve that cede does not have. */
static bool read_jwk(const json_t *jwk, struct cede_cose_key *key)
{
    *key = (struct cede_cose_key){0};
    if (json_object_get(jwk, "crv") == NULL) {
        key->kty = CEDE_COSE_KTY_SYMMETRIC;
        key->k = key_member(jwk, "k");
        return true;
    }
    key->curve = curve_named(runner_get_string(jwk, "crv"));
    key->kty = json_object_get(jwk, "y") != NULL || json_object_get(jwk, "y_hex") != NULL
                   ? CEDE_COSE_KTY_EC2
                   : CEDE_COSE_KTY_OKP;
    key->x = key_member(jwk, "x");
    key->y = key_member(jwk, "y");
    key->d = key_member(jwk, "d");
    return key->curve != 0;
}

static const json_t *first_of(const json_t *object, const char *key)
{
    return json_array_get(json_object_get(object, key), 0);
}

static const struct example_kind {
    const char *member, *structure;
    enum cose_kind kind;
} example_kinds[] = {
    {"sign0", "ToBeSign_hex", COSE_SIGN1},
    {"sign", "ToBeSign_hex", COSE_SIGN},
    {"mac0", "ToMac_hex", COSE_MAC0},
    {"encrypted", "AAD_hex", COSE_ENCRYPT0},
};

static const struct example_kind *kind_of(const json_t *input)
{
    for (size_t i = 0; i < sizeof example_kinds / sizeof example_kinds[0]; i++) {
        if (json_object_get(input, example_kinds[i].member) != NULL) {
            return &example_kinds[i];
        }
    }
    return NULL;
}

/* What differs between objects with a key of their own, with signers and with recipients. */
static const json_t *key_of(const json_t *body, enum cose_kind kind)
{
    switch (kind) {
    case COSE_SIGN1:
        return json_object_get(body, "key");
    case COSE_SIGN:
        return json_object_get(first_of(body, "signers"), "key");
    default:
        return json_object_get(first_of(body, "recipients"), "key");
    }
}

bool cose_case_from_example(const json_t *root, struct cose_case *test)
{
    const json_t *input = json_object_get(root, "input");
    const json_t *intermediates = json_object_get(root, "intermediates");
    const struct example_kind *kind = kind_of(input);
    const json_t *body;

    *test = (struct cose_case){0};
    test->what = runner_get_string(root, "title");
    test->what = test->what != NULL ? test->what : "untitled";
    if (kind == NULL) {
        if (!cose_run_recipients(root, test->what)) {
            runner_skip(
                test->what,
                "not applicable: COSE_Encrypt and COSE_Mac with recipients are not in cede");
        }
        return false;
    }
    body = json_object_get(input, kind->member);
    test->kind = kind->kind;
    if (!read_jwk(key_of(body, test->kind), &test->key)) {
        runner_skip(test->what, "not applicable: cede has no curve %s",
                    runner_get_string(key_of(body, test->kind), "crv"));
        return false;
    }
    test->signers = json_object_get(body, "signers");
    test->signers = json_array_size(test->signers) > 1 ? test->signers : NULL;
    test->encoding = runner_get_hex(json_object_get(root, "output"), "cbor");
    test->external_aad =
        runner_get_hex(test->kind == COSE_SIGN ? first_of(body, "signers") : body, "external");
    test->content = runner_get_text(input, "plaintext");
    if (test->content.ptr == NULL) {
        test->content = runner_get_hex(input, "plaintext_hex");
    }
    test->refuse = json_is_true(json_object_get(root, "fail"));
    test->structure =
        runner_get_hex(test->kind == COSE_SIGN ? first_of(intermediates, "signers") : intermediates,
                       kind->structure);
    if (test->encoding.ptr == NULL || test->content.ptr == NULL) {
        runner_fail(test->what, "output or plaintext is missing");
        return false;
    }
    return true;
}

/* --- opening ------------------------------------------------------------------------------------
 */

static enum cede_status open_sign1(const struct cose_case *test, const struct cede_crypto *crypto,
                                   struct cede_span *content)
{
    uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX];
    struct cede_public_key key;
    struct cede_cose_sign1 msg;

    CEDE_TRY(cede_cose_sign1_decode(test->encoding, &msg));
    CEDE_TRY(cede_cose_key_public(&test->key, crypto, point, &key));
    *content = test->detached.ptr != NULL ? test->detached : msg.payload;
    return cede_cose_sign1_verify(&msg, crypto, &key, test->external_aad, test->detached);
}

/* The key of a signer: its own, or the one that all have. */
static enum cede_status signer_key(const struct cose_case *test, const struct cede_crypto *crypto,
                                   size_t index, uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX],
                                   struct cede_public_key *public_key)
{
    struct cede_cose_key key = test->key;

    if (test->signers != NULL &&
        !read_jwk(json_object_get(json_array_get(test->signers, index), "key"), &key)) {
        return CEDE_COSE_KEY;
    }
    return cede_cose_key_public(&key, crypto, point, public_key);
}

/* Every signer must verify. */
static enum cede_status open_sign(const struct cose_case *test, const struct cede_crypto *crypto,
                                  struct cede_span *content)
{
    uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX];
    struct cede_public_key key;
    struct cede_cose_signer signer;
    struct cede_cose_sign msg;

    CEDE_TRY(cede_cose_sign_decode(test->encoding, &msg));
    for (size_t i = 0; i < msg.signers_count; i++) {
        CEDE_TRY(signer_key(test, crypto, i, point, &key));
        CEDE_TRY(cede_cose_sign_signer(&msg, i, &signer));
        CEDE_TRY(
            cede_cose_sign_verify(&msg, &signer, crypto, &key, test->external_aad, test->detached));
    }
    *content = test->detached.ptr != NULL ? test->detached : msg.payload;
    return CEDE_OK;
}

static enum cede_status open_mac0(const struct cose_case *test, const struct cede_crypto *crypto,
                                  struct cede_span *content)
{
    struct cede_cose_mac0 msg;

    CEDE_TRY(cede_cose_mac0_decode(test->encoding, &msg));
    *content = test->detached.ptr != NULL ? test->detached : msg.payload;
    return cede_cose_mac0_verify(&msg, crypto, test->key.k, test->external_aad, test->detached);
}

/* The size of the object bounds its plaintext and its Enc_structure but for the external data. */
static struct cede_buf memory_for(const struct cose_case *test)
{
    size_t len = CEDE_COSE_ENC_STRUCTURE_LEN(test->encoding.len, test->external_aad.len);

    return cede_buf(runner_memory(len), len);
}

static enum cede_status open_encrypt0(const struct cose_case *test,
                                      const struct cede_crypto *crypto, struct cede_span *content)
{
    const struct cede_cose_secret secret = {test->key.k, test->base_iv};
    struct cede_cose_encrypt0 msg;

    CEDE_TRY(cede_cose_encrypt0_decode(test->encoding, &msg));
    return cede_cose_encrypt0_open(&msg, crypto, &secret, test->external_aad, test->detached,
                                   memory_for(test), memory_for(test), content);
}

enum cede_status cose_case_open(const struct cose_case *test, const struct cede_crypto *crypto,
                                struct cede_span *content)
{
    *content = CEDE_SPAN_NULL;
    switch (test->kind) {
    case COSE_SIGN1:
        return open_sign1(test, crypto, content);
    case COSE_SIGN:
        return open_sign(test, crypto, content);
    case COSE_MAC0:
        return open_mac0(test, crypto, content);
    default:
        return open_encrypt0(test, crypto, content);
    }
}

/* --- what was signed, MACed or authenticated ----------------------------------------------------
 */

static struct cede_span join(const struct cede_cose_parts *parts)
{
    struct cede_writer counter = cede_writer_counting(), writer;

    for (size_t i = 0; i < parts->count; i++) {
        cede_write_bytes(&counter, parts->parts[i]);
    }
    writer = cede_writer(cede_buf(runner_memory(counter.len), counter.len));
    for (size_t i = 0; i < parts->count; i++) {
        cede_write_bytes(&writer, parts->parts[i]);
    }
    return cede_written(&writer);
}

static struct cede_span structure_of(const struct cose_case *test)
{
    struct cede_cose_parts parts = {.count = 0};
    struct cede_cose_sign1 sign1;
    struct cede_cose_mac0 mac0;
    struct cede_cose_encrypt0 encrypt0;
    struct cede_writer writer = cede_writer(memory_for(test));

    if (test->kind == COSE_SIGN1 && cede_cose_sign1_decode(test->encoding, &sign1) == CEDE_OK) {
        cede_cose_sig_structure(&parts, sign1.headers.protected_map, test->external_aad,
                                test->content);
    } else if (test->kind == COSE_MAC0 && cede_cose_mac0_decode(test->encoding, &mac0) == CEDE_OK) {
        cede_cose_mac_structure(&parts, mac0.headers.protected_map, test->external_aad,
                                test->content);
    } else if (test->kind == COSE_ENCRYPT0 &&
               cede_cose_encrypt0_decode(test->encoding, &encrypt0) == CEDE_OK) {
        cede_cose_enc_structure(&writer, encrypt0.headers.protected_map, test->external_aad);
        return cede_written(&writer);
    }
    return parts.count > 0 ? join(&parts) : CEDE_SPAN_NULL;
}

/* --- making it again ----------------------------------------------------------------------------
 */

/* True when encoding the decoded headers gives the same bytes: no parameter that struct
 * cede_cose_params leaves out, deterministic order, alg protected. */
static bool same_headers(const struct cede_cose_headers *headers)
{
    uint8_t memory[512];
    struct cede_writer protected_ = cede_writer(CEDE_BUF_ARRAY(memory)), unprotected;
    bool same;

    cede_cose_params_encode(&protected_, &headers->protected_);
    same = headers->protected_.alg != 0 &&
           cede_span_equal(cede_written(&protected_), headers->protected_map);
    unprotected = cede_writer(CEDE_BUF_ARRAY(memory));
    cede_cose_params_encode(&unprotected, &headers->unprotected);
    return same && cede_span_equal(cede_written(&unprotected), headers->unprotected_map);
}

static enum cede_status make_mac0(const struct cose_case *test, const struct cede_crypto *crypto,
                                  struct cede_writer *writer)
{
    struct cede_cose_mac0 msg;

    CEDE_TRY(cede_cose_mac0_decode(test->encoding, &msg));
    if (!same_headers(&msg.headers)) {
        return CEDE_NOT_FOUND;
    }
    return cede_cose_mac0_create(&msg, crypto, test->key.k, test->external_aad, test->detached,
                                 writer);
}

static enum cede_status make_encrypt0(const struct cose_case *test,
                                      const struct cede_crypto *crypto, struct cede_writer *writer)
{
    const struct cede_cose_secret secret = {test->key.k, test->base_iv};
    struct cede_cose_encrypt0 msg;

    CEDE_TRY(cede_cose_encrypt0_decode(test->encoding, &msg));
    if (!same_headers(&msg.headers)) {
        return CEDE_NOT_FOUND;
    }
    return cede_cose_encrypt0_seal(&msg, crypto, &secret, test->external_aad, test->content,
                                   memory_for(test), writer);
}

/* Only Ed25519 signatures come out the same each time on every back end (RFC 8032). */
static enum cede_status make_sign1(const struct cose_case *test, const struct cede_crypto *crypto,
                                   struct cede_writer *writer)
{
    struct cede_private_key key;
    struct cede_cose_sign1 msg;

    CEDE_TRY(cede_cose_sign1_decode(test->encoding, &msg));
    if (test->key.curve != CEDE_CRV_ED25519 || test->key.d.ptr == NULL ||
        !same_headers(&msg.headers)) {
        return CEDE_NOT_FOUND;
    }
    CEDE_TRY(cede_cose_key_private(&test->key, &key));
    return cede_cose_sign1_sign(&msg, crypto, &key, test->external_aad, test->detached, writer);
}

/* Where the object is a function of its inputs, making it again gives the same bytes. */
static void remake(const struct cose_case *test, const struct cede_crypto *crypto)
{
    struct cede_writer writer = cede_writer(memory_for(test));
    enum cede_status status = CEDE_NOT_FOUND;
    char what[256];

    if (test->kind == COSE_MAC0) {
        status = make_mac0(test, crypto, &writer);
    } else if (test->kind == COSE_ENCRYPT0 && test->detached.ptr == NULL) {
        status = make_encrypt0(test, crypto, &writer);
    } else if (test->kind == COSE_SIGN1) {
        status = make_sign1(test, crypto, &writer);
    }
    if (status == CEDE_NOT_FOUND) {
        return;
    }
    snprintf(what, sizeof what, "%s, made again (%s)", test->what, crypto->name);
    if (status != CEDE_OK) {
        runner_fail(what, "%s", cede_status_name(status));
        return;
    }
    runner_expect_equal(what, cede_written(&writer), test->encoding);
}

/* --- running ------------------------------------------------------------------------------------
 */

static int32_t alg_of(const struct cose_case *test)
{
    struct cede_cose_sign1 sign1;
    struct cede_cose_sign sign;
    struct cede_cose_signer signer;
    struct cede_cose_mac0 mac0;
    struct cede_cose_encrypt0 encrypt0;

    if (test->kind == COSE_SIGN1 && cede_cose_sign1_decode(test->encoding, &sign1) == CEDE_OK) {
        return cede_cose_headers_alg(&sign1.headers);
    }
    if (test->kind == COSE_SIGN && cede_cose_sign_decode(test->encoding, &sign) == CEDE_OK &&
        cede_cose_sign_signer(&sign, 0, &signer) == CEDE_OK) {
        return cede_cose_headers_alg(&signer.headers);
    }
    if (test->kind == COSE_MAC0 && cede_cose_mac0_decode(test->encoding, &mac0) == CEDE_OK) {
        return cede_cose_headers_alg(&mac0.headers);
    }
    if (test->kind == COSE_ENCRYPT0 &&
        cede_cose_encrypt0_decode(test->encoding, &encrypt0) == CEDE_OK) {
        return cede_cose_headers_alg(&encrypt0.headers);
    }
    return 0;
}

/* An algorithm outside the crypto port, such as AES-CBC-MAC (14 to 26), or one that here goes with
 * another curve: RFC 9864 has ECDSA with SHA-512 for P-521 alone. */
static bool skip_foreign_algorithm(const struct cose_case *test)
{
    int32_t alg = alg_of(test);
    bool known = cede_signature_curve(alg) != 0 || cede_aead_key_len(alg) != 0 ||
                 (alg >= CEDE_ALG_HMAC_256_64 && alg <= CEDE_ALG_HMAC_512);

    if (alg == CEDE_ALG_ES512 && test->key.curve == CEDE_CRV_P256) {
        runner_skip(test->what, "not applicable: cede has ECDSA with SHA-512 on P-521 alone");
        return true;
    }
    if (alg == 0 || known) {
        return false; /* 0: malformed, the run will say so */
    }
    runner_skip(test->what, "not applicable: cede has no COSE algorithm %d", (int)alg);
    return true;
}

static bool run_refusal(const struct cose_case *test, const struct cede_crypto *crypto)
{
    const char *what = runner_on(test->what, crypto);
    struct cede_span content;
    enum cede_status status = cose_case_open(test, crypto, &content);

    if (test->status != NULL && status != CEDE_CRYPTO_UNSUPPORTED &&
        strcmp(test->status, cede_status_name(status)) != 0) {
        runner_fail(what, "%s instead of %s", cede_status_name(status), test->status);
        return false;
    }
    return runner_refused(what, crypto, "such algorithm", status);
}

static bool run_acceptance(const struct cose_case *test, const struct cede_crypto *crypto)
{
    const char *what = runner_on(test->what, crypto);
    struct cede_span content;
    enum cede_status status = cose_case_open(test, crypto, &content);
    char algorithm[64];

    snprintf(algorithm, sizeof algorithm, "COSE algorithm %d%s", (int)alg_of(test),
             test->key.curve == CEDE_CRV_ED25519 ? " (Ed25519)" : "");
    if (status == CEDE_OK && test->content.ptr != NULL &&
        !cede_span_equal(content, test->content)) {
        runner_fail(what, "opened, but the content differs");
        return false;
    }
    if (!runner_outcome(what, crypto, algorithm, status)) {
        return status == CEDE_CRYPTO_UNSUPPORTED;
    }
    remake(test, crypto);
    return true;
}

bool cose_case_run(const struct cose_case *test)
{
    bool good = true;

    if (!test->refuse && skip_foreign_algorithm(test)) {
        return true;
    }
    if (!test->refuse && test->structure.ptr != NULL && test->kind != COSE_SIGN) {
        good = runner_expect_equal(test->kind == COSE_SIGN1  ? "Sig_structure"
                                   : test->kind == COSE_MAC0 ? "MAC_structure"
                                                             : "Enc_structure",
                                   structure_of(test), test->structure);
    }
    for (size_t i = 0; i < RUNNER_BACKENDS; i++) {
        const struct cede_crypto *crypto = runner_backend(i);
        good = (test->refuse ? run_refusal : run_acceptance)(test, crypto) && good;
    }
    return good;
}
