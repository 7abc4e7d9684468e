/* SPDX-License-Identifier: Apache-2.0 */
/* run_jws.c - JWS with ES256: RFC 7515, appendix A.3, and cases derived from it. */
#include <stdlib.h>
#include <string.h>

#include "runner.h"
#include "server/common/jws.h"

/* The only key of these files. */
struct es256_key {
    uint8_t point[64];
    struct cede_public_key public_key;
    struct cede_private_key private_key;
};

static bool read_key(const json_t *jwk, struct es256_key *key)
{
    struct cede_span x = runner_base64url(json_object_get(jwk, "x"));
    struct cede_span y = runner_base64url(json_object_get(jwk, "y"));
    struct cede_span d = runner_base64url(json_object_get(jwk, "d"));

    if (x.len != 32 || y.len != 32 || d.len != 32) {
        return false;
    }
    memcpy(key->point, x.ptr, 32);
    memcpy(key->point + 32, y.ptr, 32);
    key->public_key = (struct cede_public_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(key->point)};
    key->private_key = (struct cede_private_key){CEDE_CRV_P256, d, NULL};
    return true;
}

static enum cede_status verify(const struct cede_crypto *crypto, struct cede_span text,
                               const struct es256_key *key, struct cede_span payload)
{
    struct jws jws;
    size_t index = 0;
    enum cede_status status;

    CEDE_TRY(jws_decode(text, &jws));
    status = jws_verify(crypto, &jws, &key->public_key, &index);
    if (status == CEDE_OK && payload.ptr != NULL && !cede_span_equal(jws.payload, payload)) {
        status = CEDE_INTERNAL; /* verified, but of another payload than the file says */
    }
    jws_wipe(&jws);
    return status;
}

/* What jws_sign makes with the vector's key verifies as well. */
static enum cede_status sign_and_verify(const struct cede_crypto *crypto,
                                        const struct es256_key *key, struct cede_span payload)
{
    struct jws jws;
    char *text = NULL;
    enum cede_status status;

    CEDE_TRY(jws_init(&jws, payload));
    status = jws_sign(crypto, &key->private_key, NULL, &jws);
    if (status == CEDE_OK) {
        status = jws_encode_compact(&jws, &text);
    }
    if (status == CEDE_OK) {
        status = verify(crypto, cede_span_string(text), key, payload);
    }
    free(text);
    jws_wipe(&jws);
    return status;
}

static void run_derived(const struct cede_crypto *crypto, const json_t *vector,
                        const struct es256_key *key)
{
    const char *name = runner_get_string(vector, "name");
    const char *what = runner_on(name != NULL ? name : "unnamed", crypto);
    enum cede_status status =
        verify(crypto, runner_get_text(vector, "jws"), key, runner_get_hex(vector, "payload_hex"));

    if (json_is_true(json_object_get(vector, "valid"))) {
        runner_outcome(what, crypto, "ES256", status);
    } else {
        runner_refused(what, crypto, "ES256", status);
    }
}

static void run_one(const char *name, const json_t *root)
{
    struct cede_span payload = runner_get_hex(root, "payload_hex");
    struct es256_key key;
    const json_t *vector;
    size_t at;

    (void)name;
    if (!runner_expect("key", read_key(json_object_get(root, "jwk"), &key), "no P-256 JWK")) {
        return;
    }
    for (size_t i = 0; i < RUNNER_BACKENDS; i++) {
        const struct cede_crypto *crypto = runner_backend(i);

        runner_outcome(runner_on("compact JWS", crypto), crypto, "ES256",
                       verify(crypto, runner_get_text(root, "jws_compact"), &key, payload));
        runner_outcome(runner_on("signed anew", crypto), crypto, "ES256",
                       sign_and_verify(crypto, &key, payload));
        json_array_foreach(json_object_get(root, "derived"), at, vector)
        {
            run_derived(crypto, vector, &key);
        }
    }
}

void run_jws(const char *dir)
{
    runner_each_json(dir, run_one);
}
