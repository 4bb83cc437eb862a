"""What tasks with one model at their beginning share: scaler for each picture size, run, times."""

from time import ticks_diff, ticks_us  # found sooner than in their module

from firmware_app.board.npu import Scaler
from firmware_app.tasks.base import Plan, Task

if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Any

    from firmware_app.board.npu import Model
    from firmware_app.package.reader import Package


def score16(score: float) -> int:
    """Return a score as the wire has it, 0 to 65,535; a model's own may lie outside 0...1."""
    if score < 1:
        return int(score * 65535 + 0.5) if score > 0 else 0
    return 65535 if score >= 1 else 0


def strongest(rows: list, most: int, place: int) -> list:
    """Return the `most` rows with the highest score, which is their item `place`, in their order."""
    if len(rows) <= most:
        return rows
    limit = sorted([row[place] for row in rows], reverse=True)[most - 1]
    better = len([row for row in rows if row[place] > limit])
    kept: list = []
    for row in rows:
        if row[place] == limit:
            better += 1  # the first of equals
            if better > most:
                continue
        elif row[place] < limit:
            continue
        kept.append(row)
    return kept


def ordered(rows: list, keys: "list[int]") -> list:
    """Return the rows by their keys, whole numbers from 0 on; the lowest first, equals in their order.

    keys is changed. Numbers that hold both are sorted: with a key function, sort() calls it twice for
    each comparison.
    """
    for number in range(len(keys)):
        keys[number] = keys[number] << 20 | number
    keys.sort()
    return [rows[key & 0xFFFFF] for key in keys]


class SingleModelTask(Task):
    """Base of the tasks that scale the picture and run one model on it. Subclasses decode."""

    thresholds: tuple = ()  # names of the settings that make a plan's limits

    def __init__(self, packages: "list[Package]", models: "list[Model]") -> None:
        super().__init__(packages, models)
        self._model = models[0]
        self._output: "Any" = None  # ai2d's output tensor, one for all plans
        self._tensor: "Any" = None

    def limits(self, settings: dict) -> tuple:
        """Return what a plan keeps in `limits`: the YAML's thresholds, else the package's."""
        return tuple(
            [
                getattr(self.package, name) if settings[name] is None else settings[name]
                for name in self.thresholds
            ]
        )

    def pads(self, settings: dict, width: int, height: int) -> tuple:
        """Return (top, bottom, left, right): here none, the whole picture is stretched."""
        return (0, 0, 0, 0)

    def pad_value(self, settings: dict) -> int:
        """Return the grey of what pads() adds."""
        return 114

    def cropped(self, region: "tuple | None", width: int, height: int) -> "tuple | None":
        """Return the part of the picture that the model sees; here all of the region."""
        return region

    def plan(self, settings: dict, width: int, height: int, camera: bool) -> Plan:
        """Return how pictures of this size are scaled and decoded; NpuError where they can't be."""
        region = settings["region"] if camera else None
        if region is not None:
            region = (region["x"], region["y"], region["width"], region["height"])
        region = self.cropped(region, width, height)
        taken = (width, height) if region is None else (region[2], region[3])
        scaler = Scaler(
            (width, height),
            self.package.img_size,
            self.pads(settings, taken[0], taken[1]),
            self.pad_value(settings),
            region,
            self._output,
        )
        self._output = scaler.output
        plan = Plan(scaler, region or (0, 0, width, height), width, height, settings, camera)
        plan.limits = self.limits(settings)
        return plan

    def take(self, plan: Plan, source) -> None:
        """Scale the source tensor into the task's own."""
        start = ticks_us()
        self._tensor = plan.scaler.run(source)
        self.ai2d_us = ticks_diff(ticks_us(), start)

    def finish(self, plan: Plan, inferred=None) -> list:
        """Run the model on what take() left, and decode."""
        start = ticks_us()
        outputs = self._model.run(self._tensor)
        middle = ticks_us()
        self.kpu_us = ticks_diff(middle, start)
        if inferred is not None:
            inferred()
        before = self.ai2d_us + self.kpu_us
        fields = self.decode(outputs, plan)
        # What a second model took while decoding, decode() has counted itself.
        counted = self.ai2d_us + self.kpu_us - before
        self.decode_us = ticks_diff(ticks_us(), middle) - counted
        return fields

    def decode(self, outputs: list, plan: Plan) -> list:
        """Return the fields of the result."""
        raise NotImplementedError

    def release(self) -> None:
        """Give the tensors' and the models' memory back."""
        self._tensor = None
        self._output = None
        super().release()
