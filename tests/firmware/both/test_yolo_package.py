"""YOLO packages, good and bad: each one says what it looks like and what to do; runs on both interpreters."""

import io
import json

from firmware_app.package import fit, yolo
from firmware_app.package.deploy_fields import PackageError
from firmware_app.package.kmodel import KmodelError, read_from
from firmware_app.package.reader import Package, read_package
from tests.firmware.both.fake_card import FLOAT32, UINT8, FakeFiles, kmodel, tensor

FLOAT16 = 10
N = 42  # cells of 64 x 32
MASKS = tensor(FLOAT32, 1, 32, 8, 16)
PLAIN = {"model_type": "yolov8", "categories": ["a", "b"], "kmodel_path": "m.kmodel"}


def _with(**changes: object) -> dict[str, object]:
    config = dict(PLAIN)
    for name, value in changes.items():
        if value is ...:
            config.pop(name, None)
        else:
            config[name] = value
    return config


def _read(config: dict[str, object], model: str = "m.kmodel", task: "str | None" = None) -> Package:
    files = FakeFiles(
        {"/p/deploy_config.json": json.dumps(config).encode(), "/p/" + model: b"LDMK"}
    )
    return read_package("/p", task, None, files)


def _fitted(
    config: dict[str, object], outputs: list[bytes], task: "str | None" = None, given: int = UINT8
) -> Package:
    """Return the package after its kmodel was looked at; PackageError."""
    package = _read(config, task=task)
    data = kmodel([tensor(given, 1, 3, 32, 64)], outputs)
    model = read_from(io.BytesIO(data), "m.kmodel")
    likely = fit.likely_task(package, model)
    if likely != package.task:
        package = _read(config, task=likely)
    fit.check(package, model, package.categories)
    return package


def _says(config: dict[str, object], outputs: list[bytes], *words: str, **more: object) -> None:
    try:
        package = _fitted(config, outputs, **more)  # type: ignore[arg-type]
    except PackageError as error:
        text = str(error)
        for word in words:
            assert word in text, (word, text)
        assert "\n" not in text
        return
    raise AssertionError("accepted as " + package.task + ": " + repr(words))


def columns(values: int) -> bytes:
    return tensor(FLOAT32, 1, values, N)


def anchors(values: int) -> bytes:
    return tensor(FLOAT32, 1, 3 * N, values)


def rows(values: int) -> bytes:
    return tensor(FLOAT32, 1, 300, values)


def test_family_and_task_follow_from_outputs() -> None:
    for family, outputs, task, layout in (
        ("yolov5", [anchors(7)], "detection", "anchors 0 -1 7 126 2 0 0"),
        ("yolov5n-seg", [anchors(39), MASKS], "instance_segmentation", "anchors 0 1 39 126 2 0 0"),
        ("YOLOv8", [columns(6)], "detection", "columns 0 -1 6 42 2 0 0"),
        ("yolov8s", [columns(38), MASKS], "instance_segmentation", "columns 0 1 38 42 2 0 0"),
        ("yolo11", [MASKS, columns(38)], "instance_segmentation", "columns 1 0 38 42 2 0 0"),
        ("yolo11n", [columns(57)], "pose", "columns 0 -1 57 42 2 17 3"),
        ("YOLO11", [columns(7)], "oriented_detection", "columns 0 -1 7 42 2 0 0"),
        (
            "yolov11",
            [columns(6), tensor(FLOAT32, 1, 66, 4, 8)],
            "detection",
            "columns 0 -1 6 42 2 0 0",
        ),
        ("yolo26", [rows(6)], "detection", "rows 0 -1 6 300 2 0 0"),
        ("yolo26", [rows(38), MASKS], "instance_segmentation", "rows 0 1 38 300 2 0 0"),
        ("yolo26n", [rows(57)], "pose", "rows 0 -1 57 300 2 17 3"),
        ("yolo26", [rows(7)], "oriented_detection", "rows 0 -1 7 300 2 0 0"),
        # One to many: decoded with NMS.
        ("yolo26", [columns(6)], "detection", "columns 0 -1 6 42 2 0 0"),
        ("yolo26", [columns(57)], "pose", "columns 0 -1 57 42 2 17 3"),
    ):
        package = _fitted(_with(model_type=family), outputs)
        assert (package.task, repr(package.layout)) == (task, layout), (family, package.layout)
        assert package.img_size == (64, 32)
        assert package.confidence_threshold == yolo.CONFIDENCE
    for family in yolo.FAMILIES:
        package = _fitted(_with(model_type=family), [tensor(FLOAT32, 1, 2)])
        assert package.task == "classification" and package.family == family


def test_keypoints_have_names() -> None:
    package = _fitted(_with(categories=["person"]), [columns(56)])
    assert package.task == "pose" and package.keypoints == yolo.PERSON
    assert package.skeleton == yolo.PERSON_SKELETON and len(yolo.PERSON_SKELETON) == 19
    named = _with(task="pose", keypoints=["tip", "tail"], skeleton=[["tip", "tail"]])
    package = _fitted(named, [columns(12)])
    assert package.layout is not None and (package.layout.points, package.layout.dims) == (2, 3)
    assert package.skeleton == [[0, 1]]
    package = _fitted(named, [columns(10)])
    assert package.layout is not None and (package.layout.points, package.layout.dims) == (2, 2)
    package = _fitted(_with(task="pose"), [columns(6 + 8)])
    assert package.layout is not None and (package.layout.points, package.layout.dims) == (4, 2)
    assert package.keypoints is None and package.skeleton is None


def test_what_the_task_says_comes_first() -> None:
    assert _fitted(_with(task="obb"), [columns(7)]).task == "oriented_detection"
    assert _fitted(_with(task="segment"), [columns(38), MASKS]).task == "instance_segmentation"
    assert _fitted(_with(model_type=...), [columns(57)], task="pose").task == "pose"
    assert _fitted(_with(), [tensor(FLOAT32, 1, 2)], task="classification").task == "classification"


def test_each_bad_package_says_what_it_looks_like_and_what_to_do() -> None:
    for config, outputs, words in (
        # Another family.
        (_with(model_type="yolov5"), [columns(6)], ("detection of yolov8, yolo11", "yolov5u")),
        (_with(), [rows(6)], ("export another family without NMS inside (nms=False)",)),
        # Another task, where a label more or fewer would be right too.
        (_with(task="detection"), [columns(7)], ("set task to oriented_detection, or give 3 labels",)),
        (_with(task="obb"), [columns(6)], ("set task to detection, or give 1 label",)),
        (_with(task="obb"), [columns(18)], ("pose with 4 keypoints", "or give 13 labels")),
        (_with(task="detection"), [columns(57)], ("set task to pose, or use a model for detection",)),
        (_with(task="segment"), [columns(38)], ("without its second output", "with all its outputs")),
        (_with(task="segment", model_type="yolo26"), [rows(38)], ("without its second output",)),
        (_with(task="pose", model_type="yolov5"), [anchors(13)], ("looks like detection",)),
        # Labels.
        (_with(task="detection"), [columns(9)],
         ("expected 5 labels", "found 2; set task to pose if it is a model of pose with 1 keypoint")),
        (_with(task="detection"), [columns(5)], ("expected 1 label,", "found 2")),
        (_with(task="detection"), [columns(10)], ("pose with 2 keypoints", "or give 6 labels")),
        (_with(model_type="yolov5"), [anchors(8)], ("expected 3 labels", "found 2")),
        (_with(task="instance_segmentation"), [columns(37), MASKS], ("expected 1 label,", "found 2")),
        (_with(), [tensor(FLOAT32, 1, 3)], ("expected 3 labels", "found 2")),
        (_with(task="pose", keypoints=["a"]), [columns(12)], ("keypoints: expected names for 6 values",
                                                              "found 1 names")),
        (_with(task="pose", keypoints=["a", "b"], skeleton=[[0, 2]]), [columns(12)],
         ("skeleton: expected keypoints below 2",)),
        # Exports that are decoded nowhere.
        (_with(), [tensor(FLOAT32, 1, N, 6)], ("rows and columns are exchanged",)),
        (_with(model_type="yolov5"), [tensor(FLOAT32, 1, 21, h, w) for h, w in ((4, 8), (2, 4), (1, 2))],
         ("heads before decoding", "export the whole model")),
        (_with(model_type="yolov5"), [tensor(FLOAT32, 1, 3, 4, 7), tensor(FLOAT32, 1, 4 * N, 7)],
         ("yolov5 with 4 anchors for each cell instead of 3",)),
        (_with(model_type="yolov5"), [tensor(FLOAT32, 1, 2 * N, 7)], ("2 anchors for each cell",)),
        (_with(), [tensor(FLOAT32, 1, 100, 6)], ("end-to-end export of 100 boxes", "max_det=300")),
        (_with(), [tensor(FLOAT16, 1, 6, N)], ("float16", "half=False")),
        (_with(), [tensor(FLOAT32, 5, 5)], ("export the model with Ultralytics",)),
        # The cloud platform's detectors, and a YOLO that is said to be one.
        (_with(), [tensor(FLOAT32, 1, h, w, 21) for h, w in ((4, 8), (2, 4), (1, 2))],
         ("a model of the cloud platform", "AnchorBaseDet")),
        (_with(model_type="AnchorBaseDet", anchors=[[1] * 6] * 3, img_size=[64, 32]), [columns(6)],
         ("three float32 outputs", "looks like yolov8", "set model_type to its family")),
        (_with(model_type="can2", img_size=[64, 32], confidence_threshold=0.5), [anchors(7)],
         ("a score for each label", "looks like yolov5", "k230 package")),
    ):  # fmt: skip
        _says(config, outputs, *words)
    for given in (FLOAT32, FLOAT16):
        _says(
            _with(),
            [columns(6)],
            "expects one input uint8",
            "float",
            "input_type uint8",
            given=given,
        )


# What each model is: its outputs, family and task.
MODELS = (
    ([anchors(7)], "yolov5", "detection"),
    ([anchors(39), MASKS], "yolov5", "instance_segmentation"),
    ([columns(6)], "yolov8", "detection"),
    ([columns(38), MASKS], "yolov8", "instance_segmentation"),
    ([columns(57)], "yolov8", "pose"),
    ([columns(18)], "yolov8", "pose"),
    ([columns(7)], "yolov8", "oriented_detection"),
    ([rows(6)], "yolo26", "detection"),
    ([rows(38), MASKS], "yolo26", "instance_segmentation"),
    ([rows(57)], "yolo26", "pose"),
    ([rows(7)], "yolo26", "oriented_detection"),
    ([tensor(FLOAT32, 1, 2)], "", "classification"),
)


def test_every_model_as_every_family_and_task() -> None:
    for outputs, family, task in MODELS:
        for other in yolo.FAMILIES:
            # Outputs of yolov8 are those of yolo11 and of a one-to-many yolo26, too.
            same = family in ("", other) or (family == "yolov8" and other in ("yolo11", "yolo26"))
            for asked in (None,) + yolo.TASKS:
                config = _with(model_type=other, task=asked if asked else ...)
                if same and asked in (None, task):
                    assert _fitted(config, outputs).task == task, (outputs, other, asked)
                    continue
                words = ["m.kmodel: the task " + (asked or task), "looks like " + task, "; set "]
                if not same:
                    words.append(" of " + family)
                    words.append("set model_type to " + family)
                if asked not in (None, task):
                    words.append("task to " + task)
                _says(config, outputs, *words)


def test_wrong_fields_are_named() -> None:
    for changes, words in (
        ({"task": "fly"}, "task: expected one of detection"),
        ({"keypoints": "a"}, "keypoints: expected a list of labels"),
        ({"skeleton": [[0]]}, "skeleton: expected pairs of keypoints"),
        ({"skeleton": [[0, "x"]]}, "skeleton: expected pairs of keypoints"),
        ({"skeleton": [[0, -1]]}, "skeleton: expected pairs of keypoints"),
        ({"model_type": "yolov9"}, "model_type: expected one of"),
        ({"task": "pose", "keypoints": ["a"], "skeleton": [[0, 1]]}, "keypoints below 1, found 1"),
    ):
        try:
            _read(_with(**changes))  # type: ignore[arg-type]
        except PackageError as error:
            assert words in str(error), (words, str(error))
        else:
            raise AssertionError(words)
    for task in ("pose", "segmentation"):
        try:
            _read(_with(task="detection"), task=task)
        except PackageError as error:
            assert "one for the task " + task in str(error), str(error)
        else:
            raise AssertionError(task)
    package = _read(_with(model_type="yolov5", anchors=[[1] * 6] * 3))
    assert "anchors: they are inside a yolov5's kmodel" in package.warnings[0]


def test_models_of_another_form_say_how_to_convert_them() -> None:
    for name, words in (
        ("best.pt", "PyTorch checkpoint: export it to ONNX"),
        ("m.onnx", "compile it with nncase"),
    ):
        try:
            _read(_with(kmodel_path=name), model=name)
        except PackageError as error:
            assert words in str(error), str(error)
        else:
            raise AssertionError(name)
    for data, words in (
        (b"PK\x03\x04" + bytes(60), "PyTorch .pt"),
        (b"\x08\x08\x12\x07" + bytes(60), "ONNX model"),
    ):
        try:
            read_from(io.BytesIO(data), "m.kmodel")
        except KmodelError as error:
            assert words in str(error), str(error)
        else:
            raise AssertionError(words)
