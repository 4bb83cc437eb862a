"""What a server would say, made up: every task with as many objects as a test wants.

A page that talks to `Stage` believes in a board; nothing runs behind it.
"""

from __future__ import annotations

import io
import json
import math
import struct
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw
from playwright.async_api import Page, Route, WebSocketRoute

from board_hub.dashboard import assets
from board_hub.dashboard.guard import HEADERS
from host_client.results.objects import oriented

WIDTH, HEIGHT = 1280, 720
HOST = "http://board.test"
LABELS = ["bottle", "box", "can", "cup", "person", "truck", "apple", "forklift", "bag"]
COLOURS = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#f2f2f2"]
ID = "0123456789abcdef"
SEQ, TIME_MS = 1000, 50_000

Row = dict[str, Any]


def picture(count: int) -> bytes:
    """Return a JPEG with shapes where boxes(count) are."""
    image = Image.new("RGB", (640, 360), "#6d7a80")
    pen = ImageDraw.Draw(image)
    for y in range(0, 360, 4):
        shade = 96 + y // 6
        pen.rectangle((0, y, 640, y + 4), fill=(shade, shade + 8, shade + 12))
    for box in boxes(count):
        x, y, w, h = (value // 2 for value in (box["x"], box["y"], box["w"], box["h"]))
        tone = 40 + 23 * box["class_id"]
        pen.rounded_rectangle((x, y, x + w, y + h), 8, fill=(tone, 90, 200 - tone // 2))
        pen.ellipse((x + w // 4, y + h // 4, x + 3 * w // 4, y + 3 * h // 4), fill="#d8dee2")
    data = io.BytesIO()
    image.save(data, "JPEG", quality=82)
    return data.getvalue()


def boxes(count: int) -> list[Row]:
    """Return boxes side by side, some near each other."""
    rows: list[Row] = []
    columns = max(1, math.ceil(math.sqrt(count * 1.6)))
    step_x, step_y = WIDTH // columns, HEIGHT // max(1, math.ceil(count / columns))
    for number in range(count):
        w, h = int(step_x * (0.55 + 0.1 * (number % 4))), int(step_y * (0.5 + 0.1 * (number % 3)))
        rows.append(
            {
                "label": LABELS[number % len(LABELS)],
                "class_id": number % len(LABELS),
                "score": round(0.98 - 0.021 * number, 3),
                "x": number % columns * step_x + 20,
                "y": number // columns * step_y + 30,
                "w": w,
                "h": h,
                "track": 40 + number,
            }
        )
    return rows


def result(task: str = "detection", count: int = 5, **more: Any) -> Row:
    """Return a result of a task with `count` objects."""
    row: Row = {
        "schema": 1,
        "type": "result",
        "board": ID,
        "board_id": ID,
        "board_name": "line 3",
        "time": "2026-11-30T12:00:00.000Z",
        "time_uncertainty_ms": 0.5,
        "time_ms": TIME_MS,
        "task": task,
        "seq": SEQ,
        "generation": 1,
        "model": "shapes",
        "width": WIDTH,
        "height": HEIGHT,
    }
    found = boxes(count)
    if task == "detection":
        row["boxes"] = found
    elif task in ("classification", "multilabel"):
        rows = [
            {"label": b["label"], "class_id": b["class_id"], "score": round(0.9 / (i + 1), 3)}
            for i, b in enumerate(found)
        ]
        top = rows[0] if rows else {"label": None, "class_id": None, "score": 0.0}
        row |= {"labels": rows} if task == "multilabel" else {**top, "top": rows}
    elif task == "instance_segmentation":
        for b in found:
            b["mask"] = {"x": b["x"], "y": b["y"], "w": b["w"], "h": b["h"]}
            b["mask"] |= {"columns": 16, "rows": 16, "rle": _disc(16)}
        row["objects"] = found
    elif task == "pose":
        for b in found:
            b["keypoints"] = _person(b)
        row |= {"objects": found, "skeleton": [[0, 1], [1, 2], [1, 3], [1, 4], [4, 5], [4, 6]]}
    elif task == "oriented_detection":
        for number, b in enumerate(found):
            b.update(_turned(b, 15.0 * number % 180))
        row["objects"] = found
    elif task == "segmentation":
        row |= _map(found)
    elif task == "ocr":
        row["texts"] = [
            {
                "text": f"LOT {1000 + 7 * i}",
                "score": b["score"],
                "quad": [
                    [b["x"], b["y"] + 12],
                    [b["x"] + b["w"], b["y"]],
                    [b["x"] + b["w"], b["y"] + b["h"] // 2],
                    [b["x"], b["y"] + b["h"] // 2 + 12],
                ],
            }
            for i, b in enumerate(found)
        ]
    elif task == "metric_learning":
        row["objects"] = [
            {**b, "identity": None if i % 3 == 2 else f"Anna {i}", "margin": 0.2}
            | {"label_score": b["score"], "score": 0.8 - 0.01 * i}
            for i, b in enumerate(found)
        ]
    return row | more


def _disc(size: int) -> list[int]:
    runs, on, run = [], False, 0
    for y in range(size):
        for x in range(size):
            inside = (x - size / 2 + 0.5) ** 2 + (y - size / 2 + 0.5) ** 2 < (size / 2) ** 2
            if inside != on:
                runs.append(run)
                on, run = inside, 0
            run += 1
    return [*runs, run]


def _person(b: Row) -> list[Row]:
    places = ((50, 10), (50, 25), (20, 45), (80, 45), (50, 60), (30, 95), (70, 95))
    return [
        {"name": str(i), "x": b["x"] + b["w"] * px // 100, "y": b["y"] + b["h"] * py // 100}
        | {"score": 0.9}
        for i, (px, py) in enumerate(places)
    ]


def _turned(b: Row, angle: float) -> Row:
    """Return what a turned box says, by the product's own arithmetic."""
    centre = (b["x"] + b["w"] / 2, b["y"] + b["h"] / 2)
    size = (b["w"] / 1.2, b["h"] / 1.6)
    found = oriented(b["label"], b["score"], b["class_id"], centre, size, angle)
    return found.to_dict()


def _map(found: list[Row]) -> Row:
    width, height = 64, 36
    cells = [0] * (width * height)
    for b in found:
        for y in range(b["y"] * height // HEIGHT, (b["y"] + b["h"]) * height // HEIGHT):
            for x in range(b["x"] * width // WIDTH, (b["x"] + b["w"]) * width // WIDTH):
                cells[y * width + x] = 1 + b["class_id"] % 4
    runs: list[list[int]] = []
    for value in cells:
        if runs and runs[-1][0] == value:
            runs[-1][1] += 1
        else:
            runs.append([value, 1])
    names = ["background", *LABELS[:4]]
    areas = {name: cells.count(i) for i, name in enumerate(names)}
    return {"map_width": width, "map_height": height, "areas": areas, "rle": runs}


def setting(name: str, value: Any, **more: Any) -> Row:
    """Return a row of a board's settings."""
    row = {"name": name, "live": True, "kept": False, "task": True, "value": value, "file": value}
    row |= {"kind": "number", "low": 0, "high": 1, "step": 1, "unit": "", "choices": []}
    return row | {"text": name, "secret": False, "default": None} | more


def board(**more: Any) -> Row:
    """Return a board's state."""
    tasks = ("detection", "classification", "identities")
    row: Row = {
        "id": ID,
        "board_id": ID,
        "board_name": "line 3",
        "group": None,
        "url": "tcp://192.168.1.20:5230",
        "state": "connected",
        "reason": "",
        "code": None,
        "preview": {"problem": "", "rate": 5},
        "jobs": [],
        "status": {
            "board_type": "k230_canmv_v3",
            "version": "0.1.0",
            "firmware": "1.7.0",
            "uptime_ms": 93_784_000,
            "temperature_c": 61,
            "heap_used_bytes": 21 << 20,
            "heap_free_bytes": 42 << 20,
            "card_free_bytes": 7_700_000 << 10,
            "starts": 3,
            "problems": [],
            "memory": {"media_free_bytes": 240_000 << 10},
            "processed": 2_806_113,
            "skipped": 12_000,
            "network": {"interface": "wlan0", "address": "192.168.1.20", "signal_dbm": -54},
            "clients": [{"name": "k230 hub"}],
        },
        "figures": {"fps": 29.8, "latency_ms": 47.2, "dropped": 0, "heap_kb": 21504},
        "tasks": [
            {"name": name, "task": "metric_learning" if name == "identities" else name}
            | {"active": name == "detection", "problem": None, "package": f"/sdcard/{name}"}
            for name in tasks
        ],
        "packages": [
            {
                "name": "shapes_det",
                "task": "detection",
                "model": "shapes_det",
                "size_bytes": 301_000,
            }
            | {"in_use": True, "problem": None, "warnings": []}
        ],
        "model": {"task": "detection", "task_name": "detection", "model": "shapes_det"}
        | {"labels": LABELS, "generation": 1},
        "settings": [
            setting("confidence_threshold", 0.45),
            setting("nms_threshold", None),
            setting("max_results", 50, kind="integer", low=1, high=300),
            setting("region", None, kind="region"),
            setting("preview.enabled", True, kind="boolean", task=False),
            setting(
                "events.zones",
                [{"name": "gate", "points": [[60, 380], [560, 350], [600, 690], [40, 690]]}],
                kind="zones",
            ),
            setting(
                "events.lines",
                [{"name": "exit", "from": [720, 80], "to": [700, 640]}],
                kind="lines",
            ),
        ],
    }
    return row | more


def event(number: int, kind: str, details: Row, at: float = 1_796_040_000.0) -> Row:
    """Return an event as a browser gets it."""
    return {"op": "event", "board": ID, "kind": kind, "details": details, "t": at, "n": number}


class Stage:
    """Plays the server for one page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.state = board()
        self.boards = [self.state]
        self.answers: dict[str, Row] = {}
        self.asked: list[tuple[str, Row | None]] = []
        self.heard: list[Row] = []
        self.socket: WebSocketRoute | None = None
        self._files = assets.load()

    async def open(self, tab: str = "now") -> None:
        """Open the page of the board."""
        await self.page.route(f"{HOST}/**", self._serve)
        await self.page.route_web_socket(f"{HOST.replace('http', 'ws')}/ws", self._meet)
        await self.page.goto(f"{HOST}/#/board/{ID}/{tab}")
        await self.page.locator(".board-page").wait_for()
        await self.watched()

    async def watched(self) -> None:
        """Wait until the page has asked for pictures: those that came before would be lost."""
        for _ in range(1200):
            if any(row["op"] == "watch" for row in self.heard):
                return
            await self.page.wait_for_timeout(50)
        raise AssertionError("the page asks for no pictures")

    async def _serve(self, route: Route) -> None:
        path = route.request.url.removeprefix(HOST).split("?")[0].lstrip("/")
        if not path.startswith("api/v1/"):
            found = self._files.get(path.removeprefix("static/") or "index.html")
            if found is None:
                await route.fulfill(status=404)
                return
            headers = {**HEADERS, "Content-Type": f"{found.content_type}; charset=utf-8"}
            await route.fulfill(body=found.data, headers=headers)
            return
        name = path.removeprefix("api/v1/").removeprefix(f"boards/{ID}/")
        self.asked.append(
            (
                name,
                route.request.post_data_json if name and route.request.method == "POST" else None,
            )
        )
        row = self.answers.get(name, _ANSWERS.get(name, {}))
        await route.fulfill(status=row.get("status", 200) if "error" in row else 200, json=row)

    def _meet(self, socket: WebSocketRoute) -> None:
        self.socket = socket
        socket.on_message(self._hear)
        self.say({"op": "me", "name": "admin", "role": "admin"})
        self.say({"op": "boards", "boards": self.boards})

    def _hear(self, message: str | bytes) -> None:
        self.heard.append(json.loads(message))

    def say(self, row: Row) -> None:
        """Send the page something."""
        assert self.socket is not None
        self.socket.send(json.dumps(row))

    def tell_board(self, **more: Any) -> None:
        """Change the board's state."""
        self.state.update(more)
        self.say({"op": "board", "board": self.state})

    async def show(
        self, found: Row, count: int = 5, jpeg: bytes | None = None, **head: Any
    ) -> None:
        """Send a result and a picture, and wait until both are painted."""
        assert self.socket is not None
        self.say({"op": "results", "rows": [{**found, "board": ID}]})
        row = {"board": ID, "seq": found["seq"], "time_ms": found["time_ms"]}
        header = json.dumps(row | {"width": 640, "height": 360} | head).encode()
        data = picture(count) if jpeg is None else jpeg
        self.socket.send(struct.pack(">I", len(header)) + header + data)
        wanted = head.get("seq", found["seq"])
        await self.page.locator(f"canvas[data-picture='{wanted}']").wait_for()

    async def pixel(self, x: float, y: float) -> tuple[int, int, int]:
        """Return the colour that the page has painted at a place of the frame."""
        found = await self.page.evaluate(
            """([x, y, width, height]) => {
                const canvas = document.querySelector('canvas');
                const scale = Math.min(canvas.width / width, canvas.height / height);
                const left = (canvas.width - width * scale) / 2, top = (canvas.height - height * scale) / 2;
                const at = [Math.round(left + x * scale), Math.round(top + y * scale)];
                return [...canvas.getContext('2d').getImageData(at[0], at[1], 1, 1).data];
            }""",
            [x, y, WIDTH, HEIGHT],
        )
        return found[0], found[1], found[2]


_ANSWERS: dict[str, Row] = {
    "me": {"name": "admin", "role": "admin", "login": True},
    "events": {"events": [], "before": None, "kinds": [], "kept": 0},
    "figures": {"rows": []},
    "gallery": {
        "selected": "people",
        "problem": "",
        "samples": 12,
        "negatives": 0,
        "capacity": 2000,
        "size": 9000,
        "dimension": 128,
        "sha256": "00",
        "threshold": 0.62,
        "margin": 0.05,
        "combine": "max",
        "nearest": 1,
        "galleries": {"people": 12},
        "labels": [
            {"label": "Anna", "samples": 7, "negatives": 0, "threshold": None},
            {"label": "小王", "samples": 5, "negatives": 1, "threshold": 0.7},
        ],
    },
    "users": {"users": [{"name": "admin", "role": "admin"}], "tokens": ["home"]},
}
SCREENSHOTS = Path("screenshots")
