"""`synthmill settings`: every setting, its value, its variable; secrets hidden."""

import os
import re
from collections.abc import Iterator

import click
from pydantic import BaseModel, SecretStr
from rich.table import Table
from rich.text import Text

from synthmill.cli import consoles
from synthmill.cli.environment import load_settings, variable

_SECRET_NAME = re.compile(r"key|token|secret|password", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"(?<=://)[^/@\s]+@")
_HIDDEN = "****"

Row = tuple[str, str, str]
"""Variable, value, what it is."""


def rows(settings: BaseModel, path: tuple[str, ...] = ()) -> Iterator[Row]:
    """All settings below one, in the order of the model."""
    for name, field in type(settings).model_fields.items():
        value, place = getattr(settings, name), (*path, name)
        if isinstance(value, BaseModel):
            yield from rows(value, place)
        else:
            yield variable(place), shown(name, value), field.description or ""


def shown(name: str, value: object) -> str:
    """A value for the eye of anybody."""
    if value is None:
        return ""
    if isinstance(value, SecretStr) or _SECRET_NAME.search(name):
        return _HIDDEN
    return _URL_PASSWORD.sub(f"{_HIDDEN}@", str(value))


@click.command("settings")
@click.option("as_json", "--json", is_flag=True, help="an object of variables and values")
def settings_command(as_json: bool) -> None:
    """Show all settings with their values and the variables that set them."""
    found = list(rows(load_settings()))
    if as_json:
        consoles.print_json({name: value for name, value, _ in found})
        return
    table = Table(box=None, padding=(0, 2), pad_edge=False, header_style="quiet")
    table.add_column("variable", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("meaning")
    for name, value, meaning in found:
        is_set = name in {given.upper() for given in os.environ}
        table.add_row(
            Text(name, "name" if is_set else ""), Text(value, "cyan" if is_set else ""), Text(meaning, "quiet")
        )
    consoles.show(table)
