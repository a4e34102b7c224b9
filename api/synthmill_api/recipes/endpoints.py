"""`/v1/recipes`: check, store, list and read recipes."""

from datetime import datetime
from typing import Annotated, Any

import fastapi
from fastapi import Path, Query, Response
from pydantic import BaseModel, Field

from synthmill.catalog.recipes import RecipeDocument
from synthmill.recipes import CompiledRecipe
from synthmill_api.auth.guard import Body, guarded, guarded_router
from synthmill_api.auth.scopes import Scope
from synthmill_api.dependencies import CallerHere, ConfigHere, ServicesHere
from synthmill_api.errors import Code
from synthmill_api.kit.pages import Listing, PagingHere
from synthmill_api.recipes import service
from synthmill_api.recipes.service import Outcome, RecipeReference
from synthmill_schemas.recipe import Recipe

router = guarded_router("recipes")

EXAMPLE: dict[str, Any] = {
    "version": 1,
    "name": "product_copy",
    "target": {"records": 100},
    "model": {"route": "offline/fake-1"},
    "columns": [
        {"name": "title", "kind": "source"},
        {"name": "tone", "kind": "sampler", "sampler": {"type": "category", "values": ["dry", "warm"]}},
        {"name": "copy", "kind": "llm", "prompt": "Two {{ tone }} sentences about {{ title }}."},
    ],
}
_TEXT = "A recipe, as `synthmill schema` describes it."

RecipeBody = Annotated[dict[str, Any], fastapi.Body(description=_TEXT, openapi_examples={"copy": {"value": EXAMPLE}})]
RecipeName = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]


class RecipeVersion(BaseModel):
    """A stored version, without its content."""

    name: str
    version: int
    recipe_hash: str = Field(description="equal for recipes that make the same dataset")
    description: str | None
    created_at: datetime

    @classmethod
    def of(cls, document: RecipeDocument) -> "RecipeVersion":
        """What a list shows."""
        return cls(**_common(document))


class StoredRecipe(RecipeVersion):
    """A stored version."""

    recipe: Recipe

    @classmethod
    def of(cls, document: RecipeDocument) -> "StoredRecipe":
        """All there is."""
        return cls(**_common(document), recipe=document.recipe)


class CheckedRecipe(BaseModel):
    """What a recipe without faults comes to."""

    name: str
    recipe_hash: str
    needs_input: bool = Field(description="whether a job needs sources or rows")
    input_fields: list[str] = Field(description="fields that sources must have")
    columns: list[str] = Field(description="of a record, in order")
    record_schema: dict[str, Any] = Field(description="JSON Schema of a record")

    @classmethod
    def of(cls, compiled: CompiledRecipe) -> "CheckedRecipe":
        """From the compiler's result."""
        return cls(
            name=compiled.recipe.name,
            recipe_hash=compiled.recipe_hash,
            needs_input=compiled.needs_input,
            input_fields=sorted(set(compiled.source_fields.values())),
            columns=list(compiled.output),
            record_schema=compiled.record_schema,
        )


def _common(document: RecipeDocument) -> dict[str, Any]:
    return {
        "name": document.name,
        "version": document.recipe_version,
        "recipe_hash": document.recipe_hash,
        "description": document.recipe.description,
        "created_at": document.created_at,
    }


@router.post(
    "/recipes/validate",
    operation_id="validate_recipe",
    **guarded(Scope.RECIPES_READ, Code.RECIPE_INVALID, body=Body.JSON),
)
async def validate_recipe(config: ConfigHere, recipe: RecipeBody) -> CheckedRecipe:
    """Check a recipe; all its faults at once, each with its place and what to do."""
    return CheckedRecipe.of(await service.compiled(recipe, config))


@router.post(
    "/recipes",
    operation_id="store_recipe",
    status_code=201,
    **guarded(
        Scope.RECIPES_WRITE,
        Code.RECIPE_INVALID,
        Code.STORAGE_FULL,
        body=Body.JSON,
        answers={200: {"model": StoredRecipe, "description": "The last version says the same"}},
    ),
)
async def store_recipe(
    response: Response, services: ServicesHere, config: ConfigHere, caller: CallerHere, recipe: RecipeBody
) -> StoredRecipe:
    """Store a recipe under its name, as the next version."""
    compiled = await service.compiled(recipe, config)
    document, outcome = await service.store(services, caller.tenant, compiled)
    response.status_code = 201 if outcome is Outcome.NEW else 200
    response.headers["Location"] = f"/v1/recipes/{document.name}/versions/{document.recipe_version}"
    return StoredRecipe.of(document)


@router.get("/recipes", operation_id="list_recipes", **guarded(Scope.RECIPES_READ))
async def list_recipes(
    services: ServicesHere,
    caller: CallerHere,
    paging: PagingHere,
    name: Annotated[str | None, Query(max_length=63, description="only versions of this recipe")] = None,
) -> Listing[RecipeVersion]:
    """List versions, the newest first."""
    page = await service.page(services, caller.tenant, name, paging.limit, paging.cursor)
    items = [RecipeVersion.of(RecipeDocument.model_validate(hit.document)) for hit in page.hits]
    return Listing(items=items, total=page.total, cursor=page.cursor)


@router.get("/recipes/{name}", operation_id="get_recipe", **guarded(Scope.RECIPES_READ, Code.NOT_FOUND))
async def get_recipe(services: ServicesHere, caller: CallerHere, name: RecipeName) -> StoredRecipe:
    """Read a recipe's last version."""
    return StoredRecipe.of(await service.get(services, caller.tenant, RecipeReference(name)))


@router.get(
    "/recipes/{name}/versions/{version}",
    operation_id="get_recipe_version",
    **guarded(Scope.RECIPES_READ, Code.NOT_FOUND),
)
async def get_recipe_version(
    services: ServicesHere, caller: CallerHere, name: RecipeName, version: Annotated[int, Path(ge=1, le=1_000_000_000)]
) -> StoredRecipe:
    """Read one version of a recipe."""
    return StoredRecipe.of(await service.get(services, caller.tenant, RecipeReference(name, version)))
