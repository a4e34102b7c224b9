"""Another model or other prompts for the rounds to come (decision 0022): checked as a recipe is, noted, applied."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from synthmill.recipes import CompiledRecipe, recompile
from synthmill.recipes.errors import Fault, RecipeInvalid
from synthmill_schemas.job import JobDocument, Revision
from synthmill_schemas.recipe import LlmColumn, Model, Recipe


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be different; `model` as a recipe has it, `prompts` by llm column. Nothing: go on as before."""

    model: Model | None = None
    prompts: Mapping[str, str] = field(default_factory=dict)

    @property
    def nothing(self) -> bool:
        """Whether all stays as it is."""
        return self.model is None and not self.prompts


NO_CHANGE = Change()


def rerouted(job: JobDocument, route: str | None, base_url: str | None, prompts: Mapping[str, str]) -> Change:
    """The change that a command line says: of the model only its route and address, the rest stays."""
    said = {name: value for name, value in (("route", route), ("base_url", base_url)) if value is not None}
    model = recipe_of(job).model
    return Change(model.model_copy(update=said) if model is not None and said else None, dict(prompts))


def recipe_of(job: JobDocument, round_: int | None = None) -> Recipe:
    """The recipe by which a round of the job is made, by default the present one."""
    revision = revision_of(job, job.round if round_ is None else round_)
    return job.recipe if revision is None else _with(job.recipe, Change(revision.model, revision.prompts))


def revision_of(job: JobDocument, round_: int) -> Revision | None:
    """The revision that counts in a round; None: the recipe as it was ordered."""
    past = [revision for revision in job.revisions if revision.from_round <= round_]
    return past[-1] if past else None


def is_in_force(job: JobDocument, change: Change) -> bool:
    """Whether the job's present round is made with the change."""
    return recipe_of(job) == _with(job.recipe, _on_top(job, change))


def revised(job: JobDocument, change: Change) -> CompiledRecipe:
    """The job's recipe with the change, and with what was changed before; `RecipeInvalid` with all faults, by path."""
    whole = _on_top(job, change)
    faults = list(_unknown(job.recipe, change))
    try:
        compiled = recompile(_with(job.recipe, whole))
    except RecipeInvalid as invalid:
        raise RecipeInvalid(
            [*faults, *(_placed(job.recipe, fault) for fault in invalid.faults)], "the change"
        ) from invalid
    if faults:
        raise RecipeInvalid(faults, "the change")
    return compiled


def revision(job: JobDocument, change: Change, compiled: CompiledRecipe, *, from_round: int, by: str) -> Revision:
    """How the change is noted in the job."""
    whole = _on_top(job, change)
    return Revision(
        from_round=from_round,
        model=whole.model,
        prompts=dict(whole.prompts),
        recipe_hash=compiled.recipe_hash,
        by=by,
    )


def _on_top(job: JobDocument, change: Change) -> Change:
    """Each revision stands for itself: it holds what the one before changed as well."""
    last = job.revisions[-1] if job.revisions else None
    if last is None:
        return change
    return Change(change.model or last.model, {**last.prompts, **change.prompts})


def _with(recipe: Recipe, change: Change) -> Recipe:
    columns = [
        column.model_copy(update={"prompt": change.prompts[column.name]})
        if isinstance(column, LlmColumn) and column.name in change.prompts
        else column
        for column in recipe.columns
    ]
    return recipe.model_copy(update={"columns": columns, "model": change.model or recipe.model})


def _unknown(recipe: Recipe, change: Change) -> Iterator[Fault]:
    written = [column.name for column in recipe.columns if isinstance(column, LlmColumn)]
    told = ", ".join(written)
    if not written:
        yield Fault("", "the recipe has no llm column: there is nothing that a model writes", "Retry without a change.")
        return
    for name in change.prompts:
        if name not in written:
            yield Fault(f"prompts.{name}", "the recipe has no llm column of this name", f"The model writes {told}.")


def _placed(recipe: Recipe, fault: Fault) -> Fault:
    """Prompts are told by their column's name, as the change has them."""
    for index, column in enumerate(recipe.columns):
        if fault.path == f"columns[{index}].prompt":
            return Fault(f"prompts.{column.name}", fault.message, fault.hint)
    return Fault(fault.path, fault.message, fault.hint)
