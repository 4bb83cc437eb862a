"""`k230 demo`: the tour of all tasks ends well, in the time it was given."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from host_client.cli import demo_card
from host_client.cli.demo import demo


def rows(output: str) -> list[dict[str, object]]:
    """Return the JSON lines of a run."""
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def test_the_tour_visits_every_task() -> None:
    run = CliRunner().invoke(demo, ["--json", "--seconds", "6"])
    assert run.exit_code == 0, run.output
    lines = rows(run.output)
    results = [row for row in lines if row["type"] == "result"]
    tasks = [stop.task for stop in demo_card.STOPS]
    seen = [row["task"] for row in results]
    assert list(dict.fromkeys(seen)) == tasks
    assert [row["task"] for row in lines if row["type"] == "switch"] == tasks[1:]
    summary: Any = lines[-1]
    assert summary["type"] == "demo"
    assert [row["task"] for row in summary["tasks"]] == tasks
    assert all(row["results"] > 0 and not row["problem"] for row in summary["tasks"])
    # Every sign is enrolled in front of the user, and then recognised.
    enrolled = [row["identity"] for row in lines if row["type"] == "demo_enrolled"]
    assert enrolled == ["sign0", "sign1", "sign2", "sign3"]
    identities = [row["identity"] for row in results if row["task"] == "metric_learning"]
    assert set(identities) <= set(enrolled)
    # Each task looks at its own part of the frame.
    boxes = [box for row in results if row["task"] == "detection" for box in row["boxes"]]  # type: ignore[attr-defined]
    assert boxes
    assert all(320 <= box["x"] <= box["x"] + box["w"] <= 640 for box in boxes)


def test_fewer_packages_make_a_shorter_tour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("shapes_cls", "text_rec"):
        shutil.copytree(demo_card.PACKAGES / name, tmp_path / name)
    monkeypatch.setattr(demo_card, "PACKAGES", tmp_path)
    run = CliRunner().invoke(demo, ["--json", "--seconds", "2"])
    assert run.exit_code == 0, run.output
    tasks = list(dict.fromkeys(row["task"] for row in rows(run.output) if row["type"] == "result"))
    assert tasks == ["classification", "ocr_recognition"]


def test_without_any_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_card, "PACKAGES", tmp_path)
    run = CliRunner().invoke(demo, [])
    assert "expected the demo packages, found none" in str(run.exception)
