"""AES for encrypted sessions, and which boards have encrypted theirs before."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from firmware_app.wire import seal
from host_client.base.exceptions import AuthenticationError
from host_client.link.greeting import Welcome

_log = logging.getLogger(__name__)

# required: always; remembered: where this board has encrypted before; optional: as the board says.
Encryption = Literal["required", "remembered", "optional"]
_MOST = 1000  # boards remembered, the latest


def cipher(key: bytes) -> seal.Cipher:
    """Return what encrypts one direction of a session with a key of 16 bytes."""
    return seal.Cipher(_encryptor(key))


def _encryptor(key: bytes) -> Callable[[bytes], bytes]:
    # Imported when needed: a UART never encrypts, and the library takes its time.
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: PLC0415

    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update


class Remembered:
    """The ids of boards that encrypted a session, one a line in a file without secrets."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __contains__(self, board_id: str) -> bool:
        return board_id in self._load()

    def add(self, board_id: str) -> None:
        """Remember a board; a file that can't be written is no reason to end a session."""
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
    """Raise AuthenticationError where a board on the network offers less than is wanted.

    Nobody can leave the encryption out on the way: both proofs cover the WELCOME. This is for a
    board whose setting was changed.
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
