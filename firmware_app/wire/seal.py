"""Who may talk on a link: HMAC-SHA-256 proofs of the key, and a tag on every packet.

The key never crosses the link: both sides prove it over both nonces and over the very bytes of
HELLO and WELCOME, so neither a recording nor an altered greeting is accepted. docs/protocol.md,
section "Key", is normative.
"""

import hashlib

TAG_SIZE = 8  # bytes of HMAC-SHA-256 that travel with each sealed payload
_OVERHEAD = 3 + TAG_SIZE  # mark, counter (2 bytes), tag
_MARK = b"\xc1"


class Hmac:
    """HMAC-SHA-256 with one key (the board has hashlib, but no hmac); RFC 2104."""

    def __init__(self, key: bytes) -> None:
        if len(key) > 64:
            key = hashlib.sha256(key).digest()
        key = key + bytes(64 - len(key))
        self._inner = bytes(b ^ 0x36 for b in key)
        self._outer = bytes(b ^ 0x5C for b in key)

    def digest(self, *parts: bytes) -> bytes:
        """Return the 32-byte digest of the parts put together."""
        inner = hashlib.sha256(self._inner + b"".join(parts)).digest()
        return hashlib.sha256(self._outer + inner).digest()


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
        self._greeting = hashlib.sha256(hello).digest() + hashlib.sha256(welcome).digest()

    def client_proof(self) -> bytes:
        """The proof that AUTH carries."""
        return self._hmac.digest(b"k230 client proof", self._greeting)

    def board_proof(self) -> bytes:
        """The proof that READY carries."""
        return self._hmac.digest(b"k230 board proof", self._greeting)

    def client_seal(self) -> bytes:
        """The key that seals what the client sends."""
        return self._hmac.digest(b"k230 client seal", self._greeting)

    def board_seal(self) -> bytes:
        """The key that seals what the board sends."""
        return self._hmac.digest(b"k230 board seal", self._greeting)


class Sealer:
    """Puts mark, counter and tag around the payloads that one side sends in one session."""

    def __init__(self, key: bytes) -> None:
        self._hmac = Hmac(key)
        self._counter = 0

    def seal(self, payload: bytes) -> bytes:
        """Return payload sealed; call it in the order in which the packets are sent."""
        self._counter += 1
        counter = self._counter.to_bytes(8, "little")
        tag = self._hmac.digest(counter + payload)[:TAG_SIZE]
        return _MARK + counter[:2] + payload + tag


class Opener:
    """Checks what Sealer made: each counter must be higher than all before (no replay)."""

    def __init__(self, key: bytes) -> None:
        self._hmac = Hmac(key)
        self._counter = 0

    def open(self, sealed: bytes) -> bytes:
        """Return the payload, or b"" where tag or counter is not right."""
        if len(sealed) <= _OVERHEAD:
            return b""
        # Packets may be lost on a UART, so the low 16 bits travel and the rest is the
        # nearest counter ahead: a gap of up to 65,535 lost packets is bridged.
        step = ((sealed[1] | sealed[2] << 8) - self._counter) & 0xFFFF
        if step == 0:
            return b""
        counter = self._counter + step
        payload = sealed[3:-TAG_SIZE]
        tag = self._hmac.digest(counter.to_bytes(8, "little"), payload)[:TAG_SIZE]
        if not same(tag, sealed[-TAG_SIZE:]):
            return b""
        self._counter = counter
        return payload
