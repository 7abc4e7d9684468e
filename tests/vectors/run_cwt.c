/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_cwt.c - CWT: RFC 8392, appendix A, as the COSE working group has it, as a list of hex strings
 * by section, and in our own format:
 *
 *   {"source": "...", "keys": {name: COSE_Key}, "vectors": [{"name", "cwt", "key": name,
 *     ? "inner_key": name of a nested CWT's signer, ? "claims": {"iss", "sub", "aud", "exp", "nbf",
 *     "iat", "cti" in hex}, ? "now", ? "refuse": status}]}
 */
#include "cede/cwt.h"

#include <string.h>

#include "cose_case.h"

/* --- one token ----------------------------------------------------------------------------------
 */

struct token {
    const char *what;
    struct cede_span encoding, key, inner_key; /* keys: encoded COSE_Key; inner_key null: none */
};

/* Which COSE object a CWT is, by its tag. */
static bool kind_by_tag(struct cede_span cose, enum cose_kind *kind)
{
    static const struct {
        uint64_t tag;
        enum cose_kind kind;
    } tags[] = {{CEDE_COSE_TAG_SIGN1, COSE_SIGN1},
                {CEDE_COSE_TAG_SIGN, COSE_SIGN},
                {CEDE_COSE_TAG_MAC0, COSE_MAC0},
                {CEDE_COSE_TAG_ENCRYPT0, COSE_ENCRYPT0}};
    struct cede_reader reader = cede_reader(cose);
    uint64_t tag = cede_cbor_get_tag(&reader);

    for (size_t i = 0; i < sizeof tags / sizeof tags[0] && reader.status == CEDE_OK; i++) {
        if (tags[i].tag == tag) {
            *kind = tags[i].kind;
            return true;
        }
    }
    return false;
}

static enum cede_status open_layer(const struct cede_crypto *crypto, struct cede_span encoding,
                                   struct cede_span key, struct cede_span *content)
{
    struct cose_case test = {0};

    *content = CEDE_SPAN_NULL;
    CEDE_TRY(cede_cwt_untag(encoding, &test.encoding));
    if (!kind_by_tag(test.encoding, &test.kind)) {
        return CEDE_COSE_TAG;
    }
    CEDE_TRY(cede_cose_key_decode(key, &test.key));
    return cose_case_open(&test, crypto, content);
}

static enum cede_status open_token(const struct token *token, const struct cede_crypto *crypto,
                                   struct cede_cwt_claims *claims)
{
    struct cede_span content;

    CEDE_TRY(open_layer(crypto, token->encoding, token->key, &content));
    if (token->inner_key.ptr != NULL) {
        CEDE_TRY(open_layer(crypto, content, token->inner_key, &content));
    }
    return cede_cwt_decode(content, CEDE_CBOR_ANY_ORDER, claims);
}

/* --- RFC 8392, appendix A, by section ------------------------------------------------------------
 */

static struct cede_span section(const json_t *root, const char *number)
{
    const json_t *vector;
    size_t i;

    json_array_foreach(json_object_get(root, "vectors"), i, vector)
    {
        const char *name = runner_get_string(vector, "section");
        if (name != NULL && strcmp(name, number) == 0) {
            return runner_get_hex(vector, "hex");
        }
    }
    return CEDE_SPAN_NULL;
}

/* A claims set of the example that is encoded anew gives the same bytes. */
static void run_claims_set(const char *what, struct cede_span encoding)
{
    uint8_t memory[256];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
    struct cede_cwt_claims claims;
    enum cede_status status = cede_cwt_decode(encoding, CEDE_CBOR_SORTED, &claims);

    if (runner_expect(what, status == CEDE_OK, cede_status_name(status))) {
        cede_cwt_encode(&writer, &claims);
        runner_expect_equal("claims set, encoded anew", cede_written(&writer), encoding);
    }
}

static void run_key(const char *what, struct cede_span encoding)
{
    struct cede_cose_key key;
    enum cede_status status = cede_cose_key_decode(encoding, &key);

    runner_expect(what, status == CEDE_OK, cede_status_name(status));
}

static void run_appendix(const json_t *root)
{
    static const struct {
        const char *token, *key, *inner_key;
    } tokens[] = {{"A.3", "A.2.3", NULL},
                  {"A.4", "A.2.2", NULL},
                  {"A.5", "A.2.1", NULL},
                  {"A.6", "A.2.1", "A.2.3"},
                  {"A.7", "A.2.2", NULL}};

    run_claims_set("A.1", section(root, "A.1"));
    run_key("A.2.1", section(root, "A.2.1"));
    run_key("A.2.2", section(root, "A.2.2"));
    run_key("A.2.3", section(root, "A.2.3"));
    for (size_t i = 0; i < RUNNER_BACKENDS * sizeof tokens / sizeof tokens[0]; i++) {
        const struct cede_crypto *crypto = runner_backend(i % RUNNER_BACKENDS);
        const char *number = tokens[i / RUNNER_BACKENDS].token;
        const char *inner = tokens[i / RUNNER_BACKENDS].inner_key;
        const struct token token = {number, section(root, number),
                                    section(root, tokens[i / RUNNER_BACKENDS].key),
                                    inner != NULL ? section(root, inner) : CEDE_SPAN_NULL};
        struct cede_cwt_claims claims;

        if (runner_outcome(runner_on(number, crypto), crypto, "algorithm of the token",
                           open_token(&token, crypto, &claims))) {
            bool fraction = strcmp(number, "A.7") == 0; /* only iat, 1443944944.5 */
            runner_expect(runner_on("its claims", crypto),
                          claims.has_iat && claims.iat == 1443944944 &&
                              (fraction || cede_span_equal(claims.map, section(root, "A.1"))),
                          "not those of A.1");
        }
    }
}

/* --- the COSE working group's files -------------------------------------------------------------
 */

/* Runs the COSE object; then what is in it is a claims set or, nested, a CWT. */
static void run_example(const json_t *root)
{
    struct cose_case test;
    struct cede_cwt_claims claims;
    struct cede_span inner;

    if (!cose_case_from_example(root, &test)) {
        return;
    }
    cose_case_run(&test);
    if (cede_cbor_peek(&(struct cede_reader){.in = test.content}) == CEDE_CBOR_TAG) {
        struct cede_cose_sign1 msg;
        runner_expect("nested CWT",
                      cede_cwt_untag(test.content, &inner) == CEDE_OK &&
                          cede_cose_sign1_decode(inner, &msg) == CEDE_OK &&
                          cede_cwt_decode(msg.payload, CEDE_CBOR_SORTED, &claims) == CEDE_OK,
                      "is no signed CWT");
    } else {
        runner_expect("claims set",
                      cede_cwt_decode(test.content, CEDE_CBOR_SORTED, &claims) == CEDE_OK,
                      "does not decode");
    }
}

/* --- our own files ------------------------------------------------------------------------------
 */

static bool same_text(struct cede_span got, const json_t *expected, const char *name)
{
    return cede_span_equal(got, runner_get_text(expected, name));
}

static bool same_date(bool present, int64_t got, const json_t *expected, const char *name)
{
    return present == json_is_integer(json_object_get(expected, name)) &&
           (!present || got == runner_get_int(expected, name, 0));
}

static bool same_claims(const struct cede_cwt_claims *claims, const json_t *expected)
{
    struct cede_span aud = runner_get_text(expected, "aud");

    return same_text(claims->iss, expected, "iss") && same_text(claims->sub, expected, "sub") &&
           (aud.ptr == NULL ? claims->aud.ptr == NULL : cede_cwt_has_audience(claims, aud)) &&
           same_date(claims->has_exp, claims->exp, expected, "exp") &&
           same_date(claims->has_nbf, claims->nbf, expected, "nbf") &&
           same_date(claims->has_iat, claims->iat, expected, "iat") &&
           cede_span_equal(claims->cti, runner_get_hex(expected, "cti"));
}

static void run_own_vector(const json_t *root, const json_t *vector,
                           const struct cede_crypto *crypto)
{
    const json_t *keys = json_object_get(root, "keys");
    const char *key = runner_get_string(vector, "key");
    const char *inner_key = runner_get_string(vector, "inner_key");
    const char *refuse = runner_get_string(vector, "refuse");
    const json_t *expected = json_object_get(vector, "claims");
    int64_t now = runner_get_int(vector, "now", 0);
    struct token token = {runner_get_string(vector, "name"), runner_get_hex(vector, "cwt"),
                          runner_get_hex(keys, key != NULL ? key : ""),
                          runner_get_hex(keys, inner_key != NULL ? inner_key : "")};
    const char *what = runner_on(token.what != NULL ? token.what : "unnamed", crypto);
    struct cede_cwt_claims claims;
    enum cede_status status = open_token(&token, crypto, &claims);

    if (status == CEDE_OK && json_object_get(vector, "now") != NULL) {
        status = cede_cwt_check(&claims, &now, 0);
    }
    if (refuse != NULL && status != CEDE_CRYPTO_UNSUPPORTED) {
        runner_expect(what, strcmp(cede_status_name(status), refuse) == 0,
                      cede_status_name(status));
    } else if (runner_outcome(what, crypto, "algorithm of the token", status) && expected != NULL) {
        runner_expect(what, same_claims(&claims, expected), "other claims");
    }
}

static void run_one(const char *name, const json_t *root)
{
    const json_t *vector;
    size_t i;

    (void)name;
    if (json_object_get(root, "input") != NULL) {
        run_example(root);
    } else if (json_object_get(root, "keys") == NULL) {
        run_appendix(root);
    } else {
        json_array_foreach(json_object_get(root, "vectors"), i, vector)
        {
            run_own_vector(root, vector, runner_backend(0));
            run_own_vector(root, vector, runner_backend(1));
        }
    }
}

void run_cwt(const char *dir)
{
    runner_each_json(dir, run_one);
}
