/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal.c - one record in two flash slots, replaced whole or not at all.
 *
 * A slot, big-endian:
 *    0  magic "CEDJ"              16  SHA-256 of the payload, first 8 bytes
 *    4  format version, 1         24  SHA-256 of bytes 0..23, first 8 bytes
 *    8  sequence number, from 1   32  payload, zeros up to a whole write unit, 0xff to the end
 *   12  payload length
 *
 * The header has a checksum of its own, so that a slot whose commit was cut (header not whole) can
 * be told from one that decayed after its commit (header whole, payload not).
 */
#include <string.h>

#include "cede/journal.h"

#define MAGIC          0x4345444aU /* "CEDJ" */
#define FORMAT_VERSION 1
#define CHECK_LEN      8
#define ERASED         0xff
#define CHUNK_LEN      64

struct header {
    uint32_t sequence; /* 0: no valid header */
    uint32_t payload_len;
    uint8_t payload_check[CHECK_LEN];
    bool erased; /* the header's bytes are as the erasure left them */
};

static bool geometry_is_possible(const struct cede_flash *flash)
{
    size_t unit = flash->write_size;

    return unit > 0 && unit <= CEDE_JOURNAL_UNIT_MAX && (unit & (unit - 1)) == 0 &&
           flash->slot_size > CEDE_JOURNAL_HEADER_LEN && flash->slot_size <= INT32_MAX &&
           flash->slot_size % unit == 0;
}

size_t cede_journal_payload_max(const struct cede_flash *flash)
{
    return geometry_is_possible(flash) ? flash->slot_size - CEDE_JOURNAL_HEADER_LEN : 0;
}

static bool is_erased(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != ERASED) {
            return false;
        }
    }
    return true;
}

static unsigned other_slot(const struct cede_journal *journal)
{
    return journal->slot ^ 1U;
}

static enum cede_status check_of(const struct cede_journal *journal, struct cede_span bytes,
                                 uint8_t check[CHECK_LEN])
{
    return cede_hash(journal->crypto, CEDE_ALG_SHA_256_64, bytes, check);
}

/* --- loading ------------------------------------------------------------------------------------
 */

/* Fills `header`; a header that is not valid or not readable is no failure, its sequence is 0. */
static enum cede_status read_header(const struct cede_journal *journal, unsigned slot,
                                    struct header *header)
{
    const struct cede_flash *flash = journal->flash;
    uint8_t bytes[CEDE_JOURNAL_HEADER_LEN];
    struct cede_reader reader = cede_reader(CEDE_SPAN_ARRAY(bytes));
    uint8_t check[CHECK_LEN];
    uint32_t magic, version, sequence;

    enum cede_status status = flash->read(flash->context, slot, 0, CEDE_BUF_ARRAY(bytes));

    memset(header, 0, sizeof *header);
    if (status != CEDE_OK) {
        return status == CEDE_JOURNAL_FLASH ? CEDE_OK : status;
    }
    CEDE_TRY(check_of(journal, cede_span(bytes, sizeof bytes - CHECK_LEN), check));
    header->erased = is_erased(bytes, sizeof bytes);
    magic = cede_read_u32(&reader);
    version = cede_read_u32(&reader);
    sequence = cede_read_u32(&reader);
    header->payload_len = cede_read_u32(&reader);
    memcpy(header->payload_check, cede_read_bytes(&reader, CHECK_LEN).ptr, CHECK_LEN);
    if (magic == MAGIC && version == FORMAT_VERSION &&
        header->payload_len <= cede_journal_payload_max(flash) &&
        memcmp(check, cede_read_bytes(&reader, CHECK_LEN).ptr, CHECK_LEN) == 0) {
        header->sequence = sequence;
    }
    return CEDE_OK;
}

/* CEDE_JOURNAL_DAMAGED: the payload is not what its header says. */
static enum cede_status read_payload(const struct cede_journal *journal, unsigned slot,
                                     const struct header *header, struct cede_buf buf)
{
    const struct cede_flash *flash = journal->flash;
    uint8_t check[CHECK_LEN];
    enum cede_status status;

    if (header->sequence == 0) {
        return CEDE_JOURNAL_DAMAGED;
    }
    if (header->payload_len > buf.cap) {
        return CEDE_NO_SPACE;
    }
    status = flash->read(flash->context, slot, CEDE_JOURNAL_HEADER_LEN,
                         cede_buf(buf.ptr, header->payload_len));
    if (status != CEDE_OK) {
        return status == CEDE_JOURNAL_FLASH ? CEDE_JOURNAL_DAMAGED : status;
    }
    CEDE_TRY(check_of(journal, cede_span(buf.ptr, header->payload_len), check));
    return memcmp(check, header->payload_check, CHECK_LEN) == 0 ? CEDE_OK : CEDE_JOURNAL_DAMAGED;
}

/* Reads the record of the newest slot that is whole. */
static enum cede_status load_newest(struct cede_journal *journal, const struct header headers[2],
                                    struct cede_buf buf)
{
    unsigned newest = headers[1].sequence > headers[0].sequence ? 1 : 0;
    enum cede_status status = read_payload(journal, newest, &headers[newest], buf);

    journal->slot = newest;
    if (status == CEDE_JOURNAL_DAMAGED) {
        journal->slot = newest ^ 1U;
        journal->rolled_back = headers[newest].sequence != 0;
        status = read_payload(journal, journal->slot, &headers[journal->slot], buf);
    }
    return status;
}

static void begin(struct cede_journal *journal, const struct cede_flash *flash,
                  const struct cede_crypto *crypto)
{
    memset(journal, 0, sizeof *journal);
    journal->flash = flash;
    journal->crypto = crypto;
    journal->slot = CEDE_JOURNAL_SLOT_COUNT - 1; /* so that a first commit goes into slot 0 */
}

enum cede_status cede_journal_load(struct cede_journal *journal, const struct cede_flash *flash,
                                   const struct cede_crypto *crypto, struct cede_buf buf,
                                   struct cede_span *payload)
{
    struct header headers[CEDE_JOURNAL_SLOT_COUNT];
    enum cede_status status;

    *payload = CEDE_SPAN_NULL;
    begin(journal, flash, crypto);
    if (!geometry_is_possible(flash)) {
        return CEDE_BAD_ARGUMENT;
    }
    for (unsigned slot = 0; slot < CEDE_JOURNAL_SLOT_COUNT; slot++) {
        CEDE_TRY(read_header(journal, slot, &headers[slot]));
    }
    if (headers[0].erased && headers[1].erased) {
        journal->loaded = true;
        return CEDE_JOURNAL_BLANK;
    }
    status = load_newest(journal, headers, buf);
    if (status != CEDE_OK) {
        cede_wipe(buf.ptr, buf.cap);
        return status;
    }
    journal->sequence = headers[journal->slot].sequence;
    journal->loaded = true;
    *payload = cede_span(buf.ptr, headers[journal->slot].payload_len);
    return CEDE_OK;
}

/* --- committing ---------------------------------------------------------------------------------
 */

/* Compares what a slot holds with `wanted`; a null `wanted.ptr` stands for erased bytes. */
static enum cede_status read_back(const struct cede_flash *flash, unsigned slot, size_t offset,
                                  struct cede_span wanted)
{
    uint8_t chunk[CHUNK_LEN];
    enum cede_status status = CEDE_OK;

    for (size_t done = 0; done < wanted.len && status == CEDE_OK; done += CHUNK_LEN) {
        size_t len = wanted.len - done < CHUNK_LEN ? wanted.len - done : CHUNK_LEN;

        status = flash->read(flash->context, slot, offset + done, cede_buf(chunk, len));
        if (status == CEDE_OK &&
            !(wanted.ptr == NULL ? is_erased(chunk, len)
                                 : memcmp(chunk, wanted.ptr + done, len) == 0)) {
            status = CEDE_JOURNAL_FLASH;
        }
    }
    cede_wipe(chunk, sizeof chunk);
    return status;
}

static enum cede_status check_blank(const struct cede_flash *flash, unsigned slot)
{
    return read_back(flash, slot, 0, cede_span(NULL, flash->slot_size));
}

/* Erases a slot unless it is blank already, and makes sure. */
static enum cede_status blank_slot(const struct cede_flash *flash, unsigned slot)
{
    enum cede_status status = check_blank(flash, slot);

    if (status != CEDE_JOURNAL_FLASH) {
        return status;
    }
    CEDE_TRY(flash->erase(flash->context, slot));
    return check_blank(flash, slot);
}

/* Writes whole units, the last one filled up with zeros, and reads back. */
static enum cede_status write_checked(const struct cede_flash *flash, unsigned slot, size_t offset,
                                      struct cede_span bytes)
{
    uint8_t last[CEDE_JOURNAL_UNIT_MAX] = {0};
    size_t last_len = bytes.len % flash->write_size;
    size_t whole_len = bytes.len - last_len;
    enum cede_status status = CEDE_OK;

    if (whole_len > 0) {
        status = flash->write(flash->context, slot, offset, cede_span(bytes.ptr, whole_len));
    }
    if (status == CEDE_OK && last_len > 0) {
        memcpy(last, bytes.ptr + whole_len, last_len);
        status = flash->write(flash->context, slot, offset + whole_len,
                              cede_span(last, flash->write_size));
    }
    cede_wipe(last, sizeof last);
    return status == CEDE_OK ? read_back(flash, slot, offset, bytes) : status;
}

static enum cede_status make_header(const struct cede_journal *journal, uint32_t sequence,
                                    struct cede_span payload,
                                    uint8_t bytes[CEDE_JOURNAL_HEADER_LEN])
{
    struct cede_writer writer = cede_writer(cede_buf(bytes, CEDE_JOURNAL_HEADER_LEN));
    uint8_t check[CHECK_LEN];
    struct cede_span written;

    CEDE_TRY(check_of(journal, payload, check));
    cede_write_u32(&writer, MAGIC);
    cede_write_u32(&writer, FORMAT_VERSION);
    cede_write_u32(&writer, sequence);
    cede_write_u32(&writer, (uint32_t)payload.len);
    cede_write_bytes(&writer, CEDE_SPAN_ARRAY(check));
    CEDE_TRY(check_of(journal, cede_written(&writer), check));
    cede_write_bytes(&writer, CEDE_SPAN_ARRAY(check));
    return cede_writer_finish(&writer, &written);
}

enum cede_status cede_journal_commit(struct cede_journal *journal, struct cede_span payload)
{
    const struct cede_flash *flash = journal->flash;
    uint8_t header[CEDE_JOURNAL_HEADER_LEN];
    unsigned slot = other_slot(journal);

    if (!journal->loaded) {
        return CEDE_BAD_ARGUMENT;
    }
    if (payload.len > cede_journal_payload_max(flash) || journal->sequence == UINT32_MAX) {
        return CEDE_JOURNAL_FULL;
    }
    CEDE_TRY(make_header(journal, journal->sequence + 1, payload, header));
    journal->loaded = false;
    /* Always erased, also when blank: an erasure cut short may read blank and not last. */
    CEDE_TRY(flash->erase(flash->context, slot));
    CEDE_TRY(check_blank(flash, slot));
    CEDE_TRY(write_checked(flash, slot, CEDE_JOURNAL_HEADER_LEN, payload));
    CEDE_TRY(write_checked(flash, slot, 0, CEDE_SPAN_ARRAY(header)));
    journal->sequence++;
    journal->slot = slot;
    journal->rolled_back = false;
    journal->loaded = true;
    return CEDE_OK;
}

enum cede_status cede_journal_scrub(struct cede_journal *journal)
{
    if (!journal->loaded) {
        return CEDE_BAD_ARGUMENT;
    }
    journal->loaded = false;
    CEDE_TRY(blank_slot(journal->flash, other_slot(journal)));
    journal->loaded = true;
    return CEDE_OK;
}

enum cede_status cede_journal_format(struct cede_journal *journal, const struct cede_flash *flash,
                                     const struct cede_crypto *crypto)
{
    begin(journal, flash, crypto);
    if (!geometry_is_possible(flash)) {
        return CEDE_BAD_ARGUMENT;
    }
    for (unsigned slot = 0; slot < CEDE_JOURNAL_SLOT_COUNT; slot++) {
        CEDE_TRY(flash->erase(flash->context, slot));
        CEDE_TRY(check_blank(flash, slot));
    }
    journal->loaded = true;
    return CEDE_OK;
}
