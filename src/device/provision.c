/* SPDX-License-Identifier: Apache-2.0 */
/* provision.c - the first record of a device, written in the factory. */
#include <string.h>

#include "device/device_internal.h"

#define POLL_S       3600
#define RETRY_MS     2000
#define RETRY_MAX_MS 600000

/* DTLS authenticates with X.509 certificates, and carries no StatusProof. */
static enum cede_status check_uri(struct cede_span text, const struct cede_certificate *factory,
                                  enum cede_status_policy policy)
{
    struct cede_coap_uri uri;

    return text.ptr != NULL && cede_coap_uri_split(text, &uri) == CEDE_OK &&
                   (!uri.secure || (factory->format == CEDE_CERTIFICATE_X509 &&
                                    policy != CEDE_STATUS_POLICY_REQUIRE))
               ? CEDE_OK
               : CEDE_DEVICE_PROVISION;
}

/* The certificate is for the key, and names the device. */
static enum cede_status check_factory(const struct cede_crypto *crypto,
                                      const struct cede_device_provision *provision,
                                      const struct cede_certificate *certificate)
{
    struct cede_private_key key = {CEDE_CRV_P256, provision->factory_key, NULL};
    struct cede_public_key certified = cede_certificate_key(certificate);
    uint8_t point[POINT_LEN];

    if (provision->factory_key.len != KEY_LEN || certified.curve != CEDE_CRV_P256 ||
        certificate->common_name_len == 0 ||
        certificate->common_name_len > CEDE_DEVICE_ID_LEN_MAX) {
        return CEDE_DEVICE_PROVISION;
    }
    CEDE_TRY(crypto->public_from_private(crypto->context, &key, point));
    return cede_span_equal(certified.point, CEDE_SPAN_ARRAY(point)) ? CEDE_OK
                                                                    : CEDE_DEVICE_PROVISION;
}

static enum cede_status collect_trust(const struct cede_crypto *crypto,
                                      const struct cede_device_provision *provision,
                                      struct cede_buf out, struct cede_span *trust)
{
    struct trust_builder builder = {.count = 0};
    struct cede_certificate certificate;

    for (size_t i = 0; i < provision->trust_count; i++) {
        const struct cede_trust_entry *entry = &provision->trust[i];
        if (entry->purposes == 0 || entry->purposes > CEDE_PURPOSES_ALL) {
            return CEDE_DEVICE_PROVISION;
        }
        CEDE_TRY(cede_certificate_decode(entry->certificate, crypto, &certificate));
        trust_add(&builder, entry->purposes, entry->certificate);
    }
    return trust_encode(&builder, out, trust) == CEDE_OK ? CEDE_OK : CEDE_DEVICE_PROVISION;
}

static enum cede_status write_record(const struct cede_crypto *crypto,
                                     const struct cede_flash *flash,
                                     const struct cede_device_record *record)
{
    uint8_t memory[CEDE_DEVICE_RECORD_LEN_MAX];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
    struct cede_device_record read;
    struct cede_journal journal;
    enum cede_status status = record_encode(&writer, record);
    struct cede_span encoding = cede_written(&writer);

    if (status == CEDE_OK) {
        status = record_decode(encoding, &read);
    }
    if (status == CEDE_OK) {
        status = cede_journal_format(&journal, flash, crypto);
    }
    if (status == CEDE_OK) {
        status = cede_journal_commit(&journal, encoding);
    }
    cede_wipe(memory, sizeof memory);
    return status;
}

enum cede_status cede_device_image_create(const struct cede_crypto *crypto,
                                          const struct cede_flash *flash,
                                          const struct cede_device_provision *provision)
{
    struct cede_device_record record = {.state = CEDE_DEVICE_FACTORY};
    struct cede_certificate factory, controller;
    uint8_t trust[CEDE_DEVICE_RECORD_LEN_MAX], thumbprint[CEDE_SHA256_LEN];
    size_t thumbprint_len;

    if ((unsigned)provision->status_policy > CEDE_STATUS_POLICY_REQUIRE) {
        return CEDE_DEVICE_PROVISION;
    }
    CEDE_TRY(cede_certificate_decode(provision->factory_certificate, crypto, &factory));
    CEDE_TRY(check_factory(crypto, provision, &factory));
    CEDE_TRY(cede_certificate_decode(provision->controller_certificate, crypto, &controller));
    if (controller.curve != CEDE_CRV_P256) {
        return CEDE_DEVICE_PROVISION;
    }
    CEDE_TRY(cede_certificate_thumbprint(crypto, CEDE_ALG_SHA_256, controller.raw, thumbprint,
                                         &thumbprint_len));
    CEDE_TRY(check_uri(provision->enroll_uri, &factory, provision->status_policy));
    CEDE_TRY(check_uri(provision->update_uri, &factory, provision->status_policy));
    CEDE_TRY(collect_trust(crypto, provision, CEDE_BUF_ARRAY(trust), &record.trust));
    record.seq = provision->seq;
    record.device_id = cede_certificate_common_name(&factory);
    record.factory_key = provision->factory_key;
    record.factory_certificate = factory.raw;
    record.controller_name = cede_certificate_common_name(&controller);
    record.controller_thumbprint = CEDE_SPAN_ARRAY(thumbprint);
    record.controller_certificate = controller.raw;
    record.enroll_uri = provision->enroll_uri;
    record.update_uri = provision->update_uri;
    record.status_policy = provision->status_policy;
    record.poll_s = provision->poll_s != 0 ? provision->poll_s : POLL_S;
    record.retry_ms = provision->retry_ms != 0 ? provision->retry_ms : RETRY_MS;
    record.retry_max_ms = provision->retry_max_ms != 0 ? provision->retry_max_ms : RETRY_MAX_MS;
    return write_record(crypto, flash, &record);
}
