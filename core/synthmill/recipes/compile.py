"""The recipe compiler: from a file or plain data to a `CompiledRecipe`, or to all faults at once."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from synthmill.recipes.checks import all_faults
from synthmill.recipes.compiled import CompiledRecipe, assemble
from synthmill.recipes.draft import Draft, draft_of, read_draft
from synthmill.recipes.errors import Fault, Found, Path, RecipeInvalid, child, dotted
from synthmill.recipes.graph import nodes_of
from synthmill.recipes.plain import plain_faults
from synthmill.recipes.reading import MAX_TEXT_BYTES, Located, Unreadable, read_json, read_yaml
from synthmill_schemas.ids import canonical_json
from synthmill_schemas.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Overrides:
    """What a command line may set over the recipe: N, the model's route and its URL."""

    records: int | None = None
    route: str | None = None
    base_url: str | None = None


NO_OVERRIDES = Overrides()


def load_recipe(path: FilePath, overrides: Overrides = NO_OVERRIDES) -> CompiledRecipe:
    """Reads and compiles a file: JSON if its name ends in .json, else YAML. Raises `RecipeInvalid`."""
    located = _read(path)
    return _compile(located, overrides, str(path))


def compile_recipe(data: object, overrides: Overrides = NO_OVERRIDES, *, source: str = "the recipe") -> CompiledRecipe:
    """Compiles plain data, as from a request's body. `source` names it in errors. Raises `RecipeInvalid`."""
    return _compile(Located(data), overrides, source)


def recompile(recipe: Recipe) -> CompiledRecipe:
    """Compiles a stored recipe again. Raises `RecipeInvalid` if this version no longer accepts it."""
    return _compile_draft(draft_of(recipe), [], Located(recipe.model_dump(mode="json", by_alias=True)), "the recipe")


def _read(path: FilePath) -> Located:
    try:
        raw = path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        fault = Fault("", f"the file cannot be read: {reason}", "Check the path and its permissions.")
        raise RecipeInvalid([fault], str(path)) from error
    if len(raw) > MAX_TEXT_BYTES:
        fault = Fault(
            "", f"the file is bigger than {MAX_TEXT_BYTES >> 20} MiB", "Put data into an input, not the recipe."
        )
        raise RecipeInvalid([fault], str(path))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        fault = Fault("", f"the file is not UTF-8: {error.reason} at byte {error.start}", "Save it as UTF-8.")
        raise RecipeInvalid([fault], str(path)) from error
    try:
        return read_json(text) if path.suffix.lower() == ".json" else read_yaml(text)
    except Unreadable as error:
        located = Located(None, dict(error.lines))
        raise RecipeInvalid(_in_order(error.found, located), str(path)) from error


def _compile(located: Located, overrides: Overrides, source: str) -> CompiledRecipe:
    found = list(plain_faults(located.data))
    if found:
        raise RecipeInvalid(_in_order(found, located), source)
    located = Located(_overridden(located.data, overrides), located.lines)
    draft, found = read_draft(located.data)
    if draft is None:
        raise RecipeInvalid(_in_order(found, located), source)
    return _compile_draft(draft, found, located, source)


def _overridden(data: object, overrides: Overrides) -> object:
    """The data with overrides put in; a part of wrong form stays as it is, to be reported."""
    given: dict[str, dict[str, object]] = {
        "target": {"records": overrides.records},
        "model": {"route": overrides.route, "base_url": overrides.base_url},
    }
    if not isinstance(data, dict):
        return data
    result: dict[str, Any] = dict(data)
    for section, settings in given.items():
        changes = {key: value for key, value in settings.items() if value is not None}
        old = result.get(section)
        if changes and (old is None or isinstance(old, dict)):
            result[section] = {**(old or {}), **changes}
    return result


def _compile_draft(draft: Draft, found: list[Found], located: Located, source: str) -> CompiledRecipe:
    nodes = nodes_of(draft)
    found = [*found, *all_faults(draft, nodes)]
    if found:
        raise RecipeInvalid(_in_order(found, located), source)
    return assemble(draft.recipe, nodes, _hash(draft.recipe))


def _hash(recipe: Recipe) -> str:
    # Limits say when calls are made, caps and prices how many may be, the gate judges what was made, prune says what
    # becomes of records that others made: a recipe with others of them makes the same records.
    dump = recipe.model_dump(
        mode="json",
        by_alias=True,
        exclude={
            "description": True,
            "gate": True,
            "model": {"limits", "price"},
            "seeds": {"prune"},
            "target": {"max_usd", "max_tokens"},
        },
    )
    return hashlib.sha256(canonical_json(dump).encode()).hexdigest()


def _in_order(found: Iterable[Found], located: Located) -> list[Fault]:
    """Faults in the order of the file, with their lines; each column's fault says the column's name."""
    ordered = sorted(found, key=lambda fault: _position(fault.path, located.data))
    unique = dict.fromkeys(ordered)
    return [_placed(fault, located) for fault in unique]


def _position(path: Path, data: object) -> tuple[int, ...]:
    """Where the path stands: position of each step in its map or list; what is missing comes last."""
    position: list[int] = []
    value = data
    for part in path:
        if isinstance(value, dict):
            keys = list(value)
            position.append(keys.index(part) if part in value else len(keys))
        elif isinstance(part, int):
            position.append(part)
        value = child(value, part)
    return tuple(position)


def _placed(fault: Found, located: Located) -> Fault:
    message = fault.message
    name = _column_name(fault.path, located.data)
    if name is not None:
        message = f"column {name!r}: {message}"
    return Fault(dotted(fault.path), message, fault.hint, _line(fault.path, located.lines))


def _column_name(path: Path, data: object) -> str | None:
    if path[:1] != ("columns",) or len(path) < 2:
        return None
    name = child(child(child(data, "columns"), path[1]), "name")
    return name if isinstance(name, str) else None


def _line(path: Path, lines: Mapping[Path, int]) -> int | None:
    """The line of the path, or of the nearest part above it that is in the file."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path)
