/* SPDX-License-Identifier: Apache-2.0 */
/* record.c - the one durable record of a device (docs/device-image.md has the CDDL). */
#include <string.h>

#include "device/device_internal.h"

#define VERSION     1
#define FIELD_COUNT 15 /* one more for a policy other than "off" */

static void put_text_or_null(struct cede_writer *writer, struct cede_span text)
{
    if (text.ptr != NULL) {
        cede_cbor_put_text(writer, text);
    } else {
        cede_cbor_put_null(writer);
    }
}

static void put_bytes_or_null(struct cede_writer *writer, struct cede_span bytes)
{
    if (bytes.ptr != NULL) {
        cede_cbor_put_bytes(writer, bytes);
    } else {
        cede_cbor_put_null(writer);
    }
}

static void put_credential(struct cede_writer *writer, struct cede_span key,
                           struct cede_span certificate)
{
    if (key.ptr == NULL) {
        cede_cbor_put_null(writer);
        return;
    }
    cede_cbor_put_array(writer, 2);
    cede_cbor_put_bytes(writer, key);
    cede_cbor_put_bytes(writer, certificate);
}

static void put_provider(struct cede_writer *writer, const struct cede_device_record *record)
{
    cede_cbor_put_array(writer, 3);
    cede_cbor_put_text(writer, record->controller_name);
    cede_cbor_put_bytes(writer, record->controller_thumbprint);
    cede_cbor_put_bytes(writer, record->controller_certificate);
    cede_cbor_put_array(writer, 3);
    cede_cbor_put_text(writer, record->enroll_uri);
    cede_cbor_put_text(writer, record->update_uri);
    cede_cbor_put_bool(writer, record->known);
}

enum cede_status record_encode(struct cede_writer *writer, const struct cede_device_record *record)
{
    bool has_policy = record->status_policy != CEDE_STATUS_POLICY_OFF;

    cede_cbor_put_array(writer, FIELD_COUNT + has_policy);
    cede_cbor_put_uint(writer, VERSION);
    cede_cbor_put_uint(writer, (uint64_t)record->state);
    cede_cbor_put_uint(writer, record->seq);
    cede_cbor_put_text(writer, record->device_id);
    put_credential(writer, record->factory_key, record->factory_certificate);
    put_provider(writer, record);
    put_credential(writer, record->operational_key, record->operational_certificate);
    put_bytes_or_null(writer, record->pending_key);
    put_bytes_or_null(writer, record->order);
    put_text_or_null(writer, record->home_uri);
    cede_write_bytes(writer, record->trust);
    cede_cbor_put_uint(writer, record->reason);
    cede_cbor_put_array(writer, 2);
    cede_cbor_put_uint(writer, record->attempts);
    cede_cbor_put_uint(writer, record->uptime_s);
    cede_cbor_put_array(writer, 3);
    cede_cbor_put_uint(writer, record->poll_s);
    cede_cbor_put_uint(writer, record->retry_ms);
    cede_cbor_put_uint(writer, record->retry_max_ms);
    if (has_policy) {
        cede_cbor_put_uint(writer, (uint64_t)record->status_policy);
    }
    return writer->status;
}

static bool skip_null(struct cede_reader *reader)
{
    if (!cede_cbor_peek_null(reader)) {
        return false;
    }
    cede_cbor_get_null(reader);
    return true;
}

static struct cede_span get_key(struct cede_reader *reader)
{
    struct cede_span key = cede_cbor_get_bytes(reader);

    if (reader->status == CEDE_OK && key.len != KEY_LEN) {
        cede_reader_fail(reader, CEDE_DEVICE_RECORD);
    }
    return key;
}

static void get_credential(struct cede_reader *reader, struct cede_span *key,
                           struct cede_span *certificate)
{
    cede_cbor_expect_array(reader, 2);
    *key = get_key(reader);
    *certificate = cede_cbor_get_bytes(reader);
}

static void get_provider(struct cede_reader *reader, struct cede_device_record *record)
{
    cede_cbor_expect_array(reader, 3);
    record->controller_name = cede_cbor_get_text(reader);
    record->controller_thumbprint = cede_cbor_get_bytes(reader);
    record->controller_certificate = cede_cbor_get_bytes(reader);
    if (reader->status == CEDE_OK && record->controller_thumbprint.len != CEDE_SHA256_LEN) {
        cede_reader_fail(reader, CEDE_DEVICE_RECORD);
    }
    cede_cbor_expect_array(reader, 3);
    record->enroll_uri = cede_cbor_get_text(reader);
    record->update_uri = cede_cbor_get_text(reader);
    record->known = cede_cbor_get_bool(reader);
}

static void get_secrets_and_order(struct cede_reader *reader, struct cede_device_record *record)
{
    if (!skip_null(reader)) {
        get_credential(reader, &record->operational_key, &record->operational_certificate);
    }
    if (!skip_null(reader)) {
        record->pending_key = get_key(reader);
    }
    if (!skip_null(reader)) {
        record->order = cede_cbor_get_bytes(reader);
    }
    if (!skip_null(reader)) {
        record->home_uri = cede_cbor_get_text(reader);
    }
    record->trust = cede_cbor_get_item(reader);
}

static void get_pace(struct cede_reader *reader, struct cede_device_record *record)
{
    record->reason = cede_cbor_get_uint(reader);
    cede_cbor_expect_array(reader, 2);
    record->attempts = cede_cbor_get_uint(reader);
    record->uptime_s = cede_cbor_get_uint(reader);
    cede_cbor_expect_array(reader, 3);
    record->poll_s = cede_cbor_get_uint(reader);
    record->retry_ms = cede_cbor_get_uint(reader);
    record->retry_max_ms = cede_cbor_get_uint(reader);
}

static void get_status_policy(struct cede_reader *reader, struct cede_device_record *record)
{
    uint64_t policy = cede_cbor_get_uint(reader);

    if (policy != CEDE_STATUS_POLICY_PREFER && policy != CEDE_STATUS_POLICY_REQUIRE) {
        cede_reader_fail(reader, CEDE_DEVICE_RECORD);
    }
    record->status_policy = (enum cede_status_policy)policy;
}

/* The states that cannot be without an order, a key under way, or an operational credential. */
static bool is_consistent(const struct cede_device_record *record)
{
    bool operational = record->operational_key.ptr != NULL;

    switch (record->state) {
    case CEDE_DEVICE_ENROLLING:
        return record->pending_key.ptr != NULL;
    case CEDE_DEVICE_OPERATIONAL:
        return operational;
    case CEDE_DEVICE_JOINING:
        return record->order.ptr != NULL && record->pending_key.ptr != NULL && !operational;
    case CEDE_DEVICE_JOINED:
        return record->order.ptr != NULL && operational;
    case CEDE_DEVICE_RESET:
    case CEDE_DEVICE_ATTESTING:
    case CEDE_DEVICE_UPDATING:
        return record->order.ptr != NULL && !operational;
    case CEDE_DEVICE_HOMING:
        return record->home_uri.ptr != NULL && record->pending_key.ptr != NULL && !operational;
    case CEDE_DEVICE_ACCEPTED:
        return record->order.ptr != NULL;
    default:
        return true;
    }
}

enum cede_status record_decode(struct cede_span encoding, struct cede_device_record *record)
{
    struct cede_reader reader = cede_reader(encoding);
    struct cede_device_record read = {0};
    uint64_t state;
    size_t fields;

    memset(record, 0, sizeof *record);
    fields = cede_cbor_get_array(&reader);
    if ((fields != FIELD_COUNT && fields != FIELD_COUNT + 1) ||
        cede_cbor_get_uint(&reader) != VERSION) {
        cede_reader_fail(&reader, CEDE_DEVICE_RECORD);
    }
    state = cede_cbor_get_uint(&reader);
    read.seq = cede_cbor_get_uint(&reader);
    read.device_id = cede_cbor_get_text(&reader);
    get_credential(&reader, &read.factory_key, &read.factory_certificate);
    get_provider(&reader, &read);
    get_secrets_and_order(&reader, &read);
    get_pace(&reader, &read);
    if (fields > FIELD_COUNT) {
        get_status_policy(&reader, &read);
    }
    if (cede_reader_finish(&reader) != CEDE_OK || state >= CEDE_DEVICE_STATE_COUNT) {
        return CEDE_DEVICE_RECORD;
    }
    read.state = (enum cede_device_state)state;
    if (!is_consistent(&read)) {
        return CEDE_DEVICE_RECORD;
    }
    *record = read;
    return CEDE_OK;
}

bool record_fits(struct cede_device *device, const struct cede_device_record *next, size_t reserve)
{
    struct cede_buf memory = CEDE_BUF_ARRAY(device->image[1 - device->image_index]);
    struct cede_writer writer = cede_writer(memory);
    struct cede_device_record read;
    bool fits = record_encode(&writer, next) == CEDE_OK &&
                record_decode(cede_written(&writer), &read) == CEDE_OK &&
                memory.cap - writer.len >= reserve;

    cede_wipe(memory.ptr, memory.cap);
    return fits;
}

void record_set_clock_floor(struct cede_device *device)
{
    struct cede_certificate controller;

    if (cede_certificate_decode(device->record.controller_certificate, device->config.crypto,
                                &controller) == CEDE_OK) {
        device->clock_floor = controller.not_before;
    }
}

enum cede_status record_commit(struct cede_device *device, const struct cede_device_record *next)
{
    unsigned other = 1 - device->image_index;
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(device->image[other]));
    struct cede_device_record read;
    enum cede_status status = record_encode(&writer, next);
    struct cede_span encoding = cede_written(&writer);

    if (status == CEDE_OK) {
        status = record_decode(encoding, &read);
    }
    if (status == CEDE_OK) {
        status = cede_journal_commit(&device->journal, encoding);
    }
    if (status != CEDE_OK) {
        cede_wipe(device->image[other], sizeof device->image[other]);
        return status;
    }
    cede_wipe(device->image[device->image_index], sizeof device->image[0]);
    device->image_index = other;
    device->record = read;
    record_set_clock_floor(device);
    device->stats.commits++;
    return CEDE_OK;
}

enum cede_status record_scrub(struct cede_device *device)
{
    return cede_journal_scrub(&device->journal);
}
