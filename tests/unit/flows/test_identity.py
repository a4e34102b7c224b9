"""Flow, hooks and reconcile name the same job for the same run."""

import uuid
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from synthmill.settings import Settings
from synthmill_flows.identity import Run, run_of
from synthmill_flows.parameters import GenerateParameters

RUN = SimpleNamespace(id=uuid.UUID("11111111-2222-4333-8444-555555555555"))
SETTINGS = Settings(tenant="acme")


def test_a_given_job_and_tenant_are_taken_as_the_engine_or_a_hook_has_them() -> None:
    wanted = Run(str(RUN.id), "zenith", "job-1")
    assert run_of(RUN, {"order": GenerateParameters(job_id="job-1", tenant="zenith")}, SETTINGS) == wanted
    assert run_of(RUN, {"order": {"job_id": "job-1", "tenant": "zenith"}}, SETTINGS) == wanted


def test_without_them_the_run_is_the_job_and_the_tenant_that_of_the_deployment() -> None:
    assert run_of(RUN, {"order": {}}, SETTINGS) == Run(str(RUN.id), "acme", str(RUN.id))
    assert run_of(RUN, {}, SETTINGS) == Run(str(RUN.id), "acme", str(RUN.id))


@pytest.mark.parametrize(
    "order",
    [{"nope": 1}, {"records": 0}, {"job_id": "a/b"}, {"tenant": "Acme"}, {"inputs": [""]}, {"inputs": ["a"] * 1_001}],
    ids=str,
)
def test_what_no_run_can_use_is_refused(order: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        run_of(RUN, {"order": order}, SETTINGS)


def test_every_parameter_has_a_title_and_a_help_text_for_the_form() -> None:
    properties = GenerateParameters.model_json_schema()["properties"]
    assert [name for name, field in properties.items() if not field.get("title") or not field.get("description")] == []
    assert sorted(field["position"] for field in properties.values()) == list(range(len(properties)))
