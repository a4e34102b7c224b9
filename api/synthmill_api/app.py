"""Puts the application together; its lifespan opens the services of the profile."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from fastapi.middleware.cors import CORSMiddleware

from synthmill import __version__
from synthmill.monitoring.ports import port_questions
from synthmill.monitoring.readiness import Readiness
from synthmill.services import open_services
from synthmill.settings import Settings
from synthmill_api.auth.keys import KeyRing
from synthmill_api.auth.secret import installation_secret
from synthmill_api.auth.tokens import TokenReader
from synthmill_api.budgets.endpoints import router as budgets
from synthmill_api.config import ApiConfig
from synthmill_api.datasets.endpoints import router as datasets
from synthmill_api.dead_letters.endpoints import router as dead_letters
from synthmill_api.dependencies import Runtime
from synthmill_api.exports.endpoints import router as exports
from synthmill_api.gate.endpoints import router as gate
from synthmill_api.handlers import add_handlers
from synthmill_api.health.endpoints import router as health
from synthmill_api.internal.endpoints import router as internal
from synthmill_api.jobs.endpoints import router as jobs
from synthmill_api.keys.endpoints import router as keys_router
from synthmill_api.kit.cors import cors_rules
from synthmill_api.kit.headers import SafeHeaders
from synthmill_api.kit.observed import Observed
from synthmill_api.live.endpoints import router as live
from synthmill_api.live.service import Hub
from synthmill_api.openapi import describe
from synthmill_api.quotas.endpoints import router as quotas_router
from synthmill_api.quotas.keeper import Keeper
from synthmill_api.quotes.endpoints import router as quotes
from synthmill_api.recipes.drafts import router as drafts
from synthmill_api.recipes.endpoints import router as recipes
from synthmill_api.results.endpoints import router as results
from synthmill_api.runs.endpoints import router as runs
from synthmill_api.sources.endpoints import router as sources
from synthmill_api.uploads.endpoints import router as uploads
from synthmill_api.uploads.tus import TusHeaders
from synthmill_api.webhooks.endpoints import router as webhooks

_DOMAINS: tuple[APIRouter, ...] = (
    sources,
    uploads,
    recipes,
    drafts,
    datasets,
    jobs,
    budgets,
    quotes,
    live,
    results,
    exports,
    gate,
    dead_letters,
    quotas_router,
    webhooks,
    keys_router,
    runs,
)


def create_app(settings: Settings, config: ApiConfig) -> FastAPI:
    """The application; nothing is opened before it starts. `app.state.drain()` ends its streams."""
    hub = Hub(config.streams)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_services(settings) as services:
            keys = KeyRing(services.store, installation_secret(config, settings))
            tokens = None if config.oidc is None else TokenReader(config.oidc)
            readiness = Readiness(port_questions(services))
            quotas = Keeper(services.store, config.quotas, config.processes)
            app.state.runtime = Runtime(services, config, keys, tokens, readiness, quotas, hub)
            try:
                yield
            finally:
                await readiness.close()

    # no interactive pages: they load scripts from other people's servers
    app = FastAPI(title="synthmill", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.drain = hub.drain
    add_handlers(app)
    app.add_middleware(TusHeaders)
    if config.cors_origins:
        app.add_middleware(CORSMiddleware, **cors_rules(config.cors_origins))
    app.add_middleware(SafeHeaders)
    app.add_middleware(Observed)  # added last, so around all others
    app.include_router(health)
    app.include_router(internal)
    for domain in _DOMAINS:
        app.include_router(domain)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]  # how FastAPI wants it replaced
    return app
