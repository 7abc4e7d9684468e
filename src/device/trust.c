/* SPDX-License-Identifier: Apache-2.0 */
/* trust.c - who is trusted for what: the trust entries of the record and the pinned controller. */
#include <string.h>

#include "cede/status_proof.h"
#include "device/device_internal.h"

struct trust_iterator trust_begin(struct cede_span trust)
{
    struct trust_iterator iterator = {.reader = cede_reader(trust)};

    iterator.left = cede_cbor_get_array(&iterator.reader);
    return iterator;
}

bool trust_next(struct trust_iterator *iterator, struct cede_trust_entry *entry)
{
    if (iterator->left == 0) {
        return false;
    }
    iterator->left--;
    cede_cbor_expect_array(&iterator->reader, 2);
    entry->purposes = (uint32_t)cede_cbor_get_uint(&iterator->reader);
    entry->certificate = cede_cbor_get_bytes(&iterator->reader);
    return iterator->reader.status == CEDE_OK;
}

void trust_add(struct trust_builder *builder, uint32_t purposes, struct cede_span certificate)
{
    if (builder->count == CEDE_DEVICE_TRUST_MAX) {
        builder->full = true;
        return;
    }
    builder->entries[builder->count].purposes = purposes;
    builder->entries[builder->count++].certificate = certificate;
}

enum cede_status trust_encode(const struct trust_builder *builder, struct cede_buf out,
                              struct cede_span *trust)
{
    struct cede_writer writer = cede_writer(out);

    if (builder->full) {
        *trust = CEDE_SPAN_NULL;
        return CEDE_DEVICE_TRUST_FULL;
    }
    cede_trust_list_encode(&writer, builder->entries, builder->count);
    return cede_writer_finish(&writer, trust);
}

/* --- anchors ---------------------------------------------------------------------------------- */

/* A hand-over's entries count only in that hand-over; those of the provider that is left only
 * where they were marked to survive. */
bool trust_is_enrolment_anchor(uint32_t purposes, enum server_role role)
{
    bool pending = (purposes & PURPOSE_PENDING) != 0;

    if ((purposes & CEDE_PURPOSE_ENROL) == 0) {
        return false;
    }
    return role == ROLE_NEXT_ENROLMENT ? pending || (purposes & CEDE_PURPOSE_SURVIVES) != 0
                                       : !pending;
}

struct cede_span trust_next_controller(struct cede_device *device, struct cede_span trust,
                                       struct cede_span thumbprint)
{
    struct trust_iterator iterator = trust_begin(trust);
    struct cede_trust_entry entry;
    uint8_t hash[CEDE_SHA256_LEN];
    size_t hash_len;

    while (trust_next(&iterator, &entry)) {
        if ((entry.purposes & CEDE_PURPOSE_CONTROL) != 0 &&
            cede_certificate_thumbprint(device->config.crypto, CEDE_ALG_SHA_256, entry.certificate,
                                        hash, &hash_len) == CEDE_OK &&
            cede_span_equal(cede_span(hash, hash_len), thumbprint)) {
            return entry.certificate;
        }
    }
    return CEDE_SPAN_NULL;
}

static struct cede_path_rules path_rules(const struct cede_device *device, uint32_t eku)
{
    struct cede_path_rules rules = {.key_usage = CEDE_KU_DIGITAL_SIGNATURE, .eku = eku};

    rules.has_clock = device_clock(device, &rules.now);
    return rules;
}

/* --- judging servers -------------------------------------------------------------------------- */

bool trust_key_agrees(const struct cede_certificate *certificate)
{
    const uint16_t both = CEDE_KU_KEY_AGREEMENT | CEDE_KU_DIGITAL_SIGNATURE;

    return certificate->ext.has_key_usage &&
           (certificate->ext.key_usage & both) == CEDE_KU_KEY_AGREEMENT;
}

/* An extended key usage must be stated, "any" will not do (RFC 7030, section 3.6.1). */
static bool has_usage(const struct cede_certificate *certificate, uint32_t eku)
{
    return certificate->ext.has_eku && (certificate->ext.eku & eku) != 0;
}

/* A CA certificate that is held as known, without trust of its own, may end a path when it stands
 * directly below an anchor in force: so servers need not send the middle of their chain. */
static bool is_below_anchor(struct cede_device *device, enum server_role role,
                            const struct cede_certificate *ca)
{
    struct cede_path_rules rules = path_rules(device, 0);
    struct trust_iterator iterator = trust_begin(device->record.trust);
    struct cede_certificate anchor;
    struct cede_trust_entry entry;
    uint8_t scratch[SCRATCH_LEN];

    rules.key_usage = CEDE_KU_KEY_CERT_SIGN;
    while (ca->ext.ca && trust_next(&iterator, &entry)) {
        if (trust_is_enrolment_anchor(entry.purposes, role) &&
            cede_certificate_decode(entry.certificate, device->config.crypto, &anchor) == CEDE_OK &&
            cede_certificate_path(ca, 1, &anchor, 1, &rules, device->config.crypto,
                                  CEDE_BUF_ARRAY(scratch), NULL) == CEDE_OK) {
            return true;
        }
    }
    return false;
}

bool trust_ends_path(struct cede_device *device, enum server_role role,
                     const struct cede_trust_entry *entry, struct cede_certificate *anchor)
{
    bool is_anchor = trust_is_enrolment_anchor(entry->purposes, role);

    if (!is_anchor && (entry->purposes & CEDE_PURPOSE_KNOWN) == 0) {
        return false;
    }
    return cede_certificate_decode(entry->certificate, device->config.crypto, anchor) == CEDE_OK &&
           (is_anchor || is_below_anchor(device, role, anchor));
}

static enum cede_status judge_enrolment(struct cede_device *device, enum server_role role,
                                        const struct cede_certificate *chain, size_t chain_count)
{
    struct cede_path_rules rules = path_rules(device, CEDE_EKU_CMC_RA);
    struct trust_iterator iterator = trust_begin(device->record.trust);
    enum cede_status status = CEDE_CERTIFICATE_UNTRUSTED;
    struct cede_certificate anchor;
    struct cede_trust_entry entry;
    uint8_t scratch[SCRATCH_LEN];

    if (!has_usage(&chain[0], CEDE_EKU_CMC_RA)) {
        return CEDE_DEVICE_SERVER;
    }
    if (trust_key_agrees(&chain[0])) {
        rules.key_usage = CEDE_KU_KEY_AGREEMENT;
    }
    while (status == CEDE_CERTIFICATE_UNTRUSTED && trust_next(&iterator, &entry)) {
        if (trust_ends_path(device, role, &entry, &anchor)) {
            status = cede_certificate_path(chain, chain_count, &anchor, 1, &rules,
                                           device->config.crypto, CEDE_BUF_ARRAY(scratch), NULL);
        }
    }
    return status;
}

static enum cede_status check_validity(const struct cede_device *device,
                                       const struct cede_certificate *certificate)
{
    uint64_t now;

    if (!device_clock(device, &now)) {
        return CEDE_OK;
    }
    if (now < certificate->not_before) {
        return CEDE_CERTIFICATE_NOT_YET;
    }
    return now > certificate->not_after ? CEDE_CERTIFICATE_EXPIRED : CEDE_OK;
}

/* The certificate of the controller an update server of that role belongs to; may be null. */
static enum cede_status pinned_controller(struct cede_device *device, enum server_role role,
                                          struct cede_span *pinned)
{
    struct cede_transfer order;

    *pinned = device->record.controller_certificate;
    if (role == ROLE_NEXT_CONTROLLER) {
        CEDE_TRY(orders_present(device, &order));
        *pinned = trust_next_controller(device, device->record.trust, order.controller);
    }
    return CEDE_OK;
}

/* The controller is pinned, so there is no path: its key signs its update server's certificate. */
static enum cede_status judge_update_server(struct cede_device *device, enum server_role role,
                                            const struct cede_certificate *server)
{
    struct cede_span pinned = CEDE_SPAN_NULL;
    struct cede_certificate controller;
    uint8_t scratch[SCRATCH_LEN];

    CEDE_TRY(pinned_controller(device, role, &pinned));
    if (cede_span_is_null(pinned) || !has_usage(server, CEDE_EKU_SERVER_AUTH) ||
        server->ext.has_unknown_critical ||
        (server->ext.has_key_usage && !(server->ext.key_usage & CEDE_KU_DIGITAL_SIGNATURE))) {
        return CEDE_DEVICE_SERVER;
    }
    CEDE_TRY(cede_certificate_decode(pinned, device->config.crypto, &controller));
    if (!cede_name_equal(server->issuer, controller.subject)) {
        return CEDE_CERTIFICATE_UNTRUSTED;
    }
    CEDE_TRY(check_validity(device, server));
    return cede_certificate_verify(server, &controller, device->config.crypto,
                                   CEDE_BUF_ARRAY(scratch));
}

enum cede_status trust_judge(struct cede_device *device, enum server_role role,
                             const struct cede_certificate *chain, size_t chain_count)
{
    return role == ROLE_ENROLMENT || role == ROLE_NEXT_ENROLMENT
               ? judge_enrolment(device, role, chain, chain_count)
               : judge_update_server(device, role, &chain[0]);
}

/* --- is the server's certificate still good? ---------------------------------------------------
 */

/* It is at least so late, for all that is known: the controller's certificate has been made, and
 * the same issuer has spoken before. Whoever issues servers' certificates can move the floor for
 * these servers alone, and a restart forgets it. */
static uint64_t status_floor(const struct cede_device *device, enum server_role role,
                             const uint8_t issuer[8])
{
    const struct cede_device_status_time *last = &device->status_times[role];
    uint64_t floor = device->clock_floor;

    if (last->time != 0 && memcmp(last->issuer, issuer, sizeof last->issuer) == 0) {
        uint64_t since = last->time + (device->now_ms - last->at_ms) / 1000;
        floor = since > floor ? since : floor;
    }
    return floor;
}

static void note_status_time(struct cede_device *device, enum server_role role,
                             const uint8_t issuer[8], uint64_t time, uint64_t floor)
{
    struct cede_device_status_time *last = &device->status_times[role];

    memcpy(last->issuer, issuer, sizeof last->issuer);
    last->time = time > floor ? time : floor;
    last->at_ms = device->now_ms;
}

/* Seconds a proof still holds, by the clock or else by the floor. */
static uint64_t left_of(const struct cede_status_rules *rules,
                        const struct cede_status_proof *proof)
{
    uint64_t end = proof->this_update + proof->lifetime;
    uint64_t now = rules->has_clock ? rules->now : rules->floor;

    if (now < proof->this_update) {
        return proof->lifetime;
    }
    return end > now ? end - now : 0;
}

/* The signature of the certificate tells who its issuer is; a name alone could be anybody's. */
static enum cede_status check_proof(struct cede_device *device, enum server_role role,
                                    const struct cede_certificate *server,
                                    const struct cede_certificate *issuer, struct cede_span proof)
{
    struct cede_public_key key = cede_certificate_key(issuer);
    struct cede_status_rules rules = {.has_clock = false};
    struct cede_status_proof proven;
    uint8_t scratch[SCRATCH_LEN], issuer_hash[8];

    if (!cede_name_equal(server->issuer, issuer->subject)) {
        return CEDE_STATUS_SIGNATURE;
    }
    CEDE_TRY(
        cede_certificate_verify(server, issuer, device->config.crypto, CEDE_BUF_ARRAY(scratch)));
    CEDE_TRY(cede_hash(device->config.crypto, CEDE_ALG_SHA_256_64, key.point, issuer_hash));
    rules.has_clock = device_clock(device, &rules.now);
    rules.floor = status_floor(device, role, issuer_hash);
    CEDE_TRY(
        cede_status_proof_check(device->config.crypto, &key, server->raw, &rules, proof, &proven));
    note_status_time(device, role, issuer_hash, proven.this_update, rules.floor);
    device->proven_until_ms = device->now_ms + 1000 * left_of(&rules, &proven);
    return CEDE_OK;
}

/* The enrolment server's issuer came in the chain, or is held. */
static enum cede_status check_enrolment_proof(struct cede_device *device, enum server_role role,
                                              const struct cede_certificate *chain,
                                              size_t chain_count, struct cede_span proof)
{
    struct trust_iterator iterator = trust_begin(device->record.trust);
    enum cede_status status = CEDE_STATUS_SIGNATURE;
    struct cede_certificate issuer;
    struct cede_trust_entry entry;

    if (chain_count > 1) {
        status = check_proof(device, role, &chain[0], &chain[1], proof);
    }
    while (status != CEDE_OK && status != CEDE_STATUS_REVOKED && trust_next(&iterator, &entry)) {
        if (trust_ends_path(device, role, &entry, &issuer) &&
            cede_name_equal(chain[0].issuer, issuer.subject)) {
            status = check_proof(device, role, &chain[0], &issuer, proof);
        }
    }
    return status;
}

static enum cede_status check_update_proof(struct cede_device *device, enum server_role role,
                                           const struct cede_certificate *server,
                                           struct cede_span proof)
{
    struct cede_span pinned = CEDE_SPAN_NULL;
    struct cede_certificate controller;

    CEDE_TRY(pinned_controller(device, role, &pinned));
    CEDE_TRY(cede_certificate_decode(pinned, device->config.crypto, &controller));
    return check_proof(device, role, server, &controller, proof);
}

enum cede_status trust_check_status(struct cede_device *device, enum server_role role,
                                    const struct cede_certificate *chain, size_t chain_count,
                                    struct cede_span proof)
{
    enum cede_status_policy policy = device->record.status_policy;
    enum cede_status status = CEDE_STATUS_MISSING;

    if (policy == CEDE_STATUS_POLICY_OFF) {
        return CEDE_OK;
    }
    if (!cede_span_is_null(proof)) {
        status = role == ROLE_ENROLMENT || role == ROLE_NEXT_ENROLMENT
                     ? check_enrolment_proof(device, role, chain, chain_count, proof)
                     : check_update_proof(device, role, &chain[0], proof);
    }
    return policy == CEDE_STATUS_POLICY_REQUIRE || status == CEDE_STATUS_REVOKED ? status : CEDE_OK;
}

enum cede_status trust_find(struct cede_device *device, struct cede_span cert_hash,
                            struct cede_certificate *certificate)
{
    struct trust_iterator iterator = trust_begin(device->record.trust);
    struct cede_trust_entry entry;

    while (trust_next(&iterator, &entry)) {
        if (cede_certificate_check_hash(device->config.crypto, cert_hash, entry.certificate) ==
            CEDE_OK) {
            return cede_certificate_decode(entry.certificate, device->config.crypto, certificate);
        }
    }
    return CEDE_EDHOC_UNKNOWN_CREDENTIAL;
}

static bool holds(struct cede_device *device, enum server_role role, bool agreement)
{
    struct trust_iterator iterator = trust_begin(device->record.trust);
    uint32_t eku = role == ROLE_ENROLMENT || role == ROLE_NEXT_ENROLMENT ? CEDE_EKU_CMC_RA
                                                                         : CEDE_EKU_SERVER_AUTH;
    struct cede_certificate certificate;
    struct cede_trust_entry entry;

    while (trust_next(&iterator, &entry)) {
        if ((entry.purposes & CEDE_PURPOSE_KNOWN) != 0 &&
            cede_certificate_decode(entry.certificate, device->config.crypto, &certificate) ==
                CEDE_OK &&
            has_usage(&certificate, eku) && (!agreement || trust_key_agrees(&certificate)) &&
            trust_judge(device, role, &certificate, 1) == CEDE_OK) {
            return true;
        }
    }
    return false;
}

bool trust_holds_server(struct cede_device *device, enum server_role role)
{
    return holds(device, role, false);
}

bool trust_holds_agreement(struct cede_device *device, enum server_role role)
{
    return holds(device, role, true);
}

#define ANCHORS_MAX 2

/* --- what stays ------------------------------------------------------------------------------- */

/* R2: the rest of the old provider's configuration goes. Its enrolment anchors stay as part of the
 * fallback, powerless until the device goes home: roles keep them out of the hand-over. */
void trust_keep_for_reset(struct cede_span trust, struct trust_builder *kept)
{
    struct trust_iterator iterator = trust_begin(trust);
    struct cede_trust_entry entry;

    while (trust_next(&iterator, &entry)) {
        if ((entry.purposes & (PURPOSE_PENDING | CEDE_PURPOSE_SURVIVES | CEDE_PURPOSE_ENROL)) !=
            0) {
            trust_add(kept, entry.purposes, entry.certificate);
        }
    }
}

/* Pending entries of the hand-over go; those that came with the invitation home become valid. */
void trust_keep_for_home(struct cede_span trust, bool keep_pending, struct trust_builder *kept)
{
    struct trust_iterator iterator = trust_begin(trust);
    struct cede_trust_entry entry;

    while (trust_next(&iterator, &entry)) {
        if (keep_pending || (entry.purposes & PURPOSE_PENDING) == 0) {
            trust_add(kept, entry.purposes & CEDE_PURPOSES_ALL, entry.certificate);
        }
    }
}

/* Has this CA's own key signed the device's operational certificate? A path through other
 * certificates does not count: who vouches for a CA by a cross-certificate gains nothing by it. */
static bool has_certified_device(struct cede_device *device, struct cede_span encoding)
{
    /* Who signed is no matter of the time, nor of what the key is for. */
    struct cede_path_rules rules = {.eku = CEDE_EKU_CLIENT_AUTH};
    struct cede_certificate own, ca;
    uint8_t scratch[SCRATCH_LEN];

    return cede_certificate_decode(device->record.operational_certificate, device->config.crypto,
                                   &own) == CEDE_OK &&
           cede_certificate_decode(encoding, device->config.crypto, &ca) == CEDE_OK &&
           cede_certificate_path(&own, 1, &ca, 1, &rules, device->config.crypto,
                                 CEDE_BUF_ARRAY(scratch), NULL) == CEDE_OK;
}

/* R14: the trust update was signed by the provider that is left, so its word alone gives nobody
 * power any longer. What stays is borne out otherwise: the CA that certified this device for the
 * new provider, be it an anchor or known below one, the owner the factory pinned, and certificates
 * without power. One CA may come in several certificates, but not in so many that no other fits. */
void trust_keep_for_commit(struct cede_device *device, struct trust_builder *kept)
{
    struct trust_iterator iterator = trust_begin(device->record.trust);
    const uint32_t stays = CEDE_PURPOSE_SURVIVES | CEDE_PURPOSE_KNOWN;
    unsigned anchors_left = ANCHORS_MAX;
    struct cede_trust_entry entry;

    while (trust_next(&iterator, &entry)) {
        bool lasting = (entry.purposes & CEDE_PURPOSE_SURVIVES) != 0;
        bool pending = (entry.purposes & PURPOSE_PENDING) != 0;
        uint32_t purposes = 0;

        if (anchors_left > 0 && (entry.purposes & (CEDE_PURPOSE_ENROL | CEDE_PURPOSE_KNOWN)) != 0 &&
            has_certified_device(device, entry.certificate)) {
            purposes |= CEDE_PURPOSE_ENROL;
            anchors_left--;
        }
        if ((entry.purposes & CEDE_PURPOSE_OWNER) != 0 && lasting && !pending) {
            purposes |= CEDE_PURPOSE_OWNER;
        }
        if ((entry.purposes & CEDE_PURPOSE_KNOWN) != 0 && (pending || lasting)) {
            purposes |= CEDE_PURPOSE_KNOWN;
        }
        if (purposes != 0) {
            trust_add(kept, purposes | (entry.purposes & stays), entry.certificate);
        }
    }
}
