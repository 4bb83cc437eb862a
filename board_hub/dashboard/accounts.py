"""Who may look and who may change things: users, their sessions, and tokens for streams.

The file holds names, roles and scrypt digests, never a password. What is remembered of sessions and
attempts lives in memory and is bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import os
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from host_client.base.exceptions import K230Error
from host_client.base.wording import reason

ROLES = ("admin", "viewer")
MIN_PASSWORD = 8  # characters
MAX_PASSWORD = 256
MAX_NAME = 64
MAX_USERS = 256
MAX_TOKENS = 256
SESSION_S = 12 * 3600.0  # a session that is used lasts on
MAX_SESSIONS = 1024
TICKET_S = 3600.0
FREE_ATTEMPTS = 5  # of an address, before it has to wait
MAX_WAIT_S = 300.0
MAX_ADDRESSES = 4096
PARALLEL_CHECKS = 2  # scrypt takes 16 MB and 50 ms each
_N, _R, _P = 1 << 14, 8, 1


class AccountError(K230Error):
    """An account can't be made or changed as asked."""

    code = "bad_account"


class TooManyAttempts(K230Error):  # noqa: N818 - it names what happened
    """An address has to wait before it may try another password."""

    code = "too_many_attempts"

    def __init__(self, seconds: float) -> None:
        self.seconds = max(1, round(seconds))
        super().__init__(f"too many attempts: wait {self.seconds} s, then try again")


class Who(NamedTuple):
    """A person or program that was let in."""

    name: str
    role: str

    @property
    def may_change(self) -> bool:
        """Whether the role allows more than looking."""
        return self.role == "admin"


class _Session(NamedTuple):
    name: str
    ends: float


class Accounts:
    """The users of a file, and who is logged in."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the file; AccountError where it holds something else. One that is missing is empty."""
        self.path = path.absolute()
        self._clock = clock
        self._users: dict[str, dict[str, str]] = {}
        self._tokens: dict[str, dict[str, str]] = {}
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        self._tickets: dict[str, tuple[str, float]] = {}
        self._attempts: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._checks = asyncio.Semaphore(PARALLEL_CHECKS)
        self._ended: list[Callable[[str], None]] = []
        self._read()

    # The file.

    def _read(self) -> None:
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError) as error:
            raise AccountError(f"{self.path}: can't be read: {error}") from None
        try:
            content = json.loads(text)
            users, tokens = content["users"], content.get("tokens", {})
            for rows, need in ((users, "scrypt"), (tokens, "sha256")):
                for name, row in rows.items():
                    if row["role"] not in ROLES or not isinstance(row[need], str):
                        raise ValueError(name)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise AccountError(
                f"{self.path}: expected the dashboard's users, found something else; "
                "remove the file to begin anew"
            ) from None
        self._users, self._tokens = users, tokens

    def _write(self) -> None:
        content = json.dumps({"users": self._users, "tokens": self._tokens}, indent=1) + "\n"
        beside = self.path.with_name(f"{self.path.name}.{secrets.token_hex(4)}.new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, self.path)
        except OSError as error:
            with contextlib.suppress(OSError):
                beside.unlink()
            raise AccountError(f"{self.path}: can't be written: {reason(error)}") from None

    # Users.

    @property
    def users(self) -> list[Who]:
        """Everybody who may log in."""
        return [Who(name, row["role"]) for name, row in sorted(self._users.items())]

    def first_password(self) -> str | None:
        """Return the password of the new user `admin` where there are no users yet, else None."""
        if self._users:
            return None
        password = "-".join(secrets.token_hex(2) for _ in range(4))
        self.add("admin", password, "admin")
        return password

    def add(self, name: str, password: str, role: str) -> None:
        """Add a user, or replace one's password and role; AccountError."""
        if not 1 <= len(name) <= MAX_NAME or not name.isprintable() or name != name.strip():
            raise AccountError(f"name: expected 1 to {MAX_NAME} printable characters")
        if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
            raise AccountError(
                f"password: expected {MIN_PASSWORD} to {MAX_PASSWORD} characters, "
                f"found {len(password)}"
            )
        if role not in ROLES:
            raise AccountError(f"role: expected {' or '.join(ROLES)}, found {role[:32]!r}")
        if name not in self._users and len(self._users) >= MAX_USERS:
            raise AccountError(f"users: expected at most {MAX_USERS}")
        if role != "admin":
            self._keep_an_admin(name)
        before = dict(self._users)
        self._users[name] = {"role": role, "scrypt": _digest(password)}
        self._save(before, self._tokens)
        self._end(name)

    def remove(self, name: str) -> None:
        """Remove a user with all sessions; AccountError for the last admin."""
        if name not in self._users:
            raise AccountError(f"name: there is no user {name[:MAX_NAME]!r}")
        self._keep_an_admin(name)
        before = dict(self._users)
        del self._users[name]
        self._save(before, self._tokens)
        self._end(name)

    def _keep_an_admin(self, name: str) -> None:
        admins = [other for other, row in self._users.items() if row["role"] == "admin"]
        if admins == [name]:
            raise AccountError("role: the last admin must stay one")

    def _save(self, users: dict[str, dict[str, str]], tokens: dict[str, dict[str, str]]) -> None:
        """Write the file; put back what was in memory where that fails."""
        try:
            self._write()
        except AccountError:
            self._users, self._tokens = users, tokens
            raise

    # Logging in.

    async def log_in(self, address: str, name: str, password: str) -> str:
        """Return a new session's secret; AccountError for wrong ones, TooManyAttempts."""
        self._may_try(address)
        row = self._users.get(name)
        # An unknown name takes as long as a known one.
        wanted = row["scrypt"] if row is not None else _NOBODY
        self._count(address)  # before waiting: attempts side by side count, too
        async with self._checks:
            fits = await asyncio.to_thread(_fits, password[:MAX_PASSWORD], wanted)
        if not fits or row is None or self._users.get(name) is not row:
            raise AccountError("name or password: wrong")
        self._attempts.pop(address, None)
        return self._begin(name)

    def ticket(self, name: str = "admin") -> str:
        """Return a secret that logs in once, within an hour."""
        secret = secrets.token_urlsafe(24)
        self._tickets[_hash(secret)] = (name, self._clock() + TICKET_S)
        return secret

    def use_ticket(self, address: str, secret: str) -> str:
        """Return a new session's secret for a ticket; AccountError, TooManyAttempts."""
        self._may_try(address)
        name, ends = self._tickets.pop(_hash(secret), ("", 0.0))
        if name not in self._users or self._clock() > ends:
            self._count(address)
            raise AccountError("ticket: used, too old, or wrong: log in with the password")
        return self._begin(name)

    def _begin(self, name: str) -> str:
        secret = secrets.token_urlsafe(32)
        self._sessions[_hash(secret)] = _Session(name, self._clock() + SESSION_S)
        while len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)
        return secret

    def who(self, secret: str | None) -> Who | None:
        """Return who has this session, and let it last on."""
        key = _hash(secret or "")
        session = self._sessions.get(key)
        if session is None:
            return None
        row = self._users.get(session.name)
        if row is None or self._clock() > session.ends:
            del self._sessions[key]
            return None
        self._sessions[key] = session._replace(ends=self._clock() + SESSION_S)
        self._sessions.move_to_end(key)
        return Who(session.name, row["role"])

    def log_out(self, secret: str | None) -> None:
        """End a session."""
        self._sessions.pop(_hash(secret or ""), None)

    def on_end(self, ended: Callable[[str], None]) -> None:
        """Call ended(name) where a user's sessions end because the account changed."""
        self._ended.append(ended)

    def _end(self, name: str) -> None:
        for key in [key for key, session in self._sessions.items() if session.name == name]:
            del self._sessions[key]
        for ended in self._ended:
            ended(name)

    def _may_try(self, address: str) -> None:
        count, since = self._attempts.get(address, (0, 0.0))
        if count >= FREE_ATTEMPTS:
            wait = min(MAX_WAIT_S, 2.0 ** (count - FREE_ATTEMPTS + 1))
            left = since + wait - self._clock()
            if left > 0:
                raise TooManyAttempts(left)

    def _count(self, address: str) -> None:
        count, _ = self._attempts.get(address, (0, 0.0))
        self._attempts[address] = (min(count + 1, 64), self._clock())
        self._attempts.move_to_end(address)
        while len(self._attempts) > MAX_ADDRESSES:
            self._attempts.popitem(last=False)

    # Tokens: a stream's address for a program that can't log in.

    @property
    def tokens(self) -> list[str]:
        """The names of all tokens."""
        return sorted(self._tokens)

    def new_token(self, name: str) -> str:
        """Return a new token that may see streams, shown this once; AccountError."""
        if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
            raise AccountError(f"name: expected 1 to {MAX_NAME} printable characters")
        if name in self._tokens:
            raise AccountError(f"name: there is a token {name!r} already")
        if len(self._tokens) >= MAX_TOKENS:
            raise AccountError(f"tokens: expected at most {MAX_TOKENS}")
        secret = secrets.token_urlsafe(24)
        before = dict(self._tokens)
        self._tokens[name] = {"role": "viewer", "sha256": _hash(secret)}
        self._save(self._users, before)
        return secret

    def remove_token(self, name: str) -> None:
        """Make a token useless; AccountError where there is none."""
        if name not in self._tokens:
            raise AccountError(f"name: there is no token {name[:MAX_NAME]!r}")
        before = dict(self._tokens)
        del self._tokens[name]
        self._save(self._users, before)

    def token_fits(self, secret: str) -> bool:
        """Return whether this is one of the tokens."""
        digest = _hash(secret)
        fits = [hmac.compare_digest(digest, row["sha256"]) for row in self._tokens.values()]
        return any(fits)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _scrypt(password: str, salt: bytes) -> bytes:
    data = password.encode("utf-8", "replace")
    return hashlib.scrypt(data, salt=salt, n=_N, r=_R, p=_P, maxmem=64 << 20)


def _digest(password: str) -> str:
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}:{_scrypt(password, salt).hex()}"


def _fits(password: str, digest: str) -> bool:
    salt, _, wanted = digest.partition(":")
    try:
        return hmac.compare_digest(_scrypt(password, bytes.fromhex(salt)), bytes.fromhex(wanted))
    except ValueError:  # the file was edited
        return False


_NOBODY = f"{'00' * 16}:{'00' * 64}"


def public(who: Who | None) -> dict[str, Any]:
    """Return what a browser learns of who it is."""
    return {"name": who.name, "role": who.role} if who else {"name": None, "role": None}
