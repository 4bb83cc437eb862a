"""A tty as a transport: a UART adapter, USB, or a pty.

pyserial opens and configures the port. On POSIX the event loop reads and writes the file
directly; on other systems a thread waits in pyserial.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import threading
from typing import Any

import serial

from host_client.base.exceptions import ConnectionFailed, PortLocked
from host_client.link.address import SerialAddress
from host_client.link.transport import OnData, OnLost, Transport

_READ_SIZE = 65536


def open_serial(address: SerialAddress, on_data: OnData, on_lost: OnLost) -> Transport:
    """Open a tty for exclusive use; raises ConnectionFailed, PortLocked."""
    port = _open(address)
    if os.name == "posix":
        return PosixSerial(port, on_data, on_lost)
    return ThreadedSerial(port, on_data, on_lost)


def _open(address: SerialAddress) -> Any:
    settings: dict[str, Any] = {"exclusive": True} if os.name == "posix" else {}
    try:
        return serial.Serial(address.path, address.baudrate, timeout=0, **settings)
    except (OSError, ValueError) as error:
        code = getattr(error, "errno", None)
        text = str(error)
        if code in (errno.EAGAIN, errno.EBUSY) or "exclusively lock" in text:
            raise PortLocked(
                f"{address.path} is in use by another program: a tty serves one client at a time "
                "(several can watch over the network)"
            ) from None
        if code == errno.ENOENT:
            raise ConnectionFailed(
                f"{address.path}: no such tty (k230 discover lists them)"
            ) from None
        if code in (errno.EACCES, errno.EPERM):
            raise ConnectionFailed(
                f"{address.path}: permission denied (on Linux, add your user to the group dialout)"
            ) from None
        if code == errno.ENOTTY or "Could not configure port" in text:
            raise ConnectionFailed(
                f"{address.path}: expected a tty, found another kind of file"
            ) from None
        raise ConnectionFailed(f"{address.path}: {text}") from None


class PosixSerial:
    """A tty watched by the event loop."""

    def __init__(self, port: Any, on_data: OnData, on_lost: OnLost) -> None:
        self._port = port
        self._on_data = on_data
        self._on_lost = on_lost
        self._file: int = port.fileno()
        self._rest = bytearray()
        self._closed = False
        self._loop = asyncio.get_running_loop()
        os.set_blocking(self._file, False)
        self._loop.add_reader(self._file, self._read)

    def write(self, data: bytes) -> None:
        """Send data as fast as the line accepts it."""
        if self._closed:
            return
        empty = not self._rest
        self._rest += data
        if empty:
            self._flush()
            if self._rest and not self._closed:
                self._loop.add_writer(self._file, self._flush)

    def close(self) -> None:
        """Close and unlock the port."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._file)
            self._loop.remove_writer(self._file)
            with contextlib.suppress(OSError):  # already unplugged
                self._port.close()

    def _read(self) -> None:
        try:
            data = os.read(self._file, _READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lose(error)
            return
        if data:
            self._on_data(data)
        else:
            self._lose(None)

    def _flush(self) -> None:
        try:
            while self._rest:
                sent = os.write(self._file, self._rest)
                del self._rest[:sent]
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lose(error)
            return
        self._loop.remove_writer(self._file)

    def _lose(self, error: OSError | None) -> None:
        if not self._closed:
            self.close()
            detail = f" ({error.strerror})" if error and error.strerror else ""
            self._on_lost(f"the tty is gone{detail}")


class ThreadedSerial:
    """A tty on systems without support in the event loop: a thread waits for bytes."""

    def __init__(self, port: Any, on_data: OnData, on_lost: OnLost) -> None:
        self._port = port
        self._port.timeout = 0.1
        self._on_data = on_data
        self._on_lost = on_lost
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self._outgoing = bytearray()
        self._lock = threading.Condition()
        threading.Thread(target=self._receive, daemon=True, name="k230-serial-in").start()
        threading.Thread(target=self._send, daemon=True, name="k230-serial-out").start()

    def write(self, data: bytes) -> None:
        """Send data from the sender's thread."""
        with self._lock:
            self._outgoing += data
            self._lock.notify()

    def close(self) -> None:
        """Close the port; both threads end."""
        with self._lock:
            self._closed = True
            self._lock.notify()
        self._port.close()

    def _receive(self) -> None:
        while not self._closed:
            try:
                data = self._port.read(max(1, self._port.in_waiting))
            except (OSError, TypeError, ValueError) as error:  # closed or unplugged while reading
                self._lose(error)
                return
            if data and not self._closed:
                self._call(self._on_data, bytes(data))

    def _send(self) -> None:
        while True:
            with self._lock:
                while not self._outgoing and not self._closed:
                    self._lock.wait()
                if self._closed:
                    return
                data = bytes(self._outgoing)
                self._outgoing.clear()
            try:
                self._port.write(data)
            except (OSError, ValueError) as error:
                self._lose(error)
                return

    def _lose(self, error: Exception) -> None:
        if not self._closed:
            self._closed = True
            self._call(self._on_lost, f"the tty is gone ({error})")

    def _call(self, function: Any, argument: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, argument)
        except RuntimeError:
            self._closed = True  # the loop has ended
