"""The serial loop of the vendor's examples, for comparison: capture, ai2d, KPU, decode, draw, show, collect.

Our own script in their manner (one application object a task, lists and dictionaries of results,
string labels drawn with scores, gc.collect() at the end of every frame); it runs on the board and on
the virtual one by `k230 sim exec`. It reads /sdcard/vendor.json: what to run for how long.
"""

import gc
import json
import os
import time

import aicube
import aidemo
import image
import nncase_runtime as nn
from media.display import Display
from media.sensor import Sensor
from ulab import numpy as np

CHANNEL = 2
COLORS = [(255, 220, 20, 60), (255, 119, 11, 32), (255, 0, 0, 142), (255, 0, 60, 100)]

try:
    from _k230.silicon import clock as _clock  # the virtual board's; a real one has none
except ImportError:
    _clock = None


class Application:
    """One model: preparation, inference, outputs."""

    def __init__(self, config, folder, frame_size, display_size):
        self.labels = config.get("categories", [])
        self.size = config["img_size"]
        self.frame_size = frame_size
        self.display_size = display_size
        self.config = config
        self.kpu = nn.kpu()
        self.kpu.load_kmodel(folder + "/" + config["kmodel_path"])
        self.results = []
        self.tensors = []
        self.prepare(frame_size[0], frame_size[1])

    def prepare(self, width, height, pads=(0, 0, 0, 0), fill=114):
        self.ai2d = nn.ai2d()
        self.ai2d.set_dtype(nn.ai2d_format.NCHW_FMT, nn.ai2d_format.NCHW_FMT, np.uint8, np.uint8)
        if any(pads):
            self.ai2d.set_pad_param(
                True, [0, 0, 0, 0, pads[0], pads[1], pads[2], pads[3]], 0, [fill, fill, fill]
            )
        self.ai2d.set_resize_param(True, nn.interp_method.tf_bilinear, nn.interp_mode.half_pixel)
        target = [1, 3, self.size[1], self.size[0]]
        self.builder = self.ai2d.build([1, 3, height, width], target)
        self.output = nn.from_numpy(np.ones(tuple(target), dtype=np.uint8))

    def preprocess(self, picture):
        source = nn.from_numpy(picture)
        self.builder.run(source, self.output)
        return [self.output]

    def inference(self, tensors):
        self.results.clear()
        for i in range(self.kpu.inputs_size()):
            self.kpu.set_input_tensor(i, tensors[i])
        self.kpu.run()
        for i in range(self.kpu.outputs_size()):
            tensor = self.kpu.get_output_tensor(i)
            result = tensor.to_numpy()
            self.results.append(result)
            del tensor
        return self.results

    def run(self, picture):
        self.picture = picture
        self.tensors.clear()
        self.tensors = self.preprocess(picture)
        self.results = self.inference(self.tensors)
        return self.postprocess(self.results)


class Classification(Application):
    def postprocess(self, results):
        logits = results[0][0]
        powers = np.exp(logits - np.max(logits))
        scores = powers / np.sum(powers)
        best = int(np.argmax(scores))
        found = {"label": "", "score": 0.0}
        if scores[best] > self.config["confidence_threshold"]:
            found["label"] = self.labels[best]
            found["score"] = scores[best]
        return found

    def draw(self, canvas, found):
        canvas.clear()
        if found["label"]:
            text = found["label"] + " " + str(round(found["score"], 3))
            canvas.draw_string_advanced(5, 5, 32, text, color=(0, 255, 0))


class Detection(Application):
    def prepare(self, width, height, pads=(0, 0, 0, 0), fill=114):
        ratio = min(self.size[0] / width, self.size[1] / height)
        dw = (self.size[0] - int(ratio * width)) / 2
        dh = (self.size[1] - int(ratio * height)) / 2
        pads = (int(round(dh)), int(round(dh)), int(round(dw)), int(round(dw)))
        super().prepare(width, height, pads)
        self.anchors = []
        for row in self.config["anchors"]:
            self.anchors += row

    def postprocess(self, results):
        found = {"boxes": [], "scores": [], "idx": []}
        rows = aicube.anchorbasedet_post_process(
            results[0],
            results[1],
            results[2],
            self.size,
            self.frame_size,
            [8, 16, 32],
            len(self.labels),
            self.config["confidence_threshold"],
            self.config["nms_threshold"],
            self.anchors,
            False,
        )
        for row in rows:
            found["boxes"].append([row[2], row[3], row[4], row[5]])
            found["scores"].append(row[1])
            found["idx"].append(row[0])
        return found

    def draw(self, canvas, found):
        canvas.clear()
        for i in range(len(found["boxes"])):
            x1, y1, x2, y2 = found["boxes"][i]
            x = int(x1 * self.display_size[0] // self.frame_size[0])
            y = int(y1 * self.display_size[1] // self.frame_size[1])
            w = int(float(x2 - x1) * self.display_size[0] // self.frame_size[0])
            h = int(float(y2 - y1) * self.display_size[1] // self.frame_size[1])
            color = COLORS[found["idx"][i] % len(COLORS)]
            canvas.draw_rectangle(x, y, w, h, color=color)
            text = self.labels[found["idx"][i]] + " " + str(round(found["scores"][i], 2))
            canvas.draw_string_advanced(x, y - 50, 24, text, color=color)


class Yolo(Application):
    """A YOLO11 at the corner of a grey border; in class, boxes and masks as the firmware's examples have it."""

    def prepare(self, width, height, pads=(0, 0, 0, 0), fill=128):
        ratio = min(self.size[0] / width, self.size[1] / height)
        right = self.size[0] - int(ratio * width)
        bottom = self.size[1] - int(ratio * height)
        super().prepare(width, height, (0, bottom, 0, right), fill)
        self.masks = None
        if self.config["task"] == "instance_segmentation":
            shape = (1, self.display_size[1], self.display_size[0], 4)
            self.masks = np.zeros(shape, dtype=np.uint8)

    def postprocess(self, results):
        rows = results[0][0].transpose().copy()
        sizes = []
        for size in (self.frame_size, self.size, self.display_size):
            sizes.append([size[1], size[0]])
        count = len(self.labels)
        sure, same = self.config["confidence_threshold"], self.config["nms_threshold"]
        if self.config["task"] == "detection":
            return aidemo.yolov8_det_postprocess(
                rows, sizes[0], sizes[1], sizes[2], count, sure, same, 50
            )
        if self.config["task"] == "pose":
            return aidemo.yolov8_pose_postprocess(
                rows, sizes[0], sizes[1], sizes[2], count, 17, 3, sure, same, 50
            )
        return aidemo.yolov8_seg_postprocess(
            rows, results[1][0], sizes[0], sizes[1], sizes[2], count, sure, same, 0.5, self.masks
        )

    def draw(self, canvas, found):
        canvas.clear()
        if self.masks is not None:
            mask = image.Image(
                self.display_size[0],
                self.display_size[1],
                image.ARGB8888,
                alloc=image.ALLOC_REF,
                data=self.masks,
            )
            canvas.draw_image(mask, 0, 0)
        for i in range(len(found[0])):
            x, y, w, h = [int(round(side, 0)) for side in found[0][i]]
            color = COLORS[found[1][i] % len(COLORS)]
            canvas.draw_rectangle(x, y, w, h, color=color)
            text = self.labels[found[1][i]] + " " + str(round(found[2][i], 2))
            canvas.draw_string_advanced(x, y - 50, 24, text, color=color)
            if self.config["task"] == "pose":
                for j in range(17):
                    canvas.draw_circle(
                        int(found[3][i][3 * j]), int(found[3][i][3 * j + 1]), 4, color=color
                    )


class Segmentation(Application):
    def postprocess(self, results):
        return aicube.seg_post_process(
            results[0], len(self.labels), [self.size[1], self.size[0]], [self.size[1], self.size[0]]
        )

    def draw(self, canvas, found):
        canvas.clear()
        mask = image.Image(
            self.size[0], self.size[1], image.ARGB8888, alloc=image.ALLOC_REF, data=found
        )
        canvas.draw_image(mask, 0, 0)


class Ocr(Application):
    """A detector, and a recogniser that is set up again for every crop."""

    def __init__(self, configs, folders, frame_size, display_size, characters):
        super().__init__(configs[0], folders[0], frame_size, display_size)
        self.reader = Application(configs[1], folders[1], frame_size, display_size)
        self.characters = characters

    def prepare(self, width, height, pads=(0, 0, 0, 0), fill=0):
        ratio = min(self.size[0] / width, self.size[1] / height)
        right = self.size[0] - int(ratio * width)
        bottom = self.size[1] - int(ratio * height)
        super().prepare(width, height, (0, bottom, 0, right), 0)

    def preprocess(self, picture):
        source = nn.from_numpy(picture)
        self.builder.run(source, self.output)
        shape = picture.shape
        flat = picture.reshape((shape[0], shape[1] * shape[2]))
        self.packed = flat.transpose().copy().reshape((shape[1], shape[2], shape[0]))
        return [self.output]

    def postprocess(self, results):
        rows = aicube.ocr_post_process(
            results[0][:, :, :, 0].reshape(-1),
            self.packed.reshape(-1),
            self.size,
            self.frame_size,
            self.config["mask_threshold"],
            self.config["box_threshold"],
        )
        found = {"boxes": [], "texts": []}
        for crop, corners in rows:
            found["boxes"].append(corners)
            found["texts"].append(self.read(crop))
        return found

    def read(self, crop):
        height, width = crop.shape[1], crop.shape[2]
        flat = crop.reshape((height * width, 3)).transpose().copy()
        self.reader.prepare(width, height)
        results = self.reader.inference(self.reader.preprocess(flat.reshape((1, 3, height, width))))
        table = results[0]
        steps = np.argmax(table[0], axis=1)
        blank = len(self.characters)
        before = -1
        text = ""
        for step in range(len(steps)):
            index = int(steps[step])
            if index != before and index != blank:
                text += self.characters[index]
            before = index
        return text

    def draw(self, canvas, found):
        canvas.clear()
        for i in range(len(found["boxes"])):
            corners = found["boxes"][i]
            for j in range(4):
                k = (j + 1) % 4
                canvas.draw_line(
                    int(corners[2 * j]),
                    int(corners[2 * j + 1]),
                    int(corners[2 * k]),
                    int(corners[2 * k + 1]),
                    color=(255, 255, 0, 0),
                    thickness=4,
                )
            canvas.draw_string_advanced(
                int(corners[0]), int(corners[1]), 24, found["texts"][i], color=(0, 0, 255)
            )


def read_json(path):
    with open(path) as file:
        return json.load(file)


def application(job, frame_size, display_size):
    folders = job["packages"]
    configs = [read_json(folder + "/deploy_config.json") for folder in folders]
    if job["task"] == "ocr":
        with open(folders[1] + "/dict.txt") as file:
            characters = file.read().split("\n")[:-1]
        return Ocr(configs, folders, frame_size, display_size, characters)
    kinds = {"classification": Classification, "detection": Detection}
    kind = kinds.get(job["task"], Segmentation)
    if configs[0].get("task"):
        kind = Yolo
    return kind(configs[0], folders[0], frame_size, display_size)


def loop(sensor, app, canvas, seconds, display):
    """Run the loop; return (frames a second, interpreter us a frame)."""
    frames = 0
    start = time.ticks_ms()
    before = _python_us()
    while time.ticks_diff(time.ticks_ms(), start) < seconds * 1000:
        os.exitpoint()
        picture = sensor.snapshot(chn=CHANNEL).to_numpy_ref()
        found = app.run(picture)
        if display:
            app.draw(canvas, found)
            Display.show_image(canvas, 0, 0, Display.LAYER_OSD3)
        gc.collect()
        frames += 1
    took = time.ticks_diff(time.ticks_ms(), start) / 1000
    return frames / took, (_python_us() - before) / frames


def _python_us():
    return _clock.statistics()[0] if _clock is not None and _clock.on else 0


def _lost_us():
    # What the PC was late by: of the board, such a run says nothing.
    return _clock.statistics()[1] if _clock is not None and _clock.on else 0


def main():
    plan = read_json("/sdcard/vendor.json")
    display_size = [800, 480]
    Display.init(Display.ST7701, width=display_size[0], height=display_size[1], to_ide=False)
    canvas = image.Image(display_size[0], display_size[1], image.ARGB8888)
    for job in plan["jobs"]:
        frame_size = job["frame"]
        sensor = Sensor(fps=plan["fps"])
        sensor.reset()
        sensor.set_framesize(width=frame_size[0], height=frame_size[1], chn=CHANNEL)
        sensor.set_pixformat(Sensor.RGBP888, chn=CHANNEL)
        sensor.run()
        app = application(job, frame_size, display_size)
        for display in (True, False):
            # Until the loop has caught up with the camera, where it is the faster one.
            loop(sensor, app, canvas, plan["warm"], display)
            for _ in range(plan["tries"]):
                lost = _lost_us()
                fps, python = loop(sensor, app, canvas, plan["seconds"], display)
                if _lost_us() - lost <= plan["late"] * plan["seconds"] * 1000000:
                    break
            row = {"name": job["name"], "display": display}
            row.update({"fps": fps, "python": python})
            print("row " + json.dumps(row))
        sensor.stop()
        del app
        gc.collect()
    Display.deinit()


main()
