"""Compiles and stores recipes; a change is a new version."""

import asyncio
from dataclasses import dataclass
from enum import StrEnum

from synthmill.catalog.recipes import RecipeDocument, delete_recipe, find_recipe, last_number, recipe_id, recipes_of
from synthmill.ports.records import Page, Query, Where, Write, WriteMode, WriteStatus
from synthmill.recipes import CompiledRecipe, Overrides, compile_recipe
from synthmill.recipes.difference import Difference, difference
from synthmill.services import Services
from synthmill_api.config import ApiConfig
from synthmill_api.errors import Code, Refused
from synthmill_api.recipes.policy import admitted
from synthmill_schemas.base import JsonObject


class Outcome(StrEnum):
    """What storing came to."""

    NEW = "new"
    EXISTING = "existing"  # the last version says the same


@dataclass(frozen=True, slots=True)
class RecipeReference:
    """A stored recipe; `version` None is the last one."""

    name: str
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """Two versions, and what changed from the one to the other."""

    before: RecipeDocument
    after: RecipeDocument
    difference: Difference


async def compiled(data: JsonObject, config: ApiConfig, overrides: Overrides | None = None) -> CompiledRecipe:
    """The recipe, checked; `RecipeInvalid` or `Refused` with all faults."""
    result = await asyncio.to_thread(compile_recipe, data, overrides or Overrides())
    return admitted(result, config)


async def store(services: Services, tenant: str, recipe: CompiledRecipe) -> tuple[RecipeDocument, Outcome]:
    """The stored version; a new one unless the last says the same."""
    name = recipe.recipe.name
    last = await find_recipe(services.store, tenant, name)
    if last is not None and last.recipe == recipe.recipe:
        return last, Outcome.EXISTING
    number = await last_number(services.store, tenant, name) + 1
    while True:
        document = RecipeDocument(
            tenant=tenant,
            name=name,
            recipe_version=number,
            recipe_hash=recipe.recipe_hash,
            recipe=recipe.recipe,
        )
        write = Write(recipes_of(tenant), recipe_id(name, number), document.model_dump(mode="json"), WriteMode.CREATE)
        (result,) = await services.store.bulk([write])
        if result.status is WriteStatus.STORED:
            return document, Outcome.NEW
        taken = await get(services, tenant, RecipeReference(name, number))  # somebody was faster
        if taken.recipe == recipe.recipe:
            return taken, Outcome.EXISTING
        number += 1


async def get(services: Services, tenant: str, reference: RecipeReference) -> RecipeDocument:
    """A stored version, or a 404."""
    document = await find_recipe(services.store, tenant, reference.name, reference.version)
    if document is None:
        version = "" if reference.version is None else f" version {reference.version}"
        raise Refused(Code.NOT_FOUND, f"there is no recipe {reference.name}{version}")
    return document


async def page(services: Services, tenant: str, name: str | None, limit: int, cursor: str | None) -> Page:
    """Versions, the newest first; of all recipes or of one."""
    where: Where = {} if name is None else {"name": name}
    await services.store.visible(recipes_of(tenant))
    return await services.store.search(recipes_of(tenant), Query(where, sort="-created_at", limit=limit, cursor=cursor))


async def versions(services: Services, tenant: str, name: str, limit: int, cursor: str | None) -> Page:
    """Versions of one recipe, the newest first; a 404 when there is none."""
    found = await page(services, tenant, name, limit, cursor)
    if not found.total:
        raise Refused(Code.NOT_FOUND, f"there is no recipe {name}")
    return found


async def compared(services: Services, tenant: str, name: str, before: int | None, after: int | None) -> Compared:
    """Two versions; by default the last one and the one before it."""
    new = await get(services, tenant, RecipeReference(name, after))
    number = max(1, new.recipe_version - 1) if before is None else before
    old = await get(services, tenant, RecipeReference(name, number))
    return Compared(old, new, await asyncio.to_thread(difference, old.recipe, new.recipe))


async def delete(services: Services, tenant: str, name: str) -> None:
    """All versions, or a 404."""
    if not await delete_recipe(services.store, tenant, name):
        raise Refused(Code.NOT_FOUND, f"there is no recipe {name}")
