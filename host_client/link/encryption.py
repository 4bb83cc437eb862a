"""AES for encrypted sessions, and the record of boards that encrypted before."""

from __future__ import annotations

import logging
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import Literal

from firmware_app.wire import seal
from host_client.base.exceptions import AuthenticationError
from host_client.link.greeting import Welcome

_log = logging.getLogger(__name__)

# required: always; remembered: if this board encrypted before; optional: the board decides.
Encryption = Literal["required", "remembered", "optional"]
_MOST = 1000  # latest boards to remember
_FIRST_BLOCK = bytes(8)  # after the counter


class Cipher(seal.Cipher):
    """As seal.Cipher, by the library's own counter mode: its blocks are the same."""

    def __init__(self, key: bytes) -> None:
        # Imported when needed: a UART never encrypts, and the library loads slowly.
        from cryptography.hazmat.primitives.ciphers import (  # noqa: PLC0415
            Cipher,
            algorithms,
            modes,
        )

        self._context = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()

    def crypt(self, counter: bytes, data: bytes | bytearray) -> bytes:
        """Return data encrypted or decrypted. counter: 8 bytes."""
        self._context.reset_nonce(counter + _FIRST_BLOCK)
        return self._context.update(data)


def cipher(key: bytes) -> seal.Cipher:
    """Return the cipher for one direction of a session, from a key of 16 bytes."""
    return Cipher(key)


class Opener(seal.Opener):
    """As seal.Opener, with what this computer's library has and a board's has not."""

    def __init__(self, key: bytes, cipher: seal.Cipher | None = None) -> None:
        super().__init__(key, cipher)
        # Copying these costs less than hashing the padded key with each packet.
        self._inner = sha256(self._hmac._inner)
        self._outer = sha256(self._hmac._outer)

    def _genuine(self, number: bytes, payload: bytes, tag: bytes) -> bool:
        inner = self._inner.copy()
        inner.update(number + payload)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return compare_digest(outer.digest()[: seal.TAG_SIZE], tag)


class Remembered:
    """Ids of boards that encrypted a session, one a line; the file has no secrets."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __contains__(self, board_id: str) -> bool:
        return board_id in self._load()

    def add(self, board_id: str) -> None:
        """Remember a board; a file that can't be written does not end the session."""
        known = self._load()
        if not board_id or board_id in known:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"{board_id}\n")
        except OSError as error:
            _log.debug("%s: %s", self._path, error)

    def _load(self) -> list[str]:
        try:
            return self._path.read_text("utf-8", errors="replace").split()[-_MOST:]
        except OSError:
            return []


def check(welcome: Welcome, wanted: Encryption, known: Remembered) -> None:
    """Raise AuthenticationError if a board on the network offers less than required.

    An attacker can't remove the encryption, because both proofs cover the WELCOME. This check is
    for a board with a changed setting.
    """
    if welcome.encrypted or wanted == "optional":
        return
    if wanted == "required":
        raise AuthenticationError(
            f"the board {welcome.board_name!r} does not encrypt: set network.encryption and "
            "network.key_required to true in its service.yaml"
        )
    if welcome.board_id in known:
        raise AuthenticationError(
            f"the board {welcome.board_name!r} encrypted before and does not any more: set "
            "network.encryption to true in its service.yaml, or accept it with --unencrypted "
            "(in Python: encryption='optional')"
        )
