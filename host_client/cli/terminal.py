"""The only module that writes to stdout and stderr.

Text from boards, packages and file names is not trusted: control characters, escape sequences, line
ends and direction marks are escaped, and characters that the stream's encoding lacks are replaced.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import os
import re
import sys
import threading
import unicodedata
from collections.abc import Callable
from typing import Any, TextIO

from host_client.base.exceptions import K230Error
from host_client.base.wording import reason
from host_client.cli.table import terminal_width, width_of, wrapped

FILE_EXIT_CODE = 12
_REPLACING = "k230_replacing"
# Replacements for our own signs if an encoding lacks them.
_SIGNS = {"✓": "+", "✗": "x", "▶": ">", "…": "...", "–": "-", "—": "-", "°": "", "×": "x", "·": "."}
_JOINERS = (
    "\u200c\u200d"  # Persian, Indian scripts and emoji need them; a terminal does not obey them
)
_abandoned: list[TextIO | None] = []
_lock = threading.RLock()  # a progress line is also drawn by a thread
_PLAIN = re.compile(r"[ -~]*")
_BEYOND = re.compile(r"[^ -~]")


class FileError(K230Error):
    """A file, a folder or the output can't be read or written."""

    code = "file"
    exit_code = FILE_EXIT_CODE


def file_error(error: OSError) -> FileError:
    """Return an error of the operating system as one sentence."""
    if error.filename is None:
        return FileError(f"the system refused a file or an output: {reason(error)}")
    name = os.fsdecode(error.filename) if not isinstance(error.filename, int) else "a file"
    return FileError(f"{name}: {reason(error)}")


def shown(text: str) -> str:
    """Return a text as one harmless line: invisible characters become \\n, \\x1b, \\u202e."""
    if _PLAIN.fullmatch(text):
        return text
    return _BEYOND.sub(lambda found: _visible(found[0]), text)


def json_line(value: Any, encoding: str = "utf-8") -> str:
    """Return one line of JSON, harmless to terminals and valid in the encoding."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if _PLAIN.fullmatch(text):
        return text

    def exact(found: re.Match[str]) -> str:
        character = found[0]
        with contextlib.suppress(UnicodeEncodeError):
            if _visible(character) == character:
                character.encode(encoding)
                return character
        return json.dumps(character)[1:-1] if character != "\x7f" else "\\u007f"

    return _BEYOND.sub(exact, text)


def write_line(text: str) -> None:
    """Write one line to stdout and flush it, for readers of a pipe."""
    _write(_fitting(shown(text), sys.stdout) + "\n")


def write_json(value: Any) -> None:
    """Write one line of JSON to stdout."""
    _write(json_line(value, getattr(sys.stdout, "encoding", None) or "utf-8") + "\n")


def write_own(text: str) -> None:
    """Write a trusted text, with line ends and escape sequences, to stdout."""
    _write(text)


def write_bytes(data: bytes) -> None:
    """Write a file's content to stdout unchanged."""
    _guarded(lambda: sys.stdout.buffer.write(data))


def read_bytes() -> bytes:
    """Return the content of stdin; FileError if it is closed or empty."""
    if sys.stdin is None:
        raise FileError("-: stdin is closed")
    try:
        data = sys.stdin.buffer.read()
    except (OSError, ValueError) as error:
        raise FileError(f"-: stdin can't be read: {error}") from error
    if not data:
        raise FileError("-: expected a picture on stdin, found nothing")
    return data


def tell(text: str) -> None:
    """Write one line to stderr."""
    tell_own(_fitting(shown(text), sys.stderr) + "\n")


def tell_own(text: str) -> None:
    """Write a trusted text to stderr; errors of stderr are ignored."""
    with _lock:
        progress_line.make_way()
        _tell(text)
        progress_line.follow(text)


def _fitting(text: str, stream: TextIO | None) -> str:
    """Return a line as a terminal shows it: broken between words. Files and pipes get it unchanged."""
    try:
        return wrapped(text, terminal_width()) if stream is not None and stream.isatty() else text
    except ValueError:  # the stream is closed
        return text


def _tell(text: str) -> None:
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)
            sys.stderr.flush()


class _ProgressLine:
    """The progress line on stderr: other text takes its place, and the line follows it."""

    def __init__(self) -> None:
        self._line = ""

    def show(self, line: str) -> None:
        """Replace the line."""
        with _lock:
            _tell("\r" + line + " " * (width_of(self._line) - width_of(line)))
            self._line = line

    def leave(self, *, keep: bool) -> None:
        """End the line: keep it in the output, or remove it."""
        with _lock:
            if self._line:
                _tell("\n" if keep else self._blank())
            self._line = ""

    def make_way(self) -> None:
        """Remove the line before other text."""
        if self._line:
            _tell(self._blank())

    def follow(self, text: str) -> None:
        """Draw the line again after other text, unless that is a question on the same line."""
        if self._line and text.endswith("\n"):
            _tell(self._line)

    def _blank(self) -> str:
        # Blanks, not an escape sequence: not every console of Windows obeys one.
        return "\r" + " " * width_of(self._line) + "\r"


progress_line = _ProgressLine()


def prepare() -> None:
    """Make the streams replace characters that their encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        _replace_what_it_lacks(stream)


def abandon_stdout() -> None:
    """Stop using stdout after an error, so that nothing is flushed into it at exit."""
    _abandoned.append(sys.stdout)
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _write(text: str) -> None:
    with _lock:
        progress_line.make_way()
        _guarded(lambda: sys.stdout.write(text))
        progress_line.follow(text)


def _guarded(write: Callable[[], Any]) -> None:
    if sys.stdout is None or any(sys.stdout is stream for stream in _abandoned):
        raise FileError("the output can't be written: stdout is closed")
    try:
        write()
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        abandon_stdout()
        raise FileError(f"the output can't be written: {reason(error)}") from error


def _visible(character: str) -> str:
    kind = unicodedata.category(character)
    if kind in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") and character not in _JOINERS:
        return character.encode("unicode_escape").decode("ascii")
    return character


def _replace_what_it_lacks(stream: TextIO | None) -> None:
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        with contextlib.suppress(OSError, ValueError):
            reconfigure(errors=_REPLACING)


def _replacing(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    parts = []
    for character in error.object[error.start : error.end]:
        parts.append(_SIGNS.get(character, character.encode("unicode_escape").decode("ascii")))
    return "".join(parts), error.end


codecs.register_error(_REPLACING, _replacing)
