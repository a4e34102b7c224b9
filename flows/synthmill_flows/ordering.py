"""From a run's parameters to a job's order: recipe and inputs by name, id or path."""

import asyncio
from pathlib import Path

from synthmill.catalog.recipes import find_recipe
from synthmill.catalog.sources import find_source, source_file
from synthmill.errors import InputUnusable, UserError
from synthmill.jobs.order import InputFile, JobOrder, input_file
from synthmill.recipes import CompiledRecipe, Overrides, compile_recipe, load_recipe
from synthmill.services import Services
from synthmill_flows.identity import Run
from synthmill_flows.parameters import GenerateParameters

_FILES = frozenset({".yaml", ".yml", ".json"})


async def order_of(services: Services, run: Run, wanted: GenerateParameters) -> JobOrder:
    """What `stage` takes; raises a `UserError` that says what cannot be found or used."""
    if not wanted.recipe:
        raise UserError(f"there is no job {run.job_id!r} for tenant {run.tenant!r}, and no recipe to make it from")
    recipe = await named_recipe(services, run.tenant, wanted.recipe, wanted.records)
    inputs = [await _input(services, run.tenant, name) for name in wanted.inputs]
    if recipe.needs_input and not inputs:
        fields = ", ".join(recipe.source_fields.values())
        raise InputUnusable(f"recipe {recipe.recipe.name} reads {fields} from an input: name one")
    return JobOrder(run.tenant, run.job_id, recipe, inputs, flow_run_id=run.flow_run_id)


async def named_recipe(services: Services, tenant: str, name: str, records: int | None = None) -> CompiledRecipe:
    """`name`, `name@version`, or a path: what holds a slash or ends like a recipe's file."""
    overrides = Overrides(records=records)
    if "/" in name or Path(name).suffix in _FILES:
        return await asyncio.to_thread(load_recipe, Path(name), overrides)
    stem, _, version = name.partition("@")
    if version and not version.isdecimal():
        raise UserError(f"{name!r} is no recipe: a version is a number, as in {stem}@1")
    stored = await find_recipe(services.store, tenant, stem, int(version) if version else None)
    if stored is None:
        raise UserError(f"there is no recipe {name!r} of tenant {tenant!r}; store it, or give the path of its file")
    return await asyncio.to_thread(compile_recipe, stored.recipe.model_dump(mode="json"), overrides, source=name)


async def _input(services: Services, tenant: str, name: str) -> InputFile:
    source = None if "/" in name else await find_source(services.store, tenant, name)
    if source is not None:
        return source_file(services, source)
    if "/" not in name and not Path(name).is_file():
        raise InputUnusable(f"there is no source {name!r} of tenant {tenant!r}, and no such file here")
    return input_file(Path(name))
