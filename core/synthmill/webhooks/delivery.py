"""Tries a message, and decides when to try again or to give up.

A try is claimed by the write that says when the next one is due, so a sender that dies leaves a message that is sent
again, and two senders never make the same try.
"""

import logging
import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from synthmill.errors import VersionConflict
from synthmill.ports.records import RecordStore
from synthmill.versioned import Changes, Versioned, change, parsed, swap
from synthmill.webhooks import signing
from synthmill.webhooks.addresses import AddressRefused, Network, target
from synthmill.webhooks.documents import DeliveryDocument, DeliveryState, WebhookDocument, WebhookState, webhooks_of
from synthmill.webhooks.registry import change_webhook
from synthmill.webhooks.sending import Answer, Sender
from synthmill_schemas.base import now

MOST_ATTEMPTS = 11
"""With the waits between them a little more than a day: 5 s, 20 s, 80 s … and from the seventh on 6 hours each."""

_FIRST_SECONDS, _FACTOR, _LONGEST_SECONDS = 5.0, 4.0, 6 * 3_600.0
_PERSISTENT = timedelta(hours=20)
_GONE = 410  # the receiver says that it wants nothing any more

logger = logging.getLogger(__name__)


def wait_seconds(attempt: int, chance: Callable[[], float] = random.random) -> float:
    """After the attempt of this number, which counts from 1; spread by a fifth to either side."""
    whole = min(_FIRST_SECONDS * _FACTOR ** (attempt - 1), _LONGEST_SECONDS)
    return whole * (0.8 + 0.4 * chance())


async def try_once(
    store: RecordStore,
    sender: Sender,
    webhook: WebhookDocument,
    seen: Versioned[DeliveryDocument],
    allowed: Sequence[Network],
) -> DeliveryState:
    """What the message is after one more try; PENDING also when somebody else is at it."""
    claimed = await _claimed(store, seen)
    if claimed is None:
        return DeliveryState.PENDING
    answer = await _sent(sender, webhook, claimed.document, allowed)
    state = _verdict(claimed.document, answer)
    changes = _noted(claimed.document, answer, state)
    await _change(store, claimed.document, lambda _: changes)
    await _judge(store, webhook, answer, state)
    return state


async def send_again(store: RecordStore, seen: Versioned[DeliveryDocument]) -> DeliveryDocument:
    """The same message under the same id, due now, with all its tries before it."""
    fresh = {"state": DeliveryState.PENDING, "attempts": 0, "at": now()}
    return await _change(store, seen.document, lambda _: fresh)


async def _claimed(store: RecordStore, seen: Versioned[DeliveryDocument]) -> Versioned[DeliveryDocument] | None:
    delivery = seen.document
    attempt = delivery.attempts + 1
    due = now() + timedelta(seconds=wait_seconds(attempt))
    try:
        place = webhooks_of(delivery.tenant)
        return await swap(store, place, delivery.delivery_id, seen, {"attempts": attempt, "at": due})
    except VersionConflict:
        return None


async def _sent(
    sender: Sender, webhook: WebhookDocument, delivery: DeliveryDocument, allowed: Sequence[Network]
) -> Answer:
    try:
        to = await target(webhook.url, allowed)
    except AddressRefused as error:
        return Answer(None, str(error))
    moment, body = now(), delivery.body.encode()
    good = [secret.text for secret in webhook.secrets if secret.until is None or secret.until > moment]
    headers = signing.headers(good, delivery.delivery_id, int(moment.timestamp()), body)
    return await sender.post(to, body, headers)


def _verdict(delivery: DeliveryDocument, answer: Answer) -> DeliveryState:
    if answer.taken:
        return DeliveryState.DELIVERED
    last = delivery.attempts >= MOST_ATTEMPTS or answer.status == _GONE
    return DeliveryState.FAILED if last else DeliveryState.PENDING


def _noted(delivery: DeliveryDocument, answer: Answer, state: DeliveryState) -> Changes:
    at: datetime = now()
    if state is DeliveryState.PENDING:
        at = max(delivery.at, at + timedelta(seconds=min(answer.retry_after or 0, _LONGEST_SECONDS)))
    return {"state": state, "status": answer.status, "error": answer.told, "at": at}


async def _judge(store: RecordStore, webhook: WebhookDocument, answer: Answer, state: DeliveryState) -> None:
    """Notes since when the receiver fails, and disables it when that has lasted, or when it says that it is gone."""

    def decide(current: WebhookDocument) -> Changes | None:
        if answer.taken:
            return None if current.failing_since is None else {"failing_since": None}
        since = current.failing_since or now()
        lasting = state is DeliveryState.FAILED and since < now() - _PERSISTENT
        if current.state is WebhookState.LIVE and (lasting or answer.status == _GONE):
            reason = f"nothing was taken since {since:%Y-%m-%d %H:%M} UTC; last: {answer.told}. Enable it to go on"
            logger.warning("webhook %s of %s is disabled: %s", webhook.webhook_id, webhook.tenant, answer.told)
            return {"state": WebhookState.DISABLED, "reason": reason, "failing_since": since}
        return None if current.failing_since is not None else {"failing_since": since}

    if not answer.taken or webhook.failing_since is not None:
        await change_webhook(store, webhook.tenant, webhook.webhook_id, decide)


async def _change(
    store: RecordStore, delivery: DeliveryDocument, decide: Callable[[DeliveryDocument], Changes | None]
) -> DeliveryDocument:
    place = webhooks_of(delivery.tenant)

    async def read() -> Versioned[DeliveryDocument]:
        stored = await store.get(place, delivery.delivery_id)
        if stored is None:
            raise VersionConflict(f"message {delivery.delivery_id} was deleted meanwhile")
        return parsed(DeliveryDocument, stored)

    return (await change(store, place, delivery.delivery_id, read, decide)).document
