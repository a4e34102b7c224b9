"""A recipe that may still have faults of form: what can be read of it, for the checks that need more than form.

A part that cannot be read is replaced by a harmless one and marked, so that one run finds all faults
and no check complains about what another fault led to.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from synthmill.recipes.errors import Found
from synthmill.recipes.forms import form_faults
from synthmill_schemas.recipe import (
    ExpressionColumn,
    LlmColumn,
    Recipe,
    SamplerColumn,
    SourceColumn,
)

AnyColumn = SourceColumn | SamplerColumn | ExpressionColumn | LlmColumn

_STANDINS: Mapping[str, object] = {
    "version": 1,
    "name": "unreadable",
    "columns": [{"kind": "expression", "name": "unreadable", "template": "x"}],
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A column of the file; `column` is None when its form is wrong."""

    index: int
    name: str | None
    kind: str | None
    column: AnyColumn | None


@dataclass(frozen=True, slots=True)
class Draft:
    """What checks read. `broken` are top-level keys whose value is a stand-in."""

    recipe: Recipe
    broken: frozenset[str]
    entries: tuple[Entry, ...]

    @property
    def by_name(self) -> dict[str, Entry]:
        """The first column of each name."""
        names: dict[str, Entry] = {}
        for entry in self.entries:
            if entry.name is not None:
                names.setdefault(entry.name, entry)
        return names

    def has(self, kind: str) -> bool:
        """Whether the file means to have a column of this kind."""
        return any(entry.kind == kind for entry in self.entries)

    @property
    def whole(self) -> bool:
        """Whether all columns could be read."""
        return "columns" not in self.broken and all(entry.column is not None for entry in self.entries)


def draft_of(recipe: Recipe) -> Draft:
    """The draft of a recipe whose form is right."""
    entries = (Entry(index, column.name, column.kind, column) for index, column in enumerate(recipe.columns))
    return Draft(recipe, frozenset(), tuple(entries))


def read_draft(data: object) -> tuple[Draft | None, list[Found]]:
    """What can be read of `data`, and the faults of its form; None if it is not a map."""
    if not isinstance(data, dict):
        hint = "A recipe is a map that begins with version: 1, name and columns."
        return None, [Found((), "this is not a recipe", hint)]
    try:
        return draft_of(Recipe.model_validate(data)), []
    except ValidationError as error:
        found = list(form_faults(error, data))
        return _mended(data, found), found


def _mended(data: dict[str, Any], found: list[Found]) -> Draft:
    broken = {str(fault.path[0]) for fault in found if fault.path and fault.path[0] != "columns"}
    bad_columns = {fault.path[1] for fault in found if fault.path[:1] == ("columns",) and len(fault.path) > 1}
    if any(fault.path == ("columns",) for fault in found):
        broken.add("columns")
    mended = copy.deepcopy(data)
    for key in broken:
        mended.pop(key, None)
        if key in _STANDINS:
            mended[key] = copy.deepcopy(_STANDINS[key])
    if "columns" not in broken:
        for index in bad_columns:
            mended["columns"][index] = {"kind": "expression", "name": "unreadable", "template": "x"}
    recipe = Recipe.model_validate(mended)
    if "columns" in broken:
        return Draft(recipe, frozenset(broken), ())
    entries = (_entry(index, raw, recipe, index in bad_columns) for index, raw in enumerate(data["columns"]))
    return Draft(recipe, frozenset(broken), tuple(entries))


def _entry(index: int, raw: object, recipe: Recipe, bad: bool) -> Entry:
    if not bad:
        column = recipe.columns[index]
        return Entry(index, column.name, column.kind, column)
    name, kind = (raw.get("name"), raw.get("kind")) if isinstance(raw, dict) else (None, None)
    return Entry(index, name if isinstance(name, str) else None, kind if isinstance(kind, str) else None, None)
