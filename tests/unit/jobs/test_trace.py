"""The job message carries the trace context; whatever becomes of the message, it keeps it."""

from collections.abc import Callable
from dataclasses import replace

from synthmill import tracing
from synthmill.embedded import EmbeddedServices
from synthmill.jobs.documents import get_job, trace_of
from synthmill.jobs.order import JobOrder
from synthmill.jobs.submit import send, submit
from synthmill.ports.broker import Message, Queue, Settlement
from synthmill_schemas.job import JobMessage
from tests.support.jobs import TENANT

Order = Callable[..., JobOrder]


async def taken(services: EmbeddedServices, queue: Queue, settlement: Settlement = Settlement.ACK) -> Message:
    """The next message of the queue, settled so."""
    async with services.broker.consume(queue, prefetch=1) as consumption:
        delivery = await anext(aiter(consumption))
        await consumption.settle(delivery, settlement, evidence={"reason": "a test"})
    return delivery.message


async def test_a_job_message_goes_on_with_the_trace_it_was_ordered_with(
    services: EmbeddedServices, order: Order
) -> None:
    given = tracing.new()
    job = await submit(services, replace(order(), trace=given))
    message = await taken(services, Queue.JOBS)
    trace = tracing.parse(message.headers[tracing.HEADER])
    assert trace is not None
    assert (trace.trace_id, trace_of(job)) == (given.trace_id, given)
    assert trace.span_id != given.span_id
    assert JobMessage.model_validate_json(message.body).traceparent == str(trace)


async def test_a_job_without_a_trace_gets_the_same_one_from_whoever_submits_it(
    services: EmbeddedServices, order: Order
) -> None:
    await submit(services, order())
    first = await taken(services, Queue.JOBS)
    await send(services, (await get_job(services.store, TENANT, "job-1")).document)
    again = await taken(services, Queue.JOBS)
    assert again == first


async def test_retries_and_dead_letters_keep_the_trace(services: EmbeddedServices, order: Order) -> None:
    await submit(services, order())
    first = await taken(services, Queue.JOBS, Settlement.RETRY)
    retried = await taken(services, Queue.JOBS, Settlement.DEAD_LETTER)
    dead = await taken(services, Queue.JOBS_DEAD)
    assert first.headers[tracing.HEADER] == retried.headers[tracing.HEADER] == dead.headers[tracing.HEADER]
