"""The fields of a deploy_config.json, each checked as it is read, and the task they imply.

Field names and shapes as the platform's own deployment scripts read them.
"""

from firmware_app.package import yolo
from firmware_app.settings.schema import show
from firmware_app.settings.task_fields import TASKS

# model_type -> task, with the decoder for detectors. FreeDet is the platform's older name of
# AnchorFreeDet. The YOLO families do what the field `task` says: detection, where it says nothing.
MODEL_TYPES = {
    "AnchorBaseDet": "detection",
    "AnchorFreeDet": "detection",
    "FreeDet": "detection",
    "GFLDet": "detection",
    "yolov5": "detection",
    "yolov8": "detection",
    "yolo11": "detection",
    "yolo26": "detection",
    "can1": "classification",
    "can2": "classification",
    "can5": "classification",
    "can6": "classification",
    "can7": "classification",
    "can8": "classification",
    "can9": "classification",
    "DeepNet": "segmentation",
    "EDNet": "segmentation",
    "OCR_DNet": "ocr_detection",
    "OCR_RLNet": "ocr_recognition",
    "OCR_RCNet": "ocr_recognition",
    "multilabel": "multilabel",
    "metric_learning": "metric_learning",
}
_ALIASES = {
    "FreeDet": "AnchorFreeDet",
    "yolov5": "YOLOv5",
    "yolov8": "YOLOv8",
    "yolo11": "YOLOv8",
    "yolo26": "YOLO26",
}
FAMILIES = {"YOLOv5": "yolov5", "YOLOv8": "yolov8", "YOLO26": "yolo26"}  # by head
_YOLO_ALONE = ("instance_segmentation", "pose", "oriented_detection")
_PICTURE_TASKS = ("classification", "segmentation", "multilabel", "metric_learning")
MAX_SIDE = 4096  # pixels of a model's input
MAX_LABELS = 10000


class PackageError(ValueError):
    """A deployment package is refused; str() names the file, the field and what was found."""


class Fields:
    """The named fields of one deploy_config.json; a missing field or null reads as None."""

    def __init__(self, path: str, data: dict[str, object]) -> None:
        self.path = path
        self.data = data

    def error(self, name: str, expected: str, given: object) -> PackageError:
        words = given if isinstance(given, str) else show(given)
        return PackageError(self.path + ": " + name + ": expected " + expected + ", found " + words)

    def text(self, name: str) -> str | None:
        value = self.data.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self.error(name, "text", show(value))
        return value

    def flag(self, name: str) -> bool | None:
        value = self.data.get(name)
        if value is None or isinstance(value, bool):
            return value
        raise self.error(name, "true or false", show(value))

    def share(self, name: str) -> float | None:
        """Return a threshold: 0..1."""
        value = self.data.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
            raise self.error(name, "a number 0..1", show(value))
        return float(value)

    def labels(self, name: str) -> list[str] | None:
        value = self.data.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or len(value) > MAX_LABELS:
            raise self.error(name, "a list of labels", show(value))
        for label in value:
            if not isinstance(label, str):
                raise self.error(name, "texts only", show(label))
        return value or None

    def skeleton(self, points: list[str] | None) -> list[list[int]] | None:
        """Return pairs of keypoints, by number; they may be named in the file."""
        value = self.data.get("skeleton")
        if value is None:
            return None
        expected = "pairs of keypoints, such as [[0, 1], [1, 2]]"
        if not isinstance(value, list) or len(value) > MAX_LABELS:
            raise self.error("skeleton", expected, show(value))
        pairs = []
        for pair in value:
            if not isinstance(pair, list) or len(pair) != 2:
                raise self.error("skeleton", expected, show(pair))
            ends = []
            for end in pair:
                if points and end in points:
                    end = points.index(end)
                if isinstance(end, bool) or not isinstance(end, int) or end < 0:
                    raise self.error("skeleton", expected, show(end))
                if points and end >= len(points):
                    raise self.error("skeleton", "keypoints below " + str(len(points)), show(end))
                ends.append(end)
            pairs.append(ends)
        return pairs

    def task(self) -> str | None:
        """Return the task that the file names; of YOLO models alone."""
        value = self.text("task")
        if value is None:
            return None
        task = yolo.task_of(value)
        if task is None:
            raise self.error("task", "one of " + ", ".join(yolo.TASKS), show(value))
        return task

    def size(self) -> tuple[int, int] | None:
        """Return (width, height): img_size, else inference_width and inference_height."""
        value = self.data.get("img_size")
        name = "img_size"
        if value is None:
            value = [self.data.get("inference_width"), self.data.get("inference_height")]
            if value == [None, None]:
                return None
            name = "inference_width, inference_height"
        expected = "[width, height] of 1.." + str(MAX_SIDE)
        if not isinstance(value, list) or len(value) != 2:
            raise self.error(name, expected, show(value))
        for side in value:
            whole = isinstance(side, int) and not isinstance(side, bool)
            if not whole or not 1 <= side <= MAX_SIDE:
                raise self.error(name, expected, show(side))
        return value[0], value[1]

    def anchors(self) -> list[float] | None:
        """Return the 18 numbers of 3 lists of 6 (or of one list of 18)."""
        value = self.data.get("anchors")
        if value is None or value == []:
            return None
        flat: list[object] = []
        _flatten(value, flat)
        if len(flat) != 18:
            raise self.error("anchors", "3 lists of 6 numbers", str(len(flat)) + " numbers")
        for number in flat:
            plain = isinstance(number, (int, float)) and not isinstance(number, bool)
            if not plain or number <= 0:  # type: ignore[operator]
                raise self.error("anchors", "numbers above 0", show(number))
        return [float(number) for number in flat]  # type: ignore[arg-type]


def _flatten(value: object, flat: list[object]) -> None:
    if isinstance(value, list):
        for item in value:
            _flatten(item, flat)
    else:
        flat.append(value)


def _known(name: str) -> str | None:
    """Return a model_type in the platform's spelling, from any case."""
    if name in MODEL_TYPES:
        return name
    family = yolo.family_of(name)
    if family is not None:
        return family
    for known in MODEL_TYPES:
        if known.lower() == name.lower():
            return known
    return None


def infer(
    fields: Fields, task: str | None, head: str | None, warnings: list[str], has_dictionary: bool
) -> tuple[str, str | None]:
    """Return (task, head) of a package; the settings' task and head come first if given."""
    given = fields.text("model_type")
    known = _known(given) if given else None
    if given and known is None and task is None:
        hint = " (anomaly detection)" if given == "PatchDet" else ""
        supported = ", ".join(_sorted())
        raise fields.error(
            "model_type",
            "one of " + supported,
            show(given) + hint + "; a task in the settings overrides it",
        )
    if known in yolo.FAMILIES or (known is None and task in _YOLO_ALONE):
        return _yolo(fields, task, head or _ALIASES.get(known or ""), given)
    said = MODEL_TYPES[known] if known else _from_fields(fields, has_dictionary)
    if task is None:
        if said is None:
            raise fields.error(
                "model_type", "one that names the task", "nothing; name the task in the settings"
            )
        task = said
    elif known and said != task:
        # The platform uses one network for several tasks; whether this one fits, its kmodel tells.
        if task not in _PICTURE_TASKS or said not in _PICTURE_TASKS:
            raise fields.error(
                "model_type", "one for the task " + task, show(given) + " for " + str(said)
            )
        warnings.append(
            fields.path + ": model_type: " + str(given) + " is used for the task " + task
        )
    if task != "detection":
        return task, None
    head = head or _ALIASES.get(known or "", known)
    if head is None and fields.data.get("anchors"):
        head = "AnchorBaseDet"
    if head is None:
        shown = show(given) if given else "nothing"
        raise fields.error(
            "model_type",
            "one of " + ", ".join([name for name in _sorted() if MODEL_TYPES[name] == task]),
            shown + "; head in the task's settings overrides it",
        )
    return task, head


def _yolo(
    fields: Fields, task: str | None, head: str | None, given: str | None
) -> tuple[str, str | None]:
    said = fields.task()
    if task is None:
        task = said or "detection"
    elif task not in yolo.TASKS or (said and said != task):
        raise fields.error(
            "task" if said else "model_type",
            "one for the task " + task,
            (said or show(given)) + " in the package",
        )
    return task, head if task == "detection" else None


def _sorted() -> list[str]:
    return sorted(MODEL_TYPES, key=_order)


def _order(name: str) -> tuple[int, str]:
    return TASKS.index(MODEL_TYPES[name]), name


def _from_fields(fields: Fields, has_dictionary: bool) -> str | None:
    """Return the task that the fields of a file without known model_type imply."""
    data = fields.data
    if data.get("anchors") or data.get("nms_threshold") is not None:
        return "detection"
    if data.get("mask_threshold") is not None or data.get("box_threshold") is not None:
        return "ocr_detection"
    if data.get("dict_num") is not None or (has_dictionary and not data.get("categories")):
        return "ocr_recognition"
    if data.get("categories"):
        scored = data.get("confidence_threshold") is not None
        return "classification" if scored else "segmentation"
    if data.get("confidence_threshold") is not None:
        return "metric_learning"
    return None
