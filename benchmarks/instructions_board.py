# mypy: ignore-errors
"""Runs in MicroPython for benchmarks.instructions: the way of a frame, its native calls left out of the count.

The service's own parts (Engine, Publisher, TcpLink, Session with a seal, Collector) work on a camera with a
frame that is always ready and a KPU that knows its outputs beforehand. Each frame is marked for the counter,
which starts a new sum at each call of micropython.stack_use(), and is held back inside eval().
"""

import asyncio
import gc
import json
import sys
import time

import aicube
import aidemo
import micropython
import nncase_runtime as nn
from ulab import numpy as np

try:
    from ulab import _array
except ImportError:
    _array = None

WARM = 2
FRAMES = 3
_FULL = 12 << 20  # bytes of outputs: arrays lie in this heap, and most are copied once or twice
_mark = micropython.stack_use
FIRST_SEQ = 70000  # a result's number and time have the length that they have after some hours
UPTIME_US = 17000 * 1000000
STEP_US = 7  # that the script's clock goes on at each look
FRAME_US = 30000

_collect = gc.collect
_names = {"inside": False}
_inside = compile("work(job)", "native", "eval")


def _work(job):
    _names["inside"] = True
    _names["calls"] += 1
    try:
        return job[0](*job[1], **job[2])
    finally:
        _names["inside"] = False


_names["work"] = _work
_NONE = {}


def native(function):
    """Return function as a native call: what happens inside is not counted."""
    names = _names
    inside = _inside
    none = _NONE

    def call(*args):
        if names["inside"]:
            return function(*args)
        names["job"] = (function, args, none)
        return eval(inside, names)

    return call


def native_named(function):
    """The same for a function with named arguments."""
    names = _names
    inside = _inside

    def call(*args, **named):
        if names["inside"]:
            return function(*args, **named)
        names["job"] = (function, args, named)
        return eval(inside, names)

    return call


def _methods(cls, names):
    for name in names.split():
        function = getattr(cls, name, None)
        if function is not None:
            setattr(cls, name, native(function))


def _functions(module):
    for name in dir(module):
        value = getattr(module, name)
        if name[0] != "_" and callable(value) and not isinstance(value, type):
            setattr(module, name, native_named(value))


class Ticks:
    """A clock that goes on by itself, the same at each run."""

    now = 0

    def us(self):
        self.now += STEP_US
        return self.now

    def ms(self):
        self.now += STEP_US
        return self.now // 1000


ticks = Ticks()


class Frame:
    """The camera's frame; no pixel of it is looked at."""

    def __init__(self, width, height):
        self._planes = np.zeros((3, 1, 1), dtype=np.uint8)

    def to_numpy_ref(self):
        return self._planes


class Picture:
    """A tensor that ai2d writes."""

    def __init__(self, array):
        self._array = array

    def to_numpy(self):
        return self._array


class Builder:
    """An ai2d that has nothing to do."""

    def __init__(self, source, target):
        pass

    def run(self, source, output):
        pass


class End(BaseException):
    """All frames of a case were taken."""


class Camera:
    """Has a frame whenever it is asked."""

    width = 640
    height = 360
    period_us = 16667
    least_us = 3500
    ready = True
    broken = False
    skipped = 0
    alternate = False
    channels = 2
    preview_settings = None
    problem = ""
    failures = 0

    def __init__(self):
        self._frame = Frame(self.width, self.height)
        self.seq = FIRST_SEQ
        self.ticks = 0
        self.left = 0
        self._called = 0
        self.calls = 0  # of native code, in the last frame

    def captured(self):
        return self.seq

    def take(self):
        if not self.left:
            raise End()
        self.left -= 1
        self.seq += 1
        ticks.now += FRAME_US
        self.ticks = ticks.now
        self.calls = _names["calls"] - self._called
        self._called = _names["calls"]
        _mark()
        return self._frame

    def release(self):
        pass

    def hand_over(self):
        pass

    def left_us(self):
        return 0

    def age_us(self):
        return 100


class Tensor:
    """An output that is the same every time."""

    copied = 0

    def __init__(self, shape, path):
        size = 4
        for side in shape:
            size *= side
        data = bytearray(size)
        with open(path, "rb") as file:
            file.readinto(data)
        if _array is not None:
            self._array = _array.new(np.float, False, tuple(shape), data)
        else:
            self._array = np.frombuffer(data, dtype=np.float).reshape(tuple(shape)).copy()

    def to_numpy(self):
        Tensor.copied += 4 * self._array.size
        return self._array.copy()


class Kpu:
    """A KPU with outputs that lie on the card."""

    plan = None  # of the package with the model to load next

    def load_kmodel(self, data):
        plan = Kpu.plan
        self._bytes = 3 * plan["fields"]["img_size"][0] * plan["fields"]["img_size"][1]
        self._outputs = [Tensor(shape, path) for shape, path in plan["outputs"]]

    def inputs_size(self):
        return 1

    def outputs_size(self):
        return len(self._outputs)

    def inputs_desc(self, index):
        return {"tensor_size": self._bytes}

    def outputs_desc(self, index):
        return {"tensor_size": 4 * self._outputs[index]._array.size}

    def set_input_tensor(self, index, tensor):
        pass

    def run(self):
        ticks.now += 20000

    def get_output_tensor(self, index):
        return self._outputs[index]

    def __del__(self):
        pass


class Package:
    """What the reader of packages makes."""

    def __init__(self, fields):
        for name in fields:
            setattr(self, name, fields[name])
        self.img_size = tuple(self.img_size)
        if self.layout is not None:
            from firmware_app.package.yolo import Layout

            layout = Layout("", 0, 0, 0, 0)
            for name in self.layout:
                setattr(layout, name, self.layout[name])
            self.layout = layout
        self.sha256 = bytes(32)


class Socket:
    """A peer that reads everything at once."""

    def __init__(self):
        self.sent = b""

    def send(self, data):
        self.sent += bytes(data)
        return len(data)

    def close(self):
        pass


def stand_in():
    """Take the place of what is native, before the service is imported."""
    nn.kpu = Kpu
    _methods(Kpu, "set_input_tensor run get_output_tensor")
    _methods(Tensor, "to_numpy")
    _methods(Builder, "run")
    _methods(Picture, "to_numpy")
    _methods(nn.ai2d, "set_dtype set_crop_param set_pad_param set_resize_param set_affine_param")
    nn.ai2d.build = native(lambda self, source, target: Builder(source, target))
    nn.from_numpy = native(Picture)
    _methods(Frame, "to_numpy_ref")
    _methods(Socket, "send")
    _functions(aicube)
    _functions(aidemo)
    time.ticks_us = native(ticks.us)
    time.ticks_ms = native(ticks.ms)
    memory = sys.modules["gc"]
    # Without collections each allocation takes the next free place: its search tells nothing of the frame.
    memory.collect = native(lambda: None)
    memory.mem_alloc = native(lambda: 0)
    if _array is None:
        return  # the real ulab is built in, and counts
    for part in (np, np.linalg, np.fft):
        _functions(part)
    ndarray = _array.ndarray
    names = (
        "add sub mul truediv floordiv pow radd rsub rmul rtruediv and or xor rand ror rxor neg pos abs "
        + "invert eq ne lt le gt ge iadd isub imul itruediv ipow getitem setitem len"
    )
    _methods(ndarray, " ".join(["__%s__" % name for name in names.split()]))
    _methods(ndarray, "copy flatten byteswap tobytes tolist reshape transpose")
    for cls in (ndarray, _array.dense_array, _array.strided_array):
        for name in ("shape", "size", "dtype"):
            if name in cls.__dict__:
                setattr(cls, name, property(native(lambda self, name=name: _GET[name](self))))
    items = ndarray.__iter__
    ndarray.__iter__ = native(lambda self: iter(list(items(self))))


_GET = {
    "shape": lambda self: self._s,
    "size": lambda self: self._n,
    "dtype": lambda self: self._d,
}


def calibrate():
    """Mark what 100 native calls of nothing cost here, and 100 of what they stand for: a C function."""
    nothing = native(lambda: None)
    builtin = time.ticks_cpu if hasattr(time, "ticks_cpu") else time.ticks_us
    for function in (nothing, builtin):
        for _ in range(2):
            _mark()
            for _ in range(100):
                function()
            _mark()


def greet(session, socket, link, key, now_ms):
    """Open the session as a client does: HELLO, AUTH."""
    from firmware_app.wire import messages, packets, seal

    hello = packets.payload_of(
        [messages.HELLO, messages.PROTOCOL_VERSION, "counter", bytes(messages.NONCE_SIZE)]
    )
    session.feed(packets.packet_of(hello), now_ms)
    link.serve(now_ms)
    decoder = packets.Decoder()
    decoder.feed(socket.sent)
    proof = seal.Handshake(key, hello, bytes(decoder.payload)).client_proof()
    session.feed(packets.encode([messages.AUTH, proof]), now_ms)
    link.serve(now_ms)
    if not session.open:
        raise RuntimeError("the session did not open")
    session.subscribe(True, False, False, False, 0)


async def count(cases):
    """Let each task make its frames."""
    from firmware_app.board import arrays, npu
    from firmware_app.commands.board import Board
    from firmware_app.commands.queue import CommandQueue  # noqa: F401  # what a board has in memory
    from firmware_app.link.gateway import Gateway
    from firmware_app.link.tcp import TcpLink
    from firmware_app.package.footprint import Footprint
    from firmware_app.run.running import Running
    from firmware_app.settings.reader import Settings
    from firmware_app.tasks import prepare

    if _array is not None:
        # Of the real ulab both are calls of native code; the stand-in's arrays are Python's.
        arrays.bytes = native(bytes)
        arrays.memoryview = native(memoryview)
    board = Board()
    board.configuration.read()
    board.identity.load_key()
    board.clock._us = UPTIME_US
    settings = board.configuration.values
    gateway = Gateway(board.identity, board.clock, board.log, board.transfers, board.attempts, None)
    link = TcpLink(gateway, settings["network"], settings["results"]["queue"], board.problems)
    board.links.all.append(link)
    socket = Socket()
    slot = link._slots[0]
    slot.address = "counter"
    slot.socket = socket
    link._waiters.came += 1
    now_ms = board.clock.ms()
    link._begin(slot, now_ms)
    greet(slot.session, socket, link, board.identity.key, now_ms)
    slot.known = True  # as what it said would have made it: no stranger's turn is part of a frame
    engine = board.engine
    camera = Camera()
    engine.camera = camera
    for case in cases:
        if Tensor.copied > _FULL:
            Tensor.copied = 0
            _collect()
        before = engine.running
        values = case["settings"]
        packages = [Package(one["fields"]) for one in case["packages"]]
        models = []
        for package, Kpu.plan in zip(packages, case["packages"]):
            models.append(
                npu.Model(b"", package.img_size[0], package.img_size[1], Footprint(0, 0, 0))
            )
        task = prepare._class_of(values)(packages, models)
        await task.prepare(values, None)
        settings = Settings("task", (), values, {}, "")
        engine.replace(Running("task", task, settings, before.generation + 1))
        if before.task is not None:
            before.task.release()
        camera.left = WARM + FRAMES
        try:
            await engine.run()
        except End:
            pass
        _mark()
        print(
            "case "
            + json.dumps([case["name"], camera.calls, engine.processed, board.problems.rows()])
        )
        if not slot.session.open or not socket.sent:
            raise RuntimeError("the session sent no results")
        socket.sent = b""


def main():
    _names["calls"] = 0
    with open("/sdcard/count.json") as file:
        cases = json.load(file)
    stand_in()
    calibrate()
    asyncio.run(count(cases))


main()
