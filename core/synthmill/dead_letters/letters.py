"""The documents of dead letters: which there are, and how what was decided is noted."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from synthmill.errors import UserError
from synthmill.ports.records import Collection, Condition, Page, Place, Query, RecordStore
from synthmill.versioned import Changes, Versioned, change, parsed
from synthmill_schemas.dead_letter import DeadLetterDocument, LetterState
from synthmill_schemas.slot import RejectClass


class LetterMissing(UserError):
    """No such dead letter here."""


@dataclass(frozen=True, slots=True)
class Which:
    """Those that are meant; None: any."""

    job_id: str | None = None
    queue: str | None = None
    reject_class: RejectClass | None = None
    state: LetterState | None = None

    @property
    def where(self) -> dict[str, Condition]:
        """As the store is asked."""
        wanted: dict[str, Condition] = {"kind": "dead_letter"}
        if self.job_id is not None:
            wanted["job_id"] = self.job_id
        if self.queue is not None:
            wanted["queue"] = self.queue
        if self.reject_class is not None:
            wanted["reject_class"] = self.reject_class.value
        if self.state is not None:
            wanted["state"] = self.state.value
        return wanted


def letters_of(tenant: str) -> Place:
    """Where a tenant's dead letters are, among other reports."""
    return Place(tenant, Collection.REPORTS)


async def page_of(store: RecordStore, tenant: str, which: Which, *, limit: int, cursor: str | None = None) -> Page:
    """One page, the newest first."""
    await store.visible(letters_of(tenant))
    return await store.search(letters_of(tenant), Query(which.where, sort="-at", limit=limit, cursor=cursor))


async def all_of(store: RecordStore, tenant: str, which: Which) -> AsyncIterator[DeadLetterDocument]:
    """All that are meant, each once."""
    await store.visible(letters_of(tenant))
    async for stored in store.scan(letters_of(tenant), which.where):
        yield DeadLetterDocument.model_validate(stored.document)


async def find_letter(store: RecordStore, tenant: str, id_: str) -> DeadLetterDocument | None:
    """The letter of this id, if there is one."""
    found = await _find(store, tenant, id_)
    return None if found is None else found.document


async def get_letter(store: RecordStore, tenant: str, id_: str) -> DeadLetterDocument:
    """The letter of this id, or `LetterMissing`."""
    return (await _get(store, tenant, id_)).document


async def change_letter(
    store: RecordStore, tenant: str, id_: str, decide: Callable[[DeadLetterDocument], Changes | None]
) -> DeadLetterDocument:
    """The letter as it is after `decide` chose changes, perhaps several times; None: it is left as it is."""
    return (await change(store, letters_of(tenant), id_, lambda: _get(store, tenant, id_), decide)).document


async def _get(store: RecordStore, tenant: str, id_: str) -> Versioned[DeadLetterDocument]:
    found = await _find(store, tenant, id_)
    if found is None:
        raise LetterMissing(f"there is no dead letter {id_!r}; `synthmill dead-letters list` shows those there are")
    return found


async def _find(store: RecordStore, tenant: str, id_: str) -> Versioned[DeadLetterDocument] | None:
    """Other reports lie beside the letters; they are none."""
    stored = await store.get(letters_of(tenant), id_)
    if stored is None or stored.document.get("kind") != "dead_letter":
        return None
    return parsed(DeadLetterDocument, stored)
