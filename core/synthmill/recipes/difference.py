"""What changed between two recipes, place by place, and what each change means for records that are there already."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from synthmill.recipes.compile import recompile
from synthmill.recipes.compiled import CompiledRecipe
from synthmill_schemas.base import JsonObject
from synthmill_schemas.recipe import Recipe

_MADE_ALIKE = ("description", "gate", "model.limits", "seeds.prune")
"""Places that do not change which records are made; the recipe's hash leaves them out too."""


class ChangeKind(StrEnum):
    """What happened to a place."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class Mapped(StrEnum):
    """What it means for the fields by which a dataset's records are searched."""

    SAME = "same"
    ADDITIVE = "additive"  # the dataset's index gets more fields
    NEW = "new"  # a field has another type: new records go into an index of their own


@dataclass(frozen=True, slots=True)
class Change:
    """One place. `path` names columns: columns[title].field. `other_records`: the same seeds give other records."""

    path: str
    kind: ChangeKind
    before: object
    after: object
    other_records: bool
    mapping: Mapped


@dataclass(frozen=True, slots=True)
class Difference:
    """All changes, in the order of the recipe. `same_records`: both make the same."""

    changes: Sequence[Change]
    same_records: bool
    mapping: Mapped


def difference(before: Recipe, after: Recipe) -> Difference:
    """Compares two stored recipes. Raises `RecipeInvalid` if this version no longer accepts one of them."""
    old, new = recompile(before), recompile(after)
    mapped = _Mapping.of(old, new)
    changes = [
        Change(path, kind, was, is_, not path.startswith(_MADE_ALIKE), mapped.of_path(path))
        for path, kind, was, is_ in _compared(_data(before), _data(after), "")
    ]
    return Difference(changes, old.recipe_hash == new.recipe_hash, mapped.of_all())


def _data(recipe: Recipe) -> JsonObject:
    """Defaults filled in; columns by name, and their order as a value of its own."""
    data = recipe.model_dump(mode="json", by_alias=True)
    columns = data.pop("columns")
    named = {f"columns[{column['name']}]": column for column in columns}
    return {**data, **named, "columns": [column["name"] for column in columns]}


Found = tuple[str, ChangeKind, object, object]


def _compared(before: JsonObject, after: JsonObject, prefix: str) -> Iterator[Found]:
    for name in dict.fromkeys((*before, *after)):
        path = f"{prefix}{name}"
        was, is_ = before.get(name), after.get(name)
        if was == is_:
            continue
        if path == "columns":
            yield from _order(was, is_)
        elif isinstance(was, dict) and isinstance(is_, dict):
            yield from _compared(was, is_, f"{path}.")
        elif was is None:
            yield path, ChangeKind.ADDED, None, is_
        elif is_ is None:
            yield path, ChangeKind.REMOVED, was, None
        else:
            yield path, ChangeKind.CHANGED, was, is_


def _order(before: object, after: object) -> Iterator[Found]:
    """Only if columns that both have changed places."""
    assert isinstance(before, list)
    assert isinstance(after, list)
    if [name for name in before if name in after] != [name for name in after if name in before]:
        yield "columns", ChangeKind.CHANGED, before, after


@dataclass(frozen=True, slots=True)
class _Mapping:
    """The fields of both records, by dotted path."""

    before: Mapping[str, str]
    after: Mapping[str, str]

    @classmethod
    def of(cls, old: CompiledRecipe, new: CompiledRecipe) -> "_Mapping":
        from synthmill.stack.elastic.fields import compile_fields, flattened  # brings a large library along

        return cls(*(flattened(compile_fields(recipe.record_schema)) for recipe in (old, new)))

    def of_path(self, path: str) -> Mapped:
        """Of one change: only a column's matters."""
        name, bracket, _ = path.removeprefix("columns[").partition("]")
        if not bracket or not path.startswith("columns["):
            return Mapped.SAME
        return self._of(lambda field: field == name or field.startswith(f"{name}."))

    def of_all(self) -> Mapped:
        """Of all together."""
        return self._of(lambda _: True)

    def _of(self, meant: Callable[[str], bool]) -> Mapped:
        wanted = {path: type_ for path, type_ in self.after.items() if meant(path)}
        if any(self.before.get(path, type_) != type_ for path, type_ in wanted.items()):
            return Mapped.NEW
        return Mapped.SAME if wanted.keys() <= self.before.keys() else Mapped.ADDITIVE
