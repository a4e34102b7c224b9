"""Carries messages, over and over; of several workers one at a time does. A slow receiver holds up only itself."""

import asyncio
import logging
from datetime import timedelta

from synthmill.errors import Retriable, SynthmillError
from synthmill.jobs.lease import new_owner
from synthmill.jobs.reconcile import take_turn
from synthmill.ports.records import Query, Range, Where
from synthmill.services import Services
from synthmill.versioned import parsed
from synthmill.webhooks.announce import announce
from synthmill.webhooks.delivery import try_once
from synthmill.webhooks.documents import DeliveryDocument, DeliveryState, WebhookDocument, WebhookState, webhooks_of
from synthmill.webhooks.registry import all_webhooks, tenants_with_webhooks
from synthmill.webhooks.sending import Sender, sender
from synthmill_schemas.base import now

_LEASE_SECONDS = 12.0
_IDLE_SECONDS = 10.0  # between looks while no tenant has a webhook
_AT_A_TIME = 50  # messages of one webhook, before it is looked up again
_KEPT = timedelta(days=7)
_FORGET_SECONDS = 3_600.0

logger = logging.getLogger(__name__)


class Courier:
    """Messages of all tenants, until cancelled."""

    def __init__(self, services: Services, sender: Sender) -> None:
        self._services = services
        self._settings = services.settings.webhooks
        self._sender = sender
        self._at_work: dict[str, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(self._settings.concurrency)
        self._forgot_at = 0.0

    async def round(self) -> int:
        """Makes what messages there are to make, and sets out with those that are due; how many webhooks there are."""
        live = 0
        for tenant in await tenants_with_webhooks(self._services.store):
            webhooks = [one async for one in all_webhooks(self._services.store, tenant)]
            wanting = [webhook for webhook in webhooks if webhook.state is WebhookState.LIVE]
            if wanting and await announce(self._services.store, tenant, wanting):
                await self._services.store.visible(webhooks_of(tenant))
            for webhook in wanting:
                self._set_out(webhook)
            live += len(wanting)
            await self._forget(tenant)
        return live

    async def arrived(self) -> None:
        """Returns when nobody is on the way."""
        await asyncio.gather(*self._at_work.values())

    async def stop(self) -> None:
        """Leaves what is on the way; it is sent again, by whoever carries then."""
        tasks = list(self._at_work.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _set_out(self, webhook: WebhookDocument) -> None:
        if webhook.webhook_id not in self._at_work:
            task = asyncio.create_task(self._carry(webhook), name=f"webhook {webhook.webhook_id}")
            self._at_work[webhook.webhook_id] = task
            task.add_done_callback(lambda _: self._at_work.pop(webhook.webhook_id, None))

    async def _carry(self, webhook: WebhookDocument) -> None:
        """All that is due, one after the other; the first that is not taken ends it, since the next would not be."""
        place, allowed = webhooks_of(webhook.tenant), self._settings.networks
        due = {"kind": "webhook_delivery", "report_id": webhook.webhook_id, "state": DeliveryState.PENDING.value}
        try:
            async with self._slots:
                query = Query({**due, "at": Range(high=now().isoformat())}, sort="at", limit=_AT_A_TIME)
                for stored in (await self._services.store.search(place, query)).hits:
                    seen = parsed(DeliveryDocument, stored)
                    state = await try_once(self._services.store, self._sender, webhook, seen, allowed)
                    if state is not DeliveryState.DELIVERED:
                        return
        except SynthmillError as error:
            logger.warning("messages of webhook %s wait: %s", webhook.webhook_id, error)

    async def _forget(self, tenant: str) -> None:
        """Deletes messages that were decided a week ago, once an hour."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._forgot_at:
            return
        self._forgot_at = loop.time() + _FORGET_SECONDS
        decided = [DeliveryState.DELIVERED.value, DeliveryState.FAILED.value]
        where: Where = {"kind": "webhook_delivery", "state": decided, "at": Range(high=(now() - _KEPT).isoformat())}
        store, place = self._services.store, webhooks_of(tenant)
        await store.delete(place, [stored.id async for stored in store.scan(place, where)])


async def carry(services: Services) -> None:
    """Runs until cancelled. What cannot be reached now is tried again in the next round."""
    owner, loop = new_owner(), asyncio.get_running_loop()
    async with sender(services.settings.webhooks) as sends:
        courier = Courier(services, sends)
        held_until = 0.0
        try:
            while True:
                try:
                    if loop.time() >= held_until - _LEASE_SECONDS / 2:
                        began = loop.time()
                        mine = await take_turn(services, services.settings.tenant, owner, _LEASE_SECONDS, of="webhooks")
                        held_until = began + _LEASE_SECONDS if mine else 0.0
                    live = await courier.round() if held_until else 0
                except Retriable as error:
                    logger.warning("webhooks wait: %s", error)
                    live = 0
                await asyncio.sleep(services.settings.webhooks.poll_seconds if live else _IDLE_SECONDS)
        finally:
            await courier.stop()
