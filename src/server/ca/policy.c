/* SPDX-License-Identifier: Apache-2.0 */
/* policy.c - policy.json: what may be issued. Read once, refused as a whole when a member is wrong.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cede/posix.h"
#include "cede/status_proof.h"
#include "server/ca/ca_internal.h"
#include "server/common/members.h"

#define YEAR_S                INT64_C(31536000)
#define DEFAULT_SUBJECT       "^[A-Za-z0-9][A-Za-z0-9._:-]{0,31}$"
#define VALIDITY_MAX_S        (100 * YEAR_S)
#define DEFAULT_CA_VALIDITY_S (10 * YEAR_S)
#define APPROVAL_RETRY_S      300
#define APPROVAL_RETRY_MAX_S  604800

static const char *const profile_names[CA_PROFILE_COUNT] = {"subca", "server", "factory", "device"};

const char *ca_profile_name(enum ca_profile profile)
{
    return (unsigned)profile < CA_PROFILE_COUNT ? profile_names[profile] : "unknown";
}

enum cede_status ca_profile_by_name(const char *name, enum ca_profile *profile)
{
    for (unsigned i = 0; i < CA_PROFILE_COUNT; i++) {
        if (strcmp(name, profile_names[i]) == 0) {
            *profile = (enum ca_profile)i;
            return CEDE_OK;
        }
    }
    return CEDE_NOT_FOUND;
}

struct word {
    const char *name;
    uint32_t bit;
};

static const struct word key_usages[] = {
    {"digitalSignature", CEDE_KU_DIGITAL_SIGNATURE},
    {"keyAgreement", CEDE_KU_KEY_AGREEMENT},
    {"keyCertSign", CEDE_KU_KEY_CERT_SIGN},
    {"cRLSign", CEDE_KU_CRL_SIGN},
    {NULL, 0},
};
static const struct word extended_usages[] = {
    {"serverAuth", CEDE_EKU_SERVER_AUTH},
    {"clientAuth", CEDE_EKU_CLIENT_AUTH},
    {"cmcRA", CEDE_EKU_CMC_RA},
    {"OCSPSigning", CEDE_EKU_OCSP_SIGNING},
    {NULL, 0},
};
enum { KEY_P256 = 1, KEY_P384 = 2, KEY_ED25519 = 4 };
static const struct word key_kinds[] = {
    {"P-256", KEY_P256}, {"P-384", KEY_P384}, {"Ed25519", KEY_ED25519}, {NULL, 0}};

/* --- writing the default ---------------------------------------------------------------------- */

static json_t *default_profile(enum ca_profile profile, enum ca_kind kind)
{
    switch (profile) {
    case CA_PROFILE_SUBCA:
        return json_pack("{s:b, s:I, s:[s,s], s:[], s:[s,s], s:i}", "allowed", 1, "validity_s",
                         (json_int_t)DEFAULT_CA_VALIDITY_S, "key_usage", "keyCertSign", "cRLSign",
                         "extended_key_usage", "keys", "P-256", "P-384", "path_len", 0);
    case CA_PROFILE_SERVER:
        return json_pack("{s:b, s:I, s:[s], s:[s], s:[s]}", "allowed", 1, "validity_s",
                         (json_int_t)(2 * YEAR_S), "key_usage", "digitalSignature",
                         "extended_key_usage", "serverAuth", "keys", "P-256");
    case CA_PROFILE_FACTORY:
        return json_pack("{s:b, s:I, s:[s], s:[], s:[s]}", "allowed", kind == CA_PERMANENT,
                         "validity_s", (json_int_t)CA_VALID_FOREVER, "key_usage",
                         "digitalSignature", "extended_key_usage", "keys", "P-256");
    default:
        return json_pack("{s:b, s:I, s:[s], s:[], s:[s], s:b}", "allowed", 1, "validity_s",
                         (json_int_t)YEAR_S, "key_usage", "digitalSignature", "extended_key_usage",
                         "keys", "P-256", "server_keys", 1);
    }
}

static const struct ca_revocation_policy default_revocation = {
    .crl_validity_s = 86400,
    .delta_validity_s = 3600,
    .coalesce_s = 1,
    .ocsp_validity_s = 3600,
    .ocsp_rate = 500,
    .proof_lifetime_s = 3600,
    .uris_in_x509 = true,
};

static json_t *revocation_to_json(const struct ca_revocation_policy *policy)
{
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:b}", "crl_validity_s",
        (json_int_t)policy->crl_validity_s, "delta_validity_s",
        (json_int_t)policy->delta_validity_s, "coalesce_s", (json_int_t)policy->coalesce_s,
        "ocsp_validity_s", (json_int_t)policy->ocsp_validity_s, "ocsp_rate",
        (json_int_t)policy->ocsp_rate, "proof_lifetime_s", (json_int_t)policy->proof_lifetime_s,
        "uris_in_x509", policy->uris_in_x509, "uris_in_c509", policy->uris_in_c509);
}

enum cede_status ca_policy_create(const char *directory, enum ca_kind kind)
{
    char path[PATH_MAX];
    json_t *profiles = json_object();
    json_t *policy = json_pack("{s:s, s:i, s:[], s:o, s:O}", "subject_pattern", DEFAULT_SUBJECT,
                               "batch_max", CA_BATCH_MAX, "factory_anchors", "revocation",
                               revocation_to_json(&default_revocation), "profiles", profiles);
    enum cede_status status = CEDE_SERVER_MEMORY;
    char *text = NULL;

    for (unsigned i = 0; i < CA_PROFILE_COUNT; i++) {
        json_object_set_new(profiles, profile_names[i], default_profile((enum ca_profile)i, kind));
    }
    text = json_dumps(policy, JSON_INDENT(2));
    if (text != NULL) {
        snprintf(path, sizeof path, "%.*s/policy.json", PATH_MAX - 16, directory);
        status = cede_file_write(path, 0644, cede_span_string(text));
    }
    free(text);
    json_decref(policy);
    json_decref(profiles);
    return status;
}

/* --- reading ---------------------------------------------------------------------------------- */

static enum cede_status wrong(const char *where, const char *member)
{
    return ca_fail(CEDE_CA_POLICY, "policy.json: %s%s%s", where, *where != '\0' ? "." : "", member);
}

enum cede_status ca_check_members(const char *where, const json_t *object, const char *const *names)
{
    char why[160];

    return members_unknown(object, names, why, sizeof why)
               ? ca_fail(CEDE_CA_POLICY, "%s: %s", where, why)
               : CEDE_OK;
}

/* A list of words as a set of bits. */
static enum cede_status read_words(const json_t *profile, const char *name, const char *member,
                                   const struct word *words, uint32_t *bits)
{
    const json_t *list = json_object_get(profile, member);

    *bits = 0;
    if (!json_is_array(list)) {
        return wrong(name, member);
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        const struct word *word = words;
        while (text != NULL && word->name != NULL && strcmp(word->name, text) != 0) {
            word++;
        }
        if (text == NULL || word->name == NULL) {
            return wrong(name, member);
        }
        *bits |= word->bit;
    }
    return CEDE_OK;
}

/* "automatic" unless said otherwise; only devices come again by themselves. */
static enum cede_status read_approval(const json_t *json, const char *name,
                                      struct ca_profile_policy *policy)
{
    const json_t *approval = json_object_get(json, "approval");
    const char *text = json_string_value(approval);

    policy->manual_approval = text != NULL && strcmp(text, "manual") == 0;
    if (approval == NULL || (text != NULL && strcmp(text, "automatic") == 0) ||
        (policy->manual_approval && strcmp(name, profile_names[CA_PROFILE_DEVICE]) == 0)) {
        return CEDE_OK;
    }
    return wrong(name, "approval");
}

/* 0 unless said otherwise: who let its certificate run out comes back with the factory's, and with
 * one of those that is over not at all. */
static enum cede_status read_grace(const json_t *json, const char *name,
                                   struct ca_profile_policy *policy)
{
    const json_t *grace = json_object_get(json, "reenrol_grace_s");

    if (grace == NULL) {
        return CEDE_OK;
    }
    if ((strcmp(name, profile_names[CA_PROFILE_DEVICE]) != 0 &&
         strcmp(name, profile_names[CA_PROFILE_FACTORY]) != 0) ||
        !json_is_integer(grace) || json_integer_value(grace) < 0 ||
        json_integer_value(grace) > YEAR_S) {
        return wrong(name, "reenrol_grace_s");
    }
    policy->grace_s = (uint64_t)json_integer_value(grace);
    return CEDE_OK;
}

/* False unless said otherwise: keys are best made where they stay. */
static enum cede_status read_server_keys(const json_t *json, const char *name,
                                         struct ca_profile_policy *policy)
{
    const json_t *made = json_object_get(json, "server_keys");

    policy->makes_keys = json_is_true(made);
    if (made != NULL &&
        (!json_is_boolean(made) || strcmp(name, profile_names[CA_PROFILE_DEVICE]) != 0)) {
        return wrong(name, "server_keys");
    }
    return CEDE_OK;
}

static enum cede_status check_profile_members(const json_t *json, const char *name)
{
    static const char *const members[] = {
        "allowed",  "validity_s", "key_usage",       "extended_key_usage", "keys",
        "path_len", "approval",   "reenrol_grace_s", "server_keys",        NULL};
    char where[64];

    snprintf(where, sizeof where, "policy.json: profiles.%s", name);
    return ca_check_members(where, json, members);
}

static enum cede_status read_profile(const json_t *json, const char *name, bool is_ca,
                                     struct ca_profile_policy *policy)
{
    const json_t *validity = json_object_get(json, "validity_s");
    const json_t *allowed = json_object_get(json, "allowed");
    const json_t *path_len = json_object_get(json, "path_len");
    uint32_t usage = 0;
    uint32_t keys = 0;

    CEDE_TRY(check_profile_members(json, name));
    if (!json_is_boolean(allowed)) {
        return wrong(name, "allowed");
    }
    if (!json_is_integer(validity) || json_integer_value(validity) < 0 ||
        json_integer_value(validity) > VALIDITY_MAX_S) {
        return wrong(name, "validity_s");
    }
    if (path_len != NULL &&
        (!is_ca || !json_is_integer(path_len) || json_integer_value(path_len) < 0 ||
         json_integer_value(path_len) > 8)) {
        return wrong(name, "path_len");
    }
    CEDE_TRY(read_words(json, name, "key_usage", key_usages, &usage));
    CEDE_TRY(read_words(json, name, "extended_key_usage", extended_usages, &policy->eku));
    CEDE_TRY(read_words(json, name, "keys", key_kinds, &keys));
    if (!is_ca && (usage & CEDE_KU_KEY_CERT_SIGN) != 0) {
        return wrong(name, "key_usage"); /* only a CA may sign certificates */
    }
    CEDE_TRY(read_approval(json, name, policy));
    CEDE_TRY(read_grace(json, name, policy));
    CEDE_TRY(read_server_keys(json, name, policy));
    policy->allowed = json_is_true(allowed);
    policy->validity_s = (uint64_t)json_integer_value(validity);
    policy->key_usage = (uint16_t)usage;
    policy->ca = is_ca;
    policy->path_len =
        path_len == NULL ? CEDE_PATH_LEN_NONE : (int32_t)json_integer_value(path_len);
    policy->p256 = (keys & KEY_P256) != 0;
    policy->p384 = (keys & KEY_P384) != 0;
    policy->ed25519 = (keys & KEY_ED25519) != 0;
    return CEDE_OK;
}

/* A file named in factory_anchors: PEM, DER or C509; relative names start at the directory. */
static enum cede_status read_anchor(const char *directory, const char *name,
                                    struct ca_policy *policy)
{
    char path[PATH_MAX];
    uint8_t bytes[CA_FILE_MAX];
    struct cede_span content;
    struct cede_span der;
    size_t at = policy->anchors_count;

    if (at == CA_ANCHORS_MAX) {
        return wrong("", "factory_anchors");
    }
    snprintf(path, sizeof path, "%s%s%s", name[0] == '/' ? "" : directory,
             name[0] == '/' ? "" : "/", name);
    if (cede_file_read(path, CEDE_FILE_PUBLIC, CEDE_BUF_ARRAY(bytes), &content) != CEDE_OK ||
        ca_pem_or_raw(content, 0, CEDE_BUF_ARRAY(policy->anchor_bytes[at]), &der) != CEDE_OK ||
        cede_certificate_decode(der, cede_crypto_openssl(), &policy->anchors[at]) != CEDE_OK) {
        return ca_fail(CEDE_CA_POLICY, "policy.json: factory_anchors: %s", path);
    }
    policy->anchors_count++;
    return CEDE_OK;
}

/* An http:// URL or nothing. */
static bool copy_url(const json_t *json, char url[REVOCATION_URL_MAX])
{
    const char *text = json_string_value(json);

    url[0] = '\0';
    if (json == NULL) {
        return true;
    }
    return text != NULL && strncmp(text, "http://", 7) == 0 &&
           snprintf(url, REVOCATION_URL_MAX, "%s", text) < REVOCATION_URL_MAX;
}

/* "FILE" or {"certificate": "FILE", "crl": "http://...", "ocsp": "http://..."} */
static enum cede_status read_anchor_entry(const char *directory, const json_t *entry,
                                          struct ca_policy *policy)
{
    static const char *const members[] = {"certificate", "crl", "ocsp", NULL};
    const json_t *file = json_is_object(entry) ? json_object_get(entry, "certificate") : entry;
    const char *name = json_string_value(file);
    struct ca_anchor_source *source = NULL;

    CEDE_TRY(ca_check_members("policy.json: factory_anchors", entry, members));
    if (name == NULL || strlen(name) >= sizeof source->name) {
        return wrong("", "factory_anchors");
    }
    CEDE_TRY(read_anchor(directory, name, policy));
    source = &policy->anchor_sources[policy->anchors_count - 1];
    snprintf(source->name, sizeof source->name, "%s", name);
    if (!copy_url(json_object_get(entry, "crl"), source->crl)) {
        return wrong("factory_anchors", "crl");
    }
    if (!copy_url(json_object_get(entry, "ocsp"), source->ocsp)) {
        return wrong("factory_anchors", "ocsp");
    }
    policy->anchors_watched |= source->crl[0] != '\0' || source->ocsp[0] != '\0';
    return CEDE_OK;
}

static enum cede_status read_anchors(const json_t *json, const char *directory,
                                     struct ca_policy *policy)
{
    const json_t *list = json_object_get(json, "factory_anchors");

    if (list != NULL && !json_is_array(list)) {
        return wrong("", "factory_anchors");
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        CEDE_TRY(read_anchor_entry(directory, json_array_get(list, i), policy));
    }
    return CEDE_OK;
}

/* {"freshness_s": S, "grace_s": S, "on_outage": "soft" | "refuse"}, each with a default. */
static enum cede_status read_factory_status(const json_t *json, struct revocation_policy *policy)
{
    static const char *const names[] = {"freshness_s", "grace_s", "on_outage", NULL};
    const json_t *members = json_object_get(json, "factory_status");
    const char *on_outage = json_string_value(json_object_get(members, "on_outage"));
    const json_t *freshness = json_object_get(members, "freshness_s");
    const json_t *grace = json_object_get(members, "grace_s");

    *policy = (struct revocation_policy){REVOCATION_FRESHNESS_S, REVOCATION_GRACE_S, false};
    if (members != NULL && !json_is_object(members)) {
        return wrong("", "factory_status");
    }
    CEDE_TRY(ca_check_members("policy.json: factory_status", members, names));
    if (freshness != NULL) {
        if (!json_is_integer(freshness) || json_integer_value(freshness) < 1 ||
            json_integer_value(freshness) > YEAR_S) {
            return wrong("factory_status", "freshness_s");
        }
        policy->freshness_s = (uint32_t)json_integer_value(freshness);
    }
    if (grace != NULL) {
        if (!json_is_integer(grace) || json_integer_value(grace) < 0 ||
            json_integer_value(grace) > YEAR_S) {
            return wrong("factory_status", "grace_s");
        }
        policy->grace_s = (uint32_t)json_integer_value(grace);
    }
    policy->refuse = on_outage != NULL && strcmp(on_outage, "refuse") == 0;
    if (json_object_get(members, "on_outage") != NULL && !policy->refuse &&
        (on_outage == NULL || strcmp(on_outage, "soft") != 0)) {
        return wrong("factory_status", "on_outage");
    }
    return CEDE_OK;
}

/* Members that a policy may leave out. */
static enum cede_status read_answers(const json_t *json, struct ca_policy *policy)
{
    const json_t *retry = json_object_get(json, "approval_retry_s");
    const json_t *uri = json_object_get(json, "certificate_uri");

    policy->approval_retry = APPROVAL_RETRY_S;
    if (retry != NULL) {
        if (!json_is_integer(retry) || json_integer_value(retry) < 1 ||
            json_integer_value(retry) > APPROVAL_RETRY_MAX_S) {
            return wrong("", "approval_retry_s");
        }
        policy->approval_retry = (uint32_t)json_integer_value(retry);
    }
    if (uri != NULL && !json_is_boolean(uri)) {
        return wrong("", "certificate_uri");
    }
    policy->certificate_uri = json_is_true(uri);
    return CEDE_OK;
}

struct bound {
    const char *name;
    uint64_t *value;
    json_int_t least, most;
};

/* A truth value that may be absent. */
static enum cede_status read_flag(const json_t *members, const char *where, const char *name,
                                  bool *flag)
{
    const json_t *member = json_object_get(members, name);

    if (member != NULL && !json_is_boolean(member)) {
        return wrong(where, name);
    }
    *flag = member == NULL ? *flag : json_is_true(member);
    return CEDE_OK;
}

static enum cede_status read_bound(const json_t *members, const char *where,
                                   const struct bound *bound)
{
    const json_t *member = json_object_get(members, bound->name);

    if (member == NULL) {
        return CEDE_OK;
    }
    if (!json_is_integer(member) || json_integer_value(member) < bound->least ||
        json_integer_value(member) > bound->most) {
        return wrong(where, bound->name);
    }
    *bound->value = (uint64_t)json_integer_value(member);
    return CEDE_OK;
}

/* Members that are absent keep what is usual; the whole object may be. */
static enum cede_status read_revocation(const json_t *json, struct ca_revocation_policy *policy)
{
    static const char *const names[] = {"crl_validity_s",  "delta_validity_s", "coalesce_s",
                                        "ocsp_validity_s", "ocsp_rate",        "proof_lifetime_s",
                                        "uris_in_x509",    "uris_in_c509",     NULL};
    const json_t *members = json_object_get(json, "revocation");
    const struct bound bounds[] = {
        {"crl_validity_s", &policy->crl_validity_s, 10, YEAR_S},
        {"delta_validity_s", &policy->delta_validity_s, 10, YEAR_S},
        {"coalesce_s", &policy->coalesce_s, 0, 3600},
        {"ocsp_validity_s", &policy->ocsp_validity_s, 10, YEAR_S},
        {"ocsp_rate", &policy->ocsp_rate, 1, 1000000},
        {"proof_lifetime_s", &policy->proof_lifetime_s, 10, CEDE_STATUS_LIFETIME_MAX},
    };

    *policy = default_revocation;
    if (members == NULL) {
        return CEDE_OK;
    }
    if (!json_is_object(members)) {
        return wrong("", "revocation");
    }
    CEDE_TRY(ca_check_members("policy.json: revocation", members, names));
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        CEDE_TRY(read_bound(members, "revocation", &bounds[i]));
    }
    CEDE_TRY(read_flag(members, "revocation", "uris_in_x509", &policy->uris_in_x509));
    return read_flag(members, "revocation", "uris_in_c509", &policy->uris_in_c509);
}

/* All four of them, and no others. */
static enum cede_status read_profiles(const json_t *profiles, struct ca_policy *policy)
{
    const char *names[CA_PROFILE_COUNT + 1] = {NULL};

    memcpy(names, profile_names, sizeof profile_names);
    CEDE_TRY(ca_check_members("policy.json: profiles", profiles, names));
    for (unsigned i = 0; i < CA_PROFILE_COUNT; i++) {
        const json_t *profile = json_object_get(profiles, profile_names[i]);
        if (!json_is_object(profile)) {
            return wrong("profiles", profile_names[i]);
        }
        CEDE_TRY(
            read_profile(profile, profile_names[i], i == CA_PROFILE_SUBCA, &policy->profiles[i]));
    }
    return CEDE_OK;
}

static enum cede_status read_policy(const json_t *json, const char *directory,
                                    struct ca_policy *policy)
{
    const char *pattern = json_string_value(json_object_get(json, "subject_pattern"));
    const json_t *batch_max = json_object_get(json, "batch_max");
    static const char *const members[] = {"subject_pattern",  "batch_max",       "factory_anchors",
                                          "factory_status",   "revocation",      "profiles",
                                          "approval_retry_s", "certificate_uri", NULL};

    CEDE_TRY(ca_check_members("policy.json", json, members));
    if (pattern == NULL ||
        regcomp(&policy->subject_pattern, pattern, REG_EXTENDED | REG_NOSUB) != 0) {
        return wrong("", "subject_pattern");
    }
    policy->has_pattern = true;
    if (!json_is_integer(batch_max) || json_integer_value(batch_max) < 1 ||
        json_integer_value(batch_max) > 100000) {
        return wrong("", "batch_max");
    }
    policy->batch_max = (size_t)json_integer_value(batch_max);
    CEDE_TRY(read_profiles(json_object_get(json, "profiles"), policy));
    CEDE_TRY(read_answers(json, policy));
    CEDE_TRY(read_revocation(json, &policy->revocation));
    CEDE_TRY(read_factory_status(json, &policy->factory_status));
    return read_anchors(json, directory, policy);
}

enum cede_status ca_policy_load(const char *directory, struct ca_policy *policy)
{
    char path[PATH_MAX];
    json_error_t error;
    json_t *json = NULL;
    enum cede_status status = CEDE_OK;

    memset(policy, 0, sizeof *policy);
    snprintf(path, sizeof path, "%.*s/policy.json", PATH_MAX - 16, directory);
    json = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (json == NULL) {
        return ca_fail(CEDE_CA_POLICY, "policy.json, line %d: %s", error.line, error.text);
    }
    status = read_policy(json, directory, policy);
    json_decref(json);
    if (status != CEDE_OK) {
        ca_policy_wipe(policy);
    }
    return status;
}

void ca_policy_wipe(struct ca_policy *policy)
{
    if (policy->has_pattern) {
        regfree(&policy->subject_pattern);
    }
    memset(policy, 0, sizeof *policy);
}
