"""`/internal/prefect/run-ended`: Prefect says that a run was cancelled or crashed; a token of its own opens it."""

import asyncio
import hmac
import logging
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request

from synthmill.errors import SynthmillError
from synthmill.runs.lost import look_after, settles_in
from synthmill.runs.prefect import prefect_rest
from synthmill.services import Services
from synthmill_api.config import ApiConfig
from synthmill_api.dependencies import ConfigHere, ServicesHere
from synthmill_api.errors import Code, Refused

router = APIRouter(prefix="/internal", include_in_schema=False)

logger = logging.getLogger(__name__)


class RunEnded(BaseModel):
    """The run; how it stands is asked of Prefect, so that a late or false word does nothing wrong."""

    model_config = ConfigDict(extra="forbid")

    flow_run_id: UUID


class Done(BaseModel):
    """What was done about its job: left, continued, cancelled or given_up; later: it is looked at again in a moment."""

    outcome: str


@router.post("/prefect/run-ended")
async def run_ended(
    request: Request, services: ServicesHere, config: ConfigHere, body: RunEnded, background: BackgroundTasks
) -> Done:
    """Cancels the job of a cancelled run, continues a crashed run; the same as reconcile does a little later."""
    _admit(request, config)
    if services.settings.prefect.url is None:
        raise Refused(Code.NOT_FOUND, "this installation names no Prefect server: set SYNTHMILL_PREFECT__URL")
    outcome, wait = await _look(services, str(body.flow_run_id))
    if outcome == "left" and wait:
        background.add_task(_look_again, services, str(body.flow_run_id), wait)
        outcome = "later"
    return Done(outcome=outcome)


async def _look(services: Services, run_id: str) -> tuple[str, float]:
    """What was done, and in how many seconds there may be more to do."""
    async with prefect_rest(services.settings.prefect) as prefect:
        run = await prefect.find(run_id)
        if run is None:
            return "left", 0.0
        return await look_after(services, prefect, run), settles_in(run)


async def _look_again(services: Services, run_id: str, seconds: float) -> None:
    """A crash is told at once, and a run may not go on before it has settled."""
    await asyncio.sleep(seconds)
    try:
        await _look(services, run_id)
    except SynthmillError as error:
        logger.warning("run %s is left to reconcile: %s", run_id, error)


def _admit(request: Request, config: ApiConfig) -> None:
    if config.webhook_token is None:
        raise Refused(Code.NOT_FOUND, "webhooks are off: set SYNTHMILL_API__WEBHOOK_TOKEN")
    expected = f"Bearer {config.webhook_token.get_secret_value()}".encode()
    if not hmac.compare_digest(request.headers.get("authorization", "").encode(), expected):
        raise Refused(Code.UNAUTHENTICATED, "this is not the token of the webhooks")
