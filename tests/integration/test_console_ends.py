"""Whatever ends a command that took the console, the board runs again, or a sentence says how."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import serial
from mpremote.transport_serial import SerialTransport

from host_client.cli.app import run
from host_client.cli.endings import Terminated
from host_client.installer import repl
from host_client.installer.repl import ReplTarget
from host_client.installer.target import InstallError, TargetInfo

from .test_install_board import FOREIGN, PACKAGE, Bench

HOW = "press its reset or plug its power out and in, or run `mpremote connect "


def raising(error: BaseException) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


def damaged(target: ReplTarget, paths: Any) -> dict[str, str]:
    """The board's hashes of what was staged are others than what was sent."""
    return {path: "00" * 32 for path in paths if ".k230" in path}


FULL = InstallError("the card is full")
# Way out -> what is spoilt of ReplTarget, the exit code; each between the stop and the restart.
WAYS: dict[str, tuple[str, Callable[..., Any], int]] = {
    "Ctrl-C at once": ("_introduce", raising(KeyboardInterrupt()), 130),
    "Ctrl-C while it looks": ("names", raising(KeyboardInterrupt()), 130),
    "Ctrl-C while it sends": ("write", raising(KeyboardInterrupt()), 130),
    "SIGTERM while it renames": ("rename", raising(Terminated(signal.SIGTERM)), 143),
    "SIGHUP while it reads": ("read", raising(Terminated(signal.SIGHUP)), 129),
    "a full card": ("info", lambda _: TargetInfo("port", "k230", "1.7", 6, 1000), 10),
    "a full card while it writes": ("write", raising(FULL), 10),
    "a hash mismatch": ("hashes", damaged, 10),
    "not a K230": ("info", raising(InstallError("expected a K230")), 10),
    "an exception": ("files", raising(ZeroDivisionError()), 70),
    "a damaged answer": ("_request", raising(repl._LostError()), 10),
}
COMMANDS = {
    "dry run": ("install", "--dry-run", "--port"),
    "doctor": ("doctor",),
    "uninstall of nothing": ("uninstall", "--port"),
}


class Console:
    """A bare board whose own main.py prints `foreign` at each start."""

    def __init__(self, bench: Bench, board: Any) -> None:
        self.bench = bench
        self.board = board
        self.starts = 0

    async def runs(self) -> None:
        """Wait until it has been started once more."""
        self.starts += 1
        await self.bench.wait(
            lambda: list(self.board.console).count("foreign") >= self.starts,
            said=lambda: list(self.board.console),
        )
        await self.bench.wait(self.bench.port.exists)

    async def command(self, *words: str) -> int:
        return await asyncio.to_thread(run, [*words, str(self.bench.port)])


@contextlib.asynccontextmanager
async def console(folder: Path) -> AsyncIterator[Console]:
    bench = Bench(folder)
    async with bench.power() as board:
        made = Console(bench, board)
        await made.runs()
        yield made


@pytest.mark.slow
async def test_the_board_runs_after_every_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with console(tmp_path) as made:
        for words in COMMANDS.values():
            assert await made.command(*words) in (0, 10, 11), words
            await made.runs()
        for name, (method, instead, code) in WAYS.items():
            with monkeypatch.context() as patch:
                patch.setattr(ReplTarget, method, instead)
                found = await made.command("install", "--package", str(PACKAGE), "--port")
            said = capsys.readouterr()
            assert found == code, (name, said)
            assert HOW not in said.err, name
            await made.runs()
        assert (made.bench.card / "main.py").read_text() == FOREIGN


@pytest.mark.alone  # the signals come at their times
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_real_signal_while_it_sends(number: signal.Signals, tmp_path: Path) -> None:
    async with console(tmp_path) as made:
        process = await made.bench.start(*made.bench.install("--via", "console"))
        await made.bench.wait((made.bench.card / ".k230" / "stage").exists)
        process.send_signal(number)
        await asyncio.sleep(0.05)
        process.send_signal(number)  # somebody in a hurry
        out, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 128 + number, out
        assert b"Traceback" not in out
        await made.runs()


class Gone(SerialTransport):  # type: ignore[misc]
    """A board whose cable is pulled when the first file is sent."""

    def exec_raw(self, code: Any, *args: Any, **options: Any) -> Any:
        if "_k_open" in str(code) and "_k_text" not in str(code):
            real = self.__dict__["serial"]
            real.write = raising(serial.SerialException("device disconnected"))
        return super().exec_raw(code, *args, **options)


async def test_a_cable_that_is_pulled_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with console(tmp_path) as made:
        monkeypatch.setattr(repl, "SerialTransport", Gone)
        code = await made.command("install", "--package", str(PACKAGE), "--port")
        error = capsys.readouterr().err
        assert code == 10
        assert "the board is gone: device disconnected" in error
        assert f"{made.bench.port}: the board may be stopped" in error
        assert HOW + f"{made.bench.port} resume reset`" in error
        assert error.count("\n") == 2


def test_who_never_was_a_board_is_not_said_to_be_stopped(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repl, "ANSWER_S", 0.2)
    master, slave = os.openpty()
    try:
        assert run(["install", "--port", os.ttyname(slave)]) == 10
    finally:
        os.close(master)
        os.close(slave)
    error = capsys.readouterr().err
    assert "no answer" in error
    assert "stopped" not in error
