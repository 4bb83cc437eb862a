"""YOLO kmodels: the families and tasks that exist, and what a kmodel's outputs look like.

How the values lie, for an input of width x height and n = the cells of the strides 8, 16 and 32:

- anchors: 1 x 3n x (5 + classes + more), rows of centre, size, objectness, classes (yolov5)
- columns: 1 x (4 + classes + more) x n, columns of centre, size, classes (yolov8, yolo11, and yolo26
  exported one to many)
- rows: 1 x 300 x (6 + more), two corners, score, class; nothing is left to suppress (yolo26)

`more` are the 32 coefficients of a mask; its prototypes are a second output 1 x 32 x height / 4 x
width / 4; the keypoints, x, y and maybe a score each; or the angle of a rotated box, which in rows has
centre and size in place of corners.
"""

FAMILIES = ("yolov5", "yolov8", "yolo11", "yolo26")
TASKS = ("detection", "instance_segmentation", "pose", "oriented_detection", "classification")
OBJECT_TASKS = TASKS[:4]
# Names of Ultralytics and of the vendor's scripts, which people know.
ALIASES = {
    "detect": "detection",
    "det": "detection",
    "segment": "instance_segmentation",
    "seg": "instance_segmentation",
    "segmentation": "instance_segmentation",
    "keypoints": "pose",
    "obb": "oriented_detection",
    "classify": "classification",
    "cls": "classification",
}
STRIDES = (8, 16, 32)
MASKS = 32  # prototypes, and coefficients of a mask
END_TO_END = 300  # rows
CONFIDENCE = 0.25  # where a package says nothing
OVERLAP = 0.45
MASK = 0.5
# The keypoints of a person as COCO has them: a model of 17 points without names is taken for one.
PERSON = [
    "nose",
    "left eye",
    "right eye",
    "left ear",
    "right ear",
    "left shoulder",
    "right shoulder",
    "left elbow",
    "right elbow",
    "left wrist",
    "right wrist",
    "left hip",
    "right hip",
    "left knee",
    "right knee",
    "left ankle",
    "right ankle",
]
_STARTS = bytes((15, 13, 16, 14, 11, 5, 6, 5, 5, 6, 7, 8, 1, 0, 0, 1, 2, 3, 4))
_ENDS = bytes((13, 11, 14, 12, 12, 11, 12, 6, 7, 8, 9, 10, 2, 1, 2, 3, 4, 5, 6))
PERSON_SKELETON = [[start, end] for start, end in zip(_STARTS, _ENDS)]
_SIZES = ("n", "s", "m", "l", "x")
_NOUNS = {
    "anchors": "yolov5",
    "columns": "yolov8, yolo11 or a one-to-many yolo26",
    "rows": "yolo26, which needs no NMS",
}
_OF_KIND = {"anchors": "yolov5", "columns": "yolov8", "rows": "yolo26"}
OWN = {
    "detection": "boxes and scores alone",
    "instance_segmentation": "coefficients and prototypes of masks",
    "pose": "keypoints",
    "oriented_detection": "an angle for each box",
    "classification": "one score for each label",
}


def family_of(name: str | None) -> str | None:
    """Return the family that a model_type names, such as YOLOv8, yolo11n or yolov5s-seg; None: none."""
    if name is None:
        return None
    plain = name.lower().replace("yolov11", "yolo11").replace("yolov26", "yolo26")
    plain = plain.replace("_", "-")
    for family in FAMILIES:
        if plain[: len(family)] == family:
            rest = plain[len(family) :].split("-")[0]
            if rest == "" or rest in _SIZES:
                return family
    return None


def task_of(name: str) -> str | None:
    """Return the task that a text names, by our names or Ultralytics'; None: none."""
    plain = name.strip().lower().replace("-", "_")
    plain = ALIASES.get(plain, plain)
    return plain if plain in TASKS else None


class Layout:
    """How the outputs of a YOLO kmodel lie. repr() tells all of it: marks of packages are made of it.

    kind: anchors, columns, rows or vector; output, masks: numbers of the outputs, -1: there is none;
    width: values of one candidate; count: candidates.
    """

    def __init__(self, kind: str, output: int, masks: int, width: int, count: int) -> None:
        self.kind = kind
        self.output = output
        self.masks = masks
        self.width = width
        self.count = count
        # What goes with a task: see of_task().
        self.classes = 0
        self.points = 0
        self.dims = 0

    def __repr__(self) -> str:
        return "%s %d %d %d %d %d %d %d" % (
            self.kind,
            self.output,
            self.masks,
            self.width,
            self.count,
            self.classes,
            self.points,
            self.dims,
        )

    @property
    def first(self) -> int:
        """Values before the classes; of rows, before what follows score and class."""
        return {"anchors": 5, "columns": 4, "rows": 6}[self.kind]


def cells(width: int, height: int) -> int:
    """Return the cells of all strides."""
    return sum([(width // stride) * (height // stride) for stride in STRIDES])


def look(outputs: list, size: tuple[int, int]) -> Layout | None:
    """Return how a kmodel's outputs (of kmodel.Tensor) lie, or None where they are no YOLO's.

    size: (width, height) of the input.
    """
    width, height = size
    count = cells(width, height)
    masks = -1
    for number, output in enumerate(outputs):
        if output.shape == (1, MASKS, height // 4, width // 4) and output.dtype == "float32":
            masks = number
            break
    for number, output in enumerate(outputs):
        shape = output.shape
        if len(shape) != 3 or shape[0] != 1 or output.dtype != "float32":
            continue
        if shape[2] == count and shape[1] > 4:
            return Layout("columns", number, masks, shape[1], count)
        if shape[1] == 3 * count and shape[2] > 5:
            return Layout("anchors", number, masks, shape[2], 3 * count)
        if shape[1] == END_TO_END and shape[2] > 5:
            return Layout("rows", number, masks, shape[2], END_TO_END)
    if len(outputs) == 1 and len(outputs[0].shape) >= 1:
        total = 1
        for side in outputs[0].shape:
            total *= side
        if max(outputs[0].shape) == total:
            return Layout("vector", 0, -1, total, 1)
    return None


def odd(outputs: list, size: tuple[int, int]) -> str:
    """Return what outputs that look() does not know are instead, and what to do; "" where that is not known."""
    width, height = size
    count = cells(width, height)
    grids = [(height // stride, width // stride) for stride in STRIDES]
    halves = [output for output in outputs if output.dtype in ("float16", "bfloat16")]
    if halves:
        return "its outputs are half precision: export the model without half=True"
    shapes = [output.shape for output in outputs]
    raw = [shape for shape in shapes if shape[2:4] in grids or shape[1:3] in grids]
    if len(raw) == len(shapes) == 3 and [shape[1:3] for shape in shapes] == grids:
        return (
            "it looks like a model of the cloud platform: set model_type to AnchorBaseDet,"
            " AnchorFreeDet or GFLDet, as its own deploy_config.json says"
        )
    if len(raw) >= 3:
        return (
            "these are a YOLO's heads before decoding: export the whole model"
            " (Ultralytics: format=onnx; yolov5: export.py without --train)"
        )
    for shape in shapes:
        if len(shape) != 3 or shape[0] != 1:
            continue
        if shape[1] == count:
            return "rows and columns are exchanged: export without a transpose after the model"
        if shape[1] == 3 * (count + (width // 64) * (height // 64)) or shape[2] == count + (
            width // 64
        ) * (height // 64):
            return "it has a fourth stride, 64 (a P6 model): export one of the strides 8, 16 and 32"
        if count and shape[1] % count == 0 and shape[2] > 5:
            return (
                "it looks like yolov5 with %d anchors for each cell instead of 3: train it with 3"
                " for each of the strides 8, 16 and 32" % (shape[1] // count)
            )
        if shape[2] in (6, 7) and shape[1] != END_TO_END:
            return (
                "it looks like an end-to-end export of %d boxes: export with max_det=300 if it is"
                " a yolo26, else without NMS inside" % shape[1]
            )
    return ""


def rest_of(layout: Layout, labels: int) -> int:
    """Return how many values a candidate has besides box, score and classes. labels: how many classes."""
    if layout.kind == "rows":
        return layout.width - 6
    return layout.width - layout.first - labels


def likely_task(layout: Layout, labels: int | None) -> str | None:
    """Return the task that outputs show, or None where they could be of several.

    labels: how many classes there are, or None where that is not known.
    """
    if layout.kind == "vector":
        return "classification"
    if layout.masks >= 0:
        return "instance_segmentation"
    if layout.kind == "anchors":
        return "detection"
    if labels is None and layout.kind != "rows":
        return None
    rest = rest_of(layout, labels or 0)
    if rest == 0:
        return "detection"
    if rest == 1:
        return "oriented_detection"
    return "pose" if rest > 1 else None


def words_of(layout: Layout) -> str:
    """Return which family outputs look like."""
    return _NOUNS.get(layout.kind, "a classifier")


def fits(layout: Layout, family: str) -> bool:
    """Return whether outputs are those of a family."""
    if layout.kind == "vector":
        return True
    if layout.kind == "anchors":
        return family == "yolov5"
    if layout.kind == "rows":
        return family == "yolo26"
    return family != "yolov5"


class Misfit:
    """What outputs are instead of those of a family and a task.

    looks: what they look like, in words, "" where it is rather the labels that are wrong; family, task:
    those to name instead, None where the named one is right; classes: how many labels the outputs have
    as those of the named task, 0: they can't be its.
    """

    def __init__(
        self, looks: str, family: str | None, task: str | None, classes: int, advice: str
    ) -> None:
        self.looks = looks
        self.family = family
        self.task = task
        self.classes = classes
        self._advice = advice

    def advice(self, model_type: str, task: str) -> str:
        """Return what to do; the arguments are what comes before a family and a task that are set."""
        parts = []
        if self.family is not None:
            parts.append(model_type + self.family)
        if self.task is not None:
            parts.append(task + self.task)
        words = "set " + " and ".join(parts) if parts else ""
        if not self._advice or not words:
            return words or self._advice
        return words + self._advice


def misfit(
    layout: Layout, family: str | None, task: str, labels: int, named: int | None = None
) -> Misfit | None:
    """Return what is wrong with outputs for a family and a task, None where nothing is.

    labels: how many there are; named: how many keypoints have names, None: none.
    """
    other = family is not None and not fits(layout, family)
    if layout.kind == "vector":
        if task == "classification":
            return None
        looks = "classification with " + _counted(layout.width, "class", "es")
        return Misfit(looks, None, "classification", 0, "")
    likely = likely_task(layout, labels)
    rest = rest_of(layout, labels)
    ended = layout.kind == "rows"
    classes = 0 if ended or layout.masks >= 0 else layout.width - layout.first
    right = likely == task
    if task == "instance_segmentation":
        classes = layout.width - layout.first - MASKS if layout.masks >= 0 and not ended else 0
        right = right and rest == MASKS
    elif task == "oriented_detection":
        classes = 0 if layout.kind == "anchors" else max(0, classes - 1)
    elif task == "pose":
        # Names that fit no keypoints are told apart.
        right = right or (layout.masks < 0 and layout.kind == "columns" and rest > 1)
        classes = 0
    elif task == "classification":
        classes = 0
    else:
        right = right and rest == 0
    if right and not other:
        return None
    if not other and task == "instance_segmentation" and layout.masks < 0 and rest == MASKS:
        looks = "instance_segmentation without its second output, the prototypes"
        return Misfit(looks, None, None, 0, "export and compile the model with all its outputs")
    looks, instead = likely or "", None
    advice = ""
    points = keypoints_of(rest, named) if likely == "pose" else None
    if likely == "pose":
        if points is None:
            looks = ""
        else:
            looks += " with " + _counted(points[0], "keypoint", "s")
    if likely is not None and likely != task and looks:
        instead = likely
    if other:
        looks += (" of " if looks else "") + _NOUNS[layout.kind]
        if layout.kind == "rows":
            advice = " if it is one; export another family without NMS inside (nms=False)"
        elif layout.kind == "columns":
            advice = " (yolov5u models have the outputs of yolov8)"
        return Misfit(looks, _OF_KIND[layout.kind], instead, 0, advice)
    if not looks or likely == task:
        instead, looks = None, ""
    elif points is not None and classes > 0 and (points[0] < 2 or rest <= labels):
        # More likely labels are missing.
        return Misfit("", None, instead, classes, " if it is a model of " + looks)
    elif classes > 0 and (points is None or points[0] != len(PERSON)):
        advice = ", or give " + _counted(classes, "label", "s")
    else:
        advice = ", or use a model for " + task
    return Misfit(looks, None, instead, max(0, classes), advice)


def _counted(count: int, noun: str, ending: str) -> str:
    return str(count) + " " + noun + ("" if count == 1 else ending)


def keypoints_of(values: int, named: int | None) -> tuple[int, int] | None:
    """Return (points, numbers for each: 2 or 3) of so many values; None where they don't come out even.

    named: how many points the package names, or None. Without names, three numbers each are likelier.
    """
    for dims in (3, 2):
        if values % dims == 0 and values and named in (None, values // dims):
            return values // dims, dims
    return None
