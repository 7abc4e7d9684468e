/* SPDX-License-Identifier: Apache-2.0 */
/* partner_api.c - routes of the partners' door: each hands its body to the hand-over. */
#include "server/sp/partner_api.h"

#include <stdio.h>
#include <string.h>

#include "server/common/log.h"
#include "server/sp/hand_over.h"

#define CONTRACT_BODY_MAX 16384
#define BATCH_BODY_MAX    ((size_t)4 << 20)
#define OFFER_BODY_MAX    16384
#define RECEIPT_BODY_MAX  65536

typedef enum cede_status (*body_fn)(struct sp *sp, const char *partner, struct cede_span body,
                                    struct hand_over_detail *detail);

/* One request is a part of the turn's transaction: a failure takes back only its own changes. */
static enum cede_status run_part(struct sp *sp, body_fn run, const struct https_request *request,
                                 struct hand_over_detail *detail)
{
    enum cede_status status;

    CEDE_TRY(records_write(sp->store));
    CEDE_TRY(store_part_begin(sp->store));
    status = run(sp, request->partner, request->body, detail);
    if (status != CEDE_OK) {
        store_part_rollback(sp->store);
        return status;
    }
    return store_part_commit(sp->store);
}

/* The message will be no better next time. */
static bool is_final(enum cede_status status)
{
    switch (cede_status_class(status)) {
    case CEDE_CLASS_MALFORMED:
    case CEDE_CLASS_INVALID:
    case CEDE_CLASS_UNAUTHENTIC:
    case CEDE_CLASS_POLICY:
        return true;
    default:
        return false;
    }
}

static void answer(struct sp *sp, body_fn run, const struct https_request *request,
                   struct https_response *response)
{
    struct hand_over_detail detail = {""};
    enum cede_status status = run_part(sp, run, request, &detail);

    if (status == CEDE_OK) {
        https_answer(response, 202, "application/json", CEDE_SPAN_TEXT("{}"));
        return;
    }
    log_warning("%s of %s refused: %s%s%s", request->path, request->partner,
                cede_status_reason(status), detail.text[0] ? "; " : "", detail.text);
    if (detail.text[0] != '\0' && is_final(status)) {
        https_answer_error(response, 400, cede_status_name(status), detail.text);
    } else if (cede_status_class(status) == CEDE_CLASS_SPACE) {
        https_answer_error(response, 413, cede_status_name(status), cede_status_reason(status));
    } else {
        https_answer_status(response, status);
    }
}

static enum cede_status take_contract(struct sp *sp, const char *partner, struct cede_span body,
                                      struct hand_over_detail *detail)
{
    (void)detail;
    return hand_over_on_contract(sp, partner, body);
}

static enum cede_status take_offer(struct sp *sp, const char *partner, struct cede_span body,
                                   struct hand_over_detail *detail)
{
    (void)detail;
    return giving_on_offer(sp, partner, body);
}

static enum cede_status take_receipt(struct sp *sp, const char *partner, struct cede_span body,
                                     struct hand_over_detail *detail)
{
    (void)detail;
    return giving_on_receipt(sp, partner, body);
}

static enum cede_status take_notice(struct sp *sp, const char *partner, struct cede_span body,
                                    struct hand_over_detail *detail)
{
    (void)detail;
    return taking_on_notice(sp, partner, body);
}

static void post_contract(void *context, const struct https_request *request,
                          struct https_response *response)
{
    answer(context, take_contract, request, response);
}

static void post_batch(void *context, const struct https_request *request,
                       struct https_response *response)
{
    answer(context, taking_on_batch, request, response);
}

static void post_offer(void *context, const struct https_request *request,
                       struct https_response *response)
{
    answer(context, take_offer, request, response);
}

static void post_receipt(void *context, const struct https_request *request,
                         struct https_response *response)
{
    answer(context, take_receipt, request, response);
}

static void post_notice(void *context, const struct https_request *request,
                        struct https_response *response)
{
    answer(context, take_notice, request, response);
}

const struct https_route partner_api_routes[] = {
    {"POST", "/v1/contracts", "application/jose+json", CONTRACT_BODY_MAX, post_contract},
    {"POST", "/v1/device-updates", "application/jose+json", BATCH_BODY_MAX, post_batch},
    {"POST", "/v1/transfer-offers", "application/cbor", OFFER_BODY_MAX, post_offer},
    {"POST", "/v1/receipts", "application/cwt", RECEIPT_BODY_MAX, post_receipt},
    {"POST", "/v1/notices", "application/cwt", RECEIPT_BODY_MAX, post_notice},
};
const size_t partner_api_routes_count = sizeof partner_api_routes / sizeof partner_api_routes[0];

enum cede_status partner_api_find(void *context, const uint8_t thumbprint[32], char *name,
                                  size_t name_cap)
{
    struct sp *sp = context;
    struct partner partner;

    CEDE_TRY(records_partner_by_thumbprint(sp->store, thumbprint, &partner));
    if (strcmp(partner.role, PARTNER_SP) != 0) {
        return CEDE_NOT_FOUND; /* a CA asks nothing, and what it certifies is not the CA */
    }
    snprintf(name, name_cap, "%s", partner.name);
    return CEDE_OK;
}

enum cede_status partner_api_flush(void *context)
{
    struct sp *sp = context;
    enum cede_status status = sp_commit(sp);

    if (status != CEDE_OK) {
        log_error("commit failed: %s", store_error(sp->store));
    }
    return status;
}
