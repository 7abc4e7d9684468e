/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal.h - one record in non-volatile memory that is replaced whole or not at all.
 *
 * Place: device; below the life-cycle, above the flash port. The payload is opaque here.
 * Use: cede_journal_load() at each start, cede_journal_commit() for each transition,
 *      cede_journal_scrub() where the former record must be gone for good. In the factory, on
 *      CEDE_JOURNAL_DAMAGED, cede_journal_format().
 *
 * Two slots take turns. A slot is a header of 32 bytes and the payload; the header is written
 * last, so a slot is valid only when all of it is there, and the record before stays valid in the
 * other slot meanwhile. The valid slot with the highest sequence number is the record.
 *
 *   commit   erase the other slot, write payload, read it back, write header, read it back
 *   cut anywhere before the last header byte: the old record; from there on: the new record
 *
 * Secrets in the former record survive a commit, in the slot now stale, until the next commit or
 * scrub. So a state that promises "the old keys are gone" is reached in two steps: commit the new
 * record, then scrub; and since power may fail between the two, or half-way through the erasure
 * (which may take the header and leave payload behind), a device in such a state scrubs again at
 * every start before it acts on the promise. A scrub of a slot that reads blank throughout writes
 * nothing, so this costs no wear. Committing the same payload a second time also removes the
 * former record, and leaves a spare copy instead of a blank slot.
 *
 * Assumed of the flash: erasing makes every byte 0xff; a power cut harms only the unit being
 * written or the slot being erased; what has once read back right stays right. Bits that decay
 * later are found by checksum: see `rolled_back`.
 *
 * Memory: no heap; stack below 500 bytes on a 64-bit machine, and what the port needs for a hash.
 * Threads: one journal, one caller.
 * Errors: state for a journal that is blank or not loaded, back end for the flash, space.
 */
#ifndef CEDE_JOURNAL_H
#define CEDE_JOURNAL_H

#include "cede/crypto.h"

#define CEDE_JOURNAL_SLOT_COUNT 2
#define CEDE_JOURNAL_HEADER_LEN 32
/* A write unit divides the header, so units are 1, 2, 4, 8, 16 or 32 bytes. */
#define CEDE_JOURNAL_UNIT_MAX 32

/* The flash port: two slots of `slot_size` bytes, each erased as a whole. */
struct cede_flash {
    void *context;
    size_t slot_size;  /* bytes, a multiple of write_size */
    size_t write_size; /* bytes; writes are aligned to it and whole numbers of it */

    /* CEDE_JOURNAL_FLASH: these bytes cannot be read (a memory with error correction may say so of
     * a torn write); they count as damaged. Any other failure ends the journal's operation. */
    enum cede_status (*read)(void *context, unsigned slot, size_t offset, struct cede_buf buf);
    /* Every byte of the slot reads 0xff afterwards. */
    enum cede_status (*erase)(void *context, unsigned slot);
    /* The bytes have been erased and not yet written. They are durable on return. */
    enum cede_status (*write)(void *context, unsigned slot, size_t offset, struct cede_span bytes);
};

struct cede_journal {
    const struct cede_flash *flash;
    const struct cede_crypto *crypto;
    uint32_t sequence; /* of the present record; 0 when there is none yet */
    unsigned slot;     /* that holds the present record */
    bool loaded;       /* commits are possible; false after a failed commit or scrub */
    /* The slot with the highest sequence number has a whole header but a damaged payload, and the
     * record is the one before. A power cut cannot do this: the memory decays. */
    bool rolled_back;
};

/* The largest payload this flash takes. */
size_t cede_journal_payload_max(const struct cede_flash *flash);

/* Finds the present record; *payload lies in `buf`. `flash` and `crypto` must outlive `journal`.
 * CEDE_JOURNAL_BLANK: nothing was ever committed (or the very first commit was cut before its
 * header); the journal is loaded and ready for a first commit.
 * CEDE_JOURNAL_DAMAGED: something is there, but no slot is valid; not loaded. A very first commit
 * that was cut inside its header looks like this, too: the factory formats and starts again.
 * CEDE_NO_SPACE: `buf` cannot hold the record. CEDE_BAD_ARGUMENT: an impossible flash geometry.
 * Any other failure comes from the flash or crypto port. */
CEDE_MUST_USE enum cede_status cede_journal_load(struct cede_journal *journal,
                                                 const struct cede_flash *flash,
                                                 const struct cede_crypto *crypto,
                                                 struct cede_buf buf, struct cede_span *payload);

/* Replaces the record. On CEDE_OK the new one is in place and durable. After a failure that began
 * to write, it is open which of the two holds: the journal is no longer loaded, load it again.
 * CEDE_JOURNAL_FULL: the payload exceeds cede_journal_payload_max(), or the sequence numbers are
 * used up; nothing changed. CEDE_JOURNAL_FLASH: what was written did not read back.
 * CEDE_BAD_ARGUMENT: not loaded. */
CEDE_MUST_USE enum cede_status cede_journal_commit(struct cede_journal *journal,
                                                   struct cede_span payload);

/* Makes sure that the slot without the present record is blank from end to end. May be repeated,
 * and must be at each start while the state depends on it. CEDE_JOURNAL_FLASH: it does not become
 * blank; nothing may be built on the former record being gone. */
CEDE_MUST_USE enum cede_status cede_journal_scrub(struct cede_journal *journal);

/* Erases both slots: for the factory only. The journal is then loaded and blank. */
CEDE_MUST_USE enum cede_status cede_journal_format(struct cede_journal *journal,
                                                   const struct cede_flash *flash,
                                                   const struct cede_crypto *crypto);

#endif
