"""Turns whatever an endpoint raises into the answer that belongs to it."""

from collections.abc import Mapping

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import compile_path

from synthmill.errors import SynthmillError
from synthmill.serving.unreadable import Unreadable
from synthmill_api.dependencies import runtime_of
from synthmill_api.errors import KINDS, MEDIA_TYPE, RETRIED, Code, FaultItem, Refused, internal, refusal_of

_CLIENT_LEFT = 499  # nginx's number; nobody reads it
_BY_STATUS = {
    400: Code.UNREADABLE_REQUEST,
    404: Code.NOT_FOUND,
    405: Code.METHOD_NOT_ALLOWED,
    413: Code.TOO_LARGE,
    415: Code.UNSUPPORTED_MEDIA_TYPE,
}

_UNREADABLE = Refused(Code.UNREADABLE_REQUEST, "these bytes are no HTTP request, or its lines are longer than 64 KiB")
UNREADABLE = Unreadable(MEDIA_TYPE, _UNREADABLE.problem().model_dump_json().encode())
"""What is answered before there is a request."""


def add_handlers(app: FastAPI) -> None:
    """Registers a handler for every kind of error."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(SynthmillError, _own)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _unexpected)


def answer(request: Request, refused: Refused, headers: Mapping[str, str] | None = None) -> Response:
    """The problem as a response, with the headers that its status asks for."""
    told = dict(headers or {})
    if refused.kind.status in RETRIED:
        seconds = refused.retry_after or runtime_of(request).config.retry_after_seconds
        told.setdefault("Retry-After", str(seconds))
    if refused.kind.status == 401:
        told["WWW-Authenticate"] = 'Bearer realm="synthmill"'
    body = refused.problem().model_dump_json()
    return Response(body, refused.kind.status, headers=told, media_type=MEDIA_TYPE)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return answer(request, error)


def _own(request: Request, error: Exception) -> Response:
    assert isinstance(error, SynthmillError)
    return answer(request, refusal_of(error))


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [FaultItem(path=_path(fault["loc"]), message=fault["msg"]) for fault in error.errors()]
    if any(fault["type"] == "json_invalid" for fault in error.errors()):
        return answer(request, Refused(Code.UNREADABLE_REQUEST, "the body is not JSON", faults))
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    return answer(request, Refused(Code.INVALID_REQUEST, f"the request has {count}", faults))


def _path(location: tuple[int | str, ...]) -> str:
    """("body", "rows", 0) as body.rows[0]."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _BY_STATUS.get(error.status_code, Code.UNREADABLE_REQUEST)
    detail = error.detail if error.detail and code is not Code.NOT_FOUND else KINDS[code].title
    headers = dict(error.headers or {})
    if code is Code.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_methods(request)) or headers.get("Allow", "")
    return answer(request, Refused(code, detail), headers)


def _methods(request: Request) -> list[str]:
    """All that the path takes; the framework tells those of its first route alone."""
    paths: dict[str, dict[str, object]] = request.app.openapi()["paths"]
    path = request.scope["path"]
    templates = [path] if path in paths else [each for each in paths if compile_path(each)[0].match(path)]
    return sorted({method.upper() for template in templates for method in paths[template]})


def _gone(request: Request, error: Exception) -> Response:
    del request, error
    return Response(status_code=_CLIENT_LEFT)


def _unexpected(request: Request, error: Exception) -> Response:
    del error  # logged where the request's trace is known
    return answer(request, internal())
