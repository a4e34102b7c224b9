"""Runs the application: binds, tells its port, stops when told or when its parent is gone."""

import asyncio
import os
import signal
import socket
import threading
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from synthmill_gateway.portfile import announce

_BACKLOG = 2_048


@dataclass(frozen=True, slots=True)
class Listening:
    """Where to listen and whom to tell. `port` 0 means any free one; `reuse_port` shares it with other workers."""

    host: str
    port: int
    port_file: Path | None
    watch_stdin: bool
    reuse_port: bool


class _Server(uvicorn.Server):
    """uvicorn, with word of its address once it accepts."""

    def __init__(self, config: uvicorn.Config, bound: socket.socket, port_file: Path | None) -> None:
        super().__init__(config)
        self._bound = bound
        self._port_file = port_file

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._port_file is not None and self.started:
            host, port = self._bound.getsockname()[:2]
            announce(self._port_file, host, port)

    def stop(self) -> None:
        """Take no more requests and finish those in hand; callable from any thread."""
        self.should_exit = True


def run(app: FastAPI, listening: Listening, drain_seconds: int) -> None:
    """Serve until SIGTERM, SIGINT or, if wanted, the end of stdin."""
    bound = _bind(listening)
    config = uvicorn.Config(
        app,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=drain_seconds,
    )
    server = _Server(config, bound, listening.port_file)
    if listening.watch_stdin:
        threading.Thread(target=_stop_at_end_of_stdin, args=(server,), daemon=True).start()
    _swallow_repeated_signals()
    asyncio.run(server.serve(sockets=[bound]))


def _bind(listening: Listening) -> socket.socket:
    family = socket.AF_INET6 if ":" in listening.host else socket.AF_INET
    # the protocol is named because asyncio sets TCP_NODELAY only then; without it every answer waits 40 ms for an ACK
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if listening.reuse_port:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind((listening.host, listening.port))
    bound.listen(_BACKLOG)
    bound.setblocking(False)
    return bound


def _stop_at_end_of_stdin(server: _Server) -> None:
    # os.read, not sys.stdin: a thread inside the buffered reader makes the interpreter's exit abort
    while os.read(0, 4_096):
        pass
    server.stop()


def _swallow_repeated_signals() -> None:
    """uvicorn stops gracefully on these, then raises them once more; the second one would end us with an error."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
