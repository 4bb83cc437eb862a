"""Makes the README's pictures of the dashboard: python -m tools.dashboard_pictures.

A virtual board with the demo's card, the dashboard, and Chromium, which does what a user would.
Each picture is taken when the page shows what it should, not after some time. A busy computer shows
figures that no reader should see: then it ends with an error and leaves the old pictures.
"""

from __future__ import annotations

import asyncio
import io
import re
import tempfile
from pathlib import Path

from PIL import Image
from playwright.async_api import Browser, Page, async_playwright

from board_hub import dashboard_demo
from tests.dashboard.browser import chromium
from tests.dashboard.server import Server, serve
from virtual_board.board import VirtualBoard

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "pictures"
WIDTH = 1200  # pixels of the pictures; the window is larger
COLOURS = 256
_WAIT_MS = 300_000
# A quiet PC has about the camera's four results a second.
_LEAST_FPS = 3
_MOST_LATENCY_MS = 900
_IDENTITY = "Mark A"
_BELT = ((8, 8), (952, 8), (952, 712), (8, 712))


async def _main() -> None:
    FOLDER.mkdir(exist_ok=True)
    pictures: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory(prefix="k230-pictures-") as name:
        folder = Path(name)
        dashboard_demo.make(folder / "card", folder / "camera")
        board = VirtualBoard(
            sdcard=folder / "card", data=folder / "data", camera=str(folder / "camera")
        )
        async with board, async_playwright() as driver:
            await board.ready(60)
            browser = await driver.chromium.launch(
                executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"]
            )
            async with serve(folder, board) as server:
                pictures["live"] = await _live(await _page(browser, server.link, "light"), server)
                pictures["events"] = await _events(await _page(browser, server.link, "light"))
                pictures["identities"] = await _identities(
                    await _page(browser, server.link, "dark")
                )
            await browser.close()
    for name, data in pictures.items():
        _save(data, name)


async def _page(browser: Browser, link: str, scheme: str) -> Page:
    context = await browser.new_context(
        viewport={"width": 1360, "height": 800},
        color_scheme="dark" if scheme == "dark" else "light",
        locale="en-US",
    )
    context.set_default_timeout(_WAIT_MS)
    page = await context.new_page()
    await page.goto(link)
    await page.locator("canvas:not([data-seq=''])[data-picture]:not([data-picture=''])").wait_for()
    return page


async def _live(page: Page, server: Server) -> bytes:
    """The live view with a zone and a line that have counted, and the sliders beside it."""
    (view,) = server.views.all()
    await view.session.board.set(
        {
            "events.enabled": True,
            "events.zones": [{"name": "belt", "points": [list(point) for point in _BELT]}],
            "events.lines": [{"name": "exit", "from": [300, 700], "to": [300, 20]}],
        }
    )
    await page.locator("#tab-adjust").click()
    belt = page.locator(".places li").filter(has_text="belt").locator(".count")
    exits = page.locator(".places li").filter(has_text="exit").locator(".count")
    await belt.filter(has_text=re.compile(r"\w+ [1-9].*,")).wait_for()  # of two classes
    await exits.filter(has_text=re.compile(r"[1-9]")).wait_for()
    await _pause(page, "(result.boxes || []).length >= 3")
    return await _shot(page)


async def _pause(page: Page, wanted: str) -> None:
    """Pause at a picture with the wanted result, while the figures are those of a quiet PC.

    wanted: in JavaScript, about `result`.
    """
    found = await page.evaluate(
        f"""([least, most, patience]) => new Promise((done) => {{
            const canvas = document.querySelector('canvas');
            const number = (at) => parseFloat(document.querySelectorAll('.facts dd')[at]?.textContent);
            const end = (said) => {{
                clearTimeout(timer);
                canvas.removeEventListener('painted', look);
                done(said);
            }};
            const look = ({{detail: {{result, picture}}}}) => {{
                if (!picture || !result || !({wanted})) return;
                if (!(number(0) >= least && number(1) <= most)) return;
                canvas.dispatchEvent(new KeyboardEvent('keydown', {{key: ' ', bubbles: true}}));
                end('');
            }};
            const timer = setTimeout(
                () => end(`${{number(0)}} results/s, latency ${{number(1)}} ms`), patience);
            canvas.addEventListener('painted', look);
        }})""",
        [_LEAST_FPS, _MOST_LATENCY_MS, _WAIT_MS],
    )
    if found:
        raise SystemExit(
            f"the dashboard's pictures: expected at least {_LEAST_FPS} results/s and at most "
            f"{_MOST_LATENCY_MS} ms with {wanted}, found {found}: end other programs and try again"
        )
    await page.locator(".live .flag").wait_for()  # "Paused"


async def _events(page: Page) -> bytes:
    """What happened, with the board's pictures of it."""
    await page.locator("#tab-events").click()
    await page.locator(".timeline .thumb img").nth(3).wait_for()
    await page.wait_for_function(
        """() => [...document.querySelectorAll('.timeline .thumb img')].slice(0, 4)
            .every((image) => image.complete && image.naturalWidth > 0)"""
    )
    await _pause(page, "(result.boxes || []).length >= 2")
    return await _shot(page)


async def _identities(page: Page) -> bytes:
    """An identity that was taught, recognised in the picture."""
    await page.locator("#tab-identities").click()
    await page.get_by_role("button", name="Switch to metric_learning").click()
    await page.get_by_label("Name", exact=True).fill(_IDENTITY)
    await page.get_by_role("button", name="Teach", exact=True).click()
    await page.get_by_text(re.compile("of \\d+ pictures accepted")).wait_for()
    await page.locator(".toast").first.wait_for(state="detached")
    await _pause(page, f"result.identity === '{_IDENTITY}'")
    return await _shot(page)


async def _shot(page: Page) -> bytes:
    data = await page.screenshot()
    await page.context.close()
    return data


def _save(data: bytes, name: str) -> None:
    with Image.open(io.BytesIO(data)) as shot:
        height = round(shot.height * WIDTH / shot.width)
        small = shot.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
        small.quantize(COLOURS, dither=Image.Dither.NONE).save(
            FOLDER / f"{name}.png", optimize=True
        )
    print(f"{FOLDER / name}.png: {(FOLDER / f'{name}.png').stat().st_size >> 10} kB")


if __name__ == "__main__":
    asyncio.run(_main())
