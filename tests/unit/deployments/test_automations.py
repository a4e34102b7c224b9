"""deployments/automations.yaml: what Prefect takes, about our runs alone, with payloads that are JSON."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.server.events.schemas.automations import AutomationCore as ServersAutomation
from prefect.server.events.schemas.events import ReceivedEvent
from prefect.server.utilities.user_templates import render_user_template

from synthmill_flows.pool.automations import blocks_wanted, declared, resolved
from synthmill_flows.pool.files import automations_file
from tests.support.deployments import assignments

AUTOMATIONS = declared(automations_file())
BLOCKS = {"synthmill-api": uuid4(), "synthmill-notify": uuid4()}
HEARTBEAT_SECONDS = int(assignments(Path("deployments/settings/prefect.env"))["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"])
each = pytest.mark.parametrize("automation", AUTOMATIONS, ids=[found["name"] for found in AUTOMATIONS])


def by_name(name: str) -> dict[str, Any]:
    return next(found for found in AUTOMATIONS if found["name"] == name)


@each
def test_the_server_takes_it_and_it_has_no_key_of_nobody(automation: dict[str, Any]) -> None:
    taken = resolved(automation, BLOCKS.get)
    assert taken is not None
    ServersAutomation.model_validate(taken.model_dump(mode="json"))
    assert set(automation) <= {"name", "description", "enabled", "trigger", "actions"}
    assert set(automation["trigger"]) <= set(type(taken.trigger).model_fields)


@each
def test_it_is_about_nobody_elses_runs(automation: dict[str, Any]) -> None:
    trigger = automation["trigger"]
    if trigger["match"]["prefect.resource.id"].startswith("synthmill."):
        assert all(event.startswith("synthmill.") for event in trigger["expect"])
    else:
        assert trigger["match_related"] == {
            "prefect.resource.role": "tag",
            "prefect.resource.id": "prefect.tag.synthmill",
        }


def test_one_whose_webhook_is_not_there_is_left_out() -> None:
    def nothing(name: str) -> UUID | None:
        return None

    left = {found["name"] for found in AUTOMATIONS if resolved(found, nothing) is not None}
    assert left == {"synthmill-crash-zombies"}
    assert {name for found in AUTOMATIONS for name in blocks_wanted(found)} == set(BLOCKS)


def test_a_run_is_not_taken_for_dead_before_it_missed_three_signs_of_life() -> None:
    assert by_name("synthmill-crash-zombies")["trigger"]["within"] >= 4 * HEARTBEAT_SECONDS


@pytest.mark.parametrize("name", ["synthmill-notify-blocked", "synthmill-notify-stalled"])
@pytest.mark.parametrize("reason", [None, 'its "shares" are off'])
async def test_a_notification_is_json_and_says_what_it_is_about(name: str, reason: str | None) -> None:
    automation = by_name(name)
    payload = {"tenant": "default", "job_id": "job-1", "dataset": "tickets"} | ({"reason": reason} if reason else {})
    event = ReceivedEvent.model_validate(
        {
            "occurred": "2026-01-01T00:00:00Z",
            "event": automation["trigger"]["expect"][0],
            "resource": {"prefect.resource.id": "synthmill.job.job-1"},
            "payload": payload,
            "id": str(uuid4()),
        }
    )
    (action,) = automation["actions"]
    told = json.loads(await render_user_template(action["payload"], {"event": event}))
    assert "tickets" in told["text"]
    assert "job-1" in told["text"]
    assert (reason or "") in told["text"]
    assert told["event"] == payload


async def test_the_end_of_a_run_is_told_by_its_id() -> None:
    (action,) = by_name("synthmill-run-ended")["actions"]
    run = type("Run", (), {"id": "0b5c1a52-4e0a-4d8e-8a53-3f27a4dcb0b2"})()
    assert json.loads(await render_user_template(action["payload"], {"flow_run": run})) == {"flow_run_id": run.id}
