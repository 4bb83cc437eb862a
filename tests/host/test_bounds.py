"""A board that never stops answering: every answer that the client accumulates has a bound."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from firmware_app.settings import service_fields, task_fields
from firmware_app.wire import messages, packets
from host_client import Board, FoundBoard, ProtocolError
from host_client.cli.app import run
from host_client.installer import repl
from host_client.installer.target import InstallError
from host_client.link import discovery
from host_client.results import limits
from tests.host.board_thread import BoardThread
from tests.host.scripted_board import tcp_board
from tests.host.test_names import GALLERY

PAGE = "x" * 20000 + "\n"


def test_the_bounds_are_those_of_the_settings() -> None:
    assert limits.LOG_BYTES == 2 << 20
    assert limits.SAMPLES == 60000
    assert (
        2048 * next(field.high or 0 for field in service_fields.FIELDS if field.path == "log.size")
        <= limits.LOG_BYTES
    )
    assert any(field.high == limits.SAMPLES for field in task_fields.FIELDS)


def test_logs_without_end(capsys: pytest.CaptureFixture[str]) -> None:
    with BoardThread() as scripted:
        scripted.board.answers["logs"] = lambda arguments: {
            "text": PAGE,
            "next": arguments["offset"] + 1,
        }
        assert run(["logs", scripted.board.url]) == 5
        asked = [row for row in scripted.board.commands if row[1] == "logs"]
    assert len(asked) == limits.LOG_BYTES // len(PAGE) + 1
    assert "expected at most 2097152 characters in the answers" in capsys.readouterr().err


def test_logs_that_say_nothing_and_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    with BoardThread() as scripted:
        scripted.board.answers["logs"] = lambda arguments: {
            "text": "",
            "next": arguments["offset"] + 1,
        }
        assert run(["logs", scripted.board.url]) == 0
        assert len([row for row in scripted.board.commands if row[1] == "logs"]) == 1


def endless(name: str, total: str, row: Any) -> Any:
    def answer(arguments: dict[str, Any]) -> dict[str, Any]:
        start = arguments["offset"]
        rows = [row(number) for number in range(start, start + 600)]
        return GALLERY | {name: rows, total: 1 << 30}

    return answer


@pytest.mark.parametrize(
    ("command", "answer", "call"),
    [
        (
            "gallery.list",
            endless("labels", "total_labels", lambda n: [f"l{n}", 1, 0, None]),
            lambda board: board.gallery.list(),
        ),
        (
            "gallery.show",
            endless("samples", "total_samples", lambda n: [n, False, None, None, None]),
            lambda board: board.gallery.show("a"),
        ),
        (
            "gallery.export",
            lambda arguments: {"changes": 1, "data": bytes(20000), "size": 1 << 28},
            lambda board: board.gallery.export(),
        ),
        (
            "gallery.export",
            lambda arguments: {"changes": 1, "data": bytes(9000), "size": 10000},
            lambda board: board.gallery.export(),
        ),
    ],
    ids=["labels", "samples", "more than asked for", "more than announced"],
)
async def test_pages_without_end(
    command: str, answer: Any, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SAMPLES", 3000)
    async with tcp_board() as scripted, Board.connect(scripted.url) as board:
        scripted.answers[command] = answer
        with pytest.raises(ProtocolError, match="expected at most"):
            await call(board)
        assert len([row for row in scripted.commands if row[1] == command]) <= 6


async def test_results_of_ever_new_generations_ask_one_question_at_a_time() -> None:
    async with (
        tcp_board(announce=False) as scripted,
        Board.connect(scripted.url) as board,
    ):
        asked: list[int] = []
        scripted.answers["describe"] = lambda _: asked.append(1)  # and never answers
        results = board.results()  # kept: a stream that nobody holds is over
        await scripted.until(lambda: bool(scripted.sessions[0].wants.get("results")))
        for generation in range(2, 3000):
            message = [messages.CLASSIFICATION, 1, 2, generation, 0, []]
            scripted.sessions[0].send_raw(packets.encode(message))
        for _ in range(200):
            await asyncio.sleep(0.01)
            if board.counts.undescribed > 2000:
                break
        assert board.counts.undescribed > 2000
        assert len(board._background) == 1
        await scripted.until(lambda: bool(asked))
        assert len(asked) == 1
        await results.aclose()


def test_a_search_that_everybody_answers() -> None:
    boards: dict[str, FoundBoard] = {}
    seeker = discovery._Seeker(7, boards)
    here = packets.encode([messages.HERE, 7, "id", "name", "1", 0, 2])
    for number in range(1000):
        seeker.datagram_received(here, (f"10.0.{number >> 8}.{number & 255}", 5230))
    assert len(boards) == limits.BOARDS


class Endless:
    """A transport of a board that prints without end."""

    in_raw_repl = True

    def exec_raw(self, code: str, timeout: float, data_consumer: Any) -> Any:
        for _ in itertools.count():
            data_consumer(b"x" * 4096)


def test_a_console_that_prints_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    target = repl.ReplTarget("/dev/none")
    target._transport = Endless()
    monkeypatch.setattr(target, "_recover", lambda: None)
    with pytest.raises(InstallError, match="it does not stop printing"):
        target.names("")


def test_a_file_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    target = repl.ReplTarget("/dev/none")
    monkeypatch.setattr(target, "_ask", lambda text: [1 << 40, 0, "00" * 6144])
    with pytest.raises(InstallError, match="expected at most 1024 kB"):
        target.read_anywhere("/data/key")
