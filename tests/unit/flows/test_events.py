"""Events that synthmill tells Prefect: one id an occasion, related to their run, found by tag."""

import pytest
from prefect.events.schemas.events import Event

from synthmill_flows import events
from synthmill_flows.events import DatasetEvent, JobEvent, Subject, event_id, tell_dataset, tell_job

ABOUT = Subject("default", "job-1", "tickets", flow_run_id="0b5c1a52-4e0a-4d8e-8a53-3f27a4dcb0b2")


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """What Prefect was asked to send, as its own class of events takes it."""
    told: list[Event] = []
    monkeypatch.setattr(events, "emit_event", lambda **given: told.append(Event.model_validate(given)))
    return told


def test_an_event_told_twice_has_one_id(sent: list[Event]) -> None:
    tell_job(JobEvent.COMPLETED, ABOUT, "round 1")
    tell_job(JobEvent.COMPLETED, ABOUT, "round 1")
    first, second = sent
    assert first.id == second.id == event_id("synthmill.job.completed", ABOUT, "round 1")


def test_another_occasion_tenant_or_name_is_another_event() -> None:
    ids = {
        event_id(JobEvent.STALLED, ABOUT, "round 1"),
        event_id(JobEvent.STALLED, ABOUT, "round 2"),
        event_id(JobEvent.FAILED, ABOUT, "round 1"),
        event_id(JobEvent.STALLED, Subject("other", "job-1", "tickets"), "round 1"),
    }
    assert len(ids) == 4


def test_an_event_is_one_of_its_runs_and_carries_the_tag_that_automations_match(sent: list[Event]) -> None:
    tell_job(JobEvent.CANCELLED, ABOUT, payload={"accepted": 7})
    (event,) = sent
    related = {(part.role, part.id) for part in event.related}
    assert ("flow-run", f"prefect.flow-run.{ABOUT.flow_run_id}") in related
    assert ("tag", "prefect.tag.synthmill") in related
    assert event.resource.id == "synthmill.job.job-1"
    assert event.payload == {"tenant": "default", "job_id": "job-1", "dataset": "tickets", "accepted": 7}


def test_a_datasets_event_names_its_version(sent: list[Event]) -> None:
    tell_dataset(DatasetEvent.RELEASED, ABOUT, 3)
    (event,) = sent
    assert (event.event, event.resource.id) == ("synthmill.dataset.released", "synthmill.dataset.default.tickets")
    assert event.payload["dataset_version"] == 3
