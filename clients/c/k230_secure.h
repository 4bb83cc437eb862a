/* k230_secure.h - open the sealed and encrypted packets of a K230 vision service (docs/protocol.md,
 * sections "Key" and "Encryption"). C99, no allocation; SHA-256, HMAC and AES-128 are in it.
 *
 *     static k230_secure secure;
 *     k230_greeting(&secure, key, hello, hello_size, welcome, welcome_size, flags);
 *     ... send AUTH with secure.client_proof, compare READY's with secure.board_proof
 *     if (k230_open(&decoder, &message) && message.sealed)
 *         if (!k230_unseal(&secure.board, &decoder, &message)) ...              // thrown away
 *
 * A controller with AES in hardware sets secure.board.aes (and .client.aes) to a function of its own.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef K230_SECURE_H
#define K230_SECURE_H

#include "k230_wire.h"

#define K230_TAG_SIZE 8
#define K230_SEAL_OVERHEAD (3 + K230_TAG_SIZE)

/* Encrypt one block of 16 bytes with AES-128; in and out may be the same. */
typedef void (*k230_aes)(const uint8_t key[16], const uint8_t in[16], uint8_t out[16]);

/* One direction of a session. */
typedef struct {
    uint8_t seal[32];
    uint8_t cipher[16];
    uint8_t encrypted;          /* WELCOME's flag 4 */
    uint64_t counter;           /* of the last packet that was accepted, or sent */
    k230_aes aes;
} k230_channel;

typedef struct {
    uint8_t client_proof[32];   /* for AUTH */
    uint8_t board_proof[32];    /* that READY must bring */
    k230_channel client;        /* what the client sends */
    k230_channel board;         /* what the board sends */
} k230_secure;

/* ---- SHA-256 (FIPS 180-4) and HMAC (RFC 2104) */

typedef struct {
    uint32_t state[8];
    uint64_t size;
    uint8_t block[64];
} k230_sha256;

static inline uint32_t k230_rotate(uint32_t value, unsigned bits) {
    return value >> bits | value << (32 - bits);
}

static inline void k230_sha256_block(k230_sha256 *s, const uint8_t *block) {
    static const uint32_t k[64] = {
        0x428A2F98u, 0x71374491u, 0xB5C0FBCFu, 0xE9B5DBA5u, 0x3956C25Bu, 0x59F111F1u,
        0x923F82A4u, 0xAB1C5ED5u, 0xD807AA98u, 0x12835B01u, 0x243185BEu, 0x550C7DC3u,
        0x72BE5D74u, 0x80DEB1FEu, 0x9BDC06A7u, 0xC19BF174u, 0xE49B69C1u, 0xEFBE4786u,
        0x0FC19DC6u, 0x240CA1CCu, 0x2DE92C6Fu, 0x4A7484AAu, 0x5CB0A9DCu, 0x76F988DAu,
        0x983E5152u, 0xA831C66Du, 0xB00327C8u, 0xBF597FC7u, 0xC6E00BF3u, 0xD5A79147u,
        0x06CA6351u, 0x14292967u, 0x27B70A85u, 0x2E1B2138u, 0x4D2C6DFCu, 0x53380D13u,
        0x650A7354u, 0x766A0ABBu, 0x81C2C92Eu, 0x92722C85u, 0xA2BFE8A1u, 0xA81A664Bu,
        0xC24B8B70u, 0xC76C51A3u, 0xD192E819u, 0xD6990624u, 0xF40E3585u, 0x106AA070u,
        0x19A4C116u, 0x1E376C08u, 0x2748774Cu, 0x34B0BCB5u, 0x391C0CB3u, 0x4ED8AA4Au,
        0x5B9CCA4Fu, 0x682E6FF3u, 0x748F82EEu, 0x78A5636Fu, 0x84C87814u, 0x8CC70208u,
        0x90BEFFFAu, 0xA4506CEBu, 0xBEF9A3F7u, 0xC67178F2u};
    uint32_t w[64], a[8];
    unsigned i;
    for (i = 0; i < 16; i++) {
        w[i] = (uint32_t)k230_big_endian(block + 4 * i, 4);
    }
    for (; i < 64; i++) {
        const uint32_t x = w[i - 15], y = w[i - 2];
        w[i] = w[i - 16] + w[i - 7] + (k230_rotate(x, 7) ^ k230_rotate(x, 18) ^ x >> 3) +
               (k230_rotate(y, 17) ^ k230_rotate(y, 19) ^ y >> 10);
    }
    memcpy(a, s->state, sizeof a);
    for (i = 0; i < 64; i++) {
        const uint32_t one = a[7] + k[i] + w[i] + ((a[4] & a[5]) ^ (~a[4] & a[6])) +
                             (k230_rotate(a[4], 6) ^ k230_rotate(a[4], 11) ^ k230_rotate(a[4], 25));
        const uint32_t two = ((a[0] & a[1]) ^ (a[0] & a[2]) ^ (a[1] & a[2])) +
                             (k230_rotate(a[0], 2) ^ k230_rotate(a[0], 13) ^ k230_rotate(a[0], 22));
        memmove(a + 1, a, 7 * sizeof a[0]);
        a[4] += one;
        a[0] = one + two;
    }
    for (i = 0; i < 8; i++) {
        s->state[i] += a[i];
    }
}

static inline void k230_sha256_begin(k230_sha256 *s) {
    static const uint32_t start[8] = {
        0x6A09E667u, 0xBB67AE85u, 0x3C6EF372u, 0xA54FF53Au,
        0x510E527Fu, 0x9B05688Cu, 0x1F83D9ABu, 0x5BE0CD19u};
    memcpy(s->state, start, sizeof start);
    s->size = 0;
}

static inline void k230_sha256_add(k230_sha256 *s, const uint8_t *data, size_t size) {
    while (size--) {
        s->block[s->size++ % 64] = *data++;
        if (s->size % 64 == 0) {
            k230_sha256_block(s, s->block);
        }
    }
}

static inline void k230_sha256_end(k230_sha256 *s, uint8_t digest[32]) {
    const uint64_t bits = 8 * s->size;
    static const uint8_t first = 0x80, zero = 0;
    unsigned i;
    k230_sha256_add(s, &first, 1);
    while (s->size % 64 != 56) {
        k230_sha256_add(s, &zero, 1);
    }
    for (i = 0; i < 8; i++) {
        const uint8_t byte = (uint8_t)(bits >> (56 - 8 * i));
        k230_sha256_add(s, &byte, 1);
    }
    for (i = 0; i < 32; i++) {
        digest[i] = (uint8_t)(s->state[i / 4] >> (24 - 8 * (i % 4)));
    }
}

static inline void k230_hmac_pad(k230_sha256 *s, const uint8_t *key, size_t size, uint8_t mask) {
    uint8_t pad[64];
    unsigned i;
    for (i = 0; i < 64; i++) {
        pad[i] = (uint8_t)((i < size ? key[i] : 0) ^ mask);
    }
    k230_sha256_begin(s);
    k230_sha256_add(s, pad, sizeof pad);
}

/* The HMAC of two parts, one after the other; the key has at most 64 bytes. */
static inline void k230_hmac(const uint8_t *key, size_t key_size, const void *one, size_t one_size,
                             const void *two, size_t two_size, uint8_t digest[32]) {
    k230_sha256 s;
    k230_hmac_pad(&s, key, key_size, 0x36);
    k230_sha256_add(&s, (const uint8_t *)one, one_size);
    k230_sha256_add(&s, (const uint8_t *)two, two_size);
    k230_sha256_end(&s, digest);
    k230_hmac_pad(&s, key, key_size, 0x5C);
    k230_sha256_add(&s, digest, 32);
    k230_sha256_end(&s, digest);
}

/* ---- AES-128, encryption only (FIPS 197): all that counter mode needs */

static inline uint8_t k230_aes_sbox(uint8_t value) {
    static const uint8_t table[256] = {
        0x63, 0x7C, 0x77, 0x7B, 0xF2, 0x6B, 0x6F, 0xC5, 0x30, 0x01, 0x67, 0x2B, 0xFE, 0xD7,
        0xAB, 0x76, 0xCA, 0x82, 0xC9, 0x7D, 0xFA, 0x59, 0x47, 0xF0, 0xAD, 0xD4, 0xA2, 0xAF,
        0x9C, 0xA4, 0x72, 0xC0, 0xB7, 0xFD, 0x93, 0x26, 0x36, 0x3F, 0xF7, 0xCC, 0x34, 0xA5,
        0xE5, 0xF1, 0x71, 0xD8, 0x31, 0x15, 0x04, 0xC7, 0x23, 0xC3, 0x18, 0x96, 0x05, 0x9A,
        0x07, 0x12, 0x80, 0xE2, 0xEB, 0x27, 0xB2, 0x75, 0x09, 0x83, 0x2C, 0x1A, 0x1B, 0x6E,
        0x5A, 0xA0, 0x52, 0x3B, 0xD6, 0xB3, 0x29, 0xE3, 0x2F, 0x84, 0x53, 0xD1, 0x00, 0xED,
        0x20, 0xFC, 0xB1, 0x5B, 0x6A, 0xCB, 0xBE, 0x39, 0x4A, 0x4C, 0x58, 0xCF, 0xD0, 0xEF,
        0xAA, 0xFB, 0x43, 0x4D, 0x33, 0x85, 0x45, 0xF9, 0x02, 0x7F, 0x50, 0x3C, 0x9F, 0xA8,
        0x51, 0xA3, 0x40, 0x8F, 0x92, 0x9D, 0x38, 0xF5, 0xBC, 0xB6, 0xDA, 0x21, 0x10, 0xFF,
        0xF3, 0xD2, 0xCD, 0x0C, 0x13, 0xEC, 0x5F, 0x97, 0x44, 0x17, 0xC4, 0xA7, 0x7E, 0x3D,
        0x64, 0x5D, 0x19, 0x73, 0x60, 0x81, 0x4F, 0xDC, 0x22, 0x2A, 0x90, 0x88, 0x46, 0xEE,
        0xB8, 0x14, 0xDE, 0x5E, 0x0B, 0xDB, 0xE0, 0x32, 0x3A, 0x0A, 0x49, 0x06, 0x24, 0x5C,
        0xC2, 0xD3, 0xAC, 0x62, 0x91, 0x95, 0xE4, 0x79, 0xE7, 0xC8, 0x37, 0x6D, 0x8D, 0xD5,
        0x4E, 0xA9, 0x6C, 0x56, 0xF4, 0xEA, 0x65, 0x7A, 0xAE, 0x08, 0xBA, 0x78, 0x25, 0x2E,
        0x1C, 0xA6, 0xB4, 0xC6, 0xE8, 0xDD, 0x74, 0x1F, 0x4B, 0xBD, 0x8B, 0x8A, 0x70, 0x3E,
        0xB5, 0x66, 0x48, 0x03, 0xF6, 0x0E, 0x61, 0x35, 0x57, 0xB9, 0x86, 0xC1, 0x1D, 0x9E,
        0xE1, 0xF8, 0x98, 0x11, 0x69, 0xD9, 0x8E, 0x94, 0x9B, 0x1E, 0x87, 0xE9, 0xCE, 0x55,
        0x28, 0xDF, 0x8C, 0xA1, 0x89, 0x0D, 0xBF, 0xE6, 0x42, 0x68, 0x41, 0x99, 0x2D, 0x0F,
        0xB0, 0x54, 0xBB, 0x16};
    return table[value];
}

static inline uint8_t k230_aes_double(uint8_t value) {
    return (uint8_t)(value << 1 ^ (value >> 7) * 0x1B);
}

static inline void k230_aes_software(const uint8_t key[16], const uint8_t in[16], uint8_t out[16]) {
    uint8_t round_key[16], state[16], moved[16], factor = 1;
    unsigned round, i;
    memcpy(round_key, key, 16);
    for (i = 0; i < 16; i++) {
        state[i] = in[i] ^ key[i];
    }
    for (round = 1; round <= 10; round++) {
        for (i = 0; i < 16; i++) {
            moved[i] = k230_aes_sbox(state[(i + 4 * (i % 4)) % 16]);
        }
        for (i = 0; i < 16 && round < 10; i += 4) {
            const uint8_t a = moved[i], b = moved[i + 1], c = moved[i + 2], d = moved[i + 3];
            const uint8_t all = (uint8_t)(a ^ b ^ c ^ d);
            moved[i] = (uint8_t)(a ^ all ^ k230_aes_double((uint8_t)(a ^ b)));
            moved[i + 1] = (uint8_t)(b ^ all ^ k230_aes_double((uint8_t)(b ^ c)));
            moved[i + 2] = (uint8_t)(c ^ all ^ k230_aes_double((uint8_t)(c ^ d)));
            moved[i + 3] = (uint8_t)(d ^ all ^ k230_aes_double((uint8_t)(d ^ a)));
        }
        {
            uint8_t word[4];
            for (i = 0; i < 4; i++) {
                word[i] = k230_aes_sbox(round_key[12 + (i + 1) % 4]);
            }
            word[0] ^= factor;
            factor = k230_aes_double(factor);
            for (i = 0; i < 16; i++) {
                round_key[i] ^= i < 4 ? word[i] : round_key[i - 4];
                state[i] = moved[i] ^ round_key[i];
            }
        }
    }
    memcpy(out, state, 16);
}

/* ---- the session */

static inline void k230_expand(const uint8_t derived[32], const char *label, uint8_t out[32]) {
    static const uint8_t one = 1;
    k230_hmac(derived, 32, label, strlen(label), &one, 1, out);
}

/* Make the proofs and keys of a session from the board's key (32 bytes) and the payloads of HELLO and
 * WELCOME exactly as they were sent; flags: WELCOME's. */
static inline void k230_greeting(k230_secure *s, const uint8_t key[32], const uint8_t *hello,
                                 size_t hello_size, const uint8_t *welcome, size_t welcome_size,
                                 unsigned flags) {
    uint8_t greeting[64], derived[32], wide[32];
    k230_sha256 sha;
    memset(s, 0, sizeof *s);
    k230_sha256_begin(&sha);
    k230_sha256_add(&sha, hello, hello_size);
    k230_sha256_end(&sha, greeting);
    k230_sha256_begin(&sha);
    k230_sha256_add(&sha, welcome, welcome_size);
    k230_sha256_end(&sha, greeting + 32);
    k230_hmac(key, 32, "k230 client proof", 17, greeting, 64, s->client_proof);
    k230_hmac(key, 32, "k230 board proof", 16, greeting, 64, s->board_proof);
    k230_hmac(greeting, 64, key, 32, "", 0, derived);
    k230_expand(derived, "k230 client seal", s->client.seal);
    k230_expand(derived, "k230 board seal", s->board.seal);
    k230_expand(derived, "k230 client cipher", wide);
    memcpy(s->client.cipher, wide, 16);
    k230_expand(derived, "k230 board cipher", wide);
    memcpy(s->board.cipher, wide, 16);
    s->client.encrypted = s->board.encrypted = (uint8_t)(flags >> 2 & 1);
    s->client.aes = s->board.aes = k230_aes_software;
}

/* Compare in a time that does not tell where they differ. */
static inline int k230_same(const uint8_t *a, const uint8_t *b, size_t size) {
    uint8_t difference = 0;
    while (size--) {
        difference |= (uint8_t)(*a++ ^ *b++);
    }
    return difference == 0;
}

static inline void k230_crypt(const k230_channel *c, const uint8_t counter[8], uint8_t *data,
                              size_t size) {
    uint8_t block[16], stream[16];
    size_t at;
    unsigned i;
    memcpy(block, counter, 8);
    for (at = 0; at < size; at++) {
        if (at % 16 == 0) {
            for (i = 0; i < 8; i++) {
                block[15 - i] = (uint8_t)((uint64_t)(at / 16) >> 8 * i);
            }
            c->aes(c->cipher, block, stream);
        }
        data[at] ^= stream[at % 16];
    }
}

static inline void k230_tag(const k230_channel *c, const uint8_t counter[8], const uint8_t *data,
                            size_t size, uint8_t tag[32]) {
    k230_hmac(c->seal, 32, counter, 8, data, size, tag);
}

/* Check and decrypt a sealed message in the decoder's own buffer; 1: message is what was sealed. */
static inline int k230_unseal(k230_channel *c, k230_decoder *d, k230_message *m) {
    const size_t size = m->payload.size;
    uint8_t *const sealed = d->body;
    uint8_t number[8], tag[32];
    uint64_t counter, type;
    uint32_t count;
    unsigned i;
    if (!d->complete || !m->sealed || size <= K230_SEAL_OVERHEAD) {
        return 0;
    }
    /* The low 16 bits travel; 0 ahead is a replay. */
    counter = (uint64_t)((sealed[1] | (unsigned)sealed[2] << 8) - c->counter) & 0xFFFF;
    if (counter == 0) {
        return 0;
    }
    counter += c->counter;
    for (i = 0; i < 8; i++) {
        number[i] = (uint8_t)(counter >> 8 * i);
    }
    k230_tag(c, number, sealed + 3, size - K230_SEAL_OVERHEAD, tag);
    if (!k230_same(tag, sealed + size - K230_TAG_SIZE, K230_TAG_SIZE)) {
        return 0;
    }
    c->counter = counter;
    if (c->encrypted) {
        k230_crypt(c, number, sealed + 3, size - K230_SEAL_OVERHEAD);
    }
    if (!k230_well_formed(sealed + 3, size - K230_SEAL_OVERHEAD)) {
        return 0;
    }
    memset(m, 0, sizeof *m);
    m->payload.data = sealed + 3;
    m->payload.size = size - K230_SEAL_OVERHEAD;
    m->fields.at = m->payload.data;
    m->fields.end = m->payload.data + m->payload.size;
    if (!k230_read_array(&m->fields, &count) || !k230_read_uint(&m->fields, &type)) {
        return 0;
    }
    m->type = (uint8_t)type;
    m->count = count - 1;
    return 1;
}

/* Seal what this side sends: out has room for size + K230_SEAL_OVERHEAD bytes; return how many. */
static inline size_t k230_seal(k230_channel *c, const uint8_t *payload, size_t size, uint8_t *out) {
    uint8_t number[8], tag[32];
    unsigned i;
    c->counter++;
    for (i = 0; i < 8; i++) {
        number[i] = (uint8_t)(c->counter >> 8 * i);
    }
    out[0] = K230_SEALED_MARK;
    out[1] = number[0];
    out[2] = number[1];
    memmove(out + 3, payload, size);
    if (c->encrypted) {
        k230_crypt(c, number, out + 3, size);
    }
    k230_tag(c, number, out + 3, size, tag);
    memcpy(out + 3 + size, tag, K230_TAG_SIZE);
    return size + K230_SEAL_OVERHEAD;
}

#endif
