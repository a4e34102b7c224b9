"""Runs an ASGI application: binds, tells its port, stops when told or when its parent is gone."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn

from synthmill.errors import SynthmillError
from synthmill.lifecycle import stop_on_signals
from synthmill.serving.asgi import App
from synthmill.serving.listening import Listening, announce, bind
from synthmill.serving.unreadable import Unreadable, protocol


class NotStarted(SynthmillError):
    """The application's own start failed; its error is in the log. Starting again may help."""


class Server(uvicorn.Server):
    """uvicorn, with word of its address once it accepts, and no hand on the process's signals."""

    def __init__(
        self,
        app: App,
        bound: socket.socket,
        port_file: Path | None,
        drain_seconds: int,
        on_stop: Callable[[], None] | None = None,
        unreadable: Unreadable | None = None,
    ) -> None:
        config = uvicorn.Config(
            app,
            http="auto" if unreadable is None else protocol(unreadable),
            access_log=False,
            log_config=None,  # ours stands already
            server_header=False,
            timeout_graceful_shutdown=drain_seconds,
        )
        super().__init__(config)
        self._bound = bound
        self._port_file = port_file
        self._on_stop = on_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Called by uvicorn once the application is up."""
        await super().startup(sockets)
        if self._port_file is not None and self.started:
            announce(self._port_file, *self.address)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, also where any free one was asked for."""
        host, port = self._bound.getsockname()[:2]
        return host, port

    def stop(self) -> None:
        """Take no more requests and finish those in hand."""
        self.should_exit = True
        if self._on_stop is not None:
            self._on_stop()

    async def run_until_stopped(self) -> None:
        """Serves until `stop`. Raises NotStarted."""
        await self.serve(sockets=[self._bound])
        if not self.started:
            raise NotStarted("the server did not start; the log says why")

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """What uvicorn asks for its own handlers; it would raise each signal once more at its end."""
        yield


async def serve(
    app: App,
    listening: Listening,
    drain_seconds: int,
    *,
    on_stop: Callable[[], None] | None = None,
    unreadable: Unreadable | None = None,
) -> None:
    """Serves until SIGTERM, SIGINT or, if wanted, the end of stdin. Raises NotStarted, or OSError from binding.

    `on_stop` is called then, for answers that would not end by themselves; `unreadable` answers what is no request.
    """
    server = Server(app, bind(listening), listening.port_file, drain_seconds, on_stop, unreadable)
    async with stop_on_signals(server.stop, watch_stdin=listening.watch_stdin):
        await server.run_until_stopped()
