"""Errors that a person reads: each carries one clear sentence."""


class TaskError(ValueError):
    """A task that can't be run, or a result that can't be made."""


class NoSuchTask(TaskError):
    """The card has no YAML of that name."""


class NpuError(ValueError):
    """A model or picture that the KPU or ai2d can't take; the text says why."""


class VendorError(OSError):
    """A call of the board's own modules that failed (board/vendor.py); the text says which and why."""


class CameraError(OSError):
    """The camera can't be used; the text says why."""


class CommandError(ValueError):
    """A command that can't be done: code (docs/protocol.md, section 10) and sentence."""

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        super().__init__(text)


PRODUCT = (TaskError, NpuError, VendorError, CameraError, CommandError)


def ide_connects(error: BaseException) -> bool:
    """Return whether the firmware raised this in the main thread because its IDE connects.

    It comes anywhere, as a plain Exception with this text (canmv_k230, port/omv/ide_dbg.c, init):
    code that catches every Exception lets it through.
    """
    return type(error) is Exception and error.args == ("IDE interrupt",)
