"""A task that waits for its first frame: what is known of it before and after."""

from firmware_app.base.errors import TaskError

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.settings.reader import Settings
    from firmware_app.tasks.base import Plan, Task


class Trial:
    """One attempt to let a task run; the engine tries it on a frame, the switcher commits it."""

    def __init__(self, task: "Task", name: str, settings: "Settings") -> None:
        self.task = task
        self.name = name
        self.settings = settings
        self.plan: "Plan | None" = None  # for the camera's frames
        self.done = False
        self.error = ""
        self.short = False  # of memory: that was the error
        # Filled in at the commit.
        self.generation = 0
        self.first_seq = 0
        self.gap_us: "int | None" = (
            None  # from the last old result to the first new one; None: there was none
        )
        self.period_us = 0

    def failed(self, error: Exception) -> None:
        """Its first inference raised this."""
        known = isinstance(error, (TaskError, RuntimeError, ValueError, MemoryError))
        kind = "" if known else type(error).__name__ + ": "
        self.error = "the first inference failed: %s%s" % (kind, error)
        self.short = isinstance(error, MemoryError)

    def check(self) -> None:
        """Raise what was wrong: TaskError, MemoryError."""
        if self.short:
            raise MemoryError
        if self.error:
            raise TaskError(self.error)

    def report(self, answer: dict) -> None:
        """Put into the answer what became of it."""
        gap_us = None if self.gap_us is None else max(0, self.gap_us - self.period_us)
        answer["generation"] = self.generation
        answer["first_seq"] = self.first_seq
        answer["gap_ms"] = None if gap_us is None else (gap_us + 500) // 1000
        answer["gap_frames"] = (
            (gap_us + self.period_us // 2) // self.period_us
            if gap_us is not None and self.period_us
            else None
        )
        answer["sha256"] = self.task.sha256.hex()
