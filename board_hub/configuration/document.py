"""YAML with the line of every value, read by PyYAML; faults are sentences."""

from __future__ import annotations

from typing import Any

import yaml

from host_client.base.exceptions import ConfigurationError

MAX_SIZE = 1 << 20  # bytes of a hub.yaml
MAX_DEPTH = 8

Path = tuple[str | int, ...]


class Document:
    """value: plain data; lines: the line of each value by its path."""

    def __init__(self, value: Any, lines: dict[Path, int]) -> None:
        self.value = value
        self.lines = lines


def read(text: str, name: str) -> Document:
    """Return what a YAML text says; raises ConfigurationError with the line."""
    if len(text) > MAX_SIZE:
        raise ConfigurationError([f"{name}: expected at most {MAX_SIZE} characters"])
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        reader = _Reader(name)
        value = {} if node is None else reader.value(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" line {mark.line + 1}" if mark is not None else ""
        problem = error.problem
        if problem is not None and "'\\t'" in problem:
            problem = "found a tab: indent with spaces"
        raise ConfigurationError([f"{name}{where}: not YAML: {problem}"]) from None
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise ConfigurationError([f"{name}: not YAML: {problem}"]) from None
    except RecursionError:
        raise ConfigurationError([f"{name}: expected at most {MAX_DEPTH} levels"]) from None
    return Document(value, reader.lines)


class _Reader:
    def __init__(self, name: str) -> None:
        self.lines: dict[Path, int] = {}
        self._name = name
        self._seen: set[int] = set()
        self._scalars = yaml.SafeLoader("")

    def _fault(self, node: yaml.Node, problem: str) -> ConfigurationError:
        return ConfigurationError([f"{self._name} line {node.start_mark.line + 1}: {problem}"])

    def value(self, node: yaml.Node, path: Path) -> Any:
        """Return the plain value of a node."""
        self.lines[path] = node.start_mark.line + 1
        if len(path) > MAX_DEPTH:
            raise self._fault(node, f"expected at most {MAX_DEPTH} levels")
        if isinstance(node, yaml.ScalarNode):
            try:
                return self._scalars.construct_object(node, deep=True)
            except (ValueError, OverflowError):
                raise self._fault(node, f"can't read the value {node.value[:40]!r}") from None
        if id(node) in self._seen:  # an alias may stand for a document without an end
            raise self._fault(node, "aliases (*) are not supported: write the value again")
        self._seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        assert isinstance(node, yaml.MappingNode)
        found: dict[str, Any] = {}
        for key_node, item in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is None or key_node.tag != "tag:yaml.org,2002:str":
                raise self._fault(key_node, "expected a name in front of the colon")
            if key in found:
                raise self._fault(key_node, f"{key}: it is there twice")
            place = (*path, key)
            found[key] = self.value(item, place)
            self.lines[place] = key_node.start_mark.line + 1
        return found
