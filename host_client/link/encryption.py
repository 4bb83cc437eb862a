"""AES for encrypted sessions, and the record of boards that encrypted before."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from firmware_app.wire import seal
from host_client.base.exceptions import AuthenticationError
from host_client.link.greeting import Welcome

_log = logging.getLogger(__name__)

# required: always; remembered: if this board encrypted before; optional: the board decides.
Encryption = Literal["required", "remembered", "optional"]
_MOST = 1000  # latest boards to remember


def cipher(key: bytes) -> seal.Cipher:
    """Return the cipher for one direction of a session, from a key of 16 bytes."""
    return seal.Cipher(_encryptor(key))


def _encryptor(key: bytes) -> Callable[[bytes], bytes]:
    # Imported when needed: a UART never encrypts, and the library loads slowly.
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: PLC0415

    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update


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
