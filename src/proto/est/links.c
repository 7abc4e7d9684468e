/* SPDX-License-Identifier: Apache-2.0 */
/* links.c - /.well-known/core: where the functions of enrolment are (RFC 6690; RFC 9148, section
 * 4.1), each only by way of OSCORE (draft-ietf-ace-coap-est-oscore-11, section 4.1) or DTLS. */
#include "cede/est.h"

/* Formats that answers come in: of enrolments, of anchors, of wishes. */
#define FORMATS_CERTIFICATE "60 62 281 287 65003 65015 65016 65017"
#define FORMATS_ANCHORS     "281 287 65003 65015"
#define FORMATS_WISHES      "285 65019"
#define FORMATS_KEY         "62"

struct flavour {
    const char *formats[CEDE_EST_KIND_COUNT];
    const char *end; /* of each link */
};

static const struct flavour by_oscore = {{FORMATS_CERTIFICATE, FORMATS_CERTIFICATE, FORMATS_ANCHORS,
                                          FORMATS_WISHES, FORMATS_KEY, FORMATS_KEY},
                                         "\";osc"};
static const struct flavour by_dtls = {
    {"281 287", "281 287", "281 287", "285", FORMATS_KEY, FORMATS_KEY}, "\""};

static void put(struct cede_writer *writer, const char *text)
{
    cede_write_bytes(writer, cede_span_string(text));
}

/* `text` is `first` and `last` together, or, with an asterisk at its end, begins them. */
static bool matches(struct cede_span text, const char *first, const char *last)
{
    struct cede_span head = cede_span_string(first), tail = cede_span_string(last);
    bool begins = text.len > 0 && text.ptr[text.len - 1] == '*';
    size_t len = text.len - begins, head_len;

    if (len > head.len + tail.len || (!begins && len != head.len + tail.len)) {
        return false;
    }
    head_len = len < head.len ? len : head.len;
    return cede_span_equal(cede_span_part(text, 0, head_len), cede_span_part(head, 0, head_len)) &&
           cede_span_equal(cede_span_part(text, head_len, len - head_len),
                           cede_span_part(tail, 0, len - head_len));
}

static struct cede_span value_of(struct cede_span filter, struct cede_span name)
{
    if (filter.len < name.len || !cede_span_equal(cede_span_part(filter, 0, name.len), name)) {
        return CEDE_SPAN_NULL;
    }
    return cede_span_part(filter, name.len, filter.len - name.len);
}

static bool is_wanted(struct cede_span filter, const char *root, const char *path)
{
    struct cede_span type = value_of(filter, CEDE_SPAN_TEXT("rt="));
    struct cede_span href = value_of(filter, CEDE_SPAN_TEXT("href="));

    if (filter.ptr == NULL) {
        return true;
    }
    if (type.ptr != NULL) {
        return matches(type, "ace.est.", path);
    }
    return href.ptr != NULL && matches(href, root, path);
}

static void put_links(struct cede_writer *writer, const char *root, struct cede_span filter,
                      const struct flavour *flavour)
{
    const char *separator = "";

    for (int kind = 0; kind < CEDE_EST_KIND_COUNT; kind++) {
        const char *path = cede_est_operation((enum cede_est_kind)kind)->path;
        if (!is_wanted(filter, root, path)) {
            continue;
        }
        put(writer, separator);
        put(writer, "<");
        put(writer, root);
        put(writer, path);
        put(writer, ">;rt=\"ace.est.");
        put(writer, path);
        put(writer, "\";ct=\"");
        put(writer, flavour->formats[kind]);
        put(writer, flavour->end);
        separator = ",";
    }
}

void cede_est_put_links(struct cede_writer *writer, const char *root, struct cede_span filter)
{
    put_links(writer, root, filter, &by_oscore);
}

void cede_est_put_coaps_links(struct cede_writer *writer, const char *root, struct cede_span filter)
{
    put_links(writer, root, filter, &by_dtls);
}
