"""How runs are listed: by what they were given."""

from typing import TypeVar

from prefect.runtime import flow_run

from synthmill_flows.parameters import Parameters

P = TypeVar("P", bound=Parameters)


def given(kind: type[P]) -> P:
    """The order of the run that is about to begin; Prefect has it as an object or as plain data."""
    order = flow_run.get_parameters().get("order")
    return order if isinstance(order, kind) else kind.model_validate(order or {})
