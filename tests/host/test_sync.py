"""The surface without await, over the same core."""

from __future__ import annotations

import threading
import time

import pytest

from host_client import Closed, ConnectionFailed, RequestTimeout, State, StateChange
from host_client.sync import Board
from tests.host.board_thread import BoardThread
from tests.host.scripted_board import KEY


def test_results_commands_and_restart() -> None:
    seen: list[StateChange] = []
    with BoardThread(key=KEY) as scripted:
        url = scripted.board.url
        with Board.connect(url, KEY, on_state=seen.append) as board:
            results = board.results(queue=5)
            assert next(results).task == "classification"
            assert board.describe().labels[0] == "cat"
            assert board.state is State.CONNECTED
            time.sleep(0.2)
            assert results.dropped > 0
            scripted.run(scripted.board.restart())
            while not any(change.restarted for change in seen):
                next(results)
            with pytest.raises(RequestTimeout):
                board.events().next(timeout=0.05)
            assert board.counts.rejected == 0
            assert board.clock.known
        assert len(list(results)) <= 5
        with pytest.raises(Closed):
            board.status()
        board.close()
    assert not [t for t in threading.enumerate() if t.name == "k230-loop"]


def test_a_failed_connection_leaves_no_thread() -> None:
    with BoardThread() as scripted:
        url = scripted.board.url
    with pytest.raises(ConnectionFailed):
        Board.connect(url)
    assert not [t for t in threading.enumerate() if t.name == "k230-loop"]


def test_closing_from_another_thread_ends_an_iterator() -> None:
    with BoardThread() as scripted:
        board = Board.connect(scripted.board.url)
        events = board.events()
        threading.Timer(0.2, board.close).start()
        assert list(events) == []


def test_callbacks_must_not_call_the_board() -> None:
    failures: list[Exception] = []
    boards: list[Board] = []

    def call(change: StateChange) -> None:
        if boards:
            try:
                boards[0].status()
            except RuntimeError as error:
                failures.append(error)

    with BoardThread() as scripted:
        with Board.connect(scripted.board.url, on_state=call) as board:
            boards.append(board)
        assert "callbacks" in str(failures[0])
