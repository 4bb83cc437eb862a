"""The vendor's IDE on the USB console, as far as it changes what a board does.

Once the header of one of its frames came, every byte is the IDE's until it closes the port: the
running script is interrupted, the board soft-resets, and neither boot.py nor main.py run again
before a hard reset. Pictures and files that the IDE asks for are not emulated.
"""

from __future__ import annotations

import struct
import threading
from typing import Protocol

HEAD = 6  # bytes: 0x30, command, length of what follows or is expected as the answer
FIRST = 0x30
MAX_PAYLOAD = 8 << 20
OUTPUT_SIZE = 128 << 10  # bytes printed that the IDE has not fetched; what is beyond is lost
_VERSION = (1, 7, 0)
_ARCHITECTURE = b"OMV4 K230 [k230_canmv_virtual]"

_SCRIPT_EXEC = 0x05
_SCRIPT_STOP = 0x06
_SYS_RESET = 0x0C
_FB_ENABLE = 0x0D
_TX_INPUT = 0x11
_SET_TIME = 0x12
_CREATEFILE = 0x20
_WRITEFILE = 0x21
_FW_VERSION = 0x80
_FRAME_SIZE = 0x81
_ARCH_STR = 0x83
_SCRIPT_RUNNING = 0x87
_QUERY_STATUS = 0x8D
_TX_BUF_LEN = 0x8E
_TX_BUF = 0x8F
_SCRIPT_STATUS = 0xA4
_PAYLOAD = (_SCRIPT_EXEC, _FB_ENABLE, _TX_INPUT, _SET_TIME, _CREATEFILE, _WRITEFILE)
_COMMANDS = frozenset(
    (
        *(0x00, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0B, 0x0C, 0x0D, 0x11, 0x12, 0x20, 0x21),
        *(0x80, 0x81, 0x82, 0x83, 0x87, 0x8A, 0x8D, 0x8E, 0x8F, 0x90),
        *range(0xA0, 0xB1),
    )
)
_CTRL_C = b"\x03"
_CTRL_D = b"\x04"


class Board(Protocol):
    """What the IDE does to the board."""

    def running(self) -> bool:
        """Return whether a script runs."""

    def interrupt(self) -> None:
        """Raise the IDE's exception in the running script."""

    def clear(self) -> None:
        """Forget what was typed."""

    def typed(self, data: bytes) -> None:
        """Take characters for the REPL."""

    def transmit(self, data: bytes) -> None:
        """Send bytes to the PC."""


def begins(header: bytes | bytearray) -> bool:
    """Return whether these six bytes begin a frame."""
    return (
        header[0] == FIRST
        and header[1] in _COMMANDS
        and int.from_bytes(header[2:HEAD], "little") <= MAX_PAYLOAD
    )


class Ide:
    """The firmware's half of the protocol.

    attached: every byte is the IDE's; suppressed: no script starts by itself before a hard reset.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self._lock = threading.Lock()
        self._output = bytearray()
        self.restarted()

    def restarted(self) -> None:
        """The board restarts: nothing of the IDE is left."""
        self.attached = self.suppressed = False
        self._resetting = False
        self._data = bytearray()
        self._script = b""
        self._executing = False
        with self._lock:
            self._output.clear()

    def soft_reset(self) -> None:
        """The board did what was wanted."""
        self._resetting = False
        self._executing = False

    def feed(self, data: bytes) -> None:
        """Take bytes from the IDE; the first ones attach it."""
        if not self.attached:
            self.attached = self.suppressed = True
            self._data.clear()
            if self._board.running():
                self._request_reset()
        self._data += data
        while self.attached:
            start = self._data.find(FIRST)
            del self._data[: start if start >= 0 else len(self._data)]
            if len(self._data) < HEAD:
                return
            command, length = self._data[1], struct.unpack_from("<I", self._data, 2)[0]
            end = HEAD + (length if command in _PAYLOAD else 0)
            if len(self._data) < end:
                return
            payload = bytes(self._data[HEAD:end])
            del self._data[:end]
            self._do(command, length, payload)

    def closed(self) -> None:
        """The PC closed the port."""
        if self.attached:
            self.attached = False
            self._request_reset()

    def capture(self, data: bytes) -> bool:
        """Keep what was printed for the IDE; False: it is not there."""
        if not self.attached:
            return False
        with self._lock:
            if len(self._output) + len(data) < OUTPUT_SIZE:
                self._output += data
        return True

    def take_script(self) -> bytes:
        """Return the script that the IDE wants to run, b"" for none."""
        script, self._script = self._script, b""
        return script if self.attached else b""

    def script_ended(self) -> None:
        """The IDE's script came to its end."""
        self._executing = False

    def _request_reset(self) -> None:
        first, self._resetting = not self._resetting, True
        self._board.clear()
        if first and self._board.running():
            self._board.interrupt()
        self._board.typed(_CTRL_D)

    def _do(self, command: int, length: int, payload: bytes) -> None:
        send = self._board.transmit
        if command == _QUERY_STATUS:
            send(struct.pack("<I", 0xFFEEBBAA))
        elif command == _FW_VERSION:
            send(struct.pack("<3I", *_VERSION))
        elif command == _ARCH_STR:
            send(_ARCHITECTURE.ljust(64, b"\0"))
        elif command == _FRAME_SIZE:
            send(bytes(12))
        elif command == _SCRIPT_RUNNING:
            send(struct.pack("<I", self._executing))
        elif command == _SCRIPT_STATUS:
            send(struct.pack("<I", self._board.running() or self._executing or self._resetting))
        elif command == _TX_BUF_LEN:
            with self._lock:
                send(struct.pack("<I", len(self._output)))
        elif command == _TX_BUF:
            with self._lock:
                send(bytes(self._output[:length]))
                del self._output[:length]
        elif command == _SCRIPT_STOP and (self._board.running() or self._executing):
            self._request_reset()
        elif command == _SCRIPT_EXEC:
            self._execute(payload)
        elif command == _TX_INPUT:
            self._board.typed(payload)
        elif command == _SYS_RESET:
            if self._board.running():
                self._request_reset()
            self.attached = False

    def _execute(self, script: bytes) -> None:
        if self._board.running() or self._executing:
            if not self._resetting:
                self._board.interrupt()
            return
        self._script = script
        self._executing = True
        self._board.clear()
        self._board.typed(_CTRL_C + _CTRL_D)  # the REPL ends, and the script takes its place
