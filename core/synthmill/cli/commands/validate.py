"""`synthmill validate`: every fault of a recipe at once; with inputs also whether they have its columns."""

from pathlib import Path

import click

from synthmill.cli import consoles, options, words


@click.command("validate")
@options.recipe_argument
@options.inputs_option
def validate_command(recipe: Path, inputs: tuple[Path, ...]) -> None:
    """Check a recipe; with --input also that the files have the columns it reads."""
    from synthmill.cli.header import check_columns
    from synthmill.cli.recipe_file import compiled_recipe
    from synthmill.jobs.order import input_file

    compiled = compiled_recipe(recipe)
    for path in inputs:
        input_file(path)
        check_columns(compiled, path)
    columns = words.counted(len(compiled.recipe.columns), "column")
    target = compiled.recipe.target.records
    records = words.counted(target, "record") if target else f"{compiled.recipe.seeds.records_per_seed} per input row"
    files = f", {words.counted(len(inputs), 'input')} checked" if inputs else ""
    consoles.show(f"{recipe}: good. {compiled.recipe.name}, {columns}, {records}{files}.")
