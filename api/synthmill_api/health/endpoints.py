"""`/healthz` and `/readyz`; the only routes without a key."""

from fastapi import APIRouter, Response
from pydantic import BaseModel

from synthmill_api.dependencies import ServicesHere
from synthmill_api.health.service import Checks, readiness

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """The process answers."""

    status: str = "alive"


class Readiness(BaseModel):
    """Whether each server behind answers; `ok` or what is wrong."""

    ready: bool
    checks: Checks


@router.get("/healthz", operation_id="healthz")
async def healthz() -> Alive:
    """Whether the process lives; asks nobody else."""
    return Alive()


@router.get("/readyz", operation_id="readyz", responses={503: {"model": Readiness, "description": "Not ready"}})
async def readyz(services: ServicesHere, response: Response) -> Readiness:
    """Whether requests can be served: record store, broker and object store answer."""
    checks = await readiness(services)
    ready = all(word == "ok" for word in checks.values())
    response.status_code = 200 if ready else 503
    return Readiness(ready=ready, checks=checks)
