"""/metrics and /sd: what Prometheus reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.process_collector import ProcessCollector

from board_hub.base.lines import dumps
from board_hub.session import BoardSession
from board_hub.sessions import Sessions
from board_hub.web.application import OPEN_PATHS, SESSIONS
from firmware_app.version import VERSION

# More families, from rooms that count something of their own (MQTT).
More = Callable[[], Iterable[Metric]]
_STATES = ("connecting", "connected", "reconnecting", "failed", "duplicate")
_MICROSECONDS = ("wait", "ai2d", "kpu", "decode", "publish", "gc", "idle")


class BoardCollector:
    """Reads the sessions at each scrape; holds nothing itself."""

    def __init__(self, sessions: Sessions, more: list[More]) -> None:
        self._sessions = sessions
        self._more = more

    def collect(self) -> Iterator[Metric]:
        """Yield each family."""
        yield _info("k230_hub", "The hub.", {"version": VERSION})
        yield from _families(list(self._sessions))
        for more in self._more:
            yield from more()


def _info(name: str, text: str, values: dict[str, str]) -> Metric:
    return InfoMetricFamily(name, text, value=values)


def _families(sessions: list[BoardSession]) -> Iterator[Metric]:
    seen: set[str] = set()
    boards = []
    for session in sessions:  # two series of one name would spoil the whole answer
        if session.id not in seen:
            seen.add(session.id)
            boards.append(session)
    info = InfoMetricFamily("k230_board", "Who a board is.", labels=["board"])
    state = GaugeMetricFamily(
        "k230_board_state", "1 for the state that the session is in.", labels=["board", "state"]
    )
    problem = GaugeMetricFamily(
        "k230_board_problem", "1 for each problem that the board tells.", labels=["board", "code"]
    )
    stage = GaugeMetricFamily(
        "k230_board_stage_seconds", "Mean time of a stage a frame.", labels=["board", "stage"]
    )
    for session in boards:
        status: dict[str, Any] = dict(session.status)
        info.add_metric(
            [session.id],
            {
                "name": _text(session.name),
                "group": _text(session.group),
                "url": _text(session.url),
                "board_type": _text(status.get("board_type")),
                "version": _text(status.get("version")),
                "task": _text(status.get("task")),
                "model": _text(status.get("model")),
            },
        )
        for name in _STATES:
            state.add_metric([session.id, name], float(session.state == name))
        for row in status.get("problems") or ():
            problem.add_metric([session.id, _text(row.get("code"))], 1.0)
        for name, value in (status.get("stages_us") or {}).items():
            if isinstance(value, (int, float)):
                stage.add_metric([session.id, _text(name)], value / 1e6)
    yield from (info, state, problem, stage)
    for kind, name, text, read in _SERIES:
        family = kind(name, text, labels=["board"])
        for session in boards:
            value = read(session)
            if isinstance(value, (int, float)) and not isinstance(value, str):
                family.add_metric([session.id], float(value))
        yield family


def _text(value: object) -> str:
    return "" if value is None else str(value)[:200]


def _status(name: str, factor: float = 1.0) -> Callable[[BoardSession], float | None]:
    def read(session: BoardSession) -> float | None:
        value: Any = session.status.get(name)
        return value * factor if isinstance(value, (int, float)) else None

    return read


def _memory(name: str) -> Callable[[BoardSession], float | None]:
    def read(session: BoardSession) -> float | None:
        value: Any = (session.status.get("memory") or {}).get(name)
        return float(value) if isinstance(value, (int, float)) else None

    return read


def _signal(session: BoardSession) -> float | None:
    return (session.status.get("network") or {}).get("signal_dbm")


def _clock(session: BoardSession) -> float | None:
    result: Any = session.latest.get("result")
    return None if result is None else result.host_time


_SERIES: tuple[tuple[Any, str, str, Callable[[BoardSession], float | None]], ...] = (
    (GaugeMetricFamily, "k230_board_up", "1 while the board answers.", lambda s: s.connected),
    (
        CounterMetricFamily,
        "k230_board_connections",
        "Sessions that came about.",
        lambda s: s.counts.connections,
    ),
    (
        CounterMetricFamily,
        "k230_board_results",
        "Results that arrived at the hub.",
        lambda s: s.counts.results,
    ),
    (
        CounterMetricFamily,
        "k230_board_events",
        "Events that arrived at the hub.",
        lambda s: s.counts.events,
    ),
    (
        CounterMetricFamily,
        "k230_board_dropped",
        "Items that the hub was too slow for.",
        lambda s: s.dropped,
    ),
    (
        CounterMetricFamily,
        "k230_board_rejected",
        "Packets and messages that made no sense.",
        lambda s: s.rejected,
    ),
    (
        GaugeMetricFamily,
        "k230_board_last_result_timestamp_seconds",
        "When the newest result's frame was captured.",
        _clock,
    ),
    (
        CounterMetricFamily,
        "k230_board_frames_processed",
        "Frames made into results since the board's start.",
        _status("processed"),
    ),
    (
        CounterMetricFamily,
        "k230_board_frames_captured",
        "Frames of the camera since the board's start.",
        _status("captured"),
    ),
    (
        CounterMetricFamily,
        "k230_board_frames_skipped",
        "Frames without a result since the board's start.",
        _status("skipped"),
    ),
    (
        GaugeMetricFamily,
        "k230_board_uptime_seconds",
        "Time since the board's start.",
        _status("uptime_ms", 0.001),
    ),
    (
        GaugeMetricFamily,
        "k230_board_temperature_celsius",
        "Temperature of the chip.",
        _status("temperature_c"),
    ),
    (
        GaugeMetricFamily,
        "k230_board_heap_used_bytes",
        "Heap of the interpreter in use.",
        _status("heap_used_bytes"),
    ),
    (
        GaugeMetricFamily,
        "k230_board_heap_free_bytes",
        "Heap of the interpreter that is free.",
        _status("heap_free_bytes"),
    ),
    (
        GaugeMetricFamily,
        "k230_board_media_free_bytes",
        "Media memory that is free.",
        _memory("media_free_bytes"),
    ),
    (
        GaugeMetricFamily,
        "k230_board_card_free_bytes",
        "Free space of the card.",
        _status("card_free_bytes"),
    ),
    (GaugeMetricFamily, "k230_board_signal_dbm", "Strength of the Wi-Fi signal.", _signal),
    (
        GaugeMetricFamily,
        "k230_board_safe_mode",
        "1 where the board runs without a task after crashes.",
        _status("safe_mode"),
    ),
)


def add_metrics(app: web.Application, more: list[More]) -> None:
    """Serve /metrics and /sd."""
    sessions = app[SESSIONS]
    registry = CollectorRegistry()
    registry.register(BoardCollector(sessions, more))
    ProcessCollector(namespace="k230_hub", registry=registry)

    async def metrics(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(registry), headers={"Content-Type": content_type})

    async def discovery(request: web.Request) -> web.Response:
        groups = sorted({session.group or "" for session in sessions})
        row = {
            "targets": [request.host],
            "labels": {"__meta_k230_boards": str(len(sessions)), "job": "k230_hub"},
        }
        if any(groups):
            row["labels"]["__meta_k230_groups"] = f",{','.join(g for g in groups if g)},"  # type: ignore[index]
        return web.Response(body=dumps([row]), content_type="application/json")

    app[OPEN_PATHS] |= {"/metrics", "/sd"}
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/sd", discovery)
