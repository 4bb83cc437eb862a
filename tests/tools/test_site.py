"""The documentation site builds strictly, needs nothing of the internet, and fits a phone."""

from __future__ import annotations

import contextlib
import functools
import http.server
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import host_client
from host_client.cli.app import cli
from tests.dashboard.browser import a_page, browsing
from tools.site import api, commands, examples, markdown, pages, schemas

ROOT = Path(__file__).resolve().parents[2]
WIDTHS = (390, 820, 1440)
ORDER = [
    "Try it",
    "On a board",
    "Tasks",
    "Teach it",
    "Watch and automate",
    "Python",
    "Command line",
    "Protocol",
    "How it works",
    "Develop",
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site; each warning is a fault: a link to nothing, a page that no menu has."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir"]
    done = subprocess.run(
        [*command, str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
def test_it_needs_nothing_of_the_internet(site: Path) -> None:
    found = sorted(site.rglob("*.html"))
    assert len(found) > 40
    for path in found:
        text = path.read_text("utf-8")
        loaded = re.findall(r"<(?:script|img|iframe|source)[^>]*\ssrc=\"([^\"]+)\"", text)
        loaded += re.findall(r"<link[^>]*rel=\"(?:stylesheet|icon|preconnect)\"[^>]*>", text)
        assert [each for each in loaded if re.search(r"(https?:)?//", each)] == [], path.name


@pytest.mark.slow
def test_tables_and_lists_are_tables_and_lists(site: Path) -> None:
    for path in sorted(site.rglob("*.html")):
        text = path.read_text("utf-8")
        shown = re.sub(r"<(pre|code)\b.*?</\1>", "", text, flags=re.DOTALL)
        assert not re.search(r"<p>[^<]*\|[^<]*\|[^<]*\|", shown), (
            f"{path.name}: a table that is text"
        )
        assert not re.search(r"^- \S", shown, re.MULTILINE), f"{path.name}: a list that is text"
        assert "\b" not in text, f"{path.name}: a control character"
        assert "\\|" not in re.sub(r"<pre.*?</pre>", "", text, flags=re.DOTALL), path.name
        assert "```" not in shown, f"{path.name}: code that is text"


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder; yield its address."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_no_page_is_wider_than_its_window(site: Path) -> None:
    names = ("index", "cli-reference", "protocol", "errors.zh-CN")
    with served(site) as address:
        await _fits(address, names)


async def _fits(address: str, names: tuple[str, ...]) -> None:
    async with browsing() as browser:
        for width in WIDTHS:
            viewport = {"width": width, "height": 900}
            async with a_page(browser, viewport=viewport) as page:
                for name in names:
                    await page.goto(f"{address}/{name}.html")
                    wide = await page.evaluate("document.documentElement.scrollWidth")
                    assert wide <= width, (name, width, wide)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_serving_says_where_and_ends_at_ctrl_c() -> None:
    """Another program has the wanted port: a free one is taken and named."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        # Ctrl-C is ignored in a shell's background job, and children inherit that.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        process = subprocess.Popen(
            [sys.executable, "-m", "tools.site.serve", str(taken)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        signal.signal(signal.SIGINT, before)
        try:
            assert process.stdout is not None
            process.stdout.readline()  # that it is being built
            line = process.stdout.readline()
            said = re.fullmatch(r"the documentation: (http://\S+:(\d+)) \(Ctrl-C ends\)\n", line)
            assert said and int(said[2]) != taken, line
            with urllib.request.urlopen(f"{said[1]}/index.html", timeout=60) as page:
                assert "K230 vision service" in page.read().decode("utf-8")
            process.send_signal(signal.SIGINT)
            rest, _ = process.communicate(timeout=300)
            assert (rest, process.returncode) == ("ended\n", 0)
        finally:
            process.kill()
            process.wait()


def test_the_order_of_the_menu() -> None:
    text = (ROOT / "mkdocs.yml").read_text("utf-8")
    menu = yaml.safe_load(text.partition("\nnav:")[2].join(["nav:", ""]))["nav"]
    assert [title for entry in menu for title in entry] == ORDER


def test_the_command_reference_has_every_verb_and_option() -> None:
    text = commands.reference()
    for name, command in cli.commands.items():
        assert f"\n## k230 {name}\n" in text
        for option in command.params:
            for spelled in (each for each in option.opts if each.startswith("--")):
                assert spelled in text, (name, spelled)


def test_the_python_reference_has_every_public_name() -> None:
    text = api.reference()
    for name in host_client.__all__:
        assert f"\n### {name}\n" in text, name
    assert "ForwardRef" not in text and " object at 0x" not in text
    assert "\n#### Board.connect\n" in text and "\n#### Gallery.enroll\n" in text


def test_the_page_of_schemas_has_each_of_them() -> None:
    text = schemas.page()
    for path in schemas.files():
        assert f"\n## {path.name}\n" in text
    assert "| `time_ms` | integer" in text
    assert "| `boxes[].label` | string" in text  # of a list of objects


def test_the_page_of_examples_has_each_of_them() -> None:
    text = examples.page()
    for path in examples.files():
        assert path.read_text("utf-8").rstrip() in text
        assert examples.summary(path).endswith("."), path.name


def test_no_generated_page_is_kept() -> None:
    for name in pages.generated():
        assert not (ROOT / "docs" / name).exists(), name


@pytest.mark.parametrize(
    ("link", "found"),
    [
        ("../CONTRIBUTING.md#work", "contributing.md#work"),
        ("../configs/tasks", "configuration-files.md#tasks"),
        ("cli.md#keys", "cli.md#keys"),
        ("decisions/0001-rooms-and-floors.md", "decisions/0001-rooms-and-floors.md"),
        ("https://example.org/a.md", "https://example.org/a.md"),
        ("#here", "#here"),
        ("../nothing.md", "../nothing.md"),
    ],
)
def test_links(link: str, found: str) -> None:
    places = pages.PLACES
    assert markdown.linked(f"[a]({link})", "docs/x.md", "x.md", places) == f"[a]({found})"
    assert (
        markdown.linked(f"```\n[a]({link})\n```", "docs/x.md", "x.md", places)[4:-4]
        == f"[a]({link})"
    )


def test_a_link_from_a_folder_below() -> None:
    text = markdown.linked("[a](../cli.md)", "docs/decisions/1.md", "decisions/1.md", {})
    assert text == "[a](../cli.md)"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a\n- b\n- c\nd", "a\n\n- b\n- c\nd"),
        ("- a\n  - b", "- a\n    - b"),
        ("1. a\n   - b\n2. c", "1. a\n    - b\n2. c"),
        ("```\na\n- b\n```", "```\na\n- b\n```"),
        ("- a\n\nb\n- c", "- a\n\nb\n\n- c"),
    ],
)
def test_lists(text: str, found: str) -> None:
    assert markdown.with_lists(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("画面\n变成", "画面变成"),
        ("画面，\n  变成", "画面，变成"),
        ("画面\n\n变成", "画面\n\n变成"),
        ("- 画面\n- 变成", "- 画面\n- 变成"),
        ("画面\n- 变成\n  结果", "画面\n- 变成结果"),
        ("## 画面\n\n变成", "## 画面\n\n变成"),
        ("| 画面 |\n| 变成 |", "| 画面 |\n| 变成 |"),
        ("画面\nboard", "画面\nboard"),
        ("```\n画面\n变成\n```", "```\n画面\n变成\n```"),
    ],
)
def test_lines_of_chinese_join(text: str, found: str) -> None:
    assert markdown.without_gaps(text) == found


def test_bars_in_the_code_of_tables() -> None:
    assert markdown.with_bars(r"| `a\|b` | c\|d |") == r"| `a|b` | c\|d |"
    assert markdown.with_bars("```\n" + r"| `a\|b` |" + "\n```").split("\n")[1] == r"| `a\|b` |"


def test_plain_text_stays_plain() -> None:
    assert markdown.escaped("a*b [c] <d> `x*y`") == r"a\*b \[c\] &lt;d> `x*y`"
    assert markdown.cell("a\n  b|c") == r"a b\|c"
