"""A board's answers about its settings: current values, values in the YAML files, and changes."""

from __future__ import annotations

from typing import Any, NamedTuple

from firmware_app.settings import service_fields, task_fields
from firmware_app.settings.schema import Field
from host_client.results.answers import Answer

_LIVE = 1
_KEPT = 2
_OF_TASK = 4


class Setting(NamedTuple):
    """One setting of a board; secrets are "***".

    value: current value. file_value: value in the YAML file on the card, else the default.
    next_value: value from the next start on. live: `set` changes it at once; other settings change at
    the next start. kept: the change survives a restart. of_task: a setting of the running task's YAML
    file, not of service.yaml.
    """

    name: str
    value: Any
    file_value: Any
    next_value: Any
    live: bool
    kept: bool
    of_task: bool

    @property
    def changed(self) -> bool:
        """Whether the current or next value differs from the YAML file."""
        return self.kept or self.value != self.file_value

    @property
    def field(self) -> Field | None:
        """Its range, unit and meaning; None if this client does not know it."""
        fields = task_fields.FIELDS if self.of_task else service_fields.FIELDS
        return next((field for field in fields if field.path == self.name), None)

    @classmethod
    def from_row(cls, row: Answer) -> Setting:
        """Return a setting from one row of the answer to `settings`."""
        name = row.text(0)
        flags = row.integer(1)
        value, file_value = row.any(2), row.any(3)
        live, kept = bool(flags & _LIVE), bool(flags & _KEPT)
        after = value if kept or not live else file_value
        if len(row.values) > 4:
            after = row.values[4]
        return cls(name, value, file_value, after, live, kept, bool(flags & _OF_TASK))


class SetReport(NamedTuple):
    """The report of a change of settings; either all change or none.

    generation: of the first result with them. changed: full names. saved: they survive a restart.
    later: the changed settings that take effect at the next start.
    """

    generation: int
    changed: tuple[str, ...]
    saved: bool
    later: tuple[str, ...] = ()

    @classmethod
    def from_map(cls, row: Answer) -> SetReport:
        """Return the report from the answer to `set`, `keep` or `forget`."""
        return cls(
            row.integer("generation"),
            row.texts("changed"),
            row.flag("saved"),
            row.optional("later", Answer.texts) or (),
        )
