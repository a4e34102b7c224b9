"""Strings that match a regular expression; the only file that names rstr."""

import re
from collections.abc import Sequence
from functools import lru_cache
from random import Random
from typing import Any

import rstr

from synthmill_gateway.offline.schema import Unanswerable

_TRIES = 40
_REPEATS = (8, 40, 100)  # how far `+` and `*` may run: short strings first, long ones when minLength wants them


class _Steady(Random):
    """rstr draws from sets, whose order differs from process to process, and lets `+` run to 100."""

    def __init__(self, source: Random, repeats: int) -> None:
        super().__init__(source.getrandbits(64))
        self._repeats = repeats

    def choice(self, seq: Any) -> Any:  # noqa: ANN401  Random's own signature
        return super().choice(sorted(seq) if _are_characters(seq) else seq)

    def randint(self, a: int, b: int) -> int:
        return super().randint(a, max(a, min(b, self._repeats)))


def matching(pattern: str, rng: Random, shortest: int, longest: int) -> str:
    """A string that holds a match of `pattern`, of a length within the bounds. Raises Unanswerable."""
    compiled = _compiled(pattern)
    for repeats in _REPEATS:
        maker = rstr.Rstr(_Steady(rng, repeats))
        for _ in range(_TRIES):
            text = _made(maker, pattern)
            if shortest <= len(text) <= longest and compiled.search(text):
                return text
    raise Unanswerable(f"no string of {shortest} to {longest} characters was found for pattern {pattern!r}")


def _made(maker: rstr.Rstr, pattern: str) -> str:
    try:
        return maker.xeger(pattern)
    except (KeyError, IndexError, AttributeError) as error:
        raise Unanswerable(f"pattern {pattern!r} uses a construct that cannot be turned into strings") from error


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise Unanswerable(f"pattern {pattern!r} cannot be read: {error}") from error


def _are_characters(seq: Sequence[object]) -> bool:
    return all(isinstance(item, str) and len(item) == 1 for item in seq)
