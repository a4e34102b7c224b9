"""The route class of everything but health: key and scope are checked before a byte of the body is read."""

from collections.abc import Callable, Coroutine, Mapping
from enum import StrEnum
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from synthmill.jobs.documents import find_job
from synthmill_api.auth.scopes import Caller, Scope
from synthmill_api.dependencies import Runtime, runtime_of
from synthmill_api.errors import ALWAYS, Code, Refused
from synthmill_api.kit.bodies import Bound, bound
from synthmill_api.kit.headers import add_header
from synthmill_api.openapi import RATE_HEADERS, problems
from synthmill_schemas.ids import job_id_from_key

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

SCHEME = "key"
_SCOPE = "x-synthmill-scope"
_BODY = "x-synthmill-body"
_DOTS_OF_A_TOKEN = 2  # a key has one
_WORK = "x-synthmill-work"
_WORK_CODES = (Code.JOBS_QUOTA, Code.BUDGET_SPENT)
_BODY_CODES = (Code.TOO_LARGE, Code.UNSUPPORTED_MEDIA_TYPE)


class Body(StrEnum):
    """What a route takes."""

    NONE = "none"
    JSON = "json"
    FILE = "file"


class Work(StrEnum):
    """What a route sets going that a quota is for."""

    NONE = "none"
    NEW_JOB = "new job"  # asked for again by its Idempotency-Key it is the job that there is
    MORE = "more"  # of a job that there is, or of many to come


def guarded(
    scope: Scope,
    *codes: Code,
    body: Body = Body.NONE,
    work: Work = Work.NONE,
    answers: Mapping[int | str, dict[str, Any]] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Keyword arguments for a route: the scope that it needs, and what it may answer beside its usual answer.

    One that starts work is refused while the tenant has as many running jobs as it may have, or has spent its month.
    """
    needs = {_SCOPE: scope.value, _BODY: body.value, _WORK: work.value, "security": [{SCHEME: [scope.value]}]}
    of_body = () if body is Body.NONE else _BODY_CODES
    of_file = (Code.UPLOAD_QUOTA,) if body is Body.FILE else ()
    of_work = _WORK_CODES if work is not Work.NONE else ()
    responses = {**problems(*ALWAYS, *of_body, *of_file, *of_work, *codes), **(answers or {})}
    return {"responses": responses, "openapi_extra": {**needs, **(extra or {})}}


class GuardedRoute(APIRoute):
    """Refuses to exist without a scope, and to serve without a key that has it."""

    def get_route_handler(self) -> Handler:
        """The handler behind the guard."""
        handle = super().get_route_handler()
        extra = self.openapi_extra or {}
        if _SCOPE not in extra:
            raise RuntimeError(f"{self.path} needs a scope: declare it with guarded(...)")
        needed, body, work = Scope(extra[_SCOPE]), Body(extra[_BODY]), Work(extra[_WORK])

        async def serve(request: Request) -> Response:
            runtime = runtime_of(request)
            caller = request.state.caller = await _admitted(runtime, request, needed)
            await _admit_work(runtime, request, caller.tenant, work)
            if body is Body.FILE:
                return await _receiving(runtime, request, caller.tenant, handle)
            return await handle(_bounded(runtime, request, body))

        return serve


def guarded_router(tag: str) -> APIRouter:
    """A router for one domain below /v1; all its routes are guarded."""
    return APIRouter(prefix="/v1", tags=[tag], route_class=GuardedRoute)


def _bounded(runtime: Runtime, request: Request, body: Body) -> Request:
    match body:
        case Body.NONE | Body.FILE:
            return request
        case Body.JSON:
            type_ = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if type_ != "application/json" and not type_.endswith("+json"):
                raise Refused(Code.UNSUPPORTED_MEDIA_TYPE, "send JSON, and say so: Content-Type: application/json")
            return bound(runtime.config.max_body_bytes).applied(request)


async def _receiving(runtime: Runtime, request: Request, tenant: str, handle: Handler) -> Response:
    """Serves an upload; its bytes count towards the tenant's, whatever becomes of them."""
    most, room = runtime.config.max_source_bytes, await runtime.quotas.upload_room(tenant)
    refusal = Refused(Code.UPLOAD_QUOTA, f"this tenant may upload {room} bytes more today or this month")
    body = bound(most) if room is None or room > most else Bound(room, refusal)
    try:
        return await handle(body.applied(request))
    finally:
        await runtime.quotas.received(tenant, body.received)


async def _admitted(runtime: Runtime, request: Request, needed: Scope) -> Caller:
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    caller = await _caller(runtime, text.strip()) if scheme.lower() == "bearer" else None
    if caller is None:
        raise Refused(Code.UNAUTHENTICATED, "there is no valid key with this request")
    await _take_one(runtime, request, caller.tenant)
    if needed not in caller.scopes:
        raise Refused(Code.FORBIDDEN, f"key {caller.key} lacks the scope {needed}")
    return caller


async def _caller(runtime: Runtime, text: str) -> Caller | None:
    if runtime.tokens is not None and text.count(".") == _DOTS_OF_A_TOKEN:
        return await runtime.tokens.caller(text)
    return await runtime.keys.caller(text)


async def _take_one(runtime: Runtime, request: Request, tenant: str) -> None:
    taken = await runtime.quotas.take(tenant)
    if taken is None:
        return
    for name, value in zip(RATE_HEADERS, (taken.limit, taken.remaining, taken.full_in), strict=True):
        add_header(request, name, str(value))
    if not taken.granted:
        detail = f"this tenant may send {taken.limit} requests at once here, and they are used up"
        raise Refused(Code.RATE_LIMITED, detail, retry_after=taken.next_in)


async def _admit_work(runtime: Runtime, request: Request, tenant: str, work: Work) -> None:
    key = request.headers.get("idempotency-key")
    if work is Work.NEW_JOB and key and await find_job(runtime.services.store, tenant, job_id_from_key(tenant, key)):
        return  # asked for again, which costs nothing
    if work is not Work.NONE:
        await runtime.quotas.admit_work(tenant, request.path_params.get("job_id"))
