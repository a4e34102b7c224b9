"""Decides by the knobs and the dice what goes wrong with a request."""

from collections import OrderedDict

from synthmill_gateway.offline.dice import Dice
from synthmill_gateway.offline.knobs import Knobs
from synthmill_gateway.offline.spoil import Kind, applicable
from synthmill_gateway.offline.values import Draft

_REMEMBERED = 10_000  # refused requests whose next try has to be thrown anew; 32 bytes each


class Refusals:
    """Counts how often a request was turned away.

    A client answers a 429 or 500 by sending the same body again; dice that saw only the body would refuse it for ever.
    """

    def __init__(self) -> None:
        self._counts: OrderedDict[bytes, int] = OrderedDict()

    def status(self, knobs: Knobs, dice: Dice) -> int | None:
        """429, 500 or None for this try."""
        if not knobs.rate_limit and not knobs.fail:
            return None
        key = dice.digest
        tries = self._counts.pop(key, 0)
        status = self._thrown(knobs, dice, tries)
        if status is not None:
            self._counts[key] = tries + 1
            if len(self._counts) > _REMEMBERED:
                self._counts.popitem(last=False)
        return status

    def _thrown(self, knobs: Knobs, dice: Dice, tries: int) -> int | None:
        if dice.roll(f"rate_limit {tries}") < knobs.rate_limit:
            return 429
        if dice.roll(f"fail {tries}") < knobs.fail:
            return 500
        return None


def bad_kind(knobs: Knobs, dice: Dice, draft: Draft) -> Kind | None:
    """How the answer goes wrong; None when it is to be right, or can't go wrong in the way that was thrown."""
    for kind in Kind:
        if dice.roll(kind) < getattr(knobs, kind):
            return kind if applicable(kind, draft) else None
    if dice.roll("broken") < knobs.broken:
        return dice.random("which").choice([kind for kind in Kind if applicable(kind, draft)])
    return None


def delay_seconds(knobs: Knobs, dice: Dice) -> float:
    """How long the answer waits."""
    return (knobs.latency_ms + knobs.jitter_ms * dice.roll("jitter")) / 1_000
