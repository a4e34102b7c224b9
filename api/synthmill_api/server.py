"""Runs the application: binds, tells its port, stops when told or when its parent is gone."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from synthmill.lifecycle import stop_on_signals

_BACKLOG = 2_048


@dataclass(frozen=True, slots=True)
class Listening:
    """Where to listen and whom to tell. `port` 0 means any free one."""

    host: str
    port: int
    port_file: Path | None
    watch_stdin: bool


class _Server(uvicorn.Server):
    """uvicorn, with word of its address once it accepts."""

    def __init__(self, config: uvicorn.Config, bound: socket.socket, port_file: Path | None) -> None:
        super().__init__(config)
        self._bound = bound
        self._port_file = port_file

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._port_file is not None and self.started:
            _announce(self._port_file, *self._bound.getsockname()[:2])

    def stop(self) -> None:
        """Take no more requests and finish those in hand."""
        self.should_exit = True


async def serve(app: FastAPI, listening: Listening, drain_seconds: int) -> bool:
    """Serves until SIGTERM, SIGINT or, if wanted, the end of stdin; answers whether it ever started."""
    bound = _bind(listening)
    config = uvicorn.Config(
        app,
        access_log=False,
        log_config=None,  # ours stands already
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=drain_seconds,
    )
    server = _Server(config, bound, listening.port_file)
    async with stop_on_signals(server.stop, watch_stdin=listening.watch_stdin):
        await server.serve(sockets=[bound])
    return server.started


def _bind(listening: Listening) -> socket.socket:
    family = socket.AF_INET6 if ":" in listening.host else socket.AF_INET
    # the protocol is named because asyncio sets TCP_NODELAY only then; without it every answer waits 40 ms for an ACK
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((listening.host, listening.port))
    bound.listen(_BACKLOG)
    bound.setblocking(False)
    return bound


def _announce(path: Path, host: str, port: int) -> None:
    """`host:port` into the file, which appears complete or not at all: readers poll for it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(f"{host}:{port}", encoding="utf-8")
    partial.replace(path)
