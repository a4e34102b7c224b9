"""The three pages of a service: `/healthz`, `/readyz` and `/metrics`.

/healthz  200 while the process answers at all
/readyz   200 when the service can do its work, else 503; {"ready": …, "checks": {part: "ok" or what is wrong}}
/metrics  the metrics in Prometheus's text format; 404 where the settings switch it off
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from synthmill.monitoring import metrics
from synthmill.monitoring.readiness import OK, Readiness
from synthmill.serving.asgi import App, Receive, Scope, Send

HEALTHZ, READYZ, METRICS = "/healthz", "/readyz", "/metrics"
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Page:
    """An answer."""

    status: int
    body: bytes
    media_type: str = _JSON


def _page(status: int, content: Mapping[str, object]) -> Page:
    return Page(status, json.dumps(content, separators=(",", ":")).encode())


class Pages:
    """The pages of one service."""

    def __init__(self, readiness: Readiness, *, with_metrics: bool) -> None:
        self._readiness = readiness
        self._pages: dict[str, Callable[[], Awaitable[Page]]] = {HEALTHZ: self._healthz, READYZ: self._readyz}
        if with_metrics:
            self._pages[METRICS] = self._metrics

    async def at(self, path: str) -> Page | None:
        """The page of this path, if it is one of ours."""
        page = self._pages.get(path)
        return None if page is None else await page()

    async def close(self) -> None:
        """Gives up questions under way."""
        await self._readiness.close()

    async def _healthz(self) -> Page:
        return _page(200, {"status": "alive"})

    async def _readyz(self) -> Page:
        checks = await self._readiness.words()
        ready = all(word == OK for word in checks.values())
        return _page(200 if ready else 503, {"ready": ready, "checks": checks})

    async def _metrics(self) -> Page:
        return Page(200, metrics.exposition(), metrics.CONTENT_TYPE)


class PagesApp:
    """ASGI: the pages by GET and HEAD, before `behind` or, without one, alone."""

    def __init__(self, behind: App | None, pages: Pages) -> None:
        self._behind = behind
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the life of the application."""
        page = await self._pages.at(scope["path"]) if _reads(scope) else None
        if page is not None:
            await _answer(send, page, with_body=scope["method"] == "GET")
        elif self._behind is not None:
            await self._behind(scope, receive, send)
        elif scope["type"] == "http":
            await _answer(send, _page(404, {"error": "there is nothing here"}), with_body=True)
        else:
            await _live(receive, send)


def _reads(scope: Scope) -> bool:
    return scope["type"] == "http" and scope["method"] in ("GET", "HEAD")


async def _answer(send: Send, page: Page, *, with_body: bool) -> None:
    headers = [
        (b"content-type", page.media_type.encode()),
        (b"content-length", str(len(page.body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": page.status, "headers": headers})
    await send({"type": "http.response.body", "body": page.body if with_body else b""})


async def _live(receive: Receive, send: Send) -> None:
    """The lifespan of an application that has nothing to open."""
    while (event := await receive())["type"] == "lifespan.startup":
        await send({"type": "lifespan.startup.complete"})
    if event["type"] == "lifespan.shutdown":
        await send({"type": "lifespan.shutdown.complete"})
