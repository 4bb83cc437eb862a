"""`k230 hub --check`: the files and folders that hub.yaml names."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from board_hub import trial
from board_hub.cli import hub
from board_hub.configuration import reader
from host_client.base.exceptions import ConfigurationError

from . import certificates


def problems(text: str, folder: Path) -> list[str]:
    try:
        trial.try_files(reader.read(text, "hub.yaml", folder))
    except ConfigurationError as error:
        return error.messages
    return []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("files: {json_lines: none/a.jsonl}", "json_lines: {0}/none/a.jsonl: expected the folder"),
        ("files: {csv: there}", "files.csv: {0}/there: expected a file, found a folder"),
        ("files: {csv: plain/a.csv}", "files.csv: {0}/plain/a.csv: expected the folder {0}/plain"),
        ("recordings: {folder: plain}", "recordings.folder: {0}/plain: expected a folder, found a"),
        ("recordings: {folder: plain/x/y}", "expected the folder {0}/plain, found a file"),
        ("mqtt: {url: mqtts://b, ca_file: plain}", "mqtt.ca_file: {0}/plain: expected PEM"),
        ("mqtt: {url: mqtt://b, password_file: bytes}", "mqtt.password_file: {0}/bytes: expected"),
        (
            "mqtt: {url: mqtts://b, cert_file: client.pem, key_file: broker.key}",
            "mqtt.cert_file and mqtt.key_file: {0}/client.pem, {0}/broker.key: ",
        ),
    ],
)
def test_what_cannot_be_used_is_told(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "plain").write_text("x")
    (tmp_path / "bytes").write_bytes(b"\xff")
    certificates.make(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    (only,) = problems(text, tmp_path)
    assert said.format(tmp_path) in only
    assert sorted(tmp_path.rglob("*")) == before


def test_what_can_be_used(tmp_path: Path) -> None:
    certificates.make(tmp_path)
    (tmp_path / "old.csv").write_text("")
    text = (
        "files: {json_lines: new.jsonl, csv: old.csv}\nrecordings: {folder: a/b}\n"
        "mqtt: {url: mqtts://b, ca_file: ca.pem, cert_file: client.pem, key_file: client.key}\n"
    )
    before = sorted(tmp_path.rglob("*"))
    assert problems(text, tmp_path) == []
    assert sorted(tmp_path.rglob("*")) == before


def test_all_at_once_on_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "hub.yaml"
    path.write_text("files: {csv: a/b.csv, json_lines: a/b.jsonl}\n")
    done = CliRunner().invoke(hub, ["--config", str(path), "--check"])
    assert isinstance(done.exception, ConfigurationError)
    assert len(done.exception.messages) == 2
    path.write_text("files: {csv: b.csv}\n")
    done = CliRunner().invoke(hub, ["--config", str(path), "--check"])
    assert (done.exit_code, done.output) == (0, f"{path}: 0 boards, no fault\n")
