"""The OpenAPI document: problems with their codes, the key, and what FastAPI would leave vague."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from synthmill import __version__
from synthmill_api.errors import KINDS, MEDIA_TYPE, RETRIED, Code, Problem, Refused
from synthmill_api.links import add_links

_TITLE = "synthmill"
_DESCRIPTION = (
    "Files and a recipe in, exactly the N synthetic records you asked for out. Every failure is an RFC 9457 problem "
    "with a stable `code` and a `hint` what to do. The tenant is that of the key."
)
_BEARER = "A key, as `synthmill keys create` makes it, or a token of the issuer that the installation trusts, if any."
TAGS = [
    {"name": "health", "description": "Whether the service lives, and whether it can serve."},
    {"name": "sources", "description": "Uploaded files; temporary, a job keeps its own seeds."},
    {"name": "keys", "description": "Who may call, and what for."},
    {"name": "quotas", "description": "What the tenant may use, and has used."},
    {"name": "uploads", "description": "Files that come in pieces, by the tus protocol 1.0; each becomes a source."},
    {"name": "recipes", "description": "Declarations of datasets, versioned."},
    {"name": "jobs", "description": "Executions of a recipe on sources."},
    {"name": "runs", "description": "Refreshes of datasets, now and by the clock, and their runs in Prefect."},
    {"name": "webhooks", "description": "Addresses that are told when a job changes its state."},
    {"name": "exports", "description": "Files of a job's records, written for you; fetched for a day."},
    {"name": "results", "description": "What a job made: records, rejects, events, exports."},
]


RATE_HEADERS = {
    "RateLimit-Limit": "requests that this process takes from the tenant at once",
    "RateLimit-Remaining": "how many of them are left",
    "RateLimit-Reset": "seconds until all of them are there again",
}


def problems(*codes: Code) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may answer with these codes."""
    responses: dict[int | str, dict[str, Any]] = {}
    for code in dict.fromkeys(codes):
        kind = KINDS[code]
        entry = responses.setdefault(kind.status, {"description": kind.title, "content": {MEDIA_TYPE: _content()}})
        example = Refused(code, kind.title).problem().model_dump(mode="json")
        entry["content"][MEDIA_TYPE]["examples"][code.value] = {"value": example}
    for status in RETRIED & responses.keys():
        responses[status]["headers"] = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}
    return responses


def _content() -> dict[str, Any]:
    return {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}


def describe(app: FastAPI) -> dict[str, Any]:
    """The document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=_TITLE, version=__version__, description=_DESCRIPTION, routes=app.routes, tags=TAGS
        )
        components = document.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        schemas.update(_problem_schemas())
        scheme = {"type": "http", "scheme": "bearer", "description": _BEARER}
        components["securitySchemes"] = {"key": scheme}
        _leave_out_nulls(document)
        add_links(document)
        _add_rate_headers(document)
        app.openapi_schema = document
    return app.openapi_schema


def _leave_out_nulls(document: dict[str, Any]) -> None:
    """A parameter that may be left out is never null: in a path, query or header that would be a word."""
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                schema = parameter["schema"]
                kinds = [kind for kind in schema.pop("anyOf", ()) if kind != {"type": "null"}]
                parameter["schema"] = {**schema, **kinds[0]} if len(kinds) == 1 else {**schema, **_any_of(kinds)}


def _any_of(kinds: list[dict[str, Any]]) -> dict[str, Any]:
    return {"anyOf": kinds} if kinds else {}


def _add_rate_headers(document: dict[str, Any]) -> None:
    """To every answer but that of a request whose tenant is not known."""
    integer = {"schema": {"type": "integer", "minimum": 0}}
    document["components"]["headers"] = {
        name: {"description": f"{text}; not there where the tenant has no such limit", **integer}
        for name, text in RATE_HEADERS.items()
    }
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items() if "security" in operation else ():
                if status != "401":
                    told = {name: {"$ref": f"#/components/headers/{name}"} for name in RATE_HEADERS}
                    response["headers"] = {**response.get("headers", {}), **told}


def _problem_schemas() -> dict[str, Any]:
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
    return {**schema.pop("$defs", {}), "Problem": schema}
