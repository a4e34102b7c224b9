"""`/v1/jobs/{job_id}/events/stream`: what happens to a job, as server-sent events."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from typing import Annotated, Any

from fastapi import Header, Query, Response
from fastapi.responses import StreamingResponse

from synthmill.jobs.advance import TERMINAL_STATES
from synthmill_api.auth.guard import guarded, guarded_router
from synthmill_api.auth.scopes import Scope
from synthmill_api.dependencies import CallerHere, ConfigHere, LiveHere, ServicesHere
from synthmill_api.errors import Code
from synthmill_api.jobs import service as job_service
from synthmill_api.jobs.endpoints import JobIdHere
from synthmill_api.kit import sse
from synthmill_api.kit.streams import begun
from synthmill_api.live.service import POSITION, Position
from synthmill_api.live.stream import Terms, stream

router = guarded_router("jobs")

_EXAMPLE = (
    b"retry: 2000\n\n"
    + sse.frame("state", '{"n":4,"state":"planned","round":1,"reason":null,"at":"2026-11-23T07:24:04Z"}', "0.4")
    + sse.frame(
        "event",
        '{"id":"9f86-1-planned","service":"worker","name":"job.planned","level":"info","message":"job 9f86: 200 slots",'
        '"fields":{},"at":"2026-11-23T07:24:05Z"}',
        "1.4",
    )
    + sse.frame("end", '{"job_id":"9f86","state":"completed","reason":null}', "1.5.end")
)
_DESCRIPTION = (
    "`state`: the job came into a state. `event`: as GET /v1/jobs/{job_id}/events lists them. `progress`: as GET "
    "/v1/jobs/{job_id}; without an id, since the next one says it all. `end`: completed, completed_with_parked, failed "
    "or cancelled; a client that knows the end already gets 204."
)
_STRING = {"type": "string"}
_EVENT = {"type": "object", "properties": {"event": _STRING, "id": _STRING, "data": _STRING}}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": _DESCRIPTION,
        "content": {sse.MEDIA_TYPE: {"schema": _EVENT, "example": _EXAMPLE.decode()}},
    },
    204: {"description": "The end was told already, and nothing has happened since"},
}
_LAST = "the id of the last event that was read; what was stored behind it comes, and nothing twice"


@router.get(
    "/jobs/{job_id}/events/stream",
    operation_id="stream_events",
    response_class=StreamingResponse,
    **guarded(Scope.JOBS_READ, Code.NOT_FOUND, Code.TOO_MANY_STREAMS, Code.UNAVAILABLE, answers=_ANSWERS),
)
async def stream_events(
    services: ServicesHere,
    config: ConfigHere,
    caller: CallerHere,
    live: LiveHere,
    job_id: JobIdHere,
    last_event_id: Annotated[str | None, Header(pattern=POSITION, description=_LAST)] = None,
    after: Annotated[str | None, Query(pattern=POSITION, description="the same, for the first request")] = None,
) -> Response:
    """Follow a job live: its changes of state, its events and its numbers, until it ends.

    A stream ends after a while by itself (`SYNTHMILL_API__STREAM_SECONDS`); come back with `Last-Event-ID`.
    """
    await job_service.get(services, caller.tenant, job_id)
    position = Position.read(last_event_id or after)
    async with AsyncExitStack() as stack:
        watch = await stack.enter_async_context(live.listening(services, caller.tenant, job_id))
        view = await watch.ready()
        position.checked(view)
        if position.ended and view.job.state in TERMINAL_STATES and position.has_all_of(view):
            return Response(status_code=204)
        frames = stream(live, services, watch, position, Terms(config.heartbeat_seconds, config.stream_seconds))
        leaving = stack.pop_all()
    return StreamingResponse(await begun(_until_left(frames, leaving)), media_type=sse.MEDIA_TYPE)


async def _until_left(frames: AsyncGenerator[bytes, None], leaving: AsyncExitStack) -> AsyncGenerator[bytes, None]:
    async with leaving, aclosing(frames):
        async for frame in frames:
            yield frame
