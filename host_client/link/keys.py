"""Find a board's key: given, in K230_KEY, or in the key store.

A key is 32 bytes, written as 64 hexadecimal digits. Keys are never printed or logged here.
The store has one line a board: its address or id, a space, the key; mode 0600. It is
~/.config/k230/keys on Linux, ~/Library/Application Support/k230/keys on macOS,
%APPDATA%\\k230\\keys on Windows.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import platformdirs

from firmware_app.wire import messages
from host_client.base.exceptions import KeyFormatError
from host_client.base.wording import reason
from host_client.link.address import REPLAY

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_DIGITS = 2 * messages.KEY_SIZE
ENVIRONMENT = "K230_KEY"


def parse_key(text: str, source: str = "key") -> bytes:
    """Return the key in a text: 64 hexadecimal digits, or @FILE with them."""
    text = text.strip().removeprefix("\ufeff")
    if text.startswith("@"):
        return _read_key_file(Path(text[1:]).expanduser())
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(text) != _DIGITS or len(key) != messages.KEY_SIZE:
        raise KeyFormatError(
            f"{source}: a key has {_DIGITS} hexadecimal digits, found {len(text)} characters"
            if len(text) != _DIGITS
            else f"{source}: a key has {_DIGITS} hexadecimal digits, found other characters"
        )
    return key


def _read_key_file(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise KeyFormatError(f"key file {path}: {reason(error)}") from error
    if len(data) == messages.KEY_SIZE:
        return data
    try:
        # PowerShell's > writes UTF-16; some editors write a BOM.
        utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        text = data.decode("utf-16" if utf16 else "utf-8-sig").strip()
    except UnicodeDecodeError:
        text = ""
    if text.startswith("@"):
        text = ""
    return parse_key(text, f"key file {path}")


def default_store() -> Path:
    """Return the path of the user's key store, in the system's folder for settings."""
    return platformdirs.user_config_path("k230", appauthor=False, roaming=True) / "keys"


class KeyStore:
    """The keys of this user's boards, by address (as Board shows it) or by board id."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or default_store()

    def names(self) -> list[str]:
        """Return the boards with a stored key, without the keys."""
        return sorted(self._load())

    def find(self, *names: str) -> bytes | None:
        """Return the key of the first name in the store, or None."""
        known = self._load()
        for name in names:
            if name in known:
                return known[name]
        return None

    def add(self, name: str, key: bytes) -> None:
        """Store a board's key, replacing an older one."""
        if not name or len(name.split()) != 1:
            raise KeyFormatError(f"{name!r} can't name a board: it is empty or has spaces")
        with self._alone():
            known = self._load()
            known[name] = key
            self._save(known)

    def remove(self, name: str) -> bool:
        """Remove a board's key; return False if there was none."""
        with self._alone():
            known = self._load()
            if name not in known:
                return False
            del known[name]
            self._save(known)
        return True

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Lock the store against other programs, if the system supports it."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with open(self.path.with_name(self.path.name + ".lock"), "w") as lock:
                if fcntl is not None:
                    fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise KeyFormatError(
                f"key store {self.path}: can't be written: {reason(error)}"
            ) from error

    def _load(self) -> dict[str, bytes]:
        try:
            text = self.path.read_text("utf-8-sig")  # some Windows editors write a BOM
        except FileNotFoundError:
            return {}
        except UnicodeDecodeError:
            raise KeyFormatError(
                f"key store {self.path}: expected UTF-8 text, found other bytes"
            ) from None
        except OSError as error:
            raise KeyFormatError(
                f"key store {self.path}: can't be read: {reason(error)}"
            ) from error
        known = {}
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            name, _, digits = line.strip().partition(" ")
            known[name] = parse_key(digits, f"key store {self.path}, line {number}")
        return known

    def _save(self, known: dict[str, bytes]) -> None:
        lines = ["# Keys of K230 boards. Anyone who can read this file can use the boards.\n"]
        lines += [f"{name} {key.hex()}\n" for name, key in sorted(known.items())]
        try:
            # mkstemp creates the file with mode 0600; the rename replaces the old file in one step.
            handle, temporary = tempfile.mkstemp(prefix="keys.", dir=self.path.parent)
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.writelines(lines)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(temporary, self.path)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise KeyFormatError(
                f"key store {self.path}: can't be written: {reason(error)}"
            ) from error


class KeyRing:
    """Finds the key for one board: explicit, else K230_KEY, else the store.

    explicit: 32 bytes, hexadecimal text, "@FILE"; False for "use no key at all".
    """

    def __init__(
        self,
        explicit: bytes | str | bool | None = None,
        store: KeyStore | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._given: bytes | None = None
        self._search_store = False
        self._store = store or KeyStore()
        if explicit is True:
            raise KeyFormatError("key: expected 32 bytes, hexadecimal text or False, found True")
        if explicit is False:
            return
        if isinstance(explicit, str):
            self._given = parse_key(explicit)
        elif explicit is not None:
            if len(explicit) != messages.KEY_SIZE:
                raise KeyFormatError(f"key: expected 32 bytes, found {len(explicit)}")
            self._given = bytes(explicit)
        elif environment.get(ENVIRONMENT):
            self._given = parse_key(environment[ENVIRONMENT], ENVIRONMENT)
        else:
            self._search_store = True

    def __repr__(self) -> str:
        return "KeyRing(...)"

    @property
    def folder(self) -> Path:
        """The folder with this user's board data."""
        return self._store.path.parent

    def find(self, address: str, board_id: str) -> bytes | None:
        """Return the key for the board at an address with a board id.

        The address is tried before the id, because the device only claims its id. A recording asks for
        no key, so K230_KEY is not for it.
        """
        if address.startswith(REPLAY):
            return None
        if self._search_store:
            return self._store.find(address, board_id)
        return self._given
