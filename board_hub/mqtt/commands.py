"""Commands from the broker: checked, carried out one after another a board, their outcome told."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from board_hub.base.lines import loads
from board_hub.session import BoardSession
from firmware_app.settings import service_fields, task_fields
from firmware_app.settings.schema import Field
from host_client.base.exceptions import ArgumentError, CommandFailed, K230Error

MAX_PAYLOAD = 4096  # bytes of a command
_WAITING = 16  # commands of one board that wait; then the oldest goes, and is told

Outcome = Callable[[BoardSession, dict[str, Any]], None]


class Commands:
    """Carries out what arrives under PREFIX/ID/…"""

    def __init__(self, *, risky: bool, outcome: Outcome) -> None:
        self.taken = self.failed = 0
        self._risky = risky
        self._outcome = outcome
        self._queues: dict[str, deque[tuple[BoardSession, str, bytes]]] = {}
        self._workers: dict[str, asyncio.Task[None]] = {}

    def take(self, session: BoardSession, rest: str, payload: bytes) -> None:
        """Take a command: rest is what follows PREFIX/ID/ in the topic."""
        self.taken += 1
        queue = self._queues.setdefault(session.id, deque())
        if len(queue) >= _WAITING:
            _, lost, _ = queue.popleft()
            self._fail(session, lost, "busy", f"more than {_WAITING} commands wait")
        queue.append((session, rest, payload))
        worker = self._workers.get(session.id)
        if worker is None or worker.done():
            self._workers[session.id] = asyncio.create_task(self._work(queue))

    async def stop(self) -> None:
        """End what is running."""
        for worker in self._workers.values():
            worker.cancel()
        await asyncio.gather(*self._workers.values(), return_exceptions=True)

    async def _work(self, queue: deque[tuple[BoardSession, str, bytes]]) -> None:
        while queue:
            session, rest, payload = queue.popleft()
            try:
                more = await self._carry_out(session, rest, payload)
            except K230Error as error:
                self._fail(session, rest, error.code, str(error))
            except Exception as error:  # a fault of ours must not end the commands
                self._fail(
                    session, rest, "internal", f"a fault of the hub ({type(error).__name__})"
                )
            else:
                self._outcome(session, {"command": rest, "ok": True, **(more or {})})

    def _fail(self, session: BoardSession, rest: str, code: str, text: str) -> None:
        self.failed += 1
        row = {"command": rest[:200], "ok": False, "code": code, "text": text[:500]}
        self._outcome(session, row)

    async def _carry_out(
        self, session: BoardSession, rest: str, payload: bytes
    ) -> dict[str, Any] | None:
        if len(payload) > MAX_PAYLOAD:
            raise ArgumentError(f"expected at most {MAX_PAYLOAD} bytes, found {len(payload)}")
        try:
            text = payload.decode("utf-8").strip()
        except UnicodeDecodeError:
            raise ArgumentError("expected UTF-8 text, found other bytes") from None
        board = session.board
        parts = rest.split("/")
        if parts == ["task", "set"]:
            report = await board.switch(text)
            session.refresh()
            return {"task": report.task, "generation": report.generation}
        if len(parts) == 3 and parts[0] == "settings" and parts[2] == "set":
            name, value = parts[1], setting_value(parts[1], text)
            await board.set({name: value}, save=False)
            session.refresh()
            return {"setting": name, "value": value}
        if parts == ["snapshot", "get"]:
            await session.picture()
            return None
        risky: dict[str, Callable[[], Awaitable[Any]]] = {
            "restart": board.restart,
            "enroll": lambda: board.gallery.enroll(_label(text)),
        }
        if len(parts) == 2 and parts[1] == "set" and parts[0] in risky:
            if not self._risky:
                raise CommandFailed("forbidden", f"{parts[0]}: set mqtt.risky_commands to allow it")
            await risky[parts[0]]()
            return None
        raise CommandFailed(
            "unknown_command",
            f"{rest[:100]}: expected task/set, settings/NAME/set, snapshot/get, restart/set or "
            "enroll/set",
        )


def _label(text: str) -> str:
    if not 0 < len(text) <= 64 or not text.isprintable():
        raise ArgumentError("enroll: expected a label of 1..64 printable characters")
    return text


LIVE: dict[str, Field] = {
    field.path: field
    for field in (*service_fields.FIELDS, *task_fields.FIELDS)
    if field.live and not field.secret
}
"""The settings that may be changed while the service runs."""


def setting_value(name: str, text: str) -> Any:
    """Return a setting's value from a payload: Home Assistant's ON and OFF, JSON, or text."""
    field = LIVE.get(name)
    if field is not None and field.kind == "boolean" and text in ("ON", "OFF"):
        return text == "ON"
    try:
        value = loads(text)
    except ValueError:
        return text
    if field is not None and field.kind == "integer" and isinstance(value, float):
        return int(value) if value == int(value) else value  # Home Assistant sends 5.0
    return value
