"""API keys, `prefix.secret`: the prefix finds the document, the secret is known to its holder alone."""

import hashlib
import hmac
import re
import secrets
from collections.abc import AsyncIterator, Iterable
from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from synthmill.errors import UserError
from synthmill.ports.records import Collection, Place, RecordStore, Write, WriteMode
from synthmill.versioned import Changes, Versioned, change, parsed
from synthmill_api.auth.scopes import Caller, Scope
from synthmill_schemas.base import Contract, Name, now

_PLACE = Place("_api", Collection.KEYS)  # one place for all tenants: the key says which one it belongs to
_KEY = re.compile(r"(smk_[0-9a-f]{16})\.([A-Za-z0-9_-]{43})")
_SECRET_BYTES = 32


class KeyDocument(Contract):
    """A key as it is stored; `_id` is its prefix."""

    version: Literal[1] = 1
    prefix: str
    for_tenant: Name = Field(description="not `tenant`: the document lies in a place of the API's own")
    name: str
    hash: str = Field(description="keyed BLAKE2b of prefix and secret, hex")
    scopes: list[Scope]
    created_at: datetime = Field(default_factory=now)
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def live(self) -> bool:
        """Whether it opens anything now."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now())


class KeyRing:
    """Makes, checks and revokes keys. `secret` is the installation's, of any length."""

    def __init__(self, store: RecordStore, secret: str) -> None:
        self._store = store
        self._hash_key = hashlib.sha256(secret.encode()).digest()

    async def create(
        self, tenant: str, scopes: Iterable[Scope], *, name: str = "", days: float | None = None
    ) -> tuple[str, KeyDocument]:
        """A new key and its document; the text is nowhere else."""
        prefix, secret = f"smk_{secrets.token_hex(8)}", secrets.token_urlsafe(_SECRET_BYTES)
        document = KeyDocument(
            prefix=prefix,
            for_tenant=tenant,
            name=name,
            hash=self._hash(prefix, secret),
            scopes=sorted(scopes),
            expires_at=None if days is None else now() + timedelta(days=days),
        )
        await self._store.bulk([Write(_PLACE, prefix, document.model_dump(mode="json"), WriteMode.CREATE)])
        return f"{prefix}.{secret}", document

    async def caller(self, text: str) -> Caller | None:
        """Who holds this key; None when it is unknown, wrong, expired or revoked."""
        match = _KEY.fullmatch(text)
        if match is None:
            return None
        prefix, secret = match.groups()
        stored = await self._store.get(_PLACE, prefix)
        document = None if stored is None else KeyDocument.model_validate(stored.document)
        expected = "0" * 64 if document is None else document.hash
        same = hmac.compare_digest(self._hash(prefix, secret), expected)
        if document is None or not same or not document.live:
            return None
        return Caller(document.for_tenant, prefix, frozenset(document.scopes))

    async def all(self, tenant: str | None = None) -> AsyncIterator[KeyDocument]:
        """Every key, or those of one tenant, by prefix."""
        await self._store.visible(_PLACE)
        async for stored in self._store.scan(_PLACE, {"for_tenant": tenant} if tenant else None):
            yield KeyDocument.model_validate(stored.document)

    async def revoke(self, prefix: str) -> KeyDocument:
        """The key, which opens nothing from now on; `UserError` when there is none."""

        async def read() -> Versioned[KeyDocument]:
            stored = await self._store.get(_PLACE, prefix)
            if stored is None:
                raise UserError(f"there is no key {prefix!r}; `synthmill keys list` shows them")
            return parsed(KeyDocument, stored)

        def decide(key: KeyDocument) -> Changes | None:
            return {"revoked_at": now()} if key.revoked_at is None else None

        return (await change(self._store, _PLACE, prefix, read, decide)).document

    def _hash(self, prefix: str, secret: str) -> str:
        text = f"{prefix}.{secret}".encode()
        return hashlib.blake2b(text, key=self._hash_key, digest_size=32).hexdigest()
