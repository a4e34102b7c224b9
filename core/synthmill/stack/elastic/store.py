"""The record store of the stack profile: documents in Elasticsearch."""

from collections.abc import AsyncIterator, Sequence

from synthmill.errors import UserError, VersionConflict
from synthmill.ports.records import (
    Document,
    Page,
    Place,
    Query,
    Stored,
    Totals,
    Where,
    Write,
    WriteMode,
    WriteResult,
    WriteStatus,
)
from synthmill.settings import ElasticSettings
from synthmill.stack.elastic import templates
from synthmill.stack.elastic.bulks import Action, Sender, action, deletion
from synthmill.stack.elastic.client import ElasticClient, NotAccepted, TooLarge
from synthmill.stack.elastic.datasets import Datasets
from synthmill.stack.elastic.documents import Hit, Refused, encoded, version_of
from synthmill.stack.elastic.names import Home, Names
from synthmill.stack.elastic.reading import Reader
from synthmill.stack.elastic.registry import Registry
from synthmill.stack.elastic.routing import Router
from synthmill.stack.elastic.types import FieldTypes


class ElasticRecordStore:
    """A `RecordStore` in the indexes that begin with `settings.prefix`."""

    def __init__(self, settings: ElasticSettings) -> None:
        self._client = ElasticClient(settings)
        self._names = Names(settings.prefix)
        self._registry = Registry(self._client, self._names)
        self._datasets = Datasets(self._client, self._names, self._registry)
        self._router = Router(self._client, self._registry, self._datasets)
        self._sender = Sender(self._client)
        self._reader = Reader(self._client, FieldTypes(self._client))

    async def prepare(self) -> None:
        """See the port."""
        await templates.prepare(self._client, self._names)

    async def ensure_dataset(
        self, tenant: str, dataset: str, record_schema: Document, *, job_id: str | None = None
    ) -> None:
        """See the port."""
        await self._datasets.ensure(tenant, dataset, record_schema, job_id)

    async def bulk(self, writes: Sequence[Write]) -> list[WriteResult]:
        """See the port; `ValueError` when one is meant for records, which are read-only."""
        homes = {place: self._names.writable_home(place) for place in {write.place for write in writes}}
        verdicts: dict[int, WriteResult] = {}
        bodies: dict[int, bytes] = {}
        for number, write in enumerate(writes):
            try:
                bodies[number] = _body(homes[write.place], write)
            except Refused as refused:
                verdicts[number] = WriteResult(write.id, WriteStatus.REFUSED, str(refused))
        targets = await self._router.targets(
            {number: (homes[writes[number].place], writes[number]) for number in bodies}
        )
        actions = [_action(number, writes[number], targets[number], body) for number, body in bodies.items()]
        verdicts |= await self._sender.write(actions)
        return [verdicts[number] for number in range(len(writes))]

    async def get(self, place: Place, id_: str) -> Stored | None:
        """See the port."""
        (stored,) = await self.get_many(place, [id_])
        return stored

    async def get_many(self, place: Place, ids: Sequence[str]) -> list[Stored | None]:
        """See the port."""
        home = self._names.home(place)
        hits = await self._router.find(home, ids)
        return [_shown(home, hits.get(id_)) for id_ in ids]

    async def patch(self, place: Place, id_: str, changes: Document, *, expected: int) -> Stored:
        """See the port; a document that is gone is a `VersionConflict` too."""
        home = self._names.writable_home(place)
        hit = (await self._router.find(home, [id_])).get(id_)
        if hit is None or hit.version != expected:
            found = "is gone" if hit is None else f"has version {hit.version}"
            raise VersionConflict(f"{home.collection} {id_} {found}, expected {expected}: read it again")
        document = hit.stored(home).document | changes
        try:
            body = encoded(home, id_, document)
            answer = await self._client.swap(hit.index, hit.key, body, hit.seq_no, hit.primary_term)
        except (Refused, NotAccepted, TooLarge) as error:
            raise UserError(f"{home.collection} {id_} cannot be changed so: {error}") from None
        return Stored(id_, document, version_of(answer["_primary_term"], answer["_seq_no"]))

    async def search(self, place: Place, query: Query) -> Page:
        """See the port."""
        return await self._reader.search(self._names.home(place), query)

    async def sample(
        self, place: Place, size: int, seed: int, where: Where | None = None, *, text: str | None = None
    ) -> Page:
        """See the port."""
        return await self._reader.sample(self._names.home(place), Query(where or {}, text, limit=size), seed)

    async def facets(
        self, place: Place, path: str, where: Where | None = None, *, text: str | None = None, limit: int = 100
    ) -> dict[str, int]:
        """See the port."""
        return await self._reader.facets(self._names.home(place), path, Query(where or {}, text, limit=limit))

    async def count(self, place: Place, where: Where | None = None) -> int:
        """See the port."""
        return await self._reader.count(self._names.home(place), where)

    async def totals(self, place: Place, fields: Sequence[str], where: Where | None = None) -> Totals:
        """See the port."""
        return await self._reader.totals(self._names.home(place), fields, where)

    def scan(self, place: Place, where: Where | None = None, *, sort: str | None = None) -> AsyncIterator[Stored]:
        """See the port."""
        return self._reader.scan(self._names.home(place), where, sort)

    async def delete(self, place: Place, ids: Sequence[str]) -> int:
        """See the port."""
        home = self._names.writable_home(place)
        indices = await self._router.indices(home)
        actions = [
            deletion(number, id_, {"_index": index, "_id": home.key(id_)})
            for index in indices
            for number, id_ in enumerate(ids)
        ]
        return await self._sender.delete(actions)

    async def promote(self, tenant: str, dataset: str, version: int) -> None:
        """See the port."""
        await self._datasets.promote(tenant, dataset, version)

    async def latest(self, tenant: str, dataset: str) -> int | None:
        """See the port."""
        return (await self._registry.dataset(tenant, dataset)).latest

    async def visible(self, *places: Place) -> None:
        """See the port."""
        targets = sorted({self._names.home(place).target for place in places})
        if targets:
            await self._client.refresh(targets)

    async def close(self) -> None:
        """See the port."""
        await self._client.close()


def _body(home: Home, write: Write) -> bytes:
    if write.mode is WriteMode.RANKED and write.rank is None:
        raise Refused("a ranked write needs a rank")
    return encoded(home, write.id, write.document)


def _action(number: int, write: Write, target: Document, body: bytes) -> Action:
    return action(number, write.id, write.mode, target, body, write.rank)


def _shown(home: Home, hit: Hit | None) -> Stored | None:
    if hit is None or (home.accepted_only and hit.source.get("state") != "accepted"):
        return None
    return hit.stored(home)
