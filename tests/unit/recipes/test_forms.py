"""Faults of form in plain words: each at its place, none of Pydantic's vocabulary."""

import pytest

from synthmill.recipes import RecipeInvalid, compile_recipe
from tests.support.recipes import TEXT, data, faults, places, sampler


@pytest.mark.parametrize(
    ("whole", "path", "message", "hint"),
    [
        (data(colums=[]), "colums", "there is no key 'colums' here", "Did you mean 'columns'?"),
        (data(version=2), "version", "2 is not allowed here", "One of: 1."),
        (data(version=None), "version", "'version' is missing", "Add it."),
        (data(name="My Data"), "name", "'My Data' is not of the right form", "Use small letters"),
        (data(seed=-1), "seed", "-1 is too small", "It must be at least 0."),
        (data(seed="x"), "seed", "'x' is not a whole number", "Give a whole number."),
        (data(seed=1.5), "seed", "1.5 is not a whole number", "Give a whole number."),
        (data(batch=99), "batch", "99 is too big", "It must be at most 50."),
        (data(description=5), "description", "5 is not text", "Give text"),
        (data(target=[]), "target", "[] is not a map", "Give a map"),
        (data(target={"record": 1}), "target.record", "there is no key 'record' here", "Did you mean 'records'?"),
        (data(input={"chunking": {"sise": 1}}), "input.chunking.sise", "there is no key 'sise'", "'size'"),
        (data(input={"fields": {"a": {"typ": "string"}}}), "input.fields.a.typ", "there is no key 'typ'", "'type'"),
        (data(input={"feilds": {}}), "input.feilds", "there is no key 'feilds'", "'fields'"),
        (data(seeds={"order": "random"}), "seeds.order", "'random' is not allowed", "'ordered' or 'shuffled'"),
        (data(model={"rout": "x"}), "model.rout", "there is no key 'rout' here", "Did you mean 'route'?"),
        (data(model={"route": "x", "api_key_env": "sk-1"}), "model.api_key_env", "'sk-1'", "never the key itself"),
        (data(model={"route": "x", "base_url": "x"}), "model.base_url", "'x' is not of the right form", "http://"),
        (data(unique="text"), "unique", "'text' is not a list", "Give a list."),
        (data(columns={}), "columns", "{} is not a list", "Give a list."),
        (data(columns=[]), "columns", "there are too few", "Give at least 1."),
        (data(5), "columns[0]", "5 is not a map", "Give a map"),
        (data({"name": "a"}), "columns[0].kind", "column 'a': 'kind' is missing", "One of: source, sampler"),
        (data({"name": "a", "kind": "lm"}), "columns[0].kind", "column 'a': there is no kind 'lm'", "mean 'llm'?"),
        (data({"kind": "llm", "prompt": "x"}), "columns[0].name", "'name' is missing", "Add it."),
        (data({**TEXT, "name": "1x"}), "columns[0].name", "'1x' is not of the right form", "not a digit first"),
        (data({**TEXT, "promt": "x"}), "columns[0].promt", "there is no key 'promt'", "Did you mean 'prompt'?"),
        (data({**TEXT, "schema": "x"}), "columns[0].schema", "column 'text': 'x' is not a map", "Give a map"),
        (data({**TEXT, "prompt": ""}), "columns[0].prompt", "the text is too short", "at least 1"),
        (data({**TEXT, "drop": "maybe"}), "columns[0].drop", "'maybe' is neither true nor false", "true or false"),
        (data({"name": "a", "kind": "sampler"}), "columns[0].sampler", "'sampler' is missing", "Add it."),
        (data(sampler("a", "categry")), "columns[0].sampler.type", "there is no type 'categry'", "mean 'category'?"),
        (data(sampler("a", "poisson", men=1, mean=1)), "columns[0].sampler.men", "there is no key 'men'", "'mean'"),
        (data(sampler("a", "bernoulli", p=2)), "columns[0].sampler.p", "2 is too big", "at most 1"),
        (data(sampler("a", "category", values=[[1]])), "columns[0].sampler.values[0]", "[1] is not a plain", "text"),
        (data(sampler("a", "category", values=[{}])), "columns[0].sampler.values[0]", "{} is not a plain", "text"),
        (data(sampler("a", "category", values=[None])), "columns[0].sampler.values[0]", "nothing is not", "text"),
        (data(sampler("a", "category", values="x")), "columns[0].sampler.values", "'x' is not a list", "list"),
        (
            data(sampler("a", "datetime", start=2024, end="2025-01-01")),
            "columns[0].sampler.start",
            "2024 is not a date",
            "2024-05-31",
        ),
        (
            data(sampler("a", "datetime", start="2024", end="2025-01-01")),
            "columns[0].sampler.start",
            "'2024' is not a date",
            "2024-05-31",
        ),
        (data(sampler("a", "person", locale="german")), "columns[0].sampler.locale", "'german'", "en_US"),
    ],
)
def test_a_fault_of_form_says_where_what_and_how_to_mend_it(whole: object, path: str, message: str, hint: str) -> None:
    found = [fault for fault in faults(whole) if fault.path == path]

    assert len(found) == 1, f"only {places(whole)}"
    assert message in found[0].message
    assert hint in found[0].hint


def test_all_faults_come_at_once_in_the_order_of_the_file() -> None:
    whole = {
        "name": "Bad Name",
        "version": 1,
        "columns": [
            {"name": "a", "kind": "expression", "template": "{{ zz }}"},
            {"name": "b", "kind": "nothing"},
            {"name": "c", "kind": "sampler", "sampler": {"type": "uniform", "low": 3, "high": 1}},
        ],
        "target": {"records": "many"},
        "unknown": 1,
    }

    assert places(whole) == [
        "name",
        "columns[0].template",
        "columns[1].kind",
        "columns[2].sampler.low",
        "target.records",
        "unknown",
    ]


def test_a_broken_column_is_still_known_by_its_name() -> None:
    broken = {"name": "tone", "kind": "sampler", "sampler": {"type": "nothing"}}

    assert places(data(broken, {**TEXT, "prompt": "{{ tone }}"})) == ["columns[0].sampler.type"]


def test_a_broken_llm_column_still_asks_for_a_model() -> None:
    assert places(data({**TEXT, "schema": 5}, model=None)) == ["columns[0].schema", "model"]


def test_a_broken_model_is_not_also_called_missing() -> None:
    assert places(data(model={"route": ""})) == ["model.route"]


def test_the_error_prints_every_fault() -> None:
    with pytest.raises(RecipeInvalid) as caught:
        compile_recipe({**data(), "seed": -1, "batch": 0}, source="demo.yaml")

    text = str(caught.value)
    assert text.startswith("demo.yaml has 2 faults:")
    assert "seed: -1 is too small" in text
    assert "batch: 0 is too small" in text
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("whole", [None, 5, "text", [], [1]])
def test_what_is_no_map_is_no_recipe(whole: object) -> None:
    assert places(whole) == [""]
