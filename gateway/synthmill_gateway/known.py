"""Faults of a gateway file that only LiteLLM can tell. Importing this takes seconds, like `router`."""

from collections.abc import Iterator

from synthmill.recipes.errors import Found
from synthmill.recipes.plain_words import suggestion
from synthmill_gateway.catalog.checks import OFFLINE, limited_by_money
from synthmill_gateway.catalog.rules import CHAT, COMMON
from synthmill_gateway.catalog.targets import Catalog, Target
from synthmill_gateway.router import is_priced, provider_kinds, steering_names


def faults(catalog: Catalog) -> Iterator[Found]:
    """All of them."""
    kinds = [OFFLINE, *provider_kinds()]
    steering = steering_names() - CHAT - COMMON
    for name, provider in catalog.file.providers.items():
        if provider.kind not in kinds:
            hint = suggestion(provider.kind, kinds)
            yield Found(("providers", name, "kind"), f"LiteLLM knows no provider {provider.kind!r}", hint)
    for name, model in catalog.file.models.items():
        for position, word in enumerate(model.allow):
            if word in steering:
                message = f"{word!r} steers LiteLLM itself, a request must not set it"
                yield Found(("models", name, "allow", position), message, "Set it for the provider, or take it out.")
    yield from _uncounted(catalog)


def _uncounted(catalog: Catalog) -> Iterator[Found]:
    for name, place in limited_by_money(catalog.file):
        if not _has_price(catalog.find(name)):
            message = f"no price of the model {name!r} is known, so its dollars cannot be counted"
            yield Found(place, message, f"Give models.{name}.price.")


def _has_price(target: Target) -> bool:
    return target.offline or target.price is not None or is_priced(target.route)
