/* SPDX-License-Identifier: Apache-2.0 */
/* report.c - StatusReport and Answer: what device and update server say to each other. */
#include <string.h>

#include "codec/transfer/claims.h"

/* Keys of StatusReport. */
enum { STATE = 1, SEQ = 2, CTI = 3, REASON = 4 };
/* Keys of Answer. */
enum { COME_BACK = 1, TRUST_UPDATE = 2, TRANSFER = 3, COME_HOME = 4, WELCOME = 5 };

const char *cede_device_state_name(uint64_t state)
{
    static const char *const names[CEDE_DEVICE_STATE_COUNT] = {
        [CEDE_DEVICE_FACTORY] = "factory",
        [CEDE_DEVICE_ENROLLING] = "enrolling",
        [CEDE_DEVICE_OPERATIONAL] = "operational",
        [CEDE_DEVICE_ACCEPTED] = "accepted",
        [CEDE_DEVICE_RESET] = "reset",
        [CEDE_DEVICE_ATTESTING] = "attesting",
        [CEDE_DEVICE_UPDATING] = "updating",
        [CEDE_DEVICE_JOINING] = "joining",
        [CEDE_DEVICE_JOINED] = "joined",
        [CEDE_DEVICE_FALLBACK] = "fallback",
        [CEDE_DEVICE_HOMING] = "homing",
    };

    return state < CEDE_DEVICE_STATE_COUNT ? names[state] : "unknown";
}

void cede_status_report_encode(struct cede_writer *writer, const struct cede_status_report *report)
{
    cede_cbor_put_map(writer, 2u + (report->cti.ptr != NULL) + report->has_reason);
    cede_cbor_put_uint(writer, STATE);
    cede_cbor_put_uint(writer, (uint64_t)report->state);
    cede_cbor_put_uint(writer, SEQ);
    cede_cbor_put_uint(writer, report->seq);
    if (report->cti.ptr != NULL) {
        cede_cbor_put_uint(writer, CTI);
        put_sized(writer, report->cti, CEDE_CTI_LEN);
    }
    if (report->has_reason) {
        cede_cbor_put_uint(writer, REASON);
        cede_cbor_put_uint(writer, report->reason);
    }
}

static void read_report_member(struct cede_reader *reader, int64_t key,
                               struct cede_status_report *report)
{
    uint64_t state;

    switch (key) {
    case STATE:
        state = cede_cbor_get_uint(reader);
        if (state >= CEDE_DEVICE_STATE_COUNT) {
            cede_reader_fail(reader, CEDE_CBOR_RANGE);
            return;
        }
        report->state = (enum cede_device_state)state;
        break;
    case SEQ:
        report->seq = cede_cbor_get_uint(reader);
        break;
    case CTI:
        report->cti = get_sized(reader, CEDE_CTI_LEN);
        break;
    case REASON:
        report->reason = cede_cbor_get_uint(reader);
        report->has_reason = true;
        break;
    default:
        cede_reader_fail(reader, CEDE_CBOR_KEY);
        break;
    }
}

enum cede_status cede_status_report_decode(struct cede_span encoding,
                                           struct cede_status_report *report)
{
    struct cede_reader reader = cede_reader(encoding);
    struct cede_cbor_map map = cede_cbor_get_map(&reader, CEDE_CBOR_SORTED);
    struct cede_status_report read = {0};
    unsigned seen = 0;
    int64_t key;

    memset(report, 0, sizeof *report);
    while (cede_cbor_map_next_int(&reader, &map, &key)) {
        read_report_member(&reader, key, &read);
        seen |= key >= STATE && key <= REASON ? 1u << key : 0;
    }
    CEDE_TRY(cede_reader_finish(&reader));
    if ((seen & (1u << STATE)) == 0 || (seen & (1u << SEQ)) == 0) {
        return CEDE_CBOR_KEY;
    }
    *report = read;
    return CEDE_OK;
}

static void put_optional_bytes(struct cede_writer *writer, unsigned key, struct cede_span bytes)
{
    if (bytes.ptr != NULL) {
        cede_cbor_put_uint(writer, key);
        cede_cbor_put_bytes(writer, bytes);
    }
}

void cede_answer_encode(struct cede_writer *writer, const struct cede_answer *answer)
{
    cede_cbor_put_map(writer, 0u + answer->has_come_back + (answer->trust_update.ptr != NULL) +
                                  (answer->transfer.ptr != NULL) + (answer->come_home.ptr != NULL) +
                                  (answer->welcome.ptr != NULL));
    if (answer->has_come_back) {
        cede_cbor_put_uint(writer, COME_BACK);
        cede_cbor_put_uint(writer, answer->come_back_s);
    }
    put_optional_bytes(writer, TRUST_UPDATE, answer->trust_update);
    put_optional_bytes(writer, TRANSFER, answer->transfer);
    if (answer->come_home.ptr != NULL) {
        cede_cbor_put_uint(writer, COME_HOME);
        cede_cbor_put_text(writer, answer->come_home);
    }
    put_optional_bytes(writer, WELCOME, answer->welcome);
}

static void read_answer_member(struct cede_reader *reader, int64_t key, struct cede_answer *answer)
{
    switch (key) {
    case COME_BACK:
        answer->come_back_s = cede_cbor_get_uint(reader);
        answer->has_come_back = true;
        break;
    case TRUST_UPDATE:
        answer->trust_update = cede_cbor_get_bytes(reader);
        break;
    case TRANSFER:
        answer->transfer = cede_cbor_get_bytes(reader);
        break;
    case COME_HOME:
        answer->come_home = cede_cbor_get_text(reader);
        break;
    case WELCOME:
        answer->welcome = cede_cbor_get_bytes(reader);
        break;
    default:
        cede_reader_fail(reader, CEDE_CBOR_KEY);
        break;
    }
}

enum cede_status cede_answer_decode(struct cede_span encoding, struct cede_answer *answer)
{
    struct cede_reader reader = cede_reader(encoding);
    struct cede_cbor_map map = cede_cbor_get_map(&reader, CEDE_CBOR_SORTED);
    struct cede_answer read = {0};
    int64_t key;

    memset(answer, 0, sizeof *answer);
    while (cede_cbor_map_next_int(&reader, &map, &key)) {
        read_answer_member(&reader, key, &read);
    }
    CEDE_TRY(cede_reader_finish(&reader));
    *answer = read;
    return CEDE_OK;
}
