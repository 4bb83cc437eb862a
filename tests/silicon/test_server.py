"""The way of one call through the silicon, without an interpreter at its other end."""

from __future__ import annotations

import io
import json
import struct

from virtual_board.silicon.base import server


class _CtrlC:
    def __init__(self) -> None:
        self.begun: list[bool] = []

    def begin(self) -> None:
        self.begun.append(True)

    def end(self) -> int:
        return server.INTERRUPTED


def _asked(board: server.Server, references: list[list[int]]) -> int:
    header = json.dumps(["nothing", [], 0, 0, references]).encode()
    request = struct.pack("<3I", len(header), 1 | server.MAIN, 0) + header
    sink = io.BytesIO()
    assert board._answer(io.BytesIO(request), sink)
    size, _ = struct.unpack_from("<II", sink.getvalue())
    status: int = json.loads(sink.getvalue()[8 : 8 + size])[0]
    return status


def test_ctrl_c_waits_for_the_call_that_is_made_again() -> None:
    faults: list[object] = []
    interrupts = _CtrlC()
    operations: dict[str, server.Operation] = {"nothing": lambda args, blobs: (None, [])}
    board = server.Server(operations, faults.append, faults.append, interrupts)
    assert _asked(board, [[0, 7, 100000]]) == server.FORGOTTEN and not interrupts.begun
    assert _asked(board, []) == server.INTERRUPTED and len(interrupts.begun) == 1
    assert not faults
