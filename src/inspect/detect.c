/* SPDX-License-Identifier: Apache-2.0 */
/*
 * detect.c - what an input is, by its first bytes; the table of kinds.
 *
 * Detection looks no further than it must, so that a broken artefact is still taken for what it
 * should be and the failure is named by the one who knows the format.
 */
#include "inspect/inspect.h"

#include <stdlib.h>
#include <string.h>

#include "cede/c509.h"
#include "cede/cose.h"
#include "cede/cwt.h"
#include "cede/transfer.h"
#include "inspect/kinds.h"

/* --- CBOR ---------------------------------------------------------------------------------------
 */

void print_cbor(struct diag *diag, struct cede_span input)
{
    diag_whole(diag, input, NULL, NULL);
}

/* A CBOR sequence (RFC 8742) of no known kind. */
static void print_cbor_seq(struct diag *diag, struct cede_span input)
{
    struct cede_reader reader = cede_reader(input);

    diag_sequence(diag, &reader, NULL, false);
}

static bool is_int(enum cede_cbor_type type)
{
    return type == CEDE_CBOR_UINT || type == CEDE_CBOR_NINT;
}

#define TAG_SELF_DESCRIBED 55799 /* RFC 8949, section 3.4.6 */

static inspect_print *of_tag(struct cede_span input)
{
    struct cede_reader reader = cede_reader(input);

    switch (cede_cbor_get_tag(&reader)) {
    case CEDE_COSE_TAG_SIGN1:
        return print_sign1;
    case CEDE_COSE_TAG_MAC0:
        return print_mac0;
    case CEDE_COSE_TAG_ENCRYPT0:
        return print_encrypt0;
    case CEDE_COSE_TAG_SIGN:
        return print_sign;
    case CEDE_CWT_TAG:
        return print_cwt;
    case TAG_SELF_DESCRIBED:
        return print_envelope;
    default:
        return print_cbor;
    }
}

/* Is this map, as far as it can be read, a COSE_Key? Private parts must not be missed: any negative
 * key counts, unless it is a claim of ours. */
static bool is_cose_key(struct cede_reader reader)
{
    struct cede_cbor_map map = cede_cbor_get_map(&reader, CEDE_CBOR_ANY_ORDER);
    bool negative = false, kty = false;
    struct cede_span key;

    while (cede_cbor_map_next(&reader, &map, &key)) {
        struct cede_span value = cede_cbor_get_item(&reader);
        int64_t number, type;

        if (diag_as_int(key, &number)) {
            negative |= number < 0 && number >= -4;
            kty |= number == 1 && value.ptr != NULL && diag_as_int(value, &type);
        }
    }
    return negative && (kty || reader.status != CEDE_OK);
}

/* Untagged COSE objects: [ protected, unprotected, ... ]. The algorithm tells a MAC. */
static inspect_print *of_cose_array(struct cede_reader reader, size_t count)
{
    struct cede_span protected_ = cede_cbor_get_bytes(&reader);
    struct cede_cose_params params;

    if (cede_cbor_peek(&reader) != CEDE_CBOR_MAP) {
        return NULL;
    }
    if (count == 3) {
        return print_encrypt0;
    }
    if (protected_.len > 0 && cede_cose_params_decode(protected_, &params) == CEDE_OK &&
        params.alg >= CEDE_ALG_HMAC_256_64 && params.alg <= 7) {
        return print_mac0;
    }
    (void)cede_cbor_get_item(&reader);
    (void)cede_cbor_get_item(&reader);
    return cede_cbor_peek(&reader) == CEDE_CBOR_ARRAY ? print_sign : print_sign1;
}

static inspect_print *of_bytes_array(struct cede_reader reader, size_t count)
{
    inspect_print *cose = count == 3 || count == 4 ? of_cose_array(reader, count) : NULL;
    size_t first_len = cede_cbor_get_bytes(&reader).len;

    if (cose != NULL) {
        return cose;
    }
    return count == 3 && first_len == CEDE_TRANSFER_ID_LEN ? print_transfer_offer : print_bag;
}

/* C509PrivateKey = [ 0, algorithm, octets ] or [ 1, algorithm, COSE_Key ]: what may be one is taken
 * for one, for it has a secret. */
static bool is_private_key(struct cede_reader reader, size_t count)
{
    uint8_t type = cede_reader_peek(&reader);

    if (count != 3 || type > CEDE_C509_KEY_COSE) {
        return false;
    }
    (void)cede_cbor_get_item(&reader);
    (void)cede_cbor_get_item(&reader);
    return type == CEDE_C509_KEY_OCTETS || cede_cbor_peek(&reader) == CEDE_CBOR_MAP;
}

/* Arrays are told apart by their length and first element. */
static inspect_print *of_array(struct cede_span input)
{
    struct cede_reader reader = cede_reader(input);
    struct cede_reader lenient = cede_reader(input);
    size_t count = cede_cbor_get_array(&reader);
    uint8_t first;

    if (reader.status != CEDE_OK) { /* a count that the rest cannot hold: cut short */
        count = input.ptr[0] & 0x1f;
        (void)cede_read_u8(&lenient);
        reader = lenient;
        if (count >= 24) {
            return print_cbor;
        }
    }
    first = cede_reader_peek(&reader);
    switch (cede_cbor_peek(&reader)) {
    case CEDE_CBOR_UINT:
        if ((count == 11 || count == 7) && (first == 2 || first == 3)) {
            return count == 11 ? print_c509 : print_c509_request;
        }
        if (is_private_key(reader, count)) {
            return print_c509_private_key;
        }
        if (count == 7 && first == 0) {
            return print_c509_template;
        }
        if (count == 15 && first == 1) {
            return print_record;
        }
        return count == 3 && first == 1 ? print_device_update_info : print_cbor;
    case CEDE_CBOR_BYTES:
        return of_bytes_array(reader, count);
    case CEDE_CBOR_MAP:
        return is_cose_key(reader) ? print_key_set : print_cbor;
    case CEDE_CBOR_ARRAY:
        if (count == 2 && first == 0x83) {
            return print_c509_pem;
        }
        return first == 0x82 && reader.pos + 1 < input.len && input.ptr[reader.pos + 1] < 0x20
                   ? print_trust_list
                   : print_cbor;
    default:
        return count == 11 ? print_c509 : count == 15 ? print_record : print_cbor;
    }
}

/* Maps: by key and type of the first values. */
static inspect_print *of_map(struct cede_span input)
{
    struct cede_reader reader = cede_reader(input);
    struct cede_cbor_map map;
    struct cede_cwt_claims claims;
    int64_t key = 0;
    enum cede_cbor_type type;

    if (is_cose_key(reader)) {
        return print_cose_key;
    }
    map = cede_cbor_get_map(&reader, CEDE_CBOR_ANY_ORDER);
    if (!cede_cbor_map_next_int(&reader, &map, &key)) {
        return map.left == 0 && reader.status == CEDE_OK && input.len == 1 ? print_answer
                                                                           : print_cbor;
    }
    type = cede_cbor_peek(&reader);
    if (key == 1 && type == CEDE_CBOR_UINT) {
        (void)cede_cbor_get_item(&reader);
        if (cede_cbor_map_next_int(&reader, &map, &key) && key == 2 &&
            cede_cbor_peek(&reader) == CEDE_CBOR_UINT) {
            return print_status_report;
        }
        return print_answer;
    }
    if ((key == 2 && type == CEDE_CBOR_BYTES) || (key == 5 && type == CEDE_CBOR_BYTES) ||
        (key == 3 && type == CEDE_CBOR_BYTES) || (key == 4 && type == CEDE_CBOR_TEXT)) {
        return print_answer;
    }
    return cede_cwt_decode(input, CEDE_CBOR_ANY_ORDER, &claims) == CEDE_OK ||
                   claims_verdict(input) != CEDE_NOT_FOUND
               ? print_claims
               : print_cbor;
}

/* Sequences that begin with an integer: ~C509, message_1, an EDHOC error. */
static inspect_print *of_int(struct cede_span input)
{
    struct cede_reader reader = cede_reader(input);
    int64_t first = cede_cbor_get_int(&reader);
    enum cede_cbor_type second = cede_cbor_peek(&reader);
    struct cede_reader third = reader;

    if ((first == 2 || first == 3) && second == CEDE_CBOR_BYTES) {
        return print_c509;
    }
    (void)cede_cbor_get_item(&third);
    if (first >= 0 && first <= 3 && (is_int(second) || second == CEDE_CBOR_ARRAY) &&
        cede_cbor_peek(&third) == CEDE_CBOR_BYTES) {
        return print_message_1;
    }
    if ((first == 1 && second == CEDE_CBOR_TEXT) ||
        (first == 3 && input.len == 2 && second == CEDE_CBOR_SIMPLE)) {
        return print_edhoc_error;
    }
    return print_cbor;
}

static inspect_print *of_cbor(struct cede_span input)
{
    struct cede_reader reader = cede_reader(input);
    struct cede_span bytes;

    switch (cede_cbor_peek(&reader)) {
    case CEDE_CBOR_UINT:
    case CEDE_CBOR_NINT:
        return of_int(input);
    case CEDE_CBOR_BYTES:
        return diag_as_bytes(input, &bytes) && bytes.len > 2 &&
                       (bytes.ptr[0] == 0x30 || bytes.ptr[0] == 2 || bytes.ptr[0] == 3)
                   ? print_bag
                   : print_cbor;
    case CEDE_CBOR_ARRAY:
        return of_array(input);
    case CEDE_CBOR_MAP:
        return of_map(input);
    case CEDE_CBOR_TAG:
        return of_tag(input);
    default:
        return input.ptr[0] == 0xf5 && input.len > 1 && input.ptr[1] <= 3 ? print_message_1
                                                                          : print_cbor;
    }
}

/* --- everything else ----------------------------------------------------------------------------
 */

static bool is_image(struct cede_span input)
{
    static const uint8_t magic[] = {'C', 'E', 'D', 'J'};
    size_t i = 0;

    if (input.len >= 4 && memmem(input.ptr, input.len, magic, sizeof magic) == input.ptr) {
        return true;
    }
    while (i < input.len && input.ptr[i] == 0xff) { /* first slot blank */
        i++;
    }
    return i >= 32;
}

static bool is_json(struct cede_span input)
{
    size_t i = 0;

    while (i < input.len && strchr(" \t\r\n", input.ptr[i]) != NULL && input.ptr[i] != 0) {
        i++;
    }
    return i < input.len && input.ptr[i] == '{';
}

/* A compact JWS begins with base64url of {" and has no other characters than base64url's. */
static bool is_compact(struct cede_span input)
{
    if (input.len < 3 || memcmp(input.ptr, "eyJ", 3) != 0) {
        return false;
    }
    for (size_t i = 0; i < input.len; i++) {
        if (input.ptr[i] < 0x20 ? input.ptr[i] != '\n' && input.ptr[i] != '\r'
                                : input.ptr[i] > 0x7e) {
            return false;
        }
    }
    return true;
}

/* A decoded text is not looked at for hex again. */
static inspect_print *of_binary(struct cede_span input)
{
    if (is_pem(input)) {
        return print_pem;
    }
    if (is_image(input)) {
        return print_image;
    }
    if (is_json(input)) {
        return print_json;
    }
    if (is_compact(input)) {
        return print_compact_jws;
    }
    /* 30 is a SEQUENCE in DER; as CBOR it would be a lone -17. */
    return input.ptr[0] == 0x30 ? print_der : of_cbor(input);
}

void print_detected(struct diag *diag, struct cede_span input)
{
    if (input.len == 0) {
        diag_fail_at(diag, 0, CEDE_TRUNCATED);
        return;
    }
    of_binary(input)(diag, input);
}

void print_inner(struct diag *diag, struct cede_span inner, const char *name, inspect_print *print)
{
    struct cede_span input = diag->input;
    const char *input_name = diag->input_name;

    if (diag->depth == DIAG_DEPTH_MAX) {
        diag_fail_at(diag, 0, CEDE_CBOR_DEPTH);
        return;
    }
    diag->depth++;
    diag->input = inner;
    diag->input_name = name;
    diag->has_hint = false;
    print(diag, inner);
    diag->input = input;
    diag->input_name = input_name;
    diag->has_hint = false;
    diag->depth--;
}

/* --- kinds --------------------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    inspect_print *print;
    const char *phrase;
} kinds[] = {
    {"cbor", print_cbor, "any CBOR item"},
    {"cbor-seq", print_cbor_seq, "any CBOR sequence"},
    {"c509", print_c509, "C509 certificate, with or without its array"},
    {"c509-request", print_c509_request, "C509 certification request"},
    {"c509-key", print_c509_private_key, "C509 private key; secrets are not printed"},
    {"c509-pem", print_c509_pem, "C509 private key with certificates"},
    {"c509-template", print_c509_template, "C509 certification request template"},
    {"stored", print_envelope, "one of these in an envelope (RFC 9277)"},
    {"certs", print_bag, "COSE_C509 or COSE_X509: certificates in byte strings"},
    {"der", print_der, "X.509 certificate or PKCS #10 request"},
    {"pem", print_pem, "the same in PEM"},
    {"sign1", print_sign1, "COSE_Sign1: TransferMessage, offer, TrustUpdate, receipt, notice"},
    {"sign", print_sign, "COSE_Sign"},
    {"mac0", print_mac0, "COSE_Mac0"},
    {"encrypt0", print_encrypt0, "COSE_Encrypt0"},
    {"cwt", print_cwt, "CWT with its tag"},
    {"claims", print_claims, "CWT claims set"},
    {"cose-key", print_cose_key, "COSE_Key; private parts are not shown"},
    {"trust", print_trust_list, "list of trust entries"},
    {"report", print_status_report, "StatusReport of a device"},
    {"answer", print_answer, "Answer of an update server"},
    {"device-update-info", print_device_update_info, "DeviceUpdateInfo"},
    {"transfer-offer", print_transfer_offer, "body of a transfer offer"},
    {"jws", print_json, "JWS in JSON, a contract, any JSON"},
    {"jws-compact", print_compact_jws, "JWS, compact"},
    {"edhoc-1", print_message_1, "EDHOC message_1"},
    {"edhoc-2", print_message_2, "EDHOC message_2"},
    {"edhoc-3", print_message_3, "EDHOC message_3"},
    {"edhoc-4", print_message_4, "EDHOC message_4"},
    {"edhoc-error", print_edhoc_error, "EDHOC error message"},
    {"coap", print_coap, "CoAP datagram"},
    {"image", print_image, "device image; private keys are not shown"},
    {"record", print_record, "record of a device image"},
};
#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

const char *inspect_kind(size_t index, const char **phrase)
{
    *phrase = index < KIND_COUNT ? kinds[index].phrase : NULL;
    return index < KIND_COUNT ? kinds[index].name : NULL;
}

static inspect_print *find_kind(const char *name)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            return kinds[i].print;
        }
    }
    return NULL;
}

static bool is_text_kind(inspect_print *print)
{
    return print == print_pem || print == print_json || print == print_compact_jws;
}

/* Hexadecimal text stands for the bytes it writes down. */
static void print_any(struct diag *diag, struct cede_span input, inspect_print *print)
{
    if (input.len > 0 && !is_text_kind(print) && is_hex_text(input)) {
        size_t len;
        uint8_t *bytes = decode_hex(diag, input, &len);

        if (bytes != NULL) {
            print_inner(diag, cede_span(bytes, len), " of the decoded hex", print);
            cede_wipe(bytes, len);
        }
        free(bytes);
    } else if (input.len == 0) {
        diag_fail_at(diag, 0, CEDE_TRUNCATED);
    } else {
        print(diag, input);
    }
}

struct inspect_verdict inspect(FILE *out, const struct cede_crypto *crypto, struct cede_span input,
                               const char *kind)
{
    struct inspect_verdict verdict = {CEDE_OK, 0, "", ""};
    inspect_print *print = kind != NULL ? find_kind(kind) : print_detected;
    struct diag diag;

    if (print == NULL || input.len > INSPECT_LEN_MAX) {
        verdict.status = print == NULL ? CEDE_BAD_ARGUMENT : CEDE_NO_SPACE;
        return verdict;
    }
    diag_init(&diag, out, crypto, input);
    print_any(&diag, input, print);
    fputc('\n', out);
    verdict.status = diag.status;
    verdict.at = diag.at;
    verdict.of = diag.at_name;
    if (diag.status != CEDE_OK && kind == NULL && input.len > 0 && of_binary(input) == print_cbor &&
        !is_hex_text(input)) {
        verdict.details = "; not PEM, DER, JSON, JWS, hex, a device image or another known kind, "
                          "and no well-formed CBOR; for CoAP and EDHOC use --as";
    }
    return verdict;
}
