/* SPDX-License-Identifier: Apache-2.0 */
/* crl.c - CertificateList, read and written in RFC 5280's order. */
#include "server/common/crl.h"

#include <stdlib.h>
#include <string.h>

#include "cede/der.h"

#define ENTRY_MAX  64   /* serial of 20 bytes, time, reason */
#define HEADER_MAX 2048 /* names, times and extensions around the entries */
#define VERSION_2  1

/* id-ce ... (RFC 5280, section 5.2 and 5.3). */
static const uint8_t oid_number[] = {0x55, 0x1d, 0x14};
static const uint8_t oid_reason[] = {0x55, 0x1d, 0x15};
static const uint8_t oid_delta[] = {0x55, 0x1d, 0x1b};
static const uint8_t oid_authority_key_id[] = {0x55, 0x1d, 0x23};
static const uint8_t oid_freshest[] = {0x55, 0x1d, 0x2e};

/* --- writing ---------------------------------------------------------------------------------- */

struct extension_marks {
    size_t extension;
    size_t value;
};

static struct extension_marks open_extension(struct cede_writer *writer, struct cede_span oid,
                                             bool critical)
{
    struct extension_marks marks;

    marks.extension = cede_der_open(writer, CEDE_DER_SEQUENCE);
    cede_der_put_oid(writer, oid);
    if (critical) {
        cede_der_put_bool(writer, true);
    }
    marks.value = cede_der_open(writer, CEDE_DER_OCTET_STRING);
    return marks;
}

static void close_extension(struct cede_writer *writer, struct extension_marks marks)
{
    cede_der_close(writer, marks.value);
    cede_der_close(writer, marks.extension);
}

static void put_reason(struct cede_writer *writer, int reason)
{
    uint8_t code = (uint8_t)reason;
    size_t list = cede_der_open(writer, CEDE_DER_SEQUENCE);
    struct extension_marks marks = open_extension(writer, CEDE_SPAN_ARRAY(oid_reason), false);

    cede_der_put(writer, CEDE_DER_ENUMERATED, cede_span(&code, 1));
    close_extension(writer, marks);
    cede_der_close(writer, list);
}

static bool grow(struct crl_entries *entries)
{
    size_t cap = entries->cap == 0 ? 4096 : 2 * entries->cap;
    uint8_t *grown = realloc(entries->bytes, cap);

    if (grown != NULL) {
        entries->bytes = grown;
        entries->cap = cap;
    }
    return grown != NULL;
}

enum cede_status crl_entries_add(struct crl_entries *entries, struct cede_span serial, uint64_t at,
                                 int reason)
{
    struct cede_writer writer;
    size_t mark;

    if (serial.len > CEDE_SERIAL_LEN_MAX || reason < 0 || reason > CRL_REASON_MAX) {
        return CEDE_BAD_ARGUMENT;
    }
    if (entries->cap - entries->len < ENTRY_MAX && !grow(entries)) {
        return CEDE_SERVER_MEMORY;
    }
    writer = cede_writer(cede_buf(entries->bytes + entries->len, entries->cap - entries->len));
    mark = cede_der_open(&writer, CEDE_DER_SEQUENCE);
    cede_der_put_unsigned(&writer, serial);
    cede_der_put_time(&writer, at);
    if (reason != CRL_REASON_UNSPECIFIED) {
        put_reason(&writer, reason);
    }
    cede_der_close(&writer, mark);
    CEDE_TRY(writer.status);
    entries->len += writer.len;
    entries->count++;
    return CEDE_OK;
}

void crl_entries_wipe(struct crl_entries *entries)
{
    free(entries->bytes);
    memset(entries, 0, sizeof *entries);
}

static void put_number(struct cede_writer *writer, struct cede_span oid, bool critical,
                       uint64_t number)
{
    struct extension_marks marks = open_extension(writer, oid, critical);

    cede_der_put_small(writer, number);
    close_extension(writer, marks);
}

static void put_authority_key_id(struct cede_writer *writer, struct cede_span key_id)
{
    struct extension_marks marks =
        open_extension(writer, CEDE_SPAN_ARRAY(oid_authority_key_id), false);
    size_t mark = cede_der_open(writer, CEDE_DER_SEQUENCE);

    cede_der_put(writer, CEDE_DER_CONTEXT(0), key_id);
    cede_der_close(writer, mark);
    close_extension(writer, marks);
}

/* CRLDistributionPoints with one point of one URI. */
static void put_freshest(struct cede_writer *writer, struct cede_span uri)
{
    struct extension_marks marks = open_extension(writer, CEDE_SPAN_ARRAY(oid_freshest), false);
    size_t points = cede_der_open(writer, CEDE_DER_SEQUENCE);
    size_t point = cede_der_open(writer, CEDE_DER_SEQUENCE);
    size_t name = cede_der_open(writer, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    size_t full_name = cede_der_open(writer, CEDE_DER_CONTEXT_CONSTRUCTED(0));

    cede_der_put(writer, CEDE_DER_CONTEXT(CEDE_GN_URI), uri);
    cede_der_close(writer, full_name);
    cede_der_close(writer, name);
    cede_der_close(writer, point);
    cede_der_close(writer, points);
    close_extension(writer, marks);
}

static void put_extensions(struct cede_writer *writer, const struct crl_info *info)
{
    size_t context = cede_der_open(writer, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    size_t list = cede_der_open(writer, CEDE_DER_SEQUENCE);

    if (info->authority_key_id.ptr != NULL) {
        put_authority_key_id(writer, info->authority_key_id);
    }
    put_number(writer, CEDE_SPAN_ARRAY(oid_number), false, info->number);
    if (info->is_delta) {
        put_number(writer, CEDE_SPAN_ARRAY(oid_delta), true, info->base_number);
    } else if (info->freshest_uri.ptr != NULL) {
        put_freshest(writer, info->freshest_uri);
    }
    cede_der_close(writer, list);
    cede_der_close(writer, context);
}

static void put_tbs(struct cede_writer *writer, const struct crl_info *info,
                    const struct crl_entries *entries)
{
    size_t mark = cede_der_open(writer, CEDE_DER_SEQUENCE);

    cede_der_put_small(writer, VERSION_2);
    cede_x509_put_algorithm(writer, info->signature_alg);
    cede_x509_put_name(writer, info->issuer);
    cede_der_put_time(writer, info->this_update);
    cede_der_put_time(writer, info->next_update);
    if (entries->count > 0) { /* absent, not empty (section 5.1.2.6) */
        cede_der_put(writer, CEDE_DER_SEQUENCE, cede_span(entries->bytes, entries->len));
    }
    put_extensions(writer, info);
    cede_der_close(writer, mark);
}

static enum cede_status take_over(const struct cede_writer *writer, uint8_t *memory,
                                  uint8_t **bytes, size_t *len)
{
    if (writer->status != CEDE_OK) {
        free(memory);
        return writer->status;
    }
    *bytes = memory;
    *len = writer->len;
    return CEDE_OK;
}

enum cede_status crl_tbs(const struct crl_info *info, const struct crl_entries *entries,
                         uint8_t **bytes, size_t *len)
{
    size_t cap = entries->len + HEADER_MAX;
    uint8_t *memory = malloc(cap);
    struct cede_writer writer = cede_writer(cede_buf(memory, cap));

    *bytes = NULL;
    *len = 0;
    if (memory == NULL) {
        return CEDE_SERVER_MEMORY;
    }
    put_tbs(&writer, info, entries);
    return take_over(&writer, memory, bytes, len);
}

enum cede_status crl_join(struct cede_span tbs, int32_t signature_alg, struct cede_span signature,
                          uint8_t **bytes, size_t *len)
{
    size_t cap = tbs.len + HEADER_MAX;
    uint8_t *memory = malloc(cap);
    struct cede_writer writer = cede_writer(cede_buf(memory, cap));
    size_t mark;

    *bytes = NULL;
    *len = 0;
    if (memory == NULL) {
        return CEDE_SERVER_MEMORY;
    }
    mark = cede_der_open(&writer, CEDE_DER_SEQUENCE);
    cede_write_bytes(&writer, tbs);
    cede_x509_put_algorithm(&writer, signature_alg);
    cede_x509_put_signature(&writer, signature_alg, signature);
    cede_der_close(&writer, mark);
    return take_over(&writer, memory, bytes, len);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* One extension: OID, criticality, contents of extnValue. */
static bool next_extension(struct cede_reader *list, struct cede_span *oid, bool *critical,
                           struct cede_span *value)
{
    struct cede_reader extension;

    if (list->status != CEDE_OK || cede_reader_left(list) == 0) {
        return false;
    }
    extension = cede_der_enter(list, CEDE_DER_SEQUENCE);
    *oid = cede_der_get(&extension, CEDE_DER_OID);
    *critical = cede_der_peek(&extension) == CEDE_DER_BOOLEAN && cede_der_get_bool(&extension);
    *value = cede_der_get(&extension, CEDE_DER_OCTET_STRING);
    if (cede_reader_finish(&extension) != CEDE_OK) {
        cede_reader_fail(list, cede_reader_finish(&extension));
        return false;
    }
    return true;
}

/* "CRL verifiers MUST be able to handle CRLNumber values up to 20 octets" (section 5.2.3). */
static enum cede_status read_number(struct cede_span value, struct cede_span *number)
{
    struct cede_reader reader = cede_reader(value);
    struct cede_span bytes = cede_der_get_unsigned(&reader);

    CEDE_TRY(cede_reader_finish(&reader));
    if (bytes.len > CRL_NUMBER_MAX) {
        return CEDE_DER_VALUE;
    }
    *number = bytes;
    return CEDE_OK;
}

static enum cede_status read_authority_key_id(struct cede_span value, struct cede_span *key_id)
{
    struct cede_reader reader = cede_reader(value);
    struct cede_reader inner = cede_der_enter(&reader, CEDE_DER_SEQUENCE);

    if (cede_der_peek(&inner) == CEDE_DER_CONTEXT(0)) {
        *key_id = cede_der_get(&inner, CEDE_DER_CONTEXT(0));
    }
    return cede_reader_finish(&reader);
}

/* The first URI of the first point; other forms of names are no use here. */
static void read_freshest(struct cede_span value, struct cede_span *uri)
{
    struct cede_reader reader = cede_reader(value);
    struct cede_reader points = cede_der_enter(&reader, CEDE_DER_SEQUENCE);
    struct cede_reader point = cede_der_enter(&points, CEDE_DER_SEQUENCE);
    struct cede_reader name = cede_der_enter(&point, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    struct cede_reader full_name = cede_der_enter(&name, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    struct cede_span found = cede_der_get(&full_name, CEDE_DER_CONTEXT(CEDE_GN_URI));

    if (full_name.status == CEDE_OK && memchr(found.ptr, 0, found.len) == NULL) {
        *uri = found;
    }
}

static enum cede_status read_extensions(struct cede_span contents, struct crl_view *crl)
{
    struct cede_reader list = cede_reader(contents);
    struct cede_span oid, value;
    bool critical = false, has_number = false;

    while (next_extension(&list, &oid, &critical, &value)) {
        if (cede_span_equal(oid, CEDE_SPAN_ARRAY(oid_number)) && !has_number) {
            CEDE_TRY(read_number(value, &crl->number));
            has_number = true;
        } else if (cede_span_equal(oid, CEDE_SPAN_ARRAY(oid_delta)) && !crl->is_delta) {
            CEDE_TRY(read_number(value, &crl->base_number));
            crl->is_delta = true;
        } else if (cede_span_equal(oid, CEDE_SPAN_ARRAY(oid_authority_key_id))) {
            CEDE_TRY(read_authority_key_id(value, &crl->authority_key_id));
        } else if (cede_span_equal(oid, CEDE_SPAN_ARRAY(oid_freshest))) {
            read_freshest(value, &crl->freshest_uri);
        } else if (critical) {
            return CEDE_X509_EXTENSION;
        }
    }
    CEDE_TRY(cede_reader_finish(&list));
    return has_number ? CEDE_OK : CEDE_X509_EXTENSION;
}

static enum cede_status read_tbs(struct cede_reader *tbs, struct crl_view *crl)
{
    struct cede_reader context, list;

    if (cede_der_get_small(tbs) != VERSION_2) {
        cede_reader_fail(tbs, CEDE_X509_VERSION);
    }
    crl->signature_alg = cede_x509_signature_alg(cede_der_get_value(tbs));
    crl->issuer = cede_der_get_value(tbs);
    crl->this_update = cede_der_get_time(tbs);
    crl->next_update = cede_der_get_time(tbs);
    crl->entries = CEDE_SPAN_TEXT("");
    if (cede_der_peek(tbs) == CEDE_DER_SEQUENCE) {
        crl->entries = cede_der_get(tbs, CEDE_DER_SEQUENCE);
    }
    context = cede_der_enter(tbs, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    CEDE_TRY(cede_reader_finish(tbs));
    list = cede_reader(cede_der_get(&context, CEDE_DER_SEQUENCE));
    CEDE_TRY(cede_reader_finish(&context));
    return read_extensions(list.in, crl);
}

enum cede_status crl_decode_tbs(struct cede_span tbs, struct crl_view *crl)
{
    struct cede_reader reader = cede_reader(tbs);
    struct cede_reader inner = cede_der_enter(&reader, CEDE_DER_SEQUENCE);
    struct crl_view read = {.tbs = tbs};

    memset(crl, 0, sizeof *crl);
    CEDE_TRY(cede_reader_finish(&reader));
    CEDE_TRY(read_tbs(&inner, &read));
    *crl = read;
    return CEDE_OK;
}

enum cede_status crl_decode(struct cede_span der, struct crl_view *crl)
{
    struct cede_reader whole = cede_reader(der);
    struct cede_reader reader = cede_der_enter(&whole, CEDE_DER_SEQUENCE);
    struct cede_span tbs = cede_der_get_value(&reader);
    int32_t outer = cede_x509_signature_alg(cede_der_get_value(&reader));
    struct cede_span bits = cede_der_get_bits(&reader, NULL);
    struct crl_view read;

    memset(crl, 0, sizeof *crl);
    CEDE_TRY(cede_reader_finish(&reader));
    CEDE_TRY(cede_reader_finish(&whole));
    CEDE_TRY(crl_decode_tbs(tbs, &read));
    if (outer != read.signature_alg) {
        return CEDE_X509_ALGORITHMS_DIFFER;
    }
    read.signature_bits = bits;
    *crl = read;
    return CEDE_OK;
}

enum cede_status crl_verify(const struct crl_view *crl, const struct cede_crypto *crypto,
                            const struct cede_certificate *issuer)
{
    struct cede_public_key key = cede_certificate_key(issuer);
    uint8_t signature[CEDE_SIGNATURE_LEN_MAX];
    size_t len = 0;

    if (!cede_name_equal(issuer->subject, (struct cede_name){CEDE_NAME_DER, crl->issuer})) {
        return CEDE_CERTIFICATE_UNTRUSTED;
    }
    if (issuer->ext.has_key_usage && (issuer->ext.key_usage & CEDE_KU_CRL_SIGN) == 0) {
        return CEDE_CERTIFICATE_USAGE;
    }
    if (crl->signature_alg == 0 || cede_signature_curve(crl->signature_alg) != key.curve) {
        return CEDE_CERTIFICATE_ALGORITHM;
    }
    CEDE_TRY(cede_x509_signature_raw(crl->signature_alg, crl->signature_bits, signature, &len));
    return crypto->verify(crypto->context, crl->signature_alg, &key, &crl->tbs, 1,
                          cede_span(signature, len));
}

static enum cede_status read_reason(struct cede_span value, int *reason)
{
    struct cede_reader reader = cede_reader(value);
    struct cede_span code = cede_der_get(&reader, CEDE_DER_ENUMERATED);

    CEDE_TRY(cede_reader_finish(&reader));
    if (code.len != 1 || code.ptr[0] > CRL_REASON_MAX) {
        return CEDE_DER_VALUE;
    }
    *reason = code.ptr[0];
    return CEDE_OK;
}

/* An entry of another issuer would need the critical certificateIssuer, which is not known here. */
static enum cede_status read_entry_extensions(struct cede_span contents, struct crl_entry *entry)
{
    struct cede_reader list = cede_reader(contents);
    struct cede_span oid, value;
    bool critical = false;

    while (next_extension(&list, &oid, &critical, &value)) {
        if (cede_span_equal(oid, CEDE_SPAN_ARRAY(oid_reason))) {
            CEDE_TRY(read_reason(value, &entry->reason));
        } else if (critical) {
            return CEDE_X509_EXTENSION;
        }
    }
    return cede_reader_finish(&list);
}

/* Some CAs have issued negative serial numbers, or longer ones than 20 bytes (section 4.1.2.2). No
 * such certificate is taken here, and its entry does not take the others away. */
static struct cede_span get_serial(struct cede_reader *entry)
{
    struct cede_reader ahead = *entry;
    struct cede_span serial = cede_der_get_unsigned(&ahead);

    if (ahead.status == CEDE_DER_NEGATIVE) {
        (void)cede_der_get(entry, CEDE_DER_INTEGER);
        return CEDE_SPAN_NULL;
    }
    *entry = ahead;
    return serial.len <= CEDE_SERIAL_LEN_MAX ? serial : CEDE_SPAN_NULL;
}

bool crl_next(struct cede_reader *reader, struct crl_entry *entry)
{
    struct cede_reader inner;
    enum cede_status status = CEDE_OK;

    memset(entry, 0, sizeof *entry);
    if (reader->status != CEDE_OK || cede_reader_left(reader) == 0) {
        return false;
    }
    inner = cede_der_enter(reader, CEDE_DER_SEQUENCE);
    entry->serial = get_serial(&inner);
    entry->at = cede_der_get_time(&inner);
    if (inner.status == CEDE_OK && cede_reader_left(&inner) > 0) {
        status = read_entry_extensions(cede_der_get(&inner, CEDE_DER_SEQUENCE), entry);
    }
    if (status == CEDE_OK) {
        status = cede_reader_finish(&inner);
    }
    if (status != CEDE_OK) {
        cede_reader_fail(reader, status);
    }
    return reader->status == CEDE_OK;
}
