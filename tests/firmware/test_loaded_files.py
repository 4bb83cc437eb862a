"""What the service loads at its start, and what waits until it is used."""

from __future__ import annotations

from pathlib import Path

from tests.virtual_board.scripts import run_script

SCRIPT = """
import sys
from firmware_app import service
from firmware_app.commands import table
early = [name for name in sys.modules if name.startswith("firmware_app.")]
from firmware_app.commands import enrolment, gallery
print([name for name in early if "gallery" in name or name.endswith("enrolment")])
print(sorted(table.GALLERY) == sorted(list(enrolment.LONG) + list(gallery.LONG)))
"""


def test_metric_learning_is_loaded_with_its_first_command(tmp_path: Path) -> None:
    assert run_script(tmp_path, SCRIPT).lines == ["[]", "True"]
