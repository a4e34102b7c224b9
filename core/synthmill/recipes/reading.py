"""From a recipe's text to plain data, with the line of every value.

YAML is read by the 1.2 core rules (`no` and `2024-01-01` are text), without object tags.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import yaml

from synthmill.recipes.errors import Found, Path
from synthmill.recipes.plain import MAX_DEPTH

MAX_TEXT_BYTES = 4 << 20
MAX_VALUES = 200_000
"""With every alias written out; a few lines of nested aliases can stand for billions of values."""

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEAN = {text: text.lower() == "true" for text in ("true", "True", "TRUE", "false", "False", "FALSE")}
_INTEGER = re.compile(r"[-+]?[0-9]+\Z")
_OTHER_BASE = re.compile(r"0(o[0-7]+|x[0-9a-fA-F]+)\Z")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)\Z|\.(nan|NaN|NAN)\Z")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+\Z")
_TAG = "tag:yaml.org,2002:"
_COLLECTION_TAGS = frozenset({f"{_TAG}map", f"{_TAG}seq"})
_PLAIN = "!plain"


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the base is chosen at run time
    """Marks unquoted text instead of guessing its type by the rules of YAML 1.1."""

    yaml_implicit_resolvers: ClassVar = {None: [(_PLAIN, re.compile(""))]}


class Unreadable(Exception):
    """The text is not YAML or JSON; carries the faults found, and their lines."""

    def __init__(self, found: list[Found], lines: Mapping[Path, int]) -> None:
        super().__init__(found)
        self.found = found
        self.lines = lines


@dataclass(slots=True)
class Located:
    """Plain data and where it stands; `lines` counts from 1 and is empty when unknown."""

    data: object
    lines: dict[Path, int] = field(default_factory=dict)


def read_json(text: str) -> Located:
    """Reads JSON; a key given twice is a fault."""
    found: list[Found] = []
    try:
        data = json.loads(text, object_pairs_hook=lambda pairs: _unique_keys(pairs, found))
    except json.JSONDecodeError as error:
        fault = Found((), f"not JSON: {error.msg} (column {error.colno})", "Mend the text there.")
        raise Unreadable([fault], {(): error.lineno}) from error
    except ValueError as error:  # an integer of thousands of digits
        raise Unreadable([Found((), f"not JSON: {error}", "Use a smaller number.")], {}) from error
    except RecursionError as error:
        raise Unreadable([_too_deep()], {}) from error
    if found:
        raise Unreadable(found, {})
    return Located(data)


def _unique_keys(pairs: list[tuple[str, object]], found: list[Found]) -> dict[str, object]:
    result: dict[str, object] = {}
    for key, value in pairs:
        if key in result:
            found.append(Found((), f"the key {key!r} is given twice in one object", "Keep one of the two."))
        result[key] = value
    return result


def read_yaml(text: str) -> Located:
    """Reads one YAML document; duplicate keys, merge keys and object tags are faults."""
    try:
        if _depth(text) > MAX_DEPTH:
            raise Unreadable([_too_deep()], {})
        node = yaml.compose(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date-like text that is no date
        raise _not_yaml(error) from error
    if node is None:
        return Located(None)
    reader = _NodeReader()
    located = Located(reader.value(node, ()), reader.lines)
    if reader.found:
        raise Unreadable(reader.found, reader.lines)
    return located


def _depth(text: str) -> int:
    """How deep the document nests; composing a very deep one would overflow the C stack of libyaml's binding."""
    depth = deepest = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            deepest = max(deepest, depth)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if deepest > MAX_DEPTH:
            break
    return deepest


def _too_deep() -> Found:
    return Found((), "nested too deep to read", "A recipe needs only a few levels.")


def _not_yaml(error: Exception) -> Unreadable:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    if mark is None:
        return Unreadable([Found((), f"not YAML: {problem}", "Mend the text.")], {})
    return Unreadable(
        [Found((), f"not YAML: {problem} (column {mark.column + 1})", "Mend the text there.")], {(): mark.line + 1}
    )


class _NodeReader:
    """Builds plain data from nodes and notes lines and faults on the way."""

    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self.found: list[Found] = []
        self._values = 0
        self._open: set[int] = set()

    def value(self, node: yaml.Node, path: Path) -> object:
        self.lines.setdefault(path, node.start_mark.line + 1)
        self._values += 1
        if self._values == MAX_VALUES:
            self.found.append(
                Found((), f"more than {MAX_VALUES} values, aliases written out", "Use fewer aliases (*name).")
            )
        if self._values >= MAX_VALUES:
            return None
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if id(node) in self._open:
            self._fault(path, "an alias that contains itself", "Write the value out.")
            return None
        self._open.add(id(node))
        try:
            return self._collection(node, path)
        finally:
            self._open.discard(id(node))

    def _collection(self, node: yaml.Node, path: Path) -> object:
        if node.tag not in _COLLECTION_TAGS:
            self._fault(path, f"the tag {node.tag!r} is not allowed", "Remove the tag.")
        if isinstance(node, yaml.MappingNode):
            return dict(self._items(node, path))
        return [self.value(item, (*path, position)) for position, item in enumerate(node.value)]

    def _items(self, node: yaml.MappingNode, path: Path) -> Iterator[tuple[str, object]]:
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = self._key(key_node, path)
            if key is None:
                continue
            if key in seen:
                self.lines[(*path, key)] = line
                self._fault(
                    (*path, key), f"the key {key!r} is given twice, first in line {seen[key]}", "Keep one of the two."
                )
                continue
            seen[key] = line
            self.lines[(*path, key)] = line
            yield key, self.value(value_node, (*path, key))

    def _key(self, node: yaml.Node, path: Path) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            self._fault(path, "a list or map cannot be a key", "Use text as the key.")
            return None
        if node.value == "<<" and node.tag == _PLAIN:
            self._fault(path, "merge keys (<<) are not supported", "Write the keys out.")
            return None
        key = self._scalar(node, path)
        return key if isinstance(key, str) else json.dumps(key)

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> object:
        text: str = node.value
        if node.tag == f"{_TAG}str":
            return text
        if node.tag != _PLAIN:
            self._fault(path, f"the tag {node.tag!r} is not allowed", "Remove the tag.")
        elif _LEADING_ZERO.match(text):
            self._fault(path, f"{text} can be read in two ways", "Put it in quotes, or drop the leading zero.")
        elif _NOT_FINITE.match(text):
            self._fault(path, f"{text} is not a number that JSON knows", "Write a number, or text in quotes.")
        return plain_scalar(text)

    def _fault(self, path: Path, message: str, hint: str) -> None:
        self.found.append(Found(path, message, hint))


def plain_scalar(text: str) -> str | int | float | bool | None:
    """The value of unquoted YAML text by the 1.2 core rules."""
    if text in _NULL:
        return None
    if text in _BOOLEAN:
        return _BOOLEAN[text]
    if _INTEGER.match(text):
        return int(text[:64])  # Python refuses thousands of digits; what is cut here is out of range anyhow
    if _OTHER_BASE.match(text):
        return int(text, 0)
    return float(text) if _NUMBER.match(text) else text
