"""The four routes: chat completions, models, and the two questions a supervisor asks."""

import asyncio
import gc
import hmac
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from synthmill_gateway.config import GatewayConfig
from synthmill_gateway.errors import GatewayError
from synthmill_gateway.offline import Knobs, OfflineModel
from synthmill_gateway.offline.model import ATTEMPT_HEADER
from synthmill_gateway.request import ChatCall

if TYPE_CHECKING:
    from synthmill_gateway.router import Router

COST_HEADER = "x-synthmill-cost-usd"
DROPPED_HEADER = "x-synthmill-dropped-params"

_log = logging.getLogger(__name__)


class Models:
    """The router, loaded in the background: LiteLLM's import takes 3 s, on a cold disk 9."""

    def __init__(self, config: GatewayConfig, knobs: Knobs) -> None:
        self._config = config
        self._knobs = knobs
        self._loading: asyncio.Task[Router] | None = None

    def start(self) -> None:
        """Begin to load; needs a running loop."""
        self._loading = asyncio.create_task(asyncio.to_thread(self._load))
        self._loading.add_done_callback(_log_failure)

    def state(self) -> str:
        """`loading`, `ready` or `failed: …`."""
        if self._loading is None or not self._loading.done():
            return "loading"
        error = self._loading.exception()
        return "ready" if error is None else f"failed: {error}"

    async def router(self) -> "Router":
        """The router, as soon as it is there. Raises GatewayError 503."""
        if self._loading is None:
            raise GatewayError(503, "the gateway has not started", code="not_ready", retry_after="1")
        if self._loading.done() and self._loading.exception() is None:
            return self._loading.result()
        done, _ = await asyncio.wait({self._loading}, timeout=self._config.load_seconds)
        if not done or self._loading.exception() is not None:
            raise GatewayError(503, f"LiteLLM: {self.state()}", code="not_ready", retry_after="5")
        return self._loading.result()

    def _load(self) -> "Router":
        from synthmill_gateway.router import Router  # seconds of CPU: only here, in a thread

        router = Router(OfflineModel(self._knobs), self._config.timeout_seconds)
        gc.freeze()  # LiteLLM's million objects are here to stay; walking them made one answer in a hundred 0.3 s late
        return router


def create_app(config: GatewayConfig, knobs: Knobs) -> FastAPI:
    """The application; it accepts requests before the router is ready and lets them wait."""
    models = Models(config, knobs)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        models.start()
        yield

    app = FastAPI(title="synthmill gateway", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.add_exception_handler(GatewayError, _answer_error)
    _add_health(app, models)
    _add_chat(app, models, config)
    return app


def _add_health(app: FastAPI, models: Models) -> None:
    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """The process lives."""
        return {"status": "ok"}

    @app.get("/readyz")
    async def readyz(response: Response) -> dict[str, str]:
        """200 once chat requests are answered at once, 503 before."""
        state = models.state()
        response.status_code = 200 if state == "ready" else 503
        return {"status": state}


def _add_chat(app: FastAPI, models: Models, config: GatewayConfig) -> None:
    @app.get("/v1/models")
    async def list_models(request: Request) -> dict[str, Any]:
        """Routes that can be used with the keys at hand."""
        _authorize(request, config)
        names = (await models.router()).models()
        return {
            "object": "list",
            "data": [
                {"id": name, "object": "model", "created": 0, "owned_by": name.split("/", 1)[0]} for name in names
            ],
        }

    @app.post("/chat/completions", include_in_schema=False)  # for clients whose base URL ends without /v1
    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        """One chat completion, as in the OpenAI API, not streamed."""
        _authorize(request, config)
        call = ChatCall.parse(await request.body(), request.headers.get(ATTEMPT_HEADER, ""))
        completion = await (await models.router()).complete(call)
        headers = {} if completion.cost is None else {COST_HEADER: f"{completion.cost:f}"}
        if completion.dropped:
            headers[DROPPED_HEADER] = ",".join(completion.dropped)
        return Response(completion.body, media_type="application/json", headers=headers)


def _authorize(request: Request, config: GatewayConfig) -> None:
    if config.token is None:
        return
    wanted = f"Bearer {config.token.get_secret_value()}"
    if not hmac.compare_digest(request.headers.get("authorization", "").encode(), wanted.encode()):
        raise GatewayError(401, "send the gateway's token as `Authorization: Bearer …`", code="invalid_token")


async def _answer_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, GatewayError):
        raise error
    return JSONResponse(error.body(), status_code=error.status, headers=error.headers())


def _log_failure(loading: "asyncio.Task[Router]") -> None:
    if not loading.cancelled() and (error := loading.exception()) is not None:
        _log.error("LiteLLM could not be loaded, no chat request will be answered", exc_info=error)
