"""Lets calls of the vendor's code fail as tools/faults wants it: which call, at which time, in which way.

Every name in FOLDER/calls.json is wrapped where the scripts find it: a module's function, a class's
constructor or method, a file's, a lock's or a hash's method. A wrapper counts its calls and lets one
fail; what a stand-in calls inside another call does not count.

FOLDER/plan.json, where it exists, is the failure of this start: [name, number of the call, way, how
many calls in a row]. Once these came it is removed, so that the next start is without. FOLDER/control is
a FIFO with one JSON object a line: {"arm": plan, "slot": 0 or 1} (the number counts from now on),
{"figures": N}. FOLDER/reply gets one a line: start, injected, figures.
"""

import _thread
import builtins
import gc
import hashlib
import json
import sys
import time
from _thread import allocate_lock, start_new_thread

from uos import VfsPosix

from _k230 import silicon, threads

_ERRORS = {
    "OSError": OSError,
    "ValueError": ValueError,
    "RuntimeError": RuntimeError,
    "TypeError": TypeError,
    "EOFError": EOFError,
    "MemoryError": MemoryError,
    "AssertionError": AssertionError,
    "AttributeError": AttributeError,
    "NotImplementedError": NotImplementedError,
}
# Nothing can be changed in them: a double stands before each.
_BUILT_IN = ("_thread", "hashlib", "sys", "ucryptolib")

_names = []
_counts = []
# Of the failure that is tried, and of one that it needs to come about:
_armed = [
    None,
    None,
]  # [index, number of the call, way, how many calls in a row, how many of them came]
_inside = [False]  # the working thread is in a wrapped call
_threads = [0, 0]  # started, ended
_folder = ""
_reply = None


class _Double:
    """Stands before a module that nothing can be changed in."""

    def __init__(self, module) -> None:
        self._module = module
        self.gone = ""

    def __getattr__(self, name: str):
        if name == self.gone:
            raise ImportError(name)  # as `from MODULE import NAME` does
        return getattr(self._module, name)


class _Held:
    """Stands before an object of the interpreter's own."""

    def __init__(self, inner) -> None:
        self._inner = inner

    def __getattr__(self, name: str):
        return getattr(self._inner, name)

    def __enter__(self):
        return self


class _File(_Held):
    def __init__(self, inner, path: str) -> None:
        self._inner = inner
        self.path = path

    def __exit__(self, *_) -> None:
        self.close()

    def read(self, *args):
        return self._inner.read(*args)

    def readinto(self, *args):
        return self._inner.readinto(*args)

    def readline(self, *args):
        return self._inner.readline(*args)

    def write(self, data):
        return self._inner.write(data)

    def flush(self):
        return self._inner.flush()

    def seek(self, *args):
        return self._inner.seek(*args)

    def tell(self):
        return self._inner.tell()

    def close(self):
        return self._inner.close()


class _Lock(_Held):
    def __enter__(self):
        self.acquire()
        return self

    def __exit__(self, *_) -> None:
        self.release()

    def acquire(self, *args):
        return self._inner.acquire(*args)

    def release(self):
        return self._inner.release()

    def locked(self):
        return self._inner.locked()


class _Hash(_Held):
    def update(self, data):
        return self._inner.update(data)

    def digest(self):
        return self._inner.digest()


def _say(**what) -> None:
    _reply.write(json.dumps(what).encode() + b"\n")


def _wrap(name: str, function):
    if name not in _names:  # both kinds of an interface have the same methods
        _names.append(name)
        _counts.append(0)
    index = _names.index(name)

    def call(*args, **named):
        if not silicon.working():
            way = _count(index, args)
            return function(*args, **named) if way is None else _fail(way, function, args, named)
        if _inside[0]:
            return function(*args, **named)
        _inside[0] = True
        try:
            way = _count(index, args)
            return function(*args, **named) if way is None else _fail(way, function, args, named)
        finally:
            _inside[0] = False

    return call


def _where(args) -> str:
    """Return the path of the file or folder that a call is about, or nothing."""
    if not args:
        return ""
    if isinstance(args[0], _File):
        return args[0].path
    return args[0] if isinstance(args[0], str) and args[0][:1] == "/" else ""


def _count(index: int, args):
    """Count a call; return the way in which it fails, or None."""
    _counts[index] = count = _counts[index] + 1
    slot = 0
    armed = _armed[0]
    if armed is None or armed[0] != index or count < armed[1]:
        slot = 1
        armed = _armed[1]
        if armed is None or armed[0] != index or count < armed[1]:
            return None
    armed[4] += 1
    if armed[4] == armed[3]:
        _armed[slot] = None
        try:
            VfsPosix().remove(_folder + "/plan.json")
        except OSError:
            pass  # it was armed later
    if armed[4] == 1:
        _say(injected=_names[index], where=_where(args), slot=slot)
    return armed[2]


def _fail(way, function, args, named):
    kind = way[0]
    if kind == "raise":
        raise _ERRORS[way[1]](*way[2:])
    if kind == "give":
        return way[1]
    if kind == "short":  # half of what was to be written is written
        return function(*(args[:-1] + (args[-1][: len(args[-1]) // 2],)))
    if kind == "lost":  # nothing of it, and it counts as written
        return len(args[-1])
    if kind == "half":  # half of what could be read is read
        found = function(*args, **named)
        return found[: len(found) // 2] if found else found
    if kind == "after":  # the call does its work, and fails
        function(*args, **named)
        raise _ERRORS[way[1]](*way[2:])
    if kind == "hang":  # with the interpreter held: the watchdog is not fed any more
        _say(hangs=silicon.call("wdt.expire")[0])
        with silicon.held():
            while True:
                time.sleep(1)
    if kind == "fault":
        silicon.die("%s: asked for by tools/faults" % way[1])
    raise ValueError("no such way: %s" % kind)


def _open(*args):
    return _File(_real_open(*args), args[0])


def _sha256(*args):
    return _Hash(hashlib.sha256(*args))


def _lock():
    return _Lock(allocate_lock())


def _start(function, args=(), named=None):
    def run():
        _threads[0] += 1
        try:
            function(*args, **(named or {}))
        finally:
            _threads[1] += 1

    return start_new_thread(run, ())


_real_open = builtins.open


def _kinds():
    """Return the classes of each kind of object that the vendor's calls give."""
    import select
    import socket

    import image
    import machine
    import network
    import nncase_runtime
    from media import sensor

    from _k230 import tensors

    kinds = {
        "file": [_File],
        "lock": [_Lock],
        "hash": [_Hash],
        "UART": [machine.UART],
        "WDT": [machine.WDT],
        "NIC": [getattr(network, name) for name in ("WLAN", "LAN") if hasattr(network, name)],
        "Sensor": [sensor.Sensor],
        "Image": [image.Image],
        "kpu": [nncase_runtime.kpu],
        "ai2d": [nncase_runtime.ai2d],
        "builder": [nncase_runtime._Builder],
        "tensor": [tensors.runtime_tensor],
        "Socket": [socket.socket],
    }
    if hasattr(select, "_Poll"):
        kinds["poll"] = [select._Poll]
    try:
        from ulab import _array

        kinds["ndarray"] = [_array.ndarray]
    except ImportError:
        pass  # the real ulab is built in
    return kinds


def _install(name: str, kinds, doubles) -> bool:
    """Wrap one name; False where there is nothing of that name."""
    parts = name.split(".")
    if len(parts) == 1:
        setattr(builtins, name, _wrap(name, _open if name == "open" else getattr(builtins, name)))
        return True
    kind = kinds.get(parts[0])
    if kind is not None and len(parts) == 2:
        for each in kind:
            if hasattr(each, parts[1]):
                setattr(each, parts[1], _wrap(name, getattr(each, parts[1])))
        return any([hasattr(each, parts[1]) for each in kind])
    own = {
        "hashlib.sha256": _sha256,
        "_thread.allocate_lock": _lock,
        "_thread.start_new_thread": _start,
    }
    owner = doubles.get(parts[0])
    if owner is None:
        owner = __import__(parts[0])
        for part in parts[1:-1]:
            if not hasattr(owner, part):
                return False
            owner = getattr(owner, part)
    if not hasattr(owner, parts[-1]):
        return False
    found = own.get(name) or getattr(owner, parts[-1])
    if isinstance(found, type) and hasattr(found, "__init__"):
        found.__init__ = _wrap(name, found.__init__)
    else:
        setattr(owner, parts[-1], _wrap(name, found))
    return True


def _absent(name: str) -> None:
    """Take a name away: this firmware was built without it."""
    owner, _, last = name.rpartition(".")
    module = __import__(owner)
    delattr(module, last)
    if isinstance(module, _Double):
        module.gone = last


def _arm(plan, since: bool, slot: int = 0) -> None:
    index = _names.index(plan[0])
    number = plan[1] + (_counts[index] if since else 0)
    _armed[slot] = [index, number, plan[2], plan[3], 0]


def _control() -> None:
    file = VfsPosix().open(_folder + "/control", "r")
    while True:
        line = file.readline()
        if not line:
            time.sleep_ms(5)
            continue
        order = json.loads(line)
        if "arm" in order:
            if order["arm"] is None:
                _armed[order["slot"]] = None
            else:
                _arm(order["arm"], True, order["slot"])
            _say(armed=True)
        else:
            gc.collect()
            _say(
                figures=order["figures"],
                threads=_threads[0] - _threads[1],
                heap=gc.mem_alloc(),
                models=silicon.call("npu.models")[0],
                frames=silicon.call("camera.memory")[0],
                counts={name: count for name, count in zip(_names, _counts) if count},
            )


def install(folder: str) -> None:
    """Wrap every name, and arm what this start is to fail with."""
    global _folder, _reply
    _folder = folder
    posix = VfsPosix()
    _reply = posix.open(folder + "/reply", "wb")
    with posix.open(folder + "/calls.json", "r") as file:
        names = json.load(file)
    doubles = {}
    for name in _BUILT_IN:
        try:
            doubles[name] = _Double(__import__(name))
        except ImportError:
            pass
    for name in doubles:
        sys.modules[name] = doubles[name]
    kinds = _kinds()
    unknown = [name for name in names if not _install(name, kinds, doubles)]
    plan = None
    try:
        with posix.open(folder + "/plan.json", "r") as file:
            plan = json.load(file)
    except OSError:
        pass
    if plan is not None:
        if plan[2][0] == "absent":
            _absent(plan[0])
            _say(injected=plan[0], where="", slot=0)
        else:
            _arm(plan, False)
    _say(start=True, unknown=unknown)
    # The interpreter's own, not a thread of the board: a soft reset does not wait for it.
    threads._real.start_new_thread(_control, ())
