"""An HTTP server that keeps what it was sent and answers every chat call alike; it shows who was told what."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """One request; names of headers are in small letters."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Recorder:
    """`base_url` ends in /v1. `answer` is laid over the usual completion."""

    base_url: str
    requests: list[Request] = field(default_factory=list)
    answer: dict[str, Any] = field(default_factory=dict)


@contextmanager
def start_recorder() -> Iterator[Recorder]:
    """Start one on a free port of this machine, in a thread."""
    recorder = Recorder("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._record({})

        def do_POST(self) -> None:
            self._record(json.loads(self.rfile.read(int(self.headers.get("content-length", 0)))))

        def _record(self, body: dict[str, Any]) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            recorder.requests.append(Request(self.path, headers, body))
            told = json.dumps({**_completion(body.get("model", "")), **recorder.answer}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base's name
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    recorder.base_url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield recorder
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _completion(model: str) -> dict[str, Any]:
    return {
        "id": "recorded-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "{}"}}],
        "usage": {"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100},
    }
