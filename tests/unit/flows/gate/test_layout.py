"""How a record becomes a row: nothing that tells two values apart is lost on the way."""

import sqlite3

from synthmill_flows.gate.layout import Layout, cell
from tests.support.gated import RECORDS, recipe, records
from tests.support.recipes import compiled, expression, llm


def row(layout: Layout, data: dict[str, object]) -> dict[str, object]:
    """The cells of a record, by column."""
    return dict(zip(layout.columns, layout.row("j-0", data), strict=True))


def test_a_sound_record_has_no_fault_and_its_leaves_stand_in_columns() -> None:
    made = recipe()
    layout = Layout(made)
    found = row(layout, list(records(made, RECORDS))[3])
    assert found["_fault"] is None
    assert found["ticket.subject"] == "Ticket number 3"
    assert found["ticket.tags"] == '["new"]'
    assert (found["ticket.tags__type"], found["ticket.tags__items"]) == ("array", 1)
    assert found["vip"] in ("true", "false")
    assert found["ticket.note"] is None


def test_null_and_missing_are_told_apart() -> None:
    layout = Layout(compiled(llm("a"), llm("b")))
    found = row(layout, {"a": None})
    assert (found["a"], found["a__type"]) == (None, None)
    assert (found["b"], found["b__type"]) == (None, "missing")
    assert "required" in str(found["_fault"])


def test_text_of_digits_is_no_number() -> None:
    layout = Layout(compiled(llm("a"), llm("n", schema={"type": "integer"})))
    found = row(layout, {"a": "12", "n": 12})
    assert (found["a__type"], found["n__type"]) == ("string", "integer")
    with sqlite3.connect(":memory:") as connection:
        connection.execute("CREATE TABLE t (a, n)")
        connection.execute("INSERT INTO t VALUES (?, ?)", (found["a"], found["n"]))
        assert connection.execute("SELECT typeof(a), typeof(n) FROM t").fetchone() == ("text", "integer")
    connection.close()


def test_a_whole_float_is_an_integer_as_json_schema_has_it() -> None:
    layout = Layout(compiled(llm("n", schema={"type": "integer"})))
    assert row(layout, {"n": 3.0})["n__type"] == "integer"
    assert row(layout, {"n": 3.5})["n__type"] == "number"


def test_what_sqlite_cannot_hold_is_written_otherwise() -> None:
    assert cell("a\0b") == "a\ufffdb"
    assert cell("\ud800") == "?"
    assert cell(1 << 70) == float(1 << 70)
    assert cell(True) == "true"
    assert cell({"b": 1, "a": [None]}) == '{"a":[null],"b":1}'


def test_contents_are_the_same_only_where_all_unique_columns_are() -> None:
    layout = Layout(compiled(llm("a"), expression("e", "{{ a }}", type="json")))
    first, second, third = (row(layout, {"a": "x", "e": e})["_content"] for e in ([1], [1], ["1"]))
    assert first == second != third
