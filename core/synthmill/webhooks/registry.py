"""Makes, changes, lists and deletes webhooks; and says which tenants have any."""

import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta

from synthmill.errors import UserError
from synthmill.ports.records import Collection, Page, Place, Query, RecordStore, Write, WriteMode
from synthmill.versioned import Changes, Versioned, change, parsed
from synthmill.webhooks.documents import DeliveryDocument, Secret, WebhookDocument, WebhookState, webhooks_of
from synthmill.webhooks.signing import new_secret
from synthmill_schemas.base import now
from synthmill_schemas.job import JobState

MOST = 20
"""Webhooks of a tenant."""

_OVERLAP = timedelta(days=1)  # a replaced secret still signs for so long

_TENANTS = Place("_webhooks", Collection.REPORTS)  # of no tenant: a tenant's name begins with a letter


class WebhookMissing(UserError):
    """No such webhook here."""


class TooManyWebhooks(UserError):
    """The tenant has as many as it may have."""


async def register(
    store: RecordStore,
    tenant: str,
    url: str,
    *,
    job_id: str | None = None,
    states: Sequence[JobState] = (),
    description: str = "",
) -> WebhookDocument:
    """A new webhook; its secret is in the document. The URL is checked by whoever asks."""
    if len([one async for one in all_webhooks(store, tenant)]) >= MOST:
        raise TooManyWebhooks(f"tenant {tenant} has {MOST} webhooks, which is the most: delete one")
    document = WebhookDocument(
        tenant=tenant,
        webhook_id=f"wh_{uuid.uuid4().hex}",
        url=url,
        description=description,
        job_id=job_id,
        states=list(states),
        secrets=[Secret(text=new_secret())],
    )
    known = Write(_TENANTS, tenant, {"version": 1, "for_tenant": tenant}, WriteMode.CREATE)
    made = Write(webhooks_of(tenant), document.webhook_id, document.model_dump(mode="json"), WriteMode.CREATE)
    await store.bulk([known, made])
    return document


async def tenants_with_webhooks(store: RecordStore) -> list[str]:
    """Every tenant that ever had one."""
    await store.visible(_TENANTS)
    return [stored.id async for stored in store.scan(_TENANTS)]


async def all_webhooks(store: RecordStore, tenant: str) -> AsyncIterator[WebhookDocument]:
    """A tenant's webhooks, the oldest id first."""
    await store.visible(webhooks_of(tenant))
    async for stored in store.scan(webhooks_of(tenant), {"kind": "webhook"}):
        yield WebhookDocument.model_validate(stored.document)


async def get_webhook(store: RecordStore, tenant: str, webhook_id: str) -> Versioned[WebhookDocument]:
    """The webhook as it is now, or `WebhookMissing`."""
    stored = await store.get(webhooks_of(tenant), webhook_id)
    if stored is None or stored.document.get("kind") != "webhook":
        raise WebhookMissing(f"there is no webhook {webhook_id}")
    return parsed(WebhookDocument, stored)


async def change_webhook(
    store: RecordStore, tenant: str, webhook_id: str, decide: Callable[[WebhookDocument], Changes | None]
) -> WebhookDocument:
    """The webhook as it is after `decide` chose changes, perhaps several times; None: it is left as it is."""
    place = webhooks_of(tenant)
    changed = await change(store, place, webhook_id, lambda: get_webhook(store, tenant, webhook_id), decide)
    return changed.document


def enabled(_: WebhookDocument) -> Changes:
    """What makes a webhook live again."""
    return {"state": WebhookState.LIVE, "reason": None, "failing_since": None}


async def new_secret_of(store: RecordStore, tenant: str, webhook_id: str) -> WebhookDocument:
    """The webhook with a new secret; the one before signs beside it for a day, so that the receiver can change over."""
    fresh = Secret(text=new_secret())

    def decide(webhook: WebhookDocument) -> Changes:
        old = webhook.secrets[0].model_copy(update={"until": now() + _OVERLAP})
        return {"secrets": [fresh, old]}

    return await change_webhook(store, tenant, webhook_id, decide)


async def unregister(store: RecordStore, tenant: str, webhook_id: str) -> None:
    """Deletes a webhook and all its messages."""
    await get_webhook(store, tenant, webhook_id)
    place = webhooks_of(tenant)
    await store.delete(place, [webhook_id])
    await store.visible(place)
    where = {"kind": "webhook_delivery", "report_id": webhook_id}
    await store.delete(place, [stored.id async for stored in store.scan(place, where)])


async def deliveries(store: RecordStore, tenant: str, query: Query) -> Page:
    """A page of messages."""
    await store.visible(webhooks_of(tenant))
    return await store.search(webhooks_of(tenant), query)


async def get_delivery(
    store: RecordStore, tenant: str, webhook_id: str, delivery_id: str
) -> Versioned[DeliveryDocument] | None:
    """The message as it is now, if this webhook has one of that id."""
    stored = await store.get(webhooks_of(tenant), delivery_id)
    if stored is None or stored.document.get("report_id") != webhook_id:
        return None
    return parsed(DeliveryDocument, stored)
