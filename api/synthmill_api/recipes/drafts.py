"""`POST /v1/recipes/draft`: a recipe to begin with, drawn from a source."""

import asyncio
import re
from pathlib import Path
from typing import Annotated, Any

import fastapi
from pydantic import BaseModel, ConfigDict, Field

from synthmill.catalog.looking import inspect
from synthmill.drafting.starter import hints, starter_recipe
from synthmill.errors import InputUnusable
from synthmill.inputs.look.found import Found
from synthmill.recipes.reading import read_yaml
from synthmill_api.auth.guard import Body, guarded, guarded_router
from synthmill_api.auth.scopes import Scope
from synthmill_api.config import ApiConfig
from synthmill_api.dependencies import CallerHere, ConfigHere, ServicesHere
from synthmill_api.errors import Code
from synthmill_api.recipes import service
from synthmill_api.recipes.views import CheckedRecipe
from synthmill_api.sources import service as sources
from synthmill_schemas.base import Name

router = guarded_router("recipes")

_SAMPLE_ROWS = 1_000
_NAME = re.compile(r"^name: \S+", re.MULTILINE)
_EXAMPLE = {"from source": {"value": {"source": "src_0d9c3d4b6d5b4a7f9a55e1f20b1c7a11", "name": "product_questions"}}}


class DraftOrder(BaseModel):
    """What to draw a recipe from."""

    model_config = ConfigDict(extra="forbid")

    source: str = Field(max_length=64, pattern=r"^[A-Za-z0-9_-]+$", description="id of a source")
    name: Name | None = Field(None, description="of the dataset; default: made of the file's name")


class RecipeDraft(BaseModel):
    """A recipe that validates and runs; everything in it is a guess."""

    recipe: dict[str, Any] = Field(description="as POST /v1/recipes and /v1/jobs take it")
    yaml: str = Field(description="the same with comments that say what can be changed")
    hints: list[str] = Field(description="what was guessed, and what to look at first")
    checked: CheckedRecipe


@router.post(
    "/recipes/draft",
    operation_id="draft_recipe",
    **guarded(
        Scope.SOURCES_READ,
        Code.NOT_FOUND,
        Code.SOURCE_GONE,
        Code.INPUT_UNUSABLE,
        Code.RECIPE_INVALID,
        Code.OBJECT_STORE_UNAVAILABLE,
        body=Body.JSON,
    ),
)
async def draft_recipe(
    services: ServicesHere,
    config: ConfigHere,
    caller: CallerHere,
    order: Annotated[DraftOrder, fastapi.Body(openapi_examples=_EXAMPLE)],
) -> RecipeDraft:
    """Draft a recipe from a source's columns; nothing is stored."""
    source = await sources.get(services, caller.tenant, order.source)
    found = (await inspect(services, source, 0, _SAMPLE_ROWS)).found
    return await _draft(source.name, order.name, found, config)


async def _draft(file: str, name: str | None, found: Found, config: ApiConfig) -> RecipeDraft:
    if not found.looked_at:
        raise InputUnusable(f"{file}: none of its first rows can be used")
    fields = [column.profile() for column in found.columns]
    text = starter_recipe(Path(file), "recipe.yaml", found.kind, fields, found.looked_at)
    if name is not None:
        text = _NAME.sub(f"name: {name}", text, count=1)
    data = (await asyncio.to_thread(read_yaml, text)).data
    assert isinstance(data, dict)
    checked = CheckedRecipe.of(await service.compiled(data, config))
    told = hints(found.kind, fields, found.looked_at)
    return RecipeDraft(recipe=data, yaml=text, hints=told, checked=checked)
