"""The commands of README and the pages, as they stand there: each parses, and those for a board run in order."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Any

import click
import pytest

from host_client.cli.app import cli

from .test_install_board import K230, ROOT, free_port

PACKAGES = ROOT / "models" / "packages"
PAGES = [
    *(ROOT / "README.md", ROOT / "README.zh-CN.md", ROOT / "clients" / "c" / "README.md"),
    *sorted((ROOT / "docs").glob("*.md")),
]
MPREMOTE = shutil.which("mpremote") or str(Path(sys.executable).with_name("mpremote"))
FORM = re.compile(r"[\[\]|…]|\.\.\.")  # a form, no command


def blocks(text: str) -> list[str]:
    """Return the code blocks of a text, the indented ones too."""
    found: list[str] = []
    fenced = before = False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced, before = not fenced, False
        elif fenced or line.startswith("    "):
            if before:
                found[-1] += f"{line}\n"
            else:
                found.append(f"{line}\n")
            before = True
        else:
            before = False
    return found


def commands(text: str, *programs: str) -> list[list[str]]:
    """Return the words of a block's commands, comments left out."""
    lines = [line.strip().removeprefix("$ ") for line in text.splitlines()]
    words = [shlex.split(line, comments=True) for line in lines if line.startswith(programs)]
    return [each for each in words if not any(FORM.search(word) for word in each)]


ALL = [
    (page.name, words)
    for page in PAGES
    for block in blocks(page.read_text("utf-8"))
    for words in commands(block, "k230 ")
]


def test_there_are_commands_to_look_at() -> None:
    assert len(ALL) > 30
    assert {"README.md", "quickstart.md", "gallery.md", "troubleshooting.md"} <= {n for n, _ in ALL}


@pytest.mark.parametrize(("page", "words"), ALL, ids=lambda value: " ".join(value)[:60])
def test_each_command_parses(page: str, words: list[str]) -> None:
    command: Any = cli
    context: click.Context | None = None
    words = [word for word in words[1:] if word != ">"]
    if words == ["--version"]:
        return
    while isinstance(command, click.Group):
        context = command.make_context("k230", words[:], parent=context)
        words = [*context._protected_args, *context.args]
        _, command, words = command.resolve_command(context, words)
    if command.name != "completion":  # whose line goes on with a file
        command.make_context(command.name, words, parent=context)


INLINE = sorted(
    {
        (page.name, span)
        for page in PAGES
        for span in re.findall(r"`k230 ([^`]+)`", page.read_text("utf-8"))
    }
)


def test_verbs_within_sentences_and_tables() -> None:
    """Each `k230 VERB …` within a line names a verb, and options that it has."""
    assert len(INLINE) > 100
    for page, span in INLINE:
        words = span.replace("\\|", "|").split()
        command: Any = cli
        while isinstance(command, click.Group) and words and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        place = f"{page}: k230 {span}"
        if command is cli:
            known = set(cli.commands) | {"VERB", "…", "--json", "--debug", "--version", "--help"}
            assert words[0] in known or set(words[0].split("|")) <= known, place
            continue
        named = {option for parameter in command.params for option in parameter.opts}
        if isinstance(command, click.Group):  # `gallery list|show|…`
            below = {
                word for word in words[:1] if word != "URL"
            }  # which stands for a verb's default
            assert {each for word in below for each in word.split("|")} <= set(command.commands), (
                place
            )
            continue
        used = set(re.findall(r"(?<![\w-])--[a-z-]+", " ".join(words)))
        assert used <= named | {"--json", "--debug", "--help"}, place


def section(page: str, heading: str) -> str:
    text = (ROOT / page).read_text("utf-8")
    return text.split(f"\n## {heading}\n")[1].split("\n## ")[0]


class Desk:
    """A fresh computer: one folder, and what the page's names stand for in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.ran = 0
        self.names = {
            "/dev/ttyACM0": str(folder / "board"),
            "/tmp/board": str(folder / "board"),
            "127.0.0.1:5230": f"127.0.0.1:{self.port}",
            "tcp://BOARD": f"tcp://127.0.0.1:{self.port}",
            "tcp://ADDRESS": f"tcp://127.0.0.1:{self.port}",
            "models/": f"{ROOT}/models/",
        }

    def package(self, name: str, package: str) -> None:
        """Make NAME.zip of a package, with a result picture as the platform's."""
        with zipfile.ZipFile(self.folder / f"{name}.zip", "w") as archive:
            for path in sorted((PACKAGES / package / "mp_deployment_source").iterdir()):
                archive.write(path, f"mp_deployment_source/{path.name}")
            picture = min((PACKAGES / package / "pictures").glob("*.jpg"))
            archive.write(picture, "cls_result/test_0.jpg")

    def words(self, words: list[str]) -> list[str]:
        found = []
        for word in words:
            found.append(word)
            for name, stands_for in self.names.items():
                found[-1] = found[-1].replace(name, stands_for)
        if found[:2] == ["k230", "install"] and "--url" not in found:
            found += ["--url", f"tcp://127.0.0.1:{self.port}"]  # a virtual board lives here
        if found[:2] == ["k230", "watch"] and "--count" not in found:
            found += ["--count", "3"]
        return [*K230, *found[1:]] if found[0] == "k230" else [MPREMOTE, *found[1:]]

    async def start(self, words: list[str]) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self.words(words),
            cwd=self.folder,
            env=os.environ
            | {"XDG_CONFIG_HOME": str(self.folder / "config"), "PYTHONPATH": str(ROOT)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    async def run(self, words: list[str]) -> str:
        self.ran += 1
        process = await self.start(words)
        if "--follow" in words:
            assert process.stdout is not None
            line = await asyncio.wait_for(process.stdout.readline(), 60)
            process.terminate()
            await process.wait()
            return line.decode()
        out, _ = await asyncio.wait_for(process.communicate(), 180)
        assert process.returncode == 0, f"{words}: {out.decode()}"
        return out.decode()


@pytest.mark.alone  # mpremote gives a board ten seconds for its REPL
@pytest.mark.timeout(600)
async def test_the_quick_start_and_the_readme_in_order(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.package("my_package", "shapes_cls")
    desk.package("PACKAGE", "shapes_cls")
    desk.package("ANOTHER", "glyphs_ml")
    without = blocks(section("docs/quickstart.md", "The same without a board"))
    (board_words,) = commands(without[0], "k230 ")
    (tmp_path / "card").mkdir()
    camera = board_words.index("--camera") + 1
    board_words[camera] = "models/packages/glyphs_ml/pictures"  # of both packages' kinds
    board = await desk.start(board_words)
    try:
        for _ in range(600):
            if (tmp_path / "board").exists():
                break
            await asyncio.sleep(0.05)
        said = {}
        for words in commands(without[1], "k230 ", "mpremote "):
            said[" ".join(words)] = await desk.run(words)
        assert "results are arriving" in next(iter(said.values()))
        assert any("main.py" in text for name, text in said.items() if "fs ls" in name)
        (tmp_path / "service.yaml").write_text(
            (ROOT / "configs" / "service.yaml").read_text("utf-8"), "utf-8"
        )
        await desk.run(["k230", "watch", "tcp://BOARD", "--wait", "30"])  # after mpremote's reset
        await desk.run(["k230", "config", "validate", "service.yaml"])
        for heading in ("4. Try the package on this computer", "6. Install", "7. Use it"):
            for block in blocks(section("docs/quickstart.md", heading)):
                for words in commands(block, "k230 "):
                    await desk.run(words)
        for block in blocks(section("README.md", "On a board")):
            for words in commands(block, "k230 "):
                await desk.run(words)
        assert desk.ran >= 20
        await desk.run(["k230", "uninstall", "--port", "/dev/ttyACM0"])
    finally:
        board.terminate()
        await board.wait()
