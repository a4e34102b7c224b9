"""Uniform numbers from (recipe seed, column, slot): the same in every process, whatever else the recipe holds."""

import hashlib
from collections.abc import Callable

Draw = Callable[[int], int]
"""From a slot to 128 uniform bits."""

_FRACTION_BITS = 53
_ODD_BITS = 52


def draws(recipe_seed: int, column: str) -> Draw:
    """The column's own stream; the same slot always draws the same."""
    prefix = hashlib.blake2b(f"{recipe_seed}\n{column}\n".encode(), digest_size=16)

    def draw(slot: int) -> int:
        state = prefix.copy()
        state.update(slot.to_bytes(8, "big"))
        return int.from_bytes(state.digest(), "big")

    return draw


def fraction(bits: int) -> float:
    """A number from [0, 1), a multiple of 2**-53."""
    return (bits >> (128 - _FRACTION_BITS)) / (1 << _FRACTION_BITS)


def open_fraction(bits: int) -> float:
    """A number from (0, 1), never an end: an odd multiple of 2**-53."""
    return (2 * (bits >> (128 - _ODD_BITS)) + 1) / (1 << (_ODD_BITS + 1))


def below(bits: int, count: int) -> int:
    """A whole number below `count`, as even as 128 bits allow."""
    return bits * count >> 128
