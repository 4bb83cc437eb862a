"""docs/configuration.md is what the settings' definitions say."""

from __future__ import annotations

from firmware_app.settings import service_fields, task_fields
from tools.configuration_reference import TARGET, reference


def test_committed_reference_is_up_to_date() -> None:
    assert TARGET.read_text(encoding="utf-8") == reference(), (
        "run python -m tools.configuration_reference"
    )


def test_every_setting_and_group_is_described() -> None:
    page = reference()
    for field in (*service_fields.FIELDS, *task_fields.FIELDS):
        assert f"| `{field.path.split('.')[-1]}` |" in page
        assert field.text.endswith(".")
    groups = {f.path.split(".")[0] for f in service_fields.FIELDS if "." in f.path}
    assert groups == set(service_fields.GROUPS)
