"""Read a board's answers to commands; invalid answers raise ProtocolError only.

A typed answer has a classmethod `from_map` (or `from_row`) that takes an Answer and reads each
field once. Other fields belong to later versions and are ignored.
"""

from __future__ import annotations

import math
import re
import types
from collections.abc import Callable
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints, is_typeddict

from host_client.base.exceptions import ProtocolError
from host_client.results.decode import MALFORMED

T = TypeVar("T")
Name = str | int  # the key in a map, the position in a row

_KINDS = {dict: "a map", list: "an array", str: "a text", bytes: "bytes", bool: "true or false"}
_MODULE = re.compile(r"\w+\.")
_SHOWN = 40  # characters of an odd value in an error


class Answer:
    """One map (kind dict) or row (kind list) of the answer to a command, read field by field."""

    def __init__(self, command: str, value: Any, kind: type = dict, place: str = "") -> None:
        self._command = command
        self._place = place
        if not isinstance(value, kind):
            raise self._odd(None, _KINDS[kind], value)
        self.values: Any = value

    def text(self, name: Name) -> str:
        """Return a text."""
        return cast("str", self._typed(name, str))

    def flag(self, name: Name) -> bool:
        """Return a boolean."""
        return cast("bool", self._typed(name, bool))

    def data(self, name: Name) -> bytes:
        """Return bytes."""
        return cast("bytes", self._typed(name, bytes))

    def any(self, name: Name) -> Any:
        """Return a value unchecked."""
        return self._value(name)

    def map(self, name: Name) -> dict[str, Any]:
        """Return a map unchecked."""
        return cast("dict[str, Any]", self._typed(name, dict))

    def integer(self, name: Name, low: float = -math.inf, high: float = math.inf) -> int:
        """Return an integer from low to high."""
        value = self._value(name)
        if type(value) is not int or not low <= value <= high:
            raise self._odd(name, _range("an integer", low, high), value)
        return value

    def number(self, name: Name) -> float:
        """Return a finite number."""
        value = self._value(name)
        if type(value) not in (int, float) or not math.isfinite(value):
            raise self._odd(name, "a finite number", value)
        return cast("float", value)

    def cosine(self, name: Name) -> float:
        """Return a cosine or margin, which the wire carries times 10,000."""
        return self.number(name) / 10000

    def optional(self, name: Name, read: Callable[[Answer, Name], T]) -> T | None:
        """Return read(self, name), or None if the field is nil or missing."""
        present = name in self.values if isinstance(name, str) else name < len(self.values)
        return read(self, name) if present and self.values[name] is not None else None

    def texts(self, name: Name) -> tuple[str, ...]:
        """Return an array of texts."""
        return self._items(name, Answer.text)

    def cosines(self, name: Name) -> tuple[float, ...]:
        """Return an array of cosines."""
        return self._items(name, Answer.cosine)

    def integers(self, name: Name) -> tuple[int, ...]:
        """Return an array of integers."""
        return self._items(name, Answer.integer)

    def counts(self, name: Name) -> dict[str, int]:
        """Return a map of integers."""
        part = Answer(self._command, self._value(name), dict, self._path(name))
        return {str(key): part.integer(key) for key in part.values}

    def rows(self, name: Name, kind: type, read: Callable[[Answer], T]) -> tuple[T, ...]:
        """Return an array of maps or rows, each read by a from_map or from_row."""
        part = Answer(self._command, self._value(name), list, self._path(name))
        return part.read_all(kind, read)

    def part(self, name: Name, kind: type) -> Answer:
        """Return a nested map or array as an Answer."""
        return Answer(self._command, self._value(name), kind, self._path(name))

    def row(self, name: Name, read: Callable[[Answer], T]) -> T:
        """Return read(row) of one row."""
        return read(Answer(self._command, self._value(name), list, self._path(name)))

    def read_all(self, kind: type, read: Callable[[Answer], T]) -> tuple[T, ...]:
        """Return the maps or rows of an answer that is an array, each read by a from_map."""
        return tuple(
            read(Answer(self._command, value, kind, self._path(number)))
            for number, value in enumerate(self.values)
        )

    def typed(self, kind: type[T]) -> T:
        """Return the map as a TypedDict after checking the types of its fields."""
        for name, hint in get_type_hints(kind).items():
            if name in self.values and not _matches(self.values[name], hint):
                raise self._odd(name, _hint(hint), self.values[name])
        return cast("T", dict(self.values))

    def _items(self, name: Name, read: Callable[[Answer, Name], T]) -> tuple[T, ...]:
        part = Answer(self._command, self._value(name), list, self._path(name))
        return tuple(read(part, number) for number in range(len(part.values)))

    def _typed(self, name: Name, kind: type) -> Any:
        value = self._value(name)
        if not isinstance(value, kind):
            raise self._odd(name, _KINDS[kind], value)
        return value

    def _value(self, name: Name) -> Any:
        try:
            return self.values[name]
        except (KeyError, IndexError):
            raise ProtocolError(f"{self._command}: the answer lacks {self._path(name)}") from None

    def _path(self, name: Name | None) -> str:
        if name is None:
            return self._place
        if isinstance(name, int):
            return f"{self._place}[{name}]"
        return f"{self._place}.{name}" if self._place else name

    def _odd(self, name: Name | None, expected: str, value: Any) -> ProtocolError:
        shown = repr(value) if isinstance(value, (str, int, float)) else type(value).__name__
        path = self._path(name)
        return ProtocolError(
            f"{self._command}: {path + ': ' if path else ''}expected {expected} in the answer, "
            f"found {shown[:_SHOWN]}"
        )


def decoded(command: str, decode: Callable[[], T]) -> T:
    """Return decode(); an invalid result message or MODEL raises ProtocolError."""
    try:
        return decode()
    except MALFORMED as error:
        text = f"{type(error).__name__}: {error}"
        raise ProtocolError(f"{command}: the answer can't be read ({text})") from error


def _range(what: str, low: float, high: float) -> str:
    if math.isfinite(high):
        return f"{what} {low}...{high}"
    return f"{what} from {low} on" if math.isfinite(low) else what


def _hint(hint: Any) -> str:
    """Return a type as written in code: list[Problem]."""
    plain = isinstance(hint, type) and not get_args(hint)
    return hint.__name__ if plain else _MODULE.sub("", str(hint))


def _matches(value: Any, hint: Any) -> bool:
    origin = get_origin(hint)
    if hint is Any:
        return True
    if origin in (Union, types.UnionType):
        return any(_matches(value, part) for part in get_args(hint))
    if origin is list:
        return isinstance(value, list) and all(_matches(v, get_args(hint)[0]) for v in value)
    if origin is dict:
        return isinstance(value, dict) and all(
            _matches(item, get_args(hint)[1]) for item in value.values()
        )
    if is_typeddict(hint):
        fields = get_type_hints(hint)
        return (
            isinstance(value, dict)
            and hint.__required_keys__ <= value.keys()
            and all(_matches(value[name], fields[name]) for name in fields if name in value)
        )
    if hint is float:
        return type(value) in (int, float)
    return type(value) is int if hint is int else isinstance(value, hint)
