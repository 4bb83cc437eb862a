"""One Chromium for a file of tests, and pages in it."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright

TIMEOUT_MS = 60_000  # a busy computer is slow


def chromium() -> str:
    """Return Chromium's path; where it is missing tests are left out, but for CI, which fails."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path is not None:
            return path
    if os.environ.get("CI"):
        raise RuntimeError("Chromium is missing: tools/system.sh installs it")
    pytest.skip("Chromium is missing: tools/system.sh installs it")


@contextlib.asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    """Start a browser."""
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"]
        )
        try:
            yield browser
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def a_page(browser: Browser, **options: Any) -> AsyncIterator[Page]:
    """Open a page; faults of its scripts and of its policy fail the test."""
    options.setdefault("viewport", {"width": 1440, "height": 900})
    options.setdefault("locale", "en-US")
    context = await browser.new_context(**options)
    context.set_default_timeout(TIMEOUT_MS)
    page = await context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "console",
        lambda line: faults.append(line.text) if "Content Security Policy" in line.text else None,
    )
    try:
        yield page
        assert not faults, faults
    finally:
        await context.close()


async def keep(page: Page, name: str) -> None:
    """Keep a screenshot where K230_TEST_SCREENSHOTS names a folder."""
    folder = os.environ.get("K230_TEST_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=Path(folder) / f"{name}.png")


def rgb(colour: str) -> tuple[int, int, int]:
    """Return #rrggbb as numbers."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def near(found: tuple[int, int, int], wanted: tuple[int, int, int], most: int = 40) -> bool:
    """Return whether two colours look the same: lines have soft edges."""
    return all(abs(a - b) <= most for a, b in zip(found, wanted, strict=True))
