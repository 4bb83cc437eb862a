"""Lets the stand-ins take the board's time: wraps what is native code there (see clock).

Called once, on runs with a timing profile, before any script runs.
"""

import io
import time
from math import log2

import aicube
import aidemo
import image
import machine
import nncase_runtime
from media.sensor import Sensor

from _k230 import card, gc, select, threads
from _k230.silicon import clock

_CALCULATED = (
    "add sub mul truediv floordiv pow radd rsub rmul rtruediv iadd isub imul itruediv ipow"
)
_COMPARED = "and or xor rand ror rxor invert eq ne lt le gt ge"
# Of ulab's functions, by how long an element takes (`arrays` of the profile); all others are `function`.
_COPIES = ("concatenate", "roll", "ones", "full")
_HIGHEST = ("argmax", "argmin", "max", "min")
_LOOPS = (
    "array compress dot nonzero sort argsort minimum maximum sum mean concatenate roll ones full "
    + "argmax argmin max min bitwise_and bitwise_or bitwise_xor"
)
_FLAT = "zeros empty frombuffer asarray"  # of ulab: they look at no element
_THRESHOLD = 24 << 20
_BIG = 4096  # reads of so many bytes are of files that matter


def start(numbers: dict) -> None:
    """Begin: numbers are the profile's by dotted name."""
    call_us = numbers["native.call_us"]
    clock.start(numbers)
    for name in ("ticks_us", "ticks_ms", "sleep", "sleep_ms", "sleep_us"):
        setattr(time, name, getattr(clock, name))
    time.ticks_cpu = clock.ticks_us
    _memory(numbers)
    _nncase(numbers, call_us)
    _functions(aicube, call_us)
    _functions(aidemo, call_us)
    _methods(Sensor, "snapshot", call_us)
    _display(numbers, call_us)
    _files(numbers)
    _methods(threads.lock, "acquire release locked", call_us)
    _methods(machine.UART, "any read readinto readline write", call_us)
    _methods(image.Image, "to_numpy_ref copy copy_to crop bytearray", call_us)
    _methods(select._Poll, "poll register modify unregister", call_us)
    _sockets(numbers)
    _ulab(numbers, call_us)


def _special(names: str) -> str:
    return " ".join(["__%s__" % name for name in names.split()])


def _methods(cls, names: str, us: float, size=None) -> None:
    for name in names.split():
        function = getattr(cls, name, None)
        if function is not None:
            setattr(cls, name, clock.native(function, us, size))


def _functions(module, us: float, size=None) -> None:
    for name in dir(module):
        value = getattr(module, name)
        if name[0] != "_" and callable(value) and not isinstance(value, type):
            setattr(module, name, clock.native(value, us, size))


def _memory(numbers) -> None:
    real = gc.threshold

    def threshold(size=None):
        # Arrays and tensors lie outside the board's heap, here they fill it: what collects by
        # itself there now and then would do so at every frame.
        return real() if size is None else real(max(size, _THRESHOLD))

    gc.threshold = threshold
    gc.collect = clock.native(gc.collect, numbers["gc.collect_ms"] * 1000)
    for name in ("mem_alloc", "mem_free"):
        setattr(gc, name, clock.native(getattr(gc, name), numbers["gc.scan_ms"] * 1000))


def _nncase(numbers, call_us: float) -> None:
    us_byte = numbers["native.copy_ms_mb"] * 1000 / (1 << 20)
    tensor = nncase_runtime.runtime_tensor

    def copied(args, result) -> float:
        count = 1
        for side in args[0]._shape:
            count *= side
        return us_byte * count * (4 if args[0]._dtype == "float32" else 1)

    _methods(tensor, "to_numpy", call_us, copied)
    nncase_runtime.from_numpy = clock.native(nncase_runtime.from_numpy, call_us)
    _methods(
        nncase_runtime.kpu,
        "load_kmodel set_input_tensor set_output_tensor get_input_tensor get_output_tensor run "
        + "inputs_size outputs_size inputs_desc outputs_desc",
        call_us,
    )
    _methods(
        nncase_runtime.ai2d,
        "set_dtype set_crop_param set_shift_param set_pad_param set_resize_param set_affine_param",
        call_us,
    )
    _methods(nncase_runtime.ai2d, "build", numbers["native.build_ms"] * 1000)
    _methods(nncase_runtime._Builder, "run", call_us)


def _display(numbers, call_us: float) -> None:
    from media.display import Display

    show = clock.native(Display.show_image, numbers["display.show_ms"] * 1000)
    Display.show_image = staticmethod(show)
    _methods(
        image.Image,
        "clear draw_rectangle draw_line draw_circle draw_cross draw_string draw_string_advanced "
        + "draw_image",
        numbers["display.draw_ms"] * 1000,
    )


def _sockets(numbers) -> None:
    import socket

    if not socket.NATIVE:
        _methods(socket.socket, "send", numbers["sockets.send_ms"] * 1000)


def _ulab(numbers, call_us: float) -> None:
    try:
        from ulab import _array, numpy
    except ImportError:
        return  # the real one is built in: its time is the PC's, stretched like Python's
    us_element = numbers["native.element_ns"] / 1000
    number_us = numbers["native.number_us"]
    ndarray = _array.ndarray

    def us_of(kind: str) -> float:
        return us_element * numbers.get("arrays." + kind, 1.0)

    def loop(us: float, whole_us: float = 0.0):
        """Return what tells the time of a call; whole_us: where its answer is no array."""

        def elements(args, result) -> float:
            # Of joined arrays, a list or a row with a table the result has more; of a table's sum the table.
            first = getattr(args[0], "_n", 0) if args else 0
            last = getattr(result, "_n", 0)
            return (us if last or not whole_us else whole_us) * max(first, last)

        return elements

    convert_us, list_us = us_of("convert"), us_of("from_list")

    def made(args, result) -> float:
        return (convert_us if isinstance(args[0], ndarray) else list_us) * result._n

    compress_us = us_of("compress")

    def picked(args, result) -> float:
        return compress_us * args[1]._n  # the mask is the first

    hit_us = us_of("nonzero")

    def found(args, result) -> float:
        return us_element * args[0]._n + hit_us * result[0]._n

    dot_us = us_of("dot")

    def products(args, result) -> float:
        left, right = args
        return dot_us * left._n * (right._s[1] if len(right._s) == 2 else 1)

    def sorting(args, result) -> float:
        # 8,400 numbers take as long as 90 times as many in argmax, with the port's ulab on a PC.
        count = args[0]._n
        return us_element * 7 * count * log2(max(1, count))

    known = {name: getattr(numpy, name) for name in (_FLAT + " " + _LOOPS).split()}
    _functions(numpy, call_us, loop(us_of("function")))
    for name in _FLAT.split():
        setattr(numpy, name, clock.native(known[name], call_us))
    copies, highest = loop(us_of("copy")), loop(us_element, us_of("whole"))
    sums, between = loop(us_of("sum"), us_of("sum_whole")), loop(us_of("arithmetic"))
    times = {
        "array": made,
        "compress": picked,
        "dot": products,
        "nonzero": found,
        "sort": sorting,
        "argsort": sorting,
        "minimum": between,
        "maximum": between,
        "sum": sums,
        "mean": sums,
    }
    for name in _LOOPS.split():
        time_of = times.get(name)
        if time_of is None:
            time_of = highest if name in _HIGHEST else loop(us_element)
            time_of = copies if name in _COPIES else time_of
        setattr(numpy, name, clock.native(known[name], call_us, time_of))
    _functions(numpy.linalg, call_us, loop(us_of("norm"), us_of("norm")))
    _functions(numpy.fft, call_us, loop(us_of("function")))
    _methods(ndarray, _special(_COMPARED), call_us, loop(us_element))
    _methods(ndarray, _special(_CALCULATED), call_us, between)
    _methods(ndarray, "__neg__ __pos__ __abs__ copy flatten byteswap", call_us, copies)
    _methods(ndarray, "sort", call_us, sorting)
    _methods(ndarray, "transpose tobytes", call_us)

    copy_us, floats_us, whole_us = us_of("copy"), us_of("list"), us_of("list_whole_numbers")

    def listed(args, result) -> float:
        return (floats_us if args[0]._d == _array.FLOAT else whole_us) * args[0]._n

    _methods(ndarray, "tolist", call_us, listed)

    def reshaped(args, result) -> float:
        # Of what is not dense a plain integer makes a copy.
        return 0.0 if isinstance(args[0], _array.dense_array) else copy_us * args[0]._n

    _methods(ndarray, "reshape", call_us, reshaped)
    get = ndarray.__getitem__

    def got(args, result) -> float:
        array, key = args
        if type(key) is int and len(array._s) == 1:
            return number_us  # little more than the bytecode that asks for it
        # A mask is looked at element by element, anything else but reached for.
        if isinstance(key, ndarray):
            return call_us + us_element * array._n + copy_us * result._n
        return call_us

    put_us = us_of("put")

    def put(args, result) -> float:
        array, key, value = args
        if isinstance(key, ndarray):
            return 1.3 * us_element * array._n
        return (put_us if isinstance(value, ndarray) else copy_us) * getattr(
            get(array, key), "_n", 0
        )

    ndarray.__getitem__ = clock.native(get, 0.0, got)
    _methods(ndarray, "__setitem__", call_us, put)


def _files(numbers) -> None:
    us_written = 1 / numbers["files.write_mb_s"]
    us_read = 1 / numbers["files.read_mb_s"]
    close_us = int(numbers["files.write_ms"] * 1000)

    class File(io.IOBase):
        """A file of the card that takes the card's time."""

        def __init__(self, file) -> None:
            self._file = file
            self._dirty = False

        def read(self, n: int = -1):
            data = self._file.read(n)
            if len(data) >= _BIG:
                clock.wait_us(int(len(data) * us_read))
            return data

        def readinto(self, buffer):
            n = self._file.readinto(buffer)
            if n and n >= _BIG:
                clock.wait_us(int(n * us_read))
            return n

        def readline(self, *limit):
            return self._file.readline(*limit)

        def __iter__(self):
            return iter(self._file)

        def write(self, data) -> int:
            self._dirty = True
            n = self._file.write(data)
            clock.wait_us(int(len(data) * us_written))
            return n

        def flush(self) -> None:
            self._file.flush()
            self._sync()

        def _sync(self) -> None:
            if self._dirty:
                self._dirty = False
                clock.wait_us(close_us)

        def seek(self, *where):
            return self._file.seek(*where)

        def tell(self):
            return self._file.tell()

        def close(self) -> None:
            self._file.close()
            self._sync()

        def __enter__(self):
            return self

        def __exit__(self, *_) -> None:
            self.close()

    opened = card.Card.open

    def open_timed(self, path: str, mode: str, *rest):
        file = opened(self, path, mode, *rest)
        if not (path.endswith(".py") or path.endswith(".mpy")):
            return File(file)
        # The interpreter reads modules itself, byte by byte: it needs a file of its own.
        clock.wait_us(int(self.stat(path)[6] * us_read))
        return file

    card.Card.open = open_timed
