"""The firmware's REPL on the USB console: friendly, paste, raw and raw-paste mode.

Stands for what the board's own interpreter does in C (MicroPython's shared/runtime/pyexec.c): a
PC's interpreter has no raw mode.
"""

import io
import os
import sys
import time
from _thread import get_ident

from _k230 import silicon, threads

CTRL_A = 1  # raw mode
CTRL_B = 2  # friendly mode
CTRL_C = 3
CTRL_D = 4  # end of input; soft reset
CTRL_E = 5  # paste mode; raw-paste mode after it
_BACKSPACE = (8, 127)
_WINDOW = 128  # bytes a PC may send ahead in raw-paste mode
_CHUNK = 512

_write = sys.stdout.write


class _SoftReset(Exception):
    pass


def _read(limit: int = _CHUNK) -> bytes:
    # Ends with a control character or a line at most, so that none is read too early.
    return bytes(silicon.call_console("console.read", [limit])[1][0])


def _execute(source, mode: str, scope: dict, eof: bool) -> None:
    """Run source; eof: end its output and its error with 0x04 each."""
    error = None
    try:
        code = compile(source, "<stdin>", mode)
        source = None
        try:
            silicon.call_console("console.interrupts", [True])
            exec(code, scope)
        finally:
            silicon.call_console("console.interrupts", [False])
    except SystemExit:
        if eof:
            _write("\x04\x04")
        raise _SoftReset
    except BaseException as raised:
        error = raised
    if eof:
        _write("\x04")
    if error is not None:
        _print_exception(error)
    if eof:
        _write("\x04")


def _print_exception(error) -> None:
    # Without the line of this file: the board's REPL is no Python code.
    text = io.StringIO()
    sys.print_exception(error, text)
    lines = [line for line in text.getvalue().split("\n") if "_k230/repl.py" not in line]
    _write("\n".join(lines))


def _banner() -> None:
    names = os.uname()
    _write('MicroPython v%s; %s\nType "help()" for more information.\n' % (names[3], names[4]))


def _continues(text: str) -> bool:
    """Return whether a statement is not finished with this line."""
    lines = text.split("\n")
    if len(lines) > 1 and lines[-1].strip():
        return True
    depth = sum([text.count(c) for c in "([{"]) - sum([text.count(c) for c in ")]}"])
    if depth > 0 or text.count('"""') % 2 or text.count("'''") % 2:
        return True
    return len(lines) == 1 and text.rstrip()[-1:] in (":", "\\")


def _line(prompt: str):
    """Read a line with echo; return it, or the control character that ended it."""
    _write(prompt)
    line = bytearray()
    while True:
        for byte in _read():
            if byte in (13, 10):
                _write("\n")
                return str(bytes(line), "utf-8")
            if byte in (CTRL_A, CTRL_B, CTRL_E, CTRL_D) and not line:
                return byte
            if byte == CTRL_C:
                _write("\n")
                return byte
            if byte in _BACKSPACE:
                if line:
                    line[:] = line[:-1]
                    _write("\b \b")
            elif byte >= 32 or byte == 9:
                line.append(byte)
                if byte < 128:
                    _write(chr(byte))


def _friendly(scope: dict) -> None:
    """Serve until raw mode is asked for."""
    _banner()
    while True:
        text = _line(">>> ")
        while isinstance(text, str) and _continues(text):
            more = _line("... ")
            text = text + "\n" + more if isinstance(more, str) else more
        if text == CTRL_A:
            return
        if text == CTRL_B:
            _write("\n")
            _banner()
        elif text == CTRL_D:
            _write("\n")
            raise _SoftReset
        elif text == CTRL_E:
            _paste(scope)
        elif isinstance(text, str) and text.strip():
            _execute(text, "single", scope, False)


def _paste(scope: dict) -> None:
    _write("\npaste mode; Ctrl-C to cancel, Ctrl-D to finish\n=== ")
    text = bytearray()
    while True:
        for byte in _read():
            if byte == CTRL_C:
                _write("\n")
                return
            if byte == CTRL_D:
                _write("\n")
                _execute(str(bytes(text), "utf-8"), "exec", scope, False)
                return
            text.append(10 if byte == 13 else byte)
            _write("\n=== " if byte == 13 else chr(byte))


def _raw(scope: dict) -> None:
    """Serve until friendly mode is asked for."""
    _write("raw REPL; CTRL-B to exit\n")
    while True:
        _write(">")
        text = bytearray()
        end = 0
        while not end:
            data = _read()
            last = data[-1]
            if last == CTRL_E and not text and len(data) == 1:
                if _asks_raw_paste():
                    text = None
                    break
            elif last == CTRL_A:
                _write("raw REPL; CTRL-B to exit\n>")
                text = bytearray()
            elif last == CTRL_B:
                _write("\n")
                return
            elif last == CTRL_C:
                text = bytearray()
            elif last == CTRL_D:
                text.extend(data[:-1])
                end = 1
            else:
                text.extend(data)
        if text is None:
            text = _raw_paste()
            if text is not None:
                _execute(bytes(text), "exec", scope, True)
        elif not text:
            _write("OK\n")
            raise _SoftReset
        else:
            _write("OK")
            _execute(bytes(text), "exec", scope, True)


def _asks_raw_paste() -> bool:
    # 0x05 "A" 0x01 asks for it; anything else is refused.
    data = b""
    while len(data) < 2:
        data += _read(2 - len(data))
    if data == b"A\x01":
        return True
    sys.stdout.buffer.write(b"R\x00")
    return False


def _raw_paste():
    """Take a script with flow control; None where it was given up."""
    _write("R\x01")
    sys.stdout.buffer.write(bytes((_WINDOW & 255, _WINDOW >> 8, 1)))
    text = bytearray()
    left = _WINDOW
    while True:
        data = _read(left)
        if data[-1] == CTRL_C:
            _write("\x04\x04")
            sys.print_exception(KeyboardInterrupt())
            _write("\x04")
            return None
        if data[-1] == CTRL_D:
            text.extend(data[:-1])
            _write("\x04")
            return text
        text.extend(data)
        left -= len(data)
        if left == 0:
            _write("\x01")
            left = _WINDOW


def _ide_script(scope: dict) -> bool:
    """Run the script that the IDE left; False where there is none."""
    script = bytes(silicon.call_console("console.script")[1][0])
    if not script:
        return False
    try:
        _execute(script, "exec", scope, False)
    except _SoftReset:  # it called sys.exit
        pass
    silicon.call_console("console.script_ended")
    return True


def listen() -> None:
    """Let the IDE's interrupt be raised in a main thread that sleeps: the PC signals a Ctrl-C for it."""

    def listening(sleep):
        def call(*arguments):
            try:
                return sleep(*arguments)
            except KeyboardInterrupt:
                if get_ident() == main and silicon.call_console("console.signalled")[0]:
                    raise Exception("IDE interrupt")
                raise

        return call

    main = get_ident()
    for name in ("sleep", "sleep_ms", "sleep_us"):
        setattr(time, name, listening(getattr(time, name)))


def run(scope: dict, raw: bool) -> None:
    """Serve the console until a soft reset; scope: the names of the script that ran."""
    silicon.call_console("console.interrupts", [False])
    while True:
        try:
            if raw:
                _raw(scope)
                raw = False
            _friendly(scope)
            raw = True
        except _SoftReset:
            if _ide_script(scope):
                continue
            _write("MPY: soft reboot\n")
            threads.end_all()
            mode = "raw" if raw else "friendly"
            silicon.call("board.soft_reset", ["%s %d" % (mode, threads.kept())])
            return
        except KeyboardInterrupt:  # it came too late for the script
            pass
