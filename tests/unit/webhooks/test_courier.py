"""Every change of a job's state reaches every webhook that wants it, at least once, under one id."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from synthmill.embedded import EmbeddedServices
from synthmill.jobs.cancel import cancel
from synthmill.jobs.documents import get_job, jobs_of
from synthmill.jobs.order import JobOrder
from synthmill.jobs.submit import submit
from synthmill.ports.records import Query
from synthmill.webhooks.courier import Courier
from synthmill.webhooks.delivery import MOST_ATTEMPTS, wait_seconds
from synthmill.webhooks.documents import DeliveryDocument, DeliveryState, WebhookDocument, WebhookState, webhooks_of
from synthmill.webhooks.registry import (
    change_webhook,
    enabled,
    get_webhook,
    new_secret_of,
    register,
    tenants_with_webhooks,
    unregister,
)
from synthmill.webhooks.sending import sender
from synthmill_schemas.base import now
from synthmill_schemas.job import JobState
from tests.support.jobs import TENANT, recipe
from tests.support.receiver import receiver


@asynccontextmanager
async def courier(services: EmbeddedServices) -> AsyncIterator[Courier]:
    async with sender(services.settings.webhooks) as sends:
        carries = Courier(services, sends)
        yield carries
        await carries.stop()


async def carried(services: EmbeddedServices) -> None:
    """One round, to its end."""
    async with courier(services) as carries:
        await carries.round()
        await carries.arrived()


async def ordered(services: EmbeddedServices, job_id: str = "job-1") -> None:
    await submit(services, JobOrder(TENANT, job_id, recipe()))


async def messages(services: EmbeddedServices) -> list[DeliveryDocument]:
    found = services.store.scan(webhooks_of(TENANT), {"kind": "webhook_delivery"})
    return sorted(
        [DeliveryDocument.model_validate(one.document) async for one in found], key=lambda one: one.created_at
    )


async def overdue(services: EmbeddedServices) -> None:
    """As if the time until the next try had passed."""
    place = webhooks_of(TENANT)
    for one in await messages(services):
        stored = await services.store.get(place, one.delivery_id)
        assert stored is not None
        await services.store.patch(place, stored.id, {"at": "2026-01-01T00:00:00+00:00"}, expected=stored.version)


async def webhook(services: EmbeddedServices, made: WebhookDocument) -> WebhookDocument:
    return (await get_webhook(services.store, TENANT, made.webhook_id)).document


async def test_each_change_is_told_once_in_order_and_signed(services: EmbeddedServices) -> None:
    with receiver() as there:
        made = await register(services.store, TENANT, there.url)
        await ordered(services)
        await carried(services)
        await carried(services)
        assert [each.says["type"] for each in there.received] == ["job.created", "job.publishing", "job.published"]
        last = there.received[-1]
        assert last.signed_with(made.secrets[0].text)
        assert last.headers["content-type"] == "application/json"
        assert last.says["data"] | {"n": 3} == {
            "job_id": "job-1",
            "dataset": "colours",
            "state": "published",
            "round": 1,
            "reason": None,
            "n": 3,
            "records": None,
        }
        assert {one.state for one in await messages(services)} == {DeliveryState.DELIVERED}
    assert (await get_job(services.store, TENANT, "job-1")).document.untold == 0


async def test_a_webhook_is_told_only_what_it_wants_and_nothing_from_before(services: EmbeddedServices) -> None:
    await ordered(services, "earlier")
    with receiver() as there:
        await register(services.store, TENANT, there.url, states=[JobState.CANCELLED])
        await register(services.store, TENANT, there.url + "/one", job_id="job-1")
        await register(services.store, "acme", there.url + "/stranger")
        await ordered(services, "job-1")
        for job_id in ("earlier", "job-1"):
            await cancel(services, TENANT, job_id, service="api", reason="enough")
        await carried(services)
        told = sorted((each.path, each.says["type"], each.says["data"]["job_id"]) for each in there.received)
    assert told == [
        ("/hook", "job.cancelled", "earlier"),
        ("/hook", "job.cancelled", "job-1"),
        ("/hook/one", "job.cancelled", "job-1"),
        ("/hook/one", "job.created", "job-1"),
        ("/hook/one", "job.published", "job-1"),
        ("/hook/one", "job.publishing", "job-1"),
    ]


async def test_a_job_that_the_consumer_blocked_is_told(services: EmbeddedServices) -> None:
    with receiver() as there:
        await register(services.store, TENANT, there.url)
        await ordered(services)
        await carried(services)
        stored = await get_job(services.store, TENANT, "job-1")
        blocked = {"state": "blocked", "reason": "no key", "updated_at": now().isoformat()}
        await services.store.patch(jobs_of(TENANT), "job-1", blocked, expected=stored.version)
        await carried(services)
        await carried(services)
        (told,) = there.taken("job.blocked")
        assert told.says["data"]["reason"] == "no key"


async def test_what_is_not_taken_is_tried_again_later_under_the_same_id(services: EmbeddedServices) -> None:
    with receiver(500, 204) as there:
        made = await register(services.store, TENANT, there.url, states=[JobState.PUBLISHED])
        await ordered(services)
        await carried(services)
        (waiting,) = await messages(services)
        assert (waiting.state, waiting.attempts, waiting.status) == (DeliveryState.PENDING, 1, 500)
        assert now() < waiting.at < now() + timedelta(seconds=7)
        assert (await webhook(services, made)).failing_since is not None
        await carried(services)
        assert len(there.received) == 1, "not before it is due"
        await overdue(services)
        await carried(services)
        assert [each.id for each in there.received] == [waiting.delivery_id] * 2
        assert (await messages(services))[0].state is DeliveryState.DELIVERED
        assert (await webhook(services, made)).failing_since is None


async def test_a_receiver_may_say_when_to_come_back(services: EmbeddedServices) -> None:
    with receiver((429, {"retry-after": "600"})) as there:
        await register(services.store, TENANT, there.url, states=[JobState.PUBLISHED])
        await ordered(services)
        await carried(services)
        assert (await messages(services))[0].at > now() + timedelta(seconds=590)


async def test_a_redirect_is_not_followed(services: EmbeddedServices) -> None:
    with receiver() as other, receiver((302, {"location": other.url})) as there:
        await register(services.store, TENANT, there.url, states=[JobState.PUBLISHED])
        await ordered(services)
        await carried(services)
        assert other.received == []
        assert (await messages(services))[0].status == 302


async def test_an_address_that_turned_out_to_lie_inside_gets_nothing(services: EmbeddedServices) -> None:
    with receiver() as there:
        made = await register(services.store, TENANT, there.url.replace("127.0.0.1", "[::1]"))
        await ordered(services)
        await carried(services)
        assert there.received == []
    assert "inside of a network" in str((await messages(services))[0].error)
    assert (await webhook(services, made)).failing_since is not None


async def test_a_receiver_that_failed_for_a_day_is_disabled_and_can_be_enabled(services: EmbeddedServices) -> None:
    with receiver(500) as there:
        made = await register(services.store, TENANT, there.url, states=[JobState.PUBLISHED])
        await ordered(services)
        await carried(services)
        long_ago = {"failing_since": now() - timedelta(days=1)}
        await change_webhook(services.store, TENANT, made.webhook_id, lambda _: long_ago)
        for _ in range(MOST_ATTEMPTS - 1):
            await overdue(services)
            await carried(services)
        (given_up,) = await messages(services)
        assert (given_up.state, given_up.attempts) == (DeliveryState.FAILED, MOST_ATTEMPTS)
        disabled = await webhook(services, made)
        assert disabled.state is WebhookState.DISABLED
        assert "answered 500" in str(disabled.reason)
        there.answers = [(204, {})]
        await change_webhook(services.store, TENANT, made.webhook_id, enabled)
        await cancel(services, TENANT, "job-1", service="api", reason="enough")
        await ordered(services, "job-2")
        await carried(services)
        assert there.received[-1].says["data"]["job_id"] == "job-2"


async def test_a_receiver_that_says_gone_is_believed_at_once(services: EmbeddedServices) -> None:
    with receiver(410) as there:
        made = await register(services.store, TENANT, there.url)
        await ordered(services)
        await carried(services)
        assert (await webhook(services, made)).state is WebhookState.DISABLED
        await carried(services)
        assert len(there.received) == 1


async def test_a_receiver_that_fails_holds_up_nobody_else(services: EmbeddedServices) -> None:
    with receiver(500) as broken, receiver() as fine:
        await register(services.store, TENANT, broken.url)
        await register(services.store, TENANT, fine.url)
        await ordered(services)
        await carried(services)
        assert (len(broken.received), len(fine.received)) == (1, 3)


async def test_two_couriers_make_no_try_twice(services: EmbeddedServices) -> None:
    with receiver() as there:
        await register(services.store, TENANT, there.url)
        await ordered(services)
        async with courier(services) as one, courier(services) as other:
            await one.round()
            await other.round()
            await one.arrived()
            await other.arrived()
        await carried(services)
        assert len({each.id for each in there.received}) == len(there.received) == 3


async def test_a_replaced_secret_signs_beside_the_new_one(services: EmbeddedServices) -> None:
    with receiver() as there:
        made = await register(services.store, TENANT, there.url)
        renewed = await new_secret_of(services.store, TENANT, made.webhook_id)
        await ordered(services)
        await carried(services)
        assert there.received[0].signed_with(made.secrets[0].text)
        assert there.received[0].signed_with(renewed.secrets[0].text)


async def test_a_deleted_webhook_leaves_no_message(services: EmbeddedServices) -> None:
    with receiver(500) as there:
        made = await register(services.store, TENANT, there.url)
        await ordered(services)
        await carried(services)
        await unregister(services.store, TENANT, made.webhook_id)
        assert await messages(services) == []
    assert await tenants_with_webhooks(services.store) == [TENANT]


def test_the_waits_grow_and_make_about_a_day() -> None:
    middle = [wait_seconds(attempt, lambda: 0.5) for attempt in range(1, MOST_ATTEMPTS)]
    assert middle[:4] == [5, 20, 80, 320]
    assert 24 * 3_600 < sum(middle) < 27 * 3_600
    assert wait_seconds(3, lambda: 0.0) == 64
    assert wait_seconds(3, lambda: 1.0) == pytest.approx(96)


async def test_messages_are_found_by_their_webhook_and_state(services: EmbeddedServices) -> None:
    with receiver() as there:
        made = await register(services.store, TENANT, there.url)
        await ordered(services)
        await carried(services)
    where = {"kind": "webhook_delivery", "report_id": made.webhook_id, "state": "delivered"}
    assert (await services.store.search(webhooks_of(TENANT), Query(where))).total == 3
