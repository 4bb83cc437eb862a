"""What `status` and `tasks` answer."""

import gc
import os

from firmware_app.board import hardware
from firmware_app.card.configuration import CONFIGS

_MAX_TASKS = 64


def status(service) -> dict:
    """Return the state of the board as a map of plain values."""
    engine = service.engine
    camera = engine.camera
    return {
        "board_name": service.name,
        "version": service.version,
        "board_type": hardware.board_name(),
        "firmware": hardware.firmware_version(),
        "board_id": service.board_id,
        "boot_id": service.boot_id,
        "uptime_ms": service.clock.ms(),
        "early_starts": service.boots.early,
        "safe_mode": service.boots.safe,
        "restart_reason": service.boots.reason,
        "starts": service.boots.starts,
        "watchdog_s": service.upkeep.watchdog_s,
        "network": service.nic.status() if service.nic is not None else None,
        "task": service.switcher.name,
        "model": engine.task.name if engine.task is not None else "",
        "generation": engine.generation,
        "camera": camera is not None and not camera.broken,
        "processed": engine.processed,
        "captured": camera.captured if camera is not None else 0,
        "skipped": camera.skipped if camera is not None else 0,
        "renewed": engine.renewed,
        "stages_ms": engine.stage_times(),
        "heap_floor": engine.collector.floor,
        "heap_floor_first": engine.collector.first_floor,
        "seq": camera.seq if camera is not None else 0,
        "clients": [
            {"name": s.name, "client": s.client, "sent": s.outbox.sent, "dropped": s.outbox.dropped}
            for s in service.publisher.sessions()
        ],
        "rejected": sum([link.rejected for link in service.publisher.links]),
        "refused": sum([link.refused for link in service.publisher.links]),
        "failed_attempts": service.attempts.total,
        "heap_used": gc.mem_alloc(),
        "heap_free": gc.mem_free(),
        "heap_growth_kb_per_hour": service.upkeep.trend(),
        "card_free_kb": _free_kb("/sdcard"),
        "data_free_kb": _free_kb("/data"),
        "temperature": hardware.temperature(),
        "problems": service.problems.rows(),
    }


def _free_kb(path: str):
    try:
        stat = os.statvfs(path)
    except (OSError, AttributeError):
        return None
    return (stat[1] or stat[0]) * stat[4] // 1024


def tasks(service) -> list:
    """Return the tasks on the card: name, task, package, whether active, and what is wrong."""
    found: list = []
    try:
        names = sorted(
            [name[:-5] for name in os.listdir(CONFIGS + "/tasks") if name.endswith(".yaml")]
        )
    except OSError:
        names = []
    for name in names[:_MAX_TASKS]:
        entry = {
            "name": name,
            "task": None,
            "package": None,
            "active": name == service.switcher.name,
            "problem": None,
        }
        try:
            values = service.configuration.read_task(name).values
            entry["task"] = values["task"]
            entry["package"] = values.get("package") or values.get("recognition_package")
        except (OSError, ValueError) as error:
            entry["problem"] = str(error)
        found.append(entry)
    return found
