"""Integers and decimals inside their bounds, near what a property's name suggests."""

import math
from collections.abc import Mapping
from decimal import Decimal
from random import Random
from typing import Any

from synthmill_gateway.offline.schema import Unanswerable

Schema = Mapping[str, Any]
Span = tuple[float, float]

_SPAN = 1_000
_CENT = Decimal("0.01")


def integer(node: Schema, rng: Random, usual: Span | None) -> int:
    """A whole number; `usual` is the range wanted where the bounds leave a choice. Raises Unanswerable."""
    step = _decimal(node.get("multipleOf", 1))
    if step != step.to_integral_value():
        step = Decimal(step.as_integer_ratio()[0])
    return int(_multiple(step, _span(node, usual, smallest=Decimal(1)), rng))


def decimal(node: Schema, rng: Random, usual: Span | None) -> float:
    """A number with two decimals, or more where the bounds lie closer. Raises Unanswerable."""
    low, high = _span(node, usual, smallest=_CENT / 100)
    if "multipleOf" in node:
        return float(_multiple(_decimal(node["multipleOf"]), (low, high), rng))
    if high - low >= _CENT:
        return float(_multiple(_CENT, (low, high), rng))
    return float(low + (high - low) * _decimal(rng.random()))


def _span(node: Schema, usual: Span | None, smallest: Decimal) -> tuple[Decimal, Decimal]:
    low, high = _bounds(node, smallest)
    if usual is not None:
        wanted_low, wanted_high = map(_decimal, usual)
        narrow_low = wanted_low if low is None else max(low, wanted_low)
        narrow_high = wanted_high if high is None else min(high, wanted_high)
        if narrow_low <= narrow_high:
            return narrow_low, narrow_high
    if low is None:
        low = Decimal(0) if high is None or high >= 0 else high - _SPAN
    if high is None:
        high = low + _SPAN
    if low > high:
        raise Unanswerable(f"no number lies between {low} and {high}")
    return low, high


def _bounds(node: Schema, smallest: Decimal) -> tuple[Decimal | None, Decimal | None]:
    lows = [_decimal(node["minimum"])] if "minimum" in node else []
    highs = [_decimal(node["maximum"])] if "maximum" in node else []
    if "exclusiveMinimum" in node:
        lows.append(_decimal(node["exclusiveMinimum"]) + smallest)
    if "exclusiveMaximum" in node:
        highs.append(_decimal(node["exclusiveMaximum"]) - smallest)
    return max(lows, default=None), min(highs, default=None)


def _multiple(step: Decimal, span: tuple[Decimal, Decimal], rng: Random) -> Decimal:
    first, last = math.ceil(span[0] / step), math.floor(span[1] / step)
    return step * rng.randint(first, max(first, last))


def _decimal(value: object) -> Decimal:
    return Decimal(str(value))
