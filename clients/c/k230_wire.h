/* k230_wire.h - read what a K230 vision service sends (docs/protocol.md), on any microcontroller.
 *
 * One header, C99, no allocation, nothing but <stdint.h>, <stddef.h> and <string.h>.
 *
 *     static k230_decoder decoder;                       // about K230_MAX_PAYLOAD bytes
 *     k230_init(&decoder);
 *     for (each byte from the UART)
 *         if (k230_push(&decoder, byte)) {
 *             k230_message message;
 *             if (k230_open(&decoder, &message)) ...     // valid until the next k230_push
 *         }
 *
 * Every message that comes out passed its CRC-32 and is well-formed msgpack to its last byte; what
 * does not is thrown away and counted in decoder.rejected. A reader moves from value to value;
 * every k230_read_* returns 1 when the value was there and of that kind, else 0 and stays.
 *
 * K230_MAX_PAYLOAD, to be defined before the header where 2,048 bytes are too many or too few,
 * bounds the memory: a longer packet is counted as rejected. The service sends at most 32,768.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef K230_WIRE_H
#define K230_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifndef K230_MAX_PAYLOAD
#define K230_MAX_PAYLOAD 2048
#endif

#define K230_PROTOCOL_VERSION 2
#define K230_MAX_DEPTH 16
#define K230_SEALED_MARK 0xC1

enum {
    K230_HELLO = 0,
    K230_WELCOME = 1,
    K230_AUTH = 2,
    K230_READY = 3,
    K230_REFUSED = 4,
    K230_REQUEST = 5,
    K230_REPLY = 6,
    K230_FAILURE = 7,
    K230_PROGRESS = 8,
    K230_CHUNK = 9,
    K230_TAKEN = 10,
    K230_PING = 11,
    K230_PONG = 12,
    K230_EVENT = 13,
    K230_MODEL = 14,
    K230_STATISTICS = 15,
    K230_LOG = 16,
    K230_SEEK = 17,
    K230_HERE = 18,
    K230_BYE = 19,
    K230_ALIVE = 20,
    K230_CLASSIFICATION = 32,
    K230_DETECTION = 33,
    K230_SEGMENTATION = 34,
    K230_OCR_DETECTION = 35,
    K230_OCR_RECOGNITION = 36,
    K230_OCR = 37,
    K230_METRIC_LEARNING = 38,
    K230_MULTILABEL = 39,
    K230_IDENTITIES = 40,
    K230_INSTANCE_SEGMENTATION = 41,
    K230_POSE = 42,
    K230_ORIENTED_DETECTION = 43
};

/* UTF-8, not terminated; points into the decoder's buffer. data is NULL for nil. */
typedef struct {
    const char *data;
    size_t size;
} k230_text;

typedef struct {
    const uint8_t *data;
    size_t size;
} k230_bytes;

/* A place in a payload. */
typedef struct {
    const uint8_t *at;
    const uint8_t *end;
} k230_reader;

typedef struct {
    uint32_t rejected;      /* packets thrown away since k230_init */
    uint8_t code;           /* of the COBS block that is being read, 0 before the first */
    uint8_t left;           /* its data bytes still to come */
    uint8_t skipping;       /* too long: everything up to the next delimiter is part of it */
    uint8_t complete;       /* what the last k230_push returned */
    size_t size;            /* bytes of body so far */
    uint8_t body[K230_MAX_PAYLOAD + 4];
} k230_decoder;

typedef struct {
    uint8_t type;           /* K230_HELLO ... K230_ORIENTED_DETECTION, or one of a later version */
    uint8_t sealed;         /* 1: payload is sealed (section "Key"): nothing else is set */
    uint32_t count;         /* fields after the type */
    k230_reader fields;
    k230_bytes payload;
} k230_message;

/* ---- packets */

static inline void k230_init(k230_decoder *d) {
    d->rejected = 0;
    d->code = d->left = d->skipping = d->complete = 0;
    d->size = 0;
}

static inline uint32_t k230_crc32(const uint8_t *data, size_t size) {
    static const uint32_t table[16] = {
        0x00000000u, 0x1DB71064u, 0x3B6E20C8u, 0x26D930ACu, 0x76DC4190u, 0x6B6B51F4u,
        0x4DB26158u, 0x5005713Cu, 0xEDB88320u, 0xF00F9344u, 0xD6D6A3E8u, 0xCB61B38Cu,
        0x9B64C2B0u, 0x86D3D2D4u, 0xA00AE278u, 0xBDBDF21Cu};
    uint32_t crc = 0xFFFFFFFFu;
    while (size--) {
        crc ^= *data++;
        crc = (crc >> 4) ^ table[crc & 15];
        crc = (crc >> 4) ^ table[crc & 15];
    }
    return crc ^ 0xFFFFFFFFu;
}

static inline int k230_well_formed(const uint8_t *payload, size_t size);

static inline int k230_end_of_packet(k230_decoder *d) {
    const int begun = d->code != 0;
    const int whole = d->left == 0;
    const int skipping = d->skipping;
    const size_t size = d->size;
    d->code = d->left = d->skipping = 0;
    d->size = 0;
    if (!begun || skipping) {
        return 0;               /* an empty packet is no fault; a skipped one is counted already */
    }
    /* A CRC over the data and its own CRC leaves this. */
    if (whole && size > 4 && k230_crc32(d->body, size) == 0x2144DF1Cu &&
        (d->body[0] == K230_SEALED_MARK || k230_well_formed(d->body, size - 4))) {
        d->size = size;
        return 1;
    }
    d->rejected++;
    return 0;
}

static inline void k230_keep(k230_decoder *d, uint8_t byte) {
    if (d->size < sizeof d->body) {
        d->body[d->size++] = byte;
    } else {
        d->skipping = 1;
        d->rejected++;
    }
}

/* Take one byte from the link; 1: a message is complete and can be opened. */
static inline int k230_push(k230_decoder *d, uint8_t byte) {
    if (d->complete) {
        d->complete = 0;
        d->size = 0;
    }
    if (byte == 0) {
        d->complete = (uint8_t)k230_end_of_packet(d);
        return d->complete;
    }
    if (d->skipping) {
        return 0;
    }
    if (d->left) {
        d->left--;
        k230_keep(d, byte);
        return 0;
    }
    if (d->code != 0 && d->code != 255) {
        k230_keep(d, 0);        /* the zero that the block before stands for */
    }
    d->code = byte;
    d->left = (uint8_t)(byte - 1);
    return 0;
}

/* ---- msgpack */

typedef enum {
    K230_KIND_NIL,
    K230_KIND_BOOL,             /* number: 0 or 1 */
    K230_KIND_UINT,             /* number */
    K230_KIND_INT,              /* number, as two's complement; negative */
    K230_KIND_FLOAT,            /* bytes: 4 (or 8, which the board never sends), big endian */
    K230_KIND_TEXT,             /* bytes */
    K230_KIND_BINARY,           /* bytes */
    K230_KIND_ARRAY,            /* number of items that follow */
    K230_KIND_MAP               /* number of pairs that follow */
} k230_kind;

typedef struct {
    k230_kind kind;
    uint64_t number;
    k230_bytes bytes;
} k230_item;

static inline uint64_t k230_big_endian(const uint8_t *at, unsigned width) {
    uint64_t value = 0;
    while (width--) {
        value = value << 8 | *at++;
    }
    return value;
}

/* Take the next value; of an array or a map only its head: its items come next. */
static inline int k230_next(k230_reader *r, k230_item *item) {
    const uint8_t *at = r->at;
    const size_t room = (size_t)(r->end - at);
    unsigned width = 0;         /* of the number or size after the head */
    uint8_t head;
    int sized = 0;
    if (room == 0) {
        return 0;
    }
    head = *at++;
    item->number = 0;
    item->bytes.data = NULL;
    item->bytes.size = 0;
    if (head < 0x80) {
        item->kind = K230_KIND_UINT;
        item->number = head;
    } else if (head >= 0xE0) {
        item->kind = K230_KIND_INT;
        item->number = (uint64_t)head | ~(uint64_t)0xFF;
    } else if (head < 0x90) {
        item->kind = K230_KIND_MAP;
        item->number = head & 0x0Fu;
    } else if (head < 0xA0) {
        item->kind = K230_KIND_ARRAY;
        item->number = head & 0x0Fu;
    } else if (head < 0xC0) {
        item->kind = K230_KIND_TEXT;
        item->bytes.size = head & 0x1Fu;
        sized = 1;
    } else {
        switch (head) {
        case 0xC0:
            item->kind = K230_KIND_NIL;
            break;
        case 0xC2:
        case 0xC3:
            item->kind = K230_KIND_BOOL;
            item->number = head & 1u;
            break;
        case 0xC4:
        case 0xC5:
        case 0xC6:
            item->kind = K230_KIND_BINARY;
            width = 1u << (head - 0xC4);
            sized = 1;
            break;
        case 0xCA:
        case 0xCB:
            item->kind = K230_KIND_FLOAT;
            item->bytes.size = head == 0xCA ? 4 : 8;
            sized = 1;
            break;
        case 0xCC:
        case 0xCD:
        case 0xCE:
        case 0xCF:
            item->kind = K230_KIND_UINT;
            width = 1u << (head - 0xCC);
            break;
        case 0xD0:
        case 0xD1:
        case 0xD2:
        case 0xD3:
            item->kind = K230_KIND_INT;
            width = 1u << (head - 0xD0);
            break;
        case 0xD9:
        case 0xDA:
        case 0xDB:
            item->kind = K230_KIND_TEXT;
            width = 1u << (head - 0xD9);
            sized = 1;
            break;
        case 0xDC:
        case 0xDD:
            item->kind = K230_KIND_ARRAY;
            width = 2u << (head - 0xDC);
            break;
        case 0xDE:
        case 0xDF:
            item->kind = K230_KIND_MAP;
            width = 2u << (head - 0xDE);
            break;
        default:
            return 0;           /* 0xC1 and the extension types are not used */
        }
    }
    if (width) {
        if ((size_t)(r->end - at) < width) {
            return 0;
        }
        item->number = k230_big_endian(at, width);
        at += width;
        if (item->kind == K230_KIND_INT) {
            const uint64_t sign = (uint64_t)1 << (8 * width - 1);
            if (item->number & sign) {
                item->number |= ~(sign | (sign - 1));
            } else {
                item->kind = K230_KIND_UINT;
            }
        } else if (sized) {
            item->bytes.size = item->number > room ? room : (size_t)item->number;
        }
    }
    if (sized) {
        if ((size_t)(r->end - at) < item->bytes.size) {
            return 0;
        }
        item->bytes.data = at;
        at += item->bytes.size;
    }
    r->at = at;
    return 1;
}

static inline int k230_is_utf8(const uint8_t *at, size_t size) {
    const uint8_t *const end = at + size;
    while (at < end) {
        const uint8_t head = *at++;
        unsigned more;
        uint8_t low = 0x80, high = 0xBF;    /* of the second byte */
        if (head < 0x80) {
            continue;
        }
        if (head >= 0xC2 && head <= 0xDF) {
            more = 1;
        } else if (head >= 0xE0 && head <= 0xEF) {
            more = 2;
            low = head == 0xE0 ? 0xA0 : 0x80;
            high = head == 0xED ? 0x9F : 0xBF;
        } else if (head >= 0xF0 && head <= 0xF4) {
            more = 3;
            low = head == 0xF0 ? 0x90 : 0x80;
            high = head == 0xF4 ? 0x8F : 0xBF;
        } else {
            return 0;
        }
        if ((size_t)(end - at) < more) {
            return 0;
        }
        while (more--) {
            if (*at < low || *at > high) {
                return 0;
            }
            low = 0x80;
            high = 0xBF;
            at++;
        }
    }
    return 1;
}

/* Whether payload is one message, whole: afterwards nothing in it can be cut off. */
static inline int k230_well_formed(const uint8_t *payload, size_t size) {
    uint64_t left[K230_MAX_DEPTH];      /* items still to come in each open array or map */
    uint8_t is_map[K230_MAX_DEPTH];
    unsigned depth = 0;
    k230_reader r;
    k230_item item;
    r.at = payload;
    r.end = payload + size;
    if (!k230_next(&r, &item) || item.kind != K230_KIND_ARRAY || item.number == 0) {
        return 0;
    }
    left[0] = item.number;
    is_map[0] = 0;
    {
        k230_reader first = r;
        if (!k230_next(&first, &item) || item.kind != K230_KIND_UINT || item.number > 127) {
            return 0;
        }
    }
    for (;;) {
        while (left[depth] == 0) {
            if (depth == 0) {
                return r.at == r.end;
            }
            depth--;
        }
        if (!k230_next(&r, &item)) {
            return 0;
        }
        if (is_map[depth] && (left[depth] & 1) == 0 && item.kind != K230_KIND_TEXT &&
            item.kind != K230_KIND_UINT && item.kind != K230_KIND_INT) {
            return 0;           /* no key */
        }
        left[depth]--;
        if (item.kind == K230_KIND_TEXT) {
            if (!k230_is_utf8(item.bytes.data, item.bytes.size)) {
                return 0;
            }
        } else if (item.kind == K230_KIND_ARRAY || item.kind == K230_KIND_MAP) {
            if (++depth == K230_MAX_DEPTH || item.number > size) {
                return 0;
            }
            is_map[depth] = item.kind == K230_KIND_MAP;
            left[depth] = item.number << is_map[depth];
        }
    }
}

/* Leave out one value, with everything in it. */
static inline int k230_skip(k230_reader *r) {
    const k230_reader start = *r;
    uint64_t left = 1;
    k230_item item;
    while (left) {
        if (!k230_next(r, &item)) {
            *r = start;
            return 0;
        }
        left--;
        if (item.kind == K230_KIND_ARRAY) {
            left += item.number;
        } else if (item.kind == K230_KIND_MAP) {
            left += 2 * item.number;
        }
    }
    return 1;
}

static inline int k230_read_kind(k230_reader *r, k230_kind kind, k230_item *item) {
    const k230_reader start = *r;
    if (k230_next(r, item) && item->kind == kind) {
        return 1;
    }
    *r = start;
    return 0;
}

static inline int k230_read_nil(k230_reader *r) {
    k230_item item;
    return k230_read_kind(r, K230_KIND_NIL, &item);
}

static inline int k230_read_bool(k230_reader *r, int *value) {
    k230_item item;
    if (!k230_read_kind(r, K230_KIND_BOOL, &item)) {
        return 0;
    }
    *value = (int)item.number;
    return 1;
}

static inline int k230_read_uint(k230_reader *r, uint64_t *value) {
    k230_item item;
    if (!k230_read_kind(r, K230_KIND_UINT, &item)) {
        return 0;
    }
    *value = item.number;
    return 1;
}

/* 0 also where the value is beyond 32 bits. */
static inline int k230_read_uint32(k230_reader *r, uint32_t *value) {
    const k230_reader start = *r;
    uint64_t wide;
    if (!k230_read_uint(r, &wide)) {
        return 0;
    }
    if (wide > 0xFFFFFFFFu) {
        *r = start;
        return 0;
    }
    *value = (uint32_t)wide;
    return 1;
}

/* 0 also where the value is beyond int64_t. */
static inline int k230_read_int(k230_reader *r, int64_t *value) {
    const k230_reader start = *r;
    k230_item item;
    if (k230_next(r, &item)) {
        if (item.kind == K230_KIND_UINT && item.number <= INT64_MAX) {
            *value = (int64_t)item.number;
            return 1;
        }
        if (item.kind == K230_KIND_INT) {
            *value = -(int64_t)(~item.number) - 1;
            return 1;
        }
    }
    *r = start;
    return 0;
}

static inline int k230_read_int32(k230_reader *r, int32_t *value) {
    const k230_reader start = *r;
    int64_t wide;
    if (!k230_read_int(r, &wide)) {
        return 0;
    }
    if (wide < INT32_MIN || wide > INT32_MAX) {
        *r = start;
        return 0;
    }
    *value = (int32_t)wide;
    return 1;
}

/* Single precision: settings and averages, never a physical quantity of a result. */
static inline int k230_read_float(k230_reader *r, float *value) {
    const k230_reader start = *r;
    k230_item item;
    uint32_t bits;
    if (!k230_read_kind(r, K230_KIND_FLOAT, &item) || item.bytes.size != sizeof bits) {
        *r = start;
        return 0;
    }
    bits = (uint32_t)k230_big_endian(item.bytes.data, sizeof bits);
    memcpy(value, &bits, sizeof bits);
    return 1;
}

static inline int k230_read_text(k230_reader *r, k230_text *text) {
    k230_item item;
    if (!k230_read_kind(r, K230_KIND_TEXT, &item)) {
        return 0;
    }
    text->data = (const char *)item.bytes.data;
    text->size = item.bytes.size;
    return 1;
}

/* A text, or nil as data == NULL. */
static inline int k230_read_text_or_nil(k230_reader *r, k230_text *text) {
    if (k230_read_nil(r)) {
        text->data = NULL;
        text->size = 0;
        return 1;
    }
    return k230_read_text(r, text);
}

static inline int k230_read_binary(k230_reader *r, k230_bytes *bytes) {
    k230_item item;
    if (!k230_read_kind(r, K230_KIND_BINARY, &item)) {
        return 0;
    }
    *bytes = item.bytes;
    return 1;
}

/* The items come next, count of them. */
static inline int k230_read_array(k230_reader *r, uint32_t *count) {
    k230_item item;
    if (!k230_read_kind(r, K230_KIND_ARRAY, &item)) {
        return 0;
    }
    *count = (uint32_t)item.number;
    return 1;
}

/* The pairs come next, count of them: a key (text or integer), then its value. */
static inline int k230_read_map(k230_reader *r, uint32_t *count) {
    k230_item item;
    if (!k230_read_kind(r, K230_KIND_MAP, &item)) {
        return 0;
    }
    *count = (uint32_t)item.number;
    return 1;
}

static inline int k230_text_is(k230_text text, const char *other) {
    const size_t size = strlen(other);
    return text.data != NULL && text.size == size && memcmp(text.data, other, size) == 0;
}

/* ---- messages */

/* Open the message that k230_push announced; its pointers are valid until the next k230_push. */
static inline int k230_open(const k230_decoder *d, k230_message *m) {
    uint32_t count;
    uint64_t type;
    memset(m, 0, sizeof *m);
    if (!d->complete) {
        return 0;
    }
    m->payload.data = d->body;
    m->payload.size = d->size - 4;
    m->fields.at = d->body;
    m->fields.end = d->body + m->payload.size;
    if (d->body[0] == K230_SEALED_MARK) {
        m->sealed = 1;
        m->fields.at = m->fields.end;
        return 1;
    }
    if (!k230_read_array(&m->fields, &count) || !k230_read_uint(&m->fields, &type)) {
        return 0;
    }
    m->type = (uint8_t)type;
    m->count = count - 1;
    return 1;
}

typedef void (*k230_callback)(const k230_message *message, void *user);

/* Take many bytes; callback gets every message in them. */
static inline void k230_feed(k230_decoder *d, const uint8_t *data, size_t size,
                             k230_callback callback, void *user) {
    k230_message message;
    while (size--) {
        if (k230_push(d, *data++) && k230_open(d, &message)) {
            callback(&message, user);
        }
    }
}

/* MODEL: what the results of its generation mean. */
typedef struct {
    uint32_t generation;
    k230_text task;
    k230_text model;
    k230_bytes sha256;
    uint32_t label_count;
    k230_reader labels;         /* label_count texts, see k230_label */
    uint32_t width;             /* of the camera's frame, pixels */
    uint32_t height;
    k230_text configuration;    /* data == NULL from boards that do not send it */
} k230_model;

static inline int k230_read_model(const k230_message *m, k230_model *model) {
    k230_reader r = m->fields;
    uint32_t i;
    memset(model, 0, sizeof *model);
    if (m->sealed || m->type != K230_MODEL || m->count < 7 ||
        !k230_read_uint32(&r, &model->generation) || !k230_read_text(&r, &model->task) ||
        !k230_read_text(&r, &model->model) || !k230_read_binary(&r, &model->sha256) ||
        !k230_read_array(&r, &model->label_count)) {
        return 0;
    }
    model->labels = r;
    for (i = 0; i < model->label_count; i++) {
        k230_text label;
        if (!k230_read_text(&r, &label)) {
            return 0;
        }
    }
    model->labels.end = r.at;
    if (!k230_read_uint32(&r, &model->width) || !k230_read_uint32(&r, &model->height)) {
        return 0;
    }
    return m->count < 8 || k230_read_text_or_nil(&r, &model->configuration);
}

/* The name of a class; 0 where the model has none. Goes through the list: copy what you need. */
static inline int k230_label(const k230_model *model, uint32_t index, k230_text *label) {
    k230_reader r = model->labels;
    if (index >= model->label_count) {
        return 0;
    }
    while (index--) {
        (void)k230_skip(&r);
    }
    return k230_read_text(&r, label);
}

/* ---- results */

typedef struct {
    uint8_t task;               /* K230_CLASSIFICATION ... K230_ORIENTED_DETECTION */
    uint64_t seq;               /* number of the camera's frame */
    uint64_t time_ms;           /* of its capture, the board's clock */
    uint32_t generation;        /* of the MODEL that its classes refer to */
    k230_reader rest;           /* the task's own fields */
    uint32_t count;             /* of them */
} k230_result;

/* 0: m is no result of a task that this header knows. */
static inline int k230_read_result(const k230_message *m, k230_result *result) {
    k230_reader r = m->fields;
    memset(result, 0, sizeof *result);
    if (m->sealed || m->type < K230_CLASSIFICATION || m->type > K230_ORIENTED_DETECTION || m->count < 4 ||
        !k230_read_uint(&r, &result->seq) || !k230_read_uint(&r, &result->time_ms) ||
        !k230_read_uint32(&r, &result->generation)) {
        return 0;
    }
    result->task = m->type;
    result->rest = r;
    result->count = m->count - 3;
    return 1;
}

/* Detection; also the boxes of instance segmentation and of poses. */
typedef struct {
    uint32_t x, y, w, h;        /* pixels of the source frame */
    uint32_t score1000;         /* 0 ... 1000 */
    uint32_t label;             /* index of the model's labels */
} k230_box;

typedef struct {
    uint32_t left;              /* boxes still to come */
    k230_bytes packed;
    k230_reader rows;
} k230_boxes;

static inline int k230_read_boxes(const k230_result *result, k230_boxes *boxes) {
    k230_reader r = result->rest;
    memset(boxes, 0, sizeof *boxes);
    if (result->task != K230_DETECTION && result->task != K230_INSTANCE_SEGMENTATION &&
        result->task != K230_POSE) {
        return 0;
    }
    if (k230_read_binary(&r, &boxes->packed)) {
        boxes->left = (uint32_t)(boxes->packed.size / 8);
        return boxes->packed.size % 8 == 0;
    }
    if (!k230_read_array(&r, &boxes->left)) {
        return 0;
    }
    boxes->rows = r;
    return 1;
}

static inline uint32_t k230_word(const uint8_t *at) {
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* 1 while there is another box. */
static inline int k230_next_box(k230_boxes *boxes, k230_box *box) {
    uint32_t fields;
    if (boxes->left == 0) {
        return 0;
    }
    boxes->left--;
    if (boxes->packed.data != NULL) {
        const uint32_t first = k230_word(boxes->packed.data);
        const uint32_t second = k230_word(boxes->packed.data + 4);
        boxes->packed.data += 8;
        box->x = first & 2047u;
        box->score1000 = first >> 11 & 1023u;
        box->y = first >> 21;
        box->w = second & 2047u;
        box->label = second >> 11 & 1023u;
        box->h = second >> 21;
        return 1;
    }
    if (!k230_read_array(&boxes->rows, &fields) || fields < 6 ||
        !k230_read_uint32(&boxes->rows, &box->x) || !k230_read_uint32(&boxes->rows, &box->y) ||
        !k230_read_uint32(&boxes->rows, &box->w) || !k230_read_uint32(&boxes->rows, &box->h) ||
        !k230_read_uint32(&boxes->rows, &box->score1000) ||
        !k230_read_uint32(&boxes->rows, &box->label)) {
        boxes->left = 0;
        return 0;
    }
    for (; fields > 6; fields--) {
        (void)k230_skip(&boxes->rows);
    }
    return 1;
}

/* Classification and multi-label: classes with scores, best first. */
typedef struct {
    int decided;                /* classification: 1 when the first passes the threshold */
    uint32_t left;              /* classes still to come */
    k230_reader pairs;
} k230_classes;

static inline int k230_read_classes(const k230_result *result, k230_classes *classes) {
    k230_reader r = result->rest;
    uint32_t items;
    memset(classes, 0, sizeof *classes);
    if (result->task == K230_CLASSIFICATION) {
        uint32_t decided;
        if (!k230_read_uint32(&r, &decided)) {
            return 0;
        }
        classes->decided = decided != 0;
    } else if (result->task != K230_MULTILABEL) {
        return 0;
    }
    if (!k230_read_array(&r, &items) || items % 2) {
        return 0;
    }
    classes->left = items / 2;
    classes->pairs = r;
    return 1;
}

/* score16: 0 ... 65535 for 0 ... 1. */
static inline int k230_next_class(k230_classes *classes, uint32_t *label, uint32_t *score16) {
    if (classes->left == 0) {
        return 0;
    }
    classes->left--;
    if (!k230_read_uint32(&classes->pairs, label) || !k230_read_uint32(&classes->pairs, score16)) {
        classes->left = 0;
        return 0;
    }
    return 1;
}

/* OCR: detection (quads), recognition (text), both. */
typedef struct {
    k230_text text;             /* data == NULL: not recognised */
    uint32_t score16;
    int has_quad;
    int32_t quad[8];            /* x, y of the corners: top left first, clockwise */
} k230_line;

typedef struct {
    uint32_t left;
    k230_reader rows;
} k230_lines;

static inline int k230_read_lines(const k230_result *result, k230_lines *lines) {
    memset(lines, 0, sizeof *lines);
    if (result->task != K230_OCR_DETECTION && result->task != K230_OCR_RECOGNITION &&
        result->task != K230_OCR) {
        return 0;
    }
    lines->rows = result->rest;
    return k230_read_array(&lines->rows, &lines->left);
}

static inline int k230_next_line(k230_lines *lines, k230_line *line) {
    uint32_t fields, numbers, i;
    memset(line, 0, sizeof *line);
    if (lines->left == 0) {
        return 0;
    }
    lines->left--;
    if (!k230_read_array(&lines->rows, &fields) || fields < 3 ||
        !k230_read_text_or_nil(&lines->rows, &line->text) ||
        !k230_read_uint32(&lines->rows, &line->score16)) {
        lines->left = 0;
        return 0;
    }
    if (!k230_read_nil(&lines->rows)) {
        if (!k230_read_array(&lines->rows, &numbers) || numbers != 8) {
            lines->left = 0;
            return 0;
        }
        for (i = 0; i < 8; i++) {
            if (!k230_read_int32(&lines->rows, &line->quad[i])) {
                lines->left = 0;
                return 0;
            }
        }
        line->has_quad = 1;
    }
    for (; fields > 3; fields--) {
        (void)k230_skip(&lines->rows);
    }
    return 1;
}

/* Segmentation: a class map, row by row, in runs of equal class. */
typedef struct {
    uint32_t width, height;     /* of the map */
    k230_bytes runs;            /* what is left of them */
    uint32_t area_count;
    k230_reader areas;          /* area_count numbers: pixels of each class */
} k230_map;

static inline int k230_read_class_map(const k230_result *result, k230_map *map) {
    k230_reader r = result->rest;
    memset(map, 0, sizeof *map);
    if (result->task != K230_SEGMENTATION || result->count < 4 ||
        !k230_read_uint32(&r, &map->width) || !k230_read_uint32(&r, &map->height) ||
        !k230_read_binary(&r, &map->runs) || !k230_read_array(&r, &map->area_count)) {
        return 0;
    }
    map->areas = r;
    return 1;
}

/* 1 while there is another run: `length` pixels of class `label`. */
static inline int k230_next_run(k230_map *map, uint8_t *label, uint32_t *length) {
    uint32_t value = 0;
    unsigned shift = 0;
    if (map->runs.size < 2 || *map->runs.data == 0) { /* each begins with its class + 1 */
        map->runs.size = 0;
        return 0;
    }
    *label = (uint8_t)(*map->runs.data++ - 1);
    map->runs.size--;
    while (map->runs.size && shift < 32) {
        const uint8_t byte = *map->runs.data++;
        map->runs.size--;
        value |= (uint32_t)(byte & 127) << shift;
        shift += 7;
        if (byte < 128) {
            *length = value;
            return 1;
        }
    }
    map->runs.size = 0;
    return 0;
}

/* Metric learning. */
typedef struct {
    k230_bytes embedding;       /* float32, little endian; data == NULL where none is sent */
    int has_identity;           /* the board has a gallery */
    k230_text identity;         /* data == NULL: unknown */
    int32_t cosine10000;
    int32_t margin10000;        /* to the runner-up */
} k230_embedding;

static inline int k230_read_embedding(const k230_result *result, k230_embedding *found) {
    k230_reader r = result->rest;
    uint32_t fields;
    memset(found, 0, sizeof *found);
    if (result->task != K230_METRIC_LEARNING) {
        return 0;
    }
    if (!k230_read_nil(&r) && !k230_read_binary(&r, &found->embedding)) {
        return 0;
    }
    if (result->count < 2 || k230_read_nil(&r)) {
        return 1;
    }
    found->has_identity = 1;
    return k230_read_array(&r, &fields) && fields >= 3 &&
           k230_read_text_or_nil(&r, &found->identity) &&
           k230_read_int32(&r, &found->cosine10000) && k230_read_int32(&r, &found->margin10000);
}

/* Metric learning with a detector: each box, and its identity. */
typedef struct {
    k230_text identity;         /* data == NULL: unknown */
    int has_scores;             /* 0: the board has no gallery */
    int32_t cosine10000;
    int32_t margin10000;        /* to the runner-up */
    k230_box box;               /* its label is the detector's */
} k230_identity;

typedef struct {
    uint32_t left;
    k230_reader rows;
} k230_identities;

static inline int k230_read_identities(const k230_result *result, k230_identities *found) {
    memset(found, 0, sizeof *found);
    if (result->task != K230_IDENTITIES) {
        return 0;
    }
    found->rows = result->rest;
    return k230_read_array(&found->rows, &found->left);
}

static inline int k230_next_identity(k230_identities *found, k230_identity *one) {
    k230_reader *r = &found->rows;
    uint32_t fields;
    memset(one, 0, sizeof *one);
    if (found->left == 0) {
        return 0;
    }
    found->left--;
    if (!k230_read_array(r, &fields) || fields < 9 || !k230_read_text_or_nil(r, &one->identity)) {
        found->left = 0;
        return 0;
    }
    one->has_scores = !k230_read_nil(r);
    if ((one->has_scores ? !k230_read_int32(r, &one->cosine10000) ||
                               !k230_read_int32(r, &one->margin10000)
                         : !k230_read_nil(r)) ||
        !k230_read_uint32(r, &one->box.x) || !k230_read_uint32(r, &one->box.y) ||
        !k230_read_uint32(r, &one->box.w) || !k230_read_uint32(r, &one->box.h) ||
        !k230_read_uint32(r, &one->box.label) || !k230_read_uint32(r, &one->box.score1000)) {
        found->left = 0;
        return 0;
    }
    for (; fields > 9; fields--) {
        (void)k230_skip(r);
    }
    return 1;
}

/* Instance segmentation: a mask for each of k230_read_boxes' boxes, in their order. */
typedef struct {
    int has_mask;               /* 0: the message had no room for it */
    int32_t x, y;               /* of the rectangle that the cells tile, pixels of the source frame */
    uint32_t w, h;
    uint32_t columns, rows;     /* cells */
    k230_bytes runs;            /* what is left of them */
    uint8_t on;                 /* whether the next run is the object's */
} k230_mask;

typedef struct {
    uint32_t left;              /* masks still to come */
    k230_reader rows;
} k230_masks;

static inline int k230_read_masks(const k230_result *result, k230_masks *masks) {
    memset(masks, 0, sizeof *masks);
    if (result->task != K230_INSTANCE_SEGMENTATION || result->count < 2) {
        return 0;
    }
    masks->rows = result->rest;
    return k230_skip(&masks->rows) && k230_read_array(&masks->rows, &masks->left);
}

static inline int k230_next_mask(k230_masks *masks, k230_mask *mask) {
    k230_reader *r = &masks->rows;
    uint32_t fields;
    memset(mask, 0, sizeof *mask);
    if (masks->left == 0) {
        return 0;
    }
    masks->left--;
    if (k230_read_nil(r)) {
        return 1;
    }
    if (!k230_read_array(r, &fields) || fields < 7 || !k230_read_int32(r, &mask->x) ||
        !k230_read_int32(r, &mask->y) || !k230_read_uint32(r, &mask->w) ||
        !k230_read_uint32(r, &mask->h) || !k230_read_uint32(r, &mask->columns) ||
        !k230_read_uint32(r, &mask->rows) || !k230_read_binary(r, &mask->runs)) {
        masks->left = 0;
        return 0;
    }
    mask->has_mask = 1;
    for (; fields > 7; fields--) {
        (void)k230_skip(r);
    }
    return 1;
}

/* 1 while there is another run, row by row: `length` cells that are the object's (on) or not. */
static inline int k230_next_mask_run(k230_mask *mask, uint8_t *on, uint32_t *length) {
    uint32_t value = 0;
    unsigned shift = 0;
    while (mask->runs.size && shift < 32) {
        const uint8_t byte = *mask->runs.data++;
        mask->runs.size--;
        value |= (uint32_t)(byte & 127) << shift;
        shift += 7;
        if (byte < 128) {
            *on = mask->on;
            mask->on = (uint8_t)!mask->on;
            *length = value;
            return 1;
        }
    }
    mask->runs.size = 0;
    return 0;
}

static inline int32_t k230_short(const uint8_t *at) {
    const int32_t value = (int32_t)at[0] | (int32_t)at[1] << 8;
    return value < 32768 ? value : value - 65536;
}

/* Poses: `each` keypoints for each of k230_read_boxes' boxes, one box's after the other's. */
typedef struct {
    int32_t x, y;               /* pixels of the source frame */
    int32_t score1000;          /* -1: the model has none for points */
} k230_keypoint;

typedef struct {
    uint32_t objects;
    uint32_t each;              /* keypoints of an object */
    uint32_t left;              /* keypoints still to come */
    uint32_t in_row;            /* of these, of the row that is being read */
    k230_bytes packed;
    k230_reader rows;
} k230_keypoints;

static inline int k230_read_keypoints(const k230_result *result, k230_keypoints *points) {
    k230_boxes boxes;
    k230_reader r = result->rest, row;
    memset(points, 0, sizeof *points);
    if (result->task != K230_POSE || result->count < 2 || !k230_read_boxes(result, &boxes) ||
        !k230_skip(&r)) {
        return 0;
    }
    points->objects = boxes.left;
    if (k230_read_binary(&r, &points->packed)) {
        points->left = (uint32_t)(points->packed.size / 6);
        points->each = boxes.left ? points->left / boxes.left : 0;
        return points->packed.size == (size_t)6 * points->each * boxes.left;
    }
    if (!k230_read_array(&r, &points->left) || points->left != boxes.left) {
        points->left = 0;
        return 0;
    }
    points->rows = row = r;
    if (boxes.left && k230_read_array(&row, &points->each)) {
        points->each /= 3;
    }
    points->left = points->each * boxes.left;
    return 1;
}

static inline int k230_next_keypoint(k230_keypoints *points, k230_keypoint *point) {
    if (points->left == 0) {
        return 0;
    }
    points->left--;
    if (points->packed.data != NULL) {
        point->x = k230_short(points->packed.data);
        point->y = k230_short(points->packed.data + 2);
        point->score1000 = k230_short(points->packed.data + 4);
        points->packed.data += 6;
        return 1;
    }
    if (points->in_row == 0) {
        if (!k230_read_array(&points->rows, &points->in_row) ||
            points->in_row != 3 * points->each) {
            points->left = 0;
            return 0;
        }
        points->in_row = points->each;
    }
    points->in_row--;
    if (!k230_read_int32(&points->rows, &point->x) || !k230_read_int32(&points->rows, &point->y) ||
        !k230_read_int32(&points->rows, &point->score1000)) {
        points->left = 0;
        return 0;
    }
    return 1;
}

/* Oriented detection. */
typedef struct {
    int32_t x8, y8;             /* centre, in eighths of a pixel of the source frame */
    int32_t w8, h8;             /* w lies along the angle, h across it */
    int32_t angle100;           /* hundredths of a degree, clockwise from the x axis, 0 ... 17999 */
    uint32_t score1000;
    uint32_t label;
} k230_rotated_box;

typedef struct {
    uint32_t left;
    k230_bytes packed;
    k230_reader rows;
} k230_rotated_boxes;

static inline int k230_read_rotated_boxes(const k230_result *result, k230_rotated_boxes *boxes) {
    k230_reader r = result->rest;
    memset(boxes, 0, sizeof *boxes);
    if (result->task != K230_ORIENTED_DETECTION) {
        return 0;
    }
    if (k230_read_binary(&r, &boxes->packed)) {
        boxes->left = (uint32_t)(boxes->packed.size / 14);
        return boxes->packed.size % 14 == 0;
    }
    if (!k230_read_array(&r, &boxes->left)) {
        return 0;
    }
    boxes->rows = r;
    return 1;
}

static inline int k230_next_rotated_box(k230_rotated_boxes *boxes, k230_rotated_box *box) {
    uint32_t fields;
    if (boxes->left == 0) {
        return 0;
    }
    boxes->left--;
    if (boxes->packed.data != NULL) {
        const uint8_t *at = boxes->packed.data;
        box->x8 = k230_short(at);
        box->y8 = k230_short(at + 2);
        box->w8 = k230_short(at + 4);
        box->h8 = k230_short(at + 6);
        box->angle100 = k230_short(at + 8);
        box->score1000 = (uint32_t)k230_short(at + 10);
        box->label = (uint32_t)k230_short(at + 12);
        boxes->packed.data += 14;
        return 1;
    }
    if (!k230_read_array(&boxes->rows, &fields) || fields < 7 ||
        !k230_read_int32(&boxes->rows, &box->x8) || !k230_read_int32(&boxes->rows, &box->y8) ||
        !k230_read_int32(&boxes->rows, &box->w8) || !k230_read_int32(&boxes->rows, &box->h8) ||
        !k230_read_int32(&boxes->rows, &box->angle100) ||
        !k230_read_uint32(&boxes->rows, &box->score1000) ||
        !k230_read_uint32(&boxes->rows, &box->label)) {
        boxes->left = 0;
        return 0;
    }
    for (; fields > 7; fields--) {
        (void)k230_skip(&boxes->rows);
    }
    return 1;
}

#endif /* K230_WIRE_H */
