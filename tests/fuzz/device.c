/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device.c - a device fresh from the factory, and a stranger in the place of its servers.
 * Input: datagrams (pieces), each received after what the device had to send.
 */
#include "cede/device.h"
#include "fuzz.h"

static uint8_t born[2][CEDE_DEVICE_SLOT_SIZE], memory[2][CEDE_DEVICE_SLOT_SIZE];
static bool is_born;

static enum cede_status flash_read(void *context, unsigned slot, size_t offset, struct cede_buf buf)
{
    (void)context;
    memcpy(buf.ptr, memory[slot] + offset, buf.cap);
    return CEDE_OK;
}

static enum cede_status flash_erase(void *context, unsigned slot)
{
    (void)context;
    memset(memory[slot], 0xff, sizeof memory[slot]);
    return CEDE_OK;
}

static enum cede_status flash_write(void *context, unsigned slot, size_t offset,
                                    struct cede_span bytes)
{
    (void)context;
    REQUIRE(offset <= sizeof memory[slot] && bytes.len <= sizeof memory[slot] - offset);
    memcpy(memory[slot] + offset, bytes.ptr, bytes.len);
    return CEDE_OK;
}

static const struct cede_flash flash = {
    .slot_size = CEDE_DEVICE_SLOT_SIZE,
    .write_size = 8,
    .read = flash_read,
    .erase = flash_erase,
    .write = flash_write,
};

static struct cede_span certificate(const char *subject, uint32_t eku, struct cede_buf out)
{
    static const uint8_t scalar[32] = {0x11};
    static uint8_t point[64];
    struct cede_private_key key = {CEDE_CRV_P256, CEDE_SPAN_ARRAY(scalar), NULL};
    struct cede_certificate_info info = {
        .serial = CEDE_SPAN_TEXT("\x01"),
        .issuer = {CEDE_NAME_TEXT, CEDE_SPAN_TEXT("CA1")},
        .not_before = 1690000000,
        .not_after = CEDE_TIME_NONE,
        .subject = {CEDE_NAME_TEXT, cede_span_string(subject)},
        .public_key = {CEDE_CRV_P256, CEDE_SPAN_ARRAY(point)},
        .path_len = CEDE_PATH_LEN_NONE,
        .has_basic_constraints = eku == 0,
        .ca = eku == 0,
        .key_usage = eku == 0 ? CEDE_KU_KEY_CERT_SIGN : CEDE_KU_DIGITAL_SIGNATURE,
        .eku = eku,
    };
    struct cede_span encoding;

    REQUIRE(fuzz_crypto()->public_from_private(NULL, &key, point) == CEDE_OK);
    REQUIRE(cede_c509_issue(fuzz_crypto(), &info, &key, out, &encoding) == CEDE_OK);
    return encoding;
}

static void be_born(void)
{
    static const uint8_t scalar[32] = {0x11};
    static uint8_t factory[512], controller[512], anchor[512], server[512];
    struct cede_trust_entry trust[] = {
        {CEDE_PURPOSE_ENROL, certificate("CA1", 0, CEDE_BUF_ARRAY(anchor))},
        {CEDE_PURPOSE_KNOWN, certificate("est", CEDE_EKU_CMC_RA, CEDE_BUF_ARRAY(server))}};
    struct cede_device_provision provision = {
        .factory_key = CEDE_SPAN_ARRAY(scalar),
        .factory_certificate = certificate("d1", CEDE_EKU_CLIENT_AUTH, CEDE_BUF_ARRAY(factory)),
        .controller_certificate = certificate("SP1", 0, CEDE_BUF_ARRAY(controller)),
        .enroll_uri = CEDE_SPAN_TEXT("coap://ca1.example/e/token"),
        .update_uri = CEDE_SPAN_TEXT("coap://sp1.example"),
        .trust = trust,
        .trust_count = 2,
    };

    REQUIRE(cede_device_image_create(fuzz_crypto(), &flash, &provision) == CEDE_OK);
    memcpy(born, memory, sizeof born);
    is_born = true;
}

/* Until it waits; true unless it has halted. */
static bool settle(struct cede_device *device, uint64_t now_ms)
{
    for (int i = 0; i < 16; i++) {
        struct cede_device_action action = cede_device_next(device, now_ms);
        if (action.todo != CEDE_DEVICE_SEND) {
            return action.todo == CEDE_DEVICE_WAIT;
        }
        fuzz_touch(action.host);
        fuzz_touch(action.datagram);
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct cede_device device;
    struct cede_device_config config = {.crypto = fuzz_crypto(), .flash = &flash};
    struct cede_reader in = cede_reader(cede_span(data, len));
    uint64_t now_ms = 1;

    if (!is_born) {
        be_born();
    }
    memcpy(memory, born, sizeof memory);
    REQUIRE(cede_device_load(&device, &config, now_ms) == CEDE_OK);
    for (int i = 0; i < 12 && settle(&device, now_ms); i++) {
        if (cede_reader_at_end(&in) || in.status != CEDE_OK) {
            break;
        }
        cede_device_receive(&device, fuzz_piece(&in), now_ms);
        REQUIRE(cede_device_state(&device) < CEDE_DEVICE_STATE_COUNT);
        now_ms += 100;
    }
    cede_device_wipe(&device);
    /* Whatever happened, the device starts again. */
    REQUIRE(cede_device_load(&device, &config, now_ms) == CEDE_OK);
    cede_device_wipe(&device);
    return 0;
}
