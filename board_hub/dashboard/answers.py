"""Requests read and answers written: JSON in, JSON out, every fault a code and a sentence."""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from board_hub.base.lines import dumps
from board_hub.dashboard.accounts import AccountError, TooManyAttempts, Who
from board_hub.dashboard.guard import Guard, refusal
from board_hub.dashboard.view import View
from board_hub.dashboard.views import Views
from host_client.base.exceptions import K230Error

GUARD: web.AppKey[Guard] = web.AppKey("guard", Guard)
VIEWS: web.AppKey[Views] = web.AppKey("views", Views)
MAX_JSON = 1 << 18  # bytes

_STATUS = {
    "bad_account": 400,
    "bad_argument": 400,
    "bad_package": 400,
    "bad_gallery": 400,
    "conflict": 409,
    "exists": 409,
    "busy": 409,
    "no_gallery": 409,
    "not_found": 404,
    "link_lost": 503,
    "connection_failed": 503,
    "timeout": 504,
    "too_many_attempts": 429,
}

Json = dict[str, Any]
Work = Callable[[web.Request, Who], Awaitable[Json | web.StreamResponse]]


class BadRequest(K230Error):  # noqa: N818 - it names what happened
    """A request that a page of ours would not send."""

    code = "bad_argument"


class Conflict(K230Error):  # noqa: N818 - it names what happened
    """Another user has changed it meanwhile."""

    code = "conflict"


class NotFound(K230Error):  # noqa: N818 - it names what happened
    """There is no such thing."""

    code = "not_found"


def endpoint(work: Work, *, change: bool = False) -> Callable[[web.Request], Any]:
    """Return a handler: a user must be logged in, for a change as admin."""

    async def handle(request: web.Request) -> web.StreamResponse:
        who = request.app[GUARD].who(request)
        if who is None:
            return refusal(401, "login", "log in first")
        if change and not who.may_change:
            return refusal(403, "role", f"{who.name} may look, and not change anything")
        return await answered(work(request, who))

    return handle


async def answered(work: Awaitable[Json | web.StreamResponse]) -> web.StreamResponse:
    """Return what work returns as JSON, an error as a code and a sentence."""
    try:
        found = await work
    except TooManyAttempts as error:
        response = refusal(429, error.code, str(error))
        response.headers["Retry-After"] = str(error.seconds)
        return response
    except K230Error as error:
        status = 401 if isinstance(error, AccountError) and "wrong" in str(error) else None
        return refusal(status or _STATUS.get(error.code, 422), error.code, str(error))
    return found if isinstance(found, web.StreamResponse) else _json(found)


def _json(value: Json) -> web.Response:
    return web.Response(body=dumps(value), content_type="application/json", charset="utf-8")


async def body(request: web.Request) -> Json:
    """Return the JSON object of a request; BadRequest."""
    if request.content_type != "application/json":
        raise BadRequest("Content-Type: expected application/json")
    data = b""
    async for part in request.content.iter_chunked(1 << 16):
        data += part
        if len(data) > MAX_JSON:
            raise BadRequest(f"expected at most {MAX_JSON} bytes of JSON")
    try:
        found = json.loads(data, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise BadRequest("expected JSON, found something else") from None
    if not isinstance(found, dict):
        raise BadRequest("expected a JSON object")
    return found


def _refuse(name: str) -> None:
    raise ValueError(name)


def text(row: Json, name: str, most: int = 200, *, optional: bool = False) -> str:
    """Return a text of a request; BadRequest."""
    value = row.get(name, "" if optional else None)
    if not isinstance(value, str) or len(value) > most or not (value or optional):
        raise BadRequest(f"{name}: expected a text of 1 to {most} characters")
    return value


def integer(row: Json, name: str, low: int, high: int, default: int | None = None) -> int:
    """Return an integer of a request; BadRequest."""
    value = row.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise BadRequest(f"{name}: expected an integer {low} to {high}")
    return value


def number(row: Json, name: str, low: float, high: float) -> float:
    """Return a number of a request; BadRequest."""
    value = row.get(name)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        given = float(value)
        if math.isfinite(given) and low <= given <= high:
            return given
    raise BadRequest(f"{name}: expected a number {low:g} to {high:g}")


def query(request: web.Request, name: str, high: int, default: int | None) -> int | None:
    """Return an integer of the address; BadRequest."""
    given = request.query.get(name)
    if given is None or given == "":
        return default
    if not given.isascii() or not given.isdigit() or len(given) > 12 or int(given) > high:
        raise BadRequest(f"{name}: expected an integer 0 to {high}")
    return int(given)


def view_of(request: web.Request) -> View:
    """Return the board that the address names; NotFound."""
    view = request.app[VIEWS].find(request.match_info["board"])
    if view is None:
        raise NotFound("there is no such board")
    return view
