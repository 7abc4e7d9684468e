/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_suit.c - SUIT: how far an envelope is authentic, that is, the signature over the SUIT_Digest
 * and the digest of the manifest (draft-ietf-suit-manifest, section 8.3). What a manifest then
 * makes a device do is the manifest processor's, not the envelope's: those cases are skipped here.
 */
#include <string.h>

#include "cede/cose.h"
#include "runner.h"

#define SUIT_TAG            107
#define SUIT_AUTHENTICATION 2
#define SUIT_MANIFEST       3

static const char *suit_dir;

/* The draft's example key, suit/key.json. */
struct suit_key {
    uint8_t point[64];
    struct cede_public_key public_key;
};

static bool read_key(struct suit_key *key)
{
    struct cede_span text = runner_file(suit_dir, "key.json");
    json_t *root = json_loadb((const char *)text.ptr, text.len, 0, NULL);
    struct cede_span x = runner_get_hex(root, "x"), y = runner_get_hex(root, "y");
    bool good = x.len == 32 && y.len == 32;

    if (good) {
        memcpy(key->point, x.ptr, 32);
        memcpy(key->point + 32, y.ptr, 32);
        key->public_key = (struct cede_public_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(key->point)};
    }
    json_decref(root);
    return good;
}

/* The authentication-wrapper and the manifest, both as items: bstr-wrapped. */
static enum cede_status read_envelope(struct cede_span encoding, struct cede_span *authentication,
                                      struct cede_span *manifest)
{
    struct cede_reader reader = cede_reader(encoding);
    struct cede_cbor_map map;
    struct cede_span label;
    size_t at;

    if (cede_cbor_get_tag(&reader) != SUIT_TAG) {
        return CEDE_COSE_TAG;
    }
    at = reader.pos;
    map = cede_cbor_get_map(&reader, CEDE_CBOR_ANY_ORDER);
    while (cede_cbor_map_next(&reader, &map, &label)) {
        (void)cede_cbor_get_item(&reader);
    }
    CEDE_TRY(cede_reader_finish(&reader));
    encoding = cede_span_part(encoding, at, encoding.len - at);
    *authentication = cede_cose_params_find(encoding, SUIT_AUTHENTICATION);
    *manifest = cede_cose_params_find(encoding, SUIT_MANIFEST);
    return authentication->ptr != NULL && manifest->ptr != NULL ? CEDE_OK : CEDE_CBOR_KEY;
}

/* SUIT_Digest over the manifest with the head of its byte string. */
static enum cede_status check_digest(const struct cede_crypto *crypto, struct cede_span digest,
                                     struct cede_span manifest)
{
    return cede_cose_cert_hash_check(digest, crypto, manifest); /* the same [alg, value] */
}

/* SUIT_Authentication = [bstr .cbor SUIT_Digest, * bstr .cbor COSE_Sign1 with detached payload];
 * at least one signature must hold. */
static enum cede_status authenticate(const struct cede_crypto *crypto, struct cede_span envelope,
                                     const struct suit_key *key, bool *is_signed)
{
    struct cede_span authentication, manifest, digest;
    struct cede_reader reader;
    struct cede_cose_sign1 msg;
    size_t count;

    *is_signed = false;
    CEDE_TRY(read_envelope(envelope, &authentication, &manifest));
    reader = cede_reader(authentication);
    reader = cede_reader(cede_cbor_get_bytes(&reader));
    count = cede_cbor_get_array(&reader);
    digest = cede_cbor_get_bytes(&reader);
    CEDE_TRY(reader.status);
    CEDE_TRY(check_digest(crypto, digest, manifest));
    for (; count > 1; count--) {
        CEDE_TRY(cede_cose_sign1_decode(cede_cbor_get_bytes(&reader), &msg));
        CEDE_TRY(cede_cose_sign1_verify(&msg, crypto, &key->public_key, CEDE_SPAN_NULL, digest));
        *is_signed = true;
    }
    return cede_reader_finish(&reader);
}

/* An example of the draft: signed ones verify, unsigned ones have at least the right digest. */
static void run_envelope(const json_t *vector, const struct suit_key *key)
{
    const char *title = runner_get_string(vector, "what");
    bool expected = json_is_true(json_object_get(vector, "signed"));

    for (size_t i = 0; i < RUNNER_BACKENDS; i++) {
        const struct cede_crypto *crypto = runner_backend(i);
        const char *what = runner_on(title != NULL ? title : "unnamed", crypto);
        bool is_signed;
        enum cede_status status =
            authenticate(crypto, runner_get_hex(vector, "hex"), key, &is_signed);

        if (status == CEDE_OK && is_signed != expected) {
            runner_fail(what, "signed or not, against what the file says");
        } else {
            runner_outcome(what, crypto, "ES256", status);
        }
    }
}

/* A derived case: an envelope that is not authentic must be refused here; one that is authentic and
 * refused all the same is refused by the manifest processor. */
static void run_derived(const json_t *vector, const struct suit_key *key)
{
    const char *name = runner_get_string(vector, "name");
    const char *expect = runner_get_string(vector, "expect");
    bool accept = expect != NULL && strcmp(expect, "accept") == 0;

    name = name != NULL ? name : "unnamed";
    if (strcmp(name, "wrong-vendor") == 0 || strcmp(name, "image-mismatch") == 0) {
        runner_skip(name, "not applicable: for the manifest processor, the envelope is authentic");
        accept = true;
    }
    for (size_t i = 0; i < RUNNER_BACKENDS; i++) {
        const struct cede_crypto *crypto = runner_backend(i);
        const char *what = runner_on(name, crypto);
        bool is_signed;
        enum cede_status status =
            authenticate(crypto, runner_get_hex(vector, "envelope"), key, &is_signed);

        if (accept) {
            runner_outcome(what, crypto, "ES256", status);
        } else if (status == CEDE_OK) {
            runner_expect(what, !is_signed, "must be refused, but is signed");
        } else {
            runner_refused(what, crypto, "ES256", status);
        }
    }
}

static void run_one(const char *name, const json_t *root)
{
    struct suit_key key;
    const json_t *vector;
    size_t i;

    (void)name;
    if (json_object_get(root, "curve") != NULL) {
        return; /* the key itself */
    }
    if (!read_key(&key)) {
        runner_fail("key.json", "no P-256 key");
        return;
    }
    json_array_foreach(json_object_get(root, "envelopes"), i, vector)
    {
        run_envelope(vector, &key);
    }
    json_array_foreach(json_object_get(root, "vectors"), i, vector)
    {
        run_derived(vector, &key);
    }
}

void run_suit(const char *dir)
{
    suit_dir = dir;
    runner_each_json(dir, run_one);
}
