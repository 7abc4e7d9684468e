/* SPDX-License-Identifier: Apache-2.0 */
/* cose.c - COSE objects (RFC 9052), COSE_Key, and CWT claims sets (RFC 8392) in them. */
#include "cede/cose.h"
#include "cede/cwt.h"
#include "cede/transfer.h"
#include "inspect/kinds.h"
#include "inspect/meaning.h"

/* --- keys ---------------------------------------------------------------------------------------
 */

/* Label -1 is the curve, or the whole key of a symmetric one (RFC 9053, section 7). */
static const struct diag_shape *choose_crv_or_k(struct cede_span item)
{
    return item.ptr[0] >> 5 == CEDE_CBOR_BYTES ? &shape_secret : &shape_curve;
}

static void mean_key_ops(const struct diag *diag, struct cede_span item, FILE *text)
{
    static const struct diag_value names[] = {
        {1, "sign"},       {2, "verify"},      {3, "encrypt"},    {4, "decrypt"},
        {5, "wrap key"},   {6, "unwrap key"},  {7, "derive key"}, {8, "derive bits"},
        {9, "MAC create"}, {10, "MAC verify"}, {0, NULL}};
    struct cede_reader reader = cede_reader(item);
    size_t count = cede_cbor_get_array(&reader);

    (void)diag;
    for (size_t i = 0; i < count && reader.status == CEDE_OK; i++) {
        int64_t op = cede_cbor_get_int(&reader);
        const char *name = diag_name(names, op);

        fprintf(text, "%s%s", i > 0 ? ", " : "", name != NULL ? name : "unknown");
    }
}

static const struct diag_shape kty_shape = {.values = cose_key_types};
static const struct diag_shape key_ops_shape = {.meaning = mean_key_ops};
static const struct diag_shape crv_or_k = {.form = DIAG_CHOICE, .choose = choose_crv_or_k};

static const struct diag_field key_fields[] = {
    {1, "kty", &kty_shape},
    {2, "kid", NULL},
    {3, "alg", &shape_algorithm},
    {4, "key_ops", &key_ops_shape},
    {5, "Base IV", NULL},
    {-1, "crv or k", &crv_or_k},
    {-2, "x", NULL},
    {-3, "y", NULL},
    {-4, "d", &shape_secret},
    {0, NULL, NULL},
};
const struct diag_shape shape_cose_key = {
    .form = DIAG_MAP, .name = "COSE_Key", .fields = key_fields};
static const struct diag_shape key_set = {
    .form = DIAG_LIST, .name = "COSE_KeySet", .element = &shape_cose_key};

void print_cose_key(struct diag *diag, struct cede_span input)
{
    struct cede_cose_key key;

    diag_whole(diag, input, &shape_cose_key, NULL);
    if (diag->status == CEDE_OK) {
        diag_check(diag, input, cede_cose_key_decode(input, &key));
    }
}

void print_key_set(struct diag *diag, struct cede_span input)
{
    diag_whole(diag, input, &key_set, NULL);
}

/* --- headers ------------------------------------------------------------------------------------
 */

static const struct diag_field header_fields[] = {
    {CEDE_COSE_LABEL_ALG, "alg", &shape_algorithm},
    {CEDE_COSE_LABEL_CRIT, "crit", NULL},
    {CEDE_COSE_LABEL_CONTENT_TYPE, "content type", NULL},
    {CEDE_COSE_LABEL_KID, "kid", NULL},
    {CEDE_COSE_LABEL_IV, "IV", NULL},
    {CEDE_COSE_LABEL_PARTIAL_IV, "Partial IV", NULL},
    {CEDE_COSE_LABEL_TYP, "typ", NULL},
    {CEDE_COSE_LABEL_C5T, "c5t", &shape_cert_hash},
    {CEDE_COSE_LABEL_C5U, "c5u", NULL},
    {CEDE_COSE_LABEL_C5B, "c5b", &shape_bag},
    {CEDE_COSE_LABEL_C5C, "c5c", &shape_bag},
    {CEDE_COSE_LABEL_X5BAG, "x5bag", &shape_bag},
    {CEDE_COSE_LABEL_X5CHAIN, "x5chain", &shape_bag},
    {CEDE_COSE_LABEL_X5T, "x5t", &shape_cert_hash},
    {CEDE_COSE_LABEL_X5U, "x5u", NULL},
    {0, NULL, NULL},
};
const struct diag_shape shape_headers = {.form = DIAG_MAP, .fields = header_fields};
static const struct diag_shape wrapped_headers = {
    .form = DIAG_WRAPPED, .element = &shape_headers, .types = DIAG_TYPE(CEDE_CBOR_BYTES)};

/* --- claims -------------------------------------------------------------------------------------
 */

static const struct diag_field confirmation_fields[] = {{1, "COSE_Key", &shape_cose_key},
                                                        {2, "Encrypted_COSE_Key", NULL},
                                                        {3, "kid", NULL},
                                                        {0, NULL, NULL}};
static const struct diag_shape confirmation = {.form = DIAG_MAP, .fields = confirmation_fields};
static const struct diag_shape integer_time = {.meaning = mean_time};

static const struct diag_field claim_fields[] = {
    {CEDE_CWT_ISS, "iss", NULL},
    {CEDE_CWT_SUB, "sub", NULL},
    {CEDE_CWT_AUD, "aud", NULL},
    {CEDE_CWT_EXP, "exp", &integer_time},
    {CEDE_CWT_NBF, "nbf", &integer_time},
    {CEDE_CWT_IAT, "iat", &integer_time},
    {CEDE_CWT_CTI, "cti", NULL},
    {CEDE_CWT_CNF, "cnf", &confirmation},
    {CEDE_CWT_NONCE, "nonce", NULL},
    {256, "ueid", NULL},
    {265, "eat_profile", NULL},
    {CEDE_CLAIM_TRANSFER, "transfer", &shape_transfer_claim},
    {CEDE_CLAIM_TRUST_UPDATE, "trust-update", &shape_trust_update_claim},
    {CEDE_CLAIM_RECEIPT, "receipt", &shape_receipt_claim},
    {0, NULL, NULL},
};
static const struct diag_shape claims_shape = {
    .form = DIAG_MAP, .name = "CWT claims", .fields = claim_fields};

/* Ours by the rules of the message it is, a stranger's by those of any CWT. */
static enum cede_status check_claims(struct cede_span payload)
{
    struct cede_cwt_claims claims;
    enum cede_status status = claims_verdict(payload);

    return status == CEDE_NOT_FOUND ? cede_cwt_decode(payload, CEDE_CBOR_ANY_ORDER, &claims)
                                    : status;
}

void print_claims(struct diag *diag, struct cede_span input)
{
    diag_whole(diag, input, &claims_shape, NULL);
    if (diag->status == CEDE_OK) {
        diag_check(diag, input, check_claims(input));
    }
}

/* --- objects ------------------------------------------------------------------------------------
 */

static const struct diag_shape wrapped_claims = {.form = DIAG_WRAPPED, .element = &claims_shape};
static const struct diag_shape wrapped_trust = {.form = DIAG_WRAPPED, .element = &shape_trust_list};
static const struct diag_shape wrapped_any = {.form = DIAG_WRAPPED};

/* What a payload holds: claims when it is a map with integer keys, trust entries when it is an
 * array of arrays; other CBOR is opened only when it is no plain number or text by chance. */
static const struct diag_shape *choose_payload(struct cede_span item)
{
    struct cede_span payload;
    struct cede_reader reader;
    size_t offset;

    if (!diag_as_bytes(item, &payload) || payload.len < 2) {
        return NULL;
    }
    reader = cede_reader(payload);
    if (cede_cbor_peek(&reader) == CEDE_CBOR_MAP && payload.ptr[1] >> 5 <= CEDE_CBOR_NINT) {
        return &wrapped_claims;
    }
    if (cede_cbor_check(payload, CEDE_CBOR_ANY_ORDER, &offset) != CEDE_OK) {
        return NULL;
    }
    switch (cede_cbor_peek(&reader)) {
    case CEDE_CBOR_ARRAY:
        return payload.ptr[1] == 0x82 ? &wrapped_trust : &wrapped_any;
    case CEDE_CBOR_MAP:
    case CEDE_CBOR_TAG:
        return &wrapped_any;
    default:
        return NULL;
    }
}
static const struct diag_shape payload_shape = {.form = DIAG_CHOICE, .choose = choose_payload};
static const struct diag_shape bytes_shape = {.types = DIAG_TYPE(CEDE_CBOR_BYTES)};

static const struct diag_field signer_fields[] = {
    {0, "protected", &wrapped_headers},
    {1, "unprotected", &shape_headers},
    {2, "signature", &bytes_shape},
    {0, NULL, NULL},
};
static const struct diag_shape signer_shape = {
    .form = DIAG_ARRAY, .name = "COSE_Signature", .fields = signer_fields};
static const struct diag_shape signers_shape = {.form = DIAG_LIST, .element = &signer_shape};

#define OBJECT_FIELDS(name_, content_, content_shape_, last_, last_shape_)                         \
    static const struct diag_field name_[] = {                                                     \
        {0, "protected", &wrapped_headers},                                                        \
        {1, "unprotected", &shape_headers},                                                        \
        {2, content_, content_shape_},                                                             \
        {3, last_, last_shape_},                                                                   \
        {0, NULL, NULL},                                                                           \
    }
OBJECT_FIELDS(sign1_fields, "payload", &payload_shape, "signature", &bytes_shape);
OBJECT_FIELDS(mac0_fields, "payload", &payload_shape, "tag", &bytes_shape);
OBJECT_FIELDS(sign_fields, "payload", &payload_shape, "signatures", &signers_shape);
static const struct diag_field encrypt0_fields[] = {
    {0, "protected", &wrapped_headers},
    {1, "unprotected", &shape_headers},
    {2, "ciphertext", NULL},
    {0, NULL, NULL},
};

const struct diag_shape shape_cose_sign1 = {
    .form = DIAG_ARRAY, .name = "COSE_Sign1", .fields = sign1_fields};
static const struct diag_shape mac0_shape = {
    .form = DIAG_ARRAY, .name = "COSE_Mac0", .fields = mac0_fields};
static const struct diag_shape sign_shape = {
    .form = DIAG_ARRAY, .name = "COSE_Sign", .fields = sign_fields};
static const struct diag_shape encrypt0_shape = {
    .form = DIAG_ARRAY, .name = "COSE_Encrypt0", .fields = encrypt0_fields};

/* Claims in a payload have a verdict of their own; other payloads have none. */
static void check_payload(struct diag *diag, struct cede_span payload)
{
    if (diag->status == CEDE_OK && payload.len >= 2 && payload.ptr[0] >> 5 == CEDE_CBOR_MAP &&
        payload.ptr[1] >> 5 <= CEDE_CBOR_NINT) {
        diag_check(diag, payload, check_claims(payload));
    }
}

void print_sign1(struct diag *diag, struct cede_span input)
{
    struct cede_cose_sign1 msg;

    diag_whole(diag, input, &shape_cose_sign1, NULL);
    if (diag->status == CEDE_OK) {
        diag_check(diag, input, cede_cose_sign1_decode(input, &msg));
        check_payload(diag, msg.payload);
    }
}

void print_sign(struct diag *diag, struct cede_span input)
{
    struct cede_cose_sign msg;

    diag_whole(diag, input, &sign_shape, NULL);
    if (diag->status == CEDE_OK) {
        diag_check(diag, input, cede_cose_sign_decode(input, &msg));
        check_payload(diag, msg.payload);
    }
}

void print_mac0(struct diag *diag, struct cede_span input)
{
    struct cede_cose_mac0 msg;

    diag_whole(diag, input, &mac0_shape, NULL);
    if (diag->status == CEDE_OK) {
        diag_check(diag, input, cede_cose_mac0_decode(input, &msg));
        check_payload(diag, msg.payload);
    }
}

void print_encrypt0(struct diag *diag, struct cede_span input)
{
    struct cede_cose_encrypt0 msg;

    diag_whole(diag, input, &encrypt0_shape, NULL);
    if (diag->status == CEDE_OK) {
        diag_check(diag, input, cede_cose_encrypt0_decode(input, &msg));
    }
}

/* Tag 61 around a COSE object (RFC 8392, section 6). */
void print_cwt(struct diag *diag, struct cede_span input)
{
    struct cede_reader reader = cede_reader(input);
    struct cede_cose_sign1 sign1;
    struct cede_cose_mac0 mac0;
    struct cede_span cose;
    uint64_t tag;

    (void)cede_cbor_get_tag(&reader);
    tag = cede_cbor_get_tag(&reader);
    diag_whole(diag, input,
               tag == CEDE_COSE_TAG_SIGN1      ? &shape_cose_sign1
               : tag == CEDE_COSE_TAG_MAC0     ? &mac0_shape
               : tag == CEDE_COSE_TAG_ENCRYPT0 ? &encrypt0_shape
                                               : NULL,
               "CWT");
    if (diag->status != CEDE_OK) {
        return;
    }
    diag_check(diag, input, cede_cwt_untag(input, &cose));
    if (tag == CEDE_COSE_TAG_SIGN1 && diag->status == CEDE_OK) {
        diag_check(diag, cose, cede_cose_sign1_decode(cose, &sign1));
        check_payload(diag, sign1.payload);
    } else if (tag == CEDE_COSE_TAG_MAC0 && diag->status == CEDE_OK) {
        diag_check(diag, cose, cede_cose_mac0_decode(cose, &mac0));
        check_payload(diag, mac0.payload);
    }
}
