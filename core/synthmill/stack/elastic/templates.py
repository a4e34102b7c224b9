"""Index templates, shared indexes and their aliases: created when missing, widened when this version knows more."""

import asyncio
import logging

from synthmill.ports.records import Collection
from synthmill.stack.elastic.client import AlreadyThere, ElasticClient
from synthmill.stack.elastic.fields import DYNAMIC_TEMPLATES
from synthmill.stack.elastic.mappings import REGISTRY, VERSION, Mapping, mapping_of, shared_collections
from synthmill.stack.elastic.names import Names

logger = logging.getLogger(__name__)

LARGEST_PAGE = 10_000
"""Hits of one search; one more is read to see whether there are more."""

_SETTINGS: Mapping = {
    "number_of_shards": 1,
    "auto_expand_replicas": "0-1",  # a single node has nowhere to put a copy
    "max_result_window": LARGEST_PAGE + 1,
    "mapping.total_fields.limit": 2_000,
}

_FOLDS = ["lowercase", "asciifolding"]


async def prepare(client: ElasticClient, names: Names) -> None:
    """Doing it again changes nothing and costs three requests."""
    kinds = {names.shared(collection): mapping_of(collection) for collection in shared_collections()}
    kinds |= {names.registry: REGISTRY}
    records = f"{names.prefix}-records"
    templates = kinds | {records: {**mapping_of(Collection.SLOTS), "dynamic_templates": DYNAMIC_TEMPLATES}}
    versions = await client.template_versions(f"{names.prefix}-*")
    outdated = [name for name in templates if versions.get(name, 0) < VERSION]
    if outdated:
        analysis = await _analysis(client)
        await asyncio.gather(
            *(client.put_template(name, _template(name, templates[name], analysis)) for name in outdated)
        )
    await _create_missing(client, names, list(kinds))
    await _widen(client, names, templates)


async def _create_missing(client: ElasticClient, names: Names, aliases: list[str]) -> None:
    """All at once: the server takes them together, one by one they took half a minute on a busy machine."""
    there = await client.aliases(f"{names.prefix}-*")
    await asyncio.gather(*(_create(client, names, alias) for alias in aliases if alias not in there))


async def _create(client: ElasticClient, names: Names, alias: str) -> None:
    try:
        await client.create_index(names.first_index(alias), {}, {alias: {"is_write_index": True}})
    except AlreadyThere:
        logger.debug("another service created %s", alias)


async def _widen(client: ElasticClient, names: Names, kinds: dict[str, Mapping]) -> None:
    """Gives indexes of an earlier version the fields that came since."""
    versions = await client.mapping_versions(f"{names.prefix}-*")
    for index, version in versions.items():
        if version < VERSION:
            kind = next(kind for kind in sorted(kinds, key=len, reverse=True) if index.startswith(f"{kind}-"))
            await client.put_mapping(index, kinds[kind])


def _template(name: str, mapping: Mapping, analysis: Mapping) -> Mapping:
    return {
        "index_patterns": [f"{name}-*"],
        "version": VERSION,
        "priority": 200,  # above templates that somebody may have for all indexes
        "template": {"settings": {"index": {**_SETTINGS, "analysis": analysis}}, "mappings": mapping},
    }


async def _analysis(client: ElasticClient) -> Mapping:
    """How words are found: without accents, where the server can tell a letter without its accent."""
    if await client.can_analyze("standard", _FOLDS):
        return {"analyzer": {"words": {"tokenizer": "standard", "filter": _FOLDS}}}
    logger.warning("the search server lacks the analysis-common module: full text tells é from e")
    return {"analyzer": {"words": {"type": "standard"}}}
