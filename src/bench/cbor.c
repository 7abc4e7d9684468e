/* SPDX-License-Identifier: Apache-2.0 */
/* cbor.c - the messages of a hand-over, written and read: a share of one verification. */
#include "bench/bench.h"
#include "bench/floor.h"
#include "cede/transfer.h"

static const uint8_t cti[CEDE_CTI_LEN] = {1, 2, 3, 4, 5, 6, 7, 8};
static const uint8_t controller[32] = {9};

static uint8_t report_bytes[32], transfer_bytes[512];
static struct cede_span report_encoding, transfer_encoding;

static bool encode_report(void)
{
    const struct cede_status_report report = {.state = CEDE_DEVICE_OPERATIONAL,
                                              .seq = 41,
                                              .cti = CEDE_SPAN_ARRAY(cti),
                                              .has_reason = true,
                                              .reason = CEDE_TRANSFER_EXPIRED};
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(report_bytes));

    cede_status_report_encode(&writer, &report);
    return cede_writer_finish(&writer, &report_encoding) == CEDE_OK;
}

static bool decode_report(void)
{
    struct cede_status_report report;

    return cede_status_report_decode(report_encoding, &report) == CEDE_OK;
}

static bool encode_transfer(void)
{
    const struct cede_transfer transfer = {
        .aud = CEDE_SPAN_TEXT("device-000123"),
        .not_before = 1790000000,
        .not_after = 1790003600,
        .cti = CEDE_SPAN_ARRAY(cti),
        .enroll_uri = CEDE_SPAN_TEXT("coap://ca2.example:5683/e/0123456789abcdef"),
        .update_uri = CEDE_SPAN_TEXT("coap://sp2.example:5683"),
        .fallback_uri = CEDE_SPAN_TEXT("coap://sp1.example:5683"),
        .controller = CEDE_SPAN_ARRAY(controller),
        .has_seq = true,
        .seq = 42,
    };
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(transfer_bytes));

    cede_transfer_encode(&writer, &transfer);
    return cede_writer_finish(&writer, &transfer_encoding) == CEDE_OK;
}

static bool decode_transfer(void)
{
    struct cede_transfer transfer;

    return cede_transfer_decode(transfer_encoding, &transfer) == CEDE_OK;
}

static bool prepare(void)
{
    return floor_p256_prepare() && encode_report() && encode_transfer();
}

static const struct bench_case cases[] = {
    {"encode StatusReport", encode_report, floor_p256_verify, true},
    {"decode StatusReport", decode_report, floor_p256_verify, true},
    {"encode TransferMessage", encode_transfer, floor_p256_verify, true},
    {"decode TransferMessage", decode_transfer, floor_p256_verify, true},
    {NULL, NULL, NULL, false},
};

const struct bench_group bench_cbor_group = {"cbor", prepare, cases};
