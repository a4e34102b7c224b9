"""Faults that form cannot show: a table of recipe, place and words."""

import pytest

from tests.support.recipes import COLOUR, TEXT, Data, compiled, data, expression, faults, llm, places, sampler, source

DAY = {"start": "2024-01-01", "end": "2024-02-01"}

CASES: list[tuple[str, Data, str, str]] = [
    ("name twice", data(COLOUR, COLOUR), "columns[1].name", "columns[0] has this name already"),
    ("reserved name", data(llm("loop")), "columns[0].name", "'loop' means something else"),
    ("function as name", data(llm("range")), "columns[0].name", "'range' means something else"),
    ("unknown column", data(COLOUR, llm("t", "{{ color }}")), "columns[1].prompt", "there is no column 'color'"),
    ("unknown in expression", data(expression("e", "{{ x }}")), "columns[0].template", "there is no column 'x'"),
    ("unknown parent", data(sampler("s", "subcategory", of="x", values={"a": [1]})), "columns[0].sampler.of", "'x'"),
    ("unknown after", data(sampler("s", "timedelta", after="x", low=0, high=1)), "columns[0].sampler.after", "'x'"),
    ("unknown unique", data(unique=["x"]), "unique[0]", "there is no column 'x'"),
    ("needs itself", data(expression("e", "{{ e }}")), "columns[0]", "it needs itself"),
    (
        "circle",
        data(expression("a", "{{ b }}"), expression("b", "{{ c }}"), expression("c", "{{ a }}")),
        "columns[0]",
        "circle: a -> b -> c -> a",
    ),
    ("template syntax", data(llm("t", "{{ a")), "columns[0].prompt", "does not compile"),
    ("template statement", data(llm("t", "{% if %}")), "columns[0].prompt", "does not compile"),
    ("filter", data(COLOUR, llm("t", "{{ colour|uper }}")), "columns[1].prompt", "there is no filter 'uper'"),
    ("filter of the binding only", data(COLOUR, llm("t", "{{ colour|truncate }}")), "columns[1].prompt", "'truncate'"),
    ("filter by name", data(expression("e", "{{ [1]|map('uper') }}")), "columns[0].template", "no filter 'uper'"),
    ("test", data(COLOUR, llm("t", "{{ colour is odder }}")), "columns[1].prompt", "there is no test 'odder'"),
    ("function", data(expression("e", "{{ now() }}")), "columns[0].template", "there is no function 'now'"),
    ("method", data(COLOUR, llm("t", "{{ colour.upper() }}")), "columns[1].prompt", "methods cannot be called"),
    ("include", data(llm("t", "{% include 'x' %}")), "columns[0].prompt", "the tag 'include' is not allowed"),
    ("break", data(llm("t", "{% for x in [1] %}{% break %}{% endfor %}")), "columns[0].prompt", "the tag 'break'"),
    ("llm on llm", data(llm("a"), llm("b", "{{ a }}")), "columns[1].prompt", "it needs 'a', which the model writes"),
    (
        "llm on llm through an expression",
        data(llm("a"), expression("e", "{{ a }}"), llm("b", "{{ e }}")),
        "columns[2].prompt",
        "it needs 'a' through e,",
    ),
    ("person's member", data(sampler("p", "person"), llm("t", "{{ p.nme }}")), "columns[1].prompt", "'p' has no 'nme'"),
    ("weights", data(sampler("c", "category", values=[1, 2], weights=[1])), "columns[0].sampler.weights", "1 weights"),
    ("value twice", data(sampler("c", "category", values=["a", "a"])), "columns[0].sampler.values[1]", "given twice"),
    ("1 and 1.0", data(sampler("c", "category", values=[1, 1.0])), "columns[0].sampler.values[1]", "given twice"),
    (
        "more values than records",
        data(sampler("c", "category", values=list(range(11)), quota="exact")),
        "columns[0].sampler.quota",
        "10 records cannot hold 11 values",
    ),
    (
        "a value without records",
        data(sampler("c", "category", values=["a", "b"], weights=[99, 1], quota="exact")),
        "columns[0].sampler.quota",
        "'b' would get none of 10 records",
    ),
    ("uniform", data(sampler("u", "uniform", low=2, high=1)), "columns[0].sampler.low", "is above high"),
    (
        "no such decimals",
        data(sampler("u", "uniform", low=0.11, high=0.19, decimals=1)),
        "columns[0].sampler.decimals",
        "no number with 1 decimals",
    ),
    (
        "uniform beyond exact integers",
        data(sampler("u", "uniform", low=0, high=1e300, decimals=0)),
        "columns[0].sampler.decimals",
        "not exact",
    ),
    ("gaussian", data(sampler("g", "gaussian", mean=0, stddev=1, low=2, high=1)), "columns[0].sampler.low", "above"),
    (
        "gaussian without a whole number",
        data(sampler("g", "gaussian", mean=0, stddev=1, low=0.2, high=0.8, decimals=0)),
        "columns[0].sampler.decimals",
        "no number with 0 decimals",
    ),
    (
        "gaussian beyond exact integers",
        data(sampler("g", "gaussian", mean=1e17, stddev=1, decimals=0)),
        "columns[0].sampler.mean",
        "not exact",
    ),
    (
        "start after end",
        data(sampler("d", "datetime", start="2024-01-02", end="2024-01-01")),
        "columns[0].sampler.start",
        "not before end",
    ),
    (
        "start is end",
        data(sampler("d", "datetime", start="2024-01-01", end="2024-01-01T00:00:00Z")),
        "columns[0].sampler.start",
        "not before end",
    ),
    (
        "no whole day",
        data(sampler("d", "datetime", start="2024-01-01T10:00:00", end="2024-01-01T20:00:00", unit="day")),
        "columns[0].sampler.unit",
        "no whole day",
    ),
    (
        "low above high",
        data(sampler("d", "datetime", **DAY), sampler("t", "timedelta", after="d", low=2, high=1)),
        "columns[1].sampler.low",
        "is above high",
    ),
    (
        "after a colour",
        data(COLOUR, sampler("t", "timedelta", after="colour", low=0, high=1)),
        "columns[1].sampler.after",
        "not a moment",
    ),
    (
        "after the calendar",
        data(sampler("d", "datetime", **DAY), sampler("t", "timedelta", after="d", low=0, high=10**9)),
        "columns[1].sampler.high",
        "year 9999",
    ),
    (
        "after the calendar by two steps",
        data(
            sampler("d", "datetime", start="9990-01-01", end="9999-01-01"),
            sampler("t", "timedelta", after="d", low=0, high=300),
            sampler("u", "timedelta", after="t", low=0, high=300),
        ),
        "columns[2].sampler.high",
        "year 9999",
    ),
    (
        "parent's value missing",
        data(COLOUR, sampler("s", "subcategory", of="colour", values={"red": ["a"]})),
        "columns[1].sampler.values",
        "no list for 'blue' of 'colour'",
    ),
    (
        "value that the parent lacks",
        data(COLOUR, sampler("s", "subcategory", of="colour", values={"red": [1], "blue": [1], "bleu": [1]})),
        "columns[1].sampler.values.bleu",
        "'colour' has no value 'bleu'",
    ),
    (
        "empty list",
        data(COLOUR, sampler("s", "subcategory", of="colour", values={"red": [], "blue": [1]})),
        "columns[1].sampler.values.red",
        "no value for 'red'",
    ),
    (
        "parent without a list of values",
        data(sampler("u", "uuid"), sampler("s", "subcategory", of="u", values={"a": [1]})),
        "columns[1].sampler.of",
        "no fixed list of values",
    ),
    ("ages", data(sampler("p", "person", min_age=50, max_age=20)), "columns[0].sampler.min_age", "above max_age"),
    ("locale", data(sampler("p", "person", locale="de_XX")), "columns[0].sampler.locale", "no people of locale"),
    ("no model", data(TEXT, model=None), "model", "there are llm columns, but no model"),
    (
        "limits of nothing",
        data(model={"route": "x", "limits": {"requests_per_minute": None}}),
        "model.limits",
        "it limits nothing",
    ),
    (
        "a call above the limit",
        data(model={"route": "x", "parameters": {"max_tokens": 9}, "limits": {"output_tokens_per_minute": 8}}),
        "model.limits.output_tokens_per_minute",
        "less than a single call may write (max_tokens is 9)",
    ),
    ("our key", data(model={"route": "x", "parameters": {"seed": 1}}), "model.parameters.seed", "set by synthmill"),
    (
        "password in the URL",
        data(model={"route": "x", "base_url": "http://me:secret@host/v1"}),
        "model.base_url",
        "holds a user or password",
    ),
    ("port", data(model={"route": "x", "base_url": "http://host:99999"}), "model.base_url", "not a URL"),
    (
        "system is not rendered",
        data(COLOUR, TEXT, model={"route": "x", "system": "Like {{ colour }}."}),
        "model.system",
        "would not be filled in",
    ),
    ("no records", data(target=None), "target.records", "not said how many"),
    ("tries below records", data(target={"records": 9, "max_candidates": 8}), "target.max_candidates", "8 tries"),
    ("key without input", data(key="sku"), "key", "no column is taken from an input"),
    ("input without source", data(input={"fields": {"a": {}}}), "input", "no column is taken from an input"),
    ("seeds without source", data(seeds={"order": "shuffled"}), "seeds", "no column is taken from an input"),
    ("all dropped", data({**TEXT, "drop": True}), "columns", "every column is dropped"),
    ("unique dropped", data(TEXT, {**COLOUR, "drop": True}, unique=["colour"]), "unique[0]", "is dropped"),
    ("unique twice", data(unique=["text", "text"]), "unique[1]", "given twice"),
    ("unique fixed", data(TEXT, COLOUR, unique=["colour"]), "unique", "trying again cannot change them"),
    (
        "pattern",
        data(source("a"), input={"fields": {"a": {"pattern": "("}}}),
        "input.fields.a.pattern",
        "not a regular expression",
    ),
    (
        "pattern with look-around",
        data(source("a"), input={"fields": {"a": {"pattern": "^(?!test).+$"}}}),
        "input.fields.a.pattern",
        "look-around '(?!' cannot be used",
    ),
    (
        "pattern with a reference",
        data(source("a"), input={"fields": {"a": {"pattern": r"^(.)\1$"}}}),
        "input.fields.a.pattern",
        r"the reference '\\1' cannot be used",
    ),
    (
        "pattern of another engine",
        data(source("a"), input={"fields": {"a": {"pattern": r"\d+\Z"}}}),
        "input.fields.a.pattern",
        "not a regular expression of the engine that checks rows",
    ),
    (
        "pattern of a number",
        data(source("a"), input={"fields": {"a": {"type": "integer", "pattern": "1"}}}),
        "input.fields.a.pattern",
        "a pattern is for text",
    ),
    (
        "bound of text",
        data(source("a"), input={"fields": {"a": {"minimum": 1}}}),
        "input.fields.a.minimum",
        "a bound is for numbers",
    ),
    (
        "bounds",
        data(source("a"), input={"fields": {"a": {"type": "number", "minimum": 2, "maximum": 1}}}),
        "input.fields.a.minimum",
        "above maximum",
    ),
    (
        "value of another type",
        data(source("a"), input={"fields": {"a": {"type": "integer", "values": [1, "b"]}}}),
        "input.fields.a.values[1]",
        "not of type integer",
    ),
    (
        "key that may be absent",
        data(source("a"), key="a", input={"fields": {"a": {"required": False}}}),
        "input.fields.a.required",
        "every row needs it",
    ),
    (
        "key of the provider",
        data(model={"route": "x", "parameters": {"api_key": "sk-1"}}),
        "model.parameters.api_key",
        "set by synthmill",
    ),
    ("chain", data(llm("t", "{{ " + "-" * 600 + "1 }}")), "columns[0].prompt", "nests too deep"),
    (
        "overlap",
        data(source("text"), input={"chunking": {"size": 100, "overlap": 100}}),
        "input.chunking.overlap",
        "overlap wholly",
    ),
]


@pytest.mark.parametrize(("whole", "path", "message"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_fault_is_found_at_its_place_and_alone(whole: Data, path: str, message: str) -> None:
    found = faults(whole)

    assert [fault.path for fault in found] == [path]
    assert message in found[0].message
    assert found[0].hint.endswith((".", "?"))


def test_a_name_close_to_a_columns_is_suggested() -> None:
    assert faults(data(COLOUR, llm("t", "{{ color }}")))[0].hint == "Did you mean 'colour'?"


def test_each_circle_is_named_once() -> None:
    two = [
        expression("a", "{{ b }}"),
        expression("b", "{{ a }}"),
        expression("c", "{{ d }}"),
        expression("d", "{{ c }}"),
    ]

    assert [fault.message.split(": ")[-1] for fault in faults(data(*two))] == ["a -> b -> a", "c -> d -> c"]


def test_a_column_that_only_leads_into_a_circle_is_not_blamed() -> None:
    columns = [expression("x", "{{ a }}"), expression("a", "{{ b }}"), expression("b", "{{ a }}")]

    assert places(data(*columns)) == ["columns[1]"]


@pytest.mark.parametrize(
    "columns",
    [
        [COLOUR, sampler("s", "subcategory", of="colour", values={"red": [1], "blue": [1]})],
        [
            sampler("n", "category", values=[1, 2.5, True]),
            sampler("s", "subcategory", of="n", values={"1": ["a"], "2.5": ["b"], "true": ["c"]}),
            sampler("t", "subcategory", of="s", values={"a": [1], "b": [2], "c": [3]}),
        ],
        [sampler("d", "datetime", **DAY), sampler("t", "timedelta", after="d", low=0, high=3)],
        [sampler("u", "uniform", low=1, high=1)],
        [sampler("c", "category", values=[True, 1])],
        [expression("e", "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(1) }}{{ range(3)|list }}")],
        [expression("e", "{% for k, v in dict(a=1)|items %}{{ loop.index }}{{ loop.cycle(1, 2) }}{{ k }}{% endfor %}")],
        [expression("e", "{{ x if x is defined else 1 }}"), sampler("x", "uuid")],
        [COLOUR, llm("a", "{{ colour }}"), llm("b", "{{ colour }}"), expression("e", "{{ a }}{{ b }}")],
    ],
)
def test_what_is_right_compiles(columns: list[Data]) -> None:
    compiled(*columns)


def test_records_need_not_be_given_when_seeds_tell_them() -> None:
    compiled(source("a"), TEXT, target=None)
