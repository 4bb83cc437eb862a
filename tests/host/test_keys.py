"""Where keys come from, and that they go nowhere else."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import platformdirs
import platformdirs.macos
import platformdirs.unix
import platformdirs.windows
import pytest

from host_client import KeyFormatError, KeyStore
from host_client.link.keys import KeyRing, default_store, parse_key

A, B = bytes(range(32)), bytes(range(32, 64))


def test_parse(tmp_path: Path) -> None:
    assert parse_key(A.hex().upper() + "\n") == A
    file = tmp_path / "key"
    file.write_text(A.hex() + "\n")
    assert parse_key(f"@{file}") == A
    file.write_bytes(B)
    assert parse_key(f"@{file}") == B


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_what_editors_put_in_front_is_no_part_of_a_key(encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{A.hex()}\r\n", encoding)
    if encoding == "utf-16-le":  # nothing in front tells
        with pytest.raises(KeyFormatError):
            parse_key(f"@{file}")
        return
    assert parse_key(f"@{file}") == A
    assert parse_key("\ufeff" + A.hex()) == A  # from stdin
    store = KeyStore(tmp_path / "keys")
    store.path.write_text(f"board-1 {A.hex()}\r\n", encoding)
    if encoding == "utf-16":
        with pytest.raises(KeyFormatError, match="expected UTF-8 text"):
            store.names()
        return
    assert store.find("board-1") == A
    store.add("board-2", B)
    assert store.names() == ["board-1", "board-2"]


@pytest.mark.parametrize(
    "text", ["", "12", "z" * 64, A.hex() + "00", "@/no/such/file", " ".join("ab")]
)
def test_bad_keys_are_refused_and_never_shown(text: str) -> None:
    with pytest.raises(KeyFormatError) as caught:
        parse_key(text)
    if len(text) > 20:
        assert text not in str(caught.value) or text.startswith("@")


def test_a_file_that_names_a_file_is_no_key(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"@{file}")
    with pytest.raises(KeyFormatError):
        parse_key(f"@{file}")


def test_store(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "new" / "keys")
    assert store.names() == []
    store.add("tcp://b:5230", A)
    store.add("board-1", B)
    store.add("tcp://b:5230", B)
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700
    assert store.names() == ["board-1", "tcp://b:5230"]
    assert store.find("nobody", "tcp://b:5230") == B
    assert store.remove("tcp://b:5230")
    assert not store.remove("tcp://b:5230")
    assert store.find("tcp://b:5230") is None
    assert sorted(os.listdir(store.path.parent)) == ["keys", "keys.lock"]
    with pytest.raises(KeyFormatError, match="can't name a board"):
        store.add("two words", A)
    store.path.write_text("board-1 abc\n")
    with pytest.raises(KeyFormatError, match="line 1"):
        store.names()


def test_programs_that_add_keys_at_a_time_lose_none(tmp_path: Path) -> None:
    def add(first: int) -> None:
        for number in range(first, first + 10):
            KeyStore(tmp_path / "keys").add(f"board-{number}", A)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(add, range(0, 60, 10)))
    assert len(KeyStore(tmp_path / "keys").names()) == 60


def test_order_of_sources(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "keys")
    store.add("tcp://b:5230", A)
    store.add("board-1", B)
    where = ("tcp://b:5230", "board-1")
    assert KeyRing(None, store, {}).find(*where) == A
    assert KeyRing(None, store, {}).find("tcp://other:1", "board-1") == B
    assert KeyRing(None, store, {"K230_KEY": B.hex()}).find(*where) == B
    assert KeyRing(A, store, {"K230_KEY": B.hex()}).find(*where) == A
    assert KeyRing(None, store, {"K230_KEY": B.hex()}).find("replay:a.mcap", "board-1") is None
    assert KeyRing(A.hex(), store, {}).find(*where) == A
    assert KeyRing(False, store, {"K230_KEY": B.hex()}).find(*where) is None
    assert A.hex() not in repr(KeyRing(A, store, {}))
    for bad in (b"short", "short", True):
        with pytest.raises(KeyFormatError):
            KeyRing(bad, store, {})


def test_store_lies_where_linux_keeps_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platformdirs, "PlatformDirs", platformdirs.unix.Unix)
    monkeypatch.setenv("XDG_CONFIG_HOME", "/x")
    assert default_store() == Path("/x/k230/keys")
    monkeypatch.delenv("XDG_CONFIG_HOME")
    assert default_store() == Path("~/.config/k230/keys").expanduser()


def test_store_lies_where_macos_keeps_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platformdirs, "PlatformDirs", platformdirs.macos.MacOS)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    wanted = Path("~/Library/Application Support/k230/keys").expanduser()
    assert default_store() == wanted


def test_store_lies_where_windows_keeps_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    folders = {"CSIDL_APPDATA": "/users/me/AppData/Roaming"}
    monkeypatch.setattr(platformdirs, "PlatformDirs", platformdirs.windows.Windows)
    monkeypatch.setattr(platformdirs.windows, "get_win_folder", folders.__getitem__)
    assert default_store() == Path("/users/me/AppData/Roaming/k230/keys")
