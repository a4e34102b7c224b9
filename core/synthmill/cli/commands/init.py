"""`synthmill init`: a starter recipe drawn from a data file; it compiles and runs as it is."""

from pathlib import Path
from shlex import quote

import click

from synthmill.cli import consoles
from synthmill.errors import InputUnusable, UserError

_SAMPLE_ROWS = 1_000


@click.command("init")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--out", default="recipe.yaml", show_default=True, type=click.Path(path_type=Path), help="the recipe; - for stdout"
)
@click.option("--force", is_flag=True, help="replace the recipe if it is there")
def init_command(file: Path, out: Path, force: bool) -> None:
    """Write a commented starter recipe for FILE.

    A table gives a question and answer about each row, a text or Markdown file questions and answers from its passages.
    """
    from synthmill.jobs.order import input_file

    input_file(file)
    shown = "recipe.yaml" if str(out) == "-" else str(out)
    text = _recipe(file, shown)
    if str(out) == "-":
        click.echo(text, nl=False)
        return
    _write(out, text, force=force)
    consoles.show(f"{out} is written. Next:\n  synthmill preview {quote(str(out))} --input {quote(str(file))}")


def _recipe(file: Path, shown: str) -> str:
    from synthmill.cli.sample import first_rows, opened
    from synthmill.drafting.profile import profile
    from synthmill.drafting.starter import starter_recipe
    from synthmill.drafting.table import OUR_COLUMNS
    from synthmill_schemas.recipe import Chunking

    with opened(file, Chunking()) as extraction:
        rows = first_rows(extraction, _SAMPLE_ROWS)
        if not rows:
            raise InputUnusable("none of its first rows can be used")
        fields = profile(rows, extraction.columns, OUR_COLUMNS)
        return starter_recipe(file, shown, extraction.kind, fields, len(rows))


def _write(out: Path, text: str, *, force: bool) -> None:
    try:
        with out.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise UserError(f"{out} exists already; give another --out, or --force to replace it") from error
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror}") from error
