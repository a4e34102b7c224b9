"""What synthmill tells Prefect's event feed, for automations and for whoever looks on.

An event's id is made of what it is about, so that telling it twice is telling it once. Prefect being away costs the
event and nothing else: the record store has the facts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID, uuid5

from prefect.events import RelatedResource, emit_event

from synthmill_schemas.base import JsonObject

_NAMESPACE = UUID("6f0f7a3e-2a39-5d0c-9d6b-3f4f3a1c7e52")


class JobEvent(StrEnum):
    """How a job changed."""

    STARTED = "synthmill.job.started"
    CONTINUED = "synthmill.job.continued"
    COMPLETED = "synthmill.job.completed"
    COMPLETED_WITH_PARKED = "synthmill.job.completed-with-parked"
    FAILED = "synthmill.job.failed"
    PAUSED = "synthmill.job.paused"
    BLOCKED = "synthmill.job.blocked"
    CANCELLED = "synthmill.job.cancelled"
    STALLED = "synthmill.job.stalled"


class DatasetEvent(StrEnum):
    """What the gate decided about a version."""

    RELEASED = "synthmill.dataset.released"
    BLOCKED = "synthmill.dataset.blocked"


@dataclass(frozen=True, slots=True)
class Subject:
    """The job that an event is about; `flow_run_id`: the run whose feed shows it (default: the one that we are in)."""

    tenant: str
    job_id: str
    dataset: str
    flow_run_id: str | None = None


def tell_job(event: JobEvent, about: Subject, occasion: str = "", payload: JsonObject | None = None) -> None:
    """Sends an event of a job. `occasion` tells two of one name apart: a round, a day."""
    _tell(event, f"synthmill.job.{about.job_id}", about, occasion, payload)


def tell_dataset(event: DatasetEvent, about: Subject, version: int | None, payload: JsonObject | None = None) -> None:
    """Sends what became of a dataset's version; a blocked one has no number yet."""
    resource = f"synthmill.dataset.{about.tenant}.{about.dataset}"
    _tell(event, resource, about, str(version), {"dataset_version": version, **(payload or {})})


def event_id(event: str, about: Subject, occasion: str = "") -> UUID:
    """The same for the same occasion, whoever tells it and however often."""
    return uuid5(_NAMESPACE, "\n".join((event, about.tenant, about.job_id, occasion)))


def _tell(event: str, resource: str, about: Subject, occasion: str, payload: Mapping[str, object] | None) -> None:
    names = {"tenant": about.tenant, "job_id": about.job_id, "dataset": about.dataset}
    emit_event(
        event=event,
        resource={"prefect.resource.id": resource, "prefect.resource.name": about.dataset},
        related=_related(about),
        payload={**names, **(payload or {})},
        id=event_id(event, about, occasion),
    )


def _related(about: Subject) -> list[RelatedResource]:
    """The tag lets automations match ours alone; Prefect itself adds the run that we are in."""
    found = [{"prefect.resource.id": "prefect.tag.synthmill", "prefect.resource.role": "tag"}]
    if about.flow_run_id is not None:
        found.append(
            {"prefect.resource.id": f"prefect.flow-run.{about.flow_run_id}", "prefect.resource.role": "flow-run"}
        )
    return [RelatedResource.model_validate(resource) for resource in found]
