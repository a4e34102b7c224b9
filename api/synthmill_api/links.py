"""Links of the OpenAPI document: what an answer tells of a thing that other routes take in their path.

They are found, not listed: `/v1/jobs/{job_id}/gate` takes the id that `POST /v1/jobs` answers with, and that of the
first item which `GET /v1/jobs` lists.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]

_PARAMETER = re.compile(r"\{(\w+)\}")
_FIELDS = {"dataset": "name"}
"""What a parameter is called in the thing itself, where it is neither `id` nor its own name."""


@dataclass(frozen=True, slots=True)
class _Origin:
    """An operation whose answers tell some parameters: the rest are those of its own path."""

    operation: Schema
    told: tuple[str, ...]
    own: tuple[str, ...]


def add_links(document: Schema) -> None:
    """Adds to every answer with a thing's id the routes that take it."""
    for path, operations in document["paths"].items():
        for origin in _origins(document["paths"], path):
            for operation in operations.values():
                _link(document, origin, operation)


def _origins(paths: Mapping[str, Schema], path: str) -> Iterator[_Origin]:
    """Operations on the collection that the path's last parameter is of, or else on the one above."""
    places = list(_PARAMETER.finditer(path))
    names = [place[1] for place in places]
    for known in reversed(range(len(places))):
        collection = paths.get(path[: places[known].start()].rstrip("/"), {})
        if collection:
            for method in ("post", "get"):
                if method in collection:
                    yield _Origin(collection[method], tuple(names[known:]), tuple(names[:known]))
            return


def _link(document: Schema, origin: _Origin, target: Schema) -> None:
    for status, response in origin.operation["responses"].items():
        if not status.startswith("2"):
            continue
        pointers = {name: _pointer(document, response, name) for name in origin.told}
        if all(pointers.values()):
            told = {name: f"$response.body#{pointer}" for name, pointer in pointers.items()}
            own = {name: f"$request.path.{name}" for name in origin.own}
            link = {"operationId": target["operationId"], "parameters": {**own, **told}}
            response.setdefault("links", {})[target["operationId"]] = link


def _pointer(document: Schema, response: Schema, parameter: str) -> str | None:
    """Where the answer holds the parameter's value; None: nowhere."""
    content = response.get("content", {}).get("application/json", {}).get("schema", {})
    wanted = _FIELDS.get(parameter, "id" if parameter.endswith("_id") else parameter)
    properties = _properties(document, content)
    if wanted in properties:
        return f"/{wanted}"
    items = properties.get("items", {}).get("items", {})
    return f"/items/0/{wanted}" if wanted in _properties(document, items) else None


def _properties(document: Schema, schema: Schema) -> Schema:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: Schema = document["components"]["schemas"].get(name, schema).get("properties", {})
    return found
