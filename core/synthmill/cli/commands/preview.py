"""`synthmill preview`: a few real records in a folder that is gone afterwards, and what the whole would take."""

import asyncio
import tempfile
from pathlib import Path

import click

from synthmill.cli import options


@click.command("preview")
@options.recipe_argument
@options.inputs_option
@click.option(
    "--count", "-k", default=3, show_default=True, type=click.IntRange(1, 50), help="how many records to make"
)
@options.model_option
@options.base_url_option
@options.json_option
def preview_command(
    recipe: Path, inputs: tuple[Path, ...], count: int, model: str | None, base_url: str | None, as_json: bool
) -> int:
    """Make a few real records, show how each came about, and estimate the whole job.

    The model is really called, and paid. Nothing stays behind: no job, no files.
    """
    from synthmill.cli.environment import load_settings
    from synthmill.cli.preview.make import make
    from synthmill.cli.preview.show import report
    from synthmill.cli.recipe_file import compiled_recipe, require_inputs
    from synthmill.jobs.order import input_file
    from synthmill.settings import Profile

    compiled = compiled_recipe(recipe, model=model, base_url=base_url)
    require_inputs(compiled, inputs)
    files = [input_file(path) for path in inputs]
    with tempfile.TemporaryDirectory(prefix="synthmill-preview-") as folder:
        settings = load_settings().model_copy(update={"home": Path(folder), "profile": Profile.EMBEDDED})
        preview = asyncio.run(make(settings, compiled, files, count))
    return report(preview, as_json=as_json)
