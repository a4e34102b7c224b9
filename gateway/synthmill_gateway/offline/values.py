"""Makes one JSON value that fits a schema, and remembers where it chose from an enum."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from synthmill_gateway.offline import numbers, schema, strings
from synthmill_gateway.offline.hints import number_hint
from synthmill_gateway.offline.prompt import Prompt
from synthmill_gateway.offline.schema import DEEP, TOO_DEEP, Schema, Unanswerable
from synthmill_gateway.offline.writer import Writer

Path = tuple[str | int, ...]

_OPTIONAL_CHANCE = 0.85  # of a property that may be left out
_KEY_TRIES = 20
_UNIQUE_TRIES = 60
_VARIED_TRIES = 6  # where equal items are allowed but dull; deeper lists take what comes, tries would multiply
_VARIED_DEPTH = 2
_EXTRA_ITEMS = 3


@dataclass(frozen=True, slots=True)
class EnumSpot:
    """A place in the value where one of `allowed` stands."""

    path: Path
    allowed: tuple[Any, ...]


@dataclass(slots=True)
class Draft:
    """A value and its enum places."""

    value: Any = None
    spots: list[EnumSpot] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Place:
    path: Path
    name: str  # of the nearest property
    depth: int

    def at(self, key: str | int) -> "_Place":
        return _Place((*self.path, key), key if isinstance(key, str) else self.name, self.depth + 1)


class ValueMaker:
    """One draft of one request."""

    def __init__(self, root: Schema, prompt: Prompt, rng: Random) -> None:
        self._root = root
        self._rng = rng
        self._writer = Writer(prompt, rng)
        self._spots: list[EnumSpot] = []
        self._makers: dict[str, Callable[[Schema, _Place], Any]] = {
            "object": self._object,
            "array": self._array,
            "string": lambda node, place: strings.string(node, place.name, self._writer, self._rng),
            "integer": lambda node, place: numbers.integer(node, self._rng, number_hint(place.name)),
            "number": lambda node, place: numbers.decimal(node, self._rng, number_hint(place.name)),
            "boolean": lambda node, place: self._rng.random() < 0.5,
            "null": lambda node, place: None,
        }

    def draft(self) -> Draft:
        """A value for the whole schema. Raises Unanswerable."""
        return Draft(self._value(self._root, _Place((), "", 0)), self._spots)

    def _value(self, node: object, place: _Place) -> Any:  # noqa: ANN401  any JSON value
        if place.depth > TOO_DEEP:
            raise Unanswerable("the schema demands itself without end")
        plain = schema.flatten(node, self._root, self._rng, place.depth)
        if "const" in plain:
            return plain["const"]
        if "enum" in plain:
            return self._chosen(plain["enum"], place)
        kind = schema.type_of(plain, self._rng, place.depth)
        if kind not in self._makers:
            raise Unanswerable(f"type {kind!r} is not one of JSON's")
        return self._makers[kind](plain, place)

    def _chosen(self, allowed: Sequence[Any], place: _Place) -> Any:  # noqa: ANN401  any JSON value
        if not allowed:
            raise Unanswerable("an enum has no value")
        self._spots.append(EnumSpot(place.path, tuple(allowed)))
        return self._rng.choice(allowed)

    def _object(self, node: Schema, place: _Place) -> dict[str, Any]:
        properties: Mapping[str, Any] = node.get("properties", {})
        required = node.get("required", [])
        made = {
            name: self._value(sub, place.at(name))
            for name, sub in properties.items()
            if name in required or self._takes_optional(name, place)
        }
        extra = node.get("additionalProperties", True)
        for name in required:
            if name not in made:
                made[name] = self._value(extra, place.at(name))
        fewest = max(int(node.get("minProperties", 0)), 2 if not properties and isinstance(extra, Mapping) else 0)
        self._add_keys(made, fewest, extra, place)
        return made

    def _takes_optional(self, name: str, place: _Place) -> bool:
        if name == "index":
            return True
        return place.depth < DEEP and self._rng.random() < _OPTIONAL_CHANCE

    def _add_keys(self, made: dict[str, Any], fewest: int, extra: object, place: _Place) -> None:
        for _ in range(fewest * _KEY_TRIES):
            if len(made) >= fewest:
                return
            key = self._writer.word().lower().replace(" ", "_")
            if key in made:
                key = f"{key}_{len(made)}"
            made[key] = self._value(extra, place.at(key))

    def _array(self, node: Schema, place: _Place) -> list[Any]:
        fixed: Sequence[Any] = node.get("prefixItems", [])
        rest = node.get("items", True)
        unique = bool(node.get("uniqueItems"))
        made: list[Any] = []
        for position in range(self._count(node, place, len(fixed), open_ended=rest is not False)):
            sub = fixed[position] if position < len(fixed) else rest
            item, is_new = self._another(made, sub, place.at(position), unique=unique)
            if unique and not is_new:
                break  # no other value was found; whether these are enough the final check says
            made.append(item)
        return made

    def _count(self, node: Schema, place: _Place, fixed: int, *, open_ended: bool) -> int:
        fewest = max(int(node.get("minItems", 0)), fixed)
        most = int(node.get("maxItems", max(fewest, 1) + _EXTRA_ITEMS)) if open_ended else fixed
        if place.depth >= DEEP:
            return min(fewest, most)
        return self._rng.randint(min(max(fewest, 1), most), max(fewest, most))

    def _another(self, made: list[Any], sub: object, place: _Place, *, unique: bool) -> tuple[Any, bool]:
        """An item for the list, and whether it differs from those in it."""
        tries = _UNIQUE_TRIES if unique else _VARIED_TRIES if place.depth <= _VARIED_DEPTH else 1
        taken = {_canonical(item) for item in made} if tries > 1 else set()
        spots = len(self._spots)
        item = None
        for _ in range(tries):
            del self._spots[spots:]
            item = self._numbered(sub, place, len(made))
            if _canonical(item) not in taken:
                return item, True
        return item, False

    def _numbered(self, sub: object, place: _Place, position: int) -> Any:  # noqa: ANN401  any JSON value
        """An item; its integer property `index`, if it has one, counts the items instead of being drawn."""
        item = self._value(sub, place)
        if isinstance(item, dict) and "index" in item:
            plain = schema.flatten(sub, self._root, self._rng, place.depth)
            item["index"] = self._index(plain, item["index"], position)
            self._spots = [spot for spot in self._spots if spot.path != (*place.path, "index")]
        return item

    def _index(self, plain: Schema, drawn: object, position: int) -> object:
        node = schema.flatten(plain.get("properties", {}).get("index", True), self._root, self._rng, 0)
        if "const" in node or isinstance(drawn, bool) or not isinstance(drawn, int):
            return drawn
        if "enum" in node:
            return node["enum"][position % len(node["enum"])]
        return int(node.get("minimum", 0)) + position


def _canonical(value: object) -> str:
    if isinstance(value, dict):
        value = {name: item for name, item in value.items() if name != "index"}
    return json.dumps(value, sort_keys=True)
