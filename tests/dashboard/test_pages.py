"""The pages themselves: accessible, in two languages, on a phone, and deaf to hostile texts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.async_api import Browser, Page

from tests.dashboard.browser import a_page, browsing, keep
from tests.dashboard.scenes import HOST, ID, Stage, board, event, result, setting

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
TABS = ("now", "adjust", "identities", "packages", "events", "figures", "log", "board")
EVIL = '"><img src=x onerror="window.hit=1"><script>window.hit=1</script>{{7*7}}\u202e\u0000'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Start one browser for the file."""
    async with browsing() as found:
        yield found


async def violations(page: Page) -> list[str]:
    """Return what axe-core finds wrong."""
    await page.evaluate(AXE_FILE_PATH.read_text(encoding="utf-8"))
    found: Any = await page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{row['id']}: {node['html'][:120]} {node['failureSummary'][:160]}"
        for row in found["violations"]
        for node in row["nodes"][:3]
    ]


def busy(stage: Stage) -> None:
    """Let there be something to see on every tab."""
    rows = [
        event(9, "zone.enter", {"zone": "gate", "label": "person", "track": 44, "inside": 1}),
        event(8, "problem", {"code": "camera", "text": "the camera gives no pictures"}),
    ]
    stage.answers["events"] = {"events": rows, "before": 8, "kinds": ["problem"], "kept": 2}
    stage.state["status"]["problems"] = [{"code": "card", "text": "the card is full"}]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(browser: Browser, scheme: Any) -> None:
    """On every tab and page, in both colour schemes, at a phone's width too."""
    async with a_page(browser, color_scheme=scheme) as page:
        stage = Stage(page)
        busy(stage)
        await stage.open()
        await stage.show(result())
        for tab in TABS:
            if tab == "identities":
                stage.state["model"]["task"] = "metric_learning"
                stage.tell_board()
            await page.locator(f"#tab-{tab}").click()
            await page.locator(f"#tab-{tab}[aria-selected='true']").wait_for()
            stage.say(
                {
                    "op": "lines",
                    "rows": [
                        {"op": "log", "board": ID, "level": "warning", "text": "x", "time": None}
                    ],
                }
            )
            assert await violations(page) == [], (tab, scheme)
            await keep(page, f"{tab}-{scheme}")
        for place in ("boards", "people"):
            await page.goto(f"{HOST}/#/{place}")
            await page.locator("main h1").wait_for()
            assert await violations(page) == [], (place, scheme)
            await keep(page, f"{place}-{scheme}")
        stage.answers["me"] = {"name": None, "role": None, "login": True}
        await page.reload()
        await page.get_by_label("Password").wait_for()
        assert await violations(page) == [], ("login", scheme)
        await keep(page, f"login-{scheme}")


@pytest.mark.parametrize("width", [1440, 1024, 390])
async def test_nothing_sticks_out(browser: Browser, width: int) -> None:
    """No page is wider than the window, with long names too."""
    async with a_page(browser, viewport={"width": width, "height": 844}) as page:
        stage = Stage(page)
        busy(stage)
        stage.state["board_name"] = "a_very_long_name_without_any_place_to_break_it_" * 3
        await stage.open()
        await stage.show(result())
        for tab in (*TABS, "boards"):
            if tab == "boards":
                await page.goto(f"{HOST}/#/boards")
                await page.locator("ul.grid").wait_for()
            else:
                await page.locator(f"#tab-{tab}").click()
            wide = await page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, (tab, wide)
            ends = "(tabs) => tabs.map((tab) => tab.getBoundingClientRect().right)"
            right = await page.locator("[role=tab]").evaluate_all(ends)
            assert all(0 < end <= width for end in right), right  # a strip that scrolls hides some
            await keep(page, f"{tab}-{width}")


async def test_hostile_texts(browser: Browser) -> None:
    """Labels, names, log lines, events, problems and errors that are HTML stay text."""
    async with a_page(browser) as page:
        stage = Stage(page)
        stage.boards = [stage.state]
        row = board()
        row |= {"board_name": EVIL, "reason": EVIL, "url": EVIL}
        row["model"] |= {"labels": [EVIL] * 3, "task_name": EVIL, "model": EVIL}
        row["status"] |= {"problems": [{"code": EVIL, "text": EVIL}], "version": EVIL}
        row["tasks"] = [
            {"name": EVIL, "task": EVIL, "active": True, "problem": EVIL, "package": EVIL}
        ]
        row["packages"] = [
            {"name": EVIL, "task": EVIL, "model": EVIL, "size": 1, "in_use": False, "problem": EVIL}
        ]
        row["settings"] = [
            setting(EVIL, 0.5, unit=EVIL),
            setting("nms", EVIL, kind="choice", choices=[EVIL]),
            setting(
                "events.zones",
                [{"name": EVIL, "points": [[1, 1], [300, 1], [300, 300]]}],
                kind="zones",
            ),
        ]
        stage.state.update(row)
        stage.answers["events"] = {
            "before": None,
            "kinds": [EVIL],
            "kept": 1,
            "events": [event(9, EVIL, {EVIL: EVIL, "label": EVIL, "reason": EVIL})],
        }
        stage.answers["set"] = {"error": {"code": EVIL, "message": EVIL}, "status": 422}
        await stage.open()
        found = result()
        for box in found["boxes"]:
            box["label"] = EVIL
        await stage.show(found)
        stage.say(
            {
                "op": "lines",
                "rows": [
                    {"op": "log", "board": ID, "level": EVIL, "text": EVIL, "time": EVIL},
                    event(10, EVIL, {"by": EVIL}),
                ],
            }
        )
        stage.say(
            {
                "op": "job",
                "job": "1",
                "board": ID,
                "kind": EVIL,
                "label": EVIL,
                "by": EVIL,
                "done": 1,
                "total": 2,
                "what": EVIL,
            }
        )
        for tab in TABS:
            tabs = page.locator(f"#tab-{tab}")
            if await tabs.count():
                await tabs.click()
        await page.locator("#tab-adjust").click()
        await page.locator("input[type=range]").first.press("ArrowRight")
        await page.get_by_role("alert").first.wait_for()
        await page.goto(f"{HOST}/#/boards")
        await page.locator("ul.grid").wait_for()
        assert await page.evaluate("() => window.hit") is None
        assert await page.locator("img[src='x']").count() == 0
        assert await page.locator("#app script").count() == 0


async def test_languages_and_colours(browser: Browser) -> None:
    """Both are remembered; the browser's own language comes first."""
    async with a_page(browser, locale="zh-CN") as page:
        stage = Stage(page)
        await stage.open()
        await page.get_by_role("tab", name="调整").wait_for()
        assert await page.locator("html").get_attribute("lang") == "zh-CN"
        await page.locator(".language select").select_option("en")
        await page.get_by_role("tab", name="Adjust").wait_for()
        await page.get_by_role("button", name="Dark colours").click()
        await page.reload()
        await page.get_by_role("tab", name="Adjust").wait_for()
        assert await page.locator("html").get_attribute("data-theme") == "dark"


async def test_keyboard_alone(browser: Browser) -> None:
    """Tabs by arrow keys, the live view and every button can be reached."""
    async with a_page(browser) as page:
        stage = Stage(page)
        await stage.open()
        await page.locator("#tab-now").focus()
        await page.keyboard.press("ArrowRight")
        await page.locator("#tab-adjust[aria-selected='true']:focus").wait_for()
        await page.keyboard.press("End")
        await page.locator("#tab-board[aria-selected='true']:focus").wait_for()
        await page.keyboard.press("Home")
        await page.locator("#tab-now[aria-selected='true']:focus").wait_for()
        reached = set()
        await page.locator(".brand").focus()
        for _ in range(30):
            await page.keyboard.press("Tab")
            reached.add(
                await page.evaluate(
                    "() => document.activeElement.tagName + document.activeElement.ariaLabel"
                )
            )
        assert any(name.startswith("CANVAS") for name in reached), reached
        assert any("Pause" in name for name in reached), reached
        assert any("Save" in name for name in reached), reached


async def test_zones_lines_and_region_by_mouse(browser: Browser) -> None:
    """What is drawn on the picture goes to the board in pixels of the frame, with what was there before."""
    async with a_page(browser) as page:
        stage = Stage(page)
        stage.state["settings"] = [
            setting("region", None, kind="region"),
            setting("events.zones", [], kind="zones"),
            setting("events.lines", [], kind="lines"),
        ]
        await stage.open("adjust")
        await stage.show(result(count=0))
        box = await page.locator("canvas").bounding_box()
        assert box is not None
        scale = min(box["width"] / 1280, box["height"] / 720)
        left = box["x"] + (box["width"] - 1280 * scale) / 2
        top = box["y"] + (box["height"] - 720 * scale) / 2

        async def drag(x1: int, y1: int, x2: int, y2: int) -> None:
            await page.mouse.move(left + x1 * scale, top + y1 * scale)
            await page.mouse.down()
            await page.mouse.move(left + (x1 + x2) / 2 * scale, top + (y1 + y2) / 2 * scale)
            await page.mouse.move(left + x2 * scale, top + y2 * scale)
            await page.mouse.up()

        async def tool(name: str) -> None:
            await page.get_by_role("button", name=name).click()
            await page.locator(".hint").wait_for()

        async def sent() -> Any:
            for _ in range(600):
                rows = [row for name, row in stage.asked if name == "set" and row]
                if rows:
                    stage.asked.clear()
                    return rows[0]
                await page.wait_for_timeout(50)
            raise AssertionError("nothing was sent")

        await tool("Region to look at")
        await drag(100, 100, 700, 500)
        row = await sent()
        region = row["changes"]["region"]
        assert row["expect"] == {"region": None}
        assert abs(region["x"] - 100) < 4
        assert abs(region["width"] - 600) < 6
        assert abs(region["height"] - 400) < 6

        await tool("Zone")
        for x, y in ((200, 200), (600, 200), (600, 500)):
            await page.mouse.click(left + x * scale, top + y * scale)
        await page.mouse.click(left + 200 * scale, top + 200 * scale)
        await page.get_by_label("Name", exact=True).fill("yard")
        await page.get_by_role("button", name="Save", exact=True).click()
        row = await sent()
        (zone,) = row["changes"]["events.zones"]
        assert zone["name"] == "yard"
        assert len(zone["points"]) == 3

        await tool("Line")
        await drag(300, 600, 900, 600)
        await page.get_by_label("Name", exact=True).fill("gate")
        await page.get_by_role("button", name="Save", exact=True).click()
        row = await sent()
        (line,) = row["changes"]["events.lines"]
        assert abs(line["to"][0] - 900) < 6
        assert row["changes"]["events.enabled"] is True

        # Somebody else was faster.
        stage.answers["set"] = {
            "error": {"code": "conflict", "message": "somebody else"},
            "status": 409,
        }
        await tool("Region to look at")
        await drag(100, 100, 300, 300)
        await page.get_by_text("somebody else").wait_for()
        await tool("Region to look at")
        await page.locator("canvas").press("Escape")
        await page.locator(".hint").wait_for(state="detached")


async def test_drawing_by_keyboard(browser: Browser) -> None:
    """Zone, line and region without a mouse: arrows, space, Backspace, Enter, Escape."""
    async with a_page(browser) as page:
        stage = Stage(page)
        stage.state["settings"] = [
            setting("region", None, kind="region"),
            setting("events.zones", [], kind="zones"),
            setting("events.lines", [], kind="lines"),
        ]
        await stage.open("adjust")
        await stage.show(result(count=0))
        press = page.keyboard.press

        async def tool(name: str) -> None:
            await page.get_by_role("button", name=name, exact=True).focus()
            await press("Enter")
            await page.locator("canvas:focus").wait_for()
            await page.locator(".hint").get_by_text("space sets a point").wait_for()

        async def move(key: str, times: int) -> None:
            for _ in range(times):
                await press(key)

        async def changes(name: str) -> Any:
            for _ in range(600):
                for asked, row in stage.asked:
                    if asked == "set" and row and name in row["changes"]:
                        stage.asked.clear()
                        return row["changes"][name]
                await page.wait_for_timeout(50)
            raise AssertionError(f"{name} was not sent")

        async def named(name: str) -> None:
            await page.get_by_label("Name", exact=True).fill(name)
            await press("Enter")

        await tool("Zone")
        await press("Space")  # the cross appears in the middle
        await page.locator(".hint b").get_by_text("640, 360").wait_for()
        await press("Space")
        await move("ArrowRight", 10)  # a fiftieth of the width each
        await press("Space")
        await move("ArrowDown", 4)
        await press("Space")
        await move("Shift+ArrowLeft", 3)  # a pixel each
        await press("Space")
        await press("Backspace")
        await press("Enter")
        await named("yard")
        (zone,) = await changes("events.zones")
        assert zone["points"] == [[640, 360], [900, 360], [900, 464]]

        await tool("Line")
        await move("ArrowUp", 6)  # the first shows the cross
        await press("Space")
        await move("ArrowUp", 20)  # not beyond the frame
        await press("Enter")
        await named("gate")
        (line,) = await changes("events.lines")
        assert (line["from"], line["to"]) == ([640, 230], [640, 0])

        await tool("Region to look at")
        await press("Space")
        await press("Space")
        await press("Space")  # a region of nothing is none
        await move("ArrowRight", 2)
        await move("ArrowDown", 2)
        await press("Space")
        region = await changes("region")
        assert region == {"x": 640, "y": 360, "width": 52, "height": 52}
        await tool("Line")
        await press("Escape")
        await page.locator(".hint").wait_for(state="detached")
        await press("Space")  # draws no more, but pauses
        await page.get_by_text("Paused").wait_for()


async def test_size_and_rate_of_the_pictures(browser: Browser) -> None:
    """An admin changes both, and sees what they cost the board; a viewer has no such button."""
    async with a_page(browser) as page:
        stage = Stage(page)
        stage.state["settings"] += [
            setting("preview.width", 320, kind="integer", task=False, low=64, high=1280),
            setting("preview.height", 180, kind="integer", task=False, low=64, high=720),
            setting("preview.rate", 2.0, task=False, high=30),
        ]
        await stage.open()
        await stage.show(result())
        button = page.get_by_role("button", name="Size and rate of the pictures")
        await button.click()
        await page.get_by_text("about 5 ms: 1% of its time").wait_for()
        await page.get_by_text("The board gives 2 a second at most").wait_for()
        await page.get_by_label("Size in pixels").select_option("640 × 360")
        await page.get_by_text("The pictures are 640 × 360 now").wait_for()
        await page.get_by_label("Pictures a second").select_option("10")
        for _ in range(600):
            if ("preview", {"rate": 10}) in stage.asked:
                break
            await page.wait_for_timeout(50)
        assert ("preview", {"rate": 10}) in stage.asked
        wanted = {"changes": {"preview.width": 640, "preview.height": 360}}
        assert ("set", wanted) in stage.asked
        assert await violations(page) == []
        await keep(page, "preview")
        stage.say({"op": "me", "name": "eve", "role": "viewer"})
        await button.wait_for(state="detached")


_COUNT = """() => {
    window.calls = 0;
    const real = Date.prototype.toISOString;
    Date.prototype.toISOString = function () { window.calls += 1; return real.call(this); };
}"""


async def test_many_events_are_not_drawn_again_and_again(browser: Browser) -> None:
    """Thousands of rows stay as they are while figures and states arrive; an event is one row more."""
    async with a_page(browser) as page:
        stage = Stage(page)
        rows = [event(n, "line.cross", {"line": "exit"}, 1.79e9 + n) for n in range(3000, 0, -1)]
        stage.answers["events"] = {"events": rows, "before": None, "kinds": [], "kept": 3000}
        await stage.open("events")
        await page.locator(".timeline .event").nth(2999).wait_for()
        await page.evaluate(_COUNT)
        await page.evaluate(
            "() => { window.old = document.querySelectorAll('.timeline .event')[1500]; }"
        )
        for number in range(20):
            row = {"t": 1.79e9 + number, "fps": 20 + number}
            stage.say({"op": "figures", "board": ID, "row": row})
            stage.tell_board(board_name=f"name {number}")
        await page.locator("h1").get_by_text("name 19").wait_for()
        assert await page.evaluate("() => window.calls") == 0
        lines = [event(3001, "track.end", {"label": "news"}, 1.79e9 + 4000)]
        stage.say({"op": "lines", "rows": lines})
        first = page.locator(".timeline .event").first
        await first.get_by_text("news").wait_for()
        assert await first.locator(".thumb").count() == 0
        assert await page.evaluate("() => window.calls") == 1  # no row but the new one was made
        assert await page.evaluate("() => window.old.isConnected")
        stage.say({"op": "lines", "rows": [{"op": "event.picture", "board": ID, "n": 3001}]})
        await first.locator(".thumb").wait_for()  # the board's picture of it came later


async def test_a_day_of_events(browser: Browser) -> None:
    """Pages are asked for one by one; what is typed and chosen goes to the server; news come on top."""
    async with a_page(browser) as page:
        stage = Stage(page)
        rows = [
            event(n, "line.cross", {"line": "exit", "label": f"box {n}", "in": n}, 1.79e9 + n)
            for n in range(300, 100, -1)
        ]
        stage.answers["events"] = {
            "events": rows[:100],
            "before": 201,
            "kinds": ["line.cross"],
            "kept": 20_000,
        }
        await stage.open("events")
        await page.locator(".timeline .event").nth(99).wait_for()
        stage.answers["events"] = {
            "events": rows[100:],
            "before": None,
            "kinds": ["line.cross"],
            "kept": 20_000,
        }
        await page.get_by_role("button", name="Older").click()
        await page.locator(".timeline .event").nth(199).wait_for()
        stage.say(
            {
                "op": "lines",
                "rows": [event(301, "zone.enter", {"zone": "gate", "label": "news"}, 1.79e9 + 400)],
            }
        )
        first = page.locator(".timeline .event").first
        await first.get_by_text("news").wait_for()
        assert await page.locator(".timeline .event").count() == 201


async def test_a_rush_of_events_leaves_no_hole(browser: Browser) -> None:
    """More news than the page keeps of the newest: all are shown, in order; at 3000 it says so."""
    async with a_page(browser) as page:
        stage = Stage(page)
        rows = [event(n, "line.cross", {"line": "exit"}, 1.79e9 + n) for n in range(2200, 0, -1)]
        first = {"events": rows, "before": 1, "kinds": [], "kept": 20_000}
        stage.answers["events"] = first
        await stage.open("events")
        await page.locator(".timeline .event").nth(2199).wait_for()
        for start in range(2201, 3001, 100):
            news = [
                event(n, "zone.enter", {"label": f"news {n}"}, 1.79e9 + n)
                for n in range(start, start + 100)
            ]
            stage.say({"op": "lines", "rows": news})
            await (
                page.locator(".timeline .event").first.get_by_text(f"news {start + 99}").wait_for()
            )
        await page.get_by_text("The newest 3000 are shown").wait_for()
        assert await page.locator(".timeline .event").count() == 3000
        found = await page.locator(".timeline .event .what").all_inner_texts()
        assert [int(text.split("news ")[1].split()[0]) for text in found[:800]] == [
            *range(3000, 2200, -1)
        ]
        assert await page.get_by_role("button", name="Older").count() == 0


async def test_the_server_comes_back(browser: Browser) -> None:
    """The page says that it is away, connects again by itself and asks for what it watched."""
    async with a_page(browser) as page:
        stage = Stage(page)
        await stage.open()
        await stage.show(result())
        assert stage.socket is not None
        before = stage.socket
        stage.heard.clear()
        await stage.socket.close(code=1001, reason="restart")
        await page.get_by_text("The server does not answer").wait_for()
        for _ in range(600):
            if stage.socket is not before and any(row["op"] == "watch" for row in stage.heard):
                break
            await page.wait_for_timeout(50)
        await stage.show(result(seq=2000, time_ms=90_000))
        assert await page.get_by_text("The server does not answer").count() == 0
