"""Puts a job's events into an order that stays: each is numbered when it is first seen, once for all who look.

An event's time is its writer's, and a search may see a later one first. So the order itself is stored, page by page;
the id of a page is free for one process only, and who comes second reads what the first has written.
"""

from collections.abc import Sequence

from synthmill.errors import SynthmillError
from synthmill.ports.records import (
    Collection,
    Document,
    Place,
    Query,
    RecordStore,
    Stored,
    Write,
    WriteMode,
    WriteStatus,
)
from synthmill_schemas.base import now

PAGE = 100
"""Events that are numbered by one write."""

_READ_AHEAD = 20
_RECENT = 300  # events that are kept in memory for those who are up to date

_KIND = "event_order"


class Journal:
    """The events of one job. Numbers count from 1; one that was given is never given again."""

    def __init__(self, store: RecordStore, tenant: str, job_id: str) -> None:
        self._store = store
        self._events = Place(tenant, Collection.EVENTS)
        self._order = Place(tenant, Collection.REPORTS)
        self._job_id = job_id
        self._ids: list[str] = []
        self._known: set[str] = set()
        self._pages = 0
        self._recent: dict[str, Document] = {}

    def __len__(self) -> int:
        """The number of the last event that is numbered."""
        return len(self._ids)

    async def extend(self) -> int:
        """Numbers what was stored since; how many that are."""
        before = len(self._ids)
        await self._read_on()
        fresh = await self._unnumbered()
        while fresh:
            await self._append(list(fresh)[:PAGE])
            fresh = {id_: event for id_, event in fresh.items() if id_ not in self._known}
        return len(self._ids) - before

    async def after(self, number: int, limit: int = PAGE) -> list[tuple[int, Document]]:
        """The events behind this number, with theirs."""
        ids = self._ids[number : number + limit]
        away = [id_ for id_ in ids if id_ not in self._recent]
        fetched = await self._store.get_many(self._events, away) if away else []
        found = self._recent | {stored.id: stored.document for stored in fetched if stored is not None}
        return [(number + place, found[id_]) for place, id_ in enumerate(ids, 1) if id_ in found]

    async def _read_on(self) -> None:
        """Pages that were written since, here or elsewhere."""
        most = 1 if self._pages else _READ_AHEAD
        while True:
            ids = [self._page_id(self._pages + ahead) for ahead in range(most)]
            for stored in await self._store.get_many(self._order, ids):
                if stored is None:
                    return
                self._take(stored.document["events"])
            most = _READ_AHEAD

    async def _unnumbered(self) -> dict[str, Document]:
        """Stored events that have no number yet, in the order of their times."""
        await self._store.visible(self._events)
        fresh: dict[str, Document] = {}
        query = Query({"job_id": self._job_id}, sort="-at", limit=PAGE)
        while True:
            page = await self._store.search(self._events, query)
            fresh |= self._of_these(page.hits)
            if page.cursor is None or page.total <= len(self._known) + len(fresh):
                break
            query = Query(query.where, sort=query.sort, limit=PAGE, cursor=page.cursor)
        fresh = dict(reversed(fresh.items()))
        self._recent = dict(list({**self._recent, **fresh}.items())[-_RECENT:])
        return fresh

    def _of_these(self, hits: Sequence[Stored]) -> dict[str, Document]:
        return {hit.id: hit.document for hit in hits if hit.id not in self._known}

    async def _append(self, ids: list[str]) -> None:
        """Writes the next page, or reads it when somebody else has written it."""
        page = {"version": 1, "kind": _KIND, "job_id": self._job_id, "at": now().isoformat(), "events": ids}
        write = Write(self._order, self._page_id(self._pages), page, WriteMode.CREATE)
        (written,) = await self._store.bulk([write])
        match written.status:
            case WriteStatus.STORED:
                self._take(ids)
            case WriteStatus.ALREADY:
                await self._read_on()
            case WriteStatus.REFUSED:
                raise SynthmillError(f"the order of events of job {self._job_id} was refused: {written.reason}")

    def _take(self, ids: list[str]) -> None:
        self._ids.extend(ids)
        self._known.update(ids)
        self._pages += 1

    def _page_id(self, page: int) -> str:
        return f"events-{self._job_id}-{page}"
