"""Write a board's events into an SQLite database, each once, also over restarts of this program.

Usage: python examples/events_to_sqlite.py URL events.db
The database remembers the place: the next run asks the board for what came since.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys

from host_client import Board

TABLE = """CREATE TABLE IF NOT EXISTS events (
    boot_id INTEGER, number INTEGER, time TEXT, kind TEXT, details TEXT,
    PRIMARY KEY (boot_id, number))"""


async def main(url: str, path: str) -> None:
    """Store numbered events until Ctrl-C."""
    database = sqlite3.connect(path)
    database.execute(TABLE)
    last = "SELECT boot_id, number FROM events ORDER BY rowid DESC LIMIT 1"
    place: tuple[int, int] | None = database.execute(last).fetchone()
    async with Board.connect(url, wait=60) as board:
        async for event in board.events(after=place):
            if event.kind == "lost":
                print("events are missing:", event.details, flush=True)
            if event.number:  # the board's own events, such as `problem`, have none
                row = event.to_dict()
                values = (event.boot_id, event.number, row["time"], event.kind)
                with database:
                    statement = "INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?)"
                    database.execute(statement, (*values, json.dumps(row["details"])))
                print("stored", event.number, event.kind, flush=True)


asyncio.run(main(*sys.argv[1:3]))
