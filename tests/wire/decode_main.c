/* For the tests: prints every message of stdin as one JSON line in the form of the vectors, with
 * what the typed readers make of it; the last line is the count of rejected packets. */
#include <stdio.h>

#include "k230_wire.h"

static void print_text(const char *data, size_t size) {
    putchar('"');
    while (size--) {
        const unsigned char c = (unsigned char)*data++;
        if (c < 0x20 || c == '"' || c == '\\' || c == 0x7F) {
            printf("\\u%04x", c);
        } else {
            putchar(c);
        }
    }
    putchar('"');
}

static void print_hex(k230_bytes bytes) {
    size_t i;
    printf("{\"bin\": \"");
    for (i = 0; i < bytes.size; i++) {
        printf("%02x", bytes.data[i]);
    }
    printf("\"}");
}

static void print_float(k230_reader at, const k230_item *item) {
    float single;
    double value;
    if (k230_read_float(&at, &single)) {
        value = single;
    } else {
        const uint64_t bits = k230_big_endian(item->bytes.data, 8);
        memcpy(&value, &bits, sizeof value);
    }
    if (value != value) {
        printf("NaN");
    } else if (value - value != 0) {
        printf(value < 0 ? "-Infinity" : "Infinity");
    } else {
        printf("%.17g", value);
    }
}

static void print_value(k230_reader *r) {
    k230_reader start = *r;
    k230_item item;
    uint64_t i;
    if (!k230_next(r, &item)) {
        printf("\"CUT OFF\"");
        return;
    }
    switch (item.kind) {
    case K230_KIND_NIL:
        printf("null");
        break;
    case K230_KIND_BOOL:
        printf(item.number ? "true" : "false");
        break;
    case K230_KIND_UINT:
        printf("%llu", (unsigned long long)item.number);
        break;
    case K230_KIND_INT:
        printf("-%llu", (unsigned long long)(~item.number + 1));
        break;
    case K230_KIND_FLOAT:
        print_float(start, &item);
        break;
    case K230_KIND_TEXT:
        print_text((const char *)item.bytes.data, item.bytes.size);
        break;
    case K230_KIND_BINARY:
        print_hex(item.bytes);
        break;
    case K230_KIND_ARRAY:
        putchar('[');
        for (i = 0; i < item.number; i++) {
            printf(i ? ", " : "");
            print_value(r);
        }
        putchar(']');
        break;
    case K230_KIND_MAP:
        printf("{\"map\": [");
        for (i = 0; i < item.number; i++) {
            printf(i ? ", [" : "[");
            print_value(r);
            printf(", ");
            print_value(r);
            putchar(']');
        }
        printf("]}");
        break;
    }
}

static void print_nullable(k230_text text) {
    if (text.data == NULL) {
        printf("null");
    } else {
        print_text(text.data, text.size);
    }
}

#define NUMBER(value) ((unsigned long)(value))

static void print_model(const k230_model *model) {
    k230_text label;
    uint32_t i;
    printf("[%lu, ", NUMBER(model->generation));
    print_text(model->task.data, model->task.size);
    printf(", ");
    print_text(model->model.data, model->model.size);
    printf(", ");
    print_hex(model->sha256);
    printf(", [");
    for (i = 0; k230_label(model, i, &label); i++) {
        printf(i ? ", " : "");
        print_text(label.data, label.size);
    }
    printf("], %lu, %lu", NUMBER(model->width), NUMBER(model->height));
    if (model->configuration.data != NULL) {
        printf(", ");
        print_text(model->configuration.data, model->configuration.size);
    }
    printf("]");
}

static void print_typed(const k230_message *message) {
    k230_model model;
    k230_result result;
    k230_boxes boxes;
    k230_classes classes;
    k230_lines lines;
    k230_map map;
    k230_embedding embedding;
    k230_identities identities;
    k230_masks masks;
    k230_keypoints points;
    k230_rotated_boxes rotated;
    const char *between = "";
    if (k230_read_model(message, &model)) {
        print_model(&model);
        return;
    }
    if (!k230_read_result(message, &result)) {
        printf("null");
        return;
    }
    printf("{\"seq\": %llu, \"time_ms\": %llu, \"generation\": %lu",
           (unsigned long long)result.seq, (unsigned long long)result.time_ms,
           NUMBER(result.generation));
    if (k230_read_boxes(&result, &boxes)) {
        k230_box box;
        printf(", \"boxes\": [");
        while (k230_next_box(&boxes, &box)) {
            printf("%s[%lu, %lu, %lu, %lu, %lu, %lu]", between, NUMBER(box.x), NUMBER(box.y),
                   NUMBER(box.w), NUMBER(box.h), NUMBER(box.score1000), NUMBER(box.label));
            between = ", ";
        }
        printf("]");
    }
    if (k230_read_classes(&result, &classes)) {
        uint32_t label, score16;
        printf(", \"decided\": %d, \"classes\": [", classes.decided);
        while (k230_next_class(&classes, &label, &score16)) {
            printf("%s%lu, %lu", between, NUMBER(label), NUMBER(score16));
            between = ", ";
        }
        printf("]");
    }
    if (k230_read_lines(&result, &lines)) {
        k230_line line;
        int i;
        printf(", \"lines\": [");
        while (k230_next_line(&lines, &line)) {
            printf("%s[", between);
            print_nullable(line.text);
            printf(", %lu, ", NUMBER(line.score16));
            if (line.has_quad) {
                for (i = 0; i < 8; i++) {
                    printf("%s%ld", i ? ", " : "[", (long)line.quad[i]);
                }
                printf("]]");
            } else {
                printf("null]");
            }
            between = ", ";
        }
        printf("]");
    }
    if (k230_read_class_map(&result, &map)) {
        uint8_t label;
        uint32_t length, pixels, i;
        printf(", \"width\": %lu, \"height\": %lu, \"runs\": [", NUMBER(map.width),
               NUMBER(map.height));
        while (k230_next_run(&map, &label, &length)) {
            printf("%s[%u, %lu]", between, label, NUMBER(length));
            between = ", ";
        }
        printf("], \"areas\": [");
        for (i = 0; i < map.area_count && k230_read_uint32(&map.areas, &pixels); i++) {
            printf("%s%lu", i ? ", " : "", NUMBER(pixels));
        }
        printf("]");
    }
    if (k230_read_embedding(&result, &embedding)) {
        printf(", \"embedding\": ");
        if (embedding.embedding.data != NULL) {
            print_hex(embedding.embedding);
        } else {
            printf("null");
        }
        if (embedding.has_identity) {
            printf(", \"identity\": [");
            print_nullable(embedding.identity);
            printf(", %ld, %ld]", (long)embedding.cosine10000, (long)embedding.margin10000);
        }
    }
    if (k230_read_identities(&result, &identities)) {
        k230_identity one;
        printf(", \"identities\": [");
        while (k230_next_identity(&identities, &one)) {
            printf("%s[", between);
            print_nullable(one.identity);
            if (one.has_scores) {
                printf(", %ld, %ld", (long)one.cosine10000, (long)one.margin10000);
            } else {
                printf(", null, null");
            }
            printf(", %lu, %lu, %lu, %lu, %lu, %lu]", NUMBER(one.box.x), NUMBER(one.box.y),
                   NUMBER(one.box.w), NUMBER(one.box.h), NUMBER(one.box.label),
                   NUMBER(one.box.score1000));
            between = ", ";
        }
        printf("]");
    }
    if (k230_read_masks(&result, &masks)) {
        k230_mask mask;
        printf(", \"masks\": [");
        between = "";
        while (k230_next_mask(&masks, &mask)) {
            uint8_t on;
            uint32_t length;
            printf("%s", between);
            between = ", ";
            if (!mask.has_mask) {
                printf("null");
                continue;
            }
            printf("[%ld, %ld, %lu, %lu, %lu, %lu, [", (long)mask.x, (long)mask.y, NUMBER(mask.w),
                   NUMBER(mask.h), NUMBER(mask.columns), NUMBER(mask.rows));
            while (k230_next_mask_run(&mask, &on, &length)) {
                printf("[%u, %lu]", on, NUMBER(length));
                printf(mask.runs.size ? ", " : "");
            }
            printf("]]");
        }
        printf("]");
    }
    if (k230_read_keypoints(&result, &points)) {
        k230_keypoint point;
        printf(", \"each\": %lu, \"keypoints\": [", NUMBER(points.each));
        between = "";
        while (k230_next_keypoint(&points, &point)) {
            printf("%s%ld, %ld, %ld", between, (long)point.x, (long)point.y,
                   (long)point.score1000);
            between = ", ";
        }
        printf("]");
    }
    if (k230_read_rotated_boxes(&result, &rotated)) {
        k230_rotated_box box;
        printf(", \"rotated\": [");
        between = "";
        while (k230_next_rotated_box(&rotated, &box)) {
            printf("%s[%ld, %ld, %ld, %ld, %ld, %lu, %lu]", between, (long)box.x8, (long)box.y8,
                   (long)box.w8, (long)box.h8, (long)box.angle100, NUMBER(box.score1000),
                   NUMBER(box.label));
            between = ", ";
        }
        printf("]");
    }
    printf("}");
}

static void show(const k230_message *message, void *user) {
    (void)user;
    if (message->sealed) {
        printf("{\"sealed\": ");
        print_hex(message->payload);
        printf("}\n");
        return;
    }
    {
        k230_reader fields = message->fields;
        uint32_t i;
        printf("{\"message\": [%u", message->type);
        for (i = 0; i < message->count; i++) {
            printf(", ");
            print_value(&fields);
        }
        printf("], \"whole\": %s, \"typed\": ", fields.at == fields.end ? "true" : "false");
    }
    print_typed(message);
    printf("}\n");
}

int main(void) {
    static k230_decoder decoder;
    static uint8_t piece[4096];
    size_t size;
    k230_init(&decoder);
    while ((size = fread(piece, 1, sizeof piece, stdin)) != 0) {
        k230_feed(&decoder, piece, size, show, NULL);
    }
    printf("%lu\n", NUMBER(decoder.rejected));
    return 0;
}
