"""`k230 setup`, typed as a newcomer types it, from an empty card to results on a virtual board."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import termios
import time
from collections.abc import AsyncIterator, Iterator
from fcntl import ioctl
from pathlib import Path

import pytest

from host_client import Board
from host_client.cli.app import run
from host_client.flashing.devices import find
from tests.flashing.images import MB, NAME, Image, needs_mkfs
from tests.integration.boards import recorded
from virtual_board.board import VirtualBoard

from .test_install_board import K230, ROOT, free_port

pytestmark = [needs_mkfs, pytest.mark.slow]
PACKAGE = ROOT / "models" / "packages" / "shapes_cls" / "mp_deployment_source"
PICTURES = ROOT / "models" / "packages" / "shapes_cls" / "pictures"
CARD = 48 * MB
PATIENCE = 240.0  # seconds for a step on a busy computer
ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class Typist:
    """Someone at a terminal of 80 columns who reads before typing."""

    def __init__(self, *arguments: str, folder: Path) -> None:
        here, there = pty.openpty()
        ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = subprocess.Popen(
            [*K230, *arguments],
            cwd=folder,
            env=os.environ
            | {"PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": str(folder / "config"), "TERM": "xterm"},
            stdin=there,
            stdout=there,
            stderr=there,
            start_new_session=True,
        )
        os.close(there)
        self.handle = here
        self.raw = ""
        self.seen = 0

    @property
    def screen(self) -> str:
        """What was said, with the terminal's line breaks taken out: where they fall hangs on paths."""
        return " ".join(self.raw.split()) + " "

    def read(self, seconds: float) -> bool:
        """Take what comes within so many seconds; return whether the program still runs."""
        ready, _, _ = select.select([self.handle], [], [], seconds)
        if not ready:
            return True
        with contextlib.suppress(OSError):
            data = os.read(self.handle, 65536)
            if data:
                self.raw += ESCAPES.sub("", data.decode("utf-8", "replace"))
                return True
        return False

    def until(self, text: str) -> str:
        """Read until a text stands there; return what was new."""
        stop = time.monotonic() + PATIENCE
        while text not in self.screen[self.seen :]:
            assert time.monotonic() < stop, f"no {text!r} in:\n{self.screen[self.seen :]}"
            assert self.read(1.0), f"ended without {text!r}:\n{self.screen}"
        place = self.screen.index(text, self.seen) + len(text)
        new, self.seen = self.screen[self.seen : place], place
        return new

    def type(self, question: str, answer: str) -> str:
        """Wait for a question and answer it."""
        new = self.until(question)
        self.until(": ")
        os.write(self.handle, answer.encode() + b"\n")
        return new

    def end(self) -> int:
        """Read to the end; return the exit code."""
        stop = time.monotonic() + PATIENCE
        while self.read(1.0) and time.monotonic() < stop:
            pass
        return self.process.wait(30)

    def close(self) -> None:
        """Leave nothing behind."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.handle)


@contextlib.contextmanager
def typing(*arguments: str, folder: Path) -> Iterator[Typist]:
    typist = Typist(*arguments, folder=folder)
    try:
        yield typist
    finally:
        typist.close()


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    return Image(folder, size=32 * MB).img(folder / f"{NAME}.gz")


@contextlib.asynccontextmanager
async def powered(card: Path, folder: Path, port: int) -> AsyncIterator[VirtualBoard]:
    """A board that starts from what lies on the card: the vendor's firmware alone."""
    sdcard = folder / "sdcard"
    sdcard.mkdir()
    from host_client.cli.simulation import copy_of

    copy_of(card, sdcard)
    assert (sdcard / "micropython").exists()
    async with VirtualBoard(
        sdcard=sdcard,
        data=folder / "data",
        camera=str(PICTURES),
        console=folder / "console",
        bare=True,
        replay=recorded(),
        tcp=f"127.0.0.1:{port}",
        air=folder / "air.json",
    ) as board:
        for _ in range(600):
            if (folder / "console").exists():
                break
            await asyncio.sleep(0.1)
        yield board


async def test_a_newcomer_from_an_empty_card_to_results(image: Path, tmp_path: Path) -> None:
    card = tmp_path / "card.img"
    card.write_bytes(bytes(CARD))
    port = free_port()
    (tmp_path / "air.json").write_text(json.dumps({"networks": {"my net": "secret words"}}))
    with typing(
        "setup", "--card", str(card), "--url", f"tcp://127.0.0.1:{port}", folder=tmp_path
    ) as me:
        await asyncio.to_thread(first_half, me, image, card)
        async with powered(card, tmp_path, port):
            await asyncio.to_thread(second_half, me, tmp_path)
            assert await asyncio.to_thread(me.end) == 0
    said = me.screen
    assert f"k230 watch tcp://127.0.0.1:{port}" in said
    assert "secret words" not in said
    assert "Traceback" not in said
    service = (tmp_path / "sdcard" / "configs" / "service.yaml").read_text("utf-8")
    assert 'ssid: "my net"' in service
    assert 'name: "desk"' in service
    remembered = (tmp_path / "config" / "k230" / "setup.json").read_text("utf-8")
    assert "secret" not in remembered


def first_half(me: Typist, image: Path, card: Path) -> None:
    me.type("Which board", "help")
    me.type("Which board", "01stduio")
    assert "did you mean 01studio?" in me.type("Which board", "1")
    assert "CanMV_K230_01Studio" in me.type("Path of the file", "none.img.gz")
    assert "no such file" in me.type("Press Enter to try again", "")
    me.type("Path of the file", str(image))
    assert "needs 38.8 MB" in me.type("Type card.img to continue", "yes")
    assert "expected card.img, found yes" in me.type("Press Enter to try again", "")
    me.type("Type card.img to continue", "card.img")
    assert "written and compared" in me.until("Put the card into the board")
    assert "2: 33.6 MB fat SDCARD" in find(str(card)).contents


def second_half(me: Typist, folder: Path) -> None:
    me.type("Press Enter when it is done", "")
    me.type("Enter: look for it at USB", str(folder / "nothing"))
    me.type("Press Enter to try again", "")
    me.type("Enter: look for it at USB", str(folder / "console"))
    assert "CanMV" in me.type("Path of your deployment package", str(folder))
    me.type("Press Enter to try again", "")
    me.type("Path of your deployment package", str(PACKAGE))
    me.type("A name for the board", "desk")
    me.type("Name of your Wi-Fi network", "my net")
    me.type("Its password", "secret words")
    me.until("results are arriving")
    me.until("next:")


async def test_steps_are_skipped_and_gone_back_to(tmp_path: Path) -> None:
    words = ("setup", "--from", "board", "--skip", "restart", "--skip", "console")
    with typing(*words, folder=tmp_path) as me:

        def work() -> None:
            me.type("Which board", "bpi-zero")
            me.type("Path of the file", "back")
            me.type("[bpi-zero]", "")
            me.type("Path of the file", "skip")
            me.type("Path of the firmware image", "skip")
            me.type("Path of your deployment package", "quit")

        await asyncio.to_thread(work)
        assert await asyncio.to_thread(me.end) == 0
    assert "continue with: k230 setup --from package" in me.screen
    with typing("setup", folder=tmp_path) as again:
        await asyncio.to_thread(again.type, "[bpi-zero]", "quit")
        assert await asyncio.to_thread(again.end) == 0


async def test_ctrl_c_ends_it(tmp_path: Path) -> None:
    with typing("setup", folder=tmp_path) as me:
        await asyncio.to_thread(me.until, "Which board (number or name)")
        me.process.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(me.end) == 130
        assert "Traceback" not in me.screen


def test_without_a_terminal_the_options_say_everything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["setup"]) == 2
    assert "stdin is not a terminal: give --board" in capsys.readouterr().err
    assert run(["setup", "--board", "01studio"]) == 2
    assert "give --image" in capsys.readouterr().err


# Batches

HEAD = "name,board,image,card,serial,package,ssid,password\n"


def table(folder: Path, image: Path, count: int) -> Path:
    """Return a table of cards, and make the cards."""
    rows = ""
    for number in range(1, count + 1):
        card = folder / f"card{number}"
        with card.open("wb") as file:
            file.truncate(CARD)
        rows += f"line-{number},01studio,{image},{card},card{number}-{CARD},{PACKAGE},net,secret words\n"
    path = folder / "five.csv"
    path.write_text(HEAD + rows, "utf-8")
    return path


async def test_a_batch_of_five_and_one_board_that_starts(image: Path, tmp_path: Path) -> None:
    path = table(tmp_path, image, 5)
    # One card is too small: the others are made all the same.
    with (tmp_path / "card3").open("r+b") as file:
        file.truncate(MB)
    text = path.read_text("utf-8").replace(f"card3-{CARD}", f"card3-{MB}")
    path.write_text(text.replace(",net,secret words", ",,"), "utf-8")
    done = await asyncio.to_thread(
        subprocess.run,
        [*K230, "setup", "--batch", str(path)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 13, done.stderr
    assert "4 of 5 cards are ready" in done.stdout
    assert "Traceback" not in done.stderr
    report = (tmp_path / "five-report.csv").read_text("utf-8")
    rows = list(csv.DictReader(report.splitlines()))
    assert [row["result"] for row in rows] == ["ok", "ok", "failed", "ok", "ok"]
    assert "too small" in rows[2]["message"]
    keys = {row["name"]: Path(row["key_file"]) for row in rows if row["key_file"]}
    texts = {name: file.read_text().strip() for name, file in keys.items()}
    assert len(set(texts.values())) == len(texts)
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in keys.values())
    assert not any(text in report + done.stdout + done.stderr for text in texts.values())
    # Any card starts a board, which bears its name and takes its key, and no other.
    port = free_port()
    service = tmp_path / "service"
    service.mkdir()
    (service / "air.json").write_text("{}")
    card = tmp_path / "card4"
    async with powered(card, service, port):
        url = f"tcp://127.0.0.1:{port}"
        async with Board.connect(url, texts["line-4"], wait=120) as found:
            assert found.info.board_name == "line-4"
            async for result in found.results():
                assert result.task == "classification"
                break
        record = json.loads((service / "sdcard/.k230/key.json").read_text())
        assert record["board_id"] != "*"
        assert record["key"] == texts["line-4"]


BAD: list[tuple[str, str]] = [
    ("", "expected a column name"),
    ("name,bord\n", "found bord; did you mean board?"),
    ("name,name\n", "found one twice"),
    ("board\n", "expected a column name"),
    (HEAD, "expected 1 to 10000 rows, found 0"),
    (HEAD + "a,b\n", "row 2: expected 8 cells, found 2"),
    (HEAD + "a b,01studio,IMAGE,CARD,,PACKAGE,,\n", "row 2: name: expected 1 to 32 of"),
    (HEAD + "a,01stduio,IMAGE,CARD,,PACKAGE,,\n", "did you mean 01studio?"),
    (HEAD + "a,bpi-zero,IMAGE,CARD,,PACKAGE,,\n", "expected an image for bpi-zero"),
    (HEAD + "a,01studio,none.img,CARD,,PACKAGE,,\n", "no such file"),
    (HEAD + "a,01studio,IMAGE,CARD,,none.zip,,\n", "expected a package folder or a zip file"),
    (HEAD + "a,01studio,IMAGE,,,PACKAGE,,\n", "card: expected a value, or --card"),
    (HEAD + "a,01studio,IMAGE,CARD,,PACKAGE,net,short77\n", "network.password"),
    (
        HEAD + "a,01studio,IMAGE,CARD,,PACKAGE,,\nA,01studio,IMAGE,CARD2,,PACKAGE,,\n",
        "row 3: name: A is also in row 2",
    ),
    (
        HEAD + "a,01studio,IMAGE,CARD,,PACKAGE,,\nb,01studio,IMAGE,CARD,,PACKAGE,,\n",
        "row 3: card: ",
    ),
    ('name,board\n"a,b\n', "expected a table (CSV)"),
]


@pytest.mark.parametrize(("text", "said"), BAD)
def test_a_table_that_is_wrong_writes_nothing(
    image: Path, tmp_path: Path, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    card = tmp_path / "card"
    card.write_bytes(b"\xa5" * 4096)
    for word, value in (("IMAGE", image), ("CARD", card), ("PACKAGE", PACKAGE)):
        text = text.replace(word, str(value))
    path = tmp_path / "cards.csv"
    path.write_text(text, "utf-8")
    assert run(["setup", "--batch", str(path)]) == 8
    shown = capsys.readouterr().err
    assert said in shown
    assert "short77" not in shown
    assert shown.count("\n") == 1
    assert card.read_bytes() == b"\xa5" * 4096
    assert not (tmp_path / "cards-report.csv").exists()


def test_a_batch_again_keeps_the_keys(image: Path, tmp_path: Path) -> None:
    path = table(tmp_path, image, 1)
    assert run(["setup", "--batch", str(path)]) == 0
    first = (tmp_path / "five-keys" / "line-1.key").read_text()
    assert run(["setup", "--batch", str(path)]) == 0
    assert (tmp_path / "five-keys" / "line-1.key").read_text() == first
    report = (tmp_path / "five-report.csv").read_text("utf-8")
    assert "secret words" not in report
    assert first.strip() not in report
    if shutil.which("fsck.vfat"):
        whole = tmp_path / "volume"
        whole.write_bytes((tmp_path / "card1").read_bytes()[5 * MB : 37 * MB])
        done = subprocess.run(["fsck.vfat", "-n", str(whole)], capture_output=True, check=False)
        assert not done.returncode, done.stdout
