/* SPDX-License-Identifier: Apache-2.0 */
/* stats.c - writes the statistics as JSON. Every value is a number or a name without quotes in it,
 * so plain printing does. */
#include "device_agent/stats.h"

#include <stdio.h>
#include <stdlib.h>

#include "cede/posix.h"

static void print_costs(FILE *out, const struct cede_device_stats *stats)
{
    fputs("\"states\":{", out);
    for (unsigned state = 0; state < CEDE_DEVICE_STATE_COUNT; state++) {
        const struct cede_device_cost *cost = &stats->states[state];

        fprintf(out,
                "%s\"%s\":{\"bytes_sent\":%u,\"bytes_received\":%u,\"datagrams_sent\":%u,"
                "\"datagrams_received\":%u,\"round_trips\":%u,\"entered\":%u,\"time_ms\":%llu}",
                state > 0 ? "," : "", cede_device_state_name(state), cost->bytes_sent,
                cost->bytes_received, cost->datagrams_sent, cost->datagrams_received,
                cost->round_trips, cost->entered, (unsigned long long)cost->time_ms);
    }
    fputs("},", out);
}

static void print_lengths(FILE *out, const struct cede_device_stats *stats)
{
    fprintf(out, "\"edhoc_message_1\":%u,\"edhoc_message_2\":%u,\"edhoc_message_3\":%u,",
            stats->edhoc_message_1_len, stats->edhoc_message_2_len, stats->edhoc_message_3_len);
    fprintf(out, "\"enrolment_request\":%u,\"enrolment_answer\":%u,", stats->enrolment_request_len,
            stats->enrolment_answer_len);
    fprintf(out, "\"trust_update\":%u,\"transfer_message\":%u,", stats->trust_update_len,
            stats->transfer_message_len);
    fprintf(out, "\"handshakes\":%u,\"failures\":%u,\"refusals\":%u,\"commits\":%u}\n",
            stats->handshakes, stats->failures, stats->refusals, stats->commits);
}

const char *device_profile_name(const struct cede_device_record *record)
{
    struct cede_coap_uri uri;

    return cede_coap_uri_split(record->update_uri, &uri) == CEDE_OK && uri.secure ? "x509"
                                                                                  : "compact";
}

enum cede_status device_stats_write(const char *path, const struct cede_device_record *record,
                                    const struct cede_device_stats *stats)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    enum cede_status status;

    if (out == NULL) {
        return CEDE_FILE_FAILED;
    }
    fprintf(out, "{\"profile\":\"%s\",\"state\":\"%s\",\"seq\":%llu,", device_profile_name(record),
            cede_device_state_name(record->state), (unsigned long long)record->seq);
    print_costs(out, stats);
    print_lengths(out, stats);
    fclose(out);
    status = cede_file_write(path, 0600, cede_span((const uint8_t *)text, len));
    free(text);
    return status;
}
