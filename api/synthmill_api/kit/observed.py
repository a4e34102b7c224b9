"""Sees every request: gives it a trace, a line in the log, and a place in the metrics."""

import logging
import time
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from synthmill import tracing
from synthmill.monitoring.pages import HEALTHZ, METRICS, READYZ
from synthmill.tracing import Trace
from synthmill_api import metrics

_log = logging.getLogger("synthmill_api")
_PROBES = (HEALTHZ, READYZ, METRICS)
_UNMATCHED = "unmatched"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_GONE = 499  # the answer was never begun, because the client had left


class Observed:
    """ASGI middleware; a request's `traceparent` is taken over, so that the client's trace goes on in the job."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with tracing.following(_trace(scope)), metrics.IN_FLIGHT.held():
            await self._observe(scope, receive, send)

    async def _observe(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, status = time.monotonic(), _GONE

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_on)
        except Exception:
            status = 500
            _log.exception("%s %s failed", scope["method"], scope["path"])
            raise
        finally:
            _note(scope, status, time.monotonic() - began)


def _trace(scope: Scope) -> Trace:
    given = tracing.parse(Headers(scope=scope).get(tracing.HEADER))
    return given.child() if given else tracing.new()


def _note(scope: Scope, status: int, seconds: float) -> None:
    route, method = _route(scope), scope["method"] if scope["method"] in _METHODS else "other"
    metrics.REQUESTS.add(route=route, method=method, status=f"{status // 100}xx")
    metrics.SECONDS.observe(seconds, route=route, method=method)
    level = logging.DEBUG if route in _PROBES else logging.INFO
    fields: Mapping[str, object] = {"route": route, "method": method, "status": status, "seconds": round(seconds, 4)}
    job_id = scope.get("path_params", {}).get("job_id")
    about = {"job_id": job_id} if job_id else {}
    _log.log(level, "%s %s: %d in %.3f s", method, scope["path"], status, seconds, extra={**fields, **about})


def _route(scope: Scope) -> str:
    """The template, so that ids in paths do not become label values."""
    return getattr(scope.get("route"), "path", None) or _UNMATCHED
