"""The record store of the embedded profile: JSON documents in the shared SQLite file."""

import uuid
from collections.abc import AsyncIterator, Sequence
from functools import partial

from synthmill.embedded import searches, writes
from synthmill.embedded.database import Database
from synthmill.embedded.places import Home, home_of, writable_home_of
from synthmill.embedded.searches import LIVE, SEEN
from synthmill.embedded.sqlite import Connection
from synthmill.embedded.writes import Writer
from synthmill.ports.records import Document, Page, Place, Query, Stored, Totals, Where, Write, WriteResult

SCAN_DOCUMENTS = 200
"""Documents a scan has in memory at a time: enough that the trip to the thread does not show."""


class SqliteRecordStore:
    """A `RecordStore` in `database`; inside `database.transaction()` its calls are part of that transaction.

    With `visibility_delay` searches see a write only after `visible`, as a search server has it; for tests.
    """

    def __init__(self, database: Database, *, visibility_delay: bool = False) -> None:
        self._database = database
        self._delayed = visibility_delay
        self._tables = SEEN if visibility_delay else LIVE

    async def prepare(self) -> None:
        """See the port; the tables come with the database."""
        if self._delayed:
            await self._database.write(_create_seen)

    async def ensure_dataset(
        self, tenant: str, dataset: str, record_schema: Document, *, job_id: str | None = None
    ) -> None:
        """See the port; recipes of several versions may feed one dataset, so mappings only widen: room for any job."""
        del job_id
        await self._database.write(
            partial(writes.ensure_dataset, tenant=tenant, dataset=dataset, record_schema=record_schema)
        )

    async def bulk(self, writes: Sequence[Write]) -> list[WriteResult]:
        """See the port; `ValueError` when one is meant for records, which are read-only."""
        for place in {write.place for write in writes}:
            writable_home_of(place)
        if not writes:
            return []
        return await self._database.write(lambda connection: self._writer(connection).bulk(writes))

    async def get(self, place: Place, id_: str) -> Stored | None:
        """See the port."""
        (stored,) = await self.get_many(place, [id_])
        return stored

    async def get_many(self, place: Place, ids: Sequence[str]) -> list[Stored | None]:
        """See the port."""
        return await self._database.read(partial(searches.get_many, home=home_of(place), ids=ids))

    async def patch(self, place: Place, id_: str, changes: Document, *, expected: int) -> Stored:
        """See the port; a document that is gone is a `VersionConflict` too."""
        home = writable_home_of(place)
        return await self._database.write(
            lambda connection: self._writer(connection).patch(home, id_, changes, expected)
        )

    async def search(self, place: Place, query: Query) -> Page:
        """See the port."""
        return await self._database.read(
            partial(searches.search, tables=self._tables, home=home_of(place), query=query)
        )

    async def sample(
        self, place: Place, size: int, seed: int, where: Where | None = None, *, text: str | None = None
    ) -> Page:
        """See the port."""
        query = Query(where or {}, text, limit=size)
        return await self._database.read(
            partial(searches.sample, tables=self._tables, home=home_of(place), query=query, seed=seed)
        )

    async def facets(
        self, place: Place, path: str, where: Where | None = None, *, text: str | None = None, limit: int = 100
    ) -> dict[str, int]:
        """See the port."""
        query = Query(where or {}, text, limit=limit)
        return await self._database.read(
            partial(searches.facets, tables=self._tables, home=home_of(place), path=path, query=query)
        )

    async def count(self, place: Place, where: Where | None = None) -> int:
        """See the port."""
        return await self._database.read(partial(searches.count, tables=self._tables, home=home_of(place), where=where))

    async def totals(self, place: Place, fields: Sequence[str], where: Where | None = None) -> Totals:
        """See the port."""
        return await self._database.read(
            partial(searches.totals, tables=self._tables, home=home_of(place), names=fields, where=where)
        )

    async def scan(self, place: Place, where: Where | None = None, *, sort: str | None = None) -> AsyncIterator[Stored]:
        """See the port. It sees what is committed; what is written meanwhile may come or not."""
        pages = (
            self._pages_by_id(home_of(place), where)
            if sort is None
            else self._sorted_pages(home_of(place), where, sort)
        )
        async for page in pages:
            for stored in page:
                yield stored

    async def delete(self, place: Place, ids: Sequence[str]) -> int:
        """See the port."""
        home = writable_home_of(place)
        return await self._database.write(lambda connection: self._writer(connection).delete(home, ids))

    async def promote(self, tenant: str, dataset: str, version: int) -> None:
        """See the port."""
        await self._database.write(partial(_promote, tenant=tenant, dataset=dataset, version=version))

    async def latest(self, tenant: str, dataset: str) -> int | None:
        """See the port."""
        return await self._database.read(partial(_latest, tenant=tenant, dataset=dataset))

    async def visible(self, *places: Place) -> None:
        """See the port."""
        homes = [home_of(place) for place in places]
        if self._delayed:
            await self._database.write(lambda connection: writes.make_visible(connection, homes))

    async def close(self) -> None:
        """The database is closed by whoever opened it."""

    def _writer(self, connection: Connection) -> Writer:
        return Writer(connection, delayed=self._delayed)

    async def _pages_by_id(self, home: Home, where: Where | None) -> AsyncIterator[list[Stored]]:
        behind = ""
        while page := await self._database.read_committed(
            partial(
                searches.scan_by_id, tables=self._tables, home=home, where=where, behind=behind, limit=SCAN_DOCUMENTS
            )
        ):
            yield page
            behind = page[-1].id

    async def _sorted_pages(self, home: Home, where: Where | None, sort: str) -> AsyncIterator[list[Stored]]:
        # one sort for the whole scan: sorting for each page again would take a time that grows with the square
        name = f"scan_{uuid.uuid4().hex}"
        try:
            await self._database.read_committed(
                partial(searches.start_scan, tables=self._tables, home=home, where=where, sort=sort, name=name)
            )
            behind: int | None = 0
            while behind is not None:
                page, behind = await self._database.read_committed(
                    partial(
                        searches.scan_sorted,
                        tables=self._tables,
                        home=home,
                        name=name,
                        behind=behind,
                        limit=SCAN_DOCUMENTS,
                    )
                )
                yield page
        finally:
            await self._database.read_committed(partial(searches.end_scan, name=name))


def _create_seen(connection: Connection) -> None:
    for statement in writes.SEEN_TABLES:
        connection.execute(statement)


def _promote(connection: Connection, tenant: str, dataset: str, version: int) -> None:
    connection.execute(
        "INSERT INTO datasets (tenant, dataset, latest) VALUES (?, ?, ?)"
        " ON CONFLICT (tenant, dataset) DO UPDATE SET latest = max(coalesce(latest, 0), excluded.latest)",
        (tenant, dataset, version),
    )


def _latest(connection: Connection, tenant: str, dataset: str) -> int | None:
    row = connection.execute(
        "SELECT latest FROM datasets WHERE tenant = ? AND dataset = ?", (tenant, dataset)
    ).fetchone()
    return row[0] if row else None
