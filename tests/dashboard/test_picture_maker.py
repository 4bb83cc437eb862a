"""`make pictures`: the README's pictures of the dashboard can be taken, and a busy computer is waited for."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from PIL import Image

from tools import dashboard_pictures


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_all_pictures_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {path: path.read_bytes() for path in dashboard_pictures.FOLDER.glob("*.png")}
    monkeypatch.setattr("sys.argv", ["dashboard_pictures", "--into", str(tmp_path)])
    dashboard_pictures.main()
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in kept}
    for path in tmp_path.iterdir():
        with Image.open(path) as picture:
            assert picture.width == dashboard_pictures.WIDTH
            assert len(picture.convert("RGB").getcolors(1 << 24) or []) > 50  # not an empty page
    assert {path: path.read_bytes() for path in kept} == kept


def test_a_busy_computer_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    loads = iter([3.0, 1.0, 0.4])
    slept: list[float] = []
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr("os.getloadavg", lambda: (next(loads), 0.0, 0.0))
    monkeypatch.setattr("time.sleep", slept.append)
    dashboard_pictures._settle()
    assert len(slept) == 2
    assert "waiting for a quiet computer: load 3.0, wanted 0.5" in capsys.readouterr().out
    monkeypatch.setattr("os.getloadavg", lambda: (3.0, 0.0, 0.0))
    monkeypatch.setattr(dashboard_pictures, "_SETTLING_S", -1)
    with pytest.raises(SystemExit, match=r"at most 0\.5, found 3\.0"):
        dashboard_pictures._settle()


def test_a_picture_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    class Page:
        closed = 0

        def __init__(self) -> None:
            self.context = self

        async def close(self) -> None:
            Page.closed += 1

    async def page(*_: object) -> Page:
        return Page()

    failures = [dashboard_pictures.NotQuietError("found 1 results/s")] * 2

    async def take(_: object) -> bytes:
        if failures:
            raise failures.pop()
        return b"png"

    monkeypatch.setattr(dashboard_pictures, "_page", page)
    tried = dashboard_pictures._tried
    assert asyncio.run(tried(None, "", "light", take)) == b"png"  # type: ignore[arg-type]
    assert Page.closed == 3
    failures += [dashboard_pictures.NotQuietError("found 1 results/s")] * 3
    with pytest.raises(SystemExit, match="found 1 results/s"):
        asyncio.run(tried(None, "", "light", take))  # type: ignore[arg-type]
