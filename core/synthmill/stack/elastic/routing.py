"""In which index a document lies or goes: of slots this depends on dataset and job, of all others on their kind."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from synthmill.errors import StoreUnavailable
from synthmill.ports.records import Write
from synthmill.stack.elastic.client import ElasticClient, Json, reason_of
from synthmill.stack.elastic.datasets import Datasets
from synthmill.stack.elastic.documents import Hit
from synthmill.stack.elastic.names import Home
from synthmill.stack.elastic.registry import Registry

GET_AT_A_TIME = 1_000

Target = Json
"""Index and `_id` of a write."""


class Router:
    """Finds indexes through the registry."""

    def __init__(self, client: ElasticClient, registry: Registry, datasets: Datasets) -> None:
        self._client = client
        self._registry = registry
        self._datasets = datasets

    async def targets(self, writes: Mapping[int, tuple[Home, Write]]) -> dict[int, Target]:
        """Where each write goes, by number."""
        targets: dict[int, Target] = {}
        by_job: dict[tuple[str, str, str | None], list[int]] = defaultdict(list)
        for number, (home, write) in writes.items():
            if home.dataset is None:
                targets[number] = {"_index": home.target, "_id": home.key(write.id), "require_alias": True}
            else:
                by_job[home.tenant, home.dataset, write.document.get("job_id")].append(number)
        for (tenant, dataset, job_id), numbers in by_job.items():
            ids = {number: writes[number][1].id for number in numbers}
            indices = await self._for_slots(tenant, dataset, job_id, list(ids.values()))
            targets |= {number: {"_index": indices[id_], "_id": id_} for number, id_ in ids.items()}
        return targets

    async def find(self, home: Home, ids: Sequence[str]) -> dict[str, Hit]:
        """The documents that are there, by id, in real time."""
        if home.dataset is None:
            return await self._get(home, [home.target], ids)
        known = self._registry.known(home.tenant, home.dataset)
        found = await self._get(home, known.names, ids) if known is not None else {}
        missing = [id_ for id_ in ids if id_ not in found]
        if missing:  # it may lie in an index that was made since
            indices = await self.indices(home)
            new = [index for index in indices if known is None or index not in known.names]
            found |= await self._get(home, new, missing)
        return found

    async def indices(self, home: Home) -> list[str]:
        """Every index or alias in which documents of this place can lie, newest first."""
        if home.dataset is None:
            return [home.target]
        return (await self._registry.dataset(home.tenant, home.dataset)).names

    async def _for_slots(self, tenant: str, dataset: str, job_id: str | None, ids: Sequence[str]) -> dict[str, str]:
        """Where slots of one job go: where the job is bound to, else where they are, else into the newest index."""
        if job_id is not None:
            bound = await self._registry.index_of(tenant, dataset, job_id)
            if bound is not None:
                return dict.fromkeys(ids, bound)
        names = (await self._datasets.for_any(tenant, dataset)).names
        indices = dict.fromkeys(ids, names[0])
        if len(names) > 1:
            lying = await self._answers(names[1:], ids, source=False)
            indices |= {answer["_id"]: answer["_index"] for answer in lying}
        return indices

    async def _get(self, home: Home, indices: Sequence[str], ids: Sequence[str]) -> dict[str, Hit]:
        answers = await self._answers(indices, [home.key(id_) for id_ in ids], source=True)
        return {home.id(answer["_id"]): Hit.of(answer) for answer in answers}

    async def _answers(self, indices: Sequence[str], keys: Sequence[str], *, source: bool) -> list[Json]:
        """What is there of these ids in these indexes."""
        wanted = [{"_index": index, "_id": key, "_source": source} for index in indices for key in dict.fromkeys(keys)]
        answers: list[Json] = []
        for start in range(0, len(wanted), GET_AT_A_TIME):
            answers += await self._client.get_many(wanted[start : start + GET_AT_A_TIME])
        for answer in answers:
            if "error" in answer:
                raise StoreUnavailable(f"{answer['_id']} cannot be read from {answer['_index']}: {reason_of(answer)}")
        return [answer for answer in answers if answer["found"]]
