"""The record store: configuration, job status, seeds, slots, ledgers and events, by tenant.

A document is got by id at once; searches, facets, scans and counts are sure to see a write only after `visible`.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

Document = dict[str, Any]
Scalar = str | int | float | bool


class Collection(StrEnum):
    """What kind of document; SLOTS, RECORDS and nothing else are kept apart by dataset."""

    RECIPES = "recipes"
    SOURCES = "sources"  # what was uploaded, until its file is deleted
    KEYS = "keys"  # API keys, never their secrets
    JOBS = "jobs"
    INPUTS = "inputs"
    SLOTS = "slots"
    RECORDS = "records"  # the accepted slots, for readers: search, facets, scan, count and get only
    REJECTS = "rejects"
    EVENTS = "events"
    CALLS = "calls"
    CLAIMS = "claims"
    REPORTS = "reports"
    VERSIONS = "versions"  # datasets and their released versions
    STARTS = "starts"  # how often handling a message began, for a broker that cannot note it on the message


@dataclass(frozen=True, slots=True)
class Place:
    """Whose documents of which kind; `dataset` is needed for slots and records."""

    tenant: str
    collection: Collection
    dataset: str | None = None


STARTS = Place("_broker", Collection.STARTS)
"""Not a tenant's: their names start with a letter. The body, which tells the tenant, is not the broker's to read."""


class WriteMode(StrEnum):
    """When a write counts."""

    CREATE = "create"  # only if the id is free
    PUT = "put"  # always
    RANKED = "ranked"  # only if `rank` is above that of the stored document


@dataclass(frozen=True, slots=True)
class Write:
    """One document of a bulk."""

    place: Place
    id: str
    document: Document
    mode: WriteMode = WriteMode.PUT
    rank: int | None = None


class WriteStatus(StrEnum):
    """What became of one write of a bulk."""

    STORED = "stored"
    ALREADY = "already"  # id taken, or outranked: done all the same
    REFUSED = "refused"  # never going to fit; `reason` says why


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The answer to one write, in the order of the bulk."""

    id: str
    status: WriteStatus
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A document and the version under which it can be patched."""

    id: str
    document: Document
    version: int


@dataclass(frozen=True, slots=True)
class Range:
    """Bounds, each included; None is open."""

    low: Scalar | None = None
    high: Scalar | None = None


@dataclass(frozen=True, slots=True)
class Outside:
    """What a range does not meet: also a document without the field."""

    bounds: Range


Condition = Scalar | Sequence[Scalar] | Range | Outside
Where = Mapping[str, Condition]
"""Dotted field path to a value, several values (any of them), a range or its opposite; all must hold."""


@dataclass(frozen=True, slots=True)
class Query:
    """A search; `text` is words, all of them in any order, of a record's data, an event's message or a job's `about`.

    Sort is a field, "-" before it for descending; documents without it come last.
    """

    where: Where = field(default_factory=dict)
    text: str | None = None
    sort: str | None = None
    limit: int = 100
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Hits in stable order; `cursor` goes on behind the last, None at the end. `total` counts all that match."""

    hits: Sequence[Stored]
    total: int
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Totals:
    """How many documents match, the sums of fields over them, and how many hold a number there."""

    count: int
    sums: Mapping[str, float]
    held: Mapping[str, int]


class RecordStore(Protocol):
    """All durable facts. `StoreUnavailable` is retriable, every other error is not."""

    async def prepare(self) -> None:
        """Creates what is missing (tables, templates, aliases); doing it again changes nothing."""

    async def ensure_dataset(
        self, tenant: str, dataset: str, record_schema: Document, *, job_id: str | None = None
    ) -> None:
        """Makes room for a dataset's slots, with fields mapped from the record's JSON Schema.

        With `job_id` this job's slots keep that room, even if other recipes give the dataset other fields later.
        """

    async def bulk(self, writes: Sequence[Write]) -> list[WriteResult]:
        """Writes all, judges each; one refused document does not touch the others."""

    async def get(self, place: Place, id_: str) -> Stored | None:
        """The document as it is now."""

    async def get_many(self, place: Place, ids: Sequence[str]) -> list[Stored | None]:
        """The documents as they are now, in the order of `ids`."""

    async def patch(self, place: Place, id_: str, changes: Document, *, expected: int) -> Stored:
        """Replaces the named top-level fields if the version is the expected one, else `VersionConflict`."""

    async def search(self, place: Place, query: Query) -> Page:
        """One page of matches."""

    async def sample(
        self, place: Place, size: int, seed: int, where: Where | None = None, *, text: str | None = None
    ) -> Page:
        """So many of the matches by chance, in random order, without a cursor; all of them when there are no more.

        The same seed gives the same ones while the matches stay the same; a match that comes in changes only its place.
        """

    async def facets(
        self, place: Place, path: str, where: Where | None = None, *, text: str | None = None, limit: int = 100
    ) -> dict[str, int]:
        """Values of a field and how many matches hold each, most frequent first."""

    async def count(self, place: Place, where: Where | None = None) -> int:
        """How many documents match."""

    async def totals(self, place: Place, fields: Sequence[str], where: Where | None = None) -> Totals:
        """Count and sums over the matches, all of one moment."""

    def scan(self, place: Place, where: Where | None = None, *, sort: str | None = None) -> AsyncIterator[Stored]:
        """All matches, each once, in bounded memory; in ascending order of `sort`, else of id."""

    async def delete(self, place: Place, ids: Sequence[str]) -> int:
        """Deletes by id; answers how many there were."""

    async def promote(self, tenant: str, dataset: str, version: int) -> None:
        """Lets readers of the dataset's `latest` see `version`, in one step; it never goes back to an earlier one."""

    async def latest(self, tenant: str, dataset: str) -> int | None:
        """The version last promoted."""

    async def visible(self, *places: Place) -> None:
        """Returns when searches see every write that was answered before the call."""

    async def close(self) -> None:
        """Gives back what the adapter holds."""
