"""Ask questions in a guided command, with a default in brackets and words that leave the step."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator

import click

from host_client.cli import terminal
from host_client.cli.table import terminal_width

SKIP, BACK, QUIT, HELP = "skip", "back", "quit", "help"
_SIGNALS = 64  # that are taken at once


class Leave(Exception):  # noqa: N818 - it names what the person wants
    """The user leaves the step: skip, back or quit."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


def interactive() -> bool:
    """Return whether stdin is a terminal."""
    return sys.stdin is not None and sys.stdin.isatty()


def say(text: str = "", indent: int = 2) -> None:
    """Print a text on stderr, in lines that fit the terminal."""
    if not text:
        terminal.tell_own("\n")
        return
    for line in textwrap.wrap(terminal.shown(text), max(20, terminal_width() - indent)):
        terminal.tell_own(" " * indent + line + "\n")


def ask(
    question: str,
    option: str,
    default: str | None = None,
    help_text: str = "",
    secret: bool = False,
) -> str:
    """Return the user's answer, or the default for an empty one.

    option: the option that a script uses instead. An answer in quotes is returned without them.

    Raises:
        Leave: the user typed skip, back or quit.
        click.UsageError: stdin is not a terminal, and there is no default.
    """
    if not interactive():
        if default is not None:
            return default
        raise click.UsageError(f"stdin is not a terminal: give {option}, or --skip the step")
    shown = f" [{terminal.shown(default)}]" if default else ""
    while True:
        terminal.tell_own(f"  {question}{shown}: ")
        line = _hidden() if secret else read_line()
        if not line:
            raise KeyboardInterrupt
        text = line.rstrip("\r\n") if secret else line.strip()
        word = text.lower().strip()
        if word in (SKIP, BACK, QUIT):
            raise Leave(word)
        if word in (HELP, "?"):
            say(help_text or "Type an answer, or skip, back or quit.")
            continue
        if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
            return text[1:-1]
        return text or (default or "")


def ask_until(
    question: str,
    option: str,
    check: Callable[[str], str | None],
    default: str | None = None,
    help_text: str = "",
) -> str:
    """Ask until check accepts the answer; it returns a sentence for a wrong one."""
    while True:
        answer = ask(question, option, default, help_text)
        wrong = check(answer)
        if wrong is None:
            return answer
        if not interactive():
            raise click.UsageError(f"{option}: {wrong}")
        say(wrong)


def read_line() -> str:
    """Return a line from stdin, "" at its end. Ctrl-C ends it at once, at a terminal."""
    _wait()
    return sys.stdin.readline()


def _wait() -> None:
    """Wait for a line or a signal, where stdin is a terminal.

    A signal that comes right before the system waits in read() is told by nothing: Python looks for it
    after the line. With a pipe that each signal writes into, select() ends in any case.
    """
    if not interactive() or sys.platform == "win32" or not _main_thread():
        return
    told, tells = os.pipe()
    os.set_blocking(tells, False)
    before = signal.set_wakeup_fd(tells, warn_on_full_buffer=False)
    try:
        while before == -1:  # else an event loop wants to hear of signals
            ready, _, _ = select.select([sys.stdin, told], [], [])
            if sys.stdin in ready:
                return
            os.read(told, _SIGNALS)  # its handler has run by now, and did not end the question
    finally:
        signal.set_wakeup_fd(before)
        os.close(told)
        os.close(tells)


def _main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _hidden() -> str:
    with _no_echo():
        line = read_line()
    terminal.tell_own("\n")
    return line


@contextlib.contextmanager
def _no_echo() -> Iterator[None]:
    try:
        import termios  # noqa: PLC0415 - Windows has none
    except ImportError:
        yield
        return
    handle = sys.stdin.fileno()
    before = termios.tcgetattr(handle)
    quiet = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
    try:
        termios.tcsetattr(handle, termios.TCSADRAIN, quiet)
        yield
    finally:
        termios.tcsetattr(handle, termios.TCSADRAIN, before)
