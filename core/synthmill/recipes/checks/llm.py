"""The model and the columns that it writes."""

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from synthmill.recipes.checks.parameters import parameter_faults
from synthmill.recipes.draft import Draft
from synthmill.recipes.errors import Found
from synthmill.recipes.graph import Node, path_to_llm
from synthmill.recipes.schemas import prepare_schema
from synthmill.recipes.templates import inspect
from synthmill_schemas.recipe import LlmColumn, Model, ModelLimits

_CAPS = frozenset({"max_tokens", "max_completion_tokens", "max_output_tokens"})
"""Parameters that say how much a call may write."""


def faults(draft: Draft, nodes: Mapping[str, Node]) -> Iterator[Found]:
    """Faults of the model, of prompts that need each other, and of schemas."""
    if draft.has("llm") and draft.recipe.model is None and "model" not in draft.broken:
        yield Found(("model",), "there are llm columns, but no model", "Add model: {route: ...}, e.g. offline/fake-1.")
    if draft.recipe.model is not None:
        yield from _model_faults(draft.recipe.model, draft)
    for name, node in nodes.items():
        if isinstance(node.column, LlmColumn):
            yield from _chain_faults(name, node, nodes)
            if node.column.schema_ is not None:
                yield from prepare_schema(node.column.schema_, ("columns", node.index, "schema"))[1]


def _model_faults(model: Model, draft: Draft) -> Iterator[Found]:
    yield from parameter_faults(model)
    if model.base_url is not None:
        yield from _url_faults(model.base_url)
    if model.limits is not None:
        yield from _limit_faults(model.limits, model)
    if model.system is not None:
        used = sorted(inspect(model.system).names & draft.by_name.keys())
        if used:
            message = f"it is sent as it is, {{{{ {used[0]} }}}} would not be filled in"
            yield Found(("model", "system"), message, "Move that sentence into the column's prompt.")


def _limit_faults(limits: ModelLimits, model: Model) -> Iterator[Found]:
    path = ("model", "limits")
    if not limits.model_dump(exclude_none=True):
        hint = f"Set one of {', '.join(ModelLimits.model_fields)}, or remove it."
        yield Found(path, "it limits nothing", hint)
    most = limits.output_tokens_per_minute
    for key in sorted(_CAPS & model.parameters.keys()):
        cap = model.parameters[key]
        if most is not None and isinstance(cap, int) and cap > most:
            message = f"less than a single call may write ({key} is {cap}), so each call waits until a minute is over"
            yield Found((*path, "output_tokens_per_minute"), message, f"Raise it to at least {cap}, or lower {key}.")


def _url_faults(url: str) -> Iterator[Found]:
    path = ("model", "base_url")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        yield Found(path, f"not a URL: {error}", "Write it like http://localhost:8000/v1.")
        return
    if not host:
        yield Found(path, "the URL names no host", "Write it like http://localhost:8000/v1.")
    if parts.username is not None or parts.password is not None:
        hint = "Put the key into a variable and name it in api_key_env."
        yield Found(path, "the URL holds a user or password", hint)


def _chain_faults(name: str, node: Node, nodes: Mapping[str, Node]) -> Iterator[Found]:
    trail = path_to_llm(name, nodes)
    if not trail or trail[-1] == name:
        return
    through = f" through {' -> '.join(trail[1:-1])}" if len(trail) > 2 else ""
    message = f"it needs {trail[-1]!r}{through}, which the model writes in the same call"
    hint = "Make both one llm column with an object schema, or describe in both prompts what they share."
    yield Found(("columns", node.index, "prompt"), message, hint)
