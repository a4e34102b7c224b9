"""What is known of datasets and jobs, in one small index of documents that are changed by compare-and-swap."""

import json
from dataclasses import dataclass
from typing import Any

from synthmill.errors import VersionConflict
from synthmill.ports.records import Document, WriteMode
from synthmill.stack.elastic.bulks import Sender, action
from synthmill.stack.elastic.client import ElasticClient
from synthmill.stack.elastic.documents import Hit
from synthmill.stack.elastic.fields import Fields
from synthmill.stack.elastic.names import Names

MAX_JOBS_KNOWN = 10_000


@dataclass(frozen=True, slots=True)
class Index:
    """One index of a dataset; `fields` are those below `data`, None when they are mapped as they come."""

    name: str
    fields: Fields | None


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset as it was read; its indexes in the order in which they were made."""

    tenant: str
    name: str
    indices: tuple[Index, ...] = ()
    latest: int | None = None
    hit: Hit | None = None

    @property
    def names(self) -> list[str]:
        """The names of its indexes, newest first."""
        return [index.name for index in reversed(self.indices)]


class Registry:
    """The documents of one installation. What was read is kept: a dataset's indexes and a job's index stay."""

    def __init__(self, client: ElasticClient, names: Names) -> None:
        self._client = client
        self._sender = Sender(client)
        self._index = names.registry
        self._datasets: dict[tuple[str, str], Dataset] = {}
        self._jobs: dict[tuple[str, str, str], str] = {}

    def known(self, tenant: str, dataset: str) -> Dataset | None:
        """What was read last, without asking."""
        return self._datasets.get((tenant, dataset))

    async def dataset(self, tenant: str, dataset: str) -> Dataset:
        """The dataset as it is now; empty when there is none."""
        found, _ = await self.read(tenant, dataset, None)
        return found

    async def index_of(self, tenant: str, dataset: str, job_id: str) -> str | None:
        """The index that the job is bound to."""
        known = self._jobs.get((tenant, dataset, job_id))
        if known is None:
            _, known = await self.read(tenant, dataset, job_id)
        return known

    async def read(self, tenant: str, dataset: str, job_id: str | None) -> tuple[Dataset, str | None]:
        """The dataset and the index that the job is bound to, in real time and in one request."""
        keys = [_dataset_key(tenant, dataset)] + ([job_key(tenant, dataset, job_id)] if job_id is not None else [])
        answers = await self._client.get_many([{"_index": self._index, "_id": key} for key in keys])
        found = _parsed(tenant, dataset, answers[0])
        self._datasets[tenant, dataset] = found
        if job_id is None or not answers[1].get("found"):
            return found, None
        if len(self._jobs) >= MAX_JOBS_KNOWN:
            self._jobs.clear()
        index = self._jobs[tenant, dataset, job_id] = str(answers[1]["_source"]["index"])
        return found, index

    async def swap(self, dataset: Dataset) -> None:
        """Writes the dataset; `VersionConflict` if it is no longer the one that was read."""
        document = _document(dataset)
        if dataset.hit is None:
            await self._create(_dataset_key(dataset.tenant, dataset.name), document)
            return
        hit = dataset.hit
        await self._client.swap(hit.index, hit.key, json.dumps(document).encode(), hit.seq_no, hit.primary_term)

    async def bind(self, tenant: str, dataset: str, job_id: str, index: str) -> None:
        """Binds the job to the index; a job that is bound already stays where it is."""
        document = {"tenant": tenant, "dataset": dataset, "job_id": job_id, "index": index}
        try:
            await self._create(job_key(tenant, dataset, job_id), document)
        except VersionConflict:
            return

    async def _create(self, key: str, document: Document) -> None:
        target = {"_index": self._index, "_id": key, "require_alias": True}
        body = json.dumps(document).encode()
        verdicts = await self._sender.write([action(0, key, WriteMode.CREATE, target, body, None)])
        if verdicts[0].status != "stored":
            raise VersionConflict(f"{key} is registered already ({verdicts[0].reason})")


def _dataset_key(tenant: str, dataset: str) -> str:
    return f"{tenant}.{dataset}"


def job_key(tenant: str, dataset: str, job_id: str) -> str:
    """The `_id` of the document that names the index of a job's slots; the consumer reads it too."""
    return f"{tenant}.{dataset}.{job_id}"


def _document(dataset: Dataset) -> Document:
    indices = [{"name": index.name, "fields": index.fields} for index in dataset.indices]
    return {"tenant": dataset.tenant, "dataset": dataset.name, "indices": indices, "latest": dataset.latest}


def _parsed(tenant: str, name: str, answer: dict[str, Any]) -> Dataset:
    if not answer.get("found"):
        return Dataset(tenant, name)
    hit = Hit.of(answer)
    indices = tuple(Index(index["name"], index["fields"]) for index in hit.source["indices"])
    return Dataset(tenant, name, indices, hit.source["latest"], hit)
