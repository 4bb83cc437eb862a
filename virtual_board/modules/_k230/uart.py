"""machine.UART over the silicon's wires, with the driver's waits.

stop: STOP_BITS_1 is 0, and every other value two stop bits (canmv-k230/rtsmart v1.7
components/drivers/include/drivers/serial.h 39, drivers/interdrv/uart/drv_uart.c 293): a byte takes 11
bits of the line with stop=1.
"""

import io
import time

from _k230 import pins, silicon

_POLL = 3  # MP_STREAM_POLL
_FLUSH = 1
_RD = 1
_WR = 4


class UART(io.IOBase):
    """A serial port. timeout is in ms: how long a read waits for all the bytes it wants."""

    UART1 = 1
    UART2 = 2
    UART3 = 3
    UART4 = 4
    FIVEBITS = 5
    SIXBITS = 6
    SEVENBITS = 7
    EIGHTBITS = 8
    NINEBITS = 9
    STOPBITS_ONE = 0
    STOPBITS_ONE_P_FIVE = 0
    STOPBITS_TWO = 1
    PARITY_NONE = 0
    PARITY_ODD = 1
    PARITY_EVEN = 2

    def __init__(
        self,
        id: int,
        baudrate: int = 115200,
        bits: int = 8,
        parity: int = 0,
        stop: int = 0,
        *,
        timeout: int = 10,
        tx=None,
        rx=None,
    ) -> None:
        if not 0 <= id <= 4:
            raise ValueError("invalid UART index")
        self._id = id
        self._timeout = 0
        self._open = True
        self.init(baudrate, bits, parity, stop, timeout=timeout, tx=tx, rx=rx)

    def init(
        self,
        baudrate: int = 115200,
        bits: int = 8,
        parity: int = 0,
        stop: int = 0,
        *,
        timeout: int = 10,
        tx=None,
        rx=None,
    ) -> None:
        pins.route_uart(self._id, tx, rx)
        self._settings = (baudrate, bits, parity, stop)
        if timeout != -1:
            self._timeout = timeout
        frame = 1 + bits + (1 if parity else 0) + (2 if stop else 1)
        silicon.call("uart.open", [self._id, baudrate, frame])

    def deinit(self) -> None:
        if self._open:
            self._open = False
            silicon.call("uart.close", [self._id])

    def any(self) -> int:
        """Return 1 when bytes wait, else 0 (not how many)."""
        return silicon.call("uart.waiting", [self._id])[0]

    def _driver_read(self, n: int) -> bytes:
        # The driver looks every millisecond; in between the others run.
        data = silicon.call("uart.read", [self._id, n, 0])[1][0]
        if self._timeout == 0 or len(data) >= n:
            return data
        start = time.ticks_ms()
        while len(data) < n and time.ticks_diff(time.ticks_ms(), start) < self._timeout:
            time.sleep_ms(1)
            data += silicon.call("uart.read", [self._id, n - len(data), 0])[1][0]
        return data

    def read(self, n: int = -1):
        """Return up to n bytes (all there are without n), None when there are none."""
        done = b""
        size = 256 if n < 0 else n
        while n < 0 or len(done) < n:
            data = self._driver_read(size if n < 0 else n - len(done))
            if not data:
                break
            done += bytes(data)
        return done if done or n == 0 else None

    def readinto(self, buffer, n: int = -1):
        view = memoryview(buffer)
        data = self.read(len(view) if n < 0 else min(n, len(view)))
        if data is None:
            return None
        view[: len(data)] = data
        return len(data)

    def readline(self, limit: int = -1):
        line = bytearray()
        while limit < 0 or len(line) < limit:
            data = self._driver_read(1)
            if not data:
                break
            line.extend(data)
            if line[-1] == 10:
                break
        return bytes(line) if line else None

    def write(self, data, *rest) -> int:
        """Send data byte by byte, the interpreter held for all of it."""
        if isinstance(data, str):
            data = data.encode()
        return silicon.call("uart.write", [self._id], [data])[0]

    def sendbreak(self) -> None:
        """Hold the line low for a moment; nothing on the PC's side sees it."""

    def flush(self) -> None:
        """Return at once: the driver does not implement it."""

    def txdone(self) -> bool:
        print("K230 not support UART.txdone()")
        return False

    def ioctl(self, request: int, flags: int) -> int:
        if request == _POLL:
            found = flags & _WR
            if flags & _RD and self.any():
                found |= _RD
            return found
        return 0 if request == _FLUSH else -1

    def __repr__(self) -> str:
        return "UART(%d, baudrate=%d, bits=%d, parity=%d, stop=%d)" % ((self._id,) + self._settings)


UART.IRQ_RX = 1
