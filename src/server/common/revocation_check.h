/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revocation_check.h - how a relying server learns what a CA has revoked: it fetches the CA's CRL
 *                      and delta (RFC 5280), checks them and hands on what is new; or it asks the
 *                      CA's OCSP responder about one certificate.
 *
 * Use: in a process of its own, which may wait: revocation_client_new(); every now and then
 *      revocation_update() for each CA; keep what on_revoked() tells, and the source's number.
 *      revocation_ask() when a certificate is in question. revocation_cache.h does all this.
 * What is checked: the issuer's name and signature; thisUpdate not in the future, nextUpdate not
 *      past; that numbers do not go back, so an old list cannot be played again; that a delta adds
 *      to what is known, otherwise the complete list is fetched.
 * Errors: CEDE_HTTPS_UNREACHABLE, CEDE_HTTPS_TIMEOUT, CEDE_HTTPS_TOO_LONG, CEDE_HTTPS_REFUSED (an
 *      HTTP status); CEDE_REVOCATION_STALE; CEDE_REVOCATION_BACK; those of crl.h and
 *      ocsp_client.h.
 */
#ifndef CEDE_SERVER_REVOCATION_CHECK_H
#define CEDE_SERVER_REVOCATION_CHECK_H

#include "server/common/crl.h"
#include "server/common/ocsp_client.h"

#define REVOCATION_URL_MAX    256
#define REVOCATION_NUMBER_LEN (2 * CRL_NUMBER_MAX)

/* What is known of one CA's lists. Zero everything first. */
struct revocation_source {
    char url[REVOCATION_URL_MAX];       /* http://... of the complete CRL */
    char delta_url[REVOCATION_URL_MAX]; /* "": none told */
    /* Everything up to this list is known; all digits in hexadecimal, so that the order of texts is
     * that of numbers. "": no list is. */
    char number[REVOCATION_NUMBER_LEN + 1];
    int64_t next_update; /* of the last list taken, complete or delta */
};

struct revocation_client;

CEDE_MUST_USE enum cede_status revocation_client_new(struct revocation_client **client);
void revocation_client_free(struct revocation_client *client);

struct revocation_sink {
    /* An entry, known before or not, with a serial number. Anything but CEDE_OK ends the update. */
    enum cede_status (*on_revoked)(void *context, const struct crl_entry *entry);
    void *context;
};

/* Fetches what is new, by the delta when there is one that fits and is at the host and port of
 * `url`, else by the complete list. On success *source is brought up to date; on failure it stays,
 * whatever the sink was told meanwhile: it was true. */
CEDE_MUST_USE enum cede_status revocation_update(struct revocation_client *client,
                                                 const struct cede_certificate *issuer,
                                                 uint64_t now, const struct revocation_sink *sink,
                                                 struct revocation_source *source);

/* Asks the responder at `url` (http://...) about one certificate of the CA. */
CEDE_MUST_USE enum cede_status revocation_ask(struct revocation_client *client, const char *url,
                                              struct cede_span issuer, struct cede_span serial,
                                              uint64_t now, struct ocsp_word *word);

/* One list that is at hand: checks it and hands on its entries, as revocation_update() does. */
CEDE_MUST_USE enum cede_status revocation_take(struct cede_span der,
                                               const struct cede_certificate *issuer, uint64_t now,
                                               const struct revocation_sink *sink,
                                               struct revocation_source *source);

/* --- how much an old list is worth -------------------------------------------------------------
 */

struct revocation_policy {
    uint32_t freshness_s; /* what was confirmed so long ago is as good as new */
    uint32_t grace_s;     /* for so long after that the last word still counts ... */
    bool refuse;          /* ... unless nobody is let in without a fresh one */
};

#define REVOCATION_FRESHNESS_S 600
#define REVOCATION_GRACE_S     3600

/* May a certificate that is not on the last list be taken for good, or one that was good when last
 * asked about? `checked_at` is when that was confirmed (0: never; what lies in the future does not
 * count), `next_update` when the last word said to be over.
 * CEDE_REVOCATION_UNKNOWN: no. */
CEDE_MUST_USE enum cede_status revocation_judge(const struct revocation_policy *policy,
                                                int64_t checked_at, int64_t next_update,
                                                int64_t now);

#endif
