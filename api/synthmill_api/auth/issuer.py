"""An OIDC issuer's public keys: found by its discovery document, kept for a while, asked for anew when it rotates."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from synthmill_api.errors import Code, Refused

Jwk = Mapping[str, Any]

_log = logging.getLogger("synthmill_api")
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_AGAIN_SECONDS = 10.0
"""An unknown key id is no reason to ask more often: anybody can invent one."""


class Issuer:
    """One of a process; nothing is asked before the first token."""

    def __init__(
        self, url: str, keys_seconds: float, request_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._url = url
        self._keys_seconds = keys_seconds
        self._request_seconds = request_seconds
        self._clock = clock
        self._keys: dict[str, Jwk] | None = None
        self._asked_at = float("-inf")
        self._asking = asyncio.Lock()

    async def key(self, key_id: str) -> Jwk | None:
        """The key of that id; None when the issuer has none. Raises `Refused` when it was never reached."""
        if self._stale(key_id):
            async with self._asking:
                if self._stale(key_id):
                    await self._ask()
        return (self._keys or {}).get(key_id)

    def _stale(self, key_id: str) -> bool:
        age = self._clock() - self._asked_at
        if self._keys is None:
            return True
        return age >= self._keys_seconds or (key_id not in self._keys and age >= _AGAIN_SECONDS)

    async def _ask(self) -> None:
        try:
            self._keys = await self._fetched()
        except (httpx.HTTPError, ValueError, TypeError, KeyError) as error:
            _log.warning("the keys of issuer %s could not be read: %s", self._url, error)
            if self._keys is None:
                raise Refused(Code.UNAVAILABLE, "the issuer of tokens cannot be asked for its keys") from error
        self._asked_at = self._clock()

    async def _fetched(self) -> dict[str, Jwk]:
        async with httpx.AsyncClient(timeout=self._request_seconds, follow_redirects=False) as client:
            found = await _json(client, self._url.rstrip("/") + "/.well-known/openid-configuration")
            if found["issuer"] != self._url:
                raise ValueError(f"it calls itself {found['issuer']!r}")
            keys = (await _json(client, required_safe(found["jwks_uri"])))["keys"]
        return {key["kid"]: key for key in keys if "kid" in key and key.get("use", "sig") == "sig"}


async def _json(client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    document: dict[str, Any] = (await client.get(url)).raise_for_status().json()
    return document


def required_safe(url: str) -> str:
    """The same URL; a ValueError unless nobody between us and it can change the answer."""
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        return url
    raise ValueError(f"{url} is neither https nor on this machine")
