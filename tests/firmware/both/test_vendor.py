"""Each vendor call of hardware.py made to fail in each way; runs on CPython and MicroPython."""

import sys


class _Part:
    """A part of the vendor's module: every call raises what is wanted."""

    PARITY_NONE = 0
    STOPBITS_ONE = 0

    def __init__(self, *given, **named) -> None:
        _Machine.calls.append((given, named))
        _fail("made")

    def read(self):
        _fail("read")
        return b"x"

    def write(self, data):
        _fail("write")
        return _Machine.taken(data)

    def feed(self) -> None:
        _fail("feed")

    def stop(self) -> None:
        _fail("stop")


def _fail(name: str) -> None:
    if _Machine.failing == name:
        raise _Machine.error


def _call(name: str, value):
    def call():
        _fail(name)
        return value

    return call


class _Machine:
    failing = ""
    error = Exception("unset")
    calls: list = []
    taken = len
    UART = _Part
    WDT = _Part
    chipid = _call("chipid", bytearray(range(32)))
    temperature = _call("temperature", 41.6)
    reset = _call("reset", None)


sys.modules["machine"] = _Machine

from firmware_app.base.errors import (  # noqa: E402
    PRODUCT,
    CameraError,
    CommandError,
    NpuError,
    TaskError,
    VendorError,
)
from firmware_app.board import hardware, vendor  # noqa: E402

hardware.machine = _Machine  # another test may have been first

ERRORS = (
    OSError(5),
    OSError("cannot create UART 1"),
    RuntimeError("read chip id failed."),
    AssertionError("UART(1) tx not configured, see machine.FPIOA"),
    ValueError("invalid UART index"),
    TypeError("can't convert"),
    EOFError(),
    NotImplementedError("no"),
    AttributeError("'module' object has no attribute 'UART'"),
    MemoryError(),
)
IDE = Exception("IDE interrupt")


def _with(name: str, error: Exception) -> None:
    _Machine.failing = name
    _Machine.error = error


def _raised(function, *given):
    try:
        function(*given)
    except Exception as error:
        return error
    return None


def test_a_call_that_fails_becomes_a_vendor_error() -> None:
    _with("", IDE)
    uart = hardware.open_uart(1, 115200, None, None)
    dog = hardware.Watchdog(8)
    for name, function, given in (
        ("made", hardware.open_uart, (1, 115200, 3, 4)),
        ("made", hardware.Watchdog, (8,)),
        ("read", uart.read, ()),
        ("write", uart.write, (b"abc",)),
        ("feed", dog.feed, ()),
        ("reset", hardware.reset, ()),
    ):
        for error in ERRORS:
            _with(name, error)
            raised = _raised(function, *given)
            assert isinstance(raised, VendorError), (name, error, raised)
            assert str(raised).split(": ", 1)[1], (name, error)
        _with(name, IDE)
        assert _raised(function, *given) is IDE, name


def test_a_call_that_fails_leaves_a_value() -> None:
    _with("", IDE)
    dog = hardware.Watchdog(8)
    for name, function, value in (
        ("chipid", hardware.board_id, ""),
        ("temperature", hardware.temperature, None),
        ("stop", dog.stop, None),
    ):
        for error in ERRORS:
            _with(name, error)
            assert function() == value, (name, error)
        _with(name, IDE)
        assert _raised(function) is IDE, name
    _with("", IDE)
    assert hardware.board_id() == "0001020304050607"
    assert hardware.temperature() == 41


def test_what_goes_on_as_it_is() -> None:
    for error in (IDE, NpuError("a"), TaskError("a"), CommandError("a", "b"), VendorError("c")):
        for kind in (NpuError, TaskError, CameraError, VendorError):
            assert vendor.failed(kind, "what", error) is error
    lack = MemoryError()
    assert vendor.failed(NpuError, "the KPU", lack) is lack
    assert vendor.failed(TaskError, "boxes", lack) is lack
    assert str(vendor.failed(CameraError, "the sensor", lack)) == "the sensor: not enough memory"
    assert isinstance(vendor.failed(VendorError, "it", EOFError()), PRODUCT)
    assert str(vendor.failed(VendorError, "it", EOFError())) == "it: EOFError"


def test_a_uart_has_one_stop_bit() -> None:
    # rtsmart: serial.h 39, STOP_BITS_1 is 0; drv_uart.c 293 takes every other value for two.
    _with("", IDE)
    _Machine.calls.clear()
    hardware.open_uart(2, 921600, 11, 12)
    assert _Machine.calls == [((2, 921600, 8, 0, 0), {"timeout": 0, "tx": 11, "rx": 12})]


def test_a_uart_that_takes_nothing() -> None:
    _with("", IDE)
    uart = hardware.open_uart(1, 115200, None, None)
    for given, counted in ((None, 0), (0, 0), (2, 2)):
        _Machine.taken = lambda data, count=given: count
        assert uart.write(b"abc") == counted
    _Machine.taken = len
