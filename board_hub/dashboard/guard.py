"""What every request has to pass, and what every answer says to browsers."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Awaitable, Callable
from typing import NamedTuple
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from board_hub.dashboard.accounts import SESSION_S, Accounts, Who

HEADER = "X-K230"  # a request without Origin that changes something bears it: no form can
ANYBODY = Who("local", "admin")  # where login is off
LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
_SAFE = ("GET", "HEAD", "OPTIONS")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class From(NamedTuple):
    """Where a request comes from, with what a trusted proxy says."""

    address: str
    host: str
    secure: bool
    prefix: str


class Guard:
    """Identifies the user, and refuses what other pages make a browser ask."""

    def __init__(self, accounts: Accounts | None, proxies: tuple[Network, ...] = ()) -> None:
        """accounts: None lets everybody in who reaches this computer's own address."""
        self.accounts = accounts
        self._proxies = proxies
        # Ports share cookies: two hubs on one computer need names of their own.
        mark = hashlib.sha256(str(accounts.path if accounts else "").encode()).hexdigest()[:8]
        self.cookie = f"k230_{mark}"

    def origin(self, request: web.Request) -> From:
        """Return where a request comes from; headers of a proxy count where it is trusted."""
        address = request.remote or ""
        host, secure, prefix = request.host, request.secure, ""
        if self._trusted(address):
            for hop in reversed(request.headers.get("X-Forwarded-For", "").split(",")):
                if hop.strip():
                    address = hop.strip()
                    if not self._trusted(address):
                        break
            host = request.headers.get("X-Forwarded-Host", host).split(",")[0].strip()
            secure = request.headers.get("X-Forwarded-Proto", request.scheme) == "https"
            prefix = request.headers.get("X-Forwarded-Prefix", "").rstrip("/")
        return From(address, host, secure, prefix if prefix.startswith("/") else "")

    def _trusted(self, address: str) -> bool:
        if not self._proxies:
            return False
        try:
            known = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(known in network for network in self._proxies)

    def who(self, request: web.Request) -> Who | None:
        """Return the user, by the cookie of the session."""
        if self.accounts is None:
            return ANYBODY
        return self.accounts.who(request.cookies.get(self.cookie))

    def let_in(self, request: web.Request, response: web.StreamResponse, secret: str) -> None:
        """Give the browser the session's cookie."""
        place = self.origin(request)
        response.set_cookie(
            self.cookie,
            secret,
            max_age=int(SESSION_S),
            path=place.prefix + "/",
            secure=place.secure,
            httponly=True,
            samesite="Strict",
        )

    def let_out(self, request: web.Request, response: web.StreamResponse) -> None:
        """Take the cookie back."""
        response.del_cookie(self.cookie, path=self.origin(request).prefix + "/")

    def own_page(self, request: web.Request) -> bool:
        """Return whether a page of ours asks, or a program that is no browser."""
        origin = request.headers.get("Origin")
        if origin is not None:
            return urlsplit(origin).netloc.casefold() == self.origin(request).host.casefold()
        if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            return False
        return HEADER in request.headers or request.headers.get("Upgrade", "") == "websocket"

    def own_name(self, request: web.Request) -> bool:
        """Return whether the address is this computer's: no login there.

        A foreign name that was made to lead here lets a foreign page read the answers.
        """
        host = self.origin(request).host
        name = host if host.endswith("]") else host.rsplit(":", 1)[0]
        return self.accounts is not None or name in LOCAL_NAMES

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse what is not ours to answer."""
        if not self.own_name(request):
            return refusal(403, "foreign_name", "open this page by the address 127.0.0.1")
        changing = request.method not in _SAFE or "Upgrade" in request.headers
        if changing and not self.own_page(request):
            return refusal(403, "foreign_page", "the request comes from another page")
        return await handler(request)

    async def on_prepare(self, request: web.Request, response: web.StreamResponse) -> None:
        """Add to every answer what browsers shall not do with it."""
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.pop("Server", None)


def refusal(status: int, code: str, message: str) -> web.Response:
    """Return an error as every program gets it."""
    return web.json_response({"error": {"code": code, "message": message}}, status=status)


def networks(texts: list[str]) -> tuple[Network, ...]:
    """Return addresses or networks; ValueError names the bad one."""
    found: list[Network] = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text.strip(), strict=False))
        except ValueError:
            raise ValueError(f"expected an IP address or network, found {text[:64]!r}") from None
    return tuple(found)


Middleware = Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]
