"""The dashboard with a virtual board behind it, by a user's actions in Chromium."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from board_hub import dashboard_demo
from board_hub.dashboard.view import View
from tests.board_hub.broker import find, free_port
from tests.dashboard.browser import a_page, browsing, keep, near, rgb
from tests.dashboard.scenes import COLOURS
from tests.dashboard.server import PASSWORD, Server, serve
from tests.integration.boards import PACKAGES, ROOT, running
from virtual_board.board import VirtualBoard

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
expect.set_options(timeout=60_000)


class World(NamedTuple):
    """What all tests of the file share."""

    browser: Browser
    board: VirtualBoard
    server: Server

    @property
    def view(self) -> View:
        """The board as the dashboard knows it."""
        (found,) = self.server.views.all()
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Start the demo's board, a dashboard and a browser."""
    folder = tmp_path_factory.mktemp("dashboard")
    dashboard_demo.make(folder / "card", folder / "camera")
    options: dict[str, Any] = {"data": folder / "data", "camera": str(folder / "camera")}
    async with (
        running(folder / "card", **options) as board,
        serve(folder, board) as server,
        browsing() as browser,
    ):
        yield World(browser, board, server)


@contextlib.asynccontextmanager
async def entered(world: World, tab: str = "now") -> AsyncIterator[Page]:
    """Open the board's page, logged in."""
    async with a_page(world.browser) as page:
        await page.goto(world.server.link)
        await page.locator(".board-page").wait_for()
        await page.locator(f"#tab-{tab}").click()
        yield page


async def both(page: Page) -> None:
    """Wait until a picture is painted with its result."""
    await page.locator("canvas[data-picture]:not([data-picture='']):not([data-seq=''])").wait_for()


_WATCH = """() => {
    const canvas = document.querySelector('canvas');
    window.seen = null;
    canvas.addEventListener('painted', (event) => {
        const {result, picture} = event.detail;
        if (window.seen || !result || !picture || !result.boxes || !result.boxes.length) return;
        const scale = canvas.width / result.width;
        const context = canvas.getContext('2d');
        const at = (x, y) => [...context.getImageData(Math.round(x), Math.round(y), 1, 1).data];
        window.seen = {
            seq: [result.seq, picture.seq],
            boxes: result.boxes.map((b) => {
                const y = (b.y + 0.66 * b.h) * scale;
                return {...b, pixels: [-1, 0, 1].map((d) => at(b.x * scale + d, y))};
            }),
        };
    });
}"""


async def test_login_and_a_live_picture(world: World) -> None:
    """A wrong password is told; then pictures come, and each box is painted where its result says."""
    async with a_page(world.browser) as page:
        await page.goto(world.server.url)
        await page.get_by_label("Password").fill("wrong")
        await page.get_by_role("button", name="Log in").click()
        await page.get_by_text("Name or password is wrong.").wait_for()
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Log in").click()
        await both(page)
        await page.evaluate(_WATCH)
        for _ in range(1200):
            seen = await page.evaluate("() => window.seen")
            if seen:
                break
            await page.wait_for_timeout(100)
        assert seen["boxes"], seen
        inside = [b for b in seen["boxes"] if b["x"] > 2]
        for box in inside:
            colour = rgb(COLOURS[box["class_id"] % 8])
            assert any(near(tuple(pixel[:3]), colour, 60) for pixel in box["pixels"]), (
                box,
                seen["seq"],
            )
        await keep(page, "live")


async def test_a_setting_takes_effect_at_once_for_everybody(world: World) -> None:
    """The slider changes what is found; another browser sees it; Forget takes it back."""
    async with entered(world, "adjust") as one, entered(world, "adjust") as other:
        slider = one.get_by_label("Confidence")
        await slider.focus()
        await slider.press("End")
        await expect(one.locator(".slider output").first).to_have_text("1.00")
        await expect(other.locator(".slider output").first).to_have_text("1.00")
        await other.get_by_text("1 changed from the file").wait_for()
        await one.locator("#tab-now").click()
        await one.get_by_text("Nothing found").wait_for()
        await other.get_by_role("button", name="Forget").click()
        await expect(other.locator(".slider output").first).to_have_text("auto")
        await one.locator(".found li").first.wait_for()


async def settings_of(world: World) -> dict[str, Any]:
    """Return the board's settings by name, asked from the board itself."""
    rows = await world.view.session.board.settings()
    return {row.name: row.value for row in rows}


async def test_region_zone_and_line_by_mouse(world: World) -> None:
    """Drawn on the live picture: the board has them in pixels of its frame, and counts in them."""
    await world.view.session.board.set({"region": None})  # the demo has one
    async with entered(world, "adjust") as page:
        await both(page)

        async def places(*points: tuple[float, float]) -> list[tuple[float, float]]:
            """Return points of the frame (1280 x 720) on the screen, where the canvas is now."""
            canvas = page.locator("canvas")
            await canvas.scroll_into_view_if_needed()
            box = await canvas.bounding_box()
            assert box is not None
            scale = min(box["width"] / 1280, box["height"] / 720)
            left = box["x"] + (box["width"] - 1280 * scale) / 2
            top = box["y"] + (box["height"] - 720 * scale) / 2
            return [(left + x * scale, top + y * scale) for x, y in points]

        async def tool(name: str) -> None:
            await page.get_by_role("button", name=name).click()
            await page.locator(".hint").wait_for()

        async def drag(*points: tuple[float, float]) -> None:
            start, end = await places(*points)
            await page.mouse.move(*start)
            await page.mouse.down()
            await page.mouse.move(*end, steps=4)
            await page.mouse.up()

        async def named(name: str) -> None:
            await page.get_by_label("Name", exact=True).fill(name)
            await page.get_by_role("button", name="Save", exact=True).click()

        @contextlib.asynccontextmanager
        async def taken(command: str = "set") -> AsyncIterator[None]:
            """Wait until the server has taken what the block makes the page send."""
            async with page.expect_response(re.compile(f"/{command}$")) as sent:
                yield
            answer = await sent.value
            assert answer.status == 200, await answer.text()

        await tool("Zone")
        corners = [(100, 100), (900, 100), (900, 600), (100, 600)]
        for point in await places(*corners, corners[0]):
            await page.mouse.click(*point)
        async with taken():
            await named("yard")
        (zone,) = (await settings_of(world))["events.zones"]
        assert zone["name"] == "yard"
        for found, point in zip(zone["points"], corners, strict=True):
            assert abs(found[0] - point[0]) < 6, zone
            assert abs(found[1] - point[1]) < 6, zone

        await tool("Line")
        await drag((480, 80), (480, 640))
        async with taken():
            await named("gate")
        (line,) = (await settings_of(world))["events.lines"]
        assert abs(line["from"][0] - 480) < 6, line
        assert abs(line["to"][1] - 640) < 6, line

        await page.locator("#tab-events").click()
        await page.get_by_text("yard").first.wait_for()  # what moves on the belt is seen in it
        await page.locator("#tab-adjust").click()

        await tool("Region to look at")
        async with taken():
            await drag((60, 40), (940, 680))
        region = (await settings_of(world))["region"]
        assert abs(region["x"] - 60) < 6, region
        assert abs(region["width"] - 880) < 8, region
        await keep(page, "drawn")

        async with taken("forget"):
            await page.get_by_role("button", name="Forget").click()
        assert not (await settings_of(world))["events.zones"]


async def test_behind_nginx(world: World, tmp_path: Path) -> None:
    """The lines of docs/dashboard.md as they are: pages below a path, WebSocket, streams."""
    program = find("nginx")
    text = (ROOT / "docs" / "dashboard.md").read_text("utf-8")
    found = re.search(r"^location /k230/ \{.*?^\}$", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    block = found[0].replace("http://127.0.0.1:8230/", f"{world.server.url}/")
    assert world.server.url in block
    port = free_port()
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    lines = [f"{kind}_temp_path {tmp_path}/{kind};" for kind in kinds]
    conf = tmp_path / "nginx.conf"
    conf.write_text(
        f"daemon off; master_process off; pid {tmp_path}/pid; error_log {tmp_path}/log;\n"
        f"events {{}}\nhttp {{ access_log off; {' '.join(lines)}\n"
        f"server {{ listen 127.0.0.1:{port};\n{block}\n}} }}\n"
    )
    nginx = await asyncio.create_subprocess_exec(
        *(program, "-p", str(tmp_path), "-c", str(conf), "-e", str(tmp_path / "log"))
    )
    url = f"http://127.0.0.1:{port}/k230/"
    try:
        for _ in range(600):
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                break
            assert nginx.returncode is None, (tmp_path / "log").read_text()
            await asyncio.sleep(0.05)
        assert world.server.accounts is not None
        async with a_page(world.browser) as page:
            await page.goto(f"{url}#ticket={world.server.accounts.ticket()}")
            # The board's state comes by WebSocket.
            await page.locator(".board-page .title .state.good, .title .state.warn").wait_for()
            await page.reload()  # the cookie is for this path
            await page.locator(".board-page .title .state.good, .title .state.warn").wait_for()
        token = world.server.accounts.new_token("nginx")
        address = f"{url}{world.view.key}/stream.mjpg"
        async with (
            world.server.client(None) as client,
            client.get(address, params={"token": token}) as answer,
        ):
            assert answer.status == 200
            data = b""
            while b"\xff\xd8" not in data:
                data += await answer.content.readany()
    finally:
        nginx.terminate()
        await nginx.wait()


async def test_teach_and_recognise(world: World) -> None:
    """From the live picture: switch, name, teach; then it is recognised, and can be removed."""
    async with entered(world, "identities") as page:
        await page.get_by_role("button", name="Switch to metric_learning").click()
        await page.get_by_label("Name", exact=True).fill("Anna <3")
        await page.get_by_label("Pictures", exact=True).fill("3")
        await page.get_by_role("button", name="Teach", exact=True).click()
        await page.get_by_text(re.compile("3 of \\d+ pictures accepted")).wait_for()
        await page.locator("tbody").get_by_role("button", name="Anna <3", exact=True).wait_for()
        await page.locator("#tab-now").click()
        await page.locator(".found .name").get_by_text("Anna <3").first.wait_for()
        await page.locator("#tab-identities").click()
        await page.get_by_role("button", name="Suggest", exact=True).click()
        await page.locator(".histogram, .toast.bad").first.wait_for()
        await page.get_by_role("button", name="Remove Anna <3").click()
        await page.get_by_role("dialog").get_by_role("button", name="Remove", exact=True).click()
        await page.get_by_text("No identity is enrolled yet.").wait_for()
        await page.locator("#tab-adjust").click()
        await page.locator("#panel select").first.select_option("detection")
        await page.get_by_role("button", name="Switch", exact=True).click()
        await page.get_by_text("detection (running)").wait_for(state="attached")
        await page.locator("#tab-events").click()
        await page.get_by_text("Task switched").first.wait_for()


async def test_a_package_by_hand(world: World, tmp_path: Path) -> None:
    """Chosen, tried with a verdict, installed, listed; one that is none is refused in a sentence."""
    source = PACKAGES / "shapes_multl" / "mp_deployment_source"
    target = tmp_path / "tree" / "second_model" / "mp_deployment_source"
    shutil.copytree(source, target)
    package = Path(shutil.make_archive(str(tmp_path / "second_model"), "zip", tmp_path / "tree"))
    async with entered(world, "packages") as page:
        bad = {"name": "bad.zip", "mimeType": "application/zip", "buffer": b"PK\3\4 nothing"}
        await page.locator("input[type=file]").set_input_files(bad)  # type: ignore[arg-type]
        await page.get_by_role("alert").wait_for()
        await page.get_by_role("button", name="Close").click()
        await page.locator("input[type=file]").set_input_files(package)
        install = page.get_by_role("button", name=re.compile("^Install"))
        await install.wait_for(timeout=200_000)
        await install.click()
        await page.get_by_text("It is on the card.").wait_for()
        await page.locator(".places .name").get_by_text("second_model").first.wait_for()


async def nobody_watches(view: Any) -> None:
    """Wait until no browser takes pictures of a board any more."""
    for _ in range(400):
        if not view.preview.viewers:
            break
        await asyncio.sleep(0.05)
    assert view.preview.viewers == 0


async def test_one_stream_for_many(world: World) -> None:
    """Twenty viewers see the pictures of one stream; one that reads nothing disturbs nobody."""
    view = world.view
    await nobody_watches(view)  # the page of the test before goes when it goes
    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(world.server.client()) for _ in range(4)]
        sockets = []
        for client in clients:
            for _ in range(5):
                socket = await client.ws_connect("/ws", max_msg_size=0)
                stack.push_async_callback(socket.close)
                await socket.send_json({"op": "watch", "board": view.key, "pictures": True})
                sockets.append(socket)
        deaf = await clients[0].ws_connect("/ws")
        stack.push_async_callback(deaf.close)
        await deaf.send_json({"op": "watch", "board": view.key, "pictures": True})

        async def pictures(socket: Any, wanted: int) -> None:
            while wanted:
                message = await socket.receive()
                if isinstance(message.data, bytes):
                    wanted -= 1
                    await socket.send_json({"op": "painted", "board": view.key})

        before = view.preview.taken
        await asyncio.wait_for(asyncio.gather(*(pictures(s, 4) for s in sockets)), 120)
        taken = view.preview.taken - before
        assert 1 <= taken <= 4 * 6, taken  # of one stream: 20 would need 80
        assert view.preview.viewers == 21
    await nobody_watches(view)


async def test_streams_for_other_tools(world: World) -> None:
    """MJPEG and a snapshot, by token."""
    assert world.server.accounts is not None
    token = world.server.accounts.new_token("test")
    key = world.view.key
    async with world.server.client(None) as client:
        async with client.get(f"/{key}/stream.mjpg", params={"token": token}) as answer:
            assert answer.status == 200
            assert answer.headers["Content-Type"].startswith("multipart/x-mixed-replace; boundary=")
            data = b""
            while data.count(b"\xff\xd8") < 2:
                data += await answer.content.readany()
        async with client.get(f"/{key}/snapshot.jpg", params={"token": token}) as answer:
            assert answer.status == 200
            assert (await answer.read()).startswith(b"\xff\xd8")
        for name in ("stream.mjpg", "snapshot.jpg"):
            async with client.get(f"/{key}/{name}") as answer:
                assert answer.status == 401


async def test_the_preview_is_switched_on(world: World) -> None:
    """Off: results go on, the page says why there is no picture, and one click brings it back."""
    board = world.view.session.board
    await board.set({"preview.enabled": False})
    async with entered(world) as page:
        await page.get_by_text("The preview is off").wait_for()
        await page.locator(".found li, .empty").first.wait_for()
        await page.get_by_role("button", name="Switch the preview on").click()
        await both(page)


async def test_the_board_comes_back(world: World) -> None:
    """Restarted from the page: the state is told, and pictures with results come again."""
    async with entered(world, "board") as page:
        await both(page)
        await page.get_by_role("button", name="Restart", exact=True).click()
        await page.get_by_role("dialog").get_by_role("button", name="Restart", exact=True).click()
        await page.locator("#tab-events").click()
        await page.get_by_text("Board restarted").first.wait_for()
        await page.locator(".title .state.good, .title .state.warn").wait_for()
        await page.locator("canvas").evaluate("(canvas) => { canvas.dataset.picture = ''; }")
        await both(page)
