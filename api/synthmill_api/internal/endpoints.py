"""`/internal/prefect/run-ended`: Prefect says that a run was cancelled or crashed; a token of its own opens it."""

import hmac
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request

from synthmill.runs.lost import look_after
from synthmill.runs.prefect import prefect_rest
from synthmill.services import Services
from synthmill_api.config import ApiConfig
from synthmill_api.dependencies import ConfigHere, ServicesHere
from synthmill_api.errors import Code, Refused

router = APIRouter(prefix="/internal", include_in_schema=False)


class RunEnded(BaseModel):
    """The run; how it stands is asked of Prefect, so that a late or false word does nothing wrong."""

    model_config = ConfigDict(extra="forbid")

    flow_run_id: UUID


class Done(BaseModel):
    """What was done about its job: left, continued, cancelled or given_up."""

    outcome: str


@router.post("/prefect/run-ended")
async def run_ended(request: Request, services: ServicesHere, config: ConfigHere, body: RunEnded) -> Done:
    """Cancels the job of a cancelled run, continues a crashed run; the same as reconcile does a little later."""
    _admit(request, config)
    return Done(outcome=await _look(services, str(body.flow_run_id)))


async def _look(services: Services, run_id: str) -> str:
    if services.settings.prefect.url is None:
        raise Refused(Code.NOT_FOUND, "this installation names no Prefect server: set SYNTHMILL_PREFECT__URL")
    async with prefect_rest(services.settings.prefect) as prefect:
        run = await prefect.find(run_id)
        return "left" if run is None else await look_after(services, prefect, run)


def _admit(request: Request, config: ApiConfig) -> None:
    if config.webhook_token is None:
        raise Refused(Code.NOT_FOUND, "webhooks are off: set SYNTHMILL_API__WEBHOOK_TOKEN")
    expected = f"Bearer {config.webhook_token.get_secret_value()}".encode()
    if not hmac.compare_digest(request.headers.get("authorization", "").encode(), expected):
        raise Refused(Code.UNAUTHENTICATED, "this is not the token of the webhooks")
