"""All checks of a job, from its recipe and from how many records there are."""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import asdict, replace

from synthmill.recipes.compiled import CompiledRecipe
from synthmill_flows.gate import columns
from synthmill_flows.gate.checks import Check, Suite, ValueRow, value_query
from synthmill_flows.gate.declared import Declared
from synthmill_flows.gate.layout import CONTENT, FAULT, RECORD_ID, Layout
from synthmill_flows.gate.samplers import Promises
from synthmill_schemas.gate import Severity
from synthmill_schemas.ids import canonical_json

_MOST_VALUES = 50
"""In a query: the engine asks for many columns at once, and SQLite takes 32,766 values in one."""


def compile_suite(compiled: CompiledRecipe, layout: Layout, requested: int, records: int, parked: int) -> Suite:
    """The suite for `records` records of `requested`, when `parked` slots were taken out."""
    promises = Promises(compiled.recipe, layout, requested, records)
    checks = [*_whole(compiled, layout), *_rows(compiled, requested, parked)]
    for leaf in layout.leaves:
        checks += columns.column_checks(leaf)
        checks += promises.of(leaf)
    checks += _unique(compiled, layout)
    declared = Declared(layout, records, promises.shares)
    if compiled.recipe.gate is not None:
        checks += [declared.check(each) for each in compiled.recipe.gate.expectations]
    values: list[ValueRow] = []
    shortened = [_shortened(check, values) for check in _named_apart(checks)]
    return Suite(shortened, declared.shares, promises.pairs, values)


def suite_hash(suite: Suite) -> str:
    """The same for the same checks with the same parameters."""
    return hashlib.sha256(canonical_json(asdict(suite)).encode()).hexdigest()


def _whole(compiled: CompiledRecipe, layout: Layout) -> Iterator[Check]:
    words = f"the columns are {', '.join(layout.top)}, in this order"
    columns_ = {"column_list": layout.columns}
    yield Check("columns", words, "expect_table_columns_to_match_ordered_list", columns_)
    fits = "every record fits the schema that the recipe gives"
    yield Check("schema", fits, "expect_column_values_to_be_null", {"column": FAULT})
    ids = "every record has an id of its own"
    yield Check("record_id", ids, "expect_column_values_to_be_unique", {"column": RECORD_ID})


def _rows(compiled: CompiledRecipe, requested: int, parked: int) -> Iterator[Check]:
    gate = compiled.recipe.gate
    least = requested - parked
    if gate is not None and gate.min_share is not None:
        least = math.ceil(gate.min_share * requested - 1e-9)
    severity = Severity.BLOCK
    if least < requested:
        between = {"min_value": least, "max_value": requested}
        words = f"there are at least {least} records, at most {requested}"
        yield Check("rows", words, "expect_table_row_count_to_be_between", between)
        severity = Severity.WARN
    words = f"there are {requested} records"
    yield Check("rows", words, "expect_table_row_count_to_equal", {"value": requested}, severity=severity)


def _unique(compiled: CompiledRecipe, layout: Layout) -> Iterator[Check]:
    if not compiled.unique:
        return
    if len(compiled.unique) == 1 and compiled.unique[0] in layout.by_path:
        yield columns.unique(layout.by_path[compiled.unique[0]])
        return
    words = f"no two records have the same {', '.join(compiled.unique)}"
    yield Check("unique", words, "expect_column_values_to_be_unique", {"column": CONTENT})


def _shortened(check: Check, values: list[ValueRow]) -> Check:
    """A long list of values goes into a table; where some may be outside of it, the engine has to count them itself."""
    allowed = check.parameters.get("value_set", [])
    if len(allowed) <= _MOST_VALUES or "mostly" in check.parameters:
        return check
    number = len(values)  # of no other check: each adds at least one row
    values += [ValueRow(number, value) for value in allowed]
    query = {"unexpected_rows_query": value_query(number, check.parameters["column"], RECORD_ID)}
    return replace(check, type="unexpected_rows_expectation", parameters=query)


def _named_apart(checks: list[Check]) -> list[Check]:
    """A recipe may say twice what it means; the second gets a number."""
    used: dict[str, int] = {}
    named = []
    for check in checks:
        used[check.name] = used.get(check.name, 0) + 1
        times = used[check.name]
        named.append(check if times == 1 else replace(check, name=f"{check.name}.{times}"))
    return named
