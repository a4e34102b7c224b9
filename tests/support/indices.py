"""Reads an installation's facts in Elasticsearch past every service: what is stored, whatever the programs say."""

from collections.abc import Iterator
from typing import Any

from elasticsearch import Elasticsearch

from synthmill.ports.records import Collection
from synthmill.settings import ElasticSettings
from synthmill_schemas.job import JobDocument

_PAGE = 1_000
_ADDED = {"doc_id", "doc_tenant"}


class Indices:
    """The indexes of one installation; every read asks for a refresh first."""

    def __init__(self, settings: ElasticSettings) -> None:
        self._client = Elasticsearch(str(settings.url), request_timeout=60, retry_on_timeout=True)
        self._prefix = settings.prefix

    def __enter__(self) -> "Indices":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def hits(self, collection: Collection, job_id: str | None = None) -> Iterator[dict[str, Any]]:
        """All documents of a kind with their versions, each index entry once, so that none can hide a second one."""
        index = f"{self._prefix}-{collection}*"
        self._client.indices.refresh(index=index)
        after: list[Any] | None = None
        query = {"match_all": {}} if job_id is None else {"term": {"job_id": job_id}}
        snapshot = self._client.open_point_in_time(index=index, keep_alive="1m")["id"]
        while True:
            page = self._client.search(
                query=query,
                size=_PAGE,
                sort=["_shard_doc"],
                pit={"id": snapshot, "keep_alive": "1m"},
                search_after=after,
                seq_no_primary_term=True,
                version=True,
            )["hits"]["hits"]
            yield from page
            if len(page) < _PAGE:
                self._client.close_point_in_time(id=snapshot)
                return
            after = page[-1]["sort"]

    def documents(self, collection: Collection, job_id: str | None = None) -> list[dict[str, Any]]:
        """The documents alone."""
        return [
            {name: value for name, value in hit["_source"].items() if name not in _ADDED}
            for hit in self.hits(collection, job_id)
        ]

    def count(self, collection: Collection, job_id: str | None = None) -> int:
        """How many there are, without a refresh: cheap enough to be asked again and again."""
        query = {"match_all": {}} if job_id is None else {"term": {"job_id": job_id}}
        return int(self._client.count(index=f"{self._prefix}-{collection}*", query=query)["count"])

    def indexed(self, collection: Collection) -> int:
        """How many writes the indexes of a kind have taken since they were opened, at once."""
        found = self._client.indices.stats(index=f"{self._prefix}-{collection}*", metric="indexing")
        return int(found["_all"]["primaries"]["indexing"]["index_total"])

    def job(self, job_id: str, tenant: str = "default") -> JobDocument:
        """The job document as it is now."""
        found = self._client.get(index=f"{self._prefix}-jobs", id=f"{tenant}:{job_id}")["_source"]
        return JobDocument.model_validate({name: value for name, value in found.items() if name not in _ADDED})

    def slots(self, job_id: str) -> list[dict[str, Any]]:
        """All slot documents of a job, wherever they lie, in the order of their slots."""
        found = self.documents(Collection.RECORDS, job_id)  # the indexes behind the aliases of slots and of records
        return sorted(found, key=lambda document: int(document["slot"]))
