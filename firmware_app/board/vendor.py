"""The one place where a failed call of the vendor's becomes an error of the product.

Any call of the board's own modules may raise any exception: OSError, RuntimeError (chipid, pin
routing, snapshot), AssertionError (UART pins), ValueError, TypeError, EOFError, NotImplementedError,
and AttributeError where a board's firmware is built without a class. Nothing above board/ knows
them. Every function of board/ therefore has its vendor calls inside

    try:
        ...
    except Exception as error:
        raise vendor.failed(NpuError, "the KPU", error)

or, where a value stands for the failure,

    except Exception as error:
        vendor.passed_on(error)
        return None

`python -m tools.check guards` finds the calls that are not. A try costs nothing while all is well, in
time and in memory.
"""

from firmware_app.base.errors import PRODUCT, NpuError, TaskError, ide_connects

if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Callable

_GIVES_BACK = (NpuError, TaskError)


def passed_on(error: Exception) -> None:
    """Raise what is no failure of the call: the IDE's interrupt. It comes anywhere."""
    if ide_connects(error):
        raise error


def failed(kind: "Callable[[str], Exception]", what: str, error: Exception) -> Exception:
    """Return what to raise for an exception of a vendor call: kind("WHAT: the reason").

    kind: a class of base/errors.py, or what makes such an error of one sentence. As they are go on the IDE's interrupt,
    what is an error of the product already, and a MemoryError of the KPU's side (NpuError, TaskError):
    the answer to that is to give memory back and try again.
    """
    if ide_connects(error) or isinstance(error, PRODUCT):
        return error
    if isinstance(error, MemoryError) and kind in _GIVES_BACK:
        return error
    return kind("%s: %s" % (what, reason(error)))


def reason(error: Exception) -> str:
    """Return why, in the vendor's words; the kind of the exception where it says nothing."""
    text = str(error)
    if isinstance(error, MemoryError):
        return "not enough memory"
    if isinstance(error, AttributeError):
        return "this firmware is built without it (%s)" % text
    return text or type(error).__name__
