"""The overlay, by its pixels: it says what the result says, of the picture that it belongs to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from firmware_app.wire import messages
from host_client import Model, decode_result
from tests.dashboard.browser import a_page, browsing, keep, near, rgb
from tests.dashboard.scenes import COLOURS, LABELS, Stage, boxes, picture, result, setting
from tests.json_lines import validator

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
TASKS = (
    *("detection", "classification", "multilabel", "segmentation", "instance_segmentation"),
    *("pose", "oriented_detection", "ocr", "metric_learning"),
)

MODEL = Model([1, "shapes", "net", b"\x11" * 32, LABELS, 1280, 720, "shapes"], "0011aabb", "line 3")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One browser for the file."""
    async with browsing() as found:
        yield found


@pytest.mark.parametrize("task", TASKS)
async def test_the_scenes_are_results(task: str) -> None:
    """What these tests draw has the form that the client gives, masks and class maps filled by runs."""
    for count in (0, 5, 20):
        row = result(task, count)
        validator("result").validate(row)
        for item in row.get("objects", []):
            mask = item.get("mask")
            if mask:
                data = b"".join(_leb128(run) for run in mask["rle"])
                shape = [mask[name] for name in ("x", "y", "w", "h", "columns", "rows")]
                box = [item[name] for name in ("x", "y", "w", "h")]
                sent = [[*box, round(1000 * item["score"]), item["class_id"]]]
                found = decode_result(
                    [messages.INSTANCE_SEGMENTATION, 1, 1 << 24, 1, sent, [[*shape, data]]], MODEL
                )
                assert found.to_dict()["objects"][0]["mask"] == mask
        if "map_width" in row:
            cells = row["map_width"] * row["map_height"]
            assert sum(run for _, run in row["rle"]) == cells == sum(row["areas"].values())


def _leb128(run: int) -> bytes:
    return bytes([run]) if run < 128 else bytes([run & 127 | 128]) + _leb128(run >> 7)


async def on_edge(stage: Stage, box: dict[str, Any]) -> bool:
    """Return whether the box's left edge is painted in its class's colour, at its lower third."""
    colour = rgb(COLOURS[box["class_id"] % 8])
    y = box["y"] + 0.7 * box["h"]
    found = [await stage.pixel(box["x"] + dx, y) for dx in (-1, 0, 1)]
    return any(near(pixel, colour) for pixel in found)


async def opened(page: Page, **more: Any) -> Stage:
    """Open the page without zones and lines, which would lie over the boxes."""
    stage = Stage(page)
    stage.state["settings"] = [setting("camera.fps", 30, task=False)]
    stage.state.update(more)
    await stage.open()
    return stage


async def test_boxes_are_where_the_result_says(browser: Browser) -> None:
    """Each of 5, then of 20 boxes has its edge in its class's colour; with none there is none."""
    async with a_page(browser) as page:
        stage = await opened(page)
        for number, count in enumerate((5, 20, 0)):
            found = result(count=count, seq=1000 + number, time_ms=50_000 + 1000 * number)
            await stage.show(found, 20)
            for box in boxes(count):
                if box["class_id"] != 8:  # the ninth class is dashed
                    assert await on_edge(stage, box), (count, box)
            await keep(page, f"boxes-{count}")
        for box in boxes(20):
            assert not await on_edge(stage, box)


async def test_a_picture_without_its_result_has_no_overlay(browser: Browser) -> None:
    """More than a frame apart: nothing is drawn. The nearest of several is."""
    async with a_page(browser) as page:
        stage = await opened(page)
        (box,) = boxes(1)
        await stage.show(result(count=1, seq=1, time_ms=50_000), 1, seq=9, time_ms=50_200)
        assert await page.locator("canvas").get_attribute("data-seq") == ""
        assert not await on_edge(stage, box)
        moved = [dict(box, x=box["x"] + 100 * number) for number in range(4)]
        rows = [
            result(seq=100 + number, time_ms=60_000 + 33 * number, boxes=[moved[number]])
            for number in range(4)
        ]
        stage.say({"op": "results", "rows": rows[:2] + rows[3:]})
        await stage.show(rows[2], 1, seq=500, time_ms=60_070)
        await page.locator("canvas[data-seq='102']").wait_for()
        assert [await on_edge(stage, one) for one in moved] == [False, False, True, False]


async def test_a_late_result_finds_its_picture(browser: Browser) -> None:
    """A result that comes after its picture is drawn over it, without another picture."""
    async with a_page(browser) as page:
        stage = await opened(page)
        await stage.show(result(count=0, seq=5, time_ms=49_000), 1, seq=6, time_ms=50_000)
        stage.say({"op": "results", "rows": [result(count=1, seq=6, time_ms=50_000)]})
        await page.locator("canvas[data-seq='6']").wait_for()
        assert await on_edge(stage, boxes(1)[0])


@pytest.mark.parametrize("task", TASKS)
async def test_every_task_is_drawn(browser: Browser, task: str) -> None:
    """With 0, 5 and 20 objects the picture differs from the one without overlay, and nothing breaks."""
    async with a_page(browser) as page:
        stage = await opened(page)
        stage.state["model"]["task"] = task
        for number, count in enumerate((0, 5, 20)):
            seq, time_ms = 1000 + number, 50_000 + 1000 * number
            await stage.show(result(task, count, seq=seq, time_ms=time_ms), 5)
            drawn = await page.evaluate(_DIGEST)
            await page.get_by_role("button", name="Results on the picture").click()
            bare = await page.evaluate(_DIGEST)
            await page.get_by_role("button", name="Results on the picture").click()
            alike = task == "classification" or not count
            assert (drawn != bare) or alike, (task, count)
            await keep(page, f"{task}-{count}")


_DIGEST = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
    const canvas = document.querySelector('canvas');
    const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    let sum = 0;
    for (let i = 0; i < data.length; i += 4) sum = (sum * 31 + data[i] + data[i + 1] * 7) >>> 0;
    done(sum);
})))"""


async def test_masks_and_class_maps(browser: Browser) -> None:
    """A mask tints what it covers, and not the corners of its box."""
    async with a_page(browser) as page:
        stage = await opened(page)
        await stage.show(result("instance_segmentation", 1), 0)
        (box,) = boxes(1)
        middle = await stage.pixel(box["x"] + box["w"] * 0.5, box["y"] + box["h"] * 0.6)
        corner = await stage.pixel(box["x"] + box["w"] * 0.04, box["y"] + box["h"] * 0.94)
        assert middle[0] > corner[0] + 20  # orange over grey
        await stage.show(result("segmentation", 1, seq=1001, time_ms=51_000), 0)
        inside = await stage.pixel(box["x"] + box["w"] * 0.5, box["y"] + box["h"] * 0.6)
        outside = await stage.pixel(1200, 400)
        assert inside[2] > inside[0] + 20  # class 1 is blue
        assert abs(outside[2] - outside[0]) < 30


async def test_a_path_ends_with_its_task(browser: Browser) -> None:
    """The same ids in another task's results are other tracks."""
    async with a_page(browser) as page:
        stage = await opened(page)
        (box,) = boxes(1)
        moved = [
            dict(box, x=box["x"] + 500 * number, y=box["y"], w=100, h=100) for number in (0, 1)
        ]
        between = (moved[0]["x"] + 300, moved[0]["y"] + 100)
        first = result(seq=1, time_ms=50_000, boxes=moved[:1])
        await stage.show(first, 0)
        await stage.show(result(seq=2, time_ms=50_500, boxes=moved[1:]), 0)
        drawn = await stage.pixel(*between)
        other = result("pose", 0, seq=3, time_ms=51_000)
        other["objects"] = [dict(moved[1], keypoints=[])]
        await stage.show(other, 0)
        bare = await stage.pixel(*between)
        assert drawn[0] > bare[0] + 40  # orange over grey


async def test_the_list_says_nothing_twice(browser: Browser) -> None:
    """Counts stand above the list where a label repeats; the background has no colour, as on the picture."""
    async with a_page(browser) as page:
        stage = await opened(page)
        chips = page.locator(".now .chips")
        await stage.show(result(count=20), 20)
        await chips.get_by_text("3 bottle").wait_for()
        await stage.show(result("ocr", 20, seq=1001, time_ms=51_000), 20)
        await page.locator(".found").get_by_text("LOT 1133").wait_for()
        assert await chips.count() == 0
        await stage.show(result("segmentation", 5, seq=1002, time_ms=52_000), 5)
        rows = page.locator(".found li")
        await rows.get_by_text("background").wait_for()
        style = "(rows) => rows.map((row) => row.style.background)"
        found = await page.locator(".found .swatch").evaluate_all(style)
        assert found[:2] == ["rgb(185, 194, 201)", "rgb(86, 180, 233)"]


async def test_hostile_shapes(browser: Browser) -> None:
    """Masks that lie about their size, missing keypoints, endless texts: drawn or left out."""
    async with a_page(browser) as page:
        stage = await opened(page)
        found = result("instance_segmentation", 4)
        found["objects"][0]["mask"] |= {"columns": 10**9, "rows": 10**9}
        found["objects"][1]["mask"] |= {"rle": [10**12]}
        found["objects"][2]["mask"] = None
        found["objects"][3]["label"] = "\u202e<img src=x onerror=alert(1)>" * 200
        await stage.show(found)
        pose = result("pose", 2, seq=1001, time_ms=51_000)
        pose["objects"][0]["keypoints"] = [{"name": "a", "x": 1, "y": 1, "score": None}]
        await stage.show(pose)
        await stage.show(result("segmentation", 2, seq=1002, time_ms=52_000, rle=[[0, 10**12]]))
        assert await page.locator("img[src='x']").count() == 0


async def test_zoom_pause_step_save(browser: Browser) -> None:
    """By keys: what is paused stays, a step back shows the result of that picture, zoom magnifies."""
    async with a_page(browser) as page:
        stage = await opened(page)
        for number in range(3):
            await stage.show(result(count=1 + number, seq=10 + number, time_ms=1000 * (1 + number)))
        canvas = page.locator("canvas")
        await canvas.press(" ")
        await page.get_by_text("Paused").wait_for()
        stage.say({"op": "results", "rows": [result(count=5, seq=13, time_ms=4000)]})
        await canvas.press("ArrowLeft")
        await page.locator("canvas[data-picture='11'][data-seq='11']").wait_for()
        await canvas.press("ArrowLeft")
        await page.locator("canvas[data-picture='10'][data-seq='10']").wait_for()
        assert await on_edge(stage, boxes(1)[0])
        await canvas.press("+")
        await page.get_by_label("Zoom", exact=True).get_by_text("150%").wait_for()
        await page.evaluate(_DIGEST)
        assert not await on_edge(stage, boxes(1)[0])
        await canvas.press("0")
        async with page.expect_download() as saved:
            await canvas.press("s")
        download = await saved.value
        assert download.suggested_filename.startswith("line 3-")
        assert (await download.path()).read_bytes().startswith(b"\x89PNG")
        await canvas.press(" ")
        await stage.show(result(count=2, seq=20, time_ms=9000))


async def test_a_damaged_picture_is_skipped(browser: Browser) -> None:
    """The next one is shown, and the server is told of both: it would send no more."""
    async with a_page(browser) as page:
        stage = await opened(page)
        assert stage.socket is not None
        head = b'{"board":"0123456789abcdef","seq":1,"time_ms":1,"width":64,"height":36}'
        stage.socket.send(len(head).to_bytes(4, "big") + head + picture(1)[:40])
        await stage.show(result(count=1))
        await page.evaluate(_DIGEST)
        painted = [row for row in stage.heard if row["op"] == "painted"]
        assert len(painted) == 2
