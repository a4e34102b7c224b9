"""The route class of everything but health: key and scope are checked before a byte of the body is read."""

from collections.abc import Callable, Coroutine, Mapping
from enum import StrEnum
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from synthmill_api.auth.scopes import Caller, Scope
from synthmill_api.dependencies import Runtime, runtime_of
from synthmill_api.errors import ALWAYS, Code, Refused
from synthmill_api.kit.bodies import limited
from synthmill_api.openapi import problems

SCHEME = "key"
_SCOPE = "x-synthmill-scope"
_BODY = "x-synthmill-body"
_BODY_CODES = (Code.UNREADABLE_REQUEST, Code.TOO_LARGE, Code.UNSUPPORTED_MEDIA_TYPE)


class Body(StrEnum):
    """What a route takes."""

    NONE = "none"
    JSON = "json"
    FILE = "file"


def guarded(
    scope: Scope,
    *codes: Code,
    body: Body = Body.NONE,
    answers: Mapping[int | str, dict[str, Any]] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Keyword arguments for a route: the scope that it needs, and what it may answer beside its usual answer."""
    needs = {_SCOPE: scope.value, _BODY: body.value, "security": [{SCHEME: [scope.value]}]}
    of_body = () if body is Body.NONE else _BODY_CODES
    responses = {**problems(*ALWAYS, *of_body, *codes), **(answers or {})}
    return {"responses": responses, "openapi_extra": {**needs, **(extra or {})}}


class GuardedRoute(APIRoute):
    """Refuses to exist without a scope, and to serve without a key that has it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler behind the guard."""
        handle = super().get_route_handler()
        extra = self.openapi_extra or {}
        if _SCOPE not in extra:
            raise RuntimeError(f"{self.path} needs a scope: declare it with guarded(...)")
        needed, body = Scope(extra[_SCOPE]), Body(extra[_BODY])

        async def serve(request: Request) -> Response:
            runtime = runtime_of(request)
            request.state.caller = await _admitted(runtime, request, needed)
            return await handle(_bounded(runtime, request, body))

        return serve


def guarded_router(tag: str) -> APIRouter:
    """A router for one domain below /v1; all its routes are guarded."""
    return APIRouter(prefix="/v1", tags=[tag], route_class=GuardedRoute)


def _bounded(runtime: Runtime, request: Request, body: Body) -> Request:
    match body:
        case Body.NONE:
            return request
        case Body.FILE:
            return limited(request, runtime.config.max_source_bytes)
        case Body.JSON:
            type_ = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if type_ != "application/json" and not type_.endswith("+json"):
                raise Refused(Code.UNSUPPORTED_MEDIA_TYPE, "send JSON, and say so: Content-Type: application/json")
            return limited(request, runtime.config.max_body_bytes)


async def _admitted(runtime: Runtime, request: Request, needed: Scope) -> Caller:
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    caller = await runtime.keys.caller(text.strip()) if scheme.lower() == "bearer" else None
    if caller is None:
        raise Refused(Code.UNAUTHENTICATED, "there is no valid key with this request")
    if needed not in caller.scopes:
        raise Refused(Code.FORBIDDEN, f"key {caller.key} lacks the scope {needed}")
    return caller
