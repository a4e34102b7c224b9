"""The template engine: the same vectors bind the consumer; nothing of Python shows through."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthmill.recipes.templates import RenderFailed, Templates, inspect
from synthmill.recipes.values import CastFailed, cast
from synthmill.recipes.vocabulary import FILTERS, FUNCTIONS, TESTS
from synthmill.recipes.words import words_of
from synthmill_schemas.export import FOLDER
from synthmill_schemas.recipe import ValueType

Vector = dict[str, Any]

VECTORS: list[Vector] = json.loads((FOLDER.parent / "examples" / "templates.json").read_text())


def render(template: str, **context: object) -> str:
    return Templates({"t": template}).render("t", context)  # type: ignore[arg-type]  # tests give what JSON gives


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_the_golden_vectors_hold(vector: Vector) -> None:
    templates = Templates({"t": vector["template"]})
    if vector.get("error") == "render":
        with pytest.raises(RenderFailed):
            templates.render("t", vector["context"])
        return
    text = templates.render("t", vector["context"])
    if vector.get("error") == "cast":
        with pytest.raises(CastFailed):
            cast(text, ValueType(vector["value_type"]))
        return
    assert json.dumps(cast(text, ValueType(vector["value_type"]))) == json.dumps(vector["expected"])


def test_the_golden_vectors_use_only_what_recipes_may_use() -> None:
    assert [vector["name"] for vector in VECTORS if inspect(vector["template"]).faults] == []


def test_the_golden_vectors_have_their_own_names() -> None:
    assert len({vector["name"] for vector in VECTORS}) == len(VECTORS)


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_every_allowed_filter_exists(name: str) -> None:
    assert render(f"{{{{ '{name}' is filter }}}}") == "True"


@pytest.mark.parametrize("name", sorted(TESTS))
def test_every_allowed_test_exists(name: str) -> None:
    assert render(f"{{{{ '{name}' is test }}}}") == "True"


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_allowed_function_exists(name: str) -> None:
    assert render(f"{{{{ {name} is defined }}}}") == "True"


@pytest.mark.parametrize("member", ["items", "keys", "get", "copy", "pop", "append", "__class__", "__len__", "_missed"])
@pytest.mark.parametrize("template", ["{{{{ x.{0} }}}}", "{{{{ x['{0}'] }}}}", "{{{{ x|attr('{0}') }}}}"])
def test_python_members_of_values_are_undefined(member: str, template: str) -> None:
    for value in ({"a": 1}, [1, 2]):
        with pytest.raises(RenderFailed):
            render(template.format(member), x=value)


def test_rendering_leaves_the_values_as_they_were() -> None:
    value = {"b": [1, {"c": 2}], "a": None}

    render("{{ x.b|reverse }}{{ x|dictsort }}{{ x|items|list }}{{ x.items|default('') }}", x=value)

    assert value == {"b": [1, {"c": 2}], "a": None}
    assert list(value) == ["b", "a"]


def test_a_text_beyond_the_limit_is_refused() -> None:
    with pytest.raises(RenderFailed, match="longer than"):
        render("{{ 'ab' * 900000 }}")


def test_the_reason_names_what_is_undefined() -> None:
    with pytest.raises(RenderFailed, match=r"`row\.zz` is undefined"):
        render("{{ row.zz }}", row={})


@pytest.mark.parametrize(
    "template",
    [
        "{{ " + "-" * 100_000 + "1 }}",
        "{{ " + "not " * 100_000 + "1 }}",
        "{{ a" + ".b" * 100_000 + " }}",
        "{{ a" + "[1]" * 100_000 + " }}",
        "{{ 1" + "|abs" * 100_000 + " }}",
        "{{ 1" + "|round(1,2)" * 100_000 + " }}",
        "{{ 1" + "+1" * 100_000 + " }}",
        "{{ 1" + " if 1 else 1" * 100_000 + " }}",
        "{{ 1" + " is odd" * 100_000 + " }}",
        "{{ " + "-" * 90 + "(" + ("-" * 90 + "(") * 100 + "1" + ")" * 101 + " }}",
        "{{ " + "(" * 100_000 + "1" + ")" * 100_000 + " }}",
        "{{ " + "[" * 100_000 + "]" * 100_000 + " }}",
        "{% if 1 %}" * 100_000 + "{% endif %}" * 100_000,
        "{% if 0 %}" + "{% elif 0 %}" * 100_000 + "{% endif %}",
        ("{% if 0 %}" + "{% elif 0 %}" * 90) * 100 + "{% endif %}" * 100,
        "{% filter upper" + "|upper" * 100_000 + " %}x{% endfilter %}",
        "{% for x in a " + "if x " * 100_000 + "%}{% endfor %}",
        "{% raw %}{% endraw %}{{ " + "~1" * 100_000 + "}}",
    ],
    ids=lambda template: template[:14],
)
def test_a_template_cannot_exhaust_the_stack(template: str) -> None:
    """A stack that overflows ends the whole process, so this test passes by still being there."""
    assert inspect(template).faults


def test_long_lists_and_maps_are_no_chains() -> None:
    pairs = ", ".join(f"'k{n}': [{n}, '{n}']" for n in range(2_000))

    assert inspect(f"{{{{ {{{pairs}}}[key] }}}}").faults == ()


def test_endless_macros_end() -> None:
    with pytest.raises(RenderFailed):
        render("{% macro m(a) %}{{ m(a) }}{% endmacro %}{{ m(1) }}")


def test_what_a_template_needs_is_told() -> None:
    inspection = inspect("{% for t in tags %}{{ t.x }}{% endfor %}{{ row.size.h }}{% set y = 1 %}{{ y }}{{ range(n) }}")

    assert inspection.names == {"tags", "row", "n"}
    assert ("row", "size") in inspection.members
    assert inspection.faults == ()


@pytest.mark.parametrize(
    ("template", "filters", "tests", "calls", "methods"),
    [
        ("{{ a|b|c(1)|d }}", {"b", "c", "d"}, set(), set(), set()),
        ("{{ 'x|y' }}{# {{ a|b }} #}{% raw %}{{ a|b }}{% endraw %}", set(), set(), set(), set()),
        ("{{ a is b }}{{ a is not c(1) }}{{ a is in d }}", set(), {"b", "c"}, set(), set()),
        ("{% if x(1) %}{% elif (y) %}{% endif %}", set(), set(), {"x"}, set()),
        ("{{ a.b() }}{{ a['b'](1) }}{{ (a)(1) }}", set(), set(), set(), {"a.b", "a value"}),
        ("{% filter up %}x{% endfilter %}", {"up"}, set(), set(), set()),
        ("{{ x|map('low')|select('odd')|map(attribute='z') }}", {"map", "select", "low"}, {"odd"}, set(), set()),
        ("{{ {'a': {'b': 1}}|f }}", {"f"}, set(), set(), set()),
        ("{{- a |\n f -}}", {"f"}, set(), set(), set()),
        ("{{ 1.5e3|f }}{{ 'it\\'s'|g }}", {"f", "g"}, set(), set(), set()),
        ("{{ a.is.b }}", set(), set(), set(), set()),
        ("{% for a in (b) if (c) %}{% endfor %}{{ not (a) and (b) or (c) }}", set(), set(), set(), set()),
        ("{{ loop.cycle('a') }}", set(), set(), set(), {"loop.cycle"}),
    ],
)
def test_the_words_of_a_template_are_read(
    template: str, filters: set[str], tests: set[str], calls: set[str], methods: set[str]
) -> None:
    words = words_of(template)

    assert (words.filters, words.tests, words.calls, words.methods) == (filters, tests, calls, methods)


@given(st.text(alphabet="{}%#|.()'\" abisnotx12\n-", max_size=60))
def test_any_text_can_be_inspected(template: str) -> None:
    words_of(template)
    inspect(template)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_a_value_written_as_json_is_read_back(value: object) -> None:
    assert Templates({"t": "{{ x|tojson }}"}).value("t", {"x": value}, ValueType.JSON) == value  # type: ignore[dict-item]


@given(st.integers(-(2**63), 2**63 - 1))
def test_an_integer_written_out_is_read_back(value: int) -> None:
    assert Templates({"t": "{{ x }}"}).value("t", {"x": value}, ValueType.INTEGER) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_written_out_is_read_back(value: float) -> None:
    assert Templates({"t": "{{ x }}"}).value("t", {"x": value}, ValueType.NUMBER) == value


@given(st.text(), st.sampled_from(list(ValueType)))
def test_any_text_is_cast_or_refused_in_words(text: str, type_: ValueType) -> None:
    try:
        cast(text, type_)
    except CastFailed as error:
        reason = str(error)
    else:
        reason = "cast"

    assert reason


def test_the_vectors_lie_where_the_consumer_looks() -> None:
    assert (Path(__file__).parents[3] / "schemas" / "examples" / "templates.json").is_file()
