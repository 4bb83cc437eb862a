"""The settings in force: service.yaml, what was changed over the link, and how changes come about.

The last service.yaml that could be read is kept: a file that was cut off or edited badly must
not take the network's settings along, and the board out of reach.
"""

from firmware_app.base import files, storage
from firmware_app.base.errors import CommandError
from firmware_app.card.state import State
from firmware_app.settings import reader as settings

if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Any

CONFIGS = "/sdcard/configs"
SERVICE_YAML = CONFIGS + "/service.yaml"
_GOOD = "service.yaml"  # of the service's own folder
MAX_CONFIG = settings.MAX_SIZE


def read_text(path: str) -> str:
    """Return a YAML file's text; OSError, SettingsError where it is none."""
    files.recover(path)
    if files.is_folder(path):
        raise OSError(21)  # EISDIR
    return settings.decode(files.read(path, MAX_CONFIG + 1), shown(path))


def shown(path: str) -> str:
    """Return the path as people know it: from the card's root."""
    return path[8:] if path.startswith("/sdcard/") else path


def task_path(name: str) -> str:
    """Return the path of a task's YAML."""
    return "%s/tasks/%s.yaml" % (CONFIGS, name)


class Configuration:
    """The service's settings, and what is remembered of changes."""

    def __init__(self) -> None:
        self._settings: "settings.Settings" = None  # type: ignore[assignment]  # read() makes it
        self.values: "dict[str, Any]" = {}
        self.task: "str | None" = None  # the task that is named to run
        self._state = State()

    def read(self) -> "tuple[str, list[str]]":
        """Read what is remembered, and service.yaml; return what is wrong: (of the one, list of the other).

        Where service.yaml is missing, empty or faulty, the last good one is in force; where there is
        none, the defaults, without a task.
        """
        name = shown(SERVICE_YAML)
        lost = self._state.load()
        wrong: "list[str]" = []
        fresh = None
        try:
            fresh = settings.read_service(read_text(SERVICE_YAML), name)
        except OSError:
            wrong.append(name + ": expected the file on the card, found none")
        except settings.SettingsError as error:
            wrong.extend(error.messages)
        if fresh is not None and fresh.source.strip():
            self._keep_good(fresh.source)
        else:
            good = self._good(name)
            if good is not None:
                empty = "" if fresh is None else "the file is empty; "
                wrong.append("%s: %sthe last good one is in force" % (name, empty))
                fresh = good
        if fresh is None:
            self._settings = settings.read_service("", name)
        else:
            self._settings = self._applied(fresh)
            self.task = self._settings.get("task")
        self.values = self._settings.values
        return lost, wrong

    def _good(self, name: str) -> "settings.Settings | None":
        try:
            return settings.read_service(read_text(storage.path(_GOOD)), name)
        except (OSError, settings.SettingsError):
            return None

    def _keep_good(self, text: str) -> None:
        good = self._good(shown(SERVICE_YAML))
        if good is not None and good.source == text:
            return
        try:
            files.make_folders(storage.place())
            files.replace(storage.path(_GOOD), text.encode())
        except OSError:
            pass  # a card that can't be written must not keep the service from running

    def _applied(self, values: "settings.Settings") -> "settings.Settings":
        return self._state.applied(values)

    def read_task(self, name: str) -> "settings.Settings":
        """Return the Settings of a task's YAML with what was changed over the link; OSError, SettingsError."""
        path = task_path(name)
        return self._applied(settings.read_task(read_text(path), shown(path)))

    def ran(self) -> "tuple[str, settings.Settings] | tuple[None, None]":
        """Return (name, Settings) of the task that ran last, as it ran; (None, None) where none did."""
        try:
            name, text = self._state.ran
            return name, self._applied(settings.read_task(text, shown(task_path(name))))
        except ValueError:  # also a SettingsError, of an older version's file
            return None, None

    def reread(self) -> "tuple[settings.Settings, list[str]]":
        """Read an edited service.yaml; return what may be used while running: see use().

        Return (Settings, names of those that wait for the next start); CommandError: it is not valid,
        and the old settings stay.
        """
        name = shown(SERVICE_YAML)
        try:
            fresh = settings.read_service(read_text(SERVICE_YAML), name)
        except (OSError, settings.SettingsError) as error:
            raise CommandError("failed", str(error))
        if not fresh.source.strip():
            raise CommandError("failed", name + ": the file is empty")
        self._keep_good(fresh.source)
        fresh = self._applied(fresh)
        later: "list[str]" = []
        live: "dict[str, object]" = {}
        for field in fresh.fields:
            value = fresh.get(field.path)
            if field.live:
                live[field.path] = value
            elif field.path != "task" and value != self._settings.get(field.path):
                later.append(field.path)
        usable = self._settings.with_changes(live)
        self.task = fresh.get("task")
        usable.written = fresh.written
        return usable, later

    @property
    def service(self) -> "settings.Settings":
        """The service's settings in force."""
        return self._settings

    def kept(self, values: "settings.Settings") -> "dict[str, object]":
        """Return what is kept over a power loss of changes to a file's settings: {name: value}."""
        return self._state.kept(values.name)

    def use(self, fresh: "settings.Settings") -> None:
        """Let these settings be in force."""
        self._settings = fresh
        self.values = fresh.values

    def remember(
        self, kept: "list[tuple[settings.Settings, list[str]]]", ran: "list[str] | None" = None
    ) -> None:
        """Keep changes over a power loss: rows (Settings, names of what to keep of them); CommandError.

        ran: [task, its YAML] that ran last, or None for no change. All is written at once, or nothing.
        """
        rows: "list[tuple[str, str, object, object]]" = []
        for fresh, paths in kept:
            for path in paths:
                rows.append((fresh.name, path, self.in_file(fresh, path), fresh.get(path)))
        try:
            self._state.remember(rows, ran)
        except OSError as error:
            names = ", ".join([row[1] for row in rows])
            raise CommandError(
                "failed", "%s can't be kept on the card: %s" % (names, files.why(error))
            )

    def remember_task(self, name: str, values: "settings.Settings") -> None:
        """Keep the active task, and the YAML it runs with, over a power loss; CommandError."""
        fresh = self._settings.changed("task", name)
        self.use(fresh)
        self.task = name
        self.remember([(fresh, ["task"])], [name, values.source])

    def remember_ran(self, name: str, values: "settings.Settings") -> None:
        """Keep the YAML of a task that ran, over a power loss; CommandError."""
        self.remember([], [name, values.source])

    def in_file(self, values: "settings.Settings", path: str) -> object:
        """Return what the YAML itself says of a setting, without later changes."""
        read = settings.read_service if values.name == shown(SERVICE_YAML) else settings.read_task
        try:
            return read(read_text("/sdcard/" + values.name), values.name).get(path)
        except (OSError, ValueError, KeyError):
            pass
        try:  # what is on the card can't be read: then what it said when it could
            return read(values.source, values.name).get(path)
        except (ValueError, KeyError):
            return None

    def public(self) -> "dict[str, object]":
        """Return the service's settings, secrets left out."""
        return self._settings.public()


def changed(
    values: "settings.Settings", changes: "dict[str, object]", save: bool
) -> "tuple[settings.Settings, settings.Settings, list[str]]":
    """Change settings, all of them or none; CommandError says which is not allowed.

    Return (Settings to use now, Settings to keep, names of what waits for the next start). A text is
    read as the YAML file would read it: that is how `k230 set` sends every value.
    """
    later: "list[str]" = []
    now: "dict[str, object]" = {}
    every: "dict[str, object]" = {}
    try:
        for path in changes:
            value = changes[path]
            if isinstance(value, str):
                value = settings.read_value(value, path)
            if isinstance(value, float) and not -1e30 < value < 1e30:
                raise CommandError("bad_argument", "%s: expected a finite number" % path)
            every[path] = value
        kept = values.with_changes(every)
        for path in every:
            field = values.field(path)
            if field is not None and field.live:
                now[path] = every[path]
                continue
            if path == "task":
                raise CommandError(
                    "bad_argument", "task: another one runs with `switch`, not with `set`"
                )
            if not save:
                raise CommandError(
                    "bad_argument",
                    "%s: takes effect from the next start; keep it for then (--save), or edit %s"
                    % (path, values.name),
                )
            later.append(path)
        values = values.with_changes(now)
    except settings.SettingsError as error:
        raise CommandError("bad_argument", str(error))
    return values, kept, later
