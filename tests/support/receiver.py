"""A server that takes webhooks, over a real socket; it answers as it is told and keeps what came."""

import base64
import hashlib
import hmac
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """Of the message."""
        return self.headers["webhook-id"]

    @property
    def says(self) -> Any:  # noqa: ANN401  JSON
        """The body."""
        return json.loads(self.body)

    def signed_with(self, secret: str) -> bool:
        """Checked as the specification says, not by our own code."""
        told = f"{self.id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        key = base64.b64decode(secret.removeprefix("whsec_"))
        expected = base64.b64encode(hmac.new(key, told, hashlib.sha256).digest()).decode()
        return f"v1,{expected}" in self.headers["webhook-signature"].split(" ")


@dataclass(slots=True)
class Receiver:
    """`answers` are given in turn, the last one for ever: a status, or a status and headers."""

    url: str
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=lambda: [(204, {})])
    received: list[Received] = field(default_factory=list)

    def taken(self, type_: str) -> list[Received]:
        """What came of this type."""
        return [each for each in self.received if each.says["type"] == type_]


@contextmanager
def receiver(
    *answers: int | tuple[int, dict[str, str]], tls: ssl.SSLContext | None = None, port: int = 0
) -> Iterator[Receiver]:
    """One on a free port, or on this one."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            got.received.append(Received(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            status, headers = got.answers.pop(0) if len(got.answers) > 1 else got.answers[0]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing: the tests look at what was received."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    got = Receiver(f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_address[1]}/hook")
    if answers:
        got.answers = [answer if isinstance(answer, tuple) else (answer, {}) for answer in answers]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield got
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
