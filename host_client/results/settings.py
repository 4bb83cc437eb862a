"""What a board says of its settings: the values in force, those of its YAML, and changes."""

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

    value: in force now. file_value: what the YAML on the card says, else the default. next_value: in
    force from the next start on; it differs from value where a change waits for that. live: `set`
    changes it at once; others take effect from the next start. kept: the change outlasts a restart.
    of_task: of the running task's YAML, not of service.yaml.
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
        """Whether it is, or will be, another than the YAML says."""
        return self.kept or self.value != self.file_value

    @property
    def field(self) -> Field | None:
        """What values it may have, in what unit, and what it means; None: this client does not know it."""
        fields = task_fields.FIELDS if self.of_task else service_fields.FIELDS
        return next((field for field in fields if field.path == self.name), None)

    @classmethod
    def from_row(cls, row: Answer) -> Setting:
        """Return the setting of one row of the answer to `settings`."""
        name = row.text(0)
        flags = row.integer(1)
        value, file_value = row.any(2), row.any(3)
        live, kept = bool(flags & _LIVE), bool(flags & _KEPT)
        after = value if kept or not live else file_value
        if len(row.values) > 4:
            after = row.values[4]
        return cls(name, value, file_value, after, live, kept, bool(flags & _OF_TASK))


class SetReport(NamedTuple):
    """What a change of settings did; all of it or nothing.

    generation: of the first result made with them. changed: full names. saved: kept over a restart.
    later: of those, the ones that take effect from the next start.
    """

    generation: int
    changed: tuple[str, ...]
    saved: bool
    later: tuple[str, ...] = ()

    @classmethod
    def from_map(cls, row: Answer) -> SetReport:
        """Return the report of the answer to `set`, `keep` or `forget`."""
        return cls(
            row.integer("generation"),
            row.texts("changed"),
            row.flag("saved"),
            row.optional("later", Answer.texts) or (),
        )
