"""Read and check configs/service.yaml and configs/tasks/NAME.yaml: text in, Settings out."""

from firmware_app.settings import schema, service_fields, task_fields
from firmware_app.settings.schema import Field, FieldError, show, suggestion
from firmware_app.settings.yaml_subset import YamlError, load_with_lines

if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Any


class SettingsError(ValueError):
    """A file or a change is refused: messages has one sentence for each fault."""

    def __init__(self, messages: list[str]) -> None:
        self.messages = messages
        super().__init__("\n".join(messages))

    def __str__(self) -> str:
        more = len(self.messages) - 1
        if not more:
            return self.messages[0]
        return self.messages[0] + " (and " + str(more) + " more)"


class Settings:
    """The checked settings of one file, defaults filled in.

    values: nested dicts by group, e.g. values["camera"]["fps"]; lines: the line of every
    setting that the file itself gives, by dotted path; source: the file's text; written: the
    values before anything was changed.
    """

    def __init__(
        self,
        name: str,
        fields: tuple[Field, ...],
        values: dict[str, object],
        lines: dict[str, int],
        source: str,
        written: "dict[str, object] | None" = None,
    ) -> None:
        self.name = name
        self.fields = fields
        self.values = values
        self.lines = lines
        self.source = source
        self.written: "dict[str, object]" = values if written is None else written

    def get(self, path: str) -> "Any":
        """Return the setting of this dotted path; KeyError where there is none."""
        return _get(self.values, path)

    def in_file(self, path: str) -> "Any":
        """Return what the file says of a setting, its default where it says nothing; KeyError."""
        return _get(self.written, path)

    def field(self, path: str) -> "Field | None":
        """Return what a setting may be, None where there is no such setting."""
        return _find(self.fields, path)

    def public(self) -> dict[str, object]:
        """Return the values with secrets replaced by '***', for logs and answers."""
        result: dict[str, object] = {}
        for field in self.fields:
            value = self.get(field.path)
            _put(result, field.path, "***" if field.secret and value is not None else value)
        return result

    def changed(self, path: str, value: object) -> "Settings":
        """Return a copy with one setting changed and all checks made; raise SettingsError."""
        return self.with_changes({path: value})

    def with_changes(self, changes: "dict[str, object]") -> "Settings":
        """As changed(), with several: some only fit together."""
        values: dict[str, object] = {}
        for other in self.fields:
            _put(values, other.path, self.get(other.path))
        for path in changes:
            field = _find(self.fields, path)
            if field is None:
                names = [other.path for other in self.fields]
                hint = suggestion(path, names, "")
                raise SettingsError([path + ": unknown setting" + hint])
            try:
                _put(values, path, schema.check(field, changes[path]))
            except FieldError as error:
                raise SettingsError([path + ": " + str(error)])
        result = Settings(self.name, self.fields, values, self.lines, self.source, self.written)
        faults = [where + ": " + problem for where, problem in _together(result)]
        if faults:
            raise SettingsError(faults)
        return result


MAX_SIZE = 65536  # bytes of one YAML file


def decode(data: bytes, name: str) -> str:
    """Return the text of a file's bytes; SettingsError names the line that is not UTF-8."""
    if len(data) > MAX_SIZE:
        raise SettingsError([name + ": expected at most " + str(MAX_SIZE) + " bytes"])
    try:
        return str(data, "utf-8")
    except ValueError:
        number = 0
        for line in data.split(b"\n"):
            number += 1
            try:
                str(line, "utf-8")
            except ValueError:
                break
        where = name + " line " + str(number)
        raise SettingsError([where + ": text that is not UTF-8: save the file as UTF-8"])


def read_value(text: str, path: str) -> object:
    """Return one value as a file would give it, for `k230 set PATH=TEXT`; SettingsError."""
    if "\n" in text or "\r" in text:
        raise SettingsError([path + ": expected one line"])
    try:
        data, _ = load_with_lines("value: " + text, path)
    except YamlError as error:
        raise SettingsError([path + ": " + error.problem])
    assert isinstance(data, dict)
    return data["value"]


def read_service(text: str, name: str) -> Settings:
    """Return the settings of a service.yaml; an empty text is valid. Raise SettingsError."""
    data, lines = _load(text, name)
    return _Reading(name, data, lines, text).read(service_fields.FIELDS)


def read_task(text: str, name: str) -> Settings:
    """Return the settings of a task's YAML: those meant for its task. Raise SettingsError."""
    data, lines = _load(text, name)
    reading = _Reading(name, data, lines, text)
    first = task_fields.FIELDS[0]
    if first.path not in data:
        reading.fault((), first.path, "missing; expected " + first.expected())
        raise SettingsError(reading.faults)
    task = data[first.path]
    try:
        schema.check(first, task)
    except FieldError as error:
        reading.fault((first.path,), first.path, str(error))
        raise SettingsError(reading.faults)
    meant = tuple(f for f in task_fields.FIELDS if not f.tasks or task in f.tasks)
    paths = [field.path for field in meant]
    for field in task_fields.FIELDS:
        if field.path in data and field.path not in paths:
            problem = "not a setting of the task " + str(task) + "; it belongs to "
            reading.fault((field.path,), field.path, problem + ", ".join(field.tasks))
            del data[field.path]
    return reading.read(meant)


def _load(text: str, name: str) -> tuple[dict[str, object], dict[tuple[object, ...], int]]:
    try:
        data, lines = load_with_lines(text, name)
    except YamlError as error:
        raise SettingsError([str(error)])
    if data is None:
        data = {}
    if not isinstance(data, dict):
        where = name + " line " + str(lines[()])
        raise SettingsError([where + ": expected settings ('key: value'), found " + show(data)])
    return data, lines


def _find(fields: tuple[Field, ...], path: str) -> Field | None:
    for field in fields:
        if field.path == path:
            return field
    return None


def _get(values: dict[str, object], path: str) -> object:
    value: object = values
    for part in path.split("."):
        if not isinstance(value, dict):
            raise KeyError(path)
        value = value[part]
    return value


def _put(values: dict[str, object], path: str, value: object) -> None:
    parts = path.split(".")
    inner = values
    for part in parts[:-1]:
        below = inner.setdefault(part, {})
        assert isinstance(below, dict)
        inner = below
    inner[parts[-1]] = value


class _Reading:
    """One file being checked; faults gathers a sentence for each setting that is wrong."""

    def __init__(
        self,
        name: str,
        data: dict[str, object],
        lines: dict[tuple[object, ...], int],
        source: str,
    ) -> None:
        self.name = name
        self.data = data
        self.lines = lines
        self.source = source
        self.faults: list[str] = []

    def fault(self, key: tuple[object, ...], path: str, problem: str) -> None:
        line = self.lines.get(key)
        where = self.name + (" line " + str(line) if line else "")
        self.faults.append(where + ": " + path + ": " + problem)

    def read(self, fields: tuple[Field, ...]) -> Settings:
        given: dict[str, int] = {}
        values: dict[str, object] = {}
        for field in fields:
            _put(values, field.path, field.default)
        self._group(fields, self.data, (), values, given)
        for field in fields:
            if field.required and field.path not in self.data:
                self.fault((), field.path, "missing; expected " + field.expected())
        result = Settings(self.name, fields, values, given, self.source)
        if not self.faults:
            for path, problem in _together(result):
                self.fault(_nearest_key(path, given), path, problem)
        if self.faults:
            raise SettingsError(self.faults)
        return result

    def _group(
        self,
        fields: tuple[Field, ...],
        data: dict[str, object],
        key: tuple[object, ...],
        values: dict[str, object],
        given: dict[str, int],
    ) -> None:
        """Check the settings of one mapping of the file: the root or a group."""
        prefix = "".join([str(part) + "." for part in key])
        names: list[str] = []
        for known in fields:
            if known.path.startswith(prefix):
                name = known.path[len(prefix) :].split(".")[0]
                if name not in names:
                    names.append(name)
        for name in sorted(data, key=lambda name: self.lines.get(key + (name,), 0)):
            here = key + (name,)
            path = prefix + name
            field = _find(fields, path)
            value = data[name]
            if field is not None:
                try:
                    _put(values, path, schema.check(field, value))
                    given[path] = self.lines[here]
                except FieldError as error:
                    self.fault(here, path, str(error))
            elif name not in names:
                hint = suggestion(name, names, prefix)
                hint = hint or "; known here: " + ", ".join(names)
                self.fault(here, path, "unknown setting" + hint)
            elif isinstance(value, dict):
                self._group(fields, value, here, values, given)
            elif value is not None:
                self.fault(here, path, "expected a group of settings, found " + show(value))


def _nearest_key(path: str, given: dict[str, int]) -> tuple[object, ...]:
    """Return the key of a setting, of its group, or of the root: the first that has a line."""
    parts = path.split(".")
    if path in given:
        return tuple(parts)
    for other in given:
        if other.startswith(parts[0] + "."):
            return (parts[0],)
    return ()


def _together(settings: Settings) -> list[tuple[str, str]]:
    """Return (path, problem) of settings that are right alone and wrong together."""
    faults: list[tuple[str, str]] = []
    events = settings.values.get("events")
    if isinstance(events, dict) and "steady_of" in events:
        most = events["steady_of"]
        if events["steady_frames"] > most:
            problem = "expected at most events.steady_of (" + str(most) + "), found "
            faults.append(("events.steady_frames", problem + show(events["steady_frames"])))
    if "network" not in settings.values:
        return faults
    get = settings.get
    interface = get("network.interface")
    if interface in ("station", "access_point") and get("network.ssid") is None:
        faults.append(("network.ssid", "missing; interface " + str(interface) + " needs it"))
    if interface == "access_point" and get("network.password") is None:
        faults.append(("network.password", "missing; an access point needs one"))
    pins = (get("uart.tx"), get("uart.rx"))
    if pins != (None, None):
        number = get("uart.id")
        assert isinstance(number, int)
        pairs = service_fields.UART_PINS[number]
        if pins not in pairs:
            choices = ", ".join([str(tx) + "/" + str(rx) for tx, rx in pairs])
            given = show(pins[0]) + "/" + show(pins[1])
            problem = "expected the pins tx/rx of UART " + str(number) + ": " + choices
            faults.append(("uart.tx", problem + "; found " + given))
    return faults
