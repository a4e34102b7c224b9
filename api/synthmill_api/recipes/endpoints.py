"""`/v1/recipes`: check, store, list and read recipes."""

from typing import Annotated, Any

import fastapi
from fastapi import Path, Query, Response

from synthmill.catalog.recipes import RecipeDocument
from synthmill_api.auth.guard import Body, guarded, guarded_router
from synthmill_api.auth.scopes import Scope
from synthmill_api.dependencies import CallerHere, ConfigHere, ServicesHere
from synthmill_api.errors import Code
from synthmill_api.kit.pages import Listing, PagingHere
from synthmill_api.recipes import service
from synthmill_api.recipes.service import Outcome, RecipeReference
from synthmill_api.recipes.views import CheckedRecipe, RecipeDifference, RecipeVersion, StoredRecipe

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
_MOST = 1_000_000_000  # versions
_COMPARED = (Code.NOT_FOUND, Code.RECIPE_INVALID)
_TEXT = "A recipe, as `synthmill schema` describes it."

RecipeBody = Annotated[dict[str, Any], fastapi.Body(description=_TEXT, openapi_examples={"copy": {"value": EXAMPLE}})]
RecipeName = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]


@router.post(
    "/recipes/validate",
    operation_id="validate_recipe",
    **guarded(Scope.RECIPES_READ, Code.RECIPE_INVALID, body=Body.JSON),
)
async def validate_recipe(config: ConfigHere, recipe: RecipeBody) -> CheckedRecipe:
    """Check a recipe without storing it; all its faults at once, each with its place; without faults its warnings."""
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
    services: ServicesHere, caller: CallerHere, name: RecipeName, version: Annotated[int, Path(ge=1, le=_MOST)]
) -> StoredRecipe:
    """Read one version of a recipe."""
    return StoredRecipe.of(await service.get(services, caller.tenant, RecipeReference(name, version)))


@router.get(
    "/recipes/{name}/versions", operation_id="list_recipe_versions", **guarded(Scope.RECIPES_READ, Code.NOT_FOUND)
)
async def list_recipe_versions(
    services: ServicesHere, caller: CallerHere, name: RecipeName, paging: PagingHere
) -> Listing[RecipeVersion]:
    """List the versions of one recipe, the newest first."""
    page = await service.versions(services, caller.tenant, name, paging.limit, paging.cursor)
    items = [RecipeVersion.of(RecipeDocument.model_validate(hit.document)) for hit in page.hits]
    return Listing(items=items, total=page.total, cursor=page.cursor)


@router.get("/recipes/{name}/diff", operation_id="compare_recipe_versions", **guarded(Scope.RECIPES_READ, *_COMPARED))
async def compare_recipe_versions(
    services: ServicesHere,
    caller: CallerHere,
    name: RecipeName,
    before: Annotated[int | None, Query(alias="from", ge=1, le=_MOST, description="default: the one before")] = None,
    after: Annotated[int | None, Query(alias="to", ge=1, le=_MOST, description="default: the last version")] = None,
) -> RecipeDifference:
    """Compare two versions: every place that changed, and what that means for records and their fields."""
    return RecipeDifference.of(await service.compared(services, caller.tenant, name, before, after))


@router.delete(
    "/recipes/{name}",
    operation_id="delete_recipe",
    status_code=204,
    **guarded(Scope.RECIPES_WRITE, Code.NOT_FOUND),
)
async def delete_recipe(services: ServicesHere, caller: CallerHere, name: RecipeName) -> None:
    """Delete a recipe with all versions. Jobs have copies; a schedule that names it fails at its next run."""
    await service.delete(services, caller.tenant, name)
