"""The board's gc: the interpreter's own and the figures of the memory around it.

Stars1233/canmv_k230 port/mp_modules/overlay_modgc.c: three of them answer (total, used, free),
sys_total() one number; all in bytes.
"""

import gc as _real
from gc import collect, disable, enable, isenabled, mem_alloc, mem_free, threshold

_KB = 1024

stacks = [0]  # bytes that threads' stacks take, of those that ended, too: _k230/threads.py tells


def _size(name: str) -> int:
    from _k230 import silicon

    return silicon.config["board"][name] * _KB


def sys_heap():
    """Return (total, used, free) bytes of the kernel's own heap, of which scripts take none."""
    total = _size("kernel_heap_kb")
    used = total // 8
    return total, used, total - used


def sys_page():
    """Return (total, used, free) bytes of the pages: the interpreter, its heap, its threads' stacks."""
    total = _size("pages_kb")
    used = min(_size("interpreter_kb") + mem_alloc() + stacks[0], total)
    return total, used, total - used


def sys_mmz():
    """Return (total, used, free) bytes of the media memory: frames, images, tensors, kmodels."""
    from _k230 import media, silicon

    media.tell()
    total = _size("mmz_kb")
    used = min(silicon.call("board.media_memory")[0], total)
    return total, used, total - used


def sys_total():
    """Return how many bytes of memory the board has."""
    return _size("total_kb")
