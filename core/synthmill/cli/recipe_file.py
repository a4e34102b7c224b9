"""A recipe as a command means it: the file, with what the command line sets over it."""

from pathlib import Path

from synthmill.errors import UserError
from synthmill.recipes import CompiledRecipe, Overrides, load_recipe, recompile
from synthmill_schemas.recipe import CategorySampler, Recipe, SamplerColumn


def compiled_recipe(
    path: Path,
    *,
    records: int | None = None,
    model: str | None = None,
    base_url: str | None = None,
    dataset: str | None = None,
) -> CompiledRecipe:
    """Compiles the file; raises `RecipeInvalid` with all faults."""
    compiled = load_recipe(path, Overrides(records=records, route=model, base_url=base_url))
    return compiled if dataset is None else recompile(compiled.recipe.model_copy(update={"name": dataset}))


def of_size(recipe: Recipe, records: int) -> CompiledRecipe:
    """The same recipe for a few records; quotas that need more of them become plain weights."""
    target = recipe.target.model_copy(update={"records": records})
    columns = [_without_quota(column) if isinstance(column, SamplerColumn) else column for column in recipe.columns]
    return recompile(recipe.model_copy(update={"target": target, "columns": columns}))


def require_inputs(compiled: CompiledRecipe, inputs: tuple[Path, ...]) -> None:
    """Refuses a recipe without its input, and an input that nothing would read."""
    fields = ", ".join(compiled.source_fields.values())
    if compiled.needs_input and not inputs:
        raise UserError(f"recipe {compiled.recipe.name} reads {fields} from an input; name a file with --input")
    if inputs and not compiled.needs_input:
        raise UserError(f"recipe {compiled.recipe.name} has no source column, so it reads no input; leave --input out")


def _without_quota(column: SamplerColumn) -> SamplerColumn:
    sampler = column.sampler
    if not isinstance(sampler, CategorySampler) or sampler.quota == "none":
        return column
    return column.model_copy(update={"sampler": sampler.model_copy(update={"quota": "none"})})
