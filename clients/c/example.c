/* Prints what a K230 vision service sends: example < /dev/ttyUSB0 (after stty -F ... 115200 raw).
 *
 *     cc -std=c99 -O2 -o example example.c
 */
#include <stdio.h>

#include "k230_wire.h"

/* A message lives until the next byte: what is needed later is copied. */
#define MAX_LABELS 100
static char names[MAX_LABELS][24];
static uint32_t generation;
static uint32_t name_count;

static void remember(const k230_model *model) {
    k230_text label;
    generation = model->generation;
    for (name_count = 0; name_count < MAX_LABELS; name_count++) {
        if (!k230_label(model, name_count, &label)) {
            break;
        }
        /* Cuts a long name, perhaps inside a character. */
        const size_t size = label.size < sizeof names[0] ? label.size : sizeof names[0] - 1;
        memcpy(names[name_count], label.data, size);
        names[name_count][size] = 0;
    }
    printf("%.*s runs %.*s: %lu labels\n", (int)model->task.size, model->task.data,
           (int)model->model.size, model->model.data, (unsigned long)model->label_count);
}

static const char *name_of(const k230_result *result, uint32_t label) {
    return result->generation == generation && label < name_count ? names[label] : "?";
}

static void show(const k230_message *message, void *user) {
    k230_model model;
    k230_result result;
    k230_boxes boxes;
    k230_classes classes;
    k230_lines lines;
    (void)user;
    if (message->sealed) {
        printf("sealed: this reader has no key\n");
    } else if (k230_read_model(message, &model)) {
        remember(&model);
    } else if (k230_read_result(message, &result)) {
        printf("frame %lu:", (unsigned long)result.seq);
        if (k230_read_boxes(&result, &boxes)) {
            k230_box box;
            while (k230_next_box(&boxes, &box)) {
                printf(" %s %lu.%lu%% at %lu,%lu %lux%lu", name_of(&result, box.label),
                       (unsigned long)box.score1000 / 10, (unsigned long)box.score1000 % 10,
                       (unsigned long)box.x, (unsigned long)box.y, (unsigned long)box.w,
                       (unsigned long)box.h);
            }
        } else if (k230_read_classes(&result, &classes)) {
            uint32_t label, score16;
            while (k230_next_class(&classes, &label, &score16)) {
                printf(" %s %lu%%", name_of(&result, label), (unsigned long)score16 * 100 / 65535);
            }
        } else if (k230_read_lines(&result, &lines)) {
            k230_line line;
            while (k230_next_line(&lines, &line)) {
                printf(" '%.*s'", (int)line.text.size, line.text.data ? line.text.data : "");
            }
        }
        printf("\n");
    }
}

int main(void) {
    static k230_decoder decoder;
    int byte;
    k230_init(&decoder);
    while ((byte = getchar()) != EOF) {
        const uint8_t one = (uint8_t)byte;
        k230_feed(&decoder, &one, 1, show, NULL);
    }
    printf("%lu packets were damaged\n", (unsigned long)decoder.rejected);
    return 0;
}
