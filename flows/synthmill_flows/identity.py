"""Which job a flow run stands for, and whose: the one rule that flow, hooks and reconcile share (design law 10)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from pydantic import TypeAdapter

from synthmill.settings import Settings
from synthmill_flows.parameters import GenerateParameters, QuoteParameters, RefreshParameters, ReplayParameters

_ORDERS: TypeAdapter[GenerateParameters | RefreshParameters | QuoteParameters | ReplayParameters] = TypeAdapter(
    GenerateParameters | RefreshParameters | QuoteParameters | ReplayParameters
)
"""The parameters of every flow that stands for a job, as an object or, in a hook, as plain data."""


class HasId(Protocol):
    """A flow run, as the engine or a hook has it."""

    @property
    def id(self) -> UUID:
        """Prefect's id of the run."""


@dataclass(frozen=True, slots=True)
class Run:
    """A flow run and the job that it stands for."""

    flow_run_id: str
    tenant: str
    job_id: str


def run_of(flow_run: HasId, parameters: Mapping[str, object], settings: Settings) -> Run:
    """The job is the parameters' `job_id`, else it has the run's own id; the tenant likewise, else the settings'."""
    order = _ORDERS.validate_python(parameters.get("order") or {})
    run_id = str(flow_run.id)
    return Run(run_id, order.tenant or settings.tenant, order.job_id or run_id)
