"""Logging in and out; users and tokens for admins."""

from __future__ import annotations

from aiohttp import web

from board_hub.dashboard.accounts import AccountError, Accounts, Who, public
from board_hub.dashboard.answers import GUARD, Json, answered, body, endpoint, text


def add_routes(app: web.Application) -> None:
    """Add /api/v1/login and what belongs to it."""
    add = app.router.add_route
    add("GET", "/api/v1/me", _me)
    add("POST", "/api/v1/login", _log_in)
    add("POST", "/api/v1/logout", _log_out)
    add("POST", "/api/v1/password", endpoint(_password))
    add("GET", "/api/v1/users", endpoint(_users, change=True))
    add("POST", "/api/v1/users", endpoint(_add_user, change=True))
    add("POST", "/api/v1/users/remove", endpoint(_remove_user, change=True))
    add("POST", "/api/v1/tokens", endpoint(_add_token, change=True))
    add("POST", "/api/v1/tokens/remove", endpoint(_remove_token, change=True))


async def _me(request: web.Request) -> web.StreamResponse:
    guard = request.app[GUARD]
    return web.json_response({**public(guard.who(request)), "login": guard.accounts is not None})


async def _log_in(request: web.Request) -> web.StreamResponse:
    async def work() -> Json | web.StreamResponse:
        guard = request.app[GUARD]
        accounts = _accounts(request)
        row = await body(request)
        address = guard.origin(request).address
        if "ticket" in row:
            secret = accounts.use_ticket(address, text(row, "ticket"))
        else:
            name, password = text(row, "name"), text(row, "password", 1024)
            secret = await accounts.log_in(address, name, password)
        response = web.json_response(public(accounts.who(secret)))
        guard.let_in(request, response, secret)
        return response

    return await answered(work())


async def _log_out(request: web.Request) -> web.StreamResponse:
    guard = request.app[GUARD]
    if guard.accounts is not None:
        guard.accounts.log_out(request.cookies.get(guard.cookie))
    response = web.json_response({})
    guard.let_out(request, response)
    return response


async def _password(request: web.Request, who: Who) -> Json:
    accounts = _accounts(request)
    row = await body(request)
    address = request.app[GUARD].origin(request).address
    secret = await accounts.log_in(address, who.name, text(row, "old", 1024))
    accounts.log_out(secret)
    accounts.add(who.name, text(row, "new", 1024), who.role)
    return {}


async def _users(request: web.Request, who: Who) -> Json:
    accounts = _accounts(request)
    return {"users": [user._asdict() for user in accounts.users], "tokens": accounts.tokens}


async def _add_user(request: web.Request, who: Who) -> Json:
    row = await body(request)
    _accounts(request).add(text(row, "name"), text(row, "password", 1024), text(row, "role"))
    return {}


async def _remove_user(request: web.Request, who: Who) -> Json:
    row = await body(request)
    _accounts(request).remove(text(row, "name"))
    return {}


async def _add_token(request: web.Request, who: Who) -> Json:
    row = await body(request)
    return {"token": _accounts(request).new_token(text(row, "name"))}


async def _remove_token(request: web.Request, who: Who) -> Json:
    row = await body(request)
    _accounts(request).remove_token(text(row, "name"))
    return {}


def _accounts(request: web.Request) -> Accounts:
    accounts = request.app[GUARD].accounts
    if accounts is None:
        raise AccountError("login is off: there are no users")
    return accounts
