"""API keys, `prefix.secret`: the prefix finds the document, the secret is known to its holder alone."""

import hashlib
import hmac
import re
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from pydantic import Field

from synthmill.errors import SynthmillError, UserError
from synthmill.ports.records import Collection, Page, Place, Query, RecordStore, Write, WriteMode
from synthmill.versioned import Changes, Versioned, change, parsed, swap
from synthmill_api.auth.remembered import Remembered
from synthmill_api.auth.scopes import Caller, Grant, Role, Scope
from synthmill_schemas.base import Contract, Name, now

_PLACE = Place("_api", Collection.KEYS)  # one place for all tenants: the key says which one it belongs to
_KEY = re.compile(r"(smk_[0-9a-f]{16})\.([A-Za-z0-9_-]{43})")
_SECRET_BYTES = 32

REMEMBERED_SECONDS = 5.0
"""A process heeds a key that another one revoked after so long at the latest."""

USE_NOTED = timedelta(minutes=1)
"""How old the note of a key's last use may become before a further use is noted."""


class KeyState(StrEnum):
    """Whether a key opens anything."""

    LIVE = "live"
    EXPIRED = "expired"
    REVOKED = "revoked"


class KeyDocument(Contract):
    """A key as it is stored; `_id` is its prefix."""

    version: Literal[1] = 1
    prefix: str
    for_tenant: Name = Field(description="not `tenant`: the document lies in a place of the API's own")
    name: str
    hash: str = Field(description="keyed BLAKE2b of prefix and secret, hex")
    scopes: list[Scope]
    roles: list[Role] = Field(default_factory=list)
    created_at: datetime = Field(default_factory=now)
    created_by: str | None = Field(None, description="prefix of the key that made it; none: the command line")
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = Field(None, description="to a minute")
    successor: str | None = Field(None, description="prefix of the key that it was exchanged for")

    @property
    def state(self) -> KeyState:
        """At this moment."""
        if self.revoked_at is not None:
            return KeyState.REVOKED
        return KeyState.EXPIRED if self.expires_at is not None and self.expires_at <= now() else KeyState.LIVE

    @property
    def live(self) -> bool:
        """Whether it opens anything now."""
        return self.state is KeyState.LIVE

    @property
    def grant(self) -> Grant:
        """What it may do."""
        return Grant(frozenset(self.scopes), frozenset(self.roles))


class KeyEnded(UserError):
    """A key that is revoked or expired cannot be rotated."""


class KeyRing:
    """Makes, checks, rotates and revokes keys. `secret` is the installation's, of any length."""

    def __init__(self, store: RecordStore, secret: str, remembered_seconds: float = REMEMBERED_SECONDS) -> None:
        self._store = store
        self._hash_key = hashlib.sha256(secret.encode()).digest()
        self._remembered = Remembered[KeyDocument](remembered_seconds)
        self._noted: dict[str, datetime] = {}

    async def create(
        self, tenant: str, grant: Grant, *, name: str = "", days: float | None = None, by: str | None = None
    ) -> tuple[str, KeyDocument]:
        """A new key and its document; the text is nowhere else."""
        prefix, secret = f"smk_{secrets.token_hex(8)}", secrets.token_urlsafe(_SECRET_BYTES)
        document = KeyDocument(
            prefix=prefix,
            for_tenant=tenant,
            name=name,
            hash=self._hash(prefix, secret),
            scopes=sorted(grant.scopes),
            roles=sorted(grant.roles),
            created_by=by,
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
        hashed = self._hash(prefix, secret)
        document = self._remembered.get(hashed) or await self._verified(prefix, hashed)
        if document is None or not document.live:
            return None
        await self._note_use(document)
        return Caller(document.for_tenant, prefix, document.grant.all)

    async def _verified(self, prefix: str, hashed: str) -> KeyDocument | None:
        found = await self.find(prefix)
        expected = "0" * 64 if found is None else found.hash
        if not hmac.compare_digest(hashed, expected) or found is None:
            return None
        self._remembered.put(hashed, found)
        return found

    async def find(self, prefix: str, tenant: str | None = None) -> KeyDocument | None:
        """The key's document; None when there is none, or, where a tenant is given, none of its."""
        stored = await self._store.get(_PLACE, prefix)
        document = None if stored is None else KeyDocument.model_validate(stored.document)
        return None if document is None or tenant not in {None, document.for_tenant} else document

    async def all(self, tenant: str | None = None) -> AsyncIterator[KeyDocument]:
        """Every key, or those of one tenant, by prefix."""
        await self._store.visible(_PLACE)
        async for stored in self._store.scan(_PLACE, {"for_tenant": tenant} if tenant else None):
            yield KeyDocument.model_validate(stored.document)

    async def page(self, tenant: str, limit: int, cursor: str | None) -> Page:
        """A page of a tenant's keys, the newest first."""
        await self._store.visible(_PLACE)
        return await self._store.search(_PLACE, Query({"for_tenant": tenant}, None, "-created_at", limit, cursor))

    async def revoke(self, prefix: str) -> KeyDocument:
        """The key, which opens nothing from now on; `UserError` when there is none."""
        return await self._change(prefix, lambda key: {"revoked_at": now()} if key.revoked_at is None else None)

    async def rotate(
        self, prefix: str, overlap: timedelta, *, days: float | None = None, by: str | None = None
    ) -> tuple[str, KeyDocument, KeyDocument]:
        """A new key for a live one, with the same rights: its text, its document and that of the old key.

        The old one ends after `overlap`, or before if it would have. The new one lives for `days`, else as long as
        the old one was to live. Raises `KeyEnded`, and `UserError` when there is no such key.
        """
        old = await self.find(prefix)
        if old is None:
            raise _missing(prefix)
        if not old.live:
            raise KeyEnded(f"key {prefix} is {old.state}: make a new one")
        if days is None and old.expires_at is not None:
            days = (old.expires_at - old.created_at) / timedelta(days=1)
        text, new = await self.create(old.for_tenant, old.grant, name=old.name, days=days, by=by)

        def ending(key: KeyDocument) -> Changes:
            end = now() + overlap
            return {"successor": new.prefix, "expires_at": end if key.expires_at is None else min(end, key.expires_at)}

        return text, new, await self._change(prefix, ending)

    async def _note_use(self, document: KeyDocument) -> None:
        """At most once a minute, and never at the cost of a request: a store that cannot is no reason to refuse."""
        moment, prefix = now(), document.prefix
        noted = max(filter(None, (document.last_used_at, self._noted.get(prefix))), default=None)
        if noted is not None and moment - noted < USE_NOTED:
            return
        self._noted[prefix] = moment
        with suppress(SynthmillError):
            found = await self._read(prefix)
            await swap(self._store, _PLACE, prefix, found, {"last_used_at": moment})

    async def _read(self, prefix: str) -> Versioned[KeyDocument]:
        stored = await self._store.get(_PLACE, prefix)
        if stored is None:
            raise _missing(prefix)
        return parsed(KeyDocument, stored)

    async def _change(self, prefix: str, decide: Callable[[KeyDocument], Changes | None]) -> KeyDocument:
        changed = (await change(self._store, _PLACE, prefix, lambda: self._read(prefix), decide)).document
        self._remembered.forget(changed.hash)
        return changed

    def _hash(self, prefix: str, secret: str) -> str:
        text = f"{prefix}.{secret}".encode()
        return hashlib.blake2b(text, key=self._hash_key, digest_size=32).hexdigest()


def _missing(prefix: str) -> UserError:
    return UserError(f"there is no key {prefix!r}; `synthmill keys list` shows them")
