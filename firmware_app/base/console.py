"""The USB console: a bounded number of bytes goes out until something is typed.

On a port that is open and not read print() never returns, the interpreter held: the driver waits for
the host for ever (rtsmart v1.7: serial.c, _serial_dma_tx; Stars1233/canmv_k230: mphalport.c,
mp_hal_uart_tx). A script can't ask whether the port is open, and poll() calls stdout always ready
(mp_hal_stdio_poll). So after the start no more goes out than a PC takes unread (4096 bytes is what the
smallest tty buffers hold), and as much again each time something is typed: a user who types also reads. What
is not shown is lost here alone: it is in the log on the card and in memory.
"""

import io
import select
import sys

PEOPLE = 2048  # bytes for people
PROGRAMS = 1280  # bytes for lines that programs read
_MORE = "(more is in the log; press Enter to see the console go on)"
_MOST_TYPED = 64  # characters taken at a look

_left = [PEOPLE, PROGRAMS]
_stdin: list = []  # [a poll object, the stream], once it was asked for; [] where there is none
_asked = [False]
_waits = [False]  # whether something was there at the last look


def say(text: str) -> None:
    """Print a line for people, as long as there is room."""
    size = len(text.encode()) + 2  # CR LF
    room = _left[0] - len(_MORE) - 2
    if size <= room:
        _left[0] -= size
        print(text)
    elif _left[0] > 0:
        _left[0] = 0
        if room >= 0:
            print(_MORE)


def tell(line: str) -> None:
    """Print a line for programs, as long as there is room."""
    size = len(line.encode()) + 2
    if size <= _left[1]:
        _left[1] -= size
        print(line)


def exception(error: BaseException) -> None:
    """Print where an exception comes from, as long as there is room."""
    text = io.StringIO()
    sys.print_exception(error, text)
    for line in text.getvalue().split("\n"):
        if line:
            say(line)


def typed() -> bool:
    """Return whether something was typed before the last look; then there is room again.

    What came since then is left for one look more: after a Ctrl-C that is about to end the service
    comes what its sender wants of the REPL, and that is not the service's to read.
    """
    try:
        if not _asked[0]:
            _asked[0] = True
            poller = select.poll()
            poller.register(sys.stdin, select.POLLIN)
            _stdin[:] = [poller, sys.stdin.buffer]
        if not _stdin:
            return False
        waited = _waits[0]
        _waits[0] = bool(_stdin[0].poll(0))
        count = 0
        if not waited:
            return False
        while count < _MOST_TYPED and _stdin[0].poll(0):
            if not _stdin[1].read(1):
                _stdin[:] = []  # it was closed: nothing will be typed
                break
            count += 1
        _waits[0] = bool(_stdin and _stdin[0].poll(0))
    except (OSError, AttributeError, ValueError):
        _stdin[:] = []  # an interpreter without such a stream
        return False
    if count:
        _left[:] = [PEOPLE, PROGRAMS]
    return count > 0
