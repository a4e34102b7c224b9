"""Searches, facets, totals and scans of one place."""

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from synthmill import cursors
from synthmill.errors import StoreUnavailable, SynthmillError, UserError
from synthmill.ports.records import Page, Query, Stored, Totals, Where
from synthmill.stack.elastic.client import ElasticClient, Json, NotThere
from synthmill.stack.elastic.documents import Hit
from synthmill.stack.elastic.names import Home
from synthmill.stack.elastic.queries import by_chance, matching, order
from synthmill.stack.elastic.templates import LARGEST_PAGE
from synthmill.stack.elastic.together import Together
from synthmill.stack.elastic.types import NUMERIC, FieldTypes

logger = logging.getLogger(__name__)

SCAN_DOCUMENTS = 500
"""Documents a scan has in memory at a time."""

SNAPSHOT_LASTS = "5m"
"""How long a scan's reader may take for one page; when it took longer the scan goes on with a new snapshot."""

_SNAPSHOTS = 20  # lost one after the other without a page in between: the server is not well

_FACET_SHARE = 1_000
"""Values that each index names at least, so that a dataset of several indexes is counted right for all that matters."""


class Reader:
    """Reads through one client."""

    def __init__(self, client: ElasticClient, types: FieldTypes) -> None:
        self._client = client
        self._together = Together(client)
        self._types = types

    async def search(self, home: Home, query: Query) -> Page:
        """One page, in the order of the sort field, then of the id."""
        types = await self._types.of(home.target, [*_bounded(query).where, *_sorted_by(query.sort)])
        body: Json = {
            "query": matching(home, query.where, types, query.text),
            "sort": order(query.sort, types),
            "size": query.limit + 1 if query.limit else 0,
            "seq_no_primary_term": True,
            "track_total_hits": True,
        }
        if query.cursor is not None:
            cursor = cursors.read(query)
            body["search_after"] = [cursor.id] if query.sort is None else [cursor.value, cursor.id]
        found = (await self._client.search(home.target, body))["hits"]
        hits = found["hits"][: query.limit]
        cursor_text = _cursor(query, hits[-1]["sort"]) if hits and len(found["hits"]) > query.limit else None
        return Page([Hit.of(hit).stored(home) for hit in hits], found["total"]["value"], cursor_text)

    async def sample(self, home: Home, query: Query, seed: int) -> Page:
        """Those with the highest score, which a hash of id and seed gives."""
        types = await self._types.of(home.target, [*_bounded(query).where])
        wanted = matching(home, query.where, types, query.text)
        body: Json = {
            "query": by_chance(wanted, seed),
            "sort": ["_score", *order(None, types)],
            "size": query.limit,
            "seq_no_primary_term": True,
            "track_total_hits": True,
        }
        found = (await self._client.search(home.target, body))["hits"]
        return Page([Hit.of(hit).stored(home) for hit in found["hits"]], found["total"]["value"], None)

    async def facets(self, home: Home, path: str, query: Query) -> dict[str, int]:
        """Values and how many matches hold each; each element of a list counts."""
        types = await self._types.of(home.target, [path, *query.where])
        if not types[path] or query.limit < 1:
            return {}
        terms = {
            "field": path,
            "size": query.limit,
            "shard_size": max(_FACET_SHARE, 2 * query.limit),
            "order": [{"_count": "desc"}, {"_key": "asc"}],
        }
        wanted = matching(home, query.where, types, query.text)
        answer = await self._aggregate(home, wanted, {"values": {"terms": terms}})
        buckets = answer["aggregations"]["values"]["buckets"] if "aggregations" in answer else []
        return {_value_text(bucket): bucket["doc_count"] for bucket in buckets}

    async def count(self, home: Home, where: Where | None) -> int:
        """How many match."""
        return (await self.totals(home, [], where)).count

    async def totals(self, home: Home, fields: Sequence[str], where: Where | None) -> Totals:
        """Count and sums; what is no number adds nothing."""
        types = await self._types.of(home.target, [*fields, *(where or {})])
        numeric = [path for path in fields if types[path] and types[path] <= NUMERIC]
        wanted = {str(number): {"stats": {"field": path}} for number, path in enumerate(numeric)}
        answer = await self._aggregate(home, matching(home, where, types), wanted)
        found = answer.get("aggregations", {})
        stats = {path: found.get(str(number), {}) for number, path in enumerate(numeric)}
        return Totals(
            answer["hits"]["total"]["value"],
            {path: float(stats.get(path, {}).get("sum", 0)) for path in fields},
            {path: int(stats.get(path, {}).get("count", 0)) for path in fields},
        )

    async def scan(self, home: Home, where: Where | None, sort: str | None) -> AsyncIterator[Stored]:
        """All matches, from one snapshot while that lasts; ids are unique, so its successor goes on where it ended."""
        types = await self._types.of(home.target, [*(where or {}), *_sorted_by(sort)])
        body: Json = {
            "query": matching(home, where, types),
            "sort": order(sort, types),
            "size": SCAN_DOCUMENTS,
            "seq_no_primary_term": True,
            "track_total_hits": False,
        }
        snapshot: str | None = None
        lost = 0
        try:
            while True:
                try:
                    snapshot = snapshot or await self._client.open_snapshot(home.target, SNAPSHOT_LASTS)
                except NotThere:
                    return
                try:
                    pit = {"id": snapshot, "keep_alive": SNAPSHOT_LASTS}
                    answer = await self._client.search(None, body | {"pit": pit})
                except NotThere:
                    snapshot, lost = None, lost + 1
                    if lost == _SNAPSHOTS:
                        raise StoreUnavailable(f"a scan of {home.target} loses its snapshots: try later") from None
                    continue
                snapshot, lost = str(answer["pit_id"]), 0
                hits = answer["hits"]["hits"]
                for hit in hits:
                    yield Hit.of(hit).stored(home)
                if len(hits) < SCAN_DOCUMENTS:
                    return
                body["search_after"] = hits[-1]["sort"]
        finally:
            if snapshot is not None:
                await self._drop(snapshot)

    async def _aggregate(self, home: Home, query: Json, aggregations: Json) -> Json:
        body: Json = {"query": query, "size": 0, "track_total_hits": True}
        return await self._together.search(home.target, body | ({"aggs": aggregations} if aggregations else {}))

    async def _drop(self, snapshot: str) -> None:
        try:
            await self._client.close_snapshot(snapshot)
        except SynthmillError as error:
            logger.debug("a snapshot was not given back, it ends by itself: %s", error)


def _bounded(query: Query) -> Query:
    if not 0 <= query.limit <= LARGEST_PAGE:
        raise UserError(f"a page has 0 to {LARGEST_PAGE} hits, not {query.limit}")
    return query


def _sorted_by(sort: str | None) -> list[str]:
    return [] if sort is None else [sort.removeprefix("-")]


def _cursor(query: Query, values: Sequence[Any]) -> str:
    return cursors.write(query, values[0] if query.sort is not None else None, values[-1])


def _value_text(bucket: Mapping[str, Any]) -> str:
    if "key_as_string" in bucket:
        return str(bucket["key_as_string"])
    key = bucket["key"]
    return str(int(key)) if isinstance(key, float) and key.is_integer() else str(key)
