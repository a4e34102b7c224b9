"""Every request as a value, and what becomes of its answer: said once for both clients."""

import base64
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import httpx
from pydantic import BaseModel

from synthmill.client.models import (
    Event,
    Export,
    Job,
    JobProgress,
    Page,
    Quote,
    RecipeVersion,
    RecordPage,
    Reject,
    Source,
    StoredRecipe,
)
from synthmill_schemas.file_export import ExportFormat
from synthmill_schemas.job import JobPurpose, JobState

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

Parameters = Mapping[str, Any]
Read = Callable[[httpx.Response], T]

TUS = {"Tus-Resumable": "1.0.0"}
_PIECE = {**TUS, "content-type": "application/offset+octet-stream"}


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request; `read` makes the result of its answer. `safe`: repeating it after silence does nothing more."""

    method: str
    path: str
    read: Read[T]
    params: Parameters = field(default_factory=dict)
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    safe: bool = True

    @property
    def query(self) -> dict[str, Any]:
        """Parameters that are given."""
        return {name: value for name, value in self.params.items() if value not in (None, [], ())}


def _as(model: type[M]) -> Read[M]:
    return lambda response: model.model_validate_json(response.content)


def _nothing(_: httpx.Response) -> None:
    return None


def upload(name: str, sha256: str | None) -> Call[Source]:
    """The body comes along; the same bytes are the same source, so it is safe."""
    headers = {"content-type": "application/octet-stream"}
    return Call("POST", "/v1/sources", _as(Source), {"name": name, "sha256": sha256}, headers=headers)


def begin_upload(name: str, size: int, sha256: str) -> Call[str]:
    """Answers the path that pieces go to."""
    about = {"filename": name, "sha256": sha256}
    told = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in about.items())
    headers = {**TUS, "Upload-Length": str(size), "Upload-Metadata": told}
    return Call("POST", "/v1/uploads", lambda response: response.headers["location"], headers=headers, safe=False)


@dataclass(frozen=True, slots=True)
class Stands:
    """How far an upload is; `source` is where the source lies, once it is one."""

    offset: int
    source: str | None


def _stands(response: httpx.Response) -> Stands:
    return Stands(int(response.headers["upload-offset"]), response.headers.get("content-location"))


def upload_stands(path: str) -> Call[Stands]:
    """Asks how far it came."""
    return Call("HEAD", path, _stands, headers=TUS)


def piece(path: str, offset: int) -> Call[Stands]:
    """The body comes along; after silence the offset is asked for instead of sending it again."""
    return Call("PATCH", path, _stands, headers={**_PIECE, "Upload-Offset": str(offset)}, safe=False)


def source_at(path: str) -> Call[Source]:
    """By its path."""
    return Call("GET", path, _as(Source))


def sources(cursor: str | None) -> Call[Page[Source]]:
    """A page."""
    return Call("GET", "/v1/sources", _as(Page[Source]), {"cursor": cursor})


def delete_source(source_id: str) -> Call[None]:
    """With everything that was made of it."""
    return Call("DELETE", f"/v1/sources/{source_id}", _nothing)


def store_recipe(recipe: Mapping[str, Any]) -> Call[StoredRecipe]:
    """The same recipe again is the same version."""
    return Call("POST", "/v1/recipes", _as(StoredRecipe), json=recipe)


def recipe(name: str, version: int | None) -> Call[StoredRecipe]:
    """The last version, or this one."""
    path = f"/v1/recipes/{name}" if version is None else f"/v1/recipes/{name}/versions/{version}"
    return Call("GET", path, _as(StoredRecipe))


def recipes(cursor: str | None) -> Call[Page[RecipeVersion]]:
    """A page."""
    return Call("GET", "/v1/recipes", _as(Page[RecipeVersion]), {"cursor": cursor})


@dataclass(frozen=True, slots=True)
class Order:
    """A job that is wanted: of `recipe`, or of a stored one, `name` or `name@version`."""

    recipe: Mapping[str, Any] | None = None
    stored_recipe: str | None = None
    sources: Sequence[str] = ()
    rows: Sequence[Mapping[str, Any]] = ()
    records: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    max_usd: float | None = None
    max_tokens: int | None = None

    def body(self) -> dict[str, Any]:
        """As the API takes it; what is not given is left out."""
        told: dict[str, Any] = {"recipe": self.recipe, "sources": list(self.sources), "rows": list(self.rows)}
        if self.stored_recipe is not None:
            name, _, version = self.stored_recipe.partition("@")
            told["stored_recipe"] = {"name": name, "version": int(version) if version else None}
        told |= {"records": self.records, "labels": dict(self.labels)}
        told |= {"max_usd": self.max_usd, "max_tokens": self.max_tokens}
        return {name: value for name, value in told.items() if value not in (None, [], {})}


def create_job(order: Order, key: str | None) -> Call[Job]:
    """With a key of its own by default, so that no try makes a second job."""
    return Call("POST", "/v1/jobs", _as(Job), json=order.body(), headers=_once(key))


def create_quote(order: Order, slots: int, key: str | None) -> Call[Quote]:
    """With a key as a job has one, so that no try pays a second time."""
    return Call("POST", "/v1/quotes", _as(Quote), json={**order.body(), "slots": slots}, headers=_once(key))


def _once(key: str | None) -> Mapping[str, str]:
    return {"idempotency-key": key or uuid.uuid4().hex}


def quote(quote_id: str) -> Call[Quote]:
    """How it stands."""
    return Call("GET", f"/v1/quotes/{quote_id}", _as(Quote))


def job(job_id: str) -> Call[JobProgress]:
    """In numbers."""
    return Call("GET", f"/v1/jobs/{job_id}", _as(JobProgress))


@dataclass(frozen=True, slots=True)
class Listed:
    """Which jobs a list shows; without `purposes` those for a dataset."""

    states: Sequence[JobState] = ()
    dataset: str | None = None
    purposes: Sequence[JobPurpose] = ()


def jobs(listed: Listed, cursor: str | None) -> Call[Page[Job]]:
    """A page, the newest first."""
    chosen = {"state": [each.value for each in listed.states], "purpose": [each.value for each in listed.purposes]}
    params = {**chosen, "dataset": listed.dataset, "cursor": cursor}
    return Call("GET", "/v1/jobs", _as(Page[Job]), params)


def move(job_id: str, verb: str) -> Call[Job]:
    """Cancel, pause or resume."""
    return Call("POST", f"/v1/jobs/{job_id}/{verb}", _as(Job), safe=False)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records: words, filters as `field=value`, `field>=value` or `field<=value`, and their order."""

    text: str | None = None
    filters: Sequence[str] = ()
    facets: Sequence[str] = ()
    sort: str | None = None
    limit: int | None = None

    def params(self, cursor: str | None) -> Parameters:
        """As the API takes them."""
        return {
            "q": self.text,
            "filter": list(self.filters),
            "facet": list(self.facets),
            "sort": self.sort,
            "limit": self.limit,
            "cursor": cursor,
        }


def records(job_id: str, wanted: Wanted, cursor: str | None) -> Call[RecordPage]:
    """A page of a job's records."""
    return Call("GET", f"/v1/jobs/{job_id}/records", _as(RecordPage), wanted.params(cursor))


def dataset_records(dataset: str, version: int | None, wanted: Wanted, cursor: str | None) -> Call[RecordPage]:
    """A page of what a version of a dataset shows."""
    params = {**wanted.params(cursor), "version": version}
    return Call("GET", f"/v1/datasets/{dataset}/records", _as(RecordPage), params)


def rejects(job_id: str, cursor: str | None) -> Call[Page[Reject]]:
    """A page."""
    return Call("GET", f"/v1/jobs/{job_id}/rejects", _as(Page[Reject]), {"cursor": cursor})


def events(job_id: str, cursor: str | None) -> Call[Page[Event]]:
    """A page, in the order of their times."""
    return Call("GET", f"/v1/jobs/{job_id}/events", _as(Page[Event]), {"cursor": cursor})


def order_export(job_id: str, format_: ExportFormat | str, form: Mapping[str, object]) -> Call[Export]:
    """The same form again is the same export. `form`: what else its body may say, e.g. compression."""
    body = {"format": str(format_), **form}
    return Call("POST", f"/v1/jobs/{job_id}/exports", _as(Export), json=body)


def export(job_id: str, export_id: str) -> Call[Export]:
    """How it stands."""
    return Call("GET", f"/v1/jobs/{job_id}/exports/{export_id}", _as(Export))


def content(export: Export, offset: int) -> tuple[str, dict[str, str]]:
    """Path and headers of its bytes from there on."""
    path = f"/v1/jobs/{export.job_id}/exports/{export.id}/content"
    return path, {"range": f"bytes={offset}-"} if offset else {}


def stream(job_id: str, position: str | None) -> tuple[str, dict[str, str]]:
    """Path and headers of what happens to a job, behind the position."""
    headers = {"accept": "text/event-stream"} | ({} if position is None else {"last-event-id": position})
    return f"/v1/jobs/{job_id}/events/stream", headers
