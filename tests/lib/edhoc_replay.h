/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edhoc_replay.h - plays a recorded EDHOC session against the engine, each role alone, comparing
 * every message and every intermediate key. Used by the unit test and by the vector runner.
 *
 * A crypto port in between hands out the recorded ephemeral keys. Where signatures are randomized
 * it checks the recorded signature over what the engine wants signed and hands that out instead, so
 * that messages become reproducible. It also counts the costly operations.
 */
#ifndef EDHOC_REPLAY_H
#define EDHOC_REPLAY_H

#include <string.h>

#include "cede/cbor.h"
#include "cede/edhoc.h"

/* --- the crypto port in between --------------------------------------------------------------- */

struct replay_port {
    struct cede_crypto port;
    const struct cede_crypto *inner;
    struct cede_span ephemeral_private; /* null: generate afresh */
    struct cede_span ephemeral_public;
    struct cede_span signature; /* null: sign afresh */
    struct cede_public_key signer;
    unsigned generate_count, ecdh_count, sign_count, verify_count, decompress_count;
};

static inline enum cede_status replay_random(void *context, struct cede_buf out)
{
    struct replay_port *self = context;
    return self->inner->random(self->inner->context, out);
}

static inline enum cede_status replay_hash(void *context, int32_t alg,
                                           const struct cede_span *parts, size_t parts_count,
                                           uint8_t *out)
{
    struct replay_port *self = context;
    return self->inner->hash(self->inner->context, alg, parts, parts_count, out);
}

static inline enum cede_status replay_hmac(void *context, int32_t alg, struct cede_span key,
                                           const struct cede_span *parts, size_t parts_count,
                                           uint8_t *out)
{
    struct replay_port *self = context;
    return self->inner->hmac(self->inner->context, alg, key, parts, parts_count, out);
}

static inline enum cede_status replay_seal(void *context, int32_t alg, struct cede_span key,
                                           struct cede_span nonce, struct cede_span aad,
                                           struct cede_span plaintext, struct cede_buf out,
                                           struct cede_span *ciphertext)
{
    struct replay_port *self = context;
    return self->inner->aead_seal(self->inner->context, alg, key, nonce, aad, plaintext, out,
                                  ciphertext);
}

static inline enum cede_status replay_open(void *context, int32_t alg, struct cede_span key,
                                           struct cede_span nonce, struct cede_span aad,
                                           struct cede_span ciphertext, struct cede_buf out,
                                           struct cede_span *plaintext)
{
    struct replay_port *self = context;
    return self->inner->aead_open(self->inner->context, alg, key, nonce, aad, ciphertext, out,
                                  plaintext);
}

static inline enum cede_status replay_generate(void *context, int32_t curve, uint8_t *private_key,
                                               uint8_t *public_key)
{
    struct replay_port *self = context;

    self->generate_count++;
    if (self->ephemeral_private.ptr == NULL) {
        return self->inner->generate(self->inner->context, curve, private_key, public_key);
    }
    if (self->ephemeral_private.len != cede_curve_private_len(curve) ||
        self->ephemeral_public.len > cede_curve_public_len(curve)) {
        return CEDE_CRYPTO_KEY;
    }
    memcpy(private_key, self->ephemeral_private.ptr, self->ephemeral_private.len);
    memset(public_key, 0, cede_curve_public_len(curve)); /* the engine has no use for y */
    memcpy(public_key, self->ephemeral_public.ptr, self->ephemeral_public.len);
    return CEDE_OK;
}

static inline enum cede_status replay_public(void *context, const struct cede_private_key *key,
                                             uint8_t *public_key)
{
    struct replay_port *self = context;
    return self->inner->public_from_private(self->inner->context, key, public_key);
}

static inline enum cede_status replay_ecdh(void *context, const struct cede_private_key *key,
                                           struct cede_span peer, uint8_t *secret)
{
    struct replay_port *self = context;
    self->ecdh_count++;
    return self->inner->ecdh(self->inner->context, key, peer, secret);
}

static inline enum cede_status replay_decompress(void *context, int32_t curve, struct cede_span x,
                                                 bool y_odd, uint8_t *public_key)
{
    struct replay_port *self = context;
    self->decompress_count++;
    return self->inner->decompress(self->inner->context, curve, x, y_odd, public_key);
}

static inline enum cede_status replay_sign(void *context, int32_t alg,
                                           const struct cede_private_key *key,
                                           const struct cede_span *parts, size_t parts_count,
                                           uint8_t *signature, size_t *signature_len)
{
    struct replay_port *self = context;

    self->sign_count++;
    if (self->signature.ptr == NULL) {
        return self->inner->sign(self->inner->context, alg, key, parts, parts_count, signature,
                                 signature_len);
    }
    CEDE_TRY(self->inner->verify(self->inner->context, alg, &self->signer, parts, parts_count,
                                 self->signature));
    memcpy(signature, self->signature.ptr, self->signature.len);
    *signature_len = self->signature.len;
    return CEDE_OK;
}

static inline enum cede_status replay_verify(void *context, int32_t alg,
                                             const struct cede_public_key *key,
                                             const struct cede_span *parts, size_t parts_count,
                                             struct cede_span signature)
{
    struct replay_port *self = context;
    self->verify_count++;
    return self->inner->verify(self->inner->context, alg, key, parts, parts_count, signature);
}

/* Stays where it is: the port points to it. */
static inline enum cede_status replay_kmac(void *context, struct cede_span key,
                                           const struct cede_span *parts, size_t parts_count,
                                           struct cede_buf out)
{
    const struct cede_crypto *inner = ((struct replay_port *)context)->inner;

    return inner->kmac(inner->context, key, parts, parts_count, out);
}

static inline void replay_port_init(struct replay_port *self, const struct cede_crypto *inner)
{
    struct cede_crypto port = {.name = inner->name,
                               .context = self,
                               .random = replay_random,
                               .hash = replay_hash,
                               .hmac = replay_hmac,
                               .aead_seal = replay_seal,
                               .aead_open = replay_open,
                               .generate = replay_generate,
                               .public_from_private = replay_public,
                               .ecdh = replay_ecdh,
                               .decompress = replay_decompress,
                               .sign = replay_sign,
                               .verify = replay_verify,
                               .kmac = inner->kmac != NULL ? replay_kmac : NULL};

    memset(self, 0, sizeof *self);
    self->port = port;
    self->inner = inner;
}

/* --- a recorded session ----------------------------------------------------------------------- */

#define REPLAY_VALUES_MAX 80
#define REPLAY_NAME_LEN   40

struct replay_value {
    char name[REPLAY_NAME_LEN];
    struct cede_span bytes;
};

struct replay_vector {
    char name[REPLAY_NAME_LEN];
    int method;
    int32_t suite;
    struct replay_value values[REPLAY_VALUES_MAX];
    size_t count;
};

static inline struct cede_span replay_get(const struct replay_vector *vector, const char *name)
{
    for (size_t i = 0; i < vector->count; i++) {
        if (strcmp(vector->values[i].name, name) == 0) {
            return vector->values[i].bytes;
        }
    }
    return CEDE_SPAN_NULL;
}

static inline void replay_put(struct replay_vector *vector, const char *name,
                              struct cede_span bytes)
{
    struct replay_value *value = &vector->values[vector->count];

    if (vector->count < REPLAY_VALUES_MAX && strlen(name) < sizeof value->name) {
        strcpy(value->name, name);
        value->bytes = bytes;
        vector->count++;
    }
}

/* Our text format: "vector NAME" begins a session, "NAME HEX" gives a value ("-" when empty), `#`
 * a comment. Returns the next session and what is left of the text; `memory` takes the bytes. */
static inline struct cede_span replay_take(struct cede_span *text, const char *separators)
{
    size_t len = 0;
    struct cede_span token;

    while (len < text->len && strchr(separators, text->ptr[len]) == NULL) {
        len++;
    }
    token = cede_span(text->ptr, len);
    text->ptr += len < text->len ? len + 1 : len;
    text->len -= len < text->len ? len + 1 : len;
    return token;
}

static inline struct cede_span replay_hex(struct cede_span hex, struct cede_writer *memory)
{
    size_t at = memory->len;

    for (size_t i = 0; i + 1 < hex.len; i += 2) {
        unsigned byte = 0;
        for (size_t k = 0; k < 2; k++) {
            uint8_t c = hex.ptr[i + k];
            byte = byte << 4 | (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
        }
        cede_write_u8(memory, (uint8_t)byte);
    }
    return cede_span(memory->out.ptr + at, memory->len - at);
}

static inline bool replay_next(struct cede_span *text, struct replay_vector *vector,
                               struct cede_writer *memory)
{
    bool begun = false;

    memset(vector, 0, sizeof *vector);
    while (text->len > 0) {
        struct cede_span before = *text;
        struct cede_span line = replay_take(text, "\n");
        struct cede_span name = replay_take(&line, " ");
        char name_text[REPLAY_NAME_LEN] = {0};

        if (name.len == 0 || name.ptr[0] == '#' || name.len >= sizeof name_text) {
            continue;
        }
        memcpy(name_text, name.ptr, name.len);
        if (strcmp(name_text, "vector") == 0) {
            if (begun) {
                *text = before;
                return true;
            }
            begun = true;
            memcpy(vector->name, line.ptr,
                   line.len < REPLAY_NAME_LEN ? line.len : REPLAY_NAME_LEN - 1);
            continue;
        }
        replay_put(vector, name_text, replay_hex(line, memory));
    }
    return begun && memory->status == CEDE_OK;
}

/* After reading from text: method and selected suite stand in message_1. */
static inline void replay_settle(struct replay_vector *vector)
{
    struct cede_reader reader = cede_reader(replay_get(vector, "message_1"));

    vector->method = (int)cede_cbor_get_int(&reader);
    if (cede_cbor_peek(&reader) == CEDE_CBOR_ARRAY) {
        for (size_t left = cede_cbor_get_array(&reader); left > 0; left--) {
            vector->suite = (int32_t)cede_cbor_get_int(&reader);
        }
    } else {
        vector->suite = (int32_t)cede_cbor_get_int(&reader);
    }
}

/* --- replaying -------------------------------------------------------------------------------- */

static const struct cede_edhoc_suite *const replay_all_suites[] = {
    &cede_edhoc_suite_0, &cede_edhoc_suite_1,  &cede_edhoc_suite_2,
    &cede_edhoc_suite_3, &cede_edhoc_suite_4,  &cede_edhoc_suite_5,
    &cede_edhoc_suite_6, &cede_edhoc_suite_24, &cede_edhoc_suite_25};

static inline const struct cede_edhoc_suite *replay_suite(int64_t number)
{
    for (size_t i = 0; i < sizeof replay_all_suites / sizeof replay_all_suites[0]; i++) {
        if (replay_all_suites[i]->number == number) {
            return replay_all_suites[i];
        }
    }
    return NULL;
}

static const int32_t replay_ead_labels[] = {1, 2, 3, 4, 7};

/* One side of a replay and how far it came. */
struct replay {
    const struct replay_vector *vector;
    struct replay_port port;
    const struct cede_edhoc_suite *suites[9];
    struct cede_edhoc_config config;
    struct cede_edhoc_session session;
    struct cede_public_key public_i, public_r;
    uint8_t point_i[CEDE_PUBLIC_KEY_LEN_MAX], point_r[CEDE_PUBLIC_KEY_LEN_MAX];
    uint8_t ephemeral_public[CEDE_PUBLIC_KEY_LEN_MAX];
    uint8_t out[2048], in[2048];
    enum cede_status status;
    const char *step; /* where it went wrong; null when it did not */
};

static inline bool replay_ok(struct replay *replay, const char *step, enum cede_status status)
{
    if (replay->step == NULL && status != CEDE_OK) {
        replay->step = step;
        replay->status = status;
    }
    return replay->step == NULL;
}

static inline bool replay_is(struct replay *replay, const char *name, struct cede_span got)
{
    struct cede_span expected = replay_get(replay->vector, name);

    return replay_ok(replay, name, cede_span_equal(got, expected) ? CEDE_OK : CEDE_INTERNAL);
}

/* Compares one of the session's keys or hashes. */
static inline bool replay_key_is(struct replay *replay, const char *name, const uint8_t *got)
{
    return replay_is(replay, name, cede_span(got, replay_suite(replay->vector->suite)->hash_len));
}

static inline bool replay_signs(const struct replay *replay, bool initiator)
{
    int method = replay->vector->method;
    return method == 0 || method == (initiator ? 1 : 2);
}

static inline struct cede_private_key replay_own_key(const struct replay *replay, bool initiator)
{
    const struct cede_edhoc_suite *suite = replay_suite(replay->vector->suite);
    struct cede_private_key key = {0, replay_get(replay->vector, initiator ? "SK_I" : "SK_R"),
                                   NULL};

    key.curve =
        replay_signs(replay, initiator) ? cede_signature_curve(suite->signature) : suite->curve;
    return key;
}

/* CRED_x in the form an application would have it. */
static inline enum cede_edhoc_cred_form replay_form(struct cede_span cred_item,
                                                    struct cede_span *cred)
{
    struct cede_reader reader = cede_reader(cred_item);

    *cred = cred_item;
    if (cede_cbor_peek(&reader) == CEDE_CBOR_BYTES) {
        *cred = cede_cbor_get_bytes(&reader);
        return CEDE_EDHOC_CRED_DER;
    }
    if (cede_cbor_peek(&reader) == CEDE_CBOR_ARRAY && cede_cbor_get_array(&reader) == 11) {
        *cred = cede_read_rest(&reader);
        return CEDE_EDHOC_CRED_C509;
    }
    return CEDE_EDHOC_CRED_ITEM;
}

static inline struct cede_edhoc_own replay_own(const struct replay *replay, bool initiator)
{
    struct cede_edhoc_own own = {0};

    own.id_cred = replay_get(replay->vector, initiator ? "ID_CRED_I" : "ID_CRED_R");
    own.form = replay_form(replay_get(replay->vector, initiator ? "CRED_I" : "CRED_R"), &own.cred);
    own.key = replay_own_key(replay, initiator);
    return own;
}

static inline struct cede_edhoc_credential replay_credential(const struct replay *replay,
                                                             bool initiator)
{
    struct cede_edhoc_credential credential = {0};

    credential.form =
        replay_form(replay_get(replay->vector, initiator ? "CRED_I" : "CRED_R"), &credential.cred);
    credential.public_key = initiator ? replay->public_i : replay->public_r;
    return credential;
}

/* The recorded EAD field, padding included, as items to send. */
static inline struct cede_edhoc_eads replay_eads(const struct replay *replay, const char *name)
{
    struct cede_reader reader = cede_reader(replay_get(replay->vector, name));
    struct cede_edhoc_eads eads = {0};

    while (cede_reader_left(&reader) > 0 && eads.count < CEDE_EDHOC_EAD_ITEMS_MAX) {
        struct cede_edhoc_ead *item = &eads.items[eads.count++];
        int64_t label = cede_cbor_get_int(&reader);

        item->label = (int32_t)(label < 0 ? -label : label);
        item->critical = label < 0;
        if (cede_cbor_peek(&reader) == CEDE_CBOR_BYTES) {
            item->value = cede_cbor_get_bytes(&reader);
        }
    }
    return eads;
}

/* What was received is what was recorded, padding left out. */
static inline void replay_eads_are(struct replay *replay, const char *name,
                                   const struct cede_edhoc_eads *got)
{
    struct cede_edhoc_eads sent = replay_eads(replay, name);
    size_t k = 0;

    for (size_t i = 0; i < sent.count; i++) {
        if (sent.items[i].label == 0) {
            continue;
        }
        if (k == got->count || got->items[k].label != sent.items[i].label ||
            !cede_span_equal(got->items[k].value, sent.items[i].value)) {
            replay_ok(replay, name, CEDE_INTERNAL);
            return;
        }
        k++;
    }
    replay_ok(replay, name, k == got->count ? CEDE_OK : CEDE_INTERNAL);
}

static inline void replay_public_key(struct replay *replay, bool initiator,
                                     struct cede_public_key *key, uint8_t *point)
{
    struct cede_private_key private_key = replay_own_key(replay, initiator);
    const struct cede_crypto *crypto = replay->port.inner;

    key->curve = private_key.curve;
    key->point = cede_span(point, cede_curve_public_len(key->curve));
    replay_ok(replay, initiator ? "public key of I" : "public key of R",
              crypto->public_from_private(crypto->context, &private_key, point));
}

/* Suites of SUITES_I in order, all of them known to us but for those the vector leaves out. */
static inline void replay_config(struct replay *replay)
{
    struct cede_reader reader = cede_reader(replay_get(replay->vector, "message_1"));
    size_t left = 1;
    size_t count = 0;

    (void)cede_cbor_get_int(&reader);
    if (cede_cbor_peek(&reader) == CEDE_CBOR_ARRAY) {
        left = cede_cbor_get_array(&reader);
    }
    for (; left > 0 && count < 8; left--) {
        const struct cede_edhoc_suite *suite = replay_suite(cede_cbor_get_int(&reader));
        if (suite == NULL) {
            replay_ok(replay, "suite", CEDE_CRYPTO_UNSUPPORTED);
            return;
        }
        replay->suites[count++] = suite;
    }
    replay->config.crypto = &replay->port.port;
    replay->config.suites = replay->suites;
    replay->config.suites_count = count;
    replay->config.methods = 0x0f;
    replay->config.ead_labels = replay_ead_labels;
    replay->config.ead_labels_count = sizeof replay_ead_labels / sizeof replay_ead_labels[0];
}

static inline void replay_init(struct replay *replay, const struct replay_vector *vector,
                               const struct cede_crypto *crypto)
{
    memset(replay, 0, sizeof *replay);
    replay->vector = vector;
    replay_port_init(&replay->port, crypto);
    replay_config(replay);
    if (replay->step == NULL) {
        replay_public_key(replay, true, &replay->public_i, replay->point_i);
        replay_public_key(replay, false, &replay->public_r, replay->point_r);
    }
}

/* Hands out the recorded ephemeral key and, unless it is deterministic, the signature. */
static inline void replay_record(struct replay *replay, bool initiator)
{
    const struct replay_vector *vector = replay->vector;
    const struct cede_edhoc_suite *suite = replay_suite(vector->suite);

    replay->port.ephemeral_private = replay_get(vector, initiator ? "X" : "Y");
    replay->port.ephemeral_public = replay_get(vector, initiator ? "G_X" : "G_Y");
    if (replay_signs(replay, initiator) && suite->signature != CEDE_ALG_EDDSA) {
        replay->port.signature =
            replay_get(vector, initiator ? "Signature_or_MAC_3" : "Signature_or_MAC_2");
        replay->port.signer = initiator ? replay->public_i : replay->public_r;
    }
}

static inline void replay_exports(struct replay *replay, bool initiator)
{
    struct cede_edhoc_oscore oscore;

    replay_ok(replay, "OSCORE",
              cede_edhoc_export_oscore(&replay->session, &replay->config, &oscore));
    replay_is(replay, "OSCORE_Master_Secret",
              cede_span(oscore.master_secret, oscore.master_secret_len));
    replay_is(replay, "OSCORE_Master_Salt", CEDE_SPAN_ARRAY(oscore.master_salt));
    replay_is(replay, initiator ? "C_R" : "C_I", cede_edhoc_connection_id_span(&oscore.sender_id));
    replay_is(replay, initiator ? "C_I" : "C_R",
              cede_edhoc_connection_id_span(&oscore.recipient_id));
    replay_ok(replay, "KeyUpdate",
              cede_edhoc_update_key(&replay->session, &replay->config,
                                    replay_get(replay->vector, "KeyUpdate_context")));
    replay_key_is(replay, "KeyUpdate_PRK_out", replay->session.prk_out);
    replay_ok(replay, "OSCORE",
              cede_edhoc_export_oscore(&replay->session, &replay->config, &oscore));
    replay_is(replay, "KeyUpdate_OSCORE_Master_Secret",
              cede_span(oscore.master_secret, oscore.master_secret_len));
    replay_is(replay, "KeyUpdate_OSCORE_Master_Salt", CEDE_SPAN_ARRAY(oscore.master_salt));
}

/* The identity is decoded as the map the credential's owner would give. */
static inline void replay_id_is(struct replay *replay, const char *name, struct cede_span encoding)
{
    struct cede_edhoc_id_cred expected, got;
    struct cede_span map = replay_get(replay->vector, name);

    replay_ok(replay, name, cede_edhoc_id_cred_decode(map, &expected));
    replay_ok(replay, name, cede_edhoc_id_cred_decode(encoding, &got));
    replay_ok(replay, name,
              got.kind == expected.kind && cede_span_equal(got.value, expected.value) &&
                      cede_span_equal(got.map, expected.map)
                  ? CEDE_OK
                  : CEDE_INTERNAL);
}

/* Each step only while all went well. */
#define REPLAY_STEP(replay_, name_, call_)                                                         \
    ((replay_)->step == NULL && replay_ok((replay_), (name_), (call_)))

static inline void replay_initiator(struct replay *replay, const struct replay_vector *vector,
                                    const struct cede_crypto *crypto)
{
    struct cede_edhoc_session *session = &replay->session;
    struct cede_buf out = CEDE_BUF_ARRAY(replay->out);
    struct cede_buf in = CEDE_BUF_ARRAY(replay->in);
    struct cede_edhoc_credential credential;
    struct cede_edhoc_own own;
    struct cede_edhoc_peer peer;
    struct cede_edhoc_eads eads;
    struct cede_span message;

    replay_init(replay, vector, crypto);
    if (replay->step != NULL) {
        return;
    }
    replay_record(replay, true);
    own = replay_own(replay, true);
    credential = replay_credential(replay, false);
    eads = replay_eads(replay, "EAD_1");
    if (REPLAY_STEP(replay, "begin",
                    cede_edhoc_init_initiator(session, &replay->config,
                                              (enum cede_edhoc_method)vector->method, vector->suite,
                                              replay_get(vector, "C_I"))) &&
        REPLAY_STEP(replay, "compose message_1",
                    cede_edhoc_compose_message_1(session, &replay->config, &eads, out, &message))) {
        replay_is(replay, "message_1", message);
        replay_key_is(replay, "H_message_1", session->th);
    }
    if (REPLAY_STEP(replay, "process message_2",
                    cede_edhoc_process_message_2(session, &replay->config,
                                                 replay_get(vector, "message_2"), in, &peer))) {
        replay_key_is(replay, "TH_2", session->th);
        replay_key_is(replay, "PRK_2e", session->prk);
        replay_is(replay, "PLAINTEXT_2", peer.plaintext);
        replay_is(replay, "C_R", cede_edhoc_connection_id_span(&session->c_r));
        replay_id_is(replay, "ID_CRED_R", peer.id_cred);
        replay_eads_are(replay, "EAD_2", &peer.eads);
    }
    if (REPLAY_STEP(replay, "verify message_2",
                    cede_edhoc_verify_message_2(session, &replay->config, &peer, &credential))) {
        replay_key_is(replay, "PRK_3e2m", session->prk);
        replay_key_is(replay, "TH_3", session->th);
    }
    eads = replay_eads(replay, "EAD_3");
    if (REPLAY_STEP(
            replay, "compose message_3",
            cede_edhoc_compose_message_3(session, &replay->config, &own, &eads, out, &message))) {
        replay_is(replay, "message_3", message);
        replay_key_is(replay, "PRK_4e3m", session->prk);
        replay_key_is(replay, "TH_4", session->th);
        replay_key_is(replay, "PRK_out", session->prk_out);
    }
    if (REPLAY_STEP(replay, "process message_4",
                    cede_edhoc_process_message_4(session, &replay->config,
                                                 replay_get(vector, "message_4"), in, &eads))) {
        replay_eads_are(replay, "EAD_4", &eads);
        replay_exports(replay, true);
    }
}

static inline void replay_responder(struct replay *replay, const struct replay_vector *vector,
                                    const struct cede_crypto *crypto)
{
    struct cede_edhoc_session *session = &replay->session;
    struct cede_buf out = CEDE_BUF_ARRAY(replay->out);
    struct cede_buf in = CEDE_BUF_ARRAY(replay->in);
    struct cede_edhoc_credential credential;
    struct cede_edhoc_own own;
    struct cede_edhoc_peer peer;
    struct cede_edhoc_eads eads;
    struct cede_span message;

    replay_init(replay, vector, crypto);
    if (replay->step != NULL) {
        return;
    }
    /* The responder has the selected suite alone: the others of SUITES_I it does not support. */
    replay->suites[0] = replay_suite(vector->suite);
    replay->config.suites_count = 1;
    replay_record(replay, false);
    own = replay_own(replay, false);
    credential = replay_credential(replay, true);
    cede_edhoc_init_responder(session);
    if (REPLAY_STEP(replay, "process message_1",
                    cede_edhoc_process_message_1(session, &replay->config,
                                                 replay_get(vector, "message_1"), &eads))) {
        replay_is(replay, "C_I", cede_edhoc_connection_id_span(&session->c_i));
        replay_eads_are(replay, "EAD_1", &eads);
    }
    eads = replay_eads(replay, "EAD_2");
    if (REPLAY_STEP(replay, "compose message_2",
                    cede_edhoc_compose_message_2(session, &replay->config,
                                                 replay_get(vector, "C_R"), &own, &eads, out,
                                                 &message))) {
        replay_is(replay, "message_2", message);
        replay_key_is(replay, "PRK_3e2m", session->prk);
        replay_key_is(replay, "TH_3", session->th);
    }
    if (REPLAY_STEP(replay, "process message_3",
                    cede_edhoc_process_message_3(session, &replay->config,
                                                 replay_get(vector, "message_3"), in, &peer))) {
        replay_is(replay, "PLAINTEXT_3", peer.plaintext);
        replay_id_is(replay, "ID_CRED_I", peer.id_cred);
        replay_eads_are(replay, "EAD_3", &peer.eads);
    }
    if (REPLAY_STEP(replay, "verify message_3",
                    cede_edhoc_verify_message_3(session, &replay->config, &peer, &credential))) {
        replay_key_is(replay, "PRK_4e3m", session->prk);
        replay_key_is(replay, "TH_4", session->th);
        replay_key_is(replay, "PRK_out", session->prk_out);
    }
    eads = replay_eads(replay, "EAD_4");
    if (REPLAY_STEP(replay, "compose message_4",
                    cede_edhoc_compose_message_4(session, &replay->config, &eads, out, &message))) {
        replay_is(replay, "message_4", message);
        replay_exports(replay, false);
    }
}

/* --- messages that must be refused ------------------------------------------------------------ */

/* A responder with `suite` alone and a fresh key meets `message_1`: the first failure on the way
 * to message_2, CEDE_OK when there is none. */
static inline enum cede_status replay_refusal_1(const struct cede_crypto *crypto,
                                                const struct cede_edhoc_suite *suite,
                                                struct cede_span message_1)
{
    static const uint8_t id_cred[] = {0xa1, 0x04, 0x41, 0x32};
    static const uint8_t cred[] = {0xa1, 0x02, 0x61, 0x52};
    static const uint8_t c_r[] = {0x27};
    const struct cede_edhoc_suite *suites[] = {suite};
    struct cede_edhoc_config config = {
        .crypto = crypto, .suites = suites, .suites_count = 1, .methods = 0x0f};
    struct cede_edhoc_own own = {.id_cred = CEDE_SPAN_ARRAY(id_cred),
                                 .cred = CEDE_SPAN_ARRAY(cred)};
    uint8_t key[CEDE_PRIVATE_KEY_LEN_MAX], point[CEDE_PUBLIC_KEY_LEN_MAX], out[512];
    struct cede_edhoc_session session;
    struct cede_edhoc_eads eads;
    struct cede_span message_2;

    CEDE_TRY(crypto->generate(crypto->context, suite->curve, key, point));
    own.key.curve = suite->curve;
    own.key.scalar = cede_span(key, cede_curve_private_len(suite->curve));
    cede_edhoc_init_responder(&session);
    CEDE_TRY(cede_edhoc_process_message_1(&session, &config, message_1, &eads));
    return cede_edhoc_compose_message_2(&session, &config, CEDE_SPAN_ARRAY(c_r), &own, NULL,
                                        CEDE_BUF_ARRAY(out), &message_2);
}

/* The initiator of `vector` meets message_2. */
static inline enum cede_status replay_refusal_2(struct replay *replay,
                                                const struct replay_vector *vector,
                                                const struct cede_crypto *crypto,
                                                struct cede_span message_2)
{
    struct cede_edhoc_session *session = &replay->session;
    struct cede_edhoc_credential credential;
    struct cede_edhoc_peer peer;
    struct cede_span message;

    replay_init(replay, vector, crypto);
    if (replay->step != NULL) {
        return replay->status;
    }
    replay_record(replay, true);
    credential = replay_credential(replay, false);
    CEDE_TRY(cede_edhoc_init_initiator(session, &replay->config,
                                       (enum cede_edhoc_method)vector->method, vector->suite,
                                       replay_get(vector, "C_I")));
    CEDE_TRY(cede_edhoc_compose_message_1(session, &replay->config, NULL,
                                          CEDE_BUF_ARRAY(replay->out), &message));
    CEDE_TRY(cede_edhoc_process_message_2(session, &replay->config, message_2,
                                          CEDE_BUF_ARRAY(replay->in), &peer));
    return cede_edhoc_verify_message_2(session, &replay->config, &peer, &credential);
}

/* The message_2 of `vector` with another PLAINTEXT_2 in it. */
static inline struct cede_span replay_seal_2(const struct replay_vector *vector,
                                             const struct cede_crypto *crypto,
                                             struct cede_span plaintext_2, uint8_t out[512])
{
    const struct cede_edhoc_suite *suite = replay_suite(vector->suite);
    struct cede_span g_y = replay_get(vector, "G_Y");
    uint8_t info_bytes[64], keystream[256];
    struct cede_writer info = cede_writer(CEDE_BUF_ARRAY(info_bytes));
    struct cede_writer writer = cede_writer(cede_buf(out, 512));

    if (plaintext_2.len > sizeof keystream) {
        return CEDE_SPAN_NULL;
    }
    cede_cbor_put_int(&info, 0);
    cede_cbor_put_bytes(&info, replay_get(vector, "TH_2"));
    cede_cbor_put_uint(&info, plaintext_2.len);
    if (cede_hkdf_expand(crypto, suite->hash, replay_get(vector, "PRK_2e"), cede_written(&info),
                         cede_buf(keystream, plaintext_2.len)) != CEDE_OK) {
        return CEDE_SPAN_NULL;
    }
    cede_cbor_put_bytes_head(&writer, g_y.len + plaintext_2.len);
    cede_write_bytes(&writer, g_y);
    for (size_t i = 0; i < plaintext_2.len; i++) {
        cede_write_u8(&writer, (uint8_t)(plaintext_2.ptr[i] ^ keystream[i]));
    }
    return cede_written(&writer);
}

#endif
