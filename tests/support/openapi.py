"""The OpenAPI document as the tests walk it: every route with what it needs and what a request of it looks like."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from synthmill.settings import Settings
from synthmill_api.app import create_app
from synthmill_api.auth.scopes import Scope
from synthmill_api.config import ApiConfig

OPEN = {"/healthz", "/readyz"}
"""Paths that need no key."""

_JSON = "application/json"
_BY_TYPE: dict[str, Any] = {"integer": "0", "number": "0", "boolean": "false"}


@cache
def document() -> dict[str, Any]:
    """The document of an installation with the default settings."""
    return create_app(Settings(home=Path("unused")), ApiConfig()).openapi()


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema that a reference points to."""
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


@dataclass(frozen=True, slots=True)
class Route:
    """A method of a path that needs a key."""

    method: str
    path: str
    operation: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def id(self) -> str:
        """Its operation id."""
        found: str = self.operation["operationId"]
        return found

    @property
    def scope(self) -> Scope:
        """The one scope that it needs."""
        ((scope,),) = (requirement["key"] for requirement in self.operation["security"] if "key" in requirement)
        return Scope(scope)

    def names(self, place: str) -> list[str]:
        """Names of its parameters in the path, the query or the header."""
        return [each["name"] for each in self.operation.get("parameters", []) if each["in"] == place]

    @property
    def headers(self) -> dict[str, str]:
        """Its required headers, each with its example or the plainest value of its type."""
        wanted = [each for each in self.operation.get("parameters", []) if each["in"] == "header" and each["required"]]
        return {each["name"]: str(each.get("example", _plain(each["schema"]))) for each in wanted}

    @property
    def _bodies(self) -> dict[str, Any]:
        bodies: dict[str, Any] = self.operation.get("requestBody", {}).get("content", {})
        return bodies

    @property
    def takes_json(self) -> bool:
        """Whether its body is JSON."""
        return _JSON in self._bodies

    @property
    def body_type(self) -> str | None:
        """The last media type that its body may have; None: it takes none."""
        return next(reversed(self._bodies), None)

    @property
    def body_schema(self) -> dict[str, Any] | None:
        """Of its JSON body."""
        return resolved(self._bodies[_JSON]["schema"]) if self.takes_json else None

    @property
    def body_example(self) -> Any:  # noqa: ANN401  JSON of any shape
        """What the document shows as its body; None: nothing."""
        content = self._bodies.get(_JSON, {})
        shown = [example["value"] for example in content.get("examples", {}).values()]
        if "example" in content:
            shown.append(content["example"])
        shown += (self.body_schema or {}).get("examples", [])
        return shown[0] if shown else None

    @property
    def needs_prefect(self) -> bool:
        """Whether it answers nobody where no Prefect server is; `tests/integration/test_rest_runs.py` has one."""
        return "501" in self.operation["responses"]

    @property
    def streams_events(self) -> bool:
        """Whether its answer may never end."""
        return "text/event-stream" in self.operation["responses"].get("200", {}).get("content", {})


def _plain(schema: dict[str, Any]) -> str:
    shown = schema.get("examples") or [schema.get("default", _BY_TYPE.get(schema.get("type", ""), "x"))]
    return str(shown[0])


def routes() -> list[Route]:
    """Every route that needs a key."""
    return list(_routes())


def _routes() -> Iterator[Route]:
    for path, operations in document()["paths"].items():
        for method, operation in operations.items():
            if path not in OPEN:
                yield Route(method.upper(), path, operation)
