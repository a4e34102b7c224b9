"""What people and programs may give a run: bounded, named, explained, and nothing else."""

import pytest
from pydantic import ValidationError

from synthmill_flows import parameters
from synthmill_flows.parameters import (
    GenerateParameters,
    ImportParameters,
    Parameters,
    QuoteParameters,
    RefreshParameters,
    ReplayParameters,
    SweepParameters,
)

MODELS = [GenerateParameters, RefreshParameters, QuoteParameters, ReplayParameters, ImportParameters, SweepParameters]

ENOUGH: dict[type[Parameters], dict[str, object]] = {
    GenerateParameters: {},
    RefreshParameters: {"recipe": "products", "location": "drop/"},
    QuoteParameters: {"recipe": "products"},
    ReplayParameters: {"job_id": "job-1"},
    ImportParameters: {"location": "drop/"},
    SweepParameters: {},
}


def test_every_model_is_looked_at() -> None:
    known = {each for each in vars(parameters).values() if isinstance(each, type) and issubclass(each, Parameters)}
    assert known - {Parameters} == set(MODELS) == set(ENOUGH)


@pytest.mark.parametrize("model", MODELS)
def test_every_field_has_a_title_a_help_text_and_a_place_in_the_form(model: type[Parameters]) -> None:
    properties = model.model_json_schema()["properties"]
    bare = [name for name, field in properties.items() if not field.get("title") and "$ref" not in field]
    assert bare == []
    assert [name for name, field in properties.items() if not field.get("description")] == []
    assert sorted(field["position"] for field in properties.values()) == list(range(len(properties)))


@pytest.mark.parametrize("model", MODELS)
def test_what_is_enough_is_taken_and_anything_undeclared_is_refused(model: type[Parameters]) -> None:
    model.model_validate(ENOUGH[model])
    with pytest.raises(ValidationError):
        model.model_validate({**ENOUGH[model], "rows": []})


@pytest.mark.parametrize(
    ("model", "change"),
    [
        (RefreshParameters, {"location": ""}),
        (RefreshParameters, {"place": "ftp"}),
        (QuoteParameters, {"slots": 0}),
        (QuoteParameters, {"slots": 101}),
        (QuoteParameters, {"records": 0}),
        (ReplayParameters, {"job_id": ""}),
        (ReplayParameters, {"classes": ["bad luck"]}),
        (ImportParameters, {"place": "upload"}),
    ],
)
def test_what_is_out_of_bounds_is_refused(model: type[Parameters], change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        model.model_validate({**ENOUGH[model], **change})
