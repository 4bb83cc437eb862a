"""The contract of a task: what the way of a frame, the commands and the switcher may expect of one."""

from firmware_app.base.errors import TaskError

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.board.npu import Model, Scaler
    from firmware_app.board.yolo_arrays import Keypoints, Mapping
    from firmware_app.gallery.decision import Rule
    from firmware_app.gallery.recognizer import Recognizer
    from firmware_app.package.reader import Package


class Plan:
    """How pictures of one size reach the model, and what decoding them follows.

    A plan holds everything that depends on the settings: where they change, new plans are made.
    """

    def __init__(
        self, scaler: "Scaler", region: tuple, width: int, height: int, settings: dict, camera: bool
    ) -> None:
        """region: (x, y, width, height) of the picture that the model sees; camera: whether the pictures are its."""
        self.scaler = scaler
        self.region = region
        self.width = width
        self.height = height
        self.settings = settings  # the task's values in force
        self.camera = camera
        self.limits: tuple = ()  # thresholds, looked up once
        self.sizes: tuple = ()  # [width, height] of model and region, of detectors
        self.packing: "tuple | None" = None  # of boxes that can be packed in one pass
        self.mapping: "Mapping | None" = None  # of YOLO's boxes to the frame, made once
        self.keypoints: "Keypoints | None" = None  # of poses, made once
        self.grids: dict = {}  # of the masks of objects, by the step between their cells
        self.cuts: dict = {}  # scalers of boxes of text, by the box
        self.rule: Rule = None  # type: ignore[assignment]  # of identities, which set it


class Task:
    """What is done with a frame: models, and how their outputs become a result. Never changed by settings.

    The order of calls is: the constructor, prepare(), then plan() for each size of pictures and each
    change of the settings, take() and finish() for each picture, release() once at the end.

    Subclasses set `result_type` and make their result in finish(). A result with more in it (masks of
    instances, keypoints, rotated boxes, tracks) has further fields after those of its type.
    """

    result_type = 0  # type of the result's message on the wire
    holds_frame = False  # whether finish() still needs the frame that take() got
    recognizer: "Recognizer | None" = None  # the gallery in use, of metric learning
    details: "dict | None" = None  # what MODEL says beside the labels

    def __init__(self, packages: "list[Package]", models: "list[Model]") -> None:
        """packages, models: one model for each package, in the order of card.packages.parts()."""
        # Of the class, where each frame would look for them in vain at first.
        self.result_type = self.result_type
        self.holds_frame = self.holds_frame
        self.packages = packages
        self.models = models
        self.package = packages[0]  # of which the task takes its thresholds
        self.name = "+".join([package.name for package in packages])
        self.labels: list[str] = self.package.labels
        self.sha256: bytes = self.package.sha256  # of the .kmodel that results depend on
        self.ran = False  # its models made a result: no native fault is to be feared
        self.mark = ""  # stands for its packages (card.boots.mark)
        self.warnings: list[str] = []
        for package in packages:
            self.warnings = self.warnings + package.warnings
        # Bytes that the last picture left outside the heap until the next collection.
        self.output_bytes = sum([model.output_bytes for model in models])
        # Microseconds of the last picture.
        self.ai2d_us = 0
        self.kpu_us = 0
        self.decode_us = 0

    async def prepare(self, settings: dict, pause) -> None:
        """Load what the task needs beside its models; pause() is awaited between pieces of work."""

    def plan(self, settings: dict, width: int, height: int, camera: bool) -> Plan:
        """Return how pictures of this size are scaled and decoded with these settings.

        camera: whether they are the camera's frames, to which the setting `region` applies.
        Raises TaskError or NpuError where these settings can't work with this size.
        """
        raise TaskError("this task has no plan")

    def take(self, plan: Plan, source) -> None:
        """Scale a picture (uint8 tensor 1 x 3 x height x width) into the task's own tensor.

        Afterwards the picture may be freed, unless `holds_frame`. Raises NpuError.
        """
        raise TaskError("this task takes no picture")

    def finish(self, plan: Plan, inferred=None) -> list:
        """Infer and decode what take() left; return the result's fields after the generation.

        inferred: called once when the model has run, before decoding; None where `holds_frame`.
        Raises TaskError, NpuError, RuntimeError or ValueError where no result can be made.
        """
        raise TaskError("this task makes no result")

    def release(self) -> None:
        """Give the models' memory back; the task must not be used afterwards."""
        if self.recognizer is not None:
            self.recognizer.close()
        for model in self.models:
            model.release()
