"""The settings in force: service.yaml, what was changed over the link, and how changes come about."""

from firmware_app import files, settings
from firmware_app.errors import CommandError
from firmware_app.state import State

CONFIGS = "/sdcard/configs"
SERVICE_YAML = CONFIGS + "/service.yaml"
MAX_CONFIG = settings.MAX_SIZE


def read_text(path: str) -> str:
    """Return a YAML file's text; OSError, SettingsError where it is none."""
    files.recover(path)
    if files.is_folder(path):
        raise OSError(21)  # EISDIR
    with open(path, "rb") as file:
        data = file.read(MAX_CONFIG + 1)
    return settings.decode(data, shown(path))


def shown(path: str) -> str:
    """Return the path as people know it: from the card's root."""
    return path[8:] if path.startswith("/sdcard/") else path


def task_path(name: str) -> str:
    """Return the path of a task's YAML."""
    return "%s/tasks/%s.yaml" % (CONFIGS, name)


class Configuration:
    """The service's settings, and what is remembered of changes."""

    def __init__(self) -> None:
        self._settings = None  # of service.yaml, as Settings
        self.values: dict = {}
        self.task = None  # the task that is named to run
        self._state = State()

    def read(self) -> list:
        """Read service.yaml; return what is wrong, a sentence each: then the defaults are in force, without a task."""
        name = shown(SERVICE_YAML)
        wrong: list = []
        lost = self._state.load()
        if lost:
            wrong.append(lost)
        try:
            self._settings = self._applied(settings.read_service(read_text(SERVICE_YAML), name))
            self.task = self._settings.get("task")
        except OSError:
            wrong.append(name + ": expected the file on the card, found none")
        except settings.SettingsError as error:
            wrong.extend(error.messages)
        if self._settings is None:
            self._settings = settings.read_service("", name)
        self.values = self._settings.values
        return wrong

    def _applied(self, values):
        return self._state.applied(values)

    def read_task(self, name: str):
        """Return the Settings of a task's YAML with what was changed over the link; OSError, SettingsError."""
        path = task_path(name)
        return self._applied(settings.read_task(read_text(path), shown(path)))

    def reread(self) -> tuple:
        """Read an edited service.yaml and use what may change while running.

        Return (task that it names, settings that wait for the next start); CommandError: it is not
        valid, and the old settings stay.
        """
        try:
            fresh = self._applied(
                settings.read_service(read_text(SERVICE_YAML), shown(SERVICE_YAML))
            )
        except (OSError, settings.SettingsError) as error:
            raise CommandError("failed", str(error))
        later: list = []
        for field in fresh.fields:
            value = fresh.get(field.path)
            if field.live:
                self._settings = self._settings.changed(field.path, value)
            elif field.path != "task" and value != self._settings.get(field.path):
                later.append(field.path)
        self.values = self._settings.values
        self.task = fresh.get("task")
        return self.task, later

    def names(self) -> list:
        """Return the names of the service's settings."""
        return [field.path for field in self._settings.fields]

    def changed(self, changes: dict):
        """Return the service's Settings with these changed; CommandError."""
        return changed(self._settings, changes)

    def use(self, fresh) -> None:
        """Let these settings be in force."""
        self._settings = fresh
        self.values = fresh.values

    def remember(self, kept: list) -> None:
        """Keep changes over a power loss: rows (Settings, names of what to keep of them); CommandError.

        All of them are written at once, or none.
        """
        rows: list = []
        for fresh, paths in kept:
            for path in paths:
                rows.append((fresh.name, path, self._in_file(fresh, path), fresh.get(path)))
        try:
            self._state.remember(rows)
        except OSError as error:
            names = ", ".join([row[1] for row in rows])
            raise CommandError("failed", "%s can't be kept on the card: %s" % (names, error))

    def remember_task(self, name: str) -> None:
        """Keep the active task over a power loss; CommandError."""
        fresh = self._settings.changed("task", name)
        self.use(fresh)
        self.task = name
        self.remember([(fresh, ["task"])])

    def _in_file(self, values, path: str):
        """Return what the YAML itself says of a setting, whatever was changed since."""
        try:
            read = (
                settings.read_service if values.name == shown(SERVICE_YAML) else settings.read_task
            )
            return read(read_text("/sdcard/" + values.name), values.name).get(path)
        except (OSError, ValueError, KeyError):
            return None

    def public(self) -> dict:
        """Return the service's settings, secrets left out."""
        return self._settings.public()


def changed(values, changes: dict):
    """Return Settings with these changed, all of them or none; CommandError says which is not allowed.

    A text is read as the YAML file would read it: that is how `k230 set` sends every value.
    """
    for path in changes:
        value = changes[path]
        try:
            if isinstance(value, str):
                value = settings.read_value(value, path)
            if isinstance(value, float) and not -1e30 < value < 1e30:
                raise CommandError("bad_argument", "%s: expected a finite number" % path)
            values = values.changed(path, value)
        except settings.SettingsError as error:
            raise CommandError("bad_argument", str(error))
        for field in values.fields:
            if field.path == path and not field.live:
                raise CommandError(
                    "bad_argument",
                    "%s: takes effect at the next start only; edit %s" % (path, values.name),
                )
    return values
