"""Stored recipes: each version a document that never changes."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from synthmill.ports.records import Collection, Place, Query, RecordStore, Write
from synthmill_schemas.base import DEFAULT_TENANT, Contract, Name, Sha256, now
from synthmill_schemas.recipe import Recipe


class RecipeDocument(Contract):
    """`_id` is `recipe_id(name, recipe_version)`; never changed."""

    version: Literal[1] = 1
    tenant: Name = DEFAULT_TENANT
    name: Name
    recipe_version: int = Field(ge=1)
    recipe_hash: Sha256
    recipe: Recipe
    created_at: datetime = Field(default_factory=now)


def recipe_id(name: str, version: int) -> str:
    """The id of a version; a name cannot hold the `@`."""
    return f"{name}@{version}"


def recipes_of(tenant: str) -> Place:
    """Where a tenant's recipes are."""
    return Place(tenant, Collection.RECIPES)


async def find_recipe(store: RecordStore, tenant: str, name: str, version: int | None = None) -> RecipeDocument | None:
    """A stored version, by default the last one; None when there is none."""
    place = recipes_of(tenant)
    if version is not None:
        stored = await store.get(place, recipe_id(name, version))
        return None if stored is None else RecipeDocument.model_validate(stored.document)
    await store.visible(place)
    found = await store.search(place, Query({"name": name}, sort="-recipe_version", limit=1))
    return RecipeDocument.model_validate(found.hits[0].document) if found.hits else None


async def last_number(store: RecordStore, tenant: str, name: str) -> int:
    """The highest number that a version ever had, deleted ones included: it never means another content."""
    last = await find_recipe(store, tenant, name)
    if last is not None:
        return last.recipe_version
    note = await store.get(_notes_of(tenant), _note_id(name))
    return 0 if note is None else int(note.document["last"])


async def delete_recipe(store: RecordStore, tenant: str, name: str) -> int:
    """Deletes all versions; answers how many there were. Jobs have copies of their own."""
    place = recipes_of(tenant)
    await store.visible(place)
    versions = {hit.id: int(hit.document["recipe_version"]) async for hit in store.scan(place, {"name": name})}
    if versions:
        note = {"version": 1, "tenant": tenant, "kind": "deleted_recipe", "name": name, "last": max(versions.values())}
        await store.bulk([Write(_notes_of(tenant), _note_id(name), note)])
        await store.delete(place, list(versions))
    return len(versions)


def _notes_of(tenant: str) -> Place:
    return Place(tenant, Collection.REPORTS)


def _note_id(name: str) -> str:
    return f"deleted-recipe-{name}"
