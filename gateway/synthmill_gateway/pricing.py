"""What a call cost by a price of the gateway's file. Pure."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from synthmill_gateway.catalog.file import Price

_MILLION = 1_000_000


def price_of(price: Price, usage: Mapping[str, Any]) -> Decimal | None:
    """US dollars for an answer's `usage`; None when the provider told no tokens, unless all is free."""
    cached_price = price.input_per_million if price.cached_input_per_million is None else price.cached_input_per_million
    if not any((price.input_per_million, price.output_per_million, cached_price)):
        return Decimal(0)
    if not is_told(usage):
        return None
    prompt, completion = usage["prompt_tokens"], usage.get("completion_tokens") or 0
    cached = _cached(usage, prompt)
    sums: Decimal = (
        (prompt - cached) * price.input_per_million + cached * cached_price + completion * price.output_per_million
    )
    return sums / _MILLION


def is_told(usage: Mapping[str, Any]) -> bool:
    """Whether the provider told what was used: LiteLLM writes zeros where it did not, and no prompt has 0 tokens."""
    prompt = usage.get("prompt_tokens")
    return isinstance(prompt, int) and prompt > 0


def _cached(usage: Mapping[str, Any], prompt: int) -> int:
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, Mapping) else None
    return min(cached, prompt) if isinstance(cached, int) else 0
