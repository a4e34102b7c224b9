"""Builds JSON values from a parser's events, bounded in size and depth."""

import math
from dataclasses import dataclass, field
from decimal import Decimal

from synthmill.inputs.extract.rows import MAX_DEPTH

Event = tuple[str, object]

_OPENING = frozenset({"start_map", "start_array"})
_CLOSING = frozenset({"end_map", "end_array"})
_SCALAR_BYTES = 8


@dataclass(slots=True)
class ValueBuilder:
    """Builds one value after the other; one that is too big or too deep is followed to its end, not stored."""

    limit: int
    fault: str | None = None
    value: object = None
    _depth: int = 0
    _size: int = 0
    _open: list[dict[str, object] | list[object]] = field(default_factory=list)
    _keys: list[str] = field(default_factory=list)

    @property
    def inside(self) -> bool:
        """Whether a value is begun and not whole."""
        return self._depth > 0

    def begin(self) -> None:
        """Forgets the value before."""
        self.fault, self.value, self._size = None, None, 0

    def add(self, event: str, value: object) -> bool:
        """Takes an event; answers whether the value is whole."""
        if event == "map_key":
            self._keys[-1] = str(value)
            self._charge(len(self._keys[-1]))
            return False
        if event in _CLOSING:
            self._leave()
        else:
            self._store(event, value)
        return self._depth == 0

    def _store(self, event: str, value: object) -> None:
        self._charge(len(value) if isinstance(value, str) else _SCALAR_BYTES)
        if event in _OPENING:
            container: dict[str, object] | list[object] = {} if event == "start_map" else []
            self._place(container)
            self._enter(container)
        else:
            self._place(self._scalar(value))

    def _scalar(self, value: object) -> object:
        if not isinstance(value, Decimal):
            return value
        number = float(value)
        if math.isinf(number):
            self._blame("a number that is not finite")
        return number

    def _place(self, item: object) -> None:
        if self.fault is not None:
            return
        if not self._open:
            self.value = item
            return
        parent = self._open[-1]
        if isinstance(parent, dict):
            parent[self._keys[-1]] = item
        else:
            parent.append(item)

    def _enter(self, container: dict[str, object] | list[object]) -> None:
        self._depth += 1
        self._keys.append("")
        if self._depth > MAX_DEPTH:
            self._blame(f"nested deeper than {MAX_DEPTH} levels")
        if self.fault is None:
            self._open.append(container)

    def _leave(self) -> None:
        self._depth -= 1
        self._keys.pop()
        if self.fault is None:
            self._open.pop()

    def _charge(self, size: int) -> None:
        self._size += size
        if self._size > self.limit:
            self._blame(f"longer than {self.limit} bytes")

    def _blame(self, fault: str) -> None:
        self.fault = self.fault or fault
        self.value = None
        self._open.clear()


def json_kind(value: object) -> str:
    """What a person calls a JSON value."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"
