"""/api/v1: what a page asks and lets a board do. docs/dashboard.md lists it."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from board_hub.dashboard import settings
from board_hub.dashboard.accounts import Who
from board_hub.dashboard.answers import (
    VIEWS,
    BadRequest,
    Conflict,
    Json,
    NotFound,
    body,
    endpoint,
    integer,
    number,
    query,
    text,
    view_of,
)
from board_hub.dashboard.jobs import job
from board_hub.dashboard.uploads import Uploads
from host_client.results.messages import plain

UPLOADS: web.AppKey[Uploads] = web.AppKey("uploads", Uploads)
MAX_PAGE = 500
MAX_CHANGES = 64
MAX_LABEL = 200


def add_routes(app: web.Application) -> None:
    """Add /api/v1/boards and what is below."""
    app[UPLOADS] = Uploads()
    looks = {
        "": _board,
        "/events": _events,
        "/figures": _figures,
        "/gallery": _gallery,
        "/gallery/label": _label,
    }
    changes = {
        "/switch": _switch,
        "/set": _set,
        "/keep": _keep,
        "/forget": _forget,
        "/restart": _restart,
        "/preview": _preview,
        "/enroll": _enroll,
        "/recognize": _recognize,
        "/gallery/rename": _rename,
        "/gallery/remove": _remove_label,
        "/gallery/threshold": _label_threshold,
        "/gallery/select": _select,
        "/gallery/suggest": _suggest,
        "/packages": _upload,
        "/packages/verify": _verify,
        "/packages/install": _install,
        "/packages/remove": _remove_package,
    }
    app.router.add_get("/api/v1/boards", endpoint(_boards))
    root = "/api/v1/boards/{board}"
    for path, look in looks.items():
        app.router.add_get(root + path, endpoint(look))
    for path, change in changes.items():
        app.router.add_post(root + path, endpoint(change, change=True))
    app.router.add_get(root + "/events/{number:\\d+}/picture.jpg", endpoint(_event_picture))


# Looking.


async def _boards(request: web.Request, who: Who) -> Json:
    return {"boards": [view.describe() for view in request.app[VIEWS].all()]}


async def _board(request: web.Request, who: Who) -> Json:
    return view_of(request).describe()


async def _events(request: web.Request, who: Who) -> Json:
    view = view_of(request)
    limit = query(request, "limit", MAX_PAGE, 100) or 1
    kinds = frozenset(filter(None, request.query.get("kinds", "").split(",")))
    rows, more = view.events.page(
        query(request, "before", 1 << 40, None), limit, kinds, request.query.get("text", "")[:64]
    )
    return {"events": rows, "before": more, "kinds": view.events.kinds, "kept": len(view.events)}


async def _event_picture(request: web.Request, who: Who) -> web.StreamResponse:
    picture = view_of(request).events.picture(int(request.match_info["number"][:12]))
    if picture is None:
        raise NotFound("this event's picture is not kept any more")
    return web.Response(body=picture, content_type="image/jpeg")


async def _figures(request: web.Request, who: Who) -> Json:
    return {"rows": view_of(request).figures.rows(request.query.get("span") == "day")}


async def _gallery(request: web.Request, who: Who) -> Json:
    info = await view_of(request).session.board.gallery.list()
    row: Json = {**info._asdict(), "labels": [label._asdict() for label in info.labels]}
    return row


async def _label(request: web.Request, who: Who) -> Json:
    samples = await view_of(request).session.board.gallery.show(_label_of(request.query))
    return {"samples": [sample._asdict() for sample in samples]}


# Changing.


async def _switch(request: web.Request, who: Who) -> Json:
    view, row = view_of(request), await body(request)
    task = text(row, "task")
    board = view.session.board
    async with job(view, "switch", who.name, task=task) as report:
        found = await board.switch(task, progress=report)
    await view.refresh()
    return found._asdict()


async def _set(request: web.Request, who: Who) -> Json:
    """Change settings; `expect` says what they were when the page began to change them."""
    view, row = view_of(request), await body(request)
    changes, expect = row.get("changes"), row.get("expect", {})
    if not isinstance(changes, dict) or not 1 <= len(changes) <= MAX_CHANGES:
        raise BadRequest(f"changes: expected 1 to {MAX_CHANGES} settings and their values")
    if not isinstance(expect, dict):
        raise BadRequest("expect: expected settings and their values")
    board = view.session.board
    if expect:
        now = {item["name"]: item["value"] for item in await settings.read(board)}
        other = sorted(name for name in expect if now.get(name) != expect[name])
        if other:
            await view.refresh()
            raise Conflict(f"{', '.join(other)}: another user has changed it meanwhile")
    answer = await settings.change(board, changes, save=row.get("save") is True)
    view.note("settings.changed", {"by": who.name, "changed": sorted(map(str, changes))})
    await view.refresh_settings()
    return answer


async def _keep(request: web.Request, who: Who) -> Json:
    return await _kept(request, who, "keep")


async def _forget(request: web.Request, who: Who) -> Json:
    return await _kept(request, who, "forget")


async def _kept(request: web.Request, who: Who, command: str) -> Json:
    view, row = view_of(request), await body(request)
    names = row.get("names")
    arguments: dict[str, Any] = {}
    if names is not None:
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise BadRequest("names: expected names of settings")
        arguments["names"] = names[:MAX_CHANGES]
    answer = await view.session.board.request(command, arguments)
    changed = answer.get("changed") if isinstance(answer, dict) else None
    view.note(f"settings.{command}", {"by": who.name, "changed": plain(changed)})
    await view.refresh_settings()
    found: Json = plain(answer)
    return found


async def _restart(request: web.Request, who: Who) -> Json:
    view = view_of(request)
    await body(request)
    view.note("restart", {"by": who.name})
    await view.session.board.restart()
    return {}


async def _preview(request: web.Request, who: Who) -> Json:
    """Change how often pictures are asked for; size and quality are settings of the board."""
    view, row = view_of(request), await body(request)
    view.preview.rate = number(row, "rate", 0.2, 30)
    view.tell()
    return {}


async def _enroll(request: web.Request, who: Who) -> Json:
    view, row = view_of(request), await body(request)
    label = _label_of(row)
    board = view.session.board
    async with job(view, "enroll", who.name, label=label) as report:
        found = await board.gallery.enroll(
            label,
            frames=integer(row, "frames", 1, 100, 5),
            region=_region(row),
            negative=row.get("negative") is True,
            seconds=integer(row, "seconds", 1, 120, 30),
            progress=report,
        )
    return found._asdict()


async def _recognize(request: web.Request, who: Who) -> Json:
    view, row = view_of(request), await body(request)
    found = await view.session.board.gallery.recognize(region=_region(row), seconds=10)
    answer: Json = found._asdict()
    answer["found"] = [
        {**item._asdict(), "matches": [match._asdict() for match in item.matches]}
        for item in found.found
    ]
    return answer


def _region(row: Json) -> tuple[int, int, int, int] | None:
    region = row.get("region")
    if region is None:
        return None
    whole = isinstance(region, list) and len(region) == 4
    if not whole or any(type(value) is not int or not 0 <= value <= 1 << 14 for value in region):
        raise BadRequest("region: expected x, y, width and height in pixels")
    x, y, width, height = region
    return x, y, width, height


def _label_of(row: Any) -> str:
    label = text(row, "label", MAX_LABEL)
    if len(label.encode("utf-8", "replace")) > MAX_LABEL:
        raise BadRequest(f"label: expected at most {MAX_LABEL} bytes in UTF-8")
    return label


async def _rename(request: web.Request, who: Who) -> Json:
    view, row = view_of(request), await body(request)
    await view.session.board.gallery.rename(_label_of(row), text(row, "to", MAX_LABEL))
    return {}


async def _remove_label(request: web.Request, who: Who) -> Json:
    view, row = view_of(request), await body(request)
    if "sample" in row:
        sample = integer(row, "sample", 0, 1 << 31)
        await view.session.board.gallery.remove(sample=sample)
    else:
        await view.session.board.gallery.remove(_label_of(row))
    return {}


async def _label_threshold(request: web.Request, who: Who) -> Json:
    view, row = view_of(request), await body(request)
    value = None if row.get("threshold") is None else number(row, "threshold", 0, 1)
    await view.session.board.gallery.set_threshold(_label_of(row), value)
    return {}


async def _select(request: web.Request, who: Who) -> Json:
    view, row = view_of(request), await body(request)
    name = text(row, "name", 64, optional=True) or None
    return {"total_samples": await view.session.board.gallery.select(name)}


async def _suggest(request: web.Request, who: Who) -> Json:
    view = view_of(request)
    board = view.session.board
    async with job(view, "suggest", who.name) as report:
        found = await board.gallery.suggest(progress=report)
    return found._asdict()


# Packages.


async def _upload(request: web.Request, who: Who) -> Json:
    """Take a zip file's bytes; ?name= is what the browser calls it."""
    view_of(request)
    uploads = request.app[UPLOADS]
    number, upload = await uploads.receive(request.content, request.query.get("name", ""))
    return {"upload": number, "name": upload.name, "task": upload.task}


async def _verify(request: web.Request, who: Who) -> Json:
    view, row = view_of(request), await body(request)
    uploads = request.app[UPLOADS]
    upload = uploads.find(text(row, "upload"))
    async with job(view, "verify", who.name, package=upload.name):
        return await uploads.verify(upload)


async def _install(request: web.Request, who: Who) -> Json:
    view, row = view_of(request), await body(request)
    uploads = request.app[UPLOADS]
    number = text(row, "upload")
    upload = uploads.find(number)
    board = view.session.board
    async with job(view, "install", who.name, package=upload.name) as report:
        found = await board.card.push(
            upload.path, upload.name, replace=row.get("replace") is True, progress=report
        )
    uploads.remove(number)
    await view.refresh()
    return found._asdict()


async def _remove_package(request: web.Request, who: Who) -> Json:
    view, row = view_of(request), await body(request)
    tasks = await view.session.board.card.remove_package(text(row, "name"))
    await view.refresh()
    return {"tasks": tasks}
