"""What the doctor makes of a board's own account, of cards and of packages."""

from __future__ import annotations

import os
import pty
import socket
import threading
import time
import tty
from pathlib import Path
from typing import Any

import pytest

from firmware_app.version import VERSION
from host_client.base.exceptions import NoGreeting
from host_client.check import doctor

GOOD: dict[str, Any] = {
    "version": VERSION,
    "camera": True,
    "model": "m",
    "task": "t",
    "heap_free_bytes": 1 << 24,
    "card_free_bytes": 1 << 30,
    "temperature_c": 50,
    "problems": [],
    "restart_reason": {"code": "command", "text": "a client asked for it"},
    "rejected": 0,
}


def test_a_healthy_board() -> None:
    assert {row.state for row in doctor.status_findings(GOOD)} == {"ok"}


@pytest.mark.parametrize(
    ("changed", "what", "words"),
    [
        ({"version": "0.0.1"}, "version", "k230 push URL --firmware"),
        ({"camera": False}, "camera", "camera.enabled is false"),
        (
            {"camera": False, "problems": [{"code": "camera", "text": "no frame: 3"}]},
            "camera",
            "no frame: 3: check its",
        ),
        ({"problems": [{"code": "network", "text": "no cable"}]}, "network", "no cable"),
        ({"model": ""}, "task", "no task runs"),
        ({"heap_free_bytes": 1000}, "memory", "smaller model"),
        ({"heap_growth_bytes_per_hour": 9_000_000}, "memory", "grows"),
        ({"card_free_bytes": 10}, "card", "nearly full"),
        ({"temperature_c": 99}, "temperature", "heat sink"),
        ({"safe_mode": True}, "safe mode", "k230 logs"),
        ({"network": {"signal_dbm": -90}}, "Wi-Fi", "weak"),
        ({"rejected": 5}, "link errors", "ground"),
        (
            {"restart_reason": {"code": "unannounced", "text": "power cut"}},
            "last restart",
            "power cut",
        ),
        ({"problems": [{"code": "new", "text": "the card is bent"}]}, "new", "bent"),
        (
            {"safe_mode": True, "problems": [{"code": "safe_mode", "text": "3 starts crashed"}]},
            "safe mode",
            "k230 logs",
        ),
    ],
)
def test_each_trouble_is_named(changed: dict[str, Any], what: str, words: str) -> None:
    found = [row for row in doctor.status_findings(GOOD | changed) if row.state != "ok"]
    assert [row.what for row in found] == [what]
    assert words in found[0].text


def test_the_log_of_a_start() -> None:
    log = (
        "--- start 2: power\n0.100 info: hello\n"
        "0.200 warning: network: the Wi-Fi network home can't be joined\n0.300 error: no task: x\n"
        "9.200 warning: network: the Wi-Fi network home can't be joined\n"
    )
    assert [tuple(row) for row in doctor.log_findings(log)] == [
        ("log", "warning", "network: the Wi-Fi network home can't be joined"),
        ("log", "trouble", "no task: x"),
    ]
    assert doctor.log_findings("") == []


async def test_nobody_listens() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    rows = await doctor.look_at_url(f"tcp://127.0.0.1:{port}", "ab" * 32)
    assert "connection refused" in rows[-1].text


@pytest.mark.parametrize(
    ("noise", "words"), [(b"\xff\x81\x00\xfe", "wrong baud rate"), (b"", "TX and RX are swapped")]
)
def test_a_wire_without_a_service(
    monkeypatch: pytest.MonkeyPatch, noise: bytes, words: str
) -> None:
    monkeypatch.setattr(doctor, "LISTEN_S", 0.1)
    master, slave = pty.openpty()
    tty.setraw(slave)
    done = threading.Event()

    def speak() -> None:
        while noise and not done.is_set():
            os.write(master, noise)
            time.sleep(0.02)

    thread = threading.Thread(target=speak)
    thread.start()
    try:
        from host_client.link.address import SerialAddress

        finding = doctor._serial_trouble(
            SerialAddress(os.ttyname(slave), 115200), NoGreeting("no greeting")
        )
    finally:
        done.set()
        thread.join()
        os.close(slave)
        os.close(master)
    assert words in finding.text


def test_a_card_without_a_service(tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "service.yaml").write_text("camera:\n  width: 7\n")
    rows = doctor.look_at_card(tmp_path)
    assert {row.what for row in rows} == {"main.py", "service", "configuration"}
    assert any("camera.width" in row.text for row in rows)


def test_a_package_that_is_none(tmp_path: Path) -> None:
    assert doctor.look_at_package(tmp_path)[0].state == "trouble"
