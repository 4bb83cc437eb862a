"""What tasks with one model share: package, scaler per picture size, run, warm-up."""

import time

from firmware_app.board.npu import Scaler


class Plan:
    """How pictures of one size reach the model."""

    def __init__(self, scaler, region, width: int, height: int) -> None:
        self.scaler = scaler
        self.region = region  # (x, y, width, height) of the source that the model sees
        self.width = width
        self.height = height
        self.limits: tuple = ()  # what decoding needs of the settings
        self.camera = False  # whether the pictures are the camera's


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


class SingleModelTask:
    """Base of the tasks with one package and one model. Subclasses decode.

    A frame passes in two steps: take() scales it into the task's own tensor, after which the
    camera may free the frame; finish() runs the model on that tensor and decodes.
    """

    pad_value = 114
    holds_frame = False  # whether finish() still needs the frame that take() got

    def __init__(self, settings, packages, models) -> None:
        self.settings = settings
        self.package = packages[0]
        self.labels = self.package.labels
        self.name = self.package.name
        self.sha256 = self.package.sha256
        self.warnings = self.package.warnings
        self._model = models[0]
        self.output_bytes = sum([model.output_bytes for model in models])
        self._output = None  # ai2d's output tensor, one for all plans
        self._tensor = None
        self.ai2d_us = 0
        self.kpu_us = 0
        self.decode_us = 0

    def threshold(self, name: str) -> float:
        """Return the YAML's threshold, else the package's."""
        value = self.settings[name]
        return getattr(self.package, name) if value is None else value

    def pads(self, width: int, height: int):
        """Return (top, bottom, left, right): here none, the whole picture is stretched."""
        return (0, 0, 0, 0)

    def plan(self, width: int, height: int, use_region: bool) -> Plan:
        """Return how pictures of this size are scaled; NpuError where they can't be."""
        region = self.settings["region"] if use_region else None
        if region is not None:
            region = (region["x"], region["y"], region["width"], region["height"])
        taken = (width, height) if region is None else (region[2], region[3])
        scaler = Scaler(
            (width, height),
            self.package.img_size,
            self.pads(taken[0], taken[1]),
            self.pad_value,
            region,
            self._output,
        )
        self._output = scaler.output
        return Plan(scaler, region or (0, 0, width, height), width, height)

    def take(self, plan: Plan, source) -> None:
        """Scale the source tensor into the task's own."""
        start = time.ticks_us()
        self._tensor = plan.scaler.run(source)
        self.ai2d_us = time.ticks_diff(time.ticks_us(), start)

    def finish(self, plan: Plan, inferred=None) -> list:
        """Run the model on what take() left; return the result's fields behind generation.

        inferred() is called when the model has run, before decoding.
        """
        start = time.ticks_us()
        outputs = self._model.run(self._tensor)
        middle = time.ticks_us()
        self.kpu_us = time.ticks_diff(middle, start)
        if inferred is not None:
            inferred()
        before = self.ai2d_us + self.kpu_us
        fields = self.decode(outputs, plan)
        # What a second model took while decoding, decode() has counted itself.
        counted = self.ai2d_us + self.kpu_us - before
        self.decode_us = time.ticks_diff(time.ticks_us(), middle) - counted
        return fields

    def decode(self, outputs: list, plan: Plan) -> list:
        """Return the fields of the result."""
        raise NotImplementedError

    def release(self) -> None:
        """Give the model's memory back."""
        self._tensor = None
        self._output = None
        self._model.release()
