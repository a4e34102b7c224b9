"""What Prefect is still to be told about a job: a note in the record store, so that no crash forgets it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum

from synthmill.errors import VersionConflict
from synthmill.ports.records import Collection, Place, RecordStore, Stored, Write
from synthmill.settings import Settings
from synthmill_schemas.base import now

_KIND = "flow_run"


class Wish(StrEnum):
    """What is to be told; the last one counts."""

    CREATE = "create"
    CANCEL = "cancel"
    CONTINUE = "continue"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Noted:
    """A wish and the version of its note."""

    job_id: str
    wish: Wish
    version: int


def reports_of(tenant: str) -> Place:
    """Where the notes lie."""
    return Place(tenant, Collection.REPORTS)


def note_id(job_id: str) -> str:
    """One note a job."""
    return f"run-{job_id}"


def note(tenant: str, job_id: str, wish: Wish) -> Write:
    """The write that notes a wish."""
    document = {"version": 1, "kind": _KIND, "job_id": job_id, "state": wish.value, "at": now().isoformat()}
    return Write(reports_of(tenant), note_id(job_id), document)


def wanted(settings: Settings, wish: Wish, tenant: str, job_id: str) -> list[Write]:
    """The write, where there is a Prefect server to tell."""
    return [] if settings.prefect.url is None else [note(tenant, job_id, wish)]


async def find_wish(store: RecordStore, tenant: str, job_id: str) -> Noted | None:
    """What is to be told about a job; None when nothing ever was."""
    stored = await store.get(reports_of(tenant), note_id(job_id))
    return None if stored is None else _noted(stored)


async def open_wishes(store: RecordStore, tenant: str) -> AsyncIterator[Noted]:
    """All that is still to be told."""
    await store.visible(reports_of(tenant))
    still = [wish.value for wish in Wish if wish is not Wish.NOTHING]
    async for stored in store.scan(reports_of(tenant), {"kind": _KIND, "state": still}):
        yield _noted(stored)


async def fulfil(store: RecordStore, tenant: str, noted: Noted) -> None:
    """Marks it as told, unless there is a newer wish."""
    changes = {"state": Wish.NOTHING.value, "at": now().isoformat()}
    try:
        await store.patch(reports_of(tenant), note_id(noted.job_id), changes, expected=noted.version)
    except VersionConflict:
        return  # the newer one is told next


def _noted(stored: Stored) -> Noted:
    return Noted(str(stored.document["job_id"]), Wish(stored.document["state"]), stored.version)
