"""prefect.yaml: nothing in it is misspelt, and what it gives to a flow fits the flow.

Prefect ignores keys that it does not know and does not look at the parameters of schedules before their time comes.
"""

import asyncio
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from prefect.cli.deploy._models import (
    ConcurrencyLimitSpec,
    DeploymentConfig,
    PrefectYamlModel,
    RawScheduleConfig,
    WorkPoolConfig,
)
from prefect.client.schemas.objects import ConcurrencyLimitStrategy
from prefect.client.schemas.schedules import CronSchedule
from prefect.events.schemas.deployment_triggers import DeploymentEventTrigger
from prefect.flows import Flow, load_flow_from_entrypoint

from synthmill_flows.pool.templates import POOL
from tests.support.deployments import load_yaml

FILE = Path("prefect.yaml")
HEAVY = ("great_expectations", "litellm", "pandera", "polars")
IMPORT_SECONDS = 3.0


@cache
def contents() -> dict[str, Any]:
    (document,) = load_yaml(FILE)
    return dict(document)


def deployments() -> list[dict[str, Any]]:
    return list(contents()["deployments"])


def label(deployment: dict[str, Any]) -> str:
    return f"{deployment['flow_name']}/{deployment['name']}"


@cache
def flow_of(entrypoint: str) -> Flow[..., Any]:
    return load_flow_from_entrypoint(entrypoint)


each = pytest.mark.parametrize("deployment", deployments(), ids=label)
schedules = [(each_, schedule) for each_ in deployments() for schedule in each_.get("schedules", [])]
each_schedule = pytest.mark.parametrize(("deployment", "schedule"), schedules, ids=[s["slug"] for _, s in schedules])


def unknown(given: dict[str, Any], model: type[Any]) -> set[str]:
    known = {field.alias or name for name, field in model.model_fields.items()}
    return set(given) - known


def test_the_file_is_one_that_prefect_reads_and_has_no_key_of_nobody() -> None:
    PrefectYamlModel.model_validate(contents())
    assert unknown(contents(), PrefectYamlModel) == {"definitions"}


def test_a_misspelt_key_would_be_found() -> None:
    assert unknown({**deployments()[0], "retreis": 3}, DeploymentConfig) == {"retreis"}


@each
def test_a_deployment_has_no_key_of_nobody(deployment: dict[str, Any]) -> None:
    assert unknown(deployment, DeploymentConfig) == set()
    assert unknown(deployment["work_pool"], WorkPoolConfig) == set()
    assert unknown(deployment["concurrency_limit"], ConcurrencyLimitSpec) == set()


@each
def test_a_deployment_runs_its_flow_in_our_pool_under_our_tag(deployment: dict[str, Any]) -> None:
    assert flow_of(deployment["entrypoint"]).name == deployment["flow_name"]
    assert deployment["work_pool"]["name"] == POOL
    assert deployment["tags"] == ["synthmill"]
    assert deployment["enforce_parameter_schema"] is True


@each
def test_a_deployment_says_what_happens_when_too_many_run(deployment: dict[str, Any]) -> None:
    limit = deployment["concurrency_limit"]
    assert limit["limit"] >= 1
    assert limit["collision_strategy"] in set(ConcurrencyLimitStrategy)
    assert limit["grace_period_seconds"] >= 60


@each
def test_parameters_fit_the_flow(deployment: dict[str, Any]) -> None:
    _validate(flow_of(deployment["entrypoint"]), deployment.get("parameters", {}))


@each_schedule
def test_a_schedules_parameters_fit_the_flow_and_its_times_have_a_zone(
    deployment: dict[str, Any], schedule: dict[str, Any]
) -> None:
    assert unknown(schedule, RawScheduleConfig) == set()
    RawScheduleConfig.model_validate(schedule)
    ZoneInfo(schedule["timezone"])
    if "cron" in schedule:
        CronSchedule(cron=schedule["cron"], timezone=schedule["timezone"])
    assert schedule["slug"]
    _validate(flow_of(deployment["entrypoint"]), {**deployment.get("parameters", {}), **schedule.get("parameters", {})})


def test_every_flow_is_deployed_and_every_schedule_is_switched_on_by_hand() -> None:
    assert {label(deployment) for deployment in deployments()} == {
        "generate-dataset/default",
        "refresh-dataset/default",
        "refresh-dataset/scheduled",
        "quote-recipe/default",
        "replay-rejects/default",
        "import-sources/default",
        "sweep/default",
    }
    assert [schedule["slug"] for _, schedule in schedules if schedule.get("active", True)] == []


@each
def test_a_trigger_is_one_that_prefect_takes(deployment: dict[str, Any]) -> None:
    for trigger in deployment.get("triggers", []):
        taken = DeploymentEventTrigger.model_validate(trigger)
        assert set(trigger) <= set(type(taken).model_fields)
        assert set(trigger.get("parameters", {})) <= set(flow_of(deployment["entrypoint"]).parameters.properties)


@each
def test_a_flow_is_imported_in_no_time_and_without_the_heavy_libraries(deployment: dict[str, Any]) -> None:
    module = deployment["entrypoint"].rpartition(".")[0]
    code = (
        f"import sys, time, prefect, prefect.flows; before = time.process_time(); import {module}; "
        f"print(time.process_time() - before, [name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, _, heavy = done.stdout.strip().partition(" ")
    assert heavy == "[]"
    assert float(seconds) < IMPORT_SECONDS


def _validate(flow: Flow[..., Any], given: dict[str, Any]) -> None:
    """As the server does at a run's creation, and as the flow does at its start."""
    properties = flow.parameters.properties
    assert set(given) <= set(properties)
    required = set(flow.parameters.required or [])
    if required <= set(given):
        asyncio.run(_as_flow(flow, given))


async def _as_flow(flow: Flow[..., Any], given: dict[str, Any]) -> None:
    flow.validate_parameters(given)
