"""Code on the pages that no board is needed for: YAML, C, and what installs and builds.

Python and the k230 command run elsewhere: tests/integration/test_examples.py,
test_documented_commands.py, tests/host/test_convert.py.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from host_client.commands import configurations

tomllib = pytest.importorskip("tomllib", reason="Python 3.10 has no tomllib")
ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "README.zh-CN.md", "CONTRIBUTING.md")),
    *(ROOT / "clients" / "c" / "README.md", ROOT / "models" / "README.md"),
    *sorted((ROOT / "docs").glob("*.md")),
]
# What runs the Python of each page.
PYTHON = {
    "tests/integration/test_examples.py": {
        *("README.md", "README.zh-CN.md", "index.md", "python.md", "events.md"),
        *("recordings.md", "troubleshooting.md"),
    },
    "tests/host/test_convert.py": {"python-tools.md"},
}
HUB = {"hub.md", "mqtt.md", "homeassistant.md"}  # tests/board_hub/test_deployment.py
OTHERS = {"mqtt.md"}  # Telegraf's TOML: its form is checked, the program is not run


def fenced(language: str) -> list[tuple[str, str]]:
    """Return (page, block) of each block of a language."""
    pattern = re.compile(rf"^```{language}\n(.*?)^```", re.MULTILINE | re.DOTALL)
    return [
        (page.name, each) for page in PAGES for each in pattern.findall(page.read_text("utf-8"))
    ]


def test_every_language_has_its_test() -> None:
    found = {
        language
        for page in PAGES
        for language in re.findall(r"^```(\S+)$", page.read_text("utf-8"), re.MULTILINE)
    }
    assert found == {"python", "yaml", "toml", "sh", "c"}


def test_every_page_with_python_is_run() -> None:
    assert {page for page, _ in fenced("python")} == set().union(*PYTHON.values())
    for test, pages in PYTHON.items():
        text = (ROOT / test).read_text("utf-8")
        assert [page for page in sorted(pages) if page not in text] == [], test


@pytest.mark.parametrize(
    ("page", "block"), [each for each in fenced("yaml") if each[0] not in HUB | {"prometheus.md"}]
)
def test_yaml_of_boards(page: str, block: str, tmp_path: Path) -> None:
    """Each is a part of service.yaml, or a task's file."""
    path = tmp_path / ("task.yaml" if block.startswith("task:") else "service.yaml")
    path.write_text(block, "utf-8")
    configurations.validate(path, "task" if block.startswith("task:") else "service")


def test_yaml_of_prometheus() -> None:
    ((_, block),) = [each for each in fenced("yaml") if each[0] == "prometheus.md"]
    shipped = yaml.safe_load((ROOT / "board_hub" / "deploy" / "prometheus.yml").read_text("utf-8"))
    (told,) = yaml.safe_load(block)["scrape_configs"]
    (kept,) = shipped["scrape_configs"]
    assert told["job_name"] == kept["job_name"]
    assert told["http_sd_configs"][0]["url"] == kept["http_sd_configs"][0]["url"]


def test_toml() -> None:
    found = fenced("toml")
    assert {page for page, _ in found} == OTHERS
    for _, block in found:
        assert set(tomllib.loads(block)) == {"inputs", "outputs"}


def test_c(tmp_path: Path) -> None:
    """Both blocks of the reader in C compile with what their text says is there."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler (cc, gcc, clang): C on the pages is not compiled")
    (_, handler), (_, sealed) = fenced("c")
    # Declarations of the second block stand at file level, as in the first.
    secure, _, rest = sealed.partition("\n")
    program = f"""
void steer(int32_t x, int32_t score1000);
{handler}
#include "k230_secure.h"
void read_sealed(const uint8_t *key, const uint8_t *hello, uint32_t hello_size,
                 const uint8_t *welcome, uint32_t welcome_size, uint32_t flags, uint8_t byte);
{secure}
void read_sealed(const uint8_t *key, const uint8_t *hello, uint32_t hello_size,
                 const uint8_t *welcome, uint32_t welcome_size, uint32_t flags, uint8_t byte) {{
    k230_message message;
    {rest}
}}
"""
    source = tmp_path / "page.c"
    source.write_text(f"#include <stdint.h>\n{program}", "utf-8")
    done = subprocess.run(
        [compiler, "-std=c99", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
        + [f"-I{ROOT / 'clients' / 'c'}", str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def lines(*programs: str) -> list[tuple[str, list[str]]]:
    """Return (page, words) of each command, in blocks and within sentences."""
    found = []
    for page in PAGES:
        text = page.read_text("utf-8")
        for code in re.findall(
            r"^```(?:sh)?\n(.*?)^```|`([^`\n]+)`", text, re.MULTILINE | re.DOTALL
        ):
            for line in "".join(code).splitlines():
                if line.startswith(programs):
                    found.append((page.name, shlex.split(line, comments=True)))
    return found


def test_targets_of_make() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    found = lines("make ")
    assert len(found) > 10
    for page, words in found:
        for target in words[1:]:
            assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), (page, words)


def test_modules_that_are_started() -> None:
    found = lines("python -m ", ".venv/bin/python -m ", "python3 -m ")
    assert len(found) > 10
    for page, words in found:
        assert importlib.util.find_spec(words[2]), (page, words)


def test_extras_that_are_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    found = [
        each for each in lines("pip install ") if "k230-vision" in str(each) or "[" in str(each)
    ]
    assert len(found) > 10
    for page, words in found:
        for extra in re.findall(r"\[([\w,]+)\]", words[-1]):
            assert set(extra.split(",")) <= set(project["optional-dependencies"]), (page, words)


def test_both_readmes_say_the_same() -> None:
    """The same sections, rows, pictures, code and links, in two languages."""
    english, chinese = (
        (ROOT / name).read_text("utf-8") for name in ("README.md", "README.zh-CN.md")
    )

    def outline(text: str) -> list[str]:
        return re.findall(r"^(\||## |!\[|```\w+)", text, re.MULTILINE)

    def links(text: str) -> set[str]:
        found = re.findall(r"\]\(([^)]+)\)", text)
        return {link.replace(".zh-CN.md", ".md") for link in found} - {"README.md"}

    def code(text: str) -> list[list[str]]:
        found = re.findall(r"^```\w+\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        return [shlex.split(line, comments=True) for line in "".join(found).splitlines()]

    assert outline(chinese) == outline(english)
    assert links(chinese) == links(english)
    assert code(chinese) == code(english)
