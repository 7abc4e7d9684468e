/* SPDX-License-Identifier: Apache-2.0 */
/* contract.c - writes, reads, signs and checks contracts. */
#include "server/sp/contract.h"

#include <stdlib.h>
#include <string.h>

#include "cede/certificate.h"
#include "server/common/hex.h"

static json_t *party_json(const struct contract_party *party)
{
    char key[65];

    hex_encode(party->key, sizeof party->key, key);
    return json_pack("{s:s, s:s}", "name", party->name, "key", key);
}

char *contract_encode(const struct contract *contract)
{
    char transfer[2 * TRANSFER_ID_LEN + 1];
    char digest[65];
    json_t *json;
    char *text = NULL;

    hex_encode(contract->transfer_id, TRANSFER_ID_LEN, transfer);
    hex_encode(contract->devices_digest, 32, digest);
    json = json_pack("{s:i, s:s, s:o, s:o, s:{s:I, s:s}, s:I, s:I, s:I, s:n}", "version", 1,
                     "transfer", transfer, "from", party_json(&contract->from), "to",
                     party_json(&contract->to), "devices", "count",
                     (json_int_t)contract->device_count, "digest", digest, "earliest",
                     (json_int_t)contract->earliest, "latest", (json_int_t)contract->latest,
                     "created", (json_int_t)contract->created, "replaces");
    if (json != NULL) {
        text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
        json_decref(json);
    }
    return text;
}

static bool party_decode(const char *name, const char *key, struct contract_party *party)
{
    size_t len = strlen(name);

    if (len == 0 || len >= sizeof party->name) {
        return false;
    }
    memcpy(party->name, name, len + 1);
    return hex_decode(key, party->key, sizeof party->key);
}

static enum cede_status decode_members(json_t *json, struct contract *contract)
{
    const char *transfer, *from_name, *from_key, *to_name, *to_key, *digest;
    json_int_t version, count, earliest, latest, created;
    json_t *replaces;

    if (json_unpack(json,
                    "{s:I, s:s, s:{s:s, s:s !}, s:{s:s, s:s !}, s:{s:I, s:s !}, s:I, s:I, s:I, "
                    "s:o !}",
                    "version", &version, "transfer", &transfer, "from", "name", &from_name, "key",
                    &from_key, "to", "name", &to_name, "key", &to_key, "devices", "count", &count,
                    "digest", &digest, "earliest", &earliest, "latest", &latest, "created",
                    &created, "replaces", &replaces) != 0 ||
        version != 1 || count < 1 || !json_is_null(replaces) ||
        !hex_decode(transfer, contract->transfer_id, TRANSFER_ID_LEN) ||
        !party_decode(from_name, from_key, &contract->from) ||
        !party_decode(to_name, to_key, &contract->to) ||
        !hex_decode(digest, contract->devices_digest, 32)) {
        return CEDE_CONTRACT_FORMAT;
    }
    contract->device_count = count;
    contract->earliest = earliest;
    contract->latest = latest;
    contract->created = created;
    if (created < 0) {
        return CEDE_CONTRACT_FORMAT;
    }
    return earliest >= 0 && latest > earliest ? CEDE_OK : CEDE_CONTRACT_WINDOW;
}

enum cede_status contract_decode(struct cede_span json, struct contract *contract)
{
    json_t *parsed;
    enum cede_status status;

    memset(contract, 0, sizeof *contract);
    if (json.len > CONTRACT_MAX) {
        return CEDE_CONTRACT_FORMAT;
    }
    parsed = json_loadb((const char *)json.ptr, json.len, JSON_REJECT_DUPLICATES, NULL);
    if (parsed == NULL) {
        return CEDE_CONTRACT_FORMAT;
    }
    status = decode_members(parsed, contract);
    json_decref(parsed);
    if (status != CEDE_OK) {
        memset(contract, 0, sizeof *contract);
    }
    return status;
}

enum cede_status contract_sign(const struct cede_crypto *crypto, const struct identity *identity,
                               struct jws *jws)
{
    char kid[65];
    json_t *header;
    enum cede_status status;

    hex_encode(identity->thumbprint, 32, kid);
    header = json_pack("{s:s, s:s}", "kid", kid, "cty", "cede-contract+json");
    if (header == NULL) {
        return CEDE_OS_FAILED;
    }
    status = jws_sign(crypto, &identity->private_key, header, jws);
    json_decref(header);
    return status;
}

enum cede_status contract_verify(const struct cede_crypto *crypto, const struct jws *jws,
                                 const struct contract_party *party,
                                 struct cede_span certificate_der)
{
    struct cede_certificate certificate;
    struct cede_public_key key;
    uint8_t thumbprint[32];
    size_t len;
    size_t index;

    CEDE_TRY(cede_certificate_decode(certificate_der, crypto, &certificate));
    CEDE_TRY(
        cede_certificate_thumbprint(crypto, CEDE_ALG_SHA_256, certificate_der, thumbprint, &len));
    if (memcmp(thumbprint, party->key, sizeof thumbprint) != 0) {
        return CEDE_CONTRACT_SIGNATURE;
    }
    key = cede_certificate_key(&certificate);
    return jws_verify(crypto, jws, &key, &index) == CEDE_OK ? CEDE_OK : CEDE_CONTRACT_SIGNATURE;
}

static int compare_thumbprints(const void *a, const void *b)
{
    return memcmp(a, b, 32);
}

enum cede_status contract_devices_digest(const struct cede_crypto *crypto,
                                         uint8_t (*thumbprints)[32], size_t count,
                                         uint8_t digest[32])
{
    qsort(thumbprints, count, 32, compare_thumbprints);
    return cede_hash(crypto, CEDE_ALG_SHA_256, cede_span(thumbprints[0], count * 32), digest);
}
