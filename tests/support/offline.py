"""Requests for the offline model, and its answers."""

import json
from collections.abc import Mapping
from typing import Any

from synthmill_gateway.offline import Answer, Knobs, OfflineModel

TICKET: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["subject", "body", "priority"],
    "properties": {
        "subject": {"type": "string", "minLength": 5, "maxLength": 80},
        "body": {"type": "string", "minLength": 40, "maxLength": 600},
        "priority": {"type": "string", "enum": ["low", "medium", "high"]},
    },
}
PASSAGE = (
    "The Orpheus washing machine vibrates during its spin cycle. A customer in a rented flat asks about the drum, "
    "the warranty and the nearest workshop. The neighbours complain every evening."
)


def batch(item: Mapping[str, Any], count: int, index: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The schema of `count` items that carry an index."""
    properties = {"index": index or {"type": "integer"}, **item["properties"]}
    numbered = {**item, "properties": properties, "required": ["index", *item["required"]]}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["items"],
        "properties": {"items": {"type": "array", "minItems": count, "maxItems": count, "items": numbered}},
    }


def body(schema: Mapping[str, Any] | None = None, *, seed: int = 1, user: str = PASSAGE, **more: Any) -> dict[str, Any]:  # noqa: ANN401  any JSON
    """A chat request's body, with a strict response format when a schema is given."""
    request: dict[str, Any] = {
        "model": "offline/fake-1",
        "seed": seed,
        "messages": [{"role": "system", "content": "You write records."}, {"role": "user", "content": user}],
    }
    if schema is not None:
        wrapped = {"name": "record", "strict": True, "schema": schema}
        request["response_format"] = {"type": "json_schema", "json_schema": wrapped}
    return {**request, **more}


def ask(schema: Mapping[str, Any] | None = None, *, attempt_ids: str = "", **more: Any) -> Answer:  # noqa: ANN401  any JSON
    """The answer of a new model without defaults."""
    return OfflineModel(Knobs()).answer(body(schema, **more), attempt_ids)


def value(schema: Mapping[str, Any], **more: Any) -> Any:  # noqa: ANN401  any JSON
    """The answer's JSON."""
    return json.loads(ask(schema, **more).reply.content or "")
