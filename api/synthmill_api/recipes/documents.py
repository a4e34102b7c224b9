"""A version of a recipe as it is stored."""

from datetime import datetime
from typing import Literal

from pydantic import Field

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
