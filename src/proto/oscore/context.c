/* SPDX-License-Identifier: Apache-2.0 */
/* context.c - the security context: derivation (RFC 8613, 3.2) and sender sequence numbers. */
#include <string.h>

#include "cede/cbor.h"
#include "proto/oscore/oscore_internal.h"

_Static_assert(sizeof(struct cede_oscore_context) <= 300, "a device keeps several contexts");

#define NONCE_FIXED_LEN 6 /* S and the padded partial IV (RFC 8613, 5.2) */
/* array, id, id_context, alg_aead, type, L */
#define INFO_LEN_MAX                                                                               \
    (1 + 1 + CEDE_OSCORE_ID_LEN_MAX + 2 + CEDE_OSCORE_ID_CONTEXT_LEN_MAX + 5 + 4 + 2)

static struct cede_span id_context_of(const struct cede_oscore_context *context)
{
    if (!context->has_id_context) {
        return CEDE_SPAN_NULL;
    }
    return cede_span(context->id_context, context->id_context_len);
}

/* What the keys and the Common IV are derived from. */
struct derivation {
    const struct cede_oscore_context *context;
    const struct cede_crypto *crypto;
    int32_t hash_alg;
    struct cede_span prk;
};

/* info = [ id, id_context / nil, alg_aead, type, L ] and HKDF-Expand */
static enum cede_status derive(const struct derivation *from, struct cede_span id, const char *type,
                               struct cede_buf out)
{
    const struct cede_oscore_context *context = from->context;
    uint8_t bytes[INFO_LEN_MAX];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(bytes));
    struct cede_span info;

    cede_cbor_put_array(&writer, 5);
    cede_cbor_put_bytes(&writer, id);
    if (context->has_id_context) {
        cede_cbor_put_bytes(&writer, id_context_of(context));
    } else {
        cede_cbor_put_null(&writer);
    }
    cede_cbor_put_int(&writer, context->aead_alg);
    cede_cbor_put_text(&writer, cede_span_string(type));
    cede_cbor_put_uint(&writer, out.cap);
    CEDE_TRY(cede_writer_finish(&writer, &info));
    return cede_hkdf_expand(from->crypto, from->hash_alg, from->prk, info, out);
}

static enum cede_status derive_all(struct cede_oscore_context *context,
                                   const struct cede_crypto *crypto,
                                   const struct cede_oscore_params *params, int32_t hash_alg)
{
    size_t key_len = cede_aead_key_len(context->aead_alg);
    size_t nonce_len = cede_aead_nonce_len(context->aead_alg);
    uint8_t prk[CEDE_HASH_LEN_MAX];
    struct derivation from = {context, crypto, hash_alg, cede_span(prk, cede_hash_len(hash_alg))};
    enum cede_status status;

    status = cede_hkdf_extract(crypto, hash_alg, params->master_salt, params->master_secret, prk);
    if (status == CEDE_OK) {
        status = derive(&from, params->sender_id, "Key", cede_buf(context->sender_key, key_len));
    }
    if (status == CEDE_OK) {
        status =
            derive(&from, params->recipient_id, "Key", cede_buf(context->recipient_key, key_len));
    }
    if (status == CEDE_OK) {
        status = derive(&from, CEDE_SPAN_NULL, "IV", cede_buf(context->common_iv, nonce_len));
    }
    cede_wipe(prk, sizeof(prk));
    return status;
}

/* Equal ids would give both directions one key and one nonce space (RFC 8613, 3.3). */
static bool ids_hold(const struct cede_oscore_params *params, size_t nonce_len)
{
    struct cede_span sender = params->sender_id;
    struct cede_span recipient = params->recipient_id;
    size_t len_max = nonce_len - NONCE_FIXED_LEN;

    return sender.len <= len_max && recipient.len <= len_max &&
           (sender.len != recipient.len ||
            (sender.len > 0 && memcmp(sender.ptr, recipient.ptr, sender.len) != 0));
}

static bool params_hold(const struct cede_oscore_params *params, int32_t aead_alg, int32_t hash_alg)
{
    size_t nonce_len = cede_aead_nonce_len(aead_alg);

    return nonce_len >= NONCE_FIXED_LEN + 1 && cede_hash_len(hash_alg) > 0 &&
           hash_alg != CEDE_ALG_SHA_256_64 && params->master_secret.len > 0 &&
           params->id_context.len <= CEDE_OSCORE_ID_CONTEXT_LEN_MAX &&
           params->window_len <= CEDE_OSCORE_WINDOW_MAX && ids_hold(params, nonce_len);
}

static void copy_id(uint8_t *to, uint8_t *to_len, struct cede_span id)
{
    *to_len = (uint8_t)id.len;
    if (id.len > 0) {
        memcpy(to, id.ptr, id.len);
    }
}

enum cede_status cede_oscore_init(struct cede_oscore_context *context,
                                  const struct cede_crypto *crypto,
                                  const struct cede_oscore_params *params)
{
    int32_t aead_alg = params->aead_alg != 0 ? params->aead_alg : CEDE_ALG_AES_CCM_16_64_128;
    int32_t hash_alg = params->hash_alg != 0 ? params->hash_alg : CEDE_ALG_SHA_256;
    enum cede_status status;

    memset(context, 0, sizeof(*context));
    if (!params_hold(params, aead_alg, hash_alg)) {
        return CEDE_BAD_ARGUMENT;
    }
    context->aead_alg = aead_alg;
    context->sender_ceiling = CEDE_OSCORE_SEQ_MAX + 1;
    context->window.len = params->window_len != 0 ? params->window_len : CEDE_OSCORE_WINDOW_LEN;
    copy_id(context->sender_id, &context->sender_id_len, params->sender_id);
    copy_id(context->recipient_id, &context->recipient_id_len, params->recipient_id);
    copy_id(context->id_context, &context->id_context_len, params->id_context);
    context->has_id_context = !cede_span_is_null(params->id_context);
    status = derive_all(context, crypto, params, hash_alg);
    if (status != CEDE_OK) {
        cede_oscore_wipe(context);
    }
    return status;
}

void cede_oscore_wipe(struct cede_oscore_context *context)
{
    cede_wipe(context, sizeof(*context));
}

enum cede_status cede_oscore_recover(struct cede_oscore_context *context,
                                     const struct cede_crypto *crypto, uint64_t stored_ceiling)
{
    uint8_t echo[CEDE_OSCORE_RECOVER_LEN] = {0};

    CEDE_TRY(crypto->random(crypto->context, CEDE_BUF_ARRAY(echo)));
    memcpy(context->echo, echo, sizeof(echo));
    context->sender_seq = stored_ceiling;
    context->sender_ceiling = stored_ceiling;
    context->window.highest = 0;
    context->window.seen = 0;
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

enum cede_status cede_oscore_take_sequence_number(struct cede_oscore_context *context,
                                                  uint64_t *sequence_number)
{
    if (context->sender_seq > CEDE_OSCORE_SEQ_MAX) {
        return CEDE_OSCORE_EXHAUSTED;
    }
    if (context->sender_seq >= context->sender_ceiling) {
        return CEDE_OSCORE_RESERVE;
    }
    *sequence_number = context->sender_seq++;
    return CEDE_OK;
}

bool cede_oscore_matches(const struct cede_oscore_context *context,
                         const struct cede_oscore_header *header)
{
    if (!cede_span_equal(header->kid,
                         cede_span(context->recipient_id, context->recipient_id_len))) {
        return false;
    }
    return cede_span_is_null(header->kid_context) ||
           cede_span_equal(header->kid_context, id_context_of(context));
}
