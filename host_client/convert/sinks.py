"""Append lines to files; a full disk never leaves half a line."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any

from host_client.convert.tables import COLUMNS, rows
from host_client.results.messages import Event, LogLine, Statistics
from host_client.results.types import Result

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class _Sink:
    """A file that grows by whole lines. `lost`: lines dropped because the disk was full."""

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(path)
        self.written = 0
        self.lost = 0
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            self._size = os.lseek(self._file, 0, os.SEEK_END)
            self._mend()
        except OSError:
            self._size = 0  # a pipe
        self.empty = self._size == 0

    def _mend(self) -> None:
        """Terminate a line that an earlier run left unfinished, so that the next line is valid."""
        if not self._size:
            return
        with open(self.path, "rb") as file:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                self._append(b"\n")

    def _append(self, data: bytes) -> bool:
        """Append all of data or nothing; return False if the disk is full."""
        done = 0
        try:
            while done < len(data):
                done += os.write(self._file, data[done:])
        except OSError as error:
            if done:
                os.ftruncate(self._file, self._size)
            if error.errno not in _FULL:
                raise
            return False
        self._size += done
        return True

    def write_lines(self, data: bytes, count: int) -> bool:
        """Append lines with their line ends; on a full disk all are dropped and counted."""
        if self._append(data):
            self.written += count
            return True
        self.lost += count
        return False

    def close(self) -> None:
        """Close the file. Calling it again does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Any:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class JsonLinesSink(_Sink):
    """Writes the JSON lines of docs/json.md."""

    def write(self, item: Result | Event | Statistics | LogLine) -> bool:
        """Append one line; return False if the disk is full."""
        line = json.dumps(item.to_dict(), ensure_ascii=True, separators=(",", ":"))
        return self.write_lines(line.encode() + b"\n", 1)


class CsvSink(_Sink):
    """Writes a row for each object, label or text; a new file starts with a line of COLUMNS."""

    def write(self, result: Result) -> bool:
        """Append the rows of a result; return False if the disk is full."""
        table = rows(result)
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        if self.empty:
            writer.writeheader()
        writer.writerows([{k: _cell(v) for k, v in row.items()} for row in table])
        done = self.write_lines(text.getvalue().encode("utf-8", "replace"), len(table))
        self.empty = self.empty and not done
        return done


def _cell(value: Any) -> Any:
    """Return the text with a quote in front if a spreadsheet would run it as a formula."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return value


def json_lines(path: str | PathLike[str]) -> JsonLinesSink:
    """Open a file of JSON lines to append to; use `with`."""
    return JsonLinesSink(path)


def csv_file(path: str | PathLike[str]) -> CsvSink:
    """Open a CSV file to append to; use `with`."""
    return CsvSink(path)
