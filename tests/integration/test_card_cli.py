"""The verbs push, packages, config and restart, against a virtual board."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from host_client.cli.app import run as k230
from tests.integration.boards import PACKAGES, card, running
from tests.json_lines import own


async def test_push_packages_and_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = card(tmp_path / "card", camera_enabled=False)
    yaml = tmp_path / "mine.yaml"
    yaml.write_text("task: detection\npackage: packages/two\nconfidence_threshold: 0.25\n")
    bad = tmp_path / "bad.yaml"
    bad.write_text("task: detection\nconfidense_threshold: 0.25\n")

    def said() -> list[dict[str, Any]]:
        return [own(json.loads(line)) for line in capsys.readouterr().out.splitlines()]

    async with running(folder) as virtual:
        assert virtual.url is not None
        url, key = virtual.url, virtual.key

        async def ask(*words: str) -> int:
            return await asyncio.to_thread(k230, [*words, "--key", key, "--json"])

        assert await ask("push", url, str(PACKAGES / "shapes_det"), "--name", "two") == 0
        answer = said()[0]
        assert (answer["name"], answer["task"], answer["tasks"]) == (
            "two",
            "detection",
            ["two"],
        )
        assert await ask("packages", url) == 0
        assert [row["name"] for row in said()] == ["shapes_cls", "two"]
        # Another task's package of that name: only where it is said, and nothing comes twice.
        other = ("push", url, str(PACKAGES / "shapes_multl"), "--name", "two")
        assert await ask(*other) == 7
        error = said()[0]["error"]
        assert error["code"] == "exists"
        assert "does another task: expected multilabel, found detection" in error["message"]
        assert await ask("packages", url) == 0
        assert [row["task"] for row in said()] == ["classification", "detection"]
        assert await ask(*other, "--replace") == 0
        assert said()[0]["task"] == "multilabel"
        assert (
            await ask("push", url, str(PACKAGES / "shapes_det"), "--name", "two", "--replace") == 0
        )
        assert said()[0]["warnings"] == []
        relabelled = shutil.copytree(PACKAGES / "shapes_cls", tmp_path / "relabelled")
        config = relabelled / "mp_deployment_source" / "deploy_config.json"
        fields = json.loads(config.read_text("utf-8"))
        fields["categories"].reverse()
        config.write_text(json.dumps(fields), "utf-8")
        assert await ask("push", url, str(relabelled), "--name", "shapes_cls") == 0
        assert said()[0]["warnings"] == [
            "it replaces a package with other labels",
            "task classification runs with the package as it was until you switch to it again",
        ]
        assert await ask("push", url, str(yaml), "--name", "configs/tasks/mine.yaml") == 0
        size = yaml.stat().st_size
        assert said() == [{"name": "configs/tasks/mine.yaml", "size_bytes": size, "warnings": []}]
        assert await ask("tasks", url) == 0
        assert {row["name"]: row["problem"] for row in said()} == {
            "classification": None,
            "mine": None,
            "two": None,
        }
        assert await ask("push", url, str(bad), "--name", "configs/tasks/mine.yaml") == 2
        words = said()[0]["error"]["message"]
        assert "confidense_threshold: unknown setting; did you mean confidence_threshold?" in words
        assert await ask("switch", url, "mine") == 0
        assert said()[0]["task"] == "mine"
        assert await ask("set", url, "confidence=0.6", "--save") == 0
        assert said()[0]["saved"] is True
        assert await ask("set", url, "confidense=0.6") == 2
        assert "did you mean confidence?" in said()[0]["error"]["message"]
        assert await ask("config", "get", url) == 0
        assert said()[0]["task"]["confidence_threshold"] == 0.6
        assert await ask("packages", "remove", url, "two") == 7
        assert said()[0]["error"]["code"] == "busy"
        assert await ask("packages", "remove", url, "shapes_cls") == 0
        assert said() == [{"name": "shapes_cls", "tasks": ["classification"]}]
        # A task without its package: said in the list, and when its YAML comes.
        assert await ask("tasks", url) == 0
        problem = {row["name"]: row["problem"] for row in said()}["classification"]
        assert "packages/shapes_cls: expected the folder of a deployment package" in problem
        early = tmp_path / "early.yaml"
        early.write_text("task: classification\npackage: packages/later\n")
        assert await ask("push", url, str(early), "--name", "configs/tasks/early.yaml") == 0
        (warning,) = said()[0]["warnings"]
        assert "packages/later: expected the folder of a deployment package" in warning
        assert await ask("push", url, str(tmp_path / "none.zip")) == 8
        assert said()[0]["error"]["code"] == "bad_package"
        assert await ask("push", url, str(yaml)) == 0  # no --name: a task's YAML by its name
        assert said()[0]["name"] == f"configs/tasks/{yaml.name}"
        words = tmp_path / "words.txt"
        words.write_text("word\n")
        assert await asyncio.to_thread(k230, ["push", url, str(words), "--key", key]) == 2
        assert "expected configs/service.yaml" in capsys.readouterr().err


def test_config_validate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "configs" / "tasks"
    folder.mkdir(parents=True)
    good, bad = folder / "good.yaml", folder / "bad.yaml"
    good.write_text("task: classification\npackage: packages/a\n")
    bad.write_text("task: classification\npackage: packages/a\ntop_k: many\nbogus: 1\n")
    service = tmp_path / "configs" / "service.yaml"
    service.write_text("task: good\n")
    assert k230(["config", "validate", str(good), str(service)]) == 0
    capsys.readouterr()
    assert k230(["config", "validate", str(good), str(bad), "--json"]) == 8
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["valid"] for row in rows] == [True, False]
    assert rows[0]["values"]["package"] == "packages/a"
    assert len(rows[1]["problems"]) == 2
    assert rows[1]["problems"][0].startswith("configs/tasks/bad.yaml line 3: top_k: expected")
    assert k230(["config", "validate", str(tmp_path / "none.yaml")]) == 8
    assert "can't be read" in capsys.readouterr().err
    assert k230(["config", "validate", "--kind", "service", str(good)]) == 8
    assert "configs/tasks/good.yaml line 2: package: unknown setting" in capsys.readouterr().err
