"""Makes the README's pictures of the dashboard: python -m tools.dashboard_pictures.

A virtual board with the demo's card, the dashboard, and Chromium, which does what a user would.
Each picture is taken when the page shows what it should, not after some time. A busy computer shows
figures that no reader should see. So it first waits until the computer is quiet, tries each picture
several times, and otherwise ends with an error and leaves the old pictures.

  --least N     results a second that a picture must show at least (default: 3)
  --most N      milliseconds of latency that a picture may show (default: 900)
  --into DIR    take the pictures at any figures, and write them to DIR: to try this program
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import re
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from playwright.async_api import Browser, Page, TimeoutError, async_playwright

from board_hub import dashboard_demo
from tests.dashboard.browser import chromium
from tests.dashboard.server import Server, serve
from virtual_board.board import VirtualBoard

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "pictures"
WIDTH = 1200  # pixels of the pictures; the window is larger
COLOURS = 256
_WAIT_MS = 120_000
_TRIES = 3
# A quiet PC has about the camera's four results a second.
_LEAST_FPS = 3.0
_MOST_LATENCY_MS = 900.0
_QUIET = 0.25  # load of each core in the last minute
_SETTLING_S = 900
_IDENTITY = "Mark A"
_BELT = ((8, 8), (952, 8), (952, 712), (8, 712))


class Limits(NamedTuple):
    """The figures that a picture may show."""

    least: float  # results a second
    most: float  # milliseconds of latency


class NotQuietError(Exception):
    """The page never showed what the picture needs, at figures of a quiet PC."""


def _settle() -> None:
    """Wait until the computer has little else to do."""
    end = time.monotonic() + _SETTLING_S
    limit = _QUIET * (os.cpu_count() or 1)
    while (load := os.getloadavg()[0]) > limit:
        if time.monotonic() > end:
            raise SystemExit(
                f"the dashboard's pictures: expected a load of at most {limit:.1f}, found {load:.1f} "
                f"for {_SETTLING_S // 60} minutes: end other programs and try again"
            )
        print(f"waiting for a quiet computer: load {load:.1f}, wanted {limit:.1f}", flush=True)
        time.sleep(15)


async def _main(limits: Limits) -> dict[str, bytes]:
    """Return the pictures, as PNG."""
    pictures: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory(prefix="k230-pictures-") as temporary:
        folder = Path(temporary)
        dashboard_demo.make(folder / "card", folder / "camera")
        board = VirtualBoard(
            sdcard=folder / "card", data=folder / "data", camera=str(folder / "camera")
        )
        async with board, async_playwright() as driver:
            await board.ready(120)
            browser = await driver.chromium.launch(
                executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"]
            )
            async with serve(folder, board) as server:

                async def live(page: Page) -> bytes:
                    return await _live(page, server, limits)

                async def events(page: Page) -> bytes:
                    return await _events(page, limits)

                async def identities(page: Page) -> bytes:
                    return await _identities(page, limits)

                shots = (("live", "light", live), ("events", "light", events))
                for name, scheme, take in (*shots, ("identities", "dark", identities)):
                    pictures[name] = await _tried(browser, server.link, scheme, take)
                    print(f"{name}: taken", flush=True)
            await browser.close()
    return pictures


async def _tried(
    browser: Browser, link: str, scheme: str, take: Callable[[Page], Awaitable[bytes]]
) -> bytes:
    """Take a picture of a fresh page; again if the page did not come to show what it needs."""
    for left in reversed(range(_TRIES)):
        page = await _page(browser, link, scheme)
        try:
            return await take(page)
        except (NotQuietError, TimeoutError) as error:
            if not left:
                raise SystemExit(f"the dashboard's pictures: {error}") from None
            print(f"once more: {error}", flush=True)
        finally:
            await page.context.close()
    raise AssertionError


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


async def _live(page: Page, server: Server, limits: Limits) -> bytes:
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
    await _pause(page, "(result.boxes || []).length >= 3", limits)
    return await _shot(page)


async def _pause(page: Page, wanted: str, limits: Limits) -> None:
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
        [*limits, _WAIT_MS],
    )
    if found:
        raise NotQuietError(
            f"expected at least {limits.least:g} results/s and at most {limits.most:g} ms with "
            f"{wanted}, found {found}: end other programs and try again"
        )
    await page.locator(".live .flag").wait_for()  # "Paused"


async def _events(page: Page, limits: Limits) -> bytes:
    """What happened, with the board's pictures of it."""
    await page.locator("#tab-events").click()
    await page.locator(".timeline .thumb img").nth(3).wait_for()
    await page.wait_for_function(
        """() => [...document.querySelectorAll('.timeline .thumb img')].slice(0, 4)
            .every((image) => image.complete && image.naturalWidth > 0)"""
    )
    await _pause(page, "(result.boxes || []).length >= 2", limits)
    return await _shot(page)


async def _identities(page: Page, limits: Limits) -> bytes:
    """An identity that was taught, recognised in the picture."""
    await page.locator("#tab-identities").click()
    switch = page.get_by_role("button", name="Switch to metric_learning")
    name = page.get_by_label("Name", exact=True)
    await switch.or_(name).first.wait_for()
    if await switch.is_visible():  # not at a second try
        await switch.click()
    await name.fill(_IDENTITY)
    await page.get_by_role("button", name="Teach", exact=True).click()
    await page.get_by_text(re.compile("of \\d+ pictures accepted")).wait_for()
    await page.locator(".toast").first.wait_for(state="detached")
    await _pause(page, f"result.identity === '{_IDENTITY}'", limits)
    return await _shot(page)


async def _shot(page: Page) -> bytes:
    return await page.screenshot()


def _save(data: bytes, place: Path) -> None:
    with Image.open(io.BytesIO(data)) as shot:
        height = round(shot.height * WIDTH / shot.width)
        small = shot.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
        small.quantize(COLOURS, dither=Image.Dither.NONE).save(place, optimize=True)
    print(f"{place}: {place.stat().st_size >> 10} kB")


def main() -> None:
    """Write docs/pictures/live.png, events.png and identities.png."""
    parser = argparse.ArgumentParser(usage="python -m tools.dashboard_pictures [OPTIONS]")
    parser.add_argument("--least", type=float, default=_LEAST_FPS)
    parser.add_argument("--most", type=float, default=_MOST_LATENCY_MS)
    parser.add_argument("--into", type=Path)
    given = parser.parse_args()
    if given.into is None:
        _settle()
        limits = Limits(given.least, given.most)
    else:
        limits = Limits(0, 1e9)
    folder = given.into or FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in asyncio.run(_main(limits)).items():
        _save(data, folder / f"{name}.png")


if __name__ == "__main__":
    main()
