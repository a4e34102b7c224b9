"""What a call costs by a price of the file."""

from decimal import Decimal
from typing import Any

import pytest

from synthmill_gateway.catalog.file import Price
from synthmill_gateway.pricing import price_of

FREE = Price(input_per_million=Decimal(0), output_per_million=Decimal(0))
PRICE = Price(input_per_million=Decimal(2), output_per_million=Decimal(10))
CACHED = Price(input_per_million=Decimal(2), output_per_million=Decimal(10), cached_input_per_million=Decimal("0.5"))


@pytest.mark.parametrize(
    ("price", "usage", "dollars"),
    [
        (PRICE, {"prompt_tokens": 1_000, "completion_tokens": 100}, "0.003"),
        (FREE, {"prompt_tokens": 5, "completion_tokens": 5}, "0"),
        (FREE, {}, "0"),
        (
            PRICE,
            {"prompt_tokens": 10, "completion_tokens": 0, "prompt_tokens_details": {"cached_tokens": 9}},
            "0.00002",
        ),
        (
            CACHED,
            {"prompt_tokens": 1_000, "completion_tokens": 0, "prompt_tokens_details": {"cached_tokens": 800}},
            "0.0008",
        ),
        (
            CACHED,
            {"prompt_tokens": 10, "completion_tokens": 0, "prompt_tokens_details": {"cached_tokens": 99}},
            "0.000005",
        ),
        (CACHED, {"prompt_tokens": 10, "completion_tokens": 0, "prompt_tokens_details": None}, "0.00002"),
    ],
)
def test_tokens_cost_what_the_file_says(price: Price, usage: dict[str, Any], dollars: str) -> None:
    assert price_of(price, usage) == Decimal(dollars)


def test_without_tokens_the_cost_is_unknown_and_not_0() -> None:
    assert price_of(PRICE, {}) is None
    assert price_of(PRICE, {"prompt_tokens": 0, "completion_tokens": 0}) is None
