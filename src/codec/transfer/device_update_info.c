/* SPDX-License-Identifier: Apache-2.0 */
/* device_update_info.c - DeviceUpdateInfo as a stream: millions of devices, no array of them. */
#include <string.h>

#include "codec/transfer/claims.h"

#define VERSION 1

/* --- encoding --------------------------------------------------------------------------------- */

void cede_device_update_info_begin(struct cede_writer *writer,
                                   const uint8_t transfer_id[CEDE_TRANSFER_ID_LEN],
                                   size_t groups_count)
{
    cede_cbor_put_array(writer, 3);
    cede_cbor_put_uint(writer, VERSION);
    cede_cbor_put_bytes(writer, cede_span(transfer_id, CEDE_TRANSFER_ID_LEN));
    if (groups_count == 0) {
        cede_writer_fail(writer, CEDE_BAD_ARGUMENT);
    }
    cede_cbor_put_array(writer, groups_count);
}

static void put_reference(struct cede_writer *writer, struct cede_span uri, struct cede_span digest)
{
    cede_cbor_put_array(writer, 2);
    cede_cbor_put_text(writer, uri);
    cede_cbor_put_bytes(writer, digest);
}

void cede_device_update_info_group(struct cede_writer *writer,
                                   const struct cede_update_group *group)
{
    if (group->devices_count == 0 || group->latest < group->earliest) {
        cede_writer_fail(writer, CEDE_BAD_ARGUMENT);
    }
    cede_cbor_put_array(writer, 5);
    cede_cbor_put_uint(writer, group->earliest);
    cede_cbor_put_uint(writer, group->latest);
    cede_cbor_put_array(writer, group->software_count);
    for (size_t i = 0; i < group->software_count; i++) {
        put_reference(writer, group->software[i].uri, group->software[i].manifest_digest);
    }
    if (group->attestation.uri.ptr != NULL) {
        put_reference(writer, group->attestation.uri, group->attestation.reference_digest);
    } else {
        cede_cbor_put_null(writer);
    }
    cede_cbor_put_array(writer, group->devices_count);
}

void cede_device_update_info_device(struct cede_writer *writer,
                                    const struct cede_update_device *device)
{
    cede_cbor_put_array(writer, 2);
    cede_cbor_put_bytes(writer, device->factory_cert);
    cede_cbor_put_uint(writer, device->next_seq);
}

/* --- decoding --------------------------------------------------------------------------------- */

enum cede_status cede_device_update_info_open(struct cede_span encoding,
                                              struct cede_device_update_info *info)
{
    struct cede_device_update_info opened = {.reader = cede_reader(encoding),
                                             .devices_index = SIZE_MAX};
    struct cede_reader *reader = &opened.reader;

    memset(info, 0, sizeof *info);
    cede_cbor_expect_array(reader, 3);
    if (cede_cbor_get_uint(reader) != VERSION) {
        cede_reader_fail(reader, CEDE_CBOR_RANGE);
    }
    opened.transfer_id = get_sized(reader, CEDE_TRANSFER_ID_LEN);
    opened.groups_left = cede_cbor_get_array(reader);
    if (opened.groups_left == 0) {
        cede_reader_fail(reader, CEDE_CBOR_COUNT);
    }
    if (reader->status != CEDE_OK) {
        info->reader.status = reader->status;
        return reader->status;
    }
    *info = opened;
    return CEDE_OK;
}

static void read_reference(struct cede_reader *reader, struct cede_span *uri,
                           struct cede_span *digest)
{
    cede_cbor_expect_array(reader, 2);
    *uri = cede_cbor_get_text(reader);
    *digest = cede_cbor_get_bytes(reader);
}

/* Checks the references and keeps where they are. */
static void read_software(struct cede_reader *reader, struct cede_update_group *group)
{
    struct cede_span uri, digest;
    size_t at;

    group->software_count = cede_cbor_get_array(reader);
    at = reader->pos;
    for (size_t i = 0; i < group->software_count && reader->status == CEDE_OK; i++) {
        read_reference(reader, &uri, &digest);
    }
    group->software_items = cede_reader_since(reader, at);
}

static void read_group(struct cede_reader *reader, struct cede_update_group *group)
{
    cede_cbor_expect_array(reader, 5);
    group->earliest = cede_cbor_get_uint(reader);
    group->latest = cede_cbor_get_uint(reader);
    if (group->latest < group->earliest) {
        cede_reader_fail(reader, CEDE_TRANSFER_WINDOW);
    }
    read_software(reader, group);
    if (cede_cbor_peek_null(reader)) {
        cede_cbor_get_null(reader);
    } else {
        read_reference(reader, &group->attestation.uri, &group->attestation.reference_digest);
    }
    group->devices_count = cede_cbor_get_array(reader);
    if (group->devices_count == 0) {
        cede_reader_fail(reader, CEDE_CBOR_COUNT);
    }
}

bool cede_device_update_info_next_group(struct cede_device_update_info *info,
                                        struct cede_update_group *group)
{
    struct cede_update_device skipped;

    memset(group, 0, sizeof *group);
    while (cede_device_update_info_next_device(info, &skipped)) {
    }
    if (info->groups_left == 0 || info->reader.status != CEDE_OK) {
        return false;
    }
    info->groups_left--;
    read_group(&info->reader, group);
    if (info->reader.status != CEDE_OK) {
        memset(group, 0, sizeof *group);
        return false;
    }
    info->devices_left = group->devices_count;
    return true;
}

bool cede_device_update_info_next_device(struct cede_device_update_info *info,
                                         struct cede_update_device *device)
{
    memset(device, 0, sizeof *device);
    if (info->devices_left == 0 || info->reader.status != CEDE_OK) {
        return false;
    }
    info->devices_left--;
    info->devices_index++; /* from SIZE_MAX to 0 for the first */
    cede_cbor_expect_array(&info->reader, 2);
    device->factory_cert = cede_cbor_get_bytes(&info->reader);
    device->next_seq = cede_cbor_get_uint(&info->reader);
    if (info->reader.status != CEDE_OK) {
        memset(device, 0, sizeof *device);
        return false;
    }
    return true;
}

enum cede_status cede_device_update_info_finish(const struct cede_device_update_info *info)
{
    if (info->reader.status == CEDE_OK && (info->groups_left > 0 || info->devices_left > 0)) {
        return CEDE_TRAILING_BYTES;
    }
    return cede_reader_finish(&info->reader);
}

bool cede_suit_refs_next(struct cede_span *items, struct cede_suit_ref *ref)
{
    struct cede_reader reader = cede_reader(*items);

    memset(ref, 0, sizeof *ref);
    if (items->len == 0) {
        return false;
    }
    read_reference(&reader, &ref->uri, &ref->manifest_digest);
    if (reader.status != CEDE_OK) {
        memset(ref, 0, sizeof *ref);
        return false;
    }
    *items = cede_read_rest(&reader);
    return true;
}
