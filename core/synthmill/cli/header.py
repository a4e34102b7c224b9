"""Checks that a file has the columns that a recipe reads, from its header or first row only."""

import difflib
from pathlib import Path

from synthmill.cli.sample import first_rows, opened
from synthmill.errors import InputUnusable
from synthmill.recipes import CompiledRecipe


def check_columns(compiled: CompiledRecipe, path: Path) -> None:
    """Raises `InputUnusable` that names every missing column and what the file has instead."""
    recipe = compiled.recipe
    with opened(path, recipe.input.chunking) as extraction:
        rows = first_rows(extraction, 1)
        columns = list(extraction.columns or (rows[0] if rows else ()))
    wanted = dict.fromkeys([*compiled.source_fields.values(), *([recipe.key] if recipe.key else [])])
    missing = [field for field in wanted if field not in columns and _is_required(compiled, field)]
    if missing:
        told = "; ".join(f"{field}{_meant(field, columns)}" for field in missing)
        has = ", ".join(columns) or "no columns"
        raise InputUnusable(f"{path} lacks what the recipe reads: {told}. It has {has}.")


def _is_required(compiled: CompiledRecipe, field: str) -> bool:
    contract = compiled.recipe.input.fields.get(field)
    return contract is None or contract.required or field == compiled.recipe.key


def _meant(field: str, columns: list[str]) -> str:
    close = difflib.get_close_matches(field.lower(), [column.lower() for column in columns], n=1, cutoff=0.7)
    original = next((column for column in columns if close and column.lower() == close[0]), None)
    return f" (did you mean {original!r}?)" if original else ""
