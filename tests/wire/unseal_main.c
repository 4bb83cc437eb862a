/* Opens the sealed packets on stdin: key, hello, welcome and flags as hexadecimal arguments. */
#include <stdio.h>
#include <stdlib.h>

#include "k230_secure.h"

static size_t bytes_of(const char *text, uint8_t *out) {
    size_t size = 0;
    unsigned value;
    while (sscanf(text, "%2x", &value) == 1) {
        out[size++] = (uint8_t)value;
        text += 2;
    }
    return size;
}

static void print_hex(const char *name, const uint8_t *data, size_t size) {
    printf("%s ", name);
    while (size--) {
        printf("%02x", *data++);
    }
    printf("\n");
}

int main(int count, char **words) {
    static k230_decoder decoder;
    static uint8_t key[64], hello[512], welcome[512], again[K230_MAX_PAYLOAD];
    k230_secure secure;
    k230_channel sender;
    k230_message message;
    size_t hello_size, welcome_size;
    int byte;
    if (count != 5) {
        return 2;
    }
    (void)bytes_of(words[1], key);
    hello_size = bytes_of(words[2], hello);
    welcome_size = bytes_of(words[3], welcome);
    k230_greeting(&secure, key, hello, hello_size, welcome, welcome_size,
                  (unsigned)atoi(words[4]));
    print_hex("client_proof", secure.client_proof, 32);
    print_hex("board_proof", secure.board_proof, 32);
    print_hex("client_seal", secure.client.seal, 32);
    print_hex("board_seal", secure.board.seal, 32);
    print_hex("client_cipher", secure.client.cipher, 16);
    print_hex("board_cipher", secure.board.cipher, 16);
    sender = secure.board;
    k230_init(&decoder);
    while ((byte = getchar()) != EOF) {
        if (!k230_push(&decoder, (uint8_t)byte) || !k230_open(&decoder, &message)) {
            continue;
        }
        if (!message.sealed || !k230_unseal(&secure.board, &decoder, &message)) {
            printf("dropped\n");
            continue;
        }
        print_hex("message", message.payload.data, message.payload.size);
        sender.counter = secure.board.counter - 1;
        print_hex("sealed", again,
                  k230_seal(&sender, message.payload.data, message.payload.size, again));
    }
    return 0;
}
