/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device_world.h - two providers, two CAs, one device, a lossy network and a fake clock in one
 * process. The servers are small, but speak the real protocol with the library's responder half;
 * messages are bytes. Included by one test program at a time.
 *
 *     device --- network --- CA1 :1001   SP1 :1002
 *                       \--- CA2 :2001   SP2 :2002
 */
#ifndef CEDE_TESTS_DEVICE_WORLD_H
#define CEDE_TESTS_DEVICE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cede/cose.h"
#include "cede/device.h"
#include "cede/pkcs7.h"
#include "cede/status_proof.h"

#define EPOCH     1790000000u
#define EARLIEST  EPOCH
#define LATEST    (EPOCH + 3600)
#define DEVICE_ID "sensor-007"
#define SESSIONS  4

#define OK(expression_) assert_int_equal((expression_), CEDE_OK)

/* What a server shows when it is asked for a proof of its certificate's status. */
enum proof {
    PROOF_NONE,
    PROOF_GOOD,
    PROOF_REVOKED,
    PROOF_STALE,     /* its time is over */
    PROOF_FUTURE,    /* made by a clock that is ahead */
    PROOF_OTHER,     /* of another certificate of the same issuer */
    PROOF_WRONG_KEY, /* by somebody else */
    PROOF_OWN_KEY,   /* by the server itself */
    PROOF_FLIPPED,   /* one bit, another one each time */
    PROOF_KEPT       /* what it showed the last time */
};

enum { CA1, SP1, CA2, SP2, SERVER_COUNT };
static const uint16_t ports[SERVER_COUNT] = {1001, 1002, 2001, 2002};

struct credential {
    uint8_t scalar[32], point[64];
    uint8_t raw[512]; /* ~C509Certificate */
    size_t len;
};

struct session {
    bool used, has_oscore;
    uint8_t c_r;
    struct cede_edhoc_session edhoc;
    struct cede_oscore_context oscore;
    bool factory;       /* the peer came by its factory certificate */
    uint8_t body[3000]; /* of the last answer, for further blocks of it */
    size_t body_len;
    uint8_t code;
};

struct server {
    struct credential authority; /* CA: its root; SP: its controller */
    struct credential own;       /* what the server shows */
    struct credential issuing;   /* CA: what certificates are issued with when `has_issuing` */
    bool has_issuing;
    bool challenge;     /* asks strangers for an Echo (RFC 9175) */
    bool never_content; /* with any Echo it is sent */
    bool separate;      /* answers in messages of their own (RFC 7252, section 5.2.2) */
    bool junk;          /* answers without sense, but protected */
    unsigned challenges;
    bool dead;
    bool refuses;             /* every request, in a protected answer */
    bool forge;               /* an attacker answers in its place: EDHOC errors */
    bool by_value;            /* shows its certificate whole even if not asked */
    struct cede_span id_cred; /* shows this; null: its certificate */
    bool says_more;           /* in EAD_2 than anybody asked */
    bool certs_only;          /* CA: has no bare X.509 certificates */
    bool compact;             /* CA: answers with C509 whatever it is asked for */
    struct session sessions[SESSIONS];
    unsigned next_session;
    uint8_t last_request[1500], last_response[1500];
    size_t last_request_len, last_response_len;
    uint8_t known[1600]; /* operational certificate learned by value */
    size_t known_len;
    unsigned requests, errors_3;
    /* CA: the one live operational certificate */
    bool live;
    uint8_t live_point[64], live_certificate[1600];
    size_t live_len;
    uint8_t before[1600]; /* the one before it, good until the newer one is shown */
    size_t before_len;
    unsigned issued, alarms;
    enum proof proof;
    uint8_t kept[CEDE_STATUS_PROOF_LEN_MAX];
    size_t kept_len;
    unsigned proofs, flipped;
    size_t issuer_len; /* CA: a name that makes its certificates long; 0: the usual one */
};

/* The secure channel of the device's platform: what DTLS would do, without its bytes. */
struct channel {
    bool open, alive; /* not alive: the server does not know it any more */
    int server;
    bool closes; /* the server ends it at the next message */
    struct session session;
    unsigned opened, refused;
};

struct world {
    const struct cede_crypto *crypto;
    const struct cede_crypto *device_crypto; /* the device's own from the next start on */
    bool may_halt;                           /* something else than its flash may stop the device */
    bool x509;                               /* the profile: X.509 certificates, coaps */
    struct channel channel;
    uint64_t now_ms;
    bool has_clock;
    struct server servers[SERVER_COUNT];
    struct credential factory_ca, factory;
    bool has_servers; /* what is issued from now on lives less long */

    /* network */
    unsigned loss_percent;
    uint32_t random;
    unsigned datagrams;

    /* what the operators want, what the providers know */
    bool offered;     /* SP1 has orders for the device */
    bool accepted;    /* SP1: acknowledged */
    bool taken_over;  /* SP2 */
    bool returned;    /* SP1: it came back; SP2 and CA2 know */
    bool retry_order; /* SP1 answers a device in fallback with a new order */
    bool patience;    /* the order counts attempts */
    uint64_t attempts, hours;
    bool no_home_uri;  /* SP1 does not help */
    bool drop_welcome; /* SP2's welcome never arrives */
    bool wrong_welcome;
    bool stall;         /* SP2 always wants the device to come back later */
    bool always_offers; /* SP1 repeats its order, accepted or refused, and in fallback makes new
                           ones */
    bool has_come_back;
    uint64_t come_back_s; /* instead of a minute */
    uint64_t clock_back_s;
    uint64_t order_seq;
    bool update_first, reject_seq;
    uint8_t order[512], trust_update[2304];
    size_t order_len, trust_update_len;
    struct cede_status_report last_report[SERVER_COUNT];
    unsigned reports[SERVER_COUNT][CEDE_DEVICE_STATE_COUNT];
    struct credential rogue, cross; /* SP1's own root, and CA2 certified by it */
    bool has_rogue;
    bool below_root;       /* CA2 is known as below a root that is the anchor */
    unsigned more_entries; /* in the trust update, to make it long */
    bool repeat_anchor;    /* ... and full of CA2 */
    size_t filler_len;     /* one more entry without sense */
    uint64_t refusal;      /* reason of the last refusal reported to SP1 */

    /* flash */
    uint8_t flash[2][CEDE_DEVICE_SLOT_SIZE];
    unsigned writes; /* and erases, so far */
    unsigned cut_at; /* 0: never; 1: at the first */
    int cut_how;     /* 0: nothing of it, 1: half, 2: all of it */
    bool cut;
    struct cede_flash port;

    struct cede_device device;
    unsigned restarts;
};

static struct world w;

/* --- flash that dies at a given write --------------------------------------------------------- */

static enum cede_status flash_read(void *context, unsigned slot, size_t offset, struct cede_buf buf)
{
    (void)context;
    if (w.cut) {
        return CEDE_JOURNAL_FLASH;
    }
    memcpy(buf.ptr, &w.flash[slot][offset], buf.cap);
    return CEDE_OK;
}

/* How much of the operation happens; false: power is gone afterwards. */
static bool power(size_t len, size_t *done)
{
    *done = 0;
    if (w.cut) {
        return false;
    }
    w.writes++;
    if (w.writes != w.cut_at) {
        *done = len;
        return true;
    }
    w.cut = true;
    *done = w.cut_how == 0 ? 0 : w.cut_how == 1 ? len / 2 : len;
    return false;
}

static enum cede_status flash_erase(void *context, unsigned slot)
{
    size_t done;
    bool ok = power(CEDE_DEVICE_SLOT_SIZE, &done);

    (void)context;
    memset(w.flash[slot], 0xff, done);
    return ok ? CEDE_OK : CEDE_JOURNAL_FLASH;
}

static enum cede_status flash_write(void *context, unsigned slot, size_t offset,
                                    struct cede_span bytes)
{
    size_t done;
    bool ok = power(bytes.len, &done);

    (void)context;
    for (size_t i = 0; i < done; i++) {
        assert_int_equal(w.flash[slot][offset + i], 0xff);
        w.flash[slot][offset + i] = bytes.ptr[i];
    }
    return ok ? CEDE_OK : CEDE_JOURNAL_FLASH;
}

/* True when these bytes lie anywhere in the flash. */
static inline bool flash_holds(struct cede_span secret)
{
    for (unsigned slot = 0; slot < 2; slot++) {
        for (size_t i = 0; i + secret.len <= CEDE_DEVICE_SLOT_SIZE; i++) {
            if (memcmp(&w.flash[slot][i], secret.ptr, secret.len) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* --- certificates ----------------------------------------------------------------------------- */

static void make_key(struct credential *credential)
{
    OK(w.crypto->generate(w.crypto->context, CEDE_CRV_P256, credential->scalar, credential->point));
}

static struct cede_private_key private_key(const struct credential *credential)
{
    return (struct cede_private_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(credential->scalar), NULL};
}

static struct cede_span raw(const struct credential *credential)
{
    return cede_span(credential->raw, credential->len);
}

static size_t issue(struct cede_span subject, struct cede_span issuer,
                    struct cede_public_key public_key, const struct credential *authority, bool ca,
                    uint32_t eku, struct cede_buf out)
{
    struct cede_certificate_info info = {0};
    struct cede_private_key key = private_key(authority);
    uint8_t serial[8], scratch[1600];
    struct cede_span encoding;

    OK(w.crypto->random(w.crypto->context, CEDE_BUF_ARRAY(serial)));
    serial[0] = 0x40;
    info.serial = CEDE_SPAN_ARRAY(serial);
    info.issuer = (struct cede_name){CEDE_NAME_TEXT, issuer};
    info.subject = (struct cede_name){CEDE_NAME_TEXT, subject};
    info.not_before = EPOCH - 1000 + w.now_ms / 1000;
    info.not_after = EPOCH + w.now_ms / 1000 + (w.has_servers ? 100u : 1000u) * 24 * 3600;
    info.public_key = public_key;
    info.has_basic_constraints = ca;
    info.ca = ca;
    info.path_len = CEDE_PATH_LEN_NONE;
    info.key_usage =
        ca ? CEDE_KU_KEY_CERT_SIGN | CEDE_KU_DIGITAL_SIGNATURE : CEDE_KU_DIGITAL_SIGNATURE;
    info.eku = eku;
    OK(cede_certificate_issue(w.x509 ? CEDE_CERTIFICATE_X509 : CEDE_CERTIFICATE_C509_NATIVE,
                              w.crypto, &info, &key, CEDE_BUF_ARRAY(scratch), out, &encoding));
    return encoding.len;
}

static void make_credential(struct credential *credential, struct cede_span subject,
                            struct cede_span issuer, const struct credential *authority, bool ca,
                            uint32_t eku)
{
    struct cede_public_key key;

    make_key(credential);
    key = (struct cede_public_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(credential->point)};
    credential->len =
        issue(subject, issuer, key, authority, ca, eku, CEDE_BUF_ARRAY(credential->raw));
}

static void make_servers(void)
{
    static const char *const names[SERVER_COUNT] = {"CA1", "SP1", "CA2", "SP2"};

    for (int i = 0; i < SERVER_COUNT; i++) {
        struct server *server = &w.servers[i];
        struct cede_span name = cede_span_string(names[i]);
        bool ca = i == CA1 || i == CA2;
        make_credential(&server->authority, name, name, &server->authority, true, 0);
        make_credential(&server->own, name, name, &server->authority, false,
                        ca ? CEDE_EKU_CMC_RA : CEDE_EKU_SERVER_AUTH);
    }
    make_credential(&w.factory_ca, CEDE_SPAN_TEXT("root"), CEDE_SPAN_TEXT("root"), &w.factory_ca,
                    true, 0);
    make_credential(&w.factory, CEDE_SPAN_TEXT(DEVICE_ID), CEDE_SPAN_TEXT("root"), &w.factory_ca,
                    false, 0);
    w.has_servers = true;
}

/* C509Certificate: the array around the sequence. X.509 is as it is. */
static struct cede_span as_array(struct cede_span sequence, uint8_t out[513])
{
    if (w.x509) {
        return sequence;
    }
    out[0] = 0x8b;
    memcpy(out + 1, sequence.ptr, sequence.len);
    return cede_span(out, sequence.len + 1);
}

static struct cede_span uri(const char *compact, const char *x509)
{
    return cede_span_string(w.x509 ? x509 : compact);
}

/* --- orders ----------------------------------------------------------------------------------- */

static const uint8_t world_cti[2][CEDE_CTI_LEN] = {{1, 1}, {2, 2}};

static void sign(const struct credential *by, struct cede_span payload, uint8_t *out, size_t cap,
                 size_t *len)
{
    struct cede_private_key key = private_key(by);
    struct cede_span message;

    OK(cede_transfer_sign(w.crypto, &key, payload, cede_buf(out, cap), &message));
    *len = message.len;
}

static void make_trust_update(const struct credential *by, uint64_t seq)
{
    static const uint8_t filler[1400];
    uint8_t anchor[513], controller[513], known[513], list[2100], payload[2200];
    struct cede_trust_entry entries[9] = {
        {CEDE_PURPOSE_ENROL, as_array(raw(&w.servers[CA2].authority), anchor)},
        {CEDE_PURPOSE_CONTROL, as_array(raw(&w.servers[SP2].authority), controller)},
        {CEDE_PURPOSE_KNOWN, as_array(raw(&w.servers[SP2].own), known)}};
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(list));
    struct cede_trust_update update = {.aud = CEDE_SPAN_TEXT(DEVICE_ID),
                                       .not_before = EARLIEST,
                                       .not_after = LATEST,
                                       .cti = CEDE_SPAN_ARRAY(world_cti[0]),
                                       .seq = seq};

    for (unsigned i = 0; i < w.more_entries; i++) {
        entries[3 + i] = entries[w.repeat_anchor ? 0 : 2];
    }
    if (w.has_rogue) {
        w.more_entries = 2;
        entries[3].purposes = CEDE_PURPOSE_ENROL;
        entries[3].certificate = raw(&w.rogue);
        entries[4].purposes = CEDE_PURPOSE_KNOWN;
        entries[4].certificate = raw(&w.cross);
        entries[0].purposes = w.below_root ? CEDE_PURPOSE_KNOWN : CEDE_PURPOSE_ENROL;
    }
    if (w.filler_len > 0) {
        entries[3 + w.more_entries] =
            (struct cede_trust_entry){CEDE_PURPOSE_KNOWN, cede_span(filler, w.filler_len)};
    }
    cede_trust_list_encode(&writer, entries, 3 + w.more_entries + (w.filler_len > 0));
    update.entries = cede_written(&writer);
    writer = cede_writer(CEDE_BUF_ARRAY(payload));
    cede_trust_update_encode(&writer, &update);
    sign(by, cede_written(&writer), w.trust_update, sizeof w.trust_update, &w.trust_update_len);
}

static void make_order(const struct credential *by, uint64_t seq)
{
    uint8_t payload[400], thumbprint[32];
    size_t thumbprint_len;
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(payload));
    struct cede_transfer order = {
        .aud = CEDE_SPAN_TEXT(DEVICE_ID),
        .not_before = EARLIEST,
        .not_after = LATEST,
        .cti = CEDE_SPAN_ARRAY(world_cti[1]),
        .enroll_uri = uri("coap://127.0.0.1:2001/e/abcdef", "coaps://127.0.0.1:2001/e/abcdef"),
        .update_uri = uri("coap://127.0.0.1:2002", "coaps://127.0.0.1:2002"),
        .fallback_uri = uri("coap://127.0.0.1:1002", "coaps://127.0.0.1:1002"),
        .controller = CEDE_SPAN_ARRAY(thumbprint),
        .has_seq = true,
        .seq = seq,
        .update_first = w.update_first,
        .has_patience = w.patience,
        .attempts = w.attempts,
        .hours = w.hours};

    OK(cede_certificate_thumbprint(w.crypto, CEDE_ALG_SHA_256, raw(&w.servers[SP2].authority),
                                   thumbprint, &thumbprint_len));
    cede_transfer_encode(&writer, &order);
    sign(by, cede_written(&writer), w.order, sizeof w.order, &w.order_len);
    w.order_seq = seq;
}

/* A root, and CA2's key certified by it. */
static inline void make_rogue(void)
{
    struct cede_public_key key = {CEDE_CRV_P256, CEDE_SPAN_ARRAY(w.servers[CA2].authority.point)};

    make_credential(&w.rogue, CEDE_SPAN_TEXT("rogue"), CEDE_SPAN_TEXT("rogue"), &w.rogue, true, 0);
    w.cross.len = issue(CEDE_SPAN_TEXT("CA2"), CEDE_SPAN_TEXT("rogue"), key, &w.rogue, true, 0,
                        CEDE_BUF_ARRAY(w.cross.raw));
    w.has_rogue = true;
}

/* SP1 gives the device away. */
static inline void world_offer(void)
{
    make_trust_update(&w.servers[SP1].authority, 1);
    make_order(&w.servers[SP1].authority, 2);
    w.offered = true;
}

/* --- the servers ------------------------------------------------------------------------------ */

static const struct cede_edhoc_suite *const world_suites[] = {&cede_edhoc_suite_2};
static const int32_t world_labels[] = {CEDE_EAD_CREDENTIAL_BY_VALUE, CEDE_EAD_STATUS_PROOF};

static struct cede_edhoc_config world_edhoc(void)
{
    return (struct cede_edhoc_config){.crypto = w.crypto,
                                      .suites = world_suites,
                                      .suites_count = 1,
                                      .methods = CEDE_EDHOC_METHOD_BIT(0),
                                      .ead_labels = world_labels,
                                      .ead_labels_count = 2};
}

static struct session *find_session(struct server *server, struct cede_span kid)
{
    for (int i = 0; i < SESSIONS; i++) {
        struct session *session = &server->sessions[i];
        if (session->used && kid.len == 1 && kid.ptr[0] == session->c_r) {
            return session;
        }
    }
    return NULL;
}

static bool asks_for(const struct cede_edhoc_eads *eads, int32_t label)
{
    for (size_t i = 0; i < eads->count; i++) {
        if (eads->items[i].label == label) {
            return true;
        }
    }
    return false;
}

#define PROOF_LIFETIME 3600

/* Fills server->kept with the proof it shows now. */
static void make_proof(struct server *server)
{
    const struct credential *by = &server->authority;
    struct cede_status_proof proof = {.revoked = server->proof == PROOF_REVOKED,
                                      .this_update = EPOCH + w.now_ms / 1000,
                                      .lifetime = PROOF_LIFETIME};
    struct cede_span about = raw(&server->own), encoding;
    struct cede_private_key key;

    if (server->proof == PROOF_KEPT) {
        return;
    }
    by = server->proof == PROOF_WRONG_KEY ? &w.factory_ca : by;
    by = server->proof == PROOF_OWN_KEY ? &server->own : by;
    about = server->proof == PROOF_OTHER ? raw(&server->authority) : about;
    proof.this_update -= server->proof == PROOF_STALE ? PROOF_LIFETIME + CEDE_STATUS_SKEW + 1 : 0;
    proof.this_update += server->proof == PROOF_FUTURE ? CEDE_STATUS_SKEW + 100 : 0;
    key = private_key(by);
    OK(cede_status_proof_sign(w.crypto, &key, about, &proof, CEDE_BUF_ARRAY(server->kept),
                              &encoding));
    server->kept_len = encoding.len;
    if (server->proof == PROOF_FLIPPED) {
        unsigned bit = server->flipped++ % (unsigned)(8 * encoding.len);
        server->kept[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void add_proof(struct server *server, const struct cede_edhoc_eads *asked,
                      struct cede_edhoc_eads *answer)
{
    memset(answer, 0, sizeof *answer);
    if (server->says_more) {
        answer->items[answer->count++].label = CEDE_EAD_CREDENTIAL_BY_VALUE;
    }
    if (server->proof == PROOF_NONE || !asks_for(asked, CEDE_EAD_STATUS_PROOF)) {
        return;
    }
    make_proof(server);
    server->proofs++;
    answer->items[answer->count].label = CEDE_EAD_STATUS_PROOF;
    answer->items[answer->count++].value = cede_span(server->kept, server->kept_len);
}

static struct cede_span answer_message_1(struct server *server,
                                         const struct cede_coap_message *request,
                                         struct cede_span message_1, struct cede_buf out)
{
    struct session *session = &server->sessions[server->next_session % SESSIONS];
    struct cede_edhoc_config config = world_edhoc();
    struct cede_edhoc_eads eads, proof;
    struct cede_edhoc_own own = {.form = CEDE_EDHOC_CRED_C509};
    uint8_t id_cred[600], memory[1024];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(id_cred));
    struct cede_span message_2, datagram;

    memset(session, 0, sizeof *session);
    session->used = true;
    session->c_r = (uint8_t)(server->next_session++ % 24);
    cede_edhoc_init_responder(&session->edhoc);
    OK(cede_edhoc_process_message_1(&session->edhoc, &config, message_1, &eads));
    if (session->edhoc.c_i.bytes[0] == session->c_r) {
        session->c_r = (uint8_t)((server->next_session++) % 24);
    }
    cede_cbor_put_map(&writer, 1);
    if (asks_for(&eads, CEDE_EAD_CREDENTIAL_BY_VALUE) || server->by_value) {
        cede_cbor_put_uint(&writer, CEDE_COSE_LABEL_C5C);
        cede_cbor_put_bytes(&writer, raw(&server->own));
    } else {
        cede_cbor_put_uint(&writer, CEDE_COSE_LABEL_C5T);
        OK(cede_certificate_put_hash(&writer, w.crypto, CEDE_ALG_SHA_256_64, raw(&server->own)));
    }
    own.id_cred = server->id_cred.ptr != NULL ? server->id_cred : cede_written(&writer);
    own.cred = raw(&server->own);
    own.key = private_key(&server->own);
    add_proof(server, &eads, &proof);
    OK(cede_edhoc_compose_message_2(&session->edhoc, &config, cede_span(&session->c_r, 1), &own,
                                    &proof, CEDE_BUF_ARRAY(memory), &message_2));
    OK(cede_oscore_compose_edhoc_response(request, CEDE_COAP_CHANGED, 1, message_2, out,
                                          &datagram));
    return datagram;
}

/* The device's certificate by value or by reference. False: unknown. */
static bool find_device(struct server *server, struct cede_span sent,
                        struct cede_certificate *certificate)
{
    struct cede_edhoc_id_cred id_cred;
    struct cede_cose_certs certs;
    struct cede_span encoding;

    OK(cede_edhoc_id_cred_decode(sent, &id_cred));
    if (id_cred.kind == CEDE_EDHOC_ID_C5C) {
        certs = cede_cose_certs(id_cred.value);
        assert_true(cede_cose_certs_next(&certs, &encoding));
        OK(cede_certificate_decode(encoding, w.crypto, certificate));
        return true;
    }
    assert_int_equal(id_cred.kind, CEDE_EDHOC_ID_C5T);
    if (cede_cose_cert_hash_check(id_cred.value, w.crypto, raw(&w.factory)) == CEDE_OK) {
        OK(cede_certificate_decode(raw(&w.factory), w.crypto, certificate));
        return true;
    }
    if (server->live && server->live_len > 0 &&
        cede_cose_cert_hash_check(id_cred.value, w.crypto,
                                  cede_span(server->live_certificate, server->live_len)) ==
            CEDE_OK) {
        OK(cede_certificate_decode(cede_span(server->live_certificate, server->live_len), w.crypto,
                                   certificate));
        return true;
    }
    if (server->live && server->before_len > 0 &&
        cede_cose_cert_hash_check(id_cred.value, w.crypto,
                                  cede_span(server->before, server->before_len)) == CEDE_OK) {
        OK(cede_certificate_decode(cede_span(server->before, server->before_len), w.crypto,
                                   certificate));
        return true;
    }
    if (server->known_len > 0 &&
        cede_cose_cert_hash_check(id_cred.value, w.crypto,
                                  cede_span(server->known, server->known_len)) == CEDE_OK) {
        OK(cede_certificate_decode(cede_span(server->known, server->known_len), w.crypto,
                                   certificate));
        return true;
    }
    return false;
}

static void derive(struct session *session)
{
    struct cede_edhoc_config config = world_edhoc();
    struct cede_edhoc_oscore exported;
    struct cede_oscore_params params = {0};

    OK(cede_edhoc_export_oscore(&session->edhoc, &config, &exported));
    params.aead_alg = exported.aead;
    params.hash_alg = exported.hash;
    params.master_secret = cede_span(exported.master_secret, exported.master_secret_len);
    params.master_salt = CEDE_SPAN_ARRAY(exported.master_salt);
    params.sender_id = cede_edhoc_connection_id_span(&exported.sender_id);
    params.recipient_id = cede_edhoc_connection_id_span(&exported.recipient_id);
    OK(cede_oscore_init(&session->oscore, w.crypto, &params));
    session->has_oscore = true;
}

/* Rule R6: an operational certificate is revoked from the moment the order was accepted. */
static enum cede_status admit_operational(int index, const struct cede_certificate *certificate)
{
    struct server *server = &w.servers[index];
    struct server *ca = &w.servers[index == SP1 || index == CA1 ? CA1 : CA2];
    struct cede_certificate root;
    uint8_t scratch[1024];

    OK(cede_certificate_decode(raw(ca->has_issuing ? &ca->issuing : &ca->authority), w.crypto,
                               &root));
    CEDE_TRY(cede_certificate_verify(certificate, &root, w.crypto, CEDE_BUF_ARRAY(scratch)));
    if (ca->live &&
        cede_span_equal(certificate->raw, cede_span(ca->live_certificate, ca->live_len))) {
        ca->before_len = 0;
    } else if (!ca->live || ca->before_len == 0 ||
               !cede_span_equal(certificate->raw, cede_span(ca->before, ca->before_len))) {
        return CEDE_CERTIFICATE_EXPIRED;
    }
    memcpy(server->known, certificate->raw.ptr, certificate->raw.len);
    server->known_len = certificate->raw.len;
    return CEDE_OK;
}

/* CEDE_OK, or why message_3 is refused. */
static enum cede_status take_message_3(int index, struct session *session,
                                       struct cede_span message_3)
{
    struct server *server = &w.servers[index];
    struct cede_edhoc_config config = world_edhoc();
    struct cede_certificate certificate;
    struct cede_edhoc_credential credential;
    struct cede_edhoc_peer peer;
    uint8_t plaintext[1024];

    CEDE_TRY(cede_edhoc_process_message_3(&session->edhoc, &config, message_3,
                                          CEDE_BUF_ARRAY(plaintext), &peer));
    if (!find_device(server, peer.id_cred, &certificate)) {
        server->errors_3++;
        return CEDE_EDHOC_UNKNOWN_CREDENTIAL;
    }
    session->factory = cede_span_equal(certificate.raw, raw(&w.factory));
    credential = (struct cede_edhoc_credential){CEDE_EDHOC_CRED_C509, certificate.raw,
                                                cede_certificate_key(&certificate)};
    CEDE_TRY(cede_edhoc_verify_message_3(&session->edhoc, &config, &peer, &credential));
    if (!session->factory) {
        CEDE_TRY(admit_operational(index, &certificate));
    }
    derive(session);
    return CEDE_OK;
}

/* Certificates as the profile has them; EST-coaps bare or in a certs-only message. */
static void put_certificate(bool bag, struct cede_span certificate, struct cede_writer *writer)
{
    if (!w.x509 || w.servers[CA1].compact) {
        cede_est_put_certificate(writer, certificate);
    } else if (bag) {
        cede_pkcs7_put_certs(writer, &certificate, 1);
    } else {
        cede_write_bytes(writer, certificate);
    }
}

/* One factory certificate has one live operational certificate. */
static uint8_t enrol(struct server *ca, bool again, bool bag, struct cede_span body,
                     struct cede_buf out, struct cede_span *answer)
{
    struct cede_request request;
    struct cede_writer writer = cede_writer(out);
    uint8_t scratch[1024];
    const char *name = ca == &w.servers[CA1] ? "CA1" : "CA2";

    OK(cede_request_decode(body, w.crypto, &request));
    assert_int_equal(request.format == CEDE_CERTIFICATE_X509, w.x509);
    OK(cede_request_verify(&request, w.crypto, CEDE_BUF_ARRAY(scratch)));
    if (again && memcmp(ca->live_point, request.point, 64) != 0) {
        memcpy(ca->before, ca->live_certificate, ca->live_len);
        ca->before_len = ca->live_len;
        ca->live = false; /* the new certificate takes its place */
    }
    if (ca->live && memcmp(ca->live_point, request.point, 64) != 0) {
        ca->alarms++;
        return CEDE_COAP_CONFLICT;
    }
    if (!ca->live) {
        struct cede_span issuer = cede_span_string(ca->has_issuing ? "issuing" : name);
        char long_name[1300];
        if (ca->issuer_len > 0) {
            memset(long_name, 'x', sizeof long_name);
            issuer = cede_span((const uint8_t *)long_name, ca->issuer_len);
        }
        ca->live_len = issue(CEDE_SPAN_TEXT(DEVICE_ID), issuer, cede_request_key(&request),
                             ca->has_issuing ? &ca->issuing : &ca->authority, false, 0,
                             CEDE_BUF_ARRAY(ca->live_certificate));
        memcpy(ca->live_point, request.point, 64);
        ca->live = true;
        ca->issued++;
    }
    put_certificate(bag, cede_span(ca->live_certificate, ca->live_len), &writer);
    *answer = cede_written(&writer);
    return CEDE_COAP_CHANGED;
}

static void sp1_answer(const struct session *session, const struct cede_status_report *report,
                       struct cede_answer *answer)
{
    switch (report->state) {
    case CEDE_DEVICE_OPERATIONAL:
        assert_false(session->factory);
        if (report->has_reason) {
            w.refusal = report->reason;
            w.offered = w.always_offers;
        }
        if (report->has_reason && !w.always_offers) {
            break;
        }
        if (w.offered && !w.accepted) {
            answer->trust_update = cede_span(w.trust_update, w.trust_update_len);
            answer->transfer = w.order_len > 0 ? cede_span(w.order, w.order_len) : CEDE_SPAN_NULL;
        }
        break;
    case CEDE_DEVICE_ACCEPTED:
        w.accepted = true;
        w.servers[CA1].live = false; /* revoked */
        break;
    case CEDE_DEVICE_FALLBACK:
        assert_true(session->factory); /* R8 */
        w.servers[CA1].live = w.returned && w.servers[CA1].live;
        if (w.taken_over || w.no_home_uri) {
            break;
        }
        if (w.retry_order || w.always_offers) {
            w.retry_order = false;
            make_trust_update(&w.servers[SP1].authority, report->seq + 1);
            make_order(&w.servers[SP1].authority, report->seq + 2);
            answer->trust_update = cede_span(w.trust_update, w.trust_update_len);
            answer->transfer = cede_span(w.order, w.order_len);
            break;
        }
        w.returned = true; /* the notice to SP2 and CA2 */
        w.offered = false;
        w.servers[CA2].live = false;
        answer->come_home = uri("coap://127.0.0.1:1001/e/home", "coaps://127.0.0.1:1001/e/home");
        break;
    default:
        fail_msg("SP1 is told of state %d", (int)report->state);
    }
}

/* False: refused. */
static bool sp2_answer(const struct cede_status_report *report, struct cede_answer *answer,
                       uint8_t welcome[513])
{
    if (w.returned) {
        return false;
    }
    if (w.stall) {
        return true;
    }
    if (report->state == CEDE_DEVICE_JOINED) {
        w.taken_over = true;
        answer->welcome = as_array(raw(&w.servers[w.wrong_welcome ? SP1 : SP2].authority), welcome);
    }
    return true;
}

static uint8_t take_report(int index, const struct session *session, struct cede_span body,
                           struct cede_buf out, struct cede_span *encoded)
{
    struct cede_status_report report;
    struct cede_answer answer = {.has_come_back = true, .come_back_s = 60};
    struct cede_writer writer = cede_writer(out);
    uint8_t welcome[513];

    if (w.has_come_back) {
        answer.come_back_s = w.come_back_s;
    }
    OK(cede_status_report_decode(body, &report));
    w.last_report[index] = report;
    w.reports[index][report.state]++;
    if (index == SP1) {
        sp1_answer(session, &report, &answer);
    } else if (report.state == CEDE_DEVICE_UPDATING) {
        assert_true(session->factory);
        answer.has_come_back = w.stall;
    } else if (!sp2_answer(&report, &answer, welcome)) {
        return CEDE_COAP_FORBIDDEN;
    }
    cede_answer_encode(&writer, &answer);
    OK(cede_writer_finish(&writer, encoded));
    return CEDE_COAP_CHANGED;
}

static uint8_t serve(int index, const struct session *session,
                     const struct cede_coap_message *request, struct cede_buf out,
                     struct cede_span *body)
{
    struct server *server = &w.servers[index];
    struct cede_writer writer = cede_writer(out);
    uint32_t accept = 0;

    *body = CEDE_SPAN_NULL;
    server->requests++;
    if (server->refuses) {
        return CEDE_COAP_FORBIDDEN;
    }
    if (server->junk) {
        *body = CEDE_SPAN_TEXT("junk");
        return CEDE_COAP_CHANGED;
    }
    if (index == SP1 || index == SP2) {
        assert_true(cede_coap_path_equals(request, CEDE_SPAN_TEXT("u")));
        return take_report(index, session, request->payload, out, body);
    }
    OK(cede_coap_find_uint(request, CEDE_COAP_ACCEPT, 0, &accept));
    if (accept == CEDE_EST_FORMAT_PKIX_CERT && server->certs_only) {
        return CEDE_COAP_NOT_ACCEPTABLE;
    }
    if (request->code == CEDE_COAP_GET) {
        put_certificate(accept == CEDE_EST_FORMAT_PKCS7_CERTS,
                        raw(server->has_issuing ? &server->issuing : &server->authority), &writer);
        *body = cede_written(&writer);
        return CEDE_COAP_CONTENT;
    }
    if (!session->factory) {
        assert_true(cede_coap_path_equals(request, CEDE_SPAN_TEXT("e/first/sren")));
    }
    return enrol(server, !session->factory, accept == CEDE_EST_FORMAT_PKCS7_CERTS, request->payload,
                 out, body);
}

/* Request and response as the resource sees them. */
static struct cede_span answer_plain(int index, struct session *session, struct cede_span plain,
                                     struct cede_buf out)
{
    struct cede_coap_message request;
    struct cede_coap_encoder encoder;
    struct cede_coap_download download;
    struct cede_span body, response;
    struct cede_coap_block block;
    bool has_block;

    OK(cede_coap_decode(plain, &request));
    OK(cede_coap_find_block(&request, CEDE_COAP_BLOCK2, &has_block, &block));
    if (!has_block || block.number == 0) {
        session->code = serve(index, session, &request, CEDE_BUF_ARRAY(session->body), &body);
        session->body_len = body.len;
    }
    body = cede_span(session->body, session->body_len);
    encoder = cede_coap_begin_response(out, &request, session->code, 1);
    if (body.len > 0) {
        OK(cede_coap_download_slice(&request, body, 6, &download));
        if (download.has_block2) {
            cede_coap_put_uint(&encoder, CEDE_COAP_BLOCK2, cede_coap_block_value(&download.block2));
        }
        cede_coap_put_payload(&encoder, download.slice);
    }
    OK(cede_coap_finish(&encoder, &response));
    return response;
}

static struct cede_span answer_protected(int index, struct session *session,
                                         struct cede_span datagram, struct cede_buf out)
{
    struct cede_oscore_exchange exchange;
    struct cede_span plain, response, result;
    uint8_t memory[1500], plain_response[1500];

    if (cede_oscore_unprotect_request(&session->oscore, w.crypto, datagram, &exchange,
                                      CEDE_BUF_ARRAY(memory), &plain) != CEDE_OK) {
        return CEDE_SPAN_NULL;
    }
    response = answer_plain(index, session, plain, CEDE_BUF_ARRAY(plain_response));
    OK(cede_oscore_protect_response(&session->oscore, w.crypto, CEDE_OSCORE_PLAIN, response,
                                    &exchange, out, &result));
    if (index == SP2 && w.drop_welcome) {
        return CEDE_SPAN_NULL;
    }
    return result;
}

static struct cede_span edhoc_error(const struct cede_coap_message *request,
                                    enum cede_status status, struct cede_buf out)
{
    struct cede_edhoc_config config = world_edhoc();
    uint8_t memory[CEDE_EDHOC_ERROR_LEN_MAX];
    struct cede_span message, datagram;

    OK(cede_edhoc_compose_error(&config, status, CEDE_BUF_ARRAY(memory), &message));
    OK(cede_oscore_compose_edhoc_response(request, CEDE_COAP_BAD_REQUEST, 1, message, out,
                                          &datagram));
    return datagram;
}

static struct cede_span handle(int index, struct cede_span datagram, struct cede_buf out)
{
    struct server *server = &w.servers[index];
    struct cede_coap_message request;
    struct cede_oscore_header header;
    struct cede_span kid, message_3, protected_request, c_r, message, result;
    struct session *session;
    uint8_t memory[1500];

    OK(cede_coap_decode(datagram, &request));
    if (server->forge) {
        return edhoc_error(&request, CEDE_EDHOC_UNKNOWN_CREDENTIAL, out);
    }
    if (cede_oscore_is_combined(&request)) {
        OK(cede_oscore_split_combined(datagram, CEDE_BUF_ARRAY(memory), &kid, &message_3,
                                      &protected_request));
        session = find_session(server, kid);
        if (session == NULL || session->has_oscore) {
            return edhoc_error(&request, CEDE_EDHOC_STATE, out);
        }
        enum cede_status status = take_message_3(index, session, message_3);
        if (status != CEDE_OK) {
            return edhoc_error(&request, status, out);
        }
        return answer_protected(index, session, protected_request, out);
    }
    if (cede_oscore_peek(&request, &header) == CEDE_OK) {
        session = find_session(server, header.kid);
        if (session == NULL || !session->has_oscore) {
            OK(cede_oscore_compose_error(&request, CEDE_OSCORE_NO_CONTEXT, 1, out, &result));
            return result;
        }
        return answer_protected(index, session, datagram, out);
    }
    OK(cede_oscore_split_edhoc_payload(request.payload, &c_r, &message));
    assert_true(cede_span_is_null(c_r));
    if (server->challenge &&
        (server->never_content || !cede_coap_find_option(&request, CEDE_COAP_ECHO, &kid))) {
        static const uint8_t echo[CEDE_OSCORE_ECHO_LEN] = {1, 2, 3};
        server->challenges++;
        OK(cede_oscore_compose_echo(&request, echo, 1, out, &result));
        return result;
    }
    return answer_message_1(server, &request, message, out);
}

static struct cede_span handle_channel(int index, struct cede_span message, struct cede_buf out)
{
    struct cede_span response;

    assert_int_equal(w.channel.server, index);
    response = answer_plain(index, &w.channel.session, message, out);
    return index == SP2 && w.drop_welcome ? CEDE_SPAN_NULL : response;
}

/* Retransmissions get the same answer (RFC 7252, section 4.5). */
static struct cede_span deduplicate(int index, struct cede_span datagram)
{
    struct server *server = &w.servers[index];
    uint8_t memory[1500];
    struct cede_span response;

    if (datagram.len <= CEDE_COAP_EMPTY_LEN) {
        return CEDE_SPAN_NULL; /* an empty message */
    }
    if (datagram.len != server->last_request_len ||
        memcmp(datagram.ptr, server->last_request, datagram.len) != 0) {
        memcpy(server->last_request, datagram.ptr, datagram.len);
        server->last_request_len = datagram.len;
        response = w.x509 ? handle_channel(index, datagram, CEDE_BUF_ARRAY(memory))
                          : handle(index, datagram, CEDE_BUF_ARRAY(memory));
        server->last_response_len = response.len;
        if (response.len > 0) {
            memcpy(server->last_response, response.ptr, response.len);
        }
    }
    if (server->separate && server->last_response_len > CEDE_COAP_EMPTY_LEN) {
        server->last_response[0] = (uint8_t)(server->last_response[0] & 0xcf); /* confirmable */
        server->last_response[2] = 0x77;
        server->last_response[3]++;
    }
    return cede_span(server->last_response, server->last_response_len);
}

/* --- network and time ------------------------------------------------------------------------- */

static bool lost(void)
{
    w.random = w.random * 1103515245u + 12345u;
    return (w.random >> 16) % 100 < w.loss_percent;
}

static uint64_t wall_clock(void *context)
{
    (void)context;
    return w.has_clock ? EPOCH + w.now_ms / 1000 - w.clock_back_s : 0;
}

static void restart(void)
{
    struct cede_device_config config = {.crypto =
                                            w.device_crypto != NULL ? w.device_crypto : w.crypto,
                                        .flash = &w.port,
                                        .wall_clock = wall_clock,
                                        .has_channel = w.x509};

    cede_device_wipe(&w.device);
    w.channel.open = false;
    w.cut = false;
    OK(cede_device_load(&w.device, &config, w.now_ms));
    w.restarts++;
}

static int destination(const struct cede_device_action *action)
{
    int index = 0;

    assert_true(cede_span_equal(action->host, CEDE_SPAN_TEXT("127.0.0.1")));
    while (index < SERVER_COUNT && ports[index] != action->port) {
        index++;
    }
    assert_true(index < SERVER_COUNT);
    return index;
}

#define RECORD_LEN 29 /* header, nonce and tag around a message (RFC 6655) */

/* A message to a server that has forgotten the channel gets no answer; at a loss none either. */
static void deliver_secure(struct cede_span message)
{
    struct server *server = &w.servers[w.channel.server];
    uint8_t copy[1500];
    struct cede_span response = CEDE_SPAN_NULL;

    assert_true(w.channel.open);
    assert_true(message.len <= sizeof copy);
    memcpy(copy, message.ptr, message.len);
    cede_device_channel_count(&w.device, true, message.len + RECORD_LEN);
    w.datagrams++;
    w.now_ms += 10;
    if (w.channel.closes) {
        w.channel.closes = false;
        w.channel.open = false;
        cede_device_channel_closed(&w.device, w.now_ms);
        return;
    }
    if (!server->dead && w.channel.alive && !lost()) {
        response = deduplicate(w.channel.server, cede_span(copy, message.len));
    }
    w.now_ms += 10;
    if (response.len > 0 && !lost()) {
        cede_device_channel_count(&w.device, false, response.len + RECORD_LEN);
        cede_device_channel_receive(&w.device, response, w.now_ms);
    }
}

/* What the server makes of the client's certificate and its proof of the key. */
static enum cede_status admit(int index, const struct cede_device_action *action)
{
    struct cede_private_key key = {CEDE_CRV_P256, action->key, NULL};
    struct cede_certificate certificate;
    uint8_t point[64];

    OK(cede_certificate_decode(action->certificate, w.crypto, &certificate));
    assert_int_equal(certificate.format, CEDE_CERTIFICATE_X509);
    OK(w.crypto->public_from_private(w.crypto->context, &key, point));
    assert_memory_equal(point, certificate.point, sizeof point);
    memset(&w.channel.session, 0, sizeof w.channel.session);
    w.channel.session.factory = cede_span_equal(certificate.raw, raw(&w.factory));
    return w.channel.session.factory ? CEDE_OK : admit_operational(index, &certificate);
}

/* A whole handshake, or none: a lost flight is repeated until the device's patience is over. */
static void open_channel(const struct cede_device_action *action)
{
    int index = destination(action);
    struct server *server = &w.servers[index];
    struct cede_span chain = raw(&server->own);
    enum cede_status status;

    w.channel.open = false;
    w.channel.closes = false;
    cede_device_channel_count(&w.device, true, 200);
    w.datagrams++;
    w.now_ms += 40;
    if (server->dead || lost() || lost()) {
        return;
    }
    if (server->forge) { /* an alert out of nowhere */
        cede_device_channel_closed(&w.device, w.now_ms);
        return;
    }
    cede_device_channel_count(&w.device, false, 800);
    status = cede_device_channel_judge(&w.device, &chain, 1);
    if (status == CEDE_OK) {
        status = admit(index, action);
    }
    if (status != CEDE_OK) {
        w.channel.refused++;
        cede_device_channel_closed(&w.device, w.now_ms);
        return;
    }
    w.channel.open = true;
    w.channel.alive = true;
    w.channel.server = index;
    w.channel.opened++;
    server->last_request_len = 0;
    cede_device_channel_opened(&w.device, w.now_ms);
}

static void send_secure(struct cede_span message);

static void deliver(const struct cede_device_action *action)
{
    uint8_t datagram[1500];
    struct cede_span response = CEDE_SPAN_NULL;
    int index;

    assert_int_equal(action->secure, w.x509);
    if (action->secure) {
        send_secure(action->datagram);
        return;
    }
    index = destination(action);
    assert_true(action->datagram.len <= sizeof datagram);
    memcpy(datagram, action->datagram.ptr, action->datagram.len);
    w.datagrams++;
    w.now_ms += 10;
    if (!w.servers[index].dead && !lost()) {
        response = deduplicate(index, cede_span(datagram, action->datagram.len));
    }
    w.now_ms += 10;
    if (response.len > 0 && !lost()) {
        memcpy(datagram, response.ptr, response.len);
        cede_device_receive(&w.device, cede_span(datagram, response.len), w.now_ms);
    }
}

static void close_channel(void)
{
    w.channel.open = false;
}

/* What the platform does with the device's channel; a test may bring real DTLS. */
struct world_channel {
    void (*open)(const struct cede_device_action *action);
    void (*send)(struct cede_span message);
    void (*close)(void); /* also at a restart, which leaves nothing of it */
};
static struct world_channel world_channel = {open_channel, deliver_secure, close_channel};

static void send_secure(struct cede_span message)
{
    world_channel.send(message);
}

/* One action of the device; power cuts restart it. */
static void step(void)
{
    struct cede_device_action action = cede_device_next(&w.device, w.now_ms);

    switch (action.todo) {
    case CEDE_DEVICE_SEND:
        deliver(&action);
        break;
    case CEDE_DEVICE_WAIT:
        assert_true(action.until_ms > w.now_ms);
        w.now_ms = action.until_ms;
        break;
    case CEDE_DEVICE_OPEN:
        assert_true(w.x509);
        world_channel.open(&action);
        break;
    case CEDE_DEVICE_CLOSE:
        world_channel.close();
        break;
    case CEDE_DEVICE_HALT:
        assert_true(w.cut || w.may_halt); /* nothing else may stop a device */
        world_channel.close();
        restart();
        break;
    }
}

typedef bool (*condition)(void);

static bool run_until(condition reached, uint64_t for_s)
{
    uint64_t end_ms = w.now_ms + for_s * 1000;

    while (!reached() && w.now_ms < end_ms) {
        step();
    }
    return reached();
}

static enum cede_status_policy world_policy; /* of devices made from now on */

static bool world_x509; /* profile of the world that begins next */

static void world_begin(void)
{
    uint8_t anchor[513], controller[513], factory[513];
    struct cede_trust_entry trust[1];
    struct cede_device_provision provision = {.trust = trust,
                                              .trust_count = 1,
                                              .status_policy = world_policy,
                                              .poll_s = 60,
                                              .retry_ms = 2000,
                                              .retry_max_ms = 60000};

    memset(&w, 0, sizeof w);
    w.crypto = cede_crypto_openssl();
    w.x509 = world_x509;
    provision.enroll_uri = uri("coap://127.0.0.1:1001/e/first", "coaps://127.0.0.1:1001/e/first");
    provision.update_uri = uri("coap://127.0.0.1:1002", "coaps://127.0.0.1:1002");
    w.has_clock = true;
    w.random = 1;
    w.port =
        (struct cede_flash){NULL, CEDE_DEVICE_SLOT_SIZE, 32, flash_read, flash_erase, flash_write};
    make_servers();
    trust[0].purposes = CEDE_PURPOSE_ENROL;
    trust[0].certificate = as_array(raw(&w.servers[CA1].authority), anchor);
    provision.factory_key = CEDE_SPAN_ARRAY(w.factory.scalar);
    provision.factory_certificate = as_array(raw(&w.factory), factory);
    provision.controller_certificate = as_array(raw(&w.servers[SP1].authority), controller);
    OK(cede_device_image_create(w.crypto, &w.port, &provision));
    w.writes = 0;
    restart();
    w.restarts = 0;
}

static enum cede_device_state state_now(void)
{
    return cede_device_state(&w.device);
}

static bool controlled_by(int index)
{
    return cede_span_equal(cede_device_record(&w.device)->controller_certificate,
                           raw(&w.servers[index].authority));
}

static inline bool operational_sp1(void)
{
    return state_now() == CEDE_DEVICE_OPERATIONAL && controlled_by(SP1) &&
           w.reports[SP1][CEDE_DEVICE_OPERATIONAL] > 0;
}

static inline bool operational_sp2(void)
{
    return state_now() == CEDE_DEVICE_OPERATIONAL && controlled_by(SP2);
}

#endif
