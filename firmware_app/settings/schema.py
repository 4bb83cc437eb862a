"""What a setting may be: one Field per setting, and the check of a value against it."""

if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Any, Callable

MAX_PATH = 200  # characters of a path on the card


class FieldError(ValueError):
    """A value does not fit its field; str() says what was expected and what was found."""


class Field:
    """One setting; made by the function that is named after what the value is.

    path: dotted name; low/high: range of a number or of a text's length; step: the number must
    be a multiple of it; tasks: the tasks it is meant for, () for all; secret: never shown;
    live: may be changed while the service runs, effective at the next frame; text: what it
    means, the comment in configs/ and in docs/configuration.md.
    """

    # An instance holds what its definition gives; the rest is here, once.
    low: "float | None" = None
    high: "float | None" = None
    step = 1
    unit = ""
    choices: "tuple[str, ...]" = ()
    tasks: "tuple[str, ...]" = ()
    required = False
    secret = False
    live = False
    octets = False  # of a text: its length counts bytes
    words = ""  # of a list: what it must be
    checker: "Any" = (
        None  # of a list: (field, value) -> the value as the service uses it; FieldError
    )

    def __init__(self, kind: str, path: str, default: object, text: str, **more: object) -> None:
        self.kind = kind
        self.path = path
        self.default = default
        self.text = text
        for name in more:
            setattr(self, name, more[name])

    @staticmethod
    def boolean(path: str, default: bool, *, text: str, **more: object) -> "Field":
        return Field("boolean", path, default, text, **more)

    @staticmethod
    def integer(
        path: str,
        default: "int | None",
        *,
        range: "tuple[int, int]",
        text: str,
        **more: object,
    ) -> "Field":
        return Field("integer", path, default, text, low=range[0], high=range[1], **more)

    @staticmethod
    def number(
        path: str,
        default: "float | None",
        *,
        range: "tuple[float, float]",
        text: str,
        **more: object,
    ) -> "Field":
        return Field("number", path, default, text, low=range[0], high=range[1], **more)

    @staticmethod
    def string(
        path: str,
        default: "str | None",
        *,
        length: "tuple[int, int]",
        text: str,
        **more: object,
    ) -> "Field":
        return Field("text", path, default, text, low=length[0], high=length[1], **more)

    @staticmethod
    def choice(
        path: str,
        default: "str | None",
        choices: "tuple[str, ...]",
        *,
        text: str,
        **more: object,
    ) -> "Field":
        return Field("choice", path, default, text, choices=choices, **more)

    @staticmethod
    def task_name(path: str, *, text: str, **more: object) -> "Field":
        return Field("name", path, None, text, **more)

    @staticmethod
    def card_path(path: str, *, text: str, **more: object) -> "Field":
        return Field("path", path, None, text, **more)

    @staticmethod
    def labels(path: str, *, text: str, **more: object) -> "Field":
        return Field("labels", path, None, text, **more)

    @staticmethod
    def region(path: str, *, text: str, **more: object) -> "Field":
        return Field("region", path, None, text, **more)

    @staticmethod
    def rows(
        path: str,
        *,
        checker: "Callable[[Field, object], object]",
        words: str,
        text: str,
        **more: object,
    ) -> "Field":
        return Field("rows", path, None, text, checker=checker, words=words, **more)

    def expected(self) -> str:
        """Return in words what the value must be."""
        span = ""
        if self.low is not None and self.high is not None:
            span = str(self.low) + ".." + str(self.high)
        if self.kind == "boolean":
            words = "true or false"
        elif self.kind == "integer":
            words = "an integer " + span
            if self.step > 1:
                words += ", a multiple of " + str(self.step)
        elif self.kind == "number":
            words = "a number " + span
        elif self.kind == "choice":
            words = "one of " + ", ".join(self.choices)
        elif self.kind == "text":
            words = "text of " + span + (" bytes in UTF-8" if self.octets else " characters")
        elif self.kind == "name":
            words = "the name of a file in configs/tasks without .yaml"
        elif self.kind == "path":
            words = "a path on the card"
        elif self.kind == "labels":
            words = "a list of texts"
        elif self.kind == "rows":
            words = self.words
        else:
            words = "x, y, width and height in pixels"
        if self.default is None and not self.required:
            words += " or null"
        return words


def show(value: object) -> str:
    """Return a value as a message shows it, the same on board and host."""
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        # Six digits: the board computes in single precision and must say the same.
        text = f"{value:.6g}"
        return text if "." in text or "e" in text or "n" in text else text + ".0"
    if isinstance(value, str):
        return '"' + (value if len(value) <= 40 else value[:37] + "...") + '"'
    if isinstance(value, list):
        return "a list of " + str(len(value))
    if isinstance(value, dict):
        return "a mapping"
    return "something else"


def _refuse(field: Field, value: object, hint: str = "") -> FieldError:
    shown = "something else (not shown)" if field.secret else show(value)
    return FieldError("expected " + field.expected() + ", found " + shown + hint)


def check(field: Field, value: object) -> object:
    """Return the value as the service uses it (numbers as float); raise FieldError."""
    if value is None:
        if field.default is None and not field.required:
            return None
        raise _refuse(field, value)
    kind = field.kind
    if kind == "boolean":
        if not isinstance(value, bool):
            raise _refuse(field, value)
        return value
    if kind == "integer" or kind == "number":
        return _check_number(field, value)
    if kind == "rows":
        return field.checker(field, value)
    if kind == "labels":
        return _check_labels(field, value)
    if kind == "region":
        return _check_region(field, value)
    return _check_text(field, value)


def _check_number(field: Field, value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _refuse(field, value)
    if field.kind == "integer" and not isinstance(value, int):
        raise _refuse(field, value)
    low, high = field.low, field.high
    if (low is not None and value < low) or (high is not None and value > high):
        hint = ""
        if field.path == "uart.id" and value == 0:
            hint = " (UART 0 is the board's console)"
        raise _refuse(field, value, hint)
    if isinstance(value, int) and value % field.step:
        above = (value // field.step + 1) * field.step
        if high is not None and above > high:
            above -= field.step
        raise _refuse(field, value, "; " + str(above) + " is the next one that fits")
    return value if field.kind == "integer" else float(value)


def _check_text(field: Field, value: object) -> str:
    kind = field.kind
    if not isinstance(value, str):
        hint = ""
        if kind == "text" and not isinstance(value, (list, dict)):
            hint = ": put it in quotes"
        if kind == "choice" and isinstance(value, (int, float)) and show(value) in field.choices:
            hint = ": put it in quotes"
        raise _refuse(field, value, hint)
    if kind == "choice":
        if value not in field.choices:
            raise _refuse(field, value, suggestion(value, field.choices, ""))
    elif kind == "text":
        low, high = field.low or 0, field.high or MAX_PATH
        count = len(value.encode()) if field.octets else len(value)
        if not low <= count <= high:
            raise _refuse(field, value, " (" + str(count) + " bytes)" if field.octets else "")
    elif kind == "name":
        if not is_name(value):
            raise _refuse(field, value)
    else:
        problem = path_problem(value)
        if problem:
            raise _refuse(field, value, " (" + problem + ")")
    return value


def is_name(text: str) -> bool:
    """True for a plain file name stem: no folder, no leading dot, no odd characters."""
    if not 0 < len(text) <= 64 or text[0] == "." or text[-1] in ". ":
        return False
    return not any(ch in '/\\:*?"<>|' or ord(ch) < 0x20 for ch in text)


def path_problem(text: str) -> str:
    """Return why text is no path that the service would follow; '' where it is one."""
    if not 0 < len(text) <= MAX_PATH:
        return "1.." + str(MAX_PATH) + " characters"
    if "\\" in text:
        return "write / between folders"
    if any(ord(ch) < 0x20 for ch in text):
        return "control character"
    if ".." in text.split("/"):
        return ".. is not allowed"
    return ""


def _check_labels(field: Field, value: object) -> list[str]:
    if not isinstance(value, list) or not value:
        raise _refuse(field, value)
    for index, item in enumerate(value):
        if not isinstance(item, str):
            raise FieldError(
                "expected texts only, found "
                + show(item)
                + " at position "
                + str(index + 1)
                + ": put it in quotes"
            )
    return value


def _check_region(field: Field, value: object) -> dict[str, int]:
    if not isinstance(value, dict):
        raise _refuse(field, value)
    names = ("x", "y", "width", "height")
    for name in value:
        if name not in names:
            raise FieldError("expected " + field.expected() + ", found the key " + show(name))
    for name in names:
        if name not in value:
            raise FieldError("expected " + field.expected() + ": " + name + " is missing")
        number = value[name]
        low = 0 if name in "xy" else 16
        if isinstance(number, bool) or not isinstance(number, int) or not low <= number <= 4096:
            raise FieldError(
                name + ": expected an integer " + str(low) + "..4096, found " + show(number)
            )
    return value


def _distance(left: str, right: str) -> int:
    """Count the edits between two words; two swapped letters are one."""
    before: list[int] = []
    last = list(range(len(right) + 1))
    for i in range(len(left)):
        row = [i + 1]
        for j in range(len(right)):
            cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (left[i] != right[j]))
            if i and j and left[i] == right[j - 1] and left[i - 1] == right[j]:
                cost = min(cost, before[j - 1] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]


def suggestion(word: str, names: tuple[str, ...] | list[str], prefix: str) -> str:
    """Return '; did you mean NAME?' for the nearest name, '' where none is near."""
    best, nearest = "", 99
    folded = word[:40].lower().replace("-", "_").replace(" ", "_")
    for name in names:
        distance = _distance(folded, name)
        if distance < nearest:
            best, nearest = name, distance
    if nearest <= max(1, len(folded) // 3):
        return "; did you mean " + prefix + best + "?"
    return ""
