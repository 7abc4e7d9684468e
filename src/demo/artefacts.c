/* SPDX-License-Identifier: Apache-2.0 */
/* artefacts.c - from the stores to files; the bytes are the very ones that were sent. */
#include "demo/artefacts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cede/posix.h"

#define PATH_MAX_LEN 1024

struct saving {
    struct sp *sp;
    const char *dir;  /* DIR/artefacts */
    const char *from; /* whose operational certificates these are: "sp1", "sp2" */
    int transfers;    /* saved so far */
};

static enum cede_status save(const char *dir, const char *name, struct cede_span bytes)
{
    char path[PATH_MAX_LEN];

    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path) {
        return CEDE_NO_SPACE;
    }
    return cede_file_write(path, 0600, bytes);
}

/* Of the second transfer and those after it, the names have a number in front. */
static enum cede_status save_document(const struct saving *saving, const struct transfer *transfer,
                                      int kind, const char *document)
{
    char name[64];
    uint8_t *bytes;
    size_t len;
    enum cede_status status = records_document(saving->sp->store, transfer->id, kind, &bytes, &len);

    if (saving->transfers > 1) {
        snprintf(name, sizeof name, "%d-%s", saving->transfers, document);
    } else {
        snprintf(name, sizeof name, "%s", document);
    }
    if (status == CEDE_OK) {
        status = save(saving->dir, name, cede_span(bytes, len));
        free(bytes);
    }
    return status == CEDE_NOT_FOUND ? CEDE_OK : status;
}

static enum cede_status save_move(void *context, const struct move *move)
{
    const struct saving *saving = context;
    uint8_t memory[2 * RECORD_ORDER_MAX];
    char name[RECORD_DEVICE_ID_MAX + 24];
    struct cede_span trust_update, message;

    CEDE_TRY(
        records_orders(saving->sp->store, move, CEDE_BUF_ARRAY(memory), &trust_update, &message));
    snprintf(name, sizeof name, "%s.trust-update", move->device);
    CEDE_TRY(save(saving->dir, name, trust_update));
    snprintf(name, sizeof name, "%s.transfer-message", move->device);
    return save(saving->dir, name, message);
}

static enum cede_status save_transfer(void *context, const struct transfer *transfer)
{
    struct saving *saving = context;
    int64_t batches = 0;
    char name[48];

    saving->transfers++;

    CEDE_TRY(save_document(saving, transfer, DOCUMENT_CONTRACT, "contract.jws"));
    CEDE_TRY(save_document(saving, transfer, DOCUMENT_OFFER, "transfer-offer"));
    CEDE_TRY(save_document(saving, transfer, DOCUMENT_TRUST, "transfer-offer-trust"));
    CEDE_TRY(records_batch_count(saving->sp->store, transfer->id, &batches));
    for (int batch = 1; batch <= batches; batch++) {
        snprintf(name, sizeof name, "device-update-info-%d.jws", batch);
        CEDE_TRY(save_document(saving, transfer, DOCUMENT_BATCH + batch, name));
    }
    return records_each_move(saving->sp->store, transfer->id, MOVE_DONE, false,
                             transfer->device_count, save_move, saving);
}

static enum cede_status save_device(void *context, const struct device *device)
{
    const struct saving *saving = context;
    uint8_t memory[RECORD_CERTIFICATE_MAX];
    char name[RECORD_DEVICE_ID_MAX + 32];
    struct cede_span raw;

    CEDE_TRY(
        records_factory_certificate(saving->sp->store, device->id, CEDE_BUF_ARRAY(memory), &raw));
    snprintf(name, sizeof name, "%s.factory.%s", device->id, device->x509 ? "der" : "c509");
    CEDE_TRY(save(saving->dir, name, raw));
    if (!device->has_operational) {
        return CEDE_OK;
    }
    CEDE_TRY(records_find_certificate(saving->sp->store,
                                      cede_span(device->operational_thumbprint, 32),
                                      CEDE_BUF_ARRAY(memory), &raw));
    snprintf(name, sizeof name, "%s.operational-%s.%s", device->id, saving->from,
             device->x509 ? "der" : "c509");
    return save(saving->dir, name, raw);
}

enum cede_status artefacts_save(const char *dir, struct sp *sp1, struct sp *sp2)
{
    char folder[PATH_MAX_LEN];
    struct saving from_sp1 = {sp1, folder, "sp1", 0};
    struct saving from_sp2 = {sp2, folder, "sp2", 0};

    snprintf(folder, sizeof folder, "%s/artefacts", dir);
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        return CEDE_FILE_FAILED;
    }
    CEDE_TRY(records_each_transfer(sp1->store, (enum transfer_state)0, save_transfer, &from_sp1));
    CEDE_TRY(records_each_device(sp1->store, save_device, &from_sp1));
    return records_each_device(sp2->store, save_device, &from_sp2);
}
