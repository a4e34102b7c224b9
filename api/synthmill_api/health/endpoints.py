"""`/healthz`, `/readyz` and `/metrics`; the only routes without a key."""

from fastapi import APIRouter, Response
from pydantic import BaseModel

from synthmill.monitoring import metrics
from synthmill.monitoring.pages import HEALTHZ, METRICS, READYZ
from synthmill.monitoring.readiness import OK
from synthmill_api.dependencies import ReadinessHere, ServicesHere
from synthmill_api.errors import Code, Refused

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """The process answers."""

    status: str = "alive"


class Ready(BaseModel):
    """Whether each server behind answers; `ok` or what is wrong."""

    ready: bool
    checks: dict[str, str]


@router.get(HEALTHZ, operation_id="healthz")
async def healthz() -> Alive:
    """Whether the process lives; asks nobody else."""
    return Alive()


@router.get(READYZ, operation_id="readyz", responses={503: {"model": Ready, "description": "Not ready"}})
async def readyz(readiness: ReadinessHere, response: Response) -> Ready:
    """Whether requests can be served: record store, broker and object store answer."""
    checks = await readiness.words()
    ready = all(word == OK for word in checks.values())
    response.status_code = 200 if ready else 503
    return Ready(ready=ready, checks=checks)


@router.get(METRICS, include_in_schema=False)
async def tell_metrics(services: ServicesHere) -> Response:
    """The metrics in Prometheus's text format, unless the settings switch them off."""
    if not services.settings.monitoring.metrics:
        raise Refused(Code.NOT_FOUND, "metrics are switched off by SYNTHMILL_MONITORING__METRICS")
    return Response(metrics.exposition(), media_type=metrics.CONTENT_TYPE)
