"""`synthmill run --server URL`: the recipe is checked here, the dataset is made there, its records come here."""

from pathlib import Path

import click

from synthmill.cli import consoles, options
from synthmill.cli.recipe_file import compiled_recipe, require_inputs
from synthmill.cli.remote.server import client, followed
from synthmill.cli.session import check_out, default_out


@click.command("run")
@options.recipe_argument
@options.inputs_option
@options.records_option
@options.model_option
@options.base_url_option
@options.out_option
@options.dataset_option
@click.option("--key", metavar="TEXT", help="running it again with the same one repeats nothing")
@options.json_option
def run_command(
    recipe: Path,
    inputs: tuple[Path, ...],
    records: int | None,
    model: str | None,
    base_url: str | None,
    out: Path | None,
    dataset: str | None,
    key: str | None,
    as_json: bool,
) -> int:
    """Make the dataset on a server, and fetch its records as JSONL. Ctrl-C ends the looking on, and nothing else."""
    compiled = compiled_recipe(recipe, records=records, model=model, base_url=base_url, dataset=dataset)
    require_inputs(compiled, inputs)
    check_out(out)
    with client() as api:
        sources = [api.upload(path).id for path in inputs]
        wanted = compiled.recipe.model_dump(mode="json", exclude_none=True)
        job = api.create_job(recipe=wanted, sources=sources, key=key)
        consoles.err().print(f"job {job.id}")
        return followed(api, job.id, out or default_out(job.dataset, job.id), as_json=as_json)
