/* A microcontroller that follows the best detection of a board on its UART.
 *
 * It only reads: with `uart.publish: always` (the default) the board sends results unasked. On a
 * microcontroller uart_byte() is called for every received byte. On a PC main() reads a tty:
 *
 *     cc -std=c99 -O2 -Iclients/c -o uart_reader examples/microcontroller/uart_reader.c
 *     stty -F /dev/ttyUSB0 115200 raw -echo && ./uart_reader < /dev/ttyUSB0
 */
#include <stdio.h>

#include "k230_wire.h"

static k230_decoder decoder; /* about 2 kB */

/* The motors of the robot. */
static void steer(long x, unsigned long score1000) {
    printf("steer to x %ld, score %lu of 1000\n", x, score1000);
    fflush(stdout);
}

static void uart_byte(uint8_t byte) {
    k230_message message;
    k230_result result;
    k230_boxes boxes;
    k230_box box;
    if (!k230_push(&decoder, byte) || !k230_open(&decoder, &message)) {
        return;
    }
    if (k230_read_result(&message, &result) && k230_read_boxes(&result, &boxes) &&
        k230_next_box(&boxes, &box)) { /* the first box is the best */
        steer((long)box.x + (long)box.w / 2, (unsigned long)box.score1000);
    }
}

int main(void) {
    int byte;
    k230_init(&decoder);
    while ((byte = getchar()) != EOF) {
        uart_byte((uint8_t)byte);
    }
    return 0;
}
