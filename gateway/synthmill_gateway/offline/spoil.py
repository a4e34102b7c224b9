"""Turns a good draft into a bad answer of a given kind."""

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any

from synthmill_gateway.offline.values import Draft, EnumSpot, Path

Check = Callable[[object], bool]


class Kind(StrEnum):
    """What can be wrong with an answer; the knobs carry the same names."""

    TRUNCATE = "truncate"
    FENCE = "fence"
    WRONG_ENUM = "wrong_enum"
    EXTRA_KEYS = "extra_keys"
    HALF_VALID = "half_valid"
    REFUSE = "refuse"
    TEXT = "text"


class Finish(StrEnum):
    """Why the answer ended."""

    STOP = "stop"
    LENGTH = "length"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model says. `spoilt` holds positions in the list of items that are no longer right."""

    content: str | None
    refusal: str | None = None
    finish: Finish = Finish.STOP
    spoilt: frozenset[int] = frozenset()


REFUSAL = "I'm sorry, but I can't help with that request."
_PROSE = (
    "Happy to help! Here is what I would put into the record: the first field should stay short, and the rest follows."
)


def applicable(kind: Kind, draft: Draft) -> bool:
    """Whether this draft can go wrong in this way."""
    if kind is Kind.WRONG_ENUM:
        return bool(draft.spots)
    if kind is Kind.EXTRA_KEYS:
        return isinstance(draft.value, dict) or bool(items(draft.value))
    if kind is Kind.HALF_VALID:
        return len(items(draft.value)) > 1
    return True


def items(value: object) -> list[Any]:
    """The list a batch answer carries: the value itself, or the first property that is a list of objects."""
    candidates = [value, *value.values()] if isinstance(value, Mapping) else [value]
    for candidate in candidates:
        if isinstance(candidate, list) and candidate and all(isinstance(item, dict) for item in candidate):
            return candidate
    return []


def written(value: object) -> str:
    """The answer as text, compact and in the schema's order."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def spoilt(kind: Kind, draft: Draft, rng: Random, is_valid: Check) -> Reply:
    """`draft` gone wrong; the kind has to be applicable. `is_valid` tells whether a value still fits the schema."""
    if kind is Kind.HALF_VALID:
        return _half_valid(draft, rng, is_valid)
    return _SPOILERS[kind](draft, rng)


def cut(text: str, chars: int) -> Reply:
    """The first `chars` characters, as a model that ran into its token limit gives them."""
    return Reply(text[:chars], finish=Finish.LENGTH)


def _truncated(draft: Draft, rng: Random) -> Reply:
    text = written(draft.value)
    return cut(text, int(len(text) * rng.uniform(0.3, 0.9)))


def _fenced(draft: Draft, rng: Random) -> Reply:
    opening = rng.choice(("Sure! Here is the JSON:", "Of course. This should fit:", "Here you go:"))
    pretty = json.dumps(draft.value, ensure_ascii=False, indent=2)
    return Reply(f"{opening}\n\n```json\n{pretty}\n```\n\nLet me know if you would like another one.")


def _wrong_enum(draft: Draft, rng: Random) -> Reply:
    value = copy.deepcopy(draft.value)
    spot = rng.choice(draft.spots)
    _set(value, spot.path, _outside(spot, _get(value, spot.path), rng))
    return _reply(value if spot.path else _outside(spot, value, rng), _positions(draft.value, [spot.path]))


def _outside(spot: EnumSpot, chosen: object, rng: Random) -> object:
    if not isinstance(chosen, str):
        return f"not {chosen}"
    cased = [text for text in (chosen.upper(), chosen.lower(), chosen.title()) if text not in spot.allowed]
    invented = f"{chosen}-ish"
    return rng.choice([cased[0], invented] if cased else [invented])


def _extra_keys(draft: Draft, rng: Random) -> Reply:
    value = copy.deepcopy(draft.value)
    targets = items(value) or [value]
    for target in targets:
        target[rng.choice(("comment", "_note", "confidence_level"))] = "added by the model"
    return _reply(value, frozenset(range(len(targets))))


def _half_valid(draft: Draft, rng: Random, is_valid: Check) -> Reply:
    value = copy.deepcopy(draft.value)
    batch = items(value)
    broken = frozenset(rng.sample(range(len(batch)), max(1, len(batch) // 2)))
    for position in broken:
        for candidate in _broken(batch[position], rng):
            alone = copy.deepcopy(draft.value)
            items(alone)[position] = batch[position] = candidate
            if not is_valid(alone):
                break
    return _reply(value, broken)


def _broken(item: dict[str, Any], rng: Random) -> Iterator[dict[str, Any]]:
    """The item without a property, with a null, with a wrong type; `index` stays, to tell whose answer it was."""
    names = [name for name in item if name != "index"] or list(item)
    rng.shuffle(names)
    for name in names:
        yield {key: value for key, value in item.items() if key != name}
    for name in names:
        yield {**item, name: None}
    for name in names:
        yield {**item, name: {"value": [item[name]]}}


def _refused(draft: Draft, rng: Random) -> Reply:
    return Reply(None, refusal=REFUSAL)


def _prose(draft: Draft, rng: Random) -> Reply:
    return Reply(_PROSE)


def _reply(value: object, wrong: frozenset[int]) -> Reply:
    return Reply(written(value), spoilt=wrong)


def _positions(value: object, paths: list[Path]) -> frozenset[int]:
    batch = items(value)
    at_top = batch is value
    found = {path[0 if at_top else 1] for path in paths if len(path) > (0 if at_top else 1)} if batch else set()
    return frozenset(position for position in found if isinstance(position, int)) or frozenset({0})


def _get(value: Any, path: Path) -> Any:  # noqa: ANN401  any JSON value
    for key in path:
        value = value[key]
    return value


def _set(value: Any, path: Path, new: object) -> None:  # noqa: ANN401  any JSON value
    if path:
        _get(value, path[:-1])[path[-1]] = new


_SPOILERS: Mapping[Kind, Callable[[Draft, Random], Reply]] = {
    Kind.TRUNCATE: _truncated,
    Kind.FENCE: _fenced,
    Kind.WRONG_ENUM: _wrong_enum,
    Kind.EXTRA_KEYS: _extra_keys,
    Kind.REFUSE: _refused,
    Kind.TEXT: _prose,
}
