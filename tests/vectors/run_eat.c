/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_eat.c - EAT (RFC 9711): the examples are deterministic CBOR, and cede reads them as the
 * claims sets and tokens they are. Their signing keys are not published, so no signature is
 * verified.
 */
#include <string.h>

#include "cede/cose.h"
#include "cede/cwt.h"
#include "runner.h"

#define EAT_SUBMODS 266
#define EAT_BUNDLE  602 /* tag of a detached EAT bundle (RFC 9711, section 5) */

static bool has_nonce(const struct cede_cwt_claims *claims)
{
    return cede_cwt_find(claims, CEDE_CWT_NONCE).ptr != NULL;
}

static void run_claims(const char *what, struct cede_span encoding)
{
    struct cede_cwt_claims claims;
    enum cede_status status = cede_cwt_decode(encoding, CEDE_CBOR_ANY_ORDER, &claims);

    if (runner_expect(what, status == CEDE_OK, cede_status_name(status))) {
        runner_expect("eat_nonce", has_nonce(&claims), "the claim is not found");
    }
}

/* Tag 61 around a COSE_Sign1 around claims. */
static enum cede_status open_token(struct cede_span encoding, struct cede_cwt_claims *claims)
{
    struct cede_cose_sign1 msg;
    struct cede_span cose;

    CEDE_TRY(cede_cwt_untag(encoding, &cose));
    CEDE_TRY(cede_cose_sign1_decode(cose, &msg));
    return cede_cwt_decode(msg.payload, CEDE_CBOR_ANY_ORDER, claims);
}

static void run_token(const char *what, struct cede_span encoding)
{
    struct cede_cwt_claims claims;
    enum cede_status status = open_token(encoding, &claims);

    runner_expect(what, status == CEDE_OK && has_nonce(&claims), cede_status_name(status));
    runner_skip(what, "the signing key is not published: the signature is not verified");
}

/* A bundle is [main token, {name: detached claims set}]: its main token is a CWT. */
static void run_bundle(const char *what, struct cede_span encoding)
{
    struct cede_reader reader = cede_reader(encoding);
    struct cede_cwt_claims claims;
    struct cede_span main_token;
    enum cede_status status;

    (void)cede_cbor_get_tag(&reader);
    cede_cbor_expect_array(&reader, 2);
    main_token = cede_cbor_get_bytes(&reader);
    (void)cede_cbor_get_item(&reader);
    status = cede_reader_finish(&reader);
    if (runner_expect(what, status == CEDE_OK, cede_status_name(status))) {
        status = open_token(main_token, &claims);
        runner_expect("main token", status == CEDE_OK, cede_status_name(status));
        runner_expect("its submods",
                      status == CEDE_OK && cede_cwt_find(&claims, EAT_SUBMODS).ptr != NULL,
                      "the claim is not found");
    }
}

static void run_example(const json_t *example)
{
    const char *file = runner_get_string(example, "file");
    struct cede_span encoding = runner_get_hex(example, "cbor");
    struct cede_reader reader = cede_reader(encoding);
    enum cede_status status;
    size_t offset = 0;

    file = file != NULL ? file : "unnamed";
    if (encoding.ptr == NULL) {
        runner_skip(file, "not applicable: JSON tokens, cede's evidence is CBOR");
        return;
    }
    status = cede_cbor_check(encoding, CEDE_CBOR_ANY_ORDER, &offset);
    if (status != CEDE_OK) {
        runner_fail(file, "%s at byte %zu", cede_status_name(status), offset);
        return;
    }
    runner_pass("well-formed");
    if (cede_cbor_peek(&reader) == CEDE_CBOR_MAP) {
        run_claims(file, encoding);
    } else if (cede_cbor_get_tag(&reader) == EAT_BUNDLE) {
        run_bundle(file, encoding);
    } else {
        run_token(file, encoding);
    }
}

static void run_one(const char *name, const json_t *root)
{
    const json_t *example;
    size_t i;

    (void)name;
    json_array_foreach(json_object_get(root, "examples"), i, example)
    {
        run_example(example);
    }
}

void run_eat(const char *dir)
{
    runner_each_json(dir, run_one);
}
