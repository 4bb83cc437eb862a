"""Writes board_hub/deploy/grafana-dashboard.json: `python -m tools.grafana_dashboard`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parent.parent / "board_hub" / "deploy" / "grafana-dashboard.json"
_BOARD = '{board=~"$board"}'
_SOURCE = {"type": "prometheus", "uid": "${source}"}

# Title, kind, unit, [(query, legend)].
PANELS: tuple[tuple[str, str, str, list[tuple[str, str]]], ...] = (
    (
        "Boards",
        "stat",
        "short",
        [("sum(k230_board_up)", "answer"), ("count(k230_board_up) - sum(k230_board_up)", "away")],
    ),
    ("Broker", "stat", "bool_on_off", [("k230_mqtt_connected", "connected")]),
    (
        "Problems",
        "stat",
        "short",
        [("sum(k230_board_problem) or vector(0)", "problems")],
    ),
    (
        "State",
        "state-timeline",
        "short",
        [(f"k230_board_up{_BOARD}", "{{board}}")],
    ),
    (
        "Results a second",
        "timeseries",
        "short",
        [(f"rate(k230_board_results_total{_BOARD}[1m])", "{{board}}")],
    ),
    (
        "Events a minute",
        "timeseries",
        "short",
        [(f"60 * rate(k230_board_events_total{_BOARD}[5m])", "{{board}}")],
    ),
    (
        "Frames a second that the board makes into results",
        "timeseries",
        "short",
        [(f"rate(k230_board_frames_processed_total{_BOARD}[1m])", "{{board}}")],
    ),
    (
        "Time of each stage a frame",
        "timeseries",
        "s",
        [(f"avg by (stage) (k230_board_stage_seconds{_BOARD})", "{{stage}}")],
    ),
    (
        "Age of the newest result",
        "timeseries",
        "s",
        [(f"time() - k230_board_last_result_timestamp_seconds{_BOARD}", "{{board}}")],
    ),
    (
        "Temperature",
        "timeseries",
        "celsius",
        [(f"k230_board_temperature_celsius{_BOARD}", "{{board}}")],
    ),
    (
        "Heap in use",
        "timeseries",
        "bytes",
        [(f"k230_board_heap_used_bytes{_BOARD}", "{{board}}")],
    ),
    (
        "Lost on the way",
        "timeseries",
        "short",
        [
            ("sum by (kind) (rate(k230_mqtt_messages_dropped_total[5m]))", "MQTT, {{kind}}"),
            ("rate(k230_mqtt_messages_unconfirmed_total[5m])", "MQTT, unconfirmed"),
            (f"sum(rate(k230_board_dropped_total{_BOARD}[5m]))", "hub too slow"),
            (f"sum(rate(k230_board_rejected_total{_BOARD}[5m]))", "damaged"),
        ],
    ),
    (
        "Messages",
        "timeseries",
        "short",
        [
            ("rate(k230_mqtt_messages_sent_total[1m])", "sent a second"),
            ("k230_mqtt_messages_waiting", "waiting"),
        ],
    ),
    (
        "The hub itself",
        "timeseries",
        "short",
        [
            ("rate(k230_hub_process_cpu_seconds_total[1m])", "cores"),
            ("k230_hub_process_resident_memory_bytes / 1e6", "memory, MB"),
        ],
    ),
)


def dashboard() -> dict[str, Any]:
    """Return the dashboard as Grafana imports it."""
    panels: list[dict[str, Any]] = []
    x = y = 0
    for number, (title, kind, unit, queries) in enumerate(PANELS, 1):
        small = kind == "stat"
        w, h = (8, 4) if small else (12, 8)
        if x + w > 24 or (panels and panels[-1]["gridPos"]["h"] != h and x):
            x, y = 0, y + panels[-1]["gridPos"]["h"]
        panels.append(
            {
                "id": number,
                "title": title,
                "type": kind,
                "datasource": _SOURCE,
                "gridPos": {"x": x, "y": y, "w": w, "h": h},
                "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
                "targets": [
                    {
                        "refId": chr(65 + at),
                        "expr": query,
                        "legendFormat": legend,
                        "datasource": _SOURCE,
                    }
                    for at, (query, legend) in enumerate(queries)
                ],
            }
        )
        x += w
        if x >= 24:
            x, y = 0, y + h
    return {
        "uid": "k230-hub",
        "title": "K230 boards",
        "tags": ["k230"],
        "schemaVersion": 39,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [
                {"name": "source", "type": "datasource", "query": "prometheus", "label": "Source"},
                {
                    "name": "board",
                    "type": "query",
                    "label": "Board",
                    "datasource": _SOURCE,
                    "query": "label_values(k230_board_up, board)",
                    "multi": True,
                    "includeAll": True,
                    "allValue": ".+",
                    "refresh": 2,
                },
            ]
        },
        "panels": panels,
    }


def text() -> str:
    """Return the file's text."""
    return json.dumps(dashboard(), indent=1) + "\n"


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
