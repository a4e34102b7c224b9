"""What a model's tokens cost, as far as somebody says so: the recipe, or the price map that comes with LiteLLM.

A job with a budget carries the price, because its calls are reserved by it.

The map is read as the file that it is: importing LiteLLM takes seconds.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from synthmill.errors import UserError
from synthmill_schemas.budget import Budget, JobBudget, Price, PriceSource
from synthmill_schemas.recipe import Model, Recipe

_MAP = "model_prices_and_context_window_backup.json"
_OFFLINE = "offline/"
_MILLION = 1_000_000


class PriceUnknown(UserError):
    """Dollars are to be capped, and nobody says what a token costs."""


@dataclass(frozen=True, slots=True)
class Priced:
    """A price and who says so."""

    price: Price
    source: PriceSource


def price_of(model: Model) -> Priced | None:
    """The price of a model; one at an address of its own is known by the recipe only."""
    if model.price is not None:
        return Priced(model.price, PriceSource.RECIPE)
    if model.base_url is not None:
        return None
    if model.route.startswith(_OFFLINE):
        return Priced(Price(input_per_million=0.0, output_per_million=0.0), PriceSource.OFFLINE)
    entry = _price_map().get(model.route) or _price_map().get(model.route.partition("/")[2])
    return None if entry is None else _priced(entry)


def required_price(model: Model) -> Priced:
    """The price, or `PriceUnknown` with what to do."""
    found = price_of(model)
    if found is None:
        raise PriceUnknown(
            f"max_usd is set, but nobody says what tokens of {model.route} cost: give model.price in the recipe "
            "(input_per_million and output_per_million, 0 for a server of your own), or cap max_tokens instead"
        )
    return found


def ordered_budget(recipe: Recipe, asked: Budget | None) -> JobBudget | None:
    """The budget of a new job: the caps of its order, else those of its recipe. Raises `PriceUnknown`."""
    caps, target = asked or Budget(), recipe.target
    max_usd = target.max_usd if caps.max_usd is None else caps.max_usd
    max_tokens = target.max_tokens if caps.max_tokens is None else caps.max_tokens
    return budget_of(recipe, Budget(max_usd=max_usd, max_tokens=max_tokens))


def budget_of(recipe: Recipe, caps: Budget) -> JobBudget | None:
    """These caps with the price that calls are reserved by; None when nothing is capped. Raises `PriceUnknown`."""
    if caps.max_usd is None and caps.max_tokens is None:
        return None
    known = None
    if recipe.model is not None:
        known = price_of(recipe.model) if caps.max_usd is None else required_price(recipe.model)
    return JobBudget(
        max_usd=caps.max_usd,
        max_tokens=caps.max_tokens,
        price=known.price if known else None,
        price_source=known.source if known else None,
    )


def _priced(entry: dict[str, Any]) -> Priced | None:
    one, other = entry.get("input_cost_per_token"), entry.get("output_cost_per_token")
    if not isinstance(one, int | float) or not isinstance(other, int | float):
        return None
    price = Price(input_per_million=one * _MILLION, output_per_million=other * _MILLION)
    return Priced(price, PriceSource.LITELLM)


@cache
def _price_map() -> dict[str, dict[str, Any]]:
    spec = find_spec("litellm")
    places = [] if spec is None else spec.submodule_search_locations or []
    for place in places:
        file = Path(place) / _MAP
        if file.is_file():
            found: dict[str, dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
            return found
    return {}
