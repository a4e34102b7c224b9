"""What is told of a job while it happens is the same on both profiles: each event once, each change to its webhooks."""

import asyncio
from dataclasses import replace

from synthmill.jobs.documents import get_job, jobs_of
from synthmill.jobs.events import say
from synthmill.jobs.journal import Journal
from synthmill.jobs.order import JobOrder
from synthmill.jobs.submit import submit
from synthmill.ports.records import Query
from synthmill.services import Services
from synthmill.settings import WebhookSettings
from synthmill.webhooks.courier import Courier
from synthmill.webhooks.documents import DeliveryState
from synthmill.webhooks.registry import deliveries, register
from synthmill.webhooks.sending import sender
from synthmill_schemas.base import now
from tests.support.jobs import recipe
from tests.support.receiver import receiver

JOB = "job-1"


async def happened(services: Services, *names: str) -> None:
    said = [
        say(services.store, "worker", "job.something", name, tenant=services.settings.tenant, job_id=JOB, event_id=name)
        for name in names
    ]
    await asyncio.gather(*said)


async def test_readers_at_once_see_each_event_once_and_in_one_order(services: Services) -> None:
    readers = [Journal(services.store, services.settings.tenant, JOB) for _ in range(3)]
    for turn in range(3):
        saying = happened(services, *(f"{turn}-{number}" for number in range(40)))
        await asyncio.gather(saying, *(reader.extend() for reader in readers))
    for reader in readers:
        await reader.extend()
    orders = [[event["event_id"] for start in (0, 100) for _, event in await reader.after(start)] for reader in readers]
    assert all(order == orders[0] for order in orders)
    assert sorted(orders[0]) == sorted(f"{turn}-{number}" for turn in range(3) for number in range(40))


async def test_each_change_reaches_its_webhook_also_one_that_was_made_past_us(services: Services) -> None:
    tenant = services.settings.tenant
    open_here = WebhookSettings(allow=["127.0.0.0/8"])
    services = replace(services, settings=services.settings.model_copy(update={"webhooks": open_here}))
    with receiver() as there:
        async with sender(open_here) as sends:
            made = await register(services.store, tenant, there.url)
            await submit(services, JobOrder(tenant, JOB, recipe()))
            await _carried(Courier(services, sends))
            stored = await get_job(services.store, tenant, JOB)
            blocked = {"state": "blocked", "reason": "no key", "updated_at": now().isoformat()}
            await services.store.patch(jobs_of(tenant), JOB, blocked, expected=stored.version)
            await _carried(Courier(services, sends))
            await _carried(Courier(services, sends))
    told = [each.says["type"] for each in there.received]
    assert told == ["job.created", "job.publishing", "job.published", "job.blocked"]
    assert all(each.signed_with(made.secrets[0].text) for each in there.received)
    query = Query({"kind": "webhook_delivery", "report_id": made.webhook_id, "state": DeliveryState.DELIVERED.value})
    assert (await deliveries(services.store, tenant, query)).total == 4


async def _carried(courier: Courier) -> None:
    await courier.round()
    await courier.arrived()
