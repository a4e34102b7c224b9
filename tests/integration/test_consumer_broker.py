"""The consumer at RabbitMQ: what it declares, holds and gives back, and how its work outlives losses."""

import asyncio
import functools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import aio_pika
import pytest
from aio_pika.abc import AbstractIncomingMessage

from synthmill.ports.broker import Broker, Queue
from synthmill.ports.records import Collection
from synthmill.services import open_services
from synthmill.stack.rabbitmq.envelope import BEGUN_HEADER
from synthmill_schemas.job import JobState
from tests.support.facts import paid_twice
from tests.support.indices import Indices
from tests.support.installation import Installation, environment_of, installation
from tests.support.killing import answered
from tests.support.messages import PATIENCE, acknowledge, depth_is, take
from tests.support.on_stack import ON_STACK
from tests.support.provider import Provider, read_calls, start_provider
from tests.support.rabbit_inside import declared
from tests.support.servers import Server, own_server
from tests.support.services import Service
from tests.support.stack_jobs import recipe, rows
from tests.support.wait import until

pytestmark = list(ON_STACK)

GENERATION = Queue.GENERATION


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A RabbitMQ that tests may kill; whoever does starts it again."""
    with own_server("rabbitmq") as server:
        yield server


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """One that lets a caller wait."""
    with start_provider(tmp_path_factory.mktemp("provider"), latency_ms=300) as provider:
        yield provider


@pytest.fixture(scope="module")
def mill(tmp_path_factory: pytest.TempPathFactory, provider: Provider, server: Server) -> Iterator[Installation]:
    """An API and a worker that plans; each test adds the consumers it wants."""
    with installation(tmp_path_factory.mktemp("mill"), provider.url, server, consumers=0) as running:
        yield running


def consumer(mill: Installation, **variables: str) -> Service:
    """One more, with settings of its own."""
    usual = dict(mill.environment)
    mill.environment |= {f"SYNTHMILL_{name}": value for name, value in variables.items()}
    added = mill.add_consumer()
    mill.environment = usual
    added.until_ready()
    return added


def planned(mill: Installation, count: int, seed: int) -> str:
    """A job whose requests are all in the queue."""
    job_id = mill.client.order(recipe(seed=seed), mill.client.upload(f"products-{seed}.csv", rows(count)))
    with Indices(mill.settings.elasticsearch) as indices:
        until(lambda: indices.job(job_id).state is JobState.PLANNED, "the job to be planned")
    return job_id


def calls(provider: Provider) -> int:
    """How many calls were answered so far."""
    return len(read_calls(provider.log))


def more_calls(provider: Provider, than: int) -> bool:
    """Whether so many are passed."""
    return calls(provider) > than


async def lying_in(mill: Installation, count: int, *queues: str) -> list[AbstractIncomingMessage]:
    """Takes so many messages out of queues that nobody consumes, wherever among them each is by now."""
    told = mill.settings.rabbitmq
    found: list[AbstractIncomingMessage] = []
    async with await aio_pika.connect(str(told.url)) as connection, asyncio.timeout(PATIENCE):
        channel = await connection.channel()
        waiting = [await channel.get_queue(f"{told.prefix}{queue}") for queue in queues]
        while len(found) < count:
            taken = [await queue.get(no_ack=True, fail=False) for queue in waiting]
            found += [message for message in taken if message is not None]
    return found


@asynccontextmanager
async def broker(mill: Installation) -> AsyncIterator[Broker]:
    """The broker as Python's services see it."""
    async with open_services(mill.settings) as services:
        yield services.broker


def test_both_languages_declare_alike_whoever_comes_first(mill: Installation, server: Server) -> None:
    rust = mill.settings.rabbitmq.model_copy(update={"prefix": "rust.first."})
    python = mill.settings.rabbitmq.model_copy(update={"prefix": "python.first."})

    async def declare(settings: object) -> None:
        async with open_services(mill.settings.model_copy(update={"rabbitmq": settings})) as services:
            await services.broker.declare()  # an error when a queue is there with other arguments

    first = consumer(mill, RABBITMQ__PREFIX=rust.prefix)
    by_rust = declared(server, rust.prefix)
    asyncio.run(declare(rust))
    asyncio.run(declare(python))
    by_python = declared(server, python.prefix)
    second = consumer(mill, RABBITMQ__PREFIX=python.prefix)
    assert by_rust == by_python
    assert {"queue generation", "queue generation.dead", "exchange synthmill.census"} <= by_rust.keys()
    assert (declared(server, rust.prefix), declared(server, python.prefix)) == (by_rust, by_python)
    assert (first.stop(), second.stop()) == (0, 0)


async def test_what_a_stopping_consumer_gives_back_does_not_count(mill: Installation, provider: Provider) -> None:
    held = 50
    before = calls(provider)
    stopping = consumer(mill, CONSUMER__CONCURRENCY="4", CONSUMER__PREFETCH=str(held))
    job_id = await asyncio.to_thread(planned, mill, 200, 1)
    await asyncio.to_thread(until, lambda: calls(provider) - before > 8, "calls")
    async with broker(mill) as other:
        await depth_is(other, GENERATION, lambda depth: (depth.unsettled, depth.consumers) == (held, 1))
        assert await asyncio.to_thread(stopping.stop) == 0
        left = (await other.depth(GENERATION)).ready
        with Indices(mill.settings.elasticsearch) as indices:
            done = sum(slot["state"] == "accepted" for slot in indices.slots(job_id))
            assert indices.documents(Collection.STARTS) == []
        assert done + left == 200
        assert done == calls(provider) - before  # calls in flight have ended and were not lost
        async with other.consume(GENERATION, prefetch=left) as consumption:
            deliveries = await take(consumption, left)
            assert not any(delivery.redelivered for delivery in deliveries)
            assert not any(BEGUN_HEADER in delivery.message.headers for delivery in deliveries)
            assert all(delivery.message.headers.get("traceparent") for delivery in deliveries)
            assert {await consumption.started(delivery) for delivery in deliveries[:10]} == {1}
            await acknowledge(consumption, *deliveries)
    mill.client.http.post(f"/v1/jobs/{job_id}/cancel")


async def test_a_request_that_waits_for_a_low_limit_goes_back_and_does_not_count(
    mill: Installation, provider: Provider
) -> None:
    count, before = 5, calls(provider)
    low = recipe(seed=5, model={"route": "mock/one", "limits": {"requests_per_minute": 1}})
    waiting = consumer(mill, CONSUMER__HOLD_SECONDS="1")
    job_id = await asyncio.to_thread(lambda: mill.client.order(low, mill.client.upload("low.csv", rows(count))))
    waited = 'synthmill_consumer_deliveries_total{outcome="waited"}'
    await asyncio.to_thread(until, lambda: waiting.metrics()[waited] == count - 1, "those without a call to go back")
    assert calls(provider) - before == 1
    assert waiting.stop() == 0
    for message in await lying_in(mill, count - 1, f"{GENERATION}.retry.30", GENERATION):
        assert (BEGUN_HEADER in message.headers, message.headers.get("x-delivery-count", 0)) == (False, 0)
    with Indices(mill.settings.elasticsearch) as indices:
        assert indices.documents(Collection.STARTS) == []
    mill.client.http.post(f"/v1/jobs/{job_id}/cancel")


def test_work_goes_on_when_a_killed_broker_is_back_and_nothing_is_paid_for_twice(
    mill: Installation, provider: Provider, server: Server
) -> None:
    count, before = 300, calls(provider)
    staying = consumer(mill, CONSUMER__CONCURRENCY="8", CONSUMER__PREFETCH="32")
    job_id = planned(mill, count, 2)
    until(lambda: calls(provider) - before > 40, "the consumer at work")
    server.kill()
    until(lambda: not staying.ready(), "the consumer to say that the broker is gone")
    server.start()
    staying.until_ready()
    mill.client.completed(job_id, count)
    mine = [attempt for attempt in answered(provider) if attempt.startswith(job_id)]
    # it held all that was in flight, and knew it again when it came back
    assert paid_twice(mine) == 0
    with Indices(mill.settings.elasticsearch) as indices:
        assert {slot["state"] for slot in indices.slots(job_id)} == {"accepted"}
    assert staying.total("synthmill_consumer_reconnects_total") >= 1
    assert staying.stop() == 0


def test_after_a_death_the_innocent_are_cleared_and_none_is_given_up(mill: Installation, provider: Provider) -> None:
    count, before = 300, calls(provider)
    killed = consumer(mill, CONSUMER__CONCURRENCY="64", CONSUMER__PREFETCH="128")
    job_id = planned(mill, count, 3)
    for more in (50, 100):
        until(functools.partial(more_calls, provider, before + more), "the consumer at work")
        killed.kill()
        killed.start()
    mill.client.completed(job_id, count)
    with Indices(mill.settings.elasticsearch) as indices:
        reports = indices.documents(Collection.REPORTS)
    assert [report["message_id"] for report in reports if report.get("kind") == "dead_letter"] == []
    assert killed.stop() == 0


def test_a_consumer_stops_in_time_while_the_broker_is_gone(
    mill: Installation, provider: Provider, server: Server
) -> None:
    before = calls(provider)
    stopping = consumer(mill, CONSUMER__CONCURRENCY="8")
    job_id = planned(mill, 100, 4)
    until(lambda: calls(provider) - before > 8, "the consumer at work")
    server.kill()
    try:
        assert stopping.stop() == 0
    finally:
        server.start()
    mill.client.http.post(f"/v1/jobs/{job_id}/cancel")


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"RABBITMQ__PREFX": "a"}, "SYNTHMILL_RABBITMQ__PREFX is not a setting"),
        ({"RABBITMQ__URL": "amqp://nobody:wrong@{address}/"}, "check SYNTHMILL_RABBITMQ__URL"),
    ],
)
def test_wrong_settings_end_it_with_a_sentence_and_no_password(
    mill: Installation, variables: dict[str, str], says: str
) -> None:
    address = environment_of(mill.settings)["SYNTHMILL_RABBITMQ__URL"].rpartition("@")[2].rstrip("/")
    usual = dict(mill.environment)
    mill.environment |= {f"SYNTHMILL_{name}": value.format(address=address) for name, value in variables.items()}
    refused = mill.add_consumer()
    mill.environment = usual
    assert refused.process is not None
    assert refused.process.wait(60) == 2
    assert says in refused.tail()
    assert "wrong" not in refused.tail()
