"""The value that fills the rest of a line: a scalar, [a, b] or {a: 1}.

Raises yaml_scalar.ScalarError; the caller knows the line.
"""

from firmware_app.settings import yaml_scalar
from firmware_app.settings.yaml_scalar import ScalarError


class Flow:
    """The text of one value with the number of its line; paths are noted in places."""

    def __init__(
        self, text: str, number: int, places: dict[tuple[object, ...], int], max_depth: int
    ) -> None:
        self.text = text
        self.number = number
        self.places = places
        self.max_depth = max_depth

    def whole(self, depth: int, path: tuple[object, ...]) -> object:
        """Return the value; nothing but a comment may follow it."""
        value, end = self._value(0, depth, path, False)
        tail = self.text[end:]
        rest = tail.lstrip(" ")
        if rest and (rest[0] != "#" or len(rest) == len(tail)):
            if rest[0] == ":":
                raise ScalarError("a second ': ' in the line: put the text in quotes")
            raise ScalarError("unexpected " + yaml_scalar.show(rest) + " after the value")
        return value

    def _value(
        self, at: int, depth: int, path: tuple[object, ...], flow: bool
    ) -> tuple[object, int]:
        """Return (value, index after it) of what starts at this index."""
        text = self.text
        first = text[at]
        if first == '"':
            return yaml_scalar.double_quoted(text, at)
        if first == "'":
            return yaml_scalar.single_quoted(text, at)
        if first in "[{":
            if depth >= self.max_depth:
                raise ScalarError("nested deeper than " + str(self.max_depth) + " levels")
            if first == "[":
                return self._list(at + 1, depth + 1, path)
            return self._mapping(at + 1, depth + 1, path)
        end = yaml_scalar.plain_end(text, at, flow)
        word = text[at:end].rstrip(" ")
        if not word:
            raise ScalarError("a value is missing before " + yaml_scalar.show(text[at:]))
        return yaml_scalar.plain(word), end

    def _list(self, at: int, depth: int, path: tuple[object, ...]) -> tuple[list[object], int]:
        items: list[object] = []
        while True:
            at = self._skip(at, "]")
            if self.text[at] == "]":
                return items, at + 1
            here = path + (len(items),)
            self.places[here] = self.number
            value, at = self._value(at, depth, here, True)
            items.append(value)
            at = self._comma(at, "]")

    def _mapping(
        self, at: int, depth: int, path: tuple[object, ...]
    ) -> tuple[dict[str, object], int]:
        result: dict[str, object] = {}
        text = self.text
        while True:
            at = self._skip(at, "}")
            if text[at] == "}":
                return result, at + 1
            quoted = True
            if text[at] == '"':
                key, at = yaml_scalar.double_quoted(text, at)
            elif text[at] == "'":
                key, at = yaml_scalar.single_quoted(text, at)
            else:
                quoted = False
                end = yaml_scalar.plain_end(text, at, True)
                key, at = yaml_scalar.plain_key(text[at:end].rstrip(" ")), end
            at = self._skip(at, "}")
            if text[at] != ":" or (not quoted and text[at + 1 : at + 2] != " "):
                raise ScalarError("expected ': ' and a value after " + yaml_scalar.show(key))
            if key in result:
                raise ScalarError("the key " + yaml_scalar.show(key) + " appears twice")
            at = self._skip(at + 1, "}")
            if text[at] in ",}":
                raise ScalarError("the value of " + yaml_scalar.show(key) + " is missing")
            here = path + (key,)
            self.places[here] = self.number
            value, at = self._value(at, depth, here, True)
            result[key] = value
            at = self._comma(at, "}")

    def _skip(self, at: int, closing: str) -> int:
        """Return the index of the next character inside the brackets that is no space."""
        text = self.text
        while text[at : at + 1] == " ":
            at += 1
        if at >= len(text) or text[at] == "#":
            raise ScalarError("the " + closing + " that closes the value is missing on its line")
        return at

    def _comma(self, at: int, closing: str) -> int:
        """Return the index where the next item may start, or of the closing bracket."""
        at = self._skip(at, closing)
        if self.text[at] == ",":
            return at + 1
        if self.text[at] != closing:
            rest = yaml_scalar.show(self.text[at:])
            raise ScalarError("expected , or " + closing + ", found " + rest)
        return at
