"""Where the time of a statistics period went, in microseconds, and how many frames it had."""

_STAGES = ("wait", "ai2d", "kpu", "decode", "publish", "gc")


class Stages:
    """Sums of one period.

    wait: for the camera, with nothing else to do for the frame; idle, which report() adds: the rest
    of the period, links and commands among it.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        self.results = 0  # published
        self.wait = 0
        self.ai2d = 0
        self.kpu = 0
        self.decode = 0
        self.publish = 0
        self.gc = 0

    def report(self, period_us: int) -> dict:
        """Return the sums of a period of this length by name, and begin anew."""
        values = {"results": self.results, "period_us": period_us}
        left = period_us
        for name in _STAGES:
            spent = getattr(self, name)
            values[name + "_us"] = spent
            left -= spent
        values["idle_us"] = max(0, left)
        self.clear()
        return values
