"""The application itself, on embedded services in a folder of the test's own, and keys for it."""

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from synthmill.embedded import EmbeddedServices
from synthmill.errors import BrokerUnavailable
from synthmill.settings import Settings
from synthmill_api.app import create_app
from synthmill_api.auth.scopes import Grant, Scope
from synthmill_api.config import ApiConfig
from synthmill_api.dependencies import Runtime

BASE_URL = "http://api.test"


@contextmanager
def broker_failing(api: "Api", method: str) -> Iterator[None]:
    """Within, this method of the application's broker finds the broker away."""

    async def away(*_: object) -> None:
        raise BrokerUnavailable("the broker did not answer")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(api.services.broker), method, away)
        yield


@dataclass(frozen=True, slots=True)
class Api:
    """A running application; `client()` is one caller of it."""

    app: FastAPI

    @property
    def runtime(self) -> Runtime:
        """What the application works with."""
        runtime: Runtime = self.app.state.runtime
        return runtime

    @property
    def services(self) -> EmbeddedServices:
        """The services behind it."""
        services = self.runtime.services
        assert isinstance(services, EmbeddedServices)
        return services

    async def key(self, tenant: str = "default", scopes: Iterable[Scope] = tuple(Scope), **more: Any) -> str:  # noqa: ANN401  as create takes it
        """A new key."""
        return (await self.runtime.keys.create(tenant, Grant(frozenset(scopes)), **more))[0]

    def anonymous(self, **headers: str) -> httpx.AsyncClient:
        """A caller without a key."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=BASE_URL, headers=headers)

    async def client(self, tenant: str = "default", scopes: Iterable[Scope] = tuple(Scope)) -> httpx.AsyncClient:
        """A caller with a key of this tenant."""
        return self.anonymous(authorization=f"Bearer {await self.key(tenant, scopes)}")


@asynccontextmanager
async def started(home: Path, **config: Any) -> AsyncIterator[Api]:  # noqa: ANN401  as ApiConfig takes them
    """The application between the start and the end of its life."""
    app = create_app(Settings(home=home), ApiConfig(**config))
    async with app.router.lifespan_context(app):
        yield Api(app)


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem that an answer is, checked for what every problem has."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    assert body["code"] == code
    assert body["title"]
    assert body["detail"]
    assert body["hint"]
    assert "Traceback" not in response.text
    return body
