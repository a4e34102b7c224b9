"""What the compiler makes of a right recipe: order, request columns, schema of the record, hash."""

import jsonschema_rs
import pytest

from synthmill.recipes import CompiledRecipe, Overrides, RecipeInvalid, compile_recipe, recompile
from synthmill_schemas.generation import RequestLlmColumn
from synthmill_schemas.recipe import Recipe
from tests.support.recipes import COLOUR, TEXT, Data, compiled, data, expression, llm, sampler, source


def tuple_names(recipe: CompiledRecipe) -> list[str]:
    return [column.name for column in recipe.tuple_columns]


def test_columns_are_made_after_what_they_need_and_otherwise_in_order() -> None:
    recipe = compiled(
        expression("c", "{{ b }}"),
        sampler("z", "uuid"),
        expression("b", "{{ a }}"),
        sampler("a", "uuid"),
    )

    assert tuple_names(recipe) == ["z", "a", "b", "c"]
    assert recipe.output == ("c", "z", "b", "a")


def test_expressions_over_the_models_text_are_left_to_the_consumer() -> None:
    recipe = compiled(
        expression("loud", "{{ louder }}!"),
        expression("louder", "{{ text|upper }}"),
        expression("early", "{{ colour|upper }}"),
        COLOUR,
        TEXT,
    )

    assert tuple_names(recipe) == ["colour", "early"]
    assert [(column.kind, column.name) for column in recipe.generated] == [
        ("llm", "text"),
        ("expression", "louder"),
        ("expression", "loud"),
    ]


def test_all_llm_columns_come_first_in_the_order_of_the_recipe() -> None:
    recipe = compiled(llm("a"), expression("e", "{{ a }}"), llm("b"))

    assert [column.name for column in recipe.generated] == ["a", "b", "e"]


def test_a_text_column_is_a_string_that_is_not_empty() -> None:
    column = compiled(TEXT).generated[0]

    assert isinstance(column, RequestLlmColumn)
    assert column.json_schema == {"type": "string", "minLength": 1}


def test_dropped_columns_are_used_but_not_part_of_the_record() -> None:
    recipe = compiled({**COLOUR, "drop": True}, llm("text", "{{ colour }}"))

    assert tuple_names(recipe) == ["colour"]
    assert recipe.output == ("text",)
    assert list(recipe.record_schema["properties"]) == ["text"]


def test_a_duplicate_is_told_by_all_of_the_record_but_uuids() -> None:
    assert compiled(sampler("id", "uuid"), COLOUR, TEXT).unique == ("colour", "text")


def test_without_a_model_duplicates_are_not_looked_for() -> None:
    recipe = compiled(COLOUR, model=None)

    assert recipe.unique == ()
    assert recipe.request_model is None


def test_unique_can_be_named_or_switched_off() -> None:
    assert compiled(COLOUR, TEXT, unique=["text"]).unique == ("text",)
    assert compiled(COLOUR, TEXT, unique=[]).unique == ()


def test_a_model_without_llm_column_is_not_called() -> None:
    assert compiled(COLOUR).request_model is None


def test_the_model_is_passed_on_whole() -> None:
    model = {
        "route": "openai/x",
        "base_url": "http://localhost:1/v1",
        "api_key_env": "KEY",
        "system": "Be {brief}.",
        "parameters": {"temperature": 0.5, "stop": ["x"]},
        "timeout_seconds": 5,
        "limits": {
            "requests_per_minute": 60,
            "input_tokens_per_minute": None,
            "output_tokens_per_minute": 9_000,
        },
        "price": {"input_per_million": 0.25, "output_per_million": 2.0},
    }

    request_model = compiled(TEXT, model=model).request_model

    assert request_model is not None
    assert request_model.model_dump() == model


def test_source_columns_take_their_field_or_their_name() -> None:
    recipe = compiled(source("sku"), source("title", field="Product name"), TEXT, target=None)

    assert recipe.needs_input
    assert recipe.source_fields == {"sku": "sku", "title": "Product name"}


@pytest.mark.parametrize(
    ("column", "schema"),
    [
        (sampler("x", "category", values=["a", "b"]), {"type": "string", "enum": ["a", "b"]}),
        (sampler("x", "category", values=[1, 2.5]), {"type": "number", "enum": [1, 2.5]}),
        (sampler("x", "category", values=[1, True]), {"type": ["boolean", "integer"], "enum": [1, True]}),
        (sampler("x", "category", values=[f"v{n}" for n in range(300)]), {"type": "string"}),
        (sampler("x", "uniform", low=0, high=1), {"type": "number", "minimum": 0.0, "maximum": 1.0}),
        (sampler("x", "uniform", low=0, high=9, decimals=0), {"type": "integer", "minimum": 0.0, "maximum": 9.0}),
        (sampler("x", "gaussian", mean=0, stddev=1), {"type": "number"}),
        (sampler("x", "gaussian", mean=0, stddev=1, low=0, decimals=0), {"type": "integer", "minimum": 0.0}),
        (sampler("x", "poisson", mean=2), {"type": "integer", "minimum": 0}),
        (sampler("x", "bernoulli", p=0.5), {"type": "boolean"}),
        (sampler("x", "datetime", start="2024-01-01", end="2024-02-01"), {"type": "string", "format": "date-time"}),
        (sampler("x", "uuid"), {"type": "string", "format": "uuid"}),
        (expression("x", "1"), {"type": "string"}),
        (expression("x", "1", type="integer"), {"type": "integer"}),
        (expression("x", "1", type="json"), {}),
        (llm("x"), {"type": "string", "minLength": 1}),
        (llm("x", schema={"type": "integer", "minimum": 1}), {"type": "integer", "minimum": 1}),
    ],
)
def test_each_kind_of_column_has_its_type(column: Data, schema: Data) -> None:
    assert compiled(column).record_schema["properties"]["x"] == schema


def test_a_subcategory_may_be_any_value_of_any_list() -> None:
    recipe = compiled(COLOUR, sampler("x", "subcategory", of="colour", values={"red": ["a", "b"], "blue": ["b", 1]}))

    assert recipe.record_schema["properties"]["x"] == {"type": ["integer", "string"], "enum": ["a", "b", 1]}


def test_source_columns_have_the_type_of_their_field() -> None:
    fields = {
        "a": {"type": "integer", "minimum": 1, "maximum": 5},
        "b": {"values": ["x", "y"], "required": False},
        "c": {"type": "json"},
        "d": {"type": "number", "required": False},
    }
    columns = [source("b"), source("one", field="a"), source("c"), source("d"), source("e")]

    assert compiled(*columns, input={"fields": fields}).record_schema["properties"] == {
        "b": {"type": ["string", "null"], "enum": ["x", "y", None]},
        "one": {"type": "integer", "minimum": 1.0, "maximum": 5.0},
        "c": {},
        "d": {"type": ["number", "null"]},
        "e": {"type": "string"},
    }


def test_the_records_schema_is_a_closed_object_in_the_recipes_order() -> None:
    schema = compiled(TEXT, COLOUR, sampler("p", "person")).record_schema

    assert list(schema["properties"]) == schema["required"] == ["text", "colour", "p"]
    assert schema["additionalProperties"] is False
    jsonschema_rs.meta.validate(schema)


def test_the_hash_is_of_what_the_recipe_means() -> None:
    base = compiled(COLOUR, TEXT)

    assert base.recipe_hash == compiled(COLOUR, TEXT, description="other words").recipe_hash
    assert base.recipe_hash == compiled({**COLOUR, "drop": False}, TEXT, seed=0).recipe_hash
    assert base.recipe_hash != compiled(TEXT, COLOUR).recipe_hash
    assert base.recipe_hash != compiled(COLOUR, TEXT, model={"route": "other/model"}).recipe_hash
    assert base.recipe_hash != compiled(COLOUR, TEXT, seed=1).recipe_hash
    limited = {"route": "offline/fake-1", "limits": {"requests_per_minute": 1}}
    assert base.recipe_hash == compiled(COLOUR, TEXT, model=limited).recipe_hash


def test_a_stored_recipe_compiles_to_the_same() -> None:
    recipe = compiled(
        source("a"),
        COLOUR,
        llm("b", "{{ a }}", schema={"$ref": "#/$defs/x", "$defs": {"x": {"type": "integer"}}}),
        sampler("d", "datetime", start="2024-01-01", end="2024-02-01T00:00:00+02:00"),
        key="a",
    )
    stored = Recipe.model_validate(recipe.recipe.model_dump(mode="json"))

    assert recompile(stored) == recipe


def test_a_stored_recipe_is_checked_again() -> None:
    with pytest.raises(RecipeInvalid):
        recompile(Recipe.model_validate(data(llm("t", "{{ nothing }}"))))


def test_the_command_line_sets_records_and_model_over_the_recipe() -> None:
    overrides = Overrides(records=3, route="vllm/x", base_url="http://localhost:8000/v1")

    recipe = compile_recipe(data(TEXT, model={"route": "a", "system": "s"}), overrides).recipe

    assert recipe.target.records == 3
    assert recipe.model is not None
    assert (recipe.model.route, recipe.model.base_url, recipe.model.system) == (
        "vllm/x",
        "http://localhost:8000/v1",
        "s",
    )


def test_overrides_stand_in_for_what_the_recipe_leaves_out() -> None:
    recipe = compile_recipe(data(TEXT, target=None, model=None), Overrides(records=2, route="a/b")).recipe

    assert (recipe.target.records, recipe.model and recipe.model.route) == (2, "a/b")


def test_a_wrong_override_is_reported_at_its_place() -> None:
    with pytest.raises(RecipeInvalid) as caught:
        compile_recipe(data(TEXT), Overrides(records=0, base_url="nowhere"))

    assert [fault.path for fault in caught.value.faults] == ["target.records", "model.base_url"]


def test_an_override_does_not_hide_a_section_of_wrong_form() -> None:
    with pytest.raises(RecipeInvalid) as caught:
        compile_recipe(data(TEXT, target=5), Overrides(records=3))

    assert [fault.path for fault in caught.value.faults] == ["target"]


def test_compiling_does_not_change_what_it_is_given() -> None:
    whole = data(COLOUR, TEXT)
    before = repr(whole)

    compile_recipe(whole, Overrides(records=3, route="x"))

    assert repr(whole) == before
