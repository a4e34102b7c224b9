"""Flows are found by their names: by the services that look after lost runs, and by deployments."""

from typing import Any

from prefect import Flow

from synthmill.runs.prefect import JOB_FLOWS
from synthmill_flows.generate import generate_dataset
from synthmill_flows.importing import import_sources
from synthmill_flows.quote import quote_recipe
from synthmill_flows.refresh import refresh_dataset
from synthmill_flows.replay import replay_rejects
from synthmill_flows.sweeping import sweep

STANDING_FOR_A_JOB: list[Flow[..., Any]] = [generate_dataset, refresh_dataset, quote_recipe, replay_rejects]


def test_services_know_every_flow_whose_run_stands_for_a_job() -> None:
    assert [flow.name for flow in STANDING_FOR_A_JOB] == list(JOB_FLOWS)


def test_such_a_flow_passes_on_its_cancel_and_its_crash() -> None:
    hooks = {
        flow.name: (len(flow.on_cancellation_hooks or []), len(flow.on_crashed_hooks or []))
        for flow in STANDING_FOR_A_JOB
    }
    assert set(hooks.values()) == {(1, 1)}, hooks


def test_every_flow_takes_one_parameter_and_refuses_what_it_does_not_declare() -> None:
    every: list[Flow[..., Any]] = [*STANDING_FOR_A_JOB, import_sources, sweep]
    for flow in every:
        schema = flow.parameters.model_dump()
        assert list(schema["properties"]) == ["order"], flow.name
        assert [d.get("additionalProperties") for d in schema["definitions"].values() if "properties" in d] == [False]
