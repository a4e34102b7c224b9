"""How the parts of a recipe fit together: N, quotas, key, seeds, unique, what is left of a record."""

from collections.abc import Iterator, Mapping

from synthmill.planning.quota import allocate
from synthmill.recipes.draft import Draft
from synthmill.recipes.errors import Found
from synthmill.recipes.graph import Node, late_names
from synthmill.recipes.plain_words import suggestion
from synthmill_schemas.recipe import CategorySampler, SamplerColumn


def faults(draft: Draft, nodes: Mapping[str, Node]) -> Iterator[Found]:
    """Faults that more than one part of the recipe has a share in."""
    yield from _target_faults(draft)
    yield from _input_faults(draft)
    yield from _quota_faults_of(draft)
    yield from _output_faults(draft)
    yield from _unique_faults(draft, nodes)


def _target_faults(draft: Draft) -> Iterator[Found]:
    if "target" in draft.broken:
        return
    target = draft.recipe.target
    if target.records is None and not draft.has("source") and "columns" not in draft.broken:
        hint = "Set target.records, or take a column from an input (kind: source)."
        yield Found(("target", "records"), "it is not said how many records to make", hint)
    if target.records is not None and target.max_candidates is not None and target.max_candidates < target.records:
        message = f"{target.max_candidates} tries cannot give {target.records} records"
        yield Found(("target", "max_candidates"), message, f"Set at least {target.records}, or leave it out.")


def _input_faults(draft: Draft) -> Iterator[Found]:
    """Settings of an input that no column is taken from would be read by nothing."""
    if draft.has("source") or not draft.whole:
        yield from _key_faults(draft)
        return
    for section, what in (("key", "names an input column"), ("input", "describes an input"), ("seeds", "orders seeds")):
        # Compared with the default, not with what was set: a stored recipe has every field set.
        default = type(draft.recipe).model_fields[section].get_default(call_default_factory=True)
        if section not in draft.broken and getattr(draft.recipe, section) != default:
            hint = "Add a column of kind source, or remove this."
            yield Found((section,), f"it {what}, but no column is taken from an input", hint)


def _key_faults(draft: Draft) -> Iterator[Found]:
    contract = draft.recipe.input.fields.get(draft.recipe.key or "")
    if contract is not None and not contract.required and not draft.broken & {"key", "input"}:
        path = ("input", "fields", str(draft.recipe.key), "required")
        yield Found(path, "the key tells rows apart, so every row needs it", "Set required: true, or use another key.")


def _quota_faults_of(draft: Draft) -> Iterator[Found]:
    records = draft.recipe.target.records
    if records is None or "target" in draft.broken:
        return
    for entry in draft.entries:
        if isinstance(entry.column, SamplerColumn):
            yield from quota_faults(entry.column, entry.index, records)


def quota_faults(column: SamplerColumn, index: int, records: int) -> Iterator[Found]:
    """An exact quota that would leave a value without any of `records` records."""
    sampler = column.sampler
    if not isinstance(sampler, CategorySampler) or sampler.quota != "exact":
        return
    if sampler.weights is not None and len(sampler.weights) != len(sampler.values):
        return
    path = ("columns", index, "sampler", "quota")
    if len(sampler.values) > records:
        message = f"{records} records cannot hold {len(sampler.values)} values exactly"
        yield Found(path, message, f"Make at least {len(sampler.values)} records, or set quota: none.")
        return
    counts = allocate(sampler.weights or [1.0] * len(sampler.values), records)
    empty = [value for value, count in zip(sampler.values, counts, strict=True) if count == 0]
    if empty:
        message = f"{empty[0]!r} would get none of {records} records"
        yield Found(path, message, "Make more records, raise its weight, or set quota: none.")


def _output_faults(draft: Draft) -> Iterator[Found]:
    if draft.whole and all(entry.column and entry.column.drop for entry in draft.entries):
        yield Found(("columns",), "every column is dropped, records would be empty", "Keep at least one.")


def _unique_faults(draft: Draft, nodes: Mapping[str, Node]) -> Iterator[Found]:
    if draft.recipe.unique is None or "columns" in draft.broken:
        return
    known = draft.by_name
    output = [name for name, entry in known.items() if entry.column is None or not entry.column.drop]
    seen: set[str] = set()
    for position, name in enumerate(draft.recipe.unique):
        path = ("unique", position)
        if name not in known:
            yield Found(path, f"there is no column {name!r}", suggestion(name, list(known)))
        elif name not in output:
            yield Found(path, f"{name!r} is dropped, it is not part of the record", "Keep it, or leave it out here.")
        elif name in seen:
            yield Found(path, f"{name!r} is given twice", "Keep one.")
        seen.add(name)
    if seen and draft.whole and seen <= set(output) and not seen & late_names(nodes):
        hint = "Add a column that the model writes, or set unique: []."
        yield Found(("unique",), "these columns are fixed for each slot, trying again cannot change them", hint)
