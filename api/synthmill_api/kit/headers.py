"""Headers of every answer: nobody guesses its type, nobody keeps it, no page shows it, and what the route adds."""

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ADDED = "answer_headers"
_DEFAULTS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


def add_header(request: Request, name: str, value: str) -> None:
    """The answer to this request gets the header, also where it is a refusal."""
    request.scope["state"][_ADDED][name] = value


class SafeHeaders:
    """ASGI middleware around everything that answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Adds the headers when an answer begins."""
        added = scope.setdefault("state", {}).setdefault(_ADDED, {})

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                for name, value in (_DEFAULTS | added).items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_on if scope["type"] == "http" else send)
