"""Which of the interpreter's tensors still take media memory.

Nothing tells a script's class that an object of it was collected. An open file is told: its finaliser
closes it. So each tensor with memory of its own holds one, and whether it is still open shows whether
the tensor lives.
"""

import gc

from uos import VfsPosix

from _k230 import silicon

PAGE = 4096
_SWEEP = 4194304  # bytes of tensors made between two looks at which of them live
_MANY = 200  # open files; the PC has more, sockets and the card need some

_pc = VfsPosix()
_path = silicon.config["blocks"]  # an empty file of this PC's
_sizes = {}  # descriptor -> bytes of its tensor
_state = {"bytes": 0, "since": 0}


def rounded(size: int) -> int:
    """Return what so many bytes take."""
    return (size + PAGE - 1) // PAGE * PAGE


def _sweep() -> None:
    """Forget the tensors that were collected."""
    mine = _pc.stat(_path)[1:3]
    for number in list(_sizes):
        try:
            alive = _pc.stat("/dev/fd/%d" % number)[1:3] == mine
        except OSError:
            alive = False
        if not alive:
            _state["bytes"] -= _sizes.pop(number)
    _state["since"] = 0


def tell() -> None:
    """Let the silicon know how much the tensors take, before it takes some itself."""
    _sweep()
    silicon.call("media.blocks", [_state["bytes"]])


def block(size: int, what: str):
    """Return what stands for so many bytes; the process ends where they are not there."""
    size = rounded(size)
    if len(_sizes) >= _MANY:
        _sweep()
        if len(_sizes) >= _MANY:
            gc.collect()  # the PC's files are few, a board's tensors are not
            _sweep()
    if _state["since"] > _SWEEP:
        _sweep()
    if not silicon.call("media.blocks", [_state["bytes"] + size])[0]:
        tell()
        silicon.call("media.need", [size, what])
    file = _pc.open(_path, "rb")
    number = file.fileno()
    if number in _sizes:  # its tensor was collected, and the number is used again
        _state["bytes"] -= _sizes[number]
    _sizes[number] = size
    _state["bytes"] += size
    _state["since"] += size
    return file
