"""Deployment packages in every layout, good and bad; runs on CPython and MicroPython."""

import io
import json

from firmware_app.package import dictionary, fit
from firmware_app.package.deploy_fields import MODEL_TYPES, PackageError
from firmware_app.package.kmodel import read_from
from firmware_app.package.reader import Package, read_package, resolve
from tests.firmware.both.fake_card import FLOAT32, UINT8, FakeFiles, kmodel, tensor

CLASSIFIER = {
    "chip_type": "k230",
    "inference_width": 224,
    "inference_height": 224,
    "confidence_threshold": 0.8000000000000003,
    "nncase_version": "2.11.0",
    "model_type": "can2",
    "img_size": [224, 224],
    "categories": ["菠菜", "😀", "Resistor 20KΩ"],
    "kmodel_path": "best.kmodel",
    "num_classes": 3,
}
DETECTOR = {
    "confidence_threshold": 0.4,
    "nms_threshold": 0.5,
    "nncase_version": "2.11.0",
    "model_type": "AnchorBaseDet",
    "img_size": [64, 32],
    "anchors": [[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12], [13, 14, 15, 16, 17, 18]],
    "categories": ["a", "b"],
    "nms_option": True,
    "kmodel_path": "best.kmodel",
    "num_classes": 2,
}


def _with(base: dict[str, object], **changes: object) -> dict[str, object]:
    """Return base with changes; a change to ... leaves the field out."""
    result = dict(base)
    for name, value in changes.items():
        if value is ...:
            result.pop(name)
        else:
            result[name] = value
    return result


def _card(config: object, folder: str = "/sdcard/p", model: str = "best.kmodel") -> FakeFiles:
    data = config if isinstance(config, bytes) else json.dumps(config).encode()
    return FakeFiles({folder + "/deploy_config.json": data, folder + "/" + model: b"LDMK"})


def _read(config: object, task: str | None = None, head: str | None = None) -> Package:
    return read_package("/sdcard/p", task, head, _card(config))


def _refused(files: FakeFiles, path: str = "/sdcard/p", task: str | None = None) -> str:
    try:
        read_package(path, task, None, files)
    except PackageError as error:
        return str(error)
    raise AssertionError("accepted")


def _says(config: object, message: str, task: str | None = None) -> None:
    found = _refused(_card(config), task=task)
    assert found == "/sdcard/p/deploy_config.json" + message, found


def test_a_classifier_is_read() -> None:
    package = _read(CLASSIFIER)
    assert package.task == "classification" and package.head is None
    assert package.categories == ["菠菜", "😀", "Resistor 20KΩ"]
    assert package.confidence_threshold is not None
    assert abs(package.confidence_threshold - 0.8) < 1e-6
    assert package.nms_threshold is None and package.anchors is None
    assert package.img_size == (224, 224) and package.num_classes == 3
    assert package.kmodel_path == "/sdcard/p/best.kmodel" and package.name == "best"
    assert package.warnings == []


def test_a_detector_is_read() -> None:
    package = _read(DETECTOR)
    assert (package.task, package.head) == ("detection", "AnchorBaseDet")
    assert package.anchors == [float(number) for number in range(1, 19)]
    assert package.img_size == (64, 32) and package.nms_agnostic is True


def test_crlf_and_byte_order_mark() -> None:
    text = json.dumps(CLASSIFIER).replace(", ", ",\r\n")
    assert _read(b"\xef\xbb\xbf" + text.encode() + b"\r\n").name == "best"


def test_every_layout_is_found() -> None:
    for folder, path in (
        ("/sdcard/p", "/sdcard/p"),
        ("/sdcard/p", "/sdcard/p/"),
        ("/sdcard/p", "/sdcard/p/deploy_config.json"),
        ("/sdcard/p/mp_deployment_source", "/sdcard/p"),
        ("/sdcard/p/mp_deployment_source/mp_deployment_source", "/sdcard/p"),
        ("/sdcard/p/42_result/mp_deployment_source", "/sdcard/p"),
        ("/sdcard/p/renamed", "/sdcard/p"),
        ("/sdcard", "/sdcard"),
        ("/sdcard/模型", "/sdcard/模型"),
    ):
        files = _card(CLASSIFIER, folder)
        assert read_package(path, files=files).folder == folder, (folder, path)


def test_the_micropython_half_of_a_package_is_taken() -> None:
    files = _card(CLASSIFIER, "/sdcard/p/mp_deployment_source")
    files.contents["/sdcard/p/cpp_deployment_source/deploy_config.json"] = b"{}"
    files.contents["/sdcard/p/7_result/test_0.jpg"] = b""
    assert read_package("/sdcard/p", files=files).folder == "/sdcard/p/mp_deployment_source"


def test_missing_and_ambiguous_folders_are_named() -> None:
    files = _card(CLASSIFIER, "/sdcard/a")
    files.contents["/sdcard/b/deploy_config.json"] = b"{}"
    files.contents["/sdcard/c.zip"] = b"PK"
    files.contents["/sdcard/d/x.zip"] = b"PK"
    files.contents["/sdcard/e/x.kmodel"] = b"LDMK"
    start = ": expected the folder of a deployment package"
    assert _refused(files, "/sdcard/z") == "/sdcard/z" + start
    assert _refused(files, "/sdcard/c") == "/sdcard/c" + start + "; unpack the zip archive there"
    start = ": no deploy_config.json here or one folder below"
    assert _refused(files, "/sdcard/d") == (
        "/sdcard/d" + start + " (there is a zip archive: unpack it)"
    )
    assert _refused(files, "/sdcard/e").endswith("copy the package's deploy_config.json beside it)")
    assert _refused(files, "/sdcard") == (
        "/sdcard: holds several packages, name one of them: /sdcard/a, /sdcard/b"
    )


def test_the_model_file_is_found() -> None:
    for named in ("best.kmodel", "best", "/sdcard/p/best.kmodel", "old/best.kmodel", ...):
        package = _read(_with(CLASSIFIER, kmodel_path=named))
        assert package.kmodel_path == "/sdcard/p/best.kmodel"
        assert package.warnings == [], named
    package = _read(_with(CLASSIFIER, kmodel_path="other.kmodel"))
    assert package.kmodel_path == "/sdcard/p/best.kmodel"
    assert "other.kmodel is not there; using best.kmodel" in package.warnings[0]
    upper = read_package(
        "/sdcard/p", files=_card(_with(CLASSIFIER, kmodel_path=...), model="A.KMODEL")
    )
    assert upper.name == "A"


def test_model_files_missing_or_several() -> None:
    files = _card(_with(CLASSIFIER, kmodel_path=...))
    files.contents["/sdcard/p/a.kmodel"] = b"LDMK"
    start = "/sdcard/p/deploy_config.json: kmodel_path: expected "
    assert _refused(files) == (start + "the name of the model's file, found a.kmodel, best.kmodel")
    files = _card(CLASSIFIER, model="readme.txt")
    assert _refused(files) == (
        start + "best.kmodel in the package's folder, found no .kmodel in /sdcard/p"
    )
    # Whatever a package names, nothing outside of its folder is looked at.
    files = _card(_with(CLASSIFIER, kmodel_path="/sdcard/other/x.kmodel"), model="readme.txt")
    files.contents["/sdcard/other/x.kmodel"] = b"LDMK"
    assert _refused(files) == (
        start + "/sdcard/other/x.kmodel in the package's folder, found no .kmodel in /sdcard/p"
    )
    files = _card(_with(CLASSIFIER, kmodel_path="../x.kmodel"))
    assert _refused(files) == start + "a file in the package's folder, found ../x.kmodel"


def test_every_model_type_has_its_task() -> None:
    for name in MODEL_TYPES:
        for spelled in (name, name.lower(), name.upper()):
            package = _read(_with(DETECTOR, model_type=spelled))
            assert package.task == MODEL_TYPES[name]
    assert _read(_with(DETECTOR, model_type="FreeDet")).head == "AnchorFreeDet"
    assert _read(_with(DETECTOR, model_type="yolov8")).head == "YOLOv8"


def test_the_task_follows_from_the_fields_without_model_type() -> None:
    for base, changes, task in (
        (DETECTOR, {}, "detection"),
        (CLASSIFIER, {}, "classification"),
        (CLASSIFIER, {"confidence_threshold": ...}, "segmentation"),
        (CLASSIFIER, {"categories": ...}, "metric_learning"),
        (CLASSIFIER, {"box_threshold": 0.5}, "ocr_detection"),
        (CLASSIFIER, {"dict_num": 100}, "ocr_recognition"),
    ):
        config = _with(_with(base, model_type=...), **changes)
        assert _read(config).task == task


def test_unknown_model_types_need_a_task() -> None:
    message = _refused(_card(_with(CLASSIFIER, model_type="can77")))
    assert message.startswith(
        "/sdcard/p/deploy_config.json: model_type: expected one of can1, can2, can5"
    ), message
    assert message.endswith('found "can77"; a task in the settings overrides it'), message
    assert _read(_with(CLASSIFIER, model_type="can77"), "classification").task == "classification"
    assert _read(_with(DETECTOR, model_type="X"), "detection").head == "AnchorBaseDet"
    _says(
        _with(DETECTOR, model_type="X", anchors=...),
        ": model_type: expected one of AnchorBaseDet, AnchorFreeDet, FreeDet, GFLDet, yolo11, yolo26, "
        + 'yolov5, yolov8, found "X"; head in the task\'s settings overrides it',
        "detection",
    )
    plain = _with(DETECTOR, model_type="X", anchors=...)
    assert _read(plain, "detection", "GFLDet").head == "GFLDet"
    assert "anomaly detection" in _refused(_card(_with(CLASSIFIER, model_type="PatchDet")))


def test_a_package_for_another_task_is_refused() -> None:
    _says(
        DETECTOR,
        ': model_type: expected one for the task classification, found "AnchorBaseDet" '
        + "for detection",
        "classification",
    )
    package = _read(CLASSIFIER, "multilabel")
    assert package.task == "multilabel" and "can2 is used" in package.warnings[0]


def test_wrong_fields_are_named() -> None:
    for changes, message in (
        ({"confidence_threshold": 1.5}, "confidence_threshold: expected a number 0..1, found 1.5"),
        ({"nms_threshold": "high"}, 'nms_threshold: expected a number 0..1, found "high"'),
        ({"img_size": [64]}, "img_size: expected [width, height] of 1..4096, found a list of 1"),
        ({"img_size": [64, 0]}, "img_size: expected [width, height] of 1..4096, found 0"),
        ({"img_size": ...}, "img_size: expected [width, height] of the model's input, "
         + "found nothing"),
        ({"anchors": [[1, 2]]}, "anchors: expected 3 lists of 6 numbers, found 2 numbers"),
        ({"anchors": [[0] * 6] * 3}, "anchors: expected numbers above 0, found 0"),
        ({"anchors": ...}, "anchors: expected 3 lists of 6 numbers for AnchorBaseDet, "
         + "found nothing"),
        ({"categories": "a"}, 'categories: expected a list of labels, found "a"'),
        ({"categories": ["a", 1]}, "categories: expected texts only, found 1"),
        ({"nms_option": 1}, "nms_option: expected true or false, found 1"),
        ({"model_type": 5}, "model_type: expected text, found 5"),
    ):  # fmt: skip
        _says(_with(DETECTOR, **changes), ": " + message)
    _says(b'{"a": 1,\n "b" 2}', ' line 2: expected : after the key "b"')
    _says(b"[]", ": expected { } with named fields")


def test_doubtful_fields_are_warned_of() -> None:
    package = _read(_with(CLASSIFIER, num_classes=4, nncase_version="2.9.0"))
    assert len(package.warnings) == 2
    assert package.warnings[0].endswith(
        "num_classes: expected 3, the number of categories, found 4"
    )
    assert "converted with nncase 2.9.0, the firmware runs 2.11" in package.warnings[1]
    package = _read(_with(CLASSIFIER, num_classes="3", nncase_version=2.9))
    assert package.warnings[0].endswith('the number of categories, found "3"')
    assert "converted with nncase 2.9, the firmware" in package.warnings[1]
    assert _read(_with(CLASSIFIER, nncase_version="")).warnings == []
    assert _read(_with(CLASSIFIER, inference_width=1)).img_size == (224, 224)
    assert _read(_with(CLASSIFIER, img_size=...)).img_size == (224, 224)


def test_dictionaries_are_found_and_read() -> None:
    files = _card(_with(CLASSIFIER, model_type="OCR_RLNet"))
    assert read_package("/sdcard/p", files=files).dictionary_path is None
    files.contents["/sdcard/p/keys.txt"] = b"a"
    assert read_package("/sdcard/p", files=files).dictionary_path == "/sdcard/p/keys.txt"
    files.contents["/sdcard/p/dict.txt"] = b"a"
    assert read_package("/sdcard/p", files=files).dictionary_path == "/sdcard/p/dict.txt"
    for data in ("a\n菠\n \n", "a\r\n菠\r\n \r\n", "a\n菠\n ", "\ufeffa\n菠\n \n"):
        assert dictionary.characters(data.encode(), "dict.txt") == ["a", "菠", " "]
    for bad in (b"", b"\n", b"\xb2\xa4\n"):
        try:
            assert dictionary.characters(bad, "dict.txt") == [""], bad
        except PackageError as error:
            assert str(error).startswith("dict.txt: expected characters")


def test_paths_start_at_the_card() -> None:
    assert resolve("packages/a/") == "/sdcard/packages/a"
    assert resolve("/data/a") == "/data/a"
    assert resolve("/") == "/"
    assert resolve("a", "/x/card/") == "/x/card/a"


def _fits(config: object, outputs: list[bytes], *more: object, **settings: object) -> str:
    """Return '' where package and kmodel fit, else the sentence."""
    width, height = more if more else (64, 32)
    package = _read(config)
    assert isinstance(width, int) and isinstance(height, int)
    data = kmodel([tensor(UINT8, 1, 3, height, width)], outputs)
    model = read_from(io.BytesIO(data), "m.kmodel")
    try:
        fit.check(package, model, package.categories, **settings)  # type: ignore[arg-type]
    except PackageError as error:
        return str(error)
    return ""


def test_outputs_fit_their_task() -> None:
    grids = ((4, 8), (2, 4), (1, 2))
    small = {"img_size": [64, 32]}

    def det(channels: int) -> list[bytes]:
        return [tensor(FLOAT32, 1, h, w, channels) for h, w in grids]

    def typed(name: str) -> dict[str, object]:
        return _with(DETECTOR, model_type=name)

    assert _fits(DETECTOR, det(21)) == ""
    assert _fits(typed("AnchorFreeDet"), det(7)) == ""
    assert _fits(typed("GFLDet"), [tensor(FLOAT32, h * w, 70) for h, w in grids]) == ""
    assert _fits(typed("YOLOv8"), [tensor(FLOAT32, 1, 6, 42)]) == ""
    classes = _with(CLASSIFIER, **small)
    assert _fits(classes, [tensor(FLOAT32, 1, 3)]) == ""
    assert _fits(_with(classes, categories=["a", "b"]), [tensor(FLOAT32, 1, 1)]) == ""
    assert _fits(_with(classes, model_type="DeepNet"), [tensor(FLOAT32, 1, 32, 64, 3)]) == ""
    assert _fits(_with(classes, model_type="OCR_DNet"), [tensor(FLOAT32, 1, 32, 64, 2)]) == ""
    reader = _with(classes, model_type="OCR_RLNet")
    assert _fits(reader, [tensor(FLOAT32, 1, 16, 11)], characters=10) == ""
    assert _fits(reader, [tensor(FLOAT32, 1, 16, 12)], characters=10, blank="first") == ""
    assert _fits(reader, [tensor(FLOAT32, 1, 16, 12)], characters=10) == ""
    assert not fit.blank_is_first(11, 10, None) and fit.blank_is_first(12, 10, None)
    assert not fit.blank_is_first(11, 10, "last") and fit.blank_is_first(11, 10, "first")
    embedding = _with(classes, model_type="metric_learning", categories=...)
    assert _fits(embedding, [tensor(FLOAT32, 1, 256)]) == ""


def test_heads_in_another_layout_are_refused() -> None:
    grids = ((4, 8), (2, 4), (1, 2))

    def typed(name: str) -> dict[str, object]:
        return _with(DETECTOR, model_type=name)

    for head, boxes, row in (("AnchorBaseDet", 3, 7), ("AnchorFreeDet", 1, 7), ("GFLDet", 1, 70)):
        config = typed(head)
        last = boxes * row
        # The values lie cell by cell in all of these.
        for shapes in (
            [(1, h, w, last) for h, w in grids],
            [(h * w, last) for h, w in grids],
            [(1, h * w * boxes, row) for h, w in grids],
        ):
            assert _fits(config, [tensor(FLOAT32, *shape) for shape in shapes]) == "", (
                head,
                shapes,
            )
        # Five sides run over ulab's tables when they are read.
        five = [tensor(FLOAT32, 1, h, w, boxes, row) for h, w in grids]
        assert "with at most 4 sides, found float32 1x4x8x" in _fits(config, five)
        first = [tensor(FLOAT32, 1, last, h, w) for h, w in grids]
        assert _fits(config, first) == (
            "m.kmodel: the task detection expects outputs with the channels last (NHWC), here 1x4x8x"
            + str(last)
            + ", found float32 1x"
            + str(last)
            + "x4x8: channels first (NCHW); convert the model again without moving them"
        )
        flat = _fits(config, [tensor(FLOAT32, 1, last, h * w) for h, w in grids])
        assert "channels last (NHWC), here 1x4x8x" in flat and "channels first" not in flat
        # Width and height exchanged, and outputs that are more than the three read.
        assert "NHWC" in _fits(config, [tensor(FLOAT32, 1, w, h, last) for h, w in grids])
        assert "three float32 outputs" in _fits(
            config, [tensor(FLOAT32, 1, h, w, last) for h, w in grids] * 3
        )
        assert "three float32 outputs" in _fits(
            config, [tensor(FLOAT32, 1, h, w, last) for h, w in reversed(grids)]
        )
    assert "rows and columns are exchanged" in _fits(typed("YOLOv8"), [tensor(FLOAT32, 1, 42, 6)])
    # Four outputs of YOLOv8: the first is the one to decode.
    assert _fits(typed("YOLOv8"), [tensor(FLOAT32, 1, 6, 42), tensor(FLOAT32, 1, 144, 4, 8)]) == ""


def test_inputs_that_are_no_picture_of_three_planes_are_named() -> None:
    package = _read(_with(CLASSIFIER, img_size=[64, 32]))
    for shape, found, advice in (
        ((1, 1, 32, 64), "uint8 1x1x32x64", "RGB"),
        ((1, 32, 64, 3), "uint8 1x32x64x3: channels last (NHWC)", "with that layout"),
        ((1, 4, 32, 64), "uint8 1x4x32x64", "RGB"),
        ((2, 3, 32, 64), "uint8 2x3x32x64", "RGB"),
    ):
        model = read_from(
            io.BytesIO(kmodel([tensor(UINT8, *shape)], [tensor(FLOAT32, 1, 3)])), "m.kmodel"
        )
        try:
            fit.check(package, model, package.categories)
        except PackageError as error:
            text = str(error)
        assert text.startswith(
            "m.kmodel: the task classification expects an input 1x3xheightxwidth"
        )
        assert ", found " + found + "; " in text and advice in text, text


def test_a_configuration_under_another_name_is_named() -> None:
    for name in (
        "deploy_config.json.txt",
        "deploy_config (1).json",
        "Deploy_Config.json",
        "deploy-config.json",
    ):
        for place in ("", "mp_deployment_source/"):
            try:
                read_package("/sdcard/p", files=FakeFiles({"/sdcard/p/" + place + name: b"{}"}))
            except PackageError as error:
                text = str(error)
            assert text.endswith(": rename " + place + name + " to deploy_config.json"), text


def test_the_output_tells_classification_from_segmentation() -> None:
    bare = _with(CLASSIFIER, img_size=[64, 32], model_type=...)
    inputs = [tensor(UINT8, 1, 3, 32, 64)]
    for config in (bare, _with(bare, confidence_threshold=...)):
        for output, task in (((1, 3), "classification"), ((1, 32, 64, 3), "segmentation")):
            data = kmodel(inputs, [tensor(FLOAT32, *output)])
            assert fit.likely_task(_read(config), read_from(io.BytesIO(data), "m.kmodel")) == task


def test_outputs_that_do_not_fit_are_refused() -> None:
    grids = ((4, 8), (2, 4), (1, 2))
    config = "/sdcard/p/deploy_config.json: "
    outputs = [tensor(FLOAT32, 1, h, w, 24) for h, w in grids]
    assert _fits(DETECTOR, outputs) == (
        config + "categories: expected 3 labels, one for each class of the model, found 2"
    )
    assert _fits(DETECTOR, outputs, 64, 64) == (
        config + "img_size: expected [64, 64] as the model's input uint8 1x3x64x64, found [64, 32]"
    )
    assert _fits(DETECTOR, [tensor(FLOAT32, 1, 6)]) == (
        "m.kmodel: the task detection expects three float32 outputs for AnchorBaseDet, "
        + "found float32 1x6"
    )
    classes = _with(CLASSIFIER, img_size=[64, 32])
    assert _fits(classes, [tensor(FLOAT32, 1, 7)]) == (
        config + "categories: expected 7 labels, one for each class of the model, found 3"
    )
    long = _with(classes, categories=["a", "b" * 10000, "\u4e2d" * 7000])
    assert _fits(long, [tensor(FLOAT32, 1, 3)]) == (
        config + "categories: expected labels of at most 30000 bytes in all, found 31010"
    )
    reader = _with(classes, model_type="OCR_RLNet")
    assert _fits(reader, [tensor(FLOAT32, 1, 16, 11)], characters=11) == (
        config + "dictionary: expected 10 or 9 characters, found 11"
    )
    assert _fits(reader, [tensor(FLOAT32, 1, 16, 11)], characters=11, blank="last") == (
        config + "dictionary: expected 10 characters (blank: last), found 11"
    )
    assert "dictionary is missing" in _fits(reader, [tensor(FLOAT32, 1, 16, 11)])
    assert _fits(_with(classes, model_type="DeepNet"), [tensor(FLOAT32, 1, 3)]).startswith(
        "m.kmodel: the task segmentation expects one float32 output 1x32x64xclasses, found"
    )
    assert _fits(classes, [tensor(UINT8, 1, 3)]) == (
        "m.kmodel: the task classification expects one float32 output, a score for each label, "
        + "found uint8 1x3"
    )
