"""Gives each dataset the indexes that its records' fields need.

A field's type cannot change in an index. So a recipe that changes a type gets a new one; a recipe that only adds
fields keeps the present one. A job is bound to the index that its recipe fits, else one slot could come to lie in two.
"""

import logging
from dataclasses import replace

from synthmill.errors import StoreUnavailable, VersionConflict
from synthmill.ports.records import Document
from synthmill.stack.elastic.client import AlreadyThere, ElasticClient, NotAccepted
from synthmill.stack.elastic.fields import OPEN, Fields, compile_fields, fits, flattened, hash_of
from synthmill.stack.elastic.mappings import Mapping
from synthmill.stack.elastic.names import Names
from synthmill.stack.elastic.registry import Dataset, Index, Registry

logger = logging.getLogger(__name__)

_RIVALS = 50
"""So many others who change a dataset between our reading and writing it mean that something else is wrong."""

_ACCEPTED: Mapping = {"term": {"state": "accepted"}}


class Datasets:
    """Makes and widens indexes; several services may do so at once."""

    def __init__(self, client: ElasticClient, names: Names, registry: Registry) -> None:
        self._client = client
        self._names = names
        self._registry = registry

    async def ensure(self, tenant: str, dataset: str, record_schema: Document, job_id: str | None) -> None:
        """Sees to an index that the schema fits, and binds the job to it."""
        if job_id is not None and await self._registry.index_of(tenant, dataset, job_id):
            return
        index = await self._fitting(tenant, dataset, compile_fields(record_schema))
        if job_id is not None:
            await self._registry.bind(tenant, dataset, job_id, index)

    async def for_any(self, tenant: str, dataset: str) -> Dataset:
        """The dataset, with an index that takes whatever comes when nobody told its schema."""
        for _ in range(_RIVALS):
            found = await self._registry.dataset(tenant, dataset)
            if found.indices:
                return found
            await self._add(found, OPEN, None)
        raise _restless(dataset)

    async def promote(self, tenant: str, dataset: str, version: int) -> None:
        """Moves the alias of the latest version in one step, then notes the version.

        Somebody who was slow may move the alias back for a moment; the note then tells them, and they move it forward.
        """
        for _ in range(_RIVALS):
            found = await self._registry.dataset(tenant, dataset)
            alias = self._names.latest(tenant, dataset)
            shown = _shown_in(last := max(version, found.latest or 0))
            if found.indices:
                await self._client.change_aliases(
                    [{"add": {"index": index, "alias": alias, "filter": shown}} for index in found.names]
                )
            if await self._swapped(replace(found, latest=last)):
                return
        raise _restless(dataset)

    async def _fitting(self, tenant: str, dataset: str, mapping: Mapping) -> str:
        wanted = flattened(mapping)
        for _ in range(_RIVALS):
            found = await self._registry.dataset(tenant, dataset)
            candidates = [each for each in reversed(found.indices) if each.fields is not None]
            index = next((each for each in candidates if fits(each.fields or {}, wanted)), None)
            if index is None:
                await self._add(found, mapping, wanted)
            elif await self._widened(found, index, mapping):
                return index.name
        raise _restless(dataset)

    async def _widened(self, dataset: Dataset, index: Index, mapping: Mapping) -> bool:
        """Adds the mapping's fields to the index; whether they are there."""
        fields = {**(index.fields or {}), **flattened(mapping)}
        if fields == index.fields:
            return True
        try:
            await self._client.put_mapping(index.name, {"properties": {"data": mapping}})
        except NotAccepted as error:  # somebody added other fields at the same time
            logger.info("index %s does not take the fields, looking again: %s", index.name, error)
            return False
        wider = tuple(replace(each, fields=fields) if each == index else each for each in dataset.indices)
        return await self._swapped(replace(dataset, indices=wider))

    async def _add(self, dataset: Dataset, mapping: Mapping, fields: Fields | None) -> None:
        """Makes an index; who reads the dataset again finds it, or what somebody else made at the same time."""
        tenant, name = dataset.tenant, dataset.name
        index = Index(self._names.records_index(tenant, name, hash_of(mapping)), fields)
        aliases: Mapping = {
            self._names.slots(tenant, name): {},
            self._names.records(tenant, name): {"filter": _ACCEPTED},
        }
        try:
            await self._client.create_index(index.name, {"properties": {"data": mapping}}, aliases)
        except AlreadyThere:
            logger.debug("another service created %s", index.name)
        await self._swapped(replace(dataset, indices=(*dataset.indices, index)))

    async def _swapped(self, dataset: Dataset) -> bool:
        try:
            await self._registry.swap(dataset)
        except VersionConflict:
            return False
        return True


def _shown_in(version: int) -> Mapping:
    """A version shows what came in by then and had not ended."""
    return {
        "bool": {
            "filter": [_ACCEPTED, {"range": {"since": {"lte": version}}}],
            "must_not": [{"range": {"until": {"lte": version}}}],
        }
    }


def _restless(dataset: str) -> StoreUnavailable:
    return StoreUnavailable(f"dataset {dataset} is changed by others all the time: try later")
