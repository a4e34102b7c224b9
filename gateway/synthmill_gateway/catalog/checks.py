"""Faults of a gateway file that its form cannot show."""

import ssl
from collections.abc import Iterator, Mapping

from synthmill.recipes.errors import Found
from synthmill.recipes.errors import Path as Place
from synthmill.recipes.plain_words import suggestion
from synthmill_gateway.catalog.file import GatewayFile, Limits, Model, Provider
from synthmill_gateway.catalog.rules import CALL, CHAT, COMMON

OFFLINE = "offline"


def faults(file: GatewayFile, environment: Mapping[str, str]) -> Iterator[Found]:
    """All of them; `environment` is where keys are looked for."""
    if not file.models and not file.offline:
        yield Found(("models",), "nothing is served", "Add a model, or set offline: true.")
    if file.ca_file is not None:
        yield from _certificates(file)
    for name, provider in file.providers.items():
        yield from _provider(provider, ("providers", name), file, environment)
    for name, model in file.models.items():
        yield from _model(name, model, file)


def _certificates(file: GatewayFile) -> Iterator[Found]:
    try:
        ssl.create_default_context(cafile=file.ca_file)
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        yield Found(("ca_file",), f"cannot be used: {reason}", "Name a file of PEM certificates.")


def _provider(provider: Provider, path: Place, file: GatewayFile, environment: Mapping[str, str]) -> Iterator[Found]:
    if provider.kind == OFFLINE and not file.offline:
        yield Found((*path, "kind"), "the offline model is not allowed", "Set offline: true at the top.")
    if provider.api_key_env is not None and provider.api_key_file is not None:
        yield Found((*path, "api_key_file"), "the key is named twice", "Keep api_key_env or api_key_file.")
    if provider.api_key_env is not None and not environment.get(provider.api_key_env, "").strip():
        message = f"{provider.api_key_env} is not set in the gateway's environment"
        yield Found((*path, "api_key_env"), message, "Set it, or take the provider out.")
    if provider.api_key_file is not None:
        yield from _key_file(provider, path)


def _key_file(provider: Provider, path: Place) -> Iterator[Found]:
    try:
        empty = not provider.api_key_file or not provider.api_key_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        yield Found((*path, "api_key_file"), f"cannot be read: {reason}", "Name a file with the key alone in it.")
        return
    if empty:
        yield Found((*path, "api_key_file"), "it is empty", "Write the key into it.")


def _model(name: str, model: Model, file: GatewayFile) -> Iterator[Found]:
    path: Place = ("models", name)
    if name.split("/", 1)[0] == OFFLINE:
        yield Found(path, "names that begin with offline are the offline model's", "Choose another name.")
    if model.provider not in file.providers:
        yield Found(
            (*path, "provider"), f"there is no provider {model.provider!r}", _known(model.provider, file.providers)
        )
    for position, other in enumerate(model.fallbacks):
        yield from _fallback(name, other, (*path, "fallbacks", position), model, file)
    for position, word in enumerate(model.allow):
        if word in CALL:
            yield Found((*path, "allow", position), f"{word!r} is no parameter", "Take it out.")
    for word in model.defaults:
        if word in CALL or word not in CHAT | COMMON | set(model.allow):
            hint = "Name it in allow as well, or mend its spelling."
            yield Found((*path, "defaults", word), f"{word!r} is no parameter of OpenAI's chat API", hint)


def _fallback(name: str, other: str, path: Place, model: Model, file: GatewayFile) -> Iterator[Found]:
    if other == name:
        yield Found(path, "a model cannot stand in for itself", "Name another one.")
    elif other not in file.models:
        yield Found(path, f"there is no model {other!r}", _known(other, file.models))
    elif other in model.fallbacks[: int(path[-1])]:
        yield Found(path, f"{other!r} is named twice", "Keep the first.")


def _known(word: str, names: Mapping[str, object]) -> str:
    return suggestion(word, list(names))


def limited_by_money(file: GatewayFile) -> Iterator[tuple[str, Place]]:
    """Models whose money is limited, by their own limit or their provider's, with its place in the file."""
    for name, model in file.models.items():
        for limits, place in _limits_of(name, model, file):
            if limits.dollars_per_day is not None:
                yield name, (*place, "dollars_per_day")


def _limits_of(name: str, model: Model, file: GatewayFile) -> Iterator[tuple[Limits, Place]]:
    yield model.limits, ("models", name, "limits")
    yield file.providers[model.provider].limits, ("providers", model.provider, "limits")
