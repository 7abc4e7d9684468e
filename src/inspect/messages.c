/* SPDX-License-Identifier: Apache-2.0 */
/* messages.c - the messages of docs/protocol.md; the tables read like its CDDL. */
#include "cede/cose.h"
#include "cede/cwt.h"
#include "cede/transfer.h"
#include "inspect/kinds.h"
#include "inspect/meaning.h"

#define UINT  .types = DIAG_TYPE(CEDE_CBOR_UINT)
#define TEXT  .types = DIAG_TYPE(CEDE_CBOR_TEXT)
#define BYTES .types = DIAG_TYPE(CEDE_CBOR_BYTES)

static const struct diag_shape uint_shape = {UINT};
static const struct diag_shape text_shape = {TEXT};
static const struct diag_shape bytes_shape = {BYTES};
static const struct diag_shape time_shape = {.meaning = mean_time, UINT};

/* --- TransferMessage ----------------------------------------------------------------------------
 */

static const struct diag_field patience_fields[] = {
    {0, "attempts", &uint_shape}, {1, "hours", &uint_shape}, {0, NULL, NULL}};
static const struct diag_shape patience = {.form = DIAG_ARRAY, .fields = patience_fields};

static const struct diag_field transfer_fields[] = {
    {1, "enrolment URI", &text_shape},
    {2, "update URI", &text_shape},
    {3, "update first", NULL},
    {4, "attestation URI", &text_shape},
    {5, "fallback URI", &text_shape},
    {6, "thumbprint of the next controller", &bytes_shape},
    {7, "seq", &uint_shape},
    {8, "devices-digest", &bytes_shape},
    {9, "SUIT manifest digest", &bytes_shape},
    {10, "patience", &patience},
    {0, NULL, NULL},
};
const struct diag_shape shape_transfer_claim = {.form = DIAG_MAP, .fields = transfer_fields};

/* --- trust --------------------------------------------------------------------------------------
 */

static void mean_purposes(const struct diag *diag, struct cede_span item, FILE *text)
{
    static const struct diag_value names[] = {{0, "enrol"},
                                              {1, "control"},
                                              {2, "update"},
                                              {3, "attest"},
                                              {4, "owner"},
                                              {5, "survives the reset"},
                                              {6, "known certificate"},
                                              {7, "pending"},
                                              {0, NULL}};
    int64_t purposes;

    (void)diag;
    if (diag_as_int(item, &purposes) && purposes >= 0) {
        put_flags(text, names, (uint64_t)purposes, ", ");
    }
}

static const struct diag_shape purposes = {.meaning = mean_purposes, UINT};
static const struct diag_field entry_fields[] = {
    {0, "purposes", &purposes}, {1, "certificate", &shape_certificate}, {0, NULL, NULL}};
static const struct diag_shape entry = {
    .form = DIAG_ARRAY, .name = "TrustEntry", .fields = entry_fields};
const struct diag_shape shape_trust_list = {
    .form = DIAG_LIST, .name = "trust entries", .element = &entry};

static const struct diag_field trust_update_fields[] = {
    {1, "seq", &uint_shape}, {2, "", &shape_trust_list}, {0, NULL, NULL}};
const struct diag_shape shape_trust_update_claim = {.form = DIAG_MAP,
                                                    .fields = trust_update_fields};

void print_trust_list(struct diag *diag, struct cede_span input)
{
    struct cede_trust_list list;
    struct cede_trust_entry next;

    diag_whole(diag, input, &shape_trust_list, NULL);
    if (diag->status == CEDE_OK) {
        list = cede_trust_list(input);
        while (cede_trust_list_next(&list, &next)) {
        }
        diag_check(diag, input, cede_trust_list_finish(&list));
    }
}

/* --- receipts -----------------------------------------------------------------------------------
 */

static const struct diag_value receipt_states[] = {
    {CEDE_RECEIPT_TAKEN_OVER, "taken over"}, {CEDE_RECEIPT_RETURNED, "returned"}, {0, NULL}};
static const struct diag_shape receipt_state = {.values = receipt_states, UINT};
static const struct diag_field line_fields[] = {{0, "device id", &text_shape},
                                                {1, "state", &receipt_state},
                                                {2, "at", &time_shape},
                                                {0, NULL, NULL}};
static const struct diag_shape line_shape = {.form = DIAG_ARRAY, .fields = line_fields};
static const struct diag_shape lines_shape = {.form = DIAG_LIST, .element = &line_shape};
static const struct diag_field receipt_fields[] = {
    {1, "transfer-id", &bytes_shape}, {2, "devices", &lines_shape}, {0, NULL, NULL}};
const struct diag_shape shape_receipt_claim = {.form = DIAG_MAP, .fields = receipt_fields};

enum cede_status claims_verdict(struct cede_span payload)
{
    struct cede_transfer transfer;
    struct cede_trust_update update;
    struct cede_receipt receipt;

    if (cede_cose_params_find(payload, CEDE_CLAIM_TRANSFER).ptr != NULL) {
        return cede_transfer_decode(payload, &transfer);
    }
    if (cede_cose_params_find(payload, CEDE_CLAIM_TRUST_UPDATE).ptr != NULL) {
        return cede_trust_update_decode(payload, &update);
    }
    if (cede_cose_params_find(payload, CEDE_CLAIM_RECEIPT).ptr != NULL) {
        return cede_receipt_decode(payload, &receipt);
    }
    return CEDE_NOT_FOUND;
}

/* --- between device and update server -----------------------------------------------------------
 */

static const struct diag_shape state_shape = {.values = device_states, UINT};
static const struct diag_shape reason_shape = {.meaning = mean_status, UINT};
static const struct diag_field report_fields[] = {
    {1, "state", &state_shape},   {2, "seq", &uint_shape}, {3, "cti of the order", &bytes_shape},
    {4, "reason", &reason_shape}, {0, NULL, NULL},
};
static const struct diag_shape report = {
    .form = DIAG_MAP, .name = "StatusReport", .fields = report_fields};

void print_status_report(struct diag *diag, struct cede_span input)
{
    struct cede_status_report decoded;

    diag_whole(diag, input, &report, NULL);
    if (diag->status == CEDE_OK) {
        diag_check(diag, input, cede_status_report_decode(input, &decoded));
    }
}

static const struct diag_shape wrapped_order = {
    .form = DIAG_WRAPPED, .element = &shape_cose_sign1, BYTES};
static const struct diag_field answer_fields[] = {
    {1, "come back after", &shape_seconds},
    {2, "TrustUpdate", &wrapped_order},
    {3, "TransferMessage", &wrapped_order},
    {4, "come home: enrolment URI", &text_shape},
    {5, "welcome: the controller", &shape_certificate},
    {0, NULL, NULL},
};
static const struct diag_shape answer = {
    .form = DIAG_MAP, .name = "Answer", .fields = answer_fields};

void print_answer(struct diag *diag, struct cede_span input)
{
    struct cede_answer decoded;

    diag_whole(diag, input, &answer, NULL);
    if (diag->status == CEDE_OK) {
        diag_check(diag, input, cede_answer_decode(input, &decoded));
    }
}

/* --- between organisations ----------------------------------------------------------------------
 */

static const struct diag_field device_fields[] = {
    {0, "factory-cert", &shape_certificate}, {1, "next-seq", &uint_shape}, {0, NULL, NULL}};
static const struct diag_shape device = {
    .form = DIAG_ARRAY, .name = "Device", .fields = device_fields};
static const struct diag_shape devices = {.form = DIAG_LIST, .name = "devices", .element = &device};
static const struct diag_field suit_fields[] = {
    {0, "uri", &text_shape}, {1, "manifest-digest", &bytes_shape}, {0, NULL, NULL}};
static const struct diag_shape suit = {.form = DIAG_ARRAY, .fields = suit_fields};
static const struct diag_shape software = {.form = DIAG_LIST, .element = &suit};
static const struct diag_field attest_fields[] = {
    {0, "uri", &text_shape}, {1, "reference-digest", &bytes_shape}, {0, NULL, NULL}};
static const struct diag_shape attest = {.form = DIAG_ARRAY, .fields = attest_fields};
static const struct diag_field group_fields[] = {
    {0, "earliest", &time_shape}, {1, "latest", &time_shape}, {2, "software", &software},
    {3, "attestation", &attest},  {4, "", &devices},          {0, NULL, NULL},
};
static const struct diag_shape group = {
    .form = DIAG_ARRAY, .name = "Group", .fields = group_fields};
static const struct diag_shape groups = {.form = DIAG_LIST, .name = "groups", .element = &group};
static const struct diag_field info_fields[] = {{0, "version", &uint_shape},
                                                {1, "transfer-id", &bytes_shape},
                                                {2, "", &groups},
                                                {0, NULL, NULL}};
static const struct diag_shape info_shape = {
    .form = DIAG_ARRAY, .name = "DeviceUpdateInfo", .fields = info_fields};

static enum cede_status decode_info(struct cede_span input)
{
    struct cede_device_update_info info;
    struct cede_update_group next_group;
    struct cede_update_device next_device;

    CEDE_TRY(cede_device_update_info_open(input, &info));
    while (cede_device_update_info_next_group(&info, &next_group)) {
        while (cede_device_update_info_next_device(&info, &next_device)) {
        }
    }
    return cede_device_update_info_finish(&info);
}

void print_device_update_info(struct diag *diag, struct cede_span input)
{
    diag_whole(diag, input, &info_shape, NULL);
    if (diag->status == CEDE_OK) {
        diag_check(diag, input, decode_info(input));
    }
}

static const struct diag_field offer_fields[] = {
    {0, "transfer-id", &bytes_shape},
    {1, "offer", &wrapped_order},
    {2, "trust", &wrapped_order},
    {0, NULL, NULL},
};
static const struct diag_shape offer = {
    .form = DIAG_ARRAY, .name = "transfer offer", .fields = offer_fields};

/* Body of POST /v1/transfer-offers. */
void print_transfer_offer(struct diag *diag, struct cede_span input)
{
    struct cede_reader reader = cede_reader(input);
    struct cede_cose_sign1 sign1;
    struct cede_span order;

    diag_whole(diag, input, &offer, NULL);
    if (diag->status != CEDE_OK) {
        return;
    }
    cede_cbor_expect_array(&reader, 3);
    if (cede_cbor_get_bytes(&reader).len != CEDE_TRANSFER_ID_LEN) {
        cede_reader_fail(&reader, CEDE_TRANSFER_CLAIM);
    }
    order = cede_cbor_get_bytes(&reader);
    if (diag_reader_ok(diag, &reader)) {
        diag_check(diag, order, cede_cose_sign1_decode(order, &sign1));
    }
    if (diag->status == CEDE_OK) {
        enum cede_status status = claims_verdict(sign1.payload);

        diag_check(diag, sign1.payload, status == CEDE_NOT_FOUND ? CEDE_TRANSFER_CLAIM : status);
    }
}
