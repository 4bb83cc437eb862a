"""Overlays of real results: what the models in models/ find in their pictures, by the page's pixels."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from PIL import Image
from playwright.async_api import Browser

from host_client.board import Board
from tests.dashboard.browser import a_page, browsing, keep, near, rgb
from tests.dashboard.scenes import COLOURS, Row, Stage, setting
from tests.integration.boards import PACKAGES, running
from virtual_board.card import make_card

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
PACKAGE = {
    "pose": "shapes_pose",
    "oriented_detection": "shapes_obb",
    "segmentation": "shapes_seg",
}


class World(NamedTuple):
    """A browser, and each task's first result with an object, with its picture."""

    browser: Browser
    found: dict[str, tuple[Row, bytes]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    found: dict[str, tuple[Row, bytes]] = {}
    for task, package in PACKAGE.items():
        card = tmp_path_factory.mktemp(task)
        make_card(PACKAGES / package, card, settings={"camera.enabled": False})
        async with running(card) as board:
            assert board.url is not None
            async with Board.connect(board.url, board.key) as client:
                for path in sorted((PACKAGES / package / "pictures").iterdir()):
                    row = (await client.infer(path, timeout=300)).to_dict()
                    if row.get("objects") or task == "segmentation":
                        found[task] = (row, jpeg_of(path))
                        break
    async with browsing() as browser:
        yield World(browser, found)


def jpeg_of(path: Path) -> bytes:
    data = io.BytesIO()
    with Image.open(path) as picture:
        picture.convert("RGB").save(data, "JPEG", quality=90)
    return data.getvalue()


class Canvas:
    """The pixels of the live view, with and without overlay, by places of the frame."""

    def __init__(self, stage: Stage, row: Row) -> None:
        self._stage = stage
        self._size = (row["width"], row["height"])
        self._with: Any = None
        self._without: Any = None

    async def read(self) -> None:
        page = self._stage.page
        self._with = await self._image()
        await page.get_by_role("button", name="Results on the picture").click()
        self._without = await self._image()

    async def _image(self) -> Any:
        await self._stage.page.evaluate(_FRAMES)
        data = await self._stage.page.locator("canvas").screenshot()
        return Image.open(io.BytesIO(data)).convert("RGB")

    def at(self, x: float, y: float, *, bare: bool = False) -> tuple[int, int, int]:
        """Return the colour at a place of the frame."""
        image = self._without if bare else self._with
        found: tuple[int, int, int] = image.getpixel(self._place(x, y))
        return found

    def _place(self, x: float, y: float) -> tuple[int, int]:
        image = self._with
        width, height = self._size
        scale = min(image.width / width, image.height / height)
        left, top = (image.width - width * scale) / 2, (image.height - height * scale) / 2
        place = (int(left + x * scale), int(top + y * scale))
        return min(image.width - 1, max(0, place[0])), min(image.height - 1, max(0, place[1]))

    def listed(self, x: float, y: float, rows: int) -> bool:
        """Return whether the list of what is true of the frame lies there."""
        left, top = self._place(x, y)
        return left < 280 and top < 24 * rows + 30

    def around(self, x: float, y: float, wanted: tuple[int, int, int], pixels: int = 3) -> bool:
        """Return whether the colour is at a place, or some pixels of the frame beside it."""
        steps = range(-pixels, pixels + 1)
        return any(near(self.at(x + dx, y + dy), wanted, 60) for dx in steps for dy in steps)


_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


async def shown(world: World, task: str, stage: Stage) -> tuple[Row, Canvas]:
    row, jpeg = world.found[task]
    stage.state["settings"] = [setting("camera.fps", 30, task=False)]
    stage.state["model"]["task"] = task
    await stage.open()
    await stage.show(row, jpeg=jpeg)
    await stage.page.get_by_role("button", name="Labels (L)").click()  # they would lie over it
    await keep(stage.page, f"real-{task}")
    canvas = Canvas(stage, row)
    await canvas.read()
    return row, canvas


async def test_keypoints_are_where_the_model_says(world: World) -> None:
    """A white point at each sure keypoint, the skeleton between them, and the box."""
    async with a_page(world.browser) as page:
        row, canvas = await shown(world, "pose", Stage(page))
        checked = 0
        for item in row["objects"]:
            colour = rgb(COLOURS[item["class_id"] % 8])
            points = item["keypoints"]
            for point in points:
                if point["score"] is None or point["score"] >= 0.3:
                    assert canvas.around(point["x"], point["y"], (255, 255, 255)), point
                    checked += 1
            for a, b in row["skeleton"]:
                ends = (points[a], points[b])
                if all(p["score"] is None or p["score"] >= 0.35 for p in ends):
                    x, y = ((ends[0][n] + ends[1][n]) / 2 for n in ("x", "y"))
                    assert canvas.around(x, y, colour), (a, b)
            assert canvas.around(item["x"], item["y"] + 0.8 * item["h"], colour)
        assert checked >= 3


async def test_turned_boxes_are_turned(world: World) -> None:
    """Each side of each box is in its class's colour; the upright box around it is not drawn."""
    async with a_page(world.browser) as page:
        row, canvas = await shown(world, "oriented_detection", Stage(page))
        assert row["objects"]
        for item in row["objects"]:
            colour = rgb(COLOURS[item["class_id"] % 8])
            corners = item["corners"]
            for (x1, y1), (x2, y2) in zip(corners, [*corners[1:], corners[0]], strict=True):
                x, y = x1 + 0.4 * (x2 - x1), y1 + 0.4 * (y2 - y1)
                if 3 < x < row["width"] - 3 and 3 < y < row["height"] - 3:
                    assert canvas.around(x, y, colour), (item["label"], x, y)


async def test_a_class_map_covers_its_classes(world: World) -> None:
    """Cells of a class are tinted by its colour, cells of the background are as in the picture."""
    async with a_page(world.browser) as page:
        row, canvas = await shown(world, "segmentation", Stage(page))
        columns, rows = row["map_width"], row["map_height"]
        cells = [kind for kind, run in row["rle"] for _ in range(run)]
        assert len(set(cells)) > 1
        tinted = plain = 0
        for number, kind in enumerate(cells):
            x, y = number % columns, number // columns
            near_cells = [
                cells[j * columns + i]
                for i in (x - 1, x, x + 1)
                for j in (y - 1, y, y + 1)
                if 0 <= i < columns and 0 <= j < rows
            ]
            if len(set(near_cells)) > 1 or number % 7:
                continue  # at an edge; or enough of them
            place = ((x + 0.5) * row["width"] / columns, (y + 0.5) * row["height"] / rows)
            if canvas.listed(*place, len(row["areas"])):
                continue
            painted, bare = canvas.at(*place), canvas.at(*place, bare=True)
            if kind:
                colour = rgb(COLOURS[kind % 8])
                part = 130 / 255
                wanted = [b + (c - b) * part for b, c in zip(bare, colour, strict=True)]
                assert all(abs(p - w) < 30 for p, w in zip(painted, wanted, strict=True)), place
                tinted += 1
            else:
                assert near(painted, bare, 12), place
                plain += 1
        assert tinted > 10
        assert plain > 10
