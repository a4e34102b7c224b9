"""How recipes, their versions and what changed between them are shown."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from synthmill.catalog.recipes import RecipeDocument
from synthmill.recipes import CompiledRecipe
from synthmill.recipes.cautions import cautions
from synthmill.recipes.difference import ChangeKind, Mapped
from synthmill_api.errors import FaultItem
from synthmill_api.recipes.service import Compared
from synthmill_schemas.recipe import Recipe


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
    warnings: list[FaultItem] = Field(description="no faults, and perhaps not what is wanted")

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
            warnings=[FaultItem(path=each.path, message=each.message, hint=each.hint) for each in cautions(compiled)],
        )


def _common(document: RecipeDocument) -> dict[str, Any]:
    return {
        "name": document.name,
        "version": document.recipe_version,
        "recipe_hash": document.recipe_hash,
        "description": document.recipe.description,
        "created_at": document.created_at,
    }


_CHANGE: JsonDict = {
    "path": "columns[tone].sampler.values",
    "kind": "changed",
    "before": ["dry"],
    "after": ["dry", "warm"],
    "other_records": True,
    "mapping": "same",
}


class RecipeChange(BaseModel):
    """One place that two versions have different."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CHANGE]})

    path: str = Field(description="columns by name, e.g. columns[title].field; `columns`: their order")
    kind: ChangeKind
    before: Any = Field(description="none: it was not there")
    after: Any = Field(description="none: it is gone")
    other_records: bool = Field(description="whether the same seeds give other records now")
    mapping: Mapped = Field(description="same; additive: more fields to search by; new: records get another index")


class RecipeDifference(BaseModel):
    """What changed from one version to another."""

    name: str
    before: int = Field(description="version")
    after: int = Field(description="version")
    same_records: bool = Field(description="whether both make the same records of the same seeds")
    mapping: Mapped = Field(description="of all changes together")
    changes: list[RecipeChange]

    @classmethod
    def of(cls, compared: Compared) -> "RecipeDifference":
        """What a client sees."""
        found = compared.difference
        return cls(
            name=compared.after.name,
            before=compared.before.recipe_version,
            after=compared.after.recipe_version,
            same_records=found.same_records,
            mapping=found.mapping,
            changes=[
                RecipeChange(
                    path=change.path,
                    kind=change.kind,
                    before=change.before,
                    after=change.after,
                    other_records=change.other_records,
                    mapping=change.mapping,
                )
                for change in found.changes
            ],
        )
