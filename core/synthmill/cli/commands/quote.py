"""`synthmill quote`: a few real records in a folder that is gone afterwards, and what the whole would take by them."""

import asyncio
import tempfile
from pathlib import Path

import click

from synthmill.cli import options


@click.command("quote")
@options.recipe_argument
@options.inputs_option
@click.option("--records", "-n", type=click.IntRange(min=1), metavar="N", help="of the whole; default: the recipe's")
@click.option(
    "--slots", "-k", default=10, show_default=True, type=click.IntRange(2, 100), help="how many slots are made"
)
@options.model_option
@options.base_url_option
@options.json_option
def quote_command(
    recipe: Path,
    inputs: tuple[Path, ...],
    records: int | None,
    slots: int,
    model: str | None,
    base_url: str | None,
    as_json: bool,
) -> int:
    """Tell tokens, cost, time and acceptance of the whole dataset, each with its 95 % interval.

    The model is really called, and paid. Nothing stays behind: no job, no files. Over HTTP: POST /v1/quotes.
    """
    from synthmill.cli.environment import load_settings
    from synthmill.cli.quoting import quoted, tell
    from synthmill.cli.recipe_file import compiled_recipe, require_inputs
    from synthmill.jobs.order import input_file
    from synthmill.settings import Profile

    compiled = compiled_recipe(recipe, records=records, model=model, base_url=base_url)
    require_inputs(compiled, inputs)
    files = [input_file(path) for path in inputs]
    with tempfile.TemporaryDirectory(prefix="synthmill-quote-") as folder:
        settings = load_settings().model_copy(update={"home": Path(folder), "profile": Profile.EMBEDDED})
        quote = asyncio.run(quoted(settings, compiled, files, slots))
    return tell(quote, as_json=as_json)
