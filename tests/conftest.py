"""Which tests `make quick` runs, and what keeps tests apart that run side by side."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parent
# Rooms whose tests are quick unless they say otherwise; elsewhere, those marked `quick` are.
QUICK_ROOMS = ("board_hub", "board_types", "firmware", "host", "silicon", "tools", "wire")


REPLAY = "K230_TEST_REPLAY"
"""Names the folder in which this run of the tests keeps what the KPU simulator answered, for all processes."""


def pytest_configure(config: pytest.Config) -> None:
    """Let each inference be simulated once, for all tests whose subject is not the simulator."""
    if not hasattr(config, "workerinput"):
        os.environ[REPLAY] = tempfile.mkdtemp(prefix="k230-test-replay-")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what was recorded."""
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(REPLAY), ignore_errors=True)


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the quick tests."""
    for item in items:
        room = item.path.relative_to(TESTS).parts[0]
        if room in QUICK_ROOMS and not any(item.get_closest_marker(m) for m in ("slow", "alone")):
            item.add_marker("quick")


@pytest.fixture(scope="session", autouse=True)
def settings_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep keys in a folder of this process's, not in the user's."""
    before = os.environ.get("XDG_CONFIG_HOME")
    os.environ["XDG_CONFIG_HOME"] = str(tmp_path_factory.mktemp("config"))
    yield
    if before is None:
        del os.environ["XDG_CONFIG_HOME"]
    else:
        os.environ["XDG_CONFIG_HOME"] = before


@pytest.fixture(scope="session", autouse=True)
def every_line_keeps_to_its_schema() -> Iterator[None]:
    """Hold each line of JSON that the command prints in this process to its schema."""
    from host_client.cli import output
    from tests.json_lines import check_form

    printed = output.print_json

    def checked(value: Any) -> None:
        # What a board says of itself goes through as it is, also where a test's board says odd things.
        if value.get("type", "status") not in ("status", "configuration"):
            check_form(output.shown_json(value))
        printed(value)

    output.print_json = checked
    yield
    output.print_json = printed
