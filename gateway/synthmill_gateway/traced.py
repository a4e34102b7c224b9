"""Follows a request's trace, so that what is logged about it carries its id, and counts the answers."""

from synthmill import tracing
from synthmill.serving.asgi import App, Event, Receive, Scope, Send
from synthmill_gateway import metrics

_CHAT = "/chat/completions"
_HEADER = tracing.HEADER.encode()


class Traced:
    """ASGI middleware."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_on(event: Event) -> None:
            if event["type"] == "http.response.start" and scope["path"].endswith(_CHAT):
                metrics.REQUESTS.add(status=f"{event['status'] // 100}xx")
            await send(event)

        with tracing.following(_trace(scope)):
            await self._app(scope, receive, send_on)


def _trace(scope: Scope) -> tracing.Trace:
    for name, value in scope["headers"]:
        if name == _HEADER and (given := tracing.parse(value.decode("latin-1"))) is not None:
            return given
    return tracing.new()
