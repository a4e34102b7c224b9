"""Documents that change by compare-and-swap: read, decide, swap, and read again when somebody was faster."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from synthmill.errors import VersionConflict
from synthmill.ports.records import Place, RecordStore, Stored
from synthmill_schemas.base import Contract, now

D = TypeVar("D", bound=Contract)

Changes = Mapping[str, Any]
"""New values by the names of fields, as the contract has them."""


@dataclass(frozen=True, slots=True)
class Versioned(Generic[D]):
    """A document and the version it was read at."""

    document: D
    version: int


def parsed(contract: type[D], stored: Stored) -> Versioned[D]:
    """What the store gave, as the contract has it."""
    return Versioned(contract.model_validate(stored.document), stored.version)


def touched(changes: Changes | None) -> Changes | None:
    """The same with the moment of the change, for a document that says when it was changed last."""
    return None if changes is None else {**changes, "updated_at": now()}


async def swap(store: RecordStore, place: Place, id_: str, read: Versioned[D], changes: Changes) -> Versioned[D]:
    """Writes these fields into exactly the version that was read, or raises `VersionConflict`."""
    changed = read.document.model_copy(update=dict(changes)).model_dump(mode="json", include=set(changes))
    return parsed(type(read.document), await store.patch(place, id_, changed, expected=read.version))


async def change(
    store: RecordStore,
    place: Place,
    id_: str,
    read: Callable[[], Awaitable[Versioned[D]]],
    decide: Callable[[D], Changes | None],
) -> Versioned[D]:
    """The document as it is after `decide` had its way with what `read` found; None from it: left as it is."""
    while True:
        found = await read()
        changes = decide(found.document)
        if changes is None:
            return found
        with suppress(VersionConflict):
            return await swap(store, place, id_, found, changes)
