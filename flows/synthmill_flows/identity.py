"""Which job a flow run stands for: the one rule that flow, hooks and reconcile share (design law 10)."""

from collections.abc import Mapping
from typing import Protocol
from uuid import UUID


class HasId(Protocol):
    """A flow run, as the engine or a hook has it."""

    @property
    def id(self) -> UUID:
        """Prefect's id of the run."""


def job_id_of(flow_run: HasId, parameters: Mapping[str, object]) -> str:
    """The run's parameter `job_id`, else the run's own id."""
    given = parameters.get("job_id")
    return str(given) if given else str(flow_run.id)
