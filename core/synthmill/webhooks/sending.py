"""One request to one address. Follows no redirect, asks no proxy, and reads nothing of the answer but its head."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from synthmill import __version__
from synthmill.settings import WebhookSettings
from synthmill.webhooks.addresses import Target


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request: a status, or why there is none. `retry_after` in seconds, where the receiver says so."""

    status: int | None
    error: str | None = None
    retry_after: int | None = None

    @property
    def taken(self) -> bool:
        """Whether the receiver has it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def told(self) -> str | None:
        """Why it has it not."""
        if self.taken:
            return None
        return self.error or f"the receiver answered {self.status}"


class Sender:
    """Sends requests, each over a connection of its own: connections are kept by address, certificates are of names."""

    def __init__(self, client: httpx.AsyncClient, seconds: float) -> None:
        self._client = client
        self._seconds = seconds

    async def post(self, to: Target, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Never raises for what the other side does."""
        told = {
            **headers,
            "host": to.host_header,
            "content-type": "application/json",
            "user-agent": f"synthmill/{__version__}",
        }
        request = self._client.build_request(
            "POST", to.url, content=body, headers=told, extensions={"sni_hostname": to.host}
        )
        try:
            async with asyncio.timeout(self._seconds):
                response = await self._client.send(request, stream=True)
                await response.aclose()
        except TimeoutError:
            return Answer(None, f"no answer within {self._seconds:g} s")
        except httpx.HTTPError as error:
            return Answer(None, f"{type(error).__name__}: {error}"[:300])
        after = response.headers.get("retry-after", "")
        return Answer(response.status_code, None, int(after) if after.isdigit() and len(after) < 7 else None)


@asynccontextmanager
async def sender(settings: WebhookSettings) -> AsyncIterator[Sender]:
    """For as long as a courier works."""
    trusted: bool | ssl.SSLContext = True
    if settings.ca_file is not None:
        trusted = ssl.create_default_context(cafile=str(settings.ca_file))
    limits = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(
        verify=trusted, trust_env=False, follow_redirects=False, timeout=settings.timeout_seconds, limits=limits
    ) as client:
        yield Sender(client, settings.timeout_seconds)
