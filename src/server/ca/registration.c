/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registration.c - which account holds which device: accounts, registrations, releases, revocations
 *                  by accounts, anchors.
 *
 * Hierarchy (d): one CA serves the old and the new provider. Then a registration by the new one
 * needs the old one's release, signed by the old one (R7); both hold the device until the old one
 * deregisters it.
 */
#include <stdio.h>
#include <string.h>

#include "cede/cbor.h"
#include "cede/cose.h"
#include "cede/transfer.h"
#include "server/ca/ca_internal.h"
#include "server/common/jws.h"

#define REASON_CESSATION 5 /* cessationOfOperation, RFC 5280, section 5.3.1 */
#define REASON_REMOVE    8
#define REASON_MAX       10

/* --- accounts --------------------------------------------------------------------------------- */

enum cede_status ca_account_set(struct ca *ca, const char *name, struct cede_span certificate)
{
    struct cede_certificate view;
    uint8_t thumbprint[32];
    size_t len = 0;

    if (name[0] == '\0' || strlen(name) > CA_NAME_MAX) {
        return ca_fail(CEDE_BAD_ARGUMENT, "the name must have 1 to %d bytes", CA_NAME_MAX);
    }
    CEDE_TRY(cede_certificate_decode(certificate, ca->crypto, &view));
    if (view.format != CEDE_CERTIFICATE_X509 || view.curve != CEDE_CRV_P256) {
        return ca_fail(CEDE_CA_CERTIFICATE, "an identity certificate is X.509 with a P-256 key");
    }
    CEDE_TRY(cede_certificate_thumbprint(ca->crypto, CEDE_ALG_SHA_256, view.raw, thumbprint, &len));
    return ca_records_set_account(ca, name, view.raw, thumbprint);
}

enum cede_status ca_account_file(struct ca *ca, const char *name, struct cede_span content)
{
    uint8_t bytes[CA_CERTIFICATE_MAX];
    struct cede_span der;

    CEDE_TRY(ca_pem_or_raw(content, 0, CEDE_BUF_ARRAY(bytes), &der));
    return ca_account_set(ca, name, der);
}

/* --- factory certificates --------------------------------------------------------------------- */

/* One that is not valid yet may be registered ahead; one that is over, beyond the grace, comes too
 * late. */
static enum cede_status check_not_over(const struct ca *ca, const struct ca_factory_record *record)
{
    enum cede_status status = ca_check_validity(ca, record->not_before, record->not_after,
                                                ca->policy.profiles[CA_PROFILE_FACTORY].grace_s);

    return status == CEDE_CERTIFICATE_NOT_YET ? CEDE_OK : status;
}

/* The moment to judge its path at: now, or the nearest one at which it is valid itself. */
static uint64_t moment_of(const struct ca *ca, const struct cede_certificate *view)
{
    uint64_t now = ca_now(ca);

    return now < view->not_before  ? view->not_before
           : now > view->not_after ? view->not_after
                                   : now;
}

/* Judges one factory certificate and fills the record, but for its row. */
static enum cede_status check_factory(struct ca *ca, struct cede_span encoding,
                                      struct ca_factory_record *record)
{
    struct cede_certificate view;
    struct cede_path_rules rules = {true, ca_now(ca), CEDE_KU_DIGITAL_SIGNATURE, 0};
    struct cede_span id;
    size_t len = 0;

    memset(record, 0, sizeof *record);
    if (cede_certificate_decode(encoding, ca->crypto, &view) != CEDE_OK || view.curve == 0 ||
        view.ext.ca || view.raw.len > sizeof record->raw) {
        return CEDE_CA_FACTORY;
    }
    if (view.ext.has_key_usage && (view.ext.key_usage & CEDE_KU_KEY_AGREEMENT) != 0) {
        rules.key_usage =
            CEDE_KU_KEY_AGREEMENT; /* a factory key may be for static Diffie-Hellman */
    }
    rules.now = moment_of(ca, &view);
    id = cede_certificate_common_name(&view);
    if (id.len == 0 || id.len > CA_DEVICE_ID_MAX || memchr(id.ptr, 0, id.len) != NULL) {
        return CEDE_CA_FACTORY;
    }
    if (ca->policy.anchors_count > 0 &&
        cede_certificate_path(&view, 1, ca->policy.anchors, ca->policy.anchors_count, &rules,
                              ca->crypto, CEDE_BUF_ARRAY(ca->scratch), NULL) != CEDE_OK) {
        return CEDE_CA_FACTORY;
    }
    memcpy(record->device_id, id.ptr, id.len);
    memcpy(record->raw, view.raw.ptr, view.raw.len);
    record->raw_len = view.raw.len;
    record->not_before = ca_stored_time(view.not_before);
    record->not_after = ca_stored_time(view.not_after);
    CEDE_TRY(check_not_over(ca, record));
    CEDE_TRY(ca_key_hash(ca, cede_certificate_key(&view).point, record->key));
    return cede_certificate_thumbprint(ca->crypto, CEDE_ALG_SHA_256, view.raw, record->thumbprint,
                                       &len);
}

/* May the account register a device that others hold? Only with the release of the last of them. */
static enum cede_status check_holders(struct ca *ca, const struct ca_factory_record *record,
                                      int64_t account, struct cede_span transfer)
{
    int64_t count = 0;
    int64_t holder = CA_NO_ROW;
    bool holds = false, released = false;

    CEDE_TRY(ca_records_holds(ca, record->row, account, &holds));
    if (holds && cede_span_is_null(transfer)) {
        return CEDE_OK; /* registered already: said twice, done once */
    }
    CEDE_TRY(ca_records_holders(ca, record->row, account, &count, &holder));
    if (count == 0) {
        return CEDE_OK;
    }
    if (cede_span_is_null(transfer)) {
        return CEDE_CA_HELD;
    }
    CEDE_TRY(ca_records_released(ca, record->thumbprint, holder, transfer, &released));
    return released ? CEDE_OK : CEDE_CA_HELD;
}

/* Whoever comes to hold the device, and not only says so again, has let go of it under no release
 * of before: those could be shown by their bearer for ever. */
static enum cede_status take_over(struct ca *ca, const struct ca_factory_record *factory,
                                  int64_t account, struct cede_span transfer)
{
    bool holds = false, again = false;

    CEDE_TRY(ca_records_holds(ca, factory->row, account, &holds));
    if (!holds) {
        return ca_records_spend_releases(ca, factory, account);
    }
    if (cede_span_is_null(transfer)) {
        return CEDE_OK;
    }
    CEDE_TRY(ca_records_registered_under(ca, factory->row, account, transfer, &again));
    return again ? CEDE_OK : ca_records_spend_releases(ca, factory, account);
}

static enum cede_status register_one(struct ca *ca, struct cede_span encoding, int64_t account,
                                     struct cede_span transfer)
{
    struct ca_factory_record record;
    struct ca_factory_record known;
    enum cede_status status = CEDE_OK;
    bool taken = false;

    CEDE_TRY(check_factory(ca, encoding, &record));
    CEDE_TRY(ca_records_id_taken(ca, record.device_id, record.thumbprint, &taken));
    if (taken) {
        return CEDE_CA_HELD; /* two keys for one device id */
    }
    status = ca_records_factory(ca, CEDE_SPAN_ARRAY(record.thumbprint), &known);
    if (status == CEDE_NOT_FOUND) {
        status = ca_records_add_factory(ca, &record);
    } else if (status == CEDE_OK) {
        record.row = known.row;
        status = check_holders(ca, &record, account, transfer);
    }
    CEDE_TRY(status);
    CEDE_TRY(take_over(ca, &record, account, transfer));
    return ca_records_register(ca, record.row, account, transfer);
}

static enum cede_status register_all(struct ca *ca, int64_t account,
                                     const struct cede_span *certificates, size_t count,
                                     struct cede_span transfer, char token[CA_TOKEN_LEN + 1],
                                     size_t *bad_index)
{
    for (size_t i = 0; i < count; i++) {
        enum cede_status status = register_one(ca, certificates[i], account, transfer);
        if (status != CEDE_OK) {
            *bad_index = i;
            return status;
        }
    }
    return ca_records_token(ca, account, token);
}

enum cede_status ca_register(struct ca *ca, const char *account,
                             const struct cede_span *certificates, size_t count,
                             struct cede_span transfer, char *uri, size_t uri_cap,
                             size_t *bad_index)
{
    char token[CA_TOKEN_LEN + 1] = "";
    int64_t row = CA_NO_ROW;
    bool part = false;
    enum cede_status status = CEDE_OK;

    *bad_index = 0;
    uri[0] = '\0';
    ca_forget_error();
    if (count == 0 || count > ca->policy.batch_max) {
        return CEDE_CA_BATCH;
    }
    CEDE_TRY(ca_records_account(ca, account, &row));
    CEDE_TRY(ca_unit_begin(ca, &part));
    status = register_all(ca, row, certificates, count, transfer, token, bad_index);
    CEDE_TRY(ca_unit_end(ca, part, status));
    return snprintf(uri, uri_cap, "coap://%s/e/%s", ca->coap, token) < (int)uri_cap ? CEDE_OK
                                                                                    : CEDE_NO_SPACE;
}

bool ca_coaps_uri(const struct ca *ca, const char *uri, struct cede_buf out)
{
    const char *path = strstr(uri, "/e/");

    return ca->coaps[0] != '\0' && path != NULL &&
           snprintf((char *)out.ptr, out.cap, "coaps://%s%s", ca->coaps, path) < (int)out.cap;
}

/* --- releases --------------------------------------------------------------------------------- */

/* The account whose signature the release needs: the one that holds the first device of it. */
static enum cede_status find_releaser(struct ca *ca, struct cede_span payload, int64_t *account)
{
    struct cede_device_update_info info;
    struct cede_update_group group;
    struct cede_update_device device;
    struct ca_factory_record record;
    uint8_t hash[32];
    size_t len = 0;
    int64_t count = 0;

    *account = CA_NO_ROW;
    CEDE_TRY(cede_device_update_info_open(payload, &info));
    while (*account == CA_NO_ROW && cede_device_update_info_next_group(&info, &group)) {
        while (*account == CA_NO_ROW && cede_device_update_info_next_device(&info, &device)) {
            CEDE_TRY(cede_certificate_thumbprint(ca->crypto, CEDE_ALG_SHA_256, device.factory_cert,
                                                 hash, &len));
            if (ca_records_factory(ca, CEDE_SPAN_ARRAY(hash), &record) == CEDE_OK) {
                CEDE_TRY(ca_records_holders(ca, record.row, CA_NO_ROW, &count, account));
            }
        }
    }
    return *account == CA_NO_ROW ? CEDE_NOT_FOUND : CEDE_OK;
}

/* Only the holder's identity key lets go, whoever brings the release. */
static enum cede_status verify_release(struct ca *ca, const struct jws *jws, int64_t account)
{
    uint8_t der[CA_CERTIFICATE_MAX];
    struct cede_span certificate;
    struct cede_certificate view;
    struct cede_public_key key;

    CEDE_TRY(ca_records_account_certificate(ca, account, CEDE_BUF_ARRAY(der), &certificate));
    CEDE_TRY(cede_certificate_decode(certificate, ca->crypto, &view));
    key = cede_certificate_key(&view);
    return jws_verify(ca->crypto, jws, &key, NULL);
}

static enum cede_status release_one(struct ca *ca, struct cede_span certificate, int64_t account,
                                    struct cede_span transfer, size_t *released)
{
    struct ca_factory_record record;
    bool holds = false;
    uint8_t hash[32];
    size_t len = 0;
    enum cede_status status = CEDE_OK;

    CEDE_TRY(cede_certificate_thumbprint(ca->crypto, CEDE_ALG_SHA_256, certificate, hash, &len));
    status = ca_records_factory(ca, CEDE_SPAN_ARRAY(hash), &record);
    if (status == CEDE_NOT_FOUND) {
        return CEDE_OK; /* another CA's device: nothing to release here */
    }
    CEDE_TRY(status);
    CEDE_TRY(ca_records_holds(ca, record.row, account, &holds));
    if (!holds) {
        return CEDE_OK;
    }
    CEDE_TRY(ca_records_release(ca, record.thumbprint, account, transfer));
    ++*released;
    return CEDE_OK;
}

static enum cede_status release_all(struct ca *ca, struct cede_span payload, int64_t account,
                                    size_t *released)
{
    struct cede_device_update_info info;
    struct cede_update_group group;
    struct cede_update_device device;

    CEDE_TRY(cede_device_update_info_open(payload, &info));
    while (cede_device_update_info_next_group(&info, &group)) {
        while (cede_device_update_info_next_device(&info, &device)) {
            CEDE_TRY(release_one(ca, device.factory_cert, account, info.transfer_id, released));
        }
    }
    return cede_device_update_info_finish(&info);
}

static enum cede_status release_signed(struct ca *ca, const struct jws *jws, size_t *released)
{
    int64_t account = CA_NO_ROW;
    bool part = false;
    enum cede_status status = CEDE_OK;

    CEDE_TRY(find_releaser(ca, jws->payload, &account));
    CEDE_TRY(verify_release(ca, jws, account));
    CEDE_TRY(ca_unit_begin(ca, &part));
    status = release_all(ca, jws->payload, account, released);
    return ca_unit_end(ca, part, status);
}

enum cede_status ca_release(struct ca *ca, struct cede_span text, size_t *released)
{
    struct jws jws;
    enum cede_status status = CEDE_OK;

    *released = 0;
    CEDE_TRY(jws_decode(text, &jws));
    status = release_signed(ca, &jws, released);
    jws_wipe(&jws);
    if (status != CEDE_OK) {
        *released = 0;
    }
    return status;
}

/* --- letting go and revoking ------------------------------------------------------------------ */

static enum cede_status deregister_one(struct ca *ca, int64_t account, struct cede_span thumbprint,
                                       size_t *deregistered)
{
    struct ca_factory_record record;
    bool holds = false;
    size_t revoked = 0;
    enum cede_status status = CEDE_OK;

    if (thumbprint.len != 32) {
        return CEDE_TRUNCATED;
    }
    status = ca_records_factory(ca, thumbprint, &record);
    if (status == CEDE_OK) {
        status = ca_records_holds(ca, record.row, account, &holds);
    }
    if (status == CEDE_NOT_FOUND || (status == CEDE_OK && !holds)) {
        return CEDE_OK; /* not this account's, or done before */
    }
    CEDE_TRY(status);
    CEDE_TRY(
        ca_records_revoke_factory(ca, record.row, account, CA_NO_ROW, REASON_CESSATION, &revoked));
    CEDE_TRY(ca_records_end_registration(ca, record.row, account));
    ++*deregistered;
    return CEDE_OK;
}

enum cede_status ca_deregister(struct ca *ca, const char *account,
                               const struct cede_span *thumbprints, size_t count,
                               size_t *deregistered)
{
    int64_t row = CA_NO_ROW;
    bool part = false;
    enum cede_status status = CEDE_OK;

    *deregistered = 0;
    if (count > ca->policy.batch_max) {
        return CEDE_CA_BATCH;
    }
    CEDE_TRY(ca_records_account(ca, account, &row));
    CEDE_TRY(ca_unit_begin(ca, &part));
    for (size_t i = 0; status == CEDE_OK && i < count; i++) {
        status = deregister_one(ca, row, thumbprints[i], deregistered);
    }
    return ca_unit_end(ca, part, status);
}

/* RFC 5280, section 5.3.1: 7 is not used, and removeFromCRL in a delta list says that the
 * certificate is good again. */
static bool is_reason(int reason)
{
    return reason >= 0 && reason <= REASON_MAX && reason != 7 && reason != REASON_REMOVE;
}

enum cede_status ca_revoke_serial(struct ca *ca, struct cede_span serial, const char *account,
                                  int reason, bool *changed)
{
    struct ca_certificate_record record;
    int64_t row = CA_NO_ROW;
    bool done = false;
    bool part = false;

    if (!is_reason(reason)) {
        return CEDE_BAD_ARGUMENT;
    }
    while (serial.len > 0 && serial.ptr[0] == 0) {
        serial = cede_span(serial.ptr + 1, serial.len - 1);
    }
    if (account != NULL) {
        CEDE_TRY(ca_records_account(ca, account, &row));
    }
    CEDE_TRY(ca_records_by_serial(ca, serial, &record));
    if (account != NULL && record.account != row) {
        return CEDE_NOT_FOUND; /* others' certificates are none of its business */
    }
    CEDE_TRY(ca_unit_begin(ca, &part));
    CEDE_TRY(ca_unit_end(ca, part, ca_records_revoke(ca, record.row, reason, &done)));
    if (changed != NULL) {
        *changed = done;
    }
    return CEDE_OK;
}

enum cede_status ca_revoke_device(struct ca *ca, const char *device_id, int reason, size_t *count)
{
    size_t revoked = 0;
    bool part = false;

    if (!is_reason(reason)) {
        return CEDE_BAD_ARGUMENT;
    }
    CEDE_TRY(ca_unit_begin(ca, &part));
    CEDE_TRY(ca_unit_end(ca, part, ca_records_revoke_device(ca, device_id, reason, &revoked)));
    if (count != NULL) {
        *count = revoked;
    }
    return revoked > 0 ? CEDE_OK : CEDE_NOT_FOUND;
}

/* --- anchors ---------------------------------------------------------------------------------- */

/* C509Certificate: the array around ~C509Certificate's eleven items. */
static struct cede_span as_array(struct cede_span sequence, struct cede_writer *memory)
{
    size_t from = memory->len;

    cede_cbor_put_array(memory, 11);
    cede_write_bytes(memory, sequence);
    return memory->status == CEDE_OK ? cede_span(memory->out.ptr + from, memory->len - from)
                                     : CEDE_SPAN_NULL;
}

enum cede_status ca_anchors(struct ca *ca, struct cede_buf out, struct cede_span *anchors)
{
    uint8_t bytes[(CA_CHAIN_MAX + 3) * (CA_CERTIFICATE_MAX + 1)];
    struct cede_writer memory = cede_writer(CEDE_BUF_ARRAY(bytes));
    struct cede_writer writer = cede_writer(out);
    struct cede_trust_entry entries[CA_CHAIN_MAX + 3];
    const uint32_t anchor = CEDE_PURPOSE_ENROL | CEDE_PURPOSE_SURVIVES;
    const uint32_t known = CEDE_PURPOSE_KNOWN | CEDE_PURPOSE_SURVIVES;
    size_t count = 0;

    /* The root is the anchor; what stands between it and the enrolment server is only known. */
    for (size_t i = ca->chain_count; i > 0; i--) {
        entries[count++] = (struct cede_trust_entry){i == ca->chain_count ? anchor : known,
                                                     as_array(ca->chain_c509[i - 1], &memory)};
    }
    entries[count++] = (struct cede_trust_entry){ca->chain_count == 0 ? anchor : known,
                                                 as_array(ca->c509, &memory)};
    entries[count++] = (struct cede_trust_entry){known, as_array(ca->est, &memory)};
    if (ca_takes_agreement(ca)) {
        entries[count++] = (struct cede_trust_entry){known, as_array(ca->dh, &memory)};
    }
    CEDE_TRY(memory.status);
    cede_trust_list_encode(&writer, entries, count);
    return cede_writer_finish(&writer, anchors);
}
