"""Who may talk on a link: HMAC-SHA-256 proofs of the key, a tag on every packet, and encryption.

The key never crosses the link: both sides prove it over both nonces and over the very bytes of
HELLO and WELCOME, so neither a recording nor an altered greeting is accepted. Keys of a session and
direction are derived with HKDF (RFC 5869). docs/protocol.md, section "Key", is normative.
"""

from builtins import len, memoryview  # found sooner than where they are built in
from hashlib import sha256

TAG_SIZE = 8  # bytes of HMAC-SHA-256 that travel with each sealed payload
_OVERHEAD = 3 + TAG_SIZE  # mark, counter (2 bytes), tag
_MARK = 0xC1
_number = int.from_bytes
_BLOCK = 16  # bytes of an AES block
_RUN = 256  # blocks with numbers that differ in the last byte alone
_FEW = 16  # blocks of a payload, up to which their numbers lie ready in a list of their own
_MANY = 256  # bytes from which mix() takes less time than long numbers do

if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Callable

    Encrypt = Callable[[bytes], bytes]  # whole blocks, AES-128 in ECB mode
    Data = bytes | bytearray | memoryview
    Zeros = Callable[[bytearray], list[int] | None]  # the places of the zero bytes; None: not now
    Stream = Callable[[bytes, int], bytearray | None]  # None: not now
    Mix = Callable[[Data, Data], bytearray | None]  # exclusive or, of equal lengths; None: not now


class Hmac:
    """HMAC-SHA-256 with one key (the board has hashlib, but no hmac); RFC 2104."""

    def __init__(self, key: bytes) -> None:
        if len(key) > 64:
            key = sha256(key).digest()
        key = key + bytes(64 - len(key))
        self._inner = bytes(b ^ 0x36 for b in key)
        self._outer = bytes(b ^ 0x5C for b in key)

    def digest(self, *parts: bytes) -> bytes:
        """Return the 32-byte digest of the parts put together."""
        inner = sha256(self._inner)
        for part in parts:
            # What is put together first is copied, and MicroPython hashes each copy.
            inner.update(part)
        return sha256(self._outer + inner.digest()).digest()

    def tag(self, counter: bytes, payload: "bytes | bytearray") -> bytes:
        """Return the first TAG_SIZE bytes of digest(counter, payload): every packet has one."""
        inner = sha256(self._inner)
        inner.update(counter)
        inner.update(payload)
        outer = sha256(self._outer)
        outer.update(inner.digest())
        return outer.digest()[:TAG_SIZE]


def same(a: bytes, b: bytes) -> bool:
    """Compare two digests in a time that doesn't tell where they differ."""
    if len(a) != len(b):
        return False
    difference = 0
    for i in range(len(a)):
        difference |= a[i] ^ b[i]
    return difference == 0


class Handshake:
    """What both sides compute from the key and the payloads of HELLO and WELCOME."""

    def __init__(self, key: bytes, hello: bytes, welcome: bytes) -> None:
        self._hmac = Hmac(key)
        self._greeting = sha256(hello).digest() + sha256(welcome).digest()
        # HKDF-Extract: the greeting, with both nonces, is the salt.
        self._derived = Hmac(Hmac(self._greeting).digest(key))

    def client_proof(self) -> bytes:
        """The proof that AUTH carries."""
        return self._hmac.digest(b"k230 client proof", self._greeting)

    def board_proof(self) -> bytes:
        """The proof that READY carries."""
        return self._hmac.digest(b"k230 board proof", self._greeting)

    def client_seal(self) -> bytes:
        """The key of the tags on what the client sends."""
        return self._expanded(b"k230 client seal")

    def board_seal(self) -> bytes:
        """The key of the tags on what the board sends."""
        return self._expanded(b"k230 board seal")

    def client_cipher(self) -> bytes:
        """The AES-128 key that encrypts what the client sends."""
        return self._expanded(b"k230 client cipher")[:_BLOCK]

    def board_cipher(self) -> bytes:
        """The AES-128 key that encrypts what the board sends."""
        return self._expanded(b"k230 board cipher")[:_BLOCK]

    def _expanded(self, label: bytes) -> bytes:
        return self._derived.digest(label, b"\1")  # HKDF-Expand, its first block


class Cipher:
    """AES-128 in counter mode, made of encrypt(): the firmware of some boards has no other mode.

    The block to encrypt is the packet's counter (8 bytes, little endian) and the block's number in
    the packet (8 bytes, big endian). One key serves one direction of one session, so no block is
    ever encrypted twice.
    """

    _numbers = [b""]  # and the block numbers 0…, one byte each, as far as any packet needed them
    _few = [[b""]]  # the first of them, for payloads of 0, 1, 2 … blocks

    zeros: "Zeros | None" = None  # where a long packet's zero bytes lie; None: not known quickly

    def __init__(
        self,
        encrypt: "Encrypt",
        mix: "Mix | None" = None,
        zeros: "Zeros | None" = None,
        stream: "Stream | None" = None,
    ) -> None:
        """stream: makes what many bytes are mixed with, from their counter and the number of blocks."""
        self._encrypt = encrypt
        self._mix = mix
        self.zeros = zeros
        self._stream = stream

    def crypt(self, counter: bytes, data: "bytes | bytearray") -> "bytes | bytearray":
        """Return data encrypted, or decrypted: both are the same. counter: 8 bytes."""
        size = len(data)
        blocks = (size + 15) // _BLOCK
        few = Cipher._few
        if blocks < len(few):
            # What stands between the numbers comes before each, too: the first item is empty.
            stream: "bytes | bytearray" = self._encrypt(
                (counter + b"\0\0\0\0\0\0\0").join(few[blocks])
            )
        else:
            stream = self._long_stream(counter, blocks)
        if self._mix is not None and size >= _MANY:
            quick = self._mix(data, memoryview(stream)[:size])  # a copy would be hashed
            if quick is not None:
                return quick
        # Of the stream as many bytes as there are of data, the first ones.
        mixed = _number(data, "big") ^ _number(stream, "big") >> 8 * (len(stream) - size)
        return mixed.to_bytes(size, "big")

    def _long_stream(self, counter: bytes, blocks: int) -> "bytes | bytearray":
        """Return so many blocks of what data is mixed with."""
        if self._stream is not None and blocks > _FEW:
            quick = self._stream(counter, blocks)
            if quick is not None:
                return quick
        numbers = Cipher._numbers
        if len(numbers) <= blocks and len(numbers) <= _RUN:
            # New lists, for threads of a host: each sees the old ones or the new ones, whole.
            wanted = _RUN if 2 * blocks > _RUN else 2 * blocks
            Cipher._numbers = numbers = [b""] + [bytes((i,)) for i in range(wanted)]
            Cipher._few = [numbers[: i + 1] for i in range(min(wanted, _FEW) + 1)]
        if blocks <= _RUN:
            return self._encrypt((counter + b"\0\0\0\0\0\0\0").join(numbers[: blocks + 1]))
        return b"".join(
            [
                self._encrypt(
                    (counter + (at // _RUN).to_bytes(7, "big")).join(
                        numbers[: min(_RUN, blocks - at) + 1]
                    )
                )
                for at in range(0, blocks, _RUN)
            ]
        )


class Sealer:
    """Puts mark, counter and tag around the payloads that one side sends in one session.

    cipher: encrypts them first, where the session is encrypted.
    """

    def __init__(self, key: bytes, cipher: "Cipher | None" = None) -> None:
        self._hmac = Hmac(key)
        self._cipher = cipher
        self.zeros = None if cipher is None else cipher.zeros  # for packet_of_parts()
        self._counter = 0

    def seal(self, payload: bytes) -> bytes:
        """Return payload sealed; call it in the order in which the packets are sent."""
        head, sealed, tag = self.parts(payload)
        return b"".join((head, bytes(sealed), tag))

    def parts(self, payload: "bytes | bytearray") -> "tuple[bytes, bytes | bytearray, bytes]":
        """Return what seal() puts together: mark with counter, payload, tag."""
        self._counter = number = self._counter + 1
        counter = number.to_bytes(8, "little")
        if self._cipher is not None:
            payload = self._cipher.crypt(counter, payload)
        else:
            payload = bytes(payload)
        head = (number << 8 & 0xFFFF00 | _MARK).to_bytes(3, "little")
        return head, payload, self._hmac.tag(counter, payload)


class Opener:
    """Checks what Sealer made: each counter must be higher than all before (no replay)."""

    def __init__(self, key: bytes, cipher: "Cipher | None" = None) -> None:
        self._hmac = Hmac(key)
        self._cipher = cipher
        self._counter = 0

    def open(self, sealed: bytes) -> "bytes | bytearray":
        """Return the payload, or b"" where tag or counter is not right."""
        if len(sealed) <= _OVERHEAD:
            return b""
        # Packets may be lost on a UART, so the low 16 bits travel and the rest is the
        # nearest counter ahead: a gap of up to 65,535 lost packets is bridged.
        step = ((sealed[1] | sealed[2] << 8) - self._counter) & 0xFFFF
        if step == 0:
            return b""
        counter = self._counter + step
        number = counter.to_bytes(8, "little")
        payload = sealed[3:-TAG_SIZE]
        if not self._genuine(number, payload, sealed[-TAG_SIZE:]):
            return b""
        self._counter = counter
        return payload if self._cipher is None else self._cipher.crypt(number, payload)

    def _genuine(self, number: bytes, payload: bytes, tag: bytes) -> bool:
        return same(self._hmac.tag(number, payload), tag)
