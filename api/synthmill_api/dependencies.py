"""What an endpoint is given: the opened services, the settings, and who is calling."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from synthmill.monitoring.readiness import Readiness
from synthmill.services import Services
from synthmill_api.auth.keys import KeyRing
from synthmill_api.auth.scopes import Caller
from synthmill_api.auth.tokens import TokenReader
from synthmill_api.config import ApiConfig
from synthmill_api.live.service import Hub
from synthmill_api.quotas.keeper import Keeper


@dataclass(frozen=True, slots=True)
class Runtime:
    """What lives as long as the application runs."""

    services: Services
    config: ApiConfig
    keys: KeyRing
    tokens: TokenReader | None
    readiness: Readiness
    quotas: Keeper
    live: Hub


def runtime_of(request: Request) -> Runtime:
    """The runtime of the application that serves this request."""
    runtime: Runtime = request.app.state.runtime
    return runtime


# All are coroutines: FastAPI hands each plain function to a thread, which costs more than most of our requests do.


async def _services(request: Request) -> Services:
    return runtime_of(request).services


async def _config(request: Request) -> ApiConfig:
    return runtime_of(request).config


async def _caller(request: Request) -> Caller:
    caller: Caller = request.state.caller  # set by the guarded route
    return caller


async def _readiness(request: Request) -> Readiness:
    return runtime_of(request).readiness


async def _keys(request: Request) -> KeyRing:
    return runtime_of(request).keys


KeysHere = Annotated[KeyRing, Depends(_keys)]


async def _quotas(request: Request) -> Keeper:
    return runtime_of(request).quotas


QuotasHere = Annotated[Keeper, Depends(_quotas)]


async def _live(request: Request) -> Hub:
    return runtime_of(request).live


LiveHere = Annotated[Hub, Depends(_live)]
ReadinessHere = Annotated[Readiness, Depends(_readiness)]
ServicesHere = Annotated[Services, Depends(_services)]
ConfigHere = Annotated[ApiConfig, Depends(_config)]
CallerHere = Annotated[Caller, Depends(_caller)]
