"""Copied to /sdcard/main.py by benchmarks.start: the service's start, with the time of its parts.

Prints "start [total ms, {part: ms}]" with the first result. A part's time is its own: what it calls of
another part is that one's. Modules that the service imports when it needs them count as imports.
"""

import builtins
import json
import time
from _thread import get_ident

PARTS = ("imports", "camera", "model", "network", "first frame", "rest")


class Parts:
    """The time of each part, in the thread that runs the service."""

    def __init__(self):
        self.begun = time.ticks_us()
        self.spent = dict.fromkeys(PARTS, 0)
        self._open = []  # [part, since]: the innermost one's time runs
        self._owner = get_ident()

    def timed(self, holder, names, part):
        """Count what these functions take, as a part's time."""
        for name in names:
            if hasattr(holder, name):
                setattr(holder, name, self._counted(getattr(holder, name), part))

    def _counted(self, function, part):
        def call(*args, **named):
            if get_ident() != self._owner:
                return function(*args, **named)
            self._change(part)
            try:
                return function(*args, **named)
            finally:
                self._change(None)

        return call

    def _change(self, part):
        now = time.ticks_us()
        inner = self._open
        if inner:
            self.spent[inner[-1][0]] += time.ticks_diff(now, inner[-1][1])
        if part is not None:
            inner.append([part, now])
            return
        inner.pop()
        if inner:
            inner[-1][1] = now

    def owned(self, holder, name):
        """Take the thread that calls this function for the one that runs the service."""
        function = getattr(holder, name)

        def call(*args, **named):
            self._owner = get_ident()
            return function(*args, **named)

        setattr(holder, name, call)

    def ended(self, holder, name):
        """Tell the times with the first call of this function."""
        function = getattr(holder, name)

        def call(*args, **named):
            result = function(*args, **named)
            if self.begun is not None:
                total = time.ticks_diff(time.ticks_us(), self.begun)
                self.begun = None
                self.spent["rest"] += total - sum(self.spent.values())
                told = {part: us // 1000 for part, us in self.spent.items()}
                print("start " + json.dumps([total // 1000, told]))
            return result

        setattr(holder, name, call)


def main():
    """Start the service."""
    parts = Parts()
    parts.timed(builtins, ["__import__"], "imports")
    import nncase_runtime
    from media.sensor import Sensor

    from firmware_app import service
    from firmware_app.board import camera, nic
    from firmware_app.link import publisher
    from firmware_app.tasks import single_model

    parts.owned(service.Service, "read_settings")
    parts.timed(Sensor, ["reset", "set_framesize", "set_pixformat", "run"], "camera")
    parts.timed(camera.Camera, ["start"], "camera")
    parts.timed(nncase_runtime.kpu, ["load_kmodel"], "model")
    parts.timed(nic.Nic, ["bring_up", "check"], "network")
    parts.timed(single_model.SingleModelTask, ["take", "finish"], "first frame")
    parts.ended(publisher.Publisher, "result")
    service.main()


main()
