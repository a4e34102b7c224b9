"""The documents of dead letters: which there are, and how what was decided is noted."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from synthmill.errors import UserError, VersionConflict
from synthmill.ports.records import Collection, Condition, Page, Place, Query, RecordStore, Stored
from synthmill_schemas.dead_letter import DeadLetterDocument, LetterState
from synthmill_schemas.slot import RejectClass

Changes = Mapping[str, Any]


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
    stored = await _found(store, tenant, id_)
    return None if stored is None else DeadLetterDocument.model_validate(stored.document)


async def get_letter(store: RecordStore, tenant: str, id_: str) -> DeadLetterDocument:
    """The letter of this id, or `LetterMissing`."""
    letter = await find_letter(store, tenant, id_)
    if letter is None:
        raise LetterMissing(f"there is no dead letter {id_!r}; `synthmill dead-letters list` shows those there are")
    return letter


async def change_letter(
    store: RecordStore, tenant: str, id_: str, decide: Callable[[DeadLetterDocument], Changes | None]
) -> DeadLetterDocument:
    """Reads, lets `decide` choose changes, swaps; reads again when somebody was faster. None: leave it as it is."""
    while True:
        stored = await _found(store, tenant, id_)
        if stored is None:
            raise LetterMissing(f"there is no dead letter {id_!r}")
        letter = DeadLetterDocument.model_validate(stored.document)
        changes = decide(letter)
        if changes is None:
            return letter
        changed = letter.model_copy(update=dict(changes))
        patch = {name: changed.model_dump(mode="json")[name] for name in changes}
        try:
            await store.patch(letters_of(tenant), id_, patch, expected=stored.version)
        except VersionConflict:
            continue
        return changed


async def _found(store: RecordStore, tenant: str, id_: str) -> Stored | None:
    """Other reports lie beside the letters; they are none."""
    stored = await store.get(letters_of(tenant), id_)
    return stored if stored is not None and stored.document.get("kind") == "dead_letter" else None
