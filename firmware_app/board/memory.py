"""What is free of the board's memory, and whether something fits before native code asks for it.

Media memory (MMZ) holds camera frames, tensors and kmodels. Where it runs out, from_numpy() and the
KPU's loader throw C++ exceptions that nothing catches: the process is gone, and nothing starts it again
(Stars1233/canmv_k230 port/kpu/nncase_wrap.cpp; canmv-k230/rtsmart lwp_signal.c 283). So code that is about
to take some asks here first, and gets a MemoryShort with the figures. Pages hold programs, their heap,
and ulab's arrays. Boards with a K230D have 70 MB of the one and 58 MB of the other, the kernel included.

The figures come from the firmware (gc.sys_mmz(), gc.sys_page()); one that has none is not asked.
"""

import gc
import os

from firmware_app.board import vendor
from firmware_app.package.footprint import rounded

if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Any

RESERVE = 1048576  # bytes of media memory that always stay free
_PAGES_RESERVE = 4194304  # of pages, for the heap to grow
SMALL = 134217728  # a board with less media memory opens a second channel only where one is needed
_BETWEEN_LOOKS = 8388608  # most that is handed out before the firmware is asked again
_STEPS = 8  # smaller frames are tried in eighths of the wanted size
_LEAST = 64  # pixels, the camera's smallest side


class MemoryShort(MemoryError):
    """Something does not fit: what, how many bytes it needs, how many are free for it."""

    def __init__(self, what: str, needed: int, free: int) -> None:
        self.needed = needed
        self.free = max(0, free)
        super().__init__(
            "%s: %d kB of media memory are needed, %d kB are free"
            % (what, (needed + 1023) // 1024, self.free // 1024)
        )


class _Accounts:
    """What this process promised, and what it may hand out without asking the firmware."""

    def __init__(self) -> None:
        self.credit: "int | None" = None  # None: ask
        self.works: list = []  # bytes that each loaded model needs more while it runs
        self.give_back: "Any" = None  # frees what the KPU's pool keeps (npu.py)


accounts = _Accounts()


def _plausible(figures) -> "tuple[int, int, int] | None":
    """Return (total, used, free) as the firmware says them; None where they do not add up.

    Its parser leaves rubbish where the kernel's text is another one (overlay_modgc.c, sys_mmz).
    """
    total, used, free = figures
    if total <= 0 or used < 0 or free < 0 or used + free > total:
        return None
    return total, used, free


def media() -> "tuple[int, int, int] | None":
    """Return (total, used, free) bytes of the media memory, None where that is not known."""
    try:
        return _plausible(gc.sys_mmz())
    except Exception as error:
        vendor.passed_on(error)
        return None


def pages() -> "tuple[int, int, int] | None":
    """Return (total, used, free) bytes of the programs' memory, None where that is not known."""
    try:
        return _plausible(gc.sys_page())
    except Exception as error:
        vendor.passed_on(error)
        return None


def room() -> "int | None":
    """Return how many bytes of media memory something new may take; None where that is not known."""
    figures = media()
    if figures is None:
        return None
    # Models run one after the other: the largest run is what must stay possible.
    return figures[2] - RESERVE - (max(accounts.works) if accounts.works else 0)


def take(size: int, what: str) -> None:
    """Say that so many bytes are about to be taken; MemoryShort where they are not there.

    The firmware is asked now and then, not each time: what is freed meanwhile counts later.
    """
    size = rounded(size)
    credit = accounts.credit
    if credit is None or size > credit:
        credit = _checked(size, what)
        if credit is None:
            return
    accounts.credit = min(credit - size, _BETWEEN_LOOKS)


def _checked(size: int, what: str) -> "int | None":
    """Return the room for size bytes, garbage collected where it must be; MemoryShort."""
    free = room()
    if free is not None and size > free:
        gc.collect()
        if accounts.give_back is not None:
            accounts.give_back()
        free = room()
    if free is not None and size > free:
        accounts.credit = None
        raise MemoryShort(what, size, free)
    return free


def look_again() -> None:
    """Ask the firmware next time: much was taken or freed."""
    accounts.credit = None


def _of(footprints: list) -> "tuple[int, int]":
    """Return the bytes that kmodels take while they are loaded, and the largest of their runs."""
    loaded = sum([each.loaded for each in footprints])
    return loaded, max([each.work for each in footprints])


def need_models(footprints: list) -> None:
    """Raise MemoryShort where the media memory does not hold these kmodels beside what is there."""
    loaded, work = _of(footprints)
    promised = max(accounts.works) if accounts.works else 0
    # room() leaves out what loaded models need to run: only a larger run needs more.
    _checked(loaded + max(0, work - promised), "the model")
    look_again()


def need_models_after(footprints: list, freed: int) -> None:
    """Raise MemoryShort where it would not even hold them once other kmodels gave back `freed` bytes."""
    figures = media()
    if figures is None:
        return
    loaded, work = _of(footprints)
    free = figures[2] + freed - RESERVE
    if loaded + work > free:
        raise MemoryShort("the model, with the old one unloaded", loaded + work, free)


def could_hold(footprints: list) -> None:
    """Raise MemoryShort where not even the empty media memory holds these kmodels."""
    figures = media()
    if figures is None:
        return
    loaded, work = _of(footprints)
    if loaded + work > figures[0] - RESERVE:
        raise MemoryShort("the model, with nothing beside it", loaded + work, figures[0] - RESERVE)


def holds_file(size: int) -> bool:
    """Return whether the programs' memory holds a file of so many bytes and leaves enough."""
    figures = pages()
    return figures is None or size + _PAGES_RESERVE <= figures[2]


_UNKNOWN = 40 << 20


def garbage_limit(most: int) -> int:
    """Return how many bytes of arrays may wait for a collection: at most `most`, a quarter of the free pages.

    Where those are not known, a quarter of what the smallest board with room for models has.
    """
    figures = pages()
    return min(most, _UNKNOWN) if figures is None else max(65536, min(most, figures[2] // 4))


def buffers() -> int:
    """Return how many frames the firmware keeps for each camera channel.

    Stars1233/canmv_k230 port/builtin_py/media/sensor.py, 236 to 252.
    """
    try:
        return 3 if os.uname()[-1].startswith("k230d") else 4
    except (AttributeError, IndexError):
        return 4


class Layout:
    """How the camera's channels fit: width, height of the frames, second channel or not, what was chosen."""

    def __init__(self, width: int, height: int, second: bool) -> None:
        self.width = width
        self.height = height
        self.second = second
        self.choice = ""  # what is smaller than wanted, or empty


def camera_layout(width: int, height: int, preview: int, second: bool) -> Layout:
    """Return the channels to open for frames of width x height pixels; MemoryShort where nothing fits.

    preview: pixels of the preview, 0 for none. second: whether the task takes turns between two
    channels. A board with enough memory opens it anyway, for the next task.
    """
    figures = media()
    free = room()
    if figures is None or free is None:
        return Layout(width, height, True)
    count = buffers()
    aside = count * rounded(3 * preview) if preview else 0
    wanted = count * rounded(3 * width * height) + aside
    both = wanted + wanted - aside
    if both <= free and (second or figures[0] >= SMALL):
        return Layout(width, height, True)
    if wanted <= free:
        layout = Layout(width, height, False)
        if second:
            layout.choice = (
                "two camera channels need %d kB of media memory, %d kB are free: one is used, "
                "the task waits for its frames" % (both // 1024, free // 1024)
            )
        return layout
    for step in range(_STEPS - 1, 0, -1):
        less_w = width * step // _STEPS // 16 * 16
        less_h = height * step // _STEPS // 2 * 2
        if min(less_w, less_h) < _LEAST:
            break
        if count * rounded(3 * less_w * less_h) + aside <= free:
            layout = Layout(less_w, less_h, False)
            layout.choice = (
                "frames of %d x %d need %d kB of media memory, %d kB are free: "
                "frames of %d x %d are used"
                % (width, height, wanted // 1024, free // 1024, less_w, less_h)
            )
            return layout
    raise MemoryShort("frames of %d x %d" % (width, height), wanted, free)


def state() -> dict:
    """Return what `status` shows; None where the firmware can't tell."""
    media_now = media()
    pages_now = pages()
    return {
        "media_total_bytes": media_now[0] if media_now else None,
        "media_free_bytes": media_now[2] if media_now else None,
        "programs_free_bytes": pages_now[2] if pages_now else None,
    }
