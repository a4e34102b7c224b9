"""`synthmill schema`: what an editor completes and checks a recipe by."""

import click

from synthmill.cli.consoles import print_json


@click.command("schema")
def schema_command() -> None:
    """Print the JSON Schema of recipes."""
    from synthmill_schemas.recipe import recipe_json_schema

    print_json(recipe_json_schema())
