"""Synthmill's own services: the LLM gateway and the REST API."""

import os
from typing import Self

import httpx
from pydantic import Field, HttpUrl, SecretStr

from synthmill.errors import Retriable, UserError
from synthmill.settings import Settings
from synthmill_flows.blocks.base import ServerBlock

_PATIENCE_SECONDS = 10.0


class LlmGateway(ServerBlock):
    """The OpenAI-compatible URL behind which the models are."""

    _block_type_name = "Synthmill LLM gateway"
    _block_type_slug = "synthmill-gateway"

    url: HttpUrl = Field(HttpUrl("http://127.0.0.1:24000/v1"), title="URL")
    token: SecretStr | None = Field(None, description="none: the gateway asks for no token")

    @classmethod
    def from_env(cls) -> Self:
        """SYNTHMILL_GATEWAY__URL and SYNTHMILL_GATEWAY__TOKEN."""
        token = os.environ.get("SYNTHMILL_GATEWAY__TOKEN")
        url = Settings().gateway.url
        if url is None:
            raise UserError("SYNTHMILL_GATEWAY__URL is not set")
        return cls(url=url, token=SecretStr(token) if token else None)

    async def check(self) -> None:
        """Asks which models there are."""
        await _ask(f"{str(self.url).rstrip('/')}/models", self.token, "the gateway")


class SynthmillApi(ServerBlock):
    """Synthmill's REST API with a key that `synthmill keys create` made."""

    _block_type_name = "Synthmill API"
    _block_type_slug = "synthmill-api"

    url: HttpUrl = Field(HttpUrl("http://127.0.0.1:28000"), title="URL")
    key: SecretStr = Field(description="PREFIX.SECRET")

    @classmethod
    def from_env(cls) -> Self:
        """SYNTHMILL_API_URL and SYNTHMILL_API_KEY."""
        url, key = os.environ.get("SYNTHMILL_API_URL"), os.environ.get("SYNTHMILL_API_KEY")
        if not url or not key:
            raise UserError("SYNTHMILL_API_URL and SYNTHMILL_API_KEY are not both set")
        return cls(url=HttpUrl(url), key=SecretStr(key))

    def client(self) -> httpx.AsyncClient:
        """Sends the key with every request; to be used as a context."""
        headers = {"Authorization": f"Bearer {self.key.get_secret_value()}"}
        return httpx.AsyncClient(base_url=str(self.url), headers=headers, timeout=_PATIENCE_SECONDS)

    async def check(self) -> None:
        """Lists a job, for which the key needs the scope jobs:read."""
        await _ask(f"{str(self.url).rstrip('/')}/v1/jobs?limit=1", self.key, "the API")


async def _ask(url: str, secret: SecretStr | None, whom: str) -> None:
    headers = {"Authorization": f"Bearer {secret.get_secret_value()}"} if secret is not None else {}
    try:
        async with httpx.AsyncClient(timeout=_PATIENCE_SECONDS) as client:
            answer = await client.get(url, headers=headers)
    except httpx.TransportError as error:
        raise Retriable(f"{whom} cannot be reached at {url}: {error}") from error
    if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise UserError(f"{whom} refuses the key: {answer.status_code}; give the block another")
    if answer.is_error:
        raise Retriable(f"{whom} answers {answer.status_code} at {url}")
