"""`synthmill run`: a dataset from a recipe and its inputs, from compile to files."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from synthmill.cli import options

if TYPE_CHECKING:
    from synthmill_schemas.budget import Budget


@click.command("run")
@options.recipe_argument
@options.inputs_option
@options.records_option
@options.model_option
@options.base_url_option
@options.out_option
@options.dataset_option
@options.job_id_option
@options.caps_options
@options.direct_option
@options.json_option
def run_command(
    recipe: Path,
    inputs: tuple[Path, ...],
    records: int | None,
    model: str | None,
    base_url: str | None,
    out: Path | None,
    dataset: str | None,
    job_id: str | None,
    caps: "Budget",
    direct: bool,
    as_json: bool,
) -> int:
    """Make the dataset: exactly N records, or a plain account of what is missing and why.

    Stop it with Ctrl-C at any time; `synthmill resume` goes on, and what is there is not paid again. On the stack
    profile the running services do the work: nothing is started here, and Ctrl-C ends the looking on alone. What the
    gate blocks is kept and not released; the exit code is 1 then.
    """
    from synthmill.cli.environment import load_settings
    from synthmill.cli.recipe_file import compiled_recipe, require_inputs
    from synthmill.cli.session import Wishes, check_out, default_out, session
    from synthmill.jobs.order import JobOrder, input_file, new_job_id
    from synthmill.jobs.submit import submit
    from synthmill.services import Services
    from synthmill_schemas.job import JobDocument

    compiled = compiled_recipe(recipe, records=records, model=model, base_url=base_url, dataset=dataset)
    require_inputs(compiled, inputs)
    files = [input_file(path) for path in inputs]
    check_out(out)
    settings = load_settings()
    job = job_id or new_job_id()
    folder = (out or default_out(compiled.recipe.name, job)).absolute()
    order = JobOrder(settings.tenant, job, compiled, files, labels={"out": str(folder)}, caps=caps)

    async def begin(services: Services) -> JobDocument:
        return await submit(services, order)

    return asyncio.run(session(settings, begin, Wishes(out, direct=direct, json=as_json)))
