"""Which YAML a file is: by its name or by what it holds; and lengths that 802.11 counts in bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from host_client.base.exceptions import ConfigurationError
from host_client.cli.app import run
from host_client.commands.configurations import validate

SERVICE = "task: shapes_cls\ncamera:\n  fps: 10\n"
TASK = "task: classification\npackage: packages/a\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("service.yaml", SERVICE),
        ("service (1).yaml", SERVICE),
        ("service (1).yaml", "task: shapes_cls\n"),
        ("Service.yaml", SERVICE),
        ("service-lab.yaml", SERVICE),
        ("my_service.yaml", SERVICE),
        ("service.yaml.txt", SERVICE),
        ("kitchen.yaml", SERVICE),
        ("configs/tasks/service.yaml", TASK),
        ("classification.yaml", TASK),
        ("classification (1).yaml", TASK),
    ],
)
def test_each_file_is_what_it_is(name: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    assert run(["config", "validate", str(path)]) == 0
    kind = "task" if text == TASK else "service"
    assert run(["config", "validate", "--kind", kind, str(path)]) == 0


@pytest.mark.parametrize(
    ("setting", "text", "words"),
    [
        ("ssid", "é" * 16, ""),
        ("ssid", "é" * 17, 'bytes in UTF-8 or null, found "' + "é" * 17 + '" (34 bytes)'),
        ("ssid", "我家的无线网络是最快的", "(33 bytes)"),
        ("ssid", "a" * 32, ""),
        ("password", "a" * 63, ""),
        ("password", "é" * 4, ""),
        ("password", "é" * 32, "found something else (not shown) (64 bytes)"),
        ("password", "a" * 7, "expected text of 8..63 bytes"),
    ],
)
def test_wifi_lengths_are_bytes(setting: str, text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "service.yaml"
    path.write_text(f'network:\n  {setting}: "{text}"\n', "utf-8")
    if not words:
        assert validate(path).get(f"network.{setting}") == text
        return
    with pytest.raises(ConfigurationError) as caught:
        validate(path)
    assert words in str(caught.value)
