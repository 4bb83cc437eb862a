"""The vendor's IDE at the console: it interrupts what runs, and nothing starts by itself after it."""

from __future__ import annotations

import os
import re
import struct
import time
from pathlib import Path

from virtual_board.silicon.wires import ide

from .test_console import FOREVER, Terminal, on_board

QUERY_STATUS = b"\x30\x8d\x04\x00\x00\x00"
CALLING = "import machine, time\nprint('running')\nwhile True:\n    machine.temperature()\n"


def frame(command: int, length: int, payload: bytes = b"") -> bytes:
    return struct.pack("<BBI", 0x30, command, length) + payload


class Ide(Terminal):
    """The PC's side while it is the IDE."""

    def ask(self, command: int, length: int) -> bytes:
        self.send(frame(command, length))
        data = b""
        stop = time.monotonic() + 10
        while len(data) < length:
            assert time.monotonic() < stop, data
            data += self.port.read(length - len(data))
        return data

    def number(self, command: int) -> int:
        return int.from_bytes(self.ask(command, 4), "little")

    def attach(self) -> None:
        self.send(QUERY_STATUS)
        self.until(b"\xaa\xbb\xee\xff")  # what the script printed on the open port comes before
        self.idle()

    def idle(self) -> None:
        stop = time.monotonic() + 20
        while self.number(0xA4):  # a script runs, or the soft reset is not done
            assert time.monotonic() < stop
            time.sleep(0.05)

    def output(self, *texts: bytes) -> None:
        """Read what is printed until these texts are there, in this order, whatever comes behind."""
        pattern = re.compile(b".*".join(re.escape(text) for text in texts), re.DOTALL)
        data = b""
        stop = time.monotonic() + 20
        while not pattern.search(data):
            assert time.monotonic() < stop, data
            count = self.number(0x8E)
            data += self.ask(0x8F, count) if count else b""


def test_attaching_interrupts_the_script_and_nothing_starts_again(tmp_path: Path) -> None:
    def beside(console: Path) -> None:
        terminal = Ide(console)
        terminal.attach()
        assert struct.unpack("<3I", terminal.ask(0x80, 12)) == (1, 7, 0)
        assert terminal.ask(0x83, 64).startswith(b"OMV4 K230")
        terminal.output(b"soft reboot", b">>> ")
        terminal.send(frame(0x05, 16, b"print('for IDE')"))
        terminal.output(b"for IDE\r\n")
        terminal.idle()
        terminal.port.close()
        time.sleep(0.5)
        before = os.path.realpath(console)
        again = Terminal(console)
        assert b"KeyboardInterrupt" not in again.interrupt()  # nothing ran
        again.send(b"import machine; machine.reset()\r")
        stop = time.monotonic() + 20
        # Without a link, which is made anew, the path leads to itself.
        unlinked = os.path.join(os.path.realpath(console.parent), console.name)
        while os.path.realpath(console) in (before, unlinked):
            assert time.monotonic() < stop
            time.sleep(0.05)
        again.port.close()
        assert b"KeyboardInterrupt" in Terminal(console).interrupt()

    events = on_board(tmp_path, CALLING, beside)
    resets = [e["detail"] for e in events if e["event"] == "reset"]
    assert resets.count("soft reset") == 2
    assert resets[-1] == "machine.reset()"
    lines = [e["detail"] for e in events if e["event"] == "console"]
    assert "Exception: IDE interrupt" in lines
    assert lines.count("running") == 2


def test_a_script_of_the_ide_can_be_stopped(tmp_path: Path) -> None:
    def beside(console: Path) -> None:
        terminal = Ide(console)
        terminal.attach()
        terminal.output(b">>> ")
        script = CALLING.encode()
        terminal.send(frame(0x05, len(script), script))
        terminal.output(b"running\r\n")
        assert terminal.number(0x87) == 1
        terminal.send(frame(0x06, 0))
        terminal.idle()
        terminal.output(b"IDE interrupt", b">>> ")
        terminal.send(frame(0x11, 7, b"6 * 7\r\n"))
        terminal.output(b"42", b">>> ")

    on_board(tmp_path, FOREVER, beside)


def test_text_is_no_frame() -> None:
    assert ide.begins(QUERY_STATUS)
    assert not ide.begins(b"012345")
    assert not ide.begins(b"0 = 1\r")
    assert not ide.begins(b"\x30\x8d\x04\x00\x00\x7f")  # longer than any frame
    assert not ide.begins(b"\x30\x7f\x04\x00\x00\x00")


def test_a_frame_in_pieces_and_with_text_before(tmp_path: Path) -> None:
    def beside(console: Path) -> None:
        terminal = Ide(console)
        terminal.send(b"abc")
        for byte in QUERY_STATUS:
            terminal.send(bytes((byte,)))
        assert terminal.until(b"\xaa\xbb\xee\xff").endswith(b"\xaa\xbb\xee\xff")
        terminal.idle()

    on_board(tmp_path, FOREVER, beside)
