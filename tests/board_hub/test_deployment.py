"""Files for other programs: each is put to the program that reads it, where that is installed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from board_hub.configuration import reader
from tests.board_hub.broker import broker, find, free_port, listening, until
from tests.board_hub.test_mqtt import answers, detector, see, subscribed
from tests.board_hub.test_sessions import boards, running_hub
from tools import grafana_dashboard

DEPLOY = Path(__file__).resolve().parents[2] / "board_hub" / "deploy"
STATUS = {
    "uptime_ms": 5000,
    "temperature_c": 41,
    "task": 'quote " and \\ and \n line',
    "problems": [{"code": "chip", "text": "x"}],
    "stages_us": {"kpu": 12500},
    "heap_used_bytes": 1000,
    "processed": 7,
}


def expressions() -> list[str]:
    """Every query of the dashboard, for all boards."""
    found = json.loads((DEPLOY / "grafana-dashboard.json").read_text("utf-8"))
    queries = [target["expr"] for panel in found["panels"] for target in panel["targets"]]
    return [query.replace("$board", ".+") for query in queries]


def test_the_dashboard_is_the_generated_one() -> None:
    assert (DEPLOY / "grafana-dashboard.json").read_text("utf-8") == grafana_dashboard.text()
    panels = json.loads(grafana_dashboard.text())["panels"]
    places = {(p["gridPos"]["x"], p["gridPos"]["y"]) for p in panels}
    assert len(places) == len(panels)


async def test_every_query_names_what_metrics_says(tmp_path: Path) -> None:
    """And Prometheus scrapes, finds the hub by /sd, and answers each query."""
    prometheus = find("prometheus")
    rows = answers(status=STATUS)
    with broker(tmp_path / "broker") as real:
        settings = {"mqtt.url": real.url, "mqtt.client_id": "metrics"}
        async with boards(2, answers=rows) as some, running_hub(*some, **settings) as (hub, web):
            await until(lambda: all(session.status for session in hub.sessions))
            for board in some:
                await subscribed(board)
                board.publish_label(1)
            await until(lambda: all(s.latest.get("result") for s in hub.sessions))
            async with web.get("/metrics") as answer:
                text = await answer.text()
            series: dict[str, set[str]] = {}
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    series.setdefault(sample.name, set()).update(sample.labels)
            for query in expressions():
                for name, labels in re.findall(r"\b(k230_\w+)(\{[^}]*\})?", query):
                    assert name in series, query
                    assert set(re.findall(r"(\w+)=~?\"", labels)) <= series[name], query
                for label in re.findall(r"by \((\w+)\)", query):
                    (name,) = re.findall(r"\bk230_\w+", query)
                    assert label in series[name], query
            assert hub.url is not None
            await _ask_prometheus(prometheus, hub.url, tmp_path, text)


async def _ask_prometheus(program: str, url: str, folder: Path, text: str) -> None:
    tool = shutil.which("promtool")
    if tool is not None:
        done = subprocess.run(
            [tool, "check", "metrics"], input=text, text=True, capture_output=True, check=False
        )
        assert "error while linting" not in done.stderr, done.stderr
    example = (DEPLOY / "prometheus.yml").read_text("utf-8")
    example = example.replace("http://127.0.0.1:8230", url).replace("15s", "1s")
    (folder / "prometheus.yml").write_text(example, encoding="utf-8")
    port = free_port()
    command = [program, f"--config.file={folder}/prometheus.yml"]
    command += [f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as web:

            async def ask(query: str) -> list[Any]:
                async with web.get("/api/v1/query", params={"query": query}) as answer:
                    row = await answer.json()
                assert row["status"] == "success", (query, row)
                found: list[Any] = row["data"]["result"]
                return found

            waiting = expressions()
            for _ in range(200):
                with contextlib.suppress(aiohttp.ClientError):  # it starts
                    waiting = [query for query in waiting if not await ask(query)]
                if not waiting:
                    return
                await asyncio.sleep(0.3)
            assert waiting == []
    finally:
        process.terminate()
        process.wait()


def test_the_unit_of_systemd() -> None:
    unit = (DEPLOY / "k230-hub.service").read_text("utf-8")
    program = shutil.which("systemd-analyze")
    if program is not None:
        done = subprocess.run(
            [program, "verify", str(DEPLOY / "k230-hub.service")],
            capture_output=True,
            text=True,
            check=False,
        )
        faults = [x for x in done.stderr.splitlines() if "k230-hub.service" in x]
        assert all("not executable" in fault for fault in faults), faults
    (line,) = re.findall(r"^ExecStart=\S+/k230 (.*)$", unit, re.MULTILINE)
    assert line == "hub --config /etc/k230/hub.yaml"


async def test_the_command_of_unit_and_container(tmp_path: Path) -> None:
    """`k230 hub --config FILE` as both start it: told to end, it says goodbye, and ends with 143."""
    container = (DEPLOY / "Containerfile").read_text("utf-8")
    entry = json.loads(re.findall(r"^ENTRYPOINT (.*)$", container, re.MULTILINE)[0])
    arguments = json.loads(re.findall(r"^CMD (\[.*)$", container, re.MULTILINE)[-1])
    assert [*entry, *arguments] == ["k230", "hub", "--config", "/config/hub.yaml"]
    with broker(tmp_path / "broker") as real:
        async with detector(board_id="one") as board, listening(real.port, "k230/#") as heard:
            (tmp_path / "hub.yaml").write_text(
                f"boards: ['{board.url}']\nstate_file: hub.json\n"
                f"mqtt: {{url: '{real.url}'}}\nweb: {{listen: '127.0.0.1:0'}}\n"
            )
            program = "from host_client.cli import main; main()"
            command = [sys.executable, "-c", program, *entry[1:], "--config", "hub.yaml"]
            process = await asyncio.create_subprocess_exec(
                *command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE
            )
            try:
                assert process.stdout is not None
                assert (await process.stdout.readline()).startswith(b"web: http://127.0.0.1:")
                await heard.until("k230/one/availability", b"online", 60.0)
                await subscribed(board)
                see(board, 1, 0)
                await heard.until("k230/one/cat/count", b"1")
            finally:
                process.send_signal(signal.SIGTERM)
                code = await asyncio.wait_for(process.wait(), 60.0)
            assert code == 128 + signal.SIGTERM
            await heard.until("k230/bridge/state", b"offline")
            await heard.until("k230/one/availability", b"offline")
            assert "one" in (tmp_path / "hub.json").read_text()


async def test_two_shards_on_one_broker(tmp_path: Path) -> None:
    """Each board is published once, whichever hub has it."""
    from board_hub.configuration.reader import BoardEntry, Configuration
    from board_hub.hub import running

    with broker(tmp_path) as real:
        async with boards(6) as some, listening(real.port, "k230/#") as heard:
            entries = [BoardEntry(board.url) for board in some]

            def hub(number: int) -> Any:
                configuration = Configuration(list(entries))
                configuration.values |= {
                    "web.enabled": False,
                    "mqtt.url": real.url,
                    "mqtt.client_id": f"shard-{number}",
                    "shard": f"{number}/2",
                }
                return running(configuration, remember=False)

            async with hub(1) as first, hub(2) as second:
                held = [[s.url for s in h.sessions] for h in (first, second)]
                assert sorted(held[0] + held[1]) == sorted(entry.url for entry in entries)
                for number in range(6):
                    await heard.until(f"k230/board-{number}/availability", b"online")
                await heard.until("k230/bridge/1/state", b"online")
                await heard.until("k230/bridge/2/state", b"online")
                assert all(len(board.sessions) == 1 for board in some)


async def test_a_bridged_broker_has_everything(tmp_path: Path) -> None:
    """The way onward of docs/mqtt.md: a second Mosquitto behind the first."""
    page = (DEPLOY.parents[1] / "docs" / "mqtt.md").read_text("utf-8")
    lines = re.findall(r"^(?:connection|address|topic) .*$", page, re.MULTILINE)
    assert len(lines) == 3
    with broker(tmp_path / "far") as far:
        bridge = [x.replace("other.example:1883", f"127.0.0.1:{far.port}") for x in lines]
        with broker(tmp_path / "near", "allow_anonymous true", *bridge) as near:
            async with (
                detector(board_id="one") as board,
                running_hub(board, **{"mqtt.url": near.url, "mqtt.client_id": "near"}),
                listening(far.port, "k230/#") as heard,
            ):
                await heard.until("k230/one/availability", b"online")
                await subscribed(board)
                see(board, 1, 0)
                await heard.until("k230/one/cat/count", b"1")


def test_examples_of_the_pages(tmp_path: Path) -> None:
    """Each hub.yaml in the docs is one that the hub takes."""
    (tmp_path / "etc").mkdir()
    for name in ("gate.key", "mqtt.password"):
        (tmp_path / "etc" / name).write_text("ab" * 32)
    count = 0
    for page in ("hub", "mqtt", "homeassistant"):
        text = (DEPLOY.parents[1] / "docs" / f"{page}.md").read_text("utf-8")
        for block in re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            block = re.sub(r"(/etc/k230/)?(\w+\.(key|password))", rf"{tmp_path}/etc/\2", block)  # noqa: PLW2901
            reader.read(block, page, tmp_path)
            count += 1
    assert count >= 3


@pytest.mark.parametrize("name", ["Containerfile", "k230-hub.service", "prometheus.yml"])
def test_what_is_shipped_is_named_in_the_docs(name: str) -> None:
    assert name in (DEPLOY.parents[1] / "docs" / "hub.md").read_text("utf-8")
