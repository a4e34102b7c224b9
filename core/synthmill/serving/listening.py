"""Where a service listens, and how a parent learns of it."""

import argparse
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from synthmill import logs
from synthmill.errors import SynthmillError, UserError

_BACKLOG = 2_048


@dataclass(frozen=True, slots=True)
class Listening:
    """Where to listen and whom to tell. `port` 0 means any free one; `reuse_port` shares it with other processes."""

    host: str
    port: int
    port_file: Path | None = None
    watch_stdin: bool = False
    reuse_port: bool = False


def add_options(parser: argparse.ArgumentParser, *, port: int) -> None:
    """The options of a program that listens; `port` is the default."""
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=port, help="0 for any free one")
    parser.add_argument("--port-file", type=Path, help="gets host:port, once requests are accepted")
    parser.add_argument("--watch-stdin", action="store_true", help="stop when stdin ends: the parent is gone")


def exit_code(run: Callable[[], int], host: str, port: int) -> int:
    """That of a program which listens there; what keeps it from running is its last words."""
    try:
        return run()
    except SynthmillError as error:
        logs.last_words(error)
        return error.exit_code
    except OSError as error:
        refused = UserError(f"cannot listen on {host}:{port}: {error.strerror}; give another --port")
        logs.last_words(refused)
        return refused.exit_code


def bind(listening: Listening) -> socket.socket:
    """A listening socket. Raises OSError when the address is taken or not ours."""
    bound = socket.socket(_family(listening.host), socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # the protocol is named because asyncio sets TCP_NODELAY only then; without it every answer waits 40 ms for an ACK
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if listening.reuse_port:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((listening.host, listening.port))
        bound.listen(_BACKLOG)
    except OSError:
        bound.close()
        raise
    bound.setblocking(False)
    return bound


def hold(host: str, port: int) -> socket.socket:
    """Bound but never listening: keeps a port for processes that share it without taking connections from them."""
    held = socket.socket(_family(host), socket.SOCK_STREAM)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind((host, port))
    return held


def announce(path: Path, host: str, port: int) -> None:
    """`host:port` into the file, which appears complete or not at all: readers poll for it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(f"{host}:{port}", encoding="utf-8")
    partial.replace(path)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
