/* SPDX-License-Identifier: Apache-2.0 */
/* transfer_parts_test.c - the messages of a hand-over put together by hand, each with one part
 * wrong or missing; memory of every size; a crypto back end that fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cede/cose.h"
#include "cede/transfer.h"
#include "failing_crypto.h"
#include "hex.h"

/* Claims and members in the order of their encoding. */
#define ISS   "01 63535032"
#define AUD   "03 6164"
#define EXP   "04 02"
#define NBF   "05 01"
#define CTI   "07 48 0102030405060708"
#define ORDER "3a00011170"
#define TRUST "3a00011171"
#define TAKEN "3a00011172"
#define TID   "01 50 000102030405060708090a0b0c0d0e0f"
#define LINE  "83 6164 01 05"
#define LIST  "81 82 01 41aa"

static const uint8_t cti[CEDE_CTI_LEN] = {1, 2, 3, 4, 5, 6, 7, 8};
static const uint8_t digest[CEDE_SHA256_LEN] = {0xaa, 0xbb};
static const uint8_t transfer_id[CEDE_TRANSFER_ID_LEN] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                          8, 9, 10, 11, 12, 13, 14, 15};

struct bad {
    const char *why;
    const char *payload;
    enum cede_status status;
};

typedef enum cede_status (*decoder)(struct cede_span payload);

/* `good` passes, so it is the one difference that is refused. In memory of exactly that size, for
 * the sanitizer. */
static void assert_each_refused(decoder decode, const char *good, const struct bad *bad,
                                size_t count)
{
    assert_int_equal(decode(HEX("")), CEDE_TRUNCATED);
    for (size_t i = 0; i <= count; i++) {
        const char *text = i < count ? bad[i].payload : good;
        enum cede_status wanted = i < count ? bad[i].status : CEDE_OK, status;
        uint8_t *memory = malloc(strlen(text) / 2 + 1), *exact;
        struct cede_span payload =
            hex_into(cede_buf(memory, strlen(text) / 2 + 1), text); /* blanks take no room */

        exact = malloc(payload.len);
        memcpy(exact, payload.ptr, payload.len);
        status = decode(cede_span(exact, payload.len));
        if (status != wanted) {
            print_error("%s: %s\n", i < count ? bad[i].why : "good", cede_status_name(status));
        }
        assert_int_equal(status, wanted);
        free(exact);
        free(memory);
    }
}
#define ASSERT_EACH_REFUSED(decode_, good_, bad_)                                                  \
    assert_each_refused(decode_, good_, bad_, sizeof(bad_) / sizeof *(bad_))

/* --- claims and members ----------------------------------------------------------------------- */

static enum cede_status decode_receipt(struct cede_span payload)
{
    struct cede_receipt receipt;
    enum cede_status status = cede_receipt_decode(payload, &receipt);

    assert_int_equal(status == CEDE_OK, receipt.lines_count == 1);
    assert_int_equal(status == CEDE_OK, !cede_span_is_null(receipt.iss));
    return status;
}

static void test_receipt_with_one_part_wrong(void **state)
{
    static const struct bad bad[] = {
        {"nobody's", "a2" CTI TAKEN "a2" TID "02 81" LINE, CEDE_TRANSFER_CLAIM},
        {"for one device", "a4" ISS AUD CTI TAKEN "a2" TID "02 81" LINE, CEDE_TRANSFER_CLAIM},
        {"exp", "a4" ISS EXP CTI TAKEN "a2" TID "02 81" LINE, CEDE_TRANSFER_CLAIM},
        {"nbf", "a4" ISS NBF CTI TAKEN "a2" TID "02 81" LINE, CEDE_TRANSFER_CLAIM},
        {"no cti", "a2" ISS TAKEN "a2" TID "02 81" LINE, CEDE_TRANSFER_CLAIM},
        {"short cti", "a3" ISS "07 47 01020304050607" TAKEN "a2" TID "02 81" LINE,
         CEDE_TRANSFER_CLAIM},
        {"cti of text", "a3" ISS "07 68 6162636465666768" TAKEN "a2" TID "02 81" LINE,
         CEDE_CBOR_TYPE},
        {"no private claim", "a2" ISS CTI, CEDE_TRANSFER_CLAIM},
        {"the claim of an order", "a3" ISS CTI ORDER "a2" TID "02 81" LINE, CEDE_TRANSFER_CRITICAL},
        {"no map", "a3" ISS CTI TAKEN "80", CEDE_CBOR_TYPE},
        {"no lines", "a3" ISS CTI TAKEN "a1" TID, CEDE_TRANSFER_CLAIM},
        {"zero lines", "a3" ISS CTI TAKEN "a2" TID "02 80", CEDE_CBOR_COUNT},
        {"no hand-over", "a3" ISS CTI TAKEN "a1 02 81" LINE, CEDE_TRANSFER_CLAIM},
        {"short id", "a3" ISS CTI TAKEN "a2 01 41 00 02 81" LINE, CEDE_TRANSFER_CLAIM},
        {"id of text", "a3" ISS CTI TAKEN "a2 01 6100 02 81" LINE, CEDE_CBOR_TYPE},
        {"one more member", "a3" ISS CTI TAKEN "a3" TID "02 81" LINE "03 00",
         CEDE_TRANSFER_CRITICAL},
        {"line of two", "a3" ISS CTI TAKEN "a2" TID "02 81 82 6164 01", CEDE_CBOR_COUNT},
        {"unknown state", "a3" ISS CTI TAKEN "a2" TID "02 82 83 6164 03 05" LINE, CEDE_CBOR_RANGE},
        {"state zero", "a3" ISS CTI TAKEN "a2" TID "02 82 83 6164 00 05" LINE, CEDE_CBOR_RANGE},
        {"no time", "a3" ISS CTI TAKEN "a2" TID "02 82 83 6164 01 f6" LINE, CEDE_CBOR_TYPE},
        {"trailing byte", "a3" ISS CTI TAKEN "a2" TID "02 81" LINE "00", CEDE_TRAILING_BYTES},
    };

    (void)state;
    ASSERT_EACH_REFUSED(decode_receipt, "a3" ISS CTI TAKEN "a2" TID "02 81" LINE, bad);
}

static enum cede_status decode_trust_update(struct cede_span payload)
{
    struct cede_trust_update update;
    enum cede_status status = cede_trust_update_decode(payload, &update);

    assert_int_equal(status == CEDE_OK, !cede_span_is_null(update.entries));
    assert_int_equal(status == CEDE_OK, !cede_span_is_null(update.aud));
    return status;
}

static void test_trust_update_with_one_part_wrong(void **state)
{
    static const struct bad bad[] = {
        {"signed by name", "a6" ISS AUD EXP NBF CTI TRUST "a2 01 09 02" LIST, CEDE_TRANSFER_CLAIM},
        {"for nobody", "a4" EXP NBF CTI TRUST "a2 01 09 02" LIST, CEDE_TRANSFER_CLAIM},
        {"without end", "a4" AUD NBF CTI TRUST "a2 01 09 02" LIST, CEDE_TRANSFER_CLAIM},
        {"without beginning", "a4" AUD EXP CTI TRUST "a2 01 09 02" LIST, CEDE_TRANSFER_CLAIM},
        {"without cti", "a4" AUD EXP NBF TRUST "a2 01 09 02" LIST, CEDE_TRANSFER_CLAIM},
        {"without claim", "a4" AUD EXP NBF CTI, CEDE_TRANSFER_CLAIM},
        {"without seq", "a5" AUD EXP NBF CTI TRUST "a1 02" LIST, CEDE_TRANSFER_CLAIM},
        {"without entries", "a5" AUD EXP NBF CTI TRUST "a1 01 09", CEDE_TRANSFER_CLAIM},
        {"no entry", "a5" AUD EXP NBF CTI TRUST "a2 01 09 02 80", CEDE_CBOR_COUNT},
        {"entries of another type", "a5" AUD EXP NBF CTI TRUST "a2 01 09 02 05", CEDE_CBOR_TYPE},
        {"first entry bad", "a5" AUD EXP NBF CTI TRUST "a2 01 09 02 82 82 00 41aa 82 01 41aa",
         CEDE_TRANSFER_PURPOSE},
        {"one more member", "a5" AUD EXP NBF CTI TRUST "a3 01 09 02" LIST "03 00",
         CEDE_TRANSFER_CRITICAL},
        {"trailing byte", "a5" AUD EXP NBF CTI TRUST "a2 01 09 02" LIST "00", CEDE_TRAILING_BYTES},
    };

    (void)state;
    ASSERT_EACH_REFUSED(decode_trust_update, "a5" AUD EXP NBF CTI TRUST "a2 01 09 02" LIST, bad);
}

static enum cede_status decode_transfer(struct cede_span payload)
{
    struct cede_transfer transfer;
    enum cede_status status = cede_transfer_decode(payload, &transfer);

    assert_int_equal(status == CEDE_OK, !cede_span_is_null(transfer.enroll_uri));
    assert_int_equal(status == CEDE_OK, !cede_span_is_null(transfer.cti));
    return status;
}

static void test_transfer_with_one_part_wrong(void **state)
{
    static const struct bad bad[] = {
        {"without end", "a3" NBF CTI ORDER "a1 01 6165", CEDE_TRANSFER_CLAIM},
        {"without beginning", "a3" EXP CTI ORDER "a1 01 6165", CEDE_TRANSFER_CLAIM},
        {"to no CA", "a4" EXP NBF CTI ORDER "a1 02 6165", CEDE_TRANSFER_CLAIM},
        {"empty", "a4" EXP NBF CTI ORDER "a0", CEDE_TRANSFER_CLAIM},
        {"no private claim", "a3" EXP NBF CTI, CEDE_TRANSFER_CLAIM},
        {"short controller", "a4" EXP NBF CTI ORDER "a2 01 6165 06 41aa", CEDE_TRANSFER_CLAIM},
        {"controller of text", "a4" EXP NBF CTI ORDER "a2 01 6165 06 6161", CEDE_CBOR_TYPE},
        {"patience of one number", "a4" EXP NBF CTI ORDER "a2 01 6165 0a 81 01", CEDE_CBOR_COUNT},
        {"unknown claim cut off", "a5" EXP NBF CTI "20 62 61", CEDE_TRUNCATED},
        {"unknown claim out of order", "a5" EXP NBF CTI "20 a2 02 00 01 00" ORDER "a1 01 6165",
         CEDE_CBOR_KEY_ORDER},
        {"unknown claim not shortest", "a5" EXP NBF CTI "20 1801" ORDER "a1 01 6165",
         CEDE_CBOR_NOT_SHORTEST},
    };

    (void)state;
    ASSERT_EACH_REFUSED(decode_transfer, "a5" EXP NBF CTI "20 a2 01 00 02 00" ORDER "a1 01 6165",
                        bad);
}

static enum cede_status decode_report(struct cede_span payload)
{
    struct cede_status_report report;
    enum cede_status status = cede_status_report_decode(payload, &report);

    assert_int_equal(status == CEDE_OK, report.seq == 7);
    return status;
}

static void test_report_with_one_part_wrong(void **state)
{
    static const struct bad bad[] = {
        {"no state", "a1 02 07", CEDE_CBOR_KEY},
        {"no seq", "a1 01 02", CEDE_CBOR_KEY},
        {"nothing", "a0", CEDE_CBOR_KEY},
        {"key zero", "a3 00 00 01 02 02 07", CEDE_CBOR_KEY},
        {"negative key", "a3 01 02 02 07 20 00", CEDE_CBOR_KEY},
        {"no such state", "a2 01 0b 02 07", CEDE_CBOR_RANGE},
        {"short cti", "a3 01 02 02 07 03 41aa", CEDE_TRANSFER_CLAIM},
    };

    (void)state;
    ASSERT_EACH_REFUSED(decode_report, "a2 01 02 02 07", bad);
}

/* An entry that is wrong ends the list for good, however many follow. */
static void test_trust_list_ends_at_the_first_wrong_entry(void **state)
{
    struct cede_trust_list list = cede_trust_list(HEX("83 82 01 41aa 82 00 41bb 82 01 41cc"));
    struct cede_trust_entry entry;

    (void)state;
    assert_true(cede_trust_list_next(&list, &entry));
    assert_false(cede_trust_list_next(&list, &entry));
    assert_int_equal(entry.purposes, 0);
    assert_false(cede_trust_list_next(&list, &entry));
    assert_true(cede_span_is_null(entry.certificate));
    assert_int_equal(cede_trust_list_finish(&list), CEDE_TRANSFER_PURPOSE);
}

static void test_receipt_lines_end_at_the_first_wrong_one(void **state)
{
    struct cede_span items = HEX(LINE "83 6164 09 05"), before;
    struct cede_receipt_line line;

    (void)state;
    assert_true(cede_receipt_next(&items, &line));
    before = items;
    assert_false(cede_receipt_next(&items, &line));
    assert_true(cede_span_is_null(line.device_id));
    assert_ptr_equal(items.ptr, before.ptr);
}

/* --- DeviceUpdateInfo ------------------------------------------------------------------------- */

/* A walk as an importer makes it: every device of every group. */
static enum cede_status walk(struct cede_span encoding)
{
    struct cede_device_update_info info;
    struct cede_update_group group;
    struct cede_update_device device;

    CEDE_TRY(cede_device_update_info_open(encoding, &info));
    while (cede_device_update_info_next_group(&info, &group)) {
        while (cede_device_update_info_next_device(&info, &device)) {
            assert_int_equal(device.factory_cert.len, 1);
        }
        assert_true(cede_span_is_null(device.factory_cert));
    }
    assert_int_equal(group.devices_count, 0);
    return cede_device_update_info_finish(&info);
}

#define INFO "50 000102030405060708090a0b0c0d0e0f"
#define REF  "82 6175 41aa"

static void test_device_update_info_with_one_part_wrong(void **state)
{
    static const struct bad bad[] = {
        {"version 2", "83 02" INFO "81 85 01 02 80 f6 81 82 41bb 05", CEDE_CBOR_RANGE},
        {"short id", "83 01 41aa 81 85 01 02 80 f6 81 82 41bb 05", CEDE_TRANSFER_CLAIM},
        {"no group", "83 01" INFO "80", CEDE_CBOR_COUNT},
        {"no device", "83 01" INFO "81 85 01 02 80 f6 80", CEDE_CBOR_COUNT},
        {"empty window", "83 01" INFO "81 85 02 01 80 f6 81 82 41bb 05", CEDE_TRANSFER_WINDOW},
        {"first reference bad", "83 01" INFO "81 85 01 02 82 82 05 41aa" REF "f6 81 82 41bb 05",
         CEDE_CBOR_TYPE},
        {"attestation bad", "83 01" INFO "81 85 01 02 80 05 81 82 41bb 05", CEDE_CBOR_TYPE},
        {"device bad", "83 01" INFO "81 85 01 02 80 f6 82 82 41bb f6 82 41bb 05", CEDE_CBOR_TYPE},
        {"second group bad", "83 01" INFO "82 85 01 02 80 f6 81 82 41bb 05 84 01 02 80 f6",
         CEDE_CBOR_COUNT},
        {"trailing byte", "83 01" INFO "81 85 01 02 80 f6 81 82 41bb 05 00", CEDE_TRAILING_BYTES},
    };

    (void)state;
    ASSERT_EACH_REFUSED(walk,
                        "83 01" INFO "82 85 01 02 82" REF REF "f6 82 82 41bb 05 82 41bb 06"
                        "85 01 02 80" REF "81 82 41bb 07",
                        bad);
}

static void test_device_update_info_left_early_is_not_finished(void **state)
{
    struct cede_span encoding = HEX("83 01" INFO "81 85 01 02 80 f6 81 82 41bb 05");
    struct cede_device_update_info info;
    struct cede_update_group group;
    struct cede_update_device device;

    (void)state;
    assert_int_equal(cede_device_update_info_open(encoding, &info), CEDE_OK);
    assert_int_equal(cede_device_update_info_finish(&info), CEDE_TRAILING_BYTES);
    assert_true(cede_device_update_info_next_group(&info, &group));
    assert_int_equal(cede_device_update_info_finish(&info), CEDE_TRAILING_BYTES);
    assert_true(cede_device_update_info_next_device(&info, &device));
    assert_int_equal(cede_device_update_info_finish(&info), CEDE_OK);
}

static void test_references_end_at_the_first_wrong_one(void **state)
{
    struct cede_span items = HEX(REF "81 6175");
    struct cede_suit_ref ref;

    (void)state;
    assert_true(cede_suit_refs_next(&items, &ref));
    assert_true(cede_span_equal(ref.uri, CEDE_SPAN_TEXT("u")));
    assert_false(cede_suit_refs_next(&items, &ref));
    assert_true(cede_span_is_null(ref.uri) && cede_span_is_null(ref.manifest_digest));
    assert_int_equal(items.len, 3);
}

/* --- encoders --------------------------------------------------------------------------------- */

static struct cede_transfer full_transfer(void)
{
    return (struct cede_transfer){.iss = CEDE_SPAN_TEXT("SP2"),
                                  .aud = CEDE_SPAN_TEXT("d"),
                                  .not_before = 1,
                                  .not_after = 2,
                                  .cti = CEDE_SPAN_ARRAY(cti),
                                  .enroll_uri = CEDE_SPAN_TEXT("e"),
                                  .update_uri = CEDE_SPAN_TEXT("u"),
                                  .update_first = true,
                                  .attest_uri = CEDE_SPAN_TEXT("a"),
                                  .fallback_uri = CEDE_SPAN_TEXT("f"),
                                  .controller = CEDE_SPAN_ARRAY(digest),
                                  .has_seq = true,
                                  .seq = 5,
                                  .devices_digest = CEDE_SPAN_ARRAY(digest),
                                  .state_digest = CEDE_SPAN_ARRAY(digest),
                                  .has_patience = true,
                                  .attempts = 300,
                                  .hours = 72};
}

static struct cede_receipt_line lines[] = {{CEDE_SPAN_TEXT("d"), CEDE_RECEIPT_TAKEN_OVER, 5},
                                           {CEDE_SPAN_TEXT("e"), CEDE_RECEIPT_RETURNED, 6}};

static struct cede_receipt full_receipt(void)
{
    return (struct cede_receipt){.iss = CEDE_SPAN_TEXT("SP2"),
                                 .cti = CEDE_SPAN_ARRAY(cti),
                                 .transfer_id = CEDE_SPAN_ARRAY(transfer_id),
                                 .lines = lines,
                                 .lines_count = 2};
}

static const uint8_t list[] = {0x81, 0x82, 0x01, 0x41, 0xaa};

static struct cede_trust_update full_update(void)
{
    return (struct cede_trust_update){.aud = CEDE_SPAN_TEXT("d"),
                                      .not_before = 1,
                                      .not_after = 2,
                                      .cti = CEDE_SPAN_ARRAY(cti),
                                      .seq = 5,
                                      .entries = CEDE_SPAN_ARRAY(list)};
}

static struct cede_suit_ref software[] = {{CEDE_SPAN_TEXT("u"), CEDE_SPAN_ARRAY(digest)}};

static struct cede_update_group full_group(void)
{
    return (struct cede_update_group){.earliest = 1,
                                      .latest = 2,
                                      .software = software,
                                      .software_count = 1,
                                      .attestation = {CEDE_SPAN_TEXT("v"), CEDE_SPAN_ARRAY(digest)},
                                      .devices_count = 1};
}

static void write_transfer(struct cede_writer *writer)
{
    struct cede_transfer transfer = full_transfer();

    cede_transfer_encode(writer, &transfer);
}

static void write_update(struct cede_writer *writer)
{
    struct cede_trust_update update = full_update();

    cede_trust_update_encode(writer, &update);
}

static void write_receipt(struct cede_writer *writer)
{
    struct cede_receipt receipt = full_receipt();

    cede_receipt_encode(writer, &receipt);
}

static void write_report(struct cede_writer *writer)
{
    struct cede_status_report report = {CEDE_DEVICE_FALLBACK, 7, CEDE_SPAN_ARRAY(cti), true, 300};

    cede_status_report_encode(writer, &report);
}

static void write_answer(struct cede_writer *writer)
{
    struct cede_answer answer = {true,
                                 60,
                                 CEDE_SPAN_TEXT("t"),
                                 CEDE_SPAN_TEXT("o"),
                                 CEDE_SPAN_TEXT("h"),
                                 CEDE_SPAN_TEXT("w")};

    cede_answer_encode(writer, &answer);
}

static void write_info(struct cede_writer *writer)
{
    struct cede_update_group group = full_group();
    struct cede_update_device device = {CEDE_SPAN_TEXT("c"), 7};

    cede_device_update_info_begin(writer, transfer_id, 1);
    cede_device_update_info_group(writer, &group);
    cede_device_update_info_device(writer, &device);
}

static void test_every_message_needs_its_exact_room(void **state)
{
    static void (*const writes[])(struct cede_writer *) = {
        write_transfer, write_update, write_receipt, write_report, write_answer, write_info};

    (void)state;
    for (size_t i = 0; i < sizeof writes / sizeof *writes; i++) {
        struct cede_writer counting = cede_writer_counting(), writer;
        struct cede_span written;

        writes[i](&counting);
        assert_true(counting.status == CEDE_OK && counting.len > 0);
        for (size_t cap = 0; cap <= counting.len; cap++) {
            uint8_t *memory = malloc(cap + 1);
            writer = cede_writer(cede_buf(memory, cap));
            writes[i](&writer);
            assert_int_equal(cede_writer_finish(&writer, &written),
                             cap == counting.len ? CEDE_OK : CEDE_NO_SPACE);
            assert_int_equal(written.len, cap == counting.len ? cap : 0);
            free(memory);
        }
    }
}

static enum cede_status transfer_status(const struct cede_transfer *transfer)
{
    struct cede_writer writer = cede_writer_counting();

    cede_transfer_encode(&writer, transfer);
    return writer.status;
}

static enum cede_status update_status(const struct cede_trust_update *update)
{
    struct cede_writer writer = cede_writer_counting();

    cede_trust_update_encode(&writer, update);
    return writer.status;
}

static enum cede_status receipt_status(const struct cede_receipt *receipt)
{
    struct cede_writer writer = cede_writer_counting();

    cede_receipt_encode(&writer, receipt);
    return writer.status;
}

static enum cede_status group_status(const struct cede_update_group *group)
{
    struct cede_writer writer = cede_writer_counting();

    cede_device_update_info_group(&writer, group);
    return writer.status;
}

static void test_no_order_without_its_parts_is_written(void **state)
{
    struct cede_transfer transfer = full_transfer();

    (void)state;
    assert_int_equal(transfer_status(&transfer), CEDE_OK);
    transfer.enroll_uri = CEDE_SPAN_NULL;
    assert_int_equal(transfer_status(&transfer), CEDE_BAD_ARGUMENT);
    transfer = full_transfer();
    transfer.cti = CEDE_SPAN_NULL;
    assert_int_equal(transfer_status(&transfer), CEDE_BAD_ARGUMENT);
    transfer = full_transfer();
    transfer.controller.len--;
    assert_int_equal(transfer_status(&transfer), CEDE_BAD_ARGUMENT);
}

static void test_no_trust_update_without_its_parts_is_written(void **state)
{
    struct cede_trust_update update = full_update();

    (void)state;
    assert_int_equal(update_status(&update), CEDE_OK);
    update.aud = CEDE_SPAN_NULL;
    assert_int_equal(update_status(&update), CEDE_BAD_ARGUMENT);
    update = full_update();
    update.entries.len--;
    assert_int_equal(update_status(&update), CEDE_BAD_ARGUMENT);
}

static void test_no_receipt_without_its_parts_is_written(void **state)
{
    struct cede_receipt receipt = full_receipt();

    (void)state;
    assert_int_equal(receipt_status(&receipt), CEDE_OK);
    receipt.lines_count = 0;
    assert_int_equal(receipt_status(&receipt), CEDE_BAD_ARGUMENT);
    receipt = full_receipt();
    receipt.iss = CEDE_SPAN_NULL;
    assert_int_equal(receipt_status(&receipt), CEDE_BAD_ARGUMENT);
    receipt = full_receipt();
    receipt.transfer_id = CEDE_SPAN_NULL;
    assert_int_equal(receipt_status(&receipt), CEDE_BAD_ARGUMENT);
    receipt = full_receipt();
    receipt.cti.len = 0;
    assert_int_equal(receipt_status(&receipt), CEDE_BAD_ARGUMENT);
}

static void test_no_group_without_its_parts_is_written(void **state)
{
    struct cede_update_group group = full_group();

    (void)state;
    assert_int_equal(group_status(&group), CEDE_OK);
    group.devices_count = 0;
    assert_int_equal(group_status(&group), CEDE_BAD_ARGUMENT);
    group = full_group();
    group.latest = 0;
    assert_int_equal(group_status(&group), CEDE_BAD_ARGUMENT);
}

/* --- signatures ------------------------------------------------------------------------------- */

static struct {
    struct failing_crypto failing;
    const struct cede_crypto *crypto;
    uint8_t scalar[32], point[64], message[512];
    struct cede_private_key key;
    struct cede_public_key public_key;
} t;

static int setup(void **state)
{
    (void)state;
    t.crypto = failing_crypto(&t.failing, cede_crypto_openssl());
    assert_int_equal(t.crypto->generate(t.crypto->context, CEDE_CRV_P256, t.scalar, t.point),
                     CEDE_OK);
    t.key = (struct cede_private_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(t.scalar), NULL};
    t.public_key = (struct cede_public_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(t.point)};
    return 0;
}

static struct cede_span sign(struct cede_span payload)
{
    struct cede_span message;

    assert_int_equal(
        cede_transfer_sign(t.crypto, &t.key, payload, CEDE_BUF_ARRAY(t.message), &message),
        CEDE_OK);
    return message;
}

static void test_signing_needs_its_exact_room(void **state)
{
    struct cede_span payload = HEX("a0"), message;
    size_t needed;

    (void)state;
    assert_int_equal(
        cede_transfer_sign(t.crypto, &t.key, payload, CEDE_BUF_ARRAY(t.message), &message),
        CEDE_OK);
    needed = message.len;
    for (size_t cap = 0; cap <= needed; cap++) {
        uint8_t *memory = malloc(cap + 1);
        assert_int_equal(
            cede_transfer_sign(t.crypto, &t.key, payload, cede_buf(memory, cap), &message),
            cap == needed ? CEDE_OK : CEDE_NO_SPACE);
        assert_int_equal(message.len, cap == needed ? cap : 0);
        free(memory);
    }
}

static void test_only_a_key_of_the_curve_signs(void **state)
{
    struct cede_private_key other = {CEDE_CRV_P384, CEDE_SPAN_ARRAY(t.scalar), NULL};
    struct cede_span message = sign(HEX("a0"));

    (void)state;
    assert_int_equal(
        cede_transfer_sign(t.crypto, &other, HEX("a0"), CEDE_BUF_ARRAY(t.message), &message),
        CEDE_COSE_ALG);
    assert_true(cede_span_is_null(message));
}

/* The signed text must be in the message: what comes beside it could be anybody's. */
static void test_a_detached_payload_is_refused(void **state)
{
    struct cede_cose_sign1 sign1 = {.tagged = true};
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(t.message));
    struct cede_span payload;

    (void)state;
    sign1.headers.protected_.alg = CEDE_ALG_ESP256;
    assert_int_equal(
        cede_cose_sign1_sign(&sign1, t.crypto, &t.key, CEDE_SPAN_NULL, HEX("a0"), &writer),
        CEDE_OK);
    assert_int_equal(cede_transfer_verify(t.crypto, &t.public_key, cede_written(&writer), &payload),
                     CEDE_TRANSFER_HEADER);
    assert_true(cede_span_is_null(payload));
}

/* A back end that fails is told from a forger: the device may come again. */
static void test_a_failing_back_end_is_no_verdict(void **state)
{
    struct cede_transfer sent = full_transfer(), read;
    struct cede_trust_update update = full_update(), read_update;
    struct cede_transfer_rules rules = {t.public_key, CEDE_SPAN_TEXT("d"), 4, NULL};
    uint8_t memory[256];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
    struct cede_span message;

    (void)state;
    sent.iss = sent.devices_digest = CEDE_SPAN_NULL;
    cede_transfer_encode(&writer, &sent);
    t.failing.fail_at = t.failing.calls + 1;
    assert_int_equal(cede_transfer_sign(t.crypto, &t.key, cede_written(&writer),
                                        CEDE_BUF_ARRAY(t.message), &message),
                     CEDE_CRYPTO_FAILED);
    assert_true(cede_span_is_null(message));
    message = sign(cede_written(&writer));
    t.failing.fail_at = t.failing.calls + 1;
    assert_int_equal(cede_transfer_check(t.crypto, &rules, message, &read), CEDE_CRYPTO_FAILED);
    assert_true(cede_span_is_null(read.enroll_uri) && cede_span_is_null(read.cti));
    assert_int_equal(cede_transfer_check(t.crypto, &rules, message, &read), CEDE_OK);

    writer = cede_writer(CEDE_BUF_ARRAY(memory));
    cede_trust_update_encode(&writer, &update);
    message = sign(cede_written(&writer));
    t.failing.fail_at = t.failing.calls + 1;
    assert_int_equal(cede_trust_update_check(t.crypto, &rules, message, &read_update),
                     CEDE_CRYPTO_FAILED);
    assert_true(cede_span_is_null(read_update.entries));
    assert_int_equal(cede_trust_update_check(t.crypto, &rules, message, &read_update), CEDE_OK);
}

/* An offer names the provider that makes it, an order must not. */
static void test_R3_an_offer_is_no_order(void **state)
{
    struct cede_transfer sent = full_transfer(), read;
    struct cede_transfer_rules rules = {t.public_key, CEDE_SPAN_TEXT("d"), 4, NULL};
    uint8_t memory[256];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));

    (void)state;
    sent.devices_digest = CEDE_SPAN_NULL;
    cede_transfer_encode(&writer, &sent);
    assert_int_equal(cede_transfer_check(t.crypto, &rules, sign(cede_written(&writer)), &read),
                     CEDE_TRANSFER_CLAIM);
    assert_true(cede_span_equal(read.cti, CEDE_SPAN_ARRAY(cti))); /* to name it in the refusal */
    assert_true(cede_span_is_null(read.enroll_uri));
    sent.iss = CEDE_SPAN_NULL;
    writer = cede_writer(CEDE_BUF_ARRAY(memory));
    cede_transfer_encode(&writer, &sent);
    assert_int_equal(cede_transfer_check(t.crypto, &rules, sign(cede_written(&writer)), &read),
                     CEDE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_receipt_with_one_part_wrong),
        cmocka_unit_test(test_trust_update_with_one_part_wrong),
        cmocka_unit_test(test_transfer_with_one_part_wrong),
        cmocka_unit_test(test_report_with_one_part_wrong),
        cmocka_unit_test(test_trust_list_ends_at_the_first_wrong_entry),
        cmocka_unit_test(test_receipt_lines_end_at_the_first_wrong_one),
        cmocka_unit_test(test_device_update_info_with_one_part_wrong),
        cmocka_unit_test(test_device_update_info_left_early_is_not_finished),
        cmocka_unit_test(test_references_end_at_the_first_wrong_one),
        cmocka_unit_test(test_every_message_needs_its_exact_room),
        cmocka_unit_test(test_no_order_without_its_parts_is_written),
        cmocka_unit_test(test_no_trust_update_without_its_parts_is_written),
        cmocka_unit_test(test_no_receipt_without_its_parts_is_written),
        cmocka_unit_test(test_no_group_without_its_parts_is_written),
        cmocka_unit_test(test_signing_needs_its_exact_room),
        cmocka_unit_test(test_only_a_key_of_the_curve_signs),
        cmocka_unit_test(test_a_detached_payload_is_refused),
        cmocka_unit_test(test_a_failing_back_end_is_no_verdict),
        cmocka_unit_test(test_R3_an_offer_is_no_order),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
