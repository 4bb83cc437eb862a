"""What `status` and `tasks` answer."""

import gc
import os

from firmware_app.base import files, storage
from firmware_app.base.errors import CommandError
from firmware_app.base.pause import pause
from firmware_app.board import hardware, memory
from firmware_app.card import packages
from firmware_app.card.configuration import CONFIGS

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.commands.board import Board

_MAX_TASKS = 64


def status(board: "Board") -> dict:
    """Return the state of the board as a map of plain values."""
    engine = board.engine
    running = engine.running
    links = board.links
    camera = engine.camera
    board.upkeep.look_at_cards()
    return {
        "board_name": board.identity.name,
        "version": board.identity.version,
        "board_type": hardware.board_name(),
        "firmware": hardware.firmware_version(),
        "board_id": board.identity.board_id,
        "boot_id": board.identity.boot_id,
        "uptime_ms": board.clock.ms(),
        "early_starts": board.boots.early,
        "safe_mode": board.boots.safe,
        "restart_reason": board.boots.restart_reason(),
        "starts": board.boots.starts,
        "watchdog_ms": board.upkeep.watchdog_s * 1000,
        "network": links.nic.status() if links.nic is not None else None,
        "task": running.name,
        "model": running.task.name if running.task is not None else "",
        "generation": running.generation,
        "camera": camera is not None and not camera.broken,
        "processed": engine.processed,
        "captured": camera.captured() if camera is not None else 0,
        "skipped": camera.skipped if camera is not None else 0,
        "renewed": engine.renewed,
        "stages_us": engine.stage_times(),
        "heap_floor_bytes": engine.collector.floor,
        "heap_floor_first_bytes": engine.collector.first_floor,
        "seq": camera.seq if camera is not None else 0,
        "clients": [
            {"name": s.name, "client": s.client, "sent": s.outbox.sent, "dropped": s.outbox.dropped}
            for s in links.sessions()
        ],
        "rejected": sum([link.rejected for link in links.all]),
        "refused": sum([link.refused for link in links.all]),
        "failed_attempts": board.attempts.total,
        "heap_used_bytes": gc.mem_alloc(),
        "heap_free_bytes": gc.mem_free(),
        "memory": memory.state(),
        "heap_growth_bytes_per_hour": board.upkeep.trend(),
        "card_free_bytes": _free_bytes("/sdcard"),
        "data_free_bytes": _free_bytes(storage.place()),
        "temperature_c": hardware.temperature(),
        "problems": board.problems.rows(),
    }


def _free_bytes(path: str) -> "int | None":
    try:
        stat = os.statvfs(path)
    except (OSError, AttributeError):
        return None
    return storage.free_bytes(stat)


async def tasks(board: "Board") -> list:
    """Return the tasks on the card: name, task, package, whether active, and what is wrong; CommandError."""
    found: list = []
    try:
        listed = files.names(CONFIGS + "/tasks")
    except OSError as error:
        raise CommandError("failed", "the tasks can't be listed: %s" % files.why(error))
    names = sorted([name[:-5] for name in listed if name.endswith(".yaml")])
    for name in names[:_MAX_TASKS]:
        entry: dict = {
            "name": name,
            "task": None,
            "package": None,
            "active": name == board.engine.running.name,
            "problem": None,
        }
        try:
            await pause()
            values = board.configuration.read_task(name).values
            entry["task"] = values["task"]
            entry["package"] = values.get("package") or values.get("recognition_package")
            entry["problem"] = packages.problem_of(values)
        except (OSError, ValueError) as error:
            entry["problem"] = str(error)
        found.append(entry)
    return found
