/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device_channel.c - a device of the X.509 profile, and a platform whose secure channel does what
 * the input says. Input: pieces, each an event and its bytes:
 *   0 the CA's server opens the channel   1 somebody with this certificate opens it
 *   2 a message in the channel            3 the channel ends
 *   4 a datagram beside it                5 time passes
 */
#include "cede/device.h"
#include "fuzz.h"

static uint8_t server_der[512];
static struct cede_span server;
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
    REQUIRE(cede_x509_issue(fuzz_crypto(), &info, &key, out, &encoding) == CEDE_OK);
    return encoding;
}

static void be_born(void)
{
    static const uint8_t scalar[32] = {0x11};
    static uint8_t factory[512], controller[512], anchor[512];
    struct cede_trust_entry trust[] = {
        {CEDE_PURPOSE_ENROL, certificate("CA1", 0, CEDE_BUF_ARRAY(anchor))}};
    struct cede_device_provision provision = {
        .factory_key = CEDE_SPAN_ARRAY(scalar),
        .factory_certificate = certificate("d1", CEDE_EKU_CLIENT_AUTH, CEDE_BUF_ARRAY(factory)),
        .controller_certificate = certificate("SP1", 0, CEDE_BUF_ARRAY(controller)),
        .enroll_uri = CEDE_SPAN_TEXT("coaps://ca1.example/e/token"),
        .update_uri = CEDE_SPAN_TEXT("coaps://sp1.example"),
        .trust = trust,
        .trust_count = 1,
    };

    server = certificate("est", CEDE_EKU_CMC_RA, CEDE_BUF_ARRAY(server_der));
    REQUIRE(cede_device_image_create(fuzz_crypto(), &flash, &provision) == CEDE_OK);
    memcpy(born, memory, sizeof born);
    is_born = true;
}

/* Until it waits; true unless it has halted. */
static bool settle(struct cede_device *device, uint64_t now_ms)
{
    for (int i = 0; i < 16; i++) {
        struct cede_device_action action = cede_device_next(device, now_ms);
        if (action.todo == CEDE_DEVICE_WAIT || action.todo == CEDE_DEVICE_HALT) {
            return action.todo == CEDE_DEVICE_WAIT;
        }
        REQUIRE(action.todo != CEDE_DEVICE_SEND || action.secure);
        fuzz_touch(action.host);
        fuzz_touch(action.datagram);
        fuzz_touch(action.key);
        fuzz_touch(action.certificate);
    }
    return true;
}

static void open_channel(struct cede_device *device, struct cede_span chain, uint64_t now_ms)
{
    bool had = device->has_channel;
    bool good = cede_device_channel_judge(device, &chain, 1) == CEDE_OK;

    cede_device_channel_opened(device, now_ms);
    REQUIRE(good || had || !device->has_channel);
}

static void happen(struct cede_device *device, struct cede_span event, uint64_t *now_ms)
{
    struct cede_span bytes = cede_span(event.ptr, 0);

    if (event.len == 0) {
        return;
    }
    bytes = cede_span(event.ptr + 1, event.len - 1);
    switch (event.ptr[0]) {
    case 0:
        open_channel(device, server, *now_ms);
        break;
    case 1:
        open_channel(device, bytes, *now_ms);
        break;
    case 2:
        cede_device_channel_count(device, false, bytes.len);
        cede_device_channel_receive(device, bytes, *now_ms);
        break;
    case 3:
        cede_device_channel_closed(device, *now_ms);
        break;
    case 4:
        cede_device_receive(device, bytes, *now_ms);
        break;
    default:
        *now_ms += 5000;
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct cede_device device;
    struct cede_device_config config = {
        .crypto = fuzz_crypto(), .flash = &flash, .has_channel = true};
    struct cede_reader in = cede_reader(cede_span(data, len));
    uint64_t now_ms = 1;

    if (!is_born) {
        be_born();
    }
    memcpy(memory, born, sizeof memory);
    REQUIRE(cede_device_load(&device, &config, now_ms) == CEDE_OK);
    for (int i = 0; i < 24 && settle(&device, now_ms); i++) {
        if (cede_reader_at_end(&in) || in.status != CEDE_OK) {
            break;
        }
        happen(&device, fuzz_piece(&in), &now_ms);
        REQUIRE(cede_device_state(&device) < CEDE_DEVICE_STATE_COUNT);
        now_ms += 100;
    }
    cede_device_wipe(&device);
    /* Whatever happened, the device starts again. */
    REQUIRE(cede_device_load(&device, &config, now_ms) == CEDE_OK);
    cede_device_wipe(&device);
    return 0;
}
