/* SPDX-License-Identifier: Apache-2.0 */
/* context.c - the security context: derivation (RFC 8613, 3.2) and sender sequence numbers. */
#include "proto/oscore/oscore_internal.h"

_Static_assert(sizeof(struct cede_oscore_context) <= 300, "a device keeps several contexts");

#define NONCE_FIXED_LEN 6 /* S and the padded partial IV (RFC 8613, 5.2) */
/* array, id, id_context, alg_aead, type, L */
#define INFO_LEN_MAX                                                                               \
    (1 + 1 + CEDE_OSCORE_ID_LEN_MAX + 2 + CEDE_OSCORE_ID_CONTEXT_LEN_MAX + 2 + 4 + 2)

uint8_t *cede_oscore_put(uint8_t *at, const uint8_t *bytes, size_t len)
{
    if (len > 0) {
        memcpy(at, bytes, len);
    }
    return at + len;
}

uint8_t *cede_oscore_put_head(uint8_t *at, unsigned type, size_t argument)
{
    if (argument >= 24) {
        *at++ = (uint8_t)(type | 24);
        type = 0;
    }
    *at++ = (uint8_t)(type | argument);
    return at;
}

uint8_t *cede_oscore_put_bytes(uint8_t *at, const uint8_t *bytes, size_t len)
{
    return cede_oscore_put(cede_oscore_put_head(at, 0x40, len), bytes, len);
}

/* What the keys and the Common IV are derived from. */
struct derivation {
    struct cede_oscore_context *context;
    const struct cede_crypto *crypto;
    int32_t hash_alg;
    uint8_t prk[CEDE_HASH_LEN_MAX];
};

_Static_assert(CEDE_AEAD_KEY_LEN_MAX <= CEDE_SHA256_LEN, "one block of HKDF is enough");

/* HKDF-Expand (RFC 5869, 2.3) with info = [ id, id_context / nil, alg_aead, type, L ]. What OSCORE
 * derives is never longer than a hash, so T(1) is all of it. */
static enum cede_status derive(const struct derivation *from, struct cede_span id,
                               struct cede_span type, uint8_t *out, size_t len)
{
    const struct cede_oscore_context *context = from->context;
    uint8_t block[CEDE_HASH_LEN_MAX];
    uint8_t info[INFO_LEN_MAX + 1];
    uint8_t *at = info;
    struct cede_span all;
    enum cede_status status;

    at = cede_oscore_put_head(at, 0x80, 5);
    at = cede_oscore_put_bytes(at, id.ptr, id.len);
    if (context->has_id_context) {
        at = cede_oscore_put_bytes(at, context->id_context, context->id_context_len);
    } else {
        *at++ = 0xf6;
    }
    at = cede_oscore_put_head(at, 0, context->aead_alg);
    at = cede_oscore_put(at, type.ptr, type.len);
    at = cede_oscore_put_head(at, 0, len);
    *at++ = 1; /* the counter */
    all = cede_span(info, (size_t)(at - info));
    status =
        from->crypto->hmac(from->crypto->context, from->hash_alg,
                           cede_span(from->prk, cede_hash_len(from->hash_alg)), &all, 1, block);
    if (status == CEDE_OK) {
        memcpy(out, block, len);
    }
    cede_wipe(block, sizeof(block));
    return status;
}

static enum cede_status derive_key(const struct derivation *from,
                                   struct cede_oscore_endpoint *endpoint)
{
    return derive(from, cede_span(endpoint->id, endpoint->id_len), CEDE_SPAN_TEXT("\x63Key"),
                  endpoint->key, from->context->key_len);
}

static enum cede_status derive_all(struct derivation *from, const struct cede_oscore_params *params)
{
    struct cede_oscore_context *context = from->context;

    /* HKDF-Extract; HMAC pads an absent salt with zeros as RFC 5869, 2.2 asks. */
    CEDE_TRY(from->crypto->hmac(from->crypto->context, from->hash_alg, params->master_salt,
                                &params->master_secret, 1, from->prk));
    CEDE_TRY(derive_key(from, &context->sender));
    CEDE_TRY(derive_key(from, &context->recipient));
    return derive(from, CEDE_SPAN_NULL, CEDE_SPAN_TEXT("\x62IV"), context->common_iv,
                  context->nonce_len);
}

/* 0 to 32, or a power of two for which there is memory. */
static bool window_holds(const struct cede_oscore_params *params)
{
    unsigned len = params->window_len;

    return len <= 32 ||
           (len <= CEDE_OSCORE_WINDOW_MAX && (len & (len - 1)) == 0 && params->window != NULL);
}

/* Equal ids would give both directions one key and one nonce space (RFC 8613, 3.3). */
static bool ids_hold(const struct cede_oscore_params *params, size_t len_max)
{
    struct cede_span sender = params->sender_id;
    struct cede_span recipient = params->recipient_id;

    return sender.len <= len_max && recipient.len <= len_max &&
           (sender.len != recipient.len ||
            (sender.len > 0 && memcmp(sender.ptr, recipient.ptr, sender.len) != 0));
}

static void set_id(struct cede_oscore_endpoint *endpoint, struct cede_span id)
{
    endpoint->id_len = (uint8_t)id.len;
    (void)cede_oscore_put(endpoint->id, id.ptr, id.len);
}

static void set_window(struct cede_oscore_window *window, const struct cede_oscore_params *params)
{
    window->len = params->window_len != 0 ? params->window_len : CEDE_OSCORE_WINDOW_LEN;
    if (window->len > 32) {
        window->words = params->window;
        memset(window->words, 0, window->len / 8u);
    }
}

enum cede_status cede_oscore_init(struct cede_oscore_context *context,
                                  const struct cede_crypto *crypto,
                                  const struct cede_oscore_params *params)
{
    int32_t aead_alg = params->aead_alg != 0 ? params->aead_alg : CEDE_ALG_AES_CCM_16_64_128;
    struct derivation from = {.context = context, .crypto = crypto, .hash_alg = params->hash_alg};
    size_t nonce_len = cede_aead_nonce_len(aead_alg);
    enum cede_status status;

    memset(context, 0, sizeof(*context));
    if (from.hash_alg == 0) {
        from.hash_alg = CEDE_ALG_SHA_256;
    }
    if (nonce_len <= NONCE_FIXED_LEN || cede_hash_len(from.hash_alg) < CEDE_AEAD_KEY_LEN_MAX ||
        params->master_secret.len == 0 || params->id_context.len > CEDE_OSCORE_ID_CONTEXT_LEN_MAX ||
        !window_holds(params) || !ids_hold(params, nonce_len - NONCE_FIXED_LEN)) {
        return CEDE_BAD_ARGUMENT;
    }
    context->aead_alg = (uint8_t)aead_alg;
    context->key_len = (uint8_t)cede_aead_key_len(aead_alg);
    context->nonce_len = (uint8_t)nonce_len;
    context->sender_ceiling = CEDE_OSCORE_SEQ_MAX + 1;
    set_window(&context->window, params);
    set_id(&context->sender, params->sender_id);
    set_id(&context->recipient, params->recipient_id);
    context->has_id_context = !cede_span_is_null(params->id_context);
    context->id_context_len = (uint8_t)params->id_context.len;
    (void)cede_oscore_put(context->id_context, params->id_context.ptr, params->id_context.len);
    status = derive_all(&from, params);
    cede_wipe(from.prk, sizeof(from.prk));
    if (status != CEDE_OK) {
        cede_oscore_wipe(context);
    }
    return status;
}

void cede_oscore_wipe(struct cede_oscore_context *context)
{
    cede_wipe(context, sizeof(*context));
}

void cede_oscore_close(struct cede_oscore_context *context, const struct cede_crypto *crypto)
{
    if (crypto->aead_forget != NULL) {
        crypto->aead_forget(crypto->context, cede_span(context->sender.key, context->key_len));
        crypto->aead_forget(crypto->context, cede_span(context->recipient.key, context->key_len));
    }
    cede_oscore_wipe(context);
}

enum cede_status cede_oscore_recover(struct cede_oscore_context *context,
                                     const struct cede_crypto *crypto, uint64_t stored_ceiling)
{
    uint8_t echo[CEDE_OSCORE_RECOVER_LEN] = {0};

    CEDE_TRY(crypto->random(crypto->context, CEDE_BUF_ARRAY(echo)));
    memcpy(context->echo, echo, sizeof(echo));
    context->sender_seq = stored_ceiling;
    context->sender_ceiling = stored_ceiling;
    context->window.lost = true;
    return CEDE_OK;
}

bool cede_oscore_needs_reserve(const struct cede_oscore_context *context, uint64_t margin)
{
    return context->sender_seq >= context->sender_ceiling ||
           context->sender_ceiling - context->sender_seq < margin;
}

void cede_oscore_reserve(struct cede_oscore_context *context, uint64_t ceiling)
{
    context->sender_ceiling = ceiling <= CEDE_OSCORE_SEQ_MAX ? ceiling : CEDE_OSCORE_SEQ_MAX + 1;
}

enum cede_status cede_oscore_keep_ahead(struct cede_oscore_context *context, uint64_t margin,
                                        uint64_t step, cede_oscore_store *store,
                                        void *store_context)
{
    uint64_t ceiling = CEDE_OSCORE_SEQ_MAX + 1;

    if (!cede_oscore_needs_reserve(context, margin) || context->sender_seq >= ceiling) {
        return CEDE_OK; /* without numbers protecting fails: CEDE_OSCORE_EXHAUSTED */
    }
    if (step < ceiling - context->sender_seq) {
        ceiling = context->sender_seq + step;
    }
    CEDE_TRY(store(store_context, ceiling));
    cede_oscore_reserve(context, ceiling);
    return CEDE_OK;
}

static bool is_or_absent(struct cede_span given, const uint8_t *own, size_t own_len)
{
    return cede_span_is_null(given) ||
           (given.len == own_len && memcmp(given.ptr, own, own_len) == 0);
}

bool cede_oscore_matches(const struct cede_oscore_context *context,
                         const struct cede_oscore_header *header)
{
    return is_or_absent(header->kid, context->recipient.id, context->recipient.id_len) &&
           (cede_span_is_null(header->kid_context) || context->has_id_context) &&
           is_or_absent(header->kid_context, context->id_context, context->id_context_len);
}
