"""docs/configuration.md and configs/ are what the settings' definitions say."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware_app.settings import service_fields, task_fields
from firmware_app.settings.reader import read_service, read_task
from firmware_app.settings.schema import Field
from tools.configuration_reference import files, reference, service_file, task_file


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_committed_files_are_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == files()[path], (
        "run python -m tools.configuration_reference"
    )


def test_every_setting_and_group_is_described() -> None:
    page = reference()
    for field in (*service_fields.FIELDS, *task_fields.FIELDS):
        assert f"| `{field.path.split('.')[-1]}` |" in page
        assert field.text.endswith(".")
    groups = {f.path.split(".")[0] for f in service_fields.FIELDS if "." in f.path}
    assert groups == set(service_fields.GROUPS)
    assert service_fields.FIRST_RARE_GROUP in groups


def test_the_files_in_configs_give_every_setting() -> None:
    given = read_service(service_file(), "service.yaml").lines
    assert list(given) == [field.path for field in service_fields.FIELDS]
    for task in task_fields.TASKS:
        meant = [f.path for f in task_fields.FIELDS if not f.tasks or task in f.tasks]
        assert list(read_task(task_file(task), f"{task}.yaml").lines) == meant


def test_definitions_use_no_option_that_nothing_reads() -> None:
    for field in (*service_fields.FIELDS, *task_fields.FIELDS):
        own = {"kind", "path", "default", "text"}
        assert set(vars(field)) - own <= set(vars(Field)), field.path
