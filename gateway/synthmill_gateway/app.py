"""The routes: chat completions and models; before them health and metrics, which ask for no token."""

import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from synthmill.monitoring.pages import Pages, PagesApp
from synthmill.monitoring.readiness import Readiness
from synthmill_gateway.config import GatewayConfig
from synthmill_gateway.errors import GatewayError
from synthmill_gateway.models import Models
from synthmill_gateway.offline.model import ATTEMPT_HEADER
from synthmill_gateway.request import ChatCall
from synthmill_gateway.traced import Traced

if TYPE_CHECKING:
    from synthmill_gateway.relay import Served

COST_HEADER = "x-synthmill-cost-usd"
MODEL_HEADER = "x-synthmill-model"
"""The public name that answered: another than the one asked for when a fallback stood in."""
DROPPED_HEADER = "x-synthmill-dropped-params"


def create_app(config: GatewayConfig, models: Models, *, with_metrics: bool = True) -> FastAPI:
    """The application; it accepts requests before the models are ready and lets them wait."""
    pages = Pages(Readiness({"litellm": models.ready}), with_metrics=with_metrics)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        models.start()
        yield
        await pages.close()

    app = FastAPI(title="synthmill gateway", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.add_exception_handler(GatewayError, _answer_error)
    app.add_middleware(Traced)
    app.add_middleware(PagesApp, pages=pages)  # added last, so before all else
    _add_chat(app, models, config)
    return app


def _add_chat(app: FastAPI, models: Models, config: GatewayConfig) -> None:
    @app.get("/v1/models")
    async def list_models(request: Request) -> dict[str, Any]:
        """The file's models; without a file the routes that can be used with the keys at hand."""
        _authorize(request, config)
        return {"object": "list", "data": [_listed(*one) for one in await models.listed()]}

    @app.post("/chat/completions", include_in_schema=False)  # for clients whose base URL ends without /v1
    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        """One chat completion, as in the OpenAI API, not streamed."""
        _authorize(request, config)
        given = request.headers
        call = ChatCall.parse(await request.body(), given.get(ATTEMPT_HEADER, ""), given.get("traceparent"))
        served = await models.serve(call, request.is_disconnected)
        return Response(served.completion.body, media_type="application/json", headers=_headers(served))


def _listed(name: str, owner: str, context_tokens: int | None) -> dict[str, Any]:
    listed = {"id": name, "object": "model", "created": 0, "owned_by": owner}
    return listed if context_tokens is None else {**listed, "context_window": context_tokens}


def _headers(served: "Served") -> dict[str, str]:
    completion = served.completion
    headers = {MODEL_HEADER: served.target.name}
    if completion.cost is not None:
        headers[COST_HEADER] = f"{completion.cost:f}"
    if completion.dropped:
        headers[DROPPED_HEADER] = ",".join(completion.dropped)
    return headers


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
