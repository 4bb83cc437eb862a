"""The board's sockets over a PC's: same addresses, same waits, same losses.

What the CanMV port does and stock MicroPython does not (network_rt_smart.c, tried on a PC):

* addresses are (ip, port) both ways; sockets need a network interface first;
* recv() of a socket with timeout 0 returns b"" for nothing, end and error alike, after 1 ms in
  which others run; with any other timeout it wants all n bytes, holds the interpreter, and never
  notices the end; a timeout returns what came;
* read(n) and readinto() throw away what came when fewer than n bytes wait;
* accept() waits 100 ms or the longer timeout, in each mode, then raises OSError(EAGAIN); the
  new socket is a blocking one, and one that is accepted when that time is over is lost;
* what a stalled peer does not take fills a small buffer, then send() says EAGAIN;
* each poll of a socket with nothing to report takes 1.08 ms with the interpreter held.
"""

import io
import select
import sys
import time

import usocket as _real
from _k230 import network as _network
from _k230 import silicon as _silicon
from utime import sleep_us as _rest_us

AF_INET = _real.AF_INET
AF_INET6 = _real.AF_INET6
SOCK_STREAM = _real.SOCK_STREAM
SOCK_DGRAM = _real.SOCK_DGRAM
SOCK_RAW = _real.SOCK_RAW
SOL_SOCKET = _real.SOL_SOCKET
SO_REUSEADDR = _real.SO_REUSEADDR
SO_BROADCAST = _real.SO_BROADCAST
SO_KEEPALIVE = _real.SO_KEEPALIVE

_TCP = 6
_EAGAIN = 11
_EADDRINUSE = 98
_ENOTCONN = 107
_ECONNREFUSED = 111
_ETIMEDOUT = 110
_EBADF = 9
_BUSY = (11, 35, 110, 115, 60, 36)  # nothing yet, on Linux and on macOS
_UNDER_WAY = (11, 35, 36, 37, 114, 115)  # a connection is being made
_CONNECTED = (106, 56)

_ACCEPT_MS = 100
_RECV_US = 1000
_IDLE_POLL_US = 1080
_SLICE_MS = 500  # the longest the driver waits in one go
_MAX_TCP = 16  # lwIP's TCP_PCB count on the board
# A PC keeps megabytes for a reader that stalls: minutes of results that the firmware takes for sent.
# lwIP without window scaling has 64 KiB at most; Linux doubles what is asked for.
_SEND_BUFFER = 32768
_SO_SNDBUF = 7 if sys.platform == "linux" else 0x1001

# An interpreter with the board's own socket layer shows the addresses as tuples.
NATIVE = type(_real.getaddrinfo("127.0.0.1", 9)[0][-1]) is tuple

_tcp_open = [0]
_lost = []  # accepted too late, see accept(): open for ever, without an owner


def getaddrinfo(host, port, *_):
    """Return [(family, kind, protocol, name, (ip, port))]."""
    _need_nic()
    if NATIVE:
        return _real.getaddrinfo(host, port)
    if host in ("", "0.0.0.0"):
        return [(AF_INET, SOCK_STREAM, 0, "", ("0.0.0.0", port))]
    with _silicon.held():
        found = _real.getaddrinfo(host, port)
    return [(AF_INET, SOCK_STREAM, 0, "", _address(found[0][-1]))]


def _need_nic() -> None:
    if not _network.have_nic():
        raise OSError("no available NIC")


def _address(raw):
    if isinstance(raw, tuple):
        return raw
    _, ip, port = _real.sockaddr(raw)[:3]
    return (".".join([str(byte) for byte in ip]), port)


def _pack(host: str, port: int):
    """Return what the interpreter's own socket takes as the address."""
    if not isinstance(host, str) or not isinstance(port, int):
        raise TypeError("expected (ip, port)")
    if host == "":
        host = "0.0.0.0"
    digits = host.split(".")
    if len(digits) != 4 or not all([d.isdigit() and int(d) < 256 for d in digits]):
        raise ValueError("invalid arguments")
    if NATIVE:
        return (host, port)
    return _real.getaddrinfo(host, port)[0][-1]


def _here(host: str, port: int):
    """Return where on the PC the firmware's address lies: the card's ports are mapped."""
    mapped = _silicon.config.get("ports", {}).get(str(port))
    if mapped is not None:
        return mapped[0], mapped[1]
    return "127.0.0.1", port  # only this PC sees what was not asked for


class _Native(io.IOBase):
    """A socket of an interpreter that has the board's layer: only ports are mapped."""

    def __init__(self, family: int = AF_INET, kind: int = SOCK_STREAM, protocol: int = 0) -> None:
        self._socket = _real.socket(family, kind, protocol)
        self._poll = None
        self._bound = None
        for name in (
            "accept",
            "close",
            "recv",
            "recvfrom",
            "send",
            "sendall",
            "sendto",
            "setblocking",
            "setsockopt",
            "settimeout",
            "read",
            "readinto",
            "readline",
            "write",
            "makefile",
        ):
            setattr(self, name, getattr(self._socket, name))

    def bind(self, address) -> None:
        _need_nic()
        host, port = _here(address[0], address[1])
        self._socket.bind((host, port))
        self._bound = (address[1], host, port)

    def listen(self, backlog: int = 2) -> None:
        self._socket.listen(backlog)
        _announce(self._bound)

    def connect(self, address) -> None:
        _need_nic()
        self._socket.connect(address)

    def ioctl(self, request: int, flags: int) -> int:
        if request != 3:
            return -1
        if self._poll is None:
            self._poll = select.poll()
        self._poll.register(self._socket, flags)  # the layer below takes its own time
        for item in self._poll.poll(0):
            return item[1] & flags
        return 0


def _announce(bound) -> None:
    if bound is not None:
        _silicon.call("net.listening", [bound[0], bound[1], bound[2]])


class _Emulated(io.IOBase):
    """A socket of a PC's MicroPython that behaves like one of the board."""

    def __init__(
        self, family: int = AF_INET, kind: int = SOCK_STREAM, protocol: int = 0, given=None
    ) -> None:
        self._stream = kind == SOCK_STREAM
        if self._stream:
            if _tcp_open[0] >= _MAX_TCP:
                if given is not None:
                    given.close()
                raise OSError(12)  # ENOMEM: lwIP is out of connections
            _tcp_open[0] += 1
        self._socket = given if given is not None else _real.socket(family, kind)
        if self._stream:
            self._socket.setsockopt(SOL_SOCKET, _SO_SNDBUF, _SEND_BUFFER)
        self._timeout = -1  # ms; -1 waits for ever
        self._listening = False
        self._open = True
        self._bound = None
        self._poll = None

    # -- setting up

    def setblocking(self, blocking: bool) -> None:
        self.settimeout(None if blocking else 0)

    def settimeout(self, seconds) -> None:
        self._check_open()
        if seconds is None:
            self._timeout = -1
        else:
            self._timeout = int(seconds * 1000)
        self._apply()

    def _apply(self) -> None:
        if self._timeout == 0 or self._listening:
            self._socket.setblocking(False)
        else:
            part = _SLICE_MS if self._timeout < 0 else min(self._timeout, _SLICE_MS)
            self._socket.settimeout(part / 1000)

    def setsockopt(self, level: int, option: int, value) -> None:
        self._check_open()
        if level == _TCP or option in (SO_REUSEADDR, SO_BROADCAST):
            self._socket.setsockopt(level, option, value)

    def bind(self, address) -> None:
        _need_nic()
        host, port = _here(address[0], address[1])
        _pack(address[0], address[1])
        self._socket.bind(_pack(host, port))
        self._bound = (address[1], host, port)

    def listen(self, backlog: int = 2) -> None:
        if self._bound is None:
            raise OSError(_ENOTCONN)
        self._socket.listen(backlog)
        self._listening = True
        _announce(self._bound)

    def accept(self):
        """Return (socket, (ip, port)); OSError(EAGAIN) after 100 ms or the longer timeout."""
        if not self._listening:
            raise OSError(22)
        self._socket.setblocking(False)
        start = time.ticks_ms()
        wait = max(_ACCEPT_MS, self._timeout)
        made = None
        while made is None:
            _rest_us(_RECV_US)  # the driver waits in one go, here a closed listener is noticed
            try:
                made, raw = self._socket.accept()
            except OSError as error:
                if error.errno not in _BUSY:
                    raise
            if time.ticks_diff(time.ticks_ms(), start) > wait:
                if made is not None:
                    _lost.append(_Emulated(given=made))
                raise OSError(_EAGAIN)
        made.setblocking(True)
        return _Emulated(given=made), _address(raw)

    def connect(self, address) -> None:
        _need_nic()
        self._check_open()
        raw = _pack(address[0], address[1])
        self._socket.setblocking(False)
        start = time.ticks_ms()
        while True:
            time.sleep_us(_RECV_US)
            try:
                self._socket.connect(raw)
                break
            except OSError as error:
                if error.errno in _CONNECTED:
                    break
                if error.errno not in _UNDER_WAY:
                    print("connect to server faild!")
                    raise OSError(error.errno)
            if self._timeout == 0:
                raise OSError(_EAGAIN)
            if self._timeout > 0 and time.ticks_diff(time.ticks_ms(), start) > self._timeout:
                print("connect timeout")
                raise OSError(_ETIMEDOUT)
        self._apply()
        print("connect success")

    def close(self) -> None:
        if self._open:
            self._open = False
            if self._stream:
                _tcp_open[0] -= 1
            self._socket.close()

    def _check_open(self) -> None:
        if not self._open:
            raise OSError(_EBADF)

    # -- receiving

    def _receive(self, n: int):
        """Return (bytes, errno): what the driver's recv gives, with the driver's waits."""
        if self._listening or not self._open:
            return None, _ENOTCONN
        if self._timeout == 0:
            time.sleep_us(_RECV_US)
            return self._system_recv(n)
        start = time.ticks_ms()
        data = b""
        while True:
            time.sleep_us(_RECV_US)
            with _silicon.held():
                part, code = self._system_recv(n - len(data))
            if code and code != _EAGAIN:
                return data, code
            data += part
            if len(data) >= n:
                return data, 0
            if self._timeout > 0 and time.ticks_diff(time.ticks_ms(), start) > self._timeout:
                print("recv timeout!")
                return data, code

    def _system_recv(self, n: int):
        try:
            part = self._socket.recv(n)
        except OSError as error:
            return b"", _EAGAIN if error.errno in _BUSY else error.errno
        return (b"", _EAGAIN) if part is None else (part, 0)

    def recv(self, n: int) -> bytes:
        data, code = self._receive(n)
        if data is None:
            raise OSError(code)
        return data

    def recvfrom(self, n: int):
        """Return (bytes, (ip, port)); (b"", ("0.0.0.0", 0)) when nothing waits."""
        start = time.ticks_ms()
        while True:
            time.sleep_us(_RECV_US)
            try:
                with _silicon.held():
                    data, raw = self._socket.recvfrom(n)
                return data, _address(raw)
            except OSError as error:
                if error.errno not in _BUSY:
                    raise
            late = time.ticks_diff(time.ticks_ms(), start) > self._timeout
            if self._timeout == 0 or (self._timeout > 0 and late):
                return b"", ("0.0.0.0", 0)

    def read(self, n: int = -1):
        if n < 0:
            return self._read_all()
        data = bytearray(n)
        size = self.readinto(data)
        return None if size is None else bytes(memoryview(data)[:size])

    def _read_all(self):
        data = b""
        while True:
            part, code = self._receive(256)
            if part is None:
                raise OSError(code)
            if not part:
                if code and code != _EAGAIN:
                    raise OSError(code)
                return None if code and not data else data
            data += part

    def readinto(self, buffer, n: int = -1):
        view = memoryview(buffer)
        size = len(view) if n < 0 else min(n, len(view))
        done = 0
        while done < size:
            part, code = self._receive(size - done)
            if part is None:
                raise OSError(code)
            view[done : done + len(part)] = part
            done += len(part)
            if not part:
                # The driver says EAGAIN with a length of zero: the stream layer takes the
                # error and throws away what it has.
                if code == _EAGAIN:
                    return None
                if code:
                    raise OSError(code)
                break
        return done

    def readline(self, limit: int = -1):
        line = bytearray()
        while limit < 0 or len(line) < limit:
            part, code = self._receive(1)
            if part is None:
                raise OSError(code)
            if not part:
                break
            line.extend(part)
            if part == b"\n":
                break
        return bytes(line)

    # -- sending

    def send(self, data) -> int:
        if not self._open:
            raise OSError(32)
        with _silicon.held():
            try:
                sent = self._socket.send(data)
            except OSError as error:
                raise OSError(_EAGAIN if error.errno in _BUSY else error.errno)
        if sent is None:
            raise OSError(_EAGAIN)
        return sent

    def sendall(self, data) -> None:
        view = memoryview(data)
        while view:
            view = view[self.send(view) :]

    def write(self, data, *rest):
        view = memoryview(data)
        done = 0
        while done < len(view):
            try:
                done += self.send(view[done:])
            except OSError as error:
                if error.errno != _EAGAIN:
                    raise
                return done if done else None
        return done

    def sendto(self, data, address) -> int:
        _need_nic()
        with _silicon.held():
            return self._socket.sendto(data, _pack(address[0], address[1]))

    # -- being a stream

    def makefile(self, *_):
        return self

    def ioctl(self, request: int, flags: int) -> int:
        if request != 3:  # MP_STREAM_POLL
            if request == 4:
                self.close()
                return 0
            return -1
        if self._poll is None:
            self._poll = select.poll()
            self._poll.register(self._socket, select.POLLIN | select.POLLOUT)
        found = 0
        for item in self._poll.poll(0):
            found = item[1]
        # The driver's select() knows reading and writing; an end or an error is readable.
        if found & (select.POLLHUP | select.POLLERR):
            found |= select.POLLIN
        found &= flags
        if not found:
            with _silicon.held():
                time.sleep_us(_IDLE_POLL_US)
        return found

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self.close()


socket = _Native if NATIVE else _Emulated
