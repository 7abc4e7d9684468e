/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.c - device images: two journal slots (src/device/journal.c), each with a record
 *      (docs/device-image.md).
 *
 * Private keys lie in there. So bytes are printed only of a record that the device itself would
 * accept, where it is certain which of them are keys; of anything else, only lengths.
 */
#include <string.h>

#include "cede/device.h"
#include "device/device_internal.h"
#include "inspect/kinds.h"
#include "inspect/meaning.h"

#define MAGIC     0x4345444aU /* "CEDJ" */
#define CHECK_LEN 8
#define SLOT_SIZE ((size_t)CEDE_DEVICE_SLOT_SIZE)

/* --- the record ---------------------------------------------------------------------------------
 */

static const struct diag_field credential_fields[] = {
    {0, "private key", &shape_secret}, {1, "certificate", &shape_certificate}, {0, NULL, NULL}};
static const struct diag_shape credential = {.form = DIAG_ARRAY, .fields = credential_fields};
static const struct diag_field controller_fields[] = {{0, "name", NULL},
                                                      {1, "thumbprint", NULL},
                                                      {2, "certificate", &shape_certificate},
                                                      {0, NULL, NULL}};
static const struct diag_shape controller = {.form = DIAG_ARRAY, .fields = controller_fields};
static const struct diag_field server_fields[] = {{0, "enrolment URI", NULL},
                                                  {1, "update URI", NULL},
                                                  {2, "known to the update server", NULL},
                                                  {0, NULL, NULL}};
static const struct diag_shape servers = {.form = DIAG_ARRAY, .fields = server_fields};
static const struct diag_shape wrapped_order = {.form = DIAG_WRAPPED, .element = &shape_cose_sign1};
static const struct diag_field effort_fields[] = {
    {0, "attempts", NULL}, {1, "uptime", &shape_seconds}, {0, NULL, NULL}};
static const struct diag_shape effort = {.form = DIAG_ARRAY, .fields = effort_fields};
static const struct diag_field pace_fields[] = {{0, "poll", &shape_seconds},
                                                {1, "retry, ms", NULL},
                                                {2, "retry at most, ms", NULL},
                                                {0, NULL, NULL}};
static const struct diag_shape pace = {.form = DIAG_ARRAY, .fields = pace_fields};

static const struct diag_field record_fields[] = {
    {0, "version", NULL},
    {1, "state", &shape_device_state},
    {2, "seq", NULL},
    {3, "device id", NULL},
    {4, "factory credential", &credential},
    {5, "controller", &controller},
    {6, "servers", &servers},
    {7, "operational credential", &credential},
    {8, "pending private key", &shape_secret},
    {9, "order", &wrapped_order},
    {10, "home URI", NULL},
    {11, "trust", &shape_trust_list},
    {12, "reason of the last failure", &shape_status},
    {13, "effort", &effort},
    {14, "pace", &pace},
    {15, "proof of servers' status (1: preferred, 2: required)", NULL}, /* may be absent */
    {0, NULL, NULL},
};
static const struct diag_shape record_shape = {
    .form = DIAG_ARRAY, .name = "device record", .fields = record_fields};

static void skip(struct cede_reader *reader, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        (void)cede_cbor_get_item(reader);
    }
}

/* The key at this place, or in the credential at this place; null when there is none. */
static const uint8_t *key_at(struct cede_reader *reader)
{
    struct cede_reader item = *reader;

    skip(reader, 1);
    if (cede_cbor_peek(&item) == CEDE_CBOR_ARRAY) {
        cede_cbor_expect_array(&item, 2);
    }
    return cede_cbor_get_bytes(&item).ptr;
}

/* Are the keys where the table above says? The device's own decoder knows where they are. */
static bool keys_are_in_place(struct cede_span input, const struct cede_device_record *record)
{
    struct cede_reader reader = cede_reader(input);
    size_t fields = cede_cbor_get_array(&reader);
    bool in_place;

    skip(&reader, 4);
    in_place = key_at(&reader) == record->factory_key.ptr;
    skip(&reader, 2);
    in_place &= key_at(&reader) == record->operational_key.ptr;
    in_place &= key_at(&reader) == record->pending_key.ptr;
    skip(&reader, fields - 9); /* the decoder has seen how many there are */
    return in_place && cede_reader_finish(&reader) == CEDE_OK;
}

void print_record(struct diag *diag, struct cede_span input)
{
    struct cede_device_record record;
    size_t offset = 0;
    enum cede_status status = cede_cbor_check(input, CEDE_CBOR_ANY_ORDER, &offset);

    if (status == CEDE_OK) {
        offset = 0;
        status = record_decode(input, &record);
    }
    if (status == CEDE_OK && !keys_are_in_place(input, &record)) {
        status = CEDE_DEVICE_RECORD;
    }
    if (status != CEDE_OK) {
        size_t at = 0;

        fprintf(diag->out, "/ device record, %zu bytes: not shown, as keys may be anywhere /",
                input.len);
        (void)cede_span_offset(diag->input, input, &at);
        diag_fail_at(diag, at + offset, status);
        return;
    }
    diag_whole(diag, input, &record_shape, NULL);
}

/* --- slots --------------------------------------------------------------------------------------
 */

enum slot_state { SLOT_BLANK, SLOT_WHOLE, SLOT_DAMAGED };

struct slot {
    enum slot_state state;
    uint32_t sequence;
    struct cede_span bytes;
    struct cede_span payload; /* of a whole one */
    const char *damage;
    size_t damage_at; /* in `bytes` */
};

static bool is_blank(struct cede_span bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.ptr[i] != 0xff) {
            return false;
        }
    }
    return true;
}

static bool check_holds(const struct diag *diag, struct cede_span bytes, struct cede_span check)
{
    uint8_t hash[CHECK_LEN];

    return cede_hash(diag->crypto, CEDE_ALG_SHA_256_64, bytes, hash) == CEDE_OK &&
           cede_span_equal(cede_span(hash, sizeof hash), check);
}

static struct slot damaged(struct slot slot, const char *damage, size_t at)
{
    slot.state = SLOT_DAMAGED;
    slot.damage = damage;
    slot.damage_at = at < slot.bytes.len ? at : slot.bytes.len;
    return slot;
}

static struct slot read_slot(const struct diag *diag, struct cede_span bytes)
{
    struct slot slot = {.state = SLOT_BLANK, .bytes = bytes};
    struct cede_reader reader = cede_reader(bytes);
    uint32_t magic, version, len;
    struct cede_span payload_check, header_check;

    if (is_blank(bytes)) {
        return slot;
    }
    magic = cede_read_u32(&reader);
    version = cede_read_u32(&reader);
    slot.sequence = cede_read_u32(&reader);
    len = cede_read_u32(&reader);
    payload_check = cede_read_bytes(&reader, CHECK_LEN);
    header_check = cede_read_bytes(&reader, CHECK_LEN);
    if (reader.status != CEDE_OK) {
        return damaged(slot, "the header is cut", bytes.len);
    }
    if (magic != MAGIC || version != 1) {
        return damaged(slot, "no journal header", 0);
    }
    if (!check_holds(diag, cede_span(bytes.ptr, 24), header_check)) {
        return damaged(slot, "the header's checksum does not hold", 24);
    }
    slot.payload = cede_read_bytes(&reader, len);
    if (reader.status != CEDE_OK) {
        return damaged(slot, "the record is cut", bytes.len);
    }
    if (!check_holds(diag, slot.payload, payload_check)) {
        return damaged(slot, "the record's checksum does not hold", 16);
    }
    slot.state = SLOT_WHOLE;
    return slot;
}

static void put_slot(struct diag *diag, unsigned number, const struct slot *slot, bool present)
{
    fprintf(diag->out, "%sslot %u: ", number > 0 ? "\n" : "", number);
    switch (slot->state) {
    case SLOT_BLANK:
        fputs("blank", diag->out);
        break;
    case SLOT_DAMAGED:
        fprintf(diag->out, "%s; contents not shown", slot->damage);
        break;
    case SLOT_WHOLE:
        fprintf(diag->out, "sequence %u, %zu bytes, %s\n", slot->sequence, slot->payload.len,
                present ? "the present record" : "the record before");
        print_record(diag, slot->payload);
        break;
    }
}

void print_image(struct diag *diag, struct cede_span input)
{
    struct slot slots[2];
    unsigned present;

    for (size_t i = 0; i < 2; i++) {
        size_t from = i * SLOT_SIZE < input.len ? i * SLOT_SIZE : input.len;
        size_t left = input.len - from;

        slots[i] =
            read_slot(diag, cede_span(input.ptr + from, left < SLOT_SIZE ? left : SLOT_SIZE));
    }
    present = slots[1].state == SLOT_WHOLE &&
              (slots[0].state != SLOT_WHOLE || slots[1].sequence > slots[0].sequence);
    for (unsigned i = 0; i < 2; i++) {
        put_slot(diag, i, &slots[i], present == i);
    }
    if (input.len < 2 * SLOT_SIZE) {
        diag_fail_at(diag, input.len, CEDE_TRUNCATED);
    } else if (input.len > 2 * SLOT_SIZE) {
        diag_fail_at(diag, 2 * SLOT_SIZE, CEDE_TRAILING_BYTES);
    }
    /* A damaged slot beside a whole one is what a power cut leaves: no failure. */
    if (slots[0].state != SLOT_WHOLE && slots[1].state != SLOT_WHOLE) {
        size_t slot = slots[0].state == SLOT_DAMAGED ? 0 : 1;

        diag_fail_at(diag, slot * SLOT_SIZE + slots[slot].damage_at,
                     slots[slot].state == SLOT_DAMAGED ? CEDE_JOURNAL_DAMAGED : CEDE_JOURNAL_BLANK);
    }
}
