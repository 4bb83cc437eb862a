"""The board's gc: the interpreter's own and the figures of the memory around it."""

import gc as _real
from gc import collect, disable, enable, isenabled, mem_alloc, mem_free, threshold

_MB = 1 << 20
# A board with 512 MB: what RT-Smart gives to libc, to its page allocator and to the media memory.
_HEAP_TOTAL = 128 * _MB
_PAGE_TOTAL = 256 * _MB
_MMZ_TOTAL = 256 * _MB


def sys_heap():
    """Return (total, used, free) bytes of the kernel's heap."""
    used = mem_alloc()
    return _HEAP_TOTAL, used, _HEAP_TOTAL - used


def sys_page():
    """Return (total, used, free) bytes of the pages, the interpreter's heap among them."""
    used = mem_alloc() + mem_free()
    return _PAGE_TOTAL, used, _PAGE_TOTAL - used


def sys_mmz():
    """Return (total, used, free) bytes of the media memory, which holds frames and images."""
    from _k230 import silicon

    used = silicon.call("board.media_memory")[0]
    return _MMZ_TOTAL, used, _MMZ_TOTAL - used


def sys_total():
    """Return (total, used, free) bytes of all of it."""
    parts = sys_heap(), sys_page(), sys_mmz()
    return tuple([sum([part[i] for part in parts]) for i in range(3)])
