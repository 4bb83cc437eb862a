"""Users, sessions, attempts and tokens."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from board_hub.dashboard import accounts as room
from board_hub.dashboard.accounts import AccountError, Accounts, TooManyAttempts, Who


class Clock:
    """Time that passes as a test says."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the users are kept."""
    return tmp_path / "deep" / "users.json"


async def test_first_password(path: Path) -> None:
    """It is made once, works, and stands nowhere in the file, which others can't read."""
    accounts = Accounts(path)
    password = accounts.first_password()
    assert password is not None
    assert len(password) >= 16
    assert accounts.first_password() is None
    assert password not in path.read_text()
    assert os.stat(path).st_mode & 0o077 == 0
    again = Accounts(path)
    assert again.first_password() is None
    session = await again.log_in("a", "admin", password)
    assert again.who(session) == Who("admin", "admin")
    again.log_out(session)
    assert again.who(session) is None
    assert again.who("") is None
    assert again.who(None) is None


async def test_attempts_are_limited(path: Path) -> None:
    """Five are free, then waits grow; another address goes on, and names don't show."""
    clock = Clock()
    accounts = Accounts(path, clock)
    accounts.add("admin", "correct horse", "admin")
    for name in ("admin", "nobody", "admin", "admin", "admin"):
        with pytest.raises(AccountError, match="name or password: wrong"):
            await accounts.log_in("a", name, "wrong")
    with pytest.raises(TooManyAttempts) as caught:
        await accounts.log_in("a", "admin", "correct horse")
    assert caught.value.seconds <= 2
    await accounts.log_in("b", "admin", "correct horse")
    clock.now += 3
    await accounts.log_in("a", "admin", "correct horse")
    for _ in range(20):
        clock.now += room.MAX_WAIT_S + 1
        with pytest.raises(AccountError):
            await accounts.log_in("a", "admin", "wrong")
    with pytest.raises(TooManyAttempts) as caught:
        await accounts.log_in("a", "admin", "correct horse")
    assert 200 < caught.value.seconds <= room.MAX_WAIT_S


async def test_many_addresses_take_no_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered of attempts and sessions is bounded."""
    monkeypatch.setattr(room, "_fits", lambda password, digest: password == "correct horse")
    monkeypatch.setattr(room, "MAX_ADDRESSES", 50)
    monkeypatch.setattr(room, "MAX_SESSIONS", 20)
    accounts = Accounts(path)
    accounts.add("admin", "correct horse", "admin")
    for number in range(200):
        with pytest.raises(AccountError):
            await accounts.log_in(str(number), "admin", "wrong")
    assert len(accounts._attempts) == 50
    sessions = [await accounts.log_in("z", "admin", "correct horse") for _ in range(30)]
    assert len(accounts._sessions) == 20
    assert accounts.who(sessions[0]) is None
    assert accounts.who(sessions[-1]) is not None


async def test_sessions_end(path: Path) -> None:
    """By time, by a new password, by removal; others are told."""
    clock = Clock()
    accounts = Accounts(path, clock)
    accounts.add("admin", "correct horse", "admin")
    accounts.add("eve", "battery staple", "viewer")
    ended: list[str] = []
    accounts.on_end(ended.append)
    session = await accounts.log_in("a", "eve", "battery staple")
    assert accounts.who(session) == Who("eve", "viewer")
    clock.now += room.SESSION_S - 1
    assert accounts.who(session) is not None
    clock.now += room.SESSION_S - 1
    assert accounts.who(session) is not None
    clock.now += room.SESSION_S + 1
    assert accounts.who(session) is None
    session = await accounts.log_in("a", "eve", "battery staple")
    accounts.add("eve", "another staple", "viewer")
    assert accounts.who(session) is None
    session = await accounts.log_in("a", "eve", "another staple")
    accounts.remove("eve")
    assert accounts.who(session) is None
    assert ended == ["eve", "eve"]


async def test_tickets(path: Path) -> None:
    """A ticket works once, for an hour, and guessing is limited."""
    clock = Clock()
    accounts = Accounts(path, clock)
    accounts.add("admin", "correct horse", "admin")
    ticket = accounts.ticket()
    assert accounts.who(accounts.use_ticket("a", ticket)) == Who("admin", "admin")
    with pytest.raises(AccountError):
        accounts.use_ticket("a", ticket)
    late = accounts.ticket()
    clock.now += room.TICKET_S + 1
    with pytest.raises(AccountError):
        accounts.use_ticket("b", late)
    for _ in range(5):
        with pytest.raises(AccountError):
            accounts.use_ticket("c", "guess")
    with pytest.raises(TooManyAttempts):
        accounts.use_ticket("c", accounts.ticket())


def test_tokens(path: Path) -> None:
    """A token is shown once, kept as a digest, and gone when it is removed."""
    accounts = Accounts(path)
    token = accounts.new_token("home")
    assert token not in path.read_text()
    assert Accounts(path).token_fits(token)
    assert not accounts.token_fits("x")
    assert not accounts.token_fits("")
    with pytest.raises(AccountError, match="already"):
        accounts.new_token("home")
    accounts.remove_token("home")
    assert not accounts.token_fits(token)
    with pytest.raises(AccountError, match="no token"):
        accounts.remove_token("home")


@pytest.mark.parametrize(
    ("name", "password", "role", "words"),
    [
        ("", "long enough", "viewer", "name: expected 1 to 64"),
        ("a" * 65, "long enough", "viewer", "name: expected 1 to 64"),
        ("a\n", "long enough", "viewer", "name: expected"),
        (" a", "long enough", "viewer", "name: expected"),
        ("a", "short", "viewer", "password: expected 8 to 256 characters, found 5"),
        ("a", "x" * 257, "viewer", "password: expected 8 to 256"),
        ("a", "long enough", "root", "role: expected admin or viewer"),
        ("admin", "long enough", "viewer", "the last admin must stay one"),
    ],
)
def test_bad_accounts(path: Path, name: str, password: str, role: str, words: str) -> None:
    """One sentence each, and nothing is changed."""
    accounts = Accounts(path)
    accounts.add("admin", "correct horse", "admin")
    before = path.read_bytes()
    with pytest.raises(AccountError, match=words):
        accounts.add(name, password, role)
    assert path.read_bytes() == before
    with pytest.raises(AccountError, match="last admin"):
        accounts.remove("admin")


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"users": []}', '{"users": {"a": {"role": "root", "scrypt": "x"}}}'],
)
def test_damaged_file(path: Path, content: str) -> None:
    """It is not taken for an empty one: that would make a new password for whoever damages it."""
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(AccountError, match="remove the file to begin anew"):
        Accounts(path)


def test_file_that_cannot_be_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was there before stays, in memory and in the file."""
    accounts = Accounts(path)
    accounts.add("admin", "correct horse", "admin")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(AccountError, match="can't be written: no space left"):
        accounts.add("eve", "battery staple", "viewer")
    assert [user.name for user in accounts.users] == ["admin"]
    assert [*json.loads(path.read_text())["users"]] == ["admin"]
    assert [p.name for p in path.parent.iterdir()] == ["users.json"]
