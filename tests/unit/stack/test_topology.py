"""How the declared queues look at RabbitMQ."""

import pytest

from synthmill.ports.broker import Queue
from synthmill.stack.rabbitmq.topology import DEAD_DELIVERY_LIMIT, Topology

TOPOLOGY = Topology.declared("p.")
DECLARED = {declaration.name: declaration.arguments for declaration in TOPOLOGY.declarations()}


def test_every_queue_is_a_quorum_queue_behind_the_prefix() -> None:
    assert all(arguments["x-queue-type"] == "quorum" for arguments in DECLARED.values())
    assert all(name.startswith("p.") for name in DECLARED)


@pytest.mark.parametrize("queue", [Queue.JOBS, Queue.GENERATION, Queue.EXPORTS])
def test_what_is_delivered_in_vain_too_often_goes_to_the_dead_queue_at_least_once(queue: Queue) -> None:
    assert DECLARED[f"p.{queue}"] == {
        "x-queue-type": "quorum",
        "x-delivery-limit": 20,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": f"p.{queue.dead}",
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


@pytest.mark.parametrize("queue", [Queue.JOBS_DEAD, Queue.GENERATION_DEAD, Queue.EXPORTS_DEAD])
def test_a_dead_queue_keeps_what_it_has(queue: Queue) -> None:
    assert DECLARED[f"p.{queue}"] == {"x-queue-type": "quorum", "x-delivery-limit": DEAD_DELIVERY_LIMIT}


def test_a_dead_queue_is_declared_before_the_queue_that_needs_it() -> None:
    names = list(DECLARED)
    assert all(names.index(f"p.{queue.dead}") < names.index(f"p.{queue}") for queue in Queue if queue.has_dead)


@pytest.mark.parametrize(
    ("delay", "step"), [(0.1, 1), (1, 1), (1.01, 5), (5, 5), (6, 30), (119, 120), (600, 600), (9_999, 600)]
)
def test_a_retry_waits_in_the_shortest_queue_that_is_long_enough(delay: float, step: int) -> None:
    name = TOPOLOGY.waiting(Queue.JOBS, delay)
    assert name == f"p.jobs.retry.{step}"
    assert DECLARED[name]["x-message-ttl"] == step * 1_000
    assert DECLARED[name]["x-dead-letter-routing-key"] == "p.jobs"


def test_every_queue_can_have_its_messages_wait() -> None:
    waiting = {name for queue in Queue for name in TOPOLOGY.all_waiting(queue)}
    assert waiting < set(DECLARED)
    assert len(waiting) == len(Queue) * 5
