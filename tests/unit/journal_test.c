/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal_test.c - the journal over a simulated flash whose power fails at every single step.
 *
 * A step is one write unit or a sixteenth of an erasure. The step that is cut leaves anything
 * behind: nothing, all, or garbage. The flash checks that the journal keeps flash's rules: aligned
 * whole units, erased before written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cede/journal.h"
#include "hex.h"

#define SLOT_SIZE   512
#define ERASE_STEPS 16
#define NEVER       SIZE_MAX

struct sim {
    uint8_t slots[2][SLOT_SIZE];
    size_t steps_left; /* until the power fails */
    bool off;
    size_t steps; /* done so far */
    size_t erasures;
    uint32_t random;
    bool stuck;             /* writes and erasures change nothing */
    bool unreadable_header; /* of slot 0: error correction gives up */
    struct cede_flash flash;
};

static uint8_t sim_random(struct sim *sim)
{
    sim->random = sim->random * 1664525 + 1013904223;
    return (uint8_t)(sim->random >> 24);
}

/* True when the power holds for one more step. */
static bool sim_step(struct sim *sim)
{
    if (sim->off || sim->steps_left == 0) {
        return false;
    }
    if (sim->steps_left != NEVER) {
        sim->steps_left--;
    }
    sim->steps++;
    return true;
}

/* The power fails while `bytes` are to become `wanted` (null: erased): some do, some do not, some
 * become anything. */
static enum cede_status sim_cut(struct sim *sim, uint8_t *bytes, const uint8_t *wanted, size_t len)
{
    uint8_t kind = sim_random(sim) % 4;

    for (size_t i = 0; !sim->off && i < len; i++) {
        uint8_t how = kind < 2 ? kind : sim_random(sim) % 3;
        if (how == 1) {
            bytes[i] = wanted != NULL ? wanted[i] : 0xff;
        } else if (how == 2) {
            bytes[i] = sim_random(sim);
        }
    }
    sim->off = true;
    return CEDE_JOURNAL_FLASH;
}

static enum cede_status sim_read(void *context, unsigned slot, size_t offset, struct cede_buf buf)
{
    struct sim *sim = context;

    assert_true(slot < 2 && offset <= SLOT_SIZE && buf.cap <= SLOT_SIZE - offset);
    if (sim->off) {
        return CEDE_INTERNAL;
    }
    if (sim->unreadable_header && slot == 0 && offset < CEDE_JOURNAL_HEADER_LEN) {
        return CEDE_JOURNAL_FLASH;
    }
    memcpy(buf.ptr, sim->slots[slot] + offset, buf.cap);
    return CEDE_OK;
}

static enum cede_status sim_erase(void *context, unsigned slot)
{
    struct sim *sim = context;
    size_t part = SLOT_SIZE / ERASE_STEPS;

    assert_true(slot < 2);
    sim->erasures++;
    for (size_t i = 0; i < ERASE_STEPS; i++) {
        if (!sim_step(sim)) {
            return sim_cut(sim, sim->slots[slot] + i * part, NULL, part);
        }
        if (!sim->stuck) {
            memset(sim->slots[slot] + i * part, 0xff, part);
        }
    }
    return CEDE_OK;
}

static enum cede_status sim_write(void *context, unsigned slot, size_t offset,
                                  struct cede_span bytes)
{
    struct sim *sim = context;
    size_t unit = sim->flash.write_size;

    assert_true(slot < 2 && offset <= SLOT_SIZE && bytes.len <= SLOT_SIZE - offset);
    assert_true(offset % unit == 0 && bytes.len % unit == 0);
    for (size_t at = 0; at < bytes.len; at += unit) {
        uint8_t *to = sim->slots[slot] + offset + at;
        if (!sim_step(sim)) {
            return sim_cut(sim, to, bytes.ptr + at, unit);
        }
        for (size_t i = 0; i < unit; i++) {
            assert_int_equal(to[i], 0xff);
            to[i] = sim->stuck ? to[i] : bytes.ptr[at + i];
        }
    }
    return CEDE_OK;
}

static void sim_begin(struct sim *sim, size_t unit, uint32_t seed)
{
    memset(sim, 0, sizeof *sim);
    memset(sim->slots, 0xff, sizeof sim->slots);
    sim->steps_left = NEVER;
    sim->random = seed;
    sim->flash = (struct cede_flash){sim, SLOT_SIZE, unit, sim_read, sim_erase, sim_write};
}

static void sim_power_on(struct sim *sim)
{
    sim->off = false;
    sim->steps_left = NEVER;
}

/* A record of `len` times the letter. */
struct record {
    uint8_t bytes[SLOT_SIZE];
    struct cede_span span;
};

static struct cede_span record(struct record *record, char letter, size_t len)
{
    memset(record->bytes, letter, sizeof record->bytes);
    record->span = cede_span(record->bytes, len);
    return record->span;
}

static enum cede_status load(struct cede_journal *journal, struct sim *sim, uint8_t *buf,
                             struct cede_span *payload)
{
    return cede_journal_load(journal, &sim->flash, cede_crypto_openssl(), cede_buf(buf, SLOT_SIZE),
                             payload);
}

/* Loads and demands one of two records; true when it is the second. */
static bool load_one_of(struct cede_journal *journal, struct sim *sim, const struct record *first,
                        const struct record *second)
{
    uint8_t buf[SLOT_SIZE];
    struct cede_span payload;

    assert_int_equal(load(journal, sim, buf, &payload), CEDE_OK);
    assert_false(journal->rolled_back);
    assert_true(cede_span_equal(payload, first->span) || cede_span_equal(payload, second->span));
    return cede_span_equal(payload, second->span);
}

static bool flash_contains(const struct sim *sim, char letter, size_t run)
{
    const uint8_t *bytes = sim->slots[0];
    size_t seen = 0;

    for (size_t i = 0; i < sizeof sim->slots; i++) {
        seen = bytes[i] == (uint8_t)letter ? seen + 1 : 0;
        if (seen >= run) {
            return true;
        }
    }
    return false;
}

/* A journal that has been through `a` and now holds `b`. */
static void prepare(struct cede_journal *journal, struct sim *sim, size_t unit, uint32_t seed,
                    struct cede_span a, struct cede_span b)
{
    uint8_t buf[SLOT_SIZE];
    struct cede_span payload;

    sim_begin(sim, unit, seed);
    assert_int_equal(load(journal, sim, buf, &payload), CEDE_JOURNAL_BLANK);
    assert_int_equal(cede_journal_commit(journal, a), CEDE_OK);
    assert_int_equal(cede_journal_commit(journal, b), CEDE_OK);
}

/* --- the ordinary -------------------------------------------------------------------------------
 */

static void a_blank_flash_takes_a_first_record(void **state)
{
    struct sim sim;
    struct cede_journal journal;
    struct record a;
    struct cede_span payload;
    uint8_t buf[SLOT_SIZE];

    (void)state;
    sim_begin(&sim, 8, 1);
    assert_int_equal(load(&journal, &sim, buf, &payload), CEDE_JOURNAL_BLANK);
    assert_null(payload.ptr);
    assert_int_equal(cede_journal_commit(&journal, record(&a, 'a', 100)), CEDE_OK);
    assert_int_equal(load(&journal, &sim, buf, &payload), CEDE_OK);
    assert_true(cede_span_equal(payload, a.span));
    assert_int_equal(journal.sequence, 1);
}

static void records_of_every_length_come_back(void **state)
{
    static const size_t units[] = {1, 2, 4, 8, 16, 32};
    struct sim sim;
    struct cede_journal journal;
    struct record r;
    struct cede_span payload;
    uint8_t buf[SLOT_SIZE];

    (void)state;
    for (size_t u = 0; u < 6; u++) {
        sim_begin(&sim, units[u], 1);
        assert_int_equal(load(&journal, &sim, buf, &payload), CEDE_JOURNAL_BLANK);
        for (size_t len = 0; len <= cede_journal_payload_max(&sim.flash); len += 13) {
            assert_int_equal(cede_journal_commit(&journal, record(&r, (char)len, len)), CEDE_OK);
            assert_int_equal(load(&journal, &sim, buf, &payload), CEDE_OK);
            assert_int_equal(payload.len, len);
            assert_memory_equal(payload.ptr, r.bytes, len);
        }
    }
}

static void what_does_not_fit_is_refused(void **state)
{
    struct sim sim;
    struct cede_journal journal;
    struct record a, b;
    struct cede_span payload;
    uint8_t buf[SLOT_SIZE];

    (void)state;
    prepare(&journal, &sim, 8, 1, record(&a, 'a', 10), record(&b, 'b', 100));
    assert_int_equal(cede_journal_payload_max(&sim.flash), SLOT_SIZE - 32);
    assert_int_equal(cede_journal_commit(&journal, cede_span(a.bytes, SLOT_SIZE - 31)),
                     CEDE_JOURNAL_FULL);
    journal.sequence = UINT32_MAX;
    assert_int_equal(cede_journal_commit(&journal, a.span), CEDE_JOURNAL_FULL);
    assert_true(load_one_of(&journal, &sim, &a, &b)); /* nothing changed */
    assert_int_equal(
        cede_journal_load(&journal, &sim.flash, cede_crypto_openssl(), cede_buf(buf, 99), &payload),
        CEDE_NO_SPACE);
    assert_null(payload.ptr);
    assert_int_equal(cede_journal_commit(&journal, a.span), CEDE_BAD_ARGUMENT);
    assert_int_equal(cede_journal_scrub(&journal), CEDE_BAD_ARGUMENT);
}

static void impossible_geometries_are_refused(void **state)
{
    static const struct {
        size_t slot_size, write_size;
    } bad[] = {{512, 0}, {512, 3}, {512, 64}, {32, 8}, {510, 4}};
    struct sim sim;
    struct cede_journal journal;
    struct cede_span payload;
    uint8_t buf[SLOT_SIZE];

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        sim_begin(&sim, bad[i].write_size, 1);
        sim.flash.slot_size = bad[i].slot_size;
        assert_int_equal(load(&journal, &sim, buf, &payload), CEDE_BAD_ARGUMENT);
        assert_int_equal(cede_journal_format(&journal, &sim.flash, cede_crypto_openssl()),
                         CEDE_BAD_ARGUMENT);
        assert_int_equal(cede_journal_payload_max(&sim.flash), 0);
    }
}

/* --- power cuts ---------------------------------------------------------------------------------
 */

static void a_cut_commit_leaves_the_old_or_the_new_record(void **state)
{
    static const struct {
        size_t unit, old_len, new_len;
    } cases[] = {{1, 70, 50}, {4, 200, 301}, {8, 33, 480}, {32, 480, 5}, {16, 20, 0}};
    bool seen_old = false, seen_new = false;

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        bool finished = false;
        for (size_t cut = 0; !finished; cut++) {
            for (uint32_t seed = 1; seed <= 6; seed++) {
                struct sim sim;
                struct cede_journal journal;
                struct record a, b, c, d;
                bool is_new, is_d;
                enum cede_status again;
                prepare(&journal, &sim, cases[i].unit, seed * 7919 + (uint32_t)cut,
                        record(&a, 'a', 90), record(&b, 'b', cases[i].old_len));
                record(&c, 'c', cases[i].new_len);
                sim.steps_left = cut;
                finished = cede_journal_commit(&journal, c.span) == CEDE_OK;
                assert_int_equal(journal.loaded, finished);
                sim_power_on(&sim);
                is_new = load_one_of(&journal, &sim, &b, &c);
                assert_true(is_new || !finished);
                seen_old = seen_old || !is_new;
                seen_new = seen_new || (is_new && !finished);
                /* Life goes on: a second cut at the same step, then a commit that holds. */
                record(&d, 'd', 60);
                sim.steps_left = cut / 2;
                again = cede_journal_commit(&journal, d.span);
                sim_power_on(&sim);
                is_d = load_one_of(&journal, &sim, is_new ? &c : &b, &d);
                assert_true(is_d || again != CEDE_OK);
                assert_int_equal(cede_journal_commit(&journal, d.span), CEDE_OK);
                assert_true(load_one_of(&journal, &sim, &b, &d));
            }
        }
    }
    assert_true(seen_old);
    assert_true(seen_new); /* cut in the very last unit, which was written whole all the same */
}

/* The first commit ever: nothing, a formatting away from nothing, or the record. */
static void a_cut_first_commit_leaves_no_half_record(void **state)
{
    bool finished = false;

    (void)state;
    for (size_t cut = 0; !finished; cut++) {
        for (uint32_t seed = 1; seed <= 6; seed++) {
            struct sim sim;
            struct cede_journal journal;
            struct record a;
            struct cede_span payload;
            uint8_t buf[SLOT_SIZE];
            enum cede_status status;
            sim_begin(&sim, 8, seed * 7919 + (uint32_t)cut);
            assert_int_equal(load(&journal, &sim, buf, &payload), CEDE_JOURNAL_BLANK);
            record(&a, 'a', 77);
            sim.steps_left = cut;
            finished = cede_journal_commit(&journal, a.span) == CEDE_OK;
            sim_power_on(&sim);
            status = load(&journal, &sim, buf, &payload);
            if (status == CEDE_OK) {
                assert_true(cede_span_equal(payload, a.span));
                continue;
            }
            assert_false(finished);
            assert_null(payload.ptr);
            if (status == CEDE_JOURNAL_DAMAGED) {
                assert_int_equal(cede_journal_commit(&journal, a.span), CEDE_BAD_ARGUMENT);
                assert_int_equal(cede_journal_format(&journal, &sim.flash, cede_crypto_openssl()),
                                 CEDE_OK);
            } else {
                assert_int_equal(status, CEDE_JOURNAL_BLANK);
            }
            assert_int_equal(cede_journal_commit(&journal, a.span), CEDE_OK);
        }
    }
}

static void a_cut_scrub_keeps_the_record_and_is_repeated(void **state)
{
    bool finished = false;

    (void)state;
    for (size_t cut = 0; !finished; cut++) {
        for (uint32_t seed = 1; seed <= 6; seed++) {
            struct sim sim;
            struct cede_journal journal;
            struct record secret, b;
            prepare(&journal, &sim, 8, seed * 7919 + (uint32_t)cut, record(&secret, 's', 400),
                    record(&b, 'b', 30));
            assert_true(flash_contains(&sim, 's', 400)); /* a commit alone does not remove it */
            sim.steps_left = cut;
            finished = cede_journal_scrub(&journal) == CEDE_OK;
            sim_power_on(&sim);
            assert_true(load_one_of(&journal, &sim, &secret, &b));
            assert_int_equal(cede_journal_scrub(&journal), CEDE_OK);
            assert_false(flash_contains(&sim, 's', 4));
            assert_true(load_one_of(&journal, &sim, &secret, &b));
        }
    }
}

static void scrubbing_a_blank_slot_costs_nothing(void **state)
{
    struct sim sim;
    struct cede_journal journal;
    struct record a, b;
    size_t erasures;

    (void)state;
    prepare(&journal, &sim, 8, 1, record(&a, 'a', 100), record(&b, 'b', 100));
    erasures = sim.erasures;
    assert_int_equal(cede_journal_scrub(&journal), CEDE_OK);
    assert_int_equal(sim.erasures, erasures + 1);
    assert_int_equal(cede_journal_scrub(&journal), CEDE_OK);
    assert_int_equal(sim.erasures, erasures + 1);
    /* One byte left at the far end is found. */
    sim.slots[journal.slot ^ 1][SLOT_SIZE - 1] = 0;
    assert_int_equal(cede_journal_scrub(&journal), CEDE_OK);
    assert_int_equal(sim.erasures, erasures + 2);
}

static void committing_twice_removes_the_former_record(void **state)
{
    struct sim sim;
    struct cede_journal journal;
    struct record secret, b;

    (void)state;
    prepare(&journal, &sim, 8, 1, record(&secret, 's', 400), record(&b, 'b', 30));
    assert_int_equal(cede_journal_commit(&journal, b.span), CEDE_OK);
    assert_false(flash_contains(&sim, 's', 4));
}

/* --- flash that fails ---------------------------------------------------------------------------
 */

static void a_flash_that_does_not_keep_writes_is_noticed(void **state)
{
    struct sim sim;
    struct cede_journal journal;
    struct record a, b;

    (void)state;
    prepare(&journal, &sim, 8, 1, record(&a, 'a', 100), record(&b, 'b', 100));
    sim.stuck = true;
    assert_int_equal(cede_journal_commit(&journal, a.span), CEDE_JOURNAL_FLASH);
    assert_int_equal(cede_journal_commit(&journal, a.span), CEDE_BAD_ARGUMENT);
    assert_true(load_one_of(&journal, &sim, &a, &b));
}

static void a_scrub_that_leaves_bytes_fails(void **state)
{
    struct sim sim;
    struct cede_journal journal;
    struct record a, b;

    (void)state;
    prepare(&journal, &sim, 8, 1, record(&a, 'a', 100), record(&b, 'b', 100));
    sim.stuck = true;
    assert_int_equal(cede_journal_scrub(&journal), CEDE_JOURNAL_FLASH);
    assert_false(journal.loaded);
    assert_int_equal(cede_journal_format(&journal, &sim.flash, cede_crypto_openssl()),
                     CEDE_JOURNAL_FLASH);
    assert_true(load_one_of(&journal, &sim, &a, &b));
}

/* A flash whose erasure works and whose writes do not. */
static enum cede_status write_nothing(void *context, unsigned slot, size_t offset,
                                      struct cede_span bytes)
{
    (void)context;
    (void)slot;
    (void)offset;
    (void)bytes;
    return CEDE_OK;
}

static void a_flash_that_writes_nothing_is_noticed(void **state)
{
    struct sim sim;
    struct cede_journal journal;
    struct record a, b;

    (void)state;
    prepare(&journal, &sim, 8, 1, record(&a, 'a', 100), record(&b, 'b', 100));
    sim.flash.write = write_nothing;
    assert_int_equal(cede_journal_commit(&journal, a.span), CEDE_JOURNAL_FLASH);
    assert_true(load_one_of(&journal, &sim, &a, &b));
}

/* Flips each bit that matters, in the newest or in the older slot. */
static void flipped_bits_never_make_a_record(void **state)
{
    struct sim sim;
    struct cede_journal journal;
    struct record a, b;
    size_t rolled_back = 0, used = 32 + 40;

    (void)state;
    prepare(&journal, &sim, 8, 1, record(&a, 'a', 40), record(&b, 'b', 40));
    for (size_t bit = 0; bit < 2 * 8 * used; bit++) {
        unsigned slot = bit < 8 * used ? 0 : 1;
        uint8_t *byte = &sim.slots[slot][bit % (8 * used) / 8], buf[SLOT_SIZE];
        struct cede_span payload;
        *byte ^= (uint8_t)(1U << bit % 8);
        assert_int_equal(load(&journal, &sim, buf, &payload), CEDE_OK);
        assert_true(cede_span_equal(payload, slot == 0 ? b.span : a.span));
        rolled_back += journal.rolled_back;
        *byte ^= (uint8_t)(1U << bit % 8);
    }
    /* Only damage to the newest payload below a whole header can be told from a cut commit. */
    assert_int_equal(rolled_back, 8 * 40);
    assert_true(load_one_of(&journal, &sim, &a, &b));
}

static void damage_with_no_other_record_is_reported(void **state)
{
    struct sim sim;
    struct cede_journal journal;
    struct record a, b;
    struct cede_span payload;
    uint8_t buf[SLOT_SIZE];

    (void)state;
    prepare(&journal, &sim, 8, 1, record(&a, 'a', 40), record(&b, 'b', 40));
    assert_int_equal(cede_journal_scrub(&journal), CEDE_OK);
    sim.slots[journal.slot][40] ^= 1;
    assert_int_equal(load(&journal, &sim, buf, &payload), CEDE_JOURNAL_DAMAGED);
    assert_null(payload.ptr);
    assert_false(journal.loaded);
    for (size_t i = 0; i < sizeof buf; i++) {
        assert_int_equal(buf[i], 0); /* nothing of the damaged record is handed out */
    }
}

static void an_unreadable_slot_counts_as_damaged(void **state)
{
    struct sim sim;
    struct cede_journal journal;
    struct record a, b;
    struct cede_span payload;
    uint8_t buf[SLOT_SIZE];

    (void)state;
    prepare(&journal, &sim, 8, 1, record(&a, 'a', 40), record(&b, 'b', 40));
    sim.unreadable_header = true;
    assert_true(load_one_of(&journal, &sim, &a, &b)); /* b is in slot 1 */
    memset(sim.slots[1], 0xff, SLOT_SIZE);
    assert_int_equal(load(&journal, &sim, buf, &payload), CEDE_JOURNAL_DAMAGED);
    sim.off = true;
    assert_int_equal(load(&journal, &sim, buf, &payload), CEDE_INTERNAL);
}

static void other_formats_are_not_taken(void **state)
{
    struct sim sim;
    struct cede_journal journal;
    struct record a, b;
    uint8_t buf[SLOT_SIZE], check[8];
    struct cede_span payload;

    (void)state;
    prepare(&journal, &sim, 8, 1, record(&a, 'a', 40), record(&b, 'b', 40));
    for (unsigned slot = 0; slot < 2; slot++) { /* version 2, otherwise whole */
        sim.slots[slot][7] = 2;
        assert_int_equal(cede_hash(cede_crypto_openssl(), CEDE_ALG_SHA_256_64,
                                   cede_span(sim.slots[slot], 24), check),
                         CEDE_OK);
        memcpy(sim.slots[slot] + 24, check, 8);
    }
    assert_int_equal(load(&journal, &sim, buf, &payload), CEDE_JOURNAL_DAMAGED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_blank_flash_takes_a_first_record),
        cmocka_unit_test(records_of_every_length_come_back),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(impossible_geometries_are_refused),
        cmocka_unit_test(a_cut_commit_leaves_the_old_or_the_new_record),
        cmocka_unit_test(a_cut_first_commit_leaves_no_half_record),
        cmocka_unit_test(a_cut_scrub_keeps_the_record_and_is_repeated),
        cmocka_unit_test(scrubbing_a_blank_slot_costs_nothing),
        cmocka_unit_test(committing_twice_removes_the_former_record),
        cmocka_unit_test(a_flash_that_does_not_keep_writes_is_noticed),
        cmocka_unit_test(a_scrub_that_leaves_bytes_fails),
        cmocka_unit_test(a_flash_that_writes_nothing_is_noticed),
        cmocka_unit_test(flipped_bits_never_make_a_record),
        cmocka_unit_test(damage_with_no_other_record_is_reported),
        cmocka_unit_test(an_unreadable_slot_counts_as_damaged),
        cmocka_unit_test(other_formats_are_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
