"""A pretended LLM provider, a process of its own: OpenAI-compatible, with an append-only log of every answered call.

It outlives whatever calls it, so that after a `kill -9` the log still tells which answers were paid for twice.
Use `start_provider` and `read_calls` from tests, or `python tests/support/provider.py --help`.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict

from aiohttp import web

from synthmill.serving.listening import announce
from synthmill_gateway.errors import GatewayError
from synthmill_gateway.offline import Answer, Finish, Knobs, OfflineError, OfflineModel
from synthmill_gateway.offline.model import ATTEMPT_HEADER
from synthmill_gateway.offline.spoil import Kind

_IDLE_SECONDS = 900.0  # without a call for so long nobody remembers it
_START_SECONDS = 30.0


class Call(TypedDict):
    """A line of the log, written before its answer was sent.

    `attempt_ids` are those of the request's header. `answer_ids` are those among them the answer served rightly: all of
    a good answer, the unspoilt ones of a batch, none of a refusal, prose, a cut answer or an error. `fault` names the
    knob that struck (`rate_limit`, `fence`, …) or the error's code; None is a good answer. `in_flight` is how many
    calls the provider had in hand when this one came, itself included; `peer` is the port that it came from.
    """

    time: float
    attempt_ids: list[str]
    status: int
    fault: str | None
    prompt_chars: int
    answer_ids: list[str]
    in_flight: int
    peer: int


@dataclass(frozen=True, slots=True)
class _Caller:
    """What the log tells of a call before it is answered."""

    ids: list[str]
    in_flight: int
    peer: int


@dataclass(frozen=True, slots=True)
class Provider:
    """A running provider. Clients may use `url` or `base_url` (the same with /v1): both are served."""

    url: str
    base_url: str
    log: Path
    pid: int


def read_calls(path: Path) -> list[Call]:
    """The log's calls in their order; none when there is no log yet."""
    if not path.exists():
        return []
    written, _, _ = path.read_text(encoding="utf-8").rpartition("\n")  # a line may be half written at this moment
    return [json.loads(line) for line in written.splitlines()]


@contextlib.contextmanager
def start_provider(folder: Path, **options: str | float | bool | Mapping[str, float | str]) -> Iterator[Provider]:
    """Start one that logs to `folder`/calls.ndjson, wait until it answers, stop it at the end.

    Options are those of the command line: `latency_ms=30, no_json_schema=True, offline={"fail": 0.1}, port=4001`.
    A second one in the same folder goes on with the log.
    """
    port_file, log = folder / "provider.port", folder / "calls.ndjson"
    port_file.unlink(missing_ok=True)
    command = [sys.executable, "-P", __file__, "--port-file", str(port_file), "--log", str(log), *_flags(options)]
    process = subprocess.Popen(command, start_new_session=True)
    try:
        url = f"http://{_read_port(process, port_file)}"
        yield Provider(url, f"{url}/v1", log, process.pid)
    finally:
        process.terminate()
        process.wait()


def _flags(options: Mapping[str, object]) -> Iterator[str]:
    for name, value in options.items():
        if value is False:
            continue
        yield f"--{name.replace('_', '-')}"
        if isinstance(value, Mapping):
            yield json.dumps(value)
        elif value is not True:
            yield str(value)


def _read_port(process: subprocess.Popen[bytes], port_file: Path) -> str:
    deadline = time.monotonic() + _START_SECONDS
    while not port_file.exists():
        if process.poll() is not None:
            raise RuntimeError(f"the provider ended with {process.returncode} before it listened")
        if time.monotonic() > deadline:
            raise TimeoutError(f"the provider did not listen within {_START_SECONDS} s")
        time.sleep(0.01)
    return port_file.read_text(encoding="utf-8")


class _Bucket:
    """A token bucket; it starts full with one second's worth."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._tokens = max(1.0, rate)
        self._filled = time.monotonic()

    def wait_seconds(self) -> float:
        """0 when a token was taken, else how long until there is one."""
        now = time.monotonic()
        self._tokens = min(max(1.0, self._rate), self._tokens + (now - self._filled) * self._rate)
        self._filled = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._rate


class _Service:
    """Answers calls and logs them."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._model = OfflineModel(Knobs(latency_ms=options.latency_ms).merged(json.loads(options.offline)))
        self._bucket = _Bucket(options.bucket) if options.bucket else None
        self._log = os.open(options.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._answers = 0
        self._in_flight = 0
        self._says: dict[str, str] = json.loads(options.say)
        self._same: dict[str, str | None] = {}
        self.last_call = time.monotonic()

    async def handle(self, request: web.BaseRequest) -> web.Response:
        self.last_call = time.monotonic()
        if request.path.endswith("/chat/completions"):
            self._in_flight += 1
            try:
                return await self._chat(request, await request.read())
            finally:
                self._in_flight -= 1
        if request.path.endswith("/models"):
            return web.json_response({"object": "list", "data": [{"id": "mock", "object": "model"}]})
        if request.path == "/healthz":
            return web.json_response({"status": "ok"})
        return _error(GatewayError(404, f"there is nothing at {request.path}"))

    async def _chat(self, request: web.BaseRequest, raw: bytes) -> web.Response:
        header = request.headers.get(ATTEMPT_HEADER, "")
        caller = _Caller([part for part in header.split(",") if part], self._in_flight, _peer(request))
        body = json.loads(raw)
        texts = [str(message.get("content")) for message in body.get("messages", [])]
        chars = sum(map(len, texts))
        if self._options.hold and any(self._options.hold in text for text in texts):
            self._note(caller, 0, "held", chars, [])
            await _left(request)
            return web.Response()
        said = next((said for word, said in self._says.items() if any(word in text for text in texts)), None)
        try:
            self._admit(body)
            answer = self._model.answer(body, header)
            if said is not None:
                answer = replace(answer, reply=replace(answer.reply, content=said))
        except OfflineError as error:
            await asyncio.sleep(error.delay)
            return self._refuse(_told(error), caller, chars)
        except GatewayError as error:
            return self._refuse(error, caller, chars)
        await asyncio.sleep(answer.delay)
        self._answers += 1
        self._note(caller, 200, answer.fault, chars, _served(answer, caller.ids))
        return web.Response(text=self._completion(body, answer), content_type="application/json")

    def _refuse(self, error: GatewayError, caller: _Caller, chars: int) -> web.Response:
        self._note(caller, error.status, error.code, chars, [])
        return _error(error)

    def _admit(self, body: Mapping[str, Any]) -> None:
        options = self._options
        if options.unauthorized_after is not None and self._answers >= options.unauthorized_after:
            raise GatewayError(401, "Incorrect API key provided.", code="invalid_api_key")
        if options.no_quota_after is not None and self._answers >= options.no_quota_after:
            raise GatewayError(
                429, "You exceeded your current quota.", type="insufficient_quota", code="insufficient_quota"
            )
        kind = (body.get("response_format") or {}).get("type")
        if (kind == "json_schema" and options.no_json_schema) or (kind == "json_object" and options.no_json_mode):
            raise GatewayError(
                400,
                f"response_format of type {kind!r} is not supported by this model.",
                code="unsupported_response_format",
                param="response_format",
            )
        wait = self._bucket.wait_seconds() if self._bucket else 0.0
        if wait:
            raise GatewayError(429, "Rate limit reached.", code="rate_limit_exceeded", retry_after=f"{wait:.3f}")

    def _note(self, caller: _Caller, status: int, fault: str | None, chars: int, served: list[str]) -> None:
        call = Call(
            time=time.time(),
            attempt_ids=caller.ids,
            status=status,
            fault=fault,
            prompt_chars=chars,
            answer_ids=served,
            in_flight=caller.in_flight,
            peer=caller.peer,
        )
        # one write to an O_APPEND file: whole lines, and in the kernel's hands before the answer leaves
        os.write(self._log, (json.dumps(call) + "\n").encode())

    def _completion(self, body: Mapping[str, Any], answer: Answer) -> str:
        content = answer.reply.content
        if self._options.answer == "same" and answer.fault is None:
            content = self._same.setdefault(json.dumps(body.get("response_format")), content)
        message = {"role": "assistant", "content": content, "refusal": answer.reply.refusal}
        finish = "length" if answer.reply.finish is Finish.LENGTH else "stop"
        usage = {
            "prompt_tokens": answer.prompt_tokens,
            "completion_tokens": answer.completion_tokens,
            "total_tokens": answer.prompt_tokens + answer.completion_tokens,
        }
        return json.dumps(
            {
                "id": answer.id,
                "object": "chat.completion",
                "created": int(time.time()),
                "model": body.get("model"),
                "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
                "usage": usage,
            }
        )


async def _left(request: web.BaseRequest) -> None:
    """Returns when the caller has closed the connection."""
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110 - aiohttp tells nobody
        await asyncio.sleep(0.05)


def _peer(request: web.BaseRequest) -> int:
    address = request.transport.get_extra_info("peername") if request.transport is not None else None
    return int(address[1]) if address else 0


def _served(answer: Answer, ids: list[str]) -> list[str]:
    if answer.reply.finish is Finish.LENGTH or answer.fault in (Kind.TEXT, Kind.REFUSE):
        return []
    return [name for position, name in enumerate(ids) if position not in answer.reply.spoilt]


def _told(error: OfflineError) -> GatewayError:
    retry_after = None if error.retry_after is None else f"{error.retry_after:g}"
    return GatewayError(error.status, error.message, code=error.code, retry_after=retry_after)


def _error(error: GatewayError) -> web.Response:
    return web.json_response(error.body(), status=error.status, headers=error.headers())


async def _serve(options: argparse.Namespace) -> None:
    service = _Service(options)
    runner = web.ServerRunner(web.Server(service.handle, access_log=None))
    await runner.setup()
    site = web.TCPSite(runner, options.host, options.port, backlog=2_048, reuse_address=True)
    await site.start()
    host, port = runner.addresses[0][:2]
    if options.port_file:
        announce(options.port_file, host, port)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    while not stopped.is_set() and time.monotonic() - service.last_call < _IDLE_SECONDS:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), _IDLE_SECONDS / 10)
    await runner.cleanup()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 for any free one")
    parser.add_argument("--port-file", type=Path, help="gets host:port once it listens")
    parser.add_argument("--log", type=Path, required=True, help="call log, one JSON object a line")
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--answer", choices=("schema", "same"), default="schema", help="same: one answer per schema")
    parser.add_argument("--hold", metavar="WORD", help="never answer a prompt that holds it; logged with status 0")
    parser.add_argument("--say", default="{}", help="answers to prompts that hold a word, by word, as a JSON object")
    parser.add_argument("--offline", default="{}", help="fault knobs for every call, as a JSON object")
    parser.add_argument("--bucket", type=float, help="calls a second; above it 429 with Retry-After")
    parser.add_argument("--unauthorized-after", type=int, help="401 after so many answers")
    parser.add_argument("--no-quota-after", type=int, help="429 insufficient_quota after so many answers")
    parser.add_argument("--no-json-schema", action="store_true", help="400 for response_format json_schema")
    parser.add_argument("--no-json-mode", action="store_true", help="400 for response_format json_object")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(_serve(_options()))
