"""Read the YAML subset of the configuration files, exactly as PyYAML's safe_load reads it.

Accepted: block mappings and sequences (nested, '- key: value', '- - a', a sequence at its key's
own indentation), [a, b] and {a: 1} on one line, comments, 'single', "double" and plain scalars,
null, true, false, decimal integers and numbers, one leading '---', CRLF, a byte order mark.
Everything else is refused with the line.
"""

from firmware_app.settings import yaml_flow, yaml_scalar

MAX_TEXT = 65536  # characters of a file
MAX_LINE = 1000  # characters of a line; YAML itself ends a key at 1024
MAX_DEPTH = 10  # nested mappings and sequences


class YamlError(ValueError):
    """A file is not in the subset: name (of the file), line (1...) and problem (in words)."""

    def __init__(self, name: str, line: int, problem: str) -> None:
        self.name = name
        self.line = line
        self.problem = problem
        super().__init__(name + " line " + str(line) + ": " + problem)

    def __str__(self) -> str:
        return self.name + " line " + str(self.line) + ": " + self.problem


def load(text: str, name: str) -> object:
    """Return the document as dict, list, str, int, float, bool or None; raise YamlError."""
    return load_with_lines(text, name)[0]


def load_with_lines(text: str, name: str) -> tuple[object, dict[tuple[object, ...], int]]:
    """Return (document, lines): lines maps a path such as ("camera", "fps") to its line.

    List items are numbered from 0 in a path: ("labels", 0). The root's path is ().
    """
    parser = _Parser(text, name)
    return parser.document(), parser.places


def _unprintable(ch: str) -> bool:
    code = ord(ch)
    if code < 0x20:
        return ch != "\t"
    if code < 0x7F:
        return False
    if code < 0xA0 or 0xD800 <= code <= 0xDFFF:
        return True
    return code in (0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF)


class _Parser:
    """One pass over the lines; self.at is the line in work."""

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self.places: dict[tuple[object, ...], int] = {}
        self.indents: list[int] = []
        self.bodies: list[str] = []
        self.numbers: list[int] = []
        self.at = 0
        if len(text) > MAX_TEXT:
            raise YamlError(name, 1, "the file has more than " + str(MAX_TEXT) + " characters")
        if text[:1] == "\ufeff":
            text = text[1:]
        self._split(text)

    def _error(self, number: int, problem: str) -> YamlError:
        return YamlError(self.name, number, problem)

    def _split(self, text: str) -> None:
        """Keep the lines that say something, with indentation and number."""
        number = 0
        last = text.count("\n") + 1
        # Most files have none of these characters, and each line need not be searched.
        odd = any([ch != "\n" and _unprintable(ch) for ch in set(text)])
        for line in text.split("\n"):
            number += 1
            if number < last and line.endswith("\r"):
                line = line[:-1]
            if len(line) > MAX_LINE:
                raise self._error(number, "longer than " + str(MAX_LINE) + " characters")
            for ch in line if odd else "":
                if _unprintable(ch):
                    raise self._error(
                        number,
                        f"the character U+{ord(ch):04X} is not allowed here",
                    )
            body = line.lstrip(" ")
            indent = len(line) - len(body)
            if "\t" in body:
                self._refuse_tab(body, number)
            body = body.rstrip(" ")
            if not body or body[0] == "#":
                continue
            if indent == 0 and body[:3] in ("---", "...") and body[3:4] in ("", " "):
                rest = body[3:].lstrip(" ")
                if body[0] == "." or self.bodies or self.places:
                    raise self._error(number, "only one document is allowed in a file")
                if rest and rest[0] != "#":
                    raise self._error(number, "--- must stand alone on its line")
                self.places[()] = number  # a second --- is refused
                continue
            if indent == 0 and body[0] == "%":
                raise self._error(number, "directives (%) are not supported")
            self.indents.append(indent)
            self.bodies.append(body)
            self.numbers.append(number)

    def _refuse_tab(self, body: str, number: int) -> None:
        """Tabs are allowed in comments alone; a # counts only where no quote can be open."""
        comment = 0 if body[0] == "#" else body.find(" #")
        tab = body.find("\t")
        if comment < 0 or tab < comment or "'" in body[:comment] or '"' in body[:comment]:
            raise self._error(number, 'a tab: use spaces (in quoted text write \\t inside "...")')

    def document(self) -> object:
        self.places[()] = self.numbers[0] if self.numbers else 1
        if not self.bodies:
            return None
        first = self.bodies[0]
        if first[0] in "[{" and len(self.bodies) == 1:
            return self._inline(first, 0, (), self.numbers[0])
        value = self._block(self.indents[0], (), 1)
        if self.at < len(self.bodies):
            raise self._error(self.numbers[self.at], "indented less than the lines it belongs to")
        return value

    def _block(self, indent: int, path: tuple[object, ...], depth: int) -> object:
        """Read the mapping or sequence with lines at indent."""
        if depth > MAX_DEPTH:
            raise self._error(
                self.numbers[self.at], "nested deeper than " + str(MAX_DEPTH) + " levels"
            )
        if _is_item(self.bodies[self.at]):
            return self._sequence(indent, path, depth, False)
        return self._mapping(indent, path, depth)

    def _ends(self, indent: int) -> bool:
        """True where the block at indent ends; lines indented further belong to nothing."""
        if self.at == len(self.bodies) or self.indents[self.at] < indent:
            return True
        if self.indents[self.at] > indent:
            raise self._error(
                self.numbers[self.at],
                "indented further than the line before allows (text over several lines is "
                + "not supported)",
            )
        return False

    def _sequence(
        self, indent: int, path: tuple[object, ...], depth: int, indentless: bool
    ) -> list[object]:
        items: list[object] = []
        while not self._ends(indent):
            body, number = self.bodies[self.at], self.numbers[self.at]
            if not _is_item(body):
                if indentless:
                    break
                raise self._error(number, "expected '- item', as in the lines before")
            here = path + (len(items),)
            self.places[here] = number
            rest = body[1:].lstrip(" ")
            if not rest or rest[0] == "#":
                self.at += 1
                items.append(self._below(indent, here, depth, False))
            elif _is_item(rest) or self._key(rest, number) is not None:
                column = indent + len(body) - len(rest)
                self.indents[self.at] = column
                self.bodies[self.at] = rest
                items.append(self._block(column, here, depth + 1))
            else:
                self.at += 1
                items.append(self._inline(rest, depth, here, number))
        return items

    def _mapping(self, indent: int, path: tuple[object, ...], depth: int) -> dict[str, object]:
        result: dict[str, object] = {}
        while not self._ends(indent):
            body, number = self.bodies[self.at], self.numbers[self.at]
            pair = None if _is_item(body) else self._key(body, number)
            if pair is None:
                raise self._error(number, _no_key(body))
            key, rest = pair
            if key in result:
                raise self._error(number, "the key " + yaml_scalar.show(key) + " appears twice")
            here = path + (key,)
            self.places[here] = number
            self.at += 1
            if not rest or rest[0] == "#":
                result[key] = self._below(indent, here, depth, True)
            elif _is_item(rest):
                raise self._error(
                    number, "a list that starts with '-' must start on a line of its own"
                )
            else:
                result[key] = self._inline(rest, depth, here, number)
        return result

    def _below(self, indent: int, path: tuple[object, ...], depth: int, in_mapping: bool) -> object:
        """Read the block under a bare 'key:' or '-'; None without one."""
        if self.at == len(self.bodies):
            return None
        if self.indents[self.at] > indent:
            return self._block(self.indents[self.at], path, depth + 1)
        if in_mapping and self.indents[self.at] == indent and _is_item(self.bodies[self.at]):
            if depth >= MAX_DEPTH:
                raise self._error(
                    self.numbers[self.at], "nested deeper than " + str(MAX_DEPTH) + " levels"
                )
            return self._sequence(indent, path, depth + 1, True)
        return None

    def _key(self, body: str, number: int) -> tuple[str, str] | None:
        """Return (key, rest of the line) where body is 'key: ...', else None."""
        try:
            if body[0] == '"':
                key, end = yaml_scalar.double_quoted(body, 0)
            elif body[0] == "'":
                key, end = yaml_scalar.single_quoted(body, 0)
            elif body[0] in "[{":
                return None
            else:
                if body == "?" or body[:2] == "? ":
                    raise self._error(number, "keys that start with ? are not supported")
                end = yaml_scalar.plain_end(body, 0, False)
                if body[end : end + 1] != ":":
                    return None
                key = yaml_scalar.plain_key(body[:end].rstrip(" "))
        except yaml_scalar.ScalarError as error:
            raise self._error(number, str(error))
        while body[end : end + 1] == " ":
            end += 1
        if body[end : end + 1] != ":" or body[end + 1 : end + 2] not in ("", " "):
            return None
        return key, body[end + 1 :].lstrip(" ")

    def _inline(self, text: str, depth: int, path: tuple[object, ...], number: int) -> object:
        """Read the scalar, [..] or {..} that fills the rest of a line."""
        try:
            return yaml_flow.Flow(text, number, self.places, MAX_DEPTH).whole(depth, path)
        except yaml_scalar.ScalarError as error:
            raise self._error(number, str(error))


def _is_item(body: str) -> bool:
    return body == "-" or body[:2] == "- "


def _no_key(body: str) -> str:
    """Say why a line where 'key: value' belongs is none."""
    if _is_item(body):
        return "a list item where 'key: value' is expected"
    if "\uff1a" in body:
        return "the full-width colon \uff1a is not a colon: write ': '"
    at = body.find(":")
    if at > 0 and body[at + 1 : at + 2] not in ("", " "):
        return "expected 'key: value' with a space after the colon, found " + yaml_scalar.show(body)
    return "expected 'key: value', found " + yaml_scalar.show(body)
