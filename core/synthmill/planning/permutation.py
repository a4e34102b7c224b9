"""A shuffle of range(n) in constant memory: position i has its place computed, nothing is stored."""

import hashlib
from math import isqrt

_MASK = (1 << 64) - 1
_ROUNDS = 6


class Permutation:
    """A bijection of range(n), fixed by its key.

    A Feistel network over pairs (left, right) below a, with a*a just above n; a result outside range(n) is
    sent through again. As a*a/n nears 1, that is seldom.
    """

    __slots__ = ("_keys", "_side", "_size")

    def __init__(self, size: int, key: str) -> None:
        if size < 1:
            raise ValueError("a permutation needs at least one element")
        digest = hashlib.blake2b(key.encode(), digest_size=8 * _ROUNDS).digest()
        self._keys = [int.from_bytes(digest[8 * i : 8 * i + 8], "big") for i in range(_ROUNDS)]
        self._size = size
        self._side = isqrt(size - 1) + 1

    def __call__(self, position: int) -> int:
        """Where `position` goes; both are below the size."""
        side, size = self._side, self._size
        value = position
        while True:
            left, right = divmod(value, side)
            for key in self._keys:
                left, right = right, (left + _mixed(right ^ key)) % side
            value = left * side + right
            if value < size:
                return value


def _mixed(value: int) -> int:
    """A 64-bit finalizer: every input bit changes every output bit with a chance near one half."""
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)
