/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal.c - a journal over flash with any contents.
 * Input: the two slots, as far as they go; the rest is erased.
 */
#include "cede/journal.h"
#include "fuzz.h"

#define SLOT_SIZE 256

static uint8_t memory[CEDE_JOURNAL_SLOT_COUNT][SLOT_SIZE];

static enum cede_status flash_read(void *context, unsigned slot, size_t offset, struct cede_buf buf)
{
    (void)context;
    REQUIRE(slot < CEDE_JOURNAL_SLOT_COUNT && offset <= SLOT_SIZE && buf.cap <= SLOT_SIZE - offset);
    memcpy(buf.ptr, memory[slot] + offset, buf.cap);
    return CEDE_OK;
}

static enum cede_status flash_erase(void *context, unsigned slot)
{
    (void)context;
    REQUIRE(slot < CEDE_JOURNAL_SLOT_COUNT);
    memset(memory[slot], 0xff, SLOT_SIZE);
    return CEDE_OK;
}

static enum cede_status flash_write(void *context, unsigned slot, size_t offset,
                                    struct cede_span bytes)
{
    (void)context;
    REQUIRE(slot < CEDE_JOURNAL_SLOT_COUNT && offset <= SLOT_SIZE);
    REQUIRE(bytes.len <= SLOT_SIZE - offset && offset % 8 == 0 && bytes.len % 8 == 0);
    for (size_t i = 0; i < bytes.len; i++) {
        REQUIRE(memory[slot][offset + i] == 0xff);
        memory[slot][offset + i] = bytes.ptr[i];
    }
    return CEDE_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct cede_flash flash = {
        .slot_size = SLOT_SIZE,
        .write_size = 8,
        .read = flash_read,
        .erase = flash_erase,
        .write = flash_write,
    };
    static const uint8_t fresh[] = "the next record";
    uint8_t buf[SLOT_SIZE];
    struct cede_journal journal;
    struct cede_span payload;

    memset(memory, 0xff, sizeof memory);
    memcpy(memory, data, len < sizeof memory ? len : sizeof memory);
    if (cede_journal_load(&journal, &flash, fuzz_crypto(), CEDE_BUF_ARRAY(buf), &payload) ==
        CEDE_OK) {
        fuzz_inside(CEDE_SPAN_ARRAY(buf), payload);
    }
    if (!journal.loaded ||
        cede_journal_commit(&journal, CEDE_SPAN_ARRAY(fresh)) == CEDE_JOURNAL_FULL) {
        return 0;
    }
    /* Whatever was there before, what has been committed is what the next start finds. */
    REQUIRE(cede_journal_load(&journal, &flash, fuzz_crypto(), CEDE_BUF_ARRAY(buf), &payload) ==
            CEDE_OK);
    REQUIRE(cede_span_equal(payload, CEDE_SPAN_ARRAY(fresh)));
    REQUIRE(cede_journal_scrub(&journal) == CEDE_OK);
    return 0;
}
