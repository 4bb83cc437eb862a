"""Scripts in the style of the vendor's examples, unmodified on the virtual board, beside the service.

Each prepares a picture with ai2d, runs the kmodel and decodes the outputs, calling the board's
modules directly. What it finds is what the service answers with `vendor_compatible: true`, from
the same package and the same picture.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.integration.tour import Tour, make_card, pictures, resized, tour
from tests.virtual_board.scripts import OTHER, PACKAGES
from virtual_board.board import VirtualBoard

SIZES = {"wide.png": (320, 240), "odd.png": (301, 217), "tall.png": (161, 333)}

COMMON = """
import gc, image, json
import aicube
import nncase_runtime as nn
import ulab.numpy as np

root = "/sdcard/mp_deployment_source/"
with open(root + "deploy_config.json") as file:
    config = json.load(file)
size = config["img_size"]
kpu = nn.kpu()
kpu.load_kmodel(root + config["kmodel_path"])


def planes(path):
    rgb = image.Image(path).to_rgb888().to_numpy_ref()
    h, w = rgb.shape[0], rgb.shape[1]
    return rgb.reshape((h * w, 3)).transpose().copy().reshape((3, h, w))


def run(kpu, chw, size, pads, value):
    h, w = chw.shape[1], chw.shape[2]
    ai2d = nn.ai2d()
    ai2d.set_dtype(nn.ai2d_format.NCHW_FMT, nn.ai2d_format.NCHW_FMT, np.uint8, np.uint8)
    if pads:
        ai2d.set_pad_param(True, [0, 0, 0, 0] + pads, 0, [value] * 3)
    ai2d.set_resize_param(True, nn.interp_method.tf_bilinear, nn.interp_mode.half_pixel)
    builder = ai2d.build([1, 3, h, w], [1, 3, size[1], size[0]])
    tensor = nn.from_numpy(np.ones((1, 3, size[1], size[0]), dtype=np.uint8))
    builder.run(nn.from_numpy(chw), tensor)
    kpu.set_input_tensor(0, tensor)
    kpu.run()
    return [kpu.get_output_tensor(i).to_numpy() for i in range(kpu.outputs_size())]


def border(w, h, size):
    ratio = min(size[0] / w, size[1] / h)
    return (size[0] - int(ratio * w)) / 2, (size[1] - int(ratio * h)) / 2


def centre(w, h, size):
    dw, dh = border(w, h, size)
    side = int(round(dw - 0.1))
    return [int(round(dh - 0.1)), int(round(dh + 0.1)), side, side]


def corner(w, h, size):
    dw, dh = border(w, h, size)
    return [0, int(round(dh * 2 + 0.1)), 0, int(round(dw * 2 - 0.1))]


def show(name, found):
    print("FOUND " + json.dumps([name, found]))


for name in NAMES:
    chw = planes("/sdcard/" + name)
    h, w = chw.shape[1], chw.shape[2]
"""

CLASSIFY = """
    scores = run(kpu, chw, size, None, 0)[0][0]
    powers = np.exp(scores - np.max(scores))
    powers = powers / np.sum(powers)
    best = np.argmax(powers)
    show(name, [config["categories"][best], float(powers[best])])
"""
DETECT = """
    out = run(kpu, chw, size, centre(w, h, size), 114)
    conf, nms = config["confidence_threshold"], config["nms_threshold"]
    count = len(config["categories"])
    if config["model_type"] == "AnchorBaseDet":
        anchors = config["anchors"][0] + config["anchors"][1] + config["anchors"][2]
        rows = aicube.anchorbasedet_post_process(
            out[0], out[1], out[2], size, [w, h], [8, 16, 32], count, conf, nms, anchors, False)
    elif config["model_type"] == "AnchorFreeDet":
        rows = aicube.anchorfreedet_post_process(
            out[0], out[1], out[2], size, [w, h], [8, 16, 32], count, conf, nms, False)
    else:
        rows = aicube.gfldet_post_process(
            out[0], out[1], out[2], size, [w, h], [8, 16, 32], count, conf, nms, False)
    show(name, [[config["categories"][r[0]], r[1], r[2], r[3], r[4], r[5]] for r in rows])
"""
LABEL = """
    found = []
    scores = run(kpu, chw, size, None, 0)[0][0]
    for i in range(len(config["categories"])):
        score = float(1 / (1 + np.exp(-scores[i])))
        if score > config["confidence_threshold"]:
            found.append([config["categories"][i], score])
    show(name, found)
"""
EMBED = """
    show(name, [float(v) for v in run(kpu, chw, size, None, 0)[0][0]])
"""
SEGMENT = """
    out = run(kpu, chw, size, None, 0)
    count = len(config["categories"])
    mask = aicube.seg_post_process(out[0], count, [size[1], size[0]], [size[1], size[0]])
    show(name, [int(v) for v in mask[:, :, 2].copy().reshape(-1)])
"""
READ = """
    letters = open(root + "dict.txt").read().split("\\n")
    steps = np.argmax(run(kpu, chw, size, corner(w, h, size), 0)[0], axis=2).reshape(-1)
    text = ""
    for i in range(len(steps)):
        if steps[i] != len(letters) - 1 and (i == 0 or steps[i - 1] != steps[i]):
            text += letters[int(steps[i])]
    show(name, text)
"""
FIND = """
    out = run(kpu, chw, size, corner(w, h, size), 114)
    hwc = chw.reshape((3, h * w)).transpose().copy().reshape((h * w * 3,))
    rows = aicube.ocr_post_process(
        out[0][:, :, :, 0].reshape(-1), hwc, size, [w, h],
        config["mask_threshold"], config["box_threshold"])
    show(name, [[float(v) for v in row[1]] for row in rows])
"""


def as_script(result: Any) -> Any:
    """Return a result of the service in the scripts' terms."""
    if result.task == "classification":
        return [result.label, result.score]
    if result.task == "detection":
        return [[b.label, b.score, b.x, b.y, b.x + b.w, b.y + b.h] for b in result.boxes]
    if result.task == "multilabel":
        return sorted([row.label, row.score] for row in result.labels)
    if result.task == "metric_learning":
        return list(result.embedding)
    if result.task == "segmentation":
        # Green of the native colours: 80 more for each class.
        return [min(80 * kind, 255) for kind in result.class_map()]
    if result.task == "ocr_recognition":
        return result.texts[0].text if result.texts else ""
    return [[v for corner in text.quad for v in corner] for text in result.texts]


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tour]:
    """A board that answers as the vendor's scripts do, without a camera."""
    card = make_card(tmp_path_factory.mktemp("vendor") / "card")
    for path in (card / "configs" / "tasks").iterdir():
        path.write_text(path.read_text("utf-8") + "vendor_compatible: true\n", "utf-8")
    with tour(card) as running:
        yield running


async def script_says(folder: Path, package: str, body: str) -> dict[str, Any]:
    """Return what a script on a throw-away card finds, by the picture's name."""
    card = folder / "card"
    shutil.copytree(PACKAGES / package / "mp_deployment_source", card / "mp_deployment_source")
    for number, (name, size) in enumerate(SIZES.items()):
        resized(pictures(package)[number], *size).save(card / name)
    source = COMMON.replace("NAMES", repr(list(SIZES))) + body
    (card / "script.py").write_text(source, encoding="utf-8")

    options: dict[str, Any] = {"scripts": ["/sdcard/script.py"], "restart": False, "tcp": None}
    options["micropython"] = OTHER
    async with VirtualBoard(sdcard=card, **options) as board:
        events = [event async for event in board.events()]
        lines = [event["detail"] for event in events if event["event"] == "console"]
        assert await board.wait() == 0, events
    return dict(json.loads(line[6:]) for line in lines if line.startswith("FOUND "))


@pytest.mark.parametrize(
    ("package", "body"),
    [
        ("shapes_cls", CLASSIFY),
        ("shapes_det", DETECT),
        ("shapes_det_free", DETECT),
        ("shapes_det_gfl", DETECT),
        ("shapes_multl", LABEL),
        ("glyphs_ml", EMBED),
        ("shapes_seg", SEGMENT),
        ("text_rec", READ),
        ("text_det", FIND),
    ],
)
async def test_script_and_service_say_the_same(
    tmp_path: Path, board: Tour, package: str, body: str
) -> None:
    said = await script_says(tmp_path, package, body)
    assert list(said) == list(SIZES)
    (board.card / "pictures").mkdir(exist_ok=True)
    board.switch(package)
    for name, expected in said.items():
        shutil.copyfile(tmp_path / "card" / name, board.card / "pictures" / name)
        answer = as_script(board.board.infer_on_card(f"/sdcard/pictures/{name}"))
        if package == "text_det":
            np.testing.assert_allclose(answer, np.reshape(expected, (-1, 8)), atol=0.51)
        elif package == "shapes_det_gfl":
            assert len(answer) == len(expected)
            for one, other in zip(answer, expected, strict=True):
                assert one[0] == other[0]
                # Here a side may be behind the other; the service clips to the picture.
                np.testing.assert_allclose(one[1:], other[1:], atol=0.51)
        else:
            assert len(answer) == len(expected)
            check(answer, sorted(expected) if package == "shapes_multl" else expected)


def check(answer: Any, expected: Any) -> None:
    """Compare what may hold texts, integers and scores (of three decimals in boxes)."""
    if isinstance(expected, list):
        for one, other in zip(answer, expected, strict=True):
            check(one, other)
    elif isinstance(expected, float):
        assert answer == pytest.approx(expected, abs=0.0006)
    else:
        assert answer == expected


async def test_display_calls_are_taken_and_a_video_loop_sees_the_camera(tmp_path: Path) -> None:
    card = tmp_path / "card"
    card.mkdir()
    (tmp_path / "camera").mkdir()
    resized(pictures("shapes_cls")[0], 320, 240).save(tmp_path / "camera" / "one.png")
    (card / "script.py").write_text(
        """
import image
from media.display import *
from media.media import *
from media.sensor import *

sensor = Sensor(fps=30)
sensor.reset()
sensor.set_framesize(width=640, height=480, chn=CAM_CHN_ID_0)
sensor.set_pixformat(Sensor.YUV420SP, chn=CAM_CHN_ID_0)
sensor.set_framesize(width=320, height=240, chn=CAM_CHN_ID_2)
sensor.set_pixformat(Sensor.RGBP888, chn=CAM_CHN_ID_2)
Display.init(Display.LT9611, osd_num=1, to_ide=True)
Display.bind_layer(**sensor.bind_info(x=0, y=0, chn=CAM_CHN_ID_0), layer=Display.LAYER_VIDEO1)
MediaManager.init()
sensor.run()
osd = image.Image(640, 480, image.ARGB8888)
for i in range(3):
    frame = sensor.snapshot(chn=CAM_CHN_ID_2).to_numpy_ref()
    osd.clear()
    osd.draw_string_advanced(5, 5, 32, "frame %d" % i, color=(0, 255, 0))
    osd.draw_rectangle(10, 10, 50, 40, color=(255, 255, 0, 0), thickness=4)
    Display.show_image(osd, 0, 0, Display.LAYER_OSD3)
    print(frame.shape, int(frame[0][0][0]))
sensor.stop()
Display.deinit()
MediaManager.deinit()
""",
        encoding="utf-8",
    )

    options: dict[str, Any] = {"scripts": ["/sdcard/script.py"], "restart": False, "tcp": None}
    options["micropython"] = OTHER
    camera = str(tmp_path / "camera")
    async with VirtualBoard(sdcard=card, camera=camera, **options) as vb:
        events = [event async for event in vb.events()]
        assert await vb.wait() == 0, events
    console = [event["detail"] for event in events if event["event"] == "console"]
    lines = [line for line in console if line.startswith("(3, 240, 320)")]
    with resized(pictures("shapes_cls")[0], 320, 240) as picture:
        pixel: Any = picture.getpixel((0, 0))
    assert lines == [f"(3, 240, 320) {pixel[0]}"] * 3
