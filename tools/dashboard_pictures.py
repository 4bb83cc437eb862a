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
from tests.dashboard.server import serve
from virtual_board.board import VirtualBoard

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "pictures"
WIDTH = 1200  # pixels of the pictures; the window is larger
COLOURS = 256
_WAIT_MS = 120_000


async def _main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="k230-pictures-") as name:
        folder = Path(name)
        dashboard_demo.make(folder / "card", folder / "camera")
        board = VirtualBoard(sdcard=folder / "card", camera=str(folder / "camera"))
        async with board, async_playwright() as driver:
            await board.ready(60)
            browser = await driver.chromium.launch(
                executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"]
            )
            async with serve(folder, board) as server:
                await _live(await _page(browser, server.link, "light"))
                await _identities(await _page(browser, server.link, "dark"))
                await _figures(await _page(browser, server.link, "light"))
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


async def _live(page: Page) -> None:
    await page.locator("#tab-adjust").click()
    await page.locator(".setting").first.wait_for()
    await _boxes(page, 2)
    await _save(page, "live")


async def _boxes(page: Page, count: int) -> None:
    """Pause at a picture with so many objects."""
    await page.locator("#tab-now").click()
    await page.locator(".found li").nth(count - 1).wait_for()
    await page.locator("#tab-adjust").click()
    await page.locator("#panel select option").nth(1).wait_for(state="attached")
    await page.locator("canvas:not([data-seq=''])").wait_for()


async def _identities(page: Page) -> None:
    await page.locator("#tab-identities").click()
    await page.get_by_role("button", name="Switch to metric_learning").click()
    await page.get_by_label("Name", exact=True).fill("Lamp")
    await page.get_by_role("button", name="Teach", exact=True).click()
    await page.get_by_text(re.compile("of \\d+ pictures accepted")).wait_for()
    await page.locator(".toast").wait_for(state="detached")
    await _save(page, "identities")


async def _figures(page: Page) -> None:
    await page.locator("#tab-figures").click()
    await page.wait_for_timeout(8000)
    await _save(page, "figures")


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
