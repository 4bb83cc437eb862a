"""What other pages, other computers and hostile requests get: nothing, and a sentence."""

from __future__ import annotations

import asyncio
import io
import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from board_hub.configuration.reader import Configuration
from board_hub.dashboard import answers, api, uploads
from board_hub.dashboard.attach import attach
from board_hub.sessions import Sessions
from board_hub.web.application import make_application
from host_client.base.exceptions import ConfigurationError
from tests.dashboard.server import PASSWORD, Server, serve

pytestmark = pytest.mark.quick

CHANGES = [
    *("switch", "set", "keep", "forget", "restart", "preview", "enroll", "recognize"),
    *("gallery/rename", "gallery/remove", "gallery/threshold", "gallery/select"),
    *("gallery/suggest", "packages", "packages/verify", "packages/install", "packages/remove"),
]
LOOKS = ["", "/events", "/figures", "/gallery", "/gallery/label?label=a", "/events/1/picture.jpg"]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A dashboard without boards."""
    async with serve(tmp_path) as found:
        yield found


async def test_nothing_without_login(server: Server) -> None:
    """Every path but the page itself, /healthz, /metrics and /sd asks who it is."""
    async with server.client(None) as client:
        paths = [
            "/api/v1/boards",
            "/api/v1/users",
            "/status",
            "/ws",
            "/x/stream.mjpg",
            "/x/snapshot.jpg",
        ]
        paths += [f"/api/v1/boards/x{path}" for path in LOOKS]
        for path in paths:
            async with client.get(path) as answer:
                assert answer.status == 401, path
                assert (await answer.json())["error"]["code"] == "login"
        for path in [
            *(f"/api/v1/boards/x/{name}" for name in CHANGES),
            "/api/v1/users",
            "/api/v1/tokens",
        ]:
            async with client.post(path, json={}) as answer:
                assert answer.status == 401, path
        for path in ("/", "/static/app.js", "/healthz", "/metrics", "/sd", "/api/v1/me"):
            async with client.get(path) as answer:
                assert answer.status == 200, path


async def test_viewers_change_nothing(server: Server) -> None:
    """A viewer looks; every change is refused, users and tokens too."""
    async with server.client("eve") as client:
        async with client.get("/api/v1/boards") as answer:
            assert answer.status == 200
        paths = [f"/api/v1/boards/x/{name}" for name in CHANGES]
        paths += [
            f"/api/v1/{name}" for name in ("users", "users/remove", "tokens", "tokens/remove")
        ]
        for path in paths:
            async with client.post(path, json={}) as answer:
                assert answer.status == 403, path
                assert (await answer.json())["error"]["code"] == "role"
        async with client.get("/api/v1/users") as answer:
            assert answer.status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_csrf(server: Server, headers: dict[str, str]) -> None:
    """A request that another page makes is refused, with the session's cookie or without."""
    async with server.client() as client:
        async with client.post("/api/v1/tokens", json={"name": "x"}, headers=headers) as answer:
            assert answer.status == 403
            assert (await answer.json())["error"]["code"] == "foreign_page"
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await client.ws_connect("/ws", headers=headers)
        assert caught.value.status == 403
        async with client.get("/api/v1/users") as answer:
            assert (await answer.json())["tokens"] == []


async def test_forms_of_other_pages(server: Server) -> None:
    """What a form can send, without Origin as old browsers do, lacks the header and is refused."""
    async with server.client() as client:
        del client.headers["X-K230"]
        async with client.post("/api/v1/tokens", data=b'{"name": "x"}') as answer:
            assert answer.status == 403
        client.headers["X-K230"] = "1"
        async with client.post("/api/v1/tokens", data={"name": "x"}) as answer:
            assert answer.status == 400
            assert "application/json" in (await answer.json())["error"]["message"]


async def test_headers(server: Server) -> None:
    """No frame, no foreign script, no guessing of types, no referrer; the cookie is shut away."""
    async with server.client(None) as client:
        for path in ("/", "/static/app.js", "/api/v1/me", "/nothing", "/api/v1/boards"):
            async with client.get(path) as answer:
                headers = answer.headers
                policy = headers["Content-Security-Policy"]
                assert "frame-ancestors 'none'" in policy
                assert "script-src 'self'" in policy
                assert "unsafe" not in policy
                assert headers["X-Frame-Options"] == "DENY"
                assert headers["X-Content-Type-Options"] == "nosniff"
                assert headers["Referrer-Policy"] == "no-referrer"
        row = {"name": "admin", "password": PASSWORD}
        async with client.post("/api/v1/login", json=row) as answer:
            cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert "Path=/" in cookie
        assert "Secure" not in cookie


@pytest.mark.parametrize(
    "path",
    [
        "/static/../users.json",
        "/static/..%2f..%2fattach.py",
        "/static/%2e%2e/%2e%2e/attach.py",
        "/static//etc/passwd",
        "/static/vendor/../../attach.py",
        "/static/app.js%00",
        "/static/",
        "/../../etc/passwd",
        "/..%5c..%5cetc%5cpasswd/snapshot.jpg",
    ],
)
async def test_path_traversal(server: Server, path: str) -> None:
    """A name that is not in the table is no file, however it is written."""
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode()
    )
    answer = (await reader.read()).decode("utf-8", "replace")
    writer.close()
    assert answer.split()[1] in ("400", "401", "404"), answer
    assert "root:" not in answer
    assert "import" not in answer


async def test_attempts_over_http(server: Server) -> None:
    """The sixth wrong password waits; X-Forwarded-For of nobody trusted makes no new address."""
    async with server.client(None) as client:
        for number in range(5):
            row = {"name": "admin", "password": "wrong"}
            headers = {"X-Forwarded-For": f"10.0.0.{number}"}
            async with client.post("/api/v1/login", json=row, headers=headers) as answer:
                assert answer.status == 401
        row = {"name": "admin", "password": PASSWORD}
        async with client.post("/api/v1/login", json=row) as answer:
            assert answer.status == 429
            assert int(answer.headers["Retry-After"]) >= 1
            assert (await answer.json())["error"]["code"] == "too_many_attempts"


async def test_a_proxy_in_front(tmp_path: Path) -> None:
    """Of a trusted one the client's address, name, scheme and sub-path count."""
    async with serve(tmp_path, web_trusted_proxies=["127.0.0.0/8"]) as server:
        headers = {
            "X-Forwarded-For": "198.51.100.7",
            "X-Forwarded-Host": "home.example",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Prefix": "/k230",
            "Origin": "https://home.example",
        }
        async with server.client(None) as client:
            row = {"name": "admin", "password": PASSWORD}
            async with client.post("/api/v1/login", json=row, headers=headers) as answer:
                assert answer.status == 200
                cookie = answer.headers["Set-Cookie"]
            assert "Path=/k230/" in cookie
            assert "Secure" in cookie
            wrong = {"name": "admin", "password": "wrong"}
            for _ in range(5):
                async with client.post("/api/v1/login", json=wrong, headers=headers) as answer:
                    assert answer.status == 401
            async with client.post("/api/v1/login", json=row, headers=headers) as answer:
                assert answer.status == 429
            other = headers | {"X-Forwarded-For": "198.51.100.7, 198.51.100.8"}
            async with client.post("/api/v1/login", json=row, headers=other) as answer:
                assert (
                    answer.status == 200
                )  # the address next to the proxy counts, not what it was told
            evil = headers | {"Origin": "https://evil.example"}
            async with client.post("/api/v1/login", json=row, headers=evil) as answer:
                assert answer.status == 403


async def test_foreign_names_without_login(tmp_path: Path) -> None:
    """Without login, a name that was made to lead to this computer reads nothing."""
    async with serve(tmp_path, web_login=False) as server, server.client(None) as client:
        for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example"):
            async with client.get("/api/v1/boards", headers={"Host": host}) as answer:
                assert answer.status == 403
                assert (await answer.json())["error"]["code"] == "foreign_name"
        async with client.get("/api/v1/boards") as answer:
            assert answer.status == 200


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "192.168.1.2:80", "[::]:0", "board.example:80"])
def test_elsewhere_without_password(tmp_path: Path, listen: str) -> None:
    """Listening where other computers reach it needs a login."""
    configuration = Configuration()
    configuration.values |= {"web.listen": listen, "web.login": False}
    app = make_application(configuration, Sessions(configuration))
    with pytest.raises(ConfigurationError, match=r"web\.login: expected true where web\.listen is"):
        attach(app)


async def test_upload_limits(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What is too large or no package goes at once, and leaves nothing on the disk."""
    found: dict[str, Any] = {}
    monkeypatch.setattr(api, "view_of", lambda request: found.setdefault("view", object()))
    monkeypatch.setattr(uploads, "MAX_BYTES", 1 << 20)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    async with server.client() as client:
        async with client.post(
            "/api/v1/boards/x/packages?name=a.zip", data=io.BytesIO(bytes(3 << 20))
        ) as answer:
            row = await answer.json()
            assert answer.status == 400
            assert row["error"] == {
                "code": "bad_package",
                "message": "a.zip: expected at most 1 MB, found more",
            }
        names = ("../../etc/passwd.zip", "<img src=x>.zip", "", "a" * 5000, "\u0000")
        for name in names:
            async with client.post(
                "/api/v1/boards/x/packages", params={"name": name}, data=b"PK\3\4"
            ) as answer:
                row = await answer.json()
                assert answer.status == 400
                assert row["error"]["code"] == "bad_package"
                assert "<" not in row["error"]["message"]
                assert "/" not in row["error"]["message"].split(":")[0]
    assert not list(tmp_path.rglob("*.zip"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"nul",
        b"{",
        b'{"name": NaN}',
        b"[" * 100_000,
        b'{"name": "' + b"x" * 300_000 + b'"}',
        b"\xff",
    ],
)
async def test_bad_json(server: Server, data: bytes) -> None:
    """One sentence, no traceback."""
    async with server.client() as client:
        headers = {"Content-Type": "application/json"}
        async with client.post("/api/v1/tokens", data=data, headers=headers) as answer:
            assert answer.status == 400
            assert (await answer.json())["error"]["code"] == "bad_argument"


async def test_noise_on_the_socket(server: Server) -> None:
    """Whatever a browser says, the server goes on; too long a message ends that socket alone."""
    async with server.client() as client:
        async with client.ws_connect("/ws") as socket:
            for text in (
                "",
                "[]",
                "null",
                '{"op": 1}',
                '{"op": "watch", "board": {}}',
                '{"op":"watch","board":"x"}',
            ):
                await socket.send_str(text)
            await socket.send_bytes(b"\0" * 100)
            me = json.loads((await socket.receive()).data)
            assert me == {"op": "me", "name": "admin", "role": "admin"}
            await socket.send_str("x" * 100_000)
            while (await socket.receive()).type is not aiohttp.WSMsgType.CLOSE:
                pass
        async with client.get("/api/v1/boards") as answer:
            assert answer.status == 200


async def test_a_removed_user_is_out(server: Server) -> None:
    """Sessions and sockets of an account that changes end."""
    assert server.accounts is not None
    async with server.client("eve") as client, client.ws_connect("/ws") as socket:
        await socket.receive()
        server.accounts.remove("eve")
        closed = await socket.receive()
        while closed.type is aiohttp.WSMsgType.TEXT:
            closed = await socket.receive()
        assert (closed.type, closed.data) == (aiohttp.WSMsgType.CLOSE, 4401)
        async with client.get("/api/v1/boards") as answer:
            assert answer.status == 401


async def test_users_over_http(server: Server) -> None:
    """An admin adds a user and a token; a token opens streams and nothing else."""
    async with server.client() as client:
        row = {"name": "bob", "password": "long enough", "role": "viewer"}
        async with client.post("/api/v1/users", json=row) as answer:
            assert answer.status == 200
        async with client.post("/api/v1/users", json=row | {"role": "root"}) as answer:
            assert answer.status == 400
        async with client.post("/api/v1/tokens", json={"name": "home"}) as answer:
            token = (await answer.json())["token"]
        async with client.post("/api/v1/password", json={"old": "wrong", "new": "x" * 9}) as answer:
            assert answer.status == 401
        async with client.post(
            "/api/v1/password", json={"old": PASSWORD, "new": "x" * 9}
        ) as answer:
            assert answer.status == 200
        async with client.get("/api/v1/users") as answer:
            assert answer.status == 401  # the new password ends what was begun with the old one
    async with server.client(None) as client:
        for place in (
            {"params": {"token": token}},
            {"headers": {"Authorization": f"Bearer {token}"}},
        ):
            async with client.get("/nothing/snapshot.jpg", **place) as answer:
                assert answer.status == 404
            async with client.get("/api/v1/boards", **place) as answer:
                assert answer.status == 401
        async with client.get("/nothing/snapshot.jpg", params={"token": "x"}) as answer:
            assert answer.status == 401


def test_every_change_is_tested() -> None:
    """CHANGES is all of them."""
    configuration = Configuration()
    configuration.values |= {"web.login": False}
    app = make_application(configuration, Sessions(configuration))
    attach(app)
    root = "/api/v1/boards/{board}/"
    found = {
        route.resource.canonical.removeprefix(root)
        for route in app.router.routes()
        if route.method == "POST"
        and route.resource is not None
        and route.resource.canonical.startswith(root)
    }
    assert found == set(CHANGES)
    assert answers.MAX_JSON < 1 << 20
