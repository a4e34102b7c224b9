"""Chance that can be repeated: every throw follows from the request alone."""

import hashlib
import json
from random import Random

_UNIT = float(1 << 64)


class Dice:
    """Throws named by what they decide, so that one knob's luck does not shift another's."""

    def __init__(self, *parts: object) -> None:
        """`parts` are JSON values; equal parts give equal throws in every process."""
        text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        self._key = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=32).digest()

    @property
    def digest(self) -> bytes:
        """32 bytes that stand for the parts."""
        return self._key

    def roll(self, name: str) -> float:
        """A number in [0, 1)."""
        return self._number(name) / _UNIT

    def random(self, name: str) -> Random:
        """A stream of its own; not for secrets."""
        return Random(self._number(name))  # noqa: S311

    def _number(self, name: str) -> int:
        return int.from_bytes(hashlib.blake2b(name.encode(), key=self._key, digest_size=8).digest())
