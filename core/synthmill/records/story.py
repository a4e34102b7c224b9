"""One record, or one reject, with everything that led to it: seed, prompts as rendered, calls, failed attempts."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from synthmill.catalog.recipes import RecipeDocument, recipes_of
from synthmill.jobs.revise import recipe_of
from synthmill.ports.records import Collection, Document, Place, Query, RecordStore
from synthmill.recipes.compile import recompile
from synthmill.recipes.templates import RenderFailed, Templates
from synthmill_schemas.job import JobDocument
from synthmill_schemas.recipe import LlmColumn, Recipe

_MOST_ATTEMPTS = 1_000  # max_attempts x max_rounds may be more; nobody reads them one by one


@dataclass(frozen=True, slots=True)
class Prompts:
    """What the model was asked for this slot, by column, and the recipe's standing instruction."""

    columns: Mapping[str, str]
    system: str | None


@dataclass(frozen=True, slots=True)
class Spent:
    """A slot's share of tokens and cost, its failed attempts included; cost is none when one of them is unknown."""

    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class Story:
    """A slot as it stands and how it came to that; `rejects` and `calls` in the order in which they happened."""

    slot: Document
    seed: Document | None
    prompts: Prompts | None
    rejects: Sequence[Document]
    calls: Sequence[Document]
    spent: Spent


async def story(store: RecordStore, job: JobDocument, slot: Document) -> Story:
    """Everything that led to this slot of the job, accepted or not."""
    rejects = await _rejects(store, job, slot["record_id"])
    calls = await _calls(store, job, [_call_id(slot), *(reject["call_id"] for reject in rejects)])
    prompts = await _prompts(store, job, slot)
    return Story(slot, await seed_of(store, job, slot), prompts, rejects, calls, _spent(slot, rejects))


async def seed_of(store: RecordStore, job: JobDocument, slot: Document) -> Document | None:
    """The row or chunk that the slot was made from; None where the recipe reads none, or it was deleted."""
    sets = [source.seed_set for source in job.sources if source.seed_set is not None]
    if slot["seed_id"] is None or not sets:
        return None
    place = Place(job.tenant, Collection.INPUTS)
    await store.visible(place)
    page = await store.search(place, Query({"seed_id": slot["seed_id"], "seed_set": sets}, limit=1))
    return page.hits[0].document if page.hits else None


async def find_reject(store: RecordStore, job: JobDocument, reject_id: str) -> Document | None:
    """A failed attempt of the job, or a row that it left out."""
    stored = await store.get(Place(job.tenant, Collection.REJECTS), reject_id)
    return None if stored is None or stored.document["job_id"] != job.job_id else stored.document


async def find_slot(store: RecordStore, job: JobDocument, record_id: str) -> Document | None:
    """The slot's document, whatever came of it; None while nothing did."""
    stored = await store.get(Place(job.tenant, Collection.SLOTS, job.dataset), record_id)
    return None if stored is None or stored.document["job_id"] != job.job_id else stored.document


async def _rejects(store: RecordStore, job: JobDocument, record_id: str) -> list[Document]:
    place = Place(job.tenant, Collection.REJECTS)
    await store.visible(place)
    where = {"job_id": job.job_id, "record_id": record_id}
    page = await store.search(place, Query(where, sort="at", limit=_MOST_ATTEMPTS))
    return [hit.document for hit in page.hits]


def _call_id(slot: Document) -> str | None:
    call_id: str | None = (slot["provenance"] or {}).get("call_id")
    return call_id


async def _calls(store: RecordStore, job: JobDocument, ids: Sequence[str | None]) -> list[Document]:
    wanted = list(dict.fromkeys(id_ for id_ in ids if id_ is not None))
    found = await store.get_many(Place(job.tenant, Collection.CALLS), wanted) if wanted else []
    calls = [stored.document for stored in found if stored is not None and stored.document["job_id"] == job.job_id]
    return sorted(calls, key=lambda call: str(call["at"]))


async def _prompts(store: RecordStore, job: JobDocument, slot: Document) -> Prompts | None:
    """Rendered again from the recipe that the record names: templates give the same text in both languages.

    None when that recipe is not kept any more, or the slot was given up before it had attributes.
    """
    provenance = slot["provenance"]
    recipe = await _recipe(store, job, provenance["recipe_hash"]) if provenance else recipe_of(job, slot["round"])
    if recipe is None:
        return None
    templates = {column.name: column.prompt for column in recipe.columns if isinstance(column, LlmColumn)}
    try:
        rendered = await asyncio.to_thread(_rendered, templates, slot["attributes"])
    except RenderFailed:
        return None
    return Prompts(rendered, recipe.model.system if recipe.model and templates else None)


def _rendered(templates: Mapping[str, str], attributes: Document) -> dict[str, str]:
    compiled = Templates(templates)
    return {name: compiled.render(name, attributes) for name in templates}


async def _recipe(store: RecordStore, job: JobDocument, recipe_hash: str) -> Recipe | None:
    if recipe_hash in (job.recipe_hash, recompile(job.recipe).recipe_hash):
        return job.recipe
    for revision in job.revisions:
        if revision.recipe_hash == recipe_hash:
            return recipe_of(job, revision.from_round)
    place = recipes_of(job.tenant)
    await store.visible(place)
    page = await store.search(place, Query({"recipe_hash": recipe_hash, "name": job.dataset}, limit=1))
    return RecipeDocument.model_validate(page.hits[0].document).recipe if page.hits else None


def _spent(slot: Document, rejects: Sequence[Document]) -> Spent:
    paid = [*rejects, *([slot["provenance"]] if slot["provenance"] else [])]
    costs = [each["cost_usd"] for each in paid if each["prompt_tokens"] or each["completion_tokens"]]
    return Spent(
        sum(each["prompt_tokens"] for each in paid),
        sum(each["completion_tokens"] for each in paid),
        sum(costs) if None not in costs else None,
    )
