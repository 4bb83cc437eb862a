"""Makes the README's pictures of the dashboard: python -m tools.dashboard_pictures.

A virtual board with the demo's card, the dashboard, and Chromium, which does what a user would.
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
_BELT = ((8, 8), (952, 8), (952, 712), (8, 712))


async def _main() -> None:
    FOLDER.mkdir(exist_ok=True)
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
                await _live(await _page(browser, server.link, "light"), server)
                await _events(await _page(browser, server.link, "light"))
                await _identities(await _page(browser, server.link, "dark"))
            await browser.close()


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


async def _live(page: Page, server: Server) -> None:
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
    await _several(page, 3)
    await _save(page, "live")


async def _several(page: Page, count: int) -> None:
    """Pause at a picture with so many objects."""
    await page.evaluate(
        """(count) => new Promise((done) => {
            const canvas = document.querySelector('canvas');
            const look = ({detail: {result, picture}}) => {
                if (!picture || !result || (result.boxes || []).length < count) return;
                canvas.removeEventListener('painted', look);
                canvas.dispatchEvent(new KeyboardEvent('keydown', {key: ' ', bubbles: true}));
                done();
            };
            canvas.addEventListener('painted', look);
        })""",
        count,
    )


async def _events(page: Page) -> None:
    """What happened, with the board's pictures of it."""
    await page.locator("#tab-events").click()
    await page.locator(".timeline .thumb").nth(3).wait_for()
    await page.wait_for_timeout(2000)  # the pictures load
    await _save(page, "events")


async def _identities(page: Page) -> None:
    """An identity that was taught, recognised in the picture."""
    await page.locator("#tab-identities").click()
    await page.get_by_role("button", name="Switch to metric_learning").click()
    await page.get_by_label("Name", exact=True).fill("Mark A")
    await page.get_by_role("button", name="Teach", exact=True).click()
    await page.get_by_text(re.compile("of \\d+ pictures accepted")).wait_for()
    await page.locator(".toast").first.wait_for(state="detached")
    await page.wait_for_timeout(2000)
    await _save(page, "identities")


async def _save(page: Page, name: str) -> None:
    data = await page.screenshot()
    with Image.open(io.BytesIO(data)) as shot:
        height = round(shot.height * WIDTH / shot.width)
        small = shot.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
        small.quantize(COLOURS, dither=Image.Dither.NONE).save(
            FOLDER / f"{name}.png", optimize=True
        )
    print(f"{FOLDER / name}.png: {(FOLDER / f'{name}.png').stat().st_size >> 10} kB")
    await page.context.close()


if __name__ == "__main__":
    asyncio.run(_main())
